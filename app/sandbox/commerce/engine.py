"""Executing GraphQL the way Magento does: which mistake gets which status, and how an error looks."""

from __future__ import annotations

import functools
import inspect
import re
from dataclasses import dataclass, field
from typing import Any

import orjson
from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OperationType,
    execute,
    execute_sync,
    parse,
    specified_rules,
    validate,
)
from graphql.execution.values import get_variable_values

from .call import Call
from .errors import INPUT, INTERNAL, PLAIN, CommerceError, Pathless
from .limits import MAX_COMPLEXITY, MAX_DEPTH, measure

DOCUMENTS = 2048
INTROSPECTIONS = 32
# What Magento's page cache takes; a query with any other root field is not cached (cache-005 to cache-018).
CACHEABLE = {"products", "category", "categoryList", "categories", "cmsPage", "cmsBlocks", "urlResolver"}


@dataclass(slots=True)
class Prepared:
    """A document that was read once: parsed and validated, or what is wrong with it."""

    document: DocumentNode | None
    operation: OperationDefinitionNode | None = None
    errors: list[dict[str, Any]] = field(default_factory=list)
    status: int = 200

    @property
    def roots(self) -> set[str]:
        """The names of the root fields; a fragment at the root makes the set say nothing cacheable."""
        selections = self.operation.selection_set.selections if self.operation else ()
        return {node.name.value if isinstance(node, FieldNode) else "..." for node in selections}


@dataclass(slots=True)
class Answer:
    """A GraphQL reply: status and body, whether the page cache may keep it, and what went wrong inside."""

    status: int
    body: dict[str, Any]
    cacheable: bool = False
    failures: list[Exception] = field(default_factory=list)


def failure(message: str, category: str, status: int = 200) -> Answer:
    """A reply that carries one error and no data."""
    return Answer(status, {"errors": [{"message": message, "extensions": {"category": category}}]})


class Engine:
    """Executes documents on one schema."""

    def __init__(self, schema: GraphQLSchema, introspection: bool) -> None:
        self.schema = schema
        self._introspection = introspection

    def execute(self, query: str, variables: dict[str, Any], call: Call, get: bool) -> Answer:
        """The reply to a query. `get` says that it came by GET, which may not change anything."""
        prepared = self._checked(query, variables, get)
        if isinstance(prepared, Answer):
            return prepared
        assert prepared.document is not None
        if prepared.roots == {"__schema"} and not variables:
            # Faults break answers, so each has one of its own.
            return Answer(200, orjson.loads(_introspected(self.schema, query)))
        return _answer(prepared, execute_sync(self.schema, prepared.document, None, call, variables))

    async def perform(self, query: str, variables: dict[str, Any], call: Call, get: bool) -> Answer:
        """The reply to a query whose resolvers take their time."""
        prepared = self._checked(query, variables, get)
        if isinstance(prepared, Answer):
            return prepared
        assert prepared.document is not None
        result = execute(self.schema, prepared.document, None, call, variables)
        found = await result if inspect.isawaitable(result) else result
        assert isinstance(found, ExecutionResult)
        return _answer(prepared, found)

    def places(self, query: str) -> bool:
        """Whether a request places an order."""
        return "placeOrder" in query and "placeOrder" in self._prepare(query).roots

    def _checked(self, query: str, variables: dict[str, Any], get: bool) -> Prepared | Answer:
        """The document if it may be executed, else the reply that says why not."""
        prepared = self._prepare(query)
        if prepared.document is None:
            return Answer(prepared.status, {"errors": prepared.errors})
        operation = prepared.operation
        if get and operation is not None and operation.operation is OperationType.MUTATION:
            return failure("Mutation requests allowed only for POST requests", INPUT, 500)
        depth, complexity = measure(prepared.document, variables)
        if complexity > MAX_COMPLEXITY:
            return failure(f"Max query complexity should be {MAX_COMPLEXITY} but got {complexity}.", INPUT, 500)
        errors = list(prepared.errors)
        if depth > MAX_DEPTH:
            message = f"Max query depth should be {MAX_DEPTH} but got {depth}."
            errors.append({"message": message, "extensions": {"category": PLAIN}})
        if errors:
            return Answer(200, {"errors": errors})
        if operation is None:
            return failure("Must provide operation name if query contains multiple operations.", PLAIN)
        wrong = get_variable_values(self.schema, operation.variable_definitions or (), variables, max_errors=1)
        if isinstance(wrong, list):
            return failure(_wording(wrong[0].message), PLAIN)
        return prepared

    def _prepare(self, query: str) -> Prepared:
        return _read(self.schema, self._introspection, query)


