"""Faults to order: what a broken Commerce, or a broken network before it, does to a caller."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

KINDS = (
    "html_500",
    "html_503",
    "truncated",
    "wrong_shape",
    "slow",
    "empty",
    "not_json",
    "graphql_internal",
    "partial",
    "drop",
    "place_then_hang",
    "place_after_close",
    "error_after_place",
    "error_before_place",
    "crash_after_place",
    "crash_halfway",
)
# Faults of placing an order: only a request that does so gets them.
PLACING = ("place_then_hang", "place_after_close", "error_after_place", "error_before_place", "crash_after_place")

INTERNAL_ERROR = {"message": "Internal server error", "extensions": {"category": "internal"}}


@dataclass
class Fault:
    """A fault of one kind.

    times: how many requests it hits (None: all). match: only requests of the operation with that name.
    path: only requests to paths that start so. seconds: for `slow`. body: for `wrong_shape`, what is sent instead.
    at: for `partial`, the path in `data` that fails; by default the first item of the first list.
    fired: how many requests it has hit.

    Of placing: `place_then_hang` places the order and then answers nothing until the client gives up.
    `place_after_close` checks the cart, answers nothing, and places the order `seconds` after the client's connection
    closed. Both end after `patience` seconds if the client never gives up. `error_after_place` places the order and
    answers 500, `error_before_place` answers 500 and places nothing. `crash_after_place` answers 500 between saving the
    order and closing the cart, which can then be ordered again. `slow` and `drop` place it too.

    Of merging carts: `crash_halfway` answers 500 between saving the customer's cart and closing the guest's. `drop` and
    `graphql_internal` merge and do not say so, `html_500` does nothing.
    """

    kind: str
    times: int | None = 1
    match: str | None = None
    path: str = "/graphql"
    seconds: float = 1.0
    body: Any = field(default_factory=list)
    at: tuple[str | int, ...] | None = None
    fired: int = 0
    patience: float = 60.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown fault {self.kind!r}: one of {', '.join(KINDS)}")


class Storm:
    """Faults by chance, the same for the same seed: each request that places an order draws once."""

    def __init__(self, seed: int, chances: dict[str, float], seconds: float) -> None:
        for kind in chances:
            Fault(kind)
        self.fired: Counter[str] = Counter()
        self._dice = random.Random(seed)
        self._chances = chances
        self._seconds = seconds

    def draw(self) -> Fault | None:
        """The fault for the next placing, if it gets one."""
        number = self._dice.random()
        for kind, chance in self._chances.items():
            if number < chance:
                self.fired[kind] += 1
                return Fault(kind, seconds=self._seconds, fired=1)
            number -= chance
        return None


class Faults:
    """The faults that are ordered, in order; a request gets the first that fits it."""

    def __init__(self, *faults: Fault) -> None:
        self.ordered = list(faults)
        self.storms: list[Storm] = []

    def add(self, fault: Fault) -> Fault:
        """Order a fault. Returns it, so that a test can look at `fired`."""
        self.ordered.append(fault)
        return fault

    def storm(self, seed: int, chances: dict[str, float], seconds: float = 1.0) -> Storm:
        """From now on, spoil placings by chance. Returns the storm, so that a test can look at `fired` by kind."""
        storm = Storm(seed, chances, seconds)
        self.storms.append(storm)
        return storm

    def clear(self) -> None:
        self.ordered.clear()
        self.storms.clear()

    def take(self, path: str, operation: str | None, placing: bool = False) -> Fault | None:
        """The fault for a request, counted as fired."""
        for fault in self.ordered:
            left = fault.times is None or fault.fired < fault.times
            fits = path.startswith(fault.path) and fault.match in (None, operation)
            if left and fits and (placing or fault.kind not in PLACING):
                fault.fired += 1
                return fault
        return next((drawn for storm in self.storms if (drawn := storm.draw())), None) if placing else None


def break_part(body: dict[str, Any], at: tuple[str | int, ...] | None) -> dict[str, Any]:
    """A GraphQL reply with an internal error at one nested path, which becomes null."""
    data = body.get("data")
    path = at or (_first_item(data, ()) if data else None)
    if not path:
        return body
    holder: Any = data
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = None
    error = {**INTERNAL_ERROR, "locations": [{"line": 1, "column": 3}], "path": list(path)}
    return {"errors": [*body.get("errors", ()), error], "data": data}


def _first_item(data: Any, path: tuple[str | int, ...]) -> tuple[str | int, ...] | None:
    """The path of the first member of the first list; without any list, of the first field below the root."""
    level = [(path, data)]
    shallow: tuple[str | int, ...] | None = None
    while level:
        below = []
        for place, value in level:
            for key, inner in value.items():
                if isinstance(inner, list) and inner and isinstance(inner[0], dict):
                    return (*place, key, 0)
                if isinstance(inner, dict):
                    below.append(((*place, key), inner))
                elif place and shallow is None:
                    shallow = (*place, key)
        level = below
    return shallow
