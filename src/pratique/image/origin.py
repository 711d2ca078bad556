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
        self._positions = {
            (i, id(e)): k for i, layer in enumerate(facts) for k, e in enumerate(layer.entries)
        }
        self._follow_links()
        self.paths: dict[Position, list[str]] = defaultdict(list)
        for path, file in tree.everything():
            place = self._positions.get((file.layer or 0, id(file.entry)))
            if place is not None:  # None: of another layer, or a link to a symbolic link, shown as that link
                self.paths[self._source((file.layer or 0, place))].append(path)

    def _follow_links(self) -> None:
        last: dict[str, Position] = {}
        for i, layer in enumerate(self._facts):
            for k, entry in enumerate(layer.entries):
                if entry.kind is Kind.HARDLINK and entry.link in last:
                    self._named[i, k] = last[entry.link]
                if entry.kind is not Kind.DIRECTORY:
                    last[entry.path] = (i, k)

    def _source(self, position: Position) -> Position:
        while position in self._named:
            position = self._named[position]
        return position

    def needed(self) -> list[set[int]]:
        """Return, for each layer, the positions that the tree cannot do without.

        1. Folders that the tree has, and entries that it shows.
        2. What a needed hard link names, under whatever name that lies.
        """
        needed = [
            {k for k, e in enumerate(f.entries) if self._shown(i, e)} for i, f in enumerate(self._facts)
        ]
        for i, places in enumerate(tuple(map(tuple, needed))):
            for k in places:
                position = (i, k)
                while position in self._named:
                    position = self._named[position]
                    needed[position[0]].add(position[1])
        return needed

    def _shown(self, layer: int, entry: Entry) -> bool:
        file = self._tree.at(self._tree.resolve(entry.path))
        if entry.kind is Kind.DIRECTORY:
            return bool(file and file.entry.kind is Kind.DIRECTORY) or not entry.path
        if file is None or file.layer != layer:
            return False
        return file.entry is entry or (entry.kind is Kind.HARDLINK and file.entry.kind is Kind.SYMLINK)


def whiteouts(without: MergedTree, wanted: MergedTree) -> Iterator[str]:
    """Yield the topmost paths that one tree has and the wanted one has not."""
    paths = {path for path, _ in without.everything()}.union(without.folders())
    hidden = ""
    for path in sorted(paths, key=lambda p: p.split("/")):
        if hidden and path.startswith(f"{hidden}/"):
            continue
        there = wanted.at(path)
        if there is None and not wanted.below(path):
            hidden = path
            yield path
        elif there and there.entry.kind is not Kind.DIRECTORY:
            hidden = path  # what takes a folder's place hides what was in it
