"""Lines of which Commerce takes some and then fails: what went in is told."""

from __future__ import annotations

import base64

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


async def test_no_part_is_so_large_that_commerce_could_not_put_it_in_in_time() -> None:
    ways, way = failing()
    lines: list[dict[str, object]] = [{"sku": f"NOPE-{number}"} for number in range(41)]
    async with shopping(way=way) as api:  # type: ignore[arg-type]
        answer = await put(api, lines)
        assert ways[0].seen["AddToCart"] == 3
        assert isinstance(answer["payload"], dict)
        assert [error["path"] for error in answer["payload"]["userErrors"]] == [["lines", str(at)] for at in range(41)]


def chosen_of_group(api: Api, **quantities: int) -> list[str]:
    ids = {sku: api.commerce.shop.products[sku.replace("_", "-")].id for sku in quantities}
    texts = [f"grouped/{ids[sku]}/{count}" for sku, count in quantities.items()]
    return [base64.b64encode(text.encode()).decode() for text in texts]


@pytest.mark.parametrize("version", ["2.4.4", "2.4.9"])
async def test_products_of_a_group_are_told_as_put_in_beside_a_line_that_is_not(version: str) -> None:
    async with shopping(version) as api:
        group: dict[str, object] = {"sku": "TT-G01", "options": chosen_of_group(api, TT_P08=2, TT_P10=1)}
        payload = (await put(api, [{"sku": "TT-P08"}, group, {"sku": "NOPE-1"}]))["payload"]
        assert isinstance(payload, dict)
        assert payload["added"] == [True, True, False]
        assert [(error["code"], error["path"]) for error in payload["userErrors"]] == [
            ("PRODUCT_NOT_FOUND", ["lines", "2"])
        ]
        assert await quantities(api) == {"TT-P08": "3", "TT-P10": "1"}


@pytest.mark.parametrize("reached", [False, True])
async def test_of_a_group_that_fails_the_cart_tells_whether_it_went_in(reached: bool) -> None:
    fault = ("AddToCart", 2)
    _, way = failing(*(() if reached else (fault,)), after=(fault,) if reached else ())
    async with shopping(way=way) as api:  # type: ignore[arg-type]
        group: dict[str, object] = {"sku": "TT-G01", "options": chosen_of_group(api, TT_P10=1)}
        payload = (await put(api, [{"sku": "TT-C12"}, group]))["payload"]
        assert isinstance(payload, dict)
        assert payload["added"] == [True, reached]
        assert await quantities(api) == {"TT-C12": "1"} | ({"TT-P10": "1"} if reached else {})


async def test_a_lost_cart_is_told_though_a_later_part_fails_before_anything_went_in() -> None:
    ways, way = failing()
    async with shopping(way=way) as api:  # type: ignore[arg-type]
        await put(api, [{"sku": "TT-C12"}])
        api.commerce.carts.clear()
        ways[0].before = {("AddToCart", ways[0].seen["AddToCart"] + 2)}
        payload = (await put(api, [{"sku": "NOPE-1"}, {"sku": "NOPE-1"}]))["payload"]
        assert isinstance(payload, dict)
        assert payload["added"] == [False, False]
        assert [(error["code"], error["path"]) for error in payload["userErrors"]] == [
            ("CART_EXPIRED", []),
            ("PRODUCT_NOT_FOUND", ["lines", "0"]),
            ("UPSTREAM_TIMEOUT", ["lines", "1"]),
        ]
        again = (await put(api, [{"sku": "TT-C12"}]))["payload"]
        assert isinstance(again, dict)
        assert again["userErrors"] == []
