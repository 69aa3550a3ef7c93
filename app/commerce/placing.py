"""Who may place a cart's order: one claim per cart in the state, and the epoch that guards them all.

Commerce takes no idempotency key and no fencing token, so everything that keeps it from making two orders stands here:

- A claim is kept under the cart's quote id and replaced only by compare-and-set, so one call has it at a time. It is
  *held* while its call looks whether there is an order already, *sent* from before the request leaves until its outcome
  is known, and *done* with the order's number for a day after. A held claim proves nothing and can be lost safely:
  nothing is sent before it has become a sent one.
- The epoch says since when the state has not lost anything. It starts anew with a state that was emptied and with a
  Redis server that was started or took over, because either may have forgotten claims that were just made. While it is
  younger than the horizon no claim is made, and so no request of a forgotten claim can still be running when the next
  one is.

Times are those of our machines' clocks; the horizon has room for their difference.
"""

import hashlib
import secrets
from dataclasses import dataclass, replace
from typing import Any, Self

import orjson

from app.errors import StateUnavailable
from app.state import State
from app.telemetry import log

KEPT = 24 * 3600.0  # seconds that an order's number is kept
EPOCH = "orders:epoch"

# The epoch, then the claim: whether the one that is there is the one that the caller expects ("" is none), and if so
# its successor in its place. INFO is asked by pcall: some servers forbid it, and the embedded one has not got it.
_CLAIM = """
local info = redis.pcall('INFO', 'server')
local server = type(info) == 'string' and string.match(info, 'run_id:(%w+)') or '-'
local birth, of = string.match(redis.call('GET', KEYS[1]) or '', '^(%S+) (%S+)$')
if of ~= server or tonumber(birth) == nil then
  birth = ARGV[1]
  redis.call('SET', KEYS[1], birth .. ' ' .. server)
end
local young = tonumber(ARGV[1]) - tonumber(birth) < tonumber(ARGV[2])
local found = KEYS[2] and redis.call('GET', KEYS[2]) or ''
if young or not KEYS[2] or found ~= ARGV[3] then
  return {0, young and 1 or 0, found}
end
redis.call('SET', KEYS[2], ARGV[4], 'PX', tonumber(ARGV[5]))
return {1, 0, found}
"""


@dataclass(frozen=True, slots=True)
class Placed:
    """An order that Commerce has: its number, and its id where it came over REST."""

    number: str
    order_id: int | None


@dataclass(frozen=True, slots=True)
class Claim:
    """A call's claim to a cart. `token` is random and makes it this call's; `sent_at` is when its request could leave
    at the earliest; `placed` is the order that came of it."""

    token: str
    sent_at: float | None = None
    placed: Placed | None = None

    @classmethod
    def fresh(cls) -> Self:
        """A claim of nobody else's."""
        return cls(secrets.token_hex(16))

    @classmethod
    def of(cls, kept: bytes) -> Self:
        """A claim as it was kept. Raises `StateUnavailable` for anything else: what it meant cannot be known."""
        try:
            told = orjson.loads(kept)
            number, order_id = told["number"], told["order_id"]
            return cls(told["token"], told["sent_at"], Placed(number, order_id) if number else None)
        except (orjson.JSONDecodeError, KeyError, TypeError):
            raise StateUnavailable("a claim cannot be read") from None

    def kept(self) -> bytes:
        """As it is kept; equal claims are equal bytes."""
        number, order_id = (self.placed.number, self.placed.order_id) if self.placed else (None, None)
        return orjson.dumps({"token": self.token, "sent_at": self.sent_at, "number": number, "order_id": order_id})


@dataclass(frozen=True, slots=True)
class Standing:
    """How a cart stands: whether the asker has its claim now, else whose it is, and whether the epoch is too young."""

    taken: bool
    young: bool
    found: Claim | None


class Claims:
    """The claims of all carts of `shop`, a Commerce's URL: two that share a state number their carts alike.

    `horizon` is the longest, in seconds, from a claim's `sent_at` until nothing that was sent under it can be running
    any more; `holding` how long a call may take to look for an order under a claim.

    Every method but `settle` and `release` raises `StateUnavailable`.
    """

    def __init__(self, state: State, *, shop: str, horizon: float, holding: float) -> None:
        self._state = state
        self.shop = hashlib.sha256(shop.encode()).hexdigest()[:16]
        self._horizon = horizon
        self._holding = holding

    async def ready(self, now: float) -> bool:
        """Whether orders can be placed; starts the epoch where there is none."""
        _, young, _ = await self._run([EPOCH], [repr(now), repr(self._horizon)])
        return not young

    async def found(self, quote_id: int) -> Claim | None:
        """The cart's claim as it is now."""
        kept = await self._state.get(self._key(quote_id))
        return Claim.of(kept) if kept else None

    async def take(self, quote_id: int, claim: Claim, now: float, *, over: Claim | None = None) -> Standing:
        """Makes the claim if the cart has none, or in the place of exactly `over`."""
        return await self._replace(quote_id, over, claim, now, self._holding)

    async def send(self, quote_id: int, held: Claim, now: float) -> Claim | None:
        """Makes a held claim a sent one, or gives None if it was lost meanwhile. Only then may the request leave."""
        sent = replace(held, sent_at=now)
        # It ends by being replaced. That it ends by itself, long after, is for carts that nobody comes back for.
        standing = await self._replace(quote_id, held, sent, now, 2 * self._horizon)
        return sent if standing.taken else None

    async def settle(self, quote_id: int, claim: Claim | None, placed: Placed) -> None:
        """Keeps the order in the place of a claim, or where there is none. A state that is away is logged: the order
        will be looked up again."""
        done = Claim("", placed=placed).kept()
        try:
            if claim is None or not await self._state.swap(self._key(quote_id), claim.kept(), done, KEPT):
                await self._state.put(self._key(quote_id), done, KEPT, absent=True)
        except StateUnavailable as error:
            log.warning("orders.unsettled", quote=quote_id, detail=error.detail)

    async def release(self, quote_id: int, *claims: Claim) -> None:
        """Gives the cart free if it has one of these claims. A state that is away is logged: claims end."""
        try:
            for claim in claims:
                await self._state.drop(self._key(quote_id), claim.kept())
        except StateUnavailable as error:
            log.warning("orders.unreleased", quote=quote_id, detail=error.detail)

    async def _replace(self, quote_id: int, old: Claim | None, new: Claim, now: float, seconds: float) -> Standing:
        taken, young, found = await self._run(
            [EPOCH, self._key(quote_id)],
            [repr(now), repr(self._horizon), old.kept() if old else b"", new.kept(), int(seconds * 1000)],
        )
        return Standing(bool(taken), bool(young), Claim.of(found) if found else None)

    async def _run(self, keys: list[str], arguments: list[bytes | str | int]) -> Any:
        return await self._state.run(_CLAIM, keys, arguments)

    def _key(self, quote_id: int) -> str:
        return f"orders:claim:{self.shop}:{quote_id}"
