"""What a read costs more while the cache's Redis is refused, hung or slow.

    python -m bench.redis_away [--firsts 30] [--reads 2000]

Told are medians in milliseconds above the same read of a cache that has no Redis at all: of the first read that meets
it, and of those after that, until it is back.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import statistics
import tempfile
import time
from pathlib import Path

import structlog

from app.cache import Cache, Fetched, Local, Shared, Ticket, Times
from app.main import CACHE_TIMEOUT
from app.redis_client import connect
from tests.redis_relay import relay
from tests.redis_server import redis_server

TIMES = Times(60)


async def fetch(_: Ticket | None) -> Fetched:
    """An upstream that answers at once."""
    return Fetched(b"x" * 26_000, ("all", "product:A"))


async def timed(cache: Cache, key: str) -> float:
    """Milliseconds of a read."""
    started = time.perf_counter()
    await cache.read("default", key, TIMES, fetch)
    return (time.perf_counter() - started) * 1000


async def measure(how: str, url: str, firsts: int, reads: int) -> tuple[float, float, float]:
    """Medians of the read without Redis, of the first that meets it, and of the next ones."""
    none = Cache(None, Local(0, time.monotonic))
    first, then, plain = [], [], []
    for number in range(firsts):
        async with relay(url) as way:
            cache = Cache(Shared(connect(way.url, CACHE_TIMEOUT)), Local(0, time.monotonic), pause=3600)
            await cache.read("default", f"{how} {number}", TIMES, fetch)
            if how == "refused":
                await way.refuse()
            way.hung, way.slow = how == "hung", 1.0 if how == "slow" else 0.0
            first.append(await timed(cache, f"{how} {number}"))
            for each in range(reads // firsts):
                then.append(await timed(cache, f"{each}"))
                plain.append(await timed(none, f"{each}"))
            way.hung, way.slow = False, 0.0
            await cache.close()
    return statistics.median(plain), statistics.median(first), statistics.median(then)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--firsts", type=int, default=30)
    parser.add_argument("--reads", type=int, default=2000)
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    print(f"{'Redis':10}{'first read, more by':>22}{'next reads, more by':>22}{'without Redis':>16}   ms, medians")
    with tempfile.TemporaryDirectory() as folder, redis_server(Path(folder)) as url:
        for how in ("refused", "hung", "slow"):
            plain, first, then = await measure(how, url, given.firsts, given.reads)
            print(f"{how:10}{first - plain:22.2f}{then - plain:22.3f}{plain:16.3f}")


if __name__ == "__main__":
    asyncio.run(main())
