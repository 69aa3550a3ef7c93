"""The shopper behind a request: a session that begins with the first write, and the carts that it leads to."""

from __future__ import annotations

import hashlib
import secrets
import string
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.auth.merging import CARTS, LOST, OWNER
from app.auth.person import CUSTOMER, IDENTITY
from app.auth.sessions import Session, SessionEnded, Sessions, is_signed_in, token_of
from app.commerce.customers import Customer
from app.errors import StateUnavailable

ORDERS = "orders"
PLACING = "placing"
# A session as it was opened to one whose tokens are good; None when it is over.
Fresh = Callable[[Session], Awaitable[Session | None]]
KEYS = 8  # idempotency keys whose cart is remembered
_LETTERS = string.ascii_letters + string.digits


@dataclass(frozen=True, slots=True)
class _Own:
    """What a session knows of one website: the cart, one that was lost, the number of the last order, and which cart
    each of the last idempotency keys was about."""

    cart: Mapping[str, Any] | None = None
    lost: Mapping[str, Any] | None = None
    order: str | None = None
    placing: Mapping[str, Mapping[str, Any]] | None = None

    @classmethod
    def of(cls, data: Mapping[str, Any], website: str) -> _Own:
        """From a session's data."""
        return cls(*((data.get(name) or {}).get(website) for name in (CARTS, LOST, ORDERS, PLACING)))


def _unmade() -> Mapping[str, Any]:
    return {"id": "".join(secrets.choice(_LETTERS) for _ in range(32)), "made": False}


async def customer_of(sessions: Sessions | None, token: str | None) -> Customer | None:
    """Who has signed in under a session id; one without a token or a group as long as he is no customer of Commerce.
    Redis is asked only for ids that say so. Raises `StateUnavailable`."""
    if sessions is None or token is None or not is_signed_in(token):
        return None
    session = await sessions.open(token)
    if session is None:
        return None
    kept = session.data.get(CUSTOMER)
    if kept:
        return Customer(kept["token"], kept["group"], kept.get("website"))
    # What guests are shown may be wrong for him.
    return Customer("") if IDENTITY in session.data else None


async def customer_behind(sessions: Sessions | None, secure: bool, headers: Mapping[str, str]) -> Customer | None:
    """Who has signed in under the session of a request; `secure` as in `token_of`. Raises `BadRequest` for a session
    that is given in two ways, or `StateUnavailable`."""
    return await customer_of(sessions, token_of(headers, secure=secure))


async def sign_in(sessions: Sessions, session: Session, customer: Customer) -> Session:
    """The session as the customer's, under a new id. Raises `SessionEnded` or `StateUnavailable`."""
    renewed = await sessions.renew(session, signed_in=True)
    kept = {"token": customer.token, "group": customer.group}
    return await sessions.change(renewed, lambda data: {**data, CUSTOMER: kept})


