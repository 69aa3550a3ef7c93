"""A guest's order, found by what only he and the shop know.

Commerce checks less than we do, and not the same in each version: number, e-mail and postcode in 2.4.7, last name in
the postcode's place from 2.4.8 on, and before that nothing but REST finds orders (FACTS, Carts and orders). So all four
are compared here, against the order itself.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from app.attempts import Attempts
from app.commerce.client import StoreContext
from app.commerce.reads import Reads
from app.commerce.rest import Rest
from app.errors import Unsupported, UpstreamError, UpstreamFailed, UpstreamInvalid

Node = Mapping[str, Any]
_NUMBER = re.compile(r"[A-Za-z0-9_-]{1,50}")
_MAX_TEXT = 255
_ADDRESS = "firstname,lastname,company,street,city,region,region_code,region_id,postcode,country_id,telephone"
_ITEM = "parent_item_id,name,sku,qty_ordered,qty_shipped,qty_canceled,qty_refunded,price,row_total"
_FIELDS = (
    "items[increment_id,created_at,status,customer_email,customer_is_guest,order_currency_code,coupon_code,"
    "shipping_description,subtotal,discount_amount,discount_description,shipping_amount,tax_amount,grand_total,"
    f"payment[method,additional_information],items[{_ITEM}],billing_address[{_ADDRESS}],"
    f"extension_attributes[shipping_assignments[shipping[address[{_ADDRESS}]]]]],total_count"
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a guest says of his order."""

    number: str
    email: str
    last_name: str
    postcode: str

    @property
    def possible(self) -> bool:
        """Whether there can be such an order at all."""
        texts = (self.email, self.last_name, self.postcode)
        return (
            _NUMBER.fullmatch(self.number) is not None
            and bool(self.email.strip() and self.last_name.strip())
            and all(len(text) <= _MAX_TEXT for text in texts)
        )

    def fits(self, order: Node) -> bool:
        """Whether all four are those of an order; case and white space do not count, but in the number."""
        address = order.get("billing_address") or {}
        pairs = (
            (self.email, order.get("email")),
            (self.last_name, address.get("lastname")),
            (self.postcode, address.get("postcode")),
        )
        return self.number == order.get("number") and all(_plain(one) == _plain(other) for one, other in pairs)


def _plain(text: object) -> str:
    return "".join(str(text or "").split()).casefold()


class GuestOrders:
    """Finds the orders of guests, at most so often without success: `per_order` for each number and e-mail address,
    `per_address` for each caller. `reads` gives the newest `Reads`."""

    def __init__(self, reads: Callable[[], Reads], rest: Rest, *, per_order: Attempts, per_address: Attempts) -> None:
        self._reads = reads
        self._rest = rest
        self._per_order = per_order
        self._per_address = per_address

    async def find(self, wanted: Wanted, caller: str, store: StoreContext, headers: Mapping[str, str]) -> Node | None:
        """The order as Commerce's `CustomerOrder`; None, for whatever reason there is none.

        `caller` is the network that the asker comes from, `headers` are his, for Commerce. Raises `TooManyAttempts`,
        `StateUnavailable`, `Unsupported` where orders cannot be found at all, or another `UpstreamError`.
        """
        scope = f"{wanted.number} {_plain(wanted.email)}"
        await self._per_address.take(caller)
        await self._per_order.take(scope)
        try:
            candidates = await self._candidates(wanted, store, headers) if wanted.possible else []
        except UpstreamError:
            # It told nothing about the order.
            await self._give_back(scope, caller)
            raise
        found = next(filter(wanted.fits, candidates), None)
        if found is not None:
            await self._give_back(scope, caller)
        return found

    async def _give_back(self, scope: str, caller: str) -> None:
        await self._per_order.give_back(scope)
        await self._per_address.give_back(caller)

    async def _candidates(self, wanted: Wanted, store: StoreContext, headers: Mapping[str, str]) -> list[Node]:
        reads = self._reads()
        if not reads.capabilities.operations.offers("GuestOrder"):
            return await self._over_rest(wanted.number, headers)
        variables = {
            "number": wanted.number,
            "email": wanted.email.strip(),
            "lastname": wanted.last_name.strip(),
            "postcode": wanted.postcode.strip(),
        }
        try:
            reply = await reads.read("GuestOrder", (), variables, store, headers=headers)
        except UpstreamFailed as error:
            # Commerce's words for what it does not find, or does not show to a guest.
            if error.category.startswith("graphql"):
                return []
            raise
        found = reply.data.get("guestOrder")
        return [found] if found else []

    async def _over_rest(self, number: str, headers: Mapping[str, str]) -> list[Node]:
        if not self._rest.available:
            raise Unsupported("GuestOrder", "this Commerce has no guestOrder, and no REST credentials are set")
        where = "searchCriteria[filter_groups][0][filters][0]"
        listed = await self._rest.get(
            f"orders?{where}[field]=increment_id&{where}[value]={quote(number, safe='')}"
            f"&{where}[condition_type]=eq&fields={_FIELDS}",
            headers=headers,
        )
        items = listed.get("items") if isinstance(listed, dict) else None
        # `fields` makes null of an empty list (recording ord-002).
        orders = items if isinstance(items, list) else [] if isinstance(listed, dict) else None
        if orders is None or not all(isinstance(order, dict) for order in orders):
            raise UpstreamInvalid("orders: there is no list of orders")
        return [customer_order(order) for order in orders if order.get("customer_is_guest")]


