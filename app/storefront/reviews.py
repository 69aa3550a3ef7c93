"""What shoppers say of a product."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from functools import lru_cache

import strawberry

from app.storefront.common import Node, check_page, described, present, time_of
from app.storefront.context import Info
from app.storefront.links import plain
from app.storefront.selection import Selection, arguments

MAX_REVIEWS = 50


@strawberry.type(description="What shoppers say of a product, in short.")
class Rating:
    average: Decimal | None = described("The average from 0 to 5 stars; null when nobody has rated it yet.")
    count: int = described("How many reviews there are.")

    @classmethod
    def of(cls, node: Node) -> Rating:
        """From a product's `rating_summary`, which is a percentage, and `review_count`."""
        count = node.get("review_count") or 0
        return cls(average=stars(node.get("rating_summary") or 0) if count else None, count=count)


@lru_cache(maxsize=256)
def stars(percent: float) -> Decimal:
    """A rating in percent as one from 0 to 5 stars."""
    return (Decimal(str(percent)) / 20).quantize(Decimal("0.01"))


@strawberry.type(description="A mark for one quality of a product.")
class ReviewMark:
    name: str = described("What is rated.")
    stars: Decimal = described("The mark, from 1 to 5 stars.")


@strawberry.type(description="What one shopper says of a product.")
class Review:
    nickname: str = described("How the shopper calls himself.")
    summary: str = described("The review in a line.")
    text: str = described("The review, as plain text.")
    average: Decimal = described("The average of its marks, from 0 to 5 stars.")
    marks: list[ReviewMark] = described("Its marks.")
    created_at: datetime = described("When it was written.")

    @classmethod
    def of(cls, node: Node) -> Review:
        """From Commerce's `ProductReview`."""
        return cls(
            nickname=plain(node.get("nickname")) or "",
            summary=plain(node.get("summary")) or "",
            text=plain(node.get("text")) or "",
            average=stars(node.get("average_rating") or 0),
            marks=[
                ReviewMark(name=plain(mark["name"]) or "", stars=Decimal(mark["value"]))
                for mark in present(node.get("ratings_breakdown"))
            ],
            created_at=time_of(node["created_at"]),
        )


@strawberry.type(description="A page of a product's reviews, in the shop's order.")
class Reviews:
    total: int = described("How many reviews there are.")
    page: int = described("Which page this is, from 1.")
    page_size: int = described("How many reviews a page has.")
    pages: int = described("How many pages there are.")
    items: list[Review] = described("The reviews of this page.")


def reviews_variables(info: Info, selection: Selection) -> dict[str, object]:
    """The variables for the reviews that a selection of product fields asks for. Raises `BadInput`."""
    if "reviews" not in selection:
        return {}
    given = arguments(info, selection, "Product", "reviews", default={})
    page, size = given.get("page", 1), given.get("pageSize", 10)
    check_page(page, size, MAX_REVIEWS)
    return {"reviewsPage": page, "reviewsPageSize": size}
