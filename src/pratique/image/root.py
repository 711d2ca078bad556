"""An unpacked root folder, read as one layer. Links are recorded, never followed; nothing but files is opened."""

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from msgspec.structs import replace

from pratique.image.blobs import open_regular
from pratique.image.layer import reduce_members
from pratique.image.limits import Limits
from pratique.image.tar import Member, text_of
from pratique.model.errors import UnavailableError
from pratique.model.files import Anomaly, Entry, Kind, LayerFacts, Reader

_PIECE = 1 << 20
_KINDS = {
    stat.S_IFREG: Kind.FILE,
    stat.S_IFDIR: Kind.DIRECTORY,
    stat.S_IFLNK: Kind.SYMLINK,
    stat.S_IFCHR: Kind.CHARACTER,
    stat.S_IFBLK: Kind.BLOCK,
    stat.S_IFIFO: Kind.FIFO,
    stat.S_IFSOCK: Kind.SOCKET,
}


def reduce_root(root: Path, readers: Sequence[Reader], limits: Limits) -> LayerFacts:
    """Read an unpacked root folder and return its facts.

    Raises:
        UnavailableError: a folder or a wanted file may not be read.
        InputError: a package database is damaged.
    """
    anomalies: list[Anomaly] = []
    entries, facts = reduce_members(_members(root, anomalies), readers, limits, str(root))
    return LayerFacts(None, sum(e.size for e in entries), entries, facts, tuple(anomalies))


def _members(root: Path, anomalies: list[Anomaly]) -> Iterator[Member]:
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
            member = _member(path, full, status)
            if not path.isascii() and "\\x" in member.entry.path:
                anomalies.append(Anomaly(member.entry.path, "a name that is not UTF-8"))
            if status.st_dev != device:
                anomalies.append(Anomaly(member.entry.path, "another file system, which is not read"))
                continue
            yield _once(member, status, first)
            if member.entry.kind is Kind.DIRECTORY:
                waiting.append(path)


def _once(member: Member, status: os.stat_result, first: dict[int, str]) -> Member:
    """Return a member; of the names of one file all but the first are hard links to it, as a tar archive has them."""
    if member.entry.kind is not Kind.FILE or status.st_nlink == 1:
        return member
    name = first.setdefault(status.st_ino, member.entry.path)
    if name == member.entry.path:
        return member
    return member._replace(entry=replace(member.entry, kind=Kind.HARDLINK, size=0, link=name))


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


def _member(path: bytes, full: bytes, status: os.stat_result) -> Member:
    kind = _KINDS.get(stat.S_IFMT(status.st_mode), Kind.FIFO)
    link = ""
    if kind is Kind.SYMLINK:
        with _refusals(full):
            link = text_of(os.readlink(full))  # noqa: PTH115 - bytes
    size = status.st_size if kind is Kind.FILE else 0
    entry = Entry(text_of(path), kind, size, stat.S_IMODE(status.st_mode), link)
    place = Path(os.fsdecode(full))
    if kind is not Kind.FILE:
        return Member(entry, None)
    return Member(entry, _content(place, size), _pieces(place, size))


def _content(path: Path, size: int) -> Callable[[], bytes]:
    return lambda: b"".join(_pieces(path, size)())


def _pieces(path: Path, size: int) -> Callable[[], Iterator[bytes]]:
    def pieces() -> Iterator[bytes]:
        left = size
        with open_regular(path) as raw:
            while left and (chunk := raw.read(min(left, _PIECE))):
                left -= len(chunk)
                yield chunk
        if left:
            raise UnavailableError(
                "changed while it was read", place=str(path), remedy="Scan a root that is at rest"
            )

    return pieces
