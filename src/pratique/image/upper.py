"""The upper folder of an overlay mount: edited while it is not mounted, read as a layer, written as one.

Follows Linux's overlayfs.rst ("whiteouts and opaque directories") on the one side and image-spec layer.md on the other.
Needs root, as the mount itself does. Sockets are left out; of extended attributes only file capabilities are kept.
"""

import os
import shutil
import stat
import tarfile  # noqa: TID251 - forms headers; nothing is read or extracted by it
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from pratique.image.rewrite import MadeLayer, Packer
from pratique.image.tar import BLOCK, text_of
from pratique.image.tree import OPAQUE, WHITEOUT
from pratique.image.unpacking import on_disk
from pratique.model.digest import Digest
from pratique.model.errors import InputError, UnsupportedError
from pratique.model.files import Entry, Kind, LayerFacts

_OPAQUE = "trusted.overlay.opaque"
_ELSEWHERE = {"trusted.overlay.redirect", "trusted.overlay.metacopy"}
_CAPABILITY = "security.capability"
_PIECE = 1 << 20
_UNNAMED = Digest("sha256:" + 64 * "0")
_KINDS = {
    stat.S_IFREG: Kind.FILE,
    stat.S_IFDIR: Kind.DIRECTORY,
    stat.S_IFLNK: Kind.SYMLINK,
    stat.S_IFIFO: Kind.FIFO,
    stat.S_IFCHR: Kind.CHARACTER,
    stat.S_IFBLK: Kind.BLOCK,
}
_TYPES = {
    Kind.FILE: tarfile.REGTYPE,
    Kind.HARDLINK: tarfile.LNKTYPE,
    Kind.DIRECTORY: tarfile.DIRTYPE,
    Kind.SYMLINK: tarfile.SYMTYPE,
    Kind.FIFO: tarfile.FIFOTYPE,
    Kind.CHARACTER: tarfile.CHRTYPE,
    Kind.BLOCK: tarfile.BLKTYPE,
}


