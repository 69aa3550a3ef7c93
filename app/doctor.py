"""What the connected Commerce can and cannot do for Vitrine, and whether Vitrine could serve it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from redis.exceptions import RedisError

from app.auth.keys import KeyRing
from app.auth.ways import STORE_IS_WEBSITE
from app.commerce.accounts import Accounts
from app.commerce.capabilities import INTROSPECTION
from app.commerce.client import StoreContext
from app.errors import UpstreamError, UpstreamRefused
from app.main import Parts
from app.redis_client import AWAY, MEMORY, connect, disconnect
from app.sso import ways_of
from app.state import TIMEOUT

NO_EVICTION = "noeviction"

SERVES = ("Stores", "Store", "Products", "Category", "Navigation")  # without these there is no shop to show


@dataclass
class Report:
    """The findings: each a line for people. `fit` says whether the API could serve."""

    fit: bool = True
    facts: list[tuple[str, str]] = field(default_factory=list)
    stores: list[tuple[str, str, str, str, str]] = field(default_factory=list)
    lost: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def fail(self, problem: str) -> None:
        """Notes a problem that keeps the API from serving."""
        self.fit = False
        self.problems.append(problem)


async def examine(parts: Parts) -> Report:
    """Connects to the Commerce of the settings and looks at it. Raises nothing: what goes wrong is in the report."""
    report = Report()
    report.facts.append(("Commerce", parts.settings.commerce_base))
    await _reach(parts, report)
    if report.fit:
        await _understand(parts, report)
    await _credentials(parts, report)
    await _writes(parts, report)
    settings = parts.settings
    if settings.oidc_providers.get_secret_value() or settings.sso_link_attribute or settings.sso_way != "auto":
        await _customers(parts, report)
    return report


async def _reach(parts: Parts, report: Report) -> None:
    started = time.perf_counter()
    try:
        await parts.graphql.execute("Ping", "{ __typename }", {}, StoreContext())
    except UpstreamError as error:
        report.fail(f"/graphql does not answer: {error.code}, {error.detail}")
        return
    report.facts.append(("answers", f"within {(time.perf_counter() - started) * 1000:.0f} ms"))


async def _understand(parts: Parts, report: Report) -> None:
    shop = parts.shop
    try:
        await shop.refresh()
    except UpstreamError as error:
        if not shop.capabilities.saas:
            report.fail(f"store views cannot be read: {error.code}, {error.detail}")
    capabilities = shop.capabilities
    if capabilities.live:
        report.facts.append(("version", f"{capabilities.edition} {capabilities.version}, as its schema shows"))
    else:
        report.facts.append(("version", f"not known: the pinned schema of {capabilities.like.name} is used"))
        report.warnings.append(
            f"introspection does not answer ({await _why_not(parts)}): set COMMERCE_VERSION, and name the shop's "
            "attributes in CATALOG_ATTRIBUTES"
        )
    if capabilities.saas:
        report.fail(
            "this is Adobe Commerce as a Cloud Service: its catalogue is another model (productSearch, ProductView), "
            "which Vitrine does not serve yet"
        )
    operations = capabilities.operations
    for name in SERVES:
        if not operations.offers(name) and not capabilities.saas:
            report.fail(f"{name}: {operations.unoffered[name]}")
    report.lost = operations.lost()
    filters = sorted(capabilities.filters)
    report.facts.append(("filters", f"{len(filters)}: {', '.join(filters)}"))
    report.facts.append(("sorts", ", ".join(capabilities.sorts)))
    one = "one call" if operations.offers("CategoryPage") else "two calls: this version filters no products by path"
    report.facts.append(("category page", one))
    for view in shop.views.values():
        config = view.config
        report.stores.append(
            (
                view.code + (" (default)" if view.code == shop.default else ""),
                str(config.get("website_code") or ""),
                str(config.get("locale") or ""),
                view.currency,
                ", ".join(view.currencies),
            )
        )


async def _why_not(parts: Parts) -> str:
    try:
        reply = await parts.graphql.execute(
            "Introspection", INTROSPECTION, {}, StoreContext(), timeout=parts.settings.commerce_schema_timeout
        )
    except UpstreamError as error:
        return f"{error.code}, {error.detail}"
    return "it gave no schema" if not reply.data.get("__schema") else "at first; it does now"


async def _credentials(parts: Parts, report: Report) -> None:
    lacking = []
    if not parts.rest.available:
        report.facts.append(("REST", "no credentials: only store views of websites in COMMERCE_STORES are known"))
        lacking.append("REST credentials")
    if not parts.state.configured:
        lacking.append("REDIS_STATE_URL")
    if lacking:
        report.facts.append(("checkout", f"refused: placing orders needs {' and '.join(lacking)}"))
    if not parts.rest.available:
        return
    try:
        await parts.rest.get("store/storeViews")
    except UpstreamError as error:
        report.warnings.append(f"REST does not take the credentials: {error.code}, {error.detail}")
    else:
        report.facts.append(("REST", "takes the credentials"))
    try:
        # There is no such cart: an empty list is the proof.
        await parts.orders.find(0)
    except UpstreamRefused as error:
        report.facts.append(("orders", "cannot be read over REST"))
        report.warnings.append(
            f"REST does not show orders to the credentials ({error.code}, {error.detail}): checkout refuses to place "
            "any, and guests cannot look theirs up before 2.4.7; they need Sales > Operations > Orders"
        )
    except UpstreamError as error:
        report.warnings.append(f"orders could not be looked up over REST: {error.code}, {error.detail}")
    else:
        report.facts.append(("orders", "can be read over REST"))


async def _writes(parts: Parts, report: Report) -> None:
    """Whether carts can be filled: sessions need keys and a state."""
    settings = parts.settings
    lacking = []
    keys = settings.session_keys.get_secret_value()
    if not keys:
        lacking.append("SESSION_KEYS is not set")
    else:
        try:
            KeyRing.of(keys)
        except ValueError as error:
            lacking.append("SESSION_KEYS cannot be used")
            told = f"SESSION_KEYS: {error}"
            # Where there is a state for them, the API does not start with such keys.
            report.fail(told) if parts.state.configured else report.warnings.append(told)
        else:
            number = len(keys.split(","))
            report.facts.append(("sessions", f"{number} {'key' if number == 1 else 'keys'}, the first seals"))
    state = await _redis("state", "REDIS_STATE_URL", settings.redis_state_url.get_secret_value(), report)
    if state is None:
        unset = not parts.state.configured
        lacking.append("REDIS_STATE_URL is not set" if unset else "REDIS_STATE_URL does not answer")
    elif state:
        _check_state(state, report)
    cache = await _redis("cache", "REDIS_CACHE_URL", settings.redis_cache_url.get_secret_value(), report)
    if cache:
        _check_cache(cache, report)
    report.facts.append(("carts", f"refused: {', '.join(lacking)}" if lacking else "can be filled"))


async def _customers(parts: Parts, report: Report) -> None:
    """Whether shoppers who sign in get their customer at Commerce: a token, and a place for the link."""
    if not (parts.rest.available and parts.state.configured and parts.settings.session_keys.get_secret_value()):
        report.warnings.append(
            "nobody is signed in at Commerce: it needs REST credentials, sessions and REDIS_STATE_URL"
        )
        return
    accounts = Accounts(parts.rest)
    offered = ways_of(parts.settings, accounts, lambda: parts.shop.reads, parts.rest).offered()
    usable = [way for way, against in offered.items() if not against]
    report.facts.append(("customer tokens", f"by {', else '.join(usable)}" if usable else "none"))
    if not usable:
        told = "; ".join(f"{way}: {against}" for way, against in offered.items())
        report.warnings.append(
            f"Commerce gives no customer tokens ({told}): an admin user's credentials or SSO_PASSWORD_KEYS"
        )
    try:
        await accounts.by_email("nobody@example.com", 1)
        if usable[:1] == ["admin"] and parts.shop.capabilities.version.startswith(STORE_IS_WEBSITE):
            await _stores_of_websites(accounts, report)
    except UpstreamError as error:
        report.warnings.append(
            f"customers cannot be searched over REST ({error.code}, {error.detail}): nobody can be signed in; the "
            "credentials need Customers > All Customers"
        )
    else:
        report.facts.append(("customers", "can be searched over REST"))
    await _link(parts, accounts, report)


async def _stores_of_websites(accounts: Accounts, report: Report) -> None:
    sites = [site for site in await accounts.sites() if site.store_id]
    numbers = {site.store_id for site in sites}
    lost = sorted({site.website for site in sites} - numbers)
    if lost:
        report.warnings.append(
            f"no store view has the number of website {', '.join(map(str, lost))}: this Commerce gives an admin user "
            "no token for its customers; set SSO_PASSWORD_KEYS and SSO_WAY=password"
        )


async def _link(parts: Parts, accounts: Accounts, report: Report) -> None:
    """Where the link between a provider's subject and a customer is kept."""
    code = parts.settings.sso_link_attribute
    takes = (
        "a customer attribute (text, not visible, not required) made in the Admin of Adobe Commerce, or by a module of "
        "the shop's on Open Source, where no REST call makes one"
    )
    if not code:
        report.facts.append(("customer links", "in REDIS_STATE_URL"))
        by_email = "a verified e-mail address" if parts.settings.sso_link_by_email else "nothing"
        report.warnings.append(
            f"customer links are kept in REDIS_STATE_URL alone: when it is lost, {by_email} finds a customer again; "
            f"SSO_LINK_ATTRIBUTE keeps them at Commerce, which takes {takes}"
        )
        return
    try:
        known = code in await accounts.attributes()
    except UpstreamError as error:
        report.warnings.append(f"customer attributes cannot be read over REST: {error.code}, {error.detail}")
        return
    if known:
        report.facts.append(("customer links", f"in the customer attribute {code}"))
    else:
        report.fail(
            f"SSO_LINK_ATTRIBUTE: Commerce has no customer attribute {code}, so nobody can be signed in; it takes "
            f"{takes}"
        )


