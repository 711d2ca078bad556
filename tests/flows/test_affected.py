"""Who holds it: never clean where that is not known."""

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from pratique.fleet import Record, Store, make_record
from pratique.flows.affected import affected
from pratique.model.errors import InputError, UnavailableError, UsageError
from pratique.model.finding import Assessment
from pratique.model.fleet import Affected
from pratique.model.inventory import Purl, SourcePackage
from tests.making import fleet, scans
from tests.making.values import finding, findings, gap, package

FOUND = findings(finding(aliases=("GHSA-aaaa-bbbb-cccc",)))
HELD = fleet.image("held")
CLEAN = fleet.image("clean")


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", scans.EPOCH)


def asked(folder: Path, query: str, *records: Record) -> Affected:
    with Store(folder / "s") as store:
        store.add(records)
    return affected(query, str(folder / "s"))


def names(images: tuple[Any, ...]) -> list[str]:
    return [i.image.reference for i in images]


@pytest.mark.parametrize("query", ["pkg:pypi/\udcff", "pkg:pypi/a@\udcff"])
def test_a_question_that_is_no_text(tmp_path: Path, query: str) -> None:
    made = asked(tmp_path, query, *fleet.records(fleet.judged(HELD)))
    assert made.query == query.replace("\udcff", "\\xff")
    assert not made.held


@pytest.mark.parametrize("query", ["CVE-2026-1", "cve-2026-1", "GHSA-aaaa-bbbb-cccc"])
def test_a_vulnerability_by_any_of_its_names(tmp_path: Path, query: str) -> None:
    held, clean = fleet.judged(HELD, FOUND), fleet.judged(CLEAN, at=fleet.days(-3))
    made = asked(tmp_path, query, *fleet.records(held, clean))
    (holder,) = made.held
    assert (holder.image.reference, holder.doubts) == ("oci:held", ())
    assert (holder.as_of, holder.snapshot) == (held.findings.created, held.findings.snapshot)
    (one,) = holder.packages
    assert (one.purl, one.state, one.fixed, one.use) == (
        "pkg:pypi/demo@1.0",
        "affected",
        "2",
        "no usage recorded",
    )
    assert (made.unknown, made.clear, made.oldest, made.missing) == ((), 1, fleet.days(-3), ())


def test_the_latest_findings_decide(tmp_path: Path) -> None:
    old, new = fleet.judged(HELD, FOUND, at=fleet.days(-2)), fleet.judged(HELD)
    made = asked(tmp_path, "CVE-2026-1", *fleet.records(new, old))
    assert (made.held, made.unknown, made.clear) == ((), (), 1)


def test_what_could_not_be_judged_is_not_clean(tmp_path: Path) -> None:
    blind = Assessment(package="pkg:deb/debian/a@1#a", state="not assessed", reason="x")
    part = Assessment(package="pkg:deb/debian/b@1#a", state="partly", reason="x")
    made = asked(
        tmp_path,
        "CVE-2026-1",
        *fleet.records(
            fleet.judged(fleet.image("blind"), findings(assessments=(blind, part))),
            fleet.judged(fleet.image("dark"), findings(snapshot=None)),
            fleet.judged(fleet.image("partial", gaps=(gap(), gap("anomaly")), completeness="partial")),
            fleet.judged(fleet.image("empty", completeness="unknown")),
        ),
        make_record(fleet.image("unjudged")),
        make_record(fleet.judged(CLEAN).decision),
    )
    assert {u.image.reference: u.doubts for u in made.unknown} == {
        "oci:blind": ("packages that could not be judged in full: 2 deb",),
        "oci:dark": ("judged without advisories",),
        "oci:empty": ("the inventory is unknown",),
        "oci:partial": ("the inventory is partial (2 gaps)",),
        "oci:unjudged": ("no findings are recorded",),
    }
    assert (made.held, made.clear) == ((), 0)
    assert made.missing == (fleet.judged(CLEAN).decision.inventory,)


def test_who_holds_it_and_may_hold_more(tmp_path: Path) -> None:
    partial = fleet.image("held", gaps=(gap(),), completeness="partial")
    made = asked(tmp_path, "CVE-2026-1", *fleet.records(fleet.judged(partial, FOUND)))
    assert [h.doubts for h in made.held] == [("the inventory is partial (1 gap)",)]
    assert made.unknown == ()


@pytest.mark.parametrize(("days", "doubts"), [(6, 0), (7, 1), (400, 1), (-9, 1)])
def test_advisories_that_are_stale_today_clear_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int, doubts: int
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(scans.EPOCH) + days * 86_400))
    made = asked(tmp_path, "CVE-2026-9", *fleet.records(fleet.judged(CLEAN)))
    assert (len(made.unknown), made.clear) == (doubts, 1 - doubts)
    assert all("judged by advisories that are stale today: osv " in u.doubts[0] for u in made.unknown)
    assert asked(tmp_path, "pkg:pypi/other").clear == 1  # a package is told by the inventory alone


