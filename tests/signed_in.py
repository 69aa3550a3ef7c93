"""Shoppers who have signed in, as applications find them: by a session that has Commerce's own token in it."""

from __future__ import annotations

from dataclasses import dataclass

from app.commerce.client import StoreContext
from app.commerce.customers import Customer
from app.main import sessions_of
from app.sandbox.commerce import Commerce
from app.sandbox.commerce.model import Tier
from app.storefront.shopper import sign_in
from tests.conftest import Api

SKU = "TT-C01"
PEOPLE = {"1": "ada", "2": "walter", "3": "rita"}  # one of each customer group


@dataclass(frozen=True)
class SignedIn:
    """A shopper: Commerce's token for him, the group that he is known to be in, and what his app sends."""

    token: str
    group: str | None
    headers: dict[str, str]


def price_by_group(commerce: Commerce) -> None:
    """Gives the product SKU another price for every group; as the demo has it, group 1 pays what guests pay."""
    product = commerce.shop.products[SKU]
    product.tiers += (Tier(1, 1, product.price - 1),)
    commerce.shop.set_price(SKU, product.price)


async def signed_in(api: Api, name: str) -> SignedIn:
    """One of the demo's customers signs in with Commerce's own `generateCustomerToken`."""
    person = {"email": f"{name}@example.com", "password": f"{name.title()}-passw0rd"}
    reply = await api.parts.shop.reads.write("CustomerToken", (), person, StoreContext())
    token = reply.root("generateCustomerToken")["token"]
    standing = await api.parts.customers.standing(token, StoreContext())
    sessions = sessions_of(api.parts)
    assert sessions is not None
    session = await sign_in(sessions, await sessions.begin(), Customer(token, standing.group))
    return SignedIn(token, standing.group, {"Authorization": f"Bearer {session.token}"})
