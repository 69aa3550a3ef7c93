"""The stand-in Commerce's carts: what goes in, what does not, and what it costs."""

from __future__ import annotations

from typing import Any

import pytest

from app.sandbox.commerce import Commerce, create_commerce
from app.sandbox.commerce.model import Bundle, uid

from .sandbox_client import AUSTIN, BERLIN, OAKLAND, Shopper, ask, data, error, selling, shopper


@pytest.fixture
def commerce() -> Commerce:
    return selling("2.4.4")


@pytest.fixture
async def guest(commerce: Commerce) -> Shopper:
    return await shopper(commerce)


def rows(cart: dict[str, Any]) -> list[tuple[str, float, Any]]:
    return [(i["product"]["sku"], i["quantity"], i["prices"]["row_total"]["value"]) for i in cart["items"]]


def total(cart: dict[str, Any]) -> Any:
    return cart["prices"]["grand_total"]["value"]


# Making carts


async def test_an_empty_cart_is_as_recorded(guest: Shopper) -> None:
    cart = await guest.read()
    assert len(cart["id"]) == 32
    assert cart == {
        "id": guest.cart,
        "email": None,
        "is_virtual": False,
        "total_quantity": 0,
        "items": [],
        "applied_coupons": None,
        "prices": {
            "grand_total": {"value": 0, "currency": "USD"},
            "subtotal_excluding_tax": {"value": 0},
            "subtotal_including_tax": {"value": 0},
            "discounts": None,
            "applied_taxes": [],
        },
        "shipping_addresses": [],
        "billing_address": None,
        "available_payment_methods": [
            {"code": "checkmo", "title": "Check / Money order"},
            {"code": "purchaseorder", "title": "Purchase Order"},
            {"code": "banktransfer", "title": "Bank Transfer Payment"},
            {"code": "cashondelivery", "title": "Cash On Delivery"},
            {"code": "free", "title": "No Payment Information Required"},
        ],
        "selected_payment_method": {"code": "", "title": "", "purchase_order_number": None},
    }


async def test_a_client_may_choose_the_id_of_its_cart_once(commerce: Commerce) -> None:
    query = "mutation($i: createEmptyCartInput) { createEmptyCart(input: $i) }"
    own = "lab22ebf4da9de04f4a84e23313c3fa8"
    assert await data(commerce, query, {"i": {"cart_id": own}}) == {"createEmptyCart": own}
    assert (await error(commerce, query, {"i": {"cart_id": own}}))[:2] == (
        f'Cart with ID "{own}" already exists.',
        "graphql-already-exists",
    )
    assert await error(commerce, query, {"i": {"cart_id": "short"}}) == (
        "Cart ID length should to be 32 symbols.",
        "graphql-input",
        ["createEmptyCart"],
    )


async def test_newer_versions_make_a_guests_cart_by_name() -> None:
    commerce = selling("2.4.9")
    query = "mutation($i: CreateGuestCartInput) { createGuestCart(input: $i) { cart { id total_quantity } } }"
    own = "lab22ebf4da9de04f4a84e23313c3fa8"
    made = (await data(commerce, query, {"i": {"cart_uid": own}}))["createGuestCart"]
    assert made == {"cart": {"id": own, "total_quantity": 0}}


async def test_a_cart_of_nobody_and_of_somebody_else(commerce: Commerce, guest: Shopper) -> None:
    query = "query($id: String!) { cart(cart_id: $id) { id } }"
    assert await error(commerce, query, {"id": "x"}) == (
        'Could not find a cart with ID "x"',
        "graphql-no-such-entity",
        ["cart"],
    )
    assert (await error(commerce, query, {"id": ""}))[:2] == (
        'Required parameter "cart_id" is missing',
        "graphql-input",
    )
    commerce.carts[guest.cart].customer = 1
    assert await error(commerce, query, {"id": guest.cart}) == (
        f'The current user cannot perform operations on cart "{guest.cart}"',
        "graphql-authorization",
        ["cart"],
    )


