"""Signs of exploitation: CISA's KEV catalogue and FIRST's EPSS scores."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from pratique.advisories.feeds import BROKEN, lines
from pratique.model.errors import InputError
from pratique.storage import read_whole

_CVE = re.compile(r"CVE-\d{4}-\d{4,19}")
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:T[0-9:.+-]+Z?)?")


class KevEntry(Struct, rename="camel"):
    """One listed vulnerability."""

    cve: str = msgspec.field(name="cveID")
    date_added: str = ""


class KevCatalogue(Struct, rename="camel"):
    """The catalogue as CISA publishes it."""

    date_released: datetime
    vulnerabilities: list[KevEntry]
    count: int = 0

    @property
    def released(self) -> datetime:
        """When it was released; without an offset that is UTC."""
        return self.date_released if self.date_released.tzinfo else self.date_released.replace(tzinfo=UTC)


def read_kev(path: Path) -> KevCatalogue:
    """Return the catalogue.

    Raises:
        InputError: it is not one.
    """
    try:
        return msgspec.json.decode(read_whole(path, 256 << 20), type=KevCatalogue)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(
            f"not a KEV catalogue ({error})", place=str(path), remedy="Fetch the feed again"
        ) from error


def read_epss(path: Path) -> tuple[datetime | None, Iterator[tuple[str, float, float]]]:
    """Return (the scores' date, rows of CVE, probability and percentile).

    Raises:
        InputError: the header or a row is not EPSS.
    """
    rows = _rows(path)
    comment = next(rows, "")
    header = next(rows, "") if comment.startswith("#") else comment
    if not header.startswith("cve,epss,percentile"):
        raise InputError("not an EPSS table", place=f"{path}: line 1", remedy="Fetch the feed again")
    found = _DATE.search(comment) if comment.startswith("#") else None
    as_of = _moment(found[0], path) if found else None
    return as_of, (_score(row, path) for row in rows if row)


def _moment(text: str, path: Path) -> datetime:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError as error:
        raise InputError(
            f"not a date: {text!r}", place=f"{path}: line 1", remedy="Fetch the feed again"
        ) from error


def _rows(path: Path) -> Iterator[str]:
    try:
        yield from (line.decode("ascii").strip() for _, line in lines(path))
    except (*BROKEN, UnicodeDecodeError) as error:
        raise InputError(
            f"cannot be read ({error})", place=str(path), remedy="Fetch the feed again"
        ) from error


def _score(row: str, path: Path) -> tuple[str, float, float]:
    cve, *numbers = row.split(",")
    try:
        probability, percentile = (float(n) for n in numbers)
    except ValueError:
        probability = percentile = -1.0
    if not (_CVE.fullmatch(cve) and 0 <= probability <= 1 and 0 <= percentile <= 1):
        raise InputError(f"not an EPSS row: {row[:80]!r}", place=str(path), remedy="Fetch the feed again")
    return cve, probability, percentile
