"""Hears what was purged, and beats so that silence means something."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any
from urllib.parse import unquote

from app.cache.local import Local
from app.cache.shared import CHANNEL, Shared, Ticket
from app.redis_client import AWAY, disconnect, subscribed
from app.telemetry import log

BEATING = 0.25  # seconds between heartbeats
AGAIN = 0.5  # seconds between tries to listen


class Listening:
    """Keeps a `Local` true: subscribes to the messages of all processes, and beats for the store views of this one.

    `stores` gives the codes of the store views; `client` is a client of its own, because a subscription takes its
    connection for itself.
    """

    def __init__(self, local: Local, shared: Shared, client: Any, stores: Callable[[], Iterable[str]]) -> None:
        self._local = local
        self._shared = shared
        self._client = client
        self._stores = stores
        self._tasks: list[asyncio.Task[None]] = []
        # A cancellation that meets a time-out inside the Redis client can be lost in it.
        self._stopped = False

    def start(self) -> None:
        """Begins in the background."""
        self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._beat())]

    async def stop(self) -> None:
        """Ends it, empties what it kept true, and closes the client."""
        self._stopped = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._local.clear()
        await disconnect(self._client)

    async def _listen(self) -> None:
        while not self._stopped:
            channel = None
            try:
                channel = await subscribed(self._client, CHANNEL)
                while not self._stopped:
                    message = await channel.get_message(ignore_subscribe_messages=True, timeout=5.0)
                    if message is not None and message.get("type") in ("message", b"message"):
                        self.hear(message["data"])
            except AWAY as error:
                log.warning("cache.not_listening", detail=type(error).__name__)
            finally:
                if channel is not None:
                    with suppress(*AWAY):
                        await channel.aclose()
            # Messages may have been lost: what is kept may be old.
            self._local.clear()
            await asyncio.sleep(AGAIN)

    def hear(self, data: bytes) -> None:
        """Takes a message: what came of it, which store view, a place in its log, and the tags that were purged."""
        kind, store, id_, seq, *tags = data.decode().split(" ")
        self._local.heard(store, Ticket(id_.encode(), int(seq)), [unquote(tag) for tag in tags])
        if kind == "purge" and not tags:
            log.warning("cache.purge_without_tags", store=store)

    async def _beat(self) -> None:
        while not self._stopped:
            for store in tuple(self._stores()):
                try:
                    asked = self._local.clock()
                    async with asyncio.timeout(BEATING):
                        self._local.seen(store, await self._shared.beat(store), asked)
                        # Every time: it may have been evicted.
                        await self._shared.note(store)
                except AWAY:
                    # Silence says it to everybody.
                    pass
            await asyncio.sleep(BEATING)
