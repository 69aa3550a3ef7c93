"""Which tests run one after another: those that start processes of their own, and promise something about time.

pytest-xdist's own `--dist loadgroup` lets tests of one `xdist_group` run side by side under pytest 9.2: it tells the
groups by a change of the tests' ids, which pytest has no use for any more.
"""

from __future__ import annotations

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

PROCESSES = "starts processes"
FLEETS = "asks several Redis servers"
GROUPS = {
    "tests/test_api_storm.py": PROCESSES,
    "tests/test_orders_storm.py": PROCESSES,
    "tests/test_refresh_storm.py": PROCESSES,
    "tests/test_graphiql.py": PROCESSES,
    "tests/test_sign_in_browser.py": PROCESSES,
    "tests/test_cli.py": PROCESSES,
    "tests/test_doctor.py": PROCESSES,
    "tests/test_redis_away.py": PROCESSES,
    "tests/test_cache_storm.py": PROCESSES,
    "tests/test_cache_misses.py": PROCESSES,
    "tests/test_redis_fleets.py": FLEETS,
    "tests/test_cache_tiers.py": FLEETS,
    "tests/test_cache.py": FLEETS,
    "tests/test_cart_machine.py": "cart machine",
}


class OneAfterAnother(LoadScopeScheduling):  # type: ignore[misc]
    """Every worker takes the next test that is left; all tests of a group go to the same one, the groups first."""

    def __init__(self, config: pytest.Config, log: Any = None) -> None:
        super().__init__(config, log)
        # In the order of `sort`, not by the number of tests: the few of a group take the longest.
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        return GROUPS.get(_file(nodeid), nodeid)


def sort(items: list[pytest.Item]) -> None:
    """Puts the tests of groups before all others: a long one that begins last keeps everybody waiting."""
    places = {file: place for place, file in enumerate(GROUPS)}
    items.sort(key=lambda item: places.get(_file(item.nodeid), len(places)))


def _file(nodeid: str) -> str:
    return nodeid.partition("::")[0]
