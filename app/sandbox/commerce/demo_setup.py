"""The demo's frame: websites, store views, categories, attributes, people and their keys."""

# ruff: noqa: E501 - one category is one line

from __future__ import annotations

from .model import (
    Admin,
    Attribute,
    Category,
    Customer,
    CustomerGroup,
    Group,
    Integration,
    Localized,
    Option,
    Store,
    Website,
)
from .pictures import COLOURS
from .shop import Shop

COLOUR_IDS = {name: 49 + n for n, name in enumerate(COLOURS)}
SIZE_IDS = {
    name: 166 + n for n, name in enumerate(("XS", "S", "M", "L", "XL", "38", "39", "40", "41", "42", "43", "44", "45"))
}
YES = 1

_COLOURS = ["Schwarz", "Blau", "Braun", "Grau", "Grün", "Lavendel", "Bunt", "Orange", "Lila", "Rot", "Weiß", "Gelb"]
_MATERIALS = """31 Recycled Polyester/Recyceltes Polyester;32 Canvas/Canvas;33 Organic Cotton/Biobaumwolle
34 Merino Wool/Merinowolle;35 Leather/Leder;36 Down/Daune;37 Nylon/Nylon;38 Aluminium/Aluminium;39 Steel/Stahl
40 Ceramic/Keramik;41 Beech Wood/Buchenholz;42 Soy Wax/Sojawachs"""
_CLIMATES = "202 Cold/Kalt;203 Cool/Kühl;204 Mild/Mild;205 Hot/Heiß;206 Rainy/Regnerisch;207 Windy/Windig"
_PATTERNS = "195 Solid/Einfarbig;196 Striped/Gestreift;197 Checked/Kariert;198 Melange/Meliert;199 Graphic/Bedruckt"
_FORMATS = "15 PDF/PDF;16 Audio/Audio;17 Video/Video"

# Number, parent, URL key, name, German name, description, German description.
_CATEGORIES = """
3|2|apparel|Apparel|Bekleidung|Clothes for weather, made to be worn out slowly.|Kleidung für jedes Wetter, gemacht, um langsam zu altern.
4|3|jackets|Jackets|Jacken|Shells, down and wax for every sky.|Hardshell, Daune und Wachs für jeden Himmel.
5|3|fleece-knitwear|Fleece & Knitwear|Fleece & Strick|The warm layer in between.|Die warme Schicht dazwischen.
6|3|trousers|Trousers|Hosen|Legs for long days.|Beinkleider für lange Tage.
7|3|base-layers|Base Layers|Funktionswäsche|Next to the skin: merino and cotton.|Direkt auf der Haut: Merino und Baumwolle.
8|2|footwear|Footwear|Schuhe|From the first step to the last.|Vom ersten Schritt bis zum letzten.
9|8|hiking-boots|Hiking Boots|Wanderstiefel|Leather and membranes for rough ground.|Leder und Membranen für rauen Grund.
10|8|trail-shoes|Trail Shoes|Trailschuhe|Light shoes for fast feet.|Leichte Schuhe für schnelle Füße.
11|2|camp|Camp|Camping|A home for one night, or thirty.|Ein Zuhause für eine Nacht oder dreißig.
12|11|tents-shelters|Tents & Shelters|Zelte & Tarps|Roofs that fit in a pack.|Dächer, die in den Rucksack passen.
13|11|sleeping|Sleeping|Schlafen|Bags, mats and pillows.|Schlafsäcke, Matten und Kissen.
14|11|camp-kitchen|Camp Kitchen|Campingküche|Fire, pots and something hot.|Feuer, Töpfe und etwas Warmes.
15|11|lighting|Lighting|Licht|For the hours after the sun.|Für die Stunden nach der Sonne.
16|2|packs|Packs & Travel|Rucksäcke & Reise|Carry less, carry it well.|Weniger tragen, gut tragen.
17|16|backpacks|Backpacks|Rucksäcke|From a day to a month.|Von einem Tag bis zu einem Monat.
18|16|travel-bags|Travel Bags|Reisetaschen|For trains, boats and boots of cars.|Für Züge, Boote und Kofferräume.
19|16|accessories|Accessories|Zubehör|The small things that save the day.|Die kleinen Dinge, die den Tag retten.
20|2|home-living|Home|Zuhause|The outdoors, brought in.|Das Draußen, hereingeholt.
21|20|blankets-throws|Blankets & Throws|Decken & Plaids|Wool and cotton for cold knees.|Wolle und Baumwolle für kalte Knie.
22|20|kitchen-table|Kitchen & Table|Küche & Tisch|Clay, wood and linen.|Ton, Holz und Leinen.
23|20|candles-scents|Candles & Scents|Kerzen & Düfte|Light that smells of somewhere.|Licht, das nach einem Ort riecht.
24|2|guides|Guides & Courses|Bücher & Kurse|Know how, know where.|Wissen, wie. Wissen, wo.
25|24|field-guides|Field Guides|Führer zum Herunterladen|To download and take along.|Zum Herunterladen und Mitnehmen.
26|24|courses-services|Courses & Services|Kurse & Dienste|Time with people who know.|Zeit mit Leuten, die sich auskennen.
27|2|journal|Journal|Journal|Stories from the hills.|Geschichten aus den Bergen.
28|2|archive|Archive|Archiv|What is left of other seasons.|Was von anderen Jahren blieb.
"""


