"""How connections are made: to whichever address of a host answers first, and with certificates that are checked."""

from __future__ import annotations

import asyncio
import socket
import ssl
import sys
from asyncio.staggered import staggered_race
from collections.abc import Callable
from functools import cache, partial
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any, TypeVar

from app.http.messages import Origin

# RFC 8305 section 5: how long one address is tried before the next one is tried beside it, in seconds.
_ATTEMPT_DELAY = 0.25
# Where systems keep their authorities, if OpenSSL was built to look elsewhere.
_AUTHORITIES = (
    "/etc/ssl/cert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/cert.pem",
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/ssl/ca-bundle.pem",
)
_Made = TypeVar("_Made", bound=asyncio.Protocol)
_Info = tuple[Any, ...]


async def dialled(origin: Origin, protocol: Callable[[], _Made], tls: Callable[[], ssl.SSLContext]) -> _Made:
    """A connection to where `origin` is, over TLS if it is to be secure. Raises `OSError` where there is none."""
    loop, context = asyncio.get_running_loop(), tls() if origin.secure else None
    found = await loop.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
    made, _, errors = await staggered_race([partial(_connected, each) for each in interleaved(found)], _ATTEMPT_DELAY)
    if made is None:
        raise next((error for error in errors if isinstance(error, OSError)), OSError("no address"))
    _, connection = await loop.create_connection(
        protocol, sock=made, ssl=context, server_hostname=origin.host if context is not None else None
    )
    return connection


def interleaved(found: list[_Info]) -> list[_Info]:
    """Addresses in their order, but with the families in turns (RFC 8305 section 4)."""
    families: dict[int, list[_Info]] = {}
    for each in found:
        families.setdefault(each[0], []).append(each)
    return [each for each in chain.from_iterable(zip_longest(*families.values())) if each is not None]


async def _connected(info: _Info) -> socket.socket:
    family, kind, protocol, _, address = info
    one = socket.socket(family, kind, protocol)
    try:
        one.setblocking(False)
        await asyncio.get_running_loop().sock_connect(one, address)
    except BaseException:
        one.close()
        raise
    return one


@cache
def checked() -> ssl.SSLContext:
    """What checks certificates and host names, by the system's authorities as httpx2 takes them without trusting the
    environment; on Linux without importing it, which costs 3 MB."""
    if sys.platform != "linux":
        import httpx2  # noqa: PLC0415

        context = httpx2.create_ssl_context(trust_env=False)
    else:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        paths = ssl.get_default_verify_paths()
        file = paths.openssl_cafile if Path(paths.openssl_cafile).is_file() else None
        folder = paths.openssl_capath if Path(paths.openssl_capath).is_dir() else None
        if file is None and (folder is None or not any(Path(folder).glob("*.0"))):
            file = next((path for path in _AUTHORITIES if Path(path).is_file()), None)
        if file or folder:
            context.load_verify_locations(file, folder)
    context.set_alpn_protocols(["http/1.1"])
    return context
