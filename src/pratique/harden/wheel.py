"""A wheel's files as an installer lays them, without running anything (PyPA binary distribution format).

The wheel's own RECORD is checked for every file. What is written is for the caller to place, whole or not at all.
"""

import hashlib
import mmap
import posixpath
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from msgspec import Struct

from pratique.ecosystems import wheel as wheel_format
from pratique.ecosystems.python import name_and_version, normalise, version_key
from pratique.ecosystems.wheel import RecordRow, Script, WheelName
from pratique.formats import strict_zip
from pratique.formats.strict_zip import ZipLimits, ZipMember
from pratique.harden.files import PythonHome
from pratique.model.digest import Digest, digest_of
from pratique.model.errors import InputError, PratiqueError, UnavailableError, UntrustedError

_SMALL, _LOOKED_AT = 16 << 20, 256 << 20
"""Bytes of a metadata file, and of all contents of a wheel that are looked at."""

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


class ListedFile(Struct, frozen=True):
    """A file of an installation, as far as it was looked at.

    Attributes:
        path: relative to the image's root.
        content: of scripts, and where it was asked for.
    """

    path: str
    digest: Digest
    content: bytes | None = None


def installed_files(
    wheel: Path, home: PythonHome, limits: ZipLimits = strict_zip.DEFAULT_LIMITS
) -> Iterator[WheelFile]:
    """Yield the files of a wheel's installation; nothing is to be used before the last one has come.

    1. Read WHEEL, METADATA and RECORD of the one ``dist-info`` folder, and check that they are of this wheel.
    2. Lay each file where its scheme belongs, its hash and size checked against RECORD.
    3. Make the commands of the entry points.
    4. Write INSTALLER and a RECORD of what was laid.

    Args:
        wheel: a file whose digest has been checked.
        home: where the image's Python keeps things.
        limits: of the archive.

    Raises:
        InputError: the archive or its metadata is damaged, ambiguous or over a limit.
        UntrustedError: a file is not what RECORD says.
        UnsupportedError: another version of the format, or a kind of archive that is not read.
        UnavailableError: the file may not be read.
    """
    try:
        yield from _Installation(_mapped(wheel), WheelName.parse(wheel.name), home, limits).files()
    except PratiqueError as error:
        error.at(wheel.name)
        raise


