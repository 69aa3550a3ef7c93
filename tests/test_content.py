"""CMS pages and blocks made safe, and what a URL leads to."""

from __future__ import annotations

from typing import Any

import pytest

from app.sandbox.commerce import VERSIONS, create_commerce
from tests.conftest import COMMERCE, Api, running

ROUTE = """query R($url: String!) { route(url: $url) {
  kind url redirect { status url }
  product { sku name } category { name urlPath } page { identifier title }
} }"""


async def test_a_page_has_its_content_without_anything_that_runs(api: Api) -> None:
    data = await api.data('{ page(identifier: "hostile") { title content seo { title } } }')
    content = data["page"]["content"].lower()
    assert data["page"]["title"] == "Hostile Page"
    assert "look, but do not run" in content
    for dangerous in (
        "<script",
        "onclick",
        "onerror",
        "javascript:",
        "data:text",
        "<svg",
        "<iframe",
        "document.cookie",
    ):
        assert dangerous not in content


async def test_a_block_links_to_the_storefront_and_not_to_commerce(api: Api) -> None:
    data = await api.data('{ blocks(identifiers: ["footer_links_block", "home-page-block"]) { identifier content } }')
    footer, home = data["blocks"]
    assert (footer["identifier"], home["identifier"]) == ("footer_links_block", "home-page-block")
    assert f'href="{COMMERCE}' not in footer["content"] + home["content"]
    assert 'href="/about-us' in footer["content"]
    assert f'src="{COMMERCE}/media/' in home["content"]


async def test_blocks_are_asked_in_one_call_and_each_once(api: Api) -> None:
    data = await api.data('{ blocks(identifiers: ["promo", "promo", "footer_links_block"]) { identifier } }')
    assert [block["identifier"] for block in data["blocks"]] == ["promo", "promo", "footer_links_block"]
    assert api.operations() == ["Blocks"]


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_url_leads_to_a_product_a_category_or_a_page(version: str) -> None:
    async with running(create_commerce(version, public_url=COMMERCE)) as api:

        async def route(url: str) -> Any:
            return (await api.data(ROUTE, url=url))["route"]

        product = await route("gully-rain-shell.html")
        assert product == {
            "kind": "PRODUCT",
            "url": "/gully-rain-shell.html",
            "redirect": None,
            "product": {"sku": "TT-J01", "name": "Gully Rain Shell"},
            "category": None,
            "page": None,
        }
        category = await route("/apparel/jackets.html")
        assert (category["kind"], category["category"]) == (
            "CATEGORY", {"name": "Jackets", "urlPath": "apparel/jackets"}
        )  # fmt: skip
        page = await route("about-us")
        assert (page["kind"], page["page"]["identifier"]) == ("PAGE", "about-us")
        home = await route("/")
        assert (home["kind"], home["page"]["identifier"]) == ("PAGE", "home")
        assert await route("gully-rain-shell.html?utm=1#top") == product
        assert await route("https://shop.example/gully-rain-shell.html") == product


async def test_a_url_that_has_moved_leads_to_where_it_went(api: Api) -> None:
    moved = api.commerce.shop.redirects[0]
    data = await api.data(ROUTE, url=moved.source)
    assert data["route"]["kind"] == "REDIRECT"
    assert data["route"]["redirect"] == {"status": moved.code, "url": f"/{moved.target}"}
    assert data["route"]["product"] is None


async def test_what_a_url_leads_to_costs_one_call_and_one_more_only_for_the_thing_itself(api: Api) -> None:
    await api.data('{ route(url: "gully-rain-shell.html") { kind url } }')
    assert api.operations() == ["Route"]
    api.forget()
    await api.data(ROUTE, url="gully-rain-shell.html")
    assert api.operations() == ["Route", "Products"]


async def test_a_category_shows_its_landing_block(api: Api) -> None:
    landing = next(each for each in api.commerce.shop.categories.values() if each.block)
    query = "query C($path: String!) { category(urlPath: $path) { display landingBlock { identifier content } } }"
    data = await api.data(query, path=landing.url_path)
    assert data["category"]["landingBlock"]["identifier"] == landing.block
    assert data["category"]["display"] == landing.display_mode
    assert data["category"]["landingBlock"]["content"]


async def test_countries_have_their_regions_and_cost_them_only_when_asked(api: Api) -> None:
    data = await api.data("{ countries { code code3 name englishName regions { id code name } } }", {"Store": "de"})
    countries = {country["code"]: country for country in data["countries"]}
    assert (countries["DE"]["code3"], countries["DE"]["englishName"]) == ("DEU", "Germany")
    assert {"AL", "CA", "NY"} <= {region["code"] for region in countries["US"]["regions"]}
    assert countries["AD"]["regions"] == []
    await api.data("{ countries { code } }")
    assert "available_regions" not in (api.commerce.requests[-1].query or "")


async def test_a_store_view_tells_what_its_pages_need(api: Api) -> None:
    data = await api.data(
        "{ store { code name locale timezone currency baseCurrency weightUnit mediaUrl homePage rootCategoryUid"
        " productsPerPage productsPerPageChoices reviewsEnabled guestsMayReview isDefault website } }"
    )
    assert data["store"] == {
        "code": "default",
        "name": "English",
        "locale": "en_US",
        "timezone": "America/New_York",
        "currency": "USD",
        "baseCurrency": "USD",
        "weightUnit": "lbs",
        "mediaUrl": f"{COMMERCE}/media/",
        "homePage": "home",
        "rootCategoryUid": "Mg==",
        "productsPerPage": 12,
        "productsPerPageChoices": [12, 24, 36],
        "reviewsEnabled": True,
        "guestsMayReview": True,
        "isDefault": True,
        "website": "base",
    }
    assert api.commerce.requests == []
