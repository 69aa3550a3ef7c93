"""Recorded answers, read by the product.

The whole product stands before a Commerce made of recordings: client, shape check, readers and public schema, with
every field of the public schema selected.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import httpx2
import structlog
from graphql import GraphQLSchema, build_client_schema, get_introspection_query

from app.commerce import client, rest
from app.errors import UpstreamError
from app.http import Answer
from app.main import Parts, create_app
from app.settings import Settings
from tests.conformance.everything import every_field
from tests.conformance.recorded import RecordedCommerce, recorded_data
from tests.conformance.recordings import Exchange
from tests.started import understood

URL = "http://127.0.0.1:8081"  # as the recordings' lab called itself
# The answer to the question that a recorded refusal of a page past the end leads to.
FIRST_PAGE = {"gql-033-page-beyond-end": "gql-030-category-bags"}
# Where the product says nothing of errors beside data: one code of no attribute fails by itself and is left out.
QUIET = frozenset({"customAttributeMetadata"})
# What a reader cannot do without, by what it reads: fields that it takes from a node without a word about null.
NEEDS: Mapping[str, frozenset[str]] = {
    "products": frozenset({"uid", "sku", "name", "price_range"}),
    "categories": frozenset({"uid", "url_path"}),
    "categoryList": frozenset({"uid"}),
    "storeConfig": frozenset({"store_code"}),
    "availableStores": frozenset({"store_code"}),
    "currency": frozenset({"default_display_currency_code", "available_currency_codes"}),
    "countries": frozenset({"id"}),
    "cmsPage": frozenset({"identifier"}),
    "cmsBlocks": frozenset({"identifier"}),
    "route": frozenset({"type"}),
    "customAttributeMetadata": frozenset({"attribute_code"}),
}
NOT_READ = "decoded"
READ = "read"
TOO_LITTLE = "asks too little"


@dataclass
class Reading:
    """How a reading went: `how` in a word, what went wrong, and what the recorded query did not ask for."""

    how: str = NOT_READ
    problems: list[str] = field(default_factory=list)
    lacking: list[str] = field(default_factory=list)


class Reader:
    """The product in front of recordings."""

    def __init__(
        self,
        commerce: RecordedCommerce,
        exchanges: Mapping[str, Exchange],
        web: httpx2.AsyncClient,
        parts: Parts,
        public: GraphQLSchema,
    ) -> None:
        self._commerce = commerce
        self._first_pages = {name: recorded_data(exchanges[first]) for name, first in FIRST_PAGE.items()}
        self._web = web
        self._parts = parts
        self._public = public

    async def read(self, exchange: Exchange) -> Reading:
        """Lets the product decode and read one recorded answer."""
        reading = Reading(problems=decoded(exchange))
        roots = recorded_data(exchange)
        self._commerce.roots = roots
        self._commerce.errors = exchange.errors
        self._commerce.first_page = self._first_pages.get(exchange.name)
        for root, value in roots.items():
            if root not in NEEDS:
                continue
            lacking = sorted({f"{root}: {name}" for node in _nodes(root, value) for name in NEEDS[root] - node.keys()})
            if lacking:
                reading.lacking += lacking
                continue
            reading.how = READ
            for query, roots_of in self._questions(root, value, exchange):
                self._commerce.roots = roots_of
                reading.problems += await self._ask(query, exchange, root)
        if reading.lacking and reading.how != READ:
            reading.how = TOO_LITTLE
        return reading

    def _questions(self, root: str, value: Any, exchange: Exchange) -> Iterator[tuple[str, dict[str, Any]]]:
        """What the public schema is asked to have a recorded root read, and the roots behind it."""
        roots = {root: value}
        if root == "products":
            asked = exchange.request.variables
            # The product itself refuses a page or a size that cannot be, so Commerce is never asked for one.
            page, size = max(asked.get("currentPage", 1), 1), min(max(asked.get("pageSize", 12), 1), 100)
            yield f'{{ search(text: "recorded", page: {page}, pageSize: {size}) {self._all("ProductList")} }}', roots
            for node in (value or {}).get("items") or ():
                one = {"products": {**value, "items": [node]}}
                yield f"{{ product(sku: {json.dumps(node['sku'])}) {self._all('Product')} }}", one
        elif root == "categoryList":
            yield f"{{ navigation(depth: 5) {self._all('NavigationItem')} }}", roots
            for node in _tree(value):
                yield from self._category(node)
        elif root == "categories":
            for node in (value or {}).get("items") or ():
                yield from self._category(node)
        elif root in ("storeConfig", "currency", "availableStores"):
            yield f"{{ store {self._all('Store')} stores {self._all('Store')} }}", roots
        elif root == "countries":
            yield f"{{ countries {self._all('Country')} }}", roots
        elif root == "cmsPage":
            yield f'{{ page(identifier: "recorded") {self._all("Page")} }}', roots
        elif root == "cmsBlocks":
            names = [node["identifier"] for node in (value or {}).get("items") or () if node]
            yield f"{{ blocks(identifiers: {json.dumps([*names, 'nope'])}) {self._all('Block')} }}", roots
        elif root == "route":
            yield f'{{ route(url: "/recorded") {self._all("Route", without={"product", "category", "page"})} }}', roots
        elif root == "customAttributeMetadata":
            yield f"{{ attributes {self._all('Attribute')} }}", roots

    def _category(self, node: Any) -> Iterator[tuple[str, dict[str, Any]]]:
        if node.get("url_path"):
            selected = self._all("Category", without={"products"})
            yield f'{{ category(urlPath: "recorded") {selected} }}', {"categories": {"items": [node]}}

    def _all(self, name: str, without: Iterable[str] = ()) -> str:
        return every_field(self._public, name, frozenset(without))

    async def _ask(self, query: str, exchange: Exchange, root: str) -> list[str]:
        with structlog.testing.capture_logs() as logs:
            if root in ("storeConfig", "currency", "availableStores"):
                await self._parts.shop.refresh()
            body = (await self._web.post("/graphql", json={"query": query})).json()
        codes = sorted({error["extensions"]["code"] for error in body.get("errors", ())})
        expected = _expected(exchange, root)
        if codes == expected:
            return _misread(body.get("data") or {}, *next(iter(self._commerce.roots.items())))
        causes = [str(entry.get("exc_info") or entry.get("detail") or "") for entry in logs]
        return [f"{codes or 'no error'} instead of {expected or 'no error'}: {'; '.join(filter(None, causes))}"]


def _nodes(root: str, value: Any) -> Iterator[Mapping[str, Any]]:
    """The nodes that a reader reads of a root's value."""
    if root == "categoryList":
        yield from _tree(value)
        return
    if isinstance(value, dict) and "items" in value:
        value = value["items"]
    elif root in ("products", "categories", "cmsBlocks", "customAttributeMetadata") and value:
        # A list whose items were not asked for is read all the same: it has a total and facets.
        return
    for node in value if isinstance(value, list) else [value]:
        if isinstance(node, dict):
            yield node


