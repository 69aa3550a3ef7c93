"""Reading what others tell of changes: our own plain form, and events of Adobe Commerce as Adobe I/O delivers them.

Adobe's events are CloudEvents whose `type` ends with Commerce's event code and whose `data.value` has the fields that
were subscribed (Adobe Commerce extensibility, Events; Adobe I/O Events, Webhooks). A batch is a list of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.commerce.changes import Change, Kind
from app.errors import BadInput

MOST_CHANGES = 1000
LONGEST_NAME = 255
NAMES = {Kind.PRODUCT: "sku", Kind.STOCK: "sku", Kind.CATEGORY: "id", Kind.PAGE: "identifier", Kind.BLOCK: "identifier"}

# The first that is found in an event's code tells what changed.
_CODES: tuple[tuple[re.Pattern[str], Kind], ...] = tuple(
    (re.compile(code), kind)
    for code, kind in (
        (r"catalogrule|catalog_product_import|tax_(class|rate|rule)|currency", Kind.PRODUCTS),
        (r"entity_attribute|eav.*attribute|attribute_repository", Kind.ALL),
        (r"cataloginventory_stock_item|stock_registry|inventory.*source_items?_", Kind.STOCK),
        (r"catalog_category|catalog.*category_(repository|link)", Kind.CATEGORY),
        (r"catalog_product|catalog.*(product_repository|price_storage)|product_website", Kind.PRODUCT),
        (r"cms_page|cms.*page_repository", Kind.PAGE),
        (r"cms_block|cms.*block_repository", Kind.BLOCK),
        (r"url_rewrite", Kind.ROUTE),
        (r"config_data|system_config|observer\.(store|website|store_group)_", Kind.CONFIG),
    )
)
# Events of what a cache of public reads has nothing to do with, though their codes have the same words in them.
_PRIVATE = re.compile(r"sales_|quote|checkout|customer|cart|newsletter|review_.*load|_load|_before")


@dataclass(frozen=True, slots=True)
class Told:
    """What a sender told: changes, and the store views that they are limited to, if any."""

    changes: tuple[Change, ...]
    stores: tuple[str, ...] | None = None


def plain(given: object) -> Told:
    """From `{"changes": [{"type": "product", "sku": …}, …], "store": …}`. Raises `BadInput`."""
    if not isinstance(given, dict):
        raise BadInput("body", "must be a JSON object")
    changes, store = given.get("changes"), given.get("store")
    if not isinstance(changes, list) or not changes:
        raise BadInput("changes", "must be a list of changes")
    if len(changes) > MOST_CHANGES:
        raise BadInput("changes", f"must have {MOST_CHANGES} at most; send more in several requests")
    if store is not None and not (isinstance(store, str) and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,63}", store)):
        raise BadInput("store", "must be a store code")
    read = tuple(_change(f"changes[{place}]", each) for place, each in enumerate(changes))
    return Told(read, (store,) if store is not None else None)


def _change(where: str, given: object) -> Change:
    if not isinstance(given, dict):
        raise BadInput(where, "must be an object")
    try:
        kind = Kind(str(given.get("type")))
    except ValueError:
        raise BadInput(f"{where}.type", f"must be one of {', '.join(Kind)}") from None
    field = NAMES.get(kind)
    if field is None:
        return Change(kind)
    name = given.get(field)
    if kind is Kind.CATEGORY and type(name) is int:
        name = str(name)
    if not isinstance(name, str) or not name.strip() or len(name) > LONGEST_NAME:
        raise BadInput(f"{where}.{field}", f"must have between 1 and {LONGEST_NAME} characters")
    if kind is Kind.CATEGORY and not name.isdecimal():
        raise BadInput(f"{where}.{field}", "must be a number")
    return Change(kind, name)


def adobe_events(given: object) -> list[Mapping[str, Any]]:
    """The events of one delivery: a single one, or a batch. Raises `BadInput`."""
    if isinstance(given, dict) and isinstance(given.get("events"), list):
        shared = given.get("recipient_client_id")
        batch = [
            {"recipient_client_id": shared, **each} if isinstance(each, dict) else each for each in given["events"]
        ]
    else:
        batch = given if isinstance(given, list) else [given]
    if not batch or len(batch) > MOST_CHANGES or not all(isinstance(each, dict) for each in batch):
        raise BadInput("body", f"must be one event or a list of {MOST_CHANGES} at most")
    return batch


def recipients(events: list[Mapping[str, Any]]) -> set[object]:
    """Whom a delivery is for; it should be one. None stands for events that do not say."""
    return {each if isinstance(each := event.get("recipient_client_id"), str) else None for event in events}


@dataclass(frozen=True, slots=True)
class Nameless:
    """A stock event: it has the product's number only, and the SKU must be looked up."""

    product_id: int


def adobe_changes(events: list[Mapping[str, Any]]) -> set[Change | Nameless]:
    """What these events say has changed; those that do not concern the cache say nothing."""
    found: set[Change | Nameless] = set()
    for event in events:
        # Some deliveries wrap the event once more.
        inner = event.get("event") if isinstance(event.get("event"), dict) else event
        assert isinstance(inner, Mapping)
        code = str(inner.get("type") or "").lower()
        kind = next((kind for pattern, kind in _CODES if pattern.search(code)), None)
        if kind is None or _PRIVATE.search(code):
            continue
        data = inner.get("data")
        value = data.get("value", data) if isinstance(data, dict) else None
        found.add(_told(kind, value if isinstance(value, dict) else {}))
    return found


def _told(kind: Kind, value: Mapping[str, Any]) -> Change | Nameless:
    if kind in (Kind.PRODUCT, Kind.STOCK):
        sku = value.get("sku")
        if isinstance(sku, str) and 0 < len(sku) <= LONGEST_NAME:
            return Change(kind, sku)
        number = _number(value, "product_id" if kind is Kind.STOCK else "entity_id")
        return Nameless(number) if kind is Kind.STOCK and number else Change(kind)
    if kind is Kind.CATEGORY:
        number = _number(value, "entity_id") or _number(value, "id") or _number(value, "category_id")
        return Change(kind, str(number) if number else "")
    # A page or block that got another identifier does not say which it had: all of them are purged.
    return Change(kind)


def _number(value: Mapping[str, Any], name: str) -> int | None:
    number = value.get(name)
    if isinstance(number, str) and number.isdecimal() and len(number) < 12:
        return int(number)
    return number if type(number) is int and number > 0 else None
