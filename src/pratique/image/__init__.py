"""Reading images: a reference to an opened image, its layers to facts, facts to a merged tree.

Reads OCI layouts (folder, archive), docker-archives and unpacked roots. Reads no registry and writes no image.
"""

from pratique.image.limits import DEFAULT, Limits
from pratique.image.source import Image, open_image
from pratique.image.tree import MergedTree
from pratique.image.unpack import unpack

__all__ = ["DEFAULT", "Image", "Limits", "MergedTree", "open_image", "unpack"]
