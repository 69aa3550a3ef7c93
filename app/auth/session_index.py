"""Which sessions are whose, so that a provider can end them without their ids (Back-Channel Logout 1.0 section 2.7).

A name is what a provider calls one of its sessions, or all of a subject. Redis does not have it: keys are keyed hashes,
values sealed. Each step alters one key, as a Redis Cluster wants it.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import orjson

from app.auth.keys import KeyRing
from app.errors import StateUnavailable
from app.state import State

# Seconds that a logout is remembered by itself: longer than a login takes from its tokens to its session.
MARKED = 180.0
MOST = 1000  # sessions of one name; the one that ends first gives way to one more
_ROUNDS = 200

Entries = dict[str, float]


@dataclass(frozen=True, slots=True)
class Named:
    """What a session is found by, and when its shopper signed in, in seconds since the epoch."""

    names: tuple[str, ...]
    since: float


class SessionIndex:
    """The index in a State. `named` says what a session's data is found by, if by anything; `clock` tells the seconds
    since the epoch. `add` and `end` raise `StateUnavailable`."""

    def __init__(
        self,
        state: State,
        keys: KeyRing,
        named: Callable[[Mapping[str, Any]], Named | None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._state, self._keys, self._named, self._clock = state, keys, named, clock

    def is_same(self, data: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
        """Whether both are found by the same."""
        return self._named(data) == self._named(other)

    async def add(self, place: str, data: Mapping[str, Any], until: float) -> bool:
        """Has the session at a place of the state found until then. False: somebody logged its shopper out meanwhile,
        and it must not live.

        A session that is not there yet is put there first. Then either it sees the logout here, or the logout sees it.
        """
        named = self._named(data)
        for name in named.names if named else ():
            assert named is not None
            crowded: list[str] = []

            def put(entries: Entries, crowded: list[str] = crowded) -> Entries:
                kept = {**entries, place: until}
                crowded[:] = sorted(kept, key=kept.__getitem__)[: max(0, len(kept) - MOST)]
                return {each: end for each, end in kept.items() if each not in crowded}

            out = await self._edit(self._places(name)[0], put)
            for each in crowded:
                await self._state.delete(each)
            if out is not None and named.since <= out:
                return False
        return True

    async def remove(self, place: str, data: Mapping[str, Any]) -> None:
        """Forgets a session that is over. It is no matter if Redis is away: what is left leads to nothing."""
        named = self._named(data)
        with suppress(StateUnavailable):
            for name in named.names if named else ():
                for index in self._places(name):
                    await self._edit(index, lambda entries: _without(entries, frozenset({place})))

    async def end(self, name: str) -> int:
        """Ends all sessions of this name; gives how many there may have been."""
        ended: set[str] = set()
        for index in self._places(name):
            found: Entries = {}

            def look(entries: Entries, found: Entries = found) -> Entries:
                found.clear()
                found.update(entries)
                return entries

            await self._edit(index, look, out=self._clock())
            for place in found:
                await self._state.delete(place)
            # Not before: whoever is cut off in between is asked to do it again, and finds them.
            await self._edit(index, lambda entries, gone=frozenset(found): _without(entries, gone))  # type: ignore[misc]
            ended |= set(found)
        return len(ended)

    def _places(self, name: str) -> list[str]:
        return [f"sessions-of:{hashed}" for hashed in self._keys.hashes(name)]

    async def _edit(
        self, index: str, change: Callable[[Entries], Entries], *, out: float | None = None
    ) -> float | None:
        """Changes the entries of a name; gives when it was logged out last, as far as that is remembered."""
        for number in range(_ROUNDS):
            if number > 1:
                await asyncio.sleep(random.uniform(0, 0.001 * min(number, 20)))  # noqa: S311 - no secret
            now = self._clock()
            raw = await self._state.get(index)
            plain = self._keys.open(index, raw) if raw is not None else None
            kept = orjson.loads(plain) if plain is not None else {"in": {}, "out": None}
            before = {place: end for place, end in kept["in"].items() if end > now}
            was_out = kept["out"] if kept["out"] is not None and kept["out"] + MARKED > now else None
            is_out = out if out is not None else was_out
            entries = change(before)
            ends = [*entries.values(), *([is_out + MARKED] if is_out is not None else [])]
            if not ends:
                if raw is None or await self._state.drop(index, raw):
                    return is_out
                continue
            sealed = self._keys.seal(index, orjson.dumps({"in": entries, "out": is_out}))
            left = max(ends) - now
            if raw is None:
                if await self._state.put(index, sealed, left, absent=True):
                    return is_out
            elif await self._state.swap(index, raw, sealed, left):
                return is_out
        raise StateUnavailable("an index of sessions is changed without end")


def _without(entries: Entries, gone: frozenset[str]) -> Entries:
    return {place: end for place, end in entries.items() if place not in gone}
