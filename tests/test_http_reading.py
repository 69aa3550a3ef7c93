"""Answers as they come in: in all pieces, broken off everywhere, too large, and from servers that mean harm."""

import gc
import gzip
import weakref
import zlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.errors import UpstreamError, UpstreamInvalid, UpstreamUnavailable
from app.http.messages import Answer
from app.http.reading import LARGEST_HEAD, Reading

LIMIT = 5000


def read(*pieces: bytes, method: str = "POST", limit: int = LIMIT, ended: bool | None = None) -> Reading:
    """What comes of some pieces of an answer; `ended` is whether the connection then ended in order (None: it did
    not end)."""
    reading = Reading(method, limit)
    for place, piece in enumerate(pieces):
        if reading.feed(piece):
            assert place == len(pieces) - 1, "it was over before its end"
    if ended is not None:
        reading.end(clean=ended)
    return reading


def in_chunks(body: bytes, sizes: list[int], *, extension: bytes = b"", trailers: bytes = b"") -> bytes:
    """A whole answer in chunks of some sizes, over and over."""
    raw, place, turn = b"", 0, 0
    while place < len(body):
        chunk = body[place : place + sizes[turn % len(sizes)]]
        raw += b"%x%s\r\n%s\r\n" % (len(chunk), extension, chunk)
        place, turn = place + len(chunk), turn + 1
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + raw + b"0\r\n" + trailers + b"\r\n"


WHOLE = {
    "by length": b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n" + b'{"data":null}',
    "in chunks": in_chunks(b'{"data":null}', [3, 4], extension=b";a=b", trailers=b"X-Late: 1\r\n"),
    "packed": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s"
    % (len(gzip.compress(b'{"data":null}')), gzip.compress(b'{"data":null}')),
    "after others": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
    b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{"data":null}',
}


@pytest.mark.parametrize("raw", WHOLE.values(), ids=WHOLE)
def test_an_answer_is_the_same_wherever_it_is_split(raw: bytes) -> None:
    expected = read(raw).answer()
    assert (expected.status, expected.body) == (200, b'{"data":null}')
    for place in range(1, len(raw)):
        split = read(raw[:place], raw[place:])
        assert (split.answer(), split.reusable) == (expected, True)
    bytewise = read(*(raw[place : place + 1] for place in range(len(raw))))
    assert (bytewise.answer(), bytewise.reusable) == (expected, True)


@pytest.mark.parametrize("clean", [True, False])
@pytest.mark.parametrize("raw", WHOLE.values(), ids=WHOLE)
def test_an_answer_that_broke_off_anywhere_is_never_taken_for_a_whole_one(raw: bytes, clean: bool) -> None:
    for place in range(len(raw)):
        broken = read(raw[:place], ended=clean)
        with pytest.raises(UpstreamError) as caught:
            broken.answer()
        head_is_whole = b"200 OK" in raw[:place] and raw[:place].rfind(b"\r\n\r\n") > raw.find(b"200 OK")
        assert type(caught.value) is (UpstreamInvalid if head_is_whole else UpstreamUnavailable)
        assert not caught.value.unsent
        assert not broken.reusable


@given(
    st.binary(max_size=200),
    st.lists(st.integers(1, 40), min_size=1, max_size=4),
    st.lists(st.integers(1, 60), min_size=1, max_size=6),
    st.sampled_from([b"", b";name", b';name="a b"']),
    st.sampled_from([b"", b"X-Late: 1\r\n"]),
)
@example(b"\r\n0\r\n\r\n", [1], [1], b"", b"")
def test_any_body_in_any_chunks_and_any_pieces_is_read_as_it_is(
    body: bytes, sizes: list[int], pieces: list[int], extension: bytes, trailers: bytes
) -> None:
    raw = in_chunks(body, sizes, extension=extension, trailers=trailers)
    reading, place, turn, over = Reading("POST", LIMIT), 0, 0, False
    while place < len(raw):
        assert not over
        size = pieces[turn % len(pieces)]
        over = reading.feed(raw[place : place + size])
        place, turn = place + size, turn + 1
    assert over
    assert reading.answer() == Answer(200, {"transfer-encoding": "chunked"}, body)
    assert reading.reusable


