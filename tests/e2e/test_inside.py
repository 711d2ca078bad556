"""The image's own package managers, run inside it, are the judges of the inventory; its programs do real work."""

import json
import os
import posixpath
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from tests.e2e.conftest import report


@pytest.fixture(scope="session")
def inventory(copies: dict[str, str], database: Path) -> dict[str, Any]:
    document: dict[str, Any] = report(copies["oci"], database)["inventory"]
    return document


def inside(copies: dict[str, str], *command: str, **environment: str) -> list[str]:
    """Return a command line that runs in the unpacked image; its root is read-only, /tmp is new."""
    root = copies["dir"].removeprefix("dir:")
    words = [
        "bwrap",
        "--ro-bind",
        root,
        "/",
        "--tmpfs",
        "/tmp",
        "--proc",
        "/proc",
        "--dev",
        "/dev",
        "--die-with-parent",
    ]
    words.append("--clearenv")
    for name, value in {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/tmp", **environment}.items():
        words += ["--setenv", name, value]
    return [*words, *command]


def output(copies: dict[str, str], *command: str) -> str:
    return subprocess.run(inside(copies, *command), check=True, capture_output=True, text=True).stdout


def test_dpkg_names_the_same_packages_and_versions(copies: dict[str, str], inventory: dict[str, Any]) -> None:
    listed = output(
        copies, "dpkg-query", "-W", "-f", "${db:Status-Status} ${Package} ${Architecture} ${Version}\n"
    )
    theirs = {tuple(line.split()[1:]) for line in listed.splitlines() if line.startswith("installed ")}
    ours = {(p["name"], p["architecture"], p["version"]) for p in inventory["packages"] if p["type"] == "deb"}
    assert len(theirs) > 100
    assert ours == theirs


def test_pip_lists_the_same_distributions_and_versions(
    copies: dict[str, str], inventory: dict[str, Any]
) -> None:
    listed = json.loads(
        output(copies, "python3", "-m", "pip", "list", "--format", "json", "--disable-pip-version-check")
    )
    theirs = {(canonicalize_name(d["name"]), d["version"]) for d in listed}
    folders = output(
        copies, "python3", "-c", "import sys; print('\\n'.join(p for p in sys.path if p))"
    ).splitlines()
    assert len(theirs) > 80
    assert visible(inventory, [f.lstrip("/") for f in folders]) == theirs


def visible(inventory: dict[str, Any], folders: list[str]) -> set[tuple[str, str]]:
    """Return the distributions that Python would find: the first of a name along its path."""
    found: dict[str, str] = {}
    for folder in folders:
        for package in inventory["packages"]:
            if package["type"] == "pypi" and posixpath.dirname(package["path"]) == folder:
                found.setdefault(canonicalize_name(package["name"]), package["version"])
            if folder == "usr/lib/python3/dist-packages":
                for purl in package.get("also", []):
                    name, _, version = purl.removeprefix("pkg:pypi/").partition("@")
                    found.setdefault(name, version.replace("%2B", "+"))
    return set(found.items())


def test_every_package_names_a_layer_that_holds_its_evidence(inventory: dict[str, Any]) -> None:
    layers = {p["layer"] for p in inventory["packages"]}
    assert 0 in layers
    assert len(layers) > 3


def test_the_training_job_trains(copies: dict[str, str]) -> None:
    done = subprocess.run(
        inside(copies, "python3", "/srv/app/train.py", OUT_DIR="/tmp/out"),
        check=True,
        capture_output=True,
        text=True,
    )
    assert "accuracy" in done.stdout


@contextmanager
def serving(copies: dict[str, str], port: int) -> Iterator[str]:
    """Train and serve inside the image; the service ends by SIGTERM."""
    script = "python3 /srv/app/train.py >/dev/null && exec python3 /srv/app/serve.py"
    command = inside(copies, "sh", "-c", script, OUT_DIR="/tmp/out", PORT=str(port))
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=30)


def answer(url: str, data: bytes | None = None) -> Any:
    """Return the JSON answer of a service that may still be starting."""
    request = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json"})
    for _ in range(240):
        try:
            with urllib.request.urlopen(request, timeout=10) as reply:
                return json.loads(reply.read(1 << 20))
        except OSError:
            time.sleep(0.25)
    pytest.fail(f"no answer from {url}")


def test_the_service_predicts(copies: dict[str, str]) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with serving(copies, port) as url:
        answer(f"{url}/healthz")
        predicted = answer(f"{url}/predict", json.dumps({"pixels": [0.0] * 64}).encode())
    assert predicted["digit"] in range(10)
