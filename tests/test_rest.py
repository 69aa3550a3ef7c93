"""Commerce's REST interface: signatures, admin tokens, messages and errors; Commerce is a fake transport."""

import asyncio
import base64
import hashlib
import hmac
import re
import string
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import httpx2
import orjson
import pyotp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.commerce.rest import ADMIN_TOKEN_LIFETIME, AdminUser, Credentials, Integration, Rest, decode, message
from app.errors import UpstreamError, UpstreamFailed, UpstreamInvalid, UpstreamRefused, UpstreamUnavailable
from app.http import Answer, Breaker, Upstream
from app.telemetry import Metrics

KEYS = ("consumer-key", "consumer/secret&1", "access-token", "access=secret 2")
PASSWORD = "correct horse battery"
TOTP_SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
HTML = b"<!doctype html><title>There has been an error processing your request</title>"
UNRESERVED = frozenset(string.ascii_letters + string.digits + "-._~")

Handler = Callable[[httpx2.Request], httpx2.Response]


@dataclass
class Clock:
    """A clock that moves only by hand."""

    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Commerce:
    """A Commerce with admin users: which tokens it has given out, and which of them it takes."""

    issued: list[str] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)
    requests: list[httpx2.Request] = field(default_factory=list)
    token_requests: list[httpx2.Request] = field(default_factory=list)
    takes_tokens: bool = True
    delay: float = 0.0

    async def __call__(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.path in ("/rest/V1/integration/admin/token", "/rest/V1/tfa/provider/google/authenticate"):
            self.token_requests.append(request)
            await asyncio.sleep(self.delay)
            token = f"token-{len(self.issued) + 1}"
            self.issued.append(token)
            if self.takes_tokens:
                self.taken = {token}
            return httpx2.Response(200, json=token)
        self.requests.append(request)
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token not in self.taken:
            return httpx2.Response(401, json={"message": "The consumer isn't authorized to access %resources."})
        return httpx2.Response(200, json={"got": request.url.path})


@asynccontextmanager
async def rest(
    handler: Any, credentials: Credentials | None, *, base: str = "https://shop.test", attempts: int = 1
) -> AsyncIterator[Rest]:
    upstream = Upstream(
        "commerce",
        base,
        metrics=Metrics(),
        timeout=2,
        connect_timeout=1,
        connections=10,
        attempts=attempts,
        breaker=Breaker(1000, 60),
        max_response=1_000_000,
        transport=httpx2.MockTransport(handler),
    )
    try:
        yield Rest(upstream, credentials)
    finally:
        await upstream.close()


# RFC 5849 once more, by hand and from the text of the RFC: nothing of Authlib and nothing of ours.


def escaped(text: str) -> str:
    """RFC 5849 section 3.6."""
    return "".join(chr(byte) if chr(byte) in UNRESERVED else f"%{byte:02X}" for byte in text.encode())


def read_header(header: str) -> dict[str, str]:
    """The protocol parameters of an Authorization header (section 3.5.1)."""
    scheme, _, rest_of_it = header.partition(" ")
    assert scheme == "OAuth"
    pairs = re.findall(r'([A-Za-z_]+)="([^"]*)"', rest_of_it)
    assert rest_of_it == ", ".join(f'{name}="{value}"' for name, value in pairs)
    assert len(dict(pairs)) == len(pairs)
    return {unquote(name): unquote(value) for name, value in pairs}


def base_string(request: httpx2.Request) -> str:
    """Section 3.4.1: method, base URI and sorted parameters, of what went over the wire."""
    target = request.url.raw_path.decode()
    path, _, query = target.partition("?")
    parameters = [
        (unquote(name.replace("+", " ")), unquote(value.replace("+", " ")))
        for name, _, value in (part.partition("=") for part in query.split("&") if part)
    ]
    parameters += [(k, v) for k, v in read_header(request.headers["authorization"]).items() if k != "oauth_signature"]
    normalized = "&".join(f"{k}={v}" for k, v in sorted((escaped(k), escaped(v)) for k, v in parameters))
    default = {"https": 443, "http": 80}[request.url.scheme]
    host = request.url.host.lower() + ("" if request.url.port in (None, default) else f":{request.url.port}")
    return "&".join((request.method.upper(), escaped(f"{request.url.scheme}://{host}{path}"), escaped(normalized)))


def signature(request: httpx2.Request, consumer_secret: str, token_secret: str) -> str:
    """Section 3.4.2 with SHA-256."""
    key = f"{escaped(consumer_secret)}&{escaped(token_secret)}".encode()
    return base64.b64encode(hmac.new(key, base_string(request).encode(), hashlib.sha256).digest()).decode()


async def signed(path: str, *, base: str = "https://shop.test", method: str = "GET") -> httpx2.Request:
    """The request that reaches Commerce for a path."""
    seen: list[httpx2.Request] = []

    def commerce(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(200, json={})

    async with rest(commerce, Integration(*KEYS), base=base) as client:
        await (client.get(path) if method == "GET" else client.post(path, {"a": "b c"}))
    return seen[0]


@pytest.mark.parametrize(
    "path",
    [
        "store/storeViews",
        "orders?searchCriteria[pageSize]=1",
        "orders?searchCriteria[filter_groups][0][filters][0][field]=quote_id"
        "&searchCriteria[filter_groups][0][filters][0][value]=7"
        "&searchCriteria[filter_groups][0][filters][0][condition_type]=eq",
        "orders?searchCriteria%5BpageSize%5D=1",
        "products?b=2&a=1&a=0&c=",
        "products?name=two words&other=two%20words",
        "products?plus=1+1&sign=%2B",
        "products?q=%26%3D%25",
        "products?q=ü€&r=%E2%82%AC",
        "products?updated=2026-01-02 03:04:05&tz=+01:00",
        "products?q='quoted'&d=$5&p=a|b&c={x}&h=^",
        "products?flag",
        "products/a%2Fb",
        "products/24-MB01~x.y_z-1",
    ],
)
async def test_the_signature_is_what_rfc_5849_asks_for(path: str) -> None:
    request = await signed(path)
    parameters = read_header(request.headers["authorization"])
    assert parameters["oauth_signature"] == signature(request, KEYS[1], KEYS[3])


@pytest.mark.parametrize("base", ["https://shop.test:8443", "https://SHOP.test/sub", "https://shop.test:443"])
async def test_the_signature_is_over_the_address_as_it_is_asked(base: str) -> None:
    request = await signed("orders", base=base)
    assert read_header(request.headers["authorization"])["oauth_signature"] == signature(request, KEYS[1], KEYS[3])


async def test_a_commerce_without_tls_inside_a_private_network_can_be_signed_for_too() -> None:
    request = await signed("orders", base="http://commerce.internal:8080")
    assert read_header(request.headers["authorization"])["oauth_signature"] == signature(request, KEYS[1], KEYS[3])


async def test_a_json_body_takes_no_part_in_the_signature() -> None:
    request = await signed("orders", method="POST")
    assert request.method == "POST"
    assert request.content == b'{"a":"b c"}'
    assert request.headers["content-type"] == "application/json"
    assert read_header(request.headers["authorization"])["oauth_signature"] == signature(request, KEYS[1], KEYS[3])


async def test_the_protocol_parameters_are_complete_and_no_secret_is_among_them() -> None:
    before = int(time.time())
    request = await signed("orders")
    parameters = read_header(request.headers["authorization"])
    assert parameters.keys() == {
        "oauth_consumer_key",
        "oauth_token",
        "oauth_signature_method",
        "oauth_signature",
        "oauth_timestamp",
        "oauth_nonce",
        "oauth_version",
    }
    assert parameters["oauth_consumer_key"] == KEYS[0]
    assert parameters["oauth_token"] == KEYS[2]
    assert parameters["oauth_signature_method"] == "HMAC-SHA256"
    assert parameters["oauth_version"] == "1.0"
    assert before <= int(parameters["oauth_timestamp"]) <= time.time() + 1
    assert len(parameters["oauth_nonce"]) >= 16
    assert KEYS[1] not in unquote(str(request.headers))
    assert KEYS[3] not in unquote(str(request.headers))


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.text(st.characters(codec="utf-8"), min_size=1), st.text(st.characters(codec="utf-8"))), max_size=6
    )
)
def test_any_query_that_httpx_can_send_is_signed_rightly(pairs: list[tuple[str, str]]) -> None:
    path = "orders?" + str(httpx2.QueryParams([*pairs]))
    request = asyncio.run(signed(path))
    assert read_header(request.headers["authorization"])["oauth_signature"] == signature(request, KEYS[1], KEYS[3])


