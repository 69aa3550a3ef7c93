"""The Commerce side of a sign-in: a person's customer, a token of his in the session, and his cart.

The token is kept in the session's sealed data and nowhere else. It is minted anew shortly before it runs out, or when
Commerce refuses it, by one call at a time for each session across all processes. A sign-out drops the session and
leaves the token to run out: to revoke one would kill all that the customer has, on all his devices (cust-096).
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from app.auth.cart_contents import Party, TokenRefused
from app.auth.customers import Customers
from app.auth.locks import locked
from app.auth.merging import MergePending, Merges
from app.auth.person import CUSTOMER, IDENTITY, CustomerRefused, Person, link_of, linked_in
from app.auth.sessions import Data, Session, SessionEnded, Sessions
from app.auth.ways import Ways
from app.commerce.accounts import Accounts
from app.commerce.shop import StoreView
from app.errors import UpstreamError
from app.state import State
from app.telemetry import log

REFUSED = 30.0  # seconds that reads take it for said that Commerce has no customer for somebody
REMEMBERED = 10_000  # refusals
EARLY = 60.0  # seconds before its end that a token is minted anew, or a tenth of its life


@dataclass(frozen=True, slots=True)
class Signed:
    """A customer who is signed in: his number at Commerce, his token and until when it is used, in seconds since the
    epoch, the website (its code) that he is a customer of, and the `group` that he shares prices with, if any.
    `link` says whose customer he is."""

    id: int
    token: str = field(repr=False)
    until: float
    website: str
    link: str = field(repr=False)
    group: str | None = None

    @classmethod
    def of(cls, data: Data) -> Self | None:
        """The customer in a session's data: of the identity that is in it, and of no other."""
        kept = data.get(CUSTOMER)
        if not kept or "link" not in kept or kept["link"] != linked_in(data):
            return None
        return cls(**kept)

    @property
    def headers(self) -> dict[str, str]:
        """What makes a request of Commerce his."""
        return {"Authorization": f"Bearer {self.token}"}

    def party(self, store: str) -> Party:
        """He, as merging knows him."""
        return Party(self.id, self.token, store, self.website)


@dataclass(frozen=True, slots=True)
class Known:
    """The identity in a session's data, as a `Person`."""

    issuer: str
    subject: str
    email: str | None = field(default=None, repr=False)
    email_verified: bool = False
    first_name: str | None = field(default=None, repr=False)
    last_name: str | None = field(default=None, repr=False)
    groups: tuple[str, ...] = ()
    newsletter: bool | None = None

    @classmethod
    def of(cls, data: Data) -> Self | None:
        """From a session's data; None for a guest."""
        found: Mapping[str, Any] | None = data.get(IDENTITY)
        if not found:
            return None
        known = {name: found[name] for name in cls.__dataclass_fields__ if name in found}
        return cls(**{**known, "groups": tuple(found.get("groups") or ())})


class Exchange:
    """Signs persons in at Commerce. `group_of` gives the customer group behind a token in a store view, by Commerce's
    own word; `clock` gives seconds since the epoch."""

    def __init__(
        self,
        sessions: Sessions,
        state: State,
        accounts: Accounts,
        customers: Customers,
        ways: Ways,
        merges: Merges,
        group_of: Callable[[str, str], Awaitable[str | None]],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._sessions = sessions
        self._state = state
        self._accounts = accounts
        self._customers = customers
        self._ways = ways
        self._merges = merges
        self._group_of = group_of
        self._clock = clock
        self._refusals: OrderedDict[tuple[str, str], tuple[CustomerRefused, float]] = OrderedDict()

    async def sign_in(self, identity: Person, session: Session, store: StoreView) -> Session:
        """The session of an identity that is in its data, with the customer's token and cart in it too.

        The customer is that of the store view's website. A cart that cannot be merged now is merged by the next call
        that needs it. Raises a `CustomerRefused` with its code, an `UpstreamError`, `StateUnavailable`, or
        `SessionEnded` for a session that is over or is somebody else's; then no customer is in the session.
        """
        signed = await self._mint(session, identity, store, refused=None)
        try:
            return await self.with_cart(session, signed, store)
        except (MergePending, UpstreamError) as error:
            log.warning("cart.merge_put_off", code=error.code, detail=error.detail)
            return await self._sessions.change(session, lambda data: data)

    async def signed(self, session: Session, store: StoreView, *, again: bool = True) -> Signed | None:
        """The customer behind a session in the store view's website, with a token that is good for a while yet; None
        for a guest. `again`: Commerce is asked even if it had no customer for him a moment ago. Raises as `sign_in`."""
        person = Known.of(session.data)
        if person is None:
            return None
        found = Signed.of(session.data)
        if found is not None and self._usable(found, store):
            return found
        place = link_of(person), store.website
        refusal, until = self._refusals.get(place, (None, 0.0))
        if refusal is not None and not again and self._clock() < until:
            raise refusal
        try:
            return await self._mint(session, person, store, refused=None)
        except CustomerRefused as error:
            self._refusals[place] = error.with_traceback(None), self._clock() + REFUSED
            while len(self._refusals) > REMEMBERED:
                self._refusals.popitem(last=False)
            raise

    async def renewed(self, session: Session, refused: Signed, store: StoreView) -> Signed:
        """The customer with another token than the one that Commerce refused. Raises as `sign_in`."""
        person = Known.of(session.data)
        if person is None:
            raise SessionEnded
        return await self._mint(session, person, store, refused=refused.token)

    async def with_cart(self, session: Session, signed: Signed, store: StoreView) -> Session:
        """The session with the customer's cart as its own. Raises as `Merges.settle`, and as `sign_in`."""
        try:
            return await self._merges.settle(session, signed.party(store.code))
        except TokenRefused:
            signed = await self.renewed(session, signed, store)
        try:
            return await self._merges.settle(session, signed.party(store.code))
        except TokenRefused:
            raise UpstreamError("Commerce refuses a token that it has just given") from None

    async def _mint(self, session: Session, person: Person, store: StoreView, *, refused: str | None) -> Signed:
        link = link_of(person)
        place = hashlib.sha256(session.token.encode()).hexdigest()
        async with locked(self._state, f"sso:mint:{place}"):
            newest = await self._sessions.open(session.token)
            if newest is None or linked_in(newest.data) != link:
                raise SessionEnded
            found = Signed.of(newest.data)
            if found is not None and found.token != refused and self._usable(found, store):
                return found
            site = await self._accounts.site(store.code)
            customer = await self._customers.resolve(person, site)
            minted = await self._ways.mint(customer, person, site)
            group = await self._group_of(minted.token, store.code)
            now = self._clock()
            until = minted.until - min(EARLY, max(0.0, minted.until - now) / 10)
            signed = Signed(int(customer["id"]), minted.token, until, store.website, link, group)

            def put(data: Data) -> Data:
                if linked_in(data) != link:
                    raise SessionEnded
                return {**data, CUSTOMER: asdict(signed)}

            await self._sessions.change(newest, put)
        log.info("customer.signed_in", customer=signed.id, way=minted.way, again=refused is not None)
        return signed

    def _usable(self, signed: Signed, store: StoreView) -> bool:
        return signed.website == store.website and self._clock() < signed.until
