"""Recorded carts and orders, replayed step by step against a stand-in that is furnished as the recorded shop."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx2
from graphql import GraphQLSchema, parse

from app.sandbox.commerce import Commerce, create_commerce, slice_path
from app.sandbox.commerce.schema import attributes_of, executable
from tests.conformance.compare import Difference, compare, project
from tests.conformance.exact import exactly, messages
from tests.conformance.lab import lab_shop
from tests.conformance.mapping import with_query
from tests.conformance.names import Names
from tests.conformance.pruning import declared, prune
from tests.conformance.recordings import Exchange, Request, Response
from tests.conformance.replay import URL, VERSION, Replayed, client_of, received, token_of

# What the product asks instead of what was recorded, so that the cart goes on as the recorded one did.
INSTEAD = (
    ("removeItemFromCart(", "removeItemFromCart: updateCartItems("),
    ("RemoveItemFromCartInput", "UpdateCartItemsInput"),
)
CUSTOMERS_ORDER = 6  # an order that a customer placed, whose cart is of another scope
# The recorded shop offered its table rate to these carts only, by a table that was not recorded.
TABLE_RATES = re.compile(r"pay-|ord-")
PLACING = 0.3  # seconds that an order takes, so that parallel ones overlap as the recorded ones did


class Checkouts:
    """The stand-in with the recorded shop's goods, and what it calls what was recorded."""

    def __init__(self, commerce: Commerce, web: httpx2.AsyncClient, admin: str, customer: str) -> None:
        self._commerce = commerce
        self._web = web
        self._tokens = {"Bearer <token>": f"Bearer {customer}"}
        self._admin = f"Bearer {admin}"
        self._names = Names()
        shop = commerce.shop
        sdl = slice_path(VERSION).read_text(encoding="utf-8")
        self._schema: GraphQLSchema = executable(sdl, attributes_of(shop.attributes))

    async def replay(self, exchange: Exchange) -> Replayed:
        """Takes one step, and compares what came of it."""
        self._commerce.shop.sales.table_countries = ("US",) if TABLE_RATES.match(exchange.name) else ()
        if not exchange.request.graphql:
            return await self._rest(exchange)
        assert exchange.request.query is not None
        query, variables = _instead(exchange.request)
        pruned = prune(parse(self._names.text(query), no_location=True), self._schema)
        result = Replayed(asked=not pruned.empty, dropped=pruned.dropped)
        if pruned.empty:
            return result
        given = self._names.value(declared(pruned.document, variables))
        request = with_query(self._with_headers(exchange.request), pruned.document, given)
        answer = await received(self._web, request)
        result.differences = list(compare(exchange.response, answer, document=pruned.document))
        body = answer.json if isinstance(answer.json, dict) else {}
        data = project(exchange.data, pruned.document)
        self._names.learn(data, body.get("data"))
        self.learn(data, body.get("data") or {})
        result.differences += exactly(data, body.get("data") or {}, self._names.text)
        expected = [(category, self._names.text(message)) for category, message in messages(exchange.response.json)]
        if messages(body) != expected:
            result.differences.append(("messages", f"{messages(body)} instead of {expected}"))
        return result

    def learn(self, recorded: Mapping[str, Any], replayed: Mapping[str, Any]) -> None:
        """Learns more names of two answers to the same question."""

    async def _rest(self, exchange: Exchange) -> Replayed:
        await self._customers_order(exchange)
        request = self._names.request(self._with_headers(exchange.request))
        answer = await received(self._web, request)
        found, told = answer.json, exchange.response.json
        if "/guest-carts/" in request.path and isinstance(told, dict) and isinstance(found, dict):
            self._names.quotes[told["id"]] = found["id"]
        result = Replayed(differences=list(compare(_anonymous(exchange.response), _anonymous(answer))))
        if not isinstance(told, dict):
            result.differences += exactly(told, found, self._names.text, "body")
        return result

    def _with_headers(self, request: Request) -> Request:
        headers = {key: self._tokens.get(value, value) for key, value in request.headers.items()}
        if not request.graphql and "Authorization" in headers:
            # Whichever credentials the recordings were made with: the stand-in takes an admin's token.
            headers["Authorization"] = self._admin
        return replace(request, headers=headers)

    async def _customers_order(self, exchange: Exchange) -> None:
        """Places the order of a customer that the recordings of orders are about."""
        if not exchange.name.startswith("ord-") or CUSTOMERS_ORDER in self._names.orders:
            return
        bearer = {"Authorization": self._tokens["Bearer <token>"]}
        number = await self._ordered(bearer)
        self._names.orders[CUSTOMERS_ORDER] = int(number)

    async def _ordered(self, headers: Mapping[str, str]) -> str:
        cart = await self.made(headers)
        placed = await self._do(f'placeOrder(input: {{cart_id: "{cart}"}}) {{ order {{ order_number }} }}', headers)
        return str(placed["order"]["order_number"])

    async def made(self, headers: Mapping[str, str]) -> str:
        """A cart that only has to be ordered."""
        cart = str(await self._do("createEmptyCart", headers))
        if not headers:
            email = f'{{cart_id: "{cart}", email: "guest@example.com"}}'
            await self._do(f"setGuestEmailOnCart(input: {email}) {{ cart {{ email }} }}", headers)
        line = '[{sku: "24-MB01", quantity: 2}]'
        await self._do(f'addProductsToCart(cartId: "{cart}", cartItems: {line}) {{ cart {{ id }} }}', headers)
        way = '[{carrier_code: "flatrate", method_code: "flatrate"}]'
        for step in (
            f'setShippingAddressesOnCart(input: {{cart_id: "{cart}", shipping_addresses: [{{address: {_HOME}}}]}})',
            f'setBillingAddressOnCart(input: {{cart_id: "{cart}", billing_address: {{same_as_shipping: true}}}})',
            f'setShippingMethodsOnCart(input: {{cart_id: "{cart}", shipping_methods: {way}}})',
            f'setPaymentMethodOnCart(input: {{cart_id: "{cart}", payment_method: {{code: "checkmo"}}}})',
        ):
            await self._do(f"{step} {{ cart {{ id }} }}", headers)
        return cart

    async def _do(self, mutation: str, headers: Mapping[str, str]) -> Any:
        answer = await self._web.post("/graphql", json={"query": f"mutation {{ {mutation} }}"}, headers=dict(headers))
        body = answer.json()
        assert "errors" not in body, body["errors"]
        return next(iter(body["data"].values()))

    async def parallel(self, results: Mapping[str, Any]) -> list[Difference]:
        """Does at once what was done at once, and compares what it came to (conc-000)."""
        found: list[Difference] = []
        adds: list[tuple[str, list[str]]] = [
            ("same_sku", ["24-MB01"] * 4),
            ("different_sku", ["24-MB01", "24-MB04", "24-WB05", "24-WB04"]),
        ]
        for name, skus in adds:
            cart = str(await self._do("createEmptyCart", {}))
            counted = "{ cart { total_quantity items { quantity } } user_errors { code } }"
            add = 'addProductsToCart(cartId: "{cart}", cartItems: [{{sku: "{sku}", quantity: 1}}])'
            await asyncio.gather(*(self._do(f"{add.format(cart=cart, sku=sku)} {counted}", {}) for sku in skus))
            query = f'{{ cart(cart_id: "{cart}") {{ total_quantity items {{ quantity }} }} }}'
            read = (await self._web.post("/graphql", json={"query": query})).json()["data"]["cart"]
            told = results[f"{name}_read_back"]["data"]["cart"]
            found += exactly(_counts(told), _counts(read), str, name)
        recorded = [each["body"]["data"]["placeOrder"] for each in results["placeOrder_3_parallel_same_cart"]]
        cart = await self.made({})
        place = f'placeOrder(input: {{cart_id: "{cart}"}}) {{ order {{ order_number }} }}'
        placed = await asyncio.gather(*(self._do(place, {}) for _ in recorded))
        found += exactly(_orders(recorded), _orders(placed), str, "orders")
        return found


