"""Whole answers to public queries, out of the cache: nothing is parsed or executed for one that is there."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass, field
from urllib.parse import quote

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.cache import Cache, Fetched, Found, Ticket, Times, Unshared
from app.commerce.cached import GUESTS
from app.errors import UpstreamError
from app.storefront.questions import PATH, Asked, Question, Questions, Replay
from app.telemetry import Metrics

RECORDING = "vitrine.recording"
ASKED = "vitrine.asked"
LOOKED = "vitrine.looked"
MOST_KEYS = 4000  # bytes of Surrogate-Key that proxies take
Headers = list[tuple[bytes, bytes]]


@dataclass(slots=True)
class Recording:
    """What an answer turned out to be: `whole` or `failed` by Commerce's doing, what it depends on, and until when all
    of that is fresh. `since` is the place in the log of purges that it will be judged by."""

    since: Ticket | None
    tags: Collection[str] = ()
    until: float | None = None
    whole: bool = False
    failed: bool = False


@dataclass(slots=True)
class _Captured:
    """An answer as the application gave it."""

    status: int = 500
    headers: Headers = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)

    async def send(self, message: Message) -> None:
        """Takes a message of the application."""
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message.get("headers", ()))
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")

    async def give(self, send: Send) -> None:
        """Gives it to a client as it is."""
        await _send(send, self.status, self.headers, bytes(self.body))


class _Failed(UpstreamError):
    """Commerce failed; the answer that says so, for when there is none to give instead, and whose it is."""

    def __init__(self, by: object, captured: _Captured) -> None:
        super().__init__("a whole answer failed")
        self.by, self.value = by, captured


class Hits:
    """Stands before the whole application, its handling of proxies, origins and failures too: what is kept and fresh
    needs none of that, and costs a third without. All else goes on, with what was understood of it.

    `origins` are those that browsers may ask from, where any other than our own may.
    """

    def __init__(
        self, app: ASGIApp, cache: Cache, questions: Questions, *, origins: Collection[str], metrics: Metrics
    ) -> None:
        self._app = app
        self._cache = cache
        self._questions = questions
        self._metrics = metrics
        self._shared = bool(origins)
        # As the application's own CORS says it; other origins are its to answer.
        self._told: dict[bytes | None, Headers] = {None: []}
        for origin in map(str.encode, origins):
            allowed = (b"access-control-allow-origin", origin)
            self._told[origin] = [allowed, (b"access-control-allow-credentials", b"true")]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != PATH:
            await self._app(scope, receive, send)
            return
        asked = await self._questions.read(scope, receive)
        question = asked.question
        if question is not None:
            told = self._told.get(asked.headers.get(b"origin") if self._shared else None)
            if told is not None:
                looked = scope[LOOKED] = await self._cache.look(question.store, question.key)
                found = self._cache.fresh(looked)
                if found is not None:
                    self._metrics.answered("cached", time.perf_counter() - asked.started)
                    status, headers, body = _answer(question, found, asked, shared=self._shared)
                    await _send(send, status, headers + told, body)
                    return
        scope[ASKED] = asked
        await self._app(scope, asked.receive, send)


class Responses:
    """Stands before the endpoint, behind `Hits`. `fresh` is the longest that an answer serves, in seconds, and `error`
    how much longer while Commerce fails."""

    def __init__(self, app: ASGIApp, cache: Cache, *, fresh: float, error: float, metrics: Metrics) -> None:
        self._app = app
        self._cache = cache
        self._times = Times(fresh, 0, error)
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked: Asked | None = scope.get(ASKED)
        question = asked.question if asked else None
        if asked is None or question is None:
            await self._app(scope, receive, send)
            return
        try:
            found = await self._read(question, scope, asked)
        except (_Failed, Unshared) as error:
            if isinstance(error.value, _Captured) and (question.group == GUESTS or error.by is scope):
                await error.value.give(send)
            else:
                await self._app(scope, Replay(b"" if asked.got else asked.asked).receive, send)
            return
        if isinstance(found.value, _Captured) and not found.entry.tags:
            await found.value.give(send)
            return
        if found.kept:
            self._metrics.answered("cached", time.perf_counter() - asked.started)
        status, told, body = _answer(question, found, asked)
        await _send(send, status, told, body)

    async def _read(self, question: Question, scope: Scope, asked: Asked) -> Found:
        async def fetch(since: Ticket | None) -> Fetched:
            recording, captured = Recording(since), _Captured()
            inner = {**scope, RECORDING: recording}
            await self._app(inner, Replay(b"" if asked.got else asked.asked).receive, captured.send)
            if recording.failed:
                raise _Failed(scope, captured)
            whole = recording.whole and captured.status == 200
            if not whole and question.group != GUESTS:
                raise Unshared(scope, captured)
            tags = [*recording.tags, "operation:response"] if whole else []
            return Fetched(bytes(captured.body), tags, recording.until, whole=whole, value=captured)

        return await self._cache.read(question.store, question.key, self._times, fetch, looked=scope.get(LOOKED))


def _answer(question: Question, found: Found, asked: Asked, *, shared: bool = False) -> tuple[int, Headers, bytes]:
    """Status, headers and body; `shared`: they differ by origin."""
    entry, now = found.entry, time.time()
    left = max(0, int(entry.fresh - now))
    state = "hit" if found.kept else "fwd=miss"
    if found.stale or entry.fresh <= now:
        # One that was made just now can be of parts that are stale.
        state += "; detail=stale"
    told = [
        (b"content-type", question.media),
        (b"vary", b"Accept, Store, Content-Currency, Origin" if shared else b"Accept, Store, Content-Currency"),
        (b"x-content-type-options", b"nosniff"),
        (b"cache-status", f"vitrine; {state}; ttl={left}".encode()),
    ]
    if not asked.got or question.group != GUESTS:
        told.append((b"cache-control", b"no-store"))
        return 200, [*told, (b"content-length", str(len(entry.body)).encode())], entry.body
    etag = f'"{entry.etag}"'.encode()
    told += [
        (b"cache-control", f"public, max-age={left}".encode() if left else b"public, no-cache"),
        (b"age", str(max(0, int(now - entry.fetched))).encode()),
        (b"etag", etag),
        (b"surrogate-key", _surrogates(entry.tags)),
    ]
    if etag in [each.strip().removeprefix(b"W/") for each in asked.headers.get(b"if-none-match", b"").split(b",")]:
        return 304, told, b""
    return 200, [*told, (b"content-length", str(len(entry.body)).encode())], entry.body


def _surrogates(tags: Collection[str]) -> bytes:
    """The tags for a proxy that purges by them; only those of no single thing, where there are too many."""
    named = " ".join(quote(tag, safe=":/") for tag in tags).encode()
    return named if len(named) <= MOST_KEYS else " ".join(tag for tag in tags if ":" not in tag).encode()


async def _send(send: Send, status: int, headers: Headers, body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
