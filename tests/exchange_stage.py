"""Persons who come from a provider, and what becomes of them at Commerce."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx2

from app.auth.exchange import Exchange, Signed
from app.auth.identity import IDENTITY, Identity
from app.auth.sessions import Session
from app.commerce.client import StoreContext
from app.main import sessions_of
from app.sandbox.commerce.model import Customer
from tests.conftest import Api
from tests.test_cart import ADD, UNSAFE, shopping

ISSUER = "https://id.example"
ATTRIBUTE = "sso_link"
PASSWORD_KEY = base64.b64encode(hashlib.sha256(b"passwords").digest()).decode()
OLDER_KEY = base64.b64encode(hashlib.sha256(b"older passwords").digest()).decode()
LINES = "{ cart { lines { sku quantity } } }"


class Spoiler:
    """Spoils calls of one method and path, with `text` in them, on the way to Commerce: `before` is raised instead of sending, `after` instead
    of the answer; `instead` is another answer; `meanwhile` is done before Commerce hears of it."""

    def __init__(
        self,
        method: str,
        path: str,
        *,
        before: Exception | None = None,
        after: Exception | None = None,
        instead: httpx2.Response | None = None,
        times: int = 1,
        text: bytes = b"",
    ) -> None:
        self.text = text
        self.method, self.path, self.times, self.met = method, path, times, 0
        self.before, self.after, self.instead = before, after, instead
        self.meanwhile: Callable[[], object] = lambda: None

    def wrap(self, way: httpx2.AsyncBaseTransport) -> httpx2.AsyncBaseTransport:
        return _Spoiled(way, self)


class _Spoiled(httpx2.AsyncBaseTransport):
    def __init__(self, way: httpx2.AsyncBaseTransport, spoiler: Spoiler) -> None:
        self._way, self._spoiler = way, spoiler

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        spoiler = self._spoiler
        named = (
            spoiler.method == request.method and spoiler.path == request.url.path and spoiler.text in request.content
        )
        if not named or spoiler.met >= spoiler.times:
            return await self._way.handle_async_request(request)
        spoiler.met += 1
        spoiler.meanwhile()
        if spoiler.before is not None:
            raise spoiler.before
        if spoiler.instead is not None:
            return httpx2.Response(spoiler.instead.status_code, content=spoiler.instead.content)
        response = await self._way.handle_async_request(request)
        if spoiler.after is not None:
            raise spoiler.after
        return response


def person(subject: str = "s-1", email: str | None = "jane@example.com", **more: Any) -> Identity:
    """Somebody whom the provider tells of."""
    told = {"email_verified": True, "first_name": "Jane", "last_name": "Doe", **more}
    return Identity("id", ISSUER, subject, 0.0, email=email, **told)


@asynccontextmanager
async def exchanging(version: str = "2.4.8", *, attribute: bool = True, **given: Any) -> AsyncIterator[Api]:
    """The application in front of a Commerce that has the customer attribute, if `attribute`, for links."""
    async with shopping(version, **{"sso_link_attribute": ATTRIBUTE if attribute else "", **given}) as api:
        if attribute:
            api.commerce.shop.customer_attributes[ATTRIBUTE] = "Link of single sign-on"
        yield api


def as_integration(api_settings: dict[str, Any] | None = None) -> dict[str, Any]:
    """Settings with the demo's integration in the place of the admin user."""
    return {
        "commerce_admin_username": "",
        "commerce_admin_password": "",
        "commerce_consumer_key": "demo00consumer00key0000000000000",
        "commerce_consumer_secret": "demo00consumer00secret0000000000",
        "commerce_access_token": "demo00access00token0000000000000",
        "commerce_access_token_secret": "demo00access00token00secret00000",
        **(api_settings or {}),
    }


def exchange_of(api: Api) -> Exchange:
    assert api.parts.exchange is not None
    return api.parts.exchange


async def arrive(api: Api, who: Identity, session: Session | None = None) -> Session:
    """A session as the login leaves it: with the identity in it, and what a guest had."""
    sessions = sessions_of(api.parts)
    assert sessions is not None
    return await sessions.enter(session, lambda data: {**data, IDENTITY: who.data()})


async def sign_in(api: Api, who: Identity, store: str = "default", session: Session | None = None) -> Session:
    """What the login does with an identity."""
    entered = await arrive(api, who, session)
    return await exchange_of(api).sign_in(who, entered, await api.parts.shop.view(StoreContext(store)))


async def reopened(api: Api, session: Session) -> Session:
    sessions = sessions_of(api.parts)
    assert sessions is not None
    found = await sessions.open(session.token)
    assert found is not None
    return found


def signed(session: Session) -> Signed:
    found = Signed.of(session.data)
    assert found is not None
    return found


def customer(api: Api, email: str = "jane@example.com", website: int = 1) -> Customer:
    found = api.commerce.shop.customer(email, website)
    assert found is not None
    return found


def add_customer(api: Api, email: str = "jane@example.com", website: int = 1, **more: Any) -> Customer:
    """A customer who was there before."""
    shop = api.commerce.shop
    number = max(each.id for each in shop.customers) + 1
    store = next(store.id for store in shop.stores if shop.website_of(store).id == website)
    made = Customer(number, email, "Own-passw0rd", "Jane", "Before", 1, website, store, **more)
    shop.customers.append(made)
    return made


def headers(session: Session, store: str = "default") -> dict[str, str]:
    """What an app sends."""
    return {**UNSAFE, "Authorization": f"Bearer {session.token}", "Store": store}


async def guest_with(api: Api, *lines: dict[str, Any]) -> Session:
    """A guest's session with these lines in its cart."""
    sessions = sessions_of(api.parts)
    assert sessions is not None
    session = await sessions.begin()
    answer = await api.ask(ADD, headers(session), lines=list(lines))
    assert answer["data"]["cartAdd"]["userErrors"] == []
    return await reopened(api, session)


async def lines(api: Api, session: Session, store: str = "default") -> dict[str, float]:
    """What the shopper sees in his cart, by SKU."""
    cart = (await api.data(LINES, headers(session, store)))["cart"]
    return {line["sku"]: float(line["quantity"]) for line in cart["lines"]}


def bought(api: Api, masked: str) -> dict[str, float]:
    """What a cart at Commerce has, by SKU."""
    return {line.sku: line.quantity for line in api.commerce.carts[masked].lines}


def people(api: Api) -> str:
    """All that Commerce knows of its customers."""
    return repr(api.commerce.shop.customers)
