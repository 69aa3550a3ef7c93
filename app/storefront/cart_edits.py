"""What can be done with the shopper's cart: lines put in, changed and removed, coupons applied and taken away."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from typing import Any

import strawberry

from app.errors import BadInput
from app.storefront.basket import Basket
from app.storefront.cart import Cart
from app.storefront.common import Node, described, present
from app.storefront.context import Info
from app.storefront.user_errors import LINE_CODES, Mendable, UserError, UserErrors, code_of

MAX_LINES = 100
MAX_COUPONS = 10
MAX_QUANTITY = Decimal(1_000_000)
REPLACED = UserError(
    code="CART_EXPIRED",
    message="The cart was not there any more: it was ordered or had run out. A new one was begun.",
    path=[],
)


@strawberry.type(description="The cart after a change, or what kept it from being changed.")
class CartPayload:
    cart: Cart | None = described("The cart as it is now; null when it could not be read.", default=None)
    user_errors: list[UserError] = described("What the shopper can mend.", default_factory=list)


@strawberry.type(description="The cart after lines were put in, and which of them went in.")
class CartAddPayload:
    cart: Cart | None = described("The cart as it is now; null when it could not be read.", default=None)
    added: list[bool] = described("For each of the given lines, whether it went in.", default_factory=list)
    user_errors: list[UserError] = described("What the shopper can mend.", default_factory=list)


@strawberry.input(description="A value written for a customizable option, or another quantity for a bundle's choice.")
class EnteredOption:
    uid: strawberry.ID = described("The option's identifier.")
    value: str = described("The value.")


@strawberry.input(description="A product to put into the cart. Products of a group are put in one by one.")
class CartLineInput:
    sku: str = described("The product's SKU; of a product with variants its own, not the variant's.")
    quantity: Decimal = described("How many.", default=Decimal(1))
    options: list[strawberry.ID] = described(
        "The identifiers of all that was chosen: option values, bundle choices, files.", default_factory=list
    )
    entered: list[EnteredOption] = described("What was written.", default_factory=list)


@strawberry.input(description="A message that goes with a present.")
class GiftMessageInput:
    sender: str = described("Who gives.")
    recipient: str = described("Who is given to.")
    message: str = described("The message.")

    def for_commerce(self) -> dict[str, str]:
        """As Commerce's `GiftMessageInput`."""
        return {"from": self.sender, "to": self.recipient, "message": self.message}


@strawberry.input(description="A change to a line of the cart.")
class CartLineUpdate:
    uid: strawberry.ID = described("The line's identifier.")
    quantity: Decimal | None = described("How many; zero removes the line.", default=None)
    gift_message: GiftMessageInput | None = described("The message that goes with it.", default=None)


def _check_quantity(path: str, quantity: Decimal, least: Decimal) -> float:
    if not quantity.is_finite() or not least <= quantity <= MAX_QUANTITY:
        raise BadInput(path, f"must be between {least} and {MAX_QUANTITY}")
    return float(quantity)


def check_lines(argument: str, given: int) -> None:
    """Raises `BadInput` unless there are between one and `MAX_LINES` lines."""
    if not 1 <= given <= MAX_LINES:
        raise BadInput(argument, f"takes between 1 and {MAX_LINES} lines")


def _counted(node: Node | None) -> dict[str, Decimal]:
    """How many of each SKU are in a cart."""
    counted: dict[str, Decimal] = {}
    for line in present((node or {}).get("items")):
        sku = str((line.get("product") or {}).get("sku") or "").casefold()
        counted[sku] = counted.get(sku, Decimal(0)) + Decimal(str(line.get("quantity") or 0))
    return counted


def parts(lines: list[CartLineInput]) -> list[slice]:
    """The lines in parts that have no SKU twice: of two lines of one SKU Commerce's answer does not tell which went in.

    They go to Commerce one part after the other, so that every line meets the stock that those before it left.
    """
    starts, seen = [0], set[str]()
    for place, line in enumerate(lines):
        sku = line.sku.casefold()
        if sku in seen:
            starts.append(place)
            seen.clear()
        seen.add(sku)
    return [slice(start, end) for start, end in pairwise([*starts, len(lines)])]