@given(st.binary(max_size=300), st.integers(0, 400))
def test_no_bytes_at_all_lead_to_anything_but_an_answer_or_an_error(noise: bytes, place: int) -> None:
    for raw in (noise, WHOLE["by length"][:place] + noise, WHOLE["in chunks"][:place] + noise):
        reading = Reading("POST", LIMIT)
        if not reading.feed(raw):
            reading.end(clean=True)
        try:
            got = reading.answer()
        except UpstreamError:
            assert not reading.reusable
        else:
            assert got.status >= 200
            assert len(got.body) <= LIMIT


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\nabcde",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nabcde",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nabcde",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999999\r\n\r\nabcde",
        b"HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nabcde",
        b"HTTP/1.1 200 OK\r\nA: b\r\n folded\r\nContent-Length: 5\r\n\r\nabcde",
        b"HTTP/1.1 200 OK\r\nA: b\x00\r\nContent-Length: 5\r\n\r\nabcde",
        b"HTTP/1.1 200 OK\nContent-Length: 5\n\nabcde",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
        b"\x16\x03\x01\x00\xa5",
        b"SSH-2.0-OpenSSH_9.2\r\n",
    ],
)
def test_an_answer_with_a_doubtful_end_is_refused_before_anything_of_it_is_believed(raw: bytes) -> None:
    reading = read(raw)
    with pytest.raises(UpstreamUnavailable, match="is no HTTP"):
        reading.answer()
    assert not reading.reusable


@pytest.mark.parametrize(
    "chunks",
    [
        b"5\r\nabcdeX0\r\n\r\n",
        b"-1\r\n\r\n",
        b"no hex\r\n",
        b"fffffffffffffffff\r\n",
        b"5\nabcde\r\n",
        b"0x5\r\nabcde\r\n",
    ],
)
def test_bad_chunks_are_refused(chunks: bytes) -> None:
    reading = read(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)
    with pytest.raises(UpstreamInvalid, match="is no HTTP"):
        reading.answer()
    assert not reading.reusable


@pytest.mark.parametrize("coding", ["gzip", "gzip, chunked", "identity"])
def test_an_unknown_transfer_coding_is_refused(coding: str) -> None:
    reading = read(f"HTTP/1.1 200 OK\r\nTransfer-Encoding: {coding}\r\n\r\n".encode())
    with pytest.raises(UpstreamInvalid, match="unknown transfer coding"):
        reading.answer()


@pytest.mark.parametrize(
    ("raw", "method"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", "POST"),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\n\r\n", "GET"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", "HEAD"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HEAD"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "POST"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n", "POST"),
    ],
)
def test_an_answer_without_a_body_ends_with_its_head(raw: bytes, method: str) -> None:
    reading = read(raw, method=method)
    assert (reading.done, reading.reusable) == (True, method != "HEAD")
    assert reading.answer().body == b""


def test_an_answer_without_a_length_ends_with_its_connection_but_not_if_that_broke() -> None:
    raw = b"HTTP/1.1 200 OK\r\nServer: old\r\n\r\nall of it"
    assert not read(raw).done
    whole = read(raw, ended=True)
    assert whole.answer() == Answer(200, {"server": "old"}, b"all of it")
    assert not whole.reusable
    with pytest.raises(UpstreamInvalid, match="broke off"):
        read(raw, ended=False).answer()


