"""Many who miss at once in two processes, small; `make storm` runs the whole."""

from __future__ import annotations

from tests.cache_misses import storm


async def test_many_who_miss_in_two_processes_cost_one_call() -> None:
    result = await storm(1000, upstream_seconds=0.3)
    assert (result.answered, result.calls) == (1000, 1)


async def test_a_process_that_is_killed_while_it_fetches_costs_the_others_its_lease() -> None:
    result = await storm(1000, upstream_seconds=0.3, lease=0.8, kill=True)
    assert (result.answered, result.calls) == (500, 2)
    assert result.again is not None
    # A slow machine may take longer; that nobody waits for ever is what counts here.
    assert result.again < 10


async def test_without_the_lease_each_process_asks() -> None:
    assert (await storm(20, upstream_seconds=0.3, sabotage=True)).calls == 2