_HOME = (
    '{firstname: "Ann", lastname: "Lab", street: ["2 Oak"], city: "Dallas", region: "TX", region_id: 57,'
    ' postcode: "78701", country_code: "US", telephone: "555-0101"}'
)


def _instead(request: Request) -> tuple[str, Mapping[str, Any]]:
    assert request.query is not None
    if INSTEAD[0][0] not in request.query:
        return request.query, request.variables
    query = request.query
    for one, other in INSTEAD:
        query = query.replace(one, other)
    return query, {
        name: {"cart_id": given["cart_id"], "cart_items": [{"cart_item_uid": given["cart_item_uid"], "quantity": 0}]}
        for name, given in request.variables.items()
    }


def _anonymous(response: Response) -> Response:
    """Without the number of the report that Commerce's log has, which is another one each time."""
    told = response.json
    if not isinstance(told, dict) or "Report ID" not in str(told.get("message")):
        return response
    return replace(response, body=b'{"message": "%s"}' % str(told["message"]).rpartition("-")[0].encode())


def _counts(cart: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"total": cart["total_quantity"], "lines": [item["quantity"] for item in cart["items"]]}


def _orders(placed: Iterable[Mapping[str, Any]]) -> Mapping[str, int]:
    return {"different": len({each["order"]["order_number"] for each in placed})}


@asynccontextmanager
async def checkouts(exchanges: Iterable[Exchange]) -> AsyncIterator[Checkouts]:
    """The stand-in with the recorded shop's goods; `exchanges` tell their prices."""
    commerce = create_commerce(VERSION, shop=lab_shop(exchanges), public_url=URL, place_seconds=PLACING)
    async with client_of(commerce) as web:
        shop = commerce.shop
        admin = await token_of(web, "admin", shop.admins[0].username, shop.admins[0].password)
        customer = await token_of(web, "customer", shop.customers[0].email, shop.customers[0].password)
        yield Checkouts(commerce, web, admin, customer)
