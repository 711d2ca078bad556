"""Reference to inventory: open, read every layer once, merge, catalogue."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from pratique import __version__
from pratique.catalog import CATALOGERS, catalog, distribution, unowned
from pratique.flows.setting import Setting
from pratique.formats.text import readable
from pratique.image import Image, MergedTree, open_image
from pratique.model.files import Anomaly, LayerFacts, Reader
from pratique.model.inventory import Gap, Inventory, Layer

Progress = Callable[[int, int], None]


class Taken(NamedTuple):
    """An image that was read: what it is, its layers' facts, its merged tree, and what was found in it."""

    image: Image
    facts: Sequence[LayerFacts]
    tree: MergedTree
    inventory: Inventory


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
        here: surroundings; facts of layers are kept in the cache.
        progress: called with (layers read, layers in all).
        more: readers whose facts are wanted beside those of the catalogers.

    Raises:
        PratiqueError: the image cannot be read, or is not what it promises to be.
    """
    image = open_image(reference, platform=platform)
    facts = image.read((*CATALOGERS, *more), progress=progress, keep=here.cache / "facts")
    tree = MergedTree(facts)
    found = catalog(tree)
    gaps = (*found.gaps, *_anomalies(facts, tree))
    files, loose = unowned(tree, found.packages)
    inventory = Inventory(
        tool=__version__,
        created=here.clock.now,
        clock=here.clock.source,
        source=replace(image.source, reference=readable(reference)),
        distribution=distribution(tree),
        layers=tuple(_layers(image, facts)),
        packages=found.packages,
        completeness="unknown" if not found.packages else "partial" if gaps else "complete",
        gaps=gaps,
        files=files,
        unowned=loose,
    )
    return Taken(image, facts, tree, inventory)


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
