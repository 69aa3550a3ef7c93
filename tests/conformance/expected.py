"""What the public API must show of a recorded cart, worked out from the recording alone; and what it does show.

Both come as plain values of the same form, so that they can be compared as a whole. What was not recorded is null.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

Node = Mapping[str, Any]

# The public code of each recorded refusal: by Commerce's own code where it has one, else by its message.
CODES: Mapping[str, str] = {
    "cart-016": "QUANTITY_INVALID",
    "cart-017": "OUT_OF_STOCK",
    "cart-018": "QUANTITY_UNAVAILABLE",
    "cart-019": "PRODUCT_NOT_FOUND",
    "cart-020": "OPTIONS_REQUIRED",
    "cart-021": "OPTIONS_REQUIRED",
    "cart-022": "PRODUCT_NOT_FOUND",
    "cart-023": "QUANTITY_INVALID",
    "cart-024": "QUANTITY_INVALID",
    "cart-025": "QUANTITY_INVALID",
    "cart-027": "OPTIONS_REQUIRED",
    "cart-028": "QUANTITY_UNAVAILABLE",
    "cart-033": "QUANTITY_UNAVAILABLE",
    "cart-034": "LINE_NOT_FOUND",
    "cart-041": "COUPON_ALREADY_APPLIED",
    "cart-042": "COUPON_ALREADY_APPLIED",
    "cart-046": "CART_EMPTY",
    "cart-051": "EMAIL_INVALID",
    "cart-052": "FIELD_REQUIRED",
    "cart-053": "COUNTRY_INVALID",
    "cart-054": "REGION_INVALID",
    "cart-057": "SHIPPING_METHOD_UNAVAILABLE",
    "cart-059": "ADDRESS_INVALID",
    "cart-062": "PAYMENT_METHOD_UNAVAILABLE",
    "cart-063": "PAYMENT_METHOD_UNAVAILABLE",
    "cart-072": "EMAIL_INVALID",
    "cart-073": "SHIPPING_ADDRESS_NOT_TAKEN",
    "cart-082": "SHIPPING_ADDRESS_NOT_TAKEN",
    "cart-123": "COUPON_INVALID",
}
# Answers that the product never gets, and what becomes of them: an empty cart id, and an id that it would not choose.
FAILURES: Mapping[str, str] = {"gql-221": "REJECTED", "cart-003": "UPSTREAM_ERROR"}


def code_of(name: str, codes: Mapping[str, str] = CODES) -> str | None:
    """What is expected of a recording, by the beginning of its name."""
    return codes.get("-".join(name.split("-")[:2]))


def refusals(name: str, errors: Iterable[Mapping[str, Any]]) -> list[tuple[str | None, str]]:
    """The user errors that a recording's errors must become; a long message is cut (cart-059)."""
    messages = [str(error["message"]) for error in errors]
    return [(code_of(name), text if len(text) <= 255 else f"{text[:254].rstrip()}…") for text in messages]


def expected_cart(node: Node) -> dict[str, Any]:
    """The public cart that a recorded one must become."""
    prices = node.get("prices") or {}
    addresses = [each for each in node.get("shipping_addresses") or () if each]
    chosen = (addresses[0].get("selected_shipping_method") if addresses else None) or {}
    grand = prices.get("grand_total") or {}
    return {
        "quantity": Decimal(str(node.get("total_quantity") or 0)),
        "virtual": bool(node.get("is_virtual")),
        "coupons": [each["code"] for each in node.get("applied_coupons") or ()],
        "lines": [_expected_line(each) for each in node.get("items") or ()],
        "sums": [
            _value(prices.get("subtotal_excluding_tax")),
            _value(prices.get("subtotal_including_tax")),
            _value(prices.get("subtotal_with_discount_excluding_tax")),
            _value(chosen.get("amount")),
            _value(grand),
        ],
        # Where it was not asked for, an amount is in the store view's own.
        "currency": None if _value(grand) is None else grand.get("currency", "USD"),
        "discounts": _labelled(prices.get("discounts")),
        "taxes": _labelled(prices.get("applied_taxes")),
    }


def _expected_line(node: Node) -> dict[str, Any]:
    product, prices = node.get("product") or {}, node.get("prices") or {}
    discounts = prices.get("discounts") or []
    return {
        "uid": node.get("uid"),
        "skus": (product.get("sku"), (node.get("configured_variant") or {}).get("sku")),
        "name": product.get("name") or "",
        "quantity": Decimal(str(node.get("quantity") or 0)),
        "buyable": product.get("stock_status") == "IN_STOCK",
        "options": _expected_options(node),
        "currency": (prices.get("price") or {}).get("currency"),
        "sums": [
            *(_value(prices.get(name)) for name in ("price", "row_total", "row_total_including_tax")),
            # Of a bundle Commerce says zero; its single discounts tell (cart-013).
            sum((Decimal(str(each["amount"]["value"])) for each in discounts), Decimal(0)).normalize()
            if discounts
            else _value(prices.get("total_item_discount")),
        ],
        "discounts": _labelled(discounts),
    }


