"""Customers over REST (rest-070 to rest-078, pay-021)."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import passwords
from .carts import Cart
from .criteria import searched
from .errors import RestError
from .model import Customer
from .shop import Shop

if TYPE_CHECKING:
    from .rest import Request

SELF = "self"
MANAGE = "Magento_Customer::manage"
TAKEN = "A customer with the same email address already exists in an associated website."
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_COLUMNS: dict[str, Callable[[Customer], Any]] = {
    "entity_id": lambda one: one.id,
    "email": lambda one: one.email,
    "website_id": lambda one: one.website,
    "group_id": lambda one: one.group,
    "firstname": lambda one: one.firstname,
    "lastname": lambda one: one.lastname,
    "store_id": lambda one: one.store,
    "created_at": lambda one: one.created_at,
    "updated_at": lambda one: one.updated_at,
}
SYSTEM_ATTRIBUTES = (
    "confirmation",
    "created_at",
    "website_id",
    "store_id",
    "created_in",
    "group_id",
    "disable_auto_group_change",
    "prefix",
    "firstname",
    "middlename",
    "lastname",
    "suffix",
    "email",
    "password_hash",
    "default_billing",
    "default_shipping",
    "updated_at",
    "dob",
    "taxvat",
    "failures_num",
    "gender",
    "first_failure",
    "rp_token",
    "rp_token_created_at",
    "lock_expires",
)


def body(shop: Shop, one: Customer) -> dict[str, Any]:
    """A customer as it is told (rest-074)."""
    store = next(store for store in shop.stores if store.id == one.store)
    defaults = {"default_billing": one.default_billing, "default_shipping": one.default_shipping}
    found = {
        "id": one.id,
        "group_id": one.group,
        **{name: value for name, value in defaults.items() if value is not None},
        "created_at": one.created_at,
        "updated_at": one.updated_at,
        "created_in": store.name,
        "email": one.email,
        "firstname": one.firstname,
        "lastname": one.lastname,
        "store_id": one.store,
        "website_id": one.website,
        "addresses": [_address(one, address) for address in one.addresses],
        "disable_auto_group_change": one.group_fixed,
        "extension_attributes": {"is_subscribed": one.subscribed},
    }
    if one.custom:
        found["custom_attributes"] = [{"attribute_code": code, "value": value} for code, value in one.custom.items()]
    return found


def _address(one: Customer, address: dict[str, Any]) -> dict[str, Any]:
    number = str(address["id"])
    billing, shipping = number == one.default_billing, number == one.default_shipping
    flags = {"default_shipping": shipping, "default_billing": billing}
    told = {name: value for name, value in address.items() if name not in flags}
    return {**told, **{name: True for name, value in flags.items() if value}}


def stamp(shop: Shop) -> str:
    """Now, as Commerce writes it."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(shop.now()))


def _found(request: Request) -> Customer:
    number = int(request.parts["id"])
    found = next((one for one in request.shop.customers if one.id == number), None)
    if found is None:
        raise RestError(
            404, "No such entity with %fieldName = %fieldValue", {"fieldName": "customerId", "fieldValue": number}
        )
    return found


def search(request: Request) -> Any:
    shop = request.shop

    def column(one: Customer, field: str) -> Any:
        if field in shop.customer_attributes:
            return one.custom.get(field)
        if field not in _COLUMNS:
            raise RestError(400, 'Invalid attribute name: "%1".', {"1": field})
        return _COLUMNS[field](one)

    return searched(request.query, shop.customers, column, lambda one: body(shop, one))


def get(request: Request) -> Any:
    return body(request.shop, _found(request))


def me(request: Request) -> Any:
    """The customer whose token it is (cust-095)."""
    return body(request.shop, whose(request))


def whose(request: Request) -> Customer:
    """The customer whose token came along."""
    number = request.shop.customer_tokens.owner(request.authorization.partition(" ")[2])
    return next(one for one in request.shop.customers if one.id == number)


def create(request: Request) -> Any:
    """A new customer; without a password nobody can sign in with one (rest-070 to rest-072)."""
    shop, given = request.shop, request.field("customer")
    password = (request.body or {}).get("password")
    if password is not None:
        wrong = passwords.wrong(password)
        if wrong is not None:
            raise RestError(400, *wrong)
    for name in ("firstname", "lastname", "email"):
        if not given.get(name):
            raise RestError(400, '"%fieldName" is required. Enter and try again.', {"fieldName": name})
    if not EMAIL.fullmatch(str(given["email"])):
        raise RestError(400, '"%1" is not a valid email address.', {"1": given["email"]})
    made = register(
        shop,
        website=int(given.get("website_id") or shop.website_of(request.store).id),
        store=int(given.get("store_id") or request.store.id),
        email=str(given["email"]),
        names=(given["firstname"], given["lastname"]),
        password=password or "",
    )
    _take(shop, made, given)
    return body(shop, made)


