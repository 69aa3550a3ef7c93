"""Customers and their tokens, as in gql-222 to gql-228 and cust-010 to cust-098."""

from __future__ import annotations

from typing import Any

from .call import Call, Info, call
from .errors import AUTHENTICATION, AUTHORIZATION, CommerceError
from .model import Customer, uid

SIGN_IN_FAILED = (
    "The account sign-in was incorrect or your account is disabled temporarily. Please wait and try again later."
)
NOT_AUTHORIZED = "The current customer isn't authorized."


def _known(context: Call) -> Customer:
    if context.customer is None:
        raise CommerceError(NOT_AUTHORIZED, AUTHORIZATION)
    return context.customer


def customer(_root: Any, info: Info) -> dict[str, Any]:
    """The customer; neither his id nor that of his group is told (cust-020)."""
    context = call(info)
    known = _known(context)
    group = next(each.code for each in context.shop.customer_groups if each.id == known.group)
    address = None if known.address is None else str(known.address)
    return {
        "email": known.email,
        "firstname": known.firstname,
        "lastname": known.lastname,
        "group": {"uid": uid(known.group), "name": group},
        "segments": [{"uid": uid(name), "name": name} for name in known.segments],
        "companies": lambda _info, **_: {"items": [{"id": uid(name)} for name in known.companies]},
        "default_billing": address,
        "default_shipping": address,
    }


def generate_token(_root: Any, info: Info, email: str, password: str) -> dict[str, str]:
    context = call(info)
    for name, value in (("email", email), ("password", password)):
        if not value:
            raise CommerceError(f'Specify the "{name}" value.')
    website = context.viewer.website
    found = next((c for c in context.shop.customers if c.email == email and c.website == website), None)
    if found is None or found.password != password:
        raise CommerceError(SIGN_IN_FAILED, AUTHENTICATION)
    token = context.shop.token("customer")
    context.tokens[token] = found.id
    return {"token": token}


def revoke_token(_root: Any, info: Info) -> dict[str, bool]:
    """Kills every token of the customer, not only the one used (cust-096)."""
    context = call(info)
    known = _known(context)
    for token in [token for token, owner in context.tokens.items() if owner == known.id]:
        del context.tokens[token]
    return {"result": True}


FIELDS = {
    "Query": {
        "customer": customer,
        "customerGroup": lambda _root, info: {"uid": uid(call(info).group)},
    },
    "Mutation": {"generateCustomerToken": generate_token, "revokeCustomerToken": revoke_token},
}
