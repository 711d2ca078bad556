"""What a person sees: results on stdout, progress and errors on stderr, colours on a terminal alone.

All text passes through ``visible``: nothing that an image names can steer a terminal or a CI log.
"""

import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import TextIOBase
from typing import Self, TextIO, cast

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from pratique.formats.text import visible
from pratique.model.errors import PratiqueError

WIDE = 120
_PADDING = re.compile(r" +$", re.MULTILINE)
STYLES = {
    "critical": "bold red",
    "high": "red",
    "medium": "yellow",
    "low": "cyan",
    "unrated": "magenta",
    "none": "dim",
}


def text(value: str, style: str = "") -> Text:
    """Return foreign text as a harmless span."""
    return Text(visible(value), style=style)


class _Trimmed(TextIOBase):
    """Stdout without the blanks that pad the lines of a table."""

    def write(self, text: str) -> int:
        """Write to the stdout of this moment."""
        return sys.stdout.write(_PADDING.sub("", text))

    def flush(self) -> None:
        """Flush the stdout of this moment."""
        sys.stdout.flush()


class Screen:
    """The two streams of a run.

    Args:
        quiet: no progress and no notes.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        width = None if sys.stdout.isatty() or os.environ.get("COLUMNS") else WIDE
        plain = bool(os.environ.get("CI"))
        out = None if sys.stdout.isatty() else cast("TextIO", _Trimmed())
        self._out = Console(file=out, width=width, highlight=False, soft_wrap=False, no_color=plain or None)
        self._err = Console(stderr=True, highlight=False, no_color=plain or None)
        self.quiet = quiet

    @property
    def width(self) -> int:
        """Columns of the screen."""
        return self._out.width

    def line(self, *spans: str | Text, whole: bool = False) -> None:
        """Print one line of spans; a whole line is never broken, so that it can be copied as it is."""
        line = Text.assemble(*(text(s) if isinstance(s, str) else s for s in spans))
        self._out.print(line, soft_wrap=whole)

    def lines(self, said: str, *, indent: int = 2) -> None:
        """Print what a program wrote, each of its lines on its own."""
        for line in said.split("\n"):
            self._out.print(Padding(text(line), (0, 0, 0, indent)))

    def item(self, label: str | Text, value: str | Text, *, indent: int = 2) -> None:
        """Print a label and a text whose further lines hang below its first."""
        grid = Table.grid(padding=(0, 1, 0, 0))
        grid.add_column(no_wrap=True)
        grid.add_column(overflow="fold")
        grid.add_row(*(text(v) if isinstance(v, str) else v for v in (label, value)))
        self._out.print(Padding(grid, (0, 0, 0, indent)))

    def heading(self, title: str) -> None:
        """Print a heading after a blank line."""
        self._out.print()
        self._out.print(text(title, "bold"))

    def table(
        self,
        columns: Sequence[str],
        rows: Iterator[Sequence[str | Text]],
        *,
        right: Sequence[str] = (),
        whole: Sequence[str] = (),
    ) -> None:
        """Print a table: some columns to the right, some never broken over lines."""
        table = Table(
            box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold", show_edge=False
        )
        for column in columns:
            table.add_column(
                column,
                justify="right" if column in right else "left",
                overflow="fold",
                no_wrap=column in whole,
            )
        for row in rows:
            table.add_row(*(text(c) if isinstance(c, str) else c for c in row))
        self._out.print(table)

    def raw(self, data: bytes) -> None:
        """Write a document to stdout as it is."""
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    def note(self, message: str) -> None:
        """Print a note on stderr, unless quiet."""
        if not self.quiet:
            self._err.print(text(message, "dim"), soft_wrap=True)

    def warn(self, message: str) -> None:
        """Print on stderr what must be known, quiet or not."""
        self._err.print(text(message, "yellow"), soft_wrap=True)

    def error(self, error: PratiqueError) -> None:
        """Print an error on stderr: what, where, and what to do next."""
        place = f"{error.place}: " if error.place else ""
        self._err.print(
            Text.assemble(text("error: ", "bold red"), text(f"{place}{error.what}")), soft_wrap=True
        )
        if error.remedy:
            self._err.print(text(f"       {error.remedy}."), soft_wrap=True)

    def progressed(self, label: str, message: str, style: str = "") -> None:
        """Print a step on stderr, unless quiet."""
        if not self.quiet:
            self._err.print(Text.assemble(text(label, style or "bold"), text(message, style)), soft_wrap=True)

    def status(self) -> "Status":
        """Return what shows on a terminal what goes on; elsewhere it shows nothing."""
        shown = self._err.is_terminal and not self.quiet and not os.environ.get("CI")
        return Status(self._err if shown else None)

    @contextmanager
    def progress(self, label: str) -> Iterator[Callable[[int, int], None]]:
        """Show how many layers were read, on a terminal alone."""
        if self.quiet or not self._err.is_terminal or os.environ.get("CI"):
            yield lambda _done, _total: None
            return
        with self._err.status(text(f"{label} …")) as status:
            yield lambda done, total: status.update(text(f"{label}: layer {done} of {total}"))


class Status:
    """One line that says what goes on, at the end of a terminal.

    Args:
        console: of the terminal; None to show nothing.
    """

    def __init__(self, console: Console | None) -> None:
        self._status = console.status("") if console else None

    def __enter__(self) -> Self:
        if self._status:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._status:
            self._status.stop()

    def update(self, what: str) -> None:
        """Show something else."""
        if self._status:
            self._status.update(text(f"{what} …"))
