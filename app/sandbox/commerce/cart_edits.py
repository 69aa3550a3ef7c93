"""Making carts, and changing what is in them (cart-001 to cart-046, cust-040 to cust-055)."""

# ruff: noqa: N803 - resolvers take what GraphQL gives them, by the names of Commerce's arguments

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from .call import Call, Info, call
from .cart_view import view
from .carts import Cart, Line
from .errors import ALREADY_EXISTS, AUTHORIZATION, NO_SUCH_ENTITY, CommerceError
from .lines import Refused, check, decode, wanted

COUPON_INVALID = "The coupon code isn't valid. Verify the code and try again."
COUPON_APPLIED = "A coupon is already applied to the cart. Please remove it to apply another"


def given_cart(context: Call, masked: str | None, name: str = "cart_id") -> Cart:
    """The caller's open cart; it belongs to the store view and currency that it was last seen under."""
    if not masked:
        raise CommerceError(f'Required parameter "{name}" is missing')
    cart = context.shop.carts.mine(masked, context.customer.id if context.customer else None)
    cart.store, cart.currency = context.store.id, context.currency
    return cart


def changed(context: Call, cart: Cart) -> dict[str, Any]:
    """The output of most mutations: the cart as it is now."""
    context.shop.carts.touch(cart)
    return {"cart": view(context, cart)}


def open_cart(context: Call, masked: str | None) -> Cart:
    """The customer's own cart, or a new one under this id."""
    known = context.customer
    if known is not None and masked is None:
        own = context.shop.carts.of_customer(known.id)
        if own is not None:
            return own
    cart = context.shop.carts.create(context.store.id, context.currency, known.id if known else None, masked)
    cart.email = known.email if known else None
    return cart


def cart(_root: Any, info: Info, cart_id: str) -> dict[str, Any]:
    context = call(info)
    return view(context, given_cart(context, cart_id))


def customer_cart(_root: Any, info: Info) -> dict[str, Any]:
    context = call(info)
    if context.customer is None:
        raise CommerceError("The request is allowed for logged in customer", AUTHORIZATION)
    return view(context, open_cart(context, None))


def create_empty_cart(_root: Any, info: Info, input: dict[str, Any] | None = None) -> str:
    return open_cart(call(info), (input or {}).get("cart_id")).masked


def create_guest_cart(_root: Any, info: Info, input: dict[str, Any] | None = None) -> dict[str, Any]:
    """A guest's cart, from 2.4.7 on."""
    context = call(info)
    if context.customer is not None:
        raise CommerceError("Use `Query.customerCart` for logged in customer.", ALREADY_EXISTS)
    return {"cart": view(context, open_cart(context, (input or {}).get("cart_uid")))}


def merge_carts(_root: Any, info: Info, source_cart_id: str, destination_cart_id: str | None = None) -> dict[str, Any]:
    """Put a guest's lines into the customer's cart; the guest's cart is closed (cust-046 to cust-049)."""
    context = call(info)
    known = context.customer
    if known is None:
        raise CommerceError("The current customer isn't authorized.", AUTHORIZATION)
    source = context.shop.carts.mine(source_cart_id, None)
    own = given_cart(context, destination_cart_id) if destination_cart_id else open_cart(context, None)
    before = [replace(line) for line in own.lines]
    try:
        for line in source.lines:
            put(context, own, line)
    except Refused as refused:
        # What Magento makes of goods that ran out meanwhile was not recorded.
        own.lines = before
        raise CommerceError(refused.message) from None
    # The two carts are saved one after the other: what ends in between leaves the guest's open (MergeCarts).
    source.active = context.crashes
    context.shop.carts.touch(own)
    return view(context, own)


def assign_customer(_root: Any, info: Info, cart_id: str) -> dict[str, Any]:
    """Make the guest's cart the customer's, under a new id; the lines of an older one move into it (cust-052)."""
    context = call(info)
    known = context.customer
    if known is None:
        raise CommerceError("The current customer isn't authorized.", AUTHORIZATION)
    source = context.shop.carts.mine(cart_id, None)
    older = context.shop.carts.of_customer(known.id)
    source.active = False
    made = context.shop.carts.create(context.store.id, context.currency, known.id)
    made.email = known.email
    made.lines = [*source.lines]
    if older is not None:
        older.active = False
        for line in older.lines:
            put(context, made, line)
    return view(context, made)


