"""How large a query may be, told before it is validated: one pass over the document, every fragment once."""

from __future__ import annotations

from dataclasses import dataclass

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
)

from app.errors import TooExpensive


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest depth, number of fields (fragments counted at every spread) and number of aliases of a query, and how
    many mutations one request may hold: each is at least one write, whatever it selects."""

    depth: int
    fields: int
    aliases: int
    mutations: int = 5


@dataclass(frozen=True, slots=True)
class Size:
    """The size of a selection; `own` are the fields at its top."""

    depth: int = 0
    fields: int = 0
    aliases: int = 0
    own: int = 0


def check(document: DocumentNode, limits: Limits) -> None:
    """Raises `TooExpensive` when any operation of the document is larger than the limits.

    Linear in the document: a fragment is measured once, however often and deeply it is spread. Introspection has its
    own shape and is not measured: it is answered only where settings allow it.
    """
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    measure = _Measure(fragments)
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode):
            try:
                size = measure.selection(node.selection_set, top=True)
            except RecursionError:
                raise TooExpensive("the query's fragments are nested too deeply") from None
            mutations = size.own if node.operation is OperationType.MUTATION else 0
            for what, is_, may_be in (
                ("deep", size.depth, limits.depth),
                ("large in fields", size.fields, limits.fields),
                ("large in aliases", size.aliases, limits.aliases),
                ("large in mutations", mutations, limits.mutations),
            ):
                if is_ > may_be:
                    raise TooExpensive(f"the query is too {what}: {is_}, and {may_be} is allowed")


class _Measure:
    def __init__(self, fragments: dict[str, FragmentDefinitionNode]) -> None:
        self._fragments = fragments
        self._known: dict[str, Size] = {}

    def selection(self, selection: SelectionSetNode | None, *, top: bool = False) -> Size:
        depth = fields = aliases = own = 0
        for node in selection.selections if selection else ():
            if isinstance(node, FieldNode):
                if top and node.name.value in ("__schema", "__type"):
                    continue
                inner = self.selection(node.selection_set)
                depth = max(depth, inner.depth + 1)
                fields += inner.fields + 1
                aliases += inner.aliases + (node.alias is not None)
                own += 1
                continue
            if isinstance(node, FragmentSpreadNode):
                inner = self._fragment(node.name.value)
            else:
                inner = self.selection(getattr(node, "selection_set", None), top=top)
            depth = max(depth, inner.depth)
            fields += inner.fields
            aliases += inner.aliases
            own += inner.own
        return Size(depth, fields, aliases, own)

    def _fragment(self, name: str) -> Size:
        if name not in self._known:
            definition = self._fragments.get(name)
            # Validation reports fragments that are unknown or spread themselves; here they only must not loop.
            self._known[name] = Size()
            self._known[name] = self.selection(definition.selection_set if definition else None)
        return self._known[name]
