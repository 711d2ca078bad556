"""Where stored bytes lie: a folder, or an archive that is read in place. Nothing is extracted."""

import os
import stat
from collections.abc import Iterator
from io import RawIOBase
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

from msgspec import Struct

from pratique.image.limits import Limits
from pratique.image.tar import Window, scan
from pratique.model.errors import InputError, UnavailableError, UntrustedError
from pratique.model.files import Anomaly, Kind

_HOPS = 40


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading; never waits on a FIFO or device.

    Raises:
        UnavailableError: it is missing or may not be read.
        InputError: it is no regular file.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise _unavailable(error, path) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise InputError(
            "not a regular file",
            place=str(path),
            remedy="Check the path and the kind of image named before it",
        )
    return os.fdopen(descriptor, "rb", buffering=0)


def _unavailable(error: OSError, path: Path) -> UnavailableError:
    remedy = {
        NotADirectoryError: "Check the path and the kind of image named before it",
        PermissionError: "Make it readable for this user, or run as one who may read it",
    }.get(type(error), "Check the path")
    return UnavailableError((error.strerror or str(error)).lower(), place=str(path), remedy=remedy)


class Blobs(Protocol):
    """Named byte strings of an image at rest."""

    place: str

    def names(self) -> Iterator[str]:
        """Yield the names that the top level holds."""
        ...

    def open(self, name: str) -> BinaryIO:
        """Open one for reading.

        Raises:
            UnavailableError: it is missing or may not be read.
        """
        ...

    def read(self, name: str, limit: int) -> bytes:
        """Return the whole of a small one.

        Raises:
            InputError: it is larger than ``limit``.
        """
        ...

    def size(self, name: str) -> int:
        """Return its size in bytes."""
        ...


def _bounded(raw: BinaryIO, limit: int, place: str) -> bytes:
    with raw:
        data = b""
        while chunk := raw.read(limit + 1 - len(data)):
            data += chunk
            if len(data) > limit:
                raise InputError(f"larger than {limit} bytes", place=place)
    return data


class FolderBlobs:
    """Blobs in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.place = str(folder)

    def names(self) -> Iterator[str]:
        """Yield the names in the folder."""
        try:
            yield from sorted(item.name for item in self._folder.iterdir())
        except OSError as error:
            raise _unavailable(error, self._folder) from error

    def open(self, name: str) -> BinaryIO:
        """Open one for reading."""
        return open_regular(self._folder / name)

    def read(self, name: str, limit: int) -> bytes:
        """Return the whole of a small one."""
        return _bounded(self.open(name), limit, f"{self.place}/{name}")

    def size(self, name: str) -> int:
        """Return its size in bytes."""
        with self.open(name) as raw:
            return os.fstat(raw.fileno()).st_size


class _Span(Struct, frozen=True):
    start: int
    size: int
    link: str


class ArchiveBlobs:
    """Blobs inside an uncompressed tar archive: listed once, then read where they lie.

    Raises:
        InputError: the file is no tar archive, or a damaged one.
    """

    def __init__(self, path: Path, limits: Limits) -> None:
        self._path = path
        self.place = str(path)
        with open_regular(path) as raw:
            self._spans = dict(_spans(raw, self.place, limits))

    def names(self) -> Iterator[str]:
        """Yield the names at the archive's top level."""
        yield from sorted({name.partition("/")[0] for name in self._spans})

    def open(self, name: str) -> BinaryIO:
        """Open one for reading."""
        span = self._find(name)
        raw = open_regular(self._path)
        raw.seek(span.start)
        return cast("BinaryIO", _Slice(raw, span.size, f"{self.place}: {name}"))

    def read(self, name: str, limit: int) -> bytes:
        """Return the whole of a small one."""
        return _bounded(self.open(name), limit, f"{self.place}: {name}")

    def size(self, name: str) -> int:
        """Return its size in bytes."""
        return self._find(name).size

    def _find(self, name: str) -> _Span:
        """Follow the links that ``docker save`` writes for layers that occur twice."""
        for _ in range(_HOPS):
            span = self._spans.get(name)
            if span is None:
                raise UnavailableError(
                    "not in the archive",
                    place=f"{self.place}: {name}",
                    remedy="The archive is cut: save the image again",
                )
            if not span.link:
                return span
            name = span.link
        raise InputError("a chain of links without an end", place=f"{self.place}: {name}")


class _Slice(RawIOBase):
    """A run of bytes of a file, as a file of its own."""

    def __init__(self, raw: BinaryIO, size: int, place: str) -> None:
        self._raw = raw
        self._left = size
        self._place = place

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return up to ``size`` bytes."""
        data = self._raw.read(self._left if size < 0 else min(size, self._left))
        if not data and self._left:
            raise UntrustedError("the archive was cut while it was read", place=self._place)
        self._left -= len(data)
        return data

    def close(self) -> None:
        """Close the archive."""
        self._raw.close()
        super().close()


class _Seeking(Window):
    """A window over a file that passes over contents by seeking."""

    def __init__(self, raw: BinaryIO, place: str) -> None:
        super().__init__(iter(lambda: raw.read(64 * 1024), b""), place)
        self._raw = raw
        self._end = os.fstat(raw.fileno()).st_size

    def skip(self, size: int) -> None:
        """Pass over ``size`` bytes without reading them."""
        ahead = len(self._buffer) - self._at
        if size > ahead:
            if self.offset + size > self._end:
                raise InputError(f"the archive is cut at byte {self._end}", place=self.place)
            self._raw.seek(size - ahead, os.SEEK_CUR)
            self._buffer, self._at = b"", 0
            self.offset += size
        else:
            super().skip(size)


def _spans(raw: BinaryIO, place: str, limits: Limits) -> Iterator[tuple[str, _Span]]:
    window = _Seeking(raw, place)
    anomalies: list[Anomaly] = []
    bounded: dict[str, Any] = {"entries": limits.archive, "headers": limits.headers, "path": limits.path}
    for member in scan(window, Limits(**bounded), anomalies):
        entry = member.entry()
        if entry.kind is Kind.SYMLINK:
            base = entry.path.rpartition("/")[0]
            yield entry.path, _Span(0, 0, os.path.normpath(os.path.join(base, entry.link)))  # noqa: PTH118 - a name
        elif entry.kind is Kind.HARDLINK:
            yield entry.path, _Span(0, 0, entry.link)
        elif entry.kind is Kind.FILE:
            yield entry.path, _Span(window.offset, entry.size, "")