# Adding


async def test_a_simple_product_is_added_and_added_to(guest: Shopper) -> None:
    await guest.add("TT-C12", 2)
    cart = await guest.add("TT-C12", 1)
    assert rows(cart) == [("TT-C12", 3, 54)]
    assert [(i["__typename"], i["uid"]) for i in cart["items"]] == [("SimpleCartItem", uid(1))]
    assert [m["code"] for m in cart["available_payment_methods"]][-1] == "cashondelivery"


async def test_several_new_lines_leave_stale_totals_in_the_reply_only(guest: Shopper) -> None:
    cart, errors = await guest.adding({"sku": "TT-C12", "quantity": 1}, {"sku": "TT-C09", "quantity": 2})
    assert errors == []
    assert rows(cart) == [("TT-C12", 1, 18), ("TT-C09", 2, None)]
    assert (total(cart), cart["total_quantity"]) == (18, 3)
    cart = await guest.read()
    assert (rows(cart), total(cart)) == ([("TT-C12", 1, 18), ("TT-C09", 2, 158)], 176)


async def test_the_good_items_go_in_when_others_are_refused_and_then_totals_are_true(guest: Shopper) -> None:
    wanted = [{"sku": sku, "quantity": 1} for sku in ("TT-C12", "NOPE", "TT-C09")]
    cart, errors = await guest.adding(*wanted)
    assert errors == [("PRODUCT_NOT_FOUND", 'Could not find a product with SKU "NOPE"')]
    assert (rows(cart), total(cart)) == ([("TT-C12", 1, 18), ("TT-C09", 1, 79)], 97)


@pytest.mark.parametrize(
    ("item", "code", "message"),
    [
        ({"sku": "TT-C13"}, "NOT_SALABLE", "Product that you are trying to add is not available."),
        ({"sku": "TT-C07", "quantity": 10}, "INSUFFICIENT_STOCK", "The requested qty is not available"),
        ({"sku": "NOPE"}, "PRODUCT_NOT_FOUND", 'Could not find a product with SKU "NOPE"'),
        ({"sku": "TT-J01"}, "UNDEFINED", "You need to choose options for your item."),
        (
            {"sku": "TT-J01", "selected_options": ["!!notbase64"]},
            "UNDEFINED",
            "You need to choose options for your item.",
        ),
        (
            {"sku": "TT-M01"},
            "UNDEFINED",
            "The product's required option(s) weren't entered. Make sure the options are entered and try again.",
        ),
        ({"sku": "TT-C12", "quantity": 0}, "UNDEFINED", "The product quantity should be greater than 0"),
        ({"sku": "TT-C12", "quantity": -1}, "UNDEFINED", "The product quantity should be greater than 0"),
        ({"sku": "TT-C12", "quantity": 1.5}, "UNDEFINED", "You cannot use decimal quantity for this product."),
        (
            {"sku": "TT-C12", "quantity": 99999},
            "UNDEFINED",
            "The requested qty exceeds the maximum qty allowed in shopping cart",
        ),
        ({"sku": "TT-G01"}, "UNDEFINED", "Please specify the quantity of product(s)."),
        ({"sku": "TT-K01"}, "UNDEFINED", "Please select all required options."),
        ({"sku": "TT-D01"}, "UNDEFINED", "Please specify product link(s)."),
    ],
)
async def test_refusals_are_user_errors_and_change_nothing(
    guest: Shopper, item: dict[str, Any], code: str, message: str
) -> None:
    cart, errors = await guest.adding({"quantity": 1, **item})
    assert (errors, cart["items"]) == ([(code, message)], [])


