"""The lock commands through the door that the program uses."""

import hashlib
import json
from pathlib import Path

import jsonschema_rs
import pytest

from pratique.cli import run
from pratique.formats.documents import schemas
from tests.making import locked
from tests.making.images import layout
from tests.making.tar import Item

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


def test_verifying(tmp_path: Path, capsysbinary: Capture) -> None:
    wheels = locked.wheels(tmp_path / "wheels")
    for wheel in wheels:  # in the cache already, so that no index is asked
        folder = tmp_path / "cache" / "artifacts" / hashlib.sha256(wheel.read_bytes()).hexdigest()
        folder.mkdir(parents=True)
        (folder / wheel.name).write_bytes(wheel.read_bytes())
    (tmp_path / "r.txt").write_text(locked.lock(wheels))
    files = locked.installed(wheels)
    layout(tmp_path / "good", list(files.values()))
    hook = Item(f"{locked.SITE}/zz.pth", b"import os")
    strange = Item(f"{locked.SITE}/__pycache__/x.cpython-399.pyc", b"")
    layout(tmp_path / "bad", [*files.values(), hook, strange])
    words = ["--lock", str(tmp_path / "r.txt"), "--cache-dir", str(tmp_path / "cache")]
    assert run(["lock", "verify", f"oci:{tmp_path}/good", *words]) == 0
    assert capsysbinary.readouterr().out.startswith(b"SAME  oci:")
    out = tmp_path / "v.json"
    assert run(["lock", "verify", f"oci:{tmp_path}/bad", *words, "-o", f"verification={out}"]) == 2
    assert b"start-up hook" in capsysbinary.readouterr().out
    schema = json.loads(schemas()["pins-verification-1.schema.json"])
    assert jsonschema_rs.Draft202012Validator(schema).is_valid(json.loads(out.read_bytes()))
    assert run(["lock", "verify", f"oci:{tmp_path}/good"]) == 4


def test_what_could_not_be_compared(tmp_path: Path, capsysbinary: Capture) -> None:
    (tmp_path / "r.txt").write_text(f"alpha==1.0 --hash=sha512:{'a' * 128}\n")
    files = locked.installed(locked.wheels(tmp_path / "wheels")[:1])
    layout(tmp_path / "image", list(files.values()))
    words = ["lock", "verify", f"oci:{tmp_path}/image", "--lock", str(tmp_path / "r.txt"), "-q"]
    assert run(words) == 3
    assert b"files: locked without an exact version" in capsysbinary.readouterr().out


def test_locking_an_image_that_has_no_python(tmp_path: Path, capsysbinary: Capture) -> None:
    layout(tmp_path / "image", [Item("etc/os-release", b"ID=debian\n")])
    assert run(["lock", "image", f"oci:{tmp_path}/image", "-q"]) == 1
    out, err = capsysbinary.readouterr()
    assert (out, b"no Python with distributions" in err) == (b"", True)
