"""Facts of layers, kept: what was read of a layer once, by the same readers, is not read again.

Kept under size and digest of a layer's stored bytes and the digest of its uncompressed ones, which were checked against each
other when it was read. A layer without a digest of its stored bytes is never kept. The versions of
Pratique and of the readers are part of the key, so that what is found there is always of the types that are asked for.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from pratique import __version__
from pratique.image.layer import LayerBlob
from pratique.image.limits import Limits
from pratique.model.files import Anomaly, Entry, LayerFacts, LinkedFact, Reader, Unread
from pratique.storage import alone, recall, remember

_FORMAT = 4


class _Kept(Struct, array_like=True):
    """A layer as it is kept; ``facts`` by reader, then by path."""

    size: int
    entries: tuple[Entry, ...]
    anomalies: tuple[Anomaly, ...]
    facts: dict[str, msgspec.Raw]


_ENCODER, _DECODER = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder(_Kept)


class FactStore:
    """A folder of facts, for one set of readers under one set of limits.

    Args:
        folder: of our own; it need not exist. None to keep nothing.
        readers: whose facts are wanted.
        limits: under which layers are read.
    """

    def __init__(self, folder: Path | None, readers: Sequence[Reader], limits: Limits) -> None:
        self._readers = readers
        named = [_FORMAT, __version__, limits, *((r.name, r.version) for r in readers)]
        self._folder = folder / hashlib.sha256(_ENCODER.encode(named)).hexdigest()[:16] if folder else None

    def find(self, layer: LayerBlob) -> LayerFacts | None:
        """Return the facts of a layer; None where they are not kept or no longer what was kept."""
        place = self._place(layer)
        found = self._recalled(layer, place) if place else None
        return found[1] if found else None

    def _recalled(self, layer: LayerBlob, place: Path) -> tuple[bytes, LayerFacts] | None:
        data = recall(place)
        with suppress(msgspec.MsgspecError):
            return (data, self.decode(layer, data)) if data is not None else None
        return None

    def made(self, layer: LayerBlob, read: Callable[[], LayerFacts]) -> bytes:
        """Return the facts of a layer encoded, read by one of several who ask at once, and kept for the others.

        Raises:
            PratiqueError: the layer cannot be read.
        """
        place = self._place(layer)
        if place is None:
            return self._encode(read())
        with alone(place):
            if known := self._recalled(layer, place):
                return known[0]
            data = self._encode(read())
            remember(place, data)
            return data

    def decode(self, layer: LayerBlob, data: bytes) -> LayerFacts:
        """Return the facts of a layer.

        Raises:
            msgspec.MsgspecError: they are of another version.
        """
        kept = _DECODER.decode(data)
        return LayerFacts(layer.diff_id, kept.size, kept.entries, self._facts(kept.facts), kept.anomalies)

    def _encode(self, found: LayerFacts) -> bytes:
        by_reader: dict[str, dict[str, Any]] = {r.name: {} for r in self._readers}
        for path, facts in found.facts.items():
            for name, fact in facts.items():
                by_reader[name][path] = fact
        raw = {name: msgspec.Raw(_ENCODER.encode(facts)) for name, facts in by_reader.items()}
        return _ENCODER.encode(_Kept(found.size, found.entries, found.anomalies, raw))

    def _place(self, layer: LayerBlob) -> Path | None:
        """Return where facts are kept; nowhere for a layer that no digest names."""
        named = f"{layer.size}\n{layer.digest}\n{layer.diff_id}".encode()
        return self._folder / hashlib.sha256(named).hexdigest() if layer.digest and self._folder else None

    def _facts(self, raw: Mapping[str, msgspec.Raw]) -> dict[str, dict[str, Any]]:
        facts: dict[str, dict[str, Any]] = {}
        for reader in self._readers:
            for path, fact in _decoder(reader.fact).decode(raw[reader.name]).items():
                facts.setdefault(path, {})[reader.name] = fact
        return facts


@cache
def _decoder(fact: Any) -> msgspec.msgpack.Decoder[dict[str, Any]]:
    return msgspec.msgpack.Decoder(dict[str, fact | Unread | LinkedFact])
