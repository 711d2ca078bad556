"""The plan command, and a plan on a terminal."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from pratique.cli.options import Cache, Form, Keep, Mirror, PlainFormat, Platform, Quiet, Source, render
from pratique.cli.screen import Screen, text
from pratique.formats.text import plural
from pratique.model.plan import Plan, Step

_SHOWN = 25
_MIB = 1 << 20


def plan(
    source: Source,
    *,
    usage: Annotated[
        list[Path] | None,
        typer.Option(
            "--usage",
            metavar="FILE",
            help="What a workload used; repeatable. Without one nothing is removed.",
        ),
    ] = None,
    keep: Keep = None,
    mirror: Mirror = "",
    platform: Platform = "",
    output: Annotated[
        list[str] | None, typer.Option("--output", "-o", metavar="plan=FILE", help="Write the plan document.")
    ] = None,
    form: Form = PlainFormat.TABLE,
    cache: Cache = "",
    quiet: Quiet = False,
) -> int:
    """Plan what can go and what can be patched: ordered steps, each with its reason. Changes nothing.

    To go: whole packages that no given workload used and that nothing which stays depends on. To patch: Debian packages
    from signed repositories, and Python distributions with all else pinned; what does not resolve is told in one sentence.
    Asks the repositories of this machine's apt and the index of its pip or uv.
    """
    from pratique.flows.outputs import parse_outputs, write_document
    from pratique.flows.plan import Wishes, make_plan
    from pratique.flows.scan import Request

    screen = Screen(quiet=quiet)
    outputs = parse_outputs(output or [], ("plan",))
    wishes = Wishes(usages=tuple(usage or ()), keep=tuple(keep or ()), mirror=mirror)
    with screen.progress("Planning") as progress:
        made = make_plan(Request(source, platform, cache), wishes, progress)
    write_document(made, outputs)
    render(screen, made, form, show_plan)
    return 0


def show_plan(screen: Screen, made: Plan) -> None:
    """Print a plan: removals in short, every upgrade, what stays open, and what it does not look at."""
    removed = [s for s in made.steps if s.action == "remove"]
    upgraded = [s for s in made.steps if s.action != "remove"]
    ended = {(s.package, f) for s in made.steps for f in s.findings}
    screen.line(
        text(f"{plural(len(removed), 'removal')}, {plural(len(upgraded), 'package')} to install", "bold")
    )
    size = sum(s.bytes for s in removed) / _MIB
    screen.line(f"{size:,.0f} MiB of installed files go; {plural(len(ended), 'finding')} end")
    _removals(screen, removed)
    _upgrades(screen, upgraded)
    screen.heading(f"{plural(len(made.unfixed), 'package')} with findings that this plan cannot end")
    for unfixed in made.unfixed:
        name = unfixed.package.partition("#")[0]
        screen.item(
            text("-", "yellow"), f"{name}: {plural(len(unfixed.findings), 'finding')}: {unfixed.reason}"
        )
    screen.heading("Not looked at")
    for what in made.untouched:
        screen.item("-", what)


def _removals(screen: Screen, steps: Sequence[Step]) -> None:
    if not steps:
        return
    screen.heading("Remove: not observed in any workload, and nothing that stays depends on it")
    largest = sorted(steps, key=lambda s: (-s.bytes, s.package))
    rows = ((s.name, s.version, f"{s.bytes / _MIB:,.1f}", f"{len(s.findings):,}") for s in largest[:_SHOWN])
    screen.table(("Package", "Version", "MiB", "Findings"), rows, right=("MiB", "Findings"))
    if len(steps) > _SHOWN:
        screen.line(text(f"… {plural(len(steps) - _SHOWN, 'more package')}, see --format json", "dim"))


def _upgrades(screen: Screen, steps: Sequence[Step]) -> None:
    if not steps:
        return
    screen.heading("Upgrade")
    rows = ((s.name, s.version or "-", s.to_version, f"{len(s.findings):,}", s.reason) for s in steps)
    screen.table(("Package", "Installed", "New", "Findings", "Reason"), rows, right=("Findings",))
