"""Images that are changed in an upper folder: as a real overlay mount shows them, and as the new layers give them."""

import os
import stat
import subprocess
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from pratique.image import (
    Change,
    Edit,
    Image,
    MergedTree,
    Relayered,
    Target,
    Upper,
    open_image,
    unpack,
    write_image,
)
from pratique.image.layer import LayerBlob, reduce_layer
from pratique.image.limits import DEFAULT
from pratique.image.rewrite import MadeLayer
from pratique.model.files import LayerFacts
from tests.making.images import Layout
from tests.making.layers import Texts
from tests.making.tar import Item, tar

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="an upper folder needs root: whiteouts are devices")
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
STAMP = int(NOW.timestamp())
CAPABILITY = bytes.fromhex("0100000200040000000000000000000000000000")
"""cap_net_bind_service+ep (capabilities(7))."""

_ORDINARY = {stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK}


class Seen(NamedTuple):
    """What can be seen of a file: ``content`` is a link's target too, ``names`` are those of one file."""

    kind: int
    mode: int
    owner: tuple[int, int]
    mtime: int
    content: bytes
    capability: bytes
    names: frozenset[str]


class Bench:
    """An image of some layers, unpacked, with an empty upper folder on top.

    Args:
        folder: an empty one.
        layers: items, or whole archives.
        more: for the layout's configuration.
    """

    def __init__(self, folder: Path, *layers: Sequence[Item] | bytes, **more: Any) -> None:
        self.folder = folder
        layout = folder / "image"
        layout.mkdir(parents=True)
        self.layout = Layout(layout)
        self.layout.image([x if isinstance(x, bytes) else tar(x) for x in layers], **more)
        self.image: Image = open_image(f"oci:{layout}")
        self.facts = read(self.image)
        self.tree = MergedTree(self.facts)
        self.root = folder / "root"
        unpack(self.image, self.facts, self.tree, self.root)
        self.above = folder / "upper"
        self.above.mkdir()
        self.since = self.above.stat().st_mtime
        self.upper = Upper(self.above, self.root)

    def edit(self) -> Edit:
        return Edit(self.image, self.facts, self.tree, self.upper)

    def layers(self, base: int = 0, patched: Sequence[str] = ()) -> list[Relayered]:
        work = self.folder / "work"
        work.mkdir()
        return self.edit().layers(work, base=base, patched=patched, since=self.since, stamp=STAMP)

    def write(self, layers: Sequence[Relayered]) -> Image:
        """Write the new image, and open it."""
        change = Change(tuple(layer.now for layer in layers), "changed", NOW, base_changed=False)
        target = Target(self.folder / "new", "new")
        write_image(target, self.image, change)
        return open_image(str(target))

    def run(self, script: str = ":") -> dict[str, Seen]:
        """Run a script in the overlay mount, and return what the mount then shows."""
        merged, work, copy = (self.folder / name for name in ("merged", ".work", "copy"))
        for made in (merged, work, copy):
            made.mkdir(exist_ok=True)
        options = f"lowerdir={self.root},upperdir={self.above},workdir={work}"
        lines = f'mount -t overlay -o "{options}" x "{merged}"; cd "{merged}"; ({script}); cp -a . "{copy}"'
        subprocess.run(["unshare", "-m", "sh", "-ec", lines], check=True)
        return seen(copy, self.since)


def read(image: Image) -> list[LayerFacts]:
    return image.read([Texts()], progress=lambda _done, _all: None)


def remade(layers: Sequence[Relayered]) -> list[LayerFacts]:
    """Read new layers back."""
    return [reduce_layer(as_blob(layer.now), [Texts()], DEFAULT) for layer in layers]


def as_blob(layer: LayerBlob | MadeLayer) -> LayerBlob:
    if isinstance(layer, LayerBlob):
        return layer
    path = layer.path
    return LayerBlob(lambda: path.open("rb"), layer.digest, layer.size, layer.diff_id, "", str(path))


def seen(folder: Path, since: float = float("inf")) -> dict[str, Seen]:
    """Return what lies below a folder; what changed since some time has the stamp."""
    names: dict[int, set[str]] = defaultdict(set)
    found = {}
    for place in folder.rglob("*"):
        status = place.lstat()
        names[status.st_ino].add(str(place.relative_to(folder)))
        found[str(place.relative_to(folder))] = place, status
    return {
        name: Seen(
            stat.S_IFMT(status.st_mode),
            stat.S_IMODE(status.st_mode),
            (status.st_uid, status.st_gid),
            STAMP if status.st_mtime >= since else int(status.st_mtime),
            _content(place),
            _capability(place),
            frozenset(names[status.st_ino]),
        )
        for name, (place, status) in found.items()
    }


def ordinary(found: dict[str, Seen]) -> dict[str, Seen]:
    """Leave devices and pipes out, which unpacking does not make."""
    return {name: file for name, file in found.items() if file.kind in _ORDINARY}


def _content(place: Path) -> bytes:
    if place.is_symlink():
        return os.fsencode(place.readlink())
    return place.read_bytes() if place.is_file() else b""


def _capability(place: Path) -> bytes:
    with suppress(OSError):
        return os.getxattr(place, "security.capability", follow_symlinks=False)
    return b""
