"""Session ids, and how browsers and apps bring them."""

from __future__ import annotations

import base64
import binascii
import math
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING

from app.auth.headers import values
from app.errors import BadRequest

if TYPE_CHECKING:
    from app.auth.sessions import Session


def new_token(signed_in: bool = False) -> str:
    """An id of 255 random bits; the first of its 256 is `is_signed_in`."""
    raw = bytearray(secrets.token_bytes(32))
    raw[0] = raw[0] & 0x7F | (0x80 if signed_in else 0)
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def is_signed_in(token: str) -> bool:
    """Whether an id may be that of somebody who has signed in: for all others nobody need ask Redis who reads. To alter
    the bit is to make an id that leads nowhere."""
    return is_token(token) and bool(base64.urlsafe_b64decode(token[:4])[0] & 0x80)


def is_token(text: str) -> bool:
    """Whether it is what `new_token` gives: one text for each id, not the four that base64 would take."""
    try:
        raw = base64.urlsafe_b64decode(text + "=") if len(text) == 43 else b""
    except (binascii.Error, ValueError):
        return False
    return len(raw) == 32 and base64.urlsafe_b64encode(raw).decode().rstrip("=") == text


def cookie_name(secure: bool) -> str:
    """The cookie's name; `__Host-` where the public URL is https: no other host can set it (RFC 6265bis 4.1.3.2)."""
    return "__Host-vitrine" if secure else "vitrine"


def set_cookie(session: Session, *, secure: bool, max_age: float) -> str:
    """The value of the Set-Cookie header that gives a browser the session for `max_age` seconds."""
    return _cookie(session.token, secure, max(0, math.ceil(max_age)))


def clear_cookie(secure: bool) -> str:
    """The value of the Set-Cookie header that takes the session's id away from a browser."""
    return _cookie("", secure, 0)


def _cookie(value: str, secure: bool, max_age: int) -> str:
    flags = "; Path=/; HttpOnly; SameSite=Lax" + ("; Secure" if secure else "")
    return f"{cookie_name(secure)}={value}; Max-Age={max_age}{flags}"


def token_of(headers: Mapping[str, str], *, secure: bool) -> str | None:
    """The session id of a request: from the cookie, or from `Authorization: Bearer` as native apps send it.

    None where there is none, or none that could be one. Raises `BadRequest` for more than one: a second cookie of
    the name was set by somebody else, and which of two ids is meant is not ours to choose.
    """
    named = cookies_of(headers, cookie_name(secure))
    bearers = bearers_of(headers)
    if len(named) > 1 or len(bearers) > 1:
        raise BadRequest("the session is given more than once")
    given = {*named, *bearers}
    if len(given) > 1:
        raise BadRequest("the cookie and the Authorization header name different sessions")
    token = next(iter(given), None)
    return token if token is not None and is_token(token) else None


def bearers_of(headers: Mapping[str, str]) -> list[str]:
    """What is given as `Authorization: Bearer`, whether or not it could be a session id."""
    credentials = [line.partition(" ") for line in values(headers, "authorization")]
    return [token.strip(" ") for scheme, _, token in credentials if scheme.lower() == "bearer"]


def cookies_of(headers: Mapping[str, str], name: str) -> list[str]:
    """Every value that a cookie of this name was sent with."""
    pairs = [pair for line in values(headers, "cookie") for pair in line.split(";")]
    # Only RFC 6265's white space is stripped: browsers let any host set a cookie whose name begins with another kind
    # (a no-break space, say), and `str.strip` would make a __Host- name of it.
    parts = [pair.strip(" \t").partition("=") for pair in pairs]
    return [value for key, mark, value in parts if mark and key == name]
