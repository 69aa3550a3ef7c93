"""A store view that is not English: what Commerce's messages say must not matter."""

from __future__ import annotations

from typing import Any

import httpx2
import orjson
import pytest

from tests.shoppers import APPLY, REMOVE, UPDATE, codes, writes
from tests.test_cart import UNSAFE, add, do, shopping
from tests.test_cart_replaced import QUERIES, lose
from tests.test_checkout import (
    OAKLAND,
    PLACE,
    SET_ADDRESS,
    SET_BILLING,
    SET_EMAIL,
    SET_PAYMENT,
    SET_SHIPPING,
    get_ready,
)

ESTIMATE = (
    '{ shippingEstimate(country: "US", postcode: "94607") { methods { carrier } totals { grandTotal { amount } } } }'
)
WORDS = "Das geht gerade nicht."


class Translated(httpx2.AsyncBaseTransport):
    """Says the same words for every error, and gives Commerce's codes of lines that it makes of English words away."""

    def __init__(self, inner: httpx2.AsyncBaseTransport) -> None:
        self._inner = inner
        self.translated = 0

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await self._inner.handle_async_request(request)
        body = await response.aread()
        if "json" not in response.headers.get("content-type", ""):
            return response
        told = orjson.loads(body)
        self._translate(told)
        headers = [(name, value) for name, value in response.headers.items() if name != "content-length"]
        return httpx2.Response(response.status_code, headers=headers, content=orjson.dumps(told))

    def _translate(self, told: Any) -> None:
        if not isinstance(told, dict):
            return
        errors = [*(told.get("errors") or ()), *([told] if "message" in told else ())]
        for root in (told.get("data") or {}).values() if isinstance(told.get("data"), dict) else ():
            lines = [*(root.get("user_errors") or ()), *(root.get("errors") or ())] if isinstance(root, dict) else []
            errors += lines
            for line in lines:
                # Commerce finds these by its own messages, which are translated by then.
                if line.get("code") in (
                    "PRODUCT_NOT_FOUND",
                    "NOT_SALABLE",
                    "INSUFFICIENT_STOCK",
                    "COULD_NOT_FIND_CART_ITEM",
                ):
                    line["code"] = "UNDEFINED"
        for error in errors:
            error["message"] = WORDS
            self.translated += 1


@pytest.mark.parametrize("version", ["2.4.4", "2.4.9"])
async def test_refusals_have_the_codes_of_what_was_asked_for(version: str) -> None:
    found = {}
    async with shopping(version, way=Translated) as api:
        await get_ready(api)
        for name, query, variables in (
            ("coupon", APPLY, {"codes": ["NONSENSE"]}),
            ("email", SET_EMAIL, {"email": "nobody"}),
            ("shipping address", SET_ADDRESS, {"address": {**OAKLAND, "postcode": ""}, "same": False}),
            ("billing address", SET_BILLING, {"address": {**OAKLAND, "telephone": ""}}),
            ("shipping method", SET_SHIPPING, {"carrier": "nobody", "method": "never"}),
            ("payment method", SET_PAYMENT, {"code": "free"}),
        ):
            answer = await api.ask(query, UNSAFE, **variables)
            found[name] = codes(answer)
            [payload] = answer["data"].values()
            assert (payload.get("cart") or payload.get("checkout")) is not None, name
    expected = {
        "coupon": ["COUPON_INVALID"],
        "email": ["EMAIL_INVALID"],
        "shipping address": ["ADDRESS_INVALID"],
        "billing address": ["ADDRESS_INVALID"],
        "shipping method": ["SHIPPING_METHOD_UNAVAILABLE"],
        "payment method": ["PAYMENT_METHOD_UNAVAILABLE"],
    }
    assert found == expected


