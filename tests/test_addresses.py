"""Addresses of a checkout: countries and regions as callers name them, and errors at the field that they are about."""

from __future__ import annotations

import unicodedata
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.sandbox.commerce import VERSIONS, Commerce, Fault
from app.sandbox.commerce.countries import REGION_REQUIRED
from app.storefront.addresses import AddressInput, at_fields
from app.storefront.user_errors import UserError
from tests.conftest import Api
from tests.test_cart import UNSAFE, add, do, shopping
from tests.test_checkout import OAKLAND, SET_ADDRESS, SET_BILLING

COMMON = {name: value for name, value in OAKLAND.items() if name not in ("country", "region", "regionId")}
OLD, NEW = "2.4.4", "2.4.9"
REQUIRED = '"{}" is required. Enter and try again.'
TELLING = "2.4.7"  # the first version that tells which countries need a region


GOOD: list[tuple[dict[str, Any], tuple[Any, ...]]] = [
    ({"country": "US", "regionId": 57}, ("TX", "Texas", 57)),
    ({"country": "US", "region": "ohio", "regionId": 47}, ("OH", "Ohio", 47)),
    ({"country": "US", "region": "AE", "regionId": 9}, ("AE", "Armed Forces Europe", 9)),
    ({"country": "US", "region": "armed forces africa"}, ("AE", "Armed Forces Africa", 6)),
    # Zero is what storefronts send for no region.
    ({"country": "US", "region": "TX", "regionId": 0}, ("TX", "Texas", 57)),
    ({"country": "FR", "region": " Alsace "}, ("Alsace", "Alsace", None)),
    ({"country": "FR", "regionId": 0}, (None, None, None)),
    ({"country": "DE", "region": " "}, (None, None, None)),
]
BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"country": "ZZ"}, "COUNTRY_INVALID", "country"),
    ({"country": "USA", "region": "CA"}, "COUNTRY_INVALID", "country"),
    ({"country": "US", "region": "Bayern"}, "REGION_INVALID", "region"),
    ({"country": "DE", "region": "California"}, "REGION_INVALID", "region"),
    # Five regions of the United States have this code.
    ({"country": "US", "region": "AE"}, "REGION_INVALID", "region"),
    ({"country": "US", "region": "TX", "regionId": 12}, "REGION_INVALID", "region"),
    ({"country": "DE", "region": "Hessen", "regionId": 81}, "REGION_INVALID", "region"),
    ({"country": "DE", "regionId": 12}, "REGION_INVALID", "regionId"),
    ({"country": "FR", "regionId": 12}, "REGION_INVALID", "regionId"),
    ({"country": "US", "region": "CA", "firstName": " "}, "BAD_USER_INPUT", "firstName"),
    ({"country": "US", "region": "CA", "street": [" "]}, "BAD_USER_INPUT", "street"),
    ({"country": "US", "region": "CA", "telephone": "5" * 256}, "BAD_USER_INPUT", "telephone"),
    ({"country": "US", "region": "C" * 256}, "BAD_USER_INPUT", "region"),
]


def kept(commerce: Commerce, kind: str = "shipping") -> Any:
    """The region of the only cart's address, as Commerce keeps it."""
    [cart] = commerce.carts.values()
    address = getattr(cart, kind)
    return (address.region_code, address.region, address.region_id) if address else None


async def ship_to(api: Api, **place: Any) -> dict[str, Any]:
    return await do(api, SET_ADDRESS, address={**COMMON, **place}, same=False)


def told(payload: dict[str, Any]) -> list[tuple[str, list[str]]]:
    return [(error["code"], error["path"]) for error in payload["userErrors"]]


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_region_by_code_or_name_is_kept_by_its_code_and_id(version: str) -> None:
    async with shopping(version) as api:
        await add(api, {"sku": "TT-C12"})
        for written in ("CA", "ca", "California", " CALIFORNIA  "):
            assert told(await ship_to(api, country="US", region="TX")) == []
            assert told(await ship_to(api, country=" us ", region=written)) == []
            assert kept(api.commerce) == ("CA", "California", 12), written
        billed = await do(api, SET_BILLING, address={**COMMON, "country": "us", "region": "texas"})
        assert told(billed) == []
        assert kept(api.commerce, "billing") == ("TX", "Texas", 57)
        # Where no region is required Commerce would take the name for no region of its own.
        assert told(await ship_to(api, country="DE", region="baden-württemberg")) == []
        assert kept(api.commerce) == ("BAW", "Baden-Württemberg", 80)


