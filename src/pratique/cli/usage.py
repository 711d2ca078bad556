"""What a workload used, on a terminal; and the flags that say how it is run."""

import math
import re
import shlex
from collections import Counter

from pratique.cli.screen import Screen, text
from pratique.formats.text import plural
from pratique.model.errors import UsageError
from pratique.model.usage import Usage
from pratique.profile import Drive

_SHOWN = 40
_URL = re.compile(r"https?://[^/\s]\S*", re.IGNORECASE)


def parse_command(text: str, place: str) -> tuple[str, ...]:
    """Return a command as a shell would split it.

    Raises:
        UsageError: it is empty, or no shell would split it.
    """
    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        raise UsageError(
            f"not a command ({error})", place=place, remedy="Quote it as a shell needs it"
        ) from error
    if not words or not words[0]:
        raise UsageError("an empty command", place=place, remedy="Name a program")
    return words


def parse_timeout(seconds: float | None) -> float | None:
    """Return seconds that a workload may take; None for no limit.

    Raises:
        UsageError: they are no time.
    """
    if seconds is not None and not 0 < seconds < math.inf:
        raise UsageError(
            f"not a time: {seconds:g}",
            place="--timeout",
            remedy="Use seconds above 0, or leave it out for no limit",
        )
    return seconds


def parse_environment(pairs: list[str]) -> dict[str, str]:
    """Return ``NAME=VALUE`` flags as a mapping.

    Raises:
        UsageError: one has no name or no value.
    """
    found = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not name or not equals:
            raise UsageError(f"not NAME=VALUE: {pair[:60]!r}", place="--env", remedy="Write --env NAME=VALUE")
        found[name] = value
    return found


def parse_drive(ready: str, drive: str) -> Drive | None:
    """Return how a service is driven; None where the workload ends by itself.

    Raises:
        UsageError: one flag without the other, no address, or no command.
    """
    if not ready and not drive:
        return None
    if not ready or not drive:
        raise UsageError(
            "a service needs both", place="--ready, --drive", remedy="Say when it is ready, and what uses it"
        )
    if not _URL.fullmatch(ready):
        raise UsageError(
            f"not an address: {ready[:80]!r}",
            place="--ready",
            remedy="Name one as in http://127.0.0.1:8080/healthz",
        )
    return Drive(ready, parse_command(drive, "--drive"))


def show_usage(screen: Screen, usage: Usage) -> None:
    """Print what was used, by package, and what that does not say."""
    for run in usage.runs:
        screen.line(text(run.phase, "bold"), f"  {' '.join(run.command)}")
        screen.line(f"exit code {run.exit_code}; {plural(run.events, 'call')} seen, none lost")
    states = Counter(p.state for p in usage.packages)
    screen.heading(f"{plural(states['used'], 'package')} used, {states['not observed']:,} not observed")
    if states["metadata only"]:
        screen.line(f"{plural(states['metadata only'], 'package')} of which only the records were read")
    used = sorted((p for p in usage.packages if p.state == "used"), key=lambda p: (-p.files, p.package))
    screen.line()
    rows = ((p.package.partition("#")[0], f"{p.files:,}") for p in used[:_SHOWN])
    screen.table(("Package", "Files used"), rows, right=("Files used",))
    if len(used) > _SHOWN:
        screen.line(text(f"… {plural(len(used) - _SHOWN, 'more package')}, see --format json", "dim"))
    screen.line()
    screen.line(
        f"{len(usage.paths):,} files used, {len(usage.missing):,} paths looked for that are not in the image"
    )
    screen.line(text("Not observed is not the same as not needed: other inputs may use more.", "yellow"))