async def test_every_try_of_a_call_is_signed_with_a_nonce_of_its_own() -> None:
    nonces: list[str] = []

    def commerce(request: httpx2.Request) -> httpx2.Response:
        nonces.append(read_header(request.headers["authorization"])["oauth_nonce"])
        return httpx2.Response(503 if len(nonces) == 1 else 200, json={})

    async with rest(commerce, Integration(*KEYS), attempts=2) as client:
        await client.get("orders")
        await client.get("orders")
        await asyncio.gather(*(client.get("orders") for _ in range(20)))
    assert len(nonces) == 23
    assert len(set(nonces)) == 23


async def test_an_integration_that_is_refused_is_not_tried_again() -> None:
    calls: list[str] = []

    def commerce(request: httpx2.Request) -> httpx2.Response:
        calls.append(request.url.path)
        return httpx2.Response(401, json={"message": "The consumer isn't authorized to access %resources."})

    async with rest(commerce, Integration(*KEYS), attempts=3) as client:
        with pytest.raises(UpstreamRefused):
            await client.get("orders")
    assert calls == ["/rest/V1/orders"]


async def test_without_credentials_every_call_is_refused_and_nothing_is_sent() -> None:
    commerce = Commerce()
    async with rest(commerce, None) as client:
        assert not client.available
        with pytest.raises(UpstreamRefused):
            await client.get("orders")
        with pytest.raises(UpstreamRefused):
            await client.post("orders", {})
    assert (commerce.requests, commerce.token_requests) == ([], [])


