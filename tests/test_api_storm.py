"""The storm over two API processes, small; `make storm` runs the whole."""

from __future__ import annotations

import pytest

from tests.api_processes import Times
from tests.api_storm import storm

# Short waits, of which a busy machine may take two seconds away before a promise is out of reach.
TIMES = Times(placing=0.1, late=0.3, max_execution=1.5, patience=1.6, margin=1.0)


async def test_two_processes_make_one_order_of_each_cart_whatever_fails() -> None:
    result = await storm(16, 5, seed=1, times=TIMES)
    assert result.passed, result
    assert result.ordered + result.lost == 16 * 5
    assert result.ordered > 16
    assert result.in_flight > 0
    assert result.lost + result.saved >= 5


@pytest.mark.parametrize(
    ("sabotage", "faults"),
    [
        ("WithoutClaim", "place_then_hang=0.2,place_after_close=0.2"),
        ("WithoutLookUp", "crash_after_place=0.6"),
        ("WithoutEpoch", "place_after_close=1"),
    ],
)
async def test_with_a_rule_removed_the_storm_finds_carts_with_two_orders(sabotage: str, faults: str) -> None:
    result = await storm(12, 5, seed=1, sabotage=sabotage, faults=faults, times=TIMES)
    assert result.doubled > 0, result
