"""Checkout for guests: what is done, what is missing, which choices there are, and the order."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from enum import Enum

import orjson
import strawberry

from app.auth.sessions import SessionEnded
from app.commerce.orders import OrderPending, OrderRefused
from app.errors import BadInput, StateUnavailable, UpstreamError, UpstreamInvalid
from app.storefront.addresses import Address, AddressInput, commerce_address
from app.storefront.basket import Basket
from app.storefront.cart import Cart
from app.storefront.common import Money, Node, described, present
from app.storefront.context import Info
from app.storefront.links import Links, plain
from app.storefront.user_errors import CartGone, Mendable, UserError, UserErrors, code_of
from app.telemetry import log

CHECKOUT = frozenset({"checkout"})
MAX_NUMBER = 64


@strawberry.enum(description="A step of the checkout.")
class CheckoutStep(Enum):
    LINES = strawberry.enum_value("LINES", description="Something in the cart.")
    EMAIL = strawberry.enum_value("EMAIL", description="The e-mail address.")
    SHIPPING_ADDRESS = strawberry.enum_value("SHIPPING_ADDRESS", description="Where the order is sent.")
    SHIPPING_METHOD = strawberry.enum_value("SHIPPING_METHOD", description="How it is sent.")
    BILLING_ADDRESS = strawberry.enum_value("BILLING_ADDRESS", description="Who pays.")
    PAYMENT_METHOD = strawberry.enum_value("PAYMENT_METHOD", description="How it is paid.")


@strawberry.type(description="A way to send the order.")
class ShippingMethod:
    carrier: str = described("The carrier's code.")
    method: str = described("The method's code.")
    title: str = described("Both in words.")
    available: bool = described("Whether it can be chosen.")
    message: str | None = described("Why it cannot be chosen.")
    price: Money | None = described("What it costs, without taxes.")
    price_with_tax: Money | None = described("What it costs with taxes, where Commerce tells.")

    @classmethod
    def of(cls, node: Node, links: Links) -> ShippingMethod:
        """From one of Commerce's shipping methods, offered or selected."""
        titles = [plain(node.get("carrier_title")) or "", plain(node.get("method_title")) or ""]
        return cls(
            carrier=str(node.get("carrier_code") or ""),
            method=str(node.get("method_code") or ""),
            title=" - ".join(filter(None, titles)),
            available=node.get("available") is not False,
            message=node.get("error_message") or None,
            price=Money.of(node.get("amount"), links.currency),
            price_with_tax=Money.of(node.get("price_incl_tax"), links.currency),
        )


@strawberry.type(description="A way to pay.")
class PaymentMethod:
    code: str = described("The method's code.")
    title: str = described("The method in words.")


@strawberry.type(description="Terms that the shop wants agreed to before an order.")
class Agreement:
    id: strawberry.ID = described("The identifier, for `checkoutPlaceOrder`.")
    name: str = described("The name.")
    text: str = described("What the shopper agrees to, beside a box to tick.")
    content: str = described("The terms, as HTML that is safe to show.")
    required: bool = described("Whether the shopper must tick the box; if not, ordering means agreeing.")

    @classmethod
    def of(cls, node: Node, links: Links) -> Agreement:
        """From Commerce's `CheckoutAgreement`."""
        content = str(node.get("content") or "")
        return cls(
            id=strawberry.ID(str(node["agreement_id"])),
            name=plain(node.get("name")) or "",
            text=plain(node.get("checkbox_text")) or "",
            content=(links.html(content) if node.get("is_html") else links.html(_escaped(content))) or "",
            required=node.get("mode") == "MANUAL",
        )


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


@strawberry.type(description="How far the checkout is.")
class Checkout:
    cart: Cart = described("What is ordered.")
    email: str | None = described("The guest's e-mail address.")
    shipping_address: Address | None = described("Where the order is sent.")
    billing_address: Address | None = described("Who pays.")
    shipping_methods: list[ShippingMethod] = described("The ways to send it, once there is an address.")
    shipping_method: ShippingMethod | None = described("The chosen way to send it.")
    payment_methods: list[PaymentMethod] = described("The ways to pay.")
    payment_method: PaymentMethod | None = described("The chosen way to pay.")
    missing: list[CheckoutStep] = described("What is still missing, in the order in which it is asked for.")
    ready: bool = described("Whether the order can be placed.")

    @classmethod
    def of(cls, node: Node, links: Links, can_order: bool) -> Checkout:
        """From Commerce's `Cart`; `can_order` says whether this installation places orders at all."""
        shipping = next(iter(present(node.get("shipping_addresses"))), {})
        chosen = shipping.get("selected_shipping_method")
        payment = node.get("selected_payment_method") or {}
        checkout = cls(
            cart=Cart.of(node, links),
            email=node.get("email") or None,
            shipping_address=Address.of(shipping),
            billing_address=Address.of(node.get("billing_address")),
            shipping_methods=[
                ShippingMethod.of(method, links) for method in present(shipping.get("available_shipping_methods"))
            ],
            shipping_method=ShippingMethod.of(chosen, links) if chosen else None,
            payment_methods=[
                PaymentMethod(code=str(method.get("code")), title=plain(method.get("title")) or "")
                for method in present(node.get("available_payment_methods"))
            ],
            payment_method=PaymentMethod(code=payment["code"], title=plain(payment.get("title")) or "")
            if payment.get("code")
            else None,
            missing=[],
            ready=False,
        )
        checkout.missing = checkout._missing()
        checkout.ready = can_order and not checkout.missing
        return checkout

    def _missing(self) -> list[CheckoutStep]:
        shipped = not self.cart.is_virtual
        steps = (
            (CheckoutStep.LINES, bool(self.cart.lines)),
            (CheckoutStep.EMAIL, self.email is not None),
            (CheckoutStep.SHIPPING_ADDRESS, not shipped or self.shipping_address is not None),
            (CheckoutStep.SHIPPING_METHOD, not shipped or self.shipping_method is not None),
            (CheckoutStep.BILLING_ADDRESS, self.billing_address is not None),
            (CheckoutStep.PAYMENT_METHOD, self.payment_method is not None),
        )
        return [step for step, done in steps if not done]

    @strawberry.field(description="The terms that the shop wants agreed to.")
    async def agreements(self, info: Info) -> list[Agreement] | None:
        return [Agreement.of(node, info.context.links) for node in await _agreements(info)]


