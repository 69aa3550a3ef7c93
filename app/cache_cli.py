"""`vitrine cache`: what is kept, and how to be rid of it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer
from pydantic import HttpUrl
from rich.console import Console
from rich.table import Table

from app.cache import Cache, Local, Shared
from app.commerce.freshness import ALL
from app.commerce.staleness import DOCUMENT, SOURCES, bounds, document
from app.errors import StateUnavailable
from app.redis_client import AWAY, MEMORY, connect, disconnect
from app.settings import Settings

T = TypeVar("T")
TIMEOUT = 10.0  # seconds
out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def commands(load_settings: Callable[[], Settings]) -> typer.Typer:
    """The commands, for settings that are read when one is called."""
    cache_cli = typer.Typer(no_args_is_help=True, help="What is kept of Commerce's answers.")

    def run(work: Callable[[Shared], Awaitable[T]]) -> T:
        url = load_settings().redis_cache_url.get_secret_value()
        if not url or url == MEMORY:
            err.print("[red]REDIS_CACHE_URL[/] names no Redis that other processes share")
            raise typer.Exit(2)

        async def connected() -> T:
            client = connect(url, TIMEOUT)
            try:
                return await work(Shared(client))
            finally:
                await disconnect(client)

        try:
            return asyncio.run(connected())
        except (*AWAY, StateUnavailable) as error:
            err.print(f"[red]Redis does not answer[/] ({type(error).__name__}): nothing is sure; try again")
            raise typer.Exit(1) from None

    @cache_cli.command()
    def purge(
        tag: Annotated[list[str] | None, typer.Option(help="such as product:TT-J01, category:Mg==, page:home")] = None,
        operation: Annotated[list[str] | None, typer.Option(help="such as Products; response: whole answers")] = None,
        store: Annotated[list[str] | None, typer.Option(help="only in these store views")] = None,
        everything: Annotated[bool, typer.Option("--all", help="all of it")] = False,
    ) -> None:
        """Make what depends on these as if it had never been kept."""
        tags = [_tag(each) for each in tag or ()] + [f"operation:{each}" for each in operation or ()]
        if everything or (store and not tags):
            tags = [ALL]
        if not tags:
            err.print("say what: --tag, --operation, --store or --all")
            raise typer.Exit(2)

        async def work(shared: Shared) -> set[str]:
            stores = set(store or ()) or await shared.stores()
            await Cache(shared, Local(0, float)).purge(stores, tags)
            return stores

        stores = run(work)
        out.print(f"purged {', '.join(tags)} in {', '.join(sorted(stores)) or 'no store view: none was ever served'}")

    @cache_cli.command()
    def inspect() -> None:
        """Count what is kept, by store view and operation."""

        async def work(shared: Shared) -> Counter[tuple[str, str]]:
            return await shared.count()

        table = Table("store view", "operation", "entries")
        for (name, kind), entries in sorted(run(work).items()):
            table.add_row(name, kind, str(entries))
        out.print(table)

    @cache_cli.command()
    def staleness(
        write: Annotated[
            bool, typer.Option(help="write docs/staleness.md, for the defaults, instead of printing")
        ] = False,
    ) -> None:
        """Say how long a change in Commerce can stay unseen, with these settings."""
        from app.sources import pace_of  # noqa: PLC0415 - it imports much, and the others need none of it

        if write:
            DOCUMENT.write_text(document(pace_of(Settings(_env_file=None, commerce_url=HttpUrl("http://localhost")))))
            return
        found = Table("what changed", *SOURCES)
        for name, row in bounds(pace_of(load_settings())).items():
            found.add_row(name, *(f"{seconds:.0f} s" for seconds in row))
        out.print(found)

    return cache_cli


def _tag(tag: str) -> str:
    """SKUs are tagged in small letters, as they are found in any case."""
    return tag.casefold() if tag.startswith("product:") else tag
