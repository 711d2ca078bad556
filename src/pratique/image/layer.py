"""One pass over a layer: expanded, hashed, listed, and reduced to facts."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO, Protocol

from msgspec import Struct

from pratique.image.limits import Limits
from pratique.image.streams import VerifiedBlob, expand
from pratique.image.tar import Member, Window, scan
from pratique.model.digest import Digest
from pratique.model.errors import PratiqueError, UntrustedError
from pratique.model.files import Anomaly, Entry, FoldingReader, Kind, LayerFacts, LinkedFact, Reader, Unread

_LINKS = {Kind.SYMLINK, Kind.HARDLINK}


class Opener(Protocol):
    """Opens the bytes of one blob, from a folder or from inside an archive."""

    def __call__(self) -> BinaryIO:
        """Return the bytes as a file."""
        ...


class LayerBlob(Struct, frozen=True):
    """A layer as an image names it, not read yet.

    Attributes:
        opener: opens the stored bytes.
        digest: of the stored bytes; None where the format gives none (docker-archive).
        size: of the stored bytes; None where the format gives none.
        diff_id: digest of the uncompressed bytes, from the image's configuration.
        created_by: the builder's command, from the configuration's history.
        place: named in errors.
        media_type: as image-spec spells it (layer.md).
    """

    opener: Opener
    digest: Digest | None
    size: int | None
    diff_id: Digest
    created_by: str
    place: str
    media_type: str = "application/vnd.oci.image.layer.v1.tar"


def reduce_layer(layer: LayerBlob, readers: Sequence[Reader], limits: Limits) -> LayerFacts:
    """Read a layer once and return its facts.

    Raises:
        UntrustedError: size, digest or diff_id disagree with what the image promises; checked in this order.
        InputError: the bytes are what was promised, and they are damaged or over a limit.
    """
    anomalies: list[Anomaly] = []
    with checked(layer, limits) as chunks:
        window = Window(chunks, layer.place)
        entries, facts = reduce_members(scan(window, limits, anomalies), readers, limits, layer.place)
    return LayerFacts(layer.diff_id, window.offset, entries, facts, tuple(anomalies))


@contextmanager
def checked(layer: LayerBlob, limits: Limits) -> Iterator[Iterator[bytes]]:
    """Hand out the uncompressed bytes of a layer; when the block ends, everything is checked, in this order.

    Raises:
        UntrustedError: size, digest or diff_id disagree with what the image promises.
        InputError: the bytes are what was promised, and they are damaged or over a limit.
    """
    with layer.opener() as raw:
        blob = VerifiedBlob(raw, layer.digest, layer.size, layer.place)
        hasher = hashlib.sha256()
        chunks = _hashed(expand(blob, limits), hasher.update)
        try:
            yield chunks
            for _ in chunks:
                pass
        except PratiqueError:
            blob.finish()  # bytes that are not the promised ones are the truer cause
            raise
        blob.finish()
    diff_id = "sha256:" + hasher.hexdigest()
    if diff_id != layer.diff_id:
        raise UntrustedError(
            f"the layer expands to {diff_id} where the configuration promises {layer.diff_id}",
            place=layer.place,
            remedy="The image was put together wrongly or changed: build or fetch it again",
        )


def _hashed(chunks: Iterator[bytes], update: Any) -> Iterator[bytes]:
    for chunk in chunks:
        update(chunk)
        yield chunk


def reduce_members(
    members: Iterator[Member], readers: Sequence[Reader], limits: Limits, place: str
) -> tuple[tuple[Entry, ...], dict[str, dict[str, Any]]]:
    """Return the entries of a stream, and the facts that the readers made of the files they asked for.

    Where a path occurs twice the last one counts, as in the runtimes.
    """
    entries: list[Entry] = []
    facts: dict[str, dict[str, Any]] = {}
    for member in members:
        entry = member.entry
        entries.append(entry)
        if wanted := [r for r in readers if r.wants(entry.path)]:
            facts[entry.path] = _facts(member, wanted, limits, place)
    return tuple(entries), facts


def _facts(member: Member, readers: Sequence[Reader], limits: Limits, place: str) -> dict[str, Any]:
    entry = member.entry
    if entry.kind in _LINKS and member.content is None:
        return {r.name: LinkedFact(entry.link, symbolic=entry.kind is Kind.SYMLINK) for r in readers}
    if entry.kind is Kind.DIRECTORY:
        return {}
    if entry.kind not in {Kind.FILE, Kind.HARDLINK} or member.content is None:
        reason = "stored sparse" if entry.kind is Kind.FILE else f"a {entry.kind}, not a file"
        return {r.name: Unread(reason) for r in readers}
    if entry.size > limits.kept:
        return _folded(member, readers, limits)
    content = member.content()
    return {r.name: _read(r, content, entry.path, place) for r in readers}


def _folded(member: Member, readers: Sequence[Reader], limits: Limits) -> dict[str, Any]:
    """Return the facts of a file that is too large to hold: of readers that take pieces; the others do without."""
    unread = Unread(f"{member.entry.size} bytes, over the limit of {limits.kept}")
    folds = {r.name: r.begin() for r in readers if isinstance(r, FoldingReader)}
    if not folds or member.pieces is None:
        return {r.name: unread for r in readers}
    for piece in member.pieces():
        for fold in folds.values():
            fold.update(piece)
    return {r.name: folds[r.name].fact() if r.name in folds else unread for r in readers}


def _read(reader: Reader, content: bytes, path: str, place: str) -> Any:
    try:
        return reader.read(content)
    except PratiqueError as error:
        if reader.fatal:
            raise error.at(f"{place}: {path}") from None
        return Unread(f"{error.what}{' (' + error.place + ')' if error.place else ''}")
