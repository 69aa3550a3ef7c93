"""How long each operation's answer is good for, and what it depends on: one table for all of them.

Prices and stock change without any time stamp of their own (price rules, date limits, sales), so what has them in it is
fresh for a short while only, whatever else it says. Everything else is fresh longer, because its changes are heard of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.cache import Times

ALL = "all"
CONFIG = "config"
CATEGORIES = "categories"
# What a product may come into, be it new or changed: everything that was found otherwise than by its SKU.
LISTINGS = "listings"
ROUTES = "routes"
UNROUTED = "unrouted"  # URLs that led nowhere
Data = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """In seconds: how long what has prices in it is fresh, how long the rest, and how long both serve after that while
    Commerce fails."""

    prices: float = 60.0
    content: float = 600.0
    error: float = 86_400.0


@dataclass(frozen=True, slots=True)
class Policy:
    """Whether an operation's answer has `prices` or stock in it, and the `tags` of an answer to these variables."""

    prices: bool
    tags: Callable[[Data, Data], Iterator[str]]

    def times(self, lifetimes: Lifetimes) -> Times:
        """How long its answers serve. Stale for as long as fresh: a price is never older than twice its time."""
        fresh = lifetimes.prices if self.prices else lifetimes.content
        return Times(fresh, fresh, lifetimes.error)


def product(sku: str) -> str:
    """The tag of a product; SKUs are found in any case."""
    return f"product:{sku.casefold()}"


def category(uid: str) -> str:
    """The tag of a category by its uid."""
    return f"category:{uid}"


def page(identifier: str) -> str:
    """The tag of a CMS page."""
    return f"page:{identifier}"


def block(identifier: str) -> str:
    """The tag of a CMS block."""
    return f"block:{identifier}"


def operation(name: str) -> str:
    """The tag of all answers to an operation."""
    return f"operation:{name}"


def _found(node: Any, name: str) -> Iterator[str]:
    """All texts under a name, at any depth."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == name and isinstance(value, str):
                yield value
            else:
                yield from _found(value, name)
    elif isinstance(node, list):
        for each in node:
            yield from _found(each, name)


def _config(_: Data, __: Data) -> Iterator[str]:
    yield CONFIG


def _categories(data: Data, _: Data) -> Iterator[str]:
    yield CATEGORIES
    yield from map(category, _found(data, "uid"))


def _products(data: Data, variables: Data) -> Iterator[str]:
    yield from map(product, _found(data, "sku"))
    asked = variables.get("filter") or {}
    skus = (asked.get("sku") or {}).get("in") or ()
    # What was asked for and is not there may come into being.
    yield from (product(sku) for sku in skus if isinstance(sku, str))
    named = asked.get("category_uid") or {}
    yield from (category(uid) for uid in (named.get("eq"), *(named.get("in") or ())) if isinstance(uid, str))
    found = (data.get("products") or {}).get("items")
    if "sku" not in asked and not ("url_key" in asked and found):
        yield LISTINGS


def _pickup_locations(data: Data, _: Data) -> Iterator[str]:
    yield from map(product, _found(data, "sku"))


def _category_page(data: Data, variables: Data) -> Iterator[str]:
    yield from _categories({key: value for key, value in data.items() if key != "products"}, variables)
    yield from _products({"products": data.get("products")}, variables)


def _page(data: Data, variables: Data) -> Iterator[str]:
    yield from map(page, _found(data, "identifier"))
    yield from (page(str(value)) for value in variables.values() if value)


def _blocks(data: Data, variables: Data) -> Iterator[str]:
    yield from map(block, _found(data, "identifier"))
    yield from (block(str(each)) for each in variables.get("identifiers") or ())


def _route(data: Data, _: Data) -> Iterator[str]:
    yield ROUTES
    if not data.get("route"):
        yield UNROUTED
    yield from map(product, _found(data, "sku"))
    yield from map(category, _found(data, "uid"))
    yield from map(page, _found(data, "identifier"))


TABLE: Mapping[str, Policy] = {
    "Agreements": Policy(False, _config),
    "Attributes": Policy(False, _config),
    "Blocks": Policy(False, _blocks),
    "Category": Policy(False, _categories),
    "CategoryPage": Policy(True, _category_page),
    "Countries": Policy(False, _config),
    "Navigation": Policy(False, _categories),
    "Page": Policy(False, _page),
    "PickupLocations": Policy(True, _pickup_locations),
    "Products": Policy(True, _products),
    "Route": Policy(False, _route),
    "Store": Policy(False, _config),
}


def tags_of(name: str, data: Data, variables: Data) -> frozenset[str]:
    """The tags of an operation's answer."""
    return frozenset((ALL, operation(name), *TABLE[name].tags(data, variables)))
