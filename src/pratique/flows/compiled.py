"""What the sources of a wheel compile to by this Python, kept in the cache: compiling is most of a comparison's work."""

from pathlib import Path

import msgspec

from pratique.ecosystems import bytecode
from pratique.model.digest import Digest
from pratique.storage import recall, remember

_Outlines = dict[str, bytes | None]
_FORMAT = 2
_DECODER = msgspec.msgpack.Decoder(_Outlines)


class Outlines:
    """Outlines of byte code (``pratique.ecosystems.bytecode``), by the digest of the source and the optimisation.

    Args:
        wheel: the file that the sources are from, in a folder that is named by its digest.
        cache: folder for our own data.
    """

    def __init__(self, wheel: Path, cache: Path) -> None:
        self._place = cache / "byte-code" / f"{bytecode.magic()}-{_FORMAT}" / wheel.parent.name
        kept = recall(self._place)
        self._known: _Outlines = _DECODER.decode(kept) if kept is not None else {}
        self._kept = len(self._known)

    def known(self, source: Digest, level: int) -> bool:
        """Say whether a source need not be compiled again."""
        return f"{source}-{level}" in self._known

    def of(self, source: Digest, level: int, content: bytes | None) -> bytes | None:
        """Return the outline of a source, whose content is needed where it is not known; None where it has none."""
        key = f"{source}-{level}"
        if key not in self._known:
            self._known[key] = bytecode.outline_of_source(content or b"", level)
        return self._known[key]

    def keep(self) -> None:
        """Keep what is new."""
        if len(self._known) > self._kept:
            remember(self._place, msgspec.msgpack.encode(self._known))
