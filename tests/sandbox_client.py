"""Asks the stand-in Commerce in the test's own process."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any

import httpx2
from graphql import DocumentNode, parse, print_ast

from app.sandbox.commerce import Commerce, create_commerce, slice_path

URL = "http://127.0.0.1:8081"


async def send(commerce: Commerce, method: str = "POST", path: str = "/graphql", **options: Any) -> httpx2.Response:
    """The reply to one request."""
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=commerce), base_url=URL) as client:
        return await client.request(method, path, **options)


async def ask(
    commerce: Commerce, query: str, variables: dict[str, Any] | None = None, **headers: str
) -> dict[str, Any]:
    """The body of the reply to a GraphQL query. Headers by name: `Store="de"`, `Content_Currency="GBP"`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    reply = await send(commerce, json={"query": query, "variables": variables or {}}, headers=named)
    body: dict[str, Any] = reply.json()
    assert commerce.failures == []
    return body


async def data(
    commerce: Commerce, query: str, variables: dict[str, Any] | None = None, **headers: str
) -> dict[str, Any]:
    """The data of a reply that has no errors."""
    body = await ask(commerce, query, variables, **headers)
    assert "errors" not in body, body["errors"]
    found: dict[str, Any] = body["data"]
    return found


async def error(commerce: Commerce, query: str, variables: dict[str, Any] | None = None) -> tuple[str, str, Any]:
    """Message, category and path of the only error of a reply."""
    body = await ask(commerce, query, variables)
    (only,) = body["errors"]
    return only["message"], only["extensions"]["category"], only.get("path")


LISTING = """query($search: String, $filter: ProductAttributeFilterInput, $sort: ProductAttributeSortInput,
$pageSize: Int = 12, $currentPage: Int = 1) {
  products(search: $search, filter: $filter, sort: $sort, pageSize: $pageSize, currentPage: $currentPage) {
    total_count page_info { current_page page_size total_pages }
    items { __typename sku name stock_status price_range { minimum_price { final_price { value currency } } } }
    aggregations { attribute_code label options { label value count } } suggestions { search }
    sort_fields { default options { value } }
  }
}"""


async def listing(commerce: Commerce, headers: dict[str, str] | None = None, **variables: Any) -> dict[str, Any]:
    found: dict[str, Any] = (await data(commerce, LISTING, variables, **(headers or {})))["products"]
    return found


def options(listed: dict[str, Any], code: str) -> dict[str, int]:
    facet = next(one for one in listed["aggregations"] if one["attribute_code"] == code)
    return {option["label"]: option["count"] for option in facet["options"]}


def skus(listed: dict[str, Any]) -> list[str]:
    return [item["sku"] for item in listed["items"]]


async def product(commerce: Commerce, sku: str, fields: str, **headers: str) -> dict[str, Any]:
    query = "query($sku: String!) { products(filter: {sku: {eq: $sku}}) { items { %s } } }" % fields  # noqa: UP031
    (found,) = (await data(commerce, query, {"sku": sku}, **headers))["products"]["items"]
    result: dict[str, Any] = found
    return result


# Carts

CART = """fragment CartParts on Cart {
  id email is_virtual total_quantity
  items { __typename uid quantity product { sku } prices { price { value currency } row_total { value }
    row_total_including_tax { value } total_item_discount { value } discounts { label amount { value } } } }
  applied_coupons { code }
  prices { grand_total { value currency } subtotal_excluding_tax { value } subtotal_including_tax { value }
    discounts { label amount { value } } applied_taxes { label amount { value } } }
  shipping_addresses { city region { code label } country { code label }
    available_shipping_methods { carrier_code method_code amount { value } }
    selected_shipping_method { carrier_code method_code amount { value } } }
  billing_address { city }
  available_payment_methods { code title } selected_payment_method { code title purchase_order_number }
}"""
CART_QUERY = CART + " query($id: String!) { cart(cart_id: $id) { ...CartParts } }"
ADD = (
    CART
    + """ mutation($cartId: String!, $cartItems: [CartItemInput!]!) {
  addProductsToCart(cartId: $cartId, cartItems: $cartItems) { cart { ...CartParts } user_errors { code message } } }"""
)

OAKLAND = {
    "firstname": "Jane",
    "lastname": "Doe",
    "street": ["1 Main St", "Apt 2"],
    "city": "Oakland",
    "region": "CA",
    "region_id": 12,
    "postcode": "94601",
    "country_code": "US",
    "telephone": "510-555-0100",
}
BERLIN = {
    "firstname": "Jan",
    "lastname": "Klee",
    "street": ["Hafenstr. 3"],
    "city": "Berlin",
    "region": "BER",
    "postcode": "10115",
    "country_code": "DE",
    "telephone": "030 555",
}
AUSTIN = {**OAKLAND, "city": "Austin", "region": "TX", "region_id": 57, "postcode": "78701"}

