"""A shop as large as one likes, for measuring: the demo's frame with generated products."""

from __future__ import annotations

import random
from collections.abc import Iterator

from . import demo_content, demo_setup
from .demo_setup import COLOUR_IDS, SIZE_IDS, YES
from .model import Configurable, Media, Product, Values
from .pictures import picture_name
from .shop import Shop

ADJECTIVES = [
    "Quiet",
    "Northern",
    "Amber",
    "Hollow",
    "Bright",
    "Woven",
    "Salt",
    "River",
    "Stone",
    "Early",
    "Winter",
    "Copper",
    "Tall",
    "Open",
    "Lost",
    "Second",
]
NOUNS = [
    "Jacket",
    "Fleece",
    "Trousers",
    "Shirt",
    "Boot",
    "Shoe",
    "Tent",
    "Bag",
    "Stove",
    "Lantern",
    "Pack",
    "Duffel",
    "Pouch",
    "Blanket",
    "Mug",
    "Candle",
]
SHAPES = (
    "jacket fleece trousers baselayer boot shoe tent sleepingbag stove lantern backpack bag pouch blanket mug candle"
)
CATEGORIES = (4, 5, 6, 7, 9, 10, 12, 13, 14, 15, 17, 18, 19, 21, 22, 23)
SIZES = ("S", "M", "L", "XL")
COLOURS = tuple(COLOUR_IDS)


def generate_shop(skus: int = 100_000, seed: int = 1) -> Shop:
    """A shop with exactly that many SKUs, the same for the same seed.

    About a third of the SKUs are listed; the others are variants of configurable products with four colours and up to
    four sizes. Values that repeat are shared, which keeps 100,000 SKUs under about 150 MB.
    """
    shop = Shop()
    demo_setup.furnish(shop)
    demo_content.write(shop)
    shop.reviews.clear()
    shop.load(_products(skus, random.Random(seed), shop))
    return shop


def _products(skus: int, dice: random.Random, shop: Shop) -> Iterator[Product]:
    """Products until the number is reached: one in five configurable, as far as its variants still fit."""
    paths = {entity: shop.categories[entity].path[2:] for entity in CATEGORIES}
    shared: dict[tuple[int, ...], Values] = {}
    shapes = SHAPES.split()
    entity = 0
    while entity < skus:
        place = dice.randrange(len(NOUNS))
        name = f"{dice.choice(ADJECTIVES)} {dice.choice(ADJECTIVES)} {NOUNS[place]}"
        price = float(dice.randrange(10, 400))
        special = price - 5 if dice.random() < 0.15 else None
        material, climate = dice.randrange(31, 43), dice.randrange(202, 208)
        colours = dice.sample(COLOURS, 4)
        # Which products are configurable must leave room for the variants that come with them.
        sizes = SIZES[: dice.randrange(1, 5)]
        variants: list[str] = []
        if dice.random() < 0.2 and entity + len(sizes) * 4 + 1 <= skus:
            for size in sizes:
                for colour in colours:
                    entity += 1
                    variants.append(f"G-{entity}")
                    chosen: Values = {"color": COLOUR_IDS[colour], "size": SIZE_IDS[size]}
                    values = shared.setdefault((COLOUR_IDS[colour], SIZE_IDS[size]), chosen)
                    yield Product(
                        entity,
                        f"G-{entity}",
                        "simple",
                        f"{name} {size} {colour}",
                        f"g-{entity}",
                        price,
                        attributes=values,
                        special_price=special,
                        visible=False,
                        qty=float(dice.randrange(1, 200)),
                    )
        entity += 1
        colour_id = COLOUR_IDS[colours[0]]
        traits: Values = {"material": (material,), "climate": (climate,), "new": YES, "color": colour_id}
        values = shared.setdefault((material, climate, colour_id), traits)
        yield Product(
            entity,
            f"G-{entity}",
            "configurable" if variants else "simple",
            f"{name} {entity}",
            f"g-{entity}",
            price,
            paths[CATEGORIES[place]],
            values,
            special_price=special,
            qty=float(dice.randrange(1, 200)),
            gallery=(Media(picture_name(f"g-{entity}", shapes[place], colours[0])),),
            parts=Configurable(("color", "size"), tuple(variants)) if variants else None,
        )
