"""Redis that is refused, hung or slow: what a read waits for is counted here; `bench/redis_away.py` takes the time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from app.cache import Cache, Local, Shared, Times
from app.cache.guard import PATIENCE, PAUSE
from app.main import CACHE_TIMEOUT
from app.redis_client import connect
from tests.redis_relay import Relay, relay
from tests.redis_server import flush
from tests.test_cache import Upstream

DAY = Times(86_400)
HOW = ("refused", "hung", "slow")


@asynccontextmanager
async def reading(way: Relay, pause: float) -> AsyncIterator[Cache]:
    """A cache that has nothing of its own, and tries again after `pause` seconds."""
    cache = Cache(Shared(connect(way.url, CACHE_TIMEOUT)), Local(0, time.monotonic), pause=pause)
    try:
        yield cache
    finally:
        await cache.close()


async def spoil(way: Relay, how: str) -> None:
    match how:
        case "refused":
            await way.refuse()
        case "hung":
            way.hung = True
        case _:
            way.slow = 20 * PATIENCE


async def mend(way: Relay, how: str) -> None:
    if how == "refused":
        await way.open()
    way.hung, way.slow = False, 0.0


def test_the_first_read_that_meets_it_waits_no_longer_than_it_may() -> None:
    assert PATIENCE <= 0.06
    assert PATIENCE < CACHE_TIMEOUT
    assert PAUSE >= 10 * PATIENCE


@pytest.mark.parametrize("how", HOW)
async def test_only_the_first_read_asks_it_and_all_are_answered(redis_url: str, how: str) -> None:
    await flush(redis_url)
    upstream = Upstream()
    async with relay(redis_url) as way, reading(way, pause=3600) as cache:
        await cache.read("default", "key", DAY, upstream)
        assert (await cache.read("default", "key", DAY, upstream)).kept
        await spoil(way, how)
        before, asked = way.asked, upstream.asked
        assert (await cache.read("default", "key", DAY, upstream)).entry.body == b"1"
        # One command was waited for, once: neither a second try, nor a lease, a ticket or a fill.
        assert way.asked - before <= 1
        assert cache._guard is not None
        assert cache._guard.away
        came, before = way.connections, way.asked
        for number in range(20):
            found = await cache.read("default", f"key {number % 2}", DAY, upstream)
            assert (found.entry.body, found.kept) == (b"1", False)
            assert await cache.ticket("default") is None
        assert (way.connections, way.asked) == (came, before)
        assert upstream.asked == asked + 21


@pytest.mark.parametrize("how", HOW)
async def test_it_is_asked_again_when_it_is_back(redis_url: str, how: str) -> None:
    await flush(redis_url)
    upstream = Upstream()
    async with relay(redis_url) as way, reading(way, pause=0.05) as cache:
        await cache.read("default", "key", DAY, upstream)
        await spoil(way, how)
        assert not (await cache.read("default", "key", DAY, upstream)).kept
        await mend(way, how)
        async with asyncio.timeout(60):
            while not (found := await cache.read("default", "key", DAY, upstream)).kept:
                await asyncio.sleep(0.01)
        assert found.entry.body == b"1"


async def test_many_who_meet_it_at_once_wait_together(redis_url: str) -> None:
    await flush(redis_url)
    upstream = Upstream()
    async with relay(redis_url) as way, reading(way, pause=3600) as cache:
        await cache.read("default", "key", DAY, upstream)
        way.hung = True
        before = way.asked
        found = await asyncio.gather(*(cache.read("default", f"key {n}", DAY, upstream) for n in range(200)))
        assert {each.entry.body for each in found} == {b"1"}
        # Each had asked once before anybody knew. None asked after that.
        assert way.asked - before <= 200
        assert upstream.asked == 1 + 200