class Shopper:
    """One request's view of its shopper.

    `token` is what the browser or app sent, `start` what links first writes; `renews` says that the sender takes the id
    of a session that begins from our answer. `fresh` sees to the tokens of one who is signed in. `begun` is whether
    this request began a session.
    """

    def __init__(
        self,
        sessions: Sessions | None,
        token: str | None,
        start: str | None,
        *,
        renews: bool,
        fresh: Fresh | None = None,
    ) -> None:
        self._sessions = sessions
        self._fresh = fresh
        self._token = token
        self._start = start
        self._renews = renews
        self._session: Session | None = None
        self._opened = False
        self.begun = False
        self._stale = False

    @property
    def session(self) -> Session | None:
        """The session, as far as it was opened or begun in this request."""
        return self._session

    @property
    def may_be_signed_in(self) -> bool:
        """Whether the id that came says that somebody has signed in; nobody is asked for that."""
        return self._sessions is not None and self._token is not None and is_signed_in(self._token)

    def follow(self, session: Session) -> None:
        """Takes the session as another has changed it."""
        self._session = session

    async def reopened(self) -> Session | None:
        """The session as it is now."""
        self._opened = False
        return await self.opened()

    async def opened(self) -> Session | None:
        """The shopper's session, or None; never begins one. Raises `StateUnavailable`."""
        if not self._opened:
            self._session = await self._sessions.open(self._token) if self._sessions and self._token else None
            if self._session is not None and self._fresh is not None:
                self._session = await self._fresh(self._session)
            self._stale = self._token is not None and self._session is None
            self._opened = True
        return self._session

    async def begin(self) -> Session:
        """The shopper's session, begun if there is none.

        Raises `StateUnavailable`, or `SessionEnded` for one that is over if its successor would reach nobody.
        """
        session = await self.opened()
        if session is None:
            if self._sessions is None:
                raise StateUnavailable("sessions need REDIS_STATE_URL and SESSION_KEYS")
            if not self._renews:
                raise SessionEnded
            session = self._session = await self._sessions.begin(start=self._start)
            self.begun = True
        return session

    async def cart(self, website: str) -> Mapping[str, Any] | None:
        """What the session knows of the cart of a website: its `id`, and whether it is `made` at Commerce."""
        return (await self._own(website)).cart

    async def lost_cart(self, website: str) -> Mapping[str, Any] | None:
        """What the session knows of a cart that is no more, and whether the shopper was `told`.

        One that was told stays only if an order of it was begun, whose outcome may still be asked for.
        """
        return (await self._own(website)).lost

    async def last_order(self, website: str) -> str | None:
        """The number of the last order of a website, for a call that finds its cart ordered already."""
        return (await self._own(website)).order

    async def reserve_cart(self, website: str) -> Mapping[str, Any]:
        """The cart of a website; parallel calls get the same one, whose id is ours to choose (recording cart-002)."""

        def reserve(own: _Own) -> _Own:
            lost = None if own.lost and own.lost["told"] else own.lost
            return replace(own, cart=own.cart or _unmade(), lost=lost)

        reserved = (await self._change(website, reserve)).cart
        assert reserved is not None
        return reserved

    async def cart_made(self, website: str, cart_id: str) -> None:
        """Notes that Commerce has the cart."""
        await self._change(
            website,
            lambda own: replace(own, cart={**own.cart, "made": True}) if own.cart and _is(own.cart, cart_id) else own,
        )

    async def forget_cart(self, website: str, cart_id: str, *, told: bool) -> None:
        """Lets go of a cart that is no more, if it is still the session's; `told` says whether the shopper hears of it.

        With it goes the number of the order before: that order is no answer to a call that wants this cart ordered.
        """

        def forget(own: _Own) -> _Own:
            if own.cart and _is(own.cart, cart_id):
                own = _Own(lost={**own.cart, "told": False}, placing=own.placing)
            return replace(own, lost=_told(own.lost)) if told and own.lost and _is(own.lost, cart_id) else own

        await self._change(website, forget)

    async def tell_loss(self, website: str) -> bool:
        """Whether a cart was lost that the shopper was not told of, be it with his session. The caller tells him: no
        other call will."""
        await self.opened()
        if self._stale and self._sessions and self._token:
            self._stale = False
            if await self._sessions.part(self._token):
                return True
        if not _untold(await self._own(website)):
            return False
        telling = False

        def tell(own: _Own) -> _Own:
            nonlocal telling
            telling = _untold(own)
            return replace(own, lost=_told(own.lost)) if own.lost else own

        await self._change(website, tell)
        return telling

    async def ordered(self, website: str, cart_id: str, number: str | None) -> None:
        """Lets go of a cart that was ordered, and keeps the order's number for calls that come late.

        No number says that the cart is no more and was not ordered.
        """

        def order(own: _Own) -> _Own:
            cart = None if _is(own.cart, cart_id) else own.cart
            return _Own(cart, None if _is(own.lost, cart_id) else own.lost, number, own.placing)

        await self._change(website, order)

    async def bound(self, website: str, key: str) -> Mapping[str, Any] | None:
        """The cart that an idempotency key was about, if it was about any."""
        return ((await self._own(website)).placing or {}).get(_short(key))

    async def bind(self, website: str, key: str, cart_id: str, quote: int, agreed: Sequence[str]) -> None:
        """Notes which cart a key is about and which agreements were given with it, before its order is placed: the same
        key never means another one."""

        def tie(own: _Own) -> _Own:
            others = [pair for pair in (own.placing or {}).items() if pair[0] != _short(key)]
            tied: dict[str, Any] = {"id": cart_id, "quote": quote, "made": True, "agreed": list(agreed)}
            cart = own.cart
            if cart and _is(cart, cart_id):
                cart = {**cart, "quote": quote}
                tied |= {OWNER: cart[OWNER]} if OWNER in cart else {}
            return replace(own, cart=cart, placing=dict([*others[1 - KEYS :], (_short(key), tied)]))

        await self._change(website, tie)

    async def unbind(self, website: str, key: str) -> None:
        """Forgets which cart a key was about: it is no more, and was not ordered."""
        await self._change(
            website,
            lambda own: replace(own, placing={k: v for k, v in (own.placing or {}).items() if k != _short(key)}),
        )

    async def _own(self, website: str) -> _Own:
        session = await self.opened()
        return _Own.of(session.data, website) if session else _Own()

    async def _change(self, website: str, edit: Callable[[_Own], _Own]) -> _Own:
        session = await self.begin()
        assert self._sessions is not None

        def change(data: Mapping[str, Any]) -> dict[str, Any]:
            own = edit(_Own.of(data, website))
            parts = ((CARTS, own.cart), (LOST, own.lost), (ORDERS, own.order), (PLACING, own.placing))
            return {**data, **{name: {**(data.get(name) or {}), website: part} for name, part in parts}}

        self._session = await self._sessions.change(session, change)
        return _Own.of(self._session.data, website)


def _short(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def _is(cart: Mapping[str, Any] | None, cart_id: str) -> bool:
    return cart is not None and cart["id"] == cart_id


def _untold(own: _Own) -> bool:
    return own.lost is not None and not own.lost["told"]


def _told(lost: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What stays of a lost cart once the shopper knows."""
    return {**lost, "told": True} if "quote" in lost else None