def listed_files(
    wheel: Path,
    home: PythonHome,
    wanted: Callable[[str, Digest], bool],
    limits: ZipLimits = strict_zip.DEFAULT_LIMITS,
) -> Iterator[ListedFile]:
    """Yield the files of a wheel's installation by their digests, without what installers write of their own.

    A digest is what the wheel's RECORD says, and contents are read only where they are asked for, where the installer
    changes them, or where RECORD says no sha256. A wheel whose RECORD is wrong is told by what lies in the image.

    Args:
        wheel: a file whose digest has been checked.
        home: where the image's Python keeps things.
        wanted: says of a path and its digest whether the content is needed.
        limits: of the archive.

    Raises:
        InputError, UntrustedError, UnsupportedError, UnavailableError: as for ``installed_files``.
    """
    try:
        yield from _Installation(_mapped(wheel), WheelName.parse(wheel.name), home, limits).listed(wanted)
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

    def __init__(self, data: memoryview, name: WheelName, home: PythonHome, limits: ZipLimits) -> None:
        self._data, self._name, self._home = data, name, home
        self._members = {m.path: m for m in strict_zip.members(data, limits)}
        self._info = self._folder(".dist-info")
        self._extra = self._folder(".data")
        self._rows: dict[str, str] = {}
        self._laid = {f"{self._home.site}/{self._info}/RECORD".lstrip("/")}

    def files(self) -> Iterator[WheelFile]:
        """Yield the files, in the numbered steps of ``installed_files``."""
        for path, row in self._checked_record().items():  # 1
            member = self._members[path]
            place, mode, script = self._placed(member)
            yield self._lay(place, self._content(member, row, script=script), mode)  # 2
        for place, content in self._commands():  # 3
            yield self._lay(place, content, 0o755)
        info = f"{self._home.site}/{self._info}"
        yield self._lay(f"{info}/INSTALLER", b"pratique\n", 0o644)  # 4
        yield WheelFile(f"{info}/RECORD".lstrip("/"), self._new_record(), 0o644)

    def listed(self, wanted: Callable[[str, Digest], bool]) -> Iterator[ListedFile]:
        """Yield the files as ``listed_files`` promises."""
        left = _LOOKED_AT
        for path, row in self._checked_record().items():
            member = self._members[path]
            place, _, script = self._placed(member)
            place = self._once(place)
            digest = Digest(f"sha256:{row.digest.hex()}")
            if row.algorithm == "sha256" and not script and not wanted(place, digest):
                _check_size(row, member.size)
                yield ListedFile(place, digest)
                continue
            left -= member.size
            if left < 0:
                raise InputError(f"more than {_LOOKED_AT >> 20} MiB to be looked at", place=path[:120])
            content = self._content(member, row, script=script)
            yield ListedFile(place, digest_of(content), content)
        for place, content in self._commands():
            yield ListedFile(self._once(place), digest_of(content), content)

    def _content(self, member: ZipMember, row: RecordRow, *, script: bool) -> bytes:
        """Return what is written of a member: its bytes, but for the first line of a script."""
        content = strict_zip.content(self._data, member)
        _check(row, content)
        return _interpreted(content, self._home.program) if script else content

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

    def _placed(self, member: ZipMember) -> tuple[str, int, bool]:
        """Return where a file belongs, its mode, and whether it is a script, whose first line may change."""
        mode = 0o755 if member.mode & 0o111 else 0o644
        top, _, rest = member.path.partition("/")
        if top != self._extra or not rest:
            return f"{self._home.site}/{member.path}", mode, False
        scheme, _, inside = rest.partition("/")
        root = self._roots().get(scheme)
        if root is None or not inside:
            raise InputError("a file of no known scheme", place=member.path[:120])
        if scheme == "scripts":
            return f"{root}/{inside}", 0o755, True
        return f"{root}/{inside}", mode, False

    def _roots(self) -> dict[str, str]:
        """Return the folder of each scheme; headers go below the prefix, as pip lays them."""
        found = _PYTHON.search(f"{self._home.site}/")
        version = f"/{found[1]}" if found else ""
        return {
            "purelib": self._home.site,
            "platlib": self._home.site,
            "scripts": self._home.scripts,
            "data": self._home.prefix,
            "headers": f"{self._home.prefix}/include{version}/{self._name.name}",
        }

    def _commands(self) -> Iterator[tuple[str, bytes]]:
        """Yield the path and content of each command that the entry points ask for."""
        if f"{self._info}/entry_points.txt" in self._members:
            for script in wheel_format.scripts(self._text("entry_points.txt")):
                yield f"{self._home.scripts}/{script.name}", _command(script, self._home.program)

    def _lay(self, path: str, content: bytes, mode: int) -> WheelFile:
        path = self._once(path)
        self._rows[path] = f"{wheel_format.hash_field(hashlib.sha256(content).digest())},{len(content)}"
        return WheelFile(path, content, mode)

    def _once(self, path: str) -> str:
        """Return a path as one of those laid, which it was not before."""
        path = path.lstrip("/")
        if path in self._laid:
            raise InputError("a file that is laid twice", place=path[:120])
        self._laid.add(path)
        return path

    def _new_record(self) -> bytes:
        """Return the RECORD of what was laid, relative to the site folder ("Recording installed projects")."""
        site = f"/{self._home.site}"
        rows = [f"{_quoted(posixpath.relpath(f'/{p}', site))},{row}" for p, row in self._rows.items()]
        own = f"{_quoted(f'{self._info}/RECORD')},,"
        return "".join(f"{row}\n" for row in sorted([*rows, own])).encode()


def _check_size(row: RecordRow, size: int) -> None:
    if row.size is not None and row.size != size:
        raise UntrustedError(f"{size} bytes where RECORD says {row.size}", place=row.path[:120])


def _check(row: RecordRow, content: bytes) -> None:
    if not row.algorithm:
        raise UntrustedError("RECORD gives no hash for it", place=row.path[:120])
    _check_size(row, len(content))
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
