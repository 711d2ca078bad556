"""The harden and prove commands, and their documents on a terminal."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from pratique.cli.options import (
    Cache,
    Checks,
    Command,
    Drives,
    Environment,
    Expects,
    Form,
    Mirror,
    Phase,
    PlainFormat,
    Platform,
    Quiet,
    Readies,
    Source,
    Timeout,
    To,
    render,
)
from pratique.cli.screen import Screen, text
from pratique.formats.text import mib, plural
from pratique.model.hardening import Hardening
from pratique.model.proof import Proof

_MIB = 1 << 20
_STYLES = {"same": "bold green", "weak": "bold yellow", "different": "bold red"}


def harden(
    source: Source,
    *,
    plan: Annotated[
        Path,
        typer.Option("--plan", metavar="FILE", help="A plan document for this image.", show_default=False),
    ],
    to: To,
    mirror: Mirror = "",
    platform: Platform = "",
    output: Annotated[
        list[str] | None,
        typer.Option("--output", "-o", metavar="hardening=FILE", help="Write the hardening document."),
    ] = None,
    form: Form = PlainFormat.TABLE,
    cache: Cache = "",
    quiet: Quiet = False,
) -> int:
    """Carry out a plan and write a new image; the original is never changed.

    Needs root. Packages are fetched and verified outside; the image's own dpkg changes them in a sandbox without network.
    Layers of which nothing goes keep their bytes and digests. The result is not proven: that is for `pratique prove`.
    """
    from pratique.flows.harden import harden as flow
    from pratique.flows.outputs import parse_outputs, write_document
    from pratique.flows.scan import Request
    from pratique.image import parse_target

    screen = Screen(quiet=quiet)
    outputs, target = parse_outputs(output or [], ("hardening",)), parse_target(to)
    with screen.progress("Hardening") as progress:
        made = flow(
            Request(source, platform, cache), plan, target, mirror=mirror, progress=progress, note=screen.note
        )
    write_document(made, outputs)
    render(screen, made, form, show_hardening)
    if form is PlainFormat.TABLE:
        screen.line()
        screen.line(
            text("Not proven yet: ", "yellow"),
            f"pratique prove {shlex.join([source, str(target)])} -- COMMAND",
            whole=True,
        )
    return 0


def show_hardening(screen: Screen, made: Hardening) -> None:
    """Print what became of every layer."""
    before, after = made.sizes()
    screen.line(text(made.manifest, "bold"))
    sizes = f"{mib(before)} became {mib(after)}" if before and after else "Sizes not known"
    screen.line(f"{sizes} in {plural(len(made.layers), 'layer')}")
    screen.line()
    rows = (
        (
            str(number),
            f"{layer.state}{', base' if layer.base else ''}",
            _size(layer.size_before),
            _size(layer.size),
            layer.diff_id[:19] + "…",
        )
        for number, layer in enumerate(made.layers, 1)
    )
    screen.table(("Layer", "State", "Before", "Now", "diff_id"), rows, right=("Layer", "Before", "Now"))
    for left in ([f"dpkg --audit: {made.audit}"] if made.audit else []) + list(made.notes):
        screen.item(text("-", "yellow"), left)


def _size(size: int) -> str:
    return mib(size) if size >= _MIB else f"{size:,} B" if size else "-"


def prove(
    original: Source,
    new: Annotated[
        str, typer.Argument(metavar="NEW", help="The image that is to do the same work.", show_default=False)
    ],
    command: Command = None,
    *,
    expect: Expects = None,
    check: Checks = None,
    phase: Phase = "workload",
    environment: Environment = None,
    ready: Readies = None,
    drive: Drives = None,
    timeout: Timeout = None,
    platform: Platform = "",
    output: Annotated[
        list[str] | None,
        typer.Option("--output", "-o", metavar="proof=FILE", help="Write the proof document."),
    ] = None,
    form: Form = PlainFormat.TABLE,
    cache: Cache = "",
    quiet: Quiet = False,
) -> int:
    """Run the same workload in two images and compare: exit code, files that it writes, a check of your own.

    Needs root. Without --expect, --check or --drive only the exit code is compared, and the proof is called weak. A proof
    speaks of this workload and these inputs alone. Ends with 2 where the images differ.
    """
    from pratique.cli.exits import PROOFS
    from pratique.cli.workloads import parse_scenarios
    from pratique.flows.outputs import parse_outputs, write_document
    from pratique.flows.prove import prove as flow
    from pratique.flows.scan import Request

    screen = Screen(quiet=quiet)
    outputs = parse_outputs(output or [], ("proof",))
    (scenario,) = parse_scenarios(
        (),
        command or (),
        name=phase,
        ready=ready or (),
        drive=drive or (),
        expect=expect or (),
        check=check or (),
        environment=environment or (),
        timeout=timeout,
    )
    request = Request(original, platform, cache)
    with screen.progress("Proving") as progress:
        proof = flow(request, new, scenario, progress=progress, note=screen.note)
    write_document(proof, outputs)
    render(screen, proof, form, show_proof)
    return PROOFS[proof.verdict]


def show_proof(screen: Screen, proof: Proof) -> None:
    """Print what was compared, and what could explain a difference."""
    words = {
        "same": "The same work",
        "weak": "The same exit code, and nothing else was compared: a weak proof",
        "different": "Not the same work",
    }
    screen.line(
        text(words[proof.verdict], _STYLES[proof.verdict]), f"  by {proof.phase}: {' '.join(proof.command)}"
    )
    screen.line()
    rows = ((c.kind, c.subject, "same" if c.same else "different", c.before, c.after) for c in proof.compared)
    screen.table(("Compared", "Of", "Result", "Original", "New"), rows)
    for compared in proof.compared:
        if compared.masked:
            names = ", ".join(compared.masked)
            screen.item(
                "-", f"{compared.subject}: of {names} only the kind was compared, since they tell times"
            )
    if proof.lost:
        screen.heading("Used in the original and gone")
        for lost in proof.lost:
            screen.item("-", f"{lost.name} ({lost.path}): plan again with --keep {lost.name}")
    if proof.replaced:
        screen.heading("In use, and of another version now")
        for replaced in proof.replaced:
            screen.item("-", replaced)
    if proof.said:
        screen.heading("The new image's run said")
        screen.lines(proof.said)
