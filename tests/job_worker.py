"""A worker in a process of its own, for tests that kill it: `python -m tests.job_worker URL NAME SECONDS [hang]`.

Its one job notes in the Redis list `ran` when it begins and ends; `hang` makes it never end.
"""

from __future__ import annotations

import asyncio
import sys

import redis.asyncio as redis

from app.jobs import Job, work

EVERY = 0.3


async def main(url: str, name: str, seconds: float, hang: bool) -> None:
    client = redis.from_url(url)

    async def job() -> None:
        await client.rpush("ran", f"begin {name}")
        await asyncio.sleep(3600 if hang else seconds)
        await client.rpush("ran", f"end {name}")

    await work(url, [Job("note", EVERY, job)], name=name, redelivery=1.0)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3]), "hang" in sys.argv))
