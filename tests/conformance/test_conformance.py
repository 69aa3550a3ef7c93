"""The comparer on exchanges made by hand: it must not call different things the same."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from graphql import build_schema, parse, print_ast

from tests.conformance.__main__ import main
from tests.conformance.compare import compare
from tests.conformance.mapping import translated, translated_query
from tests.conformance.pruning import declared, prune
from tests.conformance.recorded import by_field
from tests.conformance.recordings import Response

JSON = {"content-type": "application/json"}
PRODUCT = {"__typename": "SimpleProduct", "sku": "A", "price": 9.5, "tiers": [{"quantity": 5}], "special": None}


def answered(body: Any, status: int = 200, headers: Mapping[str, str] = JSON) -> Response:
    return Response(status, headers, json.dumps(body).encode())


def of_products(*items: Mapping[str, Any] | None) -> Response:
    return answered({"data": {"products": {"items": list(items)}}})


def refused(category: str, path: list[str | int]) -> Response:
    error = {"message": "no", "extensions": {"category": category}, "path": path}
    return answered({"errors": [error], "data": {"products": None}})


def differences(one: Response, other: Response, **options: Any) -> list[tuple[str, str]]:
    return list(compare(one, other, **options))


def test_answers_that_differ_in_their_data_only_are_the_same() -> None:
    other = {**PRODUCT, "sku": "B", "price": 10, "tiers": [{"quantity": 2}, {"quantity": 3}], "special": 3.25}
    assert differences(of_products(PRODUCT), of_products(other, {**other, "price": None})) == []


def test_another_status_and_content_type_are_caught() -> None:
    html = {"content-type": "text/html; charset=UTF-8"}
    assert differences(answered({"data": {}}, 500), answered({"data": {}}, headers=html)) == [
        ("status", "200 instead of 500"),
        ("content-type", "text/html;charset=utf-8 instead of application/json"),
    ]


def test_another_error_category_is_caught() -> None:
    found = differences(refused("graphql-input", ["products"]), refused("graphql", ["products"]))
    assert found == [("errors", "graphql at products instead of graphql-input at products")]


def test_another_error_path_is_caught() -> None:
    found = differences(refused("internal", ["products", "items", 1]), refused("internal", ["products"]))
    assert found == [("errors", "internal at products instead of internal at products.items.1")]


def test_an_error_that_is_not_there_is_caught() -> None:
    found = differences(refused("internal", ["products"]), answered({"data": {"products": None}}))
    assert found == [("errors", "none instead of internal at products")]


@pytest.mark.parametrize(
    ("changed", "where", "what"),
    [
        ({"price": "9.5"}, ".price", "string instead of number"),
        ({"sku": True}, ".sku", "boolean instead of string"),
        ({"tiers": {}}, ".tiers", "object instead of list"),
        ({"tiers": [5]}, ".tiers[]", "number instead of object"),
        ({"tiers": []}, ".tiers[]", "the list is empty"),
        ({"tiers": None}, ".tiers", "there is no list to compare"),
        ({"tiers": [{"quantity": "5"}]}, ".tiers[].quantity", "string instead of number"),
        ({"more": 1}, ".more", "is not in the recording"),
    ],
)
def test_another_type_is_caught(changed: Mapping[str, Any], where: str, what: str) -> None:
    found = differences(of_products(PRODUCT), of_products({**PRODUCT, **changed}))
    assert found == [(f"data.products.items[]<SimpleProduct>{where}", what)]


def test_a_key_that_one_of_several_elements_lacks_is_caught() -> None:
    lacking = {key: value for key, value in PRODUCT.items() if key != "sku"}
    found = differences(of_products(PRODUCT), of_products(PRODUCT, lacking))
    assert found == [("data.products.items[]<SimpleProduct>.sku", "is missing")]


def test_only_what_was_replayed_is_compared() -> None:
    asked = parse("{ products { items { __typename sku } } }")
    assert (
        differences(of_products(PRODUCT), of_products({"__typename": "SimpleProduct", "sku": "B"}), document=asked)
        == []
    )


def test_caching_headers_are_compared_where_they_matter() -> None:
    kept = {**JSON, "cache-control": "max-age=86400, public", "x-magento-tags": "cat_p,cat_p_7"}
    same = {**JSON, "cache-control": "public, max-age=86400", "x-magento-tags": "cat_p,cat_p_8,cat_p_9"}
    none = {**JSON, "cache-control": "no-store"}
    assert differences(answered({}, headers=kept), answered({}, headers=same), caching=True) == []
    found = differences(answered({"data": {}}, headers=kept), answered({"data": {}}, headers=none), caching=True)
    assert [where for where, _ in found] == ["cache-control", "x-magento-tags"]
    assert differences(answered({"data": {}}, headers=kept), answered({"data": {}}, headers=none)) == []


def test_a_rest_refusal_with_another_message_is_caught() -> None:
    one, other = answered({"message": "Decoding error."}, 400), answered({"message": "no"}, 400)
    assert differences(one, other) == [("message", "'no' instead of 'Decoding error.'")]


SCHEMA = build_schema("""
    type Query { products(filter: Filter, page: Int): Products  other: String }
    input Filter { sku: String }
    type Products { items: [Item] }
    interface Item { sku: String }
    type Simple implements Item { sku: String }
""")


def test_a_query_is_cut_to_the_schema_and_what_went_is_counted() -> None:
    query = """query ($page: Int, $size: Int) { products(page: $page, pageSize: $size) {
      total_count items { sku id ... on Simple { id } ... on Bundle { items { sku } } } } country { id } }"""
    pruned = prune(parse(query), SCHEMA)
    assert print_ast(pruned.document) == print_ast(
        parse("query ($page: Int) { products(page: $page) { items { sku } } }")
    )
    assert pruned.dropped == {
        "Query.products(pageSize:)": 1,
        "Products.total_count": 1,
        "Item.id": 1,
        "Simple.id": 1,
        "Bundle": 1,
        "Query.country": 1,
    }
    assert declared(pruned.document, {"page": 1, "size": 2}) == {"page": 1}


def test_a_query_of_which_nothing_is_left_is_empty() -> None:
    assert prune(parse("{ country { id } }"), SCHEMA).empty


def test_a_field_that_commerce_refused_is_asked_for_all_the_same() -> None:
    pruned = prune(parse("{ nope }"), SCHEMA, keep={"Query.nope"})
    assert (pruned.dropped, pruned.empty) == ({}, False)


def test_names_of_the_recorded_shop_become_the_stand_ins() -> None:
    document = translated_query(
        parse('{ products(filter: {category_id: {eq: "4"}, entity_type: "4"}) { items { sku } } }')
    )
    assert 'category_id: { eq: "15" }, entity_type: "4"' in print_ast(document)
    assert translated({"filter": {"sku": {"in": ["MH01", "NOPE"]}}, "pageSize": 4}) == {
        "filter": {"sku": {"in": ["TT-J01", "NOPE"]}},
        "pageSize": 4,
    }


def test_recorded_data_goes_by_commerces_names() -> None:
    query = parse(
        "{ items { ... on Field { field_value: value { price } } ... on Drop { drop_value: value { title } } } }"
    )
    data = {"items": [{"field_value": {"price": 5}}, {"drop_value": [{"title": "A"}]}]}
    selections = [definition.selection_set for definition in query.definitions if hasattr(definition, "selection_set")]
    assert by_field(data, selections) == {"items": [{"value": {"price": 5}}, {"value": [{"title": "A"}]}]}


def test_a_folder_without_recordings_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 2
    assert "RECORDINGS_FOLDER" in capsys.readouterr().err