async def test_a_region_by_id_or_none_or_in_a_country_without_a_list_goes_through() -> None:
    async with shopping() as api:
        await add(api, {"sku": "TT-C12"})
        for place, region in GOOD:
            assert told(await ship_to(api, **place)) == []
            assert kept(api.commerce) == region, place


@pytest.mark.parametrize("version", [OLD, NEW])
async def test_a_place_that_is_none_is_refused_at_its_field_and_nothing_is_set(version: str) -> None:
    async with shopping(version) as api:
        await add(api, {"sku": "TT-C12"})
        api.forget()
        for place, code, field in BAD:
            assert told(await ship_to(api, **place)) == [(code, ["address", field])], place
            assert told(await do(api, SET_BILLING, address={**COMMON, **place})) == [(code, ["address", field])], place
        assert set(api.operations()) == {"Countries"}
        assert (kept(api.commerce), kept(api.commerce, "billing")) == (None, None)


@pytest.mark.parametrize("version", ["2.4.6", "2.4.7"])
async def test_a_region_that_is_required_and_lacking_is_told_at_its_field(version: str) -> None:
    async with shopping(version) as api:
        await add(api, {"sku": "TT-C12"})
        api.forget()
        assert told(await ship_to(api, country="US", region=" ")) == [("FIELD_REQUIRED", ["address", "region"])]
        assert told(await ship_to(api, country="AU")) == [("FIELD_REQUIRED", ["address", "region"])]
        assert kept(api.commerce) is None
        # Where Commerce does not tell which countries need one, it judges itself.
        assert ("SetShippingAddress" in api.operations()) is (version < TELLING)


@pytest.mark.parametrize("version", ["2.4.6", "2.4.7"])
async def test_countries_tell_what_an_address_needs_where_commerce_tells_it(version: str) -> None:
    async with shopping(version) as api:
        listed = (await api.data("{ countries { code regionRequired postcodeRequired } }"))["countries"]
        found = {each["code"]: (each["regionRequired"], each["postcodeRequired"]) for each in listed}
        if version >= TELLING:
            assert {code for code, (region, _) in found.items() if region} == REGION_REQUIRED
            assert {code for code, (_, postcode) in found.items() if not postcode} == {"HK", "IE", "MO", "PA", "GB"}
        else:
            assert set(found.values()) == {(None, None)}


@pytest.mark.parametrize("version", [OLD, NEW])
async def test_what_commerce_misses_is_told_field_by_field(version: str) -> None:
    lacking: list[tuple[dict[str, Any], list[str]]] = [
        ({"postcode": None}, ["postcode"]),
        ({"telephone": " "}, ["telephone"]),
        ({"telephone": None, "postcode": ""}, ["telephone", "postcode"]),
    ]
    async with shopping(version) as api:
        await add(api, {"sku": "TT-C12"})
        for changed, fields in lacking:
            payload = await ship_to(api, country="US", region="CA", **changed)
            assert payload["userErrors"] == [
                {"code": "FIELD_REQUIRED", "path": ["address", field], "message": REQUIRED.format(field)}
                for field in fields
            ]
            assert payload["checkout"]["shippingAddress"] is None
        payload = await ship_to(api, country="US", region="CA", street=["1", "2", "3"])
        assert told(payload) == [("ADDRESS_INVALID", ["address", "street"])]
        assert kept(api.commerce) is None


async def test_the_countries_are_read_once_for_all_addresses_of_a_request() -> None:
    async with shopping() as api:
        await add(api, {"sku": "TT-C12"})
        api.forget()
        both = """mutation($address: AddressInput!) {
          checkoutSetShippingAddress(address: $address) { userErrors { code } }
          checkoutSetBillingAddress(address: $address) { userErrors { code } }
        }"""
        await api.data(both, UNSAFE, address={**COMMON, "country": "US", "region": "California"})
        assert sorted(api.operations()) == ["Countries", "SetBillingAddress", "SetShippingAddress"]


