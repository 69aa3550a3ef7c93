"""The speed figures of the README: python -m bench [--rounds 15] [--no-peers] [--write]

Every server is a process held to one core; this program, the upstreams and Redis share another. Each round asks every
server in turn, so that a busy machine slows all of them alike; what is told are medians. CPU time is the server's own,
by the kernel's clock of its process. Every answer is compared with the right one.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import platform
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import structlog

from bench.execution import SIZES, fields
from bench.load import Question, ask
from bench.report import FLOOR, OURS, PEER, Row, milliseconds, pages, plot, slope, table
from bench.servers import ROOT, Server, keep_to
from bench.stage import LATENCY, Contender, Stage, peers

CONNECTIONS = 32
BLOCK = 0.3  # seconds that one server is asked for in a round
WARM = 2.0  # seconds before the first round, in which the others compile what they run
STARTS = 5
DOCUMENT = ROOT / "docs" / "bench.md"
PICTURE = ROOT / "docs" / "bench.svg"
FIGURES = "<!-- figures -->\n"
OWN_LOAD = 2.5  # what this and what it asks make themselves, at most


@dataclass
class Subject:
    """A server that is measured with one question; `times` is how often it is asked in a round."""

    name: str
    server: Server
    asked: Sequence[Question]
    colour: str = PEER
    times: int = 64
    cpu: list[float] = field(default_factory=list)
    rate: list[float] = field(default_factory=list)
    took: list[float] = field(default_factory=list)

    def warm(self, seconds: float) -> None:
        """Asks for a while, and learns how often a round may ask."""
        until = time.monotonic() + seconds
        while True:
            started = time.monotonic()
            asyncio.run(ask(self.server.port, self.asked, self.times))
            each = (time.monotonic() - started) / self.times
            self.times = max(len(self.asked), 8, min(20_000, int(BLOCK / each)))
            if time.monotonic() > until:
                return

    def once(self) -> None:
        """One round's part."""
        cpu, started = self.server.cpu(), time.monotonic()
        took = asyncio.run(ask(self.server.port, self.asked, self.times))
        self.rate.append(self.times / (time.monotonic() - started))
        self.cpu.append((self.server.cpu() - cpu) / self.times)
        self.took.append(median(took))

    def row(self) -> Row:
        """Its figures."""
        return Row(self.name, self.cpu, self.rate, self.colour)


def interleaved(subjects: Sequence[Subject], rounds: int, warm: float = WARM) -> None:
    """Measures them in turn."""
    for subject in subjects:
        subject.warm(warm)
    for _ in range(rounds):
        for subject in subjects:
            subject.once()


@dataclass
class Parts:
    """Who is measured: with answers kept, without, and before an upstream that takes its time."""

    kept: list[tuple[Contender, str]]
    plain: list[tuple[Contender, str]]
    slow: list[tuple[Contender, str]]


def parts(stage: Stage, *, others: bool) -> Parts:
    """The servers of each part."""
    fast, slow = stage.upstream, stage.slow
    found = Parts(
        kept=[
            (stage.ours("Vitrine, kept in the process", fast), OURS),
            (stage.shared("Vitrine, kept in Redis"), OURS),
            (stage.python("uvicorn, fixed bytes", "floor"), FLOOR),
            (stage.python("FastAPI route and redis-py", "fastapi-redis"), FLOOR),
        ],
        plain=[
            (stage.ours("Vitrine", fast, **NOT_KEPT), OURS),
            (stage.python("Strawberry and httpx2, stock", "stock"), FLOOR),
        ],
        slow=[(stage.ours("Vitrine slow", slow, **NOT_KEPT), OURS)],
    )
    if others:
        found.kept += [
            (stage.yoga("GraphQL Yoga, response cache", CACHED="1"), PEER),
            (stage.yoga("GraphQL Yoga with JIT, response cache", CACHED="1", JIT="1"), PEER),
            (stage.hive("Hive Gateway proxy, response cache", "proxy", CACHED="1"), PEER),
            (stage.hive("Hive Gateway supergraph, response cache", "supergraph", CACHED="1"), PEER),
        ]
        found.plain += [
            (stage.yoga("GraphQL Yoga with JIT", JIT="1"), PEER),
            (stage.yoga("GraphQL Yoga"), PEER),
            (stage.alokai("Alokai middleware"), PEER),
            (stage.hive("Hive Gateway proxy", "proxy"), PEER),
            (stage.hive("Hive Gateway supergraph", "supergraph"), PEER),
        ]
        found.slow += [
            (stage.yoga("GraphQL Yoga with JIT slow", slow, JIT="1"), PEER),
            (stage.alokai("Alokai middleware slow", slow), PEER),
            (stage.hive("Hive Gateway proxy slow", "proxy", slow), PEER),
        ]
    return found


