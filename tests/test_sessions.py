"""Sessions, on both kinds of state: whose they are, how long they last, and what nobody gets by trying."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
import secrets
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio as redis
from hypothesis import HealthCheck, example, given
from hypothesis import settings as effort
from hypothesis import strategies as some
from starlette.datastructures import Headers

from app.auth.sessions import (
    Data,
    KeyRing,
    Session,
    SessionEnded,
    SessionFull,
    Sessions,
    clear_cookie,
    cookie_name,
    is_signed_in,
    set_cookie,
    token_of,
)
from app.errors import BadRequest, Rejected, StateUnavailable
from app.redis_client import MEMORY
from app.state import PREFIX, State
from tests.redis_server import KEEPING, Server, closing

KEYS = [base64.b64encode(hashlib.sha256(bytes([n])).digest()).decode() for n in range(3)]
RING = KeyRing.of(KEYS[0])
HOUR = 3600.0


class Clock:
    """A clock that goes on when told to."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One for all tests of the module: they have no key in common."""
    with Server(tmp_path_factory.mktemp("redis"), *KEEPING) as server:
        yield server


@pytest.fixture(scope="module", params=["memory", "redis"])
def url(request: pytest.FixtureRequest) -> str:
    """Both kinds of state."""
    return MEMORY if request.param == "memory" else request.getfixturevalue("redis_server").url


@pytest.fixture
async def state(url: str) -> AsyncIterator[State]:
    async with closing(State(url)) as state:
        yield state


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sessions(state: State, clock: Clock) -> Sessions:
    return of(state, clock)


def of(
    state: State, clock: Callable[[], float], ring: KeyRing = RING, idle: float = HOUR, absolute: float = 12 * HOUR
) -> Sessions:
    return Sessions(state, ring, idle=idle, absolute=absolute, clock=clock)


def place(token: str) -> str:
    return "session:" + hashlib.sha256(token.encode()).hexdigest()


def door(start: str) -> str:
    return "session-start:" + hashlib.sha256(start.encode()).hexdigest()


def setting(**values: Any) -> Callable[[Data], Data]:
    return lambda data: {**data, **values}


async def kept(state: State, session: Session) -> bytes:
    value = await state.get(place(session.token))
    assert value is not None
    return value


# Whose a session is


async def test_a_session_is_found_by_its_id_with_what_was_put_in(sessions: Sessions, clock: Clock) -> None:
    session = await sessions.begin()
    assert session.data == {}
    assert session.created == clock.now
    assert len(base64.urlsafe_b64decode(session.token + "=")) == 32
    changed = await sessions.change(session, setting(cart="c1", lines=[{"n": 1}], name="Žofie"))
    assert changed == Session(session.token, {"cart": "c1", "lines": [{"n": 1}], "name": "Žofie"}, clock.now)
    assert await sessions.open(session.token) == changed


async def test_an_id_that_a_client_chose_never_becomes_a_session(state: State, sessions: Sessions) -> None:
    chosen = secrets.token_urlsafe(32)
    assert await sessions.open(chosen) is None
    begun = [await sessions.begin(), await sessions.begin(start=chosen)]
    assert chosen not in {session.token for session in begun}
    assert await sessions.open(chosen) is None
    assert await state.get(place(chosen)) is None
    stranger = Session(chosen, {"cart": "stolen"}, 0)
    for attempt in (sessions.change(stranger, setting(cart="stolen")), sessions.renew(stranger)):
        with pytest.raises(SessionEnded):
            await attempt
    await sessions.end(stranger)
    assert await sessions.open(chosen) is None


@pytest.mark.parametrize(
    "token", [None, "", "x", "A" * 42, "A" * 44, "é" * 43, "\ud800" * 43, "A" * 42 + "=", "A" * 42 + "+", " " * 43]
)
async def test_what_cannot_be_an_id_opens_nothing(sessions: Sessions, token: str | None) -> None:
    assert await sessions.open(token) is None


