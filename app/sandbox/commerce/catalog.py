"""`products(…)`: listings and searches, with their facets, as in gql-030 to gql-063."""

# ruff: noqa: N803 - resolvers take what GraphQL gives them, by the names of Commerce's arguments

from __future__ import annotations

from typing import Any

from . import search
from .call import Call, Info, call
from .errors import CommerceError
from .model import Product, say, uid
from .search import Found

PAGE_SIZE = 20
MEMO_SIZE = 256

LABELS = {
    "price": {"": "Price", "de": "Preis"},
    "category": {"": "Category", "de": "Kategorie"},
    "position": {"": "Position", "de": "Position"},
    "name": {"": "Product Name", "de": "Produktname"},
}


def page_bounds(size: int | None, page: int | None, default_size: int = PAGE_SIZE) -> tuple[int, int]:
    """Page size and number with their defaults, or the error of gql-049 and gql-051."""
    size = default_size if size is None else size
    page = 1 if page is None else page
    if page < 1:
        raise CommerceError("currentPage value must be greater than 0.")
    if size < 1:
        raise CommerceError("pageSize value must be greater than 0.")
    return size, page


def page_info(total: int, size: int, page: int) -> dict[str, int]:
    """`SearchResultPageInfo`, or the error for a page past the end (gql-033)."""
    pages = -(-total // size)
    if total and page > pages:
        raise CommerceError(f"currentPage value {page} specified is greater than the {pages} page(s) available.")
    return {"current_page": page, "page_size": size, "total_pages": pages}


def products(
    _root: Any,
    info: Info,
    search: str | None = None,
    filter: dict[str, Any] | None = None,
    sort: dict[str, str] | None = None,
    pageSize: int | None = None,
    currentPage: int | None = None,
) -> dict[str, Any]:
    size, page = page_bounds(pageSize, currentPage)
    if search is None and filter is None:
        raise CommerceError("'search' or 'filter' input argument is required.")
    return listing(call(info), search, filter or {}, sort or {}, size, page)


def listing(
    context: Call, text: str | None, filters: dict[str, Any], sort: dict[str, str], size: int, page: int
) -> dict[str, Any]:
    """One page of products with what can be said of the whole result. Facets are counted only when asked for."""
    found = _find(context, text, filters, sort)
    bounds = page_info(len(found.rows), size, page)
    shown = found.rows[(page - 1) * size : page * size]
    # The records come from the database, not from the index: what was deleted is missing from the page.
    items = [product for row in shown if (product := context.shop.products.get(row.sku)) is not None]
    context.tag("cat_p")
    for code in search.CATEGORY_FILTERS:
        if code in filters and isinstance(filters[code].get("eq"), str):
            entity = search.CATEGORY_FILTERS[code](context.index, filters[code]["eq"])
            context.tag("cat_c", f"cat_c_{entity}")
    context.tag(*(f"cat_p_{product.id}" for product in items))
    return {
        "total_count": len(found.rows),
        "items": items,
        "page_info": bounds,
        "sort_fields": lambda _info: _sort_fields(context),
        "aggregations": lambda _info, **_arguments: _aggregations(context, found),
        "suggestions": lambda _info: [
            {"search": word} for word in search.suggestions(context.index, context.viewer, found)
        ],
    }


def _find(context: Call, text: str | None, filters: dict[str, Any], sort: dict[str, str]) -> Found:
    """The result of a search, remembered until something is indexed: a facet click asks for the same again."""
    key = (context.index.generation, context.store.code, context.currency, context.group, text, repr((filters, sort)))
    memo = context.index.memo
    if key not in memo:
        if len(memo) >= MEMO_SIZE:
            memo.clear()
        memo[key] = search.find(context.index, context.viewer, text, filters, sort)
    found: Found = memo[key]
    return found


def _sort_fields(context: Call) -> dict[str, Any]:
    options = [{"label": context.say(LABELS[code]), "value": code} for code in ("position", "name", "price")]
    return {"default": "position", "options": options}


def _aggregations(context: Call, found: Found) -> list[dict[str, Any]]:
    """Facets in Commerce's order: price, category, then attributes. An empty result has none (gql-043)."""
    if found.facets is None or context.store.code not in found.facets:
        found.facets = {**(found.facets or {}), context.store.code: _facets(context, found)}
    return found.facets[context.store.code]


def _facets(context: Call, found: Found) -> list[dict[str, Any]]:
    shop, store = context.shop, context.store.code
    facets = []
    prices = [
        {"label": f"{low}-{high}", "value": f"{low}_{high}", "count": count}
        for low, high, count in search.price_facet(context.index, context.viewer, found.rows)
    ]
    if prices:
        facets.append(_facet("price", say(LABELS["price"], store), prices))
    by_uid = context.version >= (2, 4, 6)
    categories = [
        {
            "label": say(shop.categories[entity].name, store),
            "value": uid(entity) if by_uid else str(entity),
            "count": count,
        }
        for entity, count in search.category_facet(found.rows)
    ]
    if categories:
        code = "category_uid" if by_uid else "category_id"
        facets.append(_facet(code, say(LABELS["category"], store), categories))
    for code, counts in search.attribute_facets(context.index, found.rows):
        attribute = shop.attribute(code)
        assert attribute is not None
        options = []
        for value, count in counts:
            option = attribute.option(value)
            # A boolean's only facet option is labelled with its value (gql-030).
            label = say(option.label, store) if option else str(value)
            options.append({"label": label, "value": str(value), "count": count})
        facets.append(_facet(code, say(attribute.label, store), options))
    return facets


def _facet(code: str, label: str, options: list[dict[str, Any]]) -> dict[str, Any]:
    return {"attribute_code": code, "label": label, "count": len(options), "options": options, "position": None}


def product_page(context: Call, category: int, sort: dict[str, str], size: int, page: int) -> dict[str, Any]:
    """`CategoryTree.products`: a listing without filters or facets (gql-023)."""
    return listing(context, None, {"category_id": {"eq": str(category)}}, sort, size, page)


def existing(context: Call, skus: tuple[str, ...]) -> list[Product]:
    """Of linked products those that listings show."""
    website = context.viewer.website
    rows = [context.index.rows[sku] for sku in skus if sku in context.index.rows]
    shown = [row.sku for row in rows if context.index.shows(row, website)]
    return [context.shop.products[sku] for sku in shown if sku in context.shop.products]


FIELDS = {"Query": {"products": products}}
