"""Inventories of images, kept: an image whose layers and catalogers are the same is not catalogued again.

Only images whose every layer has a digest; the inventory is a pure function of them, and of the versions in the key.
"""

import hashlib
from contextlib import suppress
from pathlib import Path

import msgspec

from pratique import __version__
from pratique.catalog import CATALOGERS
from pratique.image import DEFAULT, Image
from pratique.model.inventory import Inventory
from pratique.storage import recall, remember

_FORMAT = 1


def recalled(image: Image, cache: Path) -> Inventory | None:
    """Return the inventory of an image; None where it is not kept, or no longer what was kept."""
    place = _place(image, cache)
    if place is None or (data := recall(place)) is None:
        return None
    with suppress(msgspec.MsgspecError):
        return msgspec.msgpack.decode(data, type=Inventory)
    return None


def remembered(found: Inventory, image: Image, cache: Path) -> Inventory:
    """Keep the inventory of an image, if it can be known again, and return it."""
    if place := _place(image, cache):
        remember(place, msgspec.msgpack.encode(found))
    return found


def _place(image: Image, cache: Path) -> Path | None:
    layers = [(layer.digest, layer.size, layer.diff_id, layer.created_by) for layer in image.layers]
    if not layers or any(digest is None for digest, *_ in layers):
        return None
    named = [_FORMAT, __version__, DEFAULT, [(c.name, c.version) for c in CATALOGERS], layers]
    return cache / "inventories" / hashlib.sha256(msgspec.msgpack.encode(named)).hexdigest()
