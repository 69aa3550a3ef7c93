"""The demo's goods: simple, virtual and downloadable products, one line each.

SKU | type | shape | category | price | special price | colour | materials | weight | flags | stock | name |
German name | blurb | German blurb. Types: s simple, v virtual, d downloadable. Flags: n new, e eco collection,
t quantity discounts, g prices for customer groups, h hidden from listings. Stock: a number, or 0 for sold out.
"""

# ruff: noqa: E501 - one product is one line

GOODS = """
TT-C01|s|tent|12|389||green|37,38|2.6|ntg|24|Hollow 2 Tent|Hollow 2 Zelt|Two doors, two porches, one friendship saved.|Zwei Türen, zwei Apsiden, eine gerettete Freundschaft.
TT-C02|s|tent|12|529||orange|37,38|3.4|g|11|Hollow 3 Tent|Hollow 3 Zelt|Room for two people and one very wet dog.|Platz für zwei Menschen und einen sehr nassen Hund.
TT-C03|s|tent|12|149|119|gray|31|0.9|e|40|Leeward Tarp|Leeward Tarp|Three by three metres of dry, held up by what you find.|Drei mal drei Meter Trockenheit, aufgespannt mit dem, was da ist.
TT-C04|s|tent|12|24||black|38|0.4|t|200|Stake Set of Ten|Zehn Heringe|Y-shaped, bright at the top, easy to find in the dew.|Y-förmig, oben leuchtend, im Tau leicht zu finden.
TT-C05|s|sleepingbag|13|319||blue|36,37|1.1|ng|18|Nocturne Down Bag -7|Nocturne Daunenschlafsack -7|Box-wall down to minus seven, with room to turn over.|Kastenkammern bis minus sieben Grad, mit Platz zum Umdrehen.
TT-C06|s|sleepingbag|13|129|99|green|31|1.4|e|35|Vesper Summer Bag|Vesper Sommerschlafsack|Opens flat into a quilt when July is July.|Lässt sich zur Decke öffnen, wenn der Juli ein Juli ist.
TT-C07|s|pouch|13|89||orange|37|0.5|t|3|Airloom Sleeping Mat|Airloom Isomatte|Six centimetres of silence under your hip.|Sechs Zentimeter Ruhe unter der Hüfte.
TT-C08|s|pouch|13|29||gray|33|0.2|e|80|Pebble Camp Pillow|Pebble Kissen|Fill it with your jumper, wake up without a crick.|Mit dem Pullover füllen und ohne steifen Nacken aufwachen.
TT-C09|s|stove|14|79||black|38,39|0.3|nt|44|Ember Gas Stove|Ember Gaskocher|Boils half a litre in the time a story takes.|Kocht einen halben Liter in der Länge einer Geschichte.
TT-C10|s|stove|14|139||gray|39|1.9|g|9|Twig Wood Stove|Twig Holzkocher|Burns what the forest dropped, smokes hardly at all.|Verbrennt, was der Wald verliert, und raucht fast nicht.
TT-C11|s|mug|14|59|47|gray|38|0.6|e|52|Nest Cook Set|Nest Kochset|Two pots, one pan and a lid that drains, in one bag.|Zwei Töpfe, eine Pfanne und ein Siebdeckel in einem Beutel.
TT-C12|s|mug|14|18||blue|39,40|0.3|t|120|Dew Enamel Mug|Dew Emaillebecher|Chips with dignity.|Altert mit Würde.
TT-C13|s|mug|14|34||brown|41|0.2|e|0|Bramble Wooden Spoon Set|Bramble Holzlöffelset|Carved from one beech, which we planted again.|Aus einer Buche geschnitzt, die wir nachgepflanzt haben.
TT-C14|s|lantern|15|69||yellow|38|0.4|n|27|Glow Camp Lantern|Glow Laterne|Warm light, dimmed by turning, charged by the sun.|Warmes Licht, durch Drehen gedimmt, von der Sonne geladen.
TT-C15|s|lantern|15|49||red|37|0.1|t|65|Lumen Headlamp|Lumen Stirnlampe|Red for maps, white for the path, off for the stars.|Rot für Karten, weiß für den Weg, aus für die Sterne.
TT-C16|s|candle|15|22||orange|39,42|0.3|e|2|Tin Lantern Candle|Laternenkerze|Nine hours of beeswax smell in a tin that closes.|Neun Stunden Bienenwachsduft in einer Dose mit Deckel.
TT-P03|s|backpack|17|219||gray|37|1.7|ng|16|Col 55 Trekking Pack|Col 55 Trekkingrucksack|A week on the back with the weight on the hips.|Eine Woche auf dem Rücken, das Gewicht auf den Hüften.
TT-P04|s|backpack|17|89|71|red|31|0.6|e|38|Spur 18 Daypack|Spur 18 Tagesrucksack|One jacket, one lunch, one long way round.|Eine Jacke, eine Brotzeit, ein langer Umweg.
TT-P05|s|backpack|17|119||blue|32,35|1.2|e|22|Slate Laptop Pack|Slate Notebookrucksack|Waxed canvas outside, felt inside, no straps that dangle.|Außen Wachscanvas, innen Filz, nichts baumelt.
TT-P06|s|bag|18|249||brown|35|2.4|g|7|Journeyman Leather Holdall|Journeyman Ledertasche|Bridle leather that will be argued over in a will.|Zaumzeugleder, um das Erben streiten werden.
TT-P07|s|bag|18|79||green|37|0.8|t|41|Kayak Dry Bag 40|Kayak Packsack 40|Rolls three times, floats twice.|Dreimal rollen, zweimal schwimmen.
TT-P08|s|pouch|19|25||lavender|37|0.1|t|140|Sorted Packing Cubes|Sorted Packwürfel|Three cubes: clean, worn, and we do not talk about it.|Drei Würfel: sauber, getragen und reden wir nicht darüber.
TT-P09|s|pouch|19|19||yellow|31|0.1|e|90|Stow Rain Cover|Stow Regenhülle|Bright enough to be found by helicopters, small enough to forget.|Hell genug für Hubschrauber, klein genug zum Vergessen.
TT-P10|s|mug|19|32||black|39|0.4|nt|150|Spring Steel Bottle|Spring Stahlflasche|Cold for a day, hot for half a day, dented for life.|Einen Tag kalt, einen halben heiß, ein Leben lang verbeult.
TT-H01|s|blanket|21|149||green|34|1.6|ng|20|Moss Wool Throw|Moss Wolldecke|Woven on looms older than our grandparents.|Auf Webstühlen gewebt, die älter sind als unsere Großeltern.
TT-H02|s|blanket|21|189|159|red|34|1.9|e|13|Ember Checked Blanket|Ember Karodecke|A check for the sofa that has seen a mountain.|Ein Karo fürs Sofa, das einen Berg gesehen hat.
TT-H03|s|blanket|21|79||white|33|1.1|e|46|Dune Cotton Quilt|Dune Baumwollquilt|Washed soft, stitched by a village, light as June.|Weich gewaschen, von einem Dorf genäht, leicht wie der Juni.
TT-H04|s|blanket|21|99||gray|31|1.3|t|5|Shore Picnic Rug|Shore Picknickdecke|Wool-soft above, waterproof below, carried by a strap.|Oben wollweich, unten wasserdicht, am Riemen getragen.
TT-H05|s|mug|22|24||white|40|0.4|t|110|Pebble Stoneware Cup|Pebble Steinzeugbecher|Thrown by hand; yours will be the one with the thumbprint.|Von Hand gedreht; Ihrer ist der mit dem Daumenabdruck.
TT-H06|s|mug|22|89||blue|40|2.2||15|Tide Serving Bowl|Tide Servierschale|A glaze that took forty-one tries.|Eine Glasur, die einundvierzig Versuche brauchte.
TT-H07|s|kit|22|69|55|brown|41|1.5|e|31|Larder Bread Board|Larder Brotbrett|End-grain beech with a groove for the crumbs.|Stirnholz aus Buche mit einer Rille für die Krümel.
TT-H08|s|mug|22|39||green|33|0.3|e|75|Meadow Napkin Set|Meadow Servietten|Four napkins dyed with what grows by the road.|Vier Servietten, gefärbt mit dem, was am Weg wächst.
TT-H09|s|candle|23|34||lavender|42|0.5|nt|60|Dusk Scented Candle|Dusk Duftkerze|Lavender, cold smoke and the end of a long walk.|Lavendel, kalter Rauch und das Ende eines langen Weges.
TT-H10|s|candle|23|34||green|42|0.5|t|58|Pinewood Scented Candle|Pinewood Duftkerze|Resin and rain. Nothing else.|Harz und Regen. Sonst nichts.
TT-H11|s|candle|23|28||orange|42|0.4|e|4|Hearth Pillar Candle|Hearth Stumpenkerze|Seventy hours of unhurried light.|Siebzig Stunden Licht ohne Eile.
TT-H12|s|stove|23|59||black|38|0.8||33|Censer Incense Burner|Censer Räucherschale|Cast iron, cast once, cast to last.|Gusseisen, einmal gegossen, für immer.
TT-M01|s|mug|22|22||white|40|0.4|n|300|Keepsake Mug, Made for You|Andenkenbecher, für Sie gemacht|A stoneware mug that we letter, wrap and send as you ask.|Ein Steinzeugbecher, den wir nach Wunsch beschriften, verpacken und senden.
TT-A01|s|kit|28|49|29|purple|31|0.9|h|6|Last Season Mystery Box|Überraschungskiste|What is left of last year, chosen by somebody who likes you.|Was vom letzten Jahr blieb, ausgesucht von jemandem, der Sie mag.
TT-V01|v|course|26|95||blue||||1000|Map and Compass Day|Kartenkurs|A day on the moor with paper, a needle and no phone.|Ein Tag im Moor mit Papier, einer Nadel und ohne Telefon.
TT-V02|v|course|26|240||green||||24|Guided Weekend in the Hills|Geführtes Wochenende|Two days, one guide, a hut with a stove.|Zwei Tage, eine Führerin, eine Hütte mit Ofen.
TT-V03|v||26|39||||||1000|Repair for Life|Reparatur auf Lebenszeit|We mend what we sold you. Always.|Wir flicken, was wir Ihnen verkauft haben. Immer.
TT-V04|v||26|15||||||1000|Gift Wrapping by Hand|Geschenkverpackung|Cloth, string and a handwritten card.|Stoff, Schnur und eine handgeschriebene Karte.
TT-D01|d|book|25|12||green||||1000|Hut to Hut: Twelve Walks|Von Hütte zu Hütte: Zwölf Touren|Twelve walks with maps that fit a phone and a pocket.|Zwölf Touren mit Karten für Telefon und Tasche.
TT-D02|d|book|25|9||orange||||1000|The Campfire Kitchen|Die Lagerfeuerküche|Forty dishes for one pot.|Vierzig Gerichte für einen Topf.
TT-D03|d|book|25|0||yellow||||1000|How to Wax a Jacket|Eine Jacke wachsen|A short film and a list of what you need.|Ein kurzer Film und eine Liste des Nötigen.
TT-D04|d|book|25|15|10|blue||||1000|Sounds of the Tarn|Klänge vom Bergsee|Four hours of water, wind and one very vain blackbird.|Vier Stunden Wasser, Wind und eine sehr eitle Amsel.
TT-D05|d|book|25|18||red||||1000|Knots Worth Knowing|Knoten fürs Leben|Eighteen knots filmed from where your own hands are.|Achtzehn Knoten, gefilmt aus der Sicht der eigenen Hände.
"""

