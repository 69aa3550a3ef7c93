"""Random histories of the cache over a real Redis: no read finds what is old or what belongs to another key.

`python -m tests.cache_machine --histories 1000` runs them by hand; a few are among the tests (tests/test_cache_machine).
Three processes read two store views; one has no tier of its own. What they fetch waits until it is let go, and brings
what was true when it began. Messages arrive when they are let through, late, or never. Things change and are purged;
processes crash and leave their leases behind; Redis is emptied, ended, started again with all it had, with what it had
long ago, or with nothing, and loses single keys. The clock of the cache and of its tiers is the history's.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import random
import secrets
import shutil
import tempfile
import time
from collections import Counter, deque
from collections.abc import Collection, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import redis.asyncio as redis
import structlog
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from app.cache import Cache, Fetched, Found, Listening, Local, Shared, Ticket, Times
from app.cache.local import SILENCE
from app.cache.shared import CHANNEL, PREFIX
from app.errors import StateUnavailable, UpstreamError, UpstreamTimeout
from app.redis_client import connect, disconnect
from tests.redis_server import Server, flush

T = TypeVar("T")
STORES = ("default", "de")
TAGS = ("A", "B")
KEYS = {"a": ("A",), "b": ("B",), "ab": ("A", "B")}
TIMES = Times(60, 30, 600)
LEASE = 0.3  # seconds by the machine's clock, as Redis counts them
BROKEN = 3  # exit status
PATIENCE = 20.0  # seconds by the same clock after which a read is taken for one that never ends
KEEPING = ("--appendonly", "yes", "--appendfsync", "no")
Versions = dict[tuple[str, str], int]  # by store view and tag


class Dead(ConnectionError):
    """The process has crashed: nothing of it reaches Redis any more."""


class Wire:
    """A client of Redis that knows whether an answer is awaited, and can be dead."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.dead = False
        self.busy = 0

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)

        async def call(*arguments: Any, **named: Any) -> Any:
            if self.dead:
                raise Dead
            self.busy += 1
            try:
                return await method(*arguments, **named)
            finally:
                self.busy -= 1

        return call


@dataclass(eq=False)
class Fetch:
    """A fetch under way: what it will bring, and how it is to end."""

    gate: asyncio.Event = field(default_factory=asyncio.Event)
    end: str = "whole"


@dataclass(eq=False)
class Reading:
    """A read: of what, since when, and what it may not be older than."""

    store: str
    key: str
    floors: Versions
    task: asyncio.Task[Found]


@dataclass(eq=False)
class Process:
    """What a process has: its cache, and the messages that are on their way to it."""

    number: int
    client: Any
    wire: Wire
    shared: Shared
    local: Local
    listening: Listening
    cache: Cache
    messages: deque[bytes] = field(default_factory=deque)
    deaf: bool = False
    told: int = 0  # how many messages it was sent
    readings: list[Reading] = field(default_factory=list)


class Stage:
    """A Redis for many histories, and what may be wrong with the cache on purpose."""

    def __init__(self, folder: Path, shared: type[Shared] = Shared, local: type[Local] = Local) -> None:
        self.folder, self.shared, self.local = folder, shared, local
        self.server = Server(folder, *KEEPING)
        self.tally: Counter[str] = Counter()

    def close(self) -> None:
        """Ends it."""
        self.server.stop()


