"""A guest finds his order by four things that only he knows, and nobody finds it by trying."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import orjson
import pytest

from app.commerce.guest_orders import Wanted, customer_order
from app.sandbox.commerce import VERSIONS, Fault
from tests.conftest import Api
from tests.test_cart import do, shopping
from tests.test_checkout import PLACE, get_ready

ORDER = """
  number placedAt status email coupons shippingMethod paymentMethods
  lines { sku name quantity quantityShipped quantityCanceled quantityRefunded price { amount currency } total { amount } }
  totals { subtotal { amount } discounts { label amount { amount } } shipping { amount } tax { amount } grandTotal { amount currency } }
  shippingAddress { firstName lastName street city region postcode country telephone }
  billingAddress { firstName lastName street city region postcode country telephone }
"""
LOOK = f"""query Look($number: String!, $email: String!, $lastName: String!, $postcode: String) {{
  guestOrder(number: $number, email: $email, lastName: $lastName, postcode: $postcode) {{ {ORDER} }}
}}"""
RIGHT: dict[str, Any] = {"email": "jane@example.com", "lastName": "Doe", "postcode": "94601"}


async def ordered(api: Api) -> dict[str, Any]:
    """What finds an order that was just placed, with a coupon."""
    await get_ready(api)
    await do(api, 'mutation { cartApplyCoupons(codes: ["TENOFF"]) { userErrors { code } cart { quantity } } }')
    placed = await do(api, PLACE, key="an-order-to-find", agreements=["1"])
    assert placed["userErrors"] == []
    # A guest looks his order up from anywhere, without the session that placed it.
    api.client.cookies.clear()
    return {"number": placed["number"], **RIGHT}


async def look(api: Api, **wanted: Any) -> Any:
    return (await api.data(LOOK, **wanted))["guestOrder"]


JANE = {
    "firstName": "Jane",
    "lastName": "Doe",
    "street": ["1 Main St", "Apt 2"],
    "city": "Oakland",
    "region": "California",
    "postcode": "94601",
    "country": "US",
    "telephone": "555-0100",
}


@pytest.mark.parametrize("version", VERSIONS)
async def test_an_order_is_shown_alike_whichever_way_this_commerce_offers(version: str) -> None:
    async with shopping(version) as api:
        right = await ordered(api)
        api.forget()
        order = await look(api, **right)
        way = ["GuestOrder"] if version >= "2.4.7" else ["/rest/V1/orders"]
        assert [name for name in api.operations() if "token" not in name] == way
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", order.pop("placedAt"))
    label = "Ten percent off" if version >= "2.4.7" else "TENOFF"
    assert order == {
        "number": right["number"],
        "status": "Pending",
        "email": "jane@example.com",
        "coupons": ["TENOFF"],
        "shippingMethod": "Flat Rate - Fixed",
        "paymentMethods": ["Check / Money order"],
        "lines": [
            {
                "sku": "TT-C12",
                "name": "Dew Enamel Mug",
                "quantity": "2",
                "quantityShipped": "0",
                "quantityCanceled": "0",
                "quantityRefunded": "0",
                "price": {"amount": "18.00", "currency": "USD"},
                "total": {"amount": "36.00"},
            }
        ],
        "totals": {
            "subtotal": {"amount": "36.00"},
            # REST names the coupon, GraphQL its rule.
            "discounts": [{"label": label, "amount": {"amount": "3.60"}}],
            "shipping": {"amount": "10.00"},
            "tax": {"amount": "2.67"},
            "grandTotal": {"amount": "45.07", "currency": "USD"},
        },
        "shippingAddress": JANE,
        "billingAddress": JANE,
    }


@pytest.mark.parametrize("version", ["2.4.4", "2.4.7", "2.4.8", "2.4.9"])
async def test_every_mismatch_has_the_same_answer(version: str) -> None:
    async with shopping(version, order_lookups=1000, order_lookups_per_address=1000) as api:
        right = await ordered(api)
        wrong = [
            {"number": "000000999"},
            {"number": "0"},
            {"number": ""},
            {"number": "1' OR '1'='1"},
            {"number": right["number"] + "&searchCriteria[pageSize]=1"},
            {"number": "9" * 51},
            {"email": "john@example.com"},
            {"email": ""},
            {"email": "%"},
            {"lastName": "Smith"},
            {"lastName": ""},
            {"lastName": "%"},
            {"postcode": "94602"},
            {"postcode": ""},
            {"postcode": "x" * 300},
        ]
        bodies = {(await api.post(LOOK, **{**right, **each})).content for each in wrong}
        assert bodies == {b'{"data":{"guestOrder":null}}'}
        assert (await look(api, **right))["number"] == right["number"]


@pytest.mark.parametrize("version", ["2.4.4", "2.4.9"])
async def test_case_and_white_space_do_not_count(version: str) -> None:
    async with shopping(version) as api:
        right = await ordered(api)
        typed = {"number": f" {right['number']} ", "email": " JANE@example.com", "postcode": "946 01"}
        found = await look(api, **{**right, **typed})
        # Commerce itself compares the last name by its letters.
        assert found["number"] == right["number"]
        if version == "2.4.4":
            assert (await look(api, **{**right, "lastName": " doe "}))["number"] == right["number"]


@pytest.mark.parametrize("version", ["2.4.4", "2.4.9"])
async def test_an_order_of_a_customer_with_an_account_is_not_shown(version: str) -> None:
    async with shopping(version) as api:
        right = await ordered(api)
        api.commerce.orders[0].customer = 1
        assert await look(api, **right) is None


@pytest.mark.parametrize("version", ["2.4.4", "2.4.9"])
async def test_failures_are_limited_by_order_and_success_costs_nothing(version: str) -> None:
    async with shopping(version, order_lookups=3) as api:
        right = await ordered(api)
        for _ in range(5):
            assert (await look(api, **right))["number"] == right["number"]
        for _ in range(3):
            assert await look(api, **{**right, "postcode": "00000"}) is None
        api.forget()
        assert await api.codes(LOOK, **right) == ["TOO_MANY_ATTEMPTS"]
        assert await api.codes(LOOK, **{**right, "email": "JANE@EXAMPLE.COM "}) == ["TOO_MANY_ATTEMPTS"]
        assert api.commerce.requests == []
        assert await look(api, **{**right, "number": "000000999"}) is None


async def test_failures_are_limited_by_the_callers_network() -> None:
    async with shopping(order_lookups_per_address=3, trusted_proxies="127.0.0.1") as api:
        right = await ordered(api)

        async def codes(address: str, **wanted: Any) -> list[str]:
            return await api.codes(LOOK, {"X-Forwarded-For": address}, **{**right, **wanted})

        for number in range(3):
            assert await codes("203.0.113.9", number=f"00000090{number}") == []
            assert await codes(f"2001:db8:1:2::{number}", number=f"00000080{number}") == []
        assert await codes("203.0.113.9") == ["TOO_MANY_ATTEMPTS"]
        assert await codes("6.6.6.6, 203.0.113.9") == ["TOO_MANY_ATTEMPTS"]
        assert await codes("2001:db8:1:2:ffff::9") == ["TOO_MANY_ATTEMPTS"]
        assert await codes("203.0.113.10") == []
        assert await codes("2001:db8:1:3::9") == []


async def test_guessing_in_parallel_gets_no_more_tries() -> None:
    async with shopping(order_lookups=4) as api:
        right = await ordered(api)
        api.forget()
        guesses = (api.ask(LOOK, **{**right, "postcode": f"946{n:02}"}) for n in range(20, 40))
        answers = await asyncio.gather(*guesses)
        assert [answer["data"] for answer in answers].count({"guestOrder": None}) == 20
        assert sum("errors" in answer for answer in answers) == 16
        assert len(api.commerce.requests) == 4


async def test_without_credentials_an_old_commerce_says_that_it_cannot() -> None:
    async with shopping("2.4.4", commerce_admin_username="", commerce_admin_password="") as api:
        assert await api.codes(LOOK, number="000000001", **RIGHT) == ["UPSTREAM_UNSUPPORTED"]


async def test_without_a_state_to_count_in_nothing_is_looked_up() -> None:
    async with shopping(redis_state_url="") as api:
        assert await api.codes(LOOK, number="000000001", **RIGHT) == ["STATE_UNAVAILABLE"]
        assert api.commerce.requests == []


@pytest.mark.parametrize("version", ["2.4.4", "2.4.9"])
async def test_a_commerce_that_fails_is_no_mismatch(version: str) -> None:
    async with shopping(version, order_lookups=2, commerce_breaker_failures=100) as api:
        right = await ordered(api)
        api.commerce.faults.add(Fault("html_503", times=None, path="/"))
        for _ in range(3):
            assert await api.codes(LOOK, **right) == ["UPSTREAM_UNAVAILABLE"]
        api.commerce.faults.clear()
        assert (await look(api, **right))["number"] == right["number"]


def test_an_order_of_rest_without_its_optional_parts_is_an_order() -> None:
    found = customer_order({"increment_id": "1", "items": [{"name": "A", "parent_item_id": 7}, {"name": "B"}]})
    assert [item["product_name"] for item in found["items"]] == ["B"]
    assert (found["shipping_address"], found["billing_address"], found["total"]["discounts"]) == (None, None, [])
    assert not Wanted("1", "", "", "").possible
    assert not Wanted("2", "a", "b", "").fits(found)


@pytest.mark.parametrize("cached", [False, True])
async def test_an_order_is_not_looked_up_by_a_url(cached: bool) -> None:
    async with shopping(redis_cache_url="memory://" if cached else "") as api:
        wanted = {"number": "000000001", **RIGHT}
        inline = "{ " + re.sub(
            r"\$(\w+)", lambda found: orjson.dumps(wanted[found[1]]).decode(), LOOK.partition("{")[2]
        )
        for asked in (
            {"query": LOOK, "variables": orjson.dumps(wanted).decode()},
            {"query": inline},
            {"query": "query { ...F } fragment F on Query { a: " + inline.removeprefix("{ ")},
        ):
            answer = await api.client.get("/graphql", params=asked)
            [error] = answer.json()["errors"]
            assert error["extensions"]["code"] == "BAD_REQUEST"
            assert set(answer.json()["data"].values()) == {None}
            assert answer.headers["cache-control"] == "no-store"
            assert "etag" not in answer.headers
        assert api.commerce.requests == []
        assert await look(api, **wanted) is None
        assert api.operations() == ["GuestOrder"]
