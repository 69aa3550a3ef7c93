"""What is asked of a provider about itself, and how often: keys that change, strangers' keys, and a provider away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import orjson
import pytest
from joserfc.jwk import RSAKey
from starlette.responses import Response

from app.auth.discovery import COOLDOWN, KEPT, Discovery
from app.auth.providers import Provider
from app.auth.refusals import LoginRefused
from app.auth.tokens import TokenRefused
from app.http import Breaker, Upstream
from app.telemetry import Metrics
from tests.hostile_provider import CLIENT, ISSUER, HostileProvider, public, rsa_key, signed
from tests.sign_in_stage import Clock

KEYS, METADATA = "/jwks", "/.well-known/openid-configuration"


@pytest.fixture
def provider() -> HostileProvider:
    return HostileProvider(Clock())


@pytest.fixture
def clock() -> Clock:
    return Clock(1000.0)


@pytest.fixture
async def discovery(provider: HostileProvider, clock: Clock) -> AsyncIterator[Discovery]:
    upstream = Upstream(
        "identity",
        ISSUER,
        metrics=Metrics(),
        timeout=5,
        connect_timeout=5,
        connections=5,
        attempts=1,
        breaker=Breaker(1000, 1),
        max_response=262_144,
        transport=httpx2.ASGITransport(app=provider.app),
    )
    yield Discovery(Provider(id="id", issuer=ISSUER, client_id=CLIENT), upstream, clock)
    await upstream.close()


def made(key: RSAKey, **header: Any) -> str:
    return signed(key, {"alg": "RS256", "kid": key.kid, **header}, orjson.dumps({"sub": "jane-1"}))


SECOND = rsa_key("second")
SAME_NAME = RSAKey.import_key(rsa_key("third").as_dict(private=True), {"kid": "first"})


async def test_metadata_and_keys_are_asked_for_once_an_hour(
    discovery: Discovery, provider: HostileProvider, clock: Clock
) -> None:
    for _ in range(3):
        await asyncio.gather(*(discovery.read(made(rsa_key("first"))) for _ in range(5)))
    assert [each.path for each in provider.asked] == [METADATA, KEYS]
    clock.now += KEPT
    await discovery.read(made(rsa_key("first")))
    assert [each.path for each in provider.asked] == [METADATA, KEYS] * 2


@pytest.mark.parametrize("key", [SECOND, SAME_NAME], ids=["a new name", "the same name"])
async def test_a_key_that_has_changed_is_found_at_once(
    discovery: Discovery, provider: HostileProvider, clock: Clock, key: RSAKey
) -> None:
    await discovery.read(made(rsa_key("first")))
    provider.jwks = [public(key)]
    clock.now += COOLDOWN
    assert (await discovery.read(made(key))).claims == {"sub": "jane-1"}
    assert provider.times_asked(KEYS) == 2
    clock.now += COOLDOWN
    with pytest.raises(TokenRefused):
        await discovery.read(made(rsa_key("first")))


async def test_tokens_of_strangers_have_keys_fetched_no_oftener_than_the_cooldown(
    discovery: Discovery, provider: HostileProvider, clock: Clock
) -> None:
    await discovery.read(made(rsa_key("first")))
    for number in range(20):
        with pytest.raises(TokenRefused):
            await discovery.read(made(SECOND, kid=f"unknown-{number}"))
    assert provider.times_asked(KEYS) == 1
    clock.now += COOLDOWN
    strangers = [discovery.read(made(SECOND, kid=f"unknown-{number}")) for number in range(20)]
    assert all(isinstance(each, TokenRefused) for each in await asyncio.gather(*strangers, return_exceptions=True))
    assert provider.times_asked(KEYS) == 2
    assert (await discovery.read(made(rsa_key("first")))).claims == {"sub": "jane-1"}


async def test_a_token_that_no_key_could_make_good_has_none_fetched(
    discovery: Discovery, provider: HostileProvider, clock: Clock
) -> None:
    await discovery.read(made(rsa_key("first")))
    clock.now += COOLDOWN
    for token in ("a.b.c", made(rsa_key("first"), alg="PS256"), made(rsa_key("first"), typ="x")[:-3]):
        before = provider.times_asked(KEYS)
        with pytest.raises(TokenRefused):
            await discovery.read(token)
        assert provider.times_asked(KEYS) - before in (0, 1)
    assert provider.times_asked(KEYS) == 2, "only for the one whose signature was another"


async def test_parallel_logins_ask_for_the_metadata_once(discovery: Discovery, provider: HostileProvider) -> None:
    await asyncio.gather(*(discovery.metadata() for _ in range(20)))
    assert provider.times_asked(METADATA) == 1


async def test_a_provider_that_is_away_is_left_alone_for_a_moment(
    discovery: Discovery, provider: HostileProvider, clock: Clock
) -> None:
    provider.answers[METADATA] = Response(status_code=500)
    for _ in range(5):
        with pytest.raises(LoginRefused) as refused:
            await discovery.metadata()
        assert refused.value.reason == "provider_unavailable"
    assert provider.times_asked(METADATA) == 1
    clock.now += COOLDOWN
    provider.answers.clear()
    assert (await discovery.metadata()).token_endpoint == f"{ISSUER}/token"


async def test_what_is_known_of_a_provider_serves_while_it_is_away(
    discovery: Discovery, provider: HostileProvider, clock: Clock
) -> None:
    known = await discovery.metadata()
    provider.answers[METADATA] = Response(status_code=500)
    clock.now += KEPT
    assert [await discovery.metadata() for _ in range(3)] == [known] * 3
    assert provider.times_asked(METADATA) == 2
    clock.now += COOLDOWN
    provider.answers.clear()
    provider.metadata["token_endpoint"] = f"{ISSUER}/token2"
    assert (await discovery.metadata()).token_endpoint == f"{ISSUER}/token2"


async def test_metadata_that_has_become_another_issuers_is_not_used(
    discovery: Discovery, provider: HostileProvider, clock: Clock
) -> None:
    await discovery.metadata()
    provider.metadata["issuer"] = "https://evil.example"
    clock.now += KEPT
    with pytest.raises(LoginRefused) as refused:
        await discovery.metadata()
    assert refused.value.reason == "issuer_mismatch"


async def test_of_very_many_keys_only_the_first_are_looked_at(discovery: Discovery, provider: HostileProvider) -> None:
    provider.jwks = [{"kty": "RSA", "kid": f"k{number}", "n": "AQAB", "e": "AQAB"} for number in range(64)] + [
        public(rsa_key("first"))
    ]
    with pytest.raises(TokenRefused):
        await discovery.read(made(rsa_key("first")))


async def test_keys_that_are_private_are_not_kept_so(discovery: Discovery, provider: HostileProvider) -> None:
    provider.jwks = [rsa_key("first").as_dict(private=True), None, "x", {"kty": "oct", "k": "AAAA"}, {}]  # type: ignore[list-item]
    await discovery.read(made(rsa_key("first")))
    assert discovery._keys is not None
    assert [sorted(key) for key in discovery._keys[0]] == [["e", "kid", "kty", "n"]]
