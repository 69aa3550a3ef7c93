"""Which function answers which field. A coordinate that a version's schema lacks is simply not attached."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from . import accounts, attributes, catalog, categories, content, product_types, products, stores

Resolver: TypeAlias = Callable[..., Any]

RESOLVERS: dict[str, dict[str, Resolver]] = {}
for module in (accounts, attributes, catalog, categories, content, products, product_types, stores):
    for owner, fields in module.FIELDS.items():
        RESOLVERS.setdefault(owner, {}).update(fields)
