"""The stand-in Commerce's categories, pages, routes, store views and attributes, as recorded of a Magento 2.4.4."""

from __future__ import annotations

from typing import Any

import pytest

from app.sandbox.commerce import Commerce, create_commerce

from .sandbox_client import ask, data, error, listing


@pytest.fixture(scope="module")
def commerce() -> Commerce:
    return create_commerce("2.4.4")


async def test_the_navigation_is_the_tree_below_the_root(commerce: Commerce) -> None:
    (root,) = (
        await data(commerce, "{ categoryList { uid children { name url_path include_in_menu children { name } } } }")
    )["categoryList"]
    assert [(c["name"], c["include_in_menu"], len(c["children"])) for c in root["children"]] == [
        ("Apparel", 1, 4),
        ("Footwear", 1, 2),
        ("Camp", 1, 4),
        ("Packs & Travel", 1, 3),
        ("Home", 1, 3),
        ("Guides & Courses", 1, 2),
        ("Journal", 1, 0),
        ("Archive", 0, 0),
    ]


async def test_categories_are_found_by_path_name_and_parent(commerce: Commerce) -> None:
    query = """query($f: CategoryFilterInput) { categories(filters: $f) {
      items { name product_count breadcrumbs { category_name } } } }"""

    async def found(filters: dict[str, Any]) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = (await data(commerce, query, {"f": filters}))["categories"]["items"]
        return items

    jackets = {"name": "Jackets", "product_count": 7, "breadcrumbs": [{"category_name": "Apparel"}]}
    for filters in (
        {"url_path": {"eq": "apparel/jackets"}},
        {"name": {"match": "jack"}},
        {"category_uid": {"eq": "NA=="}},
    ):
        assert await found(filters) == [jackets]
    assert len(await found({"parent_id": {"in": ["3"]}})) == 4
    assert await found({"ids": {"eq": "9999"}}) == []
    assert await error(commerce, query, {"f": {"name": {"match": "ab"}}}) == (
        "Invalid match filter. Minimum length is 3.",
        "graphql-input",
        ["categories"],
    )


async def test_a_category_can_have_a_landing_block(commerce: Commerce) -> None:
    query = """{ categories(filters: {url_path: {eq: "journal"}}) {
      items { display_mode cms_block { identifier content } } } }"""
    (journal,) = (await data(commerce, query, Store="de"))["categories"]["items"]
    assert (journal["display_mode"], journal["cms_block"]["identifier"]) == ("PAGE", "journal-block")
    assert 'src="http://127.0.0.1:8081/media/wysiwyg/journal/tarn.svg"' in journal["cms_block"]["content"]


async def test_pages_and_blocks_are_found_or_missing_as_recorded(commerce: Commerce) -> None:
    page = (await data(commerce, '{ cmsPage(identifier: "about-us") { title content meta_title } }', Store="de"))[
        "cmsPage"
    ]
    assert (page["title"], page["meta_title"]) == ("Über uns", None)
    assert 'href="http://127.0.0.1:8081/customer-service/"' in page["content"]
    body = await ask(commerce, '{ cmsPage(identifier: "nope") { title } }')
    assert body == {
        "errors": [
            {
                "message": 'The CMS page with the "nope" ID doesn\'t exist.',
                "extensions": {"category": "graphql-no-such-entity"},
                "locations": [{"line": 1, "column": 3}],
                "path": ["cmsPage"],
            }
        ],
        "data": {"cmsPage": None},
    }
    body = await ask(commerce, '{ cmsBlocks(identifiers: ["promo", "nope"]) { items { identifier } } }')
    assert body["data"] == {"cmsBlocks": {"items": [{"identifier": "promo"}, None]}}
    assert body["errors"][0]["path"] == ["cmsBlocks", "items", 1]
    assert await error(commerce, "{ cmsBlocks { items { title } } }") == (
        '"identifiers" of CMS blocks should be specified',
        "graphql-input",
        ["cmsBlocks"],
    )


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("gully-rain-shell.html", ("ConfigurableProduct", "gully-rain-shell.html", 0, "PRODUCT")),
        (
            "apparel/jackets/gully-rain-shell.html",
            ("ConfigurableProduct", "apparel/jackets/gully-rain-shell.html", 0, "PRODUCT"),
        ),
        ("hollow-2-tent.html?x=1", ("SimpleProduct", "hollow-2-tent.html?x=1", 0, "PRODUCT")),
        ("apparel/jackets.html", ("CategoryTree", "apparel/jackets.html", 0, "CATEGORY")),
        ("about-us", ("CmsPage", "about-us", 0, "CMS_PAGE")),
        ("about-us/", ("CmsPage", "about-us", 301, "CMS_PAGE")),
        ("/", ("CmsPage", "home", 0, "CMS_PAGE")),
        ("jackets.html", ("CategoryTree", "apparel/jackets.html", 301, "CATEGORY")),
        ("summer-sale", ("CategoryTree", "apparel.html", 302, "CATEGORY")),
        ("no-such-url", None),
        ("camp/tents-shelters/gully-rain-shell.html", None),
    ],
)
async def test_a_url_leads_somewhere_or_nowhere(commerce: Commerce, url: str, expected: tuple[Any, ...] | None) -> None:
    query = "query($url: String!) { route(url: $url) { __typename relative_url redirect_code type } }"
    found = (await data(commerce, query, {"url": url}))["route"]
    assert (tuple(found.values()) if found else None) == expected


