"""A shop as a visitor sees it: what he asks, what he finds out, and how a finding is told."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

Json = dict[str, Any]


class Ask(Protocol):
    """Asks the API: the HTTP status, the whole body and the headers of its answer."""

    async def __call__(
        self, query: str, variables: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Json, Mapping[str, str]]: ...


class SignIn(Protocol):
    """Signs somebody in whom a provider knows by this verified address; takes the session id of the guest that he was,
    if any, and gives the new one."""

    async def __call__(self, token: str | None, email: str) -> str: ...


# The query of the issue, as it stands.
CATEGORY_PAGE = """
query CategoryPage($path: String!, $page: Int!) {
  store { name locale currency }
  navigation(depth: 2) { name urlPath children { name urlPath } }
  category(urlPath: $path) {
    name
    description
    breadcrumbs { name urlPath }
    products(page: $page, pageSize: 12, sort: {by: "price", direction: ASC}, filter: [{attribute: "color", in: ["49"]}]) {
      total page pages
      items {
        __typename sku name urlKey url inStock
        image { url alt }
        price { final { amount currency } regular { amount currency } }
        rating { average count }
      }
      facets { attribute label options { label value count } }
    }
  }
}
"""
PRODUCT_FIELDS = """
fragment PageFields on Product {
  __typename uid sku name urlKey url inStock description shortDescription
  image { url alt } thumbnail { url alt }
  price {
    final { amount currency } regular { amount currency } discount { amount { amount currency } percent }
    minimum { final { amount currency } } maximum { final { amount currency } }
    tiers { quantity final { amount currency } }
  }
  stock { inStock onlyLeft }
  rating { average count }
  gallery { url alt video { url provider } }
  breadcrumbs { name urlPath url }
  categories { name urlPath url }
  seo { title description canonicalUrl }
  attributes { code value options { value label } }
  reviews(page: 1, pageSize: 2) {
    total page pages items { nickname summary text average createdAt marks { name stars } }
  }
  ... on ConfigurableProduct {
    options { uid attribute label values { uid value label swatch { color image text } } }
    variants {
      uid sku name inStock
      values { uid attribute value label }
      price { final { amount currency } regular { amount currency } }
      image { url alt }
    }
  }
  ... on BundleProduct {
    dynamicPrice
    bundleOptions { uid title required input choices { uid label sku quantity price { amount currency } } }
  }
  ... on GroupedProduct { groupedItems { sku name quantity url price { final { amount currency } } } }
  ... on DownloadableProduct { downloadLinks { uid title price { amount currency } } downloadSamples { title url } }
}
"""
LISTING = """
query Listing($path: String!) {
  category(urlPath: $path) {
    name urlPath url
    products(pageSize: 100) {
      total
      items { __typename sku name urlKey url inStock rating { count } price { final { amount currency } } }
      facets { attribute label options { label value count } }
    }
  }
}
"""
PAGE_OF_CATEGORY = """
query PageOfCategory($path: String!, $page: Int!, $size: Int!, $sort: ProductSort, $filter: [ProductFilter!]) {
  category(urlPath: $path) {
    products(page: $page, pageSize: $size, sort: $sort, filter: $filter) {
      total page pageSize pages
      items { sku name price { final { amount currency } } }
      facets { attribute options { value count } }
    }
  }
}
"""
TYPES = (
    "SimpleProduct",
    "ConfigurableProduct",
    "BundleProduct",
    "GroupedProduct",
    "DownloadableProduct",
    "VirtualProduct",
)
NOWHERE = "there-is-no-such-thing-7d1f"
# Facets that are asked for otherwise than by a value of the attribute itself.
OTHER_FACETS = frozenset({"category_id", "category_uid", "price"})


@dataclass(frozen=True)
class Listing:
    """A category that has products: its first hundred, and what they can be narrowed by."""

    name: str
    path: str
    url: str
    total: int
    items: list[Json]
    facets: dict[str, list[Json]]


@dataclass
class Storefront:
    """The API as a visitor sees it; what is found out about the shop is remembered."""

    ask: Ask
    sign_in: SignIn
    _listings: list[Listing] | None = field(default=None, init=False)
    _products: dict[str, Json] | None = field(default=None, init=False)

    async def data(
        self, query: str, variables: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> Json:
        """The data of an answer, which must have no errors; its money, dates and links must be sound."""
        status, body, _ = await self.ask(query, variables, headers)
        check(status == 200 and "errors" not in body, f"HTTP {status} with {body.get('errors')} for {query[:200]}")
        data: Json = body["data"]
        check_values(data)
        return data

    async def refusal(
        self, query: str, variables: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> Json:
        """The only error of an answer: its extensions."""
        _, body, _ = await self.ask(query, variables, headers)
        errors = body.get("errors") or []
        same("how many errors there are", len(errors), 1, errors)
        extensions: Json = errors[0]["extensions"]
        return extensions

    async def navigation(self) -> list[Json]:
        """All entries of the menu, the highest first."""
        entry = "name urlPath url productCount"
        query = f"{{ navigation(depth: 4) {{ {entry} children {{ {entry} children {{ {entry} children {{ {entry} }} }} }} }} }}"
        found = list(_entries((await self.data(query))["navigation"]))
        check(bool(found), "the navigation is empty")
        return found

    async def listings(self) -> list[Listing]:
        """All categories of the menu that have products."""
        if self._listings is None:
            self._listings = []
            for entry in await self.navigation():
                if entry["urlPath"] and entry["productCount"]:
                    found = (await self.data(LISTING, {"path": entry["urlPath"]}))["category"]
                    check(found is not None, f"the menu leads to {entry['urlPath']}, where there is no category")
                    products = found["products"]
                    facets = {facet["attribute"]: facet["options"] for facet in products["facets"]}
                    listing = Listing(
                        found["name"], found["urlPath"], found["url"], products["total"], products["items"], facets
                    )
                    if listing.items:
                        self._listings.append(listing)
            check(bool(self._listings), "no category of the menu has products")
        return self._listings

    async def long_listing(self) -> Listing:
        """The category to page through: the one with most products."""
        longest = max(await self.listings(), key=lambda listing: listing.total)
        check(longest.total >= 4, f"no category has four products: the longest, {longest.path}, has {longest.total}")
        return longest

    async def one_of_each_type(self) -> dict[str, Json]:
        """A product of each type that the categories show; of two the one with reviews."""
        if self._products is None:
            found: dict[str, Json] = {}
            for listing in await self.listings():
                for item in listing.items:
                    known = found.get(item["__typename"])
                    if known is None or (not known["rating"]["count"] and item["rating"]["count"]):
                        found[item["__typename"]] = item
            self._products = found
        return self._products

    async def some_product(self) -> Json:
        """A product that costs something."""
        priced = (
            item
            for listing in await self.listings()
            for item in listing.items
            if Decimal(item["price"]["final"]["amount"]) > 0
        )
        found = next(priced, None)
        check(found is not None, "no category shows a product that costs something")
        assert found is not None
        return found


def _entries(found: list[Json]) -> Iterator[Json]:
    for entry in found:
        yield entry
        yield from _entries(entry.get("children") or [])


def check(holds: bool, message: str) -> None:
    """Fails with a message that says what the shop shows."""
    if not holds:
        raise AssertionError(message)


def same(what: str, found: object, expected: object, context: object = "") -> None:
    """Fails when two things differ, and says which."""
    check(found == expected, f"{what}: {found!r} instead of {expected!r} {context}")


MONEY = re.compile(r"\d+(\.\d+)?")
CURRENCY = re.compile(r"[A-Z]{3}")
RUNS = re.compile(r"<script|<iframe|javascript:|\son\w+\s*=", re.IGNORECASE)
HTML = frozenset({"description", "shortDescription", "content"})


def check_values(value: Any, path: str = "") -> None:
    """Every amount of money, date, link and piece of HTML in an answer is what the schema says that it is."""
    if isinstance(value, list):
        for place, each in enumerate(value):
            check_values(each, f"{path}[{place}]")
    if not isinstance(value, dict):
        return
    if value.keys() == {"amount", "currency"}:
        amount, currency = value["amount"], value["currency"]
        check(isinstance(amount, str) and bool(MONEY.fullmatch(amount)), f"{path}: {amount!r} is no decimal string")
        check(bool(CURRENCY.fullmatch(currency)), f"{path}: {currency!r} is no currency")
    for key, each in value.items():
        if key == "createdAt":
            when = datetime.fromisoformat(each)
            check(when.tzinfo is not None, f"{path}.{key}: {each} has no time zone")
        if key in HTML and isinstance(each, str):
            check(not RUNS.search(each), f"{path}.{key}: the HTML has something in it that runs: {each[:300]}")
        check_values(each, f"{path}.{key}")


def links(value: Any) -> Iterator[str]:
    """Every link to a page in an answer. Pictures, which have an `alt`, videos and samples of downloads are none."""
    if isinstance(value, list):
        for each in value:
            yield from links(each)
    elif isinstance(value, dict):
        picture = "alt" in value or "provider" in value
        for key, each in value.items():
            if key in ("url", "canonicalUrl") and each and not picture:
                yield each
            elif key != "downloadSamples":
                yield from links(each)
