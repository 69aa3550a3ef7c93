"""Asks the stand-in Commerce in the test's own process."""

from __future__ import annotations

from typing import Any

import httpx2

from app.sandbox.commerce import Commerce

URL = "http://127.0.0.1:8081"


async def send(commerce: Commerce, method: str = "POST", path: str = "/graphql", **options: Any) -> httpx2.Response:
    """The reply to one request."""
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=commerce), base_url=URL) as client:
        return await client.request(method, path, **options)


async def ask(
    commerce: Commerce, query: str, variables: dict[str, Any] | None = None, **headers: str
) -> dict[str, Any]:
    """The body of the reply to a GraphQL query. Headers by name: `Store="de"`, `Content_Currency="GBP"`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    reply = await send(commerce, json={"query": query, "variables": variables or {}}, headers=named)
    body: dict[str, Any] = reply.json()
    assert commerce.failures == []
    return body


async def data(
    commerce: Commerce, query: str, variables: dict[str, Any] | None = None, **headers: str
) -> dict[str, Any]:
    """The data of a reply that has no errors."""
    body = await ask(commerce, query, variables, **headers)
    assert "errors" not in body, body["errors"]
    found: dict[str, Any] = body["data"]
    return found


async def error(commerce: Commerce, query: str, variables: dict[str, Any] | None = None) -> tuple[str, str, Any]:
    """Message, category and path of the only error of a reply."""
    body = await ask(commerce, query, variables)
    (only,) = body["errors"]
    return only["message"], only["extensions"]["category"], only.get("path")


LISTING = """query($search: String, $filter: ProductAttributeFilterInput, $sort: ProductAttributeSortInput,
$pageSize: Int = 12, $currentPage: Int = 1) {
  products(search: $search, filter: $filter, sort: $sort, pageSize: $pageSize, currentPage: $currentPage) {
    total_count page_info { current_page page_size total_pages }
    items { __typename sku name stock_status price_range { minimum_price { final_price { value currency } } } }
    aggregations { attribute_code label options { label value count } } suggestions { search }
    sort_fields { default options { value } }
  }
}"""


async def listing(commerce: Commerce, headers: dict[str, str] | None = None, **variables: Any) -> dict[str, Any]:
    found: dict[str, Any] = (await data(commerce, LISTING, variables, **(headers or {})))["products"]
    return found


def options(listed: dict[str, Any], code: str) -> dict[str, int]:
    facet = next(one for one in listed["aggregations"] if one["attribute_code"] == code)
    return {option["label"]: option["count"] for option in facet["options"]}


def skus(listed: dict[str, Any]) -> list[str]:
    return [item["sku"] for item in listed["items"]]


async def product(commerce: Commerce, sku: str, fields: str, **headers: str) -> dict[str, Any]:
    query = "query($sku: String!) { products(filter: {sku: {eq: $sku}}) { items { %s } } }" % fields  # noqa: UP031
    (found,) = (await data(commerce, query, {"sku": sku}, **headers))["products"]["items"]
    result: dict[str, Any] = found
    return result
