"""Reads of what everybody, or everybody of a customer group, may see, through the cache."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from app.cache import Cache, Fetched, Ticket, Unshared, key_of
from app.commerce.client import Problem, Reply, StoreContext
from app.commerce.customers import Customer, Customers
from app.commerce.freshness import TABLE, Lifetimes, tags_of
from app.commerce.reads import Reads

GUESTS = "0"  # Commerce's customer group of those who are not logged in


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply, what it depends on, and until when it is fresh, in seconds since the epoch; None: it was not kept.
    `own`: it is for the customer who read it and for nobody else."""

    reply: Reply
    tags: Collection[str] = ()
    until: float | None = None
    own: bool = False


class CachedReads:
    """Public reads by one picture of Commerce. `cache` of None reads anew each time."""

    def __init__(self, reads: Reads, customers: Customers, cache: Cache | None, lifetimes: Lifetimes) -> None:
        self._reads = reads
        self._customers = customers
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
        customer: Customer | None = None,
        since: Ticket | None = None,
    ) -> Answer:
        """The answer to an operation in a store view (its code) and a currency, for a customer if one has signed in.
        `since`: nothing that was purged before it may be in the answer. Raises an `UpstreamError`."""
        policy = TABLE.get(name)
        headers = customer.headers if customer is not None else None
        group = customer.group if customer is not None else GUESTS

        async def ask() -> Reply:
            return await self._reads.read(name, flags, variables, context, headers=headers)

        if self._cache is None or policy is None or group is None:
            return Answer(await ask(), own=customer is not None)

        async def fetch(_: Ticket | None) -> Fetched:
            if customer is None:
                reply = await ask()
            else:
                reply, standing = await asyncio.gather(ask(), self._customers.standing(customer.token, context))
                if reply.problems or not standing.vouches(group, reply.cache_id):
                    raise Unshared(fetch, reply)
            return Fetched(_encode(reply), tags_of(name, reply.data, variables), whole=not reply.problems, value=reply)

        asked = {key: value for key, value in variables.items() if value is not None}
        key = key_of(name, asked, self._document(name, flags), currency, group)
        try:
            found = await self._cache.read(store, key, policy.times(self._lifetimes), fetch, since=since)
        except Unshared as error:
            if error.by is fetch and isinstance(error.value, Reply):
                return Answer(error.value, own=True)
            # Another customer's fetch, which he waited for in the belief that it would be his group's.
            return Answer(await ask(), own=True)
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
