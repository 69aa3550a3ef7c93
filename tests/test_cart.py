"""The cart as a browser and an app use it, on all versions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import httpx2
import pytest

from app.sandbox.commerce import VERSIONS, Commerce, create_commerce
from tests.conftest import COMMERCE, Api, running

KEY = "bm90LWEtc2VjcmV0LWtleS1vZi10aGUtdGVzdHMhISE="
UNSAFE = {"X-Vitrine": "1"}
LETTERING = {"uid": "Y3VzdG9tLW9wdGlvbi8x", "value": "For Ada"}
CART = """
  lines { uid sku variantSku name quantity options { label value } price { amount currency } total { amount } discount { amount } }
  quantity coupons isVirtual
  totals { subtotal { amount } discounts { label amount { amount } } shipping { amount } taxes { label amount { amount } } grandTotal { amount currency } }
"""
ADD = f"mutation Add($lines: [CartLineInput!]!) {{ cartAdd(lines: $lines) {{ added cart {{ {CART} }} userErrors {{ code message path }} }} }}"


@asynccontextmanager
async def shopping(
    version: str = "2.4.8",
    *,
    way: Callable[[httpx2.AsyncBaseTransport], httpx2.AsyncBaseTransport] | None = None,
    commerce: Commerce | None = None,
    **given: Any,
) -> AsyncIterator[Api]:
    """The application with sessions and orders, in front of a Commerce of that version; `way` wraps what is between, and
    `commerce` is one that others use too."""
    commerce = commerce or create_commerce(version, public_url=COMMERCE)
    admin = commerce.shop.admins[0]
    defaults: dict[str, Any] = {
        "environment": "development",
        "redis_state_url": "memory://",
        "session_keys": KEY,
        "public_url": "http://localhost:8000",
        "commerce_admin_username": admin.username,
        "commerce_admin_password": admin.password,
        "commerce_max_execution": 1,
        "order_margin": 0.2,
    }
    transport: httpx2.AsyncBaseTransport = httpx2.ASGITransport(app=commerce)
    async with running(commerce, transport=way(transport) if way else transport, **{**defaults, **given}) as api:
        yield api


async def do(api: Api, mutation: str, **variables: Any) -> dict[str, Any]:
    """The payload of a mutation that brings no error of its own."""
    data = await api.data(mutation, UNSAFE, **variables)
    payload: dict[str, Any] = next(iter(data.values()))
    return payload


async def add(api: Api, *lines: dict[str, Any]) -> dict[str, Any]:
    return await do(api, ADD, lines=list(lines))


def amounts(cart: dict[str, Any]) -> dict[str, str | None]:
    totals = cart["totals"]
    return {name: totals[name] and totals[name]["amount"] for name in ("subtotal", "shipping", "grandTotal")}


async def test_a_read_begins_no_session_and_asks_commerce_for_no_cart() -> None:
    async with shopping() as api:
        answer = await api.post("{ cart { quantity } checkout { ready } }")
        assert answer.json() == {"data": {"cart": None, "checkout": None}}
        assert "set-cookie" not in answer.headers
        assert api.commerce.requests == []


@pytest.mark.parametrize("version", VERSIONS)
async def test_products_of_all_types_are_put_into_the_cart(version: str) -> None:
    async with shopping(version) as api:
        options = (
            await api.data(
                '{ product(sku: "TT-J01") { ... on ConfigurableProduct { variants { sku inStock values { uid } } } } }'
            )
        )["product"]["variants"]
        variant = next(each for each in options if each["inStock"])
        bundle = (
            await api.data(
                '{ product(sku: "TT-K02") { ... on BundleProduct { bundleOptions { choices { uid isDefault } } } } }'
            )
        )["product"]["bundleOptions"]
        chosen = [next(c["uid"] for c in option["choices"] if c["isDefault"]) for option in bundle]
        download = (
            await api.data('{ product(sku: "TT-D04") { ... on DownloadableProduct { downloadLinks { uid } } } }')
        )["product"]
        payload = await add(
            api,
            {"sku": "TT-C12", "quantity": "2"},
            {"sku": "TT-J01", "quantity": 1, "options": [value["uid"] for value in variant["values"]]},
            {"sku": "TT-K02", "quantity": 1, "options": chosen},
            {"sku": "TT-D04", "quantity": 1, "options": [link["uid"] for link in download["downloadLinks"]]},
            {"sku": "TT-V02", "quantity": 1},
        )
        assert payload["userErrors"] == []
        assert payload["added"] == [True] * 5
        lines = {line["sku"]: line for line in payload["cart"]["lines"]}
        assert set(lines) == {"TT-C12", "TT-J01", "TT-K02", "TT-D04", "TT-V02"}
        assert lines["TT-J01"]["variantSku"] == variant["sku"]
        assert {option["label"] for option in lines["TT-J01"]["options"]} == {"Color", "Size"}
        assert len(lines["TT-K02"]["options"]) == len(chosen)
        total = sum(Decimal(line["total"]["amount"]) for line in lines.values())
        assert Decimal(payload["cart"]["totals"]["subtotal"]["amount"]) == total
        again = await api.data(f"{{ cart {{ {CART} }} }}")
        assert again["cart"] == payload["cart"]


@pytest.mark.parametrize("version", VERSIONS)
async def test_totals_after_several_lines_are_those_of_all_lines(version: str) -> None:
    async with shopping(version) as api:
        payload = await add(api, {"sku": "TT-C12"}, {"sku": "TT-C01"}, {"sku": "TT-C03", "quantity": 2})
        assert amounts(payload["cart"])["subtotal"] == "645.00"
        assert all(line["total"] for line in payload["cart"]["lines"])


async def test_the_first_write_gives_a_browser_its_session_and_no_id_of_commerce() -> None:
    async with shopping() as api:
        answer = await api.post(ADD, UNSAFE, lines=[{"sku": "TT-C12"}])
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("vitrine=")
        assert "; HttpOnly; SameSite=Lax" in cookie
        assert "x-session-token" not in answer.headers
        [cart_id] = api.commerce.carts
        assert cart_id not in answer.text + cookie
        second = await api.post(ADD, UNSAFE, lines=[{"sku": "TT-C12"}])
        assert "set-cookie" not in second.headers
        assert second.json()["data"]["cartAdd"]["cart"]["quantity"] == "2"
        assert list(api.commerce.carts) == [cart_id]


async def test_an_app_gets_its_session_in_a_header_and_sends_it_as_a_bearer() -> None:
    async with shopping() as api:
        asked = {**UNSAFE, "X-Session-Token": "request"}
        answer = await api.post(ADD, asked, lines=[{"sku": "TT-C12"}])
        token = answer.headers["x-session-token"]
        assert "set-cookie" not in answer.headers
        data = await api.data("{ cart { quantity } }", {"Authorization": f"Bearer {token}"})
        assert data == {"cart": {"quantity": "1"}}
        assert await api.data("{ cart { quantity } }") == {"cart": None}
        browser = await api.post(ADD, {**asked, "Origin": "http://localhost:8000"}, lines=[{"sku": "TT-C12"}])
        assert "x-session-token" not in browser.headers
        assert "set-cookie" in browser.headers


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Vitrine": "0"},
        {"X-Vitrine": "1", "Origin": "https://evil.example"},
        {"X-Vitrine": "1", "Origin": "null"},
        {"X-Vitrine": "1", "Sec-Fetch-Site": "cross-site"},
        {"X-Vitrine": "1", "Origin": "http://localhost:8000.evil.example"},
    ],
)
async def test_a_write_that_another_site_may_have_made_is_refused_and_changes_nothing(headers: dict[str, str]) -> None:
    async with shopping() as api:
        answer = await api.post(ADD, headers, lines=[{"sku": "TT-C12"}])
        assert [error["extensions"]["code"] for error in answer.json()["errors"]] == ["CROSS_SITE"]
        assert answer.json().get("data") is None
        assert "set-cookie" not in answer.headers
        assert api.commerce.requests == []
        assert api.commerce.carts == {}


async def test_another_origin_reads_an_answer_only_when_it_is_allowed() -> None:
    async with shopping(allowed_origins="https://shop.example") as api:
        fine = await api.post("{ store { code } }", {"Origin": "https://shop.example"})
        assert fine.headers["access-control-allow-origin"] == "https://shop.example"
        foreign = await api.post("{ store { code } }", {"Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in foreign.headers
        preflight = {
            "Origin": "https://shop.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type,x-vitrine",
        }
        assert (await api.client.options("/graphql", headers=preflight)).status_code == 200
        assert (
            await api.client.options("/graphql", headers={**preflight, "Origin": "https://evil.example"})
        ).status_code == 400


@pytest.mark.parametrize("token", ["x", "A" * 43, "../../etc", "vitrine:session:1"])
async def test_a_forged_session_is_none_and_never_becomes_one(token: str) -> None:
    async with shopping() as api:
        headers = {**UNSAFE, "Cookie": f"vitrine={token}"}
        answer = await api.post(ADD, headers, lines=[{"sku": "TT-C12"}])
        assert answer.json()["data"]["cartAdd"]["added"] == [True]
        assert not answer.headers["set-cookie"].startswith(f"vitrine={token};")
        assert await api.data("{ cart { quantity } }", {"Cookie": f"vitrine={token}"}) == {"cart": None}


async def test_two_first_writes_at_once_end_in_one_session_and_one_cart() -> None:
    async with shopping() as api:
        headers = {**UNSAFE, "X-Session-Start": "q" * 32}

        async def first_write(sku: str) -> httpx2.Response:
            web = httpx2.ASGITransport(app=api.app)
            async with httpx2.AsyncClient(transport=web, base_url="http://api.test") as browser:
                body = {"query": ADD, "variables": {"lines": [{"sku": sku}]}}
                return await browser.post("/graphql", json=body, headers=headers)

        answers = await asyncio.gather(*map(first_write, ("TT-C12", "TT-C01", "TT-C03")))
        cookies = {answer.headers["set-cookie"].split(";")[0] for answer in answers}
        assert len(cookies) == 1
        assert len(api.commerce.carts) == 1
        data = await api.data("{ cart { quantity } }", {"Cookie": cookies.pop()})
        assert data["cart"]["quantity"] == "3"


@pytest.mark.parametrize(
    ("lines", "codes", "added"),
    [
        ([{"sku": "NOPE"}], [("PRODUCT_NOT_FOUND", ["lines", "0"])], [False]),
        ([{"sku": "TT-C13"}], [("OUT_OF_STOCK", ["lines", "0"])], [False]),
        ([{"sku": "TT-C07", "quantity": 50}], [("QUANTITY_UNAVAILABLE", ["lines", "0"])], [False]),
        ([{"sku": "TT-J01"}], [("OPTIONS_REQUIRED", ["lines", "0"])], [False]),
        ([{"sku": "TT-C12"}, {"sku": "NOPE"}], [("PRODUCT_NOT_FOUND", ["lines", "1"])], [True, False]),
        (
            [{"sku": "TT-C13"}, {"sku": "TT-C12"}, {"sku": "TT-C07", "quantity": 50}],
            [("OUT_OF_STOCK", ["lines", "0"]), ("QUANTITY_UNAVAILABLE", ["lines", "2"])],
            [False, True, False],
        ),
        ([{"sku": "TT-D04"}], [("OPTIONS_REQUIRED", ["lines", "0"])], [False]),
        (
            [{"sku": "TT-C12", "quantity": 1.5}, {"sku": "TT-C12", "quantity": 2}, {"sku": "NOPE"}],
            [("QUANTITY_INVALID", ["lines", "0"]), ("PRODUCT_NOT_FOUND", ["lines", "2"])],
            [False, True, False],
        ),
        (
            [{"sku": "TT-M01"}, {"sku": "TT-C13"}, {"sku": "TT-M01", "entered": [LETTERING]}, {"sku": "TT-M01"}],
            [
                ("OPTIONS_REQUIRED", ["lines", "0"]),
                ("OUT_OF_STOCK", ["lines", "1"]),
                ("OPTIONS_REQUIRED", ["lines", "3"]),
            ],
            [False, False, True, False],
        ),
    ],
)
async def test_lines_that_cannot_go_in_are_named_and_the_others_go_in(
    lines: list[dict[str, Any]], codes: list[tuple[str, list[str]]], added: list[bool]
) -> None:
    async with shopping() as api:
        payload = await add(api, *lines)
        assert [(error["code"], error["path"]) for error in payload["userErrors"]] == codes
        assert payload["added"] == added


@pytest.mark.parametrize(
    ("lines", "path"),
    [
        ([], ["lines"]),
        ([{"sku": "TT-C12"}] * 101, ["lines"]),
        ([{"sku": "TT-C12", "quantity": 0}], ["lines", "0", "quantity"]),
        ([{"sku": "TT-C12", "quantity": -1}], ["lines", "0", "quantity"]),
        ([{"sku": "TT-C12", "quantity": "NaN"}], ["lines", "0", "quantity"]),
    ],
)
async def test_bad_lines_are_refused_before_anything_is_begun(lines: list[dict[str, Any]], path: list[str]) -> None:
    async with shopping() as api:
        answer = await api.post(ADD, UNSAFE, lines=lines)
        [error] = answer.json()["data"]["cartAdd"]["userErrors"]
        assert (error["code"], error["path"]) == ("BAD_USER_INPUT", path)
        assert "set-cookie" not in answer.headers
        assert api.commerce.requests == []


@pytest.mark.parametrize("version", VERSIONS)
async def test_lines_are_changed_removed_and_cleared(version: str) -> None:
    async with shopping(version) as api:
        cart = (await add(api, {"sku": "TT-C12", "quantity": 2}, {"sku": "TT-C01"}, {"sku": "TT-C03"}))["cart"]
        uids = {line["sku"]: line["uid"] for line in cart["lines"]}
        update = f"mutation U($lines: [CartLineUpdate!]!) {{ cartUpdate(lines: $lines) {{ cart {{ {CART} }} userErrors {{ code path }} }} }}"
        changed = await do(
            api, update, lines=[{"uid": uids["TT-C12"], "quantity": 5}, {"uid": uids["TT-C01"], "quantity": 0}]
        )
        assert {line["sku"]: line["quantity"] for line in changed["cart"]["lines"]} == {"TT-C12": "5", "TT-C03": "1"}
        refused = await do(api, update, lines=[{"uid": uids["TT-C12"], "quantity": 900_000}])
        assert [error["code"] for error in refused["userErrors"]] == ["QUANTITY_UNAVAILABLE"]
        assert refused["cart"] == changed["cart"]
        remove = "mutation R($uids: [ID!]!) { cartRemove(uids: $uids) { cart { quantity } userErrors { code } } }"
        assert await do(api, remove, uids=[uids["TT-C03"]]) == {"cart": {"quantity": "5"}, "userErrors": []}
        cleared = await do(api, "mutation { cartClear { cart { quantity lines { sku } } userErrors { code } } }")
        assert cleared == {"cart": {"quantity": "0", "lines": []}, "userErrors": []}


@pytest.mark.parametrize("version", VERSIONS)
async def test_coupons_are_applied_and_taken_away(version: str) -> None:
    several = version >= "2.4.7"
    apply = f"mutation A($codes: [String!]!) {{ cartApplyCoupons(codes: $codes) {{ cart {{ {CART} }} userErrors {{ code }} }} }}"
    async with shopping(version) as api:
        await add(api, {"sku": "TT-C01"})
        one = await do(api, apply, codes=["TENOFF"])
        assert one["userErrors"] == []
        assert one["cart"]["coupons"] == ["TENOFF"]
        assert amounts(one["cart"])["grandTotal"] == "350.10"
        assert one["cart"]["totals"]["discounts"] == [{"label": "Ten percent off", "amount": {"amount": "38.90"}}]
        bad = await do(api, apply, codes=["EXPIRED"])
        assert [error["code"] for error in bad["userErrors"]] == [
            "COUPON_INVALID" if several else "COUPON_ALREADY_APPLIED"
        ]
        more = await do(api, apply, codes=["FIVE"])
        assert sorted(more["cart"]["coupons"]) == (["FIVE", "TENOFF"] if several else ["TENOFF"])
        remove = "mutation R($codes: [String!]!) { cartRemoveCoupons(codes: $codes) { cart { coupons } userErrors { code } } }"
        left = await do(api, remove, codes=["TENOFF"])
        assert left["cart"]["coupons"] == (["FIVE"] if several else [])


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_coupon_that_is_not_named_is_not_taken_away(version: str) -> None:
    remove = f"mutation R($codes: [String!]!) {{ cartRemoveCoupons(codes: $codes) {{ cart {{ {CART} }} userErrors {{ code }} }} }}"
    async with shopping(version) as api:
        await add(api, {"sku": "TT-C01"})
        one = await do(api, 'mutation { cartApplyCoupons(codes: ["TENOFF"]) { cart { coupons } } }')
        assert one["cart"]["coupons"] == ["TENOFF"]
        other = await do(api, remove, codes=["FIVE"])
        assert (other["cart"]["coupons"], other["userErrors"]) == (["TENOFF"], [])
        assert amounts(other["cart"])["grandTotal"] == "350.10"
        assert (await do(api, remove, codes=["tenoff"]))["cart"]["coupons"] == []


async def test_the_discount_of_a_bundle_is_what_its_coupons_take_off() -> None:
    async with shopping() as api:
        bundle = await api.data(
            '{ product(sku: "TT-K02") { ... on BundleProduct { bundleOptions { choices { uid isDefault } } } } }'
        )
        options = bundle["product"]["bundleOptions"]
        chosen = [next(c["uid"] for c in option["choices"] if c["isDefault"]) for option in options]
        await add(api, {"sku": "TT-K02", "options": chosen})
        await do(api, 'mutation { cartApplyCoupons(codes: ["TENOFF"]) { cart { coupons } } }')
        [line] = (await api.data(f"{{ cart {{ {CART} }} }}"))["cart"]["lines"]
        assert (line["total"], line["discount"]) == ({"amount": "144.00"}, {"amount": "14.40"})


@pytest.mark.parametrize("skus", [["TT-C01"], ["TT-C01", "TT-C03"]])
async def test_a_cart_that_vanished_is_replaced_and_the_frontend_told_once(skus: list[str]) -> None:
    async with shopping() as api:
        await add(api, {"sku": "TT-C12"})
        [gone] = api.commerce.carts
        del api.commerce.carts[gone]
        payload = await add(api, *({"sku": sku} for sku in skus))
        assert [error["code"] for error in payload["userErrors"]] == ["CART_EXPIRED"]
        assert [line["sku"] for line in payload["cart"]["lines"]] == skus
        assert (await add(api, {"sku": "TT-C01"}))["userErrors"] == []


async def test_lines_that_went_with_a_cart_are_not_told_to_be_in_the_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    async with shopping() as api:
        carts = api.commerce.shop.carts
        real, asked = carts.mine, list[str]()

        def mine(masked: str, customer: int | None) -> Any:
            asked.append(masked)
            if len(asked) == 2:
                del carts.by_masked[masked]
            return real(masked, customer)

        monkeypatch.setattr(carts, "mine", mine)
        payload = await add(api, {"sku": "TT-C12"}, {"sku": "TT-C12", "quantity": 2})
        assert payload["added"] == [False, True]
        assert [error["code"] for error in payload["userErrors"]] == ["CART_EXPIRED"]
        assert payload["cart"]["quantity"] == "2"


async def test_a_change_without_a_cart_says_so_and_begins_nothing() -> None:
    async with shopping() as api:
        answer = await api.post(
            'mutation { cartRemove(uids: ["MQ=="]) { cart { quantity } userErrors { code } } }', UNSAFE
        )
        assert answer.json()["data"]["cartRemove"] == {"cart": None, "userErrors": [{"code": "CART_EMPTY"}]}
        assert "set-cookie" not in answer.headers
        assert api.commerce.requests == []


async def test_a_cart_reads_in_the_currency_of_the_request() -> None:
    async with shopping() as api:
        await add(api, {"sku": "TT-C01"})
        data = await api.data("{ cart { totals { grandTotal { amount currency } } } }", {"Content-Currency": "EUR"})
        assert data["cart"]["totals"]["grandTotal"] == {"amount": "357.88", "currency": "EUR"}


async def test_a_request_with_more_mutations_than_may_be_changes_nothing() -> None:
    many = "".join(f'a{place}: cartAdd(lines: [{{sku: "TT-C12"}}]) {{ cart {{ quantity }} }} ' for place in range(6))
    async with shopping() as api:
        answer = await api.post(f"mutation {{ {many} }}", UNSAFE)
        assert [error["extensions"]["code"] for error in answer.json()["errors"]] == ["QUERY_TOO_EXPENSIVE"]
        assert "set-cookie" not in answer.headers
        assert api.commerce.requests == []
        last = many.index("a5:")
        data = await api.data(f"mutation {{ {many[:last]} }}", UNSAFE)
        assert data["a4"] == {"cart": {"quantity": "5"}}
    async with shopping(graphql_max_mutations=1) as api:
        assert await api.codes(f"mutation {{ {many[:last]} }}", UNSAFE) == ["QUERY_TOO_EXPENSIVE"]
