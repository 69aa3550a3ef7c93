"""GraphiQL: the page and its files over HTTP, and the whole of it in a real Chromium."""

import re
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import uvicorn
from graphql import (
    GraphQLField,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    GraphQLString,
    graphql_sync,
)
from playwright import sync_api as playwright
from playwright.sync_api import Page, expect, sync_playwright
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from app.storefront import graphiql

DEFAULT_QUERY = '# A "first" <query>\nquery Hello {\n  hello\n}\n'
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "font-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


def greet(_: None, info: GraphQLResolveInfo[Request]) -> str:
    """Return the greeting in the language of the request's `Store` header."""
    store = info.context.headers.get("store")
    return "Guten Tag, Vitrine" if store == "de" else "Good day, Vitrine"


SCHEMA = GraphQLSchema(
    query=GraphQLObjectType(
        "Query", {"hello": GraphQLField(GraphQLString, resolve=greet, description="A greeting of the store.")}
    )
)


async def api(request: Request) -> Response:
    """Answer GET with the page and POST with the result of the operation."""
    if request.method == "GET":
        return graphiql.page(default_query=DEFAULT_QUERY)
    body = await request.json()
    result = graphql_sync(
        SCHEMA,
        body["query"],
        context_value=request,
        variable_values=body.get("variables"),
        operation_name=body.get("operationName"),
    )
    return JSONResponse(result.formatted)


def application() -> Starlette:
    """Return an application with the page, its files and a schema of one field."""
    return Starlette(routes=[Route("/graphql", api, methods=["GET", "POST"]), *graphiql.assets()])


@pytest.fixture
def client() -> Iterator[TestClient]:
    with TestClient(application(), base_url="http://127.0.0.1") as client:
        yield client


def names() -> list[str]:
    """Return the names of the files that the page links to."""
    return [graphiql.MANIFEST["script"], graphiql.MANIFEST["style"]]


def test_page_headers(client: TestClient) -> None:
    answer = client.get("/graphql")
    assert answer.status_code == 200
    assert dict(answer.headers) == {
        "content-type": "text/html; charset=utf-8",
        "content-length": str(len(answer.content)),
        "content-security-policy": CSP,
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cache-control": "no-cache",
    }


def test_page_links_only_to_its_own_files(client: TestClient) -> None:
    html = client.get("/graphql").text
    assert not re.search(r"(?:https?:)?//", html)
    links = re.findall(r'(?:src|href)="([^"]*)"', html)
    assert sorted(links) == sorted(["data:,", *(f"/graphql/assets/{name}" for name in names())])
    assert all(client.get(link).status_code == 200 for link in links if link.startswith("/"))


def test_page_has_no_inline_code(client: TestClient) -> None:
    html = client.get("/graphql").text
    assert re.findall(r"<script[^>]*>(.*?)</script>", html, re.DOTALL) == [""]
    assert "<style" not in html
    assert not re.search(r"\s(?:on\w+|style)=", html)


def test_page_escapes_what_the_caller_gives() -> None:
    attack = '"><script>alert(1)</script>'
    html = bytes(graphiql.page(attack, assets=attack, default_query=attack).body).decode()
    assert "<script>" not in html
    assert html.count("&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;") == 4


def test_page_follows_other_paths() -> None:
    html = bytes(graphiql.page("/api", assets="/files/").body).decode()
    assert 'data-endpoint="/api"' in html
    assert f'src="/files/{graphiql.MANIFEST["script"]}"' in html
    client = TestClient(Starlette(routes=graphiql.assets("/files/")))
    assert client.get(f"/files/{graphiql.MANIFEST['script']}").status_code == 200


@pytest.mark.parametrize(("kind", "media_type"), [("script", "text/javascript"), ("style", "text/css")])
def test_assets(client: TestClient, kind: str, media_type: str) -> None:
    name = graphiql.MANIFEST[kind]
    assert re.fullmatch(rf"graphiql-{re.escape(graphiql.MANIFEST['version'])}-[0-9a-f]{{12}}\.(js|css)", name)
    for answer in (client.get(f"/graphql/assets/{name}"), client.head(f"/graphql/assets/{name}")):
        assert answer.status_code == 200
        assert answer.headers["content-type"] == f"{media_type}; charset=utf-8"
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_licences_are_served(client: TestClient) -> None:
    answer = client.get("/graphql/assets/LICENSES.txt")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    for package in (
        f"graphiql {graphiql.MANIFEST['version']} (MIT)",
        "react-dom ",
        "codemirror ",
        "graphql ",
    ):
        assert re.search(rf"^{re.escape(package)}", answer.text, re.MULTILINE)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "manifest.json",
        "../__init__.py",
        "%2e%2e/__init__.py",
        "..%2f__init__.py",
        "..%5c__init__.py",
        "%2e%2e%2f%2e%2e%2f%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "graphiql.js%00.css",
        "LICENSES.txt/",
        "LICENSES.txt/../manifest.json",
    ],
)
def test_nothing_else_can_be_read(path: str) -> None:
    """The path goes to the server as it is written: no client has normalised it."""
    with (
        serving(application()) as port,
        socket.create_connection(("127.0.0.1", port), timeout=10) as connection,
    ):
        connection.sendall(
            f"GET /graphql/assets/{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
        )
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    status = int(answer.split(b" ", 2)[1])
    location = re.search(rb"(?im)^location: (\S+)", answer)
    if location:  # a slash at the end is taken away, and the file that is meant is one of the page's own
        assert (path, status) == ("LICENSES.txt/", 307)
    else:
        assert status == 404