async def _redis(name: str, setting: str, url: str, report: Report) -> Mapping[str, Any] | None:
    """What a Redis says of itself, which can be nothing; None for one that is not set or does not answer."""
    if not url:
        report.facts.append((name, f"{setting} is not set{': every read goes to Commerce' if name == 'cache' else ''}"))
        return None
    if url == MEMORY:
        report.facts.append((name, "in this process: for development and the demo"))
        return {}
    client = connect(url, TIMEOUT)
    try:
        started = time.perf_counter()
        await client.ping()
        took = (time.perf_counter() - started) * 1000
        try:
            told = {**await client.info("memory"), **await client.info("persistence")}
        except RedisError:
            told = {}
    except AWAY as error:
        report.warnings.append(f"{setting} does not answer: {type(error).__name__}")
        return None
    finally:
        await disconnect(client)
    known = f"maxmemory-policy {told.get('maxmemory_policy', 'unknown')}"
    if name == "state":
        known += f", append-only {({0: 'off', 1: 'on'}).get(told.get('aof_enabled', -1), 'unknown')}"
    report.facts.append((name, f"answers within {took:.0f} ms; {known}"))
    if not told:
        report.warnings.append(f"{setting} does not say how it is set up: INFO is forbidden there")
    return told


def _check_state(told: Mapping[str, Any], report: Report) -> None:
    policy = told.get("maxmemory_policy", NO_EVICTION)
    if policy != NO_EVICTION:
        report.warnings.append(
            f"REDIS_STATE_URL evicts ({policy}): sessions and orders under way can be lost; set maxmemory-policy to "
            f"{NO_EVICTION}"
        )
    if told.get("aof_enabled") == 0:
        report.warnings.append(
            "REDIS_STATE_URL is not append-only: what it holds is lost or old after a crash; set appendonly to yes"
        )


def _check_cache(told: Mapping[str, Any], report: Report) -> None:
    if told.get("maxmemory_policy") == NO_EVICTION or told.get("maxmemory") == 0:
        report.warnings.append(
            "REDIS_CACHE_URL does not evict: it grows until it refuses; set maxmemory, and maxmemory-policy to "
            "allkeys-lru"
        )
