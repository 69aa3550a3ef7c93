"""Tokens that run out: fetched anew once, whatever calls at the same moment, and what does and does not end a login."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.responses import JSONResponse, PlainTextResponse, Response
from structlog.testing import capture_logs

from app.auth.identity import IDENTITY
from app.auth.sessions import Session
from app.sign_in import SignIn, build_sign_in
from app.state import State
from app.telemetry import Metrics
from tests.hostile_cases import STRANGER, forges, put
from tests.hostile_provider import GONE, HostileProvider, signed
from tests.redis_server import closing
from tests.shoppers import kept
from tests.sign_in_stage import UNSAFE, Browser, Clock, Stage, staged

LIFE = 300.0  # seconds of the provider's tokens
AWAY = b"vitrine:session-refresh:"


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
async def browser(stage: Stage, provider: HostileProvider) -> AsyncIterator[Browser]:
    """A browser whose shopper is signed in."""
    async with stage.browser() as browser:
        await browser.sign_in(provider)
        yield browser


async def tokens_of(browser: Browser) -> dict[str, Any]:
    identity = await browser.identity() or {}
    return {name: identity.get(name) for name in ("access_token", "refresh_token", "id_token", "expires", "obtained")}


def refreshes(provider: HostileProvider) -> list[dict[str, str]]:
    """The forms of all refreshes that the provider was asked for."""
    return [each.form for each in provider.asked if each.form.get("grant_type") == "refresh_token"]


async def session_of(browser: Browser) -> Session:
    session = await browser.stage.sessions.open(browser.token)
    assert session is not None
    return session


async def is_signed_in(browser: Browser) -> bool:
    return bool((await browser.get("/auth/session")).json()["signedIn"])


async def test_tokens_are_fetched_anew_before_they_run_out_and_the_session_stays_the_same(
    browser: Browser, provider: HostileProvider, clock: Clock
) -> None:
    before, token = await tokens_of(browser), browser.token
    clock.now += LIFE - 31
    assert await is_signed_in(browser)
    assert refreshes(provider) == []
    clock.now += 1
    assert await is_signed_in(browser)
    assert refreshes(provider) == [{"grant_type": "refresh_token", "refresh_token": before["refresh_token"]}]
    after = await tokens_of(browser)
    assert [name for name in before if before[name] == after[name]] == []
    assert (after["obtained"], after["expires"], browser.token) == (clock.now, clock.now + LIFE, token)
    assert await is_signed_in(browser)
    clock.now += LIFE
    assert await is_signed_in(browser)
    assert [form["refresh_token"] for form in refreshes(provider)] == [before["refresh_token"], after["refresh_token"]]


@pytest.mark.parametrize("token", [{"refresh_token": GONE}, {"expires_in": GONE}])
async def test_where_nothing_can_or_need_be_fetched_the_session_goes_on(
    stage: Stage, provider: HostileProvider, clock: Clock, token: dict[str, Any]
) -> None:
    provider.token |= token
    async with stage.browser() as browser:
        await browser.sign_in(provider)
        clock.now += 2 * LIFE
        assert await is_signed_in(browser)
    assert refreshes(provider) == []


async def test_tokens_that_live_for_no_time_are_fetched_every_five_seconds(
    stage: Stage, provider: HostileProvider, clock: Clock
) -> None:
    provider.token["expires_in"] = provider.refreshed["expires_in"] = 0
    async with stage.browser() as browser:
        await browser.sign_in(provider)
        for seconds, times in ((4, 0), (1, 1), (0, 1), (4, 1), (1, 2)):
            clock.now += seconds
            assert await is_signed_in(browser)
            assert len(refreshes(provider)) == times


async def test_a_provider_that_does_not_rotate_is_asked_with_the_same_token(
    browser: Browser, provider: HostileProvider, clock: Clock
) -> None:
    before = (await tokens_of(browser))["refresh_token"]
    provider.refreshed |= {"refresh_token": GONE, "id_token": GONE}
    clock.now += LIFE
    assert await is_signed_in(browser)
    assert (await tokens_of(browser))["refresh_token"] == before


def processes(stage: Stage, states: list[State]) -> list[SignIn]:
    """Processes of their own, as far as they share nothing but Redis."""
    built = [build_sign_in(stage.settings, state, Metrics(), stage.network, stage.clock) for state in states]
    found = [each for each in built if each is not None]
    stage.sign_ins[:0] = found
    return found


async def test_of_parallel_calls_in_two_processes_one_refreshes_and_all_get_its_tokens(
    redis_url: str, browser: Browser, stage: Stage, provider: HostileProvider, clock: Clock
) -> None:
    session = await session_of(browser)
    clock.now += LIFE
    provider.gate = asyncio.Event()
    states = [State(redis_url), State(redis_url)]
    async with closing(*states):
        both = processes(stage, states)
        calls = [asyncio.create_task(each.refreshing.fresh(session)) for each in both for _ in range(20)]
        while not refreshes(provider):
            await asyncio.sleep(0.01)
        provider.gate.set()
        found = await asyncio.gather(*calls)
    assert len(refreshes(provider)) == 1
    now = await tokens_of(browser)
    assert {each.data[IDENTITY]["refresh_token"] if each else None for each in found} == {now["refresh_token"]}


async def test_a_call_that_read_the_session_before_anothers_refresh_does_not_refresh_again(
    browser: Browser, stage: Stage, provider: HostileProvider, clock: Clock
) -> None:
    old = await session_of(browser)
    clock.now += LIFE
    first = await stage.sign_in.refreshing.fresh(old)
    assert await stage.sign_in.refreshing.fresh(old) == first
    assert first != old
    assert len(refreshes(provider)) == 1


async def test_while_the_tokens_are_good_nobody_waits_for_another_processs_refresh(
    redis_url: str, browser: Browser, stage: Stage, provider: HostileProvider, clock: Clock
) -> None:
    session = await session_of(browser)
    clock.now += LIFE - 10
    provider.gate = asyncio.Event()
    states = [State(redis_url), State(redis_url)]
    async with closing(*states):
        one, two = processes(stage, states)
        first = asyncio.create_task(one.refreshing.fresh(session))
        while not refreshes(provider):
            await asyncio.sleep(0.01)
        assert await two.refreshing.fresh(session) == session
        assert not first.done()
        provider.gate.set()
        assert await first != session


@pytest.mark.parametrize(
    "answer",
    [
        Response(status_code=500),
        Response(status_code=503),
        Response(status_code=429),
        Response(status_code=404),
        PlainTextResponse("<html>"),
        JSONResponse({"error": "invalid_client"}, 401),
        JSONResponse({"error": "temporarily_unavailable"}, 400),
        JSONResponse({"token_type": "Bearer"}),
        None,
    ],
    ids=lambda answer: f"{answer.status_code} {bytes(answer.body)[:30]!r}" if answer else "never",
)
async def test_an_outage_is_no_logout_and_the_provider_is_left_alone_for_a_while(
    redis_url: str, provider: HostileProvider, clock: Clock, answer: Response | None
) -> None:
    async with staged(redis_url, provider, clock, oidc_timeout=0.2) as stage, stage.browser() as browser:
        await browser.sign_in(provider)
        before = await tokens_of(browser)
        clock.now += LIFE
        provider.answers["/token"] = answer
        with capture_logs() as logs:
            assert [await is_signed_in(browser) for _ in range(3)] == [True] * 3
        assert [each["event"] for each in logs if each["event"].startswith("refresh")] == ["refresh.postponed"]
        assert (len(refreshes(provider)), await tokens_of(browser)) == (1, before)
        [alone] = [key for key, value in (await kept(redis_url)).items() if key.startswith(AWAY) and value == b"away"]
        left = await stage.state.run("return redis.call('PTTL', KEYS[1])", [alone.decode()[8:]], [])
        assert 0 < left <= 10_000
        del provider.answers["/token"]
        await stage.state.delete(alone.decode()[8:])
        assert await is_signed_in(browser)
        assert len(refreshes(provider)) == 2
        assert (await tokens_of(browser))["refresh_token"] != before["refresh_token"]


async def test_a_provider_that_is_away_altogether_ends_nobodys_login(
    browser: Browser, stage: Stage, provider: HostileProvider, clock: Clock
) -> None:
    clock.now += LIFE
    stage.network.apps.clear()
    stage.another_process()
    assert await is_signed_in(browser)


async def test_a_login_that_is_over_at_the_provider_is_over_here(
    redis_url: str, browser: Browser, provider: HostileProvider, clock: Clock
) -> None:
    clock.now += LIFE
    provider.answers["/token"] = JSONResponse({"error": "invalid_grant"}, 400)
    with capture_logs() as logs:
        assert not await is_signed_in(browser)
    assert [(each["event"], each["detail"]) for each in logs] == [("refresh.ended", "Token: invalid_grant")]
    assert await browser.stage.sessions.open(browser.token) is None


HOSTILE: dict[str, Any] = {
    "sub": put("claims", sub="rich-1"),
    "iss": put("claims", iss="https://evil.example"),
    "aud": put("claims", aud="other"),
    "azp": put("claims", azp="other"),
    "nonce": put("claims", nonce="another"),
    "auth_time": put("claims", auth_time=1_800_000_200),
    "at_hash": put("claims", at_hash="A" * 22),
    "exp": put("claims", exp=1_800_000_000),
    "iat": put("claims", iat=1_900_000_000),
    "typ": put("header", typ="logout+jwt"),
    "signature": forges(lambda header, payload: signed(STRANGER, header, payload)),
    "malformed": put("refreshed", id_token="a.b"),
}


@pytest.mark.parametrize("check", HOSTILE)
async def test_an_id_token_that_is_not_the_shoppers_ends_the_login_and_is_not_kept(
    browser: Browser, provider: HostileProvider, clock: Clock, check: str
) -> None:
    clock.now += LIFE
    HOSTILE[check](provider)
    with capture_logs() as logs:
        assert not await is_signed_in(browser)
    assert [(each["event"], each["detail"]) for each in logs] == [("refresh.ended", f"ID token: {check}")]
    assert await browser.stage.sessions.open(browser.token) is None


@pytest.mark.parametrize("claims", [{"nonce": GONE}, {"auth_time": GONE}, {"aud": ["shop"]}, {"sid": GONE}])
async def test_what_the_specification_lets_a_provider_leave_out_is_no_matter(
    browser: Browser, provider: HostileProvider, clock: Clock, claims: dict[str, Any]
) -> None:
    before = await tokens_of(browser)
    provider.claims |= claims
    for _ in range(2):
        clock.now += LIFE
        assert await is_signed_in(browser)
    assert (await tokens_of(browser))["id_token"] != before["id_token"]


async def test_with_the_keys_away_the_new_tokens_are_kept_and_the_id_token_is_not(
    browser: Browser, stage: Stage, provider: HostileProvider, clock: Clock
) -> None:
    before = await tokens_of(browser)
    clock.now += LIFE
    provider.answers["/jwks"] = Response(status_code=500)
    stage.another_process()
    assert await is_signed_in(browser)
    after = await tokens_of(browser)
    assert after["refresh_token"] != before["refresh_token"]
    assert after["id_token"] == before["id_token"]


async def test_tokens_that_are_too_long_for_a_session_do_without_the_id_token(
    browser: Browser, provider: HostileProvider, clock: Clock
) -> None:
    clock.now += LIFE
    provider.refreshed |= {"refresh_token": "r" * 8000, "access_token": "a" * 7600}
    provider.claims["at_hash"] = GONE
    assert await is_signed_in(browser)
    assert ((await tokens_of(browser))["refresh_token"], (await tokens_of(browser))["id_token"]) == ("r" * 8000, "")


async def waiting(browser: Browser, provider: HostileProvider, clock: Clock) -> asyncio.Task[Session | None]:
    """A refresh that the provider is at."""
    session = await session_of(browser)
    clock.now += LIFE
    provider.gate = asyncio.Event()
    task = asyncio.create_task(browser.stage.sign_in.refreshing.fresh(session))
    while not refreshes(provider):
        await asyncio.sleep(0.01)
    return task


async def test_a_logout_during_a_refresh_is_not_undone(
    redis_url: str, browser: Browser, provider: HostileProvider, clock: Clock
) -> None:
    task = await waiting(browser, provider, clock)
    token = browser.token
    assert (await browser.client.post("/auth/logout", headers=UNSAFE)).json()["signedIn"] is False
    before = {key for key in await kept(redis_url) if b":session:" in key or b":sessions-of:" in key}
    assert provider.gate is not None
    provider.gate.set()
    assert await task is None
    assert await browser.stage.sessions.open(token) is None
    assert {key for key in await kept(redis_url) if b":session:" in key or b":sessions-of:" in key} == before


async def test_a_login_during_a_refresh_keeps_its_own_tokens(
    browser: Browser, provider: HostileProvider, clock: Clock
) -> None:
    task = await waiting(browser, provider, clock)
    session = await session_of(browser)
    newer = {**session.data[IDENTITY], "refresh_token": "newer", "access_token": "newer"}
    await browser.stage.sessions.change(session, lambda data: {**data, IDENTITY: newer})
    assert provider.gate is not None
    provider.gate.set()
    found = await task
    assert found is not None
    assert (await tokens_of(browser))["refresh_token"] == "newer"


async def test_the_end_of_a_login_that_was_replaced_meanwhile_ends_nothing(
    browser: Browser, provider: HostileProvider, clock: Clock
) -> None:
    task = await waiting(browser, provider, clock)
    session = await session_of(browser)
    old = session.data[IDENTITY]["refresh_token"]
    provider._refresh(old)  # the provider has seen the old one now, and refuses it
    newer = {**session.data[IDENTITY], "refresh_token": "newer"}
    await browser.stage.sessions.change(session, lambda data: {**data, IDENTITY: newer})
    assert provider.gate is not None
    provider.gate.set()
    found = await task
    assert found is not None
    assert found.data[IDENTITY]["refresh_token"] == "newer"
    assert await session_of(browser) == found


async def test_a_caller_that_hangs_up_takes_no_tokens_with_it(
    browser: Browser, provider: HostileProvider, clock: Clock
) -> None:
    before = await tokens_of(browser)
    task = await waiting(browser, provider, clock)
    task.cancel()
    assert provider.gate is not None
    provider.gate.set()
    await browser.stage.sign_in.refreshing.close()
    after = await tokens_of(browser)
    assert after["refresh_token"] != before["refresh_token"]
    clock.now += LIFE
    assert await is_signed_in(browser)


async def test_the_log_of_a_refresh_has_no_token(browser: Browser, provider: HostileProvider, clock: Clock) -> None:
    secret = [await tokens_of(browser)]
    with capture_logs() as logs:
        for answer in (None, JSONResponse({"error": "see jane@example.com"}, 400)):
            clock.now += LIFE
            if answer:
                provider.answers["/token"] = answer
            await browser.get("/auth/session")
            secret.append(await tokens_of(browser))
    assert [each["event"] for each in logs] == ["refresh.postponed"]
    written = json.dumps(logs)
    names = ("access_token", "refresh_token", "id_token")
    assert [each[name] for each in secret for name in names if each[name] in written] == []
    assert "jane@" not in written
