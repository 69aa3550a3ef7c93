"""The same page by stock means: Strawberry's own ASGI app over httpx2, without limits, cache or security."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import httpx2
import strawberry
from strawberry.asgi import GraphQL

Node = dict[str, Any]


@strawberry.type
class Money:
    amount: Decimal
    currency: str

    @classmethod
    def of(cls, node: Node) -> Money:
        return cls(amount=Decimal(str(node["value"])).quantize(Decimal("0.01")), currency=node["currency"])


@strawberry.type
class Discount:
    amount: Money
    percent: Decimal

    @classmethod
    def of(cls, node: Node, currency: str) -> Discount | None:
        if not node["amount_off"]:
            return None
        amount = Money.of({"value": node["amount_off"], "currency": currency})
        return cls(amount=amount, percent=Decimal(str(node["percent_off"])))


@strawberry.type
class Price:
    regular: Money
    final: Money
    discount: Discount | None

    @classmethod
    def of(cls, node: Node) -> Price:
        final = Money.of(node["final_price"])
        discount = Discount.of(node["discount"], final.currency)
        return cls(regular=Money.of(node["regular_price"]), final=final, discount=discount)


@strawberry.type
class ProductPrice(Price):
    minimum: Price
    maximum: Price


@strawberry.type
class Image:
    url: str
    alt: str

    @classmethod
    def of(cls, node: Node) -> Image:
        return cls(url=node["url"], alt=node["label"])


@strawberry.type
class Rating:
    average: Decimal | None
    count: int


@strawberry.type
class Stock:
    in_stock: bool
    only_left: Decimal | None


@strawberry.interface
class Product:
    uid: strawberry.ID
    sku: str
    name: str
    url_key: str
    url: str
    in_stock: bool
    image: Image
    thumbnail: Image
    price: ProductPrice
    rating: Rating
    stock: Stock


@strawberry.type
class SimpleProduct(Product):
    pass


@strawberry.type
class ConfigurableProduct(Product):
    pass


@strawberry.type
class BundleProduct(Product):
    pass


@strawberry.type
class GroupedProduct(Product):
    pass


@strawberry.type
class VirtualProduct(Product):
    pass


@strawberry.type
class DownloadableProduct(Product):
    pass


@strawberry.type
class GiftCardProduct(Product):
    pass


KINDS = {
    kind.__name__: kind
    for kind in (
        SimpleProduct,
        ConfigurableProduct,
        BundleProduct,
        GroupedProduct,
        VirtualProduct,
        DownloadableProduct,
        GiftCardProduct,
    )
}


def product(node: Node) -> Product:
    """A product from Commerce's."""
    span = node["price_range"]
    minimum = Price.of(span["minimum_price"])
    stock = node["stock_status"] == "IN_STOCK"
    count = node["review_count"]
    average = (Decimal(node["rating_summary"]) / 20).quantize(Decimal("0.01")) if count else None
    left = node["only_x_left_in_stock"]
    return KINDS[node["__typename"]](
        uid=strawberry.ID(node["uid"]),
        sku=node["sku"],
        name=node["name"],
        url_key=node["url_key"],
        url=f"/{node['url_key']}{node['url_suffix']}",
        in_stock=stock,
        image=Image.of(node["image"]),
        thumbnail=Image.of(node["thumbnail"]),
        price=ProductPrice(
            regular=minimum.regular,
            final=minimum.final,
            discount=minimum.discount,
            minimum=minimum,
            maximum=Price.of(span["maximum_price"]),
        ),
        rating=Rating(average=average, count=count),
        stock=Stock(in_stock=stock, only_left=None if left is None else Decimal(str(left))),
    )


@strawberry.type
class FacetOption:
    value: str
    label: str
    count: int


@strawberry.type
class Facet:
    attribute: str
    label: str
    options: list[FacetOption]


@strawberry.type
class SortOption:
    value: str
    label: str
    is_default: bool


@strawberry.type
class ProductList:
    total: int
    page: int
    pages: int
    items: list[Product]
    facets: list[Facet]
    sorts: list[SortOption]


@strawberry.type
class Step:
    name: str
    url: str


@strawberry.type
class Category:
    name: str
    url: str
    breadcrumbs: list[Step]
    children: list[Step]
    listed: strawberry.Private[Node]

    @strawberry.field
    def products(self, page_size: int) -> ProductList:
        found = self.listed
        sorts = found["sort_fields"]
        return ProductList(
            total=found["total_count"],
            page=1,
            pages=found["page_info"]["total_pages"],
            items=[product(node) for node in found["items"]],
            facets=[
                Facet(
                    attribute=facet["attribute_code"],
                    label=facet["label"],
                    options=[FacetOption(**option) for option in facet["options"]],
                )
                for facet in found["aggregations"]
                if facet["attribute_code"] != "category_uid"
            ],
            sorts=[SortOption(**option, is_default=option["value"] == sorts["default"]) for option in sorts["options"]],
        )


def stock(upstream: str, document: str) -> GraphQL[None, None]:
    """The server, over an upstream's base URL that is asked with this document."""
    client = httpx2.AsyncClient(base_url=upstream, trust_env=False)

    @strawberry.type
    class Query:
        @strawberry.field
        async def category(self, url_path: str, info: strawberry.Info) -> Category | None:
            variables = {
                "path": url_path,
                "filter": {"category_url_path": {"eq": url_path}},
                # One call for the category and its products, as ours makes.
                "pageSize": info.variable_values["size"],
                "currentPage": 1,
            }
            reply = await client.post("/graphql", json={"query": document, "variables": variables})
            data = reply.json()["data"]
            found = data["categories"]["items"][0]
            return Category(
                name=found["name"],
                url=f"/{found['url_path']}.html",
                breadcrumbs=[
                    Step(name=each["category_name"], url=f"/{each['category_url_path']}.html")
                    for each in found["breadcrumbs"] or ()
                ],
                children=[Step(name=each["name"], url=f"/{each['url_path']}.html") for each in found["children"]],
                listed=data["products"],
            )

    return GraphQL(strawberry.Schema(Query, types=list(KINDS.values())))
