"""The HTTP client against real servers on the loopback, each with a script of raw answers."""

import asyncio
import gzip
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import httpx2
import pytest

from app.errors import UpstreamError, UpstreamInvalid, UpstreamTimeout, UpstreamUnavailable
from app.http import Answer, Breaker, Upstream
from app.telemetry import Metrics

Play = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OPEN_LIMIT = 1000
EVENT_LOOPS = ("asyncio", "uvloop")
SOON = 15  # seconds; a slow machine needs some of them, and what has no deadline more


@dataclass
class Server:
    """What a scripted server was asked: the raw request heads, in order."""

    url: str = ""
    heads: list[str] = field(default_factory=list)

    @property
    def asked(self) -> int:
        """How many requests came in."""
        return len(self.heads)


@dataclass
class Clock:
    """A clock that moves only by hand."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def answer(status: int = 200, body: bytes = b"{}", *headers: str) -> bytes:
    """A whole raw answer."""
    lines = [f"HTTP/1.1 {status} Status", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def chunked(*chunks: bytes, end: bool = True) -> bytes:
    """A raw answer in chunks, with or without its end."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    return head + body + (b"0\r\n\r\n" if end else b"")


async def hang(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    """Says nothing until the client gives up."""
    await reader.read()


async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A body of which a byte comes every 20 ms, for ever."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.02)


async def hang_up(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
    """Closes the connection without a word."""


@asynccontextmanager
async def serving(*script: bytes | Play) -> AsyncIterator[Server]:
    """A server whose n-th request gets the n-th answer of the script; the last one for all that follow."""
    server = Server()
    tasks: set[asyncio.Task[None] | None] = set()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            server.heads.append(head)
            sizes = [line.partition(":")[2] for line in head.splitlines() if line.lower().startswith("content-length")]
            await reader.readexactly(int(sizes[0]) if sizes else 0)
            step = script[min(server.asked, len(script)) - 1]
            if isinstance(step, bytes):
                writer.write(step)
                await writer.drain()
            else:
                await step(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    listening = await asyncio.start_server(converse, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listening.close()
        await asyncio.gather(*(task for task in tasks if task is not None))
        await listening.wait_closed()


@asynccontextmanager
async def client(
    url: str,
    *,
    timeout: float = 3,
    attempts: int = 3,
    connections: int = 10,
    breaker: Breaker | None = None,
    metrics: Metrics | None = None,
    max_response: int = 1_000_000,
    transport: httpx2.AsyncBaseTransport | None = None,
) -> AsyncIterator[Upstream]:
    upstream = Upstream(
        "commerce",
        url,
        metrics=metrics or Metrics(),
        timeout=timeout,
        connect_timeout=1,
        connections=connections,
        attempts=attempts,
        breaker=breaker or Breaker(OPEN_LIMIT, 60),
        max_response=max_response,
        transport=transport,
    )
    try:
        yield upstream
    finally:
        await upstream.close()


async def read(upstream: Upstream, *, timeout: float | None = None) -> Answer:
    return await upstream.call("Read", "POST", "/graphql", content=b"{}", read=True, timeout=timeout)


async def write(upstream: Upstream, *, timeout: float | None = None) -> Answer:
    return await upstream.call("Write", "POST", "/graphql", content=b"{}", timeout=timeout)


async def unused_url() -> str:
    """A URL on the loopback where nothing listens."""
    async with serving(answer()) as server:
        return server.url


async def test_a_whole_answer_comes_back_with_status_headers_in_small_letters_and_body() -> None:
    async with (
        serving(answer(200, b'{"a":1}', "X-Thing: one", "X-Thing: two")) as server,
        client(server.url) as upstream,
    ):
        got = await read(upstream)
    assert got.status == 200
    assert got.body == b'{"a":1}'
    assert got.headers["x-thing"] == "one, two"
    assert all(name == name.lower() for name in got.headers)


async def test_a_request_names_us_asks_for_json_and_carries_the_given_headers() -> None:
    async with serving(answer()) as server, client(server.url) as upstream:
        await upstream.call("Read", "GET", "/rest/V1/x?a=1", headers={"Store": "de"}, read=True)
    head = server.heads[0].lower()
    assert head.startswith("get /rest/v1/x?a=1 http/1.1\r\n")
    assert "\r\nuser-agent: vitrine\r\n" in head
    assert "\r\naccept: application/json\r\n" in head
    assert "\r\nstore: de\r\n" in head


async def test_a_refused_connection_is_unavailable_for_reads_and_writes() -> None:
    async with client(await unused_url(), attempts=2) as upstream:
        with pytest.raises(UpstreamUnavailable) as of_read:
            await read(upstream)
        with pytest.raises(UpstreamUnavailable):
            await write(upstream)
    assert of_read.value.detail == "ConnectError"
    assert "127.0.0.1" not in of_read.value.public


async def test_the_deadline_holds_while_no_header_comes() -> None:
    async with serving(hang) as server, client(server.url, timeout=0.5) as upstream:
        started = time.perf_counter()
        with pytest.raises(UpstreamTimeout):
            await read(upstream)
        elapsed = time.perf_counter() - started
    assert 0.45 < elapsed < SOON
    assert server.asked == 1


async def test_the_deadline_holds_while_the_body_drips() -> None:
    async with serving(drip) as server, client(server.url, timeout=0.5) as upstream:
        started = time.perf_counter()
        with pytest.raises(UpstreamTimeout):
            await read(upstream)
        elapsed = time.perf_counter() - started
    assert 0.45 < elapsed < SOON


async def test_the_deadline_holds_over_all_tries_together() -> None:
    async with serving(answer(503)) as server, client(server.url, timeout=0.2, attempts=5) as upstream:
        started = time.perf_counter()
        with pytest.raises(UpstreamTimeout):
            await read(upstream)
        elapsed = time.perf_counter() - started
    assert elapsed < SOON
    assert 1 <= server.asked < 5


async def test_a_call_can_have_a_deadline_of_its_own() -> None:
    async with serving(hang) as server, client(server.url, timeout=60) as upstream:
        started = time.perf_counter()
        with pytest.raises(UpstreamTimeout, match=r"Read: no answer within 0\.1 s"):
            await read(upstream, timeout=0.1)
        assert time.perf_counter() - started < SOON


async def test_waiting_for_a_free_connection_is_within_the_deadline() -> None:
    async with serving(hang) as server, client(server.url, timeout=30, connections=1) as upstream:
        busy = asyncio.ensure_future(read(upstream))
        while server.asked < 1:
            await asyncio.sleep(0.005)
        started = time.perf_counter()
        with pytest.raises(UpstreamTimeout) as caught:
            await write(upstream, timeout=0.1)
        assert caught.value.unsent
        elapsed = time.perf_counter() - started
        busy.cancel()
        with pytest.raises(asyncio.CancelledError):
            await busy
    assert elapsed < SOON
    assert server.asked == 1


async def test_a_slow_connect_is_a_timeout_and_not_tried_again() -> None:
    tries: list[str] = []

    def never_connects(request: httpx2.Request) -> httpx2.Response:
        tries.append(request.method)
        raise httpx2.ConnectTimeout("slow", request=request)

    async with client("http://shop.test", transport=httpx2.MockTransport(never_connects)) as upstream:
        with pytest.raises(UpstreamTimeout):
            await read(upstream)
    assert tries == ["POST"]


async def test_only_what_had_no_connection_counts_as_never_sent() -> None:
    """Whoever places an order goes by it: what may have arrived must not be told as if it had not."""
    async with client(await unused_url(), breaker=Breaker(1, 60)) as upstream:
        for expected in ("ConnectError", "left alone"):
            with pytest.raises(UpstreamUnavailable, match=expected) as never:
                await write(upstream)
            assert never.value.unsent
    for script in (hang, hang_up, answer(503)):
        async with serving(script) as server, client(server.url) as upstream:
            with pytest.raises(UpstreamError) as perhaps:
                await write(upstream, timeout=0.5 if script is hang else None)
        assert not perhaps.value.unsent
        assert server.asked == 1


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\nConnection: close\r\n\r\n{",
        chunked(b'{"data"', end=False),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n20\r\n{",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno hex\r\n{",
        answer(200, b"this is no gzip", "Content-Encoding: gzip"),
    ],
    ids=["shorter than its length", "chunks without an end", "a chunk cut", "a bad chunk size", "no gzip"],
)
async def test_a_broken_off_body_is_invalid_and_nothing_of_it_is_in_the_public_text(raw: bytes) -> None:
    async with serving(raw) as server, client(server.url) as upstream:
        with pytest.raises(UpstreamInvalid) as caught:
            await read(upstream)
    assert server.asked == 1
    assert caught.value.public == "The shop's backend gave an answer that could not be read."


@pytest.mark.parametrize(
    "raw", [b"GARBAGE\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"\x16\x03\x01\x00", b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n"]
)
async def test_what_is_no_http_is_a_coded_error(raw: bytes) -> None:
    async with serving(raw) as server, client(server.url, attempts=1) as upstream:
        with pytest.raises(UpstreamError):
            await write(upstream)
    assert server.asked == 1


async def test_a_read_is_tried_again_when_the_server_hangs_up_before_any_answer() -> None:
    async with serving(hang_up, answer(200, b"[1]")) as server, client(server.url) as upstream:
        assert (await read(upstream)).body == b"[1]"
    assert server.asked == 2


async def test_a_write_is_not_tried_again_when_the_server_hangs_up_before_any_answer() -> None:
    async with serving(hang_up, answer()) as server, client(server.url) as upstream:
        with pytest.raises(UpstreamUnavailable):
            await write(upstream)
        await asyncio.sleep(0.2)
    assert server.asked == 1


@pytest.mark.parametrize("status", [502, 503, 504])
async def test_a_gateway_error_is_tried_again_for_reads_only(status: int) -> None:
    async with serving(answer(status), answer(200, b"[2]")) as server, client(server.url) as upstream:
        assert (await read(upstream)).body == b"[2]"
    assert server.asked == 2
    async with serving(answer(status), answer()) as server, client(server.url) as upstream:
        with pytest.raises(UpstreamUnavailable) as caught:
            await write(upstream)
        await asyncio.sleep(0.2)
    assert caught.value.detail == f"HTTP {status}"
    assert server.asked == 1


async def test_a_read_is_tried_no_more_often_than_it_may_be() -> None:
    async with serving(answer(503)) as server, client(server.url, attempts=3) as upstream:
        with pytest.raises(UpstreamUnavailable):
            await read(upstream)
    assert server.asked == 3


@pytest.mark.parametrize("status", [201, 400, 401, 404, 429, 500])
async def test_any_other_status_is_an_answer_and_not_tried_again(status: int) -> None:
    async with serving(answer(status, b"<html>")) as server, client(server.url) as upstream:
        got = await read(upstream)
    assert (got.status, got.body, server.asked) == (status, b"<html>", 1)


async def test_an_answer_of_exactly_the_limit_is_read() -> None:
    async with serving(answer(200, b"x" * 5000)) as server, client(server.url, max_response=5000) as upstream:
        assert (await read(upstream)).body == b"x" * 5000


@pytest.mark.parametrize(
    "raw",
    [
        answer(200, b"x" * 5001),
        chunked(b"x" * 5000, b"x"),
        answer(200, gzip.compress(b"x" * 1_000_000), "Content-Encoding: gzip"),
        answer(500, b"x" * 5001),
    ],
    ids=["by length", "in chunks", "unpacked", "with an error status"],
)
async def test_an_answer_over_the_limit_is_invalid(raw: bytes) -> None:
    async with serving(raw) as server, client(server.url, max_response=5000) as upstream:
        with pytest.raises(UpstreamInvalid, match="more than 5000 bytes"):
            await read(upstream)
    assert server.asked == 1


async def test_an_endless_answer_is_left_as_soon_as_it_is_too_large() -> None:
    async def endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000000\r\n\r\n")
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()

    async with serving(endless) as server, client(server.url, max_response=200_000) as upstream:
        with pytest.raises(UpstreamInvalid):
            await read(upstream)


async def test_cookies_are_never_kept_nor_sent() -> None:
    baked = answer(200, b"{}", "Set-Cookie: PHPSESSID=abc; path=/", "Set-Cookie: other=1; Domain=127.0.0.1")
    async with serving(baked) as server, client(server.url) as upstream:
        await read(upstream)
        await read(upstream)
        await write(upstream)
    assert server.asked == 3
    assert not [head for head in server.heads if "cookie" in head.lower()]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(status: int) -> None:
    async with serving(answer()) as elsewhere:
        moved = answer(status, b"", f"Location: {elsewhere.url}/graphql")
        async with serving(moved) as server, client(server.url) as upstream:
            assert (await read(upstream)).status == status
        assert (server.asked, elsewhere.asked) == (1, 0)


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(answer(200, b'"proxy"')) as proxy, serving(answer(200, b'"shop"')) as server:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        async with client(server.url) as upstream:
            assert (await read(upstream)).body == b'"shop"'
        assert (server.asked, proxy.asked) == (1, 0)


def test_the_breaker_opens_after_so_many_failures_in_a_row_and_lets_one_try_after_the_pause() -> None:
    clock = Clock()
    breaker = Breaker(3, 5, clock)
    for failed in (True, True, False, True, True):
        breaker.check()
        breaker.note(failed=failed)
    breaker.check()
    breaker.note(failed=True)
    with pytest.raises(UpstreamUnavailable):
        breaker.check()
    clock.now += 4.9
    with pytest.raises(UpstreamUnavailable):
        breaker.check()
    clock.now += 0.1
    breaker.check()
    with pytest.raises(UpstreamUnavailable):
        breaker.check()
    breaker.note(failed=False)
    breaker.check()
    breaker.check()


def test_a_failed_try_keeps_the_breaker_open_for_another_pause() -> None:
    clock = Clock()
    breaker = Breaker(1, 5, clock)
    breaker.note(failed=True)
    for _ in range(3):
        clock.now += 5
        breaker.check()
        breaker.note(failed=True)
        with pytest.raises(UpstreamUnavailable):
            breaker.check()
        clock.now += 4.9
        with pytest.raises(UpstreamUnavailable):
            breaker.check()
        clock.now -= 4.9


def test_one_success_after_the_pause_forgets_all_failures() -> None:
    clock = Clock()
    breaker = Breaker(2, 5, clock)
    breaker.note(failed=True)
    breaker.note(failed=True)
    clock.now += 5
    breaker.check()
    breaker.note(failed=False)
    breaker.note(failed=True)
    breaker.check()


async def test_an_upstream_that_failed_too_often_is_left_alone_until_the_pause_is_over() -> None:
    clock = Clock()
    breaker = Breaker(2, 5, clock)
    async with (
        serving(answer(503), answer(503), answer(200, b"[1]")) as server,
        client(server.url, breaker=breaker) as upstream,
    ):
        for _ in range(2):
            with pytest.raises(UpstreamUnavailable, match="HTTP 503"):
                await write(upstream)
        for _ in range(3):
            with pytest.raises(UpstreamUnavailable, match="left alone"):
                await write(upstream)
        assert server.asked == 2
        clock.now += 5
        assert (await write(upstream)).body == b"[1]"
        assert (await write(upstream)).body == b"[1]"
        assert server.asked == 4


async def test_of_many_calls_after_the_pause_only_one_reaches_the_upstream_until_it_has_answered() -> None:
    clock = Clock()
    breaker = Breaker(1, 5, clock)
    released = asyncio.Event()

    async def answers_when_released(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await released.wait()
        writer.write(answer(200, b"[1]"))

    async with (
        serving(answer(503), answers_when_released, answer(200, b"[2]")) as server,
        client(server.url, breaker=breaker) as upstream,
    ):
        with pytest.raises(UpstreamUnavailable):
            await write(upstream)
        clock.now += 5
        trial = asyncio.ensure_future(write(upstream))
        results = await asyncio.gather(*(write(upstream) for _ in range(5)), return_exceptions=True)
        assert [type(result) for result in results] == [UpstreamUnavailable] * 5
        released.set()
        assert (await trial).body == b"[1]"
        assert server.asked == 2
        both = await asyncio.gather(write(upstream), write(upstream))
        assert [got.body for got in both] == [b"[2]", b"[2]"]


async def test_a_cancelled_try_does_not_keep_the_breaker_open_for_ever() -> None:
    clock = Clock()
    breaker = Breaker(1, 5, clock)
    async with (
        serving(answer(503), hang, answer(200, b"[1]")) as server,
        client(server.url, breaker=breaker) as upstream,
    ):
        with pytest.raises(UpstreamUnavailable):
            await write(upstream)
        clock.now += 5
        trial = asyncio.ensure_future(write(upstream))
        while server.asked < 2:
            await asyncio.sleep(0.01)
        trial.cancel()
        with pytest.raises(asyncio.CancelledError):
            await trial
        clock.now += 5
        assert (await write(upstream)).body == b"[1]"


async def test_a_read_is_refused_at_once_while_the_upstream_is_left_alone() -> None:
    class Asked(Breaker):
        times = 0

        def check(self) -> None:
            self.times += 1
            super().check()

    breaker = Asked(1, 60, Clock())
    breaker.note(failed=True)
    async with serving(answer()) as server, client(server.url, attempts=5, breaker=breaker) as upstream:
        with pytest.raises(UpstreamUnavailable, match="left alone"):
            await read(upstream)
    assert (server.asked, breaker.times) == (0, 1)


async def test_every_failed_try_of_a_read_counts_and_the_tries_end_when_the_breaker_opens() -> None:
    breaker = Breaker(2, 60, Clock())
    async with serving(answer(503)) as server, client(server.url, attempts=5, breaker=breaker) as upstream:
        with pytest.raises(UpstreamUnavailable):
            await read(upstream)
    assert server.asked == 2


async def test_timeouts_count_as_failures_and_unreadable_answers_do_not() -> None:
    breaker = Breaker(2, 60, Clock())
    async with (
        serving(hang, answer(200, b"x" * 50), hang, hang, answer()) as server,
        client(server.url, breaker=breaker, max_response=10) as upstream,
    ):
        for expected in (UpstreamTimeout, UpstreamInvalid, UpstreamTimeout, UpstreamTimeout, UpstreamUnavailable):
            with pytest.raises(expected):
                await write(upstream, timeout=0.3 if expected is UpstreamTimeout else None)
    assert server.asked == 4


async def test_each_outcome_is_counted_under_its_own_label() -> None:
    metrics = Metrics()
    async with (
        serving(answer(), answer(503), answer(200, b"x" * 50), hang, hang) as server,
        client(server.url, metrics=metrics, max_response=10) as upstream,
    ):
        await write(upstream)
        for expected in (UpstreamUnavailable, UpstreamInvalid, UpstreamTimeout):
            with pytest.raises(expected):
                await write(upstream, timeout=0.3 if expected is UpstreamTimeout else None)
        cancelled = asyncio.ensure_future(write(upstream))
        while server.asked < 5:
            await asyncio.sleep(0.005)
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
    outcomes = {
        sample.labels["outcome"]: sample.value
        for metric in metrics.registry.collect()
        for sample in metric.samples
        if sample.name == "vitrine_upstream_seconds_count"
        and (sample.labels["upstream"], sample.labels["operation"]) == ("commerce", "Write")
    }
    assert outcomes == {
        "ok": 1,
        "UpstreamUnavailable": 1,
        "UpstreamInvalid": 1,
        "UpstreamTimeout": 1,
        "CancelledError": 1,
    }


async def test_a_read_with_retries_is_one_observation() -> None:
    metrics = Metrics()
    async with serving(answer(503), answer()) as server, client(server.url, metrics=metrics) as upstream:
        await read(upstream)
    labels = {"upstream": "commerce", "operation": "Read", "outcome": "ok"}
    assert metrics.registry.get_sample_value("vitrine_upstream_seconds_count", labels) == 1
