"""What the README says is true: its queries run, its commands and settings exist."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command

from app import errors
from app.cli import cli
from app.idempotency import IdempotencyPending
from app.settings import Settings
from app.storefront.masking import VALIDATION_FAILED
from app.storefront.user_errors import _BY_MESSAGE, _BY_OPERATION, ITEM_CODES, LINE_CODES, UNKNOWN
from tests.conftest import Api

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
QUERIES = re.findall(r"```graphql\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.split()[1])
async def test_a_query_of_the_readme_is_answered(api: Api, query: str) -> None:
    data = await api.data(query)
    # Here a guest asks, who is no customer.
    assert all(value is not None for name, value in data.items() if name != "customer")


def test_the_readme_has_queries_to_run() -> None:
    assert len(QUERIES) == 3


def test_every_command_of_the_readme_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:`|\$ )make ([a-z-]+)", README)) <= targets
    commands = getattr(get_command(cli), "commands")  # noqa: B009
    assert set(re.findall(r"(?:`|bin/)vitrine ([a-z]+)", README)) <= set(commands)


def test_every_setting_of_the_readme_exists() -> None:
    known = {name.upper() for name in Settings.model_fields}
    named = set(re.findall(r"\b(?:COMMERCE|CATALOG|STOREFRONT|MEDIA|REDIS|GRAPHQL|OFFLINE)_[A-Z_]+\b", README))
    assert named - {VALIDATION_FAILED} <= known
    assert {"GRAPHIQL", "INTROSPECTION", "METRICS", "LISTEN_HOST", "LISTEN_PORT"} <= known
    assert {"SESSION_KEYS", "SESSION_IDLE", "PUBLIC_URL", "ALLOWED_ORIGINS", "ORDER_MARGIN"} <= known


def kinds(kind: type[errors.VitrineError] = errors.VitrineError) -> Iterator[type[errors.VitrineError]]:
    """A kind of error and all below it."""
    yield kind
    for sub in kind.__subclasses__():
        yield from kinds(sub)


def explained(title: str) -> list[str]:
    """The codes that the rows of a section's table are about."""
    rows = re.findall(r"^\| (`.*?) \|", README.partition(f"### {title}\n")[2].partition("\n#")[0], re.MULTILINE)
    return [code for row in rows for code in re.findall(r"`([A-Z_]+)`", row)]


def own_user_errors() -> set[str]:
    """The codes that our sources give to user errors: in their tables, and where one is made of a text of our own."""
    found = {UNKNOWN, *LINE_CODES.values(), *ITEM_CODES.values(), *_BY_OPERATION.values(), *(c for _, c in _BY_MESSAGE)}
    for path in (ROOT / "app/storefront").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                given = [*node.args[:1], *(each.value for each in node.keywords if each.arg == "code")]
                if node.func.id in ("Mendable", "UserError"):
                    found |= {str(each.value) for each in given if isinstance(each, ast.Constant)}
    return found


# What a mutation can raise and `UserErrors` takes for the shopper to mend ...
MENDED: set[type[errors.VitrineError]] = {kind for kind in kinds(errors.Rejected) if kind.status in (400, 409)}
# ... but for what is raised before a mutation begins or by queries only, and what `checkoutPlaceOrder` says otherwise.
ELSEWHERE: set[type[errors.VitrineError]] = {
    errors.UnknownAttribute,
    errors.UnknownStore,
    errors.UnknownCurrency,
    errors.TooExpensive,
    IdempotencyPending,
}
# What `cartAdd` tells of the lines that it could not send.
BROKEN_OFF: set[type[errors.VitrineError]] = {*kinds(errors.UpstreamError), errors.StateUnavailable}


def test_every_code_that_a_user_error_can_have_is_explained() -> None:
    raised = {kind.code for kind in (MENDED - ELSEWHERE) | BROKEN_OFF}
    assert sorted(explained("User errors")) == sorted(own_user_errors() | raised)


def test_every_code_that_an_error_can_have_is_explained() -> None:
    told_by_payloads = {
        "CART_EXPIRED",
        "CART_PENDING",
        "IDEMPOTENCY_CONFLICT",
        "ORDER_PENDING",
        "ORDER_REFUSED",
        "REJECTED",
        "SESSION_FULL",
    }
    assert told_by_payloads <= set(explained("User errors"))
    errors_ = {kind.code for kind in kinds()} - told_by_payloads - {IdempotencyPending.code}
    assert sorted(explained("Errors")) == sorted(errors_ | {VALIDATION_FAILED})


def test_every_file_that_a_document_links_to_exists() -> None:
    for document in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")):
        for target in re.findall(r"\]\(([^)#]+)\)", document.read_text()):
            if not target.startswith("http"):
                assert (document.parent / target).exists(), f"{document.name}: {target}"
