"""Logging in at an identity provider: OpenID Connect's code flow with PKCE, always with S256.

After OpenID Connect Core 1.0, RFC 7636, RFC 9207 and RFC 9700. What a login needs to know until its browser comes back
is kept sealed for ten minutes under a hash of its `state`, and is good once, in the browser that it began in.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self
from urllib.parse import urlencode

import orjson

from app.auth.discovery import Discovery, Metadata
from app.auth.endpoints import Tokens, ask_for_tokens, ask_for_userinfo
from app.auth.identity import Identity
from app.auth.keys import KeyRing
from app.auth.login_cookies import LoginCookies
from app.auth.providers import Provider, Providers
from app.auth.refusals import LoginRefused, Reason
from app.auth.return_to import Target
from app.auth.tokens import Claims, TokenRefused, check_id_token
from app.http import Upstream
from app.state import State

LIFE = 600.0  # seconds that a login may take
LONGEST_CODE = 4096
_STATE = re.compile(r"[A-Za-z0-9_-]{43}")
_CODE = re.compile(r"[\x20-\x7e]+")
_SINGLE = ("state", "code", "iss", "error")
_ERRORS = {
    "access_denied": Reason.DENIED,
    "login_required": Reason.INTERACTION,
    "interaction_required": Reason.INTERACTION,
    "consent_required": Reason.INTERACTION,
    "account_selection_required": Reason.INTERACTION,
    "temporarily_unavailable": Reason.PROVIDER_AWAY,
    "server_error": Reason.PROVIDER_AWAY,
}


@dataclass(frozen=True, slots=True)
class Wish:
    """A login that somebody wants: at which provider, where it leads back to, and how fresh it must be. `challenge` is
    a native app's own (PKCE, S256)."""

    provider: Provider
    target: Target
    prompt: str | None = None
    max_age: int | None = None
    challenge: str | None = None


@dataclass(frozen=True, slots=True)
class Begun:
    """Where the browser goes to log in, and the cookies that it takes along."""

    url: str = field(repr=False)
    cookies: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Finished:
    """A login that took place, and what it was for."""

    identity: Identity
    target: Target
    challenge: str | None


class Failed(LoginRefused):
    """A login that came back and is refused; `target` is where its storefront waits for it."""

    def __init__(self, reason: Reason, detail: str, target: Target) -> None:
        super().__init__(reason, detail)
        self.target = target


@dataclass(frozen=True, slots=True)
class _Waiting:
    """What is kept of a login that has begun. `browser` is the hash of the secret in its cookie."""

    provider: str
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    browser: str = field(repr=False)
    url: str
    app: bool
    max_age: int | None
    challenge: str | None
    begun: float

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Self:
        # Another version of ours may have put more there.
        return cls(**{each.name: kept[each.name] for each in fields(cls)})

    @property
    def target(self) -> Target:
        return Target(self.url, self.app)


