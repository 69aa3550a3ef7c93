"""A customer's token, by the best way that this Commerce offers (FACTS, From an OIDC identity to a Commerce customer).

    rest       POST customers/{id}/token                            2.4.9
    exchange   exchangeExternalCustomerToken, signed                2.4.9, an integration's credentials
    admin      generateCustomerTokenAsAdmin                         an admin user's credentials
    password   generateCustomerToken by a password that is derived  customers that were made with one

All but the first find the customer by his e-mail address. A token that is not of the customer who was meant is thrown
away.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

from app.auth.passwords import Passwords
from app.auth.person import NoStore, NoWay, Person
from app.commerce.accounts import Accounts, Node, Site
from app.commerce.client import NOT_FOUND, UNAUTHORIZED, Reply, StoreContext
from app.commerce.reads import Reads
from app.commerce.rest import Rest
from app.errors import Unsupported, UpstreamFailed, UpstreamRefused
from app.http import Auth
from app.telemetry import log

Way = Literal["rest", "exchange", "admin", "password"]
WAYS: tuple[Way, ...] = ("rest", "exchange", "admin", "password")
LIFETIME = 3600.0  # seconds, Commerce's default, for tokens that do not say it
STORE_IS_WEBSITE = "2.4.4"  # here `admin` takes the number of the store view for that of the website


@dataclass(frozen=True, slots=True)
class Minted:
    """A token and until when it is good, in seconds since the epoch; `way` says how it was got."""

    token: str = field(repr=False)
    until: float
    way: Way


class Ways:
    """The ways to a token. `only` of None takes the first that works. `clock` gives seconds since the epoch."""

    def __init__(
        self,
        accounts: Accounts,
        reads: Callable[[], Reads],
        rest: Rest,
        passwords: Passwords,
        *,
        only: Way | None,
        clock: Callable[[], float],
    ) -> None:
        self._accounts = accounts
        self._reads = reads
        self._rest = rest
        self._passwords = passwords
        self._only = only
        self._clock = clock

    def offered(self) -> dict[Way, str]:
        """Each way that is tried, with what speaks against it ("": nothing that is known beforehand)."""
        newest = self._reads().capabilities.operations.offers("CustomerTokenExchange")
        admin = self._rest.is_admin_user
        against: dict[Way, str] = {
            "rest": "" if newest else "this Commerce is older than 2.4.9",
            "exchange": "" if newest and not admin else "it needs 2.4.9 and an integration's credentials",
            "admin": "" if admin else "it needs an admin user's credentials; an integration is refused",
            "password": "" if self._passwords else "SSO_PASSWORD_KEYS is not set",
        }
        return {way: why for way, why in against.items() if self._only in (None, way)}

    def password_of(self, person: Person) -> str | None:
        """The password that a new customer gets: only where nothing better is there to sign him in."""
        offered = self.offered()
        better = any(not why for way, why in offered.items() if way != "password")
        return self._passwords.first(person) if "password" in offered and not better else None

    async def mint(self, customer: Node, person: Person, site: Site) -> Minted:
        """A token of the customer. Raises `NoWay`, or an `UpstreamError` when Commerce is away."""
        reasons: list[str] = []
        worst: NoWay | None = None
        for way, against in self.offered().items():
            if against:
                reasons.append(f"{way}: {against}")
                continue
            try:
                token = await self._by(way)(customer, person, site)
                await self._check(token, customer)
            except NoStore as error:
                worst = error
                reasons.append(f"{way}: {error.detail}")
            except (UpstreamRefused, UpstreamFailed, Unsupported) as error:
                if isinstance(error, UpstreamFailed) and error.category == "internal":
                    raise
                reasons.append(f"{way}: {error.code} {error.detail}")
            else:
                return Minted(token, self._until(token), way)
        told = "; ".join(reasons)
        log.warning("sso.no_way", detail=told)
        raise (type(worst) if worst is not None else NoWay)(told)

    def _by(self, way: Way) -> Callable[[Node, Person, Site], Awaitable[str]]:
        return {"rest": self._by_rest, "exchange": self._exchange, "admin": self._as_admin, "password": self._password}[
            way
        ]

    async def _by_rest(self, customer: Node, person: Person, site: Site) -> str:
        return await self._accounts.token(int(customer["id"]))

    async def _exchange(self, customer: Node, person: Person, site: Site) -> str:
        told = {name: customer[name] for name in ("email", "firstname", "lastname")}
        reply = await self._signed("CustomerTokenExchange", {"customer": told}, site.store)
        return _token(reply, "exchangeExternalCustomerToken", "token")

    async def _as_admin(self, customer: Node, person: Person, site: Site) -> str:
        named = next((s for s in await self._accounts.sites() if s.store_id == site.website and s.store_id), None)
        stores = [site.store] if named is None else [named.store, site.store]
        if self._reads().capabilities.version.startswith(STORE_IS_WEBSITE):
            if named is None:
                raise NoStore(f"Commerce {STORE_IS_WEBSITE} has no store view whose number is {site.website}")
            stores = [named.store]
        refused: UpstreamFailed | None = None
        for store in dict.fromkeys(stores):
            try:
                reply = await self._signed("CustomerTokenAsAdmin", {"email": customer["email"]}, store)
                token = _token(reply, "generateCustomerTokenAsAdmin", "customer_token")
                await self._check(token, customer)
            except UpstreamFailed as error:
                refused = error
            else:
                return token
        assert refused is not None
        raise refused

    async def _password(self, customer: Node, person: Person, site: Site) -> str:
        refused: UpstreamFailed | None = None
        for password in self._passwords.all(person):
            sent = {"email": customer["email"], "password": password}
            try:
                reply = await self._reads().write("CustomerToken", (), sent, StoreContext(site.store))
                return _token(reply, "generateCustomerToken", "token")
            except UpstreamFailed as error:
                refused = error
        assert refused is not None
        raise refused

    async def _signed(self, name: str, variables: Mapping[str, object], store: str) -> Reply:
        """Sends a mutation with our own credentials; once more with fresh ones where those ran out."""
        auth = await self._rest.sign()
        reply = await self._send(name, variables, store, auth)
        if reply is None and self._rest.refused(auth):
            reply = await self._send(name, variables, store, await self._rest.sign())
        if reply is None:
            raise UpstreamFailed(f"{name}: the credentials are refused", UNAUTHORIZED)
        return reply

    async def _send(self, name: str, variables: Mapping[str, object], store: str, auth: Auth) -> Reply | None:
        try:
            reply = await self._reads().write(name, (), variables, StoreContext(store), auth=auth)
        except UpstreamFailed as error:
            if error.category != UNAUTHORIZED:
                raise
            return None
        return None if any(problem.category == UNAUTHORIZED for problem in reply.problems) else reply

    async def _check(self, token: str, customer: Node) -> None:
        """Raises `UpstreamFailed` for a token of somebody else with the same address, in another website say."""
        owner = claims_of(token).get("uid")
        if not isinstance(owner, int):
            owner = await self._accounts.owner(token)
        if owner != customer["id"]:
            raise UpstreamFailed("the token is of another customer", NOT_FOUND)

    def _until(self, token: str) -> float:
        ends = claims_of(token).get("exp")
        return float(ends) if isinstance(ends, int | float) else self._clock() + LIFETIME


def _token(reply: Reply, root: str, name: str) -> str:
    found = reply.root(root)
    token = found.get(name) if found else None
    if not isinstance(token, str) or not token:
        raise UpstreamFailed(f"{root}: there is no token", NOT_FOUND)
    return token


def claims_of(token: str) -> dict[str, Any]:
    """What a JWT of Commerce's says; nothing for another token. It came from Commerce itself: no signature is asked."""
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        claims = orjson.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError):
        return {}
    return claims if isinstance(claims, dict) else {}
