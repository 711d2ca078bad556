import json
from pathlib import Path

import pytest

from pratique.flows.outputs import FORMATS, SBOMS, parse_outputs, write_outputs, write_sboms
from pratique.model.errors import UnavailableError, UsageError
from tests.making.values import finding, findings, inventory, package, report

REPORT = report(inventory(package("demo", "1.0")), findings(finding()))


def test_outputs_are_parsed() -> None:
    texts = ["json=a.json", "sarif=b=c.sarif"]
    assert parse_outputs(texts, tuple(FORMATS)) == [("json", Path("a.json")), ("sarif", Path("b=c.sarif"))]
    assert parse_outputs([], tuple(FORMATS)) == []


@pytest.mark.parametrize("text", ["json", "json=", "=a", "table=a", "JSON=a", ""])
def test_not_an_output(text: str) -> None:
    with pytest.raises(UsageError, match="not FORMAT=FILE") as caught:
        parse_outputs([text], ("json", "sarif"))
    assert caught.value.remedy == "Formats: json, sarif"


def test_one_file_for_two_formats() -> None:
    with pytest.raises(UsageError, match="one file for two formats"):
        parse_outputs(["json=a", "sarif=./a"], tuple(FORMATS))


def test_every_format_is_written_whole_with_a_newline(tmp_path: Path) -> None:
    write_outputs(REPORT, [(name, tmp_path / name) for name in FORMATS])
    for name, encode in FORMATS.items():
        assert (tmp_path / name).read_bytes() == encode(REPORT) + b"\n"
        assert json.loads((tmp_path / name).read_bytes())


def test_bills_of_materials(tmp_path: Path) -> None:
    write_sboms(REPORT.inventory, [(name, tmp_path / name) for name in SBOMS])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cyclonedx-json", "spdx-json"]
    assert {name: (tmp_path / name).read_bytes() for name in SBOMS} == {
        n: FORMATS[n](REPORT) + b"\n" for n in SBOMS
    }


def test_folder_that_refuses(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UnavailableError):
        write_outputs(REPORT, [("json", tmp_path / "file" / "a.json")])
