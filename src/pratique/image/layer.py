"""One pass over a layer: expanded, hashed, listed, and reduced to facts."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from typing import Any, BinaryIO, Protocol

from msgspec import Struct

from pratique.image.limits import Limits
from pratique.image.stages import ahead, beside
from pratique.image.streams import VerifiedBlob, expand
from pratique.image.tar import Member, Window, scan
from pratique.model.digest import Digest
from pratique.model.errors import PratiqueError, UntrustedError
from pratique.model.files import Anomaly, Entry, Kind, LayerFacts, LinkedFact, Reader, Unread

_SMALL = 256 * 1024
"""Stored bytes up to which a layer is not worth a thread."""

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


def reduce_layer(
    layer: LayerBlob,
    readers: Sequence[Reader],
    limits: Limits,
    spare: Callable[[], bool] = lambda: True,
) -> LayerFacts:
    """Read a layer once and return its facts.

    Args:
        layer: as the image names it.
        readers: what is to be made of which files.
        limits: ceilings.
        spare: says whether another core has nothing to do.

    Raises:
        UntrustedError: size, digest or diff_id disagree with what the image promises; checked in this order.
        InputError: the bytes are what was promised, and they are damaged or over a limit.
    """
    anomalies: list[Anomaly] = []
    with checked(layer, limits, spare) as chunks:
        window = Window(chunks, layer.place)
        entries, facts = reduce_members(scan(window, limits, anomalies), readers, limits, layer.place)
    return LayerFacts(layer.diff_id, window.offset, entries, facts, tuple(anomalies))


@contextmanager
def checked(
    layer: LayerBlob, limits: Limits, spare: Callable[[], bool] = lambda: True
) -> Iterator[Iterator[bytes]]:
    """Hand out the uncompressed bytes of a layer; when the block ends, everything is checked, in this order.

    As soon as a core has nothing to do, expanding and hashing go on in threads.

    Raises:
        UntrustedError: size, digest or diff_id disagree with what the image promises.
        InputError: the bytes are what was promised, and they are damaged or over a limit.
    """
    with layer.opener() as raw:
        blob = VerifiedBlob(raw, layer.digest, layer.size, layer.place)
        hasher = sha256()
        try:
            with ExitStack() as threads:
                idle = spare if _is_large(layer) else _never
                flow = _flow(expand(blob, limits), hasher.update, threads, idle)
                yield flow
                for _ in flow:
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


def _is_large(layer: LayerBlob) -> bool:
    return layer.size is None or layer.size > _SMALL


def _never() -> bool:
    return False


def _flow(
    chunks: Iterator[bytes], update: Callable[[bytes], object], threads: ExitStack, spare: Callable[[], bool]
) -> Iterator[bytes]:
    """Yield chunks that are hashed on the way; once there is a spare core, they are made ahead and hashed beside."""
    for chunk in chunks:
        update(chunk)
        yield chunk
        if spare():
            break
    else:
        return
    give = threads.enter_context(beside(update))
    for chunk in threads.enter_context(ahead(chunks)):
        give(chunk)
        yield chunk


def reduce_members(
    members: Iterator[Member], readers: Sequence[Reader], limits: Limits, place: str
) -> tuple[tuple[Entry, ...], dict[str, dict[str, Any]]]:
    """Return the entries of a stream with their digests, and the facts that the readers made of the files they asked for.

    Where a path occurs twice the last one counts, as in the runtimes.
    """
    entries: list[Entry] = []
    facts: dict[str, dict[str, Any]] = {}
    near = _near(readers)
    for member in members:
        if near(member.path.lower()) and (wanted := [r for r in readers if r.wants(member.path)]):
            entry, facts[member.path] = _facts(member, wanted, limits, place)
        else:
            digest = member.contents.sha256(member.size) if member.contents else b""
            entry = Entry(member.path, member.kind, member.size, member.mode, member.link, digest)
        entries.append(entry)
    return tuple(entries), facts


def _near(readers: Sequence[Reader]) -> Callable[[str], bool]:
    """Return what says quickly of a path in lower case whether any reader may want it."""
    marks = {mark for r in readers for mark in r.marks or ()}
    folders, ends = tuple(m for m in marks if m.endswith("/")), tuple(m for m in marks if not m.endswith("/"))
    if any(r.marks is None for r in readers):
        return bool
    return lambda path: path.endswith(ends) or path.startswith(folders)


def _facts(
    member: Member, readers: Sequence[Reader], limits: Limits, place: str
) -> tuple[Entry, dict[str, Any]]:
    """Return a wanted entry and its facts."""
    contents = member.contents
    if contents is None:
        return member.entry(), _without_content(member, readers)
    if member.size > limits.kept:
        unread = Unread(f"{member.size} bytes, over the limit of {limits.kept}")
        return member.entry(contents.sha256(member.size)), {r.name: unread for r in readers}
    content = contents.read(member.size)
    found = {r.name: _read(r, content, member.path, place) for r in readers}
    return member.entry(sha256(content).digest()), found


def _without_content(member: Member, readers: Sequence[Reader]) -> dict[str, Any]:
    if member.kind is Kind.DIRECTORY:
        return {}
    if member.kind in _LINKS:
        return {r.name: LinkedFact(member.link, symbolic=member.kind is Kind.SYMLINK) for r in readers}
    reason = "stored sparse" if member.kind is Kind.FILE else f"a {member.kind}, not a file"
    return {r.name: Unread(reason) for r in readers}


def _read(reader: Reader, content: bytes, path: str, place: str) -> Any:
    try:
        return reader.read(content)
    except PratiqueError as error:
        if reader.fatal:
            raise error.at(f"{place}: {path}") from None
        return Unread(f"{error.what}{' (' + error.place + ')' if error.place else ''}")
