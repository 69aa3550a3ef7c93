"""What a shopper expects of a cart and a checkout, in plain decimals: the model that tests/cart_machine.py compares with.

It knows the shop's rules as its owner would tell them, and nothing of how the stand-in or the product works them out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_FLOOR, Decimal
from typing import Any

Errors = list[tuple[str, list[str]]]

CENT = Decimal("0.01")
RATES = {"USD": Decimal(1), "EUR": Decimal("0.92")}  # currency to what a dollar costs in it
FLAT, TABLE, FREE_FROM = Decimal(5), Decimal(15), Decimal(500)  # dollars: a piece, an order, what is spent
PERCENT_OFF = {"TENOFF": (Decimal(10), "Ten percent off")}
DOLLARS_OFF = {"FIVE": (Decimal(5), "Discount")}
TAXES = {"CA": (Decimal("8.25"), "California sales tax"), "DE": (Decimal(19), "Umsatzsteuer 19 %")}  # in percent
PAYMENTS = ["checkmo", "purchaseorder", "banktransfer", "cashondelivery"]


def cents(amount: Decimal) -> Decimal:
    """The amount rounded half up to cents; a little less than nothing is nothing."""
    return ((amount / CENT) + Decimal("0.5")).to_integral_value(ROUND_FLOOR) * CENT


def carried(amounts: Iterable[Decimal]) -> list[Decimal]:
    """Each amount in cents, with what rounding took from or gave to those before it."""
    found, over = [], Decimal(0)
    for amount in amounts:
        found.append(cents(max(amount + over, Decimal(0))))
        over += amount - found[-1]
    return found


@dataclass(frozen=True)
class Piece:
    """What is taken from the shelf for a ware: its SKU and what one costs from which number on, in the currency."""

    sku: str
    tiers: tuple[tuple[int, Decimal], ...]

    def price(self, quantity: Decimal) -> Decimal:
        return min(price for start, price in self.tiers if start <= quantity)


@dataclass(frozen=True)
class Ware:
    """Something to ask for, and in `line` the input that asks for it; `refused` is the code where it never goes in.

    One of it is all its pieces and an extra; `shelved` are those that run out, `most` is as many as a cart may have.
    """

    line: Mapping[str, Any]
    pieces: tuple[Piece, ...] = ()
    extra: Decimal = Decimal(0)
    variant: str | None = None
    shelved: bool = True
    most: int = 10000
    bundle: bool = False
    refused: str | None = None

    @property
    def sku(self) -> str:
        return str(self.line["sku"])

    def price(self, quantity: Decimal) -> Decimal:
        return sum((piece.price(quantity) for piece in self.pieces), self.extra)


@dataclass
class Line:
    """A line of a cart; `uid` is what the API calls it, unknown until it was seen."""

    ware: Ware
    quantity: Decimal
    uid: str | None = None


@dataclass(frozen=True)
class Place:
    """An address: who and where, and the key of its tax."""

    input: Mapping[str, Any]
    tax: str | None

    @property
    def shown(self) -> dict[str, Any]:
        return {name: self.input[name] for name in ("firstName", "city", "country")}


@dataclass
class Bill:
    """What a cart costs in its currency, line by line and in all."""

    prices: list[Decimal]
    rows: list[Decimal]
    row_taxes: list[Decimal]
    offs: list[list[tuple[str, Decimal]]]  # for each line, label and amount of every coupon
    taxes: list[Decimal]
    tax: tuple[Decimal, str] | None
    shipping: Decimal | None = None

    @property
    def subtotal(self) -> Decimal:
        return sum(self.rows, Decimal(0))

    @property
    def discount(self) -> Decimal:
        return sum((amount for line in self.offs for _, amount in line), Decimal(0))

    @property
    def total(self) -> Decimal:
        return self.subtotal - self.discount + (self.shipping or Decimal(0)) + sum(self.taxes, Decimal(0))


@dataclass
class Cart:
    """A cart from its first line to its order or its end."""

    currency: str
    lines: list[Line] = field(default_factory=list)
    coupons: list[str] = field(default_factory=list)
    email: str | None = None
    ship_to: Place | None = None
    bill_to: Place | None = None
    method: tuple[str, str] | None = None
    payment: str | None = None

    def copied(self) -> list[Line]:
        return [Line(line.ware, line.quantity, line.uid) for line in self.lines]

    @property
    def virtual(self) -> bool:
        return bool(self.lines) and not any(line.ware.shelved for line in self.lines)

    def methods(self, bill: Bill) -> dict[tuple[str, str], Decimal]:
        """The ways to send it and what each costs; none where there is nothing to send or nowhere to send it to."""
        shipped = sum((line.quantity for line in self.lines if line.ware.shelved), Decimal(0))
        if not shipped or self.ship_to is None:
            return {}
        rate = RATES[self.currency]
        found = {("flatrate", "flatrate"): cents(FLAT * shipped * rate)}
        if self.ship_to.input["country"] == "US":
            found["tablerate", "bestway"] = cents(TABLE * rate)
        if bill.subtotal - bill.discount >= FREE_FROM * rate:
            found["freeshipping", "freeshipping"] = Decimal(0)
        found["instore", "pickup"] = Decimal(0)
        return found

    def bill(self) -> Bill:
        """The cart added up: coupons in their order on what those before left, taxes on what is left of each line."""
        prices = [line.ware.price(line.quantity) for line in self.lines]
        rows = [price * line.quantity for price, line in zip(prices, self.lines, strict=True)]
        offs: list[list[tuple[str, Decimal]]] = [[] for _ in rows]
        left = list(rows)
        for code in map(str.upper, self.coupons):
            if code in PERCENT_OFF:
                percent, label = PERCENT_OFF[code]
                amounts = carried(row * percent / 100 for row in left)
            else:
                dollars, label = DOLLARS_OFF[code]
                amounts = _shared(cents(dollars * RATES[self.currency]), left)
            for place, amount in enumerate(amounts):
                left[place] -= amount
                offs[place] += [(label, amount)] if amount else []
        place_of_tax = self.bill_to if self.virtual else self.ship_to
        tax = TAXES.get(place_of_tax.tax or "") if place_of_tax else None
        percent = tax[0] if tax else Decimal(0)
        before, after = (carried(row * percent / 100 for row in taxed) for taxed in (rows, left))
        bill = Bill(prices, rows, before, offs, after, tax)
        bill.shipping = self.methods(bill).get(self.method) if self.method else None
        return bill


def _shared(amount: Decimal, rows: Sequence[Decimal]) -> list[Decimal]:
    """An amount shared out by what the rows cost, each share in cents, and no row below nothing."""
    found, rest = [], sum(rows, Decimal(0))
    for row in rows:
        share = min(amount, cents(amount * row / rest) if rest else Decimal(0), row)
        amount, rest = amount - share, rest - row
        found.append(share)
    return found


class Shop:
    """What all shoppers share: the shelf, the orders, and the version of Commerce."""

    def __init__(self, version: tuple[int, ...], stock: Mapping[str, int]) -> None:
        self.version = version
        self.stock: dict[str, Decimal] = {sku: Decimal(count) for sku, count in stock.items()}
        self.orders: list[dict[str, Any]] = []

    def refusal(self, lines: Iterable[Line], line: Line, quantity: Decimal) -> str | None:
        """Why that many cannot be in a cart of these lines, as a code."""
        if quantity != int(quantity):
            return "QUANTITY_INVALID"
        if quantity > line.ware.most:
            return "QUANTITY_UNAVAILABLE"
        needed = {piece.sku: quantity for piece in line.ware.pieces if line.ware.shelved}
        for other in lines:
            if other is not line and other.ware.shelved:
                for piece in other.ware.pieces:
                    if piece.sku in needed:
                        needed[piece.sku] += other.quantity
        for sku, count in needed.items():
            if self.stock[sku] <= 0:
                return "OUT_OF_STOCK"
            if count > self.stock[sku]:
                return "QUANTITY_UNAVAILABLE"
        return None

    def sold_out(self, ware: Ware) -> bool:
        return ware.shelved and not ware.bundle and any(self.stock[piece.sku] <= 0 for piece in ware.pieces)

    def problems(self, cart: Cart) -> list[str | None]:
        """For each line, what is wrong with it by now."""
        return [self.refusal(cart.lines, line, line.quantity) for line in cart.lines]

    def unbuyable(self, cart: Cart) -> bool:
        """Whether Commerce tells before the order that something in the cart cannot be bought."""
        if self.version >= (2, 4, 6):
            return any(self.problems(cart))
        # Only that a product is sold out, and not of those whose SKU in a cart is made of several.
        return any(self.sold_out(line.ware) and "entered" not in line.ware.line for line in cart.lines)

    def sell(self, cart: Cart, number: str) -> None:
        """The cart becomes an order."""
        bill = cart.bill()
        self.orders.append(
            {
                "number": number,
                "email": cart.email,
                "coupons": list(cart.coupons),
                "lines": [
                    (line.ware.variant or line.ware.sku, line.quantity, row)
                    for line, row in zip(cart.lines, bill.rows, strict=True)
                ],
                "total": bill.total,
            }
        )
        for line in cart.lines:
            for piece in line.ware.pieces if line.ware.shelved else ():
                self.stock[piece.sku] -= line.quantity


# As the API shows it


def money(amount: Decimal | None) -> dict[str, str] | None:
    return None if amount is None else {"amount": f"{amount:.2f}"}


def shown_cart(shop: Shop, cart: Cart) -> dict[str, Any]:
    """The cart in the shape of the machine's query, without the uids of its lines."""
    bill = cart.bill()
    lines = []
    for place, (line, wrong) in enumerate(zip(cart.lines, shop.problems(cart), strict=True)):
        row = bill.rows[place]
        lines.append(
            {
                "sku": line.ware.sku,
                "variantSku": line.ware.variant,
                "quantity": str(line.quantity),
                "price": {**(money(bill.prices[place]) or {}), "currency": cart.currency},
                "total": money(row),
                "totalWithTax": money(row + bill.row_taxes[place]),
                "discount": money(sum((amount for _, amount in bill.offs[place]), Decimal(0))),
                "discounts": [{"label": label, "amount": money(amount)} for label, amount in bill.offs[place]],
                "problems": [{"code": wrong}] if wrong and shop.version >= (2, 4, 6) else [],
            }
        )
    by_label: dict[str, Decimal] = {}
    for label, amount in (off for line in bill.offs for off in line):
        by_label[label] = by_label.get(label, Decimal(0)) + amount
    taxes = sum(bill.taxes, Decimal(0))
    totals = {
        "subtotal": money(bill.subtotal),
        "subtotalWithTax": money(bill.subtotal + sum(bill.row_taxes, Decimal(0))),
        "subtotalWithDiscount": money(bill.subtotal - bill.discount) if cart.lines else None,
        "discounts": [{"label": label, "amount": money(amount)} for label, amount in sorted(by_label.items())],
        "shipping": money(bill.shipping),
        "taxes": [{"label": bill.tax[1], "amount": money(taxes)}] if bill.tax and taxes else [],
        "grandTotal": {**(money(bill.total) or {}), "currency": cart.currency},
    }
    return {
        "lines": lines,
        "quantity": str(sum((line.quantity for line in cart.lines), Decimal(0))),
        "coupons": list(cart.coupons),
        "isVirtual": cart.virtual,
        "totals": totals,
    }