# Mutations that take `input` and give a cart, by name.
_INPUTS = {
    "updateCartItems": "UpdateCartItemsInput",
    "removeItemFromCart": "RemoveItemFromCartInput",
    "applyCouponToCart": "ApplyCouponToCartInput",
    "removeCouponFromCart": "RemoveCouponFromCartInput",
    "applyCouponsToCart": "ApplyCouponsToCartInput!",
    "removeCouponsFromCart": "RemoveCouponsFromCartInput!",
    "setGuestEmailOnCart": "SetGuestEmailOnCartInput",
    "setShippingAddressesOnCart": "SetShippingAddressesOnCartInput",
    "setBillingAddressOnCart": "SetBillingAddressOnCartInput",
    "setShippingMethodsOnCart": "SetShippingMethodsOnCartInput",
    "setPaymentMethodOnCart": "SetPaymentMethodOnCartInput",
}


class Shopper:
    """A guest with a cart."""

    def __init__(self, commerce: Commerce, cart: str, **headers: str) -> None:
        self.commerce = commerce
        self.cart = cart
        self.headers = headers

    async def read(self, **headers: str) -> dict[str, Any]:
        found: dict[str, Any] = (await data(self.commerce, CART_QUERY, {"id": self.cart}, **(headers or self.headers)))[
            "cart"
        ]
        return found

    async def adding(self, *items: dict[str, Any]) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        """The cart of the reply, and code and message of each user error."""
        variables = {"cartId": self.cart, "cartItems": list(items)}
        found = (await data(self.commerce, ADD, variables, **self.headers))["addProductsToCart"]
        return found["cart"], [(one["code"], one["message"]) for one in found["user_errors"]]

    async def add(self, sku: str, quantity: float = 1, **more: Any) -> dict[str, Any]:
        cart, errors = await self.adding({"sku": sku, "quantity": quantity, **more})
        assert errors == []
        return cart

    def _document(self, mutation: str) -> str:
        return f"{CART} mutation($i: {_INPUTS[mutation]}) {{ {mutation}(input: $i) {{ cart {{ ...CartParts }} }} }}"

    async def do(self, mutation: str, **given: Any) -> dict[str, Any]:
        """The cart after a mutation."""
        variables = {"i": {"cart_id": self.cart, **given}}
        found: dict[str, Any] = (await data(self.commerce, self._document(mutation), variables, **self.headers))[
            mutation
        ]["cart"]
        return found

    async def fail(self, mutation: str, **given: Any) -> tuple[str, str, Any]:
        """Message, category and path of the mutation's error."""
        return await error(self.commerce, self._document(mutation), {"i": {"cart_id": self.cart, **given}})

    async def ship_to(self, address: dict[str, Any], **more: Any) -> dict[str, Any]:
        return await self.do("setShippingAddressesOnCart", shipping_addresses=[{"address": address, **more}])

    async def ready(self, address: dict[str, Any] = AUSTIN, payment: str = "checkmo") -> None:
        """Everything that an order needs, for a cart with things to ship."""
        await self.do("setGuestEmailOnCart", email="jane@example.com")
        await self.ship_to(address)
        await self.do("setBillingAddressOnCart", billing_address={"same_as_shipping": True})
        await self.do("setShippingMethodsOnCart", shipping_methods=[FLAT])
        await self.do("setPaymentMethodOnCart", payment_method={"code": payment})

    async def place(self, fields: str = "order { order_number }") -> dict[str, Any]:
        """The whole reply to `placeOrder`."""
        query = f"mutation Place($i: PlaceOrderInput) {{ placeOrder(input: $i) {{ {fields} }} }}"
        return await ask(self.commerce, query, {"i": {"cart_id": self.cart}}, **self.headers)

    async def quote(self) -> Any:
        """The cart over REST."""
        return (await send(self.commerce, "GET", f"/rest/V1/guest-carts/{self.cart}")).json()


FLAT = {"carrier_code": "flatrate", "method_code": "flatrate"}


async def shopper(commerce: Commerce, **headers: str) -> Shopper:
    found = await data(commerce, "mutation { createEmptyCart }", None, **headers)
    return Shopper(commerce, found["createEmptyCart"], **headers)


async def admin(commerce: Commerce) -> dict[str, str]:
    """The header of an admin user."""
    credentials = {"username": "admin", "password": "Admin-passw0rd"}
    token = (await send(commerce, path="/rest/V1/integration/admin/token", json=credentials)).json()
    return {"Authorization": f"Bearer {token}"}


