"""The stand-in Commerce's orders over REST, and what goes wrong when one is placed."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pytest

from app.sandbox.commerce import Commerce, Dropped, Fault
from app.sandbox.commerce.sales import Rule

from .sandbox_client import OAKLAND, Shopper, admin, selling, send, shopper
from .test_sandbox_http import served

PLACE = 'mutation Place { placeOrder(input: {cart_id: "%s"}) { order { order_number } } }'


@pytest.fixture
def commerce() -> Commerce:
    return selling("2.4.4")


async def filled(commerce: Commerce) -> Shopper:
    found = await shopper(commerce)
    await found.add("TT-C12", 2)
    await found.ready(payment="purchaseorder")
    return found


async def rest(commerce: Commerce, path: str, method: str = "GET", **options: Any) -> Any:
    reply = await send(commerce, method, f"/rest/V1/{path}", headers=await admin(commerce), **options)
    return reply.json() if reply.status_code == 200 else (reply.status_code, reply.json()["message"])


def by(field: str, value: object, how: str = "eq") -> str:
    start = "searchCriteria[filter_groups][0][filters][0]"
    return f"orders?{start}[field]={field}&{start}[value]={value}&{start}[condition_type]={how}"


# REST


async def test_the_number_of_a_cart_is_only_in_rest(commerce: Commerce) -> None:
    guest = await filled(commerce)
    await guest.do("setPaymentMethodOnCart", payment_method={"code": "purchaseorder", "purchase_order_number": "pi_1"})
    before = await guest.quote()
    assert (before["id"], before["is_active"], before["items_qty"]) == (1, True, 2)
    assert before["items"] == [
        {
            "item_id": 1,
            "sku": "TT-C12",
            "qty": 2,
            "name": "Dew Enamel Mug",
            "price": 18,
            "product_type": "simple",
            "quote_id": "1",
        }
    ]
    assert await rest(commerce, by("quote_id", 1)) == {
        "items": [],
        "search_criteria": {
            "filter_groups": [{"filters": [{"condition_type": "eq", "field": "quote_id", "value": "1"}]}]
        },
        "total_count": 0,
    }
    await guest.place()
    after = await guest.quote()
    assert (after["is_active"], after["reserved_order_id"], "items" in after) == (False, "000000001", False)
    (order,) = (await rest(commerce, by("quote_id", 1)))["items"]
    assert (order["increment_id"], order["quote_id"], order["grand_total"]) == ("000000001", 1, 46)
    assert (order["payment"]["method"], order["payment"]["po_number"]) == ("purchaseorder", "pi_1")
    assert (order["items"][0]["sku"], order["items"][0]["qty_ordered"], order["shipping_amount"]) == ("TT-C12", 2, 10)
    assert await rest(commerce, "orders/1") == order


async def test_orders_are_searched_by_the_columns_they_have(commerce: Commerce) -> None:
    for _ in range(3):
        await (await filled(commerce)).place()
    wanted = "fields=items[entity_id],total_count"
    for query, found in (
        (by("increment_id", "000000002"), [2]),
        (by("customer_email", "jane@example.com"), [1, 2, 3]),
        (by("updated_at", "2020-01-01 00:00:00", "gteq"), [1, 2, 3]),
        (by("quote_id", "1,3", "in"), [1, 3]),
        ("orders?searchCriteria[pageSize]=2&searchCriteria[currentPage]=2", [3]),
        ("orders?searchCriteria[sortOrders][0][field]=entity_id&searchCriteria[pageSize]=1", [3]),
    ):
        body = await rest(commerce, f"{query}&{wanted}")
        assert [one["entity_id"] for one in body["items"]] == found
    beyond = "orders?searchCriteria[pageSize]=5&searchCriteria[currentPage]=99"
    assert await rest(commerce, f"{beyond}&{wanted}") == {"items": None, "total_count": 3}
    for field in ("nosuch", "payment.po_number"):
        status, text = await rest(commerce, by(field, 1))
        assert (status, text[:14]) == (500, "Internal Error")
    assert await rest(commerce, "orders/999") == (
        404,
        "The entity that was requested doesn't exist. Verify the entity and try again.",
    )
    reply = await send(commerce, "GET", "/rest/V1/orders")
    assert (reply.status_code, reply.json()["parameters"]) == (401, {"resources": "Magento_Sales::actions_view"})


async def test_an_order_tells_its_taxes_its_payment_and_only_weights_that_there_are(commerce: Commerce) -> None:
    commerce.shop.products["TT-C08"].weight = None
    guest = await filled(commerce)
    await guest.add("TT-C08", 1)
    await guest.ready(OAKLAND)
    await guest.place()
    order = await rest(commerce, "orders/1")
    told = order["extension_attributes"]
    assert told["payment_additional_info"] == [{"key": "method_title", "value": "Check / Money order"}]
    # 2 x 18 + 29 at 8.25 %: 5.3625.
    assert [(tax["title"], tax["percent"], tax["amount"]) for tax in told["applied_taxes"]] == [
        ("California sales tax", 8.25, 5.36)
    ]
    assert [item.get("weight") for item in order["items"]] == [0.3, None]
    assert (order["weight"], order["shipping_discount_tax_compensation_amount"]) == (0.6, 0)


async def test_a_price_rule_without_a_code_comes_before_the_coupon_and_only_from_its_subtotal_on(
    commerce: Commerce,
) -> None:
    commerce.shop.sales.rules = [Rule(20, from_subtotal=50)]
    guest = await shopper(commerce)
    cart = await guest.add("TT-C12", 2)
    assert (cart["prices"]["discounts"], cart["prices"]["grand_total"]["value"]) == (None, 36)
    await guest.add("TT-C12", 1)
    cart = await guest.do("applyCouponToCart", coupon_code="TENOFF")
    # 54 - 10.80 = 43.20, and ten percent off that.
    assert cart["prices"]["discounts"] == [
        {"label": "Discount", "amount": {"value": 10.8}},
        {"label": "Ten percent off", "amount": {"value": 4.32}},
    ]
    assert cart["prices"]["grand_total"]["value"] == 38.88


async def test_an_order_is_commented_held_and_canceled(commerce: Commerce) -> None:
    await (await filled(commerce)).place()
    stock = commerce.shop.products["TT-C12"].qty
    history = {"comment": "Terms accepted", "is_customer_notified": 0, "is_visible_on_front": 1, "status": "pending"}
    assert await rest(commerce, "orders/1/comments", "POST", json={"statusHistory": history}) is True
    (only,) = (await rest(commerce, "orders/1/comments"))["items"]
    assert {name: only[name] for name in history} == history
    assert await rest(commerce, "orders/1/hold", "POST") is True
    assert await rest(commerce, "orders/1/statuses") == "holded"
    assert await rest(commerce, "orders/1/unhold", "POST") is True
    assert await rest(commerce, "orders/1/cancel", "POST") is True
    assert await rest(commerce, "orders/1/cancel", "POST") is False
    assert commerce.orders[0].status == "canceled"
    assert commerce.shop.products["TT-C12"].qty == stock + 2


# Faults


async def test_placed_but_answered_with_an_error_page(commerce: Commerce) -> None:
    guest = await filled(commerce)
    before = commerce.faults.add(Fault("error_before_place"))
    await guest.read()
    query = {"query": PLACE % guest.cart}
    assert (await send(commerce, json=query)).status_code == 500
    assert (len(commerce.orders), before.fired) == (0, 1)
    commerce.faults.add(Fault("error_after_place"))
    reply = await send(commerce, json=query)
    assert (reply.status_code, reply.headers["content-type"]) == (500, "text/html; charset=utf-8")
    assert [order.quote_id for order in commerce.orders] == [1]


async def test_a_cart_whose_closing_crashed_can_be_ordered_again(commerce: Commerce) -> None:
    guest = await filled(commerce)
    commerce.faults.add(Fault("crash_after_place"))
    assert (await send(commerce, json={"query": PLACE % guest.cart})).status_code == 500
    assert (await guest.quote())["is_active"] is True
    assert "errors" not in await guest.place()
    assert [order.quote_id for order in commerce.orders] == [1, 1]
    assert (await guest.quote())["is_active"] is False


async def test_a_dropped_connection_has_placed_the_order(commerce: Commerce) -> None:
    guest = await filled(commerce)
    commerce.faults.add(Fault("drop", match="Place"))
    with pytest.raises(Dropped):
        await guest.place()
    assert len(commerce.orders) == 1


async def given_up(placing: asyncio.Task[Any]) -> None:
    """The caller does not wait any longer."""
    placing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await placing


@pytest.mark.parametrize("kind", ["place_then_hang", "place_after_close", "slow"])
async def test_in_one_process_the_order_comes_although_the_caller_gave_up(commerce: Commerce, kind: str) -> None:
    guest = await filled(commerce)
    fault = commerce.faults.add(Fault(kind, match="Place", seconds=0.5))
    placing = asyncio.create_task(guest.place())
    while not (commerce.orders if kind == "place_then_hang" else commerce.pending):
        await asyncio.sleep(0)
    await given_up(placing)
    assert len(commerce.orders) == (kind == "place_then_hang")
    await commerce.settled()
    assert ([order.quote_id for order in commerce.orders], fault.fired, commerce.pending) == ([1], 1, 0)


async def test_over_a_real_connection_too_and_never_before_it_closed(commerce: Commerce) -> None:
    async with served(commerce) as url, httpx2.AsyncClient(base_url=url) as client:
        guest = await filled(commerce)
        commerce.faults.add(Fault("place_after_close", seconds=0.5))
        with pytest.raises(httpx2.ReadTimeout):
            await client.post("/graphql", json={"query": PLACE % guest.cart}, timeout=0.3)
        assert (commerce.orders, commerce.pending) == ([], 1)
        assert (await guest.quote())["is_active"] is True
        await commerce.settled()
        assert len(commerce.orders) == 1
        guest = await filled(commerce)
        commerce.faults.add(Fault("place_then_hang"))
        with pytest.raises(httpx2.ReadTimeout):
            await client.post("/graphql", json={"query": PLACE % guest.cart}, timeout=0.3)
        assert [order.quote_id for order in commerce.orders] == [1, 2]
        guest = await filled(commerce)
        commerce.faults.add(Fault("place_after_close", seconds=0, patience=0.05))
        with pytest.raises(httpx2.RemoteProtocolError):
            await client.post("/graphql", json={"query": PLACE % guest.cart})
        await commerce.settled()
        assert len(commerce.orders) == 3


async def test_an_order_placed_late_and_one_placed_again_are_two(commerce: Commerce) -> None:
    guest = await filled(commerce)
    commerce.faults.add(Fault("place_after_close", seconds=0.5))
    placing = asyncio.create_task(guest.place())
    while not commerce.pending:
        await asyncio.sleep(0)
    await given_up(placing)
    assert "errors" not in await guest.place()
    await commerce.settled()
    assert [order.quote_id for order in commerce.orders] == [1, 1]


async def test_a_storm_spoils_the_same_placings_for_the_same_seed() -> None:
    outcomes = []
    for _ in range(2):
        commerce = selling("2.4.4", control=True)
        storm = commerce.faults.storm(7, {"error_before_place": 0.3, "error_after_place": 0.3})
        statuses = []
        for _ in range(10):
            guest = await filled(commerce)
            statuses.append((await send(commerce, json={"query": PLACE % guest.cart})).status_code)
        outcomes.append((statuses, dict(storm.fired), len(commerce.orders)))
        assert len(commerce.orders) == 10 - storm.fired["error_before_place"]
        listed = (await send(commerce, "GET", "/__sandbox/orders")).json()
        assert listed == {str(order.quote_id): [order.increment_id] for order in commerce.orders}
        assert (await send(commerce, "GET", "/__sandbox/faults")).json() == dict(storm.fired)
        assert (await send(commerce, "GET", "/__sandbox/pending")).json() == {"pending": 0}
    assert outcomes[0] == outcomes[1]
    assert 0 < outcomes[0][0].count(500) < 10


async def test_what_happened_is_told_to_other_processes_only_on_request(commerce: Commerce) -> None:
    assert (await send(commerce, "GET", "/__sandbox/orders")).status_code == 404


def test_a_storm_of_an_unknown_fault_is_refused(commerce: Commerce) -> None:
    with pytest.raises(ValueError, match="unknown fault 'typo'"):
        commerce.faults.storm(1, {"typo": 1})