async def _agreements(info: Info) -> list[Node]:
    reply = await info.context.read("Agreements")
    return [node for node in present(reply.root("checkoutAgreements")) if node.get("agreement_id") is not None]


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
class CheckoutQuery:
    @strawberry.field(description="How far the checkout is, or null as long as there is no cart.")
    async def checkout(self, info: Info) -> Checkout | None:
        try:
            node = await Basket(info.context).read(CHECKOUT)
        except CartGone:
            return None
        return Checkout.of(node, info.context.links, info.context.orders.available) if node else None


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
        sent = {"address": {"address": commerce_address(address, "address")}}
        payload = await _step(info, "SetShippingAddress", "setShippingAddressesOnCart", sent, "address")
        if not same_for_billing or payload.user_errors:
            return payload
        same = {"address": {"same_as_shipping": True}}
        return await _step(info, "SetBillingAddress", "setBillingAddressOnCart", same, "address")

    @strawberry.mutation(description="Sets who pays.", extensions=[UserErrors(CheckoutPayload)])
    async def checkout_set_billing_address(self, info: Info, address: AddressInput) -> CheckoutPayload:
        sent = {"address": {"address": commerce_address(address, "address")}}
        return await _step(info, "SetBillingAddress", "setBillingAddressOnCart", sent, "address")

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
        agreed = sorted({str(each) for each in agreements or ()})
        session = await info.context.shopper.opened()
        if session is None:
            raise _no_session()
        fingerprint = hashlib.sha256(orjson.dumps({"agreements": agreed})).digest()

        async def place() -> bytes:
            return (await _place(info, agreed)).encode()

        scope = hashlib.sha256(session.token.encode()).hexdigest()
        try:
            number = await info.context.once.run(scope, idempotency_key, fingerprint, place, pending=OrderPending)
        except SessionEnded:
            # It ended while this call was under way: to the shopper that is the same as a moment earlier.
            raise _no_session() from None
        return PlaceOrderPayload(number=number.decode())


def _no_session() -> Mendable:
    return Mendable("CART_EXPIRED", "There is no session: it has run out, and its cart with it.")


async def _place(info: Info, agreed: list[str]) -> str:
    """Places the order of the shopper's cart and returns its number.

    Raises what keeps it from being placed: `SessionEnded` too, but never once there is an order.
    """
    context = info.context
    if not context.orders.available:
        raise StateUnavailable("checkout needs REST credentials and REDIS_STATE_URL")
    basket = Basket(context)
    kept = await basket.kept()
    if kept is None or not kept["made"]:
        number = await basket.last_order()
        if number is not None:
            # Another call of the same shopper has placed the order in the meantime.
            return number
        raise Mendable("CART_EMPTY", "There is nothing in the cart yet.")
    terms = await _agreements(info)
    lacking = [node for node in terms if node.get("mode") == "MANUAL" and str(node["agreement_id"]) not in agreed]
    if lacking:
        raise Mendable("AGREEMENT_REQUIRED", f"Please agree to: {plain(lacking[0].get('name'))}.", ("agreements",))
    cart_id = str(kept["id"])
    quote = kept.get("quote")
    if quote is None:
        # Kept, so that this shopper's other calls need not ask Commerce for it again.
        quote = await context.orders.quote_id(cart_id, context.store)
        await basket.note(cart_id, quote=quote)
    try:
        placed = await context.orders.place(cart_id, int(quote), context.store)
    except OrderRefused as refused:
        raise Mendable(code_of(refused.reason), refused.reason) from None
    await _record_agreements(info, int(quote), placed.order_id, terms, agreed)
    try:
        await basket.ordered(cart_id, placed.number)
    except (SessionEnded, StateUnavailable) as error:
        # There is an order, and whoever asked for it must hear of it, whether or not we can remember it.
        log.warning("checkout.order_unkept", quote=quote, code=error.code)
    return placed.number


async def _record_agreements(
    info: Info, quote: int, order_id: int | None, terms: list[Node], agreed: list[str]
) -> None:
    """Notes on the order what was agreed to. The order stands whatever becomes of the note."""
    named = [str(node.get("name")) for node in terms if str(node["agreement_id"]) in agreed]
    if not named:
        return
    orders = info.context.orders
    try:
        if order_id is None:
            placed = await orders.find(quote)
            order_id = placed.order_id if placed else None
        if order_id is None:
            raise UpstreamInvalid("the order that was placed is not listed")
        await orders.comment(order_id, f"The shopper agreed to: {', '.join(named)}.")
    except UpstreamError as error:
        log.error("checkout.agreement_unrecorded", quote=quote, code=error.code, detail=error.detail)


async def _step(info: Info, operation: str, root: str, variables: Mapping[str, object], *path: str) -> CheckoutPayload:
    """Takes a step of the checkout; what the shopper can mend comes beside the checkout as it is."""
    context = info.context
    node, errors = await Basket(context).change(operation, root, variables, CHECKOUT, *path)
    shown = Checkout.of(node, context.links, context.orders.available) if node is not None else None
    return CheckoutPayload(checkout=shown, user_errors=errors)
