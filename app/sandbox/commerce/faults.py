"""Faults to order: what a broken Commerce, or a broken network before it, does to a caller."""

from __future__ import annotations

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
)

INTERNAL_ERROR = {"message": "Internal server error", "extensions": {"category": "internal"}}


@dataclass
class Fault:
    """A fault of one kind.

    times: how many requests it hits (None: all). match: only requests of the operation with that name.
    path: only requests to paths that start so. seconds: for `slow`. body: for `wrong_shape`, what is sent instead.
    at: for `partial`, the path in `data` that fails; by default the first item of the first list.
    fired: how many requests it has hit.
    """

    kind: str
    times: int | None = 1
    match: str | None = None
    path: str = "/graphql"
    seconds: float = 1.0
    body: Any = field(default_factory=list)
    at: tuple[str | int, ...] | None = None
    fired: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown fault {self.kind!r}: one of {', '.join(KINDS)}")


class Faults:
    """The faults that are ordered, in order; a request gets the first that fits it."""

    def __init__(self, *faults: Fault) -> None:
        self.ordered = list(faults)

    def add(self, fault: Fault) -> Fault:
        """Order a fault. Returns it, so that a test can look at `fired`."""
        self.ordered.append(fault)
        return fault

    def clear(self) -> None:
        self.ordered.clear()

    def take(self, path: str, operation: str | None) -> Fault | None:
        """The fault for a request, counted as fired."""
        for fault in self.ordered:
            left = fault.times is None or fault.fired < fault.times
            if left and path.startswith(fault.path) and fault.match in (None, operation):
                fault.fired += 1
                return fault
        return None


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
