"""Recording, judging again and asking, through the door that the program uses."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from pratique.cli import run
from pratique.fleet import Store, make_record
from pratique.flows.scan import database
from pratique.formats.documents import encode, schemas
from tests.making import fleet, hostile, scans
from tests.making.feeds import built, jsonl, record
from tests.making.values import finding, findings, package, report

Capture = pytest.CaptureFixture[bytes]
COMMAND = re.compile(rb"^\s*(::|##)|##\[|##vso\[", re.MULTILINE)
PASSING = 'fail-on = ["critical"]\n' + scans.ACCEPTED


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: Capture) -> Path:
    """Record a scan of the small image that passed, and return the folder of all that."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", scans.EPOCH)
    monkeypatch.chdir(tmp_path)
    scans.imported(tmp_path / "pratique-cache")
    scans.image(tmp_path / "image")
    (tmp_path / "policy.toml").write_text(PASSING)
    assert run(["scan", "image", "--policy", "policy.toml", "--record"]) == 0
    assert b"recorded: " in capsysbinary.readouterr().err
    return tmp_path


def printed(capture: Capture, *arguments: str, code: int = 0) -> list[str]:
    assert run(list(arguments)) == code
    return [line.rstrip() for line in capture.readouterr().out.decode().splitlines() if line.strip()]


def document(capture: Capture, *arguments: str, code: int = 0) -> Any:
    """Return a JSON document that was printed, checked against its schema."""
    (line,) = printed(capture, *arguments, "--format", "json", code=code)
    found = json.loads(line)
    name = found["schema"].removeprefix("pratique.").replace("/", "-")
    schema = json.loads(schemas()[f"{name}.schema.json"])
    assert [e.message for e in jsonschema_rs.Draft202012Validator(schema).iter_errors(found)] == []
    return found


def learn(folder: Path) -> None:
    """Import one more advisory, about a package of the small image."""
    vector = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
    severe = [{"type": "CVSS_V3", "score": vector}]
    path = jsonl(folder / "team.jsonl", record("TEAM-1", "fine", {"introduced": "0"}, severity=severe))
    built(database(str(folder / "pratique-cache")), path)


def test_a_scan_is_recorded_once(recorded: Path, capsysbinary: Capture) -> None:
    assert run(["scan", "image", "--policy", "policy.toml", "--record", "-o", "json=r.json"]) == 0
    assert printed(capsysbinary, "fleet", "add", "r.json")[-1].startswith("3 documents, 0 new: ")
    shown = printed(capsysbinary, "fleet", "list")
    assert len(shown) == 3
    assert shown[2].split()[:1] == ["image"]
    assert "PASS" in shown[2]
    (image,) = document(capsysbinary, "fleet", "list")["images"]
    assert (image["verdict"], image["age"], image["inventories"], image["packages"]) == ("pass", 0, 1, 6)
    assert recorded.joinpath("pratique-store", "fleet.sqlite").exists()


def test_a_scan_is_recorded_only_where_that_is_asked(recorded: Path) -> None:
    assert run(["scan", "image", "--store", "other.sqlite"]) == 0
    assert not (recorded / "other.sqlite").exists()
    assert run(["scan", "image", "--record", "--store", "other.sqlite"]) == 0
    assert (recorded / "other.sqlite").exists()


def test_rescan_tells_what_turned(recorded: Path, capsysbinary: Capture) -> None:
    assert "1 image unchanged: 1 pass" in printed(capsysbinary, "rescan", "--policy", "policy.toml")
    learn(recorded)
    shown = printed(capsysbinary, "rescan", "--policy", "policy.toml", code=2)
    assert "1 image turned" in shown
    assert "  - new: TEAM-1 in pkg:pypi/fine@3.0 breaks critical (feed team)" in shown
    assert any(line.startswith("image  ") and line.endswith("PASS -> FAIL") for line in shown)
    assert "0 images unchanged" in shown
    found = document(capsysbinary, "rescan", "--policy", "policy.toml", code=2)
    assert (found["turned"], found["unchanged"]) == ([], {"fail": 1})  # it fails still


