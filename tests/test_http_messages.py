"""Addresses and requests as they go out, against httpx2's idea of the same."""

import re
from collections.abc import Mapping

import httpx2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.http.messages import Address, Request

BASES = (
    "http://shop.test",
    "https://SHOP.test:443/",
    "https://shop.test:8443/sub",
    "http://[::1]:8080/a/b/",
    "http://127.0.0.1:80",
)
# No dots: httpx2 takes what they mean out before it joins, which would let a path leave the base.
PATHS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"], exclude_characters="#."), max_size=40)


def request(
    path: str = "/graphql",
    *,
    method: str = "POST",
    headers: Mapping[str, str] | None = None,
    content: bytes | None = b"{}",
    base: str = "https://shop.test",
) -> Request:
    return Request(method, Address.of(base).at(path), headers or {}, content, None, 1.0, 1.0)


@given(st.sampled_from(BASES), PATHS)
@example(BASES[0], "products/a%2Fb?x=%zz&y=ü€ 'q'|{}[]^`\"<>")
@example(BASES[2], "?")
@example(BASES[2], "x?")
def test_a_path_below_a_base_goes_where_httpx2_would_ask_for_it(base: str, rest: str) -> None:
    path = "/" + rest.lstrip("/")
    expected = httpx2.AsyncClient(base_url=base, trust_env=False, transport=httpx2.MockTransport(_never)).build_request(
        "GET", path
    )
    found = Address.of(base).at(path)
    assert found.target.encode() == expected.url.raw_path
    assert found.authority == expected.headers["host"]
    assert found.url == str(expected.url).partition("#")[0]


@given(st.sampled_from(BASES), st.text(st.sampled_from("/.a%?é "), max_size=20))
def test_an_absolute_url_goes_where_httpx2_would_ask_for_it(base: str, rest: str) -> None:
    url = base.rstrip("/") + "/" + rest
    expected = httpx2.URL(url)
    found = Address.of("https://elsewhere.test/below").at(url)
    assert found.target.encode() == expected.raw_path
    assert found.authority == httpx2.Request("GET", url).headers["host"]
    assert found.origin.host == expected.host
    assert found.origin.port == (expected.port or {"http": 80, "https": 443}[expected.scheme])
    assert found.origin.secure == (expected.scheme == "https")


@pytest.mark.parametrize("path", ["/../admin", "/a/../../admin", "/./admin", "/a/%2e/../../../admin"])
def test_no_path_leads_out_of_what_a_server_would_resolve(path: str) -> None:
    target = Address.of("https://shop.test").at(path).target
    assert ".." not in target.split("/")
    assert target.endswith("/admin")


def test_what_looks_like_another_host_stays_below_the_base() -> None:
    found = Address.of("https://shop.test/sub").at("//evil.test/x")
    assert (found.origin.host, found.target) == ("shop.test", "/sub/evil.test/x")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "graphql",
        "?a=1",
        "ftp://shop.test/",
        "https://",
        "https:///graphql",
        "https://user:secret@shop.test/",
        "https://shop.test:65536/",
        "https://shop.test:port/",
        "https://shop.test:٣/",
        "https://shop.test\r\nx: y/",
        "https://shop.test/\r\nx: y",
        "https://shop.test/a?\nb",
        "https://shop.test/\x00",
        "https://shop.test/\ud800",
        "https://[::1/",
        "https://shöp.test/",
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the texts differ
        Address.of("https://shop.test").at(url)


@pytest.mark.parametrize("path", ["/graphql HTTP/1.1\r\nx: y\r\n\r\n", "/a\nb", "/a\rb", "/a\x00", "/a\x7f"])
def test_a_path_with_control_characters_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="control characters"):
        Address.of("https://shop.test").at(path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Store", "de\r\nX-Evil: 1"),
        ("Store", "de\n"),
        ("Store", "de\r"),
        ("Store", "de\x00"),
        ("Store", "dé"),
        ("Store\r\nX-Evil", "1"),
        ("Store:", "1"),
        ("", "1"),
        ("St ore", "1"),
        ("Größe", "1"),
        ("Content-Length", "0"),
        ("transfer-encoding", "chunked"),
        ("Host", "evil.test"),
        ("Connection", "close"),
        ("Accept-Encoding", "br"),
        ("Expect", "100-continue"),
    ],
)
def test_a_header_that_would_be_something_else_on_the_wire_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValueError, match="header"):
        request(headers={name: value}).encoded()


@given(st.dictionaries(st.text(max_size=12), st.text(max_size=20), max_size=4))
def test_no_header_changes_what_a_request_is(headers: dict[str, str]) -> None:
    """Whatever is given: it is refused, or it is a value and nothing else."""
    plain = request().encoded()
    try:
        raw = request(headers=headers).encoded()
    except ValueError:
        return
    head, mark, body = raw.partition(b"\r\n\r\n")
    assert (mark, body) == (b"\r\n\r\n", b"{}")
    lines = head.decode("ascii").split("\r\n")
    assert lines[0] == plain.partition(b"\r\n")[0].decode()
    sent = dict(line.split(": ", 1) for line in lines[1:])
    assert len(sent) == len(lines) - 1
    assert {name.lower(): value for name, value in headers.items()}.items() <= sent.items()


def test_a_request_is_one_message_with_its_length() -> None:
    raw = request("/rest/V1/x?a=b c", headers={"Store": "de", "ACCEPT": "text/plain"}, content=b"abc").encoded()
    assert raw == (
        b"POST /rest/V1/x?a=b%20c HTTP/1.1\r\nhost: shop.test\r\naccept-encoding: gzip\r\nuser-agent: Vitrine\r\n"
        b"accept: text/plain\r\nstore: de\r\ncontent-length: 3\r\n\r\nabc"
    )


@pytest.mark.parametrize(
    ("method", "content", "length"),
    [
        ("GET", None, None),
        ("GET", b"", None),
        ("HEAD", None, None),
        ("POST", None, "0"),
        ("POST", b"", "0"),
        ("PUT", b"ab", "2"),
        ("DELETE", None, None),
    ],
)
def test_a_length_is_told_where_there_may_be_a_body(method: str, content: bytes | None, length: str | None) -> None:
    assert request(method=method, content=content).fields().get("content-length") == length


def test_what_authorises_is_asked_about_the_very_address_and_anew_for_every_try() -> None:
    asked: list[tuple[str, str]] = []

    class Counting:
        def authorization(self, method: str, url: str) -> str:
            asked.append((method, url))
            return f"Number {len(asked)}"

    one = Request("GET", Address.of("https://Shop.test:443/sub").at("/x?q=ü#part"), {}, None, Counting(), 1.0, 1.0)
    assert [re.search(rb"authorization: (.*)\r\n", one.encoded()), one.fields()["authorization"]][1] == "Number 2"
    assert asked == [("GET", "https://shop.test/sub/x?q=%C3%BC")] * 2


def _never(request: httpx2.Request) -> httpx2.Response:
    raise AssertionError("nothing is sent")
