"""What a change in Commerce makes old, and how that is purged: at once, and again when Commerce's indexers have run.

The second purge matters as much as the first: until its indexers ran Commerce answers with old prices, stock and
listings, and what is read between the two purges is kept with them. What is still to be purged again stands in the
state, so that a process that dies loses none of it; `vitrine worker` does it.
"""

from __future__ import annotations

import base64
import math
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import orjson

from app.cache import Cache
from app.commerce.freshness import (
    ALL,
    CATEGORIES,
    CONFIG,
    LISTINGS,
    ROUTES,
    UNROUTED,
    block,
    category,
    operation,
    page,
    product,
)
from app.state import State

SOON = 2.0  # seconds: a change may be told before its transaction ends, and its time has no parts of a second
SLOT = 1.0  # seconds: repeats of one thing that fall into the same are one
COARSE_SLOT = 15.0  # seconds: listings are purged once in so long, however many products change
PICTURE = 45.0  # seconds that reading the shop's configuration may take
MOST_NAMED = 500  # products that are purged by name; of more all are purged
AT_ONCE = 500  # repeats that are done in one step
DUE = "changes:due"

# KEYS: the repeats by time. ARGV: time and repeat, in turns.
_ADD = """
for n = 1, #ARGV, 2 do
  redis.call('ZADD', KEYS[1], tonumber(ARGV[n]), ARGV[n + 1])
end
return 1
"""
# ARGV: now, how many at most.
_DUE = "return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, tonumber(ARGV[2]))"
# ARGV: repeats that were done.
_DONE = """
for n = 1, #ARGV do
  redis.call('ZREM', KEYS[1], ARGV[n])
end
return 1
"""
_COUNT = "return redis.call('ZCARD', KEYS[1])"


class Kind(StrEnum):
    """What changed. `PRODUCTS` are all of them, such as by a price rule; `ROUTE` is any URL rewrite."""

    PRODUCT = "product"
    STOCK = "stock"
    PRODUCTS = "products"
    CATEGORY = "category"
    PAGE = "page"
    BLOCK = "block"
    ROUTE = "route"
    CONFIG = "config"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Change:
    """One change. `name` is the SKU, the category's id or the identifier; empty where it is not known which."""

    kind: Kind
    name: str = ""


@dataclass(frozen=True, slots=True)
class Stale:
    """The tags that a change makes stale: `named` at once, `coarse` with the repeats only and seldom, because they
    stand for much and follow the indexers anyway."""

    named: frozenset[str]
    coarse: frozenset[str] = frozenset()

    @classmethod
    def of(cls, change: Change) -> Stale:
        """By the kind of change."""
        kind, name = change.kind, change.name
        if kind is Kind.PRODUCT:
            return cls(frozenset({product(name)}) if name else _PRODUCTS, frozenset({LISTINGS, UNROUTED}))
        if kind is Kind.STOCK:
            return cls(frozenset({product(name)}) if name else _PRODUCTS)
        if kind is Kind.PRODUCTS:
            return cls(_PRODUCTS, frozenset({UNROUTED}))
        if kind is Kind.CATEGORY:
            # Its name and place stand in the tree, in breadcrumbs of products and in facets.
            own = {category(uid_of(name))} if name else set()
            return cls(frozenset({*own, CATEGORIES, ROUTES, operation("Products")}))
        if kind is Kind.PAGE:
            return cls(frozenset({page(name), UNROUTED} if name else {operation("Page"), ROUTES}))
        if kind is Kind.BLOCK:
            # Pages and categories show blocks within their own content.
            own = {block(name) if name else operation("Blocks")}
            return cls(frozenset({*own, operation("Page"), CATEGORIES}))
        if kind is Kind.ROUTE:
            return cls(frozenset({ROUTES}))
        return cls(frozenset({CONFIG if kind is Kind.CONFIG else ALL}))


_PRODUCTS = frozenset(map(operation, ("Products", "CategoryPage", "PickupLocations")))


