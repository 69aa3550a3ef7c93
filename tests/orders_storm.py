"""Many carts, many calls at once, a hostile Commerce and a state that is lost in the middle: never two orders.

`python -m tests.orders_storm --carts 1000` runs the whole; a small one is among the tests (tests/test_orders_storm.py). With a
sabotage (the claim, the look-up, the epoch or the wait before a takeover removed) it must find carts with two orders.

Commerce here is a stand-in at the transport that answers the three requests of app/commerce/orders.py in the shapes of
the recordings pay-007, pay-008, pay-010 to pay-012, ord-002 and cart-059.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx2
import structlog

from app.commerce.capabilities import Capabilities
from app.commerce.client import GraphQL, StoreContext
from app.commerce.operations import Operations
from app.commerce.orders import OrderPending, Orders
from app.commerce.placing import Claim, Claims, Placed, Standing
from app.commerce.reads import Reads
from app.commerce.rest import Integration, Rest
from app.commerce.slices import pinned, schema_of
from app.errors import VitrineError
from app.http import Breaker, Upstream
from app.state import State
from app.telemetry import Metrics
from tests.redis_server import closing, flush, redis_server

HERE = StoreContext()

# What versions offer for placing, out of their schemas.
OLD = """
type Query { storeConfig: StoreConfig }
type StoreConfig { store_code: ID }
type Mutation { placeOrder(input: PlaceOrderInput): PlaceOrderOutput }
input PlaceOrderInput { cart_id: String! }
type PlaceOrderOutput { order: Order! }
type Order { order_id: String  order_number: String! }
"""
NEW = """
type Query { storeConfig: StoreConfig }
type StoreConfig { store_code: ID }
type Mutation { placeOrder(input: PlaceOrderInput): PlaceOrderOutput }
input PlaceOrderInput { cart_id: String! }
type PlaceOrderOutput { errors: [PlaceOrderError]  order: Order  orderV2: CustomerOrder }
type Order { order_id: String  order_number: String! }
type CustomerOrder { number: String! }
type PlaceOrderError { code: PlaceOrderErrorCodes!  message: String! }
enum PlaceOrderErrorCodes { CART_NOT_ACTIVE CART_NOT_FOUND GUEST_EMAIL_MISSING UNABLE_TO_PLACE_ORDER UNDEFINED }
"""
SAAS = NEW.replace("order: Order  ", "")
NOTHING = "type Query { storeConfig: StoreConfig } type StoreConfig { store_code: ID }"


def masked(quote_id: int) -> str:
    """The masked id of a cart of the stand-in."""
    return f"{quote_id:032}"


@dataclass(frozen=True)
class Order:
    """An order that exists from a moment on."""

    quote_id: int
    entity_id: int
    number: str
    since: float


class Commerce:
    """The stand-in. `placing` is what it does about a request to place the order of a cart; it gets the deadline too.

    `log` has what it was asked: ("place", quote id, time), ("look", quote id, time) or ("cart", id, time).
    """

    def __init__(self, placing: Placing, clock: Callable[[], float] = time.time) -> None:
        self.placing = placing
        self.clock = clock
        self.orders: list[Order] = []
        self.log: list[tuple[str, int, float]] = []
        self.rest: Callable[[], httpx2.Response | None] = lambda: None
        self.looked: Callable[[], Awaitable[None]] | None = None

    async def __call__(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        if path == "/graphql":
            body = json.loads(request.content)
            quote_id = int(body["variables"]["cartId"])
            self.log.append(("place", quote_id, self.clock()))
            return await self.placing(self, quote_id, request.extensions["timeout"]["read"])
        if path == "/rest/V1/orders":
            wanted = parse_qs(request.url.query.decode())
            assert wanted["searchCriteria[filter_groups][0][filters][0][field]"] == ["quote_id"]
            assert wanted["searchCriteria[filter_groups][0][filters][0][condition_type]"] == ["eq"]
            assert wanted["fields"] == ["items[entity_id,increment_id],total_count"]
            quote_id = int(wanted["searchCriteria[filter_groups][0][filters][0][value]"][0])
            self.log.append(("look", quote_id, self.clock()))
            answer = self.rest() or self.found(quote_id)
            if self.looked:
                await self.looked()
            return answer
        assert path.startswith("/rest/V1/guest-carts/")
        quote_id = int(path.rpartition("/")[2])
        self.log.append(("cart", quote_id, self.clock()))
        return self.rest() or httpx2.Response(200, json={"id": quote_id, "is_active": True, "items": []})

    def found(self, quote_id: int) -> httpx2.Response:
        """The answer to a look-up."""
        items = [{"entity_id": order.entity_id, "increment_id": order.number} for order in self.orders_of(quote_id)]
        return httpx2.Response(200, json={"items": items or None, "total_count": len(items)})

    def orders_of(self, quote_id: int) -> list[Order]:
        """The orders of a cart that exist by now."""
        return [order for order in self.orders if order.quote_id == quote_id and order.since <= self.clock()]

    def order(self, quote_id: int, after: float = 0) -> Order:
        """Makes an order, which exists after so many seconds."""
        entity_id = len(self.orders) + 1
        made = Order(quote_id, entity_id, f"{entity_id:09}", self.clock() + after)
        self.orders.append(made)
        return made

    def asked(self, what: str) -> int:
        """How often it was asked that."""
        return sum(kind == what for kind, _, _ in self.log)


Placing = Callable[[Commerce, int, float], Awaitable[httpx2.Response]]


def answered(number: str) -> httpx2.Response:
    """pay-010."""
    return httpx2.Response(200, json={"data": {"placeOrder": {"order": {"order_number": number}}}})


def refused(message: str, category: str) -> httpx2.Response:
    """cart-059, pay-012."""
    error = {
        "message": message,
        "extensions": {"category": category},
        "locations": [{"line": 1, "column": 24}],
        "path": ["placeOrder"],
    }
    return httpx2.Response(200, json={"errors": [error], "data": {"placeOrder": None}})


def crashed(status: int = 500) -> httpx2.Response:
    """Commerce's page for an error that PHP did not catch."""
    page = "<!doctype html><title>There has been an error processing your request</title>"
    return httpx2.Response(status, text=page, headers={"content-type": "text/html"})


