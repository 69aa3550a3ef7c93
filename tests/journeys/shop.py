"""Journeys through the rest of the shop: URLs, content, attributes, store views and currencies, and what is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from tests.journeys.storefront import NOWHERE, PAGE_OF_CATEGORY, PRODUCT_FIELDS, Json, Storefront, check, links, same


async def what_is_not_there_is_null(shop: Storefront) -> None:
    query = """query ($nowhere: String!) {
      byKey: product(urlKey: $nowhere) { sku } bySku: product(sku: $nowhere) { sku }
      category(urlPath: $nowhere) { name } page(identifier: $nowhere) { title } route(url: $nowhere) { kind }
      blocks(identifiers: [$nowhere]) { title } products(skus: [$nowhere]) { sku }
    }"""
    data = await shop.data(query, {"nowhere": NOWHERE})
    single = {"byKey": None, "bySku": None, "category": None, "page": None, "route": None}
    same("what is not there", data, {**single, "blocks": [None], "products": [None]})


async def urls_lead_to_products_categories_and_pages(shop: Storefront) -> None:
    query = """query ($url: String!) { route(url: $url) {
      kind redirect { status url } product { sku } category { urlPath } page { identifier }
    } }"""

    async def leads_to(url: str) -> Json:
        found: Json | None = (await shop.data(query, {"url": url}))["route"]
        check(found is not None, f"{url} leads nowhere")
        assert found is not None
        return found

    item, listing = await shop.some_product(), await shop.long_listing()
    nothing = {"redirect": None, "product": None, "category": None, "page": None}
    product, category = await leads_to(item["url"]), await leads_to(listing.url)
    same(item["url"], product, {**nothing, "kind": "PRODUCT", "product": {"sku": item["sku"]}})
    same(listing.url, category, {**nothing, "kind": "CATEGORY", "category": {"urlPath": listing.path}})
    store = (await shop.data("{ store { homePage notFoundPage } }"))["store"]
    for url, identifier in (("/", store["homePage"]), (f"/{store['notFoundPage']}", store["notFoundPage"])):
        same(url, await leads_to(url), {**nothing, "kind": "PAGE", "page": {"identifier": identifier}})


async def pages_and_blocks_are_shown_in_order(shop: Storefront) -> None:
    home = (await shop.data("{ store { homePage } }"))["store"]["homePage"]
    query = """query ($home: String!, $blocks: [String!]!) {
      page(identifier: $home) { identifier url title heading content seo { title description } }
      blocks(identifiers: $blocks) { identifier title content }
    }"""
    # The identifiers of the sample data; another shop may have none of them.
    asked = ["home-page-block", NOWHERE, "footer_links_block", "contact-us-info"]
    data = await shop.data(query, {"home": home, "blocks": asked})
    check(data["page"] is not None, f"there is no home page {home}")
    same("the home page", data["page"]["identifier"], home)
    check(bool(data["page"]["title"] and data["page"]["content"]), f"the home page is empty: {data['page']}")
    blocks = data["blocks"]
    same("how many blocks come", len(blocks), len(asked))
    same("the block that is not there", blocks[1], None)
    for identifier, block in zip(asked, blocks, strict=True):
        check(block is None or block["identifier"] == identifier, f"{block} stands in the place of {identifier}")


async def countries_have_codes_and_regions(shop: Storefront) -> None:
    countries = (await shop.data("{ countries { code code3 name englishName regions { id code name } } }"))["countries"]
    codes = [country["code"] for country in countries]
    check(bool(codes) and all(re.fullmatch(r"[A-Z]{2}", code) for code in codes), f"the countries are {codes}")
    same("how many different countries there are", len(set(codes)), len(codes))
    for country in countries:
        for region in country["regions"]:
            check(bool(region["code"] and region["name"]), f"{country['code']} has a region {region}")
    america = next((country for country in countries if country["code"] == "US"), None)
    if america is not None:
        names = {region["code"]: region["name"] for region in america["regions"]}
        same("the region CA of the United States", names.get("CA"), "California")


async def the_attributes_name_every_facet(shop: Storefront) -> None:
    query = "{ attributes { code filter sortable label input options { value label } } }"
    attributes = {each["code"]: each for each in (await shop.data(query))["attributes"]}
    for listing in await shop.listings():
        for code, options in listing.facets.items():
            if code in ("category_id", "category_uid"):
                continue
            check(code in attributes, f"{listing.path} can be narrowed by {code}, which no attribute is")
            check(attributes[code]["filter"] is not None, f"{code} is a facet, but nothing can be filtered by it")
            known = {option["value"]: option["label"] for option in attributes[code]["options"]}
            if code == "color":
                labels = {option["value"]: option["label"] for option in options}
                same(f"the colours of {listing.path}", labels, {value: known.get(value) for value in labels})
    same("how products are filtered by price", attributes["price"]["filter"], "RANGE")
    same("whether products can be sorted by price", attributes["price"]["sortable"], True)


async def an_unknown_attribute_is_refused_with_the_known_ones_named(shop: Storefront) -> None:
    path = (await shop.long_listing()).path
    variables: Json = {"path": path, "page": 1, "size": 2, "filter": [{"attribute": "no_such_attribute", "in": ["1"]}]}
    refused = await shop.refusal(PAGE_OF_CATEGORY, variables)
    same("the code", (refused["code"], refused["argument"]), ("UNKNOWN_ATTRIBUTE", "filter[0].attribute"))
    check({"price", "sku"} <= set(refused["known"]), f"the known attributes are {refused['known']}")
    variables = {"path": path, "page": 1, "size": 2, "sort": {"by": "no_such_attribute"}}
    refused = await shop.refusal(PAGE_OF_CATEGORY, variables)
    same("the code", (refused["code"], refused["argument"]), ("UNKNOWN_ATTRIBUTE", "sort.by"))
    check({"price", "name"} <= set(refused["known"]), f"the known attributes are {refused['known']}")


STORE = "code name website locale currency currencies isDefault mediaUrl"


async def every_store_view_answers_in_its_own_language_and_currency(shop: Storefront) -> None:
    data = await shop.data(f"{{ store {{ {STORE} }} stores {{ {STORE} }} }}")
    stores = {store["code"]: store for store in data["stores"]}
    same("how many store views there are", len(stores), len(data["stores"]))
    same("the store views that need no header", [s for s in stores.values() if s["isDefault"]], [data["store"]])
    for code, told in stores.items():
        check(bool(re.fullmatch(r"[a-z]{2,3}(_\w+)?_[A-Z]{2}", told["locale"])), f"{code} has {told['locale']!r}")
        check(told["currency"] in told["currencies"], f"{code}: {told['currency']} is not in {told['currencies']}")
        own = (await shop.data(f"{{ store {{ {STORE} }} }}", headers={"Store": code}))["store"]
        same(f"the store view {code}", own, told)


async def prices_come_in_the_currency_that_is_asked_for(shop: Storefront) -> None:
    item = await shop.some_product()
    query = "query ($sku: String!) { store { currency currencies } product(sku: $sku) { price { final { amount currency } } } }"
    own = await shop.data(query, {"sku": item["sku"]})
    same("the currency of a price", own["product"]["price"]["final"]["currency"], own["store"]["currency"])
    for currency in own["store"]["currencies"]:
        data = await shop.data(query, {"sku": item["sku"]}, {"Content-Currency": currency})
        price = data["product"]["price"]["final"]
        same(f"the currency of {item['sku']} in {currency}", price["currency"], currency)
        check(Decimal(price["amount"]) > 0, f"{item['sku']} costs nothing in {currency}")
        if currency == own["store"]["currency"]:
            same(f"the price of {item['sku']} in the store's own currency", price, own["product"]["price"]["final"])


async def prices_of_a_store_view_come_in_its_currency(shop: Storefront) -> None:
    item = await shop.some_product()
    query = "query ($sku: String!) { products(skus: [$sku]) { price { final { amount currency } } } }"
    for store in (await shop.data("{ stores { code currency } }"))["stores"]:
        found = (await shop.data(query, {"sku": item["sku"]}, {"Store": store["code"]}))["products"][0]
        if found is not None:
            currency = found["price"]["final"]["currency"]
            same(f"the currency of {item['sku']} in {store['code']}", currency, store["currency"])


async def unknown_store_views_and_currencies_are_refused(shop: Storefront) -> None:
    for headers, code in (
        ({"Store": "no_such_store"}, "UNKNOWN_STORE"),
        ({"Store": "../default"}, "UNKNOWN_STORE"),
        ({"Content-Currency": "XTS"}, "UNKNOWN_CURRENCY"),
        ({"Content-Currency": "euro"}, "UNKNOWN_CURRENCY"),
    ):
        same(f"the code for {headers}", (await shop.refusal("{ store { code } }", headers=headers))["code"], code)


async def no_link_leads_to_commerce_itself(shop: Storefront) -> None:
    store = (await shop.data("{ store { mediaUrl homePage } }"))["store"]
    media = store["mediaUrl"] or ""
    commerce = "{0.scheme}://{0.netloc}/".format(urlsplit(media)) if "://" in media else None
    listing = await shop.long_listing()
    query = f"""query ($skus: [String!]!, $path: String!, $home: String!) {{
      navigation(depth: 3) {{ url children {{ url children {{ url }} }} }}
      category(urlPath: $path) {{ url description breadcrumbs {{ url }} seo {{ canonicalUrl }} landingBlock {{ content }} }}
      products(skus: $skus) {{ ...PageFields }}
      page(identifier: $home) {{ url content seo {{ canonicalUrl }} }}
    }} {PRODUCT_FIELDS}"""
    skus = [item["sku"] for item in (await shop.one_of_each_type()).values()]
    data = await shop.data(query, {"skus": skus, "path": listing.path, "home": store["homePage"]})
    found = [*links(data), *re.findall(r'href="([^"]*)"', "".join(_texts(data)))]
    check(len(found) > len(skus), f"there are only these links: {found}")
    for url in found:
        theirs = commerce is not None and url.startswith(commerce) and not url.startswith(media)
        check(not theirs, f"a link leads to Commerce itself: {url}")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _texts(each)


async def related_products_are_products(shop: Storefront) -> None:
    skus = [item["sku"] for item in (await shop.one_of_each_type()).values()]
    query = """query ($skus: [String!]!) { products(skus: $skus) {
      sku related { ...Card } upsell { ...Card } crossSell { ...Card }
    } } fragment Card on Product { sku name url inStock price { final { amount currency } } }"""
    for product in (await shop.data(query, {"skus": skus}))["products"]:
        for kind in ("related", "upsell", "crossSell"):
            for card in product[kind]:
                check(card["sku"] != product["sku"], f"{product['sku']} is its own {kind} product")
                check(
                    bool(card["name"] and card["url"]), f"a {kind} product of {product['sku']} lacks its name: {card}"
                )


async def oversized_and_empty_arguments_are_refused_by_name(shop: Storefront) -> None:
    path = (await shop.long_listing()).path
    for asked, argument in (({"page": 0, "size": 2}, "page"), ({"page": 1, "size": 100_000}, "pageSize")):
        refused = await shop.refusal(PAGE_OF_CATEGORY, {"path": path, **asked})
        same(f"what is refused of {asked}", (refused["code"], refused["argument"]), ("BAD_USER_INPUT", argument))
    refused = await shop.refusal('{ search(text: " ") { total } }')
    same("what is refused of an empty text", (refused["code"], refused["argument"]), ("BAD_USER_INPUT", "text"))
