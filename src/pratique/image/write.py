"""Writing an image into an OCI layout: blobs first, index last, so that no tag ever names something incomplete.

Follows image-spec, image-layout.md. What is in the layout stays; a tag that is there already moves. Writes no archive and
no registry.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from msgspec import Struct

from pratique.formats import strict_json
from pratique.image.blobs import FolderBlobs
from pratique.image.layer import LayerBlob, checked
from pratique.image.limits import DEFAULT
from pratique.image.oci import PARENT, Manifest, blob_path, decode
from pratique.image.rewrite import GZIP, TAR, MadeLayer
from pratique.image.source import Image
from pratique.image.streams import VerifiedBlob
from pratique.model.digest import Digest, digest_of, parse_digest
from pratique.model.errors import InputError, UnavailableError, UntrustedError, UsageError
from pratique.storage import create_atomic, locked, read_whole, write_atomic

_NAME = "org.opencontainers.image.ref.name"
_BASE = "org.opencontainers.image.base."
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_INDEX = "application/vnd.oci.image.index.v1+json"
_INDEXES = {_INDEX, "application/vnd.docker.distribution.manifest.list.v2+json"}
_LAYOUT = {"imageLayoutVersion": "1.0.0"}


class Target(Struct, frozen=True):
    """An OCI layout and the tag to write there."""

    folder: Path
    tag: str

    def __str__(self) -> str:
        return f"oci:{self.folder}:{self.tag}"


class Change(Struct, frozen=True):
    """What is new in an image.

    Attributes:
        layers: bottom first, as they were or made anew; there may be more than before.
        step: what was done, for the history.
        created: when, UTC.
        base_changed: a layer of the base was made anew, so that claims about it no longer hold.
    """

    layers: tuple[LayerBlob | MadeLayer, ...]
    step: str
    created: datetime
    base_changed: bool


def parse_target(text: str) -> Target:
    """Return ``oci:FOLDER[:TAG]`` as a target; the tag is ``latest`` unless it is given.

    Raises:
        UsageError: it is not of this form.
    """
    kind, _, rest = text.partition(":")
    path, colon, tag = rest.rpartition(":")
    if not colon or "/" in tag:
        path, tag = rest, "latest"
    if kind != "oci" or not path or not tag or "\0" in text:
        raise UsageError(
            f"not a place for an image: {text[:100]!r}",
            place="--to",
            remedy="Name an OCI layout as oci:FOLDER:TAG; registries and archives are not written",
        )
    return Target(Path(path), tag)


def write_image(target: Target, image: Image, change: Change) -> tuple[Digest, Digest]:
    """Write an image with changed layers; return the digests of its manifest and configuration.

    1. Make the layout, or check that there is one, and that the tag may be moved.
    2. Store every layer: what is unchanged byte for byte, checked on the way.
    3. Store configuration and manifest.
    4. Let the tag name the manifest.

    Raises:
        UsageError: the tag is that of the image itself, or names several images.
        InputError: the folder holds something else than a layout.
        UntrustedError: an unchanged layer is not what the image promises.
        UnavailableError: the disk refuses.
    """
    with locked(target.folder):
        _layout(target.folder)  # 1
        index = _index(target, image.source.digest or "")
        store = Store(target.folder)
        layers = [store.layer(layer) for layer in change.layers]  # 2
        config = store.put(_config(image, change), _CONFIG)  # 3
        manifest = store.put(_manifest(image, change, config, layers), _MANIFEST)
        platform = _platform(image)
        entry = {
            **manifest,
            "annotations": {_NAME: target.tag},
            **({"platform": platform} if platform else {}),
        }
        index["manifests"].append(entry)  # 4
        write_atomic(target.folder / "index.json", encoded_index(index))
    return Digest(manifest["digest"]), Digest(config["digest"])


def check_target(target: Target, image: Image) -> None:
    """See, before any work is done, that an image made from another can be written to a place.

    Raises:
        UsageError: the tag is that of the image itself, or names several images.
        InputError: the folder holds something else than a layout.
    """
    if target.folder.exists():
        _index(target, image.source.digest or "")
        if not (target.folder / "oci-layout").exists():
            _check_empty(target.folder)


def _check_empty(folder: Path) -> None:
    if any(folder.iterdir()):
        raise InputError(
            "a folder that is not an OCI layout", place=str(folder), remedy="Name a new or empty folder"
        )


def _layout(folder: Path) -> None:
    mark = folder / "oci-layout"
    try:
        if not mark.exists():
            _check_empty(folder)
            (folder / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
            write_atomic(mark, json.dumps(_LAYOUT).encode())
    except OSError as error:
        what, remedy = (
            (error.strerror or str(error)).lower(),
            "Free space, or name a folder that this user may write",
        )
        raise UnavailableError(what, place=str(folder), remedy=remedy) from error


class Store:
    """The blobs of a layout."""

    def __init__(self, folder: Path) -> None:
        self._blobs = folder / "blobs" / "sha256"
        of_a_killed_run = (*folder.glob(".*.part"), *self._blobs.glob(".*.part"))
        for part in of_a_killed_run:  # nobody is writing them: whoever writes here holds the lock
            part.unlink(missing_ok=True)

    def put(self, document: dict[str, Any], media_type: str) -> dict[str, Any]:
        """Store a document and return its descriptor (descriptor.md)."""
        data = encoded_index(document)
        digest = digest_of(data)
        self.save(data, digest)
        return {"mediaType": media_type, "digest": digest, "size": len(data)}

    def save(self, data: bytes, digest: Digest) -> None:
        """Store a small blob."""
        write_atomic(self._path(digest), data)

    def layer(self, layer: LayerBlob | MadeLayer) -> dict[str, Any]:
        """Store a layer and return its descriptor."""
        if isinstance(layer, MadeLayer):
            with layer.path.open("rb") as raw:
                self.copy(VerifiedBlob(raw, layer.digest, layer.size, str(layer.path)), layer.digest)
            return {"mediaType": GZIP, "digest": layer.digest, "size": layer.size}
        if layer.digest is None or layer.size is None:
            return {"mediaType": TAR, "digest": layer.diff_id, "size": self._expanded(layer)}
        with layer.opener() as raw:
            self.copy(VerifiedBlob(raw, layer.digest, layer.size, layer.place), layer.digest)
        return {"mediaType": layer.media_type, "digest": layer.digest, "size": layer.size}

    def _expanded(self, layer: LayerBlob) -> int:
        """Store a layer as it expands, which is all that a docker-archive promises of it; return the size."""
        size = 0

        def fill(temporary: Path) -> Path:
            nonlocal size
            with temporary.open("wb") as file, checked(layer, DEFAULT) as chunks:
                for chunk in chunks:
                    size += file.write(chunk)
            return self._path(layer.diff_id)

        create_atomic(self._blobs, fill)
        return size

    def copy(self, blob: VerifiedBlob, digest: Digest) -> None:
        """Store a blob while it is checked."""
        target = self._path(digest)

        def fill(temporary: Path) -> Path:
            with temporary.open("wb") as file:  # buffered: a raw file may take less than it is given
                for chunk in iter(blob.read, b""):
                    file.write(chunk)
            blob.finish()
            return target

        create_atomic(self._blobs, fill)

    def _path(self, digest: Digest) -> Path:
        return self._blobs / digest.removeprefix("sha256:")


def _config(image: Image, change: Change) -> dict[str, Any]:
    """Return the configuration with new diff_ids, one history entry for each layer, and all else as it was.

    But for labels that name a base which the layers no longer are.
    """
    config: dict[str, Any] = dict(strict_json.loads(image.config, place=image.source.reference))
    config["rootfs"] = {"type": "layers", "diff_ids": [layer.diff_id for layer in change.layers]}
    history = [h for h in config.get("history") or () if isinstance(h, dict)]
    filled = sum(not h.get("empty_layer") for h in history)
    before = len(image.layers)
    if filled != before:
        history = [{"comment": "the history did not fit the layers and was left out"}] * before
    step = {"created": f"{change.created:%Y-%m-%dT%H:%M:%SZ}", "created_by": change.step}
    config["history"] = history + [step] * (len(change.layers) - before)
    settings = config.get("config")
    settings = settings if isinstance(settings, dict) else {}
    labels = settings.get("Labels")
    kept = _claims(labels if isinstance(labels, dict) else {}, change)
    config["config"] = {**settings, "Labels": {**kept, PARENT: _parent(image)}}
    return config


def _parent(image: Image) -> str:
    """Return what a new image was made from; as a label it also outlives a copy into another format."""
    return str(image.source.digest or image.source.config or "")


def _claims(said: dict[str, str], change: Change) -> dict[str, str]:
    """Return annotations or labels without those that no longer hold."""
    return {k: v for k, v in said.items() if not (change.base_changed and k.startswith(_BASE))}


def _manifest(
    image: Image, change: Change, config: dict[str, Any], layers: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    annotations = _claims(image.annotations, change)
    annotations[PARENT] = _parent(image)
    return {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": config,
        "layers": list(layers),
        "annotations": annotations,
    }


def _platform(image: Image) -> dict[str, str]:
    words = image.source.platform.split("/")
    return dict(zip(("os", "architecture", "variant"), words, strict=False)) if len(words) > 1 else {}


def _index(target: Target, parent: str) -> dict[str, Any]:
    """Return a layout's index without one tag; everything else in it stays as it is.

    The tag must not be that of the parent, which would be lost; an index of several images may hold it, too.
    """
    index = read_index(target.folder)
    moved = [m for m in index["manifests"] if _is_named(m, target.tag)]
    for entry in moved:
        if entry.get("digest") == parent or entry.get("mediaType") in _INDEXES:
            what = "the image itself" if entry.get("digest") == parent else "several images"
            remedy = "Give the new image a tag of its own"
            raise UsageError(f"the tag of {what}", place=str(target), remedy=remedy)
    index["manifests"] = [m for m in index["manifests"] if m not in moved]
    return index


def _entry(target: Target) -> dict[str, Any] | None:
    """Return the index entry of a tag."""
    return next((m for m in read_index(target.folder)["manifests"] if _is_named(m, target.tag)), None)


def _is_named(entry: dict[str, Any], tag: str) -> bool:
    annotations = entry.get("annotations") if isinstance(entry, dict) else None
    return isinstance(annotations, dict) and annotations.get(_NAME) == tag


def read_index(folder: Path) -> dict[str, Any]:
    """Return the index of a layout; that of a new one has no entry.

    Raises:
        InputError: it is none.
        UnavailableError: it may not be read.
    """
    path = folder / "index.json"
    if not path.exists():
        return {"schemaVersion": 2, "mediaType": _INDEX, "manifests": []}
    index: Any = strict_json.loads(read_whole(path, DEFAULT.document), place=str(path))
    if not isinstance(index, dict) or not isinstance(index.get("manifests"), list):
        raise InputError("not an image index", place=str(path), remedy="Name a new or empty folder")
    return index


def encoded_index(document: dict[str, Any]) -> bytes:
    """Return a document of the layout in its one spelling."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def holds(target: Target, manifest: Digest) -> bool:
    """Say whether a layout's tag names a manifest that is there."""
    entry = _entry(target)
    blob = target.folder / "blobs" / "sha256" / manifest.removeprefix("sha256:")
    return bool(entry and entry.get("digest") == manifest and blob.exists())


