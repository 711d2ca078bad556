"""Content digests as the OCI image specification writes them (image-spec, descriptor.md, "Digests")."""

import hashlib
import re
from typing import NewType

from pratique.model.errors import InputError

Digest = NewType("Digest", str)
"""A checked ``sha256:<64 lower-case hex>`` string; made only by the functions below."""

_SHA256 = re.compile(r"sha256:[0-9a-f]{64}")


def parse_digest(text: str, *, place: str = "") -> Digest:
    """Return ``text`` as a digest.

    Raises:
        InputError: it is not a sha256 digest in canonical form.
    """
    if not _SHA256.fullmatch(text):
        raise InputError(f"not a sha256 digest: {text[:80]!r}", place=place)
    return Digest(text)


def digest_of(data: bytes) -> Digest:
    """Return the sha256 digest of ``data``."""
    return Digest("sha256:" + hashlib.sha256(data).hexdigest())
