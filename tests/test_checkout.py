"""A guest's checkout, step by step, to an order that exists once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from app.main import sessions_of
from app.sandbox.commerce import VERSIONS, Fault
from tests.conftest import Api
from tests.test_cart import UNSAFE, add, do, shopping

OAKLAND = {
    "firstName": "Jane",
    "lastName": "Doe",
    "street": ["1 Main St", "Apt 2"],
    "city": "Oakland",
    "region": "CA",
    "regionId": 12,
    "postcode": "94601",
    "country": "US",
    "telephone": "555-0100",
}
CHECKOUT = """
  email missing ready
  shippingAddress { firstName city regionCode country } billingAddress { lastName postcode }
  shippingMethods { carrier method available price { amount } } shippingMethod { carrier method price { amount } }
  paymentMethods { code } paymentMethod { code }
  cart { totals { subtotal { amount } shipping { amount } taxes { label amount { amount } } grandTotal { amount } } }
"""
PAYLOAD = f"{{ checkout {{ {CHECKOUT} }} userErrors {{ code message path }} }}"
SET_EMAIL = f"mutation E($email: String!) {{ checkoutSetEmail(email: $email) {PAYLOAD} }}"
SET_ADDRESS = (
    "mutation A($address: AddressInput!, $same: Boolean!) "
    f"{{ checkoutSetShippingAddress(address: $address, sameForBilling: $same) {PAYLOAD} }}"
)
SET_BILLING = f"mutation B($address: AddressInput!) {{ checkoutSetBillingAddress(address: $address) {PAYLOAD} }}"
SET_SHIPPING = f"mutation S($carrier: String!, $method: String!) {{ checkoutSetShippingMethod(carrier: $carrier, method: $method) {PAYLOAD} }}"
SET_PAYMENT = (
    "mutation P($code: String!, $number: String) "
    f"{{ checkoutSetPaymentMethod(code: $code, purchaseOrderNumber: $number) {PAYLOAD} }}"
)
PLACE = """mutation Place($key: String!, $agreements: [ID!]) {
  checkoutPlaceOrder(idempotencyKey: $key, agreements: $agreements) { number userErrors { code message path } }
}"""

NOTE = "The shopper agreed to: Terms and Conditions. By ordering the shopper agreed to: Privacy Notice."


async def get_ready(api: Api, *, sku: str = "TT-C12") -> None:
    """Takes every step before the order."""
    await add(api, {"sku": sku, "quantity": 2})
    assert (await do(api, SET_EMAIL, email="jane@example.com"))["userErrors"] == []
    assert (await do(api, SET_ADDRESS, address=OAKLAND, same=True))["userErrors"] == []
    assert (await do(api, SET_SHIPPING, carrier="flatrate", method="flatrate"))["userErrors"] == []
    done = await do(api, SET_PAYMENT, code="checkmo", number=None)
    assert done["checkout"]["missing"] == []
    assert done["checkout"]["ready"] is True


async def end_session(api: Api) -> None:
    """Ends the shopper's session, as a Redis that was emptied does."""
    sessions = sessions_of(api.parts)
    assert sessions is not None
    session = await sessions.open(api.client.cookies["vitrine"])
    assert session is not None
    await sessions.end(session)


