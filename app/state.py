"""What must outlive a process: small values in the Redis of REDIS_STATE_URL."""

import zlib
from typing import cast

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from app.telemetry import log

TIMEOUT = 1.0  # seconds; redis-py's own retries would cost more than the value is worth
PREFIX = "vitrine:"


class State:
    """Keeps values by key, compressed. An empty URL keeps nothing. A Redis that is away is logged, never raised:
    what is kept here can be learnt again."""

    def __init__(self, url: str) -> None:
        self._redis = (
            redis.from_url(
                url,
                socket_timeout=TIMEOUT,
                socket_connect_timeout=TIMEOUT,
                retry=Retry(NoBackoff(), 0),
            )
            if url
            else None
        )

    async def load(self, key: str) -> bytes | None:
        """The value, or None when there is none or it cannot be read."""
        if self._redis is None:
            return None
        try:
            kept = await self._redis.get(PREFIX + key)
            return zlib.decompress(cast("bytes", kept)) if kept is not None else None
        except (RedisError, OSError, zlib.error) as error:
            log.warning("state.unread", key=key, detail=type(error).__name__)
            return None

    async def save(self, key: str, value: bytes) -> None:
        """Keeps a value under the key for ever, in the place of the one before."""
        if self._redis is None:
            return
        try:
            await self._redis.set(PREFIX + key, zlib.compress(value))
        except (RedisError, OSError) as error:
            log.warning("state.unsaved", key=key, detail=type(error).__name__)

    async def close(self) -> None:
        """Closes the connections."""
        if self._redis is not None:
            await self._redis.aclose()
