"""What a product costs and whether it can be bought, derived the way Magento's price and stock indexers derive it.

Amounts are in the base currency; `money` converts one for showing. Products are looked up through `view`, which hands
out what the indexer last saw.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from .model import Bundle, BundleOption, Configurable, Grouped, Product

View: TypeAlias = Callable[[str], Product | None]


@dataclass(slots=True, frozen=True)
class Prices:
    """Lowest and highest price of a product for one customer group."""

    regular_min: float
    final_min: float
    regular_max: float
    final_max: float


def money(amount: float, rate: float = 1.0) -> float:
    """An amount in another currency, rounded to two decimals, half up. Whole amounts are ints, as PHP writes them."""
    cents = int(amount * rate * 100 + 0.500001)
    whole, rest = divmod(cents, 100)
    return cents / 100 if rest else whole


def percent(part: float, whole: float) -> float:
    """How many percent of the whole, with two decimals."""
    return money(part / whole * 100) if whole else 0


def prices(product: Product, group: int, view: View) -> Prices:
    """Price range for one customer group, as `price_range` reports it (gql-030, gql-071 to gql-074)."""
    parts = product.parts
    if isinstance(parts, Configurable):
        found = _found(parts.children, view)
        return _range(
            [prices(child, group, view) for child in found if salable(child, view)]
            or [prices(child, group, view) for child in found]
        )
    if isinstance(parts, Grouped):
        # The maximum of a grouped product is its minimum (gql-073: straps of 14, 17 and 21; both say 14).
        members = [prices(member, group, view) for member in _found((sku for sku, _ in parts.members), view)]
        low = _range(members)
        return Prices(low.regular_min, low.final_min, low.regular_min, low.final_min)
    if isinstance(parts, Bundle):
        return _bundle(parts.options, group, view)
    final = product.price
    if product.special_price is not None:
        final = min(final, product.special_price)
    for tier in product.tiers:
        if tier.quantity == 1 and tier.group in (None, group):
            final = min(final, tier.price)
    return Prices(product.price, final, product.price, final)


def salable(product: Product, view: View) -> bool:
    """Whether the product can be bought now: a composite one can when enough of its parts can."""
    if not product.in_stock:
        return False
    parts = product.parts
    if isinstance(parts, Configurable):
        return any(salable(child, view) for child in _found(parts.children, view))
    if isinstance(parts, Grouped):
        return any(salable(member, view) for member in _found((sku for sku, _ in parts.members), view))
    if isinstance(parts, Bundle):
        return all(
            any(salable(one, view) for one in _found((s.sku for s in option.selections), view))
            for option in parts.options
            if option.required
        )
    return product.kind in ("virtual", "downloadable") or product.qty > 0


def part_skus(product: Product) -> list[str]:
    """The SKUs of the products that this one is made of."""
    parts = product.parts
    if isinstance(parts, Configurable):
        return list(parts.children)
    if isinstance(parts, Grouped):
        return [sku for sku, _ in parts.members]
    if isinstance(parts, Bundle):
        return [selection.sku for option in parts.options for selection in option.selections]
    return []


def _found(skus: Iterable[str], view: View) -> list[Product]:
    return [product for product in map(view, skus) if product is not None]


def _range(several: list[Prices]) -> Prices:
    if not several:
        return Prices(0, 0, 0, 0)
    low = min(several, key=lambda one: one.final_min)
    high = max(several, key=lambda one: one.final_max)
    return Prices(low.regular_min, low.final_min, high.regular_max, high.final_max)


def _bundle(options: tuple[BundleOption, ...], group: int, view: View) -> Prices:
    low = high = regular_low = regular_high = 0.0
    for option in options:
        costs = []
        for selection in option.selections:
            product = view(selection.sku)
            if product is not None and salable(product, view):
                price = prices(product, group, view)
                costs.append((price.final_min * selection.quantity, price.regular_min * selection.quantity))
        if not costs:
            continue
        if option.required:
            low += min(costs)[0]
            regular_low += min(costs)[1]
        many = option.kind in ("checkbox", "multi")
        high += sum(cost for cost, _ in costs) if many else max(costs)[0]
        regular_high += sum(cost for _, cost in costs) if many else max(costs)[1]
    return Prices(regular_low, low, regular_high, high)
