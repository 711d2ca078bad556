"""Wheels: their names, tags and metadata files (PyPA binary distribution format, entry points, recorded installs).

Pure text and bytes; ``pratique.harden.wheel`` reads the archive itself.
"""

import base64
import binascii
import configparser
import csv
import io
import math
import re
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct
from packaging.tags import Tag, compatible_tags, cpython_tags, parse_tag
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from pratique.model.errors import InputError, UnsupportedError

HASHES = ("sha256", "sha384", "sha512")
"""Algorithms that a RECORD may use: sha256 or better."""

_TAGS = 1000
"""Tags of one wheel; PyPI's wheels have a few dozen."""

_BLANKS = re.compile(r"[^\S\n]{100,}")  # configparser takes the square of their number

_PLATFORM = re.compile(
    r"(?P<machine>[a-z0-9_]+)-(?P<libc>manylinux|musllinux)_(?P<major>[0-9]+)_(?P<minor>[0-9]+)"
)
_PYTHON = re.compile(r"3\.([0-9]{1,2})")
_ALIASES = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
"""glibc 2.x -> the older name of its tag (PEP 600, "Legacy manylinux tags")."""

_SCRIPT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*")
_OBJECT = re.compile(
    r"(?P<module>[A-Za-z_][\w.]*)\s*:\s*(?P<attribute>[A-Za-z_][\w.]*)\s*(?:\[[^\]]*\])?", re.ASCII
)


class WheelName(Struct, frozen=True):
    """What a wheel's file name says; the name is normalised, the version as PEP 440 prints it."""

    name: str
    version: str
    build: tuple[int, str] | tuple[()]
    tags: frozenset[Tag]

    @classmethod
    def parse(cls, filename: str) -> "WheelName":
        """Return the parts of a file name.

        Raises:
            InputError: it is not the name of a wheel.
        """
        try:
            _check_tags([filename])
            name, version, build, tags = parse_wheel_filename(filename)
        except (InvalidWheelFilename, ValueError) as error:
            raise InputError(f"not the name of a wheel: {filename[:120]!r}") from error
        return cls(str(name), str(version), build, tags)


class WheelInfo(Struct, frozen=True):
    """What WHEEL says."""

    purelib: bool
    tags: frozenset[Tag]


class RecordRow(Struct, frozen=True):
    """A row of a RECORD; algorithm and digest are empty, and the size None, where the row does not give them."""

    path: str
    algorithm: str = ""
    digest: bytes = b""
    size: int | None = None


class Script(Struct, frozen=True):
    """A command that an entry point makes."""

    name: str
    module: str
    attribute: str


def supported_tags(python: str, platform: str) -> tuple[Tag, ...]:
    """Return the tags that an image's Python takes, best first (platform compatibility tags).

    Args:
        python: such as ``3.11``; CPython with the global interpreter lock.
        platform: machine and C library, such as ``x86_64-manylinux_2_36``, as uv names it.

    Raises:
        UnsupportedError: another form, or none.
    """
    if not platform:
        raise UnsupportedError(
            "the C library of the image cannot be told, so no wheel can be chosen",
            remedy="Only images with Debian's C library get wheels in this version",
        )
    found, version = _PLATFORM.fullmatch(platform), _PYTHON.match(python)
    if not found or not version:
        raise UnsupportedError(f"no tags are known for Python {python!r} on {platform!r}")
    minor = int(version[1])
    platforms = list(_platforms(found["machine"], found["libc"], int(found["major"]), int(found["minor"])))
    interpreter = f"cp3{minor}"
    exact = cpython_tags((3, minor), abis=[interpreter], platforms=platforms)
    return (*exact, *compatible_tags((3, minor), interpreter, platforms))


def best_wheel(filenames: Sequence[str], tags: Sequence[Tag]) -> str:
    """Return the file name that fits best: the earliest tag, then the highest build number; empty where none fits.

    Raises:
        InputError: one is not the name of a wheel.
    """
    rank = {tag: number for number, tag in reversed(list(enumerate(tags)))}

    def order(filename: str) -> tuple[int, int, tuple[int, str] | tuple[()]]:
        parsed = WheelName.parse(filename)
        best = min((rank[t] for t in parsed.tags if t in rank), default=len(rank))
        return -best, len(parsed.build), parsed.build

    fitting = [f for f in filenames if -order(f)[0] < len(rank)]
    return max(fitting, key=order, default="")


