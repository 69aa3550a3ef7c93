"""Looking into Redis for many at once: one call costs as much as ten requests that are answered from this process."""

from __future__ import annotations

import asyncio
from itertools import chain, islice

from app.cache.entry import Entry
from app.cache.guard import Away, Guard
from app.cache.local import Local
from app.cache.shared import Shared

MOST = 16  # entries of one call: Redis does nothing else meanwhile, and whoever asked first waits for the last
_Waiting = dict[str, list[asyncio.Future[Entry | None]]]


class Looks:
    """Calls one after the other for each store view, each for all that was asked for during the one before. A call that
    is under way is no answer to who comes now, since something may have been purged after it. What is found is kept in
    this process, too."""

    def __init__(self, shared: Shared, guard: Guard, local: Local) -> None:
        self._shared = shared
        self._guard = guard
        self._local = local
        self._waiting: dict[str, _Waiting] = {}
        self._calls: dict[str, asyncio.Task[None]] = {}

    async def look(self, store: str, key: str) -> Entry | None:
        """The entry in Redis, if it is good, by a call that begins after this. Raises `Away`."""
        if self._guard.away:
            raise Away
        future: asyncio.Future[Entry | None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(store, {}).setdefault(key, []).append(future)
        if store not in self._calls:
            # It begins when all who are about to ask in this moment have done so.
            self._calls[store] = asyncio.create_task(self._call(store))
        return await future

    async def close(self) -> None:
        """Ends the calls that are under way, and the waiting for them."""
        calls = list(self._calls.values())
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        for waiting in self._waiting.values():
            for future in chain.from_iterable(waiting.values()):
                future.cancel()
        self._waiting.clear()

    async def _call(self, store: str) -> None:
        try:
            while waiting := self._next(store):
                await self._answer(store, waiting)
        finally:
            del self._calls[store]

    def _next(self, store: str) -> _Waiting:
        waiting = self._waiting.pop(store, {})
        if len(waiting) > MOST:
            self._waiting[store] = dict(islice(waiting.items(), MOST, None))
        return dict(islice(waiting.items(), MOST))

    async def _answer(self, store: str, waiting: _Waiting) -> None:
        try:
            good, entries = await self._guard.ask(lambda: self._shared.look(store, list(waiting)))
        except asyncio.CancelledError:
            for future in chain.from_iterable(waiting.values()):
                future.cancel()
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, they must not wait for ever
            for future in chain.from_iterable(waiting.values()):
                if not future.done():
                    # Each of its own: who raises it writes his way into it.
                    future.set_exception(Away() if isinstance(error, Away) else error)
            return
        for (key, futures), entry in zip(waiting.items(), entries, strict=True):
            if entry is not None:
                self._local.put(store, key, entry, good)
            for future in futures:
                if not future.done():
                    future.set_result(entry)
