"""What a provider tells of itself: its metadata (OpenID Connect Discovery 1.0, RFC 8414) and its keys (RFC 7517).

Both are kept in the process for an hour. They are public and can be had again at any time.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from app.auth.providers import Provider, is_safe_url
from app.auth.refusals import LoginRefused, Reason
from app.auth.tokens import KeyUnknown, Signed, read
from app.errors import UpstreamError, UpstreamInvalid
from app.http import Answer, Upstream
from app.telemetry import log

KEPT = 3600.0  # seconds
COOLDOWN = 10.0  # seconds between two fetches of the same: strangers can send tokens that name any key
LARGEST = 262_144  # bytes of any answer
MOST_KEYS = 64
RSA_BITS = range(2048, 8193)
_PUBLIC = ("kty", "kid", "alg", "n", "e", "crv", "x", "y")

Jwk = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Metadata:
    """The parts of a provider's metadata that are used. The algorithms that it lists are not among them."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    end_session_endpoint: str | None
    names_itself: bool
    auth_methods: tuple[str, ...]


class Discovery:
    """Asks one provider. `upstream` reaches it and follows no redirects; `clock` is monotonic, in seconds."""

    def __init__(self, provider: Provider, upstream: Upstream, clock: Callable[[], float] = time.monotonic) -> None:
        self._provider = provider
        self._upstream = upstream
        self._clock = clock
        self._metadata: tuple[Metadata, float] | None = None
        self._keys: tuple[tuple[Jwk, ...], float] | None = None
        self._failed: float | None = None
        self._one = asyncio.Lock()

    async def metadata(self) -> Metadata:
        """The provider's metadata; what is kept of it serves on while the provider is away.

        Raises `LoginRefused` where it cannot be had, or is not this provider's or not fit for use.
        """
        async with self._one:
            now = self._clock()
            if self._metadata is not None and now - self._metadata[1] < KEPT:
                return self._metadata[0]
            if self._failed is not None and now - self._failed < COOLDOWN:
                if self._metadata is not None:
                    return self._metadata[0]
                raise LoginRefused(Reason.PROVIDER_AWAY, "its metadata could not be had a moment ago")
            url = self._provider.issuer.rstrip("/") + "/.well-known/openid-configuration"
            try:
                found = _metadata_of(self._provider, await self._get("Discovery", url))
            except LoginRefused as error:
                if error.reason != Reason.PROVIDER_AWAY:
                    raise
                self._failed = now
                if self._metadata is None:
                    raise
                log.warning("login.metadata_old", provider=self._provider.id)
                return self._metadata[0]
            self._metadata, self._failed = (found, now), None
            return found

    async def read(self, token: str) -> Signed:
        """A token that this provider has signed, by whichever key it has now; a key may have changed under its id.

        Raises `LoginRefused` where the keys cannot be had, and `TokenRefused` for a token that none of them made.
        """
        metadata = await self.metadata()
        keys, fetched = await self._fetch_keys(metadata, None)
        try:
            return read(token, keys, self._provider.algorithms)
        except KeyUnknown:
            newer, refetched = await self._fetch_keys(metadata, fetched)
            if refetched == fetched:
                raise
            return read(token, newer, self._provider.algorithms)

    async def _fetch_keys(self, metadata: Metadata, older_than: float | None) -> tuple[tuple[Jwk, ...], float]:
        """The keys and when they were fetched: those that are kept, or newer ones than of `older_than` if that is
        longer ago than the cooldown."""
        async with self._one:
            now, kept = self._clock(), self._keys
            if kept is not None and now - kept[1] < (KEPT if older_than is None or kept[1] > older_than else COOLDOWN):
                return kept
            keys = _keys_of(await self._get("Keys", metadata.jwks_uri))
            self._keys = keys, now
            return self._keys

    async def _get(self, operation: str, url: str) -> Mapping[str, Any]:
        try:
            answer = await self._upstream.call(operation, "GET", url, read=True)
        except UpstreamError as error:
            raise unreached(operation, error) from None
        return json_of(operation, answer)


