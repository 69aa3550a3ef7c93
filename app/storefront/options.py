"""What a shopper chooses of a product: options and variants, bundles, groups, downloads, customizable options."""

from __future__ import annotations

from decimal import Decimal
from enum import Enum

import strawberry

from app.storefront.common import Image, Money, Node, described, present
from app.storefront.links import Links, is_safe_url, plain
from app.storefront.prices import Price, PriceAdjustment

IN_STOCK = "IN_STOCK"
OUT_OF_STOCK = "OUT_OF_STOCK"


@strawberry.type(description="How an option's value is shown instead of by its name.")
class Swatch:
    color: str | None = described("A colour such as #1857f7.")
    image: str | None = described("The URL of a small picture.")
    text: str | None = described("A short text.")

    @classmethod
    def of(cls, node: Node | None, links: Links) -> Swatch | None:
        """From Commerce's `swatch_data`."""
        if not node:
            return None
        kind, value = node["__typename"], node.get("value")
        return cls(
            color=value if kind == "ColorSwatchData" else None,
            image=links.picture(node.get("thumbnail")) if kind == "ImageSwatchData" else None,
            text=plain(value) if kind == "TextSwatchData" else None,
        )


@strawberry.type(description="One value of an option, such as Blue.")
class OptionValue:
    uid: strawberry.ID = described("Identifies the choice when it is put into a cart.")
    value: str = described("The value as facets and filters have it.")
    label: str = described("The value in words.")
    swatch: Swatch | None = described("How the value is shown.")


@strawberry.type(description="An attribute that the variants of a product differ in, such as Color.")
class ConfigurableOption:
    uid: strawberry.ID = described("The option's identifier.")
    attribute: str = described("The attribute's code.")
    label: str = described("The attribute's name.")
    values: list[OptionValue] = described("The values that there are.")

    @classmethod
    def of(cls, node: Node, links: Links) -> ConfigurableOption:
        """From Commerce's `ConfigurableProductOptions`."""
        return cls(
            uid=strawberry.ID(str(node["uid"])),
            attribute=str(node["attribute_code"]),
            label=plain(node.get("label")) or "",
            values=[
                OptionValue(
                    uid=strawberry.ID(str(value["uid"])),
                    value=str(value["value_index"]),
                    label=plain(value.get("label")) or "",
                    swatch=Swatch.of(value.get("swatch_data"), links),
                )
                for value in present(node.get("values"))
                if value.get("uid") and value.get("value_index") is not None
            ],
        )


@strawberry.type(description="One of the values that make a variant what it is.")
class VariantValue:
    uid: strawberry.ID = described("The choice's identifier, as among the values of the option.")
    attribute: str = described("The attribute's code.")
    value: str = described("The value as facets and filters have it.")
    label: str = described("The value in words.")


@strawberry.type(description="One product among those that a configurable product is chosen from.")
class Variant:
    uid: strawberry.ID = described("The variant's identifier.")
    sku: str = described("The variant's own SKU.")
    name: str = described("The variant's own name.")
    values: list[VariantValue] = described("The values that choose this variant.")
    price: Price | None = described("What this variant costs, or null where the shop hides prices.")
    image: Image | None = described("A picture of this variant.")
    in_stock: bool = described("Whether this variant can be bought now.")
    only_left: Decimal | None = described("How many are left, when they are few and the shop says so.")

    @classmethod
    def of(cls, node: Node, links: Links) -> Variant:
        """From Commerce's `ConfigurableVariant`."""
        product = node["product"]
        name = plain(product.get("name")) or ""
        left = product.get("only_x_left_in_stock")
        return cls(
            uid=strawberry.ID(str(product["uid"])),
            sku=product["sku"],
            name=name,
            values=[
                VariantValue(
                    uid=strawberry.ID(str(value["uid"])),
                    attribute=str(value["code"]),
                    value=str(value.get("value_index", "")),
                    label=plain(value.get("label")) or "",
                )
                for value in present(node.get("attributes"))
            ],
            price=Price.of((product.get("price_range") or {}).get("minimum_price"), links.currency),
            image=Image.of(product.get("image"), name, links),
            in_stock=product.get("stock_status") == IN_STOCK,
            only_left=None if left is None else Decimal(str(left)),
        )


