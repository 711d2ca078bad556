"""A wheel's files as an installer lays them, without running anything (PyPA binary distribution format).

The wheel's own RECORD is checked for every file. What is written is for the caller to place, whole or not at all.
"""

import hashlib
import mmap
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from pratique.ecosystems import wheel as wheel_format
from pratique.ecosystems.python import name_and_version, normalise, version_key
from pratique.ecosystems.wheel import RecordRow, Script, WheelName
from pratique.formats import strict_zip
from pratique.formats.strict_zip import ZipLimits, ZipMember
from pratique.model.errors import InputError, PratiqueError, UnavailableError, UntrustedError

_SMALL = 16 << 20
_UNHASHED = ("RECORD", "RECORD.jws", "RECORD.p7s")
_PYTHON = re.compile(r"(?:^|/)(python3\.[0-9]+)/")
_FIRST_LINE = 127
"""Bytes of a script's first line that every Linux kernel reads (``BINPRM_BUF_SIZE``)."""

_BY_SHELL = """#!/bin/sh
'''exec' "{}" "$0" "$@"
' '''
"""
"""A first line for interpreters whose path the kernel would cut: the shell runs it, Python reads a string."""


class WheelFile(Struct, frozen=True):
    """A file of an installation.

    Attributes:
        path: relative to the image's root.
        mode: 0o644, or 0o755 for what is to be run.
    """

    path: str
    content: bytes
    mode: int


class Places(Struct, frozen=True):
    """Where an image's Python keeps things; folders relative to the image's root.

    Attributes:
        site: for modules: ``purelib`` and ``platlib`` are one here.
        scripts: for commands.
        data: the prefix.
        python: absolute path of the interpreter, for the first line of scripts.
    """

    site: str
    scripts: str
    data: str
    python: str


def installed_files(
    wheel: Path,
    *,
    site: str,
    scripts: str,
    data: str,
    python: str,
    limits: ZipLimits = strict_zip.DEFAULT_LIMITS,
) -> Iterator[WheelFile]:
    """Yield the files of a wheel's installation; nothing is to be used before the last one has come.

    1. Read WHEEL, METADATA and RECORD of the one ``dist-info`` folder, and check that they are of this wheel.
    2. Lay each file where its scheme belongs, its hash and size checked against RECORD.
    3. Make the commands of the entry points.
    4. Write INSTALLER and a RECORD of what was laid.

    Args:
        wheel: a file whose digest has been checked.
        site: folder for modules, relative to the image's root.
        scripts: folder for commands.
        data: the prefix.
        python: absolute path of the image's interpreter.
        limits: of the archive.

    Raises:
        InputError: the archive or its metadata is damaged, ambiguous or over a limit.
        UntrustedError: a file is not what RECORD says.
        UnsupportedError: another version of the format, or a kind of archive that is not read.
        UnavailableError: the file may not be read.
    """
    places = Places(site.strip("/"), scripts.strip("/"), data.strip("/"), python)
    try:
        yield from _Installation(_mapped(wheel), WheelName.parse(wheel.name), places, limits).files()
    except PratiqueError as error:
        error.at(wheel.name)
        raise


def _mapped(wheel: Path) -> memoryview:
    """Return a file's bytes without reading them all at once."""
    try:
        with wheel.open("rb") as file:
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except ValueError as error:
        raise InputError("an empty file") from error
    except OSError as error:
        raise UnavailableError((error.strerror or str(error)).lower()) from error


