"""Store views, currencies and countries, as in gql-000 to gql-015."""

# ruff: noqa: N803 - resolvers take what GraphQL gives them, by the names of Commerce's arguments

from __future__ import annotations

from typing import Any

from .call import Call, Info, call
from .countries import POSTCODE_OPTIONAL, REGION_REQUIRED
from .countries import countries as every_country
from .errors import NO_SUCH_ENTITY, CommerceError
from .model import Store, uid
from .shop import Shop

SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£"}


def config(shop: Shop, store: Store, public_url: str) -> dict[str, Any]:
    """`StoreConfig` of a store view: gql-000 with this shop's values."""
    group, website = shop.group_of(store), shop.website_of(store)
    url, media = f"{public_url}/", f"{public_url}/media/"
    static = f"{public_url}/static/"
    return {
        "id": store.id,
        "code": store.code,
        "store_code": store.code,
        "store_name": store.name,
        "store_sort_order": store.position,
        "store_group_code": group.code,
        "store_group_name": group.name,
        "website_id": website.id,
        "website_code": website.code,
        "website_name": website.name,
        "is_default_store": group.default_store == store.id,
        "is_default_store_group": website.default_group == group.id,
        "locale": store.locale,
        "timezone": store.timezone,
        "weight_unit": store.weight_unit,
        "base_currency_code": shop.base_currency,
        "default_display_currency_code": store.currency,
        "base_url": url,
        "base_link_url": url,
        "base_static_url": static,
        "base_media_url": media,
        "secure_base_url": url,
        "secure_base_link_url": url,
        "secure_base_static_url": static,
        "secure_base_media_url": media,
        "category_url_suffix": ".html",
        "product_url_suffix": ".html",
        "root_category_id": group.root_category,
        "root_category_uid": uid(group.root_category),
        "catalog_default_sort_by": "position",
        "list_mode": "grid-list",
        "grid_per_page": 12,
        "grid_per_page_values": "12,24,36",
        "list_per_page": 10,
        "list_per_page_values": "5,10,15,20,25",
        "cms_home_page": "home",
        "cms_no_route": "no-route",
        "no_route": "cms/noroute/index",
        "front": "cms",
        "title_separator": "-",
        "head_includes": None,
        "default_country": store.country,
        "countries_with_required_region": ",".join(sorted(REGION_REQUIRED)),
        "optional_zip_countries": ",".join(sorted(POSTCODE_OPTIONAL)),
        "allow_guests_to_write_product_reviews": "1",
        "product_reviews_enabled": "1",
        "magento_wishlist_general_is_enabled": "1",
        "minimum_password_length": "8",
        "required_character_classes_number": "3",
        "autocomplete_on_storefront": False,
        "send_friend": {"enabled_for_customers": True, "enabled_for_guests": False},
        "check_money_order_enabled": True,
        "use_store_in_url": False,
        "cart_merge_preference": "merge",
        **shop.config,
    }


def currency_of(shop: Shop, store: Store) -> dict[str, Any]:
    """`Currency` of a store view, for GraphQL and for REST alike (gql-011, rest-055)."""
    codes = shop.website_of(store).currencies
    return {
        "base_currency_code": shop.base_currency,
        "base_currency_symbol": SYMBOLS[shop.base_currency],
        "default_display_currency_code": store.currency,
        "default_display_currency_symbol": SYMBOLS[store.currency],
        "available_currency_codes": list(codes),
        "exchange_rates": [
            {"currency_to": code, "rate": int(rate) if (rate := shop.rates[code]).is_integer() else rate}
            for code in codes
        ],
    }


def store_config(_root: Any, info: Info) -> dict[str, Any]:
    context = call(info)
    return config(context.shop, context.store, context.public_url)


def available_stores(_root: Any, info: Info, useCurrentGroup: bool | None = None) -> list[dict[str, Any]]:
    """The store views of the current website, or only of the current group; those of other websites stay unknown."""
    context = call(info)
    shop, here = context.shop, context.store
    website = shop.website_of(here).id
    return [
        config(shop, store, context.public_url)
        for store in shop.stores
        if shop.website_of(store).id == website and (not useCurrentGroup or store.group == here.group)
    ]


def currency(_root: Any, info: Info) -> dict[str, Any]:
    context = call(info)
    return currency_of(context.shop, context.store)


def countries(_root: Any, info: Info) -> list[dict[str, Any]]:
    return _countries(call(info))


def country(_root: Any, info: Info, id: str | None = None) -> dict[str, Any]:
    if not id:
        raise CommerceError('Country "id" value should be specified')
    found = next((one for one in _countries(call(info)) if one["id"] == id), None)
    if found is None:
        raise CommerceError("The country isn't available.", NO_SUCH_ENTITY)
    return found


def _countries(context: Call) -> list[dict[str, Any]]:
    return every_country(context.store.locale)


FIELDS = {
    "Query": {
        "storeConfig": store_config,
        "availableStores": available_stores,
        "currency": currency,
        "countries": countries,
        "country": country,
    },
}
