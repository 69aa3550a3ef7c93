"""What Commerce is asked with in our own name, and the Commerce side of signing in: put together by the settings."""

from __future__ import annotations

import time
from collections.abc import Callable

from app.auth.customers import Customers, Rules
from app.auth.exchange import Exchange
from app.auth.links import AttributeLinks, Links, StateLinks
from app.auth.merging import Merges
from app.auth.passwords import Passwords
from app.auth.sessions import Sessions
from app.auth.ways import Ways
from app.commerce.accounts import Accounts
from app.commerce.client import StoreContext
from app.commerce.customers import Customers as Standings
from app.commerce.orders import Orders
from app.commerce.reads import Reads
from app.commerce.rest import AdminUser, Credentials, Integration, Rest
from app.settings import Settings
from app.state import State


def credentials(settings: Settings) -> Credentials | None:
    """The REST credentials that the settings give, or None."""
    if settings.commerce_consumer_key:
        return Integration(
            settings.commerce_consumer_key,
            settings.commerce_consumer_secret.get_secret_value(),
            settings.commerce_access_token,
            settings.commerce_access_token_secret.get_secret_value(),
        )
    if settings.commerce_admin_username:
        return AdminUser(
            settings.commerce_admin_username,
            settings.commerce_admin_password.get_secret_value(),
            settings.commerce_admin_totp_secret.get_secret_value(),
        )
    return None


def ways_of(
    settings: Settings,
    accounts: Accounts,
    reads: Callable[[], Reads],
    rest: Rest,
    clock: Callable[[], float] = time.time,
) -> Ways:
    """The ways to a customer's token that the settings leave. Raises `ValueError` for keys that are none."""
    passwords = Passwords.of(settings.sso_password_keys.get_secret_value())
    only = None if settings.sso_way == "auto" else settings.sso_way
    return Ways(accounts, reads, rest, passwords, only=only, clock=clock)


def build_exchange(
    settings: Settings,
    sessions: Sessions | None,
    state: State,
    rest: Rest,
    reads: Callable[[], Reads],
    orders: Orders,
    standings: Standings,
    clock: Callable[[], float] = time.time,
) -> Exchange | None:
    """What signs shoppers in at Commerce, where there are sessions and REST credentials."""
    if sessions is None or not rest.available:
        return None
    accounts = Accounts(rest)
    ways = ways_of(settings, accounts, reads, rest, clock)
    older = StateLinks(accounts, state)
    code = settings.sso_link_attribute
    links: Links = AttributeLinks(accounts, code, older) if code else older
    rules = Rules(settings.sso_link_by_email, settings.sso_create_unverified, dict(settings.sso_groups))
    merges = Merges(
        sessions,
        reads,
        orders.pending,
        max_execution=settings.commerce_max_execution,
        timeout=settings.commerce_timeout,
        patience=settings.sso_patience,
        margin=settings.order_margin,
        clock=clock,
    )

    async def group_of(token: str, store: str) -> str | None:
        return (await standings.standing(token, StoreContext(store))).group

    customers = Customers(accounts, links, state, rules, ways.password_of)
    return Exchange(sessions, state, accounts, customers, ways, merges, group_of, clock=clock)
