"""Schedules in Redis: one worker at a time does them, and none that dies ends them."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
import redis.asyncio as redis
import structlog

from app.errors import UpstreamTimeout
from app.jobs import Job, work
from app.redis_client import MEMORY
from tests.redis_server import Server, flush

ROOT = Path(__file__).parents[1]


@contextmanager
def worker(url: str, name: str, seconds: float = 0.0, *more: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "tests.job_worker", url, name, str(seconds), *more]
    process = subprocess.Popen(command, cwd=ROOT, env={"PATH": os.environ["PATH"]})
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)


async def ran(url: str, enough: Callable[[list[str]], bool]) -> list[str]:
    """What the workers noted, once that is enough."""
    client = redis.from_url(url, decode_responses=True)
    while True:
        found = [str(each) for each in await client.lrange("ran", 0, -1)]
        if enough(found):
            await client.aclose()
            return found
        await asyncio.sleep(0.05)


@asynccontextmanager
async def working(url: str, *jobs: Job) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(work(url, jobs, redelivery=1.0))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_of_two_workers_one_at_a_time_does_a_job(redis_url: str) -> None:
    await flush(redis_url)
    with worker(redis_url, "one", 0.2), worker(redis_url, "two", 0.2):
        found = await ran(redis_url, lambda found: len(found) >= 12)
    for begin, end in zip(found[0::2], found[1::2], strict=False):
        assert (begin.split()[0], end) == ("begin", f"end {begin.split()[1]}")


async def test_what_a_killed_worker_was_at_is_done_by_another_and_again(redis_url: str) -> None:
    await flush(redis_url)
    with worker(redis_url, "one", 0.0, "hang") as one, worker(redis_url, "two") as two:
        # Only the one that hangs is to have it at first.
        two.send_signal(signal.SIGSTOP)
        found = await ran(redis_url, bool)
        assert found == ["begin one"]
        two.send_signal(signal.SIGCONT)
        one.kill()
        found = await ran(redis_url, lambda found: found.count("end two") >= 3)
    assert found[:2] == ["begin one", "begin two"]


@pytest.mark.parametrize("kind", ["redis", "memory"])
async def test_an_error_does_not_end_a_schedule(kind: str, request: pytest.FixtureRequest) -> None:
    url = MEMORY
    if kind == "redis":
        url = str(request.getfixturevalue("redis_url"))
        await flush(url)
    tries: list[int] = []
    enough = asyncio.Event()

    async def job() -> None:
        tries.append(len(tries))
        if len(tries) > 3:
            enough.set()
        raise UpstreamTimeout("failing") if len(tries) == 1 else RuntimeError("a fault of ours")

    with structlog.testing.capture_logs() as logs:
        async with working(url, Job("fail", 0.05, job)):
            await asyncio.wait_for(enough.wait(), 20)
    assert tries[:4] == [0, 1, 2, 3]
    # What Commerce or Redis did is told in a line of our own.
    failed = [(each["job"], each["code"]) for each in logs if each["event"] == "job.failed"]
    assert failed == [("fail", "UPSTREAM_TIMEOUT")]


async def test_redis_may_go_and_come_back(tmp_path: Path) -> None:
    server = Server(tmp_path, "--appendonly", "yes", "--appendfsync", "always")
    runs = asyncio.Semaphore(0)

    async def job() -> None:
        runs.release()

    try:
        async with working(server.url, Job("run", 0.1, job)) as task:
            await asyncio.wait_for(runs.acquire(), 20)
            server.stop()
            await asyncio.sleep(0.2)
            while not runs.locked():
                await runs.acquire()
            server.start()
            await asyncio.wait_for(runs.acquire(), 20)
            assert not task.done()
    finally:
        server.stop()


def test_the_api_does_not_import_what_only_workers_need() -> None:
    """It costs a start a quarter of a second and 8 MB."""
    told = "import sys, app.main; print(sorted(name for name in ('docket', 'stripe') if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", told], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
