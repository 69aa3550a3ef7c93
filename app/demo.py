"""`vitrine demo`: the API beside a stand-in Commerce and an identity provider, each a process of this machine."""

from __future__ import annotations

import base64
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from typing import Any, Self

from rich.panel import Panel

from app.settings import Settings

PATIENCE = 30.0  # seconds until a server must answer
CLIENT = "vitrine"
_VARIABLE = "DEMO_CLIENT_SECRET"
CATEGORY_QUERY = (
    "query CategoryPage($path: String!, $page: Int!) { store { name locale currency } category(urlPath: $path) "
    '{ name breadcrumbs { name } products(page: $page, pageSize: 3, sort: {by: "price", direction: ASC}) '
    "{ total pages items { __typename sku name url inStock price { final { amount currency } } } "
    "facets { attribute options { label count } } } } }"
)


class DemoFailed(Exception):
    """The demo cannot run; the message says why."""


class Demo:
    """The servers beside the API, while it is entered. Raises `DemoFailed` where one cannot be started."""

    def __init__(self, port: int, commerce_port: int, identity_port: int, version: str) -> None:
        self._port, self._commerce_port, self._identity_port = port, commerce_port, identity_port
        self._version = version
        self._secret = secrets.token_urlsafe(24)
        self._started: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        for taken in (self._port, self._commerce_port, self._identity_port):
            if not _is_free(taken):
                raise DemoFailed(
                    f"Port {taken} on 127.0.0.1 is in use. Try: "
                    "vitrine demo --port 8010 --commerce-port 8091 --identity-port 8092"
                )
        # A terminal sends its interrupt to all; a plain SIGTERM must end the children too.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        commerce = ["--host", "127.0.0.1", "--version", self._version, "--public-url", self._commerce_url]
        callback = f"http://localhost:{self._port}/auth/callback"
        identity = ["--client", CLIENT, "--secret-of", _VARIABLE, "--redirect-uri", callback]
        try:
            self._start("Commerce", "app.sandbox.commerce", self._commerce_port, commerce)
            self._start("identity provider", "app.sandbox.identity", self._identity_port, identity)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def _start(self, what: str, module: str, port: int, options: list[str]) -> None:
        command = [sys.executable, "-m", module, "--port", str(port), *options]
        # Other users of the machine see arguments, and not the environment.
        environment = {**os.environ, _VARIABLE: self._secret}
        process = subprocess.Popen(command, env=environment)  # noqa: S603 - our own program with our own arguments
        self._started.append(process)
        if not _answers(process, port):
            raise DemoFailed(f"The demo's {what} did not start.")

    def _end(self) -> None:
        for process in self._started:
            process.terminate()
        for process in self._started:
            process.wait(10)

    @property
    def _commerce_url(self) -> str:
        return f"http://127.0.0.1:{self._commerce_port}"

    def settings(self) -> Settings:
        """How the API is set in the demo."""
        provider = {
            "id": "demo",
            "issuer": f"http://127.0.0.1:{self._identity_port}",
            "client_id": CLIENT,
            "client_secret": self._secret,
        }
        given: dict[str, Any] = {
            "environment": "demo",
            "public_url": f"http://localhost:{self._port}",
            "allowed_origins": f"http://127.0.0.1:{self._port}",
            "redis_state_url": "memory://",
            "redis_cache_url": "memory://",
            "embedded_worker": True,
            "session_keys": base64.b64encode(secrets.token_bytes(32)).decode(),
            "oidc_providers": json.dumps([provider]),
            "sso_link_by_email": True,
            "commerce_admin_username": "admin",
            "commerce_admin_password": "Admin-passw0rd",
            "commerce_max_execution": 1,
            "order_margin": 0.5,
            "listen_host": "127.0.0.1",
            "listen_port": self._port,
            "commerce_url": self._commerce_url,
            "commerce_stores": "default,de",
            "graphiql": True,
            "introspection": True,
            "metrics": True,
            "log_format": "console",
            "log_level": "warning",
        }
        return Settings(_env_file=None, **given)

    def curl(self) -> str:
        """A command that asks for a category page."""
        body = json.dumps({"query": CATEGORY_QUERY, "variables": {"path": "apparel/jackets", "page": 1}})
        return f"curl -s http://127.0.0.1:{self._port}/graphql -H 'Content-Type: application/json' -d '{body}'"

    def welcome(self) -> Panel:
        """Where what is."""
        return Panel(
            f"[bold]GraphiQL[/]   http://localhost:{self._port}/graphql\n"
            f"[bold]sign in[/]    http://localhost:{self._port}/auth/login?return_to=/graphql\n"
            f"[bold]health[/]     http://127.0.0.1:{self._port}/healthz  /readyz  /metrics\n"
            f"[bold]Commerce[/]   {self._commerce_url}/graphql, a stand-in that plays {self._version}\n\n"
            "Add the header  Store: de  for euros and German. Once signed in, ask for\n"
            "{ customer { email orders { total } } }. Stop with Ctrl-C.",
            title="Vitrine",
            border_style="blue",
        )


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _answers(process: subprocess.Popen[bytes], port: int) -> bool:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as probe:
            probe.settimeout(0.2)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return True
        time.sleep(0.05)
    return False