async def test_too_little_stock_is_a_type_of_its_own_from_2_4_8_on() -> None:
    commerce = selling("2.4.8")
    query = """mutation($c: String!) { addProductsToCart(cartId: $c, cartItems: [{sku: "TT-C07", quantity: 10}]) {
      cart { id } user_errors { __typename code message } } }"""
    found = (await data(commerce, query, {"c": (await shopper(commerce)).cart}))["addProductsToCart"]
    assert [(e["__typename"], e["code"]) for e in found["user_errors"]] == [
        ("InsufficientStockError", "INSUFFICIENT_STOCK")
    ]


async def test_a_configurable_product_takes_its_options_and_a_parent_sku_changes_nothing(
    commerce: Commerce, guest: Shopper
) -> None:
    variant = commerce.shop.products["TT-J03-L-Blue"]
    options = [
        uid(f"configurable/93/{variant.attributes['color']}"),
        uid(f"configurable/142/{variant.attributes['size']}"),
    ]
    cart = await guest.add("TT-J03", 1, selected_options=options)
    assert [(i["__typename"], i["prices"]["price"]["value"]) for i in cart["items"]] == [("ConfigurableCartItem", 299)]
    query = """query($id: String!) { cart(cart_id: $id) { items { ... on ConfigurableCartItem {
      configurable_options { option_label value_label } configured_variant { sku } } } } }"""
    (item,) = (await data(commerce, query, {"id": guest.cart}))["cart"]["items"]
    assert item == {
        "configurable_options": [
            {"option_label": "Color", "value_label": "Blue"},
            {"option_label": "Size", "value_label": "L"},
        ],
        "configured_variant": {"sku": "TT-J03-L-Blue"},
    }
    cart = await guest.add("TT-J03-L-Blue", 1, parent_sku="TT-J03")
    assert [i["__typename"] for i in cart["items"]] == ["ConfigurableCartItem", "SimpleCartItem"]


async def test_a_bundle_costs_what_was_chosen(commerce: Commerce, guest: Shopper) -> None:
    parts = commerce.shop.products["TT-K02"].parts
    assert isinstance(parts, Bundle)
    chosen = [uid(f"bundle/{o.id}/{o.selections[0].id}/1") for o in parts.options[:2]]
    mugs = parts.options[2]
    chosen.append(uid(f"bundle/{mugs.id}/{mugs.selections[0].id}/2"))
    cart = await guest.add("TT-K02", 2, selected_options=chosen)
    # Stove 79, pots 47 (special), two mugs of 18.
    assert rows(cart) == [("TT-K02", 2, 324)]
    query = """query($id: String!) { cart(cart_id: $id) { items { ... on BundleCartItem {
      bundle_options { label values { label quantity } } } } } }"""
    (item,) = (await data(commerce, query, {"id": guest.cart}))["cart"]["items"]
    assert item["bundle_options"][2] == {"label": "Mugs", "values": [{"label": "Dew Enamel Mug", "quantity": 2}]}


async def test_a_group_is_added_by_the_quantities_of_its_members(commerce: Commerce, guest: Shopper) -> None:
    ids = [commerce.shop.products[sku].id for sku in ("TT-P08", "TT-P10")]
    chosen = [uid(f"grouped/{ids[0]}/2"), uid(f"grouped/{ids[1]}/1")]
    await guest.add("TT-G01", 1, selected_options=chosen)
    assert rows(await guest.read()) == [("TT-P08", 2, 50), ("TT-P10", 1, 32)]


