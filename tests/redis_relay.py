"""What stands between a process and its Redis, and can refuse, hang or be slow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

PIECE = 65_536


@dataclass
class Relay:
    """A TCP port that leads to a Redis on a Unix socket. `slow` is by how many seconds each answer is late; `hung`
    lets nothing through. It counts who comes: `connections`, and pieces that were `asked`."""

    path: str
    port: int = 0
    slow: float = 0.0
    hung: bool = False
    connections: int = 0
    asked: int = 0
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    async def open(self) -> None:
        """Listens, on the same port as before."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, reuse_address=True)
        self.port = self._server.sockets[0].getsockname()[1]

    async def refuse(self) -> None:
        """Ends what there is, and refuses connections."""
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._writers:
            with suppress(OSError):
                await writer.wait_closed()
        self._writers.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        their_reader, their_writer = await asyncio.open_unix_connection(self.path)
        self._writers += [writer, their_writer]
        for way in (self._pass(reader, their_writer, asking=True), self._pass(their_reader, writer, asking=False)):
            task = asyncio.create_task(way)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, asking: bool) -> None:
        with suppress(OSError):
            while piece := await reader.read(PIECE):
                if asking:
                    self.asked += 1
                else:
                    await asyncio.sleep(self.slow)
                while self.hung:
                    await asyncio.sleep(0.01)
                writer.write(piece)
        writer.close()


@asynccontextmanager
async def relay(url: str) -> AsyncIterator[Relay]:
    """A way to the Redis of a `unix://` URL."""
    way = Relay(url.removeprefix("unix://").partition("?")[0])
    await way.open()
    try:
        yield way
    finally:
        await way.refuse()
