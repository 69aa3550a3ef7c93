"""Checks of what providers sign: ID tokens and logout tokens. No network, no state; the time is handed in.

After OpenID Connect Core 1.0 section 3.1.3.7, Back-Channel Logout 1.0 section 2.6 and RFC 8725, and stricter than
they are where that costs nothing. Every refusal says which check it was, and nothing of the token.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

Key = RSAKey | ECKey | OKPKey
Claims = Mapping[str, Any]

LEEWAY = 30.0  # seconds that a provider's clock may differ from ours
LOGOUT_AGE = 120.0  # seconds that a logout token may be old
LONGEST_SUBJECT = 255  # OpenID Connect Core section 2
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
_HASHES = {"256": hashlib.sha256, "384": hashlib.sha384, "512": hashlib.sha512}


class TokenRefused(Exception):
    """A token is not what it must be; `check` names what is wrong."""

    def __init__(self, check: str) -> None:
        super().__init__(check)
        self.check = check


class KeyUnknown(TokenRefused):
    """No key that is known has signed it: a newer key may have."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A token whose signature is good: its algorithm, its `typ` in small letters, and its claims."""

    algorithm: str
    kind: str
    claims: Claims = field(repr=False)


@dataclass(frozen=True, slots=True)
class Logout:
    """Who is logged out by a logout token: a session, or all of a subject; one of them is given at least."""

    issuer: str
    subject: str | None
    sid: str | None
    jti: str
    expires: float


def read(token: str, keys: Iterable[Mapping[str, Any]], algorithms: Collection[str]) -> Signed:
    """The token, if one of these keys (JWKs) has signed it by one of these algorithms.

    Raises `KeyUnknown` when none has, and `TokenRefused` for anything that no other key would make good.
    """
    try:
        parsed = jws.extract_compact(token.encode("ascii"))
        header, payload = parsed.headers(), parsed.payload
    except (JoseError, ValueError, TypeError, KeyError):
        raise TokenRefused("malformed") from None
    algorithm, kind, kid = header.get("alg"), header.get("typ", ""), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in algorithms:
        raise TokenRefused("alg")
    if "crit" in header or "b64" in header:
        raise TokenRefused("crit")
    if not isinstance(kind, str) or not isinstance(kid, str | None):
        raise TokenRefused("header")
    fit = [jwk for jwk in keys if _fits(jwk, algorithm, kid)]
    if kid is None and len(fit) > 1:
        raise TokenRefused("kid")
    if not any(_verifies(parsed, jwk, algorithm) for jwk in fit):
        raise KeyUnknown("signature")
    try:
        claims = orjson.loads(payload)
    except orjson.JSONDecodeError:
        raise TokenRefused("malformed") from None
    if not isinstance(claims, dict):
        raise TokenRefused("malformed")
    return Signed(algorithm, kind.lower().removeprefix("application/"), claims)


def issuer_of(token: str) -> str | None:
    """The issuer that a token names. Nobody has checked it: it only tells whose keys to ask."""
    try:
        claims = orjson.loads(jws.extract_compact(token.encode("ascii")).payload)
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    issuer = claims.get("iss") if isinstance(claims, dict) else None
    return issuer if isinstance(issuer, str) else None


def check_id_token(
    token: Signed,
    *,
    issuer: str,
    client_id: str,
    nonce: str,
    now: float,
    access_token: str,
    max_age: float | None = None,
) -> Claims:
    """The claims of an ID token that a code was exchanged for. Raises `TokenRefused`.

    `max_age` is that of the request, in seconds; `now` is in seconds since the epoch.
    """
    claims = token.claims
    _check_kind(token)
    _check_parties(claims, issuer, client_id)
    _check_subject(claims.get("sub"))
    _check_times(claims, now)
    # A logout token says which it is, but not every provider gives it a type of its own.
    if "events" in claims:
        raise TokenRefused("events")
    given = claims.get("nonce")
    if not isinstance(given, str) or not hmac.compare_digest(given.encode(), nonce.encode()):
        raise TokenRefused("nonce")
    _check_at_hash(token, access_token)
    _check_auth_time(claims, max_age, now)
    if "sid" in claims:
        _text(claims, "sid")
    return claims


def check_refreshed(token: Signed, before: Claims, *, now: float, access_token: str) -> Claims:
    """The claims of an ID token that came with a refresh (OpenID Connect Core section 12.2).

    `before` has the claims of the one that the shopper logged in by: nothing of who he is may have changed. Raises
    `TokenRefused`.
    """
    claims = token.claims
    _check_kind(token)
    for name in ("iss", "sub"):
        if not isinstance(claims.get(name), str) or claims[name] != before[name]:
            raise TokenRefused(name)
    if _audience(claims) != _audience(before):
        raise TokenRefused("aud")
    for name in ("azp", "nonce", "auth_time"):
        if name in claims and claims[name] != before.get(name):
            raise TokenRefused(name)
    _check_times(claims, now)
    _check_at_hash(token, access_token)
    return claims


