"""Checks that Commerce's data has the shape that the document and the schema promise, before anything reads it."""

from collections.abc import Callable, Mapping

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
    return _object(schema, fragments, operation.selection_set, root)


def _object(
    schema: GraphQLSchema,
    fragments: Mapping[str, FragmentDefinitionNode],
    selection: SelectionSetNode,
    parent: GraphQLObjectType | GraphQLInterfaceType,
) -> Check:
    # By key, and by the type under which the field is asked for: "" for every object here.
    fields: dict[str, dict[str, list[Check]]] = {}

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
    plan = [(key, meanings.get(""), tuple(meanings.values())) for key, meanings in fields.items()]

    def check(value: object) -> bool:
        if value is None:
            return True
        if not isinstance(value, dict):
            return False
        for key, always, meanings in plan:
            if key not in value:
                if always:
                    return False
                continue
            inner = value[key]
            # Under fragments of several types one key may have several meanings: one of them must fit.
            if not any(all(each(inner) for each in checks) for checks in ((always,) if always else meanings)):
                return False
        return True

    return check


def _field(
    schema: GraphQLSchema,
    fragments: Mapping[str, FragmentDefinitionNode],
    node: FieldNode,
    parent: GraphQLObjectType | GraphQLInterfaceType,
) -> Check:
    if node.name.value.startswith("__"):
        return _leaf((str,))
    return _value(schema, fragments, node, parent.fields[node.name.value].type)


def _value(
    schema: GraphQLSchema,
    fragments: Mapping[str, FragmentDefinitionNode],
    node: FieldNode,
    declared: GraphQLOutputType,
) -> Check:
    if isinstance(declared, GraphQLNonNull):
        return _value(schema, fragments, node, declared.of_type)
    if isinstance(declared, GraphQLList):
        item = _value(schema, fragments, node, declared.of_type)
        return lambda value: value is None or (isinstance(value, list) and all(map(item, value)))
    if isinstance(declared, GraphQLObjectType | GraphQLInterfaceType) and node.selection_set is not None:
        return _object(schema, fragments, node.selection_set, declared)
    if is_scalar_type(declared):
        return _leaf(_SCALARS.get(getattr(declared, "name", ""), (str, int, float, bool)))
    return _leaf((str,))


def _leaf(kinds: tuple[type, ...]) -> Check:
    if bool in kinds:
        return lambda value: value is None or isinstance(value, kinds)
    return lambda value: value is None or (isinstance(value, kinds) and not isinstance(value, bool))