async def test_countries_that_cannot_be_read_are_commerces_failure_and_nothing_is_set() -> None:
    async with shopping() as api:
        await add(api, {"sku": "TT-C12"})
        api.commerce.faults.add(Fault("html_500", match="Countries", times=None))
        assert await api.codes(SET_ADDRESS, UNSAFE, address=OAKLAND, same=True) == ["UPSTREAM_INVALID_RESPONSE"]
        assert kept(api.commerce) is None


WRITTEN = ["Baden-Württemberg", "BAW", "Nordrhein-Westfalen", "Thüringen", "District of Columbia", "dc"]


@st.composite
def spelt(draw: st.DrawFn) -> tuple[str, str]:
    """A region as somebody may write it, beside what is meant."""
    meant = draw(st.sampled_from(WRITTEN))
    cased = "".join(letter.swapcase() if draw(st.booleans()) else letter for letter in meant)
    blank = st.text(" \t\u00a0", max_size=3)
    words = cased.split()
    spaced = "".join(f"{word} {draw(blank)}" for word in words)
    return draw(blank) + unicodedata.normalize(draw(st.sampled_from(["NFC", "NFD"])), spaced), meant


@pytest.fixture
async def shop() -> AsyncIterator[Api]:
    """A shopper with something in the cart."""
    async with shopping() as api:
        await add(api, {"sku": "TT-C12"})
        yield api


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(spelling=spelt())
async def test_case_blanks_and_composed_letters_make_no_difference(shop: Api, spelling: tuple[str, str]) -> None:
    written, meant = spelling
    assert told(await ship_to(shop, country="FR")) == []
    country = "US" if meant in WRITTEN[4:] else "DE"
    assert told(await ship_to(shop, country=country, region=written)) == []
    code, name, number = kept(shop.commerce)
    assert meant.casefold() in (code.casefold(), name.casefold())
    assert isinstance(number, int)


GIVEN = AddressInput(
    first_name="Jane", last_name="Doe", street=["1"], city="Oakland", country="US", postcode="", region_id=12
)


@pytest.mark.parametrize(
    ("message", "found"),
    [
        # Commerce's own names stand in messages of all languages.
        ('"postcode" ist erforderlich. Eingeben und erneut versuchen.', [("FIELD_REQUIRED", "postcode")]),
        ("„telephone“ ist erforderlich.", [("FIELD_REQUIRED", "telephone")]),
        ('"firstname" is te lang.', [("ADDRESS_INVALID", "firstName")]),
        ('Der Wert "XX" im Feld regionId ist ungültig.', [("REGION_INVALID", "region")]),
        ('Invalid value of "ZZ" provided for the countryId field.', [("COUNTRY_INVALID", "country")]),
        ("The region_id does not match the selected country or region", [("REGION_INVALID", "region")]),
        ("Country is not available", [("COUNTRY_INVALID", "country")]),
        ('"Street Address" cannot contain more than 2 lines.', [("ADDRESS_INVALID", "street")]),
        ("Enter the city and the street.", []),
        ("Shipping address is not allowed on cart: cart contains no items for shipment.", []),
        ("Die Adresse ist ungültig.", []),
    ],
)
def test_a_message_is_about_the_field_that_it_names(message: str, found: list[tuple[str, str]]) -> None:
    given = UserError(code="REJECTED", message=message, path=["address"])
    expected = [UserError(code=code, message=message, path=["address", name]) for code, name in found]
    assert at_fields([given], GIVEN, "address") == (expected or [given])


def test_a_message_that_names_several_fields_in_its_midst_is_told_whole_at_each() -> None:
    message = 'Bitte "city" und "postcode" angeben, und nochmals "city".'
    found = at_fields([UserError(code="REJECTED", message=message, path=["address"])], GIVEN, "address")
    assert [(each.code, each.path, each.message) for each in found] == [
        ("ADDRESS_INVALID", ["address", "city"], message),
        ("FIELD_REQUIRED", ["address", "postcode"], message),
    ]


def test_errors_of_other_input_stay_where_they_are() -> None:
    given = UserError(code="CART_EXPIRED", message='The "city" is gone.', path=[])
    assert at_fields([given], GIVEN, "address") == [given]
