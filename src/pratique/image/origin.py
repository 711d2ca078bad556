"""Which entry of which layer every path of a merged tree shows, and which entries a tree therefore needs."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from pratique.image.tree import MergedTree
from pratique.model.files import Entry, Kind, LayerFacts

Position = tuple[int, int]
"""Layer, and place among its entries."""


class Origins:
    """Where the files of a merged tree come from.

    A hard link shows the last file of its target's name before it, in its own layer or below, whatever a later layer
    made of that name.

    Args:
        facts: of the layers that the tree was made of.
        tree: made of these facts, or of these and more layers on top.

    Attributes:
        paths: position of an entry with content -> paths of the tree that show it.
    """

    def __init__(self, facts: Sequence[LayerFacts], tree: MergedTree) -> None:
        self._facts = facts
        self._tree = tree
        self._named: dict[Position, Position] = {}
        """Position of a hard link -> that of the entry which its target's name stood for."""
        self._sources: dict[Position, Position] = {}
        """Position of a hard link -> that of the entry with the content, whatever lies between."""
        self._follow_links()
        self._shown: set[Position] = set()
        self.paths: dict[Position, list[str]] = defaultdict(list)
        for path, position in self._show():
            self._shown.add(position)
            self.paths[self._sources.get(position, position)].append(path)

    def _show(self) -> Iterator[tuple[str, Position]]:
        """Yield which position each path of the tree shows, where it is one of these layers'."""
        positions: dict[tuple[int, int | str], int] = {}
        for i, layer in enumerate(self._facts):
            for k, entry in enumerate(layer.entries):
                positions[i, id(entry)] = k
                if entry.kind is Kind.HARDLINK:
                    # the tree shows one to a symbolic link by an entry of its own making, so it is found by its path
                    positions[i, self._tree.resolve(entry.path)] = k
        for path, file in self._tree.everything():
            index = file.layer or 0
            place = positions.get((index, id(file.entry)))
            if place is None and file.entry.kind is Kind.SYMLINK:
                place = positions.get((index, path))
            if place is not None:
                yield path, (index, place)

    def _follow_links(self) -> None:
        """Find what hard links name: by the name as written, else as links among its parents lead to it."""
        last: dict[str, Position] = {}
        resolved: dict[str, Position] = {}
        for i, layer in enumerate(self._facts):
            for k, entry in enumerate(layer.entries):
                if entry.kind is Kind.HARDLINK:
                    real = self._tree.resolve(entry.link)
                    target = last.get(entry.link) or resolved.get(real) or last.get(real)
                    if target:
                        self._named[i, k] = target
                        self._sources[i, k] = self._sources.get(target, target)
                if entry.kind is not Kind.DIRECTORY:
                    last[entry.path] = (i, k)
                    if (real := self._tree.resolve(entry.path)) != entry.path:
                        resolved[real] = (i, k)

    def needed(self) -> list[set[int]]:
        """Return, for each layer, the positions that the tree cannot do without.

        1. Folders that the tree has, and entries that it shows.
        2. What a needed hard link names, under whatever name that lies.
        """
        needed = [
            {k for k, e in enumerate(f.entries) if (i, k) in self._shown or self._is_folder(e)}
            for i, f in enumerate(self._facts)
        ]
        for i, places in enumerate(tuple(map(tuple, needed))):
            for k in places:
                position = self._named.get((i, k))
                while position and position[1] not in needed[position[0]]:
                    needed[position[0]].add(position[1])
                    position = self._named.get(position)
        return needed

    def _is_folder(self, entry: Entry) -> bool:
        """Say whether an entry is the root, or a folder that the tree has, from whichever layer."""
        file = self._tree.at(self._tree.resolve(entry.path)) if entry.kind is Kind.DIRECTORY else None
        return bool(file and file.entry.kind is Kind.DIRECTORY) or not entry.path


def whiteouts(without: MergedTree, wanted: MergedTree) -> Iterator[str]:
    """Yield the topmost paths that one tree has and the wanted one has not."""
    folders = set(wanted.folders())
    paths = {path for path, _ in without.everything()}.union(without.folders())
    hidden = ""
    for path in sorted(paths, key=lambda p: p.split("/")):
        if path in folders or (hidden and path.startswith(f"{hidden}/")):
            continue
        hidden = path  # also what takes a folder's place hides what was in it
        if wanted.at(path) is None:
            yield path
