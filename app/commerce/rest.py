"""Commerce's REST interface, signed as an integration (OAuth 1.0a) or authorised as an admin user."""

import asyncio
import base64
import hashlib
import hmac
import re
import time
from collections.abc import Callable, Generator, Mapping
from typing import Any, Protocol

import httpx2
import orjson
import pyotp
from authlib.oauth1.rfc5849.client_auth import ClientAuth
from authlib.oauth1.rfc5849.signature import generate_signature_base_string
from authlib.oauth1.rfc5849.util import escape
from authlib.oauth1.rfc5849.wrapper import OAuth1Request

from app.errors import UpstreamFailed, UpstreamInvalid, UpstreamRefused, UpstreamUnavailable
from app.http import Answer, Upstream

ADMIN_TOKEN_LIFETIME = 4 * 3600  # seconds, Commerce's default (FACTS, Authentication)


class Credentials(Protocol):
    """How REST calls are authorised."""

    async def auth(self, upstream: Upstream) -> httpx2.Auth:
        """What authorises the next call."""

    def refused(self) -> bool:
        """Notes that a call was refused; whether it is worth trying again with fresh credentials."""


def sign_hmac_sha256(client: ClientAuth, request: OAuth1Request) -> str:
    """The signature that Commerce asks of an integration; Authlib ships only SHA-1 and plain text.

    RFC 5849 section 3.4.2 with SHA-256 in the place of SHA-1.
    """
    base = generate_signature_base_string(request)
    key = f"{escape(client.client_secret or '')}&{escape(client.token_secret or '')}"
    return base64.b64encode(hmac.new(key.encode(), base.encode(), hashlib.sha256).digest()).decode()


class _Signature(ClientAuth):  # type: ignore[misc]
    SIGNATURE_METHODS: Mapping[str, Callable[..., str]] = {"HMAC-SHA256": sign_hmac_sha256}


class _Signed(httpx2.Auth):
    def __init__(self, signature: _Signature) -> None:
        self._signature = signature

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        # A JSON body takes no part in the signature (RFC 5849 section 3.4.1.3.1).
        _, headers, _ = self._signature.sign(request.method, str(request.url), {}, b"")
        request.headers["Authorization"] = headers["Authorization"]
        yield request


class _Bearer(httpx2.Auth):
    def __init__(self, token: str) -> None:
        self._token = token

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request


class Integration:
    """An integration's four keys; every call is signed anew."""

    def __init__(self, consumer_key: str, consumer_secret: str, access_token: str, access_token_secret: str) -> None:
        self._signature = _Signature(
            consumer_key, consumer_secret, access_token, access_token_secret, signature_method="HMAC-SHA256"
        )

    async def auth(self, upstream: Upstream) -> httpx2.Auth:
        return _Signed(self._signature)

    def refused(self) -> bool:
        return False


class AdminUser:
    """An admin user; its token is fetched at first use, anew before it runs out and once when it is refused.

    `totp_secret` (base32) is for two-factor: then the token comes from the Google-Authenticator endpoint.
    """

    def __init__(
        self, username: str, password: str, totp_secret: str = "", clock: Callable[[], float] = time.time
    ) -> None:
        self._username = username
        self._password = password
        self._totp = pyotp.TOTP(totp_secret) if totp_secret else None
        self._clock = clock
        self._token = ""
        self._until = 0.0
        self._lock = asyncio.Lock()

    async def auth(self, upstream: Upstream) -> httpx2.Auth:
        async with self._lock:
            if self._clock() >= self._until:
                self._token = await self._fetch(upstream)
                self._until = self._clock() + ADMIN_TOKEN_LIFETIME * 0.9
        return _Bearer(self._token)

    def refused(self) -> bool:
        self._until = 0.0
        return True

    async def _fetch(self, upstream: Upstream) -> str:
        path, body = "integration/admin/token", {"username": self._username, "password": self._password}
        if self._totp is not None:
            path, body = "tfa/provider/google/authenticate", {**body, "otp": self._totp.at(int(self._clock()))}
        answer = await upstream.call(
            "AdminToken",
            "POST",
            f"/rest/V1/{path}",
            headers={"Content-Type": "application/json"},
            content=orjson.dumps(body),
        )
        token = decode(answer)
        if not isinstance(token, str) or not token:
            raise UpstreamInvalid("the admin token is no string")
        return token


class Rest:
    """Commerce's REST interface. `credentials` of None refuses every call with `UpstreamRefused`."""

    def __init__(self, upstream: Upstream, credentials: Credentials | None) -> None:
        self._upstream = upstream
        self._credentials = credentials

    @property
    def available(self) -> bool:
        """Whether there are credentials at all."""
        return self._credentials is not None

    async def get(self, path: str, *, store: str = "") -> Any:
        """The JSON at `/rest/{store}/V1/{path}`. Raises an `UpstreamError`."""
        return await self._call("GET", path, None, store, read=True)

    async def post(self, path: str, body: object, *, store: str = "") -> Any:
        """The JSON that answers a POST; never tried twice. Raises an `UpstreamError`."""
        return await self._call("POST", path, orjson.dumps(body), store, read=False)

    async def _call(self, method: str, path: str, content: bytes | None, store: str, *, read: bool) -> Any:
        if self._credentials is None:
            raise UpstreamRefused("no REST credentials are set")
        answer = await self._send(method, path, content, store, self._credentials, read)
        if answer.status == 401 and self._credentials.refused():
            # A refused call did nothing, so trying it again is safe for writes too.
            answer = await self._send(method, path, content, store, self._credentials, read)
        return decode(answer)

    async def _send(
        self, method: str, path: str, content: bytes | None, store: str, credentials: Credentials, read: bool
    ) -> Answer:
        prefix = f"/rest/{store}/V1/" if store else "/rest/V1/"
        return await self._upstream.call(
            f"{method} {path.partition('?')[0]}",
            method,
            prefix + path,
            headers={"Content-Type": "application/json"} if content is not None else None,
            content=content,
            auth=await credentials.auth(self._upstream),
            read=read,
        )


def decode(answer: Answer) -> Any:
    """The JSON of a REST answer. Raises the `UpstreamError` that says why there is none."""
    try:
        body = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        raise UpstreamInvalid(f"HTTP {answer.status}, {len(answer.body)} bytes that are no JSON") from None
    if answer.status < 300:
        return body
    detail = f"HTTP {answer.status}: {message(body)}"
    if answer.status in (401, 403):
        raise UpstreamRefused(detail)
    if answer.status == 429:
        raise UpstreamUnavailable(detail)
    raise UpstreamFailed(detail)


def message(body: object) -> str:
    """Commerce's REST message with its `%1` and `%fieldName` filled from `parameters` (FACTS, Errors)."""
    if not isinstance(body, dict):
        return ""
    parameters = body.get("parameters")
    named: dict[str, object] = {}
    if isinstance(parameters, dict):
        named = parameters
    elif isinstance(parameters, list):
        named = {str(place): value for place, value in enumerate(parameters, 1)}
    return re.sub(r"%(\w+)", lambda found: str(named.get(found[1], found[0])), str(body.get("message", "")))
