"""Where a login may lead back to: the storefront, its other origins by name, and registered apps; nothing else.

After RFC 9700 section 4.11: an open redirector would lend our name to anybody's page. What is accepted here is so
narrow that no two programs read it differently; it is not mended, and leaves as an absolute URL of a known origin.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from app.auth.origin import origin_of
from app.auth.refusals import LoginRefused, Reason

LONGEST = 2048
ERROR = "login_error"
OURS = "auth"
# RFC 3986's characters but no backslash, quote, blank or control; no second slash at the front.
_PATH = re.compile(
    r"/(?![/\\])[A-Za-z0-9\-._~%!$&'()*+,;=:@/]*(\?[A-Za-z0-9\-._~%!$&'()*+,;=:@/?\[\]]*)?(#[A-Za-z0-9\-._~%!$&'()*+,;=:@/?]*)?"
)
_ENCODED = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ABSOLUTE = re.compile(r"(https?://[a-z0-9.\-:\[\]]+)(/.*)?", re.DOTALL)
_DOTS = re.compile(r"(\.|%2e){1,2}", re.IGNORECASE)
_APP = re.compile(r"[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+:/[A-Za-z0-9\-._~/]*(\?[A-Za-z0-9\-._~=&]*)?")


@dataclass(frozen=True, slots=True)
class Target:
    """A place that a login leads back to: an absolute URL, and whether it is an app's."""

    url: str
    app: bool = False

    def with_error(self, reason: Reason) -> str:
        """The URL, telling that there was no login."""
        return self._with(ERROR, reason)

    def with_code(self, code: str) -> str:
        """The URL of an app with the code that it exchanges for its session."""
        return self._with("code", code)

    def _with(self, name: str, value: str) -> str:
        url, mark, fragment = self.url.partition("#")
        front, _, query = url.partition("?")
        kept = [part for part in query.split("&") if part and next(iter(parse_qsl(part, True)), ("",))[0] != name]
        return f"{front}?{'&'.join([*kept, urlencode({name: value})])}{mark}{fragment}"


class ReturnTo:
    """What is allowed. `home` is the origin that a bare path is of, `own` the API's; `origins` are others, as browsers
    write them; `apps` are whole URIs of native apps."""

    def __init__(self, own: str, *, home: str = "", origins: Iterable[str] = (), apps: Collection[str] = ()) -> None:
        self._own, self._home = own, home or own
        self._origins = frozenset((own, self._home, *origins))
        self._apps = frozenset(apps)

    def check(self, text: str) -> Target:
        """The place that a request names. Raises `LoginRefused`."""
        if text in self._apps:
            return Target(text, app=True)
        found = _ABSOLUTE.fullmatch(text)
        origin, path = (found[1], found[2] or "/") if found else (self._home, text or "/")
        if len(text) > LONGEST or origin not in self._origins or not self._is_path(origin, path):
            raise LoginRefused(Reason.RETURN_TO, "return_to is not allowed")
        return Target(origin + path)

    def _is_path(self, origin: str, path: str) -> bool:
        if not _PATH.fullmatch(path) or _ENCODED.search(path):
            return False
        segments = re.split(r"[?#]", path, maxsplit=1)[0].split("/")
        if any(_DOTS.fullmatch(segment) for segment in segments):
            return False
        # Logging in would lead to logging in.
        return origin != self._own or unquote(segments[1]).lower() != OURS


def origin_of_storefront(url: str) -> str:
    """The origin of the setting `STOREFRONT_URL`; empty where it has none, or one for each store view."""
    return "" if "{" in (urlsplit(url).netloc or "{") else origin_of(url)


def parse_apps(text: str) -> frozenset[str]:
    """The URIs of native apps of the setting `LOGIN_APPS`, separated by commas.

    A custom scheme is a domain name turned round (RFC 8252 section 7.1); an app link is https. Raises `ValueError` for
    others.
    """
    found = frozenset(part.strip() for part in text.split(",") if part.strip())
    for uri in found:
        if not (_APP.fullmatch(uri) or _is_link(uri)):
            raise ValueError(f"LOGIN_APPS: {uri!r} is neither like com.example.shop:/signed-in nor an https URL")
    return found


def _is_link(uri: str) -> bool:
    found = _ABSOLUTE.fullmatch(uri)
    return bool(
        found and uri.startswith("https://") and origin_of(found[1]) == found[1] and _PATH.fullmatch(found[2] or "")
    )
