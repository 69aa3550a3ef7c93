"""Reading from Commerce: the one way from an operation's name to its data."""

import asyncio
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any

from graphql import parse

from app.commerce.capabilities import Capabilities
from app.commerce.client import GraphQL, Reply, StoreContext
from app.commerce.operations import KEPT_DOCUMENTS, Document
from app.commerce.shapes import Check, compile_shape
from app.errors import UpstreamInvalid
from app.http import Auth


class Reads:
    """Reads by one picture of Commerce; made anew when that picture changes.

    `limit` is the complexity that Commerce accepts: what is larger is asked in several documents at once and joined.
    `spoiling` are attribute codes that spoil the metadata of all others, as readers found out.
    """

    def __init__(self, graphql: GraphQL, capabilities: Capabilities, *, limit: int) -> None:
        self.capabilities = capabilities
        self._graphql = graphql
        self._limit = limit
        self._check = lru_cache(maxsize=KEPT_DOCUMENTS)(self._compile)
        self.spoiling: set[str] = set()

    def fits(self, name: str, flags: Collection[str]) -> bool:
        """Whether Commerce offers the operation and takes it with these optional parts in one document."""
        operations = self.capabilities.operations
        return operations.offers(name) and operations.document(name, flags).fields <= self._limit

    def texts(self, name: str, flags: Collection[str]) -> list[str]:
        """The documents that a read sends. Raises `Unsupported`."""
        return [each.text for each in self.capabilities.operations.documents(name, flags, self._limit)]

    async def read(
        self,
        name: str,
        flags: Collection[str],
        variables: Mapping[str, object],
        context: StoreContext,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """The reply to an operation with these optional parts. Variables that the document does not declare (another
        variant does) are left out; `headers` are the shopper's, for what is his own. Raises an `UpstreamError`."""
        documents = self.capabilities.operations.documents(name, flags, self._limit)
        if len(documents) == 1:
            return await self._ask(documents[0], variables, context, headers=headers)
        replies = await asyncio.gather(*(self._ask(each, variables, context, headers=headers) for each in documents))
        first = replies[0]
        for more in replies[1:]:
            same = first.cache_id if first.cache_id == more.cache_id else None
            first = Reply(_join(first.data, more.data), (*first.problems, *more.problems), same)
        return first

    async def write(
        self,
        name: str,
        flags: Collection[str],
        variables: Mapping[str, object],
        context: StoreContext,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
        auth: Auth | None = None,
    ) -> Reply:
        """The reply to a mutation, which is sent once and never again: whether a second one would do harm only the
        caller can know. `timeout` is another deadline in seconds, `headers` are the shopper's, `auth` is ours.
        Raises an `UpstreamError`."""
        document = self.capabilities.operations.document(name, flags)
        return await self._ask(document, variables, context, read=False, timeout=timeout, headers=headers, auth=auth)

    async def _ask(
        self,
        document: Document,
        variables: Mapping[str, object],
        context: StoreContext,
        *,
        read: bool = True,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
        auth: Auth | None = None,
    ) -> Reply:
        declared = {key: value for key, value in variables.items() if key in document.variables and value is not None}
        reply = await self._graphql.execute(
            document.name, document.text, declared, context, read=read, timeout=timeout, headers=headers, auth=auth
        )
        if not self._check(document)(reply.data):
            raise UpstreamInvalid(f"{document.name}: the data has another shape than was asked for")
        return reply

    def _compile(self, document: Document) -> Check:
        return compile_shape(self.capabilities.schema, parse(document.text, no_location=True))


def _join(one: Any, other: Any) -> Any:
    """Two answers about the same things as one; what is not the same thing in both is left as the first has it."""
    if isinstance(one, dict) and isinstance(other, dict):
        if one.get("sku") != other.get("sku"):
            return one
        return {**other, **{key: _join(value, other[key]) if key in other else value for key, value in one.items()}}
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [_join(left, right) for left, right in zip(one, other, strict=True)]
    return one
