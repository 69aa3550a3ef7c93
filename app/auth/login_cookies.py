"""The cookies that tie each login to the browser that it began in: one for every open tab, by a hash of its state."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

from app.auth.headers import values
from app.auth.sessions import cookies_of

MOST = 20  # logins open in one browser; with many more cookies servers refuse its requests


class LoginCookies:
    """Login cookies; `secure` is whether browsers reach us by https, as for the session's."""

    def __init__(self, *, secure: bool) -> None:
        self._front = "__Host-vitrine-login-" if secure else "vitrine-login-"
        self._flags = "; Path=/; HttpOnly; SameSite=Lax" + ("; Secure" if secure else "")
        self._ours = re.compile(re.escape(self._front) + "[0-9a-f]{16}")

    def set(self, state: str, secret: str, seconds: float) -> str:
        """The value of the Set-Cookie header that gives a browser a login's secret."""
        return self._text(self._name(state), secret, seconds)

    def clear(self, state: str) -> str:
        """The value of the Set-Cookie header that takes it away."""
        return self._text(self._name(state), "", 0)

    def secret(self, state: str, headers: Mapping[str, str]) -> str | None:
        """The secret that a browser has for a login; None for none, and for two, of which one is somebody else's."""
        found = cookies_of(headers, self._name(state))
        return found[0] if len(found) == 1 else None

    def clear_many(self, headers: Mapping[str, str]) -> list[str]:
        """What takes all of them away from a browser that has too many; else nothing."""
        pairs = (part.strip(" \t") for line in values(headers, "cookie") for part in line.split(";"))
        names = {pair.partition("=")[0] for pair in pairs}
        ours = sorted(name for name in names if self._ours.fullmatch(name))
        return [self._text(name, "", 0) for name in ours] if len(ours) >= MOST else []

    def _name(self, state: str) -> str:
        return self._front + hashlib.sha256(state.encode()).hexdigest()[:16]

    def _text(self, name: str, value: str, seconds: float) -> str:
        return f"{name}={value}; Max-Age={int(seconds)}{self._flags}"
