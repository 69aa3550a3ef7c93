"""The door for those who tell of changes: who is believed, who is not, and that nothing is done for those who are not."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest
import structlog
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from app.commerce.adobe_signatures import FETCHES, KEPT, REFUSED, AdobeSignatures
from app.errors import UpstreamUnavailable
from app.http import Breaker, Upstream
from app.main import build_cache
from app.sandbox.commerce import Fault, create_commerce
from app.telemetry import Metrics
from app.webhooks import LARGEST, PATH, TOLERANCE
from tests.conftest import COMMERCE, Api, running
from tests.redis_server import Server
from tests.test_cart import shopping
from tests.test_changes import event
from tests.test_responses import PRODUCT, caching, state

SECRET, OLD_SECRET = "s" * 24, "o" * 32
CLIENT = "0123456789abcdef0123456789abcdef"
KEYS = "/prod/keys/pub-key-"
JSON = {"Content-Type": "application/json"}
CHANGE = {"changes": [{"type": "product", "sku": "TT-J01"}]}


def signed(body: bytes, secret: str = SECRET, at: float | None = None) -> dict[str, str]:
    """The headers of a plain delivery."""
    told = str(int(at if at is not None else time.time()))
    right = hmac.digest(secret.encode(), told.encode() + b"." + body, hashlib.sha256).hex()
    return {**JSON, "X-Vitrine-Signature": f"t={told},v1={right}"}


@asynccontextmanager
async def open_door(**given: Any) -> AsyncIterator[Api]:
    secrets = given.pop("commerce_webhook_secrets", f"{SECRET}, {OLD_SECRET}")
    async with caching(commerce_webhook_secrets=secrets, **given) as api:
        await prime(api)
        yield api


KEYS_OF: dict[int, list[str]] = {}


async def prime(api: Api) -> None:
    """Has the product kept, and notes where."""
    await api.post(PRODUCT, sku="TT-J01")
    KEYS_OF[id(api)] = [key for _, key in api.parts.cache._local._entries]
    assert await kept(api)


async def kept(api: Api) -> bool:
    """Whether the product is still in Redis, whatever this process has for itself."""
    shared = api.parts.cache._shared
    assert shared is not None
    _, found = await shared.look("default", KEYS_OF[id(api)])
    return any(entry is not None and "product:tt-j01" in entry.tags for entry in found)


async def untouched(api: Api) -> bool:
    """Whether nothing was purged, and nothing is to be purged later."""
    sources = api.parts.sources
    assert sources is not None
    return await kept(api) and await sources.changes.pending() == 0


# The plain form


async def test_who_has_the_secret_is_believed() -> None:
    async with open_door() as api:
        for secret in (SECRET, OLD_SECRET):
            await api.post(PRODUCT, sku="TT-J01")
            body = orjson.dumps(CHANGE)
            answer = await api.client.post(PATH, content=body, headers=signed(body, secret))
            assert (answer.status_code, answer.json()) == (200, {"changes": 1})
            assert not await kept(api)
            assert answer.headers["cache-control"] == "no-store"
        await asyncio.sleep(0.1)
        api.forget()
        assert state(await api.post(PRODUCT, sku="TT-J01")) == "fwd=miss"
        assert api.operations() == ["Products"]


async def test_a_delivery_that_comes_twice_does_no_harm() -> None:
    async with open_door() as api:
        body = orjson.dumps(CHANGE)
        headers = signed(body)
        answers = [await api.client.post(PATH, content=body, headers=headers) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 200]


async def test_only_the_named_store_view_is_purged_and_an_unknown_one_is_refused() -> None:
    async with open_door() as api:
        body = orjson.dumps({**CHANGE, "store": "de"})
        assert (await api.client.post(PATH, content=body, headers=signed(body))).status_code == 200
        assert await kept(api)
        body = orjson.dumps({**CHANGE, "store": "nowhere"})
        refused = await api.client.post(PATH, content=body, headers=signed(body))
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "UNKNOWN_STORE")


BODY = orjson.dumps(CHANGE)
RIGHT = signed(BODY)["X-Vitrine-Signature"]


def forged() -> dict[str, dict[str, str]]:
    now = int(time.time())
    right = signed(BODY)["X-Vitrine-Signature"].partition("v1=")[2]
    return {
        "no signature": JSON,
        "an empty one": {**JSON, "X-Vitrine-Signature": ""},
        "another secret": signed(BODY, "x" * 24),
        "no secret": signed(BODY, ""),
        "another body": signed(BODY + b" "),
        "too old": signed(BODY, at=now - TOLERANCE - 5),
        "from the future": signed(BODY, at=now + TOLERANCE + 5),
        "the time changed": {**JSON, "X-Vitrine-Signature": f"t={now - 1},v1={right}"},
        "no time": {**JSON, "X-Vitrine-Signature": f"v1={right}"},
        "a time that is none": {**JSON, "X-Vitrine-Signature": f"t=nan,v1={right}"},
        "a long time": {**JSON, "X-Vitrine-Signature": f"t={'9' * 400},v1={right}"},
        "an old version": {**JSON, "X-Vitrine-Signature": f"t={now},v0={right}"},
        "half of it": {**JSON, "X-Vitrine-Signature": f"t={now},v1={right[:32]}"},
        "many": {**JSON, "X-Vitrine-Signature": f"t={now}" + f",v1={'0' * 64}" * 500 + f",v1={right}"},
        "adobe's headers": {**JSON, "X-Adobe-Digital-Signature-1": "AAAA"},
    }


async def test_a_forgery_is_refused_and_nothing_is_purged() -> None:
    async with open_door() as api:
        for how, headers in forged().items():
            refused = await api.client.post(PATH, content=BODY, headers=headers)
            assert (refused.status_code, refused.json()["error"]["code"]) == (401, "SIGNATURE_INVALID"), how
            assert await untouched(api), how


async def test_a_signature_that_is_given_twice_means_nothing() -> None:
    async with open_door() as api:
        headers = [*signed(BODY).items(), ("X-Vitrine-Signature", RIGHT)]
        assert (await api.client.post(PATH, content=BODY, headers=headers)).status_code == 401
        assert await untouched(api)


async def test_what_is_no_delivery_is_refused_before_anything_is_believed() -> None:
    async with open_door() as api:
        huge = b'{"changes": [' + b" " * LARGEST + b"]}"
        cases: list[tuple[bytes, dict[str, str], int]] = [
            (huge, signed(huge), 413),
            (BODY, {**signed(BODY), "Content-Type": "text/plain"}, 415),
            (BODY, {**signed(BODY), "Content-Type": "application/x-www-form-urlencoded"}, 415),
            (b"{", signed(b"{"), 400),
            (b"", signed(b""), 400),
            (b"[]", signed(b"[]"), 400),
            (b'{"changes": [{"type": "nothing"}]}', signed(b'{"changes": [{"type": "nothing"}]}'), 400),
        ]
        for body, headers, status in cases:
            assert (await api.client.post(PATH, content=body, headers=headers)).status_code == status
        assert await untouched(api)


async def test_the_door_is_not_there_unless_somebody_can_be_believed() -> None:
    async with open_door(commerce_webhook_secrets="") as api:
        for method in ("GET", "POST"):
            answer = await api.client.request(method, PATH, content=BODY, headers=signed(BODY))
            assert answer.status_code == 404
        assert await untouched(api)
    async with shopping() as api:
        assert (await api.client.post(PATH, content=BODY, headers=signed(BODY))).status_code == 404


async def test_nothing_but_post_is_taken_without_adobe() -> None:
    async with open_door() as api:
        for method in ("GET", "PUT", "DELETE", "PATCH"):
            answer = await api.client.request(method, f"{PATH}?challenge=word", headers=signed(b""))
            assert answer.status_code == 405
        assert await untouched(api)


async def test_while_redis_is_away_the_sender_is_told_to_try_again(tmp_path: Path) -> None:
    server = Server(tmp_path)
    try:
        async with open_door(url=server.url) as api:
            server.stop()
            refused = await api.client.post(PATH, content=BODY, headers=signed(BODY))
            assert (refused.status_code, refused.json()["error"]["code"]) == (503, "STATE_UNAVAILABLE")
            assert refused.headers["retry-after"] == "60"
            server.start()
            assert (await api.client.post(PATH, content=BODY, headers=signed(BODY))).status_code == 200
    finally:
        server.stop()


async def test_no_secret_and_no_signature_is_logged() -> None:
    with structlog.testing.capture_logs() as logs:
        async with open_door() as api:
            await api.client.post(PATH, content=BODY, headers=signed(BODY))
            await api.client.post(PATH, content=BODY, headers=signed(BODY, "x" * 24))
    told = str(logs)
    assert "webhook.taken" in told
    assert "webhook.refused" in told
    assert SECRET not in told
    assert RIGHT.partition("v1=")[2] not in told


# Adobe I/O Events


class Adobe(httpx2.AsyncBaseTransport):
    """Adobe's host of public keys; everything else goes on to Commerce."""

    def __init__(self, commerce: Any = None) -> None:
        self.private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        public = self.private.public_key()
        self.pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        self.asked: list[str] = []
        self.status = 200
        self._commerce = httpx2.ASGITransport(app=commerce) if commerce is not None else None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.host == "static.adobeioevents.com":
            assert request.url.scheme == "https"
            self.asked.append(request.url.path)
            known = request.url.path in (f"{KEYS}1.pem", f"{KEYS}2.pem")
            return httpx2.Response(self.status if known else 404, content=self.pem if known else b"<html>")
        assert self._commerce is not None
        return await self._commerce.handle_async_request(request)

    def headers(self, body: bytes, key: rsa.RSAPrivateKey | None = None) -> dict[str, str]:
        """As Adobe signs a delivery; the first signature is of a key that has been changed since."""
        good = base64.b64encode((key or self.private).sign(body, PKCS1v15(), SHA256())).decode()
        return {
            **JSON,
            "X-Adobe-Digital-Signature-1": base64.b64encode(b"0" * 256).decode(),
            "X-Adobe-Public-Key1-Path": f"{KEYS}1.pem",
            "X-Adobe-Digital-Signature-2": good,
            "X-Adobe-Public-Key2-Path": f"{KEYS}2.pem",
        }


