"""What could be guessed by trying can be tried so often, by all processes together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import redis.asyncio as redis

from app.attempts import Attempts, TooManyAttempts
from app.errors import StateUnavailable
from app.redis_client import MEMORY
from app.state import State
from tests.redis_server import closing


@pytest.fixture(params=["redis", "memory"])
def url(request: pytest.FixtureRequest) -> str:
    return MEMORY if request.param == "memory" else str(request.getfixturevalue("redis_url"))


@pytest.fixture
async def state(url: str) -> AsyncIterator[State]:
    async with closing(State(url)) as state:
        yield state


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


async def left(attempts: Attempts, scope: str) -> int:
    """How many attempts there are, by making them all."""
    for made in range(1000):
        try:
            await attempts.take(scope)
        except TooManyAttempts:
            return made
    raise AssertionError("without end")


async def test_so_many_attempts_and_none_more_by_scope_and_name(state: State) -> None:
    attempts, other = Attempts(state, "a", 3), Attempts(state, "b", 2)
    assert [await left(attempts, "one"), await left(attempts, "one"), await left(attempts, "two")] == [3, 0, 3]
    assert await left(other, "one") == 2


async def test_what_is_given_back_can_be_taken_again_and_no_more(state: State) -> None:
    attempts = Attempts(state, "back", 2)
    await attempts.take("scope")
    await attempts.give_back("scope")
    await attempts.give_back("scope")
    await attempts.give_back("other")
    assert await left(attempts, "scope") == 2
    await attempts.give_back("scope")
    assert [await left(attempts, "scope"), await left(attempts, "other")] == [1, 2]


async def test_the_count_begins_anew_when_the_time_since_the_first_has_passed(state: State) -> None:
    clock = Clock()
    attempts = Attempts(state, "time", 3, seconds=900, clock=clock)
    await attempts.take("scope")
    clock.now += 899
    assert await left(attempts, "scope") == 2
    clock.now += 1
    assert await left(attempts, "scope") == 3
    clock.now += 899.9
    await attempts.give_back("scope")
    clock.now += 0.1
    await attempts.give_back("scope")
    assert await left(attempts, "scope") == 3


async def test_redis_forgets_a_count_when_its_time_has_passed(redis_url: str) -> None:
    # On a clock of whole seconds nothing is lost to rounding.
    async with closing(State(redis_url)) as state, redis.from_url(redis_url) as client:
        assert await left(Attempts(state, "short", 1, seconds=900, clock=Clock()), "scope") == 1
        [key] = [key async for key in client.scan_iter("vitrine:attempts:short:*")]
        assert 0 < await client.pttl(key) <= 900_000


async def test_parallel_attempts_of_two_processes_cannot_slip_through(redis_url: str) -> None:
    states = [State(redis_url), State(redis_url)]
    async with closing(*states):
        each = [Attempts(state, "race", 7) for state in states]
        made = await asyncio.gather(*(each[n % 2].take("scope") for n in range(40)), return_exceptions=True)
    assert [type(outcome) for outcome in made].count(type(None)) == 7
    assert {type(outcome) for outcome in made} == {type(None), TooManyAttempts}


async def test_what_cannot_be_counted_is_not_tried() -> None:
    for url in ("", "redis://127.0.0.1:1/0"):
        with pytest.raises(StateUnavailable):
            await Attempts(State(url), "away", 3).take("scope")
