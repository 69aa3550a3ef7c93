"""What a shopper expects of each thing he does, with the model's cart in hand (tests/cart_model.py)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from tests.cart_model import DOLLARS_OFF, PAYMENTS, PERCENT_OFF, Bill, Cart, Errors, Line, Place, Shop, Ware, payments

COUPONS = {*PERCENT_OFF, *DOLLARS_OFF}
Wrong = tuple[str, list[str]]
EXPIRED: Errors = [("CART_EXPIRED", [])]


@dataclass
class Outcome:
    """What an answer must say: its user errors, whether it shows the cart as it is, which lines went in."""

    errors: Errors = field(default_factory=list)
    blind: bool = False
    added: list[bool] | None = None


class Shopper:
    """One shopper: his cart, if he has one, whether Commerce has lost it without his knowing, and whether a look has
    found that out, which the next change tells him."""

    def __init__(self, shop: Shop, name: str, currency: str) -> None:
        self.shop = shop
        self.name = name
        self.currency = currency
        self.cart: Cart | None = None
        self.lost = False
        self.untold = False
        self.session = False
        self.ordered: str | None = None

    @property
    def email(self) -> str:
        return f"{self.name}@example.com"

    def look(self) -> Cart | None:
        """What he sees when he looks: a cart that Commerce has lost is none, and then it is forgotten."""
        if self.lost:
            self.cart, self.ordered, self.lost, self.untold = None, None, False, True
        return self.cart

    def _hears(self) -> bool:
        """Whether this change tells him that his cart is no more."""
        self.look()
        told, self.untold = self.untold, False
        return told

    def _held(self, *path: str) -> Outcome | Cart:
        """The cart that a change is for, or what is said instead of it."""
        if self._hears():
            return Outcome(list(EXPIRED), blind=True)
        return self.cart or Outcome([("CART_EMPTY", list(path))])

    def add(self, asked: Sequence[tuple[Ware, Decimal]]) -> Outcome:
        """Lines that can go in do, each judged after those before it."""
        for place, (_, quantity) in enumerate(asked):
            if quantity <= 0:
                return Outcome([("BAD_USER_INPUT", ["lines", str(place), "quantity"])], blind=True, added=[])
        found = Outcome(added=[])
        if self._hears():
            found.errors += EXPIRED
        if self.cart is None:
            self.cart, self.session, self.ordered = Cart(self.currency), True, None
        assert found.added is not None
        for place, (ware, quantity) in enumerate(asked):
            wrong = self._put(self.cart, ware, quantity)
            found.added.append(wrong is None)
            if wrong:
                found.errors.append((wrong, ["lines", str(place)]))
        return found

    def _put(self, cart: Cart, ware: Ware, quantity: Decimal) -> str | None:
        """Puts that many in, or says why not: what cannot be had at all is told before how many cannot."""
        if self.shop.sold_out(ware):
            return "OUT_OF_STOCK"
        if ware.refused:
            return ware.refused
        same = next((line for line in cart.lines if line.ware == ware), None)
        line = same or Line(ware, Decimal(0))
        wrong = self.shop.refusal(cart.lines, line, line.quantity + quantity)
        if wrong:
            return wrong
        line.quantity += quantity
        if same is None:
            cart.lines.append(line)
        return None

    def update(self, asked: Sequence[tuple[str, Decimal]], name: str = "lines") -> Outcome:
        """Quantities by uid, zero to remove: all of them or none."""
        path = [name] if name else []
        cart = self._held(*path)
        if isinstance(cart, Outcome):
            return cart
        before = cart.copied()
        for uid, quantity in asked:
            line = next((line for line in cart.lines if line.uid == uid), None)
            wrong = "LINE_NOT_FOUND" if line is None else None
            if line is not None and quantity:
                wrong = self.shop.refusal(cart.lines, line, quantity)
            if line is None or wrong:
                cart.lines = before
                return Outcome([(wrong or "", [*path, *self._place(asked, uid, wrong, before)] if name else [])])
            line.quantity = quantity
            if not quantity:
                cart.lines.remove(line)
        return Outcome()

    def _place(
        self, asked: Sequence[tuple[str, Decimal]], uid: str, wrong: str | None, before: Sequence[Line]
    ) -> list[str]:
        """Which of the given lines is told to be wrong: the only one, that of an unknown uid, or else that of a SKU,
        as far as no other of them has the same."""
        uids = [each for each, _ in asked]
        if len(uids) == 1:
            return ["0"]
        skus = {line.uid: line.ware.variant or line.ware.sku for line in before}
        if (wrong == "LINE_NOT_FOUND") == (uid in skus):
            # It was there until this very call removed it.
            return []
        same = [at for at, each in enumerate(uids) if (skus.get(each) == skus[uid] if uid in skus else each == uid)]
        return [str(same[0])] if len(same) == 1 else []

    def clear(self) -> Outcome:
        cart = self._held()
        if isinstance(cart, Outcome):
            # Where there is nothing to clear there is nothing to complain about.
            return cart if cart.blind else Outcome()
        cart.lines.clear()
        return Outcome()

    def apply(self, codes: list[str]) -> Outcome:
        """Before 2.4.7 a cart has one coupon, and a second is refused before it is looked at."""
        several = self.shop.version >= (2, 4, 7)
        if not several and len(codes) > 1:
            return Outcome([("COUPON_ALREADY_APPLIED", ["codes", "1"])], blind=True)
        path = ["codes"] if several else ["codes", "0"]
        cart = self._held(*path)
        if isinstance(cart, Outcome):
            return cart
        if not several and cart.coupons:
            return Outcome([("COUPON_ALREADY_APPLIED", path)])
        if not cart.lines:
            return Outcome([("CART_EMPTY", path)])
        if not {code.upper() for code in codes} <= COUPONS:
            return Outcome([("COUPON_INVALID", path)])
        known = {code.upper() for code in cart.coupons}
        cart.coupons += [code for code in codes if code.upper() not in known]
        return Outcome()

    def take_off(self, codes: list[str]) -> Outcome:
        """Only what is named is taken off."""
        cart = self._held("codes")
        if isinstance(cart, Outcome):
            return cart
        if not cart.lines:
            return Outcome([("CART_EMPTY", ["codes"])])
        named = {code.upper() for code in codes}
        cart.coupons = [code for code in cart.coupons if code.upper() not in named]
        return Outcome()

    # Checkout

    def set_email(self, email: str) -> Outcome:
        cart = self._held("email")
        if isinstance(cart, Outcome):
            return cart
        if "@" not in email:
            return Outcome([("EMAIL_INVALID", ["email"])])
        cart.email = email
        return Outcome()

    def ship_to(self, place: Place, wrong: Wrong | None, same: bool) -> Outcome:
        """`wrong` is what is wrong with an address that is none, which is told before the cart is looked at. A way to
        send it that is not offered there is given up."""
        if wrong:
            return Outcome([wrong], blind=True)
        cart = self._held("address")
        if isinstance(cart, Outcome):
            return cart
        if cart.virtual:
            return Outcome([("SHIPPING_ADDRESS_NOT_TAKEN", ["address"])])
        cart.ship_to = place
        if cart.method not in cart.methods(cart.bill()):
            cart.method = None
        if same:
            cart.bill_to = place
        return Outcome()

    def bill_to(self, place: Place, wrong: Wrong | None) -> Outcome:
        if wrong:
            return Outcome([wrong], blind=True)
        cart = self._held("address")
        if isinstance(cart, Outcome):
            return cart
        cart.bill_to = place
        return Outcome()

    def send_by(self, method: tuple[str, str]) -> Outcome:
        cart = self._held("method")
        if isinstance(cart, Outcome):
            return cart
        if cart.ship_to is None:
            return Outcome([("SHIPPING_ADDRESS_NOT_TAKEN", ["method"])])
        if method not in cart.methods(cart.bill()):
            return Outcome([("SHIPPING_METHOD_UNAVAILABLE", ["method"])])
        cart.method = method
        return Outcome()

    def pay_by(self, code: str) -> Outcome:
        if code not in [*PAYMENTS, "free"]:
            # The product knows that itself, without a look at the cart.
            return Outcome([("PAYMENT_METHOD_UNAVAILABLE", ["code"])], blind=True)
        cart = self._held("code")
        if isinstance(cart, Outcome):
            return cart
        if cart.virtual and cart.bill_to is None:
            return Outcome([("ADDRESS_INVALID", ["code"])])
        if not cart.virtual and cart.ship_to is None:
            return Outcome([("SHIPPING_ADDRESS_NOT_TAKEN", ["code"])])
        if code not in payments(cart.bill().total):
            return Outcome([("PAYMENT_METHOD_UNAVAILABLE", ["code"])])
        cart.payment = code
        return Outcome()

    def order(self, agreed: bool) -> Outcome | Cart | str:
        """The cart that becomes an order now, the number of the order that it is already, or why it is none."""
        if not self.session:
            return Outcome(list(EXPIRED))
        if self.cart is None and not self.untold:
            return self.ordered or Outcome([("CART_EMPTY", [])])
        if not agreed:
            return Outcome([("AGREEMENT_REQUIRED", ["agreements"])])
        cart = self._held()
        wrong = cart.errors if isinstance(cart, Outcome) else self._unfit(cart)
        if wrong or isinstance(cart, Outcome):
            return Outcome(wrong)
        return cart

    def _unfit(self, cart: Cart) -> Errors:
        """What Commerce names first of what an order lacks."""
        problems = [wrong for wrong in self.shop.problems(cart) if wrong]
        bill = cart.bill()
        lacks = {
            "EMAIL_INVALID": cart.email is None,
            "OUT_OF_STOCK": "OUT_OF_STOCK" in problems,
            "QUANTITY_UNAVAILABLE": bool(problems),
            "ORDER_REFUSED": not cart.lines,
        }
        code = next((code for code, lacking in lacks.items() if lacking), None)
        if code is None and not cart.virtual and cart.ship_to is None:
            code = "ADDRESS_INVALID"
        if code is None and not cart.virtual and cart.method not in cart.methods(bill):
            code = "SHIPPING_METHOD_UNAVAILABLE"
        if code is None and cart.bill_to is None:
            code = "ADDRESS_INVALID"
        if code is None and cart.payment not in payments(bill.total):
            code = "PAYMENT_METHOD_UNAVAILABLE"
        return [(code, [])] if code else []

    def bought(self, cart: Cart, number: str) -> Bill:
        """The order exists and the cart is over. Returns what was paid."""
        self.shop.sell(cart, number)
        self.cart, self.ordered = None, number
        return cart.bill()
