"""`Cart` as GraphQL shows it, in the selection of the recordings (cart-004, cart-010 to cart-067)."""

# ruff: noqa: ARG001, N803 - resolvers take what GraphQL gives them, by the names of Commerce's arguments

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from . import addresses, lines
from .call import Call, Info
from .carts import Address, Cart, Line
from .catalog import page_bounds
from .errors import INTERNAL, CommerceError
from .model import Bundle, Configurable, Custom, Downloads, Product, uid
from .prices import money
from .stores import SYMBOLS
from .totals import LineTotal, Rate, Totals, final_price, part_price, rates, totals

TYPENAMES = {
    "simple": "SimpleCartItem",
    "virtual": "VirtualCartItem",
    "configurable": "ConfigurableCartItem",
    "bundle": "BundleCartItem",
    "downloadable": "DownloadableCartItem",
}
OPTION_TYPES = {"DropDown": "drop_down", "Radio": "radio", "Checkbox": "checkbox", "Multiple": "multiple"}


def sums(
    context: Call,
    cart: Cart,
    *,
    address: Address | None = None,
    method: tuple[str, str] | None = None,
    without: Collection[int] = (),
) -> Totals:
    """The cart's totals for who asks: a cart is repriced in the store view and currency it is read under (cart-087)."""
    group, store = context.group, context.store.code
    return totals(context.shop, cart, context.currency, group, store, address=address, method=method, without=without)


def view(
    context: Call,
    cart: Cart,
    *,
    stale: Collection[int] = (),
    address: Address | None = None,
    method: tuple[str, str] | None = None,
) -> dict[str, Any]:
    """A cart. stale: lines whose totals Commerce has not collected yet, in the reply to a multi-line add (cart-121)."""
    added = sums(context, cart, address=address, method=method, without=stale)
    items = [_line(context, cart, line, added) for line in cart.lines]
    ship_to = address or cart.shipping
    total = added.grand_total
    methods = [{"code": c, "title": t, "is_deferred": False} for c, t in payments(context, total).items()]
    codes = [{"code": code} for code in cart.coupons] or None
    return {
        "id": cart.masked,
        "email": cart.email,
        "is_virtual": cart.virtual,
        "total_quantity": cart.quantity,
        "items": items,
        "applied_coupons": codes,
        "applied_coupon": codes[0] if codes else None,
        "prices": _prices(context, cart, added),
        "shipping_addresses": [_shipping(context, cart, ship_to, added, items)] if ship_to else [],
        "billing_address": addresses.shown(cart.billing) if cart.billing else None,
        "available_payment_methods": methods,
        "selected_payment_method": {
            "code": cart.payment,
            "title": {**context.shop.sales.payments, "free": FREE}.get(cart.payment, ""),
            "purchase_order_number": cart.po_number,
        },
        "gift_message": cart.gift.get("gift_message"),
        "gift_receipt_included": cart.gift.get("gift_receipt_included", False),
        "printed_card_included": cart.gift.get("printed_card_included", False),
        "gift_wrapping": None,
        "applied_gift_cards": None,
        "rules": None,
    }


FREE = "No Payment Information Required"


def payments(context: Call, total: float) -> dict[str, str]:
    """The ways to pay: where nothing is left to pay, `free` comes on top (cart-004, cart-111)."""
    return {**context.shop.sales.payments, **({} if total > 0 else {"free": FREE})}


def amount(context: Call, value: float | None) -> dict[str, Any]:
    """`Money` in the currency of the request."""
    return {"value": value, "currency": context.currency}


def _discounts(context: Call, found: list[tuple[str, str, float]]) -> list[dict[str, Any]] | None:
    return [
        {
            "label": label,
            "amount": amount(context, value),
            "applied_to": "ITEM",
            "coupon": {"code": code} if code else None,
            "is_discounting_locked": False,
        }
        for label, code, value in found
    ] or None


def _prices(context: Call, cart: Cart, added: Totals) -> dict[str, Any]:
    found = _discounts(context, added.discounts())
    taxes = [{"label": added.tax.label, "amount": amount(context, added.tax_amount)}] if added.tax else []
    # An empty cart has no sum after discounts (cart-004).
    discounted = money(added.subtotal - added.discount) if cart.lines else None
    return {
        "grand_total": amount(context, added.grand_total),
        "grand_total_excluding_tax": amount(context, money(added.grand_total - added.tax_amount)),
        "subtotal_excluding_tax": amount(context, added.subtotal),
        "subtotal_including_tax": amount(context, added.subtotal_with_tax),
        "subtotal_with_discount_excluding_tax": amount(context, discounted),
        "discounts": found,
        "discount": {"amount": amount(context, added.discount), "label": [one["label"] for one in found or ()]},
        "applied_taxes": taxes if added.tax_amount else [],
    }


