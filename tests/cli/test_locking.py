"""The lock commands through the door that the program uses."""

import json
from pathlib import Path

import jsonschema_rs
import pytest

from pratique.cli import run
from pratique.formats.documents import schemas

Capture = pytest.CaptureFixture[bytes]
HASH = f"--hash=sha256:{'a' * 64}"


def test_a_lock_that_holds_is_one_line(tmp_path: Path, capsysbinary: Capture) -> None:
    (tmp_path / "r.txt").write_text(f"idna==3.4 {HASH}\n")
    assert run(["lock", "check", str(tmp_path / "r.txt")]) == 0
    out, err = capsysbinary.readouterr()
    assert err == b""
    assert out.decode().replace("\n", " ").split() == (
        f"PASS {tmp_path}/r.txt: 1 distribution, 1 sha256 digest".split()
    )


def test_a_lock_that_does_not_hold(
    tmp_path: Path, capsysbinary: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("r.txt").write_text("\nidna==3.4\n" + "https://h.invalid/a-1-py3-none-any.whl " + HASH + "\n" * 9)
    assert run(["lock", "check", "r.txt"]) == 2
    out = capsysbinary.readouterr().out.decode()
    assert out.startswith("FAIL  r.txt: 2 distributions, 1 sha256 digest\n")
    assert "r.txt:2  PIN-01  idna 3.4: it has no sha256" in out
    assert "PIN-01 Lock anew with hashes" in out
    assert "1 note\n  - PIN-08 r.txt:3: https:" in out


def test_the_document(tmp_path: Path, capsysbinary: Capture) -> None:
    (tmp_path / "r.txt").write_text("idna\x1b[31m==3.4\n")
    assert run(["lock", "check", str(tmp_path / "r.txt"), "--format", "json"]) == 2
    out = capsysbinary.readouterr().out
    assert b"\x1b" not in out
    schema = json.loads(schemas()["pins-1.schema.json"])
    assert jsonschema_rs.Draft202012Validator(schema).is_valid(json.loads(out))
    assert json.loads(out)["schema"] == "pratique.pins/1"


@pytest.mark.parametrize(("words", "code"), [(["gone.txt"], 1), (["uv.lock"], 1), ([], 4)])
def test_errors(words: list[str], code: int, capsysbinary: Capture) -> None:
    assert run(["lock", "check", *words]) == code
    assert capsysbinary.readouterr().err.startswith(b"error: ")
