"""POST and GET /graphql as HTTP: what is taken, what is refused, and that nothing leaks."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from app.sandbox.commerce import create_commerce
from tests.conftest import COMMERCE, Api, running

STORE = "{ store { code } }"


async def test_a_query_is_answered_by_post(api: Api) -> None:
    answer = await api.post(STORE)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.json() == {"data": {"store": {"code": "default"}}}


async def test_a_query_is_answered_by_get_with_its_variables(api: Api) -> None:
    query = "query Q($k: String!) { product(sku: $k) { sku } }"
    answer = await api.client.get("/graphql", params={"query": query, "variables": '{"k": "TT-J01"}'})
    assert answer.json() == {"data": {"product": {"sku": "TT-J01"}}}


async def test_the_media_type_of_the_specification_is_answered_in_kind(api: Api) -> None:
    accept = {"accept": "application/graphql-response+json"}
    fine = await api.post(STORE, accept)
    assert (fine.status_code, fine.headers["content-type"]) == (200, "application/graphql-response+json")
    broken = await api.post("{ nope }", accept)
    assert (broken.status_code, broken.headers["content-type"]) == (400, "application/graphql-response+json")
    assert "data" not in broken.json()


async def test_one_of_several_operations_is_chosen_by_name(api: Api) -> None:
    query = "query A { store { code } } query B { store { locale } }"
    chosen = await api.client.post("/graphql", json={"query": query, "operationName": "B"})
    assert chosen.json() == {"data": {"store": {"locale": "en_US"}}}
    unknown = await api.client.post("/graphql", json={"query": query, "operationName": "C"})
    assert unknown.status_code == 400
    assert unknown.json()["errors"][0]["extensions"] == {"code": "BAD_REQUEST"}
    unnamed = await api.client.post("/graphql", json={"query": query})
    assert unnamed.json()["errors"][0]["extensions"] == {"code": "BAD_REQUEST"}
    assert "data" not in unnamed.json()
    assert api.commerce.requests == []


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"not json", "application/json", 400),
        (b"", "application/json", 400),
        (b"{}", "application/json", 400),
        (b'{"query": ""}', "application/json", 400),
        (b'{"query": 5}', "application/json", 400),
        (b'[{"query": "{ store { code } }"}]', "application/json", 400),
        (b'{"query": "{ store { code } }", "variables": []}', "application/json", 400),
        (b'{"query": "{ store { code } }", "operationName": 5}', "application/json", 400),
        (b"query=%7Bstore%7Bcode%7D%7D", "application/x-www-form-urlencoded", 415),
        (b'{"query": "{ store { code } }"}', "text/plain", 415),
        (b"--x\r\n\r\n--x--", "multipart/form-data; boundary=x", 415),
        (b'{"query": "{ store { code } }"}', "", 415),
        (b'{"query": "' + b" " * 300_000 + b'"}', "application/json", 413),
        (b"\xff\xfe", "application/json", 400),
    ],
)
async def test_a_request_that_is_no_graphql_request_is_refused(api: Api, body: bytes, kind: str, status: int) -> None:
    answer = await api.client.post("/graphql", content=body, headers={"content-type": kind})
    assert answer.status_code == status
    assert answer.json()["errors"][0]["extensions"] == {"code": "BAD_REQUEST"}
    assert api.commerce.requests == []


async def test_a_get_never_changes_anything(api: Api) -> None:
    answer = await api.client.get("/graphql", params={"query": "mutation { nothing }"})
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, POST"
    assert answer.json()["errors"][0]["extensions"] == {"code": "BAD_REQUEST"}


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_other_methods_are_not_taken(api: Api, method: str) -> None:
    answer = await api.client.request(method, "/graphql")
    assert answer.status_code == 405
    assert "access-control-allow-origin" not in answer.headers


async def test_a_websocket_or_a_subscription_is_not_taken(api: Api) -> None:
    codes = await api.codes("subscription { nothing }")
    assert codes == ["BAD_REQUEST"]


@pytest.mark.parametrize(
    "query",
    ["{ nope }", "{ store { nope } }", "{ store(", "{ product(sku: 5) { sku } }", "query($p: Int!) { store { code } }"],
)
async def test_a_document_that_is_wrong_has_a_coded_error_and_reaches_no_one(api: Api, query: str) -> None:
    body = await api.ask(query)
    assert [error["extensions"]["code"] for error in body["errors"]] == ["GRAPHQL_VALIDATION_FAILED"]
    assert body.get("data") is None
    assert api.commerce.requests == []


async def test_what_is_too_large_is_refused_before_it_is_validated() -> None:
    async with running(create_commerce("2.4.8", public_url=COMMERCE), graphql_max_depth=4) as api:
        deep = '{ category(urlPath: "camp") { products { items { price { final { amount } } } } } }'
        assert await api.codes(deep) == ["QUERY_TOO_EXPENSIVE"]
        aliases = "{" + " ".join(f"a{n}: store {{ code }}" for n in range(31)) + "}"
        assert await api.codes(aliases) == ["QUERY_TOO_EXPENSIVE"]
        tokens = "{" + " ".join("store { code }" for _ in range(1001)) + "}"
        assert await api.codes(tokens) == ["GRAPHQL_VALIDATION_FAILED"]
        assert api.commerce.requests == []


async def test_without_introspection_the_schema_is_not_told_in_any_way() -> None:
    async with running(create_commerce("2.4.8", public_url=COMMERCE), introspection=False) as api:
        for query in ("{ __schema { types { name } } }", '{ __type(name: "Query") { name } }'):
            body = await api.ask(query)
            assert {error["extensions"]["code"] for error in body["errors"]} == {"GRAPHQL_VALIDATION_FAILED"}
            assert body.get("data") is None
        body = await api.ask("{ stor { code } }")
        assert "Did you mean" not in body["errors"][0]["message"]
        assert await api.data("{ __typename }") == {"__typename": "Query"}


async def test_the_standard_introspection_query_passes_the_limits(api: Api) -> None:
    from graphql import build_client_schema, get_introspection_query

    data = await api.data(get_introspection_query())
    assert build_client_schema(data).query_type is not None  # type: ignore[arg-type]


async def test_graphiql_is_a_page_for_browsers_only_where_settings_allow_it(api: Api) -> None:
    asked = {"accept": "text/html,application/xhtml+xml"}
    assert (await api.client.get("/graphql", headers=asked)).status_code == 400
    async with running(create_commerce("2.4.8", public_url=COMMERCE), graphiql=True) as open_api:
        page = await open_api.client.get("/graphql", headers=asked)
        assert page.status_code == 200
        assert page.headers["content-type"].startswith("text/html")
        assert page.headers["vary"] == "Accept"
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert (await open_api.client.get("/graphql")).status_code == 400


async def test_the_process_says_that_it_lives_and_that_it_is_ready(api: Api) -> None:
    assert (await api.client.get("/healthz")).json() == {"status": "ok"}
    ready = await api.client.get("/readyz")
    assert (ready.status_code, ready.json()) == (200, {"status": "ready", "commerce": "known"})
    assert api.commerce.requests == []


async def test_only_the_doors_that_are_meant_are_open(api: Api) -> None:
    for path in ("/metrics", "/docs", "/redoc", "/openapi.json", "/graphql/assets/x.js", "/", "/graphql/"):
        assert (await api.client.get(path)).status_code == 404, path
    async with running(create_commerce("2.4.8", public_url=COMMERCE), metrics=True) as open_api:
        await open_api.ask(STORE)
        text = (await open_api.client.get("/metrics")).text
        assert 'vitrine_graphql_seconds_count{outcome="ok"} 1.0' in text


class Broken(httpx2.AsyncBaseTransport):
    """A way to Commerce that gets a bug of ours."""

    def __init__(self, commerce: Any) -> None:
        self._inner = httpx2.ASGITransport(app=commerce)
        self.broken = False

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if self.broken:
            raise RuntimeError("secret-in-a-bug /srv/app/main.py")
        return await self._inner.handle_async_request(request)


async def test_a_bug_is_masked_and_given_a_reference() -> None:
    commerce = create_commerce("2.4.8", public_url=COMMERCE)
    network = Broken(commerce)
    async with running(commerce, transport=network) as api:
        network.broken = True
        answer = await api.post("{ countries { code } store { code } }")
        body = answer.json()
        error = body["errors"][0]
        assert error["message"] == "Something went wrong."
        assert error["extensions"]["code"] == "INTERNAL"
        assert len(error["extensions"]["reference"]) == 32
        assert body["data"] == {"countries": None, "store": {"code": "default"}}
        assert "secret" not in answer.text
        assert "Traceback" not in answer.text
