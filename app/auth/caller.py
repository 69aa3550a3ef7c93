"""Who calls, as far as the network tells, and what of that is handed on to Commerce."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address, ip_network

from app.auth.headers import values
from app.errors import BadRequest

RECAPTCHA = "X-ReCaptcha"
_TOKEN = re.compile(r"[A-Za-z0-9_.-]{1,8192}")


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller's IP address, if it is known, and the headers that go to Commerce with what he reads of his own and
    what he writes."""

    address: str | None = None
    handed_on: Mapping[str, str] = field(default_factory=dict)

    @property
    def network(self) -> str:
        """What one caller has for himself: his IPv4 address, or the network of 64 bits that his IPv6 address is in.
        Callers whose address is unknown are one."""
        if self.address is None or ":" not in self.address:
            return self.address or "unknown"
        return str(ip_network((self.address, 64), strict=False))


@dataclass(frozen=True, slots=True)
class HandingOn:
    """What is handed on: the address in the header `ip_header` (empty: in none), the reCAPTCHA token if `recaptcha`.

    Commerce counts failures by address, and checks the token that a shop's forms send in `X-ReCaptcha` (Adobe:
    GraphQL, Protected mutations).
    """

    ip_header: str = ""
    recaptcha: bool = False

    def caller(self, headers: Mapping[str, str], peer: str | None) -> Caller:
        """The caller of a request that came from `peer`, the address behind the trusted proxies.

        Raises `BadRequest` for a reCAPTCHA token that is none or that is given twice.
        """
        address, handed_on = address_of(peer), {}
        if self.ip_header and address:
            handed_on[self.ip_header] = address
        tokens = values(headers, RECAPTCHA.lower()) if self.recaptcha else []
        if tokens:
            if len(tokens) > 1 or not _TOKEN.fullmatch(tokens[0]):
                raise BadRequest(f"the {RECAPTCHA} header is no reCAPTCHA token")
            handed_on[RECAPTCHA] = tokens[0]
        return Caller(address, handed_on)


def address_of(peer: str | None) -> str | None:
    """The peer as an IP address in its shortest form; None for anything else, such as a socket's path or `unknown`."""
    try:
        address = ip_address(peer or "")
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        # A zone belongs to the machine that it was seen on.
        address = address.ipv4_mapped or IPv6Address(int(address))
    return str(address)
