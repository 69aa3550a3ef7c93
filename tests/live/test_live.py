"""The journeys against the Commerce that COMMERCE_URL names, through the whole application in this process.

They read, and nothing else: LIVE_WRITE=1 is for journeys that write, of which there are none yet. All settings of
`.env.example` are taken from the environment, so COMMERCE_STORES and REST credentials work here too.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from app.main import create_app
from app.settings import Settings
from tests.journeys import JOURNEYS, Journey, Json, Storefront

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]
WRITES = os.environ.get("LIVE_WRITE") == "1"
WRITING: tuple[Journey, ...] = ()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop() -> AsyncIterator[Storefront]:
    # A shop that has just been deployed answers its first requests slowly.
    patient: dict[str, Any] = {} if "COMMERCE_TIMEOUT" in os.environ else {"commerce_timeout": 60}
    app = create_app(Settings(_env_file=None, **patient))
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://api.test", timeout=120) as client,
    ):

        async def ask(
            query: str, variables: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
        ) -> tuple[int, Json]:
            body = {"query": query, "variables": dict(variables or {})}
            answer = await client.post("/graphql", json=body, headers=dict(headers or {}))
            return answer.status_code, answer.json()

        yield Storefront(ask)


@pytest.mark.parametrize("journey", [*JOURNEYS, *(WRITING if WRITES else ())], ids=lambda journey: journey.__name__)
async def test_a_journey_through_the_live_shop(shop: Storefront, journey: Journey) -> None:
    await journey(shop)
