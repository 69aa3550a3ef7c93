"""What a cart costs, to the cent: prices by quantity, coupons, taxes and shipping in the currency of the request.

Prices are converted and rounded per piece, then multiplied (cart-086 to cart-089). Taxes are rounded with what the line
before left over, so that the lines add up to the tax of the whole (Magento's calculation by total).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from .carts import Address, Cart, Line
from .model import Bundle, Configurable, Downloads, Product
from .prices import money
from .sales import Coupon, Tax
from .shop import Shop


@dataclass(slots=True)
class Rate:
    """A way to ship, and its price in the currency shown."""

    carrier: str
    method: str
    carrier_title: str
    method_title: str
    amount: float
    base: float


@dataclass(slots=True)
class LineTotal:
    """The sums of one line. `discounts` are label, code and amount, one for each coupon that touches the line."""

    price: float
    row: float
    tax: float = 0
    row_tax: float = 0
    discounts: list[tuple[str, str, float]] = field(default_factory=list)

    @property
    def discount(self) -> float:
        return money(sum(amount for _, _, amount in self.discounts))


@dataclass(slots=True)
class Totals:
    """The sums of a cart. Lines that are not counted (yet) are missing from `lines` (cart-121)."""

    currency: str
    rate: float
    lines: dict[int, LineTotal]
    tax: Tax | None = None
    shipping: Rate | None = None

    def discounts(self) -> list[tuple[str, str, float]]:
        """Label, code and amount of each coupon over all lines."""
        found: dict[tuple[str, str], float] = {}
        for line in self.lines.values():
            for label, code, amount in line.discounts:
                found[label, code] = found.get((label, code), 0) + amount
        return [(label, code, money(amount)) for (label, code), amount in found.items()]

    @property
    def subtotal(self) -> float:
        return money(sum(line.row for line in self.lines.values()))

    @property
    def subtotal_with_tax(self) -> float:
        return money(sum(line.row + line.row_tax for line in self.lines.values()))

    @property
    def discount(self) -> float:
        return money(sum(line.discount for line in self.lines.values()))

    @property
    def tax_amount(self) -> float:
        return money(sum(line.tax for line in self.lines.values()))

    @property
    def shipping_amount(self) -> float:
        return self.shipping.amount if self.shipping else 0

    @property
    def grand_total(self) -> float:
        return money(self.subtotal - self.discount + self.tax_amount + self.shipping_amount)


def final_price(product: Product, group: int, quantity: float) -> float:
    """The price of one piece: the lowest of price, special price and the prices for that many (cart-091)."""
    tiers = [t.price for t in product.tiers if t.group in (None, group) and t.quantity <= quantity]
    special = [] if product.special_price is None else [product.special_price]
    return min([product.price, *special, *tiers])


def unit_price(shop: Shop, line: Line, group: int, rate: float) -> float:
    """What one of a line costs in the currency shown, with all that was chosen (cart-011 to cart-015)."""
    product = shop.products.get(line.sku)
    if product is None:
        return 0
    own = shop.products.get(line.variant or "") if isinstance(product.parts, Configurable) else product
    price = money(final_price(own or product, group, line.quantity), rate)
    if isinstance(product.parts, Bundle):
        price = sum(
            money(part_price(shop, product.parts, part[1], group, line.quantity * part[2]), rate) * part[2]
            for part in line.parts
        )
    if isinstance(product.parts, Downloads):
        price += sum(money(link.price, rate) for link in product.parts.links if link.id in line.links)
    base = price
    for option in product.options:
        given = dict(line.options).get(option.id)
        for choice in option.choices:
            if given is not None and (isinstance(given, str) or choice.id in given):
                percent = choice.price_type == "PERCENT"
                price += money(base * choice.price / 100) if percent else money(choice.price, rate)
    return money(price)


def part_price(shop: Shop, bundle: Bundle, selection: int, group: int, quantity: float) -> float:
    """What one piece of a bundle's part costs in the base currency."""
    skus = {s.id: s.sku for option in bundle.options for s in option.selections}
    product = shop.products.get(skus.get(selection, ""))
    return final_price(product, group, quantity) if product else 0


