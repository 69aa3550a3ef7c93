"""Customers of Commerce, as far as reading goes: who shares what he is shown with others of his customer group.

Commerce takes a token that is expired or revoked for a guest's and says nothing of it (FACTS, Authentication;
recordings gql-224, cust-092, cust-103), and a customer can be moved to another group at any time. So a group is never
believed: each reply carries the `X-Magento-Cache-Id` of the store view, currency, login and group that Commerce made it
for (recordings cache-000 to cache-004), and is a group's only if that is what the customer's own read had.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.commerce.client import StoreContext
from app.commerce.reads import Reads
from app.errors import UpstreamError

REMEMBERED = 10_000  # standings
AGE = 300.0  # seconds that a standing is remembered


@dataclass(frozen=True, slots=True)
class Customer:
    """A signed-in shopper: Commerce's `token` for him, and the customer `group` that he shares with. None: with nobody,
    because the group is not known or does not say all of what he is shown. `website` is the code of the only one that
    he is a customer of; None where he has no token yet, or every website's customers are one."""

    token: str = field(repr=False)
    group: str | None = None
    website: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        """What makes a read his."""
        return {"Authorization": f"Bearer {self.token}"}


@dataclass(frozen=True, slots=True)
class Standing:
    """What Commerce takes a token's owner for in one store view and currency: the group, as in `Customer`, and the
    `cache_id` of all that is made for it. Nothing for a guest."""

    group: str | None = None
    cache_id: str | None = None

    def vouches(self, group: str, cache_id: str | None) -> bool:
        """Whether a reply with that cache id was made for that group."""
        return self.group == group and cache_id is not None and self.cache_id == cache_id


class Customers:
    """Who Commerce says that customers are. `clock` gives seconds that only go forward."""

    def __init__(self, reads: Callable[[], Reads], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._reads = reads
        self._clock = clock
        self._standings: OrderedDict[tuple[str, StoreContext], tuple[Standing, float]] = OrderedDict()

    async def standing(self, token: str, context: StoreContext) -> Standing:
        """What a token's owner is taken for; a guest, too, when Commerce does not say.

        It may be from a few minutes ago. That is enough: who has become another since gets replies with another id.
        """
        place = (hashlib.sha256(token.encode()).hexdigest(), context)
        known = self._standings.get(place)
        if known is not None and self._clock() - known[1] < AGE:
            return known[0]
        try:
            reply = await self._reads().read("Customer", (), {}, context, headers=Customer(token).headers)
            node = None if reply.problems else reply.root("customer")
        except UpstreamError:
            return Standing()
        if node is None:
            return Standing()
        standing = Standing(group_of(node), reply.cache_id)
        self._standings[place] = standing, self._clock()
        while len(self._standings) > REMEMBERED:
            self._standings.popitem(last=False)
        return standing


def group_of(node: Mapping[str, Any]) -> str | None:
    """The group of a `Customer` node; None where it is not told (before 2.4.8), or does not say all: customer segments
    and company catalogues show some what others of the group are not shown, and an address may be in another tax zone.
    """
    if node.get("segments") or (node.get("companies") or {}).get("items"):
        return None
    if node.get("default_billing") or node.get("default_shipping"):
        return None
    group = node.get("group") or {}
    return next((f"{name}:{group[name]}" for name in ("uid", "name") if group.get(name)), None)
