"""Journeys that write: a guest who fills a cart and orders. Each one leaves one order behind."""

from __future__ import annotations

import asyncio
import secrets
import time
from decimal import Decimal
from typing import Any

from tests.journeys.storefront import Json, Storefront, check, same

CART = """
  lines { uid sku quantity price { amount } total { amount } discount { amount } }
  quantity coupons isVirtual
  totals {
    subtotal { amount } discounts { amount { amount } } shipping { amount } taxes { amount { amount } }
    grandTotal { amount currency }
  }
"""
CHECKOUT = f"""
  email missing ready
  shippingAddress {{ firstName lastName city country regionCode }} billingAddress {{ lastName city }}
  shippingMethods {{ carrier method title available price {{ amount }} }}
  shippingMethod {{ carrier method price {{ amount }} }}
  paymentMethods {{ code }} paymentMethod {{ code }}
  agreements {{ id required }}
  cart {{ {CART} }}
"""
ERRORS = "userErrors { code message path }"
ADD = f"mutation ($lines: [CartLineInput!]!) {{ cartAdd(lines: $lines) {{ added cart {{ {CART} }} {ERRORS} }} }}"
UPDATE = f"mutation ($lines: [CartLineUpdate!]!) {{ cartUpdate(lines: $lines) {{ cart {{ {CART} }} {ERRORS} }} }}"
CLEAR = f"mutation {{ cartClear {{ cart {{ {CART} }} {ERRORS} }} }}"
COUPON = f"mutation ($codes: [String!]!) {{ cartApplyCoupons(codes: $codes) {{ cart {{ {CART} }} {ERRORS} }} }}"
_STEP = f"{{ checkout {{ {CHECKOUT} }} {ERRORS} }}"
EMAIL = f"mutation ($email: String!) {{ checkoutSetEmail(email: $email) {_STEP} }}"
ADDRESS = f"""mutation ($address: AddressInput!) {{
  checkoutSetShippingAddress(address: $address, sameForBilling: true) {_STEP}
}}"""
SHIPPING = f"""mutation ($carrier: String!, $method: String!) {{
  checkoutSetShippingMethod(carrier: $carrier, method: $method) {_STEP}
}}"""
PAYMENT = f"mutation ($code: String!) {{ checkoutSetPaymentMethod(code: $code) {_STEP} }}"
PLACE = f"""mutation ($key: String!, $agreements: [ID!]) {{
  checkoutPlaceOrder(idempotencyKey: $key, agreements: $agreements) {{ number {ERRORS} }}
}}"""

ESTIMATE = """query ($country: String!, $region: String, $postcode: String) {
  shippingEstimate(country: $country, region: $region, postcode: $postcode) { methods { carrier method } }
}"""
FIND = """query ($number: String!, $email: String!, $lastName: String!, $postcode: String) {
  guestOrder(number: $number, email: $email, lastName: $lastName, postcode: $postcode) { number lines { sku } }
}"""

# Ways to pay that need neither a payment provider nor a number, the most common first.
OFFLINE = ("checkmo", "banktransfer", "cashondelivery", "free")
PICKUP = "instore"
# Countries that the journey knows a real place in; in any other one it makes a place up.
PLACES = {
    "US": ("Austin", "78701", "TX"),
    "DE": ("Berlin", "10115", "BER"),
    "GB": ("London", "SW1A 1AA", None),
    "FR": ("Paris", "75001", "75"),
}
TRIED = 20  # products, at most, until one can be bought as it is
PATIENCE = 300.0  # seconds: a state that was just begun places nothing until no forgotten request can be running


