"""The recordings: what was asked of a real Magento 2.4.4 and what it answered, and which of them are in scope."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from app.sandbox.commerce.rest import ROUTES


@dataclass(frozen=True)
class Response:
    """A whole answer. Header names are in small letters; repeated ones are joined by a comma."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @cached_property
    def json(self) -> Any:
        """The body as JSON, or None where it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


@dataclass(frozen=True)
class Request:
    """What was asked: of a GraphQL request the query and its variables, where the request has them at all."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    query: str | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)
    beside: Mapping[str, Any] = field(default_factory=dict)

    @property
    def graphql(self) -> bool:
        """Whether it goes to Commerce's GraphQL interface."""
        return urlsplit(self.path).path == "/graphql"


@dataclass(frozen=True)
class Exchange:
    """One recorded request with its answer."""

    name: str
    request: Request
    response: Response

    @property
    def errors(self) -> list[dict[str, Any]]:
        """The GraphQL errors of the answer."""
        body = self.response.json
        return list(body.get("errors") or []) if isinstance(body, dict) and self.request.graphql else []

    @property
    def data(self) -> dict[str, Any]:
        """The GraphQL data of the answer; empty where there is none."""
        body = self.response.json
        return dict(body.get("data") or {}) if isinstance(body, dict) and self.request.graphql else {}


def load(path: Path) -> Exchange | None:
    """One recording; None for a summary of several parallel calls (`load_summary`)."""
    told = json.loads(path.read_text(encoding="utf-8"))
    if "request" not in told:
        return None
    asked, answered = told["request"], told["response"]
    return Exchange(
        told["name"],
        _request(asked["method"], asked["path"], asked["headers"], asked["body"]),
        Response(answered["status"], _headers(answered["headers"]), _body(answered["body"], answered["headers"])),
    )


def load_summary(path: Path) -> Mapping[str, Any]:
    """What came of several parallel calls, by what was done."""
    results: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))["results"]
    return results


def _request(method: str, path: str, headers: dict[str, str], body: Any) -> Request:
    raw = b"" if body is None else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    query: str | None = None
    variables: dict[str, Any] = {}
    beside: dict[str, Any] = {}
    if urlsplit(path).path == "/graphql":
        if isinstance(body, dict):
            query, variables = body.get("query"), body.get("variables") or {}
            beside = {key: value for key, value in body.items() if key not in ("query", "variables")}
        elif method in ("GET", "HEAD"):
            given = parse_qs(urlsplit(path).query)
            query = given.get("query", [None])[0]
            variables = json.loads(given.get("variables", ["{}"])[0])
    return Request(method, path, headers, raw, query, variables, beside)


def _headers(pairs: list[list[str]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in pairs:
        # The recordings keep the body decoded.
        if name != "content-encoding":
            joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined


def _body(body: Any, headers: list[list[str]]) -> bytes:
    if isinstance(body, str) and not _headers(headers).get("content-type", "").startswith("application/json"):
        return body.encode()
    return json.dumps(body, ensure_ascii=False).encode()


# Why a recording is not in this scope: the first pattern that its name matches. REST calls are judged by their route.
OUT_OF_SCOPE = (
    (r"gql-11[5789]-|gql-120-", "reviews, newsletter, accounts and compare lists"),
    (r"cust-02[78]-|cust-06|cust-07[0-47-9]-", "customers: their passwords, orders and downloads"),
    (r"cust-029-|cust-030-", "reviews, newsletter, accounts and compare lists"),
    (r"cust-|admin-|pay-021-|gql-22[23678]-|rest-07[0-8]-", ""),
    (r"wish-", "wish lists"),
    (r"ord-0(2|3|4|52|55)|pay-01[5-9]-", "invoices, shipments and refunds"),
    (r"(cart|pay|ord|conc)-|rest-05[89]-", ""),
    (r"async-", "bulk interfaces"),
)
# Exchanges of carts and orders: what one answers depends on those before it. Signing in and uids of options do not.
SHOPPING = re.compile(r"cart-(?!000-)|pay-(?!000-|021-)|ord-")
# Exchanges of customers, each of which depends on those before it, too.
CUSTOMERS = re.compile(r"admin-|rest-07[0-8]-|cust-(00|01|02[0-6]|04|05|080|07[56]|09[0134678]|095|10[0124-6])")
# What a guest of the product reads: carts and orders, and what else is about them.
BOUGHT = re.compile(rf"{SHOPPING.pattern}|cust-04[345]-|cust-05[01]-|gql-116-|gql-22[01]-|cache-017-")
# Recorded out of the order of their names: the carts that they are about were filled later.
AFTER = {"cart-095-cart_items_v2-uid-bug": "cart-098-shipping~"}


def out_of_scope(name: str, exchange: Exchange | None) -> str:
    """Why this recording is out of scope; "" when it is in."""
    for pattern, reason in OUT_OF_SCOPE:
        if re.match(pattern, name):
            return reason
    if exchange is None:
        return "a summary of several calls"
    if exchange.request.graphql or _served(exchange.request):
        return ""
    return "REST calls that write, or that the product does not make"


def _served(request: Request) -> bool:
    """Whether the stand-in serves a REST call: reads of the shop's setup, and signing in; or whether nobody does."""
    below = re.sub(r"^/rest/(\w+/)?V1/", "", urlsplit(request.path).path)
    known = any(method == request.method and pattern.fullmatch(below) for method, pattern, *_ in ROUTES)
    reads = request.method == "GET" or below.startswith("integration/")
    return (known and reads) or below == "nosuchroute"
