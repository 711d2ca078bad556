"""The flags that say how workloads are run and what tells that they did their work."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, cast

from pratique.cli.usage import parse_command, parse_drive, parse_environment, parse_timeout
from pratique.flows.profile import Workload
from pratique.flows.runs import Expected, Scenario
from pratique.model.errors import UsageError

_EXPECT = re.compile(r"(?P<path>/.*?[^/])(?::(?P<kind>sha256|json)(?::(?P<tolerance>[^:]*))?)?", re.DOTALL)
_PHASE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
ONLY = "workload"


def parse_phase(text: str) -> str:
    """Return a workload's name; it becomes part of file names.

    Raises:
        UsageError: it has other characters than letters, digits, dots, dashes and underscores.
    """
    if not _PHASE.fullmatch(text):
        raise UsageError(
            f"not a name for a workload: {text[:60]!r}",
            place="--phase, --workload",
            remedy="Use letters, digits, dots, dashes and underscores",
        )
    return text


def parse_expected(text: str) -> Expected:
    """Return ``PATH[:sha256|json[:TOLERANCE]]``.

    Raises:
        UsageError: the path is not that of a file, absolute, or the tolerance no number from 0 to 1.
    """
    found = _EXPECT.fullmatch(text)
    if not found or not _is_file(found["path"]):
        raise UsageError(
            f"not PATH[:sha256|json[:TOLERANCE]]: {text[:80]!r}",
            place="--expect",
            remedy="Name an absolute path, as in /tmp/out/metrics.json:json:0.01",
        )
    kind = cast("Literal['sha256', 'json']", found["kind"] or "sha256")
    if found["tolerance"] is not None and kind != "json":
        raise UsageError(
            "only json takes a tolerance", place=f"--expect {text[:80]}", remedy="Write PATH:json:TOLERANCE"
        )
    return Expected(
        found["path"], kind, _tolerance("0" if found["tolerance"] is None else found["tolerance"])
    )


def _is_file(path: str) -> bool:
    """Say whether a path can be that of a file that a workload writes."""
    names = [name for name in path.split("/") if name not in {"", "."}]
    return bool(names) and names != ["tmp"] and ".." not in names and "\0" not in path


def _tolerance(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise UsageError(
            f"not a tolerance: {text[:40]!r}", place="--expect", remedy="Use a share from 0 to 1, as in 0.01"
        )
    return value


def parse_scenarios(
    workloads: Sequence[str],
    command: Sequence[str],
    *,
    ready: Sequence[str],
    drive: Sequence[str],
    expect: Sequence[str],
    check: Sequence[str],
    environment: Sequence[str],
    timeout: float | None,
    name: str = ONLY,
) -> tuple[Scenario, ...]:
    """Return the workloads of a command line: the named ones, or the one after ``--``, or the image's own.

    Other flags belong to the workload whose name they begin with, as in ``--expect NAME=PATH``; with a single workload
    the name can be left out.

    Args:
        workloads: ``NAME=COMMAND`` each.
        command: of the one workload; empty for the image's own.
        ready: URLs that answer as soon as a service can be used.
        drive: commands that use a service.
        expect: files that a workload writes.
        check: commands that judge a run.
        environment: ``NAME=VALUE`` each, for all workloads.
        timeout: seconds, for each workload.
        name: of the one workload.

    Raises:
        UsageError: a flag is malformed, or names no workload.
    """
    _check_text((*workloads, *command, *ready, *drive, *expect, *check, *environment))
    if workloads and command:
        raise UsageError(
            "a command after -- and named workloads",
            place="--workload",
            remedy="Give all of them as --workload",
        )
    if command and not command[0]:
        raise UsageError("an empty command", place="--", remedy="Name a program")
    commands = _commands(workloads) if workloads else {parse_phase(name): tuple(command)}
    flags = {
        "--ready": _assigned(ready, commands, "--ready"),
        "--drive": _assigned(drive, commands, "--drive"),
        "--expect": _assigned(expect, commands, "--expect"),
        "--check": _assigned(check, commands, "--check"),
    }
    return tuple(
        Scenario(
            workload=Workload(
                phase=name,
                command=words,
                environment=parse_environment(list(environment)),
                drive=parse_drive(
                    _single(flags["--ready"][name], "--ready"), _single(flags["--drive"][name], "--drive")
                ),
                timeout=parse_timeout(timeout),
            ),
            expect=tuple(map(parse_expected, flags["--expect"][name])),
            check=parse_command(said, "--check")
            if (said := _single(flags["--check"][name], "--check"))
            else (),
        )
        for name, words in commands.items()
    )


def _commands(workloads: Sequence[str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for text in workloads:
        name, equals, words = text.partition("=")
        if not equals or parse_phase(name) in found:
            raise UsageError(
                f"not NAME=COMMAND, or a name given twice: {text[:60]!r}",
                place="--workload",
                remedy="Write --workload training='python3 train.py'",
            )
        found[name] = parse_command(words, f"--workload {name}")
    return found


def _assigned(texts: Sequence[str], names: Mapping[str, object], place: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {name: [] for name in names}
    for text in texts:
        name, equals, rest = text.partition("=")
        if equals and name in found:
            found[name].append(rest)
        elif len(found) == 1 and not (equals and _PHASE.fullmatch(name)):
            found[next(iter(found))].append(text)
        else:
            raise UsageError(
                f"of which workload: {text[:60]!r}",
                place=place,
                remedy=f"Write {place} NAME=…, with {' or '.join(found)}",
            )
    return found


def _single(texts: Sequence[str], place: str) -> str:
    if len(texts) > 1:
        raise UsageError("given twice for one workload", place=place, remedy="Give it once")
    if texts and not texts[0].strip():
        raise UsageError("given without a value", place=place, remedy="Say something, or leave it out")
    return texts[0] if texts else ""


def _check_text(texts: Iterable[str]) -> None:
    """See that documents can hold what was said."""
    for text in texts:
        if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
            raise UsageError(f"not UTF-8: {text[:60]!r}", place="command line", remedy="Write it in UTF-8")
