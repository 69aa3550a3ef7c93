"""The tier in this process: what was found in Redis lately, dropped when a message says that it was purged.

It answers only while messages arrive (app/cache/listening.py). A message that was missed shows as a gap in the numbers
of a store view's log, and empties what is kept of that store view. That messages arrive does not say when they were
sent: the log's number is also asked for, and must have been reached by the messages within the time that silence may
last. So nothing that was purged longer ago than that is ever answered.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from app.cache.entry import Entry
from app.cache.shared import Ticket

SILENCE = 1.0  # seconds without a message, or behind the log, after which nothing is answered
REMEMBERED = 10_000  # purged tags of a store view that are remembered
OVERHEAD = 600  # bytes that an entry takes beside its body and tags, about


@dataclass(slots=True)
class _View:
    """What is known of one store view's log: the last message, when it came, and what was purged under which number.
    What was purged up to `floor` is forgotten. All that was purged before `level` has been heard of."""

    ticket: Ticket
    heard: float
    floor: int
    level: float = -math.inf
    purged: dict[str, int] = field(default_factory=dict)
    keys: dict[str, set[str]] = field(default_factory=dict)


class Local:
    """Entries by store view and key, at most `largest` bytes of them; the least used go first.

    `clock` gives seconds that only go forward. None of its methods waits.
    """

    def __init__(self, largest: int, clock: Callable[[], float]) -> None:
        self._largest = largest
        self.clock = clock
        self._entries: OrderedDict[tuple[str, str], tuple[Entry, int]] = OrderedDict()
        self._views: dict[str, _View] = {}
        self._ahead: dict[str, tuple[Ticket, float]] = {}  # where logs were seen to be, and when
        self.size = 0

    def alive(self, store: str) -> bool:
        """Whether messages of a store view arrive, and have kept up with its log."""
        view = self._views.get(store)
        return view is not None and self.clock() - min(view.heard, view.level) <= SILENCE

    def get(self, store: str, key: str, since: Ticket | None = None) -> Entry | None:
        """The entry, if it is good; with `since`, only if all that was purged before that is known here."""
        view = self._views.get(store)
        if view is None or not self.alive(store):
            return None
        if since is not None and not view.ticket.covers(since):
            return None
        found = self._entries.get((store, key))
        if found is None:
            return None
        self._entries.move_to_end((store, key))
        return found[0]

    def put(self, store: str, key: str, entry: Entry, good: Ticket) -> None:
        """Keeps an entry that was good at a place in the log, unless it was purged after that."""
        view = self._views.get(store)
        if view is None or view.ticket.id != good.id or good.seq < view.floor:
            return
        if any(view.purged.get(tag, 0) > good.seq for tag in entry.tags):
            return
        size = len(entry.body) + sum(map(len, entry.tags)) + OVERHEAD
        if size > self._largest // 8:
            return
        self._drop((store, key))
        self._entries[store, key] = (entry, size)
        self.size += size
        for tag in entry.tags:
            view.keys.setdefault(tag, set()).add(key)
        while self.size > self._largest:
            self._drop(next(iter(self._entries)))

    def heard(self, store: str, told: Ticket, purged: Collection[str] = ()) -> None:
        """A message came: a purge of these tags that got this number, or a heartbeat, which has the last one."""
        now = self.clock()
        view = self._views.get(store)
        if view is None or view.ticket.id != told.id or now - view.heard > SILENCE:
            self._begin(store, told, now)
            return
        if told.seq != view.ticket.seq + (1 if purged else 0):
            # Late and doubled messages show as a gap too. They are rare, and emptying is always right.
            self._begin(store, told, now)
            return
        view.ticket, view.heard = told, now
        if len(view.purged) + len(purged) > REMEMBERED:
            view.purged.clear()
            view.floor = told.seq
        for tag in purged:
            view.purged[tag] = told.seq
            for key in list(view.keys.get(tag, ())):
                self._drop((store, key))
        self._reach(store, view)

    def seen(self, store: str, told: Ticket, asked: float) -> None:
        """The log was at this place when it was asked for, at a time of `clock`."""
        view, ahead = self._views.get(store), self._ahead.get(store)
        # The messages have yet to reach the place that was seen first, unless that was in another log.
        if ahead is None or ahead[0].id != told.id or (view is not None and view.ticket.covers(told)):
            self._ahead[store] = (told, asked)
        if view is not None:
            self._reach(store, view)

    def _reach(self, store: str, view: _View) -> None:
        ahead = self._ahead.get(store)
        if ahead is not None and view.ticket.covers(ahead[0]):
            view.level = ahead[1]
            del self._ahead[store]

    def clear(self) -> None:
        """Forgets everything, and answers nothing until the next message."""
        self._entries.clear()
        self._views.clear()
        self._ahead.clear()
        self.size = 0

    def _begin(self, store: str, told: Ticket, now: float) -> None:
        view = self._views.get(store)
        if view is not None:
            for keys in list(view.keys.values()):
                for key in list(keys):
                    self._drop((store, key))
        view = self._views[store] = _View(told, now, floor=told.seq)
        self._reach(store, view)

    def _drop(self, place: tuple[str, str]) -> None:
        found = self._entries.pop(place, None)
        if found is None:
            return
        entry, size = found
        self.size -= size
        view = self._views.get(place[0])
        for tag in entry.tags if view else ():
            assert view is not None
            keys = view.keys.get(tag)
            if keys is not None:
                keys.discard(place[1])
                if not keys:
                    del view.keys[tag]
