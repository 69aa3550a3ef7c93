"""A cart is emptied at once where Commerce can, else line by line, and left behind where neither is possible."""

from __future__ import annotations

import httpx2
import orjson
import pytest

from tests.shoppers import codes
from tests.test_cart import UNSAFE, add, shopping

CLEAR = "mutation { cartClear { cart { quantity lines { sku } } userErrors { code path } } }"
EMPTY: dict[str, object] = {"cart": {"quantity": "0", "lines": []}, "userErrors": []}


class Hiding(httpx2.AsyncBaseTransport):
    """A Commerce that leaves the first line of every cart that it shows null, as its schema lets it."""

    def __init__(self, inner: httpx2.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await self._inner.handle_async_request(request)
        if request.url.path != "/graphql":
            return response
        body = orjson.loads(await response.aread())
        cart = (body.get("data") or {}).get("cart") or {}
        if cart.get("items"):
            cart["items"][0] = None
            body["errors"] = [{"message": "Internal server error", "path": ["cart", "items", 0]}]
        return httpx2.Response(200, json=body)


@pytest.mark.parametrize(
    ("version", "way"),
    [("2.4.4", "UpdateCart"), ("2.4.6", "UpdateCart"), ("2.4.7", "ClearCart"), ("2.4.9", "ClearCart")],
)
async def test_a_cart_is_cleared_in_the_best_way_that_commerce_has(version: str, way: str) -> None:
    async with shopping(version) as api:
        await add(api, {"sku": "TT-C12"}, {"sku": "TT-C01"})
        api.forget()
        assert (await api.ask(CLEAR, UNSAFE))["data"]["cartClear"] == EMPTY
        assert [name for name in api.operations() if name in ("UpdateCart", "ClearCart")] == [way]
        [cart] = api.commerce.carts.values()
        assert cart.lines == []


@pytest.mark.parametrize("version", ["2.4.4", "2.4.9"])
async def test_what_cannot_be_shown_is_cleared_too(version: str) -> None:
    async with shopping(version, way=Hiding) as api:
        await add(api, {"sku": "TT-C12"})
        answer = await api.ask(CLEAR, UNSAFE)
        assert codes(answer) == ["UPSTREAM_ERROR"]  # of the read before: something of the cart was not shown
        assert answer["data"]["cartClear"] == (EMPTY if version == "2.4.9" else {"cart": None, "userErrors": []})
        payload = await add(api, {"sku": "TT-C01"})
        assert [error["code"] for error in payload["userErrors"]] == []
        assert [[line.sku for line in cart.lines] for cart in api.commerce.carts.values()][-1] == ["TT-C01"]


async def test_a_cart_that_goes_while_it_is_cleared_is_told() -> None:
    class Going(httpx2.AsyncBaseTransport):
        def __init__(self, inner: httpx2.AsyncBaseTransport) -> None:
            self._inner = inner

        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            if b"clearCart" in await request.aread():
                for cart in api.commerce.carts.values():
                    cart.active = False
            return await self._inner.handle_async_request(request)

    async with shopping(way=Going) as api:
        await add(api, {"sku": "TT-C12"})
        assert codes(await api.ask(CLEAR, UNSAFE)) == ["CART_EXPIRED"]
        assert codes(await api.ask(CLEAR, UNSAFE)) == []
