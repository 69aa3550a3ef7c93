"""An identity provider that does what it is told to, wrong things among them. As an ASGI app it is the network's end."""

from __future__ import annotations

import asyncio
import base64
import functools
import hashlib
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlencode, urlsplit

import orjson
from joserfc import jws
from joserfc.jwk import ECKey, OKPKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

ISSUER = "https://id.example"
CLIENT = "shop"
SECRET = "hush hush hush: +%/ö"
GONE = object()  # the value of a claim or member that is left out
EVERY = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519"]


@functools.cache
def rsa_key(name: str, bits: int = 2048) -> RSAKey:
    """A key of this name; made once, since that takes long."""
    return RSAKey.generate_key(bits, {"kid": name})


@functools.cache
def ec_key(curve: str) -> ECKey:
    return ECKey.generate_key(curve, {"kid": f"ec-{curve}"})


@functools.cache
def ed_key() -> OKPKey:
    return OKPKey.generate_key("Ed25519", {"kid": "ed"})


def signed(key: RSAKey | ECKey | OKPKey, header: Mapping[str, Any], payload: bytes) -> str:
    """A token in the compact form."""
    return jws.serialize_compact(
        dict(header), payload, key, registry=jws.JWSRegistry(algorithms=EVERY, strict_check_header=False)
    )


