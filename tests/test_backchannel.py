"""Logout tokens: which sessions they end, in which process, and what they are that end none."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import itertools
import json
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import urlencode

import httpx2
import orjson
import pytest
from starlette.responses import Response
from structlog.testing import capture_logs

from app.auth.tokens import LOGOUT_EVENT
from app.sign_in import sessions_of
from app.state import State
from tests.hostile_provider import CLIENT, GONE, ISSUER, SECRET, HostileProvider, b64, by_hand, rsa_key, signed
from tests.redis_server import closing
from tests.shoppers import kept
from tests.sign_in_stage import ACCOUNT, Browser, Clock, Stage, provider_setting, staged

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


_times = itertools.count(1_800_000_000, 1000)


@pytest.fixture
def clock() -> Clock:
    """Later for each test, as Redis remembers logouts."""
    return Clock(next(_times))


@pytest.fixture
def provider(clock: Clock) -> HostileProvider:
    return HostileProvider(clock)


@pytest.fixture
async def stage(redis_url: str, provider: HostileProvider, clock: Clock) -> AsyncIterator[Stage]:
    async with staged(redis_url, provider, clock) as stage:
        yield stage


@pytest.fixture
async def browser(stage: Stage) -> AsyncIterator[Browser]:
    async with stage.browser() as browser:
        yield browser


def claims(clock: Clock, **given: Any) -> dict[str, Any]:
    """The claims of a good logout token; `GONE` leaves one out."""
    now = int(clock.now)
    whole = {
        "iss": ISSUER,
        "aud": CLIENT,
        "iat": now,
        "exp": now + 120,
        "jti": f"jti-{time.monotonic_ns()}",
        "sub": "jane-1",
        "sid": "sid-1",
        "events": {LOGOUT_EVENT: {}},
        **given,
    }
    return {name: value for name, value in whole.items() if value is not GONE}


def logout_token(clock: Clock, header: Mapping[str, Any] | None = None, key: Any = None, **given: Any) -> str:
    head = {"alg": "RS256", "kid": "first", "typ": "logout+jwt", **(header or {})}
    head = {name: value for name, value in head.items() if value is not GONE}
    return signed(key or rsa_key("first"), head, orjson.dumps(claims(clock, **given)))


async def send(browser: Browser, token: str, **headers: str) -> httpx2.Response:
    """What the provider is answered; it has no cookies."""
    body = urlencode({"logout_token": token})
    web = httpx2.ASGITransport(app=browser.stage.app)
    async with httpx2.AsyncClient(transport=web, base_url="https://api.shop.example") as client:
        return await client.post("/auth/backchannel-logout", content=body, headers={**FORM, **headers})


async def test_a_logout_token_ends_its_session_at_once_in_every_process(
    redis_url: str, browser: Browser, stage: Stage, provider: HostileProvider, clock: Clock
) -> None:
    await browser.sign_in(provider)
    async with closing(State(redis_url)) as another:
        elsewhere = sessions_of(stage.settings, another, clock)
        assert elsewhere is not None
        assert await elsewhere.open(browser.token) is not None
        stage.another_process()
        with capture_logs() as logs:
            answer = await send(browser, logout_token(clock))
        assert (answer.status_code, answer.content, answer.headers["cache-control"]) == (200, b"", "no-store")
        assert await elsewhere.open(browser.token) is None
    assert [(each["event"], each["by"], each["ended"]) for each in logs] == [("logout.backchannel", "sid", 1)]
    assert (await browser.get("/auth/session")).json() == {"signedIn": False}


@pytest.mark.parametrize(
    ("named", "left"),
    [
        ({"sid": "sid-1"}, ["second", "john"]),
        ({"sid": "sid-1", "sub": GONE}, ["second", "without", "john"]),
        ({"sid": "sid-9"}, ["first", "second", "john"]),
        ({"sid": GONE}, ["john"]),
        ({"sid": "sid-9", "sub": GONE}, ["first", "second", "without", "john"]),
        ({"sid": GONE, "sub": "nobody"}, ["first", "second", "without", "john"]),
    ],
)
async def test_those_end_who_are_meant_and_nobody_else(
    stage: Stage, provider: HostileProvider, clock: Clock, named: dict[str, Any], left: list[str]
) -> None:
    # A provider that names its sessions now and then: a token that names one ends the subject's unnamed ones too.
    who: dict[str, dict[str, Any]] = {
        "first": {"sid": "sid-1"},
        "second": {"sid": "sid-2"},
        "without": {"sid": GONE},
        "john": {"sub": "john-2", "sid": "sid-3"},
    }
    ids = {}
    for name, given in who.items():
        async with stage.browser() as browser:
            provider.claims.update({"sub": "jane-1", **given})
            assert (await browser.sign_in(provider)).headers["location"] == ACCOUNT
            ids[name] = browser.token
    assert (await send(browser, logout_token(clock, **named))).status_code == 200
    assert [name for name, token in ids.items() if await stage.sessions.open(token)] == left


async def test_another_issuers_token_ends_nobody_of_the_same_names(
    redis_url: str, provider: HostileProvider, clock: Clock
) -> None:
    two = HostileProvider(clock, "https://two.example")
    settings = [provider_setting(), provider_setting(id="two", issuer=two.issuer)]
    async with staged(redis_url, provider, clock, *settings) as stage, stage.browser() as browser:
        stage.network.apps["two.example"] = httpx2.ASGITransport(app=two.app)
        await browser.sign_in(provider, "provider=id&return_to=/account")
        for sid in ("sid-1", GONE):
            assert (await send(browser, logout_token(clock, iss=two.issuer, sid=sid))).status_code == 200
        assert await stage.sessions.open(browser.token) is not None


async def test_a_logout_token_is_good_once_until_it_is_too_old(
    browser: Browser, stage: Stage, provider: HostileProvider, clock: Clock
) -> None:
    token = logout_token(clock, exp=int(clock.now) + 3600, sid=GONE)
    assert (await send(browser, token)).status_code == 200
    clock.now += 1
    await browser.sign_in(provider)
    for seconds in (0, 60, 89):
        clock.now += seconds
        again = await send(browser, token)
        assert (again.status_code, again.json()["error_description"]) == (400, "logout token: jti")
    clock.now += 1
    assert (await send(browser, token)).json()["error_description"] == "logout token: iat"
    assert await stage.sessions.open(browser.token) is not None


async def test_of_many_parallel_copies_one_is_taken(browser: Browser, clock: Clock) -> None:
    token = logout_token(clock)
    answers = await asyncio.gather(*(send(browser, token) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [200, *[400] * 9]


def by_secret(clock: Clock) -> str:
    text = f"{b64(orjson.dumps({'alg': 'HS256', 'typ': 'logout+jwt'}))}.{b64(orjson.dumps(claims(clock)))}"
    return f"{text}.{b64(hmac.digest(SECRET.encode(), text.encode(), 'sha256'))}"


REFUSED: dict[str, Any] = {
    "a stranger signed it": (lambda clock: logout_token(clock, key=rsa_key("stranger")), "signature"),
    "nobody signed it": (
        lambda clock: by_hand({"alg": "none", "typ": "logout+jwt"}, orjson.dumps(claims(clock))),
        "alg",
    ),
    "our secret signed it": (by_secret, "alg"),
    "an unknown issuer made it": (lambda clock: logout_token(clock, iss="https://evil.example"), "iss"),
    "no issuer is named": (lambda clock: logout_token(clock, iss=GONE), "iss"),
    "it is no token": (lambda _: "no token", "iss"),
    "it is empty": (lambda _: "", "iss"),
    "it is for another": (lambda clock: logout_token(clock, aud="other"), "aud"),
    "it is for another too": (lambda clock: logout_token(clock, aud=[CLIENT, "other"]), "aud"),
    "it is of no kind": (lambda clock: logout_token(clock, {"typ": GONE}), "typ"),
    "it is of another kind": (lambda clock: logout_token(clock, {"typ": "JWT"}), "typ"),
    "it has no event": (lambda clock: logout_token(clock, events=GONE), "events"),
    "it has another event": (lambda clock: logout_token(clock, events={"other": {}}), "events"),
    "it has a nonce": (lambda clock: logout_token(clock, nonce="n"), "nonce"),
    "it means nobody": (lambda clock: logout_token(clock, sub=GONE, sid=GONE), "sub"),
    "its session is a number": (lambda clock: logout_token(clock, sid=1), "sid"),
    "it has no jti": (lambda clock: logout_token(clock, jti=GONE), "jti"),
    "it ran out": (lambda clock: logout_token(clock, exp=int(clock.now) - 30), "exp"),
    "it is old": (lambda clock: logout_token(clock, iat=int(clock.now) - 151), "iat"),
    "it was made in the future": (lambda clock: logout_token(clock, iat=int(clock.now) + 31), "iat"),
    "it has a critical extension": (
        lambda clock: by_hand(
            {"alg": "RS256", "typ": "logout+jwt", "crit": ["exp"], "exp": 1}, orjson.dumps(claims(clock)), b"x" * 256
        ),
        "crit",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_a_token_that_is_not_what_it_must_be_changes_nothing(
    redis_url: str, browser: Browser, provider: HostileProvider, clock: Clock, name: str
) -> None:
    make, check = REFUSED[name]
    await browser.sign_in(provider)
    before = await kept(redis_url)
    answer = await send(browser, make(clock))
    assert (answer.status_code, answer.headers["cache-control"]) == (400, "no-store")
    assert answer.json() == {"error": "invalid_request", "error_description": f"logout token: {check}"}
    assert await kept(redis_url) == before


async def test_an_id_token_is_no_logout_token(browser: Browser, stage: Stage, provider: HostileProvider) -> None:
    await browser.sign_in(provider)
    answer = await send(browser, (await browser.identity() or {})["id_token"])
    assert (answer.status_code, await stage.sessions.open(browser.token) is None) == (400, False)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("", FORM["Content-Type"]),
        ("logout_token=a&logout_token=b", FORM["Content-Type"]),
        ("logout_token=é", FORM["Content-Type"]),
        ("logout_token=" + "a" * 16_384, FORM["Content-Type"]),
        ('{"logout_token": "a"}', "application/json"),
    ],
)
async def test_a_request_that_is_none_is_refused(
    redis_url: str, browser: Browser, provider: HostileProvider, body: str, kind: str
) -> None:
    before = await kept(redis_url)
    answer = await browser.client.post(
        "/auth/backchannel-logout", content=body.encode(), headers={"Content-Type": kind}
    )
    assert (answer.status_code, answer.json()["error"], answer.headers["cache-control"]) == (
        400,
        "invalid_request",
        "no-store",
    )
    assert await kept(redis_url) == before
    assert provider.asked == []


async def test_a_good_token_in_a_form_that_is_too_large_ends_nothing(
    browser: Browser, stage: Stage, provider: HostileProvider, clock: Clock
) -> None:
    await browser.sign_in(provider)
    body = urlencode({"logout_token": logout_token(clock), "more": "m" * 16_384})
    answer = await browser.client.post("/auth/backchannel-logout", content=body, headers=FORM)
    assert (answer.status_code, await stage.sessions.open(browser.token) is None) == (400, False)


async def test_with_the_providers_keys_away_the_logout_failed_and_can_be_sent_again(
    browser: Browser, stage: Stage, provider: HostileProvider, clock: Clock
) -> None:
    await browser.sign_in(provider)
    provider.answers["/jwks"] = Response(status_code=500)
    stage.another_process()
    token = logout_token(clock)
    assert (await send(browser, token)).status_code == 400
    assert await stage.sessions.open(browser.token) is not None
    del provider.answers["/jwks"]
    assert (await send(browser, token)).status_code == 200
    assert await stage.sessions.open(browser.token) is None


async def test_a_login_whose_logout_overtakes_it_makes_no_session(
    redis_url: str, browser: Browser, stage: Stage, provider: HostileProvider, clock: Clock
) -> None:
    provider.claims["sid"] = "sid-overtaken"
    guest = await browser.begin_session(carts={"base": {"id": "c1"}})
    url = provider.authorize(await browser.login())
    sent = await send(browser, logout_token(clock, sid="sid-overtaken"))
    assert sent.status_code == 200
    answer = await browser.get(url)
    assert answer.headers["location"] == f"{ACCOUNT}?login_error=logged_out"
    assert browser.token == guest
    session = await stage.sessions.open(guest)
    assert session is not None
    assert list(session.data) == ["carts"]
    clock.now += 1
    assert (await browser.sign_in(provider)).headers["location"] == ACCOUNT


async def test_logouts_and_logins_at_the_same_moment_leave_no_session_that_cannot_be_ended(
    stage: Stage, provider: HostileProvider, clock: Clock
) -> None:
    provider.claims |= {"sub": "busy-1", "sid": GONE}
    tokens: list[str | None] = []

    async def come() -> None:
        async with stage.browser() as browser:
            await browser.sign_in(provider)
            tokens.append(browser.token)

    async with stage.browser() as browser:

        async def end() -> None:
            assert (await send(browser, logout_token(clock, sub="busy-1", sid=GONE))).status_code == 200

        await asyncio.gather(*(come() for _ in range(15)), *(end() for _ in range(5)))
        clock.now += 1
        await end()
    assert [token for token in tokens if await stage.sessions.open(token)] == []
    assert len(tokens) == 15


async def test_the_index_shows_nobody_and_goes_with_its_sessions(
    redis_url: str, browser: Browser, stage: Stage, provider: HostileProvider, clock: Clock
) -> None:
    provider.claims |= {"sub": "shown@example.com", "sid": "sid-shown"}
    before = set(await kept(redis_url))
    await browser.sign_in(provider)
    added = {key: value for key, value in (await kept(redis_url)).items() if key not in before}
    indexes = {key for key in added if key.startswith(b"vitrine:sessions-of:")}
    assert len(indexes) == 2
    dump = b"".join(part for pair in added.items() for part in pair)
    plain = [f"{kind}\n{ISSUER}\n{name}" for kind, name in (("sub", "shown@example.com"), ("sid", "sid-shown"))]
    hashes = [hashlib.sha256(text.encode()).hexdigest() for text in (*plain, "shown@example.com", "sid-shown")]
    assert [each for each in (*plain, *hashes, "shown@example", "sid-shown", ISSUER) if each.encode() in dump] == []
    for key in indexes:
        left = await stage.state.run("return redis.call('PTTL', KEYS[1])", [key.decode().removeprefix("vitrine:")], [])
        assert 0 < left <= stage.settings.session_absolute * 1000
    session = await stage.sessions.open(browser.token)
    assert session is not None
    await stage.sessions.end(session)
    assert indexes.isdisjoint(await kept(redis_url))


async def test_a_session_is_found_after_the_keys_were_changed_and_the_old_one_dropped(
    redis_url: str, provider: HostileProvider, clock: Clock
) -> None:
    old, new = (base64.b64encode(hashlib.sha256(name).digest()).decode() for name in (b"old", b"new"))
    provider.claims["sid"] = "sid-keys"
    async with staged(redis_url, provider, clock, session_keys=old) as stage, stage.browser() as browser:
        await browser.sign_in(provider)
        token = browser.token
    async with staged(redis_url, provider, clock, session_keys=f"{new},{old}") as stage:
        clock.now += 0.9 * stage.settings.session_idle
        assert await stage.sessions.open(token) is not None
    async with staged(redis_url, provider, clock, session_keys=new) as stage, stage.browser() as browser:
        clock.now += 0.9 * stage.settings.session_idle
        assert await stage.sessions.open(token) is not None
        assert (await send(browser, logout_token(clock, sid="sid-keys"))).status_code == 200
        assert await stage.sessions.open(token) is None


async def test_a_session_that_is_renewed_is_found_by_its_new_id(
    browser: Browser, stage: Stage, provider: HostileProvider, clock: Clock
) -> None:
    provider.claims["sid"] = "sid-renewed"
    await browser.sign_in(provider)
    session = await stage.sessions.open(browser.token)
    assert session is not None
    renewed = await stage.sessions.renew(session)
    assert (await send(browser, logout_token(clock, sid="sid-renewed"))).status_code == 200
    assert await stage.sessions.open(renewed.token) is None


async def test_the_log_of_a_logout_has_no_token_and_no_claim(
    browser: Browser, provider: HostileProvider, clock: Clock
) -> None:
    await browser.sign_in(provider)
    token = logout_token(clock, jti="jti-logged")
    with capture_logs() as logs:
        await send(browser, token)
        await send(browser, token)
    assert [each["event"] for each in logs] == ["logout.backchannel", "logout.refused"]
    written = json.dumps(logs)
    assert [each for each in (*token.split("."), "jane-1", "sid-1", "jti-logged") if each in written] == []
