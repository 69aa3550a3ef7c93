"""The body of an order over REST: the field names of pay-011 and ord-005."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .carts import Address
from .orders import Order, OrderLine
from .prices import money

# The columns that orders can be searched by.
COLUMNS: dict[str, Callable[[Order], Any]] = {
    "entity_id": lambda order: order.entity_id,
    "increment_id": lambda order: order.increment_id,
    "quote_id": lambda order: order.quote_id,
    "customer_email": lambda order: order.email,
    "customer_id": lambda order: order.customer,
    "store_id": lambda order: order.store_id,
    "state": lambda order: order.state,
    "status": lambda order: order.status,
    "created_at": lambda order: order.created_at,
    "updated_at": lambda order: order.updated_at,
    "grand_total": lambda order: order.grand_total,
}


def order_body(order: Order) -> dict[str, Any]:
    """One order. Amounts in the order's currency stand beside their `base_` twins."""
    payment = {
        "account_status": None,
        "additional_information": [order.payment_title],
        "amount_ordered": order.grand_total,
        "base_amount_ordered": _base(order, order.grand_total),
        "base_shipping_amount": _base(order, order.shipping_amount),
        "cc_exp_year": "0",
        "cc_last4": None,
        "cc_ss_start_month": "0",
        "cc_ss_start_year": "0",
        "entity_id": order.entity_id,
        "method": order.payment,
        "parent_id": order.entity_id,
        **({"po_number": order.po_number} if order.po_number else {}),
        "shipping_amount": order.shipping_amount,
    }
    items = [_item(order, line) for line in order.lines]
    customer: dict[str, Any] = {"customer_is_guest": 1}
    if order.customer is not None:
        customer = {"customer_is_guest": 0, "customer_id": order.customer, "customer_group_id": order.group}
    coupons: dict[str, Any] = {"coupon_code": ",".join(order.coupons)} if order.coupons else {}
    return {
        "base_currency_code": order.base_currency,
        **_both(
            order,
            {
                "discount_amount": -order.discount or 0,
                "grand_total": order.grand_total,
                "discount_tax_compensation_amount": 0,
                "shipping_amount": order.shipping_amount,
                "shipping_discount_amount": 0,
                "shipping_incl_tax": order.shipping_amount,
                "shipping_tax_amount": 0,
                "subtotal": order.subtotal,
                "subtotal_incl_tax": order.subtotal_with_tax,
                "tax_amount": order.tax,
                "total_due": 0 if order.state == "canceled" else order.grand_total,
            },
        ),
        **coupons,
        # The column's own name, cut short to fit (ord-005).
        "base_shipping_discount_tax_compensation_amnt": 0,
        "shipping_discount_tax_compensation_amount": 0,
        "base_to_global_rate": 1,
        "base_to_order_rate": _whole(order.rate),
        "billing_address_id": order.entity_id * 2,
        "created_at": order.created_at,
        "customer_email": order.email,
        "customer_firstname": order.billing.firstname,
        **customer,
        "customer_lastname": order.billing.lastname,
        "customer_note_notify": 1,
        "email_sent": 1,
        "entity_id": order.entity_id,
        "global_currency_code": order.base_currency,
        "increment_id": order.increment_id,
        "is_virtual": int(order.virtual),
        "order_currency_code": order.currency,
        "protect_code": order.token,
        "quote_id": order.quote_id,
        "remote_ip": "127.0.0.1",
        **({"shipping_description": order.method_title} if order.method_title else {}),
        "state": order.state,
        "status": order.status,
        "store_currency_code": order.base_currency,
        "store_id": order.store_id,
        "store_name": order.store_name,
        "store_to_base_rate": 0,
        "store_to_order_rate": 0,
        "total_item_count": len(order.lines),
        "total_qty_ordered": _whole(sum(line.quantity for line in order.lines)),
        "updated_at": order.updated_at,
        "weight": _whole(sum(line.weight * line.quantity for line in order.lines)),
        "items": items,
        "billing_address": _address(order, order.billing, "billing"),
        "payment": payment,
        "status_histories": list(order.comments),
        "extension_attributes": {
            "shipping_assignments": _assignments(order, items),
            "payment_additional_info": [{"key": "method_title", "value": order.payment_title}],
            "applied_taxes": _taxes(order),
            "item_applied_taxes": [],
        },
    }


