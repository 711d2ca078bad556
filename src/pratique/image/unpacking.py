"""The merged tree of an image as a real folder, for running it. Links are made, never followed; nothing leaves the folder.

Safe by construction: which paths exist, and that every parent is a folder, is taken from the merged tree; the folder is
new and ours. Devices, FIFOs and sockets are left out and told; extended attributes but file capabilities are not kept.
"""

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from pratique.image.layer import LayerBlob, checked
from pratique.image.limits import DEFAULT, Limits
from pratique.image.origin import Origins, Position
from pratique.image.source import Image
from pratique.image.tar import Member, Window, number, scan, text_of
from pratique.image.tree import MergedTree
from pratique.model.errors import InputError, UnavailableError, UnsupportedError
from pratique.model.files import Anomaly, Kind, LayerFacts

_ESCAPE = re.compile(rb"\\x([89a-f][0-9a-f])")
_FOLDER = 0o755
_MADE = {Kind.DIRECTORY, Kind.SYMLINK}
_NOBODY = (1 << 32) - 1
"""To chown(2) this stands for "as it is"."""

_LAST = 1 << 33
_CAPABILITY = "SCHILY.xattr.security.capability"


class _Owner(NamedTuple):
    """What a header says of an entry beside its kind."""

    uid: int
    gid: int
    mode: int
    mtime: float
    capability: bytes


def on_disk(text: str) -> str:
    """Return a path or a link's target of a tree as the file system has it; bytes that are not UTF-8 are escaped in a tree."""
    raw = _ESCAPE.sub(lambda found: bytes.fromhex(found[1].decode()), text.encode())
    return os.fsdecode(raw) if text_of(raw) == text else text


def unpack(
    image: Image, facts: Sequence[LayerFacts], tree: MergedTree, folder: Path, limits: Limits = DEFAULT
) -> list[str]:
    """Write the merged tree of an image into a new folder; return the paths of what was left out.

    1. Find, for every file of the tree, the entry whose bytes it shows; hard links share one.
    2. Make every folder.
    3. Read each layer once, checked as in the first pass, and write what is wanted of it.
    4. Set owners, modes and times, folders last; then give the whole its name.

    Raises:
        UnavailableError: the folder exists, or the disk refuses.
        UntrustedError: a layer is not what the manifest promises.
        InputError: an owner is no number.
    """
    if image.root:
        raise UnsupportedError(
            "an unpacked root is not unpacked again", place=str(image.root), remedy="Name an image"
        )
    part = folder.with_name(f".{folder.name}.part")
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        part.chmod(_FOLDER)
        writer = _Writer(part, tree, Origins(facts, tree).paths)  # 1
        writer.folders()  # 2
        for index, layer in enumerate(image.layers):  # 3
            with checked(layer, limits) as chunks:
                _write(writer, index, layer, chunks, limits)
        writer.finish()  # 4
        part.rename(folder)
    except OSError as error:
        raise UnavailableError(
            (error.strerror or str(error)).lower(),
            place=str(error.filename or folder),
            remedy="Free space, or run as root",
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return writer.left_out


def _write(writer: "_Writer", index: int, layer: LayerBlob, chunks: Iterator[bytes], limits: Limits) -> None:
    anomalies: list[Anomaly] = []
    for position, member in enumerate(scan(Window(chunks, layer.place), limits, anomalies)):
        writer.take(index, position, member)


class _Writer:
    """Writes entries below a folder of its own."""

    def __init__(self, folder: Path, tree: MergedTree, sources: dict[Position, list[str]]) -> None:
        self._folder = folder
        self._tree = tree
        self._sources = sources
        self._owners: dict[str, _Owner] = {}
        self.left_out: list[str] = []

    def folders(self) -> None:
        """Make every folder of the tree, and those that no entry names."""
        for path in self._tree.folders():
            place = self._place(path)
            place.mkdir()
            place.chmod(_FOLDER)  # whatever mask the user has
        for path, file in self._tree.everything():
            if file.entry.kind is Kind.SYMLINK:
                self._place(path).symlink_to(on_disk(file.entry.link))

    def _place(self, path: str) -> Path:
        return self._folder / (on_disk(path) if "\\x" in path else path)

    def take(self, layer: int, position: int, member: Member) -> None:
        """Write an entry to every path that shows it; one of which the tree shows another kind is left out."""
        paths = self._sources.get((layer, position), ())
        self.left_out += [path for path in paths if not self._fits(path, member)]
        made = [path for path in paths if self._fits(path, member)]
        if made and member.kind is Kind.FILE:
            self._file(made, member, _owner(member))
        elif made:
            self._owners.update(dict.fromkeys(made, _owner(member)))

    def _fits(self, path: str, member: Member) -> bool:
        file, kind = self._tree.at(path), member.kind
        if kind is Kind.FILE:
            return bool(member.contents and file and file.entry.kind in {Kind.FILE, Kind.HARDLINK})
        return bool(kind in _MADE and file and file.entry.kind is kind)

    def _file(self, paths: list[str], member: Member, owner: _Owner) -> None:
        first = self._place(paths[0])
        descriptor = os.open(
            first, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
        )
        with os.fdopen(descriptor, "wb") as file:
            for piece in member.contents.pieces(member.size) if member.contents else ():
                file.write(piece)
            file.flush()
            _own(descriptor, owner)
        for other in paths[1:]:
            self._place(other).hardlink_to(first)

    def finish(self) -> None:
        """Set owners, modes and times of links and folders, the deepest first: writing below a folder changes its time."""
        for path, owner in sorted(self._owners.items(), reverse=True):
            place = self._place(path)
            if os.geteuid() == 0:
                os.chown(place, owner.uid, owner.gid, follow_symlinks=False)
            if not place.is_symlink():
                place.chmod(owner.mode)
            os.utime(place, (owner.mtime, owner.mtime), follow_symlinks=False)


def _own(descriptor: int, owner: _Owner) -> None:
    if os.geteuid() == 0:
        os.fchown(descriptor, owner.uid, owner.gid)
        if owner.capability:
            os.setxattr(descriptor, "security.capability", owner.capability)
    os.fchmod(descriptor, owner.mode)
    os.utime(descriptor, (owner.mtime, owner.mtime))


def _owner(member: Member) -> _Owner:
    """Return owner, mode and time; the pax records outrank the header (POSIX.1-2001, pax)."""
    block, pax = member.block, member.pax
    uid = _identity(pax.get("uid"), block[108:116], member.path)
    gid = _identity(pax.get("gid"), block[116:124], member.path)
    time = _time(pax.get("mtime"), block[136:148])
    return _Owner(uid, gid, member.mode, time, pax.get(_CAPABILITY, b""))


def _identity(record: bytes | None, field: bytes, path: str) -> int:
    if record and not (record.isdigit() and len(record) <= 10):
        raise InputError("a user or group that is no number", place=path)
    try:
        found = int(record) if record else number(field)
    except InputError as error:
        raise error.at(path) from None
    if found >= _NOBODY:
        raise InputError(f"a user or group beyond 32 bits: {found}", place=path)
    return found


def _time(record: bytes | None, field: bytes) -> float:
    """Return a time in seconds; one that no file can have is taken for the beginning of 1970."""
    with suppress(ValueError, InputError):
        found = float(record) if record else float(number(field))
        if abs(found) < _LAST:
            return found
    return 0.0
