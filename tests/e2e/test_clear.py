"""The demo image taken the whole way: killed twice on it, compared with the commands done by hand, and looked into."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from scripts.reference import SCREEN, loosened, readme_output, shown

from pratique.image import MergedTree, open_image, unpack
from tests.e2e.conftest import ROOT, pratique

METRICS, HISTORY = "/tmp/out/metrics.json:json:0.01", "/tmp/out/history.csv"
NOW = {"SOURCE_DATE_EPOCH": "1795478400"}
DEMO_ENVIRONMENT = os.environ | NOW | SCREEN


@pytest.fixture(scope="module")
def cache(database: Path) -> Path:
    """Return a cache folder with advisories, where apt knows the release of the demo image."""
    listed = subprocess.run(["apt-get", "indextargets"], check=False, capture_output=True)
    if b"bookworm-security" not in listed.stdout:
        pytest.skip("apt of this machine knows no repository for the image's release")
    return database


def killed_after(step: str, command: list[Path]) -> None:
    """Run the demo until a step has ended, and kill all of it."""
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=DEMO_ENVIRONMENT,
        start_new_session=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith(step):
            break
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    process.stderr.close()


@pytest.fixture(scope="module")
def way(demo_image: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return the clearance of the demo image, after a run that was killed while it profiled, and one while it hardened."""
    assert cache.exists()
    folder = tmp_path_factory.mktemp("way")
    (folder / "image").symlink_to(demo_image)
    before = content(demo_image)
    command = [ROOT / "demo" / "run.sh", folder, ROOT / ".venv" / "bin" / "pratique"]
    killed_after("base", command)
    killed_after("plan", command)
    assert not (folder / "clear" / "index.json").exists()
    assert mounts() == []
    done = subprocess.run(command, capture_output=True, text=True, env=DEMO_ENVIRONMENT, check=False)
    assert done.returncode == 0, done.stderr
    assert content(demo_image) == before
    told: dict[str, Any] = json.loads((folder / "documents" / "clearance.json").read_bytes())
    return {
        **told,
        "folder": folder,
        "command": command,
        "shown": shown(done).replace(str(folder), ".demo").replace(f"{ROOT}/", ""),
    }


