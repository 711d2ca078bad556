"""Commands that read an image and say what is in it and what is wrong with it."""

import shlex
import shutil
import sys
from typing import Annotated

import typer

from pratique.cli import exits
from pratique.cli.options import (
    Cache,
    FailOn,
    Form,
    Outputs,
    PlainFormat,
    Platform,
    PolicyFile,
    Quiet,
    Record,
    SbomFormat,
    ScanFormat,
    Source,
    StoreFile,
    render,
)
from pratique.cli.screen import Screen


def scan(
    source: Source,
    *,
    platform: Platform = "",
    policy: PolicyFile = "",
    fail_on: FailOn = None,
    proof: Annotated[
        list[str] | None,
        typer.Option("--proof", metavar="FILE", help="A proof of this image, for the decision; repeatable."),
    ] = None,
    form: Annotated[ScanFormat, typer.Option("--format", "-f", help="Format on stdout.")] = ScanFormat.TABLE,
    output: Outputs = None,
    every: Annotated[
        bool, typer.Option("--all", help="One row for each finding, not one for each package.")
    ] = False,
    failure: Annotated[
        int, typer.Option("--exit-code", min=1, max=255, help="Exit code where a rule fails the image.")
    ] = 2,
    record: Record = False,
    store: StoreFile = "",
    cache: Cache = "",
    quiet: Quiet = False,
) -> int:
    """Inventory an image, find known vulnerabilities, and decide.

    Says what was not read or not assessed, and why. Without --policy or --fail-on nothing is judged and the exit code
    is 0; with either: 0 pass, 2 fail, 3 incomplete.
    """
    from pratique.cli.report import show_report
    from pratique.flows.fleet import record as flow_record
    from pratique.flows.outputs import FORMATS, parse_outputs, write_outputs
    from pratique.flows.scan import Request
    from pratique.flows.scan import scan as flow

    screen = Screen(quiet=quiet)
    outputs = parse_outputs(output or [], tuple(FORMATS))
    request = Request(source, platform, cache, tuple(fail_on or ()), policy, tuple(proof or ()))
    with screen.progress("Reading") as progress:
        report = flow(request, progress)
    write_outputs(report, outputs)
    recorded = flow_record(report, store).store if record else ""
    if form is ScanFormat.TABLE:
        show_report(screen, report, every=every, explain=_explain(source, platform, cache))
    else:
        screen.raw(FORMATS[form](report) + b"\n")
    for name, path in outputs:
        screen.note(f"{name}: {path}")
    if recorded:
        screen.note(f"recorded: {recorded}")
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


def sbom(
    source: Source,
    *,
    platform: Platform = "",
    form: Annotated[
        SbomFormat, typer.Option("--format", "-f", help="Format on stdout, where no -o is given.")
    ] = SbomFormat.CYCLONEDX,
    output: Outputs = None,
    cache: Cache = "",
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
        inventory = inventory_of(Request(source, platform, cache), progress)
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


def base(
    source: Source,
    *,
    platform: Platform = "",
    form: Form = PlainFormat.TABLE,
    cache: Cache = "",
    quiet: Quiet = False,
) -> int:
    """Show what an image stands on: base layers, maker as far as the image tells, support, days unpatched."""
    from pratique.cli.base import show_base
    from pratique.flows.base import base as flow
    from pratique.flows.scan import Request

    screen = Screen(quiet=quiet)
    with screen.progress("Reading") as progress:
        found = flow(Request(source, platform, cache), progress)
    render(screen, found, form, show_base)
    return 0


def explain(
    identifier: Annotated[
        str,
        typer.Argument(metavar="ID", help="A CVE, an alias of it, or an advisory's id.", show_default=False),
    ],
    source: Source,
    *,
    platform: Platform = "",
    form: Form = PlainFormat.TABLE,
    cache: Cache = "",
    quiet: Quiet = False,
) -> int:
    """Show why a finding is there: package, version, place, layer, advisory, range that matched, fix."""
    from pratique.cli.explanation import show_explanations
    from pratique.flows.explain import explain as flow
    from pratique.flows.scan import Request

    screen = Screen(quiet=quiet)
    with screen.progress("Reading") as progress:
        found = flow(identifier, Request(source, platform, cache), progress)
    render(screen, found, form, show_explanations)
    return 0
