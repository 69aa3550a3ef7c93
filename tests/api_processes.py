"""Commerce and the API as processes of their own, over a real Redis.

The API is what `vitrine serve` runs. `python -m tests.api_processes WithoutClaim` is the same with a rule of
app/commerce/orders.py removed, for runs that must fail.
"""

from __future__ import annotations

import base64
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import uvicorn

from app.main import create_app
from app.settings import Settings
from app.telemetry import configure_logs
from tests.orders_storm import SABOTAGES
from tests.redis_server import redis_server

ROOT = Path(__file__).parents[1]
APIS = 2
VERSION = "2.4.4"  # has no lock of its own: it makes as many orders of a cart as it is asked for at once
ADMIN = ("admin", "Admin-passw0rd")  # of the stand-in's shop


@dataclass(frozen=True)
class Times:
    """Seconds. `late` is when Commerce places after its caller hung up, `placing` what placing takes it; both together
    must be well below `max_execution`, which is the shop's promise that nothing is placed later than that."""

    placing: float = 0.2
    late: float = 0.6
    max_execution: float = 2.0
    patience: float = 2.0
    margin: float = 1.5


@dataclass(frozen=True)
class Running:
    """Where the processes are reached."""

    commerce: str
    apis: list[str]
    redis: str


@contextmanager
def processes(seed: int, faults: str, times: Times, sabotage: str | None = None) -> Iterator[Running]:
    """Redis, Commerce with its faults, and the API twice, all ready; ended in every case."""
    with ExitStack() as ending:
        folder = Path(ending.enter_context(tempfile.TemporaryDirectory()))
        redis = ending.enter_context(redis_server(folder))
        port = free_port()
        commerce = f"http://127.0.0.1:{port}"
        options = ["--port", str(port), "--public-url", commerce, "--version", VERSION, "--endless-stock", "--control"]
        options += ["--place-seconds", str(times.placing), "--storm", str(seed)]
        options += ["--storm-faults", faults, "--storm-seconds", str(times.late)]
        started = [ending.enter_context(_process(folder, ["app.sandbox.commerce", *options], {}))]
        wait_for(f"{commerce}/__sandbox/pending", started[0])
        settings = _settings(commerce, redis, times)
        module = ["tests.api_processes", sabotage] if sabotage else ["app.cli", "serve"]
        apis = []
        for _ in range(APIS):
            listen = free_port()
            process = _process(folder, module, {**settings, "LISTEN_PORT": str(listen)})
            started.append(ending.enter_context(process))
            apis.append(f"http://127.0.0.1:{listen}")
        for url, api in zip(apis, started[1:], strict=True):
            wait_for(f"{url}/readyz", api)
        yield Running(commerce, apis, redis)


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _settings(commerce: str, redis: str, times: Times) -> dict[str, str]:
    return {
        "COMMERCE_URL": commerce,
        "COMMERCE_STORES": "default,de",
        "COMMERCE_ADMIN_USERNAME": ADMIN[0],
        "COMMERCE_ADMIN_PASSWORD": ADMIN[1],
        "COMMERCE_MAX_EXECUTION": str(times.max_execution),
        # Half of all placings fail on purpose, and Commerce must not be left alone for that.
        "COMMERCE_BREAKER_FAILURES": "1000",
        "ORDER_PATIENCE": str(times.patience),
        "ORDER_MARGIN": str(times.margin),
        "REDIS_STATE_URL": redis,
        "SESSION_KEYS": base64.b64encode(secrets.token_bytes(32)).decode(),
        "LOG_LEVEL": "error",
    }


@contextmanager
def _process(folder: Path, module: list[str], settings: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    # A folder without a .env, so that nothing of the machine's is read.
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **settings}
    process = subprocess.Popen(
        [sys.executable, "-m", *module], cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=_log()
    )
    try:
        yield process
    finally:
        # Requests that Commerce never answers would hold a polite end up.
        process.kill()
        process.wait(10)


def _log() -> int | None:
    """Where processes log to: nowhere, as failures are the point here, but for who looks into one."""
    return None if os.environ.get("STORM_LOG") else subprocess.DEVNULL


def wait_for(url: str, process: subprocess.Popen[bytes], seconds: float = 60) -> None:
    """Waits until a process answers there. Raises `RuntimeError` for one that ends or takes too long."""
    until = time.monotonic() + seconds
    with httpx2.Client(trust_env=False, verify=False) as client:
        while process.poll() is None and time.monotonic() < until:
            try:
                if client.get(url).status_code == 200:
                    return
            except httpx2.TransportError:
                pass
            time.sleep(0.1)
    raise RuntimeError(f"{url} does not answer; its process ended with {process.poll()}")


def main(name: str) -> None:
    """`vitrine serve` with orders that lack a rule."""
    settings = Settings()
    configure_logs(settings.log_level, settings.log_format)
    app = create_app(settings)
    parts = app.state.parts
    parts.orders = SABOTAGES[name](
        lambda: parts.shop.reads,
        parts.rest,
        parts.state,
        shop=settings.commerce_base,
        max_execution=settings.commerce_max_execution,
        patience=settings.order_patience,
        margin=settings.order_margin,
    )
    uvicorn.run(app, host=settings.listen_host, port=settings.listen_port, log_config=None, access_log=False)


if __name__ == "__main__":
    main(sys.argv[1])
