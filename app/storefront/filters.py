"""Filters and sort orders of product lists, checked against what the connected shop offers before it is asked."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import Enum

import strawberry

from app.commerce.capabilities import Capabilities
from app.errors import BadInput, UnknownAttribute
from app.storefront.common import described

_CODE = re.compile(r"[a-z][a-z0-9_]{0,59}")  # Commerce's rule for attribute codes
MAX_FILTERS = 20
MAX_VALUES = 100
CATEGORY_FILTERS = frozenset({"category_id", "category_uid", "category_url_path"})


@strawberry.enum(description="The direction of a sort order.")
class SortDirection(Enum):
    ASC = strawberry.enum_value("ASC", description="The lowest first.")
    DESC = strawberry.enum_value("DESC", description="The highest first.")


@strawberry.input(description="How to sort products.")
class ProductSort:
    by: str = described("What to sort by: position, relevance, or one of `attributes` that is sortable.")
    direction: SortDirection = described("The direction.", default=SortDirection.ASC)


@strawberry.input(description="A condition on one attribute; what it takes is told by `attributes { filter }`.")
class ProductFilter:
    attribute: str = described("The attribute's code.")
    in_: list[str] | None = described(
        "Any of these exact values; for an attribute with bounds, one facet value such as 10_20.",
        name="in",
        default=None,
    )
    from_: str | None = described("At least this: a number, or a date as 2026-11-23.", name="from", default=None)
    to: str | None = described("At most this: a number, or a date as 2026-11-23.", default=None)
    match: str | None = described("These words in the attribute.", default=None)


def build_sort(sort: ProductSort | None, capabilities: Capabilities) -> dict[str, str] | None:
    """Commerce's sort input. Raises `UnknownAttribute`."""
    if sort is None:
        return None
    if sort.by not in capabilities.sorts:
        raise UnknownAttribute("sort.by", sort.by, capabilities.sorts)
    return {sort.by: sort.direction.name}


def build_filter(
    filters: list[ProductFilter] | None, capabilities: Capabilities, *, without: Collection[str] = ()
) -> dict[str, dict[str, object]]:
    """Commerce's filter input. `without` names attributes that cannot be used here.

    Where Commerce does not tell which attributes there are, one that is not known is taken for one with exact values.

    Raises `UnknownAttribute`, or `BadInput` that names the argument at fault.
    """
    built: dict[str, dict[str, object]] = {}
    if filters is not None and len(filters) > MAX_FILTERS:
        raise BadInput("filter", f"takes {MAX_FILTERS} conditions at most")
    known = capabilities.filters.keys() - set(without)
    for place, condition in enumerate(filters or ()):
        at = f"filter[{place}]"
        code = condition.attribute
        if code not in known and (capabilities.live or code in without or not _CODE.fullmatch(code)):
            raise UnknownAttribute(f"{at}.attribute", code, known)
        if code in built:
            raise BadInput(f"{at}.attribute", f"there is another condition on {code!r}")
        built[code] = _BUILDERS[capabilities.filters.get(code, "equal")](condition, at)
    return built


def _equal(condition: ProductFilter, at: str) -> dict[str, object]:
    _refuse(condition, at, "in", "from", "to", "match")
    values = condition.in_
    if not values:
        raise BadInput(f"{at}.in", "must have a value")
    if len(values) > MAX_VALUES:
        raise BadInput(f"{at}.in", f"takes {MAX_VALUES} values at most")
    return {"in": values}


def _range(condition: ProductFilter, at: str) -> dict[str, object]:
    _refuse(condition, at, "from or to", "match")
    start, end, start_at, end_at = condition.from_, condition.to, f"{at}.from", f"{at}.to"
    if condition.in_ is not None:
        if start is not None or end is not None or len(condition.in_) != 1:
            raise BadInput(f"{at}.in", "takes exactly one range such as 10_20, and neither from nor to beside it")
        start, joint, end = condition.in_[0].partition("_")
        if not joint:
            raise BadInput(f"{at}.in", "must be a range such as 10_20")
        start, end = _open(start), _open(end)
        start_at = end_at = f"{at}.in"
    if start is None and end is None:
        raise BadInput(at, "must have a bound: from or to")
    low, high = _bound(start, start_at), _bound(end, end_at)
    if low is not None and high is not None:
        if type(low) is not type(high):
            raise BadInput(end_at, "must be of the same kind as from")
        if low > high:  # type: ignore[operator]
            raise BadInput(end_at, "must not be below from")
    return {name: value for name, value in (("from", start), ("to", end)) if value is not None}


def _match(condition: ProductFilter, at: str) -> dict[str, object]:
    _refuse(condition, at, "match", "in", "from", "to")
    if condition.match is None or not condition.match.strip():
        raise BadInput(f"{at}.match", "must have words")
    return {"match": condition.match}


_BUILDERS = {"equal": _equal, "range": _range, "match": _match}


def _refuse(condition: ProductFilter, at: str, takes: str, *names: str) -> None:
    given: Mapping[str, object] = {
        "in": condition.in_,
        "from": condition.from_,
        "to": condition.to,
        "match": condition.match,
    }
    for name in names:
        if given[name] is not None:
            raise BadInput(f"{at}.{name}", f"{condition.attribute!r} takes {takes}")


def _open(bound: str) -> str | None:
    # A facet of the highest or lowest range leaves one side open: 60_*, *_10.
    return None if bound in ("", "*") else bound


def _bound(value: str | None, at: str) -> Decimal | date | None:
    if value is None:
        return None
    try:
        number = Decimal(value)
        if number.is_finite() and value.isascii() and "_" not in value:
            return number
    except InvalidOperation:
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise BadInput(at, "must be a number, or a date as 2026-11-23")
