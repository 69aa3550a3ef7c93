"""Shoppers of one running API, each with cookies of their own, and one good request for every mutation there is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import graphql
import httpx2
import redis.asyncio as redis

from app.storefront.schema import build_schema
from tests.conftest import Api
from tests.test_cart import ADD, UNSAFE, shopping
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

API = "https://api.shop.example"
SHOP = "https://shop.example"
COOKIE = "__Host-vitrine"
LOOK = "{ cart { quantity } checkout { email } }"
NOTHING = {"cart": None, "checkout": None}
HERS = {"cart": {"quantity": "2"}, "checkout": {"email": "jane@example.com"}}
CART = "{ cart { quantity } userErrors { code } }"
UPDATE = f"mutation U($lines: [CartLineUpdate!]!) {{ cartUpdate(lines: $lines) {CART} }}"
REMOVE = f"mutation R($uids: [ID!]!) {{ cartRemove(uids: $uids) {CART} }}"
CLEAR = f"mutation C {{ cartClear {CART} }}"
APPLY = f"mutation A($codes: [String!]!) {{ cartApplyCoupons(codes: $codes) {CART} }}"
UNAPPLY = f"mutation X($codes: [String!]!) {{ cartRemoveCoupons(codes: $codes) {CART} }}"

GIFT = f"mutation G($message: GiftMessageInput!) {{ cartSetGiftMessage(message: $message) {CART} }}"
PICK_UP = "mutation K($location: String!) { checkoutSetPickup(location: $location) { checkout { email } userErrors { code } } }"

Write = tuple[str, dict[str, Any]]
_WRONG = "{ userErrors { code } }"
ACCOUNT: dict[str, Write] = {
    "customerUpdate": (
        f"mutation N($first: String) {{ customerUpdate(firstName: $first) {_WRONG} }}",
        {"first": "Eve"},
    ),
    "customerAddAddress": (
        f"mutation B($address: AddressInput!) {{ customerAddAddress(address: $address) {_WRONG} }}",
        {"address": OAKLAND},
    ),
    "customerUpdateAddress": (
        f"mutation V($id: ID!, $address: AddressInput!) {{ customerUpdateAddress(id: $id, address: $address) {_WRONG} }}",
        {"id": "1", "address": OAKLAND},
    ),
    "customerRemoveAddress": (f"mutation D($id: ID!) {{ customerRemoveAddress(id: $id) {_WRONG} }}", {"id": "1"}),
    "customerReorder": (
        f"mutation R($number: String!) {{ customerReorder(number: $number) {_WRONG} }}",
        {"number": "000000001"},
    ),
}


def schema() -> graphql.GraphQLSchema:
    """The public schema."""
    return graphql.build_schema(build_schema().as_str())


def mutations() -> set[str]:
    """The names of all mutations."""
    kind = schema().mutation_type
    assert kind is not None
    return set(kind.fields)


def every(uid: str) -> dict[str, Write]:
    """As `writes`, and a request for each mutation of a customer's account."""
    found = {**writes(uid), **ACCOUNT}
    assert set(found) == mutations(), "a mutation without a request here is tried by no test"
    return found


def writes(uid: str) -> dict[str, Write]:
    """For each mutation a request that changes the cart of `ready`, whose line has this uid."""
    found: dict[str, Write] = {
        "cartAdd": (ADD, {"lines": [{"sku": "TT-C01"}]}),
        "cartUpdate": (UPDATE, {"lines": [{"uid": uid, "quantity": 7}]}),
        "cartRemove": (REMOVE, {"uids": [uid]}),
        "cartClear": (CLEAR, {}),
        "cartApplyCoupons": (APPLY, {"codes": ["TENOFF"]}),
        "cartRemoveCoupons": (UNAPPLY, {"codes": ["FIVE"]}),
        "cartSetGiftMessage": (GIFT, {"message": {"sender": "Mallory", "recipient": "Jane", "message": "Boo"}}),
        "checkoutSetEmail": (SET_EMAIL, {"email": "mallory@example.com"}),
        "checkoutSetShippingAddress": (SET_ADDRESS, {"address": {**OAKLAND, "city": "Fresno"}, "same": False}),
        "checkoutSetBillingAddress": (SET_BILLING, {"address": {**OAKLAND, "city": "Fresno"}}),
        "checkoutSetShippingMethod": (SET_SHIPPING, {"carrier": "tablerate", "method": "bestway"}),
        "checkoutSetPickup": (PICK_UP, {"location": "harbour"}),
        "checkoutSetPaymentMethod": (SET_PAYMENT, {"code": "banktransfer"}),
        "checkoutPlaceOrder": (PLACE, {"key": "an-order-of-the-cart", "agreements": ["1"]}),
    }
    own = {name for name in mutations() if not name.startswith("customer")}
    assert set(found) == own, "a mutation without a request here is tried by no test"
    return found


def codes(answer: Mapping[str, Any]) -> list[str]:
    """The codes of all errors of an answer, the shopper's own among them."""
    own = [error["code"] for payload in (answer.get("data") or {}).values() for error in (payload or {})["userErrors"]]
    return [error["extensions"]["code"] for error in answer.get("errors", [])] + own


