"""Lock files ``pylock.toml`` (PEP 751, lock-version 1.0): pure text to values, with the line of each package.

Selects nothing for a platform and believes no address.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from msgspec import Struct, field
from packaging.markers import InvalidMarker, Marker

from pratique.model.errors import InputError

_HEADER = re.compile(r"^[ \t]*\[\[[ \t]*packages[ \t]*\]\]", re.MULTILINE)
_LOCATED = re.compile(r"\(at line ([0-9]{1,9}),")
_PART = r"""(?:(?<![\w-])[\w-]++|"[^"\n]*+"|'[^'\n]*+')"""
_DOTTED = re.compile(rf"{_PART}(?:[ \t]*+\.[ \t]*+{_PART}){{32}}", re.ASCII)
_MARKER = 4096
_ESCAPED = re.compile('[\x00-\x1f\x7f-\x9f"\\\\\u2028\u2029\u202a-\u202e\u2066-\u2069]')


class LockFile(Struct, rename="kebab"):
    """A wheel, source distribution or archive of a package."""

    name: str = ""
    upload_time: Any = None
    url: str = ""
    path: str = ""
    size: int | None = None
    hashes: dict[str, str] = field(default_factory=dict)
    subdirectory: str = ""

    @property
    def filename(self) -> str:
        """Return the file's name; where none is given, the last part of its path or address (PEP 751)."""
        place = self.path or self.url.partition("#")[0].partition("?")[0]
        return (
            self.name or place.replace("%2B", "+").replace("%2b", "+").rpartition("/")[2].rpartition("@")[2]
        )


class LockSource(Struct, rename="kebab"):
    """A repository or folder of sources."""

    type: str = ""
    url: str = ""
    path: str = ""
    requested_revision: str = ""
    commit_id: str = ""
    subdirectory: str = ""
    editable: bool = False


class LockPackage(Struct, rename="kebab"):
    """One package of a lock."""

    name: str
    version: str = ""
    marker: str = ""
    requires_python: str = ""
    dependencies: list[dict[str, Any]] = field(default_factory=list)
    vcs: LockSource | None = None
    directory: LockSource | None = None
    archive: LockFile | None = None
    index: str = ""
    sdist: LockFile | None = None
    wheels: list[LockFile] = field(default_factory=list)
    attestation_identities: list[dict[str, Any]] = field(default_factory=list)
    tool: dict[str, Any] = field(default_factory=dict)


class Pylock(Struct, rename="kebab"):
    """A lock file."""

    lock_version: str
    created_by: str
    packages: list[LockPackage]
    environments: list[str] = field(default_factory=list)
    requires_python: str = ""
    extras: list[str] = field(default_factory=list)
    dependency_groups: list[str] = field(default_factory=list)
    default_groups: list[str] = field(default_factory=list)
    tool: dict[str, Any] = field(default_factory=dict)


class Oddity(Struct, frozen=True):
    """Something in a lock that is not understood."""

    line: int
    subject: str
    reason: str


class ReadPylock(Struct, frozen=True):
    """A lock, the line of each package (0 where it cannot be told), and what is not understood."""

    lock: Pylock
    lines: tuple[int, ...]
    oddities: tuple[Oddity, ...]


def parse_pylock(text: str) -> ReadPylock:
    """Return what a lock file says.

    Raises:
        InputError: it is no lock file of version 1; the place holds the line where that is known.
    """
    if _DOTTED.search(text):
        raise InputError("a key of more than 32 parts")  # tomllib takes the square of their number
    try:
        document: Any = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = _LOCATED.search(str(error))
        raise InputError("not TOML", place=found[1] if found else "") from error
    except (ValueError, RecursionError) as error:
        raise InputError("not TOML, or nested too deeply") from error
    version = document.get("lock-version")
    if not isinstance(version, str) or version.partition(".")[0] != "1":
        raise InputError(f"not a lock file of version 1: lock-version is {str(version)[:20]!r}")
    try:
        lock = msgspec.convert(document, Pylock)
    except (msgspec.ValidationError, RecursionError) as error:
        raise InputError(f"not a lock file ({str(error)[:200]})") from error
    lines = _lines(text, len(lock.packages))
    return ReadPylock(lock, lines, tuple(_oddities(document, lock, lines)))


