"""When an order can be placed: with lines that can be bought, and a way to pay that needs no provider."""

from __future__ import annotations

from typing import Any

import pytest

from app.sandbox.commerce import VERSIONS, Fault
from app.sandbox.commerce.carts import Cart
from app.storefront.cart import can_be_bought
from tests.conftest import Api
from tests.test_cart import add, do, shopping
from tests.test_checkout import PLACE, SET_PAYMENT, get_ready

READY = "{ checkout { ready missing cart { lines { inStock } } } }"
ELSEWHERE = "paypal_express"  # a way to pay that needs a provider


async def missing(api: Api) -> tuple[list[str], bool]:
    checkout = (await api.data("{ checkout { ready missing } }"))["checkout"]
    return checkout["missing"], checkout["ready"]


def the_cart(api: Api) -> Cart:
    [cart] = api.commerce.shop.carts.by_masked.values()
    return cart


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_cart_with_something_that_is_sold_out_by_now_is_not_ready(version: str) -> None:
    async with shopping(version) as api:
        await get_ready(api)
        sold_out = api.commerce.shop.products["TT-C12"]
        left, sold_out.qty = sold_out.qty, 0
        assert await missing(api) == (["LINES"], False)
        placed = await do(api, PLACE, key="sold-out-by-now", agreements=["1"])
        assert [error["code"] for error in placed["userErrors"]] == ["OUT_OF_STOCK"]
        sold_out.qty = left
        assert await missing(api) == ([], True)


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_cart_that_asks_for_more_than_there_is_is_not_ready_where_commerce_tells(version: str) -> None:
    async with shopping(version) as api:
        await get_ready(api)
        api.commerce.shop.products["TT-C12"].qty = 1
        # 2.4.4 says nothing of it before the order.
        assert await missing(api) == (([], True) if version == "2.4.4" else (["LINES"], False))


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_variant_that_is_sold_out_while_others_are_not_is_not_ready(version: str) -> None:
    variants = '{ product(sku: "TT-J01") { ... on ConfigurableProduct { variants { sku inStock values { uid } } } } }'
    async with shopping(version) as api:
        found = (await api.data(variants))["product"]["variants"]
        one = next(variant for variant in found if variant["inStock"])
        await add(api, {"sku": "TT-J01", "options": [value["uid"] for value in one["values"]]})
        before = (await api.data(READY))["checkout"]
        assert "LINES" not in before["missing"]
        assert before["cart"]["lines"] == [{"inStock": True}]
        api.commerce.shop.products[one["sku"]].qty = 0
        after = (await api.data(READY))["checkout"]
        assert "LINES" in after["missing"]
        assert after["cart"]["lines"] == [{"inStock": False}]


async def test_a_cart_of_which_commerce_leaves_a_line_out_is_not_ready() -> None:
    async with shopping("2.4.4") as api:
        await get_ready(api)
        await add(api, {"sku": "TT-C01"})
        api.commerce.faults.add(Fault("partial", match="Cart", at=("cart", "items", 0)))
        checkout = (await api.ask(READY))["data"]["checkout"]
        assert (checkout["missing"], checkout["ready"]) == (["LINES"], False)
        assert len(checkout["cart"]["lines"]) == 1


@pytest.mark.parametrize(
    ("line", "buyable"),
    [
        (None, False),
        ({}, True),
        ({"product": None}, True),
        ({"product": {"stock_status": "IN_STOCK"}, "errors": []}, True),
        ({"product": {"stock_status": "OUT_OF_STOCK"}}, False),
        ({"product": {"stock_status": "IN_STOCK"}, "errors": [{"code": "ITEM_QTY", "message": "x"}]}, False),
        ({"product": {"stock_status": "IN_STOCK"}, "configured_variant": {"stock_status": "OUT_OF_STOCK"}}, False),
        ({"product": {"stock_status": "IN_STOCK"}, "configured_variant": {"sku": "A-S"}}, True),
        # Commerce finds no stock of a SKU that is made of others.
        ({"product": {"stock_status": "OUT_OF_STOCK"}, "bundle_options": [{}]}, True),
        ({"product": {"stock_status": "OUT_OF_STOCK"}, "customizable_options": [{}]}, True),
        ({"product": {"stock_status": "OUT_OF_STOCK"}, "bundle_options": [{}], "errors": [{"message": "x"}]}, False),
    ],
)
def test_a_line_can_be_bought_unless_commerce_says_otherwise(line: Any, buyable: bool) -> None:
    assert can_be_bought(line) is buyable


