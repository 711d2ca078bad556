"""The cache folder: what is in it, and how it is kept small. Advisories are no cache: they are imported, not made anew."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from msgspec.structs import replace

from pratique.flows.setting import Setting
from pratique.formats.text import parse_age
from pratique.model.cache import CacheKind, CacheState, Pruned
from pratique.model.errors import UsageError
from pratique.storage import Kept, forget, kept_below, locked

_KINDS = {
    "facts": (2, "what was read of layers"),
    "inventories": (1, "what was found in images"),
    "byte-code": (2, "what sources in wheels compile to"),
    "artifacts": (1, "fetched packages"),
    "repositories": (1, "lists of packages"),
    "roots": (1, "unpacked images"),
    "candidates": (1, "new images that were not published"),
    "journal": (1, "steps that were done"),
}
"""Folder -> how deep its entries lie, and what they are."""

_IN_USE = timedelta(hours=1)
_SIZE = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)\s*([KMGT])(i?)B?", re.IGNORECASE)


def cache_state(here: Setting) -> CacheState:
    """Return what lies in the cache folder, and how long ago it was used.

    Raises:
        UnavailableError: it cannot be read.
    """
    return _state(here, _entries(here.cache))


def prune_cache(here: Setting, *, most: str, older: str) -> Pruned:
    """Take away what was used longest ago; nothing that was used within the last hour.

    1. Everything that was used last before a time.
    2. Of the rest the oldest, until no more is left than wanted.

    Args:
        here: surroundings.
        most: size to keep at most, such as ``20GB``; empty for any.
        older: age, such as ``30d`` or ``12h``; empty for any.

    Raises:
        UsageError: neither is given, or one is no size or age.
        UnavailableError: the folder cannot be read or changed.
    """
    limit, age = _size(most), parse_age(older, "--older-than") if older else None
    if limit is None and age is None:
        raise UsageError("nothing says what is to go", remedy="Name --max-size or --older-than")
    now = datetime.now(UTC)
    with locked(here.cache / "work"):  # no workload runs meanwhile
        entries = sorted(_entries(here.cache), key=lambda e: e.used)
        free = [e for e in entries if now - e.used > _IN_USE]
        gone = [e for e in free if age is not None and now - e.used > age]  # 1
        left = sum(e.size for e in entries) - sum(e.size for e in gone)
        for entry in free[len(gone) :]:  # 2
            if limit is None or left <= limit:
                break
            gone.append(entry)
            left -= entry.size
        return replace(_without(here, gone), over=max(0, left - limit) if limit is not None else 0)


def clear_cache(here: Setting) -> Pruned:
    """Take everything away, but advisories.

    Raises:
        UnavailableError: the folder cannot be read or changed.
    """
    with locked(here.cache / "work"):
        return _without(here, list(_entries(here.cache)))


def _entries(cache: Path) -> Iterator[Kept]:
    for name, (depth, _) in _KINDS.items():
        yield from kept_below(cache / name, depth)


def _without(here: Setting, gone: Sequence[Kept]) -> Pruned:
    for entry in gone:
        forget(entry.path)
    return Pruned(entries=len(gone), size=sum(e.size for e in gone), left=_state(here, _entries(here.cache)))


def _state(here: Setting, entries: Iterator[Kept]) -> CacheState:
    by_kind: dict[str, list[Kept]] = {name: [] for name in _KINDS}
    for entry in entries:
        by_kind[entry.path.relative_to(here.cache).parts[0]].append(entry)
    kinds = tuple(
        CacheKind(
            name=name,
            holds=_KINDS[name][1],
            entries=len(found),
            size=sum(e.size for e in found),
            oldest=min((e.used for e in found), default=None),
        )
        for name, found in by_kind.items()
    )
    return CacheState(folder=str(here.cache), kinds=kinds, size=sum(k.size for k in kinds))


def _size(text: str) -> int | None:
    found = _SIZE.fullmatch(text)
    if text and not found:
        raise UsageError(f"not a size: {text[:40]!r}", place="--max-size", remedy="Use 500MB or 20GiB")
    if not found:
        return None
    power = "KMGT".index(found[2].upper()) + 1
    return int(float(found[1]) * (1024 if found[3] else 1000) ** power)