def went_in(lines: list[CartLineInput], before: Node | None, after: Node, failed: bool) -> list[bool]:
    """Which lines of a part went in: all unless some failed, else those of whose SKU the cart has that many more."""
    if not failed or len(lines) == 1:
        return [not failed] * len(lines)
    had, has = _counted(before), _counted(after)
    skus = [(line.sku.casefold(), line.quantity) for line in lines]
    return [has.get(sku, Decimal(0)) - had.get(sku, Decimal(0)) >= quantity for sku, quantity in skus]


def line_errors(errors: list[Node], lines: list[CartLineInput], added: list[bool], first: int) -> list[UserError]:
    """Commerce's errors of a part's lines, each at the line that it is about; `first` is the part's place.

    Commerce does not say which, but tells them in the order of the lines: where their number is that of the lines
    that did not go in, they belong together one by one.
    """
    failed = [place for place, is_in in enumerate(added) if not is_in]
    places = failed if len(failed) == len(errors) else [None] * len(errors)
    found = []
    for error, place in zip(errors, places, strict=True):
        message = str(error.get("message") or "")
        code = LINE_CODES.get(str(error.get("code"))) or code_of(message)
        named = next((at for at, line in enumerate(lines) if f'"{line.sku}"' in message), place)
        if named is None and len(lines) == 1:
            named = 0
        path = ["lines"] if named is None else ["lines", str(first + named)]
        found.append(UserError(code=code, message=message, path=path))
    return found


