"""A shop: its records, what can be done to them, and a journal of what was done for the indexers."""

from __future__ import annotations

import copy
import hashlib
import itertools
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from . import model
from .carts import Carts
from .customer_tokens import CustomerTokens
from .model import Category, Localized, Product
from .orders import Orders
from .sales import Sales


@dataclass(slots=True)
class Change:
    """A change of a product or a page: when, of what, what it was before, and the cache tag that it makes stale."""

    at: float
    tag: str
    sku: str | None = None
    before: Product | None = None


class Shop:
    """Everything that the stand-in serves. Change it by the methods, so that indexes and caches see it."""

    def __init__(self) -> None:
        self.websites: list[model.Website] = []
        self.groups: list[model.Group] = []
        self.stores: list[model.Store] = []
        self.base_currency = "USD"
        self.rates: dict[str, float] = {"USD": 1.0, "EUR": 0.92, "GBP": 0.79}
        self.attributes: list[model.Attribute] = []
        self.categories: dict[int, Category] = {}
        self.products: dict[str, Product] = {}
        self.pages: list[model.Page] = []
        self.blocks: list[model.Block] = []
        self.redirects: list[model.Redirect] = []
        self.reviews: dict[str, list[model.Review]] = {}
        self.customer_groups: list[model.CustomerGroup] = []
        self.customers: list[model.Customer] = []
        self.customer_attributes: dict[str, str] = {}
        self.admins: list[model.Admin] = []
        self.integrations: list[model.Integration] = []
        self.config: dict[str, str] = {}
        self.show_out_of_stock = False
        self.low_stock_threshold = 5.0
        self.two_factor = False
        self.now: Callable[[], float] = time.time
        self.sales = Sales()
        self.journal: list[Change] = []
        self._url_keys: dict[str, str] = {}
        self._tokens = 0
        self.carts = Carts(self._clock, self.token)
        self.orders = Orders(self._clock)
        self.customer_tokens = CustomerTokens(self._clock)
        self.address_numbers = itertools.count(1)

    def _clock(self) -> float:
        """The time by `now`, in whose place a test may put another clock at any time."""
        return self.now()

    # Building

    def add_category(self, category: Category) -> None:
        """Hang a category under its parent, which must be there already, and derive its path, level and URL path."""
        parent = self.categories.get(category.parent)
        category.path = (*(parent.path if parent else (category.parent,)), category.id)
        category.level = len(category.path) - 1
        inherited = f"{parent.url_path}/" if parent and parent.url_path else ""
        category.url_path = f"{inherited}{category.url_key}" if category.level > 1 else ""
        self.categories[category.id] = category
        if parent:
            siblings = [*(self.categories[entity] for entity in parent.children), category]
            parent.children = tuple(c.id for c in sorted(siblings, key=lambda c: (c.position, c.id)))

    def load(self, products: Iterable[Product]) -> None:
        """Take products without journalling them: for building a shop before it serves."""
        for product in products:
            self.products[product.sku] = product
            self._url_keys[product.url_key] = product.sku

    # Looking up

    def store(self, code: str) -> model.Store | None:
        return next((store for store in self.stores if store.code == code), None)

    def group_of(self, store: model.Store) -> model.Group:
        return next(group for group in self.groups if group.id == store.group)

    def website_of(self, store: model.Store) -> model.Website:
        group = self.group_of(store)
        return next(website for website in self.websites if website.id == group.website)

    def attribute(self, code: str) -> model.Attribute | None:
        return next((attribute for attribute in self.attributes if attribute.code == code), None)

    def page(self, identifier: str) -> model.Page | None:
        return next((page for page in self.pages if page.identifier == identifier), None)

    def block(self, identifier: str) -> model.Block | None:
        return next((block for block in self.blocks if block.identifier == identifier), None)

    def by_url_key(self, url_key: str) -> Product | None:
        return self.products.get(self._url_keys.get(url_key, ""))

    def customer(self, email: str, website: int) -> model.Customer | None:
        """The customer of a website with this e-mail address, in whatever case."""
        known = (c for c in self.customers if c.website == website)
        return next((c for c in known if c.email.lower() == email.lower()), None)

    def token(self, purpose: str) -> str:
        """A token nobody else has. Deterministic, so that a run can be repeated."""
        self._tokens += 1
        return hashlib.sha256(f"{purpose}/{self._tokens}".encode()).hexdigest()[:32]

    # Changing

    def set_price(self, sku: str, value: float, special: float | None = None) -> None:
        """Give a product another price in the base currency, and another special price (none by default)."""
        product = self._changing(sku)
        product.price, product.special_price = value, special

    def set_stock(self, sku: str, qty: float, in_stock: bool = True) -> None:
        """Set how many are left and whether the product is offered at all. `updated_at` stays, as on Commerce."""
        product = self._changing(sku, stamp=False)
        product.qty, product.in_stock = qty, in_stock

    def sell(self, sku: str, quantity: float) -> None:
        """Reserve what was ordered, or (with a negative quantity) give it back: the salable quantity falls or rises."""
        if sku in self.products:
            self._changing(sku, stamp=False).qty -= quantity

    def rename(self, sku: str, name: str, store: str | None = None) -> None:
        """Give a product another name, in one store view or (None) as the default value."""
        product = self._changing(sku)
        known: dict[str, str] = {"": product.name} if isinstance(product.name, str) else dict(product.name)
        product.name = {**known, store or "": name}

    def set_attribute(self, sku: str, code: str, value: int | tuple[int, ...] | str) -> None:
        """Set the value of an attribute: an option id, several of them, or a text."""
        product = self._changing(sku)
        product.attributes = {**product.attributes, code: value}

    def add(self, product: Product) -> None:
        """Add a product; listings and searches find it when the indexer has seen it."""
        product.updated_at = self._stamp()
        self.journal.append(Change(self.now(), f"cat_p_{product.id}", product.sku))
        self.load([product])

    def remove(self, sku: str) -> None:
        """Delete a product; what the indexes say of it stays until the indexer has run."""
        product = self.products.pop(sku)
        self._url_keys.pop(product.url_key, None)
        self.journal.append(Change(self.now(), f"cat_p_{product.id}", sku, product))

    def rename_category(self, id: int, name: str) -> None:
        """Give a category another name, the same in all store views."""
        category = self.categories[id]
        category.name, category.updated_at = name, self._stamp()
        self.journal.append(Change(self.now(), f"cat_c_{id}"))

    def remove_category(self, id: int) -> None:
        """Delete a category that has none below it. Its products stay."""
        category = self.categories.pop(id)
        parent = self.categories.get(category.parent)
        if parent is not None:
            parent.children = tuple(child for child in parent.children if child != id)
        for product in self.products.values():
            product.categories = tuple(entity for entity in product.categories if entity != id)
        self.journal.append(Change(self.now(), f"cat_c_{id}"))

    def remove_page(self, identifier: str) -> None:
        """Delete a CMS page."""
        page = self.page(identifier)
        if page is None:
            raise KeyError(identifier)
        self.pages.remove(page)
        self.journal.append(Change(self.now(), f"cms_p_{page.id}"))

    def set_page(self, identifier: str, content: Localized, title: Localized | None = None) -> None:
        """Rewrite a CMS page, or add one."""
        page = self.page(identifier)
        if page is None:
            page = model.Page(max((p.id for p in self.pages), default=0) + 1, identifier, identifier, "")
            self.pages.append(page)
        page.content, page.updated_at = content, self._stamp()
        page.title = title if title is not None else page.title
        self.journal.append(Change(self.now(), f"cms_p_{page.id}"))

    def set_block(self, identifier: str, content: Localized) -> None:
        """Rewrite a CMS block that exists."""
        block = self.block(identifier)
        if block is None:
            raise KeyError(identifier)
        block.content, block.updated_at = content, self._stamp()
        self.journal.append(Change(self.now(), f"cms_b_{block.id}"))

    def _changing(self, sku: str, stamp: bool = True) -> Product:
        """A copy of the product takes its place, so that indexes can go on showing the record as it was."""
        before = self.products[sku]
        product = self.products[sku] = copy.copy(before)
        self.journal.append(Change(self.now(), f"cat_p_{product.id}", sku, before))
        if stamp:
            product.updated_at = self._stamp()
        return product

    def _stamp(self) -> str:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(self.now()))
