"""Errors of lines that are changed or removed, each at the line that it is about."""

from __future__ import annotations

from typing import Any

import pytest

from app.storefront.cart_lines import at_lines
from app.storefront.user_errors import UserError
from tests.conftest import Api
from tests.test_cart import add, do, shopping

UPDATE = """mutation U($lines: [CartLineUpdate!]!) {
  cartUpdate(lines: $lines) { cart { lines { uid quantity giftMessage { message } } } userErrors { code message path } }
}"""
REMOVE = """mutation R($uids: [ID!]!) { cartRemove(uids: $uids) { cart { quantity } userErrors { code path } } }"""
WAYS = ["2.4.4", "2.4.8"]  # from 2.4.8 on refusals come beside the cart
UNKNOWN = "OTk5OTk5"  # 999999
WISHES = {"sender": "Jane", "recipient": "Ada", "message": "Happy trails"}


async def filled(api: Api) -> dict[str, str]:
    """Puts three lines into the cart; their uids by SKU."""
    cart = (await add(api, {"sku": "TT-C12", "quantity": 2}, {"sku": "TT-C01"}, {"sku": "TT-C03"}))["cart"]
    return {line["sku"]: line["uid"] for line in cart["lines"]}


def told(payload: dict[str, Any]) -> list[tuple[str, list[str]]]:
    return [(error["code"], error["path"]) for error in payload["userErrors"]]


def quantities(api: Api) -> list[float]:
    [cart] = api.commerce.carts.values()
    return [line.quantity for line in cart.lines]


@pytest.mark.parametrize("version", WAYS)
async def test_a_refused_quantity_is_told_at_its_line(version: str) -> None:
    async with shopping(version) as api:
        uids = await filled(api)
        lines: list[dict[str, Any]] = [{"uid": uid, "quantity": 3} for uid in uids.values()]
        for place in range(3):
            asked = [{**line, **({"quantity": 9000} if at == place else {})} for at, line in enumerate(lines)]
            payload = await do(api, UPDATE, lines=asked)
            assert told(payload) == [("QUANTITY_UNAVAILABLE", ["lines", str(place)])]
            assert quantities(api) == [2, 1, 1]
        alone = await do(api, UPDATE, lines=[{**lines[1], "quantity": "0.5"}])
        assert told(alone) == [("QUANTITY_INVALID", ["lines", "0"])]


@pytest.mark.parametrize("version", WAYS)
async def test_a_line_that_is_not_there_is_told_at_its_place(version: str) -> None:
    async with shopping(version) as api:
        uids = await filled(api)
        payload = await do(api, REMOVE, uids=[uids["TT-C01"], UNKNOWN, uids["TT-C03"]])
        assert told(payload) == [("LINE_NOT_FOUND", ["uids", "1"])]
        assert payload["cart"] == {"quantity": "4"}
        payload = await do(api, UPDATE, lines=[{"uid": uids["TT-C01"], "quantity": 2}, {"uid": UNKNOWN, "quantity": 1}])
        assert told(payload) == [("LINE_NOT_FOUND", ["lines", "1"])]
        assert told(await do(api, REMOVE, uids=[UNKNOWN])) == [("LINE_NOT_FOUND", ["uids", "0"])]
        assert quantities(api) == [2, 1, 1]


async def test_a_variant_is_told_by_its_own_sku() -> None:
    query = '{ product(sku: "TT-J01") { ... on ConfigurableProduct { variants { sku inStock values { uid } } } } }'
    async with shopping() as api:
        variants = [each for each in (await api.data(query))["product"]["variants"] if each["inStock"]][:2]
        chosen = [[value["uid"] for value in each["values"]] for each in variants]
        cart = (await add(api, *({"sku": "TT-J01", "options": options} for options in chosen)))["cart"]
        lines = [{"uid": line["uid"], "quantity": 2} for line in cart["lines"]]
        lines[1]["quantity"] = 9000
        assert told(await do(api, UPDATE, lines=lines)) == [("QUANTITY_UNAVAILABLE", ["lines", "1"])]


async def test_without_a_cart_no_line_is_to_blame() -> None:
    async with shopping() as api:
        payload = await do(api, UPDATE, lines=[{"uid": "MQ==", "quantity": 1}])
        assert told(payload) == [("CART_EMPTY", ["lines"])]
        payload = await do(api, UPDATE, lines=[{"uid": "MQ==", "giftMessage": WISHES}])
        assert told(payload) == [("CART_EMPTY", ["lines"])]
        assert api.commerce.requests == []


