"""Statements attached to an image in an OCI layout: manifests whose ``subject`` is the image's (image-spec, manifest.md).

What is found here is untrusted: whoever can write to the layout can attach anything. Each statement is one artifact; its
blob is written before its manifest, and that before the index names it.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from msgspec import Struct

from pratique.image.blobs import FolderBlobs
from pratique.image.limits import MIB, STATEMENTS
from pratique.image.oci import Descriptor, blob_path, check, decode
from pratique.image.write import Store, Target, encoded_index, read_index
from pratique.model.digest import Digest, digest_of, parse_digest
from pratique.model.errors import (
    InputError,
    UnavailableError,
    UnsupportedError,
    UntrustedError,
    UsageError,
)
from pratique.storage import locked, write_atomic

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
EMPTY = b"{}"
"""The configuration of an artifact that has none (image-spec, manifest.md, "Guidance for an Empty Descriptor")."""

_MANIFEST_SIZE = 64 * 1024
_LARGEST = 64 * MIB
_TOGETHER = 1024 * MIB
_DAMAGED = (InputError, UntrustedError, UnsupportedError)


class Attachment(Struct, frozen=True):
    """A document to attach.

    Attributes:
        data: its bytes.
        media_type: of them, and of the artifact.
        annotations: for people and tools; they decide nothing.
    """

    data: bytes
    media_type: str
    annotations: dict[str, str]


class Artifact(Struct, rename="camel"):
    """A manifest that carries a document about another one."""

    layers: tuple[Descriptor, ...]
    subject: Descriptor | None = None
    artifact_type: str = ""


def attach(target: Target, image: Digest, attachments: list[Attachment]) -> list[Digest]:
    """Attach documents to an image; return the digests of their manifests. What is there already stays.

    Raises:
        UsageError: the layout has no such image.
        UnavailableError: the disk refuses.
    """
    with locked(target.folder):
        index = read_index(target.folder)
        subject = _subject(index, image, target)
        store = Store(target.folder)
        made = [_artifact(store, subject, one) for one in attachments]
        known = {entry.get("digest") for entry in index["manifests"] if isinstance(entry, dict)}
        index["manifests"] += [entry for entry in made if entry["digest"] not in known]
        write_atomic(target.folder / "index.json", encoded_index(index))
    return [Digest(entry["digest"]) for entry in made]


def _subject(index: dict[str, Any], image: Digest, target: Target) -> dict[str, Any]:
    for entry in index["manifests"]:
        if isinstance(entry, dict) and entry.get("digest") == image:
            return {key: entry[key] for key in ("mediaType", "digest", "size")}
    raise UsageError(
        "no such image in the layout's index", place=str(target), remedy="Name it as oci:FOLDER:TAG"
    )


def _artifact(store: Store, subject: dict[str, Any], one: Attachment) -> dict[str, Any]:
    store.save(one.data, digest_of(one.data))
    store.save(EMPTY, digest_of(EMPTY))
    descriptor = store.put(artifact(subject, one), MANIFEST)
    return {**descriptor, "artifactType": one.media_type, "annotations": one.annotations}


def artifact(subject: dict[str, Any], one: Attachment) -> dict[str, Any]:
    """Return the manifest that attaches a document to a subject, which a descriptor names."""
    return {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": one.media_type,
        "config": {"mediaType": _EMPTY_TYPE, "digest": digest_of(EMPTY), "size": len(EMPTY)},
        "layers": [{"mediaType": one.media_type, "digest": digest_of(one.data), "size": len(one.data)}],
        "subject": subject,
        "annotations": one.annotations,
    }


class Shelf(Protocol):
    """Where candidates and their documents lie.

    Attributes:
        place: named in errors.
    """

    place: str

    def manifest(self, digest: Digest, limit: int) -> bytes | None:
        """Return a manifest; None where there is none.

        Raises:
            UnavailableError: it may be there, and cannot be asked for.
        """
        ...

    def blob(self, digest: Digest, size: int) -> bytes | None:
        """Return a blob of a size; None where there is none; raises as ``manifest`` does."""
        ...


def documents(shelf: Shelf, entries: list[Any], subject: Digest, media_type: str) -> Iterator[bytes]:
    """Yield the documents of a type that say of themselves that they belong to an image; none of it is verified.

    A candidate that is damaged or gone is passed over: anybody could have put it there. One that cannot be asked for is an
    error: it could be the one that refuses the image. At most 4,096 candidates are looked at, and at most 1 GiB of documents
    read, one after the other.

    Args:
        shelf: where they lie.
        entries: of an index or of a list of referrers.
        subject: digest of the image's manifest.
        media_type: of the artifacts.

    Raises:
        InputError: there are too many.
        UnavailableError: one cannot be asked for.
    """
    found = [e for e in entries if isinstance(e, dict) and e.get("artifactType") == media_type]
    if len(found) > STATEMENTS:
        raise _too_many(f"{STATEMENTS} statements", shelf)
    named = (_layer(shelf, entry, subject, media_type) for entry in found)
    layers = {(layer.digest, layer.size): layer for layer in named if layer}
    if sum(layer.size for layer in layers.values()) > _TOGETHER:
        raise _too_many(f"{_TOGETHER // MIB} MiB of statements", shelf)
    for layer in layers.values():
        content = _content(shelf, layer)
        if content is not None:
            yield content


def _too_many(what: str, shelf: Shelf) -> InputError:
    remedy = "Remove what is not yours, or copy the image alone to a new place and attest it there"
    return InputError(f"more than {what}", place=shelf.place, remedy=remedy)


def _layer(shelf: Shelf, entry: dict[str, Any], subject: Digest, media_type: str) -> Descriptor | None:
    """Return the descriptor of a candidate's document; None where it is about something else, damaged or gone."""
    found = _candidate(shelf, entry, checked=True)
    if not found or not found.subject or found.subject.digest != subject or len(found.layers) != 1:
        return None
    (layer,) = found.layers
    return layer if layer.media_type == media_type and 0 <= layer.size <= _LARGEST else None


