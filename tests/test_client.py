"""Commerce's GraphQL interface: what is sent, and what becomes of every kind of answer that Commerce gives."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.commerce.client import GraphQL, Problem, Reply, StoreContext, decode
from app.errors import UpstreamError, UpstreamFailed, UpstreamInvalid, UpstreamRefused, UpstreamUnavailable
from app.http import Answer, Breaker, Upstream
from app.telemetry import Metrics

# Commerce's error page (a body that is no JSON, a batch, PUT, no query: all the same page, with status 500).
HTML = b"""<!doctype html>
<html xmlns="http://www.w3.org/1999/xhtml" >
<head><title>There has been an error processing your request</title></head>
<body><h1>There has been an error processing your request</h1><p>Error log record number: 4711</p></body></html>"""
JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
REPLIES = st.fixed_dictionaries(
    {},
    optional={
        "data": JSON_VALUES,
        "errors": JSON_VALUES
        | st.lists(
            st.fixed_dictionaries(
                {},
                optional={
                    "message": JSON_VALUES,
                    "extensions": JSON_VALUES,
                    "path": JSON_VALUES,
                    "locations": JSON_VALUES,
                },
            )
        ),
    },
)


def answer(body: object, status: int = 200, kind: str = "application/json") -> Answer:
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    return Answer(status, {"content-type": kind}, content)


def error(message: str, category: str, *path: str | int) -> dict[str, object]:
    """One error as Commerce writes it."""
    told: dict[str, object] = {"message": message, "extensions": {"category": category}}
    return {**told, "locations": [{"line": 1, "column": 3}], "path": list(path)} if path else told


def failure(given: Answer) -> UpstreamError:
    """The error that an answer is decoded to."""
    with pytest.raises(UpstreamError) as caught:
        decode(given)
    return caught.value


def test_data_without_errors_is_the_reply() -> None:
    reply = decode(answer({"data": {"storeConfig": {"store_code": "default"}}}))
    assert reply == Reply({"storeConfig": {"store_code": "default"}})
    assert reply.root("storeConfig") == {"store_code": "default"}
    assert reply.partial == ()


@pytest.mark.parametrize("value", [0, "", [], {}, False])
def test_a_root_that_is_empty_is_still_there(value: object) -> None:
    assert decode(answer({"data": {"root": value}})).root("root") == value


def test_a_null_root_without_any_error_is_no_such_thing() -> None:
    assert decode(answer({"data": {"route": None}})).root("route") is None


@pytest.mark.parametrize(
    ("status", "body", "message", "category"),
    [
        (500, error("Requested store is not found (nostore)", "graphql-input"), "Requested store is not found (nostore)", "graphql-input"),
        (500, error("Please correct the target currency", "graphql-input"), "Please correct the target currency", "graphql-input"),
        (500, error("Syntax Error: Expected Name, found }", "graphql"), "Syntax Error: Expected Name, found }", "graphql"),
        (500, error("Max query complexity should be 300 but got 480.", "graphql-input"), "Max query complexity should be 300 but got 480.", "graphql-input"),
        (200, error("Max query depth should be 20 but got 22.", "graphql"), "Max query depth should be 20 but got 22.", "graphql"),
        (200, error('Cannot query field "nope" on type "StoreConfig".', "graphql"), 'Cannot query field "nope" on type "StoreConfig".', "graphql"),
        (200, error("The request is allowed for logged in customer", "graphql-authorization", "customerCart"), "The request is allowed for logged in customer", "graphql-authorization"),
    ],
)  # fmt: skip
def test_errors_without_data_are_one_failure_with_commerces_category(
    status: int, body: dict[str, object], message: str, category: str
) -> None:
    caught = failure(answer({"errors": [body, error("another", "internal")]}, status))
    assert type(caught) is UpstreamFailed
    assert (caught.detail, caught.category) == (message, category)
    assert caught.public == "The shop's backend could not answer."


def test_data_that_is_null_beside_an_error_is_that_error() -> None:
    caught = failure(answer({"errors": [error("Internal server error", "internal")], "data": None}))
    assert type(caught) is UpstreamFailed
    assert caught.category == "internal"


@pytest.mark.parametrize(
    "given_answer",
    [
        answer(HTML, 500, "text/html; charset=UTF-8"),
        answer(HTML, 200, "text/html"),
        answer(b"", 500, "text/html; charset=UTF-8"),
        answer(b"", 200),
        answer(b'{"data":{"storeConfig":{"store_code":"def'),
        answer(b'{"data":{}} trailing'),
        answer(b'\xef\xbb\xbf{"data":{}}'),
        answer(b'{"data":{"name":"\xff\xfe"}}'),
        answer(b"NaN"),
        Answer(200, {}, b"<"),
    ],
    ids=["500 html", "200 html", "500 empty", "empty", "cut", "trailing", "BOM", "no utf-8", "NaN", "no type"],
)
def test_what_is_no_json_is_invalid_and_its_text_stays_out_of_the_error(given_answer: Answer) -> None:
    caught = failure(given_answer)
    assert type(caught) is UpstreamInvalid
    kind = given_answer.headers.get("content-type", "no content type")
    assert caught.detail == f"HTTP {given_answer.status}, {kind}, {len(given_answer.body)} bytes"
    assert caught.__cause__ is None


@pytest.mark.parametrize(
    "body",
    [
        None,
        5,
        "text",
        True,
        [],
        [{"data": {}}],
        {},
        {"data": None},
        {"data": None, "errors": []},
        {"data": None, "errors": None},
        {"data": []},
        {"data": "text"},
        {"data": 5},
        {"data": True},
        {"data": {}, "errors": {}},
        {"data": {}, "errors": {"message": "x"}},
        {"data": {}, "errors": "text"},
        {"data": {}, "errors": 0},
        {"data": {}, "errors": [None]},
        {"data": {}, "errors": ["text"]},
        {"data": {}, "errors": [[]]},
        {"errors": "text"},
    ],
    ids=json.dumps,
)
def test_json_of_the_wrong_shape_is_invalid(body: object) -> None:
    assert type(failure(answer(body))) is UpstreamInvalid
    assert type(failure(answer(body, 500))) is UpstreamInvalid


@pytest.mark.parametrize(
    ("told", "problem"),
    [
        ({}, Problem("", "", ())),
        ({"message": None, "extensions": None, "path": None}, Problem("None", "", ())),
        ({"message": 5, "extensions": [], "path": "x"}, Problem("5", "", ())),
        ({"message": "m", "extensions": {"category": 7}, "path": {}}, Problem("m", "", ())),
        ({"message": "m", "extensions": {"category": "c"}, "path": ["a", 0, "b"]}, Problem("m", "c", ("a", 0, "b"))),
    ],
)
def test_an_error_is_read_as_far_as_it_can_be(told: dict[str, object], problem: Problem) -> None:
    assert decode(answer({"data": {"a": 1}, "errors": [told]})).problems == (problem,)


@pytest.mark.parametrize("body", [HTML, b'{"data":{"storeConfig":{}}}', b'{"errors":[]}'])
@pytest.mark.parametrize(
    ("status", "kind"), [(401, UpstreamRefused), (403, UpstreamRefused), (429, UpstreamUnavailable)]
)
def test_a_status_that_speaks_for_itself_wins_over_any_body(
    status: int, kind: type[UpstreamError], body: bytes
) -> None:
    caught = failure(answer(body, status))
    assert type(caught) is kind
    assert caught.detail == f"HTTP {status}"


@pytest.mark.parametrize("status", [200, 201, 404, 500])
def test_data_is_taken_whatever_other_status_it_comes_with(status: int) -> None:
    assert decode(answer({"data": {"a": 1}}, status)) == Reply({"a": 1})


def test_a_thing_that_does_not_exist_is_none() -> None:
    told = error("The country isn't available.", "graphql-no-such-entity", "country")
    reply = decode(answer({"errors": [told], "data": {"country": None}}))
    assert reply.root("country") is None
    assert reply.partial == ()


def test_a_root_that_is_null_for_any_other_reason_fails_with_its_category() -> None:
    told = error("currentPage value 99 specified is greater than the 2 page(s) available.", "graphql-input", "products")
    reply = decode(answer({"errors": [told], "data": {"products": None}}))
    with pytest.raises(UpstreamFailed) as caught:
        reply.root("products")
    assert caught.value.category == "graphql-input"
    assert caught.value.detail == "products: currentPage value 99 specified is greater than the 2 page(s) available."


def test_a_problem_without_a_path_may_be_that_of_any_null_root_but_of_no_other() -> None:
    reply = decode(answer({"errors": [error("Internal server error", "internal")], "data": {"a": None, "b": {"c": 1}}}))
    with pytest.raises(UpstreamFailed):
        reply.root("a")
    assert reply.root("b") == {"c": 1}


def test_the_problem_of_one_root_is_not_that_of_another() -> None:
    told = error("broken", "internal", "products", "items", 0)
    reply = decode(answer({"errors": [told], "data": {"products": None, "route": None}}))
    assert reply.root("route") is None
    with pytest.raises(UpstreamFailed):
        reply.root("products")


def test_a_failure_that_names_the_root_wins_over_a_missing_thing_that_names_none() -> None:
    told = [error("No such entity.", "graphql-no-such-entity"), error("broken", "internal", "products")]
    reply = decode(answer({"errors": told, "data": {"products": None}}))
    with pytest.raises(UpstreamFailed):
        reply.root("products")


def test_problems_inside_data_that_came_all_the_same_are_partial() -> None:
    items = [{"attribute_code": "color"}, {"attribute_code": "size", "attribute_options": None}]
    inside = error("Internal server error", "internal", "customAttributeMetadata", "items", 1, "attribute_options")
    gone = error("gone", "graphql-no-such-entity", "customAttributeMetadata", "items", 0)
    of_null = error("broken", "internal", "route")
    pathless = error("somewhere", "internal")
    data = {"customAttributeMetadata": {"items": items}, "route": None}
    reply = decode(answer({"errors": [inside, gone, of_null, pathless], "data": data}))
    assert reply.root("customAttributeMetadata") == {"items": items}
    assert [problem.path for problem in reply.partial] == [("customAttributeMetadata", "items", 1, "attribute_options")]


@given(st.integers(100, 599), st.binary(max_size=200))
def test_decoding_any_bytes_raises_nothing_but_upstream_errors(status: int, body: bytes) -> None:
    _decode_and_read(answer(body, status))


@given(st.integers(100, 599), JSON_VALUES | REPLIES)
def test_decoding_any_json_raises_nothing_but_upstream_errors(status: int, body: object) -> None:
    _decode_and_read(answer(body, status))


@given(REPLIES, st.integers(0, 400))
def test_decoding_json_that_is_cut_anywhere_raises_nothing_but_upstream_errors(body: object, length: int) -> None:
    _decode_and_read(answer(orjson.dumps(body)[:length]))


def test_decoding_json_that_is_nested_too_deeply_raises_nothing_but_upstream_errors() -> None:
    _decode_and_read(answer(b'{"data":' + b"[" * 5000 + b"]" * 5000 + b"}"))
    _decode_and_read(answer(b'{"data":{"a":' * 2000 + b"1" + b"}}" * 2000))


def _decode_and_read(given_answer: Answer) -> None:
    try:
        reply = decode(given_answer)
        assert isinstance(reply.data, dict)
        assert len(reply.partial) <= len(reply.problems)
        for name in [*reply.data, "absent"]:
            reply.root(name)
    except UpstreamError:
        return


@asynccontextmanager
async def graphql(handler: Any, *, attempts: int = 1) -> AsyncIterator[GraphQL]:
    upstream = Upstream(
        "commerce",
        "https://shop.test/sub",
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
        yield GraphQL(upstream)
    finally:
        await upstream.close()


@pytest.mark.parametrize(
    ("context", "headers"),
    [
        (StoreContext(), {}),
        (StoreContext("de"), {"store": "de"}),
        (StoreContext(None, "EUR"), {"content-currency": "EUR"}),
        (StoreContext("de", "EUR"), {"store": "de", "content-currency": "EUR"}),
    ],
)
async def test_a_document_goes_by_post_with_its_variables_and_the_store_context(
    context: StoreContext, headers: dict[str, str]
) -> None:
    seen: list[httpx2.Request] = []

    def commerce(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(200, json={"data": {"route": None}})

    async with graphql(commerce) as client:
        reply = await client.execute(
            "Route", "query Route($url: String!) { route(url: $url) { type } }", {"url": "ü"}, context
        )
    assert reply == Reply({"route": None})
    [request] = seen
    assert (request.method, str(request.url)) == ("POST", "https://shop.test/sub/graphql")
    assert request.headers["content-type"] == "application/json"
    assert orjson.loads(request.content) == {
        "query": "query Route($url: String!) { route(url: $url) { type } }",
        "variables": {"url": "ü"},
    }
    sent = {name: request.headers[name] for name in ("store", "content-currency") if name in request.headers}
    assert sent == headers
    assert "cookie" not in request.headers
    assert "authorization" not in request.headers


@pytest.mark.parametrize(("read", "calls"), [(True, 3), (False, 1)])
async def test_only_what_changes_nothing_is_tried_again(read: bool, calls: int) -> None:
    seen: list[httpx2.Request] = []

    def commerce(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(503, content=HTML)

    async with graphql(commerce, attempts=3) as client:
        with pytest.raises(UpstreamUnavailable):
            await client.execute("Store", "{ storeConfig { locale } }", {}, StoreContext(), read=read)
    assert len(seen) == calls


async def test_an_answer_with_errors_is_not_asked_for_again() -> None:
    seen: list[httpx2.Request] = []

    def commerce(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(500, content=HTML)

    async with graphql(commerce, attempts=3) as client:
        with pytest.raises(UpstreamInvalid):
            await client.execute("Store", "{ storeConfig { locale } }", {}, StoreContext())
    assert len(seen) == 1
