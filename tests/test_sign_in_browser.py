"""Signing in with a real Chromium: the shop, the API and a certified provider, each on an origin of its own."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from playwright.sync_api import Page, expect, sync_playwright
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from app.sign_in import build_sign_in
from app.state import State
from app.telemetry import Metrics
from tests.api_processes import free_port
from tests.conftest import serving, settings
from tests.identity_provider import identity_provider
from tests.redis_server import redis_server
from tests.sign_in_stage import KEYS

pytestmark = pytest.mark.browser
ACCOUNT = """<!doctype html><title>Account</title><p id=who></p><button>Sign out</button><script>
const show = () => fetch('/auth/session').then(a => a.json()).then(a => { who.textContent = a.signedIn ? a.email : 'nobody' })
document.querySelector('button').onclick = () =>
  fetch('/auth/logout', {method: 'POST', headers: {'X-Vitrine': '1'}}).then(show)
show()
</script>"""


async def account(_: Request) -> Response:
    return HTMLResponse(ACCOUNT, headers={"Cache-Control": "no-store"})


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The API with a storefront's page beside it, on `localhost`; the provider is on 127.0.0.1, which is another site."""
    port = free_port()
    public = f"http://localhost:{port}"
    client = {
        "client_id": "shop",
        "client_secret": "a secret of the tests",
        "redirect_uris": [f"{public}/auth/callback"],
    }
    with identity_provider(client) as issuer, redis_server(tmp_path_factory.mktemp("redis")) as url:
        own = {"id": "real", "issuer": issuer, "client_id": "shop", "client_secret": "a secret of the tests"}
        chosen = settings(public_url=public, redis_state_url=url, session_keys=KEYS, oidc_providers=json.dumps([own]))
        state = State(url)
        sign_in = build_sign_in(chosen, state, Metrics())
        assert sign_in is not None

        @asynccontextmanager
        async def lifespan(_: Starlette) -> AsyncIterator[None]:
            yield
            await sign_in.close()
            await state.close()

        app = Starlette(routes=[Route("/account", account), *sign_in.routes()], lifespan=lifespan)
        with serving(app, port, "on"):
            yield public


@pytest.fixture
def page(shop: str) -> Iterator[Page]:
    with sync_playwright() as playwright:
        path = shutil.which("chromium") or shutil.which("google-chrome")
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield chromium.new_context().new_page()
        finally:
            chromium.close()


def sign_in(page: Page, shop: str) -> None:
    page.goto(f"{shop}/auth/login?return_to=/account")
    page.fill("input[name=login]", "jane")
    page.fill("input[name=password]", "any")
    page.click("button[type=submit]")
    page.click("button[type=submit]")
    page.wait_for_url(f"{shop}/account")
    expect(page.locator("#who")).to_have_text("jane@example.com")


def test_a_shopper_signs_in_opens_a_second_tab_signs_out_and_goes_back(page: Page, shop: str) -> None:
    page.goto(f"{shop}/account")
    expect(page.locator("#who")).to_have_text("nobody")
    sign_in(page, shop)

    page.reload()
    expect(page.locator("#who")).to_have_text("jane@example.com")
    second = page.context.new_page()
    second.goto(f"{shop}/auth/login?return_to=/account?tab=2")
    second.wait_for_url(f"{shop}/account?tab=2")
    expect(second.locator("#who")).to_have_text("jane@example.com")
    page.reload()
    expect(page.locator("#who")).to_have_text("jane@example.com")

    # Scripts of the page see no cookie, and no login is left half done.
    assert page.evaluate("document.cookie") == ""
    [cookie] = [each for each in page.context.cookies(shop) if each["name"].startswith("vitrine")]
    assert (cookie["name"], cookie["httpOnly"], cookie["sameSite"]) == ("vitrine", True, "Lax")

    second.click("button")
    expect(second.locator("#who")).to_have_text("nobody")
    page.reload()
    expect(page.locator("#who")).to_have_text("nobody")
    page.goto("about:blank")
    page.go_back()
    expect(page.locator("#who")).to_have_text("nobody")


def test_a_callback_that_is_opened_again_signs_nobody_in(page: Page, shop: str) -> None:
    seen: list[str] = []
    page.on("request", lambda request: seen.append(request.url))
    sign_in(page, shop)
    [callback] = [url for url in seen if "/auth/callback" in url]
    page.click("button")
    expect(page.locator("#who")).to_have_text("nobody")
    answer = page.goto(callback)
    assert answer is not None
    assert (answer.status, answer.text()) == (403, "Go back to the shop and try again. (state_invalid)\n")
    assert [each for each in page.context.cookies(shop) if each["name"].startswith("vitrine")] == []
    page.goto(f"{shop}/account")
    expect(page.locator("#who")).to_have_text("nobody")
