"""The journeys against the Commerce that COMMERCE_URL names, through the whole application in this process.

They read, and nothing else; with LIVE_WRITE=1 a guest also orders, twice, and a new customer once. All settings of `.env.example` are taken from
the environment, so COMMERCE_STORES and REST credentials work here too.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from app.main import create_app
from tests.journeys import JOURNEYS, WRITING, Journey, Json, Storefront
from tests.journeys.persons import signing_in
from tests.live.settings import live_settings

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]
WRITES = os.environ.get("LIVE_WRITE") == "1"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop() -> AsyncIterator[Storefront]:
    app = create_app(live_settings(os.environ, writes=WRITES))
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://api.test", timeout=300) as client,
    ):

        async def ask(
            query: str, variables: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
        ) -> tuple[int, Json, Mapping[str, str]]:
            body = {"query": query, "variables": dict(variables or {})}
            answer = await client.post("/graphql", json=body, headers=dict(headers or {}))
            return answer.status_code, answer.json(), answer.headers

        yield Storefront(ask, signing_in(app.state.parts))


@pytest.mark.parametrize("journey", [*JOURNEYS, *(WRITING if WRITES else ())], ids=lambda journey: journey.__name__)
async def test_a_journey_through_the_live_shop(shop: Storefront, journey: Journey) -> None:
    await journey(shop)
