"""Categories, the navigation, search, and single products."""

from __future__ import annotations

import base64
from typing import Annotated, Any, cast

import strawberry
from strawberry.types.arguments import convert_arguments

from app.commerce.client import Reply
from app.errors import BadInput, Rejected
from app.storefront.attributes import Attribute, filterable_attributes
from app.storefront.common import Breadcrumb, Node, Seo, check_count, described, present
from app.storefront.context import SKUS_PER_READ, Info
from app.storefront.filters import CATEGORY_FILTERS, ProductFilter, ProductSort
from app.storefront.links import Links, plain
from app.storefront.listing import DEFAULT_PAGE_SIZE, Listing, ProductList
from app.storefront.products import Product, product_flags
from app.storefront.reviews import reviews_variables
from app.storefront.selection import Selection, arguments, selected

MAX_NAVIGATION_DEPTH = 5
MAX_TEXT = 128  # Commerce cuts search texts there by default


@strawberry.type(description="An entry of the navigation, with those below it.")
class NavigationItem:
    uid: strawberry.ID = described("The category's identifier.")
    name: str = described("The category's name.")
    url_path: str | None = described("The category's path, for `category(urlPath:)`.")
    url: str | None = described("The category's URL in the storefront.")
    image: str | None = described("The URL of the category's picture.")
    product_count: int = described("How many products the category has.")
    children: list[NavigationItem] = described("The entries below it, in the shop's order.")

    @classmethod
    def menu(cls, nodes: list[Node] | None, links: Links) -> list[NavigationItem]:
        """From Commerce's `children`: those that belong into the menu, in the shop's order."""
        shown = (node for node in present(nodes) if node.get("include_in_menu") != 0)
        return [
            cls(
                uid=strawberry.ID(str(node["uid"])),
                name=plain(node.get("name")) or "",
                url_path=node.get("url_path"),
                url=category_url(node, links),
                image=links.category_picture(node.get("image")),
                product_count=node.get("product_count") or 0,
                children=cls.menu(node.get("children"), links),
            )
            for node in sorted(shown, key=lambda node: node.get("position") or 0)
        ]


def category_url(node: Node, links: Links) -> str | None:
    """The storefront's URL of a category node."""
    path = node.get("url_path")
    return links.path(f"{path}{node.get('url_suffix') or ''}") if path else None


@strawberry.type(description="The content that a category shows above its products or instead of them.")
class LandingBlock:
    identifier: str = described("The CMS block's identifier.")
    title: str | None = described("The block's title.")
    content: str = described("The content, as HTML that is safe to show.")


@strawberry.type(description="A category of the catalogue.")
class Category:
    node: strawberry.Private[Node]
    links: strawberry.Private[Links]
    page: strawberry.Private[tuple[Listing, Reply] | None]
    uid: strawberry.ID = described("The category's identifier.")
    name: str = described("The category's name.")
    url_key: str | None = described("The last part of its path.")
    url_path: str = described("The category's path.")
    url: str | None = described("The category's URL in the storefront.")
    level: int = described("How deep the category is, 2 for the top of the navigation.")
    image: str | None = described("The URL of the category's picture.")
    display: str | None = described("What the page shows: PRODUCTS, PAGE (its block) or PRODUCTS_AND_PAGE.")
    product_count: int = described("How many products the category has.")
    default_sort: str | None = described("What its products are sorted by, if not by the store's default.")
    breadcrumbs: list[Breadcrumb] = described("The way to the category from the top, without itself.")
    children: list[NavigationItem] = described("The categories right below it that belong into the menu.")

    @classmethod
    def of(cls, node: Node, page: tuple[Listing, Reply] | None, links: Links) -> Category:
        """From Commerce's `CategoryTree`; `page` is the page of its products that came with it, if one did."""
        return cls(
            node=node,
            links=links,
            page=page,
            uid=strawberry.ID(str(node["uid"])),
            name=plain(node.get("name")) or "",
            url_key=node.get("url_key"),
            url_path=node["url_path"],
            url=category_url(node, links),
            level=node.get("level") or 0,
            image=links.category_picture(node.get("image")),
            display=node.get("display_mode"),
            product_count=node.get("product_count") or 0,
            default_sort=node.get("default_sort_by"),
            breadcrumbs=Breadcrumb.trail(node.get("breadcrumbs"), links),
            children=NavigationItem.menu(node.get("children"), links),
        )

    @strawberry.field(description="The description, as HTML that is safe to show.")
    def description(self) -> str | None:
        return self.links.html(self.node.get("description")) or None

    @strawberry.field(description="The content that the category shows.")
    def landing_block(self) -> LandingBlock | None:
        block = self.node.get("cms_block")
        if not block:
            return None
        return LandingBlock(
            identifier=block["identifier"],
            title=plain(block.get("title")),
            content=self.links.html(block.get("content")) or "",
        )

    @strawberry.field(description="What the category's page says of itself to search engines.")
    def seo(self) -> Seo:
        return Seo.of(self.node, self.links)

    @strawberry.field(description="A page of the category's products.")
    async def products(
        self,
        info: Info,
        page: int = 1,
        page_size: int = DEFAULT_PAGE_SIZE,
        sort: ProductSort | None = None,
        filter: list[ProductFilter] | None = None,
    ) -> ProductList | None:
        fixed = {"category_uid": {"eq": self.uid}}
        if self.page is not None:
            # It was read by these very arguments: a query can ask for no others beside them.
            listing, reply = self.page
            return await listing.of(reply, fixed)
        listing = Listing(info.context, selected(info), info, page, page_size, sort, filter, CATEGORY_FILTERS)
        return await listing.ask(fixed)


