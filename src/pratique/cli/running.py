"""Commands about what ran."""

from pathlib import Path
from typing import Annotated

import typer

from pratique.cli.options import (
    Cache,
    Command,
    Environment,
    Form,
    Phase,
    PlainFormat,
    Platform,
    Quiet,
    Source,
    Timeout,
    render,
)
from pratique.cli.screen import Screen


def profile(
    source: Source,
    command: Command = None,
    *,
    platform: Platform = "",
    phase: Phase = "workload",
    environment: Environment = None,
    ready: Annotated[
        str, typer.Option("--ready", metavar="URL", help="Answers when a service can be used.")
    ] = "",
    drive: Annotated[
        str, typer.Option("--drive", metavar="COMMAND", help="Uses the service, then it is stopped.")
    ] = "",
    timeout: Timeout = None,
    output: Annotated[
        list[str] | None,
        typer.Option("--output", "-o", metavar="usage=FILE", help="Write the usage document."),
    ] = None,
    form: Form = PlainFormat.TABLE,
    cache: Cache = "",
    quiet: Quiet = False,
) -> int:
    """Run a workload from an image in a sandbox and record every file that it opens, executes or looks up.

    Needs root. The image is unpacked into our own folder once; what the workload writes is thrown away; it has no
    network. A call that is lost makes the profile fail. What was not observed may still be needed.
    """
    from pratique.cli.usage import parse_drive, parse_environment, parse_timeout, show_usage
    from pratique.flows.outputs import parse_outputs, write_document
    from pratique.flows.profile import Workload
    from pratique.flows.profile import profile as flow
    from pratique.flows.scan import Request

    screen = Screen(quiet=quiet)
    outputs = parse_outputs(output or [], ("usage",))
    workload = Workload(
        phase=phase,
        command=tuple(command or ()),
        environment=parse_environment(environment or []),
        drive=parse_drive(ready, drive),
        timeout=parse_timeout(timeout),
    )
    with screen.progress("Profiling") as progress:
        usage = flow(Request(source, platform, cache), workload, progress, screen.note)
    write_document(usage, outputs)
    render(screen, usage, form, show_usage)
    return 0


def rbom(
    source: Source,
    *,
    usage: Annotated[
        list[Path],
        typer.Option("--usage", metavar="FILE", help="A usage document; repeatable.", show_default=False),
    ],
    platform: Platform = "",
    output: Annotated[
        list[str] | None,
        typer.Option("--output", "-o", metavar="cyclonedx-json=FILE", help="Write a file, not stdout."),
    ] = None,
    cache: Cache = "",
    quiet: Quiet = False,
) -> int:
    """Write an image's runtime bill of materials: CycloneDX 1.6 with what each workload used of each package."""
    from pratique.flows.outputs import parse_outputs, write_bytes
    from pratique.flows.rbom import rbom as flow
    from pratique.flows.scan import Request

    screen = Screen(quiet=quiet)
    outputs = parse_outputs(output or [], ("cyclonedx-json",))
    with screen.progress("Reading") as progress:
        document = flow(Request(source, platform, cache), usage, progress)
    write_bytes(document, outputs)
    if not outputs:
        screen.raw(document + b"\n")
    for name, path in outputs:
        screen.note(f"{name}: {path}")
    return 0
