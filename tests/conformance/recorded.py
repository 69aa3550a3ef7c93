"""A Commerce made of recordings, which answers documents that nobody recorded.

It executes a document on the data of one recording: each field has the value that was recorded for it under whatever
name the recorded query gave it, and null where the recorded query did not ask for it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

import httpx2
from graphql import (
    ExecutionResult,
    FieldNode,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    build_schema,
    execute_sync,
    parse,
)

from app.sandbox.commerce import slice_path
from tests.conformance.recordings import Exchange

# What the product learns of a shop when it starts, the labels of its attributes, and the countries that it sells to.
STANDING = {
    "availableStores": "gql-003-availableStores",
    "storeConfig": "gql-000-storeConfig",
    "currency": "gql-010-currency",
    "customAttributeMetadata": "gql-079-customAttributeMetadata",
    "countries": "gql-012-countries",
}
SIGN_IN, STORE_VIEWS = "rest-001-admin-token", "rest-003-storeViews"


def by_field(data: Any, selections: list[SelectionSetNode]) -> Any:
    """Recorded data under the names of Commerce's fields instead of the recorded query's aliases."""
    if isinstance(data, list):
        return [by_field(each, selections) for each in data]
    if not isinstance(data, dict):
        return data
    named: dict[str, Any] = {}
    for node in _fields(selections):
        key = (node.alias or node.name).value
        if key in data and node.name.value not in named:
            below = [
                each.selection_set
                for each in _fields(selections)
                if (each.alias or each.name).value == key and each.selection_set is not None
            ]
            named[node.name.value] = by_field(data[key], below)
    return named


def _fields(selections: Iterable[SelectionSetNode]) -> Iterator[FieldNode]:
    for selection in selections:
        for node in selection.selections:
            if isinstance(node, FieldNode):
                yield node
            elif isinstance(node, InlineFragmentNode):
                yield from _fields([node.selection_set])


def recorded_data(exchange: Exchange) -> dict[str, Any]:
    """The data of a recording by Commerce's field names."""
    if not exchange.data or exchange.request.query is None:
        return {}
    operations = [
        node.selection_set
        for node in parse(exchange.request.query, no_location=True).definitions
        if isinstance(node, OperationDefinitionNode)
    ]
    named = by_field(exchange.data, operations)
    assert isinstance(named, dict)
    return named


class RecordedCommerce:
    """Commerce's HTTP side over recordings. `roots` are the data of the recording that is being read."""

    def __init__(self, exchanges: Mapping[str, Exchange]) -> None:
        self._exchanges = exchanges
        self._standing: dict[str, Any] = {root: recorded_data(exchanges[name])[root] for root, name in STANDING.items()}
        self.roots: dict[str, Any] = {}
        self.errors: list[dict[str, Any]] = []
        self.first_page: dict[str, Any] | None = None

    def handle(self, request: httpx2.Request) -> httpx2.Response:
        """Answers one call of the product."""
        if request.url.path.startswith("/rest/"):
            return self._rest(request)
        asked = json.loads(request.content)
        if "__schema" in asked["query"]:
            # The recordings have no introspection: the product works by its pinned slice.
            return httpx2.Response(200, json={"errors": [{"message": "no", "extensions": {"category": "graphql"}}]})
        roots, errors = self.roots, self.errors
        if self.first_page is not None and asked["variables"].get("currentPage") == 1:
            roots, errors = self.first_page, []
        standing = self._in_store(request.headers.get("store"))
        result = answer(asked["query"], {**standing, **roots}, asked["variables"])
        assert not result.errors, result.errors
        told = [error for error in errors if not error.get("path") or error["path"][0] in (result.data or {})]
        return httpx2.Response(200, json={"data": result.data, **({"errors": told} if told else {})})

    def _in_store(self, code: str | None) -> dict[str, Any]:
        """What stands in another store view: the recordings have the whole of the default one only."""
        known = {each["store_code"]: each for each in self._standing["availableStores"]}
        if code is None or code not in known:
            return self._standing
        config, currency = known[code], self._standing["currency"]
        return {
            **self._standing,
            "storeConfig": {**self._standing["storeConfig"], **config},
            "currency": {**currency, "default_display_currency_code": config["default_display_currency_code"]},
        }

    def _rest(self, request: httpx2.Request) -> httpx2.Response:
        name = SIGN_IN if request.method == "POST" else STORE_VIEWS
        found = self._exchanges[name].response
        return httpx2.Response(found.status, headers={"content-type": "application/json"}, content=found.body)


def answer(query: str, roots: Mapping[str, Any], variables: dict[str, Any]) -> ExecutionResult:
    """A document executed on recorded data."""
    return execute_sync(
        lenient_slice(),
        parse(query),
        roots,
        variable_values=variables,
        field_resolver=lambda source, info, **_: source.get(info.field_name),
        type_resolver=_type_of,
    )


def _type_of(value: Any, info: GraphQLResolveInfo[Any], abstract: Any) -> str:
    """The recorded type; where it was not asked for, any, since nothing depends on it then."""
    named = value.get("__typename")
    possible = [each.name for each in info.schema.get_possible_types(abstract)]
    return named if named in possible else possible[0]


@cache
def lenient_slice() -> GraphQLSchema:
    """The product's slice of the recorded version, with every output nullable: what was not asked for is null."""
    schema = build_schema(slice_path("2.4.4").read_text(encoding="utf-8"), assume_valid=True)
    for kind in schema.type_map.values():
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType) and not kind.name.startswith("__"):
            for each in kind.fields.values():
                each.type = _nullable(each.type)
    return schema


def _nullable(kind: Any) -> Any:
    if isinstance(kind, GraphQLNonNull):
        return _nullable(kind.of_type)
    return GraphQLList(_nullable(kind.of_type)) if isinstance(kind, GraphQLList) else kind
