"""Statements attached to an image in an OCI layout: manifests whose ``subject`` is the image's (image-spec, manifest.md).

What is found here is untrusted: whoever can write to the layout can attach anything. Each statement is one artifact; its
blob is written before its manifest, and that before the index names it.
"""

from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from pratique.image.blobs import FolderBlobs
from pratique.image.limits import MIB
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

_MOST, _CANDIDATES = 100, 4096
_MANIFEST_SIZE = 64 * 1024
LARGEST = 64 * MIB
TOGETHER = 256 * MIB
"""Bytes of all statements about one image."""


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


def attached(target: Target, subject: Digest, media_type: str) -> Iterator[bytes]:
    """Yield the documents of a type that say of themselves that they belong to an image; none of it is verified.

    A candidate that is damaged is passed over: anybody could have put it there. At most 100 documents of one image are
    read, and at most 4,096 candidates of all images looked at.

    Raises:
        InputError: the index cannot be read, or names too many candidates.
    """
    index = read_index(target.folder)
    found = [e for e in index["manifests"] if isinstance(e, dict) and e.get("artifactType") == media_type]
    if len(found) > _CANDIDATES:
        raise _too_many(_CANDIDATES, target)
    blobs = FolderBlobs(target.folder)
    named = (_layer(blobs, entry, subject, media_type) for entry in found)
    layers = {(layer.digest, layer.size): layer for layer in named if layer}
    if len(layers) > _MOST:
        raise _too_many(_MOST, target)
    if sum(max(0, layer.size) for layer in layers.values()) > TOGETHER:
        raise too_large(str(target.folder))
    for layer in layers.values():
        content = _content(blobs, layer)
        if content is not None:
            yield content


def _content(blobs: FolderBlobs, layer: Descriptor) -> bytes | None:
    """Return a candidate's document; None where it is damaged or gone. What is there and cannot be read is an error."""
    try:
        content = blobs.read(blob_path(parse_digest(layer.digest)), LARGEST)
        check(content, layer, blobs.place)
    except (InputError, UntrustedError):
        return None
    except UnavailableError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return None
        raise
    return content


TOO_LARGE = f"statements of more than {TOGETHER >> 20} MiB together"


def too_large(place: str) -> InputError:
    """Return the error for more than anybody would want to read."""
    return InputError(TOO_LARGE, place=place, remedy="Remove what is not yours")


def _too_many(most: int, target: Target) -> InputError:
    remedy = "Remove what is not yours, or copy the image alone into a new layout and attest it there"
    return InputError(f"more than {most} statements", place=str(target.folder), remedy=remedy)


def _layer(blobs: FolderBlobs, entry: dict[str, Any], subject: Digest, media_type: str) -> Descriptor | None:
    """Return the descriptor of a candidate's document; None where it is about something else, or damaged."""
    try:
        digest = parse_digest(str(entry.get("digest")))
        data = blobs.read(blob_path(digest), _MANIFEST_SIZE)
        artifact = decode(data, Artifact, blobs.place)
    except (InputError, UntrustedError, UnsupportedError):
        return None
    except UnavailableError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return None
        raise
    if digest_of(data) != digest or artifact.subject is None or artifact.subject.digest != subject:
        return None
    fits = len(artifact.layers) == 1 and artifact.layers[0].media_type == media_type
    return artifact.layers[0] if fits and artifact.layers[0].size <= LARGEST else None
