"""A provider logs a shopper out by itself, without his browser (OpenID Connect Back-Channel Logout 1.0)."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import parse_qsl

from app.auth.identity import name_of_session, name_of_subject, name_without_session
from app.auth.oidc import Logins
from app.auth.refusals import LoginRefused, Reason
from app.auth.sessions import Sessions
from app.auth.tokens import LEEWAY, LOGOUT_AGE, Logout, TokenRefused, check_logout_token, issuer_of
from app.errors import StateUnavailable
from app.state import State
from app.telemetry import log


class Backchannel:
    """Ends sessions by logout tokens; `clock` tells the seconds since the epoch."""

    def __init__(
        self, logins: Logins, sessions: Sessions, state: State, clock: Callable[[], float] = time.time
    ) -> None:
        self._logins, self._sessions, self._state, self._clock = logins, sessions, state, clock

    async def log_out(self, body: bytes) -> None:
        """Ends the sessions that the logout token of a form means; they are dead in every process when this returns.

        Raises `LoginRefused` for a token that is to end nothing, and `StateUnavailable`.
        """
        logout = await self._checked(_token_of(body))
        once = "logout-token:" + hashlib.sha256(f"{logout.issuer}\n{logout.jti}".encode()).hexdigest()
        now = self._clock()
        # Later it is refused for being old.
        good = min(logout.expires - now + LEEWAY, LOGOUT_AGE + 2 * LEEWAY) + 1
        if not await self._state.put(once, b"1", good, absent=True):
            raise LoginRefused(Reason.TOKEN, "logout token: jti")
        try:
            ended = await self._end(logout)
        except StateUnavailable:
            # The provider may send it again.
            with suppress(StateUnavailable):
                await self._state.delete(once)
            raise
        log.info("logout.backchannel", by="sid" if logout.sid else "sub", ended=ended)

    async def _checked(self, token: str) -> Logout:
        issuer = issuer_of(token)
        for provider in self._logins.providers.values():
            if provider.issuer == issuer:
                break
        else:
            raise LoginRefused(Reason.TOKEN, "logout token: iss")
        try:
            signed = await self._logins.discoveries[provider.id].read(token)
            return check_logout_token(signed, issuer=provider.issuer, client_id=provider.client_id, now=self._clock())
        except TokenRefused as error:
            raise LoginRefused(Reason.TOKEN, f"logout token: {error.check}") from None

    async def _end(self, logout: Logout) -> int:
        names = []
        if logout.sid is not None:
            names.append(name_of_session(logout.issuer, logout.sid))
            if logout.subject is not None:
                # A provider may name its sessions in logout tokens only: then the subject is all that there is.
                names.append(name_without_session(logout.issuer, logout.subject))
        else:
            assert logout.subject is not None
            names.append(name_of_subject(logout.issuer, logout.subject))
        return sum([await self._sessions.end_named(name) for name in names])


def _token_of(body: bytes) -> str:
    try:
        given = parse_qsl(body.decode("ascii"), keep_blank_values=True)
    except ValueError:
        given = []
    tokens = [value for name, value in given if name == "logout_token"]
    if len(tokens) != 1:
        raise LoginRefused(Reason.REQUEST, "there is no logout_token, or more than one")
    return tokens[0]
