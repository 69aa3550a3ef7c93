"""The command line: `vitrine serve | worker | demo | doctor | cache | schema | sandbox`."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table
from starlette.types import Lifespan

from app.cache_cli import commands
from app.settings import Settings
from app.telemetry import configure_logs

cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
schema_cli = typer.Typer(no_args_is_help=True, help="The public schema, and slices of Commerce's.")
sandbox_cli = typer.Typer(no_args_is_help=True, help="Stand-ins for what cannot run here.")
cli.add_typer(schema_cli, name="schema")
cli.add_typer(sandbox_cli, name="sandbox")
out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

PUBLIC_SCHEMA = Path(__file__).parents[1] / "schema" / "storefront.graphql"


def main() -> None:
    """The entry point of the `vitrine` command."""
    cli()


def load_settings() -> Settings:
    """The settings from the environment; says what is wrong with them and exits with status 2 otherwise."""
    try:
        return Settings()
    except ValidationError as error:
        for problem in error.errors():
            name = ".".join(map(str, problem["loc"])).upper()
            err.print(f"[red]setting[/] {name or 'together'}: {problem['msg'].removeprefix('Value error, ')}")
        err.print("Settings come from the environment or from a file .env; .env.example lists them all.")
        raise typer.Exit(2) from None


cli.add_typer(commands(load_settings), name="cache")


@cli.command()
def serve() -> None:
    """Serve the API with the settings of the environment."""
    run(load_settings())


@cli.command()
def worker() -> None:
    """Do what nobody waits for: poll Commerce for changes, and purge again what its indexers made old."""
    settings = load_settings()
    if not settings.cached or not settings.redis_state_url.get_secret_value():
        err.print("[red]setting[/] a worker needs REDIS_STATE_URL and REDIS_CACHE_URL")
        raise typer.Exit(2)
    if settings.redis_state_url.get_secret_value().startswith("memory://"):
        err.print("[red]setting[/] memory:// is one process's own: set EMBEDDED_WORKER there instead")
        raise typer.Exit(2)

    from app.main import build_parts
    from app.worker import run_worker

    configure_logs(settings.log_level, settings.log_format)
    try:
        parts = build_parts(settings)
    except ValueError as error:
        err.print(f"[red]setting[/] {error}")
        raise typer.Exit(2) from None
    assert parts.sources is not None
    asyncio.run(run_worker(parts, parts.sources))


def run(settings: Settings) -> None:
    """Runs the API in this process until it is told to stop."""
    import uvicorn

    from app.main import create_app

    configure_logs(settings.log_level, settings.log_format)
    try:
        app = create_app(settings)
    except ValueError as error:
        err.print(f"[red]setting[/] {error}")
        raise typer.Exit(2) from None
    app.router.lifespan_context = _settled(app.router.lifespan_context)
    uvicorn.run(
        app,
        host=settings.listen_host,
        port=settings.listen_port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )


def _settled(lifespan: Lifespan[Any]) -> Lifespan[Any]:
    """The same, and what is there once the process has started is never looked at again by the garbage collector: a
    fifth of the CPU time of a page went to that. What is replaced later, such as Commerce's schema after an upgrade,
    stays in memory once. What comes later is looked at less often: a large page makes ten thousand objects, which
    are gone with it, and CPython's usual 700 look at them a dozen times."""

    @asynccontextmanager
    async def settled(app: Any) -> AsyncIterator[Any]:
        async with lifespan(app) as state:
            gc.collect()
            gc.freeze()
            gc.set_threshold(10_000, *gc.get_threshold()[1:])
            yield state

    return settled


@cli.command()
def demo(
    port: Annotated[int, typer.Option(help="port of the API")] = 8000,
    commerce_port: Annotated[int, typer.Option(help="port of the stand-in Commerce")] = 8081,
    identity_port: Annotated[int, typer.Option(help="port of the demo's identity provider")] = 8082,
    version: Annotated[str, typer.Option(help="Commerce version that the stand-in plays")] = "2.4.8",
) -> None:
    """Serve the API beside a stand-in Commerce and an identity provider: no account and no server needed."""
    from app.demo import Demo, DemoFailed

    try:
        with Demo(port, commerce_port, identity_port, version) as found:
            out.print(found.welcome())
            out.print(f"A category page, as a storefront asks for it:\n\n{found.curl()}\n")
            run(found.settings())
    except DemoFailed as error:
        err.print(f"[red]{error}[/]")
        raise typer.Exit(1) from None


