"""Which function answers which field. A coordinate that a version's schema lacks is simply not attached."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from . import (
    account,
    accounts,
    attributes,
    cart_edits,
    cart_view,
    catalog,
    categories,
    checkout,
    content,
    ordering,
    product_types,
    products,
    reordering,
    stores,
)

Resolver: TypeAlias = Callable[..., Any]

RESOLVERS: dict[str, dict[str, Resolver]] = {}
_SHOP = (account, accounts, attributes, catalog, categories, content, products, product_types, stores)
for module in (*_SHOP, cart_view, cart_edits, checkout, ordering, reordering):
    for owner, fields in module.FIELDS.items():
        RESOLVERS.setdefault(owner, {}).update(fields)
