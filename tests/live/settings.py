"""How the application is set for journeys against a live Commerce: by the environment, and by defaults for trying out."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from typing import Any

import pytest

from app.settings import Settings

NO_CREDENTIALS = (
    "LIVE_WRITE=1 places orders, for which the API needs REST credentials: set COMMERCE_ADMIN_USERNAME and "
    "COMMERCE_ADMIN_PASSWORD (with COMMERCE_ADMIN_TOTP_SECRET where two-factor is on), or the four of an integration, "
    "COMMERCE_CONSUMER_KEY, COMMERCE_CONSUMER_SECRET, COMMERCE_ACCESS_TOKEN and COMMERCE_ACCESS_TOKEN_SECRET"
)


def live_settings(environment: Mapping[str, str], *, writes: bool) -> Settings:
    """The settings; `environment` says which of them are given. Fails the test where orders lack credentials."""
    # A shop that has just been deployed answers its first requests slowly.
    defaults: dict[str, Any] = {"commerce_timeout": 60}
    if writes:
        defaults |= {
            "session_keys": base64.b64encode(secrets.token_bytes(32)).decode(),
            # The carts are of this process alone, and so is what it knows of them: nothing was forgotten that it has to
            # wait for as long as a fleet of processes has.
            "commerce_max_execution": 60,
            "order_patience": 30,
        }
        if not environment.get("REDIS_STATE_URL"):
            defaults |= {"redis_state_url": "memory://", "environment": "development"}
    settings = Settings(
        _env_file=None, **{name: value for name, value in defaults.items() if not environment.get(name.upper())}
    )
    if writes and not (settings.commerce_consumer_key or settings.commerce_admin_username):
        pytest.fail(NO_CREDENTIALS, pytrace=False)
    return settings
