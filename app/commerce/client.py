"""Commerce's GraphQL interface: one document out, one checked reply back."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, cast

import orjson

from app.errors import UpstreamFailed, UpstreamInvalid, UpstreamRefused, UpstreamUnavailable
from app.http import Answer, Auth, Upstream
from app.telemetry import log

NOT_FOUND = "graphql-no-such-entity"
UNAUTHORIZED = "graphql-authorization"
_HIDDEN = ("cartId", "source", "destination", "email")  # variables that Commerce repeats in messages


@dataclass(frozen=True, slots=True)
class StoreContext:
    """Which store view a request is in, and the currency that it asked for; None leaves it to Commerce."""

    store: str | None = None
    currency: str | None = None

    def headers(self) -> dict[str, str]:
        """As Commerce's own request headers."""
        named = {"Store": self.store, "Content-Currency": self.currency}
        return {name: value for name, value in named.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Problem:
    """One error of Commerce's reply. The message is for our log only; the path can be empty (FACTS, Errors)."""

    message: str
    category: str
    path: tuple[str | int, ...]

    @property
    def where(self) -> tuple[str, ...]:
        """The fields of the path, without the places in lists."""
        return tuple(part for part in self.path if isinstance(part, str))


@dataclass(frozen=True, slots=True)
class Reply:
    """What Commerce answered to one document: data that has the asked shape, and what went wrong beside it. `cache_id`
    is the same for all who are shown the same."""

    data: Mapping[str, Any]
    problems: tuple[Problem, ...] = ()
    cache_id: str | None = None

    def root(self, field: str) -> Any:
        """The value of a root field. None means that there is no such thing.

        Raises `UpstreamFailed` when it is null for any other reason, or when a problem without a path may be its.
        """
        value = self.data.get(field)
        if value is not None:
            return value
        its = [problem for problem in self.problems if problem.path and problem.path[0] == field]
        for problem in its or [problem for problem in self.problems if not problem.path]:
            if problem.category != NOT_FOUND:
                raise UpstreamFailed(f"{field}: {problem.message}", problem.category)
        return None

    @property
    def partial(self) -> tuple[Problem, ...]:
        """Problems beside data that came all the same, other than things that do not exist."""
        return tuple(
            problem
            for problem in self.problems
            if problem.category != NOT_FOUND and problem.path and self.data.get(str(problem.path[0])) is not None
        )


class GraphQL:
    """Commerce's /graphql. Every document goes by POST: Commerce's own page cache would answer a GET."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream

    async def execute(
        self,
        operation: str,
        text: str,
        variables: Mapping[str, object],
        context: StoreContext,
        *,
        read: bool = True,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
        auth: Auth | None = None,
    ) -> Reply:
        """Sends one document and decodes the reply; `operation` names it in logs and metrics.

        `read` says that it changes nothing and may be tried again; `headers` go with it, and `auth` puts its own to
        them. Raises an `UpstreamError`.
        """
        answer = await self._upstream.call(
            operation,
            "POST",
            "/graphql",
            headers={**(headers or {}), "Content-Type": "application/json", **context.headers()},
            content=orjson.dumps({"query": text, "variables": variables}),
            read=read,
            timeout=timeout,
            auth=auth,
        )
        reply = decode(answer, hidden=[str(variables[name]) for name in _HIDDEN if variables.get(name)])
        if reply.problems:
            log.warning(
                "commerce.problems",
                operation=operation,
                problems=[f"{problem.category}: {problem.message[:300]}" for problem in reply.problems[:5]],
            )
        return reply


def decode(answer: Answer, *, hidden: Collection[str] = ()) -> Reply:
    """A reply from Commerce's answer, whatever its status: Commerce sends GraphQL errors with 200 and with 500.

    `hidden` are left out of messages: Commerce repeats a guest's cart id in them, which is all that opens the cart.
    Raises `UpstreamUnavailable`, `UpstreamRefused`, `UpstreamInvalid`, or `UpstreamFailed` when there is no data.
    """
    if answer.status in (401, 403):
        raise UpstreamRefused(f"HTTP {answer.status}")
    if answer.status == 429:
        raise UpstreamUnavailable("HTTP 429")
    if 300 <= answer.status < 400:
        raise UpstreamInvalid(f"HTTP {answer.status} to {answer.headers.get('location', 'nowhere')}: not the base URL?")
    try:
        body = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        kind = answer.headers.get("content-type", "no content type")
        raise UpstreamInvalid(f"HTTP {answer.status}, {kind}, {len(answer.body)} bytes") from None
    if not isinstance(body, dict):
        raise UpstreamInvalid(f"HTTP {answer.status}: the body is no object")
    problems = _problems(body.get("errors"), hidden)
    data = body.get("data")
    if data is None and problems:
        raise UpstreamFailed(problems[0].message, problems[0].category)
    if not isinstance(data, dict):
        raise UpstreamInvalid(f"HTTP {answer.status}: there is neither data nor an error")
    return Reply(data, problems, answer.headers.get("x-magento-cache-id") or None)


def _problems(errors: object, hidden: Collection[str]) -> tuple[Problem, ...]:
    if errors is None:
        return ()
    if not isinstance(errors, list):
        raise UpstreamInvalid("errors is no list")
    return tuple(_problem(error, hidden) for error in errors)


def _problem(error: object, hidden: Collection[str]) -> Problem:
    if not isinstance(error, dict):
        raise UpstreamInvalid("an error is no object")
    extensions = error.get("extensions")
    category = extensions.get("category") if isinstance(extensions, dict) else None
    path = error.get("path")
    message = str(error.get("message", ""))
    for secret in hidden:
        message = message.replace(secret, "…")
    return Problem(
        message=message,
        category=category if isinstance(category, str) else "",
        path=tuple(cast("list[str | int]", path)) if isinstance(path, list) else (),
    )
