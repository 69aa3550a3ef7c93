"""What a hostile provider, browser or network does at a login, and why it is refused. docs/sign-in.md lists the same."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc.jwk import RSAKey
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response

from tests.hostile_provider import GONE, ISSUER, SECRET, HostileProvider, b64, by_hand, ec_key, public, rsa_key, signed
from tests.sign_in_stage import Browser, query_of

Change = Callable[[HostileProvider], None]
# From the provider's answer to the URL that the browser opens; it may do other things first.
Journey = Callable[[Browser, HostileProvider, str], Awaitable[str]]


@dataclass(frozen=True)
class Case:
    """`reason` is what the storefront is told, `why` what our log says; `query` is that of the login, `given` are
    settings. `at_start`: the browser is not even sent to the provider. `in_place`: the login is not known, so that the
    storefront cannot be told."""

    name: str
    reason: str
    why: str
    change: Change = lambda _: None
    journey: Journey | None = None
    query: str = "return_to=/account"
    provider: dict[str, Any] | None = None
    given: dict[str, Any] | None = None
    at_start: bool = False
    in_place: bool = False


def put(part: str, **values: Any) -> Change:
    """Puts values into a part of what the provider says."""
    return lambda provider: getattr(provider, part).update(values)


def answers(path: str, response: Response | None) -> Change:
    return lambda provider: provider.answers.update({path: response})


def forges(forge: Callable[[dict[str, Any], bytes], str]) -> Change:
    def change(provider: HostileProvider) -> None:
        provider.forge = forge

    return change


def has_keys(*keys: dict[str, Any]) -> Change:
    def change(provider: HostileProvider) -> None:
        provider.jwks = list(keys)

    return change


def both(*changes: Change) -> Change:
    def change(provider: HostileProvider) -> None:
        for each in changes:
            each(provider)

    return change


def again(name: str, value: str) -> Change:
    return lambda provider: provider.again.append((name, value))


# Forged tokens

FIRST = rsa_key("first")
STRANGER = RSAKey.import_key(rsa_key("stranger").as_dict(private=True), {"kid": "first"})


def hmac_by_hand(secret: bytes) -> Callable[[dict[str, Any], bytes], str]:
    def forge(header: dict[str, Any], payload: bytes) -> str:
        text = f"{b64(orjson.dumps({**header, 'alg': 'HS256'}))}.{b64(payload)}"
        return f"{text}.{b64(hmac.digest(secret, text.encode(), 'sha256'))}"

    return forge


def altered(header: dict[str, Any], payload: bytes) -> str:
    front, _, end = signed(FIRST, header, payload).split(".")
    return f"{front}.{b64(payload.replace(b'jane-1', b'rich-1'))}.{end}"


def with_its_own_key(header: dict[str, Any], payload: bytes) -> str:
    key = ec_key("P-256")
    return signed(key, {"alg": "ES256", "jwk": key.as_dict(private=False)}, payload)


def small_key(header: dict[str, Any], payload: bytes) -> str:
    text = f"{b64(orjson.dumps(header))}.{b64(payload)}"
    return f"{text}.{b64(SMALL.sign(text.encode(), PKCS1v15(), SHA256()))}"


SMALL = generate_private_key(65537, 1024)
SMALL_JWK = {
    "kty": "RSA",
    "kid": "first",
    "n": b64(SMALL.public_key().public_numbers().n.to_bytes(128, "big")),
    "e": "AQAB",
}
UNENCODED = {"b64": False, "crit": ["b64"]}
DISCOVERY = "/.well-known/openid-configuration"


# Journeys


async def without_state(_: Browser, __: HostileProvider, url: str) -> str:
    return url.replace("state=", "stated=")


async def made_up_state(_: Browser, __: HostileProvider, url: str) -> str:
    return url.partition("?")[0] + "?code=c&state=" + "A" * 43


async def twice(browser: Browser, _: HostileProvider, url: str) -> str:
    kept = list(browser.client.cookies.jar)
    first = await browser.get(url)
    assert "login_error" not in first.headers["location"]
    for cookie in kept:
        if "login" in cookie.name:
            browser.client.cookies.jar.set_cookie(cookie)
    return url


async def in_another_browser(browser: Browser, _: HostileProvider, url: str) -> str:
    drop_login_cookies(browser)
    return url


async def with_another_tabs_cookie(browser: Browser, provider: HostileProvider, url: str) -> str:
    [mine] = [cookie for cookie in browser.client.cookies.jar if "login" in cookie.name]
    await browser.login()
    [other] = [cookie for cookie in browser.client.cookies.jar if "login" in cookie.name and cookie.name != mine.name]
    mine.value = other.value
    return url


async def with_the_cookie_twice(browser: Browser, _: HostileProvider, url: str) -> str:
    [mine] = [cookie for cookie in browser.client.cookies.jar if "login" in cookie.name]
    browser.client.headers["Cookie"] = f"{mine.name}={'A' * 43}; {mine.name}={mine.value}"
    return url


async def too_late(browser: Browser, _: HostileProvider, url: str) -> str:
    browser.stage.clock.now += 601
    return url


async def by_a_path_of_another(_: Browser, __: HostileProvider, url: str) -> str:
    return url.replace("/auth/callback?", "/auth/callback/other?")


async def by_the_common_path(_: Browser, __: HostileProvider, url: str) -> str:
    return url.replace("/auth/callback/id?", "/auth/callback?")


async def state_of_another_login(browser: Browser, provider: HostileProvider, url: str) -> str:
    """The code of this login with the state of another tab's: its nonce and verifier are not this code's."""
    other = provider.authorize(await browser.login())
    return url.replace(query_of(url)["state"], query_of(other)["state"])


async def with_something_else_in_redis(browser: Browser, _: HostileProvider, url: str) -> str:
    await browser.stage.state.put(login_place(url), b'{"provider": "id"}', 60)
    return url


async def with_another_login_copied_in_redis(browser: Browser, provider: HostileProvider, url: str) -> str:
    """Who can write Redis, and has a login of his own, puts that one in the place of the victim's."""
    other = provider.authorize(await browser.login())
    sealed = await browser.stage.state.get(login_place(other))
    assert sealed is not None
    await browser.stage.state.put(login_place(url), sealed, 60)
    return url


