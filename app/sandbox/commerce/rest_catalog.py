"""Lists of products, categories, pages and blocks over REST (rest-022, rest-023; the fields of Adobe's reference)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from .criteria import searched, unknown_column
from .model import Block, Category, Page, Product, say

if TYPE_CHECKING:
    from .rest import Request

T = TypeVar("T")


def _list(request: Request, rows: list[T], columns: dict[str, Callable[[T], Any]], body: Callable[[T], Any]) -> Any:
    def column(row: T, field: str) -> Any:
        if field not in columns:
            raise unknown_column(field)
        return columns[field](row)

    return searched(request.query, rows, column, body)


PRODUCT: dict[str, Callable[[Product], Any]] = {
    "entity_id": lambda product: product.id,
    "sku": lambda product: product.sku,
    "type_id": lambda product: product.kind,
    "created_at": lambda product: product.created_at,
    "updated_at": lambda product: product.updated_at,
}
CATEGORY: dict[str, Callable[[Category], Any]] = {
    "entity_id": lambda category: category.id,
    "parent_id": lambda category: category.parent,
    "updated_at": lambda category: category.updated_at,
}
PAGE: dict[str, Callable[[Page], Any]] = {
    "page_id": lambda page: page.id,
    "identifier": lambda page: page.identifier,
    "update_time": lambda page: page.updated_at,
}
BLOCK: dict[str, Callable[[Block], Any]] = {
    "block_id": lambda block: block.id,
    "identifier": lambda block: block.identifier,
    "update_time": lambda block: block.updated_at,
}


def products(request: Request) -> Any:
    """All products, those that no listing shows as well; the times of change are UTC."""

    def body(product: Product) -> dict[str, Any]:
        return {
            "id": product.id,
            "sku": product.sku,
            "name": say(product.name, request.store.code),
            "price": product.price,
            "status": 1,
            "visibility": 4 if product.visible else 1,
            "type_id": product.kind,
            "created_at": product.created_at,
            "updated_at": product.updated_at,
            "extension_attributes": {
                "website_ids": list(product.websites),
                "category_links": [{"position": 0, "category_id": str(entity)} for entity in product.categories],
            },
        }

    return _list(request, list(request.shop.products.values()), PRODUCT, body)


def categories(request: Request) -> Any:
    """All categories as one list."""

    def body(category: Category) -> dict[str, Any]:
        return {
            "id": category.id,
            "parent_id": category.parent,
            "name": say(category.name, request.store.code),
            "is_active": True,
            "position": category.position,
            "level": category.level,
            "children": ",".join(map(str, category.children)),
            "path": "/".join(map(str, category.path)),
            "include_in_menu": category.in_menu,
            "updated_at": category.updated_at,
        }

    return _list(request, list(request.shop.categories.values()), CATEGORY, body)


def _content(request: Request, row: Page | Block) -> dict[str, Any]:
    return {
        "id": row.id,
        "identifier": row.identifier,
        "title": say(row.title, request.store.code),
        "content": say(row.content, request.store.code),
        "update_time": row.updated_at,
        "active": True,
    }


def pages(request: Request) -> Any:
    """CMS pages."""
    return _list(request, list(request.shop.pages), PAGE, lambda page: _content(request, page))


def blocks(request: Request) -> Any:
    """CMS blocks."""
    return _list(request, list(request.shop.blocks), BLOCK, lambda block: _content(request, block))


ROUTES = (
    ("GET", "products", products, "Magento_Catalog::products"),
    ("GET", "categories/list", categories, "Magento_Catalog::categories"),
    ("GET", "cmsPage/search", pages, "Magento_Cms::page"),
    ("GET", "cmsBlock/search", blocks, "Magento_Cms::block"),
)
