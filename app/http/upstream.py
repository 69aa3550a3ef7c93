"""One upstream server: deadlines, retries of reads and a breaker around the calls that go to it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

import stamina

from app.errors import UpstreamError, UpstreamInvalid, UpstreamTimeout, UpstreamUnavailable
from app.http.messages import Address, Answer, Auth, Request
from app.http.pool import Pool
from app.telemetry import Metrics

if TYPE_CHECKING:
    import httpx2


class Wire(Protocol):
    """What carries requests."""

    async def exchange(self, request: Request) -> Answer:
        """The answer to a request. Raises an `UpstreamError`."""

    async def close(self) -> None:
        """Ends all connections."""


class Breaker:
    """Leaves an upstream alone for `pause` seconds after `failures` failures in a row, then lets one call try."""

    def __init__(self, failures: int, pause: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = failures
        self._pause = pause
        self._clock = clock
        self._failed = 0
        self._closed_again = 0.0

    def check(self) -> None:
        """Raises `UpstreamUnavailable` while the upstream is left alone."""
        if self._failed < self._limit:
            return
        now = self._clock()
        if now < self._closed_again:
            raise UpstreamUnavailable("left alone after too many failures", unsent=True)
        self._closed_again = now + self._pause

    @property
    def open(self) -> bool:
        """Whether the upstream has failed so often that it is left alone, but for one try after each pause."""
        return self._failed >= self._limit

    def note(self, failed: bool) -> None:
        """Notes how a call ended."""
        self._failed = self._failed + 1 if failed else 0
        if self._failed == self._limit:
            self._closed_again = self._clock() + self._pause


class Upstream:
    """One upstream server. Cookies are never kept: a jar shared between requests would mix shoppers up.

    `timeout` is the deadline of a whole call in seconds, `attempts` the most tries of a read within it; `transport`
    stands in for the network in tests. Every failure is raised as an `UpstreamError`.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        *,
        metrics: Metrics,
        timeout: float,
        connect_timeout: float,
        connections: int,
        attempts: int,
        breaker: Breaker,
        max_response: int,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self.name = name
        self._base = Address.of(base_url)
        self._metrics = metrics
        self._timeout = timeout
        self._connect_timeout = connect_timeout
        self._attempts = attempts
        self._breaker = breaker
        self._wire = _wire(connections, max_response, transport)

    async def close(self) -> None:
        """Closes all connections."""
        await self._wire.close()

    async def call(
        self,
        operation: str,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        auth: Auth | None = None,
        timeout: float | None = None,
        read: bool = False,
    ) -> Answer:
        """One call, and where `read` says that it changes nothing, more tries within the deadline.

        `operation` names the call in metrics; `timeout` is another deadline in seconds. Raises `UpstreamTimeout`,
        `UpstreamUnavailable` or `UpstreamInvalid`; any HTTP status but 502, 503 and 504 is an answer. A call that never
        left says so (`unsent`).
        """
        deadline = timeout or self._timeout
        with self._metrics.upstream(self.name, operation) as trace:
            request = self._request(method, path, {**trace, **(headers or {})}, content, auth, deadline)
            try:
                async with asyncio.timeout(deadline):
                    return await self._try(request, self._attempts if read else 1)
            except TimeoutError:
                self._breaker.note(failed=True)
                raise UpstreamTimeout(
                    f"{operation}: no answer within {deadline:g} s", unsent=not request.sent
                ) from None

    def _request(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        content: bytes | None,
        auth: Auth | None,
        deadline: float,
    ) -> Request:
        try:
            address = self._base.at(path)
        except ValueError as error:
            raise UpstreamInvalid(f"not sent: {error}", unsent=True) from None
        return Request(method, address, headers, content, auth, deadline, min(self._connect_timeout, deadline))

    async def _try(self, request: Request, attempts: int) -> Answer:
        try:
            return await self._noted(request)
        except UpstreamError as error:
            if attempts == 1 or not self._worth_another_try(error):
                raise
            first: UpstreamError | None = error
        # Nearly all calls end above: the machinery of tries costs a quarter of what a call does.
        async for attempt in stamina.retry_context(
            on=self._worth_another_try,
            attempts=attempts,
            timeout=None,
            wait_initial=0.05,
            wait_max=0.5,
            wait_jitter=0.1,
        ):
            with attempt:
                if first is not None:
                    failed, first = first, None
                    raise failed
                answer = await self._noted(request)
        return answer

    async def _noted(self, request: Request) -> Answer:
        self._breaker.check()
        try:
            answer = await self._wire.exchange(request)
        except UpstreamError as error:
            self._breaker.note(failed=not isinstance(error, UpstreamInvalid))
            raise
        self._breaker.note(failed=False)
        return answer

    def _worth_another_try(self, error: Exception) -> bool:
        return isinstance(error, UpstreamUnavailable) and not self._breaker.open


def _wire(connections: int, limit: int, transport: httpx2.AsyncBaseTransport | None) -> Wire:
    if transport is None:
        return Pool(connections, limit)
    from app.http.stand_in import StandIn  # noqa: PLC0415 - httpx2 costs 3 MB, and only tests have transports

    return StandIn(transport, limit)
