"""A hostile provider, browser or network at a login: each is refused, no session is made and nothing is changed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from app.auth.refusals import Reason
from app.state import PREFIX
from tests.hostile_cases import CASES, Case
from tests.hostile_provider import HostileProvider
from tests.shoppers import kept
from tests.sign_in_stage import ACCOUNT, COOKIE, Clock, provider_setting, query_of, staged

DOCS = Path(__file__).parents[1] / "docs" / "sign-in.md"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_what_is_hostile_is_refused_and_changes_nothing(redis_url: str, case: Case) -> None:
    clock = Clock()
    provider = HostileProvider(clock)
    if case.at_start:
        case.change(provider)
    own = provider_setting(**(case.provider or {}))
    async with staged(redis_url, provider, clock, own, **(case.given or {})) as stage, stage.browser() as browser:
        guest = await browser.begin_session(carts={"base": {"id": "c1"}})
        url = f"/auth/login?{case.query}"
        if not case.at_start:
            url = (await browser.get(url)).headers["location"]
            case.change(provider)
            stage.another_process()
            url = provider.authorize(url)
            if case.journey:
                url = await case.journey(browser, provider, url)
        guest, before = browser.token or guest, await kept(redis_url)
        who = await browser.identity()
        with capture_logs() as logs:
            answer = await browser.get(url)
        after = await kept(redis_url)

        if case.in_place:
            assert "location" not in answer.headers
            assert answer.json()["error"]["reason"] == case.reason
            assert answer.status_code == (400 if case.reason == "request_invalid" else 403)
        else:
            assert answer.headers["location"] == f"{ACCOUNT}?login_error={case.reason}"
            assert answer.status_code == 303
        told = [(each["reason"], each["detail"]) for each in logs if each["event"] == "login.refused"]
        assert told == [(case.reason, case.why)]
        assert COOKIE not in [each.partition("=")[0] for each in answer.headers.get_list("set-cookie")]
        assert browser.token == guest
        assert await browser.identity() == who
        assert who is None or case.name == "the response is sent again"
        # A login that is refused is over; one that was not found waits on for its own browser, and nothing else moved.
        over = {key for key in before if is_login(key) and key not in after}
        found = case.name == "the response comes too late" or not (case.in_place or case.at_start)
        assert len(over) == int(found)
        assert after == {key: value for key, value in before.items() if key not in over}


def is_login(key: bytes) -> bool:
    return key.startswith(f"{PREFIX}login:".encode())


def test_there_are_sixty_cases_at_least_and_each_has_a_name_of_its_own() -> None:
    assert len(CASES) >= 60
    assert len({case.name for case in CASES}) == len(CASES)


def test_the_documents_table_is_the_table_of_cases() -> None:
    rows = re.findall(r"^\| (.+?) \| `(\w+)` \|$", DOCS.read_text().partition("## What is refused")[2], re.MULTILINE)
    assert rows[1:] == [(case.name, case.reason) for case in CASES]


def test_every_reason_is_explained() -> None:
    section = DOCS.read_text().partition("## Why a login did not take place")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)[1:] == [str(reason) for reason in Reason]


async def test_each_case_would_be_a_login_without_its_fault(redis_url: str) -> None:
    clock = Clock()
    for query in sorted({case.query for case in CASES}):
        provider = HostileProvider(clock)
        async with staged(redis_url, provider, clock) as stage, stage.browser() as browser:
            answer = await browser.sign_in(provider, query)
            assert answer.headers["location"] == ACCOUNT
            assert query_of(answer.headers["location"]) == {}
            assert await browser.identity() is not None
