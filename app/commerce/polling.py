"""Finding out what changed where nobody tells: Commerce is asked what has a newer time of change, and, seldom, for
everything there is, to find what is gone.

What was seen so far is kept in the state, in Commerce's own times, and moves on only when the purge has succeeded. Each
look goes back a while behind it: a change gets its time when it is saved, and can be seen when its transaction ends.
Prices by rules or dates, stock and reviews move no time: nothing of them is found here.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import orjson

from app.commerce.changes import Change, Changes, Kind
from app.commerce.rest import Rest
from app.commerce.rest_lists import Page, Where, read_page
from app.errors import UpstreamInvalid
from app.state import State
from app.telemetry import log

OVERLAP = timedelta(minutes=5)
PAGE = 200  # items of a page
MOST_PAGES = 20  # of changes; of more everything of the kind is purged
KEPT = 90 * 86_400.0  # seconds that what was seen is kept
PAUSE = 0.2  # seconds between pages of a sweep: it must not be felt
NEVER = "1970-01-02 00:00:00"  # before anything can have changed: for a shop that has nothing of a kind
_FORM = "%Y-%m-%d %H:%M:%S"


@dataclass(frozen=True, slots=True)
class Source:
    """One kind of thing: its list, the fields of its number, its name and its time of change there, and what its
    changes are."""

    path: str
    number: str
    name: str
    time: str
    kind: Kind
    filter_number: str

    def change(self, name: str) -> Change:
        """What it means that this thing is new, other or gone."""
        # A page or block may have got another identifier: which it had is not told.
        return Change(self.kind, name if self.kind in (Kind.PRODUCT, Kind.CATEGORY) else "")

    @property
    def whole(self) -> Change:
        """What it means that any of them may have changed."""
        return Change(self.kind)


SOURCES = (
    Source("products", "id", "sku", "updated_at", Kind.PRODUCT, "entity_id"),
    Source("categories/list", "id", "id", "updated_at", Kind.CATEGORY, "entity_id"),
    Source("cmsPage/search", "id", "identifier", "update_time", Kind.PAGE, "page_id"),
    Source("cmsBlock/search", "id", "identifier", "update_time", Kind.BLOCK, "block_id"),
)


@dataclass(frozen=True, slots=True)
class Seen:
    """How far Commerce's changes were seen: the newest time, and each thing's time since a while before it. All up to
    `floor` was purged as a whole, and again a while later."""

    newest: str
    floor: str
    times: Mapping[str, str]

    def encoded(self) -> bytes:
        """As it is kept."""
        return orjson.dumps([self.newest, self.floor, self.times])

    @property
    def since(self) -> Where:
        """What is to be looked at again; the field's name is still to be filled in."""
        back = _earlier(self.newest)
        return Where("", back, "gteq") if back > self.floor else Where("", self.floor, "gt")

    @classmethod
    def read(cls, kept: bytes | None) -> Seen | None:
        """What was kept; None where there is nothing that can be read."""
        try:
            if not kept:
                return None
            newest, floor, times = orjson.loads(kept)
            return cls(_checked(newest), _checked(floor), dict(times))
        except (ValueError, TypeError, UpstreamInvalid):
            return None


class Polling:
    """Looks for changes. `pause` is the time between the pages of a sweep, in seconds."""

    def __init__(self, rest: Rest, changes: Changes, state: State, *, pause: float = PAUSE) -> None:
        self._rest = rest
        self._changes = changes
        self._state = state
        self._pause = pause

    async def poll(self) -> int:
        """Purges what has changed since the last time, and says how many things that were.

        Raises an `UpstreamError` or `StateUnavailable`; then the next time looks for the same again.
        """
        return sum([await self._poll(source) for source in SOURCES])

    async def _poll(self, source: Source) -> int:
        key = f"changes:seen:{source.path}"
        seen = Seen.read(await self._state.get(key))
        if seen is None:
            # Whatever changed until now was seen by nobody.
            return await self._whole(source, key)
        times: dict[str, str] = {}
        changed: set[Change] = set()
        pages = 0
        async for page in self._pages(source, [replace(seen.since, field=source.time)]):
            pages += 1
            for item in page.items:
                name, time = str(item.get(source.name, "")), _checked(item.get(source.time))
                times[name] = time
                # What was seen with this time was purged then, and again a moment later: it cannot be newer now.
                if seen.times.get(name) != time:
                    changed.add(source.change(name))
            if pages > MOST_PAGES:
                log.info("changes.too_many", source=source.path)
                return await self._whole(source, key)
        await self._changes.apply(changed)
        newest = max([seen.newest, *times.values()])
        border = _earlier(newest)
        times = {name: time for name, time in {**seen.times, **times}.items() if time >= border}
        await self._keep(key, Seen(newest, seen.floor, times))
        return len(changed)

    async def _whole(self, source: Source, key: str) -> int:
        """Everything of the kind is purged, and what has changed until now need not be looked at."""
        newest = await self._newest(source)
        await self._changes.apply([source.whole])
        await self._keep(key, Seen(newest or NEVER, newest or NEVER, {}))
        return 1

    async def sweep(self) -> int:
        """Purges what is gone since the last time, and says how many things that were. Raises as `poll` does."""
        return sum([await self._sweep(source) for source in SOURCES])

    async def _sweep(self, source: Source) -> int:
        key = f"changes:known:{source.path}"
        kept = await self._state.get(key)
        before = set(orjson.loads(zlib.decompress(kept))) if kept else set()
        now: set[str] = set()
        async for page in self._pages(source, [], pause=self._pause):
            now.update(str(item.get(source.name, "")) for item in page.items)
        gone = before - now
        await self._changes.apply({source.change(name) for name in gone})
        await self._state.put(key, zlib.compress(orjson.dumps(sorted(now))), KEPT)
        return len(gone)

    async def _keep(self, key: str, seen: Seen) -> None:
        await self._state.put(key, seen.encoded(), KEPT)

    async def _newest(self, source: Source) -> str | None:
        page = await read_page(self._rest, source.path, [], fields=source.time, sort=source.time, down=True, size=1)
        return _checked(page.items[0].get(source.time)) if page.items else None

    async def _pages(self, source: Source, where: list[Where], *, pause: float = 0.0) -> AsyncIterator[Page]:
        """All that fits, by number: a thing that changes meanwhile keeps its place, so that none is passed over."""
        last = 0
        fields = ",".join(dict.fromkeys((source.number, source.name, source.time)))
        while True:
            after = [*where, Where(source.filter_number, str(last), "gt")]
            page = await read_page(self._rest, source.path, after, fields=fields, sort=source.filter_number, size=PAGE)
            yield page
            if len(page.items) >= page.total or not page.items:
                return
            number = page.items[-1].get(source.number)
            if type(number) is not int or number <= last:
                raise UpstreamInvalid(f"{source.path}: not in the order of numbers")
            last = number
            await asyncio.sleep(pause)


def _earlier(time: str) -> str:
    return (datetime.strptime(time, _FORM) - OVERLAP).strftime(_FORM)  # noqa: DTZ007 - Commerce's clock, whatever it is


def _checked(time: object) -> str:
    try:
        datetime.strptime(str(time), _FORM)  # noqa: DTZ007 - only its form
    except ValueError:
        raise UpstreamInvalid("a time of change is no time") from None
    return str(time)
