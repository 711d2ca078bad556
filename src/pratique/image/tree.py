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
_Way = tuple[str, tuple[str, ...]]
"""Where a path leads, and the links followed on the way there."""


class _Node:
    """A place in the tree: what lies there, and what lies below it."""

    __slots__ = ("children", "file")

    def __init__(self, file: TreeFile | None) -> None:
        self.file = file
        self.children: dict[str, _Node] = {}


class MergedTree:
    """The files of an image; implements ``pratique.model.files.Tree``.

    Attributes:
        anomalies: (layer, anomaly): whiteouts that name nothing.
    """

    def __init__(self, layers: Sequence[LayerFacts]) -> None:
        self._root = _Node(None)
        self._folders: dict[str, _Way] = {}
        self.anomalies: list[tuple[int, Anomaly]] = []
        for index, layer in enumerate(layers):
            self._lay(index, layer)
        self._folders = {}

    def _lay(self, index: int, layer: LayerFacts) -> None:
        """Lay one layer over the tree.

        1. Whiteouts hide what lower layers hold, never what this layer brings, wherever they stand in the stream. No
           link leads them astray: an overlay mount hides by the path as written.
        2. Then this layer's entries replace what is there; a folder over a folder keeps what is below it.
        """
        whiteouts = layer.diff_id is not None  # a plain folder is no layer: in it a name is a name
        plain: list[Entry] = []
        for entry in layer.entries:  # 1
            name = entry.path.rpartition("/")[2]
            if not whiteouts or not name.startswith(WHITEOUT):
                plain.append(entry)
            elif fault := self._hide(entry.path, name):
                self.anomalies.append((index, Anomaly(entry.path, fault)))
        self._folders.clear()
        for entry in plain:  # 2
            self._put(entry, index if whiteouts else None, layer.facts.get(entry.path) or {})

    def _hide(self, path: str, name: str) -> str:
        folder = self._walk(path.rpartition("/")[0])
        if name == OPAQUE:
            if folder:
                folder.children.clear()
            return ""
        hidden = name.removeprefix(WHITEOUT)
        if not hidden or hidden in {".", ".."} or hidden.startswith(WHITEOUT):
            return "a whiteout that names nothing"
        if folder:
            folder.children.pop(hidden, None)
        return ""

    def _put(self, entry: Entry, index: int | None, facts: dict[str, Any]) -> None:
        path = self.resolve(entry.path)
        if not path:
            return
        here, known = self._root, True
        for name in path.split("/"):
            known = name in here.children
            here = here.children[name] if known else self._grown(here, name)
        file = self._file(entry, index, facts)
        self._note_twice(entry, index, here.file)
        if entry.kind is not Kind.DIRECTORY or (here.file and here.file.entry.kind is not Kind.DIRECTORY):
            if known:
                self._folders.clear()
            here.children = {}
        here.file = file

    def _note_twice(self, entry: Entry, index: int | None, before: TreeFile | None) -> None:
        """Of a path given twice in one layer the last entry counts, as in the runtimes; builders write it once."""
        if index is not None and before and before.layer == index and entry.kind is not Kind.DIRECTORY:
            self.anomalies.append((index, Anomaly(entry.path, "a path given twice in one layer")))

    def _grown(self, node: _Node, name: str) -> _Node:
        """Add a place below a node; what is no folder gives way to one, as in an overlay mount."""
        if node.file and node.file.entry.kind is not Kind.DIRECTORY:
            node.file = None
            self._folders.clear()
        return node.children.setdefault(name, _Node(None))

    def _file(self, entry: Entry, index: int | None, facts: dict[str, Any]) -> TreeFile:
        """A hard link shares its target's facts; one to a symbolic link is that link once more."""
        if entry.kind is not Kind.HARDLINK:
            return TreeFile(entry, index, facts)
        node = self._walk(self._follow(entry.link, last=False)[0])
        target = node.file if node else None
        if target and target.entry.kind is Kind.SYMLINK:
            link = target.entry.link
            same = Entry(entry.path, Kind.SYMLINK, 0, target.entry.mode, link)
            return TreeFile(same, index, {reader: LinkedFact(link, symbolic=True) for reader in facts})
        shared = target.facts if target else {}
        unread = Unread(f"a hard link to {entry.link}, which was not read")
        linked = {r: shared.get(r, unread) if isinstance(f, LinkedFact) else f for r, f in facts.items()}
        return TreeFile(entry, index, linked)

    def _walk(self, path: str) -> _Node | None:
        node: _Node | None = self._root
        for part in path.split("/") if path else ():
            node = node.children.get(part) if node else None
        return node

    def lookup(self, path: str) -> TreeFile | None:
        """Return what the path leads to, links followed inside the root; None where it leads nowhere."""
        node = self._walk(self._follow(path)[0])
        file = node.file if node else None
        return None if file and file.entry.kind is Kind.SYMLINK else file  # a cycle, or over 40 links

    def at(self, path: str) -> TreeFile | None:
        """Return what lies at exactly this path, no link followed."""
        return self._by_path.get(path)

    def below(self, path: str) -> bool:
        """Say whether anything lies below exactly this path."""
        node = self._walk(path)
        return bool(node and node.children)

    def resolve(self, path: str) -> str:
        """Return the path with every link among its parent folders followed."""
        folder, slash, name = path.rpartition("/")
        if not slash:
            return path
        known, _ = self._folder(folder)
        return f"{known}/{name}" if known else name

    def way(self, path: str) -> tuple[str, tuple[str, ...]]:
        """Return where the path leads, there or not, and the links on the way; ``..`` leaves where a link led."""
        folder, _, name = path.rpartition("/")
        return self._follow(name, start=self._folder(folder))

    def _folder(self, path: str) -> _Way:
        known = self._folders.get(path)
        if known is None:
            known = self._folders[path] = self._follow(path)
        return known

    def _follow(self, path: str, *, start: _Way = ("", ()), last: bool = True) -> _Way:
        """Resolve links part by part; beyond 40 the rest is taken as written, as a dangling link would be."""
        waiting = [part for part in reversed(path.split("/")) if part]
        done, links = start[0].split("/") if start[0] else [], list(start[1])
        while waiting:
            part = waiting.pop()
            if part == "..":
                del done[-1:]
            elif part not in {"", "."}:
                done.append(part)
                here = "/".join(done)
                node = self._walk(here)
                link = node.file.entry if node and node.file else None
                if link and link.kind is Kind.SYMLINK and (waiting or last) and len(links) < _HOPS:
                    links.append(here)
                    done = [] if link.link.startswith("/") else done[:-1]
                    waiting.extend(reversed(link.link.split("/")))
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
    def _by_path(self) -> Mapping[str, TreeFile]:
        return dict(self._listed) | ({"": self._root.file} if self._root.file else {})

    @cached_property
    def _with_facts(self) -> Mapping[str, list[tuple[str, TreeFile]]]:
        """Which entries have a fact of which reader."""
        found: dict[str, list[tuple[str, TreeFile]]] = defaultdict(list)
        for path, file in self._listed:
            for reader in file.facts:
                found[reader].append((path, file))
        return found

    def _through(self, path: str, reader: str, file: TreeFile) -> Unread | None:
        """A symbolic link adds nothing where its target was read or does not exist."""
        target = self.lookup(path)
        if target is None or target.entry.kind in {Kind.SYMLINK, Kind.DIRECTORY} or reader in target.facts:
            return None
        return Unread(f"a symbolic link to {file.entry.link}, which was not read")

    def files(self) -> Iterator[tuple[str, TreeFile]]:
        """Yield (path, file) for every entry that is not a folder, in the order of the paths' parts."""
        return (found for found in self._listed if found[1].entry.kind is not Kind.DIRECTORY)

    def everything(self) -> Iterator[tuple[str, TreeFile]]:
        """Yield (path, file) for every entry, folders before what they hold."""
        return iter(self._listed)

    def folders(self) -> Iterator[str]:
        """Yield the path of every folder, also of those that no entry names, folders before what they hold."""
        stack = [(self._root, "")]
        while stack:
            here, path = stack.pop()
            for name, child in here.children.items():
                below = f"{path}/{name}" if path else name
                if child.file is None or child.file.entry.kind is Kind.DIRECTORY:
                    yield below
                    stack.append((child, below))

    @cached_property
    def _listed(self) -> list[tuple[str, TreeFile]]:
        """Every entry, in the order of the paths' parts."""
        listed: list[tuple[str, TreeFile]] = []
        stack = [(self._root, "")]
        while stack:
            here, path = stack.pop()
            if here.file and path:
                listed.append((path, here.file))
            stack.extend(
                (here.children[name], f"{path}/{name}" if path else name)
                for name in sorted(here.children, reverse=True)
            )
        return listed
