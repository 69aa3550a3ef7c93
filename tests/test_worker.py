"""`vitrine worker`: a process of its own that polls and repeats purges, beside an API that it has never met."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from app.sandbox.commerce import create_commerce
from tests.conftest import COMMERCE, running, serving
from tests.redis_server import flush
from tests.test_cli import vitrine
from tests.test_responses import PRODUCT, state

ROOT = Path(__file__).parents[1]


@contextmanager
def worker(log: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as told:
        process = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "worker"],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environment},
            stderr=told,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)


async def test_a_worker_finds_changes_for_the_api_and_ends_when_it_is_told(redis_url: str, tmp_path: Path) -> None:
    await flush(redis_url)
    commerce = create_commerce("2.4.8", public_url=COMMERCE)
    admin = commerce.shop.admins[0]
    rest: dict[str, Any] = {"commerce_admin_username": admin.username, "commerce_admin_password": admin.password}
    async with running(commerce, redis_cache_url=redis_url, redis_state_url=redis_url, **rest) as api:
        with serving(commerce) as url:
            told = {name.upper(): value for name, value in rest.items()}
            given = {"COMMERCE_URL": url, "COMMERCE_STORES": "default,de", "COMMERCE_POLL": "0.2", "INDEXER_LAG": "0"}
            with worker(
                tmp_path / "log", **told, **given, REDIS_CACHE_URL=redis_url, REDIS_STATE_URL=redis_url
            ) as process:
                while "/rest/all/V1/cmsBlock/search" not in api.operations():
                    assert process.poll() is None
                    await asyncio.sleep(0.05)
                # All that is purged at first must be purged again by then, but for listings, which this is none of.
                assert api.parts.sources is not None
                while await api.parts.sources.changes.pending() > 1:
                    await asyncio.sleep(0.1)
                while state(await api.post(PRODUCT, sku="TT-C12")) != "hit":
                    await asyncio.sleep(0.05)
                commerce.shop.rename("TT-C12", "Renamed")
                while (await api.data(PRODUCT, sku="TT-C12"))["product"]["name"] != "Renamed":
                    assert process.poll() is None
                    await asyncio.sleep(0.05)
                process.terminate()
                assert await asyncio.to_thread(process.wait, 30) == 0
    log = (tmp_path / "log").read_text()
    assert "worker.started" in log
    assert "Traceback" not in log
    assert "job.failed" not in log
    assert admin.password not in log


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"REDIS_CACHE_URL": "redis://127.0.0.1:1"}, "a worker needs REDIS_STATE_URL and REDIS_CACHE_URL"),
        (
            {"ENVIRONMENT": "demo", "REDIS_CACHE_URL": "redis://127.0.0.1:1", "REDIS_STATE_URL": "memory://"},
            "set EMBEDDED_WORKER",
        ),
    ],
)
def test_a_worker_that_could_do_nothing_does_not_start(given: dict[str, Any], told: str) -> None:
    done = vitrine("worker", COMMERCE_URL="http://127.0.0.1:1", **given)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr


async def test_in_the_demo_the_api_does_the_workers_jobs() -> None:
    commerce = create_commerce("2.4.8", public_url=COMMERCE)
    admin = commerce.shop.admins[0]
    async with running(
        commerce,
        environment="demo",
        redis_state_url="memory://",
        redis_cache_url="memory://",
        embedded_worker=True,
        commerce_poll=0.2,
        commerce_admin_username=admin.username,
        commerce_admin_password=admin.password,
    ) as api:
        while "/rest/all/V1/cmsBlock/search" not in api.operations():
            await asyncio.sleep(0.02)


def test_staleness_is_told_for_the_settings() -> None:
    done = vitrine("cache", "staleness", COMMERCE_URL="http://x", CACHE_CONTENT="6000", COMMERCE_POLL="30")
    assert done.returncode == 0
    assert "12010 s" in done.stdout
    assert "45 s" in done.stdout
