"""The cache on a Redis Cluster and behind Sentinel, and what it does when one of their servers crashes."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from contextlib import AsyncExitStack
from itertools import chain

import pytest

from app.cache import Shared
from app.redis_client import connect, disconnect
from tests.redis_fleets import Cluster, Watched, cluster, watched
from tests.redis_server import flush
from tests.test_cache import Clock, Upstream, process
from tests.test_responses import SEARCH, caching, state

ENTRY = "vitrine:cache:{default}:entry:key"


@pytest.fixture
def mortal_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("mortal")) as fleet:
        yield fleet
    # redis-py leaves what it has of nodes that it could not ask to the garbage collector, which says so: here, where it
    # is expected, and not in a later test.
    gc.collect()


@pytest.fixture
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with watched(tmp_path_factory.mktemp("mortal")) as fleet:
        yield fleet


def keys(fleet: Cluster, kind: str) -> list[list[str]]:
    """The keys of a kind that belong to store views, by node."""
    return [sorted(key.decode() for key in node.client.keys(f"vitrine:cache:{{*:{kind}*")) for node in fleet.nodes]


async def test_entries_of_a_shop_spread_over_a_cluster_and_a_purge_reaches_them_all(redis_cluster: Cluster) -> None:
    await flush(redis_cluster.url)
    async with caching(redis_cluster.url) as api:
        for store in ("default", "de"):
            assert state(await api.post(SEARCH, {"Store": store})) == "fwd=miss"
            assert state(await api.post(SEARCH, {"Store": store})) == "hit"
        holding = [sorted({key.partition("}")[0] for key in held}) for held in keys(redis_cluster, "entry:") if held]
        assert sorted(holding) == [["vitrine:cache:{de"], ["vitrine:cache:{default"]]
        # All that belongs to a store view is on one node, or its scripts would fail (CROSSSLOT).
        views = [{key.partition("}")[0] for key in held} for held in keys(redis_cluster, "")]
        assert sorted(chain(*views)) == [f"vitrine:cache:{{{store}" for store in ("de", "default", "en_eu")]
        cache = api.parts.cache
        assert await cache.stores() == {"default", "de", "en_eu"}
        api.forget()
        await cache.purge(await cache.stores(), ["all"])
        # The tier of the process hears of it on whatever node it has subscribed to.
        while any(cache._local._entries):
            await asyncio.sleep(0.005)
        for store in ("default", "de"):
            assert state(await api.post(SEARCH, {"Store": store})) == "fwd=miss"
        assert api.operations() == ["Products", "Products"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_cluster_that_loses_one_node_and_then_all_fails_no_read(mortal_cluster: Cluster) -> None:
    async with caching(mortal_cluster.url) as api:
        expected = (await api.post(SEARCH)).content
        assert state(await api.post(SEARCH)) == "hit"
        [at] = [n for n, held in enumerate(keys(mortal_cluster, "entry:")) if held]
        for lost in (mortal_cluster.nodes[at : at + 1], mortal_cluster.nodes):
            for node in lost:
                node.kill()
            while api.parts.cache._local.alive("default"):
                await asyncio.sleep(0.02)
            for _ in range(3):
                answer = await api.post(SEARCH)
                assert (answer.status_code, answer.content) == (200, expected)
    # Nor for a process that finds nobody when it starts.
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(process(mortal_cluster.url, Clock(), size=0))
        upstream = Upstream()
        assert [await one.body(upstream) for _ in range(3)] == [b"1"] * 3
        assert upstream.asked == 3
        assert await one.cache.ticket("default") is None


async def test_a_fail_over_between_a_purge_and_a_read_brings_no_old_entry_back(mortal: Watched) -> None:
    """The replica that takes over never heard of the purge, and has the entry as it was."""
    clock, upstream = Clock(), Upstream()
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(process(mortal.url, clock, size=0))
        assert (await one.body(upstream), await one.body(upstream), upstream.asked) == (b"1", b"1", 1)
        while not mortal.replica.client.exists(ENTRY):
            await asyncio.sleep(0.01)
        upstream.version = 2
        purger = connect(mortal.url, 10.0)
        loop = asyncio.get_running_loop()

        def purge() -> object:
            purging = Shared(purger).purge("default", ["product:A"])
            return asyncio.run_coroutine_threadsafe(purging, loop).result(timeout=30)

        await asyncio.to_thread(mortal.fail_over, purge)
        await disconnect(purger)
        taken_over = mortal.master.client
        assert taken_over.exists(ENTRY)
        assert taken_over.exists("vitrine:cache:{default}:tag:product:A")
        async with asyncio.timeout(60):
            # As soon as Redis answers again it is asked; nothing of what it has may be an answer.
            while (found := await one.read(upstream)).entry.body == b"2" and not found.kept:
                await asyncio.sleep(0.02)
        assert (found.entry.body, found.kept) == (b"2", True)
