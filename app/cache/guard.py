"""Redis as something that may be away: asked with little patience, and left alone while it does not answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from app.redis_client import AWAY
from app.telemetry import log

T = TypeVar("T")
PATIENCE = 0.05  # seconds that Redis may take for a read
PAUSE = 1.0  # seconds between tries whether it is back
ROUNDS = 10  # of the event loop, in which an answer that has come is taken


class Away(Exception):
    """Redis does not answer, or is left alone."""


class Guard:
    """Lets calls through until one fails or takes longer than `patience`; then none, until `probe`, which is called
    every `pause`, has succeeded in the background. Both are in seconds."""

    def __init__(
        self, probe: Callable[[], Awaitable[object]], patience: float = PATIENCE, pause: float = PAUSE
    ) -> None:
        self._probe = probe
        self._patience = patience
        self._pause = pause
        self._probing: asyncio.Task[None] | None = None

    @property
    def away(self) -> bool:
        """Whether Redis is left alone."""
        return self._probing is not None

    async def ask(self, call: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What the call gives. Raises `Away`, at once while Redis is left alone."""
        if self._probing is not None:
            raise Away
        try:
            return await _soon(call(), self._patience)
        except AWAY as error:
            if self._probing is None:
                log.warning("cache.away", detail=type(error).__name__)
                self._probing = asyncio.create_task(self._try())
            raise Away from None

    async def close(self) -> None:
        """Ends the probing."""
        if self._probing is not None:
            self._probing.cancel()
            await asyncio.gather(self._probing, return_exceptions=True)

    async def _try(self) -> None:
        while True:
            await asyncio.sleep(self._pause)
            try:
                async with asyncio.timeout(self._patience):
                    await self._probe()
            except AWAY:
                continue
            self._probing = None
            log.info("cache.back")
            return


async def _soon(call: Coroutine[Any, Any, T], patience: float) -> T:
    """The result within `patience` seconds, else `TimeoutError`.

    An event loop that was busy for longer finds the time over and the answer come in one moment: the answer counts.
    """
    task = asyncio.ensure_future(call)
    try:
        await asyncio.wait({task}, timeout=patience)
        for _ in range(ROUNDS):
            if task.done():
                return task.result()
            await asyncio.sleep(0)
        raise TimeoutError
    finally:
        if not task.done():
            task.add_done_callback(_forget)
            task.cancel()


def _forget(task: asyncio.Task[Any]) -> None:
    """Nobody waits any more; asyncio complains of errors that nobody has looked at."""
    if not task.cancelled():
        task.exception()
