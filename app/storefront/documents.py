"""The documents that callers send: read, measured and validated once, and what is known of them kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from graphql import ASTValidationRule, DocumentNode, GraphQLError, GraphQLSchema, OperationDefinitionNode, parse
from strawberry.extensions import SchemaExtension
from strawberry.schema.schema import validate_document
from strawberry.types.graphql import OperationType

from app.errors import BadRequest
from app.storefront.keeping import Kept
from app.storefront.limits import Limits, check

Rules = tuple[type[ASTValidationRule], ...]


@dataclass(slots=True)
class Known:
    """A document, and what validation said of it, if it was asked yet."""

    document: DocumentNode
    errors: list[GraphQLError] | None = None


class Documents:
    """Reads documents, and keeps those that `kept` holds.

    `tokens` and `limits` are how large a document may be; `rules` are what it must keep beside the usual ones.
    """

    def __init__(self, kept: Kept[Known], *, limits: Limits, tokens: int, rules: Rules = ()) -> None:
        self._kept = kept
        self._limits = limits
        self._tokens = tokens
        self._rules = rules

    def read(self, text: str) -> Known:
        """What is known of the document with this text. Raises `GraphQLError` for what is none."""
        known = self._kept.get(text)
        if known is None:
            known = Known(parse(text, max_tokens=self._tokens))
            self._kept.keep(text, known, len(text))
        return known

    def validate(self, known: Known, schema: GraphQLSchema, rules: Rules) -> list[GraphQLError]:
        """What is wrong with a document. Raises `TooExpensive` for one that is larger than the limits."""
        if known.errors is None:
            # Before validation, which is the dearer the larger a document is.
            check(known.document, self._limits)
            known.errors = validate_document(schema, known.document, (*rules, *self._rules))
        return known.errors


class Prepared(SchemaExtension):
    """Prepares each request's document, and refuses what may not be executed.

    One extension for all of that: strawberry makes a new instance of each, and looks it over, for every request.
    """

    documents: Documents

    def on_parse(self) -> Iterator[None]:
        self._known = self.documents.read(self.execution_context.query or "")
        self.execution_context.graphql_document = self._known.document
        yield

    def on_validate(self) -> Iterator[None]:
        context = self.execution_context
        assert context.schema is not None
        errors = self.documents.validate(self._known, context.schema._schema, context.validation_rules)
        operations = [node for node in self._known.document.definitions if isinstance(node, OperationDefinitionNode)]
        # Of several operations strawberry would take the first.
        if len(operations) > 1 and not getattr(context.context, "operation_name", None):
            raise BadRequest("operationName must name one of the operations")
        context.pre_execution_errors = errors
        yield

    def on_execute(self) -> Iterator[None]:
        forbidden = getattr(self.execution_context.context, "forbidden", None)
        if forbidden is not None and self.execution_context.operation_type is OperationType.MUTATION:
            raise forbidden
        yield


def prepared(documents: Documents) -> type[Prepared]:
    """The extension for these documents; a class, because strawberry makes an instance for each request."""
    return type("Prepared", (Prepared,), {"documents": documents})
