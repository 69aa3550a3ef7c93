"""What applications of tests are spared: to learn the same schema again, and to wait until a new state is old enough."""

from __future__ import annotations

import hashlib
import time

import orjson

from app.commerce.capabilities import Capabilities, from_introspection
from app.commerce.orders import Orders
from app.main import Parts

AGE = 3600.0  # seconds; more than any horizon here
_pictures: dict[tuple[bytes, tuple[str, ...]], Capabilities] = {}


def understood(result: dict[str, object], attributes: tuple[str, ...]) -> Capabilities:
    """The picture of a schema, made once per process."""
    key = hashlib.sha256(orjson.dumps(result)).digest(), attributes
    if key not in _pictures:
        _pictures[key] = from_introspection(result, attributes)
    return _pictures[key]


async def long_open(parts: Parts) -> None:
    """Makes the state what it is where another process started an hour ago, so that orders can be placed at once.

    Raises `StateUnavailable`.
    """
    before = Orders(
        lambda: parts.shop.reads,
        parts.rest,
        parts.state,
        shop=parts.settings.commerce_base,
        max_execution=1,
        patience=1,
        clock=lambda: time.time() - AGE,
    )
    await before.ready()
