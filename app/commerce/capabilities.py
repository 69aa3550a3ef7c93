"""What the connected Commerce offers: the operations that it can answer, and what its products filter and sort by."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from graphql import (
    GraphQLInputObjectType,
    GraphQLSchema,
    build_client_schema,
    extend_schema,
    get_introspection_query,
    get_named_type,
    parse,
)

from app.commerce.operations import Operations
from app.commerce.slices import CAME_WITH, Slice, has, nearest, pinned

FilterKind = Literal["equal", "range", "match"]
_KINDS: Mapping[str, FilterKind] = {
    "FilterEqualTypeInput": "equal",
    "FilterRangeTypeInput": "range",
    "FilterMatchTypeInput": "match",
}
# Filters that Commerce ships; in a pinned slice all others are some other shop's attributes.
SHIPPED_FILTERS = frozenset(
    {
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
)

# The standard query, with nothing in it that graphql-php of 2.4.4 does not know.
INTROSPECTION = get_introspection_query(
    descriptions=False,
    specified_by_url=False,
    directive_is_repeatable=False,
    schema_description=False,
    input_value_deprecation=False,
)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """One picture of the connected Commerce. `live` says that its own schema was read, `like` the nearest slice."""

    operations: Operations
    filters: Mapping[str, FilterKind]
    sorts: tuple[str, ...]
    live: bool
    like: Slice

    @property
    def schema(self) -> GraphQLSchema:
        """The schema behind this picture."""
        return self.operations.schema

    @property
    def saas(self) -> bool:
        """Whether this is Adobe Commerce as a Cloud Service, whose catalogue is another model."""
        return has(self.schema, "Query.productSearch") and not has(self.schema, "Query.route")

    @property
    def version(self) -> str:
        """The version as far as the schema shows it, such as `2.4.8`; "SaaS" for the cloud service."""
        if self.saas:
            return "SaaS"
        shown = next((version for version, mark in CAME_WITH.items() if has(self.schema, mark)), "")
        return shown or "2.4.4 or 2.4.5"

    @property
    def edition(self) -> str:
        """The edition, judged by a type that only Adobe Commerce has."""
        return "Adobe Commerce" if self.schema.get_type("GiftCardProduct") else "Magento Open Source"


# How a live schema becomes a picture: the introspection result and the attributes to read, as in `from_introspection`.
Understand = Callable[[dict[str, object], tuple[str, ...]], Capabilities]


def from_introspection(result: dict[str, object], attributes: Collection[str] = ()) -> Capabilities:
    """The picture that a live schema gives; `attributes` limits the shop attributes read (empty: all).

    Raises whatever graphql-core raises for a result that is no schema (`TypeError` and its kin).
    """
    schema = build_client_schema(result, assume_valid=True)  # type: ignore[arg-type]
    if schema.query_type is None:
        raise TypeError("the schema has no queries")
    return _picture(schema, live=True, like=nearest(schema), attributes=attributes or None)


def from_slice(version: str, *, attributes: Collection[str] = ()) -> Capabilities:
    """The picture that a pinned slice gives, of that version or the oldest.

    The sample shop's attributes in the slice are not taken for this shop's: `attributes` names those.
    """
    return _from_slice(version, tuple(attributes))


@lru_cache(maxsize=8)
def _from_slice(version: str, attributes: tuple[str, ...]) -> Capabilities:
    slices = list(pinned().values())
    like = next((found for found in slices if found.version == version), slices[0])
    return _picture(_with(like.schema, attributes), live=False, like=like, attributes=attributes)


def _with(schema: GraphQLSchema, attributes: Collection[str]) -> GraphQLSchema:
    """The schema with the shop's own attributes as product fields; which scalar each is cannot be known."""
    absent = [code for code in attributes if not has(schema, f"ProductInterface.{code}")]
    if not absent:
        return schema
    fields = " ".join(f"{code}: ShopValue" for code in absent)
    extension = parse(f"scalar ShopValue extend interface ProductInterface {{ {fields} }}")
    return extend_schema(schema, extension, assume_valid=True, assume_valid_sdl=True)


def _picture(
    schema: GraphQLSchema,
    *,
    live: bool,
    like: Slice,
    attributes: Collection[str] | None,
) -> Capabilities:
    filters: dict[str, FilterKind] = {}
    declared = schema.get_type("ProductAttributeFilterInput")
    if isinstance(declared, GraphQLInputObjectType):
        for code, field in declared.fields.items():
            kind = _KINDS.get(get_named_type(field.type).name)
            if kind and (live or code in SHIPPED_FILTERS):
                filters[code] = kind
    if not live:
        filters.update({code: "equal" for code in attributes or () if code not in filters})
    sorts = schema.get_type("ProductAttributeSortInput")
    return Capabilities(
        operations=Operations(schema, attributes=attributes),
        filters=filters,
        sorts=tuple(sorts.fields) if isinstance(sorts, GraphQLInputObjectType) else (),
        live=live,
        like=like,
    )
