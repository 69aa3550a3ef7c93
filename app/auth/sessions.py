"""Sessions: what we know of a shopper, kept sealed in Redis; the browser has a random id and nothing else.

After OWASP's Session Management Cheat Sheet: ids are random and ours alone, an unknown id is never adopted, a change
of privilege gives a new one, and there are an idle and an absolute limit. Redis has the id's SHA-256 only.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from app.auth.keys import KeyRing
from app.auth.session_ids import (
    bearers_of,
    clear_cookie,
    cookie_name,
    cookies_of,
    is_signed_in,
    is_token,
    new_token,
    set_cookie,
    token_of,
)
from app.auth.session_index import SessionIndex
from app.errors import BadRequest, Rejected, StateUnavailable
from app.state import State
from app.telemetry import log

__all__ = [
    "Data",
    "KeyRing",
    "Session",
    "SessionEnded",
    "SessionFull",
    "Sessions",
    "bearers_of",
    "clear_cookie",
    "cookie_name",
    "cookies_of",
    "is_signed_in",
    "set_cookie",
    "token_of",
]

Data = Mapping[str, Any]

LARGEST = 16_384  # bytes of a session's data as JSON
START_SECONDS = 60.0
PARTED_SECONDS = 3600.0
ENTERED_SECONDS = 30.0
_ROUNDS = 200  # of a compare-and-set; each one that is lost was won by somebody else
_START = re.compile(r"[A-Za-z0-9_-]{22,128}")


class SessionEnded(Rejected):
    """The session is not there any more: ended, renewed under another id, or past a limit."""

    code = "SESSION_ENDED"
    status = 401

    def __init__(self, message: str = "The session has ended. Nothing was changed; begin a new one.") -> None:
        super().__init__(message)


class SessionFull(Rejected):
    """The data would be larger than a session may be."""

    code = "SESSION_FULL"

    def __init__(self) -> None:
        super().__init__("The session cannot hold any more. Nothing was changed.")


@dataclass(frozen=True, slots=True)
class Session:
    """A session as it was when read; `token` is the secret id, url-safe base64 of 32 random bytes.

    To alter `data` (JSON) is to alter this copy alone: `Sessions.change` alters the session.
    """

    token: str = field(repr=False)
    data: Data = field(repr=False)
    created: float


@dataclass(frozen=True, slots=True)
class _Kept:
    """What Redis has of a session: `raw` as it stands there, `used` the last time that its expiry was moved."""

    raw: bytes = field(repr=False)
    data: Data = field(repr=False)
    created: float
    used: float


class Sessions:
    """The sessions in a State. Limits are seconds: `idle` since the last use, `absolute` since the beginning. With an
    `index` those of a shopper can be ended without their ids.

    Every method raises `StateUnavailable` when Redis is away. As with any store, whether a write that was cut off in
    flight took place is not known then; a session is never left half written.
    """

    def __init__(
        self,
        state: State,
        keys: KeyRing,
        *,
        idle: float,
        absolute: float,
        clock: Callable[[], float] = time.time,
        index: SessionIndex | None = None,
    ) -> None:
        if not (idle > 0 and absolute > 0):
            raise ValueError("the limits of a session must be more than 0")
        self._state, self._keys, self._clock = state, keys, clock
        self._idle, self._absolute = idle, absolute
        self._index = index or SessionIndex(state, keys, lambda _: None)

    async def open(self, token: str | None) -> Session | None:
        """The session of an id, its idle time begun anew; creates none.

        None for an id that is unknown, malformed, ended or past a limit, and for a value that was not sealed for it
        by a key of the ring.
        """
        if token is None or not is_token(token):
            return None
        place = _place(token)
        for number in range(_ROUNDS):
            await _pause(number)
            kept = await self._read(place)
            if kept is None:
                return None
            # Writing at every read would make each of them a write in Redis: a tenth of the limit is close enough.
            fresh = self._clock() - kept.used < self._idle / 10
            if not fresh and not await self._is_found(place, kept.data, kept.created, kept):
                return None
            if fresh or await self._state.swap(place, kept.raw, *self._sealed(place, kept.data, kept.created)):
                return Session(token, kept.data, kept.created)
        raise StateUnavailable("a session is changed without end")

    async def begin(self, *, start: str | None = None) -> Session:
        """A new, empty session under a new random id.

        `start` is a random value (22 to 128 url-safe characters, 128 bits or more) that a client without a session
        sends with all its first writes: those of them within a minute get one and the same session. For that minute
        it is as secret as an id. Raises `BadRequest` when it is malformed, and `SessionEnded` when the session that
        it began is over: with a second one, a late first write would throw a shopper who logged in meanwhile out.
        """
        if start is None:
            return (await self._create())[0]
        if not _START.fullmatch(start):
            raise BadRequest("a session's start must be 22 to 128 letters, digits, - and _ chosen at random")
        door = "session-start:" + hashlib.sha256(start.encode()).hexdigest()
        for number in range(_ROUNDS):
            await _pause(number)
            begun = await self._state.get(door)
            if begun is not None:
                token = self._keys.open(door, begun)
                found = await self.open(token.decode()) if token is not None else None
                if found is None:
                    raise SessionEnded
                return found
            # The session is there before the start leads to it, so a start never leads to nothing.
            session, place = await self._create()
            if await self._state.put(door, self._keys.seal(door, session.token.encode()), START_SECONDS, absent=True):
                return session
            await self._state.delete(place)
        raise StateUnavailable("a session's start is taken without end")

    async def change(self, session: Session, edit: Callable[[Data], Data]) -> Session:
        """The session with its newest data edited; no change of another request is lost.

        `edit` gives the new data of the old; it may be called several times and must have no effect of its own.
        Raises `SessionEnded` when the session is gone, `SessionFull` for more than 16 KB, `TypeError` for data that is
        no JSON, and whatever `edit` raises; nothing is written then.
        """
        place = _place(session.token)
        for number in range(_ROUNDS):
            await _pause(number)
            kept = await self._read(place)
            if kept is None:
                raise SessionEnded
            plain = orjson.dumps(dict(edit(kept.data)))
            if len(plain) > LARGEST:
                raise SessionFull
            data = orjson.loads(plain)
            if not await self._is_found(place, data, kept.created, kept):
                raise SessionEnded
            if await self._state.swap(place, kept.raw, *self._sealed(place, data, kept.created)):
                return Session(session.token, data, kept.created)
        raise StateUnavailable("a session is changed without end")

    async def renew(self, session: Session, *, signed_in: bool | None = None) -> Session:
        """The session with its newest data under a new id; the old id is dead when this returns. `signed_in` is what
        the new id says of that, None: what the old one said.

        For every change of privilege, before what it brings is put in. The absolute limit goes on from the beginning.
        Raises `SessionEnded` when the session is gone: of two parallel renewals one succeeds.
        """
        old = _place(session.token)
        token = new_token(is_signed_in(session.token) if signed_in is None else signed_in)
        place = _place(token)
        for number in range(_ROUNDS):
            await _pause(number)
            kept = await self._read(old)
            if kept is None:
                await self._state.delete(place)
                raise SessionEnded
            # Written first: nobody knows the new id yet, and a crash in between loses nothing. One key a step, as a
            # Redis Cluster wants it.
            await self._state.put(place, *self._sealed(place, kept.data, kept.created))
            if not await self._is_found(place, kept.data, kept.created):
                await self._state.delete(place)
                raise SessionEnded
            if await self._state.drop(old, kept.raw):
                await self._index.remove(old, kept.data)
                return Session(token, kept.data, kept.created)
        await self._state.delete(place)
        raise StateUnavailable("a session is changed without end")

    async def enter(self, session: Session | None, edit: Callable[[Data], Data]) -> Session:
        """A session with a new id and limits begun anew, for somebody who has just proved who he is.

        `edit` gives its data of the newest data of the session before, whose id is dead when this returns; without one
        of no data. Raises `SessionEnded` when that one is gone or another call is at it, or when its shopper was logged
        out meanwhile, and `SessionFull`; nothing is changed then.
        """
        token, now = new_token(signed_in=True), self._clock()
        place = _place(token)
        old = _place(session.token) if session is not None else ""
        led, leads = _entered(session.token) if session is not None else "", False
        for number in range(_ROUNDS):
            await _pause(number)
            kept = await self._read(old) if old else None
            if old and kept is None:
                await self._state.delete(place)
                raise SessionEnded
            plain = orjson.dumps(dict(edit(kept.data if kept else {})))
            if len(plain) > LARGEST:
                await self._state.delete(place)
                raise SessionFull
            data = orjson.loads(plain)
            await self._state.put(place, *self._sealed(place, data, now))
            # Before the old id is dead: a login at the same moment finds one or the other, and follows the first.
            leads = leads or kept is None or await self._lead(led, token)
            if not leads or not await self._is_found(place, data, now):
                await self._state.delete(place)
                raise SessionEnded
            if kept is None:
                return Session(token, data, now)
            if await self._state.drop(old, kept.raw):
                await self._index.remove(old, kept.data)
                return Session(token, data, now)
        await self._state.delete(place)
        raise StateUnavailable("a session is changed without end")

    async def entered(self, token: str) -> Session | None:
        """The session that the one of this id became when its shopper signed in, for half a minute.

        For another login of his at the same moment only: an id that is dead must lead nobody else anywhere.
        """
        led = _entered(token)
        sealed = await self._state.get(led)
        found = self._keys.open(led, sealed) if sealed is not None else None
        return await self.open(found.decode()) if found is not None else None

    def until(self, session: Session) -> float:
        """When the session ends if it is not used again, in seconds since the epoch."""
        return min(self._clock() + self._idle, session.created + self._absolute)

    async def end(self, session: Session) -> None:
        """Ends the session; one that is over already is no error."""
        await self._state.delete(_place(session.token))
        await self._index.remove(_place(session.token), session.data)

    async def end_where(self, session: Session, is_meant: Callable[[Data], bool]) -> Session | None:
        """Ends the session if its newest data is meant; else gives it as it is now. None when it is over."""
        place = _place(session.token)
        for number in range(_ROUNDS):
            await _pause(number)
            kept = await self._read(place)
            if kept is None:
                return None
            if not is_meant(kept.data):
                return Session(session.token, kept.data, kept.created)
            if await self._state.drop(place, kept.raw):
                await self._index.remove(place, kept.data)
                return None
        raise StateUnavailable("a session is changed without end")

    async def end_named(self, name: str) -> int:
        """Ends all sessions that the index finds by this name; gives how many there may have been."""
        return await self._index.end(name)

    async def part(self, token: str) -> bool:
        """Whether nobody was told yet that the session of this id is over: of all calls within an hour the first."""
        told = "session-parted:" + hashlib.sha256(token.encode()).hexdigest()
        return await self._state.put(told, b"1", PARTED_SECONDS, absent=True)

    async def _lead(self, led: str, token: str) -> bool:
        return await self._state.put(led, self._keys.seal(led, token.encode()), ENTERED_SECONDS, absent=True)

    async def _is_found(self, place: str, data: Data, created: float, kept: _Kept | None = None) -> bool:
        """Has the index find a session; whether it may live. `kept` is what it replaces, by which it may be found."""
        # Its names are hashed by the first key: with another one first, they are others.
        if kept is not None and self._keys.is_first(kept.raw) and self._index.is_same(kept.data, data):
            return True
        return await self._index.add(place, data, created + self._absolute)

    async def _create(self) -> tuple[Session, str]:
        session = Session(new_token(), {}, self._clock())
        place = _place(session.token)
        await self._state.put(place, *self._sealed(place, session.data, session.created), absent=True)
        return session, place

    async def _read(self, place: str) -> _Kept | None:
        raw = await self._state.get(place)
        if raw is None:
            return None
        plain = self._keys.open(place, raw)
        if plain is None:
            # Left where it is: another process may have the key.
            log.warning("session.unreadable")
            return None
        kept = orjson.loads(plain)
        now, created, used = self._clock(), kept["created"], kept["used"]
        if now - created >= self._absolute or now - used >= self._idle:
            return None
        return _Kept(raw, kept["data"], created, used)

    def _sealed(self, place: str, data: Data, created: float) -> tuple[bytes, float]:
        """The value as of now, and how long Redis keeps it."""
        now = self._clock()
        plain = orjson.dumps({"created": created, "used": now, "data": data})
        return self._keys.seal(place, plain), min(self._idle, created + self._absolute - now)


async def _pause(number: int) -> None:
    """Keeps the rounds of a compare-and-set further apart the longer it takes."""
    if number > 2:
        await asyncio.sleep(random.uniform(0, 0.001 * min(number, 20)))  # noqa: S311 - no secret


def _place(token: str) -> str:
    return "session:" + hashlib.sha256(token.encode()).hexdigest()


def _entered(token: str) -> str:
    return "session-entered:" + hashlib.sha256(token.encode()).hexdigest()
