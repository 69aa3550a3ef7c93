"""Signing in, put together by the settings: the providers, what reaches them, and the doors under /auth."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.routing import Route

from app.attempts import Attempts
from app.auth.backchannel import Backchannel
from app.auth.discovery import LARGEST
from app.auth.end_session import EndSessions
from app.auth.identity import named
from app.auth.keys import KeyRing
from app.auth.native import Codes
from app.auth.oidc import Logins
from app.auth.origin import origin_of, parse_origins
from app.auth.providers import Provider, Providers
from app.auth.refreshing import Leases, Refreshing
from app.auth.return_to import ReturnTo, origin_of_storefront, parse_apps
from app.auth.routes import Doors, Place
from app.auth.session_index import SessionIndex
from app.auth.sessions import Sessions
from app.http import Breaker, Upstream
from app.settings import Settings
from app.state import State
from app.telemetry import Metrics

if TYPE_CHECKING:
    import httpx2


@dataclass
class SignIn:
    """Signing in at identity providers."""

    logins: Logins
    doors: Doors
    refreshing: Refreshing
    upstreams: dict[str, Upstream]

    def routes(self) -> list[Route]:
        """The doors under /auth."""
        return self.doors.routes()

    async def close(self) -> None:
        """Closes what only this uses, and waits for refreshes that are under way."""
        await self.refreshing.close()
        for upstream in self.upstreams.values():
            await upstream.close()


def sessions_of(settings: Settings, state: State, clock: Callable[[], float] = time.time) -> Sessions | None:
    """The sessions, where the settings give them a place and keys. Raises `ValueError` for keys that are none."""
    keys = settings.session_keys.get_secret_value()
    if not keys or not state.configured:
        return None
    ring = KeyRing.of(keys)
    return Sessions(
        state,
        ring,
        idle=settings.session_idle,
        absolute=settings.session_absolute,
        clock=clock,
        index=SessionIndex(state, ring, named, clock),
    )


def build_sign_in(
    settings: Settings,
    state: State,
    metrics: Metrics,
    transport: httpx2.AsyncBaseTransport | None = None,
    clock: Callable[[], float] = time.time,
    leases_of: Callable[[State, float], Leases] = Leases,
) -> SignIn | None:
    """Signing in, where the settings name a provider; `transport` stands in for the network in tests, and `leases_of`
    makes what lets one process at a time refresh a session.

    Raises `ValueError` for settings that cannot be used; it shows no secret.
    """
    providers = Providers.of(settings.oidc_providers.get_secret_value())
    apps = parse_apps(settings.login_apps)
    sessions = sessions_of(settings, state, clock) if providers else None
    if sessions is None:
        return None
    keys = KeyRing.of(settings.session_keys.get_secret_value())
    origin, others = origin_of(settings.public_url), parse_origins(settings.allowed_origins)
    upstreams = {name: _upstream(settings, provider, metrics, transport) for name, provider in providers.items()}
    logins = Logins(providers, upstreams, state, keys, public_url=settings.public_url, clock=clock)
    return_to = ReturnTo(origin, home=origin_of_storefront(settings.storefront_url), origins=others, apps=apps)
    place = Place(origin, others, settings.session_absolute)
    codes = Codes(state, keys, clock)
    end_sessions = EndSessions(logins, state, keys, public_url=settings.public_url, clock=clock)
    backchannel = Backchannel(logins, sessions, state, clock)
    # Longer than a refresh can take: metadata, tokens, keys twice, and keeping them while Redis is away for a while.
    leases = leases_of(state, 7 * settings.oidc_timeout + 10)
    refreshing = Refreshing(logins, sessions, leases, patience=2 * settings.oidc_timeout, clock=clock)
    attempts = Attempts(state, "login", settings.logins_per_address, clock=clock)
    doors = Doors(logins, sessions, codes, end_sessions, backchannel, refreshing, return_to, place, metrics, attempts)
    return SignIn(logins, doors, refreshing, upstreams)


def _upstream(
    settings: Settings, provider: Provider, metrics: Metrics, transport: httpx2.AsyncBaseTransport | None
) -> Upstream:
    return Upstream(
        f"identity:{provider.id}",
        provider.issuer,
        metrics=metrics,
        timeout=settings.oidc_timeout,
        connect_timeout=settings.oidc_timeout,
        connections=20,
        attempts=2,
        breaker=Breaker(settings.commerce_breaker_failures, settings.commerce_breaker_pause),
        max_response=LARGEST,
        transport=transport,
    )
