"""A guest's cart at the sign-in: merged into the customer's once, whatever Commerce and the network make of it."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx2
import pytest

from app.auth.merging import MERGING
from app.auth.sessions import Session
from app.main import sessions_of
from app.sandbox.commerce import VERSIONS, Fault
from tests.conftest import Api
from tests.exchange_stage import (
    Spoiler,
    arrive,
    bought,
    customer,
    exchange_of,
    exchanging,
    guest_with,
    headers,
    lines,
    person,
    reopened,
    sign_in,
    signed,
)
from tests.test_cart import ADD
from tests.test_checkout import OAKLAND, PLACE, SET_ADDRESS, SET_EMAIL, SET_PAYMENT, SET_SHIPPING

THREE = {"sku": "TT-C01", "quantity": 3}
ONE = {"sku": "TT-C12"}


async def with_own_cart(api: Api, who: Any, *wanted: dict[str, Any]) -> None:
    """The customer has these lines already, from another device."""
    device = await sign_in(api, who)
    answer = await api.data(ADD, headers(device), lines=list(wanted))
    assert answer["cartAdd"]["userErrors"] == []


def carts(session: Session) -> Any:
    return {website: cart for website, cart in session.data["carts"].items() if cart}


def merges(api: Api) -> int:
    return api.operations().count("MergeCarts")


def guests_carts(api: Api) -> list[str]:
    """The guests' carts that are open still, with something in them."""
    return [
        masked for masked, cart in api.commerce.carts.items() if cart.customer is None and cart.active and cart.lines
    ]


@pytest.mark.parametrize("version", VERSIONS)
async def test_the_guests_cart_is_merged_into_the_customers_own(version: str) -> None:
    async with exchanging(version) as api:
        await with_own_cart(api, person(), {"sku": "TT-C01"}, ONE)
        guest = await guest_with(api, THREE)
        session = await sign_in(api, person(), session=guest)
        assert await lines(api, session) == {"TT-C01": 4, "TT-C12": 1}
        [cart] = carts(session).values()
        assert (cart["made"], cart["owner"]) == (True, customer(api).id)
        assert api.commerce.carts[cart["id"]].customer == customer(api).id
        assert merges(api) == 1
        assert guests_carts(api) == []
        assert session.data[MERGING] == {}
        await sign_in(api, person(), session=session)
        assert merges(api) == 1


async def test_a_guest_without_a_cart_gets_the_customers_and_nothing_is_merged() -> None:
    async with exchanging() as api:
        await with_own_cart(api, person(), THREE)
        api.forget()
        session = await sign_in(api, person())
        assert await lines(api, session) == {"TT-C01": 3}
        assert merges(api) == 0


async def test_an_empty_cart_of_a_guest_is_left_behind() -> None:
    async with exchanging() as api:
        guest = await guest_with(api, THREE)
        [cart] = api.commerce.carts.values()
        cart.lines.clear()
        session = await sign_in(api, person(), session=guest)
        assert merges(api) == 0
        assert await lines(api, session) == {}


async def test_a_guests_cart_that_is_no_more_is_told_by_the_next_change() -> None:
    async with exchanging() as api:
        guest = await guest_with(api, THREE)
        next(iter(api.commerce.carts.values())).active = False
        session = await sign_in(api, person(), session=guest)
        assert merges(api) == 0
        payload = (await api.data(ADD, headers(session), lines=[ONE]))["cartAdd"]
        assert [error["code"] for error in payload["userErrors"]] == ["CART_EXPIRED"]
        assert [line["sku"] for line in payload["cart"]["lines"]] == ["TT-C12"]


@pytest.mark.parametrize("version", ["2.4.4", "2.4.9"])
@pytest.mark.parametrize("error", [httpx2.ReadTimeout("no answer"), httpx2.RemoteProtocolError("cut")])
async def test_a_merge_whose_answer_was_lost_is_not_done_again(version: str, error: Exception) -> None:
    spoiler = Spoiler("POST", "/graphql", after=error, text=b"mutation MergeCarts")
    async with exchanging(version, way=spoiler.wrap) as api:
        await with_own_cart(api, person(), {"sku": "TT-C01"})
        session = await sign_in(api, person(), session=await guest_with(api, THREE))
        assert spoiler.met == 1
        assert await lines(api, session) == {"TT-C01": 4}
        assert merges(api) == 1


@pytest.mark.parametrize("version", ["2.4.4", "2.4.9"])
@pytest.mark.parametrize("kind", ["graphql_internal", "crash_halfway"])
async def test_a_merge_that_was_done_and_not_told_is_not_done_again(version: str, kind: str) -> None:
    async with exchanging(version) as api:
        await with_own_cart(api, person(), {"sku": "TT-C01"})
        guest = await guest_with(api, THREE)
        fault = api.commerce.faults.add(Fault(kind, match="MergeCarts"))
        session = await sign_in(api, person(), session=guest)
        assert fault.fired == 1
        assert await lines(api, session) == {"TT-C01": 4}
        assert merges(api) == 1
        await api.data(ADD, headers(session), lines=[ONE])
        assert await lines(api, session) == {"TT-C01": 4, "TT-C12": 1}
        assert merges(api) == 1


