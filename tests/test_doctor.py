"""The doctor tells the truth about a Commerce, and its exit status says whether the API could serve."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from graphql import build_schema, get_introspection_query, graphql_sync

from app.doctor import Report, examine
from app.main import build_parts
from app.sandbox.commerce import VERSIONS, create_commerce
from tests.conftest import COMMERCE, serving, settings
from tests.redis_server import KEEPING, Server
from tests.test_faults import Refusing

EVICTING = ("--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru")

SAAS = """
type Query {
  productSearch(phrase: String!): ProductSearchResponse
  products(skus: [String]): [ProductView]
  storeConfig: StoreConfig
  availableStores: [StoreConfig]
}
type ProductSearchResponse { total_count: Int }
type ProductView { sku: String }
type StoreConfig { store_code: ID store_name: String }
"""


@contextmanager
def servers(folder: Path, *options: tuple[str, ...]) -> Iterator[list[str]]:
    """A Redis with each of these options; gives their URLs."""
    started = []
    try:
        for place, each in enumerate(options):
            below = folder / str(place)
            below.mkdir()
            started.append(Server(below, *each))
        yield [server.url for server in started]
    finally:
        for server in started:
            server.stop()


async def report(transport: httpx2.AsyncBaseTransport, **given: object) -> Report:
    parts = build_parts(settings(**given), transport=transport)
    try:
        return await examine(parts)
    finally:
        await parts.upstream.close()
        await parts.state.close()


@pytest.mark.parametrize("version", VERSIONS)
async def test_each_version_is_recognised_and_fit(version: str) -> None:
    found = await report(httpx2.ASGITransport(app=create_commerce(version, public_url=COMMERCE)))
    facts = dict(found.facts)
    assert found.fit
    assert found.problems == []
    assert version in facts["version"]
    assert ("Open Source" if version == "2.4.4" else "Adobe Commerce") in facts["version"]
    assert [row[0] for row in found.stores] == ["default (default)", "de", "en_eu"]
    assert ("Attribute.label" in found.lost) == (version in ("2.4.4", "2.4.6"))
    assert facts["category page"].startswith("two calls" if version in ("2.4.4", "2.4.6") else "one call")


async def test_a_commerce_that_is_away_is_not_fit() -> None:
    found = await report(Refusing())
    assert not found.fit
    assert found.problems == ["/graphql does not answer: UPSTREAM_UNAVAILABLE, ConnectError"]


async def test_a_site_that_is_no_commerce_is_not_fit() -> None:
    found = await report(httpx2.MockTransport(lambda _: httpx2.Response(404, html="<p>Not found</p>")))
    assert not found.fit
    assert "UPSTREAM_INVALID_RESPONSE" in found.problems[0]


async def test_the_cloud_service_is_told_not_to_be_served_yet() -> None:
    schema = build_schema(SAAS)

    def answer(request: httpx2.Request) -> httpx2.Response:
        import json

        query = json.loads(request.content)["query"]
        known = get_introspection_query() if "__schema" in query else query
        return httpx2.Response(200, json=graphql_sync(schema, known).formatted)

    found = await report(httpx2.MockTransport(answer))
    assert not found.fit
    assert any("Cloud Service" in problem and "not serve yet" in problem for problem in found.problems)
    assert "Query.navigation" in found.lost
    assert "Query.product" in found.lost


async def test_introspection_that_is_off_is_a_warning_that_says_what_to_set() -> None:
    found = await report(httpx2.ASGITransport(app=create_commerce("2.4.6", public_url=COMMERCE, introspection=False)))
    assert found.fit
    assert any("COMMERCE_VERSION" in warning for warning in found.warnings)


async def test_wrong_credentials_are_a_warning_without_the_credentials() -> None:
    found = await report(
        httpx2.ASGITransport(app=create_commerce("2.4.8", public_url=COMMERCE)),
        commerce_admin_username="admin",
        commerce_admin_password="wrong-pass",
    )
    assert found.fit
    assert any("REST does not take the credentials: UPSTREAM_REFUSED" in warning for warning in found.warnings)
    assert "wrong-pass" not in str(found)


KEYS = ",".join(base64.b64encode(bytes(range(start, start + 32))).decode() for start in (1, 2))
WITH_REST = {"commerce_admin_username": "admin", "commerce_admin_password": "Admin-passw0rd"}


def commerce() -> httpx2.ASGITransport:
    return httpx2.ASGITransport(app=create_commerce("2.4.8", public_url=COMMERCE))


async def test_what_nothing_is_set_for_is_told_and_keeps_no_shop_from_being_served() -> None:
    found = await report(commerce())
    facts = dict(found.facts)
    assert found.fit
    assert found.warnings == []
    assert facts["carts"] == "refused: SESSION_KEYS is not set, REDIS_STATE_URL is not set"
    assert facts["checkout"] == "refused: placing orders needs REST credentials and REDIS_STATE_URL"
    assert facts["state"] == "REDIS_STATE_URL is not set"
    assert facts["cache"] == "REDIS_CACHE_URL is not set: every read goes to Commerce"
    assert not {"sessions", "orders"} & facts.keys()


async def test_redis_that_is_set_up_as_it_must_be_brings_no_warning(tmp_path: Path) -> None:
    with servers(tmp_path, KEEPING, EVICTING) as (state, cache):
        given = {"redis_state_url": state, "redis_cache_url": cache, "session_keys": KEYS, **WITH_REST}
        found = await report(commerce(), **given)
    facts = dict(found.facts)
    assert (found.fit, found.warnings, found.problems) == (True, [], [])
    assert facts["sessions"] == "2 keys, the first seals"
    assert facts["carts"] == "can be filled"
    assert facts["orders"] == "can be read over REST"
    assert facts["state"].endswith("; maxmemory-policy noeviction, append-only on")
    assert facts["cache"].endswith("; maxmemory-policy allkeys-lru")
    assert "checkout" not in facts


async def test_redis_that_forgets_or_never_evicts_is_a_warning(tmp_path: Path) -> None:
    with servers(tmp_path, EVICTING, ()) as (state, cache):
        found = await report(commerce(), redis_state_url=state, redis_cache_url=cache, session_keys=KEYS)
    assert found.fit
    assert [warning.partition(":")[0] for warning in found.warnings] == [
        "REDIS_STATE_URL evicts (allkeys-lru)",
        "REDIS_STATE_URL is not append-only",
        "REDIS_CACHE_URL does not evict",
    ]
    assert dict(found.facts)["carts"] == "can be filled"


async def test_redis_that_does_not_say_how_it_is_set_up_is_told_as_unknown(tmp_path: Path) -> None:
    limited = ("--user", "limited", "on", ">word", "~*", "&*", "+@all", "-info")
    with servers(tmp_path, limited, limited) as urls:
        state, cache = (url.replace("unix://", "unix://limited:word@") for url in urls)
        found = await report(commerce(), redis_state_url=state, redis_cache_url=cache, session_keys=KEYS)
    facts = dict(found.facts)
    assert facts["state"].endswith("; maxmemory-policy unknown, append-only unknown")
    assert facts["cache"].endswith("; maxmemory-policy unknown")
    assert found.warnings == [
        "REDIS_STATE_URL does not say how it is set up: INFO is forbidden there",
        "REDIS_CACHE_URL does not say how it is set up: INFO is forbidden there",
    ]
    assert "word" not in str(found)


async def test_redis_that_is_away_is_a_warning_and_carts_are_refused(tmp_path: Path) -> None:
    away = f"unix://user:secret@{tmp_path}/away.sock"
    found = await report(commerce(), redis_state_url=away, redis_cache_url=away, session_keys=KEYS)
    assert found.fit
    assert found.warnings == [
        "REDIS_STATE_URL does not answer: ConnectionError",
        "REDIS_CACHE_URL does not answer: ConnectionError",
    ]
    assert dict(found.facts)["carts"] == "refused: REDIS_STATE_URL does not answer"
    assert "secret" not in str(found)


async def test_keys_that_are_none_keep_the_api_from_starting_and_are_not_shown() -> None:
    given = {"environment": "development", "session_keys": "c2hvcnQtc2VjcmV0"}
    found = await report(commerce(), redis_state_url="memory://", **given)
    assert (found.fit, found.problems) == (False, ["SESSION_KEYS: key 1 is not 32 bytes"])
    facts = dict(found.facts)
    assert facts["carts"] == "refused: SESSION_KEYS cannot be used"
    assert facts["state"] == "in this process: for development and the demo"
    assert "c2hvcnQ" not in str(found)
    # Without a state for them nobody reads them.
    found = await report(commerce(), **given)
    assert (found.fit, found.warnings) == (True, ["SESSION_KEYS: key 1 is not 32 bytes"])


@pytest.mark.parametrize("status", [401, 403])
async def test_orders_that_cannot_be_read_over_rest_are_a_warning_that_says_what_is_refused(status: int) -> None:
    inner = commerce()

    async def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("/V1/orders"):
            return httpx2.Response(status, json={"message": "The consumer isn't authorized to access %resources."})
        return await inner.handle_async_request(request)

    found = await report(httpx2.MockTransport(answer), **WITH_REST)
    facts = dict(found.facts)
    assert found.fit
    assert (facts["REST"], facts["orders"]) == ("takes the credentials", "cannot be read over REST")
    [warning] = found.warnings
    assert warning.startswith(f"REST does not show orders to the credentials (UPSTREAM_REFUSED, HTTP {status}")
    assert "checkout refuses to place any" in warning


async def test_orders_that_could_not_be_asked_for_are_a_warning_of_its_own() -> None:
    inner = commerce()

    async def answer(request: httpx2.Request) -> httpx2.Response:
        down = request.url.path.endswith("/V1/orders")
        return httpx2.Response(500, json={"message": "x"}) if down else await inner.handle_async_request(request)

    found = await report(httpx2.MockTransport(answer), **WITH_REST)
    assert found.warnings == ["orders could not be looked up over REST: UPSTREAM_ERROR, HTTP 500: x"]
    assert "orders" not in dict(found.facts)


def doctor(url: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "COMMERCE_URL": url, "COMMERCE_STORES": "default,de"}
    return subprocess.run(
        [sys.executable, "-m", "app.cli", "doctor"], env=environment, capture_output=True, text=True, check=False
    )


def test_the_command_prints_its_findings_and_exits_with_0_or_1() -> None:
    with serving(create_commerce("2.4.7", public_url=COMMERCE)) as url:
        fit = doctor(url)
    assert fit.returncode == 0, fit.stderr
    assert "Adobe Commerce 2.4.7" in fit.stdout
    assert "The API can serve this shop." in fit.stdout
    assert "carts          refused: SESSION_KEYS is not set, REDIS_STATE_URL is not set" in fit.stdout
    away = doctor("http://127.0.0.1:9")
    assert away.returncode == 1
    assert "The API cannot serve this shop." in away.stdout
    assert "Traceback" not in away.stdout + away.stderr