@asynccontextmanager
async def public(version: str = "2.4.8", **given: Any) -> AsyncIterator[Api]:
    """The application as browsers reach it by https, with one storefront on another origin."""
    async with shopping(version, **{"public_url": API, "allowed_origins": SHOP, **given}) as api:
        yield api


@asynccontextmanager
async def shopper(api: Api) -> AsyncIterator[Api]:
    """Somebody with cookies of his own."""
    web = httpx2.ASGITransport(app=api.app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=web, base_url=API) as client:
        yield Api(api.app, client, api.commerce)


async def ready(someone: Api) -> str:
    """Takes the shopper to the last step before the order, with a coupon; gives the uid of the cart's line."""
    await get_ready(someone)
    query, variables = APPLY, {"codes": ["FIVE"]}
    assert codes(await someone.ask(query, UNSAFE, **variables)) == []
    [line] = (await someone.data("{ cart { lines { uid } } }"))["cart"]["lines"]
    return str(line["uid"])


def token(someone: Api) -> str:
    """The session id that his browser keeps."""
    return str(someone.client.cookies[COOKIE])


async def kept(url: str) -> dict[bytes, bytes]:
    """All that Redis has, but how many logins were begun: those count whatever comes of them."""
    async with redis.from_url(url) as client:
        keys: list[bytes] = [key for key in await client.keys() if b":attempts:login:" not in key]  # type: ignore[misc]
        found: dict[bytes, bytes] = {key: await client.get(key) for key in keys}  # type: ignore[misc]
    return found


def asked(api: Api) -> int:
    """How often Commerce was asked about carts and orders; of the shop itself it is asked at any time."""
    return sum(
        "cartId" in seen.variables or "/guest-carts" in seen.path or "/orders" in seen.path
        for seen in api.commerce.requests
    )


async def world(api: Api, url: str) -> dict[str, object]:
    """All that a request can change: what Commerce was asked and has, and what Redis has."""
    commerce = api.commerce
    return {
        "asked": asked(api),
        "carts": repr(commerce.carts),
        "orders": repr(commerce.orders),
        "redis": await kept(url),
    }


def fresh_id(answer: httpx2.Response) -> str:
    """The session id that an answer gives to a browser, which it must."""
    [cookie] = answer.headers.get_list("set-cookie")
    name, _, value = cookie.partition(";")[0].partition("=")
    assert (name, len(value)) == (COOKIE, 43)
    assert cookie.endswith("; Path=/; HttpOnly; SameSite=Lax; Secure")
    return str(value)


@asynccontextmanager
async def victim_and_api(**given: Any) -> AsyncIterator[tuple[Api, Api]]:
    async with public(**given) as api, shopper(api) as victim:
        await ready(victim)
        yield victim, api


async def leads_nowhere(api: Api, headers: dict[str, str], planted: str = "") -> None:
    """Whoever sends this finds nothing. His first write begins a session of its own with one line in its cart, if he
    is one who takes a new id; and tells him of his loss if what he sent could have been an id."""
    carts = {masked: repr(cart) for masked, cart in api.commerce.carts.items()}
    before = asked(api)
    bearer = "Authorization" in headers
    lost = ["CART_EXPIRED"] if len(planted) == 43 else []
    async with shopper(api) as attacker:
        looked = await attacker.post(LOOK, headers)
        assert looked.json() == {"data": NOTHING}
        assert "set-cookie" not in looked.headers
        assert asked(api) == before
        ordered = await attacker.post(PLACE, {**UNSAFE, **headers}, key="an-order-of-hers", agreements=["1"])
        assert codes(ordered.json()) == ["CART_EXPIRED"]
        assert "set-cookie" not in ordered.headers
        if bearer:
            refused = await attacker.post(ADD, {**UNSAFE, **headers}, lines=[{"sku": "TT-C01"}])
            assert codes(refused.json()) == ["SESSION_ENDED"]
            assert {"set-cookie", "x-session-token"}.isdisjoint(refused.headers)
            assert asked(api) == before
            headers = {**headers, "X-Session-Token": "request"}
        wrote = await attacker.post(ADD, {**UNSAFE, **headers}, lines=[{"sku": "TT-C01"}])
        assert [line["sku"] for line in wrote.json()["data"]["cartAdd"]["cart"]["lines"]] == ["TT-C01"]
        assert codes(wrote.json()) in (lost, [])  # told once an hour, whoever asks
        begun = wrote.headers["x-session-token"] if bearer else fresh_id(wrote)
        assert begun != planted
    async with shopper(api) as attacker:
        # Now the value would be found, had it been adopted.
        assert (await attacker.post(LOOK, headers)).json() == {"data": NOTHING}
    assert {masked: repr(cart) for masked, cart in api.commerce.carts.items() if masked in carts} == carts
    assert len(api.commerce.carts) == len(carts) + 1
    assert api.commerce.orders == []