@pytest.mark.parametrize("version", ["2.4.4", "2.4.9"])
async def test_lines_have_codes_where_the_catalogue_knows_why(version: str) -> None:
    async with shopping(version, way=Translated) as api:
        payload = await add(api, {"sku": "NONSENSE"}, {"sku": "TT-C12"}, {"sku": "TT-C01", "quantity": 100_000})
        assert payload["added"] == [False, True, False]
        assert [(error["code"], error["path"]) for error in payload["userErrors"]] == [
            ("PRODUCT_NOT_FOUND", ["lines", "0"]),
            ("REJECTED", ["lines", "2"]),
        ]
        assert [error["message"] for error in payload["userErrors"]] == [WORDS, WORDS]
        [line] = payload["cart"]["lines"]
        for query, variables in ((UPDATE, {"lines": [{"uid": line["uid"], "quantity": 100_000}]}),):
            assert codes(await api.ask(query, UNSAFE, **variables)) == ["QUANTITY_UNAVAILABLE"]
        assert (await api.data("{ cart { quantity } }"))["cart"] == {"quantity": "1"}


@pytest.mark.parametrize("how", ["vanished", "ordered elsewhere"])
@pytest.mark.parametrize("version", ["2.4.4", "2.4.9"])
async def test_a_lost_cart_is_told_once_by_every_change(version: str, how: str) -> None:
    first, second = {}, {}
    async with shopping(version, way=Translated) as api:
        for name in writes(""):
            api.client.cookies.clear()
            [line] = (await add(api, {"sku": "TT-C12"}))["cart"]["lines"]
            write, variables = writes(line["uid"])[name]
            lose(api, how)
            first[name] = codes(await api.ask(write, UNSAFE, **variables))
            second[name] = codes(await api.ask(write, UNSAFE, **variables))
    assert first == {name: ["CART_EXPIRED"] for name in first}
    assert second == {name: ["CART_EMPTY"] for name in second} | {"cartAdd": [], "cartClear": []}


@pytest.mark.parametrize("how", ["vanished", "ordered elsewhere"])
@pytest.mark.parametrize("version", ["2.4.4", "2.4.9"])
async def test_queries_of_a_lost_cart_find_none(version: str, how: str) -> None:
    async with shopping(version, way=Translated) as api:
        for query in (*QUERIES.values(), ESTIMATE):
            api.client.cookies.clear()
            await add(api, {"sku": "TT-C12"})
            lose(api, how)
            for _ in range(2):
                assert set((await api.data(query)).values()) == {None}
            assert codes(await api.ask(SET_EMAIL, UNSAFE, email="jane@example.com")) == ["CART_EXPIRED"]


@pytest.mark.parametrize("version", ["2.4.4", "2.4.9"])
async def test_an_order_of_a_cart_that_vanished_tells_it(version: str) -> None:
    async with shopping(version, way=Translated) as api:
        await get_ready(api)
        [cart] = api.commerce.carts.values()
        cart.email = None
        refused = await do(api, PLACE, key="without-an-email", agreements=["1"])
        assert [error["code"] for error in refused["userErrors"]] == ["ORDER_REFUSED"]
        lose(api, "vanished")
        assert codes(await api.ask(PLACE, UNSAFE, key="without-a-cart", agreements=["1"])) == ["CART_EXPIRED"]
        assert api.commerce.orders == []


@pytest.mark.parametrize("version", ["2.4.4", "2.4.9"])
async def test_a_whole_journey_ends_with_its_order(version: str) -> None:
    async with shopping(version, way=Translated) as api:
        await get_ready(api)
        [line] = (await api.data("{ cart { lines { uid } } }"))["cart"]["lines"]
        assert codes(await api.ask(REMOVE, UNSAFE, uids=["bm9uZQ=="])) != []
        assert codes(await api.ask(UPDATE, UNSAFE, lines=[{"uid": line["uid"], "quantity": 3}])) == []
        placed = await do(api, PLACE, key="a-whole-journey", agreements=["1"])
        [order] = api.commerce.orders
        assert placed == {"number": order.increment_id, "userErrors": []}
