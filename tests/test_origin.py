"""Cross-site protection: every header that counts, in every state that it comes in."""

from __future__ import annotations

import pytest
from starlette.datastructures import Headers

from app.auth.origin import Forbidden, check_unsafe, may_have_token_header, origin_of, parse_origins
from app.errors import Rejected

OWN = "https://api.shop.example"
ALLOWED = frozenset({"https://shop.example", "http://localhost:3000"})
ASKED = ("X-Vitrine", "1")


def headers(*pairs: tuple[str, str]) -> Headers:
    return Headers(raw=[(name.lower().encode(), value.encode("latin-1")) for name, value in pairs])


def allowed(*pairs: tuple[str, str], origins: frozenset[str] = ALLOWED, own: str = OWN) -> bool:
    try:
        check_unsafe(headers(*pairs), origins, own)
    except Forbidden:
        return False
    return True


SITES = (None, "same-origin", "same-site", "cross-site", "none", "", "strange")


@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize(
    ("origin", "known"),
    [
        (OWN, True),
        ("https://shop.example", True),
        ("http://localhost:3000", True),
        ("null", False),
        ("", False),
        ("*", False),
        ("https://evil.example", False),
        ("http://shop.example", False),
        ("https://shop.example:8443", False),
        ("https://shop.example:443", False),
        ("https://shop.example/", False),
        ("https://SHOP.example", False),
        ("https://shop.example.", False),
        ("https://shop.example.evil.example", False),
        ("https://evilshop.example", False),
        ("https://sub.shop.example", False),
        ("https://shop.example, https://evil.example", False),
        ("https://shop.example https://evil.example", False),
        ("http://localhost", False),
        ("http://127.0.0.1:3000", False),
        ("https://api.shop.example@evil.example", False),
        ("shop.example", False),
    ],
)
def test_a_request_with_an_origin_passes_only_when_the_origin_is_known_to_the_letter(
    origin: str, known: bool, site: str | None
) -> None:
    metadata = [] if site is None else [("Sec-Fetch-Site", site), ("Sec-Fetch-Mode", "cors")]
    assert allowed(ASKED, ("Origin", origin), *metadata) is known
    assert not allowed(("Origin", origin), *metadata)


@pytest.mark.parametrize("site", SITES)
def test_a_request_without_an_origin_passes_from_its_own_page_or_from_no_browser(site: str | None) -> None:
    metadata = [] if site is None else [("Sec-Fetch-Site", site)]
    assert allowed(ASKED, *metadata) is (site in {None, "same-origin"})
    assert not allowed(*metadata)


@pytest.mark.parametrize("name", ["Sec-Fetch-Mode", "Sec-Fetch-Dest", "Sec-Fetch-User", "sec-fetch-storage-access"])
def test_a_browser_that_does_not_say_where_the_request_is_from_is_refused(name: str) -> None:
    assert not allowed(ASKED, (name, "cors"))
    assert allowed(ASKED, (name, "cors"), ("Sec-Fetch-Site", "same-origin"))
    assert allowed(ASKED, (name, "cors"), ("Origin", OWN))


@pytest.mark.parametrize("value", ["", "0", "true", "1 ", "11", "1, 1", "one"])
def test_the_custom_header_has_one_value(value: str) -> None:
    assert not allowed(("X-Vitrine", value))
    assert not allowed(("X-Vitrine", value), ("Origin", OWN), ("Sec-Fetch-Site", "same-origin"))


def test_a_header_sent_twice_cannot_hide_behind_the_first() -> None:
    assert not allowed(ASKED, ASKED)
    assert not allowed(ASKED, ("Origin", OWN), ("Origin", "https://evil.example"))
    assert not allowed(ASKED, ("Origin", OWN), ("Origin", OWN))
    assert not allowed(ASKED, ("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Site", "cross-site"))


def test_a_referer_counts_for_nothing() -> None:
    assert not allowed(ASKED, ("Referer", f"{OWN}/cart"), ("Sec-Fetch-Site", "cross-site"))
    assert not allowed(ASKED, ("Referer", f"{OWN}/cart"), ("Origin", "null"))
    assert allowed(ASKED, ("Referer", "https://evil.example/"), ("Origin", OWN))


@pytest.mark.parametrize("bad", ["null", ""])
def test_no_setting_can_allow_what_is_no_origin(bad: str) -> None:
    assert not allowed(ASKED, ("Origin", bad), origins=frozenset({bad}), own=bad)