def login_place(url: str) -> str:
    return "login:" + hashlib.sha256(query_of(url)["state"].encode()).hexdigest()


def drop_login_cookies(browser: Browser) -> None:
    for cookie in [each for each in browser.client.cookies.jar if "login" in each.name]:
        browser.client.cookies.jar.clear(cookie.domain, cookie.path, cookie.name)


def metadata(name: str, reason: str, why: str, **values: Any) -> Case:
    return Case(name, reason, why, put("metadata", **values), at_start=True)


def claim(name: str, check: str, **values: Any) -> Case:
    return Case(name, "token_invalid", f"ID token: {check}", put("claims", **values))


def forged(name: str, check: str, change: Change) -> Case:
    return Case(name, "token_invalid", f"ID token: {check}", change)


def token(name: str, reason: str, why: str, **values: Any) -> Case:
    return Case(name, reason, why, put("token", **values))


NO_URL = "provider_unfit"
METADATA = [
    metadata("the metadata is another issuer's", "issuer_mismatch", "the metadata is of another issuer", issuer="https://evil.example"),
    metadata("the metadata's issuer has a slash more", "issuer_mismatch", "the metadata is of another issuer", issuer=f"{ISSUER}/"),
    metadata("the metadata's issuer is in capitals", "issuer_mismatch", "the metadata is of another issuer", issuer="https://ID.example"),
    metadata("the metadata has no issuer", "issuer_mismatch", "the metadata is of another issuer", issuer=GONE),
    metadata("the login page is a script", NO_URL, "its authorization_endpoint is no https URL", authorization_endpoint="javascript:alert(1)"),
    metadata("the login page is reached by http", NO_URL, "its authorization_endpoint is no https URL", authorization_endpoint="http://id.example/authorize"),
    metadata("the login page has a fragment", NO_URL, "its authorization_endpoint is no https URL", authorization_endpoint=f"{ISSUER}/authorize#x"),
    metadata("the token endpoint is reached by http", NO_URL, "its token_endpoint is no https URL", token_endpoint="http://id.example/token"),
    metadata("the token endpoint is a machine of our network, by http", NO_URL, "its token_endpoint is no https URL", token_endpoint="http://127.0.0.1/token"),
    metadata("the token endpoint has a user in it", NO_URL, "its token_endpoint is no https URL", token_endpoint="https://id.example@evil.example/token"),
    metadata("there is no token endpoint", NO_URL, "its token_endpoint is no https URL", token_endpoint=GONE),
    metadata("the keys are reached by http", NO_URL, "its jwks_uri is no https URL", jwks_uri="http://id.example/jwks"),
    metadata("there are no keys", NO_URL, "its jwks_uri is no https URL", jwks_uri=GONE),
    metadata("the userinfo endpoint is a file", NO_URL, "its userinfo_endpoint is no https URL", userinfo_endpoint="file:///etc/passwd"),
    metadata("PKCE is offered as plain only", NO_URL, "it does not offer PKCE with S256", code_challenge_methods_supported=["plain"]),
    metadata("the code flow is not offered", NO_URL, "it does not offer the code flow", response_types_supported=["id_token"]),
    Case("the metadata is moved elsewhere", "answer_invalid", "Discovery: HTTP 302", answers(DISCOVERY, RedirectResponse("https://evil.example/", 302)), at_start=True),
    Case("the metadata fails", "provider_unavailable", "Discovery: HTTP 500", answers(DISCOVERY, Response(status_code=500)), at_start=True),
    Case("the metadata is a page", "answer_invalid", "Discovery: no JSON", answers(DISCOVERY, PlainTextResponse("<html>")), at_start=True),
    Case("the metadata is a list", "answer_invalid", "Discovery: no JSON object", answers(DISCOVERY, JSONResponse([])), at_start=True),
    Case("the metadata has no end", "answer_invalid", "Discovery: more than 262144 bytes", answers(DISCOVERY, PlainTextResponse(" " * 300_000)), at_start=True),
    Case("the metadata never comes", "provider_unavailable", "Discovery: Discovery: no answer within 0.2 s", answers(DISCOVERY, None), given={"oidc_timeout": 0.2}, at_start=True),
]  # fmt: skip

