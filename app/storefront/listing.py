"""Lists of products: a page of them, what it can be narrowed and sorted by, and how it is asked of Commerce."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import strawberry

from app.commerce.capabilities import SHIPPED_FILTERS
from app.commerce.client import Reply
from app.errors import UnknownAttribute, UpstreamFailed
from app.storefront.common import Node, check_page, described, present
from app.storefront.context import Context, Info
from app.storefront.filters import ProductFilter, ProductSort, build_filter, build_sort
from app.storefront.links import Links, plain
from app.storefront.products import Product, product_flags
from app.storefront.reviews import reviews_variables
from app.storefront.selection import Selection

DEFAULT_PAGE_SIZE = 20


@strawberry.type(description="A value of a facet.")
class FacetOption:
    value: str = described("The value, which `filter` takes as it is.")
    label: str = described("The value in words.")
    count: int = described("How many of the products have it.")


@strawberry.type(description="An attribute that the products found differ in, with its values.")
class Facet:
    attribute: str = described("The attribute's code.")
    label: str = described("The attribute's name.")
    options: list[FacetOption] = described("The values that the products have.")

    @classmethod
    def of(cls, node: Node) -> Facet:
        """From Commerce's `Aggregation`."""
        return cls(
            attribute=node["attribute_code"],
            label=plain(node.get("label")) or "",
            options=[
                FacetOption(
                    value=str(option["value"]), label=plain(option.get("label")) or "", count=option.get("count") or 0
                )
                for option in present(node.get("options"))
            ],
        )


@strawberry.type(description="Something that products can be sorted by, as the shop offers it.")
class SortOption:
    value: str = described("What `sort` takes in `by`.")
    label: str = described("It in words.")
    is_default: bool = described("Whether the shop sorts by it unless asked otherwise.")


@strawberry.type(description="A page of products.")
class ProductList:
    total: int = described("How many products there are on all pages.")
    page: int = described("Which page this is, from 1.")
    page_size: int = described("How many products a page has.")
    pages: int = described("How many pages there are.")
    items: list[Product] = described("The products of this page.")
    facets: list[Facet] = described("What the products can be narrowed by.")
    sorts: list[SortOption] = described("What the products can be sorted by.")
    suggestions: list[str] = described("Other texts to search for, where the shop's search engine has some.")

    @classmethod
    def of(cls, node: Node, page: int, page_size: int, links: Links, usable: Callable[[str], bool]) -> ProductList:
        """From Commerce's `Products`; facets of attributes that are not `usable` as filters are left out."""
        total = node.get("total_count") or 0
        sorts = node.get("sort_fields") or {}
        return cls(
            total=total,
            page=page,
            page_size=page_size,
            pages=(node.get("page_info") or {}).get("total_pages") or math.ceil(total / page_size),
            items=Product.all_of(node.get("items"), links),
            facets=[Facet.of(facet) for facet in present(node.get("aggregations")) if usable(facet["attribute_code"])],
            sorts=[
                SortOption(
                    value=option["value"],
                    label=plain(option.get("label")) or "",
                    is_default=option["value"] == sorts.get("default"),
                )
                for option in present(sorts.get("options"))
                if option.get("value")
            ],
            suggestions=[found["search"] for found in present(node.get("suggestions"))],
        )


class Listing:
    """One list of products that a query asks for: its arguments checked, its parts known. Raises `Rejected`."""

    def __init__(
        self,
        context: Context,
        selection: Selection,
        info: Info,
        page: int,
        page_size: int,
        sort: ProductSort | None,
        filters: list[ProductFilter] | None,
        without: frozenset[str] = frozenset({"category_url_path"}),
    ) -> None:
        check_page(page, page_size, context.largest_page)
        self._context = context
        self._without = without
        self._page = page
        self._page_size = page_size
        self.filter = build_filter(filters, context.capabilities, without=without)
        guessing = not context.capabilities.live
        self._guessed = [code for code in self.filter if guessing and code not in SHIPPED_FILTERS]
        self.sort = build_sort(sort, context.capabilities)
        self.flags = {"total", *(flag for flag in ("facets", "sorts", "suggestions") if flag in selection)}
        items = selection.at("items")
        self._reviews: Mapping[str, object] = {}
        if "items" in selection:
            self.flags |= {"items", *product_flags(items)}
            self._reviews = reviews_variables(info, items)

    def variables(self, fixed: Mapping[str, object], **search: str) -> dict[str, object]:
        """The variables to send; `fixed` are conditions of ours beside the shopper's."""
        return {
            **search,
            "filter": {**self.filter, **fixed},
            "sort": self.sort,
            "pageSize": self._page_size,
            "currentPage": self._page,
            **self._reviews,
        }

    async def ask(self, fixed: Mapping[str, object], **search: str) -> ProductList:
        """The page, in a call of its own."""
        try:
            reply = await self._context.read("Products", self.flags, self.variables(fixed, **search))
        except UpstreamFailed as error:
            # Where introspection is off only Commerce itself knows the shop's attributes.
            if self._guessed and error.category == "graphql":
                known = self._context.capabilities.filters
                raise UnknownAttribute("filter", self._guessed[0], known) from None
            raise
        return await self.of(reply, fixed, **search)

    async def of(self, reply: Reply, fixed: Mapping[str, object], **search: str) -> ProductList:
        """The page from a reply that has it, whether or not Commerce thought that it is past the end."""
        try:
            node = reply.root("products") or {}
        except UpstreamFailed as error:
            if self._page == 1 or error.category != "graphql-input":
                raise
            node = await self._past_the_end(error, fixed, search)
        return ProductList.of(node, self._page, self._page_size, self._context.links, self._usable)

    def _usable(self, attribute: str) -> bool:
        capabilities = self._context.capabilities
        return attribute not in self._without and (attribute in capabilities.filters or not capabilities.live)

    async def _past_the_end(
        self, error: UpstreamFailed, fixed: Mapping[str, object], search: Mapping[str, str]
    ) -> Node:
        """Commerce refuses a page past the end: the total and the facets are asked of the first page."""
        flags = self.flags & {"total", "facets", "sorts", "suggestions"}
        variables = {**self.variables(fixed, **search), "currentPage": 1, "pageSize": 1}
        node = (await self._context.read("Products", flags, variables)).root("products") or {}
        pages = math.ceil((node.get("total_count") or 0) / self._page_size)
        if self._page <= pages:
            raise error
        return {**node, "items": [], "page_info": {"total_pages": pages}}
