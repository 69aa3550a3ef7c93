"""Signing out at the provider too (OpenID Connect RP-Initiated Logout 1.0).

The provider wants the ID token as a hint, in a URL that the browser opens. A page's script would read that URL in our
answer, so it gets one of ours instead, which leads to the provider's once.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from collections.abc import Callable
from urllib.parse import urlencode

import orjson

from app.auth.identity import Identity
from app.auth.keys import KeyRing
from app.auth.oidc import Logins
from app.auth.refusals import LoginRefused, Reason
from app.auth.return_to import Target
from app.errors import StateUnavailable
from app.state import State
from app.telemetry import log

LIFE = 60.0  # seconds
PATH = "/auth/end-session"
STATE = re.compile(r"[\x21-\x7e]{1,255}")
LONGEST_URL = 6000  # characters; servers take 8,192 of a whole request line
_TICKET = re.compile(r"[A-Za-z0-9_-]{43}")


class EndSessions:
    """Ways to the providers' end-session endpoints, kept sealed in the state under a hash of their ticket.

    `public_url` is where browsers reach us; `clock` tells the seconds since the epoch.
    """

    def __init__(
        self,
        logins: Logins,
        state: State,
        keys: KeyRing,
        *,
        public_url: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._logins, self._state, self._keys, self._clock = logins, state, keys, clock
        self._url = public_url.rstrip("/") + PATH

    async def way(self, identity: Identity, target: Target | None, state: str | None) -> str | None:
        """Where the browser goes to sign out at the provider too, within a minute; None where that cannot be now.

        Whoever calls has ended the session before: nothing here may keep it alive. `target` is where the provider
        leads the browser then, with `state`; without one it stays there.
        """
        try:
            url = await self._end_session(identity, target, state)
            if url is None:
                return None
            ticket = secrets.token_urlsafe(32)
            place = _place(ticket)
            kept = {"url": url, "made": self._clock()}
            await self._state.put(place, self._keys.seal(place, orjson.dumps(kept)), LIFE)
        except (LoginRefused, StateUnavailable) as error:
            log.warning("logout.here_only", provider=identity.provider, detail=error.detail)
            return None
        return f"{self._url}?ticket={ticket}"

    async def follow(self, ticket: str) -> str:
        """The provider's URL, once. Raises `LoginRefused` and `StateUnavailable`."""
        place = _place(ticket)
        raw = await self._state.get(place) if _TICKET.fullmatch(ticket) else None
        plain = self._keys.open(place, raw) if raw is not None else None
        if raw is None or plain is None or not await self._state.drop(place, raw):
            raise LoginRefused(Reason.CODE, "the ticket is unknown, used or too old")
        kept = orjson.loads(plain)
        if self._clock() - kept["made"] > LIFE:
            raise LoginRefused(Reason.CODE, "the ticket is too old")
        return str(kept["url"])

    async def _end_session(self, identity: Identity, target: Target | None, state: str | None) -> str | None:
        provider = self._logins.providers.get(identity.provider)
        # The settings may name another issuer by this id now: the hint would tell it who this was.
        if provider is None or provider.issuer != identity.issuer:
            return None
        endpoint = (await self._logins.discoveries[provider.id].metadata()).end_session_endpoint
        if endpoint is None:
            return None
        query = {"client_id": provider.client_id}
        if target is not None:
            query["post_logout_redirect_uri"] = target.url
            if state is not None:
                query["state"] = state
        front = f"{endpoint}{'&' if '?' in endpoint else '?'}"
        url = front + urlencode({"id_token_hint": identity.id_token, **query})
        # Without the hint the provider asks whether he means it, which is better than a URL that nobody takes.
        return url if identity.id_token and len(url) <= LONGEST_URL else front + urlencode(query)


def _place(ticket: str) -> str:
    return "logout:" + hashlib.sha256(ticket.encode()).hexdigest()