def payments(total: Decimal) -> list[str]:
    """The ways to pay that much."""
    return PAYMENTS if total > 0 else [*PAYMENTS, "free"]


def shown_checkout(shop: Shop, cart: Cart) -> dict[str, Any]:
    """The checkout in the shape of the machine's query."""
    bill = cart.bill()
    methods = cart.methods(bill)
    chosen = cart.method if cart.method in methods else None
    missing = {
        "LINES": not cart.lines or shop.unbuyable(cart),
        "EMAIL": cart.email is None,
        "SHIPPING_ADDRESS": not cart.virtual and cart.ship_to is None,
        "SHIPPING_METHOD": not cart.virtual and chosen is None,
        "BILLING_ADDRESS": cart.bill_to is None,
        "PAYMENT_METHOD": cart.payment is None,
    }

    def method(key: tuple[str, str]) -> dict[str, Any]:
        return {"carrier": key[0], "method": key[1], "price": money(methods[key])}

    return {
        "email": cart.email,
        "missing": [step for step, lacks in missing.items() if lacks],
        "ready": not any(missing.values()),
        "shippingAddress": cart.ship_to and cart.ship_to.shown,
        "billingAddress": cart.bill_to and cart.bill_to.shown,
        "shippingMethods": sorted(map(method, methods), key=lambda one: one["carrier"]),
        "shippingMethod": method(chosen) if chosen else None,
        "paymentMethods": [{"code": code} for code in payments(bill.total)],
        "paymentMethod": {"code": cart.payment} if cart.payment else None,
        "cart": {"totals": {"grandTotal": money(bill.total)}},
    }


