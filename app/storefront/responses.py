"""Whole answers to public queries, out of the cache: nothing is parsed or executed for one that is there."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, quote

import orjson
from graphql import FieldNode, FragmentDefinitionNode, FragmentSpreadNode, GraphQLError, OperationDefinitionNode, parse
from graphql.language.ast import InlineFragmentNode, SelectionSetNode
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.cache import Cache, Fetched, Found, Ticket, Times, Unshared, key_of
from app.commerce.cached import GUESTS
from app.commerce.customers import Customer
from app.errors import UpstreamError, VitrineError
from app.telemetry import Metrics

PATH = "/graphql"
RECORDING = "vitrine.recording"
CUSTOMER = "vitrine.customer"
JSON = b"application/json"
GRAPHQL_JSON = b"application/graphql-response+json"
REMEMBERED = 4096  # questions whose key is remembered
LONGEST_QUESTION = 65_536  # bytes of a question that is looked up here; longer ones are answered without
MOST_KEYS = 4000  # bytes of Surrogate-Key that proxies take


@dataclass(slots=True)
class Recording:
    """What an answer turned out to be: `whole` or `failed` by Commerce's doing, what it depends on, and until when all
    of that is fresh. `since` is the place in the log of purges that it will be judged by."""

    since: Ticket | None
    tags: Collection[str] = ()
    until: float | None = None
    whole: bool = False
    failed: bool = False


@dataclass(frozen=True, slots=True)
class _Question:
    """A public query: where its answer is kept, the media type that it is given in, and the customer group."""

    store: str
    key: str
    media: bytes
    group: str = GUESTS


@dataclass(slots=True)
class _Captured:
    """An answer as the application gave it."""

    status: int = 500
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
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


class Responses:
    """Stands before an application. `context_of` gives the store view's code and the currency that a request's two
    headers mean, or None when they mean nothing; `customer_of` gives who has signed in, and may raise a `VitrineError`
    that the application will raise too; `public` are the fields of the query type that are the same for all.

    `fresh` is the longest that an answer serves, in seconds, and `error` how much longer while Commerce fails.
    """

    def __init__(
        self,
        app: ASGIApp,
        cache: Cache,
        *,
        context_of: Callable[[str | None, str | None], tuple[str, str] | None],
        customer_of: Callable[[Mapping[str, str]], Awaitable[Customer | None]],
        public: Collection[str],
        fresh: float,
        error: float,
        metrics: Metrics,
    ) -> None:
        self._app = app
        self._cache = cache
        self._context_of = context_of
        self._customer_of = customer_of
        self._public = frozenset(public)
        self._times = Times(fresh, 0, error)
        self._metrics = metrics
        self._questions: OrderedDict[tuple[str, bytes, str, bytes, str], tuple[str, bytes] | None] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != PATH:
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        headers = _headers(scope)
        got = scope["method"] == "GET"
        if got:
            asked, replay = scope["query_string"], receive
        elif scope["method"] == "POST" and headers.get(b"content-type", b"").split(b";")[0].strip().lower() == JSON:
            taken = await _take(receive)
            asked, replay = taken.body, taken.receive
        else:
            asked, replay = b"", receive
        question = self._question(scope["method"], asked, headers) if 0 < len(asked) <= LONGEST_QUESTION else None
        if question is not None and (b"cookie" in headers or b"authorization" in headers):
            question = await self._his(question, scope, asked, headers)
        if question is None:
            await self._app(scope, replay, send)
            return
        found = self._cache.peek(question.store, question.key)
        if found is None:
            try:
                found = await self._read(question, scope, asked, got)
            except (_Failed, Unshared) as error:
                if isinstance(error.value, _Captured) and (question.group == GUESTS or error.by is scope):
                    await error.value.give(send)
                else:
                    await self._app(scope, _Replay(b"" if got else asked).receive, send)
                return
        if isinstance(found.value, _Captured) and not found.entry.tags:
            await found.value.give(send)
            return
        if found.kept:
            self._metrics.answered("cached", time.perf_counter() - started)
        status, told, body = _answer(question, found, headers, got=got)
        await _send(send, status, told, body)

    async def _his(
        self, question: _Question, scope: Scope, asked: bytes, headers: Mapping[bytes, bytes]
    ) -> _Question | None:
        """The question as his who has signed in, if anybody has; None when the application must answer it."""
        try:
            # Found once for all: what is kept for a group must be read by the one who is known to be in it.
            customer = scope[CUSTOMER] = await self._customer_of(Headers(scope=scope))
        except VitrineError:
            return None
        return question if customer is None else self._question(scope["method"], asked, headers, customer.group)

    async def _read(self, question: _Question, scope: Scope, asked: bytes, got: bool) -> Found:
        async def fetch(since: Ticket | None) -> Fetched:
            recording, captured = Recording(since), _Captured()
            inner = {**scope, RECORDING: recording}
            await self._app(inner, _Replay(b"" if got else asked).receive, captured.send)
            if recording.failed:
                raise _Failed(scope, captured)
            whole = recording.whole and captured.status == 200
            if not whole and question.group != GUESTS:
                raise Unshared(scope, captured)
            tags = [*recording.tags, "operation:response"] if whole else []
            return Fetched(bytes(captured.body), tags, recording.until, whole=whole, value=captured)

        return await self._cache.read(question.store, question.key, self._times, fetch)

    def _question(
        self, method: str, asked: bytes, headers: Mapping[bytes, bytes], group: str | None = GUESTS
    ) -> _Question | None:
        """What is asked on behalf of a customer group; None for what is not shared with anybody."""
        if group is None:
            return None
        context = self._context_of(_text(headers.get(b"store")), _text(headers.get(b"content-currency")))
        if context is None:
            return None
        store, currency = context
        accepted = headers.get(b"accept", b"")
        media = GRAPHQL_JSON if GRAPHQL_JSON in accepted.lower() else JSON
        digest = hashlib.blake2b(asked, digest_size=20).digest()
        remembered = (method, digest, currency, media, group)
        if remembered in self._questions:
            self._questions.move_to_end(remembered)
            known = self._questions[remembered]
        else:
            known = self._questions[remembered] = self._key(method, asked, currency, media, group)
            if len(self._questions) > REMEMBERED:
                self._questions.popitem(last=False)
        return _Question(store, known[0], known[1], group) if known is not None else None

    def _key(self, method: str, asked: bytes, currency: str, media: bytes, group: str) -> tuple[str, bytes] | None:
        """The key of a question; None for one that is not public or that the application will refuse."""
        try:
            given: Any = _query(asked) if method == "GET" else orjson.loads(asked)
            query, variables, name = given.get("query"), given.get("variables") or {}, given.get("operationName")
            if not isinstance(query, str) or not isinstance(variables, dict) or not isinstance(name, str | None):
                return None
            if not is_public(query, name or None, self._public):
                return None
        except (orjson.JSONDecodeError, AttributeError, GraphQLError, RecursionError):
            return None
        return key_of("response", variables, query, name or "", media.decode(), currency, group), media


def is_public(query: str, name: str | None, public: Collection[str]) -> bool:
    """Whether a document's operation is a query of nothing but fields that are the same for everybody.

    Raises `GraphQLError` for what is no document.
    """
    document = parse(query, no_location=True, max_tokens=10_000)
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    chosen = [node for node in operations if name is None or (node.name and node.name.value == name)]
    if len(chosen) != 1 or chosen[0].operation.value != "query":
        return False
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    waiting: list[SelectionSetNode] = [chosen[0].selection_set]
    seen: set[str] = set()
    while waiting:
        for node in waiting.pop().selections:
            if isinstance(node, FieldNode):
                if node.name.value not in public and node.name.value != "__typename":
                    return False
            elif isinstance(node, InlineFragmentNode):
                waiting.append(node.selection_set)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in seen:
                seen.add(node.name.value)
                fragment = fragments.get(node.name.value)
                if fragment is None:
                    return False
                waiting.append(fragment.selection_set)
    return True


@dataclass(slots=True)
class _Replay:
    """A body that was taken from the client already, for the application to take again."""

    body: bytes
    rest: Receive | None = None
    told: bool = False

    async def receive(self) -> Message:
        """The body at once, then what the client says."""
        if not self.told:
            self.told = True
            return {"type": "http.request", "body": self.body, "more_body": self.rest is not None}
        if self.rest is not None:
            return await self.rest()
        return {"type": "http.disconnect"}


async def _take(receive: Receive) -> _Replay:
    """The body, or as much of it as says that it is too long to be looked up; the rest is the application's to take."""
    message = await receive()
    body, more = message.get("body", b""), message.get("more_body", False)
    if not more and message["type"] == "http.request":
        return _Replay(body)
    parts = bytearray(body)
    while more and len(parts) <= LONGEST_QUESTION:
        message = await receive()
        if message["type"] != "http.request":
            break
        parts += message.get("body", b"")
        more = message.get("more_body", False)
    if message["type"] != "http.request":

        async def gone() -> Message:
            return {"type": "http.disconnect"}

        return _Replay(b"", gone, told=True)
    return _Replay(bytes(parts), receive if more else None)


