"""The steps of the checkout, and the order at its end."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson
import strawberry

from app.auth.sessions import SessionEnded
from app.commerce.client import NOT_FOUND, UNAUTHORIZED
from app.commerce.orders import OrderPending, OrderRefused
from app.commerce.placing import Placed
from app.errors import BadInput, StateUnavailable, UpstreamError, UpstreamFailed, VitrineError
from app.idempotency import IdempotencyConflict
from app.storefront.addresses import AddressInput, at_fields, commerce_address
from app.storefront.basket import Basket
from app.storefront.checkout import CHECKOUT, Checkout, agreements_of
from app.storefront.common import Node, described
from app.storefront.context import Info
from app.storefront.links import plain
from app.storefront.shopper import Shopper
from app.storefront.user_errors import UNKNOWN, CartGone, Mendable, UserError, UserErrors, code_of, is_gone, says_gone
from app.telemetry import log

MAX_NUMBER = 64
GONE = ("CART_NOT_FOUND", "CART_NOT_ACTIVE")  # of Commerce's PlaceOrderErrorCodes
PICKUP = ("instore", "pickup")  # the carrier and method of Magento_InventoryInStorePickup


class CheckoutUnavailable(VitrineError):
    """No order could be placed at the end, so no checkout begins: REST credentials or REDIS_STATE_URL are missing."""

    code = "CHECKOUT_UNAVAILABLE"
    status = 503
    public = "This shop takes no orders right now."


@strawberry.type(description="The checkout after a step, or what kept it from being taken.")
class CheckoutPayload:
    checkout: Checkout | None = described("How far the checkout is now.", default=None)
    user_errors: list[UserError] = described("What the shopper can mend.", default_factory=list)


@strawberry.type(description="The order, or why there is none yet.")
class PlaceOrderPayload:
    number: str | None = described("The order's number.", default=None)
    user_errors: list[UserError] = described(
        "What the shopper can mend. ORDER_PENDING: it is not known yet whether the order was placed; ask again with the"
        " same idempotency key.",
        default_factory=list,
    )


@strawberry.type
class CheckoutMutation:
    @strawberry.mutation(description="Sets the guest's e-mail address.", extensions=[UserErrors(CheckoutPayload)])
    async def checkout_set_email(self, info: Info, email: str) -> CheckoutPayload:
        return await _step(info, "SetEmail", "setGuestEmailOnCart", {"email": email.strip()}, "email")

    @strawberry.mutation(
        description="Sets where the order is sent, and if asked for the same as who pays.",
        extensions=[UserErrors(CheckoutPayload)],
    )
    async def checkout_set_shipping_address(
        self, info: Info, address: AddressInput, same_for_billing: bool = False
    ) -> CheckoutPayload:
        payload = await _address_step(info, "SetShippingAddress", "setShippingAddressesOnCart", address)
        if not same_for_billing or payload.user_errors:
            return payload
        same = {"address": {"same_as_shipping": True}}
        payload = await _step(info, "SetBillingAddress", "setBillingAddressOnCart", same, "address")
        payload.user_errors = at_fields(payload.user_errors, address, "address")
        return payload

    @strawberry.mutation(description="Sets who pays.", extensions=[UserErrors(CheckoutPayload)])
    async def checkout_set_billing_address(self, info: Info, address: AddressInput) -> CheckoutPayload:
        return await _address_step(info, "SetBillingAddress", "setBillingAddressOnCart", address)

    @strawberry.mutation(
        description="Chooses to pick the order up at one of `pickupLocations`, whose address it then is sent to.",
        extensions=[UserErrors(CheckoutPayload)],
    )
    async def checkout_set_pickup(self, info: Info, location: str) -> CheckoutPayload:
        sent = {"address": {"pickup_location_code": location}}
        payload = await _step(info, "SetShippingAddress", "setShippingAddressesOnCart", sent, "location")
        if payload.user_errors:
            return payload
        carrier, method = PICKUP
        chosen = {"carrier": carrier, "method": method}
        return await _step(info, "SetShippingMethod", "setShippingMethodsOnCart", chosen, "location")

    @strawberry.mutation(description="Chooses how the order is sent.", extensions=[UserErrors(CheckoutPayload)])
    async def checkout_set_shipping_method(self, info: Info, carrier: str, method: str) -> CheckoutPayload:
        sent = {"carrier": carrier, "method": method}
        return await _step(info, "SetShippingMethod", "setShippingMethodsOnCart", sent, "method")

    @strawberry.mutation(
        description="Chooses how the order is paid, of the ways that need no payment provider.",
        extensions=[UserErrors(CheckoutPayload)],
    )
    async def checkout_set_payment_method(
        self, info: Info, code: str, purchase_order_number: str | None = None
    ) -> CheckoutPayload:
        _check_available(info)
        if code not in info.context.payment_methods:
            raise _no_such_payment(("code",))
        method: dict[str, object] = {"code": code}
        if purchase_order_number is not None:
            if not 0 < len(purchase_order_number.strip()) <= MAX_NUMBER:
                raise BadInput("purchaseOrderNumber", f"must have between 1 and {MAX_NUMBER} characters")
            method["purchase_order_number"] = purchase_order_number.strip()
        elif code == "purchaseorder":
            # Commerce itself takes a purchase order without a number (recording cart-064).
            raise BadInput("purchaseOrderNumber", "is needed for this way to pay")
        return await _step(info, "SetPaymentMethod", "setPaymentMethodOnCart", {"method": method}, "code")

    @strawberry.mutation(
        description="Places the order, exactly once: the same idempotency key gets the same answer for 24 hours.",
        extensions=[UserErrors(PlaceOrderPayload)],
    )
    async def checkout_place_order(
        self, info: Info, idempotency_key: str, agreements: list[strawberry.ID] | None = None
    ) -> PlaceOrderPayload:
        _check_available(info)
        agreed = sorted({str(each) for each in agreements or ()})
        shopper, website = info.context.shopper, Basket(info.context).website
        session = await shopper.opened()
        if session is None:
            # Told with this: the next change has no need to say it again.
            await shopper.tell_loss(website)
            raise _no_session()
        fingerprint = hashlib.sha256(orjson.dumps({"agreements": agreed, "website": website})).digest()

        async def place() -> bytes:
            return (await _place(info, agreed, idempotency_key)).encode()

        scope = hashlib.sha256(session.token.encode()).hexdigest()
        try:
            number = await info.context.once.run(scope, idempotency_key, fingerprint, place, pending=OrderPending)
        except SessionEnded:
            # It ended while this call was under way: to the shopper that is the same as a moment earlier.
            raise _no_session() from None
        return PlaceOrderPayload(number=number.decode())


def _no_such_payment(path: tuple[str, ...]) -> Mendable:
    return Mendable("PAYMENT_METHOD_UNAVAILABLE", "This way to pay is not offered.", path)


async def _check_payment(info: Info, cart_id: str) -> None:
    """Raises `Mendable` for a cart that is to be paid in a way that needs a provider: nobody would be paid.

    No checkout of ours chooses one. But the settings may have changed since, and the shop's own modules choose too.
    """
    reply = await info.context.fresh("CartPayment", (), {"cartId": cart_id})
    unread = [problem for problem in reply.problems if not is_gone(problem, "Cart")]
    if unread:
        raise UpstreamFailed(f"CartPayment: {unread[0].message}", unread[0].category)
    # Of a cart that is no more there may be an order, which is found by the cart's number.
    code = ((reply.data.get("cart") or {}).get("selected_payment_method") or {}).get("code")
    if code and code not in info.context.payment_methods:
        raise _no_such_payment(())


def _no_session() -> Mendable:
    return Mendable("CART_EXPIRED", "There is no session: it has run out, and its cart with it.")


async def _place(info: Info, agreed: list[str], key: str) -> str:
    """Places the order of the shopper's cart and returns its number.

    Raises what keeps it from being placed: `SessionEnded` too, but never once there is an order.
    """
    context = info.context
    basket = Basket(context)
    # The same key is about the same cart for ever, whatever the shopper has begun since. Else it is his cart; or the
    # one that was lost, which an order of unknown outcome may have ended: that is found by the cart's number.
    shopper, website = context.shopper, basket.website
    tied = await shopper.bound(website, key)
    kept = tied or await _to_order(basket, shopper)
    if kept is None or not kept["made"]:
        number = await shopper.last_order(website)
        if number is not None:
            # Another call of the same shopper has placed the order in the meantime.
            return number
        raise _nothing()
    if tied is not None and tied.get("agreed", agreed) != agreed:
        # What was agreed to is noted on the order, which may be on its way.
        raise IdempotencyConflict
    terms = await _terms(info, agreed)
    cart_id = str(kept["id"])
    await context.signed_in.own(kept)
    if tied is None:
        await _check_payment(info, cart_id)
    quote = kept.get("quote")
    if quote is None:
        try:
            quote = await _quote(info, kept)
        except UpstreamFailed as error:
            if error.category != NOT_FOUND:
                raise
            await shopper.ordered(website, cart_id, None)
            raise _gone(kept) from None
    await shopper.bind(website, key, cart_id, int(quote), agreed)
    try:
        placed = await _placed(info, cart_id, int(quote))
    except OrderPending:
        # Nobody may come back for it: this is then what the shop has of the shopper's word.
        if note := agreement_note(terms, agreed):
            log.warning("checkout.agreed_pending", quote=int(quote), note=note)
        raise
    except OrderRefused as refused:
        if await _is_gone(basket, cart_id, refused):
            await shopper.unbind(website, key)
            await shopper.ordered(website, cart_id, None)
            raise _gone(kept) from None
        raise Mendable(code_of(refused.reason, "PlaceOrder"), refused.reason) from None
    await _record_agreements(info, int(quote), placed.order_id, terms, agreed)
    try:
        await shopper.ordered(website, cart_id, placed.number)
    except (SessionEnded, StateUnavailable) as error:
        # There is an order, and whoever asked for it must hear of it, whether or not we can remember it.
        log.warning("checkout.order_unkept", quote=quote, code=error.code)
    return placed.number


async def _to_order(basket: Basket, shopper: Shopper) -> Mapping[str, Any] | None:
    """The cart that a call without a cart of its own is about; none once it was ordered, for a customer too."""
    known = await shopper.cart(basket.website) or await shopper.lost_cart(basket.website)
    return (await basket.kept(changing=True) or known) if known is not None else None


async def _quote(info: Info, kept: Mapping[str, Any]) -> int:
    """The cart's number. Raises `UpstreamFailed` of the category `graphql-no-such-entity` for one that is no more."""
    context = info.context
    cart_id = str(kept["id"])
    if await context.signed_in.own(kept) is None:
        return await context.orders.quote_id(cart_id, context.store, context.caller.handed_on)
    own = (await context.fresh("CustomerCart", (), {})).root("customerCart")
    signed = await context.signed_in.customer()
    if not own or own["id"] != cart_id or signed is None:
        raise UpstreamFailed("CustomerCart: it is another cart now", NOT_FOUND)
    return await context.orders.own_quote_id(signed.token, context.store)


