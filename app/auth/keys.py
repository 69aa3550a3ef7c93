"""Keys that seal what is kept in Redis, so that whoever reads or writes Redis can neither read nor make it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

_VERSION = b"\x01"
_HINT = 4  # bytes that name the key, so that it need not be guessed
_NONCE = 12
_HEAD = len(_VERSION) + _HINT + _NONCE
_TAG = 16
_LEAST_VARIETY = 8  # different bytes in a key: 32 random ones have 30, a word typed by a person repeated has few


class KeyRing:
    """Seals with its first key and opens with any of them.

    To change keys without losing a session, let all processes first know the new key as a later one, then put it first,
    and take the old one away when the idle limit has passed.

    A sealed value is version, key hint, nonce and ChaCha20-Poly1305 text (RFC 8439). It opens only at the `place` that
    it was sealed for: the place is associated data. Each place has a key of its own, derived as in RFC 5869 section
    2.3, so that random nonces stay far below the 2^32 uses a single key allows (NIST SP 800-38D section 8.3).
    """

    __slots__ = ("_first", "_keys")

    def __init__(self, keys: tuple[bytes, ...]) -> None:
        """The keys, 32 random bytes each. Raises `ValueError`, which never shows a key."""
        if not keys:
            raise ValueError("at least one key is needed")
        for number, key in enumerate(keys, 1):
            if len(key) != 32:
                raise ValueError(f"key {number} is not 32 bytes")
            if len(set(key)) < _LEAST_VARIETY:
                raise ValueError(f"key {number} is not random")
        self._keys = {_hint(key): key for key in keys}
        if len(self._keys) != len(keys):
            raise ValueError("a key is given twice")
        self._first = _hint(keys[0])

    @classmethod
    def of(cls, text: str) -> Self:
        """The keys of a setting: base64 (standard or URL-safe) separated by commas.

        Raises `ValueError`, which never shows a key.
        """
        return cls(tuple(_key(part, number) for number, part in enumerate(text.split(","), 1)) if text.strip() else ())

    def __repr__(self) -> str:
        return f"KeyRing({len(self._keys)} keys)"

    def seal(self, place: str, plain: bytes) -> bytes:
        """The value, sealed for this place by the first key."""
        head, nonce = _VERSION + self._first, os.urandom(_NONCE)
        cipher = _cipher(self._keys[self._first], place)
        return head + nonce + cipher.encrypt(nonce, plain, head + place.encode())

    def is_first(self, sealed: bytes) -> bool:
        """Whether a sealed value names the first key as its own."""
        return sealed[len(_VERSION) : _HEAD - _NONCE] == self._first

    def hashes(self, text: str) -> list[str]:
        """Keyed hashes of a text, in hexadecimal: by the first key, then by each of the others."""
        return [_hashed(self._keys[self._first], text)] + [
            _hashed(key, text) for hint, key in self._keys.items() if hint != self._first
        ]

    def open(self, place: str, sealed: bytes) -> bytes | None:
        """The value that was sealed for this place; None when it was not, or by a key that is not on the ring."""
        head, nonce = sealed[: _HEAD - _NONCE], sealed[_HEAD - _NONCE : _HEAD]
        key = self._keys.get(head[len(_VERSION) :])
        if key is None or len(sealed) < _HEAD + _TAG or not head.startswith(_VERSION):
            return None
        try:
            return _cipher(key, place).decrypt(nonce, sealed[_HEAD:], head + place.encode())
        except InvalidTag:
            return None


def _key(text: str, number: int) -> bytes:
    plain = text.strip().rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"key {number} is not base64") from None


def _hint(key: bytes) -> bytes:
    return hashlib.sha256(b"vitrine key hint\x00" + key).digest()[:_HINT]


def _hashed(key: bytes, text: str) -> str:
    # With no key of ours nobody can try whether somebody's address is among the hashes.
    return hmac.digest(key, b"vitrine hash\x00" + text.encode(), "sha256").hex()


def _cipher(key: bytes, place: str) -> ChaCha20Poly1305:
    # HKDF-Expand with one block; Extract is not needed for a key that is random already (RFC 5869 section 3.3).
    return ChaCha20Poly1305(hmac.digest(key, b"vitrine seal\x00" + place.encode() + b"\x01", "sha256"))
