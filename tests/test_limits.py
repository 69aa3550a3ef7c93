"""How large a query may be: exact at the limit, linear in the document."""

import time

import pytest
from graphql import DocumentNode, SelectionSetNode, parse

from app.errors import TooExpensive
from app.storefront.limits import Limits, check

ROOMY = Limits(depth=1000, fields=10**30, aliases=10**30)


def size(document: str) -> tuple[int, int, int]:
    """Depth, fields and aliases of a document, found by what each limit just lets through."""
    parsed = parse(document)
    found = []
    for name in ("depth", "fields", "aliases"):
        low = 0
        while not fits(parsed, **{name: low}):
            low += 1
        found.append(low)
    return found[0], found[1], found[2]


def fits(document: DocumentNode, *, depth: int = 1000, fields: int = 10**9, aliases: int = 10**9) -> bool:
    try:
        check(document, Limits(depth, fields, aliases))
    except TooExpensive:
        return False
    return True


def nested(levels: int, name: str = "a") -> str:
    return "{" + "{".join([name] * levels) + "}" * levels


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ("{ a }", (1, 1, 0)),
        ("{ a b c }", (1, 3, 0)),
        ("{ a { b { c } } }", (3, 3, 0)),
        ("{ x: a { y: b c } }", (2, 3, 2)),
        ("{ a { __typename } }", (2, 2, 0)),
        ("{ __typename }", (1, 1, 0)),
        ("query A { a } query B { b { c } }", (2, 2, 0)),
        ("{ ... on Query { a { ... { b } } } }", (2, 2, 0)),
        ("{ ... @include(if: true) { x: a } }", (1, 1, 1)),
        ("{ ...F } fragment F on Query { a { b } }", (2, 2, 0)),
        ("{ one { ...F } two { ...F } } fragment F on T { x: a { b } }", (3, 6, 2)),
        ("{ ...F ...F ...F } fragment F on Query { x: a }", (1, 3, 3)),
        ("{ a { ...F } } fragment F on T { b { ...G } } fragment G on T { c { d } }", (4, 4, 0)),
        ("{ a } fragment Unused on T { b { c { d } } }", (1, 1, 0)),
        ("{ a ...Missing }", (1, 1, 0)),
        ("mutation { x: a { b } }", (2, 2, 1)),
        ("subscription { a { b } }", (2, 2, 0)),
        ('{ a(filter: {b: {c: {d: "e"}}}) }', (1, 1, 0)),
    ],
)
def test_a_query_is_as_large_as_what_it_selects(document: str, expected: tuple[int, int, int]) -> None:
    assert size(document) == expected


def test_each_limit_lets_its_own_number_through_and_not_one_more() -> None:
    check(parse(nested(15)), Limits(15, 15, 0))
    with pytest.raises(TooExpensive, match="the query is too deep: 16, and 15 is allowed"):
        check(parse(nested(16)), Limits(15, 100, 0))
    wide = "{ " + " ".join(f"f{place}" for place in range(1000)) + " }"
    check(parse(wide), Limits(1, 1000, 0))
    with pytest.raises(TooExpensive, match="the query is too large in fields: 1000, and 999 is allowed"):
        check(parse(wide), Limits(1, 999, 0))
    aliased = "{ " + " ".join(f"a{place}: f" for place in range(31)) + " }"
    check(parse(aliased), Limits(1, 31, 31))
    with pytest.raises(TooExpensive, match="the query is too large in aliases: 31, and 30 is allowed"):
        check(parse(aliased), Limits(1, 31, 30))


@pytest.mark.parametrize(
    "document",
    [
        "mutation { a b c }",
        "mutation { x: a y: a z: a }",
        # The same field three times is one to graphql, but nobody needs to write it so.
        "mutation { a a a }",
        "mutation { a ...F } fragment F on Mutation { b ... { c } }",
        "mutation { ...F ...F ...F } fragment F on Mutation { a }",
        "mutation { ...F } fragment F on Mutation { ...G a } fragment G on Mutation { b c }",
        "query Q { a } mutation M { a b c { d e { f } } }",
    ],
)
def test_a_request_holds_so_many_mutations_and_not_one_more(document: str) -> None:
    check(parse(document), Limits(10, 100, 10, mutations=3))
    with pytest.raises(TooExpensive, match="the query is too large in mutations: 3, and 2 is allowed"):
        check(parse(document), Limits(10, 100, 10, mutations=2))


def test_what_is_read_is_no_mutation() -> None:
    check(parse("{ a b c d e f }"), Limits(1, 10, 0, mutations=1))
    check(parse("mutation { a { b c d } }"), Limits(2, 10, 0, mutations=1))


def test_every_operation_of_a_document_is_measured_not_only_the_first() -> None:
    with pytest.raises(TooExpensive):
        check(parse(f"query A {{ a }} query B {nested(5)}"), Limits(4, 100, 0))