async def find_category(info: Info, url_path: str) -> Category | None:
    """The category of that path, or None: with a page of its products in one call, where Commerce can do that."""
    context = info.context
    selection = selected(info)
    flags = {flag for field, flag in (("children", "children"), ("landingBlock", "landingBlock")) if field in selection}
    listing = _listing_below(info, selection)
    reply = None
    if listing is not None and context.fits("CategoryPage", flags | listing.flags):
        reply = await context.read(
            "CategoryPage",
            flags | listing.flags,
            {"path": url_path, **listing.variables({"category_url_path": {"eq": url_path}})},
        )
    found = reply or await context.read("Category", flags, {"path": url_path})
    items = present((found.root("categories") or {}).get("items"))
    if not items:
        return None
    # Another store's category tree can have a category of the same path; then the products may be those of the other.
    node = next((item for item in items if _belongs(item, context.links)), items[0])
    page = (listing, reply) if listing is not None and reply is not None and len(items) == 1 else None
    return Category.of(node, page, context.links)


def _belongs(node: Node, links: Links) -> bool:
    """Whether a category is below the root of the store view."""
    root = links.view.config.get("root_category_uid")
    try:
        number = base64.b64decode(str(root)).decode()
    except ValueError:
        return True
    return number in str(node.get("path") or "").split("/")


def _listing_below(info: Info, selection: Selection) -> Listing | None:
    """The list of products that a category is asked for, when there is one and its arguments are sound.

    When they are not, the field itself says so at its own place.
    """
    if "products" not in selection:
        return None
    field = next(
        field for field in cast("Any", Category).__strawberry_definition__.fields if field.python_name == "products"
    )
    try:
        given = arguments(info, selection, "Category", "products", default={})
        schema = info.schema
        typed = convert_arguments(
            given,
            list(field.arguments),
            config=schema.config,
            scalar_registry=cast("Any", schema).schema_converter.scalar_registry,
        )
        return Listing(
            info.context,
            selection.at("products"),
            info,
            typed.get("page", 1),
            typed.get("page_size", DEFAULT_PAGE_SIZE),
            typed.get("sort"),
            typed.get("filter"),
            CATEGORY_FILTERS,
        )
    except Rejected:
        return None


@strawberry.type
class CatalogQuery:
    @strawberry.field(description="The categories that belong into the menu, as deep as asked for.")
    async def navigation(self, info: Info, depth: int = 2) -> list[NavigationItem] | None:
        if not 1 <= depth <= MAX_NAVIGATION_DEPTH:
            raise BadInput("depth", f"must be between 1 and {MAX_NAVIGATION_DEPTH}")
        reply = await info.context.read("Navigation", {f"level{level}" for level in range(2, depth + 1)})
        roots = present(reply.root("categoryList"))
        return [item for root in roots for item in NavigationItem.menu(root.get("children"), info.context.links)]

    @strawberry.field(description="The category of this path, such as men/tops-men, or null.")
    async def category(self, info: Info, url_path: str) -> Category | None:
        path = url_path.strip("/ ")
        if not path:
            raise BadInput("urlPath", "must not be empty")
        return await find_category(info, path)

    @strawberry.field(description="Products that a text finds.")
    async def search(
        self,
        info: Info,
        text: str,
        page: int = 1,
        page_size: int = DEFAULT_PAGE_SIZE,
        sort: ProductSort | None = None,
        filter: list[ProductFilter] | None = None,
    ) -> ProductList | None:
        if not text.strip() or len(text) > MAX_TEXT:
            raise BadInput("text", f"must have between 1 and {MAX_TEXT} characters")
        listing = Listing(info.context, selected(info), info, page, page_size, sort, filter)
        return await listing.ask({}, search=text.strip())

    @strawberry.field(description="The product of this URL key or SKU, or null.")
    async def product(
        self, info: Info, url_key: str | None = None, sku: str | None = None
    ) -> Annotated[Product, strawberry.lazy("app.storefront.products")] | None:
        given = {name: value for name, value in (("url_key", url_key), ("sku", sku)) if value is not None}
        if len(given) != 1 or not all(value.strip() for value in given.values()):
            raise BadInput("urlKey", "give either urlKey or sku, and not an empty one")
        selection = selected(info)
        reply = await info.context.read(
            "Products",
            {"items", *product_flags(selection)},
            {
                "filter": {name: {"eq": value} for name, value in given.items()},
                "pageSize": 1,
                "currentPage": 1,
                **reviews_variables(info, selection),
            },
        )
        items = present((reply.root("products") or {}).get("items"))
        return next(iter(Product.all_of(items, info.context.links)), None)

    @strawberry.field(
        description=f"The products of these SKUs in their order, {SKUS_PER_READ} at most; null for each that is none."
    )
    async def products(self, info: Info, skus: list[str]) -> list[Product | None] | None:
        check_count("skus", skus, SKUS_PER_READ)
        selection = selected(info)
        found = await info.context.products(
            skus, frozenset(product_flags(selection)), reviews_variables(info, selection)
        )
        return [Product.of(node, info.context.links) if node else None for node in found]

    @strawberry.field(description="The attributes that products can be filtered and sorted by in this shop.")
    async def attributes(self, info: Info) -> list[Attribute] | None:
        return await filterable_attributes(info)
