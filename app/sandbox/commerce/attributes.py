"""What is known of product attributes: by list of codes (gql-079), and from 2.4.7 on all of them."""

# ruff: noqa: ARG001, N803 - resolvers take what GraphQL gives them, by the names of Commerce's arguments

from __future__ import annotations

from typing import Any

from .call import Call, Info, call
from .errors import INTERNAL, CommerceError
from .model import Attribute, uid

ENTITY = {"4", "catalog_product"}
RATINGS = range(1, 6)

# Attributes that every shop has: code, label, frontend input, type in `customAttributeMetadata`.
SYSTEM = [
    ("name", {"": "Product Name", "de": "Produktname"}, "text", "String"),
    ("sku", {"": "SKU", "de": "Artikelnummer"}, "text", "String"),
    ("description", {"": "Description", "de": "Beschreibung"}, "textarea", "ComplexTextValue"),
    ("short_description", {"": "Short Description", "de": "Kurzbeschreibung"}, "textarea", "ComplexTextValue"),
    ("price", {"": "Price", "de": "Preis"}, "price", "Float"),
    ("url_key", {"": "URL Key", "de": "URL-Schlüssel"}, "text", "String"),
]
TYPES = {"select": "Int", "boolean": "Int"}


def known_attributes(context: Call) -> list[tuple[Attribute, str]]:
    """The attributes of the shop and those of every shop, each with its type."""
    system = [
        (Attribute(0, code, label, frontend, filterable=code == "price"), kind)
        for code, label, frontend, kind in SYSTEM
    ]
    return system + [(a, TYPES.get(a.input, "String")) for a in context.shop.attributes]


def options_of(context: Call, attribute: Attribute) -> list[dict[str, Any]]:
    """The options of a select, of a boolean Yes and No, else none."""
    if attribute.input == "boolean":
        yes, no = context.say({"": "Yes", "de": "Ja"}), context.say({"": "No", "de": "Nein"})
        pairs = [(yes, "1"), (no, "0")]
    else:
        pairs = [(context.say(option.label), str(option.id)) for option in attribute.options]
    typename = "AttributeOptionMetadata"
    return [{"__typename": typename, "label": text, "value": value, "is_default": False} for text, value in pairs]


def metadata(_root: Any, info: Info, attributes: list[dict[str, Any]]) -> dict[str, Any]:
    """Attributes by code. An unknown code is no error of its own: asking for its options is one (gql-079)."""
    context = call(info)
    known = {attribute.code: (attribute, kind) for attribute, kind in known_attributes(context)}
    items = []
    for asked in attributes:
        code, entity = asked.get("attribute_code"), asked.get("entity_type")
        found = known.get(code or "") if entity in ENTITY else None
        if found is None:
            items.append(
                {
                    "attribute_code": code,
                    "attribute_type": "AnyType",
                    "entity_type": entity,
                    "input_type": None,
                    "attribute_options": CommerceError("Internal server error", INTERNAL),
                    "storefront_properties": None,
                }
            )
            continue
        attribute, kind = found
        items.append(
            {
                "attribute_code": code,
                "attribute_type": kind,
                "entity_type": entity,
                "input_type": attribute.input,
                "attribute_options": options_of(context, attribute),
                "storefront_properties": {
                    "position": 0,
                    "use_in_layered_navigation": "FILTERABLE_WITH_RESULTS" if attribute.filterable else "NO",
                    "use_in_product_listing": True,
                    "use_in_search_results_layered_navigation": attribute.filterable,
                    "visible_on_catalog_pages": False,
                },
            }
        )
    return {"items": items}


def _entry(context: Call, attribute: Attribute) -> dict[str, Any]:
    return {
        "__typename": "CatalogAttributeMetadata",
        "code": attribute.code,
        "label": context.say(attribute.label),
        "entity_type": "CATALOG_PRODUCT",
        "frontend_input": attribute.input.upper(),
        "frontend_class": None,
        "default_value": None,
        "is_required": False,
        "is_unique": attribute.code == "sku",
        "options": options_of(context, attribute),
        "is_filterable": attribute.filterable,
        "is_filterable_in_search": attribute.filterable,
        "is_searchable": True,
        "is_comparable": False,
        "is_html_allowed_on_front": True,
        "is_visible_on_front": False,
        "is_wysiwyg_enabled": attribute.input == "textarea",
        "used_in_product_listing": True,
        "swatch_input_type": {"visual": "VISUAL", "text": "TEXT", None: None}[attribute.swatch],
        "update_product_preview_image": attribute.swatch == "visual",
        "use_product_image_for_swatch": False,
        "apply_to": None,
    }


def attributes_list(_root: Any, info: Info, entityType: str, filters: dict[str, bool] | None = None) -> dict[str, Any]:
    """All attributes of products (`attributesList`, 2.4.7 and later); of other entities this shop has none."""
    context = call(info)
    entries = [_entry(context, attribute) for attribute, _ in known_attributes(context)]
    chosen = [e for e in entries if all(e.get(name) == value for name, value in (filters or {}).items())]
    return {"items": chosen if entityType == "CATALOG_PRODUCT" else [], "errors": []}


def metadata_v2(_root: Any, info: Info, attributes: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """Attributes by code (`customAttributeMetadataV2`); an unknown one is named in `errors`."""
    context = call(info)
    known = {attribute.code: attribute for attribute, _ in known_attributes(context)}
    codes = [asked.get("attribute_code") or "" for asked in attributes or ()]
    return {
        "items": [_entry(context, known[code]) for code in codes if code in known],
        "errors": [
            {"type": "ATTRIBUTE_NOT_FOUND", "message": f'Attribute code "{code}" could not be found.'}
            for code in codes
            if code not in known
        ],
    }


def review_ratings(_root: Any, info: Info) -> dict[str, Any]:
    """The one rating of the shop: one to five stars (gql-115)."""
    values = [{"value_id": uid(15 + stars), "value": str(stars)} for stars in RATINGS]
    return {"items": [{"id": uid(4), "name": "Rating", "values": values}]}


FIELDS = {
    "Query": {
        "customAttributeMetadata": metadata,
        "customAttributeMetadataV2": metadata_v2,
        "attributesList": attributes_list,
        "productReviewRatingsMetadata": review_ratings,
    },
}
