"""A session that is over with its cart: its shopper is told once, and an app is not given what it cannot keep."""

from __future__ import annotations

import pytest

from tests.conftest import Api
from tests.redis_server import flush
from tests.shoppers import CLEAR, COOKIE, asked, codes, public, shopper, token, writes
from tests.test_cart import ADD, UNSAFE

LINE = {"lines": [{"sku": "TT-C01"}]}


async def begin(someone: Api) -> str:
    assert codes(await someone.ask(ADD, UNSAFE, lines=[{"sku": "TT-C12"}])) == []
    return token(someone)


async def test_a_browser_whose_session_is_over_hears_of_its_cart_with_the_next_add(redis_url: str) -> None:
    async with public(redis_state_url=redis_url) as api, shopper(api) as jane:
        old = await begin(jane)
        await flush(redis_url)
        assert await jane.data("{ cart { quantity } }") == {"cart": None}
        answer = await jane.ask(ADD, UNSAFE, **LINE)
        assert codes(answer) == ["CART_EXPIRED"]
        assert [line["sku"] for line in answer["data"]["cartAdd"]["cart"]["lines"]] == ["TT-C01"]
        assert token(jane) != old
        assert codes(await jane.ask(ADD, UNSAFE, **LINE)) == []


async def test_every_other_change_tells_it_once_too(redis_url: str) -> None:
    async with public(redis_state_url=redis_url) as api:
        first, second, third = {}, {}, {}
        for name, (query, variables) in writes("MQ==").items():
            async with shopper(api) as jane:
                await begin(jane)
                await flush(redis_url)
                before = asked(api)
                first[name] = codes(await jane.ask(query, UNSAFE, **variables))
                if name == "cartAdd":
                    continue
                second[name] = codes(await jane.ask(query, UNSAFE, **variables))
                assert asked(api) == before, name
                third[name] = codes(await jane.ask(ADD, UNSAFE, **LINE))
        assert first == {name: ["CART_EXPIRED"] for name in first}
        # An order is refused for as long as there is no session that it could belong to.
        assert second == {name: ["CART_EMPTY"] for name in second} | {
            "cartClear": [],
            "checkoutPlaceOrder": ["CART_EXPIRED"],
        }
        assert third == {name: [] for name in third}


@pytest.mark.parametrize("dead", ["ended", "malformed"])
async def test_an_app_is_told_that_its_session_is_over_before_a_cart_is_made_for_it(redis_url: str, dead: str) -> None:
    async with public(redis_state_url=redis_url) as api, shopper(api) as app:
        begun = await app.post(ADD, {**UNSAFE, "X-Session-Token": "request"}, lines=[{"sku": "TT-C12"}])
        bearer = {"Authorization": f"Bearer {begun.headers['x-session-token'] if dead == 'ended' else 'not-an-id'}"}
        await flush(redis_url)
        carts, before = len(api.commerce.carts), asked(api)
        for _ in range(3):
            answer = await app.post(ADD, {**UNSAFE, **bearer}, **LINE)
            assert codes(answer.json()) == ["SESSION_ENDED"]
            assert answer.json()["data"] is None
            assert {"set-cookie", "x-session-token"}.isdisjoint(answer.headers)
        assert (len(api.commerce.carts), asked(api)) == (carts, before)
        renewed = await app.post(ADD, {**UNSAFE, **bearer, "X-Session-Token": "request"}, **LINE)
        assert codes(renewed.json()) == (["CART_EXPIRED"] if dead == "ended" else [])
        assert len(renewed.headers["x-session-token"]) == 43
        assert "set-cookie" not in renewed.headers
        assert len(api.commerce.carts) == carts + 1


async def test_a_browser_behind_a_proxy_with_its_own_authorization_is_no_app(redis_url: str) -> None:
    async with public(redis_state_url=redis_url) as api, shopper(api) as jane:
        await begin(jane)
        await flush(redis_url)
        answer = await jane.post(ADD, {**UNSAFE, "Authorization": "Basic c3RhZ2luZzpzaG9w"}, **LINE)
        assert codes(answer.json()) == ["CART_EXPIRED"]
        assert COOKIE in answer.headers["set-cookie"]


async def test_without_a_session_nothing_was_lost(redis_url: str) -> None:
    async with public(redis_state_url=redis_url) as api, shopper(api) as nobody:
        assert codes(await nobody.ask(CLEAR, UNSAFE)) == []
        assert codes(await nobody.ask(ADD, UNSAFE, **LINE)) == []