def _headers(scope: Scope) -> dict[bytes, bytes]:
    """The headers by name. One that is sent twice has no meaning here: the application judges it."""
    found: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        found[name] = b"\0" if name in found and name in (b"store", b"content-currency") else value
    return found


def _query(asked: bytes) -> dict[str, Any]:
    given: dict[str, Any] = {name: values[-1] for name, values in parse_qs(asked.decode("latin-1")).items()}
    if "variables" in given:
        given["variables"] = orjson.loads(given["variables"])
    return given


def _text(value: bytes | None) -> str | None:
    return value.decode("latin-1") if value else None


def _answer(
    question: _Question, found: Found, headers: Mapping[bytes, bytes], *, got: bool
) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    entry, now = found.entry, time.time()
    left = max(0, int(entry.fresh - now))
    state = "hit" if found.kept else "fwd=miss"
    if found.stale or entry.fresh <= now:
        # One that was made just now can be of parts that are stale.
        state += "; detail=stale"
    told = [
        (b"content-type", question.media),
        (b"vary", b"Accept, Store, Content-Currency"),
        (b"x-content-type-options", b"nosniff"),
        (b"cache-status", f"vitrine; {state}; ttl={left}".encode()),
    ]
    if not got or question.group != GUESTS:
        told.append((b"cache-control", b"no-store"))
        return 200, [*told, (b"content-length", str(len(entry.body)).encode())], entry.body
    etag = f'"{entry.etag}"'.encode()
    told += [
        (b"cache-control", f"public, max-age={left}".encode() if left else b"public, no-cache"),
        (b"age", str(max(0, int(now - entry.fetched))).encode()),
        (b"etag", etag),
        (b"surrogate-key", _surrogates(entry.tags)),
    ]
    if etag in [each.strip().removeprefix(b"W/") for each in headers.get(b"if-none-match", b"").split(b",")]:
        return 304, told, b""
    return 200, [*told, (b"content-length", str(len(entry.body)).encode())], entry.body


def _surrogates(tags: Collection[str]) -> bytes:
    """The tags for a proxy that purges by them; only those of no single thing, where there are too many."""
    named = " ".join(quote(tag, safe=":/") for tag in tags).encode()
    return named if len(named) <= MOST_KEYS else " ".join(tag for tag in tags if ":" not in tag).encode()


async def _send(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
