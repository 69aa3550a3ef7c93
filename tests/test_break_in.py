"""Break-ins into a shopper's session and cart, tried on the running API: each is refused, and nothing is changed."""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections.abc import Callable
from typing import Any

import orjson
import pytest
import redis.asyncio as redis

from app.auth.keys import KeyRing
from app.auth.sessions import Session, Sessions
from app.state import PREFIX
from tests.conftest import Api
from tests.redis_server import flush
from tests.shoppers import (
    COOKIE,
    HERS,
    LOOK,
    NOTHING,
    codes,
    fresh_id,
    leads_nowhere,
    public,
    shopper,
    token,
    victim_and_api,
    world,
)
from tests.test_cart import ADD, KEY, UNSAFE, add

DAY = 86_400.0


def sessions(
    api: Api, *, key: str = KEY, age: float = 0, idle: float = 400 * DAY, absolute: float = 400 * DAY
) -> Sessions:
    """The API's sessions as of a time ago, where an attacker has their place and perhaps not their key."""
    return Sessions(api.parts.state, KeyRing.of(key), idle=idle, absolute=absolute, clock=lambda: time.time() - age)


def place(session_id: str) -> str:
    return "session:" + hashlib.sha256(session_id.encode()).hexdigest()


# Fixation: an id that the attacker chose or knows


@pytest.mark.parametrize("kind", ["unknown", "malformed", "empty"])
async def test_an_id_that_an_attacker_chose_never_becomes_a_session(redis_url: str, kind: str) -> None:
    planted = {"unknown": secrets.token_urlsafe(32), "malformed": "../../session", "empty": ""}[kind]
    async with public(redis_state_url=redis_url) as api:
        await leads_nowhere(api, {"Cookie": f"{COOKIE}={planted}"}, planted)
        await leads_nowhere(api, {"Authorization": f"Bearer {planted}"}, planted)


@pytest.mark.parametrize(
    "name",
    ["vitrine", "__host-vitrine", "__HOST-VITRINE", "__Secure-vitrine", "\xa0__Host-vitrine", "__Host-vitrine ",
     "__Host-vitrine\x85", "__Host_vitrine", "x__Host-vitrine", "=__Host-vitrine", "%5f%5fHost-vitrine"],
)  # fmt: skip
async def test_a_cookie_that_another_host_could_set_leads_the_victim_into_no_session_of_the_attacker(name: str) -> None:
    async with public() as api, shopper(api) as attacker:
        await add(attacker, {"sku": "TT-C12"})
        cookie = f"{name}={token(attacker)}".encode("latin-1")
        async with shopper(api) as victim:
            body = {"query": ADD, "variables": {"lines": [{"sku": "TT-C01"}]}}
            wrote = await victim.client.post("/graphql", json=body, headers=[(b"X-Vitrine", b"1"), (b"Cookie", cookie)])
        assert fresh_id(wrote) != token(attacker)
        assert [line["sku"] for line in wrote.json()["data"]["cartAdd"]["cart"]["lines"]] == ["TT-C01"]
        assert await attacker.data("{ cart { lines { sku } } }") == {"cart": {"lines": [{"sku": "TT-C12"}]}}


async def test_a_second_id_beside_the_victims_own_is_refused_in_any_order_and_place(redis_url: str) -> None:
    async with victim_and_api(redis_state_url=redis_url) as (victim, api), shopper(api) as attacker:
        await add(attacker, {"sku": "TT-C12"})
        hers, his = token(victim), token(attacker)
        before = await world(api, redis_url)
        async with shopper(api) as browser:
            for headers in (
                [("Cookie", f"{COOKIE}={his}; {COOKIE}={hers}")],
                [("Cookie", f"{COOKIE}={hers}; {COOKIE}={his}")],
                [("Cookie", f"{COOKIE}={hers}"), ("Cookie", f"{COOKIE}={his}")],
                [("Cookie", f"{COOKIE}={hers}"), ("Authorization", f"Bearer {his}")],
                [("Authorization", f"Bearer {hers}"), ("Authorization", f"Bearer {his}")],
                [("Cookie", f"{COOKIE}={hers}"), ("Authorization", "Bearer x")],
            ):
                for query, lines in ((ADD, {"lines": [{"sku": "TT-C01"}]}), (LOOK, {})):
                    body = {"query": query, "variables": lines}
                    answer = await browser.client.post("/graphql", json=body, headers=[*UNSAFE.items(), *headers])
                    assert (answer.status_code, codes(answer.json())) == (400, ["BAD_REQUEST"])
                    assert "set-cookie" not in answer.headers
        assert await world(api, redis_url) == before


