"""Logout tokens and refreshed ID tokens: what is taken, and what each check refuses."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from app.auth.tokens import (
    LOGOUT_EVENT,
    KeyUnknown,
    Logout,
    Signed,
    TokenRefused,
    check_id_token,
    check_logout_token,
    check_refreshed,
    read,
)
from tests.hostile_provider import GONE, at_hash, public, rsa_key, signed

ISSUER, CLIENT, NOW = "https://id.example", "shop", 1_800_000_000.0
KEY = rsa_key("first")
LOGOUT = {
    "iss": ISSUER,
    "aud": CLIENT,
    "iat": int(NOW),
    "exp": int(NOW) + 120,
    "jti": "jti-1",
    "sub": "jane-1",
    "sid": "sid-1",
    "events": {LOGOUT_EVENT: {}},
}
FIRST = {"iss": ISSUER, "sub": "jane-1", "aud": CLIENT, "nonce": "n", "auth_time": int(NOW) - 60}
REFRESHED = {"iss": ISSUER, "sub": "jane-1", "aud": CLIENT, "iat": int(NOW), "exp": int(NOW) + 300}


def token(claims: dict[str, Any], **header: Any) -> Signed:
    """The token with these claims, as it is read; `GONE` leaves a part out."""
    head = {name: value for name, value in {"alg": "RS256", "kid": "first", **header}.items() if value is not GONE}
    payload = orjson.dumps({name: value for name, value in claims.items() if value is not GONE})
    return read(signed(KEY, head, payload), [public(KEY)], ["RS256"])


def logged_out(typ: object = "logout+jwt", **claims: Any) -> Logout:
    return check_logout_token(token({**LOGOUT, **claims}, typ=typ), issuer=ISSUER, client_id=CLIENT, now=NOW)


def refreshed(**claims: Any) -> Any:
    return check_refreshed(token({**REFRESHED, **claims}), FIRST, now=NOW, access_token="access")


def test_a_logout_token_says_who_is_logged_out() -> None:
    assert logged_out() == Logout(ISSUER, "jane-1", "sid-1", "jti-1", NOW + 120)


@pytest.mark.parametrize(
    ("claims", "who"),
    [
        ({"sub": GONE}, (None, "sid-1")),
        ({"sid": GONE}, ("jane-1", None)),
        ({"aud": [CLIENT], "iat": int(NOW) - 149, "exp": int(NOW) - 29}, ("jane-1", "sid-1")),
        ({"events": {LOGOUT_EVENT: {"x": 1}, "urn:other": {}}}, ("jane-1", "sid-1")),
        ({"typ": "application/logout+jwt"}, ("jane-1", "sid-1")),
        ({"typ": "LOGOUT+JWT"}, ("jane-1", "sid-1")),
    ],
)
def test_a_logout_token_names_a_session_or_a_subject_or_both(
    claims: dict[str, Any], who: tuple[object, object]
) -> None:
    found = logged_out(**claims)
    assert (found.subject, found.sid) == who


@pytest.mark.parametrize(
    ("check", "claims"),
    [
        ("typ", {"typ": GONE}),
        ("typ", {"typ": "JWT"}),
        ("typ", {"typ": "at+jwt"}),
        ("iss", {"iss": "https://evil.example"}),
        ("iss", {"iss": GONE}),
        ("aud", {"aud": "other"}),
        ("aud", {"aud": [CLIENT, "other"]}),
        ("aud", {"aud": GONE}),
        ("azp", {"azp": "other"}),
        ("exp", {"exp": int(NOW) - 30}),
        ("exp", {"exp": GONE}),
        ("iat", {"iat": int(NOW) + 31}),
        ("iat", {"iat": int(NOW) - 151}),
        ("iat", {"iat": GONE}),
        ("nbf", {"nbf": int(NOW) + 31}),
        ("events", {"events": GONE}),
        ("events", {"events": {}}),
        ("events", {"events": [LOGOUT_EVENT]}),
        ("events", {"events": {LOGOUT_EVENT: True}}),
        ("events", {"events": {"urn:other": {}}}),
        ("nonce", {"nonce": "n"}),
        ("nonce", {"nonce": None}),
        ("sub", {"sub": GONE, "sid": GONE}),
        ("sub", {"sub": ""}),
        ("sub", {"sub": 1}),
        ("sub", {"sub": "s" * 256}),
        ("sid", {"sid": ""}),
        ("sid", {"sid": 1}),
        ("jti", {"jti": GONE}),
        ("jti", {"jti": ""}),
        ("jti", {"jti": 1}),
    ],
)
def test_a_logout_token_that_is_not_one_logs_nobody_out(check: str, claims: dict[str, Any]) -> None:
    with pytest.raises(TokenRefused) as refused:
        logged_out(**claims)
    assert refused.value.check == check


def test_an_id_token_logs_nobody_out_and_a_logout_token_nobody_in() -> None:
    login = {**REFRESHED, "nonce": "n"}
    with pytest.raises(TokenRefused, match="typ"):
        check_logout_token(token(login, typ="JWT"), issuer=ISSUER, client_id=CLIENT, now=NOW)
    for typ, check in (("logout+jwt", "typ"), (GONE, "events")):
        with pytest.raises(TokenRefused, match=check):
            check_id_token(
                token({**LOGOUT, "nonce": "n"}, typ=typ),
                issuer=ISSUER,
                client_id=CLIENT,
                nonce="n",
                now=NOW,
                access_token="a",
            )


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"aud": [CLIENT]},
        {"nonce": "n", "auth_time": int(NOW) - 60},
        {"at_hash": at_hash("access")},
    ],
)
def test_a_refreshed_token_of_the_same_shopper_is_taken(claims: dict[str, Any]) -> None:
    assert refreshed(**claims)["sub"] == "jane-1"


@pytest.mark.parametrize(
    ("check", "claims"),
    [
        ("iss", {"iss": "https://evil.example"}),
        ("iss", {"iss": GONE}),
        ("sub", {"sub": "rich-1"}),
        ("sub", {"sub": GONE}),
        ("aud", {"aud": "other"}),
        ("aud", {"aud": [CLIENT, "other"]}),
        ("aud", {"aud": GONE}),
        ("azp", {"azp": "other"}),
        ("nonce", {"nonce": "m"}),
        ("auth_time", {"auth_time": int(NOW)}),
        ("at_hash", {"at_hash": at_hash("other")}),
        ("exp", {"exp": int(NOW) - 30}),
        ("iat", {"iat": int(NOW) + 31}),
    ],
)
def test_a_refreshed_token_of_somebody_else_is_refused(check: str, claims: dict[str, Any]) -> None:
    with pytest.raises(TokenRefused) as refused:
        refreshed(**claims)
    assert refused.value.check == check


def test_a_refreshed_token_of_another_type_is_refused() -> None:
    with pytest.raises(TokenRefused, match="typ"):
        check_refreshed(token(REFRESHED, typ="logout+jwt"), FIRST, now=NOW, access_token="access")


def test_a_key_that_is_not_known_is_told_apart_from_a_bad_token() -> None:
    made = signed(KEY, {"alg": "RS256", "kid": "first"}, b"{}")
    with pytest.raises(KeyUnknown):
        read(made, [public(rsa_key("second"))], ["RS256"])
    with pytest.raises(TokenRefused) as refused:
        read(made, [public(KEY)], ["PS256"])
    assert not isinstance(refused.value, KeyUnknown)


@pytest.mark.parametrize(
    "text", ["", ".", "..", "...", "é.é.é", "a" * 200_000, "e30.e30.", "bnVsbA.e30.e30", "eyJhbGciOiJSUzI1NiJ9.e30.!"]
)
def test_what_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(TokenRefused):
        read(text, [public(KEY)], ["RS256"])


@pytest.mark.parametrize("payload", [b'{"nonce": "\\ud800"}', b'{"exp": NaN}', b'{"exp": 1e999}', b"[" * 100_000])
def test_claims_that_are_no_json_are_refused(payload: bytes) -> None:
    made = signed(KEY, {"alg": "RS256", "kid": "first"}, payload)
    with pytest.raises(TokenRefused, match="malformed"):
        read(made, [public(KEY)], ["RS256"])


def test_a_refusal_shows_nothing_of_the_token() -> None:
    with pytest.raises(TokenRefused) as refused:
        logged_out(sub="", sid="secret-session")
    assert str(refused.value) == "sub"
    assert "jane" not in repr(token(LOGOUT, typ="logout+jwt"))
