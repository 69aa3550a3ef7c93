"""The HTTP side of the stand-in: routes, headers, statuses, faults."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qs

import orjson
from graphql import GraphQLSchema
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from .call import Call
from .carts import Cart
from .engine import Answer, Engine, failure
from .errors import INPUT, MAINTENANCE, RestError, html_error
from .faults import INTERNAL_ERROR, Fault, Faults, break_part
from .index import Index
from .model import Customer, Store
from .orders import Order
from .pagecache import SECONDS, PageCache
from .pictures import picture
from .placing import Placings
from .rest import Rest
from .shop import Shop

YEAR = 365 * 86400
# How many requests are kept to look at, at least: a load test must not fill the memory with them.
REMEMBERED = 10_000


@dataclass(slots=True)
class Seen:
    """A request that came in, and the status it got (0: the connection was cut)."""

    method: str
    path: str
    headers: dict[str, str]
    query: str | None = None
    operation: str | None = None
    variables: dict[str, Any] = field(default_factory=dict)
    status: int = 0


@dataclass(slots=True)
class Asked:
    """What a GraphQL request asks for, once it could be read."""

    query: str
    variables: dict[str, Any]


class Commerce:
    """An ASGI app that behaves as Magento does. Change `shop` and `faults` while it runs; read `requests` after."""

    def __init__(
        self,
        schema: GraphQLSchema,
        shop: Shop,
        *,
        version: str,
        public_url: str,
        introspection: bool,
        page_cache: bool,
        indexer_lag: float,
        latency: float,
        faults: Faults,
        place_seconds: float = 0.0,
        control: bool = False,
    ) -> None:
        self.shop = shop
        self.faults = faults
        self.version = version
        self.latency = latency
        self.public_url = public_url.rstrip("/")
        self.requests: list[Seen] = []
        self._count = 0
        self.failures: list[Exception] = []
        self.index = Index(shop, indexer_lag)
        self._engine = Engine(schema, introspection)
        self._rest = Rest(shop, self.index, self.public_url, version)
        self._pages = PageCache() if page_cache else None
        self._placings = Placings(place_seconds)
        self._control = control

    @property
    def orders(self) -> list[Order]:
        """Every order that was placed, in that order."""
        return self.shop.orders.placed

    @property
    def carts(self) -> dict[str, Cart]:
        """Every cart by its masked id, ordered ones too."""
        return self.shop.carts.by_masked

    @property
    def pending(self) -> int:
        """How many orders are being placed right now, those of clients that are gone included."""
        return self._placings.pending

    async def settled(self) -> None:
        """Wait until nothing is being placed any more."""
        await self._placings.settled()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            while (await receive())["type"] != "lifespan.shutdown":
                await send({"type": "lifespan.startup.complete"})
            await send({"type": "lifespan.shutdown.complete"})
            return
        request = Request(scope, receive)
        raw = await request.body()
        seen = Seen(request.method, request.url.path, dict(request.headers))
        self._count += 1
        self.requests.append(seen)
        if len(self.requests) > 2 * REMEMBERED:
            del self.requests[:-REMEMBERED]
        asked = self._read(request, raw) if seen.path == "/graphql" else None
        if asked is not None:
            seen.query, seen.variables = asked.query, asked.variables
            seen.operation = _operation_name(asked.query)
        stale = self.index.refresh()
        if self._pages is not None and stale:
            self._pages.purge(stale)
        placing = asked is not None and self._engine.places(asked.query)
        fault = self.faults.take(seen.path, seen.operation, placing)
        if fault is not None and fault.kind == "slow" and not placing:
            await asyncio.sleep(fault.seconds)
        if self.latency and seen.path == "/graphql":
            await asyncio.sleep(self.latency)
        response = self._broken(fault)
        if response is None and asked is not None and placing:
            response = await self._place(request, asked, fault, receive)
            if response is None:
                await _hang_up("the client waited for longer than the fault's patience", send)
                return
        response = response or self._answer(request, raw, asked, fault)
        seen.status = response.status_code
        if fault is not None and fault.kind in ("drop", "truncated"):
            seen.status = 0 if fault.kind == "drop" else seen.status
            await _cut(fault, response, send)
            return
        await response(scope, receive, send)

    async def _place(self, request: Request, asked: Asked, fault: Fault | None, receive: Receive) -> Response | None:
        """The reply to a request that places an order. None: the client gets none."""

        async def work(pause: Callable[[], Awaitable[None]]) -> Response:
            call, refused = self._called(request)
            call.work = pause
            call.crashes = fault is not None and fault.kind == "crash_after_place"
            answer = refused or await self._engine.perform(asked.query, asked.variables, call, request.method == "GET")
            self.failures += answer.failures
            return self._json(request, orjson.dumps(_spoilt(answer, fault).body), answer.status, call, ())

        response = await self._placings.run(work, fault, receive)
        if fault is not None and fault.kind in ("error_after_place", "crash_after_place") and response is not None:
            return Response(html_error(self.public_url, f"fault {fault.fired}"), 500, media_type="text/html")
        return response

    def _answer(self, request: Request, raw: bytes, asked: Asked | None, fault: Fault | None) -> Response:
        path = request.url.path
        if path == "/graphql":
            return self._graphql(request, asked, fault)
        if path.startswith("/rest/"):
            return self._rest_answer(request, raw)
        if path.startswith("/__sandbox/") and self._control:
            return self._control_answer(path)
        drawn = picture(path)
        if drawn is not None and request.method in ("GET", "HEAD"):
            return Response(drawn, media_type="image/svg+xml", headers={"cache-control": f"max-age={YEAR}, public"})
        return Response("File not found.", 404, media_type="text/plain")

    # GraphQL

    def _read(self, request: Request, raw: bytes) -> Asked | None:
        """The query, or None for a request that Magento dies of (gql-205 to gql-214)."""
        if request.method == "GET":
            given = {name: values[-1] for name, values in parse_qs(request.url.query).items()}
            return _asked(given.get("query"), _json(given.get("variables", "null").encode()))
        if request.method != "POST" or not request.headers.get("content-type", "").startswith("application/json"):
            return None
        body = _json(raw)
        return _asked(body.get("query"), body.get("variables")) if isinstance(body, dict) else None

    def _graphql(self, request: Request, asked: Asked | None, fault: Fault | None) -> Response:
        if asked is None:
            return self._dead(request)
        call, refused = self._called(request)
        url = str(request.url)
        now = self.shop.now()
        cached = self._pages is not None and request.method == "GET"
        if cached and refused is None and fault is None:
            assert self._pages is not None
            kept = self._pages.get(url, call.cache_id, now)
            if kept is not None:
                return self._json(request, kept.body, 200, call, kept.tags)
        call.crashes = fault is not None and fault.kind == "crash_halfway"
        answer = refused or self._engine.execute(asked.query, asked.variables, call, request.method == "GET")
        if call.crashes:
            return self._dead(request)
        self.failures += answer.failures
        answer = _spoilt(answer, fault)
        body = orjson.dumps(answer.body)
        tags: tuple[str, ...] = ()
        if cached and answer.cacheable and fault is None:
            assert self._pages is not None
            tags = self._pages.put(url, call.cache_id, body, tuple(call.tags), now).tags
        elif self._pages is None and request.method == "GET" and answer.cacheable:
            return self._json(request, body, answer.status, call, tags, marked=False)
        return self._json(request, body, answer.status, call, tags)

    def _called(self, request: Request) -> tuple[Call, Answer | None]:
        """Who asks for which store view in which currency, and the refusal of one that does not exist."""
        customer = self._customer(request)
        store = self.shop.store(request.headers.get("store") or self.shop.stores[0].code)
        shown = store or self.shop.stores[0]
        allowed = self.shop.website_of(shown).currencies
        currency = request.headers.get("content-currency") or shown.currency
        call = self._call(shown, currency if currency in allowed else shown.currency, customer)
        call.recaptcha = request.headers.get("x-recaptcha")
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        call.admin = scheme.lower() == "bearer" and token in self._rest.admin_tokens
        if scheme.lower() == "oauth":
            call.integration = self._signed(request)
        if store is None:
            return call, failure(f"Requested store is not found ({request.headers['store']})", INPUT, 500)
        if currency not in allowed:
            return call, failure("Please correct the target currency", INPUT, 500)
        return call, None

    def _call(self, store: Store, currency: str, customer: Customer | None) -> Call:
        version = tuple(map(int, self.version.split(".")))
        return Call(self.shop, self.index, store, currency, customer, False, version, self.public_url)

    def _customer(self, request: Request) -> Customer | None:
        """Whose token it is. A token that is nobody's makes a guest, without any error (gql-224)."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        entity = self.shop.customer_tokens.owner(token) if scheme.lower() == "bearer" else None
        return next((customer for customer in self.shop.customers if customer.id == entity), None)

    def _signed(self, request: Request) -> bool:
        """Whether an integration signed the request. A signature that is wrong makes a guest, as a wrong token does."""
        url, query = str(request.url.replace(query="")), request.url.query
        try:
            return self._rest.allowed(request.headers["authorization"], request.method, url, query)
        except RestError:
            return False

    def _json(
        self, request: Request, body: bytes, status: int, call: Call, tags: tuple[str, ...], marked: bool = True
    ) -> Response:
        """A JSON reply with Magento's headers: those of a page to be cached, else of one that must not be (cache-000).

        `marked`: without Varnish, what the built-in cache does not take has the tag FPC (gql-000, gql-055).
        """
        response = Response(body, status, media_type="application/json")
        self._cookies(response, request)
        response.headers["vary"] = "Accept-Encoding"
        response.headers["x-magento-cache-id"] = call.cache_id
        response.headers["pragma"] = "cache" if tags else "no-cache"
        kept = f"max-age={SECONDS}, public, s-maxage={SECONDS}"
        response.headers["cache-control"] = kept if tags else "max-age=0, must-revalidate, no-cache, no-store"
        response.headers["expires"] = formatdate(time.time() + (SECONDS if tags else -YEAR), usegmt=True)
        if tags:
            response.headers["x-magento-tags"] = ",".join(tags)
        elif self._pages is None and marked:
            response.headers["x-magento-tags"] = "FPC"
        return response

    def _cookies(self, response: Response, request: Request) -> None:
        """Every reply opens a session, every POST changes the private content version."""
        number = self._count
        session = hashlib.sha256(f"session/{number}".encode()).hexdigest()[:26]
        response.set_cookie("PHPSESSID", session, max_age=3600, expires=3600, httponly=True, samesite="lax")
        if request.method == "POST":
            version = hashlib.sha256(f"private/{number}".encode()).hexdigest()[:32]
            response.set_cookie(
                "private_content_version", version, max_age=10 * YEAR, expires=10 * YEAR, samesite="lax"
            )

    def _dead(self, request: Request) -> Response:
        page = "" if request.method == "HEAD" else html_error(self.public_url, f"{request.method} {request.url}")
        headers = {"cache-control": "no-store, no-cache, must-revalidate", "pragma": "no-cache"}
        response = Response(page, 500, headers, "text/html; charset=UTF-8")
        self._cookies(response, request)
        return response

    # REST

    def _rest_answer(self, request: Request, raw: bytes) -> Response:
        address = str(request.url.replace(query=""))
        authorization = request.headers.get("authorization", "")
        status, body = self._rest.answer(
            request.method, address, request.url.path, request.url.query, authorization, raw
        )
        headers = {"cache-control": "no-store", "pragma": "no-cache"}
        return Response(orjson.dumps(body), status, headers, "application/json; charset=utf-8")

    # For tests in another process

    def _control_answer(self, path: str) -> Response:
        """What happened here: the orders of each cart, how many are under way, which faults struck."""
        found: dict[str, Any] = {}
        if path == "/__sandbox/orders":
            for order in self.orders:
                found.setdefault(str(order.quote_id), []).append(order.increment_id)
        elif path == "/__sandbox/pending":
            found = {"pending": self.pending}
        elif path == "/__sandbox/faults":
            for storm in self.faults.storms:
                found |= storm.fired
        else:
            return Response("File not found.", 404, media_type="text/plain")
        return Response(orjson.dumps(found), media_type="application/json")

    # Faults

    def _broken(self, fault: Fault | None) -> Response | None:
        """The reply of a fault that replaces the real one."""
        kind = fault.kind if fault is not None else None
        if fault is None:
            return None
        if kind in ("html_500", "error_before_place"):
            return Response(html_error(self.public_url, f"fault {fault.fired}"), 500, media_type="text/html")
        if kind == "html_503":
            return Response(MAINTENANCE, 503, {"retry-after": "120"}, "text/html")
        if kind == "wrong_shape":
            return Response(orjson.dumps(fault.body), media_type="application/json")
        if kind == "empty":
            return Response(b"", media_type="application/json")
        if kind == "not_json":
            return Response("<html><body>Welcome!</body></html>", media_type="text/html")
        return None


