"""What the cache keeps: bytes, how long they are good for, and what they depend on."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

import orjson


@dataclass(frozen=True, slots=True)
class Times:
    """How long an answer serves, in seconds from when it was fetched: `fresh` as it is; then for `stale` more while it
    is fetched again behind the answer; then for `error` more where fetching fails."""

    fresh: float
    stale: float = 0.0
    error: float = 0.0

    def jittered(self) -> Times:
        """The same with up to a tenth less of freshness, so that what came in together does not run out together."""
        return Times(self.fresh * random.uniform(0.9, 1.0), self.stale, self.error)  # noqa: S311 - no secret


@dataclass(frozen=True, slots=True)
class Entry:
    """An answer. `fetched`, and the times until which it is `fresh`, may be served `stale` and in place of an `error`,
    are seconds since the epoch. `tags` name what it depends on; `etag` is the same for equal bytes only."""

    body: bytes
    fetched: float
    fresh: float
    stale: float
    error: float
    tags: tuple[str, ...]
    etag: str

    @classmethod
    def of(cls, body: bytes, tags: Iterable[str], times: Times, now: float) -> Self:
        """An answer that was fetched now."""
        fresh = now + times.fresh
        stale = fresh + times.stale
        error = max(stale, fresh + times.error)
        etag = hashlib.blake2b(body, digest_size=12).hexdigest()
        return cls(body, now, fresh, stale, error, tuple(sorted(set(tags))), etag)

    def meta(self) -> bytes:
        """All but the body and the tags, as it is kept in Redis."""
        return orjson.dumps([self.fetched, self.fresh, self.stale, self.error, self.etag])

    @classmethod
    def read(cls, meta: bytes, tags: Iterable[str], body: bytes) -> Self:
        """From what is kept in Redis. Raises `ValueError` for what another version of Vitrine kept."""
        told = orjson.loads(meta)
        if not isinstance(told, list) or len(told) != 5:
            raise ValueError("an entry of another form")
        fetched, fresh, stale, error, etag = told
        return cls(body, float(fetched), float(fresh), float(stale), float(error), tuple(tags), str(etag))


def key_of(operation: str, variables: Mapping[str, object], *context: str) -> str:
    """The key of an operation with these variables in a context (currency, customer group, …): a hash, canonical in the
    order of names. The operation comes first and in clear, for those who look into Redis."""
    told = orjson.dumps([operation, variables, *context], option=orjson.OPT_SORT_KEYS)
    return f"{operation}:{hashlib.blake2b(told, digest_size=20).hexdigest()}"