def check_logout_token(token: Signed, *, issuer: str, client_id: str, now: float) -> Logout:
    """Who is logged out by a logout token. Raises `TokenRefused`. That its `jti` comes once only is the caller's."""
    claims = token.claims
    if token.kind != "logout+jwt":
        raise TokenRefused("typ")
    _check_parties(claims, issuer, client_id)
    _check_times(claims, now)
    if claims["iat"] < now - LOGOUT_AGE - LEEWAY:
        raise TokenRefused("iat")
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(LOGOUT_EVENT), dict):
        raise TokenRefused("events")
    # With a nonce it could be taken for an ID token, or be one.
    if "nonce" in claims:
        raise TokenRefused("nonce")
    if "sub" not in claims and "sid" not in claims:
        raise TokenRefused("sub")
    if "sub" in claims:
        _check_subject(claims["sub"])
    return Logout(
        issuer,
        claims.get("sub"),
        _text(claims, "sid") if "sid" in claims else None,
        _text(claims, "jti"),
        claims["exp"],
    )


def _fits(jwk: Mapping[str, Any], algorithm: str, kid: str | None) -> bool:
    kinds = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
    return (
        jwk.get("kty") == kinds.get(algorithm[:2])
        and (kid is None or jwk.get("kid") == kid)
        and jwk.get("alg", algorithm) == algorithm
    )


def _verifies(parsed: jws.CompactSignature, jwk: Mapping[str, Any], algorithm: str) -> bool:
    kinds: dict[str, type[Key]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
    kind = kinds[jwk["kty"]]
    try:
        return jws.validate_compact(parsed, kind.import_key(dict(jwk)), algorithms=[algorithm])
    except (JoseError, ValueError, TypeError, KeyError):
        return False


def _check_kind(token: Signed) -> None:
    # A token for another purpose, signed by the same key, is no ID token (RFC 8725 section 3.11).
    if token.kind not in ("", "jwt"):
        raise TokenRefused("typ")


def _check_parties(claims: Claims, issuer: str, client_id: str) -> None:
    if claims.get("iss") != issuer:
        raise TokenRefused("iss")
    if _audience(claims) != {client_id}:
        raise TokenRefused("aud")
    if "azp" in claims and claims["azp"] != client_id:
        raise TokenRefused("azp")


def _audience(claims: Claims) -> set[str]:
    given = claims.get("aud")
    audience = [given] if isinstance(given, str) else given
    if not isinstance(audience, list) or not all(isinstance(each, str) for each in audience):
        raise TokenRefused("aud")
    return set(audience)


def _check_subject(subject: object) -> None:
    if not isinstance(subject, str) or not subject.strip() or len(subject) > LONGEST_SUBJECT:
        raise TokenRefused("sub")


def _check_times(claims: Claims, now: float) -> None:
    if _time(claims, "exp") <= now - LEEWAY:
        raise TokenRefused("exp")
    if _time(claims, "iat") > now + LEEWAY:
        raise TokenRefused("iat")
    if "nbf" in claims and _time(claims, "nbf") > now + LEEWAY:
        raise TokenRefused("nbf")


def _check_auth_time(claims: Claims, max_age: float | None, now: float) -> None:
    if "auth_time" not in claims:
        if max_age is not None:
            raise TokenRefused("auth_time")
        return
    at = _time(claims, "auth_time")
    if at > now + LEEWAY:
        raise TokenRefused("auth_time")
    if max_age is not None and now - at > max_age + LEEWAY:
        raise TokenRefused("max_age")


def _check_at_hash(token: Signed, access_token: str) -> None:
    if "at_hash" not in token.claims:
        return
    # Ed25519 hashes by SHA-512; the others say it in their name.
    hashed = _HASHES.get(token.algorithm[2:], hashlib.sha512)(access_token.encode()).digest()
    right = base64.urlsafe_b64encode(hashed[: len(hashed) // 2]).rstrip(b"=")
    given = token.claims["at_hash"]
    if not isinstance(given, str) or not hmac.compare_digest(given.encode(), right):
        raise TokenRefused("at_hash")


def _time(claims: Claims, name: str) -> float:
    given = claims.get(name)
    if isinstance(given, bool) or not isinstance(given, int | float) or not math.isfinite(given):
        raise TokenRefused(name)
    return given


def _text(claims: Claims, name: str) -> str:
    given = claims.get(name)
    if not isinstance(given, str) or not given.strip() or len(given) > LONGEST_SUBJECT:
        raise TokenRefused(name)
    return given
