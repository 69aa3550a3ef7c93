"""What a shop consists of: the nouns of a Magento database, as plain records.

A text that differs between store views is a dict of store code → text, with "" for the default value, as the
`store_id = 0` row of Magento's EAV tables; a text that does not differ is a plain string, which keeps a shop of
100,000 products small.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Localized: TypeAlias = str | dict[str, str]
Values: TypeAlias = dict[str, int | tuple[int, ...] | str]

TYPENAMES = {
    "simple": "SimpleProduct",
    "configurable": "ConfigurableProduct",
    "bundle": "BundleProduct",
    "grouped": "GroupedProduct",
    "downloadable": "DownloadableProduct",
    "virtual": "VirtualProduct",
}


def say(text: Localized, store: str) -> str:
    """The text as the store view of that code shows it: its own value, else the default one."""
    if isinstance(text, str):
        return text
    return text[store] if store in text else text[""]


def uid(value: object) -> str:
    """The opaque id that Commerce makes of a number or of a path like `configurable/93/49`."""
    return base64.b64encode(str(value).encode()).decode()


@dataclass(slots=True)
class Website:
    id: int
    code: str
    name: str
    default_group: int
    currencies: tuple[str, ...]


@dataclass(slots=True)
class Group:
    """A store group: what admins call a store, between website and store views."""

    id: int
    code: str
    name: str
    website: int
    root_category: int
    default_store: int


@dataclass(slots=True)
class Store:
    """A store view."""

    id: int
    code: str
    name: str
    group: int
    locale: str
    currency: str
    timezone: str = "UTC"
    weight_unit: str = "kgs"
    country: str = "US"
    position: int = 0


@dataclass(slots=True)
class Option:
    """One value of a select attribute. `swatch` is a colour (#rrggbb), a text, or the name of a picture."""

    id: int
    label: Localized
    swatch: str | None = None


@dataclass(slots=True)
class Attribute:
    """A product attribute. `input` is select, multiselect, boolean or text, as Magento's frontend input."""

    id: int
    code: str
    label: Localized
    input: str
    options: tuple[Option, ...] = ()
    filterable: bool = True
    swatch: str | None = None

    def option(self, id: int) -> Option | None:
        return next((option for option in self.options if option.id == id), None)


@dataclass(slots=True)
class Category:
    id: int
    parent: int
    name: Localized
    url_key: str
    position: int
    description: Localized = ""
    in_menu: bool = True
    anchor: bool = True
    display_mode: str | None = None
    image: str | None = None
    block: str | None = None
    meta_title: Localized = ""
    meta_description: Localized = ""
    level: int = 0
    path: tuple[int, ...] = ()
    url_path: str = ""
    children: tuple[int, ...] = ()
    updated_at: str = "2026-03-02 08:00:00"
    typename: str = "CategoryTree"


@dataclass(slots=True)
class Tier:
    """A price for one customer group (None: all) from a quantity on."""

    group: int | None
    quantity: float
    price: float


@dataclass(slots=True)
class Media:
    """A picture by file name, or a video when it has a URL."""

    file: str
    label: Localized = ""
    video_url: str | None = None
    video_title: str = ""
    video_description: str = ""
    disabled: bool = False


@dataclass(slots=True)
class Choice:
    """One value of a customizable option."""

    id: int
    title: Localized
    price: float = 0
    price_type: str = "FIXED"
    sku: str | None = None


@dataclass(slots=True)
class Custom:
    """A customizable option: `kind` is Field, Area, Date, File, DropDown, Radio, Checkbox or Multiple."""

    id: int
    kind: str
    title: Localized
    required: bool
    choices: tuple[Choice, ...]
    max_characters: int = 0


@dataclass(slots=True)
class Selection:
    """One product that can be chosen for an option of a bundle."""

    id: int
    sku: str
    quantity: float = 1
    default: bool = False
    can_change_quantity: bool = True


@dataclass(slots=True)
class BundleOption:
    """A part of a bundle: `kind` is radio, select, checkbox or multi."""

    id: int
    title: Localized
    kind: str
    required: bool
    selections: tuple[Selection, ...]


@dataclass(slots=True)
class Link:
    """A file that a downloadable product sells, or (without a price) a sample of it."""

    id: int
    title: Localized
    price: float = 0


@dataclass(slots=True)
class Configurable:
    """The attributes that a configurable product varies by, and the SKUs of its variants."""

    axes: tuple[str, ...]
    children: tuple[str, ...]


@dataclass(slots=True)
class Bundle:
    options: tuple[BundleOption, ...]


@dataclass(slots=True)
class Grouped:
    """SKU and default quantity of each product of the group."""

    members: tuple[tuple[str, float], ...]


@dataclass(slots=True)
class Downloads:
    title: Localized
    links: tuple[Link, ...]
    samples: tuple[Link, ...]


@dataclass(slots=True)
class Product:
    id: int
    sku: str
    kind: str
    name: Localized
    url_key: str
    price: float
    categories: tuple[int, ...] = ()
    attributes: Values = field(default_factory=dict)
    description: Localized = ""
    short_description: Localized = ""
    special_price: float | None = None
    tiers: tuple[Tier, ...] = ()
    qty: float = 100
    in_stock: bool = True
    min_sale_qty: float = 1
    max_sale_qty: float = 10000
    visible: bool = True
    websites: tuple[int, ...] = (1, 2)
    weight: float | None = None
    gallery: tuple[Media, ...] = ()
    related: tuple[str, ...] = ()
    upsell: tuple[str, ...] = ()
    crosssell: tuple[str, ...] = ()
    parts: Configurable | Bundle | Grouped | Downloads | None = None
    options: tuple[Custom, ...] = ()
    meta_title: Localized = ""
    meta_description: Localized = ""
    created_at: str = "2026-03-02 08:00:00"
    updated_at: str = "2026-03-02 08:00:00"

    @property
    def typename(self) -> str:
        """The GraphQL type of this product."""
        return TYPENAMES[self.kind]


@dataclass(slots=True)
class Page:
    id: int
    identifier: str
    title: Localized
    content: Localized
    heading: Localized = ""
    layout: str = "1column"
    meta_title: Localized = ""
    meta_description: Localized = ""
    updated_at: str = "2026-03-02 08:00:00"
    typename: str = "CmsPage"


@dataclass(slots=True)
class Block:
    id: int
    identifier: str
    title: Localized
    content: Localized
    updated_at: str = "2026-03-02 08:00:00"


@dataclass(slots=True)
class Redirect:
    """A custom URL rewrite."""

    source: str
    target: str
    code: int = 301


@dataclass(slots=True)
class Review:
    """`rating` is in percent, as Commerce reports it: 20 for each star."""

    nickname: str
    summary: str
    text: str
    rating: int
    created_at: str


@dataclass(slots=True)
class CustomerGroup:
    id: int
    code: str


@dataclass(slots=True)
class Customer:
    """A customer. `address` is the id of the default address where no `addresses` are kept; `segments` and
    `companies` are names; `custom` are the values of the shop's own attributes, by code."""

    id: int
    email: str
    password: str
    firstname: str
    lastname: str
    group: int
    website: int = 1
    store: int = 1
    subscribed: bool = False
    assistance: bool = False
    addresses: list[dict[str, Any]] = field(default_factory=list)
    default_billing: str | None = None
    default_shipping: str | None = None
    custom: dict[str, str] = field(default_factory=dict)
    created_at: str = "2026-01-01 00:00:00"
    updated_at: str = "2026-01-01 00:00:00"
    group_fixed: int = 0
    address: int | None = None
    segments: tuple[str, ...] = ()
    companies: tuple[str, ...] = ()


@dataclass(slots=True)
class Admin:
    """A user of the admin panel. `otp_secret` is the base32 key of the authenticator app."""

    username: str
    password: str
    otp_secret: str = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


@dataclass(slots=True)
class Integration:
    """The four values that Commerce shows when an integration is activated."""

    id: int
    consumer_key: str
    consumer_secret: str
    access_token: str
    access_token_secret: str