class Guest:
    """One visitor of a shop, who writes as an app does: the session's token in a header, no cookie."""

    def __init__(self, shop: Storefront) -> None:
        self._shop = shop
        self._headers = {"X-Vitrine": "1", "X-Session-Token": "request"}

    async def do(self, mutation: str, **variables: Any) -> Json:
        """The payload of a mutation."""
        status, body, headers = await self._shop.ask(mutation, variables, self._headers)
        check(status == 200 and "errors" not in body, f"HTTP {status} with {body.get('errors')} for {mutation[:200]}")
        token = headers.get("x-session-token")
        if token is not None:
            check("set-cookie" not in headers, "an app that asks for its token is given a cookie too")
            self._headers = {"X-Vitrine": "1", "Authorization": f"Bearer {token}"}
        payload: Json = next(iter(body["data"].values()))
        return payload

    async def done(self, mutation: str, **variables: Any) -> Json:
        """The cart or the checkout after a mutation that nothing kept from being done."""
        payload = await self.do(mutation, **variables)
        same(f"what is wrong with {variables}", payload["userErrors"], [])
        found: Json = payload["cart"] if "cart" in payload else payload["checkout"]
        return found

    async def read(self, query: str, **variables: Any) -> Json:
        """The data of a query of this visitor."""
        return await self._shop.data(query, variables, headers=self._headers)

    async def sign_in(self, email: str) -> None:
        """Goes on as whoever the provider says that has this address."""
        token = str(self._headers.get("Authorization", "")).removeprefix("Bearer ") or None
        self._headers = {"X-Vitrine": "1", "Authorization": f"Bearer {await self._shop.sign_in(token, email)}"}

    async def fill(self) -> Json:
        """Puts two pieces of a simple product into the cart, which can be bought without choosing anything."""
        tried = 0
        for item in [item for listing in await self._shop.listings() for item in listing.items]:
            costs = Decimal(item["price"]["final"]["amount"]) > 0
            if item["__typename"] != "SimpleProduct" or not item["inStock"] or not costs:
                continue
            payload = await self.do(ADD, lines=[{"sku": item["sku"], "quantity": 2}])
            same(f"whether {item['sku']} went in", payload["added"], [not payload["userErrors"]], payload["userErrors"])
            if payload["added"] == [True]:
                cart: Json = payload["cart"]
                return cart
            tried += 1
            check(tried < TRIED, f"none of {TRIED} simple products can be bought: {payload['userErrors']}")
        raise AssertionError("no category shows a simple product that is in stock and costs something")

    async def get_ready(self, *, known: bool = False) -> Json:
        """Takes every step of the checkout but the last; the address of a customer is `known`."""
        if not known:
            await self.done(EMAIL, email=f"guest-{secrets.token_hex(4)}@example.com")
        checkout = await self.done(ADDRESS, address=await self.address())
        await self.done(SHIPPING, **_cheapest(checkout))
        offered = [method["code"] for method in checkout["paymentMethods"]]
        code = next((each for each in OFFLINE if each in offered), None)
        check(code is not None, f"no way to pay of {OFFLINE} is offered, but {offered}")
        return await self.done(PAYMENT, code=code)

    async def find(self, number: str, email: str, **other: str) -> Json | None:
        """The order as a guest finds it from anywhere; `other` is what he says wrongly."""
        address = await self.address()
        said = {"number": number, "email": email, "lastName": address["lastName"], "postcode": address["postcode"]}
        found: Json | None = (await self._shop.data(FIND, {**said, **other}))["guestOrder"]
        return found

    async def address(self) -> Json:
        countries = (await self._shop.data("{ countries { code regions { id code } } }"))["countries"]
        known = {country["code"]: country["regions"] for country in countries}
        country = next((code for code in PLACES if code in known), next(iter(known)))
        city, postcode, code = PLACES.get(country, ("Springfield", "10115", None))
        regions = known[country]
        region = next((each for each in regions if each["code"] == code), regions[0] if regions else None)
        return {
            "firstName": "Guest",
            "lastName": "Journey",
            "street": ["1 Main Street"],
            "city": city,
            "country": country,
            "postcode": postcode,
            "telephone": "555-0100",
            **({"region": region["code"], "regionId": region["id"]} if region else {}),
        }

    async def place(self, key: str, agreements: list[str]) -> str:
        """The number of the order; asks again with the same key as long as it is not confirmed."""
        until = time.monotonic() + PATIENCE
        while True:
            payload = await self.do(PLACE, key=key, agreements=agreements)
            pending = [error["code"] for error in payload["userErrors"]] == ["ORDER_PENDING"]
            if not pending or time.monotonic() > until:
                break
        same("what keeps the order from being placed", payload["userErrors"], [])
        check(bool(payload["number"]), f"the order has no number: {payload}")
        return str(payload["number"])


