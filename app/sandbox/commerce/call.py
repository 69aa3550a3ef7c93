"""What a request is about: who asks, for which store view, in which currency."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from graphql import GraphQLResolveInfo

from .errors import CommerceError
from .index import Index
from .model import Customer, Localized, Store, say
from .search import Viewer
from .shop import Shop

# Third-party generics are spelled out once; what the context is, `call` makes sure of.
Info: TypeAlias = GraphQLResolveInfo[Any]


async def _at_once() -> None:
    """Work that takes no time but lets others go first."""
    await asyncio.sleep(0)


@dataclass(slots=True)
class Call:
    """The context of one GraphQL request. `tags` collects what its reply depends on; `work` is awaited by what takes
    its time; `crashes` says that what is being done ends half done; `recaptcha` is the token that came along. `admin`:
    an admin user asks, `integration`: an integration whose signature was checked."""

    shop: Shop
    index: Index
    store: Store
    currency: str
    customer: Customer | None
    admin: bool
    version: tuple[int, ...]
    public_url: str
    tags: dict[str, None] = field(default_factory=dict)
    memo: dict[Any, Any] = field(default_factory=dict)
    work: Callable[[], Awaitable[None]] = _at_once
    recaptcha: str | None = None
    crashes: bool = False
    integration: bool = False

    @property
    def group(self) -> int:
        """The customer group that prices are for: 0 is NOT LOGGED IN."""
        return self.customer.group if self.customer else 0

    @property
    def rate(self) -> float:
        return self.shop.rates[self.currency]

    @property
    def viewer(self) -> Viewer:
        if "viewer" not in self.memo:
            website = self.shop.website_of(self.store).id
            self.memo["viewer"] = Viewer(self.store, website, self.group, self.rate)
        viewer: Viewer = self.memo["viewer"]
        return viewer

    @property
    def cache_id(self) -> str:
        """`X-Magento-Cache-Id`: another for every store view, currency and customer group (cache-000 to cache-004)."""
        parts = f"stand-in|{self.store.code}|{self.currency}|{self.group}|{self.customer is not None}"
        return hashlib.sha256(parts.encode()).hexdigest()

    def say(self, text: Localized) -> str:
        return say(text, self.store.code)

    def html(self, text: Localized) -> str:
        """Content with its links and pictures pointing to this shop, as Commerce's filters leave it (gql-113)."""
        content = self.say(text)
        return content.replace("{base_url}", f"{self.public_url}/").replace("{media}", f"{self.public_url}/media/")

    def media(self, path: str) -> str:
        return f"{self.public_url}/media/{path}"

    def check_recaptcha(self) -> None:
        """What Adobe's reference calls a protected mutation; the message is of its release notes."""
        wanted = self.shop.sales.recaptcha
        if wanted is not None and self.recaptcha != wanted:
            raise CommerceError("ReCaptcha validation failed, please try again")

    def tag(self, *tags: str) -> None:
        self.tags.update(dict.fromkeys(tags))


def call(info: Info) -> Call:
    """The request that a resolver works for."""
    context = info.context
    assert isinstance(context, Call)
    return context
