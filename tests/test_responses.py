"""Whole answers out of the cache: the same as without it, for everybody who may have them and nobody else."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import graphql
import httpx2
import pytest

from app.sandbox.commerce import Fault
from app.storefront.questions import is_public
from app.storefront.schema import PUBLIC, build_schema
from tests.conftest import Api
from tests.redis_server import flush
from tests.test_cart import UNSAFE, add, shopping
from tests.test_cli import vitrine

SEARCH = '{ search(text: "jacket", pageSize: 5) { total items { sku name price { final { amount currency } } } } }'
PRODUCT = "query P($sku: String!) { product(sku: $sku) { sku name inStock price { final { amount currency } } } }"
SHARED_ORIGIN = "https://shop.example"


@asynccontextmanager
async def caching(url: str = "memory://", version: str = "2.4.8", **given: Any) -> AsyncIterator[Api]:
    """The application with a cache, in front of a Commerce of that version."""
    async with shopping(version, redis_cache_url=url, **given) as api:
        while not all(api.parts.cache._local.alive(store) for store in api.parts.shop.views):
            await asyncio.sleep(0.01)
        yield api


def state(answer: httpx2.Response) -> str | None:
    """What the answer says of the cache: hit, fwd=miss, or nothing."""
    told = answer.headers.get("cache-status")
    return told.split("; ", 1)[1].rpartition("; ttl=")[0] if told else None


async def test_the_second_answer_is_the_first_and_costs_commerce_nothing() -> None:
    async with caching() as api:
        first = await api.post(SEARCH)
        assert (state(first), api.operations()) == ("fwd=miss", ["Products"])
        api.forget()
        second = await api.post(SEARCH)
        assert (state(second), second.content, api.operations()) == ("hit", first.content, [])
        assert second.headers["cache-control"] == "no-store"
        assert second.headers["content-type"] == first.headers["content-type"] == "application/json"
        uncached = await api.client.post("/graphql", json={"query": SEARCH + " "})
        assert uncached.content == first.content


async def test_a_get_can_be_kept_by_others_and_told_apart() -> None:
    async with caching() as api:
        await api.post(SEARCH)
        got = await api.client.get("/graphql", params={"query": SEARCH})
        assert state(got) == "hit"
        control, seconds = got.headers["cache-control"].split("max-age=")
        assert (control, 50 <= int(seconds) <= 60) == ("public, ", True)
        assert got.headers["vary"] == "Accept, Store, Content-Currency"
        assert {"all", "config", "operation:Products"} <= set(got.headers["surrogate-key"].split())
        same = await api.client.get(
            "/graphql", params={"query": SEARCH}, headers={"If-None-Match": got.headers["etag"]}
        )
        assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", got.headers["etag"])
        other = await api.client.get("/graphql", params={"query": SEARCH}, headers={"If-None-Match": '"other"'})
        assert (other.status_code, other.content) == (200, got.content)


async def test_variables_count_and_their_order_does_not() -> None:
    async with caching() as api:
        query = "query Q($a: String!, $b: Int!) { search(text: $a, pageSize: $b) { total } }"
        for variables in ({"a": "jacket", "b": 1}, {"b": 1, "a": "jacket"}):
            answer = await api.client.post("/graphql", json={"query": query, "variables": variables})
        assert state(answer) == "hit"
        assert state(await api.post(query, a="jacket", b=2)) == "fwd=miss"
        assert (
            state(
                await api.client.post(
                    "/graphql", json={"query": query, "variables": {"a": "jacket", "b": 1}, "operationName": "Q"}
                )
            )
            == "fwd=miss"
        )


CELLS = list(itertools.product(("default", "de"), ("USD", "EUR"), ("TT-C12", "TT-J01", "TT-K02"), ("json", "graphql")))


async def test_no_answer_crosses_from_one_cell_to_another() -> None:
    """Store view × currency × product × media type: each its own, and each second read a hit."""
    async with caching() as api, shopping() as plain:
        for store, currency, sku, media in [*CELLS, *reversed(CELLS)]:
            accept = "application/json" if media == "json" else "application/graphql-response+json"
            headers = {"Store": store, "Content-Currency": currency, "Accept": accept}
            views = plain.parts.shop.views
            if currency not in views[store].currencies:
                assert await api.codes(PRODUCT, headers, sku=sku) == ["UNKNOWN_CURRENCY"]
                continue
            kept = await api.post(PRODUCT, headers, sku=sku)
            fresh = await plain.post(PRODUCT, headers, sku=sku)
            assert kept.content == fresh.content
            assert kept.headers["content-type"] == fresh.headers["content-type"] == accept
            again = await api.post(PRODUCT, headers, sku=sku)
            assert (state(again), again.content) == ("hit", fresh.content)


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"X-Forwarded-Host": "evil.example"},
        {"X-Forwarded-For": "6.6.6.6"},
        {"X-Forwarded-Proto": "http"},
        {"Cookie": "vitrine=somebody; X-Magento-Vary=1"},
        {"Authorization": "Bearer somebody"},
        {"X-Magento-Cache-Id": "0" * 64},
        {"X-Session-Token": "request"},
        {"Accept-Language": "de"},
        {"X-Original-URL": "/admin"},
        {"If-None-Match": "*"},
    ],
)
async def test_headers_that_mean_nothing_here_change_nothing_for_others(headers: dict[str, str]) -> None:
    async with caching() as api, shopping() as plain:
        poisoned = await api.client.post("/graphql", json={"query": SEARCH}, headers=headers)
        expected = (await plain.post(SEARCH)).content
        assert poisoned.content == expected
        assert "set-cookie" not in poisoned.headers
        clean = await api.post(SEARCH)
        assert (state(clean), clean.content) == ("hit", expected)
        assert "evil" not in str(clean.headers)


@pytest.mark.parametrize("header", ["Store", "Content-Currency"])
async def test_a_header_that_is_given_twice_is_nothing_that_is_kept(header: str) -> None:
    async with caching() as api:
        await api.post(SEARCH)
        given = [(header, "default"), (header, "de")] if header == "Store" else [(header, "USD"), (header, "EUR")]
        answer = await api.client.post("/graphql", json={"query": SEARCH}, headers=given)
        assert state(answer) is None


async def test_what_is_a_shoppers_own_is_never_kept() -> None:
    async with caching() as api:
        await add(api, {"sku": "TT-C12"})
        for query in (
            "{ cart { quantity } }",
            "{ store { code } cart { quantity } }",
            "{ ...F } fragment F on Query { checkout { ready } }",
            "{ ... { cart { quantity } } }",
            "query A { store { code } } query B { cart { quantity } }",
        ):
            for _ in range(2):
                body = {"query": query, "operationName": "B" if "B" in query else None}
                answer = await api.client.post("/graphql", json=body)
                assert state(answer) is None
                assert answer.headers["cache-control"] == "no-store"
        assert (await api.data("{ cart { quantity } }")) == {"cart": {"quantity": "1"}}


def test_every_field_is_public_or_known_to_be_private() -> None:
    kind = graphql.build_schema(build_schema().as_str()).query_type
    assert kind is not None
    assert set(kind.fields) - PUBLIC == {"cart", "checkout", "customer", "guestOrder", "shippingEstimate"}
    assert set(kind.fields) >= PUBLIC


@pytest.mark.parametrize(
    ("query", "name", "public"),
    [
        ("{ store { code } }", None, True),
        ("{ a: store { code } __typename }", None, True),
        ("{ store: cart { quantity } }", None, False),
        ("{ __schema { types { name } } }", None, False),
        ("mutation { cartClear { userErrors { code } } }", None, False),
        ("query A { store { code } } mutation B { cartClear { userErrors { code } } }", "A", True),
        ("query A { store { code } } mutation B { cartClear { userErrors { code } } }", "B", False),
        ("query A { store { code } } query B { store { code } }", None, False),
        ("query A { store { code } }", "C", False),
        ("{ ...F } fragment F on Query { ...G } fragment G on Query { cart { quantity } }", None, False),
        ("{ ...F } fragment F on Query { store { code } ...F }", None, True),
        ("{ ...Missing }", None, False),
        ("fragment F on Query { store { code } }", None, False),
    ],
)
def test_only_queries_of_public_fields_are_public(query: str, name: str | None, public: bool) -> None:
    assert is_public(query, name, PUBLIC) is public


async def test_errors_are_not_kept() -> None:
    async with caching() as api:
        for query in ("{ nope }", '{ search(text: "x", page: 0) { total } }', "{", "query { a: b "):
            for _ in range(2):
                assert state(await api.post(query)) is None
        api.commerce.faults.add(Fault("html_503", times=2))
        assert await api.codes(SEARCH) == ["UPSTREAM_UNAVAILABLE"]
        assert state(await api.post(SEARCH)) == "fwd=miss"


async def test_other_origins_are_told_what_they_may_on_a_hit_too() -> None:
    async with caching(allowed_origins=SHARED_ORIGIN) as api:
        await api.post(SEARCH)
        allowed = await api.post(SEARCH, {"Origin": SHARED_ORIGIN})
        assert (state(allowed), allowed.headers["access-control-allow-origin"]) == ("hit", SHARED_ORIGIN)
        missed = await api.post(SEARCH + " ", {"Origin": SHARED_ORIGIN})
        assert state(missed) == "fwd=miss"
        for name in ("access-control-allow-origin", "access-control-allow-credentials", "vary"):
            assert allowed.headers[name] == missed.headers[name]
        none = await api.post(SEARCH)
        assert (state(none), none.headers.get("access-control-allow-origin")) == ("hit", None)
        assert none.headers["vary"] == missed.headers["vary"] == "Accept, Store, Content-Currency, Origin"
        foreign = await api.post(SEARCH, {"Origin": "https://evil.example"})
        assert (state(foreign), foreign.headers.get("access-control-allow-origin")) == ("hit", None)
        assert foreign.headers["vary"] == missed.headers["vary"]
        twice = await api.client.post(
            "/graphql",
            json={"query": SEARCH},
            headers=[("Origin", "https://evil.example"), ("Origin", SHARED_ORIGIN)],
        )
        assert twice.headers.get("access-control-allow-origin") is None


async def test_bodies_that_are_long_or_no_json_reach_the_application_whole() -> None:
    async with caching(graphql_max_bytes=200_000) as api:
        long = await api.client.post("/graphql", json={"query": SEARCH, "extensions": {"pad": "x" * 100_000}})
        assert (long.status_code, state(long)) == (200, None)
        assert long.json()["data"]["search"]["total"] > 0
        too_long = await api.client.post("/graphql", json={"query": SEARCH, "extensions": {"pad": "x" * 300_000}})
        assert too_long.status_code == 413
        for body in (b"{", b"[]", b'"query"', b'{"query": 5}', b'{"query": "{ store { code } }", "variables": []}'):
            answer = await api.client.post("/graphql", content=body, headers={"Content-Type": "application/json"})
            assert (answer.status_code, state(answer)) == (400, None)
        form = await api.client.post("/graphql", data={"query": SEARCH})
        assert (form.status_code, state(form)) == (415, None)


async def test_with_commerce_stopped_what_was_seen_is_answered_by_new_processes_too(redis_url: str) -> None:
    await flush(redis_url)
    # What ran out is as good as never fresh here.
    async with caching(redis_url, cache_prices=0.2, cache_content=0.2) as api:
        seen = (await api.post(SEARCH)).content
        await asyncio.sleep(0.5)
        api.commerce.faults.add(Fault("html_503", times=None, path="/graphql"))
        answer = await api.post(SEARCH)
        assert answer.content == seen
        assert await api.codes('{ search(text: "never seen") { total } }') == ["UPSTREAM_UNAVAILABLE"]
    async with caching(redis_url, cache_prices=0.2, cache_content=0.2) as later:
        later.commerce.faults.add(Fault("html_503", times=None, path="/graphql"))
        assert (await later.post(SEARCH)).content == seen


async def test_a_purge_by_hand_reaches_every_process(redis_url: str) -> None:
    await flush(redis_url)
    async with caching(redis_url) as api:
        for sku in ("TT-C12", "TT-J01"):
            await api.post(PRODUCT, sku=sku)
        assert "default" in vitrine("cache", "inspect", COMMERCE_URL="http://x", REDIS_CACHE_URL=redis_url).stdout
        done = await asyncio.to_thread(
            vitrine, "cache", "purge", "--tag", "product:TT-C12", COMMERCE_URL="http://x", REDIS_CACHE_URL=redis_url
        )
        assert (done.returncode, done.stdout) == (0, "purged product:tt-c12 in de, default, en_eu\n")
        api.forget()
        while state(again := await api.post(PRODUCT, sku="TT-C12")) == "hit":
            await asyncio.sleep(0.01)
        assert state(again) == "fwd=miss"
        assert api.operations() == ["Products"]
        assert state(await api.post(PRODUCT, sku="TT-J01")) == "hit"
        for wanted in ((), ("--tag",)):
            refused = await asyncio.to_thread(
                vitrine, "cache", "purge", *wanted, COMMERCE_URL="http://x", REDIS_CACHE_URL=redis_url
            )
            assert refused.returncode == 2
        assert (
            vitrine(
                "cache", "purge", "--all", COMMERCE_URL="http://x", REDIS_CACHE_URL="redis://127.0.0.1:1"
            ).returncode
            == 1
        )
        assert (await api.ask("mutation { cartClear { userErrors { code } } }", UNSAFE))["data"][
            "cartClear"
        ] is not None
