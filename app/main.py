"""The composition root: the only place where the parts meet."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from app import sign_in
from app.attempts import Attempts
from app.auth.caller import RECAPTCHA, Caller, HandingOn
from app.auth.exchange import Exchange
from app.auth.origin import origin_of, parse_origins
from app.auth.sessions import Sessions
from app.cache import Cache, Listening, Local, Shared
from app.commerce.cached import CachedReads
from app.commerce.capabilities import Understand, from_introspection
from app.commerce.client import GraphQL, StoreContext
from app.commerce.customers import Customers
from app.commerce.estimates import Estimates
from app.commerce.freshness import Lifetimes
from app.commerce.guest_orders import GuestOrders
from app.commerce.orders import Orders
from app.commerce.rest import Rest
from app.commerce.shop import Shop, StoreView
from app.errors import StateUnavailable
from app.http import Breaker, Upstream
from app.idempotency import Once
from app.probes import add_probes
from app.redis_client import MEMORY, connect
from app.settings import Settings
from app.sign_in import SignIn, build_sign_in
from app.sources import Sources, build_sources, end
from app.sso import build_exchange, credentials
from app.state import State
from app.storefront import graphiql
from app.storefront.context import Context
from app.storefront.endpoint import Endpoint, Public, graphiql_page
from app.storefront.limits import Limits
from app.storefront.links import Links
from app.storefront.questions import Questions
from app.storefront.responses import Hits, Responses
from app.storefront.schema import MUTATIONS, PUBLIC, build_schema
from app.storefront.shopper import Shopper, customer_behind
from app.storefront.signed_in import SignedIn
from app.storefront.step_up import StepUp
from app.telemetry import Metrics, log

if TYPE_CHECKING:
    import httpx2

CACHE_TIMEOUT = 1.0  # seconds; the cache itself waits much shorter for what somebody waits for
LISTENING_TIMEOUT = 10.0  # seconds
CORS_HEADERS = (
    "Content-Type",
    "Store",
    "Content-Currency",
    "X-Vitrine",
    "X-Session-Start",
    RECAPTCHA,
    "Traceparent",
)


@dataclass
class Parts:
    """What the application is made of, for those who put it together otherwise: the doctor and tests."""

    metrics: Metrics
    upstream: Upstream
    state: State
    graphql: GraphQL
    rest: Rest
    shop: Shop
    customers: Customers
    cache: Cache
    listening: Listening | None
    sources: Sources | None
    orders: Orders
    guest_orders: GuestOrders
    estimates: Estimates
    once: Once
    sign_in: SignIn | None
    settings: Settings
    step_up: StepUp
    exchange: Exchange | None = None

    def links_of(self, view: StoreView) -> Links:
        """How URLs of a store view leave."""
        storefront = self.settings.storefront_url.replace("{store}", view.code)
        return Links(view, storefront, self.settings.media_url, view.currency)

    def context_of(self, store: str | None, currency: str | None) -> tuple[str, str, str] | None:
        """The store view, currency and website that two headers mean; None when the shop has none such, or none is
        known yet."""
        view = self.shop.views.get(store or self.shop.default)
        if view is None or (currency is not None and currency not in view.currencies):
            return None
        return view.code, currency or view.currency, view.website

    async def open_context(self, asked: StoreContext, shopper: Shopper, caller: Caller) -> Context:
        """A request's context. Raises `UnknownStore`, `UnknownCurrency` or an `UpstreamError`."""
        view = await self.shop.view(asked)
        kept = self.cache if self.settings.cached else None
        return Context(
            self.shop.reads,
            CachedReads(self.shop.reads, self.customers, kept, lifetimes_of(self.settings)),
            asked,
            view,
            views=tuple(self.shop.views.values()),
            default_store=self.shop.default,
            links_of=self.links_of,
            largest_page=self.settings.catalog_max_page_size,
            most_reads=self.settings.graphql_max_reads,
            shopper=shopper,
            caller=caller,
            orders=self.orders,
            guest_orders=self.guest_orders,
            estimates=self.estimates,
            once=self.once,
            payment_methods=frozenset(self.settings.offline_payment_methods),
            signed_in=SignedIn(self.exchange, shopper, view),
            step_up=self.step_up,
        )


