"""From a filled cart to one that can be ordered: e-mail, addresses, ways to ship and to pay (cart-050 to cart-082)."""

# ruff: noqa: ARG001, N803 - resolvers take what GraphQL gives them, by the names of Commerce's arguments

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from . import addresses
from .call import Call, Info, call
from .cart_edits import changed, given_cart
from .cart_view import offered, payments, sums, view
from .carts import Address, Cart
from .catalog import page_bounds
from .errors import NO_SUCH_ENTITY, CommerceError
from .sales import Pickup
from .totals import rates

_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
PICKUP = ("instore", "pickup")
NO_SHIPPING_ADDRESS = "The shipping address is missing. Set the address and try again."
NO_BILLING_ADDRESS = "The billing address is missing. Set the address and try again."
NOTHING_TO_SHIP = "Shipping address is not allowed on cart: cart contains no items for shipment."


def set_email(_root: Any, info: Info, input: dict[str, Any] | None = None) -> dict[str, Any]:
    context = call(info)
    asked = input or {}
    for name in ("cart_id", "email"):
        if not asked.get(name):
            raise CommerceError(f'Required parameter "{name}" is missing')
    if not _EMAIL.fullmatch(asked["email"]):
        raise CommerceError("Invalid email format")
    if context.customer is not None:
        raise CommerceError("The request is not allowed for logged in customers")
    cart = given_cart(context, asked["cart_id"])
    cart.email = asked["email"]
    return changed(context, cart)


def set_shipping(_root: Any, info: Info, input: dict[str, Any] | None = None) -> dict[str, Any]:
    """The one shipping address; without things to ship there is none (cart-052 to cart-055, cart-074, cart-082).

    A pickup location puts its own address there and chooses the way to ship, as Adobe's reference describes it.
    """
    context = call(info)
    asked = input or {}
    given = asked.get("shipping_addresses")
    cart = given_cart(context, asked.get("cart_id"))
    if not given:
        raise CommerceError('Required parameter "shipping_addresses" is missing')
    if len(given) > 1:
        raise CommerceError("You cannot specify multiple shipping addresses.")
    if cart.virtual:
        raise CommerceError(NOTHING_TO_SHIP, NO_SUCH_ENTITY)
    only = given[0]
    code, own = only.get("pickup_location_code"), only.get("address")
    if code is None and not own:
        raise CommerceError('The shipping address must contain either "customer_address_id" or "address".')
    number = next(context.shop.carts.address_ids)
    if code is not None:
        place = _place(context, code)
        if place is None:
            raise CommerceError(f'Pickup location with code "{code}" does not exist.', NO_SUCH_ENTITY)
        cart.shipping, cart.method = addresses.of_pickup(number, place, own), PICKUP
    else:
        cart.shipping = addresses.made(number, own)
        _drop_method(context, cart)
    cart.shipping.notes = only.get("customer_notes")
    return changed(context, cart)


def _drop_method(context: Call, cart: Cart) -> None:
    """A way to ship that the new address does not have is chosen no more."""
    if cart.method == PICKUP or (cart.method is not None and sums(context, cart).shipping is None):
        cart.method = None


def _place(context: Call, code: str) -> Pickup | None:
    website = context.viewer.website
    return next((p for p in context.shop.sales.pickups if p.code == code and website in p.websites), None)


def set_billing(_root: Any, info: Info, input: dict[str, Any] | None = None) -> dict[str, Any]:
    """The billing address: its own, or a copy of the shipping address (cart-060, cart-061)."""
    context = call(info)
    asked = input or {}
    cart = given_cart(context, asked.get("cart_id"))
    given = asked.get("billing_address")
    if not given:
        raise CommerceError('Required parameter "billing_address" is missing')
    same, own = given.get("same_as_shipping"), given.get("address")
    if same and own:
        raise CommerceError('The billing address cannot contain "customer_address_id" and "address" at the same time.')
    number = next(context.shop.carts.address_ids)
    if same:
        if cart.shipping is None:
            message = 'Could not use the "same_as_shipping" option, because the shipping address has not been set.'
            raise CommerceError(message)
        cart.billing = replace(cart.shipping, id=number, pickup=None)
    elif own:
        cart.billing = addresses.made(number, own)
        if given.get("use_for_shipping") and not cart.virtual:
            cart.shipping = replace(cart.billing, id=next(context.shop.carts.address_ids))
            _drop_method(context, cart)
    else:
        message = 'The billing address must contain either "customer_address_id", "address", or "same_as_shipping".'
        raise CommerceError(message)
    return changed(context, cart)


