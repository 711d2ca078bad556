"""The merged tree of an image: its layers laid over each other by the OCI whiteout rules (image-spec, layer.md).

Links are followed inside this tree alone, at most 40 times, never by the kernel.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from pratique.model.files import Anomaly, Entry, Kind, LayerFacts, LinkedFact, TreeFile, Unread

OPAQUE = ".wh..wh..opq"
WHITEOUT = ".wh."
_HOPS = 40
_STEPS = {"", ".", ".."}
_ABSENT = TreeFile(Entry("", Kind.FILE), None, {})
_NO_FACTS: dict[str, Any] = {}
_Way = tuple[str, tuple[str, ...]]
"""Where a path leads, and the links followed on the way there."""


class _Folder(dict[str, TreeFile | None]):
    """What lies in a folder, by name; None for a folder inside it that no entry names."""

    __slots__ = ("path",)

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path


class MergedTree:
    """The files of an image; implements ``pratique.model.files.Tree``.

    Attributes:
        anomalies: (layer, anomaly): whiteouts that name nothing.
    """

    def __init__(self, layers: Sequence[LayerFacts]) -> None:
        self._folders: dict[str, _Folder] = {"": _Folder("")}
        """Every folder that something lies in, by its path; what lies above one is a folder, too."""
        self._ways: dict[str, _Way] = {}
        self.anomalies: list[tuple[int, Anomaly]] = []
        for index, layer in enumerate(layers):
            self._lay(index, layer)
        self._ways.clear()

    def _lay(self, index: int, layer: LayerFacts) -> None:
        """Lay one layer over the tree.

        1. Whiteouts hide what lower layers hold, never what this layer brings, wherever they stand in the stream. No
           link leads them astray: an overlay mount hides by the path as written.
        2. Then this layer's entries replace what is there; a folder over a folder keeps what is below it.
        """
        whiteouts = layer.diff_id is not None  # a plain folder is no layer: in it a name is a name
        for entry in layer.entries if whiteouts else ():  # 1
            if WHITEOUT in entry.path and (fault := self._hide(entry.path)):
                self.anomalies.append((index, Anomaly(entry.path, fault)))
        self._ways.clear()
        number, facts = index if whiteouts else None, layer.facts
        for entry in layer.entries:  # 2
            path = entry.path
            folder, _, name = path.rpartition("/")
            if name and not (whiteouts and name.startswith(WHITEOUT)):
                self._put(entry, number, facts.get(path, _NO_FACTS), self._folder_of(folder), name)

    def _hide(self, path: str) -> str:
        above, _, name = path.rpartition("/")
        folder = self._folders.get(above)
        if not name.startswith(WHITEOUT):
            return ""
        if name == OPAQUE:
            for hidden in tuple(folder or ()):
                self._drop(folder, hidden)
            return ""
        hidden = name.removeprefix(WHITEOUT)
        if not hidden or hidden in {".", ".."} or hidden.startswith(WHITEOUT):
            return "a whiteout that names nothing"
        self._drop(folder, hidden)
        return ""

    def _drop(self, folder: _Folder | None, name: str) -> None:
        """Take away what lies in a folder under a name, and what lies below that."""
        if folder is not None and folder.pop(name, _ABSENT) is not _ABSENT:
            self._empty(_joined(folder.path, name))

    def _empty(self, path: str) -> None:
        """Take away what lies below a path."""
        waiting = [path]
        while waiting:
            here = waiting.pop()
            names = self._folders.pop(here, None)
            waiting += (_joined(here, name) for name in names or ())

    def _folder_of(self, written: str) -> _Folder:
        """Return the folder that a path leads to, links followed; what is missing of it is made."""
        found = self._folders.get(written)
        return self._made(self._way(written)[0]) if found is None else found

    def _made(self, path: str) -> _Folder:
        """Return a folder, its parents made first; what is no folder gives way to one, as in an overlay mount."""
        missing: list[str] = []
        while path not in self._folders:
            missing.append(path)
            path = path.rpartition("/")[0]
        folder = self._folders[path]
        for path in reversed(missing):
            name = path.rpartition("/")[2]
            if (file := folder.setdefault(name, None)) and file.entry.kind is not Kind.DIRECTORY:
                folder[name] = None
                self._ways.clear()
            folder = self._folders[path] = _Folder(path)
        return folder

    def _put(
        self, entry: Entry, index: int | None, facts: dict[str, Any], folder: _Folder, name: str
    ) -> None:
        is_link = entry.kind is Kind.HARDLINK
        file = self._hard_link(entry, index, facts) if is_link else TreeFile(entry, index, facts)
        before = folder.get(name, _ABSENT)
        if before is not _ABSENT:
            self._note_twice(entry, index, before)
            if entry.kind is not Kind.DIRECTORY or (before and before.entry.kind is not Kind.DIRECTORY):
                self._empty(_joined(folder.path, name))
                self._ways.clear()
        folder[name] = file

    def _note_twice(self, entry: Entry, index: int | None, before: TreeFile | None) -> None:
        """Of a path given twice in one layer the last entry counts, as in the runtimes; builders write it once."""
        if index is not None and before and before.layer == index and entry.kind is not Kind.DIRECTORY:
            self.anomalies.append((index, Anomaly(entry.path, "a path given twice in one layer")))

    def _hard_link(self, entry: Entry, index: int | None, facts: dict[str, Any]) -> TreeFile:
        """A hard link shares its target's facts and digest; one to a symbolic link is that link once more."""
        target = self.at(self._follow(entry.link, last=False)[0])
        if target and target.entry.kind is Kind.SYMLINK:
            link = target.entry.link
            same = Entry(entry.path, Kind.SYMLINK, 0, target.entry.mode, link)
            return TreeFile(same, index, {reader: LinkedFact(link, symbolic=True) for reader in facts})
        shared = target.facts if target else {}
        unread = Unread(f"a hard link to {entry.link}, which was not read")
        linked = {r: shared.get(r, unread) if isinstance(f, LinkedFact) else f for r, f in facts.items()}
        return TreeFile(entry, index, linked, target.entry.sha256 or target.linked if target else b"")

    def lookup(self, path: str) -> TreeFile | None:
        """Return what the path leads to, links followed inside the root; None where it leads nowhere."""
        file = self.at(self._follow(path)[0])
        return None if file and file.entry.kind is Kind.SYMLINK else file  # a cycle, or over 40 links

    def at(self, path: str) -> TreeFile | None:
        """Return what lies at exactly this path, no link followed."""
        folder, _, name = path.rpartition("/")
        there = self._folders.get(folder)
        return there.get(name) if there else None

    def below(self, path: str) -> bool:
        """Say whether anything lies below exactly this path."""
        return bool(self._folders.get(path))

    def resolve(self, path: str) -> str:
        """Return the path with every link among its parent folders followed."""
        folder, _, name = path.rpartition("/")
        if folder in self._folders:
            return path
        return _joined(self._way(folder)[0], name)

    def find(self, path: str) -> tuple[str, TreeFile | None]:
        """Return the path with every link among its parent folders followed, and what lies there."""
        folder, _, name = path.rpartition("/")
        there = self._folders.get(folder)
        if there is not None:
            return path, there.get(name)
        real = _joined(self._way(folder)[0], name)
        return real, self.at(real)

    def way(self, path: str) -> tuple[str, tuple[str, ...]]:
        """Return where the path leads, there or not, and the links on the way; ``..`` leaves where a link led."""
        folder, _, name = path.rpartition("/")
        return self._follow(name, start=self._way(folder))

    def _way(self, folder: str) -> _Way:
        if folder in self._folders:  # what something lies in is reached without a link
            return folder, ()
        above, _, name = folder.rpartition("/")
        there = self._folders.get(above)
        if there is not None and folder[0] != "/" and name not in _STEPS and not _is_symlink(there.get(name)):
            return folder, ()
        known = self._ways.get(folder)
        if known is None:
            known = self._ways[folder] = self._follow(folder)
        return known

    def _follow(self, path: str, *, start: _Way = ("", ()), last: bool = True) -> _Way:
        """Resolve links part by part; beyond 40 the rest is taken as written, as a dangling link would be."""
        waiting = [part for part in reversed(path.split("/")) if part]
        done, links = start[0].split("/") if start[0] else [], list(start[1])
        while waiting:
            part = waiting.pop()
            if part == "..":
                del done[-1:]
            elif part not in _STEPS:
                done.append(part)
                here = "/".join(done)
                file = self.at(here)
                if file and file.entry.kind is Kind.SYMLINK and (waiting or last) and len(links) < _HOPS:
                    link = file.entry.link
                    links.append(here)
                    done = [] if link.startswith("/") else done[:-1]
                    waiting.extend(reversed(link.split("/")))
        return "/".join(done), tuple(links)

    def facts(self, reader: str) -> Sequence[tuple[str, TreeFile, Any]]:
        """Return (path, file, fact) for every fact of one reader, sorted by path."""
        found = []
        for path, file in self._with_facts[reader]:
            fact = file.facts.get(reader)
            if isinstance(fact, LinkedFact):
                fact = self._through(path, reader, file)
            if fact is not None:
                found.append((path, file, fact))
        return sorted(found, key=lambda f: f[0])

    @cached_property
    def _with_facts(self) -> Mapping[str, list[tuple[str, TreeFile]]]:
        """Which entries have a fact of which reader."""
        found: dict[str, list[tuple[str, TreeFile]]] = defaultdict(list)
        for folder in self._folders.values():
            for name, file in folder.items():
                if file and file.facts:
                    for reader in file.facts:
                        found[reader].append((_joined(folder.path, name), file))
        return found

    def _through(self, path: str, reader: str, file: TreeFile) -> Unread | None:
        """A symbolic link adds nothing where its target was read or does not exist."""
        target = self.lookup(path)
        if target is None or target.entry.kind in {Kind.SYMLINK, Kind.DIRECTORY} or reader in target.facts:
            return None
        return Unread(f"a symbolic link to {file.entry.link}, which was not read")

    def files(self) -> Iterator[tuple[str, TreeFile]]:
        """Yield (path, file) for every entry that is not a folder, in no particular order."""
        for folder in self._folders.values():
            above = f"{folder.path}/" if folder.path else ""
            for name, file in folder.items():
                if file and file.entry.kind is not Kind.DIRECTORY:
                    yield above + name, file

    def everything(self) -> Iterator[tuple[str, TreeFile]]:
        """Yield (path, file) for every entry, folders before what they hold."""
        return iter(self._listed)

    def folders(self) -> Iterator[str]:
        """Yield the path of every folder, also of those that no entry names, folders before what they hold."""
        for folder in sorted(self._folders.values(), key=lambda folder: folder.path.count("/")):
            for name, file in folder.items():
                if file is None or file.entry.kind is Kind.DIRECTORY:
                    yield _joined(folder.path, name)

    @cached_property
    def _listed(self) -> list[tuple[str, TreeFile]]:
        """Every entry, in the order of the paths' parts."""
        found = [
            (_joined(folder.path, name), file)
            for folder in self._folders.values()
            for name, file in folder.items()
            if file
        ]
        return sorted(found, key=lambda f: f[0].replace("/", "\0"))


def _is_symlink(file: TreeFile | None) -> bool:
    return file is not None and file.entry.kind is Kind.SYMLINK


def _joined(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
