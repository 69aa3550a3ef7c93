"""Where a login leads back to: over a thousand ways to lead it astray, judged by how browsers read URLs."""

from __future__ import annotations

import itertools
import re
import shutil
from urllib.parse import quote

import pytest
from playwright.sync_api import sync_playwright

from app.auth.refusals import LoginRefused
from app.auth.return_to import ReturnTo, Target, origin_of_storefront, parse_apps

API, SHOP, OTHER, EVIL = (
    "https://api.shop.example",
    "https://shop.example",
    "https://m.shop.example:8443",
    "evil.example",
)
APP = "com.example.shop:/signed-in"
ALLOWED = {API, SHOP, OTHER}
RETURN_TO = ReturnTo(API, home=SHOP, origins=[OTHER, "capacitor://localhost"], apps=[APP])


def corpus() -> list[str]:
    """Texts that lead elsewhere in one program or another, or might."""
    schemes = [
        "",
        "http:",
        "https:",
        "HTTPS:",
        "hTtP:",
        "javascript:",
        "data:",
        "vbscript:",
        "file:",
        "ftp:",
        "blob:",
        "ws:",
        "about:",
    ]
    slashes = [
        "",
        "/",
        "//",
        "///",
        "////",
        "\\",
        "\\\\",
        "/\\",
        "\\/",
        "/\t/",
        "/\n/",
        "\t//",
        "%2f%2f",
        "/%2f",
        "/%5c",
        "／／",
        "/.//",
        "/..//",
        "//.//",
    ]
    hosts = [
        EVIL,
        f"{EVIL}/shop.example",
        f"shop.example@{EVIL}",
        f"shop.example:x@{EVIL}",
        f"shop.example%40{EVIL}",
        f"{EVIL}#shop.example",
        f"{EVIL}\\@shop.example",
        f"shop.example\\.{EVIL}",
        f"shop.example.{EVIL}",
        f"{EVIL}%00shop.example",
    ]
    found = ["".join(parts) for parts in itertools.product(schemes[:6], slashes, hosts)]
    found += [f"{scheme}{slash}{EVIL}" for scheme, slash in itertools.product(schemes[6:], slashes)]
    found += [f"{front}//{EVIL}" for front in map(chr, range(0x21))]
    found += [
        f"/{inside}/{EVIL}"
        for inside in [*map(chr, range(0x21)), "\x7f", "\x85", "\xa0", "\u2028", "\u200b", "\ufeff", "．", "。", "∕"]
    ]
    found += [f"https:{inside}//{EVIL}" for inside in "\t\n\r \x00\x0b\x0c"]
    found += [f"{origin}{tail}" for origin in sorted(ALLOWED) for tail in TAILS]
    found += [f"/account{tail}" for tail in TAILS]
    found += [quote(each, safe="") for each in (f"//{EVIL}", f"https://{EVIL}", "/\\evil.example", f"{SHOP}@{EVIL}")]
    found += [f"/{dots}//{EVIL}" for dots in (".", "..", "%2e", "%2E%2e", ".%2e", "..;", "a/..", "a/../..")]
    found += [f"/auth{tail}" for tail in ("/login", "/callback?x", "", "/../auth/login", "?a", "#a")]
    found += [f"{API}/auth/login", f"{API}/AUTH/login", f"{API}/%61uth/login", f"{API}/auth", f"{API}/auth?a=b"]
    found += [
        "",
        "/",
        "//",
        "///",
        "?",
        "#",
        "?a=b",
        "#a",
        ".",
        "..",
        "account",
        "a:b",
        "null",
        "undefined",
        "*",
        "\\",
        "@",
        ":",
        "[",
        "http://[",
        "https://[::1]",
        "https://127.0.0.1",
        "https://0x7f000001",
        "https://2130706433",
        "https://localhost",
    ]
    found += [f"{APP}{tail}" for tail in ("/", "?a", "#a", " ", "\n", "/..", "@evil")]
    found += [
        "/" + "a" * 2048,
        f"{SHOP}/" + "a" * 2048,
        "capacitor://localhost/",
        "https://shop.example\r\nSet-Cookie: a=b",
        "/a\r\nSet-Cookie: a=b",
    ]
    return list(dict.fromkeys(found))