async def test_a_line_of_which_nothing_is_to_be_changed_is_refused() -> None:
    async with shopping() as api:
        uids = await filled(api)
        api.forget()
        payload = await do(api, UPDATE, lines=[{"uid": uids["TT-C01"], "quantity": 2}, {"uid": uids["TT-C03"]}])
        assert told(payload) == [("BAD_USER_INPUT", ["lines", "1"])]
        assert api.commerce.requests == []


@pytest.mark.parametrize("version", WAYS)
async def test_a_gift_message_alone_leaves_the_quantity_as_it_is(version: str) -> None:
    async with shopping(version) as api:
        uids = await filled(api)
        given = [{"uid": uids["TT-C12"], "giftMessage": WISHES}, {"uid": uids["TT-C03"], "quantity": 3}]
        payload = await do(api, UPDATE, lines=given)
        assert payload["userErrors"] == []
        assert [(line["quantity"], line["giftMessage"]) for line in payload["cart"]["lines"]] == [
            ("2", {"message": "Happy trails"}),
            ("1", None),
            ("3", None),
        ]
        lost = await do(api, UPDATE, lines=[*given, {"uid": UNKNOWN, "giftMessage": WISHES}])
        assert told(lost) == [("LINE_NOT_FOUND", ["lines", "2"])]


NODE = {
    "items": [
        {"uid": "MQ==", "product": {"sku": "TT-C1", "name": "Bag"}},
        {"uid": "Mg==", "product": {"sku": "TT-C12", "name": "Bag, large"}},
        {"uid": "Mw==", "product": {"sku": "TT-K02", "name": "Set"}},
        {"uid": "NA==", "product": {"sku": "TT-J", "name": "Jacket"}, "configured_variant": {"sku": "TT-J-S"}},
        {"uid": "NQ==", "product": {"sku": "TT-J", "name": "Jacket"}, "configured_variant": {"sku": "TT-J-M"}},
        {"uid": "Ng==", "product": {"sku": "TT-E", "name": "Engraved"}},
        {"uid": "Nw==", "product": {"sku": "TT-E", "name": "Engraved"}},
        {"uid": "OA==", "product": {"sku": "x(y", "name": None}},
    ]
}
EVERY = ["MQ==", "Mg==", "Mw==", "NA==", "NQ==", "Ng==", "Nw==", "OA==", UNKNOWN, "MTA=", "no uid"]


@pytest.mark.parametrize(
    ("message", "place"),
    [
        ("Could not update the product with SKU TT-C1: The requested qty is not available", 0),
        ("Could not update the product with SKU TT-C12: The requested qty is not available", 1),
        ("Could not update the product with SKU TT-K02-TT-C01-TT-C02: The fewest you may purchase is 1", 2),
        ("Das Produkt mit der SKU TT-J-M konnte nicht geändert werden", 4),
        ("Could not update the product with SKU x(y: no", 7),
        # Two lines of one product cannot be told from each other.
        ("Could not update the product with SKU TT-E: The requested qty is not available", None),
        ('The requested qty exceeds the maximum of "Bag, large".', 1),
        ("Set is not available.", 2),
        ("Es gibt keine Warenkorbposition mit der ID 999999.", 8),
        ('Value of uid "no uid" is incorrect.', 10),
        ("The most you may purchase is 10.", 9),
        # Numbers of lines that are there are numbers of something else.
        ("The fewest you may purchase is 2.", None),
        ("The requested qty is not available", None),
    ],
)
def test_a_message_is_about_the_line_that_it_names(message: str, place: int | None) -> None:
    given = UserError(code="REJECTED", message=message, path=["lines"])
    [found] = at_lines([given], EVERY, NODE, "lines")
    assert found == UserError(
        code="REJECTED", message=message, path=["lines"] if place is None else ["lines", str(place)]
    )


def test_a_line_that_is_given_twice_is_not_told() -> None:
    message = "Could not update the product with SKU TT-C1: The requested qty is not available"
    given = UserError(code="QUANTITY_UNAVAILABLE", message=message, path=["lines"])
    assert at_lines([given], ["MQ==", "MQ=="], NODE, "lines") == [given]


def test_a_cart_that_cannot_be_read_leaves_the_error_at_all_lines() -> None:
    given = UserError(code="QUANTITY_UNAVAILABLE", message="SKU TT-C1: no", path=["lines"])
    assert at_lines([given], ["MQ==", "Mg=="], None, "lines") == [given]
