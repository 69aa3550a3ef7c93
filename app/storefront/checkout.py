"""Checkout for guests: what is done, what is missing, which choices there are, and the order."""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum

import strawberry

from app.storefront.addresses import Address
from app.storefront.basket import Basket
from app.storefront.cart import Cart, can_be_bought
from app.storefront.common import Node, described, present
from app.storefront.context import Info
from app.storefront.links import Links, plain
from app.storefront.shipping import ShippingMethod

CHECKOUT = frozenset({"checkout"})


@strawberry.enum(description="A step of the checkout.")
class CheckoutStep(Enum):
    LINES = strawberry.enum_value("LINES", description="Something in the cart, and all of it can be bought.")
    EMAIL = strawberry.enum_value("EMAIL", description="The e-mail address.")
    SHIPPING_ADDRESS = strawberry.enum_value("SHIPPING_ADDRESS", description="Where the order is sent.")
    SHIPPING_METHOD = strawberry.enum_value("SHIPPING_METHOD", description="How it is sent.")
    BILLING_ADDRESS = strawberry.enum_value("BILLING_ADDRESS", description="Who pays.")
    PAYMENT_METHOD = strawberry.enum_value("PAYMENT_METHOD", description="How it is paid.")


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
    ready: bool = described("Whether the order can be placed, and is not being placed.")

    @classmethod
    def of(cls, node: Node, links: Links, offline: Collection[str], *, can_order: bool) -> Checkout:
        """From Commerce's `Cart`; `offline` are the codes of the payment methods that are taken, and `can_order` says
        whether its order can be placed, if nothing is missing."""
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
                if method.get("code") in offline
            ],
            payment_method=PaymentMethod(code=payment["code"], title=plain(payment.get("title")) or "")
            if payment.get("code") in offline
            else None,
            missing=[],
            ready=False,
        )
        checkout.missing = checkout._missing(buyable=all(map(can_be_bought, node.get("items") or ())))
        checkout.ready = can_order and not checkout.missing
        return checkout

    def _missing(self, *, buyable: bool) -> list[CheckoutStep]:
        shipped = not self.cart.is_virtual
        steps = (
            (CheckoutStep.LINES, bool(self.cart.lines) and buyable),
            (CheckoutStep.EMAIL, self.email is not None),
            (CheckoutStep.SHIPPING_ADDRESS, not shipped or self.shipping_address is not None),
            (CheckoutStep.SHIPPING_METHOD, not shipped or self.shipping_method is not None),
            (CheckoutStep.BILLING_ADDRESS, self.billing_address is not None),
            (CheckoutStep.PAYMENT_METHOD, self.payment_method is not None),
        )
        return [step for step, done in steps if not done]

    @strawberry.field(description="The terms that the shop wants agreed to.")
    async def agreements(self, info: Info) -> list[Agreement] | None:
        return [Agreement.of(node, info.context.links) for node in await agreements_of(info)]


async def agreements_of(info: Info, *, fresh: bool = False) -> list[Node]:
    """The shop's terms; `fresh` asks Commerce anew, for what must not be passed by."""
    context = info.context
    reply = await (context.fresh("Agreements", (), {}) if fresh else context.read("Agreements"))
    return [node for node in present(reply.root("checkoutAgreements")) if node.get("agreement_id") is not None]


@strawberry.type
class CheckoutQuery:
    @strawberry.field(description="How far the checkout is, or null as long as there is no cart.")
    async def checkout(self, info: Info) -> Checkout | None:
        context = info.context
        basket = Basket(context)
        node = await basket.look(CHECKOUT)
        if not node:
            return None
        can_order = context.orders.available and not await basket.pending()
        return Checkout.of(node, context.links, context.payment_methods, can_order=can_order)