def inactive() -> httpx2.Response:
    """What a cart says that has become an order."""
    return refused("The cart isn't active.", "graphql-no-such-entity")


@cache
def _capabilities(schema: str) -> Capabilities:
    return Capabilities(Operations(schema_of(schema)), {}, (), live=False, like=next(iter(pinned().values())))


SHOP = "https://shop.test"


@asynccontextmanager
async def connected(
    commerce: Commerce, state: State, *, schema: str = OLD, kind: type[Orders] = Orders, **times: Any
) -> AsyncIterator[Orders]:
    """Orders as one process of ours has them."""
    upstream = Upstream(
        "commerce",
        SHOP,
        metrics=Metrics(),
        timeout=5,
        connect_timeout=1,
        connections=1000,
        attempts=1,
        breaker=Breaker(1_000_000, 60),
        max_response=1_000_000,
        transport=httpx2.MockTransport(commerce),
    )
    reads = Reads(GraphQL(upstream), _capabilities(schema), limit=300)
    rest = Rest(upstream, Integration("key", "secret", "token", "secret"))
    try:
        yield kind(lambda: reads, rest, state, shop=SHOP, **times)
    finally:
        await upstream.close()


# The storm

MAX_EXECUTION, TIMEOUT, MARGIN, PATIENCE = 0.6, 0.3, 0.2, 2.5
PROCESSES = 2
AT_ONCE = 30  # carts at most; redis-py has no room for more than 100 commands at once in a pool


