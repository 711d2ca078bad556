"""Commands about lock files."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from pratique.cli.exits import PINS
from pratique.cli.options import Form, PlainFormat, render
from pratique.cli.screen import Screen, text
from pratique.formats.text import plural
from pratique.model.pins import Fault, Pins

_SHOWN = 5
"""Notes of one kind that are shown."""


def lock_check(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="Requirements files with hashes, pylock.toml or pylock.NAME.toml.",
            show_default=False,
        ),
    ],
    *,
    root: Annotated[
        Path | None,
        typer.Option(
            "--root",
            metavar="DIR",
            help="Folder that -r and -c may not lead out of.",
            show_default="the folder of each file",
        ),
    ] = None,
    form: Form = PlainFormat.TABLE,
) -> int:
    """Check that lock files fix every byte that will be installed: exact versions, strong hashes, wheels, one index.

    Reads the files alone, asks nobody, and runs nothing. What is not understood is refused, never skipped. Each fault
    has a code, PIN-01 to PIN-15, a line and a remedy. Exit code 0: it holds; 2: it does not; 1: a file cannot be read.
    """
    from pratique.flows.clock import read_clock
    from pratique.flows.lock import check_locks

    found = check_locks(files, root, read_clock())
    render(Screen(), found, form, show_pins)
    return PINS[found.verdict]


def show_pins(screen: Screen, found: Pins) -> None:
    """Print the verdict in one line, then every refusal, then notes in short."""
    names = len({pin.name for pin in found.pins})
    hashes = sum(len(pin.digests) for pin in found.pins)
    what = (
        f"{plural(names, 'distribution')}, {plural(hashes, 'sha256 digest')}" if hashes else "nothing hashed"
    )
    where = ", ".join(file.path for file in found.files[:3]) + (", …" if len(found.files) > 3 else "")
    style = "bold green" if found.verdict == "pass" else "bold red"
    screen.line(text(found.verdict.upper(), style), f"  {where}: {what}")
    refused = [f for f in found.faults if f.level == "refused"]
    notes = [f for f in found.faults if f.level == "note"]
    if refused:
        screen.line()
        screen.table(("Place", "Code", "What"), (_row(f) for f in refused), whole=("Code",))
        _remedies(screen, refused)
    if notes:
        screen.heading(plural(len(notes), "note"))
        counts = Counter(f.code for f in notes)
        for code in sorted(counts):
            some = [f for f in notes if f.code == code]
            for note in some[:_SHOWN]:
                screen.item(text(f"- {code}", "yellow"), f"{_place(note)}: {note.subject}: {note.text}")
            if len(some) > _SHOWN:
                screen.item(text(f"- {code}", "yellow"), f"… {len(some) - _SHOWN:,} more, see --format json")


def _row(found: Fault) -> tuple[str, str, str]:
    return _place(found), found.code, f"{found.subject}: {found.text}"


def _place(found: Fault) -> str:
    return f"{found.file}:{found.line}" if found.line else found.file


def _remedies(screen: Screen, faults: list[Fault]) -> None:
    screen.heading("Next")
    for code, remedy in sorted({(f.code, f.remedy) for f in faults}):
        screen.item(text(code, "bold"), remedy)
