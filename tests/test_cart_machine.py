"""Random journeys of shoppers, and proof that they would notice what can go wrong with a cart."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from app.sandbox.commerce import VERSIONS
from tests.cart_machine import run
from tests.cart_stage import Alter, Stage

OLDEST, NEWEST = VERSIONS[0], VERSIONS[-1]


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """A stage of the newest version, for journeys that fail."""
    with Stage(NEWEST) as stage:
        yield stage


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_totals_lines_and_errors_are_what_shoppers_expect(version: str) -> None:
    with Stage(version) as stage:
        run(stage, 30, 8)
    assert stage.journey >= 30
    # The journeys went where it matters, or they would prove nothing.
    reached = {"orders", "orders with coupons", "orders with taxes", "CART_EXPIRED", "QUANTITY_UNAVAILABLE"}
    assert reached <= stage.tally.keys()


def told(stage: Stage, alter: Alter | None = None) -> str:
    """What the machine says of a Commerce whose answers are altered."""
    stage.way.alter = alter
    try:
        with pytest.raises(AssertionError) as failure:
            run(stage, 200, 12, shrink=False)
    finally:
        stage.way.alter = None
    return str(failure.value)


def test_a_coupon_that_takes_another_percentage_is_noticed(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    coupons = [replace(each, percent=each.percent and each.percent + 1) for each in stage.commerce.shop.sales.coupons]
    monkeypatch.setattr(stage.commerce.shop.sales, "coupons", coupons)
    assert "discount.amount is" in told(stage)


def test_a_line_that_is_lost_is_noticed(stage: Stage) -> None:
    def lose(_: dict[str, Any], answer: Any) -> Any:
        for cart in carts_of(answer):
            del cart["items"][2:]
        return answer

    assert "lines" in told(stage, lose)


def test_totals_that_are_not_collected_anew_are_noticed(stage: Stage) -> None:
    first: dict[str, Any] = {}

    def stale(body: dict[str, Any], answer: Any) -> Any:
        if body["query"].startswith("query Cart"):
            for cart in carts_of(answer):
                cart["prices"] = first.setdefault(body["variables"]["cartId"], copy.deepcopy(cart["prices"]))
        return answer

    assert "the lines are not the subtotal" in told(stage, stale)


def test_the_cart_of_another_shopper_is_noticed(stage: Stage) -> None:
    seen: dict[tuple[int, str], dict[str, Any]] = {}

    def mix(body: dict[str, Any], answer: Any) -> Any:
        if body["query"].startswith("query Cart"):
            same = seen.setdefault((stage.journey, body["query"]), {})
            for cart in carts_of(answer):
                same.setdefault(cart["id"], copy.deepcopy(cart))
                answer["data"]["cart"] = next((other for key, other in same.items() if key != cart["id"]), cart)
        return answer

    assert " is " in told(stage, mix)


def test_the_id_of_a_cart_in_a_message_is_noticed(stage: Stage) -> None:
    def tell(body: dict[str, Any], answer: Any) -> Any:
        # Among GraphQL's own errors the client would take it out again.
        for value in (answer.get("data") or {}).values():
            for error in (value.get("user_errors") or ()) if isinstance(value, dict) else ():
                error["message"] += f" (cart {body['variables'].get('cartId')})"
        return answer

    assert told(stage, tell).startswith("an answer has [")


def carts_of(answer: Any) -> Iterator[dict[str, Any]]:
    """The carts in an answer of Commerce."""
    for value in (answer.get("data") or {}).values():
        cart = value.get("cart", value) if isinstance(value, dict) else None
        if isinstance(cart, dict) and "items" in cart:
            yield cart
