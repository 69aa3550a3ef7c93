"""What the connected Commerce can and cannot do for Vitrine, and whether Vitrine could serve it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from app.commerce.capabilities import INTROSPECTION
from app.commerce.client import StoreContext
from app.errors import UpstreamError
from app.main import Parts

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
    if not parts.rest.available:
        report.facts.append(("REST", "no credentials: only store views of websites in COMMERCE_STORES are known"))
        report.facts.append(("checkout", "refused: placing orders needs REST credentials"))
        return
    if not parts.state.configured:
        report.facts.append(("checkout", "refused: placing orders needs REDIS_STATE_URL"))
    try:
        await parts.rest.get("store/storeViews")
    except UpstreamError as error:
        report.warnings.append(f"REST does not take the credentials: {error.code}, {error.detail}")
    else:
        report.facts.append(("REST", "takes the credentials"))
