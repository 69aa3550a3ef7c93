"""The demo's clothing and footwear: configurable products, one line each.

SKU | shape | category | price | special price | colours | sizes | materials | climate | pattern | flags |
name | German name | blurb | German blurb. Flags: n new, e eco collection.
"""

# ruff: noqa: E501 - one product is one line

APPAREL = """
TT-J01|jacket|4|229||black,green,orange|XS,S,M,L,XL|37|206,207|195|n|Gully Rain Shell|Gully Regenjacke|Three quiet layers of recycled face fabric that keep the rain where it belongs: outside.|Drei leise Lagen mit recyceltem Oberstoff, die den Regen dort lassen, wo er hingehört: draußen.
TT-J02|jacket|4|189|149|black,blue|S,M,L,XL|31|207,203|195|e|Ridgeline Softshell|Ridgeline Softshelljacke|Stretches on the scramble, shrugs off the wind and packs into its own pocket.|Dehnbar beim Klettern, windfest auf dem Grat und klein verpackt in der eigenen Tasche.
TT-J03|jacket|4|279||blue,red|S,M,L|36,37|202|195|n|Firn Down Jacket|Firn Daunenjacke|Traceable down in baffles drawn by hand, for mornings when the tent is white.|Nachweisbar gewonnene Daunen in handgezeichneten Kammern, für Morgen mit weißem Zelt.
TT-J04|jacket|4|159||brown,green|M,L,XL|32,33|203,204|195|e|Orchard Waxed Jacket|Orchard Wachsjacke|Waxed canvas that gets better with every hedge you walk through.|Gewachstes Canvas, das mit jeder Hecke schöner wird.
TT-J05|jacket|4|119|95|yellow,black|XS,S,M,L|31|206|195|e|Drizzle Packable Anorak|Drizzle Schlupfjacke|A pullover for showers that weighs less than the sandwich next to it.|Ein Überzieher für Schauer, leichter als das Butterbrot daneben.
TT-J06|jacket|4|349||black,orange|S,M,L,XL|37|202,206,207|195||Corrie StormWeave&trade; Parka|Corrie StormWeave&trade; Parka|Our warmest parka, with seams taped and a hood that fits over a helmet.|Unser wärmster Parka, mit getapten Nähten und helmtauglicher Kapuze.
TT-J07|jacket|4|139||lavender,gray|XS,S,M|31|203,207|198|n|Meadow Insulated Vest|Meadow Steppweste|Light warmth for the core that leaves the arms free to carry firewood.|Leichte Wärme für den Rumpf, die Arme bleiben frei fürs Brennholz.
TT-F01|fleece|5|89||black,gray,green|XS,S,M,L,XL|31|203|195|e|Heather Grid Fleece|Heather Gitterfleece|A grid of tiny chimneys inside lets the steam out on the way up.|Innen ein Gitter aus kleinen Kaminen, das beim Aufstieg Dampf ablässt.
TT-F02|fleece|5|129||blue,white|S,M,L|34|202,203|196||Harbour Wool Jumper|Harbour Wollpullover|Knitted in the round from four-ply merino, striped like the boats it is named for.|Rundgestrickt aus vierfädiger Merinowolle, gestreift wie die Boote, nach denen er heißt.
TT-F03|fleece|5|99|79|brown,orange|S,M,L,XL|31|203|198|e|Bracken Pile Jacket|Bracken Florjacke|Deep pile and a chest pocket for the compass you no longer need but like.|Hoher Flor und eine Brusttasche für den Kompass, den man nicht mehr braucht, aber mag.
TT-F04|fleece|5|149||gray,green|M,L,XL|34|202|197||Lumber Wool Overshirt|Lumber Wollhemd|Boiled wool in a quiet check, cut to wear over everything else.|Walkwolle in ruhigem Karo, weit genug für alles darunter.
TT-F05|fleece|5|79||black,purple|XS,S,M,L|31|203,204|195|n|Quill Half-Zip|Quill Troyer|The half-zip that goes from the office to the last bus to the hills.|Der Troyer, der vom Büro bis zum letzten Bus in die Berge reicht.
TT-F06|fleece|5|59||red,yellow,blue|S,M,L|33|204|196|e|Regatta Sweatshirt|Regatta Sweatshirt|Heavy organic cotton with a loop back, for fires on the beach.|Schwere Biobaumwolle mit Schlingenrücken, fürs Feuer am Strand.
TT-F07|fleece|5|169|139|white,gray|S,M,L|34|202|198||Fisher Cable Cardigan|Fisher Zopfstrickjacke|Cables, leather buttons and pockets deep enough for two cold hands.|Zöpfe, Lederknöpfe und Taschen, tief genug für zwei kalte Hände.
TT-T01|trousers|6|119||black,green,brown|S,M,L,XL|37|203,204|195||Scree Trekking Trousers|Scree Trekkinghose|Articulated knees, five pockets and a cut that climbs with you.|Vorgeformte Knie, fünf Taschen und ein Schnitt, der mitklettert.
TT-T02|trousers|6|139|99|black,blue|S,M,L|31|206|195|e|Cloudburst Overtrousers|Cloudburst Überhose|Full side zips, so that boots stay on when the sky opens.|Durchgehende Seitenzips: Die Stiefel bleiben an, wenn der Himmel aufgeht.
TT-T03|trousers|6|95||brown,gray|S,M,L,XL|33|204|195|e|Pathfinder Chinos|Pathfinder Chino|Organic twill for paths, pavements and the pub between them.|Bio-Twill für Pfade, Pflaster und die Gaststube dazwischen.
TT-T04|trousers|6|75||green,yellow|S,M,L|37|205|195|n|Lido Walking Shorts|Lido Wandershorts|Dries on the walk back from the lake.|Trocknet auf dem Rückweg vom See.
TT-T05|trousers|6|109||black,purple|XS,S,M,L|31|203|199||Tempo Trail Tights|Tempo Lauftights|A phone pocket that does not bounce and a print that hides the mud.|Eine Handytasche, die nicht hüpft, und ein Druck, der den Schlamm versteckt.
TT-T06|trousers|6|159||brown,black|S,M,L,XL|32,33|202,203|195||Forester Lined Trousers|Forester Thermohose|Canvas outside, brushed check inside, and a loop for the axe.|Außen Canvas, innen angerautes Karo, dazu eine Schlaufe für die Axt.
TT-T07|trousers|6|129||blue,gray|S,M,L|37|202,207|195|n|Cornice Ski Touring Pants|Cornice Tourenhose|Vents from hip to knee for the climb, a quiet seat for the descent.|Lüftung von Hüfte bis Knie für den Aufstieg, Ruhe für die Abfahrt.
TT-B01|baselayer|7|69||black,gray,blue|XS,S,M,L,XL|34|202,203|195|e|Fell Merino Crew|Fell Merinoshirt|Seventeen microns of merino that can be worn for a week, and has been.|Siebzehn Mikrometer feine Merinowolle, eine Woche tragbar. Wir haben es probiert.
TT-B02|baselayer|7|79|63|black,red|S,M,L|34|202|196|e|Fell Merino Zip Neck|Fell Merino Zip-Shirt|The crew's warmer sister, with a zip for the sunny side of the ridge.|Die wärmere Schwester, mit Reißverschluss für die Sonnenseite des Grats.
TT-B03|baselayer|7|65||black,gray|XS,S,M,L,XL|34|202|195||Fell Merino Leggings|Fell Merino Leggings|Flat seams under trousers, soft enough to sleep in.|Flache Nähte unter der Hose, weich genug zum Schlafen.
TT-B04|baselayer|7|39||white,green,lavender|S,M,L|33|204,205|199|e|Sundial Tee|Sundial T-Shirt|A drawing of the valley where we test, on cotton that is kind to it.|Eine Zeichnung unseres Testtals, auf Baumwolle, die ihm nicht schadet.
TT-B05|baselayer|7|45||orange,blue|S,M,L,XL|31|205|195|n|Swift Running Tee|Swift Laufshirt|Laser-cut air where a pack sits.|Lasergeschnittene Luft, wo der Rucksack sitzt.
TT-B06|baselayer|7|29||black,white|S,M,L|33|204|195|e|Everyday Cotton Vest|Everyday Unterhemd|The plain one. Every drawer needs a plain one.|Das schlichte. Jede Schublade braucht ein schlichtes.
TT-B07|baselayer|7|55||gray,multi|S,M,L|34|202,203|198|n|Patchwork Merino Beanie Set|Patchwork Merino Mützenset|Beanie and neck tube from the ends of other knits: no two are quite alike.|Mütze und Schlauchschal aus Strickresten: keine zwei sind ganz gleich.
TT-S01|boot|9|259||brown,black|38,39,40,41,42,43,44,45|35|202,206|195||Cairn Leather Boot|Cairn Lederstiefel|One piece of full-grain leather, resoleable for as long as you walk.|Ein Stück Vollleder, neu besohlbar, solange Sie gehen.
TT-S02|boot|9|199|169|green,gray|39,40,41,42,43,44|37|206|195|e|Bogtrotter Mid|Bogtrotter Mid|Membrane boots for paths that are really streams.|Membranstiefel für Wege, die eigentlich Bäche sind.
TT-S03|boot|9|299||black,orange|40,41,42,43,44,45|35,37|202|195|n|Arête Mountain Boot|Arête Bergstiefel|Stiff enough for crampons, kind enough for the walk in.|Steif genug für Steigeisen, freundlich genug für den Zustieg.
TT-S04|boot|9|149||brown|38,39,40,41,42|35,33|203,204|195|e|Hamlet Chelsea Boot|Hamlet Chelsea Boot|Elastic sides and a lugged sole for wet cobbles.|Elastische Seiten und Profilsohle für nasses Kopfsteinpflaster.
TT-S05|shoe|10|139||black,yellow|39,40,41,42,43,44,45|31|204,205|195||Pace Trail Runner|Pace Trailschuh|Four millimetres of drop and lugs that let go of clay.|Vier Millimeter Sprengung und Stollen, die Lehm loslassen.
TT-S06|shoe|10|119|89|blue,red|38,39,40,41,42|31|204|195|e|Brook Approach Shoe|Brook Zustiegsschuh|Sticky toes for slabs, soft heels for the drive home.|Griffige Spitze für Platten, weiche Ferse für die Heimfahrt.
TT-S07|shoe|10|99||gray,green|39,40,41,42,43,44|32|205|195|e|Pier Canvas Sneaker|Pier Canvas-Sneaker|Vulcanised by hand, better when a little dirty.|Von Hand vulkanisiert, etwas schmutzig am schönsten.
TT-S08|shoe|10|69||brown,black|38,39,40,41,42,43,44|35|205|195|n|Shingle Sandal|Shingle Sandale|Three straps, one river, no blisters.|Drei Riemen, ein Fluss, keine Blasen.
TT-P01|backpack|17|169||black,green,orange||37|206|195|n|Tor 32 Backpack|Tor 32 Rucksack|Thirty-two litres that open like a suitcase and carry like a mule.|Zweiunddreißig Liter, die sich wie ein Koffer öffnen und wie ein Maultier tragen.
TT-P02|bag|18|129|109|black,brown,blue||32,35|204|195|e|Weekender Canvas Duffel|Weekender Reisetasche|Two nights, one bag, leather handles that remember your hand.|Zwei Nächte, eine Tasche, Ledergriffe, die sich Ihre Hand merken.
"""
