"""The indexes: what listings, searches and prices see, which lags behind the shop as Magento's indexers do."""

from __future__ import annotations

import html
import re
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from .model import Attribute, Product, say
from .prices import Prices, part_skus, prices, salable
from .shop import Change, Shop

_WORD = re.compile(r"\w+")
_ENDINGS = re.compile(r"(en|e|n)?s?$")
_TAG = re.compile(r"<[^>]*>")


def words(text: str) -> list[str]:
    """The words of a text as the search compares them: lower case, without entities and plural endings."""
    return [_ENDINGS.sub("", word) if len(word) > 3 else word for word in _WORD.findall(html.unescape(text).lower())]


@dataclass(slots=True)
class Row:
    """One listed product as the search index knows it."""

    id: int
    sku: str
    url_key: str
    product: Product
    categories: frozenset[int]
    attributes: dict[str, tuple[int, ...]]
    salable: bool
    texts: dict[str, tuple[str, str]] = field(default_factory=dict)

    def text(self, store: str, labels: Callable[[Row, str], str]) -> tuple[str, str]:
        """Name, and everything else that is searched, as ` word word `; made when first searched."""
        if store not in self.texts:
            name = say(self.product.name, store)
            rest = " ".join(
                [self.sku, say(self.product.description, store), say(self.product.short_description, store)]
            )
            rest = f"{_TAG.sub(' ', rest)} {labels(self, store)}"
            self.texts[store] = (f" {' '.join(words(name))} ", f" {' '.join(words(rest))} ")
        return self.texts[store]


class Index:
    """Rows of all listed products, kept up to date from the shop's journal, `lag` seconds late."""

    def __init__(self, shop: Shop, lag: float = 0.0) -> None:
        self.shop = shop
        self.lag = lag
        self.generation = 0
        self.memo: dict[Any, Any] = {}
        self._seen = len(shop.journal)
        self._due: deque[Change] = deque()
        self._before: dict[str, deque[Product | None]] = {}
        self._parents: dict[str, list[str]] = {}
        self._prices: dict[tuple[str, int], Prices] = {}
        self.rows: dict[str, Row] = {}
        self._by_category: dict[int, list[Row]] | None = None
        self._all: list[Row] | None = None
        for product in shop.products.values():
            self._put(product)

    def refresh(self) -> list[str]:
        """Read the journal and index what is due. Returns the cache tags that changes made stale meanwhile."""
        stale = []
        for change in self.shop.journal[self._seen :]:
            stale.append(change.tag)
            if change.sku is not None:
                self._due.append(change)
                self._before.setdefault(change.sku, deque()).append(change.before)
        self._seen = len(self.shop.journal)
        now = self.shop.now()
        while self._due and self._due[0].at + self.lag <= now:
            change = self._due.popleft()
            stale.append(change.tag)
            if change.sku is not None:
                self._reindex(change.sku)
        if stale:
            self.generation += 1
            self.memo.clear()
        return stale

    def view(self, sku: str) -> Product | None:
        """The product as the indexers last saw it."""
        before = self._before.get(sku)
        return before[0] if before else self.shop.products.get(sku)

    def prices(self, sku: str, group: int) -> Prices:
        """The indexed prices of a product for a customer group."""
        key = (sku, group)
        if key not in self._prices:
            product = self.view(sku)
            self._prices[key] = prices(product, group, self.view) if product else Prices(0, 0, 0, 0)
        return self._prices[key]

    def salable(self, sku: str) -> bool:
        product = self.view(sku)
        return product is not None and salable(product, self.view)

    def listed(self, website: int, category: int | None = None) -> list[Row]:
        """The products that a listing of that website shows, newest first (the position order of gql-036)."""
        if self._all is None or self._by_category is None:
            self._all = sorted(self.rows.values(), key=lambda row: -row.id)
            self._by_category = {}
            for row in self._all:
                for entity in row.categories:
                    self._by_category.setdefault(entity, []).append(row)
        rows = self._all if category is None else self._by_category.get(category, [])
        return [row for row in rows if self.shows(row, website)]

    def shows(self, row: Row, website: int) -> bool:
        """Whether listings show the product: out of stock it is hidden unless the shop says otherwise (gql-060)."""
        return website in row.product.websites and (row.salable or self.shop.show_out_of_stock)

    def labels(self, row: Row, store: str) -> str:
        """The option labels of a product, which are searched too."""
        found = []
        for code, ids in row.attributes.items():
            attribute = self.shop.attribute(code)
            for value in ids if attribute and attribute.options else ():
                option = attribute.option(value) if attribute else None
                found.append(say(option.label, store) if option else "")
        return " ".join(found)

    def _put(self, product: Product) -> None:
        for part in part_skus(product):
            parents = self._parents.setdefault(part, [])
            if product.sku not in parents:
                parents.append(product.sku)
        if not product.visible:
            return
        parts = [part for part in map(self.view, part_skus(product)) if part is not None]
        owners = [product, *parts] if product.kind == "configurable" else [product]
        self.rows[product.sku] = Row(
            product.id,
            product.sku,
            product.url_key,
            product,
            self._memberships(product.categories),
            {a.code: v for a in self.shop.attributes if (v := _values(a, owners, self.view))},
            salable(product, self.view),
        )
        self._by_category = self._all = None

    def _memberships(self, categories: Iterable[int]) -> frozenset[int]:
        """The categories of a product and those above them that are anchors, without the root."""
        found = set(categories)
        for entity in categories:
            for above in self.shop.categories[entity].path[2:-1]:
                if self.shop.categories[above].anchor:
                    found.add(above)
        return frozenset(found)

    def _reindex(self, sku: str) -> None:
        before = self._before[sku]
        before.popleft()
        if not before:
            del self._before[sku]
        for one in (sku, *self._parents.get(sku, ())):
            for key in [key for key in self._prices if key[0] == one]:
                del self._prices[key]
            product = self.view(one)
            if product is not None:
                self._put(product)
            elif self.rows.pop(one, None):
                self._by_category = self._all = None


def _values(attribute: Attribute, owners: list[Product], view: Callable[[str], Product | None]) -> tuple[int, ...]:
    """The option ids that listings filter by: a configurable has those of its variants that can be bought."""
    found: dict[int, None] = {}
    for owner in owners:
        value = owner.attributes.get(attribute.code)
        if value is None or isinstance(value, str) or (not owner.visible and not salable(owner, view)):
            continue
        found.update(dict.fromkeys(value if isinstance(value, tuple) else (value,)))
    return tuple(found)