@functools.lru_cache(maxsize=DOCUMENTS)
def _read(schema: GraphQLSchema, introspection: bool, query: str) -> Prepared:
    """A document for a schema, which executables share. Read once per process."""
    try:
        document = parse(query)
    except GraphQLSyntaxError as error:
        return Prepared(None, errors=[_formatted(error)], status=500)
    rules = [*specified_rules, *([] if introspection else [NoSchemaIntrospectionCustomRule])]
    errors = [_formatted(error) for error in validate(schema, document, rules)]
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    return Prepared(document, operations[0] if len(operations) == 1 else None, errors)


@functools.lru_cache(maxsize=INTROSPECTIONS)
def _introspected(schema: GraphQLSchema, query: str) -> bytes:
    """The body of the reply to a query about the schema alone, the same for everybody. Made once per process."""
    prepared = _read(schema, True, query)
    assert prepared.document is not None
    return orjson.dumps(_answer(prepared, execute_sync(schema, prepared.document)).body)


def _answer(prepared: Prepared, result: ExecutionResult) -> Answer:
    assert prepared.operation is not None
    errors = [_formatted(error) for error in result.errors or ()]
    failures = [
        error.original_error
        for error in result.errors or ()
        if error.original_error is not None and not isinstance(error.original_error, CommerceError)
    ]
    data: dict[str, Any] | None = result.data
    errors += _unknown_types(prepared.operation, data)
    body: dict[str, Any] = {"errors": errors} if errors else {}
    if data is not None:
        body["data"] = data
    return Answer(200, body, not errors and prepared.roots <= CACHEABLE, failures)


def _formatted(error: GraphQLError) -> dict[str, Any]:
    """`{message, extensions, locations, path}`. What no resolver meant to say is masked as an internal error."""
    cause = error.original_error
    if isinstance(cause, CommerceError):
        message, category = cause.message, cause.category
        if isinstance(cause, Pathless):
            return {"message": message, "extensions": cause.extensions}
    elif cause is not None or error.path is not None:
        message, category = "Internal server error", INTERNAL
    else:
        message, category = _wording(error.message), PLAIN
    extensions = cause.extensions if isinstance(cause, CommerceError) else {"category": category}
    body: dict[str, Any] = {"message": message, "extensions": extensions}
    if error.locations:
        body["locations"] = [{"line": place.line, "column": place.column} for place in error.locations]
    if error.path is not None:
        body["path"] = list(error.path)
    return body


_QUOTED = re.compile(r"'([^']*)'")
_TYPES = re.compile(r"conflicting types '([^']*)' and '([^']*)'")
_HINT = re.compile(r" Did you mean .*\?$")
_MISSING = re.compile(
    r'(Variable "\$\w+") has invalid value: Expected a value of non-null type ("[^"]*") to be provided\.'
)
_UNKNOWN = re.compile(
    r'(Variable "\$\w+") has invalid value: Expected value of type "(\w+)" not to include unknown field ("\w+"),.*'
)


@functools.lru_cache(maxsize=DOCUMENTS)
def _wording(message: str) -> str:
    """graphql-core's words as webonyx/graphql-php writes them (gql-200 to gql-204, gql-231)."""
    if message.startswith("GraphQL introspection has been disabled"):
        return "GraphQL introspection is not allowed, but the query contained __schema or __type"
    if message.startswith("Syntax Error"):
        return _QUOTED.sub(r"\1", message).rstrip(".")
    message = _TYPES.sub(r"conflicting types \1 and \2", message)
    message = _HINT.sub("", _QUOTED.sub(r'"\1"', message))
    message = _MISSING.sub(r"\1 of required type \2 was not provided.", message)
    message = _UNKNOWN.sub(r"\1 got an invalid value; Field \3 is not defined by type \2.", message)
    return message.replace(" has invalid value: ", " got an invalid value; ")


def _unknown_types(operation: OperationDefinitionNode, data: dict[str, Any] | None) -> list[dict[str, Any]]:
    """`__type` of a name that does not exist is an internal error on Magento, not a plain null (gql-230)."""
    errors = []
    for node in operation.selection_set.selections:
        if isinstance(node, FieldNode) and node.name.value == "__type" and data is not None:
            key = node.alias.value if node.alias else "__type"
            if data.get(key) is None and node.loc is not None:
                place = node.loc.source.get_location(node.loc.start)
                errors.append(
                    {
                        "message": "Internal server error",
                        "extensions": {"category": INTERNAL},
                        "locations": [{"line": place.line, "column": place.column}],
                        "path": [key],
                    }
                )
    return errors
