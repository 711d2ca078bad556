"""Facts of layers, kept: what was read of a layer once, by the same readers, is not read again.

Kept under size and digest of a layer's stored bytes and the digest of its uncompressed ones, which were checked against each
other when it was read, and behind a digest of their own: what the disk changed is read again. A layer without a digest of its
stored bytes is never kept.
"""

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from pratique import __version__
from pratique.image.layer import LayerBlob
from pratique.image.limits import Limits
from pratique.model.errors import UnavailableError
from pratique.model.files import Anomaly, Entry, LayerFacts, LinkedFact, Reader, Unread
from pratique.storage import touch, write_atomic

_FORMAT = 2
_DIGEST = 32  # bytes of sha256


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
        folder: of our own; it need not exist.
        readers: whose facts are wanted.
        limits: under which layers are read.
    """

    def __init__(self, folder: Path, readers: Sequence[Reader], limits: Limits) -> None:
        self._readers = readers
        named = [_FORMAT, __version__, limits, *((r.name, r.version) for r in readers)]
        self._folder = folder / hashlib.sha256(_ENCODER.encode(named)).hexdigest()[:16]

    def find(self, layer: LayerBlob) -> LayerFacts | None:
        """Return the facts of a layer; None where they are not kept or no longer what was kept."""
        with suppress(OSError, msgspec.MsgspecError):
            if place := self._place(layer):
                data = memoryview(place.read_bytes())
                if hashlib.sha256(data[_DIGEST:]).digest() != data[:_DIGEST]:
                    return None
                kept = _DECODER.decode(data[_DIGEST:])
                facts = self._facts(kept.facts)
                touch(place)
                return LayerFacts(layer.diff_id, kept.size, kept.entries, facts, kept.anomalies)
        return None

    def keep(self, layer: LayerBlob, found: LayerFacts) -> None:
        """Keep the facts of a layer; where the disk refuses, the layer will be read again."""
        by_reader: dict[str, dict[str, Any]] = {r.name: {} for r in self._readers}
        for path, facts in found.facts.items():
            for name, fact in facts.items():
                by_reader[name][path] = fact
        raw = {name: msgspec.Raw(_ENCODER.encode(facts)) for name, facts in by_reader.items()}
        if place := self._place(layer):
            data = _ENCODER.encode(_Kept(found.size, found.entries, found.anomalies, raw))
            with suppress(UnavailableError):
                write_atomic(place, hashlib.sha256(data).digest() + data, durable=False)

    def _place(self, layer: LayerBlob) -> Path | None:
        named = f"{layer.size}\n{layer.digest}\n{layer.diff_id}".encode()
        return self._folder / hashlib.sha256(named).hexdigest() if layer.digest else None

    def _facts(self, raw: Mapping[str, msgspec.Raw]) -> dict[str, dict[str, Any]]:
        facts: dict[str, dict[str, Any]] = {}
        for reader in self._readers:
            for path, fact in _decoder(reader.fact).decode(raw[reader.name]).items():
                facts.setdefault(path, {})[reader.name] = fact
        return facts


@cache
def _decoder(fact: Any) -> msgspec.msgpack.Decoder[dict[str, Any]]:
    return msgspec.msgpack.Decoder(dict[str, fact | Unread | LinkedFact])
