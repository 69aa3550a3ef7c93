"""The two tiers of the cache, each for itself: what is kept, what is good, and what a purge does to both."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import redis.asyncio as redis

from app.cache import Entry, Local, Shared, Ticket, Times, key_of
from app.cache.local import REMEMBERED, SILENCE
from app.cache.shared import LOG_LENGTH
from app.redis_client import MEMORY, connect, disconnect
from tests.redis_server import Server, flush

NOW = 1_800_000_000.0
DAY = Times(60, 600, 86_400)


def entry(body: bytes = b"body", *tags: str, now: float = NOW) -> Entry:
    return Entry.of(body, tags or ("all", "product:A"), DAY, now)


@pytest.fixture(params=["redis", "memory", "cluster", "sentinel"])
async def shared(request: pytest.FixtureRequest) -> AsyncIterator[Shared]:
    fleets = {"cluster": "redis_cluster", "sentinel": "redis_watched"}
    if request.param in fleets:
        url = request.getfixturevalue(fleets[request.param]).url
    else:
        url = request.getfixturevalue("redis_url") if request.param == "redis" else MEMORY
    if url != MEMORY:
        await flush(url)
    client = connect(url, 10.0)
    yield Shared(client)
    await disconnect(client)


async def found(shared: Shared, key: str, store: str = "default") -> Entry | None:
    """The entry under one key."""
    _, [entry] = await shared.look(store, [key])
    return entry


# The shared tier


async def test_what_was_filled_is_found_as_it_was(shared: Shared) -> None:
    kept = entry(b'{"data":"\xc3\xa9\x00"}', "all", "product:A b/c:%", "category:Mg==")
    ticket = await shared.ticket("default")
    good, filled = await shared.fill("default", "key", ticket, kept, NOW)
    assert filled
    assert await shared.look("default", ["key"]) == (good, [kept])
    assert await found(shared, "other") is None
    assert await found(shared, "key", "de") is None


async def test_a_purge_of_any_tag_makes_an_entry_as_if_it_had_never_been(shared: Shared) -> None:
    for tag in ("all", "product:A"):
        await shared.fill("default", "key", await shared.ticket("default"), entry(), NOW)
        await shared.purge("default", [tag])
        assert await found(shared, "key") is None
    await shared.fill("default", "key", await shared.ticket("default"), entry(), NOW)
    await shared.purge("default", ["product:B"])
    await shared.purge("de", ["product:A", "all"])
    assert await found(shared, "key") == entry()


async def test_a_fill_whose_tags_were_purged_under_way_is_refused(shared: Shared) -> None:
    before = await shared.ticket("default")
    await shared.purge("default", ["product:A"])
    after, filled = await shared.fill("default", "key", before, entry(), NOW)
    assert not filled
    assert await found(shared, "key") is None
    assert after.covers(before)
    assert not before.covers(after)
    # One that depends on something else is kept, and so is the next of the same.
    assert (await shared.fill("default", "else", before, entry(b"", "all", "product:B"), NOW))[1]
    assert (await shared.fill("default", "key", await shared.ticket("default"), entry(), NOW))[1]


async def test_a_purge_is_not_undone_by_an_entry_that_is_filled_after_it(shared: Shared) -> None:
    """Two entries share a tag: filling the one again must not make the other good."""
    ticket = await shared.ticket("default")
    await shared.fill("default", "one", ticket, entry(b"1"), NOW)
    await shared.fill("default", "two", ticket, entry(b"2"), NOW)
    await shared.purge("default", ["product:A"])
    await shared.fill("default", "one", await shared.ticket("default"), entry(b"3"), NOW)
    assert await found(shared, "two") is None


async def test_a_log_that_has_become_too_long_begins_anew_and_refuses_what_is_under_way(shared: Shared) -> None:
    ticket = await shared.ticket("default")
    for n in range(0, LOG_LENGTH + 1, 5000):
        await shared.purge("default", [f"product:{n + each}" for each in range(5001)])
    assert (await shared.ticket("default")).id != ticket.id
    assert not (await shared.fill("default", "key", ticket, entry(), NOW))[1]


async def test_one_at_a_time_has_the_lease(shared: Shared) -> None:
    assert await shared.lease("default", "key", "one", 60)
    assert not await shared.lease("default", "key", "two", 60)
    await shared.release("default", "key", "two")
    assert not await shared.lease("default", "key", "two", 60)
    await shared.release("default", "key", "one")
    assert await shared.lease("default", "key", "two", 60)


async def test_what_is_evicted_is_as_if_it_had_never_been(redis_url: str) -> None:
    await flush(redis_url)
    async with redis.from_url(redis_url) as client:
        shared = Shared(client)
        ticket = await shared.ticket("default")
        await shared.fill("default", "key", ticket, entry(), NOW)
        # A generation: the entry is nothing any more, and does not come back with the next fill.
        await client.delete("vitrine:cache:{default}:tag:product:A")
        assert await found(shared, "key") is None
        await shared.fill("default", "other", ticket, entry(), NOW)
        assert await found(shared, "key") is None
        # The log, and with it a purge: what is under way is refused, what is kept stays good.
        before = await shared.ticket("default")
        await shared.purge("default", ["product:B"])
        await client.delete("vitrine:cache:{default}:log")
        assert not (await shared.fill("default", "late", before, entry(b"", "product:B"), NOW))[1]
        assert await found(shared, "other") is not None


async def test_a_server_that_took_over_has_nothing_of_the_one_before(tmp_path_factory: pytest.TempPathFactory) -> None:
    """It may not have heard of the last purges; here it even has all that was kept."""
    with Server(tmp_path_factory.mktemp("redis"), "--appendonly", "yes", "--appendfsync", "always") as server:
        async with redis.from_url(server.url) as client:
            shared = Shared(client)
            before = await shared.ticket("default")
            await shared.fill("default", "key", before, entry(), NOW)
        server.stop()
        server.start()
        async with redis.from_url(server.url) as client:
            shared = Shared(client)
            assert await client.exists("vitrine:cache:{default}:entry:key")
            assert await found(shared, "key") is None
            assert not (await shared.fill("default", "key", before, entry(), NOW))[1]


async def test_all_that_is_kept_goes_by_itself(redis_url: str) -> None:
    await flush(redis_url)
    async with redis.from_url(redis_url) as client:
        shared = Shared(client)
        await shared.fill("default", "key", await shared.ticket("default"), entry(), NOW)
        await shared.purge("default", ["product:B"])
        await shared.lease("default", "key", "one", 60)
        await shared.beat("default")
        lives = {str(key, "ascii"): await client.pttl(key) async for key in client.scan_iter()}
        assert all(left > 0 for left in lives.values()), lives
        assert all("{default}" in key for key in lives)
        generations = [left for key, left in lives.items() if ":tag:" in key]
        assert lives["vitrine:cache:{default}:entry:key"] <= 86_460_000 < min(generations)


def test_keys_are_the_same_for_the_same_question_only() -> None:
    asked = key_of("Products", {"a": 1, "b": [1, 2]}, "USD", "0")
    assert asked == key_of("Products", {"b": [1, 2], "a": 1}, "USD", "0")
    others = {
        key_of("Products", {"a": 1, "b": [2, 1]}, "USD", "0"),
        key_of("Products", {"a": 1.0, "b": [1, 2]}, "USD", "0"),
        key_of("Products", {"a": "1", "b": [1, 2]}, "USD", "0"),
        key_of("Products", {"a": 1, "b": [1, 2]}, "EUR", "0"),
        key_of("Products", {"a": 1, "b": [1, 2]}, "USD", "1"),
        key_of("Products", {"a": 1, "b": [1, 2]}, "USD0"),
        key_of("Product", {"a": 1, "b": [1, 2]}, "USD", "0"),
        key_of("Products", {"a": 1, "b": [1, 2], "c": None}, "USD", "0"),
    }
    assert asked not in others
    assert len(others) == 8


# The tier in the process


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def ticket(seq: int, log: bytes = b"log") -> Ticket:
    return Ticket(log, seq)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def local(clock: Clock) -> Local:
    local = Local(100_000, clock)
    local.heard("default", ticket(5))
    local.seen("default", ticket(5), clock.now)
    return local


def test_nothing_is_kept_of_a_store_view_that_was_not_heard_of(local: Local) -> None:
    local.put("de", "key", entry(), ticket(5))
    assert local.get("de", "key") is None
    local.heard("de", ticket(5))
    local.seen("de", ticket(5), local.clock())
    assert local.alive("de")
    assert local.get("de", "key") is None


def test_silence_bypasses_and_the_next_message_empties(local: Local, clock: Clock) -> None:
    local.put("default", "key", entry(), ticket(5))
    clock.now += SILENCE
    assert local.get("default", "key") == entry()
    clock.now += 0.001
    assert local.get("default", "key") is None
    local.heard("default", ticket(5))
    local.seen("default", ticket(5), clock.now)
    assert local.alive("default")
    assert local.get("default", "key") is None
    assert local.size == 0


def test_messages_that_come_late_are_as_good_as_none(local: Local, clock: Clock) -> None:
    """They arrive without a gap, and behind what the log was long ago."""
    local.put("default", "key", entry(), ticket(5))
    local.seen("default", ticket(7), clock.now)
    for n in range(4):
        clock.now += SILENCE / 4
        local.heard("default", ticket(5))
        # That the log has gone on since does not make it later.
        local.seen("default", ticket(8 + n), clock.now)
    assert local.get("default", "key") == entry()
    clock.now += 0.001
    assert local.get("default", "key") is None
    # The messages up to what was seen first have come now: what was purged before that is known.
    local.heard("default", ticket(6), ["product:B"])
    assert local.get("default", "key") is None
    local.heard("default", ticket(7), ["product:C"])
    assert local.get("default", "key") is None
    local.seen("default", ticket(7), clock.now)
    assert local.get("default", "key") == entry()


def test_a_tier_that_has_just_begun_answers_once_it_knows_where_the_log_is(clock: Clock) -> None:
    local = Local(100_000, clock)
    local.seen("default", ticket(6), clock.now)
    local.heard("default", ticket(5))
    local.put("default", "key", entry(), ticket(5))
    assert local.get("default", "key") is None
    local.heard("default", ticket(6), ["product:A"])
    assert local.alive("default")
    assert local.get("default", "key") is None
    local.put("default", "key", entry(), ticket(6))
    assert local.get("default", "key") == entry()
    # A server that took over has a log of its own.
    local.seen("default", ticket(0, b"other"), clock.now)
    local.heard("default", ticket(0, b"other"))
    assert local.alive("default")
    assert local.get("default", "key") is None


def test_a_purge_drops_what_depends_on_it_and_nothing_else(local: Local) -> None:
    local.put("default", "a", entry(b"a", "all", "product:A"), ticket(5))
    local.put("default", "b", entry(b"b", "all", "product:B"), ticket(5))
    local.heard("default", ticket(6), ["product:A", "product:X"])
    assert local.get("default", "a") is None
    assert local.get("default", "b") == entry(b"b", "all", "product:B")


@pytest.mark.parametrize("told", [ticket(7), ticket(5), ticket(4), ticket(6, b"other")])
def test_a_gap_in_the_numbers_empties(local: Local, told: Ticket) -> None:
    local.put("default", "b", entry(b"b", "all", "product:B"), ticket(5))
    local.heard("default", told, ["product:A"])
    local.seen("default", told, local.clock())
    assert local.alive("default")
    assert local.get("default", "b") is None
    assert local.size == 0


@pytest.mark.parametrize("told", [ticket(6), ticket(4), ticket(5, b"other")])
def test_a_heartbeat_with_another_number_empties(local: Local, told: Ticket) -> None:
    local.put("default", "b", entry(b"b", "all", "product:B"), ticket(5))
    local.heard("default", told)
    local.seen("default", told, local.clock())
    assert local.alive("default")
    assert local.get("default", "b") is None


def test_what_was_read_before_a_purge_is_not_kept_after_its_message(local: Local) -> None:
    local.heard("default", ticket(6), ["product:A"])
    local.put("default", "old", entry(b"old"), ticket(5))
    local.put("default", "new", entry(b"new"), ticket(6))
    local.put("default", "else", entry(b"else", "all"), ticket(5))
    assert local.get("default", "old") is None
    assert local.get("default", "new") == entry(b"new")
    assert local.get("default", "else") == entry(b"else", "all")


def test_what_is_too_old_to_be_judged_is_not_kept(local: Local) -> None:
    for n in range(6, 9):
        local.heard("default", ticket(n), [f"product:{n}-{each}" for each in range(REMEMBERED // 2)])
    local.put("default", "key", entry(), ticket(5))
    assert local.get("default", "key") is None
    local.put("default", "key", entry(), ticket(8))
    assert local.get("default", "key") == entry()


def test_a_reader_who_knows_of_a_later_purge_is_not_answered(local: Local) -> None:
    local.put("default", "key", entry(), ticket(5))
    assert local.get("default", "key", since=ticket(5)) == entry()
    assert local.get("default", "key", since=ticket(6)) is None
    assert local.get("default", "key", since=ticket(5, b"other")) is None


def test_the_bytes_are_bounded_and_the_least_used_go_first(clock: Clock) -> None:
    local = Local(100_000, clock)
    local.heard("default", ticket(5))
    local.seen("default", ticket(5), clock.now)
    for n in range(50):
        local.put("default", f"key{n}", entry(bytes(9000), "all", f"product:{n}"), ticket(5))
        assert local.size <= 100_000
        assert local.get("default", "key0") is not None
    assert local.get("default", "key1") is None
    assert local.get("default", "key49") is not None
    local.put("default", "huge", entry(bytes(50_000)), ticket(5))
    assert local.get("default", "huge") is None
    local.heard("default", ticket(6), ["all"])
    assert (local.size, local._entries, local._views["default"].keys) == (0, {}, {})