# What the tests ask for beyond the product's own documents, and so beyond the slices.
_BEYOND = """
type Query { isEmailAvailable(email: String!): IsEmailAvailableOutput
  pickupLocations: PickupLocations  checkoutAgreements: [CheckoutAgreement] }
type Mutation { createEmptyCart(input: createEmptyCartInput): String
  removeItemFromCart(input: RemoveItemFromCartInput): RemoveItemFromCartOutput
  placeOrder(input: PlaceOrderInput): PlaceOrderOutput }
input createEmptyCartInput { cart_id: String }
input RemoveItemFromCartInput { cart_id: String!  cart_item_uid: ID  cart_item_id: Int }
type RemoveItemFromCartOutput { cart: Cart! }
input CartItemUpdateInput { cart_item_id: Int  gift_message: GiftMessageInput }
input GiftMessageInput { from: String!  message: String!  to: String! }
type GiftMessage { from: String!  message: String!  to: String! }
type SimpleCartItem { gift_message: GiftMessage }
input ShippingAddressInput { pickup_location_code: String }
input PaymentMethodInput { purchase_order_number: String }
type IsEmailAvailableOutput { is_email_available: Boolean }
type PickupLocations { items: [PickupLocation]  total_count: Int }
type PickupLocation { pickup_location_code: String  name: String  city: String }
type CheckoutAgreement { agreement_id: Int!  name: String!  mode: CheckoutAgreementMode!  is_html: Boolean!
  checkbox_text: String! }
enum CheckoutAgreementMode { AUTO MANUAL }
input PlaceOrderInput { cart_id: String! }
type PlaceOrderOutput { order: Order }
type Order { order_number: String! }
"""
_BEYOND_2_4_7 = """
type Query { guestOrder(input: OrderInformationInput!): CustomerOrder! }
type Mutation { createGuestCart(input: CreateGuestCartInput): CreateGuestCartOutput
  clearCart(input: ClearCartInput!): ClearCartOutput!
  estimateShippingMethods(input: EstimateTotalsInput!): [AvailableShippingMethod]
  estimateTotals(input: EstimateTotalsInput!): EstimateTotalsOutput! }
input CreateGuestCartInput { cart_uid: ID }
type CreateGuestCartOutput { cart: Cart }
input ClearCartInput { uid: ID! }
type ClearCartOutput { cart: Cart  errors: [ClearCartError] }
type ClearCartError { message: String!  type: ClearCartErrorType! }
enum ClearCartErrorType { INACTIVE NOT_FOUND UNAUTHORISED UNDEFINED }
input EstimateTotalsInput { address: EstimateAddressInput!  cart_id: String!  shipping_method: ShippingMethodInput }
input EstimateAddressInput { country_code: CountryCodeEnum!  postcode: String  region: CustomerAddressRegionInput }
enum CountryCodeEnum { DE US }
input CustomerAddressRegionInput { region: String  region_code: String  region_id: Int }
type EstimateTotalsOutput { cart: Cart }
type Cart { itemsV2(currentPage: Int = 1, pageSize: Int = 20): CartItems }
type CartItems { items: [CartItemInterface]!  total_count: Int! }
input OrderInformationInput { email: String!  number: String!  postcode: String }
type CustomerOrder { number: String!  status: String!  token: String!  total: OrderTotal }
type OrderTotal { grand_total: Money! }
type PlaceOrderOutput { errors: [PlaceOrderError]  orderV2: CustomerOrder }
type PlaceOrderError { code: PlaceOrderErrorCodes!  message: String! }
enum PlaceOrderErrorCodes { CART_NOT_ACTIVE CART_NOT_FOUND GUEST_EMAIL_MISSING UNABLE_TO_PLACE_ORDER UNDEFINED }
"""
_BEYOND_2_4_8 = """
input OrderInformationInput { lastname: String! }
type UpdateCartItemsOutput { errors: [CartUserInputError]! }
type CartUserInputError { code: CartUserInputErrorType!  message: String! }
enum CartUserInputErrorType { COULD_NOT_FIND_CART_ITEM INSUFFICIENT_STOCK NOT_SALABLE PRODUCT_NOT_FOUND UNDEFINED
  INVALID_PARAMETER_VALUE REQUIRED_PARAMETER_MISSING PERMISSION_DENIED }
"""
_BEYOND_2_4_9 = """
type Query { guestOrder(input: GuestOrderInformationInput!): CustomerOrder! }
input GuestOrderInformationInput { email: String!  lastname: String!  number: String! }
"""


def selling(version: str, **options: Any) -> Commerce:
    """A stand-in with the slice of that version, and with what the tests of carts and orders need besides."""
    texts = [slice_path(version).read_text(encoding="utf-8")]
    texts += [_BEYOND_2_4_9] if version >= "2.4.9" else []
    texts += [_BEYOND_2_4_8] if version >= "2.4.8" else []
    texts += [_BEYOND_2_4_7] if version >= "2.4.7" else []
    return create_commerce(version, schema=_together(*texts, _BEYOND), **options)


@functools.cache
def _together(*texts: str) -> str:
    """One schema of several: what an earlier one says of a field stands."""
    types: dict[str, Any] = {}
    for text in texts:
        for found in parse(text, no_location=True).definitions:
            node: Any = found
            known = types.setdefault(node.name.value, node)
            if known is not node:
                kind = "values" if hasattr(known, "values") else "fields"
                members = {member.name.value: member for member in (*getattr(node, kind), *getattr(known, kind))}
                types[node.name.value] = replace(known, **{kind: tuple(members.values())})
    return print_ast(DocumentNode(definitions=tuple(types.values())))
