"""From where a request comes, whom that is believed, and what of it Commerce is told."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError
from starlette.datastructures import Headers

from app.auth.caller import Caller, HandingOn, address_of
from app.errors import BadRequest
from tests.conftest import Api, settings
from tests.test_cart import ADD, UNSAFE, add, shopping
from tests.test_checkout import PLACE, get_ready

PEER = "127.0.0.1"  # whom the tests' client is taken for
FORWARDED = "x-forwarded-for"


def told(api: Api, header: str = FORWARDED) -> set[tuple[str, str | None]]:
    """Which operations Commerce got a header with, and its value."""
    return {(seen.operation or seen.path, seen.headers.get(header)) for seen in api.commerce.requests}


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8::1", "2001:db8::1"),
        ("2001:0DB8:0:0::1", "2001:db8::1"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("fe80::1%eth0", "fe80::1"),
        (None, None),
        ("", None),
        ("unknown", None),
        ("203.0.113.9, 10.0.0.1", None),
        ("203.0.113.9\r\nX-Evil: 1", None),
        ("/run/vitrine.sock", None),
        ("1" * 300, None),
    ],
)
def test_only_an_ip_address_is_an_address(peer: str | None, address: str | None) -> None:
    assert address_of(peer) == address


def test_nothing_is_handed_on_that_the_settings_do_not_name() -> None:
    headers = Headers({"X-ReCaptcha": "token", "X-Captcha": "word", "X-Forwarded-For": "6.6.6.6"})
    assert HandingOn().caller(headers, "203.0.113.9") == Caller("203.0.113.9", {})
    assert HandingOn("X-Real-IP").caller(headers, "203.0.113.9").handed_on == {"X-Real-IP": "203.0.113.9"}
    assert HandingOn(recaptcha=True).caller(headers, "203.0.113.9").handed_on == {"X-ReCaptcha": "token"}
    assert HandingOn("X-Real-IP", True).caller(Headers(), None) == Caller(None, {})


@pytest.mark.parametrize("token", ["", "two words", "a\tb", "a,b", "é", "x" * 8193, "<script>"])
def test_what_is_no_recaptcha_token_is_refused(token: str) -> None:
    headers = Headers(raw=[(b"x-recaptcha", token.encode("latin-1"))])
    with pytest.raises(BadRequest):
        HandingOn(recaptcha=True).caller(headers, None)


def test_a_recaptcha_token_that_is_given_twice_is_refused() -> None:
    headers = Headers(raw=[(b"x-recaptcha", b"one"), (b"x-recaptcha", b"two")])
    with pytest.raises(BadRequest):
        HandingOn(recaptcha=True).caller(headers, None)


@pytest.mark.parametrize(
    ("trusted", "forwarded", "address"),
    [
        # Nobody is trusted: what the header says is nothing.
        ("", "203.0.113.9", PEER),
        # The peer is no proxy of ours.
        ("10.0.0.0/8", "203.0.113.9", PEER),
        ("127.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("127.0.0.0/8", "203.0.113.9", "203.0.113.9"),
        # What came before the last proxy that is ours was written by the caller himself.
        ("127.0.0.1", "6.6.6.6, 203.0.113.9", "203.0.113.9"),
        ("127.0.0.1,10.0.0.0/8", "6.6.6.6, 203.0.113.9, 10.1.2.3", "203.0.113.9"),
        ("127.0.0.1", "203.0.113.9:52100", "203.0.113.9"),
        ("127.0.0.1", "[2001:db8::7]:443", "2001:db8::7"),
        ("127.0.0.1", "garbage", None),
        ("127.0.0.1", "", PEER),
    ],
)
async def test_commerce_is_told_the_address_that_trusted_proxies_tell(
    trusted: str, forwarded: str, address: str | None
) -> None:
    async with shopping(trusted_proxies=trusted) as api:
        await api.data(ADD, {**UNSAFE, "X-Forwarded-For": forwarded}, lines=[{"sku": "TT-C12"}])
        assert told(api) == {("CreateCart", address), ("AddToCart", address)}


async def test_proxies_that_write_a_line_each_are_read_as_one_list() -> None:
    async with shopping(trusted_proxies="127.0.0.1") as api:
        headers = [("X-Vitrine", "1"), ("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-For", "203.0.113.9")]
        body = {"query": ADD, "variables": {"lines": [{"sku": "TT-C12"}]}}
        await api.client.post("/graphql", json=body, headers=headers)
        assert told(api) == {("CreateCart", "203.0.113.9"), ("AddToCart", "203.0.113.9")}


async def test_reads_that_all_shoppers_share_tell_commerce_nothing_of_any() -> None:
    async with shopping() as api:
        await api.data('{ product(sku: "TT-C12") { name } }', {"X-ReCaptcha": "token"})
        assert told(api) == {("Products", None)}
        assert told(api, "x-recaptcha") == {("Products", None)}


async def test_a_shoppers_own_reads_and_his_order_come_with_his_address_and_token() -> None:
    async with shopping(commerce_ip_header="X-Real-IP") as api:
        await get_ready(api)
        api.forget()
        await api.data("{ cart { quantity } }", {"X-ReCaptcha": "read"})
        answer = await api.data(PLACE, {**UNSAFE, "X-ReCaptcha": "once_-."}, key="with-a-token", agreements=["1"])
        assert answer["checkoutPlaceOrder"]["userErrors"] == []
        assert {("Cart", PEER), ("PlaceOrder", PEER)} <= told(api, "x-real-ip")
        assert {("Cart", "read"), ("PlaceOrder", "once_-.")} <= told(api, "x-recaptcha")
        told_over_rest = {
            (name.rpartition("/V1/")[2], header) for name, header in told(api, "x-real-ip") if "/V1/" in name
        }
        [order] = api.commerce.orders
        [cart] = api.commerce.carts
        # What is noted on the order is our own.
        note = {(f"orders/{order.entity_id}/comments", None)}
        assert told_over_rest - {("orders", None)} == {(f"guest-carts/{cart}", PEER), ("orders", PEER)} | note


async def test_an_estimate_and_an_order_found_over_rest_come_with_the_shoppers_address() -> None:
    estimate = '{ shippingEstimate(country: "US", postcode: "94601") { methods { carrier } totals { grandTotal { amount } } } }'
    look = 'query L($number: String!) { guestOrder(number: $number, email: "a@example.com", lastName: "A") { number } }'
    async with shopping("2.4.4") as api:
        await add(api, {"sku": "TT-C12"})
        api.forget()
        assert (await api.data(estimate))["shippingEstimate"]["methods"]
        assert await api.data(look, number="000000001") == {"guestOrder": None}
        [cart] = api.commerce.carts
        estimates = {f"guest-carts/{cart}/{each}" for each in ("estimate-shipping-methods", "totals-information")}
        over_rest = {(name.rpartition("/V1/")[2], header) for name, header in told(api) if "/V1/" in name}
        assert over_rest - {("integration/admin/token", None)} == {(name, PEER) for name in {*estimates, "orders"}}


async def test_settings_can_keep_both_from_commerce() -> None:
    async with shopping(commerce_ip_header="", commerce_recaptcha=False) as api:
        await api.data(ADD, {**UNSAFE, "X-ReCaptcha": "token"}, lines=[{"sku": "TT-C12"}])
        assert told(api) == {("CreateCart", None), ("AddToCart", None)}
        assert told(api, "x-recaptcha") == {("CreateCart", None), ("AddToCart", None)}


async def test_a_malformed_token_is_refused_before_anything_happens() -> None:
    async with shopping() as api:
        answer = await api.post(ADD, {**UNSAFE, "X-ReCaptcha": "no token"}, lines=[{"sku": "TT-C12"}])
        assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (400, "BAD_REQUEST")
        assert "set-cookie" not in answer.headers
        assert api.commerce.requests == []


@pytest.mark.parametrize("version", ["2.4.4", "2.4.9"])
async def test_a_token_that_commerce_refuses_is_the_shoppers_to_mend(version: str) -> None:
    async with shopping(version) as api:
        await get_ready(api)
        api.commerce.shop.sales.recaptcha = "right"
        refused = {"code": "RECAPTCHA_FAILED", "message": "ReCaptcha validation failed, please try again", "path": []}
        for token in ({}, {"X-ReCaptcha": "wrong"}):
            answer = await api.data(PLACE, {**UNSAFE, **token}, key="refused-token", agreements=["1"])
            assert answer["checkoutPlaceOrder"] == {"number": None, "userErrors": [refused]}
            assert api.commerce.orders == []
        answer = await api.data(PLACE, {**UNSAFE, "X-ReCaptcha": "right"}, key="refused-token", agreements=["1"])
        assert answer["checkoutPlaceOrder"]["userErrors"] == []
        assert len(api.commerce.orders) == 1


@pytest.mark.parametrize(
    "given",
    [
        {"trusted_proxies": "*"},
        {"trusted_proxies": "proxy.internal"},
        {"trusted_proxies": "10.0.0.1/8"},
        {"commerce_ip_header": "Authorization"},
        {"commerce_ip_header": "Store"},
        {"commerce_ip_header": "X-ReCaptcha"},
        {"commerce_ip_header": "X-Real-IP\r\nStore"},
    ],
)
def test_settings_that_would_trust_too_much_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        settings(**given)


async def test_the_cart_of_a_caller_without_an_address_works_all_the_same() -> None:
    async with shopping(trusted_proxies="127.0.0.1") as api:
        api.client.headers["X-Forwarded-For"] = "unknown"
        assert (await add(api, {"sku": "TT-C12"}))["userErrors"] == []
