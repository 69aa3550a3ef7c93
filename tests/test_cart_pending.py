"""A cart whose order may be under way: nothing can be changed in it that might be lost without a word."""

from __future__ import annotations

import pytest
import structlog

from app.commerce.placing import EPOCH
from app.sandbox.commerce import Fault
from tests.conftest import Api
from tests.shoppers import codes, writes
from tests.test_cart import UNSAFE, add, do, shopping
from tests.test_checkout import NOTE, PLACE, get_ready

CHECKOUT = "{ checkout { ready missing } }"


async def pending(api: Api, seconds: float) -> str:
    """Takes the shopper's order to an unknown outcome, for so long; gives the uid of the cart's line."""
    await get_ready(api)
    await api.parts.state.put(EPOCH, b"1.0 -", 3600)  # nothing was lost for long: orders are placed at once
    [line] = (await api.data("{ cart { lines { uid } } }"))["cart"]["lines"]
    fault = api.commerce.faults.add(Fault("place_after_close", times=1, seconds=seconds))
    while not fault.fired:
        answer = await do(api, PLACE, key="the-first-cart", agreements=["1"])
        assert [error["code"] for error in answer["userErrors"]] == ["ORDER_PENDING"]
    return str(line["uid"])


@pytest.mark.parametrize("version", ["2.4.4", "2.4.9"])
async def test_no_change_reaches_a_cart_whose_order_is_pending(version: str) -> None:
    async with shopping(version, order_patience=1, commerce_max_execution=30) as api:
        uid = await pending(api, 25)
        carts = repr(api.commerce.carts)
        assert await api.data(CHECKOUT) == {"checkout": {"ready": False, "missing": []}}
        found = {}
        for name, (query, variables) in writes(uid).items():
            api.forget()
            found[name] = codes(await api.ask(query, UNSAFE, **variables))
            assert {"AddToCart", "UpdateCart", "SetEmail", "PlaceOrder"}.isdisjoint(api.operations()), name
        assert found == {name: ["ORDER_PENDING"] for name in found}
        assert repr(api.commerce.carts) == carts
        assert api.commerce.orders == []


async def test_once_the_order_can_be_seen_the_next_change_begins_a_new_cart() -> None:
    async with shopping("2.4.4", order_patience=1, commerce_max_execution=30) as api:
        await pending(api, 0.9)
        await api.commerce.settled()
        [order] = api.commerce.orders
        assert [line.sku for line in order.lines] == ["TT-C12"]
        payload = await add(api, {"sku": "TT-C01"})
        assert [error["code"] for error in payload["userErrors"]] == ["CART_EXPIRED"]
        assert [line["sku"] for line in payload["cart"]["lines"]] == ["TT-C01"]
        again = await do(api, PLACE, key="the-first-cart", agreements=["1"])
        assert (again["number"], again["userErrors"]) == (order.increment_id, [])
        assert api.commerce.orders == [order]


async def test_a_cart_whose_order_was_refused_can_be_changed_at_once() -> None:
    async with shopping() as api:
        await get_ready(api)
        [cart] = api.commerce.carts.values()
        email, cart.email = cart.email, None
        refused = await do(api, PLACE, key="without-an-email", agreements=["1"])
        assert [error["code"] for error in refused["userErrors"]] == ["EMAIL_INVALID"]
        cart.email = email
        assert (await add(api, {"sku": "TT-C01"}))["userErrors"] == []
        assert await api.data(CHECKOUT) == {"checkout": {"ready": True, "missing": []}}


async def test_the_same_key_with_other_agreements_is_a_conflict_also_while_the_order_is_pending() -> None:
    async with shopping("2.4.4", order_patience=1, commerce_max_execution=30) as api:
        with structlog.testing.capture_logs() as logs:
            await pending(api, 25)
        told = {(line["note"], line["log_level"]) for line in logs if line["event"] == "checkout.agreed_pending"}
        assert told == {(NOTE, "warning")}
        other = await do(api, PLACE, key="the-first-cart", agreements=["1", "99"])
        assert [error["code"] for error in other["userErrors"]] == ["IDEMPOTENCY_CONFLICT"]
        again = await do(api, PLACE, key="the-first-cart", agreements=["1"])
        assert [error["code"] for error in again["userErrors"]] == ["ORDER_PENDING"]
