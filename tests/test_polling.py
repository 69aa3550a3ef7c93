"""Finding changes that nobody tells of: none is passed over, none is purged again and again, and none that is gone
stays."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.cache import Cache, Local, Shared
from app.commerce.changes import Change, Changes, Kind
from app.commerce.polling import MOST_PAGES, PAGE, Polling
from app.errors import StateUnavailable, UpstreamError
from app.main import build_parts
from app.redis_client import MEMORY, connect
from app.sandbox.commerce import Commerce, Fault, create_commerce
from app.state import State
from tests.conftest import COMMERCE, settings
from tests.redis_server import Server

NOW = 1_800_000_000.0


@dataclass
class Clock:
    now: float = NOW

    def __call__(self) -> float:
        return self.now


class Noted(Changes):
    """Changes that can be looked at."""

    seen: list[Change]

    async def apply(self, changes: Collection[Change], stores: Collection[str] | None = None) -> None:
        await super().apply(changes, stores)
        self.seen = [*getattr(self, "seen", []), *sorted(changes, key=str)]


@dataclass
class Watch:
    """A shop, and somebody who watches it."""

    commerce: Commerce
    polling: Polling
    changes: Noted
    clock: Clock
    state: State
    found: list[Change] = field(default_factory=list)

    def taken(self) -> list[Change]:
        """What was purged since the last time that this was asked."""
        seen = getattr(self.changes, "seen", [])
        self.changes.seen = []
        return seen

    async def poll(self) -> list[Change]:
        await self.polling.poll()
        return self.taken()

    async def sweep(self) -> list[Change]:
        await self.polling.sweep()
        return self.taken()


class Between(httpx2.AsyncBaseTransport):
    """Does something after the answer to the next list of products."""

    def __init__(self, commerce: Commerce) -> None:
        self._inner = httpx2.ASGITransport(app=commerce)
        self.once: Any = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        answer = await self._inner.handle_async_request(request)
        if self.once is not None and "V1/products" in request.url.path:
            work, self.once = self.once, None
            work()
        return answer


@asynccontextmanager
async def watching(
    commerce: Commerce | None = None,
    *,
    state: State | None = None,
    cache_url: str = MEMORY,
    transport: httpx2.AsyncBaseTransport | None = None,
) -> AsyncIterator[Watch]:
    commerce = commerce or create_commerce("2.4.8", public_url=COMMERCE)
    clock = Clock()
    commerce.shop.now = clock
    admin = commerce.shop.admins[0]
    given = settings(
        environment="development",
        commerce_admin_username=admin.username,
        commerce_admin_password=admin.password,
        commerce_attempts=1,
    )
    parts = build_parts(given, transport=transport or httpx2.ASGITransport(app=commerce))
    cache = Cache(Shared(connect(cache_url, 1.0)), Local(0, clock), patience=3.0, clock=clock)
    state = state or State(MEMORY)
    changes = Noted(cache, state, lambda: ("default",), lag=60, refresh=300, clock=clock)
    watch = Watch(commerce, Polling(parts.rest, changes, state, pause=0), changes, clock, state)
    try:
        yield watch
    finally:
        await cache.close()
        await parts.upstream.close()
        await parts.state.close()


def product(sku: str) -> Change:
    return Change(Kind.PRODUCT, sku)


async def test_the_first_look_purges_all_because_nobody_saw_what_had_changed() -> None:
    async with watching() as watch:
        kinds = [Kind.PRODUCT, Kind.CATEGORY, Kind.PAGE, Kind.BLOCK]
        assert await watch.poll() == [Change(kind) for kind in kinds]
        assert await watch.poll() == []


async def test_a_shop_without_any_block_is_not_purged_at_each_look() -> None:
    async with watching() as watch:
        blocks, watch.commerce.shop.blocks = watch.commerce.shop.blocks, []
        await watch.poll()
        assert await watch.poll() == []
        watch.commerce.shop.blocks = blocks
        assert await watch.poll() == [Change(Kind.BLOCK)]


async def test_what_has_changed_is_purged_once() -> None:
    async with watching() as watch:
        await watch.poll()
        watch.clock.now += 60
        watch.commerce.shop.rename("TT-J01", "Other")
        watch.commerce.shop.rename_category(3, "Other")
        watch.commerce.shop.set_page("home", "Other")
        watch.commerce.shop.set_block(watch.commerce.shop.blocks[0].identifier, "Other")
        assert await watch.poll() == [
            product("TT-J01"),
            Change(Kind.CATEGORY, "3"),
            Change(Kind.PAGE),
            Change(Kind.BLOCK),
        ]
        assert await watch.poll() == []
        watch.clock.now += 1
        watch.commerce.shop.rename("TT-J01", "Another")
        assert await watch.poll() == [product("TT-J01")]
        watch.clock.now += 86_400
        watch.commerce.shop.rename("TT-C12", "Another")
        assert await watch.poll() == [product("TT-C12")]
        assert await watch.poll() == []


async def test_a_new_product_is_a_change() -> None:
    async with watching() as watch:
        await watch.poll()
        watch.clock.now += 60
        new = copy.copy(watch.commerce.shop.products["TT-J01"])
        new.id, new.sku, new.url_key = 9999, "NEW", "new"
        watch.commerce.shop.add(new)
        assert await watch.poll() == [product("NEW")]


async def test_what_no_time_tells_is_not_found() -> None:
    async with watching() as watch:
        await watch.poll()
        watch.clock.now += 60
        watch.commerce.shop.set_stock("TT-J01", 0, in_stock=False)
        assert await watch.poll() == []


async def test_a_change_that_can_only_be_seen_later_is_found() -> None:
    """Its transaction took long: it has an older time than what was seen already."""
    async with watching() as watch:
        await watch.poll()
        watch.clock.now += 1000
        watch.commerce.shop.rename("TT-J01", "Quick")
        assert await watch.poll() == [product("TT-J01")]
        watch.clock.now -= 299
        watch.commerce.shop.rename("TT-C12", "Slow")
        assert await watch.poll() == [product("TT-C12")]
        assert await watch.poll() == []


async def test_nothing_is_taken_for_seen_before_its_purge_has_succeeded(tmp_path: Path) -> None:
    server = Server(tmp_path)
    try:
        async with watching(cache_url=server.url) as watch:
            await watch.poll()
            watch.clock.now += 60
            watch.commerce.shop.rename("TT-J01", "Other")
            server.stop()
            with pytest.raises(StateUnavailable):
                await watch.polling.poll()
            server.start()
            assert await watch.poll() == [product("TT-J01")]
            assert await watch.poll() == []
    finally:
        server.stop()


async def test_without_the_state_nothing_is_asked_of_commerce() -> None:
    async with watching(state=State("redis://127.0.0.1:1")) as watch:
        for look in (watch.polling.poll, watch.polling.sweep):
            with pytest.raises(StateUnavailable):
                await look()
        assert watch.commerce.requests == []


@pytest.mark.parametrize("kind", ["html_503", "wrong_shape", "not_json", "truncated"])
async def test_what_commerce_could_not_tell_is_asked_again(kind: str) -> None:
    async with watching() as watch:
        await watch.poll()
        await watch.sweep()
        watch.clock.now += 60
        watch.commerce.shop.rename("TT-J01", "Other")
        watch.commerce.shop.remove("TT-C12")
        fault = watch.commerce.faults.add(Fault(kind, path="/rest", times=2))
        for look in (watch.polling.poll, watch.polling.sweep):
            with pytest.raises((UpstreamError, ConnectionError)):
                await look()
        assert fault.fired == 2
        assert watch.taken() == []
        assert await watch.poll() == [product("TT-J01")]
        assert await watch.sweep() == [product("TT-C12")]


def many(commerce: Commerce, count: int) -> list[str]:
    """So many more products, in no order of their numbers."""
    first = commerce.shop.products["TT-J01"]
    skus = []
    for number in range(count):
        new = copy.copy(first)
        new.id, new.sku, new.url_key = 50_000 - number, f"M-{number:05}", f"m-{number}"
        new.updated_at = commerce.shop._stamp()
        commerce.shop.load([new])
        skus.append(new.sku)
    return skus


async def test_a_change_on_any_page_is_found() -> None:
    async with watching() as watch:
        await watch.poll()
        watch.clock.now += 60
        skus = many(watch.commerce, 2 * PAGE + 1)
        assert await watch.poll() == sorted(map(product, skus), key=str)
        assert await watch.poll() == []


async def test_a_product_that_changes_between_two_pages_makes_none_be_passed_over() -> None:
    commerce = create_commerce("2.4.8", public_url=COMMERCE)
    between = Between(commerce)
    async with watching(commerce, transport=between) as watch:
        await watch.poll()
        watch.clock.now += 60
        skus = many(commerce, PAGE + 1)

        def meanwhile() -> None:
            watch.clock.now += 1
            # The last made has the lowest number: it was on the first page.
            commerce.shop.rename(skus[-1], "Changed meanwhile")

        between.once = meanwhile
        assert set(await watch.poll()) == set(map(product, skus))
        assert await watch.poll() == [product(skus[-1])]


async def test_more_than_can_be_named_is_all_of_them_and_is_purged_once() -> None:
    async with watching() as watch:
        await watch.poll()
        watch.clock.now += 60
        many(watch.commerce, MOST_PAGES * PAGE + 1)
        assert await watch.poll() == [Change(Kind.PRODUCT)]
        assert await watch.poll() == []
        watch.clock.now += 1
        watch.commerce.shop.rename("TT-J01", "Other")
        assert await watch.poll() == [product("TT-J01")]


async def test_what_is_gone_is_found_by_the_sweep() -> None:
    async with watching() as watch:
        shop = watch.commerce.shop
        many(watch.commerce, PAGE + 10)
        assert await watch.sweep() == []
        shop.remove("TT-J01")
        shop.remove("M-00001")
        leaf = max(each.id for each in shop.categories.values() if not each.children)
        shop.remove_category(leaf)
        shop.remove_page("home")
        assert set(await watch.sweep()) == {
            product("TT-J01"),
            product("M-00001"),
            Change(Kind.CATEGORY, str(leaf)),
            Change(Kind.PAGE),
        }
        assert await watch.sweep() == []


async def test_what_was_kept_in_another_form_is_as_if_there_were_nothing() -> None:
    async with watching() as watch:
        for kept in (b"{", b"[]", b'["2026", "x", {}]', b'["2026-03-02 08:00:00", {}]'):
            await watch.state.put("changes:seen:products", kept, 60)
            assert (await watch.poll())[0] == Change(Kind.PRODUCT)


async def test_commerce_is_asked_as_it_takes_it() -> None:
    """By GET, of all store views, with no more than is needed."""
    async with watching() as watch:
        await watch.poll()
        watch.commerce.requests.clear()
        await watch.poll()
        asked = [(seen.method, seen.path) for seen in watch.commerce.requests]
        assert asked == [
            ("GET", f"/rest/all/V1/{path}")
            for path in ("products", "categories/list", "cmsPage/search", "cmsBlock/search")
        ]
