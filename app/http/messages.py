"""Requests and answers of HTTP/1.1 (RFC 9112), and what addresses they go to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol, Self
from urllib.parse import quote

_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:(?P<port>\d{0,5}))?(?P<rest>[/?].*)?",
    re.ASCII | re.I,
)
_DEFAULT_PORTS = {"http": 80, "https": 443}
# What a path and a query may have in them as it is, beside letters and digits: the WHATWG URL standard's sets.
_PATH = "!$%&'()*+,/:;=@[\\]^|"
_QUERY = "!$%&'()*+,/:;=?@[\\]^`{|}"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# These say where a message ends and where it goes, and are never a caller's.
_FRAMING = frozenset(
    {"host", "connection", "content-length", "transfer-encoding", "accept-encoding", "expect", "upgrade"}
)
USER_AGENT = "Vitrine"
JSON = "application/json"
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


@dataclass(frozen=True, slots=True)
class Answer:
    """An upstream's whole answer. Header names are in small letters; repeated ones are joined by a comma."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Auth(Protocol):
    """What authorises requests."""

    def authorization(self, method: str, url: str) -> str:
        """The Authorization header of one request; asked for anew for every try."""


class Origin(NamedTuple):
    """Where connections lead. `host` is a name or an IP address without brackets."""

    secure: bool
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Address:
    """Where a request goes: `authority` is the Host header, `target` the path and the query as they are sent."""

    origin: Origin
    authority: str
    target: str

    @property
    def url(self) -> str:
        """The whole URL."""
        return f"{'https' if self.origin.secure else 'http'}://{self.authority}{self.target}"

    @classmethod
    def of(cls, url: str) -> Self:
        """An absolute URL's. Raises `ValueError` for what is none of http or https, or names a user."""
        found = _URL.fullmatch(url.partition("#")[0])
        if found is None:
            raise ValueError("no http or https URL")
        scheme, host, default = found["scheme"].lower(), found["host"].lower(), _DEFAULT_PORTS[found["scheme"].lower()]
        port = int(found["port"] or default)
        if port > 65535:
            raise ValueError("no port")
        authority = host if port == default else f"{host}:{port}"
        return cls(Origin(scheme == "https", host.strip("[]"), port), authority, _target(found["rest"] or "/"))

    def at(self, path: str) -> Self:
        """The address of a path below this one, or of an absolute URL. Raises `ValueError` for what is neither."""
        if not path.startswith("/"):
            return self.of(path)
        base = self.target if self.target.endswith("/") else self.target + "/"
        below = _target(base + path.partition("#")[0].lstrip("/"))
        return type(self)(self.origin, self.authority, below)


def _target(rest: str) -> str:
    """A path and query with what may not be in them escaped. Raises `ValueError` for control characters."""
    if _CONTROL.search(rest):
        raise ValueError("control characters in a URL")
    path, mark, query = rest.partition("?")
    return quote(_without_dots(path) or "/", safe=_PATH) + mark + quote(query, safe=_QUERY)


def _without_dots(path: str) -> str:
    """RFC 3986 section 5.2.4: what servers would resolve, and a signature must be over."""
    parts = path.split("/")
    if "." not in parts and ".." not in parts:
        return path
    kept: list[str] = []
    for part in parts:
        if part == "..":
            if kept and kept != [""]:
                kept.pop()
        elif part != ".":
            kept.append(part)
    return "/".join(kept)


@dataclass(slots=True)
class Request:
    """What one call asks. Whoever sends it heeds `connect_timeout`, and whoever calls `timeout` (seconds, both).

    `sent` tells whether a byte of it may have left in any of its tries: whoever writes to a connection sets it before.
    """

    method: str
    address: Address
    headers: Mapping[str, str]
    content: bytes | None
    auth: Auth | None
    timeout: float
    connect_timeout: float
    sent: bool = False

    def fields(self) -> dict[str, str]:
        """All header fields, by names in small letters.

        Raises `ValueError` for a name or a value that would be something else on the wire.
        """
        fields = {"host": self.address.authority, "accept-encoding": "gzip", "user-agent": USER_AGENT, "accept": JSON}
        for name, value in self.headers.items():
            small = name.lower()
            if small in _FRAMING or not _TOKEN.fullmatch(small):
                raise ValueError(f"a header named {name!r}")
            fields[small] = value
        if self.auth is not None:
            fields["authorization"] = self.auth.authorization(self.method, self.address.url)
        if self.content or self.method in _WITH_BODY:
            fields["content-length"] = str(len(self.content or b""))
        for name, value in fields.items():
            if not (value.isascii() and value.isprintable()):
                raise ValueError(f"the value of the header {name}")
        return fields

    def encoded(self) -> bytes:
        """The whole request as it is sent. Raises `ValueError` like `fields`."""
        lines = "".join([f"{name}: {value}\r\n" for name, value in self.fields().items()])
        return f"{self.method} {self.address.target} HTTP/1.1\r\n{lines}\r\n".encode("ascii") + (self.content or b"")
