"""The doctor tells the truth about a Commerce, and its exit status says whether the API could serve."""

from __future__ import annotations

import os
import subprocess
import sys

import httpx2
import pytest
from graphql import build_schema, get_introspection_query, graphql_sync

from app.doctor import Report, examine
from app.main import build_parts
from app.sandbox.commerce import VERSIONS, create_commerce
from tests.conftest import COMMERCE, serving, settings
from tests.test_faults import Refusing

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


async def report(transport: httpx2.AsyncBaseTransport, **given: object) -> Report:
    parts = build_parts(settings(**given), transport=transport)
    try:
        return await examine(parts)
    finally:
        await parts.upstream.close()


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
    away = doctor("http://127.0.0.1:9")
    assert away.returncode == 1
    assert "The API cannot serve this shop." in away.stdout
    assert "Traceback" not in away.stdout + away.stderr
