"""The demo shop, put together: about ninety products to find, their variants, and how they belong together."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import replace

from . import demo_content, demo_setup
from .demo_apparel import APPAREL
from .demo_goods import GOODS, SETS
from .demo_setup import COLOUR_IDS, SIZE_IDS, YES, two
from .model import (
    Bundle,
    BundleOption,
    Choice,
    Configurable,
    Custom,
    Downloads,
    Grouped,
    Link,
    Localized,
    Media,
    Product,
    Selection,
    Tier,
    Values,
)
from .pictures import picture_name
from .shop import Shop

_KINDS = {"s": "simple", "v": "virtual", "d": "downloadable"}


def demo_shop() -> Shop:
    """The shop of the demo, built anew: outdoor and home goods, in English and German. Each call makes the same one."""
    shop = Shop()
    demo_setup.furnish(shop)
    ids = itertools.count(1)
    for line in GOODS.strip().splitlines():
        shop.load([_good(shop, ids, line)])
    for line in APPAREL.strip().splitlines():
        shop.load(_configurable(shop, ids, line))
    for line in SETS.strip().splitlines():
        shop.load([_set(shop, ids, line)])
    _adjust(shop)
    _relate(shop)
    demo_content.write(shop)
    return shop


def slug(name: str) -> str:
    """The URL key of a name."""
    plain = unicodedata.normalize("NFKD", re.sub(r"&\w+;", "", name)).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def _categories(shop: Shop, entity: str) -> tuple[int, ...]:
    """A product belongs to its category and to the one above, as merchants assign them."""
    return shop.categories[int(entity)].path[2:]


def _text(english: str, german: str) -> Localized:
    return two(f"<p>{english}</p>", f"<p>{german}</p>")


def _ids(packed: str) -> tuple[int, ...]:
    return tuple(int(entity) for entity in packed.split(",") if entity)


def _flags(flags: str, special: str) -> Values:
    values: Values = {}
    if "n" in flags:
        values["new"] = YES
    if "e" in flags:
        values["eco_collection"] = YES
    if special:
        values["sale"] = YES
    return values


def _gallery(key: str, shape: str, colour: str, name: Localized, views: tuple[str, ...]) -> tuple[Media, ...]:
    return tuple(Media(picture_name(key, shape, colour, view), name) for view in views)


def _good(shop: Shop, ids: Iterator[int], line: str) -> Product:
    (
        sku,
        kind,
        shape,
        category,
        price,
        special,
        colour,
        materials,
        weight,
        flags,
        stock,
        name,
        german,
        blurb,
        german_blurb,
    ) = line.split("|")
    key, cost = slug(name), float(price)
    label = two(name, german)
    attributes = _flags(flags, special)
    if colour and kind == "s":
        attributes["color"] = COLOUR_IDS[colour]
    if materials:
        attributes["material"] = _ids(materials)
    tiers: list[Tier] = []
    if "t" in flags:
        tiers += [Tier(None, 5, round(cost * 0.9, 2)), Tier(None, 10, round(cost * 0.85, 2))]
    if "g" in flags:
        tiers += [Tier(2, 1, round(cost * 0.8, 2)), Tier(3, 1, round(cost * 0.9, 2)), Tier(2, 3, round(cost * 0.75, 2))]
    return Product(
        next(ids),
        sku,
        _KINDS[kind],
        label,
        key,
        cost,
        _categories(shop, category),
        attributes,
        _text(blurb, german_blurb),
        special_price=float(special) if special else None,
        tiers=tuple(tiers),
        qty=float(stock),
        in_stock=stock != "0",
        weight=float(weight) if weight else None,
        gallery=_gallery(key, shape, colour, label, ("main", "back", "detail")) if shape else (),
    )


def _configurable(shop: Shop, ids: Iterator[int], line: str) -> list[Product]:
    """The variants of a product, then the product."""
    (
        sku,
        shape,
        category,
        price,
        special,
        colours,
        sizes,
        materials,
        climate,
        pattern,
        flags,
        name,
        german,
        blurb,
        german_blurb,
    ) = line.split("|")
    key, label = slug(name), two(name, german)
    shared: Values = {**_flags(flags, special), "pattern": _ids(pattern), "care": _care(category)}
    shared |= {code: _ids(packed) for code, packed in (("material", materials), ("climate", climate)) if packed}
    variants = []
    for number, (size, colour) in enumerate(itertools.product(sizes.split(","), colours.split(","))):
        named = "-".join(part for part in (size, colour.capitalize()) if part)
        values: Values = {**shared, "color": COLOUR_IDS[colour], **({"size": SIZE_IDS[size]} if size else {})}
        entity = next(ids)
        variants.append(
            Product(
                entity,
                f"{sku}-{named}",
                "simple",
                two(f"{name}-{named}", f"{german}-{named}"),
                f"{key}-{named.lower()}",
                float(price),
                attributes=values,
                special_price=float(special) if special else None,
                # Some variants run low and some are gone, the same ones in every run.
                qty=0 if entity % 17 == 0 else 3 if entity % 11 == 0 else 20 + number,
                in_stock=entity % 17 != 0,
                visible=False,
                weight=0.6,
                gallery=_gallery(key, shape, colour, label, ("main", "back")),
            )
        )
    main = colours.split(",")[0]
    axes = ("color", "size") if sizes else ("color",)
    configurable = Product(
        next(ids),
        sku,
        "configurable",
        label,
        key,
        float(price),
        _categories(shop, category),
        shared,
        _text(blurb, german_blurb),
        gallery=_gallery(key, shape, main, label, ("main", "back", "detail")),
        parts=Configurable(axes, tuple(variant.sku for variant in variants)),
    )
    return [*variants, configurable]


def _care(category: str) -> str:
    return "Brush off mud, wax twice a year." if category in ("9", "10") else "Wash at 30 degrees, line dry."


def _set(shop: Shop, ids: Iterator[int], line: str) -> Product:
    sku, kind, shape, category, colour, name, german, blurb, german_blurb, packed = line.split("|")
    key, label = slug(name), two(name, german)
    entity = next(ids)
    parts = _bundle(entity, packed) if kind == "bundle" else _group(packed)
    return Product(
        entity,
        sku,
        kind,
        label,
        key,
        0,
        _categories(shop, category),
        {},
        _text(blurb, german_blurb),
        gallery=_gallery(key, shape, colour, label, ("main", "detail")),
        parts=parts,
    )


def _bundle(entity: int, packed: str) -> Bundle:
    """Options of a bundle, numbered by the bundle so that no two bundles share a number."""
    options = []
    for place, entry in enumerate(packed.split(";"), 1):
        head, skus = entry.split(":")
        title, german, kind, required = head.split("/")
        selections = tuple(
            Selection(entity * 100 + place * 10 + n, sku.rstrip("*"), default=sku.endswith("*"))
            for n, sku in enumerate(skus.split(","), 1)
        )
        options.append(BundleOption(entity * 10 + place, two(title, german), kind, required == "1", selections))
    return Bundle(tuple(options))


def _group(packed: str) -> Grouped:
    pairs = (entry.split("×") for entry in packed.split(";"))
    return Grouped(tuple((sku, float(quantity)) for sku, quantity in pairs))


def _adjust(shop: Shop) -> None:
    """What makes single products special: dearer variants, downloads, a video, options, a place of sale."""
    for sku in ("TT-J03-L-Blue", "TT-J03-L-Red"):
        shop.products[sku].price = 299
    for number, sku in enumerate(("TT-D01", "TT-D02", "TT-D03", "TT-D04", "TT-D05")):
        product = shop.products[sku]
        episodes = [
            Link(number * 10 + n, two(f"Part {n}", f"Teil {n}"), 3 if sku == "TT-D04" else 0) for n in (1, 2, 3)
        ]
        sample = Link(number * 10 + 9, two("Look inside", "Blick ins Innere"))
        product.parts = Downloads(two("Downloads", "Downloads"), tuple(episodes), (sample,))
        product.attributes["format"] = (15, 15, 17, 16, 17)[number]
    tent = shop.products["TT-C01"]
    video = Media(
        picture_name("hollow-2-tent", "tent", "blue"),
        two("Pitching in three minutes", "In drei Minuten aufgebaut"),
        "https://video.example/watch/hollow-2",
        "Hollow 2: pitching",
        "Two people, three minutes.",
    )
    draft = Media(picture_name("hollow-2-tent", "tent", "gray", "detail"), "Draft", disabled=True)
    tent.gallery = (*tent.gallery, video, draft)
    tent.meta_title, tent.meta_description = "Hollow 2: a tent for two", two("Two doors, two porches.", "Zwei Türen.")
    tent.short_description = _text("Two doors, two porches.", "Zwei Türen, zwei Apsiden.")
    tent.max_sale_qty = 4
    shop.products["TT-V01"].websites = (1,)
    shop.products["TT-M01"].options = _keepsake_options()


def _keepsake_options() -> tuple[Custom, ...]:
    """One customizable option of every kind."""
    papers = (
        Choice(1, two("Kraft paper", "Packpapier"), 0, sku="kraft"),
        Choice(2, two("Linen", "Leinen"), 10, "PERCENT", "linen"),
    )
    extras = (Choice(3, two("Card", "Karte"), 2.5, sku="card"), Choice(4, two("Dried flowers", "Trockenblumen"), 4))
    return (
        Custom(1, "Field", two("Lettering", "Schriftzug"), True, (Choice(0, "", 2.5, sku="letter"),), 20),
        Custom(2, "DropDown", two("Wrapping", "Verpackung"), False, papers),
        Custom(3, "Area", two("Message", "Nachricht"), False, (Choice(0, "", 0),), 200),
        Custom(4, "Date", two("Arrive on", "Ankunft am"), False, (Choice(0, "", 5),)),
        Custom(5, "File", two("Drawing", "Zeichnung"), False, (Choice(0, "", 8),)),
        Custom(6, "Radio", two("Glaze", "Glasur"), False, tuple(replace(c, id=c.id + 4) for c in papers)),
        Custom(7, "Checkbox", two("With it", "Dazu"), False, extras),
        Custom(
            8, "Multiple", two("Also with it", "Außerdem dazu"), False, tuple(replace(c, id=c.id + 6) for c in extras)
        ),
    )


def _relate(shop: Shop) -> None:
    """Related products are the next ones of the category, up-sells the dearer ones, cross-sells small things."""
    visible = [product for product in shop.products.values() if product.visible and product.categories]
    small = ["TT-C12", "TT-P10", "TT-C15", "TT-H09"]
    for product in visible:
        same = [p for p in visible if p.categories[-1] == product.categories[-1] and p is not product]
        product.related = tuple(other.sku for other in same[:4])
        product.upsell = tuple(other.sku for other in same if other.price > product.price)[:3]
        product.crosssell = tuple(sku for sku in small if sku != product.sku)[:3]
