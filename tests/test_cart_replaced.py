"""A cart that is no more: whatever finds it out, a fresh one takes its place and the frontend is told once."""

from __future__ import annotations

import asyncio
from typing import Any

import graphql
import pytest

from app.sandbox.commerce import Fault
from tests.conftest import Api
from tests.shoppers import codes, schema, writes
from tests.test_cart import UNSAFE, add, do, shopping
from tests.test_checkout import PLACE, SET_EMAIL, get_ready

TOLD, EMPTY = ["CART_EXPIRED"], ["CART_EMPTY"]
QUERIES = {"cart": "{ cart { quantity } }", "checkout": "{ checkout { ready } }"}
BOTH = "{ cart { quantity } checkout { ready } }"
# What each mutation says when there is no cart.
WITHOUT = dict.fromkeys(writes(""), EMPTY) | {"cartAdd": [], "cartClear": []}


def lose(api: Api, how: str) -> None:
    """Ends all carts behind the API's back."""
    for cart in api.commerce.carts.values():
        cart.active = False
    if how == "vanished":
        api.commerce.carts.clear()


async def with_a_cart(api: Api) -> str:
    """Somebody new, with one line in the cart; gives its uid."""
    api.client.cookies.clear()
    [line] = (await add(api, {"sku": "TT-C12"}))["cart"]["lines"]
    return str(line["uid"])


@pytest.mark.parametrize("how", ["vanished", "ordered elsewhere"])
@pytest.mark.parametrize("version", ["2.4.4", "2.4.9"])
async def test_every_change_that_meets_a_lost_cart_tells_it_once(version: str, how: str) -> None:
    first, second, third = {}, {}, {}
    async with shopping(version) as api:
        for name in writes(""):
            write, variables = writes(await with_a_cart(api))[name]
            lose(api, how)
            first[name] = codes(await api.ask(write, UNSAFE, **variables))
            second[name] = codes(await api.ask(write, UNSAFE, **variables))
            third[name] = (await add(api, {"sku": "TT-C03"}))["userErrors"]
    assert first == dict.fromkeys(WITHOUT, TOLD)
    assert second == WITHOUT
    assert third == {name: [] for name in WITHOUT}


@pytest.mark.parametrize("how", ["vanished", "ordered elsewhere"])
@pytest.mark.parametrize("query", [*QUERIES.values(), BOTH])
async def test_after_a_query_that_finds_no_cart_any_more_the_next_change_tells_it_once(query: str, how: str) -> None:
    first, second = {}, {}
    async with shopping() as api:
        for name in writes(""):
            write, variables = writes(await with_a_cart(api))[name]
            lose(api, how)
            for _ in range(2):
                assert set((await api.data(query)).values()) == {None}
            first[name] = codes(await api.ask(write, UNSAFE, **variables))
            second[name] = codes(await api.ask(write, UNSAFE, **variables))
    assert first == dict.fromkeys(WITHOUT, TOLD)
    assert second == WITHOUT


def test_no_query_that_shows_a_cart_is_left_out() -> None:
    query = schema().query_type
    assert query is not None
    shown = {
        name for name, field in query.fields.items() if str(graphql.get_named_type(field.type)) in ("Cart", "Checkout")
    }
    assert shown == set(QUERIES)


@pytest.mark.parametrize("looked", [False, True])
async def test_lines_go_into_the_fresh_cart_and_none_of_the_old_ones_comes_back(looked: bool) -> None:
    async with shopping() as api:
        for lines in (["TT-C01"], ["TT-C01", "TT-C03"]):
            await with_a_cart(api)
            lose(api, "vanished")
            if looked:
                assert await api.data(QUERIES["cart"]) == {"cart": None}
            payload = await add(api, *({"sku": sku} for sku in lines))
            assert [error["code"] for error in payload["userErrors"]] == TOLD
            assert payload["added"] == [True] * len(lines)
            assert [line["sku"] for line in payload["cart"]["lines"]] == lines


async def test_the_loss_is_told_beside_what_else_is_wrong() -> None:
    async with shopping() as api:
        await with_a_cart(api)
        lose(api, "vanished")
        payload = await add(api, {"sku": "TT-C13"})
        assert [error["code"] for error in payload["userErrors"]] == ["CART_EXPIRED", "OUT_OF_STOCK"]
        assert (await add(api, {"sku": "TT-C12"}))["userErrors"] == []


async def test_of_changes_in_parallel_one_tells_and_all_end_in_one_cart() -> None:
    async with shopping() as api:
        await with_a_cart(api)
        lose(api, "vanished")
        payloads = await asyncio.gather(*(add(api, {"sku": sku}) for sku in ("TT-C12", "TT-C01", "TT-C03")))
        told = [error["code"] for payload in payloads for error in payload["userErrors"]]
        assert told == TOLD
        assert (await api.data(QUERIES["cart"])) == {"cart": {"quantity": "3"}}
        assert len(api.commerce.carts) == 1


async def test_a_cart_of_another_website_is_not_told_of() -> None:
    async with shopping() as api:
        await with_a_cart(api)
        lose(api, "vanished")
        assert await api.data(QUERIES["cart"]) == {"cart": None}
        europe = {**UNSAFE, "Store": "de"}
        elsewhere = "mutation { cartClear { userErrors { code } } }"
        assert codes(await api.ask(elsewhere, europe)) == []
        assert codes(await api.ask(elsewhere, UNSAFE)) == TOLD
        assert codes(await api.ask(elsewhere, europe)) == []


