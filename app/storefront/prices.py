"""Prices of products."""

from __future__ import annotations

from decimal import Decimal

import strawberry

from app.storefront.common import Money, Node, described


@strawberry.type(description="How much a final price is below the regular one.")
class Discount:
    amount: Money = described("The difference.")
    percent: Decimal = described("The difference in percent of the regular price.")

    @classmethod
    def of(cls, node: Node | None, currency: str) -> Discount | None:
        """From Commerce's `ProductDiscount`; None where there is no discount."""
        if not node or not node.get("amount_off"):
            return None
        return cls(
            amount=Money.of({"value": node["amount_off"]}, currency),
            percent=Decimal(str(node.get("percent_off") or 0)),
        )


@strawberry.type(description="A price as it was and as it is.")
class Price:
    regular: Money = described("The price without discounts.")
    final: Money = described("The price to pay for one.")
    discount: Discount | None = described("How much the final price is lower, or null.")

    @classmethod
    def of(cls, node: Node, currency: str) -> Price:
        """From Commerce's `ProductPrice`."""
        final = Money.of(node["final_price"], currency)
        return cls(
            regular=Money.of(node.get("regular_price") or node["final_price"], currency),
            final=final,
            discount=Discount.of(node.get("discount"), final.currency),
        )


@strawberry.type(description="A price for buying more of the same.")
class TierPrice:
    quantity: Decimal = described("From how many on.")
    final: Money = described("The price of one then.")
    discount: Discount | None = described("How much that is below the regular price.")

    @classmethod
    def of(cls, node: Node, currency: str) -> TierPrice:
        """From Commerce's `TierPrice`."""
        return cls(
            quantity=Decimal(str(node["quantity"])),
            final=Money.of(node["final_price"], currency),
            discount=Discount.of(node.get("discount"), currency),
        )


@strawberry.type(description="What a product costs: of its lowest price, and the range for products with choices.")
class ProductPrice:
    regular: Money = described("The lowest price without discounts.")
    final: Money = described("The lowest price to pay.")
    discount: Discount | None = described("How much the final price is lower, or null.")
    minimum: Price = described("The lowest price.")
    maximum: Price = described("The highest price; the same as the lowest for products without choices.")
    tiers: list[TierPrice] = described("Prices for buying more of the same.")

    @classmethod
    def of(cls, node: Node, currency: str) -> ProductPrice:
        """From the `price_range` and `price_tiers` of a product."""
        span = node["price_range"]
        minimum = Price.of(span["minimum_price"], currency)
        highest = span.get("maximum_price")
        return cls(
            regular=minimum.regular,
            final=minimum.final,
            discount=minimum.discount,
            minimum=minimum,
            maximum=Price.of(highest, currency) if highest else minimum,
            tiers=[TierPrice.of(tier, currency) for tier in node.get("price_tiers") or ()],
        )


@strawberry.type(description="What a choice adds to a price: an amount, or a percentage of it.")
class PriceAdjustment:
    amount: Money | None = described("The amount added, or null when it is a percentage.")
    percent: Decimal | None = described("The percentage added, or null when it is an amount.")

    @classmethod
    def of(cls, node: Node, currency: str) -> PriceAdjustment:
        """From the `price` and `price_type` of a choice."""
        value = node.get("price") or 0
        if node.get("price_type") == "PERCENT":
            return cls(amount=None, percent=Decimal(str(value)))
        return cls(amount=Money.of({"value": value}, currency), percent=None)
