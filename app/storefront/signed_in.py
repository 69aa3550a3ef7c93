"""The customer behind one request: his token, another one when Commerce refuses it, and his cart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.auth.exchange import Exchange, Signed
from app.auth.merging import MERGING, OWNER, MergePending
from app.commerce.customers import Customer
from app.commerce.shop import StoreView
from app.errors import VitrineError
from app.storefront.shopper import Shopper
from app.telemetry import log


class SignedIn:
    """The customer in the store view's website. `exchange` of None knows no customers: then everybody is a guest.

    Whatever needs the customer raises a `CustomerRefused` with its code where Commerce has none for him, an
    `UpstreamError`, `SessionEnded` or `StateUnavailable`.
    """

    def __init__(self, exchange: Exchange | None, shopper: Shopper, view: StoreView) -> None:
        self._exchange = exchange
        self._shopper = shopper
        self._view = view
        self._found: Signed | None = None
        self._asked = False
        self._renewed = False
        self._carts: set[str] = set()

    async def customer(self, *, again: bool = True) -> Signed | None:
        """The customer with a token that is good for a while yet; None for a guest. `again` as in `Exchange.signed`."""
        if self._exchange is not None and not self._asked and self._shopper.may_be_signed_in:
            session = await self._shopper.opened()
            self._found = await self._exchange.signed(session, self._view, again=again) if session else None
        self._asked = True
        return self._found

    async def renewed(self, refused: Signed) -> Signed | None:
        """The customer with another token than the one that was refused; None when this request has had one."""
        session = await self._shopper.opened()
        if self._exchange is None or session is None or self._renewed:
            return None
        self._renewed = True
        self._found = await self._exchange.renewed(session, refused, self._view)
        return self._found

    async def reader(self, known: Customer | None) -> Customer | None:
        """Whom public reads are for; `known` is whom the session alone tells. Raises nothing: what everybody may see is
        shown as to a guest where the customer cannot be had."""
        try:
            signed = await self.customer(again=False)
        except VitrineError as error:
            log.warning("customer.reads_as_guest", code=error.code, detail=error.detail)
            return None
        if signed is not None:
            return Customer(signed.token, signed.group, signed.website)
        return known if known is not None and known.token else None

    async def cart(self, website: str, *, changing: bool) -> Mapping[str, Any] | None:
        """What the session knows of the shopper's cart; a customer's own is made, and the guest's merged into it first.

        Raises `MergePending` too, but for one who only looks: he is shown the customer's cart.
        """
        signed = await self.customer()
        session = await self._shopper.opened()
        if signed is None or session is None or self._exchange is None:
            return await self._shopper.cart(website)
        try:
            self._shopper.follow(await self._exchange.with_cart(session, signed, self._view))
        except MergePending:
            session = await self._shopper.reopened()
            note = ((session.data if session else {}).get(MERGING) or {}).get(website)
            if changing or note is None:
                raise
            self._carts.add(str(note["target"]))
            return {"id": note["target"], "made": True, OWNER: signed.id}
        kept = await self._shopper.cart(website)
        if kept is not None:
            await self.own(kept)
        return kept

    async def own(self, kept: Mapping[str, Any]) -> Signed | None:
        """The customer, if the cart is his: from now on what is asked about it is asked with his token."""
        signed = await self.customer() if OWNER in kept else None
        if signed is None or kept[OWNER] != signed.id:
            return None
        self._carts.add(str(kept["id"]))
        return signed

    async def asker(self, cart_id: object) -> Signed | None:
        """With whose token Commerce is asked: a guest's cart is not shown to a customer (cust-045)."""
        return await self.customer() if cart_id is None or cart_id in self._carts else None
