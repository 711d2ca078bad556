"""What ran on the demo image: both workloads, and the bill of materials that says so."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import pratique

LOAD = (
    "import json,urllib.request as u;"
    "u.urlopen(u.Request('http://127.0.0.1:8080/predict', data=json.dumps({'pixels': [0] * 64}).encode(),"
    " headers={'Content-Type': 'application/json'})).read(99)"
)


@pytest.fixture(scope="session")
def usages(demo_image: Path, database: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the usage documents of the demo's training and serving runs."""
    folder = tmp_path_factory.mktemp("usages")
    common = ("profile", f"oci:{demo_image}", "--cache-dir", database, "--quiet")
    training, serving = folder / "training.json", folder / "serving.json"
    drive = f'{sys.executable} -I -c "{LOAD}"'
    service = ("--ready", "http://127.0.0.1:8080/healthz", "--drive", drive)
    script = ("sh", "-c", "python3 train.py >/dev/null && exec python3 serve.py")
    for words in (
        (*common, "--phase", "training", "-o", f"usage={training}"),
        (*common, "--phase", "serving", *service, "-o", f"usage={serving}", "--", *script),
    ):
        done = pratique(*words)
        assert done.returncode == 0, done.stderr.decode()
    return {"training": training, "serving": serving}


def states(path: Path) -> dict[str, set[str]]:
    """Return the names of packages by state."""
    document = json.loads(path.read_bytes())
    found: dict[str, set[str]] = {"used": set(), "metadata only": set(), "not observed": set()}
    for use in document["packages"]:
        found[use["state"]].add(use["package"].partition("@")[0].rpartition("/")[2])
    return found


def test_each_workload_uses_what_it_imports(usages: dict[str, Path]) -> None:
    training, serving = states(usages["training"]), states(usages["serving"])
    assert {"numpy", "pandas", "scikit-learn", "libpython3.11-stdlib", "libc6"} <= training["used"]
    assert {"flask", "werkzeug", "jinja2", "scikit-learn"} <= serving["used"]
    assert {"flask", "notebook", "tornado", "gcc-12", "git"} <= training["not observed"]
    assert {"notebook", "tornado", "gcc-12", "git"} <= serving["not observed"]


def test_no_call_was_lost(usages: dict[str, Path]) -> None:
    for path in usages.values():
        document = json.loads(path.read_bytes())
        run = document["runs"][0]
        assert (document["valid"], run["lost"]) == (True, 0)
        assert run["events"] > 5000


def test_the_image_s_own_command_is_run_where_none_is_given(usages: dict[str, Path]) -> None:
    assert json.loads(usages["training"].read_bytes())["runs"][0]["command"] == [
        "python3",
        "/srv/app/train.py",
    ]


def test_the_bill_says_what_ran(demo_image: Path, usages: dict[str, Path]) -> None:
    files = [word for path in usages.values() for word in ("--usage", path)]
    done = pratique("rbom", f"oci:{demo_image}", *files)
    assert done.returncode == 0, done.stderr.decode()
    components = {c["name"]: properties(c) for c in json.loads(done.stdout)["components"]}
    assert components["Flask"]["pratique:use"] == ["used"]
    assert components["Flask"]["pratique:phase"] == ["serving"]
    assert components["numpy"]["pratique:phase"] == ["serving", "training"]
    assert components["notebook"]["pratique:use"] == ["not observed"]
    assert "pratique:phase" not in components["notebook"]


def properties(component: dict[str, Any]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in component.get("properties", []):
        found.setdefault(one["name"], []).append(one["value"])
    return found


def test_a_usage_of_another_image_is_refused(
    demo_image: Path, usages: dict[str, Path], tmp_path: Path
) -> None:
    document = json.loads(usages["training"].read_bytes())
    document["image"] = "sha256:" + "0" * 64
    other = tmp_path / "other.json"
    other.write_text(json.dumps(document))
    done = pratique("rbom", f"oci:{demo_image}", "--usage", other)
    assert done.returncode == 1
    assert b"a usage of another image" in done.stderr


def test_a_workload_that_fails_gives_no_profile(demo_image: Path, database: Path, tmp_path: Path) -> None:
    out = tmp_path / "usage.json"
    done = pratique(
        "profile",
        f"oci:{demo_image}",
        "-q",
        "--cache-dir",
        database,
        "-o",
        f"usage={out}",
        "--",
        "python3",
        "-c",
        "raise SystemExit('no data')",
    )
    assert (done.returncode, out.exists()) == (1, False)
    assert b"the workload failed: it ended with 1" in done.stderr
    assert b"It said: no data" in done.stderr