async def order(api: Api, key: str) -> dict[str, Any]:
    return await do(api, PLACE, key=key, agreements=["1"])


async def test_a_cart_that_this_shopper_ordered_is_replaced_without_a_word() -> None:
    async with shopping() as api:
        await get_ready(api)
        assert (await order(api, "ordered-here"))["userErrors"] == []
        assert await api.data(BOTH) == {"cart": None, "checkout": None}
        payload = await add(api, {"sku": "TT-C01"})
        assert payload["userErrors"] == []
        assert [line["sku"] for line in payload["cart"]["lines"]] == ["TT-C01"]


async def test_the_number_of_an_order_before_is_no_answer_for_a_cart_that_was_lost() -> None:
    async with shopping() as api:
        await get_ready(api)
        assert (await order(api, "the-first-cart"))["number"] == api.commerce.orders[0].increment_id
        await get_ready(api)
        lose(api, "vanished")
        assert await api.data(QUERIES["checkout"]) == {"checkout": None}
        answers = [await order(api, f"the-second-cart-{n}") for n in range(2)]
        assert [answer["number"] for answer in answers] == [None, None]
        assert [[error["code"] for error in answer["userErrors"]] for answer in answers] == [TOLD, EMPTY]
        assert len(api.commerce.orders) == 1


@pytest.mark.parametrize("version", ["2.4.4", "2.4.9"])
async def test_an_order_of_a_cart_that_vanished_after_a_refused_one_tells_it_without_the_carts_id(version: str) -> None:
    async with shopping(version) as api:
        await get_ready(api)
        [cart] = api.commerce.carts.values()
        cart.email = None
        assert [error["code"] for error in (await order(api, "without-an-email"))["userErrors"]] == ["EMAIL_INVALID"]
        lose(api, "vanished")
        answer = await api.post(PLACE, UNSAFE, key="without-a-cart", agreements=["1"])
        assert codes(answer.json()) == TOLD
        assert cart.masked not in answer.text
        assert [error["code"] for error in (await order(api, "without-a-cart"))["userErrors"]] == EMPTY
        assert api.commerce.orders == []


@pytest.mark.parametrize("between", ["looks", "changes", "both"])
async def test_an_order_of_unknown_outcome_gives_its_number_whatever_the_shopper_does_meanwhile(between: str) -> None:
    async with shopping("2.4.4", order_patience=5) as api:
        await get_ready(api)
        api.commerce.faults.add(Fault("place_then_hang", times=1, patience=1))
        given_up = asyncio.create_task(order(api, "nobody-waits-for-it"))
        while not api.commerce.orders:
            await asyncio.sleep(0.05)
        given_up.cancel()
        await asyncio.wait([given_up])
        if between != "changes":
            assert await api.data(BOTH) == {"cart": None, "checkout": None}
        if between != "looks":
            changed = await do(api, SET_EMAIL, email="jane@example.com")
            assert [error["code"] for error in changed["userErrors"]] == TOLD
        [placed] = api.commerce.orders
        for key in ("nobody-waits-for-it", "another-key"):
            assert await order(api, key) == {"number": placed.increment_id, "userErrors": []}
        assert (await add(api, {"sku": "TT-C01"}))["userErrors"] == []
        assert len(api.commerce.orders) == 1


async def test_a_key_is_about_the_same_cart_whatever_the_shopper_began_since() -> None:
    """Its order was pending; then he filled another cart, and asked again as he was told to."""
    async with shopping("2.4.4", order_patience=0.6) as api:
        await get_ready(api)
        fault = api.commerce.faults.add(Fault("place_after_close", times=1, seconds=0.9))
        while not fault.fired:
            pending = await do(api, PLACE, key="the-first-cart", agreements=["1"])
            assert [error["code"] for error in pending["userErrors"]] == ["ORDER_PENDING"]
        await api.commerce.settled()
        [order] = api.commerce.orders
        for _ in range(2):
            await add(api, {"sku": "TT-C12"})
        for _ in range(3):
            again = await do(api, PLACE, key="the-first-cart", agreements=["1"])
            assert (again["number"], again["userErrors"]) == (order.increment_id, [])
        assert len(api.commerce.orders) == 1
        assert await api.data("{ cart { quantity } }") == {"cart": {"quantity": "2"}}


@pytest.mark.parametrize("how", ["vanished", "ordered elsewhere"])
@pytest.mark.parametrize("version", ["2.4.4", "2.4.9"])
async def test_an_order_of_a_cart_that_was_lost_and_told_is_one_of_no_cart(version: str, how: str) -> None:
    async with shopping(version) as api:
        await with_a_cart(api)
        # A cart whose order was begun is remembered: that order may have ended it.
        assert codes(await api.ask(PLACE, UNSAFE, key="first-key-of-the-cart", agreements=["1"])) != []
        lose(api, how)
        assert (await do(api, "mutation { cartClear { userErrors { code } } }"))["userErrors"] == [{"code": TOLD[0]}]
        for key in ("another-key-of-the-cart", "one-more-key-of-the-cart"):
            assert codes(await api.ask(PLACE, UNSAFE, key=key, agreements=["1"])) == EMPTY
        assert api.commerce.orders == []
