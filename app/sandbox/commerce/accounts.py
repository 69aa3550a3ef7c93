"""Customers and their tokens, as in gql-222 to gql-228 and cust-010 to cust-098."""

from __future__ import annotations

from typing import Any

from . import passwords
from .call import Call, Info, call
from .errors import AUTHENTICATION, AUTHORIZATION, CommerceError, RestError
from .model import Customer, uid
from .rest_customers import EMAIL, register

SIGN_IN_FAILED = (
    "The account sign-in was incorrect or your account is disabled temporarily. Please wait and try again later."
)
NOT_AUTHORIZED = "The current customer isn't authorized."


def known(context: Call) -> Customer:
    """Who asks, signed in. Raises `CommerceError` for a guest."""
    if context.customer is None:
        raise CommerceError(NOT_AUTHORIZED, AUTHORIZATION)
    return context.customer


def customer(_root: Any, info: Info) -> dict[str, Any]:
    """The customer; neither his number nor that of his group is told (cust-020), but from 2.4.9 on his uid."""
    context = call(info)
    return told(context, known(context))


def told(context: Call, one: Customer) -> dict[str, Any]:
    """`Customer`; `record` is for the fields below it."""
    group = next(each.code for each in context.shop.customer_groups if each.id == one.group)
    address = None if one.address is None else str(one.address)
    return {
        "record": one,
        "id": uid(one.id) if context.version >= (2, 4, 9) else None,
        "group_id": None,
        **_shown(one),
        "created_at": one.created_at,
        "date_of_birth": None,
        "gender": None,
        "group": {"uid": uid(one.group), "name": group},
        "segments": [{"uid": uid(name), "name": name} for name in one.segments],
        "companies": lambda _info, **_: {"items": [{"id": uid(name)} for name in one.companies]},
        "default_billing": one.default_billing or address,
        "default_shipping": one.default_shipping or address,
    }


def create(_root: Any, info: Info, input: dict[str, Any]) -> dict[str, Any]:
    """A new customer; without a password nobody can sign in with one (cust-000 to cust-005)."""
    context = call(info)
    made = _made(context, input)
    made.assistance = bool(input.get("allow_remote_shopping_assistance"))
    return {"customer": _shown(made)}


def _made(context: Call, given: dict[str, Any]) -> Customer:
    email, password = str(given["email"]), given.get("password") or ""
    if not EMAIL.fullmatch(email):
        raise CommerceError(f'"{email}" is not a valid email address.')
    wrong = passwords.wrong(password) if password else None
    if wrong is not None:
        raise CommerceError(wrong[0].replace("%1", wrong[1][0]))
    names = (given["firstname"], given["lastname"])
    try:
        made = register(
            context.shop,
            website=context.viewer.website,
            store=context.store.id,
            email=email,
            names=names,
            password=password,
        )
    except RestError as error:
        raise CommerceError(str(error)) from None
    made.subscribed = bool(given.get("is_subscribed"))
    return made


def _shown(known: Customer) -> dict[str, Any]:
    return {
        "email": known.email,
        "firstname": known.firstname,
        "lastname": known.lastname,
        "is_subscribed": known.subscribed,
        "allow_remote_shopping_assistance": known.assistance,
        "group": {"uid": uid(known.group)},
    }


def generate_token(_root: Any, info: Info, email: str, password: str) -> dict[str, str]:
    """A token for who knows the password (cust-010 to cust-013)."""
    context = call(info)
    for name, value in (("email", email), ("password", password)):
        if not value:
            raise CommerceError(f'Specify the "{name}" value.')
    found = context.shop.customer(email, context.viewer.website)
    if found is None or not found.password or found.password != password:
        raise CommerceError(SIGN_IN_FAILED, AUTHENTICATION)
    return {"token": context.shop.customer_tokens.issue(found.id)}


def generate_as_admin(_root: Any, info: Info, input: dict[str, Any]) -> dict[str, str]:
    """A token for an admin user, whatever the customer's own opt-in says (admin-000 to admin-009).

    2.4.4 looks in the website whose number is that of the store view (admin-006).
    """
    context = call(info)
    if not context.admin:
        raise CommerceError(NOT_AUTHORIZED, AUTHORIZATION)
    email = input["customer_email"].strip()
    if not email:
        raise CommerceError('Specify the "customer email" value.')
    website = context.store.id if context.version <= (2, 4, 4) else context.viewer.website
    found = context.shop.customer(email, website)
    if found is None:
        raise CommerceError("Customer email provided does not exist")
    return {"customer_token": context.shop.customer_tokens.issue(found.id)}


def exchange_external(_root: Any, info: Info, input: dict[str, Any]) -> dict[str, Any]:
    """From 2.4.9 on, a token for an integration: of the customer with the address, who is made if there is none."""
    context = call(info)
    if not context.integration:
        raise CommerceError(NOT_AUTHORIZED, AUTHORIZATION)
    given = input["customer"]
    known = context.shop.customer(str(given["email"]), context.viewer.website) or _made(context, given)
    return {"token": context.shop.customer_tokens.issue(known.id), "customer": _shown(known)}


def revoke_token(_root: Any, info: Info) -> dict[str, bool]:
    """Kills every token of the customer, not only the one used (cust-096)."""
    context = call(info)
    context.shop.customer_tokens.revoke(known(context).id)
    return {"result": True}


FIELDS = {
    "Query": {
        "customer": customer,
        "customerGroup": lambda _root, info: {"uid": uid(call(info).group)},
    },
    "Mutation": {
        "createCustomerV2": create,
        "generateCustomerToken": generate_token,
        "generateCustomerTokenAsAdmin": generate_as_admin,
        "exchangeExternalCustomerToken": exchange_external,
        "revokeCustomerToken": revoke_token,
    },
}