def customer_order(order: Node) -> Node:
    """An order of REST (recording ord-005) as GraphQL's `CustomerOrder`."""
    currency = order.get("order_currency_code")

    def money(value: object) -> Node:
        return {"value": value, "currency": currency}

    payment = order.get("payment") or {}
    discount = abs(order.get("discount_amount") or 0)
    label = order.get("discount_description") or order.get("coupon_code") or "Discount"
    assignments: list[Node] = (order.get("extension_attributes") or {}).get("shipping_assignments") or []
    shipping: Node = (assignments[0].get("shipping") if assignments else None) or {}
    return {
        "number": order.get("increment_id"),
        "order_date": order.get("created_at"),
        "status": str(order.get("status") or "").replace("_", " ").capitalize(),
        "email": order.get("customer_email"),
        "shipping_method": order.get("shipping_description"),
        "payment_methods": [{"name": _title(payment), "type": payment.get("method")}],
        "applied_coupons": [{"code": code} for code in filter(None, str(order.get("coupon_code") or "").split(","))],
        # The variant of a configurable product and the parts of a bundle are listed beside their line.
        "items": [_item(item, money) for item in order.get("items") or () if not item.get("parent_item_id")],
        "billing_address": _address(order.get("billing_address")),
        "shipping_address": _address(shipping.get("address")),
        "total": {
            "subtotal": money(order.get("subtotal")),
            "discounts": [{"label": label, "amount": money(discount)}] if discount else [],
            "total_shipping": money(order.get("shipping_amount")),
            "total_tax": money(order.get("tax_amount")),
            "grand_total": money(order.get("grand_total")),
        },
    }


def _title(payment: Node) -> object:
    told = payment.get("additional_information")
    return told[0] if isinstance(told, list) and told and told[0] else payment.get("method")


def _item(item: Node, money: Callable[[object], Node]) -> Node:
    return {
        "product_name": item.get("name"),
        "product_sku": item.get("sku"),
        "product_sale_price": money(item.get("price")),
        "prices": {"row_total": money(item.get("row_total"))},
        "quantity_ordered": item.get("qty_ordered"),
        "quantity_shipped": item.get("qty_shipped"),
        "quantity_canceled": item.get("qty_canceled"),
        "quantity_refunded": item.get("qty_refunded"),
        "selected_options": [],
    }


def _address(address: Node | None) -> Node | None:
    return {**address, "country_code": address.get("country_id")} if address else None
