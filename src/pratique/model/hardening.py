"""What was made of an image by carrying out a plan."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

from pratique.model.digest import Digest


class LayerChange(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One layer of the new image, and what it was.

    Attributes:
        state: ``kept`` byte for byte, ``rewritten`` without what went, or ``added``.
        diff_id: digest of the uncompressed bytes now.
        before: of the layer that it was; None for an added one.
        size: bytes as stored now.
        size_before: bytes as stored before; 0 where the source does not tell, or for an added one.
        base: it belongs to the base of the image.
    """

    state: Literal["kept", "rewritten", "added"]
    diff_id: Digest
    before: Digest | None = None
    size: int
    size_before: int = 0
    base: bool = False


class Hardening(Struct, frozen=True, kw_only=True, tag_field="schema", tag="pratique.hardening/1"):
    """A plan that was carried out. It says nothing of whether the new image still does its work: a proof does.

    Attributes:
        image: digest of the configuration of the image as it was.
        plan: digest of the plan document.
        result: digest of the new image's configuration.
        manifest: digest of the new image's manifest.
        layers: bottom first.
        audit: what dpkg finds wrong with its database afterwards; empty where it finds nothing.
        notes: what else a person should know.
    """

    tool: str
    created: datetime
    clock: str
    image: Digest
    plan: Digest
    result: Digest
    manifest: Digest
    layers: tuple[LayerChange, ...]
    audit: str
    notes: tuple[str, ...]

    def sizes(self) -> tuple[int, int]:
        """Return the bytes of all layers as stored before and now; 0 where the source does not tell them all."""
        before = [layer.size_before for layer in self.layers if layer.before]
        now = [layer.size for layer in self.layers]
        return sum(before) if all(before) else 0, sum(now) if all(now) else 0
