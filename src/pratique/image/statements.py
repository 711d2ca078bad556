"""Where statements about an image lie: in the OCI layout that holds it, or in the registry that does."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol, cast

from pratique.formats import strict_json
from pratique.image.blobs import FolderBlobs, open_regular
from pratique.image.limits import DEFAULT
from pratique.image.oci import Manifest, blob_path, decode
from pratique.image.referrers import (
    EMPTY,
    MANIFEST,
    Attachment,
    LayoutShelf,
    about,
    artifact,
    attach,
    attached,
    documents,
)
from pratique.image.registry import Place, Registry
from pratique.image.source import layout_and_name, open_image
from pratique.image.write import Target, read_index
from pratique.model.digest import Digest, digest_of, parse_digest
from pratique.model.errors import UnsupportedError, UntrustedError, UsageError
from pratique.transport import MissingError


class Statements(Protocol):
    """The statements about one image.

    Attributes:
        image: digest of its manifest, resolved once.
        name: of the image, for people.
    """

    image: Digest
    name: str

    def attach(self, attachments: list[Attachment]) -> list[Digest]:
        """Attach documents; return the digests of their manifests. What is there already stays."""
        ...

    def attached(self, media_type: str) -> Iterator[bytes]:
        """Yield documents of a type that say of themselves that they belong to the image; none of it is verified."""
        ...


def open_statements(reference: str) -> Statements:
    """Return the statements about an image.

    Raises:
        UnsupportedError: it lies where nothing can be attached.
        UnavailableError: it cannot be read.
        UsageError: the name stands for images of several platforms.
    """
    source = open_image(reference).source
    if source.other_platforms:
        raise UsageError(
            f"an index of several platforms ({source.platform} and {', '.join(source.other_platforms)})",
            place=reference,
            remedy="A statement is about one image: name it by its digest or copy it alone, as with skopeo copy",
        )
    if source.digest is not None and source.kind == "registry":
        return _InRegistry(Place.parse(reference.removeprefix("registry:")), source.digest)
    if source.digest is not None and source.kind == "oci":
        folder, name = layout_and_name(reference)
        return _InLayout(Target(folder, name or "latest"), source.digest)
    raise UnsupportedError(
        "statements are attached to images in OCI layouts and registries alone",
        place=reference,
        remedy="Name it as oci:FOLDER:TAG or registry:127.0.0.1:PORT/NAME:TAG",
    )


class _InLayout:
    """Statements in an OCI layout."""

    def __init__(self, target: Target, image: Digest) -> None:
        self._target = target
        self.image = image
        self.name = target.tag

    def attach(self, attachments: list[Attachment]) -> list[Digest]:
        """Attach documents."""
        return attach(self._target, self.image, attachments)

    def attached(self, media_type: str) -> Iterator[bytes]:
        """Yield documents of a type."""
        return attached(self._target, self.image, media_type)


class _InRegistry:
    """Statements in a registry."""

    def __init__(self, place: Place, image: Digest) -> None:
        self._registry = Registry(place)
        self.image = image
        self.name = place.name

    def attach(self, attachments: list[Attachment]) -> list[Digest]:
        """Attach documents: blobs, then manifests, then the list of what refers to the image where it is ours to keep."""
        data, _ = self._registry.manifest(self.image)
        subject = {"mediaType": _type(data), "digest": self.image, "size": len(data)}
        entries, kept = [], True
        self._registry.put_blob(digest_of(EMPTY), EMPTY)
        for one in attachments:
            manifest = json.dumps(artifact(subject, one), separators=(",", ":"), sort_keys=True).encode()
            self._registry.put_blob(digest_of(one.data), one.data)
            kept = self._registry.put_manifest(digest_of(manifest), manifest, MANIFEST) and kept
            entries.append(_entry(manifest, one))
        if not kept:
            self._registry.refer(self.image, entries)
        return [Digest(entry["digest"]) for entry in entries]

    def attached(self, media_type: str) -> Iterator[bytes]:
        """Yield documents of a type."""
        shelf = _RegistryShelf(self._registry)
        return documents(shelf, self._registry.referrers(self.image), self.image, media_type)


class _RegistryShelf:
    """The manifests and blobs of a registry."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self.place = str(registry.place)

    def manifest(self, digest: Digest, limit: int) -> bytes | None:
        """Return a manifest."""
        try:
            data, _ = self._registry.manifest(digest)
        except MissingError:
            return None
        return data if len(data) <= limit else None

    def blob(self, digest: Digest, size: int) -> bytes | None:
        """Return a blob."""
        try:
            with self._registry.blob(digest, size) as file:
                return file.read(size + 1)
        except MissingError:
            return None


def _entry(manifest: bytes, one: Attachment) -> dict[str, Any]:
    return {
        "mediaType": MANIFEST,
        "digest": digest_of(manifest),
        "size": len(manifest),
        "artifactType": one.media_type,
        "annotations": one.annotations,
    }


def push(layout: str, to: str) -> Digest:
    """Copy an image and what is attached to it from a layout into a registry; the tag comes last.

    1. Layers and configuration, each checked on the way.
    2. The manifest under its digest, and everything that refers to it.
    3. The tag.

    Raises:
        UnsupportedError: the source is no image in a layout.
        UntrustedError: a blob is not what its descriptor promises.
        UnavailableError: the registry refuses.
    """
    image = open_image(layout).source
    if image.kind != "oci" or image.digest is None:
        raise UnsupportedError(
            "only images in OCI layouts are pushed", place=layout, remedy="Name it as oci:FOLDER:TAG"
        )
    folder, _ = layout_and_name(layout)
    place = Place.parse(to.removeprefix("registry:"))
    registry = Registry(place)
    data, _ = _pushed(registry, folder, image.digest)  # 1, 2
    shelf = LayoutShelf(folder)
    entries = [e for e in read_index(folder)["manifests"] if isinstance(e, dict) and e.get("artifactType")]
    ours = [e for e in entries if about(shelf, e) == image.digest]
    kept = [_pushed(registry, folder, parse_digest(str(e["digest"])))[1] for e in ours]
    if not all(kept):
        registry.refer(image.digest, ours)
    registry.put_manifest(place.reference, data, _type(data))  # 3
    return image.digest


def _pushed(registry: Registry, folder: Path, digest: Digest) -> tuple[bytes, bool]:
    """Push a manifest after all that it names; return it, and whether the registry keeps track of what it refers to."""
    data = FolderBlobs(folder).read(blob_path(digest), DEFAULT.document)
    _same(digest_of(data), digest, folder)
    manifest = decode(data, Manifest, str(folder))
    for blob in (parse_digest(found.digest) for found in (*manifest.layers, manifest.config)):
        if not registry.has_blob(blob):
            path = folder / blob_path(blob)
            with open_regular(path) as file:
                digits = hashlib.file_digest(cast("Any", file), "sha256").hexdigest()
            _same(Digest(f"sha256:{digits}"), blob, folder)
            registry.put_blob(blob, path)
    return data, registry.put_manifest(digest, data, _type(data))


def _same(found: Digest, promised: Digest, folder: Path) -> None:
    if found != promised:
        place = str(folder / blob_path(promised))
        remedy = "The copy is damaged or was changed: make the image again"
        raise UntrustedError("not what its descriptor promises", place=place, remedy=remedy)


def _type(data: bytes) -> str:
    return str(strict_json.loads(data, place="manifest").get("mediaType", MANIFEST))
