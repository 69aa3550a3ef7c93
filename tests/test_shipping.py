"""What sending would cost before the address is complete, and picking up in a store."""

from __future__ import annotations

from typing import Any

import pytest

from app.commerce.estimates import prices
from app.sandbox.commerce import VERSIONS, Fault
from tests.conftest import Api
from tests.test_cart import UNSAFE, add, do, shopping
from tests.test_checkout import OAKLAND, PAYLOAD, PLACE, SET_ADDRESS, SET_BILLING, SET_EMAIL, SET_PAYMENT, SET_SHIPPING

TOTALS = """
  subtotal { amount currency } subtotalWithTax { amount } subtotalWithDiscount { amount }
  discounts { label amount { amount } } shipping { amount } taxes { label amount { amount } } grandTotal { amount currency }
"""
ESTIMATE = f"""query Estimate($country: String!, $region: String, $postcode: String, $carrier: String, $method: String) {{
  shippingEstimate(country: $country, region: $region, postcode: $postcode, carrier: $carrier, method: $method) {{
    methods {{ carrier method title available price {{ amount currency }} }} totals {{ {TOTALS} }}
  }}
}}"""
METHODS = """query Methods($country: String!, $region: String) {
  shippingEstimate(country: $country, region: $region) { methods { carrier price { amount } } }
}"""
PICKUPS = """query Pickups($near: String, $country: String, $radius: Int! = 100, $skus: [String!]) {
  pickupLocations(near: $near, country: $country, radius: $radius, skus: $skus) {
    total items { code name street city region postcode country latitude longitude telephone }
  }
}"""
SET_PICKUP = f"mutation Pickup($location: String!) {{ checkoutSetPickup(location: $location) {PAYLOAD} }}"
NEW = {"2.4.7", "2.4.8", "2.4.9"}


async def estimate(api: Api, **where: Any) -> Any:
    return (await api.data(ESTIMATE, **where))["shippingEstimate"]


def amounts(totals: dict[str, Any]) -> dict[str, Any]:
    """The amounts without labels, which versions word differently."""
    sums = {name: value and value["amount"] for name, value in totals.items() if not isinstance(value, list)}
    lists = {name: [each["amount"]["amount"] for each in totals[name]] for name in ("discounts", "taxes")}
    return {**sums, **lists}


@pytest.mark.parametrize("version", VERSIONS)
async def test_an_estimate_is_what_the_checkout_says_once_the_address_is_complete(version: str) -> None:
    async with shopping(version) as api:
        await add(api, {"sku": "TT-C12", "quantity": 2})
        await do(api, 'mutation { cartApplyCoupons(codes: ["TENOFF"]) { userErrors { code } cart { quantity } } }')
        api.forget()
        where = {"country": "US", "region": "CA", "postcode": "94601"}
        before = await estimate(api, **where, carrier="flatrate", method="flatrate")
        graphql = {"EstimateShipping", "EstimateTotals"} & set(api.operations())
        assert graphql == ({"EstimateShipping", "EstimateTotals"} if version in NEW else set())
        # The cart stays as it is.
        kept = await api.data("{ checkout { missing shippingMethod { carrier } cart { totals { taxes { label } } } } }")
        assert kept["checkout"]["shippingMethod"] is None
        assert kept["checkout"]["cart"]["totals"]["taxes"] == []
        assert "SHIPPING_ADDRESS" in kept["checkout"]["missing"]
        await do(api, SET_ADDRESS, address=OAKLAND, same=True)
        await do(api, SET_SHIPPING, carrier="flatrate", method="flatrate")
        after = await api.data(
            "{ checkout { shippingMethods { carrier method title available price { amount currency } }"
            f" cart {{ totals {{ {TOTALS} }} }} }} }}"
        )
        assert before["methods"] == after["checkout"]["shippingMethods"]
        assert amounts(before["totals"]) == amounts(after["checkout"]["cart"]["totals"])
        assert amounts(before["totals"]) == {
            "subtotal": "36.00",
            "subtotalWithTax": "38.97",
            "subtotalWithDiscount": "32.40",
            "discounts": ["3.60"],
            "shipping": "10.00",
            "taxes": ["2.67"],
            "grandTotal": "45.07",
        }
        assert before["totals"]["grandTotal"]["currency"] == "USD"


