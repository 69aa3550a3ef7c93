"""CMS pages and blocks, and where a URL leads, as in gql-090 to gql-114."""

# ruff: noqa: ARG005 - resolvers take what GraphQL gives them

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .call import Call, Info, call
from .errors import NO_SUCH_ENTITY, CommerceError
from .model import Block, Category, Page, Product, uid
from .products import SUFFIX

HOME = "home"


@dataclass(slots=True)
class Routed:
    """What a URL leads to, with what `RoutableInterface` adds to it; every other attribute is the target's own."""

    target: Product | Category | Page
    relative_url: str
    redirect_code: int
    type: str

    def __getattr__(self, name: str) -> Any:
        return getattr(self.target, name)


def cms_page(_root: Any, info: Info, identifier: str | None = None, id: int | None = None) -> Page:
    context = call(info)
    if identifier is None and id is None:
        raise CommerceError('"Page id/identifier should be specified')
    asked = identifier if identifier is not None else id
    found = next((p for p in context.shop.pages if (p.id if identifier is None else p.identifier) == asked), None)
    if found is None:
        raise CommerceError(f'The CMS page with the "{asked}" ID doesn\'t exist.', NO_SUCH_ENTITY)
    context.tag("cms_p", f"cms_p_{found.id}")
    return found


def cms_blocks(_root: Any, info: Info, identifiers: list[str] | None = None) -> dict[str, Any]:
    """Blocks by identifier or number. A missing one is an error at its place in the list (gql-114)."""
    if not identifiers:
        raise CommerceError('"identifiers" of CMS blocks should be specified')
    context = call(info)
    context.tag("cms_b")
    return {"items": [_block(context, identifier) for identifier in identifiers]}


def _block(context: Call, asked: str) -> Block | CommerceError:
    found = next((b for b in context.shop.blocks if asked in (b.identifier, str(b.id))), None)
    if found is None:
        return CommerceError(f'The CMS block with the "{asked}" ID doesn\'t exist.', NO_SUCH_ENTITY)
    context.tag(f"cms_b_{found.id}", f"cms_b_{found.identifier}")
    return found


def _resolve(context: Call, url: str) -> Routed | None:
    """What a URL leads to. The query string stays in `relative_url` (gql-096); `/` is the home page (gql-094)."""
    path, mark, query = url.lstrip("/").partition("?")
    if not path:
        path = HOME
    code = 0
    redirect = next((r for r in context.shop.redirects if r.source == path), None)
    if redirect is not None:
        path, code = redirect.target, redirect.code
    found = _target(context, path)
    if found is None and path.endswith("/"):
        # Magento's URL storage redirects from the form with a slash to the one that it knows (DbStorage).
        path, code = path.rstrip("/"), 301
        found = _target(context, path)
    if found is None:
        return None
    kind = {Product: "PRODUCT", Category: "CATEGORY", Page: "CMS_PAGE"}[found.__class__]
    return Routed(found, f"{path}{mark}{query}", code, kind)


def _target(context: Call, path: str) -> Product | Category | Page | None:
    page = context.shop.page(path)
    if page is not None:
        return page
    if not path.endswith(SUFFIX):
        return None
    bare = path.removesuffix(SUFFIX)
    for category in context.shop.categories.values():
        if category.url_path and category.url_path == bare:
            return category
    above, _, url_key = bare.rpartition("/")
    product = context.shop.by_url_key(url_key)
    if product is None or not product.visible or context.viewer.website not in product.websites:
        return None
    owned = {context.shop.categories[category_id].url_path for category_id in product.categories}
    return product if not above or above in owned else None


def route(_root: Any, info: Info, url: str) -> Routed | None:
    if not url:
        raise CommerceError('"url" argument should be specified and not empty')
    return _resolve(call(info), url)


def url_resolver(_root: Any, info: Info, url: str) -> dict[str, Any] | None:
    """The deprecated answer to the same question, by number and type (gql-100 to gql-104)."""
    if not url:
        raise CommerceError('"url" argument should be specified and not empty')
    context = call(info)
    found = _resolve(context, url)
    if found is None:
        return None
    prefix = {"PRODUCT": "cat_p", "CATEGORY": "cat_c", "CMS_PAGE": "cms_p"}[found.type]
    context.tag(prefix, f"{prefix}_{found.target.id}")
    return {
        "id": found.target.id,
        "entity_uid": uid(found.target.id),
        "relative_url": found.relative_url,
        "canonical_url": found.relative_url,
        "redirectCode": found.redirect_code,
        "type": found.type,
    }


def _text(name: str) -> Any:
    return lambda source, info: call(info).html(getattr(source, name))


FIELDS = {
    "Query": {"cmsPage": cms_page, "cmsBlocks": cms_blocks, "route": route, "urlResolver": url_resolver},
    "CmsPage": {
        "url_key": lambda page, info: page.identifier,
        "title": _text("title"),
        "content": _text("content"),
        "content_heading": _text("heading"),
        "page_layout": lambda page, info: page.layout,
        # A page without a meta title has null there, but empty texts elsewhere (gql-110).
        "meta_title": lambda page, info: call(info).say(page.meta_title) or None,
        "meta_description": _text("meta_description"),
        "meta_keywords": lambda page, info: "",
        "redirect_code": lambda page, info: getattr(page, "redirect_code", 0),
    },
    "CmsBlock": {"title": _text("title"), "content": _text("content")},
}
