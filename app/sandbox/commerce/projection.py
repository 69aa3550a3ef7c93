"""`fields=items[sku,prices[value]],total_count`: the part of a REST reply that a caller wants (ord-001)."""

from __future__ import annotations

import re
from typing import Any, TypeAlias

Fields: TypeAlias = dict[str, Any]
_TOKEN = re.compile(r"[\w.]+|[\[\],]")


def fields(text: str) -> Fields:
    """The tree of names that a `fields` parameter asks for."""
    root: Fields = {}
    levels, last = [root], root
    for token in _TOKEN.findall(text):
        if token == "[":
            levels.append(last)
        elif token == "]" and len(levels) > 1:
            levels.pop()
        elif token not in ("[", "]", ","):
            last = levels[-1].setdefault(token, {})
    return root


def projected(body: Any, wanted: Fields) -> Any:
    """The body without what was not asked for."""
    if isinstance(body, list):
        return [projected(one, wanted) for one in body]
    if not isinstance(body, dict) or not wanted:
        return body
    return {name: projected(value, wanted[name]) for name, value in body.items() if name in wanted}
