"""Documents of one small image, byte for byte; ``pytest --update-golden`` writes them anew."""

import base64
import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from pratique.cli import run
from pratique.formats.documents import encode, schemas
from tests.conftest import ROOT, Golden
from tests.making import cleared, scans
from tests.making.images import layout

GOLDEN = ROOT / "tests" / "golden"
SCHEMAS = ROOT / "src" / "pratique" / "formats" / "schemas"
DOCUMENTS = {"inventory": "inventory", "findings": "findings", "decision": "decision", "json": "report"}
STATED = {name: name for name in ("attested", "signed-decision", "verification", "admission")}
"""Formats of Pratique's own documents, and the schema of each."""
FORMATS = (*DOCUMENTS, "sarif", "cyclonedx-json", "spdx-json")
SCREENS = {
    "scan.txt": ["scan", "image", "--fail-on", "high,kev"],
    "scan-all.txt": ["scan", "image", "--all"],
    "explain.txt": ["explain", "CVE-2026-2222", "image"],
    "base.txt": ["base", "image"],
    "db-status.txt": ["db", "status"],
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with an image, a snapshot, a clock that stands still, and ``pratique`` on the path."""
    scans.imported(tmp_path / "cache")
    layout(tmp_path / "image", *scans.LAYERS, how="plain")
    program = tmp_path / "bin" / "pratique"
    program.parent.mkdir()
    program.touch(0o755)
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "SOURCE_DATE_EPOCH": scans.EPOCH,
        "PRATIQUE_CACHE_DIR": "cache",
        "PATH": str(program.parent),
    }.items():
        monkeypatch.setenv(name, value)
    return tmp_path


def test_documents(here: Path, golden: Golden) -> None:
    assert (
        run(
            [
                "scan",
                "image",
                "--fail-on",
                "high,kev",
                "-q",
                *(w for f in FORMATS for w in ("-o", f"{f}={f}.json")),
            ]
        )
        == 2
    )
    for name in FORMATS:
        golden.check(f"{name}.json", (here / f"{name}.json").read_bytes())


def test_statements(here: Path, golden: Golden, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    """A gate's papers: what was attached, what it says, what of it is believed, and the answer."""
    (here / "way").mkdir()
    cleared.make(Path("way"), how="plain")
    to, form = "oci:way/image:latest", ["--format", "json"]
    assert (
        run(["attest", to, "--all", "--documents", "way/documents", "--key", "way/platform.key", *form]) == 0
    )
    golden.check("attested.json", (told := capsysbinary.readouterr().out))
    bundle = json.loads((blob(Path("way/image"), json.loads(told)["statements"][-1]["bundle"])).read_bytes())
    payload = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
    golden.check("signed-decision.json", encode(payload["predicate"]) + b"\n")
    assert run(["verify", to, "--key", "way/platform.pub", *form]) == 0
    golden.check("verification.json", capsysbinary.readouterr().out)
    assert run(["gate", to, "--policy", "way/policy.toml", *form]) == 0
    golden.check("admission.json", capsysbinary.readouterr().out)


def blob(folder: Path, digest: str) -> Path:
    return folder / "blobs" / "sha256" / digest.removeprefix("sha256:")


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("name", SCREENS)
def test_screens(name: str, golden: Golden, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    run(SCREENS[name])
    golden.check(name, capsysbinary.readouterr().out)


@pytest.mark.parametrize("name", schemas())
def test_schemas(name: str, golden: Golden) -> None:
    golden.check(name, schemas()[name], SCHEMAS)


def allows(schema: str) -> Any:
    return jsonschema_rs.Draft202012Validator(json.loads((SCHEMAS / f"{schema}-1.schema.json").read_bytes()))


@pytest.mark.parametrize(("name", "schema"), [*DOCUMENTS.items(), *STATED.items()])
def test_documents_keep_to_their_schema(name: str, schema: str) -> None:
    document = json.loads((GOLDEN / f"{name}.json").read_bytes())
    assert [e.message for e in allows(schema).iter_errors(document)] == []


@pytest.mark.parametrize(("name", "schema"), [*DOCUMENTS.items(), *STATED.items()])
def test_schemas_refuse_what_is_no_such_document(name: str, schema: str) -> None:
    document = json.loads((GOLDEN / f"{name}.json").read_bytes())
    assert not allows(schema).is_valid({**document, "schema": "pratique.other/1"})
    for key in document:
        assert not allows(schema).is_valid({k: v for k, v in document.items() if k != key}), key


def test_no_golden_file_is_left_over() -> None:
    made = {f"{name}.json" for name in (*FORMATS, *STATED)} | set(SCREENS)
    assert {p.name for p in GOLDEN.iterdir() if p.suffix in {".json", ".txt"}} == made
    assert {p.name for p in SCHEMAS.glob("*.json")} == set(schemas())
