"""A transport of httpx2 in the place of the network: tests put a whole Commerce behind one."""

from __future__ import annotations

import httpx2

from app.errors import UpstreamInvalid, UpstreamTimeout, UpstreamUnavailable
from app.http.messages import Answer, Request
from app.http.reading import GATEWAY, too_large

# There was no connection to send anything on.
_UNSENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)


class StandIn:
    """Takes the place of `Pool`: the same requests, answers and errors."""

    def __init__(self, transport: httpx2.AsyncBaseTransport, limit: int) -> None:
        self._transport = transport
        self._limit = limit

    async def exchange(self, request: Request) -> Answer:
        """The answer to a request. Raises an `UpstreamError`."""
        try:
            asked = httpx2.Request(
                request.method, request.address.url, headers=request.fields(), content=request.content
            )
        except ValueError as error:
            raise UpstreamInvalid(f"not sent: {error}", unsent=not request.sent) from None
        asked.extensions["timeout"] = httpx2.Timeout(request.timeout, connect=request.connect_timeout).as_dict()
        sent_before, request.sent = request.sent, True
        try:
            response = await self._transport.handle_async_request(asked)
        except httpx2.TransportError as error:
            unsent = isinstance(error, _UNSENT) and not sent_before
            kind = UpstreamTimeout if isinstance(error, httpx2.TimeoutException) else UpstreamUnavailable
            raise kind(type(error).__name__, unsent=unsent) from None
        response.request = asked
        try:
            return await self._read(response)
        except httpx2.TimeoutException as error:
            raise UpstreamTimeout(type(error).__name__) from None
        except httpx2.HTTPError as error:
            raise UpstreamInvalid(f"the answer broke off: {type(error).__name__}") from None
        finally:
            await response.aclose()

    async def close(self) -> None:
        """Closes the transport."""
        await self._transport.aclose()

    async def _read(self, response: httpx2.Response) -> Answer:
        if response.status_code in GATEWAY:
            raise UpstreamUnavailable(f"HTTP {response.status_code}")
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > self._limit:
                raise too_large(self._limit)
        return Answer(
            response.status_code, {name.lower(): text for name, text in response.headers.items()}, bytes(body)
        )
