"""What a change makes old, that it is purged at once and again, and that no crash or loss of Redis forgets it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app.cache import Cache, Fetched, Local, Shared, Ticket, Times
from app.commerce.change_events import MOST_CHANGES, Nameless, adobe_changes, adobe_events, plain, recipients
from app.commerce.changes import COARSE_SLOT, MOST_NAMED, Change, Changes, Kind, Stale, delays, few, uid_of
from app.commerce.freshness import tags_of
from app.errors import BadInput, StateUnavailable
from app.redis_client import MEMORY, connect
from app.state import State
from tests.redis_server import Server

NOW = 1_800_000_000.0
TIMES = Times(10_000, 0, 10_000)
SKUS = Change(Kind.PRODUCT, "TT-J01")


@dataclass
class Clock:
    now: float = NOW

    def __call__(self) -> float:
        return self.now


@dataclass
class Shelf:
    """A cache with entries of some tags in two store views, and the changes that come to it."""

    cache: Cache
    changes: Changes
    clock: Clock
    version: int = 1

    async def read(self, *tags: str, store: str = "default") -> int:
        """The version that is kept under these tags, fetched if nothing is."""
        version = self.version

        async def fetch(_: Ticket | None) -> Fetched:
            return Fetched(b"%d" % version, ("all", *tags))

        found = await self.cache.read(store, "+".join(tags), TIMES, fetch)
        return int(found.entry.body)


@asynccontextmanager
async def shelf(url: str = MEMORY, *, lag: float = 60, state: State | None = None) -> AsyncIterator[Shelf]:
    clock = Clock()
    # Without a tier of its own it reads what Redis says.
    cache = Cache(Shared(connect(url, 1.0)), Local(0, lambda: 0.0), patience=3.0, clock=clock)
    state = state or State(MEMORY)
    changes = Changes(cache, state, lambda: ("default", "de"), lag=lag, refresh=300, clock=clock)
    try:
        yield Shelf(cache, changes, clock)
    finally:
        await cache.close()
        await state.close()


# What is stale


@pytest.mark.parametrize(
    ("change", "named", "coarse"),
    [
        (Change(Kind.PRODUCT, "TT-J01"), {"product:tt-j01"}, {"listings", "unrouted"}),
        (Change(Kind.STOCK, "TT-J01"), {"product:tt-j01"}, set()),
        (
            Change(Kind.PRODUCTS),
            {"operation:Products", "operation:CategoryPage", "operation:PickupLocations"},
            {"unrouted"},
        ),
        (Change(Kind.CATEGORY, "3"), {"category:Mw==", "categories", "routes", "operation:Products"}, set()),
        (Change(Kind.PAGE, "home"), {"page:home", "unrouted"}, set()),
        (Change(Kind.PAGE), {"operation:Page", "routes"}, set()),
        (Change(Kind.BLOCK, "footer"), {"block:footer", "operation:Page", "categories"}, set()),
        (Change(Kind.ROUTE), {"routes"}, set()),
        (Change(Kind.CONFIG), {"config"}, set()),
        (Change(Kind.ALL), {"all"}, set()),
    ],
)
def test_a_change_makes_stale_what_shows_it(change: Change, named: set[str], coarse: set[str]) -> None:
    assert Stale.of(change) == Stale(frozenset(named), frozenset(coarse))


PAGE = {"products": {"items": [{"sku": "TT-J01"}]}}
EMPTY: dict[str, Any] = {"products": {"items": []}}


@pytest.mark.parametrize(
    ("name", "data", "variables", "change"),
    [
        # A product that is new is in no answer yet: it comes into those that were found otherwise than by SKU.
        ("Products", PAGE, {"search": "jacket"}, Change(Kind.PRODUCT, "NEW")),
        ("Products", EMPTY, {"filter": {"category_uid": {"eq": "Mw=="}}}, Change(Kind.PRODUCT, "NEW")),
        ("Products", EMPTY, {"filter": {"url_key": {"eq": "new"}}}, Change(Kind.PRODUCT, "NEW")),
        ("Products", EMPTY, {"filter": {"sku": {"in": ["NEW"]}}}, Change(Kind.PRODUCT, "NEW")),
        ("CategoryPage", {"categories": {}, **PAGE}, {"path": "a"}, Change(Kind.PRODUCT, "NEW")),
        ("Route", {"route": None}, {"url": "new.html"}, Change(Kind.PRODUCT, "NEW")),
        ("Route", {"route": {"sku": "TT-J01"}}, {"url": "old.html"}, SKUS),
        ("Route", {"route": None}, {"url": "new"}, Change(Kind.PAGE, "new")),
        ("Route", {"route": {"uid": "Mw=="}}, {"url": "old"}, Change(Kind.CATEGORY, "3")),
        ("Products", PAGE, {"filter": {"url_key": {"eq": "a"}}}, SKUS),
        ("Products", PAGE, {"filter": {"url_key": {"eq": "a"}}}, Change(Kind.CATEGORY, "3")),
        ("Navigation", {"categoryList": [{"uid": "Mg=="}]}, {}, Change(Kind.CATEGORY, "77")),
        ("Page", {"cmsPage": {"identifier": "home"}}, {"identifier": "home"}, Change(Kind.BLOCK, "promo")),
        ("Category", {"categories": {"items": []}}, {"path": "a"}, Change(Kind.BLOCK, "promo")),
        ("Page", {"cmsPage": None}, {"identifier": "new"}, Change(Kind.PAGE, "new")),
        ("Blocks", {"cmsBlocks": {"items": [None]}}, {"identifiers": ["new"]}, Change(Kind.BLOCK, "new")),
        ("Store", {}, {}, Change(Kind.CONFIG)),
    ],
)
def test_what_a_change_may_alter_has_one_of_its_tags(
    name: str, data: dict[str, Any], variables: dict[str, Any], change: Change
) -> None:
    stale = Stale.of(change)
    assert tags_of(name, data, variables) & (stale.named | stale.coarse)


@pytest.mark.parametrize(
    ("variables", "data"),
    [({"filter": {"sku": {"in": ["TT-J01"]}}}, PAGE), ({"filter": {"url_key": {"eq": "a"}}}, PAGE)],
)
def test_a_product_page_does_not_go_with_every_product_that_changes(
    variables: dict[str, Any], data: dict[str, Any]
) -> None:
    stale = Stale.of(Change(Kind.PRODUCT, "OTHER"))
    assert not tags_of("Products", data, variables) & (stale.named | stale.coarse)


def test_a_uid_is_what_commerce_makes_of_a_number() -> None:
    assert uid_of("3") == "Mw=="


# Now and again


def test_a_change_is_purged_again_when_the_indexers_have_run_and_the_configuration_was_read() -> None:
    assert delays(Kind.PRODUCT, 90, 300) == (2.0, 45, 90)
    assert delays(Kind.PRODUCT, 0, 300) == (2.0,)
    assert delays(Kind.PRODUCT, 3, 300) == (2.0, 3)
    assert delays(Kind.CONFIG, 90, 300) == (2.0, 45, 90, 345)


async def test_a_change_is_purged_at_once_and_after_each_delay() -> None:
    async with shelf() as one:
        assert await one.read("product:tt-j01") == 1
        one.version = 2
        assert await one.read("product:tt-j01") == 1
        await one.changes.apply([SKUS])
        assert await one.read("product:tt-j01") == 2
        for at, pending in ((2.0, 3), (30.0, 2), (60.0, 0)):
            one.version += 1
            # A moment before the time it is kept, and done with it is not.
            one.clock.now = NOW + at - 0.5
            await one.changes.repeat()
            assert await one.read("product:tt-j01") == one.version - 1
            one.clock.now = NOW + at
            assert await one.changes.repeat() > 0
            assert await one.read("product:tt-j01") == one.version
            left = await one.changes.pending()
            assert left >= pending
        assert await one.changes.repeat() == 0


async def test_a_repeat_is_never_before_its_time() -> None:
    async with shelf() as one:
        one.clock.now = NOW + 0.7
        await one.changes.apply([SKUS])
        one.clock.now = NOW + 2.69
        assert await one.changes.repeat() == 0
        one.clock.now = NOW + 3
        assert await one.changes.repeat() == 1


async def test_listings_wait_for_the_indexers_and_are_purged_once_for_many_products() -> None:
    async with shelf() as one:
        await one.read("listings")
        one.version = 2
        for number in range(50):
            one.clock.now = NOW + 0.01 + number / 51
            await one.changes.apply([Change(Kind.PRODUCT, f"P-{number}")])
        assert await one.read("listings") == 1
        one.clock.now = NOW + 60 + COARSE_SLOT + 1
        # Named ones in the slots of a second, three delays each; listings in three slots.
        assert await one.changes.repeat() == 50 * 3 + 3
        assert await one.read("listings") == 2


async def test_one_store_view_can_be_purged_alone() -> None:
    async with shelf() as one:
        for store in ("default", "de"):
            await one.read("product:tt-j01", store=store)
        one.version = 2
        await one.changes.apply([SKUS], ["de"])
        one.clock.now += 100
        await one.changes.repeat()
        assert [await one.read("product:tt-j01", store=store) for store in ("default", "de")] == [1, 2]


async def test_a_store_view_that_only_another_process_knows_is_purged_too() -> None:
    async with shelf() as one:
        shared = one.cache._shared
        assert shared is not None
        await shared.note("fr")
        await one.read("product:tt-j01", store="fr")
        one.version = 2
        await one.changes.apply([SKUS])
        assert await one.read("product:tt-j01", store="fr") == 2


def test_very_many_products_are_all_products() -> None:
    many = {Change(Kind.PRODUCT, f"P-{number}") for number in range(MOST_NAMED)}
    assert few(many) == many
    more = many | {Change(Kind.STOCK, "one more"), Change(Kind.PAGE)}
    assert few(more) == {Change(Kind.PRODUCT), Change(Kind.PAGE)}


async def test_what_is_still_to_be_purged_again_outlives_the_process(redis_url: str, tmp_path: Path) -> None:
    state = Server(tmp_path, "--appendonly", "yes", "--appendfsync", "always")
    try:
        async with shelf(redis_url, state=State(state.url)) as one:
            await one.changes.apply([SKUS])
            assert await one.read("product:tt-j01") == 1
        state.stop()
        state.start()
        async with shelf(redis_url, state=State(state.url)) as other:
            other.version = 2
            other.clock.now += 100
            assert await other.changes.repeat() > 0
            assert await other.read("product:tt-j01") == 2
            assert await other.changes.pending() == 0
    finally:
        state.stop()


async def test_without_the_state_nothing_is_said_to_be_done_and_nothing_is_purged() -> None:
    async with shelf(state=State("redis://127.0.0.1:1")) as one:
        await one.read("product:tt-j01")
        one.version = 2
        with pytest.raises(StateUnavailable):
            await one.changes.apply([SKUS])
        assert await one.read("product:tt-j01") == 1


async def test_a_repeat_that_could_not_be_done_stays_due(tmp_path: Path) -> None:
    cache = Server(tmp_path)
    state = State(MEMORY)
    try:
        async with shelf(cache.url, state=state) as one:
            await one.changes.apply([SKUS])
            pending = await one.changes.pending()
            one.clock.now += 100
            cache.stop()
            with pytest.raises(StateUnavailable):
                await one.changes.repeat()
            with pytest.raises(StateUnavailable):
                await one.changes.apply([SKUS])
            assert await one.changes.pending() >= pending
            cache.start()
            assert await one.changes.repeat() >= pending
    finally:
        cache.stop()


# What is told


def test_the_plain_form_names_changes() -> None:
    told = plain(
        {
            "changes": [
                {"type": "product", "sku": "TT-J01"},
                {"type": "stock", "sku": "TT-J01"},
                {"type": "category", "id": 3},
                {"type": "category", "id": "4"},
                {"type": "page", "identifier": "home"},
                {"type": "block", "identifier": "footer"},
                {"type": "products"},
                {"type": "route"},
                {"type": "config"},
                {"type": "all"},
            ],
            "store": "de",
        }
    )
    assert told.stores == ("de",)
    assert [(each.kind.value, each.name) for each in told.changes] == [
        ("product", "TT-J01"),
        ("stock", "TT-J01"),
        ("category", "3"),
        ("category", "4"),
        ("page", "home"),
        ("block", "footer"),
        ("products", ""),
        ("route", ""),
        ("config", ""),
        ("all", ""),
    ]
    assert plain({"changes": [{"type": "all"}]}).stores is None


@pytest.mark.parametrize(
    ("given", "argument"),
    [
        ([], "body"),
        ("all", "body"),
        ({}, "changes"),
        ({"changes": []}, "changes"),
        ({"changes": {"type": "all"}}, "changes"),
        ({"changes": [{"type": "all"}] * (MOST_CHANGES + 1)}, "changes"),
        ({"changes": ["all"]}, "changes[0]"),
        ({"changes": [{"type": "all"}, {"type": "everything"}]}, "changes[1].type"),
        ({"changes": [{"type": ["all"]}]}, "changes[0].type"),
        ({"changes": [{"type": "product"}]}, "changes[0].sku"),
        ({"changes": [{"type": "product", "sku": 5}]}, "changes[0].sku"),
        ({"changes": [{"type": "product", "sku": " "}]}, "changes[0].sku"),
        ({"changes": [{"type": "product", "sku": "x" * 256}]}, "changes[0].sku"),
        ({"changes": [{"type": "category", "id": "Mw=="}]}, "changes[0].id"),
        ({"changes": [{"type": "category", "id": True}]}, "changes[0].id"),
        ({"changes": [{"type": "all"}], "store": "de } x"}, "store"),
        ({"changes": [{"type": "all"}], "store": ["de"]}, "store"),
    ],
)
def test_a_plain_form_that_says_nothing_is_refused_by_its_place(given: object, argument: str) -> None:
    with pytest.raises(BadInput) as refused:
        plain(given)
    assert refused.value.argument == argument


def event(code: str, **value: Any) -> dict[str, Any]:
    """As Adobe I/O Events delivers an event of Adobe Commerce."""
    return {
        "specversion": "1.0",
        "type": f"com.adobe.commerce.{code}",
        "source": "urn:uuid:1",
        "id": "2",
        "datacontenttype": "application/json",
        "data": {"key": "3", "value": value, "source": "com.adobe.commerce"},
        "recipient_client_id": "client",
    }


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (event("observer.catalog_product_save_commit_after", sku="TT-J01"), Change(Kind.PRODUCT, "TT-J01")),
        (event("observer.catalog_product_delete_commit_after", sku="TT-J01"), Change(Kind.PRODUCT, "TT-J01")),
        (event("plugin.magento.catalog.api.product_repository.save", sku="A"), Change(Kind.PRODUCT, "A")),
        (event("observer.catalog_product_save_after", entity_id="7"), Change(Kind.PRODUCT)),
        (event("observer.catalog_product_import_bunch_save_after"), Change(Kind.PRODUCTS)),
        (event("observer.catalogrule_rule_save_commit_after", rule_id=1), Change(Kind.PRODUCTS)),
        (event("observer.cataloginventory_stock_item_save_commit_after", product_id="12"), Nameless(12)),
        (event("observer.cataloginventory_stock_item_save_commit_after"), Change(Kind.STOCK)),
        (event("observer.catalog_category_save_commit_after", entity_id="3"), Change(Kind.CATEGORY, "3")),
        (event("observer.catalog_category_delete_commit_after", id=3), Change(Kind.CATEGORY, "3")),
        (event("observer.cms_page_save_commit_after", identifier="home"), Change(Kind.PAGE)),
        (event("observer.cms_page_delete_commit_after", page_id=2), Change(Kind.PAGE)),
        (event("observer.cms_block_save_commit_after", identifier="x"), Change(Kind.BLOCK)),
        (event("observer.url_rewrite_save_commit_after"), Change(Kind.ROUTE)),
        (event("observer.config_data_save_commit_after"), Change(Kind.CONFIG)),
        (event("observer.admin_system_config_changed_section_web"), Change(Kind.CONFIG)),
        (event("observer.store_save_commit_after"), Change(Kind.CONFIG)),
        (event("observer.catalog_entity_attribute_save_commit_after"), Change(Kind.ALL)),
    ],
)
def test_an_event_of_commerce_says_what_changed(given: dict[str, Any], told: Change | Nameless) -> None:
    assert adobe_changes(adobe_events(given)) == {told}
    assert adobe_changes(adobe_events([{"event": given, "recipient_client_id": "client"}])) == {told}


@pytest.mark.parametrize(
    "code",
    [
        "observer.sales_order_save_commit_after",
        "observer.customer_save_after",
        "observer.checkout_cart_product_add_after",
    ],
)
def test_events_of_shoppers_own_things_say_nothing(code: str) -> None:
    assert adobe_changes(adobe_events(event(code, sku="TT-J01"))) == set()


def test_a_batch_says_all_that_is_in_it_and_whom_it_is_for() -> None:
    product, page = event("observer.catalog_product_save_after", sku="A"), event("observer.cms_page_save_after")
    batch = adobe_events([product, page, product])
    assert adobe_changes(batch) == {Change(Kind.PRODUCT, "A"), Change(Kind.PAGE)}
    assert recipients(batch) == {"client"}
    del page["recipient_client_id"]
    assert recipients(adobe_events([product, page])) == {"client", None}
    assert recipients(adobe_events({"recipient_client_id": "client", "events": [page]})) == {"client"}
    for bad in ([], [1], "x", [product] * (MOST_CHANGES + 1)):
        with pytest.raises(BadInput):
            adobe_events(bad)


@pytest.mark.parametrize("value", [None, 5, [], {"sku": {"a": 1}}, {"sku": "x" * 300}])
def test_an_event_of_a_product_without_a_sku_is_about_all_products(value: object) -> None:
    told = {**event("observer.catalog_product_save_after"), "data": {"value": value}}
    assert adobe_changes(adobe_events(told)) == {Change(Kind.PRODUCT)}
