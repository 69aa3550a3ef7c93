"""What is kept of what callers send, bounded in number and in size."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Kept(Generic[Value]):
    """The values used last: `most` at a time, none of a text longer than `longest`, and of `total` characters in all.

    Callers choose the texts, and what is made of a text can be a hundred times as large.
    """

    def __init__(self, *, most: int, longest: int, total: int) -> None:
        self._most = most
        self._longest = longest
        self._total = total
        self._size = 0
        self._values: dict[Hashable, tuple[Value, int]] = {}

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: Hashable) -> Value | None:
        """The value of a key, which now is the last one used; None where it is not kept."""
        found = self._values.pop(key, None)
        if found is None:
            return None
        self._values[key] = found
        return found[0]

    def keep(self, key: Hashable, value: Value, size: int) -> None:
        """Keeps the value of a key that is not kept, made of a text of so many characters, unless it is too long."""
        if size > self._longest:
            return
        self._values[key] = value, size
        self._size += size
        while len(self._values) > self._most or self._size > self._total:
            oldest = next(iter(self._values))
            self._size -= self._values.pop(oldest)[1]
