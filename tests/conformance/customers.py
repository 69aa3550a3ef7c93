"""The recorded exchanges of customers: their accounts, tokens and carts, replayed in the order in which they were made."""

from __future__ import annotations

import itertools
import json
import re
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx2

from app.sandbox.commerce import Commerce, create_commerce, slice_path
from app.sandbox.commerce.model import Customer
from app.sandbox.commerce.schema import attributes_of, executable
from tests.conformance.lab import lab_shop
from tests.conformance.recordings import CUSTOMERS, Exchange, Request
from tests.conformance.replay import URL, VERSION, Replayed, client_of, token_of
from tests.conformance.shopping import Checkouts

PASSWORD = "Passw0rd!x"  # what is redacted in the recordings
# What the stand-in does beside what the product asks for: it is held against the recordings all the same.
BESIDE = """
extend type Mutation {
  createCustomerV2(input: CustomerCreateInput!): CustomerOutput
  assignCustomerToGuestCart(cart_id: String!): Cart!
  revokeCustomerToken: RevokeCustomerTokenOutput
}
extend type Customer {
  id: Int
  date_of_birth: String
  gender: Int
  group_id: Int
  allow_remote_shopping_assistance: Boolean!
}
type RevokeCustomerTokenOutput { result: Boolean! }
input CustomerCreateInput {
  firstname: String!
  lastname: String!
  email: String!
  password: String
  is_subscribed: Boolean
  allow_remote_shopping_assistance: Boolean
}
"""
# Whose token a redacted one was; Ann's where it is not said.
ADMIN, ANN, CY, BEFORE = "admin", "ann", "cy", "before the end of all tokens"
WHOSE = {
    **dict.fromkeys(("admin-000", "admin-001", "admin-002", "admin-006", "admin-007", "admin-009"), ADMIN),
    **dict.fromkeys(("cust-025", "cust-042"), CY),
    **dict.fromkeys(("cust-091", "cust-092", "cust-093", "cust-095", "cust-096"), BEFORE),
}
# Values that nobody else has: tokens, which are redacted too, and the time.
_OWN = re.compile(r"\.(customer_)?token$|\.created_at$|^body$")
ANNS, CYS = "ann3.lab@example.com", "cy3.lab@example.com"


def _step(name: str) -> str:
    return "-".join(name.split("-")[:2])


def _order(exchange: Exchange) -> tuple[int, str]:
    """REST was recorded first, and administrators need the customers whom they look for."""
    kinds = (
        "rest-07",
        "cust-00",
        "cust-01",
        "cust-02",
        "admin",
        "cust-04",
        "cust-05",
        "cust-07",
        "cust-08",
        "cust-09",
        "cust-1",
    )
    return next(n for n, kind in enumerate(kinds) if exchange.name.startswith(kind)), exchange.name


class CustomerReplay(Checkouts):
    """The stand-in with the recorded shop's goods and, after each step, its customers."""

    def __init__(self, commerce: Commerce, web: httpx2.AsyncClient, admin: str) -> None:
        super().__init__(commerce, web, admin, "")
        sdl = slice_path(VERSION).read_text(encoding="utf-8") + BESIDE
        self._schema = executable(sdl, attributes_of(commerce.shop.attributes))
        self._names.texts["<password>"] = PASSWORD
        self._whose: dict[str, str] = {ADMIN: admin}

    async def all(self, exchanges: Iterable[Exchange]) -> dict[str, Replayed]:
        """What came of each step, by its name."""
        found = {}
        for exchange in sorted(filter(lambda each: CUSTOMERS.match(each.name), exchanges), key=_order):
            await self._before(_step(exchange.name))
            self._tokens["Bearer <token>"] = f"Bearer {self._token(_step(exchange.name))}"
            given = self._names.value(json.loads(exchange.request.body or b"null"))
            body = json.dumps(given).encode() if exchange.request.body and not exchange.request.graphql else None
            asked = replace(exchange.request, body=body if body is not None else exchange.request.body)
            came = await self.replay(replace(exchange, request=asked))
            came.differences = [each for each in came.differences if not _OWN.search(each[0]) or " of " not in each[1]]
            found[exchange.name] = came
        return found

    def _token(self, step: str) -> str:
        whose = WHOSE.get(step, ANN)
        if whose not in self._whose:
            email = {ANN: ANNS, CY: CYS}[whose]
            known = self._commerce.shop.customer(email, 1)
            self._whose[whose] = self._commerce.shop.customer_tokens.issue(known.id) if known else "nobody's"
            if known is None:
                return self._whose.pop(whose)
        return self._whose[whose]

    async def _before(self, step: str) -> None:
        """What happened beside the recorded steps."""
        shop = self._commerce.shop
        if step == "cust-021":
            shop.address_numbers = itertools.count(5)
        elif step == "cust-040":
            bearer = {"Authorization": f"Bearer {self._token(step)}"}
            cart = await self._do("createEmptyCart", bearer)
            line = '[{sku: "24-MB01", quantity: 2}]'
            await self._do(f'addProductsToCart(cartId: "{cart}", cartItems: {line}) {{ cart {{ id }} }}', bearer)
        elif step == "cust-090":
            for cart in shop.carts.by_masked.values():
                cart.active = False  # it was ordered
        elif step == "cust-091":
            self._whose[BEFORE] = self._whose.pop(ANN)
        elif step == "cust-100":
            shop.customer_tokens.lifetime = 60
            self._whose.pop(ANN, None)
        elif step == "cust-102":
            shop.now = lambda: time.time() + 120

    def _with_headers(self, request: Request) -> Request:
        own = not request.graphql and re.search(r"/customers/me$", request.path)
        if own:
            headers = {key: self._tokens.get(value, value) for key, value in request.headers.items()}
            return replace(request, headers=headers)
        return super()._with_headers(request)

    def learn(self, recorded: Mapping[str, Any], replayed: Mapping[str, Any]) -> None:
        """The ids of customers' carts, which no client chose."""
        for root in ("customerCart", "mergeCarts", "assignCustomerToGuestCart"):
            one, other = recorded.get(root) or {}, replayed.get(root) or {}
            if "id" in one and "id" in other:
                self._names.texts[one["id"]] = other["id"]


@asynccontextmanager
async def customers(exchanges: Iterable[Exchange]) -> AsyncIterator[CustomerReplay]:
    """The stand-in with the recorded shop's goods and one customer, who was there before the recordings."""
    sdl = slice_path(VERSION).read_text(encoding="utf-8") + BESIDE
    commerce = create_commerce(VERSION, shop=lab_shop(exchanges), public_url=URL, schema=sdl)
    shop = commerce.shop
    shop.customers = [Customer(1, "roni_cost@example.com", PASSWORD, "Veronica", "Costello", 1)]
    async with client_of(commerce) as web:
        yield CustomerReplay(
            commerce, web, await token_of(web, "admin", shop.admins[0].username, shop.admins[0].password)
        )
