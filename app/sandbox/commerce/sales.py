"""What a shop sells under: taxes, coupons, carriers, payment methods, agreements, places to collect goods at."""

from __future__ import annotations

from dataclasses import dataclass, field

from .model import Localized


@dataclass(slots=True, frozen=True)
class Tax:
    """A tax rate, not contained in catalogue prices; `region` None means the whole country."""

    country: str
    region: str | None
    percent: float
    label: str


@dataclass(slots=True, frozen=True)
class Coupon:
    """A cart price rule with a code. Without a label of its own Commerce calls it Discount (cart-040)."""

    code: str
    percent: float = 0
    fixed: float = 0
    label: Localized = "Discount"
    active: bool = True


@dataclass(slots=True, frozen=True)
class Rule:
    """A cart price rule without a code: it takes a part off every cart that costs enough (cart-013)."""

    percent: float
    from_subtotal: float = 0
    label: Localized = "Discount"


@dataclass(slots=True, frozen=True)
class Agreement:
    """Terms at checkout: MANUAL ones have a box to tick, AUTO ones are only shown."""

    id: int
    name: Localized
    content: Localized
    checkbox: Localized
    mode: str = "MANUAL"
    is_html: bool = True


@dataclass(slots=True, frozen=True)
class Pickup:
    """A source of goods that customers may collect from."""

    code: str
    name: str
    street: str
    city: str
    region: str
    region_id: int
    postcode: str
    country: str
    phone: str
    email: str
    latitude: float
    longitude: float
    websites: tuple[int, ...]
    description: str = "Ring at the blue door."


TERMS = Agreement(
    1,
    {"": "Terms and Conditions", "de": "Allgemeine Geschäftsbedingungen"},
    {"": "<p>Goods travel at our risk until they are yours.</p>", "de": "<p>Die Ware reist auf unsere Gefahr.</p>"},
    {"": "I have read and accept the terms and conditions.", "de": "Ich habe die AGB gelesen und stimme ihnen zu."},
)
PRIVACY = Agreement(
    2,
    {"": "Privacy Notice", "de": "Datenschutzhinweis"},
    {"": "We keep your address to send what you bought.", "de": "Wir behalten Ihre Adresse für den Versand."},
    {"": "Privacy notice", "de": "Datenschutzhinweis"},
    "AUTO",
    False,
)
HARBOUR = Pickup(
    "harbour",
    "Harbour Store",
    "12 Quay Street",
    "San Francisco",
    "California",
    12,
    "94111",
    "US",
    "415-555-0150",
    "harbour@example.com",
    37.7955,
    -122.3937,
    (1,),
)


@dataclass(slots=True)
class Sales:
    """The rules of the demo shop; a test may change them before or between requests. Amounts are in the base currency.

    flat_rate: per thing to ship (cart-055: 30 for six). table_rate: one price for `table_countries` (pay-004).
    free_from: what a cart must cost after discounts to travel free. payments: code → title, in Commerce's order
    (cart-004); `free` comes on top where nothing is left to pay (cart-111). recaptcha: the token that protected
    mutations need; None: none is needed.
    """

    taxes: list[Tax] = field(
        default_factory=lambda: [
            Tax("US", "CA", 8.25, "California sales tax"),
            Tax("DE", None, 19, "Umsatzsteuer 19 %"),
        ]
    )
    coupons: list[Coupon] = field(
        default_factory=lambda: [
            Coupon("TENOFF", percent=10, label={"": "Ten percent off", "de": "Zehn Prozent Rabatt"}),
            Coupon("FIVE", fixed=5),
            Coupon("EXPIRED", percent=50, active=False),
        ]
    )
    rules: list[Rule] = field(default_factory=list)
    max_coupons: int = 5
    flat_rate: float = 5
    table_rate: float = 15
    table_countries: tuple[str, ...] = ("US",)
    free_from: float = 500
    payments: dict[str, str] = field(
        default_factory=lambda: {
            "checkmo": "Check / Money order",
            "purchaseorder": "Purchase Order",
            "banktransfer": "Bank Transfer Payment",
            "cashondelivery": "Cash On Delivery",
        }
    )
    agreements: list[Agreement] = field(default_factory=lambda: [TERMS, PRIVACY])
    pickups: list[Pickup] = field(default_factory=lambda: [HARBOUR])
    recaptcha: str | None = None

    def coupon(self, code: str) -> Coupon | None:
        """The rule of a code, which is compared without case (cart-044)."""
        return next((c for c in self.coupons if c.active and c.code.upper() == code.strip().upper()), None)

    def tax(self, country: str, region: str | None) -> Tax | None:
        """The tax of an address."""
        return next((t for t in self.taxes if t.country == country and t.region in (None, region)), None)
