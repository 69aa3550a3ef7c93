"""Reading through the cache: fresh, else stale while it is fetched again, else fetched, by one for all who wait."""

from __future__ import annotations

import asyncio
import math
import secrets
import time
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from app.cache.entry import Entry, Times
from app.cache.guard import PATIENCE, PAUSE, Away, Guard
from app.cache.local import Local
from app.cache.looks import Looks
from app.cache.shared import Shared, Ticket
from app.errors import StateUnavailable, UpstreamError
from app.redis_client import AWAY
from app.telemetry import log

PURGE_PATIENCE = 2.0  # seconds that Redis may take for a purge
LOOK = 0.025  # seconds between looks whether another process has fetched
Place = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a fetch brought, and what it depends on. `until` is when the first thing that it was made of ceases to be
    fresh, in seconds since the epoch; a result that is not `whole` is given to those who wait and not kept. `value` is
    what the body says, for those who wait in this process."""

    body: bytes
    tags: Collection[str]
    until: float | None = None
    whole: bool = True
    value: object = None


# A fetch is given the ticket that its result will be judged by; None when it will not be kept.
Fetch = Callable[[Ticket | None], Awaitable[Fetched]]


class Unshared(Exception):
    """Raised by a fetch whose result is for nobody but the one who fetched: `by` says who, `value` is the result."""

    def __init__(self, by: object, value: object) -> None:
        super().__init__("what was fetched is for one reader alone")
        self.by = by
        self.value = value


@dataclass(frozen=True, slots=True)
class Found:
    """An answer. `stale`: its time is over. `kept`: it came out of the cache. `value` as it was fetched, if it was."""

    entry: Entry
    stale: bool = False
    kept: bool = True
    value: object = None


@dataclass(frozen=True, slots=True)
class Looked:
    """What was there for a read that came at a time of this process's clock: an entry that is good, perhaps stale."""

    entry: Entry | None
    came: float


@dataclass(frozen=True, slots=True)
class _Landed:
    """What a fetch ended with, and until when, on this process's clock, nothing that it depends on had been purged for
    all that is known: who came up to then may have it."""

    found: Found
    until: float


