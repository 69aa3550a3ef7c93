"""A real Redis on a socket, for tests that start, stop and empty it."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Self, TypeVar

from app.redis_client import connect, disconnect
from app.state import State

S = TypeVar("S", bound=State)
KEEPING = ("--appendonly", "yes", "--appendfsync", "always")


class Server:
    """A Redis of its own. With `KEEPING` among its options it has what it was told when it is started again."""

    def __init__(self, folder: Path, *options: str) -> None:
        self._folder, self._socket, self._options = folder, folder / "redis.sock", options
        self.url = f"unix://{self._socket}"
        self.start()

    def start(self) -> None:
        files = ["--dir", str(self._folder), "--save", "", *self._options]
        self.process = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", str(self._socket), *files], stdout=subprocess.DEVNULL
        )
        while not self._answers():
            assert self.process.poll() is None
            time.sleep(0.01)

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as wire:
            if wire.connect_ex(str(self._socket)) != 0:
                return False
            wire.sendall(b"PING\r\n")
            # What it was told before is read first, and takes a while on a busy machine.
            return not wire.recv(64).startswith(b"-LOADING")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends it as a crash does, also while it stands still."""
        self.process.kill()
        self.process.wait(10)
        self._socket.unlink(missing_ok=True)


@contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """A Redis that forgets all when it ends; gives its URL."""
    with Server(folder) as server:
        yield server.url


@asynccontextmanager
async def closing(*states: S) -> AsyncIterator[S]:
    """Closes states in every case, or the next test fails too; gives the first."""
    try:
        yield states[0]
    finally:
        for state in states:
            await state.close()


async def flush(url: str) -> None:
    """Empties a Redis, all of its servers."""
    client = connect(url, 10.0)
    await client.flushall()
    await disconnect(client)


async def whole_of(url: str) -> bytes:
    """All that a Redis has: keys and values of strings, hashes, sets and sorted sets."""
    client = connect(url, 10.0)
    try:
        found: list[object] = []
        for key in await client.keys("*"):
            kind = await client.type(key)
            if kind == b"string":
                found += [key, await client.get(key)]
            elif kind == b"hash":
                found += [key, *(part for pair in (await client.hgetall(key)).items() for part in pair)]
            elif kind == b"set":
                found += [key, *await client.smembers(key)]
            else:
                assert kind == b"zset", kind
                found += [key, *await client.zrange(key, 0, -1)]
        return b"\n".join(part for part in found if isinstance(part, bytes))
    finally:
        await disconnect(client)
