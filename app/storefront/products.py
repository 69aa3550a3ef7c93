"""Products: one interface over all of Commerce's product types."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Annotated, Any

import strawberry

from app.commerce.pruning import ATTRIBUTE_ALIAS
from app.storefront.attributes import ProductAttribute, attributes_of
from app.storefront.common import Breadcrumb, Image, Node, Seo, described, present
from app.storefront.context import Info
from app.storefront.links import Links, is_safe_url, plain
from app.storefront.options import (
    IN_STOCK,
    BundleOption,
    ConfigurableOption,
    CustomOption,
    DownloadLink,
    DownloadSample,
    GroupedItem,
    Variant,
)
from app.storefront.prices import ProductPrice
from app.storefront.reviews import MAX_REVIEWS, Rating, Review, Reviews, reviews_variables
from app.storefront.selection import Selection, selected

# The fields that cost Commerce extra work, and the optional part of the document that each needs.
_PARTS = {
    "thumbnail": "thumbnail",
    "stock": "stock",
    "description": "details",
    "shortDescription": "details",
    "seo": "details",
    "weight": "details",
    "gallery": "gallery",
    "categories": "categories",
    "breadcrumbs": "categories",
    "reviews": "reviews",
    "related": "related",
    "upsell": "upsell",
    "crossSell": "crosssell",
    "attributes": "attributes",
    "customOptions": "customOptions",
    "options": "options",
    "variants": "variants",
    "bundleOptions": "bundle",
    "dynamicPrice": "bundle",
    "shippedTogether": "bundle",
    "groupedItems": "group",
    "downloadLinks": "downloads",
    "downloadSamples": "downloads",
    "linksTitle": "downloads",
    "linksPurchasedSeparately": "downloads",
}


def product_flags(selection: Selection) -> Iterator[str]:
    """The optional parts of a product document that this selection of product fields needs."""
    for field, flag in _PARTS.items():
        if field in selection:
            yield flag
    if "tiers" in selection.at("price"):
        yield "tiers"


@strawberry.type(description="Whether a product can be bought, and how many.")
class Stock:
    in_stock: bool = described("Whether the product can be bought now.")
    only_left: Decimal | None = described("How many are left, when they are few and the shop says so.")
    minimum_quantity: Decimal | None = described("The least that can be bought, where the shop says so.")
    maximum_quantity: Decimal | None = described("The most that can be bought, where the shop says so.")

    @classmethod
    def of(cls, node: Node) -> Stock:
        """From a product's stock fields."""

        def number(name: str) -> Decimal | None:
            return None if node.get(name) is None else Decimal(str(node[name]))

        return cls(
            in_stock=node.get("stock_status") == IN_STOCK,
            only_left=number("only_x_left_in_stock"),
            minimum_quantity=number("min_sale_qty"),
            maximum_quantity=number("max_sale_qty"),
        )


@strawberry.type(description="A video of a product.")
class Video:
    url: str | None = described("Where the video is, such as its page at a video site.")
    provider: str | None = described("The video site.")
    title: str | None = described("The video's title.")
    description: str | None = described("What it shows.")


@strawberry.type(description="A picture of a product's gallery, or a video with its picture.")
class Media:
    url: str = described("Where the picture is.")
    alt: str = described("What it shows, in words.")
    video: Video | None = described("The video, if it is one.")

    @classmethod
    def of(cls, node: Node, alt: str, links: Links) -> Media | None:
        """From one entry of Commerce's `media_gallery`; None for a hidden one."""
        image = Image.of(node, alt, links)
        if image is None or node.get("disabled"):
            return None
        content = node.get("video_content")
        video = None
        if content:
            video = Video(
                url=content.get("video_url") if is_safe_url(content.get("video_url")) else None,
                provider=content.get("video_provider") or None,
                title=plain(content.get("video_title")) or None,
                description=plain(content.get("video_description")) or None,
            )
        return cls(url=image.url, alt=image.alt, video=video)


@strawberry.type(description="A category that a product is in.")
class ProductCategory:
    uid: strawberry.ID = described("The category's identifier.")
    name: str = described("The category's name.")
    url_path: str | None = described("The category's path, for `category(urlPath:)`.")
    url: str | None = described("The category's URL in the storefront.")
    breadcrumbs: list[Breadcrumb] = described("The way to the category from the top, without itself.")

    @classmethod
    def of(cls, node: Node, links: Links) -> ProductCategory:
        """From one of a product's `categories`."""
        path = node.get("url_path")
        return cls(
            uid=strawberry.ID(str(node["uid"])),
            name=plain(node.get("name")) or "",
            url_path=path,
            url=links.path(f"{path}{node.get('url_suffix') or ''}") if path else None,
            breadcrumbs=Breadcrumb.trail(node.get("breadcrumbs"), links),
        )


ProductType = Annotated["Product", strawberry.lazy("app.storefront.products")]


