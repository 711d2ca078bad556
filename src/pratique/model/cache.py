"""The cache folder as a document."""

from datetime import datetime

from msgspec import Struct


class CacheKind(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One kind of entry.

    Attributes:
        name: of the folder.
        holds: what its entries are.
        entries: how many.
        size: bytes of content.
        oldest: when the entry was used last that was used longest ago.
    """

    name: str
    holds: str
    entries: int
    size: int
    oldest: datetime | None = None


class CacheState(Struct, frozen=True, kw_only=True, tag_field="schema", tag="pratique.cache/1"):
    """What lies in the cache folder; sizes in bytes."""

    folder: str
    kinds: tuple[CacheKind, ...]
    size: int


class Pruned(Struct, frozen=True, kw_only=True, tag_field="schema", tag="pratique.pruned/1"):
    """How many entries went, their bytes, and what is left; ``over``: bytes above the wanted size that are in use."""

    entries: int
    size: int
    left: CacheState
    over: int = 0