RESPONSE = [
    Case("the response names no issuer, though it always does", "issuer_mismatch", "the response is of another issuer", put("response", iss=GONE)),
    Case("the response names another issuer", "issuer_mismatch", "the response is of another issuer", put("response", iss="https://evil.example")),
    Case("the response names another issuer, where none was promised", "issuer_mismatch", "the response is of another issuer",
         both(put("metadata", authorization_response_iss_parameter_supported=False), put("response", iss="https://evil.example"))),
    Case("an error names another issuer", "issuer_mismatch", "the response is of another issuer", put("response", iss="https://evil.example", error="access_denied", code=GONE)),
    Case("the issuer is given twice", "request_invalid", "a parameter is given twice", again("iss", "https://evil.example"), in_place=True),
    Case("the code is given twice", "request_invalid", "a parameter is given twice", again("code", "another"), in_place=True),
    Case("the state is given twice", "request_invalid", "a parameter is given twice", again("state", "A" * 43), in_place=True),
    Case("the error is given twice", "request_invalid", "a parameter is given twice", both(put("response", error="x"), again("error", "y")), in_place=True),
    Case("there is no code", "request_invalid", "there is no code", put("response", code=GONE)),
    Case("the code is empty", "request_invalid", "there is no code", put("response", code="")),
    Case("the code is too long", "request_invalid", "there is no code", put("response", code="c" * 4097)),
    Case("the code has a line break", "request_invalid", "there is no code", put("response", code="c\r\nX: y")),
    Case("the code is made up", "provider_error", "Token: invalid_grant", put("response", code="made-up")),
    Case("the shopper does not want to", "denied", "the provider answered with an error", put("response", error="access_denied", code=GONE)),
    Case("the provider wants to see the shopper", "interaction_required", "the provider answered with an error", put("response", error="login_required", code=GONE), query="return_to=/account&prompt=none"),
    Case("the provider is busy", "provider_unavailable", "the provider answered with an error", put("response", error="temporarily_unavailable", code=GONE)),
    Case("the error is a script", "provider_error", "the provider answered with an error", put("response", error="<script>alert(1)</script>", error_description="<b>", code=GONE)),
    Case("an error comes with a good code", "provider_error", "the provider answered with an error", put("response", error="strange")),
]  # fmt: skip

