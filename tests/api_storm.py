"""Many carts, many calls at once over two API processes, a hostile Commerce and a Redis that is emptied in the middle.

`python -m tests.api_storm --carts 1000` runs the whole; a small one is among the tests (tests/test_api_storm.py). No
cart may have two orders; a call whose session survived ends with its cart's order; one whose session was lost ends
with that order too, or with CART_EXPIRED and nothing beside it. With a sabotage (a rule of app/commerce/orders.py
removed) the run must fail. What it drives is in tests/api_processes.py.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx2

from tests.api_processes import ADMIN, Running, Times, processes
from tests.orders_storm import SABOTAGES
from tests.redis_server import flush
from tests.test_checkout import OAKLAND, PLACE

FAULTS = "place_then_hang=0.2,place_after_close=0.2,error_after_place=0.05,crash_after_place=0.05"
TIMES = Times()
AT_ONCE = 16  # carts that are ordered at the same time; a few more are being made ready
AGAIN = 60.0  # seconds that a shopper whose order is pending goes on asking
PENDING = frozenset({"ORDER_PENDING", "IDEMPOTENCY_PENDING"})
LOST = "CART_EXPIRED"
BROKEN = 3  # exit status

# One request for all steps before the order: mutations of a document are done one after the other.
PREPARE = """mutation Prepare($email: String!, $address: AddressInput!) {
  a: cartAdd(lines: [{sku: "TT-C12", quantity: 2}]) { userErrors { code } }
  b: checkoutSetEmail(email: $email) { userErrors { code } }
  c: checkoutSetShippingAddress(address: $address, sameForBilling: true) { userErrors { code } }
  d: checkoutSetShippingMethod(carrier: "flatrate", method: "flatrate") { userErrors { code } }
  e: checkoutSetPaymentMethod(code: "checkmo") { checkout { ready } userErrors { code } }
}"""


@dataclass(frozen=True)
class Cart:
    """A cart that is ready to be ordered. `begun` is when its session was, by the monotonic clock."""

    number: int
    token: str = field(repr=False)
    begun: float


@dataclass(frozen=True)
class Ended:
    """A call's end: the order's number, or what codes it ended with."""

    cart: Cart
    at: float
    number: str | None
    codes: tuple[str, ...]


@dataclass
class Result:
    """What a storm left, counted.

    Carts: `doubled` have two orders or more, `unordered` none (`abandoned` of them because their session was lost).
    Calls: `ordered` ended with their cart's only order, `lost` with one CART_EXPIRED after their session was lost,
    `wrong` with another order, `unclear` with anything else, by their codes. `saved` are those of `ordered` whose
    session was lost meanwhile. `asked` counts requests to place an order, `in_flight` and `placing` the calls and
    Commerce's placings at the moment when Redis was emptied.
    """

    carts: int
    doubled: int = 0
    unordered: int = 0
    abandoned: int = 0
    ordered: int = 0
    saved: int = 0
    lost: int = 0
    wrong: int = 0
    unclear: Counter[str] = field(default_factory=Counter)
    faults: dict[str, int] = field(default_factory=dict)
    asked: int = 0
    in_flight: int = 0
    placing: int = 0
    prepared_again: int = 0
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether the API kept its promises."""
        return not (self.doubled or self.wrong or self.unclear or self.unordered != self.abandoned)


