"""Documents and data over the whole public schema, and what stock graphql-core and ours make of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Generator, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from random import Random
from typing import Any, cast

import strawberry
from graphql import (
    DocumentNode,
    GraphQLEnumType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    execute,
    is_leaf_type,
    is_required_argument,
    parse,
)
from hypothesis import strategies as st
from strawberry.execution.is_awaitable import optimized_is_awaitable
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext as Stock
from strawberry.utils.str_converters import to_camel_case

from app.commerce.shop import StoreView
from app.storefront.compiled import CompiledExecutor
from app.storefront.links import Links
from app.storefront.products import PRODUCT_TYPES
from app.storefront.schema import build_schema

LINKS = Links(StoreView("default", {}, "USD", ("USD",)), "https://front.test", "", "USD")
PUBLIC = build_schema()._schema
Composite = GraphQLObjectType | GraphQLInterfaceType


def _definition(declared: GraphQLNamedType) -> Any:
    return declared.extensions["strawberry-definition"]


TYPES: dict[str, Composite] = {
    name: declared
    for name, declared in PUBLIC.type_map.items()
    if isinstance(declared, Composite) and not name.startswith("__") and name not in ("Query", "Mutation")
}


def _roots() -> Any:
    """A query with each of the public types in each kind of place, read from attributes."""
    annotations: dict[str, Any] = {}
    for name, declared in TYPES.items():
        origin: Any = _definition(declared).origin
        annotations |= {
            f"one{name}": origin | None,
            f"sure{name}": origin,
            f"list{name}": list[origin] | None,
            f"holed{name}": list[origin | None],
            f"nested{name}": list[list[origin]] | None,
        }
    return strawberry.type(type("Query", (), {"__annotations__": annotations}), name="Query")


ROOTS = _roots()
SCHEMA = strawberry.Schema(ROOTS, types=cast("Any", PRODUCT_TYPES))._schema
assert SCHEMA.query_type is not None


class Documents:
    """Draws one document: a query of what is under any of the roots."""

    def __init__(self, draw: st.DrawFn, depth: int) -> None:
        self._draw = draw
        self._depth = depth
        self._fragments: list[str] = []

    def text(self) -> str:
        assert SCHEMA.query_type is not None
        name = self._draw(st.sampled_from(sorted(SCHEMA.query_type.fields)))
        inner = self._selection(self._named(SCHEMA.query_type.fields[name].type), self._depth)
        again = self._draw(st.booleans()) and self._selection(self._named(SCHEMA.query_type.fields[name].type), 1)
        twice = f" {name} {again}" if again else ""
        head = "query ($yes: Boolean! = true, $no: Boolean! = false)"
        return "\n".join(
            [f"{head} {{ {name} {inner}{twice} __typename @include(if: $yes) @skip(if: $no) }}", *self._fragments]
        )

    def _named(self, declared: GraphQLOutputType) -> Composite:
        while isinstance(declared, GraphQLNonNull | GraphQLList):
            declared = declared.of_type
        assert isinstance(declared, Composite)
        return declared

    def _selection(self, declared: Composite, depth: int) -> str:
        parts = [self._part(declared, depth) for _ in range(self._draw(st.integers(1, 4)))]
        return f"{{ {' '.join(parts)} }}"

    def _part(self, declared: Composite, depth: int) -> str:
        kind = self._draw(st.sampled_from(["field"] * 6 + ["fragment"] * 2 + ["__typename"]))
        if kind == "__typename":
            return f"{self._alias('__typename')}__typename{self._directive()}"
        if kind == "fragment" and depth > 0:
            return self._fragment(declared, depth - 1)
        free = [
            name for name, each in declared.fields.items() if not any(map(is_required_argument, each.args.values()))
        ]
        name = self._draw(st.sampled_from(sorted(free)))
        field = declared.fields[name]
        inner: GraphQLOutputType = field.type
        while isinstance(inner, GraphQLNonNull | GraphQLList):
            inner = inner.of_type
        if is_leaf_type(inner):
            return f"{self._alias(name)}{name}{self._directive()}"
        if depth <= 0:
            return "__typename"
        assert isinstance(inner, Composite)
        below = self._selection(inner, depth - 1)
        return f"{self._alias(name)}{name}{self._directive()} {below}"

    def _fragment(self, declared: Composite, depth: int) -> str:
        others: list[Composite] = [declared, *declared.interfaces]
        if isinstance(declared, GraphQLInterfaceType):
            others += SCHEMA.get_possible_types(declared)
        on = self._draw(st.sampled_from(others))
        form = self._draw(st.sampled_from(["named", "inline", "bare"]))
        body = self._selection(declared if form == "bare" else on, depth)
        if form == "bare":
            return f"...{self._directive()} {body}"
        if form == "inline":
            return f"... on {on.name}{self._directive()} {body}"
        name = f"F{len(self._fragments)}"
        self._fragments.append(f"fragment {name} on {on.name} {body}")
        return f"...{name}{self._directive()}"

    def _alias(self, name: str) -> str:
        # One alias always means one field, so that all that is drawn can be merged.
        return self._draw(st.sampled_from(["", "", "", f"x{name}: "]))

    def _directive(self) -> str:
        chosen = [
            "",
            "",
            "",
            "",
            "",
            " @include(if: $yes)",
            " @skip(if: $no)",
            " @include(if: $no)",
            " @skip(if: true)",
        ]
        return self._draw(st.sampled_from(chosen))


# Fields that read or take arguments, beside some that need nothing but their object, at several depths.
_MIXED = (
    "{ holedProduct { sku related { sku } name upsell { sku name } price { final { amount } } attributes { code }"
    " image { url } weight gallery { url } } }",
    "{ listCategory { name products { total } breadcrumbs { name } description seo { title }"
    " children { name children { name children { url } } } } }",
    "{ nestedProduct { sku related { sku } crossSell { name } rating { average } } }",
    "{ oneCheckout { cart { lines { name } totals { grandTotal { amount } } } agreements { id } missing ready } }",
    "{ listRoute { kind product { sku } category { name } page { title } redirect { url } url } }",
    "{ oneCategory { products { items { sku related { sku } name } facets { label } } name }"
    " listCategory { name seo { title } products { total } } }",
    "{ sureProduct { ... on ConfigurableProduct { variants { sku price { final { amount } } } options { label }"
    " related { sku } } reviews { total items { text average } } breadcrumbs { name }"
    " categories { name breadcrumbs { name } } } }",
)


def mixed() -> st.SearchStrategy[str]:
    """Queries of which some objects are compiled in part only, which is seldom drawn."""
    return st.sampled_from(_MIXED)


@st.composite
def documents(draw: st.DrawFn, depth: int = 5) -> str:
    """The text of a query over the public types."""
    return Documents(draw, depth).text()


class Odd:
    """Something that no field is; its text is the same in every run."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class Later(Odd):
    """Something to wait for."""

    def __init__(self, value: object) -> None:
        self._value = value

    def __await__(self) -> Generator[Any, None, object]:
        yield from asyncio.sleep(0).__await__()
        return self._value