class Upper:
    """What an overlay mount changed of a root.

    Args:
        folder: the upper folder.
        root: the folder beneath it.
    """

    def __init__(self, folder: Path, root: Path) -> None:
        self._folder = folder
        self._root = root

    def remove(self, path: str) -> None:
        """Take a file or folder away; the path has no link among its parents."""
        here = self._folder / on_disk(path)
        if _is_whiteout(here) or any(_is_file(place) for place in self._above(here)):
            return
        shown = self._shown_beneath(here)
        if _is_folder(here):
            shutil.rmtree(here)
        else:
            here.unlink(missing_ok=True)
        if shown:
            self._open(here.parent)
            os.mknod(here, stat.S_IFCHR, os.makedev(0, 0))

    def write(self, path: str, content: bytes, mode: int, mtime: int) -> None:
        """Put a file in place, owned by root; the path has no link among its parents."""
        here = self._folder / on_disk(path)
        self._open(here.parent)
        if _is_folder(here):
            shutil.rmtree(here)
        here.unlink(missing_ok=True)
        descriptor = os.open(here, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fchown(descriptor, 0, 0)  # a folder's group is handed down where its set-group-id bit says so
            os.fchmod(descriptor, mode)
            os.utime(descriptor, (mtime, mtime))

    def _above(self, place: Path) -> list[Path]:
        """Return the folders of the upper that a place lies in, the topmost first."""
        parts = place.relative_to(self._folder).parts
        return [self._folder.joinpath(*parts[:end]) for end in range(1, len(parts))]

    def _beneath(self, place: Path) -> Path:
        return self._root / place.relative_to(self._folder)

    def _shown_beneath(self, place: Path) -> bool:
        """Say whether the root has something there that is seen where the upper has nothing."""
        for above in self._above(place):
            if not _is_folder(self._beneath(above)) or _is_file(above) or _attribute(above, _OPAQUE) == b"y":
                return False
        return os.path.lexists(self._beneath(place))

    def _open(self, folder: Path) -> None:
        """Make a folder of the upper, and those above it, like the ones that lie beneath."""
        if folder == self._folder or _is_folder(folder):
            return
        self._open(folder.parent)
        replaced, beneath = _is_file(folder), self._beneath(folder)
        around = folder.parent.stat()
        folder.unlink(missing_ok=True)
        folder.mkdir()
        if not replaced and self._shown_beneath(folder) and _is_folder(beneath):
            found = beneath.stat()
            os.chown(folder, found.st_uid, found.st_gid)
            folder.chmod(stat.S_IMODE(found.st_mode))
            _set_times(folder, found)
            _set_times(folder.parent, around)  # seen through the mount, nothing is new there
            return
        os.chown(folder, 0, 0)
        folder.chmod(0o755)
        if replaced:
            os.setxattr(folder, _OPAQUE, b"y")

    def facts(self, without: Collection[str]) -> LayerFacts:
        """Return the upper as a layer, without facts of any reader.

        Args:
            without: paths that are left out: places that only the mount needed.

        Raises:
            InputError: a file is named like a whiteout, so that a layer cannot hold it.
        """
        entries = tuple(i.entry for i in _items(self._folder) if i.entry.path not in without)
        return LayerFacts(_UNNAMED, 0, entries, {}, ())

    def layer(
        self,
        path: Path,
        *,
        hide: Iterable[str],
        bring: Iterable[str],
        without: Collection[str],
        since: float,
        stamp: int,
    ) -> MadeLayer:
        """Write the upper as a layer.

        Args:
            path: of the new file.
            hide: paths that get a whiteout; the upper's own are not used.
            bring: folders that the upper has not, as they lie beneath.
            without: paths that are left out.
            since: when the upper was made; what changed after it was changed in it.
            stamp: the time that such a change gets instead of its own.

        Raises:
            InputError: a file is named like a whiteout, so that a layer cannot hold it.
            UnsupportedError: the kernel left a file's content or a folder's former name in the lower folder.
        """
        with Packer(path) as packer:
            for item in _items(self._folder):
                if not item.whiteout and item.entry.path not in without:
                    _write(packer, item, since, stamp)
            for text in sorted(bring):
                name = on_disk(text)
                found = (self._root / name).lstat()
                entry = Entry(text, Kind.DIRECTORY)
                _write(packer, _Item(entry, self._root / name, name, "", found, whiteout=False), since, stamp)
            for text in sorted(hide):
                folder, slash, name = on_disk(text).rpartition("/")
                packer.write(_header(tarfile.TarInfo(f"{folder}{slash}{WHITEOUT}{name}"), stamp, 0))
            return packer.finish()


class _Item(NamedTuple):
    """A place of the upper; the name and link are the file system's own."""

    entry: Entry
    place: Path
    name: str
    link: str
    found: os.stat_result
    whiteout: bool


def _items(folder: Path) -> Iterator[_Item]:
    """Yield what lies in an upper, folders before what they hold, names in order; whiteouts as a layer names them."""
    first: dict[int, str] = {}
    for place, name in _walk(folder, ""):
        found = place.lstat()
        leaf = name.rpartition("/")[2]
        if leaf.startswith(WHITEOUT):
            raise InputError(
                "a file that is named like a whiteout, which no layer can hold",
                place=_text(name),
                remedy="Keep the package that brings it with --keep",
            )
        kind = _KINDS.get(stat.S_IFMT(found.st_mode))
        if kind is None:
            continue  # a socket: nobody listens any more
        if _ELSEWHERE & _attributes(place):
            raise UnsupportedError(
                "a change that is kept elsewhere by this kernel's overlay",
                place=_text(name),
                remedy="Switch off the overlay module's parameters redirect_dir and metacopy",
            )
        if kind is Kind.CHARACTER and found.st_rdev == 0:
            hidden = f"{name.removesuffix(leaf)}{WHITEOUT}{leaf}"
            yield _Item(Entry(_text(hidden), Kind.FILE), place, hidden, "", found, whiteout=True)
            continue
        link = ""
        if kind is Kind.FILE and found.st_nlink > 1:
            link = first.setdefault(found.st_ino, name)
            kind, link = (kind, "") if link == name else (Kind.HARDLINK, link)
        if kind is Kind.SYMLINK:
            link = os.readlink(place)  # noqa: PTH115 - as written, not a path of ours
        size = found.st_size if kind is Kind.FILE else 0
        entry = Entry(_text(name), kind, size, stat.S_IMODE(found.st_mode), _text(link))
        yield _Item(entry, place, name, link, found, whiteout=False)
        if kind is Kind.DIRECTORY and _attribute(place, _OPAQUE) == b"y":
            mark = f"{name}/{OPAQUE}"
            yield _Item(Entry(_text(mark), Kind.FILE), place, mark, "", found, whiteout=True)


def _write(packer: Packer, item: _Item, since: float, stamp: int) -> None:
    found, entry = item.found, item.entry
    info = tarfile.TarInfo(item.name)
    info.type = _TYPES[entry.kind]
    info.linkname = item.link
    info.mode = stat.S_IMODE(found.st_mode)
    info.uid, info.gid = found.st_uid, found.st_gid
    info.size = found.st_size if entry.kind is Kind.FILE else 0
    if entry.kind in {Kind.CHARACTER, Kind.BLOCK}:
        info.devmajor, info.devminor = os.major(found.st_rdev), os.minor(found.st_rdev)
    if entry.kind is Kind.FILE and (capability := _attribute(item.place, _CAPABILITY)):
        info.pax_headers = {f"SCHILY.xattr.{_CAPABILITY}": capability.decode("utf-8", "surrogateescape")}
    packer.write(_header(info, stamp if found.st_mtime >= since else int(found.st_mtime), found.st_mode))
    if entry.kind is Kind.FILE:
        with item.place.open("rb", buffering=0) as file:
            while piece := file.read(_PIECE):
                packer.write(piece)
        packer.write(bytes(-info.size % BLOCK))


def _walk(folder: Path, prefix: str) -> Iterator[tuple[Path, str]]:
    for item in sorted(os.scandir(folder), key=lambda i: i.name):
        name = f"{prefix}{item.name}"
        yield Path(item.path), name
        if item.is_dir(follow_symlinks=False):
            yield from _walk(Path(item.path), f"{name}/")


def _text(name: str) -> str:
    return text_of(os.fsencode(name))


def _header(info: tarfile.TarInfo, mtime: int, mode: int) -> bytes:
    """Return a header in the pax format: numbers for owners, whole seconds."""
    info.mtime = mtime
    info.mode = stat.S_IMODE(mode)
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _is_file(path: Path) -> bool:
    """Say whether something other than a folder is there, be it a whiteout."""
    return os.path.lexists(path) and not _is_folder(path)


def _is_whiteout(path: Path) -> bool:
    with suppress(FileNotFoundError, NotADirectoryError):
        found = path.lstat()
        return stat.S_ISCHR(found.st_mode) and found.st_rdev == 0
    return False


def _set_times(folder: Path, found: os.stat_result) -> None:
    os.utime(folder, ns=(found.st_atime_ns, found.st_mtime_ns))


def _attributes(path: Path) -> set[str]:
    """Return the names of attributes: overlayfs marks a file by one without a value."""
    with suppress(OSError):
        return set(os.listxattr(path, follow_symlinks=False))
    return set()


def _attribute(path: Path, name: str) -> bytes:
    with suppress(OSError):
        return os.getxattr(path, name, follow_symlinks=False)
    return b""