class PinnedWheel(Struct, frozen=True, kw_only=True, order=True):
    """A wheel to be locked.

    Attributes:
        digits: of its sha256.
        size: None where it is not known.
    """

    name: str
    version: str
    filename: str
    url: str
    digits: str
    size: int | None


def write_pylock(
    wheels: Iterable[PinnedWheel], python: str, left_out: Iterable[tuple[str, str, str]] = ()
) -> str:
    """Return a lock of one wheel for each distribution, which ``parse_pylock`` reads.

    Args:
        wheels: of distinct names.
        python: version that they were locked for, such as ``3.11``.
        left_out: (name, version, reason) of what is not locked, for a table of our own.
    """
    parts = [
        'lock-version = "1.0"',
        f"requires-python = {_quoted(f'=={python}.*')}",
        'created-by = "pratique"',
    ]
    for wheel in sorted(wheels):
        size = f", size = {wheel.size}" if wheel.size is not None else ""
        file = f"name = {_quoted(wheel.filename)}, url = {_quoted(wheel.url)}{size}"
        parts += [
            "",
            "[[packages]]",
            f"name = {_quoted(wheel.name)}",
            f"version = {_quoted(wheel.version)}",
            f"wheels = [{{ {file}, hashes = {{ sha256 = {_quoted(wheel.digits)} }} }}]",
        ]
    for name, version, reason in sorted(left_out):
        rows = (("name", name), ("version", version), ("reason", reason))
        parts += ["", "[[tool.pratique.left-out]]", *(f"{key} = {_quoted(text)}" for key, text in rows)]
    return "\n".join([*parts, ""])


def _quoted(text: str) -> str:
    """Return a basic string of TOML; what would not be text is replaced."""
    clean = text.encode("utf-8", "replace").decode()
    escaped = _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", clean)
    return f'"{escaped}"'


def _lines(text: str, count: int) -> tuple[int, ...]:
    """Return the line of each package's header; zeros where there are not as many headers as packages."""
    lines: list[int] = []
    number = at = 0
    for match in _HEADER.finditer(text):
        number, at = number + text.count("\n", at, match.start()), match.start()
        lines.append(number + 1)
        if len(lines) > count:
            break
    return tuple(lines) if len(lines) == count else (0,) * count


def _oddities(document: dict[str, Any], lock: Pylock, lines: tuple[int, ...]) -> Iterator[Oddity]:
    if lock.lock_version != "1.0":
        yield Oddity(0, "lock-version", f"version {lock.lock_version[:20]!r}, where 1.0 is known")
    for key in sorted(_unknown(document, Pylock)):
        yield Oddity(0, key[:80], "not a key of PEP 751")
    for raw, package, line in zip(document["packages"], lock.packages, lines, strict=True):
        yield from (
            Oddity(line, f"{package.name}: {key}"[:120], "not a key of PEP 751") for key in _keys(raw)
        )
        if package.marker and not _is_marker(package.marker):
            yield Oddity(line, f"{package.name}: marker"[:120], "not a marker of PEP 508")
    for marker in lock.environments:
        if not _is_marker(marker):
            yield Oddity(0, "environments", "not a marker of PEP 508")


def _keys(raw: dict[str, Any]) -> Iterator[str]:
    yield from sorted(_unknown(raw, LockPackage))
    files = [*raw.get("wheels", ()), *(raw[k] for k in ("sdist", "archive") if k in raw)]
    yield from sorted({key for file in files for key in _unknown(file, LockFile)})
    yield from sorted({key for k in ("vcs", "directory") if k in raw for key in _unknown(raw[k], LockSource)})


def _unknown(raw: dict[str, Any], kind: type[Struct]) -> set[str]:
    return set(raw) - set(kind.__struct_encode_fields__)


def _is_marker(text: str) -> bool:
    try:
        Marker(text if len(text) <= _MARKER else "")
    except (InvalidMarker, RecursionError, ValueError):
        return False
    return True
