"""Commands about signed statements: exit codes as a gate needs them, and nothing on stdout that is no answer."""

import json
import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from pratique.attest import generate
from pratique.cli import run
from pratique.formats.official import check_openvex
from tests.making import cleared, keys, scans
from tests.making.cleared import Cleared

Capture = pytest.CaptureFixture[bytes]


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOURCE_DATE_EPOCH", scans.EPOCH)
        yield cleared.make(tmp_path_factory.mktemp("cleared")).folder


@pytest.fixture
def way(once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cleared:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", scans.EPOCH)
    monkeypatch.delenv("PRATIQUE_KEY_PASSPHRASE", raising=False)
    shutil.copytree(once, tmp_path / "way")
    return Cleared(tmp_path / "way")


def attest(way: Cleared, *more: str) -> list[str]:
    return ["attest", way.reference, "--all", "--documents", str(way.documents), "--key", str(way.key), *more]


def gate(way: Cleared, *more: str) -> list[str]:
    return ["gate", way.reference, "--policy", str(way.policy), *more]


def verify(way: Cleared, *more: str) -> list[str]:
    return ["verify", way.reference, "--key", str(way.public), *more]


def test_the_whole_way_from_a_key_to_the_gate(
    way: Cleared, monkeypatch: pytest.MonkeyPatch, capsysbinary: Capture
) -> None:
    monkeypatch.setenv("PRATIQUE_KEY_PASSPHRASE", "secret \udcff")
    for path in (way.key, way.public):
        path.unlink()
    assert run(["key", "generate", str(way.folder / "platform")]) == 0
    assert run(["key", "generate", str(way.folder / "platform")]) == 4
    assert b"ENCRYPTED" in way.key.read_bytes()
    assert run(gate(way)) == 10
    assert run(attest(way)) == 0
    assert run(gate(way)) == 0
    assert run(verify(way, "--blobs")) == 0
    out, err = capsysbinary.readouterr()
    assert b"ADMITTED" in out
    assert b"6 statements verified, 0 refused" in out
    assert b"layers read and as the manifest promises" in out
    assert b"secret" not in out + err + way.key.read_bytes()


def test_a_key_without_a_passphrase_is_said_to_have_none(tmp_path: Path, capsysbinary: Capture) -> None:
    assert run(["key", "generate", str(tmp_path / "a")]) == 0
    out, err = capsysbinary.readouterr()
    assert out.startswith(b"sha256:")
    assert b"a.key is not encrypted" in err.replace(b"\n", b" ").replace(b"  ", b" ")


def test_a_wrong_passphrase_ends_with_1(
    way: Cleared, monkeypatch: pytest.MonkeyPatch, capsysbinary: Capture
) -> None:
    monkeypatch.setenv("PRATIQUE_KEY_PASSPHRASE", "needless")
    assert run(attest(way)) == 1
    out, err = capsysbinary.readouterr()
    assert (out, b"Unset PRATIQUE_KEY_PASSPHRASE" in err) == (b"", True)


def on_a_terminal(words: list[str], said: bytes) -> tuple[int, bytes]:
    """Run the program on a terminal of its own, answer its first question, and return exit code and screen."""
    if not shutil.which("setsid"):
        pytest.skip("setsid is not here")
    terminal, end = pty.openpty()
    command = ["setsid", "--ctty", "--wait", sys.executable, "-m", "pratique", *words]
    process = subprocess.Popen(command, stdin=end, stdout=end, stderr=end)
    os.close(end)
    shown, answered = b"", False
    with suppress(OSError):  # the terminal ends with the program
        while piece := os.read(terminal, 4096):
            shown += piece
            if b"Passphrase of" in shown and not answered:
                answered = os.write(terminal, said + b"\n") > 0
    os.close(terminal)
    return process.wait(), shown


@pytest.mark.parametrize(("said", "code"), [(b"a word", 0), (b"hunter2", 1)])
def test_a_person_is_asked_for_the_passphrase(way: Cleared, said: bytes, code: int) -> None:
    way.key.write_bytes(generate(b"a word")[0])
    ended, shown = on_a_terminal(attest(way), said)
    assert (ended, shown.count(b"Passphrase of")) == (code, 1)
    assert said not in shown


def test_a_key_that_others_can_read_is_told(way: Cleared, capsysbinary: Capture) -> None:
    way.key.chmod(0o644)
    assert run(attest(way)) == 0
    assert b"can be read by others: chmod 600" in b" ".join(capsysbinary.readouterr().err.split())
    way.key.chmod(0o600)
    assert run(attest(way)) == 0
    assert b"others" not in capsysbinary.readouterr().err


def test_gate_exit_codes(way: Cleared, capsysbinary: Capture) -> None:
    (way.folder / "stranger.key").write_bytes(keys.pem(2))
    assert run(gate(way)) == 10
    way.attest(way.folder / "stranger.key")
    assert run(gate(way)) == 12
    way.attest()
    assert run(gate(way)) == 0
    shutil.copy(way.policy, way.folder / "other.toml")
    (way.folder / "other.toml").write_text(way.policy.read_text() + "#\n")
    assert run(["gate", way.reference, "--policy", str(way.folder / "other.toml")]) == 2
    assert run(["gate", way.reference, "--policy", str(way.folder / "gone.toml")]) == 1
    assert run(["gate", "oci:gone", "--policy", str(way.policy)]) == 1
    assert run(["gate", way.reference]) == 4
    assert b"Traceback" not in capsysbinary.readouterr().err


def test_verify_exit_codes(way: Cleared, capsysbinary: Capture) -> None:
    assert run(verify(way)) == 10
    way.attest()
    assert run(verify(way)) == 0
    assert run(verify(way, "--type", "sbom")) == 0
    assert run(verify(way, "--type", "https://cyclonedx.org/bom")) == 0
    assert run(verify(way, "--type", "https://example.org/other")) == 12
    assert b"6 statements of other types verified" in capsysbinary.readouterr().out
    (way.folder / "stranger.pub").write_bytes(keys.key(2).public.pem())
    assert run(["verify", way.reference, "--key", str(way.folder / "stranger.pub")]) == 12
    assert run(["verify", way.reference, "--key", str(way.key)]) == 1
    assert run(["verify", way.reference]) == 4


@pytest.mark.parametrize(
    "arguments",
    [
        ["--key", "k"],
        ["--key", "k", "--all"],
        ["--key", "k", "--documents", "d"],
        ["--key", "k", "--all", "--documents", "d", "--predicate", "p", "--type", "t"],
        ["--key", "k", "--predicate", "p"],
        ["--key", "k", "--type", "t"],
        ["--all", "--documents", "d"],
    ],
)
def test_wrong_calls_of_attest_end_with_4(arguments: list[str], capsysbinary: Capture) -> None:
    assert run(["attest", "oci:image", *arguments]) == 4
    assert capsysbinary.readouterr().out == b""


def test_a_predicate_of_the_user_s_own(way: Cleared, capsysbinary: Capture) -> None:
    file = way.folder / "scan.json"
    file.write_text('{"malware": "none"}')
    kind = "https://example.org/malware"
    call = ["attest", way.reference, "--type", kind, "--predicate", str(file), "--key", str(way.key)]
    assert run([*call, "--format", "json"]) == 0
    told = json.loads(capsysbinary.readouterr().out)
    assert [s["type"] for s in told["statements"]] == [kind]
    assert run(verify(way, "--type", kind)) == 0
    assert run(gate(way)) == 2  # signed by a signer, and no decision
    assert b"no signed decision" in capsysbinary.readouterr().out


def test_answers_in_json(way: Cleared, capsysbinary: Capture) -> None:
    assert run(attest(way, "--format", "json")) == 0
    assert run(verify(way, "--format", "json")) == 0
    assert run(gate(way, "--format", "json")) == 0
    told, verified, admitted = map(json.loads, capsysbinary.readouterr().out.splitlines())
    assert told["schema"] == "pratique.attested/1"
    assert verified["schema"] == "pratique.verification/1"
    assert admitted["schema"] == "pratique.admission/1"
    assert {s["bundle"] for s in told["statements"]} == {b["bundle"] for b in verified["believed"]}
    assert admitted["decision"] == told["statements"][-1]["bundle"]
    assert told["image"] == verified["image"] == admitted["image"] == way.image


def test_vex_goes_to_a_file_or_to_stdout(way: Cleared, capsysbinary: Capture) -> None:
    call = ["vex", way.reference, "--documents", str(way.documents)]
    assert run(call) == 0
    shown = capsysbinary.readouterr().out
    check_openvex(shown)
    assert run([*call, "-o", str(way.folder / "vex.json")]) == 0
    assert capsysbinary.readouterr().out == b""
    assert (way.folder / "vex.json").read_bytes() == shown
    assert {s["status"] for s in json.loads(shown)["statements"]} == {"affected", "fixed", "not_affected"}


def test_what_a_stranger_wrote_steers_no_terminal(way: Cleared, capsysbinary: Capture) -> None:
    (way.folder / "stranger.key").write_bytes(keys.pem(2))
    way.attest(way.folder / "stranger.key")
    index = way.layout / "index.json"
    index.write_bytes(index.read_bytes().replace(b"dsse-envelope", b"\\u001b[2J::error::"))
    assert run(gate(way)) == 12
    assert run(verify(way)) == 12
    out, err = capsysbinary.readouterr()
    assert b"\x1b" not in out + err
