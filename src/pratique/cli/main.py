"""Commands: each parses its flags, calls one flow and renders what comes back."""

import os
import shlex
import shutil
import sys
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pratique import __version__
from pratique.cli import exits
from pratique.cli.screen import Screen
from pratique.model.errors import PratiqueError, UnavailableError, UsageError

app = typer.Typer(
    name="pratique",
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="A clean bill of health for machine-learning images, before a GPU is allocated.",
    epilog="With --debug before or after any command, an error shows where in Pratique it arose.",
)
database = typer.Typer(no_args_is_help=True, help="The advisory snapshot that images are judged by.")
app.add_typer(database, name="db")

_COMPLETE = "_PRATIQUE_COMPLETE"
"""By this variable a completion script asks for words."""

_CLICK_ERROR: type[Exception] = typer.BadParameter.__mro__[2]
"""Base of the errors that typer raises for a wrong call; typer exports none of its classes but BadParameter."""


class ScanFormat(StrEnum):
    """Formats of ``scan`` on stdout."""

    TABLE = "table"
    JSON = "json"
    SARIF = "sarif"


class SbomFormat(StrEnum):
    """Formats of ``sbom`` on stdout."""

    CYCLONEDX = "cyclonedx-json"
    SPDX = "spdx-json"


class PlainFormat(StrEnum):
    """Formats of the small commands."""

    TABLE = "table"
    JSON = "json"


class Coverage(StrEnum):
    """What a feed can be declared to be on the command line."""

    COMPLETE = "complete"
    SAMPLE = "sample"


class Shell(StrEnum):
    """Shells with completion."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


Source = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE",
        help="OCI layout (folder or tar), docker-archive or unpacked root; oci:, oci-archive:, docker-archive: or dir: says which.",
        show_default=False,
    ),
]
Platform = Annotated[
    str, typer.Option("--platform", metavar="OS/ARCH", help="Which image of several, as linux/arm64.")
]
Cache = Annotated[
    str,
    typer.Option(
        "--cache-dir",
        metavar="DIR",
        envvar="PRATIQUE_CACHE_DIR",
        help="Folder for snapshots.",
        show_default="XDG cache",
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no notes.")]
Outputs = Annotated[
    list[str] | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FORMAT=FILE",
        help="Write a file; repeatable. Formats: cyclonedx-json, spdx-json; of a scan also json, sarif, inventory, findings, decision.",
    ),
]


def _example(*lines: str) -> str:
    return "Example:\n\n" + "\n".join(f"    {line}" for line in lines)


def _print_version(asked: bool) -> None:  # noqa: FBT001 - typer calls it so
    if asked:
        sys.stdout.write(f"pratique {__version__}\n")
        raise typer.Exit


@app.callback()
def _root(
    *,
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Take the options that stand before a command; ``--version`` alone is answered before this is loaded."""


@app.command(
    epilog=_example(
        "pratique scan oci:image --policy policy.toml -o json=report.json -o cyclonedx-json=sbom.json",
        "pratique scan docker-archive:image.tar --fail-on high,kev",
    )
)
def scan(
    source: Source,
    *,
    platform: Platform = "",
    policy: Annotated[str, typer.Option("--policy", metavar="FILE", help="Judge by a policy file.")] = "",
    fail_on: Annotated[
        list[str] | None,
        typer.Option(
            "--fail-on",
            metavar="RULES",
            help="critical, high, medium, low, any, kev or epss>0.5; comma-separated.",
        ),
    ] = None,
    form: Annotated[ScanFormat, typer.Option("--format", "-f", help="Format on stdout.")] = ScanFormat.TABLE,
    output: Outputs = None,
    every: Annotated[
        bool, typer.Option("--all", help="One row for each finding, not one for each package.")
    ] = False,
    failure: Annotated[
        int, typer.Option("--exit-code", min=1, max=255, help="Exit code where a rule fails the image.")
    ] = 2,
    cache: Cache = "",
    quiet: Quiet = False,
) -> int:
    """Inventory an image, find known vulnerabilities, and decide.

    Says what was not read or not assessed, and why. Without --policy or --fail-on nothing is judged and the exit code
    is 0; with either: 0 pass, 2 fail, 3 incomplete.
    """
    from pratique.cli.report import show_report
    from pratique.flows.outputs import FORMATS, parse_outputs, write_outputs
    from pratique.flows.scan import Request
    from pratique.flows.scan import scan as flow

    screen = Screen(quiet=quiet)
    outputs = parse_outputs(output or [], tuple(FORMATS))
    request = Request(source, platform, cache, tuple(fail_on or ()), policy)
    with screen.progress("Reading") as progress:
        report = flow(request, progress)
    write_outputs(report, outputs)
    if form is ScanFormat.TABLE:
        show_report(screen, report, every=every, explain=_explain(source, platform, cache))
    else:
        screen.raw(FORMATS[form](report) + b"\n")
    for name, path in outputs:
        screen.note(f"{name}: {path}")
    code = exits.VERDICTS[report.decision.verdict]
    return failure if report.decision.verdict == "fail" else code


