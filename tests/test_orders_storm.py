"""The storm over orders, small; `make storm` runs the whole."""

from __future__ import annotations

import pytest

from tests.orders_storm import SABOTAGES, storm


async def test_no_storm_makes_two_orders_of_a_cart_and_every_call_gets_its_order() -> None:
    result = await storm(60, 5, seed=1)
    assert (result.doubled, result.unordered, result.wrong, dict(result.other)) == (0, 0, 0, {})
    assert result.ordered + result.pending == 60 * 5 + 60
    assert result.ordered >= 60 * 5
    assert min(result.kinds.values()) > 0
    assert len(result.kinds) == 4
    assert result.flushed_while_working >= 5


@pytest.mark.parametrize("name", sorted(SABOTAGES))
async def test_with_a_rule_removed_the_storm_finds_carts_with_two_orders(name: str) -> None:
    # A seed whose first outcomes are bad ones, so that few carts are enough.
    result = await storm(20, 5, seed=195, sabotage=SABOTAGES[name])
    assert result.doubled > 0
