"""Commands about the advisory snapshot."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from pratique.cli.options import Cache, Coverage, Form, PlainFormat, Quiet, render
from pratique.cli.screen import Screen


def db_import(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH...",
            help="OSV records (.json, .jsonl, .jsonl.gz, .zip or a folder), CISA KEV json, EPSS csv.",
            show_default=False,
        ),
    ],
    *,
    feed: Annotated[
        str, typer.Option("--feed", metavar="NAME", help="Name of a feed that declares none.")
    ] = "",
    coverage: Annotated[
        Coverage | None, typer.Option("--coverage", help="Whether a feed knows everything or some of it.")
    ] = None,
    as_of: Annotated[
        datetime | None,
        typer.Option("--as-of", formats=["%Y-%m-%d"], metavar="DATE", help="The feed's own date."),
    ] = None,
    form: Form = PlainFormat.TABLE,
    cache: Cache = "",
    quiet: Quiet = False,
) -> int:
    """Read advisory feeds into a new snapshot.

    Replaces feeds of the same name and keeps the others. The new snapshot takes the old one's place whole, or not at all.
    A folder's feeds.toml declares names, coverage and dates; a feed that declares nothing is a sample of unknown age.
    """
    from pratique.cli.feeds import show_database
    from pratique.flows.database import Declaration, import_feeds

    screen = Screen(quiet=quiet)
    date = as_of.replace(tzinfo=UTC) if as_of else None
    said = Declaration(feed, coverage.value if coverage else None, date)
    state = import_feeds(paths, said, cache, lambda name: screen.note(f"read {name}"))
    render(screen, state, form, show_database)
    return 0


def db_status(
    form: Form = PlainFormat.TABLE,
    cache: Cache = "",
) -> int:
    """Show the snapshot: digest, feeds, what each covers, how many records, how old."""
    from pratique.cli.feeds import show_database
    from pratique.flows.database import status

    render(Screen(), status(cache), form, show_database)
    return 0
