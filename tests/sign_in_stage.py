"""The doors of signing in on a real Redis, with providers for a network; and browsers that come to them."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
from starlette.applications import Starlette

from app.auth.identity import IDENTITY
from app.auth.sessions import Sessions
from app.settings import Settings
from app.sign_in import SignIn, build_sign_in, sessions_of
from app.state import State
from app.telemetry import Metrics
from tests.conftest import settings
from tests.hostile_provider import CLIENT, ISSUER, SECRET, HostileProvider
from tests.redis_server import closing

API = "https://api.shop.example"
SHOP = "https://shop.example"
COOKIE = "__Host-vitrine"
KEYS = base64.b64encode(hashlib.sha256(b"sign in").digest()).decode()
UNSAFE = {"X-Vitrine": "1"}
ACCOUNT = f"{SHOP}/account"


class Clock:
    """A clock that goes on when told to."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Network(httpx2.AsyncBaseTransport):
    """Leads to ASGI apps by their host, and nowhere else."""

    def __init__(self, **apps: Any) -> None:
        self.apps = {host.replace("_", "."): httpx2.ASGITransport(app=app) for host, app in apps.items()}

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.host not in self.apps:
            raise httpx2.ConnectError("nobody is there")
        return await self.apps[request.url.host].handle_async_request(request)


def provider_setting(**more: Any) -> dict[str, Any]:
    """The hostile provider, as the settings name it."""
    return {"id": "id", "issuer": ISSUER, "client_id": CLIENT, "client_secret": SECRET, **more}


def sign_in_settings(url: str, *providers: Mapping[str, Any], **given: Any) -> Settings:
    """Settings of a shop with these providers."""
    return settings(
        **{
            "public_url": API,
            "storefront_url": f"{SHOP}/{{store}}",
            "allowed_origins": SHOP,
            "redis_state_url": url,
            "session_keys": KEYS,
            "oidc_providers": json.dumps(providers or [provider_setting()]),
            **given,
        }
    )


@dataclass
class Stage:
    """The doors, and what is behind them."""

    settings: Settings
    state: State
    network: Network
    clock: Clock
    sessions: Sessions
    app: Starlette = field(default_factory=Starlette)
    sign_ins: list[SignIn] = field(default_factory=list)

    @property
    def sign_in(self) -> SignIn:
        return self.sign_ins[-1]

    def another_process(self) -> None:
        """Has another process answer from now on, which knows nothing but what Redis has."""
        built = build_sign_in(self.settings, self.state, Metrics(), self.network, self.clock)
        assert built is not None
        self.sign_ins.append(built)
        self.app.router.routes[:] = built.routes()

    @asynccontextmanager
    async def browser(self) -> AsyncIterator[Browser]:
        """A browser with cookies of its own."""
        web = httpx2.ASGITransport(app=self.app)
        async with httpx2.AsyncClient(transport=web, base_url=API) as client:
            yield Browser(client, self)


@asynccontextmanager
async def staged(
    url: str, provider: HostileProvider, clock: Clock, *providers: Mapping[str, Any], **given: Any
) -> AsyncIterator[Stage]:
    """The doors for these settings, with the provider in the network."""
    chosen = sign_in_settings(url, *providers, **given)
    async with closing(State(url)) as state:
        sessions = sessions_of(chosen, state, clock)
        assert sessions is not None
        stage = Stage(chosen, state, Network(id_example=provider.app), clock, sessions)
        stage.another_process()
        try:
            yield stage
        finally:
            for sign_in in stage.sign_ins:
                await sign_in.close()


@dataclass
class Browser:
    """A browser; it goes where it is sent only when told to."""

    client: httpx2.AsyncClient
    stage: Stage
    seen: list[str] = field(default_factory=list)

    async def get(self, url: str, **headers: str) -> httpx2.Response:
        return await self.client.get(url, headers=headers)

    async def login(self, query: str = "return_to=/account", **headers: str) -> str:
        """Begins a login; gives where the browser is sent to."""
        answer = await self.get(f"/auth/login?{query}", **headers)
        assert answer.status_code == 303, answer.text
        return str(answer.headers["location"])

    async def sign_in(self, provider: HostileProvider, query: str = "return_to=/account") -> httpx2.Response:
        """A whole login; gives the answer of the callback."""
        return await self.get(provider.authorize(await self.login(query)))

    @property
    def token(self) -> str | None:
        """The session id that it keeps."""
        return self.client.cookies.get(COOKIE)

    async def begin_session(self, **data: Any) -> str:
        """Gives it a guest's session with this data; gives the id."""
        sessions = self.stage.sessions
        session = await sessions.change(await sessions.begin(), lambda _: data)
        self.client.cookies.set(COOKIE, session.token, domain=urlsplit(API).hostname or "", path="/")
        return session.token

    async def identity(self) -> dict[str, Any] | None:
        """Who is signed in, as its session has it."""
        session = await self.stage.sessions.open(self.token)
        return session.data.get(IDENTITY) if session else None

    def login_cookies(self) -> list[str]:
        return [cookie.name for cookie in self.client.cookies.jar if "login" in cookie.name]


def query_of(url: str) -> dict[str, str]:
    """The parameters of a URL."""
    return dict(parse_qsl(urlsplit(url).query))