class Logins:
    """Logins at all providers. `upstreams` reach them by id; `public_url` is where browsers reach us, and `clock` tells
    the seconds since the epoch."""

    def __init__(
        self,
        providers: Providers,
        upstreams: Mapping[str, Upstream],
        state: State,
        keys: KeyRing,
        *,
        public_url: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.providers = providers
        self.upstreams = upstreams
        self.discoveries = {name: Discovery(each, upstreams[name]) for name, each in providers.items()}
        self._state, self._keys, self._clock = state, keys, clock
        self._public_url = public_url
        self._cookies = LoginCookies(secure=public_url.startswith("https://"))

    async def start(self, wish: Wish, headers: Mapping[str, str]) -> Begun:
        """Begins a login. Raises `LoginRefused`, and `StateUnavailable`."""
        provider = wish.provider
        metadata = await self.discoveries[provider.id].metadata()
        self._check_fit(provider, metadata)
        state, nonce, verifier, browser = (secrets.token_urlsafe(32) for _ in range(4))
        ages = [age for age in (wish.max_age, provider.max_age) if age is not None]
        waiting = _Waiting(
            provider.id,
            nonce,
            verifier,
            _hash(browser),
            wish.target.url,
            wish.target.app,
            min(ages, default=None),
            wish.challenge,
            self._clock(),
        )
        place = _place(state)
        await self._state.put(place, self._keys.seal(place, orjson.dumps(asdict(waiting))), LIFE)
        query: dict[str, str | int] = {
            "response_type": "code",
            "client_id": provider.client_id,
            "redirect_uri": provider.redirect_uri(self._public_url),
            "scope": " ".join(provider.scopes),
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge_of(verifier),
            "code_challenge_method": "S256",
        }
        if prompt := wish.prompt or provider.prompt:
            query["prompt"] = prompt
        if waiting.max_age is not None:
            query["max_age"] = waiting.max_age
        endpoint = metadata.authorization_endpoint
        url = f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}"
        cookies = [*self._cookies.clear_many(headers), self._cookies.set(state, browser, LIFE)]
        return Begun(url, tuple(cookies))

    async def finish(
        self, query: Sequence[tuple[str, str]], headers: Mapping[str, str], callback_of: str | None = None
    ) -> Finished:
        """Who has logged in, by what his browser brings back; `callback_of` is the provider that the path names.

        Raises `Failed`, or `LoginRefused` where it is not known which login it was, and `StateUnavailable`.
        """
        given = _single(query)
        waiting = await self._take(given.get("state", ""), headers)
        provider = self.providers.get(waiting.provider)
        try:
            if provider is None or callback_of != (provider.id if provider.own_callback else None):
                raise LoginRefused(Reason.STATE, "the response came by the callback of another provider")
            return Finished(await self._identity(provider, waiting, given), waiting.target, waiting.challenge)
        except LoginRefused as error:
            raise Failed(error.reason, error.detail, waiting.target) from None

    def forget(self, query: Sequence[tuple[str, str]]) -> str | None:
        """The cookie that takes a login's secret from its browser, when that login is over."""
        state = dict(query).get("state", "")
        return self._cookies.clear(state) if _STATE.fullmatch(state) else None

    async def _take(self, state: str, headers: Mapping[str, str]) -> _Waiting:
        """What was kept of the login of this state, once only. A stranger who knows the state cannot use it up."""
        if not _STATE.fullmatch(state):
            raise LoginRefused(Reason.STATE, "there is no state")
        place = _place(state)
        raw = await self._state.get(place)
        plain = self._keys.open(place, raw) if raw is not None else None
        if raw is None or plain is None:
            raise LoginRefused(Reason.STATE, "the state is unknown, used or too old")
        waiting = _Waiting.of(orjson.loads(plain))
        secret = self._cookies.secret(state, headers)
        if secret is None or not hmac.compare_digest(_hash(secret), waiting.browser):
            raise LoginRefused(Reason.STATE, "the login did not begin in this browser")
        if not await self._state.drop(place, raw):
            raise LoginRefused(Reason.STATE, "the state was used at the same moment")
        if self._clock() - waiting.begun > LIFE:
            raise LoginRefused(Reason.STATE, "the login took too long")
        return waiting

    async def _identity(self, provider: Provider, waiting: _Waiting, given: Mapping[str, str]) -> Identity:
        discovery, upstream = self.discoveries[provider.id], self.upstreams[provider.id]
        metadata = await discovery.metadata()
        self._check_fit(provider, metadata)
        # Before anything else that the response says: it may come from another provider (RFC 9207 section 2.4).
        if (metadata.names_itself or "iss" in given) and given.get("iss") != provider.issuer:
            raise LoginRefused(Reason.ISSUER, "the response is of another issuer")
        if "error" in given:
            reason = _ERRORS.get(given["error"], Reason.PROVIDER_ERROR)
            raise LoginRefused(reason, "the provider answered with an error")
        code = given.get("code", "")
        if not _CODE.fullmatch(code) or len(code) > LONGEST_CODE:
            raise LoginRefused(Reason.REQUEST, "there is no code")
        grant = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": provider.redirect_uri(self._public_url),
            "code_verifier": waiting.verifier,
        }
        tokens = await ask_for_tokens(provider, metadata, upstream, grant)
        claims = dict(await self._claims(provider, discovery, waiting, tokens))
        names = provider.claims
        if names.email and names.email not in claims:
            more = await ask_for_userinfo(metadata, upstream, tokens, claims["sub"])
            # What is signed stands, but whether an address is verified is said by who says the address.
            claims = {**more, **claims, names.email_verified: more.get(names.email_verified)}
        return Identity.told(provider, claims, tokens, self._clock())

    async def _claims(self, provider: Provider, discovery: Discovery, waiting: _Waiting, tokens: Tokens) -> Claims:
        if tokens.id_token is None:
            raise LoginRefused(Reason.TOKEN, "there is no ID token")
        try:
            return check_id_token(
                await discovery.read(tokens.id_token),
                issuer=provider.issuer,
                client_id=provider.client_id,
                nonce=waiting.nonce,
                now=self._clock(),
                access_token=tokens.access_token,
                max_age=waiting.max_age,
            )
        except TokenRefused as error:
            reason = Reason.AUTH_TOO_OLD if error.check == "max_age" else Reason.TOKEN
            raise LoginRefused(reason, f"ID token: {error.check}") from None

    def _check_fit(self, provider: Provider, metadata: Metadata) -> None:
        # One provider could pass another's code off as its own (RFC 9700 section 4.4).
        if len(self.providers) > 1 and not metadata.names_itself and not provider.own_callback:
            raise LoginRefused(
                Reason.PROVIDER_UNFIT, "one of several providers that does not name itself: set own_callback"
            )


def challenge_of(verifier: str) -> str:
    """The S256 challenge of a verifier (RFC 7636 section 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _place(state: str) -> str:
    return "login:" + _hash(state)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _single(query: Sequence[tuple[str, str]]) -> dict[str, str]:
    """The parameters of a response. Of one that is there twice nobody could say which is meant."""
    names = [name for name, _ in query if name in _SINGLE]
    if len(names) != len(set(names)):
        raise LoginRefused(Reason.REQUEST, "a parameter is given twice")
    return dict(query)
