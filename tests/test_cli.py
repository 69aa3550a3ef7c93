"""The command line, and the demo as a person starts it."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.cli import PUBLIC_SCHEMA

ROOT = Path(__file__).parents[1]


def vitrine(*arguments: str, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "app.cli", *arguments],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environment},
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_a_wrong_setting_is_named_and_nothing_starts(tmp_path: Path) -> None:
    done = vitrine("serve", cwd=tmp_path, COMMERCE_URL="not a url", LISTEN_PORT="99999")
    assert done.returncode == 2
    assert "COMMERCE_URL" in done.stderr
    assert "LISTEN_PORT" in done.stderr
    assert "Traceback" not in done.stderr
    assert "not a url" not in done.stderr


def test_the_public_schema_is_printed() -> None:
    assert vitrine("schema", "print").stdout == PUBLIC_SCHEMA.read_text()


def test_a_slice_is_cut_from_a_file_and_compared(tmp_path: Path) -> None:
    whole = ROOT / "schema" / "commerce" / "adobe-commerce-2.4.8.graphql"
    same = vitrine("schema", "pull", str(whole), "--check")
    # A slice cut from a slice is itself, apart from nothing: cutting is stable.
    assert (same.returncode, same.stdout) == (0, "adobe-commerce-2.4.8: as committed\n")
    other = tmp_path / "adobe-commerce-2.4.8.graphql"
    other.write_text(whole.read_text().replace("  meta_keywords: String\n", ""))
    changed = vitrine("schema", "pull", str(other), "--check")
    assert changed.returncode == 1
    assert "differs" in changed.stdout
    nameless = vitrine("schema", "pull", "http://127.0.0.1:9")
    assert nameless.returncode == 2


def test_the_demo_serves_a_shop_and_ends_with_all_its_processes() -> None:
    port, commerce_port, identity_port = free_port(), free_port(), free_port()
    command = [sys.executable, "-m", "app.cli", "demo", "--port", str(port), "--commerce-port", str(commerce_port)]
    command += ["--identity-port", str(identity_port)]
    demo = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={"PATH": os.environ["PATH"]}
    )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_for(f"{url}/readyz", demo)
        page = httpx2.get(f"{url}/graphql", headers={"accept": "text/html"})
        assert page.status_code == 200
        assert "text/html" in page.headers["content-type"]
        query = '{ category(urlPath: "apparel/jackets") { products { total items { image { url } } } } }'
        answer = httpx2.post(f"{url}/graphql", json={"query": query}).json()
        assert answer["data"]["category"]["products"]["total"] > 3
        picture = httpx2.get(answer["data"]["category"]["products"]["items"][0]["image"]["url"])
        assert picture.headers["content-type"] == "image/svg+xml"
        assert _sign_in(f"http://localhost:{port}", "walter") == {
            "customer": {"email": "walter@example.com", "lastName": "Holm", "orders": {"total": 0}}
        }
        again = vitrine("demo", "--port", str(port), "--commerce-port", str(free_port()))
        assert again.returncode == 1
        assert f"Port {port} on 127.0.0.1 is in use" in again.stderr
    finally:
        demo.send_signal(signal.SIGTERM)
        printed, _ = demo.communicate(timeout=20)
    assert f"http://localhost:{port}/graphql" in printed
    curl = next(line for line in printed.splitlines() if line.startswith("curl"))
    body = json.loads(curl.partition("-d '")[2].rstrip().removesuffix("'"))
    assert body["variables"] == {"path": "apparel/jackets", "page": 1}
    for each in (port, commerce_port, identity_port):
        with socket.socket() as probe, pytest.raises(ConnectionRefusedError):
            probe.connect(("127.0.0.1", each))


def _sign_in(url: str, name: str) -> Any:
    """What somebody who signs in with one click is told of himself."""
    with httpx2.Client(trust_env=False) as browser:
        begun = browser.get(f"{url}/auth/login?return_to=/graphql")
        page = browser.get(begun.headers["location"])
        found = re.search(r'name="ticket" value="([\w-]+)"', page.text)
        assert found is not None, page.text
        assert f'name="person" value="{name}"' in page.text
        chosen = browser.post(page.url.join("/authorize"), data={"ticket": found[1], "person": name})
        back = browser.get(chosen.headers["location"])
        assert (back.status_code, back.headers["location"]) == (303, f"{url}/graphql")
        query = "{ customer { email lastName orders { total } } }"
        answer = browser.post(f"{url}/graphql", json={"query": query}).json()
        assert "errors" not in answer, answer
        return answer["data"]


def _wait_for(url: str, process: subprocess.Popen[str]) -> None:
    for _ in range(400):
        assert process.poll() is None, "the demo ended"
        try:
            if httpx2.get(url).status_code == 200:
                return
        except httpx2.TransportError:
            time.sleep(0.05)
    raise AssertionError(f"{url} did not answer")
