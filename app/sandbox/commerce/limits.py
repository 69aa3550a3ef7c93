"""The limits that Magento sets on a query: how deep, how many fields."""

from __future__ import annotations

from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

MAX_DEPTH = 20
MAX_COMPLEXITY = 300


def measure(document: DocumentNode, variables: dict[str, Any]) -> tuple[int, int]:
    """Depth and complexity of a document: levels below the first (gql-217) and number of fields (gql-218).

    Fragments count at each place they are spread, fields left out by @skip or @include do not count. Each fragment is
    measured once, so that nested spreads cost no more than they are long.
    """
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    known: dict[str, tuple[int, int]] = {}

    def selections(found: SelectionSetNode | None) -> tuple[int, int]:
        depth = count = 0
        for node in found.selections if found else ():
            if _left_out(node, variables):
                continue
            if isinstance(node, FieldNode):
                below, fields = selections(node.selection_set)
                below, fields = below + (node.selection_set is not None), fields + 1
            elif isinstance(node, InlineFragmentNode):
                below, fields = selections(node.selection_set)
            elif isinstance(node, FragmentSpreadNode):
                below, fields = fragment(node.name.value)
            depth, count = max(depth, below), count + fields
        return depth, count

    def fragment(name: str) -> tuple[int, int]:
        if name not in known:
            known[name] = (0, 0)  # a fragment that spreads itself is refused by validation
            known[name] = selections(fragments[name].selection_set) if name in fragments else (0, 0)
        return known[name]

    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    measured = [selections(operation.selection_set) for operation in operations]
    # The root fields are at depth 0.
    return max((depth - 1 for depth, _ in measured), default=0), sum(count for _, count in measured)


def _left_out(node: Any, variables: dict[str, Any]) -> bool:
    for directive in node.directives or ():
        name = directive.name.value
        if name not in ("skip", "include") or not directive.arguments:
            continue
        value = directive.arguments[0].value
        on = variables.get(value.name.value) if value.kind == "variable" else value.value
        if bool(on) == (name == "skip"):
            return True
    return False
