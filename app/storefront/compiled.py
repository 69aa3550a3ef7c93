"""Parts of a result that only tell what objects hold, told by functions made once for each document.

graphql-core resolves, checks and locates every field by itself. Below a resolver that has done the work nearly all
fields are attributes or functions of their object, so a selection of them is as good as one function from the object to
its part of the result. Whatever is not as usual (a null, type or exception that the selection has no place for) makes
such a function give up, and graphql-core completes the same value again in its own way: errors and nulls are its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from inspect import isfunction
from operator import attrgetter
from types import MappingProxyType
from typing import Any

from graphql import (
    GRAPHQL_MAX_INT,
    GRAPHQL_MIN_INT,
    GraphQLBoolean,
    GraphQLField,
    GraphQLID,
    GraphQLInt,
    GraphQLInterfaceType,
    GraphQLLeafType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    GraphQLString,
    Undefined,
    VariableValues,
    is_leaf_type,
)
from graphql.execution.collect_fields import FieldDetails, collect_subfields
from graphql.pyutils import Path
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext as Executor
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.types.cast import TYPE_CAST_ATTRIBUTE
from strawberry.types.field import StrawberryField

from app.storefront.keeping import Kept

Complete = Callable[[Any], Any]
Details = list[FieldDetails]
_DEFINITION = "strawberry-definition"
# What graphql-core hands to a leaf type as it is. An awaitable is never of these types.
_VALUES = frozenset({str, int, float, bool, Decimal, date, datetime, time})
# Values of this very type are what these types make of them.
_SAME: Mapping[object, type] = MappingProxyType({GraphQLString: str, GraphQLID: str, GraphQLBoolean: bool})


class Unusual(Exception):
    """Here graphql-core must do its own work."""


class Plan:
    """The functions of one operation, with its @skip and @include decided; each is made when it is first wanted.

    Of the variables only those that can decide are kept: others are a shopper's.
    """

    def __init__(self, executor: Executor, conditions: Mapping[str, object]) -> None:
        self._schema = executor.schema
        self._fragments = executor.fragments
        self._operation = executor.operation
        self._hide_suggestions = executor.hide_suggestions
        self._variables = VariableValues(sources={}, coerced=dict(conditions))
        # Apart: where a type has a field of its own type, both can be for one type and one place.
        self._values: dict[tuple[object, ...], Complete | None] = {}
        self._fields: dict[tuple[object, ...], Complete | None] = {}

    def value(self, declared: GraphQLOutputType, details: Details) -> Complete | None:
        """What completes a value of this type for these places in the document; None where graphql-core must."""
        key = (declared, *[id(each.node) for each in details])
        try:
            return self._values[key]
        except KeyError:
            made = self._values[key] = self._tried(lambda: self._value(declared, details, nullable=True))
            return made

    def field(self, parent: GraphQLObjectType, details: Details) -> Complete | None:
        """What tells a field of an object of this type; None where graphql-core must."""
        key = (parent, *[id(each.node) for each in details])
        try:
            return self._fields[key]
        except KeyError:
            made = self._fields[key] = self._tried(lambda: _told(*self._field(parent, details)))
            return made

    @staticmethod
    def _tried(make: Callable[[], Complete]) -> Complete | None:
        # What is wrong with a selection, graphql-core says at its place.
        with suppress(Exception):
            return make()
        return None

    def _value(self, declared: GraphQLOutputType, details: Details, *, nullable: bool) -> Complete:
        if isinstance(declared, GraphQLNonNull):
            return self._value(declared.of_type, details, nullable=False)
        if isinstance(declared, GraphQLList):
            return _list(
                _same(declared.of_type), self._value(declared.of_type, details, nullable=True), nullable=nullable
            )
        if is_leaf_type(declared):
            return _leaf(declared, nullable=nullable)
        if isinstance(declared, GraphQLObjectType):
            return self._object(declared, details, nullable=nullable)
        if isinstance(declared, GraphQLInterfaceType):
            return self._interface(declared, details, nullable=nullable)
        raise Unusual

    def _object(self, declared: GraphQLObjectType, details: Details, *, nullable: bool) -> Complete:
        origin = _origin(declared)
        collected = collect_subfields(
            self._schema,
            self._fragments,
            self._variables,
            self._operation,
            declared,
            details,
            self._hide_suggestions,
        )
        if collected.new_defer_usages:
            raise Unusual
        fields = [(key, *self._field(declared, each)) for key, each in collected.grouped_field_set.items()]
        castable = declared.is_type_of is not None

        def complete(value: Any) -> Any:
            if type(value) is not origin or (castable and hasattr(value, TYPE_CAST_ATTRIBUTE)):
                if value is None and nullable:
                    return None
                raise Unusual
            told = {}
            for key, get, same, inner in fields:
                found = get(value)
                told[key] = found if type(found) is same else inner(found)
            return told

        return complete

    def _interface(self, declared: GraphQLInterfaceType, details: Details, *, nullable: bool) -> Complete:
        definition = declared.extensions.get(_DEFINITION)
        if not isinstance(definition, StrawberryObjectDefinition) or definition.resolve_type is not None:
            raise Unusual
        kinds = {_origin(kind): kind for kind in self._schema.get_possible_types(declared)}
        known: dict[type, Complete] = {}

        def complete(value: Any) -> Any:
            kind = type(value)
            inner = known.get(kind)
            if inner is None:
                if value is None and nullable:
                    return None
                if kind not in kinds:
                    raise Unusual
                made = self._tried(lambda: self._object(kinds[kind], details, nullable=False))
                inner = known[kind] = made or _give_up
            return inner(value)

        return complete

    def _field(self, parent: GraphQLObjectType, details: Details) -> tuple[Complete, type | None, Complete]:
        """How a field is read, the type of values that are told as they are, and what completes all others."""
        node = details[0].node
        if node.name.value == "__typename":
            name = parent.name
            return lambda _: name, str, _give_up
        field = self._schema.get_field(parent, node.name.value)
        if field is None or field.args or node.arguments:
            raise Unusual
        return _getter(field), _same(field.type), self._value(field.type, details, nullable=True)


def _give_up(_: object) -> Any:
    raise Unusual


def _told(get: Complete, same: type | None, inner: Complete) -> Complete:
    def tell(value: Any) -> Any:
        found = get(value)
        return found if type(found) is same else inner(found)

    return tell


def _same(declared: GraphQLOutputType) -> type | None:
    return _SAME.get(declared.of_type if isinstance(declared, GraphQLNonNull) else declared)


def _origin(declared: GraphQLObjectType) -> type:
    """The one class of which an object is of this type beyond doubt."""
    definition = declared.extensions.get(_DEFINITION)
    if not isinstance(definition, StrawberryObjectDefinition) or definition.is_type_of is not None:
        raise Unusual
    if definition.is_graphql_generic or definition.concrete_of is not None:
        raise Unusual
    if issubclass(definition.origin, BaseException) or hasattr(definition.origin, "__await__"):
        raise Unusual
    return definition.origin


def _getter(field: GraphQLField) -> Complete:
    """How an object is asked for a field: by its attribute, or by a method that needs nothing but the object."""
    definition = field.extensions.get(_DEFINITION)
    # A subclass or an extension (a permission is one) may do anything.
    if type(definition) is not StrawberryField or definition.extensions:
        raise Unusual
    resolver = definition.base_resolver
    if resolver is None:
        if definition.default_resolver is not getattr:
            raise Unusual
        return attrgetter(definition.python_name)
    function = resolver.wrapped_func
    if (
        not isfunction(function)
        or not resolver.self_parameter
        or resolver.is_async
        or resolver.info_parameter
        or resolver.parent_parameter
        or resolver.root_parameter
        or resolver.arguments
    ):
        raise Unusual
    return function


def _list(same: type | None, inner: Complete, *, nullable: bool) -> Complete:
    def complete(value: Any) -> Any:
        # Any other iterable could be read only once.
        if type(value) is not list:
            if value is None and nullable:
                return None
            raise Unusual
        return [item if type(item) is same else inner(item) for item in value]

    return complete


def _leaf(declared: GraphQLLeafType, *, nullable: bool) -> Complete:
    coerce = declared.coerce_output_value

    def complete(value: Any) -> Any:
        if type(value) in _VALUES or isinstance(value, Enum):
            coerced = coerce(value)
            if coerced is None or coerced is Undefined:
                raise Unusual
            return coerced
        if value is None and nullable:
            return None
        raise Unusual

    def complete_integer(value: Any) -> Any:
        return value if type(value) is int and GRAPHQL_MIN_INT <= value <= GRAPHQL_MAX_INT else complete(value)

    return complete_integer if declared is GraphQLInt else complete


class Plans:
    """The plans of the operations executed last, as far as `kept` holds them."""

    def __init__(self, kept: Kept[Plan]) -> None:
        self._kept = kept

    def __len__(self) -> int:
        return len(self._kept)

    def of(self, executor: Executor) -> Plan:
        """The plan for what an executor is to do."""
        operation = executor.operation
        # Whatever decides in @skip and @include is true or false.
        conditions = {
            name: value for name, value in executor.variable_values.coerced.items() if isinstance(value, bool)
        }
        # By identity, which the plan's own hold on the node makes sure of: to hash a document is to walk all of it.
        key = id(operation), *conditions.items()
        plan = self._kept.get(key)
        if plan is None:
            plan = Plan(executor, conditions)
            if operation.loc is not None:
                self._kept.keep(key, plan, len(operation.loc.source.body))
        return plan


class CompiledExecutor(Executor):
    """Strawberry's executor, with functions of a plan before each of graphql-core's steps that they can save."""

    plans: Plans

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        simple = (
            (self.middleware_manager is None or not self.middleware_manager.middlewares)
            and self.abort_signal is None
            and not any(each.variable_signatures for each in self.fragments.values())
        )
        self._plan = self.plans.of(self) if simple else None

    def execute_field(
        self,
        parent_type: GraphQLObjectType,
        source: Any,
        field_details_list: Details,
        path: Path,
        position_context: Any,
    ) -> Any:
        # The first fields of an operation do things; what is below them can be asked twice.
        if self._plan is not None and path.prev is not None:
            tell = self._plan.field(parent_type, field_details_list)
            if tell is not None:
                # What is wrong graphql-core meets again, and makes the error of it.
                with suppress(Exception):
                    return tell(source)
        return super().execute_field(parent_type, source, field_details_list, path, position_context)

    def complete_value(
        self,
        return_type: GraphQLOutputType,
        field_details_list: Details,
        info: GraphQLResolveInfo[Any],
        path: Path,
        result: Any,
        position_context: Any,
    ) -> Any:
        if (
            self._plan is not None
            and field_details_list[0].node.selection_set is not None
            # Graphql-core takes the type without its non-null to here again.
            and not isinstance(return_type, GraphQLNonNull)
        ):
            complete = self._plan.value(return_type, field_details_list)
            if complete is not None:
                with suppress(Exception):
                    return complete(result)
        return super().complete_value(return_type, field_details_list, info, path, result, position_context)


def compiled_executor(kept: Kept[Plan]) -> type[CompiledExecutor]:
    """An executor for one schema, which keeps its plans there."""
    return type("CompiledExecutor", (CompiledExecutor,), {"plans": Plans(kept)})
