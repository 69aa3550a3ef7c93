"""Documents are read and validated once, and what is kept of them is bounded."""

from __future__ import annotations

import pytest
from graphql import GraphQLError, NoSchemaIntrospectionCustomRule, specified_rules

from app.errors import TooExpensive
from app.storefront.documents import Documents, Known, Rules
from app.storefront.keeping import Kept
from app.storefront.limits import Limits
from app.storefront.schema import build_schema
from tests.conftest import Api

LIMITS = Limits(depth=5, fields=50, aliases=3)
SCHEMA = build_schema()._schema
USUAL = tuple(specified_rules)


def documents(kept: Kept[Known] | None = None, rules: Rules = ()) -> Documents:
    if kept is None:
        kept = Kept(most=4, longest=200, total=800)
    return Documents(kept, limits=LIMITS, tokens=60, rules=rules)


def test_a_document_is_read_and_validated_once() -> None:
    kept = documents()
    first = kept.read("{ store { code } }")
    assert kept.validate(first, SCHEMA, USUAL) == []
    again = kept.read("{ store { code } }")
    assert again is first
    assert kept.validate(again, SCHEMA, USUAL) is first.errors


def test_what_validation_says_is_kept_too() -> None:
    kept = documents()
    known = kept.read("{ nope }")
    assert len(kept.validate(known, SCHEMA, USUAL)) == 1
    assert kept.validate(kept.read("{ nope }"), SCHEMA, USUAL) is known.errors


def test_only_so_many_documents_are_kept_and_no_long_one() -> None:
    store: Kept[Known] = Kept(most=3, longest=100, total=800)
    kept = documents(store)
    for number in range(10):
        kept.read(f"{{ a{number}: store {{ code }} }}")
    assert len(store) == 3
    long = "{ store { code } }" + " " * 100
    assert kept.read(long) is not kept.read(long)
    assert len(store) == 3


def test_a_document_that_is_too_large_is_never_validated() -> None:
    kept = documents()
    for _ in range(2):
        known = kept.read("{ a: b { c { d { e { f { g } } } } } }")
        with pytest.raises(TooExpensive):
            kept.validate(known, SCHEMA, USUAL)
        assert known.errors is None


def test_a_text_of_too_many_tokens_or_that_is_no_document_is_not_kept() -> None:
    store: Kept[Known] = Kept(most=3, longest=200, total=800)
    kept = documents(store)
    for text in ("{ store {", "{" + "a " * 60 + "}"):
        with pytest.raises(GraphQLError):
            kept.read(text)
    assert len(store) == 0


def test_more_rules_hold_beside_the_usual_ones() -> None:
    kept = documents(rules=(NoSchemaIntrospectionCustomRule,))
    errors = kept.validate(kept.read("{ __schema { description } nope }"), SCHEMA, USUAL)
    assert len(errors) == 2


async def test_a_query_that_comes_again_is_the_document_that_is_known(api: Api) -> None:
    for _ in range(3):
        assert await api.data("{ store { code } }") == {"store": {"code": "default"}}
        assert await api.codes("{ stor { code } }") == ["GRAPHQL_VALIDATION_FAILED"]


def test_what_is_kept_is_bounded_in_number_and_in_size_and_the_oldest_goes_first() -> None:
    kept: Kept[str] = Kept(most=3, longest=10, total=20)
    for name in "abc":
        kept.keep(name, name, 5)
    assert kept.get("a") == "a"
    kept.keep("d", "d", 5)
    assert [kept.get(name) for name in "abcd"] == ["a", None, "c", "d"]
    kept.keep("e", "e", 10)
    kept.keep("f", "f", 10)
    assert [kept.get(name) for name in "acdef"] == [None, None, None, "e", "f"]
    kept.keep("g", "g", 11)
    assert kept.get("g") is None
    assert len(kept) == 2