class Cache:
    """Two tiers over one way of reading. Without a `shared` tier every read is fetched, once for all who wait in this
    process, as it is while Redis is away. `lease` is how long in seconds another process's fetch is waited for,
    `patience` how long Redis is, before it is left alone but for a try every `pause`.

    `clock` is the time that our machines share, in seconds since the epoch.
    """

    def __init__(
        self,
        shared: Shared | None,
        local: Local,
        *,
        lease: float = 10.0,
        patience: float = PATIENCE,
        pause: float = PAUSE,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._shared = shared
        self._local = local
        self._lease = lease
        self._clock = clock
        self._guard = Guard(shared.ping, patience, pause) if shared is not None else None
        self._looks = Looks(shared, self._guard, local) if shared is not None and self._guard is not None else None
        self._flights: dict[Place, asyncio.Task[_Landed]] = {}
        self._refills: set[asyncio.Task[None]] = set()

    async def ticket(self, store: str) -> Ticket | None:
        """The present place in the log of purges; None while Redis is away."""
        shared, guard = self._shared, self._guard
        if shared is None or guard is None:
            return None
        try:
            return await guard.ask(lambda: shared.ticket(store))
        except Away:
            return None

    async def look(self, store: str, key: str, *, since: Ticket | None = None) -> Looked:
        """What is there, for `read` to go on with in the same moment, or for `fresh`; never raises."""
        came = time.monotonic()
        entry = self._local.get(store, key, since)
        if entry is None or self._clock() >= entry.fresh:
            # Another process may have fetched it anew, and what is stale may have been purged a moment ago.
            with suppress(Away):
                entry = await self._get((store, key))
        return Looked(entry, came)

    def fresh(self, looked: Looked) -> Found | None:
        """The answer, if what was there is fresh."""
        return Found(looked.entry) if looked.entry is not None and self._clock() < looked.entry.fresh else None

    async def read(
        self,
        store: str,
        key: str,
        times: Times,
        fetch: Fetch,
        *,
        since: Ticket | None = None,
        looked: Looked | None = None,
    ) -> Found:
        """The answer under a key, fetched if need be. `since`: nothing that was purged before it may be in the answer.
        `looked` is what was there, where that is known already.

        Raises what `fetch` raises when there is nothing that may stand in for it.
        """
        looked = looked or await self.look(store, key, since=since)
        place, entry, came = (store, key), looked.entry, looked.came
        now = self._clock()
        if entry is not None and now < entry.fresh:
            return Found(entry)
        if entry is not None and now < entry.stale:
            self._refill(place, times, fetch, came)
            return Found(entry, stale=True)
        try:
            return await self._fetched(place, times, fetch, came)
        except UpstreamError as error:
            if entry is None or self._clock() >= entry.error:
                raise
            log.warning("cache.stale_for_error", key=key, code=error.code)
            return Found(entry, stale=True)

    async def purge(self, stores: Collection[str], tags: Collection[str]) -> None:
        """Makes everything that depends on one of these tags as if it had never been kept; no read that begins when it
        has returned finds it in Redis. Raises `StateUnavailable`: it must be tried again then."""
        if self._shared is None or not tags:
            return
        try:
            async with asyncio.timeout(PURGE_PATIENCE):
                for store in stores:
                    await self._shared.purge(store, tags)
        except AWAY as error:
            raise StateUnavailable(f"purge: {type(error).__name__}") from None

    async def stores(self) -> frozenset[str]:
        """The codes of the store views that any process has entries of. Raises `StateUnavailable`."""
        if self._shared is None:
            return frozenset()
        try:
            async with asyncio.timeout(PURGE_PATIENCE):
                return frozenset(await self._shared.stores())
        except AWAY as error:
            raise StateUnavailable(f"stores: {type(error).__name__}") from None

    async def close(self) -> None:
        """Ends what goes on in the background, and closes the connections to Redis."""
        tasks: list[asyncio.Task[Any]] = [*self._refills, *self._flights.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._looks is not None:
            await self._looks.close()
        if self._guard is not None:
            await self._guard.close()
        if self._shared is not None:
            await self._shared.close()

    async def _get(self, place: Place) -> Entry | None:
        """The entry in Redis. Raises `Away`."""
        if self._looks is None:
            raise Away
        return await self._looks.look(*place)

    # Fetching

    def _refill(self, place: Place, times: Times, fetch: Fetch, came: float) -> None:
        if place in self._flights:
            return

        async def refill() -> None:
            with suppress(UpstreamError, Unshared):
                await self._fetched(place, times, fetch, came)

        task = asyncio.create_task(refill())
        self._refills.add(task)
        task.add_done_callback(self._refills.discard)

    async def _fetched(self, place: Place, times: Times, fetch: Fetch, came: float) -> Found:
        """The answer of one fetch for all who wait. What may have been purged before somebody came is nothing to him:
        he looks again, and has it fetched anew."""
        while True:
            flight = self._flights.get(place)
            # One that has just ended may still stand there; awaiting it would not even let others go on.
            if flight is None or flight.done():
                flight = self._flights[place] = asyncio.create_task(self._fly(place, times, fetch))
                flight.add_done_callback(lambda done: self._ended(place, done))
            landed = await asyncio.shield(flight)
            if came <= landed.until:
                return landed.found
            with suppress(Away):
                entry = await self._get(place)
                if entry is not None and self._clock() < entry.fresh:
                    return Found(entry)

    def _ended(self, place: Place, flight: asyncio.Task[_Landed]) -> None:
        if self._flights.get(place) is flight:
            del self._flights[place]
        if not flight.cancelled():
            flight.exception()  # asyncio complains of one that nobody has looked at

    async def _fly(self, place: Place, times: Times, fetch: Fetch) -> _Landed:
        """What this process fetches, or another one that has the lease."""
        shared, guard, holder = self._shared, self._guard, secrets.token_hex(8)
        if shared is None or guard is None:
            return await self._fetch_unkept(times, fetch)
        try:
            if not await guard.ask(lambda: shared.lease(*place, holder, self._lease)):
                waited = await self._wait(place, shared, guard, holder)
                if waited is not None:
                    return waited
        except Away:
            return await self._fetch_unkept(times, fetch)
        try:
            return await self._fetch(place, times, fetch, shared, guard)
        finally:
            with suppress(Away):
                await guard.ask(lambda: shared.release(*place, holder))

    async def _wait(self, place: Place, shared: Shared, guard: Guard, holder: str) -> _Landed | None:
        """What another process fetches; None when its lease has become ours or has lasted too long. Raises `Away`."""
        until = time.monotonic() + self._lease
        while time.monotonic() < until:
            await asyncio.sleep(LOOK)
            looked = time.monotonic()
            entry = await self._get(place)
            if entry is not None and self._clock() < entry.fresh:
                return _Landed(Found(entry), looked)
            if await guard.ask(lambda: shared.lease(*place, holder, self._lease)):
                return None
        return None

    async def _fetch(self, place: Place, times: Times, fetch: Fetch, shared: Shared, guard: Guard) -> _Landed:
        began = time.monotonic()
        try:
            ticket = await guard.ask(lambda: shared.ticket(place[0]))
        except Away:
            return await self._fetch_unkept(times, fetch)
        fetched = await fetch(ticket)
        entry = self._entry(fetched, times)
        found = Found(entry, kept=False, value=fetched.value)
        if not fetched.whole:
            return _Landed(found, began)
        # When the answer comes, what was kept may have been purged again; when it is sent, it cannot have been.
        sent = time.monotonic()
        try:
            good, filled = await guard.ask(lambda: shared.fill(*place, ticket, entry, self._clock()))
        except Away:
            return _Landed(found, began)
        if filled:
            self._local.put(*place, entry, good)
        return _Landed(found, sent if filled else began)

    async def _fetch_unkept(self, times: Times, fetch: Fetch) -> _Landed:
        """Without any Redis nobody can purge, so whoever waits may have it; where it is away from us, others can."""
        until = math.inf if self._shared is None else time.monotonic()
        fetched = await fetch(None)
        return _Landed(Found(self._entry(fetched, times), kept=False, value=fetched.value), until)

    def _entry(self, fetched: Fetched, times: Times) -> Entry:
        entry = Entry.of(fetched.body, fetched.tags, times.jittered(), self._clock())
        if fetched.until is None or fetched.until >= entry.fresh:
            return entry
        late = entry.fresh - fetched.until
        return replace(entry, fresh=fetched.until, stale=entry.stale - late, error=entry.error - late)
