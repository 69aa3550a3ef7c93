"""From what a client wants to buy to the line of a cart, or the reason why not (cart-010 to cart-028)."""

from __future__ import annotations

import base64
import binascii
from dataclasses import replace
from typing import Any

from .carts import Cart, Line
from .model import Bundle, Configurable, Custom, Downloads, Grouped, Product
from .prices import salable
from .shop import Shop

CHOOSE = "You need to choose options for your item."
REQUIRED = "The product's required option(s) weren't entered. Make sure the options are entered and try again."
BUNDLE_REQUIRED = "Please select all required options."
LINKS_REQUIRED = "Please specify product link(s)."
GROUP_QUANTITY = "Please specify the quantity of product(s)."
POSITIVE = "The product quantity should be greater than 0"
NO_DECIMALS = "You cannot use decimal quantity for this product."
MAXIMUM = "The requested qty exceeds the maximum qty allowed in shopping cart"
UNAVAILABLE = "Product that you are trying to add is not available."
INSUFFICIENT = "The requested qty is not available"
OUT_OF_STOCK = "This product is out of stock."

_CODES = {
    "Could not find a product with SKU": "PRODUCT_NOT_FOUND",
    UNAVAILABLE: "NOT_SALABLE",
    "The fewest you may purchase is": "INSUFFICIENT_STOCK",
    INSUFFICIENT: "INSUFFICIENT_STOCK",
}


