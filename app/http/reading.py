"""Reads one answer of HTTP/1.1 from a connection's bytes (RFC 9112), by httptools' parser."""

from __future__ import annotations

import zlib

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from app.errors import UpstreamError, UpstreamInvalid, UpstreamUnavailable
from app.http.messages import Answer

# Of these the upstream itself has not answered: what they say is never read.
GATEWAY = frozenset({502, 503, 504})
LARGEST_HEAD = 102_400  # bytes
# A chunk of one byte has five bytes around it.
_AROUND = 8
_GZIP = zlib.MAX_WBITS | 16


class Reading:
    """One answer on its way in, of at most `limit` bytes.

    It is over when it is `done` or has `failed`; after that, `reusable` says whether the connection ended where the
    answer did and may carry another one.
    """

    def __init__(self, method: str, limit: int) -> None:
        self.done = False
        self.failed: UpstreamError | None = None
        self.reusable = False
        self._bodiless = method == "HEAD"
        self._limit = limit
        self._status = 0
        self._headers: dict[str, str] = {}
        self._body = bytearray()
        self._fed = 0
        self._parser: HttpResponseParser | None = HttpResponseParser(self)

    def feed(self, data: bytes) -> bool:
        """Takes bytes as they come; whether it is over."""
        assert self._parser is not None
        self._fed += len(data)
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            self._fail("is no HTTP")
        # Between the bytes of the body there is a head, and sizes of chunks: neither may be endless.
        if self._fed > LARGEST_HEAD + _AROUND * len(self._body):
            self._fail("has too much around its body")
        return self._over()

    def end(self, *, clean: bool) -> None:
        """The connection has ended, `clean` where the server did so in order; the reading is over then."""
        framed = "content-length" in self._headers or "transfer-encoding" in self._headers
        if clean and self._status and not framed:
            self.done = True
        self._fail("broke off")
        self.reusable = False
        self._over()

    def answer(self) -> Answer:
        """The whole answer. Raises the `UpstreamError` that says why there is none."""
        if self.failed is not None:
            raise self.failed
        body = bytes(self._body)
        if body and self._headers.get("content-encoding", "").lower() in ("gzip", "x-gzip"):
            body = unpacked(body, self._limit)
        return Answer(self._status, self._headers, body)

    def _over(self) -> bool:
        over = self.done or self.failed is not None
        if over:
            # It knows this object: the two would live on until they are collected.
            self._parser = None
        return over

    def _fail(self, what: str) -> None:
        """Until the head is whole, nobody has answered; from then on the answer is bad."""
        if self.done or self.failed is not None:
            return
        kind = UpstreamInvalid if self._status else UpstreamUnavailable
        self.failed = kind(f"the answer {what}")

    # What httptools calls

    def on_message_begin(self) -> None:
        if self.done:
            self.reusable = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._status:
            return  # it stands after the body, where no header that matters may be
        key, text = name.decode("latin-1").lower(), value.decode("latin-1").rstrip(" \t")
        self._headers[key] = f"{self._headers[key]}, {text}" if key in self._headers else text

    def on_headers_complete(self) -> None:
        assert self._parser is not None
        status = self._parser.get_status_code()
        if self.done:
            return
        if 100 <= status < 200:
            self._headers.clear()
            return
        self._status = status
        if status in GATEWAY:
            self.failed = UpstreamUnavailable(f"HTTP {status}")
        elif self._headers.get("transfer-encoding", "chunked").lower() != "chunked":
            self._fail("has an unknown transfer coding")
        elif self._bodiless:
            # The parser does not know that no body follows, so whatever does would not be noticed.
            self.done = True

    def on_body(self, data: bytes) -> None:
        if not self.done and self.failed is None:
            self._body += data
            if len(self._body) > self._limit:
                self.failed = too_large(self._limit)

    def on_message_complete(self) -> None:
        assert self._parser is not None
        if self._status and not self.done and self.failed is None:
            self.done, self.reusable = True, self._parser.should_keep_alive()


def unpacked(packed: bytes, limit: int) -> bytes:
    """What was packed by gzip (RFC 1952). Raises `UpstreamInvalid` for what is no gzip, is not whole or has more after
    it, and for more than `limit` bytes, of which no more are unpacked."""
    unpacking = zlib.decompressobj(_GZIP)
    try:
        body = unpacking.decompress(packed, limit + 1)
    except zlib.error:
        raise UpstreamInvalid("the answer is no gzip") from None
    if len(body) > limit:
        raise too_large(limit)
    if not unpacking.eof or unpacking.unused_data:
        raise UpstreamInvalid("the answer is no whole gzip")
    return body


def too_large(limit: int) -> UpstreamInvalid:
    """The error of an answer of more than `limit` bytes."""
    return UpstreamInvalid(f"more than {limit} bytes")
