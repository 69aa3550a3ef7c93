"""The shape check: data that fits its document passes, any node turned into another kind is caught."""

import copy
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLEnumType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    build_schema,
    parse,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from app.commerce.operations import Operations, flags_of, load
from app.commerce.shapes import Check, compile_shape
from app.commerce.slices import pinned

SCHEMA = build_schema(
    """
    type Query { shop: Shop  thing(id: Int): Thing  things: [Thing!]!  matrix: [[Int]]  kind: Kind }
    enum Kind { OLD NEW }
    scalar Anything
    type Shop { name: String!  size: Int  rate: Float  open: Boolean  id: ID!  any: Anything  shop: Shop }
    interface Thing { name: String  parts: [Part] }
    interface Part { weight: Float }
    type Screw implements Part { weight: Float  thread: String  items: [Int] }
    type Nail implements Part { weight: Float  length: Int  items: Shop }
    type Tool implements Thing { name: String  parts: [Part]  handle: String }
    type Toy implements Thing { name: String  parts: [Part]  age: Int }
    """
)
DOCUMENT = """
query Everything($id: Int) {
  shop { ...ShopFields inner: shop { ...ShopFields shop { id } } }
  thing(id: $id) { __typename name ... on Tool { handle } ...ToyFields }
  things { name parts { weight ... on Screw { thread items } ... on Nail { length items { name } } } }
  matrix
  kind
}
fragment ShopFields on Shop { name size rate open id any }
fragment ToyFields on Toy { age }
"""

Path = tuple[str | int, ...]


@cache
def check_of(document: str) -> Check:
    return compile_shape(SCHEMA, parse(document))


def fits(document: str, data: object) -> bool:
    return check_of(document)(data)


class Generator:
    """Draws data that a server with this schema could give for a document, by GraphQL's own rules of execution."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, draw: Callable[[st.SearchStrategy[Any]], Any]):
        self._schema = schema
        self._draw = draw
        self._fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }
        self._operation = next(node for node in document.definitions if isinstance(node, OperationDefinitionNode))

    def data(self) -> dict[str, Any]:
        root = self._schema.get_root_type(self._operation.operation)
        assert root is not None
        return self._object([self._operation.selection_set], root)

    def _object(self, selections: list[SelectionSetNode], of: GraphQLObjectType) -> dict[str, Any]:
        fields: dict[str, list[FieldNode]] = {}
        for selection in selections:
            self._collect(selection, of, fields)
        data: dict[str, Any] = {}
        for key, nodes in fields.items():
            name = nodes[0].name.value
            data[key] = of.name if name == "__typename" else self._value(nodes, of.fields[name].type)
        return data

    def _collect(self, selection: SelectionSetNode, of: GraphQLObjectType, fields: dict[str, list[FieldNode]]) -> None:
        for node in selection.selections:
            if isinstance(node, FieldNode):
                fields.setdefault(node.alias.value if node.alias else node.name.value, []).append(node)
                continue
            inner = self._fragments[node.name.value] if isinstance(node, FragmentSpreadNode) else node
            assert isinstance(inner, FragmentDefinitionNode | InlineFragmentNode)
            condition = inner.type_condition
            wanted = self._schema.get_type(condition.name.value) if condition else of
            if wanted is of or (isinstance(wanted, GraphQLInterfaceType) and self._schema.is_sub_type(wanted, of)):
                self._collect(inner.selection_set, of, fields)

    def _value(self, nodes: list[FieldNode], declared: GraphQLOutputType) -> Any:
        if isinstance(declared, GraphQLNonNull):
            return self._present(nodes, declared.of_type)
        return None if self._draw(st.integers(0, 9)) == 9 else self._present(nodes, declared)

    def _present(self, nodes: list[FieldNode], declared: GraphQLOutputType) -> Any:
        if isinstance(declared, GraphQLList):
            return [self._value(nodes, declared.of_type) for _ in range(self._draw(st.integers(0, 2)))]
        if isinstance(declared, GraphQLInterfaceType):
            possible = sorted(self._schema.get_possible_types(declared), key=lambda each: each.name)
            declared = self._draw(st.sampled_from(possible))
        if isinstance(declared, GraphQLObjectType):
            return self._object([node.selection_set for node in nodes if node.selection_set], declared)
        if isinstance(declared, GraphQLEnumType):
            return self._draw(st.sampled_from(sorted(declared.values)))
        kinds: dict[str, st.SearchStrategy[Any]] = {
            "Int": st.integers(-(2**31), 2**31 - 1),
            "Float": st.integers(-999, 999) | st.floats(allow_nan=False, allow_infinity=False),
            "Boolean": st.booleans(),
            "String": st.text(max_size=5),
            "ID": st.text(max_size=5) | st.integers(0, 99),
        }
        return self._draw(kinds.get(getattr(declared, "name", ""), st.integers() | st.text(max_size=3) | st.booleans()))


def nodes_of(value: object, path: Path = ()) -> list[tuple[Path, object]]:
    """Every value inside, with its path; the whole first."""
    found = [(path, value)]
    if isinstance(value, dict):
        for key, inner in value.items():
            found += nodes_of(inner, (*path, key))
    if isinstance(value, list):
        for place, inner in enumerate(value):
            found += nodes_of(inner, (*path, place))
    return found


def put(data: Any, path: Path, value: object) -> Any:
    """A copy of the data with another value at the path."""
    if not path:
        return value
    data = copy.deepcopy(data)
    inner = data
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return data


def other_kinds(value: object) -> list[object]:
    """Values of kinds that nothing of this value's kind may turn into."""
    if isinstance(value, dict):
        return [[], [{}], "text", 5, True, 1.5, {}]
    if isinstance(value, list):
        return [{}, {"0": None}, "text", 5, False]
    return [{}, [], [value], {"value": value}]


