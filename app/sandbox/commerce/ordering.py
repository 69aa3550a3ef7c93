"""`placeOrder` and the orders that guests look up (cart-059 to cart-072, conc-000-parallel)."""

from __future__ import annotations

from typing import Any

from . import addresses
from .call import Call, Info, call
from .cart_edits import given_cart
from .cart_view import FREE, payments, sums
from .carts import Address, Cart, Line
from .errors import ALREADY_EXISTS, AUTHORIZATION, NO_SUCH_ENTITY, CommerceError
from .lines import OUT_OF_STOCK, demand, problem
from .model import uid
from .orders import Order, OrderLine
from .prices import money
from .totals import Totals

UNABLE = "Unable to place order: "
NOTHING_IN_IT = "A server error stopped your order from being placed. Please try to place your order again"
NO_EMAIL = "Guest email for cart is missing."
NO_COUNTRY = "Some addresses can't be used due to the configurations for specific countries."
NO_METHOD = "The shipping method is missing. Select the shipping method and try again."
NO_PAYMENT = "Enter a valid payment method and try again."
NO_PICKUP = "Quote does not have Pickup Location assigned."
SOLD_OUT = "Some of the products are out of stock."
IN_PROCESS = "The order has already been placed and is currently processing."
NO_ORDER = "We couldn't locate an order with the information provided."

TYPENAMES = {"bundle": "BundleOrderItem", "downloadable": "DownloadableOrderItem"}

# What 2.4.7's `PlaceOrderErrorCodes` says of a message, by what it contains.
_CODES = {
    "Could not find a cart with ID": "CART_NOT_FOUND",
    "The cart isn't active": "CART_NOT_ACTIVE",
    "Guest email for cart is missing": "GUEST_EMAIL_MISSING",
    "A server error stopped your order": "UNABLE_TO_PLACE_ORDER",
    "Some addresses can't be used": "UNABLE_TO_PLACE_ORDER",
    "The shipping method is missing": "UNABLE_TO_PLACE_ORDER",
    "Please check the billing address information": "UNABLE_TO_PLACE_ORDER",
    "Enter a valid payment method": "UNABLE_TO_PLACE_ORDER",
    "Some of the products are out of stock": "UNABLE_TO_PLACE_ORDER",
}


async def place_order(_root: Any, info: Info, input: dict[str, Any] | None = None) -> dict[str, Any]:
    """Make an order of a cart, which takes its time.

    The cart is checked at the start and closed at the end. Nothing holds a second call off meanwhile in 2.4.4, so that
    three parallel calls make three orders (conc-000-parallel). From 2.4.7 on a lock does. Errors are GraphQL errors;
    2.4.7 and 2.4.8 put them into `errors` of the output, 2.4.9 back to the top with an `error_code`.
    """
    context = call(info)
    context.check_recaptcha()
    placing = context.shop.carts.placing
    locks = context.version >= (2, 4, 7)
    try:
        cart = given_cart(context, (input or {}).get("cart_id"))
        if locks and cart.id in placing:
            raise CommerceError(IN_PROCESS, ALREADY_EXISTS)
        placing[cart.id] = placing.get(cart.id, 0) + 1
        try:
            added = _checked(context, cart)
            order = _order(context, cart, added)
            await context.work()
            _placed(context, cart, order)
        finally:
            placing[cart.id] -= 1
            if not placing[cart.id]:
                del placing[cart.id]
    except CommerceError as error:
        return _failed(context, error)
    number = {"order_number": order.increment_id, "order_id": order.increment_id}
    return {"order": number, "orderV2": shown(context, order), "errors": []}


def _failed(context: Call, error: CommerceError) -> dict[str, Any]:
    if context.version < (2, 4, 7) or error.category in (AUTHORIZATION, ALREADY_EXISTS):
        raise error
    code = next((code for part, code in _CODES.items() if part in error.message), "UNDEFINED")
    if context.version >= (2, 4, 9):
        raise CommerceError(error.message, error_code=code)
    return {"order": None, "orderV2": None, "errors": [{"code": code, "message": error.message}]}


def _checked(context: Call, cart: Cart) -> Totals:
    """The cart's totals, if everything is there that an order needs: what is missing first is named."""
    if cart.customer is None and not cart.email:
        raise CommerceError(NO_EMAIL)
    added = sums(context, cart)
    wrong = _missing(context, cart, added)
    if wrong:
        raise CommerceError(f"{UNABLE}{wrong}")
    return added


def _missing(context: Call, cart: Cart, added: Totals) -> str | None:
    problems = [found for line in cart.lines if (found := problem(context.shop, cart, line))]
    if problems:
        return SOLD_OUT if OUT_OF_STOCK in problems else problems[0]
    if not cart.lines:
        return NOTHING_IN_IT
    if not cart.virtual:
        if cart.shipping is None:
            return NO_COUNTRY
        if added.shipping is None:
            return NO_METHOD
        if cart.method == ("instore", "pickup") and not cart.shipping.pickup:
            return NO_PICKUP
    empty = addresses.missing(cart.billing)
    if empty:
        return " ".join(["Please check the billing address information.", *empty])
    if cart.payment not in payments(context, added.grand_total):
        return NO_PAYMENT
    return None