async def test_an_id_is_one_text_and_no_other_that_base64_takes_for_it(sessions: Sessions) -> None:
    token = (await sessions.begin()).token
    same = [token[:-1] + last for last in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"]
    raw = base64.urlsafe_b64decode(token + "=")
    others = [each for each in same if each != token and base64.urlsafe_b64decode(each + "=") == raw]
    assert len(others) == 3
    for other in [*others, token + "=", token + " ", "\n" + token, token.swapcase()]:
        assert await sessions.open(other) is None


@effort(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=some.data())
async def test_a_value_with_any_bit_flipped_or_cut_anywhere_opens_nothing(url: str, data: some.DataObject) -> None:
    async with closing(State(url)) as state:
        sessions = of(state, Clock())
        session = await sessions.change(await sessions.begin(), setting(cart="c1"))
        value = await kept(state, session)
        if data.draw(some.booleans(), "flip"):
            bit = data.draw(some.integers(0, len(value) * 8 - 1), "bit")
            forged = bytearray(value)
            forged[bit // 8] ^= 1 << bit % 8
        else:
            forged = bytearray(value[: data.draw(some.integers(0, len(value) - 1), "length")])
        await state.put(place(session.token), bytes(forged), 60)
        assert await sessions.open(session.token) is None
        with pytest.raises(SessionEnded):
            await sessions.change(session, setting(cart="c2"))
        with pytest.raises(SessionEnded):
            await sessions.renew(session)
        assert await state.get(place(session.token)) == bytes(forged)
        await state.put(place(session.token), value, 60)
        assert await sessions.open(session.token) == session


@effort(max_examples=50, deadline=None)
@given(value=some.binary(max_size=200))
@example(value=b'{"created":1800000000,"used":1800000000,"data":{}}')
async def test_a_value_that_we_did_not_seal_opens_nothing(value: bytes) -> None:
    state, token = State(MEMORY), secrets.token_urlsafe(32)
    for forged in (value, RING.seal("session:", b"")[:5] + value):
        await state.put(place(token), forged, 60)
        assert await of(state, Clock()).open(token) is None


async def test_a_value_copied_under_another_sessions_key_opens_nothing(state: State, sessions: Sessions) -> None:
    rich = await sessions.change(await sessions.begin(), setting(customer=1))
    thief = await sessions.begin()
    await state.put(place(thief.token), await kept(state, rich), 60)
    assert await sessions.open(thief.token) is None
    start = secrets.token_urlsafe(16)
    await sessions.begin(start=start)
    sealed = await state.get(door(start))
    assert sealed is not None
    other = secrets.token_urlsafe(16)
    await state.put(door(other), sealed, 60)
    await state.put(place(thief.token), sealed, 60)
    assert await sessions.open(thief.token) is None
    with pytest.raises(SessionEnded):
        await sessions.begin(start=other)
    assert await sessions.open(rich.token) == rich


# How it ends


async def test_an_ended_id_is_dead_and_nothing_brings_it_back(state: State, sessions: Sessions) -> None:
    session = await sessions.begin()
    await sessions.end(session)
    await sessions.end(session)
    assert await sessions.open(session.token) is None
    with pytest.raises(SessionEnded) as ended:
        await sessions.change(session, setting(cart="c1"))
    assert isinstance(ended.value, Rejected)
    assert (ended.value.code, ended.value.status) == ("SESSION_ENDED", 401)
    with pytest.raises(SessionEnded):
        await sessions.renew(session)
    assert await state.get(place(session.token)) is None


async def test_a_renewed_session_has_another_id_and_the_old_one_is_dead(
    state: State, sessions: Sessions, clock: Clock
) -> None:
    first = await sessions.begin()
    await sessions.change(first, setting(cart="c1"))
    clock.now += 60
    second = await sessions.renew(first)
    assert second == Session(second.token, {"cart": "c1"}, first.created)
    assert second.token != first.token
    assert await sessions.open(first.token) is None
    assert await state.get(place(first.token)) is None
    with pytest.raises(SessionEnded):
        await sessions.change(first, setting(cart="c2"))
    with pytest.raises(SessionEnded):
        await sessions.renew(first)
    assert await sessions.open(second.token) == second


async def test_of_parallel_renewals_one_succeeds_and_leaves_one_session(state: State, clock: Clock) -> None:
    spy = Spy(state)
    sessions = of(spy, clock)
    session = await sessions.begin()
    ends = await asyncio.gather(*(sessions.renew(session) for _ in range(8)), return_exceptions=True)
    assert sum(isinstance(end, Session) for end in ends) == 1
    assert sum(isinstance(end, SessionEnded) for end in ends) == 7
    assert len(await spy.alive()) == 1


async def test_a_renewal_takes_every_change_along_that_was_made_before_it(state: State, clock: Clock) -> None:
    spy = Spy(state)
    sessions = of(spy, clock)
    session = await sessions.begin()

    async def add(name: str) -> str | None:
        try:
            await sessions.change(session, lambda data: {**data, name: 1})
        except SessionEnded:
            return None
        return name

    adding = asyncio.gather(*(add(f"n{n}") for n in range(20)))
    await asyncio.sleep(0.005)
    new = await sessions.renew(session)
    added = await adding
    found = await sessions.open(new.token)
    assert found is not None
    assert set(found.data) == {name for name in added if name}
    assert len(await spy.alive()) == 1


async def test_an_open_session_that_ends_while_it_is_read_stays_ended(state: State, clock: Clock) -> None:
    class EndsMeanwhile(Spy):
        async def swap(self, key: str, old: bytes, new: bytes, seconds: float) -> bool:
            await self.delete(key)
            return await super().swap(key, old, new, seconds)

    sessions = of(EndsMeanwhile(state), clock)
    session = await sessions.begin()
    clock.now += HOUR / 2
    assert await sessions.open(session.token) is None
    session = await sessions.begin()
    with pytest.raises(SessionEnded):
        await sessions.change(session, setting(cart="c1"))
    assert await state.get(place(session.token)) is None


# Keys


async def test_the_first_key_seals_and_all_open(state: State, clock: Clock) -> None:
    old, both, new = KeyRing.of(KEYS[0]), KeyRing.of(f"{KEYS[1]}, {KEYS[0]}"), KeyRing.of(KEYS[1])
    session = await of(state, clock, old).begin()
    assert await of(state, clock, new).open(session.token) is None
    assert await of(state, clock, both).open(session.token) == session
    assert await of(state, clock, old).open(session.token) == session
    changed = await of(state, clock, both).change(session, setting(cart="c1"))
    assert await of(state, clock, old).open(session.token) is None
    assert await of(state, clock, new).open(session.token) == changed


async def test_use_moves_a_session_to_the_new_key_and_a_removed_key_ends_the_others(state: State, clock: Clock) -> None:
    old, both, new = KeyRing.of(KEYS[0]), KeyRing.of(f"{KEYS[1]},{KEYS[0]}"), KeyRing.of(KEYS[1])
    used, unused = await of(state, clock, old).begin(), await of(state, clock, old).begin()
    clock.now += HOUR / 5
    assert await of(state, clock, both).open(used.token) == used
    assert await of(state, clock, new).open(used.token) == used
    assert await of(state, clock, new).open(unused.token) is None
    assert await of(state, clock, both).open(unused.token) == unused


def test_keys_are_taken_in_both_alphabets_with_and_without_padding() -> None:
    raw = b"\xfb\xff\xbf" * 8 + bytes(range(8))
    standard, safe = base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()
    assert standard != safe
    sealed = KeyRing.of(standard).seal("p", b"plain")
    for text in (safe, safe.rstrip("="), f" {standard} ", f"{KEYS[0]},{standard.rstrip('=')}"):
        assert KeyRing.of(text).open("p", sealed) == b"plain"
    assert KeyRing.of(standard).open("q", sealed) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "at least one key"),
        (" ", "at least one key"),
        ("change-me", "key 1 is not"),
        (f"{KEYS[0]},", "key 2 is not 32 bytes"),
        (f"{KEYS[0]},{KEYS[0]}", "twice"),
        (f"{KEYS[0]},!{KEYS[1]}", "key 2 is not base64"),
        (f"{KEYS[0]},ké", "key 2 is not base64"),
        (f"{KEYS[0]};{KEYS[1]}", "key 1 is not base64"),
        (base64.b64encode(bytes(range(31))).decode(), "key 1 is not 32 bytes"),
        (base64.b64encode(bytes(range(33))).decode(), "key 1 is not 32 bytes"),
        (base64.b64encode(b"secret!!" * 4).decode(), "key 1 is not random"),
        ("A" * 43 + "=", "key 1 is not random"),
    ],
)
def test_what_is_no_key_ring_is_refused_without_showing_it(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as refused:
        KeyRing.of(text)
    assert refused.value.__cause__ is None
    assert all(part.strip() not in str(refused.value) for part in text.split(",") if len(part) > 3)


# Limits


async def test_an_unused_session_ends_at_the_idle_limit_and_a_used_one_goes_on(
    sessions: Sessions, clock: Clock
) -> None:
    used, unused = await sessions.begin(), await sessions.begin()
    clock.now += HOUR - 1
    assert await sessions.open(used.token) == used
    clock.now += 1
    assert await sessions.open(unused.token) is None
    with pytest.raises(SessionEnded):
        await sessions.change(unused, setting(cart="c1"))
    with pytest.raises(SessionEnded):
        await sessions.renew(unused)
    clock.now += HOUR - 2
    assert await sessions.open(used.token) == used
    clock.now += HOUR
    assert await sessions.open(used.token) is None


async def test_the_absolute_limit_counts_from_the_beginning_whatever_is_done(sessions: Sessions, clock: Clock) -> None:
    session = await sessions.begin()
    for hour in range(23):
        clock.now += HOUR / 2
        session = await sessions.change(session, setting(hour=hour))
    session = await sessions.renew(session)
    clock.now += HOUR / 2 - 1
    assert await sessions.open(session.token) == session
    clock.now += 1
    assert await sessions.open(session.token) is None
    with pytest.raises(SessionEnded):
        await sessions.change(session, setting(cart="c1"))
    with pytest.raises(SessionEnded):
        await sessions.renew(session)


class Lives(State):
    """Notes for how long the last value of each key is kept."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.seconds: dict[str, float] = {}

    async def put(self, key: str, value: bytes, seconds: float, *, absent: bool = False) -> bool:
        self.seconds[key] = seconds
        return await super().put(key, value, seconds, absent=absent)

    async def swap(self, key: str, old: bytes, new: bytes, seconds: float) -> bool:
        self.seconds[key] = seconds
        return await super().swap(key, old, new, seconds)


async def test_every_write_keeps_a_session_for_the_idle_limit_and_none_beyond_the_absolute_one(
    url: str, clock: Clock
) -> None:
    async with closing(Lives(url)) as state:
        sessions = of(state, clock, idle=100, absolute=250)
        session = await sessions.begin()
        assert state.seconds == {place(session.token): 100}
        for elapsed, left in ((90, 100), (180, 70), (240, 10)):
            clock.now = Clock().now + elapsed
            state.seconds.clear()
            assert await sessions.open(session.token) == session
            assert state.seconds == {place(session.token): left}
            state.seconds.clear()
            session = await sessions.change(session, setting(**{f"n{elapsed}": 1}))
            assert state.seconds == {place(session.token): left}
            state.seconds.clear()
            session = await sessions.renew(session)
            assert state.seconds[place(session.token)] == left


@pytest.mark.parametrize(("idle", "absolute"), [(0.3, HOUR), (HOUR, 0.3)])
async def test_redis_itself_forgets_at_the_limit(state: State, idle: float, absolute: float) -> None:
    sessions = of(state, time.time, idle=idle, absolute=absolute)
    begun = time.monotonic()
    session = await sessions.begin()
    while await state.get(place(session.token)) is not None:
        await asyncio.sleep(0.02)
    assert time.monotonic() - begun >= 0.29


async def test_reading_writes_only_when_a_tenth_of_the_idle_limit_is_over(state: State, clock: Clock) -> None:
    sessions = of(state, clock)
    session = await sessions.begin()
    before = await kept(state, session)
    clock.now += HOUR / 10 - 1
    assert await sessions.open(session.token) == session
    assert await kept(state, session) == before
    clock.now += 1
    assert await sessions.open(session.token) == session
    assert await kept(state, session) != before


@pytest.mark.parametrize(("idle", "absolute"), [(0, 1), (1, 0), (-1, 1), (1, float("nan"))])
def test_limits_must_be_limits(idle: float, absolute: float) -> None:
    with pytest.raises(ValueError, match="more than 0"):
        of(State(""), time.time, idle=idle, absolute=absolute)


# Parallel writes


class Slow(State):
    """Between a read and a write others come to their turn, in the embedded state too."""

    async def get(self, key: str) -> bytes | None:
        value = await super().get(key)
        await asyncio.sleep(0)
        return value


class Careless(Slow):
    """The sabotage: writes without looking."""

    async def swap(self, key: str, old: bytes, new: bytes, seconds: float) -> bool:
        return await self.put(key, new, seconds)


async def fifty_changes(state: State) -> set[str]:
    sessions = of(state, Clock())
    session = await sessions.begin()
    await asyncio.gather(*(sessions.change(session, setting(**{f"n{n}": n})) for n in range(50)))
    found = await sessions.open(session.token)
    assert found is not None
    return set(found.data)


async def test_of_fifty_parallel_changes_none_is_lost(url: str) -> None:
    async with closing(Slow(url)) as state:
        assert await fifty_changes(state) == {f"n{n}" for n in range(50)}


async def test_without_the_compare_changes_are_lost(url: str) -> None:
    async with closing(Careless(url)) as state:
        assert len(await fifty_changes(state)) < 50


async def test_an_edit_sees_the_newest_data_and_is_given_its_own_copy(state: State, sessions: Sessions) -> None:
    session = await sessions.begin()
    await sessions.change(session, setting(lines=[1]))
    seen: list[Data] = []

    def spoil(data: Data) -> Data:
        seen.append(data)
        data["lines"].append(2)
        raise LookupError

    before = await kept(state, session)
    with pytest.raises(LookupError):
        await sessions.change(session, spoil)
    assert seen == [{"lines": [1, 2]}]
    assert await kept(state, session) == before
    assert (await sessions.change(session, lambda data: data)).data == {"lines": [1]}


async def test_data_that_is_too_large_or_no_json_is_refused_and_nothing_written(
    state: State, sessions: Sessions
) -> None:
    session = await sessions.begin()
    await sessions.change(session, setting(x="y" * (16_384 - len('{"x":""}'))))
    before = await kept(state, session)
    with pytest.raises(SessionFull) as refused:
        await sessions.change(session, setting(x="y" * (16_385 - len('{"x":""}'))))
    assert (refused.value.code, refused.value.status) == ("SESSION_FULL", 400)
    for bad in ({1: 2}, {"x": object()}):
        with pytest.raises(TypeError):
            await sessions.change(session, lambda _, bad=bad: bad)  # type: ignore[misc]
    assert await kept(state, session) == before


# Two first writes


class Spy(State):
    """Goes to another state, and remembers every key and every byte that went there."""

    def __init__(self, inner: State) -> None:
        self._inner = inner
        self.keys: set[str] = set()
        self.sent = b""

    async def _do(self, command: str, *arguments: Any, **options: Any) -> Any:
        for argument in arguments:
            self.sent += argument if isinstance(argument, bytes) else str(argument).encode()
            if isinstance(argument, str) and argument.startswith(PREFIX + "session:"):
                self.keys.add(argument.removeprefix(PREFIX))
        return await self._inner._do(command, *arguments, **options)

    async def get(self, key: str) -> bytes | None:
        value = await super().get(key)
        await asyncio.sleep(0)
        return value

    async def alive(self) -> set[str]:
        """The keys of all sessions that were ever written and are still there."""
        return {key for key in self.keys if await self._inner.get(key) is not None}


@pytest.mark.parametrize("writes", [2, 10])
async def test_parallel_first_writes_with_one_start_end_in_one_session(state: State, clock: Clock, writes: int) -> None:
    spy = Spy(state)
    sessions = of(spy, clock)
    start = secrets.token_urlsafe(16)
    assert len(start) == 22

    async def write(n: int) -> str:
        return (await sessions.change(await sessions.begin(start=start), setting(**{f"n{n}": 1}))).token

    tokens = set(await asyncio.gather(*(write(n) for n in range(writes))))
    assert len(tokens) == 1
    late = await sessions.begin(start=start)
    assert late.token in tokens
    assert set(late.data) == {f"n{n}" for n in range(writes)}
    assert await spy.alive() == {place(late.token)}
    assert start.encode() not in spy.sent
    assert late.token.encode() not in spy.sent
    assert base64.urlsafe_b64decode(late.token + "=") not in spy.sent


async def test_different_starts_and_none_begin_different_sessions(sessions: Sessions) -> None:
    starts = [secrets.token_urlsafe(16), secrets.token_urlsafe(16), None, None]
    begun = await asyncio.gather(*(sessions.begin(start=start) for start in starts))
    assert len({session.token for session in begun}) == 4


async def test_a_start_whose_session_is_over_begins_no_second_one(state: State, clock: Clock) -> None:
    spy = Spy(state)
    sessions = of(spy, clock)
    for over in (sessions.end, sessions.renew):
        start = secrets.token_urlsafe(16)
        session = await sessions.begin(start=start)
        await over(session)
        alive = await spy.alive()
        with pytest.raises(SessionEnded):
            await sessions.begin(start=start)
        assert await spy.alive() == alive
        await state.delete(door(start))  # as after a minute
        again = await sessions.begin(start=start)
        assert again.data == {}
        assert again.token != session.token


async def test_a_start_leads_to_its_session_for_a_minute(redis_server: Server, clock: Clock) -> None:
    async with closing(State(redis_server.url)) as state, redis.from_url(redis_server.url) as client:
        start = secrets.token_urlsafe(16)
        await of(state, clock).begin(start=start)
        left = await client.pttl(PREFIX + door(start))
        assert 10_000 < left <= 60_000
        await of(state, clock).begin(start=start)
        assert await client.pttl(PREFIX + door(start)) <= left


@pytest.mark.parametrize(
    "start", ["", "a" * 21, "a" * 129, "a" * 22 + "\n", "a" * 21 + "é", "a" * 21 + " ", "a" * 21 + "="]
)
async def test_a_start_that_could_be_guessed_or_is_malformed_is_refused(state: State, clock: Clock, start: str) -> None:
    spy = Spy(state)
    with pytest.raises(BadRequest):
        await of(spy, clock).begin(start=start)
    assert not spy.keys


# Redis away


async def test_without_redis_everything_is_refused_and_no_session_is_lost_when_it_returns(tmp_path: Path) -> None:
    with Server(tmp_path, *KEEPING) as server:
        async with closing(State(server.url)) as state:
            clock = Clock()
            sessions = of(state, clock)
            session = await sessions.change(await sessions.begin(), setting(cart="c1"))
            clock.now += HOUR / 2

            async def refused() -> None:
                attempts = [
                    sessions.open(session.token),
                    sessions.begin(),
                    sessions.begin(start=secrets.token_urlsafe(16)),
                    sessions.change(session, setting(cart="c2")),
                    sessions.renew(session),
                    sessions.end(session),
                ]
                ends = await asyncio.gather(*attempts, return_exceptions=True)
                assert [type(end) for end in ends] == [StateUnavailable] * 6

            server.stop()
            await refused()
            server.start()
            assert await back(sessions, session.token) == session
            async with redis.from_url(server.url) as client:
                assert await client.keys() == [(PREFIX + place(session.token)).encode()]
            server.process.send_signal(signal.SIGSTOP)
            with pytest.raises(StateUnavailable):
                await sessions.open(session.token)
            server.process.send_signal(signal.SIGCONT)
            assert await back(sessions, session.token) == session


async def back(sessions: Sessions, token: str) -> Session | None:
    """The session, as soon as Redis answers."""
    for _ in range(200):
        try:
            return await sessions.open(token)
        except StateUnavailable:
            await asyncio.sleep(0.02)
    raise AssertionError("Redis does not answer")


async def test_where_nothing_is_kept_there_are_no_sessions() -> None:
    with pytest.raises(StateUnavailable):
        await of(State(""), time.time).begin()


@pytest.mark.parametrize("failing", ["put", "drop"])
async def test_a_renewal_that_redis_cuts_off_leaves_the_old_session(url: str, clock: Clock, failing: str) -> None:
    class CutOff(State):
        async def put(self, key: str, value: bytes, seconds: float, *, absent: bool = False) -> bool:
            return self._may("put") and await super().put(key, value, seconds, absent=absent)

        async def drop(self, key: str, old: bytes) -> bool:
            return self._may("drop") and await super().drop(key, old)

        def _may(self, method: str) -> bool:
            if method == cut:
                raise StateUnavailable("cut off")
            return True

    cut = ""
    async with closing(CutOff(url)) as state:
        sessions = of(state, clock)
        session = await sessions.change(await sessions.begin(), setting(cart="c1"))
        cut = failing
        with pytest.raises(StateUnavailable):
            await sessions.renew(session)
        cut = ""
        assert await sessions.open(session.token) == session


# What shows


async def test_no_secret_shows_in_a_text_a_log_or_an_error(
    state: State, clock: Clock, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    spy = Spy(state)
    sessions = of(spy, clock)
    session = await sessions.change(await sessions.begin(start="a" * 22), setting(customer="Žofie Nováková"))
    await state.delete(door("a" * 22))
    shown = [repr(session), str(session), repr(RING), str(RING), repr(sessions)]
    assert repr(session) == f"Session(created={clock.now})"
    assert repr(RING) == "KeyRing(1 keys)"
    await state.put(place(session.token), b"spoilt", 60)
    assert await sessions.open(session.token) is None
    for attempt in (sessions.change(session, setting(x=1)), sessions.renew(session)):
        with pytest.raises(SessionEnded) as ended:
            await attempt
        shown += [repr(ended.value), str(ended.value)]
    logged = capsys.readouterr()
    assert "session.unreadable" in logged.out
    text = "\n".join([*shown, logged.out, logged.err, caplog.text])
    for secret in (session.token, place(session.token), "Žofie", "customer", KEYS[0], repr(base64.b64decode(KEYS[0]))):
        assert secret not in text
    for sent in (session.token.encode(), "Žofie".encode(), b"customer", base64.b64decode(KEYS[0])):
        assert sent not in spy.sent


# The cookie

SESSION = Session("A" * 42 + "8", {}, 0)
TOKEN = SESSION.token
OTHER = "B" * 42 + "8"


def test_the_cookie_is_exactly_this() -> None:
    assert (cookie_name(True), cookie_name(False)) == ("__Host-vitrine", "vitrine")
    flags = "Path=/; HttpOnly; SameSite=Lax"
    assert set_cookie(SESSION, secure=True, max_age=43_200) == f"__Host-vitrine={TOKEN}; Max-Age=43200; {flags}; Secure"
    assert set_cookie(SESSION, secure=False, max_age=59.2) == f"vitrine={TOKEN}; Max-Age=60; {flags}"
    assert set_cookie(SESSION, secure=False, max_age=-5) == f"vitrine={TOKEN}; Max-Age=0; {flags}"
    assert clear_cookie(True) == f"__Host-vitrine=; Max-Age=0; {flags}; Secure"
    assert clear_cookie(False) == f"vitrine=; Max-Age=0; {flags}"


REFUSED = "refused"


@pytest.mark.parametrize(
    ("cookies", "authorizations", "token"),
    [
        ([], [], None),
        ([f"__Host-vitrine={TOKEN}"], [], TOKEN),
        ([f"a=1; __Host-vitrine={TOKEN};b=2"], [], TOKEN),
        (["a=1", f"\t__Host-vitrine={TOKEN} ; b"], [], TOKEN),
        ([f"vitrine={TOKEN}"], [], None),
        ([f"__host-vitrine={TOKEN}"], [], None),
        ([f"__Host-vitrine{TOKEN}"], [], None),
        (["__Host-vitrine"], [], None),
        (["__Host-vitrine="], [], None),
        ([f"__Host-vitrine; __Host-vitrine={TOKEN}"], [], TOKEN),
        ([f"__Host-vitrine ={TOKEN}"], [], None),
        ([f"\xa0__Host-vitrine={TOKEN}"], [], None),
        ([f"\x85__Host-vitrine={TOKEN}"], [], None),
        ([f"a=1;\xa0__Host-vitrine={OTHER}; __Host-vitrine={TOKEN}"], [], TOKEN),
        ([f"={TOKEN}"], [], None),
        ([f"=__Host-vitrine={TOKEN}"], [], None),
        ([f'__Host-vitrine="{TOKEN}"'], [], None),
        ([f"__Host-vitrine={TOKEN[:-1]}"], [], None),
        ([f"__Host-vitrine={TOKEN}="], [], None),
        ([f"__Host-vitrine={TOKEN[:-1]}9"], [], None),
        ([f"__Host-vitrine={TOKEN}, __Host-vitrine={TOKEN}"], [], None),
        ([f"__Host-vitrine={TOKEN}; __Host-vitrine={TOKEN}"], [], REFUSED),
        ([f"__Host-vitrine={TOKEN}; __Host-vitrine={OTHER}"], [], REFUSED),
        ([f"__Host-vitrine={TOKEN}; __Host-vitrine="], [], REFUSED),
        ([f"__Host-vitrine={TOKEN}", f"__Host-vitrine={OTHER}"], [], REFUSED),
        ([], [f"Bearer {TOKEN}"], TOKEN),
        ([], [f"bearer  {TOKEN}"], TOKEN),
        ([], ["Bearer"], None),
        ([], ["Bearer "], None),
        ([], ["Bearer nonsense"], None),
        ([], [f"Bearer {TOKEN} {OTHER}"], None),
        ([], [f"Basic {TOKEN}"], None),
        ([], [TOKEN], None),
        ([], [f"Bearer {TOKEN}", f"Bearer {TOKEN}"], REFUSED),
        ([f"__Host-vitrine={TOKEN}"], [f"Bearer {TOKEN}"], TOKEN),
        ([f"__Host-vitrine={TOKEN}"], ["Basic x"], TOKEN),
        ([f"__Host-vitrine={TOKEN}"], [f"Bearer {OTHER}"], REFUSED),
        ([f"__Host-vitrine={TOKEN}"], ["Bearer nonsense"], REFUSED),
        (["__Host-vitrine=nonsense"], [f"Bearer {TOKEN}"], REFUSED),
    ],
)
def test_the_id_of_a_request(cookies: list[str], authorizations: list[str], token: str | None) -> None:
    lines = [("cookie", line) for line in cookies] + [("authorization", line) for line in authorizations]
    headers = Headers(raw=[(key.encode(), value.encode("latin-1")) for key, value in lines])
    if token != REFUSED:
        assert token_of(headers, secure=True) == token
        return
    with pytest.raises(BadRequest) as refused:
        token_of(headers, secure=True)
    assert not any(secret in str(refused.value) for secret in (TOKEN, OTHER, "nonsense"))


def test_a_cookie_of_the_other_kind_of_url_counts_for_nothing() -> None:
    assert token_of({"Cookie": f"__Host-vitrine={TOKEN}"}, secure=False) is None
    assert token_of({"Cookie": f"vitrine={OTHER}; __Host-vitrine={TOKEN}"}, secure=True) == TOKEN
    assert token_of({"Cookie": f"vitrine={OTHER}; __Host-vitrine={TOKEN}"}, secure=False) == OTHER


# Signing in


async def test_entering_gives_a_new_id_and_new_limits_to_the_newest_data(
    state: State, sessions: Sessions, clock: Clock
) -> None:
    guest = await sessions.begin()
    await sessions.change(guest, setting(cart="c1"))
    clock.now += HOUR / 2
    entered = await sessions.enter(guest, setting(customer=1))
    # All others know by the id alone that nobody need be asked who reads.
    assert (is_signed_in(guest.token), is_signed_in(entered.token)) == (False, True)
    assert not is_signed_in("A" * 43 + "=")
    assert entered.data == {"cart": "c1", "customer": 1}
    assert (entered.token != guest.token, entered.created) == (True, clock.now)
    assert await sessions.open(guest.token) is None
    assert await state.get(place(guest.token)) is None
    assert await sessions.open(entered.token) == entered
    assert sessions.until(entered) == clock.now + HOUR
    assert (await sessions.enter(None, setting(customer=2))).data == {"customer": 2}


async def test_a_session_ends_at_the_nearer_of_its_limits(sessions: Sessions, clock: Clock) -> None:
    session = await sessions.begin()
    clock.now += 11.5 * HOUR
    assert sessions.until(session) == session.created + 12 * HOUR


async def test_of_parallel_entries_one_succeeds_and_the_others_leave_nothing(state: State, sessions: Sessions) -> None:
    guest = await sessions.change(await sessions.begin(), setting(cart="c1"))
    tried = await asyncio.gather(*(sessions.enter(guest, setting(n=n)) for n in range(8)), return_exceptions=True)
    [entered] = [each for each in tried if isinstance(each, Session)]
    assert [type(each) for each in tried if not isinstance(each, Session)] == [SessionEnded] * 7
    assert entered.data["cart"] == "c1"
    # Which of them it became is told to whoever asks in time, by the one id that led there.
    assert await sessions.entered(guest.token) == entered
    assert await sessions.entered(entered.token) is None
    assert await sessions.entered(secrets.token_urlsafe(32)) is None


async def test_what_cannot_be_entered_stays_as_it_is(state: State, sessions: Sessions) -> None:
    guest = await sessions.change(await sessions.begin(), setting(cart="c1"))
    before = await kept(state, guest)
    with pytest.raises(SessionFull):
        await sessions.enter(guest, setting(big="x" * 17_000))
    with pytest.raises(SessionFull):
        await sessions.enter(None, setting(big="x" * 17_000))
    assert await kept(state, guest) == before
    assert await sessions.entered(guest.token) is None
    stranger = Session(secrets.token_urlsafe(32), {"cart": "stolen"}, 0)
    with pytest.raises(SessionEnded):
        await sessions.enter(stranger, setting(customer=1))
    assert await sessions.entered(stranger.token) is None


async def test_where_a_session_went_is_sealed_for_its_own_id(state: State, sessions: Sessions) -> None:
    one, two = await sessions.begin(), await sessions.begin()
    entered = await sessions.enter(one, setting(customer=1))
    await sessions.enter(two, setting(customer=2))
    first, second = ("session-entered:" + hashlib.sha256(each.token.encode()).hexdigest() for each in (one, two))
    sealed = await state.get(first)
    assert sealed is not None
    assert entered.token.encode() not in sealed
    await state.put(second, sealed, 60)
    assert await sessions.entered(two.token) is None
