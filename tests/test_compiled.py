"""Compiled parts of results are what graphql-core makes of them, errors included."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from random import Random
from typing import Any, cast

import httpx2
import pytest
import strawberry
from graphql import parse, validate
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st
from strawberry.extensions import FieldExtension
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext as Stock

from app.main import create_app
from app.sandbox.commerce import create_commerce
from app.storefront.compiled import CompiledExecutor, compiled_executor
from app.storefront.keeping import Kept
from tests.compared import SCHEMA, Later, Once, Raising, differences, documents, mixed, told
from tests.conftest import COMMERCE
from tests.conftest import settings as settings_of

EXAMPLES = int(os.environ.get("COMPILED_EXAMPLES", "200"))
README = Path(__file__).parent.parent / "README.md"
OURS = compiled_executor(Kept(most=8, longest=16_384, total=65_536))
VARIABLES = st.fixed_dictionaries({}, optional={"yes": st.booleans(), "no": st.booleans()})
SEEDS = st.integers(0, 2**32)
searching = settings(
    max_examples=EXAMPLES,
    derandomize="COMPILED_EXAMPLES" not in os.environ,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


@searching
@given(documents(), SEEDS, st.sampled_from([5, 30, 10**9]), VARIABLES)
def test_any_document_over_data_with_holes_is_told_as_graphql_core_tells_it(
    text: str, seed: int, rarity: int, variables: dict[str, Any]
) -> None:
    assert differences(OURS, text, seed, rarity, variables) is None


@settings(searching, max_examples=3 * EXAMPLES)
@given(mixed(), SEEDS, st.sampled_from([4, 10, 30]))
def test_beside_fields_that_read_and_holes_all_is_told_as_graphql_core_tells_it(
    text: str, seed: int, rarity: int
) -> None:
    assert differences(OURS, text, seed, rarity, {}) is None


@settings(searching, max_examples=40)
@given(documents() | mixed())
def test_the_documents_of_these_tests_are_valid(text: str) -> None:
    assert [error.message for error in validate(SCHEMA, parse(text))] == []


class Shuffled(CompiledExecutor):
    """One that tells fields in another order."""

    def complete_value(self, *given: Any) -> Any:
        found = super().complete_value(*given)
        return dict(reversed(found.items())) if isinstance(found, dict) else found


class Lossy(CompiledExecutor):
    """One that leaves nulls out."""

    def complete_value(self, *given: Any) -> Any:
        found = super().complete_value(*given)
        return {key: value for key, value in found.items() if value is not None} if isinstance(found, dict) else found


class Lenient(CompiledExecutor):
    """One that tells nothing of what is wrong."""

    def handle_field_error(self, *given: Any) -> None:
        del given


@pytest.mark.parametrize("broken", [Shuffled, Lossy, Lenient])
def test_the_comparison_finds_what_is_not_told_alike(broken: type[CompiledExecutor]) -> None:
    spoiled = type("Spoiled", (broken,), {"plans": OURS.plans})
    cases = st.tuples(documents(), SEEDS)
    quick = settings(searching, max_examples=500)
    find(
        cases, lambda case: differences(spoiled, case[0], case[1], 5, {}) is not None, settings=quick, random=Random(1)
    )


@strawberry.enum
class Size(Enum):
    SMALL = "small"


@strawberry.interface
class Thing:
    name: str


@strawberry.type
class Box(Thing):
    price: Decimal
    size: Size | None = None
    count: int | None = None
    made: datetime | None = None
    tags: list[str] | None = None
    content: Thing | None = None
    things: list[Thing] | None = None

    @strawberry.field
    def label(self) -> str:
        return self.name.upper()

    @strawberry.field
    async def later(self) -> str:
        return "later"

    @strawberry.field
    def often(self, times: int = 2) -> str:
        return self.name * times


@strawberry.type
class Bag(Thing):
    pass


class Loud(FieldExtension):
    """An extension that may do anything with its field."""

    def resolve(self, next_: Any, source: Any, info: strawberry.Info, **kwargs: Any) -> Any:
        return f"{next_(source, info, **kwargs)}!"


@strawberry.type
class Guarded:
    open: str = "open"
    loud: str = strawberry.field(default="loud", extensions=[Loud()])


@strawberry.type
class Tree:
    name: str
    children: list[Tree | None] | None


@strawberry.type
class Query:
    tree: Tree | None = None
    box: Box | None = None
    boxes: list[Box] | None = None
    guarded: Guarded | None = None


BOXES = strawberry.Schema(Query, types=[Box, Bag])._schema
ALL = "name price size count made tags label content { name __typename } things { name ... on Box { price } }"


def box(**given: Any) -> Box:
    made: dict[str, Any] = {
        "name": "box",
        "price": Decimal("1.10"),
        "size": Size.SMALL,
        "count": 3,
        "made": datetime(2026, 1, 2, tzinfo=UTC),
        "tags": ["a", "b"],
        "content": Bag(name="bag"),
        "things": [Bag(name="bag"), Box(name="inner", price=Decimal(2))],
    }
    return Box(**{**made, **given})


class Counting(CompiledExecutor):
    """One that counts the fields that graphql-core resolves."""

    plans = compiled_executor(Kept(most=8, longest=16_384, total=65_536)).plans
    resolved: list[str]

    def build_resolve_info(self, *given: Any) -> Any:
        info = super().build_resolve_info(*given)
        self.resolved.append(info.field_name)
        return info


async def both(query: str, root: Any, **variables: Any) -> tuple[str, list[str]]:
    """The data that stock and ours tell alike, and the fields that graphql-core resolved for ours."""
    document = parse(query)
    assert validate(BOXES, document) == []
    resolved: list[str] = []
    counting = type("Counted", (Counting,), {"resolved": resolved})
    expected = await told(Stock, document, root(), variables, BOXES)
    assert await told(counting, document, root(), variables, BOXES) == expected
    return expected[0], resolved


async def test_what_is_as_usual_costs_graphql_core_only_its_root_field() -> None:
    data, resolved = await both(f"{{ boxes {{ {ALL} }} }}", lambda: Query(boxes=[box(), box(name="other")]))
    assert '"label": "OTHER"' in data
    assert resolved == ["boxes"]


async def test_fragments_aliases_and_what_is_asked_twice_are_compiled_too() -> None:
    query = """
      query ($yes: Boolean!) {
        boxes { x: name ...More things { name } y: label @include(if: $yes) things { __typename } }
      }
      fragment More on Thing { name ... on Box { price @skip(if: $yes) } }
    """
    for yes in (True, False, True):
        data, resolved = await both(query, lambda: Query(boxes=[box()]), yes=yes)
        assert ('"y"' in data, '"price"' in data) == (yes, not yes)
        assert resolved == ["boxes"]


async def test_beside_a_field_that_graphql_core_must_resolve_others_are_compiled() -> None:
    for field in ("later", "often"):
        _, resolved = await both(f"{{ box {{ {ALL} {field} }} }}", lambda: Query(box=box()))
        assert resolved == ["box", field]


async def test_a_field_with_an_extension_is_never_compiled() -> None:
    data, resolved = await both("{ guarded { open loud } }", lambda: Query(guarded=Guarded()))
    assert data == '{"guarded": {"open": "open", "loud": "loud!"}}'
    assert resolved == ["guarded", "loud"]


HOLES = {
    "a null where none may be": {"name": None},
    "a null in a list of what may not be null": {"tags": ["a", None]},
    "an object that is missing in a list": {"things": [Bag(name="bag"), None]},
    "an object of another type": {"content": Guarded()},
    "a value that cannot be told": {"count": 2**40},
    "a value of another kind": {"count": "many"},
    "an enum's value that there is not": {"size": "enormous"},
    "something that is no list": {"tags": 5},
    "a tuple": {"tags": ("a", "b")},
    "a value that is an error": {"name": ValueError("no")},
    "an object that is an error": {"content": ValueError("no")},
    "an object of which everything raises": {"content": Raising()},
    "something to wait for": {"name": Later("late")},
    "an object to wait for": {"content": Later(Bag(name="late"))},
    "a hole further down": {"content": Bag(name=cast("Any", None))},
}


@pytest.mark.parametrize("hole", HOLES.values(), ids=HOLES)
async def test_what_is_unusual_is_handed_to_graphql_core_and_only_that(hole: dict[str, Any]) -> None:
    _, resolved = await both(f"{{ boxes {{ {ALL} }} }}", lambda: Query(boxes=[box(), box(**hole), box()]))
    assert set(hole) <= set(resolved)
    assert "price" not in resolved


async def test_a_hole_in_a_tree_of_objects_of_one_type_leaves_the_tree_as_it_is() -> None:
    def root() -> Query:
        broken = Tree(name=cast("Any", None), children=[Tree(name="leaf", children=[])])
        whole = Tree(name="whole", children=[Tree(name="leaf", children=[]), Tree(name="leaf", children=[])])
        return Query(tree=Tree(name="root", children=[whole, broken, whole]))

    data, _ = await both("{ tree { name children { name children { name children { name } } } } }", root)
    assert data.count("leaf") == 4


async def test_items_that_can_be_read_only_once_are_all_told() -> None:
    data, _ = await both("{ boxes { tags } }", lambda: Query(boxes=[box(tags=Once("b", "a"))]))
    assert data == '{"boxes": [{"tags": ["a", "b"]}]}'


async def test_an_attribute_that_is_missing_is_graphql_cores_error() -> None:
    def root() -> Query:
        broken = box()
        del broken.price
        return Query(boxes=[box(), broken])

    data, resolved = await both("{ boxes { name price } }", root)
    assert data == '{"boxes": null}'
    assert resolved == ["boxes", "price"]


async def test_a_method_that_raises_is_graphql_cores_error() -> None:
    data, resolved = await both("{ box { name label } }", lambda: Query(box=box(name=7)))
    assert data == '{"box": null}'
    assert "label" in resolved


async def test_an_object_that_is_cast_to_another_type_is_told_as_that() -> None:
    def root() -> Query:
        return Query(boxes=[box(content=strawberry.cast(Bag, Box(name="in disguise", price=Decimal(1))))])

    data, _ = await both("{ boxes { content { __typename name } } }", root)
    assert '"Bag"' in data


async def test_only_so_many_plans_are_kept_and_none_of_a_long_document() -> None:
    executor = compiled_executor(Kept(most=3, longest=100, total=1000))
    for number in range(10):
        await told(executor, parse(f"{{ box {{ x{number}: name }} }}"), Query(box=box()), {}, BOXES)
    assert len(executor.plans) == 3
    await told(executor, parse("{ box { name } }" + " " * 100), Query(box=box()), {}, BOXES)
    assert len(executor.plans) == 3


async def test_each_way_to_decide_what_a_document_asks_is_a_plan_of_its_own() -> None:
    executor = compiled_executor(Kept(most=8, longest=1000, total=100_000))
    names = [f"v{number}" for number in range(5)]
    head = ", ".join(f"${name}: Boolean!" for name in names)
    body = " ".join(f"{name}: name @include(if: ${name})" for name in names)
    document = parse(f"query ({head}) {{ box {{ name {body} }} }}")
    for chosen in range(32):
        variables = {name: bool(chosen >> number & 1) for number, name in enumerate(names)}
        data, _ = await told(executor, document, Query(box=box()), variables, BOXES)
        assert data.count('"v') == sum(variables.values())
    assert len(executor.plans) == 8


async def test_a_null_that_decides_is_graphql_cores_error() -> None:
    query = "query ($yes: Boolean = true) { box { name x: label @include(if: $yes) } }"
    for variables in ({}, {"yes": None}, {"yes": False}):
        data, resolved = await both(query, lambda: Query(box=box()), **variables)
        assert resolved == ["box"]
        assert (data == '{"box": null}') == (variables == {"yes": None})


async def test_a_plan_keeps_no_values_of_a_shopper() -> None:
    executor = compiled_executor(Kept(most=3, longest=1000, total=9000))
    document = parse("query ($times: Int!, $yes: Boolean!) { box { often(times: $times) name @include(if: $yes) } }")
    for times in (1, 2):
        data, _ = await told(executor, document, Query(box=box()), {"times": times, "yes": True}, BOXES)
        assert f'"{"box" * times}"' in data
    assert len(executor.plans) == 1


async def test_the_queries_of_the_readme_are_answered_alike_with_and_without_it() -> None:
    queries = re.findall(r"```graphql\n(.*?)```", README.read_text(), re.DOTALL)
    assert len(queries) >= 2
    transport = httpx2.ASGITransport(app=create_commerce("2.4.8", public_url=COMMERCE))
    answers = []
    for compiled in (False, True):
        app = create_app(settings_of(), transport=transport, compiled=compiled)
        async with (
            app.router.lifespan_context(app),
            httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://api.test") as client,
        ):
            answers.append([(await client.post("/graphql", json={"query": query})).text for query in queries * 2])
    assert answers[0] == answers[1]
    assert all('"errors"' not in answer for answer in answers[0])
