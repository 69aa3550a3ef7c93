"""A guest's cart goes into the customer's own when he signs in: once, whatever Commerce and the network make of it.

Commerce merges by saving the customer's cart first and closing the guest's then, so a merge that failed may have been
done, or half. What was meant is noted in the session before it is sent: the first of several calls notes it and sends,
all others look. A guest's cart that is closed was merged; one that is open was, if the customer's cart has grown by it;
else it was not, and may be merged again once nothing of the first try can be running any more.

    MergePending (Rejected)   CART_PENDING   it is not known yet whether the carts were merged: ask again
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from app.auth.cart_contents import Contents, Party, TokenRefused
from app.auth.sessions import Data, Session, Sessions
from app.commerce.client import UNAUTHORIZED
from app.commerce.reads import Reads
from app.errors import Rejected, UpstreamError, UpstreamFailed
from app.telemetry import log

CARTS = "carts"
LOST = "lost"
MERGING = "merging"
OWNER = "owner"
POLL = 0.1  # seconds between looks
MARGIN = 5.0  # seconds that clocks may differ and that a request may be held up on its way out

Note = Mapping[str, Any]


class MergePending(Rejected):
    """The carts may still be being merged: what is changed now could be lost."""

    code = "CART_PENDING"
    status = 409

    def __init__(self) -> None:
        super().__init__("Your cart is still being put together. Ask again in a moment.")


class Merges:
    """Merges carts. `pending` says of a cart's number whether an order of it may be under way; in seconds,
    `max_execution` is how long Commerce can be at a request after we gave it up, `timeout` how long one is waited for,
    `patience` how long a call may take. `clock` is the time that our machines share."""

    def __init__(
        self,
        sessions: Sessions,
        reads: Callable[[], Reads],
        pending: Callable[[int], Awaitable[bool]],
        *,
        max_execution: float,
        timeout: float,
        patience: float,
        margin: float = MARGIN,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._sessions = sessions
        self._reads = reads
        self._contents = Contents(reads)
        self._pending = pending
        self._horizon = timeout + max_execution + margin
        self._held_up = margin / 2
        self._timeout = timeout
        self._patience = patience
        self._clock = clock
        self._sleep = sleep

    async def settle(self, session: Session, party: Party) -> Session:
        """The session with the customer's cart as its own, the guest's merged in.

        A cart whose order may be under way stays as it is. Raises `MergePending`, `TokenRefused`, an `UpstreamError`,
        `SessionEnded` or `StateUnavailable`; the session's cart is then the guest's as before.
        """
        until, tries = self._clock() + self._patience, 0
        while True:
            note = (session.data.get(MERGING) or {}).get(party.website)
            kept = (session.data.get(CARTS) or {}).get(party.website)
            if note is not None:
                session = await self._follow(session, party, note)
            elif kept is not None and kept.get(OWNER) == party.customer:
                return session
            elif kept is None or not kept["made"] or OWNER in kept:
                target, _ = await self._contents.own(party)
                return await self._adopt(session, party, target, kept)
            elif kept.get("quote") is not None and await self._pending(int(kept["quote"])):
                # Its order is asked for again under its key; only then is it known what there is to merge.
                log.info("cart.merge_waits_for_order")
                return session
            else:
                tries += 1
                session = await self._begin(session, party, kept, last=tries > 1)
            if (session.data.get(MERGING) or {}).get(party.website) is not None:
                if self._clock() >= until:
                    raise MergePending
                await self._sleep(POLL)
                session = await self._sessions.change(session, lambda data: data)

    async def _begin(self, session: Session, party: Party, kept: Note, *, last: bool) -> Session:
        """Notes the merge and sends it, if this call is the first."""
        source = str(kept["id"])
        adding = await self._contents.of(source, party)
        target, before = await self._contents.own(party)
        if not adding:
            # Closed or empty: there is nothing to carry over. What was closed is told by the next change.
            return await self._adopt(session, party, target, kept, lost=adding is None)
        now = self._clock()
        note = {
            "source": source,
            "target": target,
            "sent": now,
            "lines": {sku: [before[sku], quantity] for sku, quantity in adding.items()},
        }
        first = False

        def claim(data: Data) -> Data:
            nonlocal first
            merging, carts = data.get(MERGING) or {}, data.get(CARTS) or {}
            cart = carts.get(party.website)
            first = merging.get(party.website) is None and cart is not None and cart["id"] == source
            return {**data, MERGING: {**merging, party.website: note}} if first else data

        session = await self._sessions.change(session, claim)
        if not first:
            return session
        if self._clock() - now > self._held_up:
            return await self._release(session, party, note)
        return await self._send(session, party, note, last=last)

    async def _send(self, session: Session, party: Party, note: Note, *, last: bool) -> Session:
        sent = {"source": note["source"], "destination": note["target"]}
        try:
            reply = await self._reads().write(
                "MergeCarts", (), sent, party.context, headers=party.headers, timeout=self._timeout
            )
        except UpstreamFailed as error:
            refusal: UpstreamFailed | None = error
        except UpstreamError as error:
            if error.unsent:
                await self._release(session, party, note)
                raise
            log.warning("cart.merge_unknown", code=error.code, detail=error.detail)
            return session
        else:
            problem = next(iter(reply.problems), None)
            refusal = UpstreamFailed(problem.message, problem.category) if problem else None
            if reply.data.get("mergeCarts"):
                return await self._finish(session, party, note)
        if refusal is None:
            return session
        # Commerce has answered, so what can be seen now is how it stays.
        merged = await self._contents.merged(party, note)
        if merged:
            return await self._finish(session, party, note)
        log.warning("cart.merge_refused", category=refusal.category, detail=refusal.detail)
        if refusal.category == UNAUTHORIZED:
            await self._release(session, party, note)
            raise TokenRefused
        if refusal.category == "internal" and not last:
            return await self._release(session, party, note)
        if refusal.category == "internal":
            await self._release(session, party, note)
            raise refusal
        # What Commerce never takes, such as goods that are sold out meanwhile, must not keep him from his own cart.
        return await self._finish(session, party, note, lost=True)

    async def _follow(self, session: Session, party: Party, note: Note) -> Session:
        """Looks what became of a merge that another call sent, or this one without an answer."""
        if await self._contents.merged(party, note):
            return await self._finish(session, party, note)
        if self._clock() >= note["sent"] + self._horizon:
            return await self._release(session, party, note)
        return session

    async def _finish(self, session: Session, party: Party, note: Note, *, lost: bool = False) -> Session:
        log.info("cart.merged", lost=lost)
        return await self._adopt(session, party, note["target"], {"id": note["source"]}, lost=lost, note=note)

    async def _adopt(
        self,
        session: Session,
        party: Party,
        target: str,
        before: Note | None,
        *,
        lost: bool = False,
        note: Note | None = None,
    ) -> Session:
        """The session with the customer's cart in the place of the one before. `lost`: the next change tells so."""

        def adopt(data: Data) -> Data:
            carts, merging = dict(data.get(CARTS) or {}), dict(data.get(MERGING) or {})
            now = carts.get(party.website)
            noted = merging.get(party.website)
            if noted is not None and noted != note:
                return data
            if now is not None and now["id"] not in ((before or {}).get("id"), target):
                return data  # another call was faster
            if noted is not None:
                del merging[party.website]
            carts[party.website] = {"id": target, "made": True, OWNER: party.customer}
            losses = data.get(LOST) or {}
            gone = {LOST: {**losses, party.website: {"id": before["id"], "told": False}}} if lost and before else {}
            return {**data, CARTS: carts, MERGING: merging, **gone}

        return await self._sessions.change(session, adopt)

    async def _release(self, session: Session, party: Party, note: Note) -> Session:
        """The session without the note of a merge that did not take place."""

        def release(data: Data) -> Data:
            merging = dict(data.get(MERGING) or {})
            if merging.get(party.website) == note:
                del merging[party.website]
            return {**data, MERGING: merging}

        return await self._sessions.change(session, release)
