"""The program on the demo image: the demo's screen, its documents, and broken copies of the image."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.conftest import pratique
from tests.making.copied import blob, copied, index, manifest, replaced


def test_the_same_inputs_give_the_same_bytes(demo_image: Path, database: Path, tmp_path: Path) -> None:
    names = ("json", "sarif", "cyclonedx-json", "spdx-json")
    for run in ("one", "two"):
        outputs = [word for name in names for word in ("-o", f"{name}={tmp_path}/{run}/{name}")]
        pratique(
            "scan", f"oci:{demo_image}", *outputs, "--cache-dir", database, SOURCE_DATE_EPOCH="1795478400"
        )
    for name in names:
        first = (tmp_path / "one" / name).read_bytes()
        assert first == (tmp_path / "two" / name).read_bytes()
        assert len(first) > 10_000


def test_a_scan_writes_nowhere_but_where_it_was_told(
    demo_image: Path, database: Path, tmp_path: Path
) -> None:
    trace, out = tmp_path / "trace", tmp_path / "out.json"
    calls = "trace=open,openat,creat,mkdir,mkdirat,rename,renameat,renameat2,unlink,unlinkat,symlink,symlinkat,link,linkat"
    command = [sys.executable, "-B", "-m", "pratique", "scan", f"oci:{demo_image}", "-o", f"json={out}"]
    subprocess.run(
        ["strace", "-f", "-qq", "-o", trace, "-e", calls, *command, "--cache-dir", database],
        check=True,
        capture_output=True,
    )
    lines = trace.read_text().splitlines()
    writes = [
        line
        for line in lines
        if ("O_WRONLY" in line or "O_RDWR" in line or "open" not in line) and "= -1" not in line
    ]
    stray = [
        line for line in writes if str(tmp_path) not in line and '"/dev/' not in line and "exited" not in line
    ]
    assert any(str(tmp_path) in line for line in writes)
    assert stray == []


def cut_layer(layout: Path) -> None:
    path = blob(layout, manifest(layout)["layers"][0]["digest"])
    replaced(path, path.read_bytes()[:-1000])


def changed_layer(layout: Path) -> None:
    path = blob(layout, manifest(layout)["layers"][1]["digest"])
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    replaced(path, bytes(data))


def other_media_type(layout: Path) -> None:
    document = index(layout)
    document["manifests"][0]["mediaType"] = "application/vnd.oci.image.index.v1+json"
    replaced(layout / "index.json", json.dumps(document).encode())


def no_index(layout: Path) -> None:
    (layout / "index.json").unlink()


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (cut_layer, "were promised"),
        (changed_layer, "the content hashes to sha256:"),
        (other_media_type, "calls itself"),
        (no_index, "index.json: no such file or directory"),
    ],
)
def test_a_broken_image_gives_one_clear_line(
    demo_image: Path, tmp_path: Path, harm: Callable[[Path], None], says: str
) -> None:
    layout = copied(demo_image, tmp_path / "broken")
    harm(layout)
    done = pratique("scan", f"oci:{layout}")
    lines = done.stderr.decode().splitlines()
    assert done.returncode == 1
    assert done.stdout == b""
    assert lines[0].startswith(f"error: {layout}")
    assert says in lines[0]
    assert len(lines) == 2
    assert lines[1].startswith("       ")