def uid_of(id_: str) -> str:
    """Commerce's uid of a numeric id: the base64 of its digits."""
    return base64.b64encode(id_.encode()).decode()


def delays(kind: Kind, lag: float, refresh: float) -> tuple[float, ...]:
    """How long after a change it is purged again, in seconds. `lag` is how late the indexers may be, and `refresh` how
    long each process keeps its picture of the shop's configuration."""
    found = {SOON, lag / 2, lag}
    if kind in (Kind.CONFIG, Kind.ALL):
        found.add(refresh + PICTURE)
    return tuple(sorted(each for each in found if each >= SOON))


class Changes:
    """Makes changes known to the cache. `stores` gives the store views that this process knows of; `lag` and `refresh`
    are as in `delays`; `clock` is the time that our machines share, in seconds since the epoch."""

    def __init__(
        self,
        cache: Cache,
        state: State,
        stores: Callable[[], Iterable[str]],
        *,
        lag: float,
        refresh: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._cache = cache
        self._state = state
        self._stores = stores
        self._lag = lag
        self._refresh = refresh
        self._clock = clock

    async def stores(self) -> frozenset[str]:
        """The codes of all store views that any process serves. Raises `StateUnavailable`."""
        # Another process may have learnt of a new one that this one will only hear of later.
        return frozenset(self._stores()) | await self._cache.stores()

    async def apply(self, changes: Collection[Change], stores: Collection[str] | None = None) -> None:
        """Purges what these changes make old, in some store views or all. When it returns, that has happened and is
        sure to happen again after each delay. Raises `StateUnavailable`: then it must be told again."""
        if not changes:
            return
        where = sorted(stores if stores is not None else await self.stores())
        changes = few(changes)
        now = self._clock()
        due: defaultdict[float, set[str]] = defaultdict(set)
        coarse_due: defaultdict[float, set[str]] = defaultdict(set)
        for change in changes:
            stale = Stale.of(change)
            for delay in delays(change.kind, self._lag, self._refresh):
                due[_slot(now + delay, SLOT)] |= stale.named
                if stale.coarse:
                    coarse_due[_slot(now + delay, COARSE_SLOT)] |= stale.coarse
        arguments: list[bytes | str | int] = []
        for times in (due, coarse_due):
            for at, tags in times.items():
                arguments += [str(at), orjson.dumps([at, where, sorted(tags)])]
        # First what must not be lost: a crash between the two leaves repeats that purge nothing new.
        await self._state.run(_ADD, [DUE], arguments)
        await self._cache.purge(where, frozenset[str]().union(*(Stale.of(change).named for change in changes)))

    async def repeat(self) -> int:
        """Purges again what is due, and says how many purges that were. Raises `StateUnavailable`; what could not be
        purged stays due."""
        done = 0
        while True:
            found: Sequence[bytes] = await self._state.run(_DUE, [DUE], [str(self._clock()), AT_ONCE])
            if not found:
                return done
            by_stores: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
            for each in found:
                _, stores, tags = orjson.loads(each)
                by_stores[tuple(stores)].update(tags)
            for where, what in by_stores.items():
                await self._cache.purge(where, what)
            await self._state.run(_DONE, [DUE], [bytes(each) for each in found])
            done += len(found)

    async def pending(self) -> int:
        """How many purges are still to be repeated. Raises `StateUnavailable`."""
        return int(await self._state.run(_COUNT, [DUE], []))


def few(changes: Collection[Change]) -> Collection[Change]:
    """The same changes, where very many products are named as one change of all."""
    named = {change for change in changes if change.kind in (Kind.PRODUCT, Kind.STOCK)}
    if len(named) <= MOST_NAMED:
        return changes
    return {change for change in changes if change not in named} | {Change(Kind.PRODUCT)}


def _slot(at: float, size: float) -> float:
    """The end of the slot that a time is in: a repeat may be later, never earlier."""
    return math.ceil(at / size) * size