async def test_a_way_to_pay_that_needs_a_provider_is_neither_listed_nor_taken() -> None:
    async with shopping() as api:
        api.commerce.shop.sales.payments[ELSEWHERE] = "PayPal"
        await get_ready(api)
        offered = (await api.data("{ checkout { paymentMethods { code } } }"))["checkout"]["paymentMethods"]
        assert [each["code"] for each in offered] == ["checkmo", "purchaseorder", "banktransfer", "cashondelivery"]
        api.forget()
        refused = await do(api, SET_PAYMENT, code=ELSEWHERE, number=None)
        assert [(error["code"], error["path"]) for error in refused["userErrors"]] == [
            ("PAYMENT_METHOD_UNAVAILABLE", ["code"])
        ]
        assert api.commerce.requests == []
        assert the_cart(api).payment == "checkmo"


async def test_the_settings_say_which_ways_to_pay_are_taken() -> None:
    async with shopping(offline_payment_methods=f"checkmo,{ELSEWHERE}") as api:
        api.commerce.shop.sales.payments[ELSEWHERE] = "PayPal"
        await get_ready(api)
        offered = (await api.data("{ checkout { paymentMethods { code } } }"))["checkout"]["paymentMethods"]
        assert [each["code"] for each in offered] == ["checkmo", ELSEWHERE]
        refused = await do(api, SET_PAYMENT, code="banktransfer", number=None)
        assert [error["code"] for error in refused["userErrors"]] == ["PAYMENT_METHOD_UNAVAILABLE"]
        taken = await do(api, SET_PAYMENT, code=ELSEWHERE, number=None)
        assert (taken["userErrors"], taken["checkout"]["paymentMethod"]) == ([], {"code": ELSEWHERE})


@pytest.mark.parametrize("version", ["2.4.4", "2.4.9"])
async def test_a_cart_that_is_to_be_paid_through_a_provider_is_not_ready_and_not_ordered(version: str) -> None:
    async with shopping(version) as api:
        api.commerce.shop.sales.payments[ELSEWHERE] = "PayPal"
        await get_ready(api)
        the_cart(api).payment = ELSEWHERE
        assert (await api.data("{ checkout { paymentMethod { code } } }")) == {"checkout": {"paymentMethod": None}}
        assert await missing(api) == (["PAYMENT_METHOD"], False)
        placed = await do(api, PLACE, key="paid-elsewhere", agreements=["1"])
        assert (placed["number"], [error["code"] for error in placed["userErrors"]]) == (
            None,
            ["PAYMENT_METHOD_UNAVAILABLE"],
        )
        assert api.commerce.orders == []
        await do(api, SET_PAYMENT, code="banktransfer", number=None)
        placed = await do(api, PLACE, key="paid-elsewhere", agreements=["1"])
        assert [order.increment_id for order in api.commerce.orders] == [placed["number"]]


async def test_an_order_whose_way_to_pay_cannot_be_read_is_not_placed() -> None:
    async with shopping() as api:
        await get_ready(api)
        api.commerce.faults.add(Fault("partial", match="CartPayment", at=("cart", "selected_payment_method")))
        codes = await api.codes(PLACE, {"X-Vitrine": "1"}, key="cannot-be-read", agreements=["1"])
        assert "UPSTREAM_ERROR" in codes
        assert api.commerce.orders == []
        assert "PlaceOrder" not in api.operations()


async def test_a_call_that_goes_on_with_an_order_does_not_ask_how_it_is_paid_again() -> None:
    async with shopping("2.4.4", order_patience=1) as api:
        await get_ready(api)
        api.forget()
        api.commerce.faults.add(Fault("error_after_place"))
        answers = [await do(api, PLACE, key="asked-for-twice", agreements=["1"]) for _ in range(2)]
        [order] = api.commerce.orders
        assert answers[-1]["number"] == order.increment_id
        assert api.operations().count("CartPayment") == 1
