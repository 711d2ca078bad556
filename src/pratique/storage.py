"""Where our own files lie, and how they are written: whole or not at all.

A reader sees the old file or the new one. What can be made anew is told by its size and its last use.
"""

import fcntl
import hashlib
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import zstandard

from pratique.model.errors import InputError, UnavailableError

_DIGEST = 32  # bytes of sha256


def cache_folder(override: str = "") -> Path:
    """Return the folder for our own data: the override, else ``XDG_CACHE_HOME/pratique`` (XDG base directories 0.8)."""
    if override:
        return Path(override)
    base = os.environ.get("XDG_CACHE_HOME", "")
    root = Path(base) if base.startswith("/") else Path.home() / ".cache"
    return root / "pratique"


def data_folder() -> Path:
    """Return the folder for what a user keeps: ``XDG_DATA_HOME/pratique`` (XDG base directories 0.8)."""
    base = os.environ.get("XDG_DATA_HOME", "")
    root = Path(base) if base.startswith("/") else Path.home() / ".local" / "share"
    return root / "pratique"


def write_atomic(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Write a file so that no reader and no crash ever sees half of it.

    A link is followed; a pipe or device is written to as it is, since putting a file in its place would break others.

    Args:
        path: of the file.
        data: its whole content.
        durable: wait until the disk has it; without that a machine that stops may leave damage, which the reader has to see.

    Raises:
        UnavailableError: the folder or disk refuses.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        _write_through(path, data)
        return
    real = path.resolve()

    def fill(temporary: Path) -> Path:
        temporary.write_bytes(data)
        return real

    create_atomic(real.parent, fill, durable=durable)


def _write_through(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise _refused(error, path) from error


def create_atomic(folder: Path, fill: Callable[[Path], Path], *, durable: bool = True) -> Path:
    """Let ``fill`` write a new file in a folder and say what it is to be called; nothing is left behind when it fails.

    Raises:
        UnavailableError: the folder or disk refuses.
    """
    temporary = folder / f".{secrets.token_hex(8)}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o666))
        path = fill(temporary)
        if durable:
            _flush(temporary)
        temporary.replace(path)
        if durable:
            _flush(folder)
    except OSError as error:
        raise _refused(error, folder) from error
    finally:
        with suppress(OSError):  # it was moved, or never made
            temporary.unlink()
    return path


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder's lock, so that of two writers one waits for the other.

    Raises:
        UnavailableError: the folder or disk refuses.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise _refused(error, folder) from error
    try:
        _wait(descriptor, folder)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Let one of several who would make the same file go first; the others find what it made.

    Where the disk refuses a lock, each makes it for itself.
    """
    lock, descriptor = path.with_name(f".{path.name}.lock"), -1
    try:
        with suppress(OSError):
            lock.parent.mkdir(parents=True, exist_ok=True)
            descriptor = _held(lock)
        yield
    finally:
        if descriptor >= 0:
            lock.unlink(missing_ok=True)
            os.close(descriptor)


def _held(lock: Path) -> int:
    """Return a lock file that is ours; one that was taken away while we waited locks nobody out."""
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(descriptor), lock.stat()):
                    return descriptor
        except OSError:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _wait(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError as error:  # a file system without locks
        raise _refused(error, folder) from error


@contextmanager
def workspace(folder: Path) -> Iterator[Path]:
    """Hand out an empty folder of a fixed place, and take it away afterwards; what a killed run left there goes first.

    Raises:
        UnavailableError: the disk refuses.
    """
    with locked(folder.parent):
        try:
            _remove(folder)
            folder.mkdir(parents=True)
            yield folder
        except OSError as error:
            raise _refused(error, Path(str(error.filename or folder))) from error
        finally:
            with suppress(OSError):  # it goes first next time
                _remove(folder)


def _remove(folder: Path) -> None:
    """Take away whatever lies at a place, however deep: a program may nest folders beyond any call stack and path length.

    Each inner folder is moved up before it is emptied.
    """
    if not folder.is_dir() or folder.is_symlink():
        folder.unlink(missing_ok=True)
        return
    waiting, token, moved = [folder], secrets.token_hex(8), 0
    while waiting:
        here = waiting.pop()
        with os.scandir(here) as items:
            found = list(items)
        for item in found:
            place = folder / f"{token}.{moved}"
            if item.is_dir(follow_symlinks=False):
                waiting.append(Path(item.path).rename(place))
                moved += 1
            else:
                Path(item.path).unlink()
        if here != folder:
            here.rmdir()
    folder.rmdir()


class Kept(NamedTuple):
    """Something of our own that can be made anew: a file or folder, its bytes, and when it was used last (UTC)."""

    path: Path
    size: int
    used: datetime


def kept_below(folder: Path, depth: int) -> Iterator[Kept]:
    """Yield what lies at a depth below a folder; what goes away meanwhile is left out.

    Raises:
        UnavailableError: a folder cannot be read.
    """
    for item in sorted(folder.glob("*") if folder.is_dir() else ()):
        with suppress(FileNotFoundError):
            if depth > 1 and item.is_dir() and not item.is_symlink():
                yield from kept_below(item, depth - 1)
            else:
                used = datetime.fromtimestamp(item.lstat().st_mtime, UTC)
                yield Kept(item, _bytes(item), used)


def _bytes(path: Path) -> int:
    """Return the bytes of a file, or of all files below a folder; links are not followed."""
    if path.is_symlink() or not path.is_dir():
        return path.lstat().st_size
    total = 0
    for here, _, names in os.walk(path):
        for name in names:
            with suppress(OSError):  # it went away, or its name is too long to ask for
                total += os.lstat(os.path.join(here, name)).st_size  # noqa: PTH118 - of 50,000 files
    return total


def remember(path: Path, data: bytes) -> None:
    """Keep what can be made anew, compressed, behind a digest of its own; where the disk refuses, it will be made anew."""
    packed = zstandard.compress(data, 1)
    with suppress(UnavailableError):
        write_atomic(path, hashlib.sha256(packed).digest() + packed, durable=False)


def recall(path: Path) -> bytes | None:
    """Return what ``remember`` kept, and note that it was used; None where it is not there, or no longer what it was."""
    try:
        data = memoryview(path.read_bytes())
    except OSError:
        return None
    packed = data[_DIGEST:]
    if hashlib.sha256(packed).digest() != data[:_DIGEST]:
        return None
    touch(path)
    with suppress(zstandard.ZstdError):  # of an older version
        return zstandard.decompress(packed)
    return None


def touch(path: Path) -> None:
    """Note that something of our own was used; where the disk refuses, it only looks older than it is."""
    with suppress(OSError):
        os.utime(path)


def forget(folder: Path) -> None:
    """Take something of our own away, file or folder; nobody sees half of it."""
    with suppress(FileNotFoundError):
        gone = folder.rename(folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.gone"))
        with suppress(OSError):  # it is out of sight
            _remove(gone)


def _refused(error: OSError, place: Path) -> UnavailableError:
    remedy = "Free space, or name a folder that this user may write"
    return UnavailableError((error.strerror or str(error)).lower(), place=str(place), remedy=remedy)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_whole(path: Path, limit: int) -> bytes:
    """Return the content of a small file of the user's.

    Raises:
        UnavailableError: it is missing or may not be read.
        InputError: it is larger than ``limit`` bytes, or no path at all.
    """
    if "\0" in str(path):
        raise InputError("a path with NUL in it", place=repr(str(path)), remedy="Correct it")
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise UnavailableError(
            (error.strerror or str(error)).lower(),
            place=str(path),
            remedy="Check the path and its permissions",
        ) from error
    if len(data) > limit:
        raise InputError(f"larger than {limit} bytes", place=str(path), remedy="Name the file that was meant")
    return data
