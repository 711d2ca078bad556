"""Files that a workload wrote, read where they lie: links are not followed, nothing outside of the run's folders is read."""

import hashlib
import os
import stat
from io import FileIO
from pathlib import Path

from msgspec import Struct

from pratique.model.errors import InputError, UsageError

_TMP = "tmp"
_REMEDY = "Name a file that the workload writes: links, devices and pipes are not read"
_PIECE = 1 << 20


class Outputs(Struct, frozen=True):
    """What one run left behind.

    Attributes:
        changed: the upper folder that received its changes.
        temporary: what it saw as ``/tmp``.
    """

    changed: Path
    temporary: Path

    def open(self, path: str) -> FileIO | None:
        """Open a regular file by its path in the image; None where the run wrote none there, or took it away.

        Raises:
            UsageError: the path is none of a file: empty, ``/tmp`` itself, or with ``..``.
            InputError: a link lies on the way, or it is no regular file.
        """
        base, (*parents, name) = self._way(path)
        place = os.open(base, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for part in parents:
                place = _stepped(place, part, path)
            return _opened(place, name, path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise InputError((error.strerror or str(error)).lower(), place=path, remedy=_REMEDY) from error
        finally:
            os.close(place)

    def _way(self, path: str) -> tuple[Path, list[str]]:
        """Return a folder of ours, and the names on the way from there to a file."""
        names = _names(path)
        base = self.temporary if names[:1] == [_TMP] else self.changed
        inside = names[1:] if base is self.temporary else names
        if not inside or ".." in names or "\0" in path:
            raise UsageError(
                f"no path of a file: {path[:80]!r}",
                remedy="Name an absolute path without .., as in /tmp/out/metrics.json",
            )
        return base, inside

    def digest(self, path: str) -> str:
        """Return the sha256 of a file; empty where the run wrote none."""
        file = self.open(path)
        if file is None:
            return ""
        with file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def copy(self, path: str, folder: Path) -> None:
        """Copy a file into a folder, under its path; nothing happens where the run wrote none."""
        file = self.open(path)
        if file is None:
            return
        target = folder.joinpath(*_names(path))
        target.parent.mkdir(parents=True, exist_ok=True)
        with file, target.open("wb") as copy:
            while piece := file.read(_PIECE):
                copy.write(piece)


def _names(path: str) -> list[str]:
    return [name for name in path.split("/") if name not in {"", "."}]


def _stepped(folder: int, name: str, path: str) -> int:
    """Return a folder inside a folder, which is closed."""
    inner = _looked_up(folder, name)
    if not stat.S_ISDIR(os.fstat(inner).st_mode):
        os.close(inner)
        raise InputError("a link or file where a folder of an output is expected", place=path, remedy=_REMEDY)
    os.close(folder)
    return inner


def _opened(folder: int, name: str, path: str) -> FileIO:
    """Open a file inside a folder, after a look at it: opening a device can do something."""
    found = _looked_up(folder, name)
    try:
        if not stat.S_ISREG(os.fstat(found).st_mode):
            raise InputError("not a regular file where an output is expected", place=path, remedy=_REMEDY)
        return FileIO(os.open(f"/proc/self/fd/{found}", os.O_RDONLY | os.O_CLOEXEC), "rb")
    finally:
        os.close(found)


def _looked_up(folder: int, name: str) -> int:
    """Return a handle of what lies in a folder; a link is not followed, and overlayfs's mark of a removed file is none."""
    found = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    there = os.fstat(found)
    if stat.S_ISCHR(there.st_mode) and there.st_rdev == 0:
        os.close(found)
        raise FileNotFoundError
    return found
