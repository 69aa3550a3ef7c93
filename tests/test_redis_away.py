"""What the API does when Redis is away or asked for much at once: a real one, stopped as a crash does it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from app.state import State
from tests.redis_server import KEEPING, Server, closing
from tests.test_cart import ADD, UNSAFE, add, shopping
from tests.test_checkout import PLACE, get_ready


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("redis"), *KEEPING) as server:
        yield server


async def test_more_commands_at_once_than_there_are_connections_wait_for_their_turn(server: Server) -> None:
    async with closing(State(server.url)) as state:
        kept = await asyncio.gather(*(state.put(f"many:{n}", b"%d" % n, 60) for n in range(400)))
        assert kept == [True] * 400
        assert await asyncio.gather(*(state.get(f"many:{n}") for n in range(400))) == [b"%d" % n for n in range(400)]


async def test_without_redis_reads_go_on_writes_are_refused_and_no_session_is_lost(server: Server) -> None:
    async with shopping(redis_state_url=server.url) as api:
        await get_ready(api)
        [cart] = api.commerce.carts.values()
        lines = len(cart.lines)
        server.stop()
        assert (await api.data("{ store { code } }"))["store"] == {"code": "default"}
        written = len(api.commerce.requests)
        for mutation, variables in ((ADD, {"lines": [{"sku": "TT-C12"}]}), (PLACE, {"key": "redis-is-away"})):
            answer = await api.post(mutation, UNSAFE, **variables)
            assert [error["extensions"]["code"] for error in answer.json()["errors"]] == ["STATE_UNAVAILABLE"]
            assert answer.status_code == 503
            assert "set-cookie" not in answer.headers
        assert await api.codes("{ cart { quantity } }") == ["STATE_UNAVAILABLE"]
        assert len(api.commerce.requests) == written
        assert (len(cart.lines), api.commerce.orders) == (lines, [])
        server.start()
        assert await api.data("{ cart { quantity } }") == {"cart": {"quantity": "2"}}
        assert (await add(api, {"sku": "TT-C12"}))["cart"]["quantity"] == "3"
        assert len(api.commerce.carts) == 1