def delivery(*codes: str, client: str = CLIENT, **value: Any) -> bytes:
    """One event, or a batch."""
    events = [{**event(code, **value), "recipient_client_id": client} for code in codes]
    return orjson.dumps(events[0] if len(events) == 1 else events)


SAVED = "observer.catalog_product_save_commit_after"
STOCK = "observer.cataloginventory_stock_item_save_commit_after"


@asynccontextmanager
async def adobe_door(**given: Any) -> AsyncIterator[tuple[Api, Adobe]]:
    commerce = create_commerce("2.4.8", public_url=COMMERCE)
    adobe = Adobe(commerce)
    admin = commerce.shop.admins[0]
    settings = {
        "environment": "development",
        "redis_state_url": "memory://",
        "redis_cache_url": "memory://",
        "commerce_events_client_id": CLIENT,
        "commerce_admin_username": admin.username,
        "commerce_admin_password": admin.password,
        **given,
    }
    async with running(commerce, transport=adobe, **settings) as api:
        while not all(api.parts.cache._local.alive(store) for store in api.parts.shop.views):
            await asyncio.sleep(0.01)
        await prime(api)
        yield api, adobe


async def test_a_delivery_that_adobe_signed_is_believed_and_its_keys_are_fetched_once() -> None:
    async with adobe_door() as (api, adobe):
        body = delivery(SAVED, sku="TT-J01")
        for _ in range(2):
            assert (await api.client.post(PATH, content=body, headers=adobe.headers(body))).status_code == 200
        assert not await kept(api)
        assert adobe.asked == [f"{KEYS}1.pem", f"{KEYS}2.pem"]


