"""Reading images: a reference to an opened image, its layers to facts, facts to a merged tree.

Reads OCI layouts (folder, archive), docker-archives, unpacked roots and registries of this machine; writes OCI layouts.
A part of the room is loaded when it is first asked for: who reads an image does not wait for what writes one.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pratique.image.edit import Edit, Relayered
    from pratique.image.limits import DEFAULT, Limits
    from pratique.image.oci import PARENT
    from pratique.image.referrers import Attachment, attach, attached
    from pratique.image.source import Image, open_image
    from pratique.image.statements import Statements, open_statements, push
    from pratique.image.tree import MergedTree
    from pratique.image.unpacking import unpack
    from pratique.image.upper import Upper
    from pratique.image.write import Change, Target, check_target, holds, parse_target, publish, write_image

_PARTS = {
    "edit": ("Edit", "Relayered"),
    "limits": ("DEFAULT", "Limits"),
    "oci": ("PARENT",),
    "referrers": ("Attachment", "attach", "attached"),
    "source": ("Image", "open_image"),
    "statements": ("Statements", "open_statements", "push"),
    "tree": ("MergedTree",),
    "unpacking": ("unpack",),
    "upper": ("Upper",),
    "write": ("Change", "Target", "check_target", "holds", "parse_target", "publish", "write_image"),
}
_HOMES = {name: part for part, names in _PARTS.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


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
