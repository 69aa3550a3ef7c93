"""Which customer of Commerce is whose: kept on the customer himself where the shop has an attribute for it, else here.

A link is what `link_of` makes of issuer and subject. What is kept here is lost with the Redis of REDIS_STATE_URL; what
is kept at Commerce is not.
"""

from __future__ import annotations

from typing import Protocol

from app.auth.person import LinkedElsewhere, NoWay
from app.commerce.accounts import Accounts, Node, attribute, with_attribute
from app.state import State

KEPT = 10 * 365 * 86_400.0  # seconds


class Links(Protocol):
    """Every method raises an `UpstreamError` or `StateUnavailable`."""

    async def find(self, link: str, website: int) -> Node | None:
        """The customer of a website who is linked so. Raises `LinkedElsewhere` for several."""

    async def owner(self, customer: Node) -> str | None:
        """The link of a customer, if he has one."""

    async def tie(self, customer: Node, link: str) -> Node:
        """The customer, linked. Raises `LinkedElsewhere` for one who has another link."""

    def born(self, link: str) -> Node:
        """What a new customer has of his link from the beginning."""


class StateLinks:
    """Links in the state."""

    def __init__(self, accounts: Accounts, state: State) -> None:
        self._accounts = accounts
        self._state = state

    async def find(self, link: str, website: int) -> Node | None:
        kept = await self._state.get(_place(link, website))
        customer = await self._accounts.get(int(kept)) if kept is not None else None
        if customer is None or customer.get("website_id") != website:
            return None
        return customer if await self.owner(customer) == link else None

    async def owner(self, customer: Node) -> str | None:
        kept = await self._state.get(_owner(customer))
        return kept.decode() if kept is not None else None

    async def tie(self, customer: Node, link: str) -> Node:
        # Whose he is comes first: of two subjects at the same moment one gets him.
        first = await self._state.put(_owner(customer), link.encode(), KEPT, absent=True)
        if not first and await self.owner(customer) != link:
            raise LinkedElsewhere
        await self._state.put(_place(link, customer["website_id"]), str(customer["id"]).encode(), KEPT)
        return customer

    def born(self, link: str) -> Node:
        return {}


def _place(link: str, website: int) -> str:
    return f"sso:link:{website}:{link}"


def _owner(customer: Node) -> str:
    return f"sso:owner:{customer['id']}"


class AttributeLinks:
    """Links in a customer attribute of the shop's; those that were kept in the state before are moved there."""

    def __init__(self, accounts: Accounts, code: str, older: StateLinks) -> None:
        self._accounts = accounts
        self._code = code
        self._older = older

    async def find(self, link: str, website: int) -> Node | None:
        found = await self._accounts.by_attribute(self._code, link, website)
        if len(found) > 1:
            raise LinkedElsewhere(f"customers {[one['id'] for one in found]} have the same link")
        if found:
            return found[0]
        known = await self._older.find(link, website)
        return await self.tie(known, link) if known is not None else None

    async def owner(self, customer: Node) -> str | None:
        return attribute(customer, self._code) or await self._older.owner(customer)

    async def tie(self, customer: Node, link: str) -> Node:
        whole = await self._accounts.get(int(customer["id"]))
        if whole is None or await self.owner(whole) not in (None, link):
            raise LinkedElsewhere
        saved = whole
        if attribute(whole, self._code) != link:
            saved = await self._accounts.save(with_attribute(whole, self._code, link))
        if attribute(saved, self._code) != link:
            # Commerce drops attributes that it does not know without a word.
            raise NoWay(f"the customer attribute {self._code!r} of SSO_LINK_ATTRIBUTE does not keep what is saved")
        return saved

    def born(self, link: str) -> Node:
        return {"custom_attributes": [{"attribute_code": self._code, "value": link}]}
