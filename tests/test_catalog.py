"""Categories, lists, search and single products as a storefront asks for them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from app.sandbox.commerce import VERSIONS, create_commerce
from tests.conftest import COMMERCE, Api, running

CATEGORY_PAGE = """
query CategoryPage($path: String!, $page: Int!) {
  store { name locale currency }
  navigation(depth: 2) { name urlPath children { name urlPath } }
  category(urlPath: $path) {
    name
    description
    breadcrumbs { name urlPath }
    products(page: $page, pageSize: 12, sort: {by: "price", direction: ASC}, filter: [{attribute: "color", in: ["49"]}]) {
      total page pages
      items {
        __typename sku name urlKey url inStock
        image { url alt }
        price { final { amount currency } regular { amount currency } }
        rating { average count }
      }
      facets { attribute label options { label value count } }
    }
  }
}
"""

PRODUCT_PAGE = """
query ProductPage($key: String!) {
  product(urlKey: $key) {
    __typename sku name description
    gallery { url alt video { url } }
    breadcrumbs { name urlPath }
    reviews(pageSize: 2) { total pages items { nickname average createdAt } }
    ... on ConfigurableProduct {
      options { attribute label values { value label swatch { color text image } } }
      variants { sku inStock values { attribute value label } price { final { amount currency } } image { url } }
    }
  }
}
"""


@pytest.mark.parametrize("version", VERSIONS)
async def test_every_field_of_both_pages_is_served_in_all_versions(version: str) -> None:
    async with running(create_commerce(version, public_url=COMMERCE)) as api:
        page = (await api.data(CATEGORY_PAGE, path="apparel", page=1))["category"]
        assert page["name"] == "Apparel"
        assert page["products"]["total"] > 12
        assert len(page["products"]["items"]) == 12
        prices = [Decimal(item["price"]["final"]["amount"]) for item in page["products"]["items"]]
        assert prices == sorted(prices)
        for item in page["products"]["items"]:
            assert all(item[field] is not None for field in item), item
        colors = next(facet for facet in page["products"]["facets"] if facet["attribute"] == "color")
        black = next(option for option in colors["options"] if option["value"] == "49")
        assert black == {"label": "Black", "value": "49", "count": page["products"]["total"]}

        product = (await api.data(PRODUCT_PAGE, key="gully-rain-shell"))["product"]
        assert product["__typename"] == "ConfigurableProduct"
        assert [crumb["urlPath"] for crumb in product["breadcrumbs"]] == ["apparel", "apparel/jackets"]
        assert product["reviews"]["total"] == 7
        assert product["reviews"]["pages"] == 4
        assert len(product["reviews"]["items"]) == 2
        assert len(product["gallery"]) >= 2
        assert {option["attribute"] for option in product["options"]} == {"color", "size"}
        values = {(value["attribute"], value["value"]) for each in product["variants"] for value in each["values"]}
        assert ("color", "49") in values
        assert all(each["price"]["final"]["amount"] == "229.00" for each in product["variants"])


@pytest.mark.parametrize(("version", "calls"), [("2.4.4", 2), ("2.4.6", 2), ("2.4.7", 1), ("2.4.8", 1), ("2.4.9", 1)])
async def test_a_category_page_costs_one_call_or_two_where_the_path_must_be_resolved_first(
    version: str, calls: int
) -> None:
    async with running(create_commerce(version, public_url=COMMERCE)) as api:
        await api.data(CATEGORY_PAGE, path="apparel", page=1)
        expected = ["Navigation", "CategoryPage"] if calls == 1 else ["Navigation", "Category", "Products"]
        assert sorted(api.operations()) == sorted(expected)


async def test_what_is_not_selected_is_not_asked(api: Api) -> None:
    await api.data('{ category(urlPath: "apparel") { name products { items { sku } } } }')
    query = api.commerce.requests[-1].query or ""
    for part in (
        "aggregations",
        "variants",
        "reviews",
        "related_products",
        "media_gallery",
        "suggestions",
        "cms_block",
    ):
        assert part not in query
    api.forget()
    await api.data('{ category(urlPath: "apparel") { name products @include(if: false) { items { sku } } } }')
    assert api.operations() == ["Category"]


async def test_a_product_page_costs_one_call(api: Api) -> None:
    await api.data(PRODUCT_PAGE, key="gully-rain-shell")
    assert api.operations() == ["Products"]


async def test_linked_products_of_many_products_cost_one_more_call(api: Api) -> None:
    data = await api.data(
        '{ search(text: "a", pageSize: 30) { items { sku related { sku name } upsell { sku name } crossSell { sku name } } } }'
    )
    assert sum(len(item["related"]) for item in data["search"]["items"]) > 50
    assert api.operations() == ["Products", "Products"]


async def test_the_same_read_is_done_once_in_a_request(api: Api) -> None:
    data = await api.data('{ a: product(sku: "TT-C01") { name } b: product(sku: "TT-C01") { name } }')
    assert data["a"] == data["b"] == {"name": "Hollow 2 Tent"}
    assert api.operations() == ["Products"]


async def test_products_keep_the_order_of_their_skus_and_are_null_where_there_is_none(api: Api) -> None:
    data = await api.data('{ products(skus: ["TT-C12", "NOPE", "TT-C01", "TT-C12", "TT-P04"]) { sku } }')
    assert data["products"] == [{"sku": "TT-C12"}, None, {"sku": "TT-C01"}, {"sku": "TT-C12"}, {"sku": "TT-P04"}]
    assert api.operations() == ["Products"]


UNKNOWN = """{
  product(urlKey: "no-such-product") { sku }
  bySku: product(sku: "NOPE") { sku }
  category(urlPath: "no/such/category") { name products { total } }
  page(identifier: "no-such-page") { title }
  route(url: "no-such-url.html") { kind }
  blocks(identifiers: ["footer_links_block", "no-such-block"]) { identifier }
}"""


@pytest.mark.parametrize("version", VERSIONS)
async def test_what_there_is_not_is_null_and_no_error(version: str) -> None:
    async with running(create_commerce(version, public_url=COMMERCE)) as api:
        assert await api.data(UNKNOWN) == {
            "product": None,
            "bySku": None,
            "category": None,
            "page": None,
            "route": None,
            "blocks": [{"identifier": "footer_links_block"}, None],
        }


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_page_past_the_end_is_empty_with_the_right_total(version: str) -> None:
    async with running(create_commerce(version, public_url=COMMERCE)) as api:
        query = """query Q($page: Int!) {
          category(urlPath: "camp") { products(page: $page, pageSize: 5) {
            total page pages pageSize items { sku } facets { attribute } } }
          search(text: "tent", page: $page, pageSize: 5) { total page pages items { sku } }
        }"""
        first = await api.data(query, page=1)
        beyond = await api.data(query, page=99)
        listing, found = first["category"]["products"], first["search"]
        assert beyond["category"]["products"] == {**listing, "page": 99, "items": []}
        assert beyond["search"] == {**found, "page": 99, "items": []}
        assert listing["total"] > 5
        assert listing["pages"] == -(-listing["total"] // 5)


@pytest.mark.parametrize(
    ("call", "code", "argument"),
    [
        ("products(pageSize: 0)", "BAD_USER_INPUT", "pageSize"),
        ("products(pageSize: 101)", "BAD_USER_INPUT", "pageSize"),
        ("products(page: 0)", "BAD_USER_INPUT", "page"),
        ("products(page: -1)", "BAD_USER_INPUT", "page"),
        ('products(sort: {by: "nope"})', "UNKNOWN_ATTRIBUTE", "sort.by"),
        ('products(filter: [{attribute: "nope", in: ["1"]}])', "UNKNOWN_ATTRIBUTE", "filter[0].attribute"),
        ('products(filter: [{attribute: "category_uid", in: ["1"]}])', "UNKNOWN_ATTRIBUTE", "filter[0].attribute"),
        ('products(filter: [{attribute: "color"}])', "BAD_USER_INPUT", "filter[0].in"),
        ('products(filter: [{attribute: "color", in: []}])', "BAD_USER_INPUT", "filter[0].in"),
        ('products(filter: [{attribute: "color", from: "1"}])', "BAD_USER_INPUT", "filter[0].from"),
        ('products(filter: [{attribute: "price", match: "1"}])', "BAD_USER_INPUT", "filter[0].match"),
        ('products(filter: [{attribute: "price", from: "cheap"}])', "BAD_USER_INPUT", "filter[0].from"),
        ('products(filter: [{attribute: "price", from: "NaN"}])', "BAD_USER_INPUT", "filter[0].from"),
        ('products(filter: [{attribute: "price", from: "9", to: "1"}])', "BAD_USER_INPUT", "filter[0].to"),
        ('products(filter: [{attribute: "price", in: ["10-20"]}])', "BAD_USER_INPUT", "filter[0].in"),
        ('products(filter: [{attribute: "price", in: ["1_2", "3_4"]}])', "BAD_USER_INPUT", "filter[0].in"),
        ('products(filter: [{attribute: "price"}])', "BAD_USER_INPUT", "filter[0]"),
        ('products(filter: [{attribute: "name", match: " "}])', "BAD_USER_INPUT", "filter[0].match"),
        (
            'products(filter: [{attribute: "color", in: ["1"]}, {attribute: "color", in: ["2"]}])',
            "BAD_USER_INPUT",
            "filter[1].attribute",
        ),
    ],
)
async def test_a_bad_argument_is_named_and_the_category_is_still_answered(
    api: Api, call: str, code: str, argument: str
) -> None:
    body = await api.ask(f'{{ category(urlPath: "camp") {{ name {call} {{ total }} }} }}')
    assert body["data"] == {"category": {"name": "Camp", "products": None}}
    assert [(error["path"], error["extensions"]["code"]) for error in body["errors"]] == [
        (["category", "products"], code)
    ]
    assert body["errors"][0]["extensions"]["argument"] == argument
    assert body["errors"][0]["message"].startswith(argument)
    assert "Products" not in api.operations()


@pytest.mark.parametrize(
    ("query", "argument"),
    [
        ('{ search(text: "") { total } }', "text"),
        ('{ search(text: "  ") { total } }', "text"),
        ('{ search(text: "' + "x" * 129 + '") { total } }', "text"),
        ("{ navigation(depth: 0) { name } }", "depth"),
        ("{ navigation(depth: 6) { name } }", "depth"),
        ("{ product { sku } }", "urlKey"),
        ('{ product(sku: "a", urlKey: "b") { sku } }', "urlKey"),
        ('{ product(sku: " ") { sku } }', "urlKey"),
        ("{ products(skus: []) { sku } }", "skus"),
        ('{ products(skus: [""]) { sku } }', "skus"),
        ('{ category(urlPath: "/") { name } }', "urlPath"),
        ('{ page(identifier: "") { title } }', "identifier"),
        ("{ blocks(identifiers: []) { title } }", "identifiers"),
        ('{ route(url: "") { kind } }', "url"),
        ('{ route(url: "' + "x" * 2049 + '") { kind } }', "url"),
        ('{ product(sku: "TT-J01") { reviews(pageSize: 51) { total } } }', "pageSize"),
        ('{ product(sku: "TT-J01") { reviews(page: 0) { total } } }', "page"),
        ('{ product(sku: "TT-J01") { a: reviews { total } b: reviews(page: 2) { total } } }', "reviews"),
    ],
)
async def test_a_bad_argument_of_a_root_field_is_named_and_reaches_no_one(api: Api, query: str, argument: str) -> None:
    body = await api.ask(query)
    assert [error["extensions"] for error in body["errors"]] == [{"code": "BAD_USER_INPUT", "argument": argument}]
    assert api.commerce.requests == []


async def test_an_unknown_attribute_names_the_known_ones(api: Api) -> None:
    body = await api.ask('{ search(text: "tent", filter: [{attribute: "colour", in: ["1"]}]) { total } }')
    known = body["errors"][0]["extensions"]["known"]
    assert "color" in known
    assert known == sorted(known)
    listed = await api.data("{ attributes { code filter } }")
    assert known == [each["code"] for each in listed["attributes"] if each["filter"]]


async def test_a_facet_value_filters_as_it_is(api: Api) -> None:
    query = """query Q($filter: [ProductFilter!]) {
      category(urlPath: "camp") { products(filter: $filter, pageSize: 50) { total facets { attribute options { value count } } } }
    }"""
    listing = (await api.data(query, filter=None))["category"]["products"]
    checked = 0
    for facet in listing["facets"]:
        if facet["attribute"].startswith("category"):
            continue
        for option in facet["options"]:
            condition = [{"attribute": facet["attribute"], "in": [option["value"]]}]
            found = (await api.data(query, filter=condition))["category"]["products"]
            assert found["total"] == option["count"], condition
            checked += 1
    assert checked > 10


async def test_a_range_filter_takes_its_bounds(api: Api) -> None:
    query = """query Q($filter: [ProductFilter!]) {
      category(urlPath: "camp") { products(filter: $filter, pageSize: 50) { items { price { final { amount } } } } }
    }"""
    data = await api.data(query, filter=[{"attribute": "price", "from": "40", "to": "100"}])
    amounts = [Decimal(item["price"]["final"]["amount"]) for item in data["category"]["products"]["items"]]
    assert amounts
    assert all(Decimal(40) <= amount <= Decimal(100) for amount in amounts)


async def test_attributes_say_how_they_filter_and_what_their_values_are() -> None:
    query = "{ attributes { code filter sortable label input options { value label } } }"
    found: dict[str, dict[str, Any]] = {}
    for version in ("2.4.4", "2.4.9"):
        async with running(create_commerce(version, public_url=COMMERCE)) as api:
            found[version] = {each["code"]: each for each in (await api.data(query))["attributes"]}
            assert api.operations() == ["Attributes"]
    for version, label in (("2.4.4", None), ("2.4.9", "Color")):
        color = found[version]["color"]
        assert (color["filter"], color["sortable"], color["input"], color["label"]) == ("EQUAL", False, "select", label)
        assert {"value": "49", "label": "Black"} in color["options"]
        price = found[version]["price"]
        assert (price["filter"], price["sortable"], price["options"]) == ("RANGE", True, [])
        assert found[version]["name"]["filter"] == "MATCH"
        assert found[version]["position"] == {
            "code": "position", "filter": None, "sortable": True, "label": None, "input": None, "options": []
        }  # fmt: skip
    assert found["2.4.4"].keys() == found["2.4.9"].keys() - {"category_url_path"}


@pytest.mark.parametrize("version", VERSIONS)
async def test_attributes_of_a_product_have_their_labels(version: str) -> None:
    async with running(create_commerce(version, public_url=COMMERCE)) as api:
        query = '{ product(sku: "TT-M01") { attributes(codes: ["color", "material"]) { code value options { value label } } } }'
        data = await api.data(query)
        assert sorted(data["product"]["attributes"], key=lambda each: each["code"]) == [
            {"code": "color", "value": "59", "options": [{"value": "59", "label": "White"}]},
            {"code": "material", "value": "40", "options": [{"value": "40", "label": "Ceramic"}]},
        ]


async def test_an_entity_in_a_name_is_plain_text(api: Api) -> None:
    names = [product.name for product in api.commerce.shop.products.values()]
    assert any("&trade;" in str(name) for name in names)
    data = await api.data('{ search(text: "a", pageSize: 100) { items { name image { alt } } } }')
    assert not [item for item in data["search"]["items"] if "&reg;" in item["name"] or "&trade;" in item["name"]]
    assert any("™" in item["name"] for item in data["search"]["items"])


async def test_the_navigation_has_the_depth_asked_for_and_no_hidden_category(api: Api) -> None:
    flat = await api.data("{ navigation(depth: 1) { name children { name } } }")
    assert all(item["children"] == [] for item in flat["navigation"])
    deep = await api.data("{ navigation(depth: 5) { urlPath children { urlPath children { urlPath } } } }")
    paths = [child["urlPath"] for item in deep["navigation"] for child in item["children"]]
    assert "apparel/jackets" in paths
    hidden = [c for c in api.commerce.shop.categories.values() if not c.in_menu]
    assert hidden
    assert not {each.url_path for each in hidden} & {item["urlPath"] for item in deep["navigation"]}


async def test_money_is_exact_and_dates_are_iso_8601(api: Api) -> None:
    data = await api.data(
        '{ product(sku: "TT-J01") { price { final { amount } } reviews { items { createdAt average } } } }',
        {"Content-Currency": "EUR"},
    )
    assert data["product"]["price"]["final"]["amount"] == "210.68"
    assert data["product"]["reviews"]["items"][0]["createdAt"].endswith("+00:00")


async def test_a_query_that_asks_for_everything_is_split_so_that_commerce_takes_it() -> None:
    everything = """{ product(sku: "TT-M01") {
      sku name thumbnail { url } stock { inStock onlyLeft } description shortDescription seo { title } weight
      gallery { url video { url } } categories { name } breadcrumbs { name } reviews { items { text } }
      related { sku } upsell { sku } crossSell { sku } attributes { code value } customOptions { title values { title } }
      price { tiers { quantity } }
      ... on ConfigurableProduct { options { label } variants { sku } }
      ... on BundleProduct { bundleOptions { title choices { label } } }
      ... on GroupedProduct { groupedItems { sku } }
      ... on DownloadableProduct { downloadLinks { title } downloadSamples { title } }
    } }"""
    for version in VERSIONS:
        async with running(create_commerce(version, public_url=COMMERCE), commerce_max_complexity=200) as api:
            whole = await api.data(everything)
            assert api.operations().count("Products") >= 2
        async with running(create_commerce(version, public_url=COMMERCE)) as api:
            assert await api.data(everything) == whole
            assert whole["product"]["attributes"]
            assert len(whole["product"]["customOptions"]) == 8