def put(context: Call, cart: Cart, line: Line) -> Line | None:
    """Add to the line that is the same, or hang the line on. Returns a line that is new."""
    same = next((one for one in cart.lines if one.same == line.same), None)
    check(context.shop, cart, same or line, line.quantity + (same.quantity if same else 0))
    if same is not None:
        same.quantity += line.quantity
        return None
    added = replace(line, id=next(context.shop.carts.line_ids))
    cart.lines.append(added)
    return added


def add_products(_root: Any, info: Info, cartId: str, cartItems: list[dict[str, Any]]) -> dict[str, Any]:
    """Add what can be added and say of the rest why not (cart-010 to cart-028).

    Where several lines are new and nothing went wrong, only the first of them is in the totals yet (cart-121); after an
    error Commerce starts over and counts them all (cart-022).
    """
    context = call(info)
    cart = given_cart(context, cartId, "cartId")
    errors: list[dict[str, Any]] = []
    new: list[int] = []
    for item in cartItems:
        before = [replace(line) for line in cart.lines]
        try:
            for line in wanted(context.shop, context.viewer.website, item):
                added = put(context, cart, line)
                new += [added.id] if added else []
        except Refused as refused:
            cart.lines = before
            new = [number for number in new if cart.line(number)]
            errors.append(_user_error(context, refused))
    context.shop.carts.touch(cart)
    return {"cart": view(context, cart, stale=() if errors else new[1:]), "user_errors": errors}


def _user_error(context: Call, refused: Refused) -> dict[str, Any]:
    """`user_errors`: from 2.4.8 on, too little stock is a type of its own that says how much there is."""
    short = refused.code == "INSUFFICIENT_STOCK" and context.version >= (2, 4, 8)
    return {
        "__typename": "InsufficientStockError" if short else "CartUserInputError",
        "code": refused.code,
        "message": refused.message,
        "quantity": refused.left,
    }


def update_items(_root: Any, info: Info, input: dict[str, Any] | None = None) -> dict[str, Any]:
    """Change quantities and gift messages; 0 removes (cart-030 to cart-034). From 2.4.8 on refusals are in `errors`."""
    context = call(info)
    asked = input or {}
    cart = given_cart(context, asked.get("cart_id"))
    before = [replace(line) for line in cart.lines]
    try:
        for item in asked.get("cart_items") or ():
            _update(context, cart, item)
    except CommerceError as error:
        cart.lines = before
        if context.version < (2, 4, 8):
            raise
        code = error.extensions.get("code", "UNDEFINED")
        return {**changed(context, cart), "errors": [{"code": code, "message": error.message}]}
    return {**changed(context, cart), "errors": []}


def _update(context: Call, cart: Cart, item: dict[str, Any]) -> None:
    """A gift message needs the quantity beside it, too (Magento_QuoteGraphQl, UpdateCartItems)."""
    line, name = cart.line_of(item, decode)
    if not name:
        message = 'Required parameter "cart_item_id" for "cart_items" is missing.'
        raise _coded(message, "REQUIRED_PARAMETER_MISSING", context)
    quantity = item.get("quantity")
    if quantity is None:
        message = 'Required parameter "quantity" for "cart_items" is missing.'
        raise _coded(message, "REQUIRED_PARAMETER_MISSING", context)
    if line is None:
        raise _coded(f"Could not find cart item with id: {name}.", "COULD_NOT_FIND_CART_ITEM", context, NO_SUCH_ENTITY)
    if item.get("gift_message") is not None:
        line.gift = dict(item["gift_message"])
    if quantity <= 0:
        cart.lines.remove(line)
        return
    try:
        check(context.shop, cart, line, quantity)
    except Refused as refused:
        message = f"Could not update the product with SKU {line.variant or line.sku}: {refused.message}"
        raise _coded(message, refused.code, context) from refused
    line.quantity = quantity


def _coded(message: str, code: str, context: Call, category: str = "graphql-input") -> CommerceError:
    """An error that carries the code of `UpdateCartItemsOutput.errors` to where that is known."""
    return CommerceError(message, category, **({"code": code} if context.version >= (2, 4, 8) else {}))


def remove_item(_root: Any, info: Info, input: dict[str, Any] | None = None) -> dict[str, Any]:
    context = call(info)
    asked = input or {}
    cart = given_cart(context, asked.get("cart_id"))
    line, name = cart.line_of(asked, decode)
    if not name:
        raise CommerceError('Required parameter "cart_item_uid" is missing.')
    if line is None:
        raise CommerceError("The cart doesn't contain the item", NO_SUCH_ENTITY)
    cart.lines.remove(line)
    return changed(context, cart)