class Refused(Exception):
    """Why something cannot be in a cart, and how many are left where that is the reason."""

    def __init__(self, message: str, left: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.left = left

    @property
    def code(self) -> str:
        """`CartUserInputErrorType`: told by the message, as Commerce does it itself."""
        return next((code for start, code in _CODES.items() if self.message.startswith(start)), "UNDEFINED")


def decode(uid: str) -> str:
    """The text in an opaque id; nothing for one that is none (cart-027)."""
    try:
        return base64.b64decode(uid, validate=True).decode()
    except (binascii.Error, ValueError):
        return ""


def wanted(shop: Shop, website: int, item: dict[str, Any]) -> list[Line]:
    """The lines, not numbered yet, that an item of `addProductsToCart` asks for.

    `parent_sku` changes nothing: a variant added by its own SKU is a plain line (cart-012).
    """
    sku, quantity = item["sku"], item["quantity"]
    if quantity <= 0:
        raise Refused(POSITIVE)
    product = shop.products.get(sku)
    if product is None or website not in product.websites:
        raise Refused(f'Could not find a product with SKU "{sku}"')
    if not salable(product, shop.products.get):
        raise Refused(UNAVAILABLE, 0)
    chosen = [decode(uid).split("/") for uid in item.get("selected_options") or () if uid]
    entered = [(decode(one["uid"]).split("/"), one["value"]) for one in item.get("entered_options") or () if one]
    if isinstance(product.parts, Grouped):
        return _members(shop, product.parts, [path for path in chosen if path[0] == "grouped"], entered)
    line = Line(0, sku, product.kind, quantity, options=_options(product, chosen, entered))
    if isinstance(product.parts, Configurable):
        return [replace(line, variant=_variant(shop, product, chosen))]
    if isinstance(product.parts, Bundle):
        return [replace(line, parts=_parts(product.parts, chosen, entered))]
    if isinstance(product.parts, Downloads):
        return [replace(line, links=_links(product.parts, chosen))]
    return [line]


def _options(
    product: Product, chosen: list[list[str]], entered: list[tuple[list[str], str]]
) -> tuple[tuple[int, str | tuple[int, ...]], ...]:
    """What was given for the customizable options (cart-014), or that a required one is missing (cart-021)."""
    found: list[tuple[int, str | tuple[int, ...]]] = []
    for option in product.options:
        head = ["custom-option", str(option.id)]
        texts = [value for path, value in entered if path == head and value]
        ids = [int(p[2]) for p in chosen if p[:2] == head and len(p) == 3 and p[2].isdigit()]
        known = tuple(choice.id for choice in option.choices if choice.id in ids)
        if texts and not _selects(option):
            if option.max_characters and len(texts[0]) > option.max_characters:
                raise Refused("The text is too long. Shorten the text and try again.")
            found.append((option.id, texts[0]))
        elif known and _selects(option):
            found.append((option.id, known))
        elif option.required:
            raise Refused(REQUIRED)
    return tuple(found)


def _selects(option: Custom) -> bool:
    return option.kind in ("DropDown", "Radio", "Checkbox", "Multiple")


def _variant(shop: Shop, product: Product, chosen: list[list[str]]) -> str:
    """The variant that the chosen options leave (cart-011)."""
    parts = product.parts
    assert isinstance(parts, Configurable)
    values = {p[1]: int(p[2]) for p in chosen if len(p) == 3 and p[0] == "configurable" and p[2].isdigit()}
    axes = [attribute for code in parts.axes if (attribute := shop.attribute(code)) is not None]
    for sku in parts.children:
        variant = shop.products.get(sku)
        if variant and all(variant.attributes.get(a.code) == values.get(str(a.id), -1) for a in axes):
            if not salable(variant, shop.products.get):
                raise Refused(UNAVAILABLE, 0)
            return sku
    raise Refused(CHOOSE)


def _parts(
    bundle: Bundle, chosen: list[list[str]], entered: list[tuple[list[str], str]]
) -> tuple[tuple[int, int, float], ...]:
    """The parts of a bundle, by `bundle/option/selection/quantity`; an entered value is a quantity too (cart-013)."""
    picked: dict[tuple[int, int], float] = {}
    for path, value in [*((p, None) for p in chosen), *entered]:
        if path[0] == "bundle" and len(path) >= 3 and path[1].isdigit() and path[2].isdigit():
            quantity = value if value is not None else path[3] if len(path) > 3 else "1"
            picked[int(path[1]), int(path[2])] = float(quantity) if quantity.replace(".", "", 1).isdigit() else 1
    found = []
    for option in bundle.options:
        mine = [(option.id, s.id, picked[option.id, s.id]) for s in option.selections if (option.id, s.id) in picked]
        if option.required and not mine:
            raise Refused(BUNDLE_REQUIRED)
        found += mine if option.kind in ("checkbox", "multi") else mine[:1]
    if not found:
        raise Refused(BUNDLE_REQUIRED)
    return tuple(found)


def _links(downloads: Downloads, chosen: list[list[str]]) -> tuple[int, ...]:
    ids = {path[1] for path in chosen if len(path) == 2 and path[0] == "downloadable"}
    links = tuple(link.id for link in downloads.links if str(link.id) in ids)
    if not links:
        raise Refused(LINKS_REQUIRED)
    return links


def _members(shop: Shop, group: Grouped, chosen: list[list[str]], entered: list[tuple[list[str], str]]) -> list[Line]:
    """The members of a group that have a quantity, by `grouped/product/quantity`; else an error (cart-016)."""
    amounts = {p[1]: p[2] for p in chosen if len(p) == 3}
    amounts |= {path[1]: value for path, value in entered if path[0] == "grouped" and len(path) >= 2}
    lines = []
    for sku, _ in group.members:
        member = shop.products.get(sku)
        amount = amounts.get(str(member.id), "") if member else ""
        if member and amount.replace(".", "", 1).isdigit() and float(amount) > 0:
            if not salable(member, shop.products.get):
                raise Refused(UNAVAILABLE, 0)
            lines.append(Line(0, sku, member.kind, float(amount)))
    if not lines:
        raise Refused(GROUP_QUANTITY)
    return lines


def demand(shop: Shop, line: Line) -> dict[str, float]:
    """What has to be in stock for one of a line. Downloads and services never run out here."""
    product = shop.products.get(line.sku)
    if product is None:
        return {line.sku: 1}
    if line.variant is not None:
        return {line.variant: 1}
    found: dict[str, float] = {}
    if isinstance(product.parts, Bundle):
        skus = {s.id: s.sku for option in product.parts.options for s in option.selections}
        for _, selection, quantity in line.parts:
            if selection in skus:
                found[skus[selection]] = found.get(skus[selection], 0) + quantity
    elif product.kind == "simple":
        found[line.sku] = 1
    return found


def check(shop: Shop, cart: Cart, line: Line, quantity: float) -> None:
    """Refuse a quantity that a line cannot have (cart-018, cart-025, cart-028, cart-033)."""
    product = shop.products.get(line.sku)
    if product is None:
        raise Refused(OUT_OF_STOCK, 0)
    limited = shop.products.get(line.variant or line.sku) or product
    if quantity != int(quantity):
        raise Refused(NO_DECIMALS)
    if quantity > limited.max_sale_qty:
        raise Refused(MAXIMUM)
    if quantity < limited.min_sale_qty:
        raise Refused(f"The fewest you may purchase is {limited.min_sale_qty:g}")
    others: dict[str, float] = {}
    for other in cart.lines:
        if other is not line:
            for sku, amount in demand(shop, other).items():
                others[sku] = others.get(sku, 0) + amount * other.quantity
    for sku, amount in demand(shop, line).items():
        stock = shop.products.get(sku)
        if stock is None or not stock.in_stock or stock.qty <= 0:
            raise Refused(OUT_OF_STOCK, 0)
        taken = others.get(sku, 0)
        if amount * quantity + taken > stock.qty:
            raise Refused(INSUFFICIENT, max(0, stock.qty - taken))


def problem(shop: Shop, cart: Cart, line: Line) -> str | None:
    """What is wrong with a line by now: the shop may have sold out since it was added."""
    try:
        check(shop, cart, line, line.quantity)
    except Refused as refused:
        return refused.message
    return None
