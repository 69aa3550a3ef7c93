"""The demo's identity provider: one click signs in, and nothing else does."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from app.sandbox.identity import PEOPLE, Client, Identity

ISSUER = "http://127.0.0.1:8082"
CALLBACK = "http://localhost:8000/auth/callback"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
ASKED = {
    "client_id": "vitrine",
    "redirect_uri": CALLBACK,
    "response_type": "code",
    "scope": "openid email",
    "state": "st",
    "nonce": "no",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}
SENT = {"grant_type": "authorization_code", "redirect_uri": CALLBACK, "code_verifier": VERIFIER}


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def provider(clock: Clock | None = None) -> AsyncIterator[httpx2.AsyncClient]:
    identity = Identity(ISSUER, Client("vitrine", "s3cret", CALLBACK), clock or Clock())
    web = httpx2.ASGITransport(app=identity.app())
    async with httpx2.AsyncClient(transport=web, base_url=ISSUER, auth=("vitrine", "s3cret")) as client:
        yield client


async def ticket(client: httpx2.AsyncClient) -> str:
    page = await client.get("/authorize", params=ASKED)
    found = re.search(r'name="ticket" value="([\w-]+)"', page.text)
    assert found is not None
    return found[1]


async def click(client: httpx2.AsyncClient, given: str, person: str = "ada") -> httpx2.Response:
    return await client.post("/authorize", data={"ticket": given, "person": person})


async def code(client: httpx2.AsyncClient) -> str:
    return told(await click(client, await ticket(client)))["code"]


def told(answer: httpx2.Response) -> dict[str, str]:
    assert answer.status_code == 303
    location = answer.headers["location"]
    assert location.startswith(f"{CALLBACK}?")
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


@pytest.mark.parametrize("person", PEOPLE)
async def test_one_click_signs_a_person_in(person: str) -> None:
    async with provider() as client:
        back = told(await click(client, await ticket(client), person))
        assert (back["state"], back["iss"]) == ("st", ISSUER)
        answer = await client.post("/token", data={**SENT, "code": back["code"]})
        keys = KeySet.import_key_set((await client.get("/jwks")).json())
        claims = jwt.decode(answer.json()["id_token"], keys, algorithms=["RS256"]).claims
        assert (claims["iss"], claims["aud"], claims["nonce"]) == (ISSUER, "vitrine", "no")
        assert (claims["email"], claims["email_verified"]) == (PEOPLE[person].email, True)
        assert answer.headers["cache-control"] == "no-store"


async def test_the_keys_that_it_shows_are_public_ones() -> None:
    async with provider() as client:
        [key] = (await client.get("/jwks")).json()["keys"]
        assert key.keys().isdisjoint({"d", "p", "q", "dp", "dq", "qi"})


@pytest.mark.parametrize(
    "wrong", [{"client_id": "other"}, {"redirect_uri": "http://evil.example/"}, {"redirect_uri": f"{CALLBACK}/x"}]
)
async def test_a_stranger_is_sent_nowhere(wrong: dict[str, str]) -> None:
    async with provider() as client:
        answer = await client.get("/authorize", params={**ASKED, **wrong})
        assert (answer.status_code, "location" in answer.headers) == (400, False)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"response_type": "token"}, "invalid_request"),
        ({"scope": "email"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"prompt": "none"}, "login_required"),
    ],
)
async def test_what_it_does_not_do_is_said_to_the_client(wrong: dict[str, str], error: str) -> None:
    async with provider() as client:
        assert told(await client.get("/authorize", params={**ASKED, **wrong}))["error"] == error


async def test_a_page_is_good_for_one_click_and_some_minutes() -> None:
    clock = Clock()
    async with provider(clock) as client:
        once = await ticket(client)
        assert (await click(client, once, "nobody")).status_code == 400
        assert (await click(client, once)).status_code == 400
        late = await ticket(client)
        clock.now += 300
        assert (await click(client, late)).status_code == 400
        assert (await click(client, "made-up")).status_code == 400


@pytest.mark.parametrize(
    "wrong",
    [{"code_verifier": "w" * 43}, {"redirect_uri": "http://evil.example/"}, {"grant_type": "password"}, {"code": "x"}],
)
async def test_a_code_is_good_once_and_for_who_asked(wrong: dict[str, Any]) -> None:
    async with provider() as client:
        given = {**SENT, "code": await code(client)}
        refused = await client.post("/token", data={**given, **wrong})
        assert (refused.status_code, refused.json()) == (400, {"error": "invalid_grant"})
        if "code" not in wrong:
            assert (await client.post("/token", data=given)).status_code == 400


@pytest.mark.parametrize("auth", [("vitrine", "wrong"), ("other", "s3cret"), ("vitrine", "")])
async def test_only_the_client_gets_tokens(auth: tuple[str, str]) -> None:
    async with provider() as client:
        given = {**SENT, "code": await code(client)}
        refused = await client.post("/token", data=given, auth=auth)
        assert (refused.status_code, refused.json()) == (401, {"error": "invalid_client"})
        assert (await client.post("/token", data=given)).status_code == 200


async def test_it_keeps_no_more_pages_than_it_can() -> None:
    async with provider() as client:
        first = await ticket(client)
        for _ in range(1000):
            await client.get("/authorize", params=ASKED)
        assert (await click(client, first)).status_code == 400
