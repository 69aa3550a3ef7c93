"""The only place that makes HTTP clients: pools, deadlines, retries of reads, a breaker, bounded answers."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy

import httpx2
import stamina

from app.errors import UpstreamError, UpstreamInvalid, UpstreamTimeout, UpstreamUnavailable
from app.telemetry import Metrics

_RETRIED_STATUS = frozenset({502, 503, 504})
USER_AGENT = "Vitrine"


@dataclass(frozen=True, slots=True)
class Answer:
    """An upstream's whole answer. Header names are in small letters; repeated ones are joined by a comma."""

    status: int
    headers: Mapping[str, str]
    body: bytes


# There was no connection to send anything on.
_UNSENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)


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
        self._metrics = metrics
        self._timeout = timeout
        self._connect_timeout = connect_timeout
        self._attempts = attempts
        self._breaker = breaker
        self._max_response = max_response
        self._client = httpx2.AsyncClient(
            base_url=base_url,
            limits=httpx2.Limits(max_connections=connections, max_keepalive_connections=connections),
            headers={"User-Agent": USER_AGENT, "Accept": "application/json"},
            follow_redirects=False,
            trust_env=False,
            transport=transport,
        )
        self._client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    async def close(self) -> None:
        """Closes all connections."""
        await self._client.aclose()

    async def call(
        self,
        operation: str,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        auth: httpx2.Auth | None = None,
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
            try:
                async with asyncio.timeout(deadline):
                    return await self._try(
                        method,
                        path,
                        {**trace, **(headers or {})},
                        content,
                        auth,
                        deadline,
                        self._attempts if read else 1,
                    )
            except TimeoutError:
                self._breaker.note(failed=True)
                raise UpstreamTimeout(f"{operation}: no answer within {deadline:g} s") from None

    async def _try(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        content: bytes | None,
        auth: httpx2.Auth | None,
        deadline: float,
        attempts: int,
    ) -> Answer:
        try:
            return await self._noted(method, path, headers, content, auth, deadline)
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
                answer = await self._noted(method, path, headers, content, auth, deadline)
        return answer

    async def _noted(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        content: bytes | None,
        auth: httpx2.Auth | None,
        deadline: float,
    ) -> Answer:
        self._breaker.check()
        try:
            answer = await self._once(method, path, headers, content, auth, deadline)
        except UpstreamError as error:
            self._breaker.note(failed=not isinstance(error, UpstreamInvalid))
            raise
        self._breaker.note(failed=False)
        return answer

    def _worth_another_try(self, error: Exception) -> bool:
        return isinstance(error, UpstreamUnavailable) and not self._breaker.open

    async def _once(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        content: bytes | None,
        auth: httpx2.Auth | None,
        deadline: float,
    ) -> Answer:
        request = self._client.build_request(
            method,
            path,
            headers=dict(headers),
            content=content,
            timeout=httpx2.Timeout(deadline, connect=min(self._connect_timeout, deadline)),
        )
        try:
            response = await self._client.send(request, auth=auth, stream=True)
        except httpx2.TimeoutException as error:
            raise UpstreamTimeout(type(error).__name__, unsent=isinstance(error, _UNSENT)) from None
        except httpx2.HTTPError as error:
            raise UpstreamUnavailable(type(error).__name__, unsent=isinstance(error, _UNSENT)) from None
        try:
            if response.status_code in _RETRIED_STATUS:
                raise UpstreamUnavailable(f"HTTP {response.status_code}")
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > self._max_response:
                    raise UpstreamInvalid(f"more than {self._max_response} bytes")
        except httpx2.TimeoutException as error:
            raise UpstreamTimeout(type(error).__name__) from None
        except httpx2.HTTPError as error:
            raise UpstreamInvalid(f"the answer broke off: {type(error).__name__}") from None
        finally:
            await response.aclose()
        return Answer(
            response.status_code, {key.lower(): value for key, value in response.headers.items()}, bytes(body)
        )
