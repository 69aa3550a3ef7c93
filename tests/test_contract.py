"""The public schema is a contract: it is committed, described to the last field, and breaks only with notice."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    find_breaking_changes,
)

from app.cli import PUBLIC_SCHEMA
from app.commerce.table import DOCUMENT, versions_table
from app.storefront.schema import build_schema as public_schema

ROOT = Path(__file__).parents[1]
RELEASED = ROOT / "schema" / "storefront.released.graphql"


def test_the_committed_schema_is_the_one_that_is_served() -> None:
    assert PUBLIC_SCHEMA.read_text() == public_schema().as_str() + "\n", "run: make schema"


def test_every_type_field_and_value_is_described() -> None:
    schema = build_schema(PUBLIC_SCHEMA.read_text())
    nameless = []
    for name, declared in schema.type_map.items():
        if name.startswith("__") or name in {"String", "Int", "Boolean", "ID", "Float"}:
            continue
        if not declared.description:
            nameless.append(name)
        if isinstance(declared, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
            nameless += [f"{name}.{field}" for field, of in declared.fields.items() if not of.description]
        if isinstance(declared, GraphQLEnumType):
            nameless += [f"{name}.{value}" for value, of in declared.values.items() if not of.description]
    assert nameless == []


def test_no_amount_of_money_is_a_float() -> None:
    schema = build_schema(PUBLIC_SCHEMA.read_text())
    money = schema.type_map["Money"]
    assert isinstance(money, GraphQLObjectType)
    assert str(money.fields["amount"].type) == "Decimal!"
    floats = {
        f"{kind.name}.{name}"
        for kind in schema.type_map.values()
        if isinstance(kind, GraphQLObjectType | GraphQLInputObjectType)
        for name, field in kind.fields.items()
        if str(field.type).strip("[]!") == "Float"
    }
    assert floats == {"PickupLocation.latitude", "PickupLocation.longitude"}


WORDS = {"Field", "Type", "Enum", "Value", "Argument", "Input", "Required", "Union", "Interface", "Directive"}


def unannounced(old: GraphQLSchema, new: GraphQLSchema, changelog: str) -> list[str]:
    """The breaking changes between two schemas that the changelog's unreleased part does not name."""
    unreleased = re.split(r"^## ", changelog, flags=re.MULTILINE)[1]
    found = []
    for change in find_breaking_changes(old, new):
        named = [word for word in re.findall(r"\b[A-Z]\w*(?:\.\w+)?", change.description) if word not in WORDS]
        if not named or named[0] not in unreleased:
            found.append(change.description)
    return found


def test_a_breaking_change_since_the_last_release_needs_a_line_in_the_changelog() -> None:
    released = build_schema(RELEASED.read_text())
    served = build_schema(PUBLIC_SCHEMA.read_text())
    assert unannounced(released, served, (ROOT / "CHANGELOG.md").read_text()) == []


@pytest.mark.parametrize(
    ("changelog", "expected"),
    [
        ("# Changelog\n\n## Unreleased\n\n- `Product.url` is gone: use `path`.\n\n## 0.1\n", []),
        (
            "# Changelog\n\n## Unreleased\n\n- Faster.\n\n## 0.1\n\n- `Product.url`\n",
            ["Field Product.url was removed."],
        ),
    ],
)
def test_the_judge_of_breaking_changes_can_find_one(changelog: str, expected: list[str]) -> None:
    old = build_schema("type Query { product: Product } type Product { sku: String url: String }")
    new = build_schema("type Query { product: Product } type Product { sku: String }")
    assert unannounced(old, new, changelog) == expected


def test_the_table_of_versions_is_what_the_slices_say() -> None:
    assert DOCUMENT.read_text() == versions_table(), "run: make schema"


def test_every_field_in_the_table_of_versions_is_one_of_the_public_schema() -> None:
    rows = [line for line in DOCUMENT.read_text().splitlines() if line.startswith("| `")]
    schema = build_schema(PUBLIC_SCHEMA.read_text())
    for row in rows[:-1]:
        owner, _, field = row.split("`")[1].partition(".")
        declared = schema.type_map[owner]
        assert isinstance(declared, GraphQLObjectType | GraphQLInterfaceType)
        assert field in declared.fields