async def test_a_store_code_is_part_of_the_path() -> None:
    commerce = Commerce()
    async with rest(commerce, AdminUser("admin", PASSWORD)) as client:
        assert client.available
        assert await client.get("products/1", store="de") == {"got": "/rest/de/V1/products/1"}
        assert await client.get("products/1") == {"got": "/rest/V1/products/1"}
        assert await client.post("orders", {"a": 1}, store="all") == {"got": "/rest/all/V1/orders"}
    assert [request.method for request in commerce.requests] == ["GET", "GET", "POST"]


async def test_the_admin_token_is_fetched_once_for_calls_in_parallel() -> None:
    commerce = Commerce(delay=0.05)
    async with rest(commerce, AdminUser("admin", PASSWORD)) as client:
        await asyncio.gather(*(client.get("orders") for _ in range(10)))
        await client.post("orders", {})
    assert commerce.issued == ["token-1"]
    assert {request.headers["authorization"] for request in commerce.requests} == {"Bearer token-1"}
    assert orjson.loads(commerce.token_requests[0].content) == {"username": "admin", "password": PASSWORD}
    assert commerce.token_requests[0].url.path == "/rest/V1/integration/admin/token"
    assert "authorization" not in commerce.token_requests[0].headers


async def test_a_refused_admin_token_is_fetched_anew_and_the_call_sent_again() -> None:
    commerce = Commerce()
    async with rest(commerce, AdminUser("admin", PASSWORD)) as client:
        await client.get("orders")
        commerce.taken.clear()
        assert await client.post("orders", {}) == {"got": "/rest/V1/orders"}
    assert commerce.issued == ["token-1", "token-2"]
    assert [request.method for request in commerce.requests] == ["GET", "POST", "POST"]