def totals(
    shop: Shop,
    cart: Cart,
    currency: str,
    group: int,
    store: str,
    *,
    address: Address | None = None,
    method: tuple[str, str] | None = None,
    without: Collection[int] = (),
) -> Totals:
    """Add a cart up. address and method: instead of the cart's, for an estimate. without: lines to leave out."""
    rate = shop.rates[currency]
    ship_to = address or cart.shipping
    lines = {}
    for line in cart.lines:
        if line.id not in without:
            price = unit_price(shop, line, group, rate)
            lines[line.id] = LineTotal(price, money(price * line.quantity))
    for rule in shop.sales.rules:
        # Compared in the base currency, as the threshold of free shipping is.
        if sum(line.row for line in lines.values()) / rate >= rule.from_subtotal - 0.005:
            _discount(Coupon("", percent=rule.percent, label=rule.label), "", list(lines.values()), rate, store)
    for code in cart.coupons:
        coupon = shop.sales.coupon(code)
        if coupon is not None:
            _discount(coupon, code, list(lines.values()), rate, store)
    to = cart.billing if cart.virtual else ship_to
    tax = shop.sales.tax(to.country, to.region_code) if to else None
    if tax is not None:
        _tax(tax, list(lines.values()))
    found = Totals(currency, rate, lines, tax)
    chosen = method or cart.method
    if chosen and ship_to:
        offered = rates(shop, cart, found, ship_to)
        found.shipping = next((r for r in offered if (r.carrier, r.method) == chosen), None)
    return found


def _discount(coupon: Coupon, code: str, lines: list[LineTotal], rate: float, store: str) -> None:
    """Take a coupon off what the coupons before it left (cart-040); a fixed amount is spread over the lines.

    What rounding took from or gave to a line is made good in the next, as Magento does it.
    """
    label = coupon.label if isinstance(coupon.label, str) else coupon.label.get(store, coupon.label[""])
    left = money(coupon.fixed, rate)
    rest, over = money(sum(line.row - line.discount for line in lines)), 0.0
    for line in lines:
        open_row = money(line.row - line.discount)
        if coupon.fixed:
            amount = min(left, money(left * open_row / rest) if rest else 0, open_row)
            left, rest = money(left - amount), money(rest - open_row)
        else:
            exact = open_row * coupon.percent / 100 + over
            amount = money(exact)
            over = exact - amount
        if amount:
            line.discounts.append((label, code, amount))


def _tax(tax: Tax, lines: list[LineTotal]) -> None:
    """Tax each line before and after its discount."""
    before = after = 0.0
    for line in lines:
        exact = line.row * tax.percent / 100 + before
        line.row_tax = money(max(exact, 0))
        before = exact - line.row_tax
        exact = (line.row - line.discount) * tax.percent / 100 + after
        line.tax = money(max(exact, 0))
        after = exact - line.tax


def rates(shop: Shop, cart: Cart, found: Totals, address: Address) -> list[Rate]:
    """The ways to ship a cart, the cheapest first (cart-055, cust-060); none for an empty cart (cart-074)."""
    sales = shop.sales
    count = sum(line.quantity for line in cart.lines if line.ships)
    if not count:
        return []
    offered = [("flatrate", "flatrate", "Flat Rate", "Fixed", sales.flat_rate * count)]
    if address.country in sales.table_countries:
        offered.append(("tablerate", "bestway", "Best Way", "Table Rate", sales.table_rate))
    # Compared in the base currency: the threshold is the same for a shopper who looks in euros.
    if (found.subtotal - found.discount) / found.rate >= sales.free_from - 0.005:
        offered.append(("freeshipping", "freeshipping", "Free Shipping", "Free", 0))
    if any(website_of(shop, cart) in pickup.websites for pickup in sales.pickups):
        offered.append(("instore", "pickup", "In-store Pickup Delivery", "In-Store Pickup", 0))
    made = [Rate(c, m, title, name, money(base, found.rate), money(base)) for c, m, title, name, base in offered]
    return sorted(made, key=lambda one: one.base)


def website_of(shop: Shop, cart: Cart) -> int:
    """The website that a cart was last used under."""
    store = next(store for store in shop.stores if store.id == cart.store)
    return shop.website_of(store).id