@strawberry.type
class CartMutation:
    @strawberry.mutation(
        description=f"Puts up to {MAX_LINES} products into the cart; those that can go in do.",
        extensions=[UserErrors(CartAddPayload)],
    )
    async def cart_add(self, info: Info, lines: list[CartLineInput]) -> CartAddPayload:
        check_lines("lines", len(lines))
        items: list[dict[str, object]] = [
            {
                "sku": line.sku,
                "quantity": _check_quantity(f"lines[{place}].quantity", line.quantity, Decimal("0.0001")),
                "selected_options": list(line.options),
                "entered_options": [{"uid": entered.uid, "value": entered.value} for entered in line.entered],
            }
            for place, line in enumerate(lines)
        ]
        basket = Basket(info.context)
        node: Node = (await basket.look(()) if len(lines) > 1 else None) or {}
        replaced = False
        added: list[bool] = []
        errors: list[UserError] = []
        for part in parts(lines):
            sent: dict[str, object] = {"items": items[part]}
            reply, anew = await basket.add("AddToCart", "addProductsToCart", sent, (), "lines")
            if anew:
                # What went in before went with the cart that is gone.
                node, added, replaced = {}, [False] * len(added), True
            before, node = node, reply.get("cart") or {}
            told = present(reply.get("user_errors"))
            went = went_in(lines[part], before, node, bool(told))
            errors += line_errors(told, lines[part], went, len(added))
            added += went
        if len(lines) > 1 or errors:
            # The answer to several lines has stale totals, that to a refused one no discounts (recordings cart-121,
            # cart-016): the cart is read again.
            node = await basket.look(()) or {}
        return CartAddPayload(
            cart=Cart.of(node, info.context.links),
            added=added,
            user_errors=[*([REPLACED] if replaced else []), *errors],
        )

    @strawberry.mutation(
        description="Changes quantities and gift messages of lines.", extensions=[UserErrors(CartPayload)]
    )
    async def cart_update(self, info: Info, lines: list[CartLineUpdate]) -> CartPayload:
        check_lines("lines", len(lines))
        items = []
        for place, line in enumerate(lines):
            item: dict[str, object] = {"cart_item_uid": line.uid}
            if line.quantity is not None:
                item["quantity"] = _check_quantity(f"lines[{place}].quantity", line.quantity, Decimal(0))
            if line.gift_message is not None:
                item["gift_message"] = line.gift_message.for_commerce()
            items.append(item)
        return await _update(info, items, "lines")

    @strawberry.mutation(description="Removes lines from the cart.", extensions=[UserErrors(CartPayload)])
    async def cart_remove(self, info: Info, uids: list[strawberry.ID]) -> CartPayload:
        check_lines("uids", len(uids))
        return await _update(info, [{"cart_item_uid": uid, "quantity": 0} for uid in uids], "uids")

    @strawberry.mutation(description="Removes all lines from the cart.", extensions=[UserErrors(CartPayload)])
    async def cart_clear(self, info: Info) -> CartPayload:
        node = await Basket(info.context).read(())
        lines = present((node or {}).get("items"))
        if node is None or not lines:
            return CartPayload(cart=Cart.of(node, info.context.links) if node else None)
        return await _update(info, [{"cart_item_uid": line["uid"], "quantity": 0} for line in lines])

    @strawberry.mutation(
        description="Sets the message that goes with the whole cart. Adobe Commerce 2.4.6 and later take one.",
        extensions=[UserErrors(CartPayload)],
    )
    async def cart_set_gift_message(self, info: Info, message: GiftMessageInput) -> CartPayload:
        basket = Basket(info.context)
        node = await basket.read(()) or {}
        # Commerce takes all gift options at once: those that are not meant stay as they are.
        options = {
            "message": message.for_commerce(),
            "receipt": bool(node.get("gift_receipt_included")),
            "card": bool(node.get("printed_card_included")),
            "wrapping": (node.get("gift_wrapping") or {}).get("uid"),
        }
        after, errors = await basket.change("SetGiftOptions", "setGiftOptionsOnCart", options, (), "message")
        return CartPayload(cart=Cart.of(after, info.context.links) if after else None, user_errors=errors)

    @strawberry.mutation(
        description="Applies coupons to the cart; before Commerce 2.4.7 a cart has one at most.",
        extensions=[UserErrors(CartPayload)],
    )
    async def cart_apply_coupons(self, info: Info, codes: list[str]) -> CartPayload:
        given = _coupons(codes)
        if info.context.capabilities.operations.variant("ApplyCoupons"):
            if len(given) > 1:
                raise Mendable("COUPON_ALREADY_APPLIED", "A cart can have only one coupon.", ("codes", "1"))
            return await _write(info, "ApplyCoupons", "applyCouponToCart", {"code": given[0]}, "codes", "0")
        return await _write(info, "ApplyCoupons", "applyCouponsToCart", {"codes": given}, "codes")

    @strawberry.mutation(description="Takes coupons from the cart.", extensions=[UserErrors(CartPayload)])
    async def cart_remove_coupons(self, info: Info, codes: list[str]) -> CartPayload:
        given = _coupons(codes)
        if info.context.capabilities.operations.variant("RemoveCoupons"):
            # This Commerce takes off the one coupon that there is, whichever was meant.
            node = await Basket(info.context).read(())
            applied = {str(coupon["code"]).casefold() for coupon in present((node or {}).get("applied_coupons"))}
            if node and applied and applied.isdisjoint(code.casefold() for code in given):
                return CartPayload(cart=Cart.of(node, info.context.links))
            return await _write(info, "RemoveCoupons", "removeCouponFromCart", {}, "codes")
        return await _write(info, "RemoveCoupons", "removeCouponsFromCart", {"codes": given}, "codes")


def _coupons(codes: list[str]) -> list[str]:
    given = [code.strip() for code in codes]
    if not 1 <= len(given) <= MAX_COUPONS or not all(given):
        raise BadInput("codes", f"takes between 1 and {MAX_COUPONS} codes that are not empty")
    return given


async def _update(info: Info, items: list[dict[str, object]], *path: str) -> CartPayload:
    return await _write(info, "UpdateCart", "updateCartItems", {"items": items}, *path)


async def _write(info: Info, operation: str, root: str, variables: dict[str, Any], *path: str) -> CartPayload:
    """Changes the cart; what the shopper can mend comes beside the cart as it is."""
    node, errors = await Basket(info.context).change(operation, root, variables, (), *path)
    return CartPayload(cart=Cart.of(node, info.context.links) if node is not None else None, user_errors=errors)
