"""Signing out: the session ends here first, whatever becomes of it at the provider."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from starlette.responses import Response
from structlog.testing import capture_logs

from app.auth.identity import Identity
from tests.hostile_provider import CLIENT, GONE, ISSUER, HostileProvider
from tests.shoppers import kept
from tests.sign_in_stage import ACCOUNT, API, SHOP, UNSAFE, Browser, Clock, Stage, provider_setting, query_of, staged


@pytest.fixture
def clock() -> Clock:
    return Clock()


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


async def sign_out(browser: Browser, query: str = "") -> str | None:
    """Signs out; gives where that goes on, if anywhere."""
    answer = await browser.client.post(f"/auth/logout{query}", headers=UNSAFE)
    assert (answer.status_code, answer.json()["signedIn"]) == (200, False)
    url = answer.json()["logoutUrl"]
    assert isinstance(url, str | None)
    return url


async def test_signing_out_leads_once_to_the_provider_and_back_to_where_it_may(
    redis_url: str, browser: Browser, stage: Stage, provider: HostileProvider
) -> None:
    await browser.sign_in(provider)
    token, hint = browser.token, (await browser.identity() or {})["id_token"]
    answer = await browser.client.post("/auth/logout?return_to=/bye&state=a-state", headers=UNSAFE)
    assert await stage.sessions.open(token) is None
    assert hint not in answer.text
    url = answer.json()["logoutUrl"]
    assert url.startswith(f"{API}/auth/end-session?ticket=")
    assert hint.encode() not in b"".join((await kept(redis_url)).values())
    way = await browser.get(url)
    assert (way.status_code, way.headers["cache-control"], way.headers["referrer-policy"]) == (
        303,
        "no-store",
        "no-referrer",
    )
    assert way.headers["location"].startswith(f"{ISSUER}/logout?")
    assert query_of(way.headers["location"]) == {
        "id_token_hint": hint,
        "client_id": CLIENT,
        "post_logout_redirect_uri": f"{SHOP}/bye",
        "state": "a-state",
    }
    again = await browser.get(url)
    assert (again.status_code, again.json()["error"]["reason"], "location" in again.headers) == (
        400,
        "code_invalid",
        False,
    )


async def test_another_process_leads_to_the_provider(browser: Browser, stage: Stage, provider: HostileProvider) -> None:
    await browser.sign_in(provider)
    url = await sign_out(browser)
    stage.another_process()
    way = await browser.get(url or "")
    assert sorted(query_of(way.headers["location"])) == ["client_id", "id_token_hint"]


@pytest.mark.parametrize("ticket", ["", "?ticket=", "?ticket=x", f"?ticket={'A' * 43}"])
async def test_a_ticket_that_nobody_gave_leads_nowhere(browser: Browser, ticket: str) -> None:
    answer = await browser.get(f"/auth/end-session{ticket}")
    assert (answer.status_code, answer.json()["error"]["reason"]) == (400, "code_invalid")


async def test_a_ticket_leads_somewhere_for_a_minute(browser: Browser, clock: Clock, provider: HostileProvider) -> None:
    await browser.sign_in(provider)
    url = await sign_out(browser)
    clock.now += 61
    assert (await browser.get(url or "")).status_code == 400


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("?return_to=https://evil.example/", "return_to_not_allowed"),
        ("?return_to=//evil.example", "return_to_not_allowed"),
        ("?return_to=/a&return_to=/b", "request_invalid"),
        ("?post_logout_redirect_uri=https://evil.example/", "request_invalid"),
        ("?state=a", "request_invalid"),
        ("?return_to=/a&state=", "request_invalid"),
        (f"?return_to=/a&state={'s' * 256}", "request_invalid"),
        ("?return_to=/a&state=a%0Ab", "request_invalid"),
    ],
)
async def test_signing_out_to_where_nobody_may_go_changes_nothing(
    redis_url: str, browser: Browser, provider: HostileProvider, query: str, reason: str
) -> None:
    await browser.sign_in(provider)
    before = await kept(redis_url)
    answer = await browser.client.post(f"/auth/logout{query}", headers=UNSAFE)
    assert (answer.status_code, answer.json()["error"]["reason"]) == (400, reason)
    assert "set-cookie" not in answer.headers
    assert await kept(redis_url) == before


async def test_with_the_provider_away_the_session_ends_all_the_same(
    browser: Browser, stage: Stage, provider: HostileProvider
) -> None:
    await browser.sign_in(provider)
    token = browser.token
    provider.answers["/.well-known/openid-configuration"] = Response(status_code=500)
    stage.another_process()
    with capture_logs() as logs:
        assert await sign_out(browser, "?return_to=/bye") is None
    assert [each["event"] for each in logs] == ["logout.finished", "logout.here_only"]
    assert await stage.sessions.open(token) is None


async def test_a_provider_that_has_no_such_endpoint_or_is_another_now_is_not_led_to(
    redis_url: str, provider: HostileProvider, clock: Clock
) -> None:
    provider.metadata["end_session_endpoint"] = GONE
    async with staged(redis_url, provider, clock) as stage, stage.browser() as browser:
        await browser.sign_in(provider)
        assert await sign_out(browser) is None
        await browser.sign_in(provider)
        token = browser.token
    for other in (provider_setting(issuer="https://two.example"), provider_setting(id="two")):
        async with staged(redis_url, provider, clock, other) as stage, stage.browser() as browser:
            session = await stage.sessions.open(token)
            assert session is not None
            identity = Identity.of(session.data)
            assert identity is not None
            await browser.begin_session(identity=identity.data())
            assert await sign_out(browser) is None


async def test_a_hint_that_no_server_would_take_is_left_out(browser: Browser, provider: HostileProvider) -> None:
    provider.claims["more"] = "m" * 4500
    await browser.sign_in(provider)
    way = await browser.get(await sign_out(browser, "?return_to=/bye") or "")
    assert query_of(way.headers["location"]) == {"client_id": CLIENT, "post_logout_redirect_uri": f"{SHOP}/bye"}


async def test_an_endpoint_with_a_query_keeps_it(browser: Browser, provider: HostileProvider) -> None:
    provider.metadata["end_session_endpoint"] += "?tenant=a"
    assert (await browser.sign_in(provider)).headers["location"] == ACCOUNT
    way = await browser.get(await sign_out(browser) or "")
    assert way.headers["location"].startswith(f"{ISSUER}/logout?tenant=a&id_token_hint=")
