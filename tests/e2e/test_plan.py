"""A plan for the demo image, from the repositories of this machine's own apt and the index of its own pip."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import pratique


@pytest.fixture(scope="session")
def training(demo_image: Path, database: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("plan") / "training.json"
    done = pratique("profile", f"oci:{demo_image}", "-q", "--cache-dir", database, "-o", f"usage={path}")
    assert done.returncode == 0, done.stderr.decode()
    return path


def made(image: Path, database: Path, *more: str | Path) -> dict[str, Any]:
    listed = subprocess.run(["apt-get", "indextargets"], check=False, capture_output=True)
    if b"bookworm-security" not in listed.stdout:
        pytest.skip("apt of this machine knows no repository for the image's release")
    done = pratique("plan", f"oci:{image}", "--cache-dir", database, "--format", "json", *more)
    assert done.returncode == 0, done.stderr.decode()
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_slim_first_then_patch(demo_image: Path, database: Path, training: Path) -> None:
    document = made(demo_image, database, "--usage", training)
    removed = {s["name"] for s in document["steps"] if s["action"] == "remove"}
    upgraded = {s["name"]: s for s in document["steps"] if s["action"] == "upgrade"}
    assert {"notebook", "tornado", "gcc-12", "git", "linux-libc-dev", "Flask"} <= removed
    assert removed.isdisjoint({"numpy", "scikit-learn", "libc6", "dpkg", "ca-certificates"})
    assert upgraded["Pillow"]["artifact"]["kind"] == "wheel"
    assert upgraded["openssl"]["artifact"]["origin"] == "bookworm-security"
    assert document["unfixed"] == []
    order = {"remove": 0, "upgrade": 1, "install": 2}
    actions = [order[s["action"]] for s in document["steps"]]
    assert actions == sorted(actions)


def test_without_a_usage_nothing_is_removed_and_conflicts_are_told(demo_image: Path, database: Path) -> None:
    document = made(demo_image, database)
    assert {s["action"] for s in document["steps"]} <= {"upgrade", "install"}
    assert len(document["steps"]) > 30
    reasons = {u["package"].partition("@")[0]: u["reason"] for u in document["unfixed"]}
    assert "not on the path" in reasons["pkg:pypi/sqlparse"]


def test_the_same_inputs_give_the_same_plan(
    demo_image: Path, database: Path, training: Path, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        done = pratique(
            "plan", f"oci:{demo_image}", "--usage", training, "--cache-dir", database, "-o", f"plan={tmp_path / name}",
            SOURCE_DATE_EPOCH="1795478400",
        )  # fmt: skip
        if b"no repository" in done.stderr:
            pytest.skip("apt of this machine knows no repository for the image's release")
        assert done.returncode == 0, done.stderr.decode()
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