async def test_links_and_customizable_options_add_to_the_price(commerce: Commerce, guest: Shopper) -> None:
    await guest.add("TT-D04", 1, selected_options=[uid("downloadable/31"), uid("downloadable/32")])
    lettering = {"uid": uid("custom-option/1"), "value": "Hello"}
    await guest.add("TT-M01", 1, selected_options=[uid("custom-option/2/2")], entered_options=[lettering])
    cart = await guest.read()
    # 10 + 2 × 3; 22 + 2.50 for the lettering + 10 % for the linen.
    assert rows(cart) == [("TT-D04", 1, 16), ("TT-M01", 1, 26.7)]
    query = """query($id: String!) { cart(cart_id: $id) { items { ... on DownloadableCartItem { links { title } }
      ... on SimpleCartItem { customizable_options { label values { label value } } } } } }"""
    items = (await data(commerce, query, {"id": guest.cart}))["cart"]["items"]
    assert items == [
        {"links": [{"title": "Part 1"}, {"title": "Part 2"}]},
        {
            "customizable_options": [
                {"label": "Lettering", "values": [{"label": "", "value": "Hello"}]},
                {"label": "Wrapping", "values": [{"label": "Linen", "value": "2"}]},
            ]
        },
    ]


async def test_quantity_discounts_count_by_line(guest: Shopper) -> None:
    assert rows(await guest.add("TT-C04", 4)) == [("TT-C04", 4, 96)]
    assert rows(await guest.add("TT-C04", 1)) == [("TT-C04", 5, 108)]


# Changing


async def test_quantities_change_and_zero_removes(guest: Shopper) -> None:
    await guest.add("TT-C12", 2)
    await guest.add("TT-C09", 1)
    one = {"cart_item_uid": uid(1)}
    assert rows(await guest.do("updateCartItems", cart_items=[{**one, "quantity": 3}]))[0] == ("TT-C12", 3, 54)
    assert rows(await guest.do("updateCartItems", cart_items=[{"cart_item_id": 1, "quantity": 2}]))[0][1] == 2
    assert await guest.fail("updateCartItems", cart_items=[{**one, "quantity": 9000}]) == (
        "Could not update the product with SKU TT-C12: The requested qty is not available",
        "graphql-input",
        ["updateCartItems"],
    )
    assert (await guest.fail("updateCartItems", cart_items=[{"cart_item_uid": uid(999999), "quantity": 1}]))[:2] == (
        "Could not find cart item with id: 999999.",
        "graphql-no-such-entity",
    )
    assert rows(await guest.do("updateCartItems", cart_items=[{**one, "quantity": 0}])) == [("TT-C09", 1, 79)]
    assert (await guest.fail("removeItemFromCart", cart_item_uid=uid(1)))[:2] == (
        "The cart doesn't contain the item",
        "graphql-no-such-entity",
    )
    assert (await guest.do("removeItemFromCart", cart_item_uid=uid(2)))["items"] == []


async def test_from_2_4_8_on_a_refused_update_is_in_the_output() -> None:
    guest = await shopper(selling("2.4.8"))
    await guest.add("TT-C12")
    query = """mutation($i: UpdateCartItemsInput) { updateCartItems(input: $i) {
      cart { total_quantity } errors { code message } } }"""
    for line, quantity, code in ((1, 9000, "INSUFFICIENT_STOCK"), (99, 1, "COULD_NOT_FIND_CART_ITEM")):
        item = {"cart_item_uid": uid(line), "quantity": quantity}
        given = {"i": {"cart_id": guest.cart, "cart_items": [item]}}
        found = (await data(guest.commerce, query, given))["updateCartItems"]
        assert (found["cart"]["total_quantity"], [e["code"] for e in found["errors"]]) == (1, [code])


async def test_a_gift_message_without_a_quantity_is_refused(guest: Shopper) -> None:
    await guest.add("TT-C12")
    gift = {"to": "Ada", "from": "Jane", "message": "Happy trails"}
    refused = await guest.fail("updateCartItems", cart_items=[{"cart_item_uid": uid(1), "gift_message": gift}])
    assert refused[0] == 'Required parameter "quantity" for "cart_items" is missing.'


