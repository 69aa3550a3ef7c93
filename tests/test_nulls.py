"""A Commerce that leaves things null where its schema lets it: what can be shown is shown, and nothing breaks."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import httpx2
import orjson
import pytest

from app.sandbox.commerce import create_commerce
from app.storefront.content import route_path
from app.storefront.prices import Price, ProductPrice
from tests.conftest import COMMERCE, running
from tests.test_catalog import CATEGORY_PAGE

EVERYTHING = """{
  navigation(depth: 3) { name urlPath url children { name url children { name } } }
  countries { code name regions { code name } }
  attributes { code label input options { value label } }
  blocks(identifiers: ["promo", "home-page-block"]) { title content }
  page(identifier: "about-us") { title content seo { title } }
  route(url: "gully-rain-shell.html") { kind product { sku } }
  search(text: "a", pageSize: 60) {
    total pages facets { attribute label options { value label count } } sorts { value label } suggestions
    items {
      __typename sku name url image { url alt } thumbnail { url } rating { average count }
      price { final { amount } maximum { final { amount } } discount { percent } tiers { quantity final { amount } } }
      stock { inStock onlyLeft } description seo { canonicalUrl } gallery { url video { url } }
      categories { name url breadcrumbs { name } } breadcrumbs { name url }
      reviews { total items { nickname average createdAt marks { name stars } } }
      related { sku name } attributes { code value options { label } }
      customOptions { title kind adjustment { amount { amount } percent } values { title } }
      ... on ConfigurableProduct {
        options { label values { value label swatch { color text image } } }
        variants { sku values { value label } price { final { amount } } image { url } }
      }
      ... on BundleProduct { bundleOptions { title choices { label quantity price { amount } image { url } } } }
      ... on GroupedProduct { groupedItems { sku name price { final { amount } } } }
      ... on DownloadableProduct { downloadLinks { title price { amount } } downloadSamples { title url } }
    }
  }
}"""
# What Commerce's schema declares never to be null.
NEVER = {"uid", "__typename", "attribute_code", "value", "average_rating", "created_at", "nickname", "summary", "text",
         "name", "ratings_breakdown", "page_info", "reviews", "price_range", "minimum_price", "regular_price",
         "final_price", "category_uid", "redirect_code", "search", "data", "code", "rating_summary", "review_count",
         "store_code"}  # fmt: skip


class Forgetful(httpx2.AsyncBaseTransport):
    """A way to Commerce on which some nullable things get lost."""

    def __init__(self, commerce: Any, seed: int) -> None:
        self._inner = httpx2.ASGITransport(app=commerce)
        self._random = random.Random(seed)
        self.share = 0.0

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await self._inner.handle_async_request(request)
        body = orjson.loads(await response.aread())
        if isinstance(body.get("data"), dict):
            body["data"] = {key: self._forget(value) for key, value in body["data"].items()}
        return httpx2.Response(response.status_code, json=body)

    def _forget(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {
                key: None if key not in NEVER and self._random.random() < self.share else self._forget(inner)
                for key, inner in value.items()
            }
        if isinstance(value, list):
            return [None if self._random.random() < self.share else self._forget(inner) for inner in value]
        return value


@pytest.mark.parametrize("version", ["2.4.4", "2.4.9"])
async def test_what_commerce_leaves_null_breaks_nothing(version: str) -> None:
    commerce = create_commerce(version, public_url=COMMERCE)
    forgetful = Forgetful(commerce, seed=7)
    async with running(commerce, transport=forgetful) as api:
        shown = 0
        for share in (0.0, 0.01, 0.05, 0.2) * 3:
            forgetful.share = share
            body = await api.ask(EVERYTHING)
            codes = {error["extensions"]["code"] for error in body.get("errors", [])}
            assert codes <= {"UPSTREAM_INVALID_RESPONSE"}, body["errors"]
            shown += len(((body["data"] or {}).get("search") or {}).get("items") or [])
            again = await api.ask(CATEGORY_PAGE, path="apparel", page=1)
            assert {error["extensions"]["code"] for error in again.get("errors", [])} <= {"UPSTREAM_INVALID_RESPONSE"}
        assert shown > 200


async def test_a_hidden_price_is_null_and_not_zero() -> None:
    hidden = {"value": None, "currency": None}
    minimum = {"regular_price": hidden, "final_price": hidden, "discount": {"amount_off": 0, "percent_off": 0}}
    assert Price.of(minimum, "USD") is None
    assert ProductPrice.of({"price_range": {"minimum_price": minimum, "maximum_price": minimum}}, "USD") is None
    assert ProductPrice.of({"price_range": None}, "USD") is None
    free = {"regular_price": {"value": 0, "currency": "USD"}, "final_price": {"value": 0, "currency": "USD"}}
    shown = Price.of(free, "USD")
    assert shown is not None
    assert shown.final.amount == Decimal("0.00")


async def test_every_amount_of_a_page_says_the_currency_that_it_is_in() -> None:
    commerce = create_commerce("2.4.8", public_url=COMMERCE)
    async with running(commerce) as api:
        data = await api.data(
            """{
              product(sku: "TT-C12") { price { final { amount currency }
                tiers { final { amount currency } discount { amount { currency } } } } }
              mug: product(sku: "TT-M01") { customOptions { adjustment { amount { currency } } } }
            }""",
            {"Content-Currency": "EUR"},
        )
        tiers = data["product"]["price"]["tiers"]
        assert tiers
        assert {tier["final"]["currency"] for tier in tiers} == {"EUR"}
        assert {tier["discount"]["amount"]["currency"] for tier in tiers} == {"EUR"}
        adjustments = [option["adjustment"] for option in data["mug"]["customOptions"] if option["adjustment"]]
        assert {each["amount"]["currency"] for each in adjustments if each["amount"]} == {"USD"}


@pytest.mark.parametrize(
    ("url", "storefront", "path"),
    [
        ("/", "", "/"),
        ("/a/b.html?x=1#y", "", "a/b.html"),
        ("https://shop.test/a.html", "", "a.html"),
        ("/de/a.html", "/de", "a.html"),
        ("/denim.html", "/de", "denim.html"),
        ("/de", "/de", "/"),
        ("https://front.test/en/a.html", "https://front.test/en", "a.html"),
        ("https://front.test/engine.html", "https://front.test/en", "engine.html"),
        ("caf%C3%A9.html", "", "café.html"),
    ],
)
def test_the_path_of_a_url_is_what_commerce_knows(url: str, storefront: str, path: str) -> None:
    assert route_path(url, storefront) == path