@pytest.mark.parametrize("version", ["2.4.4", "2.4.9"])
async def test_without_a_way_to_send_the_totals_have_no_shipping(version: str) -> None:
    async with shopping(version) as api:
        await add(api, {"sku": "TT-C12", "quantity": 2})
        found = await estimate(api, country="us", region="california")
        assert amounts(found["totals"])["grandTotal"] == "38.97"
        assert found["totals"]["shipping"] is None
        assert [each["carrier"] for each in found["methods"]] == ["instore", "flatrate", "tablerate"]


@pytest.mark.parametrize("version", ["2.4.4", "2.4.9"])
async def test_only_what_is_selected_is_asked(version: str) -> None:
    async with shopping(version) as api:
        await add(api, {"sku": "TT-C12"})
        api.forget()
        found = (await api.data(METHODS, country="DE"))["shippingEstimate"]
        assert [each["carrier"] for each in found["methods"]] == ["instore", "flatrate"]
        asked = [name.rpartition("/")[2] for name in api.operations()]
        assert asked == ["Countries", "EstimateShipping" if version in NEW else "estimate-shipping-methods"]


async def test_the_older_way_needs_no_credentials() -> None:
    async with shopping("2.4.4", commerce_admin_username="", commerce_admin_password="") as api:
        await add(api, {"sku": "TT-C12"})
        assert (await estimate(api, country="US"))["totals"]["subtotal"]["amount"] == "18.00"
        assert all("authorization" not in seen.headers for seen in api.commerce.requests)


@pytest.mark.parametrize(
    ("where", "code", "argument"),
    [
        ({"country": "XX"}, "COUNTRY_INVALID", "country"),
        ({"country": ""}, "COUNTRY_INVALID", "country"),
        ({"country": "US", "region": "Bavaria"}, "REGION_INVALID", "region"),
        ({"country": "US", "postcode": "1" * 300}, "BAD_USER_INPUT", "postcode"),
        ({"country": "U" * 300}, "BAD_USER_INPUT", "country"),
        ({"country": "US", "region": "C" * 300}, "BAD_USER_INPUT", "region"),
        ({"country": "US", "carrier": "flatrate"}, "BAD_USER_INPUT", "method"),
        ({"country": "US", "method": "flatrate"}, "BAD_USER_INPUT", "method"),
        ({"country": "DE", "carrier": "tablerate", "method": "bestway"}, "BAD_USER_INPUT", "method"),
    ],
)
@pytest.mark.parametrize("version", ["2.4.4", "2.4.9"])
async def test_a_place_or_way_that_cannot_be_is_refused_by_name(
    version: str, where: dict[str, Any], code: str, argument: str
) -> None:
    async with shopping(version) as api:
        await add(api, {"sku": "TT-C12"})
        body = await api.ask(ESTIMATE, **where)
        assert [error["extensions"] for error in body["errors"]] == [{"code": code, "argument": argument}]


@pytest.mark.parametrize("version", ["2.4.4", "2.4.9"])
async def test_without_a_cart_there_is_no_estimate_and_no_session(version: str) -> None:
    async with shopping(version) as api:
        answer = await api.post(ESTIMATE, country="US")
        assert answer.json() == {"data": {"shippingEstimate": None}}
        assert "set-cookie" not in answer.headers
        assert api.commerce.requests == []


