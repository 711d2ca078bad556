from datetime import UTC, datetime
from pathlib import Path

import pytest

from pratique.advisories.scores import read_epss, read_kev
from pratique.model.errors import InputError
from tests.making.feeds import epss, kev


@pytest.mark.parametrize(
    ("comment", "as_of"),
    [
        ("#model_version:v2025.03.14,score_date:2026-08-16T00:00:00+0000", datetime(2026, 8, 16, tzinfo=UTC)),
        ("#snapshot:2026-08-16T11:16:02Z", datetime(2026, 8, 16, 11, 16, 2, tzinfo=UTC)),
        ("#score_date:2026-08-16", datetime(2026, 8, 16, tzinfo=UTC)),
        ("#model_version:v1", None),
        ("", None),
    ],
)
@pytest.mark.parametrize("name", ["e.csv", "e.csv.gz"])
def test_epss(tmp_path: Path, comment: str, as_of: datetime | None, name: str) -> None:
    found, rows = read_epss(
        epss(tmp_path / name, "CVE-2026-1234,0.5,0.9", "CVE-2026-1235,0,1", comment=comment)
    )
    assert (found, list(rows)) == (as_of, [("CVE-2026-1234", 0.5, 0.9), ("CVE-2026-1235", 0.0, 1.0)])


@pytest.mark.parametrize(
    "row",
    [
        "CVE-2026-1234",
        "CVE-2026-1234,0.5",
        "CVE-2026-1234,0.5,0.5,0.5",
        "cve-2026-1234,0.5,0.9",
        "CVE-2026-1234,1.5,0.9",
        "CVE-2026-1234,nan,0.9",
        "CVE-2026-1234,-0.1,0.9",
        "CVE-2026-1234,a,b",
        "=cmd,0.5,0.9",
    ],
)
def test_a_row_that_is_no_score(tmp_path: Path, row: str) -> None:
    _, rows = read_epss(epss(tmp_path / "e.csv", "CVE-2026-1234,0.5,0.9", row))
    with pytest.raises(InputError, match="not an EPSS row"):
        list(rows)


@pytest.mark.parametrize("data", [b"", b"a,b,c\n", b"#x\n", b"#x\na,b,c\n", b"\xff\n"])
def test_not_an_epss_table(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "e.csv"
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"not an EPSS table|cannot be read"):
        read_epss(path)


def test_a_date_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a date: '2026-13-40'"):
        read_epss(epss(tmp_path / "e.csv", comment="#score_date:2026-13-40"))


@pytest.mark.parametrize(
    "released", ["2026-11-23T12:00:00Z", "2026-11-23T12:00:00.0000Z", "2026-11-23T12:00:00"]
)
def test_kev(tmp_path: Path, released: str) -> None:
    found = read_kev(kev(tmp_path / "k.json", "CVE-2026-1", released=released))
    assert [(e.cve, e.date_added) for e in found.vulnerabilities] == [("CVE-2026-1", "2026-11-01")]
    assert found.released == datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b'{"dateReleased": "soon", "vulnerabilities": []}',
        b"[" * 100_000,
        b'{"dateReleased": "\xff"}',
    ],
)
def test_not_a_catalogue(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "k.json"
    path.write_bytes(data)
    with pytest.raises(InputError, match="not a KEV catalogue"):
        read_kev(path)
