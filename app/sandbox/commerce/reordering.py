"""`reorderItems`: what was ordered goes into the customer's cart again (cust-074 to cust-076)."""

from __future__ import annotations

from typing import Any

from .accounts import known
from .call import Info, call
from .cart_edits import changed, open_cart, put
from .errors import CommerceError
from .lines import Refused


def reorder(_root: Any, info: Info, orderNumber: str) -> dict[str, Any]:  # noqa: N803 - Commerce's argument
    """Puts in what can be put in, and says of the rest why not. Another's order is refused as one that there is not."""
    context = call(info)
    one = known(context)
    own = (order for order in context.shop.orders if order.customer == one.id)
    order = next((each for each in own if each.increment_id == orderNumber), None)
    if order is None:
        raise CommerceError(f'Order number "{orderNumber}" doesn\'t belong to the current customer')
    sold, cart = context.shop.carts.by_id(order.quote_id), open_cart(context, None)
    errors: list[dict[str, Any]] = []
    for line in sold.lines if sold is not None else ():
        try:
            if line.sku not in context.shop.products:
                raise Refused(f'Could not find a product with SKU "{line.sku}"')
            put(context, cart, line)
        except Refused as refused:
            errors.append({"code": refused.code, "message": refused.message, "path": ["orderNumber"]})
    return {**changed(context, cart), "userInputErrors": errors}


FIELDS = {"Mutation": {"reorderItems": reorder}}
