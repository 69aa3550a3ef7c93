"""What is in two carts, read to find out whether the one was merged into the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from app.commerce.client import NOT_FOUND, UNAUTHORIZED, Reply, StoreContext
from app.commerce.reads import Reads
from app.errors import UpstreamFailed
from app.telemetry import log


class TokenRefused(Exception):
    """Commerce does not take the customer's token."""


@dataclass(frozen=True, slots=True)
class Party:
    """Whose carts are merged: the customer's number and token, in a store view of a website (their codes)."""

    customer: int
    token: str
    store: str
    website: str

    @property
    def context(self) -> StoreContext:
        """Where Commerce is asked."""
        return StoreContext(self.store)

    @property
    def headers(self) -> dict[str, str]:
        """What makes a request the customer's."""
        return {"Authorization": f"Bearer {self.token}"}


class Contents:
    """Reads carts. Every method raises `TokenRefused` or an `UpstreamError`."""

    def __init__(self, reads: Callable[[], Reads]) -> None:
        self._reads = reads

    async def merged(self, party: Party, note: Mapping[str, Any]) -> bool:
        """Whether a merge took place, by what was noted before it."""
        if await self.of(note["source"], party) is None:
            return True
        target, now = await self.own(party)
        if target != note["target"]:
            return False
        grown = [now[sku] >= before + adding for sku, (before, adding) in note["lines"].items()]
        if any(grown) and not all(grown):
            log.warning("cart.merged_in_part")
        # Goods that are lost can be put in again; goods that are ordered twice are paid twice.
        return any(grown)

    async def of(self, cart_id: str, party: Party) -> Counter[str] | None:
        """What is in a guest's cart, by SKU; None when it is closed."""
        try:
            reply = await self._reads().read("CartContent", (), {"cartId": cart_id}, party.context)
        except UpstreamFailed as error:
            if error.category not in (NOT_FOUND, UNAUTHORIZED):
                raise
            return None
        cart = reply.data.get("cart")
        if cart is None:
            problem = next(iter(reply.problems), None)
            if problem is not None and problem.category in (NOT_FOUND, UNAUTHORIZED):
                return None
            raise UpstreamFailed("CartContent: there is no cart", problem.category if problem else "")
        return _counted(cart)

    async def own(self, party: Party) -> tuple[str, Counter[str]]:
        """The customer's cart: its id and what is in it."""
        cart = _own_cart(await self._read_own(party))
        return str(cart["id"]), _counted(cart)

    async def _read_own(self, party: Party) -> Reply:
        try:
            return await self._reads().read("CustomerCart", (), {}, party.context, headers=party.headers)
        except UpstreamFailed as error:
            if error.category == UNAUTHORIZED:
                raise TokenRefused from None
            raise


def _own_cart(reply: Reply) -> Mapping[str, Any]:
    if any(problem.category == UNAUTHORIZED for problem in reply.problems):
        raise TokenRefused
    cart = reply.root("customerCart")
    if not cart:
        raise UpstreamFailed("CustomerCart: there is no cart")
    found: Mapping[str, Any] = cart
    return found


def _counted(cart: Mapping[str, Any]) -> Counter[str]:
    counted: Counter[str] = Counter()
    for line in cart.get("items") or ():
        if line:
            variant = (line.get("configured_variant") or {}).get("sku")
            counted[variant or str((line.get("product") or {}).get("sku"))] += line["quantity"]
    return counted
