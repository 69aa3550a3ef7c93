"""Many sessions whose tokens run out at the same moment, with many calls each, over two processes and a real Redis.

`python -m tests.refresh_storm --sessions 200` runs the whole; a small one is among the tests (tests/test_refresh_storm.py).
The provider rotates refresh tokens and ends the login of one that comes twice. No session may be lost, and each is
refreshed once. With the lease removed (`--sabotage WithoutLease`) the run must fail.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.auth.identity import IDENTITY, Identity
from app.auth.refreshing import Leases
from app.auth.sessions import Session, Sessions
from app.settings import Settings
from app.sign_in import build_sign_in, sessions_of
from app.state import State
from app.telemetry import Metrics, configure_logs
from tests.api_processes import ROOT, free_port, wait_for
from tests.conftest import serving, settings
from tests.redis_server import closing, redis_server
from tests.sign_in_stage import KEYS

PROCESSES = 2
ANSWERING = 0.02  # seconds that the provider takes for new tokens
AT_ONCE = 20  # sessions whose calls are under way together
BROKEN = 3  # exit status


class WithoutLease(Leases):
    """Lets everybody refresh at any time."""

    async def take(self, session: Session) -> bytes | None:
        return b"busy:everybody"


class RotatingProvider:
    """The endpoints that a refresh needs. A refresh token that comes twice is taken for stolen: its login ends."""

    def __init__(self) -> None:
        self.newest: dict[str, str] = {}
        self.refreshed: Counter[str] = Counter()
        paths = {"/.well-known/openid-configuration": self._metadata, "/token": self._token}
        self.app = Starlette(routes=[Route(path, door, methods=["GET", "POST"]) for path, door in paths.items()])
        self.issuer = ""

    def sign_in(self, name: str) -> str:
        """A login; gives its refresh token."""
        self.newest[name] = f"{name}.{secrets.token_hex(8)}"
        return self.newest[name]

    async def _metadata(self, _: Request) -> Response:
        paths = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "jwks"}
        found = {name: f"{self.issuer}/{path}" for name, path in paths.items()}
        return JSONResponse({"issuer": self.issuer, **found, "response_types_supported": ["code"]})

    async def _token(self, request: Request) -> Response:
        form = httpx2.QueryParams((await request.body()).decode())
        token = str(form["refresh_token"])
        name = token.partition(".")[0]
        self.refreshed[name] += 1
        if self.newest.get(name) != token:
            self.newest.pop(name, None)
            return JSONResponse({"error": "invalid_grant"}, 400)
        newer = self.sign_in(name)
        await asyncio.sleep(ANSWERING)
        access = secrets.token_hex(8)
        return JSONResponse(
            {"token_type": "Bearer", "access_token": access, "refresh_token": newer, "expires_in": 3600}
        )


@dataclass
class Result:
    """What a storm left, counted: sessions that are `lost`, that were refreshed `twice` or more or `never`, that have
    tokens which the provider does not know (`stale`), and calls that were told that nobody is signed in (`refused`)."""

    sessions: int
    calls: int
    lost: int = 0
    twice: int = 0
    never: int = 0
    stale: int = 0
    refused: int = 0
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether no session was lost, and each was refreshed once."""
        return not (self.lost or self.twice or self.never or self.stale or self.refused)


async def storm(sessions: int, calls: int, *, sabotage: str | None = None) -> Result:
    """So many parallel calls for each of so many sessions whose tokens have run out."""
    provider = RotatingProvider()
    with ExitStack() as ending:
        folder = Path(ending.enter_context(tempfile.TemporaryDirectory()))
        url = ending.enter_context(redis_server(folder))
        provider.issuer = ending.enter_context(serving(provider.app))
        apis = ending.enter_context(_processes(folder, url, provider.issuer, sabotage))
        async with closing(State(url)) as state:
            kept = sessions_of(_settings(url, provider.issuer), state)
            assert kept is not None
            return await _run(provider, kept, apis, sessions, calls)