def build_parts(
    settings: Settings,
    *,
    transport: httpx2.AsyncBaseTransport | None = None,
    understand: Understand = from_introspection,
) -> Parts:
    """Everything below the web; `transport` stands in for the network in tests, and `understand` is `Shop`'s."""
    metrics = Metrics()
    upstream = Upstream(
        "commerce",
        settings.commerce_base,
        metrics=metrics,
        timeout=settings.commerce_timeout,
        connect_timeout=settings.commerce_connect_timeout,
        connections=settings.commerce_connections,
        attempts=settings.commerce_attempts,
        breaker=Breaker(settings.commerce_breaker_failures, settings.commerce_breaker_pause),
        max_response=settings.commerce_max_response,
        transport=transport,
    )
    graphql = GraphQL(upstream)
    rest = Rest(upstream, credentials(settings))
    state = State(settings.redis_state_url.get_secret_value(), settings.redis_timeout)
    shop = Shop(
        graphql,
        rest,
        stores=settings.commerce_stores,
        version=settings.commerce_version,
        attributes=settings.catalog_attributes,
        patience=settings.commerce_timeout,
        schema_timeout=settings.commerce_schema_timeout,
        complexity=settings.commerce_max_complexity,
        state=state,
        state_key=f"shop:{settings.commerce_base}",
        understand=understand,
    )
    customers = Customers(lambda: shop.reads)
    orders = Orders(
        lambda: shop.reads,
        rest,
        state,
        shop=settings.commerce_base,
        max_execution=settings.commerce_max_execution,
        patience=settings.order_patience,
        margin=settings.order_margin,
    )
    guest_orders = GuestOrders(
        lambda: shop.reads,
        rest,
        per_order=Attempts(state, "order", settings.order_lookups),
        per_address=Attempts(state, "address", settings.order_lookups_per_address),
    )
    estimates = Estimates(lambda: shop.reads, rest)
    cache, listening = build_cache(settings, lambda: shop.views)
    sources = build_sources(settings, cache, state, rest, lambda: shop.views, metrics, transport)
    # A second call waits as long as the first may, and takes it for dead only long after.
    once = Once(state, patience=settings.order_patience, lease=2 * settings.order_patience + 60)
    return Parts(
        metrics,
        upstream,
        state,
        graphql,
        rest,
        shop,
        customers,
        cache,
        listening,
        sources,
        orders,
        guest_orders,
        estimates,
        once,
        build_sign_in(settings, state, metrics, transport),
        settings,
        StepUp(f"{origin_of(settings.public_url)}/auth/login", dict(settings.step_up)),
    )


def build_cache(settings: Settings, stores: Callable[[], Iterable[str]]) -> tuple[Cache, Listening | None]:
    """The cache, and what keeps this process's part of it true, where the settings give it a place."""
    local = Local(settings.cache_local, time.monotonic)
    url = settings.redis_cache_url.get_secret_value()
    if not url:
        return Cache(None, local), None
    client = connect(url, CACHE_TIMEOUT)
    shared = Shared(client)
    # A subscription waits for as long as nothing is said, and takes its connection for itself.
    ears = client if url == MEMORY else connect(url, LISTENING_TIMEOUT)
    cache = Cache(shared, local, lease=settings.commerce_timeout, patience=settings.cache_patience)
    return cache, Listening(local, shared, ears, stores)


def lifetimes_of(settings: Settings) -> Lifetimes:
    """How long answers are good for."""
    return Lifetimes(settings.cache_prices, settings.cache_content, settings.cache_error)


def sessions_of(parts: Parts) -> Sessions | None:
    """The sessions of these parts. Raises `ValueError` for keys that are none."""
    return sign_in.sessions_of(parts.settings, parts.state)


class Application(FastAPI):
    """FastAPI, behind what answers without it: `front`, which has `behind` for all else."""

    front: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (self.front or self.behind)(scope, receive, send)

    async def behind(self, scope: Scope, receive: Receive, send: Send) -> None:
        """FastAPI itself."""
        await super().__call__(scope, receive, send)