def set_method(_root: Any, info: Info, input: dict[str, Any] | None = None) -> dict[str, Any]:
    """How the cart is shipped (cart-057, cart-058)."""
    context = call(info)
    asked = input or {}
    cart = given_cart(context, asked.get("cart_id"))
    given = asked.get("shipping_methods")
    if not given:
        raise CommerceError('Required parameter "shipping_methods" is missing')
    if len(given) > 1:
        raise CommerceError("You cannot specify multiple shipping methods.")
    if cart.shipping is None:
        raise CommerceError(NO_SHIPPING_ADDRESS)
    wanted = (given[0]["carrier_code"], given[0]["method_code"])
    if not _offers(context, cart, cart.shipping, wanted):
        message = f"Carrier with such method not found: {wanted[0]}, {wanted[1]}"
        raise CommerceError(message, NO_SUCH_ENTITY)
    cart.method = wanted
    return changed(context, cart)


def _offers(context: Call, cart: Cart, address: Address, method: tuple[str, str]) -> bool:
    every = rates(context.shop, cart, sums(context, cart, address=address), address)
    return any((one.carrier, one.method) == method for one in every)


def set_payment(_root: Any, info: Info, input: dict[str, Any] | None = None) -> dict[str, Any]:
    """How the cart is paid. A purchase order needs no number here, and an old one stays (cart-062 to cart-066)."""
    context = call(info)
    context.check_recaptcha()
    asked = input or {}
    cart = given_cart(context, asked.get("cart_id"))
    given = asked.get("payment_method") or {}
    if not given.get("code"):
        raise CommerceError('Required parameter "code" for "payment_method" is missing.')
    if cart.virtual and cart.billing is None:
        raise CommerceError(NO_BILLING_ADDRESS)
    if not cart.virtual and cart.shipping is None:
        raise CommerceError(NO_SHIPPING_ADDRESS)
    if given["code"] not in payments(context, sums(context, cart).grand_total):
        raise CommerceError("The requested Payment Method is not available.")
    cart.payment = given["code"]
    cart.po_number = given.get("purchase_order_number") or cart.po_number
    return changed(context, cart)


# Estimates


def _estimated(context: Call, input: dict[str, Any]) -> tuple[Cart, Address]:
    """The cart and the sketch of an address that an estimate is for."""
    cart = given_cart(context, input.get("cart_id"))
    given = input.get("address") or {}
    if not given.get("country_code"):
        raise CommerceError('Required parameter "country_code" is missing')
    region = given.get("region") or {}
    sketch = estimate_address(
        given["country_code"],
        given.get("postcode"),
        region.get("region") or region.get("region_code"),
        region.get("region_id"),
    )
    return cart, sketch


def estimate_address(country: str, postcode: str | None, region: str | None, region_id: int | None) -> Address:
    """An address that has only what taxes and shipping depend on; nothing of it is checked."""
    name, code, number = addresses.region_of(country, region, region_id)
    return Address(0, "", "", [], "", postcode, country, name, code, number, None)


def estimate_methods(_root: Any, info: Info, input: dict[str, Any]) -> list[dict[str, Any]]:
    """The ways to ship to an address that is not complete yet, from 2.4.7 on; the cart stays as it is."""
    context = call(info)
    cart, sketch = _estimated(context, input)
    return [offered(context, one) for one in rates(context.shop, cart, sums(context, cart, address=sketch), sketch)]