@strawberry.interface(description="A product of the catalogue, whatever its type.")
class Product:
    node: strawberry.Private[Node]
    links: strawberry.Private[Links]
    uid: strawberry.ID = described("The product's identifier.")
    sku: str = described("The stock keeping unit.")
    name: str = described("The product's name.")
    url_key: str | None = described("The key for `product(urlKey:)`.")
    url: str | None = described("The product's URL in the storefront.")
    in_stock: bool = described("Whether the product can be bought now.")
    image: Image | None = described("The main picture.")
    price: ProductPrice | None = described(
        "What the product costs in the request's currency, or null where the shop hides prices."
    )
    rating: Rating = described("What shoppers say of it, in short.")

    @classmethod
    def all_of(cls, nodes: Iterable[Node | None] | None, links: Links) -> list[Product]:
        """From a list of Commerce's products; one without a SKU cannot be shown and is left out."""
        return [cls.of(node, links) for node in present(nodes) if node.get("sku")]

    @classmethod
    def of(cls, node: Node, links: Links) -> Product:
        """From one node of Commerce's `ProductInterface`, whatever its type."""
        name = plain(node.get("name")) or ""
        key = node.get("url_key")
        kind = _TYPES.get(node["__typename"], OtherProduct)
        return kind(
            node=node,
            links=links,
            uid=strawberry.ID(str(node["uid"])),
            sku=node["sku"],
            name=name,
            url_key=key,
            url=links.path(f"{key}{node.get('url_suffix') or ''}") if key else None,
            in_stock=node.get("stock_status") == IN_STOCK,
            image=Image.of(node.get("image"), name, links),
            price=ProductPrice.of(node, links.currency),
            rating=Rating.of(node),
        )

    @strawberry.field(description="A small picture.")
    def thumbnail(self) -> Image | None:
        return Image.of(self.node.get("thumbnail"), self.name, self.links)

    @strawberry.field(description="How many can be bought.")
    def stock(self) -> Stock:
        return Stock.of(self.node)

    @strawberry.field(description="The description, as HTML that is safe to show.")
    def description(self) -> str | None:
        return self.links.html((self.node.get("description") or {}).get("html")) or None

    @strawberry.field(description="The short description, as HTML that is safe to show.")
    def short_description(self) -> str | None:
        return self.links.html((self.node.get("short_description") or {}).get("html")) or None

    @strawberry.field(description="What the product's page says of itself to search engines.")
    def seo(self) -> Seo:
        return Seo.of(self.node, self.links)

    @strawberry.field(description="The weight in the store's unit; null for what is not shipped.")
    def weight(self) -> Decimal | None:
        weight = self.node.get("weight")
        return None if weight is None else Decimal(str(weight))

    @strawberry.field(description="Pictures and videos, in the shop's order.")
    def gallery(self) -> list[Media]:
        entries = sorted(present(self.node.get("media_gallery")), key=lambda entry: entry.get("position") or 0)
        found = (Media.of(entry, self.name, self.links) for entry in entries)
        return [media for media in found if media is not None]

    @strawberry.field(description="The categories that the product is in.")
    def categories(self) -> list[ProductCategory]:
        return [ProductCategory.of(node, self.links) for node in present(self.node.get("categories"))]

    @strawberry.field(description="The way to the product: the longest of its categories' ways, from the top.")
    def breadcrumbs(self) -> list[Breadcrumb]:
        return longest_way(self.categories())

    @strawberry.field(description=f"What shoppers say of it, in pages of {MAX_REVIEWS} at most.")
    def reviews(self, page: int = 1, page_size: int = 10) -> Reviews:
        found = self.node.get("reviews") or {}
        pages = (found.get("page_info") or {}).get("total_pages") or 0
        items = [] if page > pages else found.get("items") or []
        return Reviews(
            total=self.rating.count,
            page=page,
            page_size=page_size,
            pages=pages,
            items=[Review.of(node) for node in present(items)],
        )

    @strawberry.field(description="Products that go with this one.")
    async def related(self, info: Info) -> list[ProductType] | None:
        return await self._linked(info, "related_products")

    @strawberry.field(description="Products to prefer to this one.")
    async def upsell(self, info: Info) -> list[ProductType] | None:
        return await self._linked(info, "upsell_products")

    @strawberry.field(description="Products to add to this one.")
    async def cross_sell(self, info: Info) -> list[ProductType] | None:
        return await self._linked(info, "crosssell_products")

    @strawberry.field(
        description="The shop's own attributes of the product, those with these codes or all; empty ones are left out."
    )
    async def attributes(self, info: Info, codes: list[str] | None = None) -> list[ProductAttribute] | None:
        own = {
            key.removeprefix(ATTRIBUTE_ALIAS): value
            for key, value in self.node.items()
            if key.startswith(ATTRIBUTE_ALIAS)
        }
        return await attributes_of(info, own, self.node.get("custom_attributesV2"), codes)

    @strawberry.field(description="What a shopper can say of the product when buying it, such as an engraving.")
    def custom_options(self) -> list[CustomOption]:
        if isinstance(self, GroupedProduct):
            return []
        nodes = sorted(present(self.node.get("options")), key=lambda node: node.get("sort_order") or 0)
        found = (CustomOption.of(node, self.links) for node in nodes)
        return [option for option in found if option is not None]

    async def _linked(self, info: Info, field: str) -> list[Any]:
        """The products of one of Commerce's lists of links: all lists of a request are read in one call."""
        skus = [link["sku"] for link in present(self.node.get(field)) if link.get("sku")]
        selection = selected(info)
        flags = frozenset(product_flags(selection))
        found = await info.context.products(skus, flags, reviews_variables(info, selection))
        return list(Product.all_of(found, self.links))