class Once(Odd):
    """Items that can be read only once."""

    def __init__(self, *items: object) -> None:
        self._items = list(items)

    def __iter__(self) -> Iterator[object]:
        while self._items:
            yield self._items.pop()


class Raising(Odd):
    """An object of which everything asked raises."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("_"):
            raise AttributeError(name)
        raise RuntimeError(f"no {name} today")


class Data:
    """Data for a query, the same for the same seed; about one in `rarity` values is not what it should be."""

    def __init__(self, seed: int, rarity: int) -> None:
        self._random = Random(seed)
        self._rarity = rarity
        self._wanted: Mapping[str, Any] = {}

    def root(self, document: DocumentNode) -> object:
        """The root, with values for the fields that the document asks for."""
        assert SCHEMA.query_type is not None
        root = object.__new__(ROOTS)
        for selection in cast("Any", document.definitions[0]).selection_set.selections:
            name = selection.name.value
            if name in SCHEMA.query_type.fields and not hasattr(root, name):
                setattr(root, name, self.value(SCHEMA.query_type.fields[name].type, 5))
        return root

    def value(self, declared: GraphQLOutputType, depth: int) -> Any:
        """A value of a type, or a hole."""
        if self._random.randrange(self._rarity) == 0:
            return self._hole(declared, depth)
        return self._usual(declared, depth)

    def _hole(self, declared: GraphQLOutputType, depth: int) -> Any:
        kind = self._random.randrange(10)
        if kind < 4:
            return None
        return [
            ValueError("a value that is an error"),
            Raising(),
            Later(self._usual(declared, depth)),
            self._random.choice([7, "text", 1.5, True, [], {}, (), 2**40, float("nan"), b"bytes", Decimal("1.10")]),
            Once(self._usual(declared, 0)),
            [None, self._usual(declared, 0)],
        ][kind - 4]

    def _usual(self, declared: GraphQLOutputType, depth: int) -> Any:
        if isinstance(declared, GraphQLNonNull):
            return self._usual(declared.of_type, depth)
        if isinstance(declared, GraphQLList):
            many = self._random.randrange(3) if depth > 0 else 0
            return [self.value(declared.of_type, depth) for _ in range(many)]
        if is_leaf_type(declared):
            return self._leaf(declared)
        assert isinstance(declared, Composite)
        if self._random.randrange(8) == 0 and not isinstance(declared, GraphQLNonNull):
            return None
        kinds = SCHEMA.get_possible_types(declared) if isinstance(declared, GraphQLInterfaceType) else [declared]
        return self._object(self._random.choice(kinds), depth - 1)

    def _leaf(self, declared: GraphQLNamedType) -> Any:
        if isinstance(declared, GraphQLEnumType):
            return self._random.choice(list(cast("type[Enum]", _definition(declared).wrapped_cls)))
        return {
            "String": "text",
            "ID": "id",
            "Boolean": self._random.random() < 0.5,
            "Float": self._random.random(),
            "Int": self._random.randrange(100),
            "Decimal": Decimal(self._random.randrange(10_000)) / 100,
            "DateTime": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        }[declared.name]

    def _object(self, declared: GraphQLObjectType, depth: int) -> object:
        definition = _definition(declared)
        made = object.__new__(definition.origin)
        if hasattr(definition.origin, "__annotations__"):
            made.__dict__.update(node=self._node(), links=LINKS, page=None)
        for field in definition.fields:
            found = declared.fields.get(field.graphql_name or to_camel_case(field.name))
            if field.base_resolver is None and found is not None and self._random.randrange(10 * self._rarity) != 0:
                value = self.value(found.type, depth) if depth > 0 or is_leaf_type(_inner(found.type)) else None
                made.__dict__[field.python_name] = value
        return made

    def _node(self) -> dict[str, Any]:
        """What Commerce told of an object, for the methods that read it."""
        told = {
            "__typename": "SimpleProduct",
            "stock_status": "IN_STOCK",
            "weight": 1.5,
            "meta_title": "title",
            "description": {"html": "<p>html</p>"},
            "media_gallery": [{"url": "https://shop.test/a.jpg", "label": "a", "position": 1}, None],
            "categories": [{"uid": "1", "name": "a", "url_path": "a/b", "breadcrumbs": []}],
            "options": [],
            "reviews": {"items": [], "page_info": {"total_pages": 1}},
            "links_title": "files",
        }
        if self._random.randrange(self._rarity) == 0:
            told[self._random.choice(sorted(told))] = self._random.choice([7, "text", [7], {"html": 7}, [{}]])
        return told


def _inner(declared: GraphQLOutputType) -> GraphQLOutputType:
    while isinstance(declared, GraphQLNonNull | GraphQLList):
        declared = declared.of_type
    return declared


class Shop:
    """The context of resolvers that read; they get nothing, after a while, or an error."""

    async def products(self, *_: object) -> list[None]:
        await asyncio.sleep(0)
        return []

    async def read(self, *_: object) -> object:
        await asyncio.sleep(0)
        raise RuntimeError("no reads today")

    def fits(self, *_: object) -> bool:
        return False


Told = tuple[str, list[tuple[object, ...]]]


async def told(
    executor: type[Stock], document: DocumentNode, root: object, variables: dict[str, Any], schema: Any = SCHEMA
) -> Told:
    """The data as JSON, which has an order, and each error with its path, its places and its cause's type."""
    outcome: Any = execute(
        schema,
        document,
        root_value=root,
        context_value=Shop(),
        variable_values=variables,
        executor_class=executor,
        is_awaitable=cast("Any", optimized_is_awaitable),
    )
    result = await cast("Awaitable[Any]", outcome) if optimized_is_awaitable(outcome) else outcome
    # What a null has made needless goes on all the same, and must end before its loop does.
    while pending := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.gather(*pending, return_exceptions=True)
    errors: list[tuple[object, ...]] = [
        (
            error.message,
            error.path,
            [place.formatted for place in error.locations or ()],
            type(error.original_error).__name__,
        )
        for error in result.errors or ()
    ]
    return json.dumps(result.data), errors


def differences(
    compiled: type[CompiledExecutor], text: str, seed: int, rarity: int, variables: dict[str, Any]
) -> tuple[Told, Told] | None:
    """What stock and ours tell of a document, if that is not the same. Ours is asked twice: also by its kept plan."""
    document = parse(text)

    async def compare() -> tuple[Told, Told] | None:
        stock = await told(Stock, document, Data(seed, rarity).root(document), variables)
        for _ in range(2):
            ours = await told(compiled, document, Data(seed, rarity).root(document), variables)
            if ours != stock:
                return stock, ours
        return None

    return asyncio.run(compare())