async def test_a_batch_is_one_delivery() -> None:
    async with adobe_door() as (api, adobe):
        body = delivery(SAVED, "observer.cms_page_save_commit_after", SAVED, sku="TT-J01")
        headers = {**adobe.headers(body), "Content-Type": "application/cloudevents-batch+json; charset=utf-8"}
        answer = await api.client.post(PATH, content=body, headers=headers)
        assert (answer.status_code, answer.json()) == (200, {"changes": 2})
        assert not await kept(api)


async def test_an_event_that_is_no_change_is_taken_and_nothing_is_purged() -> None:
    async with adobe_door() as (api, adobe):
        body = delivery("observer.sales_order_save_commit_after", sku="TT-J01")
        answer = await api.client.post(PATH, content=body, headers=adobe.headers(body))
        assert (answer.status_code, answer.json()) == (200, {"changes": 0})
        assert await untouched(api)


async def test_a_stock_event_has_only_a_number_and_the_sku_is_looked_up_once() -> None:
    async with adobe_door() as (api, adobe):
        number = api.commerce.shop.products["TT-J01"].id
        body = delivery(STOCK, product_id=number)
        for _ in range(2):
            api.forget()
            assert (await api.client.post(PATH, content=body, headers=adobe.headers(body))).status_code == 200
        assert "/rest/all/V1/products" not in api.operations()
        assert not await kept(api)
        gone = delivery(STOCK, product_id=999_999)
        answer = await api.client.post(PATH, content=gone, headers=adobe.headers(gone))
        assert (answer.status_code, answer.json()) == (200, {"changes": 0})