TAILS = ["", "/", ":443", ":443/", ":80/", ":/", ":0443/", "@evil.example", f".{EVIL}", f"%2e{EVIL}", f"/@{EVIL}", f"\\@{EVIL}", f"#@{EVIL}", f"?@{EVIL}", f"/?url=//{EVIL}", f"//{EVIL}", "/%", "/%zz", "/%00", "/%0d%0aX:%20y", "/a b", "/ä", '/"', "/<x>", "/a|b", "/{store}", "/../x", "/./x", "/%2e%2E/x", "/a/..", "/a?b=c#d", "/a#b#c", "/a;b=c", "x", " ", "\t", "\n", "/\n", "/\x00"]  # fmt: skip
CORPUS = corpus()


def browsers_origin(text: str, base: str) -> str | None:
    """The origin that a browser goes to by this text, after the WHATWG's URL parser; None where it goes nowhere by http.

    Written from the standard, with nothing of the code that it judges. Hosts are taken as they are.
    """
    text = re.sub(r"^[\x00-\x20]+|[\x00-\x20]+$", "", text)
    text = re.sub(r"[\t\n\r]", "", text)
    found = re.match(r"([A-Za-z][A-Za-z0-9+.-]*):", text)
    scheme, rest = (found[1].lower(), text[found.end() :]) if found else ("", text)
    if scheme and scheme not in ("http", "https"):
        return None
    own = base.partition(":")[0]
    slashes = re.match(r"[/\\]*", rest)
    assert slashes is not None
    # With the base's own scheme and fewer than two slashes it is relative all the same.
    relative = len(slashes[0]) < 2 and scheme in ("", own)
    if relative:
        return base
    authority = re.split(r"[/\\?#]", rest[slashes.end() :], maxsplit=1)[0]
    host = authority.rpartition("@")[2].lower()
    scheme = scheme or own
    host = re.sub(r":0*443$" if scheme == "https" else r":0*80$", "", host).removesuffix(":")
    return f"{scheme}://{host}"


def checked(text: str) -> Target | None:
    try:
        return RETURN_TO.check(text)
    except LoginRefused:
        return None


def test_there_are_a_thousand_vectors() -> None:
    assert len(CORPUS) >= 1000


def test_no_vector_leads_off_the_allowed_origins() -> None:
    taken = {text: target for text in CORPUS if (target := checked(text))}
    for text, target in taken.items():
        # Where it leads is where a browser would have gone by the text itself: nothing is mended.
        assert browsers_origin(target.url, SHOP) == browsers_origin(text, SHOP) in ALLOWED, text
        assert re.fullmatch(r"https://[a-z.]+(:8443)?/[\x21-\x7e]*", target.url), text
        assert not target.app
    for text in CORPUS:
        if browsers_origin(text, SHOP) not in ALLOWED:
            assert text not in taken, text
    # A rule that refuses all would pass as well.
    assert 50 < len(taken) < 200


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("", f"{SHOP}/"),
        ("/", f"{SHOP}/"),
        ("/account", f"{SHOP}/account"),
        ("/de/Konto/%C3%A4?tab=orders&x=[1]#top", f"{SHOP}/de/Konto/%C3%A4?tab=orders&x=[1]#top"),
        ("/a//b", f"{SHOP}/a//b"),
        ("/a?next=https://evil.example/\x26b", f"{SHOP}/a?next=https://evil.example/&b"),
        (SHOP, f"{SHOP}/"),
        (f"{SHOP}/account", f"{SHOP}/account"),
        (f"{OTHER}/account", f"{OTHER}/account"),
        (f"{API}/graphql", f"{API}/graphql"),
        (f"{SHOP}/auth/login", f"{SHOP}/auth/login"),
        ("/auth/login", f"{SHOP}/auth/login"),
    ],
)
def test_what_is_ours_is_taken_as_it_is(text: str, url: str) -> None:
    assert RETURN_TO.check(text) == Target(url)


