"""An order put into the cart once more: the customer's own, what of it can still be bought, and nobody else's."""

from __future__ import annotations

from typing import Any

import pytest

from app.auth.sessions import Session
from app.sandbox.commerce import VERSIONS
from tests.conftest import Api
from tests.exchange_stage import customer, exchanging, guest_with, headers, lines, person, sign_in
from tests.test_account import do, order
from tests.test_cart import ADD

REORDER = """mutation ($number: String!) {
  customerReorder(number: $number) { cart { lines { sku quantity } } userErrors { code path } }
}"""


async def reorder(api: Api, session: Session, number: str) -> dict[str, Any]:
    return await do(api, session, REORDER, number=number)


def error(code: str) -> list[dict[str, Any]]:
    return [{"code": code, "path": ["number"]}]


@pytest.mark.parametrize("version", VERSIONS)
async def test_what_was_ordered_is_in_the_cart_again_beside_what_was_there(version: str) -> None:
    async with exchanging(version) as api:
        session = await sign_in(api, person())
        number = await order(api, session, "key-of-an-order-a")
        placed = len(api.commerce.orders)
        once = await reorder(api, session, f" {number} ")
        assert once == {"cart": {"lines": [{"sku": "TT-C01", "quantity": "1"}]}, "userErrors": []}
        twice = await reorder(api, session, number)
        assert twice == {"cart": {"lines": [{"sku": "TT-C01", "quantity": "2"}]}, "userErrors": []}
        assert await lines(api, session) == {"TT-C01": 2}
        # It is a cart like any other, and nothing was ordered by that.
        assert len(api.commerce.orders) == placed
        again = await order(api, session, "key-of-an-order-b")
        assert again != number
        assert [line.quantity for line in api.commerce.orders[-1].lines] == [3]


async def test_a_guests_cart_is_merged_first() -> None:
    async with exchanging() as api:
        before = await sign_in(api, person())
        number = await order(api, before, "key-of-an-order-a")
        guest = await guest_with(api, {"sku": "TT-C01", "quantity": 2})
        session = await sign_in(api, person(), session=guest)
        assert (await reorder(api, session, number))["userErrors"] == []
        assert await lines(api, session) == {"TT-C01": 3}


async def test_another_customers_order_is_as_none_and_changes_nothing() -> None:
    async with exchanging() as api:
        jane, joe = await sign_in(api, person()), await sign_in(api, person("s-2", "joe@example.com"))
        number = await order(api, jane, "key-of-an-order-a")
        await do(api, joe, ADD, lines=[{"sku": "TT-C01", "quantity": 4}])
        for asked in (number, "999", "%", "0' OR '1'='1"):
            refused = await reorder(api, joe, asked)
            assert refused["userErrors"] == error("ORDER_NOT_FOUND")
        assert await lines(api, joe) == {"TT-C01": 4}


async def test_what_is_no_longer_sold_is_told_and_the_rest_goes_in() -> None:
    async with exchanging() as api:
        session = await sign_in(api, person())
        await do(api, session, ADD, lines=[{"sku": "TT-C02"}])
        number = await order(api, session, "key-of-an-order-a")
        products = api.commerce.shop.products
        products["TT-C01"].qty = 0
        came = await reorder(api, session, number)
        assert came["userErrors"] == error("OUT_OF_STOCK")
        assert came["cart"] == {"lines": [{"sku": "TT-C02", "quantity": "1"}]}
        del products["TT-C01"]
        assert (await reorder(api, session, number))["userErrors"] == error("PRODUCT_NOT_FOUND")
        assert await lines(api, session) == {"TT-C02": 2}


@pytest.mark.parametrize("number", ["", "  ", "9" * 300])
async def test_what_can_be_no_number_is_not_asked(number: str) -> None:
    async with exchanging() as api:
        session = await sign_in(api, person())
        api.forget()
        assert [each["code"] for each in (await reorder(api, session, number))["userErrors"]] == ["BAD_USER_INPUT"]
        assert api.operations() == []


async def test_a_guest_is_told_where_to_sign_in_and_gets_no_cart() -> None:
    async with exchanging() as api:
        api.forget()
        assert await api.codes(REORDER, {"X-Vitrine": "1"}, number="000000001") == ["UNAUTHENTICATED"]
        assert api.operations() == []
        assert api.commerce.carts == {}


async def test_a_dead_token_is_minted_again_and_the_lines_go_in_once() -> None:
    async with exchanging() as api:
        session = await sign_in(api, person())
        number = await order(api, session, "key-of-an-order-a")
        await lines_or_none(api, session)
        api.commerce.shop.customer_tokens.revoke(customer(api).id)
        assert (await reorder(api, session, number))["userErrors"] == []
        assert await lines(api, session) == {"TT-C01": 1}


async def lines_or_none(api: Api, session: Session) -> None:
    await api.data("{ cart { lines { sku } } }", headers(session))