def _tree(nodes: Any) -> Iterator[dict[str, Any]]:
    for node in nodes or ():
        for child in node.get("children") or ():
            yield child
            yield from _tree([{"children": child.get("children")}])


def decoded(exchange: Exchange) -> list[str]:
    """What is wrong with how the product's client understands the whole answer."""
    found = exchange.response
    whole = Answer(found.status, found.headers, found.body)
    try:
        understood = client.decode(whole) if exchange.request.graphql else rest.decode(whole)
    except UpstreamError as error:
        expected = _expected_error(exchange)
        return [] if error.code == expected else [f"decoded as {error.code} instead of {expected or 'data'}"]
    if _expected_error(exchange):
        return [f"decoded as data instead of {_expected_error(exchange)}"]
    if isinstance(understood, client.Reply):
        told = [(error["extensions"]["category"], tuple(error.get("path", ()))) for error in exchange.errors]
        seen = [(problem.category, problem.path) for problem in understood.problems]
        return [] if told == seen and understood.data == exchange.data else ["the data or its errors were changed"]
    return [] if understood == found.json else ["the body was changed"]


def _expected_error(exchange: Exchange) -> str:
    """The code that an answer without any data must become."""
    body = exchange.response.json
    if body is None:
        return "UPSTREAM_INVALID_RESPONSE"
    if not exchange.request.graphql:
        status = exchange.response.status
        return "UPSTREAM_REFUSED" if status == 401 else "UPSTREAM_ERROR" if status >= 300 else ""
    return "" if body.get("data") is not None else "UPSTREAM_ERROR"