def register(
    shop: Shop, *, website: int, store: int, email: str, names: tuple[str, str], password: str = ""
) -> Customer:
    """A new customer of a website. Raises `RestError` where the address is taken there."""
    if shop.customer(email, website) is not None:
        raise RestError(400, TAKEN)
    now = stamp(shop)
    number = max((one.id for one in shop.customers), default=0) + 1
    made = Customer(number, email, password, *names, 1, website, store, created_at=now, updated_at=now)
    shop.customers.append(made)
    return made


def save(request: Request) -> Any:
    """Takes what is sent for the whole customer: what is left out is lost, default addresses too (FACTS)."""
    shop, one, given = request.shop, _found(request), request.field("customer")
    for name in ("firstname", "lastname", "email"):
        if not given.get(name):
            raise RestError(400, '"%fieldName" is required. Enter and try again.', {"fieldName": name})
    other = shop.customer(str(given["email"]), one.website)
    if other is not None and other is not one:
        raise RestError(400, TAKEN)
    one.email, one.firstname, one.lastname = given["email"], given["firstname"], given["lastname"]
    one.default_billing, one.default_shipping = given.get("default_billing"), given.get("default_shipping")
    _take(shop, one, given)
    one.updated_at = stamp(shop)
    return body(shop, one)


def _take(shop: Shop, one: Customer, given: dict[str, Any]) -> None:
    one.group = int(given.get("group_id", one.group))
    extra = given.get("extension_attributes") or {}
    one.subscribed = bool(extra.get("is_subscribed", one.subscribed))
    one.assistance = extra.get("assistance_allowed", 2 if one.assistance else 1) == 2
    if "addresses" in given:
        one.addresses = []
        for address in given["addresses"]:
            number = int(address.get("id") or next(shop.address_numbers))
            region = address.get("region") or {}
            kept = {"id": number, "customer_id": one.id, **address, "region_id": region.get("region_id", 0)}
            one.addresses.append(kept)
            if address.get("default_billing"):
                one.default_billing = str(number)
            if address.get("default_shipping"):
                one.default_shipping = str(number)
    for attribute in given.get("custom_attributes") or ():
        # Magento drops codes that it does not know, without a word (AbstractExtensibleObject).
        if attribute["attribute_code"] in shop.customer_attributes:
            one.custom[attribute["attribute_code"]] = str(attribute["value"])


def remove(request: Request) -> Any:
    one = _found(request)
    request.shop.customers.remove(one)
    request.shop.customer_tokens.revoke(one.id)
    return True


def token(request: Request) -> Any:
    """A token of the customer, from 2.4.9 on."""
    if request.version < (2, 4, 9):
        raise RestError(404, "Request does not match any route.")
    return request.shop.customer_tokens.issue(_found(request).id)


def own_cart(request: Request) -> Cart:
    """The open cart of the customer whose token came along."""
    number = whose(request).id
    cart = request.shop.carts.of_customer(number)
    if cart is None:
        told = {"fieldName": "customerId", "fieldValue": number}
        raise RestError(404, "No such entity with %fieldName = %fieldValue", told)
    return cart


def my_cart(request: Request) -> Any:
    """The customer's open cart, by its number."""
    cart = own_cart(request)
    return {"id": cart.id, "is_active": True, "items_qty": cart.quantity, "customer": me(request)}


def attributes(request: Request) -> Any:
    """Every customer attribute; those that a shop's module added are `user_defined` (pay-021)."""
    own = request.shop.customer_attributes
    return [
        *(_attribute(code, code.replace("_", " ").title(), system=True) for code in SYSTEM_ATTRIBUTES),
        *(_attribute(code, label, system=False) for code, label in own.items()),
    ]


def _attribute(code: str, label: str, *, system: bool) -> dict[str, Any]:
    return {
        "frontend_input": "text",
        "input_filter": "",
        "store_label": label,
        "validation_rules": [],
        "multiline_count": 0,
        "visible": False,
        "required": False,
        "data_model": "",
        "options": [],
        "frontend_class": "",
        "user_defined": not system,
        "sort_order": 0,
        "frontend_label": label,
        "note": "",
        "system": system,
        "backend_type": "static" if system else "varchar",
        "is_used_in_grid": True,
        "is_visible_in_grid": True,
        "is_filterable_in_grid": True,
        "is_searchable_in_grid": False,
        "attribute_code": code,
    }


def email_available(request: Request) -> Any:
    website = int((request.body or {}).get("websiteId") or request.shop.website_of(request.store).id)
    return request.shop.customer(str(request.field("customerEmail")), website) is None


ROUTES = (
    ("GET", "customers/search", search, MANAGE),
    ("GET", "customers/me", me, SELF),
    ("GET", "carts/mine", my_cart, SELF),
    ("POST", "customers", create, None),
    ("POST", "customers/isEmailAvailable", email_available, None),
    ("GET", r"customers/(?P<id>\d+)", get, MANAGE),
    ("PUT", r"customers/(?P<id>\d+)", save, MANAGE),
    ("DELETE", r"customers/(?P<id>\d+)", remove, "Magento_Customer::delete"),
    ("POST", r"customers/(?P<id>\d+)/token", token, MANAGE),
    ("GET", "attributeMetadata/customer", attributes, MANAGE),
)
