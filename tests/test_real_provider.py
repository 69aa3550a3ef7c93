"""Signing in at a certified provider, over real HTTP, with the whole application and its carts."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.auth.oidc import challenge_of
from app.main import sessions_of
from app.sandbox.commerce import create_commerce
from app.telemetry import configure_logs
from tests.conftest import COMMERCE, Api, running, serving
from tests.identity_provider import Person, identity_provider
from tests.shoppers import kept
from tests.sign_in_stage import KEYS, query_of
from tests.test_cart import ADD, UNSAFE
from tests.test_sign_in import SPOOFED

PUBLIC = "http://127.0.0.1:8000"
CALLBACK = f"{PUBLIC}/auth/callback"
APP = "com.example.shop:/signed-in"
SECRET = "s3cr3t: +%/& and long enough"
GRANTS = {
    "grant_types": ["authorization_code", "refresh_token"],
    "response_types": ["code"],
    "redirect_uris": [CALLBACK],
    "post_logout_redirect_uris": [f"{PUBLIC}/bye"],
}
CLIENTS: list[dict[str, Any]] = [
    {"client_id": "shop", "client_secret": SECRET, **GRANTS},
    {"client_id": "posting", "client_secret": SECRET, "token_endpoint_auth_method": "client_secret_post", **GRANTS},
    {"client_id": "public", "token_endpoint_auth_method": "none", **GRANTS},
]


@pytest.fixture(scope="session")
def issuer() -> Iterator[str]:
    """The provider, one for each of the processes that run tests."""
    with identity_provider(*CLIENTS) as issuer:
        yield issuer


class Network(httpx2.AsyncBaseTransport):
    """Commerce in this process, everybody else over real HTTP."""

    def __init__(self, commerce: Any) -> None:
        self._commerce, self._real = httpx2.ASGITransport(app=commerce), httpx2.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        where = self._commerce if request.url.host == "commerce.test" else self._real
        return await where.handle_async_request(request)

    async def aclose(self) -> None:
        await self._real.aclose()


@asynccontextmanager
async def shop(url: str, issuer: str, *, proxies: str = "", **provider: Any) -> AsyncIterator[Api]:
    """The whole application, whose shoppers sign in at this provider."""
    own = {"id": "real", "issuer": issuer, "client_id": "shop", "client_secret": SECRET, **provider}
    commerce = create_commerce("2.4.8", public_url=COMMERCE)
    given = {
        "public_url": PUBLIC,
        "redis_state_url": url,
        "session_keys": KEYS,
        "login_apps": APP,
        "trusted_proxies": proxies,
    }
    async with running(commerce, transport=Network(commerce), oidc_providers=json.dumps([own]), **given) as api:
        yield api


@asynccontextmanager
async def visitor(api: Api) -> AsyncIterator[httpx2.AsyncClient]:
    """A browser at the shop."""
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=api.app), base_url=PUBLIC) as client:
        yield client


@asynccontextmanager
async def person(name: str = "jane") -> AsyncIterator[Person]:
    """The same browser at the provider."""
    async with httpx2.AsyncClient(trust_env=False) as client:
        yield Person(client, name)


async def sign_in(browser: httpx2.AsyncClient, someone: Person, query: str = "return_to=/account") -> httpx2.Response:
    begun = await browser.get(f"/auth/login?{query}")
    assert begun.status_code == 303, begun.text
    return await browser.get(await someone.sign_in(begun.headers["location"], CALLBACK))


async def test_a_guest_with_a_cart_signs_in_and_keeps_it(redis_url: str, issuer: str) -> None:
    async with shop(redis_url, issuer) as api, visitor(api) as browser, person() as jane:
        body = {"query": ADD, "variables": {"lines": [{"sku": "TT-C01"}]}}
        assert (await browser.post("/graphql", json=body, headers=UNSAFE)).status_code == 200
        guest = browser.cookies["vitrine"]
        back = await sign_in(browser, jane)
        assert (back.status_code, back.headers["location"]) == (303, f"{PUBLIC}/account")
        assert len(jane.pages) == 2, "one page to sign in and one to agree"
        assert browser.cookies["vitrine"] != guest
        told = (await browser.get("/auth/session")).json()
        assert (told["signedIn"], told["email"], told["emailVerified"]) == (True, "jane@example.com", True)
        cart = await browser.post("/graphql", json={"query": "{ cart { quantity } }"})
        assert cart.json() == {"data": {"cart": {"quantity": "1"}}}
        old = await browser.get("/auth/session", headers={"Cookie": f"vitrine={guest}"})
        assert old.json() == {"signedIn": False}
        assert (await browser.post("/auth/logout", headers=UNSAFE)).json()["signedIn"] is False
        assert (await browser.post("/graphql", json={"query": "{ cart { quantity } }"})).json() == {
            "data": {"cart": None}
        }


@pytest.mark.parametrize(("client", "secret"), [("shop", SECRET), ("posting", SECRET), ("public", "")])
async def test_every_way_to_show_who_the_client_is_works(redis_url: str, issuer: str, client: str, secret: str) -> None:
    method = {"posting": "client_secret_post"}.get(client)
    given: dict[str, Any] = {"client_id": client, "client_secret": secret, "auth_method": method}
    async with shop(redis_url, issuer, **given) as api, visitor(api) as browser, person() as jane:
        assert (await sign_in(browser, jane)).headers["location"] == f"{PUBLIC}/account"
        assert (await browser.get("/auth/session")).json()["signedIn"] is True


async def test_a_trusted_proxys_headers_do_not_move_the_redirect_uri(redis_url: str, issuer: str) -> None:
    async with shop(redis_url, issuer, proxies="127.0.0.1,::1") as api, visitor(api) as browser, person() as jane:
        browser.headers.update(SPOOFED)
        back = await sign_in(browser, jane)
        assert back.headers["location"] == f"{PUBLIC}/account"
        assert (await browser.get("/auth/session")).json()["signedIn"] is True


async def test_signing_out_signs_out_at_the_provider_too(redis_url: str, issuer: str) -> None:
    async with shop(redis_url, issuer) as api, visitor(api) as browser, person() as jane:
        await sign_in(browser, jane)
        answer = await browser.post("/auth/logout?return_to=/bye&state=s1", headers=UNSAFE)
        assert (await browser.get("/auth/session")).json() == {"signedIn": False}
        way = await browser.get(answer.json()["logoutUrl"])
        assert way.status_code == 303
        assert await jane.sign_in(way.headers["location"], f"{PUBLIC}/bye") == f"{PUBLIC}/bye?state=s1"
        pages = len(jane.pages)
        refused = await sign_in(browser, jane, "return_to=/account&prompt=none")
        assert refused.headers["location"] == f"{PUBLIC}/account?login_error=interaction_required"
        assert len(jane.pages) == pages


async def test_two_tabs_both_sign_in(redis_url: str, issuer: str) -> None:
    async with shop(redis_url, issuer) as api, visitor(api) as browser, person() as jane:
        urls = [(await browser.get(f"/auth/login?return_to=/tab{number}")).headers["location"] for number in (1, 2)]
        back = [await jane.sign_in(url, CALLBACK) for url in urls]
        for number, url in reversed([*enumerate(back, 1)]):
            assert (await browser.get(url)).headers["location"] == f"{PUBLIC}/tab{number}"
        assert (await browser.get("/auth/session")).json()["signedIn"] is True
        again = await browser.get(back[0])
        assert (again.status_code, again.json()["error"]["reason"]) == (403, "state_invalid")


async def test_prompt_none_is_a_login_for_whom_the_provider_knows_and_told_to_all_others(
    redis_url: str, issuer: str
) -> None:
    async with shop(redis_url, issuer) as api, visitor(api) as browser, person() as jane:
        query = "return_to=/account&prompt=none"
        refused = await sign_in(browser, jane, query)
        assert refused.headers["location"] == f"{PUBLIC}/account?login_error=interaction_required"
        await sign_in(browser, jane)
        pages = len(jane.pages)
        assert (await sign_in(browser, jane, query)).headers["location"] == f"{PUBLIC}/account"
        assert len(jane.pages) == pages


async def test_max_age_has_the_provider_ask_again(redis_url: str, issuer: str) -> None:
    async with shop(redis_url, issuer) as api, visitor(api) as browser, person() as jane:
        await sign_in(browser, jane)
        pages = len(jane.pages)
        back = await sign_in(browser, jane, "return_to=/account&max_age=0")
        assert back.headers["location"] == f"{PUBLIC}/account"
        assert len(jane.pages) > pages
        assert (await browser.get("/auth/session")).json()["authTime"] is not None


async def test_a_native_app_signs_in_by_the_systems_browser(redis_url: str, issuer: str) -> None:
    verifier = "v" * 43
    query = str(
        httpx2.QueryParams(
            {"return_to": APP, "code_challenge": challenge_of(verifier), "code_challenge_method": "S256"}
        )
    )
    async with shop(redis_url, issuer) as api, visitor(api) as browser, person() as jane, visitor(api) as app:
        back = await sign_in(browser, jane, query)
        code = query_of(back.headers["location"])["code"]
        given = await app.post("/auth/token", json={"code": code, "code_verifier": verifier})
        token = given.json()["session"]
        told = await app.get("/auth/session", headers={"Authorization": f"Bearer {token}"})
        assert (told.json()["email"], told.json()["signedIn"]) == ("jane@example.com", True)
        assert (await browser.get("/auth/session")).json() == {"signedIn": False}


OFFLINE = ["openid", "email", "profile", "offline_access"]


async def run_out(api: Api, browser: httpx2.AsyncClient, **given: Any) -> dict[str, Any]:
    """Lets the tokens of a session be old, with others if they are given; gives those that it had."""
    sessions = sessions_of(api.parts)
    assert sessions is not None
    session = await sessions.open(browser.cookies["vitrine"])
    assert session is not None
    had: dict[str, Any] = session.data["identity"]
    old = {**had, "expires": had["since"] - 100, "obtained": had["since"] - 700, **given}
    await sessions.change(session, lambda data: {**data, "identity": old})
    return had


async def test_tokens_that_ran_out_are_fetched_anew_again_and_again_until_the_provider_ends_it(
    redis_url: str, issuer: str
) -> None:
    async with shop(redis_url, issuer, scopes=OFFLINE) as api, visitor(api) as browser, person() as jane:
        await sign_in(browser, jane, "return_to=/account&prompt=consent")
        body = {"query": ADD, "variables": {"lines": [{"sku": "TT-C01"}]}}
        assert (await browser.post("/graphql", json=body, headers=UNSAFE)).status_code == 200
        had = [await run_out(api, browser)]
        cart = {"query": "{ cart { quantity } }"}
        answers = await asyncio.gather(*(browser.post("/graphql", json=cart) for _ in range(10)))
        assert [answer.json() for answer in answers] == [{"data": {"cart": {"quantity": "1"}}}] * 10
        had.append(await run_out(api, browser))
        assert (await browser.get("/auth/session")).json()["signedIn"] is True
        had.append(await run_out(api, browser, refresh_token=had[0]["refresh_token"]))
        for name in ("refresh_token", "access_token"):
            assert len({each[name] for each in had}) == 3
        # The first refresh token comes a second time: as if it were stolen, the provider ends the login.
        assert (await browser.get("/auth/session")).json() == {"signedIn": False}


async def test_the_provider_ends_the_session_by_itself(redis_url: str) -> None:
    """He signs out at another shop of the same provider, which tells us."""
    told: list[bytes] = []

    async def hear(request: Request) -> Response:
        told.append(await request.body())
        return Response()

    with serving(Starlette(routes=[Route("/", hear, methods=["POST"])])) as ear:
        client = {**CLIENTS[0], "backchannel_logout_uri": ear, "backchannel_logout_session_required": True}
        with identity_provider(client) as issuer:
            async with shop(redis_url, issuer) as api, visitor(api) as browser, person() as jane:
                await sign_in(browser, jane)
                hint = (await run_out(api, browser))["id_token"]
                await jane.sign_in(
                    f"{issuer}/session/end?id_token_hint={hint}&post_logout_redirect_uri={PUBLIC}/bye", PUBLIC
                )
                assert len(told) == 1
                form = {"Content-Type": "application/x-www-form-urlencoded"}
                answer = await browser.post("/auth/backchannel-logout", content=told[0], headers=form)
                assert (answer.status_code, answer.content) == (200, b"")
                assert (await browser.get("/auth/session")).json() == {"signedIn": False}
                again = await browser.post("/auth/backchannel-logout", content=told[0], headers=form)
                assert (again.status_code, again.json()["error_description"]) == (400, "logout token: jti")


async def test_neither_log_nor_redis_has_a_token_an_address_or_a_name_after_a_login(
    redis_url: str, issuer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = io.StringIO()
    monkeypatch.setattr("sys.stderr", written)
    root = logging.getLogger()
    before = root.handlers[:], root.level
    try:
        configure_logs("debug", "json")
        for ours in ("httpx2", "httpcore2"):  # the browser of this test, and its way to the provider
            logging.getLogger(ours).setLevel(logging.WARNING)
        async with shop(redis_url, issuer, scopes=OFFLINE) as api, visitor(api) as browser, person("janine") as someone:
            asked = (await browser.get("/auth/login?return_to=/account&prompt=consent")).headers["location"]
            url = await someone.sign_in(asked, CALLBACK)
            assert (await browser.get(url)).headers["location"] == f"{PUBLIC}/account"
            sessions = sessions_of(api.parts)
            assert sessions is not None
            session = await sessions.open(browser.cookies["vitrine"])
            await browser.get(url)
            dump = b"".join(part for pair in (await kept(redis_url)).items() for part in pair)
        assert session is not None
    finally:
        root.handlers[:], level = before
        root.setLevel(level)
        structlog.reset_defaults()
    identity = session.data["identity"]
    secret = [identity[name] for name in ("id_token", "access_token", "refresh_token", "email", "name")]
    secret += [*query_of(url).values(), query_of(asked)["nonce"], session.token, SECRET, "janine"]
    secret = [value for value in secret if value != issuer]
    assert all(len(value) > 5 for value in secret)
    assert '"event": "login.finished"' in written.getvalue()
    assert "login.refused" in written.getvalue()
    assert [value for value in secret if value in written.getvalue()] == []
    assert [value for value in secret if value.encode() in dump] == []
    assert hashlib.sha256(session.token.encode()).hexdigest().encode() in dump
    assert base64.b64decode(identity["id_token"].split(".")[1] + "==") not in dump
