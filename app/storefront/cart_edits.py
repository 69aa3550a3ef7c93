"""What can be done with the shopper's cart: lines put in, changed and removed, coupons applied and taken away."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import strawberry

from app.errors import BadInput
from app.storefront.adding import Adding, CartLineInput
from app.storefront.basket import Basket
from app.storefront.cart import Cart
from app.storefront.cart_lines import at_lines
from app.storefront.common import described, present
from app.storefront.context import Info
from app.storefront.user_errors import Mendable, UserError, UserErrors

MAX_LINES = 100
MAX_COUPONS = 10
MAX_QUANTITY = Decimal(1_000_000)


@strawberry.type(description="The cart after a change, or what kept it from being changed.")
class CartPayload:
    cart: Cart | None = described("The cart as it is now; null when it could not be read.", default=None)
    user_errors: list[UserError] = described("What the shopper can mend.", default_factory=list)


@strawberry.type(description="The cart after lines were put in, and which of them went in.")
class CartAddPayload:
    cart: Cart | None = described("The cart as it is now; null when it could not be read.", default=None)
    added: list[bool] = described("For each of the given lines, whether it went in.", default_factory=list)
    user_errors: list[UserError] = described("What the shopper can mend.", default_factory=list)


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
    quantity: Decimal | None = described(
        "How many; zero removes the line. It stays as it is where only a message is given.", default=None
    )
    gift_message: GiftMessageInput | None = described("The message that goes with it.", default=None)


def _check_quantity(path: str, quantity: Decimal, least: Decimal) -> float:
    if not quantity.is_finite() or not least <= quantity <= MAX_QUANTITY:
        raise BadInput(path, f"must be between {least} and {MAX_QUANTITY}")
    return float(quantity)


def check_lines(argument: str, given: int) -> None:
    """Raises `BadInput` unless there are between one and `MAX_LINES` lines."""
    if not 1 <= given <= MAX_LINES:
        raise BadInput(argument, f"takes between 1 and {MAX_LINES} lines")


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
        adding = Adding(info.context, lines, items)
        await adding.run()
        cart = Cart.of(adding.node, info.context.links) if adding.node is not None else None
        return CartAddPayload(cart=cart, added=adding.added, user_errors=adding.errors)

    @strawberry.mutation(
        description="Changes quantities and gift messages of lines.", extensions=[UserErrors(CartPayload)]
    )
    async def cart_update(self, info: Info, lines: list[CartLineUpdate]) -> CartPayload:
        check_lines("lines", len(lines))
        items: list[dict[str, object]] = []
        for place, line in enumerate(lines):
            if line.quantity is None and line.gift_message is None:
                raise BadInput(f"lines[{place}]", "needs a quantity or a gift message")
            item: dict[str, object] = {"cart_item_uid": line.uid}
            if line.quantity is not None:
                item["quantity"] = _check_quantity(f"lines[{place}].quantity", line.quantity, Decimal(0))
            if line.gift_message is not None:
                item["gift_message"] = line.gift_message.for_commerce()
            items.append(item)
        if any("quantity" not in item for item in items):
            await _keep_quantities(info, items)
        return await _update(info, items, "lines")

    @strawberry.mutation(description="Removes lines from the cart.", extensions=[UserErrors(CartPayload)])
    async def cart_remove(self, info: Info, uids: list[strawberry.ID]) -> CartPayload:
        check_lines("uids", len(uids))
        return await _update(info, [{"cart_item_uid": uid, "quantity": 0} for uid in uids], "uids")

    @strawberry.mutation(description="Removes all lines from the cart.", extensions=[UserErrors(CartPayload)])
    async def cart_clear(self, info: Info) -> CartPayload:
        basket = Basket(info.context)
        node = await basket.read(())
        items = (node or {}).get("items") or ()
        if node is None or not items:
            return CartPayload(cart=Cart.of(node, info.context.links) if node else None)
        if info.context.fits("ClearCart", ()):
            payload = await _write(info, "ClearCart", "clearCart", {})
            if payload.user_errors:
                await basket.read(())  # raises where the cart went in this moment
            return payload
        lines = present(items)
        if len(lines) < len(items):
            # What Commerce does not show has no uid to be removed by: the shopper goes on with another cart.
            await basket.abandon()
            return CartPayload()
        return await _update(info, [{"cart_item_uid": line["uid"], "quantity": 0} for line in lines])

    @strawberry.mutation(
        description="Sets the message that goes with the whole cart. Adobe Commerce 2.4.6 and later take one.",
        extensions=[UserErrors(CartPayload)],
    )
    async def cart_set_gift_message(self, info: Info, message: GiftMessageInput) -> CartPayload:
        node = await Basket(info.context).read(()) or {}
        # Commerce takes all gift options at once: those that are not meant stay as they are.
        options = {
            "message": message.for_commerce(),
            "receipt": bool(node.get("gift_receipt_included")),
            "card": bool(node.get("printed_card_included")),
            "wrapping": (node.get("gift_wrapping") or {}).get("uid"),
        }
        return await _write(info, "SetGiftOptions", "setGiftOptionsOnCart", options, "message")

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


async def _keep_quantities(info: Info, items: list[dict[str, object]]) -> None:
    """Puts the quantities of the cart where none is given: Commerce changes no line without one."""
    node = await Basket(info.context).read(())
    if node is None:
        return
    had = {str(line["uid"]): line.get("quantity") for line in present(node.get("items"))}
    for place, item in enumerate(items):
        uid = str(item["cart_item_uid"])
        if "quantity" not in item:
            if uid not in had:
                raise Mendable("LINE_NOT_FOUND", "This line is not in the cart.", ("lines", str(place)))
            item["quantity"] = had[uid]


async def _update(info: Info, items: list[dict[str, object]], *path: str) -> CartPayload:
    basket = Basket(info.context)
    node, errors = await basket.change("UpdateCart", "updateCartItems", {"items": items}, (), *path)
    if node is not None and (len(items) > 1 or errors):
        # As after lines that were added (recordings cart-121, cart-016), what the answer says of totals may be old.
        node = await basket.look_again(())
    if path:
        errors = at_lines(errors, [str(item["cart_item_uid"]) for item in items], node, *path)
    return CartPayload(cart=Cart.of(node, info.context.links) if node is not None else None, user_errors=errors)


async def _write(info: Info, operation: str, root: str, variables: dict[str, Any], *path: str) -> CartPayload:
    """Changes the cart; what the shopper can mend comes beside the cart as it is."""
    node, errors = await Basket(info.context).change(operation, root, variables, (), *path)
    return CartPayload(cart=Cart.of(node, info.context.links) if node is not None else None, user_errors=errors)
