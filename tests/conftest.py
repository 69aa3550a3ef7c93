"""The whole application in a test's own process, with a stand-in Commerce behind it."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Literal

import httpx2
import hypothesis
import pytest
import structlog
import uvicorn
import uvloop
from fastapi import FastAPI

from app.errors import StateUnavailable
from app.main import Parts, create_app
from app.sandbox.commerce import Commerce, create_commerce
from app.settings import Settings
from tests.groups import OneAfterAnother, sort
from tests.redis_fleets import Cluster, Watched, cluster, watched
from tests.redis_server import redis_server
from tests.started import long_open, understood

COMMERCE = "http://commerce.test"


# A machine that is busy with something else is no reason to fail.
hypothesis.settings.register_profile(
    "tests", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow], print_blob=True
)
hypothesis.settings.load_profile("tests")


def pytest_asyncio_loop_factories(item: pytest.Item) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Modules that name `EVENT_LOOPS` run in each of them: the API is served in uvloop's."""
    known: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
        "asyncio": asyncio.new_event_loop,
        "uvloop": uvloop.new_event_loop,
    }
    return {name: known[name] for name in getattr(getattr(item, "module", None), "EVENT_LOOPS", ("asyncio",))}


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    return OneAfterAnother(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    sort(items)


def pytest_collection_finish() -> None:
    # What was imported stays to the end: to look through it again and again for garbage takes longer than the tests.
    gc.collect()
    gc.freeze()
    gc.set_threshold(700, 10, 100)
    gc.set_threshold(700, 10, 100)


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Redis of the module's own, with nothing in it at first."""
    with redis_server(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture(scope="session")
def redis_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three servers that share the keys, for all tests."""
    with cluster(tmp_path_factory.mktemp("cluster")) as fleet:
        yield fleet


@pytest.fixture(scope="session")
def redis_watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """A master, its replica and a sentinel, for all tests that leave them as they are."""
    with watched(tmp_path_factory.mktemp("watched")) as fleet:
        yield fleet


def settings(**given: Any) -> Settings:
    """Settings that read nothing of the machine."""
    return Settings(
        _env_file=None,
        **{
            "commerce_url": COMMERCE,
            "commerce_stores": "default,de",
            "introspection": True,
            # A machine that is busy with something else is no Redis that is away.
            "redis_timeout": 10,
            "cache_patience": 3,
            **given,
        },
    )


@dataclass
class Api:
    """The running application as a caller sees it, and the Commerce behind it."""

    app: FastAPI
    client: httpx2.AsyncClient
    commerce: Commerce

    @property
    def parts(self) -> Parts:
        parts: Parts = self.app.state.parts
        return parts

    async def post(self, query: str, headers: dict[str, str] | None = None, **variables: Any) -> httpx2.Response:
        body = {"query": query, "variables": variables}
        return await self.client.post("/graphql", json=body, headers=headers)

    async def ask(self, query: str, headers: dict[str, str] | None = None, **variables: Any) -> dict[str, Any]:
        """The whole body of the answer."""
        answer: dict[str, Any] = (await self.post(query, headers, **variables)).json()
        return answer

    async def data(self, query: str, headers: dict[str, str] | None = None, **variables: Any) -> dict[str, Any]:
        """The data of an answer that has no errors."""
        body = await self.ask(query, headers, **variables)
        assert "errors" not in body, body["errors"]
        data: dict[str, Any] = body["data"]
        return data

    async def codes(self, query: str, headers: dict[str, str] | None = None, **variables: Any) -> list[str]:
        """The codes of an answer's errors."""
        body = await self.ask(query, headers, **variables)
        return [error["extensions"]["code"] for error in body.get("errors", [])]

    def operations(self) -> list[str]:
        """The names of the operations that Commerce was asked since `forget`."""
        return [seen.operation or seen.path for seen in self.commerce.requests]

    def forget(self) -> None:
        """Forgets what Commerce was asked so far."""
        self.commerce.requests.clear()


@asynccontextmanager
async def running(
    commerce: Commerce, *, transport: httpx2.AsyncBaseTransport | None = None, **given: Any
) -> AsyncIterator[Api]:
    """The application in front of a Commerce; `transport` wraps the way between them."""
    app = create_app(
        settings(**given), transport=transport or httpx2.ASGITransport(app=commerce), understand=understood
    )
    with suppress(StateUnavailable):
        await long_open(app.state.parts)
    async with app.router.lifespan_context(app):
        web = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=web, base_url="http://api.test") as client:
            api = Api(app, client, commerce)
            api.forget()
            yield api


@contextmanager
def serving(app: Any, port: int = 0, lifespan: Literal["on", "off"] = "off") -> Iterator[str]:
    """An ASGI app on a loopback port, by default a free one, as a real server; gives its URL."""
    config = uvicorn.Config(
        app, host="127.0.0.1", port=port, log_config=None, access_log=False, lifespan=lifespan, ws="none"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.005)
    try:
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    """The application in front of a Commerce 2.4.8."""
    async with running(create_commerce("2.4.8", public_url=COMMERCE)) as started:
        yield started


@pytest.fixture(autouse=True)
def _plain_logs() -> None:
    structlog.reset_defaults()
