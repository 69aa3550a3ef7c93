"""The stand-in's shop, furnished as the shop that was recorded: the same SKUs, rules and ways to ship and to pay.

What its goods cost is read in the recordings themselves, so that a replayed cart must cost the same to the cent.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from app.sandbox.commerce import Shop, demo_shop
from app.sandbox.commerce.model import (
    Bundle,
    BundleOption,
    Choice,
    Configurable,
    Custom,
    Downloads,
    Grouped,
    Link,
    Product,
    Selection,
    Tier,
)
from app.sandbox.commerce.sales import Coupon, Rule
from tests.conformance.recordings import Exchange

# SKU, type, how many there are.
GOODS = (
    ("24-MB01", "simple", 100),
    ("24-MB04", "simple", 100),
    ("24-WB04", "simple", 100),
    ("24-WB05", "simple", 100),
    ("MH01-XS-Black", "simple", 100),
    ("LAB-SIMPLE", "simple", 100),
    ("LAB-CUSTOM", "simple", 100),
    ("LAB-THIRD", "simple", 100),
    ("LAB-LOW", "simple", 3),
    ("LAB-OOS", "simple", 0),
    ("LAB-FREE", "simple", 100),
    ("LAB-VIRTUAL", "virtual", 100),
    ("240-LV09", "downloadable", 100),
    ("24-WG080", "bundle", 100),
    ("24-WG085_Group", "grouped", 100),
    ("MH01", "configurable", 100),
)
FREE = frozenset({"LAB-FREE", "240-LV09", "24-WG080", "24-WG085_Group", "MH01"})  # or priced by their parts
UNSEEN = 10.0  # the price of what no recording shows a price of
WEIGHT = 1.0


def lab_shop(exchanges: Iterable[Exchange]) -> Shop:
    """The shop; `exchanges` are the recordings that tell its prices."""
    prices, parts, links = _prices(exchanges)
    shop = demo_shop()
    # All store views of the recorded shop are of one website.
    shop.stores = [replace(store, group=1) for store in shop.stores]
    shop.load(_product(number, sku, kind, stock, prices) for number, (sku, kind, stock) in enumerate(GOODS, 5001))
    shop.load(
        Product(6000 + number, f"part-{uid}", "simple", uid, f"part-{number}", price)
        for number, (uid, price) in enumerate(parts.items())
    )
    shop.products["MH01"].parts = Configurable(("color", "size"), ("MH01-XS-Black",))
    shop.products["MH01-XS-Black"].attributes = {"color": 49, "size": 166}
    shop.products["24-WG080"].parts = Bundle(tuple(_parts(parts)))
    shop.products["24-WG085_Group"].parts = Grouped((("24-MB01", 0.0),))
    shop.products["240-LV09"].parts = Downloads(
        "Downloads", tuple(Link(number, f"Link {number}", price) for number, price in links.items()), ()
    )
    shop.products["LAB-CUSTOM"].options = ENGRAVING
    sales = shop.sales
    sales.taxes, sales.pickups, sales.agreements = [], [], []
    sales.coupons = [Coupon("LAB10", percent=10)]
    sales.rules = [Rule(20, from_subtotal=200)]
    sales.free_from = 1_000_000
    sales.payments = {code: sales.payments[code] for code in ("checkmo", "purchaseorder")}
    return shop


ENGRAVING = (
    Custom(1, "Field", "Engraving", True, (Choice(0, "", 2.5),)),
    Custom(2, "DropDown", "Size", False, (Choice(1, "Small", 0), Choice(2, "Large", 10, "PERCENT"))),
)


def _product(number: int, sku: str, kind: str, stock: int, prices: Mapping[str, Mapping[float, float]]) -> Product:
    known = sorted(prices.get(sku, {}).items())
    price = 0.0 if sku in FREE else known[0][1] if known else UNSEEN
    tiers = tuple(Tier(None, quantity, cost) for quantity, cost in known[1:] if cost < price)
    return Product(
        number,
        sku,
        kind,
        sku,
        sku.lower(),
        price,
        tiers=tiers,
        qty=stock,
        in_stock=stock > 0,
        # Of the recorded shop's own goods only those that were made for the recordings weigh something.
        weight=WEIGHT if sku.startswith("LAB-") and kind == "simple" else None,
    )


def _parts(prices: Mapping[str, float]) -> Iterator[BundleOption]:
    """The options of the bundle, by the parts that were recorded: `bundle/option/selection/quantity`."""
    for uid in prices:
        _, option, selection, _ = _plain(uid).split("/")
        yield BundleOption(int(option), uid, "radio", True, (Selection(int(selection), f"part-{uid}"),))


def _plain(uid: str) -> str:
    return base64.b64decode(uid).decode()


def _prices(exchanges: Iterable[Exchange]) -> tuple[dict[str, dict[float, float]], dict[str, float], dict[int, float]]:
    """What was recorded in the base currency: of each SKU by quantity, of a bundle's parts, and of files."""
    goods: dict[str, dict[float, float]] = {}
    parts: dict[str, float] = {}
    links: dict[int, float] = {}
    for exchange in exchanges:
        for line in lines(exchange.data):
            price = ((line.get("prices") or {}).get("price") or {}).get("value")
            if price is None or line["prices"]["price"].get("currency") != "USD":
                continue
            bundled = [value for option in line.get("bundle_options") or () for value in option["values"]]
            parts.update({value["uid"]: value["price"] for value in bundled})
            links.update({int(_plain(link["uid"]).split("/")[1]): price for link in line.get("links") or ()})
            variant = (line.get("configured_variant") or {}).get("sku")
            own = _without_options(price, line.get("customizable_options") or ())
            goods.setdefault(variant or line["product"]["sku"], {})[line["quantity"]] = own
    return goods, parts, links


def _without_options(price: float, options: Iterable[Mapping[str, Any]]) -> float:
    added = [value["price"] for option in options for value in option["values"]]
    fixed = sum(each["value"] for each in added if each["type"] == "FIXED")
    percent = sum(each["value"] for each in added if each["type"] == "PERCENT")
    return float(round((price - fixed) / (1 + percent / 100), 2))


def lines(value: Any) -> Iterator[Mapping[str, Any]]:
    """Every line of every cart in an answer."""
    if isinstance(value, list):
        for each in value:
            yield from lines(each)
    elif isinstance(value, dict):
        if str(value.get("__typename", "")).endswith("CartItem"):
            yield value
        for each in value.values():
            yield from lines(each)
