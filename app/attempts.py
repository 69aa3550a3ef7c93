"""A limit on how often something may fail, for what could be guessed by trying.

TooManyAttempts (Rejected)   TOO_MANY_ATTEMPTS   it failed too often; the time must pass first
"""

import hashlib
import time
from collections.abc import Callable

from app.errors import Rejected
from app.state import State

WINDOW = 900.0  # seconds

# "count end": how many attempts were made until a time in seconds. The embedded Redis has neither INCR nor PTTL.
_TAKE = """
local count, ends = string.match(redis.call('GET', KEYS[1]) or '', '^(%d+) (%S+)$')
local now = tonumber(ARGV[1])
if tonumber(ends) == nil or tonumber(ends) <= now then
  count, ends = '0', ARGV[2]
end
if tonumber(count) >= tonumber(ARGV[3]) then
  return 0
end
local left = math.ceil((tonumber(ends) - now) * 1000)
redis.call('SET', KEYS[1], string.format('%d %s', tonumber(count) + 1, ends), 'PX', string.format('%d', left))
return 1
"""
_GIVE_BACK = """
local count, ends = string.match(redis.call('GET', KEYS[1]) or '', '^(%d+) (%S+)$')
local now = tonumber(ARGV[1])
if tonumber(ends) ~= nil and tonumber(ends) > now and tonumber(count) > 0 then
  local left = math.ceil((tonumber(ends) - now) * 1000)
  redis.call('SET', KEYS[1], string.format('%d %s', tonumber(count) - 1, ends), 'PX', string.format('%d', left))
end
return 1
"""


class TooManyAttempts(Rejected):
    """It failed too often. Whether this attempt would have succeeded is not told."""

    code = "TOO_MANY_ATTEMPTS"
    status = 429

    def __init__(self) -> None:
        super().__init__("There were too many attempts. Try again later.")


class Attempts:
    """At most `limit` attempts that are not given back in `seconds` after the first, by scope; counted in the state, so
    that all processes count together.

    An attempt is taken before it is made: parallel ones cannot slip through. `clock` is the time that our machines
    share. Both methods raise `StateUnavailable`: what cannot be counted is not tried.
    """

    def __init__(
        self, state: State, name: str, limit: int, *, seconds: float = WINDOW, clock: Callable[[], float] = time.time
    ) -> None:
        self._state = state
        self._name = name
        self._limit = limit
        self._seconds = seconds
        self._clock = clock

    async def take(self, scope: str) -> None:
        """Counts an attempt. Raises `TooManyAttempts` when there are none left."""
        now = self._clock()
        arguments: list[bytes | str | int] = [repr(now), repr(now + self._seconds), self._limit]
        if not await self._state.run(_TAKE, [self._key(scope)], arguments):
            raise TooManyAttempts

    async def give_back(self, scope: str) -> None:
        """Takes an attempt that succeeded out of the count."""
        await self._state.run(_GIVE_BACK, [self._key(scope)], [repr(self._clock())])

    def _key(self, scope: str) -> str:
        return f"attempts:{self._name}:{hashlib.sha256(scope.encode()).hexdigest()}"
