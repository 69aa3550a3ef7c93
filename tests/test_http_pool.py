"""Connections against real servers on the loopback, in both event loops: which are kept, and which never again."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import re
import socket
import ssl
import threading
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from app.errors import UpstreamError, UpstreamInvalid, UpstreamTimeout, UpstreamUnavailable
from app.http.dialing import checked, interleaved
from app.http.messages import Address, Request
from app.http.pool import Connection, Pool

EVENT_LOOPS = ("asyncio", "uvloop")
SOON = 15  # seconds; a slow machine needs some of them
Talk = Callable[["Line"], Awaitable[None]]


@dataclass
class Line:
    """One connection at the server's end."""

    number: int
    reader: StreamReader
    writer: StreamWriter
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def asked(self) -> str:
        """The next request's path. Raises `IncompleteReadError` at the connection's end."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        length = re.search(r"content-length: (\d+)", head)
        await self.reader.readexactly(int(length[1]) if length else 0)
        return head.split(" ")[1]

    def say(self, body: str, more: bytes = b"") -> None:
        """An answer, and what comes behind it."""
        self.writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s%s" % (len(body), body.encode(), more))

    async def listen(self) -> None:
        """Says nothing until the other side ends the connection."""
        while await self.reader.read(65536):
            pass

    async def left(self) -> None:
        """Until what the server does on it is over, as the other side has ended it."""
        async with asyncio.timeout(SOON):
            await self.over.wait()


@dataclass
class Server:
    """What a server has seen."""

    url: str = ""
    lines: list[Line] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)


@asynccontextmanager
async def serving(
    talk: Talk | None = None, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[Server]:
    """A server that talks so on every connection; by default it answers every path with that path."""
    server = Server()
    tasks: list[asyncio.Task[Any]] = []

    async def echo(line: Line) -> None:
        while True:
            path = await line.asked()
            server.asked.append(path)
            line.say(path)

    async def converse(reader: StreamReader, writer: StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.append(task)
        line = Line(len(server.lines), reader, writer)
        server.lines.append(line)
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await (talk or echo)(line)
        line.over.set()
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    listening = await asyncio.start_server(converse, host, 0, ssl=tls)
    port = listening.sockets[0].getsockname()[1]
    server.url = f"http{'s' if tls else ''}://{f'[{host}]' if ':' in host else host}:{port}"
    try:
        yield server
    finally:
        listening.close()
        for line, task in zip(server.lines, tasks, strict=True):
            line.writer.transport.abort()
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await listening.wait_closed()


@asynccontextmanager
async def pooled(connections: int = 10, limit: int = 100_000, **options: Any) -> AsyncIterator[Pool]:
    pool = Pool(connections, limit, **options)
    try:
        yield pool
    finally:
        await pool.close()


def request(server: Server | str, path: str = "/", *, content: bytes = b"{}", connect_timeout: float = SOON) -> Request:
    url = server if isinstance(server, str) else server.url
    return Request("POST", Address.of(url).at(path), {}, content, None, SOON, connect_timeout)


async def ask(pool: Pool, server: Server | str, path: str = "/") -> str:
    async with asyncio.timeout(SOON):
        return (await pool.exchange(request(server, path))).body.decode()


async def until(met: Callable[[], bool]) -> None:
    async with asyncio.timeout(SOON):
        while not met():
            await asyncio.sleep(0.001)


async def test_one_connection_carries_one_request_after_another() -> None:
    async with serving() as server, pooled() as pool:
        assert [await ask(pool, server, f"/{number}") for number in range(5)] == [f"/{number}" for number in range(5)]
        assert len(server.lines) == 1


async def test_many_calls_at_once_get_their_own_answers_on_no_more_connections_than_there_may_be() -> None:
    async def late(line: Line) -> None:
        while True:
            path = await line.asked()
            await asyncio.sleep(0.001 * (line.number + 1))
            line.say(path)

    async with serving(late) as server, pooled(3) as pool:
        paths = [f"/{number}" for number in range(40)]
        assert await asyncio.gather(*(ask(pool, server, path) for path in paths)) == paths
        assert len(server.lines) == 3


async def test_who_waits_for_a_connection_is_served_in_the_order_of_coming_and_who_gives_up_is_skipped() -> None:
    async with serving() as server, pooled(1) as pool:
        calls = [asyncio.ensure_future(ask(pool, server, f"/{number}")) for number in range(8)]
        await asyncio.sleep(0)
        calls[3].cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        assert server.asked == [f"/{number}" for number in range(8) if number != 3]
        assert await ask(pool, server, "/after") == "/after"


async def test_who_gives_up_waiting_has_sent_nothing() -> None:
    async with serving(Line.listen) as server, pooled(1) as pool:
        busy = asyncio.ensure_future(pool.exchange(request(server)))
        await until(lambda: len(server.lines) == 1)
        waiting = request(server)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await pool.exchange(waiting)
        assert not waiting.sent
        busy.cancel()
        with pytest.raises(asyncio.CancelledError):
            await busy


async def test_the_answer_to_a_call_that_was_given_up_reaches_nobody() -> None:
    asked, go = asyncio.Event(), asyncio.Event()

    async def slow_at_first(line: Line) -> None:
        path = await line.asked()
        if line.number == 0:
            line.writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf ")
            asked.set()
            await go.wait()
            line.writer.write(b"of it")
            await line.listen()
        else:
            line.say(path)
            await line.listen()

    async with serving(slow_at_first) as server, pooled(1) as pool:
        given_up = request(server, "/given-up")
        first = asyncio.ensure_future(pool.exchange(given_up))
        await asked.wait()
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert given_up.sent
        go.set()
        assert await ask(pool, server, "/second") == "/second"
        assert len(server.lines) == 2
        await server.lines[0].left()


async def test_a_call_that_is_given_up_while_it_connects_leaves_nothing_behind(tls_here: Tls) -> None:
    """The server takes the connection, but never says a word of TLS."""
    async with serving(Line.listen) as server, pooled(1, tls=tls_here.client) as pool:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await pool.exchange(request(server.url.replace("http:", "https:")))
        await until(lambda: len(server.lines) == 1)
        await server.lines[0].left()


async def test_a_slow_connect_ends_at_its_own_deadline_with_nothing_sent(tls_here: Tls) -> None:
    async with serving(Line.listen) as server, pooled(tls=tls_here.client) as pool:
        with pytest.raises(UpstreamTimeout, match="ConnectTimeout") as caught:
            await pool.exchange(request(server.url.replace("http:", "https:"), connect_timeout=0.1))
        assert caught.value.unsent
        await server.lines[0].left()


@pytest.mark.parametrize(
    "more", [b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", b"x"], ids=["an answer", "a byte"]
)
@pytest.mark.parametrize("later", [False, True], ids=["with the answer", "later"])
async def test_what_nobody_asked_for_is_no_answer_to_the_next_call(more: bytes, later: bool) -> None:
    async def talks_on(line: Line) -> None:
        while True:
            path = await line.asked()
            line.say(path, b"" if later else more)
            if later:
                await asyncio.sleep(0.01)
                line.writer.write(more)

    async with serving(talks_on) as server, pooled() as pool:
        for number in range(3):
            assert await ask(pool, server, f"/{number}") == f"/{number}"
            await server.lines[number].left()
        assert len(server.lines) == 3


async def test_an_answer_before_the_whole_request_was_taken_ends_the_connection() -> None:
    async def early(line: Line) -> None:
        await line.reader.readuntil(b"\r\n\r\n")
        line.say("early")
        await line.listen()

    async with serving(early) as server, pooled() as pool:
        large = request(server, content=bytes(50_000_000))
        assert (await pool.exchange(large)).body == b"early"
        assert await ask(pool, server) == "early"
        assert len(server.lines) == 2


async def test_an_idle_connection_is_left_after_a_while() -> None:
    async with serving() as server, pooled(kept=0) as pool:
        await ask(pool, server)
        await asyncio.sleep(0.001)
        await ask(pool, server)
        assert len(server.lines) == 2
        await server.lines[0].left()


async def test_a_write_does_not_go_to_a_connection_that_the_server_has_ended() -> None:
    async def once(line: Line) -> None:
        line.say(await line.asked())

    async with serving(once) as server, pooled() as pool:
        for number in range(5):
            assert await ask(pool, server, f"/{number}") == f"/{number}"
            await server.lines[-1].left()
            await asyncio.sleep(0.01)
        assert len(server.lines) == 5


async def test_nor_if_the_event_loop_has_not_heard_of_the_end_yet() -> None:
    answered, end, ended = threading.Event(), threading.Event(), threading.Event()

    def serve(listening: socket.socket) -> None:
        for _ in range(2):
            line, _ = listening.accept()
            with closing(line):
                assert line.recv(65536)
                line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
                answered.set()
                end.wait(SOON)
            ended.set()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, args=(listening,))
        thread.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        async with pooled() as pool:
            assert await ask(pool, url) == "{}"
            end.set()
            ended.wait(SOON)  # the event loop stands still meanwhile
            assert await ask(pool, url) == "{}"
        thread.join()


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (b"", UpstreamUnavailable),
        (b"HTTP/1.1 200 OK\r\nContent-", UpstreamUnavailable),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", UpstreamInvalid),
        (b"HTTP/1.1 200 OK\r\n\r\nab", UpstreamInvalid),
    ],
    ids=["before the answer", "in its head", "in its body", "in a body without a length"],
)
async def test_a_connection_that_is_reset_is_an_error_and_what_was_sent_may_have_arrived(
    raw: bytes, error: type[UpstreamError]
) -> None:
    async def reset(line: Line) -> None:
        await line.asked()
        line.writer.write(raw)
        await asyncio.sleep(0.02)
        one = line.writer.get_extra_info("socket")
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        line.writer.transport.abort()

    async with serving(reset) as server, pooled() as pool:
        asked = request(server)
        with pytest.raises(error) as caught:
            await pool.exchange(asked)
        assert not caught.value.unsent
        assert asked.sent
        assert len(server.lines) == 1


async def test_a_server_that_ends_connections_as_soon_as_they_are_there_is_unavailable() -> None:
    async def never(_: Line) -> None:
        """Ends it at once."""

    async with serving(never) as server, pooled() as pool:
        for _ in range(30):
            asked = request(server)
            with pytest.raises(UpstreamUnavailable) as caught:
                await pool.exchange(asked)
            assert caught.value.unsent is not asked.sent


async def test_a_connection_that_ended_before_the_first_request_was_sent_nothing() -> None:
    """Between the two, other tasks may have run."""
    async with serving() as server:
        ended = Connection(Address.of(server.url).origin, set())
        await asyncio.get_running_loop().create_connection(
            lambda: ended, "127.0.0.1", int(server.url.rpartition(":")[2])
        )
        ended.drop()
        asked = request(server)
        with pytest.raises(UpstreamUnavailable, match="was lost") as caught:
            await ended.exchange(asked, asked.encoded(), 100)
        assert (caught.value.unsent, asked.sent) == (True, False)
        await ended.gone
        with pytest.raises(UpstreamUnavailable, match="was lost"):
            await ended.exchange(asked, asked.encoded(), 100)
        assert server.asked == []


ANSWERS = {
    "by length": b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{"data":null}',
    "in chunks": b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{"d\r\na\r\nata":null}\r\n0\r\nX-Late: 1\r\n\r\n',
}


@pytest.mark.parametrize("raw", ANSWERS.values(), ids=ANSWERS)
async def test_a_server_that_ends_after_any_byte_is_never_believed_until_all_is_there(raw: bytes) -> None:
    async def breaks_off(line: Line) -> None:
        await line.asked()
        line.writer.write(raw[: line.number])
        await line.writer.drain()

    async with serving(breaks_off) as server, pooled() as pool:
        for place in range(len(raw)):
            with pytest.raises((UpstreamInvalid, UpstreamUnavailable)) as caught:
                await pool.exchange(request(server))
            assert not caught.value.unsent, place
        assert (await pool.exchange(request(server))).body == b'{"data":null}'
        assert len(server.lines) == len(raw) + 1


async def test_an_answer_without_a_length_is_whole_when_the_server_ends_the_connection() -> None:
    async def old(line: Line) -> None:
        await line.asked()
        line.writer.write(b"HTTP/1.0 200 OK\r\nServer: old\r\n\r\nall ")
        await asyncio.sleep(0.01)
        line.writer.write(b"of it")

    async with serving(old) as server, pooled() as pool:
        assert [await ask(pool, server), await ask(pool, server)] == ["all of it"] * 2
        assert len(server.lines) == 2


async def test_what_cannot_be_sent_is_refused_and_nothing_is_sent() -> None:
    async with serving() as server, pooled() as pool:
        evil = Request("GET", Address.of(server.url), {"Store": "de\r\nX-Evil: 1"}, None, None, SOON, SOON)
        with pytest.raises(UpstreamInvalid, match="not sent") as caught:
            await pool.exchange(evil)
        assert caught.value.unsent
        assert (server.lines, evil.sent) == ([], False)


async def test_several_hosts_share_the_places_and_an_idle_connection_makes_room() -> None:
    async with serving() as one, serving() as other, pooled(2) as pool:
        await asyncio.gather(ask(pool, one, "/a"), ask(pool, one, "/b"))
        assert await ask(pool, other, "/c") == "/c"
        await one.lines[0].left()
        assert await ask(pool, other, "/d") == "/d"
        assert await ask(pool, one, "/e") == "/e"
        assert (len(one.lines), len(other.lines)) == (2, 1)


async def test_closing_ends_idle_connections_and_waiting_calls_and_no_new_ones_come() -> None:
    asked: list[str] = []

    async def first_only(line: Line) -> None:
        path = await line.asked()
        if path == "/first":
            line.say(path)
            path = await line.asked()
        asked.append(path)
        await line.listen()

    async with serving(first_only) as server, pooled() as pool:
        await ask(pool, server, "/first")
        waiting = [asyncio.ensure_future(pool.exchange(request(server))) for _ in range(2)]
        await until(lambda: len(asked) == 2)
        await pool.close()
        for call in waiting:
            with pytest.raises(UpstreamUnavailable) as caught:
                await call
            assert not caught.value.unsent
        with pytest.raises(UpstreamUnavailable, match="is closed") as after:
            await pool.exchange(request(server))
        assert after.value.unsent
        for line in server.lines:
            await line.left()
        await pool.close()


async def test_ipv6_addresses_are_reached() -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    async with serving(host="::1") as server, pooled() as pool:
        assert await ask(pool, server, "/six") == "/six"


def test_addresses_are_tried_with_their_families_in_turns() -> None:
    six, four = socket.AF_INET6, socket.AF_INET
    found = [(six, 1), (six, 2), (six, 3), (four, 4)]
    assert interleaved(found) == [(six, 1), (four, 4), (six, 2), (six, 3)]
    assert interleaved([]) == []


def test_an_address_that_does_not_answer_keeps_nobody_from_the_next_one() -> None:
    """A listener whose queue is full lets connections hang, as a route that leads nowhere does."""

    class Resolving(asyncio.SelectorEventLoop):
        async def getaddrinfo(self, *_: Any, **__: Any) -> Any:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", full.getsockname()), *good]

    async def scenario() -> str:
        async with serving() as server, pooled() as pool:
            good.append((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", int(server.url.rpartition(":")[2]))))
            return await ask(pool, "http://shop.test", "/found")

    good: list[Any] = []
    with full_listener() as full, asyncio.Runner(loop_factory=Resolving) as runner:
        assert runner.run(scenario()) == "/found"


@contextmanager
def full_listener() -> Iterator[socket.socket]:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = []
        for _ in range(3):
            one = socket.socket()
            one.setblocking(False)
            with suppress(BlockingIOError):
                one.connect(full.getsockname())
            waiting.append(one)
        try:
            yield full
        finally:
            for one in waiting:
                one.close()


# TLS


@dataclass(frozen=True)
class Tls:
    """An authority's certificate for a server at 127.0.0.1, and a client that trusts this authority only."""

    server: ssl.SSLContext
    trusting: ssl.SSLContext

    def client(self) -> ssl.SSLContext:
        return self.trusting


