"""Who shares what with whom: customers of three groups, those of whom too little is known, and tokens that die."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from app.cache import Shared
from app.commerce.customers import group_of
from app.main import sessions_of
from app.redis_client import MEMORY
from app.sandbox.commerce import Fault
from tests.conftest import Api
from tests.redis_server import Server, flush
from tests.signed_in import PEOPLE, SKU, SignedIn, price_by_group, signed_in
from tests.test_responses import caching, state

PRICE = f'{{ product(sku: "{SKU}") {{ price {{ final {{ amount currency }} }} }} }}'
GUEST_PRICE, PRICES = "389.00", {"1": "388.00", "2": "311.20", "3": "350.10"}


@asynccontextmanager
async def selling(url: str = MEMORY, version: str = "2.4.9", **given: Any) -> AsyncIterator[Api]:
    """A shop with a price for each group."""
    async with caching(url, version, **given) as api:
        price_by_group(api.commerce)
        yield api


async def price(api: Api, shopper: SignedIn | None = None, query: str = PRICE) -> tuple[str, str | None]:
    """What a shopper, or a guest, is told; and what the answer says of the cache."""
    answer = await api.post(query, shopper.headers if shopper else None)
    body = answer.json()
    assert "errors" not in body, body
    return body["data"]["product"]["price"]["final"]["amount"], state(answer)


@pytest.mark.parametrize("version", ["2.4.8", "2.4.9"])
async def test_customers_of_a_group_share_its_entries_and_nobody_elses(version: str) -> None:
    async with selling(version=version) as api:
        assert await price(api) == (GUEST_PRICE, "fwd=miss")
        for group, name in PEOPLE.items():
            one, other = await signed_in(api, name), await signed_in(api, name)
            assert one.group == other.group is not None
            assert one.token != other.token
            assert await price(api, one) == (PRICES[group], "fwd=miss")
            api.forget()
            assert await price(api, other) == (PRICES[group], "hit")
            # Another query about the same: his own read of Commerce is shared, too.
            answer = await api.data(PRICE.replace("currency", ""), other.headers)
            assert answer["product"]["price"]["final"] == {"amount": PRICES[group]}
            assert api.operations() == []
        assert await price(api) == (GUEST_PRICE, "hit")


async def test_what_a_customer_is_told_is_for_no_cache_of_others() -> None:
    async with selling() as api:
        walter = await signed_in(api, "walter")
        for _ in range(2):
            answer = await api.client.get("/graphql", params={"query": PRICE}, headers=walter.headers)
            assert answer.json()["data"]["product"]["price"]["final"]["amount"] == PRICES["2"]
            assert answer.headers["cache-control"] == "no-store"
            assert not {"etag", "age", "surrogate-key"} & set(answer.headers)
        assert state(answer) == "hit"


async def test_commerce_is_told_the_token_with_his_reads_and_with_no_guests() -> None:
    async with selling() as api:
        walter = await signed_in(api, "walter")
        api.forget()
        await price(api, walter)
        await price(api)
        sent = [(seen.operation, seen.headers.get("authorization")) for seen in api.commerce.requests]
        assert sent == [("Products", f"Bearer {walter.token}"), ("Products", None)]


@pytest.mark.parametrize(
    ("version", "known"),
    [
        ("2.4.4", {}),
        ("2.4.7", {}),
        ("2.4.9", {"segments": ("vip",)}),
        ("2.4.9", {"companies": ("Holm & Co",)}),
        ("2.4.9", {"address": 7}),
    ],
)
async def test_who_may_be_shown_something_else_than_his_group_shares_with_nobody(
    version: str, known: dict[str, Any]
) -> None:
    async with selling(version=version) as api:
        for name, value in known.items():
            setattr(api.commerce.shop.customers[1], name, value)
        walter, again = await signed_in(api, "walter"), await signed_in(api, "walter")
        assert (walter.group, again.group) == (None, None)
        api.forget()
        for shopper in (walter, again, walter):
            assert await price(api, shopper) == (PRICES["2"], None)
        assert api.operations() == ["Products"] * 3
        assert await price(api) == (GUEST_PRICE, "fwd=miss")


async def test_a_token_that_dies_between_check_and_fetch_leaves_nothing_under_its_group() -> None:
    async with selling() as api:
        walter, late = await signed_in(api, "walter"), await signed_in(api, "walter")
        # Both are known to be of the group. Commerce takes the one for a guest from here on, and does not say so.
        api.commerce.shop.customer_tokens.end(walter.token)
        api.forget()
        assert await price(api, walter) == (GUEST_PRICE, None)
        assert api.operations() == ["Products"]
        assert await price(api, late) == (PRICES["2"], "fwd=miss")
        assert await price(api, late) == (PRICES["2"], "hit")


async def test_a_token_that_was_dead_before_any_check_leaves_nothing_under_its_group() -> None:
    async with selling() as api:
        walter, late = await signed_in(api, "walter"), await signed_in(api, "walter")
        api.parts.customers._standings.clear()
        api.commerce.shop.customer_tokens.end(walter.token)
        assert await price(api, walter) == (GUEST_PRICE, None)
        assert await price(api, late) == (PRICES["2"], "fwd=miss")


async def test_who_was_moved_to_another_group_leaves_nothing_under_the_old_one() -> None:
    async with selling() as api:
        walter = await signed_in(api, "walter")
        api.commerce.shop.customers[1].group = 3
        for _ in range(2):
            assert await price(api, walter) == (PRICES["3"], None)
            # Neither if he is asked about anew.
            api.parts.customers._standings.clear()
        api.commerce.shop.customers[1].group = 2
        assert await price(api, await signed_in(api, "walter")) == (PRICES["2"], "fwd=miss")


async def test_who_waits_for_the_fetch_of_a_dead_token_is_fetched_his_own() -> None:
    async with selling() as api:
        walter, late = await signed_in(api, "walter"), await signed_in(api, "walter")
        api.commerce.shop.customer_tokens.end(walter.token)
        api.commerce.faults.add(Fault("slow", times=1, seconds=0.2, match="Products"))
        first = asyncio.ensure_future(price(api, walter))
        while not api.operations() or api.operations()[-1] != "Products":
            await asyncio.sleep(0.005)
        # They wait for the whole answer, or for the read of Commerce below it.
        others = (price(api, late, query) for query in (PRICE, PRICE, f"{PRICE} ", f" {PRICE}"))
        told = await asyncio.gather(first, *others)
        assert [amount for amount, _ in told] == [GUEST_PRICE, *[PRICES["2"]] * 4]


async def test_a_session_says_by_its_id_whether_redis_need_be_asked_who_reads(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with Server(tmp_path_factory.mktemp("redis")) as server:
        async with selling(redis_state_url=server.url) as api:
            sessions = sessions_of(api.parts)
            assert sessions is not None
            guest = await sessions.begin()
            walter = await signed_in(api, "walter")
            assert await price(api, walter) == (PRICES["2"], "fwd=miss")
            server.stop()
            # A guest is answered as ever. Who has signed in is not taken for one.
            token = {"Authorization": f"Bearer {guest.token}"}
            assert (await api.data(PRICE, token))["product"]["price"]["final"]["amount"] == GUEST_PRICE
            refused = await api.post(PRICE, walter.headers)
            assert refused.status_code == 503
            assert refused.json()["errors"][0]["extensions"]["code"] == "STATE_UNAVAILABLE"


async def test_entries_of_a_group_are_answered_while_commerce_is_away(redis_url: str) -> None:
    await flush(redis_url)
    async with selling(redis_url, cache_prices=0.2, cache_content=0.2) as api:
        walter, rita = await signed_in(api, "walter"), await signed_in(api, "rita")
        assert await price(api, walter) == (PRICES["2"], "fwd=miss")
        await asyncio.sleep(0.5)
        api.commerce.faults.add(Fault("html_503", times=None, path="/graphql"))
        assert await price(api, walter) == (PRICES["2"], "fwd=miss; detail=stale")
        assert await api.codes(PRICE, rita.headers) == ["UPSTREAM_UNAVAILABLE"]
        assert await api.codes(PRICE) == ["UPSTREAM_UNAVAILABLE"]
        shared = api.parts.cache._shared
        assert isinstance(shared, Shared)
        assert set((await shared.count()).values()) == {1}


def test_a_group_is_told_by_its_uid_or_by_its_name() -> None:
    assert group_of({"group": {"uid": "Mg=="}, "segments": [], "companies": {"items": []}}) == "uid:Mg=="
    assert group_of({"group": {"name": "Wholesale"}}) == "name:Wholesale"
    assert group_of({"group": None}) is group_of({}) is group_of({"group": {"uid": None}}) is None
    assert group_of({"group": {"uid": "Mg=="}, "segments": [{"uid": "MQ=="}]}) is None
    assert group_of({"group": {"uid": "Mg=="}, "default_shipping": "3"}) is None
