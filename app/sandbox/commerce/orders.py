"""Orders: what was sold to whom, and what became of it."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .carts import Address


@dataclass(slots=True)
class OrderLine:
    """One line as it was sold. `takes` is what it took from stock."""

    id: int
    quote_item: int
    product_id: int
    sku: str
    ordered_sku: str
    name: str
    kind: str
    quantity: float
    price: float
    original_price: float
    row_total: float
    tax: float
    tax_percent: float
    discount: float
    weight: float
    options: list[tuple[str, str]]
    takes: dict[str, float]
    gift: dict[str, str] | None = None


@dataclass(slots=True)
class Order:
    """An order. Amounts are in its own currency; `rate` is how much of it one of the base currency is."""

    entity_id: int
    increment_id: str
    quote_id: int
    store_id: int
    store_name: str
    email: str
    customer: int | None
    group: int
    lines: list[OrderLine]
    currency: str
    base_currency: str
    rate: float
    subtotal: float
    subtotal_with_tax: float
    discount: float
    discounts: list[tuple[str, str, float]]
    tax: float
    tax_label: str | None
    tax_percent: float
    shipping_amount: float
    grand_total: float
    method: str | None
    method_title: str | None
    payment: str
    payment_title: str
    po_number: str | None
    shipping: Address | None
    billing: Address
    created_at: str
    updated_at: str
    coupons: list[str] = field(default_factory=list)
    state: str = "new"
    status: str = "pending"
    before_hold: tuple[str, str] | None = None
    comments: list[dict[str, Any]] = field(default_factory=list)
    token: str = ""
    shipments: list[dict[str, Any]] = field(default_factory=list)
    invoices: list[dict[str, Any]] = field(default_factory=list)
    credit_memos: list[dict[str, Any]] = field(default_factory=list)

    @property
    def virtual(self) -> bool:
        return self.shipping is None


class Orders:
    """All orders of a shop, in the order they were placed."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.placed: list[Order] = []
        self._now = now
        self._numbers: dict[int, itertools.count[int]] = {}
        self.line_ids = itertools.count(1)
        self._comments = itertools.count(1)

    def __iter__(self) -> Any:
        return iter(self.placed)

    def __len__(self) -> int:
        return len(self.placed)

    def stamp(self) -> str:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(self._now()))

    def number(self, store: int) -> str:
        """The next number of a store view: nine digits, and the store's id before all but the first store's."""
        following = next(self._numbers.setdefault(store, itertools.count(1)))
        return f"{'' if store == 1 else store}{following:09d}"

    def by_id(self, id: int) -> Order | None:
        return self.placed[id - 1] if 0 < id <= len(self.placed) else None

    def by_number(self, number: str) -> Order | None:
        return next((order for order in self.placed if order.increment_id == number), None)

    def of_quote(self, quote: int) -> list[Order]:
        return [order for order in self.placed if order.quote_id == quote]

    def comment(self, order: Order, given: dict[str, Any]) -> None:
        """Add a comment, and give the order the status that comes with it (ord-010, pay-020)."""
        status = given.get("status") or order.status
        order.comments.append(
            {
                "comment": given.get("comment") or "",
                "created_at": self.stamp(),
                "entity_id": next(self._comments),
                "is_customer_notified": int(given.get("is_customer_notified") or 0),
                "is_visible_on_front": int(given.get("is_visible_on_front") or 0),
                "parent_id": order.entity_id,
                "status": status,
            }
        )
        order.status, order.updated_at = status, self.stamp()

    def set_state(self, order: Order, state: str, status: str) -> None:
        order.state, order.status, order.updated_at = state, status, self.stamp()
