"""One image in four shapes gives one answer."""

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import report


@pytest.fixture(scope="session")
def reports(copies: dict[str, str], database: Path) -> dict[str, dict[str, Any]]:
    return {kind: report(source, database) for kind, source in copies.items()}


@pytest.mark.parametrize("kind", ["oci-archive", "docker-archive"])
def test_an_archive_gives_the_inventory_of_the_layout(reports: dict[str, dict[str, Any]], kind: str) -> None:
    one, other = (dict(reports[k]["inventory"], source=None, created=None) for k in ("oci", kind))
    assert len(one["packages"]) > 250
    assert one == other


def test_an_unpacked_root_gives_the_same_packages_without_layers(reports: dict[str, dict[str, Any]]) -> None:
    layered = [dict(p, layer=None) for p in reports["oci"]["inventory"]["packages"]]
    plain = [dict(p, layer=None) for p in reports["dir"]["inventory"]["packages"]]
    assert layered == plain
    assert all("layer" not in p for p in reports["dir"]["inventory"]["packages"])
    for key in ("distribution", "files", "unowned", "gaps", "completeness"):
        assert reports["oci"]["inventory"][key] == reports["dir"]["inventory"][key]


@pytest.mark.parametrize("kind", ["oci-archive", "docker-archive", "dir"])
def test_every_shape_gives_the_same_findings(reports: dict[str, dict[str, Any]], kind: str) -> None:
    for key in ("findings", "assessments", "gaps", "feeds", "snapshot"):
        assert reports["oci"]["findings"][key] == reports[kind]["findings"][key]
    assert len(reports["oci"]["findings"]["findings"]) > 300


def test_the_source_says_what_was_read(reports: dict[str, dict[str, Any]]) -> None:
    sources = {kind: r["inventory"]["source"] for kind, r in reports.items()}
    assert [sources[k]["kind"] for k in ("oci", "oci-archive", "docker-archive", "dir")] == [
        "oci",
        "oci-archive",
        "docker-archive",
        "dir",
    ]
    assert sources["oci"]["config"] == sources["oci-archive"]["config"] == sources["docker-archive"]["config"]
    assert sources["oci"]["digest"] == sources["oci-archive"]["digest"]
