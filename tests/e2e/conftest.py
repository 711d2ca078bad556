"""The demo image, built once for all end-to-end tests and kept while its recipe stays the same."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
DEMO = ROOT / ".demo"
_TOOLS = ("mmdebstrap", "buildah", "skopeo", "umoci", "bwrap", "strace", "docker-registry")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session")
def demo_image() -> Path:
    """Return the OCI layout of the demo image."""
    missing = [tool for tool in _TOOLS if not shutil.which(tool)]
    if missing or os.geteuid() != 0:
        pytest.skip(f"building a real image needs root and {', '.join(missing) or 'nothing more'}")
    subprocess.run([ROOT / "demo" / "build.sh", DEMO], check=True)
    return DEMO / "image"


@pytest.fixture(scope="session")
def copies(demo_image: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the demo image as skopeo and umoci copy it, by kind, as a user would name it."""
    folder = tmp_path_factory.mktemp("copies")
    source = f"oci:{demo_image}:latest"
    names = {
        "oci": folder / "layout",
        "oci-archive": folder / "oci.tar",
        "docker-archive": folder / "docker.tar",
    }
    for kind, path in names.items():
        tag = "demo:latest" if kind == "docker-archive" else "latest"
        subprocess.run(["skopeo", "copy", "--quiet", source, f"{kind}:{path}:{tag}"], check=True)
    subprocess.run(["umoci", "raw", "unpack", "--image", f"{demo_image}:latest", folder / "root"], check=True)
    return {kind: f"{kind}:{path}" for kind, path in names.items()} | {"dir": f"dir:{folder / 'root'}"}


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a cache folder with the shipped advisories imported."""
    cache = tmp_path_factory.mktemp("database")
    done = pratique("db", "import", ROOT / "data" / "advisories", "--cache-dir", cache)
    assert done.returncode == 0, done.stderr
    return cache


def pratique(*words: str | Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run the program as a user does."""
    return subprocess.run(
        [sys.executable, "-m", "pratique", *words],
        check=False,
        capture_output=True,
        env=os.environ | environment,
    )


def report(source: str, database: Path) -> dict[str, Any]:
    """Return the three documents of a scan."""
    done = pratique("scan", source, "--format", "json", "--cache-dir", database)
    assert done.returncode == 0, done.stderr.decode()
    envelope = json.loads(done.stdout)
    return {name: envelope[name]["document"] for name in ("inventory", "findings", "decision")}
