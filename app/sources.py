"""Where changes in Commerce are heard of, put together by the settings: the webhook, polling, and repeats of purges."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.cache import Cache
from app.commerce.adobe_signatures import HOST, AdobeSignatures
from app.commerce.changes import Changes
from app.commerce.polling import Polling
from app.commerce.rest import Rest
from app.commerce.skus import Skus
from app.commerce.staleness import REPEATING, Pace
from app.http import Breaker, Upstream
from app.jobs import Job, work
from app.settings import Settings, secrets_of
from app.state import State
from app.telemetry import Metrics, log
from app.webhooks import Webhooks

if TYPE_CHECKING:
    import httpx2

LARGEST_KEY = 65_536  # bytes


@dataclass
class Sources:
    """All that tells the cache of changes. `polling` is None where the settings do not allow it."""

    changes: Changes
    polling: Polling | None
    webhooks: Webhooks
    adobe: AdobeSignatures | None
    settings: Settings

    def jobs(self) -> list[Job]:
        """What a worker does."""
        jobs = [Job("repeat_purges", REPEATING, self.changes.repeat)]
        if self.polling is not None and self.settings.commerce_poll:
            jobs.append(Job("poll_changes", self.settings.commerce_poll, self.polling.poll))
        if self.polling is not None and self.settings.commerce_sweep:
            jobs.append(Job("sweep_deletions", self.settings.commerce_sweep, self.polling.sweep))
        return jobs

    async def work(self) -> None:
        """Does a worker's jobs until it is cancelled."""
        jobs = self.jobs()
        log.info("worker.started", jobs=[job.name for job in jobs])
        await work(self.settings.redis_state_url.get_secret_value(), jobs)

    async def close(self) -> None:
        """Closes what only this uses."""
        if self.adobe is not None:
            await self.adobe.close()


def build_sources(
    settings: Settings,
    cache: Cache,
    state: State,
    rest: Rest,
    stores: Callable[[], Iterable[str]],
    metrics: Metrics,
    transport: httpx2.AsyncBaseTransport | None = None,
) -> Sources | None:
    """The sources, where there are a cache to keep true and a state; `transport` stands in for the network in tests."""
    if not settings.cached or not state.configured:
        return None
    changes = Changes(cache, state, stores, lag=settings.indexer_lag, refresh=settings.commerce_refresh)
    adobe = None
    if settings.commerce_events_client_id:
        upstream = Upstream(
            "adobe",
            HOST,
            metrics=metrics,
            timeout=settings.commerce_timeout / 2,
            connect_timeout=settings.commerce_connect_timeout,
            connections=2,
            attempts=2,
            breaker=Breaker(settings.commerce_breaker_failures, settings.commerce_breaker_pause),
            max_response=LARGEST_KEY,
            transport=transport,
        )
        adobe = AdobeSignatures(upstream)
    webhooks = Webhooks(
        changes,
        Skus(rest),
        secrets=secrets_of(settings.commerce_webhook_secrets),
        adobe=adobe,
        client_id=settings.commerce_events_client_id,
    )
    polling = Polling(rest, changes, state) if rest.available else None
    return Sources(changes, polling, webhooks, adobe, settings)


def pace_of(settings: Settings) -> Pace:
    """What says how long a change can stay unseen."""
    return Pace(
        settings.cache_prices,
        settings.cache_content,
        settings.indexer_lag,
        settings.commerce_poll,
        settings.commerce_sweep,
        settings.commerce_refresh,
        settings.commerce_timeout,
    )


async def end(task: asyncio.Task[None] | None) -> None:
    """Ends a worker in this process, and tells of one that had ended by itself."""
    if task is None:
        return
    task.cancel()
    (ended,) = await asyncio.gather(task, return_exceptions=True)
    if isinstance(ended, Exception):
        log.error("worker.crashed", exc_info=ended)
