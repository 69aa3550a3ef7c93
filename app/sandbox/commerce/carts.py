"""Carts: what is in them, whose they are, and the refusals for those who may not have them."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .errors import ALREADY_EXISTS, AUTHORIZATION, NO_SUCH_ENTITY, CommerceError

ID_LENGTH = 32


@dataclass(slots=True)
class Line:
    """One line. variant: the SKU chosen of a configurable product. parts: option, selection and quantity of a bundle.

    links: of a download. options: of customizable options, the id and what was entered or the ids of what was chosen.
    """

    id: int
    sku: str
    kind: str
    quantity: float
    variant: str | None = None
    parts: tuple[tuple[int, int, float], ...] = ()
    links: tuple[int, ...] = ()
    options: tuple[tuple[int, str | tuple[int, ...]], ...] = ()
    gift: dict[str, str] | None = None

    @property
    def same(self) -> tuple[object, ...]:
        """What two lines have in common that are one line."""
        return (self.sku, self.variant, self.parts, self.links, self.options)

    @property
    def ships(self) -> bool:
        return self.kind not in ("virtual", "downloadable")


@dataclass(slots=True)
class Address:
    id: int
    firstname: str
    lastname: str
    street: list[str]
    city: str
    postcode: str | None
    country: str
    region: str | None
    region_code: str | None
    region_id: int | None
    telephone: str | None
    company: str | None = None
    vat_id: str | None = None
    notes: str | None = None
    pickup: str | None = None
    saved: bool = False


@dataclass(slots=True)
class Cart:
    """A quote, as Magento calls it: `id` is its number, `masked` the id that GraphQL knows, `gift` its gift options."""

    id: int
    masked: str
    store: int
    currency: str
    customer: int | None = None
    active: bool = True
    email: str | None = None
    lines: list[Line] = field(default_factory=list)
    coupons: list[str] = field(default_factory=list)
    shipping: Address | None = None
    billing: Address | None = None
    method: tuple[str, str] | None = None
    payment: str = ""
    po_number: str | None = None
    reserved: str | None = None
    gift: dict[str, Any] = field(default_factory=dict)
    created_at: str = ""
    updated_at: str = ""

    @property
    def virtual(self) -> bool:
        return bool(self.lines) and not any(line.ships for line in self.lines)

    @property
    def quantity(self) -> float:
        return sum(line.quantity for line in self.lines)

    def line(self, id: int) -> Line | None:
        return next((line for line in self.lines if line.id == id), None)

    def line_of(self, given: dict[str, Any], decode: Callable[[str], str]) -> tuple[Line | None, str]:
        """The line that `cart_item_uid` or `cart_item_id` names, and what was given (cart-030, cart-031)."""
        found = decode(given["cart_item_uid"]) if given.get("cart_item_uid") else str(given.get("cart_item_id") or "")
        return (self.line(int(found)) if found.isdigit() else None), found


class Carts:
    """All carts of a shop, by masked id."""

    def __init__(self, now: Callable[[], float], token: Callable[[str], str]) -> None:
        self.by_masked: dict[str, Cart] = {}
        self._by_id: dict[int, Cart] = {}
        self._now = now
        self._token = token
        self._ids = itertools.count(1)
        self.line_ids = itertools.count(1)
        self.address_ids = itertools.count(1)
        self.placing: dict[int, int] = {}

    def stamp(self) -> str:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(self._now()))

    def touch(self, cart: Cart) -> None:
        cart.updated_at = self.stamp()

    def create(self, store: int, currency: str, customer: int | None, masked: str | None = None) -> Cart:
        """A new cart, under the id that the client chose or a new one (cart-001 to cart-003)."""
        if masked is not None:
            if len(masked) != ID_LENGTH:
                raise CommerceError("Cart ID length should to be 32 symbols.")
            if masked in self.by_masked:
                raise CommerceError(f'Cart with ID "{masked}" already exists.', ALREADY_EXISTS)
        cart = Cart(next(self._ids), masked or self._token("cart"), store, currency, customer)
        cart.created_at = cart.updated_at = self.stamp()
        self.by_masked[cart.masked] = self._by_id[cart.id] = cart
        return cart

    def by_id(self, id: int) -> Cart | None:
        return self._by_id.get(id)

    def of_customer(self, customer: int) -> Cart | None:
        """The customer's own cart that can still be filled."""
        return next((c for c in self.by_masked.values() if c.customer == customer and c.active), None)

    def mine(self, masked: str, customer: int | None) -> Cart:
        """The cart, if it is the caller's and still open (cart-026, cart-070, cust-041 to cust-047)."""
        cart = self.by_masked.get(masked)
        if cart is None:
            raise CommerceError(f'Could not find a cart with ID "{masked}"', NO_SUCH_ENTITY)
        if not cart.active:
            raise CommerceError("The cart isn't active.", NO_SUCH_ENTITY)
        if cart.customer != customer:
            message = f'The current user cannot perform operations on cart "{masked}"'
            raise CommerceError(message, AUTHORIZATION)
        return cart
