"""Which of the lines that a caller wants changed one of Commerce's errors is about."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Sequence

from app.storefront.common import Node, present
from app.storefront.user_errors import UserError

# Errors of the whole cart, also where only one line was given.
_OF_THE_CART = {"CART_EMPTY", "CART_EXPIRED", "RECAPTCHA_FAILED"}


def at_lines(errors: Iterable[UserError], uids: Sequence[str], node: Node | None, argument: str) -> list[UserError]:
    """The errors, each at the line that it is about where that can be told.

    `uids` are those of the given lines, in the order of the argument; `node` is the cart as it is after the refusal.
    """
    cart = {str(line.get("uid")): line for line in present((node or {}).get("items"))}
    found = []
    for error in errors:
        place = _place(error, uids, cart) if error.path == [argument] else None
        path = error.path if place is None else [argument, str(place)]
        found.append(UserError(code=error.code, message=error.message, path=path))
    return found


def _place(error: UserError, uids: Sequence[str], cart: dict[str, Node]) -> int | None:
    if error.code in _OF_THE_CART:
        return None
    if len(uids) == 1:
        return 0
    for names in (_skus, _titles):
        told = _longest(error.message, [names(cart.get(uid)) for uid in uids])
        if told:
            return _only(told)
    # A number in a message can be anything, but not the id of a line that is not in the cart: that Commerce only names
    # to say so ("Could not find cart item with id: 999999.", recording cart-034).
    return _only(_longest(error.message, [[] if uid in cart else _ids(uid) for uid in uids]))


def _only(places: list[int]) -> int | None:
    return places[0] if len(places) == 1 else None


def _longest(message: str, names: list[list[str]]) -> list[int]:
    """The places of the longest names in a message: what is TT-C12 is not TT-C1."""
    lengths = [max((len(name) for name in each if _has(message, name)), default=0) for each in names]
    longest = max(lengths, default=0)
    return [place for place, length in enumerate(lengths) if length and length == longest]


def _has(message: str, name: str) -> bool:
    # A bundle's SKU in the cart goes on behind a hyphen with those of its parts.
    return bool(name) and re.search(rf"(?<![\w-]){re.escape(name)}(?!\w)", message) is not None


def _skus(line: Node | None) -> list[str]:
    parts = [(line or {}).get(part) or {} for part in ("product", "configured_variant")]
    return [str(part.get("sku") or "") for part in parts]


def _titles(line: Node | None) -> list[str]:
    return [str(((line or {}).get("product") or {}).get("name") or "")]


def _ids(uid: str) -> list[str]:
    """What Commerce may call a line: by its uid, or by the number in it."""
    try:
        return [uid, base64.b64decode(uid, validate=True).decode()]
    except (binascii.Error, ValueError):
        return [uid]
