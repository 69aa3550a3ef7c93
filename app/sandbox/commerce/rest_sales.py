"""Carts and orders over REST (cart-056, pay-007 to pay-014, ord-000 to ord-054)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .carts import Address, Cart
from .checkout import estimate_address
from .criteria import searched, unknown_column
from .errors import RestError
from .orders import Order
from .prices import money
from .rest_customers import SELF, own_cart
from .rest_orders import COLUMNS, order_body
from .totals import rates, totals

if TYPE_CHECKING:
    from .rest import Request

NOT_FOUND = "The entity that was requested doesn't exist. Verify the entity and try again."
NO_CART = "No such entity with %fieldName = %fieldValue"


# Carts


def _cart(request: Request, open_only: bool = False) -> Cart:
    """A guest's cart by its masked id, which is its only secret; without one, the cart of the customer who asks."""
    if "masked" not in request.parts:
        return own_cart(request)
    cart = request.shop.carts.by_masked.get(request.parts["masked"])
    if cart is None or cart.customer is not None or (open_only and not cart.active):
        value = cart.id if cart else None
        raise RestError(404, NO_CART, {"fieldName": "cartId", "fieldValue": value})
    return cart


def guest_cart(request: Request) -> Any:
    """The cart with its number, before and after the order (pay-007, pay-013: then without its lines)."""
    shop, cart = request.shop, _cart(request)
    store = next(store for store in shop.stores if store.id == cart.store)
    added = totals(shop, cart, cart.currency, 0, store.code)
    items = [
        {
            "item_id": line.id,
            "sku": line.variant or line.sku,
            "qty": line.quantity,
            "name": _name(request, line.sku),
            "price": added.lines[line.id].price,
            "product_type": line.kind,
            "quote_id": str(cart.id),
        }
        for line in cart.lines
    ]
    rate = _whole(shop.rates[cart.currency])
    assigned = {"shipping": {"address": _cart_address(cart.shipping, cart)}, "items": items} if cart.shipping else None
    if assigned and cart.method:
        assigned["shipping"]["method"] = "_".join(cart.method)  # type: ignore[index]
    body: dict[str, Any] = {
        "id": cart.id,
        "created_at": cart.created_at,
        "updated_at": cart.updated_at,
        "is_active": cart.active,
        "is_virtual": cart.virtual,
        **({"items": items} if cart.active else {}),
        "items_count": len(cart.lines),
        "items_qty": _whole(cart.quantity),
        "customer": {"email": None, "firstname": None, "lastname": None},
        **({"billing_address": _cart_address(cart.billing, cart)} if cart.billing else {}),
        **({"reserved_order_id": cart.reserved} if cart.reserved else {}),
        "orig_order_id": 0,
        "currency": {
            "global_currency_code": shop.base_currency,
            "base_currency_code": shop.base_currency,
            "store_currency_code": shop.base_currency,
            "quote_currency_code": cart.currency,
            "store_to_base_rate": 0,
            "store_to_quote_rate": 0,
            "base_to_global_rate": 1,
            "base_to_quote_rate": rate,
        },
        "customer_is_guest": True,
        "customer_note_notify": True,
        "customer_tax_class_id": 3,
        "store_id": cart.store,
    }
    if cart.active:
        body["extension_attributes"] = {"shipping_assignments": [assigned] if assigned else []}
    return body


def _name(request: Request, sku: str) -> str:
    product = request.shop.products.get(sku)
    name = product.name if product else sku
    return name if isinstance(name, str) else name.get(request.store.code, name[""])


def _whole(number: float) -> float:
    return int(number) if float(number).is_integer() else number


def _cart_address(address: Address, cart: Cart) -> dict[str, Any]:
    return {
        "id": address.id,
        "region": address.region,
        "region_id": address.region_id,
        "region_code": address.region_code,
        "country_id": address.country,
        "street": address.street,
        "telephone": address.telephone,
        "postcode": address.postcode,
        "city": address.city,
        "firstname": address.firstname,
        "lastname": address.lastname,
        "email": cart.email,
        "same_as_billing": 0,
        "save_in_address_book": int(address.saved),
    }


def _sketch(given: dict[str, Any]) -> Address:
    """The address of an estimate; a region that the country has not got is none."""
    region, number = given.get("region") or given.get("region_code"), given.get("region_id")
    named = region if isinstance(region, str) else None
    return estimate_address(
        given.get("country_id") or "", given.get("postcode"), named, int(number) if number else None
    )


def estimate(request: Request) -> Any:
    """The ways to ship to an address that is not complete yet (cart-056); anybody who knows the cart may ask."""
    shop, cart = request.shop, _cart(request, open_only=True)
    sketch = _sketch(request.field("address"))
    store = next(store for store in shop.stores if store.id == cart.store)
    added = totals(shop, cart, cart.currency, 0, store.code, address=sketch)
    return [
        {
            "carrier_code": one.carrier,
            "method_code": one.method,
            "carrier_title": one.carrier_title,
            "method_title": one.method_title,
            "amount": one.amount,
            "base_amount": one.base,
            "available": True,
            "error_message": "",
            "price_excl_tax": one.amount,
            "price_incl_tax": one.amount,
        }
        for one in rates(shop, cart, added, sketch)
    ]