@pytest.mark.parametrize("version", VERSIONS)
async def test_each_step_tells_what_is_done_and_what_is_missing(version: str) -> None:
    async with shopping(version) as api:
        await add(api, {"sku": "TT-C12", "quantity": 2})
        start = (await api.data(f"{{ checkout {{ {CHECKOUT} }} }}"))["checkout"]
        assert start["missing"] == ["EMAIL", "SHIPPING_ADDRESS", "SHIPPING_METHOD", "BILLING_ADDRESS", "PAYMENT_METHOD"]
        assert start["ready"] is False
        email = await do(api, SET_EMAIL, email=" jane@example.com ")
        assert email["checkout"]["email"] == "jane@example.com"
        address = await do(api, SET_ADDRESS, address=OAKLAND, same=False)
        assert address["checkout"]["missing"] == ["SHIPPING_METHOD", "BILLING_ADDRESS", "PAYMENT_METHOD"]
        assert address["checkout"]["shippingAddress"] == {
            "firstName": "Jane", "city": "Oakland", "regionCode": "CA", "country": "US"
        }  # fmt: skip
        assert ("flatrate", "flatrate") in {(m["carrier"], m["method"]) for m in address["checkout"]["shippingMethods"]}
        shipping = await do(api, SET_SHIPPING, carrier="flatrate", method="flatrate")
        assert shipping["checkout"]["shippingMethod"]["price"] == {"amount": "10.00"}
        billing = await do(api, SET_BILLING, address={**OAKLAND, "lastName": "Payer"})
        assert billing["checkout"]["billingAddress"] == {"lastName": "Payer", "postcode": "94601"}
        payment = await do(api, SET_PAYMENT, code="checkmo", number=None)
        assert (payment["checkout"]["missing"], payment["checkout"]["ready"]) == ([], True)
        totals = payment["checkout"]["cart"]["totals"]
        assert totals["subtotal"] == {"amount": "36.00"}
        assert totals["shipping"] == {"amount": "10.00"}
        assert totals["taxes"] == [{"label": "California sales tax", "amount": {"amount": "2.97"}}]
        assert totals["grandTotal"] == {"amount": "48.97"}


@pytest.mark.parametrize("version", VERSIONS)
async def test_an_order_is_placed_with_its_agreements_recorded(version: str) -> None:
    async with shopping(version) as api:
        await get_ready(api)
        lacking = await do(api, PLACE, key="first-order-1", agreements=[])
        assert [(error["code"], error["path"]) for error in lacking["userErrors"]] == [
            ("AGREEMENT_REQUIRED", ["agreements"])
        ]
        assert api.commerce.orders == []
        placed = await do(api, PLACE, key="first-order-1b", agreements=["1"])
        assert placed["userErrors"] == []
        [order] = api.commerce.orders
        assert placed["number"] == order.increment_id
        assert [comment["comment"] for comment in order.comments] == [NOTE]
        assert await api.data("{ cart { quantity } }") == {"cart": None}
        assert await do(api, PLACE, key="first-order-1b", agreements=["1"]) == placed
        assert len(api.commerce.orders) == 1


@pytest.mark.parametrize("version", [VERSIONS[0], VERSIONS[-1]])
async def test_an_order_without_a_billing_address_is_refused_for_its_address(version: str) -> None:
    async with shopping(version) as api:
        await add(api, {"sku": "TT-V02"})
        await do(api, SET_EMAIL, email="jane@example.com")
        refused = await do(api, PLACE, key="no-billing-address", agreements=["1"])
        assert [error["code"] for error in refused["userErrors"]] == ["ADDRESS_INVALID"]
        assert api.commerce.orders == []


@pytest.mark.parametrize(
    ("version", "deleted", "tried"),
    [("2.4.4", True, False), ("2.4.4", True, True), ("2.4.9", True, True), ("2.4.9", False, False)],
)
async def test_an_order_of_a_cart_that_is_gone_tells_so_and_nothing_of_commerce(
    version: str, deleted: bool, tried: bool
) -> None:
    async with shopping(version) as api:
        await get_ready(api)
        [(cart_id, cart)] = api.commerce.carts.items()
        if tried:
            # A refused order leaves the cart's number with the session.
            cart.email = None
            await do(api, PLACE, key="refused-at-first", agreements=["1"])
        cart.active = False
        if deleted:
            api.commerce.carts.clear()
        answer = await api.post(PLACE, UNSAFE, key="cart-is-gone", agreements=["1"])
        [error] = answer.json()["data"]["checkoutPlaceOrder"]["userErrors"]
        assert (error["code"], error["path"]) == ("CART_EXPIRED", [])
        assert cart_id not in answer.text
        again = await do(api, PLACE, key="cart-is-gone", agreements=["1"])
        assert [error["code"] for error in again["userErrors"]] == ["CART_EMPTY"]
        assert api.commerce.orders == []


