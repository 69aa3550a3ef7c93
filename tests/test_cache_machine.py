"""Random histories of the cache, and proof that they would notice what can go wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cache_machine import run, staged


def test_nothing_old_or_foreign_is_read_whatever_happens(tmp_path: Path) -> None:
    stage = staged(tmp_path)
    try:
        run(stage, 20, 25)
    finally:
        stage.close()
    # The histories went where it matters, or they would prove nothing.
    reached = {"kept", "fetched", "purges", "crashes", "evictions", "flushes", "starts with old"}
    assert all(stage.tally[what] for what in reached), stage.tally


@pytest.mark.parametrize(
    ("sabotage", "noticed"),
    [("WithoutFence", " has "), ("WithoutLog", " has "), ("WithoutStore", ": got ")],
)
def test_a_rule_that_is_removed_is_noticed(tmp_path: Path, sabotage: str, noticed: str) -> None:
    stage = staged(tmp_path, sabotage)
    try:
        with pytest.raises(AssertionError, match=noticed):
            run(stage, 300, 40, chance=1, shrink=False)
    finally:
        stage.close()