async def test_an_id_that_the_attacker_knows_is_worthless_once_the_session_was_renewed(redis_url: str) -> None:
    async with victim_and_api(redis_state_url=redis_url) as (victim, api):
        known = token(victim)
        session = await sessions(api).open(known)
        assert session is not None
        renewed = await sessions(api).renew(session)
        await leads_nowhere(api, {"Cookie": f"{COOKIE}={known}"}, known)
        victim.client.cookies.clear()
        victim.client.cookies.set(COOKIE, renewed.token)
        assert await victim.data(LOOK) == HERS


async def test_a_start_that_the_attacker_knows_joins_nobody_after_its_minute_or_from_another_place() -> None:
    start = "known-to-the-attacker-0123456789"
    lines = [{"sku": "TT-C01"}]
    async with public() as api, shopper(api) as attacker:
        his = fresh_id(await attacker.post(ADD, {**UNSAFE, "X-Session-Start": start}, lines=lines))
        planted: list[tuple[str, dict[str, str]]] = [
            ("/graphql", {"Cookie": f"X-Session-Start={start}"}),
            (f"/graphql?X-Session-Start={start}&start={start}", {}),
            ("/graphql", {"X-Session-Token": start, "Authorization": f"Start {start}"}),
        ]
        for url, headers in planted:
            async with shopper(api) as victim:
                body = {"query": ADD, "variables": {"lines": lines}, "extensions": {"X-Session-Start": start}}
                wrote = await victim.client.post(url, json=body, headers={**UNSAFE, **headers})
            assert fresh_id(wrote) != his
            assert wrote.json()["data"]["cartAdd"]["cart"]["quantity"] == "1"
        await api.parts.state.delete("session-start:" + hashlib.sha256(start.encode()).hexdigest())
        async with shopper(api) as victim:
            late = await victim.post(ADD, {**UNSAFE, "X-Session-Start": start}, lines=lines)
            assert fresh_id(late) != his
            # A browser that has a session stays in it, whatever starts.
            again = await victim.post(ADD, {**UNSAFE, "X-Session-Start": "b" * 32}, lines=lines)
            assert "set-cookie" not in again.headers
            assert again.json()["data"]["cartAdd"]["cart"]["quantity"] == "2"
        assert await attacker.data("{ cart { quantity } }") == {"cart": {"quantity": "1"}}


@pytest.mark.parametrize("start", ["", "short", "a" * 129, "a" * 31 + "ž", "session:" + "a" * 40, "a" * 21 + "\t"])
async def test_a_start_that_is_none_begins_nothing(redis_url: str, start: str) -> None:
    async with public(redis_state_url=redis_url) as api:
        before = await world(api, redis_url)
        headers = [(b"X-Vitrine", b"1"), (b"X-Session-Start", start.encode())]
        body = {"query": ADD, "variables": {"lines": [{"sku": "TT-C01"}]}}
        answer = await api.client.post("/graphql", json=body, headers=headers)
        assert codes(answer.json()) == ["BAD_REQUEST"]
        assert "set-cookie" not in answer.headers
        assert await world(api, redis_url) == before


# Forged: what is close to an id, and what is written straight into Redis


def forgeries(own: str) -> list[str]:
    raw = base64.urlsafe_b64decode(own + "=")
    flipped = [
        bytes(byte ^ (1 << bit if place == at else 0) for at, byte in enumerate(raw))
        for place in (0, 15, 31)
        for bit in (0, 3, 7)
    ]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    # The last letter has two bits that base64 leaves out: four texts decode to the same bytes.
    loose = [own[:-1] + alphabet[alphabet.index(own[-1]) ^ bits] for bits in (1, 2, 3)]
    return [
        *(base64.urlsafe_b64encode(each).decode().rstrip("=") for each in flipped), *loose,
        own.swapcase(), own.lower(), own.upper(), own[::-1], own[:-1], own[1:], own + "A", own + "=", own * 2,
        f'"{own}"', f"{own},{own}", f"{own}%00", f"%{ord(own[0]):02x}{own[1:]}", f"{COOKIE}{own}",
        f"session:{own}", f"vitrine:session:{own}", f"s:{own}.sig", hashlib.sha256(own.encode()).hexdigest(),
        place(own), raw.hex(), base64.b64encode(raw).decode(), base64.b64encode(own.encode()).decode(),
    ]  # fmt: skip


async def test_no_text_but_the_id_itself_opens_a_session() -> None:
    async with victim_and_api() as (victim, api), shopper(api) as attacker:
        for forged in forgeries(token(victim)):
            for headers in ({"Cookie": f"{COOKIE}={forged}"}, {"Authorization": f"Bearer {forged}"}):
                answer = await attacker.post(LOOK, headers)
                assert answer.json() == {"data": NOTHING}, forged
                assert "set-cookie" not in answer.headers
        await leads_nowhere(api, {"Cookie": f"{COOKIE}={token(victim).swapcase()}"}, token(victim).swapcase())
        assert await victim.data(LOOK) == HERS


OTHER_KEY = base64.b64encode(hashlib.sha256(b"another").digest()).decode()