# SKU | type | shape | category | colour | name | German name | blurb | German blurb | parts.
# Parts of a bundle: title/German title/kind/required: SKU,SKU*; of a group: SKU×quantity.
SETS = """
TT-K01|bundle|kit|12|green|First Night Out Kit|Startset Erste Nacht|A tent, a bag and a light, chosen to fit together and priced as you choose.|Zelt, Schlafsack und Licht, aufeinander abgestimmt; der Preis folgt Ihrer Wahl.|Tent/Zelt/radio/1:TT-C01*,TT-C02;Sleeping bag/Schlafsack/select/1:TT-C06*,TT-C05;Light/Licht/radio/1:TT-C15*,TT-C14;Extras/Extras/checkbox/0:TT-C04,TT-C08
TT-K02|bundle|kit|14|red|Camp Coffee Set|Kaffeeset für draußen|Stove, pot and two mugs: the shortest way to a good morning.|Kocher, Topf und Becher: der kürzeste Weg zu einem guten Morgen.|Stove/Kocher/radio/1:TT-C09*,TT-C10;Pots/Töpfe/radio/1:TT-C11*;Mugs/Becher/multi/1:TT-C12*,TT-H05,TT-P10
TT-K03|bundle|kit|22|brown|Slow Sunday Basket|Korb für langsame Sonntage|A rug, a board, a candle and no plans.|Decke, Brett, Kerze und keine Pläne.|Rug/Decke/radio/1:TT-H04*,TT-H03;Board/Brett/radio/1:TT-H07*;Candle/Kerze/select/0:TT-H09*,TT-H10,TT-H11
TT-G01|grouped|pouch|19|orange|Traveller's Small Things|Kleinkram für Reisende|Cubes, cover and bottle: take what you miss.|Würfel, Hülle und Flasche: Nehmen Sie, was fehlt.|TT-P08×1;TT-P09×1;TT-P10×1
TT-G02|grouped|candle|23|lavender|Three Evenings|Drei Abende|All three candles, one for each evening of a long weekend.|Alle drei Kerzen, eine für jeden Abend eines langen Wochenendes.|TT-H09×1;TT-H10×1;TT-H11×1
TT-G03|grouped|mug|22|blue|Table for Four|Tisch für vier|Cups, bowl and napkins, as many as you have chairs.|Becher, Schale und Servietten, so viele wie Stühle.|TT-H05×4;TT-H06×1;TT-H08×1
"""
