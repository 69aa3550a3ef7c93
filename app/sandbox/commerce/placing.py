"""Requests that place an order: work that goes on when the client is gone, as PHP's does, and its faults."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from starlette.responses import Response
from starlette.types import Receive

from .faults import Fault

Work = Callable[[Callable[[], Awaitable[None]]], Coroutine[Any, Any, Response]]


class Placings:
    """Runs each placing as a task of its own, which no disconnect and no cancelled request can stop."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._tasks: set[asyncio.Task[Response]] = set()

    @property
    def pending(self) -> int:
        """How many placings are under way."""
        return len(self._tasks)

    async def settled(self) -> None:
        """Wait until every placing has come to its end."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def run(self, work: Work, fault: Fault | None, receive: Receive) -> Response | None:
        """Place an order by `work`, which awaits what it is given between its checks and the order.

        None: nothing is sent to the client, which has gone or waited for longer than the fault's patience.
        """
        kind = fault.kind if fault is not None else None
        closed = asyncio.Event()

        async def pause() -> None:
            if fault is not None and kind == "place_after_close":
                await closed.wait()
                await asyncio.sleep(fault.seconds)
            await asyncio.sleep(self.seconds + (fault.seconds if fault is not None and kind == "slow" else 0))

        task = asyncio.create_task(work(pause))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            if fault is not None and kind == "place_after_close":
                await _gone(receive, fault.patience)
                return None
            response = await asyncio.shield(task)
            if fault is not None and kind == "place_then_hang":
                await _gone(receive, fault.patience)
                return None
            return response
        finally:
            closed.set()


async def _gone(receive: Receive, patience: float) -> None:
    """Wait until the client hangs up. In one process there is nobody to hang up: there its task is cancelled."""

    async def disconnected() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    try:
        await asyncio.wait_for(disconnected(), patience)
    except TimeoutError:
        return