async def test_a_line_carries_a_gift_message(guest: Shopper) -> None:
    await guest.add("TT-C12")
    gift = {"to": "Ada", "from": "Jane", "message": "Happy trails"}
    await guest.do("updateCartItems", cart_items=[{"cart_item_uid": uid(1), "quantity": 1, "gift_message": gift}])
    query = """query($id: String!) { cart(cart_id: $id) { items { ... on SimpleCartItem {
      gift_message { to from message } } } } }"""
    (item,) = (await data(guest.commerce, query, {"id": guest.cart}))["cart"]["items"]
    assert item == {"gift_message": gift}


async def test_clearing_a_cart_says_what_is_wrong_with_it() -> None:
    guest = await shopper(selling("2.4.7"))
    await guest.add("TT-C12")
    query = "mutation($i: ClearCartInput!) { clearCart(input: $i) { cart { total_quantity } errors { type } } }"
    found = (await data(guest.commerce, query, {"i": {"uid": guest.cart}}))["clearCart"]
    assert found["cart"] == {"total_quantity": 0}
    found = (await data(guest.commerce, query, {"i": {"uid": "x"}}))["clearCart"]
    assert found == {"cart": None, "errors": [{"type": "NOT_FOUND"}]}


async def test_lines_come_by_page_from_2_4_7_on() -> None:
    guest = await shopper(selling("2.4.7"))
    for sku in ("TT-C12", "TT-C09", "TT-C08"):
        await guest.add(sku)
    query = """query($id: String!) { cart(cart_id: $id) { itemsV2(pageSize: 2, currentPage: 2) {
      total_count items { product { sku } } } } }"""
    found = (await data(guest.commerce, query, {"id": guest.cart}))["cart"]["itemsV2"]
    assert found == {"total_count": 3, "items": [{"product": {"sku": "TT-C08"}}]}


# Coupons


async def test_coupons_apply_once_whatever_their_case(guest: Shopper) -> None:
    assert (await guest.fail("applyCouponToCart", coupon_code="TENOFF"))[:2] == (
        "Cart does not contain products.",
        "graphql-no-such-entity",
    )
    await guest.add("TT-C07", 1)
    for code in ("NOPE", "EXPIRED"):
        assert await guest.fail("applyCouponToCart", coupon_code=code) == (
            "The coupon code isn't valid. Verify the code and try again.",
            "graphql-no-such-entity",
            ["applyCouponToCart"],
        )
    cart = await guest.do("applyCouponToCart", coupon_code="tenoff")
    discount = [{"label": "Ten percent off", "amount": {"value": 8.9}}]
    assert (cart["applied_coupons"], total(cart), cart["prices"]["discounts"]) == ([{"code": "tenoff"}], 80.1, discount)
    assert cart["items"][0]["prices"]["discounts"] == discount
    for code in ("FIVE", "NOPE"):
        assert (await guest.fail("applyCouponToCart", coupon_code=code))[:2] == (
            "A coupon is already applied to the cart. Please remove it to apply another",
            "graphql-input",
        )
    cart = await guest.do("removeCouponFromCart")
    assert (cart["applied_coupons"], total(cart)) == (None, 89)


async def test_several_coupons_stack_from_2_4_7_on_and_a_fixed_one_is_spread_to_the_cent() -> None:
    guest = await shopper(selling("2.4.7"))
    for sku in ("TT-C12", "TT-C15", "TT-C08"):
        await guest.add(sku)
    cart = await guest.do("applyCouponsToCart", coupon_codes=["FIVE", "TENOFF"], type="APPEND")
    # 96 - 5 = 91, less 10 % by line: 1.71 + 4.64 + 2.75.
    assert [one["amount"]["value"] for one in cart["prices"]["discounts"]] == [5, 9.1]
    assert [i["prices"]["discounts"][0]["amount"]["value"] for i in cart["items"]] == [0.94, 2.55, 1.51]
    assert (total(cart), [one["code"] for one in cart["applied_coupons"]]) == (81.9, ["FIVE", "TENOFF"])
    cart = await guest.do("removeCouponsFromCart", coupon_codes=["five"])
    assert (total(cart), cart["applied_coupons"]) == (86.4, [{"code": "TENOFF"}])