@strawberry.type(description="One of the products that can be chosen for a part of a bundle.")
class BundleChoice:
    uid: strawberry.ID = described("Identifies the choice when it is put into a cart.")
    label: str = described("The choice in words.")
    sku: str | None = described("The SKU of the product that is chosen.")
    quantity: Decimal = described("How many of it are in the bundle.")
    can_change_quantity: bool = described("Whether the shopper may change that.")
    is_default: bool = described("Whether it is chosen unless the shopper chooses.")
    adjustment: PriceAdjustment = described("What it adds to the bundle's price, in bundles with a fixed price.")
    price: Money | None = described("What the product costs, in bundles whose price is the sum of their parts.")
    image: Image | None = described("A picture of the product.")
    in_stock: bool = described("Whether the product can be bought now.")

    @classmethod
    def of(cls, node: Node, links: Links) -> BundleChoice:
        """From Commerce's `BundleItemOption`; its product is null when it is not for sale."""
        product = node.get("product") or {}
        label = plain(node.get("label") or product.get("name")) or ""
        lowest = (product.get("price_range") or {}).get("minimum_price") or {}
        return cls(
            uid=strawberry.ID(str(node["uid"])),
            label=label,
            sku=product.get("sku"),
            quantity=Decimal(str(node.get("quantity") or 0)),
            can_change_quantity=bool(node.get("can_change_quantity")),
            is_default=bool(node.get("is_default")),
            adjustment=PriceAdjustment.of(node, links.base_currency),
            price=Money.of(lowest.get("final_price"), links.currency),
            image=Image.of(product.get("image"), label, links),
            in_stock=product.get("stock_status") == IN_STOCK,
        )


@strawberry.type(description="A part of a bundle, for which one or several products are chosen.")
class BundleOption:
    uid: strawberry.ID = described("The part's identifier.")
    title: str = described("The part's title.")
    required: bool = described("Whether something must be chosen.")
    input: str = described("How it is chosen: radio, select, checkbox or multi.")
    choices: list[BundleChoice] = described("What can be chosen.")

    @classmethod
    def of(cls, node: Node, links: Links) -> BundleOption:
        """From Commerce's `BundleItem`."""
        choices = sorted(present(node.get("options")), key=lambda choice: choice.get("position") or 0)
        return cls(
            uid=strawberry.ID(str(node["uid"])),
            title=plain(node.get("title")) or "",
            required=bool(node.get("required")),
            input=str(node.get("type") or ""),
            choices=[BundleChoice.of(choice, links) for choice in choices],
        )


@strawberry.type(description="A product of a group, bought by itself or with the others.")
class GroupedItem:
    sku: str = described("The product's SKU.")
    name: str = described("The product's name.")
    quantity: Decimal = described("How many are offered by default.")
    url: str | None = described("The product's URL in the storefront.")
    image: Image | None = described("A picture of the product.")
    price: Price | None = described("What the product costs, or null where the shop hides prices.")
    in_stock: bool = described("Whether the product can be bought now.")

    @classmethod
    def of(cls, node: Node, links: Links) -> GroupedItem:
        """From Commerce's `GroupedProductItem`."""
        product = node["product"]
        name = plain(product.get("name")) or ""
        key = product.get("url_key")
        return cls(
            sku=product["sku"],
            name=name,
            quantity=Decimal(str(node.get("qty") or 0)),
            url=links.path(f"{key}{product.get('url_suffix') or ''}") if key else None,
            image=Image.of(product.get("image"), name, links),
            price=Price.of((product.get("price_range") or {}).get("minimum_price"), links.currency),
            in_stock=product.get("stock_status") == IN_STOCK,
        )


@strawberry.type(description="A file that is sold.")
class DownloadLink:
    uid: strawberry.ID = described("Identifies the file when it is put into a cart.")
    title: str = described("The file's title.")
    price: Money = described(
        "What it adds to the price when the files are sold one by one, in the shop's base currency."
    )
    sample_url: str | None = described("Where a sample of it is.")

    @classmethod
    def of(cls, node: Node, links: Links) -> DownloadLink:
        """From Commerce's `DownloadableProductLinks`."""
        return cls(
            uid=strawberry.ID(str(node["uid"])),
            title=plain(node.get("title")) or "",
            price=Money.exact(node.get("price") or 0, links.base_currency),
            sample_url=_sample(node),
        )


