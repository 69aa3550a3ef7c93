"""Invalidations that race refills over two processes and a real Redis: nothing old is read after a purge.

`python -m tests.cache_storm --invalidations 100000` runs the whole; a small one is among the tests
(tests/test_cache_storm.py). Each process has the cache three times: without a tier of its own, with one, and with one
whose messages come over a line that stops now and then, delivers late, or is cut. All of them read the same keys, all
the time, while versions count up in a file that the processes share, each followed by a purge. A read is late by the
time from when the purge of a newer version had returned to when the read began; it must not be at all without a tier
of its own, by 50 ms at most with one, and by a second at most where messages do not arrive.

With a sabotage (the fence, or what keeps the tier of a process true, removed) the run must find what is old.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import mmap
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import structlog

from app.cache import Cache, Entry, Fetched, Listening, Local, Shared, Ticket, Times
from app.cache.local import SILENCE
from app.redis_client import connect
from tests.redis_server import redis_server

ROOT = Path(__file__).parents[1]
PROCESSES = 2
KEYS = 48
STORE = "default"
TIMES = Times(60, 60, 3600)
PAUSE = 0.024  # seconds between two purges of one writer at most
FETCHING = 0.004  # seconds that a fetch takes at most
TIERS = ("shared", "local", "cut")
PROMPT = 0.05  # seconds after a purge after which a process's own tier has nothing old, while messages arrive
READERS = 6  # of each tier in each process
SLACK = 0.02  # seconds that a process was busy with something else, which is not its cache's doing
BROKEN = 3  # exit status


class Board:
    """What the processes share: for each key the version upstream, the last one whose purge has returned, and when each
    purge had returned, on the machine's clock."""

    def __init__(self, file: Path, versions: int) -> None:
        size = KEYS * (2 + versions) * 8 + 64
        if not file.exists():
            file.write_bytes(bytes(size))
        with file.open("r+b") as opened:
            self._map = mmap.mmap(opened.fileno(), size)
        whole = memoryview(self._map)
        self.flags = whole[:64].cast("q")
        self.upstream = whole[64 : 64 + KEYS * 8].cast("q")
        self.purged = whole[64 + KEYS * 8 : 64 + KEYS * 16].cast("q")
        self._returned = whole[64 + KEYS * 16 :].cast("d")
        self._versions = versions

    def returned(self, key: int, version: int, at: float | None = None) -> float:
        """When the purge of a version had returned; notes it first, if it is given."""
        place = key * self._versions + version
        if at is not None:
            self._returned[place] = at
        return self._returned[place]


# What can be removed: the class does the work of the one that it is made of, without the rule.


class WithoutFence(Shared):
    """Keeps what was fetched whatever was purged meanwhile."""

    async def fill(self, store: str, key: str, ticket: Ticket, entry: Entry, now: float) -> tuple[Ticket, bool]:
        """As if it had been fetched this moment."""
        return await super().fill(store, key, await self.ticket(store), entry, now)


class WithoutPurges(Local):
    """Hears that there was a purge, and not of what."""

    def heard(self, store: str, told: Ticket, purged: Collection[str] = ()) -> None:
        """Takes the number alone."""
        super().heard(store, told, ["nothing"] if purged else [])


class WithoutLevel(Local):
    """Takes messages for new ones because they arrive."""

    def heard(self, store: str, told: Ticket, purged: Collection[str] = ()) -> None:
        """Whatever was heard is the newest that there is."""
        super().heard(store, told, purged)
        self.seen(store, told, self.clock())

    def seen(self, store: str, told: Ticket, asked: float) -> None:
        """Only what was heard is looked at."""
        if (view := self._views.get(store)) and view.ticket == told:
            super().seen(store, told, asked)


class WithoutSilence(Local):
    """Answers whether messages arrive or not."""

    def alive(self, store: str) -> bool:
        """Once heard of is enough."""
        return store in self._views


SABOTAGES: dict[str, type[Shared] | type[Local]] = {
    each.__name__: each for each in (WithoutFence, WithoutPurges, WithoutLevel, WithoutSilence)
}


