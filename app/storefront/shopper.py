"""The shopper behind a request: a session that begins with the first write, and the carts that it leads to."""

from __future__ import annotations

import secrets
import string
from collections.abc import Mapping
from typing import Any

from app.auth.sessions import Session, Sessions
from app.errors import StateUnavailable

CARTS = "carts"
ORDERS = "orders"
_LETTERS = string.ascii_letters + string.digits


class Shopper:
    """One request's view of its shopper. `token` is what the browser or app sent, `start` what links first writes."""

    def __init__(self, sessions: Sessions | None, token: str | None, start: str | None) -> None:
        self._sessions = sessions
        self._token = token
        self._start = start
        self._session: Session | None = None
        self._opened = False
        self.begun = False

    @property
    def session(self) -> Session | None:
        """The session, as far as it was opened or begun in this request."""
        return self._session

    async def opened(self) -> Session | None:
        """The shopper's session, or None; never begins one. Raises `StateUnavailable`."""
        if not self._opened:
            self._session = await self._sessions.open(self._token) if self._sessions and self._token else None
            self._opened = True
        return self._session

    async def begin(self) -> Session:
        """The shopper's session, begun if there is none. Raises `StateUnavailable`."""
        session = await self.opened()
        if session is None:
            if self._sessions is None:
                raise StateUnavailable("sessions need REDIS_STATE_URL and SESSION_KEYS")
            session = self._session = await self._sessions.begin(start=self._start)
            self.begun = True
        return session

    async def cart(self, website: str) -> Mapping[str, Any] | None:
        """What the session knows of the cart of a website: its `id`, and whether it is `made` at Commerce."""
        session = await self.opened()
        found: Mapping[str, Any] | None = (session.data.get(CARTS) or {}).get(website) if session else None
        return found

    async def reserve_cart(self, website: str) -> Mapping[str, Any]:
        """The cart of a website; parallel calls get the same one, whose id is ours to choose (recording cart-002)."""
        fresh = {"id": "".join(secrets.choice(_LETTERS) for _ in range(32)), "made": False}
        await self._change(website, lambda kept: kept or fresh)
        found = await self.cart(website)
        assert found is not None
        return found

    async def cart_made(self, website: str, cart_id: str) -> None:
        """Notes that Commerce has the cart."""
        await self._change(website, lambda kept: {**kept, "made": True} if kept and kept["id"] == cart_id else kept)

    async def note(self, website: str, cart_id: str, **facts: Any) -> None:
        """Keeps facts about a cart beside its id, such as its number at Commerce."""
        await self._change(website, lambda kept: {**kept, **facts} if kept and kept["id"] == cart_id else kept)

    async def forget_cart(self, website: str, cart_id: str) -> None:
        """Lets go of a cart that is no more, if it is still the session's."""
        await self._change(website, lambda kept: None if kept and kept["id"] == cart_id else kept)

    async def ordered(self, website: str, cart_id: str, number: str) -> None:
        """Lets go of a cart that was ordered, and keeps the order's number for calls that come late."""
        await self._change(website, lambda kept: None if kept and kept["id"] == cart_id else kept, {website: number})

    async def last_order(self, website: str) -> str | None:
        """The number of the last order of a website, for a call that finds its cart ordered already."""
        session = await self.opened()
        number = (session.data.get(ORDERS) or {}).get(website) if session else None
        return str(number) if number is not None else None

    async def _change(self, website: str, edit: Any, orders: Mapping[str, str] | None = None) -> None:
        session = await self.begin()
        assert self._sessions is not None

        def change(data: Mapping[str, Any]) -> dict[str, Any]:
            carts = dict(data.get(CARTS) or {})
            before = carts.pop(website, None)
            kept = edit(before)
            numbers = {**(data.get(ORDERS) or {}), **(orders or {})}
            if kept and before is None:
                # A cart begun after the last order did not become it, whatever else becomes of it.
                numbers.pop(website, None)
            return {**data, CARTS: {**carts, **({website: kept} if kept else {})}, ORDERS: numbers}

        self._session = await self._sessions.change(session, change)
