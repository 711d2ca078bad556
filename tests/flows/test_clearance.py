"""A way told in numbers and documents: everything is written, nothing outside of the folder, and every number adds up."""

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from pratique.flows.clearance import Tried, clearance, documents, told, write_documents
from pratique.formats.documents import digest_of_document, encode, read
from pratique.formats.html import html
from pratique.formats.text import readable
from pratique.model.clearance import Clearance, StepNote
from pratique.model.digest import digest_of
from pratique.model.errors import UnavailableError
from pratique.model.plan import Plan, Unfixed
from pratique.model.proof import Compared, Proof
from pratique.model.usage import Usage
from tests.making import ways
from tests.making.values import finding, findings, inventory, package, report

FIXED = {
    "after/decision.json",
    "after/findings.json",
    "after/inventory.json",
    "after/sbom.cdx.json",
    "after/sbom.spdx.json",
    "base.json",
    "before/decision.json",
    "before/findings.json",
    "before/inventory.json",
    "hardening.json",
    "plan.json",
    "rbom.cdx.json",
}
STEP = StepNote(name="scan", seconds=1.0, again=False, text="t", open=())


def tried(*proofs: Proof, **more: Any) -> Tried:
    return Tried(ways.plan(**more), ways.hardening(), proofs)


def cleared(*attempts: Tried, **more: Any) -> Clearance:
    way = ways.way(*attempts, **more)
    return clearance(way, [STEP], documents(way))


def test_every_document_of_a_way() -> None:
    assert set(documents(ways.way())) == FIXED | {"usage-training.json", "proof-training.json"}


def test_documents_of_a_failed_attempt_lie_beside() -> None:
    first, second = tried(ways.proof("different")), tried(ways.proof(), keep=("a",))
    found = documents(ways.way(first, second))
    beside = {"attempt-1/plan.json", "attempt-1/proof-training.json"}
    assert set(found) == FIXED | beside | {"usage-training.json", "proof-training.json"}
    assert read(found["attempt-1/proof-training.json"], Proof, "p").verdict == "different"
    assert read(found["proof-training.json"], Proof, "p").verdict == "same"
    assert read(found["plan.json"], Plan, "p").keep == ("a",)


def test_no_usage_and_no_proof() -> None:
    assert set(documents(ways.way(tried(), usages=()))) == FIXED


@pytest.mark.parametrize(
    ("phases", "names"),
    [
        ([("training",), ("serving",)], ["training", "serving"]),
        ([("training", "serving")], ["training-serving"]),
        ([()], ["none"]),
        ([("workload",), ("workload",)], ["workload", "workload-2"]),
        ([("x-3",), ("x",), ("x",)], ["x-3", "x", "x-3-3"]),
        ([("a-b",), ("a", "b")], ["a-b", "a-b-2"]),
        ([("../../../etc/cron.d/x",)], [".._.._.._etc_cron.d_x"]),
        ([("/etc/passwd",), ("a\nb\0",)], ["_etc_passwd", "a_b_"]),
        ([("x" * 5000,)], ["x" * 64]),
    ],
)
def test_usages_have_names_of_their_own_inside_the_folder(
    tmp_path: Path, phases: list[tuple[str, ...]], names: list[str]
) -> None:
    usages = tuple(ways.usage(*p) for p in phases)
    found = documents(ways.way(usages=usages))
    mine = {n: d for n, d in found.items() if n.startswith("usage-")}
    write_documents(tmp_path / "a" / "folder", mine)
    written = sorted(p for p in tmp_path.rglob("*") if p.is_file())
    assert [p.name for p in written] == sorted(f"usage-{name}.json" for name in names)
    assert {p.parent for p in written} == {tmp_path / "a" / "folder"}
    assert {encode(read(p.read_bytes(), Usage, "p")) for p in written} == {encode(u) for u in usages}


def test_written_documents_end_with_a_newline_and_are_those_that_are_named(tmp_path: Path) -> None:
    way = ways.way()
    found = documents(way)
    write_documents(tmp_path / "documents", found)
    named = clearance(way, [], found).documents
    assert set(named) == set(found)
    for name, digest in named.items():
        data = (tmp_path / "documents" / name).read_bytes()
        assert (data[-1:], digest_of(data[:-1])) == (b"\n", digest)


def test_a_folder_that_refuses(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UnavailableError):
        write_documents(tmp_path / "file", {"a.json": b""})