def clear_cart(_root: Any, info: Info, input: dict[str, Any]) -> dict[str, Any]:
    """Take everything out, from 2.4.7 on; what is wrong with the cart is told in `errors`."""
    context = call(info)
    try:
        cart = given_cart(context, input.get("uid"), "uid")
    except CommerceError as error:
        kinds: dict[str, Callable[[str], bool]] = {
            "UNAUTHORISED": lambda text: "cannot perform operations" in text,
            "INACTIVE": lambda text: "isn't active" in text,
            "NOT_FOUND": lambda text: "Could not find a cart" in text,
        }
        kind = next((kind for kind, fits in kinds.items() if fits(error.message)), "UNDEFINED")
        return {"cart": None, "errors": [{"type": kind, "message": error.message}]}
    cart.lines.clear()
    return {**changed(context, cart), "errors": None}


# Coupons


def _filled(context: Call, masked: str | None) -> Cart:
    cart = given_cart(context, masked)
    if not cart.lines:
        raise CommerceError("Cart does not contain products.", NO_SUCH_ENTITY)
    return cart


def _checked(context: Call, codes: list[str]) -> None:
    for code in codes:
        if context.shop.sales.coupon(code) is None:
            raise CommerceError(COUPON_INVALID, NO_SUCH_ENTITY)


def apply_coupon(_root: Any, info: Info, input: dict[str, Any] | None = None) -> dict[str, Any]:
    """One coupon; a second one is refused before it is looked at (cart-040 to cart-046, cart-123)."""
    context = call(info)
    context.check_recaptcha()
    asked = input or {}
    code = asked.get("coupon_code")
    if not asked.get("cart_id") or not code:
        missing = "cart_id" if not asked.get("cart_id") else "coupon_code"
        raise CommerceError(f'Required parameter "{missing}" is missing')
    cart = given_cart(context, asked["cart_id"])
    if cart.coupons:
        raise CommerceError(COUPON_APPLIED)
    _filled(context, asked["cart_id"])
    _checked(context, [code])
    cart.coupons = [code]
    return changed(context, cart)


def remove_coupon(_root: Any, info: Info, input: dict[str, Any] | None = None) -> dict[str, Any]:
    context = call(info)
    cart = _filled(context, (input or {}).get("cart_id"))
    cart.coupons.clear()
    return changed(context, cart)


def apply_coupons(_root: Any, info: Info, input: dict[str, Any]) -> dict[str, Any]:
    """Several coupons, from 2.4.7 on; all of them or none."""
    context = call(info)
    context.check_recaptcha()
    cart = _filled(context, input.get("cart_id"))
    codes = [code for code in input.get("coupon_codes") or () if code]
    if not codes:
        raise CommerceError('Required parameter "coupon_codes" is missing')
    _checked(context, codes)
    kept = [] if input.get("type") == "REPLACE" else list(cart.coupons)
    known = {code.upper() for code in kept}
    after = [*kept, *(code for code in dict.fromkeys(codes) if code.upper() not in known)]
    if len(after) > context.shop.sales.max_coupons:
        raise CommerceError("Maximum allowed number of applied coupons was exceeded.")
    cart.coupons = after
    return changed(context, cart)


def remove_coupons(_root: Any, info: Info, input: dict[str, Any]) -> dict[str, Any]:
    """Take coupons off by code, from 2.4.7 on; without any code, all of them."""
    context = call(info)
    cart = _filled(context, input.get("cart_id"))
    codes = {code.upper() for code in input.get("coupon_codes") or () if code}
    cart.coupons = [code for code in cart.coupons if codes and code.upper() not in codes]
    return changed(context, cart)


def set_gift_options(_root: Any, info: Info, input: dict[str, Any]) -> dict[str, Any]:
    """The gift options of a whole cart, all at once (Adobe Commerce only)."""
    context = call(info)
    cart = given_cart(context, input.get("cart_id"))
    cart.gift = {name: value for name, value in input.items() if name != "cart_id"}
    return changed(context, cart)


FIELDS = {
    "Query": {"cart": cart, "customerCart": customer_cart},
    "Mutation": {
        "createEmptyCart": create_empty_cart,
        "createGuestCart": create_guest_cart,
        "mergeCarts": merge_carts,
        "assignCustomerToGuestCart": assign_customer,
        "addProductsToCart": add_products,
        "updateCartItems": update_items,
        "removeItemFromCart": remove_item,
        "clearCart": clear_cart,
        "setGiftOptionsOnCart": set_gift_options,
        "applyCouponToCart": apply_coupon,
        "removeCouponFromCart": remove_coupon,
        "applyCouponsToCart": apply_coupons,
        "removeCouponsFromCart": remove_coupons,
    },
}
