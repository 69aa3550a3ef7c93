"""Recorded carts and orders, read by the product: a guest of the whole product, before a Commerce of one recording.

Each reading begins a session with a cart, lets the public mutation or query be answered by what was recorded, and
compares what comes out with what the recording says must (`expected`).
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import structlog

from app.commerce.client import StoreContext
from app.commerce.placing import Placed
from app.errors import UpstreamError
from app.main import Parts, create_app
from app.settings import Settings
from tests.conformance.asked import ADD, APP, CART, CHECKOUT, PLACE, PUBLIC, OneRecording, arguments, public, root_of
from tests.conformance.expected import (
    FAILURES,
    code_of,
    expected_cart,
    expected_checkout,
    refusals,
    shown_cart,
    shown_checkout,
)
from tests.conformance.readers import READ, URL, Reading, decoded
from tests.conformance.recorded import recorded_data
from tests.conformance.recordings import Exchange
from tests.started import long_open, understood

GONE = re.compile(r"cart isn't active|Could not find a cart|cannot perform operations on cart")
# Several lines at once: the cart is read again, since the answer's totals are stale (cart-121).
READ_AGAIN = {"cart-121-add-two-items": "cart-122-read-back", "cart-086-add-de": "cart-088-de-cart-read-de"}
BEFORE = {"cart-022-add-partial-failure": "cart-021-add-custom-missing-required"}
FULL = "cart-067-cart-before-order"  # a cart to show beside a refusal
NO_ORDER, ORDER = "pay-008-order-by-quote-none", "pay-011-order-by-quote"
GUEST_CART = "pay-007-quote-id-of-masked-cart"
COMMENTS = "ord-011-comments-get"
KEY = "bm90LWEtc2VjcmV0LWtleS1vZi10aGUtdGVzdHMhISE="
_OTHERS = frozenset({"cart", "createEmptyCart", "addProductsToCart", "placeOrder", "checkoutAgreements"})

_BOTH = ("cart { quantity }", "checkout { ready }")


class _Unanswered(Exception):
    """The product answered by an error where something was to come out."""


class Buyer:
    """A guest of the product, whose Commerce is one recording."""

    def __init__(
        self, commerce: OneRecording, exchanges: Mapping[str, Exchange], web: httpx2.AsyncClient, parts: Parts
    ) -> None:
        self._commerce = commerce
        self._exchanges = exchanges
        self._web = web
        self._parts = parts
        self._quotes = itertools.count(1000)

    async def read(self, exchange: Exchange) -> Reading:
        """Lets the product decode and read one recorded answer."""
        reading = Reading(problems=decoded(exchange))
        with structlog.testing.capture_logs():
            try:
                found = await (self._graphql(exchange) if exchange.request.graphql else self._rest(exchange))
            except _Unanswered as error:
                found = [str(error)]
        if found is not None:
            reading.how = READ
            reading.problems += found
        return reading

    async def _graphql(self, exchange: Exchange) -> list[str] | None:
        """What is wrong; None where the product does not ask what was recorded."""
        assert exchange.request.query is not None
        root = root_of(exchange.request.query).name.value
        if root not in PUBLIC and root not in _OTHERS:
            return None
        value, errors = recorded_data(exchange).get(root), exchange.errors
        if root == "createEmptyCart":
            return await self._made(exchange, value, errors)
        token = await self._begin()
        headers = {"X-Vitrine": "1", "Authorization": f"Bearer {token}"}
        headers |= {key: each for key, each in exchange.request.headers.items() if key in ("Store", "Content-Currency")}
        self._commerce.steps = {root: [(value, errors)], "cart": [(self._cart(FULL), [])]}
        if root == "cart":
            return await self._shown(exchange, headers, value, errors)
        if root == "checkoutAgreements":
            shown = await self._ask("{ checkout { agreements { id } } }", {}, headers)
            told = [{"id": str(each["agreement_id"])} for each in value or ()]
            return _same("agreements", shown, {"agreements": told})
        if root == "addProductsToCart":
            return await self._added(exchange, headers, value)
        if root == "placeOrder":
            return await self._placed(exchange, headers, value)
        return await self._stepped(exchange, headers, value)

    def _cart(self, name: str) -> Any:
        found = next(iter(recorded_data(self._exchanges[name]).values()))
        return found.get("cart", found)

    async def _begin(self) -> str:
        """The token of a new session, which has a cart."""
        self._commerce.sent.clear()
        self._commerce.steps = {
            "createEmptyCart": [("recorded", [])],
            "addProductsToCart": [({"cart": {}, "user_errors": []}, [])],
        }
        answer = await self._post(ADD, {"lines": [{"sku": "recorded"}]}, APP)
        return answer.headers["x-session-token"]

    async def _post(self, query: str, variables: Mapping[str, Any], headers: Mapping[str, str]) -> httpx2.Response:
        self._web.cookies.clear()
        return await self._web.post("/graphql", json={"query": query, "variables": variables}, headers=dict(headers))

    async def _ask(self, query: str, variables: Mapping[str, Any], headers: Mapping[str, str]) -> Any:
        """The value of the only root field. Raises `_Unanswered` for an error."""
        body = (await self._post(query, variables, headers)).json()
        if body.get("errors"):
            raise _Unanswered(f"{_codes(body)} instead of an answer")
        return next(iter(body["data"].values()))

    async def _checkout(self, headers: Mapping[str, str], node: Mapping[str, Any]) -> list[str]:
        """What the checkout of a recorded cart is read as."""
        self._commerce.steps["cart"] = [(node, [])]
        public = await self._ask(f"{{ checkout {{ {CHECKOUT} }} }}", {}, headers)
        return _same("checkout", shown_checkout(public), expected_checkout(node))

    async def _made(self, exchange: Exchange, value: Any, errors: list[dict[str, Any]]) -> list[str]:
        """A cart that is made with the first line put in."""
        added = self._cart("cart-010-add-simple")
        self._commerce.steps = {
            "createEmptyCart": [(value, errors)],
            "addProductsToCart": [({"cart": added, "user_errors": []}, [])],
        }
        body = (await self._post(ADD, {"lines": [{"sku": "recorded"}]}, APP)).json()
        failure = code_of(exchange.name, FAILURES)
        if failure or errors or body.get("errors"):
            return _same("error", _codes(body), [failure])
        return _same("cart", shown_cart(body["data"]["cartAdd"]["cart"]), expected_cart(added))

    async def _shown(
        self, exchange: Exchange, headers: Mapping[str, str], value: Any, errors: list[dict[str, Any]]
    ) -> list[str]:
        failure = code_of(exchange.name, FAILURES)
        self._commerce.steps["cart"] = [(value, errors)]
        if failure:
            bodies = [(await self._post(f"{{ {each} }}", {}, headers)).json() for each in _BOTH]
            return _same("error", [_codes(body) for body in bodies], [[failure], [failure]])
        if value is not None and errors:
            # What Commerce left out of a cart (cart-095) is told beside the rest.
            body = (await self._post(f"{{ cart {{ {CART} }} }}", {}, headers)).json()
            told = _same("errors", _codes(body), ["UPSTREAM_ERROR"] * len(errors))
            return [*told, *_same("cart", shown_cart(body["data"]["cart"]), expected_cart(value))]
        cart = await self._ask(f"{{ cart {{ {CART} }} }}", {}, headers)
        if value is None:
            checkout = await self._ask("{ checkout { ready } }", {}, headers)
            if not any(GONE.search(str(error["message"])) for error in errors):
                return ["the cart was refused for a reason that nothing is expected of"]
            return _same("cart that is gone", [cart, checkout], [None, None])
        return [*_same("cart", shown_cart(cart), expected_cart(value)), *await self._checkout(headers, value)]

    async def _added(self, exchange: Exchange, headers: Mapping[str, str], value: Any) -> list[str]:
        items = arguments(exchange)["cartItems"]
        lines = [
            {
                "sku": item["sku"],
                # The product itself refuses a quantity that is none.
                "quantity": str(max(item["quantity"], 1)),
                "options": item.get("selected_options", []),
                "entered": item.get("entered_options", []),
            }
            for item in items
        ]
        if value is None:
            # The product lets go of the cart and begins a new one, where the line goes in.
            new = {"cart": self._cart("cart-010-add-simple"), "user_errors": []}
            self._commerce.steps |= {
                "createEmptyCart": [("recorded", [])],
                "addProductsToCart": [(None, exchange.errors), (new, [])],
            }
            payload = await self._ask(ADD, {"lines": lines}, headers)
            codes = [error["code"] for error in payload["userErrors"]]
            return [
                *_same("codes", codes, ["CART_EXPIRED"]),
                *_same("cart", shown_cart(payload["cart"]), expected_cart(new["cart"])),
            ]
        read_again = self._cart(READ_AGAIN[exchange.name]) if exchange.name in READ_AGAIN else value["cart"]
        before = self._cart(BEFORE[exchange.name]) if exchange.name in BEFORE else {}
        told = value.get("user_errors") or []
        # Before several lines the product looks what is there; after them, and after a refusal, it looks again.
        looks: list[Any] = [(before, []), (read_again, [])] if len(lines) > 1 else [(read_again, [])]
        self._commerce.steps["cart"] = looks
        payload = await self._ask(ADD, {"lines": lines}, headers)
        # The recorded refusals are each of the last line.
        expected = [
            {"code": code_of(exchange.name), "message": each["message"], "path": ["lines", str(len(lines) - 1)]}
            for each in told
        ]
        came = [True] * (len(lines) - len(told)) + [False] * len(told)
        shown = read_again if len(lines) > 1 or told else value["cart"]
        return [
            *_same("user errors", payload["userErrors"], expected),
            *_same("added", payload["added"], came),
            *_same("cart", shown_cart(payload["cart"]), expected_cart(shown)),
            *await self._checkout(headers, shown),
        ]

    async def _stepped(self, exchange: Exchange, headers: Mapping[str, str], value: Any) -> list[str]:
        """A mutation whose payload has the cart or the checkout after it."""
        query, variables = public(exchange)
        if "cartRemoveCoupons" in query:
            # The product takes off the one that there is, and only that.
            applied = self._cart(FULL).get("applied_coupons") or ()
            variables = {"codes": [coupon["code"] for coupon in applied] or ["recorded"]}
        # Where both addresses are the same, the product sets them in one go.
        self._commerce.steps.setdefault("setShippingAddressesOnCart", [(value, [])])
        payload = await self._ask(query, variables, headers)
        node = value["cart"] if value else self._cart(FULL)
        if "cart" in payload:
            problems = _same("cart", shown_cart(payload["cart"]), expected_cart(node))
        else:
            problems = _same("checkout", shown_checkout(payload["checkout"]), expected_checkout(node))
        found = [(each["code"], each["message"]) for each in payload["userErrors"]]
        problems += [
            *_same("user errors", found, refusals(exchange.name, exchange.errors)),
            *self._sent_as_recorded(exchange),
        ]
        return [*problems, *await self._checkout(headers, node)]

    def _sent_as_recorded(self, exchange: Exchange) -> list[str]:
        """Whether the product sent an address as it was sent when it was taken."""
        given = arguments(exchange)["input"]
        recorded = given.get("shipping_addresses", [given.get("billing_address")])[0]
        if exchange.errors or not recorded or "address" not in recorded:
            return []
        sent = next(variables["address"] for root, variables in self._commerce.sent if "Address" in root)
        # What was not said when it was recorded is false by default for a guest.
        address = {"save_in_address_book": False, **recorded["address"]}
        return _same("address", sent, {"address": address})

    async def _placed(self, exchange: Exchange, headers: Mapping[str, str], value: Any) -> list[str]:
        """An order, or its refusal. What is not active any more was ordered: then there is an order to be found."""
        gone = any(GONE.search(str(error["message"])) for error in exchange.errors)
        none, order = (self._exchanges[name].response for name in (NO_ORDER, ORDER))
        # A quote has one order at most, so each reading is of another quote.
        quote = {**self._exchanges[GUEST_CART].response.json, "id": next(self._quotes)}
        self._commerce.rest = {
            "guest-carts": [json.dumps(quote).encode()],
            "orders": [none.body, order.body if gone else none.body],
        }
        self._commerce.steps["checkoutAgreements"] = [([], [])]
        payload = await self._ask(PLACE, {"key": f"{exchange.name}-key"}, headers)
        if value is not None or gone:
            number = value["order"]["order_number"] if value else order.json["items"][0]["increment_id"]
            return _same("order", payload, {"number": number, "userErrors": []})
        found = [(each["code"], each["message"]) for each in payload["userErrors"]]
        return _same("user errors", found, refusals(exchange.name, exchange.errors))

    async def _rest(self, exchange: Exchange) -> list[str] | None:
        """How the product finds quotes and orders, and comments on them."""
        path, answer, orders = exchange.request.path, exchange.response, self._parts.orders
        below = path.partition("/V1/")[2]
        self._commerce.rest = {"guest-carts": [answer.body], "orders": [answer.body]}
        self._commerce.posted.clear()
        if answer.status != 200:
            return None
        try:
            if re.fullmatch(r"guest-carts/\w+", below):
                return _same("quote", await orders.quote_id("recorded", StoreContext()), answer.json["id"])
            if below.startswith("orders?") and "=quote_id&" in path.replace("%5D", "]").replace("%3D", "="):
                items = answer.json["items"] or []
                placed = [Placed(each["increment_id"], each["entity_id"]) for each in items]
                return _same("order", await orders.find(1), placed[0] if placed else None)
            if exchange.request.method == "POST" and below.endswith("/comments"):
                self._commerce.rest["orders"] = [self._exchanges[COMMENTS].response.body, answer.body]
                await orders.comment_once(next(self._quotes), 1, "recorded")
                sent, recorded = self._commerce.posted[0], json.loads(exchange.request.body)
                unknown = sorted(sent["statusHistory"].keys() - recorded["statusHistory"].keys())
                return _same("keys of the comment that were not recorded", unknown, [])
        except UpstreamError as error:
            return [f"read as {error.code}: {error.detail}"]
        return None


def _codes(body: Mapping[str, Any]) -> list[str]:
    return [error["extensions"]["code"] for error in body.get("errors") or ()]


def _same(what: str, found: Any, expected: Any) -> list[str]:
    return [] if found == expected else [f"{what}: {found} instead of {expected}"]


@asynccontextmanager
async def buyer(exchanges: Mapping[str, Exchange]) -> AsyncIterator[Buyer]:
    """The product, started in front of recordings, with sessions and orders."""
    commerce = OneRecording(exchanges)
    settings = Settings(
        _env_file=None,
        environment="development",
        commerce_url=URL,
        commerce_version="2.4.4",
        commerce_admin_username="admin",
        commerce_admin_password="recorded",
        commerce_max_execution=1,
        # `nope` too: the product refuses other ways to pay itself, and Commerce's own refusal was recorded (cart-063).
        offline_payment_methods="checkmo,purchaseorder,free,nope",
        order_margin=0.1,
        redis_state_url="memory://",
        session_keys=KEY,
        public_url="http://localhost:8000",
    )
    app = create_app(settings, transport=httpx2.MockTransport(commerce.handle), understand=understood)
    parts: Parts = app.state.parts
    with structlog.testing.capture_logs():
        await long_open(parts)
        async with (
            app.router.lifespan_context(app),
            httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://api.test") as web,
        ):
            yield Buyer(commerce, exchanges, web, parts)