STATE = "state_invalid"
UNKNOWN = "the state is unknown, used or too old"
FOREIGN = "the login did not begin in this browser"
STATES = [
    Case("there is no state", STATE, "there is no state", journey=without_state, in_place=True),
    Case("the state is made up", STATE, UNKNOWN, journey=made_up_state, in_place=True),
    Case("the response is sent again", STATE, UNKNOWN, journey=twice, in_place=True),
    Case("the response comes from another browser", STATE, FOREIGN, journey=in_another_browser, in_place=True),
    Case("the response comes with another tab's cookie", STATE, FOREIGN, journey=with_another_tabs_cookie, in_place=True),
    Case("the login's cookie is there twice", STATE, FOREIGN, journey=with_the_cookie_twice, in_place=True),
    Case("the response comes too late", STATE, "the login took too long", journey=too_late, in_place=True),
    Case("Redis has something else under the state", STATE, UNKNOWN, journey=with_something_else_in_redis, in_place=True),
    Case("Redis has another login copied under the state", STATE, UNKNOWN, journey=with_another_login_copied_in_redis, in_place=True),
    Case("the response comes by a path of another provider", STATE, "the response came by the callback of another provider", journey=by_a_path_of_another),
    Case("the response of a provider with a path of its own comes by the common one", STATE, "the response came by the callback of another provider", journey=by_the_common_path, provider={"own_callback": True}),
    Case("the code is another login's", "provider_error", "Token: invalid_grant", journey=state_of_another_login),
]  # fmt: skip

ENDPOINT = [
    Case("the token endpoint refuses the code", "provider_error", "Token: invalid_grant", answers("/token", JSONResponse({"error": "invalid_grant"}, 400))),
    Case("the token endpoint refuses in words of its own", "provider_error", "Token: HTTP 400", answers("/token", JSONResponse({"error": "see jane@example.com"}, 400))),
    Case("the token endpoint fails", "provider_unavailable", "Token: HTTP 500", answers("/token", JSONResponse({}, 500))),
    Case("the token endpoint is away", "provider_unavailable", "Token: HTTP 503", answers("/token", JSONResponse({}, 503))),
    Case("the token endpoint wants fewer calls", "provider_unavailable", "Token: HTTP 429", answers("/token", JSONResponse({}, 429))),
    Case("the token endpoint is moved elsewhere", "answer_invalid", "Token: HTTP 307", answers("/token", RedirectResponse("https://evil.example/", 307))),
    Case("the tokens never come", "provider_unavailable", "Token: Token: no answer within 0.2 s", answers("/token", None), given={"oidc_timeout": 0.2}),
    Case("the tokens have no end", "answer_invalid", "Token: more than 262144 bytes", answers("/token", PlainTextResponse("{" + " " * 300_000))),
    Case("the tokens are a page", "answer_invalid", "Token: no JSON", answers("/token", PlainTextResponse("<html>"))),
    Case("the tokens are a list", "answer_invalid", "Token: no JSON object", answers("/token", JSONResponse(["a"]))),
    Case("the provider takes no way of ours to show the secret", "provider_unfit", "it takes no client secret, by Basic or in the body", put("metadata", token_endpoint_auth_methods_supported=["private_key_jwt"])),
    token("there is no access token", "answer_invalid", "Token: there is no access_token", access_token=GONE),
    token("the access token has a line break", "answer_invalid", "Token: access_token is no token", access_token="a\r\nX: y"),
    token("the access token is a number", "answer_invalid", "Token: access_token is no token", access_token=1),
    token("the tokens are of another kind", "answer_invalid", "Token: token_type is not Bearer", token_type="DPoP"),
    token("the tokens are of no kind", "answer_invalid", "Token: token_type is not Bearer", token_type=GONE),
    token("the tokens run out at no time", "answer_invalid", "Token: expires_in is no number", expires_in="soon"),
    token("the refresh token is too long", "identity_too_large", "Token: refresh_token is too long", refresh_token="r" * 8193),
    Case("all tokens together are too long for a session", "identity_too_large", "the session cannot hold it", both(put("token", refresh_token="r" * 8192, access_token="a" * 8192), put("claims", at_hash=GONE))),
    token("there is no ID token", "token_invalid", "there is no ID token", id_token=GONE),
    token("the ID token is empty", "answer_invalid", "Token: id_token is no token", id_token=""),
]  # fmt: skip