def _spoilt(answer: Answer, fault: Fault | None) -> Answer:
    if fault is not None and fault.kind == "graphql_internal":
        return Answer(200, {"errors": [INTERNAL_ERROR], "data": None})
    if fault is not None and fault.kind == "partial":
        return Answer(answer.status, break_part(answer.body, fault.at))
    return answer


class Dropped(ConnectionError):
    """The connection was cut on purpose: what a client in the same process gets, where there is none to cut."""


async def _cut(fault: Fault, response: Response, send: Send) -> None:
    """Cut the connection: before any byte, or in the middle of the body that was announced."""
    if fault.kind == "truncated":
        body = bytes(response.body)
        await send({"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers})
        await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
    await _hang_up(f"the {fault.kind} fault cut the connection", send)


async def _hang_up(reason: str, send: Send) -> None:
    """Close the connection, if it is open still."""
    # ASGI has no word for hanging up, and uvicorn answers 500 to an exception: so its socket is closed under it.
    cycle: Any = getattr(send, "__self__", None)
    if getattr(cycle, "transport", None) is None:
        raise Dropped(reason)
    cycle.transport.close()
    while not cycle.disconnected:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.001)


def _asked(query: Any, variables: Any) -> Asked | None:
    if not isinstance(query, str) or not query:
        return None
    return Asked(query, variables if isinstance(variables, dict) else {})


def _json(raw: bytes) -> Any:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None


def _operation_name(query: str) -> str | None:
    """The name of the first operation, read without parsing: a query that does not parse has one too."""
    words = query.replace("(", " ").replace("{", " { ").split()
    for kind, name in itertools.pairwise(words):
        if kind in ("query", "mutation") and name != "{":
            return name
    return None