@pytest.fixture(scope="session")
def tls_here(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    key, name = (
        ec.generate_private_key(ec.SECP256R1()),
        x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a test")]),
    )
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, SHA256())
    )
    pem = tmp_path_factory.mktemp("tls") / "both.pem"
    pem.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate.public_bytes(Encoding.PEM)
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem)
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.load_verify_locations(pem)
    return Tls(server, trusting)


async def test_requests_go_over_tls_and_connections_are_kept(tls_here: Tls) -> None:
    async with serving(tls=tls_here.server) as server, pooled(tls=tls_here.client) as pool:
        assert [await ask(pool, server, f"/{number}") for number in range(5)] == [f"/{number}" for number in range(5)]
        assert await asyncio.gather(*(ask(pool, server, f"/{number}") for number in range(9))) == [
            f"/{number}" for number in range(9)
        ]
        assert server.url.startswith("https://")


async def test_a_certificate_of_an_unknown_authority_is_refused_and_nothing_is_sent(tls_here: Tls) -> None:
    async with serving(tls=tls_here.server) as server, pooled() as pool:
        asked = request(server)
        with pytest.raises(UpstreamUnavailable, match="ConnectError") as caught:
            await pool.exchange(asked)
        assert (caught.value.unsent, asked.sent, server.asked) == (True, False, [])


