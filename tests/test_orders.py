"""Placing orders: exactly one per cart, whatever Commerce, the network, our processes and the state do meanwhile.

Commerce is the stand-in of tests/orders_storm.py. Most tests run on a clock that only sleeping and Commerce move.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
import redis.asyncio as redis
from hypothesis import given, settings
from hypothesis import strategies as st

from app.commerce.client import StoreContext
from app.commerce.orders import DEFINITE, OrderPending, OrderRefused, Orders
from app.commerce.placing import EPOCH, Claim, Claims, Placed
from app.errors import StateUnavailable, Unsupported, UpstreamError, UpstreamFailed, UpstreamInvalid, UpstreamRefused
from app.errors import UpstreamUnavailable as Unavailable
from app.state import State

from .orders_storm import (
    HERE,
    NEW,
    NOTHING,
    OLD,
    SAAS,
    SHOP,
    Commerce,
    Placing,
    answered,
    connected,
    crashed,
    inactive,
    masked,
    refused,
)
from .redis_server import closing, flush, redis_server

CART = 33
KEY = f"orders:claim:{hashlib.sha256(SHOP.encode()).hexdigest()[:16]}:{CART}"
MAX_EXECUTION, TIMEOUT, MARGIN, PATIENCE = 60.0, 10.0, 5.0, 20.0
HORIZON = MAX_EXECUTION + TIMEOUT + MARGIN
NUMBER = Placed("000000001", None)
FOUND = Placed("000000001", 1)


class Clock:
    """A clock that only sleeping moves, and Commerce."""

    def __init__(self) -> None:
        self.now = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


@dataclass
class World:
    """One Commerce, one state and any number of our processes, on one clock."""

    url: str
    clock: Clock
    stack: AsyncExitStack
    commerce: Commerce = field(init=False)
    memory: State | None = None

    def __post_init__(self) -> None:
        self.commerce = Commerce(place, self.clock)

    def state(self) -> State:
        """A client of the state; the embedded one is one for all."""
        if self.memory is None or self.url != "memory://":
            self.memory = State(self.url)
            self.stack.push_async_callback(self.memory.close)
        return self.memory

    async def process(self, *, aged: bool = True, **given: Any) -> Orders:
        """The orders of one more process; `aged` lets the epoch become old enough."""
        options = {
            "max_execution": MAX_EXECUTION,
            "timeout": TIMEOUT,
            "margin": MARGIN,
            "patience": PATIENCE,
            "clock": self.clock,
            "sleep": self.clock.sleep,
            **given,
        }
        orders = await self.stack.enter_async_context(connected(self.commerce, self.state(), **options))
        if aged and not await orders.ready():
            self.clock.now += HORIZON
            assert await orders.ready()
        return orders

    async def lose(self) -> None:
        """Empties the state."""
        if self.url == "memory://":
            assert self.memory is not None
            await self.memory.delete(EPOCH)
            await self.memory.delete(KEY)
        else:
            await flush(self.url)


@pytest.fixture(params=["memory", "redis"])
async def world(request: pytest.FixtureRequest, redis_url: str) -> AsyncIterator[World]:
    if request.param == "redis":
        await flush(redis_url)
    async with AsyncExitStack() as stack:
        yield World(redis_url if request.param == "redis" else "memory://", Clock(), stack)


# What Commerce does about a request


async def place(commerce: Commerce, quote_id: int, deadline: float) -> httpx2.Response:
    """As on a good day, and as often as it is asked."""
    return answered(commerce.order(quote_id).number)


async def place_or_refuse(commerce: Commerce, quote_id: int, deadline: float) -> httpx2.Response:
    return inactive() if commerce.orders_of(quote_id) else await place(commerce, quote_id, deadline)


def hanging(order_after: float | None = None, *, kind: type[Exception] = httpx2.ReadTimeout) -> Placing:
    """No answer; the order comes so many seconds after we gave up, if at all."""

    async def hang(commerce: Commerce, quote_id: int, deadline: float) -> httpx2.Response:
        if order_after is not None:
            commerce.order(quote_id, deadline + order_after)
        commerce.clock.now += deadline  # type: ignore[attr-defined]
        raise kind("", request=httpx2.Request("POST", "https://shop.test"))  # type: ignore[call-arg]

    return hang


def answering(answer: Callable[[], httpx2.Response], *, ordered: bool = False) -> Placing:
    """This answer, whether there is an order or not."""

    async def reply(commerce: Commerce, quote_id: int, deadline: float) -> httpx2.Response:
        if ordered:
            commerce.order(quote_id)
        return answer()

    return reply


def data(output: Any, *errors: dict[str, Any]) -> Callable[[], httpx2.Response]:
    body = {"data": {"placeOrder": output}, **({"errors": list(errors)} if errors else {})}
    return lambda: httpx2.Response(200, json=body)


def internal() -> httpx2.Response:
    return refused("Internal server error", "internal")


def no_data() -> httpx2.Response:
    error = {"message": "Requested store is not found", "extensions": {"category": "graphql-input"}}
    return httpx2.Response(500, json={"errors": [error]})


def broken() -> httpx2.Response:
    error = {"message": "Internal server error", "extensions": {"category": "internal"}}
    return httpx2.Response(500, json={"errors": [error]})


NEW_REFUSAL = {
    "orderV2": None,
    "order": None,
    "errors": [{"code": "UNABLE_TO_PLACE_ORDER", "message": "Unable to place order: no stock"}],
}


# Outcomes of one call


@pytest.mark.parametrize(
    ("schema", "placing", "expected"),
    [
        (OLD, place, NUMBER),
        (NEW, answering(data({"orderV2": {"number": "A1"}, "order": None, "errors": []})), Placed("A1", None)),
        (NEW, answering(data({"orderV2": None, "order": {"order_number": "A2"}, "errors": None})), Placed("A2", None)),
        (SAAS, answering(data({"orderV2": {"number": "A3"}, "errors": [None]})), Placed("A3", None)),
        (
            NEW,
            answering(
                data({"orderV2": {"number": "A4"}, "order": None, "errors": [{"code": "UNDEFINED", "message": "x"}]})
            ),
            Placed("A4", None),
        ),
    ],
)
async def test_commerces_answer_is_the_order(world: World, schema: str, placing: Placing, expected: Placed) -> None:
    world.commerce.placing = placing
    orders = await world.process(schema=schema)
    assert await orders.place(masked(CART), CART, HERE) == expected
    assert [kind for kind, _, _ in world.commerce.log] == ["look", "place"]
    # From now on the state knows, in every process, and Commerce is asked nothing.
    other = await world.process(schema=schema)
    assert await other.place(masked(CART), CART, HERE) == expected
    assert len(world.commerce.log) == 2


UNKNOWN: dict[str, tuple[str, Callable[[bool], Placing]]] = {
    "time-out": (OLD, lambda ordered: hanging(-1 if ordered else None)),
    "connection lost": (OLD, lambda ordered: hanging(-1 if ordered else None, kind=httpx2.RemoteProtocolError)),
    "broken while writing": (OLD, lambda ordered: hanging(-1 if ordered else None, kind=httpx2.WriteError)),
    "HTML, 500": (OLD, lambda ordered: answering(crashed, ordered=ordered)),
    "HTML, 200": (OLD, lambda ordered: answering(lambda: crashed(200), ordered=ordered)),
    "502": (OLD, lambda ordered: answering(lambda: crashed(502), ordered=ordered)),
    "503": (OLD, lambda ordered: answering(lambda: crashed(503), ordered=ordered)),
    "403 of a firewall": (OLD, lambda ordered: answering(lambda: crashed(403), ordered=ordered)),
    "redirect": (OLD, lambda ordered: answering(lambda: httpx2.Response(302), ordered=ordered)),
    "half of the JSON": (OLD, lambda ordered: answering(lambda: httpx2.Response(200, text='{"da'), ordered=ordered)),
    "wrong shape": (OLD, lambda ordered: answering(data([]), ordered=ordered)),
    "number is none": (OLD, lambda ordered: answering(data({"order": {"order_number": 7}}), ordered=ordered)),
    "success without a number": (OLD, lambda ordered: answering(data({"order": None}), ordered=ordered)),
    "an empty number": (OLD, lambda ordered: answering(data({"order": {"order_number": ""}}), ordered=ordered)),
    "null without an error": (OLD, lambda ordered: answering(data(None), ordered=ordered)),
    "category internal": (OLD, lambda ordered: answering(internal, ordered=ordered)),
    "category internal, no data, 500": (OLD, lambda ordered: answering(broken, ordered=ordered)),
    "an error without a category": (OLD, lambda ordered: answering(data(None, {"message": "?"}), ordered=ordered)),
    "one definite error of two": (
        OLD,
        lambda ordered: answering(
            data(None, {"message": "a", "extensions": {"category": "graphql-input"}}, {"message": "b"}),
            ordered=ordered,
        ),
    ),
    "2.4.7 without order and errors": (
        NEW,
        lambda ordered: answering(data({"orderV2": None, "order": None, "errors": []}), ordered=ordered),
    ),
}


@pytest.mark.parametrize("name", UNKNOWN)
async def test_after_an_unknown_outcome_the_order_is_found(world: World, name: str) -> None:
    schema, placing = UNKNOWN[name]
    world.commerce.placing = placing(True)
    orders = await world.process(schema=schema)
    assert await orders.place(masked(CART), CART, HERE) == FOUND
    assert await orders.place(masked(CART), CART, HERE) == FOUND
    assert [kind for kind, _, _ in world.commerce.log] == ["look", "place", "look"]


@pytest.mark.parametrize("name", UNKNOWN)
async def test_after_an_unknown_outcome_without_an_order_it_is_pending_until_nothing_can_run(
    world: World, name: str
) -> None:
    schema, placing = UNKNOWN[name]
    world.commerce.placing = placing(False)
    orders, other = await world.process(schema=schema), await world.process(schema=schema)
    began = world.clock.now
    with pytest.raises(OrderPending) as caught:
        await orders.place(masked(CART), CART, HERE)
    assert (caught.value.code, caught.value.status) == ("ORDER_PENDING", 409)
    assert world.clock.now == pytest.approx(began + PATIENCE)
    world.commerce.placing = place
    while world.clock.now < began + HORIZON - PATIENCE:
        with pytest.raises(OrderPending):
            await other.place(masked(CART), CART, HERE)
    assert world.commerce.asked("place") == 1
    world.clock.now = began + HORIZON - 0.01
    brief = await world.process(schema=schema, patience=0.001, timeout=TIMEOUT)
    with pytest.raises(OrderPending):
        await brief.place(masked(CART), CART, HERE)
    assert world.commerce.asked("place") == 1
    world.commerce.log.clear()
    world.clock.now = began + HORIZON
    if schema == OLD:
        assert await other.place(masked(CART), CART, HERE) == NUMBER
        assert [kind for kind, _, _ in world.commerce.log] == ["look", "look", "place"]
        assert all(when >= began + HORIZON for _, _, when in world.commerce.log)


@pytest.mark.parametrize("category", sorted(DEFINITE))
async def test_a_refusal_is_told_and_leaves_the_cart_free(world: World, category: str) -> None:
    world.commerce.placing = answering(lambda: refused("Unable to place order: No stock.", category))
    orders = await world.process()
    with pytest.raises(OrderRefused) as caught:
        await orders.place(masked(CART), CART, HERE)
    assert (caught.value.category, caught.value.reason) == (category, "Unable to place order: No stock.")
    assert (caught.value.code, caught.value.public) == ("ORDER_REFUSED", "The order could not be placed.")
    world.commerce.placing = place
    other = await world.process()
    began = world.clock.now
    assert await other.place(masked(CART), CART, HERE) == NUMBER
    assert world.clock.now == began


async def test_a_refusal_of_the_newer_kind_and_one_before_anything_ran_are_refusals_too(world: World) -> None:
    orders = await world.process(schema=NEW)
    world.commerce.placing = answering(data(NEW_REFUSAL))
    with pytest.raises(OrderRefused) as caught:
        await orders.place(masked(CART), CART, HERE)
    assert (caught.value.category, caught.value.reason) == ("UNABLE_TO_PLACE_ORDER", "Unable to place order: no stock")
    world.commerce.placing = answering(no_data)
    with pytest.raises(OrderRefused) as caught:
        await orders.place(masked(CART), CART, HERE)
    assert (caught.value.category, caught.value.reason) == ("graphql-input", "Requested store is not found")


@pytest.mark.parametrize(
    "answer", [inactive, lambda: refused("Unable to place order: A server error stopped your order.", "graphql-input")]
)
async def test_a_refusal_of_a_cart_that_has_an_order_is_the_order(
    world: World, answer: Callable[[], httpx2.Response]
) -> None:
    world.commerce.placing = answering(answer, ordered=True)
    orders = await world.process()
    assert await orders.place(masked(CART), CART, HERE) == FOUND
    world.commerce.placing = answering(data(NEW_REFUSAL), ordered=True)
    newer = await world.process(schema=NEW)
    assert await newer.place(masked(CART + 1), CART + 1, HERE) == Placed("000000002", 2)


async def test_an_inactive_cart_without_an_order_is_refused(world: World) -> None:
    world.commerce.placing = answering(inactive)
    orders = await world.process()
    with pytest.raises(OrderRefused) as caught:
        await orders.place(masked(CART), CART, HERE)
    assert (caught.value.category, caught.value.reason) == ("graphql-no-such-entity", "The cart isn't active.")


async def test_a_refusal_that_cannot_be_made_sure_of_is_pending(world: World) -> None:
    async def refuse(commerce: Commerce, quote_id: int, deadline: float) -> httpx2.Response:
        commerce.rest = lambda: crashed(503)
        return inactive()

    world.commerce.placing = refuse
    orders = await world.process()
    with pytest.raises(OrderPending):
        await orders.place(masked(CART), CART, HERE)
    world.commerce.rest = lambda: None
    world.commerce.order(CART)
    assert await orders.place(masked(CART), CART, HERE) == FOUND
    assert world.commerce.asked("place") == 1


async def test_a_cart_that_has_an_order_already_is_never_sent(world: World) -> None:
    world.commerce.order(CART)
    orders = await world.process()
    assert await orders.place(masked(CART), CART, HERE) == FOUND
    assert [kind for kind, _, _ in world.commerce.log] == ["look"]


async def test_a_commerce_that_cannot_place_is_unsupported_and_the_cart_stays_free(world: World) -> None:
    lacking = await world.process(schema=NOTHING)
    with pytest.raises(Unsupported):
        await lacking.place(masked(CART), CART, HERE)
    orders = await world.process()
    assert await orders.place(masked(CART), CART, HERE) == NUMBER


@pytest.mark.parametrize("kind", [httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout])
async def test_what_never_left_is_told_at_once_and_the_cart_stays_free(
    world: World, kind: type[httpx2.TransportError]
) -> None:
    world.commerce.placing = hanging(None, kind=kind)
    orders, other = await world.process(), await world.process()
    with pytest.raises(UpstreamError) as caught:
        await orders.place(masked(CART), CART, HERE)
    assert caught.value.unsent
    assert caught.value.code in ("UPSTREAM_UNAVAILABLE", "UPSTREAM_TIMEOUT")
    world.commerce.placing = place
    assert await other.place(masked(CART), CART, HERE) == NUMBER


# Late orders


@pytest.mark.parametrize("after", [0.5, 3, 8, 30, MAX_EXECUTION])
async def test_an_order_that_comes_after_we_gave_up_is_the_only_one(world: World, after: float) -> None:
    world.commerce.placing = hanging(after)
    processes = [await world.process(), await world.process()]
    answers: list[Placed] = []
    for turn in range(12):
        try:
            answers.append(await processes[turn % 2].place(masked(CART), CART, HERE))
        except OrderPending:
            assert not answers
    assert set(answers) == {FOUND}
    assert world.commerce.asked("place") == 1
    assert len(world.commerce.orders) == 1


async def test_one_long_call_waits_until_nothing_can_run_looks_and_places_again(world: World) -> None:
    async def first_lost(commerce: Commerce, quote_id: int, deadline: float) -> httpx2.Response:
        if commerce.asked("place") == 1:
            return await hanging()(commerce, quote_id, deadline)
        return await place(commerce, quote_id, deadline)

    world.commerce.placing = first_lost
    orders = await world.process(patience=HORIZON + 10)
    began = world.clock.now
    assert await orders.place(masked(CART), CART, HERE) == NUMBER
    sent = [when for kind, _, when in world.commerce.log if kind == "place"]
    assert sent[0] == began
    assert sent[1] >= began + HORIZON
    assert world.commerce.log[-2][0] == "look"
    assert world.commerce.log[-2][2] >= began + HORIZON


async def test_look_ups_are_far_between_the_longer_it_takes(world: World) -> None:
    world.commerce.placing = hanging()
    orders = await world.process(patience=70)
    with pytest.raises(OrderPending):
        await orders.place(masked(CART), CART, HERE)
    looks = [when for kind, _, when in world.commerce.log if kind == "look"]
    gaps = [round(after - before, 3) for before, after in itertools.pairwise(looks[1:])]
    assert gaps[:7] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 4.0]
    assert max(gaps) == 4.0


# REST away


async def test_without_a_look_up_nothing_is_ever_placed(world: World) -> None:
    world.commerce.rest = lambda: crashed(503)
    orders = await world.process()
    for _ in range(3):
        with pytest.raises(Unavailable):
            await orders.place(masked(CART), CART, HERE)
    assert world.commerce.asked("place") == 0
    world.commerce.rest = lambda: None
    assert await orders.place(masked(CART), CART, HERE) == NUMBER  # and the cart is not claimed still


async def test_without_a_look_up_an_unknown_outcome_stays_one_however_long(world: World) -> None:
    async def lose(commerce: Commerce, quote_id: int, deadline: float) -> httpx2.Response:
        commerce.rest = lambda: crashed(503)
        return crashed()

    world.commerce.placing = lose
    orders = await world.process()
    for _ in range(4):
        with pytest.raises(OrderPending):
            await orders.place(masked(CART), CART, HERE)
        world.clock.now += HORIZON
    assert world.commerce.asked("place") == 1
    world.commerce.rest, world.commerce.placing = lambda: None, place
    assert await orders.place(masked(CART), CART, HERE) == NUMBER
    assert [kind for kind, _, _ in world.commerce.log[-3:]] == ["look", "look", "place"]


@pytest.mark.parametrize(
    "body",
    [
        [],
        None,
        {},
        {"items": []},
        {"items": None, "total_count": 6},
        {"items": [], "total_count": 1},
        {"items": [{}], "total_count": 1},
        {"items": ["x"], "total_count": 1},
        {"items": [{"entity_id": 1, "increment_id": None}], "total_count": 1},
        {"items": [{"entity_id": "1", "increment_id": "000000001"}], "total_count": 1},
        {"items": {}, "total_count": 0},
        {"items": [], "total_count": "0"},
    ],
)
async def test_a_list_of_orders_that_cannot_be_understood_is_no_proof_that_there_is_none(
    world: World, body: object
) -> None:
    world.commerce.rest = lambda: httpx2.Response(200, json=body)
    orders = await world.process()
    with pytest.raises(UpstreamInvalid):
        await orders.find(CART)
    with pytest.raises(UpstreamInvalid):
        await orders.place(masked(CART), CART, HERE)
    assert world.commerce.asked("place") == 0


@pytest.mark.parametrize("items", [None, []])
async def test_an_empty_list_of_orders_is_null_or_empty(world: World, items: object) -> None:
    world.commerce.rest = lambda: httpx2.Response(200, json={"items": items, "total_count": 0})
    assert await (await world.process()).find(CART) is None


async def test_of_several_orders_the_first_is_the_order(world: World) -> None:
    world.commerce.order(CART)
    world.commerce.order(CART)
    assert await (await world.process()).find(CART) == FOUND


async def test_the_quote_id_is_the_number_of_the_masked_cart(world: World) -> None:
    orders = await world.process()
    assert await orders.quote_id(masked(CART), HERE) == CART
    paths: list[str] = []

    async def commerce(request: httpx2.Request) -> httpx2.Response:
        paths.append(request.url.raw_path.decode())
        return httpx2.Response(200, json={"id": 7})

    async with connected(commerce, State(""), max_execution=1, patience=1) as odd:  # type: ignore[arg-type]
        assert await odd.quote_id("a/../b?c", StoreContext("de")) == 7
    assert paths == ["/rest/de/V1/guest-carts/a%2F..%2Fb%3Fc"]


@pytest.mark.parametrize("body", [[], {}, {"id": None}, {"id": "33"}, {"id": True}, {"id": 0}])
async def test_a_cart_without_a_number_is_an_error(world: World, body: object) -> None:
    world.commerce.rest = lambda: httpx2.Response(200, json=body)
    with pytest.raises(UpstreamInvalid):
        await (await world.process()).quote_id(masked(CART), HERE)


async def test_a_cart_that_is_not_there_is_an_error(world: World) -> None:
    world.commerce.rest = lambda: httpx2.Response(404, json={"message": "No such entity with %1", "parameters": ["x"]})
    with pytest.raises(UpstreamFailed):
        await (await world.process()).quote_id(masked(CART), HERE)


# The epoch


async def test_a_new_state_places_nothing_until_it_is_old_enough(world: World) -> None:
    orders, other = await world.process(aged=False), await world.process(aged=False)
    began = world.clock.now
    assert not await orders.ready()
    with pytest.raises(OrderPending):
        await orders.place(masked(CART), CART, HERE)
    world.clock.now = began + HORIZON - 0.01
    assert not await other.ready()
    brief = await world.process(aged=False, patience=0.001, timeout=TIMEOUT)
    with pytest.raises(OrderPending):
        await brief.place(masked(CART), CART, HERE)
    assert world.commerce.asked("place") == 0
    world.clock.now = began + HORIZON
    assert await other.ready()
    assert await brief.place(masked(CART), CART, HERE) == NUMBER


async def test_an_order_is_found_however_young_the_state_is(world: World) -> None:
    world.commerce.order(CART)
    orders = await world.process(aged=False)
    assert await orders.place(masked(CART), CART, HERE) == FOUND


async def test_a_call_waits_for_a_young_state_as_long_as_it_can(world: World) -> None:
    orders = await world.process(aged=False, patience=HORIZON + 5)
    assert await orders.place(masked(CART), CART, HERE) == NUMBER
    assert world.commerce.asked("place") == 1


async def test_a_clock_that_is_behind_the_epochs_takes_it_for_young(world: World) -> None:
    orders = await world.process()
    world.clock.now -= 10 * HORIZON
    with pytest.raises(OrderPending):
        await orders.place(masked(CART), CART, HERE)
    assert world.commerce.asked("place") == 0


@pytest.mark.parametrize("after", [-1, 15.0, MAX_EXECUTION])
async def test_a_state_that_is_lost_after_sending_lets_no_second_order_through(world: World, after: float) -> None:
    world.commerce.placing = hanging(after)
    task_clock = world.clock
    orders, other = await world.process(), await world.process()

    async def lose_and_hang(commerce: Commerce, quote_id: int, deadline: float) -> httpx2.Response:
        if commerce.asked("place") == 1:
            await world.lose()
        return await hanging(after)(commerce, quote_id, deadline)

    world.commerce.placing = lose_and_hang
    answers = []
    for turn in range(12):
        try:
            answers.append(await (orders, other)[turn % 2].place(masked(CART), CART, HERE))
        except OrderPending:
            task_clock.now += 1
    assert set(answers) == {FOUND}
    assert world.commerce.asked("place") == 1


async def test_an_answer_of_commerce_counts_though_the_state_was_lost_meanwhile(world: World) -> None:
    async def lose_and_place(commerce: Commerce, quote_id: int, deadline: float) -> httpx2.Response:
        await world.lose()
        return await place(commerce, quote_id, deadline)

    world.commerce.placing = lose_and_place
    orders, other = await world.process(), await world.process()
    assert await orders.place(masked(CART), CART, HERE) == NUMBER
    assert await other.place(masked(CART), CART, HERE) == NUMBER
    assert [kind for kind, _, _ in world.commerce.log] == ["look", "place"]


async def test_a_redis_that_came_back_without_its_last_second_lets_no_second_order_through(tmp_path: Path) -> None:
    clock = Clock()
    commerce = Commerce(hanging(MAX_EXECUTION), clock)
    times: dict[str, Any] = {
        "max_execution": MAX_EXECUTION,
        "timeout": TIMEOUT,
        "margin": MARGIN,
        "patience": PATIENCE,
        "clock": clock,
        "sleep": clock.sleep,
    }
    with redis_server(tmp_path) as url:
        async with (
            closing(State(url)) as state,
            redis.from_url(url) as client,
            connected(commerce, state, **times) as orders,
        ):
            await orders.ready()
            clock.now += HORIZON
            assert await orders.ready()
            await client.save()  # what follows is lost
            with pytest.raises(OrderPending):
                await orders.place(masked(CART), CART, HERE)
            assert await state.get(KEY) is not None
            await client.shutdown(nosave=True)
    (tmp_path / "redis.sock").unlink(missing_ok=True)
    with redis_server(tmp_path) as url:
        async with closing(State(url)) as state, connected(commerce, state, **times) as orders:
            assert await state.get(KEY) is None
            assert await state.get(EPOCH) is not None
            assert not await orders.ready()
            with pytest.raises(OrderPending):
                await orders.place(masked(CART), CART, HERE)
            clock.now += HORIZON
            assert await orders.place(masked(CART), CART, HERE) == FOUND
    assert commerce.asked("place") == 1


# The state away


async def test_without_a_state_or_without_credentials_nothing_is_placed(world: World) -> None:
    async with connected(world.commerce, State(""), max_execution=1, patience=1) as stateless:
        assert not stateless.available
        with pytest.raises(StateUnavailable):
            await stateless.place(masked(CART), CART, HERE)
        with pytest.raises(StateUnavailable):
            await stateless.ready()
    assert (await world.process()).available
    orders = await world.process()
    orders._rest._credentials = None
    assert not orders.available
    with pytest.raises(UpstreamRefused):
        await orders.place(masked(CART), CART, HERE)
    assert world.commerce.asked("place") == 0


async def test_a_state_that_is_away_refuses_and_nothing_is_sent(tmp_path: Path) -> None:
    commerce = Commerce(place)
    async with (
        closing(State(f"unix://{tmp_path / 'nobody.sock'}")) as state,
        connected(commerce, state, max_execution=1, patience=1) as orders,
    ):
        with pytest.raises(StateUnavailable):
            await orders.place(masked(CART), CART, HERE)
    assert commerce.log == []


@pytest.mark.parametrize(("placing", "expected"), [(place, NUMBER), (hanging(3), FOUND), (hanging(), None)])
async def test_a_state_that_goes_away_after_sending_leaves_the_order_to_be_looked_up(
    tmp_path: Path, placing: Placing, expected: Placed | None
) -> None:
    clock = Clock()
    with redis_server(tmp_path) as url:
        state = State(url)

        async def stop_and_go_on(commerce: Commerce, quote_id: int, deadline: float) -> httpx2.Response:
            state._redis = redis.from_url(f"unix://{tmp_path / 'nobody.sock'}")
            return await placing(commerce, quote_id, deadline)

        commerce = Commerce(stop_and_go_on, clock)
        times: dict[str, Any] = {"max_execution": MAX_EXECUTION, "timeout": TIMEOUT, "patience": 2 * HORIZON}
        async with (
            state._redis,
            closing(state),
            connected(commerce, state, clock=clock, sleep=clock.sleep, **times) as orders,
        ):
            await orders.ready()
            clock.now += HORIZON
            if expected is None:
                with pytest.raises(OrderPending):
                    await orders.place(masked(CART), CART, HERE)
            else:
                assert await orders.place(masked(CART), CART, HERE) == expected
        assert commerce.asked("place") == 1


# Claims


async def test_what_is_claimed_outlives_all_that_can_still_run(redis_url: str) -> None:
    await flush(redis_url)
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(redis.from_url(redis_url))
        world = World(redis_url, Clock(), stack)
        lives: list[int] = []

        async def look_and_hang(commerce: Commerce, quote_id: int, deadline: float) -> httpx2.Response:
            lives.append(await client.pttl("vitrine:" + KEY))
            kept = Claim.of(await world.state().get(KEY) or b"")
            assert (kept.sent_at, kept.placed) == (world.clock.now, None)  # before the request left
            return await hanging()(commerce, quote_id, deadline)

        world.commerce.placing = look_and_hang
        orders = await world.process()
        with pytest.raises(OrderPending):
            await orders.place(masked(CART), CART, HERE)
        assert lives[0] > HORIZON * 1000
        assert await client.pttl("vitrine:" + EPOCH) == -1


async def test_a_claim_that_ran_out_is_as_none_and_the_order_is_looked_up_before_anything(world: World) -> None:
    world.commerce.placing = hanging(MAX_EXECUTION)
    orders = await world.process()
    with pytest.raises(OrderPending):
        await orders.place(masked(CART), CART, HERE)
    world.clock.now += 2 * HORIZON
    await world.state().delete(KEY)
    assert await orders.place(masked(CART), CART, HERE) == FOUND
    assert world.commerce.asked("place") == 1


async def test_a_call_that_lost_its_claim_while_it_looked_sends_nothing(world: World) -> None:
    slow, quick = await world.process(), await world.process()
    answers: list[Placed] = []

    async def meanwhile() -> None:
        world.commerce.looked = None
        await world.state().delete(KEY)  # its lease ran out
        answers.append(await quick.place(masked(CART), CART, HERE))

    world.commerce.looked = meanwhile
    assert await slow.place(masked(CART), CART, HERE) == NUMBER
    assert answers == [NUMBER]
    assert world.commerce.asked("place") == 1


async def test_a_call_that_was_held_up_before_sending_starts_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = await world.process()
    whole = Claims.send
    delays = [MARGIN, 0.0]

    async def late(self: Claims, quote_id: int, held: Claim, now: float) -> Claim | None:
        sent = await whole(self, quote_id, held, now)
        world.clock.now += delays.pop(0)
        return sent

    monkeypatch.setattr(Claims, "send", late)
    assert await orders.place(masked(CART), CART, HERE) == NUMBER
    assert [kind for kind, _, _ in world.commerce.log] == ["look", "look", "place"]
    assert delays == []


async def test_a_claim_that_cannot_be_read_lets_nobody_in(world: World) -> None:
    orders = await world.process()
    await world.state().put(KEY, b"?", 60)
    with pytest.raises(StateUnavailable):
        await orders.place(masked(CART), CART, HERE)
    assert world.commerce.log == []


async def test_carts_do_not_wait_for_each_other(world: World) -> None:
    world.commerce.placing = hanging()
    orders = await world.process()
    with pytest.raises(OrderPending):
        await orders.place(masked(CART), CART, HERE)
    world.commerce.placing = place
    began = world.clock.now
    assert await orders.place(masked(CART + 1), CART + 1, HERE) == NUMBER
    assert world.clock.now == began


# Cancelled


async def test_a_call_that_is_cancelled_while_commerce_works_leaves_the_cart_claimed(world: World) -> None:
    arrived = asyncio.Event()

    async def work(commerce: Commerce, quote_id: int, deadline: float) -> httpx2.Response:
        commerce.order(quote_id, 30)
        arrived.set()
        await asyncio.sleep(3600)
        raise AssertionError

    world.commerce.placing = work
    orders, other = await world.process(), await world.process()
    task = asyncio.create_task(orders.place(masked(CART), CART, HERE))
    await arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(OrderPending):
        await other.place(masked(CART), CART, HERE)
    assert await other.place(masked(CART), CART, HERE) == FOUND
    assert world.commerce.asked("place") == 1


async def test_a_call_that_is_cancelled_before_anything_was_sent_leaves_the_cart_free(world: World) -> None:
    arrived = asyncio.Event()

    async def never() -> None:
        arrived.set()
        await asyncio.sleep(3600)

    orders, other = await world.process(), await world.process()
    world.commerce.looked = never
    task = asyncio.create_task(orders.place(masked(CART), CART, HERE))
    await arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    world.commerce.looked = None
    began = world.clock.now
    assert await other.place(masked(CART), CART, HERE) == NUMBER
    assert world.clock.now == began


# In parallel, on the real clock


async def _parallel(
    url: str, placing: Placing, *, calls: int, patience: float, timeout: float = 3
) -> tuple[Commerce, list[object]]:
    commerce = Commerce(placing)
    shared = State(url)
    states = [shared if url == "memory://" else State(url) for _ in range(3)]
    times: dict[str, Any] = {"max_execution": 4, "timeout": timeout, "margin": 1, "patience": patience}
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(closing(shared, *states))
        before = await stack.enter_async_context(connected(commerce, shared, clock=lambda: time.time() - 60, **times))
        await before.ready()
        processes = [await stack.enter_async_context(connected(commerce, state, **times)) for state in states]
        answers = await asyncio.gather(
            *(processes[call % 3].place(masked(CART), CART, HERE) for call in range(calls)), return_exceptions=True
        )
    return commerce, list(answers)


@pytest.mark.parametrize("kind", ["memory", "redis"])
async def test_calls_in_parallel_get_one_order(kind: str, redis_url: str) -> None:
    async def slowly(commerce: Commerce, quote_id: int, deadline: float) -> httpx2.Response:
        await asyncio.sleep(0.2)
        return await place(commerce, quote_id, deadline)

    await flush(redis_url)
    commerce, answers = await _parallel(redis_url if kind == "redis" else "memory://", slowly, calls=12, patience=20)
    assert answers == [NUMBER] * 12
    assert [kind for kind, _, _ in commerce.log] == ["look", "place"]


@pytest.mark.parametrize("kind", ["memory", "redis"])
async def test_calls_in_parallel_find_the_one_order_that_came_late(kind: str, redis_url: str) -> None:
    async def late(commerce: Commerce, quote_id: int, deadline: float) -> httpx2.Response:
        commerce.order(quote_id, deadline + 0.3)
        await asyncio.sleep(60)  # the deadline is asyncio's own here
        raise AssertionError

    await flush(redis_url)
    commerce, answers = await _parallel(
        redis_url if kind == "redis" else "memory://", late, calls=9, patience=20, timeout=0.5
    )
    assert answers == [FOUND] * 9
    assert commerce.asked("place") == 1


@pytest.mark.parametrize("kind", ["memory", "redis"])
async def test_calls_in_parallel_that_cannot_wait_are_pending(kind: str, redis_url: str) -> None:
    async def slowly(commerce: Commerce, quote_id: int, deadline: float) -> httpx2.Response:
        await asyncio.sleep(0.5)
        return await place(commerce, quote_id, deadline)

    await flush(redis_url)
    commerce, answers = await _parallel(redis_url if kind == "redis" else "memory://", slowly, calls=6, patience=0.05)
    assert [answer for answer in answers if isinstance(answer, Placed)] == [NUMBER]
    assert sum(isinstance(answer, OrderPending) for answer in answers) == 5
    assert len(commerce.orders) == 1


# Anything, in any order


PLACINGS: dict[str, Placing] = {
    "good": place_or_refuse,
    "twice": place,
    "lost": hanging(),
    "late": hanging(20),
    "latest": hanging(MAX_EXECUTION),
    "crash": answering(crashed),
    "crash after": answering(crashed, ordered=True),
    "refused": answering(lambda: refused("Enter a valid payment method", "graphql-input")),
    "refused after": answering(lambda: refused("A server error stopped your order", "graphql-input"), ordered=True),
    "internal": answering(internal),
}
STEPS = st.one_of(
    st.tuples(st.just("place"), st.sampled_from(sorted(PLACINGS)), st.booleans()),
    st.tuples(st.just("wait"), st.sampled_from([1.0, 15.0, MAX_EXECUTION, HORIZON]), st.booleans()),
    st.tuples(st.just("lose"), st.just(""), st.booleans()),
    st.tuples(st.just("rest away"), st.just(""), st.booleans()),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(STEPS, max_size=12))
def test_whatever_happens_a_cart_has_one_order_in_the_end(steps: list[tuple[str, Any, bool]]) -> None:
    async def scenario() -> None:
        async with AsyncExitStack() as stack:
            world = World("memory://", Clock(), stack)
            processes = [await world.process(aged=False), await world.process(aged=False, patience=HORIZON)]
            told: set[str] = set()
            for kind, what, flag in steps:
                if kind == "wait":
                    world.clock.now += what
                elif kind == "lose":
                    await world.lose()
                elif kind == "rest away":
                    world.commerce.rest = (lambda: crashed(503)) if flag else (lambda: None)
                else:
                    world.commerce.placing = PLACINGS[what]
                    with suppress(OrderPending, OrderRefused, UpstreamError):
                        told.add((await processes[flag].place(masked(CART), CART, HERE)).number)
                assert len(world.commerce.orders) <= 1
            world.commerce.rest, world.commerce.placing = (lambda: None), place
            world.clock.now += 2 * HORIZON
            told.add((await processes[1].place(masked(CART), CART, HERE)).number)
            assert [order.number for order in world.commerce.orders] == sorted(told)

    asyncio.run(scenario())


async def test_two_shops_that_share_a_state_have_claims_of_their_own() -> None:
    state = State("memory://")
    one, other = (
        Claims(state, shop=shop, horizon=HORIZON, holding=1) for shop in ("https://one.test", "https://two.test")
    )
    placed = Placed("000000001", 1)
    await one.settle(CART, None, placed)
    found = await one.found(CART)
    assert found is not None
    assert found.placed == placed
    assert await other.found(CART) is None
