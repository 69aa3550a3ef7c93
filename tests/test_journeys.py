"""The journeys on the stand-in of every version, and how often each page asks Commerce."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from app.main import Parts, create_app
from app.sandbox.commerce import VERSIONS, Commerce, create_commerce
from app.settings import Settings
from tests.journeys import CATEGORY_PAGE, JOURNEYS, PRODUCT_FIELDS, TYPES, WRITING, Journey, Json, Storefront, same
from tests.journeys.checkout import a_guest_signs_in_and_orders_as_a_customer
from tests.journeys.persons import signing_in
from tests.started import long_open, understood

URL = "http://commerce.test"
pytestmark = pytest.mark.asyncio(loop_scope="module")


class Shop(Storefront):
    """The API in front of a stand-in that can be asked what it was asked."""

    def __init__(self, client: httpx2.AsyncClient, commerce: Commerce, parts: Parts) -> None:
        super().__init__(self._ask, signing_in(parts))
        self._client = client
        self.commerce = commerce

    async def _ask(
        self, query: str, variables: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Json, Mapping[str, str]]:
        body = {"query": query, "variables": dict(variables or {})}
        answer = await self._client.post("/graphql", json=body, headers=dict(headers or {}))
        return answer.status_code, answer.json(), answer.headers

    async def calls(self, query: str, **variables: Any) -> Counter[str]:
        """The operations that Commerce is asked for one query."""
        self.commerce.requests.clear()
        await self.data(query, variables)
        return Counter(str(seen.operation) for seen in self.commerce.requests)


@asynccontextmanager
async def open_shop(version: str) -> AsyncIterator[Shop]:
    """The API, started in front of a stand-in of that version."""
    commerce = create_commerce(version, public_url=URL)
    admin = commerce.shop.admins[0]
    settings = Settings(
        _env_file=None,
        environment="development",
        commerce_url=URL,
        commerce_stores="default,de",
        commerce_admin_username=admin.username,
        commerce_admin_password=admin.password,
        commerce_max_execution=1,
        order_margin=0.2,
        redis_state_url="memory://",
        session_keys="bm90LWEtc2VjcmV0LWtleS1vZi10aGUtdGVzdHMhISE=",
        graphiql=False,
        introspection=True,
    )
    app = create_app(settings, transport=httpx2.ASGITransport(app=commerce), understand=understood)
    await long_open(app.state.parts)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://api.test") as client,
    ):
        yield Shop(client, commerce, app.state.parts)


@pytest.fixture(scope="module", params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(version: str) -> AsyncIterator[Shop]:
    async with open_shop(version) as opened:
        yield opened
        assert opened.commerce.failures == []


@pytest.mark.parametrize("journey", JOURNEYS, ids=lambda journey: journey.__name__)
async def test_a_journey_through_the_shop(shop: Shop, journey: Journey) -> None:
    await journey(shop)


@pytest.mark.parametrize("journey", WRITING, ids=lambda journey: journey.__name__)
async def test_a_journey_to_an_order_leaves_one_order(shop: Shop, journey: Journey) -> None:
    before = len(shop.commerce.orders)
    await journey(shop)
    assert len(shop.commerce.orders) == before + 1


async def test_who_signs_in_on_the_journey_is_one_customer_who_ordered(shop: Shop) -> None:
    known = {one.id for one in shop.commerce.shop.customers}
    await a_guest_signs_in_and_orders_as_a_customer(shop)
    [made] = [one for one in shop.commerce.shop.customers if one.id not in known]
    order = shop.commerce.orders[-1]
    assert (order.customer, order.email) == (made.id, made.email)


async def test_the_stand_in_shows_a_product_of_every_type(shop: Shop) -> None:
    assert sorted(await shop.one_of_each_type()) == sorted(TYPES)


async def test_the_stand_in_sells_what_is_black_in_the_category_of_the_issue(shop: Shop) -> None:
    data = await shop.data(CATEGORY_PAGE, {"path": "apparel/jackets", "page": 1})
    assert data["category"]["products"]["total"] > 0


async def test_the_stand_in_has_the_blocks_that_the_journey_asks_for(shop: Shop) -> None:
    data = await shop.data('{ blocks(identifiers: ["footer_links_block", "home-page-block"]) { identifier } }')
    assert data["blocks"] == [{"identifier": "footer_links_block"}, {"identifier": "home-page-block"}]


async def test_another_currency_has_another_amount(shop: Shop) -> None:
    query = '{ product(sku: "TT-C01") { price { final { amount currency } } } }'
    dollars = (await shop.data(query))["product"]["price"]["final"]
    euros = (await shop.data(query, headers={"Content-Currency": "EUR"}))["product"]["price"]["final"]
    assert dollars == {"amount": "389.00", "currency": "USD"}
    assert euros["currency"] == "EUR"
    assert Decimal(euros["amount"]) not in (0, Decimal("389"))


def resolves_paths(version: str) -> bool:
    """Whether Commerce must be asked for a category by its path before it can be asked for its products."""
    return version in ("2.4.4", "2.4.6")


async def test_a_category_page_asks_twice_before_2_4_7_and_once_from_then_on(shop: Shop, version: str) -> None:
    listing = await shop.long_listing()
    query = CATEGORY_PAGE.replace("navigation(depth: 2) { name urlPath children { name urlPath } }", "")
    expected = {"Category": 1, "Products": 1} if resolves_paths(version) else {"CategoryPage": 1}
    assert await shop.calls(query, path=listing.path, page=1) == expected


async def test_a_page_of_a_category_asks_for_the_menu_once_beside_it(shop: Shop, version: str) -> None:
    listing = await shop.long_listing()
    expected = {"Category": 1, "Products": 1} if resolves_paths(version) else {"CategoryPage": 1}
    assert await shop.calls(CATEGORY_PAGE, path=listing.path, page=1) == {"Navigation": 1, **expected}


async def test_stores_cost_no_call(shop: Shop) -> None:
    assert await shop.calls("{ store { name currency } stores { code locale } }") == {}


async def test_every_independent_root_costs_one_call(shop: Shop) -> None:
    query = """{
      store { name } navigation(depth: 3) { name children { name children { name } } } countries { code regions { code } }
      page(identifier: "home") { title } blocks(identifiers: ["footer_links_block", "home-page-block"]) { title }
      route(url: "/about-us") { kind } search(text: "jacket") { total } product(sku: "TT-J01") { name }
    }"""
    expected = {"Navigation": 1, "Countries": 1, "Page": 1, "Blocks": 1, "Route": 1, "Products": 2}
    assert await shop.calls(query) == expected


async def test_a_product_page_is_one_call(shop: Shop) -> None:
    query = """query ($key: String!) { product(urlKey: $key) {
      name gallery { url } breadcrumbs { name } reviews(pageSize: 5) { items { text } }
      ... on ConfigurableProduct {
        options { attribute values { label swatch { color } } }
        variants { sku inStock values { label } price { final { amount currency } } image { url } }
      }
    } }"""
    item = (await shop.one_of_each_type())["ConfigurableProduct"]
    assert await shop.calls(query, key=item["urlKey"]) == {"Products": 1}


async def test_every_field_of_a_product_page_is_one_call_and_its_attribute_labels_one_before_2_4_7(
    shop: Shop, version: str
) -> None:
    query = f"query ($sku: String!) {{ product(sku: $sku) {{ ...PageFields }} }} {PRODUCT_FIELDS}"
    labels = {"Attributes": 1} if resolves_paths(version) else {}
    assert await shop.calls(query, sku="TT-J01") == {"Products": 1, **labels}


async def test_products_of_many_skus_are_one_call(shop: Shop) -> None:
    skus = [item["sku"] for listing in await shop.listings() for item in listing.items]
    asked = list(dict.fromkeys(skus))[:50]
    query = "query ($skus: [String!]!) { products(skus: $skus) { name variants: __typename gallery { url } } }"
    assert await shop.calls(query, skus=asked) == {"Products": 1}
    assert len(asked) == 50


async def test_all_lists_of_related_products_are_one_more_call(shop: Shop) -> None:
    query = """query ($skus: [String!]!) { products(skus: $skus) {
      related { ...Card } upsell { ...Card } crossSell { ...Card }
    } } fragment Card on Product { sku name price { final { amount currency } } image { url } }"""
    assert await shop.calls(query, skus=["TT-J01", "TT-C01", "TT-K01"]) == {"Products": 2}
    found = (await shop.data(query, {"skus": ["TT-J01", "TT-C01", "TT-K01"]}))["products"]
    same("how many products have related ones", sum(bool(product["related"]) for product in found), 3)


async def test_a_search_with_facets_and_variants_is_one_call(shop: Shop) -> None:
    query = """{ search(text: "jacket", pageSize: 20) {
      total facets { attribute options { value count } } sorts { value } suggestions
      items { name gallery { url } breadcrumbs { name } reviews(pageSize: 1) { total }
              ... on ConfigurableProduct { variants { sku price { final { amount currency } } } } }
    } }"""
    assert await shop.calls(query) == {"Products": 1}
