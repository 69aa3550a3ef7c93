"""A small OpenID provider for the demo: a page with people on it, and one click signs one of them in.

It follows what a strict client asks for (OpenID Connect Core 1.0, the code flow; RFC 7636; RFC 9207), keeps all in
memory, and lets anybody be anybody: it is for loopback addresses only.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import hashlib
import hmac
import html
import os
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode

import uvicorn
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

LIFE = 300.0  # seconds that a page and a code are good for
TOKEN_LIFE = 3600  # seconds
MOST = 1000  # pages and codes at a time
HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
}


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who can be signed in."""

    name: str
    email: str
    about: str


PEOPLE = {
    "ada": Person("Ada Marsh", "ada@example.com", "a customer of the shop"),
    "walter": Person("Walter Holm", "walter@example.com", "a customer who pays wholesale prices"),
    "rita": Person("Rita Thorn", "rita@example.com", "a customer who pays retailers' prices"),
    "nora": Person("Nora Ashe", "nora@example.com", "nobody's customer yet: signing in makes her one"),
}


@dataclass(frozen=True, slots=True)
class Client:
    """The one client: Vitrine."""

    id: str
    secret: str
    redirect_uri: str


class Identity:
    """The provider at `issuer`. `now` gives seconds since the epoch."""

    def __init__(self, issuer: str, client: Client, now: Callable[[], float] = time.time) -> None:
        self.issuer = issuer
        self._client = client
        self._now = now
        self._key = RSAKey.generate_key(2048, {"use": "sig", "kid": secrets.token_hex(8)}, auto_kid=False)
        self._asked: dict[str, tuple[float, Mapping[str, str]]] = {}
        self._codes: dict[str, tuple[float, Mapping[str, str], Person]] = {}

    def app(self) -> Starlette:
        """The provider as a web application."""
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._metadata),
                Route("/jwks", self._keys),
                Route("/authorize", self._page),
                Route("/authorize", self._chosen, methods=["POST"]),
                Route("/token", self._token, methods=["POST"]),
            ]
        )

    async def _metadata(self, _: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/jwks",
                "response_types_supported": ["code"],
                "grant_types_supported": ["authorization_code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic"],
                "code_challenge_methods_supported": ["S256"],
                "authorization_response_iss_parameter_supported": True,
            }
        )

    async def _keys(self, _: Request) -> Response:
        return JSONResponse({"keys": [self._key.as_dict(private=False)]})

    async def _page(self, request: Request) -> Response:
        asked = dict(request.query_params)
        if asked.get("client_id") != self._client.id or asked.get("redirect_uri") != self._client.redirect_uri:
            # Nobody is sent to where it is not known to be the client's.
            return PlainTextResponse("no such client or redirect_uri", 400, HEADERS)
        if asked.get("response_type") != "code" or "openid" not in asked.get("scope", "").split():
            return self._back(asked, error="invalid_request")
        if asked.get("code_challenge_method") != "S256" or not asked.get("code_challenge"):
            return self._back(asked, error="invalid_request")
        if asked.get("prompt") == "none":
            return self._back(asked, error="login_required")
        ticket = _keep(self._asked, (self._now() + LIFE, asked))
        return HTMLResponse(_html(ticket), headers=HEADERS)

    async def _chosen(self, request: Request) -> Response:
        given = await _form(request)
        until, asked = self._asked.pop(given.get("ticket", ""), (0.0, {}))
        person = PEOPLE.get(given.get("person", ""))
        if self._now() >= until or person is None:
            return PlainTextResponse("this page is too old: sign in again", 400, HEADERS)
        return self._back(asked, code=_keep(self._codes, (self._now() + LIFE, asked, person)))

    def _back(self, asked: Mapping[str, str], **told: str) -> Response:
        query = urlencode({**told, "state": asked.get("state", ""), "iss": self.issuer})
        return RedirectResponse(f"{self._client.redirect_uri}?{query}", 303, HEADERS)

    async def _token(self, request: Request) -> Response:
        if not self._is_client(request.headers.get("authorization", "")):
            return JSONResponse({"error": "invalid_client"}, 401, {**HEADERS, "WWW-Authenticate": "Basic"})
        given = await _form(request)
        until, asked, person = self._codes.pop(given.get("code", ""), (0.0, {}, None))
        verifier = hashlib.sha256(given.get("code_verifier", "").encode()).digest()
        right = (
            given.get("grant_type") == "authorization_code"
            and given.get("redirect_uri") == self._client.redirect_uri
            and hmac.compare_digest(_encoded(verifier), asked.get("code_challenge", ""))
        )
        if person is None or self._now() >= until or not right:
            return JSONResponse({"error": "invalid_grant"}, 400, HEADERS)
        now = int(self._now())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "sub": hashlib.sha256(person.email.encode()).hexdigest()[:24],
            "aud": self._client.id,
            "iat": now,
            "exp": now + TOKEN_LIFE,
            "auth_time": now,
            "email": person.email,
            "email_verified": True,
            "name": person.name,
            "given_name": person.name.partition(" ")[0],
            "family_name": person.name.partition(" ")[2],
        }
        if "nonce" in asked:
            claims["nonce"] = asked["nonce"]
        told = {
            "id_token": jwt.encode({"alg": "RS256", "kid": self._key.kid}, claims, self._key),
            "access_token": secrets.token_urlsafe(32),
            "token_type": "Bearer",
            "expires_in": TOKEN_LIFE,
        }
        return JSONResponse(told, headers=HEADERS)

    def _is_client(self, authorization: str) -> bool:
        kind, _, given = authorization.partition(" ")
        try:
            name, _, secret = base64.b64decode(given, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
        # RFC 6749 section 2.3.1: both are form-encoded first.
        same = hmac.compare_digest(unquote(secret).encode(), self._client.secret.encode())
        return kind.lower() == "basic" and same and unquote(name) == self._client.id


async def _form(request: Request) -> dict[str, str]:
    return dict(parse_qsl((await request.body()).decode("utf-8", "replace"), max_num_fields=20))


def _keep(where: dict[str, Any], what: tuple[Any, ...]) -> str:
    while len(where) >= MOST:
        del where[next(iter(where))]
    place = secrets.token_urlsafe(32)
    where[place] = what
    return place


def _encoded(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _html(ticket: str) -> str:
    people = "".join(
        f'<button name="person" value="{key}"><b>{html.escape(person.name)}</b> {html.escape(person.about)}</button>'
        for key, person in PEOPLE.items()
    )
    return f"""<!doctype html><html lang="en"><meta charset="utf-8"><title>Who are you?</title>
<meta name="viewport" content="width=device-width"><style>
body {{ font: 1rem/1.4 system-ui, sans-serif; max-width: 28rem; margin: 4rem auto; padding: 0 1rem }}
button {{ display: block; width: 100%; margin: .5rem 0; padding: .8rem 1rem; font: inherit; text-align: left }}
b {{ display: block }}
</style><h1>Who are you?</h1><p>The demo's identity provider asks for no password.</p>
<form method="post" action="/authorize"><input type="hidden" name="ticket" value="{ticket}">{people}</form></html>"""


def main() -> None:
    """Read the options and serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m app.sandbox.identity", description=__doc__)
    parser.add_argument("--port", type=int, default=8082)
    parser.add_argument("--client", default="vitrine")
    parser.add_argument("--secret-of", required=True, metavar="VARIABLE", help="variable that has the client's secret")
    parser.add_argument("--redirect-uri", required=True)
    options = parser.parse_args()
    client = Client(options.client, os.environ[options.secret_of], options.redirect_uri)
    identity = Identity(f"http://127.0.0.1:{options.port}", client)
    uvicorn.run(identity.app(), host="127.0.0.1", port=options.port, log_level="warning", lifespan="off")


if __name__ == "__main__":
    main()