def _order(context: Call, cart: Cart, added: Totals) -> Order:
    """The order as the cart is now; it is not placed yet."""
    shop, orders = context.shop, context.shop.orders
    assert cart.billing is not None
    website, store = shop.website_of(context.store), context.store
    shipping = None if cart.virtual else cart.shipping
    way = added.shipping
    return Order(
        entity_id=0,
        increment_id="",
        quote_id=cart.id,
        store_id=store.id,
        store_name=f"{website.name}\n{shop.group_of(store).name}\n{store.name}",
        email=cart.email or "",
        customer=cart.customer,
        group=context.group,
        lines=[_order_line(context, line, added) for line in cart.lines],
        currency=added.currency,
        base_currency=shop.base_currency,
        rate=added.rate,
        subtotal=added.subtotal,
        subtotal_with_tax=added.subtotal_with_tax,
        discount=added.discount,
        discounts=added.discounts(),
        tax=added.tax_amount,
        tax_label=added.tax.label if added.tax else None,
        tax_percent=added.tax.percent if added.tax else 0,
        shipping_amount=added.shipping_amount,
        grand_total=added.grand_total,
        method=f"{way.carrier}_{way.method}" if way and shipping else None,
        method_title=f"{way.carrier_title} - {way.method_title}" if way and shipping else None,
        payment=cart.payment,
        payment_title={**shop.sales.payments, "free": FREE}[cart.payment],
        po_number=cart.po_number,
        shipping=shipping,
        billing=cart.billing,
        created_at=orders.stamp(),
        updated_at=orders.stamp(),
        coupons=list(cart.coupons),
    )


def _order_line(context: Call, line: Line, added: Totals) -> OrderLine:
    shop = context.shop
    product = shop.products[line.sku]
    variant = shop.products.get(line.variant or "")
    found = added.lines[line.id]
    chosen = []
    for attribute in shop.attributes if variant else ():
        value = variant.attributes.get(attribute.code) if variant else None
        option = attribute.option(value) if isinstance(value, int) else None
        if option and getattr(product.parts, "axes", None) and attribute.code in product.parts.axes:  # type: ignore[union-attr]
            chosen.append((context.say(attribute.label), context.say(option.label)))
    return OrderLine(
        id=next(shop.orders.line_ids),
        quote_item=line.id,
        product_id=product.id,
        sku=line.sku,
        ordered_sku=line.variant or line.sku,
        name=context.say(product.name),
        kind=line.kind,
        quantity=line.quantity,
        price=found.price,
        original_price=money((variant or product).price, added.rate) or found.price,
        row_total=found.row,
        tax=found.tax,
        tax_percent=added.tax.percent if added.tax else 0,
        discount=found.discount,
        weight=(variant or product).weight or 0,
        options=chosen,
        takes={sku: amount * line.quantity for sku, amount in demand(shop, line).items()},
        gift=line.gift,
    )


def _placed(context: Call, cart: Cart, order: Order) -> None:
    """Insert the order, close the cart and reserve the goods, whatever happened to the cart since the start."""
    orders = context.shop.orders
    order.entity_id = len(orders) + 1
    order.increment_id = orders.number(order.store_id)
    order.created_at = order.updated_at = orders.stamp()
    order.token = context.shop.token("order")
    orders.placed.append(order)
    cart.active, cart.reserved = context.crashes, order.increment_id
    context.shop.carts.touch(cart)
    for line in order.lines:
        for sku, amount in line.takes.items():
            context.shop.sell(sku, amount)


# Looking up


def guest_order(_root: Any, info: Info, input: dict[str, Any]) -> dict[str, Any]:
    """A guest's order, from 2.4.7 on: by number, e-mail and postcode, from 2.4.8 on by last name instead."""
    context = call(info)
    order = context.shop.orders.by_number(input["number"])
    by_name = context.version >= (2, 4, 8)
    known = order and (order.billing.lastname if by_name else order.billing.postcode)
    given = input.get("lastname") if by_name else input.get("postcode")
    if order is None or order.email.lower() != input["email"].lower() or not given or known != given:
        raise CommerceError(NO_ORDER, NO_SUCH_ENTITY)
    if order.customer is not None:
        raise CommerceError("Please login to view the order.", AUTHORIZATION)
    return shown(context, order)


def guest_order_by_token(_root: Any, info: Info, input: dict[str, Any]) -> dict[str, Any]:
    context = call(info)
    order = next((order for order in context.shop.orders if order.token == input["token"]), None)
    if order is None:
        raise CommerceError(NO_ORDER, NO_SUCH_ENTITY)
    return shown(context, order)