@pytest.mark.parametrize("way", ["sealed by another key", "moved", "plain", "spoilt", "cut"])
async def test_a_session_that_was_written_into_redis_by_hand_is_none(redis_url: str, way: str) -> None:
    async with victim_and_api(redis_state_url=redis_url) as (victim, api):
        state, his = api.parts.state, secrets.token_urlsafe(32)
        session = await sessions(api).open(token(victim))
        record = await state.get(place(token(victim)))
        assert session is not None
        assert record is not None
        plain = orjson.dumps({"created": session.created, "used": time.time(), "data": session.data})
        ring = KeyRing.of(OTHER_KEY)
        await state.put(
            place(his),
            {
                "sealed by another key": ring.seal(place(his), plain),
                "moved": record,
                "plain": plain,
                "spoilt": record[:-1] + bytes([record[-1] ^ 1]),
                "cut": record[:20],
            }[way],
            60,
        )
        await leads_nowhere(api, {"Cookie": f"{COOKIE}={his}"}, his)
        assert await victim.data(LOOK) == HERS
        # Nothing but the key was lacking.
        await state.put(place(his), KeyRing.of(KEY).seal(place(his), plain), 60)
        async with shopper(api) as holder:
            assert await holder.data(LOOK, {"Cookie": f"{COOKIE}={his}"}) == HERS


@pytest.mark.parametrize("way", ["sealed by another key", "moved", "plain"])
async def test_a_start_that_was_written_into_redis_by_hand_leads_to_no_session(redis_url: str, way: str) -> None:
    start = secrets.token_urlsafe(32)
    door, other = ("session-start:" + hashlib.sha256(each.encode()).hexdigest() for each in (start, "b" * 32))
    async with victim_and_api(redis_state_url=redis_url) as (victim, api), shopper(api) as attacker:
        hers = token(victim).encode()
        written = {
            "sealed by another key": KeyRing.of(OTHER_KEY).seal(door, hers),
            "moved": KeyRing.of(KEY).seal(other, hers),
            "plain": hers,
        }[way]
        await api.parts.state.put(door, written, 60)
        before = await world(api, redis_url)
        answer = await attacker.post(ADD, {**UNSAFE, "X-Session-Start": start}, lines=[{"sku": "TT-C01"}])
        assert codes(answer.json()) == ["SESSION_ENDED"]
        assert "set-cookie" not in answer.headers
        assert await world(api, redis_url) == before


# Replayed: an id after its time


async def ended(api: Api, session: Session) -> None:
    await sessions(api).end(session)


async def expired(api: Api, session: Session) -> None:
    await api.parts.state.delete(place(session.token))


@pytest.mark.parametrize("over", [ended, expired])
async def test_an_id_whose_session_is_over_opens_nothing(redis_url: str, over: Callable[[Api, Session], Any]) -> None:
    async with victim_and_api(redis_state_url=redis_url) as (victim, api):
        session = await sessions(api).open(token(victim))
        assert session is not None
        await over(api, session)
        await leads_nowhere(api, {"Cookie": f"{COOKIE}={session.token}"}, session.token)
        await leads_nowhere(api, {"Authorization": f"Bearer {session.token}"}, session.token)


@pytest.mark.parametrize(
    ("idle", "absolute", "begun", "used", "alive"),
    [
        (7 * DAY, 30 * DAY, 6.9 * DAY, 6.9 * DAY, True),
        (7 * DAY, 30 * DAY, 7 * DAY, 7 * DAY, False),
        (7 * DAY, 30 * DAY, 29.9 * DAY, 0, True),
        (7 * DAY, 30 * DAY, 30 * DAY, 0, False),
    ],
)
async def test_an_id_past_a_limit_opens_nothing_even_while_redis_still_has_it(
    redis_url: str, idle: float, absolute: float, begun: float, used: float, alive: bool
) -> None:
    async with victim_and_api(redis_state_url=redis_url, session_idle=idle, session_absolute=absolute) as (victim, api):
        hers = await sessions(api).open(token(victim))
        assert hers is not None
        aged = await sessions(api, age=begun).begin()
        await sessions(api, age=used).change(aged, lambda _: hers.data)
        assert await api.parts.state.get(place(aged.token)) is not None
        if alive:
            async with shopper(api) as late:
                assert await late.data(LOOK, {"Cookie": f"{COOKIE}={aged.token}"}) == HERS
        else:
            await leads_nowhere(api, {"Cookie": f"{COOKIE}={aged.token}"}, aged.token)


async def test_a_cookie_that_outlived_a_redis_that_was_emptied_begins_anew(redis_url: str) -> None:
    async with victim_and_api(redis_state_url=redis_url) as (victim, api):
        stale = token(victim)
        await flush(redis_url)
        await leads_nowhere(api, {"Cookie": f"{COOKIE}={stale}"}, stale)
        async with redis.from_url(redis_url) as client:
            assert await client.exists(PREFIX + place(stale)) == 0
