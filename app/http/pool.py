"""Connections of HTTP/1.1 that are kept between requests, and no more of them at a time than there may be."""

from __future__ import annotations

import asyncio
import select
import ssl
from collections.abc import Callable

from app.errors import UpstreamInvalid, UpstreamTimeout, UpstreamUnavailable
from app.http.dialing import checked, dialled
from app.http.messages import Answer, Origin, Request
from app.http.reading import Reading

# Servers end idle connections after some seconds; whoever writes to one then cannot know what became of it.
KEPT = 5.0  # seconds


class Connection(asyncio.Protocol):
    """One connection: a request, its answer, the next request. It is in `living` from its making to its end."""

    def __init__(self, origin: Origin, living: set[Connection]) -> None:
        self.origin = origin
        self.idle_since = 0.0
        self._living = living
        self._loop = asyncio.get_running_loop()
        self.gone = self._loop.create_future()
        self._transport: asyncio.Transport | None = None
        self._descriptor = -1
        self._reading: Reading | None = None
        self._over: asyncio.Future[None] | None = None

    async def exchange(self, request: Request, encoded: bytes, limit: int) -> tuple[Answer, bool]:
        """The answer to a request, and whether the connection may carry another one. Raises an `UpstreamError`; then,
        and when it is cancelled, the connection must be dropped."""
        if self._transport is None or self._transport.is_closing():
            raise UpstreamUnavailable("the connection was lost", unsent=not request.sent)
        self._reading = reading = Reading(request.method, limit)
        self._over = self._loop.create_future()
        request.sent = True
        self._transport.write(encoded)
        await self._over
        self._reading = None
        answer = reading.answer()
        self.idle_since = self._loop.time()
        # An answer to half a request leaves the other half on its way.
        whole = self._transport is not None and self._transport.get_write_buffer_size() == 0
        return answer, reading.reusable and whole

    def usable(self) -> bool:
        """Whether an idle connection is still there, and nothing came in on it."""
        if self._transport is None or self._transport.is_closing():
            return False
        # The server may have ended it, and the event loop not have got to it yet.
        return not _readable(self._descriptor)

    def drop(self) -> None:
        """Ends it at once."""
        if self._transport is not None:
            self._transport.abort()
        self._end(clean=False)

    # What the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # of a stream, as create_connection makes it
        self._descriptor = transport.get_extra_info("socket").fileno()
        self._living.add(self)

    def data_received(self, data: bytes) -> None:
        if self._reading is None or self._over is None or self._over.done():
            # Nobody has asked for it, and it must not be taken for the next answer.
            self.drop()
        elif self._reading.feed(data):
            self._over.set_result(None)

    def eof_received(self) -> None:
        self._end(clean=True)

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self._living.discard(self)
        self.gone.set_result(None)
        self._end(clean=False)

    def _end(self, *, clean: bool) -> None:
        if self._reading is not None and self._over is not None and not self._over.done():
            self._reading.end(clean=clean)
            self._over.set_result(None)


def _readable(descriptor: int) -> bool:
    if not hasattr(select, "poll"):
        return bool(select.select([descriptor], [], [], 0)[0])
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


class Pool:
    """At most `connections` at a time, each for one answer of at most `limit` bytes. Whoever finds none free waits, and
    is served in the order of coming. An idle one is kept for `kept` seconds; `tls` gives what checks certificates."""

    def __init__(
        self, connections: int, limit: int, *, kept: float = KEPT, tls: Callable[[], ssl.SSLContext] = checked
    ) -> None:
        self._most = connections
        self._limit = limit
        self._kept = kept
        self._tls = tls
        self._free = asyncio.Semaphore(connections)
        self._busy = 0
        self._living: set[Connection] = set()
        self._idle: list[Connection] = []  # the one that has been so for longest comes first
        self._closed = False

    async def exchange(self, request: Request) -> Answer:
        """The answer to a request. Raises an `UpstreamError`."""
        try:
            encoded = request.encoded()
        except ValueError as error:
            raise UpstreamInvalid(f"not sent: {error}", unsent=not request.sent) from None
        async with self._free:
            self._busy += 1
            try:
                connection = self._taken(request.address.origin) or await self._opened(request)
                try:
                    answer, reusable = await connection.exchange(request, encoded, self._limit)
                except BaseException:
                    connection.drop()
                    raise
            finally:
                self._busy -= 1
            if reusable and not self._closed:
                self._idle.append(connection)
            else:
                connection.drop()
            return answer

    async def close(self) -> None:
        """Ends all connections; whoever waits for an answer gets none."""
        self._closed = True
        ending = list(self._living)
        for connection in ending:
            connection.drop()
        # The event loop closes their sockets a little later.
        await asyncio.gather(*(connection.gone for connection in ending))

    def _taken(self, origin: Origin) -> Connection | None:
        oldest = asyncio.get_running_loop().time() - self._kept
        while self._idle and self._idle[0].idle_since < oldest:
            self._idle.pop(0).drop()
        for place in reversed(range(len(self._idle))):
            if self._idle[place].origin == origin:
                connection = self._idle.pop(place)
                if connection.usable():
                    return connection
                connection.drop()
        return None

    async def _opened(self, request: Request) -> Connection:
        while len(self._idle) + self._busy > self._most:
            self._idle.pop(0).drop()
        origin = request.address.origin
        try:
            async with asyncio.timeout(request.connect_timeout):
                connection = await dialled(origin, lambda: Connection(origin, self._living), self._tls)
        except TimeoutError:
            raise UpstreamTimeout("ConnectTimeout", unsent=not request.sent) from None
        except (OSError, UnicodeError):
            raise UpstreamUnavailable("ConnectError", unsent=not request.sent) from None
        if self._closed:
            connection.drop()
            raise UpstreamUnavailable("the client is closed", unsent=not request.sent)
        return connection
