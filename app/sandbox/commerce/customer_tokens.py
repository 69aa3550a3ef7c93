"""The tokens of customers: JWTs that say whose they are and until when, as Commerce makes them since 2.4.4."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable

import orjson

LIFETIME = 3600.0  # seconds, Commerce's default


class CustomerTokens:
    """Every token that customers have. Change `lifetime` (seconds) as a shop's owner does; `opaque` makes tokens that
    say nothing, as shops have that turned JWTs off."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.lifetime = LIFETIME
        self.opaque = False
        self._now = now
        self._count = 0
        self._owners: dict[str, tuple[int, float]] = {}

    def issue(self, customer: int) -> str:
        """A new token. Those that the customer has go on working."""
        now = self._now()
        self._count += 1
        mark = hashlib.sha256(f"token/{self._count}".encode()).hexdigest()
        claims: dict[str, object] = {"uid": customer, "utypid": 3, "iat": int(now), "exp": int(now + self.lifetime)}
        head: dict[str, object] = {"kid": "1", "alg": "HS256"}
        token = mark[:32] if self.opaque else ".".join([_encoded(head), _encoded(claims), mark[:43]])
        self._owners[token] = customer, now + self.lifetime
        return token

    def owner(self, token: str) -> int | None:
        """Whose token it is; None when it is nobody's any more."""
        customer, until = self._owners.get(token, (None, 0.0))
        return customer if self._now() < until else None

    @property
    def alive(self) -> list[str]:
        """All tokens that somebody has."""
        return [token for token in self._owners if self.owner(token) is not None]

    def end(self, token: str) -> None:
        """Ends one token, as its time does."""
        del self._owners[token]

    def revoke(self, customer: int) -> None:
        """Kills every token of the customer, however it was got (cust-096)."""
        self._owners = {token: kept for token, kept in self._owners.items() if kept[0] != customer}


def _encoded(part: dict[str, object]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(part)).decode().rstrip("=")
