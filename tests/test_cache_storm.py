"""The storm over two processes, small; `make storm` runs the whole."""

from __future__ import annotations

from tests.cache_storm import storm


async def test_nothing_old_is_read_after_a_purge() -> None:
    result = await storm(800)
    # How late a process's own tier is while messages arrive is the storm's to tell: a slow machine is no fault.
    assert result.bounded, result
    assert (result.invalidations, result.fetches > 100) == (800, True)
    assert all(count.kept > 100 for count in result.tiers.values()), result


async def test_without_the_fence_old_entries_are_found() -> None:
    result = await storm(800, sabotage="WithoutFence")
    assert result.tiers["shared"].old > 0, result


async def test_without_messages_of_purges_a_process_keeps_old_entries() -> None:
    result = await storm(400, sabotage="WithoutPurges")
    assert result.tiers["local"].left > 0, result
    assert result.tiers["shared"].old == 0, result
