"""Files that a workload wrote, read where they lie: links are not followed, nothing outside of the run's folders is read."""

import hashlib
import os
import stat
from io import FileIO
from pathlib import Path

from msgspec import Struct

from pratique.model.errors import InputError

_TMP = "tmp/"
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
        """Open a regular file by its path in the image; None where the run wrote none there.

        Raises:
            InputError: a link lies on the way, or it is no regular file.
        """
        inside = path.strip("/")
        base, rest = (
            (self.temporary, inside[len(_TMP) :]) if inside.startswith(_TMP) else (self.changed, inside)
        )
        folder = os.open(base, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            *parents, name = rest.split("/")
            for part in parents:
                folder = _stepped(folder, part)
            descriptor = os.open(
                name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder
            )
        except FileNotFoundError:
            return None
        except OSError as error:
            raise InputError("a link or no file where an output is expected", place=path) from error
        finally:
            os.close(folder)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise InputError("not a regular file where an output is expected", place=path)
        return FileIO(descriptor, "rb")

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
        target = folder / path.strip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        with file, target.open("xb") as copy:
            while piece := file.read(_PIECE):
                copy.write(piece)


def _stepped(folder: int, name: str) -> int:
    """Return a folder inside a folder, which is closed; a link is no folder."""
    inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    os.close(folder)
    return inner
