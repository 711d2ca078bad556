"""The matching gate: packages labelled by hand from the records in ``data/advisories``; nothing missed, nothing invented."""

from pathlib import Path
from typing import NamedTuple

import pytest

from pratique.advisories import open_snapshot
from pratique.checks import judge
from pratique.model.advisory import Knowledge
from pratique.model.inventory import Package, SourcePackage
from tests.making.feeds import built
from tests.making.values import inventory, package

DATA = Path(__file__).parent.parent.parent / "data" / "advisories"


class Row(NamedTuple):
    """A package and the CVEs that its records hold against it, the year first; other ids as they are."""

    kind: str
    name: str
    version: str
    affected: str = ""
    treated: str = ""


TORCH_UNCLEAR = "2025-2148 2025-2149 2025-2998 2025-2999 2025-3000 2025-3001 2025-3121 2025-3136 2025-63396"
"""Records whose last affected version is ``2.6.0-NA`` or ``2.6.0-cu124``, which are no versions."""

TORCH_2_1 = (
    "2024-31584 2024-31583 2024-31580 2024-48063 2025-2953 2025-46148 2025-55551 2025-55552 2025-55553 2025-55554 "
    "2025-55557 2025-55558 2025-55560 2025-32434 2026-4538 2025-3730 2026-24747"
)
OPENSSL_CHANGELOGS = (
    "2026-35189 2026-42767 2026-54872 2026-54874 2026-63072 2026-63074 2026-63076 2026-75803 2026-75805 2026-75806 "
    "2026-77696 2026-84782"
)
OPENSSL_DSA = (
    "2025-15467 2025-68160 2025-69418 2025-69419 2025-69420 2025-69421 2026-22795 2026-22796 2026-28387 2026-28388 "
    "2026-28389 2026-28390 2026-31789 2026-31790 2026-7383 2026-9076 2026-34180 2026-34182 2026-42766 2026-42770 "
    "2026-45445 2026-45446 2026-45447 "
)
EXPAT_U5 = "2026-102633 2026-56132 2026-77214"
EXPAT = (
    "2024-28757 2025-59375 2026-24515 2026-25210 2026-32776 2026-32777 2026-32778 2026-45186 2026-50219 2026-56131 "
    "2026-56403 2026-56404 2026-56405 2026-56406 2026-56407 2026-56408 2026-56409 2026-56410 2026-56411 2026-56412 "
    "2026-66046 2026-72522 2026-76957 2026-93990 "
)

ROWS = (
    Row(
        "pypi",
        "pillow",
        "9.5.0",
        "PYSEC-2023-175 2023-44271 2026-42308 2024-28219 2023-4863 2026-54059 2026-54060 2026-55379 2026-55380 "
        "2026-55798 2026-42310 2026-59199 2026-59205 2026-59197 2026-54058 2026-59198 2026-59200 2026-59204 2023-50447",
    ),
    Row("pypi", "Pillow", "12.3.0"),
    Row(
        "pypi",
        "urllib3",
        "1.26.15",
        "2023-43804 2023-45803 2026-44431 2025-66471 2024-37891 2026-21441 2025-66418 2025-50181",
    ),
    Row("pypi", "urllib3", "2.7.0"),
    Row("pypi", "Jinja2", "3.1.2", "2025-27516 2024-56201 2024-22195 2024-34064 2024-56326"),
    Row("pypi", "jinja2", "3.1.6"),
    Row(
        "pypi",
        "werkzeug",
        "2.2.3",
        "2023-46136 2024-34069 2026-21860 2024-49766 2025-66221 2026-27199 2024-49767",
    ),
    Row("pypi", "werkzeug", "3.1.6"),
    Row("pypi", "requests", "2.28.2", "2023-32681 2024-47081 2024-35195 2026-25645"),
    Row("pypi", "requests", "2.33.0"),
    Row("pypi", "setuptools", "65.5.0", "2022-40897 2025-47273 2024-6345 2026-59890"),
    Row("pypi", "setuptools", "83.0.0"),
    Row("pypi", "certifi", "2022.12.7", "2023-37920 2024-39689"),
    Row("pypi", "certifi", "2024.7.4"),
    Row("pypi", "idna", "3.4", "2024-3651 2026-45409"),
    Row("pypi", "Flask", "2.2.2", "2023-30861 2026-27205"),
    Row("pypi", "PyYAML", "5.3", "2020-1747 2020-14343"),
    Row("pypi", "wheel", "0.37.1", "2022-40898"),
    Row("pypi", "no-such-distribution", "1.0"),
    Row("pypi", "torch", "2.1.0+cu118", TORCH_2_1, TORCH_UNCLEAR),
    Row("pypi", "torch", "2.11.0", "", TORCH_UNCLEAR),
    Row("deb", "openssl", "3.0.11-1~deb12u2", OPENSSL_DSA + OPENSSL_CHANGELOGS),
    Row("deb", "openssl", "3.0.20-1~deb12u2", OPENSSL_CHANGELOGS),
    Row("deb", "openssl", "3.0.22-1~deb12u2"),
    Row("deb", "expat", "2.5.0-1", EXPAT + EXPAT_U5),
    Row("deb", "expat", "2.5.0-1+deb12u4", EXPAT_U5),
    Row("deb", "expat", "2.5.0-1+deb12u5"),
    Row(
        "deb",
        "libssh2",
        "1.10.0-3+b1",
        "2025-15661 2026-58050 2026-58051 2026-66032 2026-66034 2026-7598",
    ),
    Row("deb", "libssh2", "1.10.0-3+deb12u1"),
)


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Knowledge:
    folder = tmp_path_factory.mktemp("real")
    built(folder, DATA)
    return open_snapshot(folder)


def found(row: Row, known: Knowledge) -> set[tuple[str, str]]:
    """Return (id, state) of every finding in the row's package."""
    source = SourcePackage(row.name, row.version) if row.kind == "deb" else None
    held: Package = package(
        f"lib{row.name}" if source else row.name, row.version, kind=row.kind, source=source
    )
    return {(f.id, f.state) for f in judge(inventory(held), known).findings}


def labelled(row: Row) -> set[tuple[str, str]]:
    pairs = [(i, "affected") for i in row.affected.split()] + [
        (i, "treated as affected") for i in row.treated.split()
    ]
    return {(i if i.startswith("PYSEC") else f"CVE-{i}", state) for i, state in pairs}


@pytest.mark.parametrize("row", ROWS, ids=lambda r: f"{r.name}-{r.version}")
def test_every_row(row: Row, known: Knowledge) -> None:
    assert found(row, known) == labelled(row)


def test_precision_and_recall(known: Knowledge) -> None:
    pairs = [(found(row, known), labelled(row)) for row in ROWS]
    right = sum(len(got & want) for got, want in pairs)
    assert (len(ROWS), sum(len(want) for _, want in pairs)) == (29, 174)
    assert right / sum(len(got) for got, _ in pairs) == 1.0  # precision
    assert right / sum(len(want) for _, want in pairs) == 1.0  # recall
