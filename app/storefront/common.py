"""Types that several parts of the public schema share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import strawberry

from app.errors import BadInput
from app.money import exact
from app.storefront.links import Links, plain

Node = Mapping[str, Any]


def present(nodes: Iterable[Node | None] | None) -> list[Node]:
    """The nodes of one of Commerce's lists, any of which it may leave null."""
    return [node for node in nodes or () if node]


def described(text: str, **options: Any) -> Any:
    """A field that is read as it stands, with its description."""
    return strawberry.field(description=text, **options)


@strawberry.type(description="An amount of money.")
class Money:
    amount: Decimal = described("The amount, exact, in the currency's own number of digits.")
    currency: str = described("The currency's ISO 4217 code.")

    @classmethod
    def of(cls, node: Node | None, currency: str) -> Money | None:
        """From Commerce's `Money`; `currency` where it names none. A price that the shop hides is null, not zero."""
        if not node or node.get("value") is None:
            return None
        return cls.exact(node["value"], node.get("currency") or currency)

    @classmethod
    def exact(cls, value: float | str, currency: str) -> Money:
        """An amount in a currency."""
        return cls(amount=exact(value, currency), currency=currency)


@strawberry.type(description="A picture.")
class Image:
    url: str = described("Where the picture is.")
    alt: str = described("What it shows, in words.")

    @classmethod
    def of(cls, node: Node | None, alt: str | None, links: Links) -> Image | None:
        """From Commerce's `ProductImage`; `alt` where it has no label."""
        url = links.picture(node.get("url")) if node else None
        return cls(url=url, alt=plain(node.get("label")) or alt or "") if node and url else None


@strawberry.type(description="What a page says of itself to search engines.")
class Seo:
    title: str | None = described("The title of the page, when it has one of its own.")
    description: str | None = described("The description of the page.")
    keywords: str | None = described("The key words of the page.")
    canonical_url: str | None = described("The URL that search engines should keep.")

    @classmethod
    def of(cls, node: Node, links: Links) -> Seo:
        """From the `meta_…` fields of a product, category or page."""
        return cls(
            title=plain(node.get("meta_title")) or None,
            description=plain(node.get("meta_description")) or None,
            keywords=plain(node.get("meta_keywords") or node.get("meta_keyword")) or None,
            canonical_url=links.page(node.get("canonical_url")),
        )


@strawberry.type(description="One step of the way from the root of the catalogue.")
class Breadcrumb:
    uid: strawberry.ID = described("The category's identifier.")
    name: str = described("The category's name.")
    url_path: str | None = described("The category's path, for `category(urlPath:)`.")
    url: str | None = described("The category's URL in the storefront.")

    @classmethod
    def trail(cls, nodes: list[Node] | None, links: Links) -> list[Breadcrumb]:
        """From Commerce's `breadcrumbs`, which are null at the top level, the highest first."""
        suffix = links.view.config.get("category_url_suffix") or ""
        return [
            cls(
                uid=strawberry.ID(str(node["category_uid"])),
                name=plain(node.get("category_name")) or "",
                url_path=node.get("category_url_path"),
                url=links.path(f"{node['category_url_path']}{suffix}") if node.get("category_url_path") else None,
            )
            for node in sorted(present(nodes), key=lambda node: node.get("category_level") or 0)
        ]


def time_of(value: str) -> datetime:
    """Commerce's `2026-11-23 14:41:10`, which is UTC. Raises `ValueError` for anything else."""
    return datetime.fromisoformat(value).replace(tzinfo=UTC)


def check_page(page: int, page_size: int, largest: int) -> None:
    """Raises `BadInput` for a page or page size that cannot be."""
    if page < 1:
        raise BadInput("page", "must be 1 or more")
    if not 1 <= page_size <= largest:
        raise BadInput("pageSize", f"must be between 1 and {largest}")


def check_count(argument: str, values: list[str], largest: int) -> None:
    """Raises `BadInput` for a list that is empty, too long or has an empty value in it."""
    if not 1 <= len(values) <= largest:
        raise BadInput(argument, f"takes between 1 and {largest} values")
    if not all(value.strip() for value in values):
        raise BadInput(argument, "must not have an empty value")
