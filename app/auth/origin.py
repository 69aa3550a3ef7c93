"""Cross-site protection: which requests may change something, and which may see a session's id.

After OWASP's Cross-Site Request Forgery Prevention Cheat Sheet: a custom header, which a browser sends to another
origin only when CORS lets it, and the Origin and Fetch Metadata headers, which a page cannot forge. The Referer,
which can be absent or cut, is not asked.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from app.auth.headers import values
from app.errors import Rejected

_DEFAULT_PORTS = {"http": 80, "https": 443}
_PRINTABLE = re.compile(r"[\x21-\x7e]+")
_HOST = re.compile(r"[a-z0-9_]([a-z0-9._-]{0,252})")


class Forbidden(Rejected):
    """A request that another site may have had a browser make."""

    code = "CROSS_SITE"
    status = 403


def check_unsafe(headers: Mapping[str, str], allowed_origins: frozenset[str], own_origin: str) -> None:
    """Raises `Forbidden` unless a request with these headers may change something.

    It needs `X-Vitrine: 1`. Its Origin, if it has one, must be our own or an allowed one to the letter; origins are
    given as `parse_origins` and `origin_of` write them, which is as browsers do. One without is a browser's only with
    `Sec-Fetch-Site: same-origin`, else a native app's or a server's, without any Sec-Fetch header.
    """
    if values(headers, "x-vitrine") != ["1"]:
        raise Forbidden("a request that changes something needs the header X-Vitrine: 1")
    _check_origin(headers, allowed_origins, own_origin, ("same-origin",))


def check_read(headers: Mapping[str, str], allowed_origins: frozenset[str], own_origin: str) -> None:
    """Raises `Forbidden` unless a request with these headers may read who is signed in.

    As for `check_unsafe`, without `X-Vitrine`; somebody may also open the URL himself (`Sec-Fetch-Site: none`).
    """
    _check_origin(headers, allowed_origins, own_origin, ("same-origin", "none"))


def check_native(headers: Mapping[str, str]) -> None:
    """Raises `Forbidden` for a request that a browser made."""
    if values(headers, "origin") or _has_fetch_metadata(headers):
        raise Forbidden("this is for apps, not for browsers")


def _check_origin(
    headers: Mapping[str, str], allowed_origins: frozenset[str], own_origin: str, sites: tuple[str, ...]
) -> None:
    origins = values(headers, "origin")
    if origins:
        # `null` is every sandboxed frame and local file, so no setting can allow it.
        known = (allowed_origins | {own_origin}) - {"", "null"}
        if len(origins) > 1 or origins[0] not in known:
            raise Forbidden("requests of this origin are not allowed")
    elif _has_fetch_metadata(headers) and values(headers, "sec-fetch-site") not in [[site] for site in sites]:
        raise Forbidden("a request of another site must name an allowed origin")


def may_have_token_header(headers: Mapping[str, str]) -> bool:
    """Whether a request gets its session's id in the response header `X-Session-Token`.

    Only when it asks by `X-Session-Token: request` and no browser made it: then a page's script never sees an id.
    Ask this for POST only: old browsers send neither Origin nor Fetch Metadata with a GET to the page's own origin.
    """
    asked = values(headers, "x-session-token") == ["request"]
    return asked and not values(headers, "origin") and not _has_fetch_metadata(headers)


def _has_fetch_metadata(headers: Mapping[str, str]) -> bool:
    return any(name.lower().startswith("sec-fetch-") for name in headers)


def parse_origins(text: str) -> frozenset[str]:
    """The origins of a setting, separated by commas, each as a browser writes it.

    Raises `ValueError` for `*`, for `null`, and for what is more or less than scheme, host and port.
    """
    return frozenset(_allowed(part.strip()) for part in text.split(",") if part.strip())


def origin_of(url: str) -> str:
    """The origin of a URL as a browser writes it: `HTTPS://Shop.Example:443/de` is `https://shop.example`.

    Raises `ValueError` for a URL without scheme and host, or with a user.
    """
    if not _PRINTABLE.fullmatch(url):
        raise ValueError("a URL has printable ASCII characters only; write an international host as xn--…")
    parts = urlsplit(url)
    host = parts.hostname or ""
    if "@" in parts.netloc:
        raise ValueError("an origin has no user or password in it")
    if not parts.scheme or not host:
        raise ValueError(f"{url!r} is no URL with a scheme and a host")
    if parts.netloc.startswith("["):
        host = f"[{ipaddress.IPv6Address(host).compressed}]"
    elif not _HOST.fullmatch(host):
        raise ValueError(f"{url!r} has no host that can be used")
    port = "" if parts.port in (None, _DEFAULT_PORTS.get(parts.scheme)) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"


def _allowed(text: str) -> str:
    if "*" in text or text.lower() == "null":
        raise ValueError(f"{text!r} would allow other sites: name each origin")
    origin = origin_of(text)
    if not re.fullmatch(r"[^/?#]+//[^/?#]+/?", text):
        raise ValueError(f"{text!r} must be scheme, host and port only")
    return origin
