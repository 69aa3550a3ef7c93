"""Journeys through the catalogue: menu, categories, lists, product pages, search."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal

from tests.journeys.storefront import (
    CATEGORY_PAGE,
    NOWHERE,
    OTHER_FACETS,
    PAGE_OF_CATEGORY,
    PRODUCT_FIELDS,
    Json,
    Listing,
    Storefront,
    check,
    same,
)


async def the_menu_leads_to_categories_with_products(shop: Storefront) -> None:
    for entry in await shop.navigation():
        check(bool(entry["name"]), f"an entry of the menu has no name: {entry}")
    for listing in await shop.listings():
        check(listing.total >= len(listing.items), f"{listing.path} has more products than its total, {listing.total}")
        same(f"how many products of {listing.path} are shown", len(listing.items), min(listing.total, 100))


async def a_category_is_paged_through_to_its_end(shop: Storefront) -> None:
    listing = await shop.long_listing()
    size = max(2, math.ceil(listing.total / 4))
    pages = math.ceil(listing.total / size)
    seen: list[str] = []
    for page in range(1, pages + 1):
        variables = {"path": listing.path, "page": page, "size": size, "sort": {"by": "name"}}
        found = (await shop.data(PAGE_OF_CATEGORY, variables))["category"]["products"]
        told = (found["total"], found["page"], found["pageSize"], found["pages"])
        same(f"total, page, size and pages of page {page} of {listing.path}", told, (listing.total, page, size, pages))
        expected = size if page < pages else listing.total - size * (pages - 1)
        same(f"how many products page {page} of {listing.path} has", len(found["items"]), expected)
        seen += [item["sku"] for item in found["items"]]
    same(f"how many different products the pages of {listing.path} have", len(set(seen)), listing.total)


async def a_page_past_the_end_is_empty_and_tells_the_total(shop: Storefront) -> None:
    listing = await shop.long_listing()
    variables = {"path": listing.path, "page": listing.total + 5, "size": 2}
    found = (await shop.data(PAGE_OF_CATEGORY, variables))["category"]["products"]
    same(f"what is past the end of {listing.path}", (found["items"], found["total"]), ([], listing.total))
    same(f"how many pages {listing.path} has", found["pages"], math.ceil(listing.total / 2))
    check(bool(found["facets"]), f"past the end of {listing.path} there are no facets")


async def products_are_sorted_by_price_both_ways_and_by_name(shop: Storefront) -> None:
    listing = await shop.long_listing()

    async def sorted_by(by: str, direction: str) -> list[Json]:
        variables = {"path": listing.path, "page": 1, "size": 12, "sort": {"by": by, "direction": direction}}
        items: list[Json] = (await shop.data(PAGE_OF_CATEGORY, variables))["category"]["products"]["items"]
        return items

    cheap = [Decimal(item["price"]["final"]["amount"]) for item in await sorted_by("price", "ASC")]
    dear = [Decimal(item["price"]["final"]["amount"]) for item in await sorted_by("price", "DESC")]
    same(f"the prices of {listing.path} from the lowest", cheap, sorted(cheap))
    same(f"the prices of {listing.path} from the highest", dear, sorted(dear, reverse=True))
    first, last = (await sorted_by("name", "ASC"))[0]["name"], (await sorted_by("name", "DESC"))[0]["name"]
    check(first.casefold() < last.casefold(), f"{listing.path} by name starts at {first!r}, backwards at {last!r}")


async def a_facet_value_finds_as_many_products_as_it_says(shop: Storefront) -> None:
    listing = await shop.long_listing()
    own = {code: options for code, options in listing.facets.items() if code not in OTHER_FACETS}
    check(bool(own), f"{listing.path} has no facet but {sorted(listing.facets)}")
    for code, options in list(own.items())[:3]:
        option = options[0]
        variables = {
            "path": listing.path,
            "page": 1,
            "size": 12,
            "filter": [{"attribute": code, "in": option["value"]}],
        }
        found = (await shop.data(PAGE_OF_CATEGORY, variables))["category"]["products"]
        same(f"how many products of {listing.path} have {code} {option['label']}", found["total"], option["count"])
    both = [option["value"] for option in next(iter(own.values()))[:2]]
    variables = {"path": listing.path, "page": 1, "size": 1, "filter": [{"attribute": next(iter(own)), "in": both}]}
    found = (await shop.data(PAGE_OF_CATEGORY, variables))["category"]["products"]
    counts = [option["count"] for option in next(iter(own.values()))[:2]]
    check(
        max(counts) <= found["total"] <= sum(counts), f"{both} of {next(iter(own))} find {found['total']}, not {counts}"
    )


async def a_range_of_prices_narrows_a_category(shop: Storefront) -> None:
    listing = await shop.long_listing()
    check("price" in listing.facets, f"{listing.path} has no price facet but {sorted(listing.facets)}")
    option = listing.facets["price"][0]
    variables = {"path": listing.path, "page": 1, "size": 12, "filter": [{"attribute": "price", "in": option["value"]}]}
    found = (await shop.data(PAGE_OF_CATEGORY, variables))["category"]["products"]
    # A product at the very end of the range counts for the next one in the facet, and is found by the filter.
    check(found["total"] >= option["count"], f"{option} of {listing.path} finds {found['total']}")
    low, _, high = option["value"].partition("_")
    bounds = [{"attribute": "price", "from": low, **({"to": high} if high not in ("", "*") else {})}]
    again = (await shop.data(PAGE_OF_CATEGORY, {**variables, "filter": bounds}))["category"]["products"]
    same(f"what is found between {low} and {high}", again["total"], found["total"])
    for item in found["items"]:
        amount = Decimal(item["price"]["final"]["amount"])
        check(amount >= Decimal(low), f"{item['sku']} costs {amount}, less than {low}")


async def the_category_page_of_the_issue_runs_as_it_stands(shop: Storefront) -> None:
    coloured = [listing for listing in await shop.listings() if "color" in listing.facets]
    if not coloured:
        extensions = await shop.refusal(CATEGORY_PAGE, {"path": (await shop.long_listing()).path, "page": 1})
        same("the code for a colour where there are none", extensions["code"], "UNKNOWN_ATTRIBUTE")
        return
    offering = [listing for listing in coloured if any(each["value"] == "49" for each in listing.facets["color"])]
    for listing in (offering or coloured)[:1]:
        counts = {each["value"]: each["count"] for each in listing.facets["color"]}
        await _category_page(shop, CATEGORY_PAGE, listing, counts.get("49", 0))
        other = next((value for value in counts if value != "49"), "49")
        await _category_page(shop, CATEGORY_PAGE.replace('"49"', f'"{other}"'), listing, counts.get(other, 0))


async def _category_page(shop: Storefront, query: str, listing: Listing, count: int) -> None:
    data = await shop.data(query, {"path": listing.path, "page": 1})
    same("the store's currency", data["store"]["currency"], _currency_of(data) or data["store"]["currency"])
    check(bool(data["navigation"]), "the navigation is empty")
    category = data["category"]
    same("the category's name", category["name"], listing.name)
    same("the way to the category", len(category["breadcrumbs"]), listing.path.count("/"), category["breadcrumbs"])
    products = category["products"]
    same(f"how many products of {listing.path} have the colour", products["total"], count)
    same("the page", (products["page"], products["pages"]), (1, math.ceil(count / 12)))
    same("how many products the page has", len(products["items"]), min(count, 12))
    for item in products["items"]:
        check(item["name"] and item["urlKey"] and item["url"], f"{item['sku']} lacks its name or URL")
        check(item["image"] is None or bool(item["image"]["alt"]), f"the picture of {item['sku']} has no words")
        check((item["rating"]["average"] is None) == (item["rating"]["count"] == 0), f"{item['sku']}: {item['rating']}")


def _currency_of(data: Json) -> str | None:
    items = data["category"]["products"]["items"]
    return items[0]["price"]["final"]["currency"] if items else None


async def a_product_page_of_each_type_has_all_that_it_needs(shop: Storefront) -> None:
    for kind, item in (await shop.one_of_each_type()).items():
        query = f"query ($key: String!) {{ product(urlKey: $key) {{ ...PageFields }} }} {PRODUCT_FIELDS}"
        product = (await shop.data(query, {"key": item["urlKey"]}))["product"]
        check(product is not None, f"{item['urlKey']} is in a category, but there is no such product")
        same("what the page shows", (product["sku"], product["__typename"]), (item["sku"], kind))
        _check_product(product)
        _CHECKS.get(kind, _check_nothing)(product)


def _check_product(product: Json) -> None:
    sku, price, reviews = product["sku"], product["price"], product["reviews"]
    lowest, highest = (Decimal(price[end]["final"]["amount"]) for end in ("minimum", "maximum"))
    check(lowest <= highest, f"{sku} costs {lowest} to {highest}")
    same(f"the price of {sku}", price["final"], price["minimum"]["final"])
    check(Decimal(price["final"]["amount"]) <= Decimal(price["regular"]["amount"]), f"{sku}: {price}")
    same(f"whether {sku} can be bought", product["stock"]["inStock"], product["inStock"])
    for media in product["gallery"]:
        check(bool(media["url"]) and bool(media["alt"]), f"the gallery of {sku} has {media}")
    check(bool(product["breadcrumbs"]), f"{sku} is in a category, but no way leads to it")
    paths = [crumb["urlPath"] for crumb in product["breadcrumbs"]]
    check(paths[-1] in [category["urlPath"] for category in product["categories"]], f"{sku} is not in {paths[-1]}")
    for above, below in itertools.pairwise(paths):
        check(below.startswith(f"{above}/"), f"the way to {sku} jumps: {paths}")
    same(f"how many reviews {sku} has", reviews["total"], product["rating"]["count"])
    same(f"how many reviews of {sku} are shown", len(reviews["items"]), min(reviews["total"], 2))
    for review in reviews["items"]:
        check(0 <= Decimal(review["average"]) <= 5, f"{sku} has a review with {review['average']} stars")
        check(bool(review["nickname"] and review["text"]), f"{sku} has an empty review: {review}")


def _check_nothing(_: Json) -> None:
    pass


def _check_configurable(product: Json) -> None:
    sku, options, variants = product["sku"], product["options"], product["variants"]
    check(bool(options) and bool(variants), f"{sku} has {len(options)} options and {len(variants)} variants")
    offered = {option["attribute"]: {value["uid"]: value for value in option["values"]} for option in options}
    for variant in variants:
        chosen = {value["attribute"]: value for value in variant["values"]}
        same(f"what chooses {variant['sku']}", chosen.keys(), offered.keys())
        for attribute, value in chosen.items():
            known = offered[attribute].get(value["uid"])
            check(known is not None, f"{variant['sku']} has a {attribute} that {sku} does not offer: {value}")
            assert known is not None
            same(
                f"the {attribute} of {variant['sku']}",
                (value["value"], value["label"]),
                (known["value"], known["label"]),
            )
        check(bool(variant["image"] and variant["image"]["url"]), f"{variant['sku']} has no picture")
        check(Decimal(variant["price"]["final"]["amount"]) >= 0, f"{variant['sku']} costs {variant['price']}")
    check(len({variant["sku"] for variant in variants}) == len(variants), f"{sku} has the same variant twice")
    if product["inStock"]:
        check(any(variant["inStock"] for variant in variants), f"{sku} can be bought, none of its variants can")


def _check_bundle(product: Json) -> None:
    check(bool(product["bundleOptions"]), f"{product['sku']} is a bundle of nothing")
    for option in product["bundleOptions"]:
        check(bool(option["choices"]), f"there is nothing to choose for {option['title']} of {product['sku']}")
        check(option["input"] in ("radio", "select", "checkbox", "multi"), f"{product['sku']}: {option['input']}")
        for choice in option["choices"]:
            check(bool(choice["label"] and choice["uid"]), f"{product['sku']} has a choice without a name: {choice}")


def _check_grouped(product: Json) -> None:
    check(bool(product["groupedItems"]), f"{product['sku']} is a group of nothing")
    for item in product["groupedItems"]:
        check(bool(item["sku"] and item["name"] and item["url"]), f"{product['sku']} has a part without a name: {item}")


def _check_downloadable(product: Json) -> None:
    check(bool(product["downloadLinks"]), f"{product['sku']} has nothing to download")


_CHECKS: Mapping[str, Callable[[Json], None]] = {
    "ConfigurableProduct": _check_configurable,
    "BundleProduct": _check_bundle,
    "GroupedProduct": _check_grouped,
    "DownloadableProduct": _check_downloadable,
}


async def a_product_by_sku_is_the_product_by_its_url_key(shop: Storefront) -> None:
    for item in (await shop.one_of_each_type()).values():
        query = f"""query ($key: String!, $sku: String!) {{
          one: product(urlKey: $key) {{ ...PageFields }} other: product(sku: $sku) {{ ...PageFields }}
        }} {PRODUCT_FIELDS}"""
        data = await shop.data(query, {"key": item["urlKey"], "sku": item["sku"]})
        same(f"{item['sku']} by its SKU", data["other"], data["one"])


async def products_by_sku_keep_their_order_and_nulls(shop: Storefront) -> None:
    skus = [item["sku"] for item in (await shop.one_of_each_type()).values()]
    asked = [*reversed(skus), NOWHERE, skus[0]]
    found = (await shop.data("query ($skus: [String!]!) { products(skus: $skus) { sku } }", {"skus": asked}))[
        "products"
    ]
    same("the products", [each and each["sku"] for each in found], [None if sku == NOWHERE else sku for sku in asked])


async def search_finds_a_product_by_its_name(shop: Storefront) -> None:
    items = [item for listing in await shop.listings() for item in listing.items]
    # What a search makes of an entity or a sign in a name is the shop's own affair.
    plain = [item for item in items if re.fullmatch(r"[A-Za-z]{3,}( [A-Za-z]{3,}){1,3}", item["name"])]
    item = (plain or items)[0]
    query = """query ($text: String!) { search(text: $text, pageSize: 50) {
      total page pages items { __typename sku name price { final { amount currency } } }
      facets { attribute label options { label value count } } sorts { value label isDefault } suggestions
    } }"""
    found = (await shop.data(query, {"text": item["name"]}))["search"]
    check(item["sku"] in [each["sku"] for each in found["items"]], f"a search for {item['name']!r} finds others only")
    check(bool(found["facets"]), f"a search for {item['name']!r} has no facets")
    nothing = (await shop.data(query, {"text": "zzzzqqqq"}))["search"]
    same("what is found of nothing", (nothing["total"], nothing["items"]), (0, []))