class _Installation:
    """One wheel on its way to one image."""

    def __init__(self, data: memoryview, name: WheelName, places: Places, limits: ZipLimits) -> None:
        self._data, self._name, self._places = data, name, places
        self._members = {m.path: m for m in strict_zip.members(data, limits)}
        self._info = self._folder(".dist-info")
        self._extra = self._folder(".data")
        self._rows: dict[str, str] = {}

    def files(self) -> Iterator[WheelFile]:
        """Yield the files, in the numbered steps of ``installed_files``."""
        for path, row in self._checked_record().items():  # 1
            member = self._members[path]
            content = strict_zip.content(self._data, member)
            _check(row, content)
            yield self._lay(*self._placed(member, content))  # 2
        for script in self._commands():  # 3
            content = _command(script, self._places.python)
            yield self._lay(f"{self._places.scripts}/{script.name}", content, 0o755)
        info = f"{self._places.site}/{self._info}"
        yield self._lay(f"{info}/INSTALLER", b"pratique\n", 0o644)  # 4
        yield WheelFile(f"{info}/RECORD".lstrip("/"), self._new_record(), 0o644)

    def _folder(self, end: str) -> str:
        """Return the one folder of this wheel with an ending; a ``dist-info`` there must be."""
        folders = {path.partition("/")[0] for path in self._members if "/" in path}
        found = sorted(f for f in folders if f.lower().endswith(end))
        if len(found) > 1 or (not found and end == ".dist-info"):
            raise InputError(f"{len(found)} {end} folders where one belongs")
        if found and not self._is_own(*found[0][: -len(end)].partition("-")[::2]):
            raise InputError(f"a {end} folder of another wheel", place=found[0][:80])
        return found[0] if found else ""

    def _is_own(self, name: str, version: str) -> bool:
        same = version_key(version) == version_key(self._name.version)
        return same and normalise(name) == self._name.name

    def _text(self, name: str) -> str:
        member = self._members.get(f"{self._info}/{name}")
        if member is None:
            raise InputError(f"{self._info}/{name} is missing")
        if member.size > _SMALL:
            raise InputError(f"{member.size} bytes: over the limit", place=member.path)
        try:
            return strict_zip.content(self._data, member).decode("utf-8")
        except UnicodeDecodeError as error:
            raise InputError("not UTF-8", place=member.path) from error

    def _checked_record(self) -> dict[str, RecordRow]:
        """Return the row of every file but RECORD and its signatures; each has one."""
        wheel_format.wheel_info(self._text("WHEEL"))
        if not self._is_own(*name_and_version(self._text("METADATA"))):
            raise InputError("METADATA of another wheel", place=f"{self._info}/METADATA")
        rows = wheel_format.record_rows(self._text("RECORD"))
        unhashed = {f"{self._info}/{name}" for name in _UNHASHED}
        record = {row.path: row for row in rows if row.path not in unhashed}
        odd = sorted(set(record) ^ (set(self._members) - unhashed))
        if odd or len({row.path for row in rows}) != len(rows):
            raise UntrustedError(
                "RECORD does not list exactly the files that are here", place="".join(odd[:1])
            )
        return record

    def _placed(self, member: ZipMember, content: bytes) -> tuple[str, bytes, int]:
        """Return where a file belongs, what is written, and its mode."""
        mode = 0o755 if member.mode & 0o111 else 0o644
        top, _, rest = member.path.partition("/")
        if top != self._extra or not rest:
            return f"{self._places.site}/{member.path}", content, mode
        scheme, _, inside = rest.partition("/")
        root = self._roots().get(scheme)
        if root is None or not inside:
            raise InputError("a file of no known scheme", place=member.path[:120])
        if scheme == "scripts":
            return f"{root}/{inside}", _interpreted(content, self._places.python), 0o755
        return f"{root}/{inside}", content, mode

    def _roots(self) -> dict[str, str]:
        """Return the folder of each scheme; headers go below the prefix, as pip lays them."""
        found = _PYTHON.search(f"{self._places.site}/")
        version = f"/{found[1]}" if found else ""
        return {
            "purelib": self._places.site,
            "platlib": self._places.site,
            "scripts": self._places.scripts,
            "data": self._places.data,
            "headers": f"{self._places.data}/include{version}/{self._name.name}",
        }

    def _commands(self) -> tuple[Script, ...]:
        if f"{self._info}/entry_points.txt" not in self._members:
            return ()
        return wheel_format.scripts(self._text("entry_points.txt"))

    def _lay(self, path: str, content: bytes, mode: int) -> WheelFile:
        path = path.lstrip("/")
        record = f"{self._places.site}/{self._info}/RECORD".lstrip("/")
        if path in self._rows or path == record:
            raise InputError("a file that is laid twice", place=path[:120])
        self._rows[path] = f"{wheel_format.hash_field(hashlib.sha256(content).digest())},{len(content)}"
        return WheelFile(path, content, mode)

    def _new_record(self) -> bytes:
        """Return the RECORD of what was laid, relative to the site folder ("Recording installed projects")."""
        site = f"/{self._places.site}"
        rows = [f"{_quoted(posixpath.relpath(f'/{p}', site))},{row}" for p, row in self._rows.items()]
        own = f"{_quoted(f'{self._info}/RECORD')},,"
        return "".join(f"{row}\n" for row in sorted([*rows, own])).encode()


def _check(row: RecordRow, content: bytes) -> None:
    if not row.algorithm:
        raise UntrustedError("RECORD gives no hash for it", place=row.path[:120])
    if row.size is not None and row.size != len(content):
        raise UntrustedError(f"{len(content)} bytes where RECORD says {row.size}", place=row.path[:120])
    if hashlib.new(row.algorithm, content).digest() != row.digest:
        raise UntrustedError("another hash than RECORD says", place=row.path[:120])


def _first_lines(python: str) -> bytes:
    """Return the lines that hand a script to its interpreter."""
    short = len(python) + 3 <= _FIRST_LINE and not re.search(r"\s", python)
    return (f"#!{python}\n" if short else _BY_SHELL.format(python)).encode()


def _interpreted(content: bytes, python: str) -> bytes:
    """Return a script whose first line, if it begins with ``#!python``, names the image's interpreter, as pip does it."""
    if not content.startswith(b"#!python"):
        return content
    return _first_lines(python) + content.partition(b"\n")[2]


def _command(script: Script, python: str) -> bytes:
    first = script.attribute.partition(".")[0]
    lines = (
        "# -*- coding: utf-8 -*-",
        "import sys",
        f"from {script.module} import {first}",
        'if __name__ == "__main__":',
        f"    sys.exit({script.attribute}())",
    )
    return _first_lines(python) + "".join(f"{line}\n" for line in lines).encode()


def _quoted(path: str) -> str:
    """Return a path as CSV writes it."""
    return '"' + path.replace('"', '""') + '"' if re.search(r'[",\r\n]', path) else path
