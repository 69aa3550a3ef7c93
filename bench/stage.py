"""Who takes part: each with its command, its settings and what it is asked, on one upstream."""

from __future__ import annotations

import asyncio
import base64
import itertools
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson
import redis

from app.main import create_app
from app.settings import Settings
from bench.execution import COMMERCE, PAGE, SIZES, Instant, request
from bench.load import ORIGIN, Question, answer_of, exchange, same_data
from bench.servers import ROOT, Server, free_port, started

PEERS = Path(__file__).parent / "peers"
SCHEMA = ROOT / "schema" / "storefront.graphql"
COMMERCE_SCHEMA = ROOT / "schema" / "commerce" / "adobe-commerce-2.4.8.graphql"
LATENCY = 0.08  # seconds of the slow upstream
ADD = """mutation Add($lines: [CartLineInput!]!) { cartAdd(lines: $lines) {
  cart { quantity lines { sku name quantity price { amount currency } } totals { grandTotal { amount currency } } }
  userErrors { code path }
} }"""
Asked = Callable[[int], Question]


@dataclass(frozen=True)
class Contender:
    """A server to start: `asked` gives the question for a page of so many products."""

    name: str
    command: Sequence[str]
    asked: Asked
    settings: Mapping[str, str] = field(default_factory=dict)
    peer: bool = False


class Stage:
    """What all of them need: a folder, two upstreams, Redis, the page and its right answer by size."""

    def __init__(self, folder: Path, ending: ExitStack) -> None:
        self.folder = folder
        self._ending = ending
        self.redis = ending.enter_context(_redis(folder))
        self.requests = {size: asyncio.run(_request_of(size)) for size in SIZES}
        self.request_file = folder / "asked.json"
        self.request_file.write_bytes(self.requests[SIZES[0]])
        self.upstream = self._upstream("upstream", []).port
        self.slow_server = self._upstream("slow", ["--latency", str(LATENCY)])
        self.slow = self.slow_server.port
        self.commerce_pages = {
            size: orjson.loads(answer_of(self.upstream, Question.post("/graphql", body)))["data"]
            for size, body in self.requests.items()
        }
        self._pages: dict[int, Any] = {}
        self._numbers = itertools.count()
        self.page_file = folder / "page.json"

    def _upstream(self, name: str, options: Sequence[str]) -> Server:
        port = free_port()
        command = [sys.executable, "-m", "bench.upstream", "--port", str(port), *options]
        first = Question.post("/graphql", self.requests[SIZES[0]])
        return self._ending.enter_context(started(name, command, port, first, self.folder))

    def start(self, contender: Contender) -> Server:
        """Starts one for the whole run. Raises `NotStarted`."""
        return self._ending.enter_context(self.run(contender))

    @contextmanager
    def run(self, contender: Contender) -> Iterator[Server]:
        """Starts one for a while. Raises `NotStarted`."""
        port = free_port()
        settings = {**contender.settings, "PORT": str(port), "LISTEN_PORT": str(port)}
        name = "".join(each if each.isalnum() else "-" for each in contender.name)
        with started(name, contender.command, port, contender.asked(SIZES[0]), self.folder, settings, 0) as server:
            yield server

    def learn(self, ours: Server) -> None:
        """Takes the right answers from ours. The peers that map Commerce's answer by themselves must give the same."""
        for size in SIZES:
            answer = answer_of(ours.port, self.page(size))
            told = orjson.loads(answer)
            assert not told.get("errors"), answer[:500]
            assert len(told["data"]["category"]["products"]["items"]) == size
            self._pages[size] = told["data"]
            if size == SIZES[0]:
                self.page_file.write_bytes(answer)
                with redis.from_url(self.redis) as client:
                    client.set("page", answer)

    def right(self, size: int) -> Any:
        """The data of the right answer."""
        return self._pages.get(size)

    # What they are asked

    def page(self, size: int) -> Question:
        """The page, by POST."""
        return Question.post("/graphql", _body(size), self._check(size))

    def page_apart(self, size: int) -> Question:
        """The page, asked in words that nobody has used before: what many wait for is read from Redis once."""
        return Question.post("/graphql", _body(size, f"# {next(self._numbers)}"), self._check(size))

    def _commerce_page(self, size: int) -> Question:
        return Question.post("/graphql", self.requests[size], same_data(self.commerce_pages[size]))

    def _alokai_page(self, size: int) -> Question:
        body = orjson.dumps({"path": "apparel", "size": size})
        return Question.post("/commerce/page", body, self._check(size))

    def _check(self, size: int) -> Callable[[bytes], bool]:
        data = self.right(size)
        return same_data(data) if data is not None else lambda body: b'"errors"' not in body

    # Who takes part

    def ours(self, name: str, upstream: int, **settings: str) -> Contender:
        """Vitrine as it is served, with everything switched on."""
        given = {
            "COMMERCE_URL": f"http://127.0.0.1:{upstream}",
            "COMMERCE_STORES": "default",
            "COMMERCE_ADMIN_USERNAME": "admin",
            "COMMERCE_ADMIN_PASSWORD": "Admin-passw0rd",
            "CATALOG_MAX_PAGE_SIZE": str(max(SIZES)),
            "LISTEN_HOST": "127.0.0.1",
            "PUBLIC_URL": "https://api.example.com",
            "ALLOWED_ORIGINS": ORIGIN,
            "TRUSTED_PROXIES": "127.0.0.1",
            "REDIS_STATE_URL": self.redis,
            "REDIS_CACHE_URL": self.redis,
            "SESSION_KEYS": base64.b64encode(secrets.token_bytes(32)).decode(),
            "COMMERCE_WEBHOOK_SECRETS": secrets.token_urlsafe(32),
            "METRICS": "true",
            "LOG_LEVEL": "warning",
            **settings,
        }
        return Contender(name, [sys.executable, "-m", "app.cli", "serve"], self.page, given)

    def python(self, name: str, module: str) -> Contender:
        """One of bench/contenders.py."""
        settings = {"PAGE": str(self.page_file), "REDIS_URL": self.redis, **self._peer_settings(self.upstream)}
        return Contender(name, [sys.executable, "-m", "bench.contenders", module], self.page, settings)

    def _peer_settings(self, upstream: int) -> dict[str, str]:
        return {
            "UPSTREAM": f"http://127.0.0.1:{upstream}",
            "ASKED": str(self.request_file),
            "SCHEMA": str(SCHEMA),
            "COMMERCE_SCHEMA": str(COMMERCE_SCHEMA),
            "NODE_ENV": "production",
        }

    def yoga(self, name: str, upstream: int | None = None, **settings: str) -> Contender:
        """GraphQL Yoga with our public schema."""
        given = {**self._peer_settings(upstream or self.upstream), **settings}
        return Contender(name, ["node", str(PEERS / "yoga.mjs")], self.page, given, peer=True)

    def alokai(self, name: str, upstream: int | None = None) -> Contender:
        """Alokai's middleware with an integration."""
        given = self._peer_settings(upstream or self.upstream)
        return Contender(name, ["node", str(PEERS / "alokai.mjs")], self._alokai_page, given, peer=True)

    def hive(self, name: str, mode: str, upstream: int | None = None, **settings: str) -> Contender:
        """Hive Gateway before Commerce's own schema, asked for what ours asks of Commerce."""
        given = {**self._peer_settings(upstream or self.upstream), **settings}
        if mode == "supergraph":
            given["SUPERGRAPH"] = str(self._supergraph(upstream or self.upstream))
        gateway = str(PEERS / "node_modules" / "@graphql-hive" / "gateway" / "dist" / "bin.js")
        command = ["node", gateway, mode, "--config-path", str(PEERS / "gateway.config.mjs")]
        return Contender(name, command, self._commerce_page, given, peer=True)

    def _supergraph(self, upstream: int) -> Path:
        file = self.folder / f"supergraph-{upstream}.graphql"
        if not file.exists():
            command = ["node", str(PEERS / "compose.mjs"), str(COMMERCE_SCHEMA), f"http://127.0.0.1:{upstream}/graphql"]
            file.write_bytes(subprocess.run(command, check=True, capture_output=True).stdout)
        return file

    # Carts

    def commerce(self) -> int:
        """A stand-in that keeps carts and never sells out; its port."""
        port = free_port()
        command = [sys.executable, "-m", "app.sandbox.commerce", "--port", str(port), "--version", "2.4.8"]
        first = Question.post("/graphql", b'{"query": "{ storeConfig { store_code } }"}')
        return self._ending.enter_context(
            started("commerce", [*command, "--endless-stock"], port, first, self.folder)
        ).port

    def shared(self, name: str) -> Contender:
        """Vitrine without a cache in its process: every answer comes from Redis."""
        return replace(self.ours(name, self.upstream, CACHE_LOCAL="0"), asked=self.page_apart)

    def buying(self) -> Contender:
        """Vitrine before a stand-in that keeps carts."""
        ours = self.ours("Vitrine with carts", self.commerce())
        return replace(ours, asked=lambda _: Question.post("/graphql", b'{"query": "{ store { name } }"}'))

    def adding(self, port: int) -> Question:
        """A line put into a cart that there is already."""
        body = orjson.dumps({"query": ADD, "variables": {"lines": [{"sku": "TT-C12", "quantity": "1"}]}})
        headers, _ = exchange(port, Question.post("/graphql", body, _added, ["X-Vitrine: 1"]))
        cookie = headers["set-cookie"].partition(";")[0]
        return Question.post("/graphql", body, _added_again, ["X-Vitrine: 1", f"Cookie: {cookie}"])


