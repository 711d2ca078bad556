"""The harden and prove commands: what is refused before anything runs, and how their documents look."""

import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from pratique.cli import run
from pratique.cli.hardening import show_hardening, show_proof
from pratique.cli.screen import Screen
from pratique.formats.documents import encode
from pratique.model.hardening import LayerChange
from pratique.model.proof import Compared
from tests.making import hostile, ways
from tests.making.images import layout
from tests.making.process import as_nobody
from tests.making.tar import Item

Capture = pytest.CaptureFixture[bytes]
HARDEN = ["harden", "oci:image", "--plan", "plan.json", "--to", "oci:out"]
PROVE = ["prove", "oci:image", "oci:out"]


def lines(data: bytes) -> list[str]:
    return [line.rstrip() for line in data.decode().splitlines()]


@pytest.mark.parametrize("command", ["harden", "prove", "clear"])
def test_help_comes_in_a_second(command: str) -> None:
    took = []
    for _ in range(2):  # the first may have to compile
        before = processor_time()
        done = subprocess.run(
            [sys.executable, "-m", "pratique", command, "--help"], capture_output=True, check=True
        )
        took.append(processor_time() - before)
        assert b"Example" in done.stdout
    assert min(took) < 1


def processor_time() -> float:
    """Return the seconds that all processes of ours that have ended took."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["harden"], "Missing argument 'SOURCE'"),
        (["harden", "a", "--to", "oci:b"], "Missing option '--plan'"),
        (["harden", "a", "--plan", "p"], "Missing option '--to'"),
        ([*HARDEN, "-o", "plan=a"], "--output: not FORMAT=FILE: 'plan=a'"),
        ([*HARDEN, "--format", "xml"], "'xml' is not one of 'table', 'json'"),
        (["prove"], "Missing argument 'SOURCE'"),
        (["prove", "a"], "Missing argument 'NEW'"),
        ([*PROVE, "-o", "proof="], "--output: not FORMAT=FILE: 'proof='"),
        ([*PROVE, "--phase", "../x"], "--phase, --workload: not a name for a workload: '../x'"),
        ([*PROVE, "--expect", "a"], "--expect: not PATH[:sha256|json[:TOLERANCE]]: 'a'"),
        ([*PROVE, "--expect", "/a:json:nan"], "--expect: not a tolerance: 'nan'"),
        ([*PROVE, "--check", "'"], "--check: not a command (No closing quotation)"),
        ([*PROVE, "--check", "a", "--check", "b"], "--check: given twice for one workload"),
        ([*PROVE, "--ready", "http://a"], "--ready, --drive: a service needs both"),
        ([*PROVE, "--env", "A"], "--env: not NAME=VALUE: 'A'"),
        ([*PROVE, "--timeout", "-1"], "--timeout: not a time: -1"),
        ([*PROVE, "--timeout", "nan"], "--timeout: not a time: nan"),
        ([*PROVE, "--timeout", "soon"], "Invalid value for '--timeout': "),
    ],
)
def test_wrong_calls_end_with_4_and_a_remedy(arguments: list[str], said: str, capsysbinary: Capture) -> None:
    assert run(arguments) == 4
    out, err = capsysbinary.readouterr()
    assert out == b""
    assert lines(err)[0].startswith("error: ")
    assert said in lines(err)[0]
    assert len(lines(err)) == 2
    assert lines(err)[1].startswith("       ")


@pytest.mark.parametrize(
    "to",
    [
        "",
        "out",
        "oci:",
        "oci::",
        "oci::tag",
        "oci:out:",
        "OCI:out",
        "docker-archive:out.tar",
        "dir:out",
        "registry.example/out:tag",
        "http://registry.example/out",
        "oci:a\0b",
    ],
)
@pytest.mark.parametrize("command", ["harden", "clear"])
def test_places_for_an_image_that_are_none(command: str, to: str, capsysbinary: Capture) -> None:
    plan = ["--plan", "p"] if command == "harden" else []
    assert run([command, "oci:image", *plan, "--to", to]) == 4
    first, second = lines(capsysbinary.readouterr().err)
    assert first.startswith("error: --to: not a place for an image: ")
    assert second == "       Name an OCI layout as oci:FOLDER:TAG; registries and archives are not written."


@pytest.mark.usefixtures("as_root")
@pytest.mark.parametrize(
    "arguments", [HARDEN, PROVE, ["clear", "oci:image", "--to", "oci:out"]], ids=lambda a: a[0]
)
def test_a_user_without_rights_gets_a_clear_word(tmp_path: Path, arguments: list[str]) -> None:
    layout(tmp_path / "image", [Item("a", b"x")])
    done = as_nobody(tmp_path, *arguments)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "error: running an image needs root in this version",
        "       Run it with sudo; it keeps to namespaces of its own.",
    ]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["image"]


@pytest.mark.usefixtures("as_root")
def test_a_plan_of_another_image_and_what_is_no_plan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: Capture
) -> None:
    monkeypatch.chdir(tmp_path)
    layout(tmp_path / "image", [Item("a", b"x")])
    for data, said in (
        (encode(ways.plan()), "error: --plan: a plan for another image, sha256:e3b0"),
        (encode(ways.proof()), "error: plan.json: not a plan document "),
        (b"{", "error: plan.json: not valid JSON "),
    ):
        (tmp_path / "plan.json").write_bytes(data)
        assert run(HARDEN) == 1
        assert lines(capsysbinary.readouterr().err)[0].startswith(said)
    assert not (tmp_path / "out").exists()


def shown_hardening(capture: Capture, *layers: LayerChange, **more: Any) -> str:
    show_hardening(Screen(), ways.hardening(*layers, **more))
    return capture.readouterr().out.decode()


def test_a_hardening_on_a_terminal(capsysbinary: Capture) -> None:
    out = shown_hardening(capsysbinary, audit="half installed", notes=("not compiled: a.py",))
    assert "100.0 MiB became 75.0 MiB in 3 layers" in out
    assert [line.split()[:4] for line in out.splitlines()[5:8]] == [
        ["1", "kept", "60.0", "MiB"],
        ["2", "rewritten", "40.0", "MiB"],
        ["3", "added", "-", "5.0"],
    ]
    assert "- dpkg --audit: half installed" in out
    assert "- not compiled: a.py" in out


def test_sizes_that_are_not_known_are_not_added(capsysbinary: Capture) -> None:
    out = shown_hardening(capsysbinary, ways.layer("kept", 0), ways.layer("added", 500))
    assert "Sizes not known in 2 layers" in out
    assert "500 B" in out


JSON = Compared(
    kind="json", subject="/m.json", same=True, before="8 members", after="8 members", masked=("t",)
)


def shown_proof(capture: Capture, verdict: str, **more: Any) -> str:
    show_proof(Screen(), ways.proof(verdict, **more))
    return capture.readouterr().out.decode()


@pytest.mark.parametrize(
    ("verdict", "first"),
    [
        ("same", "The same work  by training: python3 train.py"),
        ("weak", "The same exit code, and nothing else was compared: a weak proof  by training: python3 train.py"),
        ("different", "Not the same work  by training: python3 train.py"),
    ],
)  # fmt: skip
def test_a_proof_on_a_terminal(verdict: str, first: str, capsysbinary: Capture) -> None:
    out = shown_proof(capsysbinary, verdict, compared=(JSON, replace(JSON, same=False)))
    assert out.splitlines()[0] == first
    assert "/m.json: of t only the kind was compared, since they tell times" in out
    assert "said" not in out


def test_a_difference_is_explained_line_by_line(capsysbinary: Capture) -> None:
    said = 'Traceback:\n  File "a.py"\nImportError: b\r'
    out = shown_proof(capsysbinary, "different", lost=(ways.lost("six"),), replaced=("b 1 -> 2",), said=said)
    assert "- six (lib/six/__init__.py): plan again with --keep six" in out
    assert "- b 1 -> 2" in out
    assert out.splitlines()[-3:] == ["  Traceback:", '    File "a.py"', "  ImportError: b\\x0d"]


@pytest.mark.parametrize("name", [n for n in hostile.NAMES if len(n) < 1000], ids=ascii)
def test_no_name_steers_the_terminal(name: str, capsysbinary: Capture) -> None:
    compared = Compared(kind="json", subject=name, same=False, before=name, after=name, masked=(name,))
    lost = replace(ways.lost("a"), name=name, path=name)
    holding = {"compared": (compared,), "lost": (lost,), "replaced": (name,), "said": name}
    out = shown_proof(capsysbinary, "different", phase=name, command=(name,), **holding)
    out += shown_hardening(capsysbinary, audit=name, notes=(name,), manifest=name)
    assert hostile.raw(out.encode()) == []
    assert not [line for line in out.splitlines() if line.strip().startswith(("::", "##"))]