# Comparing


def same(found: Any, expected: Any, path: str) -> None:
    """Raises at the first place where an answer is not what was expected."""
    if isinstance(found, dict) and isinstance(expected, dict) and found.keys() == expected.keys():
        for name, value in found.items():
            same(value, expected[name], f"{path}.{name}")
    elif isinstance(found, list) and isinstance(expected, list) and len(found) == len(expected):
        for place, (one, other) in enumerate(zip(found, expected, strict=True)):
            same(one, other, f"{path}.{place}")
    else:
        assert found == expected, f"{path} is {found}, expected is {expected}"


def add_up(cart: dict[str, Any]) -> None:
    """The sums of an answer in themselves, whatever the model thinks of them."""
    totals = cart["totals"]

    def amount(node: dict[str, Any] | None) -> Decimal:
        return Decimal(node["amount"]) if node else Decimal(0)

    def together(nodes: Iterable[dict[str, Any]], name: str) -> Decimal:
        return sum((amount(node[name]) for node in nodes), Decimal(0))

    off, taxes = together(totals["discounts"], "amount"), together(totals["taxes"], "amount")
    expected = amount(totals["subtotal"]) - off + amount(totals["shipping"]) + taxes
    assert amount(totals["grandTotal"]) == expected, f"the grand total is not its sum: {totals}"
    assert together(cart["lines"], "total") == amount(totals["subtotal"]), f"the lines are not the subtotal: {cart}"
    assert together(cart["lines"], "discount") == off, f"the lines' discounts are not the cart's: {cart}"
