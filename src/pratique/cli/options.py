"""Flags and formats that several commands share."""

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from pratique.cli.screen import Screen

T = TypeVar("T")


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
        help="Folder for our own data: snapshots, unpacked images.",
        show_default="XDG cache",
    ),
]
StoreFile = Annotated[
    str,
    typer.Option(
        "--store",
        metavar="FILE",
        envvar="PRATIQUE_STORE",
        help="Where scans are recorded.",
        show_default="XDG data",
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
To = Annotated[
    str,
    typer.Option("--to", metavar="REF", help="Where the new image goes: oci:FOLDER:TAG.", show_default=False),
]
Mirror = Annotated[
    str,
    typer.Option(
        "--debian-mirror", metavar="URL", help="In place of the repositories of this machine's apt."
    ),
]
Keep = Annotated[
    list[str] | None,
    typer.Option("--keep", metavar="PACKAGE", help="Stays whatever was seen; repeatable."),
]
PolicyFile = Annotated[str, typer.Option("--policy", metavar="FILE", help="Judge by a policy file.")]
FailOn = Annotated[
    list[str] | None,
    typer.Option(
        "--fail-on",
        metavar="RULES",
        help="critical, high, medium, low, any, kev or epss>0.5; comma-separated.",
    ),
]
Environment = Annotated[
    list[str] | None,
    typer.Option("--env", metavar="NAME=VALUE", help="Set over the image's; repeatable."),
]
Timeout = Annotated[float | None, typer.Option("--timeout", metavar="SECONDS", help="End the workload.")]
Readies = Annotated[
    list[str] | None, typer.Option("--ready", metavar="URL", help="Answers when a service can be used.")
]
Drives = Annotated[
    list[str] | None,
    typer.Option("--drive", metavar="COMMAND", help="Uses the service, then it is stopped."),
]
Expects = Annotated[
    list[str] | None,
    typer.Option(
        "--expect",
        metavar="PATH[:sha256|json:TOLERANCE]",
        help="A file that the workload writes, and how it is compared; repeatable.",
    ),
]
Checks = Annotated[
    list[str] | None,
    typer.Option(
        "--check",
        metavar="COMMAND",
        help="Judges a run on this machine, in a folder with the expected files; 0 is good.",
    ),
]
Workloads = Annotated[
    list[str] | None,
    typer.Option("--workload", metavar="NAME=COMMAND", help="A named workload; repeatable."),
]
Usages = Annotated[
    list[Path] | None,
    typer.Option("--usage", metavar="FILE", help="What workloads used, in place of profiling; repeatable."),
]
Unproven = Annotated[
    bool, typer.Option("--unproven", help="Publish even if the work differs; the decision shows it.")
]
Key = Annotated[
    Path | None,
    typer.Option("--key", metavar="FILE", help="Private key that what is published is signed with."),
]
Record = Annotated[bool, typer.Option("--record", help="Record the documents, for rescan and affected.")]
Documents = Annotated[
    Path | None,
    typer.Option(
        "--documents", metavar="DIR", help="Folder for every document.", show_default="FOLDER.documents"
    ),
]
Command = Annotated[
    list[str] | None,
    typer.Argument(metavar="-- COMMAND...", help="In place of the image's own.", show_default=False),
]
Phase = Annotated[str, typer.Option("--phase", metavar="NAME", help="What to call this workload.")]
Form = Annotated[PlainFormat, typer.Option("--format", "-f", help="Format on stdout.")]


def render(screen: Screen, document: T, form: PlainFormat, show: Callable[[Screen, T], None]) -> None:
    """Print a document as JSON, or as people read it."""
    if form is PlainFormat.JSON:
        from pratique.formats.documents import encode

        screen.raw(encode(document) + b"\n")
    else:
        show(screen, document)
