"""What a person reads: no name in an image can steer the terminal or the CI log that shows it."""

import re
from pathlib import Path

import pytest

from pratique.cli import run
from pratique.cli.explanation import show_explanations
from pratique.cli.report import show_report
from pratique.cli.screen import Screen
from pratique.flows.explain import Explanation
from pratique.model.errors import InputError
from pratique.model.finding import Findings
from pratique.model.inventory import Inventory
from pratique.policy import Policy, parse_rule
from tests.making import hostile, scans
from tests.making.debian import paragraph, status
from tests.making.tar import Item
from tests.making.values import acceptance, finding, findings, gap, inventory, package, report

Capture = pytest.CaptureFixture[bytes]
COMMAND = re.compile(rb"^\s*(::|##)|##\[|##vso\[", re.MULTILINE)


def shown(capture: Capture, held: Inventory, found: Findings, *, every: bool = True) -> bytes:
    """Return what a scan prints; the policy judges and accepts, so that every part of it is shown."""
    policy = Policy((parse_rule("high"), parse_rule("kev")), acceptances=(acceptance("anomaly"),))
    show_report(Screen(), report(held, found, policy), every=every, explain="pratique explain {} x")
    return capture.readouterr().out


@pytest.mark.parametrize("every", [True, False])
def test_scan_of_hostile_names(capsysbinary: Capture, every: bool) -> None:  # noqa: FBT001 - both tables
    out = shown(capsysbinary, hostile.INVENTORY, hostile.FINDINGS, every=every)
    assert hostile.raw(out) == []
    assert not COMMAND.search(out)
    assert b"\\x1b]52;c;aGk=\\x07" in out
    assert b"x\\x0d\\x3a:stop-commands\\x3a:t" in out.replace(b"\n", b"")


@pytest.mark.parametrize("length", range(124))
def test_no_place_in_a_cell_or_line_starts_a_command(capsysbinary: Capture, length: int) -> None:
    name = "a" * length + "::stop-commands::t ##[x]"
    held = package(name, name, purl="pkg:pypi/x@1")
    one = finding("CVE-2026-1", package=held.id, name=name, version=name, fixed=name)
    out = shown(capsysbinary, inventory(held), findings(one, gaps=(gap("anomaly", name),)))
    assert not COMMAND.search(out)


def test_explanation_of_hostile_names(capsysbinary: Capture) -> None:
    held = [
        Explanation(f, p, hostile.INVENTORY.layers[0], 1, 1, ())
        for f, p in zip(hostile.FINDINGS.findings, hostile.PACKAGES, strict=True)
    ]
    show_explanations(Screen(), held[:-1])
    out = capsysbinary.readouterr().out
    assert hostile.raw(out) == []
    assert not COMMAND.search(out)


@pytest.mark.parametrize("name", [n for n in hostile.NAMES if len(n) < 1000])
def test_error_of_hostile_names(capsysbinary: Capture, name: str) -> None:
    Screen().error(InputError(name, place=name, remedy=name))
    Screen().note(name)
    err = capsysbinary.readouterr().err
    assert hostile.raw(err) == []
    assert not COMMAND.search(err)


@pytest.mark.parametrize("version", ["1\r::stop-commands::t", "1\x1b[2J", "1\u202e2", "1\x9b31m"])
def test_whole_scan_with_a_hostile_version(tmp_path: Path, capsysbinary: Capture, version: str) -> None:
    layer = [*scans.LOWER[:7], status(paragraph("a", version))]
    image = str(scans.image(tmp_path / "image", layer, [Item(f"srv/{version}/x.jar")]))
    scans.imported(tmp_path / "pratique-cache")
    for arguments in (
        ["scan", image, "--fail-on", "high"],
        ["scan", image, "-f", "json"],
        ["scan", image, "-f", "sarif"],
        ["sbom", image],
    ):
        run(arguments)
        out, err = capsysbinary.readouterr()
        assert out
        assert hostile.raw(out + err) == []
        assert not COMMAND.search(out + err)


def test_hostile_package_name_is_refused_and_shown_escaped(tmp_path: Path, capsysbinary: Capture) -> None:
    layer = [*scans.LOWER[:7], status(paragraph("x\r::stop-commands::t", "1"))]
    assert run(["scan", str(scans.image(tmp_path / "image", layer))]) == 1
    err = capsysbinary.readouterr().err
    assert hostile.raw(err) == []
    assert b"not a package name: 'x\\r\\x3a:stop-commands\\x3a:t'" in err