def _explain(source: str, platform: str, cache: str) -> str:
    """Return the command that explains a finding, as it would run in the user's shell."""
    program = "pratique" if shutil.which("pratique") else sys.argv[0]
    more = [
        word
        for flag, value in (("--platform", platform), ("--cache-dir", cache))
        if value
        for word in (flag, value)
    ]
    return f"{program} explain {{}} {shlex.join([source, *more]).replace('{', '{{').replace('}', '}}')}"


@app.command(
    epilog=_example("pratique sbom oci:image -o cyclonedx-json=sbom.cdx.json -o spdx-json=sbom.spdx.json")
)
def sbom(
    source: Source,
    *,
    platform: Platform = "",
    form: Annotated[
        SbomFormat, typer.Option("--format", "-f", help="Format on stdout, where no -o is given.")
    ] = SbomFormat.CYCLONEDX,
    output: Outputs = None,
    quiet: Quiet = False,
) -> int:
    """Write an image's bill of materials: CycloneDX 1.6 or SPDX 2.3, checked against the official schema.

    Holds what could not be read as well as what was. Needs no advisories.
    """
    from pratique.flows.outputs import SBOMS, parse_outputs, write_sboms
    from pratique.flows.scan import Request, inventory_of

    screen = Screen(quiet=quiet)
    outputs = parse_outputs(output or [], tuple(SBOMS))
    with screen.progress("Reading") as progress:
        inventory = inventory_of(Request(source, platform), progress)
    write_sboms(inventory, outputs)
    if not outputs:
        screen.raw(SBOMS[form](inventory) + b"\n")
    for name, path in outputs:
        screen.note(f"{name}: {path}")
    if inventory.completeness != "complete":
        screen.note(
            f"The inventory is {inventory.completeness}: {len(inventory.gaps)} gaps stand in the document"
        )
    return 0


@app.command(epilog=_example("pratique base oci:image"))
def base(
    source: Source,
    *,
    platform: Platform = "",
    form: Annotated[
        PlainFormat, typer.Option("--format", "-f", help="Format on stdout.")
    ] = PlainFormat.TABLE,
    cache: Cache = "",
    quiet: Quiet = False,
) -> int:
    """Show what an image stands on: base layers, maker as far as the image tells, support, days unpatched."""
    from pratique.cli.base import show_base
    from pratique.flows.base import base as flow
    from pratique.flows.scan import Request
    from pratique.formats.documents import encode

    screen = Screen(quiet=quiet)
    with screen.progress("Reading") as progress:
        found = flow(Request(source, platform, cache), progress)
    if form is PlainFormat.JSON:
        screen.raw(encode(found) + b"\n")
    else:
        show_base(screen, found)
    return 0


@app.command(epilog=_example("pratique explain CVE-2023-4863 oci:image"))
def explain(
    identifier: Annotated[
        str,
        typer.Argument(metavar="ID", help="A CVE, an alias of it, or an advisory's id.", show_default=False),
    ],
    source: Source,
    *,
    platform: Platform = "",
    form: Annotated[
        PlainFormat, typer.Option("--format", "-f", help="Format on stdout.")
    ] = PlainFormat.TABLE,
    cache: Cache = "",
    quiet: Quiet = False,
) -> int:
    """Show why a finding is there: package, version, place, layer, advisory, range that matched, fix."""
    from pratique.cli.explanation import show_explanations
    from pratique.flows.explain import explain as flow
    from pratique.flows.scan import Request
    from pratique.formats.documents import encode

    screen = Screen(quiet=quiet)
    with screen.progress("Reading") as progress:
        found = flow(identifier, Request(source, platform, cache), progress)
    if form is PlainFormat.JSON:
        screen.raw(encode(found) + b"\n")
    else:
        show_explanations(screen, found)
    return 0


