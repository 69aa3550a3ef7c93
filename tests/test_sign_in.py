"""Signing in at a provider: what a login makes, for whom, and what it leaves as it is."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import unquote_plus, urlsplit

import httpx2
import pytest
from structlog.testing import capture_logs

from app.auth.oidc import LIFE
from tests.hostile_provider import (
    CLIENT,
    GONE,
    ISSUER,
    SECRET,
    HostileProvider,
    at_hash,
    b64,
    ec_key,
    ed_key,
    public,
    rsa_key,
)
from tests.redis_server import flush, whole_of
from tests.shoppers import kept
from tests.sign_in_stage import (
    ACCOUNT,
    API,
    COOKIE,
    SHOP,
    UNSAFE,
    Browser,
    Clock,
    Stage,
    provider_setting,
    query_of,
    staged,
)

CART = {"carts": {"base": {"id": "c1", "made": True}}}


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


def set_cookies(answer: httpx2.Response) -> list[str]:
    return list(answer.headers.get_list("set-cookie"))


# A whole login


async def test_a_login_sends_the_browser_to_the_provider_with_all_that_binds_its_answer(browser: Browser) -> None:
    answer = await browser.get("/auth/login?return_to=/account")
    url = urlsplit(answer.headers["location"])
    asked = query_of(answer.headers["location"])
    assert (answer.status_code, f"{url.scheme}://{url.netloc}{url.path}") == (303, f"{ISSUER}/authorize")
    random = {name: asked.pop(name) for name in ("state", "nonce", "code_challenge")}
    assert asked == {
        "response_type": "code",
        "client_id": CLIENT,
        "redirect_uri": f"{API}/auth/callback",
        "scope": "openid email profile",
        "code_challenge_method": "S256",
    }
    assert [len(value) for value in random.values()] == [43, 43, 43]
    assert len(set(random.values())) == 3
    [cookie] = set_cookies(answer)
    name = "__Host-vitrine-login-" + hashlib.sha256(random["state"].encode()).hexdigest()[:16]
    assert cookie.startswith(f"{name}=")
    assert len(cookie.partition("=")[2].partition(";")[0]) == 43
    assert cookie.endswith("; Max-Age=600; Path=/; HttpOnly; SameSite=Lax; Secure")
    assert not any(value in cookie for value in random.values())


async def test_signing_in_gives_the_guests_session_a_new_id_and_an_identity(
    browser: Browser, stage: Stage, clock: Clock, provider: HostileProvider
) -> None:
    guest = await browser.begin_session(**CART)
    answer = await browser.sign_in(provider)
    assert (answer.status_code, answer.headers["location"]) == (303, ACCOUNT)
    session, login = set_cookies(answer)
    assert session.startswith(f"{COOKIE}={browser.token};")
    assert session.endswith("; Path=/; HttpOnly; SameSite=Lax; Secure")
    assert "; Max-Age=0;" in login
    assert browser.login_cookies() == []
    assert browser.token != guest
    assert await stage.sessions.open(guest) is None
    now = await stage.sessions.open(browser.token)
    assert now is not None
    assert {name: value for name, value in now.data.items() if name != "identity"} == CART
    identity = now.data["identity"]
    assert [identity.pop(name).partition("-")[0][:6] for name in ("access_token", "refresh_token")] == [
        "access",
        "refres",
    ]
    assert identity.pop("id_token").count(".") == 2
    assert len(identity.pop("nonce")) == 43
    assert identity == {
        "provider": "id",
        "issuer": ISSUER,
        "subject": "jane-1",
        "since": clock.now,
        "sid": "sid-1",
        "auth_time": clock.now - 5,
        "email": "jane@example.com",
        "email_verified": True,
        "name": "Jane Doe",
        "first_name": "Jane",
        "last_name": "Doe",
        "groups": [],
        "newsletter": None,
        "expires": clock.now + 300,
        "obtained": clock.now,
    }


async def test_without_a_session_signing_in_begins_one(browser: Browser, provider: HostileProvider) -> None:
    assert (await browser.sign_in(provider)).headers["location"] == ACCOUNT
    assert (await browser.identity() or {})["subject"] == "jane-1"


async def test_an_old_guests_session_lives_as_long_as_any_after_signing_in(
    browser: Browser, stage: Stage, clock: Clock, provider: HostileProvider
) -> None:
    await browser.begin_session(**CART)
    for _ in range(29):
        clock.now += 86400
        assert await stage.sessions.open(browser.token) is not None
    await browser.sign_in(provider)
    for _ in range(29):
        clock.now += 86400
        assert await stage.sessions.open(browser.token) is not None


async def test_signing_in_again_as_the_same_keeps_the_session_and_as_another_does_not(
    browser: Browser, stage: Stage, provider: HostileProvider
) -> None:
    await browser.begin_session(**CART)
    await browser.sign_in(provider)
    first = browser.token
    await browser.sign_in(provider)
    again = await stage.sessions.open(browser.token)
    assert again is not None
    assert (browser.token != first, await stage.sessions.open(first), again.data["carts"]) == (
        True,
        None,
        CART["carts"],
    )
    second = browser.token
    provider.claims["sub"] = "john-2"
    await browser.sign_in(provider)
    other = await stage.sessions.open(browser.token)
    assert other is not None
    assert (list(other.data), other.data["identity"]["subject"]) == (["identity"], "john-2")
    assert await stage.sessions.open(second) is None


async def test_the_same_subject_of_another_issuer_is_somebody_else(redis_url: str, clock: Clock) -> None:
    one, two = HostileProvider(clock), HostileProvider(clock, "https://two.example")
    settings = [provider_setting(), provider_setting(id="two", issuer=two.issuer)]
    async with staged(redis_url, one, clock, *settings) as stage, stage.browser() as browser:
        stage.network.apps["two.example"] = httpx2.ASGITransport(app=two.app)
        await browser.begin_session(**CART)
        await browser.sign_in(one, "provider=id&return_to=/account")
        await browser.sign_in(two, "provider=two&return_to=/account")
        session = await stage.sessions.open(browser.token)
        assert session is not None
        assert (list(session.data), session.data["identity"]["issuer"]) == (["identity"], "https://two.example")


async def test_two_tabs_can_sign_in_in_any_order(browser: Browser, stage: Stage, provider: HostileProvider) -> None:
    await browser.begin_session(**CART)
    first, second = [await browser.login(f"return_to=/tab{number}") for number in (1, 2)]
    assert len(browser.login_cookies()) == 2
    back = await browser.get(provider.authorize(second))
    assert back.headers["location"] == f"{SHOP}/tab2"
    assert len(browser.login_cookies()) == 1
    back = await browser.get(provider.authorize(first))
    assert back.headers["location"] == f"{SHOP}/tab1"
    session = await stage.sessions.open(browser.token)
    assert session is not None
    assert (sorted(session.data), session.data["carts"]) == (["carts", "identity"], CART["carts"])


async def test_tabs_that_come_back_at_the_same_moment_share_one_session_with_the_cart(
    redis_url: str, browser: Browser, stage: Stage, provider: HostileProvider
) -> None:
    guest = await browser.begin_session(**CART)
    urls = [provider.authorize(await browser.login()) for _ in range(12)]
    before = await kept(redis_url)
    cookies = {"Cookie": "; ".join(f"{each.name}={each.value}" for each in browser.client.cookies.jar)}
    web = httpx2.ASGITransport(app=stage.app)
    async with httpx2.AsyncClient(transport=web, base_url=API) as client:
        answers = await asyncio.gather(*(client.get(url, headers=cookies) for url in urls))
    assert {answer.headers["location"] for answer in answers} == {ACCOUNT}
    tokens = {set_cookies(answer)[0].partition(";")[0].partition("=")[2] for answer in answers}
    assert len(tokens) == 1
    session = await stage.sessions.open(tokens.pop())
    assert session is not None
    assert (sorted(session.data), session.data["carts"]) == (["carts", "identity"], CART["carts"])
    assert await stage.sessions.open(guest) is None
    fresh = {key.split(b":")[1] for key in set(await kept(redis_url)) - set(before)}
    assert fresh == {b"session", b"session-entered"}


async def test_a_dead_id_leads_nobody_else_to_the_session_that_it_became(
    browser: Browser, stage: Stage, provider: HostileProvider
) -> None:
    guest = await browser.begin_session(**CART)
    await browser.sign_in(provider)
    async with stage.browser() as attacker:
        attacker.client.cookies.set(COOKIE, guest, domain="api.shop.example", path="/")
        assert (await attacker.get("/auth/session")).json() == {"signedIn": False}
        provider.claims["sub"] = "mallory-3"
        await attacker.sign_in(provider)
        session = await stage.sessions.open(attacker.token)
        assert session is not None
        assert (list(session.data), session.data["identity"]["subject"]) == (["identity"], "mallory-3")
    assert (await browser.identity() or {})["subject"] == "jane-1"


async def test_another_process_ends_what_one_began(browser: Browser, stage: Stage, provider: HostileProvider) -> None:
    url = provider.authorize(await browser.login())
    stage.another_process()
    assert (await browser.get(url)).headers["location"] == ACCOUNT
    assert await browser.identity() is not None


async def test_a_strangers_attempt_does_not_use_a_login_up(
    browser: Browser, stage: Stage, provider: HostileProvider
) -> None:
    url = provider.authorize(await browser.login())
    async with stage.browser() as stranger:
        assert (await stranger.get(url)).status_code == 403
        assert stranger.token is None
    assert (await browser.get(url)).headers["location"] == ACCOUNT


async def test_a_login_that_is_sent_by_head_is_not_used_up(browser: Browser, provider: HostileProvider) -> None:
    url = provider.authorize(await browser.login())
    for where in (url, "/auth/login?return_to=/account", "/auth/session"):
        assert (await browser.client.head(where)).status_code == 405
    assert (await browser.get(url)).headers["location"] == ACCOUNT


async def test_a_browser_with_twenty_open_logins_begins_anew(browser: Browser) -> None:
    for _ in range(20):
        await browser.login()
    assert len(browser.login_cookies()) == 20
    await browser.login()
    assert len(browser.login_cookies()) == 1


async def test_a_login_is_kept_sealed_for_ten_minutes(redis_url: str, browser: Browser, stage: Stage) -> None:
    before = await kept(redis_url)
    state = query_of(await browser.login())["state"]
    [(key, value)] = [(key, value) for key, value in (await kept(redis_url)).items() if key not in before]
    assert key.decode() == "vitrine:login:" + hashlib.sha256(state.encode()).hexdigest()
    assert not any(word in value for word in (b"nonce", b"verifier", b"account", state.encode()))
    left = await stage.state.run("return redis.call('PTTL', KEYS[1])", [key.decode().removeprefix("vitrine:")], [])
    assert 0 < left <= LIFE * 1000


# Where it comes from and leads to


SPOOFED = {
    "Host": "evil.example",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Proto": "http",
    "X-Forwarded-Port": "81",
    "X-Forwarded-Prefix": "/evil",
    "X-Forwarded-For": "10.0.0.1",
    "Forwarded": "host=evil.example;proto=http",
    "X-Original-URL": "/evil",
    "X-Rewrite-URL": "/evil",
}


async def test_host_and_forwarding_headers_change_nothing(browser: Browser, provider: HostileProvider) -> None:
    asked = query_of(await browser.login(**SPOOFED))
    assert asked["redirect_uri"] == f"{API}/auth/callback"
    answer = await browser.get(provider.authorize(await browser.login(**SPOOFED)), **SPOOFED)
    assert answer.headers["location"] == ACCOUNT
    assert all("; Secure" in cookie for cookie in set_cookies(answer))
    [form] = [each.form for each in provider.asked if each.path == "/token"]
    assert form["redirect_uri"] == f"{API}/auth/callback"
    refused = await browser.get("/auth/login?return_to=//evil.example", **SPOOFED)
    assert (refused.status_code, "location" in refused.headers) == (400, False)


@pytest.mark.parametrize("query", ["", "return_to="])
async def test_without_a_place_to_go_a_login_leads_home(
    browser: Browser, provider: HostileProvider, query: str
) -> None:
    assert (await browser.sign_in(provider, query)).headers["location"] == f"{SHOP}/"


@pytest.mark.parametrize(
    ("query", "reason", "status"),
    [
        ("return_to=https://evil.example/", "return_to_not_allowed", 400),
        ("return_to=/a&return_to=/b", "request_invalid", 400),
        ("return_to=/a&redirect_uri=https://evil.example", "request_invalid", 400),
    ],
)
async def test_a_login_that_leads_nowhere_is_not_begun(
    redis_url: str, browser: Browser, query: str, reason: str, status: int
) -> None:
    before = await kept(redis_url)
    answer = await browser.get(f"/auth/login?{query}")
    assert (answer.status_code, answer.json()["error"]) == (
        status,
        {"code": "LOGIN_REFUSED", "message": "The login was refused.", "reason": reason},
    )
    assert set_cookies(answer) == []
    assert await kept(redis_url) == before
    page = await browser.get(f"/auth/login?{query}", Accept="text/html,*/*")
    assert page.text == f"Go back to the shop and try again. ({reason})\n"
    assert page.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("provider=other", "provider_unknown"),
        ("provider=", "provider_unknown"),
        ("prompt=nothing", "request_invalid"),
        ("prompt=", "request_invalid"),
        ("max_age=-1", "request_invalid"),
        ("max_age=1.5", "request_invalid"),
        ("max_age=%D9%A1", "request_invalid"),
        ("max_age=99999999", "request_invalid"),
        (f"code_challenge={'A' * 43}&code_challenge_method=S256", "request_invalid"),
        ("code_challenge_method=S256", "request_invalid"),
    ],
)
async def test_a_login_that_cannot_be_is_told_where_it_was_to_lead(
    redis_url: str, browser: Browser, query: str, reason: str
) -> None:
    before = await kept(redis_url)
    answer = await browser.get(f"/auth/login?return_to=/account?tab=1%23top&{query}")
    assert answer.status_code == 303
    assert answer.headers["location"] == f"{ACCOUNT}?tab=1&login_error={reason}#top"
    assert set_cookies(answer) == []
    assert await kept(redis_url) == before


async def test_an_error_that_was_in_the_url_already_is_ours_alone(browser: Browser) -> None:
    answer = await browser.get("/auth/login?provider=x&return_to=/a%3Flogin_error=mine%26b=1%26login%255Ferror=more")
    assert answer.headers["location"] == f"{SHOP}/a?b=1&login_error=provider_unknown"


async def test_one_of_several_providers_must_be_named(redis_url: str, provider: HostileProvider, clock: Clock) -> None:
    two = [provider_setting(), provider_setting(id="two", issuer="https://two.example")]
    async with staged(redis_url, provider, clock, *two) as stage, stage.browser() as browser:
        answer = await browser.get("/auth/login?return_to=/account")
        assert answer.headers["location"] == f"{ACCOUNT}?login_error=provider_unknown"
        assert (await browser.sign_in(provider, "provider=id&return_to=/account")).headers["location"] == ACCOUNT


async def test_one_of_several_that_does_not_name_itself_needs_a_callback_of_its_own(
    redis_url: str, provider: HostileProvider, clock: Clock
) -> None:
    provider.metadata["authorization_response_iss_parameter_supported"] = False
    provider.response["iss"] = GONE
    other = provider_setting(id="two", issuer="https://two.example")
    async with staged(redis_url, provider, clock, provider_setting(), other) as stage, stage.browser() as browser:
        answer = await browser.get("/auth/login?provider=id&return_to=/account")
        assert answer.headers["location"] == f"{ACCOUNT}?login_error=provider_unfit"
    own = provider_setting(own_callback=True)
    async with staged(redis_url, provider, clock, own, other) as stage, stage.browser() as browser:
        url = await browser.login("provider=id&return_to=/account")
        assert query_of(url)["redirect_uri"] == f"{API}/auth/callback/id"
        assert (await browser.get(provider.authorize(url))).headers["location"] == ACCOUNT
    async with staged(redis_url, provider, clock) as stage, stage.browser() as browser:
        assert (await browser.sign_in(provider)).headers["location"] == ACCOUNT


# What the provider is asked


async def test_prompt_and_max_age_are_the_requests_or_the_settings_and_the_smaller_age_holds(
    redis_url: str, provider: HostileProvider, clock: Clock
) -> None:
    async with staged(redis_url, provider, clock) as stage, stage.browser() as browser:
        asked = query_of(await browser.login("return_to=/account&prompt=login&max_age=0"))
        assert (asked["prompt"], asked["max_age"]) == ("login", "0")
    own = provider_setting(prompt="select_account", max_age=600)
    async with staged(redis_url, provider, clock, own) as stage, stage.browser() as browser:
        asked = query_of(await browser.login())
        assert (asked["prompt"], asked["max_age"]) == ("select_account", "600")
        asked = query_of(await browser.login("return_to=/account&prompt=none&max_age=9999"))
        assert (asked["prompt"], asked["max_age"]) == ("none", "600")


@pytest.mark.parametrize(
    ("methods", "secret", "way"),
    [
        (GONE, SECRET, "basic"),
        (["client_secret_post", "client_secret_basic"], SECRET, "basic"),
        (["client_secret_post"], SECRET, "post"),
        (["none"], "", "none"),
    ],
)
async def test_the_secret_goes_as_the_provider_takes_it(
    redis_url: str, provider: HostileProvider, clock: Clock, methods: Any, secret: str, way: str
) -> None:
    provider.metadata["token_endpoint_auth_methods_supported"] = methods
    provider.secret = secret
    async with (
        staged(redis_url, provider, clock, provider_setting(client_secret=secret)) as stage,
        stage.browser() as browser,
    ):
        assert (await browser.sign_in(provider)).headers["location"] == ACCOUNT
    [asked] = [each for each in provider.asked if each.path == "/token"]
    ours = {name: asked.form.get(name) for name in ("client_id", "client_secret")}
    if way == "basic":
        # Encoded as a form first: else a colon in an id, or anything beyond ASCII, is read as something else.
        text = base64.b64decode(asked.headers["authorization"].removeprefix("Basic ")).decode()
        assert text == "shop:hush+hush+hush%3A+%2B%25%2F%C3%B6"
        assert [unquote_plus(part) for part in text.split(":")] == [CLIENT, SECRET]
        assert ours == {"client_id": None, "client_secret": None}
    else:
        assert "authorization" not in asked.headers
        assert ours == {"client_id": CLIENT, "client_secret": SECRET if way == "post" else None}
    assert len(asked.form["code_verifier"]) == 43


async def test_a_query_that_the_login_page_has_already_stays(
    browser: Browser, provider: HostileProvider, stage: Stage
) -> None:
    provider.metadata["authorization_endpoint"] += "?tenant=a"
    assert query_of(await browser.login())["tenant"] == "a"
    assert "?tenant=a&response_type=code&" in await browser.login()


@pytest.mark.parametrize(
    ("algorithm", "key", "hashed"),
    [
        ("RS256", rsa_key("first"), "sha256"),
        ("RS384", rsa_key("first"), "sha384"),
        ("RS512", rsa_key("first"), "sha512"),
        ("PS256", rsa_key("first"), "sha256"),
        ("PS384", rsa_key("first"), "sha384"),
        ("PS512", rsa_key("first"), "sha512"),
        ("ES256", ec_key("P-256"), "sha256"),
        ("ES384", ec_key("P-384"), "sha384"),
        ("ES512", ec_key("P-521"), "sha512"),
        ("Ed25519", ed_key(), "sha512"),
    ],
)
async def test_every_algorithm_that_can_be_pinned_works(
    redis_url: str, provider: HostileProvider, clock: Clock, algorithm: str, key: Any, hashed: str
) -> None:
    provider.key, provider.jwks = key, [public(key)]
    provider.header["alg"] = algorithm
    provider.token["access_token"] = "access-1"
    provider.claims["at_hash"] = at_hash("access-1", hashed)
    async with (
        staged(redis_url, provider, clock, provider_setting(algorithms=[algorithm])) as stage,
        stage.browser() as browser,
    ):
        assert (await browser.sign_in(provider)).headers["location"] == ACCOUNT
    other = "RS256" if algorithm != "RS256" else "PS256"
    async with (
        staged(redis_url, provider, clock, provider_setting(algorithms=[other])) as stage,
        stage.browser() as browser,
    ):
        assert (await browser.sign_in(provider)).headers["location"] == f"{ACCOUNT}?login_error=token_invalid"


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": [CLIENT], "azp": CLIENT},
        {"aud": [CLIENT, CLIENT]},
        {"exp": 1_800_000_000 - 29},
        {"iat": 1_800_000_000 + 29, "nbf": 1_800_000_000 + 29},
        {"iat": 1_800_000_000.5},
        {"at_hash": GONE, "sid": GONE, "auth_time": GONE, "email_verified": GONE},
        {"sub": "s" * 255},
    ],
)
async def test_what_the_specification_allows_is_a_login(
    browser: Browser, provider: HostileProvider, claims: Any
) -> None:
    provider.claims.update(claims)
    assert (await browser.sign_in(provider)).headers["location"] == ACCOUNT


@pytest.mark.parametrize("header", [{"typ": GONE}, {"typ": "jwt"}, {"typ": "application/jwt"}, {"kid": GONE}])
async def test_headers_that_may_be_left_out_may_be(browser: Browser, provider: HostileProvider, header: Any) -> None:
    provider.header.update(header)
    assert (await browser.sign_in(provider)).headers["location"] == ACCOUNT


@pytest.mark.parametrize(
    "other", [public(ec_key("P-256")), public(rsa_key("second"), alg="RS512")], ids=["EC", "RS512"]
)
async def test_a_token_that_names_no_key_is_of_the_only_one_that_fits(
    browser: Browser, provider: HostileProvider, other: Any
) -> None:
    provider.header["kid"] = GONE
    provider.jwks.append(other)
    assert (await browser.sign_in(provider)).headers["location"] == ACCOUNT


# Claims


async def test_claims_are_read_by_the_names_of_the_settings(
    redis_url: str, provider: HostileProvider, clock: Clock
) -> None:
    names = {
        "email": "mail",
        "email_verified": "",
        "group": "groups",
        "newsletter": "https://shop.example/news",
        "name": "nick",
    }
    provider.claims |= {
        "mail": "j@example.org",
        "groups": ["Wholesale", "", 1, "VIP"],
        "https://shop.example/news": True,
        "nick": 5,
    }
    async with staged(redis_url, provider, clock, provider_setting(claims=names)) as stage, stage.browser() as browser:
        await browser.sign_in(provider)
        identity = await browser.identity() or {}
    told = {name: identity[name] for name in ("email", "email_verified", "groups", "newsletter", "name")}
    assert told == {
        "email": "j@example.org",
        "email_verified": False,
        "groups": ["Wholesale", "VIP"],
        "newsletter": True,
        "name": None,
    }
    assert provider.times_asked("/userinfo") == 0


@pytest.mark.parametrize(
    ("given", "verified"),
    [(True, True), ("true", True), (False, False), ("false", False), (1, False), ("yes", False), (None, False)],
)
async def test_an_address_is_verified_only_where_the_provider_says_so(
    browser: Browser, provider: HostileProvider, given: object, verified: bool
) -> None:
    provider.claims["email_verified"] = given
    await browser.sign_in(provider)
    assert (await browser.identity() or {})["email_verified"] is verified


async def test_an_address_that_is_not_in_the_token_is_asked_for_and_what_is_signed_stands(
    browser: Browser, provider: HostileProvider
) -> None:
    provider.claims |= {"email": GONE, "email_verified": GONE}
    provider.userinfo = {"given_name": "Mallory", "iss": "https://evil.example", "nonce": "x"}
    await browser.sign_in(provider)
    identity = await browser.identity() or {}
    assert (identity["email"], identity["email_verified"], identity["first_name"]) == ("jane@example.com", True, "Jane")
    assert identity["issuer"] == ISSUER
    [asked] = [each for each in provider.asked if each.path == "/userinfo"]
    assert asked.headers["authorization"] == f"Bearer {identity['access_token']}"


async def test_an_address_of_the_userinfo_is_verified_only_where_the_userinfo_says_so(
    browser: Browser, provider: HostileProvider
) -> None:
    provider.claims |= {"email": GONE, "email_verified": True}
    provider.userinfo = {"email": "rich@example.com", "email_verified": GONE}
    await browser.sign_in(provider)
    identity = await browser.identity() or {}
    assert (identity["email"], identity["email_verified"]) == ("rich@example.com", False)


async def test_a_provider_without_userinfo_tells_what_is_in_the_token(
    browser: Browser, provider: HostileProvider
) -> None:
    provider.claims["email"] = GONE
    provider.metadata["userinfo_endpoint"] = GONE
    await browser.sign_in(provider)
    identity = await browser.identity() or {}
    assert (identity["email"], identity["first_name"]) == (None, "Jane")


# Being signed in


async def test_who_is_signed_in_is_told_without_a_token_and_begins_no_session(
    redis_url: str, browser: Browser, clock: Clock, provider: HostileProvider
) -> None:
    before = await kept(redis_url)
    nobody = await browser.get("/auth/session")
    assert (nobody.json(), set_cookies(nobody)) == ({"signedIn": False}, [])
    assert await kept(redis_url) == before
    await browser.begin_session(**CART)
    assert (await browser.get("/auth/session")).json() == {"signedIn": False}
    await browser.sign_in(provider)
    told = await browser.get("/auth/session")
    assert told.json() == {
        "signedIn": True,
        "provider": "id",
        "name": "Jane Doe",
        "firstName": "Jane",
        "lastName": "Doe",
        "email": "jane@example.com",
        "emailVerified": True,
        "authTime": clock.now - 5,
        "until": clock.now + 604_800,
    }
    assert told.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": SHOP, "Sec-Fetch-Site": "same-site"}, 200),
        ({"Origin": API}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Mode": "no-cors"}, 403),
    ],
)
async def test_foreign_pages_are_not_told_who_is_signed_in(
    browser: Browser, provider: HostileProvider, headers: dict[str, str], status: int
) -> None:
    await browser.sign_in(provider)
    answer = await browser.get("/auth/session", **headers)
    assert answer.status_code == status
    assert ("jane" in answer.text) == (status == 200)


async def test_logging_out_ends_the_session_and_takes_the_cookie(
    browser: Browser, stage: Stage, provider: HostileProvider
) -> None:
    await browser.sign_in(provider)
    token = browser.token
    answer = await browser.client.post("/auth/logout", headers=UNSAFE)
    assert (answer.status_code, answer.json()["signedIn"]) == (200, False)
    assert set_cookies(answer) == [f"{COOKIE}=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax; Secure"]
    assert await stage.sessions.open(token) is None
    assert browser.token is None
    again = await browser.client.post("/auth/logout", headers=UNSAFE)
    assert again.json() == {"signedIn": False, "logoutUrl": None}


@pytest.mark.parametrize(
    "headers",
    [{}, {"X-Vitrine": "1", "Origin": "https://evil.example"}, {"X-Vitrine": "1", "Sec-Fetch-Site": "cross-site"}],
)
async def test_another_site_logs_nobody_out(
    browser: Browser, stage: Stage, provider: HostileProvider, headers: dict[str, str]
) -> None:
    await browser.sign_in(provider)
    answer = await browser.client.post("/auth/logout", headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "CROSS_SITE")
    assert (set_cookies(answer), await stage.sessions.open(browser.token) is None) == ([], False)
    assert (await browser.get("/auth/logout")).status_code == 405


async def test_no_answer_is_kept_anywhere_or_tells_where_one_came_from(
    browser: Browser, provider: HostileProvider
) -> None:
    url = await browser.login()
    answers = [
        await browser.get("/auth/login?return_to=/account"),
        await browser.get("/auth/login?return_to=//evil.example"),
        await browser.get(provider.authorize(url)),
        await browser.get("/auth/callback"),
        await browser.get("/auth/session"),
        await browser.client.post("/auth/logout", headers=UNSAFE),
        await browser.client.post("/auth/token"),
        await browser.client.head("/auth/session"),
    ]
    for answer in answers:
        told = {
            name: answer.headers.get(name) for name in ("cache-control", "referrer-policy", "x-content-type-options")
        }
        assert told == {
            "cache-control": "no-store",
            "referrer-policy": "no-referrer",
            "x-content-type-options": "nosniff",
        }


async def test_redis_being_away_is_told_and_makes_nothing(provider: HostileProvider, clock: Clock) -> None:
    async with staged("unix:///nowhere/redis.sock", provider, clock) as stage, stage.browser() as browser:
        for path in ("/auth/login?return_to=/account", f"/auth/callback?code=c&state={'A' * 43}"):
            answer = await browser.get(path)
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "STATE_UNAVAILABLE")
            assert COOKIE not in str(set_cookies(answer))


# What is written down


async def test_the_log_of_a_whole_login_has_no_token_and_no_claim(
    browser: Browser, stage: Stage, provider: HostileProvider
) -> None:
    with capture_logs() as logs:
        url = provider.authorize(await browser.login())
        await browser.get(url)
        identity = await browser.identity() or {}
        await browser.get(url)
        provider.claims["sub"] = ""
        await browser.sign_in(provider)
        await browser.get("/auth/session")
        await browser.client.post("/auth/logout", headers=UNSAFE)
    assert [each["event"] for each in logs] == ["login.finished", "login.refused", "login.refused", "logout.finished"]
    secret = [
        identity[name] for name in ("id_token", "access_token", "refresh_token", "email", "subject", "sid", "name")
    ]
    asked = [each for each in provider.asked if each.path == "/token"]
    secret += [value for each in asked for value in (each.form["code"], each.form["code_verifier"])]
    secret += [*query_of(url).values(), SECRET, "Jane", *(part for part in identity["id_token"].split("."))]
    written = json.dumps(logs)
    assert [value for value in secret if value in written and value != ISSUER] == []
    assert len(secret) > 15


def test_a_challenge_is_the_one_of_the_specification() -> None:
    from app.auth.oidc import challenge_of

    # RFC 7636, appendix B.
    assert challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    assert b64(b"\xfb\xff") == "-_8"


async def test_one_address_begins_so_many_logins_and_no_more_over_all_processes(
    redis_url: str, provider: HostileProvider, clock: Clock
) -> None:
    await flush(redis_url)
    async with staged(redis_url, provider, clock, logins_per_address=3) as stage, stage.browser() as browser:
        for _ in range(3):
            await browser.login()
            stage.another_process()
        before = await whole_of(redis_url)
        refused = await browser.get("/auth/login?return_to=/account")
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "TOO_MANY_ATTEMPTS")
        assert "location" not in refused.headers
        assert await whole_of(redis_url) == before
        clock.now += 900
        await browser.login()
