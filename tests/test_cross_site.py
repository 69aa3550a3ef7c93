"""What another site can have a victim's browser send: every mutation in every such way, refused with nothing changed."""

from __future__ import annotations

from typing import Any

import httpx2
import orjson
import pytest

from tests.shoppers import API, SHOP, codes, every, public, ready, shopper, token, world, writes
from tests.test_cart import ADD, UNSAFE, shopping

FINE = {"X-Vitrine": "1", "Origin": SHOP}
EVIL = "https://evil.example"
CROSS_SITE = [
    {},
    {"Origin": SHOP},
    {"Origin": API, "Sec-Fetch-Site": "same-origin"},
    {"X-Vitrine": ""},
    {"X-Vitrine": "0"},
    {"X-Vitrine": "true"},
    {"X-Vitrine": "1, 1"},
    {"X-Vitrine": "1", "Origin": EVIL},
    {"X-Vitrine": "1", "Origin": "null"},
    {"X-Vitrine": "1", "Origin": "https://shop.example.evil.com"},
    {"X-Vitrine": "1", "Origin": "https://evil-shop.example"},
    {"X-Vitrine": "1", "Origin": "https://evil.shop.example"},
    {"X-Vitrine": "1", "Origin": "https://shop.example:444"},
    {"X-Vitrine": "1", "Origin": "https://shop.example:443"},
    {"X-Vitrine": "1", "Origin": "http://shop.example"},
    {"X-Vitrine": "1", "Origin": "http://api.shop.example"},
    {"X-Vitrine": "1", "Origin": "https://SHOP.example"},
    {"X-Vitrine": "1", "Origin": "https://shop.example."},
    {"X-Vitrine": "1", "Origin": "https://shop.example/"},
    {"X-Vitrine": "1", "Origin": "https://shop.example@evil.example"},
    {"X-Vitrine": "1", "Origin": f"{SHOP} {EVIL}"},
    {"X-Vitrine": "1", "Origin": f"{SHOP},{SHOP}"},
    {"X-Vitrine": "1", "Origin": ""},
    {"X-Vitrine": "1", "Origin": "*"},
    {"X-Vitrine": "1", "Origin": EVIL, "Referer": f"{SHOP}/cart", "Sec-Fetch-Site": "same-origin"},
    {"X-Vitrine": "1", "Origin": EVIL, "Host": "api.shop.example", "X-Forwarded-Host": "evil.example"},
    {"X-Vitrine": "1", "Sec-Fetch-Site": "cross-site"},
    {"X-Vitrine": "1", "Sec-Fetch-Site": "same-site"},
    {"X-Vitrine": "1", "Sec-Fetch-Site": "none"},
    {"X-Vitrine": "1", "Sec-Fetch-Mode": "cors"},
]


async def refused(answers: dict[str, httpx2.Response], code: str) -> None:
    """Asserts that each of these was refused by this code, gave no session and did not let another site read it."""
    assert {
        name: [error["extensions"]["code"] for error in answer.json()["errors"]] for name, answer in answers.items()
    } == {name: [code] for name in answers}
    assert [name for name, answer in answers.items() if answer.json().get("data") is not None] == []
    assert [name for name, answer in answers.items() if {"set-cookie", "x-session-token"} & set(answer.headers)] == []
    origins = {answer.headers.get("access-control-allow-origin") for answer in answers.values()}
    assert origins <= {None, SHOP}


async def test_every_mutation_is_refused_in_every_way_that_another_site_can_have_it_sent(redis_url: str) -> None:
    async with public(redis_state_url=redis_url) as api, shopper(api) as victim:
        requests = every(await ready(victim))
        before = await world(api, redis_url)
        for headers in CROSS_SITE:
            answers = {
                name: await victim.post(query, headers, **variables) for name, (query, variables) in requests.items()
            }
            await refused(answers, "CROSS_SITE")
            assert await world(api, redis_url) == before, headers