def create_app(
    settings: Settings,
    *,
    transport: httpx2.AsyncBaseTransport | None = None,
    understand: Understand = from_introspection,
    compiled: bool = True,
) -> FastAPI:
    """The whole application for these settings; `transport` stands in for the network in tests, `understand` is
    `Shop`'s, and `compiled` is as in `build_schema`."""
    parts = build_parts(settings, transport=transport, understand=understand)
    app = Application(
        title="Vitrine",
        lifespan=partial(_lifespan, parts),
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.parts = parts
    public = Public(
        origin=origin_of(settings.public_url),
        allowed_origins=parse_origins(settings.allowed_origins),
        session_age=settings.session_absolute,
        handing_on=HandingOn(settings.commerce_ip_header, settings.commerce_recaptcha),
    )
    sessions = sessions_of(parts)
    parts.exchange = build_exchange(
        settings, sessions, parts.state, parts.rest, lambda: parts.shop.reads, parts.orders, parts.customers
    )
    if settings.cached:
        app.add_middleware(
            Responses,
            cache=parts.cache,
            fresh=settings.cache_content,
            error=settings.cache_error,
            metrics=parts.metrics,
        )
        app.front = Hits(
            app.behind,
            parts.cache,
            Questions(parts.context_of, partial(customer_behind, sessions, public.secure), PUBLIC),
            origins=public.allowed_origins,
            metrics=parts.metrics,
        )
    if settings.trusted_proxies:
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=list(settings.trusted_proxies))
    if public.allowed_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=sorted(public.allowed_origins),
            allow_methods=["GET", "POST"],
            allow_headers=list(CORS_HEADERS),
            allow_credentials=True,
            max_age=600,
        )
    parts.step_up.check_names(MUTATIONS)
    endpoint = Endpoint(
        build_schema(
            limits=Limits(
                settings.graphql_max_depth,
                settings.graphql_max_fields,
                settings.graphql_max_aliases,
                settings.graphql_max_mutations,
            ),
            tokens=settings.graphql_max_tokens,
            introspection=settings.introspection or settings.graphiql,
            compiled=compiled,
        ),
        parts.open_context,
        metrics=parts.metrics,
        largest_body=settings.graphql_max_bytes,
        public=public,
        sessions=sessions,
        fresh=parts.sign_in.refreshing.fresh if parts.sign_in is not None else None,
        page=graphiql_page(graphiql.DEFAULT_QUERY) if settings.graphiql else None,
    )
    app.router.routes.append(Route("/graphql", endpoint=endpoint.__call__, methods=["GET", "POST"]))
    if parts.sources is not None:
        app.router.routes.extend(parts.sources.webhooks.routes())
    if parts.sign_in is not None:
        app.router.routes.extend(parts.sign_in.routes())
    if settings.graphiql:
        app.router.routes.extend(graphiql.assets())
    add_probes(app, parts.metrics if settings.metrics else None)
    return app


@asynccontextmanager
async def _lifespan(parts: Parts, app: FastAPI) -> AsyncIterator[None]:
    # The process starts without Commerce too: it may come back, and health must be told meanwhile.
    await parts.shop.start(parts.settings.commerce_refresh)
    if parts.listening is not None:
        parts.listening.start()
    if parts.orders.available:
        try:
            await parts.orders.ready()
        except StateUnavailable as error:
            log.warning("orders.not_ready", detail=error.detail)
    worker = None
    if parts.sources is not None and parts.settings.embedded_worker:
        worker = asyncio.create_task(parts.sources.work())
    app.state.ready = True
    try:
        yield
    finally:
        app.state.ready = False
        await end(worker)
        await parts.shop.stop()
        if parts.listening is not None:
            await parts.listening.stop()
        await parts.cache.close()
        if parts.sources is not None:
            await parts.sources.close()
        if parts.sign_in is not None:
            await parts.sign_in.close()
        await parts.upstream.close()
        await parts.state.close()
