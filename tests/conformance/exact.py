"""The comparison of two carts that hold the same goods at the same prices: value by value.

Other than `compare`, this is for answers of the stand-in that was furnished as the recorded shop (`lab`). Names that
only one shop has are no difference: words for people, and ids, which must stand for the same things all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tests.conformance.compare import Difference

WORDS = frozenset({"name", "label", "title", "option_label", "value_label"})
# After some refusals Commerce shows lines without their discounts, which are in the totals all the same (cart-016).
FORGOTTEN = frozenset({"discounts"})


def exactly(recorded: Any, replayed: Any, translated: Callable[[str], str], path: str = "data") -> Iterator[Difference]:
    """All differences; `translated` puts a recorded id into the stand-in's words."""
    if isinstance(recorded, dict) and isinstance(replayed, dict):
        for key, value in recorded.items():
            forgotten = key in FORGOTTEN and value is None
            if key in replayed and key not in WORDS and not forgotten:
                yield from exactly(value, replayed[key], translated, f"{path}.{key}")
    elif isinstance(recorded, list) and isinstance(replayed, list):
        if len(recorded) != len(replayed):
            yield path, f"{len(replayed)} elements instead of {len(recorded)}"
        for place, (one, other) in enumerate(zip(recorded, replayed, strict=False)):
            yield from exactly(one, other, translated, f"{path}.{place}")
    else:
        expected = translated(recorded) if isinstance(recorded, str) else recorded
        if expected != replayed or isinstance(expected, bool) != isinstance(replayed, bool):
            yield path, f"{replayed!r} instead of {expected!r}"


def messages(body: Any) -> list[tuple[str, str]]:
    """The errors of an answer: category and message, which clients tell errors apart by."""
    errors = body.get("errors") if isinstance(body, dict) else None
    return [(error.get("extensions", {}).get("category", ""), error.get("message", "")) for error in errors or ()]
