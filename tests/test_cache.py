"""Reading through the cache: who is answered with what, who fetches, and what a purge or a loss of Redis does to both."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from app.cache import Cache, Entry, Fetched, Found, Listening, Local, Shared, Ticket, Times
from app.cache.cache import Looked
from app.errors import StateUnavailable, UpstreamTimeout
from app.redis_client import MEMORY, connect, disconnect
from tests.redis_server import Server, flush

TIMES = Times(60, 60, 3600)
STORES = ("default", "de")


@dataclass
class Upstream:
    """What is fetched from: a version that counts up whenever `change` is called."""

    seconds: float = 0.0
    asked: int = 0
    version: int = 1
    failing: bool = False
    whole: bool = True
    gate: asyncio.Event | None = None
    tickets: list[Ticket | None] = field(default_factory=list)

    async def __call__(self, ticket: Ticket | None) -> Fetched:
        self.asked += 1
        self.tickets.append(ticket)
        told = self.version
        if self.failing:
            raise UpstreamTimeout("failing")
        if self.gate is not None:
            await self.gate.wait()
        await asyncio.sleep(self.seconds)
        return Fetched(b"%d" % told, ("all", "product:A"), whole=self.whole, value=told)


@dataclass
class Clock:
    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Process:
    """What one process has of the cache."""

    cache: Cache
    local: Local
    shared: Shared

    async def read(self, upstream: Callable[[Ticket | None], Awaitable[Fetched]], key: str = "key") -> Found:
        return await self.cache.read("default", key, TIMES, upstream)

    async def body(self, upstream: Callable[[Ticket | None], Awaitable[Fetched]], key: str = "key") -> bytes:
        return (await self.read(upstream, key)).entry.body


def at_hand(process: Process) -> Entry | None:
    """What a process has of its own under the key of all these tests, if it is fresh."""
    found = process.cache.fresh(Looked(process.local.get("default", "key"), 0))
    return found.entry if found is not None else None


@asynccontextmanager
async def process(
    url: str,
    clock: Callable[[], float],
    *,
    lease: float = 5.0,
    size: int = 1_000_000,
    patience: float = 1.0,
    kind: type[Shared] = Shared,
) -> AsyncIterator[Process]:
    """A process; `size` of 0 leaves it without a tier of its own."""
    client = connect(url, 1.0)
    ears = client if url == MEMORY else connect(url, 10.0)
    local, shared = Local(size, time.monotonic), kind(client)
    cache = Cache(shared, local, lease=lease, patience=patience, clock=clock)
    listening = Listening(local, shared, ears, lambda: STORES)
    listening.start()
    try:
        while size and not all(local.alive(store) for store in STORES):
            await asyncio.sleep(0.01)
        yield Process(cache, local, shared)
    finally:
        await listening.stop()
        await cache.close()
        await disconnect(ears)
        await disconnect(client)


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture(params=["redis", "memory", "cluster", "sentinel"])
async def url(request: pytest.FixtureRequest) -> str:
    match request.param:
        case "memory":
            return MEMORY
        case "cluster":
            url = str(request.getfixturevalue("redis_cluster").url)
        case "sentinel":
            url = str(request.getfixturevalue("redis_watched").url)
        case _:
            url = str(request.getfixturevalue("redis_url"))
    await flush(url)
    return url


@pytest.fixture
async def emptied(redis_url: str) -> str:
    await flush(redis_url)
    return redis_url


async def test_the_second_read_is_answered_and_nothing_is_fetched(url: str, stack: AsyncExitStack) -> None:
    clock, upstream = Clock(), Upstream()
    one = await stack.enter_async_context(process(url, clock))
    first, second = await one.read(upstream), await one.read(upstream)
    assert (first.entry.body, first.kept, first.value) == (b"1", False, 1)
    assert (second.entry, second.kept, second.stale) == (first.entry, True, False)
    assert upstream.asked == 1
    assert at_hand(one) == second.entry
    assert await one.body(upstream, "other") == b"1"
    assert upstream.asked == 2


async def test_another_process_is_answered_too(emptied: str, stack: AsyncExitStack) -> None:
    clock, upstream = Clock(), Upstream()
    one = await stack.enter_async_context(process(emptied, clock))
    two = await stack.enter_async_context(process(emptied, clock))
    assert [await one.body(upstream), await two.body(upstream)] == [b"1", b"1"]
    assert upstream.asked == 1


async def test_what_is_stale_is_given_at_once_and_fetched_behind(url: str, stack: AsyncExitStack) -> None:
    clock, upstream = Clock(), Upstream()
    one = await stack.enter_async_context(process(url, clock))
    await one.read(upstream)
    clock.now += 61
    upstream.version, upstream.gate = 2, asyncio.Event()
    stale = [await one.read(upstream) for _ in range(3)]
    assert {(found.entry.body, found.stale) for found in stale} == {(b"1", True)}
    upstream.gate.set()
    while at_hand(one) is None:
        await asyncio.sleep(0.005)
    assert await one.body(upstream) == b"2"
    assert upstream.asked == 2


async def test_what_is_too_stale_is_waited_for(url: str, stack: AsyncExitStack) -> None:
    clock, upstream = Clock(), Upstream()
    one = await stack.enter_async_context(process(url, clock))
    await one.read(upstream)
    clock.now += 121
    upstream.version = 2
    found = await one.read(upstream)
    assert (found.entry.body, found.stale, upstream.asked) == (b"2", False, 2)


async def test_what_fails_is_answered_with_what_was_there_for_as_long_as_may_be(
    url: str, stack: AsyncExitStack
) -> None:
    clock, upstream = Clock(), Upstream()
    one = await stack.enter_async_context(process(url, clock))
    await one.read(upstream)
    upstream.failing = True
    clock.now += 3600
    found = await one.read(upstream)
    assert (found.entry.body, found.stale, found.kept) == (b"1", True, True)
    clock.now += 61
    with pytest.raises(UpstreamTimeout):
        await one.read(upstream)
    with pytest.raises(UpstreamTimeout):
        await one.read(upstream, "never seen")


async def test_what_is_not_whole_is_given_to_those_who_wait_and_not_kept(url: str, stack: AsyncExitStack) -> None:
    clock, upstream = Clock(), Upstream(seconds=0.3, whole=False)
    one = await stack.enter_async_context(process(url, clock))
    assert set(await asyncio.gather(*(one.body(upstream) for _ in range(5)))) == {b"1"}
    assert upstream.asked == 1
    await one.read(upstream)
    assert upstream.asked == 2


async def test_many_who_miss_wait_for_one_fetch_in_all_processes(emptied: str, stack: AsyncExitStack) -> None:
    clock, upstream = Clock(), Upstream(seconds=0.3)
    processes = [await stack.enter_async_context(process(emptied, clock)) for _ in range(2)]
    bodies = await asyncio.gather(*(processes[n % 2].body(upstream) for n in range(400)))
    assert set(bodies) == {b"1"}
    assert upstream.asked == 1


async def test_a_holder_that_died_costs_at_most_its_lease(emptied: str, stack: AsyncExitStack) -> None:
    clock, upstream = Clock(), Upstream()
    one = await stack.enter_async_context(process(emptied, clock, lease=0.5))
    assert await one.shared.lease("default", "key", "dead", 0.5)
    started = time.monotonic()
    assert await one.body(upstream) == b"1"
    assert 0.3 < time.monotonic() - started < 10
    assert upstream.asked == 1


async def test_after_a_purge_nothing_old_is_read(url: str, stack: AsyncExitStack) -> None:
    clock, upstream = Clock(), Upstream()
    one = await stack.enter_async_context(process(url, clock, size=0))
    await one.read(upstream)
    upstream.version = 2
    await one.cache.purge(STORES, ["product:A"])
    assert await one.body(upstream) == b"2"
    await one.cache.purge(STORES, ["product:B"])
    assert await one.body(upstream) == b"2"
    assert upstream.asked == 2


async def test_who_comes_after_a_purge_gets_nothing_of_a_fetch_from_before(url: str, stack: AsyncExitStack) -> None:
    clock, upstream = Clock(), Upstream(gate=asyncio.Event())
    one = await stack.enter_async_context(process(url, clock))
    early = asyncio.ensure_future(one.body(upstream))
    while not upstream.asked:
        await asyncio.sleep(0.005)
    upstream.version = 2
    await one.cache.purge(STORES, ["product:A"])
    late = [asyncio.ensure_future(one.body(upstream)) for _ in range(20)]
    await asyncio.sleep(0.05)
    assert upstream.gate is not None
    upstream.gate.set()
    assert await early == b"1"
    assert set(await asyncio.gather(*late)) == {b"2"}
    assert await one.body(upstream) == b"2"
    # One fetch served all who had waited.
    assert upstream.asked == 2


async def test_who_comes_after_a_purge_gets_nothing_partial_of_a_fetch_from_before(
    url: str, stack: AsyncExitStack
) -> None:
    clock, upstream = Clock(), Upstream(gate=asyncio.Event(), whole=False)
    one = await stack.enter_async_context(process(url, clock))
    early = asyncio.ensure_future(one.body(upstream))
    while not upstream.asked:
        await asyncio.sleep(0.005)
    upstream.version = 2
    await one.cache.purge(STORES, ["product:A"])
    late = [asyncio.ensure_future(one.body(upstream)) for _ in range(5)]
    await asyncio.sleep(0.05)
    assert upstream.gate is not None
    upstream.gate.set()
    assert await early == b"1"
    assert set(await asyncio.gather(*late)) == {b"2"}
    assert upstream.asked == 2


class Slow(Shared):
    """What was kept is told only when the gate is open."""

    def __init__(self, client: Any) -> None:
        super().__init__(client)
        self.gate, self.kept = asyncio.Event(), asyncio.Event()

    async def fill(self, store: str, key: str, ticket: Ticket, entry: Entry, now: float) -> tuple[Ticket, bool]:
        found = await super().fill(store, key, ticket, entry, now)
        self.kept.set()
        await self.gate.wait()
        return found


async def test_who_comes_after_a_purge_gets_nothing_that_was_kept_before_it_and_not_told_yet(
    emptied: str, stack: AsyncExitStack
) -> None:
    clock, upstream = Clock(), Upstream()
    one = await stack.enter_async_context(process(emptied, clock, size=0, kind=Slow))
    two = await stack.enter_async_context(process(emptied, clock, size=0))
    assert isinstance(one.shared, Slow)
    early = asyncio.create_task(one.body(upstream))
    await one.shared.kept.wait()
    await two.cache.purge(["default"], ["product:A"])
    upstream.version = 2
    late = asyncio.create_task(one.body(upstream))
    await asyncio.sleep(0.05)
    one.shared.gate.set()
    assert await early == b"1"
    assert await late == b"2"
    assert upstream.asked == 2


async def test_who_comes_while_it_is_being_kept_has_it_without_another_fetch(
    emptied: str, stack: AsyncExitStack
) -> None:
    clock, upstream = Clock(), Upstream()
    one = await stack.enter_async_context(process(emptied, clock, size=0, kind=Slow))
    assert isinstance(one.shared, Slow)
    upstream.gate = asyncio.Event()
    readers = [asyncio.create_task(one.body(upstream)) for _ in range(50)]
    await asyncio.sleep(0.02)
    upstream.gate.set()
    await one.shared.kept.wait()
    readers += [asyncio.create_task(one.body(upstream)) for _ in range(50)]
    await asyncio.sleep(0.02)
    one.shared.gate.set()
    assert await asyncio.gather(*readers) == [b"1"] * 100
    assert upstream.asked == 1


async def test_the_tier_of_every_process_hears_of_a_purge(emptied: str, stack: AsyncExitStack) -> None:
    clock, upstream = Clock(), Upstream()
    one = await stack.enter_async_context(process(emptied, clock))
    two = await stack.enter_async_context(process(emptied, clock))
    await one.read(upstream)
    await two.read(upstream)
    assert at_hand(two) is not None
    await one.cache.purge(["default"], ["product:A"])
    while at_hand(two) is not None:
        await asyncio.sleep(0.001)
    assert at_hand(one) is None


async def test_an_answer_made_of_others_is_fresh_no_longer_than_they_are(url: str, stack: AsyncExitStack) -> None:
    clock = Clock()
    one = await stack.enter_async_context(process(url, clock))

    async def made(_: Ticket | None) -> Fetched:
        return Fetched(b"made", ("all",), until=clock.now + 10)

    found = await one.cache.read("default", "made", Times(600, 0, 3600), made)
    assert (found.entry.fresh, found.entry.stale) == (clock.now + 10, clock.now + 10)
    assert found.entry.error == clock.now + 10 + 3600


# Without Redis


async def test_without_redis_every_read_is_fetched_once_for_all_who_wait(stack: AsyncExitStack) -> None:
    cache, upstream = Cache(None, Local(1_000_000, time.monotonic)), Upstream(seconds=0.05)
    stack.push_async_callback(cache.close)
    found = await asyncio.gather(*(cache.read("default", "key", TIMES, upstream) for _ in range(10)))
    assert {each.entry.body for each in found} == {b"1"}
    assert upstream.asked == 1
    await cache.read("default", "key", TIMES, upstream)
    assert upstream.asked == 2
    assert upstream.tickets == [None, None]


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.mark.parametrize("how", ["refused", "hung"])
async def test_a_redis_that_is_away_costs_the_first_read_little_and_the_next_nothing(
    server: Server, stack: AsyncExitStack, how: str
) -> None:
    clock, upstream = Clock(), Upstream()
    one = await stack.enter_async_context(process(server.url, clock, patience=0.2))
    try:
        await one.read(upstream)
        if how == "refused":
            server.stop()
        else:
            os.kill(server.process.pid, signal.SIGSTOP)
        # What this process has may have been purged in silence.
        while at_hand(one) is not None:
            await asyncio.sleep(0.02)
        upstream.version = 2
        assert await one.body(upstream) == b"2"
        for _ in range(20):
            assert await one.body(upstream) == b"2"
        assert upstream.asked == 22
        assert await one.cache.ticket("default") is None
        with pytest.raises(StateUnavailable):
            await one.cache.purge(["default"], ["product:A"])
        if how == "refused":
            server.start()
        else:
            os.kill(server.process.pid, signal.SIGCONT)
        upstream.version = 3
        async with asyncio.timeout(20):
            while not (await one.read(upstream)).kept:
                await asyncio.sleep(0.1)
        assert await one.body(upstream) in (b"1", b"3")
    finally:
        if how == "hung":
            os.kill(server.process.pid, signal.SIGCONT)


async def test_a_flush_is_a_miss_and_refuses_what_is_under_way(emptied: str, stack: AsyncExitStack) -> None:
    clock, upstream = Clock(), Upstream()
    one = await stack.enter_async_context(process(emptied, clock, size=0))
    await one.read(upstream)
    await flush(emptied)
    upstream.version, upstream.gate = 2, asyncio.Event()
    reading = asyncio.ensure_future(one.body(upstream))
    while upstream.asked < 2:
        await asyncio.sleep(0.005)
    await flush(emptied)
    upstream.gate.set()
    assert await reading == b"2"
    upstream.version = 3
    assert await one.body(upstream) == b"3"