async def _placed(info: Info, cart_id: str, quote: int) -> Placed:
    """The order; with another token where Commerce refused the customer's. Raises as `Orders.place`."""
    context = info.context
    signed = await context.signed_in.asker(cart_id)
    try:
        return await context.orders.place(cart_id, quote, context.store, await context.headers(cart_id))
    except OrderRefused as refused:
        again = await context.signed_in.renewed(signed) if signed and refused.category == UNAUTHORIZED else None
        if again is None:
            raise
    return await context.orders.place(cart_id, quote, context.store, await context.headers(cart_id))


async def _terms(info: Info, agreed: list[str]) -> list[Node]:
    """The shop's terms as they are now. Raises `Mendable` for one that must be agreed to and was not."""
    terms = await agreements_of(info, fresh=True)
    lacking = [node for node in terms if node.get("mode") == "MANUAL" and str(node["agreement_id"]) not in agreed]
    if lacking:
        raise Mendable("AGREEMENT_REQUIRED", f"Please agree to: {plain(lacking[0].get('name'))}.", ("agreements",))
    return terms


def _nothing() -> Mendable:
    return Mendable("CART_EMPTY", "There is nothing in the cart yet.")


def _gone(kept: Mapping[str, Any]) -> CartGone | Mendable:
    """What is told of a cart that was not ordered and is no more; whoever knows that already has none."""
    return _nothing() if kept.get("told") else CartGone()