async def test_a_certificate_of_another_host_is_refused_and_nothing_is_sent(tls_here: Tls) -> None:
    async with serving(tls=tls_here.server) as server, pooled(tls=tls_here.client) as pool:
        asked = request(server.url.replace("127.0.0.1", "localhost"))
        with pytest.raises(UpstreamUnavailable, match="ConnectError") as caught:
            await pool.exchange(asked)
        assert (caught.value.unsent, asked.sent, server.asked) == (True, False, [])


async def test_a_server_without_tls_is_no_answer_over_tls(tls_here: Tls) -> None:
    async def plain(line: Line) -> None:
        line.say("Bad request")
        await line.listen()

    async with serving(plain) as server, pooled(tls=tls_here.client) as pool:
        with pytest.raises(UpstreamUnavailable, match="ConnectError") as caught:
            await pool.exchange(request(server.url.replace("http:", "https:")))
        assert caught.value.unsent


async def test_an_answer_over_tls_that_breaks_off_is_an_error(tls_here: Tls) -> None:
    async def breaks_off(line: Line) -> None:
        await line.asked()
        line.writer.write(ANSWERS["by length"][:-1])
        await line.writer.drain()

    async with serving(breaks_off, tls=tls_here.server) as server, pooled(tls=tls_here.client) as pool:
        with pytest.raises(UpstreamInvalid, match="broke off"):
            await pool.exchange(request(server))


def test_certificates_are_checked_as_httpx2_checks_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere")
    ours, theirs = checked(), httpx2.create_ssl_context(trust_env=False)
    assert ours.verify_mode == theirs.verify_mode == ssl.CERT_REQUIRED
    assert ours.check_hostname
    assert theirs.check_hostname
    assert (ours.minimum_version, ours.options, ours.verify_flags) == (
        theirs.minimum_version,
        theirs.options,
        theirs.verify_flags,
    )
    assert sorted(ours.get_ca_certs(binary_form=True)) == sorted(theirs.get_ca_certs(binary_form=True))