def test_names_of_headers_count_in_any_case_and_in_any_mapping() -> None:
    check_unsafe({"x-vitrine": "1", "ORIGIN": OWN}, ALLOWED, OWN)
    with pytest.raises(Forbidden):
        check_unsafe({"X-VITRINE": "1", "oRiGiN": "https://evil.example"}, ALLOWED, OWN)
    with pytest.raises(Forbidden):
        check_unsafe({"X-Vitrine": "1", "SEC-FETCH-SITE": "cross-site"}, ALLOWED, OWN)


def test_a_refusal_is_coded_and_does_not_repeat_what_the_request_said() -> None:
    with pytest.raises(Rejected) as refused:
        check_unsafe(headers(ASKED, ("Origin", "https://evil.example/<b>")), ALLOWED, OWN)
    assert (refused.value.code, refused.value.status) == ("CROSS_SITE", 403)
    assert "evil" not in str(refused.value)


TOKEN = ("X-Session-Token", "request")


@pytest.mark.parametrize(
    ("pairs", "may"),
    [
        ([TOKEN], True),
        ([TOKEN, ASKED, ("User-Agent", "Shop/1.0 (iOS)"), ("Authorization", "Bearer x")], True),
        ([], False),
        ([("X-Session-Token", "")], False),
        ([("X-Session-Token", "1")], False),
        ([("X-Session-Token", "Request")], False),
        ([TOKEN, TOKEN], False),
        ([TOKEN, ("Origin", OWN)], False),
        ([TOKEN, ("Origin", "")], False),
        ([TOKEN, ("Origin", "null")], False),
        ([TOKEN, ("Sec-Fetch-Site", "same-origin")], False),
        ([TOKEN, ("Sec-Fetch-Site", "none")], False),
        ([TOKEN, ("Sec-Fetch-Mode", "cors")], False),
        ([TOKEN, ("Sec-Fetch-Dest", "")], False),
        ([TOKEN, ("Sec-Fetch-User", "?1")], False),
        ([TOKEN, ("Sec-Fetch-Anything-New", "1")], False),
    ],
)
def test_only_a_native_app_that_asks_gets_the_id_in_a_header(pairs: list[tuple[str, str]], may: bool) -> None:
    assert may_have_token_header(headers(*pairs)) is may
    assert (
        may_have_token_header({name.upper(): value for name, value in pairs} if len(set(pairs)) == len(pairs) else {})
        is may
    )


@pytest.mark.parametrize(
    ("text", "origins"),
    [
        ("", set()),
        (" , ", set()),
        ("https://shop.example", {"https://shop.example"}),
        ("HTTPS://Shop.Example/", {"https://shop.example"}),
        ("https://shop.example:443,http://shop.example:80/", {"https://shop.example", "http://shop.example"}),
        (" https://a.example ,https://b.example:8443, ", {"https://a.example", "https://b.example:8443"}),
        ("https://shop.example:80", {"https://shop.example:80"}),
        ("http://localhost:03000", {"http://localhost:3000"}),
        ("http://[0:0::1]:3000", {"http://[::1]:3000"}),
        ("https://xn--mnchen-3ya.example", {"https://xn--mnchen-3ya.example"}),
        ("capacitor://localhost", {"capacitor://localhost"}),
    ],
)
def test_origins_are_written_as_browsers_write_them(text: str, origins: set[str]) -> None:
    assert parse_origins(text) == origins


@pytest.mark.parametrize(
    "text",
    [
        "https://shop.example:0x50",
        "*",
        "https://*.shop.example",
        "https://shop.example,*",
        "null",
        "NULL",
        "shop.example",
        "//shop.example",
        "https://",
        "https:///cart",
        "https://shop.example/cart",
        "https://shop.example//",
        "https://shop.example?a",
        "https://shop.example?",
        "https://shop.example#a",
        "https://user@shop.example",
        "https://user:secret@shop.example",
        "https://@shop.example",
        "https://shop.example:99999",
        "https://shop.example:port",
        "https://shop.exa mple",
        "https://shop\n.example",
        "https://münchen.example",
        "https://shop\\.example",
        "https://[::1",
        "https://[v1.a]",
        "https://.example",
        "data:text/html,x",
        "file:///",
    ],
)
def test_what_is_no_origin_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_origins(text)


def test_the_origin_of_a_url_leaves_its_path_away() -> None:
    assert origin_of("HTTPS://Shop.Example:443/de/?a#b") == "https://shop.example"
    assert origin_of("http://127.0.0.1:8000") == "http://127.0.0.1:8000"


def test_a_refused_origin_shows_no_password() -> None:
    with pytest.raises(ValueError, match="user") as refused:
        parse_origins("https://user:hunter2@shop.example")
    assert "hunter2" not in str(refused.value)
