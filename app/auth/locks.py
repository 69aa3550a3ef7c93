"""One at a time, across all processes."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.errors import StateUnavailable
from app.state import State
from app.telemetry import log

LEASE = 60.0  # seconds after which who holds a lock counts as dead
PATIENCE = 20.0  # seconds that a lock is waited for
POLL = 0.05


@asynccontextmanager
async def locked(state: State, name: str, *, lease: float = LEASE, patience: float = PATIENCE) -> AsyncIterator[None]:
    """Holds the lock of that name. Raises `StateUnavailable`, also when others hold it for longer than `patience`."""
    key, mine = f"lock:{name}", secrets.token_bytes(16)
    loop = asyncio.get_running_loop()
    until = loop.time() + patience
    while not await state.put(key, mine, lease, absent=True):
        if loop.time() >= until:
            raise StateUnavailable("a lock is held for too long")
        await asyncio.sleep(POLL)
    try:
        yield
    finally:
        try:
            await state.drop(key, mine)
        except StateUnavailable as error:
            log.warning("lock.unreleased", detail=error.detail)
