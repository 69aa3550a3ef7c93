"""Commerce's HTML made safe, and Commerce's URLs made the storefront's."""

import html
import json
import re
from html.parser import HTMLParser

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.commerce.shop import StoreView
from app.main import Parts, build_parts
from app.settings import Settings
from app.storefront.links import Links, is_safe_url, plain

VIEW = StoreView(
    "default",
    {
        "base_url": "http://shop.test/",
        "secure_base_url": "https://shop.test/",
        "base_link_url": "http://shop.test/default/",
        "secure_base_link_url": "https://shop.test/default/",
        "base_media_url": "http://shop.test/media/",
        "secure_base_media_url": "https://shop.test/media/",
    },
    "USD",
    ("USD",),
)
BARE = Links(VIEW, "", "", "USD")
MOVED = Links(VIEW, "https://front.test/en", "https://cdn.test/m", "USD")

FORBIDDEN_TAGS = {
    "applet", "base", "embed", "form", "frame", "frameset", "iframe", "input", "link", "math", "meta", "noscript",
    "object", "script", "select", "style", "svg", "template", "textarea", "title", "xmp",
}  # fmt: skip
URL_ATTRIBUTES = {"href", "src", "poster", "action", "formaction", "background", "cite", "data", "xlink:href"}
FORBIDDEN_ATTRIBUTES = {"srcdoc", "formaction", "action", "http-equiv", "autofocus", "xmlns"}
SCHEMES = {"", "http", "https", "mailto", "tel"}