@pytest.mark.parametrize(
    "more",
    [b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", b"x", b"\x00", b"HTTP/1.1 100 Continue\r\n\r\n"],
    ids=["an answer", "a letter", "a zero", "an interim answer"],
)
@pytest.mark.parametrize("raw", WHOLE.values(), ids=WHOLE)
def test_what_comes_behind_an_answer_is_no_part_of_it_and_ends_the_connection(raw: bytes, more: bytes) -> None:
    expected = read(raw).answer()
    reading = read(raw + more)
    assert reading.answer() == expected
    assert not reading.reusable


@pytest.mark.parametrize(
    "head", ["HTTP/1.1 200 OK\r\nConnection: close", "HTTP/1.0 200 OK", "HTTP/1.1 200 OK\r\nConnection: x, Close"]
)
def test_a_server_that_will_end_the_connection_is_believed(head: str) -> None:
    reading = read(f"{head}\r\nContent-Length: 2\r\n\r\n{{}}".encode())
    assert reading.answer().body == b"{}"
    assert not reading.reusable


def test_names_are_in_small_letters_and_repeated_headers_are_joined() -> None:
    got = read(
        b"HTTP/1.1 200 OK\r\nVary:  a \r\nvary: B\t\r\nX-Empty:\r\nX-Name: caf\xe9\r\nContent-Length: 0\r\n\r\n"
    ).answer()
    assert got.headers == {"vary": "a, B", "x-empty": "", "x-name": "café", "content-length": "0"}


def test_headers_of_interim_answers_and_trailers_are_left_out() -> None:
    raw = b"HTTP/1.1 103 Early Hints\r\nContent-Length: 7\r\nLink: x\r\n\r\n" + in_chunks(
        b"abc", [3], trailers=b"Content-Encoding: gzip\r\n"
    )
    assert read(raw).answer() == Answer(200, {"transfer-encoding": "chunked"}, b"abc")


@pytest.mark.parametrize(
    ("start", "endless"),
    [
        (b"HTTP/1.1 200 " + b"x", b"x" * 1000),
        (b"HTTP/1.1 200 OK\r\nX: ", b"x" * 1000),
        (b"HTTP/1.1 200 OK\r\n", b"X-Y: z\r\n" * 100),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"x" * 1000),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX: ", b"x" * 1000),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n", b"X-Y: z\r\n" * 100),
        (b"", b"\r\n" * 500),
    ],
    ids=["reason", "value", "headers", "interim answers", "extension", "trailer", "trailers", "blank lines"],
)
def test_what_stands_around_a_body_is_not_endless(start: bytes, endless: bytes) -> None:
    reading = Reading("POST", 1_000_000_000)
    fed, over = len(start), bool(start) and reading.feed(start)
    while not over:
        over = reading.feed(endless)
        fed += len(endless)
        assert fed < LARGEST_HEAD + 10_000
    with pytest.raises(UpstreamError):
        reading.answer()


def test_a_body_in_chunks_of_one_byte_is_read_to_its_end() -> None:
    raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 60_000 + b"0\r\n\r\n"
    pieces = [raw[place : place + 10_000] for place in range(0, len(raw), 10_000)]
    assert read(*pieces, limit=60_000).answer().body == b"x" * 60_000


def test_a_reading_that_is_over_is_gone_without_being_collected() -> None:
    gc.disable()
    try:
        gone = [weakref.ref(read(raw)) for raw in WHOLE.values()]
        assert [one() for one in gone] == [None] * len(WHOLE)
    finally:
        gc.enable()


@pytest.mark.parametrize("status", [502, 503, 504])
def test_what_a_gateway_says_in_place_of_the_upstream_is_not_waited_for(status: int) -> None:
    reading = read(f"HTTP/1.1 {status} x\r\nContent-Length: 100000000\r\n\r\n".encode())
    with pytest.raises(UpstreamUnavailable, match=f"HTTP {status}"):
        reading.answer()
    assert not reading.reusable


# Packed answers


def packed(body: bytes, coding: str = "gzip") -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n%s" % (
        coding.encode(),
        len(body),
        body,
    )


@given(st.binary(max_size=LIMIT))
def test_what_is_packed_is_unpacked(body: bytes) -> None:
    assert read(packed(gzip.compress(body), "GZip")).answer().body == body


def test_a_packed_answer_of_exactly_the_limit_is_read_and_one_byte_more_is_not() -> None:
    assert read(packed(gzip.compress(b"x" * LIMIT))).answer().body == b"x" * LIMIT
    with pytest.raises(UpstreamInvalid, match="more than 5000 bytes"):
        read(packed(gzip.compress(b"x" * (LIMIT + 1)))).answer()


def test_a_bomb_is_not_unpacked() -> None:
    bomb = gzip.compress(bytes(100_000_000), 9)
    reading = read(packed(bomb), limit=200_000)
    with pytest.raises(UpstreamInvalid, match="more than 200000 bytes"):
        reading.answer()


def test_a_packed_answer_that_is_cut_changed_or_continued_is_invalid() -> None:
    whole = gzip.compress(b'{"data":null}')
    for place in range(1, len(whole)):
        with pytest.raises(UpstreamInvalid, match=r"no (whole )?gzip"):
            read(packed(whole[:place])).answer()
    for more in (b"x", whole, bytes(10)):
        with pytest.raises(UpstreamInvalid, match="no whole gzip"):
            read(packed(whole + more)).answer()
    with pytest.raises(UpstreamInvalid, match="no gzip"):
        read(packed(whole[:-8] + bytes(8))).answer()
    with pytest.raises(UpstreamInvalid, match="no gzip"):
        read(packed(zlib.compress(b"{}"))).answer()
