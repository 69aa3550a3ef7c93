"""Looking into Redis for many at once: who is answered by which call, and what becomes of those who wait."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Sequence

import pytest

from app.cache import Entry, Local, Shared, Ticket, Times
from app.cache.guard import Away, Guard
from app.cache.looks import MOST, Looks
from app.redis_client import connect, disconnect
from tests.redis_server import flush

NOW = time.time()


class Watched(Shared):
    """Notes what each call asks for; one begins only when the gate is open, and fails with `error`, if there is one."""

    def __init__(self, url: str) -> None:
        self.client = connect(url, 5.0)
        super().__init__(self.client)
        self.calls: list[list[str]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: Exception | None = None

    async def look(self, store: str, keys: Sequence[str]) -> tuple[Ticket, list[Entry | None]]:
        self.calls.append(list(keys))
        found = await super().look(store, keys)
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return found

    async def keep(self, *keys: str, store: str = "default") -> None:
        """Puts entries there whose bodies are their keys."""
        for key in keys:
            kept = Entry.of(key.encode(), ("all", f"product:{key}"), Times(60), NOW)
            await self.fill(store, key, await self.ticket(store), kept, NOW)


@pytest.fixture
async def shared(redis_url: str) -> AsyncIterator[Watched]:
    await flush(redis_url)
    shared = Watched(redis_url)
    yield shared
    await disconnect(shared.client)


@pytest.fixture
async def looks(shared: Watched) -> AsyncIterator[Looks]:
    guard = Guard(shared.ping, patience=5.0)
    looks = Looks(shared, guard, Local(0, time.monotonic))
    yield looks
    await looks.close()
    await guard.close()


def body(entry: Entry | None) -> bytes | None:
    return entry.body if entry is not None else None


async def begun(shared: Watched, calls: int) -> None:
    while len(shared.calls) < calls:
        await asyncio.sleep(0.001)


async def test_who_asks_at_once_is_answered_at_once_and_each_with_his_own(shared: Watched, looks: Looks) -> None:
    keys = [f"k{number}" for number in range(2 * MOST + 3)]
    await shared.keep(*keys)
    found = await asyncio.gather(*[looks.look("default", key) for key in [*keys, "none", *reversed(keys)]])
    assert [*map(body, found)] == [each.encode() if each else None for each in [*keys, None, *reversed(keys)]]
    assert [len(call) for call in shared.calls] == [MOST, MOST, 4]
    assert sorted(key for call in shared.calls for key in call) == sorted([*keys, "none"])


async def test_a_call_under_way_is_no_answer_to_who_comes_after_a_purge(shared: Watched, looks: Looks) -> None:
    await shared.keep("a", "b")
    shared.gate.clear()
    early = asyncio.create_task(looks.look("default", "a"))
    await begun(shared, 1)
    await shared.purge("default", ["product:a"])
    late = [asyncio.create_task(looks.look("default", key)) for key in ("a", "b", "a")]
    await asyncio.sleep(0.01)
    assert shared.calls == [["a"]]
    shared.gate.set()
    assert body(await early) == b"a"
    assert [body(await each) for each in late] == [None, b"b", None]
    assert shared.calls == [["a"], ["a", "b"]]


async def test_store_views_do_not_wait_for_each_other(shared: Watched, looks: Looks) -> None:
    await shared.keep("a")
    await shared.keep("a", store="de")
    found = await asyncio.gather(looks.look("default", "a"), looks.look("de", "a"), looks.look("fr", "a"))
    assert [*map(body, found)] == [b"a", b"a", None]
    assert shared.calls == [["a"], ["a"], ["a"]]


async def test_who_gives_up_takes_nothing_from_the_others(shared: Watched, looks: Looks) -> None:
    await shared.keep("a", "b")
    shared.gate.clear()
    first, second, third = [asyncio.create_task(looks.look("default", key)) for key in ("a", "a", "b")]
    await begun(shared, 1)
    first.cancel()
    waiting = asyncio.create_task(looks.look("default", "b"))
    await asyncio.sleep(0)
    third.cancel()
    shared.gate.set()
    assert (body(await second), body(await waiting)) == (b"a", b"b")
    assert first.cancelled()
    assert third.cancelled()


@pytest.mark.parametrize(("error", "raised"), [(ConnectionError(), Away), (KeyError("a fault"), KeyError)])
async def test_what_goes_wrong_is_told_to_all_who_wait(
    shared: Watched, looks: Looks, error: Exception, raised: type[Exception]
) -> None:
    await shared.keep("a")
    shared.error = error
    shared.gate.clear()
    first = [asyncio.create_task(looks.look("default", key)) for key in ("a", "b")]
    await begun(shared, 1)
    then = asyncio.create_task(looks.look("default", "a"))
    await asyncio.sleep(0)
    shared.gate.set()
    told = await asyncio.gather(*first, then, return_exceptions=True)
    assert [type(each) for each in told] == [raised] * 3
    # Redis is left alone once it has failed; what is our own fault stops nobody who comes later.
    shared.error = None
    if raised is Away:
        assert shared.calls == [["a", "b"]]
        with pytest.raises(Away):
            await looks.look("default", "a")
    else:
        assert body(await looks.look("default", "a")) == b"a"


async def test_closing_ends_the_waiting_and_leaves_nothing_to_complain_of(shared: Watched, looks: Looks) -> None:
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, told: complaints.append(told))
    shared.gate.clear()
    waiting = [asyncio.create_task(looks.look("default", "a"))]
    await begun(shared, 1)
    waiting.append(asyncio.create_task(looks.look("default", "b")))
    await asyncio.sleep(0)
    await looks.close()
    told = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(each) for each in told] == [asyncio.CancelledError] * 2
    await asyncio.sleep(0.05)
    gc.collect()
    assert complaints == []