class _Dangers(HTMLParser):
    """Reads HTML as a browser might and notes all that could run or cover the page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in FORBIDDEN_TAGS or ":" in tag:
            self.found.append(f"<{tag}>")
        for name, value in attrs:
            self._attribute(name.lower(), value or "")

    def _attribute(self, name: str, value: str) -> None:
        if name.startswith("on") or name in FORBIDDEN_ATTRIBUTES:
            self.found.append(name)
        urls = [value] if name in URL_ATTRIBUTES else value.split(",") if name == "srcset" else []
        for url in urls:
            scheme = re.match(r"([a-z][a-z0-9+.-]*):", re.sub(r"[\x00-\x20]", "", url).lower())
            if scheme and scheme[1] not in SCHEMES:
                self.found.append(f"{name}={url}")
        if name == "style":
            plain_style = re.sub(r"/\*.*?\*/|\\|\s", "", value.lower())
            words = (
                "position:",
                "z-index",
                "expression(",
                "javascript:",
                "data:text",
                "behavior",
                "binding",
                "@import",
            )
            self.found += [
                f"style: {word}" for word in words if word in plain_style.replace("background-position:", "")
            ]

    def handle_comment(self, data: str) -> None:
        self.found.append(f"<!--{data}-->")

    def handle_decl(self, decl: str) -> None:
        self.found.append(f"<!{decl}>")

    def unknown_decl(self, data: str) -> None:
        self.found.append(f"<![{data}]>")

    def handle_pi(self, data: str) -> None:
        self.found.append(f"<?{data}>")


def dangers(content: str) -> list[str]:
    """What could run or cover the page."""
    parser = _Dangers()
    parser.feed(content)
    parser.close()
    return parser.found


def clean(content: str, links: Links = BARE) -> str:
    cleaned = links.html(content)
    assert cleaned is not None
    return cleaned


ATTACKS = [
    "<script>alert(1)</script>",
    "<ScRiPt src=//evil.test/x.js></sCrIpT>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<script\n>alert(1)</script >",
    "<<script>alert(1)//<</script>",
    "<img src=x onerror=alert(1)>",
    "<img/src=x/onerror=alert(1)>",
    "<img src=x oNeRrOr\n=\nalert(1)>",
    "<p onclick='alert(1)' onmouseover=alert(1)>x</p>",
    "<body onload=alert(1)>",
    "<video autoplay onloadstart=alert(1) src=x><source onerror=alert(1)></video>",
    "<details open ontoggle=alert(1)>x</details>",
    "<a href='javascript:alert(1)'>x</a>",
    "<a href=' \x01javascript:alert(1)'>x</a>",
    "<a href='JaVaScRiPt:alert(1)'>x</a>",
    "<a href='java&#10;script:alert(1)'>x</a>",
    "<a href='java\tscript:alert(1)'>x</a>",
    "<a href='&#106;&#97;&#118;&#97;&#115;&#99;&#114;&#105;&#112;&#116;&#58;alert(1)'>x</a>",
    "<a href='javascript&colon;alert(1)'>x</a>",
    "<a href='javascript://shop.test/%0aalert(1)'>x</a>",
    "<a href='vbscript:msgbox(1)'>x</a>",
    "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
    "<a href='data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg=='>x</a>",
    "<img src='data:image/svg+xml,<svg onload=alert(1)>'>",
    "<img srcset='javascript:alert(1) 1x, x.jpg 2x'>",
    "<img srcset='data:image/svg+xml,%3Csvg%3E 1x'>",
    "<video poster='javascript:alert(1)' src='blob:x'></video>",
    "<picture><source srcset='javascript:alert(1)'><img src=x></picture>",
    "<iframe src='https://evil.test'></iframe>",
    "<iframe srcdoc='&lt;script&gt;alert(1)&lt;/script&gt;'></iframe>",
    "<object data='javascript:alert(1)'></object><embed src='javascript:alert(1)'>",
    "<svg onload=alert(1)><script>alert(1)</script></svg>",
    "<svg><a xlink:href='javascript:alert(1)'><text>x</text></a></svg>",
    "<svg><animate onbegin=alert(1) attributeName=x></svg>",
    "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "<math href='javascript:alert(1)'>x</math>",
    "<form action='javascript:alert(1)'><input type=submit><button formaction='javascript:alert(1)'>x</button></form>",
    "<base href='//evil.test/'>",
    "<meta http-equiv='refresh' content='0;url=javascript:alert(1)'>",
    "<link rel=stylesheet href='//evil.test/x.css'>",
    "<style>@import '//evil.test/x.css'; body{position:fixed}</style>",
    "<style></style><img src=x onerror=alert(1)></style>",
    "<p style='position:fixed;top:0;left:0;z-index:9999'>x</p>",
    "<p style='POSITION : absolute; color: red'>x</p>",
    "<p style='width:expression(alert(1))'>x</p>",
    "<p style='width:exp/**/ression(alert(1))'>x</p>",
    "<p style='background:url(javascript:alert(1))'>x</p>",
    "<p style='background-image:url(\"javascript:alert(1)\")'>x</p>",
    "<p style='background-image:url(data:text/html,x)'>x</p>",
    "<p style='-moz-binding:url(//evil.test/x.xml#y);behavior:url(x.htc)'>x</p>",
    "<p style='co\\6cor:red;p\\6fsition:fixed'>x</p>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'></noscript>",
    "<textarea><p title='</textarea><img src=x onerror=alert(1)>'></textarea>",
    "<template><script>alert(1)</script></template>",
    "<!--><img src=x onerror=alert(1)>-->",
    "<!-- --!><script>alert(1)</script>-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?php echo 1 ?><?xml-stylesheet href='javascript:alert(1)'?>",
    "<p title='x' title='y\" onclick=alert(1) x=\"'>x</p>",
    "<a href='x' / onclick=alert(1)>x</a>",
    "<p data-x='\"><script>alert(1)</script>'>x</p>",
    "<table background='javascript:alert(1)'><tr><td background='javascript:alert(1)'>x</table>",
    "<xmp><p title='</xmp><script>alert(1)</script>'></xmp>",
    "<a href='//evil.test/ onclick=alert(1)'>x</a>",
    "\x00<\x00script>alert(1)</script>",
    "<custom-element onclick=alert(1) is=x>x</custom-element>",
]


@pytest.mark.parametrize("links", [BARE, MOVED], ids=["bare", "moved"])
@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_that_can_run_or_cover_the_page_is_left(attack: str, links: Links) -> None:
    for content in (attack, f"<div><p>before</p>{attack}<p>after</p></div>"):
        cleaned = clean(content, links)
        assert dangers(cleaned) == []
        assert clean(cleaned, BARE) == cleaned


def test_the_finder_of_dangers_finds_them() -> None:
    for attack in (*ATTACKS[12:18], *ATTACKS[28:34], "<p onclick=x>", "<p style='position: fixed'>", "<!-- x -->"):
        assert dangers(attack) != [], attack


PIECES = [
    "<script>", "</script>", "<style>", "</style>", "<svg>", "</svg>", "<math>", "<p ", "<a href=", "<img src=", "<div>",
    "</div>", "</p>", "<!--", "-->", "<![CDATA[", "]]>", "<iframe ", "<table>", "<tr>", "</table>", "<template>", ">", "<",
    "/>", "'", '"', "=", " ", "\n", "\t", "\x00", "&lt;", "&#60;", "&quot;", "&", ";", "javascript:alert(1)", "data:text/html,x",
    "onclick=alert(1)", " onerror='alert(1)'", " style='position:fixed'", " style=\"color:red;", "srcset=", "href=", "src=",
    "<b>", "</b>", "text", "ä", "<noscript>", "<textarea>", "</textarea>", "<mglyph>", "<form>", "<a ", "</a>", "<li>",
    "http://shop.test/", "https://shop.test/media/x.jpg", " data-x=", "<video ", "<source ", "<select>", "<option>", "<title>",
]  # fmt: skip


@example("<a <script><select><a <script>")
@settings(deadline=None, max_examples=400)
@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=4), max_size=25).map("".join))
def test_no_tag_soup_leaves_anything_dangerous_and_cleaning_twice_is_cleaning_once(soup: str) -> None:
    cleaned = clean(soup)
    assert dangers(cleaned) == []
    assert clean(cleaned) == cleaned


@pytest.mark.parametrize(
    "content",
    [
        "<p>Plain <strong>words</strong> and <em>more</em>.</p>",
        '<h2 class="a b" id="c">x</h2>',
        '<ul><li>1</li></ul><table><tbody><tr><td colspan="2">x</td></tr></tbody></table>',
        '<p style="color:red;text-align:center">x</p>',
        '<div data-content-type="row" data-appearance="contained">x</div>',
        '<figure><picture><source media="(min-width: 1px)" srcset="a.webp 1x, b.webp 2x"><img src="a.jpg" alt="A"></picture></figure>',
        '<video src="/v.mp4" controls="" muted=""></video>',
        "a &amp; b &lt; c",
        "",
    ],
)
def test_ordinary_content_stays_as_it_is(content: str) -> None:
    assert clean(content) == content


def test_no_content_stays_none() -> None:
    assert BARE.html(None) is None


def test_a_link_in_a_new_window_cannot_reach_back() -> None:
    assert clean('<a target="_blank" href="https://else.test/">x</a>') == (
        '<a target="_blank" href="https://else.test/" rel="noopener">x</a>'
    )


# URLs in HTML


@pytest.mark.parametrize(
    ("url", "bare", "moved"),
    [
        ("http://shop.test/default/women.html", "/women.html", "https://front.test/en/women.html"),
        (
            "https://shop.test/women/tops.html?p=2#x",
            "/women/tops.html?p=2#x",
            "https://front.test/en/women/tops.html?p=2#x",
        ),
        ("https://shop.test/", "/", "https://front.test/en/"),
        ("https://shop.test", "/", "https://front.test/en/"),
        ("http://shop.test/media/a.pdf", "http://shop.test/media/a.pdf", "https://cdn.test/m/a.pdf"),
        ("https://else.test/x", "https://else.test/x", "https://else.test/x"),
        ("https://shop.test.evil.test/x", "https://shop.test.evil.test/x", "https://shop.test.evil.test/x"),
        ("https://shop.testing/x", "https://shop.testing/x", "https://shop.testing/x"),
        ("women.html", "women.html", "women.html"),
        ("/women.html", "/women.html", "/women.html"),
        ("#top", "#top", "#top"),
        ("mailto:a@shop.test", "mailto:a@shop.test", "mailto:a@shop.test"),
        ("tel:+123", "tel:+123", "tel:+123"),
        (" https://shop.test/x ", "/x", "https://front.test/en/x"),
    ],
)
def test_links_in_content_lead_to_the_storefront(url: str, bare: str, moved: str) -> None:
    content = f'<a href="{url}">x</a>'
    assert clean(content, BARE) == f'<a href="{bare}" rel="noopener">x</a>'
    assert clean(content, MOVED) == f'<a href="{moved}" rel="noopener">x</a>'


def test_pictures_in_content_are_moved_only_where_a_media_url_is_set() -> None:
    content = '<img src="https://shop.test/media/a.jpg" srcset="https://shop.test/media/a.jpg, http://shop.test/media/b.jpg 2x">'
    assert clean(content, BARE) == content
    assert clean(content, MOVED) == (
        '<img src="https://cdn.test/m/a.jpg" srcset="https://cdn.test/m/a.jpg, https://cdn.test/m/b.jpg 2x">'
    )


def test_a_background_picture_in_a_style_is_moved() -> None:
    content = "<div style=\"background-image:url('https://shop.test/media/a.jpg')\">x</div>"
    assert 'url("https://cdn.test/m/a.jpg")' in html.unescape(clean(content, MOVED))
    assert 'url("https://shop.test/media/a.jpg")' in html.unescape(clean(content, BARE))


@pytest.mark.parametrize(("links", "media"), [(MOVED, "https://cdn.test/m"), (BARE, "https://shop.test/media")])
def test_page_builders_pictures_with_escaped_slashes_are_media_too(links: Links, media: str) -> None:
    told = {"desktop_image": "https://shop.test/media/wysiwyg/a.jpg", "mobile_image": "https://shop.test/media/b.jpg"}
    as_php_writes = json.dumps(told).replace("/", "\\/")
    content = f'<div data-background-images="{html.escape(as_php_writes)}">x</div>'
    cleaned = html.unescape(clean(content, links))
    written = cleaned.removeprefix('<div data-background-images="').removesuffix('">x</div>')
    assert json.loads(written) == {"desktop_image": f"{media}/wysiwyg/a.jpg", "mobile_image": f"{media}/b.jpg"}


def test_page_builder_writes_its_json_with_escaped_quotes_too() -> None:
    content = r'<div data-background-images="{\&quot;desktop_image\&quot;:\&quot;https://shop.test/media/a.jpg\&quot;}">x</div>'
    assert r"{\"desktop_image\":\"https://cdn.test/m/a.jpg\"}" in html.unescape(clean(content, MOVED))


@pytest.mark.parametrize(("links", "to"), [(MOVED, "https://front.test/en"), (BARE, "")])
def test_links_inside_data_attributes_lead_to_the_storefront(links: Links, to: str) -> None:
    for slash in ("/", "\\/"):
        url = "https://shop.test/default/women.html".replace("/", slash)
        expected = f"{to}/women.html".replace("/", slash)
        content = (
            f'<div data-link="{html.escape(json.dumps({"u": 1})[:-1])}, &quot;l&quot;: &quot;{url}&quot;}}">x</div>'
        )
        assert f'"l": "{expected}"' in html.unescape(clean(content, links))


@pytest.mark.parametrize("links", [MOVED, BARE])
def test_a_link_and_a_picture_in_one_data_attribute_are_both_moved(links: Links) -> None:
    content = '<div data-x="https://shop.test/media/a.jpg https://shop.test/women.html">x</div>'
    media = f"{links.media}/a.jpg" if links.media else "https://shop.test/media/a.jpg"
    assert clean(content, links) == f'<div data-x="{media} {links.storefront}/women.html">x</div>'


def test_a_storefront_under_commerces_own_address_is_put_in_once() -> None:
    links = Links(VIEW, "https://shop.test/front", "https://shop.test/media/cdn", "USD")
    content = (
        '<p data-x="https://shop.test/default/a.html" style="background-image:url(https://shop.test/media/a.jpg)">x</p>'
    )
    cleaned = html.unescape(clean(content, links))
    assert 'data-x="https://shop.test/front/a.html"' in cleaned
    assert "https://shop.test/media/cdn/a.jpg" in cleaned
    assert "cdn/cdn" not in cleaned


# URLs outside HTML


@pytest.mark.parametrize(
    ("path", "bare", "moved"),
    [
        ("women/tops.html", "/women/tops.html", "https://front.test/en/women/tops.html"),
        ("/women.html", "/women.html", "https://front.test/en/women.html"),
        ("//evil.test/x", "/evil.test/x", "https://front.test/en/evil.test/x"),
        (" x.html ", "/x.html", "https://front.test/en/x.html"),
        ("", "/", "https://front.test/en/"),
        (None, None, None),
    ],
)
def test_a_path_is_a_page_of_the_storefront(path: str | None, bare: str | None, moved: str | None) -> None:
    assert (BARE.path(path), MOVED.path(path)) == (bare, moved)


@pytest.mark.parametrize(
    ("url", "bare", "moved"),
    [
        ("http://shop.test/default/x.html", "/x.html", "https://front.test/en/x.html"),
        ("x.html", "/x.html", "https://front.test/en/x.html"),
        ("https://else.test/x", "https://else.test/x", "https://else.test/x"),
        ("", None, None),
        (None, None, None),
    ],
)
def test_a_page_may_be_named_by_a_whole_url_or_a_path(url: str | None, bare: str | None, moved: str | None) -> None:
    assert (BARE.page(url), MOVED.page(url)) == (bare, moved)


@pytest.mark.parametrize(
    "url", ["javascript://shop.test/%0aalert(1)", "data://text/html,x", " javascript:alert(1)//://x"]
)
def test_a_page_never_leads_to_something_that_runs(url: str) -> None:
    for links in (BARE, MOVED):
        led = links.page(url)
        assert led is None or is_safe_url(led)
        assert led is None or led.startswith(("/", "https://front.test/en/"))


@pytest.mark.parametrize(
    ("url", "bare", "moved"),
    [
        ("https://shop.test/media/catalog/product/a.jpg", "https://shop.test/media/catalog/product/a.jpg", "https://cdn.test/m/catalog/product/a.jpg"),
        ("https://else.test/a.jpg", "https://else.test/a.jpg", "https://else.test/a.jpg"),
        ("", None, None),
        (None, None, None),
    ],
)  # fmt: skip
def test_a_picture_is_moved_only_where_a_media_url_is_set(url: str | None, bare: str | None, moved: str | None) -> None:
    assert (BARE.picture(url), MOVED.picture(url)) == (bare, moved)


def test_the_line_break_that_commerce_puts_into_placeholders_is_taken_out() -> None:
    url = "https://else.test/static/version1795445295\n/frontend/placeholder/small_image.jpg"
    assert BARE.picture(url) == "https://else.test/static/version1795445295/frontend/placeholder/small_image.jpg"


def test_a_placeholder_that_commerce_serves_itself_stays_with_commerce() -> None:
    url = "https://shop.test/static/version1795445295\n/frontend/placeholder/small_image.jpg"
    for links in (BARE, MOVED):
        assert links.picture(url) == "https://shop.test/static/version1795445295/frontend/placeholder/small_image.jpg"


@pytest.mark.parametrize(
    "name",
    [
        "a.jpg",
        "/media/catalog/category/a.jpg",
        "catalog/category/a.jpg",
        "https://shop.test/media/catalog/category/a.jpg",
    ],
)
def test_a_categorys_picture_is_found_by_name_path_or_url(name: str) -> None:
    assert BARE.category_picture(name) == "https://shop.test/media/catalog/category/a.jpg"
    assert MOVED.category_picture(name) == "https://cdn.test/m/catalog/category/a.jpg"


@pytest.mark.parametrize("name", [None, ""])
def test_a_category_without_a_picture_has_none(name: str | None) -> None:
    assert MOVED.category_picture(name) is None


def test_a_shop_that_names_no_urls_still_has_links() -> None:
    links = Links(
        StoreView("default", {"base_url": None}, "USD", ("USD",)), "https://front.test", "https://cdn.test", "USD"
    )
    assert links.page("a.html") == "https://front.test/a.html"
    assert links.picture("https://shop.test/media/a.jpg") == "https://shop.test/media/a.jpg"
    assert links.category_picture("a.jpg") == "a.jpg"
    assert clean('<a href="https://shop.test/x">x</a>', links) == '<a href="https://shop.test/x" rel="noopener">x</a>'


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://x.test/", True),
        ("http://x.test/", True),
        ("/x", True),
        ("x.html", True),
        ("javascript:alert(1)", False),
        ("java\nscript:alert(1)", False),
        (" JAVASCRIPT:alert(1)", False),
        ("data:text/html,x", False),
        ("", False),
        (None, False),
    ],
)
def test_a_safe_url_is_one_that_runs_nothing(url: str | None, safe: bool) -> None:
    assert is_safe_url(url) is safe


@pytest.mark.parametrize(
    ("text", "read"), [("Rock &amp; Roll&reg;", "Rock & Roll®"), ("a < b", "a < b"), ("", ""), (None, None)]
)
def test_a_label_is_plain_text(text: str | None, read: str | None) -> None:
    assert plain(text) == read


async def test_the_store_code_takes_its_place_in_the_storefronts_url() -> None:
    settings = Settings(_env_file=None, commerce_url="https://shop.test", storefront_url="https://front.test/{store}")
    parts: Parts = build_parts(settings)
    try:
        german = StoreView("de", VIEW.config, "EUR", ("EUR",))
        assert parts.links_of(VIEW).path("x.html") == "https://front.test/default/x.html"
        assert parts.links_of(german).path("x.html") == "https://front.test/de/x.html"
        assert parts.links_of(german).media == ""
    finally:
        await parts.upstream.close()