async def test_an_empty_url_is_an_error(commerce: Commerce) -> None:
    assert await error(commerce, '{ route(url: "") { type } }') == (
        '"url" argument should be specified and not empty',
        "graphql-input",
        ["route"],
    )


async def test_a_website_knows_only_its_own_store_views(commerce: Commerce) -> None:
    query = (
        "{ storeConfig { store_code locale default_display_currency_code website_code } availableStores { store_code } \
currency { available_currency_codes } }"
    )
    american, german = await data(commerce, query), await data(commerce, query, Store="de")
    assert american["availableStores"] == [{"store_code": "default"}]
    assert german["availableStores"] == [{"store_code": "de"}, {"store_code": "en_eu"}]
    assert german["storeConfig"] == {
        "store_code": "de",
        "locale": "de_DE",
        "default_display_currency_code": "EUR",
        "website_code": "eu",
    }
    assert american["currency"]["available_currency_codes"] == ["USD", "EUR", "GBP"]
    assert german["currency"]["available_currency_codes"] == ["EUR", "USD"]


async def test_a_product_of_one_website_is_unknown_to_the_other(commerce: Commerce) -> None:
    wanted = {"sku": {"eq": "TT-V01"}}
    assert (await listing(commerce, filter=wanted))["total_count"] == 1
    assert (await listing(commerce, {"Store": "de"}, filter=wanted))["total_count"] == 0


async def test_countries_have_names_in_two_languages_and_some_have_regions(commerce: Commerce) -> None:
    query = "{ countries { id full_name_locale full_name_english available_regions { code } } }"
    countries = {one["id"]: one for one in (await data(commerce, query, Store="de"))["countries"]}
    assert (len(countries), countries["DE"]["full_name_locale"], countries["DE"]["full_name_english"]) == (
        249,
        "Deutschland",
        "Germany",
    )
    regions = {code: len(one["available_regions"] or ()) for code, one in countries.items()}
    assert [regions[code] for code in ("US", "DE", "CA", "AT", "FR")] == [65, 16, 13, 9, 0]
    assert countries["AN"]["full_name_english"] is None


async def test_an_unknown_attribute_spoils_its_options_only(commerce: Commerce) -> None:
    query = """{ customAttributeMetadata(attributes: [
      {attribute_code: "color", entity_type: "4"}, {attribute_code: "nosuch", entity_type: "4"}
    ]) { items { attribute_code input_type attribute_options { value label } } } }"""
    body = await ask(commerce, query)
    known, unknown = body["data"]["customAttributeMetadata"]["items"]
    assert (known["input_type"], known["attribute_options"][0]) == ("select", {"value": "49", "label": "Black"})
    assert unknown == {"attribute_code": "nosuch", "input_type": None, "attribute_options": None}
    (only,) = body["errors"]
    assert (only["message"], only["path"]) == (
        "Internal server error",
        ["customAttributeMetadata", "items", 1, "attribute_options"],
    )


async def test_from_2_4_7_on_all_attributes_can_be_listed() -> None:
    query = """{ attributesList(entityType: CATALOG_PRODUCT) {
      items { code label frontend_input options { label value } } } }"""
    items = (await data(create_commerce("2.4.7"), query, Store="de"))["attributesList"]["items"]
    found = {item["code"]: item for item in items}
    assert (found["color"]["label"], found["color"]["frontend_input"]) == ("Farbe", "SELECT")
    assert found["sale"]["options"] == [{"label": "Ja", "value": "1"}, {"label": "Nein", "value": "0"}]
    assert {"price", "name", "sku"} <= found.keys()


async def test_fields_that_the_slice_lacks_are_answered_when_another_schema_has_them() -> None:
    sdl = """
    type Query { cart(cart_id: String!): Cart  customer: Customer  country(id: String): Country
      urlResolver(url: String!): EntityUrl  productReviewRatingsMetadata: Ratings }
    type Mutation { generateCustomerToken(email: String!, password: String!): CustomerToken
      revokeCustomerToken: Revoked }
    type Cart { id: ID }  type Customer { email: String }  type Country { id: String }
    type CustomerToken { token: String }  type Revoked { result: Boolean! }
    type EntityUrl { id: Int relative_url: String redirectCode: Int }
    type Ratings { items: [Rating] }  type Rating { name: String }
    """
    commerce = create_commerce("2.4.4", schema=sdl)
    assert await error(commerce, '{ cart(cart_id: "x") { id } }') == (
        'Could not find a cart with ID "x"',
        "graphql-no-such-entity",
        ["cart"],
    )
    assert (await error(commerce, '{ country(id: "ZZ") { id } }'))[0] == "The country isn't available."
    found = await data(commerce, '{ urlResolver(url: "jackets.html") { id relative_url redirectCode } }')
    assert found["urlResolver"] == {"id": 4, "relative_url": "apparel/jackets.html", "redirectCode": 301}
    sign_in = 'mutation { generateCustomerToken(email: "ada@example.com", password: "%s") { token } }'
    assert (await error(commerce, sign_in % "wrong"))[1] == "graphql-authentication"
    token = (await data(commerce, sign_in % "Ada-passw0rd"))["generateCustomerToken"]["token"]
    bearer: Any = {"Authorization": f"Bearer {token}"}
    assert (await data(commerce, "{ customer { email } }", **bearer))["customer"] == {"email": "ada@example.com"}
    await data(commerce, "mutation { revokeCustomerToken { result } }", **bearer)
    assert (await ask(commerce, "{ customer { email } }", **bearer))["errors"][0]["extensions"] == {
        "category": "graphql-authorization"
    }
