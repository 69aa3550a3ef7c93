"""What the speed figures are told with. Nothing is timed here."""

from __future__ import annotations

import asyncio
import itertools
import os
from xml.etree import ElementTree

import pytest

from bench.load import Question, Reader, WrongAnswer, ask, same_data
from bench.report import OURS, PEER, Row, milliseconds, pages, plot, slope, table, times
from bench.servers import ROOT, cpu_of, family, memory_of

OURS_ROW = Row("Vitrine", [0.0001, 0.0009, 0.0002], [9_000, 10_000, 1_000], OURS)
OTHER_ROW = Row("<Other> & co", [0.002, 0.001, 0.003], [500, 400, 450], PEER)


def test_a_table_lines_its_figures_up() -> None:
    assert table(["", "CPU"], [["ours", "1"], ["theirs", "10 ms"]]) == (
        "|        |   CPU |\n|--------|------:|\n| ours   |     1 |\n| theirs | 10 ms |\n"
    )


def test_each_is_told_by_its_median_and_beside_ours() -> None:
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in pages([OURS_ROW, OTHER_ROW], OURS_ROW).split("\n")[2:4]
    ]
    assert rows == [
        ["Vitrine", "0.200 ms", "1.00 x", "9,000", "1.00 x"],
        ["<Other> & co", "2.00 ms", "10 x", "450", "0.05 x"],
    ]


@pytest.mark.parametrize(
    ("seconds", "told"), [(0.000_06, "0.060 ms"), (0.001, "1.00 ms"), (0.00994, "9.94 ms"), (0.0312, "31.2 ms")]
)
def test_milliseconds_have_three_figures(seconds: float, told: str) -> None:
    assert milliseconds(seconds) == told


def test_ratios_have_as_many_figures_as_mean_something() -> None:
    assert [times(0.123), times(9.876), times(12.34)] == ["0.12 x", "9.88 x", "12 x"]


def test_the_cost_of_one_more_is_the_slope() -> None:
    assert slope([(1, 5.0), (2, 7.0), (4, 11.0)]) == pytest.approx(2.0)
    assert slope([(0, 0.0), (1, 2.0), (2, 2.0)]) == pytest.approx(1.0)


def test_the_plot_is_an_image_whose_bars_are_as_long_as_what_they_tell() -> None:
    space = "{http://www.w3.org/2000/svg}"
    image = ElementTree.fromstring(plot("Speed & more", [("cached", [OURS_ROW, OTHER_ROW])]))
    assert image.findtext(f"{space}title") == "Speed & more"
    bars = [bar for bar in image.iter(f"{space}rect") if bar.get("height") == "16"]
    lengths = [float(bar.get("width", 0)) for bar in bars]
    assert lengths[1] == pytest.approx(10 * lengths[0], abs=1)
    assert [bar.get("fill") for bar in bars] == [OURS, PEER]
    texts = [text.text for text in image.iter(f"{space}text")]
    assert texts == ["Speed & more", "cached", "Vitrine", "0.200 ms", "<Other> & co", "2.00 ms"]


def test_the_plot_and_the_tables_are_of_one_run() -> None:
    told = (ROOT / "docs" / "bench.md").read_text()
    image = ElementTree.fromstring((ROOT / "docs" / "bench.svg").read_text())
    texts = [text.text or "" for text in image.iter("{http://www.w3.org/2000/svg}text")]
    bars = [pair for pair in itertools.pairwise(texts) if pair[1].endswith(" ms") and not pair[1].startswith("not")]
    assert len(bars) >= 6
    rows = {tuple(cell.strip() for cell in line.split("|")[1:3]) for line in told.splitlines() if line.startswith("| ")}
    assert set(bars) <= rows


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
    ],
    ids=["length", "chunks"],
)
def test_an_answer_is_read_however_it_is_cut(answer: bytes) -> None:
    for cut in range(1, len(answer)):
        reader = Reader()
        assert reader.feed(answer[:cut]) is None
        assert (reader.feed(answer[cut:]), reader.status) == (b"hello", 200)


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 200 OK\r\n\r\nhello", b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nhello"]
)
def test_what_is_no_single_answer_is_refused(answer: bytes) -> None:
    with pytest.raises(WrongAnswer):
        Reader().feed(answer)


def test_names_of_headers_are_in_small_letters_and_values_are_as_they_came() -> None:
    reader = Reader()
    assert reader.feed(b"HTTP/1.1 200 OK\r\nSet-Cookie: id=aBc; Secure\r\nContent-Length: 2\r\n\r\n{}") == b"{}"
    assert reader.headers == {"set-cookie": "id=aBc; Secure", "content-length": "2"}


def test_only_the_right_data_without_errors_are_right() -> None:
    check = same_data({"a": 1})
    assert [check(b'{"data":{"a":1}}'), check(b'{"data": {"a": 1}}'), check(b'{"data":{"a":1}}')] == [True] * 3
    assert [check(b'{"data":{"a":2}}'), check(b'{"data":{"a":1},"errors":[{}]}'), check(b"no")] == [False] * 3


async def test_every_answer_is_counted_and_none_but_a_right_one_taken() -> None:
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            asked.append(head + await reader.readexactly(2))
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nno" if len(asked) > 10 else GOOD)

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        question = Question.post("/graphql", b"{}", lambda body: body == b"ok")
        assert len(await ask(port, [question] * 2, 7)) == len(asked) == 7
        with pytest.raises(WrongAnswer, match="no"):
            await ask(port, [question], 7)
        assert len(asked) == 11


GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def test_a_process_is_read_by_its_own_clock() -> None:
    assert os.getpid() in family(os.getpid())
    before = cpu_of(os.getpid())
    sum(range(100_000))
    assert cpu_of(os.getpid()) > before
    resident, shared_out = memory_of(os.getpid())
    assert resident >= shared_out > 1_000_000