def test_a_clearance_names_images_and_attempts() -> None:
    made = cleared(tried(ways.proof("different")), tried(ways.proof(), keep=("a",)))
    assert (made.reference, made.target, made.published) == ("oci:image", "oci:out:latest", True)
    last = ways.hardening()
    assert (made.original, made.result, made.manifest) == (last.image, last.result, last.manifest)
    assert [(a.keep, a.plan) for a in made.attempts] == [
        ((), digest_of_document(ways.plan())),
        (("a",), digest_of_document(ways.plan(keep=("a",)))),
    ]
    assert [[p.verdict for p in a.proofs] for a in made.attempts] == [["different"], ["same"]]
    assert made.steps == (STEP,)


def test_findings_are_told_by_whether_their_package_ran() -> None:
    before = cleared().before
    assert (before.packages, before.used) == ({"pypi": 2}, {"pypi": 1})
    assert (before.findings["high"], before.idle["high"]) == (1, 1)
    assert (before.fixable, before.blind) == (1, 0)


def test_what_ran_before_is_found_after_under_its_name() -> None:
    demo, fresh = package("demo", "2.0"), package("fresh", "1.0")
    found = findings(finding(package=demo.id), finding("CVE-3", package=fresh.id))
    after = cleared(after=report(inventory(demo, fresh), found)).after
    assert (after.used, after.findings["high"], after.idle["high"]) == ({"pypi": 1}, 1, 1)


def test_without_a_usage_nothing_is_said_to_have_run() -> None:
    before = cleared(usages=()).before
    assert (before.used, before.findings["high"], before.idle["high"]) == ({}, 0, 2)


@pytest.mark.parametrize(
    ("layers", "sizes"),
    [
        (ways.LAYERS, (100 * ways.MIB, 75 * ways.MIB)),
        ((ways.layer("kept", 5, 5), ways.layer("kept", 0, 0)), (0, 0)),
        ((ways.layer("rewritten", 5, 0),), (0, 5)),
        ((ways.layer("added", 5),), (0, 5)),
    ],
)
def test_a_size_that_the_source_does_not_tell_is_none(layers: Any, sizes: tuple[int, int]) -> None:
    made = cleared(Tried(ways.plan(), ways.hardening(*layers), (ways.proof(),)))
    assert (made.before.compressed, made.after.compressed) == sizes


def test_what_is_not_fixed_is_one_line_each() -> None:
    one = Unfixed(package="pkg:pypi/a@1#p", findings=("A",), reason="a 1 needs\nb < 2")
    made = cleared(tried(ways.proof(), unfixed=(one, replace(one, findings=("A", "B")))))
    assert made.unfixed == (
        "pkg:pypi/a@1: 1 finding: a 1 needs b < 2",
        "pkg:pypi/a@1: 2 findings: a 1 needs b < 2",
    )


METRICS = Compared(kind="json", subject="/m.json", same=True, before="8 members", after="8 members")


@pytest.mark.parametrize(
    ("compared", "line"),
    [
        (METRICS, "json /m.json: the same (8 members)"),
        (replace(METRICS, tolerance=0.01), "json /m.json within 0.01: the same (8 members)"),
        (replace(METRICS, masked=("a", "b[].c")), "json /m.json, without a, b[].c: the same (8 members)"),
        (replace(METRICS, same=False, after="none"), "json /m.json: different (8 members -> none)"),
        (
            Compared(kind="exit code", subject="sh -c 'a\nb'", same=False, before="0", after="1"),
            "exit code: different (0 -> 1)",
        ),
        (replace(METRICS, kind="check", subject="sh -c 'a\n\x1bb'"), "check sh -c 'a \\x1bb': the same (8 members)"),
    ],
)  # fmt: skip
def test_a_comparison_in_one_line(compared: Compared, line: str) -> None:
    assert told(compared) == line


def test_names_that_are_no_utf_8_can_be_told() -> None:
    made = cleared(reference=readable("oci:im\udcffage"), target=readable("oci:o\udcff:t"))
    assert (made.reference, made.target) == ("oci:im\\xffage", "oci:o\\xff:t")
    assert b"im\\\\xffage" in encode(made)
    assert b"im\\xffage" in html(made)


def test_a_clearance_is_a_function_of_the_way() -> None:
    assert encode(cleared()) == encode(cleared())
    assert read(encode(cleared()), Clearance, "c") == cleared()
