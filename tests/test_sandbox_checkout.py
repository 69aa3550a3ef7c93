"""The stand-in Commerce's checkout: from a filled cart to an order, in each version's words."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from app.sandbox.commerce import Commerce
from app.sandbox.commerce.ordering import IN_PROCESS

from .sandbox_client import AUSTIN, FLAT, OAKLAND, Shopper, data, error, selling, send, shopper

REQUIRED = '"{}" is required. Enter and try again.'
V2 = "orderV2 { number token status total { grand_total { value } } } errors { code message }"


@pytest.fixture
async def guest() -> Shopper:
    found = await shopper(selling("2.4.4"))
    await found.add("TT-C12", 2)
    return found


async def filled(commerce: Commerce, sku: str = "TT-C12", quantity: float = 2) -> Shopper:
    """A guest whose cart can be ordered."""
    found = await shopper(commerce)
    await found.add(sku, quantity)
    await found.ready()
    return found


def message(reply: dict[str, Any]) -> tuple[str, str]:
    (only,) = reply["errors"]
    return only["message"], only["extensions"]["category"]


# E-mail and addresses


async def test_an_email_is_set_and_checked(guest: Shopper) -> None:
    assert (await guest.do("setGuestEmailOnCart", email="guest@example.com"))["email"] == "guest@example.com"
    assert await guest.fail("setGuestEmailOnCart", email="nope") == (
        "Invalid email format",
        "graphql-input",
        ["setGuestEmailOnCart"],
    )


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"country_code": "ZZ"}, "Country is not available"),
        ({"region": "XX", "region_id": 9999}, "The region_id does not match the selected country or region"),
        ({"region": "Texas", "region_id": 57}, "The region_id does not match the selected country or region"),
        ({"region": "NY", "region_id": 57}, "The region_id does not match the selected country or region"),
        ({"region": "AE", "region_id": None}, "Region input is ambiguous. Specify region_id."),
        ({"region": None, "region_id": None}, "Region is required."),
        (
            {"country_code": "DE", "region": None, "region_id": 57},
            "The specified region is not a part of the selected country or region",
        ),
    ],
)
async def test_an_address_that_cannot_be_is_refused(guest: Shopper, changed: dict[str, Any], text: str) -> None:
    given = [{"address": {**AUSTIN, **changed}}]
    assert await guest.fail("setShippingAddressesOnCart", shipping_addresses=given) == (
        text,
        "graphql-input",
        ["setShippingAddressesOnCart"],
    )
    assert (await guest.read())["shipping_addresses"] == []


async def test_a_missing_field_is_an_error_without_a_path(guest: Shopper) -> None:
    given = [{"address": {**AUSTIN, "city": ""}}]
    refused = await guest.fail("setShippingAddressesOnCart", shipping_addresses=given)
    assert refused == (REQUIRED.format("city"), "graphql-input", None)


@pytest.mark.parametrize("text", ["XX", "Texas"])
async def test_where_a_region_is_required_it_is_found_by_its_code_only(guest: Shopper, text: str) -> None:
    given = [{"address": {**AUSTIN, "region": text, "region_id": None}}]
    refused = await guest.fail("setShippingAddressesOnCart", shipping_addresses=given)
    assert refused == (REQUIRED.format("regionId"), "graphql-input", None)
    assert (await guest.read())["shipping_addresses"] == []


@pytest.mark.parametrize(
    ("changed", "region"),
    [
        ({"region": "tx", "region_id": None}, {"code": "TX", "label": "Texas"}),
        ({"region": None}, {"code": "TX", "label": "Texas"}),
        ({"region": "AE", "region_id": 9}, {"code": "AE", "label": "Armed Forces Europe"}),
        ({"country_code": "DE", "region": "BAY", "region_id": None}, {"code": "BAY", "label": "Bayern"}),
        # Where no region is required, a name is kept as it is, and is no region that taxes know.
        ({"country_code": "DE", "region": "Bayern", "region_id": None}, {"code": "Bayern", "label": "Bayern"}),
        ({"country_code": "DE", "region": "Hessen", "region_id": 81}, {"code": "BAY", "label": "Bayern"}),
        ({"country_code": "FR", "region": "Alsace", "region_id": None}, {"code": "Alsace", "label": "Alsace"}),
        ({"country_code": "DE", "region": None, "region_id": None}, {"code": None, "label": None}),
    ],
)
async def test_a_region_is_kept_as_its_code_or_number_says(
    guest: Shopper, changed: dict[str, Any], region: dict[str, Any]
) -> None:
    (address,) = (await guest.ship_to({**AUSTIN, **changed}))["shipping_addresses"]
    assert address["region"] == region


async def test_a_shipping_address_brings_ways_to_ship(guest: Shopper) -> None:
    (address,) = (await guest.ship_to(AUSTIN))["shipping_addresses"]
    assert address == {
        "city": "Austin",
        "region": {"code": "TX", "label": "Texas"},
        "country": {"code": "US", "label": "US"},
        "available_shipping_methods": [
            {"carrier_code": "instore", "method_code": "pickup", "amount": {"value": 0}},
            {"carrier_code": "flatrate", "method_code": "flatrate", "amount": {"value": 10}},
            {"carrier_code": "tablerate", "method_code": "bestway", "amount": {"value": 15}},
        ],
        "selected_shipping_method": None,
    }
    assert await guest.fail(
        "setShippingMethodsOnCart", shipping_methods=[{"carrier_code": "nope", "method_code": "nope"}]
    ) == ("Carrier with such method not found: nope, nope", "graphql-no-such-entity", ["setShippingMethodsOnCart"])
    cart = await guest.do("setShippingMethodsOnCart", shipping_methods=[FLAT])
    assert cart["prices"]["grand_total"]["value"] == 46
    assert cart["shipping_addresses"][0]["selected_shipping_method"] == {**FLAT, "amount": {"value": 10}}


async def test_a_dear_cart_travels_free(guest: Shopper) -> None:
    await guest.add("TT-C02", 1)
    (address,) = (await guest.ship_to(AUSTIN))["shipping_addresses"]
    assert {"carrier_code": "freeshipping", "method_code": "freeshipping", "amount": {"value": 0}} in address[
        "available_shipping_methods"
    ]


async def test_virtual_goods_need_no_shipping_address_but_a_billing_address(guest: Shopper) -> None:
    virtual = await shopper(guest.commerce)
    assert (await virtual.add("TT-V01", 1))["is_virtual"] is True
    assert (await virtual.fail("setShippingAddressesOnCart", shipping_addresses=[{"address": AUSTIN}]))[:2] == (
        "Shipping address is not allowed on cart: cart contains no items for shipment.",
        "graphql-no-such-entity",
    )
    assert (await virtual.fail("setPaymentMethodOnCart", payment_method={"code": "checkmo"}))[:2] == (
        "The billing address is missing. Set the address and try again.",
        "graphql-input",
    )
    await virtual.do("setGuestEmailOnCart", email="v@example.com")
    await virtual.do("setBillingAddressOnCart", billing_address={"address": OAKLAND})
    cart = await virtual.do("setPaymentMethodOnCart", payment_method={"code": "banktransfer"})
    assert cart["prices"]["grand_total"]["value"] == 102.84
    assert (await virtual.place())["data"]["placeOrder"]["order"] == {"order_number": "000000001"}


async def test_billing_is_its_own_or_the_shipping_address(guest: Shopper) -> None:
    text = 'Could not use the "same_as_shipping" option, because the shipping address has not been set.'
    assert (await guest.fail("setBillingAddressOnCart", billing_address={"same_as_shipping": True}))[0] == text
    await guest.ship_to(AUSTIN)
    cart = await guest.do("setBillingAddressOnCart", billing_address={"same_as_shipping": True})
    assert cart["billing_address"] == {"city": "Austin"}
    cart = await guest.do("setBillingAddressOnCart", billing_address={"address": OAKLAND})
    assert cart["billing_address"] == {"city": "Oakland"}


async def test_ways_to_pay(guest: Shopper) -> None:
    assert (await guest.fail("setPaymentMethodOnCart", payment_method={"code": "checkmo"}))[:2] == (
        "The shipping address is missing. Set the address and try again.",
        "graphql-input",
    )
    await guest.ship_to(AUSTIN)
    for code in ("nope", "free"):
        assert (await guest.fail("setPaymentMethodOnCart", payment_method={"code": code}))[:2] == (
            "The requested Payment Method is not available.",
            "graphql-input",
        )
    for given, number in (({}, None), ({"purchase_order_number": "PO-1"}, "PO-1"), ({}, "PO-1")):
        cart = await guest.do("setPaymentMethodOnCart", payment_method={"code": "purchaseorder", **given})
        assert cart["selected_payment_method"] == {
            "code": "purchaseorder",
            "title": "Purchase Order",
            "purchase_order_number": number,
        }


async def test_what_costs_nothing_can_be_had_for_nothing() -> None:
    commerce = selling("2.4.4")
    commerce.shop.set_price("TT-V04", 0)
    guest = await shopper(commerce)
    cart = await guest.add("TT-V04")
    assert [m["code"] for m in cart["available_payment_methods"]][-1] == "free"
    await guest.do("setGuestEmailOnCart", email="v@example.com")
    await guest.do("setBillingAddressOnCart", billing_address={"address": OAKLAND})
    await guest.do("setPaymentMethodOnCart", payment_method={"code": "free"})
    assert "errors" not in await guest.place()


# Placing


async def test_an_order_asks_for_one_thing_after_the_other(guest: Shopper) -> None:
    assert message(await guest.place()) == ("Guest email for cart is missing.", "graphql-input")
    await guest.do("setGuestEmailOnCart", email="guest@example.com")
    unable = "Unable to place order: "
    billing = ["firstname", "lastname", "street", "city", "telephone", "postcode", "countryId"]
    for text, step, given in (
        (
            "Some addresses can't be used due to the configurations for specific countries.",
            "setShippingAddressesOnCart",
            {"shipping_addresses": [{"address": AUSTIN}]},
        ),
        (
            "The shipping method is missing. Select the shipping method and try again.",
            "setShippingMethodsOnCart",
            {"shipping_methods": [FLAT]},
        ),
        (
            " ".join(["Please check the billing address information.", *map(REQUIRED.format, billing)]),
            "setBillingAddressOnCart",
            {"billing_address": {"same_as_shipping": True}},
        ),
        (
            "Enter a valid payment method and try again.",
            "setPaymentMethodOnCart",
            {"payment_method": {"code": "checkmo"}},
        ),
    ):
        assert message(await guest.place()) == (f"{unable}{text}", "graphql-input")
        await guest.do(step, **given)
    assert (await guest.place())["data"] == {"placeOrder": {"order": {"order_number": "000000001"}}}
    (order,) = guest.commerce.orders
    assert (order.increment_id, order.quote_id, order.grand_total, order.status) == ("000000001", 1, 46, "pending")
    assert [(line.sku, line.quantity, line.row_total) for line in order.lines] == [("TT-C12", 2, 36)]


async def test_after_the_order_the_cart_is_closed_and_the_goods_are_gone(guest: Shopper) -> None:
    await guest.ready()
    before = guest.commerce.shop.products["TT-C12"].qty
    await guest.place()
    closed = ("The cart isn't active.", "graphql-no-such-entity")
    assert message(await guest.place()) == closed
    assert (await guest.fail("setGuestEmailOnCart", email="a@example.com"))[:2] == closed
    assert guest.commerce.shop.products["TT-C12"].qty == before - 2
    assert len(guest.commerce.orders) == 1


async def test_what_sold_out_meanwhile_cannot_be_ordered() -> None:
    commerce = selling("2.4.4")
    guest = await filled(commerce)
    commerce.shop.set_stock("TT-C12", 1)
    assert message(await guest.place())[0] == "Unable to place order: The requested qty is not available"
    commerce.shop.set_stock("TT-C12", 0, in_stock=False)
    assert message(await guest.place())[0] == "Unable to place order: Some of the products are out of stock."
    assert commerce.orders == []


async def test_three_calls_at_once_make_three_orders_of_one_cart_in_2_4_4() -> None:
    commerce = selling("2.4.4", place_seconds=0.05)
    guest = await filled(commerce)
    replies = await asyncio.gather(*(guest.place() for _ in range(3)))
    numbers = [reply["data"]["placeOrder"]["order"]["order_number"] for reply in replies]
    assert sorted(numbers) == ["000000001", "000000002", "000000003"]
    assert {order.quote_id for order in commerce.orders} == {1}


@pytest.mark.parametrize("version", ["2.4.7", "2.4.8", "2.4.9"])
async def test_a_lock_holds_a_second_call_off_from_2_4_7_on(version: str) -> None:
    commerce = selling(version, place_seconds=0.05)
    guest = await filled(commerce)
    replies = await asyncio.gather(*(guest.place(V2) for _ in range(3)))
    refused = [message(reply) for reply in replies if "errors" in reply]
    assert refused == [(IN_PROCESS, "graphql-already-exists")] * 2
    assert len(commerce.orders) == 1


async def test_errors_of_placing_are_in_the_output_in_2_4_7_and_at_the_top_in_2_4_9() -> None:
    for version in ("2.4.7", "2.4.8"):
        guest = await shopper(selling(version))
        reply = await guest.place(V2)
        text = "Guest email for cart is missing."
        errors = [{"code": "GUEST_EMAIL_MISSING", "message": text}]
        assert reply == {"data": {"placeOrder": {"orderV2": None, "errors": errors}}}
    guest = await shopper(selling("2.4.9"))
    (only,) = (await guest.place(V2))["errors"]
    assert only["extensions"] == {"category": "graphql-input", "error_code": "GUEST_EMAIL_MISSING"}
    guest = await filled(guest.commerce)
    await guest.place(V2)
    (only,) = (await guest.place(V2))["errors"]
    assert (only["message"], only["extensions"]["error_code"]) == ("The cart isn't active.", "CART_NOT_ACTIVE")


async def test_newer_versions_give_the_whole_order() -> None:
    guest = await filled(selling("2.4.9"))
    placed = (await guest.place(V2))["data"]["placeOrder"]
    assert placed["errors"] in (None, [])
    assert (placed["orderV2"]["number"], placed["orderV2"]["status"]) == ("000000001", "Pending")
    assert placed["orderV2"]["total"] == {"grand_total": {"value": 46}}


async def test_other_store_views_have_numbers_of_their_own_and_their_currency() -> None:
    commerce = selling("2.4.4")
    guest = await shopper(commerce, Store="de")
    await guest.add("TT-C12", 2)
    await guest.ready()
    assert (await guest.place())["data"]["placeOrder"]["order"] == {"order_number": "2000000001"}
    (order,) = commerce.orders
    assert (order.currency, order.grand_total, order.store_id) == ("EUR", 42.32, 2)


# Estimates, agreements, pickup, look-up


async def test_an_estimate_leaves_the_cart_as_it_is() -> None:
    guest = await shopper(selling("2.4.7"))
    await guest.add("TT-C12", 2)
    where = {"country_code": "US", "postcode": "94601", "region": {"region_code": "CA"}}
    query = (
        "mutation($i: EstimateTotalsInput!) { estimateShippingMethods(input: $i) { carrier_code amount { value } } }"
    )
    found = await data(guest.commerce, query, {"i": {"cart_id": guest.cart, "address": where}})
    assert found["estimateShippingMethods"][1] == {"carrier_code": "flatrate", "amount": {"value": 10}}
    query = (
        "mutation($i: EstimateTotalsInput!) { estimateTotals(input: $i) { cart { prices { grand_total { value } } } } }"
    )
    given = {"cart_id": guest.cart, "address": where, "shipping_method": FLAT}
    found = await data(guest.commerce, query, {"i": given})
    assert found["estimateTotals"]["cart"]["prices"]["grand_total"]["value"] == 48.97
    cart = await guest.read()
    assert (cart["prices"]["grand_total"]["value"], cart["shipping_addresses"]) == (36, [])


async def test_an_estimate_over_rest_asks_for_no_token(guest: Shopper) -> None:
    path = f"/rest/V1/guest-carts/{guest.cart}/estimate-shipping-methods"
    where = {"address": {"country_id": "DE", "postcode": "10115"}}
    reply = await send(guest.commerce, path=path, json=where)
    assert reply.json()[1] == {
        "carrier_code": "flatrate",
        "method_code": "flatrate",
        "carrier_title": "Flat Rate",
        "method_title": "Fixed",
        "amount": 10,
        "base_amount": 10,
        "available": True,
        "error_message": "",
        "price_excl_tax": 10,
        "price_incl_tax": 10,
    }
    reply = await send(guest.commerce, path=path.replace(guest.cart, "nope"), json=where)
    assert (reply.status_code, reply.json()["message"]) == (404, "No such entity with %fieldName = %fieldValue")


async def test_agreements_are_shown_in_the_shops_language() -> None:
    query = "{ checkoutAgreements { agreement_id name mode is_html checkbox_text } }"
    found = (await data(selling("2.4.4"), query, Store="de"))["checkoutAgreements"]
    assert [(one["agreement_id"], one["name"], one["mode"]) for one in found] == [
        (1, "Allgemeine Geschäftsbedingungen", "MANUAL"),
        (2, "Datenschutzhinweis", "AUTO"),
    ]


async def test_an_order_can_be_collected_where_a_shop_offers_it(guest: Shopper) -> None:
    query = "{ pickupLocations { total_count items { pickup_location_code name city } } }"
    assert (await data(guest.commerce, query))["pickupLocations"] == {
        "total_count": 1,
        "items": [{"pickup_location_code": "harbour", "name": "Harbour Store", "city": "San Francisco"}],
    }
    assert (await data(guest.commerce, query, Store="de"))["pickupLocations"]["total_count"] == 0
    await guest.ready()
    method = {"carrier_code": "instore", "method_code": "pickup"}
    await guest.do("setShippingMethodsOnCart", shipping_methods=[method])
    assert message(await guest.place())[0] == "Unable to place order: Quote does not have Pickup Location assigned."
    given = [{"pickup_location_code": "harbour"}]
    (address,) = (await guest.do("setShippingAddressesOnCart", shipping_addresses=given))["shipping_addresses"]
    assert (address["city"], address["selected_shipping_method"]) == (
        "San Francisco",
        {**method, "amount": {"value": 0}},
    )
    await guest.ship_to(AUSTIN, pickup_location_code="harbour")
    await guest.place()
    (order,) = guest.commerce.orders
    assert order.shipping is not None
    assert (order.shipping.firstname, order.shipping.city, order.grand_total) == ("Jane", "San Francisco", 38.97)


@pytest.mark.parametrize(
    ("version", "input_type", "right", "wrong"),
    [
        ("2.4.7", "OrderInformationInput", {"postcode": "78701"}, {"postcode": "1"}),
        ("2.4.8", "OrderInformationInput", {"lastname": "Doe"}, {"lastname": "Roe"}),
        ("2.4.9", "GuestOrderInformationInput", {"lastname": "Doe"}, {"lastname": "Roe"}),
    ],
)
async def test_a_guest_finds_an_order_again(
    version: str, input_type: str, right: dict[str, str], wrong: dict[str, str]
) -> None:
    guest = await filled(selling(version))
    await guest.place(V2)
    query = f"query($i: {input_type}!) {{ guestOrder(input: $i) {{ number total {{ grand_total {{ value }} }} }} }}"
    given = {"number": "000000001", "email": "jane@example.com"}
    found = (await data(guest.commerce, query, {"i": {**given, **right}}))["guestOrder"]
    assert found == {"number": "000000001", "total": {"grand_total": {"value": 46}}}
    for other in ({**given, **wrong}, {**given, **right, "email": "x@example.com"}, {**given, **right, "number": "9"}):
        assert (await error(guest.commerce, query, {"i": other}))[:2] == (
            "We couldn't locate an order with the information provided.",
            "graphql-no-such-entity",
        )


async def test_an_address_that_has_an_account_is_not_available() -> None:
    commerce = selling("2.4.4")
    query = "query($e: String!) { isEmailAvailable(email: $e) { is_email_available } }"
    for email, free in (("ada@example.com", False), ("new@example.com", True)):
        assert (await data(commerce, query, {"e": email}))["isEmailAvailable"] == {"is_email_available": free}
