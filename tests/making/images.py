"""Small images made in memory and written as an OCI layout, a docker-archive or an unpacked root."""

import gzip
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import zstandard

from tests.making.tar import Item, tar

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def compressed(data: bytes, how: str) -> bytes:
    """Return a layer's bytes as stored: ``gzip``, ``zstd`` or plain."""
    if how == "gzip":
        return gzip.compress(data, 6, mtime=0)
    return zstandard.compress(data) if how == "zstd" else data


def config(layers: Sequence[bytes], **more: Any) -> bytes:
    """Return the configuration of an image with these uncompressed layers."""
    document = {
        "architecture": "amd64",
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": [digest(layer) for layer in layers]},
        "history": [{"created_by": f"RUN step {n}"} for n in range(1, len(layers) + 1)],
        **more,
    }
    return json.dumps(document).encode()


class Layout:
    """An OCI image layout under construction; every part can be replaced by a wrong one.

    Args:
        path: a folder that exists.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.manifests: list[dict[str, Any]] = []
        (path / "blobs" / "sha256").mkdir(parents=True)
        (path / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')

    def blob(self, data: bytes, media_type: str) -> dict[str, Any]:
        """Store a blob and return its descriptor."""
        self.file(digest(data)).write_bytes(data)
        return {"mediaType": media_type, "digest": digest(data), "size": len(data)}

    def file(self, name: str) -> Path:
        """Return where a blob lies."""
        return self.path / "blobs" / "sha256" / name.removeprefix("sha256:")

    def image(
        self,
        layers: Sequence[bytes],
        *,
        how: str = "gzip",
        name: str = "latest",
        platform: Any = None,
        annotations: dict[str, str] | None = None,
        **more: Any,
    ) -> dict[str, Any]:
        """Add an image and return its descriptor, as it stands in the index."""
        suffix = {"gzip": "+gzip", "zstd": "+zstd"}.get(how, "")
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self.blob(config(layers, **more), CONFIG),
            "layers": [self.blob(compressed(layer, how), LAYER + suffix) for layer in layers],
            **({"annotations": annotations} if annotations else {}),
        }
        descriptor = self.blob(json.dumps(manifest).encode(), MANIFEST)
        descriptor["annotations"] = {"org.opencontainers.image.ref.name": name} if name else {}
        if platform:
            descriptor["platform"] = platform
        self.manifests.append(descriptor)
        self.index()
        return descriptor

    def index(self, **more: Any) -> None:
        """Write index.json."""
        document = {"schemaVersion": 2, "mediaType": INDEX, "manifests": self.manifests, **more}
        (self.path / "index.json").write_text(json.dumps(document))


def layout(
    path: Path, *layers: Sequence[Item], how: str = "gzip", annotations: dict[str, str] | None = None
) -> Path:
    """Write an OCI layout with one image and return its folder."""
    path.mkdir(parents=True, exist_ok=True)
    Layout(path).image([tar(items) for items in layers], how=how, annotations=annotations)
    return path


def docker_archive(path: Path, *layers: Sequence[Item], tag: str = "demo:latest") -> Path:
    """Write a docker-archive with one image and return its file."""
    tars = [tar(items) for items in layers]
    settings = config(tars)
    name = digest(settings).removeprefix("sha256:") + ".json"
    names = [f"{digest(t).removeprefix('sha256:')}/layer.tar" for t in tars]
    manifest = json.dumps([{"Config": name, "RepoTags": [tag], "Layers": names}]).encode()
    items = [Item(n, t) for n, t in dict(zip(names, tars, strict=True)).items()]
    path.write_bytes(tar([*items, Item(name, settings), Item("manifest.json", manifest)]))
    return path