def _cheapest(checkout: Json) -> Json:
    """The cheapest way to send the order to its address; collecting it somewhere is none."""
    methods = checkout["shippingMethods"]
    offered = [each for each in methods if each["available"] and each["carrier"] != PICKUP and each["price"]]
    check(bool(offered), f"nothing is sent to {checkout['shippingAddress']}: {methods}")
    best = min(offered, key=lambda each: Decimal(each["price"]["amount"]))
    return {"carrier": best["carrier"], "method": best["method"]}


def adds_up(cart: Json) -> None:
    """Lines add up to the subtotal, and the subtotal with all that comes to it and goes from it to what is paid."""
    totals = cart["totals"]

    def amount(money: Json | None) -> Decimal:
        return Decimal(money["amount"]) if money else Decimal(0)

    def all_of(each: list[Json]) -> Decimal:
        return sum((amount(one["amount"]) for one in each), Decimal(0))

    if not totals["taxes"]:
        # With taxes, a price can contain them while the line's total does not.
        for line in cart["lines"]:
            same(
                f"the total of {line['sku']}", amount(line["total"]), amount(line["price"]) * Decimal(line["quantity"])
            )
    same("the subtotal", amount(totals["subtotal"]), sum((amount(line["total"]) for line in cart["lines"]), Decimal(0)))
    paid = (
        amount(totals["subtotal"]) - all_of(totals["discounts"]) + amount(totals["shipping"]) + all_of(totals["taxes"])
    )
    same("what is to be paid", amount(totals["grandTotal"]), paid, totals)
    same(
        "how many things there are", Decimal(cart["quantity"]), sum(Decimal(line["quantity"]) for line in cart["lines"])
    )


async def a_guest_fills_a_cart_and_orders_it_once(shop: Storefront) -> None:
    guest = Guest(shop)
    same("the cart of a visitor who did nothing yet", (await shop.data("{ cart { quantity } }")), {"cart": None})
    cart = await guest.fill()
    adds_up(cart)
    line = cart["lines"][0]
    cart = await guest.done(UPDATE, lines=[{"uid": line["uid"], "quantity": 1}])
    same(
        "what is in the cart", [(each["sku"], Decimal(each["quantity"])) for each in cart["lines"]], [(line["sku"], 1)]
    )
    adds_up(cart)
    refused = await guest.do(COUPON, codes=["there-is-no-such-coupon-7d1f"])
    same("what is wrong with a bad coupon", [error["code"] for error in refused["userErrors"]], ["COUPON_INVALID"])
    same("the cart beside it", refused["cart"], cart)
    same("the cart as it is read", (await guest.read(f"{{ cart {{ {CART} }} }}"))["cart"], cart)

    address = await guest.address()
    place = {name: address.get(name) for name in ("country", "region", "postcode")}
    estimate = (await guest.read(ESTIMATE, **place))["shippingEstimate"]
    check(bool(estimate and estimate["methods"]), f"nothing is said to be sent to {place}: {estimate}")

    early = await guest.do(PLACE, key=_key(), agreements=await _agreed(guest))
    check(bool(early["userErrors"]) and early["number"] is None, f"a cart without an address was ordered: {early}")

    checkout = await guest.get_ready()
    same("what is missing, and whether it is ready", (checkout["missing"], checkout["ready"]), ([], True))
    adds_up(checkout["cart"])
    agreed = await _agreed(guest)
    if any(agreement["required"] for agreement in checkout["agreements"]):
        lacking = await guest.do(PLACE, key=_key(), agreements=[])
        codes = [error["code"] for error in lacking["userErrors"]]
        same("what is wrong without agreeing", codes, ["AGREEMENT_REQUIRED"])
    key = _key()
    number = await guest.place(key, agreed)
    same("the number for the same key again", await guest.place(key, agreed), number)
    same("the number for another key", await guest.place(_key(), agreed), number)
    after = await guest.read("{ cart { quantity } checkout { ready } }")
    same("the cart after the order", after, {"cart": None, "checkout": None})
    bought = {"number": number, "lines": [{"sku": line["sku"]}]}
    same("the order as a guest finds it", await guest.find(number, checkout["email"]), bought)
    same("the order for another name", await guest.find(number, checkout["email"], lastName="Stranger"), None)

    cart = await guest.done(ADD, lines=[{"sku": line["sku"]}])
    same("what is in the next cart", [Decimal(each["quantity"]) for each in cart["lines"]], [1])
    begun = (await guest.read("{ checkout { email missing } }"))["checkout"]
    same("the e-mail of the next cart", begun["email"], None)
    check("SHIPPING_ADDRESS" in begun["missing"], f"the next cart has an address already: {begun}")
    same("the number for the old key while there is another cart", await guest.place(key, agreed), number)
    same("what is left in a cart that was cleared", (await guest.done(CLEAR))["lines"], [])