@pytest.mark.parametrize("version", ["2.4.4", "2.4.9"])
async def test_a_cart_that_is_no_more_has_no_estimate(version: str) -> None:
    async with shopping(version) as api:
        await add(api, {"sku": "TT-C12"})
        [cart] = api.commerce.carts.values()
        cart.active = False
        assert await estimate(api, country="US") is None
        api.forget()
        assert await estimate(api, country="US") is None
        assert api.commerce.requests == []


@pytest.mark.parametrize("version", ["2.4.4", "2.4.9"])
async def test_a_commerce_that_fails_is_said_and_the_cart_kept(version: str) -> None:
    async with shopping(version) as api:
        await add(api, {"sku": "TT-C12"})
        await api.data("{ countries { regions { code } } }")
        api.commerce.faults.add(Fault("html_500", times=None, path="/rest"))
        api.commerce.faults.add(Fault("html_500", times=None, match="EstimateShipping"))
        assert await api.codes(METHODS, country="US") == ["UPSTREAM_INVALID_RESPONSE"]
        assert await api.data("{ cart { quantity } }") == {"cart": {"quantity": "1"}}


@pytest.mark.parametrize("version", ["2.4.4", "2.4.9"])
async def test_amounts_come_in_the_currency_of_the_cart(version: str) -> None:
    async with shopping(version) as api:
        api.client.headers["Content-Currency"] = "EUR"
        await add(api, {"sku": "TT-C12"})
        found = await estimate(api, country="US")
        assert {method["price"]["currency"] for method in found["methods"]} == {"EUR"}
        assert found["totals"]["grandTotal"]["currency"] == "EUR"


def test_the_grand_total_of_rest_is_that_of_its_segment() -> None:
    assert prices({"grand_total": 5, "quote_currency_code": "USD"})["grand_total"] == {"value": None, "currency": "USD"}
    told = {"grand_total": 5, "total_segments": [{"code": "grand_total", "value": 6}, {"code": "tax", "value": 1}]}
    assert prices(told)["grand_total"]["value"] == 6
    assert prices(told)["applied_taxes"] == [{"label": None, "amount": {"value": 1, "currency": None}}]


# Picking up


HARBOUR = {
    "code": "harbour",
    "name": "Harbour Store",
    "street": "12 Quay Street",
    "city": "San Francisco",
    "region": "California",
    "postcode": "94111",
    "country": "US",
    "latitude": 37.7955,
    "longitude": -122.3937,
    "telephone": "415-555-0150",
}


@pytest.mark.parametrize("version", VERSIONS)
async def test_places_to_pick_up_are_listed(version: str) -> None:
    async with shopping(version) as api:
        listed = (await api.data(PICKUPS))["pickupLocations"]
        assert listed == {"total": 1, "items": [HARBOUR]}
        near = await api.data(PICKUPS, near=" 94111 ", country="us", radius=25, skus=["TT-C12"])
        assert near["pickupLocations"]["total"] == 1
        sent = api.commerce.requests[-1].variables
        assert sent["area"] == {"radius": 25, "search_term": "94111:US"}
        assert sent["products"] == [{"sku": "TT-C12"}]
        far = await api.data(PICKUPS, near="Berlin", country="DE")
        assert far["pickupLocations"] == {"total": 0, "items": []}


@pytest.mark.parametrize(
    ("asked", "argument"),
    [
        ({"near": "Berlin"}, "near"),
        ({"country": "DE"}, "near"),
        ({"near": "a:b", "country": "DE"}, "near"),
        ({"near": " ", "country": "DE"}, "near"),
        ({"near": "Berlin", "country": "DE", "radius": 0}, "radius"),
        ({"near": "Berlin", "country": "DE", "radius": 20_001}, "radius"),
        ({"skus": []}, "skus"),
        ({"skus": ["A"] * 101}, "skus"),
    ],
)
async def test_a_search_for_places_that_cannot_be_is_refused_by_name(asked: dict[str, Any], argument: str) -> None:
    async with shopping() as api:
        body = await api.ask(PICKUPS, **asked)
        assert body["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT", "argument": argument}
        assert api.commerce.requests == []


