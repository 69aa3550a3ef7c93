"""From a person to his customer at Commerce: by our own link, else by a verified e-mail address, else a new one."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from app.auth.links import Links
from app.auth.locks import locked
from app.auth.person import EmailMissing, EmailTaken, EmailUnverified, LinkedElsewhere, Person, link_of
from app.commerce.accounts import Accounts, Node, Site, same_address
from app.errors import UpstreamError, UpstreamFailed
from app.state import State
from app.telemetry import log

LONGEST_NAME = 100  # characters
NAMELESS = "-"


@dataclass(frozen=True, slots=True)
class Rules:
    """What the settings say. `link_by_email`: whether a verified address links a customer who is not linked.
    `create_unverified`: whether a customer is made for an address that is not verified. `groups`: the customer group's
    number by the provider's word, the first that fits."""

    link_by_email: bool = False
    create_unverified: bool = False
    groups: Mapping[str, int] = field(default_factory=dict)


class Customers:
    """Finds and makes customers, one person at a time. `password_of` gives a new customer's password, if any."""

    def __init__(
        self,
        accounts: Accounts,
        links: Links,
        state: State,
        rules: Rules,
        password_of: Callable[[Person], str | None],
    ) -> None:
        self._accounts = accounts
        self._links = links
        self._state = state
        self._rules = rules
        self._password_of = password_of

    async def resolve(self, person: Person, site: Site) -> Node:
        """The person's customer in the website of a store view, linked to him; made if there is none.

        Raises a `CustomerRefused`: then nothing was changed. Raises an `UpstreamError` or `StateUnavailable`.
        """
        link = link_of(person)
        async with locked(self._state, f"sso:{site.website}:{link}"):
            known = await self._links.find(link, site.website)
            if known is not None:
                return known
            email = (person.email or "").strip()
            if not email:
                raise EmailMissing
            found = await self._accounts.by_email(email, site.website)
            if found is not None:
                return await self._attach(found, person, link)
            if not person.email_verified and not self._rules.create_unverified:
                # Else whoever owns the address later would share an account with who came first.
                raise EmailUnverified
            return await self._create(person, link, email, site)

    async def _attach(self, customer: Node, person: Person, link: str, *, ours: bool = False) -> Node:
        """Links a customer that was found by the address. `ours`: he was made for this person just now."""
        owner = await self._links.owner(customer)
        if owner not in (None, link):
            raise LinkedElsewhere
        if owner is None:
            if not person.email_verified:
                raise EmailUnverified
            if not (self._rules.link_by_email or ours):
                raise EmailTaken
        # Two people may share an address.
        async with locked(self._state, f"sso:customer:{customer['id']}"):
            tied = await self._links.tie(customer, link)
        log.info("customer.linked", customer=tied["id"])
        return tied

    async def _create(self, person: Person, link: str, email: str, site: Site) -> Node:
        wanted = {
            "email": email,
            "firstname": _name(person.first_name) or _name(email.partition("@")[0]) or NAMELESS,
            "lastname": _name(person.last_name) or NAMELESS,
            "website_id": site.website,
            "store_id": site.store_id,
            **self._links.born(link),
        }
        group = next((number for word, number in self._rules.groups.items() if word in person.groups), None)
        if group is not None:
            wanted["group_id"] = group
        if person.newsletter is not None:
            wanted["extension_attributes"] = {"is_subscribed": person.newsletter}
        try:
            made = await self._accounts.create(wanted, self._password_of(person))
        except UpstreamError as error:
            if error.unsent:
                raise
            return await self._look_again(person, link, email, site, error)
        log.info("customer.created", customer=made["id"])
        return await self._own(made, person, link)

    async def _look_again(self, person: Person, link: str, email: str, site: Site, error: UpstreamError) -> Node:
        """After a creation that Commerce refused, or whose end is not known: it may be there."""
        known = await self._links.find(link, site.website)
        found = known or await self._accounts.by_email(email, site.website)
        if found is None:
            # The database takes addresses for the same that are not.
            raise error
        # Before this call there was none: he is this call's, but where Commerce itself said no.
        return found if known else await self._attach(found, person, link, ours=not _refused(error))

    async def _own(self, made: Node, person: Person, link: str) -> Node:
        if not same_address(made.get("email"), (person.email or "").strip()):
            raise LinkedElsewhere(f"customer {made['id']} was made with another address")
        return await self._links.tie(made, link)


def _refused(error: UpstreamError) -> bool:
    """Whether Commerce answered that it made nobody. After any other end it may have."""
    return isinstance(error, UpstreamFailed) and error.detail.startswith("HTTP 4")


def _name(given: str | None) -> str:
    """A name as Commerce takes it: without what templates and programs would read."""
    kept = "".join(
        letter for letter in given or "" if unicodedata.category(letter)[0] != "C" and letter not in "{}<>$%"
    )
    return " ".join(kept.split())[:LONGEST_NAME].strip()