async def test_a_fresh_admin_token_that_is_refused_too_ends_the_call() -> None:
    commerce = Commerce(takes_tokens=False)
    async with rest(commerce, AdminUser("admin", PASSWORD), attempts=3) as client:
        with pytest.raises(UpstreamRefused):
            await client.get("orders")
    assert len(commerce.requests) == 2
    assert len(commerce.token_requests) == 2


async def test_calls_that_are_refused_one_after_the_other_share_one_new_token() -> None:
    first, second = asyncio.Event(), asyncio.Event()
    commerce = Commerce()

    async def slow(request: httpx2.Request) -> httpx2.Response:
        answer = await commerce(request)
        if answer.status_code == 401:
            await {"/rest/V1/first": first, "/rest/V1/second": second}[request.url.path].wait()
        return answer

    async with rest(slow, AdminUser("admin", PASSWORD)) as client:
        await client.get("orders")
        commerce.taken.clear()
        one, two = asyncio.ensure_future(client.get("first")), asyncio.ensure_future(client.get("second"))
        while len(commerce.requests) < 3:
            await asyncio.sleep(0)
        first.set()
        assert await one == {"got": "/rest/V1/first"}
        second.set()
        assert await two == {"got": "/rest/V1/second"}
    assert commerce.issued == ["token-1", "token-2"]


async def test_the_admin_token_is_fetched_anew_before_it_runs_out() -> None:
    clock, commerce = Clock(), Commerce()
    async with rest(commerce, AdminUser("admin", PASSWORD, clock=clock)) as client:
        await client.get("orders")
        clock.now += ADMIN_TOKEN_LIFETIME * 0.89
        await client.get("orders")
        assert commerce.issued == ["token-1"]
        clock.now += ADMIN_TOKEN_LIFETIME * 0.02
        await client.get("orders")
    assert commerce.issued == ["token-1", "token-2"]
    assert len(commerce.requests) == 3


async def test_with_two_factor_the_token_comes_with_a_one_time_password() -> None:
    clock, commerce = Clock(), Commerce()
    async with rest(commerce, AdminUser("admin", PASSWORD, TOTP_SECRET, clock=clock)) as client:
        await client.get("orders")
        clock.now += ADMIN_TOKEN_LIFETIME
        await client.get("orders")
    bodies = [orjson.loads(request.content) for request in commerce.token_requests]
    assert {request.url.path for request in commerce.token_requests} == {"/rest/V1/tfa/provider/google/authenticate"}
    assert [body.keys() for body in bodies] == [{"username", "password", "otp"}] * 2
    totp = pyotp.TOTP(TOTP_SECRET)
    assert totp.verify(bodies[0]["otp"], for_time=int(clock.now - ADMIN_TOKEN_LIFETIME))
    assert totp.verify(bodies[1]["otp"], for_time=int(clock.now))
    assert bodies[0]["otp"] != bodies[1]["otp"]
    assert TOTP_SECRET not in str(bodies)


async def test_a_wrong_password_refuses_the_call_and_nothing_else_is_sent() -> None:
    requests: list[str] = []

    def commerce(request: httpx2.Request) -> httpx2.Response:
        requests.append(request.url.path)
        return httpx2.Response(401, json={"message": "The account sign-in was incorrect or your account is disabled."})

    async with rest(commerce, AdminUser("admin", PASSWORD), attempts=3) as client:
        with pytest.raises(UpstreamRefused, match="sign-in was incorrect"):
            await client.post("orders", {})
    assert requests == ["/rest/V1/integration/admin/token"]


@pytest.mark.parametrize("token", ["", None, 5, {"token": "x"}, ["x"]])
async def test_an_admin_token_that_is_no_string_is_invalid_and_never_used(token: object) -> None:
    requests: list[str] = []

    def commerce(request: httpx2.Request) -> httpx2.Response:
        requests.append(request.url.path)
        return httpx2.Response(200, json=token)

    async with rest(commerce, AdminUser("admin", PASSWORD)) as client:
        with pytest.raises(UpstreamInvalid):
            await client.get("orders")
    assert requests == ["/rest/V1/integration/admin/token"]


