"""Queries that select everything there is of a public type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from graphql import (
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_leaf_type,
)


@cache
def every_field(schema: GraphQLSchema, name: str, without: frozenset[str] = frozenset()) -> str:
    """A selection of every field of a public type, and of every field of the types below it; a type within itself is
    left out."""
    kind = schema.get_type(name)
    assert kind is not None
    selected = _every(schema, kind, (), without)
    assert selected is not None
    return selected


def _every(
    schema: GraphQLSchema, kind: GraphQLNamedType, above: tuple[str, ...], without: frozenset[str] = frozenset()
) -> str | None:
    if kind.name in above:
        return None
    assert isinstance(kind, GraphQLObjectType | GraphQLInterfaceType)
    inside = (*above, kind.name)
    parts = ["__typename", *_fields_of(schema, kind, inside, without)]
    if isinstance(kind, GraphQLInterfaceType):
        for narrower in schema.get_possible_types(kind):
            own = {name: each for name, each in narrower.fields.items() if name not in kind.fields}
            if own:
                parts.append(
                    f"... on {narrower.name} {{ {' '.join(_selected(schema, own, (*inside, narrower.name)))} }}"
                )
    return f"{{ {' '.join(parts)} }}"


def _fields_of(
    schema: GraphQLSchema,
    kind: GraphQLObjectType | GraphQLInterfaceType,
    above: tuple[str, ...],
    without: frozenset[str],
) -> Iterator[str]:
    return _selected(schema, {name: each for name, each in kind.fields.items() if name not in without}, above)


def _selected(schema: GraphQLSchema, fields: Mapping[str, Any], above: tuple[str, ...]) -> Iterator[str]:
    for name, each in fields.items():
        below = get_named_type(each.type)
        if is_leaf_type(below):
            yield name
            continue
        selection = _every(schema, below, above)
        if selection is not None:
            yield f"{name} {selection}"