async def five_orders_at_once_are_one(shop: Storefront) -> None:
    guest = Guest(shop)
    await guest.fill()
    checkout = await guest.get_ready()
    same("what is missing, and whether it is ready", (checkout["missing"], checkout["ready"]), ([], True))
    agreed = await _agreed(guest)
    numbers = await asyncio.gather(*(guest.place(_key(), agreed) for _ in range(5)))
    same("how many different numbers there are", len(set(numbers)), 1, numbers)
    same("the cart after the order", await guest.read("{ cart { quantity } }"), {"cart": None})


async def a_guest_signs_in_and_orders_as_a_customer(shop: Storefront) -> None:
    email = f"customer-{secrets.token_hex(6)}@example.com"
    guest, other = Guest(shop), Guest(shop)
    [line] = (await guest.fill())["lines"]
    bought = [(line["sku"], Decimal(line["quantity"]))]
    await guest.sign_in(email)
    await other.sign_in(email)
    # The first of several calls merges, and all see what it did.
    for cart in await asyncio.gather(*(_lines(one) for one in (guest, guest, guest))):
        same("what is in the cart after the sign-in", cart, bought)
    same("what is in the cart on another device", await _lines(other), bought)
    begun = (await guest.read("{ checkout { email missing } }"))["checkout"]
    check(begun["email"] == email and "EMAIL" not in begun["missing"], f"the address is not the customer's: {begun}")
    checkout = await guest.get_ready(known=True)
    same("what is missing, and whether it is ready", (checkout["missing"], checkout["ready"]), ([], True))
    key, agreed = _key(), await _agreed(guest)
    number = await guest.place(key, agreed)
    same("the number for the same key again", await guest.place(key, agreed), number)
    same("the cart after the order", await _lines(guest), [])
    same("the cart on the other device after the order", await _lines(other), [])


async def _lines(guest: Guest) -> list[tuple[str, Decimal]]:
    cart = (await guest.read("{ cart { lines { sku quantity } } }"))["cart"] or {"lines": []}
    return [(line["sku"], Decimal(line["quantity"])) for line in cart["lines"]]


async def _agreed(guest: Guest) -> list[str]:
    found = (await guest.read("{ checkout { agreements { id } } }"))["checkout"]["agreements"]
    return [agreement["id"] for agreement in found]


def _key() -> str:
    return secrets.token_urlsafe(24)
