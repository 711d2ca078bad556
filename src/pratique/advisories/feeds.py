"""Feeds as files: what they are called, what they declare of themselves, and how their records are read.

A folder may hold a ``feeds.toml`` that declares each feed's name, coverage and date. What declares nothing is taken as
a sample of unknown age, so that it can find flaws but never clear a package.
"""

import gzip
import tomllib
import zipfile
import zlib
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct, field

from pratique.model.advisory import Coverage, Feed
from pratique.model.errors import InputError, UnavailableError
from pratique.storage import read_whole

DECLARATION = "feeds.toml"
_MIB = 1 << 20
BROKEN = (OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError)
"""What the standard library raises for archives that are damaged, cut or encrypted."""
_LINE = 64 * _MIB
_TOTAL = 16 << 30
_SUFFIXES = (".json", ".jsonl", ".jsonl.gz", ".zip", ".csv", ".csv.gz")


class Declared(Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """One ``[[feed]]`` of a ``feeds.toml``."""

    name: str
    file: str
    format: Literal["osv", "kev", "epss"]
    coverage: Coverage
    ecosystems: tuple[str, ...] = ()
    as_of: Any = None
    window_from: date | None = None
    window_to: date | None = None
    origin: str = ""
    licence: str = ""
    note: str = ""


class Declarations(Struct, frozen=True, forbid_unknown_fields=True):
    """A whole ``feeds.toml``."""

    feed: tuple[Declared, ...] = field(default=())


class FeedFiles(Struct, frozen=True):
    """A feed and the files that hold its records."""

    feed: Feed
    files: tuple[Path, ...]


def find_feeds(path: Path) -> list[FeedFiles]:
    """Return the feeds that a path holds.

    A folder with a ``feeds.toml`` holds what that declares; another folder of ``.json`` files is one feed of single
    records; every other file in it, and every file named by itself, is a feed of its own.

    Raises:
        UnavailableError: the path is missing or may not be read.
        InputError: it holds no feed, or its declaration is wrong.
    """
    if not path.is_dir():
        return [_undeclared(path)]
    if (path / DECLARATION).exists():
        return [_declared(path, d) for d in _declarations(path / DECLARATION).feed]
    files = sorted(p for p in path.rglob("*") if p.is_file() and p.name.endswith(_SUFFIXES))
    single = [p for p in files if p.name.endswith(".json") and _format(p) == "osv"]
    feeds = [_undeclared(p) for p in files if p not in set(single)]
    if single:
        feeds.append(FeedFiles(Feed(name=path.resolve().name, format="osv"), tuple(single)))
    if not feeds:
        raise InputError(
            "no feed in this folder", place=str(path), remedy=f"Feeds are files named {', '.join(_SUFFIXES)}"
        )
    return feeds


def _declarations(path: Path) -> Declarations:
    try:
        document = tomllib.loads(read_whole(path, _MIB).decode("utf-8"))
        declarations = msgspec.convert(document, Declarations)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError, RecursionError) as error:
        raise InputError(str(error), place=str(path), remedy="Correct the declaration") from error
    if not declarations.feed:
        raise InputError("no feed is declared", place=str(path), remedy="Add a [[feed]]")
    return declarations


def _declared(folder: Path, declared: Declared) -> FeedFiles:
    file = folder / declared.file
    if file.resolve().parent != folder.resolve():
        raise InputError(
            "a feed outside the folder of its declaration", place=f"{folder}/{DECLARATION}: {declared.file}"
        )
    if declared.coverage == "window" and not (declared.window_from and declared.window_to):
        raise InputError(
            "a window without window-from and window-to",
            place=f"{folder}/{DECLARATION}: {declared.name}",
            remedy="Add them",
        )
    if declared.coverage == "complete" and declared.format == "osv" and not declared.ecosystems:
        raise InputError(
            "a complete feed without ecosystems",
            place=f"{folder}/{DECLARATION}: {declared.name}",
            remedy="Name them",
        )
    feed = Feed(
        name=declared.name,
        format=declared.format,
        ecosystems=declared.ecosystems,
        coverage=declared.coverage,
        as_of=_moment(declared.as_of, f"{folder}/{DECLARATION}: {declared.name}"),
        window_from=declared.window_from,
        window_to=declared.window_to,
        origin=declared.origin,
        licence=declared.licence,
        note=declared.note,
    )
    return FeedFiles(feed, (file,))


def _moment(value: Any, place: str) -> datetime | None:
    """Return a TOML date or date-time as a moment; without an offset it is UTC."""
    if value is None or isinstance(value, datetime):
        return value if value is None or value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime.combine(value, time(), UTC)
    raise InputError("as-of is not a date", place=place, remedy="Write it as a TOML date, such as 2026-07-23")


def _undeclared(path: Path) -> FeedFiles:
    if not path.is_file():
        raise UnavailableError("no such file or folder", place=str(path), remedy="Check the path")
    if not path.name.endswith(_SUFFIXES):
        raise InputError(
            "not a feed by its name", place=str(path), remedy=f"Feeds are files named {', '.join(_SUFFIXES)}"
        )
    form = _format(path)
    name = (
        path.name.partition(".")[0] if form == "osv" else form
    )  # of catalogues and scores a new one replaces the old
    return FeedFiles(Feed(name=name, format=form), (path,))


def _format(path: Path) -> Literal["osv", "kev", "epss"]:
    """Tell the format: EPSS is the only CSV, and CISA's catalogue the only JSON that opens with its kind of title."""
    if ".csv" in path.name:
        return "epss"
    if path.name.endswith(".json"):
        with path.open("rb") as file:
            return "kev" if b'"catalogVersion"' in file.read(4096) else "osv"
    return "osv"


def documents(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield (place, JSON text) of every record of an OSV file.

    Raises:
        InputError: the file is damaged, or a record or the whole is over its limit.
        UnavailableError: it may not be read.
    """
    try:
        if path.name.endswith(".zip"):
            yield from _zipped(path)
        elif path.name.endswith(".json"):
            yield str(path), read_whole(path, _LINE)
        else:
            yield from ((f"{path}: line {n}", line) for n, line in lines(path) if line.strip())
    except BROKEN as error:
        raise InputError(
            f"cannot be read ({error})", place=str(path), remedy="Fetch the feed again"
        ) from error


def lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield (number, line) of a text file, compressed or not, within limits.

    Raises:
        InputError: a line or the whole is over its limit.
    """
    total = 0
    with gzip.open(path, "rb") if path.name.endswith(".gz") else path.open("rb") as file:
        number = 0
        while line := file.readline(_LINE + 1):
            number += 1
            total += len(line)
            if len(line) > _LINE or total > _TOTAL:
                raise InputError(
                    "over the limit for a feed", place=f"{path}: line {number}", remedy="Fetch the feed again"
                )
            yield number, line


def _zipped(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the ``.json`` members of a zip, as OSV publishes them; sizes are checked before anything is expanded."""
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            place = f"{path}: {member.filename[:200]}"
            if member.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
                raise InputError(
                    "a compression that OSV does not use", place=place, remedy="Fetch the feed again"
                )
            if member.file_size > _LINE:
                raise InputError(
                    f"a record of {member.file_size} bytes", place=place, remedy="Fetch the feed again"
                )
            if member.filename.endswith(".json"):
                with archive.open(member) as file:
                    yield place, file.read(_LINE)
