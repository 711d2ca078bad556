"""Reading images: a reference to an opened image, its layers to facts, facts to a merged tree.

Reads OCI layouts (folder, archive), docker-archives, unpacked roots and registries of this machine; writes OCI layouts.
"""

from pratique.image.edit import Edit, Relayered
from pratique.image.limits import DEFAULT, Limits
from pratique.image.oci import PARENT
from pratique.image.referrers import Attachment, attach, attached
from pratique.image.source import Image, open_image
from pratique.image.statements import Statements, open_statements, push
from pratique.image.tree import MergedTree
from pratique.image.unpack import unpack
from pratique.image.upper import Upper
from pratique.image.write import Change, Target, check_target, holds, parse_target, publish, write_image

__all__ = [
    "DEFAULT",
    "PARENT",
    "Attachment",
    "Change",
    "Edit",
    "Image",
    "Limits",
    "MergedTree",
    "Relayered",
    "Statements",
    "Target",
    "Upper",
    "attach",
    "attached",
    "check_target",
    "holds",
    "open_image",
    "open_statements",
    "parse_target",
    "publish",
    "push",
    "unpack",
    "write_image",
]
