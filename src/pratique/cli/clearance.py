"""The way of an image on a terminal: a line for each step as it ends, then the table of before and after."""

from collections.abc import Iterator
from types import TracebackType
from typing import Self

from rich.text import Text

from pratique.cli.screen import STYLES, Screen, text
from pratique.formats.text import mib
from pratique.model.advisory import LEVELS
from pratique.model.clearance import Attempt, Clearance, StepNote, Tally

_WIDE = 18


class LiveView:
    """Steps on stderr: what goes on is shown on a terminal alone, what is done everywhere.

    Args:
        screen: of this run; a quiet one shows nothing.
    """

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._status = screen.status()
        self._name = ""

    def __enter__(self) -> Self:
        self._status.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._status.__exit__(kind, error, trace)

    def started(self, name: str) -> None:
        """Show the step that goes on."""
        self._name = name
        self._status.update(name)

    def detail(self, what: str) -> None:
        """Show what goes on in it."""
        self._status.update(f"{self._name}: {what}")

    def ended(self, note: StepNote) -> None:
        """Print its time, its result, and what it could not do."""
        time = "before" if note.again else f"{note.seconds:.1f} s"
        self._screen.progressed(f"{note.name:<{_WIDE}} {time:>7}  ", note.text)
        for line in note.open:
            self._screen.progressed(" " * (_WIDE + 8) + "! ", line, style="yellow")


def show_clearance(screen: Screen, told: Clearance) -> None:
    """Print before and after, what the workloads said, what stays open, and where the result is."""
    screen.table(("", "Before", "After"), _rows(told), right=("Before", "After"))
    screen.heading("Findings")
    columns = ("Severity", "Before, ran", "did not run", "After, ran", "did not run ")
    screen.table(columns, _findings(told), right=columns[1:])
    screen.heading("Proof")
    for number, attempt in enumerate(told.attempts, 1):
        _attempt(screen, attempt, number, len(told.attempts))
    if told.unfixed:
        screen.heading("Not ended")
        for line in told.unfixed:
            screen.item(text("-", "yellow"), line)
    screen.heading("Not looked at")
    for line in told.untouched:
        screen.item("-", line)
    screen.line()
    if told.published:
        style = "bold green" if told.work == "proven" else "bold yellow"
        screen.line(
            text(f"Published, {told.work}: ", style),
            text(told.target, "bold"),
            f"  {told.manifest}",
            whole=True,
        )
    else:
        screen.line(
            text(f"Not published, {told.work}. ", "bold red"), "To publish it all the same: --unproven"
        )


def _rows(told: Clearance) -> Iterator[tuple[str, str, str]]:
    before, after = told.before, told.after
    known = before.compressed and after.compressed
    share = f" ({after.compressed / before.compressed:.0%})" if known else ""
    yield "Compressed", mib(before.compressed), f"{mib(after.compressed)}{share}"
    for kind in before.packages:
        yield f"Packages, {kind}", _packages(before, kind), _packages(after, kind)
    yield "Findings with a fix", f"{before.fixable:,}", f"{after.fixable:,}"
    yield "Packages not judged in full", f"{before.blind:,}", f"{after.blind:,}"
    if after.verdict != "not judged":
        yield "Policy", before.verdict.upper(), after.verdict.upper()


def _packages(tally: Tally, kind: str) -> str:
    return f"{tally.packages.get(kind, 0):,} ({tally.used.get(kind, 0):,} ran)"


def _findings(told: Clearance) -> Iterator[tuple[str | Text, ...]]:
    for level in LEVELS:
        counts = [
            t[level] for t in (told.before.findings, told.before.idle, told.after.findings, told.after.idle)
        ]
        if any(counts):
            yield text(level, STYLES[level]), *(f"{count:,}" for count in counts)


def _attempt(screen: Screen, attempt: Attempt, number: int, attempts: int) -> None:
    if attempts > 1:
        kept = f", keeping {', '.join(attempt.keep)}" if attempt.keep else ""
        screen.line(text(f"Attempt {number}{kept}", "bold"))
    styles = {"same": "green", "weak": "yellow", "different": "red"}
    words = {"same": "the same", "weak": "weak: the exit code alone", "different": "different"}
    for proof in attempt.proofs:
        screen.line(text(f"{proof.phase}: "), text(words[proof.verdict], styles[proof.verdict]))
        for line in proof.compared:
            screen.item("-", line)
        for lost in proof.lost:
            screen.item(text("-", "red"), f"{lost.name} was used in the original and is gone ({lost.path})")
        for replaced in proof.replaced:
            screen.item(text("-", "yellow"), f"in use, and of another version now: {replaced}")
        if proof.said:
            screen.line("  it said:")
            screen.lines(proof.said, indent=4)
