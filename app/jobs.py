"""Work that nobody waits for, in Redis through docket: registration and schedules.

A schedule is one task under one key: of all workers one has it at a time. A worker that dies loses nothing; what it was
at is given to another, and what came loose is sown again.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from app.errors import VitrineError
from app.telemetry import log

if TYPE_CHECKING:
    from docket.execution import TaskFunction

NAME = "vitrine:jobs"
REDELIVERY = 30.0  # seconds after which what a dead worker was at is given to another


@dataclass(frozen=True, slots=True)
class Job:
    """Something to do every so many seconds. An error of ours is logged, and it is done again the next time."""

    name: str
    every: float
    work: Callable[[], Awaitable[object]]


async def work(url: str, jobs: Iterable[Job], *, name: str | None = None, redelivery: float = REDELIVERY) -> None:
    """Works until it is cancelled. `url` is the state's, where all workers meet; memory:// is this process alone.
    `name` tells workers apart; by default host and process do. A Redis that is away is waited for."""
    # Only workers need it, and it costs a quarter of a second to import.
    from docket import Docket, Worker  # noqa: PLC0415

    # It tells of every run of every task.
    logging.getLogger("docket").setLevel(logging.WARNING)
    async with Docket(name=NAME, url=url) as docket:
        for job in jobs:
            docket.register(_task(job))
        async with Worker(
            docket,
            name=name,
            redelivery_timeout=timedelta(seconds=redelivery),
            reconnection_delay=timedelta(seconds=1),
        ) as worker:
            await worker.run_forever()


def _task(job: Job) -> TaskFunction:
    from docket import Perpetual  # noqa: PLC0415

    every = Perpetual(every=timedelta(seconds=job.every), automatic=True)

    async def run(_perpetual: Perpetual = every) -> None:
        try:
            await job.work()
        except VitrineError as error:
            log.warning("job.failed", job=job.name, code=error.code, detail=error.detail)

    # Its name is its key.
    run.__name__ = run.__qualname__ = job.name
    return run
