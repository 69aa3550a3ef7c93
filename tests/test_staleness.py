"""How long changes stay unseen, measured against a Commerce whose indexers lag and that has a page cache, by a clock of
the test's own: no longer than the published table says."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from app.commerce.change_events import adobe_changes, adobe_events, plain
from app.commerce.changes import Change, Kind
from app.commerce.polling import Polling
from app.commerce.staleness import ADOBE, DOCUMENT, SOURCES, bounds, document
from app.sandbox.commerce import Shop, create_commerce
from app.sources import Sources, pace_of
from tests.conftest import COMMERCE, Api, running, settings
from tests.test_changes import event

NOW = 1_800_000_000.0
STEP = 5.0  # seconds of the test's clock between reads, and between looks of a worker
LONG_STEP = 20.0  # the same where nothing is told
SWEEP = 300.0
SKU = "TT-C12"
GONE = "TT-J01"
SOLD_OUT = "TT-C11"
LEAF = 3


@dataclass
class Clock:
    now: float = NOW

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Case:
    """A change of one kind: the row of the table, what is done to the shop, what a shopper asks and sees of it (before
    and after), and what is told of it by the plain form and by Adobe."""

    row: str
    change: Callable[[Shop], None]
    query: str
    seen: Callable[[Any], Any]
    told: dict[str, Any] = field(default_factory=dict)
    code: str = ""
    value: dict[str, Any] = field(default_factory=dict)


def add_product(shop: Shop) -> None:
    new = copy.copy(shop.products[SKU])
    new.id, new.sku, new.url_key, new.name = 9999, "NEW", "brand-new", "Brandnew Thing"
    shop.add(new)


def remove_leaf(shop: Shop) -> None:
    leaf = max(each.id for each in shop.categories.values() if not each.children and each.level == 3)
    shop.remove_category(leaf)


PRICE = '{ product(sku: "TT-C12") { price { final { amount } } } }'
STOCK = '{ product(sku: "TT-C11") { inStock } }'
CASES = {
    "price": Case(
        "price of a product",
        lambda shop: shop.set_price(SKU, 3.33),
        PRICE,
        lambda data: data["product"]["price"]["final"]["amount"],
        {"type": "product", "sku": SKU},
        "observer.catalog_product_save_commit_after",
        {"sku": SKU},
    ),
    "stock": Case(
        "stock",
        lambda shop: shop.set_stock(SOLD_OUT, 0, in_stock=False),
        STOCK,
        # Commerce does not list at all what is out of stock.
        lambda data: data["product"] is not None,
        {"type": "stock", "sku": SOLD_OUT},
        "observer.cataloginventory_stock_item_save_commit_after",
        {"sku": SOLD_OUT},
    ),
    "name": Case(
        "name, texts and pictures of a product",
        lambda shop: shop.rename(SKU, "Other"),
        '{ product(sku: "TT-C12") { name } }',
        lambda data: data["product"]["name"],
        {"type": "product", "sku": SKU},
        "observer.catalog_product_save_commit_after",
        {"sku": SKU},
    ),
    "new product": Case(
        "new product: its page, its URL, listings",
        add_product,
        '{ search(text: "brandnew") { total } product(urlKey: "brand-new") { sku } route(url: "brand-new.html") { url } }',
        lambda data: (data["search"]["total"], data["product"] is None, data["route"] is None),
        {"type": "product", "sku": "NEW"},
        "observer.catalog_product_save_commit_after",
        {"sku": "NEW"},
    ),
    "deleted product": Case(
        "deleted product: its page, its URL, listings",
        lambda shop: shop.remove(GONE),
        '{ product(sku: "TT-J01") { sku } search(text: "TT-J01") { items { sku } } }',
        lambda data: (data["product"] is None, GONE in str(data["search"])),
        {"type": "product", "sku": GONE},
        "observer.catalog_product_delete_commit_after",
        {"sku": GONE},
    ),
    "category": Case(
        "category: name, place, texts, new or deleted URL",
        lambda shop: shop.rename_category(LEAF, "Other"),
        "{ navigation(depth: 2) { name children { name } } }",
        lambda data: "Other" in str(data),
        {"type": "category", "id": LEAF},
        "observer.catalog_category_save_commit_after",
        {"entity_id": str(LEAF)},
    ),
    "deleted category": Case(
        "deleted category",
        remove_leaf,
        "{ navigation(depth: 3) { name children { name } } }",
        str,
        {"type": "category", "id": 99},
        "observer.catalog_category_delete_commit_after",
        {"entity_id": "99"},
    ),
    "page": Case(
        "CMS page, new or changed",
        lambda shop: shop.set_page("home", "Other"),
        '{ page(identifier: "home") { content } }',
        lambda data: data["page"]["content"],
        {"type": "page", "identifier": "home"},
        "observer.cms_page_save_commit_after",
    ),
    "new page": Case(
        "CMS page, new or changed",
        lambda shop: shop.set_page("fresh", "Other"),
        '{ page(identifier: "fresh") { content } route(url: "fresh") { url } }',
        lambda data: (data["page"] is None, data["route"] is None),
        {"type": "page", "identifier": "fresh"},
        "observer.cms_page_save_commit_after",
    ),
    "block": Case(
        "CMS block, new or changed",
        lambda shop: shop.set_block(shop.blocks[0].identifier, "Other"),
        '{ blocks(identifiers: ["%s"]) { content } }',
        lambda data: data["blocks"][0]["content"],
        {"type": "block", "identifier": "%s"},
        "observer.cms_block_save_commit_after",
    ),
    "deleted page": Case(
        "deleted CMS page or block",
        lambda shop: shop.remove_page("home"),
        '{ page(identifier: "home") { content } }',
        lambda data: data["page"] is None,
        {"type": "page", "identifier": "home"},
        "observer.cms_page_delete_commit_after",
    ),
}


@dataclass
class World:
    """A shop and the application before it, whose time is the test's."""

    api: Api
    sources: Sources
    polling: Polling
    clock: Clock

    async def read(self, case: Case) -> Any:
        """What a shopper sees, once all that was begun behind the answer has ended."""
        query = case.query.replace("%s", self.api.commerce.shop.blocks[0].identifier)
        data = await self.api.data(query)
        while self.api.parts.cache._refills or self.api.parts.cache._flights:
            await asyncio.sleep(0)
        return case.seen(data)

    async def truth(self, case: Case) -> Any:
        """What there is to be seen when all has come to rest."""
        await self.sources.changes.apply([Change(Kind.ALL)])
        return await self.read(case)


