"""Many who miss one key at once in two processes: Commerce is asked once, also when the process that asks is killed.

`python -m tests.cache_misses --misses 10000` runs the whole; a small one is among the tests
(tests/test_cache_misses.py). What is fetched from is a server of the parent's own that counts and takes its time. With
the lease removed the run must find more than one call (exit status 3).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from app.cache import Cache, Fetched, Listening, Local, Shared, Ticket, Times
from app.redis_client import connect
from tests.redis_server import redis_server

ROOT = Path(__file__).parents[1]
PROCESSES = 2
STORE = "default"
TIMES = Times(60, 60, 3600)
BODY = b"x" * 20_000
PROMPT = 0.5  # seconds after the lease of a dead process that the storm gives the others to ask again
BROKEN = 3  # exit status


class WithoutLease(Shared):
    """Everybody may fetch."""

    async def lease(self, store: str, key: str, holder: str, seconds: float) -> bool:
        """Always given."""
        return True


@dataclass
class Upstream:
    """Takes `seconds` to answer; `asked` are the ids of the processes that asked, and when."""

    seconds: float
    asked: list[tuple[int, float]] = field(default_factory=list)
    first: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, near: asyncio.StreamReader, far: asyncio.StreamWriter) -> None:
        """One call."""
        process = int(await near.readline())
        self.asked.append((process, time.monotonic()))
        self.first.set()
        await asyncio.sleep(self.seconds)
        with suppress(OSError):
            far.write(BODY)
            await far.drain()
        far.close()


@dataclass(frozen=True)
class Result:
    """How many `misses` were `answered`, by how many `calls`; `again` is how long after the first call the second one
    came, in seconds, if there was one, and `slowest` the longest that anybody waited."""

    misses: int
    answered: int
    calls: int
    again: float | None
    slowest: float
    seconds: float


async def storm(
    misses: int, *, upstream_seconds: float = 0.5, lease: float = 5.0, kill: bool = False, sabotage: bool = False
) -> Result:
    """So many misses at once. `kill` ends the process that asks while it waits for its answer."""
    began = time.monotonic()
    upstream = Upstream(upstream_seconds)
    with tempfile.TemporaryDirectory() as name, redis_server(Path(name)) as url:
        path = f"{name}/upstream"
        server = await asyncio.start_unix_server(upstream.serve, path)
        options = [url, path, str(misses // PROCESSES), str(lease), "without" if sabotage else "with"]
        workers = [_start(options) for _ in range(PROCESSES)]
        try:
            await asyncio.to_thread(_all_ready, workers)
            for worker in workers:
                assert worker.stdin is not None
                worker.stdin.write(b"go\n")
                worker.stdin.flush()
            if kill:
                await upstream.first.wait()
                # Its misses wait for it, and the other process's for its lease.
                await asyncio.sleep(upstream_seconds / 2)
                os.kill(upstream.asked[0][0], signal.SIGKILL)
            outs = await asyncio.gather(*(asyncio.to_thread(worker.communicate) for worker in workers))
        finally:
            for worker in workers:
                worker.kill()
                worker.wait(10)
            server.close()
            await server.wait_closed()
    told: list[dict[str, Any]] = [json.loads(out) for out, _ in outs if out]
    times = [at for _, at in upstream.asked]
    return Result(
        misses=misses,
        answered=sum(each["answered"] for each in told),
        calls=len(times),
        again=times[1] - times[0] if len(times) > 1 else None,
        slowest=max((each["slowest"] for each in told), default=0.0),
        seconds=round(time.monotonic() - began, 1),
    )


def _start(options: list[str]) -> subprocess.Popen[bytes]:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.cache_misses", "--worker", *options]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def _all_ready(workers: list[subprocess.Popen[bytes]]) -> None:
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"ready\n"


async def work(url: str, upstream: str, misses: int, lease: float, without: bool) -> dict[str, Any]:
    """What one of the processes does: all its misses at once."""
    shared = (WithoutLease if without else Shared)(connect(url, 10.0))
    local = Local(2_000_000, time.monotonic)
    listening = Listening(local, shared, connect(url, 10.0), lambda: (STORE,))
    listening.start()
    while not local.alive(STORE):
        await asyncio.sleep(0.01)
    cache = Cache(shared, local, lease=lease, patience=5.0)

    async def fetch(_: Ticket | None) -> Fetched:
        near, far = await asyncio.open_unix_connection(upstream)
        far.write(b"%d\n" % os.getpid())
        body = await near.read()
        far.close()
        return Fetched(body, ("all",))

    async def read() -> float:
        began = time.monotonic()
        found = await cache.read(STORE, "key", TIMES, fetch)
        assert found.entry.body == BODY
        return time.monotonic() - began

    print("ready", flush=True)  # noqa: T201 - how it tells the parent
    await asyncio.to_thread(sys.stdin.readline)
    waited = await asyncio.gather(*(read() for _ in range(misses)))
    await listening.stop()
    await cache.close()
    return {"answered": len(waited), "slowest": round(max(waited), 3)}


def main() -> None:
    """The storm by hand, then with the process killed; exit status 3 when a promise was broken."""
    if sys.argv[1:2] == ["--worker"]:
        structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
        url, upstream, misses, lease, without = sys.argv[2:]
        print(json.dumps(asyncio.run(work(url, upstream, int(misses), float(lease), without == "without"))))  # noqa: T201
        return
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--misses", type=int, default=10_000)
    parser.add_argument("--lease", type=float, default=5.0)
    parser.add_argument("--sabotage", choices=["WithoutLease"])
    given = parser.parse_args()
    alive = asyncio.run(storm(given.misses, lease=given.lease, sabotage=given.sabotage is not None))
    killed = asyncio.run(storm(given.misses, lease=given.lease, kill=True, sabotage=given.sabotage is not None))
    print(f"alive: {alive}\nkilled: {killed}")  # noqa: T201 - this is what it is for
    kept = alive.answered == given.misses and alive.calls == 1
    recovered = killed.answered == given.misses // PROCESSES and killed.calls == 2
    prompt = killed.again is not None and killed.again <= given.lease + PROMPT
    raise SystemExit(0 if kept and recovered and prompt else BROKEN)


if __name__ == "__main__":
    main()