@database.command(
    "import",
    epilog=_example(
        "pratique db import data/advisories",
        "pratique db import all.zip --feed pypi --coverage complete --as-of 2026-11-20",
    ),
)
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
    form: Annotated[
        PlainFormat, typer.Option("--format", "-f", help="Format on stdout.")
    ] = PlainFormat.TABLE,
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
    show_database(screen, state, as_json=form is PlainFormat.JSON)
    return 0


@database.command("status", epilog=_example("pratique db status --format json"))
def db_status(
    form: Annotated[
        PlainFormat, typer.Option("--format", "-f", help="Format on stdout.")
    ] = PlainFormat.TABLE,
    cache: Cache = "",
) -> int:
    """Show the snapshot: digest, feeds, what each covers, how many records, how old."""
    from pratique.cli.feeds import show_database
    from pratique.flows.database import status

    show_database(Screen(), status(cache), as_json=form is PlainFormat.JSON)
    return 0


@app.command(epilog=_example("pratique version --format json"))
def version(
    form: Annotated[
        PlainFormat, typer.Option("--format", "-f", help="Format on stdout.")
    ] = PlainFormat.TABLE,
) -> int:
    """Print the version of Pratique and of the Python it runs on."""
    from pratique.formats.documents import encode

    python = ".".join(str(part) for part in sys.version_info[:3])
    if form is PlainFormat.JSON:
        Screen().raw(encode({"pratique": __version__, "python": python}) + b"\n")
    else:
        Screen().line(f"pratique {__version__} (Python {python})")
    return 0


@app.command(
    epilog=_example("pratique completion bash > ~/.local/share/bash-completion/completions/pratique")
)
def completion(shell: Annotated[Shell, typer.Argument(help="bash, zsh or fish.", show_default=False)]) -> int:
    """Print the completion script of a shell."""
    from typer.completion import get_completion_script  # type: ignore[attr-defined]

    script = get_completion_script(prog_name="pratique", complete_var=_COMPLETE, shell=shell.value)
    Screen().raw(script.encode() + b"\n")
    return 0


def run(arguments: list[str]) -> int:
    """Run a command line and return its exit code.

    Args:
        arguments: without the program's name; ``--debug`` may stand anywhere before ``--``.
    """
    own = arguments[: arguments.index("--")] if "--" in arguments else arguments
    debug = "--debug" in own
    words = [a for a in own if a != "--debug"] + arguments[len(own) :]
    if _COMPLETE in os.environ:
        _teach_shells()
    try:
        outcome = app(words or ["--help"], prog_name="pratique", standalone_mode=False)
    except PratiqueError as error:
        if debug:
            raise
        Screen().error(error)
        return exits.exit_code(error)
    except (KeyboardInterrupt, typer.Abort):
        return exits.INTERRUPTED
    except _CLICK_ERROR as error:
        return _usage(error)
    except BrokenPipeError:  # the reader of our output went away, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        if debug:
            raise
        what, place = (error.strerror or str(error)).lower(), str(error.filename or "output")
        Screen().error(UnavailableError(what, place=place, remedy="Free space or check permissions"))
        return 1
    except Exception as error:
        if debug:
            raise
        what = f"a fault of Pratique ({type(error).__name__}: {error})"
        Screen().error(PratiqueError(what, remedy="Run it again with --debug and report what it prints"))
        return 1
    return int(outcome or 0)


def _teach_shells() -> None:
    """Let typer answer the completion scripts; it does so by itself only where it also adds flags to install them."""
    from typer.completion import completion_init  # type: ignore[attr-defined]

    completion_init()


def _usage(error: Exception) -> int:
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "pratique"
    message = getattr(error, "format_message", lambda: str(error))().replace("Value error, ", "")
    if not message:  # a group without a command has shown its help
        return exits.USAGE
    Screen().error(UsageError(message.rstrip("."), remedy=f"Try: {command} --help"))
    return exits.USAGE
