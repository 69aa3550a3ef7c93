"""A client that asks over kept connections, and takes no wrong answer."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

ORIGIN = "https://shop.example.com"
# What a storefront's browser sends through a proxy.
HEADERS = (
    "Host: api.example.com",
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) bench",
    "Accept: application/json",
    f"Origin: {ORIGIN}",
    "X-Forwarded-For: 192.0.2.7",
    "X-Forwarded-Proto: https",
)
CONNECT_PATIENCE = 5.0  # seconds


class WrongAnswer(Exception):
    """A server answered with something else than it must."""


@dataclass(frozen=True)
class Question:
    """A request as it goes over the wire, and what its answer's body must be; `check` says whether it is."""

    wire: bytes
    check: Callable[[bytes], bool] = field(default=lambda _: True)

    @classmethod
    def post(
        cls, path: str, body: bytes, check: Callable[[bytes], bool] = lambda _: True, headers: Sequence[str] = ()
    ) -> Question:
        """A POST of JSON."""
        lines = [f"POST {path} HTTP/1.1", *HEADERS, "Content-Type: application/json", f"Content-Length: {len(body)}"]
        return cls("\r\n".join([*lines, *headers, "", ""]).encode() + body, check)


class Reader:
    """Takes an answer apart (RFC 9112): a body of a known length, or in chunks."""

    def __init__(self) -> None:
        self._held = b""
        self.status = 0
        self.headers: dict[str, str] = {}

    def feed(self, data: bytes) -> bytes | None:
        """The body, when all of it has come. Raises `WrongAnswer` for what is no answer of either kind."""
        held = self._held = self._held + data if self._held else data
        end = held.find(b"\r\n\r\n")
        if end < 0:
            return None
        head = held[:end].lower()
        at = head.find(b"\r\ncontent-length:")
        if at >= 0:
            length = int(head[at + 17 :].split(b"\r\n", 1)[0])
            body, rest = held[end + 4 : end + 4 + length], held[end + 4 + length :]
            whole = len(body) == length
        elif b"\r\ntransfer-encoding: chunked" in head:
            body, rest, whole = _chunks(held, end + 4)
        else:
            raise WrongAnswer(f"an answer of no known length: {held[:300]!r}")
        if not whole:
            return None
        if rest:
            raise WrongAnswer(f"more than an answer: {rest[:100]!r}")
        self.status, self._held = int(head[9:12]), b""
        if self.status != 200 or not self.headers:
            lines = [line.partition(":") for line in held[:end].decode("latin-1").split("\r\n")[1:]]
            self.headers = {name.strip().lower(): value.strip() for name, _, value in lines}
        return body


def _chunks(held: bytes, at: int) -> tuple[bytes, bytes, bool]:
    parts = []
    while True:
        line = held.find(b"\r\n", at)
        if line < 0:
            return b"", b"", False
        size = int(held[at:line].split(b";")[0], 16)
        at = line + 2
        if len(held) < at + size + 2:
            return b"", b"", False
        parts.append(held[at : at + size])
        at += size + 2
        if size == 0:
            return b"".join(parts), held[at:], True


class _Connection(asyncio.Protocol):
    def __init__(self, asked: Question, left: list[int], done: asyncio.Future[None]) -> None:
        self._asked, self._left, self._done = asked, left, done
        self._reader = Reader()
        self._sent = 0.0
        self.took: list[float] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._next()

    def _next(self) -> None:
        if self._left[0] <= 0:
            if not self._done.done():
                self._done.set_result(None)
            self._transport.close()
            return
        self._left[0] -= 1
        self._sent = time.perf_counter()
        self._transport.write(self._asked.wire)

    def data_received(self, data: bytes) -> None:
        try:
            body = self._reader.feed(data)
            if body is None:
                return
            self.took.append(time.perf_counter() - self._sent)
            if self._reader.status != 200 or not self._asked.check(body):
                raise WrongAnswer(f"HTTP {self._reader.status}: {body[:600]!r}")
        except (WrongAnswer, ValueError) as error:
            self._fail(error if isinstance(error, WrongAnswer) else WrongAnswer(str(error)))
            return
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            self._fail(WrongAnswer(f"the connection broke off: {exc}"))

    def _fail(self, error: WrongAnswer) -> None:
        if not self._done.done():
            self._done.set_exception(error)
        self._transport.close()


async def ask(port: int, asked: Sequence[Question], times: int) -> list[float]:
    """Asks so many times in all, over a connection for each of the questions; gives the seconds that each answer took.

    Raises `WrongAnswer` for any answer that is not 200 or not right.
    """
    loop = asyncio.get_running_loop()
    left = [times]
    connections = [_Connection(each, left, loop.create_future()) for each in asked]
    for connection in connections:
        await loop.create_connection(lambda made=connection: made, "127.0.0.1", port)  # type: ignore[misc]
    await asyncio.gather(*[connection._done for connection in connections])
    return [took for connection in connections for took in connection.took]


def answer_of(port: int, asked: Question) -> bytes:
    """The body of one right answer, by a connection of its own; nothing when there is none yet."""
    return exchange(port, asked)[1]


def exchange(port: int, asked: Question) -> tuple[dict[str, str], bytes]:
    """The headers and body of one right answer; nothing when there is none yet."""
    try:
        with socket.create_connection(("127.0.0.1", port), CONNECT_PATIENCE) as wire:
            wire.sendall(asked.wire)
            reader, body = Reader(), None
            while body is None:
                data = wire.recv(65_536)
                if not data:
                    return {}, b""
                body = reader.feed(data)
    except OSError:
        return {}, b""
    return (reader.headers, body) if reader.status == 200 and asked.check(body) else ({}, b"")


def same_data(expected: Any) -> Callable[[bytes], bool]:
    """Whether a body is a GraphQL answer with these data and no errors; equal bytes are looked at once."""
    # Comparing costs a hundredth of hashing, and a server gives the same bytes nearly always.
    known: list[bytes] = []

    def check(body: bytes) -> bool:
        if body in known:
            return True
        try:
            told = orjson.loads(body)
        except orjson.JSONDecodeError:
            return False
        if told.get("errors") or told.get("data") != expected:
            return False
        known[:] = [body, *known[:3]]
        return True

    return check