async def test_while_the_sku_cannot_be_looked_up_adobe_is_told_to_try_again() -> None:
    async with adobe_door() as (api, adobe):
        body = delivery(STOCK, product_id=api.commerce.shop.products["TT-J01"].id)
        for kind in ("wrong_shape", "html_500", "html_503"):
            # A read is tried twice when Commerce is away.
            api.commerce.faults.add(Fault(kind, path="/rest/all", times=2 if kind == "html_503" else 1))
            assert (await api.client.post(PATH, content=body, headers=adobe.headers(body))).status_code == 503
            assert await untouched(api)
        assert (await api.client.post(PATH, content=body, headers=adobe.headers(body))).status_code == 200
        assert not await kept(api)


async def forgeries(adobe: Adobe) -> dict[str, tuple[bytes, dict[str, str]]]:
    body = delivery(SAVED, sku="TT-J01")
    good = adobe.headers(body)
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    paths = {
        "a foreign host": "https://evil.example/prod/keys/pub-key-1.pem",
        "a host without a scheme": "//evil.example/prod/keys/pub-key-1.pem",
        "a user before the host": "@evil.example/prod/keys/pub-key-1.pem",
        "a way up": "/prod/keys/../../evil/pub-key-1.pem",
        "an encoded way up": "/prod/keys/%2e%2e/pub-key-1.pem",
        "a query": "/prod/keys/pub-key-1.pem?x=/prod/keys/pub-key-2.pem",
        "a line break": "/prod/keys/pub-key-1.pem\x0b",
        "another file": "/prod/keys/other.pem",
        "no path": "",
    }
    found = {
        name: (body, {**good, "X-Adobe-Public-Key1-Path": path, "X-Adobe-Public-Key2-Path": path})
        for name, path in paths.items()
    }
    found["no such key"] = (body, {**good, "X-Adobe-Public-Key2-Path": f"{KEYS}9.pem"})
    found["another key"] = (body, adobe.headers(body, other))
    found["another body"] = (body.replace(b"TT-J01", b"TT-J02"), good)
    found["no base64"] = (body, {**good, "X-Adobe-Digital-Signature-2": "%%%"})
    found["a huge one"] = (body, {**good, "X-Adobe-Digital-Signature-2": "A" * 5000})
    found["both empty"] = (body, {**good, "X-Adobe-Digital-Signature-1": "", "X-Adobe-Digital-Signature-2": ""})
    for name, client in (("somebody else", "f" * 32), ("nobody", "")):
        meant = delivery(SAVED, client=client, sku="TT-J01")
        found[f"for {name}"] = (meant, adobe.headers(meant))
    mixed = orjson.dumps([orjson.loads(body), {**orjson.loads(body), "recipient_client_id": "f" * 32}])
    found["a batch that is partly for somebody else"] = (mixed, adobe.headers(mixed))
    return found


async def test_a_delivery_that_adobe_did_not_sign_for_us_is_refused() -> None:
    async with adobe_door() as (api, adobe):
        for name, (body, headers) in (await forgeries(adobe)).items():
            adobe.asked.clear()
            answer = await api.client.post(PATH, content=body, headers=headers)
            assert (answer.status_code, answer.json()["error"]["code"]) == (401, "SIGNATURE_INVALID"), name
            if name.startswith(("for ", "a batch", "a foreign", "a host", "a user", "a way", "an encoded", "a query")):
                assert adobe.asked == [], name
        assert await untouched(api)


async def test_with_adobe_alone_the_plain_form_is_refused() -> None:
    async with adobe_door() as (api, _):
        for headers in (signed(BODY, ""), signed(BODY), JSON):
            assert (await api.client.post(PATH, content=BODY, headers=headers)).status_code == 401
        assert await untouched(api)


async def test_while_the_keys_cannot_be_fetched_adobe_is_told_to_try_again() -> None:
    async with adobe_door() as (api, adobe):
        body = delivery(SAVED, sku="TT-J01")
        adobe.status = 500
        answer = await api.client.post(PATH, content=body, headers=adobe.headers(body))
        assert answer.status_code == 503
        assert await untouched(api)
        adobe.status = 200
        assert (await api.client.post(PATH, content=body, headers=adobe.headers(body))).status_code == 200


