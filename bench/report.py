"""What came out, as tables and a plot. Nothing here measures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from statistics import median

WIDTH = 800
BAR = 16
ROW = 26
LEFT = 310
RIGHT = 120
TOP = 64
OURS, PEER, FLOOR = "#2563eb", "#9ca3af", "#d1d5db"


@dataclass(frozen=True, slots=True)
class Row:
    """A server's figures: seconds of CPU per request, requests per second, and which colour it has in the plot."""

    name: str
    cpu: Sequence[float]
    rate: Sequence[float]
    colour: str = PEER

    @property
    def seconds(self) -> float:
        """The median CPU time per request."""
        return median(self.cpu)


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; all columns but the first are figures."""
    widths = [max(len(row[place]) for row in [headings, *rows]) for place in range(len(headings))]
    lines = [_line(headings, widths), "|" + "|".join(_rule(place, width) for place, width in enumerate(widths)) + "|"]
    return "\n".join([*lines, *(_line(row, widths) for row in rows)]) + "\n"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [
        cell.rjust(width) if place else cell.ljust(width)
        for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return f"| {' | '.join(padded)} |"


def _rule(place: int, width: int) -> str:
    return "-" * (width + 1) + (":" if place else "-")


def pages(rows: Sequence[Row], ours: Row) -> str:
    """The table of one kind of page: each beside ours."""
    return table(
        ["", "CPU per request", "to ours", "requests per second", "to ours"],
        [
            [
                row.name,
                milliseconds(row.seconds),
                times(row.seconds / ours.seconds),
                f"{median(row.rate):,.0f}",
                times(median(row.rate) / median(ours.rate)),
            ]
            for row in rows
        ],
    )


def milliseconds(seconds: float) -> str:
    """Three figures that count."""
    taken = 1e3 * seconds
    return f"{taken:.{3 if taken < 1 else 2 if taken < 10 else 1}f} ms"


def times(ratio: float) -> str:
    """A ratio, with as many figures as mean something."""
    return f"{ratio:.{2 if ratio < 10 else 0}f} x"


def slope(points: Sequence[tuple[float, float]]) -> float:
    """The slope of the line nearest to some points (least squares)."""
    across = sum(x for x, _ in points) / len(points)
    up = sum(y for _, y in points) / len(points)
    return sum((x - across) * (y - up) for x, y in points) / sum((x - across) ** 2 for x, _ in points)


def plot(title: str, panels: Sequence[tuple[str, Sequence[Row]]]) -> str:
    """An SVG of bars: a panel for each kind of page, with the CPU time per request of each server."""
    height = TOP + sum(48 + ROW * len(rows) for _, rows in panels)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        'font-family="system-ui, sans-serif" font-size="13" role="img">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{height}" rx="8" fill="#ffffff"/>',
        f'<text x="24" y="34" font-size="17" font-weight="600" fill="#111827">{escape(title)}</text>',
    ]
    top = TOP
    for heading, rows in panels:
        longest = max(row.seconds for row in rows)
        parts.append(f'<text x="24" y="{top + 12}" font-weight="600" fill="#374151">{escape(heading)}</text>')
        top += 26
        for row in rows:
            length = max(2.0, (WIDTH - LEFT - RIGHT) * row.seconds / longest)
            weight = ' font-weight="600"' if row.colour == OURS else ""
            parts += [
                f'<text x="{LEFT - 10}" y="{top + 13}" text-anchor="end" fill="#111827"{weight}>'
                f"{escape(row.name)}</text>",
                f'<rect x="{LEFT}" y="{top}" width="{length:.1f}" height="{BAR}" rx="2" fill="{row.colour}"/>',
                f'<text x="{LEFT + length + 8:.1f}" y="{top + 13}" fill="#374151"{weight}>'
                f"{milliseconds(row.seconds)}</text>",
            ]
            top += ROW
        top += 22
    return "\n".join([*parts, "</svg>"]) + "\n"