@asynccontextmanager
async def world(**given: Any) -> AsyncIterator[World]:
    lag = given.pop("lag", 90.0)
    commerce = create_commerce("2.4.8", public_url=COMMERCE, indexer_lag=lag, page_cache=True)
    clock = Clock()
    commerce.shop.now = clock
    admin = commerce.shop.admins[0]
    defaults = {
        "environment": "development",
        "redis_state_url": "memory://",
        "redis_cache_url": "memory://",
        "cache_local": 0,
        "commerce_sweep": SWEEP,
        "commerce_admin_username": admin.username,
        "commerce_admin_password": admin.password,
    }
    async with running(commerce, **{**defaults, **given}) as api:
        sources = api.parts.sources
        assert sources is not None
        api.parts.cache._clock = sources.changes._clock = clock
        yield World(api, sources, Polling(api.parts.rest, sources.changes, api.parts.state, pause=0), clock)


async def measure(world: World, case: Case, source: str, bound: float, *, only: float | None = None) -> float:
    """The seconds from a change until it was seen for good. It comes at the worst moment: just after everything was
    read, and just after the last look. `only`: nobody reads but once, so many seconds after the change."""
    changes, pace = world.sources.changes, pace_of(world.sources.settings)
    await world.polling.poll()
    await world.polling.sweep()
    while await changes.pending():
        world.clock.now += 60
        await changes.repeat()
    before = await world.read(case)
    start = world.clock.now = world.clock.now + 0.5
    shop = world.api.commerce.shop
    case.change(shop)
    told = {key: value % shop.blocks[0].identifier if value == "%s" else value for key, value in case.told.items()}
    news: dict[str, tuple[float, set[Change]]] = {
        "plain webhook": (0.0, set(plain({"changes": [told]}).changes)),
        "Adobe I/O Events": (
            ADOBE,
            {each for each in adobe_changes(adobe_events(event(case.code, **case.value))) if isinstance(each, Change)},
        ),
    }
    late, changed = news.get(source, (0.0, set()))
    step = LONG_STEP if source == "no news" else STEP
    next_poll, next_sweep, passed, last_stale = pace.poll, pace.sweep, 0.0, 0.0
    while passed <= bound + step:
        if changed and passed >= late:
            await changes.apply(changed)
            changed = set()
        if source == "polling" and passed >= next_poll:
            await world.polling.poll()
            next_poll += pace.poll
        if source == "polling" and passed >= next_sweep:
            await world.polling.sweep()
            next_sweep += pace.sweep
        if source != "no news":
            await changes.repeat()
        if (only is None or passed >= min(only, bound)) and await world.read(case) == before:
            last_stale = passed
        if only is not None and passed < only:
            passed = only
        else:
            passed += step
        world.clock.now = start + passed
    assert await world.truth(case) != before, "the change is none that can be seen"
    return last_stale


