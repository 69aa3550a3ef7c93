"""Addresses of a cart: what Commerce refuses, and how it shows them (cart-052 to cart-061)."""

from __future__ import annotations

from typing import Any

from .carts import Address
from .countries import POSTCODE_OPTIONAL, REGION_REQUIRED, countries
from .errors import CommerceError, Pathless
from .sales import Pickup


def country_of(code: str) -> dict[str, Any] | None:
    return next((one for one in countries("en_US") if one["id"] == code and one["full_name_locale"]), None)


def _regions(country: str) -> list[dict[str, Any]]:
    return (country_of(country) or {}).get("available_regions") or []


def _check_region(country: str, text: str | None, id: int | None) -> None:
    """What Magento's QuoteAddressFactory refuses: it filters by the code alone, and only where a region is required."""
    if country not in REGION_REQUIRED:
        if id and id not in {region["id"] for region in _regions(country)}:
            raise CommerceError("The specified region is not a part of the selected country or region")
        return
    if not text and not id:
        raise CommerceError("Region is required.")
    coded = [region["id"] for region in _regions(country) if not text or region["code"].upper() == text.upper()]
    if id and id not in coded:
        raise CommerceError("The region_id does not match the selected country or region")
    if not id and len(coded) > 1:
        raise CommerceError("Region input is ambiguous. Specify region_id.")


def region_of(country: str, text: str | None, id: int | None) -> tuple[str | None, str | None, int | None]:
    """Name, code and number of a region, as Magento's addresses find it: by number, else by code and never by name.

    A number that the country has not got is no region; a text that is no code stands as it was written.
    """
    by_code = (one for one in _regions(country) if text and one["code"].upper() == text.upper())
    found = next((one for one in _regions(country) if one["id"] == id) if id else by_code, None)
    if found is None:
        return (None, None, None) if id else (text or None, text or None, None)
    return found["name"], found["code"], found["id"]


def made(id: int, given: dict[str, Any]) -> Address:
    """An address from `CartAddressInput`, or the first thing that is wrong with it."""
    country = (given.get("country_code") or "").upper()
    if country and country_of(country) is None:
        raise CommerceError("Country is not available")
    _check_region(country, given.get("region"), given.get("region_id"))
    name, code, number = region_of(country, given.get("region"), given.get("region_id"))
    street = [part for part in given.get("street") or [] if part]
    if len(street) > 2:
        raise CommerceError('"Street Address" cannot contain more than 2 lines.')
    address = Address(
        id,
        given.get("firstname") or "",
        given.get("lastname") or "",
        street,
        given.get("city") or "",
        given.get("postcode"),
        country,
        name,
        code,
        number,
        given.get("telephone"),
        given.get("company"),
        given.get("vat_id"),
        saved=bool(given.get("save_in_address_book", True)),
    )
    # The errors of a missing field come without a path (cart-052).
    wrong = missing(address)
    if wrong:
        raise Pathless(" ".join(wrong))
    return address


def missing(address: Address | None) -> list[str]:
    """The fields that are required and empty, in the order Commerce names them (cart-059)."""
    optional = {"postcode"} if address and address.country in POSTCODE_OPTIONAL else set()
    fields = {
        "firstname": address and address.firstname,
        "lastname": address and address.lastname,
        "street": address and address.street,
        "city": address and address.city,
        "telephone": address and address.telephone,
        "postcode": address and address.postcode,
        "countryId": address and address.country,
    }
    empty = [name for name, value in fields.items() if not value and name not in optional]
    if address and address.country in REGION_REQUIRED and address.region_id is None:
        empty += ["regionId"] if _regions(address.country) else [] if address.region else ["region"]
    return [f'"{name}" is required. Enter and try again.' for name in empty]


def shown(address: Address) -> dict[str, Any]:
    """`CartAddressInterface`; the country's label is its code (cart-055)."""
    return {
        "id": address.id,
        "uid": str(address.id),
        "firstname": address.firstname,
        "lastname": address.lastname,
        "company": address.company,
        "street": address.street,
        "city": address.city,
        "region": {"code": address.region_code, "label": address.region, "region_id": address.region_id},
        "postcode": address.postcode,
        "country": {"code": address.country, "label": address.country},
        "telephone": address.telephone,
        "vat_id": address.vat_id,
        "custom_attributes": [],
        "same_as_billing": False,
    }


def of_pickup(id: int, place: Pickup, given: dict[str, Any] | None) -> Address:
    """Where goods go that are collected: the address of the place, under the customer's name if one was given."""
    _, code, _ = region_of(place.country, None, place.region_id)
    named = given or {}
    return Address(
        id,
        named.get("firstname") or place.name,
        named.get("lastname") or "Store",
        [place.street],
        place.city,
        place.postcode,
        place.country,
        place.region,
        code,
        place.region_id,
        named.get("telephone") or place.phone,
        pickup=place.code,
    )