def totals_information(request: Request) -> Any:
    """The totals as if the cart went to an address in one of those ways, in the shape of Adobe's reference
    (quote-data-totals-interface). `grand_total` lacks the taxes, its segment has them."""
    shop, cart = request.shop, _cart(request, open_only=True)
    given = request.field("addressInformation")
    carrier, method = given.get("shipping_carrier_code"), given.get("shipping_method_code")
    sketch = _sketch(given.get("address") or {})
    store = next(store for store in shop.stores if store.id == cart.store)
    way = (carrier, method) if carrier and method else None
    added = totals(shop, cart, cart.currency, 0, store.code, address=sketch, method=way)
    labels = ", ".join(cart.coupons)
    segments = [
        {"code": "subtotal", "title": "Subtotal", "value": added.subtotal},
        {"code": "shipping", "title": "Shipping & Handling", "value": added.shipping_amount},
        *([{"code": "discount", "title": f"Discount ({labels})", "value": -added.discount}] if added.discount else []),
        {"code": "tax", "title": "Tax", "value": added.tax_amount, "area": "taxes"},
        {"code": "grand_total", "title": "Grand Total", "value": added.grand_total, "area": "footer"},
    ]
    return {
        "grand_total": money(added.grand_total - added.tax_amount),
        "subtotal": added.subtotal,
        "discount_amount": -added.discount or 0,
        "subtotal_with_discount": money(added.subtotal - added.discount),
        "shipping_amount": added.shipping_amount,
        "shipping_discount_amount": 0,
        "tax_amount": added.tax_amount,
        "weee_tax_applied_amount": None,
        "shipping_tax_amount": 0,
        "subtotal_incl_tax": added.subtotal_with_tax,
        "shipping_incl_tax": added.shipping_amount,
        "base_currency_code": shop.base_currency,
        "quote_currency_code": cart.currency,
        "items_qty": _whole(cart.quantity),
        "items": [],
        "total_segments": segments,
    }


# Orders


def _order(request: Request) -> Order:
    order = request.shop.orders.by_id(int(request.parts["id"]))
    if order is None:
        raise RestError(404, NOT_FOUND)
    return order


def orders(request: Request) -> Any:
    """Orders by search criteria (ord-000 to ord-004)."""
    return searched(request.query, list(request.shop.orders.placed), _column, order_body)


def _column(order: Order, field: str) -> Any:
    """The value of a column of the order table; any other name is an SQL error on Magento (ord-004, pay-014)."""
    if field not in COLUMNS:
        raise unknown_column(field)
    return COLUMNS[field](order)


def order(request: Request) -> Any:
    return order_body(_order(request))


def statuses(request: Request) -> Any:
    return _order(request).status


def comment(request: Request) -> Any:
    found, given = _order(request), request.field("statusHistory")
    request.shop.orders.comment(found, given)
    return True


def comments(request: Request) -> Any:
    """The comments of an order (ord-011)."""
    found = _order(request)
    only = {"field": "parent_id", "value": str(found.entity_id), "condition_type": "eq"}
    criteria = {"filter_groups": [{"filters": [only]}]}
    return {"items": found.comments, "search_criteria": criteria, "total_count": len(found.comments)}


def cancel(request: Request) -> Any:
    """Cancel what was not shipped; what was reserved can be sold again. A second time: false (ord-053, ord-054)."""
    found = _order(request)
    if found.state not in ("new", "processing", "pending_payment"):
        return False
    request.shop.orders.set_state(found, "canceled", "canceled")
    for line in found.lines:
        for sku, amount in line.takes.items():
            request.shop.sell(sku, -amount)
    return True


def hold(request: Request) -> Any:
    found = _order(request)
    if found.state in ("canceled", "complete", "closed", "holded"):
        raise RestError(400, "A hold action is not available.")
    found.before_hold = (found.state, found.status)
    request.shop.orders.set_state(found, "holded", "holded")
    return True


def unhold(request: Request) -> Any:
    found = _order(request)
    if found.before_hold is None:
        raise RestError(400, "You cannot remove the hold.")
    request.shop.orders.set_state(found, *found.before_hold)
    found.before_hold = None
    return True


ROUTES = (
    ("GET", r"guest-carts/(?P<masked>\w+)", guest_cart, None),
    ("POST", r"guest-carts/(?P<masked>\w+)/estimate-shipping-methods", estimate, None),
    ("POST", r"guest-carts/(?P<masked>\w+)/totals-information", totals_information, None),
    ("POST", "carts/mine/estimate-shipping-methods", estimate, SELF),
    ("POST", "carts/mine/totals-information", totals_information, SELF),
    ("GET", "orders", orders, "Magento_Sales::actions_view"),
    ("GET", r"orders/(?P<id>\d+)", order, "Magento_Sales::actions_view"),
    ("GET", r"orders/(?P<id>\d+)/statuses", statuses, "Magento_Sales::actions_view"),
    ("GET", r"orders/(?P<id>\d+)/comments", comments, "Magento_Sales::actions_view"),
    ("POST", r"orders/(?P<id>\d+)/comments", comment, "Magento_Sales::comment"),
    ("POST", r"orders/(?P<id>\d+)/cancel", cancel, "Magento_Sales::cancel"),
    ("POST", r"orders/(?P<id>\d+)/hold", hold, "Magento_Sales::hold"),
    ("POST", r"orders/(?P<id>\d+)/unhold", unhold, "Magento_Sales::unhold"),
)
