"""Commerce's REST interface, signed as an integration (OAuth 1.0a) or authorised as an admin user."""

import asyncio
import base64
import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol
from urllib.parse import parse_qsl, quote

import orjson
import pyotp

from app.commerce.client import NOT_FOUND
from app.errors import UpstreamFailed, UpstreamInvalid, UpstreamRefused, UpstreamUnavailable
from app.http import Answer, Auth, Upstream

_NO_JSON = object()
ADMIN_TOKEN_LIFETIME = 4 * 3600  # seconds, Commerce's default (FACTS, Authentication)


class Credentials(Protocol):
    """How REST calls are authorised."""

    async def auth(self, upstream: Upstream) -> Auth:
        """What authorises the next call."""

    def refused(self, auth: Auth) -> bool:
        """Notes that a call with this was refused; whether it is worth trying again with fresh credentials."""


class _Signed:
    """Signs a request by RFC 5849 with HMAC-SHA256. A JSON body takes no part in it (section 3.4.1.3.1)."""

    def __init__(self, consumer_key: str, consumer_secret: str, token: str, token_secret: str) -> None:
        self._names = {"oauth_consumer_key": consumer_key, "oauth_token": token}
        self._key = f"{_escape(consumer_secret)}&{_escape(token_secret)}".encode()

    def authorization(self, method: str, url: str) -> str:
        protocol = {
            **self._names,
            "oauth_nonce": secrets.token_hex(16),
            "oauth_signature_method": "HMAC-SHA256",
            "oauth_timestamp": str(int(time.time())),
            "oauth_version": "1.0",
        }
        base = signature_base(method, url, protocol)
        protocol["oauth_signature"] = base64.b64encode(hmac.digest(self._key, base.encode(), hashlib.sha256)).decode()
        told = ", ".join(f'{name}="{_escape(value)}"' for name, value in protocol.items())
        return f"OAuth {told}"


def signature_base(method: str, url: str, protocol: Mapping[str, str]) -> str:
    """RFC 5849 section 3.4.1: the method, the address without its query, all parameters sorted."""
    address, _, query = url.partition("?")
    given = [*parse_qsl(query, keep_blank_values=True), *protocol.items()]
    parameters = "&".join(f"{name}={value}" for name, value in sorted((_escape(k), _escape(v)) for k, v in given))
    return "&".join(map(_escape, (method, address, parameters)))


def _escape(text: str) -> str:
    return quote(text, safe="~")


class _Bearer:
    def __init__(self, token: str) -> None:
        self.token = token

    def authorization(self, method: str, url: str) -> str:
        return f"Bearer {self.token}"


