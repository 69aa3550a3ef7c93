"""One-time codes for native apps, which cannot be given a cookie by the system's browser (RFC 8252, RFC 7636).

An app begins a login with a challenge of its own and exchanges the code that it is called back with for its session.
Whoever else catches the code has not the verifier.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable

import orjson

from app.auth.identity import IDENTITY, Identity
from app.auth.keys import KeyRing
from app.auth.oidc import challenge_of
from app.auth.refusals import LoginRefused, Reason
from app.state import State

LIFE = 60.0  # seconds
CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9\-._~]{43,128}")
_CODE = re.compile(r"[A-Za-z0-9_-]{43}")


class Codes:
    """The codes, kept sealed in the state under their hash. Both methods raise `StateUnavailable`."""

    def __init__(self, state: State, keys: KeyRing, clock: Callable[[], float] = time.time) -> None:
        self._state, self._keys, self._clock = state, keys, clock

    async def make(self, identity: Identity, challenge: str) -> str:
        """A code for an app that has the verifier of this challenge."""
        code = secrets.token_urlsafe(32)
        place = _place(code)
        kept = {IDENTITY: identity.data(), "challenge": challenge, "made": self._clock()}
        await self._state.put(place, self._keys.seal(place, orjson.dumps(kept)), LIFE)
        return code

    async def exchange(self, code: object, verifier: object) -> Identity:
        """Who the code is for. It is used up by this, whatever the verifier. Raises `LoginRefused`."""
        if not isinstance(code, str) or not _CODE.fullmatch(code):
            raise LoginRefused(Reason.CODE, "there is no code")
        place = _place(code)
        raw = await self._state.get(place)
        plain = self._keys.open(place, raw) if raw is not None else None
        if raw is None or plain is None or not await self._state.drop(place, raw):
            raise LoginRefused(Reason.CODE, "the code is unknown, used or too old")
        kept = orjson.loads(plain)
        if self._clock() - kept["made"] > LIFE:
            raise LoginRefused(Reason.CODE, "the code is too old")
        if not isinstance(verifier, str) or not _VERIFIER.fullmatch(verifier):
            raise LoginRefused(Reason.CODE, "there is no verifier")
        if not hmac.compare_digest(challenge_of(verifier), kept["challenge"]):
            raise LoginRefused(Reason.CODE, "the verifier is not the challenge's")
        identity = Identity.of(kept)
        assert identity is not None
        return identity


def _place(code: str) -> str:
    return "login-code:" + hashlib.sha256(code.encode()).hexdigest()
