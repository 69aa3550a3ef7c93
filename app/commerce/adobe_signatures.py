"""Whether a delivery comes from Adobe I/O Events (its guide to webhooks, Security Considerations).

Each is signed twice, by RSA with SHA-256 over the raw body. Two headers tell the paths of the public keys on one fixed
host, and one good signature is enough. A key may be kept for a day at most.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from app.errors import UpstreamInvalid, UpstreamUnavailable
from app.http import Upstream

HOST = "https://static.adobeioevents.com"
PAIRS = (
    ("x-adobe-digital-signature-1", "x-adobe-public-key1-path"),
    ("x-adobe-digital-signature-2", "x-adobe-public-key2-path"),
)
KEPT = 12 * 3600.0  # seconds that a key is kept
REFUSED = 60.0  # seconds that a path without a key is not asked for again
MOST_KEYS = 32
FETCHES = 20  # keys fetched in `WINDOW` at most: strangers choose the paths
WINDOW = 60.0  # seconds
SMALLEST = 2048  # bits
_PATH = re.compile(r"/[a-z0-9_-]{1,32}/keys/pub-key-[A-Za-z0-9-]{1,64}\.pem")


@dataclass(frozen=True, slots=True)
class _Kept:
    key: RSAPublicKey | None
    until: float


class AdobeSignatures:
    """Checks signatures. `upstream` reaches `HOST`, nothing else; `clock` is monotonic, in seconds."""

    def __init__(self, upstream: Upstream, clock: Callable[[], float] = time.monotonic) -> None:
        self._upstream = upstream
        self._clock = clock
        self._keys: dict[str, _Kept] = {}
        self._fetched: list[float] = []
        self._one = asyncio.Lock()

    async def close(self) -> None:
        """Closes the connections."""
        await self._upstream.close()

    async def good(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Whether one of the two signatures is Adobe's. Raises an `UpstreamError` where that cannot be told now."""
        unknown: Exception | None = None
        for signature, path in PAIRS:
            signed, where = _decoded(headers.get(signature, "")), headers.get(path, "")
            if not signed or not _PATH.fullmatch(where):
                continue
            try:
                key = await self._key(where)
            except (UpstreamInvalid, UpstreamUnavailable) as error:
                unknown = error
                continue
            if key is not None and _verifies(key, signed, body):
                return True
        if unknown is not None:
            raise unknown
        return False

    async def _key(self, path: str) -> RSAPublicKey | None:
        async with self._one:
            now = self._clock()
            kept = self._keys.get(path)
            if kept is not None and now < kept.until:
                return kept.key
            self._fetched = [at for at in self._fetched if now - at < WINDOW]
            if len(self._fetched) >= FETCHES:
                raise UpstreamUnavailable("too many keys were asked for")
            self._fetched.append(now)
            answer = await self._upstream.call("PublicKey", "GET", path, read=True)
            if answer.status >= 500 or answer.status == 429:
                raise UpstreamUnavailable(f"HTTP {answer.status}")
            key = _key_of(answer.body) if answer.status == 200 else None
            while len(self._keys) >= MOST_KEYS:
                del self._keys[next(iter(self._keys))]
            self._keys.pop(path, None)
            self._keys[path] = _Kept(key, now + (KEPT if key is not None else REFUSED))
            return key


def _key_of(pem: bytes) -> RSAPublicKey | None:
    try:
        key = load_pem_public_key(pem)
    except ValueError:
        return None
    return key if isinstance(key, RSAPublicKey) and key.key_size >= SMALLEST else None


def _decoded(signature: str) -> bytes:
    try:
        return base64.b64decode(signature, validate=True) if len(signature) < 2048 else b""
    except (binascii.Error, ValueError):
        return b""


def _verifies(key: RSAPublicKey, signature: bytes, body: bytes) -> bool:
    try:
        key.verify(signature, body, PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True
