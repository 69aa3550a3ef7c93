"""The table of what each Commerce version cannot serve, for the documentation."""

from pathlib import Path

from app.commerce.operations import Operations
from app.commerce.slices import pinned

DOCUMENT = Path(__file__).parents[2] / "docs" / "commerce-versions.md"

HEAD = """\
# What each Commerce version serves

Made by `vitrine schema table --write` from the pinned schemas in `schema/commerce`; a test compares it.
Every field of the public schema that is not in this table is served by all of these versions.
A field that is not served is null, or an empty list; a mutation that is not answers `UPSTREAM_UNSUPPORTED`.

"""

FOOT = """
Open Source is known here at 2.4.4 only, Adobe Commerce from 2.4.6 on. `vitrine doctor` tells the same of the Commerce
that it is pointed at. Adobe Commerce as a Cloud Service has another catalogue model and is not served yet.
"""


def versions_table() -> str:
    """The document as Markdown: a row for each public field that some version lacks, a column for each version."""
    slices = list(pinned().values())
    lost = {found.name: Operations(found.schema).lost() for found in slices}
    calls = {found.name: "1 call" if Operations(found.schema).offers("CategoryPage") else "2 calls" for found in slices}
    rows = [["public field", *(_title(found.name) for found in slices)], ["---"] * (len(slices) + 1)]
    for public in sorted({public for each in lost.values() for public in each}):
        cells = [f"no: lacks `{lost[found.name][public]}`" if public in lost[found.name] else "yes" for found in slices]
        rows.append([f"`{public}`", *cells])
    rows.append(["`Query.category` with `products`", *(calls[found.name] for found in slices)])
    return HEAD + "".join(f"| {' | '.join(row)} |\n" for row in rows) + FOOT


def _title(name: str) -> str:
    edition, _, version = name.rpartition("-")
    return f"{version} {'Open Source' if edition == 'open-source' else 'Commerce'}"
