"""The public schema, put together, and how its errors leave."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from typing import Any, cast

import strawberry
from graphql import GraphQLError
from strawberry.extensions import DisableIntrospection, MaxTokensLimiter, ParserCache, SchemaExtension, ValidationCache
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext
from strawberry.types.execution import ExecutionResult

from app.errors import UpstreamFailed, VitrineError
from app.storefront.catalog import CatalogQuery
from app.storefront.content import ContentQuery
from app.storefront.limits import Limits, limit_queries
from app.storefront.products import PRODUCT_TYPES
from app.storefront.store import StoreQuery
from app.telemetry import Metrics, log

CACHED_DOCUMENTS = 512
VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
INTERNAL = "INTERNAL"

logging.getLogger("strawberry.execution").setLevel(logging.CRITICAL)


@strawberry.type(description="What can be read.")
class Query(CatalogQuery, ContentQuery, StoreQuery):
    pass


class Schema(strawberry.Schema):
    """The schema; strawberry's own logging of errors is replaced by `Errors`."""

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        return None


class Errors(SchemaExtension):
    """Gives every error a code, and lets only those texts out that are meant for callers.

    What was not raised on purpose becomes INTERNAL with an id under which the log has it.
    """

    metrics: Metrics

    def on_operation(self) -> Iterator[None]:
        yield
        result = self.execution_context.result
        if not isinstance(result, ExecutionResult):
            return
        errors = [self._public(error) for error in result.errors or ()]
        errors.extend(self._beside())
        result.errors = errors or None

    def _beside(self) -> Iterator[GraphQLError]:
        """Errors for what Commerce could not answer beside data that came: a caller must be able to tell."""
        context = self.execution_context.context
        for problem in getattr(context, "problems", ()):
            self.metrics.failed(UpstreamFailed.code)
            where = [part for part in problem.path if isinstance(part, str)]
            yield GraphQLError(
                "The shop's backend left a part of its answer out.",
                extensions={"code": UpstreamFailed.code, "partial": True, "upstreamPath": where},
            )

    def _public(self, error: GraphQLError) -> GraphQLError:
        cause = error.original_error
        while isinstance(cause, GraphQLError) and cause.original_error is not None:
            cause = cause.original_error
        if isinstance(cause, VitrineError):
            message, extensions = cause.public, cause.extensions
            if cause.status >= 500:
                log.warning("graphql.failed", code=cause.code, path=error.path, detail=cause.detail)
        elif cause is None or isinstance(cause, GraphQLError):
            message, extensions = error.message, {"code": VALIDATION_FAILED}
        else:
            reference = uuid.uuid4().hex
            log.error("graphql.internal_error", reference=reference, path=error.path, exc_info=cause)
            message, extensions = VitrineError.public, {"code": INTERNAL, "reference": reference}
        self.metrics.failed(str(extensions["code"]))
        return GraphQLError(
            message, nodes=error.nodes, source=error.source, positions=error.positions, path=error.path,
            extensions=extensions,
        )  # fmt: skip


def build_schema(
    metrics: Metrics,
    *,
    limits: Limits | None = None,
    tokens: int = 3000,
    introspection: bool = True,
) -> Schema:
    """The public schema with these limits; `introspection` says whether it tells about itself."""
    extensions: list[Any] = [
        type("Errors", (Errors,), {"metrics": metrics}),
        limit_queries(limits or Limits(depth=15, fields=1000, aliases=30)),
        lambda: MaxTokensLimiter(max_token_count=tokens),
        _parser_cache,
        _validation_cache,
    ]
    if not introspection:
        extensions.append(DisableIntrospection)
    return Schema(
        query=Query,
        types=cast(Any, PRODUCT_TYPES),
        extensions=extensions,
        config=StrawberryConfig(auto_camel_case=True, disable_field_suggestions=not introspection),
    )


def _parser_cache() -> ParserCache:
    return ParserCache(maxsize=CACHED_DOCUMENTS)


def _validation_cache() -> ValidationCache:
    return ValidationCache(maxsize=CACHED_DOCUMENTS)
