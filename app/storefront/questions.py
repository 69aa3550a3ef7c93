"""Which questions have an answer that is kept, and under which key."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

import orjson
from graphql import FieldNode, FragmentDefinitionNode, FragmentSpreadNode, GraphQLError, OperationDefinitionNode, parse
from graphql.language.ast import InlineFragmentNode, SelectionSetNode
from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope

from app.cache import key_of
from app.commerce.cached import GUESTS
from app.commerce.customers import Customer
from app.errors import VitrineError

PATH = "/graphql"
CUSTOMER = "vitrine.customer"
JSON = b"application/json"
GRAPHQL_JSON = b"application/graphql-response+json"
REMEMBERED = 4096  # questions whose key is remembered
LONGEST_QUESTION = 65_536  # bytes of a question that is looked up here; longer ones are answered without
# Two of these mean nothing here: the application judges them.
_SINGLE = frozenset({b"store", b"content-currency", b"origin"})


@dataclass(frozen=True, slots=True)
class Question:
    """A public query: where its answer is kept, the media type that it is given in, and the customer group."""

    store: str
    key: str
    media: bytes
    group: str = GUESTS


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: its headers by name, whether it is a GET, what it asks, and the public query that this is, if it is
    one. `started` is when it came, on this process's clock; `receive` gives the body again."""

    headers: Mapping[bytes, bytes]
    got: bool
    asked: bytes
    question: Question | None
    started: float
    receive: Receive


class Questions:
    """Understands requests. `context_of` gives the codes of the store view, the currency and the website that a
    request's two headers mean, or None when they mean nothing; `customer_of` gives who has signed in, and may raise a
    `VitrineError` that the application will raise too; `public` are the fields of the query type that are the same for
    all."""

    def __init__(
        self,
        context_of: Callable[[str | None, str | None], tuple[str, str, str] | None],
        customer_of: Callable[[Mapping[str, str]], Awaitable[Customer | None]],
        public: Collection[str],
    ) -> None:
        self._context_of = context_of
        self._customer_of = customer_of
        self._public = frozenset(public)
        self._questions: OrderedDict[tuple[str, bytes, str, bytes, str], tuple[str, bytes] | None] = OrderedDict()

    async def read(self, scope: Scope, receive: Receive) -> Asked:
        """Takes a request's body, as far as it may be a question."""
        started = time.perf_counter()
        headers = _headers(scope)
        got = scope["method"] == "GET"
        if got:
            asked = scope["query_string"]
        elif scope["method"] == "POST" and headers.get(b"content-type", b"").split(b";")[0].strip().lower() == JSON:
            taken = await _take(receive)
            asked, receive = taken.body, taken.receive
        else:
            asked = b""
        question = self._question(scope["method"], asked, headers) if 0 < len(asked) <= LONGEST_QUESTION else None
        if question is not None and (b"cookie" in headers or b"authorization" in headers):
            question = await self._his(question, scope, asked, headers)
        return Asked(headers, got, asked, question, started, receive)

    async def _his(
        self, question: Question, scope: Scope, asked: bytes, headers: Mapping[bytes, bytes]
    ) -> Question | None:
        """The question as his who has signed in, if anybody has; None when the application must answer it."""
        try:
            # Found once for all: what is kept for a group must be read by the one who is known to be in it.
            customer = scope[CUSTOMER] = await self._customer_of(Headers(scope=scope))
        except VitrineError:
            return None
        return question if customer is None else self._question(scope["method"], asked, headers, customer)

    def _question(
        self, method: str, asked: bytes, headers: Mapping[bytes, bytes], customer: Customer | None = None
    ) -> Question | None:
        """What is asked on behalf of a customer's group; None for what is not shared with anybody."""
        group = customer.group if customer is not None else GUESTS
        if group is None:
            return None
        context = self._context_of(_text(headers.get(b"store")), _text(headers.get(b"content-currency")))
        if context is None:
            return None
        store, currency, website = context
        if customer is not None and customer.website not in (None, website):
            # Here he is another customer, perhaps of another group.
            return None
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
        return Question(store, known[0], known[1], group) if known is not None else None

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
class Replay:
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


async def _take(receive: Receive) -> Replay:
    """The body, or as much of it as says that it is too long to be looked up; the rest is the application's to take."""
    message = await receive()
    body, more = message.get("body", b""), message.get("more_body", False)
    if not more and message["type"] == "http.request":
        return Replay(body)
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

        return Replay(b"", gone, told=True)
    return Replay(bytes(parts), receive if more else None)


def _headers(scope: Scope) -> dict[bytes, bytes]:
    """The headers by name. One that is sent twice is not what anybody means."""
    found: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        found[name] = b"\0" if name in found and name in _SINGLE else value
    return found


def _query(asked: bytes) -> dict[str, Any]:
    given: dict[str, Any] = {name: values[-1] for name, values in parse_qs(asked.decode("latin-1")).items()}
    if "variables" in given:
        given["variables"] = orjson.loads(given["variables"])
    return given


def _text(value: bytes | None) -> str | None:
    return value.decode("latin-1") if value else None
