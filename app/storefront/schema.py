"""The public schema, put together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import strawberry
from graphql import GraphQLError, OperationDefinitionNode
from strawberry.extensions import (
    DisableIntrospection,
    MaxTokensLimiter,
    ParserCache,
    SchemaExtension,
    ValidationCache,
)
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext
from strawberry.types.graphql import OperationType

from app.errors import BadRequest
from app.storefront.cart import CartQuery
from app.storefront.cart_edits import CartMutation
from app.storefront.catalog import CatalogQuery
from app.storefront.checkout import CheckoutQuery
from app.storefront.checkout_steps import CheckoutMutation
from app.storefront.content import ContentQuery
from app.storefront.limits import Limits, limit_queries
from app.storefront.orders import OrderQuery
from app.storefront.products import PRODUCT_TYPES
from app.storefront.shipping import ShippingQuery
from app.storefront.store import StoreQuery

# The fields of the query type that are the same for everybody in a store view and currency.
PUBLIC = frozenset(
    {
        "attributes",
        "blocks",
        "category",
        "countries",
        "navigation",
        "page",
        "pickupLocations",
        "product",
        "products",
        "route",
        "search",
        "store",
        "stores",
    }
)
CACHED_DOCUMENTS = 256
CACHED_LENGTH = 16_384  # characters
LIMITS = Limits(depth=15, fields=1000, aliases=30)


@strawberry.type(description="What can be read.")
class Query(CatalogQuery, ContentQuery, StoreQuery, CartQuery, CheckoutQuery, ShippingQuery, OrderQuery):
    pass


@strawberry.type(description="What can be changed. A request that changes something needs the header `X-Vitrine: 1`.")
class Mutation(CartMutation, CheckoutMutation):
    pass


class Schema(strawberry.Schema):
    """The schema. Strawberry's own logging of errors is off: it writes stacks and arguments; see `masking`."""

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        del errors, execution_context


class ParsedOnce(ParserCache):
    """Keeps parsed documents, but for long ones: callers choose the texts, so what is kept of them is bounded."""

    def __init__(self) -> None:
        super().__init__(maxsize=CACHED_DOCUMENTS)

    def on_parse(self) -> Iterator[None]:
        return super().on_parse() if len(self.execution_context.query or "") <= CACHED_LENGTH else iter([None])


class ValidatedOnce(ValidationCache):
    """Keeps what validation said of documents that are kept."""

    def __init__(self) -> None:
        super().__init__(maxsize=CACHED_DOCUMENTS)

    def on_validate(self) -> Iterator[None]:
        return super().on_validate() if len(self.execution_context.query or "") <= CACHED_LENGTH else iter([None])


class Guarded(SchemaExtension):
    """Refuses mutations of requests that may change nothing."""

    def on_execute(self) -> Iterator[None]:
        forbidden = getattr(self.execution_context.context, "forbidden", None)
        if forbidden is not None and self.execution_context.operation_type is OperationType.MUTATION:
            raise forbidden
        yield


class NamedOperation(SchemaExtension):
    """Refuses a document of several operations of which none is named; strawberry would take the first."""

    def on_validate(self) -> Iterator[None]:
        document = self.execution_context.graphql_document
        operations = (
            [node for node in document.definitions if isinstance(node, OperationDefinitionNode)] if document else []
        )
        if len(operations) > 1 and not getattr(self.execution_context.context, "operation_name", None):
            raise BadRequest("operationName must name one of the operations")
        yield


def build_schema(*, limits: Limits = LIMITS, tokens: int = 3000, introspection: bool = True) -> Schema:
    """The public schema with these limits; `introspection` says whether it tells about itself."""
    extensions: list[Any] = [
        limit_queries(limits),
        NamedOperation,
        Guarded,
        lambda: MaxTokensLimiter(max_token_count=tokens),
        ParsedOnce,
        ValidatedOnce,
    ]
    if not introspection:
        extensions.append(DisableIntrospection)
    return Schema(
        query=Query,
        mutation=Mutation,
        types=cast(Any, PRODUCT_TYPES),
        extensions=extensions,
        config=StrawberryConfig(auto_camel_case=True, disable_field_suggestions=not introspection),
    )
