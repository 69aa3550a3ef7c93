"""CMS pages and blocks, and what a URL leads to."""

from __future__ import annotations

from enum import Enum
from typing import Annotated
from urllib.parse import unquote, urlsplit

import strawberry

from app.errors import BadInput
from app.storefront.catalog import Category, find_category
from app.storefront.common import Node, Seo, check_count, described, present
from app.storefront.context import Context, Info
from app.storefront.links import Links, plain
from app.storefront.products import Product, product_flags
from app.storefront.reviews import reviews_variables
from app.storefront.selection import selected

MAX_BLOCKS = 50
MAX_URL = 2048


@strawberry.type(description="A page that the shop's editors write.")
class Page:
    identifier: str = described("The page's identifier.")
    url: str | None = described("The page's URL in the storefront.")
    title: str | None = described("The page's title.")
    heading: str | None = described("The heading above the content.")
    content: str = described("The content, as HTML that is safe to show.")
    layout: str | None = described("The layout that the editors chose, such as 1column.")
    seo: Seo = described("What the page says of itself to search engines.")

    @classmethod
    def of(cls, node: Node, links: Links) -> Page:
        """From Commerce's `CmsPage`."""
        home = node["identifier"] == links.view.config.get("cms_home_page")
        return cls(
            identifier=node["identifier"],
            url=links.path("" if home else node.get("url_key") or node["identifier"]),
            title=plain(node.get("title")),
            heading=plain(node.get("content_heading")) or None,
            content=links.html(node.get("content")) or "",
            layout=node.get("page_layout"),
            seo=Seo.of(node, links),
        )


@strawberry.type(description="A piece of content that the shop's editors write, for use in several places.")
class Block:
    identifier: str = described("The block's identifier.")
    title: str | None = described("The block's title.")
    content: str = described("The content, as HTML that is safe to show.")

    @classmethod
    def of(cls, node: Node, links: Links) -> Block:
        """From Commerce's `CmsBlock`."""
        return cls(
            identifier=node["identifier"],
            title=plain(node.get("title")),
            content=links.html(node.get("content")) or "",
        )


@strawberry.enum(description="What a URL leads to.")
class RouteKind(Enum):
    PRODUCT = strawberry.enum_value("PRODUCT", description="A product.")
    CATEGORY = strawberry.enum_value("CATEGORY", description="A category.")
    PAGE = strawberry.enum_value("CMS_PAGE", description="A CMS page.")
    REDIRECT = strawberry.enum_value("REDIRECT", description="Another URL.")


@strawberry.type(description="Where a URL sends the browser.")
class Redirect:
    status: int = described(
        "The HTTP status of the redirect: 301 for always, 302 for now, or another that the shop chose."
    )
    url: str = described("The URL to go to.")


@strawberry.type(description="What a URL of the storefront leads to; of product, category and page one is given.")
class Route:
    node: strawberry.Private[Node]
    kind: RouteKind = described("What the URL leads to.")
    url: str | None = described("The URL in the storefront.")
    redirect: Redirect | None = described("Where to go instead.")

    @strawberry.field(description="The product, if the URL leads to one.")
    async def product(self, info: Info) -> Annotated[Product, strawberry.lazy("app.storefront.products")] | None:
        if self.kind is not RouteKind.PRODUCT or not self.node.get("sku"):
            return None
        selection = selected(info)
        found = await info.context.products(
            [self.node["sku"]], frozenset(product_flags(selection)), reviews_variables(info, selection)
        )
        return Product.of(found[0], info.context.links) if found[0] else None

    @strawberry.field(description="The category, if the URL leads to one.")
    async def category(self, info: Info) -> Category | None:
        path = self.node.get("url_path") if self.kind is RouteKind.CATEGORY else None
        return await find_category(info, path) if path else None

    @strawberry.field(description="The CMS page, if the URL leads to one.")
    async def page(self, info: Info) -> Page | None:
        identifier = self.node.get("identifier") if self.kind is RouteKind.PAGE else None
        return await find_page(info.context, identifier) if identifier else None

    @classmethod
    def of(cls, node: Node, links: Links) -> Route | None:
        """From one of Commerce's `RoutableInterface`; None for what names no thing that can be shown."""
        url = links.page(node.get("relative_url"))
        status = node.get("redirect_code") or 0
        if status:
            return cls(node=node, kind=RouteKind.REDIRECT, url=url, redirect=Redirect(status=status, url=url or "/"))
        kind = next((kind for kind in RouteKind if kind.value == node.get("type")), None)
        return cls(node=node, kind=kind, url=url, redirect=None) if kind else None


async def find_page(context: Context, identifier: str) -> Page | None:
    """The CMS page of that identifier, or None."""
    reply = await context.read("Page", (), {"identifier": identifier})
    node = reply.root("cmsPage")
    return Page.of(node, context.links) if node else None


@strawberry.type
class ContentQuery:
    @strawberry.field(description="The CMS page of this identifier, or null.")
    async def page(self, info: Info, identifier: str) -> Page | None:
        if not identifier.strip():
            raise BadInput("identifier", "must not be empty")
        return await find_page(info.context, identifier)

    @strawberry.field(
        description="The CMS blocks of these identifiers in their order, null for each that there is not."
    )
    async def blocks(self, info: Info, identifiers: list[str]) -> list[Block | None] | None:
        check_count("identifiers", identifiers, MAX_BLOCKS)
        reply = await info.context.read("Blocks", (), {"identifiers": list(dict.fromkeys(identifiers))})
        found = {
            node["identifier"]: Block.of(node, info.context.links)
            for node in present((reply.root("cmsBlocks") or {}).get("items"))
        }
        return [found.get(identifier) for identifier in identifiers]

    @strawberry.field(description="What a URL of the storefront leads to, or null. Takes a path or a whole URL.")
    async def route(self, info: Info, url: str) -> Route | None:
        links = info.context.links
        reply = await info.context.read("Route", (), {"url": route_path(url, links.storefront)})
        node = reply.root("route")
        return Route.of(node, links) if node else None


def route_path(url: str, storefront: str) -> str:
    """The path that Commerce knows, of a path or URL of the storefront. Raises `BadInput`."""
    if not url.strip() or len(url) > MAX_URL:
        raise BadInput("url", f"must have between 1 and {MAX_URL} characters")
    path = url.strip()
    if storefront and path.startswith(storefront) and path[len(storefront) :][:1] in ("", "/", "?", "#"):
        path = path[len(storefront) :]
    try:
        path = unquote(urlsplit(path).path, errors="strict")
    except ValueError:
        raise BadInput("url", "is no URL") from None
    return path.strip("/") or "/"
