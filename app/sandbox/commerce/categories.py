"""The category tree and what is asked of it, as in gql-020 to gql-027."""

# ruff: noqa: ARG005, N803 - resolvers take what GraphQL gives them, by the names of Commerce's arguments

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from .call import Call, Info, call
from .catalog import page_bounds, page_info, product_page
from .errors import NO_SUCH_ENTITY, CommerceError
from .model import Block, Category, uid
from .products import SUFFIX


def _root(context: Call) -> Category:
    return context.shop.categories[context.shop.group_of(context.store).root_category]


def _walk(context: Call, category: Category) -> Iterator[Category]:
    yield category
    for entity in category.children:
        yield from _walk(context, context.shop.categories[entity])


def _wanted(condition: dict[str, Any]) -> set[str]:
    one = condition.get("eq")
    return {one} if one is not None else {value for value in condition.get("in") or () if value is not None}


def _number(value: str) -> str:
    try:
        return base64.b64decode(value).decode()
    except ValueError:
        return ""


def _select(context: Call, filters: dict[str, Any] | None) -> list[Category]:
    """The categories that match every filter, in the order of the tree; without a filter the store's root."""
    if not filters:
        return [_root(context)]
    found = list(_walk(context, _root(context)))
    for name, condition in filters.items():
        if name == "name":
            match = (condition.get("match") or "").strip().lower()
            if len(match) < 3:
                raise CommerceError("Invalid match filter. Minimum length is 3.")
            found = [c for c in found if match in context.say(c.name).lower()]
            continue
        wanted = _wanted(condition)
        if name in ("category_uid", "parent_category_uid"):
            wanted = {_number(value) for value in wanted}
        if name in ("ids", "category_uid"):
            found = [c for c in found if str(c.id) in wanted]
        elif name in ("parent_id", "parent_category_uid"):
            found = [c for c in found if str(c.parent) in wanted]
        elif name == "url_path":
            found = [c for c in found if c.url_path and c.url_path in wanted]
        elif name == "url_key":
            found = [c for c in found if c.level > 1 and c.url_key in wanted]
    return found


def _tag(context: Call, found: list[Category]) -> None:
    context.tag("cat_c", *(f"cat_c_{category.id}" for category in found))


def categories(
    _source: Any,
    info: Info,
    filters: dict[str, Any] | None = None,
    pageSize: int | None = None,
    currentPage: int | None = None,
) -> dict[str, Any]:
    context = call(info)
    size, page = page_bounds(pageSize, currentPage)
    found = _select(context, filters)
    bounds = page_info(len(found), size, page)
    shown = found[(page - 1) * size : page * size]
    _tag(context, shown)
    return {"total_count": len(found), "items": shown, "page_info": bounds}


def category_list(
    _source: Any,
    info: Info,
    filters: dict[str, Any] | None = None,
    pageSize: int | None = None,
    currentPage: int | None = None,
) -> list[Category]:
    context = call(info)
    size, page = page_bounds(pageSize, currentPage)
    found = _select(context, filters)[(page - 1) * size : page * size]
    _tag(context, found)
    return found


def category(_source: Any, info: Info, id: int | None = None) -> Category:
    """The deprecated single category, by its number (gql-023)."""
    context = call(info)
    found = _root(context) if id is None else context.shop.categories.get(id)
    if found is None:
        raise CommerceError("Category doesn't exist", NO_SUCH_ENTITY)
    _tag(context, [found])
    return found


def breadcrumbs(category: Category, info: Info) -> list[dict[str, Any]] | None:
    """The categories above, below the root; null where there are none (gql-020)."""
    known = call(info).shop.categories
    return [
        {
            "category_id": entity,
            "category_uid": uid(entity),
            "category_name": call(info).say(known[entity].name),
            "category_level": known[entity].level,
            "category_url_key": known[entity].url_key,
            "category_url_path": known[entity].url_path,
        }
        for entity in category.path[2:-1]
    ] or None


def cms_block(category: Category, info: Info) -> Block | None:
    return call(info).shop.block(category.block) if category.block else None


def landing_page(category: Category, info: Info) -> int | None:
    block = cms_block(category, info)
    return block.id if block else None


def product_count(category: Category, info: Info) -> int:
    """How many products a listing of the category shows; the root's are all (gql-020)."""
    context = call(info)
    whole = category.level <= 1
    return len(context.index.listed(context.viewer.website, None if whole else category.id))


def products(
    category: Category,
    info: Info,
    pageSize: int | None = None,
    currentPage: int | None = None,
    sort: dict[str, str] | None = None,
) -> dict[str, Any]:
    size, page = page_bounds(pageSize, currentPage)
    return product_page(call(info), category.id, sort or {}, size, page)


def _text(name: str) -> Any:
    return lambda category, info: call(info).html(getattr(category, name)) or None


def _image(category: Category, info: Info) -> str | None:
    return call(info).media(f"catalog/category/{category.image}") if category.image else None


FIELDS = {
    "Query": {"categories": categories, "categoryList": category_list, "category": category},
    "CategoryInterface": {
        "uid": lambda category, info: uid(category.id),
        "name": lambda category, info: call(info).say(category.name),
        "description": _text("description"),
        "meta_title": _text("meta_title"),
        "meta_description": _text("meta_description"),
        "image": _image,
        "path": lambda category, info: "/".join(map(str, category.path)),
        "url_key": lambda category, info: category.url_key if category.level > 1 else None,
        "url_path": lambda category, info: category.url_path or None,
        "url_suffix": lambda category, info: SUFFIX,
        "include_in_menu": lambda category, info: int(category.in_menu),
        "is_anchor": lambda category, info: int(category.anchor) if category.level > 1 else None,
        "children_count": lambda category, info: str(len(list(_walk(call(info), category))) - 1),
        "children": lambda category, info: [call(info).shop.categories[entity] for entity in category.children],
        "breadcrumbs": breadcrumbs,
        "cms_block": cms_block,
        "landing_page": landing_page,
        "product_count": product_count,
        "products": products,
        "staged": lambda category, info: False,
        "redirect_code": lambda category, info: getattr(category, "redirect_code", 0),
    },
}
