"""Lines of which Commerce takes some and then fails: what went in is told."""

from __future__ import annotations

import httpx2
import orjson
import pytest

from tests.conftest import Api
from tests.test_cart import ADD, UNSAFE, shopping

TWICE: list[dict[str, object]] = [
    {"sku": "TT-C12"},
    {"sku": "TT-C01"},
    {"sku": "TT-C12", "quantity": 2},
    {"sku": "TT-C03"},
]


class Failing(httpx2.AsyncBaseTransport):
    """Fails at chosen requests of an operation, counted from one: before Commerce has them, or after."""

    def __init__(self, inner: httpx2.AsyncBaseTransport) -> None:
        self._inner = inner
        self.seen: dict[str, int] = {}
        self.before: set[tuple[str, int]] = set()
        self.after: set[tuple[str, int]] = set()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        content = await request.aread()
        told = orjson.loads(content) if content[:1] == b"{" else {}
        operation = str(told.get("query") or "").split("(")[0].split("{")[0].split()[-1:] or [""]
        name = operation[0]
        self.seen[name] = self.seen.get(name, 0) + 1
        this = (name, self.seen[name])
        if this in self.before:
            raise httpx2.ReadTimeout("nothing came", request=request)
        response = await self._inner.handle_async_request(request)
        if this in self.after:
            raise httpx2.ReadTimeout("nothing came", request=request)
        return response


async def put(api: Api, lines: list[dict[str, object]]) -> dict[str, object]:
    answer = await api.ask(ADD, UNSAFE, lines=lines)
    return {
        "payload": answer["data"] and answer["data"]["cartAdd"],
        "codes": [error["extensions"]["code"] for error in answer.get("errors", [])],
    }


async def quantities(api: Api) -> dict[str, str]:
    lines = (await api.data("{ cart { lines { sku quantity } } }"))["cart"]["lines"]
    return {line["sku"]: line["quantity"] for line in lines}


def failing(*before: tuple[str, int], after: tuple[tuple[str, int], ...] = ()) -> tuple[list[Failing], object]:
    ways: list[Failing] = []

    def way(inner: httpx2.AsyncBaseTransport) -> httpx2.AsyncBaseTransport:
        ways.append(Failing(inner))
        ways[0].before, ways[0].after = set(before), set(after)
        return ways[0]

    return ways, way


@pytest.mark.parametrize("reached", [False, True])
async def test_a_part_that_fails_leaves_the_fate_of_every_line_told(reached: bool) -> None:
    fault = ("AddToCart", 2)
    _, way = failing(*(() if reached else (fault,)), after=(fault,) if reached else ())
    async with shopping(way=way) as api:  # type: ignore[arg-type]
        answer = await put(api, TWICE)
        payload = answer["payload"]
        assert isinstance(payload, dict)
        assert answer["codes"] == []
        assert payload["added"] == [True, True, reached, reached]
        told = [] if reached else [("UPSTREAM_TIMEOUT", ["lines", "2"])]
        assert [(error["code"], error["path"]) for error in payload["userErrors"]] == told
        shown = {line["sku"]: line["quantity"] for line in payload["cart"]["lines"]}
        assert shown == await quantities(api)
        assert shown == ({"TT-C12": "3", "TT-C01": "1", "TT-C03": "1"} if reached else {"TT-C12": "1", "TT-C01": "1"})


async def test_a_cart_that_cannot_be_read_afterwards_hides_nothing_of_what_went_in() -> None:
    _, way = failing(*(("Cart", number) for number in range(1, 10)))
    async with shopping(way=way) as api:  # type: ignore[arg-type]
        answer = await put(api, TWICE)
        assert answer == {
            "payload": {"added": [True] * 4, "cart": None, "userErrors": []},
            "codes": ["UPSTREAM_ERROR"],
        }


async def test_a_first_part_that_fails_is_an_error_of_the_whole_and_the_cart_tells_the_truth() -> None:
    _, way = failing(("AddToCart", 1))
    async with shopping(way=way) as api:  # type: ignore[arg-type]
        assert await put(api, TWICE) == {"payload": None, "codes": ["UPSTREAM_TIMEOUT"]}
        assert await quantities(api) == {}


async def test_a_refused_change_is_told_though_the_cart_cannot_be_read() -> None:
    ways, way = failing()
    async with shopping(way=way) as api:  # type: ignore[arg-type]
        await put(api, [{"sku": "TT-C12"}])
        ways[0].before = {("Cart", number) for number in range(1, 10)}
        answer = await api.ask(
            'mutation { cartApplyCoupons(codes: ["NONSENSE"]) { cart { quantity } userErrors { code path } } }', UNSAFE
        )
        told = [{"code": "COUPON_INVALID", "path": ["codes"]}]
        assert answer["data"] == {"cartApplyCoupons": {"cart": None, "userErrors": told}}
        assert [error["extensions"]["code"] for error in answer["errors"]] == ["UPSTREAM_ERROR"]
