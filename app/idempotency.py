"""The same request sent again gets the same answer, and is done once.

IdempotencyConflict (Rejected)   IDEMPOTENCY_CONFLICT   the key has been used for another request
IdempotencyPending (Rejected)    IDEMPOTENCY_PENDING    the first of these requests is not done yet
"""

import asyncio
import hashlib
import secrets
import time
from collections.abc import Awaitable, Callable

from app.errors import BadInput, Rejected, StateUnavailable
from app.state import State
from app.telemetry import log

KEPT = 24 * 3600.0  # seconds that an answer is remembered
POLL = 0.1  # seconds between looks whether the first request is done
SHORTEST, LONGEST = 8, 128

_RUNNING, _DONE = b"r", b"d"
_PRINT = hashlib.sha256().digest_size


class IdempotencyConflict(Rejected):
    """The idempotency key came with another request before."""

    code = "IDEMPOTENCY_CONFLICT"
    status = 409

    def __init__(self) -> None:
        super().__init__("This idempotency key has been used for another request.")


class IdempotencyPending(Rejected):
    """A request with this idempotency key is still being worked on."""

    code = "IDEMPOTENCY_PENDING"
    status = 409

    def __init__(self) -> None:
        super().__init__("A request with this idempotency key is still being worked on. Ask again.")


class Once:
    """Remembers answers by scope (such as a session) and the caller's key.

    In seconds: an answer is kept for `seconds`; a request waits `patience` for the answer of the one before it; `lease`
    is the longest that an action may take: after that its process counts as dead. The state holds an answer as it is:
    an action whose answer is secret seals it. What must never happen twice needs a guard of its own
    (app/commerce/orders.py): a state that is lost forgets every key.
    """

    def __init__(
        self,
        state: State,
        seconds: float = KEPT,
        *,
        patience: float = 10.0,
        lease: float = 120.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._state = state
        self._seconds = seconds
        self._patience = patience
        self._lease = lease
        self._clock = clock
        self._sleep = sleep

    async def run(
        self,
        scope: str,
        key: str,
        fingerprint: bytes,
        action: Callable[[], Awaitable[bytes]],
        *,
        pending: Callable[[], Exception] = IdempotencyPending,
    ) -> bytes:
        """The answer of the action, or the one that the same request got before. What the action raises is raised and
        not remembered.

        `fingerprint` is everything that makes the request this one and no other. Raises `BadInput` for a key that is
        none, `IdempotencyConflict` for one of another request, `pending()` when patience is over, `StateUnavailable`
        when nothing was done.
        """
        if not (SHORTEST <= len(key) <= LONGEST and all("!" <= letter <= "~" for letter in key)):
            raise BadInput("idempotencyKey", f"must be {SHORTEST} to {LONGEST} visible ASCII characters")
        place = "once:" + hashlib.sha256(f"{len(scope)}:{scope}{key}".encode()).hexdigest()
        print_ = hashlib.sha256(fingerprint).digest()
        running = _RUNNING + print_ + secrets.token_bytes(16)
        until = self._clock() + self._patience
        while not await self._state.put(place, running, self._lease, absent=True):
            found = await self._state.get(place)
            if found is None:
                continue
            if found[1 : 1 + _PRINT] != print_:
                raise IdempotencyConflict
            if found[:1] == _DONE:
                return found[1 + _PRINT :]
            left = until - self._clock()
            if left <= 0:
                raise pending()
            await self._sleep(min(POLL, left))
        return await self._act(place, running, _DONE + print_, action)

    async def _act(self, place: str, running: bytes, done: bytes, action: Callable[[], Awaitable[bytes]]) -> bytes:
        try:
            answer = await action()
        except BaseException:
            await self._quietly(self._state.drop(place, running))
            raise
        # One that outlived its lease leaves what came after it alone.
        await self._quietly(self._state.swap(place, running, done + answer, self._seconds))
        return answer

    async def _quietly(self, keeping: Awaitable[bool]) -> None:
        """The action is over, whatever becomes of the note about it."""
        try:
            if not await keeping:
                log.warning("idempotency.lost")
        except StateUnavailable as error:
            log.warning("idempotency.unkept", detail=error.detail)
