"""Where the journeys of tests/cart_machine.py play: the application before a stand-in Commerce, in a loop of its own."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import Callable, Coroutine
from decimal import Decimal
from types import TracebackType
from typing import Any, TypeVar

import httpx2

from app.sandbox.commerce import Commerce, create_commerce
from tests.cart_model import CENT, RATES, Piece, Ware, cents
from tests.conftest import COMMERCE, Api, running
from tests.test_cart import KEY, UNSAFE

T = TypeVar("T")
# Alters an answer of Commerce: the body that was sent there, the answer's body, and what it is to be instead.
Alter = Callable[[dict[str, Any], Any], Any]

# What is on the shelf when a journey starts: some things run out in it.
STOCK = {
    "TT-C01": 24, "TT-C03": 40, "TT-C07": 3, "TT-C09": 300, "TT-C11": 300, "TT-C12": 30, "TT-C13": 0, "TT-H04": 5,
    "TT-H07": 300, "TT-H09": 60, "TT-H10": 58, "TT-J03-S-Blue": 20, "TT-J03-L-Blue": 2, "TT-J03-M-Red": 0, "TT-M01": 300,
}  # fmt: skip
SIMPLE = ("TT-C01", "TT-C03", "TT-C07", "TT-C12", "TT-H10")
SOLD_OUT = "TT-C13"
VARIANTS = ("TT-J03-S-Blue", "TT-J03-L-Blue", "TT-J03-M-Red")
# Kinds of one product are apart on purpose: in one call they are what is hardest to tell from each other.
WARES = (
    *SIMPLE, SOLD_OUT, *VARIANTS, "TT-J03", "TT-K02", "TT-K03", "TT-K02 bare", "TT-D04", "TT-D04 bare", "TT-D03", "TT-V02",
    "TT-V04", "TT-M01", "TT-M01 linen", "TT-M01 bare", "TT-G01", "NOPE-1",
)  # fmt: skip
GOODS = tuple(
    name
    for name in WARES
    if not name.endswith("bare") and name not in (SOLD_OUT, "TT-J03", "TT-J03-M-Red", "TT-G01", "NOPE-1")
)
QUOTES = 8_700_000_001  # the first cart's number: long enough to be found in an answer that has it

PRICE = "price { final { amount } tiers { quantity final { amount } } }"
DETAILS = f"""query($sku: String!) {{ product(sku: $sku) {{ sku {PRICE}
  customOptions {{ uid required adjustment {{ amount {{ amount }} }} values {{ uid title adjustment {{ percent }} }} }}
  ... on ConfigurableProduct {{ variants {{ sku price {{ final {{ amount }} }} values {{ uid }} }} }}
  ... on BundleProduct {{ bundleOptions {{ required choices {{ uid sku isDefault }} }} }}
  ... on DownloadableProduct {{ downloadLinks {{ uid price {{ amount }} }} }} }} }}"""

CART = """{
  lines {
    uid sku variantSku quantity price { amount currency } total { amount } totalWithTax { amount } discount { amount }
    discounts { label amount { amount } } problems { code }
  }
  quantity coupons isVirtual
  totals {
    subtotal { amount } subtotalWithTax { amount } subtotalWithDiscount { amount } shipping { amount }
    discounts { label amount { amount } } taxes { label amount { amount } } grandTotal { amount currency }
  }
}"""
CHECKOUT = """{
  email missing ready
  shippingAddress { firstName city country } billingAddress { firstName city country }
  shippingMethods { carrier method price { amount } } shippingMethod { carrier method price { amount } }
  paymentMethods { code } paymentMethod { code } cart { totals { grandTotal { amount } } }
}"""
ERRORS = "userErrors { code path message }"
LOOK = f"{{ cart {CART} checkout {CHECKOUT} }}"
GLANCE = f"{{ cart {CART} }}"
ADD = f"mutation($lines: [CartLineInput!]!) {{ cartAdd(lines: $lines) {{ added cart {CART} {ERRORS} }} }}"
UPDATE = f"mutation($lines: [CartLineUpdate!]!) {{ cartUpdate(lines: $lines) {{ cart {CART} {ERRORS} }} }}"
REMOVE = f"mutation($uids: [ID!]!) {{ cartRemove(uids: $uids) {{ cart {CART} {ERRORS} }} }}"
CLEAR = f"mutation {{ cartClear {{ cart {CART} {ERRORS} }} }}"
APPLY = f"mutation($codes: [String!]!) {{ cartApplyCoupons(codes: $codes) {{ cart {CART} {ERRORS} }} }}"
TAKE_OFF = f"mutation($codes: [String!]!) {{ cartRemoveCoupons(codes: $codes) {{ cart {CART} {ERRORS} }} }}"
EMAIL = f"mutation($email: String!) {{ checkoutSetEmail(email: $email) {{ checkout {CHECKOUT} {ERRORS} }} }}"
SHIP_TO = (
    "mutation($address: AddressInput!, $same: Boolean!) { checkoutSetShippingAddress(address: $address,"
    f" sameForBilling: $same) {{ checkout {CHECKOUT} {ERRORS} }} }}"
)
BILL_TO = (
    "mutation($address: AddressInput!) { checkoutSetBillingAddress(address: $address)"
    f" {{ checkout {CHECKOUT} {ERRORS} }} }}"
)
SEND_BY = (
    "mutation($carrier: String!, $method: String!) { checkoutSetShippingMethod(carrier: $carrier, method: $method)"
    f" {{ checkout {CHECKOUT} {ERRORS} }} }}"
)
PAY_BY = (
    "mutation($code: String!, $number: String) { checkoutSetPaymentMethod(code: $code, purchaseOrderNumber: $number)"
    f" {{ checkout {CHECKOUT} {ERRORS} }} }}"
)
ORDER = (
    "mutation($key: String!, $agreements: [ID!]) { checkoutPlaceOrder(idempotencyKey: $key, agreements: $agreements)"
    f" {{ number {ERRORS} }} }}"
)


class Way(httpx2.AsyncBaseTransport):
    """The way to Commerce, on which `alter` can spoil answers."""

    def __init__(self, commerce: Commerce) -> None:
        self._inner = httpx2.ASGITransport(app=commerce)
        self.alter: Alter | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await self._inner.handle_async_request(request)
        if self.alter is None or request.url.path != "/graphql":
            return response
        altered = self.alter(json.loads(request.content), json.loads(await response.aread()))
        return httpx2.Response(response.status_code, json=altered)


class Stage:
    """The application and Commerce of one version for many journeys, each with shoppers of its own.

    `tally` counts what happened; `leaks` are texts that no answer may have in it.
    """

    def __init__(self, version: str) -> None:
        self.version = tuple(map(int, version.split(".")))
        self.commerce = create_commerce(version, public_url=COMMERCE)
        self.commerce.shop.carts._ids = itertools.count(QUOTES)
        self.way = Way(self.commerce)
        self.tally: Counter[str] = Counter()
        self.wares: dict[str, dict[str, Ware]] = {}
        self.leaks: set[str] = set()
        self.journey = 0
        self.first_order = 0
        self._runner = asyncio.Runner()
        self._browsers: list[httpx2.AsyncClient] = []

    def __enter__(self) -> Stage:
        admin = self.commerce.shop.admins[0]
        self._running = running(
            self.commerce,
            transport=self.way,
            environment="development",
            redis_state_url="memory://",
            session_keys=KEY,
            public_url="http://localhost:8000",
            commerce_admin_username=admin.username,
            commerce_admin_password=admin.password,
            commerce_max_execution=1,
            order_margin=0.2,
        )
        self.api: Api = self.run(self._running.__aenter__())
        for currency in RATES:
            self.wares[currency] = self.run(self._learn(currency))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.run(self._running.__aexit__(None, None, None))
        finally:
            self._runner.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def begin(self) -> None:
        """A journey starts: the shelf is full, and nobody has a cart."""
        shop = self.commerce.shop
        for sku, count in STOCK.items():
            if shop.products[sku].qty != count:
                shop.set_stock(sku, count, count > 0)
        self.commerce.carts.clear()
        self.commerce.requests.clear()
        self.leaks.clear()
        self.first_order = len(self.commerce.orders)
        self.journey += 1

    def browser(self) -> httpx2.AsyncClient:
        """A browser that nobody has used yet."""
        web = httpx2.ASGITransport(app=self.api.app, raise_app_exceptions=False)
        browser = httpx2.AsyncClient(transport=web, base_url="http://api.test")
        self._browsers.append(browser)
        return browser

    def end(self) -> None:
        """A journey is over."""
        for browser in self._browsers:
            self.run(browser.aclose())
        self._browsers.clear()

    def ask(self, browser: httpx2.AsyncClient, currency: str, query: str, **variables: Any) -> dict[str, Any]:
        """The data of an answer without errors, in which there is nothing that is not to leave."""
        headers = {**UNSAFE, "Content-Currency": currency}
        body = {"query": query, "variables": variables}
        answer = self.run(browser.post("/graphql", json=body, headers=headers))
        self.tally["calls"] += 1
        self.leaks.update(self.commerce.carts, (str(cart.id) for cart in self.commerce.carts.values()))
        whole = f"{answer.text}\n{answer.headers!r}"
        leaked = sorted(text for text in self.leaks if text in whole)
        assert not leaked, f"an answer has {leaked} in it: {whole}"
        found = answer.json()
        assert "errors" not in found, found["errors"]
        data: dict[str, Any] = found["data"]
        return data

    # What there is to buy, as the public catalogue tells it

    async def _learn(self, currency: str) -> dict[str, Ware]:
        wanted = {name.split(" ")[0] for name in WARES} - {*VARIANTS, SOLD_OUT, "NOPE-1"} | set(STOCK) - {
            *VARIANTS,
            SOLD_OUT,
        }
        headers = {"Content-Currency": currency}
        told = {sku: (await self.api.data(DETAILS, headers, sku=sku))["product"] for sku in sorted(wanted)}
        pieces = {sku: _piece(product) for sku, product in told.items()}
        found = {sku: Ware({"sku": sku}, (pieces[sku],), most=4 if sku == "TT-C01" else 10000) for sku in SIMPLE}
        # The catalogue does not show what is sold out, and its price is never asked for.
        found[SOLD_OUT] = Ware({"sku": SOLD_OUT}, (Piece(SOLD_OUT, ()),))
        for variant in told["TT-J03"]["variants"]:
            chosen = [value["uid"] for value in variant["values"]]
            piece = Piece(variant["sku"], ((1, _amount(variant["price"]["final"])),))
            found[variant["sku"]] = Ware({"sku": "TT-J03", "options": chosen}, (piece,), variant=variant["sku"])
        for sku in ("TT-K02", "TT-K03"):
            default = [
                next((choice for choice in option["choices"] if choice["isDefault"]), None)
                for option in told[sku]["bundleOptions"]
                if option["required"]
            ]
            chosen = [choice for choice in default if choice]
            line = {"sku": sku, "options": [choice["uid"] for choice in chosen]}
            found[sku] = Ware(line, tuple(pieces[choice["sku"]] for choice in chosen), bundle=True)
        for sku, count in (("TT-D04", 2), ("TT-D03", 1)):
            links = told[sku]["downloadLinks"][:count]
            line = {"sku": sku, "options": [link["uid"] for link in links]}
            extra = sum((cents(_amount(link["price"]) * RATES[currency]) for link in links), Decimal(0))
            found[sku] = Ware(line, (pieces[sku],), extra, shelved=False)
        for sku in ("TT-V02", "TT-V04"):
            found[sku] = Ware({"sku": sku}, (pieces[sku],), shelved=False)
        found |= _mugs(told["TT-M01"], pieces["TT-M01"], RATES[currency])
        for name in ("TT-J03", "TT-K02 bare", "TT-D04 bare", "TT-M01 bare"):
            found[name] = Ware({"sku": name.split(" ")[0]}, refused="OPTIONS_REQUIRED")
        found["TT-G01"] = Ware({"sku": "TT-G01"}, refused="QUANTITY_INVALID")
        found["NOPE-1"] = Ware({"sku": "NOPE-1"}, refused="PRODUCT_NOT_FOUND")
        return {name: found[name] for name in WARES}


def _amount(node: dict[str, Any]) -> Decimal:
    return Decimal(node["amount"]).quantize(CENT)


def _piece(product: dict[str, Any]) -> Piece:
    tiers = [(int(Decimal(tier["quantity"])), _amount(tier["final"])) for tier in product["price"]["tiers"]]
    return Piece(product["sku"], ((0, _amount(product["price"]["final"])), *tiers))


def _mugs(product: dict[str, Any], piece: Piece, rate: Decimal) -> dict[str, Ware]:
    """A mug with what must be written on it, and one in wrapping that costs a percentage of it."""
    text = next(option for option in product["customOptions"] if option["required"])
    linen = next(
        value
        for option in product["customOptions"]
        for value in option["values"]
        if value["adjustment"]["percent"] is not None
    )
    lettering = cents(_amount(text["adjustment"]["amount"]) * rate)
    line = {"sku": "TT-M01", "entered": [{"uid": text["uid"], "value": "For Ada"}]}
    wrapping = cents(piece.price(Decimal(1)) * Decimal(linen["adjustment"]["percent"]) / 100)
    return {
        "TT-M01": Ware(line, (piece,), lettering),
        "TT-M01 linen": Ware({**line, "options": [linen["uid"]]}, (piece,), lettering + wrapping),
    }
