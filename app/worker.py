"""`vitrine worker`: does what nobody waits for, until it is told to stop."""

from __future__ import annotations

import asyncio
import signal

from app.main import Parts
from app.sources import Sources, end
from app.telemetry import log


async def run_worker(parts: Parts, sources: Sources) -> None:
    """Works until SIGTERM or SIGINT."""
    settings = parts.settings
    if sources.polling is None and (settings.commerce_poll or settings.commerce_sweep):
        log.warning("worker.not_polling", detail="polling needs REST credentials")
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    await parts.shop.start(settings.commerce_refresh)
    working = asyncio.create_task(sources.work())
    stopped = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait({working, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            # Whoever started it must see that it does not work any more.
            await working
    finally:
        stopped.cancel()
        await end(working)
        await parts.shop.stop()
        await parts.cache.close()
        await sources.close()
        await parts.upstream.close()
        await parts.state.close()