class Storm:
    """One run against processes that are there."""

    def __init__(self, running: Running, carts: int, calls: int) -> None:
        self._running = running
        self._calls = calls
        self._numbers = iter(range(1, carts + 1))
        self._at_once = min(AT_ONCE, max(4, carts // 3))
        # Some are ready long before they are ordered, so that Redis is emptied under these as well.
        self._ready: asyncio.Queue[Cart | None] = asyncio.Queue(maxsize=self._at_once // 2)
        plain: dict[str, Any] = {"trust_env": False, "verify": False}  # no certificates are read for nothing
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=200)
        self._apis = [httpx2.AsyncClient(base_url=url, timeout=120, limits=limits, **plain) for url in running.apis]
        self._commerce = httpx2.AsyncClient(base_url=running.commerce, timeout=120, **plain)
        self._ended: list[Ended] = []
        self._shopping = 0
        self._taken = self._left = 0
        # From just before Redis is emptied until it surely is, by the monotonic clock.
        self._flushing = float("inf")
        self._flushed = float("inf")
        self.result = Result(carts)

    async def run(self) -> Result:
        """The storm, from the first cart to the last answer."""
        started = time.monotonic()
        try:
            async with asyncio.TaskGroup() as together:
                for work in (self._prepare_all(), self._lose(), *(self._shop() for _ in range(self._at_once))):
                    together.create_task(work)
            while await self._placing():
                await asyncio.sleep(0.1)
            self.result.faults = (await self._commerce.get("/__sandbox/faults")).json()
            self._judge(await self._orders())
        finally:
            for client in (*self._apis, self._commerce):
                await client.aclose()
        self.result.seconds = round(time.monotonic() - started, 1)
        return self.result

    async def _prepare_all(self) -> None:
        await asyncio.gather(*(self._prepare() for _ in self._apis))
        for _ in range(self._at_once):
            await self._ready.put(None)

    async def _prepare(self) -> None:
        for number in self._numbers:
            cart = None
            while cart is None:
                cart = await self._prepared(number)
            await self._ready.put(cart)

    async def _prepared(self, number: int) -> Cart | None:
        """A cart that is ready. None: Redis was emptied at some point, so that its session may be there or not."""
        api = self._apis[number % len(self._apis)]
        begun = time.monotonic()
        headers = {"X-Vitrine": "1", "X-Session-Token": "request"}
        variables = {"email": _email(number), "address": OAKLAND}
        answer = await api.post("/graphql", json={"query": PREPARE, "variables": variables}, headers=headers)
        if begun <= self._flushed and time.monotonic() >= self._flushing:
            self.result.prepared_again += 1
            return None
        data = answer.json().get("data")
        if not data or any(step is None or step["userErrors"] for step in data.values()):
            raise RuntimeError(f"a cart cannot be made ready: {answer.text}")
        return Cart(number, answer.headers["x-session-token"], begun)

    async def _lose(self) -> None:
        """Empties Redis, once, while Commerce is at several orders. Before that some carts are done with, and after it
        some are begun."""
        carts = self.result.carts
        enough = min(5, max(2, carts // 8))
        while self._taken < carts:
            nearly_over = self._taken > carts - self._at_once // 2
            if self._left >= carts / 3 and await self._placing() >= (1 if nearly_over else enough):
                if nearly_over:
                    break
                # The other calls of these carts come to wait for the one that places, if it takes its time.
                await asyncio.sleep(0.25)
                if await self._placing() >= enough // 2:
                    break
            await asyncio.sleep(0.02)
        self.result.in_flight, self.result.placing = self._shopping, await self._placing()
        self._flushing = time.monotonic()
        await flush(self._running.redis)
        self._flushed = time.monotonic()

    async def _shop(self) -> None:
        while (cart := await self._ready.get()) is not None:
            self._taken += 1
            self._ended += await asyncio.gather(*(self._call(cart, number) for number in range(self._calls)))
            self._left += 1

    async def _call(self, cart: Cart, number: int) -> Ended:
        """One call, asked again as a shopper would as long as its order is pending."""
        # Some calls are one request sent again, others a second click: both come to different processes.
        variables = {"key": f"cart-{cart.number}-{number % 3}", "agreements": ["1"]}
        body = {"query": PLACE, "variables": variables}
        headers = {"X-Vitrine": "1", "Authorization": f"Bearer {cart.token}"}
        until = time.monotonic() + AGAIN
        asked = number
        while True:
            api = self._apis[asked % len(self._apis)]
            asked += 1
            self.result.asked += 1
            self._shopping += 1
            try:
                answer = (await api.post("/graphql", json=body, headers=headers)).json()
            finally:
                self._shopping -= 1
            at = time.monotonic()
            payload = (answer.get("data") or {}).get("checkoutPlaceOrder") or {"number": None, "userErrors": []}
            codes = [f"errors: {error['extensions']['code']}" for error in answer.get("errors", ())]
            codes += [error["code"] for error in payload["userErrors"]]
            if PENDING.isdisjoint(codes) or at > until:
                return Ended(cart, at, payload["number"], tuple(codes))
            await asyncio.sleep(0.1)

    async def _placing(self) -> int:
        """How many orders Commerce is at."""
        found: int = (await self._commerce.get("/__sandbox/pending")).json()["pending"]
        return found

    async def _orders(self) -> list[dict[str, Any]]:
        """All orders, as Commerce has them."""
        given = {"username": ADMIN[0], "password": ADMIN[1]}
        token = (await self._commerce.post("/rest/V1/integration/admin/token", json=given)).json()
        path = "/rest/V1/orders?searchCriteria=&fields=items[increment_id,quote_id,customer_email]"
        listed = await self._commerce.get(path, headers={"Authorization": f"Bearer {token}"})
        items: list[dict[str, Any]] = listed.json()["items"]
        return items

    def _judge(self, orders: list[dict[str, Any]]) -> None:
        result = self.result
        made = Counter(order["quote_id"] for order in orders)
        numbers = {order["customer_email"]: order["increment_id"] for order in orders}
        result.doubled = sum(count > 1 for count in made.values())
        result.unordered = result.carts - len(numbers)
        abandoned = set()
        for ended in self._ended:
            lost = ended.cart.begun <= self._flushed and ended.at >= self._flushing
            own = numbers.get(_email(ended.cart.number))
            if ended.number is not None and not ended.codes:
                result.ordered += 1
                result.saved += lost
                result.wrong += ended.number != own
            elif lost and ended.number is None and ended.codes == (LOST,):
                result.lost += 1
                if own is None:
                    abandoned.add(ended.cart.number)
            else:
                result.unclear[f"{'lost' if lost else 'alive'}: {', '.join(ended.codes) or 'nothing'}"] += 1
        result.abandoned = len(abandoned)


def _email(number: int) -> str:
    return f"shopper-{number}@example.com"


async def storm(
    carts: int,
    calls: int,
    seed: int,
    *,
    sabotage: str | None = None,
    faults: str = FAULTS,
    times: Times = TIMES,
) -> Result:
    """`calls` parallel calls for each of so many carts over two processes.

    `sabotage` is one of `SABOTAGES`, `faults` how likely each of Commerce's is.
    """
    with processes(seed, faults, times, sabotage) as running:
        return await Storm(running, carts, calls).run()


def main() -> None:
    """The storm by hand; exit status 3 when the API broke a promise, which no mistake of the run itself looks like."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--carts", type=int, default=1000)
    parser.add_argument("--calls", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sabotage", choices=sorted(SABOTAGES))
    given = parser.parse_args()
    result = asyncio.run(storm(given.carts, given.calls, given.seed, sabotage=given.sabotage))
    print(result)  # noqa: T201 - this is what it is for
    raise SystemExit(0 if result.passed else BROKEN)


if __name__ == "__main__":
    main()