async def _is_gone(basket: Basket, cart_id: str, refused: OrderRefused) -> bool:
    """Whether a cart was refused because it cannot be used any more. What says so in no words that we know, in another
    language say, the cart itself tells."""
    if refused.category in GONE or says_gone(refused.reason):
        return True
    return code_of(refused.reason) == UNKNOWN and not await basket.is_there(cart_id)


async def _record_agreements(
    info: Info, quote: int, order_id: int | None, terms: list[Node], agreed: list[str]
) -> None:
    """Notes on the order what was agreed to. The order stands whatever becomes of the note: what could not be noted is
    in the log, for the shop to add by hand."""
    note = agreement_note(terms, agreed)
    if not note:
        return
    try:
        await info.context.orders.comment_once(quote, order_id, note)
    except (UpstreamError, StateUnavailable) as error:
        log.error("checkout.agreement_unrecorded", quote=quote, note=note, code=error.code, detail=error.detail)


def agreement_note(terms: list[Node], agreed: list[str]) -> str:
    """What was agreed to, as a sentence each for boxes that were ticked and for terms that ordering agrees to."""
    ticked = [node for node in terms if str(node["agreement_id"]) in agreed]
    others = [node for node in terms if node not in ticked and node.get("mode") == "AUTO"]
    said = (("The shopper agreed to", ticked), ("By ordering the shopper agreed to", others))
    return " ".join(
        f"{how}: {', '.join(plain(node.get('name')) or '' for node in nodes)}." for how, nodes in said if nodes
    )


async def _step(info: Info, operation: str, root: str, variables: Mapping[str, object], *path: str) -> CheckoutPayload:
    """Takes a step of the checkout; what the shopper can mend comes beside the checkout as it is."""
    _check_available(info)
    context = info.context
    node, errors = await Basket(context).change(operation, root, variables, CHECKOUT, *path)
    if node is None:
        return CheckoutPayload(user_errors=errors)
    shown = Checkout.of(node, context.links, context.payment_methods, can_order=True)
    return CheckoutPayload(checkout=shown, user_errors=errors)


async def _address_step(info: Info, operation: str, root: str, address: AddressInput) -> CheckoutPayload:
    """Sets an address; what Commerce has against it comes at the field that it is about."""
    _check_available(info)
    sent = {"address": {"address": await commerce_address(info.context, address, "address")}}
    payload = await _step(info, operation, root, sent, "address")
    payload.user_errors = at_fields(payload.user_errors, address, "address")
    return payload


def _check_available(info: Info) -> None:
    if not info.context.orders.available:
        raise CheckoutUnavailable("checkout needs REST credentials and REDIS_STATE_URL")
