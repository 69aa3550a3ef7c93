"""The public schema, put together."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, cast

import strawberry
from graphql import GraphQLError, NoSchemaIntrospectionCustomRule
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext, get_object_definition
from strawberry.utils.str_converters import to_camel_case

from app.storefront.account import AccountMutation, AccountQuery
from app.storefront.cart import CartQuery
from app.storefront.cart_edits import CartMutation
from app.storefront.catalog import CatalogQuery
from app.storefront.checkout import CheckoutQuery
from app.storefront.checkout_steps import CheckoutMutation
from app.storefront.compiled import compiled_executor
from app.storefront.content import ContentQuery
from app.storefront.documents import Documents, prepared
from app.storefront.keeping import Kept
from app.storefront.limits import Limits
from app.storefront.orders import OrderQuery
from app.storefront.products import PRODUCT_TYPES
from app.storefront.reordering import ReorderMutation
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
# A document is kept as up to 110 bytes for each of its characters, and the plan for it as up to 30.
CACHED = {"most": 256, "longest": 16_384, "total": 262_144}
LIMITS = Limits(depth=15, fields=1000, aliases=30)


@strawberry.type(description="What can be read.")
class Query(CatalogQuery, ContentQuery, StoreQuery, CartQuery, CheckoutQuery, ShippingQuery, OrderQuery, AccountQuery):
    pass


@strawberry.type(description="What can be changed. A request that changes something needs the header `X-Vitrine: 1`.")
class Mutation(CartMutation, CheckoutMutation, AccountMutation, ReorderMutation):
    pass


MUTATIONS = frozenset(to_camel_case(field.python_name) for field in get_object_definition(Mutation, strict=True).fields)


class Schema(strawberry.Schema):
    """The schema. Strawberry's own logging of errors is off: it writes stacks and arguments; see `masking`."""

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        del errors, execution_context


@lru_cache(maxsize=8)
def build_schema(
    *, limits: Limits = LIMITS, tokens: int = 3000, introspection: bool = True, compiled: bool = True
) -> Schema:
    """The public schema with these limits, made once for each; `introspection` says whether it tells about itself.

    `compiled` of False leaves all of the execution to graphql-core, for those who compare.
    """
    rules = () if introspection else (NoSchemaIntrospectionCustomRule,)
    documents = Documents(Kept(**CACHED), limits=limits, tokens=tokens, rules=rules)
    return Schema(
        query=Query,
        mutation=Mutation,
        types=cast(Any, PRODUCT_TYPES),
        extensions=[prepared(documents)],
        execution_context_class=compiled_executor(Kept(**CACHED)) if compiled else None,
        config=StrawberryConfig(auto_camel_case=True, disable_field_suggestions=not introspection),
    )