# Money


async def test_a_cart_is_repriced_where_it_is_read(commerce: Commerce) -> None:
    guest = await shopper(commerce, Store="de")
    await guest.add("TT-C12", 3)
    sums = []
    for headers in ({"Store": "de"}, {"Store": "default"}, {"Store": "default", "Content_Currency": "GBP"}):
        cart = await guest.read(**headers)
        prices = cart["items"][0]["prices"]
        sums.append((prices["price"]["value"], prices["row_total"]["value"], cart["prices"]["grand_total"]["currency"]))
    assert sums == [(16.56, 49.68, "EUR"), (18, 54, "USD"), (14.22, 42.66, "GBP")]


async def test_taxes_depend_on_where_goods_go_and_are_taken_after_discounts(guest: Shopper) -> None:
    await guest.add("TT-C12", 1)
    await guest.add("TT-C08", 1)
    await guest.do("applyCouponToCart", coupon_code="TENOFF")
    cart = await guest.ship_to(OAKLAND)
    # 47 - 4.70 = 42.30 at 8.25 %: 3.48975.
    assert cart["prices"]["applied_taxes"] == [{"label": "California sales tax", "amount": {"value": 3.49}}]
    assert (total(cart), cart["prices"]["subtotal_including_tax"]["value"]) == (45.79, 50.88)
    assert (await guest.ship_to(AUSTIN))["prices"]["applied_taxes"] == []
    cart = await guest.ship_to(BERLIN)
    assert cart["prices"]["applied_taxes"] == [{"label": "Umsatzsteuer 19 %", "amount": {"value": 8.04}}]
    assert total(cart) == 50.34


async def test_below_a_shipping_address_the_ids_of_lines_are_lost_in_2_4_4() -> None:
    sdl = """type Query { cart(cart_id: String!): Cart }
    type Mutation { createEmptyCart: String  addProductsToCart(cartId: String!, cartItems: [CartItemInput!]!): Added
      setShippingAddressesOnCart(input: Input): Added }
    type Added { cart: Cart }  input CartItemInput { sku: String! quantity: Float! }
    input Input { cart_id: String shipping_addresses: [Shipping] }  input Shipping { address: Address }
    input Address { firstname: String lastname: String street: [String] city: String region: String postcode: String
      country_code: String telephone: String }
    type Cart { shipping_addresses: [ShippingCartAddress] }
    type ShippingCartAddress { cart_items_v2: [CartItemInterface] }
    interface CartItemInterface { id: String! uid: ID! }
    type SimpleCartItem implements CartItemInterface { id: String! uid: ID! }"""
    commerce = create_commerce("2.4.4", schema=sdl)
    cart = (await data(commerce, "mutation { createEmptyCart }"))["createEmptyCart"]
    address = {name: value for name, value in AUSTIN.items() if name != "region_id"}
    added = (
        'mutation($c: String!, $i: Input) { addProductsToCart(cartId: $c, cartItems: [{sku: "TT-C12", quantity: 1}])'
    )
    given = {"cart_id": cart, "shipping_addresses": [{"address": address}]}
    document = f"{added} {{ __typename }} setShippingAddressesOnCart(input: $i) {{ __typename }} }}"
    await data(commerce, document, {"c": cart, "i": given})
    query = "query($id: String!) { cart(cart_id: $id) { shipping_addresses { cart_items_v2 { id uid } } } }"
    body = await ask(commerce, query, {"id": cart})
    assert body["data"] == {"cart": {"shipping_addresses": [{"cart_items_v2": [None]}]}}
    assert [(e["message"], e["extensions"], e["path"]) for e in body["errors"]] == [
        (
            "Internal server error",
            {"category": "internal"},
            ["cart", "shipping_addresses", 0, "cart_items_v2", 0, "uid"],
        )
    ]