async def test_after_a_failed_fetch_of_the_token_the_next_call_tries_again() -> None:
    commerce = Commerce()
    failed: list[httpx2.Request] = []

    async def fails_once(request: httpx2.Request) -> httpx2.Response:
        if not failed:
            failed.append(request)
            return httpx2.Response(500, content=HTML)
        return await commerce(request)

    async with rest(fails_once, AdminUser("admin", PASSWORD)) as client:
        with pytest.raises(UpstreamError):
            await client.get("orders")
        assert await client.get("orders") == {"got": "/rest/V1/orders"}
    assert commerce.issued == ["token-1"]


@pytest.mark.parametrize("read", [True, False])
async def test_only_reads_are_tried_again(read: bool) -> None:
    requests: list[str] = []

    def commerce(request: httpx2.Request) -> httpx2.Response:
        requests.append(request.method)
        return httpx2.Response(503, content=HTML)

    async with rest(commerce, Integration(*KEYS), attempts=3) as client:
        with pytest.raises(UpstreamUnavailable):
            await (client.get("orders") if read else client.post("orders", {}))
    assert requests == (["GET"] * 3 if read else ["POST"])


@pytest.mark.parametrize(
    ("body", "filled"),
    [
        ({"message": "It is gone."}, "It is gone."),
        ({"message": "No %1 with %2.", "parameters": ["order", 7]}, "No order with 7."),
        (
            {
                "message": "No such entity with %fieldName = %fieldValue",
                "parameters": {"fieldName": "id", "fieldValue": 9},
            },
            "No such entity with id = 9",
        ),
        ({"message": "Bulk uuid %bulkUuid not exist", "parameters": {"bulkUuid": "0-1"}}, "Bulk uuid 0-1 not exist"),
        ({"message": '"%fieldName" is required.', "parameters": {"fieldName": "product"}}, '"product" is required.'),
        ({"message": "isn't authorized to access %resources."}, "isn't authorized to access %resources."),
        ({"message": "%1 and %3", "parameters": ["a", "b"]}, "a and %3"),
        ({"message": "%1%2", "parameters": ["a", "b"]}, "ab"),
        ({"message": "%1x%2 pixels", "parameters": [10, 20]}, "10x20 pixels"),
        ({"message": "%10 of %1", "parameters": list("abcdefghij")}, "j of a"),
        ({"message": "100% of %1", "parameters": ["%2", "x"]}, "100% of %2"),
        ({"message": "50 % off, %%", "parameters": []}, "50 % off, %%"),
        ({"message": "%1", "parameters": [r"\g<0>"]}, r"\g<0>"),
        ({"message": "%1", "parameters": "text"}, "%1"),
        ({}, ""),
        ([], ""),
        ("text", ""),
        (None, ""),
    ],
)
def test_the_places_in_a_message_are_filled_from_its_parameters(body: object, filled: str) -> None:
    assert message(body) == filled


