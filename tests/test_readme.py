"""What the README says is true: its queries run, its commands and settings exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.main import get_command

from app import errors
from app.cli import cli
from app.settings import Settings
from app.storefront.masking import VALIDATION_FAILED
from tests.conftest import Api

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
QUERIES = re.findall(r"```graphql\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.split()[1])
async def test_a_query_of_the_readme_is_answered(api: Api, query: str) -> None:
    data = await api.data(query)
    assert all(value is not None for value in data.values())


def test_the_readme_has_queries_to_run() -> None:
    assert len(QUERIES) == 2


def test_every_command_of_the_readme_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:`|\$ )make ([a-z-]+)", README)) <= targets
    commands = getattr(get_command(cli), "commands")  # noqa: B009
    assert set(re.findall(r"(?:`|bin/)vitrine ([a-z]+)", README)) <= set(commands)


def test_every_setting_of_the_readme_exists() -> None:
    known = {name.upper() for name in Settings.model_fields}
    named = set(re.findall(r"\b(?:COMMERCE|CATALOG|STOREFRONT|MEDIA|REDIS|GRAPHQL)_[A-Z_]+\b", README))
    assert named - {VALIDATION_FAILED} <= known
    assert {"GRAPHIQL", "INTROSPECTION", "METRICS", "LISTEN_HOST", "LISTEN_PORT"} <= known
    assert {"SESSION_KEYS", "SESSION_IDLE", "PUBLIC_URL", "ALLOWED_ORIGINS", "ORDER_MARGIN"} <= known


def test_every_code_that_an_error_can_have_is_explained() -> None:
    def codes(kind: type[errors.VitrineError]) -> set[str]:
        return {kind.code} | {code for sub in kind.__subclasses__() for code in codes(sub)}

    table = README.partition("### Errors")[2].partition("## Operations")[0]
    explained = set(re.findall(r"`([A-Z]+(?:_[A-Z]+)*)`", table))
    assert explained == (codes(errors.VitrineError) | {VALIDATION_FAILED}) - {"REJECTED"}


def test_every_file_that_a_document_links_to_exists() -> None:
    for document in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")):
        for target in re.findall(r"\]\(([^)#]+)\)", document.read_text()):
            if not target.startswith("http"):
                assert (document.parent / target).exists(), f"{document.name}: {target}"