def estimate_totals(_root: Any, info: Info, input: dict[str, Any]) -> dict[str, Any]:
    """The cart as if it went to that address that way, from 2.4.7 on; the cart itself stays as it is."""
    context = call(info)
    cart, sketch = _estimated(context, input)
    given = input.get("shipping_method") or {}
    method = (given["carrier_code"], given["method_code"]) if given else None
    return {"cart": view(context, cart, address=sketch, method=method)}


# What a checkout shows


def agreements(_root: Any, info: Info) -> list[dict[str, Any]]:
    context = call(info)
    return [
        {
            "agreement_id": one.id,
            "name": context.say(one.name),
            "content": context.say(one.content),
            "content_height": None,
            "checkbox_text": context.say(one.checkbox),
            "is_html": one.is_html,
            "mode": one.mode,
        }
        for one in context.shop.sales.agreements
    ]


def email_available(_root: Any, info: Info, email: str) -> dict[str, bool]:
    """Whether nobody of this website has the address (gql-118)."""
    context = call(info)
    if not email:
        raise CommerceError("Email must be specified")
    if not _EMAIL.fullmatch(email):
        raise CommerceError("Email is invalid")
    website = context.viewer.website
    taken = any(c.email.lower() == email.lower() and c.website == website for c in context.shop.customers)
    return {"is_email_available": not taken}


_FITS: dict[str, Callable[[str, Any], bool]] = {
    "eq": lambda value, given: value == given,
    "neq": lambda value, given: value != given,
    "in": lambda value, given: value in given,
    "nin": lambda value, given: value not in given,
    "like": lambda value, given: given.strip("%").lower() in value.lower(),
}


def pickup_locations(
    _root: Any,
    info: Info,
    area: dict[str, Any] | None = None,
    filters: dict[str, dict[str, Any]] | None = None,
    productsInfo: list[dict[str, Any]] | None = None,
    sort: dict[str, str] | None = None,
    pageSize: int | None = None,
    currentPage: int | None = None,
) -> dict[str, Any]:
    """Where the goods can be collected. `area` is `postcode:country` or a city here; there is no map to measure on."""
    context = call(info)
    size, page = page_bounds(pageSize, currentPage)
    found = [_pickup(place) for place in context.shop.sales.pickups if context.viewer.website in place.websites]
    for name, wanted in (filters or {}).items():
        for how, value in wanted.items():
            found = [one for one in found if _FITS.get(how, _FITS["eq"])(str(one[name]), value)]
    if area:
        term = area["search_term"].split(":")[0].lower()
        found = [one for one in found if term in (one["postcode"].lower(), one["city"].lower())]
    info_of_pages = {"current_page": page, "page_size": size, "total_pages": -(-len(found) // size)}
    return {
        "items": found[(page - 1) * size : page * size],
        "total_count": len(found),
        "page_info": info_of_pages,
    }


def _pickup(place: Pickup) -> dict[str, Any]:
    return {
        "pickup_location_code": place.code,
        "name": place.name,
        "description": place.description,
        "email": place.email,
        "phone": place.phone,
        "fax": None,
        "contact_name": None,
        "street": place.street,
        "city": place.city,
        "region": place.region,
        "region_id": place.region_id,
        "postcode": place.postcode,
        "country_id": place.country,
        "latitude": place.latitude,
        "longitude": place.longitude,
    }


FIELDS = {
    "Query": {
        "checkoutAgreements": agreements,
        "isEmailAvailable": email_available,
        "pickupLocations": pickup_locations,
    },
    "Mutation": {
        "setGuestEmailOnCart": set_email,
        "setShippingAddressesOnCart": set_shipping,
        "setBillingAddressOnCart": set_billing,
        "setShippingMethodsOnCart": set_method,
        "setPaymentMethodOnCart": set_payment,
        "estimateShippingMethods": estimate_methods,
        "estimateTotals": estimate_totals,
    },
}
