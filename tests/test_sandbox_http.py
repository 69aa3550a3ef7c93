"""The stand-in Commerce over HTTP: statuses, headers, page cache, indexers that lag, faults."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
import uvicorn

from app.sandbox.commerce import Commerce, Dropped, Fault, Faults, create_commerce
from app.sandbox.commerce.faults import KINDS

from .sandbox_client import ask, data, error, send

NAME = """{ products(filter: {sku: {eq: "TT-C01"}}) {
  items { name price_range { minimum_price { final_price { value } } } } } }"""
CODE = "{ storeConfig { store_code } }"


@pytest.fixture
def commerce() -> Commerce:
    return create_commerce("2.4.4")


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now


async def price(commerce: Commerce) -> Any:
    (item,) = (await data(commerce, NAME))["products"]["items"]
    return item["price_range"]["minimum_price"]["final_price"]["value"]


# Mistakes


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({"Store": "nostore"}, "Requested store is not found (nostore)"),
        ({"Content-Currency": "XXX"}, "Please correct the target currency"),
        ({"Store": "de", "Content-Currency": "GBP"}, "Please correct the target currency"),
    ],
)
async def test_an_unknown_store_or_currency_is_a_500_in_json(
    commerce: Commerce, headers: dict[str, str], message: str
) -> None:
    reply = await send(commerce, json={"query": CODE}, headers=headers)
    assert reply.status_code == 500
    assert reply.json() == {"errors": [{"message": message, "extensions": {"category": "graphql-input"}}]}


async def test_a_syntax_error_is_a_500_in_json(commerce: Commerce) -> None:
    reply = await send(commerce, json={"query": "{ products( }"})
    assert (reply.status_code, reply.json()) == (
        500,
        {
            "errors": [
                {
                    "message": "Syntax Error: Expected Name, found }",
                    "extensions": {"category": "graphql"},
                    "locations": [{"line": 1, "column": 13}],
                }
            ]
        },
    )


async def test_a_mutation_by_get_is_a_500_in_json() -> None:
    sdl = "type Query { a: Int } type Mutation { revokeCustomerToken: R } type R { result: Boolean! }"
    commerce = create_commerce("2.4.4", schema=sdl)
    reply = await send(commerce, "GET", params={"query": "mutation { revokeCustomerToken { result } }"})
    assert (reply.status_code, reply.json()["errors"][0]["message"]) == (
        500,
        "Mutation requests allowed only for POST requests",
    )


async def test_too_many_fields_are_a_500_and_too_many_levels_a_200(commerce: Commerce) -> None:
    wide = " ".join(f"a{n}: storeConfig {{ store_code locale timezone }}" for n in range(120))
    reply = await send(commerce, json={"query": f"{{ {wide} }}"})
    assert (reply.status_code, reply.json()["errors"][0]["message"]) == (
        500,
        "Max query complexity should be 300 but got 480.",
    )
    deep = "{ categoryList { " + "children { " * 22 + "name" + " }" * 24
    reply = await send(commerce, json={"query": deep})
    assert (reply.status_code, reply.json()["errors"]) == (
        200,
        [{"message": "Max query depth should be 20 but got 22.", "extensions": {"category": "graphql"}}],
    )


async def test_fields_left_out_by_a_directive_do_not_count(commerce: Commerce) -> None:
    wide = " ".join(f"a{n}: storeConfig @include(if: $on) {{ store_code locale timezone }}" for n in range(120))
    query = f"query($on: Boolean!) {{ storeConfig {{ locale }} {wide} }}"
    assert await data(commerce, query, {"on": False}) == {"storeConfig": {"locale": "en_US"}}
    reply = await send(commerce, json={"query": query, "variables": {"on": True}})
    assert reply.json()["errors"][0]["message"] == "Max query complexity should be 300 but got 482."


async def test_mistakes_in_a_document_are_a_200_in_webonyx_words(commerce: Commerce) -> None:
    assert await error(commerce, "{ storeConfig { nope } }") == (
        'Cannot query field "nope" on type "StoreConfig".',
        "graphql",
        None,
    )
    query = 'query($p: Int!) { products(search: "bag", pageSize: $p) { total_count } }'
    assert (await error(commerce, query))[0] == 'Variable "$p" of required type "Int!" was not provided.'
    assert (await error(commerce, query, {"p": "x"}))[1:] == ("graphql", None)
    two = "query A { storeConfig { locale } } query B { storeConfig { locale } }"
    reply = await send(commerce, json={"query": two, "operationName": "B"})
    assert (reply.status_code, reply.json()["errors"][0]["message"]) == (
        200,
        "Must provide operation name if query contains multiple operations.",
    )


@pytest.mark.parametrize(
    "request_",
    [
        {"content": b"not json", "headers": {"content-type": "application/json"}},
        {"content": b"", "headers": {"content-type": "application/json"}},
        {"content": b"{}", "headers": {"content-type": "application/json"}},
        {"content": b'[{"query": "{ storeConfig { locale } }"}]', "headers": {"content-type": "application/json"}},
        {"data": {"query": CODE}},
        {"method": "PUT", "json": {"query": CODE}},
        {"method": "OPTIONS"},
        {"method": "GET"},
    ],
)
async def test_a_request_that_is_no_query_gets_an_html_page(commerce: Commerce, request_: dict[str, Any]) -> None:
    reply = await send(commerce, **request_)
    assert (reply.status_code, reply.headers["content-type"]) == (500, "text/html; charset=UTF-8")
    assert "There has been an error processing your request" in reply.text


async def test_head_gets_an_empty_500(commerce: Commerce) -> None:
    reply = await send(commerce, "HEAD", params={"query": CODE})
    assert (reply.status_code, reply.content) == (500, b"")


async def test_introspection_answers_is_refused_or_fails_on_an_unknown_type(commerce: Commerce) -> None:
    assert (await data(commerce, '{ __type(name: "Money") { name } }'))["__type"] == {"name": "Money"}
    body = await ask(commerce, '{ __type(name: "Nope") { name } }')
    assert (body["data"], body["errors"][0]["path"]) == ({"__type": None}, ["__type"])
    closed = create_commerce("2.4.4", introspection=False)
    reply = await send(closed, json={"query": "{ __schema { queryType { name } } }"})
    assert (reply.status_code, reply.json()["errors"][0]) == (
        200,
        {
            "message": "GraphQL introspection is not allowed, but the query contained __schema or __type",
            "extensions": {"category": "graphql"},
            "locations": [{"line": 1, "column": 3}],
        },
    )


# Headers and customers


async def test_every_post_forbids_to_store_it_and_opens_a_session(commerce: Commerce) -> None:
    reply = await send(commerce, json={"query": CODE})
    assert reply.headers["cache-control"] == "max-age=0, must-revalidate, no-cache, no-store"
    assert reply.headers["x-magento-tags"] == "FPC"
    cookies = [value.split("=")[0] for value in reply.headers.get_list("set-cookie")]
    assert cookies == ["PHPSESSID", "private_content_version"]


async def sign_in(commerce: Commerce, name: str) -> str:
    body = {"username": f"{name}@example.com", "password": f"{name.capitalize()}-passw0rd"}
    token: str = (await send(commerce, path="/rest/V1/integration/customer/token", json=body)).json()
    return f"Bearer {token}"


async def test_the_cache_id_differs_by_store_currency_and_customer_group(commerce: Commerce) -> None:
    variants: list[dict[str, str]] = [{}, {"Store": "de"}, {"Content-Currency": "EUR"}]
    variants += [{"Authorization": await sign_in(commerce, name)} for name in ("ada", "walter", "rita")]
    replies = [await send(commerce, json={"query": CODE}, headers=headers) for headers in variants]
    assert len({reply.headers["x-magento-cache-id"] for reply in replies}) == 6
    dead = await send(commerce, json={"query": CODE}, headers={"Authorization": "Bearer bogus"})
    assert dead.headers["x-magento-cache-id"] == replies[0].headers["x-magento-cache-id"]


async def test_customer_groups_have_prices_of_their_own(commerce: Commerce) -> None:
    prices = []
    for name in ("ada", "walter", "rita"):
        body = await data(commerce, NAME, Authorization=await sign_in(commerce, name))
        prices.append(body["products"]["items"][0]["price_range"]["minimum_price"]["final_price"]["value"])
    assert (await price(commerce), prices) == (389, [389, 311.2, 350.1])


async def test_what_was_asked_is_written_down(commerce: Commerce) -> None:
    await send(commerce, json={"query": f"query Config {CODE}", "variables": {"a": 1}}, headers={"Store": "de"})
    (seen,) = commerce.requests
    assert (seen.method, seen.path, seen.operation, seen.variables, seen.status) == (
        "POST",
        "/graphql",
        "Config",
        {"a": 1},
        200,
    )
    assert seen.headers["store"] == "de"


async def test_latency_is_added_to_graphql_only() -> None:
    commerce = create_commerce("2.4.4", latency=0.3)
    clock = asyncio.get_running_loop().time
    start = clock()
    await send(commerce, "GET", "/rest/V1/directory/currency")
    middle = clock()
    await send(commerce, json={"query": CODE})
    assert middle - start < 0.3 <= clock() - middle


# Page cache and indexers


async def test_the_page_cache_keeps_a_listing_per_viewer_until_something_in_it_changes() -> None:
    commerce = create_commerce("2.4.4", page_cache=True)
    query = '{ products(filter: {category_id: {eq: "12"}}, pageSize: 2) { items { sku } } }'
    reply = await send(commerce, "GET", params={"query": query})
    assert reply.headers["cache-control"] == "max-age=86400, public, s-maxage=86400"
    assert reply.headers["x-magento-tags"] == "cat_p,cat_c,cat_c_12,cat_p_416,cat_p_4"
    commerce.shop.products["TT-C04"].sku = "changed behind the cache's back"
    assert (await send(commerce, "GET", params={"query": query})).content == reply.content
    german = await send(commerce, "GET", params={"query": query}, headers={"Store": "de"})
    assert german.content != reply.content
    commerce.shop.set_price("TT-C04", 25)
    assert (await send(commerce, "GET", params={"query": query})).content != reply.content


@pytest.mark.parametrize(
    "query",
    [CODE, "{ countries { id } }", '{ route(url: "about-us") { type } }', f"{{ categoryList {{ uid }} {CODE[1:]}"],
)
async def test_the_page_cache_does_not_take_everything(query: str) -> None:
    reply = await send(create_commerce("2.4.4", page_cache=True), "GET", params={"query": query})
    assert "no-store" in reply.headers["cache-control"]
    assert "x-magento-tags" not in reply.headers


async def test_the_page_cache_does_not_take_errors() -> None:
    commerce = create_commerce("2.4.4", page_cache=True)
    reply = await send(commerce, "GET", params={"query": "{ products(pageSize: 2) { items { sku } } }"})
    assert "no-store" in reply.headers["cache-control"]


async def test_listings_and_prices_lag_behind_the_shop() -> None:
    commerce = create_commerce("2.4.4", indexer_lag=30, page_cache=True)
    clock = commerce.shop.now = Clock()
    commerce.shop.set_price("TT-C01", 400)
    commerce.shop.set_price("TT-C01", 500)
    commerce.shop.set_stock("TT-C02", 0, in_stock=False)
    found = '{ products(filter: {sku: {eq: "TT-C02"}}) { total_count } }'
    assert await price(commerce) == 389
    clock.now += 29
    assert await price(commerce) == 389
    assert (await data(commerce, found))["products"]["total_count"] == 1
    clock.now += 1
    assert await price(commerce) == 500
    assert (await data(commerce, found))["products"]["total_count"] == 0


async def test_a_bundle_follows_the_price_of_a_part(commerce: Commerce) -> None:
    query = NAME.replace("TT-C01", "TT-K01")
    commerce.shop.set_price("TT-C15", 9)
    (item,) = (await data(commerce, query))["products"]["items"]
    assert item["price_range"]["minimum_price"]["final_price"]["value"] == 389 + 99 + 9


async def test_changes_are_stamped_and_shown_once_indexed(commerce: Commerce) -> None:
    shop = commerce.shop
    before = shop.products["TT-C01"].updated_at
    shop.rename("TT-C01", "Kuhle 2 Zelt", store="de")
    assert shop.products["TT-C01"].updated_at > before
    assert (await data(commerce, NAME))["products"]["items"][0]["name"] == "Hollow 2 Tent"
    assert (await data(commerce, NAME, Store="de"))["products"]["items"][0]["name"] == "Kuhle 2 Zelt"
    shop.set_stock("TT-C02", 1)
    assert shop.products["TT-C02"].updated_at == before
    shop.remove("TT-C01")
    assert (await data(commerce, NAME))["products"]["items"] == []


async def test_a_rewritten_page_is_served_at_once(commerce: Commerce) -> None:
    commerce.shop.set_page("about-us", "<p>New.</p>")
    commerce.shop.set_page("press", "<p>Press.</p>", "Press")
    body = await data(
        commerce, '{ a: cmsPage(identifier: "about-us") { content } b: cmsPage(identifier: "press") { title } }'
    )
    assert body == {"a": {"content": "<p>New.</p>"}, "b": {"title": "Press"}}


# Faults


@pytest.mark.parametrize(
    ("fault", "status", "content_type", "text"),
    [
        (Fault("html_500"), 500, "text/html; charset=utf-8", "There has been an error processing your request"),
        (Fault("html_503"), 503, "text/html; charset=utf-8", "Service Temporarily Unavailable"),
        (Fault("empty"), 200, "application/json", ""),
        (Fault("not_json"), 200, "text/html; charset=utf-8", "<html>"),
        (Fault("wrong_shape"), 200, "application/json", "[]"),
        (Fault("wrong_shape", body={"data": 5}), 200, "application/json", '{"data":5}'),
        (Fault("graphql_internal"), 200, "application/json", '"category":"internal"'),
    ],
)
async def test_an_ordered_fault_hits_once_and_is_counted(
    fault: Fault, status: int, content_type: str, text: str
) -> None:
    commerce = create_commerce("2.4.4", faults=Faults(fault))
    fault.fired = 0
    reply = await send(commerce, json={"query": CODE})
    assert (reply.status_code, reply.headers["content-type"], text in reply.text) == (status, content_type, True)
    assert fault.fired == 1
    assert await data(commerce, CODE) == {"storeConfig": {"store_code": "default"}}


async def test_a_fault_can_wait_for_an_operation_and_go_on_for_ever(commerce: Commerce) -> None:
    fault = commerce.faults.add(Fault("empty", times=None, match="Wanted"))
    assert (await send(commerce, json={"query": f"query Other {CODE}"})).text != ""
    for _ in range(3):
        assert (await send(commerce, json={"query": f"query Wanted {CODE}"})).text == ""
    assert fault.fired == 3


async def test_a_partial_fault_breaks_one_nested_place(commerce: Commerce) -> None:
    commerce.faults.add(Fault("partial"))
    query = '{ products(filter: {category_id: {eq: "12"}}, pageSize: 2) { items { sku rating_summary } } }'
    body = await ask(commerce, query)
    assert body["data"]["products"]["items"][0] is None
    assert body["data"]["products"]["items"][1]["sku"] == "TT-C04"
    assert body["errors"][0]["path"] == ["products", "items", 0]
    commerce.faults.add(Fault("partial", at=("products", "items", 1, "rating_summary")))
    body = await ask(commerce, query)
    assert body["data"]["products"]["items"][1] == {"sku": "TT-C04", "rating_summary": None}


async def test_a_slow_reply_is_right_but_late(commerce: Commerce) -> None:
    commerce.faults.add(Fault("slow", seconds=0.05))
    start = asyncio.get_running_loop().time()
    assert await data(commerce, CODE) == {"storeConfig": {"store_code": "default"}}
    assert asyncio.get_running_loop().time() - start >= 0.05


async def test_a_dropped_connection_is_an_exception_in_process(commerce: Commerce) -> None:
    commerce.faults.add(Fault("drop"))
    with pytest.raises(Dropped):
        await send(commerce, json={"query": CODE})
    assert commerce.requests[0].status == 0


def test_an_unknown_fault_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown fault 'typo'"):
        Fault("typo")
    assert len(KINDS) == 16


@contextlib.asynccontextmanager
async def served(commerce: Commerce) -> AsyncIterator[str]:
    """The stand-in as a real server on a free port."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(commerce, log_config=None, access_log=False, lifespan="on"))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
        listener.close()


async def test_over_a_real_connection_bodies_break_off_and_connections_drop(commerce: Commerce) -> None:
    async with served(commerce) as url, httpx2.AsyncClient(base_url=url) as client:
        assert (await client.post("/graphql", json={"query": CODE})).json()["data"]["storeConfig"][
            "store_code"
        ] == "default"
        commerce.faults.add(Fault("truncated"))
        with pytest.raises(httpx2.RemoteProtocolError):
            await client.post("/graphql", json={"query": CODE})
        commerce.faults.add(Fault("drop"))
        with pytest.raises(httpx2.RemoteProtocolError, match="without sending a response"):
            await client.post("/graphql", json={"query": CODE})
        assert [seen.status for seen in commerce.requests] == [200, 200, 0]
        assert (await client.post("/graphql", json={"query": CODE})).status_code == 200