def longest_way(categories: list[ProductCategory]) -> list[Breadcrumb]:
    """The breadcrumbs to the deepest of some categories, itself included; the first of equally deep ones."""
    if not categories:
        return []
    deepest = max(categories, key=lambda category: len(category.breadcrumbs))
    itself = Breadcrumb(uid=deepest.uid, name=deepest.name, url_path=deepest.url_path, url=deepest.url)
    return [*deepest.breadcrumbs, itself]


@strawberry.type(description="A product that is bought as it is.")
class SimpleProduct(Product):
    pass


@strawberry.type(description="A product that is not shipped, such as a service.")
class VirtualProduct(Product):
    pass


@strawberry.type(description="A product of which one variant is chosen by its options.")
class ConfigurableProduct(Product):
    @strawberry.field(description="What the variants differ in, with all values.")
    def options(self) -> list[ConfigurableOption]:
        nodes = sorted(present(self.node.get("configurable_options")), key=lambda node: node.get("position") or 0)
        return [ConfigurableOption.of(node, self.links) for node in nodes]

    @strawberry.field(description="All variants that can be chosen.")
    def variants(self) -> list[Variant]:
        nodes = present(self.node.get("variants"))
        return [Variant.of(node, self.links) for node in nodes if (node.get("product") or {}).get("sku")]


@strawberry.type(description="A product put together by the shopper from several parts.")
class BundleProduct(Product):
    @strawberry.field(description="The parts, with the products that can be chosen for each.")
    def bundle_options(self) -> list[BundleOption]:
        nodes = sorted(present(self.node.get("items")), key=lambda node: node.get("position") or 0)
        return [BundleOption.of(node, self.links) for node in nodes]

    @strawberry.field(description="Whether the price is the sum of the parts' prices.")
    def dynamic_price(self) -> bool:
        return bool(self.node.get("dynamic_price"))

    @strawberry.field(description="Whether all parts are shipped together.")
    def shipped_together(self) -> bool:
        return self.node.get("ship_bundle_items") == "TOGETHER"


@strawberry.type(description="Several products that are shown together and bought one by one.")
class GroupedProduct(Product):
    @strawberry.field(description="The products of the group.")
    def grouped_items(self) -> list[GroupedItem]:
        nodes = sorted(present(self.node.get("items")), key=lambda node: node.get("position") or 0)
        return [GroupedItem.of(node, self.links) for node in nodes if (node.get("product") or {}).get("sku")]


@strawberry.type(description="Files that are sold.")
class DownloadableProduct(Product):
    @strawberry.field(description="The title above the files.")
    def links_title(self) -> str | None:
        return plain(self.node.get("links_title"))

    @strawberry.field(description="Whether the shopper chooses among the files; if not, he gets all.")
    def links_purchased_separately(self) -> bool:
        return bool(self.node.get("links_purchased_separately"))

    @strawberry.field(description="The files.")
    def download_links(self) -> list[DownloadLink]:
        nodes = present(self.node.get("downloadable_product_links"))
        return [DownloadLink.of(node, self.links) for node in sorted(nodes, key=_sort_order)]

    @strawberry.field(description="Files to try before buying.")
    def download_samples(self) -> list[DownloadSample]:
        nodes = present(self.node.get("downloadable_product_samples"))
        return [DownloadSample.of(node) for node in sorted(nodes, key=_sort_order)]


def _sort_order(node: Node) -> int:
    return node.get("sort_order") or 0


@strawberry.type(description="A product of a type that the shop's own modules add; its common fields are served.")
class OtherProduct(Product):
    @strawberry.field(description="Commerce's name of the type.")
    def upstream_type(self) -> str:
        return str(self.node["__typename"])


_TYPES: dict[str, type[Product]] = {
    kind.__name__: kind
    for kind in (
        SimpleProduct,
        VirtualProduct,
        ConfigurableProduct,
        BundleProduct,
        GroupedProduct,
        DownloadableProduct,
    )
}
PRODUCT_TYPES = (*_TYPES.values(), OtherProduct)
