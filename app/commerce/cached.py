"""Reads of what everybody may see, through the cache."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from app.cache import Cache, Fetched, Ticket, key_of
from app.commerce.client import Problem, Reply, StoreContext
from app.commerce.freshness import TABLE, Lifetimes, tags_of
from app.commerce.reads import Reads

GUESTS = "0"  # Commerce's customer group of those who are not logged in


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply, what it depends on, and until when it is fresh, in seconds since the epoch; None: it was not kept."""

    reply: Reply
    tags: Collection[str] = ()
    until: float | None = None


class CachedReads:
    """Public reads by one picture of Commerce. `cache` of None reads anew each time."""

    def __init__(self, reads: Reads, cache: Cache | None, lifetimes: Lifetimes) -> None:
        self._reads = reads
        self._cache = cache
        self._lifetimes = lifetimes

    async def read(
        self,
        name: str,
        flags: Collection[str],
        variables: Mapping[str, Any],
        context: StoreContext,
        *,
        store: str,
        currency: str,
        since: Ticket | None = None,
    ) -> Answer:
        """The answer to an operation in a store view (its code) and a currency. `since`: nothing that was purged before
        it may be in the answer. Raises an `UpstreamError`."""
        policy = TABLE.get(name)
        if self._cache is None or policy is None:
            return Answer(await self._reads.read(name, flags, variables, context))

        async def fetch(_: Ticket | None) -> Fetched:
            reply = await self._reads.read(name, flags, variables, context)
            return Fetched(_encode(reply), tags_of(name, reply.data, variables), whole=not reply.problems, value=reply)

        asked = {key: value for key, value in variables.items() if value is not None}
        key = key_of(name, asked, self._document(name, flags), currency, GUESTS)
        found = await self._cache.read(store, key, policy.times(self._lifetimes), fetch, since=since)
        reply = found.value if isinstance(found.value, Reply) else _decode(found.entry.body)
        return Answer(reply, found.entry.tags, found.entry.fresh)

    def _document(self, name: str, flags: Collection[str]) -> str:
        texts = "".join(self._reads.texts(name, flags))
        return hashlib.blake2b(texts.encode(), digest_size=12).hexdigest()


def _encode(reply: Reply) -> bytes:
    problems = [[problem.message, problem.category, list(problem.path)] for problem in reply.problems]
    return orjson.dumps([reply.data, problems])


def _decode(body: bytes) -> Reply:
    data, problems = orjson.loads(body)
    return Reply(data, tuple(Problem(message, category, tuple(path)) for message, category, path in problems))