def _candidate(shelf: Shelf, entry: dict[str, Any], *, checked: bool) -> Artifact | None:
    """Return the manifest of a candidate; None where it is damaged or gone, as far as that is checked."""
    try:
        digest = parse_digest(str(entry.get("digest")))
        data = shelf.manifest(digest, _MANIFEST_SIZE)
        if data is None or (checked and digest_of(data) != digest):
            return None
        return decode(data, Artifact, shelf.place)
    except _DAMAGED:
        return None


def _content(shelf: Shelf, layer: Descriptor) -> bytes | None:
    """Return a candidate's document; None where it is damaged or gone."""
    try:
        content = shelf.blob(parse_digest(layer.digest), layer.size)
        if content is not None:
            check(content, layer, shelf.place)
    except _DAMAGED:
        return None
    return content


class LayoutShelf:
    """The blobs of an OCI layout.

    Args:
        folder: of the layout.
    """

    def __init__(self, folder: Path) -> None:
        self._blobs = FolderBlobs(folder)
        self.place = str(folder)

    def manifest(self, digest: Digest, limit: int) -> bytes | None:
        """Return a manifest."""
        try:
            return self._blobs.read(blob_path(digest), limit)
        except UnavailableError as error:
            if isinstance(error.__cause__, FileNotFoundError):
                return None
            raise

    def blob(self, digest: Digest, size: int) -> bytes | None:
        """Return a blob."""
        return self.manifest(digest, size)


def attached(target: Target, subject: Digest, media_type: str) -> Iterator[bytes]:
    """Yield the documents of a type in a layout that say of themselves that they belong to an image, as ``documents`` does."""
    return documents(LayoutShelf(target.folder), read_index(target.folder)["manifests"], subject, media_type)


def about(shelf: Shelf, entry: dict[str, Any]) -> str:
    """Return what a candidate says that it is about, damaged or not; empty where it cannot be read."""
    found = _candidate(shelf, entry, checked=False)
    return found.subject.digest if found and found.subject else ""