def _expected_options(node: Node) -> list[tuple[str, str]]:
    found = [(each["option_label"], each["value_label"]) for each in node.get("configurable_options") or ()]
    for option in node.get("bundle_options") or ():
        found += [(option["label"], f"{each['quantity']} × {each['label']}") for each in option["values"]]
    found += [("", each["title"]) for each in node.get("links") or ()]
    for option in node.get("customizable_options") or ():
        # Of a choice its label, of a text what was written.
        found.append((option["label"], ", ".join(each["label"] or each["value"] for each in option["values"])))
    return found


def _value(money: Node | None) -> Decimal | None:
    value = (money or {}).get("value")
    return None if value is None else Decimal(str(value)).normalize()


def _labelled(nodes: list[Node] | None) -> list[tuple[str, Decimal | None]]:
    return [(each["label"], _value(each["amount"])) for each in nodes or ()]


def expected_checkout(node: Node) -> dict[str, Any]:
    """The public checkout that a recorded cart must become."""
    addresses = [each for each in node.get("shipping_addresses") or () if each]
    address = addresses[0] if addresses else {}
    chosen = address.get("selected_shipping_method")
    payment = node.get("selected_payment_method") or {}
    done = {
        "LINES": bool(node.get("items")),
        "EMAIL": bool(node.get("email")),
        "SHIPPING_ADDRESS": bool(node.get("is_virtual") or address.get("lastname")),
        "SHIPPING_METHOD": bool(node.get("is_virtual") or chosen),
        "BILLING_ADDRESS": bool((node.get("billing_address") or {}).get("lastname")),
        "PAYMENT_METHOD": bool(payment.get("code")),
    }
    return {
        "email": node.get("email"),
        "missing": [step for step, is_done in done.items() if not is_done],
        "addresses": [_expected_address(address), _expected_address(node.get("billing_address"))],
        "offered": [
            (*_way(each), each.get("available", True)) for each in address.get("available_shipping_methods") or ()
        ],
        "chosen": _way(chosen) if chosen else None,
        "payments": [(each["code"], each.get("title", "")) for each in node.get("available_payment_methods") or ()],
        "payment": (payment["code"], payment.get("title", "")) if payment.get("code") else None,
        "cart": expected_cart(node),
    }


def _expected_address(node: Node | None) -> dict[str, Any] | None:
    if not node or not node.get("lastname"):
        return None
    region = node.get("region") or {}
    return {
        "firstName": node["firstname"],
        "lastName": node["lastname"],
        "street": node["street"],
        "city": node["city"],
        "regionCode": region.get("code"),
        "region": region.get("label"),
        "postcode": node["postcode"],
        "country": node["country"]["code"],
        "telephone": node["telephone"],
    }


def _way(node: Node) -> tuple[str, str, str, Decimal | None]:
    title = " - ".join(node[name] for name in ("carrier_title", "method_title") if name in node)
    return node["carrier_code"], node["method_code"], title, _value(node["amount"])


def shown_cart(public: Node | None) -> dict[str, Any] | None:
    """A public cart in the same form; None where there is none."""
    if public is None:
        return None
    totals = public["totals"]
    names = ("subtotal", "subtotalWithTax", "subtotalWithDiscount", "shipping", "grandTotal")
    return {
        "quantity": Decimal(public["quantity"]),
        "virtual": public["isVirtual"],
        "coupons": public["coupons"],
        "lines": [_shown_line(each) for each in public["lines"]],
        "sums": [_amount(totals[name]) for name in names],
        "currency": (totals["grandTotal"] or {}).get("currency"),
        "discounts": _shown_labelled(totals["discounts"]),
        "taxes": _shown_labelled(totals["taxes"]),
    }


def _shown_line(line: Node) -> dict[str, Any]:
    names = ("price", "total", "totalWithTax", "discount")
    return {
        # A uid that was not asked for when it was recorded is none.
        "uid": None if line["uid"] == "None" else line["uid"],
        "skus": (line["sku"], line["variantSku"]),
        "name": line["name"],
        "quantity": Decimal(line["quantity"]),
        "buyable": line["inStock"],
        "options": [(each["label"], each["value"]) for each in line["options"]],
        "currency": (line["price"] or {}).get("currency"),
        "sums": [_amount(line[name]) for name in names],
        "discounts": _shown_labelled(line["discounts"]),
    }


def _amount(money: Node | None) -> Decimal | None:
    return None if money is None else Decimal(money["amount"]).normalize()


def _shown_labelled(nodes: list[Node]) -> list[tuple[str, Decimal | None]]:
    return [(each["label"], _amount(each["amount"])) for each in nodes]


def shown_checkout(public: Node | None) -> dict[str, Any] | None:
    """A public checkout in the same form; None where there is none."""
    if public is None:
        return None
    chosen, payment = public["shippingMethod"], public["paymentMethod"]
    return {
        "email": public["email"],
        "missing": public["missing"],
        "addresses": [public["shippingAddress"], public["billingAddress"]],
        "offered": [(*_shown_way(each), each["available"]) for each in public["shippingMethods"]],
        "chosen": _shown_way(chosen) if chosen else None,
        "payments": [(each["code"], each.get("title", "")) for each in public["paymentMethods"]],
        "payment": (payment["code"], payment["title"]) if payment else None,
        "cart": shown_cart(public["cart"]),
    }


def _shown_way(method: Node) -> tuple[str, str, str, Decimal | None]:
    return method["carrier"], method["method"], method["title"], _amount(method["price"])
