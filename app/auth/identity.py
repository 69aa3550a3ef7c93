"""Who a session's shopper is, as a provider told it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from app.auth.endpoints import Tokens
from app.auth.providers import ClaimNames, Provider
from app.auth.refusals import Unauthenticated
from app.auth.session_index import Named
from app.auth.sessions import Data, Session

IDENTITY = "identity"
LONGEST = 255  # characters of a claim that is kept
MOST_GROUPS = 50


@dataclass(frozen=True, slots=True)
class Identity:
    """A shopper who is signed in. Times are seconds since the epoch: `auth_time` when he proved to the provider who he
    is, as far as it tells; `since` when he came to us; `obtained` when the tokens came, and `expires` when the access
    token runs out. `nonce` is that of the ID token that he came with."""

    provider: str
    issuer: str
    subject: str
    since: float
    sid: str | None = None
    auth_time: float | None = None
    email: str | None = field(default=None, repr=False)
    email_verified: bool = False
    name: str | None = field(default=None, repr=False)
    first_name: str | None = field(default=None, repr=False)
    last_name: str | None = field(default=None, repr=False)
    groups: tuple[str, ...] = ()
    newsletter: bool | None = None
    id_token: str = field(default="", repr=False)
    access_token: str = field(default="", repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    expires: float | None = None
    obtained: float | None = None
    nonce: str | None = field(default=None, repr=False)

    @classmethod
    def told(cls, provider: Provider, claims: Mapping[str, Any], tokens: Tokens, now: float) -> Self:
        """From claims that were checked. One that is not of its kind is as good as none."""
        names = provider.claims
        email = _text(claims, names.email)
        return cls(
            provider.id,
            provider.issuer,
            claims["sub"],
            now,
            sid=claims.get("sid"),
            auth_time=claims.get("auth_time"),
            email=email if email and "@" in email else None,
            # Some providers write truth as a text.
            email_verified=_choice(claims, names.email_verified) is True,
            name=_text(claims, names.name),
            first_name=_text(claims, names.first_name),
            last_name=_text(claims, names.last_name),
            groups=_groups(claims, names),
            newsletter=_choice(claims, names.newsletter),
            id_token=tokens.id_token or "",
            access_token=tokens.access_token,
            refresh_token=tokens.refresh_token,
            expires=now + tokens.expires_in if tokens.expires_in is not None else None,
            obtained=now,
            nonce=claims.get("nonce"),
        )

    @classmethod
    def of(cls, data: Data) -> Self | None:
        """The identity in a session's data, if there is one."""
        found = data.get(IDENTITY)
        if not found:
            return None
        # Another version of ours may have put more there, or less.
        known = {each.name: found[each.name] for each in fields(cls) if each.name in found}
        return cls(**{**known, "groups": tuple(known.get("groups", ()))})

    def data(self) -> dict[str, Any]:
        """As it is kept in a session's data."""
        return asdict(self)

    def is_same(self, other: Identity | None) -> bool:
        """Whether both are one shopper."""
        return other is not None and (self.issuer, self.subject) == (other.issuer, other.subject)


def name_of_session(issuer: str, sid: str) -> str:
    """What the sessions of one session at a provider are found by."""
    return f"sid\n{issuer}\n{sid}"


def name_of_subject(issuer: str, subject: str) -> str:
    """What all sessions of a subject are found by."""
    return f"sub\n{issuer}\n{subject}"


def name_without_session(issuer: str, subject: str) -> str:
    """What those sessions of a subject are found by whose provider named none of its own."""
    return f"no sid\n{issuer}\n{subject}"


def named(data: Data) -> Named | None:
    """What a session with this data is found by, where somebody is signed in."""
    identity = Identity.of(data)
    if identity is None:
        return None
    issuer, subject = identity.issuer, identity.subject
    narrow = name_without_session(issuer, subject) if identity.sid is None else name_of_session(issuer, identity.sid)
    return Named((narrow, name_of_subject(issuer, subject)), identity.since)


def require(session: Session | None, *, login_url: str, now: float, max_age: float | None = None) -> Identity:
    """Who is signed in; with `max_age` only one who proved who he is not longer ago than so many seconds.

    Raises `Unauthenticated`, which has the reason and where to sign in: `login_url` with what is needed added.
    """
    identity = Identity.of(session.data) if session is not None else None
    age = f"max_age={int(max_age)}" if max_age is not None else ""
    if identity is None:
        raise Unauthenticated("SIGN_IN", f"{login_url}?{age}".rstrip("?"))
    if max_age is not None and (identity.auth_time is None or now - identity.auth_time > max_age):
        raise Unauthenticated("STEP_UP", f"{login_url}?provider={identity.provider}&{age}")
    return identity


def _text(claims: Mapping[str, Any], name: str) -> str | None:
    given = claims.get(name) if name else None
    return given if isinstance(given, str) and given.strip() and len(given) <= LONGEST else None


def _groups(claims: Mapping[str, Any], names: ClaimNames) -> tuple[str, ...]:
    given = claims.get(names.group) if names.group else None
    found = given if isinstance(given, list) else [given]
    return tuple(each for each in found if isinstance(each, str) and 0 < len(each) <= LONGEST)[:MOST_GROUPS]


def _choice(claims: Mapping[str, Any], name: str) -> bool | None:
    given = claims.get(name) if name else None
    # A number is no choice, though 1 equals True.
    return given in (True, "true") if isinstance(given, bool | str) else None
