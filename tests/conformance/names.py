"""What the recorded shop and the stand-in call the same cart, line, quote and order: learnt from answer to answer."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from tests.conformance.recordings import Request

# The answers' fields that name something which later requests ask for.
_TOLD = frozenset({"createEmptyCart", "uid", "order_number"})


class Names:
    """Recorded names and their counterparts. `orders` are by number, as a text and as the id over REST."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.quotes: dict[int, int] = {}
        self.orders: dict[int, int] = {}

    def learn(self, recorded: Any, replayed: Any) -> None:
        """Walks two answers to the same question, lists place by place."""
        if isinstance(recorded, list) and isinstance(replayed, list):
            for one, other in zip(recorded, replayed, strict=False):
                self.learn(one, other)
        if not isinstance(recorded, dict) or not isinstance(replayed, dict):
            return
        for key in recorded.keys() & replayed.keys():
            one, other = recorded[key], replayed[key]
            if key in _TOLD and isinstance(one, str) and isinstance(other, str):
                self.texts[one] = other
                if key == "order_number":
                    self.orders[int(one)] = int(other)
            self.learn(one, other)

    def text(self, told: str) -> str:
        """A text with all known names in it exchanged."""
        if told in self.texts:
            return self.texts[told]
        for one, other in self.texts.items():
            if len(one) == _CART and one in told:
                told = told.replace(one, other)
        return told

    def value(self, told: Any, under: str = "") -> Any:
        """A JSON value with all known names in it exchanged; `under` is the key that it stands under."""
        if isinstance(told, dict):
            return {key: self.value(inner, key) for key, inner in told.items()}
        if isinstance(told, list):
            return [self.value(inner, under) for inner in told]
        if under == "cart_item_id" and isinstance(told, int):
            # The uid of a line is its number in base64.
            uid = base64.b64encode(str(told).encode()).decode()
            return int(base64.b64decode(self.texts.get(uid, uid)))
        if under == "parent_id" and isinstance(told, int):
            return self.orders.get(told, told)
        return self.text(told) if isinstance(told, str) else told

    def request(self, asked: Request) -> Request:
        """A REST request with all known names in its path exchanged."""
        path = self.text(unquote(asked.path))
        path = re.sub(r"(?<=/orders/)(\d+)", lambda found: str(self._order(found[1])), path)
        path = re.sub(
            r"(=quote_id&.*?\[value\]=)(\d+)",
            lambda found: f"{found[1]}{self.quotes.get(int(found[2]), int(found[2]))}",
            path,
        )
        path = re.sub(r"(=increment_id&.*?\[value\]=)(\d+)", lambda f: f"{f[1]}{self._order(f[2]):09d}", path)
        return replace(asked, path=path)

    def _order(self, number: str) -> int:
        return self.orders.get(int(number), int(number))


_CART = 32  # the length of a cart's id, which no other text has
