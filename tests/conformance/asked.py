"""What the public API is asked so that the product sends what was recorded, and a Commerce that answers it so."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import httpx2
from graphql import FieldNode, OperationDefinitionNode, parse, value_from_ast_untyped

from tests.conformance.recorded import RecordedCommerce
from tests.conformance.recordings import Exchange

APP = {"X-Vitrine": "1", "X-Session-Token": "request"}
CART = """
  quantity isVirtual coupons
  lines {
    uid sku variantSku name quantity inStock options { label value }
    price { amount currency } total { amount } totalWithTax { amount } discount { amount }
    discounts { label amount { amount } }
  }
  totals {
    subtotal { amount } subtotalWithTax { amount } subtotalWithDiscount { amount } shipping { amount }
    discounts { label amount { amount } } taxes { label amount { amount } } grandTotal { amount currency }
  }
"""
_ADDRESS = "firstName lastName street city regionCode region postcode country telephone"
CHECKOUT = f"""
  email missing
  shippingAddress {{ {_ADDRESS} }} billingAddress {{ {_ADDRESS} }}
  shippingMethods {{ carrier method title available price {{ amount }} }}
  shippingMethod {{ carrier method title price {{ amount }} }}
  paymentMethods {{ code title }} paymentMethod {{ code title }}
  cart {{ {CART} }}