@pytest.mark.parametrize(
    ("status", "body", "error", "detail"),
    [
        (400, b'{"message":"%1 is bad","parameters":["x"]}', UpstreamFailed, "HTTP 400: x is bad"),
        (401, b'{"message":"Who are you"}', UpstreamRefused, "HTTP 401: Who are you"),
        (403, b'{"message":"Not for you"}', UpstreamRefused, "HTTP 403: Not for you"),
        (404, b'{"message":"Not there"}', UpstreamFailed, "HTTP 404: Not there"),
        (429, b'{"message":"Too many"}', UpstreamUnavailable, "HTTP 429: Too many"),
        (500, b'{"message":"Internal Error"}', UpstreamFailed, "HTTP 500: Internal Error"),
        (500, b"[]", UpstreamFailed, "HTTP 500: "),
        (302, b"{}", UpstreamFailed, "HTTP 302: "),
        (500, HTML, UpstreamInvalid, f"HTTP 500, {len(HTML)} bytes that are no JSON"),
        (404, HTML, UpstreamInvalid, f"HTTP 404, {len(HTML)} bytes that are no JSON"),
        (200, HTML, UpstreamInvalid, f"HTTP 200, {len(HTML)} bytes that are no JSON"),
        (200, b'{"a": ', UpstreamInvalid, "HTTP 200, 6 bytes that are no JSON"),
        (200, b"", UpstreamInvalid, "HTTP 200, 0 bytes that are no JSON"),
        (200, b'"\xff"', UpstreamInvalid, "HTTP 200, 3 bytes that are no JSON"),
    ],
)
def test_each_failure_is_one_coded_error(status: int, body: bytes, error: type[UpstreamError], detail: str) -> None:
    with pytest.raises(UpstreamError) as caught:
        decode(Answer(status, {}, body))
    assert type(caught.value) is error
    assert caught.value.detail == detail
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("status", "error"), [(401, UpstreamRefused), (403, UpstreamRefused), (429, UpstreamUnavailable)]
)
def test_a_status_that_speaks_for_itself_needs_no_json(status: int, error: type[UpstreamError]) -> None:
    with pytest.raises(UpstreamError) as caught:
        decode(Answer(status, {"content-type": "text/html"}, HTML))
    assert type(caught.value) is error
    assert "There has been an error" not in caught.value.detail


@pytest.mark.parametrize("value", [b"[]", b"null", b"true", b'"token"', b"5", b'{"items":null}'])
def test_any_json_with_a_good_status_is_the_answer(value: bytes) -> None:
    assert decode(Answer(200, {}, value)) == orjson.loads(value)


@given(
    st.integers(100, 599), st.binary(max_size=60) | st.from_regex(rb'\{"message":"[%a-z0-9]{0,9}"\}', fullmatch=True)
)
def test_decoding_raises_nothing_but_upstream_errors(status: int, body: bytes) -> None:
    try:
        decode(Answer(status, {}, body))
    except UpstreamError:
        return


@pytest.mark.parametrize(
    "credentials",
    [
        lambda: Integration(*KEYS),
        lambda: AdminUser("admin", PASSWORD, TOTP_SECRET),
        lambda: AdminUser("admin", PASSWORD),
    ],
    ids=["integration", "two-factor", "admin"],
)
@pytest.mark.parametrize("fails_at", ["token", "call"])
@pytest.mark.parametrize(
    "outcome",
    [
        (401, b'{"message":"no"}'),
        (404, b'{"message":"no"}'),
        (429, b'{"message":"no"}'),
        (500, HTML),
        (503, HTML),
        (200, b"{"),
        httpx2.ConnectError,
        httpx2.ReadTimeout,
        httpx2.ReadError,
    ],
    ids=str,
)
async def test_no_secret_is_in_the_text_of_an_error(
    credentials: Callable[[], Credentials], fails_at: str, outcome: tuple[int, bytes] | type[httpx2.TransportError]
) -> None:
    def commerce(request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith(("/token", "/authenticate")) and fails_at == "call":
            return httpx2.Response(200, json="the-admin-token")
        if isinstance(outcome, tuple):
            return httpx2.Response(outcome[0], content=outcome[1])
        raise outcome(f"failed: {request.headers} {request.content!r}", request=request)

    async with rest(commerce, credentials()) as client:
        with pytest.raises(UpstreamError) as caught:
            await client.post("orders", {"password": PASSWORD})
    told = f"{caught.value!r} {caught.value} {caught.value.detail} {caught.value.public} {caught.value.__cause__!r}"
    for secret in (KEYS[1], KEYS[3], PASSWORD, TOTP_SECRET, "the-admin-token", "oauth_"):
        assert secret not in told


def test_credentials_do_not_show_their_secrets_when_they_are_printed() -> None:
    told = f"{Integration(*KEYS)!r} {AdminUser('admin', PASSWORD, TOTP_SECRET)!r}"
    assert not [secret for secret in (*KEYS, PASSWORD, TOTP_SECRET) if secret in told]
