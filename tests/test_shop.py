"""What a process knows of the shop: learnt at start, kept fresh, remembered for a start without Commerce."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import httpx2
import pytest

from app.errors import UpstreamError
from app.sandbox.commerce import Fault, create_commerce
from app.state import State
from tests.conftest import COMMERCE, running
from tests.redis_server import closing
from tests.test_faults import Network


async def test_a_value_outlives_the_process_that_saved_it(redis_url: str) -> None:
    async with closing(State(redis_url)) as one, closing(State(redis_url)) as other:
        assert await other.load("k") is None
        await one.save("k", b"value" * 1000)
        assert await other.load("k") == b"value" * 1000


async def test_a_redis_that_is_away_costs_nothing_but_the_memory(tmp_path: Path) -> None:
    for url in (f"unix://{tmp_path / 'nobody.sock'}", ""):
        async with closing(State(url)) as away:
            await away.save("k", b"value")
            assert await away.load("k") is None


async def test_a_process_started_without_commerce_knows_the_shop_from_the_one_before(redis_url: str) -> None:
    commerce = create_commerce("2.4.9", public_url=COMMERCE)
    network = Network(commerce)
    async with running(commerce, transport=network, redis_state_url=redis_url) as api:
        known = await api.data("{ stores { code currencies } }")
    network.up = False
    async with running(commerce, transport=network, redis_state_url=redis_url) as api:
        assert (await api.client.get("/readyz")).json()["commerce"] == "known"
        assert await api.data("{ stores { code currencies } }") == known
        assert api.parts.shop.capabilities.live
        assert api.parts.shop.capabilities.version == "2.4.9"
        assert await api.codes("{ store { code } }", {"Store": "nope"}) == ["UNKNOWN_STORE"]
        assert await api.codes("{ countries { code } }") == ["UPSTREAM_UNAVAILABLE"]
    async with running(commerce, transport=network, redis_state_url="") as api:
        assert (await api.client.get("/readyz")).json()["commerce"] == "unknown"


@pytest.mark.parametrize("kept", [b"", b"no json", b"[]", b"{}", b'{"schema": {}, "views": [{}], "default": ""}'])
async def test_a_memory_that_cannot_be_read_is_as_none(redis_url: str, kept: bytes) -> None:
    async with closing(State(redis_url)) as state:
        await state.save(f"shop:{COMMERCE}", kept)
    async with running(create_commerce("2.4.8", public_url=COMMERCE), redis_state_url=redis_url) as api:
        assert await api.data("{ store { code } }") == {"store": {"code": "default"}}


async def test_an_upgrade_of_commerce_is_noticed_without_a_restart() -> None:
    old, new = create_commerce("2.4.4", public_url=COMMERCE), create_commerce("2.4.9", public_url=COMMERCE)
    switch = Switch(old)
    async with running(old, transport=switch) as api:
        query = '{ category(urlPath: "camp") { products { total } } attributes { code label } }'
        await api.data(query)
        assert sorted(api.operations()) == ["Attributes", "Category", "Products"]
        switch.to(new)
        await api.parts.shop.refresh()
        new.requests.clear()
        data = await api.data(query)
        assert sorted(seen.operation or "" for seen in new.requests) == ["Attributes", "CategoryPage"]
        assert {each["label"] for each in data["attributes"] if each["code"] == "color"} == {"Color"}


async def test_a_new_store_view_and_a_new_currency_are_noticed_without_a_restart() -> None:
    commerce = create_commerce("2.4.8", public_url=COMMERCE)
    async with running(commerce) as api:
        assert await api.codes("{ store { code } }", {"Content-Currency": "CHF"}) == ["UNKNOWN_CURRENCY"]
        website = commerce.shop.websites[0]
        website.currencies = (*website.currencies, "CHF")
        commerce.shop.rates["CHF"] = 0.9
        await api.parts.shop.refresh()
        data = await api.data("{ store { currencies } }", {"Content-Currency": "CHF"})
        assert data["store"]["currencies"] == ["USD", "EUR", "GBP", "CHF"]


async def test_a_refresh_that_fails_leaves_what_was_known() -> None:
    commerce = create_commerce("2.4.8", public_url=COMMERCE)
    network = Network(commerce)
    async with running(commerce, transport=network) as api:
        network.up = False
        with pytest.raises(Exception, match="ConnectError"):
            await api.parts.shop.refresh()
        assert await api.data("{ store { code } }") == {"store": {"code": "default"}}


async def test_where_introspection_is_off_the_pinned_slice_serves_with_the_attributes_of_the_settings() -> None:
    commerce = create_commerce("2.4.4", public_url=COMMERCE, introspection=False)
    async with running(commerce, catalog_attributes="color") as api:
        assert not api.parts.shop.capabilities.live
        query = """query Q($code: String!) {
          category(urlPath: "camp") { products(filter: [{attribute: $code, in: ["49"]}]) {
            items { attributes { code options { label } } } } }
        }"""
        data = await api.data(query, code="color")
        assert data["category"]["products"]["items"][0]["attributes"] == [
            {"code": "color", "options": [{"label": "Black"}]}
        ]
        assert (await api.data(query, code="material"))["category"]["products"]["items"] is not None
        assert await api.codes(query, code="nosuch") == ["UNKNOWN_ATTRIBUTE"]
        assert await api.codes(query, code="no such") == ["UNKNOWN_ATTRIBUTE"]
        facets = '{ category(urlPath: "camp") { products { facets { attribute } } } }'
        shown = await api.data(facets)
        assert "material" in [facet["attribute"] for facet in shown["category"]["products"]["facets"]]


async def test_where_introspection_is_off_a_version_of_the_settings_chooses_the_documents() -> None:
    commerce = create_commerce("2.4.9", public_url=COMMERCE, introspection=False)
    async with running(commerce, commerce_version="2.4.9") as api:
        await api.data('{ category(urlPath: "camp") { products { total } } }')
        assert api.operations() == ["CategoryPage"]


class Switch(httpx2.AsyncBaseTransport):
    """A way to one Commerce that can lead to another."""

    def __init__(self, commerce: object) -> None:
        self.to(commerce)

    def to(self, commerce: object) -> None:
        self._inner = httpx2.ASGITransport(app=commerce)  # type: ignore[arg-type]

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        return await self._inner.handle_async_request(request)


async def test_a_commerce_that_hangs_lets_the_process_start_within_one_deadline() -> None:
    commerce = create_commerce("2.4.8", public_url=COMMERCE)
    hang = commerce.faults.add(Fault("slow", times=None, seconds=30))
    started = time.monotonic()
    async with running(commerce, commerce_timeout=0.4, commerce_schema_timeout=20) as api:
        assert time.monotonic() - started < 15
        assert (await api.client.get("/healthz")).status_code == 200
        asked = time.monotonic()
        answers = await asyncio.gather(*(api.post("{ store { code } }") for _ in range(5)))
        assert time.monotonic() - asked < 15
        assert {answer.json()["errors"][0]["extensions"]["code"] for answer in answers} == {"UPSTREAM_UNAVAILABLE"}
        assert hang.fired == 1


async def test_a_store_code_that_the_shop_has_not_takes_no_other_store_view_away() -> None:
    async with running(create_commerce("2.4.8", public_url=COMMERCE), commerce_stores="nosuch,de") as api:
        data = await api.data("{ stores { code } }")
        assert {store["code"] for store in data["stores"]} == {"default", "de", "en_eu"}
        assert await api.codes("{ store { code } }", {"Store": "nosuch"}) == ["UNKNOWN_STORE"]


async def test_a_store_view_that_fails_stays_as_it_was() -> None:
    commerce = create_commerce("2.4.8", public_url=COMMERCE)
    async with running(commerce) as api:
        fault = commerce.faults.add(Fault("html_500", times=2, match="Store"))
        with pytest.raises(UpstreamError):
            await api.parts.shop.refresh()
        fault.times = 0
        assert set(api.parts.shop.views) == {"default", "de", "en_eu"}


async def test_a_query_that_needs_more_reads_than_allowed_is_told_and_the_rest_is_answered() -> None:
    async with running(create_commerce("2.4.8", public_url=COMMERCE), graphql_max_reads=3) as api:
        query = "{" + " ".join(f'p{n}: product(sku: "TT-C0{n}") {{ sku }}' for n in range(1, 6)) + " store { code } }"
        body = await api.ask(query)
        assert [error["extensions"]["code"] for error in body["errors"]] == ["QUERY_TOO_EXPENSIVE"] * 2
        assert sum(value is not None for value in body["data"].values()) == 4
        assert len(api.commerce.requests) == 3