SIGNATURE = [
    forged("the ID token is not signed (`none`)", "alg", forges(lambda header, payload: by_hand({**header, "alg": "none"}, payload))),
    forged("the ID token is signed by our secret (HS256)", "alg", forges(hmac_by_hand(SECRET.encode()))),
    forged("the ID token is signed by the public key as if it were a secret", "alg", forges(hmac_by_hand(FIRST.as_pem(private=False)))),
    forged("the algorithm is one that is not pinned", "alg", put("header", alg="PS256")),
    forged("there is no algorithm", "malformed", forges(lambda header, payload: by_hand({"kid": "first"}, payload, b"x" * 256))),
    forged("the algorithm is a list", "alg", forges(lambda header, payload: by_hand({**header, "alg": ["RS256"]}, payload, b"x" * 256))),
    forged("a stranger signed by a key of the same name", "signature", forges(lambda header, payload: signed(STRANGER, header, payload))),
    Case("a stranger's key is in the header", "token_invalid", "ID token: signature", forges(with_its_own_key), provider={"algorithms": ["RS256", "ES256"]}),
    forged("a stranger's keys are named in the header", "signature", forges(lambda header, payload: signed(STRANGER, {**header, "jku": "https://evil.example/jwks"}, payload))),
    forged("the key has a name that nobody knows", "signature", put("header", kid="unknown")),
    forged("the key has no name, and there are two", "kid", both(put("header", kid=GONE), has_keys(public(FIRST), public(rsa_key("second"))))),
    forged("the name of the key is a number", "header", forges(lambda header, payload: by_hand({**header, "kid": 1}, payload, b"x" * 256))),
    forged("the header has a critical extension", "crit", forges(lambda header, payload: by_hand({**header, "crit": ["exp"], "exp": 1}, payload, b"x" * 256))),
    forged("the payload is not encoded", "crit", forges(lambda header, payload: by_hand({**header, **UNENCODED}, payload, b"x" * 256))),
    forged("the ID token is a logout token by its type", "typ", put("header", typ="logout+jwt")),
    forged("the ID token is an access token by its type", "typ", put("header", typ="at+jwt")),
    forged("the claims are not those that were signed", "signature", forges(altered)),
    forged("the signature is cut off", "signature", forges(lambda header, payload: signed(FIRST, header, payload).rpartition(".")[0] + ".")),
    forged("the ID token is encrypted", "malformed", put("token", id_token="a.b.c.d.e")),
    forged("the ID token has two parts", "malformed", put("token", id_token="a.b")),
    forged("the header is no JSON", "malformed", put("token", id_token="a.b.c")),
    forged("the header is a list", "malformed", put("token", id_token=f"{b64(b'[]')}.{b64(b'{}')}.c")),
    forged("the claims are a list", "malformed", forges(lambda header, _: signed(FIRST, header, b"[]"))),
    forged("the claims are no JSON", "malformed", forges(lambda header, _: signed(FIRST, header, b"{'sub': 1}"))),
    forged("the key is for encryption", "signature", has_keys(public(FIRST) | {"use": "enc"})),
    forged("the key may not verify", "signature", has_keys({**FIRST.as_dict(private=False), "key_ops": ["encrypt"]})),
    forged("the key is for another algorithm", "signature", has_keys(public(FIRST, alg="RS512"))),
    forged("the key is of another kind", "signature", has_keys(public(ec_key("P-256"), kid="first"))),
    forged("the key is a secret", "signature", has_keys({"kty": "oct", "kid": "first", "k": b64(SECRET.encode())})),
    forged("the key is too short", "signature", both(has_keys(SMALL_JWK), forges(small_key))),
    forged("the key cannot be read", "signature", has_keys({"kty": "RSA", "kid": "first", "n": public(FIRST)["n"], "e": "?"})),
    Case("the keys fail", "provider_unavailable", "Keys: HTTP 500", answers("/jwks", Response(status_code=500))),
    Case("the keys are no list", "answer_invalid", "Keys: no list of keys", answers("/jwks", JSONResponse({"keys": {}}))),
    Case("the keys are moved elsewhere", "answer_invalid", "Keys: HTTP 302", answers("/jwks", RedirectResponse("https://evil.example/", 302))),
]  # fmt: skip

