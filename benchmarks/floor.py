"""The floor under a scan: every layer of an OCI layout inflated and hashed once, and nothing else."""

import hashlib
import json
import sys
from pathlib import Path

from isal import igzip_threaded

CHUNK = 1 << 20


def main(layout: Path) -> None:
    """Inflate and hash every layer of the first image."""
    index = json.loads((layout / "index.json").read_bytes())
    manifest = json.loads(blob(layout, index["manifests"][0]["digest"]).read_bytes())
    for layer in manifest["layers"]:
        digest = hashlib.sha256()
        with igzip_threaded.open(blob(layout, layer["digest"]), "rb", threads=0) as stream:  # type: ignore[no-untyped-call]
            while chunk := stream.read(CHUNK):
                digest.update(chunk)
        sys.stdout.write(digest.hexdigest() + "\n")


def blob(layout: Path, digest: str) -> Path:
    """Return where a layout keeps a blob."""
    return layout / "blobs" / "sha256" / digest.removeprefix("sha256:")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
