"""`searchCriteria` of Commerce's REST interface: what fits, in order, and one page of it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Any, TypeVar

from .errors import RestError

T = TypeVar("T")
Column = Callable[[T, str], Any]


def searched(query: dict[str, list[str]], rows: list[T], column: Column[T], body: Callable[[T], Any]) -> Any:
    """The rows that fit every group of filters, as bodies. `column` gives a row's value by name, or raises
    `unknown_column`. A page past the end has no items (ord-000 to ord-004). Raises `RestError` where nothing is asked
    for (rest-063)."""
    if not any(re.match(r"search_?criteria", name, re.IGNORECASE) for name in query):
        raise RestError(400, '"%fieldName" is required. Enter and try again.', {"fieldName": "searchCriteria"})
    groups, criteria = _criteria(query)
    for group in groups:
        rows = [row for row in rows if any(_fits(column(row, one.get("field", "")), one) for one in group["filters"])]
    for sort in reversed(criteria.get("sort_orders", [])):
        field = sort["field"]
        rows = sorted(rows, key=lambda row: column(row, field), reverse=sort["direction"].upper() == "DESC")
    total, size, page = len(rows), criteria.get("page_size"), criteria.get("current_page", 1)
    items: list[Any] | None = [body(row) for row in rows]
    if size and items is not None:
        items = items[(page - 1) * size : page * size]
        items = items if items or total == 0 else None
    return {"items": items, "search_criteria": {"filter_groups": groups, **criteria}, "total_count": total}


def unknown_column(field: str) -> RestError:
    """What Magento says of a column that its table has not: an SQL error (ord-004, pay-014)."""
    report = hashlib.sha256(field.encode()).hexdigest()[:13]
    return RestError(500, f"Internal Error. Details are available in Magento log file. Report ID: webapi-{report}")


def _criteria(query: dict[str, list[str]]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """`searchCriteria` as PHP reads it: names in brackets, in snake or camel case."""
    groups: dict[str, dict[str, dict[str, str]]] = {}
    sorts: dict[str, dict[str, str]] = {}
    rest: dict[str, Any] = {}
    for name, values in query.items():
        head, *path = name.replace("]", "").split("[")
        if head not in ("searchCriteria", "search_criteria") or not path:
            continue
        first = _snake(path[0])
        if first == "filter_groups" and len(path) == 5:
            groups.setdefault(path[1], {}).setdefault(path[3], {})[_snake(path[4])] = values[-1]
        elif first == "sort_orders" and len(path) == 3:
            sorts.setdefault(path[1], {})[_snake(path[2])] = values[-1]
        elif first in ("page_size", "current_page") and values[-1].isdigit():
            rest[first] = int(values[-1])
    ordered = [{"field": one.get("field", ""), "direction": one.get("direction", "DESC")} for one in sorts.values()]
    if ordered:
        rest = {"sort_orders": ordered, **rest}
    filters = [
        {"filters": [{"condition_type": "eq", **one} for _, one in sorted(group.items())]}
        for _, group in sorted(groups.items())
    ]
    return filters, rest


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda own, given: own == given,
    "neq": lambda own, given: own != given,
    "gt": lambda own, given: own > given,
    "gteq": lambda own, given: own >= given,
    "from": lambda own, given: own >= given,
    "lt": lambda own, given: own < given,
    "lteq": lambda own, given: own <= given,
    "to": lambda own, given: own <= given,
}


def _fits(own: Any, one: dict[str, str]) -> bool:
    how, given = one["condition_type"], one.get("value", "")
    if how in ("null", "notnull"):
        return (own is None) == (how == "null")
    if own is None:
        return False
    if how in ("in", "nin"):
        return (str(own) in given.split(",")) == (how == "in")
    if how == "like":
        pattern = ".*".join(map(re.escape, given.split("%")))
        return re.fullmatch(pattern, str(own), re.IGNORECASE | re.DOTALL) is not None
    if isinstance(own, (int, float)):
        try:
            return _TESTS.get(how, _TESTS["eq"])(own, float(given))
        except ValueError:
            return False
    return _TESTS.get(how, _TESTS["eq"])(str(own).lower(), given.lower())