@cli.command()
def doctor() -> None:
    """Say what the configured Commerce can and cannot do; exit status 1 when the API could not serve."""
    from app.doctor import Report, examine
    from app.main import build_parts

    settings = load_settings()
    configure_logs("error", settings.log_format)

    async def look() -> Report:
        try:
            parts = build_parts(settings)
        except ValueError as error:
            err.print(f"[red]setting[/] {error}")
            raise typer.Exit(2) from None
        try:
            return await examine(parts)
        finally:
            await parts.upstream.close()
            await parts.state.close()

    report = asyncio.run(look())
    for name, fact in report.facts:
        out.print(f"[bold]{name:<14}[/] {fact}")
    if report.stores:
        table = Table("store view", "website", "locale", "currency", "currencies", box=None)
        for row in report.stores:
            table.add_row(*row)
        out.print(table)
    for public, lacking in report.lost.items():
        out.print(f"[yellow]not served[/]     {public}: this Commerce lacks {lacking}")
    for warning in report.warnings:
        out.print(f"[yellow]warning[/]        {warning}")
    for problem in report.problems:
        out.print(f"[red]problem[/]        {problem}")
    out.print("[green]The API can serve this shop.[/]" if report.fit else "[red]The API cannot serve this shop.[/]")
    raise typer.Exit(0 if report.fit else 1)


@schema_cli.command("print")
def schema_print(
    write: Annotated[bool, typer.Option(help="write schema/storefront.graphql instead of printing")] = False,
) -> None:
    """Print the public schema."""
    from app.storefront.schema import build_schema

    text = build_schema().as_str() + "\n"
    if write:
        PUBLIC_SCHEMA.write_text(text)
    else:
        print(text, end="")


@schema_cli.command("pull")
def schema_pull(
    source: Annotated[str, typer.Argument(help="a schema file (.graphql), or the base URL of a live Commerce")],
    name: Annotated[str, typer.Option(help="such as adobe-commerce-2.4.8; a file's own name by default")] = "",
    check: Annotated[bool, typer.Option(help="write nothing; exit status 1 if the slice would change")] = False,
) -> None:
    """Cut the slice of Commerce's schema that our operations touch into schema/commerce."""
    from app.commerce.slices import FOLDER, cut, schema_of

    if source.startswith(("http://", "https://")):
        if not name:
            err.print("[red]A live Commerce needs --name, such as open-source-2.4.8.[/]")
            raise typer.Exit(2)
        schema = asyncio.run(_live_schema(source))
    else:
        schema = schema_of(Path(source).read_text())
        name = name or Path(source).stem
    text = cut(schema, name)
    target = FOLDER / f"{name}.graphql"
    if check:
        same = target.exists() and target.read_text() == text
        out.print(f"{name}: {'as committed' if same else '[red]differs from the committed slice[/]'}")
        raise typer.Exit(0 if same else 1)
    target.write_text(text)
    out.print(f"{name}: {len(text)} characters in schema/commerce/{target.name}")


async def _live_schema(url: str) -> Any:
    from app.commerce.capabilities import INTROSPECTION, from_introspection
    from app.commerce.client import StoreContext
    from app.main import build_parts

    settings = Settings(_env_file=None, commerce_url=url)
    parts = build_parts(settings)
    try:
        reply = await parts.graphql.execute(
            "Introspection", INTROSPECTION, {}, StoreContext(), timeout=settings.commerce_schema_timeout
        )
    finally:
        await parts.upstream.close()
    return from_introspection(dict(reply.data)).schema


@schema_cli.command("table")
def schema_table(
    write: Annotated[bool, typer.Option(help="write docs/commerce-versions.md instead of printing")] = False,
) -> None:
    """Print which public fields each Commerce version cannot serve, and why."""
    from app.commerce.table import DOCUMENT, versions_table

    text = versions_table()
    if write:
        DOCUMENT.write_text(text)
    else:
        print(text, end="")


@sandbox_cli.command("commerce", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def sandbox_commerce(context: typer.Context) -> None:
    """Run the stand-in Commerce; --help lists its options."""
    os.execv(sys.executable, [sys.executable, "-m", "app.sandbox.commerce", *context.args])  # noqa: S606


if __name__ == "__main__":
    main()
