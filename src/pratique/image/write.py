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
from pratique.image.layer import LayerBlob
from pratique.image.limits import DEFAULT, MIB
from pratique.image.oci import PARENT, Manifest, blob_path, decode
from pratique.image.rewrite import GZIP, MadeLayer
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

    1. Make the layout, or check that there is one.
    2. Store every layer: what is unchanged byte for byte, checked on the way.
    3. Store configuration and manifest.
    4. Let the tag name the manifest.

    Raises:
        UsageError: the target is the image itself.
        InputError: the folder holds something else than a layout.
        UntrustedError: an unchanged layer is not what the image promises.
        UnavailableError: the disk refuses.
    """
    with locked(_layout(target.folder)):  # 1
        index = _index(target, image)
        store = _Store(target.folder)
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
        write_atomic(target.folder / "index.json", _encoded(index))
    return Digest(manifest["digest"]), Digest(config["digest"])


def _layout(folder: Path) -> Path:
    mark = folder / "oci-layout"
    try:
        if not mark.exists():
            if folder.exists() and any(item.name != ".lock" for item in folder.iterdir()):
                raise InputError(
                    "a folder that is not an OCI layout",
                    place=str(folder),
                    remedy="Name a new or empty folder",
                )
            (folder / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
            write_atomic(mark, json.dumps(_LAYOUT).encode())
    except OSError as error:
        raise UnavailableError((error.strerror or str(error)).lower(), place=str(folder)) from error
    return folder


class _Store:
    """The blobs of a layout."""

    def __init__(self, folder: Path) -> None:
        self._blobs = folder / "blobs" / "sha256"

    def put(self, document: dict[str, Any], media_type: str) -> dict[str, Any]:
        """Store a document and return its descriptor (descriptor.md)."""
        data = _encoded(document)
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
        digest, size = layer.digest, layer.size
        if digest is None or size is None:  # a docker-archive names its layers by what they expand to
            digest, size = layer.diff_id, _length(layer)
        with layer.opener() as raw:
            self.copy(VerifiedBlob(raw, digest, size, layer.place), digest)
        return {"mediaType": layer.media_type, "digest": digest, "size": size}

    def copy(self, blob: VerifiedBlob, digest: Digest) -> None:
        """Store a blob while it is checked."""
        target = self._path(digest)

        def fill(temporary: Path) -> Path:
            with temporary.open("wb", buffering=0) as file:
                for chunk in iter(blob.read, b""):
                    file.write(chunk)
            blob.finish()
            return target

        create_atomic(self._blobs, fill)

    def _path(self, digest: Digest) -> Path:
        return self._blobs / digest.removeprefix("sha256:")


def _length(layer: LayerBlob) -> int:
    with layer.opener() as raw:
        return sum(len(chunk) for chunk in iter(lambda: raw.read(MIB), b""))


def _config(image: Image, change: Change) -> dict[str, Any]:
    """Return the configuration with new diff_ids, one history entry for each layer, and all else as it was."""
    config: dict[str, Any] = dict(strict_json.loads(image.config, place=image.source.reference))
    config["rootfs"] = {"type": "layers", "diff_ids": [layer.diff_id for layer in change.layers]}
    history = [h for h in config.get("history") or () if isinstance(h, dict)]
    filled = sum(not h.get("empty_layer") for h in history)
    before = len(image.layers)
    if filled != before:
        history = [{"comment": "the history did not fit the layers and was left out"}] * before
    step = {"created": f"{change.created:%Y-%m-%dT%H:%M:%SZ}", "created_by": change.step}
    config["history"] = history + [step] * (len(change.layers) - before)
    return config


def _manifest(
    image: Image, change: Change, config: dict[str, Any], layers: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    annotations = {
        k: v for k, v in image.annotations.items() if not (change.base_changed and k.startswith(_BASE))
    }
    if image.source.digest:
        annotations[PARENT] = image.source.digest
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


def _index(target: Target, image: Image) -> dict[str, Any]:
    """Return the layout's index without the tag that is to be written, which must not be that of the image itself."""
    path = target.folder / "index.json"
    entry = _entry(_read(path), target) if path.exists() else None
    if entry and entry.get("digest") == image.source.digest:
        raise UsageError(
            "the tag of the image itself", place=str(target), remedy="Give the new image a tag of its own"
        )
    return _without(target)


def _without(target: Target) -> dict[str, Any]:
    """Return a layout's index without one tag; everything else in it stays as it is."""
    path = target.folder / "index.json"
    if not path.exists():
        return {"schemaVersion": 2, "mediaType": _INDEX, "manifests": []}
    index = _read(path)
    index["manifests"] = [m for m in index["manifests"] if not _is_named(m, target.tag)]
    return index


def _entry(index: dict[str, Any], target: Target) -> dict[str, Any] | None:
    """Return the index entry of a tag."""
    return next((m for m in index["manifests"] if _is_named(m, target.tag)), None)


def _is_named(entry: dict[str, Any], tag: str) -> bool:
    annotations = entry.get("annotations") if isinstance(entry, dict) else None
    return isinstance(annotations, dict) and annotations.get(_NAME) == tag


def _read(path: Path) -> dict[str, Any]:
    index: Any = strict_json.loads(read_whole(path, DEFAULT.document), place=str(path))
    if not isinstance(index, dict) or not isinstance(index.get("manifests"), list):
        raise InputError("not an image index", place=str(path), remedy="Name a new or empty folder")
    return index


def _encoded(document: dict[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def holds(target: Target, manifest: Digest) -> bool:
    """Say whether a layout's tag names a manifest that is there."""
    path = target.folder / "index.json"
    if not path.exists():
        return False
    entry = _entry(_read(path), target)
    blob = target.folder / "blobs" / "sha256" / manifest.removeprefix("sha256:")
    return bool(entry and entry.get("digest") == manifest and blob.exists())


def publish(waiting: Target, manifest: Digest, target: Target) -> None:
    """Copy an image that we wrote into another layout, every byte checked on the way, the tag last.

    Raises:
        UntrustedError: something was changed since it was written.
        InputError: the folder holds something else than a layout.
        UnavailableError: the disk refuses.
    """
    entry = _entry(_read(waiting.folder / "index.json"), waiting)
    blobs = FolderBlobs(waiting.folder)
    data = blobs.read(blob_path(manifest), DEFAULT.document)
    if entry is None or digest_of(data) != manifest:
        raise UntrustedError(
            "not the image that was proven", place=str(waiting), remedy="Run it again with an empty cache"
        )
    document = decode(data, Manifest, str(waiting))
    with locked(_layout(target.folder)):
        index = _without(target)
        store = _Store(target.folder)
        for found in (*document.layers, document.config):
            digest = parse_digest(found.digest)
            with blobs.open(blob_path(digest)) as raw:
                store.copy(VerifiedBlob(raw, digest, found.size, str(waiting)), digest)
        store.save(data, manifest)
        index["manifests"].append({**entry, "annotations": {_NAME: target.tag}})
        write_atomic(target.folder / "index.json", _encoded(index))
