"""Commerce's full page cache on GET, with the headers that a cache in front of it sees (cache-000 to cache-019)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

SECONDS = 86400


@dataclass(slots=True)
class Stored:
    """A reply that was kept: its bytes, its tags, and until when."""

    body: bytes
    tags: tuple[str, ...]
    until: float


class PageCache:
    """Replies by URL, store view, currency and customer group, for a day or until one of their tags is purged."""

    def __init__(self) -> None:
        self._stored: dict[tuple[str, str], Stored] = {}

    def get(self, url: str, cache_id: str, now: float) -> Stored | None:
        found = self._stored.get((url, cache_id))
        return found if found is not None and found.until > now else None

    def put(self, url: str, cache_id: str, body: bytes, tags: tuple[str, ...], now: float) -> Stored:
        stored = self._stored[url, cache_id] = Stored(body, tags, now + SECONDS)
        return stored

    def purge(self, tags: Iterable[str]) -> None:
        """Forget every reply that has one of the tags."""
        stale = set(tags)
        for key in [key for key, stored in self._stored.items() if stale.intersection(stored.tags)]:
            del self._stored[key]
