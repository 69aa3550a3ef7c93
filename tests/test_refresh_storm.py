"""The storm of refreshes over two processes, small; `make storm` runs the whole."""

from __future__ import annotations

from tests.refresh_storm import storm


async def test_no_session_is_lost_when_all_tokens_run_out_at_once() -> None:
    result = await storm(12, 20)
    assert result.passed, result


async def test_without_the_lease_sessions_are_lost() -> None:
    result = await storm(6, 20, sabotage="WithoutLease")
    assert result.twice > 0, result
    assert result.lost + result.stale > 0, result
