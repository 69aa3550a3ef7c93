"""What a shopper agreed to is noted on his order, once, also where Commerce does not hear of it at first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx2
import orjson
import pytest
import structlog

from app.commerce.orders import Orders
from app.errors import UpstreamError
from app.state import State
from app.storefront.checkout_steps import agreement_note
from tests.orders_storm import connected
from tests.test_cart import do, shopping
from tests.test_checkout import NOTE, PLACE, get_ready
from tests.test_orders import Clock

QUOTE, ORDER = 33, 7


@dataclass
class Noting:
    """A Commerce with one order and its comments. Of the next requests, `failures` says what becomes of each: "lost"
    is not heard, "unanswered" is heard and not answered, "refused" is answered so; none: all is well."""

    failures: list[str] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    looked: int = 0

    async def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(f"{request.method} {request.url.path.removeprefix('/rest/V1/')}")
        failure = self.failures.pop(0) if self.failures else ""
        if failure == "refused":
            return httpx2.Response(403, json={"message": "The consumer isn't authorized"})
        if failure == "lost":
            return httpx2.Response(500, json={"message": "Internal Error"})
        answer = self._answer(request)
        return answer if failure != "unanswered" else httpx2.Response(500, text="<!doctype html>")

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        if request.method == "POST":
            self.comments.append(orjson.loads(request.content)["statusHistory"]["comment"])
            return httpx2.Response(200, json=True)
        if request.url.path.endswith("/comments"):
            # As `fields` and empty lists go at Commerce: null.
            items = [{"comment": comment} for comment in self.comments] or None
            return httpx2.Response(200, json={"items": items, "total_count": len(self.comments)})
        return httpx2.Response(
            200, json={"items": [{"entity_id": ORDER, "increment_id": "000000007"}], "total_count": 1}
        )


@asynccontextmanager
async def noting(commerce: Noting, state: State | None = None, clock: Clock | None = None) -> AsyncIterator[Orders]:
    clock = clock or Clock()
    times: dict[str, Any] = {"max_execution": 60, "patience": 20, "clock": clock, "sleep": clock.sleep}
    async with connected(commerce, state or State("memory://"), **times) as orders:  # type: ignore[arg-type]
        yield orders


LOOK, SEE, SAY = "GET orders", f"GET orders/{ORDER}/comments", f"POST orders/{ORDER}/comments"


@pytest.mark.parametrize(
    ("failures", "asked"),
    [
        ([], [LOOK, SEE, SAY]),
        (["lost"], [LOOK, LOOK, SEE, SAY]),
        (["", "lost"], [LOOK, SEE, LOOK, SEE, SAY]),
        (["", "", "lost"], [LOOK, SEE, SAY, LOOK, SEE, SAY]),
        # What was not answered was heard: the second look finds it.
        (["", "", "unanswered"], [LOOK, SEE, SAY, LOOK, SEE]),
        (["", "", "lost", "lost", "unanswered"], [LOOK, SEE, SAY, LOOK, LOOK, LOOK, SEE, SAY]),
    ],
)
async def test_a_note_is_made_once_however_often_it_must_be_tried(failures: list[str], asked: list[str]) -> None:
    commerce = Noting(failures)
    async with noting(commerce) as orders:
        await orders.comment_once(QUOTE, None, NOTE)
        assert (commerce.comments, commerce.asked) == ([NOTE], asked)
        await orders.comment_once(QUOTE, None, NOTE)
    assert (commerce.comments, commerce.asked) == ([NOTE], asked)


async def test_a_note_that_is_there_already_is_not_made_again_and_another_one_is() -> None:
    commerce = Noting(comments=["Called the customer.", NOTE])
    async with noting(commerce) as orders:
        await orders.comment_once(QUOTE, ORDER, NOTE)
    assert commerce.asked == [SEE]
    async with noting(commerce) as orders:
        await orders.comment_once(QUOTE, ORDER, f"{NOTE} And more.")
    assert commerce.comments == ["Called the customer.", NOTE, f"{NOTE} And more."]


async def test_a_note_is_given_up_after_four_tries_and_left_to_the_next_call() -> None:
    commerce = Noting(["refused"] * 4)
    async with noting(commerce) as orders:
        with pytest.raises(UpstreamError):
            await orders.comment_once(QUOTE, ORDER, NOTE)
        assert commerce.asked == [SEE] * 4
        await orders.comment_once(QUOTE, ORDER, NOTE)
    assert commerce.comments == [NOTE]


async def test_a_note_takes_no_more_than_half_of_the_patience() -> None:
    clock = Clock()

    class Slow(Noting):
        async def __call__(self, request: httpx2.Request) -> httpx2.Response:
            clock.now += 6
            return await super().__call__(request)

    commerce = Slow(["lost"] * 9)
    async with noting(commerce, clock=clock) as orders:
        with pytest.raises(UpstreamError):
            await orders.comment_once(QUOTE, ORDER, NOTE)
    assert commerce.asked == [SEE] * 2


async def test_of_parallel_calls_one_makes_the_note() -> None:
    commerce = Noting()
    async with noting(commerce) as orders:
        await asyncio.gather(*(orders.comment_once(QUOTE, ORDER, NOTE) for _ in range(5)))
    assert commerce.asked == [SEE, SAY]


async def test_the_note_of_a_call_that_died_is_made_once_nothing_of_it_can_be_running() -> None:
    commerce, state, dying = Noting(), State("memory://"), asyncio.Event()

    class Dying(Noting):
        async def __call__(self, request: httpx2.Request) -> httpx2.Response:
            dying.set()
            await asyncio.Event().wait()
            raise AssertionError

    async with connected(Dying(), state, max_execution=0.2, patience=0.2, margin=0.1) as orders:  # type: ignore[arg-type]
        task = asyncio.create_task(orders.comment_once(QUOTE, ORDER, NOTE))
        await dying.wait()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    async with connected(commerce, state, max_execution=0.2, patience=0.2, margin=0.1) as orders:  # type: ignore[arg-type]
        await orders.comment_once(QUOTE, ORDER, NOTE)
        assert commerce.asked == []
        async with asyncio.timeout(30):
            while not commerce.comments:
                await asyncio.sleep(0.05)
                await orders.comment_once(QUOTE, ORDER, NOTE)
    assert commerce.asked == [SEE, SAY]


class Deaf(httpx2.AsyncBaseTransport):
    """A Commerce that hears no comments."""

    def __init__(self, inner: httpx2.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.method == "POST" and request.url.path.endswith("/comments"):
            return httpx2.Response(500, json={"message": "Internal Error"})
        return await self._inner.handle_async_request(request)


async def test_an_order_whose_note_is_never_heard_stands_and_the_log_has_the_note() -> None:
    async with shopping(way=Deaf, order_patience=4) as api:
        await get_ready(api)
        with structlog.testing.capture_logs() as logs:
            placed = await do(api, PLACE, key="never-heard-of-it", agreements=["1"])
        [order] = api.commerce.orders
        assert (placed["number"], placed["userErrors"], order.comments) == (order.increment_id, [], [])
        [told] = [line for line in logs if line["event"] == "checkout.agreement_unrecorded"]
        assert (told["note"], told["quote"]) == (NOTE, order.quote_id)
        # An answer that is given again is only that.
        api.forget()
        assert await do(api, PLACE, key="never-heard-of-it", agreements=["1"]) == placed
        assert api.commerce.requests == []


TICKED = {"agreement_id": 1, "name": "Terms &amp; Conditions", "mode": "MANUAL"}
OPTIONAL = {"agreement_id": 2, "name": "Privacy", "mode": "AUTO"}


@pytest.mark.parametrize(
    ("terms", "agreed", "note"),
    [
        (
            [TICKED, OPTIONAL],
            ["1"],
            "The shopper agreed to: Terms & Conditions. By ordering the shopper agreed to: Privacy.",
        ),
        ([TICKED, OPTIONAL], ["1", "2"], "The shopper agreed to: Terms & Conditions, Privacy."),
        ([OPTIONAL], [], "By ordering the shopper agreed to: Privacy."),
        ([TICKED], ["1", "999"], "The shopper agreed to: Terms & Conditions."),
        ([TICKED], [], ""),
        ([], ["1"], ""),
    ],
)
def test_terms_that_ordering_agrees_to_are_noted_too(terms: list[Any], agreed: list[str], note: str) -> None:
    assert agreement_note(terms, agreed) == note