async def test_a_cart_begun_after_an_order_is_never_told_to_be_that_order() -> None:
    async with shopping() as api:
        await get_ready(api)
        placed = await do(api, PLACE, key="the-first-order", agreements=["1"])
        late = await do(api, PLACE, key="a-late-second-call", agreements=["1"])
        assert late["number"] == placed["number"]
        await add(api, {"sku": "TT-C12"})
        [unordered] = [masked for masked, cart in api.commerce.carts.items() if cart.active]
        del api.commerce.carts[unordered]
        assert await api.data("{ cart { quantity } }") == {"cart": None}
        lost = await do(api, PLACE, key="the-lost-cart", agreements=["1"])
        assert (lost["number"], [error["code"] for error in lost["userErrors"]]) == (None, ["CART_EXPIRED"])


async def test_the_same_key_for_another_order_is_a_conflict() -> None:
    async with shopping() as api:
        await get_ready(api)
        await do(api, PLACE, key="one-key-for-all", agreements=["1"])
        other = await do(api, PLACE, key="one-key-for-all", agreements=["1", "2"])
        assert [error["code"] for error in other["userErrors"]] == ["IDEMPOTENCY_CONFLICT"]
        assert len(api.commerce.orders) == 1


@pytest.mark.parametrize("version", ["2.4.4", "2.4.9"])
async def test_parallel_calls_end_in_one_order_and_all_with_its_number(version: str) -> None:
    async with shopping(version) as api:
        await get_ready(api)
        answers = await asyncio.gather(*(do(api, PLACE, key=f"parallel-{n}", agreements=["1"]) for n in range(5)))
        [order] = api.commerce.orders
        assert {answer["number"] for answer in answers} == {order.increment_id}
        assert [comment["comment"] for comment in order.comments] == [NOTE]


@pytest.mark.parametrize("kind", ["place_then_hang", "error_after_place", "crash_after_place", "place_after_close"])
async def test_an_unknown_outcome_never_makes_a_second_order(kind: str) -> None:
    async with shopping("2.4.4", order_patience=1) as api:
        await get_ready(api)
        api.commerce.faults.add(Fault(kind, times=1, seconds=0.5))
        numbers = []
        for attempt in range(12):
            payload = await do(api, PLACE, key=f"unknown-{attempt}", agreements=["1"])
            if payload["number"]:
                numbers.append(payload["number"])
                break
            assert {error["code"] for error in payload["userErrors"]} <= {"ORDER_PENDING"}
        await api.commerce.settled()
        [order] = api.commerce.orders
        assert numbers == [order.increment_id]


@pytest.mark.parametrize(
    ("mutation", "variables", "code"),
    [
        (SET_EMAIL, {"email": "nope"}, "EMAIL_INVALID"),
        (SET_ADDRESS, {"address": {**OAKLAND, "country": "ZZ"}, "same": False}, "COUNTRY_INVALID"),
        (SET_ADDRESS, {"address": {**OAKLAND, "regionId": 9999}, "same": False}, "REGION_INVALID"),
        (SET_ADDRESS, {"address": {**OAKLAND, "city": " "}, "same": False}, "BAD_USER_INPUT"),
        (SET_SHIPPING, {"carrier": "nope", "method": "nope"}, "SHIPPING_METHOD_UNAVAILABLE"),
        (SET_PAYMENT, {"code": "nope"}, "PAYMENT_METHOD_UNAVAILABLE"),
        (SET_PAYMENT, {"code": "purchaseorder"}, "BAD_USER_INPUT"),
        (PLACE, {"key": "short"}, "BAD_USER_INPUT"),
    ],
)
async def test_what_cannot_be_is_a_user_error_with_its_code(
    mutation: str, variables: dict[str, Any], code: str
) -> None:
    async with shopping() as api:
        await get_ready(api)
        payload = await do(api, mutation, **variables)
        assert [error["code"] for error in payload["userErrors"]] == [code]
        assert api.commerce.orders == []


@pytest.mark.parametrize("version", VERSIONS)
async def test_an_order_without_a_billing_address_is_told_as_that_and_not_as_a_wrong_country(version: str) -> None:
    async with shopping(version) as api:
        await get_ready(api)
        for cart in api.commerce.shop.carts.by_masked.values():
            cart.billing = None
        refused = await do(api, PLACE, key="no-billing-address", agreements=["1"])
        assert [error["code"] for error in refused["userErrors"]] == ["ADDRESS_INVALID"]
        assert '"firstname" is required' in refused["userErrors"][0]["message"]