def peers() -> str:
    """Why the peers cannot be measured here; nothing when they can."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        return "node or npm is not there"
    lock = PEERS / "package-lock.json"
    installed = PEERS / "node_modules" / ".package-lock.json"
    if installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime:
        return ""
    # Nothing of what they install runs: their scripts are not needed.
    done = subprocess.run(
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], cwd=PEERS, check=False
    )
    return "" if done.returncode == 0 else "npm could not install them"


def _body(size: int, remark: str = "") -> bytes:
    return orjson.dumps({"query": PAGE + remark, "variables": {"path": "apparel", "size": size}})


def _added(body: bytes) -> bool:
    told = orjson.loads(body)
    return not told.get("errors") and told["data"]["cartAdd"]["userErrors"] == []


def _added_again(body: bytes) -> bool:
    # A cookie that leads to no session would get a session and a cart of its own every time.
    return _added(body) and float(orjson.loads(body)["data"]["cartAdd"]["cart"]["quantity"]) > 1


async def _request_of(size: int) -> bytes:
    """What ours asks of Commerce for a page of so many products."""
    transport = Instant(size)
    settings = Settings(
        _env_file=None, commerce_url=COMMERCE, commerce_stores="default", catalog_max_page_size=max(SIZES)
    )
    app = create_app(settings, transport=transport)
    await app.state.parts.shop.start(3600)
    await request(app, _body(size))
    await app.state.parts.shop.stop()
    return transport.page[0]


@contextmanager
def _redis(folder: Path) -> Iterator[str]:
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, process_group=0)
    try:
        yield f"redis://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait(10)
