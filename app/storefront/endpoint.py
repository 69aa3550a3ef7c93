"""POST and GET /graphql: GraphQL over HTTP, and nothing else (no batches, uploads, subscriptions or streams)."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from graphql import GraphQLError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types.execution import ExecutionResult, PreExecutionError
from strawberry.types.graphql import OperationType

from app.auth.caller import Caller, HandingOn
from app.auth.origin import check_unsafe, may_have_token_header
from app.auth.sessions import Sessions, bearers_of, set_cookie, token_of
from app.commerce.client import StoreContext
from app.commerce.customers import Customer
from app.commerce.freshness import ALL, CONFIG
from app.errors import BadRequest, Rejected, UnknownCurrency, UnknownStore, UpstreamError, VitrineError
from app.storefront import graphiql
from app.storefront.context import Context
from app.storefront.masking import public_errors
from app.storefront.questions import CUSTOMER
from app.storefront.responses import RECORDING, Recording
from app.storefront.schema import Schema
from app.storefront.shopper import Fresh, Shopper, customer_of
from app.telemetry import Metrics, log

JSON = "application/json"
GRAPHQL_JSON = "application/graphql-response+json"
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_CURRENCY = re.compile(r"[A-Z]{3}")

OpenContext = Callable[[StoreContext, Shopper, Caller], Awaitable[Context]]


@dataclass(frozen=True, slots=True)
class Public:
    """How the API is reached: its own origin, the origins of storefronts, how long a browser keeps a session, and what
    of a caller Commerce is told."""

    origin: str
    allowed_origins: frozenset[str]
    session_age: float
    handing_on: HandingOn

    @property
    def secure(self) -> bool:
        """Whether browsers reach it by https."""
        return self.origin.startswith("https://")


@dataclass(frozen=True, slots=True)
class Call:
    """A GraphQL request, as it came."""

    query: str
    variables: dict[str, Any] | None
    operation_name: str | None


class MethodNotAllowed(BadRequest):
    """A method or kind of operation that this endpoint does not take."""

    status = 405


class UnsupportedMedia(BadRequest):
    """A body that is not JSON."""

    status = 415


class TooLarge(BadRequest):
    """A body larger than the settings allow."""

    status = 413


class Endpoint:
    """The GraphQL endpoint, after the GraphQL over HTTP specification (graphql.github.io/graphql-over-http).

    `open_context` makes a request's context from its headers' store view and currency, its shopper and its caller;
    `largest_body` is in bytes; `sessions` of None lets nobody write; `fresh` is `Shopper`'s;
    `page` is what a browser that asks for HTML gets, if anything.
    """

    def __init__(
        self,
        schema: Schema,
        open_context: OpenContext,
        *,
        metrics: Metrics,
        largest_body: int,
        public: Public,
        sessions: Sessions | None,
        fresh: Fresh | None = None,
        page: Callable[[], Response] | None = None,
    ) -> None:
        self._schema = schema
        self._open_context = open_context
        self._metrics = metrics
        self._largest_body = largest_body
        self._public = public
        self._sessions = sessions
        self._fresh = fresh
        self._page = page

    async def __call__(self, request: Request) -> Response:
        started = time.perf_counter()
        accepted = _accepted(request)
        visited = request.method == "GET" and "query" not in request.query_params and "text/html" in accepted
        if visited and self._page is not None:
            response = self._page()
            response.headers["Vary"] = "Accept"
            return response
        try:
            call = await self._call(request)
            caller = self._public.handing_on.caller(request.headers, request.client.host if request.client else None)
            shopper = self._shopper(request)
            context = await self._open_context(store_context(request.headers), shopper, caller)
            context.customer = await self._customer(request)
            context.operation_name = call.operation_name
            context.forbidden = self._forbidden(request)
            context.in_url = request.method == "GET"
            recording = request.scope.get(RECORDING)
            context.since = recording.since if recording else None
            try:
                result = await self._execute(call, context, request.method)
            finally:
                await context.close()
        except ClientDisconnect:
            return Response(status_code=400)
        except VitrineError as error:
            self._metrics.failed(error.code)
            self._metrics.answered("refused", time.perf_counter() - started)
            return refusal(error)
        errors = public_errors(result.errors or (), context.problems, self._metrics)
        self._metrics.answered("errors" if errors else "ok", time.perf_counter() - started)
        if recording is not None:
            _record(recording, context, errors)
        response = _answer(result, errors, GRAPHQL_JSON if GRAPHQL_JSON in accepted else JSON)
        self._hand_over(context.shopper, request, response)
        return response

    def _shopper(self, request: Request) -> Shopper:
        """Whose request it is. Raises `Rejected` for a session id that is given in two ways."""
        token = token_of(request.headers, secure=self._public.secure)
        # A browser keeps what is set for it; an app reads a new id only where it asks for one.
        renews = not bearers_of(request.headers) or may_have_token_header(request.headers)
        start = request.headers.get("x-session-start")
        return Shopper(self._sessions, token, start, renews=renews, fresh=self._fresh)

    async def _customer(self, request: Request) -> Customer | None:
        """Who has signed in: whom a cache in front of this has found already. Raises `StateUnavailable`."""
        if CUSTOMER in request.scope:
            found: Customer | None = request.scope[CUSTOMER]
            return found
        return await customer_of(self._sessions, token_of(request.headers, secure=self._public.secure))

    def _forbidden(self, request: Request) -> Rejected | None:
        try:
            check_unsafe(request.headers, self._public.allowed_origins, self._public.origin)
        except Rejected as error:
            # It is raised later, if at all; until then its traceback would hold the whole request in a circle.
            return error.with_traceback(None)
        return None

    def _hand_over(self, shopper: Shopper, request: Request, response: Response) -> None:
        """Gives a session that was begun to its owner: to a browser as a cookie, to an app that asks as a header."""
        session = shopper.session
        if session is None or not shopper.begun:
            return
        if may_have_token_header(request.headers):
            response.headers["X-Session-Token"] = session.token
            return
        secure, age = self._public.secure, self._public.session_age
        response.headers.append("Set-Cookie", set_cookie(session, secure=secure, max_age=age))

    async def _call(self, request: Request) -> Call:
        if request.method == "POST":
            kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            if kind != JSON:
                raise UnsupportedMedia(f"send the request as {JSON}")
            return _read(_loads(await self._body(request)))
        given: dict[str, Any] = dict(request.query_params)
        for name in ("variables", "extensions"):
            if given.get(name):
                given[name] = _loads(given[name].encode())
            else:
                given.pop(name, None)
        return _read(given)

    async def _body(self, request: Request) -> bytes:
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > self._largest_body:
                raise TooLarge(f"the request is larger than {self._largest_body} bytes")
        return bytes(body)

    async def _execute(self, call: Call, context: Context, method: str) -> ExecutionResult:
        allowed = {OperationType.QUERY, OperationType.MUTATION} if method == "POST" else {OperationType.QUERY}
        try:
            return await self._schema.execute(
                call.query,
                variable_values=call.variables,
                context_value=context,
                operation_name=call.operation_name,
                allowed_operation_types=allowed,
            )
        except InvalidOperationTypeError:
            raise MethodNotAllowed("this kind of operation is not taken here") from None
        except CannotGetOperationTypeError:
            raise BadRequest("operationName must name one of the operations") from None


def _record(recording: Recording, context: Context, errors: list[dict[str, Any]]) -> None:
    """Says what the answer is to those who keep whole answers; they ask for nothing but what is public."""
    codes = [str((error.get("extensions") or {}).get("code")) for error in errors]
    recording.failed = any(code.startswith("UPSTREAM_") for code in codes)
    recording.whole = not errors and not context.shopper.begun and not context.own
    # What is known of the store view came without a read.
    recording.tags, recording.until = {ALL, CONFIG, *context.tags}, context.until


def store_context(headers: Mapping[str, str]) -> StoreContext:
    """The store view and currency that a request's headers name; not yet whether the shop has them.

    Raises `UnknownStore` or `UnknownCurrency` for what can be neither.
    """
    store, currency = headers.get("store") or None, headers.get("content-currency") or None
    if store is not None and not _CODE.fullmatch(store):
        raise UnknownStore("the Store header is no store code")
    if currency is not None and not _CURRENCY.fullmatch(currency):
        raise UnknownCurrency("the Content-Currency header is no currency code of three capital letters")
    return StoreContext(store, currency)


def refusal(error: VitrineError) -> Response:
    """The answer when an error is the whole of it."""
    if error.status >= 500:
        log.warning("graphql.refused", code=error.code, detail=error.detail)
    body = {"errors": [{"message": error.public, "extensions": error.extensions}]}
    response = _json(body, error.status, JSON)
    if error.status == 405:
        response.headers["Allow"] = "GET, POST"
    return response


def _accepted(request: Request) -> frozenset[str]:
    return frozenset(part.partition(";")[0].strip().lower() for part in request.headers.get("accept", "").split(","))


def _loads(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise BadRequest("the request is no JSON") from None


def _read(given: object) -> Call:
    if not isinstance(given, dict):
        raise BadRequest("the request is no JSON object; batches are not taken")
    query, variables, name = given.get("query"), given.get("variables"), given.get("operationName")
    if not isinstance(query, str) or not query.strip():
        raise BadRequest("query must be a GraphQL document")
    if not isinstance(variables, dict | None):
        raise BadRequest("variables must be an object")
    if not isinstance(name, str | None):
        raise BadRequest("operationName must be a string")
    return Call(query, variables, name or None)


def _answer(result: ExecutionResult, errors: list[dict[str, object]], media: str) -> Response:
    body: dict[str, object] = {"errors": errors} if errors else {}
    before_execution = isinstance(result, PreExecutionError)
    if not before_execution:
        body["data"] = result.data
    # The specification: 200 for JSON of old, the document's own status for its own media type.
    status = 400 if before_execution and media == GRAPHQL_JSON else 200
    if not before_execution and result.data is None and any(_refused_for_now(error) for error in result.errors or ()):
        # Monitors and proxies read no bodies: nothing was done, because something of ours is away.
        status = 503
    return _json(body, status, media)


def _refused_for_now(error: GraphQLError) -> bool:
    original = error.original_error
    return isinstance(original, VitrineError) and original.status == 503 and not isinstance(original, UpstreamError)


def _json(body: object, status: int, media: str) -> Response:
    return Response(
        orjson.dumps(body),
        status_code=status,
        media_type=media,
        headers={
            "Cache-Control": "no-store",
            "Vary": "Accept, Store, Content-Currency",
            "X-Content-Type-Options": "nosniff",
        },
    )


def graphiql_page(default_query: str) -> Callable[[], Response]:
    """GraphiQL, opened with this query; its files are served by `graphiql.assets()`."""
    return lambda: graphiql.page(default_query=default_query)
