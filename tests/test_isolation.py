"""No answer crosses from one cell to another: store view × currency × customer group × signed in × operation, and
whatever headers say."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from app.main import sessions_of
from app.sandbox.commerce import Fault
from tests.conftest import Api, running
from tests.redis_server import flush
from tests.signed_in import PEOPLE, SKU, price_by_group, signed_in
from tests.test_cart import KEY
from tests.test_responses import caching, state

STORES = {"default": ("USD", "EUR", "GBP"), "de": ("EUR", "USD"), "en_eu": ("EUR", "USD")}
MONEY = "price { final { amount currency } regular { amount } }"
OPERATIONS = {
    "product": f'{{ product(sku: "{SKU}") {{ name url {MONEY} }} }}',
    "products": f'{{ products(skus: ["{SKU}", "TT-J01"]) {{ sku name {MONEY} }} }}',
    "search": f'{{ search(text: "tent", pageSize: 3) {{ total items {{ sku name {MONEY} }} }} }}',
    "category": f'{{ category(urlPath: "camp") {{ name products(pageSize: 3) {{ items {{ sku {MONEY} }} }} }} }}',
    "facets": '{ search(text: "tent") { facets { attribute label options { label value count } } } }',
    "navigation": "{ navigation(depth: 2) { name url children { name } } }",
    "attributes": "{ attributes { code label } }",
    "page": '{ page(identifier: "about-us") { title content } }',
    "blocks": '{ blocks(identifiers: ["journal-block"]) { title content } }',
    "route": '{ route(url: "/camp.html") { __typename } }',
    "store": "{ store { code name locale currency } }",
    "stores": "{ stores { code locale } }",
    "countries": "{ countries { name } }",
}
UNREAD = ("store", "stores")  # what is known of store views takes no read of Commerce
# Nobody, somebody with a cart's session, one of each group, and one whose group does not say all.
SHOPPERS = ("guest", "session", *PEOPLE, "alone")


@dataclass(frozen=True)
class Cell:
    """What may have an answer of its own."""

    store: str
    currency: str
    shopper: str
    operation: str

    @property
    def shared(self) -> bool:
        return self.shopper != "alone"

    @property
    def like(self) -> Cell:
        """The cell whose answer it must be: both kinds of guests have the same, and so has all of group 3."""
        return replace(self, shopper={"session": "guest", "alone": "3"}.get(self.shopper, self.shopper))

    @property
    def headers(self) -> dict[str, str]:
        return {"Store": self.store, "Content-Currency": self.currency}


CELLS = [
    Cell(store, currency, shopper, operation)
    for store, currencies in STORES.items()
    for currency, shopper, operation in itertools.product(currencies, SHOPPERS, OPERATIONS)
]


async def identities(api: Api) -> dict[str, dict[str, str]]:
    """What each kind of shopper sends."""
    sessions = sessions_of(api.parts)
    assert sessions is not None
    guest = {"Authorization": f"Bearer {(await sessions.begin()).token}"}
    api.commerce.shop.customers[0].address = None
    people = {group: (await signed_in(api, name)).headers for group, name in PEOPLE.items()}
    api.commerce.shop.customers[2].address = 1
    alone = (await signed_in(api, PEOPLE["3"])).headers
    api.commerce.shop.customers[2].address = None
    return {"guest": {}, "session": guest, **people, "alone": alone}


@asynccontextmanager
async def pair() -> AsyncIterator[tuple[Api, Api]]:
    """A shop with a cache, and the same one without."""
    async with caching(version="2.4.9") as api:
        price_by_group(api.commerce)
        given: dict[str, Any] = {"environment": "development", "redis_state_url": "memory://", "session_keys": KEY}
        async with running(api.commerce, public_url="http://localhost:8000", **given) as plain:
            yield api, plain


async def test_each_cell_has_its_own_answer_and_the_second_read_of_a_shared_one_asks_nobody() -> None:
    assert len(CELLS) >= 500
    async with pair() as (api, plain):
        mine, its = await identities(api), await identities(plain)
        cells = random.Random(4).sample(CELLS, len(CELLS))
        expected: dict[Cell, bytes] = {}
        for cell in cells:
            query = OPERATIONS[cell.operation]
            if cell.like not in expected:
                fresh = await plain.post(query, {**cell.headers, **its[cell.like.shopper]})
                assert b'"errors"' not in fresh.content, fresh.text
                expected[cell.like] = fresh.content
            first = await api.post(query, {**cell.headers, **mine[cell.shopper]})
            assert first.content == expected[cell.like], cell
        # All of them were kept, or none: whoever came last has overwritten nobody.
        for cell in reversed(cells):
            api.forget()
            again = await api.post(OPERATIONS[cell.operation], {**cell.headers, **mine[cell.shopper]})
            assert again.content == expected[cell.like], cell
            if cell.shared:
                assert (state(again), api.commerce.requests) == ("hit", []), cell
            else:
                assert state(again) is None, cell
                assert bool(api.commerce.requests) is (cell.operation not in UNREAD), cell
        # They can be told apart at all: the price of one product is another in each store's currency and group.
        prices = {(c.currency, c.shopper): body for c, body in expected.items() if c.operation == "product"}
        assert len({prices["USD", group] for group in ("guest", *PEOPLE)}) == 4
        assert len({prices[currency, "2"] for currency in ("USD", "EUR", "GBP")}) == 3


def mutations(mine: Mapping[str, Mapping[str, str]], tokens: list[str]) -> list[dict[str, str]]:
    """Headers that mean nothing here, whoever sends them."""
    hosts = ("evil.example", "localhost", "127.0.0.1:1", "api.test.evil.example", "api.test:99999")
    forwarded = ("For", "Host", "Proto", "Port", "Prefix", "Server", "Uri", "Scheme", "Ssl")
    session = mine["2"]["Authorization"].removeprefix("Bearer ")
    flipped = [session[:at] + ("A" if session[at] != "A" else "B") + session[at + 1 :] for at in (0, 1, 20, 41)]
    own = [*flipped, session[:-1], session + "A", "", "2", "uid:Mg==", *tokens]
    cookies = ("X-Magento-Vary", "PHPSESSID", "private_content_version", "form_key", "store", "currency", "group")
    cache_ids = ("0" * 64, "f" * 64, "", "guest", "uid:Mg==")
    return [
        *({"Host": host} for host in hosts),
        *({f"X-Forwarded-{name}": value} for name in forwarded for value in (hosts[0], "https", "0", "2", "de")),
        *({"Cookie": f"{name}={value}"} for name in cookies for value in ("1", "de", "EUR", session)),
        *({"Cookie": f"{name}={value}"} for name in ("vitrine", "__Host-vitrine") for value in own if value != session),
        *({"Authorization": f"{kind} {value}"} for kind in ("Bearer", "Basic") for value in own),
        *({name: value} for name in ("X-Magento-Cache-Id", "X-Magento-Vary", "If-Match") for value in cache_ids),
        *({name: "de"} for name in ("Accept-Language", "X-Store", "Store-Code", "X-Store-Code", "Language")),
        *({name: "EUR"} for name in ("Currency", "X-Currency", "Content-Currency-Code")),
        *({name: "2"} for name in ("X-Customer-Group", "Customer-Group", "X-Group", "X-Vitrine-Group")),
        *({name: "/admin"} for name in ("X-Original-URL", "X-Rewrite-URL", "X-Original-Host", "Forwarded")),
        *({"Cache-Control": value} for value in ("no-cache", "only-if-cached", "max-age=0")),
        {"X-HTTP-Method-Override": "PUT"},
        {"Range": "bytes=0-1"},
        {"Transfer-Encoding": "identity"},
        {"Surrogate-Control": "max-age=9"},
    ]


# Each is refused, or nothing that the shop has.
REFUSED = [
    *({"Store": value} for value in ("DE", "admin", "de,default", "../de", "de\\0", "0", "all", "{default}", "de de")),
    *({"Content-Currency": value} for value in ("eur", "EUR,USD", "XXX", "JPY", "E", "EUR ;", "{EUR}", "EURO")),
    {"Store": "de", "Content-Currency": "GBP"},
]


async def test_headers_that_mean_nothing_change_nothing_for_anybody() -> None:
    query = f'{{ product(sku: "{SKU}") {{ name url {MONEY} }} store {{ code name }} }}'
    async with pair() as (api, plain):
        mine = await identities(api)
        expected = (await plain.post(query)).content
        all_of_group = (await plain.post(query, (await identities(plain))["2"])).content
        assert expected != all_of_group
        sent = [*mutations(mine, api.commerce.shop.customer_tokens.alive), *REFUSED]
        assert len(sent) >= 200
        stores = frozenset(STORES)
        for number, headers in enumerate(sent):
            await api.parts.cache.purge(stores, ["all"])
            # As the first of all, who would be kept; another whitespace makes another key of the whole answer.
            asked = query + " " * (number % 7)
            poisoned = await api.post(asked, headers)
            if headers in REFUSED:
                assert "errors" in poisoned.json(), headers
                assert state(poisoned) is None, headers
            else:
                assert poisoned.content == expected, headers
            clean, his = await api.post(asked), await api.post(asked, mine["2"])
            assert clean.content == expected, headers
            assert (state(clean) == "hit") is (headers not in REFUSED), headers
            assert his.content == all_of_group, headers
            assert "evil" not in str(clean.headers)
            # On top of what is kept, too.
            again = await api.post(asked, {**mine["2"], **headers} if "Authorization" not in headers else headers)
            assert again.content in (all_of_group, expected) or "errors" in again.json(), headers
            assert state(await api.post(asked)) == "hit"


async def test_with_commerce_stopped_every_page_seen_before_is_answered_by_processes_that_start_meanwhile(
    redis_url: str,
) -> None:
    await flush(redis_url)
    given: dict[str, Any] = {
        "version": "2.4.9",
        "redis_state_url": redis_url,
        "cache_prices": 0.2,
        "cache_content": 0.2,
        "commerce_attempts": 1,
    }
    async with caching(redis_url, **given) as api:
        price_by_group(api.commerce)
        people = await identities(api)
        cells = [cell for cell in CELLS if cell.store != "en_eu" and cell.shopper in ("guest", "2")]
        seen = {
            cell: (await api.post(OPERATIONS[cell.operation], {**cell.headers, **people[cell.shopper]})).content
            for cell in cells
        }
        await asyncio.sleep(0.5)

        async def all_are_answered(by: Api) -> None:
            by.commerce.faults.add(Fault("html_503", times=None, path="/"))
            for cell, body in seen.items():
                answer = await by.post(OPERATIONS[cell.operation], {**cell.headers, **people[cell.shopper]})
                assert answer.content == body, cell
                assert (state(answer) or "").endswith("detail=stale") is (cell.operation not in UNREAD), cell

        await all_are_answered(api)
        commerce = api.commerce
        defaults: dict[str, Any] = {"environment": "development", "session_keys": KEY, "redis_cache_url": redis_url}
        del given["version"]
        async with running(commerce, public_url="http://localhost:8000", **{**defaults, **given}) as later:
            await all_are_answered(later)
            assert await later.codes('{ search(text: "never seen") { total } }') == ["UPSTREAM_UNAVAILABLE"]