async def test_adobes_challenge_is_repeated_as_plain_text() -> None:
    async with adobe_door() as (api, _):
        word = "8ec8d794-e0ab-42df-9017-e3dada8e84f7"
        answer = await api.client.get(PATH, params={"challenge": word})
        assert (answer.status_code, answer.text) == (200, word)
        html = "<script>alert(1)</script>"
        answer = await api.client.get(PATH, params={"challenge": html})
        assert (answer.status_code, answer.text) == (200, html)
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in answer.headers["content-security-policy"]
        for bad in ({}, {"challenge": ""}, {"challenge": "x" * 2000}, {"challenge": "a\r\nb"}, {"other": "x"}):
            assert (await api.client.get(PATH, params=bad)).status_code == 400


async def test_the_url_that_a_person_shall_open_is_logged_and_never_opened() -> None:
    url = "https://csm.adobe.io/csm/registrations/validate?id=1&challenge=2"
    with structlog.testing.capture_logs() as logs:
        async with adobe_door() as (api, adobe):
            answer = await api.client.post(PATH, json={"validationUrl": url})
            assert (answer.status_code, answer.json()) == (200, {"validated": False})
            assert adobe.asked == []
            for bad in ("http://csm.adobe.io/x", "https://evil.example/x", "https://adobe.io.evil.example/x", "x\n", 5):
                assert (await api.client.post(PATH, json={"validationUrl": bad})).status_code == 401
            assert await untouched(api)
    assert [each["open_to_register"] for each in logs if each["event"] == "webhook.validation_asked"] == [url]


# Keys


def keys_of(adobe: Adobe, clock: Any) -> AdobeSignatures:
    upstream = Upstream(
        "adobe",
        "https://static.adobeioevents.com",
        metrics=Metrics(),
        timeout=5,
        connect_timeout=5,
        connections=2,
        attempts=1,
        breaker=Breaker(1000, 1),
        max_response=65_536,
        transport=adobe,
    )
    return AdobeSignatures(upstream, clock)


class Now:
    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


def lowered(headers: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


async def test_a_key_is_kept_for_less_than_a_day_and_a_missing_one_for_a_minute() -> None:
    now, adobe = Now(), Adobe()
    keys = keys_of(adobe, now)
    headers = lowered(adobe.headers(b"body"))
    assert await keys.good(headers, b"body")
    now.at += KEPT - 1
    assert await keys.good(headers, b"body")
    assert len(adobe.asked) == 2
    now.at += 2
    assert await keys.good(headers, b"body")
    assert len(adobe.asked) == 4
    missing = {**headers, "x-adobe-public-key1-path": f"{KEYS}9.pem", "x-adobe-public-key2-path": f"{KEYS}9.pem"}
    assert not await keys.good(missing, b"body")
    assert not await keys.good(missing, b"body")
    assert len(adobe.asked) == 5
    now.at += REFUSED + 1
    assert not await keys.good(missing, b"body")
    assert len(adobe.asked) == 6
    await keys.close()


async def test_strangers_cannot_make_us_fetch_key_after_key() -> None:
    now, adobe = Now(), Adobe()
    keys = keys_of(adobe, now)
    headers = lowered(adobe.headers(b"body"))
    for number in range(FETCHES):
        path = f"{KEYS}x{number}.pem"
        await keys.good({**headers, "x-adobe-public-key1-path": "", "x-adobe-public-key2-path": path}, b"body")
    assert len(adobe.asked) == FETCHES
    with pytest.raises(UpstreamUnavailable):
        await keys.good(headers, b"body")
    assert len(adobe.asked) == FETCHES
    now.at += 61
    assert await keys.good(headers, b"body")
    await keys.close()


async def test_a_key_of_another_kind_or_too_small_is_none() -> None:
    small = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    curve = ec.generate_private_key(ec.SECP256R1())
    for public in (small.public_key(), curve.public_key()):
        now, adobe = Now(), Adobe()
        adobe.pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        keys = keys_of(adobe, now)
        assert not await keys.good(lowered(adobe.headers(b"body", small)), b"body")
        await keys.close()


def test_the_cache_is_built_without_a_door(tmp_path: Path) -> None:
    """A cache without a state has nobody to repeat purges: no source of changes is opened."""
    from tests.conftest import settings

    cache, _ = build_cache(settings(environment="development", redis_cache_url="memory://"), lambda: ())
    assert cache is not None
    with pytest.raises(ValueError, match="REDIS_STATE_URL"):
        settings(environment="development", redis_cache_url="memory://", commerce_webhook_secrets=SECRET)