def unreached(operation: str, error: UpstreamError) -> LoginRefused:
    """The refusal where a provider did not answer, or with something endless."""
    reason = Reason.ANSWER if isinstance(error, UpstreamInvalid) else Reason.PROVIDER_AWAY
    return LoginRefused(reason, f"{operation}: {error.detail}")


def json_of(operation: str, answer: Answer) -> Mapping[str, Any]:
    """The JSON object of a provider's answer. Raises `LoginRefused` for any other answer."""
    if answer.status >= 500 or answer.status == 429:
        raise LoginRefused(Reason.PROVIDER_AWAY, f"{operation}: HTTP {answer.status}")
    if answer.status != 200:
        raise LoginRefused(Reason.ANSWER, f"{operation}: HTTP {answer.status}")
    try:
        found = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        raise LoginRefused(Reason.ANSWER, f"{operation}: no JSON") from None
    if not isinstance(found, dict):
        raise LoginRefused(Reason.ANSWER, f"{operation}: no JSON object")
    return found


def _metadata_of(provider: Provider, found: Mapping[str, Any]) -> Metadata:
    # To the letter: another issuer's metadata would send shoppers, codes and secrets to that one.
    if found.get("issuer") != provider.issuer:
        raise LoginRefused(Reason.ISSUER, "the metadata is of another issuer")
    urls = {
        name: found.get(name)
        for name in (
            "authorization_endpoint",
            "token_endpoint",
            "jwks_uri",
            "userinfo_endpoint",
            "end_session_endpoint",
        )
    }
    for name, url in urls.items():
        if url is None and name in ("userinfo_endpoint", "end_session_endpoint"):
            continue
        if not isinstance(url, str) or "#" in url or not is_safe_url(url, loopback=provider.on_loopback):
            raise LoginRefused(Reason.PROVIDER_UNFIT, f"its {name} is no https URL")
    if "code" not in _texts(found, "response_types_supported", ("code",)):
        raise LoginRefused(Reason.PROVIDER_UNFIT, "it does not offer the code flow")
    if "S256" not in _texts(found, "code_challenge_methods_supported", ("S256",)):
        raise LoginRefused(Reason.PROVIDER_UNFIT, "it does not offer PKCE with S256")
    names_itself = found.get("authorization_response_iss_parameter_supported", False)
    methods = _texts(found, "token_endpoint_auth_methods_supported", ("client_secret_basic",))
    return Metadata(**urls, names_itself=names_itself is not False, auth_methods=methods)  # type: ignore[arg-type]


def _texts(found: Mapping[str, Any], name: str, default: tuple[str, ...]) -> tuple[str, ...]:
    given = found.get(name, list(default))
    if not isinstance(given, list):
        raise LoginRefused(Reason.PROVIDER_UNFIT, f"its {name} is no list")
    return tuple(each for each in given if isinstance(each, str))


def _keys_of(found: Mapping[str, Any]) -> tuple[Jwk, ...]:
    given = found.get("keys")
    if not isinstance(given, list):
        raise LoginRefused(Reason.ANSWER, "Keys: no list of keys")
    return tuple(
        {name: jwk[name] for name in _PUBLIC if name in jwk}
        for jwk in given[:MOST_KEYS]
        if isinstance(jwk, dict) and _is_for_signatures(jwk)
    )


def _is_for_signatures(jwk: Jwk) -> bool:
    if jwk.get("kty") not in ("RSA", "EC", "OKP") or jwk.get("use", "sig") != "sig":
        return False
    operations = jwk.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        return False
    if jwk["kty"] != "RSA":
        return True
    try:
        modulus = base64.urlsafe_b64decode(str(jwk.get("n", "")) + "==")
    except (binascii.Error, ValueError):
        return False
    return int.from_bytes(modulus, "big").bit_length() in RSA_BITS