@pytest.mark.parametrize("version", ["2.4.4", "2.4.9"])
async def test_a_merge_that_failed_without_being_done_is_done_once_nothing_can_be_running(version: str) -> None:
    given: dict[str, Any] = {"commerce_max_execution": 1, "commerce_timeout": 1, "sso_patience": 0.2}
    async with exchanging(version, **given) as api:
        guest = await guest_with(api, THREE)
        api.commerce.faults.add(Fault("html_500", match="MergeCarts"))
        session = await sign_in(api, person(), session=guest)
        # What is looked at is the customer's, what would change is refused: it could be lost.
        assert await lines(api, session) == {}
        refused = (await api.data(ADD, headers(session), lines=[ONE]))["cartAdd"]
        assert [error["code"] for error in refused["userErrors"]] == ["CART_PENDING"]
        assert merges(api) == 1
        assert [bought(api, masked) for masked in guests_carts(api)] == [{"TT-C01": 3}]
        until = time.monotonic() + 20
        while (await lines(api, session)) != {"TT-C01": 3} and time.monotonic() < until:
            await asyncio.sleep(0.1)
        assert await lines(api, session) == {"TT-C01": 3}
        assert merges(api) == 2
        assert guests_carts(api) == []


async def test_a_merge_that_commerce_is_slow_at_is_waited_for_and_not_sent_again() -> None:
    async with exchanging(commerce_timeout=0.5, sso_patience=5) as api:
        guest = await guest_with(api, THREE)
        fault = api.commerce.faults.add(Fault("slow", match="MergeCarts", seconds=0.2))
        session = await sign_in(api, person(), session=guest)
        assert fault.fired == 1
        assert await lines(api, session) == {"TT-C01": 3}
        assert merges(api) == 1


async def test_an_internal_error_before_anything_was_done_is_tried_once_more() -> None:
    error = {
        "errors": [
            {"message": "Internal server error", "extensions": {"category": "internal"}, "path": ["mergeCarts"]}
        ],
        "data": None,
    }
    async with exchanging() as api:
        guest = await guest_with(api, THREE)
        api.commerce.faults.add(Fault("wrong_shape", match="MergeCarts", body=error))
        session = await sign_in(api, person(), session=guest)
        assert await lines(api, session) == {"TT-C01": 3}
        assert merges(api) == 2
    async with exchanging() as api:
        guest = await guest_with(api, THREE)
        fault = api.commerce.faults.add(Fault("wrong_shape", match="MergeCarts", body=error, times=None))
        session = await sign_in(api, person(), session=guest)
        assert merges(api) == 2
        assert [cart["id"] for cart in carts(session).values()] == guests_carts(api)
        fault.times = 0
        assert await lines(api, session) == {"TT-C01": 3}


async def test_what_commerce_never_merges_does_not_keep_the_customer_from_his_cart() -> None:
    async with exchanging() as api:
        await with_own_cart(api, person(), ONE)
        guest = await guest_with(api, THREE)
        api.commerce.shop.set_stock("TT-C01", 0)
        session = await sign_in(api, person(), session=guest)
        assert await lines(api, session) == {"TT-C12": 1}
        payload = (await api.data(ADD, headers(session), lines=[ONE]))["cartAdd"]
        assert [error["code"] for error in payload["userErrors"]] == ["CART_EXPIRED"]
        assert merges(api) == 1


@pytest.mark.parametrize("version", ["2.4.4", "2.4.9"])
async def test_parallel_calls_after_a_sign_in_merge_once_across_two_processes(version: str, redis_url: str) -> None:
    async with (
        exchanging(version, redis_state_url=redis_url) as api,
        exchanging(version, redis_state_url=redis_url, commerce=api.commerce) as other,
    ):
        one = api.commerce
        guest = await guest_with(api, THREE)
        session = await arrive(api, person(f"racer-{version}"), guest)
        api.forget()
        found = await asyncio.gather(*(lines(each, session) for each in (api, other) * 6))
        assert found == [{"TT-C01": 3}] * 12
        assert merges(api) == 1
        assert len([each for each in one.shop.customers if each.email == "jane@example.com"]) == 1