@pytest.mark.parametrize(
    "path",
    [
        "/auth/login",
        "/auth",
        "/auth?a",
        "/AUTH/login",
        "/%61uth/login",
        "/auth/callback?code=a&state=b",
        "/a/../auth/login",
        "/a/%2e%2E/auth",
        "/./auth",
    ],
)
def test_a_login_never_leads_to_a_login(path: str) -> None:
    assert checked(f"{API}{path}") is None
    with pytest.raises(LoginRefused):
        ReturnTo(API).check(path)


@pytest.mark.parametrize("text", ["capacitor://localhost/", "capacitor://localhost"])
def test_an_origin_of_an_apps_web_view_is_no_place_for_a_redirect(text: str) -> None:
    assert checked(text) is None


def test_an_app_is_its_whole_uri() -> None:
    assert RETURN_TO.check(APP) == Target(APP, app=True)
    assert [checked(f"{APP}{tail}") for tail in ("/", "?", "#", " ")] == [None] * 4


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("", ""),
        ("/shop", ""),
        ("https://shop.example", SHOP),
        ("https://shop.example/{store}", SHOP),
        ("https://{store}.shop.example", ""),
        ("https://Shop.Example:443/x", SHOP),
    ],
)
def test_bare_paths_are_of_the_storefront_where_it_has_one_origin(url: str, origin: str) -> None:
    assert origin_of_storefront(url) == origin


def test_without_a_storefront_bare_paths_are_of_the_api() -> None:
    assert ReturnTo(API).check("/account") == Target(f"{API}/account")


@pytest.mark.parametrize(
    ("text", "apps"),
    [
        ("", set()),
        (" , ", set()),
        ("com.example.shop:/signed-in", {"com.example.shop:/signed-in"}),
        (
            "com.example.shop://login/done?x=1, https://app.example/in",
            {"com.example.shop://login/done?x=1", "https://app.example/in"},
        ),
    ],
)
def test_apps_are_registered_by_their_whole_uri(text: str, apps: set[str]) -> None:
    assert parse_apps(text) == apps


@pytest.mark.parametrize(
    "text",
    [
        "shop:/signed-in",
        "javascript:/alert",
        "javascript.x:alert(1)",
        "com.example.shop:",
        "com.example.shop:signed-in",
        "com.example.shop:/a#b",
        "com.example.shop:/a b",
        "http://app.example/in",
        "https://app.example:443/in",
        "https://APP.example/in",
        "https://user@app.example/in",
        "https://app.example",
        "https://app.example//in",
        "*",
    ],
)
def test_what_could_be_anybodys_is_no_app(text: str) -> None:
    with pytest.raises(ValueError, match="LOGIN_APPS"):
        parse_apps(text)


@pytest.mark.browser
def test_a_real_browser_reads_every_vector_as_the_rule_does() -> None:
    origins = (
        "([vectors, base]) => vectors.map(v => { try { return new URL(v, base).origin } catch { return 'null' } })"
    )
    taken = [(text, target.url) for text in CORPUS if (target := checked(text))]
    with sync_playwright() as playwright:
        path = shutil.which("chromium") or shutil.which("google-chrome")
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            page = chromium.new_page()
            read = dict(zip(CORPUS, page.evaluate(origins, [CORPUS, SHOP]), strict=True))
            led = page.evaluate(origins, [[url for _, url in taken], "https://elsewhere.example"])
        finally:
            chromium.close()
    assert [read[text] for text, _ in taken] == led
    assert set(led) == ALLOWED
    astray = [text for text in CORPUS if read[text] not in ALLOWED]
    assert len(astray) > 500
    assert [text for text in astray if checked(text)] == []