def content(folder: Path) -> dict[str, str]:
    """Return the digest of every file below a folder."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def mounts() -> list[str]:
    """Return the overlay mounts that this machine has."""
    return [line for line in Path("/proc/self/mounts").read_text().splitlines() if "pratique" in line]


@pytest.fixture(scope="module")
def unpacked(way: dict[str, Any]) -> Path:
    """Return the files of the cleared image, as umoci unpacks it."""
    bundle: Path = way["folder"] / "bundle"
    subprocess.run(
        ["umoci", "unpack", "--image", f"{way['folder']}/clear:latest", bundle],
        check=True,
        capture_output=True,
    )
    return bundle / "rootfs"


def test_a_killed_run_goes_on_where_it_was(way: dict[str, Any]) -> None:
    again = {step["name"]: step["again"] for step in way["steps"]}
    assert [name for name, done in again.items() if done] == [
        "scan", "base", "profile training", "profile serving", "plan",
    ]  # fmt: skip
    assert [name for name, done in again.items() if not done] == [
        "harden", "prove training", "prove serving", "judge",
    ]  # fmt: skip


def test_the_gate_lets_in_what_is_proven_and_a_later_advisory_turns_it(way: dict[str, Any]) -> None:
    gate = way["shown"].partition("The gate, before a GPU is allocated")[2]
    old, new = gate.index("REFUSED"), gate.index("ADMITTED")
    assert old < new < gate.index("PASS -> FAIL")
    assert "no signed decision" in gate
    assert "DEMO-2026-0001 in pkg:pypi/numpy" in gate


def test_it_shrinks_and_nothing_that_can_be_fixed_is_left(way: dict[str, Any]) -> None:
    assert way["after"]["compressed"] <= 0.6 * way["before"]["compressed"]
    assert (way["before"]["fixable"] > 2000, way["after"]["fixable"]) == (True, 0)
    assert (way["before"]["verdict"], way["after"]["verdict"]) == ("fail", "pass")
    assert (way["work"], way["published"], way["unfixed"]) == ("proven", True, [])


def test_layers_of_which_nothing_goes_keep_their_digests(way: dict[str, Any], demo_image: Path) -> None:
    old, new = layers(demo_image, "latest"), layers(way["folder"] / "clear", "latest")
    states = [layer["state"] for layer in document(way, "hardening.json")["layers"]]
    assert len(new) == len(old) + 1 == len(states)
    kept = [i for i, state in enumerate(states) if state == "kept"]
    assert len(kept) >= 3
    assert [new[i] for i in kept] == [old[i] for i in kept]
    assert states[0] == "rewritten"  # a patch replaces files of the base


def layers(layout: Path, tag: str) -> list[dict[str, Any]]:
    raw = subprocess.run(
        ["skopeo", "inspect", "--raw", f"oci:{layout}:{tag}"], check=True, capture_output=True
    )
    found: list[dict[str, Any]] = json.loads(raw.stdout)["layers"]
    return found


def document(way: dict[str, Any], name: str) -> Any:
    return json.loads((way["folder"] / "documents" / name).read_bytes())


def test_other_tools_accept_it(way: dict[str, Any], tmp_path: Path) -> None:
    source = f"oci:{way['folder']}/clear:latest"
    subprocess.run(["skopeo", "copy", "--quiet", source, f"oci:{tmp_path}/copy:latest"], check=True)
    assert layers(tmp_path / "copy", "latest") == layers(way["folder"] / "clear", "latest")


def test_dpkg_and_pip_find_nothing_wrong_inside(unpacked: Path, tmp_path: Path) -> None:
    def inside(*command: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
        path = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        bound = (
            "bwrap",
            "--bind",
            unpacked,
            "/",
            "--proc",
            "/proc",
            "--dev",
            "/dev",
            "--ro-bind",
            tmp_path,
            "/mnt",
        )
        return subprocess.run([*bound, *command], env=path | environment, check=False, capture_output=True)

    audit = inside("dpkg", "--audit")
    assert (audit.returncode, audit.stdout, audit.stderr) == (0, b"", b"")
    pip = next(Path(sys.prefix).glob("lib/python3*/site-packages/pip"))
    (tmp_path / "pip").symlink_to("pip-of-this-machine")
    subprocess.run(["cp", "-r", pip, tmp_path / "pip-of-this-machine"], check=True)
    checked = inside("python3", "-B", "-m", "pip", "check", PYTHONPATH="/mnt")
    assert (checked.returncode, checked.stdout) == (0, b"No broken requirements found.\n"), checked.stderr


def test_the_unpacked_tree_is_the_one_that_was_proved(
    way: dict[str, Any], unpacked: Path, tmp_path: Path
) -> None:
    image = open_image(f"oci:{way['folder']}/clear:latest")
    facts = image.read([], progress=lambda _done, _total: None)
    unpack(image, facts, MergedTree(facts), tmp_path / "root")
    ours, theirs = dict(listed(tmp_path / "root")), dict(listed(unpacked))
    devices = {path for path, found in theirs.items() if found[0] in {0o020000, 0o060000}}
    assert len(ours) > 10_000
    assert {path: theirs[path] for path in theirs.keys() - devices} == ours


def listed(root: Path) -> Iterator[tuple[str, tuple[object, ...]]]:
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(folder, name)
            found = path.lstat()
            link = os.readlink(path) if path.is_symlink() else ""  # noqa: PTH115 - as written
            size = 0 if path.is_dir() else found.st_size
            mode = found.st_mode & 0o7777
            yield str(path.relative_to(root)), (
                found.st_mode & 0o170000, mode, found.st_uid, found.st_gid, size, int(found.st_mtime), link,
            )  # fmt: skip


def test_an_unchanged_run_does_nothing_again(way: dict[str, Any]) -> None:
    subprocess.run(way["command"], check=True, capture_output=True, env=DEMO_ENVIRONMENT)
    told = document(way, "clearance.json")
    assert all(step["again"] for step in told["steps"])
    assert told["manifest"] == way["manifest"]
    assert told["documents"] == way["documents"]


def test_the_commands_by_hand_give_the_same_documents(way: dict[str, Any], tmp_path: Path) -> None:
    """The serving proof is taken from the way: the training one shows that both come out the same."""
    folder = way["folder"]
    source, result = f"oci:{folder}/image", f"oci:{folder}/clear:latest"
    usages = [folder / "documents" / f"usage-{phase}.json" for phase in ("training", "serving")]
    given = [word for path in usages for word in ("--usage", str(path))]

    def by_hand(*command: str | Path) -> None:
        common = ("--cache-dir", folder / "cache", "--quiet")
        done = pratique(command[0], *common, *command[1:], **NOW)
        assert done.returncode in {0, 2}, done.stderr.decode()

    def judged(reference: str, name: str, *more: str | Path) -> None:
        kinds = ("inventory", "findings", "decision")
        outputs = [word for kind in kinds for word in ("-o", f"{kind}={tmp_path}/{name}/{kind}.json")]
        by_hand("scan", reference, "--policy", folder / "policy.toml", *outputs, *more)

    judged(source, "before")
    by_hand("plan", source, *given, "-o", f"plan={tmp_path}/plan.json")
    (folder / "clear").rename(folder / "cleared")  # the result lies under the same name, which documents tell
    by_hand(
        "harden",
        source,
        "--plan",
        tmp_path / "plan.json",
        "--to",
        result,
        "-o",
        f"hardening={tmp_path}/hardening.json",
    )
    by_hand(
        "prove", source, result, "--phase", "training", "--expect", METRICS, "--expect", HISTORY,
        "-o", f"proof={tmp_path}/proof-training.json", "--", "python3", "train.py",
    )  # fmt: skip
    proofs = [tmp_path / "proof-training.json", folder / "documents" / "proof-serving.json"]
    judged(result, "after", *(word for proof in proofs for word in ("--proof", proof)))
    made = {str(path.relative_to(tmp_path)): digest(path) for path in tmp_path.rglob("*.json")}
    assert len(made) == 9
    assert made == {name: way["documents"][name] for name in made}


def digest(path: Path) -> str:
    return "sha256:" + hashlib.sha256(path.read_bytes().removesuffix(b"\n")).hexdigest()


def test_a_package_that_no_profile_saw_is_named_kept_and_proven(
    way: dict[str, Any], demo_image: Path, tmp_path: Path
) -> None:
    command = "import tornado.escape, json; json.dump({'seen': tornado.escape.xhtml_escape('<')}, open('/tmp/out.json', 'w'))"
    done = pratique(
        "clear", f"oci:{demo_image}", "--to", f"oci:{tmp_path}/clear", "--cache-dir", way["folder"] / "cache",
        "--usage", way["folder"] / "documents" / "usage-training.json", "--expect", "/tmp/out.json:json",
        "--documents", tmp_path / "documents", "--format", "json", "--", "python3", "-c", command, **NOW,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    told = json.loads(done.stdout)
    first, second = told["attempts"]
    assert [p["verdict"] for a in (first, second) for p in a["proofs"]] == ["different", "same"]
    assert [lost["name"] for lost in first["proofs"][0]["lost"]] == ["tornado"]
    assert "No module named 'tornado'" in first["proofs"][0]["said"]
    assert (second["keep"], told["work"], told["published"]) == (["tornado"], "proven", True)
    page = (tmp_path / "documents" / "report.html").read_text()
    assert "Attempt 2, keeping tornado" in page
    assert "was used in the original and is gone" in page


def test_a_patch_that_breaks_an_import_is_caught(
    way: dict[str, Any], demo_image: Path, tmp_path: Path
) -> None:
    plan = document(way, "plan.json")
    flask = [
        s for s in plan["steps"] if s["name"].lower() in {"flask", "werkzeug"} and s["action"] == "upgrade"
    ]
    werkzeug = next(s for s in flask if s["name"].lower() == "werkzeug")
    assert werkzeug["to_version"].startswith("3.")
    plan["steps"] = [werkzeug]
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    common = ("--cache-dir", way["folder"] / "cache", "--quiet")
    to = f"oci:{tmp_path}/broken:tag"
    done = pratique("harden", f"oci:{demo_image}", "--plan", tmp_path / "plan.json", "--to", to, *common)
    assert done.returncode == 0, done.stderr.decode()
    proved = pratique(
        "prove", f"oci:{demo_image}", to, "--format", "json", *common, "--", "python3", "-c", "import flask"
    )
    assert proved.returncode == 2, proved.stderr.decode()
    proof = json.loads(proved.stdout)
    assert (proof["verdict"], proof["lost"]) == ("different", [])
    assert any(line.startswith("Werkzeug 2.2.3 -> 3.") for line in proof["replaced"])
    assert "ImportError" in proof["said"]
    judged = pratique("scan", to, "--proof", tmp_path / "proof.json", *common)
    assert judged.returncode == 1  # there is no such document
    (tmp_path / "proof.json").write_bytes(proved.stdout)
    judged = pratique("scan", to, "--proof", tmp_path / "proof.json", "--fail-on", "kev", *common)
    assert judged.returncode == 2
    assert b"proof: the workload workload does not do the same in this image" in judged.stdout


def test_the_readme_shows_what_the_demo_prints(way: dict[str, Any]) -> None:
    readme = readme_output((ROOT / "README.md").read_text())
    assert len(readme) > 1000
    assert loosened(readme) == loosened(way["shown"])
