"""Native apps: called back with a code that is good once, for a minute, with the verifier that only the app has."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from app.auth.native import LIFE
from app.auth.oidc import challenge_of
from tests.hostile_provider import HostileProvider
from tests.shoppers import kept
from tests.sign_in_stage import COOKIE, Browser, Clock, Stage, query_of, staged

SCHEME, LINK = "com.example.shop:/signed-in", "https://app.example/signed-in?from=login"
APPS = f"{SCHEME}, {LINK}"
VERIFIER = "nT-2QhdGHIE_fH1vh5akop0BG8EXDPyjksKmCXJ9zag"  # the same in every worker, for it names tests


@pytest.fixture
def provider() -> HostileProvider:
    return HostileProvider(Clock())


@pytest.fixture
async def stage(redis_url: str, provider: HostileProvider) -> AsyncIterator[Stage]:
    clock = provider.clock
    assert isinstance(clock, Clock)
    async with staged(redis_url, provider, clock, login_apps=APPS) as stage:
        yield stage


@pytest.fixture
async def browser(stage: Stage) -> AsyncIterator[Browser]:
    async with stage.browser() as browser:
        yield browser


def wish(app: str = SCHEME, verifier: str = VERIFIER) -> str:
    query = httpx2.QueryParams(
        {"return_to": app, "code_challenge": challenge_of(verifier), "code_challenge_method": "S256"}
    )
    return str(query)


async def called_back(browser: Browser, provider: HostileProvider, app: str = SCHEME) -> httpx2.Response:
    """The answer that calls the app back."""
    return await browser.get(provider.authorize(await browser.login(wish(app))))


async def exchange(browser: Browser, code: object, verifier: object = VERIFIER, **headers: str) -> httpx2.Response:
    """What the app is answered; it has no cookies."""
    body = {"code": code, "code_verifier": verifier}
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=browser.stage.app), base_url="https://api.shop.example"
    ) as app:
        return await app.post("/auth/token", json=body, headers=headers)


@pytest.mark.parametrize(("app", "front"), [(SCHEME, f"{SCHEME}?code="), (LINK, f"{LINK}&code=")])
async def test_an_app_gets_a_session_by_a_code_and_its_verifier(
    browser: Browser, stage: Stage, provider: HostileProvider, app: str, front: str
) -> None:
    answer = await called_back(browser, provider, app)
    assert (answer.status_code, answer.headers["location"][: len(front)]) == (303, front)
    assert browser.token is None, "the system's browser is not signed in at the shop"
    code = answer.headers["location"][len(front) :]
    assert len(code) == 43
    given = await exchange(browser, code)
    assert given.status_code == 200
    assert set(given.json()) == {"session", "until"}
    assert "set-cookie" not in given.headers
    session = await stage.sessions.open(given.json()["session"])
    assert session is not None
    assert session.data["identity"]["subject"] == "jane-1"
    told = await browser.get("/auth/session", Authorization=f"Bearer {session.token}")
    assert (told.json()["signedIn"], told.json()["until"]) == (True, given.json()["until"])


async def test_an_apps_guest_keeps_his_cart_under_a_new_id(
    browser: Browser, stage: Stage, provider: HostileProvider
) -> None:
    guest = await stage.sessions.change(await stage.sessions.begin(), lambda _: {"carts": {"base": {"id": "c1"}}})
    code = query_of((await called_back(browser, provider)).headers["location"])["code"]
    given = await exchange(browser, code, Authorization=f"Bearer {guest.token}")
    session = await stage.sessions.open(given.json()["session"])
    assert session is not None
    assert session.data["carts"] == {"base": {"id": "c1"}}
    assert session.token != guest.token
    assert await stage.sessions.open(guest.token) is None


async def test_a_code_is_good_once(redis_url: str, browser: Browser, provider: HostileProvider) -> None:
    code = query_of((await called_back(browser, provider)).headers["location"])["code"]
    assert (await exchange(browser, code)).status_code == 200
    before = await kept(redis_url)
    again = await exchange(browser, code)
    assert (again.status_code, again.json()["error"]["reason"]) == (400, "code_invalid")
    assert await kept(redis_url) == before


@pytest.mark.parametrize(
    "verifier",
    [
        "A" * 43,
        VERIFIER + "A",
        VERIFIER[:-1],
        VERIFIER.swapcase(),
        "",
        None,
        1,
        challenge_of(VERIFIER),
        "ü" * 43,
        "A" * 129,
    ],
)
async def test_a_code_with_another_verifier_makes_nothing_and_is_used_up(
    redis_url: str, browser: Browser, provider: HostileProvider, verifier: Any
) -> None:
    before = await kept(redis_url)
    code = query_of((await called_back(browser, provider)).headers["location"])["code"]
    for tried in (verifier, VERIFIER):
        refused = await exchange(browser, code, tried)
        assert (refused.status_code, refused.json()["error"]["reason"]) == (400, "code_invalid")
    assert await kept(redis_url) == before


async def test_a_verifier_that_could_be_guessed_is_none(browser: Browser, provider: HostileProvider) -> None:
    short = "A" * 42
    back = await browser.get(provider.authorize(await browser.login(wish(verifier=short))))
    refused = await exchange(browser, query_of(back.headers["location"])["code"], short)
    assert refused.json()["error"]["reason"] == "code_invalid"


async def test_a_code_is_good_for_a_minute(
    redis_url: str, browser: Browser, stage: Stage, provider: HostileProvider
) -> None:
    code = query_of((await called_back(browser, provider)).headers["location"])["code"]
    [key] = [key for key in await kept(redis_url) if b"login-code:" in key]
    left = await stage.state.run("return redis.call('PTTL', KEYS[1])", [key.decode().removeprefix("vitrine:")], [])
    assert 0 < left <= LIFE * 1000
    stage.clock.now += LIFE + 1
    assert (await exchange(browser, code)).json()["error"]["reason"] == "code_invalid"


async def test_a_code_in_redis_shows_nothing_and_opens_under_no_other_key(
    redis_url: str, browser: Browser, stage: Stage, provider: HostileProvider
) -> None:
    code = query_of((await called_back(browser, provider)).headers["location"])["code"]
    [(key, value)] = [(key, value) for key, value in (await kept(redis_url)).items() if b"login-code:" in key]
    assert not any(word in key + value for word in (code.encode(), b"jane", b"Jane", b"access"))
    other = secrets.token_urlsafe(32)
    from app.auth.native import _place

    await stage.state.put(_place(other), value, 60)
    assert (await exchange(browser, other)).json()["error"]["reason"] == "code_invalid"


@pytest.mark.parametrize("code", [None, "", 1, ["a"], "A" * 42, "A" * 43, "A" * 44, "é" * 43])
async def test_what_is_no_code_is_refused(browser: Browser, code: Any) -> None:
    refused = await exchange(browser, code)
    assert (refused.status_code, refused.json()["error"]["reason"]) == (400, "code_invalid")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://shop.example"},
        {"Origin": "https://api.shop.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "same-origin"},
    ],
)
async def test_a_browser_exchanges_no_code(
    browser: Browser, provider: HostileProvider, headers: dict[str, str]
) -> None:
    code = query_of((await called_back(browser, provider)).headers["location"])["code"]
    refused = await exchange(browser, code, **headers)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "CROSS_SITE")
    assert (await exchange(browser, code)).status_code == 200, "it was not used up"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"code": "x"', "application/json"),
        (b"[]", "application/json"),
        (b'"x"', "application/json"),
        (b"code=x", "application/x-www-form-urlencoded"),
        (b"{}", "text/plain"),
        (b'{"code": "' + b"x" * 5000 + b'"}', "application/json"),
    ],
)
async def test_what_is_no_request_for_a_session_is_refused(browser: Browser, body: bytes, kind: str) -> None:
    refused = await browser.client.post("/auth/token", content=body, headers={"Content-Type": kind})
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "BAD_REQUEST")


@pytest.mark.parametrize(
    "query",
    [
        f"return_to={SCHEME}",
        f"return_to={SCHEME}&code_challenge={'A' * 43}",
        f"return_to={SCHEME}&code_challenge={'A' * 43}&code_challenge_method=plain",
        f"return_to={SCHEME}&code_challenge={'A' * 42}&code_challenge_method=S256",
        f"return_to={SCHEME}&code_challenge=&code_challenge_method=S256",
        f"return_to={SCHEME}&code_challenge_method=S256",
    ],
)
async def test_an_app_without_a_challenge_of_its_own_is_called_back_with_an_error(
    redis_url: str, browser: Browser, query: str
) -> None:
    before = await kept(redis_url)
    answer = await browser.get(f"/auth/login?{query}")
    assert answer.headers["location"] == f"{SCHEME}?login_error=request_invalid"
    assert await kept(redis_url) == before


@pytest.mark.parametrize(
    "app",
    [
        "com.example.shop:/signed-in/",
        "com.example.shop:/signed-in?a=b",
        "com.example.shop:/signed-in#a",
        "COM.example.shop:/signed-in",
        "com.example.shop://evil/signed-in",
        "com.example.evil:/signed-in",
        "https://app.example/signed-in",
        "https://app.example/",
    ],
)
async def test_only_the_whole_uri_of_an_app_is_one(browser: Browser, app: str) -> None:
    answer = await browser.get(f"/auth/login?{wish(app)}")
    assert (answer.status_code, answer.json()["error"]["reason"]) == (400, "return_to_not_allowed")


async def test_a_refused_login_is_told_to_the_app(redis_url: str, browser: Browser, provider: HostileProvider) -> None:
    before = await kept(redis_url)
    provider.claims["nonce"] = "x"
    answer = await called_back(browser, provider)
    assert answer.headers["location"] == f"{SCHEME}?login_error=token_invalid"
    assert f"{COOKIE}=" not in str(answer.headers)
    assert await kept(redis_url) == before
