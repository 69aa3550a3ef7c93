"""`python -m tests.conformance RECORDINGS_FOLDER`: the whole comparison, as a table. Exit status 1 if it fails."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.conformance import readers
from tests.conformance.buyer import Buyer, buyer
from tests.conformance.customers import customers
from tests.conformance.deviations import LISTED, NOT_ASKED, TOO_LITTLE
from tests.conformance.recordings import AFTER, BOUGHT, SHOPPING, Exchange, load, load_summary, out_of_scope
from tests.conformance.replay import Replayed, stand_in
from tests.conformance.shopping import checkouts


@dataclass
class Row:
    """What came of one recording: two results in words, and deviations with their reasons ("" for none)."""

    name: str
    replay: str = "the same"
    reader: str = ""
    deviations: dict[str, str] = field(default_factory=dict)
    dropped: Counter[str] = field(default_factory=Counter)

    @property
    def passed(self) -> bool:
        return all(self.deviations.values())


@dataclass
class Outcome:
    """The whole run. `stale` are listed deviations that are none any more."""

    rows: list[Row]
    skipped: Counter[str]
    stale: list[str]

    @property
    def failed(self) -> int:
        return sum(not row.passed for row in self.rows) + len(self.stale)


def run(folder: Path) -> Outcome:
    """Replays and reads every recording in scope."""
    every: dict[str, Exchange] = {}
    wanted: list[Exchange] = []
    skipped: Counter[str] = Counter()
    summaries: dict[str, Mapping[str, Any]] = {}
    for path in sorted(folder.glob("*.json")):
        exchange = load(path)
        if exchange is not None:
            every[exchange.name] = exchange
        reason = out_of_scope(path.stem, exchange)
        if reason:
            skipped[reason] += 1
        elif exchange is None:
            summaries[path.stem] = load_summary(path)
        else:
            wanted.append(exchange)
    wanted.sort(key=lambda exchange: AFTER.get(exchange.name, exchange.name))
    rows = asyncio.run(_compare(wanted, summaries, every))
    met = {name for row in rows for name in row.deviations}
    return Outcome(rows, skipped, sorted(LISTED.keys() - met))


async def _compare(
    wanted: list[Exchange], summaries: Mapping[str, Mapping[str, Any]], every: Mapping[str, Exchange]
) -> list[Row]:
    rows = []
    by: readers.Reader | Buyer
    # The recorded metadata are of attributes that no recorded product was asked for.
    async with (
        stand_in() as commerce,
        checkouts(every.values()) as shopping,
        readers.reader(every) as reader,
        readers.reader(every, attributes="color,nosuch") as metadata,
        buyer(every) as guest,
        customers(every.values()) as replayed_customers,
    ):
        known = await replayed_customers.all(wanted)
        for exchange in wanted:
            by = guest if BOUGHT.match(exchange.name) else reader
            by = metadata if "customAttributeMetadata" in exchange.data else by
            replayed = known.get(exchange.name)
            if replayed is None:
                replayed = await (shopping if SHOPPING.match(exchange.name) else commerce).replay(exchange)
            rows.append(_row(exchange.name, replayed, await by.read(exchange)))
        for name, results in summaries.items():
            rows.append(_row(name, Replayed(differences=await shopping.parallel(results)), readers.Reading("")))
    return rows


def _row(name: str, replayed: Replayed, reading: readers.Reading) -> Row:
    row = Row(name, reader=reading.how, dropped=replayed.dropped)
    if not replayed.asked:
        row.replay = NOT_ASKED
    elif replayed.differences:
        row.replay = "deviates"
    for where, what in replayed.differences:
        key = f"{name} {where}"
        row.deviations[key if key in LISTED else f"{key}: {what}"] = LISTED.get(key, "")
    for problem in reading.problems:
        row.reader = "deviates"
        key = f"{name} reader"
        row.deviations[key if key in LISTED else f"{key}: {problem}"] = LISTED.get(key, "")
    return row


def show(outcome: Outcome, console: Console) -> None:
    """Prints the table, the deviations and the last line."""
    table = Table("recording", "replay", "reader", title="Recordings in scope")
    for row in outcome.rows:
        cut = f", {sum(row.dropped.values())} fields fewer" if row.dropped and row.replay != NOT_ASKED else ""
        table.add_row(row.name, row.replay + cut, row.reader, style=None if row.passed else "red")
    console.print(table)
    console.print(_deviations(outcome))
    for reason, count in sorted(outcome.skipped.items()):
        console.print(f"{count} out of scope: {reason}")
    for name in outcome.stale:
        console.print(f"listed, but no deviation any more: {name}", style="red")


def _deviations(outcome: Outcome) -> Table:
    table = Table("deviation", "recordings", "reason", title="Deviations")
    for name, reason in sorted((name, reason) for row in outcome.rows for name, reason in row.deviations.items()):
        table.add_row(name, "1", reason or "NONE", style=None if reason else "red")
    for reason, names in _by_kind(outcome.rows).items():
        for name, count in sorted(names.items()):
            table.add_row(name, str(count), reason)
    return table


def _by_kind(rows: Iterable[Row]) -> Mapping[str, Counter[str]]:
    dropped: Counter[str] = Counter()
    little: Counter[str] = Counter()
    for row in rows:
        dropped.update(row.dropped.keys())
        little.update([f"{row.name}: reader"] if row.reader == readers.TOO_LITTLE else ())
    return {NOT_ASKED: dropped, TOO_LITTLE: little}


def main(arguments: list[str]) -> int:
    """Runs the comparison; returns the exit status."""
    folder = Path(arguments[0]) if len(arguments) == 1 else Path()
    if len(arguments) != 1 or not any(folder.glob("*.json")):
        sys.stderr.write("usage: python -m tests.conformance RECORDINGS_FOLDER (one with recordings in it)\n")
        return 2
    outcome = run(folder)
    show(outcome, Console(width=None if sys.stdout.isatty() else 160))
    sys.stdout.write(f"{sum(row.passed for row in outcome.rows)} passed, {outcome.failed} failed\n")
    return 1 if outcome.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