@pytest.mark.parametrize(
    ("states", "want"),
    [
        ([], ("no usage recorded", ())),
        (["used"], ("used", ("p0",))),
        (["not observed"], ("not observed", ())),
        (["metadata only"], ("not observed", ())),
        (["not observed", "used"], ("used", ("p1",))),
        (["used", "used"], ("used", ("p0", "p1"))),
    ],
)
def test_what_workloads_used(tmp_path: Path, states: list[Any], want: tuple[str, tuple[str, ...]]) -> None:
    usages = [make_record(fleet.usage(HELD, s, phase=f"p{n}")) for n, s in enumerate(states)]
    for query in ("CVE-2026-1", "pkg:pypi/demo"):
        made = asked(tmp_path, query, *fleet.records(fleet.judged(HELD, FOUND)), *usages)
        assert [(p.use, p.phases) for h in made.held for p in h.packages] == [want]


def test_a_usage_of_another_image_or_an_invalid_one_says_nothing(tmp_path: Path) -> None:
    usages = [fleet.usage(CLEAN), replace(fleet.usage(HELD), valid=False)]
    made = asked(
        tmp_path, "pkg:pypi/demo", *fleet.records(fleet.judged(HELD)), *(make_record(u) for u in usages)
    )
    assert [p.use for h in made.held for p in h.packages] == ["no usage recorded"]


TORCH = package("torch", "2.1.0+cu118")
SSL = package("libssl3", "3.0.11-1+b1", kind="deb", source=SourcePackage("openssl", "3.0.11-1"))
ALSO = package("python3-yaml", "6.0-3", kind="deb", also=(Purl("pkg:pypi/pyyaml@6.0"),))


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("pkg:pypi/torch", ["itself"]),
        ("pkg:pypi/Torch@2.1", ["itself"]),
        ("pkg:pypi/torch@2.1.0+cu118", ["itself"]),
        ("pkg:pypi/torch@2.1.0+cu121", []),
        ("pkg:pypi/torch@2.1.1", []),
        ("pkg:pypi/torch@nonsense", []),
        ("pkg:pypi/torch-extra", []),
        ("pkg:deb/debian/libssl3", ["itself"]),
        ("pkg:deb/libssl3", ["itself"]),
        ("pkg:deb/ubuntu/libssl3", []),
        ("pkg:deb/debian/libssl3@3.0.11-1%2Bb1?arch=arm64", ["itself"]),
        ("pkg:deb/debian/openssl", ["source"]),
        ("pkg:deb/debian/openssl@3.0.11-1", ["source"]),
        ("pkg:deb/debian/openssl@3.0.11-2", []),
        ("pkg:pypi/PyYAML@6.0", ["also"]),
    ],
)
def test_a_package_by_its_names_and_version(tmp_path: Path, query: str, told: list[str]) -> None:
    made = asked(tmp_path, query, *fleet.records(fleet.judged(fleet.image("a", TORCH, SSL, ALSO))))
    assert [p.told for h in made.held for p in h.packages] == told
    assert (len(made.held), made.clear, made.unknown) == (len(told), 1 - len(told), ())


def test_a_package_is_looked_for_in_the_latest_inventory(tmp_path: Path) -> None:
    old = fleet.judged(fleet.image("a", TORCH), at=fleet.days(-2))
    new = fleet.judged(fleet.image("a", SSL))
    made = asked(tmp_path, "pkg:pypi/torch", *fleet.records(old, new))
    assert (made.held, made.clear) == ((), 1)


def test_a_package_in_what_was_not_read_whole_is_not_known(tmp_path: Path) -> None:
    partial = fleet.image("p", gaps=(gap(),), completeness="partial")
    made = asked(tmp_path, "pkg:pypi/torch", *fleet.records(fleet.judged(partial)))
    assert names(made.unknown) == ["oci:p"]


def test_a_kind_of_package_that_is_not_read_is_not_known(tmp_path: Path) -> None:
    made = asked(tmp_path, "pkg:npm/left-pad", *fleet.records(fleet.judged(HELD)))
    assert [u.doubts for u in made.unknown] == [("packages of type npm are not read",)]
    assert made.clear == 0


@pytest.mark.parametrize("query", ["", "urllib3", "pkg:", "pkg:pypi/", "CVE 2026", "-", "x" * 300, "a-b\n"])
def test_what_is_neither_is_a_wrong_call(tmp_path: Path, query: str) -> None:
    with pytest.raises(UsageError):
        asked(tmp_path, query, *fleet.records(fleet.judged(HELD)))


def test_an_answer_about_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="no store here"):
        affected("CVE-2026-1", str(tmp_path / "s"))
    with pytest.raises(InputError, match="no image is recorded"):
        asked(tmp_path, "CVE-2026-1", make_record(fleet.judged(CLEAN).decision))
