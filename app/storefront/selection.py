"""Which parts of a type a query selects, so that expensive ones are asked of Commerce only when they are wanted."""

from __future__ import annotations

from typing import Any, cast

from graphql import (
    FieldNode,
    FragmentSpreadNode,
    GraphQLResolveInfo,
    SelectionSetNode,
    VariableValues,
    get_argument_values,
    get_directive_values,
)
from graphql.type import GraphQLIncludeDirective, GraphQLSkipDirective
from strawberry.types import Info

from app.errors import BadInput


class Selection(dict[str, "Selection"]):
    """The selected fields by name, over all type conditions, each with its own selection.

    `nodes` are the places where the field itself is selected.
    """

    def __init__(self) -> None:
        super().__init__()
        self.nodes: list[FieldNode] = []

    def at(self, *path: str) -> Selection:
        """The selection below a path of field names; an empty one where it is not selected."""
        found = self
        for name in path:
            found = found.get(name) or Selection()
        return found

    def any(self, *names: str) -> bool:
        """Whether any of these fields is selected."""
        return not self.keys().isdisjoint(names)


def selected(info: Info[Any, Any]) -> Selection:
    """What the query selects below the field that is being resolved."""
    raw = info._raw_info
    top = Selection()
    for node in raw.field_nodes:
        if node.selection_set is not None:
            _collect(node.selection_set, raw, top)
    return top


def arguments(
    info: Info[Any, Any], selection: Selection, of: str, field: str, *, default: dict[str, Any]
) -> dict[str, Any]:
    """The arguments that `field` of the type `of` is selected with, by their GraphQL names.

    Raises `BadInput` where one query selects it twice with different ones: it is read once, with the parent.
    """
    raw = info._raw_info
    nodes = selection.at(field).nodes
    definition = cast("Any", raw.schema.get_type(of)).fields[field]
    given = [get_argument_values(definition, node, _variables(raw)) for node in nodes]
    if any(other != given[0] for other in given[1:]):
        raise BadInput(field, "can be selected only once with the same arguments; use a query of its own for more")
    return given[0] if given else default


def _variables(raw: GraphQLResolveInfo[Any]) -> VariableValues:
    # Strawberry hands on the plain values; where each came from matters only for rewriting literals.
    return VariableValues(sources={}, coerced=cast("dict[str, Any]", raw.variable_values))


def _collect(selection: SelectionSetNode, raw: GraphQLResolveInfo[Any], into: Selection) -> None:
    for node in selection.selections:
        if not _included(node, raw):
            continue
        if isinstance(node, FieldNode):
            name = node.name.value
            inner = into.get(name)
            if inner is None:
                inner = into[name] = Selection()
            inner.nodes.append(node)
            if node.selection_set is not None:
                _collect(node.selection_set, raw, inner)
        elif isinstance(node, FragmentSpreadNode):
            _collect(raw.fragments[node.name.value].selection_set, raw, into)
        else:
            _collect(cast("Any", node).selection_set, raw, into)


def _included(node: Any, raw: GraphQLResolveInfo[Any]) -> bool:
    if not node.directives:
        return True
    skip = get_directive_values(GraphQLSkipDirective, node, _variables(raw))
    include = get_directive_values(GraphQLIncludeDirective, node, _variables(raw))
    return not (skip and skip["if"]) and not (include and not include["if"])
