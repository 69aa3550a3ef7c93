"""A broken Commerce, or a broken way to it: one coded error, the rest of the query answered, nothing leaked."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx2
import pytest

from app.sandbox.commerce import Fault, create_commerce
from tests.conftest import COMMERCE, running, serving

QUERY = '{ store { code } countries { code } page(identifier: "about-us") { title } }'
FINE = {"store": {"code": "default"}, "page": {"title": "About us"}}


def fails(body: dict[str, Any], code: str) -> None:
    """The countries failed by that code, and everything else was answered."""
    assert [error["extensions"] for error in body["errors"]] == [{"code": code}]
    assert body["errors"][0]["path"] == ["countries"]
    assert body["data"] == {**FINE, "countries": None}


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("html_500", "UPSTREAM_INVALID_RESPONSE"),
        ("html_503", "UPSTREAM_UNAVAILABLE"),
        ("empty", "UPSTREAM_INVALID_RESPONSE"),
        ("not_json", "UPSTREAM_INVALID_RESPONSE"),
        ("graphql_internal", "UPSTREAM_ERROR"),
        ("drop", "UPSTREAM_UNAVAILABLE"),
    ],
)
async def test_a_fault_is_one_coded_error_and_the_other_fields_are_answered(kind: str, code: str) -> None:
    commerce = create_commerce("2.4.8", public_url=COMMERCE)
    async with running(commerce, transport=Network(commerce)) as api:
        fault = commerce.faults.add(Fault(kind, times=None, match="Countries"))
        answer = await api.post(QUERY)
        fails(answer.json(), code)
        assert fault.fired >= 1
        for leaked in ("<html", "Internal server error", "Magento", "report", COMMERCE, "Traceback"):
            assert leaked not in answer.text


async def test_an_answer_that_a_real_network_cuts_is_one_coded_error() -> None:
    commerce = create_commerce("2.4.8", public_url=COMMERCE)
    with serving(commerce) as url:
        async with running(commerce, transport=httpx2.AsyncHTTPTransport(), commerce_url=url) as api:
            fault = commerce.faults.add(Fault("truncated", times=None, match="Countries"))
            fails(await api.ask(QUERY), "UPSTREAM_INVALID_RESPONSE")
            assert fault.fired == 1


@pytest.mark.parametrize(
    "body",
    [
        [],
        "text",
        None,
        7,
        {},
        {"data": 5},
        {"data": []},
        {"data": {"countries": 5}},
        {"data": {"countries": {"id": "DE"}}},
        {"data": {"countries": ["DE"]}},
        {"data": {"countries": [{"id": {"x": 1}}]}},
        {"data": {"countries": [{}]}},
        {"data": {}},
        {"errors": "no list", "data": None},
        {"errors": ["no object"], "data": None},
    ],
)
async def test_json_of_another_shape_is_one_coded_error(body: Any) -> None:
    commerce = create_commerce("2.4.8", public_url=COMMERCE)
    async with running(commerce) as api:
        commerce.faults.add(Fault("wrong_shape", times=None, match="Countries", body=body))
        fails(await api.ask(QUERY), "UPSTREAM_INVALID_RESPONSE")


async def test_a_deadline_from_the_settings_holds_and_the_rest_does_not_wait_for_more() -> None:
    commerce = create_commerce("2.4.8", public_url=COMMERCE)
    async with running(commerce, commerce_timeout=1.5) as api:
        commerce.faults.add(Fault("slow", times=None, match="Countries", seconds=30))
        started = time.monotonic()
        fails(await api.ask(QUERY), "UPSTREAM_TIMEOUT")
        assert time.monotonic() - started < 10


async def test_a_dropped_connection_is_tried_once_more_and_nobody_notices() -> None:
    commerce = create_commerce("2.4.8", public_url=COMMERCE)
    async with running(commerce, transport=Network(commerce)) as api:
        fault = commerce.faults.add(Fault("drop", times=1, match="Countries"))
        body = await api.ask(QUERY)
        assert "errors" not in body
        assert fault.fired == 1
        assert api.operations().count("Countries") == 2


async def test_a_part_that_commerce_leaves_out_is_told_beside_the_data_that_came() -> None:
    commerce = create_commerce("2.4.8", public_url=COMMERCE)
    async with running(commerce) as api:
        commerce.faults.add(Fault("partial", match="Countries", at=("countries", 0, "available_regions")))
        body = await api.ask("{ countries { code regions { code } } }")
        assert len(body["data"]["countries"]) > 20
        assert [error["extensions"] for error in body["errors"]] == [
            {"code": "UPSTREAM_ERROR", "partial": True, "upstreamPath": ["countries", "available_regions"]}
        ]


async def test_a_refused_connection_is_one_coded_error_for_each_field_that_needs_commerce() -> None:
    commerce = create_commerce("2.4.8", public_url=COMMERCE)
    network = Network(commerce)
    async with running(commerce, transport=network) as api:
        network.up = False
        body = await api.ask(QUERY)
        assert body["data"] == {"store": {"code": "default"}, "countries": None, "page": None}
        assert {error["extensions"]["code"] for error in body["errors"]} == {"UPSTREAM_UNAVAILABLE"}


async def test_a_process_starts_without_commerce_and_serves_when_commerce_comes_back() -> None:
    commerce = create_commerce("2.4.8", public_url=COMMERCE)
    network = Network(commerce)
    network.up = False
    async with running(commerce, transport=network) as api:
        assert (await api.client.get("/healthz")).status_code == 200
        ready = await api.client.get("/readyz")
        assert (ready.status_code, ready.json()) == (200, {"status": "ready", "commerce": "unknown"})
        answer = await api.post(QUERY)
        assert answer.status_code == 503
        assert answer.json()["errors"][0]["extensions"] == {"code": "UPSTREAM_UNAVAILABLE"}
        network.up = True
        api.parts.shop._tried = -1000.0
        assert (await api.ask(QUERY))["data"]["store"] == {"code": "default"}
        assert (await api.client.get("/readyz")).json() == {"status": "ready", "commerce": "known"}


async def test_many_requests_without_commerce_ask_it_once_not_each() -> None:
    commerce = create_commerce("2.4.8", public_url=COMMERCE)
    network = Network(commerce)
    network.up = False
    async with running(commerce, transport=network) as api:
        before = network.calls
        answers = await asyncio.gather(*(api.post(QUERY) for _ in range(20)))
        assert {answer.status_code for answer in answers} == {503}
        assert network.calls == before


class Network(httpx2.AsyncBaseTransport):
    """The way to a stand-in in this process, with the cuts of its faults as a real network shows them."""

    def __init__(self, commerce: Any) -> None:
        self._inner = httpx2.ASGITransport(app=commerce)
        self.up = True
        self.calls = 0

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.calls += 1
        if not self.up:
            raise httpx2.ConnectError("refused", request=request)
        try:
            return await self._inner.handle_async_request(request)
        except Exception as error:
            if type(error).__name__ != "Dropped":
                raise
            raise httpx2.RemoteProtocolError(
                "Server disconnected without sending a response.", request=request
            ) from None


class Refusing(httpx2.AsyncBaseTransport):
    """A way on which nobody answers."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("refused", request=request)
