"""Prices of products."""

from __future__ import annotations

from decimal import Decimal

import strawberry

from app.storefront.common import Money, Node, described, present


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
            amount=Money.exact(node["amount_off"], currency),
            percent=Decimal(str(node.get("percent_off") or 0)),
        )


@strawberry.type(description="A price as it was and as it is.")
class Price:
    regular: Money = described("The price without discounts.")
    final: Money = described("The price to pay for one.")
    discount: Discount | None = described("How much the final price is lower, or null.")

    @classmethod
    def of(cls, node: Node | None, currency: str) -> Price | None:
        """From Commerce's `ProductPrice`; None for a price that the shop hides."""
        final = Money.of(node.get("final_price"), currency) if node else None
        if node is None or final is None:
            return None
        return cls(
            regular=Money.of(node.get("regular_price"), currency) or final,
            final=final,
            discount=Discount.of(node.get("discount"), final.currency),
        )


@strawberry.type(description="A price for buying more of the same.")
class TierPrice:
    quantity: Decimal = described("From how many on.")
    final: Money = described("The price of one then.")
    discount: Discount | None = described("How much that is below the regular price.")

    @classmethod
    def of(cls, node: Node, currency: str) -> TierPrice | None:
        """From Commerce's `TierPrice`; None for a price that the shop hides."""
        final = Money.of(node.get("final_price"), currency)
        if final is None:
            return None
        return cls(
            quantity=Decimal(str(node.get("quantity") or 0)),
            final=final,
            discount=Discount.of(node.get("discount"), final.currency),
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
    def of(cls, node: Node, currency: str) -> ProductPrice | None:
        """From the `price_range` and `price_tiers` of a product; None for a price that the shop hides."""
        span = node.get("price_range") or {}
        minimum = Price.of(span.get("minimum_price"), currency)
        if minimum is None:
            return None
        highest = span.get("maximum_price")
        # Most products have one price; what it is made of need not be made twice.
        same = highest is None or highest == span["minimum_price"]
        tiers = (TierPrice.of(tier, currency) for tier in present(node.get("price_tiers")))
        return cls(
            regular=minimum.regular,
            final=minimum.final,
            discount=minimum.discount,
            minimum=minimum,
            maximum=minimum if same else Price.of(highest, currency) or minimum,
            tiers=[tier for tier in tiers if tier is not None],
        )


@strawberry.type(
    description="What a choice adds to a price: an amount in the shop's base currency, or a percentage of the price."
)
class PriceAdjustment:
    amount: Money | None = described("The amount added, or null when it is a percentage.")
    percent: Decimal | None = described("The percentage added, or null when it is an amount.")

    @classmethod
    def of(cls, node: Node, base_currency: str) -> PriceAdjustment:
        """From the `price` and `price_type` of a choice. Commerce gives these prices as they are kept, unconverted."""
        value = node.get("price") or 0
        if node.get("price_type") == "PERCENT":
            return cls(amount=None, percent=Decimal(str(value)))
        return cls(amount=Money.exact(value, base_currency), percent=None)