def _base(order: Order, amount: float) -> float:
    found = money(abs(amount) / order.rate)
    return -found if amount < 0 else found


def _both(order: Order, amounts: dict[str, float]) -> dict[str, float]:
    """Each amount in the order's currency, and in the base currency under the same name."""
    base = {f"base_{name}": _base(order, amount) for name, amount in amounts.items()}
    return {**base, **amounts}


def _whole(number: float) -> float:
    return int(number) if float(number).is_integer() else round(number, 4)


def _item(order: Order, line: OrderLine) -> dict[str, Any]:
    with_tax = money(line.row_total * (1 + line.tax_percent / 100))
    canceled = line.quantity if order.state == "canceled" else 0
    return {
        **_both(
            order,
            {
                "amount_refunded": 0,
                "discount_amount": line.discount,
                "discount_invoiced": 0,
                "discount_tax_compensation_amount": 0,
                "original_price": line.original_price,
                "price": line.price,
                "price_incl_tax": money(with_tax / line.quantity),
                "row_invoiced": 0,
                "row_total": line.row_total,
                "row_total_incl_tax": with_tax,
                "tax_amount": line.tax,
                "tax_invoiced": 0,
            },
        ),
        "created_at": order.created_at,
        "discount_percent": 0,
        "free_shipping": 0,
        "is_qty_decimal": 0,
        "is_virtual": int(line.kind in ("virtual", "downloadable")),
        "item_id": line.id,
        "name": line.name,
        "no_discount": 0,
        "order_id": order.entity_id,
        "product_id": line.product_id,
        "product_type": line.kind,
        "qty_canceled": _whole(canceled),
        "qty_invoiced": 0,
        "qty_ordered": _whole(line.quantity),
        "qty_refunded": 0,
        "qty_shipped": 0,
        "quote_item_id": line.quote_item,
        "row_weight": _whole(line.weight * line.quantity),
        "sku": line.ordered_sku,
        "store_id": order.store_id,
        "tax_percent": line.tax_percent,
        "updated_at": order.updated_at,
        # Goods without a weight have none at all (ord-005), and weigh nothing in the sums.
        **({"weight": _whole(line.weight)} if line.weight else {}),
    }


def _taxes(order: Order) -> list[dict[str, Any]]:
    """The taxes of the whole order."""
    if not order.tax:
        return []
    amounts = {"amount": order.tax, "base_amount": _base(order, order.tax)}
    return [{"code": order.tax_label, "title": order.tax_label, "percent": order.tax_percent, **amounts}]


def _address(order: Order, address: Address, kind: str) -> dict[str, Any]:
    return {
        "address_type": kind,
        "city": address.city,
        **({"company": address.company} if address.company else {}),
        "country_id": address.country,
        "email": order.email,
        "entity_id": order.entity_id * 2 - (kind == "shipping"),
        "firstname": address.firstname,
        "lastname": address.lastname,
        "parent_id": order.entity_id,
        "postcode": address.postcode,
        **({"region": address.region, "region_code": address.region_code} if address.region else {}),
        **({"region_id": address.region_id} if address.region_id else {}),
        "street": address.street,
        "telephone": address.telephone,
    }


def _assignments(order: Order, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if order.shipping is None:
        return [{"shipping": {"total": _shipping_total(order)}, "items": items}]
    shipping = {
        "address": _address(order, order.shipping, "shipping"),
        "method": order.method,
        "total": _shipping_total(order),
    }
    return [{"shipping": shipping, "items": items}]


def _shipping_total(order: Order) -> dict[str, float]:
    amounts = {"shipping_amount": order.shipping_amount, "shipping_discount_amount": 0}
    return {
        **_both(order, {**amounts, "shipping_incl_tax": order.shipping_amount, "shipping_tax_amount": 0}),
        "base_shipping_discount_tax_compensation_amnt": 0,
        "shipping_discount_tax_compensation_amount": 0,
    }
