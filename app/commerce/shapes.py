"""Checks that Commerce's data has the shape that the document and the schema promise, before anything reads it."""

from collections.abc import Callable, Mapping
from types import NoneType

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    is_scalar_type,
)

Check = Callable[[object], bool]
# The types of which every value fits, and what looks into one of another type. JSON has no subclasses of its types, and
# a value's own type is the cheapest to ask: a page has more than a thousand values.
Shape = tuple[frozenset[type], Check]
_MISSING = object()
_SCALARS: Mapping[str, tuple[type, ...]] = {
    "Int": (int,),
    "Float": (int, float),
    "Boolean": (bool,),
    "String": (str,),
    "ID": (str, int),
}


def compile_shape(schema: GraphQLSchema, document: DocumentNode) -> Check:
    """A function that says whether a `data` object fits the document.

    Null is always allowed, also where the schema forbids it: Commerce reports its cause in `errors`, and a reader
    says what it cannot do without. A field asked for under a narrower type may be missing.
    """
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    operation = next(node for node in document.definitions if isinstance(node, OperationDefinitionNode))
    root = schema.get_root_type(operation.operation)
    assert root is not None
    kinds, deeper = _object(schema, fragments, operation.selection_set, root)
    return lambda data: type(data) in kinds or deeper(data)


def _object(
    schema: GraphQLSchema,
    fragments: Mapping[str, FragmentDefinitionNode],
    selection: SelectionSetNode,
    parent: GraphQLObjectType | GraphQLInterfaceType,
) -> Shape:
    # By key, and by the type under which the field is asked for: "" for every object here.
    fields: dict[str, dict[str, list[Shape]]] = {}

    def collect(nodes: SelectionSetNode, of: GraphQLObjectType | GraphQLInterfaceType, narrowed: bool) -> None:
        for node in nodes.selections:
            if isinstance(node, FieldNode):
                key = node.alias.value if node.alias else node.name.value
                under = of.name if narrowed else ""
                fields.setdefault(key, {}).setdefault(under, []).append(_field(schema, fragments, node, of))
            else:
                inner = fragments[node.name.value] if isinstance(node, FragmentSpreadNode) else node
                assert isinstance(inner, FragmentDefinitionNode | InlineFragmentNode)
                condition = inner.type_condition
                narrower = schema.get_type(condition.name.value) if condition else of
                assert isinstance(narrower, GraphQLObjectType | GraphQLInterfaceType)
                collect(inner.selection_set, narrower, narrowed or narrower is not of)

    collect(selection, parent, False)
    always = [(key, *_all(meanings[""])) for key, meanings in fields.items() if "" in meanings]
    sometimes = [
        (key, [_all(shapes) for shapes in meanings.values()]) for key, meanings in fields.items() if "" not in meanings
    ]

    def check(value: object) -> bool:
        if type(value) is not dict:
            return False
        get = value.get
        for key, kinds, deeper in always:
            inner = get(key, _MISSING)
            if type(inner) not in kinds and not deeper(inner):
                return False
        for key, meanings in sometimes:
            inner = get(key)
            # Under fragments of several types one key may have several meanings: one of them must fit.
            if inner is not None and not any(type(inner) in kinds or deeper(inner) for kinds, deeper in meanings):
                return False
        return True

    return frozenset({NoneType}), check


def _all(shapes: list[Shape]) -> Shape:
    """What fits all of these."""
    if len(shapes) == 1:
        return shapes[0]
    kinds = frozenset.intersection(*(kinds for kinds, _ in shapes))
    return kinds, lambda value: all(type(value) in kinds or deeper(value) for kinds, deeper in shapes)


def _field(
    schema: GraphQLSchema,
    fragments: Mapping[str, FragmentDefinitionNode],
    node: FieldNode,
    parent: GraphQLObjectType | GraphQLInterfaceType,
) -> Shape:
    if node.name.value.startswith("__"):
        return _leaf(str)
    return _value(schema, fragments, node, parent.fields[node.name.value].type)


def _value(
    schema: GraphQLSchema,
    fragments: Mapping[str, FragmentDefinitionNode],
    node: FieldNode,
    declared: GraphQLOutputType,
) -> Shape:
    if isinstance(declared, GraphQLNonNull):
        return _value(schema, fragments, node, declared.of_type)
    if isinstance(declared, GraphQLList):
        kinds, deeper = _value(schema, fragments, node, declared.of_type)

        def check(value: object) -> bool:
            if type(value) is not list:
                return False
            for item in value:  # noqa: SIM110 - a generator costs more than all the rest
                if type(item) not in kinds and not deeper(item):
                    return False
            return True

        return frozenset({NoneType}), check
    if isinstance(declared, GraphQLObjectType | GraphQLInterfaceType) and node.selection_set is not None:
        return _object(schema, fragments, node.selection_set, declared)
    if is_scalar_type(declared):
        return _leaf(*_SCALARS.get(getattr(declared, "name", ""), (str, int, float, bool)))
    return _leaf(str)


def _leaf(*kinds: type) -> Shape:
    return frozenset({NoneType, *kinds}), lambda _: False
