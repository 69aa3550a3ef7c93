"""The identity providers of a shop, as the setting `OIDC_PROVIDERS` names them."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, TypeAdapter, ValidationError, field_validator

# Asymmetric ones only: with HMAC the client's secret would be the key, and `none` is no signature.
Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519"]
Prompt = Literal["none", "login", "consent", "select_account", "create"]
LONGEST_AGE = 31_536_000  # seconds of `max_age`
_EXAMPLE_SECRET = "change-me"  # noqa: S105 - the one value that is refused
_PRINTABLE = re.compile(r"[\x21-\x7e]{1,2048}")
_HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class ClaimNames(_Part):
    """Which claim has what we know of a shopper; empty: none has. `group` is a text or a list of texts."""

    email: str = "email"
    email_verified: str = "email_verified"
    name: str = "name"
    first_name: str = "given_name"
    last_name: str = "family_name"
    group: str = ""
    newsletter: str = ""


class Provider(_Part):
    """One identity provider. `id` is our name of it, in URLs and sessions.

    `auth_method` is how the secret is shown, where the provider offers more ways than its client has. `algorithms` are
    all that its tokens may be signed by, whatever its metadata says. `prompt` and `max_age` (seconds) are those of a
    login that asks for none. `own_callback` gives it a redirect URI of its own, which is needed with several providers
    where it does not name itself in its response (RFC 9207; RFC 9700 section 4.4).
    """

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]
    issuer: str
    client_id: Annotated[str, Field(min_length=1, max_length=512)]
    client_secret: SecretStr = SecretStr("")
    auth_method: Literal["client_secret_basic", "client_secret_post"] | None = None
    scopes: tuple[Annotated[str, Field(pattern=r"^[\x21\x23-\x5b\x5d-\x7e]+$")], ...] = ("openid", "email", "profile")
    claims: ClaimNames = ClaimNames()
    algorithms: Annotated[tuple[Algorithm, ...], Field(min_length=1)] = ("RS256",)
    prompt: Prompt | None = None
    max_age: Annotated[int, Field(ge=0, le=LONGEST_AGE)] | None = None
    own_callback: bool = False

    @field_validator("issuer")
    @classmethod
    def _is_issuer(cls, value: str) -> str:
        parts = urlsplit(value)
        if not is_safe_url(value, loopback=True) or parts.query or parts.fragment or "?" in value or "#" in value:
            raise ValueError("must be an https URL without user, query and fragment, or http on a loopback address")
        return value

    @field_validator("client_secret")
    @classmethod
    def _is_secret(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value().lower() == _EXAMPLE_SECRET:
            raise ValueError("still has the example value")
        return value

    @field_validator("scopes")
    @classmethod
    def _has_openid(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if "openid" not in value:
            raise ValueError("must have openid among them")
        return value

    @property
    def on_loopback(self) -> bool:
        """Whether it is on this machine, as in development: then http is enough."""
        return self.issuer.startswith("http://")

    def redirect_uri(self, public_url: str) -> str:
        """Where it sends browsers back to; `public_url` is the setting, never what a request says of its host."""
        return f"{public_url.rstrip('/')}/auth/callback" + (f"/{self.id}" if self.own_callback else "")


class Providers(Mapping[str, Provider]):
    """All providers by id, in their order."""

    def __init__(self, providers: tuple[Provider, ...] = ()) -> None:
        self._all = {provider.id: provider for provider in providers}
        if len(self._all) != len(providers):
            raise ValueError("OIDC_PROVIDERS: two providers have the same id")
        if len({provider.issuer for provider in providers}) != len(providers):
            raise ValueError("OIDC_PROVIDERS: two providers have the same issuer")

    @classmethod
    def of(cls, text: str) -> Self:
        """The providers of a setting, a JSON list. Raises `ValueError`, which shows no value."""
        if not text.strip():
            return cls()
        try:
            found = TypeAdapter(tuple[Provider, ...]).validate_json(text)
        except ValidationError as error:
            told = "; ".join(
                f"{'.'.join(map(str, each['loc'])) or 'the list'}: {each['msg']}"
                for each in error.errors(include_url=False, include_input=False, include_context=False)
            )
            raise ValueError(f"OIDC_PROVIDERS: {told}") from None
        return cls(found)

    def __getitem__(self, key: str) -> Provider:
        return self._all[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    @property
    def only(self) -> Provider | None:
        """The provider, where there is just one."""
        return next(iter(self._all.values())) if len(self._all) == 1 else None


def is_safe_url(url: str, *, loopback: bool) -> bool:
    """Whether it is an https URL without a user in it, or with `loopback` an http one of a loopback address."""
    if not _PRINTABLE.fullmatch(url) or "\\" in url:
        return False
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        return False
    known = _is_ipv6(host) if parts.netloc.startswith("[") else _HOST.fullmatch(host)
    if "@" in parts.netloc or not known:
        return False
    return parts.scheme == "https" or (loopback and parts.scheme == "http" and _is_loopback(host))


def _is_ipv6(host: str) -> bool:
    try:
        return ipaddress.IPv6Address(host).compressed == host and "%" not in host
    except ValueError:
        return False


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