@settings(deadline=None, max_examples=80)
@given(st.data())
def test_what_a_server_can_answer_passes(data: st.DataObject) -> None:
    document = parse(DOCUMENT)
    drawn = Generator(SCHEMA, document, data.draw).data()
    assert fits(DOCUMENT, drawn)


# Not at random: where a key means one thing in one type and another in the next, either kind passes.
@settings(deadline=None, max_examples=80, derandomize=True)
@given(st.data())
def test_a_node_of_another_kind_is_caught(data: st.DataObject) -> None:
    drawn = Generator(SCHEMA, parse(DOCUMENT), data.draw).data()
    # Null has every kind, and a scalar of the shop's own may be any leaf but no object or list.
    candidates = [(path, value) for path, value in nodes_of(drawn) if value is not None]
    path, value = data.draw(st.sampled_from(candidates))
    wrong = data.draw(st.sampled_from(other_kinds(value)))
    assert not fits(DOCUMENT, put(drawn, path, wrong))


@settings(deadline=None, max_examples=80)
@given(st.data())
def test_a_null_in_any_place_passes(data: st.DataObject) -> None:
    drawn = Generator(SCHEMA, parse(DOCUMENT), data.draw).data()
    path, _ = data.draw(st.sampled_from(nodes_of(drawn)))
    assert fits(DOCUMENT, put(drawn, path, None))


@pytest.mark.parametrize("name", sorted(pinned()))
@settings(deadline=None, max_examples=12)
@given(st.data())
def test_our_own_documents_accept_what_commerce_can_answer_and_nothing_of_another_kind(
    name: str, data: st.DataObject
) -> None:
    operations = operations_of(name)
    operation = data.draw(st.sampled_from(sorted(operations.walks)))
    source = next(each for each in load()[operation] if each.variant == operations.variant(operation))
    possible = sorted(flags_of(source))
    flags = data.draw(st.sets(st.sampled_from(possible), max_size=4)) if possible else set()
    document = parse(operations.document(operation, flags | {"items"} & set(possible)).text)
    check = compile_shape(operations.schema, document)
    drawn = Generator(operations.schema, document, data.draw).data()
    assert check(drawn)
    path, value = data.draw(st.sampled_from([each for each in nodes_of(drawn) if each[1] is not None]))
    if not isinstance(value, dict):
        wrong = data.draw(st.sampled_from(other_kinds(value)))
        assert not check(put(drawn, path, wrong)), (path, value, wrong)
    else:
        wrong = data.draw(st.sampled_from([[], [{}], "text", 5, True]))
        assert not check(put(drawn, path, wrong)), (path, value, wrong)


