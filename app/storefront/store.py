"""The store views of the shop, and the countries that it sells to."""

from __future__ import annotations

from collections.abc import Iterable

import strawberry

from app.commerce.shop import StoreView
from app.storefront.common import Image, Node, described, present
from app.storefront.context import Context, Info
from app.storefront.links import Links, plain
from app.storefront.selection import selected


@strawberry.type(description="A store view: a language and currency of the shop.")
class Store:
    code: str = described("The code for the `Store` header.")
    name: str | None = described("The store view's name.")
    group: str | None = described("The code of the store that the view belongs to.")
    group_name: str | None = described("The name of that store.")
    website: str | None = described("The code of the website that it belongs to.")
    website_name: str | None = described("The name of that website.")
    is_default: bool = described("Whether this store view is meant when no `Store` header is sent.")
    locale: str = described("The language and country, such as en_US.")
    timezone: str | None = described("The time zone, such as Europe/Berlin.")
    currency: str = described("The currency of prices when no `Content-Currency` header is sent.")
    currencies: list[str] = described("The currencies for the `Content-Currency` header.")
    base_currency: str | None = described("The currency that the shop keeps its books in.")
    weight_unit: str | None = described("The unit of weights: lbs or kgs.")
    media_url: str | None = described("Where pictures are.")
    default_country: str | None = described("The country offered first, where Commerce tells it (2.4.7 and later).")
    title: str | None = described("The title for pages that have none of their own.")
    title_prefix: str | None = described("What stands before every page's title.")
    title_suffix: str | None = described("What stands behind every page's title.")
    meta_description: str | None = described("The description for pages that have none of their own.")
    meta_keywords: str | None = described("The key words for pages that have none of their own.")
    copyright: str | None = described("The copyright line.")
    welcome: str | None = described("The welcome line.")
    logo: Image | None = described("The shop's logo, if one is uploaded.")
    home_page: str | None = described("The identifier of the CMS page that is the home page.")
    not_found_page: str | None = described("The identifier of the CMS page for what is not found.")
    root_category_uid: strawberry.ID | None = described("The identifier of the root of the category tree.")
    products_per_page: int | None = described("How many products a page of a category shows.")
    products_per_page_choices: list[int] = described("How many a shopper may choose.")
    default_sort: str | None = described("What products of a category are sorted by.")
    reviews_enabled: bool = described("Whether products have reviews.")
    guests_may_review: bool = described("Whether reviews can be written without signing in.")

    @classmethod
    def of(cls, view: StoreView, default: str, links: Links) -> Store:
        """From a store view; `default` is the code of the one that needs no header."""
        config = view.config

        def text(name: str) -> str | None:
            return plain(config.get(name)) or None

        media = next(iter(view.media_urls), None)
        root = config.get("root_category_uid")
        return cls(
            code=view.code,
            name=text("store_name"),
            group=text("store_group_code"),
            group_name=text("store_group_name"),
            website=text("website_code"),
            website_name=text("website_name"),
            is_default=view.code == default,
            locale=config.get("locale") or "",
            timezone=text("timezone"),
            currency=view.currency,
            currencies=list(view.currencies),
            base_currency=text("base_currency_code"),
            weight_unit=text("weight_unit"),
            media_url=links.picture(media),
            default_country=text("default_country"),
            title=text("default_title"),
            title_prefix=text("title_prefix"),
            title_suffix=text("title_suffix"),
            meta_description=text("default_description"),
            meta_keywords=text("default_keywords"),
            copyright=text("copyright"),
            welcome=text("welcome"),
            logo=_logo(config, media, links),
            home_page=text("cms_home_page"),
            not_found_page=text("cms_no_route"),
            root_category_uid=strawberry.ID(str(root)) if root else None,
            products_per_page=config.get("grid_per_page"),
            products_per_page_choices=_numbers(config.get("grid_per_page_values")),
            default_sort=text("catalog_default_sort_by"),
            reviews_enabled=config.get("product_reviews_enabled") == "1",
            guests_may_review=config.get("allow_guests_to_write_product_reviews") == "1",
        )


def _logo(config: Node, media: str | None, links: Links) -> Image | None:
    source = config.get("header_logo_src")
    if not source or not media:
        return None
    # Commerce keeps the logo's path below this folder of its media (Magento_Theme, header logo upload).
    return Image.of({"url": f"{media}logo/{source}", "label": config.get("logo_alt")}, None, links)


def _numbers(listed: str | None) -> list[int]:
    return [int(part) for part in (listed or "").split(",") if part.strip().isdigit()]


@strawberry.type(description="A part of a country, such as a state.")
class Region:
    id: int = described("Commerce's identifier of the region.")
    code: str = described("The region's code, such as CA.")
    name: str = described("The region's name.")


@strawberry.type(description="A country that the shop sells to.")
class Country:
    code: str = described("The ISO 3166 code of two letters.")
    code3: str | None = described("The ISO 3166 code of three letters.")
    name: str | None = described("The name in the store view's language.")
    english_name: str | None = described("The name in English.")
    regions: list[Region] = described("The regions to choose from; empty where any may be written.")
    region_required: bool | None = described(
        "Whether an address there needs a region, where Commerce tells it (2.4.7 and later)."
    )
    postcode_required: bool | None = described(
        "Whether an address there needs a postal code, where Commerce tells it (2.4.7 and later)."
    )

    @classmethod
    def of(cls, node: Node, config: Node) -> Country:
        """From Commerce's `Country` and the store view's `StoreConfig`."""
        code = str(node.get("two_letter_abbreviation") or node["id"])
        without_postcode = _lists(config.get("optional_zip_countries"), code)
        return cls(
            code=code,
            code3=node.get("three_letter_abbreviation"),
            name=node.get("full_name_locale"),
            english_name=node.get("full_name_english"),
            regions=[
                Region(id=region["id"], code=region.get("code") or "", name=region.get("name") or "")
                for region in present(node.get("available_regions"))
                if region.get("id") is not None
            ],
            region_required=_lists(config.get("countries_with_required_region"), code),
            postcode_required=None if without_postcode is None else not without_postcode,
        )


def _lists(codes: str | None, code: str) -> bool | None:
    """Whether one of Commerce's lists, such as `AU,BR`, has a country in it; None where Commerce tells no list."""
    return None if codes is None else code in codes.split(",")


async def countries_of(context: Context, flags: Iterable[str] = ()) -> list[Country]:
    """The countries that the shop sells to. Raises an `UpstreamError`."""
    nodes = present((await context.read("Countries", flags)).root("countries"))
    return [Country.of(node, context.links.view.config) for node in nodes if node.get("id")]


@strawberry.type
class StoreQuery:
    @strawberry.field(description="The store view of the request.")
    def store(self, info: Info) -> Store | None:
        links = info.context.links
        return Store.of(links.view, info.context.default_store, links)

    @strawberry.field(description="All store views of the shop.")
    def stores(self, info: Info) -> list[Store] | None:
        context = info.context
        return [Store.of(view, context.default_store, context.links_of(view)) for view in context.views]

    @strawberry.field(description="The countries that the shop sells to.")
    async def countries(self, info: Info) -> list[Country] | None:
        return await countries_of(info.context, {"regions"} if "regions" in selected(info) else ())