async def test_without_a_session_there_is_nothing_to_order() -> None:
    async with shopping() as api:
        payload = await do(api, PLACE, key="nothing-here", agreements=[])
        assert [error["code"] for error in payload["userErrors"]] == ["CART_EXPIRED"]
        assert api.commerce.requests == []


async def test_a_session_that_ends_while_the_order_is_placed_keeps_nobody_from_its_number() -> None:
    async with shopping("2.4.4") as api:
        await get_ready(api)
        api.commerce.faults.add(Fault("slow", match="PlaceOrder", seconds=0.2))
        placing = asyncio.create_task(do(api, PLACE, key="session-lost-1", agreements=["1"]))
        while not api.commerce.pending:
            await asyncio.sleep(0.01)
        await end_session(api)
        payload = await placing
        [order] = api.commerce.orders
        assert payload == {"number": order.increment_id, "userErrors": []}


async def test_a_session_that_ends_before_the_order_is_placed_is_told_as_one_that_was_never_there() -> None:
    async with shopping() as api:
        await get_ready(api)
        api.forget()
        api.commerce.faults.add(Fault("slow", match="Agreements", seconds=0.2))
        placing = asyncio.create_task(do(api, PLACE, key="session-lost-2", agreements=["1"]))
        while "Agreements" not in api.operations():
            await asyncio.sleep(0.01)
        await end_session(api)
        assert [error["code"] for error in (await placing)["userErrors"]] == ["CART_EXPIRED"]
        assert api.commerce.orders == []


async def test_without_rest_credentials_checkout_refuses_to_start() -> None:
    async with shopping(commerce_admin_username="", commerce_admin_password="") as api:
        await add(api, {"sku": "TT-C12"})
        data = await api.data("{ checkout { ready missing } }")
        assert data["checkout"]["ready"] is False
        api.forget()
        for step, variables in (
            (SET_EMAIL, {"email": "jane@example.com"}),
            (SET_ADDRESS, {"address": OAKLAND, "same": True}),
            (SET_BILLING, {"address": OAKLAND}),
            (SET_SHIPPING, {"carrier": "flatrate", "method": "flatrate"}),
            (SET_PAYMENT, {"code": "checkmo", "number": None}),
            (PLACE, {"key": "no-credentials", "agreements": ["1"]}),
        ):
            assert await api.codes(step, UNSAFE, **variables) == ["CHECKOUT_UNAVAILABLE"]
        assert api.commerce.requests == []
        assert api.commerce.orders == []


async def test_a_stolen_cart_id_opens_nothing() -> None:
    async with shopping() as api:
        await get_ready(api)
        [cart_id] = api.commerce.carts
        api.client.cookies.clear()
        for headers in ({"Cookie": f"vitrine={cart_id}"}, {"Authorization": f"Bearer {cart_id}"}):
            assert await api.data("{ cart { quantity } }", headers) == {"cart": None}
        assert api.commerce.orders == []


async def test_a_key_that_ordered_in_one_website_is_none_of_another() -> None:
    async with shopping() as api:
        await get_ready(api)
        placed = await do(api, PLACE, key="one-key-for-all", agreements=["1"])
        answer = await api.ask(PLACE, {**UNSAFE, "Store": "de"}, key="one-key-for-all", agreements=["1"])
        [payload] = answer["data"].values()
        assert (payload["number"], [error["code"] for error in payload["userErrors"]]) == (
            None,
            ["IDEMPOTENCY_CONFLICT"],
        )
        assert [order.increment_id for order in api.commerce.orders] == [placed["number"]]


async def test_terms_that_are_new_are_asked_for_though_the_old_ones_are_kept() -> None:
    async with shopping(redis_cache_url="memory://") as api:
        await get_ready(api)
        await api.data("{ checkout { agreements { id } } }")
        first = next(one for one in api.commerce.shop.sales.agreements if one.id == 1)
        api.commerce.shop.sales.agreements.append(replace(first, id=77, name="New terms"))
        refused = await do(api, PLACE, key="first-order-1", agreements=["1"])
        assert [error["code"] for error in refused["userErrors"]] == ["AGREEMENT_REQUIRED"]
        assert api.commerce.orders == []
        assert (await do(api, PLACE, key="first-order-2", agreements=["1", "77"]))["userErrors"] == []
