"""Servers as processes of their own, and what they cost: CPU time, memory, and how long they take to start."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bench.load import Question, answer_of

ROOT = Path(__file__).parents[1]
CORES = sorted(os.sched_getaffinity(0))
PATIENCE = 30.0  # seconds until a server must have answered


class NotStarted(Exception):
    """A server ended, or did not answer; the message has the end of what it logged."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server on a loopback port. `start` and `start_cpu` are seconds from its spawn to its first right answer, on the
    clock and of CPU."""

    name: str
    process: subprocess.Popen[bytes]
    port: int
    start: float
    start_cpu: float

    def cpu(self) -> float:
        """Seconds of CPU time that all its processes have used, threads that have ended included."""
        return sum(cpu_of(pid) for pid in family(self.process.pid))

    def memory(self) -> tuple[int, int]:
        """Bytes in memory: all that it has (RSS), and with shared pages divided by their users (PSS)."""
        told = [memory_of(pid) for pid in family(self.process.pid)]
        return sum(each[0] for each in told), sum(each[1] for each in told)


def cpu_of(pid: int) -> float:
    """A process's CPU time in seconds, by its own clock: /proc/PID/stat counts hundredths (clock_getcpuclockid(3))."""
    return time.clock_gettime((~pid << 3) | 2)


def memory_of(pid: int) -> tuple[int, int]:
    """RSS and PSS of a process in bytes (/proc/PID/smaps_rollup, proc(5))."""
    found = {"Rss": 0, "Pss": 0}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, _, rest = line.partition(":")
        if name in found:
            found[name] = int(rest.split()[0]) * 1024
    return found["Rss"], found["Pss"]


def family(pid: int) -> list[int]:
    """The process and all that it has started."""
    children: list[int] = []
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            children += map(int, (task / "children").read_text().split())
    return [pid, *[each for child in children for each in family(child)]]


def keep_to(pid: int, core: int) -> None:
    """Holds a process, and what it will start, to one of the cores that there are, the last one for -1."""
    if len(CORES) > 1:
        os.sched_setaffinity(pid, {CORES[core]})


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def started(
    name: str,
    command: Sequence[str],
    port: int,
    first: Question,
    folder: Path,
    settings: Mapping[str, str] | None = None,
    core: int | None = None,
) -> Iterator[Server]:
    """A server, once it has answered its first question; ended in every case. `core` is as in `keep_to`; without, it
    shares this program's. Raises `NotStarted`."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(ROOT), **(settings or {})}
    logged = folder / f"{name}.log"
    with logged.open("wb") as log:
        spawned = time.monotonic()
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL, process_group=0
        )
    if core is not None:
        keep_to(process.pid, core)
    try:
        while not answer_of(port, first):
            if process.poll() is not None or time.monotonic() - spawned > PATIENCE:
                raise NotStarted(f"{name}: {logged.read_text(errors='replace')[-2000:]}")
            time.sleep(0.01)
        taken = time.monotonic() - spawned
        yield Server(name, process, port, taken, sum(map(cpu_of, family(process.pid))))
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(5)
    # What it started is of its group.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(10)
