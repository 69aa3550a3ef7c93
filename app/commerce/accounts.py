"""Customers of Commerce as an administrator sees them, over REST: found, made, saved; and what is kept of each."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from app.commerce.client import NOT_FOUND
from app.commerce.rest import Rest
from app.errors import UpstreamFailed, UpstreamInvalid

SITES_AGE = 600.0  # seconds that the numbers of store views are good for
_ASCII_SMALL = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}

Node = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Site:
    """A store view by Commerce's numbers: its own and its website's. `store` is its code."""

    store: str
    store_id: int
    website: int


def same_address(one: object, other: str) -> bool:
    """Whether two e-mail addresses are one. Only ASCII letters have a case here: Commerce's database takes `é` for `e`,
    and Python a Kelvin sign for `k`, which would be other people's addresses."""
    return isinstance(one, str) and one.translate(_ASCII_SMALL) == other.translate(_ASCII_SMALL)


class Accounts:
    """Commerce's customers. Every method raises an `UpstreamError`."""

    def __init__(self, rest: Rest, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._rest = rest
        self._clock = clock
        self._sites: list[Site] = []
        self._read_at = 0.0

    async def sites(self) -> list[Site]:
        """All store views, as they were a few minutes ago."""
        if not self._sites or self._clock() - self._read_at > SITES_AGE:
            listed = await self._rest.get("store/storeViews")
            try:
                self._sites = [Site(str(each["code"]), int(each["id"]), int(each["website_id"])) for each in listed]
            except (KeyError, TypeError, ValueError):
                raise UpstreamInvalid("storeViews: there is no list of store views") from None
            self._read_at = self._clock()
        return self._sites

    async def site(self, store: str) -> Site:
        """The store view of this code."""
        found = next((site for site in await self.sites() if site.store == store), None)
        if found is None:
            raise UpstreamInvalid("storeViews: a store view is not listed")
        return found

    async def by_email(self, email: str, website: int) -> Node | None:
        """The customer of a website with exactly this address."""
        found = [one for one in await self._search("email", email, website) if same_address(one.get("email"), email)]
        return found[0] if found else None

    async def by_attribute(self, code: str, value: str, website: int) -> list[Node]:
        """The customers of a website whose attribute has exactly this value."""
        return [one for one in await self._search(code, value, website) if attribute(one, code) == value]

    async def _search(self, field: str, value: str, website: int) -> list[Node]:
        asked = "".join(
            f"&searchCriteria[filter_groups][{number}][filters][0][field]={name}"
            f"&searchCriteria[filter_groups][{number}][filters][0][value]={quote(sought, safe='')}"
            f"&searchCriteria[filter_groups][{number}][filters][0][condition_type]=eq"
            for number, (name, sought) in enumerate(((field, value), ("website_id", str(website))))
        )
        told = await self._rest.get(f"customers/search?{asked[1:]}")
        items = told.get("items") if isinstance(told, dict) else None
        if items is None and isinstance(told, dict) and told.get("total_count") == 0:
            return []
        if not isinstance(items, list):
            raise UpstreamInvalid("customers/search: there is no list")
        # What a filter let through that it should not have is nobody that was asked for.
        return [_customer(one) for one in items if isinstance(one, dict) and one.get("website_id") == website]

    async def get(self, number: int) -> Node | None:
        """The customer of this number, or None."""
        try:
            return _customer(await self._rest.get(f"customers/{number}"))
        except UpstreamFailed as error:
            if error.category != NOT_FOUND:
                raise
            return None

    async def create(self, customer: Node, password: str | None) -> Node:
        """Makes a customer; without a password nobody can sign in with one."""
        body = {"customer": customer, **({"password": password} if password else {})}
        return _customer(await self._rest.post("customers", body))

    async def save(self, customer: Node) -> Node:
        """Saves a customer, who is sent as a whole: a part of one has lost default addresses (FACTS)."""
        return _customer(await self._rest.put(f"customers/{customer['id']}", {"customer": customer}))

    async def token(self, number: int) -> str:
        """A token of the customer, where Commerce gives them to administrators (2.4.9)."""
        token = await self._rest.post(f"customers/{number}/token", {})
        if not isinstance(token, str) or not token:
            raise UpstreamInvalid("customers: the token is no string")
        return token

    async def owner(self, token: str) -> int:
        """The number of the customer whose token it is. Raises `UpstreamRefused` for a token that is dead."""
        return int(_customer(await self._rest.own("customers/me", token))["id"])

    async def attributes(self) -> list[str]:
        """The codes of all customer attributes."""
        listed = await self._rest.get("attributeMetadata/customer")
        if not isinstance(listed, list):
            raise UpstreamInvalid("attributeMetadata: there is no list")
        return [str(each.get("attribute_code")) for each in listed if isinstance(each, dict)]


def attribute(customer: Node, code: str) -> str | None:
    """The value of a customer's attribute; None for none and for an empty one."""
    for each in customer.get("custom_attributes") or ():
        if isinstance(each, dict) and each.get("attribute_code") == code:
            return str(each.get("value") or "") or None
    return None


def with_attribute(customer: Node, code: str, value: str) -> Node:
    """The whole customer with this attribute too."""
    others = [each for each in customer.get("custom_attributes") or () if each.get("attribute_code") != code]
    return {**customer, "custom_attributes": [*others, {"attribute_code": code, "value": value}]}


def _customer(told: object) -> Node:
    if not isinstance(told, dict) or type(told.get("id")) is not int or not isinstance(told.get("email"), str):
        raise UpstreamInvalid("customers: a customer has no number or no address")
    return told
