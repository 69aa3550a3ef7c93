"""Which store view and currency a request is in."""

from __future__ import annotations

from typing import Any

import pytest

from app.sandbox.commerce import create_commerce
from tests.conftest import COMMERCE, Api, running

PRICE = '{ product(sku: "TT-C01") { name price { final { amount currency } } } }'


async def test_without_headers_the_default_store_view_answers(api: Api) -> None:
    data = await api.data(PRICE)
    assert data["product"] == {"name": "Hollow 2 Tent", "price": {"final": {"amount": "389.00", "currency": "USD"}}}
    assert "store" not in api.commerce.requests[-1].headers


async def test_the_store_header_chooses_language_and_currency(api: Api) -> None:
    data = await api.data(PRICE, {"Store": "de"})
    assert data["product"]["name"] != "Hollow 2 Tent"
    assert data["product"]["price"]["final"]["currency"] == "EUR"
    assert api.commerce.requests[-1].headers["store"] == "de"


async def test_the_currency_header_chooses_the_currency(api: Api) -> None:
    data = await api.data(PRICE, {"Content-Currency": "GBP"})
    assert data["product"]["price"]["final"] == {"amount": "307.31", "currency": "GBP"}


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Store": "nostore"}, "UNKNOWN_STORE"),
        ({"Store": "de\u00e9"}, "UNKNOWN_STORE"),
        ({"Store": "../admin"}, "UNKNOWN_STORE"),
        ({"Store": "a" * 65}, "UNKNOWN_STORE"),
        ({"Store": "admin"}, "UNKNOWN_STORE"),
        ({"Content-Currency": "XXX"}, "UNKNOWN_CURRENCY"),
        ({"Content-Currency": "eur"}, "UNKNOWN_CURRENCY"),
        ({"Content-Currency": "EUR,USD"}, "UNKNOWN_CURRENCY"),
        ({"Store": "de", "Content-Currency": "GBP"}, "UNKNOWN_CURRENCY"),
    ],
)
async def test_an_unknown_store_or_currency_is_refused_before_commerce_is_asked(
    api: Api, headers: dict[str, str], code: str
) -> None:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    answer = await api.client.post("/graphql", json={"query": PRICE}, headers=raw)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["extensions"] == {"code": code}
    assert "data" not in answer.json()
    assert api.commerce.requests == []


async def test_an_empty_header_is_no_header(api: Api) -> None:
    data = await api.data("{ store { code } }", {"Store": "", "Content-Currency": ""})
    assert data == {"store": {"code": "default"}}


async def test_all_store_views_of_all_websites_are_listed(api: Api) -> None:
    data = await api.data("{ stores { code website locale currency currencies isDefault } }")
    assert data["stores"] == [
        {"code": "default", "website": "base", "locale": "en_US", "currency": "USD", "currencies": ["USD", "EUR", "GBP"], "isDefault": True},
        {"code": "de", "website": "eu", "locale": "de_DE", "currency": "EUR", "currencies": ["EUR", "USD"], "isDefault": False},
        {"code": "en_eu", "website": "eu", "locale": "en_GB", "currency": "EUR", "currencies": ["EUR", "USD"], "isDefault": False},
    ]  # fmt: skip
    assert api.commerce.requests == []


async def test_rest_credentials_find_the_store_views_of_all_websites_by_themselves() -> None:
    commerce = create_commerce("2.4.8", public_url=COMMERCE)
    admin = commerce.shop.admins[0]
    given: dict[str, Any] = {"commerce_admin_username": admin.username, "commerce_admin_password": admin.password}
    async with running(commerce, commerce_stores="", **given) as api:
        data = await api.data("{ stores { code } }")
        assert {store["code"] for store in data["stores"]} == {"default", "de", "en_eu"}
    async with running(create_commerce("2.4.8", public_url=COMMERCE), commerce_stores="") as api:
        data = await api.data("{ stores { code } }")
        assert [store["code"] for store in data["stores"]] == ["default"]


async def test_links_start_where_the_storefront_of_the_store_view_is() -> None:
    commerce = create_commerce("2.4.8", public_url=COMMERCE)
    given: dict[str, Any] = {"storefront_url": "https://shop.example/{store}", "media_url": "https://cdn.example/m/"}
    async with running(commerce, **given) as api:
        query = '{ product(sku: "TT-C01") { url image { url } } navigation { url } page(identifier: "about-us") { content } }'
        data = await api.data(query, {"Store": "de"})
        assert data["product"]["url"].startswith("https://shop.example/de/")
        assert data["product"]["image"]["url"].startswith("https://cdn.example/m/catalog/product/")
        assert all(item["url"].startswith("https://shop.example/de/") for item in data["navigation"])
        assert COMMERCE not in data["page"]["content"]
