"""Idempotency keys: the same request, the same answer, done once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import redis.asyncio as redis
from hypothesis import given
from hypothesis import strategies as st

from app.commerce.orders import OrderPending
from app.errors import BadInput, StateUnavailable
from app.idempotency import KEPT, IdempotencyConflict, IdempotencyPending, Once
from app.state import State

from .redis_server import closing, flush, redis_server

KEY = "key-0001"
PRINT = b"fingerprint"
Client = Callable[[], State]


@pytest.fixture(params=["memory", "redis"])
async def client(request: pytest.FixtureRequest, redis_url: str) -> AsyncIterator[Client]:
    """Gives clients of one state."""
    await flush(redis_url)
    memory = State("memory://")
    async with AsyncExitStack() as stack:

        def connect() -> State:
            state = memory if request.param == "memory" else State(redis_url)
            stack.push_async_callback(state.close)
            return state

        yield connect


class Action:
    """Counts how often it was done; does it slowly, or as long as it is held, and badly as often as told."""

    def __init__(self, *, slow: float = 0, fails: int = 0, held: bool = False) -> None:
        self.done = 0
        self.free = asyncio.Event()
        if not held:
            self.free.set()
        self.slow = slow
        self.fails = fails
        self.begun = asyncio.Event()

    async def __call__(self) -> bytes:
        self.done += 1
        self.begun.set()
        await asyncio.sleep(self.slow)
        await self.free.wait()
        if self.done <= self.fails:
            raise OrderPending
        return b"answer %d" % self.done


async def test_the_same_request_gets_the_same_answer_and_is_done_once(client: Client) -> None:
    action = Action()
    assert await Once(client()).run("session", KEY, PRINT, action) == b"answer 1"
    assert await Once(client()).run("session", KEY, PRINT, action) == b"answer 1"
    assert action.done == 1


async def test_an_answer_may_be_any_bytes(client: Client) -> None:
    once = Once(client())
    for place, answer in enumerate([b"", b"\x00\xff", b"r" * 100, b"x" * 100_000]):

        async def action(answer: bytes = answer) -> bytes:
            return answer

        assert await once.run("session", f"any-bytes-{place}", PRINT, action) == answer
        assert await once.run("session", f"any-bytes-{place}", PRINT, Action()) == answer


async def test_another_request_with_the_key_is_a_conflict_and_nothing_is_done(client: Client) -> None:
    once, action, other = Once(client()), Action(), Action()
    await once.run("session", KEY, PRINT, action)
    with pytest.raises(IdempotencyConflict) as caught:
        await once.run("session", KEY, b"another", other)
    assert (caught.value.code, caught.value.status) == ("IDEMPOTENCY_CONFLICT", 409)
    assert other.done == 0
    assert await once.run("session", KEY, PRINT, other) == b"answer 1"


async def test_another_request_with_the_key_is_a_conflict_while_the_first_is_being_done(client: Client) -> None:
    once, slow, other = Once(client()), Action(held=True), Action()
    first = asyncio.create_task(once.run("session", KEY, PRINT, slow))
    await slow.begun.wait()
    with pytest.raises(IdempotencyConflict):
        await once.run("session", KEY, b"another", other)
    slow.free.set()
    assert await first == b"answer 1"
    assert other.done == 0


async def test_another_scope_or_key_is_another_request(client: Client) -> None:
    once, action = Once(client()), Action()
    asked = [
        ("session", KEY),
        ("other", KEY),
        ("session", KEY + "1"),
        ("sessionkey", "-0001234"),
        ("session", "key-0001234"),
    ]
    answers = [await once.run(scope, key, PRINT, action) for scope, key in asked]
    assert answers == [b"answer %d" % (place + 1) for place in range(len(asked))]


async def test_a_failure_is_raised_and_not_remembered(client: Client) -> None:
    once, action = Once(client()), Action(fails=2)
    for _ in range(2):
        with pytest.raises(OrderPending):
            await once.run("session", KEY, PRINT, action)
    assert await once.run("session", KEY, PRINT, action) == b"answer 3"
    assert await once.run("session", KEY, PRINT, action) == b"answer 3"


async def test_after_a_failure_the_key_may_be_used_for_another_request(client: Client) -> None:
    once = Once(client())
    with pytest.raises(OrderPending):
        await once.run("session", KEY, PRINT, Action(fails=1))
    assert await once.run("session", KEY, b"another", Action()) == b"answer 1"


async def test_requests_in_parallel_wait_for_the_one_that_is_done(client: Client) -> None:
    action = Action(slow=0.15)
    answers = await asyncio.gather(*(Once(client()).run("session", KEY, PRINT, action) for _ in range(8)))
    assert answers == [b"answer 1"] * 8
    assert action.done == 1


async def test_when_the_one_that_is_done_fails_another_one_is_done(client: Client) -> None:
    action = Action(slow=0.1, fails=1)
    answers = await asyncio.gather(
        *(Once(client()).run("session", KEY, PRINT, action) for _ in range(4)), return_exceptions=True
    )
    assert sum(isinstance(answer, OrderPending) for answer in answers) == 1
    assert [answer for answer in answers if answer == b"answer 2"] == [b"answer 2"] * 3
    assert action.done == 2


async def test_one_that_cannot_wait_any_longer_raises_what_the_caller_says(client: Client) -> None:
    once, slow = Once(client(), patience=0.05), Action(held=True)
    first = asyncio.create_task(once.run("session", KEY, PRINT, slow))
    await slow.begun.wait()
    with pytest.raises(IdempotencyPending) as caught:
        await once.run("session", KEY, PRINT, Action())
    assert (caught.value.code, caught.value.status) == ("IDEMPOTENCY_PENDING", 409)
    with pytest.raises(OrderPending):
        await once.run("session", KEY, PRINT, Action(), pending=OrderPending)
    slow.free.set()
    assert await first == b"answer 1"


async def test_one_that_is_cancelled_leaves_the_key_free(client: Client) -> None:
    once, slow = Once(client(), patience=0.05), Action(slow=60)
    first = asyncio.create_task(once.run("session", KEY, PRINT, slow))
    await slow.begun.wait()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert await once.run("session", KEY, PRINT, Action()) == b"answer 1"


async def test_one_whose_process_died_leaves_the_key_when_its_lease_is_over(client: Client) -> None:
    once, dead = Once(client(), lease=0.3, patience=30), Action(held=True)
    first = asyncio.create_task(once.run("session", KEY, PRINT, dead))
    await dead.begun.wait()
    assert await once.run("session", KEY, PRINT, Action()) == b"answer 1"
    dead.free.set()
    assert await first == b"answer 1"


async def test_one_that_outlived_its_lease_leaves_the_answer_that_came_since(client: Client) -> None:
    once, late = Once(client(), lease=0.1, patience=30), Action(held=True)
    first = asyncio.create_task(once.run("session", KEY, PRINT, late))
    await late.begun.wait()
    other = Action()
    other.done = 6
    assert await once.run("session", KEY, PRINT, other) == b"answer 7"
    late.free.set()
    assert await first == b"answer 1"
    assert await once.run("session", KEY, PRINT, Action()) == b"answer 7"


async def test_an_answer_is_forgotten_after_its_time(client: Client) -> None:
    once, action = Once(client(), 0.2), Action()
    assert await once.run("session", KEY, PRINT, action) == b"answer 1"
    await asyncio.sleep(0.3)
    assert await once.run("session", KEY, PRINT, action) == b"answer 2"


async def test_an_answer_is_kept_for_a_day_and_neither_scope_nor_key_can_be_read(redis_url: str) -> None:
    await flush(redis_url)
    async with closing(State(redis_url)) as state, redis.from_url(redis_url) as raw:
        await Once(state).run("my-session", KEY, PRINT, Action())
        [name] = await raw.keys("*")
        assert isinstance(name, bytes)
        assert name.startswith(b"vitrine:once:")
        assert len(name) == len(b"vitrine:once:") + 64
        assert KEPT == 86_400
        assert 86_300_000 < await raw.pttl(name) <= 86_400_000
        kept = await raw.get(name) or b""
        assert PRINT not in kept
        assert KEY.encode() not in kept


@pytest.mark.parametrize(
    "key", ["", "1234567", "x" * 129, "with space", "tab\tkey12", "schlüssel", "nul\x00nul0", "del\x7fdel0"]
)
async def test_a_key_that_is_none_is_refused_and_nothing_is_done(client: Client, key: str) -> None:
    action = Action()
    with pytest.raises(BadInput) as caught:
        await Once(client()).run("session", key, PRINT, action)
    assert caught.value.argument == "idempotencyKey"
    assert action.done == 0


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=8, max_size=128), st.text(max_size=20))
def test_any_key_of_visible_ascii_is_taken(key: str, scope: str) -> None:
    async def twice() -> None:
        once, action = Once(State("memory://")), Action()
        assert await once.run(scope, key, PRINT, action) == await once.run(scope, key, PRINT, action) == b"answer 1"

    asyncio.run(twice())


async def test_without_a_state_nothing_is_done(tmp_path: Path) -> None:
    for url in ("", f"unix://{tmp_path / 'nobody.sock'}"):
        action = Action()
        async with closing(State(url)) as state:
            with pytest.raises(StateUnavailable):
                await Once(state).run("session", KEY, PRINT, action)
        assert action.done == 0


@pytest.mark.parametrize("fails", [0, 1])
async def test_a_state_that_goes_away_meanwhile_takes_nothing_from_the_answer(tmp_path: Path, fails: int) -> None:
    with redis_server(tmp_path) as url:
        state = State(url)
        action = Action(fails=fails)

        async def lose() -> bytes:
            state._redis = redis.from_url(f"unix://{tmp_path / 'nobody.sock'}")
            return await action()

        async with state._redis, closing(state):
            asked: Awaitable[bytes] = Once(state).run("session", KEY, PRINT, lose)
            if fails:
                with pytest.raises(OrderPending):
                    await asked
            else:
                assert await asked == b"answer 1"
