"""What must outlive a process, in the Redis of REDIS_STATE_URL: sessions, locks, idempotency keys, small pictures.

`memory://` keeps it in this process instead, for the demo and for development. An empty URL keeps nothing.
"""

import zlib
from typing import Any, cast

from app.errors import StateUnavailable
from app.redis_client import AWAY, connect, disconnect
from app.telemetry import log

TIMEOUT = 1.0  # seconds
PREFIX = "vitrine:"

# Each script is one atomic step in Redis. None of them uses what the embedded Redis has not.
_SWAP = """
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('SET', KEYS[1], ARGV[2], 'PX', tonumber(ARGV[3]))
  return 1
end
return 0
"""
_DROP = """
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('DEL', KEYS[1])
  return 1
end
return 0
"""


class State:
    """Values by key. Every method but `load` and `save` raises `StateUnavailable` when Redis does not answer."""

    def __init__(self, url: str, timeout: float = TIMEOUT) -> None:
        """`timeout` is the deadline of one call, in seconds."""
        self._redis: Any = connect(url, timeout) if url else None

    @property
    def configured(self) -> bool:
        """Whether there is a place to keep anything at all."""
        return self._redis is not None

    async def get(self, key: str) -> bytes | None:
        """The value, or None."""
        return cast("bytes | None", await self._do("get", PREFIX + key))

    async def put(self, key: str, value: bytes, seconds: float, *, absent: bool = False) -> bool:
        """Keeps a value for so long; with `absent` only where there is none yet. Whether it was kept."""
        return bool(await self._do("set", PREFIX + key, value, px=_milliseconds(seconds), nx=absent))

    async def swap(self, key: str, old: bytes, new: bytes, seconds: float) -> bool:
        """Puts `new` in the place of exactly `old`, for so long; whether it did."""
        return bool(await self._do("eval", _SWAP, 1, PREFIX + key, old, new, str(_milliseconds(seconds))))

    async def drop(self, key: str, old: bytes) -> bool:
        """Deletes the key if it has exactly this value; whether it did."""
        return bool(await self._do("eval", _DROP, 1, PREFIX + key, old))

    async def delete(self, key: str) -> None:
        """Deletes the key, whatever it has."""
        await self._do("delete", PREFIX + key)

    async def run(self, script: str, keys: list[str], arguments: list[bytes | str | int]) -> Any:
        """Runs a script of the caller's, as one atomic step."""
        return await self._do("eval", script, len(keys), *(PREFIX + key for key in keys), *map(_text, arguments))

    async def load(self, key: str) -> bytes | None:
        """A value kept by `save`, or None when there is none or it cannot be read: it can be learnt again."""
        if self._redis is None:
            return None
        try:
            kept = await self.get(key)
            return zlib.decompress(kept) if kept is not None else None
        except (StateUnavailable, zlib.error) as error:
            log.warning("state.unread", key=key, detail=str(error))
            return None

    async def save(self, key: str, value: bytes) -> None:
        """Keeps a value for ever, compressed. A Redis that is away is logged."""
        if self._redis is None:
            return
        try:
            await self._do("set", PREFIX + key, zlib.compress(value))
        except StateUnavailable as error:
            log.warning("state.unsaved", key=key, detail=str(error))

    async def close(self) -> None:
        """Closes the connections."""
        await disconnect(self._redis)

    async def _do(self, command: str, *arguments: object, **options: object) -> Any:
        if self._redis is None:
            raise StateUnavailable("REDIS_STATE_URL is not set")
        try:
            return await getattr(self._redis, command)(*arguments, **options)
        except AWAY as error:
            raise StateUnavailable(type(error).__name__) from None


def _text(value: bytes | str | int) -> bytes | str:
    return str(value) if isinstance(value, int) else value


def _milliseconds(seconds: float) -> int:
    return max(1, int(seconds * 1000))