def _shipping(
    context: Call, cart: Cart, address: Address, added: Totals, items: list[dict[str, Any]]
) -> dict[str, Any]:
    # Reading `uid` of these lines is an internal error in 2.4.4 (cart-095).
    broken = context.version < (2, 4, 6)
    return {
        **addresses.shown(address),
        "customer_notes": address.notes,
        "pickup_location_code": address.pickup,
        "available_shipping_methods": [offered(context, one) for one in rates(context.shop, cart, added, address)],
        "selected_shipping_method": offered(context, added.shipping) if added.shipping else None,
        "cart_items": [{"cart_item_id": int(item["id"]), "quantity": item["quantity"]} for item in items],
        "cart_items_v2": [{k: v for k, v in item.items() if k != "uid"} if broken else item for item in items],
    }


def offered(context: Call, one: Rate) -> dict[str, Any]:
    """A way to ship, offered or chosen (cart-055, cart-058). Shipping is not taxed here."""
    return {
        "carrier_code": one.carrier,
        "carrier_title": one.carrier_title,
        "method_code": one.method,
        "method_title": one.method_title,
        "available": True,
        "error_message": "",
        "amount": amount(context, one.amount),
        "base_amount": {"value": one.base, "currency": context.shop.base_currency},
        "price_excl_tax": amount(context, one.amount),
        "price_incl_tax": amount(context, one.amount),
    }


# Lines


def _line(context: Call, cart: Cart, line: Line, added: Totals) -> dict[str, Any]:
    shop = context.shop
    product = shop.products.get(line.sku)
    wrong = lines.problem(shop, cart, line)
    limits = shop.products.get(line.variant or line.sku)
    item: dict[str, Any] = {
        "__typename": TYPENAMES.get(line.kind, "SimpleCartItem"),
        "id": str(line.id),
        "uid": uid(line.id),
        "quantity": line.quantity,
        "product": product,
        "prices": _line_prices(context, line, added.lines.get(line.id)),
        "errors": [{"code": "ITEM_QTY", "message": wrong}] if wrong else None,
        "is_available": wrong is None,
        "not_available_message": wrong,
        "min_qty": limits.min_sale_qty if limits else None,
        "max_qty": limits.max_sale_qty if limits else None,
        "gift_message": line.gift,
        "customizable_options": _custom(context, product, line),
        "note_from_buyer": None,
        "note_from_seller": None,
    }
    parts = product.parts if product else None
    if product is not None and isinstance(parts, Configurable):
        item |= _configured(context, product, parts, line)
    elif isinstance(parts, Bundle):
        item["bundle_options"] = _bundled(context, parts, line)
    elif isinstance(parts, Downloads):
        links = enumerate(parts.links, 1)
        item["links"] = [
            {"uid": uid(f"downloadable/{one.id}"), "title": context.say(one.title), "price": one.price, "sort_order": n}
            for n, one in links
            if one.id in line.links
        ]
        item["samples"] = []
    return item


def _line_prices(context: Call, line: Line, found: LineTotal | None) -> dict[str, Any]:
    """The sums of a line; null where they are not collected yet (cart-086)."""
    if found is None:
        # The price of one piece is known before the totals are.
        only = Cart(0, "", context.store.id, context.currency, lines=[line])
        price = sums(context, only).lines[line.id].price
        empty = amount(context, None)
        return {"price": amount(context, price), "price_including_tax": amount(context, price)} | {
            "row_total": empty,
            "row_total_including_tax": empty,
            "total_item_discount": empty,
            "discounts": None,
            "original_item_price": amount(context, price),
            "original_row_total": empty,
        }
    with_tax = money(found.row + found.row_tax)
    # Of a bundle, the discount is with its parts: the line itself says 0 (cart-013).
    own = 0 if line.kind == "bundle" else found.discount
    return {
        "price": amount(context, found.price),
        "price_including_tax": amount(context, money(with_tax / line.quantity)),
        "row_total": amount(context, found.row),
        "row_total_including_tax": amount(context, with_tax),
        "total_item_discount": amount(context, own),
        "discounts": _discounts(context, found.discounts),
        "original_item_price": amount(context, found.price),
        "original_row_total": amount(context, found.row),
        "fixed_product_taxes": [],
    }


