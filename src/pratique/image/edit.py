"""From an image and the upper folder of a mount on it to the layers of a new image.

What the mount replaced or took away also goes from the layers beneath, so that the image shrinks and no old byte stays;
a layer of which nothing goes keeps its bytes and digests. Layers of the base stay as they are for files that were only
taken away, which a whiteout hides: their digests are shared with other images. Where a patch replaced a file of theirs
they are written anew like any other.
"""

from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
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
        self._without = {name for name in _FURNISHED if tree.at(name) is None and not tree.below(name)}

    @cached_property
    def _changed(self) -> LayerFacts:
        """The upper as a layer, read once: an edit is about the upper of one moment."""
        return self._upper.facts(self._without)

    def tree(self) -> MergedTree:
        """Return the image's files with the upper's changes made."""
        return MergedTree([*self._facts, self._changed])

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
        left = MergedTree(below)
        hide = list(whiteouts(left, wanted))  # 3
        bring = self._brought(left, wanted, hide)
        self._check(below, hide, bring, wanted)  # 4
        largest = sorted(chosen, key=lambda i: -(self._facts[i].size))
        with ThreadPoolExecutor(_AT_ONCE) as pool:  # 5
            top = pool.submit(
                self._upper.layer,
                folder / "top",
                hide=hide,
                bring=bring,
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
        """What a whiteout by name can hide, and as ``x/`` the folders that an opaque marker can empty."""
        kept = []
        for i, facts in enumerate(self._facts):
            places = set(range(len(facts.entries)))
            if i in chosen:
                places = {k for k, e in enumerate(facts.entries) if k in needed[i] or _hidden(e) in held}
            kept.append(places)
            for k in places:
                path = facts.entries[k].path
                if path and _hidden(facts.entries[k]) is None:
                    above = _above(path)
                    held.update((path, "/", *above, *(f"{folder}/" for folder in above)))
        return kept

    def _brought(self, left: MergedTree, wanted: MergedTree, hide: list[str]) -> list[str]:
        """Return the folders that the top layer must repeat.

        1. Those around a whiteout: some runtimes make a folder of their own, with a mode of their own, where a layer
           names something in a folder that it does not name.
        2. Those that only something in them told of, which is gone.
        """
        there = {e.path for e in self._changed.entries if e.kind is Kind.DIRECTORY}
        around = {above for path in hide for above in _above(path)}  # 1
        lost = set(wanted.folders()) - set(left.folders())  # 2
        return sorted(around - there | lost - there)

    def _check(self, below: list[LayerFacts], hide: list[str], bring: list[str], wanted: MergedTree) -> None:
        upper = self._changed
        entries = [e for e in upper.entries if _hidden(e) is None]
        entries += [Entry(path, Kind.DIRECTORY) for path in bring]
        entries += [Entry(_whiteout(path), Kind.FILE) for path in hide]
        got = MergedTree([*below, replace(upper, entries=tuple(entries))])
        if odd := _differences(got, wanted, bring):
            raise PratiqueError(
                "the new layers would not give the changed files",
                place=min(odd),
                remedy="Report this image to Pratique; nothing was written",
            )


def _hidden(entry: Entry) -> str | None:
    """Return what a whiteout hides, of an opaque marker the folder and a slash; None for other entries."""
    folder, slash, name = entry.path.rpartition("/")
    if name == OPAQUE:
        return f"{folder}/"
    return f"{folder}{slash}{name.removeprefix(WHITEOUT)}" if name.startswith(WHITEOUT) else None


def _whiteout(path: str) -> str:
    folder, slash, name = path.rpartition("/")
    return f"{folder}{slash}{WHITEOUT}{name}"


def _above(path: str) -> list[str]:
    """Return every folder above a path, but the root."""
    parts = path.split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts))]


def _differences(got: MergedTree, wanted: MergedTree, brought: Collection[str]) -> set[str]:
    """Return the paths at which a tree is not as wanted: files by entry and layer, folders by mode, the brought ones aside.

    A folder that no entry names has any mode.
    """
    files = [{(path, file.layer, file.entry) for path, file in tree.files()} for tree in (got, wanted)]
    odd = {path for path, _, _ in files[0] ^ files[1]} | set(got.folders()) ^ set(wanted.folders())
    for path, file in wanted.everything():
        if file.entry.kind is Kind.DIRECTORY and path not in brought:
            found = got.at(path)
            if found is None or found.entry.mode != file.entry.mode:
                odd.add(path)
    return odd
