"""Finding products: filters, search text, order and facets, as `products(…)` of Commerce does it."""

from __future__ import annotations

import base64
import difflib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .index import Index, Row, words
from .model import Store, say
from .prices import money

# Shorter search texts are no search at all: everything is found (gql-046, gql-047).
MINIMAL_QUERY = 3


@dataclass(slots=True, frozen=True)
class Viewer:
    """Whose eyes a search has: what is found, its words and its prices depend on them."""

    store: Store
    website: int
    group: int
    rate: float


@dataclass(slots=True)
class Found:
    """A search's result: rows in order, what was searched for, and its facets per store view once counted."""

    rows: list[Row]
    text: str
    facets: dict[str, list[dict[str, Any]]] | None = None


def find(index: Index, viewer: Viewer, text: str | None, filters: dict[str, Any], sort: dict[str, str]) -> Found:
    """The products that match the search text and every filter, in order."""
    rows, rest = _candidates(index, viewer, filters)
    for code, condition in rest.items():
        test = _filter(index, viewer, code, condition)
        rows = [row for row in rows if test(row)]
    text = (text or "").strip()
    if len(text) >= MINIMAL_QUERY:
        rows = _matching(index, viewer, rows, text)
    return Found(_sorted(index, viewer, rows, sort), text)


def _candidates(index: Index, viewer: Viewer, filters: dict[str, Any]) -> tuple[list[Row], dict[str, Any]]:
    """Rows by the most telling filter, so that a product or a category costs no walk over the whole shop."""
    rest = dict(filters)
    if "sku" in rest:
        wanted = set(_wanted(rest.pop("sku")))
        rows = [index.rows[sku] for sku in wanted if sku in index.rows]
        return sorted((r for r in rows if index.shows(r, viewer.website)), key=lambda row: -row.id), rest
    for code, read in CATEGORY_FILTERS.items():
        if code in rest:
            ids = {entity for value in _wanted(rest.pop(code)) if (entity := read(index, value)) is not None}
            if len(ids) == 1:
                return index.listed(viewer.website, ids.pop()), rest
            return [row for row in index.listed(viewer.website) if ids & row.categories], rest
    return index.listed(viewer.website), rest


def _by_id(_index: Index, value: str) -> int | None:
    return int(value) if value.isdigit() else None


def _by_uid(index: Index, value: str) -> int | None:
    try:
        return _by_id(index, base64.b64decode(value).decode())
    except ValueError:
        return None


def _by_path(index: Index, value: str) -> int | None:
    return next((c.id for c in index.shop.categories.values() if c.url_path == value and value), None)


CATEGORY_FILTERS: dict[str, Callable[[Index, str], int | None]] = {
    "category_id": _by_id,
    "category_uid": _by_uid,
    "category_url_path": _by_path,
}


def _wanted(condition: dict[str, Any]) -> list[str]:
    if condition.get("eq") is not None:
        return [condition["eq"]]
    return [value for value in condition.get("in") or () if value is not None]


def _filter(index: Index, viewer: Viewer, code: str, condition: dict[str, Any]) -> Callable[[Row], bool]:
    if code == "price":
        low, high = _number(condition.get("from"), 0.0), _number(condition.get("to"), float("inf"))
        return lambda row: low <= shown_price(index, viewer, row) <= high
    if code == "url_key":
        keys = set(_wanted(condition))
        return lambda row: row.url_key in keys
    if code in ("name", "description", "short_description"):
        sought = words(condition.get("match") or "")
        part = 0 if code == "name" else 1
        code_of = viewer.store.code
        return lambda row: any(f" {word} " in row.text(code_of, index.labels)[part] for word in sought)
    if code in CATEGORY_FILTERS:
        ids = {CATEGORY_FILTERS[code](index, value) for value in _wanted(condition)}
        return lambda row: bool(ids & row.categories)
    chosen = {int(value) for value in _wanted(condition) if value.isdigit()}
    return lambda row: not chosen.isdisjoint(row.attributes.get(code, ()))


