"""From an image and the upper folder of a mount on it to the layers of a new image.

What the mount replaced or took away also goes from the layers beneath, so that the image shrinks and no old byte stays;
a layer of which nothing goes keeps its bytes and digests. Layers of the base stay as they are for files that were only
taken away, which a whiteout hides: their digests are shared with other images. Where a patch replaced a file of theirs
they are written anew like any other.
"""

from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal, NamedTuple

from msgspec.structs import replace

from pratique.image.layer import LayerBlob
from pratique.image.origin import Origins, whiteouts
from pratique.image.rewrite import MadeLayer, rewrite
from pratique.image.source import Image
from pratique.image.tree import OPAQUE, WHITEOUT, MergedTree
from pratique.image.upper import Upper
from pratique.model.errors import PratiqueError
from pratique.model.files import Entry, Kind, LayerFacts

_AT_ONCE = 2
_FURNISHED = ("dev", "proc", "tmp")
"""Folders that the sandbox makes where an image has none."""


class Relayered(NamedTuple):
    """A layer of the new image, and the one that it was."""

    before: LayerBlob | None
    now: LayerBlob | MadeLayer

    @property
    def state(self) -> Literal["kept", "rewritten", "added"]:
        """What became of it."""
        if self.before is None:
            return "added"
        return "kept" if self.before is self.now else "rewritten"


class Edit:
    """The layers of an image as an upper folder changes them.

    Args:
        image: as it is.
        facts: of its layers.
        tree: of them.
        upper: what was changed.
    """

    def __init__(self, image: Image, facts: Sequence[LayerFacts], tree: MergedTree, upper: Upper) -> None:
        self._image = image
        self._facts = facts
        self._before = tree
        self._upper = upper
        self._without = {name for name in _FURNISHED if tree.at(name) is None}

    def tree(self) -> MergedTree:
        """Return the image's files with the upper's changes made."""
        return MergedTree([*self._facts, self._upper.facts(self._without)])

    def layers(
        self, folder: Path, *, base: int, patched: Collection[str], since: float, stamp: int
    ) -> list[Relayered]:
        """Return the new layers, bottom first; what is new of them is written into a folder.

        1. Tell what each layer need not hold any more.
        2. Choose the layers to write anew.
        3. Find what the layers hold then and the new tree does not: it gets a whiteout in the top layer.
        4. See that the layers give the wanted tree, before anything is written.
        5. Write.

        Args:
            folder: for the new layers.
            base: how many layers at the bottom are the base.
            patched: files of packages that were replaced by newer ones.
            since: when the upper was made.
            stamp: the time that changed files get, in seconds.

        Raises:
            UntrustedError: a layer is not what the image promises.
        """
        wanted = self.tree()
        needed = Origins(self._facts, wanted).needed()  # 1
        chosen = self._chosen(needed, base, patched)  # 2
        kept = self._kept(needed, chosen)
        below = [
            replace(f, entries=tuple(e for k, e in enumerate(f.entries) if k in kept[i]))
            for i, f in enumerate(self._facts)
        ]
        hide = list(whiteouts(MergedTree(below), wanted))  # 3
        self._check(below, hide, wanted)  # 4
        largest = sorted(chosen, key=lambda i: -(self._facts[i].size))
        with ThreadPoolExecutor(_AT_ONCE) as pool:  # 5
            top = pool.submit(
                self._upper.layer,
                folder / "top",
                hide=hide,
                without=self._without,
                since=since,
                stamp=stamp,
            )
            made = {i: pool.submit(rewrite, self._image.layers[i], kept[i], folder / str(i)) for i in largest}
            layers = [
                Relayered(layer, made[i].result() if i in made else layer)
                for i, layer in enumerate(self._image.layers)
            ]
            return [*layers, Relayered(None, top.result())]

    def _chosen(self, needed: list[set[int]], base: int, patched: Collection[str]) -> set[int]:
        """Return the layers to write anew: a visible file goes, and not only by being taken away from the base."""
        before = Origins(self._facts, self._before).needed()
        chosen = set()
        for i, facts in enumerate(self._facts):
            going = [facts.entries[k] for k in before[i] - needed[i]]
            if any(i >= base or self._before.resolve(entry.path) in patched for entry in going):
                chosen.add(i)
        return chosen

    def _kept(self, needed: list[set[int]], chosen: set[int]) -> list[set[int]]:
        """Return the positions that stay in each layer: of whiteouts those that still hide something."""
        held: set[str] = set()
        kept = []
        for i, facts in enumerate(self._facts):
            places = set(range(len(facts.entries)))
            if i in chosen:
                hiding = {k for k, e in enumerate(facts.entries) if _hidden(e) in held}
                places = needed[i] | hiding
            kept.append(places)
            held.update(a for k in places for a in _and_above(facts.entries[k].path))
        return kept

    def _check(self, below: list[LayerFacts], hide: list[str], wanted: MergedTree) -> None:
        entries = [e for e in self._upper.facts(self._without).entries if not _hidden(e)]
        entries += [Entry(_whiteout(path), Kind.FILE) for path in hide]
        top = replace(self._facts[0], entries=tuple(entries), facts={}) if self._facts else None
        got = MergedTree([*below, *([top] if top else [])])
        if _listing(got) != _listing(wanted):
            odd = min(_listing(got) ^ _listing(wanted))
            raise PratiqueError(
                "the new layers would not give the changed files",
                place=odd[0],
                remedy="Report this image to Pratique; nothing was written",
            )


def _hidden(entry: Entry) -> str:
    """Return what a whiteout hides; empty for other entries."""
    folder, _, name = entry.path.rpartition("/")
    if name == OPAQUE:
        return folder
    return f"{folder}/{name.removeprefix(WHITEOUT)}".lstrip("/") if name.startswith(WHITEOUT) else ""


def _whiteout(path: str) -> str:
    folder, _, name = path.rpartition("/")
    return f"{folder}/{WHITEOUT}{name}".lstrip("/")


def _and_above(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]


def _listing(tree: MergedTree) -> set[tuple[str, str, int, int, str]]:
    return {(p, f.entry.kind.value, f.entry.size, f.entry.mode, f.entry.link) for p, f in tree.everything()}
