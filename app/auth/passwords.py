"""Passwords of ours for customers, where Commerce gives a token for nothing else: derived, and kept nowhere."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

from app.auth.person import Person

SHORTEST_KEY = 32  # bytes
# A letter of each of Commerce's four classes of characters, whatever the derived ones are.
_CLASSES = "Vt7!"


class Passwords:
    """Passwords from versioned keys. New customers get one of the first key; those of the others go on working."""

    __slots__ = ("_keys",)

    def __init__(self, keys: tuple[tuple[str, bytes], ...]) -> None:
        self._keys = keys

    @classmethod
    def of(cls, text: str) -> Passwords:
        """From a setting: `version:key` separated by commas, each key at least 32 bytes in base64. Raises `ValueError`,
        which never shows a key."""
        keys = []
        for number, part in enumerate(filter(None, map(str.strip, text.split(","))), 1):
            version, mark, encoded = part.partition(":")
            try:
                plain = encoded.rstrip("=").replace("-", "+").replace("_", "/")
                key = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
            except ValueError:
                key = b""
            if not mark or not re.fullmatch(r"[A-Za-z0-9]{1,16}", version) or len(key) < SHORTEST_KEY:
                raise ValueError(f"key {number} is not version:key with at least {SHORTEST_KEY} bytes in base64")
            keys.append((version, key))
        if len({version for version, _ in keys}) != len(keys):
            raise ValueError("a version is given twice")
        return cls(tuple(keys))

    def __repr__(self) -> str:
        return f"Passwords({len(self._keys)} keys)"

    def __bool__(self) -> bool:
        return bool(self._keys)

    def first(self, person: Person) -> str | None:
        """The password of a new customer; None without any key."""
        return next(iter(self.all(person)), None)

    def all(self, person: Person) -> list[str]:
        """What the person's password may be, the newest first."""
        said = f"{len(person.issuer)}:{person.issuer}{person.subject}"
        return [
            _CLASSES + _derived(key, f"vitrine customer password\x00{version}\x00{said}") for version, key in self._keys
        ]


def _derived(key: bytes, text: str) -> str:
    return base64.urlsafe_b64encode(hmac.digest(key, text.encode(), hashlib.sha256)).decode().rstrip("=")
