"""From a schema's text to one that answers: the shop's own attributes put in, resolvers attached, PHP's numbers."""

from __future__ import annotations

import functools
from typing import Any, TypeAlias

from graphql import (
    DocumentNode,
    FieldDefinitionNode,
    GraphQLFloat,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    InputObjectTypeDefinitionNode,
    InputValueDefinitionNode,
    InterfaceTypeDefinitionNode,
    NamedTypeNode,
    NameNode,
    ObjectTypeDefinitionNode,
    build_ast_schema,
    default_field_resolver,
    parse,
)

from .call import Info
from .model import Attribute
from .products import attribute_value
from .resolvers import RESOLVERS

# Filters that every shop has. All others in a schema come from the attributes of the shop that it was read from.
SYSTEM_FILTERS = {
    "category_id",
    "category_uid",
    "category_url_path",
    "description",
    "name",
    "price",
    "short_description",
    "sku",
    "url_key",
}

ShopAttributes: TypeAlias = tuple[tuple[str, str, bool], ...]


def attributes_of(attributes: list[Attribute]) -> ShopAttributes:
    """Of a shop's attributes what its schema depends on: code, type as a product field, and whether it filters.

    Selects and booleans are Int, multiselects and texts String: `color: Int`, `material: String` in the 2.4.4 schema.
    """
    kinds = {"select": "Int", "boolean": "Int"}
    return tuple((a.code, kinds.get(a.input, "String"), a.filterable) for a in attributes)


@functools.lru_cache(maxsize=32)
def executable(sdl: str, attributes: ShopAttributes) -> GraphQLSchema:
    """The schema to execute for a shop with those attributes. Made once per process."""
    schema = build_ast_schema(_with_attributes(parse(sdl, no_location=True), attributes), True, True)
    for each in schema.type_map.values():
        if isinstance(each, GraphQLObjectType) and not each.name.startswith("__"):
            _attach(each, {code for code, _, _ in attributes})
        elif isinstance(each, GraphQLInterfaceType):
            each.resolve_type = _typename
    _php_numbers(schema)
    return schema


def _typename(value: Any, _info: Info, _abstract: Any) -> str:
    name: str = value["__typename"] if isinstance(value, dict) else value.typename
    return name


def _attach(type: GraphQLObjectType, attributes: set[str]) -> None:
    """Give each field the resolver of its type, else that of an interface of it, else the default one."""
    if any(interface.name == "ProductInterface" for interface in type.interfaces):
        for code in attributes & type.fields.keys():
            type.fields[code].resolve = attribute_value
    for owner in (*(interface.name for interface in type.interfaces), type.name):
        for name, resolver in RESOLVERS.get(owner, {}).items():
            if name in type.fields:
                type.fields[name].resolve = resolver
    for field in type.fields.values():
        if field.resolve is None:
            field.resolve = default_field_resolver


def _with_attributes(document: DocumentNode, attributes: ShopAttributes) -> DocumentNode:
    """The schema with the attributes of our shop in place of those of the shop that it was read from.

    Commerce derives both the product's fields and the filter's from the attributes a shop has (the filters of the
    published 2.4.7 and 2.4.9 schemas have none, those of 2.4.4, 2.4.6 and 2.4.8 the sample data's).
    """
    fields = {code: kind for code, kind, _ in attributes}
    filters = [code for code, _, filterable in attributes if filterable]
    foreign: set[str] = set()
    for node in document.definitions:
        if isinstance(node, InputObjectTypeDefinitionNode) and node.name.value == "ProductAttributeFilterInput":
            foreign = {field.name.value for field in node.fields or ()} - SYSTEM_FILTERS
    definitions: list[Any] = []
    for node in document.definitions:
        if isinstance(node, InputObjectTypeDefinitionNode) and node.name.value == "ProductAttributeFilterInput":
            kept = [f for f in node.fields or () if f.name.value not in foreign]
            added = [
                InputValueDefinitionNode(name=NameNode(value=code), type=_named("FilterEqualTypeInput"))
                for code in filters
            ]
            definitions.append(InputObjectTypeDefinitionNode(name=node.name, fields=(*kept, *added)))
        elif isinstance(node, (ObjectTypeDefinitionNode, InterfaceTypeDefinitionNode)) and _is_product(node):
            own = [f for f in node.fields or () if f.name.value not in foreign and f.name.value not in fields]
            new = [FieldDefinitionNode(name=NameNode(value=c), arguments=(), type=_named(t)) for c, t in fields.items()]
            definitions.append(node.__class__(name=node.name, interfaces=node.interfaces, fields=(*own, *new)))
        else:
            definitions.append(node)
    return DocumentNode(definitions=tuple(definitions))


def _is_product(node: ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode) -> bool:
    names = {node.name.value, *(interface.name.value for interface in node.interfaces or ())}
    return "ProductInterface" in names


def _named(name: str) -> NamedTypeNode:
    return NamedTypeNode(name=NameNode(value=name))


def _number(value: Any) -> Any:
    """A float as PHP's json_encode writes it: 34, not 34.0 (gql-030). Magento's own resolvers hand out either."""
    number = float(value)
    return int(number) if number.is_integer() else number


def _php_numbers(schema: GraphQLSchema) -> None:
    """Replace Float of the output by one that serialises like PHP. GraphQL's own Float is shared by the process."""
    php = GraphQLScalarType(
        "PhpFloat",
        serialize=_number,
        parse_value=GraphQLFloat.parse_value,
        parse_literal=GraphQLFloat.parse_literal,
    )
    php.name = "Float"  # graphql-core lets nobody else be born with that name

    def replace(type: Any) -> Any:
        if isinstance(type, GraphQLNonNull):
            return GraphQLNonNull(replace(type.of_type))
        if isinstance(type, GraphQLList):
            return GraphQLList(replace(type.of_type))
        return php if type is GraphQLFloat else type

    for each in schema.type_map.values():
        if isinstance(each, (GraphQLObjectType, GraphQLInterfaceType)):
            for field in each.fields.values():
                field.type = replace(field.type)
    if "Float" in schema.type_map:
        schema.type_map["Float"] = php
