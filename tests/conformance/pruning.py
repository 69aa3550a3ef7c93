"""Recorded queries cut down to the product's slice of the schema, which is all that the stand-in executes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from graphql import (
    ArgumentNode,
    DefinitionNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    VariableDefinitionNode,
    VariableNode,
    Visitor,
    get_named_type,
    visit,
)

Composite: TypeAlias = GraphQLObjectType | GraphQLInterfaceType


@dataclass
class Pruned:
    """A document of which only what the schema has is left. `dropped` counts the coordinates that went."""

    document: DocumentNode
    dropped: Counter[str] = field(default_factory=Counter)

    @property
    def empty(self) -> bool:
        """Whether nothing is left to ask."""
        return not self.document.definitions


def prune(document: DocumentNode, schema: GraphQLSchema, keep: Collection[str] = ()) -> Pruned:
    """The document without the fields, arguments and fragments that the schema lacks; `keep` names fields to leave."""
    cut = _Cut(schema, keep)
    definitions: list[DefinitionNode] = []
    for node in document.definitions:
        root = schema.get_root_type(node.operation) if isinstance(node, OperationDefinitionNode) else None
        if isinstance(node, OperationDefinitionNode) and root is not None:
            left = cut.selections(node.selection_set, root)
            if left is not None:
                used = _variables(left)
                asked = tuple(each for each in node.variable_definitions or () if each.variable.name.value in used)
                definitions.append(_operation(node, left, asked))
        elif isinstance(node, FragmentDefinitionNode):
            raise NotImplementedError("no recording has named fragments")
        else:
            definitions.append(node)
    return Pruned(DocumentNode(definitions=tuple(definitions)), cut.dropped)


def declared(document: DocumentNode, variables: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the variables that the document still declares."""
    names = {
        each.variable.name.value
        for node in document.definitions
        if isinstance(node, OperationDefinitionNode)
        for each in node.variable_definitions or ()
    }
    return {name: value for name, value in variables.items() if name in names}


class _Cut:
    def __init__(self, schema: GraphQLSchema, keep: Collection[str]) -> None:
        self.dropped: Counter[str] = Counter()
        self._schema = schema
        self._keep = keep

    def selections(self, found: SelectionSetNode, parent: Composite) -> SelectionSetNode | None:
        left: list[SelectionNode] = []
        for node in found.selections:
            if isinstance(node, FieldNode):
                kept = self._field(node, parent)
            elif isinstance(node, InlineFragmentNode):
                kept = self._fragment(node, parent)
            else:
                assert isinstance(node, FragmentSpreadNode)
                raise NotImplementedError("no recording has named fragments")
            if kept is not None:
                left.append(kept)
        return SelectionSetNode(selections=tuple(left)) if left else None

    def _field(self, node: FieldNode, parent: Composite) -> SelectionNode | None:
        name = node.name.value
        coordinate = f"{parent.name}.{name}"
        if name.startswith("__") or coordinate in self._keep:
            return node
        if name not in parent.fields:
            self.dropped[coordinate] += 1
            return None
        field = parent.fields[name]
        arguments: list[ArgumentNode] = []
        for argument in node.arguments or ():
            if argument.name.value in field.args:
                arguments.append(argument)
            else:
                self.dropped[f"{coordinate}({argument.name.value}:)"] += 1
        below = node.selection_set
        if below is not None:
            inner = get_named_type(field.type)
            assert isinstance(inner, GraphQLObjectType | GraphQLInterfaceType)
            below = self.selections(below, inner)
            if below is None:
                return None
        return FieldNode(
            name=node.name,
            alias=node.alias,
            arguments=tuple(arguments),
            directives=node.directives,
            selection_set=below,
        )

    def _fragment(self, node: InlineFragmentNode, parent: Composite) -> SelectionNode | None:
        inner: Any = parent
        if node.type_condition is not None:
            name = node.type_condition.name.value
            inner = self._schema.get_type(name)
            if inner is None:
                self.dropped[name] += 1
                return None
        assert not isinstance(inner, GraphQLUnionType)
        below = self.selections(node.selection_set, inner)
        if below is None:
            return None
        return InlineFragmentNode(type_condition=node.type_condition, directives=node.directives, selection_set=below)


def _variables(selections: SelectionSetNode) -> set[str]:
    found: set[str] = set()

    class Collect(Visitor):
        def enter_variable(self, node: VariableNode, *_: object) -> None:
            found.add(node.name.value)

    visit(selections, Collect())
    return found


def _operation(
    node: OperationDefinitionNode, selections: SelectionSetNode, variables: tuple[VariableDefinitionNode, ...]
) -> OperationDefinitionNode:
    return OperationDefinitionNode(
        operation=node.operation,
        name=node.name,
        variable_definitions=variables,
        directives=node.directives,
        selection_set=selections,
    )
