"""Slices of Commerce's schema: what the operations touch, and what they ask for and a version lacks.

A slice is committed per Commerce version (schema/commerce/*.graphql). It stands in where a shop's introspection is off
or Commerce is away, and it is what the stand-in Commerce executes. Its head says where it came from and lists the
coordinates that were asked for and absent; a coordinate in neither place fails a test.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLUnionType,
    build_schema,
    get_named_type,
    print_type,
)

from app.commerce.operations import load, pruner
from app.commerce.pruning import Unoffered, shop_attributes

FOLDER = Path(__file__).parents[2] / "schema" / "commerce"
_BUILT_IN = frozenset({"String", "Int", "Float", "Boolean", "ID"})

# What came with each version, newest first: how a live Commerce is recognised, which says its version nowhere.
CAME_WITH = {
    "2.4.9": "StoreConfig.cart_merge_preference",
    "2.4.8": "ProductInterface.quantity",
    "2.4.7": "Query.attributesList",
    "2.4.6": "BundleItem.price_range",
}


@dataclass(frozen=True, slots=True)
class Slice:
    """A pinned slice: its name (such as `adobe-commerce-2.4.8`), its schema, and what was asked and absent."""

    name: str
    schema: GraphQLSchema
    absent: frozenset[str]

    @property
    def version(self) -> str:
        """The Commerce version in the slice's name."""
        return self.name.rpartition("-")[2]


def schema_of(sdl: str) -> GraphQLSchema:
    """A schema from SDL, taken as it is: Commerce's own schemas do not pass every validation rule."""
    return build_schema(sdl, assume_valid=True, assume_valid_sdl=True, no_location=True)


def touched(schema: GraphQLSchema) -> tuple[set[str], set[str]]:
    """The coordinates that all operations, in all variants, touch in a schema, and those that it lacks."""
    present: set[str] = set()
    absent: set[str] = set()
    attributes = shop_attributes(schema)
    for sources in load().values():
        for source in sources:
            one = pruner(source, schema, attributes=attributes)
            try:
                one.prune(source.operation)
            except Unoffered as missing:
                absent.add(missing.coordinate)
            present |= one.walk.present
            absent |= one.walk.absent
    for coordinate in CAME_WITH.values():
        (present if has(schema, coordinate) else absent).add(coordinate)
    return present, absent


def has(schema: GraphQLSchema, coordinate: str) -> bool:
    """Whether a schema has a field, given as `Type.field`."""
    owner, _, member = coordinate.partition(".")
    return member in getattr(schema.get_type(owner), "fields", ())


def cut(schema: GraphQLSchema, source: str) -> str:
    """The slice of a schema as text; `source` says in its head where the schema came from."""
    present, absent = touched(schema)
    head = [
        f"# The part of Commerce's schema that schema/operations touches. Source: {source}.",
        "# Made by `vitrine schema pull`; do not edit.",
        *(f"# absent: {coordinate}" for coordinate in sorted(absent)),
    ]
    types = _Cut(schema, present).types()
    return "\n".join(head) + "\n\n" + "\n\n".join(print_type(kept) for kept in types) + "\n"


class _Cut:
    """Copies the touched part of a schema: touched fields with all their arguments, whole inputs, whole enums."""

    def __init__(self, schema: GraphQLSchema, present: Iterable[str]) -> None:
        self._schema = schema
        self._fields: dict[str, set[str]] = {}
        for coordinate in present:
            owner, dot, member = coordinate.partition(".")
            names = self._fields.setdefault(owner, set())
            if dot and "(" not in member:
                names.add(member)
        self._inputs: set[str] = set()

    def types(self) -> list[GraphQLNamedType]:
        """The types of the slice, sorted by name, the root first."""
        self._spread_interfaces()
        self._collect_leaves()
        names = sorted(self._fields.keys() | self._inputs, key=lambda name: (name != "Query", name))
        return [kept for name in names if (kept := self._copy(self._schema.type_map[name])) is not None]

    def _spread_interfaces(self) -> None:
        for name in list(self._fields):
            declared = self._schema.type_map.get(name)
            if isinstance(declared, GraphQLInterfaceType | GraphQLUnionType):
                for possible in self._schema.get_possible_types(declared):
                    self._fields.setdefault(possible.name, set())
        for name, fields in self._fields.items():
            declared = self._schema.type_map.get(name)
            if isinstance(declared, GraphQLObjectType):
                for interface in declared.interfaces:
                    fields.update(self._fields.get(interface.name, ()))

    def _collect_leaves(self) -> None:
        waiting: list[GraphQLNamedType] = []
        for name, fields in list(self._fields.items()):
            declared = self._schema.type_map[name]
            if isinstance(declared, GraphQLInputObjectType):
                waiting.append(declared)
            if not isinstance(declared, GraphQLObjectType | GraphQLInterfaceType):
                continue
            for member in fields:
                waiting.append(get_named_type(declared.fields[member].type))
                waiting.extend(get_named_type(arg.type) for arg in declared.fields[member].args.values())
        while waiting:
            leaf = waiting.pop()
            if isinstance(leaf, GraphQLObjectType | GraphQLInterfaceType) or leaf.name in self._inputs:
                continue
            self._inputs.add(leaf.name)
            if isinstance(leaf, GraphQLInputObjectType):
                waiting.extend(get_named_type(field.type) for field in leaf.fields.values())

    def _copy(self, declared: GraphQLNamedType) -> GraphQLNamedType | None:
        if isinstance(declared, GraphQLObjectType | GraphQLInterfaceType):
            fields = {
                name: GraphQLField(of.type, args={key: _plain(arg) for key, arg in of.args.items()})
                for name, of in sorted(declared.fields.items())
                if name in self._fields[declared.name]
            }
            if not fields:
                return None
            kind = type(declared)
            interfaces = [of for of in declared.interfaces if self._fields.get(of.name)]
            return kind(declared.name, fields, interfaces=interfaces)
        if isinstance(declared, GraphQLScalarType):
            return None if declared.name in _BUILT_IN else declared
        if isinstance(declared, GraphQLEnumType | GraphQLInputObjectType | GraphQLUnionType):
            return declared
        return None


def _plain(argument: GraphQLArgument) -> GraphQLArgument:
    return GraphQLArgument(argument.type, default_value=argument.default_value)


@cache
def pinned() -> dict[str, Slice]:
    """The committed slices by name, oldest version first."""
    return {path.stem: read(path) for path in sorted(FOLDER.glob("*.graphql"), key=_version_of)}


def _version_of(path: Path) -> list[int]:
    return [int(part) for part in path.stem.rpartition("-")[2].split(".")]


def read(path: Path) -> Slice:
    """One slice from its file."""
    text = path.read_text()
    marks = (line.removeprefix("# absent: ") for line in text.splitlines() if line.startswith("# absent: "))
    return Slice(path.stem, schema_of(text), frozenset(marks))


def nearest(schema: GraphQLSchema) -> Slice:
    """The pinned slice of the version that a live schema shows, and of its edition where both are pinned."""
    version = next((version for version, mark in CAME_WITH.items() if has(schema, mark)), "2.4.4")
    commerce = schema.get_type("GiftCardProduct") is not None
    same = [found for found in pinned().values() if found.version == version]
    return next((found for found in same if found.name.startswith("adobe") is commerce), same[0])
