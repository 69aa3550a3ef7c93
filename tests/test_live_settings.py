"""What journeys against a live Commerce are set to, where the environment says nothing."""

from __future__ import annotations

import pytest

from tests.live.settings import live_settings

URL = "https://shop.example.com"
ADMIN = {"COMMERCE_ADMIN_USERNAME": "admin", "COMMERCE_ADMIN_PASSWORD": "secret-of-the-test"}


def given(monkeypatch: pytest.MonkeyPatch, **values: str) -> dict[str, str]:
    for name, value in {"COMMERCE_URL": URL, **values}.items():
        monkeypatch.setenv(name, value)
    return {"COMMERCE_URL": URL, **values}


def test_reading_needs_no_session_no_state_and_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = live_settings(given(monkeypatch), writes=False)
    assert (settings.session_keys.get_secret_value(), settings.redis_state_url.get_secret_value()) == ("", "")
    assert (settings.commerce_timeout, settings.environment) == (60, "production")


def test_ordering_without_rest_credentials_fails_and_says_which_are_lacking(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(pytest.fail.Exception, match="COMMERCE_ADMIN_USERNAME and COMMERCE_ADMIN_PASSWORD"):
        live_settings(given(monkeypatch), writes=True)


def test_ordering_keeps_its_sessions_in_the_process_under_a_key_of_the_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = given(monkeypatch, **ADMIN)
    one, other = (live_settings(environment, writes=True) for _ in range(2))
    assert one.redis_state_url.get_secret_value() == "memory://"
    assert one.session_keys.get_secret_value() != other.session_keys.get_secret_value()


def test_what_the_environment_says_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"REDIS_STATE_URL": "redis://127.0.0.1:1", "COMMERCE_TIMEOUT": "7", "COMMERCE_MAX_EXECUTION": "90"}
    settings = live_settings(given(monkeypatch, **ADMIN, **said), writes=True)
    assert settings.redis_state_url.get_secret_value() == "redis://127.0.0.1:1"
    assert (settings.environment, settings.commerce_timeout, settings.commerce_max_execution) == ("production", 7, 90)