def test_the_files_fetch_nothing_from_elsewhere() -> None:
    style = (graphiql.STATIC / graphiql.MANIFEST["style"]).read_text("utf-8")
    assert "@import" not in style
    assert {target[:5] for target in re.findall(r"url\([\"']?([^)]*)", style)} <= {"data:"}
    script = (graphiql.STATIC / graphiql.MANIFEST["script"]).read_text("utf-8")
    assert not re.search(r"new (?:Shared)?Worker\(|importScripts\(|sourceMappingURL", script)
    assert sum(path.stat().st_size for path in graphiql.STATIC.iterdir()) < 1_500_000


@contextmanager
def serving(app: Starlette) -> Iterator[int]:
    """Serve the application on a free port of 127.0.0.1, and give that port, until the block ends."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        end = time.monotonic() + 15
        while not server.started:
            assert time.monotonic() < end, "the server has not started"
            time.sleep(0.01)
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(15)
        listener.close()


@dataclass
class Seen:
    """What the browser asked for, and all that it complained of."""

    hosts: set[str] = field(default_factory=set)
    paths: set[str] = field(default_factory=set)
    complaints: list[str] = field(default_factory=list)

    def request(self, request: playwright.Request) -> None:
        """Note the host and the path of a request; data: URLs ask nobody."""
        target = urlsplit(request.url)
        if target.scheme != "data":
            self.hosts.add(target.hostname or request.url)
            self.paths.add(target.path)

    def response(self, response: playwright.Response) -> None:
        """Note an answer that is not a success."""
        if not response.ok:
            self.complaints.append(f"{response.status}: {response.url}")

    def console(self, message: playwright.ConsoleMessage) -> None:
        """Note an error or a warning of the console."""
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text}")


@pytest.fixture
def browser_page(tmp_path: Path) -> Iterator[tuple[Page, Seen, str]]:
    """A fresh Chromium on the page, what it reports, and the URL of the page."""
    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert executable is not None, "the page is tested in a real Chromium: install one (make test does)"
    seen = Seen()
    with serving(application()) as port, sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=executable,
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
            ],
        )
        page = browser.new_page(viewport={"width": 1280, "height": 800}, color_scheme="light")
        page.on("request", seen.request)
        page.on("requestfailed", lambda request: seen.complaints.append(f"failed: {request.url}"))
        page.on("response", seen.response)
        page.on("pageerror", lambda error: seen.complaints.append(f"uncaught: {error}"))
        page.on("console", seen.console)
        page.expose_function("reportViolation", lambda text: seen.complaints.append(f"CSP: {text}"))
        page.add_init_script(
            "document.addEventListener('securitypolicyviolation', (event) =>"
            " reportViolation(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`))"
        )
        try:
            yield page, seen, f"http://127.0.0.1:{port}/graphql"
        finally:
            browser.close()


@pytest.mark.browser
def test_in_the_browser(browser_page: tuple[Page, Seen, str]) -> None:
    page, seen, url = browser_page
    expect.set_options(timeout=20_000)
    page.goto(url)
    result = page.locator(".result-window")

    # The default query runs.
    expect(page.locator(".graphiql-query-editor .CodeMirror-code")).to_contain_text('# A "first" <query>')
    page.get_by_role("button", name="Execute query (Ctrl-Enter)").click()
    expect(result).to_contain_text("Good day, Vitrine")

    # The headers editor chooses the store.
    page.get_by_role("button", name="Headers", exact=True).click()
    page.get_by_role("region", name="Headers").click()
    page.keyboard.insert_text('{"Store": "de", "Authorization": "Bearer not-to-be-kept"}')
    page.get_by_role("button", name="Execute query (Ctrl-Enter)").click()
    expect(result).to_contain_text("Guten Tag, Vitrine")

    # Neither the tabs nor the history put the headers on the disk.
    kept = page.evaluate("JSON.stringify({...localStorage})")
    assert "query Hello" in kept
    assert "not-to-be-kept" not in kept

    # The documentation explorer, with its search.
    page.get_by_role("button", name="Show Documentation Explorer").click()
    page.get_by_role("link", name="Query", exact=True).click()
    expect(page.locator(".graphiql-plugin")).to_contain_text("A greeting of the store.")
    page.locator(".graphiql-doc-explorer-search-input").click()
    page.keyboard.type("hel")
    expect(page.get_by_role("option").first).to_contain_text("hello")
    page.keyboard.press("Escape")

    # The history, the dialogs, and the completion of a field name.
    page.get_by_role("button", name="Show History").click()
    expect(page.locator(".graphiql-history-items")).to_contain_text("Hello")
    for name in ("Open short keys dialog", "Open settings dialog"):
        page.get_by_role("button", name=name).click()
        expect(page.get_by_role("dialog")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_be_hidden()
    page.locator(".graphiql-query-editor .CodeMirror").click()
    page.keyboard.press("Control+A")
    page.keyboard.type("{ ")
    page.keyboard.press("Control+Space")
    expect(page.locator(".CodeMirror-hints")).to_contain_text("hello")

    assert seen.complaints == []
    assert seen.hosts == {"127.0.0.1"}
    assert seen.paths == {"/graphql", *(f"/graphql/assets/{name}" for name in names())}
