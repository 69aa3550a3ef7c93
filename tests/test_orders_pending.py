"""Until when a cart's order may still come, as those hear who want to change the cart."""

from __future__ import annotations

import httpx2
import pytest

from app.commerce.orders import OrderPending
from app.commerce.placing import Claim
from app.errors import StateUnavailable

from .orders_storm import HERE, masked
from .test_orders import CART, HORIZON, KEY, World, hanging, world

__all__ = ["world"]


async def test_a_cart_of_which_no_order_was_asked_is_not_pending_and_costs_commerce_nothing(world: World) -> None:
    orders = await world.process()
    assert not await orders.pending(CART)
    assert world.commerce.log == []


async def test_a_cart_is_pending_while_a_call_looks_whether_there_is_an_order(world: World) -> None:
    orders = await world.process()
    await world.state().put(KEY, Claim.fresh().kept(), 60)
    assert await orders.pending(CART)
    assert world.commerce.log == []


async def test_a_cart_is_pending_until_nothing_can_be_running_any_more(world: World) -> None:
    world.commerce.placing = hanging()
    orders = await world.process()
    with pytest.raises(OrderPending):
        await orders.place(masked(CART), CART, HERE)
    [sent] = [at for kind, _, at in world.commerce.log if kind == "place"]
    other = await world.process()
    world.clock.now = sent + HORIZON - 0.01
    assert await other.pending(CART)
    world.clock.now = sent + HORIZON
    assert not await other.pending(CART)
    assert world.commerce.asked("place") == 1


async def test_an_order_that_came_late_ends_it_and_is_kept(world: World) -> None:
    world.commerce.placing = hanging(order_after=15)
    orders = await world.process()
    with pytest.raises(OrderPending):
        await orders.place(masked(CART), CART, HERE)
    world.clock.now += 20
    looked = world.commerce.asked("look")
    assert not await orders.pending(CART)
    assert not await orders.pending(CART)
    assert world.commerce.asked("look") == looked + 1
    assert (await orders.place(masked(CART), CART, HERE)).number == "000000001"
    assert world.commerce.asked("look") == looked + 1


async def test_what_cannot_be_looked_up_stays_pending(world: World) -> None:
    world.commerce.placing = hanging(order_after=15)
    orders = await world.process()
    with pytest.raises(OrderPending):
        await orders.place(masked(CART), CART, HERE)
    world.clock.now += 20
    world.commerce.rest = lambda: httpx2.Response(500, json={"message": "no"})
    assert await orders.pending(CART)


async def test_a_claim_that_cannot_be_read_is_no_leave_to_change_the_cart(world: World) -> None:
    orders = await world.process()
    await world.state().put(KEY, b"?", 60)
    with pytest.raises(StateUnavailable):
        await orders.pending(CART)