async def test_headers_sent_twice_hide_nothing(redis_url: str) -> None:
    async with public(redis_state_url=redis_url) as api, shopper(api) as victim:
        requests = every(await ready(victim))
        before = await world(api, redis_url)
        for twice in (
            [("X-Vitrine", "1"), ("X-Vitrine", "1"), ("Origin", SHOP)],
            [("X-Vitrine", "1"), ("Origin", SHOP), ("Origin", EVIL)],
            [("X-Vitrine", "1"), ("Origin", EVIL), ("Origin", SHOP)],
            [("X-Vitrine", "1"), ("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Site", "cross-site")],
        ):
            answers = {
                name: await victim.client.post("/graphql", json={"query": query, "variables": variables}, headers=twice)
                for name, (query, variables) in requests.items()
            }
            await refused(answers, "CROSS_SITE")
        assert await world(api, redis_url) == before


async def test_a_mutation_hidden_in_a_larger_document_is_refused_as_well(redis_url: str) -> None:
    async with public(redis_state_url=redis_url) as api, shopper(api) as victim:
        requests = every(await ready(victim))
        before = await world(api, redis_url)
        answers = {}
        for name, (query, variables) in requests.items():
            operation = query.removeprefix("mutation ").partition("(")[0].split()[0]
            body = {
                "query": f"query Harmless {{ store {{ code }} }} {query}",
                "variables": variables,
                "operationName": operation,
            }
            answers[name] = await victim.client.post("/graphql", json=body, headers={"Origin": SHOP})
        await refused(answers, "CROSS_SITE")
        assert await world(api, redis_url) == before


async def test_no_mutation_is_taken_by_get_or_as_a_form(redis_url: str) -> None:
    async with public(redis_state_url=redis_url) as api, shopper(api) as victim:
        requests = every(await ready(victim))
        before = await world(api, redis_url)
        client = victim.client
        for headers in (FINE, UNSAFE, {}, {"Origin": EVIL}, {"X-HTTP-Method-Override": "POST", **FINE}):
            ways: dict[str, dict[str, httpx2.Response]] = {}
            for name, (query, variables) in requests.items():
                given = {"query": query, "variables": orjson.dumps(variables).decode()}
                whole = orjson.dumps({"query": query, "variables": variables})
                map_of = {"operations": whole.decode(), "map": '{"0": ["variables.file"]}'}
                answers: dict[str, Any] = {
                    "get": await client.get("/graphql", params=given, headers=headers),
                    "urlencoded": await client.post("/graphql", data=given, headers=headers),
                    "multipart": await client.post("/graphql", data=map_of, files={"0": b"x"}, headers=headers),
                    "batch": await client.post(
                        "/graphql", content=b"[" + whole + b"]", headers={**headers, "Content-Type": "application/json"}
                    ),
                    "untyped": await client.post("/graphql", content=whole, headers=headers),
                }
                for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "text/json",
                             "application/graphql", "text/plain; application/json", "application/json-patch+json"):  # fmt: skip
                    answers[kind] = await client.post(
                        "/graphql", content=whole, headers={**headers, "Content-Type": kind}
                    )
                for way, answer in answers.items():
                    ways.setdefault(way, {})[name] = answer
            for way, tried in ways.items():
                await refused(tried, "BAD_REQUEST")
                status = {"get": 405, "batch": 400}.get(way, 415)
                assert {answer.status_code for answer in tried.values()} == {status}
        for method in ("PUT", "PATCH", "DELETE"):
            answer = await client.request(
                method, "/graphql", content=whole, headers={**FINE, "Content-Type": "application/json"}
            )
            assert answer.status_code == 405
        assert (await client.head("/graphql", params=given, headers=FINE)).status_code == 405
        assert await world(api, redis_url) == before


async def test_the_same_requests_of_the_shops_own_page_change_something(redis_url: str) -> None:
    async with public(redis_state_url=redis_url) as api:
        for name in writes(""):
            async with shopper(api) as owner:
                query, variables = writes(await ready(owner))[name]
                before = await world(api, redis_url)
                answer = await owner.post(query, FINE, **variables)
                assert (name, codes(answer.json())) == (name, [])
                after = await world(api, redis_url)
                assert (after["carts"], after["orders"]) != (before["carts"], before["orders"])


# What another site can read