"""
_ERRORS = "userErrors { code message path }"
ADD = f"mutation ($lines: [CartLineInput!]!) {{ cartAdd(lines: $lines) {{ added cart {{ {CART} }} {_ERRORS} }} }}"
PLACE = f"mutation ($key: String!) {{ checkoutPlaceOrder(idempotencyKey: $key) {{ number {_ERRORS} }} }}"
# By the recorded mutation: the public one that sends it, the types of its arguments, and what its payload has.
PUBLIC: Mapping[str, tuple[str, Mapping[str, str], str]] = {
    "updateCartItems": ("cartUpdate", {"lines": "[CartLineUpdate!]!"}, f"cart {{ {CART} }}"),
    "applyCouponToCart": ("cartApplyCoupons", {"codes": "[String!]!"}, f"cart {{ {CART} }}"),
    "removeCouponFromCart": ("cartRemoveCoupons", {"codes": "[String!]!"}, f"cart {{ {CART} }}"),
    **{
        recorded: (name, types, f"checkout {{ {CHECKOUT} }}")
        for recorded, name, types in (
            ("setGuestEmailOnCart", "checkoutSetEmail", {"email": "String!"}),
            (
                "setShippingAddressesOnCart",
                "checkoutSetShippingAddress",
                {"address": "AddressInput!", "sameForBilling": "Boolean!"},
            ),
            ("setBillingAddressOnCart", "checkoutSetBillingAddress", {"address": "AddressInput!"}),
            ("setShippingMethodsOnCart", "checkoutSetShippingMethod", {"carrier": "String!", "method": "String!"}),
            (
                "setPaymentMethodOnCart",
                "checkoutSetPaymentMethod",
                {"code": "String!", "purchaseOrderNumber": "String"},
            ),
        )
    },
}
Step = tuple[Any, list[dict[str, Any]]]


class OneRecording(RecordedCommerce):
    """Commerce's side: of each root field the answers in their order, the last one again and again."""

    def __init__(self, exchanges: Mapping[str, Exchange]) -> None:
        super().__init__(exchanges)
        self.steps: dict[str, list[Step]] = {}
        self.rest: dict[str, list[bytes]] = {}
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.posted: list[Any] = []

    def handle(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/graphql":
            asked = json.loads(request.content)
            root = root_of(asked["query"]).name.value
            if root in self.steps:
                steps = self.steps[root]
                value, self.errors = steps.pop(0) if len(steps) > 1 else steps[0]
                self.roots = {root: value}
                self.sent.append((root, asked["variables"]))
        return super().handle(request)

    def _rest(self, request: httpx2.Request) -> httpx2.Response:
        below = request.url.path.partition("/V1/")[2].partition("/")[0]
        if below not in self.rest:
            return super()._rest(request)
        if request.method == "POST":
            self.posted.append(json.loads(request.content))
        bodies = self.rest[below]
        body = bodies.pop(0) if len(bodies) > 1 else bodies[0]
        return httpx2.Response(200, headers={"content-type": "application/json"}, content=body)


def root_of(query: str) -> FieldNode:
    operation = next(node for node in parse(query).definitions if isinstance(node, OperationDefinitionNode))
    field = operation.selection_set.selections[0]
    assert isinstance(field, FieldNode)
    return field


def arguments(exchange: Exchange) -> dict[str, Any]:
    """What a recorded mutation was given."""
    assert exchange.request.query is not None
    given = dict(exchange.request.variables)
    return {
        each.name.value: value_from_ast_untyped(each.value, given)
        for each in root_of(exchange.request.query).arguments or ()
    }


def public(exchange: Exchange) -> tuple[str, dict[str, Any]]:
    """The public mutation that sends a recorded one, and its variables."""
    root = root_of(exchange.request.query or "").name.value
    given: dict[str, Any] = arguments(exchange)["input"]
    same = (given.get("billing_address") or {}).get("same_as_shipping")
    name, types, selected = PUBLIC["setShippingAddressesOnCart" if same else root]
    declared = ", ".join(f"${key}: {kind}" for key, kind in types.items())
    passed = ", ".join(f"{key}: ${key}" for key in types)
    query = f"mutation ({declared}) {{ {name}({passed}) {{ {selected} {_ERRORS} }} }}"
    return query, {**_variables(root, given), **({"sameForBilling": bool(same)} if "sameForBilling" in types else {})}


def _variables(root: str, given: Mapping[str, Any]) -> dict[str, Any]:
    if root == "updateCartItems":
        # A line is told by its uid; the product asks by no other.
        return {"lines": [{"uid": "recorded", "quantity": str(item["quantity"])} for item in given["cart_items"]]}
    if root in ("applyCouponToCart", "removeCouponFromCart"):
        return {"codes": [given.get("coupon_code") or "recorded"]}
    if root == "setGuestEmailOnCart":
        return {"email": given["email"]}
    if root == "setShippingMethodsOnCart":
        way = given["shipping_methods"][0]
        return {"carrier": way["carrier_code"], "method": way["method_code"]}
    if root == "setPaymentMethodOnCart":
        method = given["payment_method"]
        # The product itself asks for the number that Commerce does without (cart-064).
        number = "PO-1" if method["code"] == "purchaseorder" else None
        return {"code": method["code"], "purchaseOrderNumber": method.get("purchase_order_number") or number}
    addresses = given.get("shipping_addresses") or [given["billing_address"]]
    return {"address": _address(addresses[0].get("address") or SOMEWHERE)}


SOMEWHERE = {"firstname": "A", "lastname": "B", "street": ["C"], "city": "D", "country_code": "US"}


AUSTIN = {"country_code": "US", "region": "TX", "region_id": 57}
NOWHERE = ({"country_code": "ZZ"}, {"region_id": 9999})  # recordings cart-053 and cart-054


def _address(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """The public address; of what the product itself refuses (an empty city, a place that is none) it has another."""
    if any(each.items() <= recorded.items() for each in NOWHERE):
        recorded = {**recorded, **AUSTIN}
    names = {
        "firstName": "firstname",
        "lastName": "lastname",
        "company": "company",
        "street": "street",
        "city": "city",
        "region": "region",
        "regionId": "region_id",
        "postcode": "postcode",
        "country": "country_code",
        "telephone": "telephone",
    }
    found = {name: recorded[theirs] for name, theirs in names.items() if theirs in recorded}
    return {**found, "city": found["city"] or "recorded"}
