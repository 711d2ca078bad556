"""A copy of an OCI layout that shares its blobs by hard links, to be broken or built upon: no byte of the first changes."""

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.making.images import LAYER, digest
from tests.making.tar import Item, tar


def copied(image: Path, folder: Path) -> Path:
    """Return a copy; what is to be other in it must be ``replaced``."""
    shutil.copytree(image, folder, copy_function=lambda source, target: Path(target).hardlink_to(source))
    return folder


def index(layout: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((layout / "index.json").read_bytes())
    return document


def manifest(layout: Path) -> dict[str, Any]:
    """Return the manifest of the first image."""
    document: dict[str, Any] = json.loads(blob(layout, index(layout)["manifests"][0]["digest"]).read_bytes())
    return document


def blob(layout: Path, digest: str) -> Path:
    return layout / "blobs" / "sha256" / digest.removeprefix("sha256:")


def replaced(path: Path, data: bytes) -> None:
    """Write a file anew, so that its other names keep the old content."""
    path.unlink()
    path.write_bytes(data)


def add_layer(layout: Path, items: Iterable[Item]) -> None:
    """Put a layer on top of the first image, as an honest builder would: every digest and size is right."""
    data, top, changed = tar(items), index(layout), manifest(layout)
    config = json.loads(blob(layout, changed["config"]["digest"]).read_bytes())
    config["rootfs"]["diff_ids"].append(digest(data))
    config["history"].append({"created_by": "RUN one step more"})
    changed["layers"].append({"mediaType": LAYER, **_stored(layout, data)})
    changed["config"].update(_stored(layout, json.dumps(config).encode()))
    top["manifests"][0].update(_stored(layout, json.dumps(changed).encode()))
    replaced(layout / "index.json", json.dumps(top).encode())


def _stored(layout: Path, data: bytes) -> dict[str, Any]:
    """Store a blob and return what describes it."""
    blob(layout, digest(data)).write_bytes(data)
    return {"digest": digest(data), "size": len(data)}