def shown(context: Call, order: Order) -> dict[str, Any]:
    """`CustomerOrder`, in the currency it was placed in."""

    def amount(value: float) -> dict[str, Any]:
        return {"value": value, "currency": order.currency}

    discounts = [{"label": label, "amount": amount(value)} for label, _, value in order.discounts]
    taxes = [{"title": order.tax_label, "rate": order.tax_percent, "amount": amount(order.tax)}] if order.tax else []
    items = [
        {
            "__typename": TYPENAMES.get(l.kind, "OrderItem"),
            "id": uid(l.id),
            "product": context.shop.products.get(l.sku),
            "product_name": l.name,
            "product_sku": l.ordered_sku,
            "product_type": l.kind,
            "product_url_key": found.url_key if (found := context.shop.products.get(l.sku)) else None,
            "product_sale_price": amount(l.price),
            "prices": {
                "price": amount(l.price),
                "price_including_tax": amount(money(l.price * (1 + l.tax_percent / 100))),
                "row_total": amount(l.row_total),
                "row_total_including_tax": amount(money(l.row_total * (1 + l.tax_percent / 100))),
                "total_item_discount": amount(l.discount),
                "original_price": amount(l.original_price),
                "original_price_including_tax": amount(money(l.original_price * (1 + l.tax_percent / 100))),
                "original_row_total": amount(money(l.original_price * l.quantity)),
                "original_row_total_including_tax": amount(
                    money(l.original_price * l.quantity * (1 + l.tax_percent / 100))
                ),
                "discounts": [],
                "fixed_product_taxes": [],
            },
            "quantity_ordered": l.quantity,
            "quantity_canceled": l.quantity if order.state == "canceled" else 0,
            "quantity_invoiced": 0,
            "quantity_refunded": 0,
            "quantity_returned": 0,
            "quantity_shipped": 0,
            "status": "Ordered",
            "selected_options": [{"label": label, "value": value} for label, value in l.options],
            "entered_options": [],
            "discounts": [{"label": "Discount", "amount": amount(l.discount)}] if l.discount else [],
            "gift_message": l.gift,
        }
        for l in order.lines  # noqa: E741
    ]
    return {
        "id": uid(order.entity_id),
        "number": order.increment_id,
        "order_number": order.increment_id,
        "increment_id": order.increment_id,
        "order_date": order.created_at,
        "created_at": order.created_at,
        "order_status_change_date": order.updated_at,
        "status": order.status.capitalize(),
        "token": order.token,
        "email": order.email,
        "is_virtual": order.virtual,
        "carrier": (order.method_title or "").split(" - ")[0] or None,
        "shipping_method": order.method_title,
        "grand_total": order.grand_total,
        "applied_coupons": [{"code": code} for code in order.coupons],
        "customer_info": {"firstname": order.billing.firstname, "lastname": order.billing.lastname},
        "available_actions": [],
        "comments": [
            {"message": one["comment"], "timestamp": one["created_at"]}
            for one in order.comments
            if one["is_visible_on_front"]
        ],
        "items": items,
        "billing_address": _address(order.billing),
        "shipping_address": _address(order.shipping) if order.shipping else None,
        "payment_methods": [{"name": order.payment_title, "type": order.payment, "additional_data": []}],
        "shipments": order.shipments,
        "invoices": order.invoices,
        "credit_memos": order.credit_memos,
        "total": {
            "base_grand_total": {"value": money(order.grand_total / order.rate), "currency": order.base_currency},
            "grand_total": amount(order.grand_total),
            "grand_total_excl_tax": amount(money(order.grand_total - order.tax)),
            "subtotal": amount(order.subtotal),
            "subtotal_excl_tax": amount(order.subtotal),
            "subtotal_incl_tax": amount(order.subtotal_with_tax),
            "discounts": discounts,
            "taxes": taxes,
            "total_tax": amount(order.tax),
            "total_shipping": amount(order.shipping_amount),
            "shipping_handling": {
                "total_amount": amount(order.shipping_amount),
                "amount_excluding_tax": amount(order.shipping_amount),
                "amount_including_tax": amount(order.shipping_amount),
                "discounts": [],
                "taxes": [],
            },
        },
    }


def _address(address: Address) -> dict[str, Any]:
    return {
        "firstname": address.firstname,
        "lastname": address.lastname,
        "company": address.company,
        "street": address.street,
        "city": address.city,
        "region": address.region,
        "region_id": str(address.region_id) if address.region_id else None,
        "postcode": address.postcode,
        "country_code": address.country,
        "telephone": address.telephone,
        "vat_id": address.vat_id,
        "custom_attributesV2": [],
    }


FIELDS = {
    "Query": {"guestOrder": guest_order, "guestOrderByToken": guest_order_by_token},
    "Mutation": {"placeOrder": place_order},
}
