"""Reference to inventory: open, read every layer once, merge, catalogue."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import cached_property

from msgspec.structs import replace

from pratique import __version__
from pratique.catalog import CATALOGERS, catalog, distribution, unowned
from pratique.flows.kept import recalled, remembered
from pratique.flows.setting import Setting
from pratique.formats.text import readable
from pratique.image import Image, MergedTree, open_image
from pratique.model.files import Anomaly, LayerFacts, Reader
from pratique.model.inventory import Gap, Inventory, Layer

Progress = Callable[[int, int], None]


class Taken:
    """An image that was read: what it is and what was found in it; its files, where someone asks for them.

    Attributes:
        image: as it was opened.
        inventory: everything found in it.
    """

    inventory: Inventory

    def __init__(self, image: Image, read: Callable[[], Sequence[LayerFacts]]) -> None:
        self.image = image
        self._read = read

    def named(self, inventory: Inventory) -> "Taken":
        """Return the same image with an inventory that other documents name."""
        same = Taken(self.image, lambda: self.facts)
        same.inventory = inventory
        return same

    @cached_property
    def facts(self) -> Sequence[LayerFacts]:
        """Return the facts of the layers, bottom first; layers whose facts are kept are not read again."""
        return self._read()

    @cached_property
    def tree(self) -> MergedTree:
        """Return the merged tree."""
        return MergedTree(self.facts)


def take_inventory(
    reference: str,
    platform: str,
    here: Setting,
    progress: Progress,
    more: Sequence[Reader] = (),
) -> Taken:
    """Return everything found in an image, and the image as it was read.

    Args:
        reference: of the image, as the user named it.
        platform: ``os/architecture[/variant]``; empty for linux/amd64 where several are offered.
        here: surroundings; facts of layers, and what they amount to, are kept in the cache.
        progress: called with (layers read, layers in all).
        more: readers whose facts are wanted beside those of the catalogers, with the digests of all files.

    Raises:
        PratiqueError: the image cannot be read, or is not what it promises to be.
    """
    image = open_image(reference, platform=platform)
    readers, keep = (*CATALOGERS, *more), here.cache / "facts"
    taken = Taken(image, lambda: image.read(readers, progress=progress, keep=keep, digests=bool(more)))
    found = recalled(image, here.cache) or remembered(_found(taken), image, here.cache)
    taken.inventory = replace(
        found,
        created=here.clock.now,
        clock=here.clock.source,
        source=replace(image.source, reference=readable(reference)),
    )
    return taken


def _found(taken: Taken) -> Inventory:
    """Return the inventory of an image, but for its name and the time."""
    found = catalog(taken.tree)
    gaps = (*found.gaps, *_anomalies(taken.facts, taken.tree))
    files, loose = unowned(taken.tree, found.packages)
    return Inventory(
        tool=__version__,
        created=datetime.min.replace(tzinfo=UTC),
        clock="",
        source=replace(taken.image.source, reference=""),
        distribution=distribution(taken.tree),
        layers=tuple(_layers(taken.image, taken.facts)),
        packages=found.packages,
        completeness="unknown" if not found.packages else "partial" if gaps else "complete",
        gaps=gaps,
        files=files,
        unowned=loose,
    )


def _layers(image: Image, facts: Sequence[LayerFacts]) -> Iterator[Layer]:
    for blob, fact in zip(image.layers, facts, strict=False):  # an unpacked root has facts and no layer
        yield Layer(
            diff_id=blob.diff_id, created_by=blob.created_by, entries=len(fact.entries), size=fact.size
        )


def _anomalies(facts: Sequence[LayerFacts], tree: MergedTree) -> Iterator[Gap]:
    """Yield one gap for each kind of anomaly in a layer, with its number and the first place."""
    listed = [(index, anomaly) for index, layer in enumerate(facts) for anomaly in layer.anomalies]
    listed += tree.anomalies
    first: dict[tuple[int, str], Anomaly] = {}
    for index, anomaly in listed:
        first.setdefault((index, anomaly.reason), anomaly)
    counts = Counter((index, anomaly.reason) for index, anomaly in listed)
    for (index, reason), count in sorted(counts.items()):
        text = f"layer {index + 1}: {reason} ({count} in all)"
        yield Gap(kind="anomaly", subject=first[index, reason].path, reason=text)
