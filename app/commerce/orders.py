"""The one place that places orders: exactly one per cart, however many calls, processes, time-outs and lost states.

Commerce itself makes three orders of three parallel calls, and may make one long after our connection to it closed
(FACTS, Carts and orders). So a call here first gets the cart's claim (app/commerce/placing.py), then looks for an order
by the cart's quote id, and only then sends `PlaceOrder`, once. Commerce's answer is the order or a refusal. Anything
else is an unknown outcome: the cart stays claimed, and the order is looked up again and again until it is found or
until nothing can be running any more; only after that, and after one more look, may it be placed again.

    OrderPending (Rejected)   ORDER_PENDING   it is not known yet whether there is an order: ask again
    OrderRefused (Rejected)   ORDER_REFUSED   there is none, and Commerce says why

What no client of Commerce can rule out: a machine that stands still between the last look at its clock and the sending
of the request, for longer than the margin.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from app.commerce.client import NOT_FOUND, UNAUTHORIZED, Reply, StoreContext
from app.commerce.placing import Claim, Claims, Placed, Standing
from app.commerce.reads import Reads
from app.commerce.rest import Rest
from app.errors import (
    Rejected,
    StateUnavailable,
    UpstreamError,
    UpstreamFailed,
    UpstreamInvalid,
    UpstreamRefused,
)
from app.state import State
from app.telemetry import log

MARGIN = 5.0  # seconds that clocks may differ and that a request may be held up on its way out
POLL = 0.1  # seconds between looks at another call's claim
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 4.0  # seconds between look-ups, which cost Commerce half a second of work each
NOTE_PAUSE, LONGEST_NOTE_PAUSE = 0.2, 1.0  # seconds between tries of a comment: four at most

# Commerce's words for an error that ended the request. Others, "internal" above all, can come of an order that exists.
DEFINITE = frozenset({NOT_FOUND, UNAUTHORIZED, "graphql-input", "graphql-authentication", "graphql"})


class OrderPending(Rejected):
    """Whether the cart has become an order is not known yet. The same call again goes on waiting for it."""

    code = "ORDER_PENDING"
    status = 409

    def __init__(self) -> None:
        super().__init__("The order is not confirmed yet. Ask again; it will not be placed twice.")


class OrderRefused(Rejected):
    """Commerce refused to make an order of the cart, and there is none.

    `category` is Commerce's word for the kind (`graphql-input`, or from 2.4.7 such as `UNABLE_TO_PLACE_ORDER`) and
    `reason` its message in the store's language, such as "Unable to place order: …": for stable codes, by the caller.
    """

    code = "ORDER_REFUSED"
    status = 422

    def __init__(self, category: str, reason: str) -> None:
        super().__init__("The order could not be placed.")
        self.category = category
        self.reason = reason


@dataclass(slots=True)
class _Call:
    """One call of `place`: what it wants, what it has sent without knowing the end, and what it may take over."""

    cart_id: str
    quote_id: int
    store: StoreContext
    headers: Mapping[str, str]
    claim: Claim = field(default_factory=Claim.fresh)
    sent: Claim | None = None
    ended: Claim | None = None
    pause: float = FIRST_PAUSE
    wait: float = POLL


class Orders:
    """Places orders and finds them. `reads` gives the newest `Reads`, and `shop` is Commerce's URL.

    In seconds: `max_execution` is how long Commerce can be at a request after we gave it up; `timeout` how long one
    request for an order is waited for (half of `patience`, if not given, and never longer than `max_execution`);
    `patience` how long a call may take before it answers `OrderPending`; `margin` how far our machines' clocks may
    differ and a request may be held up before it leaves. `clock` is the time that all our processes share.
    """

    def __init__(
        self,
        reads: Callable[[], Reads],
        rest: Rest,
        state: State,
        *,
        shop: str,
        max_execution: float,
        patience: float,
        timeout: float | None = None,
        margin: float = MARGIN,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._reads = reads
        self._rest = rest
        self._state = state
        self._patience = patience
        self._timeout = min(timeout or patience / 2, max_execution)
        self._held_up = margin / 2
        self._horizon = self._timeout + max_execution + margin
        self._clock = clock
        self._sleep = sleep
        self._claims = Claims(state, shop=shop, horizon=self._horizon, holding=2 * self._timeout + margin)

    @property
    def available(self) -> bool:
        """Whether orders can be placed at all: REST credentials and a state are set."""
        return self._rest.available and self._state.configured

    async def ready(self) -> bool:
        """Whether the state is old enough for placing. Asked at start, it spares the first shopper the wait.

        Raises `StateUnavailable`.
        """
        return await self._claims.ready(self._clock())

    async def pending(self, quote_id: int) -> bool:
        """Whether an order of the cart is being placed, or may be: what is changed in the cart now could be in it or
        not. Not once the order can be seen, when Commerce itself refuses changes. Raises `StateUnavailable`."""
        claim = await self._claims.found(quote_id)
        if claim is None or claim.placed is not None:
            return False
        if claim.sent_at is None:
            return True
        if self._clock() >= claim.sent_at + self._horizon:
            return False
        try:
            placed = await self.find(quote_id)
        except UpstreamError as error:
            log.warning("orders.not_looked_up", quote=quote_id, code=error.code, detail=error.detail)
            return True
        if placed is not None:
            await self._claims.settle(quote_id, claim, placed)
        return placed is None

    async def quote_id(self, cart_id: str, store: StoreContext, headers: Mapping[str, str] | None = None) -> int:
        """The numeric id of the cart with this masked id, by which its order is found; `headers` are the shopper's.
        Raises an `UpstreamError`."""
        path = f"guest-carts/{quote(cart_id, safe='')}"
        cart = await self._rest.get(path, store=store.store or "", headers=headers)
        found = cart.get("id") if isinstance(cart, dict) else None
        if type(found) is not int or found <= 0:
            raise UpstreamInvalid("guest-carts: the cart has no numeric id")
        return found

    async def own_quote_id(self, token: str, store: StoreContext) -> int:
        """The numeric id of the cart of the customer whose token it is. Raises an `UpstreamError`."""
        cart = await self._rest.own("carts/mine", token, store=store.store or "")
        found = cart.get("id") if isinstance(cart, dict) else None
        if type(found) is not int or found <= 0:
            raise UpstreamInvalid("carts/mine: the cart has no numeric id")
        return found

    async def find(self, quote_id: int, headers: Mapping[str, str] | None = None) -> Placed | None:
        """The order of a cart, or None; `headers` are the shopper's. Raises an `UpstreamError`.

        With `fields`, Commerce says null for a list that is empty (`ord-002`), so the count is asked for as well.
        """
        where = "searchCriteria[filter_groups][0][filters][0]"
        listed = await self._rest.get(
            f"orders?{where}[field]=quote_id&{where}[value]={quote_id}&{where}[condition_type]=eq"
            "&fields=items[entity_id,increment_id],total_count",
            headers=headers,
        )
        orders = _orders(listed)
        if len(orders) > 1:
            log.error("orders.several", quote=quote_id, numbers=[order.number for order in orders])
        return orders[0] if orders else None

    async def comment_once(self, quote_id: int, order_id: int | None, text: str) -> None:
        """Adds a comment to the history of a cart's order that only the shop's staff see, unless exactly this one is
        there already. `order_id` is the order's id, if it is known.

        Of parallel calls for a cart one does it. It tries a few times, for at most half of `patience`, and looks before
        each: a try without an answer may have been heard. Raises the last `UpstreamError`, or `StateUnavailable`.
        """
        key = f"orders:commented:{self._claims.shop}:{quote_id}"
        # Until nothing can be running any more that a call sent which died.
        if not await self._state.put(key, b"1", self._horizon, absent=True):
            return
        until, pause = self._clock() + self._patience / 2, NOTE_PAUSE
        while True:
            try:
                await self._comment(quote_id, order_id, text)
            except UpstreamError as error:
                if pause > LONGEST_NOTE_PAUSE or self._clock() + pause >= until:
                    await self._state.delete(key)
                    raise
                log.warning("orders.comment_tried", quote=quote_id, code=error.code, detail=error.detail)
            else:
                return
            await self._sleep(pause)
            pause *= 2

    async def _comment(self, quote_id: int, order_id: int | None, text: str) -> None:
        if order_id is None:
            placed = await self.find(quote_id)
            if placed is None:
                raise UpstreamInvalid("the order that was placed is not listed")
            order_id = placed.order_id
        path = f"orders/{order_id}/comments"
        listed = await self._rest.get(path)
        comments = listed.get("items") if isinstance(listed, dict) else False
        if not isinstance(comments, list | None):
            raise UpstreamInvalid("orders: there is no list of comments")
        if not any(isinstance(each, dict) and each.get("comment") == text for each in comments or ()):
            history = {"comment": text, "is_visible_on_front": 0, "is_customer_notified": 0}
            await self._rest.post(path, {"statusHistory": history})

    async def place(
        self, cart_id: str, quote_id: int, store: StoreContext, headers: Mapping[str, str] | None = None
    ) -> Placed:
        """The order of the cart, placed now if there is none yet; `headers` are the shopper's, for Commerce.

        Raises `OrderRefused`, or `OrderPending` when patience is over. Any other `UpstreamError`, and
        `StateUnavailable`, says that nothing was sent by this call.
        """
        if not self._rest.available:
            raise UpstreamRefused("no REST credentials are set")
        call = _Call(cart_id, quote_id, store, headers or {})
        until = self._clock() + self._patience
        while True:
            placed = await self._step(call)
            if placed is not None:
                return placed
            if call.ended is None:
                left = until - self._clock()
                if left <= 0:
                    raise OrderPending
                await self._sleep(min(call.wait, left))

    async def _step(self, call: _Call) -> Placed | None:
        """One step towards the order. None: not yet, take another one."""
        over, call.ended, call.wait = call.ended, None, POLL
        standing = await self._stand(call, over)
        if standing.taken:
            return await self._place(call)
        claim = standing.found
        if claim is not None and claim.placed is not None:
            return claim.placed
        if standing.young:
            return await self._look(call, claim)
        if claim is None or claim.sent_at is None:
            return None
        now = self._clock()
        if claim.token != call.claim.token and now < claim.sent_at + self._timeout:
            return None  # its own call still waits for Commerce, and will leave the number here
        nothing_runs = now >= claim.sent_at + self._horizon
        return await self._look(call, claim, ended=claim if nothing_runs else None)

    async def _stand(self, call: _Call, over: Claim | None) -> Standing:
        try:
            return await self._claims.take(call.quote_id, call.claim, self._clock(), over=over)
        except StateUnavailable:
            if call.sent is None:
                raise
            # What this call sent may still become an order, which can be seen without the state.
            return Standing(taken=False, young=True, found=call.sent)

    async def _look(self, call: _Call, claim: Claim | None, *, ended: Claim | None = None) -> Placed | None:
        """Looks for the order where no other way leads to it. Where there is none, an ended claim may be taken over."""
        call.wait, call.pause = call.pause, min(2 * call.pause, LONGEST_PAUSE)
        try:
            placed = await self.find(call.quote_id, call.headers)
        except UpstreamError as error:
            log.warning("orders.not_looked_up", quote=call.quote_id, code=error.code, detail=error.detail)
            return None
        if placed is not None:
            await self._claims.settle(call.quote_id, claim, placed)
        else:
            call.ended = ended
        return placed

    async def _place(self, call: _Call) -> Placed | None:
        """Finds or places the order under the held claim. None: the claim was lost, or the outcome is unknown."""
        held = call.claim
        now = self._clock()
        try:
            placed = await self.find(call.quote_id, call.headers)
            if placed is not None:
                await self._claims.settle(call.quote_id, held, placed)
                return placed
            now = self._clock()
            sent = await self._claims.send(call.quote_id, held, now)
        except BaseException:
            # Nothing has left. Whether the claim says so already is not known when the state went away.
            await self._claims.release(call.quote_id, held, Claim(held.token, now))
            raise
        if sent is None:
            return None
        if self._clock() - now > self._held_up:
            await self._claims.release(call.quote_id, sent)
            return None
        return await self._send(call, sent)

    async def _send(self, call: _Call, sent: Claim) -> Placed | None:
        """Sends the request, once. If this is cancelled the claim stays as it is: the outcome is unknown."""
        call.sent = sent
        try:
            reply = await self._reads().write(
                "PlaceOrder", (), {"cartId": call.cart_id}, call.store, timeout=self._timeout, headers=call.headers
            )
            outcome = outcome_of(reply)
        except UpstreamFailed as error:
            outcome = OrderRefused(error.category, error.detail) if _definite(error.category, error.detail) else None
        except UpstreamError as error:
            if error.unsent:
                await self._claims.release(call.quote_id, sent)
                raise
            outcome = None
            log.warning("orders.outcome_unknown", quote=call.quote_id, code=error.code, detail=error.detail)
        if isinstance(outcome, OrderRefused):
            return await self._refused(call, sent, outcome)
        if outcome is not None:
            await self._claims.settle(call.quote_id, sent, outcome)
        return outcome

    async def _refused(self, call: _Call, sent: Claim, refusal: OrderRefused) -> Placed | None:
        """The order all the same, which Commerce can have made before it refused; else raises the refusal.

        "The cart isn't active." is what an ordered cart says, and a module that fails after the order was saved makes
        Commerce say "Unable to place order". The request is over, so one look proves it; without it nothing is proved.
        """
        try:
            placed = await self.find(call.quote_id, call.headers)
        except UpstreamError as error:
            log.warning("orders.not_looked_up", quote=call.quote_id, code=error.code, detail=error.detail)
            return None
        if placed is None:
            await self._claims.release(call.quote_id, sent)
            raise refusal
        await self._claims.settle(call.quote_id, sent, placed)
        return placed


def outcome_of(reply: Reply) -> Placed | OrderRefused | None:
    """What a reply to `PlaceOrder` proves: the order, a refusal, or nothing."""
    output = reply.data.get("placeOrder")
    if output is not None:
        number = (output.get("orderV2") or {}).get("number") or (output.get("order") or {}).get("order_number")
        if number:
            return Placed(number, None)
        error = next((each for each in output.get("errors") or () if each), None)
        return OrderRefused(str(error["code"]), str(error["message"])) if error else None
    if reply.problems and all(_definite(problem.category, problem.message) for problem in reply.problems):
        return OrderRefused(reply.problems[0].category, reply.problems[0].message)
    return None


def _definite(category: str, message: str) -> bool:
    """Whether an error ended the request. A reCAPTCHA is judged before the mutation begins, in whatever category."""
    return category in DEFINITE or "recaptcha" in message.casefold()


def _orders(listed: object) -> list[Placed]:
    if not isinstance(listed, dict) or type(listed.get("total_count")) is not int:
        raise UpstreamInvalid("orders: there is no list")
    items = listed.get("items")
    if items is None and listed["total_count"] == 0:
        return []
    if not isinstance(items, list) or len(items) != listed["total_count"]:
        raise UpstreamInvalid("orders: the list is not as long as it says")
    return [_order(item) for item in items]


def _order(item: Mapping[str, Any]) -> Placed:
    try:
        number, order_id = item["increment_id"], item["entity_id"]
    except (KeyError, TypeError):
        raise UpstreamInvalid("orders: an order has no number") from None
    if not isinstance(number, str) or not number or type(order_id) is not int:
        raise UpstreamInvalid("orders: an order has no number")
    return Placed(number, order_id)
