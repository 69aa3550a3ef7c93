"""Lists by Commerce's REST interface: search criteria, and one page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from app.commerce.rest import Rest
from app.errors import UpstreamInvalid

LARGEST_PAGE = 300  # Commerce's own limit, where it is switched on (FACTS, Bulk and enterprise interfaces)


@dataclass(frozen=True, slots=True)
class Where:
    """A condition; several are joined by AND. `how` is Commerce's condition type."""

    field: str
    value: str
    how: str = "eq"


@dataclass(frozen=True, slots=True)
class Page:
    """Some items, and how many there are in all."""

    items: Sequence[dict[str, Any]]
    total: int


async def read_page(
    rest: Rest, path: str, where: Sequence[Where], *, fields: str, sort: str = "", down: bool = False, size: int
) -> Page:
    """The first page of a list, in the scope of all store views. Raises an `UpstreamError`.

    With `fields` an empty list is null (`ord-002`), so the total is asked for as well.
    """
    asked: list[tuple[str, str]] = []
    for group, each in enumerate(where):
        name = f"searchCriteria[filter_groups][{group}][filters][0]"
        told = {"field": each.field, "value": each.value, "condition_type": each.how}
        asked += [(f"{name}[{key}]", value) for key, value in told.items()]
    if sort:
        asked += [("searchCriteria[sortOrders][0][field]", sort)]
        asked += [("searchCriteria[sortOrders][0][direction]", "DESC" if down else "ASC")]
    asked += [("searchCriteria[pageSize]", str(size)), ("fields", f"items[{fields}],total_count")]
    found = await rest.get(f"{path}?{urlencode(asked)}", store="all")
    if not isinstance(found, dict) or type(found.get("total_count")) is not int:
        raise UpstreamInvalid(f"{path}: no list")
    items = found.get("items") or []
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise UpstreamInvalid(f"{path}: the items are no list")
    return Page(items, found["total_count"])
