"""The comparison of carts and orders on recordings made by hand: it must not call different things the same."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import pytest

from app.storefront.cart import Cart
from app.storefront.user_errors import LINE_CODES
from tests.conformance.buyer import COMMENTS, FULL, GUEST_CART, NO_ORDER, ORDER, buyer
from tests.conformance.exact import exactly, messages
from tests.conformance.lab import lab_shop
from tests.conformance.names import Names
from tests.conformance.readers import NOT_READ, READ, URL
from tests.conformance.recorded import SIGN_IN, STANDING, STORE_VIEWS
from tests.conformance.recordings import OUT_OF_SCOPE, SHOPPING, Exchange, Request, Response, out_of_scope
from tests.conformance.shopping import checkouts

JSON = {"content-type": "application/json"}
CART_ID = "0123456789abcdef0123456789abcdef"
LINE = {
    "__typename": "SimpleCartItem",
    "uid": "MzM=",
    "quantity": 2,
    "product": {"sku": "24-MB01", "name": "A bag"},
    "prices": {"price": {"value": 34, "currency": "USD"}, "row_total": {"value": 68}, "discounts": None},
}
CART = {"total_quantity": 2, "items": [LINE], "prices": {"grand_total": {"value": 68, "currency": "USD"}}}
FIELDS = """{ total_quantity items { __typename uid quantity product { sku name }
  prices { price { value currency } row_total { value } discounts { label amount { value } } } }
  prices { grand_total { value currency } } }"""


def exchange(name: str, query: str, body: Any, variables: Mapping[str, Any] | None = None) -> Exchange:
    asked = json.dumps({"query": query}).encode()
    request = Request("POST", "/graphql", {"Content-Type": "application/json"}, asked, query, variables or {})
    return Exchange(name, request, Response(200, JSON, json.dumps(body).encode()))


def called(name: str, method: str, path: str, answered: Any, sent: Any = None) -> Exchange:
    request = Request(method, path, {"Authorization": "Bearer <token>"}, json.dumps(sent).encode() if sent else b"")
    charset = {"content-type": "application/json; charset=utf-8"}
    return Exchange(name, request, Response(200, charset, json.dumps(answered).encode()))


def refusal(field: str, message: str, category: str = "graphql-input") -> dict[str, Any]:
    error = {"message": message, "extensions": {"category": category}, "path": [field]}
    return {"errors": [error], "data": {field: None}}


MADE = exchange("cart-001-made", "mutation { createEmptyCart }", {"data": {"createEmptyCart": CART_ID}})


def added(cart: Mapping[str, Any] = CART, errors: tuple[Mapping[str, str], ...] = (), name: str = FULL) -> Exchange:
    query = (
        f'mutation {{ addProductsToCart(cartId: "{CART_ID}", cartItems: [{{sku: "24-MB01", quantity: 2}}])'
        f" {{ cart {FIELDS} user_errors {{ code message }} }} }}"
    )
    return exchange(name, query, {"data": {"addProductsToCart": {"cart": cart, "user_errors": list(errors)}}})


def changed(**line: Any) -> dict[str, Any]:
    return {**CART, "items": [{**LINE, **line}]}


async def replayed(*steps: Exchange, prices: Exchange | None = None) -> list[tuple[str, str]]:
    """What is different at the last step."""
    async with checkouts([prices or added()]) as commerce:
        results = [await commerce.replay(each) for each in steps]
    assert all(result.asked and not result.differences for result in results[:-1])
    return results[-1].differences


# The replay


async def test_a_cart_that_costs_what_was_recorded_is_the_same() -> None:
    assert await replayed(MADE, added()) == []


@pytest.mark.parametrize(
    ("cart", "where", "what"),
    [
        (changed(quantity=3), "data.addProductsToCart.cart.items.0.quantity", "2 instead of 3"),
        (
            changed(prices={**LINE["prices"], "row_total": {"value": 68.01}}),  # type: ignore[dict-item]
            "data.addProductsToCart.cart.items.0.prices.row_total.value",
            "68 instead of 68.01",
        ),
        ({**CART, "items": [LINE, LINE]}, "data.addProductsToCart.cart.items", "1 elements instead of 2"),
        (
            {**CART, "prices": {"grand_total": {"value": 60, "currency": "USD"}}},
            "data.addProductsToCart.cart.prices.grand_total.value",
            "68 instead of 60",
        ),
    ],
)
async def test_a_cart_that_costs_something_else_is_caught(cart: Mapping[str, Any], where: str, what: str) -> None:
    assert await replayed(MADE, added(cart), prices=added()) == [(where, what)]


async def test_a_user_error_that_is_not_there_is_caught() -> None:
    error = {"code": "NOT_SALABLE", "message": "no"}
    assert await replayed(MADE, added(errors=(error,))) == [
        ("data.addProductsToCart.user_errors[]", "the list is empty"),
        ("data.addProductsToCart.user_errors", "0 elements instead of 1"),
    ]


async def test_another_message_of_an_error_is_caught() -> None:
    query = f'mutation {{ applyCouponToCart(input: {{cart_id: "{CART_ID}", coupon_code: "A"}}) {{ cart {{ id }} }} }}'
    told = "Cart does not contain products."
    right = exchange("cart-046", query, refusal("applyCouponToCart", told, "graphql-no-such-entity"))
    assert await replayed(MADE, right) == []
    wrong = exchange("cart-046", query, refusal("applyCouponToCart", "Empty.", "graphql-no-such-entity"))
    [(where, what)] = await replayed(MADE, wrong)
    assert (where, told in what, "Empty." in what) == ("messages", True, True)


async def test_a_line_is_asked_for_by_what_the_stand_in_calls_it_and_removed_as_the_product_does() -> None:
    query = "mutation R($i: RemoveItemFromCartInput!) { removeItemFromCart(input: $i) { cart { total_quantity items { uid } } } }"
    empty = {"data": {"removeItemFromCart": {"cart": {"total_quantity": 0, "items": []}}}}
    removed = exchange("cart-035", query, empty, {"i": {"cart_id": CART_ID, "cart_item_uid": "MzM="}})
    assert await replayed(MADE, added(), removed) == []


async def test_orders_are_followed_from_the_cart_to_rest() -> None:
    placed = exchange(
        "cart-068",
        f'mutation {{ placeOrder(input: {{cart_id: "{CART_ID}"}}) {{ order {{ order_number }} }} }}',
        refusal("placeOrder", "Guest email for cart is missing."),
    )
    assert await replayed(MADE, placed) == []
    held = called("ord-050-hold", "POST", "/rest/V1/orders/6/hold", answered=True)
    again = called("ord-053-cancel", "POST", "/rest/V1/orders/6/cancel", answered=True)
    assert await replayed(held, again) == [("body", "False instead of True")]


async def test_what_was_done_at_once_comes_to_the_same() -> None:
    def read(*quantities: int) -> Any:
        items = [{"quantity": each} for each in quantities]
        return {"data": {"cart": {"total_quantity": sum(quantities), "items": items}}}

    def placed(*numbers: str) -> Any:
        return [{"body": {"data": {"placeOrder": {"order": {"order_number": each}}}}} for each in numbers]

    results = {
        "same_sku_read_back": read(4),
        "different_sku_read_back": read(1, 1, 1, 1),
        "placeOrder_3_parallel_same_cart": placed("1", "2", "3"),
    }
    async with checkouts([]) as commerce:
        assert await commerce.parallel(results) == []
    results = {
        "same_sku_read_back": read(1, 1, 1, 1),
        "different_sku_read_back": read(1, 1, 1),
        "placeOrder_3_parallel_same_cart": placed("1", "1", "1"),
    }
    async with checkouts([]) as commerce:
        assert [where for where, _ in await commerce.parallel(results)] == [
            "same_sku.lines", "same_sku.lines.0", "different_sku.total", "different_sku.lines", "orders.different"
        ]  # fmt: skip


# Its parts


def test_values_are_compared_one_by_one_but_for_words_and_ids() -> None:
    recorded = {"id": "one", "label": "Blue", "sums": [1, None], "is_virtual": True, "discounts": None}
    same = {"id": "two", "label": "Blau", "sums": [1.0, None], "is_virtual": True, "discounts": [1]}
    names = {"one": "two"}
    assert list(exactly(recorded, same, lambda text: names.get(text, text))) == []
    other = {"id": "one", "label": "Blue", "sums": [1, 2], "is_virtual": 1, "discounts": None}
    assert sorted(exactly(recorded, other, lambda text: names.get(text, text))) == [
        ("data.id", "'one' instead of 'two'"),
        ("data.is_virtual", "1 instead of True"),
        ("data.sums.1", "2 instead of None"),
    ]


def test_errors_are_told_apart_by_category_and_message() -> None:
    assert messages(refusal("cart", "no")) == [("graphql-input", "no")]
    assert messages({"data": {}}) == messages(None) == []


def test_names_are_learnt_from_answers_and_put_into_requests() -> None:
    names = Names()
    names.learn(
        {
            "createEmptyCart": CART_ID,
            "items": [{"uid": "Mzc="}],
            "placeOrder": {"order": {"order_number": "000000005"}},
        },
        {
            "createEmptyCart": "f" * 32,
            "items": [{"uid": "OA=="}],
            "placeOrder": {"order": {"order_number": "000000001"}},
        },
    )
    names.quotes[33] = 4
    assert names.value({"cart_id": CART_ID, "cart_items": [{"cart_item_uid": "Mzc=", "cart_item_id": 37}]}) == {
        "cart_id": "f" * 32,
        "cart_items": [{"cart_item_uid": "OA==", "cart_item_id": 8}],
    }
    assert names.text(f'no cart "{CART_ID}"') == f'no cart "{"f" * 32}"'

    def path(asked: str) -> str:
        return names.request(Request("GET", asked, {}, b"")).path

    assert path("/rest/V1/orders/5/comments") == "/rest/V1/orders/1/comments"
    assert (
        path("/rest/V1/orders?a[0][field]=quote_id&a[0][value]=33")
        == "/rest/V1/orders?a[0][field]=quote_id&a[0][value]=4"
    )
    assert path("/rest/V1/orders?a[field]=increment_id&a[value]=000000005").endswith("a[value]=000000001")


def test_the_shop_has_the_recorded_prices_by_quantity_and_without_what_options_cost() -> None:
    def of(sku: str, quantity: int, price: float, **more: Any) -> dict[str, Any]:
        prices = {"price": {"value": price, "currency": "USD"}}
        return {"__typename": "SimpleCartItem", "product": {"sku": sku}, "quantity": quantity, "prices": prices, **more}

    chosen = [{"value": 2.5, "type": "FIXED"}, {"value": 10, "type": "PERCENT"}]
    options = [{"values": [{"price": each}]} for each in chosen]
    part = base64.b64encode(b"bundle/1/7/1").decode()
    lines = [
        of("LAB-THIRD", 5, 8),
        of("LAB-THIRD", 3, 10),
        of("LAB-CUSTOM", 1, 16.25, customizable_options=options),
        of("24-WG080", 1, 23, bundle_options=[{"values": [{"uid": part, "price": 23}]}]),
        {**of("24-MB01", 1, 31.28), "prices": {"price": {"value": 31.28, "currency": "EUR"}}},
    ]
    shop = lab_shop([added({"items": lines})])
    third = shop.products["LAB-THIRD"]
    assert (third.price, [(tier.quantity, tier.price) for tier in third.tiers]) == (10, [(5, 8)])
    assert shop.products["LAB-CUSTOM"].price == 12.5
    assert shop.products[f"part-{part}"].price == 23
    assert shop.products["24-MB01"].price == 10


def test_each_recording_of_a_cart_is_in_scope_or_left_out_for_a_reason() -> None:
    reasons = {
        name: out_of_scope(name, MADE)
        for name in ("cart-046-x", "pay-017-x", "ord-052-x", "cust-046-x", "cust-061-x", "wish-1")
    }
    assert reasons == {
        "cart-046-x": "",
        "pay-017-x": "invoices, shipments and refunds",
        "ord-052-x": "invoices, shipments and refunds",
        "cust-046-x": "",
        "cust-061-x": "customers: their passwords, orders and downloads",
        "wish-1": "wish lists",
    }
    assert {reason for _, reason in OUT_OF_SCOPE if reason} == {
        "customers: their passwords, orders and downloads", "wish lists", "bulk interfaces", "invoices, shipments and refunds",
        "reviews, newsletter, accounts and compare lists",
    }  # fmt: skip
    assert [name for name in ("cart-000-x", "cart-010-x", "pay-000-x", "ord-000-x") if SHOPPING.match(name)] == [
        "cart-010-x", "ord-000-x"
    ]  # fmt: skip


# The reading

_STORE = {"store_code": "default", "locale": "en_US", "base_url": URL, "website_code": "base", "is_default_store": True}
_STORE |= {"default_display_currency_code": "USD"}
_FOUND = {
    "availableStores": [_STORE],
    "storeConfig": _STORE,
    "currency": {"default_display_currency_code": "USD", "available_currency_codes": ["USD"]},
    "customAttributeMetadata": {"items": []},
    "countries": [{"id": "US", "two_letter_abbreviation": "US", "available_regions": None}],
}
_QUERIES = {
    "availableStores": "availableStores { store_code locale base_url website_code is_default_store default_display_currency_code }",
    "storeConfig": "storeConfig { store_code locale base_url website_code is_default_store default_display_currency_code }",
    "currency": "currency { default_display_currency_code available_currency_codes }",
    "customAttributeMetadata": "customAttributeMetadata { items { attribute_code } }",
    "countries": "countries { id two_letter_abbreviation available_regions { id } }",
}
RECORDED = {
    each.name: each
    for each in (
        *(exchange(name, f"{{ {_QUERIES[root]} }}", {"data": {root: _FOUND[root]}}) for root, name in STANDING.items()),
        called(SIGN_IN, "POST", "/rest/V1/integration/admin/token", "token"),
        called(STORE_VIEWS, "GET", "/rest/V1/store/storeViews", [{"code": "default"}]),
        called(NO_ORDER, "GET", "/rest/V1/orders", {"items": [], "total_count": 0}),
        called(ORDER, "GET", "/rest/V1/orders", {"items": [{"increment_id": "7", "entity_id": 7}], "total_count": 1}),
        called(GUEST_CART, "GET", f"/rest/V1/guest-carts/{CART_ID}", {"id": 33}),
        called(COMMENTS, "GET", "/rest/V1/orders/6/comments", {"items": [{"comment": "another"}], "total_count": 1}),
        added(),
        added(name="cart-010-add-simple"),
    )
}


async def problems(*recordings: Exchange) -> list[str]:
    async with buyer(RECORDED) as guest:
        readings = [await guest.read(each) for each in recordings]
    assert {reading.how for reading in readings} == {READ}
    return [problem for reading in readings for problem in reading.problems]


def order(answer: Any, name: str = "cart-068") -> Exchange:
    query = f'mutation {{ placeOrder(input: {{cart_id: "{CART_ID}"}}) {{ order {{ order_number }} }} }}'
    return exchange(name, query, answer)


def coupon(name: str, message: str) -> Exchange:
    query = f'mutation {{ applyCouponToCart(input: {{cart_id: "{CART_ID}", coupon_code: "A"}}) {{ cart {{ id }} }} }}'
    return exchange(name, query, refusal("applyCouponToCart", message))


async def test_what_was_recorded_comes_out_of_the_product() -> None:
    read = exchange("cart-029", f'{{ cart(cart_id: "{CART_ID}") {FIELDS} }}', {"data": {"cart": CART}})
    gone = exchange(
        "cart-070", read.request.query or "", refusal("cart", "The cart isn't active.", "graphql-no-such-entity")
    )
    again = order(refusal("placeOrder", "The cart isn't active.", "graphql-no-such-entity"))
    error = {"code": "NOT_SALABLE", "message": "Product that you are trying to add is not available."}
    assert (
        await problems(
            MADE,
            added(),
            added(errors=(error,), name="cart-017"),
            read,
            gone,
            order({"data": {"placeOrder": {"order": {"order_number": "000000005"}}}}),
            again,
            coupon("cart-123", "The coupon code isn't valid."),
            called("pay-007", "GET", f"/rest/V1/guest-carts/{CART_ID}", {"id": 33}),
            called("pay-008", "GET", "/rest/V1/orders?a[field]=quote_id&a[value]=1", {"items": [], "total_count": 0}),
        )
        == []
    )


async def test_a_cart_that_comes_out_otherwise_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Cart.of.__func__  # type: ignore[attr-defined]

    def without_lines(cls: type[Cart], node: Any, links: Any) -> Any:
        return whole(cls, {**node, "items": []}, links)

    monkeypatch.setattr(Cart, "of", classmethod(without_lines))
    assert [problem.partition(":")[0] for problem in await problems(added())] == ["cart", "checkout"]


async def test_an_error_where_a_cart_was_to_come_out_is_caught() -> None:
    query = f'{{ cart(cart_id: "{CART_ID}") {{ total_quantity }} }}'
    broken = exchange("cart-999", query, refusal("cart", "Internal server error", "internal"))
    assert await problems(broken) == ["['UPSTREAM_ERROR'] instead of an answer"]


async def test_a_refusal_that_comes_out_under_another_code_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    error = {"code": "NOT_SALABLE", "message": "x"}
    monkeypatch.setitem(LINE_CODES, "NOT_SALABLE", "SOMETHING_ELSE")
    [problem] = await problems(added(errors=(error,), name="cart-017"))
    assert "SOMETHING_ELSE" in problem
    [problem] = await problems(coupon("cart-041", "The coupon code isn't valid."))
    assert "('COUPON_INVALID', \"The coupon code isn't valid.\")" in problem


async def test_a_refusal_that_nothing_is_expected_of_is_caught() -> None:
    [problem] = await problems(coupon("cart-999", "no"))
    assert "[(None, 'no')]" in problem


async def test_what_the_product_does_not_ask_is_decoded_only() -> None:
    query = f'mutation {{ removeItemFromCart(input: {{cart_id: "{CART_ID}"}}) {{ cart {{ id }} }} }}'
    async with buyer(RECORDED) as guest:
        reading = await guest.read(exchange("cart-035", query, {"data": {"removeItemFromCart": {"cart": {"id": "x"}}}}))
    assert (reading.how, reading.problems) == (NOT_READ, [])