@strawberry.type(description="A file to try before buying.")
class DownloadSample:
    title: str = described("The file's title.")
    url: str | None = described("Where it is.")

    @classmethod
    def of(cls, node: Node) -> DownloadSample:
        """From Commerce's `DownloadableProductSamples`."""
        return cls(title=plain(node.get("title")) or "", url=_sample(node))


def _sample(node: Node) -> str | None:
    # Commerce itself serves samples, so their URL stays Commerce's.
    return node.get("sample_url") if is_safe_url(node.get("sample_url")) else None


@strawberry.enum(description="How a customizable option is filled in.")
class CustomOptionKind(Enum):
    FIELD = strawberry.enum_value("field", description="A line of text.")
    AREA = strawberry.enum_value("area", description="Several lines of text.")
    DATE = strawberry.enum_value("date", description="A date.")
    DATE_TIME = strawberry.enum_value("date_time", description="A date with a time.")
    TIME = strawberry.enum_value("time", description="A time of day.")
    FILE = strawberry.enum_value("file", description="A file.")
    DROPDOWN = strawberry.enum_value("dropdown", description="One of several values, from a list.")
    RADIO = strawberry.enum_value("radio", description="One of several values, from buttons.")
    CHECKBOX = strawberry.enum_value("checkbox", description="Any of several values, from boxes.")
    MULTIPLE = strawberry.enum_value("multiple", description="Any of several values, from a list.")


@strawberry.type(description="A value to choose of a customizable option.")
class CustomOptionValue:
    uid: strawberry.ID = described("Identifies the choice when it is put into a cart.")
    title: str = described("The value in words.")
    adjustment: PriceAdjustment = described("What it adds to the price.")
    sku: str | None = described("What it adds to the SKU of the order's line.")


@strawberry.type(description="Something that a shopper says of a product when buying it, such as an engraving.")
class CustomOption:
    uid: strawberry.ID = described("Identifies the option when the product is put into a cart.")
    title: str = described("The option's title.")
    required: bool = described("Whether it must be filled in.")
    kind: CustomOptionKind = described("How it is filled in.")
    adjustment: PriceAdjustment | None = described("What filling it in adds to the price; null where values do.")
    sku: str | None = described("What filling it in adds to the SKU of the order's line.")
    max_characters: int | None = described("How long a text may be; null for as long as one likes.")
    file_extensions: list[str] = described("Which files are taken, for a file.")
    max_image_width: int | None = described("How wide a picture may be in pixels, for a file.")
    max_image_height: int | None = described("How high a picture may be in pixels, for a file.")
    values: list[CustomOptionValue] = described("The values to choose from.")

    @classmethod
    def of(cls, node: Node, links: Links) -> CustomOption | None:
        """From one of Commerce's `Customizable…Option`; None for a kind that a module added."""
        kind = node["__typename"].removeprefix("Customizable").removesuffix("Option").lower()
        if kind not in {"field", "area", "date", "file", "dropdown", "radio", "checkbox", "multiple"}:
            return None
        value = node.get(kind)
        single = value if isinstance(value, dict) else {}
        many = value if isinstance(value, list) else []
        currency = links.base_currency
        return cls(
            uid=strawberry.ID(str(node["uid"])),
            title=plain(node.get("title")) or "",
            required=bool(node.get("required")),
            kind=CustomOptionKind(str(single.get("type") or "date").lower() if kind == "date" else kind),
            adjustment=PriceAdjustment.of(single, currency) if single else None,
            sku=single.get("sku"),
            max_characters=single.get("max_characters") or None,
            file_extensions=_extensions(single.get("file_extension")),
            max_image_width=single.get("image_size_x") or None,
            max_image_height=single.get("image_size_y") or None,
            values=[
                CustomOptionValue(
                    uid=strawberry.ID(str(each["uid"])),
                    title=plain(each.get("title")) or "",
                    adjustment=PriceAdjustment.of(each, currency),
                    sku=each.get("sku"),
                )
                for each in sorted(present(many), key=lambda each: each.get("sort_order") or 0)
            ],
        )


def _extensions(listed: str | None) -> list[str]:
    return [part.strip().lstrip(".").lower() for part in (listed or "").split(",") if part.strip()]
