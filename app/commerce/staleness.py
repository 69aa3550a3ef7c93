"""How long a change in Commerce can stay unseen, by what tells of it: bounds, derived from the settings.

A read is kept for its time and served once more for as long again, so without news a change is unseen for twice that
time, and for as long as a read that was under way may take. With news it is unseen until the news has come, until what
Commerce answers by its indexes is right, and until the purge after that is done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from app.commerce.changes import COARSE_SLOT, PICTURE, SLOT, SOON

DOCUMENT = Path(__file__).parents[2] / "docs" / "staleness.md"
REPEATING = 1.0  # seconds between looks whether a purge is due again
HEARD = 1.0  # seconds after which a process that cannot hear of purges has emptied what it keeps for itself
ADOBE = 60.0  # seconds until Commerce has sent an event; priority events are sent within one (Adobe, Create events)
SOURCES = ("Adobe I/O Events", "plain webhook", "polling", "no news")


@dataclass(frozen=True, slots=True)
class Pace:
    """The settings that matter, in seconds; `sweep` and `poll` of 0 are never."""

    prices: float
    content: float
    lag: float
    poll: float
    sweep: float
    refresh: float
    timeout: float

    def kept(self, fresh: float) -> float:
        """Until what is fresh so long is read anew without news."""
        return 2 * fresh + self.timeout

    @property
    def saved(self) -> float:
        """From the news of what is right once it is saved, until it is seen."""
        return SOON + SLOT + REPEATING + HEARD

    @property
    def indexed(self) -> float:
        """From the news of what is right once indexers ran, until it is seen."""
        return max(SOON, self.lag) + SLOT + REPEATING + HEARD

    @property
    def listed(self) -> float:
        """The same of what may come into any listing."""
        return max(SOON, self.lag) + COARSE_SLOT + REPEATING + HEARD


def bounds(pace: Pace) -> Mapping[str, tuple[float, float, float, float]]:
    """Per kind of change the seconds that it can stay unseen, in the order of `SOURCES`."""
    priced, content = pace.kept(pace.prices), pace.kept(pace.content)
    indexed = pace.lag + priced
    polled = pace.poll + pace.timeout if pace.poll else None
    swept = pace.sweep + pace.timeout if pace.sweep else None
    configured = max(content, pace.refresh + pace.timeout + pace.kept(pace.content))

    def row(news: float, without: float, *, told: bool = True, found: float | None = None) -> tuple[float, ...]:
        pushed = [min(late + news, without) if told else without for late in (ADOBE, 0.0)]
        return (*pushed, min(found + news, without) if found is not None else without, without)

    rows = {
        "price of a product": row(pace.indexed, indexed),
        "price by a date or a price rule": row(0, indexed, told=False),
        "price or stock of a part, shown at its configurable product, bundle or group": row(0, indexed, told=False),
        "stock": row(pace.indexed, indexed),
        "name, texts and pictures of a product": row(pace.saved, priced, found=polled),
        "new product: its page, its URL, listings": row(pace.listed, max(indexed, content), found=polled),
        "deleted product: its page, its URL, listings": row(pace.listed, max(indexed, content), found=swept),
        "review": row(0, priced, told=False),
        "category: name, place, texts, new or deleted URL": row(pace.saved, content, found=polled),
        "deleted category": row(pace.saved, content, found=swept),
        "products of a category": row(pace.listed, indexed, found=polled),
        "CMS page, new or changed": row(pace.saved, content, found=polled),
        "CMS block, new or changed": row(pace.saved, content, found=polled),
        "deleted CMS page or block": row(pace.saved, content, found=swept),
        "custom URL rewrite": row(pace.saved, content),
        "configuration, store views, attributes": row(
            max(pace.refresh + PICTURE, pace.lag) + SLOT + REPEATING + HEARD, configured
        ),
    }
    return {name: (first, second, third, fourth) for name, (first, second, third, fourth) in rows.items()}


def table(pace: Pace) -> str:
    """The table in Markdown."""
    lines = [f"| what changed | {' | '.join(SOURCES)} |", f"| --- |{' ---: |' * len(SOURCES)}"]
    lines += [f"| {name} | {' | '.join(map(_said, found))} |" for name, found in bounds(pace).items()]
    return "\n".join(lines)


def _said(seconds: float) -> str:
    """In whole seconds, or in minutes where there are many."""
    whole = round(seconds)
    return f"{whole} s" if whole < 600 else f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"


def document(pace: Pace) -> str:
    """The published page, for the defaults."""
    return f"""# How long a change in Commerce can stay unseen

Upper bounds, from when a change is saved in Commerce until every answer shows it, with the default settings.
`vitrine cache staleness` prints them for yours.

{table(pace)}

They follow from `CACHE_PRICES` {pace.prices:g}, `CACHE_CONTENT` {pace.content:g}, `INDEXER_LAG` {pace.lag:g}, \
`COMMERCE_POLL` {pace.poll:g}, `COMMERCE_SWEEP` {pace.sweep:g}, `COMMERCE_REFRESH` {pace.refresh:g} and \
`COMMERCE_TIMEOUT` {pace.timeout:g}.

- **No news** holds always, whatever else fails: what has prices or stock in it is fresh for `CACHE_PRICES`, all else
  for `CACHE_CONTENT`, and is given once more for as long while it is read anew.
- **Adobe I/O Events**: Commerce sends an event within {ADOBE:g} seconds, one with priority within one; then the column
  of the plain webhook counts. Adobe delivers again for a day what was not taken.
- **Plain webhook**: from when it is sent.
- **Polling** sees what moves `updated_at` or `update_time`; prices set by the price interfaces, price rules, dates,
  stock and reviews do not. Deletions are found by the sweep, whose own time comes on top: a second or two for 1,000
  products. With the defaults it finds nothing sooner than no news does: it counts where `CACHE_CONTENT` is longer.
- Prices, stock and listings come from Commerce's indexes. If they may be later than `INDEXER_LAG`, the difference comes
  on top, but never more than without news. Listings are purged once in {COARSE_SLOT:g} seconds at most.
- Purges are repeated by `vitrine worker`. While no worker runs, of the columns with news only what is right when it is
  told is sure.
- What a CMS page or block shows of products, in widgets, is as old as the page.
- While Commerce fails, what is no longer fresh still answers for `CACHE_ERROR` seconds.
- A proxy that keeps `GET`s keeps them no longer than their `max-age`, which ends with the times above; one that is
  purged by `Surrogate-Key` has to be told by yourselves.
"""
