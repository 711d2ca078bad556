"""Commands about lock files."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from pratique.cli.exits import LEFT_OUT, PINS, VERIFICATIONS
from pratique.cli.options import Cache, Form, PlainFormat, Platform, Quiet, Source, render
from pratique.cli.screen import Screen, text
from pratique.formats.text import plural
from pratique.model.pins import Fault, Pins
from pratique.model.verification import Verification

_SHOWN, _ROWS = 5, 50
"""Notes of one kind, and deviations, that are shown."""

_VERDICTS = {"same": "bold green", "different": "bold red", "incomplete": "bold yellow"}
Root = Annotated[
    Path | None,
    typer.Option(
        "--root",
        metavar="DIR",
        help="Folder that lines with -r and -c in a file may not lead out of.",
        show_default="the folder of each file",
    ),
]


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
    root: Root = None,
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


def lock_verify(
    source: Source,
    *,
    lock: Annotated[
        list[Path],
        typer.Option(
            "--lock",
            metavar="FILE",
            help="Lock file that the image was installed from; repeatable.",
            show_default=False,
        ),
    ],
    root: Root = None,
    platform: Platform = "",
    output: Annotated[
        list[str] | None,
        typer.Option("--output", "-o", metavar="verification=FILE", help="Write the document."),
    ] = None,
    form: Form = PlainFormat.TABLE,
    cache: Cache = "",
    quiet: Quiet = False,
) -> int:
    """Verify that an image's Python files are those of the wheels that a lock pins, byte for byte.

    Fetches each wheel from the index of this machine's pip or uv, checks it against the lock's sha256, and compares what it
    lays with what is there: changed, missing and added files, start-up hooks, launchers, byte code. RECORD and what else the
    image says of itself is not believed. Exit code 0: the same; 2: different; 3: the same as far as it could be compared.
    """
    from pratique.flows.lock_verify import Question, verify_image
    from pratique.flows.outputs import parse_outputs, write_document
    from pratique.flows.setting import setting

    screen = Screen(quiet=quiet)
    outputs = parse_outputs(output or [], ("verification",))
    question = Question(image=source, platform=platform, locks=tuple(lock), root=root)
    with screen.progress("Verifying") as progress:
        found = verify_image(question, setting(cache, screen.note), progress)
    write_document(found, outputs)
    render(screen, found, form, show_verification)
    return VERIFICATIONS[found.verdict]


def lock_image(
    source: Source,
    *,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Where to write it.", show_default="stdout"),
    ] = None,
    platform: Platform = "",
    cache: Cache = "",
    quiet: Quiet = False,
) -> int:
    """Make a lock of an image that was built without one: a pylock.toml with the very wheel of each distribution.

    Finds at the index of this machine's pip or uv the wheel
    of the same name, version and tags, fetches it, and locks it if every file of it is in the image, unchanged. What is
    left out is told. Exit code 0: all is locked; 3: something is left out; 1: nothing can be locked.
    """
    from pratique.flows.lock_image import lock_image as make
    from pratique.flows.setting import setting
    from pratique.storage import write_atomic

    screen = Screen(quiet=quiet)
    with screen.progress("Locking") as progress:
        made = make(source, platform, setting(cache, screen.note), progress)
    if output:
        write_atomic(output, made.text.encode())
        screen.line(f"{plural(len(made.wheels), 'distribution')} locked in {output}")
    else:
        screen.raw(made.text.encode())
    for left in made.left_out:
        screen.warn(f"left out: {left.name} {left.version}: {left.reason}")
    return LEFT_OUT if made.left_out else 0


def show_verification(screen: Screen, found: Verification) -> None:
    """Print the verdict in one line, then every deviation, then what was not checked."""
    files = sum(d.files for d in found.distributions)
    what = f"{plural(len(found.distributions), 'distribution')}, {plural(files, 'file')} as in their locked wheels"
    screen.line(text(found.verdict.upper(), _VERDICTS[found.verdict]), f"  {found.image.reference}: {what}")
    if found.deviations:
        screen.heading(plural(len(found.deviations), "deviation"))
        rows = ((d.kind, d.path or d.distribution, d.text) for d in found.deviations[:_ROWS])
        screen.table(("Kind", "Path", "What"), rows, whole=("Kind",))
        if len(found.deviations) > _ROWS:
            more = len(found.deviations) - _ROWS
            screen.line(text(f"… {plural(more, 'more deviation')}, see --format json", "dim"))
    if found.unchecked:
        screen.heading("Not checked")
    for unchecked in found.unchecked:
        some = f"{plural(unchecked.count, 'file')}: {unchecked.reason}"
        screen.item(text("-", "yellow"), f"{some}, such as {unchecked.examples[0]}")


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
