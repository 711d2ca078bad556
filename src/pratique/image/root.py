"""An unpacked root folder, read as one layer. Links are recorded, never followed; nothing but files is opened."""

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pratique.image.blobs import open_regular
from pratique.image.layer import reduce_members
from pratique.image.limits import MIB, Limits
from pratique.image.tar import Member, sha256_of, text_of
from pratique.model.errors import UnavailableError
from pratique.model.files import Anomaly, Kind, LayerFacts, Reader

_KINDS = {
    stat.S_IFREG: Kind.FILE,
    stat.S_IFDIR: Kind.DIRECTORY,
    stat.S_IFLNK: Kind.SYMLINK,
    stat.S_IFCHR: Kind.CHARACTER,
    stat.S_IFBLK: Kind.BLOCK,
    stat.S_IFIFO: Kind.FIFO,
    stat.S_IFSOCK: Kind.SOCKET,
}


def reduce_root(root: Path, readers: Sequence[Reader], limits: Limits, *, digests: bool) -> LayerFacts:
    """Read an unpacked root folder and return its facts.

    Args:
        root: the folder.
        readers: what is to be made of which files.
        limits: ceilings.
        digests: whether files are hashed; those that no reader wants are not opened without.

    Raises:
        UnavailableError: a folder or a wanted file may not be read.
        InputError: a package database is damaged.
    """
    anomalies: list[Anomaly] = []
    members = _members(root, anomalies, _File if digests else _Unhashed)
    entries, facts = reduce_members(members, readers, limits, str(root))
    return LayerFacts(None, sum(e.size for e in entries), entries, facts, tuple(anomalies))


def _members(root: Path, anomalies: list[Anomaly], contents: type["_File"]) -> Iterator[Member]:
    """Yield every entry below the root, folders before what they hold, names in byte order.

    What is mounted inside, such as ``/proc`` of a running system, is not part of the root: it is reported and left out.
    """
    base = os.fsencode(root)
    device = _status(os.path.realpath(base)).st_dev
    waiting = [b""]
    first: dict[int, str] = {}
    while waiting:
        folder = waiting.pop()
        for name in _listed(os.path.join(base, folder)):  # noqa: PTH118 - bytes, so that no name is lost
            path = os.path.join(folder, name)  # noqa: PTH118
            full = os.path.join(base, path)  # noqa: PTH118
            status = _status(full)
            member = _member(path, full, status, contents)
            if not path.isascii() and "\\x" in member.path:
                anomalies.append(Anomaly(member.path, "a name that is not UTF-8"))
            if status.st_dev != device:
                anomalies.append(Anomaly(member.path, "another file system, which is not read"))
                continue
            yield _once(member, status, first)
            if member.kind is Kind.DIRECTORY:
                waiting.append(path)


def _once(member: Member, status: os.stat_result, first: dict[int, str]) -> Member:
    """Return a member; of the names of one file all but the first are hard links to it, as a tar archive has them."""
    if member.kind is not Kind.FILE or status.st_nlink == 1:
        return member
    name = first.setdefault(status.st_ino, member.path)
    if name == member.path:
        return member
    return Member(member.path, Kind.HARDLINK, 0, member.mode, name)


def _listed(folder: bytes) -> list[bytes]:
    with _refusals(folder):
        return sorted(os.listdir(folder))  # noqa: PTH208 - bytes


def _status(path: bytes) -> os.stat_result:
    with _refusals(path):
        return os.lstat(path)


@contextmanager
def _refusals(path: bytes) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UnavailableError(
            (error.strerror or str(error)).lower(),
            place=text_of(path),
            remedy="Scan a root that is at rest, as a user who may read all of it",
        ) from error


def _member(path: bytes, full: bytes, status: os.stat_result, contents: type["_File"]) -> Member:
    kind = _KINDS.get(stat.S_IFMT(status.st_mode), Kind.FIFO)
    link = ""
    if kind is Kind.SYMLINK:
        with _refusals(full):
            link = text_of(os.readlink(full))  # noqa: PTH115 - bytes
    mode = stat.S_IMODE(status.st_mode)
    if kind is not Kind.FILE:
        return Member(text_of(path), kind, 0, mode, link)
    return Member(text_of(path), kind, status.st_size, mode, link, contents(Path(os.fsdecode(full))))


class _File:
    """The content of a file at rest."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, size: int) -> bytes:
        """Return the whole of it."""
        return b"".join(self.pieces(size))

    def pieces(self, size: int) -> Iterator[bytes]:
        """Yield it in pieces.

        Raises:
            UnavailableError: it may not be read, or has fewer bytes than before.
        """
        with open_regular(self._path) as raw:
            while size and (chunk := raw.read(min(size, MIB))):
                size -= len(chunk)
                yield chunk
        if size:
            raise UnavailableError(
                "changed while it was read", place=str(self._path), remedy="Scan a root that is at rest"
            )

    def sha256(self, size: int) -> bytes:
        """Return its digest."""
        return sha256_of(self.pieces(size))


class _Unhashed(_File):
    """The content of a file whose digest nobody asks for: it is not read for that alone."""

    def sha256(self, _size: int) -> bytes:
        """Return none."""
        return b""