NOT_KEPT = {"REDIS_CACHE_URL": "", "COMMERCE_WEBHOOK_SECRETS": ""}


def starts(stage: Stage, contenders: Sequence[Contender], rounds: int) -> dict[str, list[tuple[float, float]]]:
    """Seconds until the first right answer, on the clock and of CPU; for each, one after the other, some times."""
    found: dict[str, list[tuple[float, float]]] = {each.name: [] for each in contenders}
    for _ in range(rounds):
        for each in contenders:
            with stage.run(each) as server:
                found[each.name].append((server.start, server.start_cpu))
    return found


def measure(stage: Stage, rounds: int, *, others: bool) -> tuple[str, str]:
    """All of it: the tables and the plot."""
    who = parts(stage, others=others)
    with stage.run(who.plain[0][0]) as ours:
        stage.learn(ours)
    said(f"starting each {min(STARTS, rounds)} times")
    started = starts(stage, [each for each, _ in who.kept + who.plain], min(STARTS, rounds))
    running = {each.name: stage.start(each) for each, _ in who.kept + who.plain + who.slow}
    fresh = {name: server.memory()[0] for name, server in running.items()}

    def subject(each: Contender, colour: str, size: int = SIZES[0], connections: int = CONNECTIONS) -> Subject:
        return Subject(each.name, running[each.name], [each.asked(size) for _ in range(connections)], colour)

    said("a line put into a cart")
    buying = stage.start(stage.buying())
    adding = Subject("cartAdd", buying, [stage.adding(buying.port) for _ in range(8)], OURS)
    interleaved([adding], rounds, warm=1.0)
    said("the page")
    kept = [subject(*each) for each in who.kept]
    plain = [subject(*each) for each in who.plain]
    interleaved([*kept, *plain], rounds)
    kept_rows, plain_rows = [each.row() for each in kept], [each.row() for each in plain]
    said(pages(kept_rows, kept_rows[0]) + pages(plain_rows, plain_rows[0]))
    said("growth")
    grown = {each.name: [subject(each, colour, size) for size in SIZES] for each, colour in who.plain}
    interleaved([each for sizes in grown.values() for each in sizes], max(3, rounds // 3), warm=0.5)
    said("added latency")
    direct = Subject("", stage.slow_server, [Question.post("/graphql", stage.requests[SIZES[0]])])
    late = [subject(each, colour, connections=1) for each, colour in who.slow]
    interleaved([direct, *late], rounds, warm=1.0)
    after = {name: server.memory()[0] for name, server in {**running, "Vitrine with carts": buying}.items()}

    size = fields(stage.right(SIZES[0]))
    text = "\n".join(
        [
            f"### Cached\n\n{pages(kept_rows, kept_rows[0])}",
            f"### Not cached, an upstream of 0 ms\n\n{pages(plain_rows, plain_rows[0])}",
            f"### As pages grow\n\n{_growth(stage, grown)}",
            f"### Added to an upstream of {1e3 * LATENCY:.0f} ms\n\n{_added(direct, late)}",
            f"### A line put into a cart\n\n{milliseconds(median(adding.cpu))} of CPU per request, of Vitrine alone.\n",
            f"### Memory and start\n\n{_processes(started, fresh, after)}",
        ]
    )
    title = f"CPU time per request: a category page of {SIZES[0]} products, {size:,} fields"
    return text, plot(title, [("cached", kept_rows), ("not cached, an upstream of 0 ms", plain_rows)])


def _growth(stage: Stage, grown: dict[str, list[Subject]]) -> str:
    counted = [fields(stage.right(size)) for size in SIZES]
    rows = []
    for name, subjects in grown.items():
        taken = [each.row().seconds for each in subjects]
        each_field = 1e6 * slope(list(zip(counted, taken, strict=True)))
        rows.append([name, *map(milliseconds, taken), f"{each_field:.2f} µs"])
    heads = [f"{size} products, {count:,} fields" for size, count in zip(SIZES, counted, strict=True)]
    return table(["", *heads, "each more field"], rows)


def _added(direct: Subject, late: Sequence[Subject]) -> str:
    rows = []
    for each in late:
        added = [taken - bare for taken, bare in zip(each.took, direct.took, strict=True)]
        rows.append([each.name.removesuffix(" slow"), milliseconds(median(each.took)), milliseconds(median(added))])
    return table(["", "median", "added"], [["the upstream itself", milliseconds(median(direct.took)), ""], *rows])


def _processes(started: dict[str, list[tuple[float, float]]], fresh: dict[str, int], after: dict[str, int]) -> str:
    rows = []
    for name, last in after.items():
        taken = started.get(name)
        if taken is None and name != "Vitrine with carts":
            continue
        rows.append(
            [
                name,
                f"{fresh[name] / 1e6:.0f} MB" if name in fresh else "",
                f"{last / 1e6:.0f} MB",
                f"{median(each[0] for each in taken):.2f} s" if taken else "",
                f"{median(each[1] for each in taken):.2f} s" if taken else "",
            ]
        )
    return table(["", "memory, started", "memory, at the end", "first answer", "CPU until then"], rows)


def said(what: str) -> None:
    """Tells somebody who waits what is going on."""
    print(f"... {what}", file=sys.stderr, flush=True)


def conditions(rounds: int, lacking: str, before: float, after: float) -> str:
    """When, on what and how it was measured; the loads are averages of a minute, before it and at its end."""
    other = before > 0.5 or after > OWN_LOAD
    busy = f" The machine had other work, too (load {before:.1f} before, {after:.1f} at the end)." if other else ""
    peerless = f" Without the others: {lacking}." if lacking else ""
    return (
        f"Measured {time.strftime('%Y-%m-%d', time.gmtime())} on {os.cpu_count()} cores with CPython "
        f"{platform.python_version()}: medians of {rounds} rounds, {CONNECTIONS} connections.{busy}{peerless}\n"
    )


def main() -> None:
    """Reads the options, measures, prints, and writes what the README shows."""
    arguments = argparse.ArgumentParser(description="the speed figures of the README")
    arguments.add_argument("--rounds", type=int, default=15)
    arguments.add_argument("--no-peers", action="store_true", help="leave out what needs npm")
    arguments.add_argument("--write", action="store_true", help="write docs/bench.md and docs/bench.svg")
    given = arguments.parse_args()
    load = os.getloadavg()[0]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    lacking = "left out" if given.no_peers else peers()
    keep_to(os.getpid(), -1)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as ending:
        text, picture = measure(Stage(Path(folder), ending), given.rounds, others=not lacking)
    told = f"{conditions(given.rounds, lacking, load, os.getloadavg()[0])}\n{text}"
    print(told)
    if given.write:
        before = DOCUMENT.read_text().partition(FIGURES)[0]
        DOCUMENT.write_text(before + FIGURES + "\n" + told)
        PICTURE.write_text(picture)


if __name__ == "__main__":
    main()