class History(RuleBasedStateMachine):
    """One of them."""

    stage: Stage

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.now = 1_800_000_000.0
        self.upstream: Versions = {(store, tag): 1 for store in STORES for tag in TAGS}
        self.purged: list[tuple[float, Versions]] = []  # when purges returned, and what all floors were then
        self.floors: Versions = dict.fromkeys(self.upstream, 0)
        self.fetches: list[Fetch] = []
        self.wrong: list[str] = []
        self.up, self.old = True, False
        if self.stage.server.process.poll() is not None:
            self.stage.server.start()
        self.run(flush(self.stage.server.url))
        shutil.rmtree(self.stage.folder / "old", ignore_errors=True)
        self.ears: Any = None
        self.hearing: asyncio.Task[None] | None = None
        self.processes: list[Process] = []
        self.run(self._subscribe())
        self.processes = [self._process(n) for n in range(3)]
        for each in self.processes:
            self._beat(each)

    # What happens

    @rule(number=st.integers(0, 2), store=st.sampled_from(STORES), key=st.sampled_from(sorted(KEYS)))
    def read(self, number: int, store: str, key: str) -> None:
        self._read(number, store, key)

    @rule(store=st.sampled_from(STORES))
    def read_all(self, store: str) -> None:
        """What is fetched for the first process serves them all."""
        for process in self.processes:
            for key in KEYS:
                self._read(process.number, store, key)
            self._let_go("whole")

    @rule(end=st.sampled_from(["whole", "whole", "whole", "partial", "failed"]), at=st.integers(0, 5))
    def bring(self, end: str, at: int) -> None:
        # No precondition: how many there are is a matter of time, and the same history must be drawn again the same.
        if not self.fetches:
            return
        fetch = self.fetches.pop(at % len(self.fetches))
        fetch.end = end
        fetch.gate.set()
        self._settle()

    @rule(tag=st.sampled_from(TAGS), stores=st.sampled_from([STORES, STORES[:1], STORES[1:]]))
    def change(self, tag: str, stores: tuple[str, ...]) -> None:
        for store in stores:
            self.upstream[store, tag] += 1

    @rule(number=st.integers(0, 2), tags=st.sampled_from([("A",), ("B",), TAGS]), changed=st.booleans())
    def purge(self, number: int, tags: tuple[str, ...], changed: bool) -> None:
        for tag in tags if changed else ():
            self.change(tag, STORES)
        floors = {**self.floors, **{place: told for place, told in self.upstream.items() if place[1] in tags}}
        before = [process.told for process in self.processes]
        try:
            self.run(self.processes[number].cache.purge(STORES, [f"product:{tag}" for tag in tags]))
        except StateUnavailable:
            return
        self.floors = floors
        self.purged.append((self.now, floors))
        self.stage.tally["purges"] += 1
        self._settle()
        until = time.monotonic() + PATIENCE
        while any(
            not process.deaf and process.told < before[process.number] + len(STORES) for process in self.processes
        ):
            assert time.monotonic() < until, "a message did not come"
            self._settle(0.001)

    @rule(number=st.integers(1, 2), tag=st.sampled_from(TAGS))
    def purge_unheard(self, number: int, tag: str) -> None:
        """A process that has all there is misses the messages of one purge, and reads when it must know of it."""
        process = self.processes[number]
        self._deliver(process, 1000)
        for store in STORES:
            self.read_all(store)
        self.purge(0, (tag,), True)
        process.messages.clear()
        self.go_on()
        self.read_all(STORES[0])

    @rule(
        number=st.integers(0, 2),
        store=st.sampled_from(STORES),
        key=st.sampled_from(sorted(KEYS)),
        meanwhile=st.sampled_from(["nothing", "evict", "empty", "fail over", "crash"]),
        at=st.integers(0, 100),
    )
    def race(self, number: int, store: str, key: str, meanwhile: str, at: int) -> None:
        """A purge while what it is about is fetched, and then something worse."""
        self._read(number, store, key)
        self.purge((number + 1) % 3, KEYS[key], True)
        if self.up and meanwhile == "crash":
            self.crash((number + 1) % 3)
        elif self.up and meanwhile != "nothing":
            self.trouble(meanwhile, at)
        self._let_go("whole")

    @rule(seconds=st.sampled_from([0.2, 0.6, 30.0, 62.0, 62.0, 700.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def go_on(self) -> None:
        """A second in which all messages arrive at once."""
        for _ in range(4):
            self.now += SILENCE / 4
            self._pass_beats()
            for process in self.processes:
                self._beat(process)
                self._listen(process)
                self._deliver(process, 1000)

    @rule(number=st.integers(0, 2), what=st.sampled_from(["some arrive", "lost", "said twice", "beat", "listen again"]))
    def messages(self, number: int, what: str) -> None:
        process = self.processes[number]
        match what:
            case "some arrive":
                self._deliver(process, 3)
            case "beat":
                self._beat(process)
            case "listen again":
                self._listen(process)
            case "lost" if process.messages:
                process.messages.popleft()
                self.stage.tally["messages lost"] += 1
            case "said twice" if process.messages:
                process.messages.append(process.messages[0])

    @rule(number=st.integers(0, 2))
    def crash(self, number: int) -> None:
        process = self.processes[number]
        process.wire.dead = True
        for reading in process.readings:
            reading.task.cancel()
        self.run(self._end(process))
        self.processes[number] = self._process(number)
        self.stage.tally["crashes"] += 1

    @precondition(lambda self: self.up)
    @rule(at=st.integers(0, 100), what=st.sampled_from(["evict", "evict", "empty", "end", "copy", "fail over"]))
    def trouble(self, what: str, at: int) -> None:
        match what:
            case "evict":
                self._evict(at)
            case "empty":
                self.run(flush(self.stage.server.url))
                self.stage.tally["flushes"] += 1
            case "end":
                self._end_redis()
            case "copy":
                self._copy()
            case _:
                self._end_redis()
                self.start_redis("old")

    @precondition(lambda self: self.up)
    @rule(number=st.integers(0, 2), tag=st.sampled_from(TAGS))
    def purge_and_fail_over(self, number: int, tag: str) -> None:
        """The server that takes over has not heard of the purge."""
        self._copy()
        self.purge(number, (tag,), True)
        self._end_redis()
        self.start_redis("old")

    @precondition(lambda self: not self.up)
    @rule(has=st.sampled_from(["all", "old", "nothing"]))
    def start_redis(self, has: str) -> None:
        files = self.stage.folder / "appendonlydir"
        if has == "nothing" or (has == "old" and self.old):
            shutil.rmtree(files)
        if has == "old" and self.old:
            shutil.copytree(self.stage.folder / "old", files)
        self.stage.server.start()
        self.up = True
        self.run(self._subscribe())
        self._settle(0.03)
        self.stage.tally[f"starts with {has}"] += 1

    # What must be true

    @invariant()
    def nothing_old_or_foreign_was_read(self) -> None:
        assert not self.wrong, self.wrong

    def teardown(self) -> None:
        try:
            if not self.up:
                self.start_redis("nothing")
            self._settle()
            until = time.monotonic() + PATIENCE
            while any(process.readings for process in self.processes) and time.monotonic() < until:
                self._let_go("whole")
                self._settle(0.01)
            for process in self.processes:
                assert not process.readings, f"reads that never end: {process.readings}"
            assert not self.wrong, self.wrong
        finally:
            for process in self.processes:
                for reading in process.readings:
                    reading.task.cancel()
            self.run(self._close())
            self.loop.close()

    # How it is done

    def _evict(self, at: int) -> None:
        async def evict() -> None:
            client = redis.from_url(self.stage.server.url)
            if keys := sorted([key async for key in client.scan_iter()]):
                await client.delete(keys[at % len(keys)])
            await client.aclose()

        self.run(evict())
        self.stage.tally["evictions"] += 1

    def _copy(self) -> None:
        """What a replica has that hears nothing from now on."""
        shutil.rmtree(self.stage.folder / "old", ignore_errors=True)
        shutil.copytree(self.stage.folder / "appendonlydir", self.stage.folder / "old")
        self.old = True

    def _end_redis(self) -> None:
        self.stage.server.stop()
        self.up = False
        for process in self.processes:
            process.deaf = True

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def _process(self, number: int) -> Process:
        client = connect(self.stage.server.url, 5.0)
        wire = Wire(client)
        shared = self.stage.shared(wire)
        local = self.stage.local(1_000_000 if number else 0, lambda: self.now)
        listening = Listening(local, shared, None, lambda: STORES)
        cache = Cache(shared, local, lease=LEASE, patience=5.0, pause=0.01, clock=lambda: self.now)
        return Process(number, client, wire, shared, local, listening, cache)

    async def _end(self, process: Process) -> None:
        await process.cache.close()
        await asyncio.gather(*(reading.task for reading in process.readings), return_exceptions=True)
        await disconnect(process.client)

    async def _close(self) -> None:
        for process in self.processes:
            await self._end(process)
        await self._unsubscribe()

    async def _subscribe(self) -> None:
        await self._unsubscribe()
        self.ears = redis.from_url(self.stage.server.url)
        channel = self.ears.pubsub()
        await channel.subscribe(CHANNEL)
        await channel.get_message(timeout=5.0)

        async def hear() -> None:
            with suppress(redis.RedisError, OSError):
                async for message in channel.listen():
                    for process in self.processes:
                        if not process.deaf:
                            process.messages.append(message["data"])
                            process.told += 1

        self.hearing = asyncio.create_task(hear())

    async def _unsubscribe(self) -> None:
        if self.hearing is not None:
            self.hearing.cancel()
            await asyncio.gather(self.hearing, return_exceptions=True)
            await self.ears.aclose()

    def _listen(self, process: Process) -> None:
        """Notices that the line was broken, as app/cache/listening.py does."""
        if process.deaf and self.up:
            process.local.clear()
            process.messages.clear()
            process.deaf = False

    def _beat(self, process: Process) -> None:
        async def beat() -> None:
            for store in STORES:
                asked = process.local.clock()
                with suppress(redis.RedisError, OSError):
                    process.local.seen(store, await process.shared.beat(store), asked)

        self.run(beat())
        self._settle()

    def _pass_beats(self) -> None:
        """Has the pause between two beats pass, which Redis counts by its own clock."""

        async def forget() -> None:
            client = redis.from_url(self.stage.server.url)
            with suppress(redis.RedisError, OSError):
                await client.delete(*(f"{PREFIX}{{{store}}}:beat" for store in STORES))
            await client.aclose()

        if self.up:
            self.run(forget())

    def _deliver(self, process: Process, some: int) -> None:
        for _ in range(min(some, len(process.messages))):
            process.listening.hear(process.messages.popleft())

    def _let_go(self, end: str) -> None:
        for fetch in self.fetches:
            fetch.end = end
            fetch.gate.set()
        self.fetches.clear()
        self._settle()

    def _settle(self, seconds: float = 0.0) -> None:
        """Lets all go on that waits for nothing but Redis."""

        async def settle() -> None:
            await asyncio.sleep(seconds)
            quiet = 0
            while quiet < 10:
                await asyncio.sleep(0.0002 if any(each.wire.busy for each in self.processes) else 0)
                quiet = 0 if any(each.wire.busy for each in self.processes) else quiet + 1

        self.run(settle())

    def _read(self, number: int, store: str, key: str) -> None:
        process, began = self.processes[number], self.now
        floors = dict(self.floors)
        if number:
            # A tier of its own may be behind by so much.
            known = [told for at, told in self.purged if at <= began - SILENCE]
            floors = dict(known[-1]) if known else dict.fromkeys(floors, 0)

        async def fetch(_: Ticket | None) -> Fetched:
            mine = Fetch()
            versions = {tag: self.upstream[store, tag] for tag in KEYS[key]}
            self.fetches.append(mine)
            self.stage.tally["fetches"] += 1
            await mine.gate.wait()
            if mine.end == "failed":
                raise UpstreamTimeout("failed on purpose")
            body = json.dumps([store, key, versions]).encode()
            return Fetched(body, [f"product:{tag}" for tag in KEYS[key]], whole=mine.end == "whole")

        async def read() -> Found:
            return await process.cache.read(store, key, TIMES, fetch)

        task = self.loop.create_task(read())
        reading = Reading(store, key, floors, task)
        process.readings.append(reading)
        task.add_done_callback(lambda _: self._judge(process, reading))
        self._settle()

    def _judge(self, process: Process, reading: Reading) -> None:
        process.readings.remove(reading)
        if reading.task.cancelled():
            return
        error = reading.task.exception()
        if error is not None:
            if not isinstance(error, UpstreamError):
                self.wrong.append(f"a read failed: {error!r}")
            return
        found = reading.task.result()
        self.stage.tally["kept" if found.kept else "fetched"] += 1
        self.stage.tally["stale"] += found.stale
        store, key, versions = json.loads(found.entry.body)
        if (store, key) != (reading.store, reading.key):
            self.wrong.append(f"{reading.store} {reading.key}: got {store} {key}")
        for tag, version in versions.items():
            if version < reading.floors[reading.store, tag]:
                self.wrong.append(f"{process.number}: {key} has {tag} {version}, purged {reading.floors}")
        entry = found.entry
        if found.kept and self.now > entry.error:
            self.wrong.append(f"{key} is kept {self.now - entry.error} s too long")


# What can be removed: scripts with one rule less.


class Altered(Shared):
    """A text in the scripts, and what stands there instead."""

    old, new = "", ""

    async def _run(self, script: str, keys: list[str], arguments: list[Any]) -> Any:
        return await super()._run(script.replace(self.old, self.new), keys, arguments)


class WithoutRun(Altered):
    """Takes what another server kept for its own."""

    old, new = "local info = redis.pcall('INFO', 'server')", "local info = nil"


class WithoutLog(Altered):
    """Fills whichever log it is."""

    old, new = "if id ~= ARGV[4] then", "if false then"


class WithoutFence(Altered):
    """Fills whatever was purged meanwhile."""

    old, new = "if purged and tonumber(purged) > tonumber(ARGV[5]) then", "if false then"


class WithoutGenerations(Altered):
    """Takes a generation that is not there for the same."""

    old = "if present[tag] ~= generation then"
    new = "if (present[tag] or generation) ~= generation then"


class WithoutStore(Shared):
    """One place for all store views."""

    async def fill(self, store: str, *given: Any) -> Any:
        """Into the first one's."""
        return await super().fill(STORES[0], *given)

    async def look(self, store: str, keys: Sequence[str]) -> Any:
        """From there."""
        return await super().look(STORES[0], keys)

    async def ticket(self, store: str) -> Ticket:
        """By its log."""
        return await super().ticket(STORES[0])


class WithoutGap(Local):
    """Takes what was missed for nothing."""

    def heard(self, store: str, told: Ticket, purged: Collection[str] = ()) -> None:
        """As if nothing had been between."""
        view = self._views.get(store)
        if view is not None and view.ticket.id == told.id:
            view.ticket = Ticket(told.id, told.seq - bool(purged))
        super().heard(store, told, purged)


SABOTAGES: dict[str, type[Shared] | type[Local]] = {
    each.__name__: each for each in (WithoutRun, WithoutLog, WithoutFence, WithoutGenerations, WithoutStore, WithoutGap)
}


def run(stage: Stage, histories: int, steps: int, *, chance: int | None = None, shrink: bool = True) -> None:
    """So many histories of at most so many steps; `chance` seeds them, None is the same ones every time. Raises what
    the first one that fails raised."""
    machine = type("SomeHistory", (History,), {"stage": stage})
    if chance is not None:
        machine = seed(chance)(machine)
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=histories,
            stateful_step_count=steps,
            derandomize=chance is None,
            deadline=None,
            database=None,
            phases=[Phase.generate, *([Phase.shrink] if shrink else [])],
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )


def staged(folder: Path, sabotage: str | None = None) -> Stage:
    """A stage with a sabotage of `SABOTAGES`, or none."""
    removed = SABOTAGES.get(sabotage or "")
    if removed is None:
        return Stage(folder)
    return Stage(folder, shared=removed) if issubclass(removed, Shared) else Stage(folder, local=removed)


def main() -> None:
    """The histories by hand; a seed that is told can be given again. Exit status 3: something was wrong."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--histories", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**32))
    parser.add_argument("--sabotage", choices=sorted(SABOTAGES))
    given = parser.parse_args()
    random.seed(given.seed)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    print(f"seed {given.seed}", flush=True)  # noqa: T201 - this is what it is for
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        stage = staged(Path(folder), given.sabotage)
        try:
            run(stage, given.histories, given.steps, chance=given.seed, shrink=given.sabotage is None)
        except AssertionError as error:
            print(f"{error}\n{''.join(getattr(error, '__notes__', ()))}")  # noqa: T201
            raise SystemExit(BROKEN) from None
        finally:
            stage.close()
    told = ", ".join(f"{count} {what}" for what, count in sorted(stage.tally.items()))
    print(f"{given.histories} histories in {time.monotonic() - started:.0f} s, nothing old: {told}")  # noqa: T201


if __name__ == "__main__":
    main()