class Integration:
    """An integration's four keys; every call is signed anew."""

    def __init__(self, consumer_key: str, consumer_secret: str, access_token: str, access_token_secret: str) -> None:
        self._signed = _Signed(consumer_key, consumer_secret, access_token, access_token_secret)

    async def auth(self, upstream: Upstream) -> Auth:
        return self._signed

    def refused(self, auth: Auth) -> bool:
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

    async def auth(self, upstream: Upstream) -> Auth:
        async with self._lock:
            if self._clock() >= self._until:
                self._token = await self._fetch(upstream)
                self._until = self._clock() + ADMIN_TOKEN_LIFETIME * 0.9
        return _Bearer(self._token)

    def refused(self, auth: Auth) -> bool:
        if isinstance(auth, _Bearer) and auth.token == self._token:  # else another call has fetched a new one since
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

    async def get(self, path: str, *, store: str = "", headers: Mapping[str, str] | None = None) -> Any:
        """The JSON at `/rest/{store}/V1/{path}`; `headers` are the shopper's, for what is his own. Raises an
        `UpstreamError`."""
        return await self._call("GET", path, None, store, headers, read=True)

    async def post(self, path: str, body: object, *, store: str = "") -> Any:
        """The JSON that answers a POST; never tried twice. Raises an `UpstreamError`."""
        return await self._call("POST", path, orjson.dumps(body), store, None, read=False)

    async def put(self, path: str, body: object) -> Any:
        """The JSON that answers a PUT; never tried twice. Raises an `UpstreamError`."""
        return await self._call("PUT", path, orjson.dumps(body), "", None, read=False)

    async def own(self, path: str, token: str, *, store: str = "") -> Any:
        """The JSON at a path that is a customer's own, read with his token. Raises an `UpstreamError`:
        `UpstreamRefused` for a token that is dead."""
        return decode(await self._send("GET", path, None, store, _Bearer(token), None, read=True))

    async def sign(self) -> Auth:
        """What authorises a GraphQL request as these credentials. Raises an `UpstreamError`."""
        if self._credentials is None:
            raise UpstreamRefused("no REST credentials are set")
        return await self._credentials.auth(self._upstream)

    def refused(self, auth: Auth) -> bool:
        """Notes that a GraphQL request with this was refused; whether to try again with fresh credentials."""
        return self._credentials is not None and self._credentials.refused(auth)

    @property
    def is_admin_user(self) -> bool:
        """Whether the credentials are those of an admin user."""
        return isinstance(self._credentials, AdminUser)

    async def ask(self, path: str, body: object, *, store: str = "", headers: Mapping[str, str] | None = None) -> Any:
        """The JSON that answers a POST that changes nothing and needs no credentials; `headers` as in `get`. Raises an
        `UpstreamError`."""
        return decode(await self._send("POST", path, orjson.dumps(body), store, None, headers, read=True))

    async def _call(
        self,
        method: str,
        path: str,
        content: bytes | None,
        store: str,
        headers: Mapping[str, str] | None,
        *,
        read: bool,
    ) -> Any:
        if self._credentials is None:
            raise UpstreamRefused("no REST credentials are set")
        auth = await self._credentials.auth(self._upstream)
        answer = await self._send(method, path, content, store, auth, headers, read=read)
        if answer.status == 401 and self._credentials.refused(auth):
            # A refused call did nothing, so trying it again is safe for writes too.
            auth = await self._credentials.auth(self._upstream)
            answer = await self._send(method, path, content, store, auth, headers, read=read)
        return decode(answer)

    async def _send(
        self,
        method: str,
        path: str,
        content: bytes | None,
        store: str,
        auth: Auth | None,
        headers: Mapping[str, str] | None,
        *,
        read: bool,
    ) -> Answer:
        prefix = f"/rest/{store}/V1/" if store else "/rest/V1/"
        return await self._upstream.call(
            f"{method} {_route(path)}",
            method,
            prefix + path,
            headers={**(headers or {}), **({"Content-Type": "application/json"} if content is not None else {})},
            content=content,
            auth=auth,
            read=read,
        )


def decode(answer: Answer) -> Any:
    """The JSON of a REST answer. Raises the `UpstreamError` that says why there is none."""
    try:
        body = orjson.loads(answer.body)
        detail = f"HTTP {answer.status}: {message(body)}"
    except orjson.JSONDecodeError:
        body, detail = _NO_JSON, f"HTTP {answer.status}, {len(answer.body)} bytes that are no JSON"
    # A proxy or firewall before Commerce may say these two with a page of its own.
    if answer.status in (401, 403):
        raise UpstreamRefused(detail)
    if answer.status == 429:
        raise UpstreamUnavailable(detail)
    if body is _NO_JSON:
        raise UpstreamInvalid(detail)
    if answer.status < 300:
        return body
    raise UpstreamFailed(detail, NOT_FOUND if answer.status == 404 else "")


def _route(path: str) -> str:
    """A path without its identifiers: metrics and traces show it, and a guest's cart id is all that opens the cart."""
    return re.sub(r"(?<=guest-carts/)[^/]+|(?<=/)\d+(?=/|$)", "{id}", path.partition("?")[0])


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
    return re.sub(r"%(\d+|\w+)", lambda found: str(named.get(found[1], found[0])), str(body.get("message", "")))
