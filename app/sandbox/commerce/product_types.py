"""What the product types add: options and variants, bundles, groups, downloads, customizable options."""

# ruff: noqa: ARG005, N803 - resolvers take what GraphQL gives them, by the names of Commerce's arguments

from __future__ import annotations

from typing import Any

from .call import Call, Info, call
from .model import Attribute, Bundle, Configurable, Custom, Downloads, Grouped, Option, Product, uid
from .prices import Prices
from .products import media_entry, range_of


def _axes(context: Call, product: Product) -> list[Attribute]:
    parts = product.parts
    assert isinstance(parts, Configurable)
    return [attribute for code in parts.axes if (attribute := context.shop.attribute(code)) is not None]


def _variants(context: Call, product: Product) -> list[Product]:
    """The variants on offer: those out of stock are left out unless the shop shows what it has not."""
    parts = product.parts
    assert isinstance(parts, Configurable)
    existing = [context.shop.products[sku] for sku in parts.children if sku in context.shop.products]
    return [v for v in existing if context.shop.show_out_of_stock or context.index.salable(v.sku)]


def _used(attribute: Attribute, variants: list[Product]) -> list[Option]:
    used = {variant.attributes.get(attribute.code) for variant in variants}
    return [option for option in attribute.options if option.id in used]


def _value_uid(attribute: Attribute, option: Option) -> str:
    return uid(f"configurable/{attribute.id}/{option.id}")


def _swatch(context: Call, attribute: Attribute, option: Option) -> dict[str, Any] | None:
    if attribute.swatch is None or option.swatch is None:
        return None
    if attribute.swatch == "text":
        return {"__typename": "TextSwatchData", "value": option.swatch}
    if option.swatch.startswith("#"):
        return {"__typename": "ColorSwatchData", "value": option.swatch}
    path = f"/{option.swatch[0]}/{option.swatch[1]}/{option.swatch}"
    thumbnail = context.media(f"attribute/swatch/swatch_thumb/110x90{path}")
    return {"__typename": "ImageSwatchData", "value": path, "thumbnail": thumbnail}


def configurable_options(product: Product, info: Info) -> list[dict[str, Any]]:
    context = call(info)
    variants = _variants(context, product)
    found = []
    for position, attribute in enumerate(_axes(context, product)):
        values = [
            {
                "uid": _value_uid(attribute, option),
                "value_index": option.id,
                "label": context.say(option.label),
                "default_label": context.say(option.label),
                "store_label": context.say(option.label),
                "use_default_value": True,
                "swatch_data": _swatch(context, attribute, option),
            }
            for option in _used(attribute, variants)
        ]
        found.append(
            {
                "id": product.id * 10 + position,
                "uid": uid(f"configurable/{product.id}/{attribute.id}"),
                "attribute_id": str(attribute.id),
                "attribute_id_v2": attribute.id,
                "attribute_uid": uid(attribute.id),
                "attribute_code": attribute.code,
                "label": context.say(attribute.label),
                "position": position,
                "product_id": product.id,
                "use_default": False,
                "values": values,
            }
        )
    return found


def variants(product: Product, info: Info) -> list[dict[str, Any]]:
    context = call(info)
    axes = _axes(context, product)
    found = []
    for variant in _variants(context, product):
        chosen = []
        for attribute in axes:
            value = variant.attributes[attribute.code]
            option = attribute.option(value) if isinstance(value, int) else None
            assert option is not None
            chosen.append(
                {
                    "uid": _value_uid(attribute, option),
                    "code": attribute.code,
                    "label": context.say(option.label),
                    "value_index": option.id,
                }
            )
        found.append({"attributes": chosen, "product": variant})
    return found


def options_selection(
    product: Product, info: Info, configurableOptionValueUids: list[str] | None = None
) -> dict[str, Any]:
    """What can still be chosen, and the variant once every option is (gql-080)."""
    context = call(info)
    axes = _axes(context, product)
    every = _variants(context, product)
    chosen = {
        attribute.code: option.id
        for attribute in axes
        for option in attribute.options
        if _value_uid(attribute, option) in (configurableOptionValueUids or ())
    }
    left = [v for v in every if all(v.attributes.get(code) == entity for code, entity in chosen.items())]
    available = [
        {
            "attribute_code": attribute.code,
            "option_value_uids": [_value_uid(attribute, option) for option in _used(attribute, left)],
        }
        for attribute in axes
        if attribute.code not in chosen
    ]
    pictures = {media.file: media for variant in left for media in variant.gallery}
    return {
        "variant": left[0] if len(chosen) == len(axes) and len(left) == 1 else None,
        "options_available_for_selection": available,
        "media_gallery": [media_entry(context, media, n) for n, media in enumerate(pictures.values(), 1)],
        "configurable_options": [
            {
                "uid": uid(f"configurable/{product.id}/{attribute.id}"),
                "attribute_code": attribute.code,
                "label": context.say(attribute.label),
                "values": [
                    {
                        "uid": _value_uid(attribute, option),
                        "label": context.say(option.label),
                        "is_available": True,
                        "is_use_default": False,
                        "swatch": _swatch(context, attribute, option),
                    }
                    for option in _used(attribute, left)
                ],
            }
            for attribute in axes
        ],
    }


