"""A certified OpenID provider (npm's oidc-provider) as a process of its own, and a person at its login page."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx2

FOLDER = Path(__file__).parent / "identity"


@contextmanager
def identity_provider(*clients: dict[str, Any], **options: Any) -> Iterator[str]:
    """The provider with these clients; gives its issuer. It ends with us, whatever ends us: its input ends then."""
    node = shutil.which("node")
    assert node, "the tests of signing in need Node.js >= 20 (Debian: apt-get install nodejs npm)"
    assert (FOLDER / "node_modules").is_dir(), "run: make identity"
    process = subprocess.Popen(
        [node, "--no-warnings", "provider.mjs"],
        cwd=FOLDER,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(json.dumps({"clients": clients, **options}) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
        assert line, f"the provider did not start: {process.communicate(timeout=10)[1]}"
        yield json.loads(line)["issuer"]
    finally:
        process.kill()
        process.communicate(timeout=10)


class Person:
    """Somebody at the provider's pages, in a browser that has its cookies."""

    def __init__(self, client: httpx2.AsyncClient, name: str = "jane") -> None:
        self._client, self._name = client, name
        self.pages: list[str] = []

    async def sign_in(self, url: str, until: str) -> str:
        """Fills in whatever form there is, and follows, until a URL begins with `until`; gives that one."""
        answer = await self._client.get(url)
        for _ in range(20):
            if answer.is_redirect:
                url = urljoin(str(answer.url), answer.headers["location"])
                if url.startswith(until):
                    return url
                answer = await self._client.get(url)
                continue
            assert answer.status_code == 200, answer.text
            self.pages.append(urlsplit(str(answer.url)).path)
            answer = await self._submit(answer)
        raise AssertionError("the provider leads nowhere")

    async def _submit(self, page: httpx2.Response) -> httpx2.Response:
        form = re.search(r"<form[^>]*action=\"([^\"]+)\"[^>]*>(.*?)</form>", page.text, re.DOTALL)
        assert form, page.text
        given = {}
        for field in re.findall(r"<input[^>]*>", form[2]):
            parts = {name: unescape(value) for name, value in re.findall(r"(\w+)=\"([^\"]*)\"", field)}
            if "name" in parts:
                given[parts["name"]] = parts.get("value", "")
        if "login" in given:
            given |= {"login": self._name, "password": "any"}
        if "logoutForm" in form[0]:
            given["logout"] = "yes"
        return await self._client.post(urljoin(str(page.url), unescape(form[1])), data=given)