class Line:
    """A line to Redis that can be held up, slow, or cut: what was said comes later, or never."""

    def __init__(self, redis: str, folder: Path) -> None:
        self._redis = redis.removeprefix("unix://")
        self._path = str(folder / f"line-{os.getpid()}")
        self._open = asyncio.Event()
        self._open.set()
        self._lag = 0.0
        self._wires: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> str:
        """Gives the URL at this end."""
        self._server = await asyncio.start_unix_server(self._serve, self._path)
        return f"unix://{self._path}"

    async def _serve(self, near_in: asyncio.StreamReader, near_out: asyncio.StreamWriter) -> None:
        far_in, far_out = await asyncio.open_unix_connection(self._redis)
        self._wires |= {near_out, far_out}
        said: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        tasks = [
            asyncio.ensure_future(each)
            for each in (self._carry(near_in, far_out), self._take(far_in, said), self._give(said, near_out))
        ]
        with suppress(OSError):
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        near_out.close()
        far_out.close()
        self._wires -= {near_out, far_out}

    async def _carry(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(65_536):
            target.write(data)

    async def _take(self, source: asyncio.StreamReader, said: asyncio.Queue[tuple[float, bytes]]) -> None:
        while data := await source.read(65_536):
            said.put_nowait((time.monotonic() + self._lag, data))

    async def _give(self, said: asyncio.Queue[tuple[float, bytes]], target: asyncio.StreamWriter) -> None:
        while True:
            due, data = await said.get()
            await asyncio.sleep(due - time.monotonic())
            await self._open.wait()
            target.write(data)

    async def hold(self, seconds: float) -> None:
        """Says nothing for so long."""
        self._open.clear()
        await asyncio.sleep(seconds)
        self._open.set()

    async def lag(self, seconds: float, during: float) -> None:
        """Says all so much later."""
        self._lag = seconds
        await asyncio.sleep(during)
        self._lag = 0.0

    def cut(self) -> None:
        """Breaks it; what was held up is lost."""
        for wire in self._wires:
            wire.close()

    async def close(self) -> None:
        """Ends it."""
        assert self._server is not None
        self._server.close()
        self.cut()


@dataclass
class Count:
    """Of one tier: `reads`, of which so many were answered by what was kept, so many are `old`, and the most that one of
    these was late by, in seconds; `net` is that without what the process itself was held up in that time. `slow` came
    later than `PROMPT` by that measure, `left` were old in the end."""

    reads: int = 0
    kept: int = 0
    old: int = 0
    late: float = 0.0
    net: float = 0.0
    slow: int = 0
    left: int = 0

    def add(self, other: Count) -> None:
        """Adds another process's."""
        self.reads, self.kept, self.old = self.reads + other.reads, self.kept + other.kept, self.old + other.old
        self.late, self.net = max(self.late, other.late), max(self.net, other.net)
        self.slow, self.left = self.slow + other.slow, self.left + other.left


@dataclass
class Result:
    """What the readers of all processes found, by tier."""

    invalidations: int = 0
    fetches: int = 0
    tiers: dict[str, Count] = field(default_factory=lambda: {tier: Count() for tier in TIERS})
    seconds: float = 0.0

    @property
    def bounded(self) -> bool:
        """Whether what no machine is too slow for was kept: nothing old is in Redis, and a process's own tier is never
        behind for longer than silence may last."""
        tiers = self.tiers
        within = all(tiers[tier].late <= SILENCE for tier in ("local", "cut"))
        return not tiers["shared"].old and within and not any(count.left for count in tiers.values())

    @property
    def passed(self) -> bool:
        """Whether all promises were kept."""
        return self.bounded and not self.tiers["local"].slow

    def add(self, told: dict[str, Any]) -> None:
        """Adds what a process told."""
        self.invalidations += told["invalidations"]
        self.fetches += told["fetches"]
        for tier, count in told["tiers"].items():
            self.tiers[tier].add(Count(**count))


class Worker:
    """One of the processes."""

    def __init__(self, url: str, folder: Path, number: int, invalidations: int, sabotage: str | None) -> None:
        self._url, self._folder, self._number, self._invalidations = url, folder, number, invalidations
        self._board = Board(folder / "board", invalidations)
        removed = SABOTAGES.get(sabotage or "")
        self._shared_kind: type[Shared] = removed if removed and issubclass(removed, Shared) else Shared
        self._local_kind: type[Local] = removed if removed and issubclass(removed, Local) else Local
        self._random = random.Random(number)
        self._late: list[tuple[float, float]] = []
        self._over = False
        self.result = Result()

    async def run(self) -> Result:
        """Purges what is this process's to purge, and reads all the time, until all have purged."""
        line = Line(self._url, self._folder)
        cut = await line.start()
        caches, closing = {}, []
        for tier, ears in zip(TIERS, (None, self._url, cut), strict=True):
            local = self._local_kind(2_000_000 if ears else 0, time.monotonic)
            shared = self._shared_kind(connect(self._url, 10.0))
            caches[tier] = cache = Cache(shared, local, lease=2.0, patience=5.0)
            closing.append(cache.close)
            if ears is not None:
                listening = Listening(local, shared, connect(ears, 10.0), lambda: (STORE,))
                listening.start()
                closing.append(listening.stop)
                while not local.alive(STORE):
                    await asyncio.sleep(0.01)
        await self._meet(0)
        tasks = [
            asyncio.create_task(each)
            for each in (
                self._watch(),
                *(self._read(tier, cache) for tier, cache in caches.items() for _ in range(READERS)),
            )
        ]
        trouble = asyncio.create_task(self._trouble(line))
        await asyncio.gather(*(self._purge(caches["shared"], n) for n in range(4)))
        await self._meet(1)
        self._over = True
        trouble.cancel()
        await asyncio.gather(trouble, *tasks, return_exceptions=True)
        line.cut()
        await asyncio.sleep(SILENCE)
        for tier, cache in caches.items():
            for key in range(KEYS):
                version = await self._ask(cache, key)
                self.result.tiers[tier].left += version != self._board.upstream[key]
        for close in reversed(closing):
            await close()
        await line.close()
        return self.result

    async def _meet(self, flag: int) -> None:
        """Waits until all processes are here."""
        self._board.flags[flag * PROCESSES + self._number] = 1
        while not all(self._board.flags[flag * PROCESSES + n] for n in range(PROCESSES)):
            await asyncio.sleep(0.005)

    async def _purge(self, cache: Cache, part: int) -> None:
        """A new version of a key, and its purge. Each key is one writer's alone."""
        own = range(self._number * 4 + part, KEYS, PROCESSES * 4)
        for n in range(self._invalidations // PROCESSES // 4):
            # Some are seldom purged, so that what is forgotten about them stays forgotten for a while.
            key = own[min(int(self._random.expovariate(1)), len(own) - 1)]
            version = self._board.upstream[key] + 1
            self._board.upstream[key] = version
            # A tag that never comes again, too: the log is to become too long now and then.
            await cache.purge([STORE], [f"product:{key}", f"once:{self._number}-{part}-{n}"])
            self._board.returned(key, version, time.monotonic())
            self._board.purged[key] = version
            self.result.invalidations += 1
            await asyncio.sleep(self._random.random() * PAUSE)

    async def _read(self, tier: str, cache: Cache) -> None:
        count = self.result.tiers[tier]
        while not self._over:
            key = self._random.randrange(KEYS)
            floor, began = self._board.purged[key], time.monotonic()
            version = await self._ask(cache, key, count)
            count.reads += 1
            if version < floor:
                self._judge(count, began, self._board.returned(key, version + 1))
            await asyncio.sleep(self._random.random() * 0.001)

    def _judge(self, count: Count, began: float, purged: float) -> None:
        late = began - purged
        net = late - sum(lag for at, lag in self._late if at > purged)
        count.old += 1
        count.late, count.net = max(count.late, late), max(count.net, net)
        count.slow += net > PROMPT

    async def _ask(self, cache: Cache, key: int, count: Count | None = None) -> int:
        async def fetch(_: Ticket | None) -> Fetched:
            self.result.fetches += 1
            told = self._board.upstream[key]
            await asyncio.sleep(self._random.random() * FETCHING)
            return Fetched(b"%d" % told, ("all", f"product:{key}"))

        found = await cache.read(STORE, f"key-{key}", TIMES, fetch)
        if count is not None:
            count.kept += found.kept
        return int(found.entry.body)

    async def _watch(self) -> None:
        """Notes when this process was held up."""
        while not self._over:
            before = time.monotonic()
            await asyncio.sleep(0.005)
            after = time.monotonic()
            if after - before > SLACK:
                self._late.append((after, after - before - 0.005))
                del self._late[:-2000]

    async def _trouble(self, line: Line) -> None:
        """What happens to messages, in turn; the processes do not begin with the same."""
        turn = self._number
        while True:
            match turn % 3:
                case 0:
                    await line.hold(1.8)
                case 1:
                    await line.lag(1.4, 2.5)
                case 2:
                    asyncio.get_running_loop().call_later(0.7, line.cut)
                    await line.hold(0.8)
            await asyncio.sleep(self._random.random())
            turn += 1


async def storm(invalidations: int, *, sabotage: str | None = None) -> Result:
    """So many invalidations over two processes. `sabotage` is one of `SABOTAGES`."""
    result, started = Result(), time.monotonic()
    with tempfile.TemporaryDirectory() as name, redis_server(Path(name)) as url:
        folder = Path(name)
        Board(folder / "board", invalidations)
        options = [url, name, str(invalidations), sabotage or ""]
        workers = [_start(options, n) for n in range(PROCESSES)]
        try:
            for told in await asyncio.gather(*(asyncio.to_thread(_told, worker) for worker in workers)):
                result.add(told)
        finally:
            for worker in workers:
                worker.kill()
                worker.wait(10)
    result.seconds = round(time.monotonic() - started, 1)
    return result


def _start(options: list[str], number: int) -> subprocess.Popen[bytes]:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.cache_storm", "--worker", str(number), *options]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE)


def _told(worker: subprocess.Popen[bytes]) -> dict[str, Any]:
    out, _ = worker.communicate()
    if worker.returncode:
        raise RuntimeError(f"a process ended with {worker.returncode}")
    told: dict[str, Any] = json.loads(out)
    return told


def main() -> None:
    """The storm by hand; exit status 3 when the cache broke a promise, which no mistake of the run itself looks like."""
    if sys.argv[1:2] == ["--worker"]:
        structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
        number, url, folder, invalidations, sabotage = sys.argv[2:]
        worker = Worker(url, Path(folder), int(number), int(invalidations), sabotage)
        print(json.dumps(asdict(asyncio.run(worker.run()))))  # noqa: T201 - how it tells what it found
        return
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--invalidations", type=int, default=100_000)
    parser.add_argument("--sabotage", choices=sorted(SABOTAGES))
    given = parser.parse_args()
    result = asyncio.run(storm(given.invalidations, sabotage=given.sabotage))
    print(result)  # noqa: T201 - this is what it is for
    raise SystemExit(0 if result.passed else BROKEN)


if __name__ == "__main__":
    main()