@cache
def operations_of(name: str) -> Operations:
    return Operations(pinned()[name].schema)


WHOLE_SHOP = {"name": "a", "size": 1, "rate": 1.5, "open": True, "id": "1"}


@pytest.mark.parametrize(
    ("change", "passes"),
    [
        ({}, True),
        ({"rate": 2}, True),
        ({"id": 7}, True),
        ({"size": None, "name": None}, True),
        ({"more": "than was asked for"}, True),
        ({"size": "1"}, False),
        ({"size": 1.0}, False),
        ({"size": True}, False),
        ({"rate": "1.5"}, False),
        ({"rate": False}, False),
        ({"open": 1}, False),
        ({"open": "true"}, False),
        ({"name": 5}, False),
        ({"name": True}, False),
        ({"id": 1.5}, False),
        ({"id": True}, False),
        ({"name": ["a"]}, False),
        ({"name": {}}, False),
    ],
)
def test_a_leaf_has_the_kind_that_the_schema_says(change: dict[str, object], passes: bool) -> None:
    assert fits("{ shop { name size rate open id } }", {"shop": {**WHOLE_SHOP, **change}}) is passes


@pytest.mark.parametrize("key", sorted(WHOLE_SHOP))
def test_a_field_that_was_asked_for_may_not_be_missing(key: str) -> None:
    shop = {name: value for name, value in WHOLE_SHOP.items() if name != key}
    assert not fits("{ shop { name size rate open id } }", {"shop": shop})


@pytest.mark.parametrize(
    ("data", "passes"),
    [
        ({"thing": {"name": "a"}}, True),
        ({"thing": {"name": "a", "handle": "wood"}}, True),
        ({"thing": {"name": "a", "handle": 5}}, False),
        ({"thing": {"handle": "wood"}}, False),
        ({"thing": []}, False),
        ({}, False),
    ],
)
def test_a_field_of_a_narrower_type_may_be_missing_but_not_of_another_kind(data: object, passes: bool) -> None:
    assert fits("{ thing { name ... on Tool { handle } } }", data) is passes


def test_a_key_that_means_something_else_on_each_type_fits_by_one_of_its_meanings() -> None:
    document = "{ things { parts { ... on Screw { items } ... on Nail { items { name } } } } }"

    def data(items: object) -> object:
        return {"things": [{"parts": [{"items": items}]}]}

    assert fits(document, data([1, 2]))
    assert fits(document, data({"name": "a"}))
    assert not fits(document, data("text"))
    assert not fits(document, data(["a"]))
    assert not fits(document, data({"name": 5}))


@pytest.mark.parametrize(
    ("shop", "passes"),
    [
        ({"shop": {"name": "a", "size": 1}}, True),
        ({"shop": {"name": "a", "size": "1"}}, False),
        ({"shop": {"name": 5, "size": 1}}, False),
        ({"shop": {"name": "a"}}, False),
        ({"shop": {"size": 1}}, False),
    ],
)
def test_a_field_that_is_asked_for_twice_must_fit_all_that_was_asked_of_it(shop: object, passes: bool) -> None:
    assert fits("{ shop { shop { name } ...More } } fragment More on Shop { shop { size } }", {"shop": shop}) is passes


@pytest.mark.parametrize(
    ("matrix", "passes"),
    [
        ([], True),
        ([[]], True),
        ([[1], None], True),
        ([[None]], True),
        ([1], False),
        ([["1"]], False),
        ({}, False),
        ("", False),
    ],
)
def test_lists_of_lists_are_looked_into(matrix: object, passes: bool) -> None:
    assert fits("{ matrix }", {"matrix": matrix}) is passes


@pytest.mark.parametrize(
    ("kind", "passes"), [("OLD", True), ("NEWER", True), (1, False), (["OLD"], False), (None, True)]
)
def test_an_enum_is_a_string_also_one_of_a_newer_version(kind: object, passes: bool) -> None:
    assert fits("{ kind }", {"kind": kind}) is passes


@pytest.mark.parametrize("data", [[], "text", 5, True])
def test_data_itself_is_an_object(data: object) -> None:
    assert not fits("{ kind }", data)
