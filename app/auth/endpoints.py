"""A provider's token and userinfo endpoints (RFC 6749 section 3.2, OpenID Connect Core 1.0 section 5.3)."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus, urlencode

import orjson

from app.auth.discovery import Metadata, json_of, unreached
from app.auth.providers import Provider
from app.auth.refusals import LoginRefused, Reason
from app.errors import UpstreamError
from app.http import Answer, Upstream

LONGEST_TOKEN = 8192  # characters; three of them must fit into a session


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a token endpoint gave. `expires_in` is in seconds, as far as it is told."""

    access_token: str = field(repr=False)
    id_token: str | None = field(repr=False)
    refresh_token: str | None = field(repr=False)
    expires_in: float | None


class GrantInvalid(LoginRefused):
    """The provider does not know the grant, or not any more."""


async def ask_for_tokens(
    provider: Provider, metadata: Metadata, upstream: Upstream, grant: Mapping[str, str]
) -> Tokens:
    """The tokens for a grant, asked for once: a code that is sent twice is a code that was stolen.

    Raises `LoginRefused`: `PROVIDER_AWAY` where the provider did not decide, `PROVIDER_ERROR` where it refused, as
    `GrantInvalid` where it refused this grant.
    """
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    body = dict(grant)
    secret = provider.client_secret.get_secret_value()
    methods = (provider.auth_method,) if provider.auth_method else metadata.auth_methods
    if secret and "client_secret_basic" in methods:
        headers["Authorization"] = basic(provider.client_id, secret)
    elif not secret:
        body["client_id"] = provider.client_id
    elif "client_secret_post" in methods:
        body |= {"client_id": provider.client_id, "client_secret": secret}
    else:
        raise LoginRefused(Reason.PROVIDER_UNFIT, "it takes no client secret, by Basic or in the body")
    answer = await _call(upstream, "Token", "POST", metadata.token_endpoint, headers, urlencode(body).encode())
    if answer.status in (400, 401, 403):
        error = _error_of(answer)
        refused = GrantInvalid if error == "invalid_grant" else LoginRefused
        raise refused(Reason.PROVIDER_ERROR, f"Token: {error}")
    return _tokens_of(json_of("Token", answer))


async def ask_for_userinfo(metadata: Metadata, upstream: Upstream, tokens: Tokens, subject: str) -> Mapping[str, Any]:
    """What the provider tells of a subject, and of nobody else; nothing where it tells nothing.

    Raises `LoginRefused`.
    """
    if metadata.userinfo_endpoint is None:
        return {}
    headers = {"Authorization": f"Bearer {tokens.access_token}"}
    found = json_of("UserInfo", await _call(upstream, "UserInfo", "GET", metadata.userinfo_endpoint, headers, None))
    # Another subject's claims would be his e-mail address in this one's session (section 5.3.4).
    if found.get("sub") != subject:
        raise LoginRefused(Reason.USERINFO, "the userinfo is of another subject")
    return found


def basic(client_id: str, secret: str) -> str:
    """The Authorization header of a client; each part is form-encoded first (RFC 6749 section 2.3.1)."""
    return "Basic " + base64.b64encode(f"{quote_plus(client_id)}:{quote_plus(secret)}".encode()).decode()


async def _call(
    upstream: Upstream, operation: str, method: str, url: str, headers: Mapping[str, str], content: bytes | None
) -> Answer:
    try:
        return await upstream.call(operation, method, url, headers=headers, content=content)
    except UpstreamError as error:
        raise unreached(operation, error) from None


def _error_of(answer: Answer) -> str:
    """The provider's word for its refusal, if it is one of RFC 6749 section 5.2; any other text may hold anything."""
    known = {
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
    }
    try:
        found = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        found = None
    word = found.get("error") if isinstance(found, dict) else None
    return word if isinstance(word, str) and word in known else f"HTTP {answer.status}"


def _tokens_of(found: Mapping[str, Any]) -> Tokens:
    kind, expires = found.get("token_type"), found.get("expires_in")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise LoginRefused(Reason.ANSWER, "Token: token_type is not Bearer")
    if isinstance(expires, str) and expires.isdecimal() and len(expires) < 12:
        expires = int(expires)
    if isinstance(expires, bool) or not isinstance(expires, int | float | None):
        raise LoginRefused(Reason.ANSWER, "Token: expires_in is no number")
    access = _token(found, "access_token")
    if access is None:
        raise LoginRefused(Reason.ANSWER, "Token: there is no access_token")
    return Tokens(access, _token(found, "id_token"), _token(found, "refresh_token"), expires)


def _token(found: Mapping[str, Any], name: str) -> str | None:
    given = found.get(name)
    if given is None:
        return None
    if not isinstance(given, str) or not given or not given.isascii() or not given.isprintable() or " " in given:
        raise LoginRefused(Reason.ANSWER, f"Token: {name} is no token")
    if len(given) > LONGEST_TOKEN:
        raise LoginRefused(Reason.TOO_LARGE, f"Token: {name} is too long")
    return given