def two(english: str, german: str) -> Localized:
    """A text in the default language and in German; one text where both are the same."""
    return english if english == german else {"": english, "de": german}


def _options(packed: str) -> tuple[Option, ...]:
    options = []
    for entry in packed.replace("\n", ";").split(";"):
        number, labels = entry.split(" ", 1)
        options.append(Option(int(number), two(*labels.split("/"))))
    return tuple(options)


def _attributes() -> list[Attribute]:
    colours = tuple(
        Option(entity, two(name.capitalize(), german), COLOURS[name] if name != "multi" else "multi.svg")
        for (name, entity), german in zip(COLOUR_IDS.items(), _COLOURS, strict=True)
    )
    sizes = tuple(Option(entity, name, name) for name, entity in SIZE_IDS.items())
    return [
        Attribute(93, "color", two("Color", "Farbe"), "select", colours, swatch="visual"),
        Attribute(142, "size", two("Size", "Größe"), "select", sizes, swatch="text"),
        Attribute(136, "material", "Material", "multiselect", _options(_MATERIALS)),
        Attribute(135, "climate", two("Climate", "Klima"), "multiselect", _options(_CLIMATES)),
        Attribute(137, "pattern", two("Pattern", "Muster"), "multiselect", _options(_PATTERNS)),
        Attribute(145, "format", "Format", "select", _options(_FORMATS)),
        Attribute(140, "eco_collection", two("Eco Collection", "Öko-Kollektion"), "boolean"),
        Attribute(143, "new", two("New", "Neu"), "boolean"),
        Attribute(144, "sale", two("Sale", "Angebot"), "boolean"),
        Attribute(150, "care", two("Care", "Pflege"), "text", filterable=False),
    ]


def furnish(shop: Shop) -> None:
    """Give a shop everything but products and content."""
    shop.websites = [
        Website(1, "base", "Tarn & Timber", 1, ("USD", "EUR", "GBP")),
        Website(2, "eu", "Tarn & Timber Europe", 2, ("EUR", "USD")),
    ]
    shop.groups = [
        Group(1, "main_website_store", "Tarn & Timber Store", 1, 2, 1),
        Group(2, "eu_store", "Tarn & Timber Europe Store", 2, 2, 2),
    ]
    shop.stores = [
        Store(1, "default", "English", 1, "en_US", "USD", "America/New_York", "lbs", "US"),
        Store(2, "de", "Deutsch", 2, "de_DE", "EUR", "Europe/Berlin", "kgs", "DE"),
        Store(3, "en_eu", "English (Europe)", 2, "en_GB", "EUR", "Europe/Berlin", "kgs", "IE", 1),
    ]
    shop.config = {
        "copyright": "Copyright © 2026 Tarn & Timber. A shop that does not exist.",
        "default_title": "Tarn & Timber",
        "title_suffix": "– Tarn & Timber",
        "default_description": "Things for the hills and for the home you come back to.",
        "default_keywords": "outdoor, camping, home",
        "welcome": "Welcome to Tarn & Timber",
        "logo_alt": "Tarn & Timber",
        "header_logo_src": "default/logo.svg",
    }
    shop.attributes = _attributes()
    shop.add_category(Category(2, 1, "Default Category", "", 1))
    for place, line in enumerate(_CATEGORIES.strip().splitlines(), 1):
        entity, parent, key, english, german, text, german_text = line.split("|")
        category = Category(
            int(entity),
            int(parent),
            two(english, german),
            key,
            place,
            two(f"<p>{text}</p>", f"<p>{german_text}</p>"),
            image=f"{key}.svg",
            meta_title=two(f"{english} for the outdoors", f"{german} für draußen"),
        )
        shop.add_category(category)
    shop.categories[20].block, shop.categories[20].display_mode = "home-living-block", "PRODUCTS_AND_PAGE"
    shop.categories[27].block, shop.categories[27].display_mode = "journal-block", "PAGE"
    shop.categories[27].anchor = False
    shop.categories[28].in_menu = False
    _people(shop)


def _people(shop: Shop) -> None:
    shop.customer_groups = [
        CustomerGroup(0, "NOT LOGGED IN"),
        CustomerGroup(1, "General"),
        CustomerGroup(2, "Wholesale"),
        CustomerGroup(3, "Retailer"),
    ]
    shop.customers = [
        Customer(1, "ada@example.com", "Ada-passw0rd", "Ada", "Marsh", 1),
        Customer(2, "walter@example.com", "Walter-passw0rd", "Walter", "Holm", 2),
        Customer(3, "rita@example.com", "Rita-passw0rd", "Rita", "Thorn", 3),
        Customer(4, "dora@example.com", "Dora-passw0rd", "Dora", "Winter", 1, website=2),
    ]
    shop.admins = [Admin("admin", "Admin-passw0rd")]
    shop.integrations = [
        Integration(
            1,
            "demo00consumer00key0000000000000",
            "demo00consumer00secret0000000000",
            "demo00access00token0000000000000",
            "demo00access00token00secret00000",
        )
    ]