def test_a_refusal_is_coded_and_tells_no_more_than_the_numbers() -> None:
    with pytest.raises(TooExpensive) as caught:
        check(parse(nested(5, "secretName")), Limits(4, 100, 0))
    assert caught.value.code == "QUERY_TOO_EXPENSIVE"
    assert caught.value.status == 400
    assert "secretName" not in caught.value.public


def doubling(levels: int) -> str:
    """Fragments of which each spreads the next one twice: 2 to the power of `levels` fields."""
    parts = [f"fragment F{place} on T {{ x: a {{ ...F{place + 1} }} ...F{place + 1} }}" for place in range(levels)]
    return "\n".join(["{ ...F0 }", *parts, f"fragment F{levels} on T {{ b }}"])


def test_fragments_that_double_forty_times_are_measured_at_once_and_refused() -> None:
    document = parse(doubling(40))
    started = time.process_time()
    with pytest.raises(TooExpensive):
        check(document, Limits(1000, 1000, 10**30))
    with pytest.raises(TooExpensive):
        check(document, Limits(1000, 10**30, 1000))
    check(document, ROOMY)
    assert time.process_time() - started < 1


def test_doubling_fragments_are_counted_exactly() -> None:
    # f(n) = 2 f(n + 1) + 1 fields below each other, and one in the last.
    fields = 1
    for _ in range(10):
        fields = 2 * fields + 1
    check(parse(doubling(10)), Limits(11, fields, 1023))
    for limits in (Limits(10, fields, 1023), Limits(11, fields - 1, 1023), Limits(11, fields, 1022)):
        with pytest.raises(TooExpensive):
            check(parse(doubling(10)), limits)


class _Counting(SelectionSetNode):
    """A selection that counts how often it is read."""

    reads = 0

    def __getattribute__(self, name: str) -> object:
        if name == "selections":
            _Counting.reads += 1
        return super().__getattribute__(name)


def _reads(document: str) -> int:
    """How often the check reads a selection of the document."""
    parsed = parse(document)
    for definition in parsed.definitions:
        waiting: list[object] = [definition]
        while waiting:
            node = waiting.pop()
            inner = getattr(node, "selection_set", None)
            if isinstance(inner, SelectionSetNode):
                waiting.extend(inner.selections)
                object.__setattr__(node, "selection_set", _Counting(selections=inner.selections))
    _Counting.reads = 0
    check(parsed, ROOMY)
    return _Counting.reads


@pytest.mark.parametrize("shape", [doubling, nested], ids=["doubling fragments", "nested fields"])
def test_the_work_grows_with_the_document_and_no_faster(shape: object) -> None:
    assert callable(shape)
    small, large = _reads(shape(20)), _reads(shape(60))
    assert small > 0
    assert large <= 3.2 * small


def test_many_spreads_of_one_large_fragment_measure_it_once() -> None:
    fragment = "fragment F on T { " + " ".join(f"f{place} {{ g }}" for place in range(50)) + " }"
    once, often = _reads("{ ...F } " + fragment), _reads("{ " + "...F " * 500 + "} " + fragment)
    assert often - once <= 4


@pytest.mark.parametrize(
    "document",
    [
        "{ ...F } fragment F on T { a ...F }",
        "{ ...F } fragment F on T { a { ...F } }",
        "{ ...F } fragment F on T { ...G } fragment G on T { ...H a } fragment H on T { ...F ...G }",
        "{ ...F ...G } fragment F on T { a { ...G } } fragment G on T { b { ...F } }",
    ],
)
def test_fragments_that_spread_themselves_do_not_loop(document: str) -> None:
    check(parse(document), ROOMY)


def test_a_long_chain_of_fragments_is_refused_or_measured_and_never_a_crash() -> None:
    chain = " ".join(f"fragment F{place} on T {{ a {{ ...F{place + 1} }} }}" for place in range(3000))
    document = parse("{ ...F0 } " + chain + " fragment F3000 on T { a }")
    with pytest.raises(TooExpensive):
        check(document, Limits(15, 1000, 30))


def test_introspection_is_not_measured_but_what_stands_beside_it_is() -> None:
    introspection = "__schema { types { fields { type { ofType { ofType { ofType { name } } } } } } }"
    check(parse(f"{{ {introspection} }}"), Limits(3, 3, 0))
    check(parse(f'{{ x: __type(name: "T") {{ y: name }} {introspection} a {{ b }} }}'), Limits(2, 2, 0))
    with pytest.raises(TooExpensive):
        check(parse(f"{{ {introspection} a {{ b {{ c }} }} }}"), Limits(2, 10, 0))


def test_a_field_that_only_looks_like_introspection_further_down_is_measured() -> None:
    assert size("{ a { __schema { b { c } } } }") == (4, 4, 0)