def by_hand(header: Mapping[str, Any], payload: bytes, signature: bytes = b"") -> str:
    """A token that no library would make."""
    return ".".join(b64(part) for part in (orjson.dumps(header), payload, signature))


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def at_hash(access_token: str, hashed: str = "sha256") -> str:
    digest = hashlib.new(hashed, access_token.encode()).digest()
    return b64(digest[: len(digest) // 2])


@dataclass
class Asked:
    """A request that the provider got."""

    path: str
    headers: dict[str, str]
    form: dict[str, str]


class HostileProvider:
    """Honest until told otherwise: what is put into `metadata`, `claims`, `header`, `token`, `userinfo` and `response`
    is used, `GONE` left out; `answers` replaces whole answers by path, and `forge` makes the ID token. Refresh tokens are
    rotated, with `refreshed` in the answer; one that comes twice ends its login. `gate` keeps token requests waiting."""

    def __init__(self, clock: Callable[[], float] = time.time, issuer: str = ISSUER) -> None:
        self.issuer, self.clock, self.secret = issuer, clock, SECRET
        self.key: RSAKey | ECKey | OKPKey = rsa_key("first")
        self.jwks: list[dict[str, Any]] = [public(self.key)]
        self.metadata: dict[str, Any] = {
            "issuer": issuer,
            "authorization_endpoint": f"{issuer}/authorize",
            "token_endpoint": f"{issuer}/token",
            "jwks_uri": f"{issuer}/jwks",
            "userinfo_endpoint": f"{issuer}/userinfo",
            "end_session_endpoint": f"{issuer}/logout",
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["plain", "S256"],
            "authorization_response_iss_parameter_supported": True,
            "id_token_signing_alg_values_supported": ["none", "HS256", "RS256", "PS256"],
        }
        self.header: dict[str, Any] = {}
        self.claims: dict[str, Any] = {}
        self.token: dict[str, Any] = {}
        self.response: dict[str, Any] = {}
        self.again: list[tuple[str, str]] = []
        self.userinfo: dict[str, Any] = {}
        self.answers: dict[str, Response | None] = {}
        self.forge: Callable[[dict[str, Any], bytes], str] | None = None
        self.asked: list[Asked] = []
        self.refreshed: dict[str, Any] = {}
        self.gate: asyncio.Event | None = None
        self._logins: list[dict[str, Any]] = []
        self._codes: dict[str, dict[str, str]] = {}
        paths = {
            "/.well-known/openid-configuration": lambda _: self.metadata,
            "/token": self._token,
            "/jwks": lambda _: {"keys": self.jwks},
            "/userinfo": lambda _: {
                "sub": "jane-1",
                "email": "jane@example.com",
                "email_verified": True,
                **self.userinfo,
            },
        }
        self.app = Starlette(
            routes=[Route(path, self._door(answer), methods=["GET", "POST"]) for path, answer in paths.items()]
        )

    def authorize(self, url: str) -> str:
        """Where a browser that was sent to this URL is sent back to, after its shopper has signed in."""
        parts = urlsplit(url)
        assert f"{parts.scheme}://{parts.netloc}{parts.path}" == self.metadata["authorization_endpoint"]
        request = dict(parse_qsl(parts.query, strict_parsing=True))
        assert request["response_type"] == "code"
        assert request["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(32)
        self._codes[code] = request
        answer = {"code": code, "state": request["state"], "iss": self.issuer} | self.response
        query = [(name, value) for name, value in answer.items() if value is not GONE] + self.again
        return f"{request['redirect_uri']}?{urlencode(query)}"

    def times_asked(self, path: str) -> int:
        return sum(each.path == path for each in self.asked)

    def _door(self, answer: Callable[[Asked], object]) -> Callable[[Request], Any]:
        async def door(request: Request) -> Response:
            form = dict(parse_qsl((await request.body()).decode()))
            asked = Asked(request.url.path, dict(request.headers), form)
            self.asked.append(asked)
            if request.url.path in self.answers:
                replaced = self.answers[request.url.path]
                if replaced is None:
                    await asyncio.sleep(60)
                assert replaced is not None
                return replaced
            if request.url.path == "/token" and self.gate is not None:
                await self.gate.wait()
            body = answer(asked)
            if isinstance(body, Response):
                return body
            assert isinstance(body, dict)
            return JSONResponse({name: value for name, value in body.items() if value is not GONE})

        return door

    def _token(self, asked: Asked) -> object:
        request = self._codes.pop(asked.form.get("code", ""), None)
        if asked.headers.get("authorization", "").startswith("Basic "):
            given = base64.b64decode(asked.headers["authorization"][6:]).decode()
            client, _, secret = (unquote_plus(part) for part in given.partition(":"))
        else:
            client, secret = asked.form.get("client_id", ""), asked.form.get("client_secret", "")
        if (client, secret) != (CLIENT, self.secret):
            return JSONResponse({"error": "invalid_client"}, 401)
        if asked.form.get("grant_type") == "refresh_token":
            return self._refresh(asked.form.get("refresh_token", ""))
        challenge = b64(hashlib.sha256(asked.form.get("code_verifier", "").encode()).digest())
        if (
            request is None
            or challenge != request["code_challenge"]
            or asked.form["redirect_uri"] != request["redirect_uri"]
        ):
            return JSONResponse({"error": "invalid_grant"}, 400)
        login = {"nonce": request["nonce"], "auth_time": int(self.clock()) - 5, "given": []}
        self._logins.append(login)
        return self._tokens(login) | self.token

    def sign_in_by_hand(self) -> str:
        """A login that needs no browser; gives its refresh token."""
        self._logins.append({"nonce": "n", "auth_time": int(self.clock()), "given": []})
        return str(self._tokens(self._logins[-1])["refresh_token"])

    def _refresh(self, token: str) -> object:
        login = next((login for login in self._logins if token in login["given"]), None)
        if login is None:
            return JSONResponse({"error": "invalid_grant"}, 400)
        if token != login["given"][-1]:
            self._logins.remove(login)
            return JSONResponse({"error": "invalid_grant"}, 400)
        return self._tokens(login) | self.refreshed

    def _tokens(self, login: dict[str, Any]) -> dict[str, Any]:
        access, refresh = ("access-" + secrets.token_urlsafe(16), "refresh-" + secrets.token_urlsafe(16))
        login["given"].append(refresh)
        return {
            "token_type": "Bearer",
            "access_token": access,
            "refresh_token": refresh,
            "id_token": self.id_token(login["nonce"], access, login["auth_time"]),
            "expires_in": 300,
        }

    def id_token(self, nonce: str, access: str, auth_time: int) -> str:
        now = int(self.clock())
        claims = {
            "iss": self.issuer,
            "sub": "jane-1",
            "aud": CLIENT,
            "exp": now + 300,
            "iat": now,
            "nonce": nonce,
            "at_hash": at_hash(access),
            "auth_time": auth_time,
            "sid": "sid-1",
            "email": "jane@example.com",
            "email_verified": True,
            "given_name": "Jane",
            "family_name": "Doe",
            "name": "Jane Doe",
        } | self.claims
        payload = orjson.dumps({name: value for name, value in claims.items() if value is not GONE})
        header = {"alg": "RS256", "kid": self.key.kid, "typ": "JWT"} | self.header
        header = {name: value for name, value in header.items() if value is not GONE}
        return self.forge(header, payload) if self.forge else signed(self.key, header, payload)


def public(key: RSAKey | ECKey | OKPKey, **more: Any) -> dict[str, Any]:
    """The public JWK of a key."""
    return {**key.as_dict(private=False), "use": "sig", **more}
