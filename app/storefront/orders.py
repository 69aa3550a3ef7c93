"""Orders as shoppers see them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import strawberry

from app.commerce.guest_orders import Wanted
from app.errors import BadRequest
from app.storefront.addresses import Address
from app.storefront.cart import CartAmount, ChosenOption
from app.storefront.common import Money, Node, described, present
from app.storefront.context import Info
from app.storefront.links import Links, plain


@strawberry.type(description="A line of an order.")
class OrderLine:
    sku: str = described("The SKU that was sold; of a product with variants the variant's.")
    name: str = described("The product's name when it was sold.")
    options: list[ChosenOption] = described("What was chosen, where Commerce tells (GraphQL, 2.4.7 and later).")
    price: Money | None = described("The price of one.")
    total: Money | None = described("The price of all, without taxes and before discounts.")
    quantity: Decimal = described("How many were ordered.")
    quantity_shipped: Decimal = described("How many were sent.")
    quantity_canceled: Decimal = described("How many were canceled.")
    quantity_refunded: Decimal = described("How many were paid back.")

    @classmethod
    def of(cls, node: Node, currency: str) -> OrderLine:
        """From one of Commerce's `OrderItemInterface`."""
        price = Money.of(node.get("product_sale_price"), currency)
        quantity = _count(node, "ordered")
        total = Money.of((node.get("prices") or {}).get("row_total"), currency)
        if total is None and price is not None:
            # Before 2.4.8 GraphQL does not tell it.
            total = Money.exact(str(price.amount * quantity), price.currency)
        return cls(
            sku=node.get("product_sku") or "",
            name=plain(node.get("product_name")) or "",
            options=[
                ChosenOption(label=plain(option.get("label")) or "", value=plain(option.get("value")) or "")
                for option in present(node.get("selected_options"))
            ],
            price=price,
            total=total,
            quantity=quantity,
            quantity_shipped=_count(node, "shipped"),
            quantity_canceled=_count(node, "canceled"),
            quantity_refunded=_count(node, "refunded"),
        )


def _count(node: Node, what: str) -> Decimal:
    return Decimal(str(node.get(f"quantity_{what}") or 0))


@strawberry.type(description="What an order cost.")
class OrderTotals:
    subtotal: Money | None = described("All lines, without taxes and before discounts.")
    discounts: list[CartAmount] = described("The discounts.")
    shipping: Money | None = described("The shipping.")
    tax: Money | None = described("All taxes.")
    grand_total: Money | None = described("What was to be paid.")

    @classmethod
    def of(cls, node: Node | None, currency: str) -> OrderTotals:
        """From Commerce's `OrderTotal`."""
        total = node or {}
        return cls(
            subtotal=Money.of(total.get("subtotal"), currency),
            discounts=CartAmount.all_of(total.get("discounts"), currency),
            shipping=Money.of(total.get("total_shipping"), currency),
            tax=Money.of(total.get("total_tax"), currency),
            grand_total=Money.of(total.get("grand_total"), currency),
        )


@strawberry.type(description="An order.")
class Order:
    number: str = described("The order's number.")
    placed_at: str | None = described(
        "When it was placed, as Commerce tells it: year-month-day hour:minute:second, over REST in UTC."
    )
    status: str | None = described("How far it is, in words.")
    email: str | None = described("The e-mail address.")
    lines: list[OrderLine] = described("What was ordered.")
    totals: OrderTotals = described("What it cost.")
    coupons: list[str] = described("The coupons that were applied.")
    shipping_address: Address | None = described("Where it is sent; null when nothing is.")
    billing_address: Address | None = described("Who pays.")
    shipping_method: str | None = described("How it is sent, in words.")
    payment_methods: list[str] = described("How it is paid, in words.")

    @classmethod
    def of(cls, node: Node, links: Links) -> Order:
        """From Commerce's `CustomerOrder`."""
        return cls(**cls.told(node, links))

    @staticmethod
    def told(node: Node, links: Links) -> dict[str, Any]:
        """What every order tells, from Commerce's `CustomerOrder`."""
        return {
            "number": str(node.get("number") or ""),
            "placed_at": node.get("order_date"),
            "status": plain(node.get("status")) or None,
            "email": node.get("email"),
            "lines": [OrderLine.of(line, links.currency) for line in present(node.get("items"))],
            "totals": OrderTotals.of(node.get("total"), links.currency),
            "coupons": [str(coupon["code"]) for coupon in present(node.get("applied_coupons"))],
            "shipping_address": Address.of_order(node.get("shipping_address")),
            "billing_address": Address.of_order(node.get("billing_address")),
            "shipping_method": plain(node.get("shipping_method")) or None,
            "payment_methods": [plain(each.get("name")) or "" for each in present(node.get("payment_methods"))],
        }


@strawberry.type
class OrderQuery:
    @strawberry.field(
        description=(
            "A guest's order; null, whichever of the four is not the order's. Orders of customers with an account are"
            " not shown here. Too many failures: TOO_MANY_ATTEMPTS. Asked by POST only: URLs are logged on their way."
        )
    )
    async def guest_order(
        self, info: Info, number: str, email: str, last_name: str, postcode: str | None = None
    ) -> Order | None:
        context = info.context
        if context.in_url:
            raise BadRequest("guestOrder is asked by POST: what is in a URL is logged on its way")
        wanted = Wanted(number.strip(), email, last_name, postcode or "")
        caller = context.caller
        node = await context.guest_orders.find(wanted, caller.network, context.store, caller.handed_on)
        return Order.of(node, context.links) if node else None