@pytest.mark.parametrize("source", SOURCES)
async def test_no_change_stays_unseen_for_longer_than_the_table_says(source: str) -> None:
    async with world() as one:
        pace = pace_of(one.sources.settings)
        for name, case in CASES.items():
            bound = bounds(pace)[case.row][SOURCES.index(source)]
            unseen = await measure(one, case, source, bound)
            assert unseen <= bound, (name, unseen, bound)
        # What is known of it came by POST, past Commerce's own page cache.
        assert {seen.method for seen in one.api.commerce.requests if seen.path == "/graphql"} == {"POST"}


async def test_without_news_what_nobody_reads_meanwhile_is_old_for_twice_its_time_and_no_longer() -> None:
    """Twice its time, apart from the tenth that freshness is shortened by at most, so that not all run out at once."""
    async with world(lag=0.0) as one:
        for name, only in (("page", 1130.0), ("category", 1130.0), ("name", 110.0), ("price", 110.0)):
            bound = bounds(pace_of(one.sources.settings))[CASES[name].row][3]
            assert await measure(one, CASES[name], "no news", bound, only=only) == only


async def test_without_repeats_a_price_that_the_indexers_have_not_seen_yet_stays_too_long() -> None:
    """The measuring can fail: it finds what is left by a purge that is not repeated when the indexers have run."""
    async with world(indexer_lag=0) as one:
        bound = bounds(pace_of(one.sources.settings))[CASES["price"].row][1]
        assert await measure(one, CASES["price"], "plain webhook", 150) > 90 > bound


def test_the_table_follows_from_the_settings() -> None:
    slow = pace_of(settings(cache_prices=60, cache_content=3600, indexer_lag=10, commerce_poll=0, commerce_sweep=600))
    found = {name: list(row) for name, row in bounds(slow).items()}
    assert found["CMS page, new or changed"] == [65, 5, 7210, 7210]
    assert found["deleted CMS page or block"] == [65, 5, 615, 7210]
    assert found["price of a product"] == [73, 13, 140, 140]
    assert found["price by a date or a price rule"] == [140, 140, 140, 140]
    # News never makes it worse than none.
    assert all(max(row) == row[3] for row in found.values())


def test_the_published_table_is_that_of_the_defaults() -> None:
    assert DOCUMENT.read_text() == document(pace_of(settings()))


def test_every_case_has_a_row() -> None:
    assert {case.row for case in CASES.values()} <= set(bounds(pace_of(settings())))
    told = {case.told["type"] for case in CASES.values()}
    assert told == {Kind.PRODUCT, Kind.STOCK, Kind.CATEGORY, Kind.PAGE, Kind.BLOCK}