async def test_only_a_named_origin_may_read_an_answer_and_none_is_ever_a_star() -> None:
    wanted = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type,x-vitrine"}
    async with public() as api:
        for origin in [
            EVIL,
            "null",
            "*",
            "",
            *{each["Origin"] for each in CROSS_SITE if "Origin" in each} - {SHOP, API},
        ]:
            preflight = await api.client.options("/graphql", headers={"Origin": origin, **wanted})
            read = await api.client.get("/graphql", params={"query": "{ store { code } }"}, headers={"Origin": origin})
            posted = await api.post("{ store { code } }", {"Origin": origin})
            for answer in (preflight, read, posted):
                assert "access-control-allow-origin" not in answer.headers, origin
            assert preflight.status_code == 400
        for path in ("/graphql", "/healthz", "/nowhere"):
            fine = await api.client.options(path, headers={"Origin": SHOP, **wanted})
            assert fine.headers["access-control-allow-origin"] == SHOP
            assert fine.headers["access-control-allow-credentials"] == "true"
            assert "*" not in str(fine.headers)
            assert "Origin" in fine.headers["vary"]
        read = await api.post("{ store { code } }", {"Origin": SHOP})
        assert read.headers["access-control-allow-origin"] == SHOP
        assert read.headers["access-control-allow-credentials"] == "true"
        assert "access-control-expose-headers" not in read.headers
        assert "Origin" in read.headers["vary"]


@pytest.mark.parametrize("header", ["Authorization", "X-Session-Token", "X-HTTP-Method-Override", "Cookie"])
async def test_a_page_of_the_storefront_may_not_send_what_only_apps_send(header: str) -> None:
    async with public() as api:
        preflight = {
            "Origin": SHOP,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": f"content-type,x-vitrine,{header.lower()}",
        }
        assert (await api.client.options("/graphql", headers=preflight)).status_code == 400


async def test_where_no_origin_is_allowed_no_site_may_read_anything() -> None:
    async with shopping() as api:
        for origin in (EVIL, SHOP, "http://localhost:8000"):
            wanted = {"Origin": origin, "Access-Control-Request-Method": "POST"}
            assert not [
                name
                for name in (await api.client.options("/graphql", headers=wanted)).headers
                if "access-control" in name
            ]
            assert not [
                name for name in (await api.post("{ store { code } }", wanted)).headers if "access-control" in name
            ]


BROWSERS = [
    {"Origin": SHOP},
    {"Origin": API},
    {"Origin": API, "Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
]


@pytest.mark.parametrize("headers", BROWSERS)
async def test_no_browser_is_given_an_id_where_a_script_can_read_it(headers: dict[str, str]) -> None:
    async with public() as api, shopper(api) as browser:
        asked = {**UNSAFE, "X-Session-Token": "request", **headers}
        answer = await browser.post(ADD, asked, lines=[{"sku": "TT-C12"}])
        given = token(browser)
        [cookie] = answer.headers.get_list("set-cookie")
        assert cookie.startswith(f"__Host-vitrine={given}; ")
        assert "; HttpOnly" in cookie
        for later in (
            answer,
            await browser.post("{ cart { quantity } }", asked),
            await browser.post(ADD, asked, lines=[]),
        ):
            shown = [(name, value) for name, value in later.headers.items() if name != "set-cookie"]
            assert given not in later.text + str(shown)
            assert "x-session-token" not in later.headers


# Reads


async def test_no_read_sets_a_cookie_whoever_sends_whatever_and_no_answer_may_be_kept() -> None:
    queries = [
        "{ cart { quantity } }", "{ checkout { ready } }", "{ store { code } }", "{ navigation { name } }",
        '{ product(sku: "TT-C12") { name } }', '{ search(text: "jacket") { total } }', "{ nothing }", "{",
    ]  # fmt: skip
    async with public() as api, shopper(api) as owner:
        await ready(owner)
        whose: list[dict[str, str]] = [
            {},
            {"Cookie": f"__Host-vitrine={'A' * 42}8"},
            {"Cookie": f"__Host-vitrine={token(owner)}"},
            {"Authorization": f"Bearer {token(owner)}"},
            {"X-Session-Start": "a" * 32, "X-Session-Token": "request", "X-Vitrine": "1"},
            {"Cookie": "__Host-vitrine=a; __Host-vitrine=b"},
        ]
        for headers in whose:
            for query in queries:
                for answer in (
                    await api.post(query, headers),
                    await api.client.get("/graphql", params={"query": query}, headers=headers),
                ):
                    assert not {"set-cookie", "x-session-token"} & set(answer.headers)
                    assert answer.headers["cache-control"] == "no-store"
        for write, variables in every("MQ==").values():
            answer = await owner.post(write, UNSAFE, **variables)
            assert answer.headers["cache-control"] == "no-store"