@pytest.mark.parametrize("version", VERSIONS)
async def test_an_order_that_is_picked_up(version: str) -> None:
    async with shopping(version) as api:
        await add(api, {"sku": "TT-C12", "quantity": 2})
        await do(api, SET_EMAIL, email="jane@example.com")
        chosen = await do(api, SET_PICKUP, location="harbour")
        assert chosen["userErrors"] == []
        checkout = chosen["checkout"]
        assert checkout["shippingMethod"] == {"carrier": "instore", "method": "pickup", "price": {"amount": "0.00"}}
        assert checkout["shippingAddress"]["city"] == "San Francisco"
        assert checkout["missing"] == ["BILLING_ADDRESS", "PAYMENT_METHOD"]
        where = await api.data("{ checkout { shippingAddress { pickupLocation } } }")
        assert where["checkout"]["shippingAddress"]["pickupLocation"] == "harbour"
        await do(api, SET_BILLING, address=OAKLAND)
        await do(api, SET_PAYMENT, code="checkmo", number=None)
        placed = await do(api, PLACE, key="picked-up-order", agreements=["1"])
        assert placed["userErrors"] == []
        [order] = api.commerce.orders
        assert (order.increment_id, order.method, order.shipping_amount) == (placed["number"], "instore_pickup", 0)


@pytest.mark.parametrize("version", ["2.4.4", "2.4.9"])
async def test_a_place_that_is_none_changes_nothing(version: str) -> None:
    async with shopping(version) as api:
        await add(api, {"sku": "TT-C12"})
        await do(api, SET_ADDRESS, address=OAKLAND, same=True)
        refused = await do(api, SET_PICKUP, location="nowhere")
        assert [(error["code"], error["path"]) for error in refused["userErrors"]] == [
            ("PICKUP_LOCATION_UNAVAILABLE", ["location"])
        ]
        assert refused["checkout"]["shippingAddress"]["city"] == "Oakland"
        assert api.operations()[-2:] == ["SetShippingAddress", "Cart"]


# Gift messages


GIFT = """mutation Gift($message: GiftMessageInput!) {
  cartSetGiftMessage(message: $message) { cart { giftMessage { sender recipient message } } userErrors { code path } }
}"""
WISHES = {"sender": "Jane", "recipient": "John", "message": "Happy birthday"}


@pytest.mark.parametrize("version", [version for version in VERSIONS if version != "2.4.4"])
async def test_a_message_for_the_whole_cart_leaves_other_gift_options_alone(version: str) -> None:
    async with shopping(version) as api:
        await add(api, {"sku": "TT-C12"})
        [cart] = api.commerce.carts.values()
        cart.gift = {"gift_receipt_included": True, "printed_card_included": True}
        assert await do(api, GIFT, message=WISHES) == {"cart": {"giftMessage": WISHES}, "userErrors": []}
        assert (cart.gift["gift_receipt_included"], cart.gift["printed_card_included"]) == (True, True)
        assert (await api.data("{ cart { giftMessage { message } } }"))["cart"]["giftMessage"][
            "message"
        ] == "Happy birthday"


async def test_a_commerce_without_gift_options_says_so() -> None:
    async with shopping("2.4.4") as api:
        await add(api, {"sku": "TT-C12"})
        assert await api.codes(GIFT, UNSAFE, message=WISHES) == ["UPSTREAM_UNSUPPORTED"]
        assert await api.data("{ cart { giftMessage { message } } }") == {"cart": {"giftMessage": None}}


async def test_a_message_without_a_cart_is_refused() -> None:
    async with shopping() as api:
        refused = await do(api, GIFT, message=WISHES)
        assert refused == {"cart": None, "userErrors": [{"code": "CART_EMPTY", "path": ["message"]}]}
        assert api.commerce.requests == []
