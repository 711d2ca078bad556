"""Files of an image: what a layer holds, what a reader made of a file, and the merged tree.

A layer is read once. What is worth keeping of it are its entries (names, kinds, sizes) and the *facts* that readers
made of the files they asked for. The tree of an image is a pure function of its layers' entries and facts.
"""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Any, Protocol

from msgspec import Struct

from pratique.model.digest import Digest


class Kind(StrEnum):
    """The kind of a tar or directory entry."""

    FILE = "file"
    DIRECTORY = "directory"
    SYMLINK = "symlink"
    HARDLINK = "hardlink"
    CHARACTER = "character device"
    BLOCK = "block device"
    FIFO = "fifo"
    SOCKET = "socket"


class Entry(Struct, frozen=True, array_like=True, gc=False):
    """One entry of a layer.

    Attributes:
        path: normalised, relative to the image's root, without a leading slash; bytes that are not UTF-8 as escapes.
        kind: what it is.
        size: bytes of content, 0 for all but files.
        mode: permission bits with set-uid, set-gid and sticky.
        link: the target of a link: as written for a symbolic link, normalised for a hard link.
        sha256: of the content, 32 bytes; empty for all but files, and for files that are stored sparse.
    """

    path: str
    kind: Kind
    size: int = 0
    mode: int = 0
    link: str = ""
    sha256: bytes = b""


class Unread(Struct, frozen=True, tag=True):
    """The fact that a wanted file could not be read, and why."""

    reason: str


class LinkedFact(Struct, frozen=True, tag=True):
    """The fact that a wanted path is a link: its fact is that of the target."""

    target: str
    symbolic: bool


class Anomaly(Struct, frozen=True):
    """Something in a layer that no honest builder writes; that entry alone was left out."""

    path: str
    reason: str


class LayerFacts(Struct, frozen=True):
    """All that is kept of one layer.

    Attributes:
        diff_id: digest of the uncompressed tar stream; None for a plain folder.
        size: bytes of the uncompressed tar stream.
        entries: in the order of the stream, whiteouts included.
        facts: entry path -> reader name -> what the reader returned, ``Unread`` or ``LinkedFact``.
        anomalies: entries that were left out.
    """

    diff_id: Digest | None
    size: int
    entries: tuple[Entry, ...]
    facts: dict[str, dict[str, Any]]
    anomalies: tuple[Anomaly, ...]


class Reader(Protocol):
    """The first half of a cataloger: bytes to facts, while the layer flows by.

    Attributes:
        name: under which its facts are kept.
        marks: a path is wanted only if, in lower case, it begins with one of these that end in ``/``, or ends with one of
            the others; None where any path may be. ``wants`` is asked of those paths alone.
        fatal: whether damage to a wanted file ends the scan, since a list of packages made without it would be a guess.
        version: to be raised when it makes another fact of the same bytes: facts of older versions are not used again.
        fact: type of its facts, as msgspec decodes it; a structure among others has a tag.
    """

    name: str
    marks: tuple[str, ...] | None
    fatal: bool
    version: int
    fact: Any

    def wants(self, path: str, /) -> bool:
        """Say whether the file at this normalised path is to be read."""
        ...

    def read(self, content: bytes, /) -> Any:
        """Reduce a file's whole content to a fact, which depends on the content alone.

        Raises:
            InputError: the content is damaged; recorded as ``Unread``, or fatal where the reader says so.
        """
        ...


class TreeFile(Struct, gc=False):
    """A file of the merged tree.

    Attributes:
        entry: of the layer that brought it.
        layer: index of that layer; None in a plain folder.
        facts: by reader.
        linked: of a hard link, the ``sha256`` of its file.
    """

    entry: Entry
    layer: int | None
    facts: dict[str, Any]
    linked: bytes = b""

    @property
    def digest(self) -> Digest | None:
        """Return the digest of the content; None where there is none."""
        found = self.entry.sha256 or self.linked
        return Digest(f"sha256:{found.hex()}") if found else None


class Tree(Protocol):
    """The merged file system of an image; an immutable view."""

    def lookup(self, path: str) -> TreeFile | None:
        """Return what the path leads to, links followed inside the root; None where it leads nowhere."""
        ...

    def at(self, path: str) -> TreeFile | None:
        """Return what lies at exactly this path, no link followed."""
        ...

    def below(self, path: str) -> bool:
        """Say whether anything lies below exactly this path: a folder that no entry names has no file of its own."""
        ...

    def resolve(self, path: str) -> str:
        """Return the path with every link among its parent folders followed."""
        ...

    def find(self, path: str) -> tuple[str, TreeFile | None]:
        """Return the path with every link among its parent folders followed, and what lies there."""
        ...

    def way(self, path: str) -> tuple[str, tuple[str, ...]]:
        """Return where the path leads, there or not, and the links on the way; ``..`` leaves where a link led."""
        ...

    def facts(self, reader: str) -> Sequence[tuple[str, TreeFile, Any]]:
        """Return (path, file, fact) for every fact of one reader, sorted by path."""
        ...

    def files(self) -> Iterator[tuple[str, TreeFile]]:
        """Yield (path, file) for every entry that is not a folder, in no particular order."""
        ...

    def folders(self) -> Iterator[str]:
        """Yield the path of every folder, also of those that no entry names, folders before what they hold."""
        ...