def _number(text: str | None, default: float) -> float:
    try:
        return float(text) if text else default
    except ValueError:
        return default


def shown_price(index: Index, viewer: Viewer, row: Row) -> float:
    """The price that a listing filters and sorts by: the lowest final one, in the currency shown."""
    return money(index.prices(row.sku, viewer.group).final_min, viewer.rate)


def _matching(index: Index, viewer: Viewer, rows: list[Row], text: str) -> list[Row]:
    """Rows that have any of the words, the best first: name before anything else (gql-042, gql-044)."""
    sought = words(text)
    exact = text.lower()
    scored = []
    for row in rows:
        name, rest = row.text(viewer.store.code, index.labels)
        score = sum(10 * (f" {word} " in name) + (f" {word} " in rest) for word in sought)
        if row.sku.lower() == exact:
            score += 1000
        if score:
            scored.append((-score, -row.id, row))
    return [row for _, _, row in sorted(scored, key=lambda one: one[:2])]


def _sorted(index: Index, viewer: Viewer, rows: list[Row], sort: dict[str, str]) -> list[Row]:
    """Rows by the first sort key given. They come by relevance or position, so those two need no sorting."""
    for code, direction in sort.items():
        down = direction == "DESC"
        if code == "price":
            return sorted(rows, key=lambda row: index.prices(row.sku, viewer.group).final_min, reverse=down)
        if code == "name":
            return sorted(rows, key=lambda row: say(row.product.name, viewer.store.code).lower(), reverse=down)
    return rows


def price_facet(index: Index, viewer: Viewer, rows: list[Row]) -> list[tuple[float, float, int]]:
    """Price intervals with a count: Magento's automatic step, found in the base currency, then converted.

    The step is the power of ten of the highest price; it shrinks to 10 at least while all prices fall into one
    interval. Converted, it gives buckets such as 9.2–18.4 (gql-053).
    """
    amounts = [index.prices(row.sku, viewer.group).final_min for row in rows]
    if not amounts:
        return []
    step = 10.0 ** (len(str(int(max(amounts)))) - 1)
    counts = Counter(int(amount // step) for amount in amounts)
    while step > 10 and len(counts) < 2:
        step /= 10
        counts = Counter(int(amount // step) for amount in amounts)
    return [
        (money(n * step, viewer.rate), money((n + 1) * step, viewer.rate), count) for n, count in sorted(counts.items())
    ]


def category_facet(rows: list[Row]) -> list[tuple[int, int]]:
    """Category ids with counts, the fullest first (gql-038)."""
    counts = Counter(entity for row in rows for entity in row.categories)
    return sorted(counts.items(), key=lambda one: (-one[1], one[0]))


def attribute_facets(index: Index, rows: list[Row]) -> list[tuple[str, list[tuple[int, int]]]]:
    """Per filterable attribute its option ids with counts, in the options' order; those without any are left out."""
    facets = []
    for attribute in index.shop.attributes:
        if not attribute.filterable:
            continue
        counts = Counter(value for row in rows for value in row.attributes.get(attribute.code, ()))
        order = [option.id for option in attribute.options] or sorted(counts)
        options = [(value, counts[value]) for value in order if counts[value]]
        if options:
            facets.append((attribute.code, options))
    return facets


def suggestions(index: Index, viewer: Viewer, found: Found) -> list[str]:
    """Words of the shop close to a search that found nothing; none otherwise, as recorded."""
    if found.rows or len(found.text) < MINIMAL_QUERY:
        return []
    names = (say(row.product.name, viewer.store.code) for row in index.listed(viewer.website))
    vocabulary = {word.lower() for name in names for word in name.split() if len(word) > MINIMAL_QUERY}
    return difflib.get_close_matches(found.text.lower(), sorted(vocabulary), n=3, cutoff=0.7)
