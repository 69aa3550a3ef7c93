"""Tokens of a session that run out are fetched anew, by one call at a time in all processes.

Providers that rotate refresh tokens take one that comes twice for stolen, and end the login (RFC 9700 section 4.14.2).
So whoever refreshes holds a lease, and sends the refresh token that the session has under that lease. A provider that
is away is not a logout: only `invalid_grant` ends a session, and an ID token of somebody else.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import replace

from app.auth.discovery import Discovery
from app.auth.endpoints import GrantInvalid, Tokens, ask_for_tokens
from app.auth.identity import IDENTITY, Identity
from app.auth.oidc import Logins
from app.auth.providers import Provider
from app.auth.refusals import LoginRefused, Reason
from app.auth.sessions import Data, Session, SessionEnded, SessionFull, Sessions
from app.auth.tokens import TokenRefused, check_refreshed
from app.errors import StateUnavailable
from app.state import State
from app.telemetry import log

EARLY = 30.0  # seconds before tokens run out that they are fetched anew, or a quarter of their life if that is less
LEAST = 5.0  # seconds between two refreshes of a session, however short-lived its tokens are
COOLDOWN = 10.0  # seconds that a session's refresh is left alone after one that failed
_POLL = 0.05  # seconds
_AWAY = b"away"


class Leases:
    """Who may refresh a session, in the state. Every method raises `StateUnavailable`."""

    def __init__(self, state: State, seconds: float) -> None:
        self._state, self._seconds = state, seconds

    async def take(self, session: Session) -> bytes | None:
        """The lease, or None while somebody has it or the provider is left alone."""
        lease = b"busy:" + secrets.token_hex(8).encode()
        taken = await self._state.put(_place(session), lease, self._seconds, absent=True)
        return lease if taken else None

    async def is_busy(self, session: Session) -> bool:
        """Whether somebody is refreshing right now."""
        return await self._state.get(_place(session)) not in (None, _AWAY)

    async def give_back(self, session: Session, lease: bytes) -> None:
        """Lets the next one refresh."""
        await self._state.drop(_place(session), lease)

    async def leave_alone(self, session: Session, lease: bytes) -> None:
        """Lets nobody refresh for a while."""
        await self._state.swap(_place(session), lease, _AWAY, COOLDOWN)


class _Over(Exception):
    """The login is over at the provider, or what came is somebody else's; `why` is for the log."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Refreshing:
    """Refreshes sessions. `patience` is how long a call waits for another process's refresh, in seconds; `clock` tells
    the seconds since the epoch."""

    def __init__(
        self,
        logins: Logins,
        sessions: Sessions,
        leases: Leases,
        *,
        patience: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._logins, self._sessions, self._leases = logins, sessions, leases
        self._patience, self._clock = patience, clock
        self._running: dict[str, asyncio.Task[Session | None]] = {}

    async def fresh(self, session: Session) -> Session | None:
        """The session with tokens that are good, as far as its provider can be reached; None when it is over.

        Raises `StateUnavailable`.
        """
        identity = Identity.of(session.data)
        if identity is None or not self._is_due(identity):
            return session
        task = self._running.get(session.token)
        if task is None:
            task = asyncio.create_task(self._refresh(session))
            self._running[session.token] = task
            task.add_done_callback(lambda done: self._over(session.token, done))
        # A caller that hangs up must not take the answer with it: the refresh token before is used up.
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Waits for what is under way: a rotated token that is not kept is a login that is lost."""
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    def _over(self, token: str, task: asyncio.Task[Session | None]) -> None:
        self._running.pop(token, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("refresh.failed", kind=type(error).__name__)

    def _is_due(self, identity: Identity) -> bool:
        if identity.refresh_token is None or identity.expires is None:
            return False
        obtained = identity.since if identity.obtained is None else identity.obtained
        early = min(EARLY, max(0.0, identity.expires - obtained) / 4)
        return self._clock() >= max(identity.expires - early, obtained + LEAST)

    async def _refresh(self, session: Session) -> Session | None:
        lease = await self._leases.take(session)
        if lease is None:
            return await self._wait(session)
        # Read under the lease: what the caller has may be from before another's refresh.
        current = await self._sessions.open(session.token)
        identity = Identity.of(current.data) if current is not None else None
        if current is None or identity is None or not self._is_due(identity):
            await self._leases.give_back(session, lease)
            return current
        try:
            renewed = await self._renewed(identity)
            kept = await self._keep(current, identity, renewed)
        except LoginRefused as error:
            log.warning("refresh.postponed", provider=identity.provider, detail=error.detail)
            await self._leases.leave_alone(session, lease)
            return current
        except _Over as over:
            log.warning("refresh.ended", provider=identity.provider, detail=over.why)
            kept = await self._sessions.end_where(current, lambda data: _has(data, identity))
        await self._leases.give_back(session, lease)
        return kept

    async def _wait(self, session: Session) -> Session | None:
        identity = Identity.of(session.data)
        assert identity is not None
        assert identity.expires is not None
        until = time.monotonic() + self._patience
        # While the tokens are good nobody needs to wait for newer ones.
        while self._clock() >= identity.expires and time.monotonic() < until:
            if not await self._leases.is_busy(session):
                break
            await asyncio.sleep(_POLL)
        else:
            return session
        return await self._sessions.open(session.token)

    async def _renewed(self, before: Identity) -> Identity:
        """Who it is, with newer tokens. Raises `_Over`, or `LoginRefused` where the provider did not decide."""
        provider = self._logins.providers.get(before.provider)
        if provider is None or provider.issuer != before.issuer:
            raise LoginRefused(Reason.PROVIDER_UNKNOWN, "the settings have no such provider any more")
        assert before.refresh_token is not None
        discovery = self._logins.discoveries[provider.id]
        grant = {"grant_type": "refresh_token", "refresh_token": before.refresh_token}
        try:
            metadata = await discovery.metadata()
            tokens = await ask_for_tokens(provider, metadata, self._logins.upstreams[provider.id], grant)
        except GrantInvalid as error:
            raise _Over(error.detail) from None
        now = self._clock()
        return replace(
            before,
            id_token=await self._checked(provider, discovery, before, tokens) or before.id_token,
            access_token=tokens.access_token,
            refresh_token=tokens.refresh_token or before.refresh_token,
            expires=now + tokens.expires_in if tokens.expires_in is not None else None,
            obtained=now,
        )

    async def _checked(self, provider: Provider, discovery: Discovery, before: Identity, tokens: Tokens) -> str | None:
        if tokens.id_token is None:
            return None
        claims = {
            "iss": before.issuer,
            "sub": before.subject,
            "aud": provider.client_id,
            "azp": provider.client_id,
            "nonce": before.nonce,
            "auth_time": before.auth_time,
        }
        try:
            signed = await discovery.read(tokens.id_token)
            check_refreshed(signed, claims, now=self._clock(), access_token=tokens.access_token)
        except TokenRefused as error:
            raise _Over(f"ID token: {error.check}") from None
        except LoginRefused as error:
            # As if there were none, which a provider may do: the refresh token before is used up already.
            log.warning("refresh.unchecked", provider=provider.id, detail=error.detail)
            return None
        return tokens.id_token

    async def _keep(self, session: Session, before: Identity, renewed: Identity) -> Session | None:
        """The session with newer tokens, unless somebody signed in or out meanwhile: that stands."""
        until = time.monotonic() + self._patience
        while True:
            try:
                return await self._put(session, before, renewed)
            except SessionEnded:
                return None
            except SessionFull:
                if not renewed.id_token:
                    raise _Over("the tokens are too long for a session") from None
                renewed = replace(renewed, id_token="")
            except StateUnavailable:
                if time.monotonic() > until:
                    raise
                await asyncio.sleep(_POLL)

    async def _put(self, session: Session, before: Identity, renewed: Identity) -> Session:
        return await self._sessions.change(
            session, lambda data: {**data, IDENTITY: renewed.data()} if _has(data, before) else data
        )


def _has(data: Data, identity: Identity) -> bool:
    """Whether a session's data still has the tokens of this identity."""
    found = Identity.of(data)
    return identity.is_same(found) and found is not None and found.refresh_token == identity.refresh_token


def _place(session: Session) -> str:
    return "session-refresh:" + hashlib.sha256(session.token.encode()).hexdigest()
