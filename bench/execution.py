"""CPU time of a category page: its execution alone, and the whole request before a Commerce that answers at once.

    python -m bench.execution [--rounds 40] [--parts]

Each round measures every variant in turn, so that a busy machine slows all of them alike; what is told are medians. The
floor is what no BFF in Python can save: the same call to Commerce, its answer decoded, and a result of the same size
encoded. `--parts` profiles the whole request and tells where its time goes.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import gc
import logging
import pstats
import statistics
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import httpx2
import orjson
import strawberry
import structlog
from fastapi import FastAPI
from graphql import execute, parse
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message

from app.commerce.client import StoreContext
from app.main import Parts, create_app
from app.sandbox.commerce import create_commerce
from app.settings import Settings
from app.storefront.compiled import compiled_executor
from app.storefront.keeping import Kept
from app.storefront.links import Links
from app.storefront.listing import ProductList
from app.storefront.products import PRODUCT_TYPES

COMMERCE = "http://commerce.test"
BATCH = 8  # calls in a row: a process serves more than one page, and its caches are warm
SIZES = (24, 48, 96, 192)
LIST = """
    total page pages
    items {
      __typename uid sku name urlKey url inStock
      image { url alt }
      thumbnail { url alt }
      price {
        regular { amount currency }
        final { amount currency }
        discount { percent amount { amount currency } }
        minimum {
          regular { amount currency } final { amount currency } discount { percent amount { amount currency } }
        }
        maximum {
          regular { amount currency } final { amount currency } discount { percent amount { amount currency } }
        }
      }
      rating { average count }
      stock { inStock onlyLeft }
    }
    facets { attribute label options { value label count } }
    sorts { value label isDefault }
"""
PAGE = f"""query Category($path: String!, $size: Int!) {{
  category(urlPath: $path) {{
    name url
    breadcrumbs {{ name url }}
    children {{ name url }}
    products(pageSize: $size) {{ {LIST} }}
  }}
}}"""
Once = Callable[[], Awaitable[object]]


class Instant(httpx2.AsyncBaseTransport):
    """A Commerce that has every answer ready, with so many products on each page; `page` is what it was asked for the
    last of them, and what it answered."""

    def __init__(self, products: int) -> None:
        self._commerce = httpx2.ASGITransport(app=create_commerce("2.4.8", public_url=COMMERCE))
        self._products = products
        self._ready: dict[bytes, bytes] = {}
        self.page: tuple[bytes, bytes] = (b"", b"")

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        asked = await request.aread()
        body = self._ready.get(asked)
        if body is None:
            answer = await self._commerce.handle_async_request(request)
            found = orjson.loads(await answer.aread())
            listed = (found.get("data") or {}).get("products") or {}
            items = listed.get("items") or []
            if items:
                listed["items"] = [
                    {**items[number % len(items)], "sku": f"SKU-{number}"} for number in range(self._products)
                ]
            body = self._ready[asked] = orjson.dumps(found)
            if items:
                self.page = asked, body
        kind = [("content-type", "application/json")]
        return httpx2.Response(200, headers=kind, stream=httpx2.ByteStream(body))


async def request(app: ASGIApp, body: bytes) -> bytes:
    """The body of the answer to a query, without any network."""
    received: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
    sent: list[Message] = []

    async def receive() -> Message:
        return received.pop()

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"host", b"api.test"), (b"content-type", b"application/json"), (b"user-agent", b"bench")]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/graphql",
        "raw_path": b"/graphql",
        "root_path": "",
        "query_string": b"",
        "headers": headers,
        "client": ("192.0.2.1", 50_000),
        "server": ("api.test", 80),
    }
    await app(scope, receive, send)
    return b"".join(message.get("body", b"") for message in sent)


def floor(transport: Instant, asked: bytes, answer: bytes) -> Starlette:
    """A server that does the least for such a page."""
    client = httpx2.AsyncClient(transport=transport, base_url=COMMERCE)
    result = orjson.loads(answer)

    async def page(incoming: Request) -> Response:
        orjson.loads(await incoming.body())
        reply = await client.post("/graphql", content=asked, headers={"content-type": "application/json"})
        orjson.loads(reply.content)
        return Response(orjson.dumps(result), media_type="application/json")

    return Starlette(routes=[Route("/graphql", page, methods=["POST"])])


def fields(data: Any) -> int:
    """How many fields a result has."""
    if isinstance(data, dict):
        return len(data) + sum(map(fields, data.values()))
    return sum(map(fields, data)) if isinstance(data, list) else 0


async def medians(rounds: int, variants: dict[str, Once]) -> dict[str, float]:
    """The median CPU time of each variant, in seconds."""
    for once in variants.values():
        for _ in range(3):
            await once()
    times: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(rounds):
        for name, once in variants.items():
            gc.collect()
            started = time.process_time()
            for _ in range(BATCH):
                await once()
            times[name].append((time.process_time() - started) / BATCH)
    return {name: statistics.median(taken) for name, taken in times.items()}


def execution(listed: ProductList) -> dict[str, Once]:
    """The execution of the page's list alone, over objects that are there already."""

    @strawberry.type
    class Query:
        products: ProductList

    kinds: Any = PRODUCT_TYPES
    document = parse(f"{{ products {{ {LIST} }} }}")
    root = Query(products=listed)

    def once(name: str) -> Once:
        executor = compiled_executor(Kept(most=8, longest=16_384, total=16_384)) if name == "compiled" else None
        schema = strawberry.Schema(Query, types=kinds, execution_context_class=executor)

        async def run() -> object:
            return execute(schema._schema, document, root_value=root, executor_class=schema.execution_context_class)

        return run

    return {name: once(name) for name in ("stock", "compiled")}


