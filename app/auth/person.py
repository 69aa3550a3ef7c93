"""Whom a provider has told us of, as far as a Commerce customer is found or made for him."""

from __future__ import annotations

import hashlib
from typing import Protocol

from app.auth.sessions import Data
from app.errors import Rejected

IDENTITY = "identity"
CUSTOMER = "customer"


class Person(Protocol):
    """What is asked of an identity. `groups` are the provider's words for the groups that he is in; `newsletter` is
    None where he was not asked."""

    @property
    def issuer(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def email(self) -> str | None: ...
    @property
    def email_verified(self) -> bool: ...
    @property
    def first_name(self) -> str | None: ...
    @property
    def last_name(self) -> str | None: ...
    @property
    def groups(self) -> tuple[str, ...]: ...
    @property
    def newsletter(self) -> bool | None: ...


def link_of(person: Person) -> str:
    """What stands for issuer and subject where a customer is linked: 64 characters, whatever their length and letters.

    Commerce's database would take `Sub` for `sub`, and a subject may be an e-mail address.
    """
    return link_to(person.issuer, person.subject)


def link_to(issuer: str, subject: str) -> str:
    """As `link_of`."""
    return hashlib.sha256(f"{len(issuer)}:{issuer}{subject}".encode()).hexdigest()


def linked_in(data: Data) -> str | None:
    """The link of the identity in a session's data; None for a guest."""
    found = data.get(IDENTITY)
    return link_to(found["issuer"], found["subject"]) if found else None


class CustomerRefused(Rejected):
    """Commerce has no customer for this person, and none is made or attached: nothing was changed."""

    status = 403


class EmailMissing(CustomerRefused):
    """The provider gives no e-mail address, without which Commerce has no customers."""

    code = "SSO_EMAIL_MISSING"

    def __init__(self) -> None:
        super().__init__("Your sign-in gives no e-mail address, which the shop needs.")


class EmailUnverified(CustomerRefused):
    """The address is not verified: whoever he is, it may be somebody else's."""

    code = "SSO_EMAIL_UNVERIFIED"

    def __init__(self) -> None:
        super().__init__("Your e-mail address is not verified. Verify it where you sign in, then try again.")


class EmailTaken(CustomerRefused):
    """A customer has the address who is not linked, and settings do not let an address alone link one."""

    code = "SSO_EMAIL_TAKEN"

    def __init__(self) -> None:
        super().__init__(
            "The shop has an account with this e-mail address already, which is not linked to your sign-in."
        )


class LinkedElsewhere(CustomerRefused):
    """The customer is somebody else's: linked to another subject, or more than one customer is linked to this one."""

    code = "SSO_LINKED_ELSEWHERE"

    def __init__(self, detail: str = "") -> None:
        super().__init__("The shop's account with this e-mail address belongs to another sign-in.")
        self.detail = detail or self.detail


class NoWay(CustomerRefused):
    """This Commerce gives no token for the customer in any way that the settings leave; `detail` says why."""

    code = "SSO_UNAVAILABLE"
    status = 503

    def __init__(self, detail: str) -> None:
        super().__init__("The shop cannot sign you in right now.")
        self.detail = detail


class NoStore(NoWay):
    """2.4.4 gives an admin user a token only under the store view whose number is the website's, and there is none."""

    code = "SSO_STORE_MISSING"