async def _run(provider: RotatingProvider, kept: Sessions, apis: list[str], sessions: int, calls: int) -> Result:
    started = time.monotonic()
    tokens = {}
    for number in range(sessions):
        name = f"shopper-{number}"
        data = {IDENTITY: _ran_out(provider, name).data()}
        tokens[name] = (await kept.enter(None, lambda _, data=data: data)).token  # type: ignore[misc]
    result = Result(sessions, calls)
    gate = asyncio.Semaphore(AT_ONCE)
    async with _clients(apis) as clients:

        async def call(token: str, number: int) -> bool:
            client = clients[number % len(clients)]
            answer = await client.get("/auth/session", headers={"Authorization": f"Bearer {token}"})
            return answer.status_code == 200 and answer.json()["signedIn"] is True

        async def shop(token: str) -> None:
            async with gate:
                answers = await asyncio.gather(*(call(token, number) for number in range(calls)))
            result.refused += answers.count(False)

        await asyncio.gather(*(shop(token) for token in tokens.values()))
    for name, token in tokens.items():
        session = await kept.open(token)
        identity = Identity.of(session.data) if session is not None else None
        result.lost += identity is None
        result.stale += identity is not None and identity.refresh_token != provider.newest.get(name)
        result.twice += provider.refreshed[name] > 1
        result.never += provider.refreshed[name] == 0
    result.seconds = round(time.monotonic() - started, 1)
    return result


def _ran_out(provider: RotatingProvider, name: str) -> Identity:
    now = time.time()
    return Identity(
        "id",
        provider.issuer,
        name,
        now - 3600,
        access_token="old",
        refresh_token=provider.sign_in(name),
        expires=now - 1,
        obtained=now - 3600,
    )


@asynccontextmanager
async def _clients(apis: list[str]) -> AsyncIterator[list[httpx2.AsyncClient]]:
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=400)
    found = [
        httpx2.AsyncClient(base_url=url, timeout=120, limits=limits, trust_env=False, verify=False) for url in apis
    ]
    try:
        yield found
    finally:
        for client in found:
            await client.aclose()


def _settings(url: str, issuer: str) -> Settings:
    own = {"id": "id", "issuer": issuer, "client_id": "shop"}
    return settings(redis_state_url=url, session_keys=KEYS, oidc_providers=json.dumps([own]), oidc_timeout=30)


@contextmanager
def _processes(folder: Path, url: str, issuer: str, sabotage: str | None) -> Iterator[list[str]]:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    started = []
    try:
        for _ in range(PROCESSES):
            port = free_port()
            options = ["--serve", str(port), "--redis", url, "--issuer", issuer]
            options += ["--sabotage", sabotage] if sabotage else []
            command = [sys.executable, "-m", "tests.refresh_storm", *options]
            process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL)
            started.append((f"http://127.0.0.1:{port}", process))
        for api, process in started:
            wait_for(f"{api}/auth/session", process)
        yield [api for api, _ in started]
    finally:
        for _, process in started:
            process.kill()
            process.wait(10)


def serve(port: int, url: str, issuer: str, sabotage: str | None) -> None:
    """One process: the doors of signing in."""
    configure_logs("error", "json")
    leases_of = WithoutLease if sabotage else Leases
    sign_in = build_sign_in(_settings(url, issuer), State(url), Metrics(), leases_of=leases_of)
    assert sign_in is not None
    app = Starlette(routes=sign_in.routes())
    uvicorn.run(app, host="127.0.0.1", port=port, log_config=None, access_log=False, lifespan="off", ws="none")


def main() -> None:
    """The storm by hand; exit status 3 when a promise was broken, which no mistake of the run itself looks like."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--calls", type=int, default=20)
    parser.add_argument("--sabotage", choices=["WithoutLease"])
    parser.add_argument("--serve", type=int)
    parser.add_argument("--redis", default="")
    parser.add_argument("--issuer", default="")
    given = parser.parse_args()
    if given.serve:
        serve(given.serve, given.redis, given.issuer, given.sabotage)
        return
    result = asyncio.run(storm(given.sessions, given.calls, sabotage=given.sabotage))
    print(result)  # noqa: T201 - this is what it is for
    raise SystemExit(0 if result.passed else BROKEN)


if __name__ == "__main__":
    main()