class Hostile:
    """A Commerce that is at every request in a task of its own, whatever becomes of the connection, and makes an order
    of a cart as often as it is asked at the same time (`conc-000-parallel`). Where it crashes, the order is saved and
    the cart is not: it stays active, and can be ordered again."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.kinds: Counter[str] = Counter()
        self.working: set[int] = set()
        self.active: set[int] = set()
        self.tasks: set[asyncio.Task[None]] = set()

    async def place(self, commerce: Commerce, quote_id: int, deadline: float) -> httpx2.Response:
        if commerce.orders_of(quote_id) and quote_id not in self.active:
            return inactive()
        (kind,) = self.random.choices(("good", "hang", "late", "crash"), (50, 20, 20, 10))
        self.kinds[kind] += 1
        soon = self.random.uniform(0.05, 0.2)
        # The latest is what the settings promise: max_execution after we gave up.
        delay = deadline + self.random.uniform(0.05, MAX_EXECUTION - 0.05) if kind == "late" else soon
        if kind == "crash":
            self.active.add(quote_id)
        work = asyncio.create_task(self.work(commerce, quote_id, delay))
        self.tasks.add(work)
        work.add_done_callback(self.tasks.discard)
        if kind in ("hang", "late"):
            await asyncio.sleep(60)
        await asyncio.shield(work)
        return crashed() if kind == "crash" else answered(commerce.orders_of(quote_id)[-1].number)

    async def work(self, commerce: Commerce, quote_id: int, delay: float) -> None:
        self.working.add(quote_id)
        await asyncio.sleep(delay)
        commerce.order(quote_id)
        self.working.discard(quote_id)


@dataclass
class Result:
    """What a storm left. `doubled` are carts with two orders or more, `unordered` those without any at the end;
    calls ended with `ordered` (their cart's only order), `pending`, or something `other`, counted by its code."""

    carts: int
    doubled: int = 0
    unordered: int = 0
    ordered: int = 0
    wrong: int = 0
    pending: int = 0
    other: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    flushed_while_working: int = 0
    seconds: float = 0.0


async def storm(carts: int, calls: int, seed: int, *, sabotage: type[Orders] | None = None) -> Result:
    """`calls` parallel calls for each of so many carts, over two processes' worth of `Orders` on one real Redis, which
    is emptied once in the middle. Calls that end pending are asked again once at the end, as a shopper would."""
    started = time.monotonic()
    hostile = Hostile(seed)
    commerce = Commerce(hostile.place)
    result = Result(carts, kinds=hostile.kinds)
    times: dict[str, Any] = {
        "max_execution": MAX_EXECUTION,
        "timeout": TIMEOUT,
        "margin": MARGIN,
        "patience": PATIENCE,
    }
    with tempfile.TemporaryDirectory() as folder, redis_server(Path(folder)) as url:
        states = [State(url) for _ in range(PROCESSES)]
        async with closing(*states), _processes(commerce, states, sabotage or Orders, times) as processes:
            while not await processes[0].ready():
                await asyncio.sleep(0.05)
            answers = await _rain(carts, calls, hostile, processes, url, result)
            if hostile.tasks:
                await asyncio.wait(hostile.tasks)
            for cart in range(1, carts + 1):
                answers.append(await _ask(processes[cart % PROCESSES], cart))
    made = Counter(order.quote_id for order in commerce.orders)
    numbers = {order.quote_id: order.number for order in commerce.orders}
    result.doubled = sum(count > 1 for count in made.values())
    result.unordered = carts - len(made)
    for cart, answer in answers:
        if isinstance(answer, Placed):
            result.ordered += 1
            result.wrong += answer.number != numbers[cart]
        elif answer == OrderPending.code:
            result.pending += 1
        else:
            result.other[answer] += 1
    result.seconds = round(time.monotonic() - started, 1)
    return result


@asynccontextmanager
async def _processes(
    commerce: Commerce, states: list[State], kind: type[Orders], times: dict[str, Any]
) -> AsyncIterator[list[Orders]]:
    one, other = (connected(commerce, state, kind=kind, **times) for state in states)
    async with one as first, other as second:
        yield [first, second]


async def _rain(
    carts: int, calls: int, hostile: Hostile, processes: list[Orders], url: str, result: Result
) -> list[tuple[int, Placed | str]]:
    room = asyncio.Semaphore(min(AT_ONCE, max(8, carts // 4)))
    shopped = left = 0

    async def shop(cart: int) -> list[tuple[int, Placed | str]]:
        nonlocal shopped, left
        async with room:
            shopped += 1
            answers = await asyncio.gather(*(_ask(processes[call % PROCESSES], cart) for call in range(calls)))
            left += 1
            return answers

    async def lose() -> None:
        while left < carts and (shopped < carts / 2 or len(hostile.working) < min(5, carts // 5)):
            await asyncio.sleep(0.01)
        result.flushed_while_working = len(hostile.working)
        await flush(url)

    losing = asyncio.create_task(lose())
    answers = await asyncio.gather(*map(shop, range(1, carts + 1)))
    await losing
    return [answer for each in answers for answer in each]


async def _ask(orders: Orders, cart: int) -> tuple[int, Placed | str]:
    try:
        return cart, await orders.place(masked(cart), cart, HERE)
    except VitrineError as error:
        return cart, error.code


# Sabotages: the product with one rule removed


class _Unclaimed(Claims):
    """Lets everybody in."""

    async def take(self, quote_id: int, claim: Claim, now: float, *, over: Claim | None = None) -> Standing:
        standing = await super().take(quote_id, claim, now, over=over)
        if standing.young or (standing.found and (standing.found.placed or standing.found.token == claim.token)):
            return standing
        return replace(standing, taken=True)

    async def send(self, quote_id: int, held: Claim, now: float) -> Claim | None:
        return await super().send(quote_id, held, now) or replace(held, sent_at=now)


class _Ageless(Claims):
    """Takes every epoch for old enough."""

    async def _run(self, keys: list[str], arguments: list[bytes | str | int]) -> Any:
        return await super()._run(keys, [arguments[0], "0", *arguments[2:]])


class WithoutClaim(Orders):
    """Without the lock."""

    def __init__(self, *given: Any, **times: Any) -> None:
        super().__init__(*given, **times)
        self._claims = _Unclaimed(self._state, shop=SHOP, horizon=self._horizon, holding=1)


class WithoutLookUp(Orders):
    """Without looking for an order."""

    async def find(self, quote_id: int, headers: Mapping[str, str] | None = None) -> Placed | None:
        return None


class WithoutEpoch(Orders):
    """Without the epoch's rule."""

    def __init__(self, *given: Any, **times: Any) -> None:
        super().__init__(*given, **times)
        self._claims = _Ageless(self._state, shop=SHOP, horizon=self._horizon, holding=1)


class WithoutWaiting(Orders):
    """Takes over at once what has no order yet."""

    def __init__(self, *given: Any, **times: Any) -> None:
        super().__init__(*given, **times)
        self._horizon = 0.0


SABOTAGES = {kind.__name__: kind for kind in (WithoutClaim, WithoutLookUp, WithoutEpoch, WithoutWaiting)}


def main() -> None:
    """The storm by hand."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--carts", type=int, default=1000)
    parser.add_argument("--calls", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sabotage", choices=sorted(SABOTAGES))
    given = parser.parse_args()
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    result = asyncio.run(storm(given.carts, given.calls, given.seed, sabotage=SABOTAGES.get(given.sabotage)))
    print(result)  # noqa: T201 - this is what it is for
    raise SystemExit(bool(result.doubled or result.unordered or result.wrong or result.other))


if __name__ == "__main__":
    main()
