"""The settings of identity providers: what is taken, what is refused by name, and that no secret is shown."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from app.auth.identity import Identity, require
from app.auth.providers import Provider, Providers
from app.auth.refusals import Unauthenticated
from app.auth.sessions import Session
from app.main import create_app
from tests.conftest import settings
from tests.sign_in_stage import KEYS

ONE: dict[str, Any] = {
    "id": "shop",
    "issuer": "https://id.example",
    "client_id": "vitrine",
    "client_secret": "hush-hush",
}


def text(*providers: dict[str, Any]) -> str:
    return json.dumps(providers)


def test_a_provider_needs_no_more_than_its_id_issuer_and_client() -> None:
    providers = Providers.of(text({"id": "shop", "issuer": "https://id.example/realms/a", "client_id": "vitrine"}))
    assert list(providers) == ["shop"]
    only = providers.only
    assert only is not None
    assert (only.scopes, only.algorithms, only.prompt, only.max_age) == (
        ("openid", "email", "profile"),
        ("RS256",),
        None,
        None,
    )
    assert only.redirect_uri("https://api.example/") == "https://api.example/auth/callback"
    assert (
        Provider(**{**ONE, "own_callback": True}).redirect_uri("https://api.example")
        == "https://api.example/auth/callback/shop"
    )


@pytest.mark.parametrize("given", ["", " "])
def test_there_may_be_no_provider(given: str) -> None:
    assert len(Providers.of(given)) == 0
    assert Providers.of(given).only is None


def test_of_two_providers_none_is_the_only_one() -> None:
    providers = Providers.of(text(ONE, {**ONE, "id": "two", "issuer": "https://two.example"}))
    assert (list(providers), providers.only) == (["shop", "two"], None)


@pytest.mark.parametrize(
    "issuer", ["http://127.0.0.1:8080", "http://localhost:3000/a", "http://[::1]:1", "https://id.example/a/"]
)
def test_an_issuer_is_https_or_on_this_machine(issuer: str) -> None:
    assert Providers.of(text({**ONE, "issuer": issuer}))["shop"].issuer == issuer


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("id", "Shop"),
        ("id", "a/b"),
        ("id", ""),
        ("issuer", "http://id.example"),
        ("issuer", "http://127.0.0.1.evil.example"),
        ("issuer", "http://10.0.0.1"),
        ("issuer", "https://user@id.example"),
        ("issuer", "https://id.example?a=b"),
        ("issuer", "https://id.example?"),
        ("issuer", "https://id.example#a"),
        ("issuer", "https://"),
        ("issuer", "https://id.example:port"),
        ("issuer", "https://id.exa mple"),
        ("issuer", "ftp://id.example"),
        ("issuer", "https://id..example"),
        ("issuer", "https://[v1.a]"),
        ("issuer", "https://[fe80::1%25eth0]"),
        ("issuer", "https://" + "a" * 64 + ".example"),
        ("issuer", "https://id.example/" + "a" * 2048),
        ("issuer", "https://{id}.example"),
        ("issuer", ""),
        ("client_id", ""),
        ("client_secret", "change-me"),
        ("scopes", ["email"]),
        ("scopes", ["openid", "a b"]),
        ("scopes", []),
        ("algorithms", []),
        ("algorithms", ["none"]),
        ("algorithms", ["HS256"]),
        ("algorithms", ["RS256", "HS512"]),
        ("algorithms", ["rs256"]),
        ("auth_method", "private_key_jwt"),
        ("prompt", "sometimes"),
        ("max_age", -1),
        ("max_age", 31_536_001),
        ("claims", {"mail": "email"}),
        ("client_secrets", "hush-hush"),
    ],
)
def test_a_bad_value_is_refused_by_the_name_of_its_member_and_not_shown(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=rf"^OIDC_PROVIDERS: .*{name}") as refused:
        Providers.of(text({**ONE, name: value}))
    assert "hush-hush" not in str(refused.value)
    if isinstance(value, str) and len(value) > 9 and value != "client_secrets":
        assert value not in str(refused.value)


@pytest.mark.parametrize("given", ["{}", "[", "null", '"x"', "[1]", json.dumps(ONE)])
def test_what_is_no_list_of_providers_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match="OIDC_PROVIDERS") as refused:
        Providers.of(given)
    assert "hush-hush" not in str(refused.value)


@pytest.mark.parametrize("other", [{**ONE, "issuer": "https://two.example"}, {**ONE, "id": "two"}])
def test_providers_are_told_apart(other: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="two providers"):
        Providers.of(text(ONE, other))


def test_a_secret_is_not_shown() -> None:
    assert "hush-hush" not in repr(Providers.of(text(ONE))["shop"])


@pytest.mark.parametrize("missing", ["session_keys", "redis_state_url"])
def test_signing_in_needs_a_place_for_sessions(missing: str) -> None:
    given = {"session_keys": KEYS, "redis_state_url": "redis://localhost", "oidc_providers": text(ONE), missing: ""}
    with pytest.raises(ValidationError, match="OIDC_PROVIDERS needs SESSION_KEYS and REDIS_STATE_URL"):
        settings(**given)


@pytest.mark.parametrize("given", [{"oidc_providers": "[{}]"}, {"login_apps": "shop:/in"}])
def test_nothing_starts_with_settings_of_signing_in_that_are_none(given: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"OIDC_PROVIDERS|LOGIN_APPS"):
        create_app(settings(session_keys=KEYS, redis_state_url="redis://localhost", **given))


def test_without_a_provider_there_are_no_doors_to_sign_in() -> None:
    app = create_app(settings())
    assert app.state.parts.sign_in is None
    assert not [route for route in app.router.routes if str(getattr(route, "path", "")).startswith("/auth")]


# Who must be signed in, and how lately

URL, NOW = "https://api.example/auth/login", 1_800_000_000.0


def session(auth_time: float | None) -> Session:
    identity = Identity("shop", "https://id.example", "jane-1", NOW, auth_time=auth_time, groups=("VIP",))
    return Session("t", {"identity": identity.data()}, NOW)


def test_whoever_is_signed_in_passes() -> None:
    found = require(session(None), login_url=URL, now=NOW)
    assert (found.subject, found.groups) == ("jane-1", ("VIP",))
    assert require(session(NOW - 300), login_url=URL, now=NOW, max_age=300).subject == "jane-1"


def test_an_identity_that_another_version_of_ours_wrote_is_read() -> None:
    written = session(NOW).data["identity"]
    older = {name: written[name] for name in ("provider", "issuer", "subject", "since")}
    assert Identity.of({"identity": older}) == Identity("shop", "https://id.example", "jane-1", NOW)
    assert Identity.of({"identity": {**written, "more": 1}}) == Identity.of({"identity": written})


@pytest.mark.parametrize("guest", [None, Session("t", {}, NOW), Session("t", {"carts": {}}, NOW)])
@pytest.mark.parametrize(("max_age", "url"), [(None, URL), (300, f"{URL}?max_age=300")])
def test_a_guest_is_told_where_to_sign_in(guest: Session | None, max_age: float | None, url: str) -> None:
    with pytest.raises(Unauthenticated) as refused:
        require(guest, login_url=URL, now=NOW, max_age=max_age)
    assert refused.value.extensions == {"code": "UNAUTHENTICATED", "reason": "SIGN_IN", "loginUrl": url}


@pytest.mark.parametrize("auth_time", [None, NOW - 301])
def test_whoever_proved_it_too_long_ago_is_told_where_to_prove_it_again(auth_time: float | None) -> None:
    with pytest.raises(Unauthenticated) as refused:
        require(session(auth_time), login_url=URL, now=NOW, max_age=300)
    assert refused.value.extensions == {
        "code": "UNAUTHENTICATED",
        "reason": "STEP_UP",
        "loginUrl": f"{URL}?provider=shop&max_age=300",
    }


def test_the_realm_to_try_it_with_fits_what_the_documentation_sets() -> None:
    root = Path(__file__).parents[1]
    realm = json.loads((root / "docker/keycloak-realm.json").read_text())
    setting = re.search(r"^OIDC_PROVIDERS=(.*)$", (root / "docs/sign-in.md").read_text(), re.MULTILINE)
    assert setting is not None
    provider = Providers.of(setting[1]).only
    assert provider is not None
    [client] = realm["clients"]
    assert provider.issuer == f"http://localhost:8085/realms/{realm['realm']}"
    assert (provider.client_id, provider.client_secret.get_secret_value()) == (client["clientId"], client["secret"])
    assert client["redirectUris"] == [provider.redirect_uri("http://localhost:8000")]
    assert client["attributes"]["id.token.signed.response.alg"] in provider.algorithms
    assert (client["implicitFlowEnabled"], client["directAccessGrantsEnabled"]) == (False, False)