CLAIMS = [
    claim("the issuer is another", "iss", iss="https://evil.example"),
    claim("the issuer has a slash more", "iss", iss=f"{ISSUER}/"),
    claim("there is no issuer", "iss", iss=GONE),
    claim("the issuer is a list", "iss", iss=[ISSUER]),
    claim("the audience is another", "aud", aud="other"),
    claim("the audience has a stranger in it", "aud", aud=["shop", "other"]),
    claim("there is no audience", "aud", aud=GONE),
    claim("the audience is empty", "aud", aud=[]),
    claim("the audience has an object in it", "aud", aud=["shop", {}]),
    claim("it was made for another (azp)", "azp", azp="other"),
    claim("it was made for nobody (azp)", "azp", azp=None),
    claim("it ran out", "exp", exp=1_800_000_000 - 30),
    claim("it never runs out", "exp", exp=GONE),
    claim("it runs out at a text", "exp", exp="1900000000"),
    claim("it was made at true", "iat", iat=True),
    claim("it was made in the future", "iat", iat=1_800_000_000 + 31),
    claim("it was made at no time", "iat", iat=GONE),
    claim("it is not good yet", "nbf", nbf=1_800_000_000 + 31),
    claim("the nonce is another login's", "nonce", nonce="A" * 43),
    claim("there is no nonce", "nonce", nonce=GONE),
    claim("the nonce is a number", "nonce", nonce=1),
    claim("there is no subject", "sub", sub=GONE),
    claim("the subject is empty", "sub", sub=""),
    claim("the subject is blank", "sub", sub=" \t"),
    claim("the subject is a number", "sub", sub=1),
    claim("the subject is too long", "sub", sub="s" * 256),
    claim("the access token is another's (at_hash)", "at_hash", at_hash="A" * 22),
    claim("at_hash is a number", "at_hash", at_hash=1),
    claim("it is a logout token by its events", "events", events={"http://schemas.openid.net/event/backchannel-logout": {}}),
    claim("the provider's session is a number", "sid", sid=1),
    claim("the provider's session is empty", "sid", sid=""),
    claim("the shopper signed in in the future", "auth_time", auth_time=1_800_000_000 + 31),
    claim("the shopper signed in at a text", "auth_time", auth_time="now"),
    Case("max_age was asked for, and nothing says when the shopper signed in", "token_invalid", "ID token: auth_time", put("claims", auth_time=GONE), query="return_to=/account&max_age=60"),
    Case("the shopper signed in too long ago", "sign_in_too_old", "ID token: max_age", put("claims", auth_time=1_800_000_000 - 91), query="return_to=/account&max_age=60"),
    Case("the shopper signed in too long ago for the settings", "sign_in_too_old", "ID token: max_age", put("claims", auth_time=1_800_000_000 - 91), query="return_to=/account&max_age=3600", provider={"max_age": 60}),
]  # fmt: skip

NO_EMAIL = put("claims", email=GONE)
USERINFO = [
    Case("the userinfo is another's", "userinfo_invalid", "the userinfo is of another subject", both(NO_EMAIL, put("userinfo", sub="rich-1"))),
    Case("the userinfo is nobody's", "userinfo_invalid", "the userinfo is of another subject", both(NO_EMAIL, put("userinfo", sub=GONE))),
    Case("the userinfo fails", "provider_unavailable", "UserInfo: HTTP 500", both(NO_EMAIL, answers("/userinfo", Response(status_code=500)))),
    Case("the userinfo is refused", "answer_invalid", "UserInfo: HTTP 401", both(NO_EMAIL, answers("/userinfo", JSONResponse({"sub": "jane-1"}, 401)))),
    Case("the userinfo is a token", "answer_invalid", "UserInfo: no JSON", both(NO_EMAIL, answers("/userinfo", PlainTextResponse("a.b.c", media_type="application/jwt")))),
]  # fmt: skip

CASES = [*METADATA, *RESPONSE, *STATES, *ENDPOINT, *SIGNATURE, *CLAIMS, *USERINFO]