def _custom(context: Call, product: Product | None, line: Line) -> list[dict[str, Any]]:
    """The customizable options of a line (cart-014)."""
    found = []
    given = dict(line.options)
    for position, option in enumerate(product.options if product else (), 1):
        value = given.get(option.id)
        if value is not None:
            found.append(
                {
                    "id": option.id,
                    "customizable_option_uid": uid(f"custom-option/{option.id}"),
                    "label": context.say(option.title),
                    "type": OPTION_TYPES.get(option.kind, option.kind.lower()),
                    "is_required": option.required,
                    "sort_order": position,
                    "values": _custom_values(context, option, value),
                }
            )
    return found


def _custom_values(context: Call, option: Custom, given: str | tuple[int, ...]) -> list[dict[str, Any]]:
    found = []
    for choice in option.choices:
        if isinstance(given, str) or choice.id in given:
            percent = choice.price_type == "PERCENT"
            own = f"custom-option/{option.id}" + ("" if isinstance(given, str) else f"/{choice.id}")
            price = choice.price if percent else money(choice.price, context.rate)
            units = "%" if percent else SYMBOLS.get(context.currency, "$")
            found.append(
                {
                    "id": choice.id,
                    "customizable_option_value_uid": uid(own),
                    "label": context.say(choice.title),
                    "value": given if isinstance(given, str) else str(choice.id),
                    "price": {"value": price, "type": choice.price_type, "units": units},
                }
            )
    return found


def _configured(context: Call, product: Product, parts: Configurable, line: Line) -> dict[str, Any]:
    """The variant and what was chosen to get there (cart-011)."""
    variant = context.shop.products.get(line.variant or "")
    chosen = []
    for code in parts.axes:
        attribute = context.shop.attribute(code)
        value = variant.attributes.get(code) if variant else None
        option = attribute.option(value) if attribute and isinstance(value, int) else None
        if attribute and option:
            chosen.append(
                {
                    "id": attribute.id,
                    "configurable_product_option_uid": uid(f"configurable/{product.id}/{attribute.id}"),
                    "configurable_product_option_value_uid": uid(f"configurable/{attribute.id}/{option.id}"),
                    "option_label": context.say(attribute.label),
                    "value_id": option.id,
                    "value_label": context.say(option.label),
                }
            )
    return {"configurable_options": chosen, "configured_variant": variant}


def _bundled(context: Call, bundle: Bundle, line: Line) -> list[dict[str, Any]]:
    """The parts of a bundle by option (cart-013)."""
    found = []
    for option in bundle.options:
        values = []
        for selection in option.selections:
            quantity = next((q for o, s, q in line.parts if (o, s) == (option.id, selection.id)), None)
            product = context.shop.products.get(selection.sku)
            if quantity is not None and product is not None:
                cost = part_price(context.shop, bundle, selection.id, context.group, line.quantity * quantity)
                price = money(cost, context.rate)
                values.append(
                    {
                        "id": selection.id,
                        "uid": uid(f"bundle/{option.id}/{selection.id}/{quantity:g}"),
                        "label": context.say(product.name),
                        "quantity": quantity,
                        "price": price,
                        "priceV2": amount(context, price),
                        "original_price": amount(context, money(final_price(product, 0, 1), context.rate)),
                    }
                )
        if values:
            title = context.say(option.title)
            found.append(
                {
                    "id": option.id,
                    "uid": uid(f"bundle/{option.id}"),
                    "label": title,
                    "type": option.kind,
                    "values": values,
                }
            )
    return found


def items_v2(
    cart: dict[str, Any],
    info: Info,
    pageSize: int | None = None,
    currentPage: int | None = None,
    sort: dict[str, str] | None = None,
) -> dict[str, Any]:
    """The lines by page, from 2.4.7 on."""
    size, page = page_bounds(pageSize, currentPage)
    every = cart["items"]
    return {
        "items": every[(page - 1) * size : page * size],
        "total_count": len(every),
        "page_info": {"current_page": page, "page_size": size, "total_pages": -(-len(every) // size)},
    }


def line_uid(item: dict[str, Any], info: Info) -> str:
    """The id of a line, which is lost below a shipping address in 2.4.4 (cart-095)."""
    if "uid" not in item:
        raise CommerceError("Internal server error", INTERNAL)
    found: str = item["uid"]
    return found


FIELDS = {"Cart": {"itemsV2": items_v2}, "CartItemInterface": {"uid": line_uid}}