def publish(waiting: Target, manifest: Digest, target: Target) -> None:
    """Copy an image that we wrote into another layout, every byte checked on the way, the tag last.

    Raises:
        UntrustedError: something was changed since it was written.
        UsageError: the tag is that of the image that it was made from, or names several images.
        InputError: the folder holds something else than a layout.
        UnavailableError: the disk refuses.
    """
    entry = _entry(waiting)
    blobs = FolderBlobs(waiting.folder)
    data = blobs.read(blob_path(manifest), DEFAULT.document)
    if entry is None or entry.get("digest") != manifest or digest_of(data) != manifest:
        raise UntrustedError(
            "not the image that was proven", place=str(waiting), remedy="Run it again with an empty cache"
        )
    document = decode(data, Manifest, str(waiting))
    with locked(target.folder):
        _layout(target.folder)
        index = _index(target, document.annotations.get(PARENT, ""))
        store = Store(target.folder)
        for found in (*document.layers, document.config):
            digest = parse_digest(found.digest)
            with blobs.open(blob_path(digest)) as raw:
                store.copy(VerifiedBlob(raw, digest, found.size, str(waiting)), digest)
        store.save(data, manifest)
        index["manifests"].append({**entry, "annotations": {_NAME: target.tag}})
        write_atomic(target.folder / "index.json", encoded_index(index))