def wheel_info(text: str) -> WheelInfo:
    """Return what a WHEEL file says.

    Raises:
        InputError: Root-Is-Purelib is missing, a tag is none, there are too many, or it is not a WHEEL.
        UnsupportedError: a major version other than 1, which an installer must refuse.
    """
    fields = [line.partition(":") for line in text.splitlines() if line.strip()]
    values = [(name.strip().lower(), value.strip()) for name, _, value in fields]
    one = dict(values)
    if one.get("root-is-purelib", "").lower() not in {"true", "false"}:
        raise InputError("WHEEL does not say whether the root is purelib")
    if one.get("wheel-version", "").split(".")[0] != "1":
        raise UnsupportedError(f"version {one.get('wheel-version', '')[:20]!r} of the wheel format")
    return WheelInfo(one["root-is-purelib"].lower() == "true", _tags([v for n, v in values if n == "tag"]))


def _check_tags(texts: Sequence[str]) -> None:
    """See that compressed tag sets, or the names of files that end in them, stand for few tags: their parts multiply (PEP 425).

    Raises:
        InputError: there are more than a thousand.
    """
    if sum(math.prod(part.count(".") + 1 for part in text.split("-")[-3:]) for text in texts) > _TAGS:
        raise InputError(f"more than {_TAGS:,} tags: {texts[0][:60]!r}")


def _tags(texts: Sequence[str]) -> frozenset[Tag]:
    _check_tags(texts)
    try:
        return frozenset(tag for text in texts for tag in parse_tag(text))
    except ValueError as error:
        raise InputError(f"a tag that is none: {texts[0][:60]!r}") from error


def record_rows(text: str) -> tuple[RecordRow, ...]:
    """Return the rows of a RECORD.

    Raises:
        InputError: it is not CSV, or a row has no path, an unknown or weak hash, or no whole size.
    """
    try:
        return tuple(_row(row) for row in csv.reader(io.StringIO(text), strict=True) if row)
    except csv.Error as error:
        raise InputError(f"not a RECORD: {error}") from error


def hash_field(digest: bytes, algorithm: str = "sha256") -> str:
    """Return a digest as RECORD writes it: ``algorithm=`` and URL-safe base64 without padding."""
    return f"{algorithm}={base64.urlsafe_b64encode(digest).rstrip(b'=').decode('ascii')}"


def scripts(entry_points: str) -> tuple[Script, ...]:
    """Return the ``console_scripts`` and ``gui_scripts`` of an entry_points.txt, sorted by name.

    Raises:
        InputError: it is not in that form, or a script's name or object is none.
    """
    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None, comment_prefixes=("#", ";"))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(_BLANKS.sub(" ", entry_points))
    except configparser.Error as error:
        raise InputError("not an entry_points.txt") from error
    groups = (g for g in ("console_scripts", "gui_scripts") if parser.has_section(g))
    found = {name: _script(name, value) for g in groups for name, value in parser.items(g)}
    return tuple(found[name] for name in sorted(found))


def _platforms(machine: str, libc: str, major: int, minor: int) -> Iterator[str]:
    """Yield platform tags, newest C library first (PEP 600, PEP 656)."""
    oldest = 0 if libc == "musllinux" else 5 if machine in {"x86_64", "i686"} else 17
    for older in range(minor, oldest - 1, -1):
        yield f"{libc}_{major}_{older}_{machine}"
        if libc == "manylinux" and older in _ALIASES:
            yield f"{_ALIASES[older]}_{machine}"
    yield f"linux_{machine}"


def _row(row: list[str]) -> RecordRow:
    path, hashed, size = (*row, "", "")[:3]
    algorithm, equals, encoded = hashed.partition("=")
    if not path or len(row) > 3 or (size and not (size.isascii() and size.isdecimal() and len(size) < 16)):
        raise InputError(f"not a row of a RECORD: {','.join(row)[:120]!r}")
    if not hashed:
        return RecordRow(path, size=int(size) if size else None)
    if not equals or algorithm not in HASHES:
        raise InputError(f"a hash that is not sha256 or better: {hashed[:40]!r}", place=path[:120])
    try:
        digest = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise InputError("a hash that is not base64", place=path[:120]) from error
    return RecordRow(path, algorithm, digest, int(size) if size else None)


def _script(name: str, value: str) -> Script:
    found = _OBJECT.fullmatch(value.strip())
    if not found or not _SCRIPT.fullmatch(name):
        raise InputError(f"not a script: {name[:60]!r} = {value[:60]!r}")
    return Script(name, found["module"], found["attribute"])


def same_tags(one: Iterable[Tag], other: Iterable[Tag]) -> bool:
    """Say whether two sets of tags are the same: those of a file name and those of WHEEL should be."""
    return frozenset(one) == frozenset(other)