async def measure(products: int, rounds: int, *, parts: bool) -> None:
    """Measures pages of so many products, and prints what came out."""
    transport = Instant(products)
    settings = Settings(
        _env_file=None, commerce_url=COMMERCE, commerce_stores="default", catalog_max_page_size=max(SIZES)
    )
    apps = {
        name: create_app(settings, transport=transport, compiled=name == "compiled") for name in ("stock", "compiled")
    }
    for app in apps.values():
        await app.state.parts.shop.start(3600)
    body = orjson.dumps({"query": PAGE, "variables": {"path": "apparel", "size": products}})
    answers = {name: await request(app, body) for name, app in apps.items()}
    assert answers["stock"] == answers["compiled"]
    answer = answers["compiled"]
    asked, reply = transport.page
    listed = ProductList.of(
        orjson.loads(reply)["data"]["products"], 1, products, await _links(apps["compiled"]), lambda _: True
    )
    alone = execution(listed)
    results: list[Any] = [await once() for once in alone.values()]
    assert results[0] == results[1]
    assert not results[0].errors
    bare = floor(transport, asked, answer)
    took = await medians(
        rounds,
        {
            "floor": partial(request, bare, body),
            **{f"page {name}": partial(request, app, body) for name, app in apps.items()},
            **{f"execution {name}": once for name, once in alone.items()},
        },
    )
    print(f"{products} products, {fields(orjson.loads(answer)['data'])} fields, {len(answer):,} bytes")
    for name, seconds in took.items():
        size = fields(results[0].data) if name.startswith("execution") else fields(orjson.loads(answer)["data"])
        ratio = f"{seconds / took['floor']:6.1f} floors"
        print(f"  {name:20} {1e3 * seconds:8.3f} ms {1e6 * seconds / size:7.2f} us per field {ratio}")
    if parts:
        await profile(partial(request, apps["compiled"], body))
    for app in apps.values():
        await app.state.parts.shop.stop()


async def _links(app: FastAPI) -> Links:
    parts: Parts = app.state.parts
    return parts.links_of(await parts.shop.view(StoreContext()))


async def profile(once: Once, times: int = 100) -> None:
    """Prints which parts of the code a request's time goes to; built-in functions count for their callers."""
    profiler = cProfile.Profile()
    profiler.enable()
    for _ in range(times):
        await once()
    profiler.disable()
    by_part: Counter[str] = Counter()
    entries: Any = pstats.Stats(profiler).stats  # type: ignore[attr-defined]
    for (file, _, _), (_, _, own, _, callers) in entries.items():
        if file != "~":
            by_part[_part(file)] += own
        else:
            for (caller, _, _), (_, _, its, _) in callers.items():
                by_part[_part(caller)] += its
    total = sum(by_part.values())
    for name, seconds in by_part.most_common(16):
        print(f"  {name:32} {100 * seconds / total:5.1f} %")


def _part(file: str) -> str:
    if "site-packages/" in file:
        return file.partition("site-packages/")[2].partition("/")[0]
    return file.partition("/app/")[2] or "standard library"


def main() -> None:
    """Reads the arguments, measures and prints."""
    arguments = argparse.ArgumentParser(description="CPU time of a category page")
    arguments.add_argument("--rounds", type=int, default=25)
    arguments.add_argument("--parts", action="store_true", help="profile the whole request of the smallest page")
    given = arguments.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    for products in SIZES:
        asyncio.run(measure(products, given.rounds, parts=given.parts and products == SIZES[0]))


if __name__ == "__main__":
    main()
