"""A scan on a terminal: what it says of the work of an image that Pratique made."""

from pathlib import Path
from typing import Any

import pytest

from pratique.cli import run
from pratique.cli.report import show_report
from pratique.cli.screen import Screen
from pratique.formats.documents import Report, encode
from pratique.model.finding import ProofNote
from pratique.policy import Work, decide
from tests.making import hostile, scans, ways
from tests.making.values import NOW, ZERO, findings, inventory

Capture = pytest.CaptureFixture[bytes]


def note(verdict: Any, phase: str) -> ProofNote:
    return ProofNote(proof=ZERO, phase=phase, verdict=verdict)


def shown(capture: Capture, *proofs: ProofNote, hardened: bool = True) -> list[str]:
    """Return the lines of a scan's decision."""
    decision = decide(findings(), ZERO, None, NOW, Work(hardened, proofs))
    held = Report(inventory=inventory(), findings=findings(), decision=decision)
    show_report(Screen(), held, every=False, explain="pratique explain {}")
    out = capture.readouterr().out
    assert hostile.raw(out) == []
    return out.decode().partition("\nDecision\n")[2].splitlines()


@pytest.mark.parametrize(
    ("proofs", "line"),
    [
        ((), "  Work: unproven: made by Pratique, and no proof was given"),
        ((note("same", "training"), note("same", "serving")), "  Work: proven by training, serving"),
        ((note("same", "workload"), note("same", "workload")), "  Work: proven by workload"),
        (
            (note("same", "training"), note("weak", "serving")),
            "  Work: weakly proven by training, serving: exit codes alone were compared by serving",
        ),
        ((note("same", "training"), note("different", "serving")), "  Work: refuted by serving"),
    ],
)
def test_work_is_told_beside_the_verdict(
    proofs: tuple[ProofNote, ...], line: str, capsysbinary: Capture
) -> None:
    lines = shown(capsysbinary, *proofs)
    assert lines[0] == "NOT JUDGED"
    assert line in lines


def test_of_any_other_image_nothing_is_said(capsysbinary: Capture) -> None:
    assert not [line for line in shown(capsysbinary, hardened=False) if "Work" in line]


@pytest.mark.parametrize("name", [n for n in hostile.NAMES if len(n) < 1000], ids=ascii)
def test_the_name_of_a_workload_steers_nothing(name: str, capsysbinary: Capture) -> None:
    for verdict in ("same", "weak", "different"):
        assert [line for line in shown(capsysbinary, note(verdict, name)) if line.startswith("  Work: ")]


def test_a_whole_scan_with_a_proof(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: Capture
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", scans.EPOCH)
    scans.imported(tmp_path / "pratique-cache")
    image, place = str(scans.hardened(tmp_path / "image")), tmp_path / "proof.json"
    config = scans.scanned(image, tmp_path / "pratique-cache").inventory.source.config
    assert run(["scan", image]) == 0
    assert b"\n  Work: unproven: made by Pratique" in capsysbinary.readouterr().out
    place.write_bytes(encode(ways.proof("different", result=config)))
    assert run(["scan", image, "--proof", str(place), "--fail-on", "critical"]) == 2
    out = capsysbinary.readouterr().out
    assert b"- proof: the workload training does not do the same in this image" in out
    assert b"\n  Work: refuted by training" in out
    place.write_bytes(encode(ways.proof()))
    assert run(["scan", image, "--proof", str(place)]) == 1
    assert capsysbinary.readouterr().err.startswith(f"error: {place}: a proof of another image".encode())
