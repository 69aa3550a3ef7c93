"""The shop's own attributes: of products with their labels, and which can be filtered and sorted by."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from enum import Enum
from typing import Any

import strawberry

from app.commerce.client import NOT_FOUND
from app.errors import UpstreamFailed
from app.storefront.common import Node, described, present
from app.storefront.context import Context, Info
from app.storefront.links import plain
from app.storefront.selection import selected

PRODUCT_ENTITY = "4"  # Commerce's entity type of products, in its older attribute metadata


@strawberry.type(description="A value of an attribute whose values are a fixed list.")
class AttributeOption:
    value: str = described("The value as filters and facets have it.")
    label: str = described("The value in words.")

    @classmethod
    def of(cls, node: Node) -> AttributeOption:
        """From any of Commerce's `{label value}`."""
        return cls(value=str(node["value"]), label=plain(node.get("label")) or "")


@strawberry.type(description="An attribute of a product, with its value.")
class ProductAttribute:
    code: str = described("The attribute's code.")
    value: str = described("The value as Commerce keeps it; several are joined by commas.")
    options: list[AttributeOption] = described("The chosen values, for an attribute whose values are a fixed list.")


@strawberry.enum(description="How products are filtered by an attribute.")
class FilterKind(Enum):
    EQUAL = strawberry.enum_value("equal", description="By one or several exact values: `in`.")
    RANGE = strawberry.enum_value("range", description="By bounds: `from` and `to`.")
    MATCH = strawberry.enum_value("match", description="By words in it: `match`.")


@strawberry.type(description="An attribute that products can be filtered or sorted by.")
class Attribute:
    code: str = described("The attribute's code, for `filter` and `sort`.")
    filter: FilterKind | None = described("How products are filtered by it; null if they cannot be.")
    sortable: bool = described("Whether products can be sorted by it.")
    label: str | None = described("The attribute's name, where Commerce tells it (2.4.7 and later).")
    input: str | None = described("How it is filled in, such as select, multiselect, boolean, price or text.")
    options: list[AttributeOption] = described("The values that it can have, where they are a fixed list.")


async def filterable_attributes(info: Info) -> list[Attribute]:
    """All attributes that products of this shop can be filtered or sorted by, by code."""
    filters = info.context.capabilities.filters
    sorts = info.context.capabilities.sorts
    codes = sorted({*filters, *sorts} - {"category_url_path"})
    wants = selected(info)
    known: Mapping[str, Node] = {}
    if wants.any("label", "input", "options"):
        asked = [code for code in codes if code in filters and not code.startswith("category_")]
        known = await metadata(info.context, asked, options="options" in wants)
    found = []
    for code in codes:
        told = known.get(code, {})
        found.append(
            Attribute(
                code=code,
                filter=FilterKind(filters[code]) if code in filters else None,
                sortable=code in sorts,
                label=told.get("label"),
                input=told.get("input"),
                options=told.get("options", []),
            )
        )
    return found


async def metadata(context: Context, codes: Collection[str], *, options: bool) -> Mapping[str, Node]:
    """What the shop says of these attributes: `label`, `input` and, if asked for, `options`, by code.

    An attribute that the shop does not know is left out. Raises an `UpstreamError`.
    """
    flags = {"attributeOptions"} if options else set[str]()
    if context.capabilities.operations.variant("Attributes"):
        return await _older_metadata(context, codes, flags)
    reply = await context.read("Attributes", flags)
    items = present((reply.root("attributesList") or {}).get("items"))
    return {
        str(node["code"]): _told(node.get("label"), node.get("frontend_input"), node.get("options"))
        for node in items
        if node["code"] in codes
    }


async def _older_metadata(context: Context, codes: Collection[str], flags: set[str]) -> Mapping[str, Node]:
    asked = [code for code in codes if code not in context.spoiling]
    try:
        items = await _older_items(context, asked, flags) if asked else []
    except UpstreamFailed as error:
        if error.category == NOT_FOUND or len(asked) < 2:
            raise
        items = []
        # One code that is no attribute can spoil the whole answer of 2.4.4: each is asked by itself, and those that
        # spoil are remembered.
        alone = await asyncio.gather(*(_older_items(context, [code], flags) for code in asked), return_exceptions=True)
        for code, found in zip(asked, alone, strict=True):
            if isinstance(found, UpstreamFailed):
                context.spoiling.add(code)
            elif not isinstance(found, BaseException):
                items += found
    return {
        str(node["attribute_code"]): _told(None, node.get("input_type"), node.get("attribute_options"))
        for node in present(items)
        if node.get("input_type")
    }


async def _older_items(context: Context, codes: list[str], flags: set[str]) -> list[Node]:
    asked = [{"attribute_code": code, "entity_type": PRODUCT_ENTITY} for code in codes]
    # A product field of a module that is no attribute fails by itself here, which hides nothing that there is.
    reply = await context.read("Attributes", flags, {"attributes": asked}, quiet=True)
    return list((reply.root("customAttributeMetadata") or {}).get("items") or [])


def _told(label: str | None, kind: str | None, options: list[Node] | None) -> dict[str, Any]:
    found = [AttributeOption.of(option) for option in present(options) if str(option.get("value") or "").strip()]
    return {"label": plain(label), "input": kind.lower() if kind else None, "options": found}


async def attributes_of(
    info: Info, own: Mapping[str, object], newer: Node | None, codes: list[str] | None
) -> list[ProductAttribute]:
    """A product's attributes: from `custom_attributesV2`, or from its own scalar fields with labels looked up."""
    if newer is not None:
        found = [_newer(node) for node in present(newer.get("items"))]
    else:
        found = await _older(info.context, own)
    wanted = None if codes is None else set(codes)
    return [attribute for attribute in found if attribute.value and (wanted is None or attribute.code in wanted)]


def _newer(node: Node) -> ProductAttribute:
    options = [AttributeOption.of(option) for option in present(node.get("selected_options"))]
    value = node.get("value") or ",".join(option.value for option in options)
    return ProductAttribute(code=str(node["code"]), value=value, options=options)


async def _older(context: Context, own: Mapping[str, object]) -> list[ProductAttribute]:
    values = {code: str(value) for code, value in own.items() if value is not None and value != ""}
    if not values:
        return []
    told = await metadata(context, sorted(own), options=True)
    found = []
    for code, value in values.items():
        labels = {option.value: option for option in told.get(code, {}).get("options", ())}
        chosen = [labels[each] for each in value.split(",") if each in labels]
        found.append(ProductAttribute(code=code, value=value, options=chosen))
    return found