async def test_two_logins_of_the_same_guest_merge_his_cart_once() -> None:
    async with exchanging() as api:
        guest = await guest_with(api, THREE)
        first = await arrive(api, person(), guest)
        sessions = sessions_of(api.parts)
        assert sessions is not None
        second = await arrive(api, person())  # the guest's session is over: the other login begins without his cart
        view = api.parts.shop.views["default"]
        both = await asyncio.gather(*(exchange_of(api).sign_in(person(), each, view) for each in (first, second)))
        assert [await lines(api, each) for each in both] == [{"TT-C01": 3}] * 2
        assert merges(api) == 1


async def test_a_guests_cart_in_one_website_stays_when_he_signs_in_in_another() -> None:
    async with exchanging() as api:
        guest = await guest_with(api, THREE)
        session = await sign_in(api, person(), "en_eu", guest)
        assert await lines(api, session, "en_eu") == {}
        assert merges(api) == 0
        assert await lines(api, session, "default") == {"TT-C01": 3}
        assert merges(api) == 1
        assert {cart["owner"] for cart in carts(await reopened(api, session)).values()} == {
            customer(api, website=1).id,
            customer(api, website=2).id,
        }


async def test_another_persons_sign_in_never_gets_the_cart_of_the_one_before() -> None:
    async with exchanging() as api:
        await with_own_cart(api, person(), THREE)
        hers = await sign_in(api, person())
        other = await arrive(api, person("s-2", "joe@example.com"), hers)  # as if the login had kept her data
        assert await lines(api, other) == {}
        assert bought(api, next(m for m, c in api.commerce.carts.items() if c.customer == customer(api).id)) == {
            "TT-C01": 3
        }
        assert merges(api) == 0
        assert signed(await reopened(api, other)).id == customer(api, "joe@example.com").id


async def test_a_customers_cart_that_was_ordered_elsewhere_is_replaced_by_his_next_one() -> None:
    async with exchanging() as api:
        session = await sign_in(api, person())
        await api.data(ADD, headers(session), lines=[ONE])
        next(iter(api.commerce.carts.values())).active = False
        assert (await api.data("{ cart { quantity } }", headers(session)))["cart"] is None
        payload = (await api.data(ADD, headers(session), lines=[THREE]))["cartAdd"]
        assert [line["sku"] for line in payload["cart"]["lines"]] == ["TT-C01"]
        assert [cart.customer for cart in api.commerce.carts.values()] == [customer(api).id] * 2


# Orders under way


async def ready_guest(api: Api) -> Session:
    guest = await guest_with(api, ONE)
    told = headers(guest)
    for query, variables in (
        (SET_EMAIL, {"email": "jane@example.com"}),
        (SET_ADDRESS, {"address": OAKLAND, "same": True}),
        (SET_SHIPPING, {"carrier": "flatrate", "method": "flatrate"}),
        (SET_PAYMENT, {"code": "checkmo", "number": None}),
    ):
        [payload] = (await api.data(query, told, **variables)).values()
        assert payload["userErrors"] == []
    return await reopened(api, guest)


async def test_a_cart_whose_order_is_pending_is_not_merged_away_and_its_key_goes_on_working() -> None:
    async with exchanging(order_patience=1, commerce_max_execution=30) as api:
        await with_own_cart(api, person(), THREE)
        guest = await ready_guest(api)
        fault = api.commerce.faults.add(Fault("place_after_close", seconds=1.5))
        pending = (await api.data(PLACE, headers(guest), key="before-the-login", agreements=["1"]))[
            "checkoutPlaceOrder"
        ]
        assert [error["code"] for error in pending["userErrors"]] == ["ORDER_PENDING"]
        assert fault.fired == 1
        session = await sign_in(api, person(), session=await reopened(api, guest))
        assert merges(api) == 0
        assert [cart["id"] for cart in carts(session).values()] == guests_carts(api)
        told = headers(session)
        refused = (await api.data(ADD, told, lines=[THREE]))["cartAdd"]
        assert [error["code"] for error in refused["userErrors"]] == ["ORDER_PENDING"]
        await api.commerce.settled()
        [order] = api.commerce.orders
        placed = (await api.data(PLACE, told, key="before-the-login", agreements=["1"]))["checkoutPlaceOrder"]
        assert (placed["number"], placed["userErrors"]) == (order.increment_id, [])
        assert order.customer is None
        assert await lines(api, session) == {"TT-C01": 3}
        assert merges(api) == 0
        assert api.commerce.orders == [order]


async def test_the_key_of_a_guests_order_answers_the_same_after_the_login() -> None:
    async with exchanging() as api:
        guest = await ready_guest(api)
        placed = (await api.data(PLACE, headers(guest), key="a-guests-order", agreements=["1"]))["checkoutPlaceOrder"]
        session = await sign_in(api, person(), session=await reopened(api, guest))
        again = (await api.data(PLACE, headers(session), key="a-guests-order", agreements=["1"]))["checkoutPlaceOrder"]
        assert again["number"] == placed["number"] == api.commerce.orders[0].increment_id
        assert len(api.commerce.orders) == 1