def bundle_items(product: Product, info: Info) -> list[dict[str, Any]]:
    """The parts of a bundle with a dynamic price: the price of a choice is its product's, here 0 (gql-072)."""
    context = call(info)
    assert isinstance(product.parts, Bundle)
    found = []
    for position, option in enumerate(product.parts.options, 1):
        choices = []
        for place, one in enumerate(option.selections, 1):
            chosen = context.shop.products.get(one.sku)
            quantity = one.quantity
            choices.append(
                {
                    "id": one.id,
                    "uid": uid(f"bundle/{option.id}/{one.id}/{quantity:g}"),
                    "quantity": quantity,
                    "qty": quantity,
                    "position": place,
                    "is_default": one.default,
                    "price": 0,
                    "price_type": "FIXED",
                    "can_change_quantity": one.can_change_quantity,
                    "label": context.say(chosen.name) if chosen else None,
                    "product": chosen,
                }
            )
        costs = [context.index.prices(one.sku, context.group) for one in option.selections]
        low, high = min(costs, key=lambda p: p.final_min), max(costs, key=lambda p: p.final_min)
        found.append(
            {
                "option_id": option.id,
                "uid": uid(f"bundle/{option.id}"),
                "title": context.say(option.title),
                "required": option.required,
                "type": option.kind,
                "position": position,
                "sku": product.sku,
                "options": choices,
                "price_range": range_of(
                    context, Prices(low.regular_min, low.final_min, high.regular_min, high.final_min)
                ),
            }
        )
    return found


def grouped_items(product: Product, info: Info) -> list[dict[str, Any]]:
    context = call(info)
    assert isinstance(product.parts, Grouped)
    return [
        {"position": position, "qty": quantity, "product": context.shop.products.get(sku)}
        for position, (sku, quantity) in enumerate(product.parts.members)
    ]


def _downloads(product: Product) -> Downloads:
    assert isinstance(product.parts, Downloads)
    return product.parts


def download_links(product: Product, info: Info) -> list[dict[str, Any]]:
    context = call(info)
    return [
        {
            "id": link.id,
            "uid": uid(f"downloadable/{link.id}"),
            "title": context.say(link.title),
            "price": link.price,
            "sort_order": position,
            "sample_url": f"{context.public_url}/downloadable/download/linkSample/link_id/{link.id}/",
        }
        for position, link in enumerate(_downloads(product).links, 1)
    ]


def download_samples(product: Product, info: Info) -> list[dict[str, Any]]:
    context = call(info)
    return [
        {
            "id": sample.id,
            "title": context.say(sample.title),
            "sort_order": position,
            "sample_url": f"{context.public_url}/downloadable/download/sample/sample_id/{sample.id}/",
        }
        for position, sample in enumerate(_downloads(product).samples, 1)
    ]


def custom_options(product: Product, info: Info) -> list[dict[str, Any]] | None:
    """Customizable options, or null without any (gql-070, gql-076)."""
    context = call(info)
    return [
        {
            "__typename": f"Customizable{option.kind}Option",
            "option_id": option.id,
            "uid": uid(f"custom-option/{option.id}"),
            "title": context.say(option.title),
            "required": option.required,
            "sort_order": position,
            "product_sku": product.sku,
            "value": _custom_value(context, option),
        }
        for position, option in enumerate(product.options, 1)
    ] or None


def _custom_value(context: Call, option: Custom) -> Any:
    if option.kind in ("DropDown", "Radio", "Checkbox", "Multiple"):
        return [
            {
                "uid": uid(f"custom-option/{option.id}/{choice.id}"),
                "option_type_id": choice.id,
                "title": context.say(choice.title),
                "price": choice.price,
                "price_type": choice.price_type,
                "sku": choice.sku,
                "sort_order": position,
            }
            for position, choice in enumerate(option.choices, 1)
        ]
    only = option.choices[0]
    return {
        "uid": uid(f"custom-option/{option.id}"),
        "price": only.price,
        "price_type": only.price_type,
        "sku": only.sku,
        "max_characters": option.max_characters,
        "type": "DATE",
        "file_extension": "pdf, png",
        "image_size_x": 0,
        "image_size_y": 0,
    }


FIELDS = {
    "CustomizableProductInterface": {"options": custom_options},
    "ConfigurableProduct": {
        "configurable_options": configurable_options,
        "variants": variants,
        "configurable_product_options_selection": options_selection,
    },
    "BundleProduct": {
        "items": bundle_items,
        "dynamic_price": lambda product, info: True,
        "dynamic_sku": lambda product, info: True,
        "dynamic_weight": lambda product, info: True,
        "price_view": lambda product, info: "PRICE_RANGE",
        "ship_bundle_items": lambda product, info: "TOGETHER",
    },
    "GroupedProduct": {"items": grouped_items},
    "DownloadableProduct": {
        "links_title": lambda product, info: call(info).say(_downloads(product).title),
        "links_purchased_separately": lambda product, info: 1,
        "downloadable_product_links": download_links,
        "downloadable_product_samples": download_samples,
    },
}
