"""Ceilings on what an image may ask of the reader; each is checked before memory is taken."""

from msgspec import Struct

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30


class Limits(Struct, frozen=True):
    """Ceilings; the defaults are far above real ML images and far below what would harm the machine.

    Attributes:
        document: bytes of a manifest, index or configuration (distribution-spec asks registries for 4 MiB).
        layers: layers of one image.
        layer: uncompressed bytes of one layer.
        ratio: uncompressed bytes for each compressed byte, once a layer is over 256 MiB; deflate ends at 1,032.
        entries: entries of one layer.
        path: bytes of one path (Linux PATH_MAX).
        headers: bytes of one PAX or GNU long-name header.
        kept: bytes of one file handed to a reader.
        window: bytes of history a zstd frame may ask for.
        archive: members of a docker-archive or OCI archive.
    """

    document: int = 4 * MIB
    layers: int = 1000
    layer: int = 256 * GIB
    ratio: int = 1100
    entries: int = 5_000_000
    path: int = 4096
    headers: int = MIB
    kept: int = 64 * MIB
    window: int = 128 * MIB
    archive: int = 100_000


DEFAULT = Limits()
STATEMENTS = 4096
"""Statements of one image that are looked at."""