def test_rescan_ends_with_the_verdict(recorded: Path, capsysbinary: Capture) -> None:
    learn(recorded)
    assert document(capsysbinary, "rescan", "--fail-on", "kev", code=2)["turned"][0]["after"] == "fail"
    assert run(["rescan"]) == 4
    assert run(["rescan", "--fail-on", "nonsense"]) == 4
    assert run(["rescan", "--fail-on", "high", "--store", "gone"]) == 1
    assert run(["rescan", "--fail-on", "high", "--cache-dir", "gone"]) == 1


def test_rescan_is_incomplete_where_something_is_missing(recorded: Path) -> None:
    lone = fleet.judged(fleet.image("lone"))
    with Store(recorded / "pratique-store" / "fleet.sqlite") as store:
        store.add([make_record(lone.decision)])
    assert run(["rescan", "--policy", "policy.toml"]) == 3


def test_affected_tells_holders_and_doubts(recorded: Path, capsysbinary: Capture) -> None:
    shown = printed(capsysbinary, "affected", "CVE-2026-2222")
    assert shown[0] == "CVE-2026-2222  held by 1 of 1 recorded image"
    assert "  - pkg:pypi/demo@1.5: affected, fixed in 2.0; no usage recorded" in shown
    assert "  - may hold more: packages that could not be judged in full: 3 deb" in shown
    shown = printed(capsysbinary, "affected", "CVE-2026-9", code=3)
    assert "Cannot be known of 1 image" in shown
    (held,) = document(capsysbinary, "affected", "pkg:pypi/demo")["held"]
    assert [(p["told"], p["version"]) for p in held["packages"]] == [("also", "1.0"), ("itself", "1.5")]
    assert document(capsysbinary, "affected", "pkg:pypi/nothing")["clear"] == 1
    assert run(["affected", "demo"]) == 4
    assert recorded


def test_files_that_are_no_documents(recorded: Path, capsysbinary: Capture) -> None:
    assert run(["fleet", "add", "policy.toml"]) == 1
    assert b"policy.toml: not a document" in capsysbinary.readouterr().err
    assert run(["fleet", "add", "gone"]) == 1
    assert run(["fleet", "list", "--store", "policy.toml"]) == 1
    assert b"not a store of Pratique" in capsysbinary.readouterr().err
    assert (recorded / "policy.toml").read_text() == PASSING


def test_hostile_names_are_shown_escaped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: Capture
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", scans.EPOCH)
    scans.imported(tmp_path / "pratique-cache")
    names = [name[:2000] for name in hostile.NAMES]
    made = [
        report(
            fleet.image(name, package("demo", name, purl="pkg:pypi/demo@1", path=name)), findings(finding())
        )
        for name in names
    ]
    partial = fleet.image(
        "::error::x\r", *hostile.PACKAGES, gaps=hostile.INVENTORY.gaps, completeness="partial"
    )
    usages = [fleet.usage(m.inventory, phase=name) for m, name in zip(made, names, strict=True)]
    with Store(tmp_path / "pratique-store" / "fleet.sqlite") as store:
        store.add(fleet.records(*made, report(partial, hostile.FINDINGS)))
        store.add([make_record(usage) for usage in usages])
    (tmp_path / "u.json").write_bytes(encode(usages[0]))
    for arguments in (
        ["fleet", "list"],
        ["affected", "CVE-2026-1"],
        ["affected", "pkg:pypi/demo"],
        ["affected", "pkg:pypi/x"],
        ["affected", "::error::x\r"],
        ["affected", "CVE-2026-1", "-f", "json"],
        ["fleet", "add", str(tmp_path / "u.json")],
        ["rescan", "--fail-on", "high,kev"],
        ["rescan", "--fail-on", "critical"],
        ["rescan", "--fail-on", "any", "-f", "json"],
    ):
        run(arguments)
        out, err = capsysbinary.readouterr()
        assert out + err
        assert hostile.raw(out + err) == [], arguments
        assert not COMMAND.search(out + err), arguments
