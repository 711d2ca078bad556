"""Text for people and from people: foreign text made harmless for a terminal or a CI log, numbers with nouns, ages."""

import os
import re
from datetime import timedelta

from pratique.model.errors import UsageError
from pratique.model.inventory import Gap

_AGE = re.compile(r"(\d{1,5})([dh])")

_HARMFUL = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]|:(?=:)|#(?=#)"
)


def visible(text: str) -> str:
    """Return the text with control, direction and invisible characters as escapes.

    ``::`` and ``##``, which CI systems take for the start of a command, are broken by an escape wherever they stand: a
    table can fold a cell so that any part of it starts a line.
    """
    return _HARMFUL.sub(lambda found: _escape(found[0]), text)


def readable(path: str | os.PathLike[str]) -> str:
    """Return a path or other word of a command line as text that a document can hold; bytes that are no UTF-8 come as escapes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def one_line(text: str, limit: int = 400) -> str:
    """Return foreign text as one harmless line: blanks and line ends as single blanks, the rest of a long text left out."""
    line = visible(" ".join(text[: 4 * limit].split()))
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def mib(size: int) -> str:
    """Return a number of bytes in MiB; 0 stands for a size that is not known."""
    return f"{size / (1 << 20):,.1f} MiB" if size else "not known"


def _escape(character: str) -> str:
    number = ord(character)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def plural(count: int, noun: str) -> str:
    """Return a number with its noun: ``1 package``, ``2 packages``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {_plural(noun)}"


def parse_age(text: str, place: str) -> timedelta:
    """Return an age: days or hours, such as ``7d`` or ``36h``.

    Raises:
        UsageError: it is none.
    """
    found = _AGE.fullmatch(text)
    if not found:
        remedy = "Use days or hours, as in 7d or 36h"
        raise UsageError(f"not an age: {text[:40]!r}", place=place, remedy=remedy)
    return timedelta(days=int(found[1])) if found[2] == "d" else timedelta(hours=int(found[1]))


def _plural(noun: str) -> str:
    return f"{noun[:-1]}ies" if noun.endswith("y") and noun[-2] not in "aeiou" else f"{noun}s"


def gap_text(gap: Gap) -> str:
    """Return a gap in one line: its kind, how many packages or which place, and why."""
    if gap.packages:
        return f"{gap.kind}: {plural(len(gap.packages), 'package')} {gap.reason}"
    return f"{gap.kind}: {gap.subject}: {gap.reason}"
