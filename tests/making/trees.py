"""A merged tree made in memory by the real reader: what the catalogers' second halves work on."""

from collections.abc import Sequence
from io import BytesIO

from pratique.catalog import CATALOGERS, catalog
from pratique.image import DEFAULT, MergedTree
from pratique.image.layer import LayerBlob, reduce_layer
from pratique.model.digest import digest_of
from pratique.model.files import LayerFacts
from pratique.model.inventory import Catalogued, Gap
from tests.making.tar import Item, tar


def layer_facts(items: Sequence[Item]) -> LayerFacts:
    """Return what every cataloger's reader makes of one layer."""
    data = tar(items)
    blob = LayerBlob(lambda: BytesIO(data), None, None, digest_of(data), "", "layer")
    return reduce_layer(blob, CATALOGERS, DEFAULT)


def tree(*layers: Sequence[Item]) -> MergedTree:
    """Return the merged tree of some layers, bottom first."""
    return MergedTree([layer_facts(items) for items in layers])


def catalogued(*layers: Sequence[Item]) -> Catalogued:
    """Return what all catalogers make of some layers together."""
    return catalog(tree(*layers))


def names(found: Catalogued) -> list[tuple[str, str]]:
    """Return (name, version) of every package."""
    return [(p.name, p.version) for p in found.packages]


def gaps(found: Catalogued) -> list[tuple[str, str]]:
    """Return (kind, subject) of every gap."""
    return [subject(gap) for gap in found.gaps]


def subject(gap: Gap) -> tuple[str, str]:
    return gap.kind, gap.subject
