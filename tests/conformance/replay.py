"""Recorded requests, sent to the stand-in as they were sent to a real Commerce."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import httpx2
from graphql import DocumentNode, GraphQLSchema, GraphQLSyntaxError, parse

from app.sandbox.commerce import Commerce, create_commerce, demo_shop, slice_path
from app.sandbox.commerce.schema import attributes_of, executable
from tests.conformance.compare import Difference, compare
from tests.conformance.mapping import STORES, translated, translated_path, translated_query, with_query
from tests.conformance.pruning import declared, prune
from tests.conformance.recordings import Exchange, Request, Response

VERSION = "2.4.4"
URL = "http://commerce.test"


@dataclass
class Replayed:
    """How a replay went. `asked` is False when nothing of the recorded query is asked by the product."""

    asked: bool = True
    differences: list[Difference] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)


class StandIn:
    """The stand-in, twice: as Magento with its built-in page cache off, and as it is behind Varnish."""

    def __init__(self, plain: httpx2.AsyncClient, cached: httpx2.AsyncClient, tokens: dict[str, str]) -> None:
        self._plain = plain
        self._cached = cached
        self._tokens = tokens
        shop = demo_shop()
        sdl = slice_path(VERSION).read_text(encoding="utf-8")
        self.schema: GraphQLSchema = executable(sdl, attributes_of(shop.attributes))

    async def replay(self, exchange: Exchange) -> Replayed:
        """Sends the request in the words of the stand-in's shop and compares the answers."""
        result = Replayed()
        request, document = exchange.request, None
        if request.graphql and request.query is not None:
            parsed = _parsed(request.query)
            if parsed is not None:
                pruned = prune(parsed, self.schema, keep=_refused_fields(exchange))
                result.dropped = pruned.dropped
                result.asked = not pruned.empty
                if pruned.empty:
                    return result
                document = pruned.document
            request = with_query(
                request,
                translated_query(document) if document else None,
                translated(declared(document, request.variables) if document else request.variables),
            )
        caching = exchange.name.startswith("cache-")
        response = await self._send(self._in_its_words(exchange.name, request), caching)
        result.differences = list(compare(exchange.response, response, document=document, caching=caching))
        return result

    def _in_its_words(self, name: str, request: Request) -> Request:
        headers = {key: self._tokens.get(value, value) for key, value in request.headers.items()}
        if name.startswith("pay-021"):
            headers["Authorization"] = self._tokens["admin"]
        if name.startswith("rest-") and not name.startswith("rest-000"):
            # From rest-001 on the lab took an integration's token as plain Bearer, which the stand-in never does.
            headers = {
                key: self._tokens["admin"] if value == "Bearer <integration-token>" else value
                for key, value in request.headers.items()
            }
        if "Store" in headers:
            headers["Store"] = STORES.get(headers["Store"], headers["Store"])
        body = request.body
        if request.body and not request.graphql:
            given = Response(0, {}, request.body).json
            body = httpx2.Request("POST", URL, json=translated(given)).content if given is not None else body
        path = request.path if request.graphql else translated_path(request.path)
        return replace(request, path=path, headers=headers, body=body)

    async def _send(self, request: Request, caching: bool) -> Response:
        return await received(self._cached if caching else self._plain, request)


async def received(client: httpx2.AsyncClient, request: Request) -> Response:
    """The whole answer to a request that is sent as it is."""
    answer = await client.request(
        request.method, request.path, headers=dict(request.headers), content=request.body or None
    )
    return Response(answer.status_code, {key.lower(): value for key, value in answer.headers.items()}, answer.content)


def _parsed(query: str) -> DocumentNode | None:
    """The document; None for one that is recorded for not being one."""
    try:
        return parse(query, no_location=True)
    except GraphQLSyntaxError:
        return None


def _refused_fields(exchange: Exchange) -> set[str]:
    """Fields that the real Commerce refused: they are asked of the stand-in too."""
    return {
        f"{of}.{name}"
        for error in exchange.errors
        for name, of in re.findall(r'Cannot query field "(\w+)" on type "(\w+)"', str(error.get("message")))
    }


@asynccontextmanager
async def stand_in() -> AsyncIterator[StandIn]:
    """A stand-in of the recorded version, with a customer and an admin signed in."""
    plain, cached = create_commerce(VERSION, public_url=URL), create_commerce(VERSION, public_url=URL, page_cache=True)
    async with client_of(plain) as one, client_of(cached) as other:
        tokens = {"Bearer <integration-token>": f"Bearer {plain.shop.integrations[0].access_token}"}
        tokens["admin"] = f"Bearer {await token_of(one, 'admin', plain.shop.admins[0].username, 'Admin-passw0rd')}"
        customer = plain.shop.customers[0]
        for client in (one, other):
            # Each of the two knows only the tokens that it gave out itself.
            token = await token_of(client, "customer", customer.email, customer.password)
        tokens["Bearer <token>"] = f"Bearer {token}"
        yield StandIn(one, other, tokens)


def client_of(commerce: Commerce) -> httpx2.AsyncClient:
    """A client of a stand-in in this process."""
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=commerce), base_url=URL)


async def token_of(client: httpx2.AsyncClient, kind: str, username: str, password: str) -> str:
    """A token of a customer or an admin."""
    body = {"username": username, "password": password}
    answer = await client.post(f"/rest/V1/integration/{kind}/token", json=body)
    return str(answer.raise_for_status().json())