def _expected(exchange: Exchange, root: str) -> list[str]:
    """The codes that reading must give: none for what is not there, one for any other error."""
    if exchange.name in FIRST_PAGE or root in QUIET:
        return []
    own = [error for error in exchange.errors if not error.get("path") or error["path"][0] == root]
    return (
        ["UPSTREAM_ERROR"] if any(error["extensions"]["category"] != "graphql-no-such-entity" for error in own) else []
    )


def _misread(data: Mapping[str, Any], root: str, value: Any) -> list[str]:
    """Whether what was recorded came out: which things, in which order, at which price."""
    if value is None or not _SHOWS[root]:
        return []
    expected = _recorded_things(root, value)
    return [
        f"{field} shows {_public_things(field, given)} of the recorded {expected}"
        for field, given in data.items()
        if field in _SHOWS[root] and _public_things(field, given) != expected
    ]


_SHOWS = {
    "products": ("search", "product"),
    "categoryList": ("navigation",),
    "categories": ("category",),
    "storeConfig": ("store",),
    "availableStores": ("stores",),
    "currency": (),
    "countries": ("countries",),
    "cmsPage": ("page",),
    "cmsBlocks": ("blocks",),
    "route": ("route",),
    "customAttributeMetadata": ("attributes",),
}


def _recorded_things(root: str, value: Any) -> list[Any]:
    if isinstance(value, dict) and root != "route":
        value = value.get("items", [value])
    nodes = [node for node in (value if isinstance(value, list) else [value]) if node]
    if root == "products":
        return [(node["sku"], _number(node["price_range"]["minimum_price"]["final_price"]["value"])) for node in nodes]
    if root == "categoryList":
        menu = [child for node in nodes for child in node.get("children") or () if child.get("include_in_menu") != 0]
        return [child["uid"] for child in sorted(menu, key=lambda child: child.get("position") or 0)]
    if root == "customAttributeMetadata":
        return [each["value"] for node in nodes for each in node.get("attribute_options") or ()]
    return [node[_KEYS[root]] for node in nodes]


_KEYS = {
    "categories": "url_path",
    "storeConfig": "store_code",
    "availableStores": "store_code",
    "countries": "id",
    "cmsPage": "identifier",
    "cmsBlocks": "identifier",
    "route": "type",
}


def _public_things(field: str, value: Any) -> list[Any]:
    if isinstance(value, dict):
        value = value.get("items", [value])
    nodes = [node for node in value or () if node]
    if field in ("search", "product"):
        return [(node["sku"], _number(node["price"]["final"]["amount"])) for node in nodes]
    if field == "attributes":
        return [each["value"] for node in nodes for each in node["options"]]
    keys = {"navigation": "uid", "category": "urlPath", "page": "identifier", "blocks": "identifier", "route": "kind"}
    return [_KINDS.get(node[keys.get(field, "code")], node[keys.get(field, "code")]) for node in nodes]


_KINDS = {"PAGE": "CMS_PAGE"}


def _number(value: Any) -> Decimal:
    return Decimal(str(value or 0)).normalize()


@asynccontextmanager
async def reader(exchanges: Mapping[str, Exchange], attributes: str = "manufacturer") -> AsyncIterator[Reader]:
    """The product, started in front of recordings, with these attributes of the shop."""
    commerce = RecordedCommerce(exchanges)
    settings = Settings(
        _env_file=None,
        commerce_url=URL,
        commerce_version="2.4.4",
        commerce_admin_username="admin",
        commerce_admin_password="recorded",
        catalog_attributes=attributes,
        graphql_max_bytes=1_000_000,
        graphql_max_depth=50,
        graphql_max_fields=10_000,
        graphql_max_tokens=20_000,
        introspection=True,
    )
    app = create_app(settings, transport=httpx2.MockTransport(commerce.handle), understand=understood)
    parts: Parts = app.state.parts
    with structlog.testing.capture_logs():
        async with (
            app.router.lifespan_context(app),
            httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://api.test") as web,
        ):
            yield Reader(commerce, exchanges, web, parts, await _public_schema(web))


async def _public_schema(web: httpx2.AsyncClient) -> GraphQLSchema:
    body = (await web.post("/graphql", json={"query": get_introspection_query(descriptions=False)})).json()
    return build_client_schema(body["data"])
