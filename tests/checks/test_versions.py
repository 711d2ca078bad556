import pytest

from pratique.checks.versions import describe, judge_version, latest
from pratique.model.advisory import Range
from tests.making.values import advisory

YES, NO, UNCLEAR = "affected", "not affected", "not understood"


def outcome(kind: str, version: str, *ranges: Range, versions: tuple[str, ...] = ()) -> str:
    return judge_version(kind, version, advisory("A", *ranges, versions=versions)).outcome


@pytest.mark.parametrize(
    ("affected", "version", "want"),
    [
        (Range("0"), "0.0.1.dev0", YES),
        (Range("0", fixed="2.0"), "1.9", YES),
        (Range("0", fixed="2.0"), "2.0", NO),
        (Range("0", fixed="2.0"), "2.0rc1", YES),
        (Range("0", fixed="2.0"), "2.0.post1", NO),
        (Range("1.0", fixed="2.0"), "1.0", YES),
        (Range("1.0", fixed="2.0"), "1.0rc1", NO),
        (Range("1.0", fixed="2.0"), "0.9", NO),
        (Range("1.0", last_affected="2.0"), "2.0", YES),
        (Range("1.0", last_affected="2.0"), "2.0.1", NO),
        (Range("1.0"), "99", YES),
        (Range("0", last_affected="2.0"), "2.0.0", YES),
        (Range("0", last_affected="2.1.0"), "2.1.0+cu118", YES),
        (Range("0", last_affected="2.6.0+cu124"), "2.6.0+rocm6.2", YES),
        (Range("0", fixed="2.1.0"), "2.1.0+cu118", NO),
        (Range("0", fixed="2.1.0"), "2.0.1+cu118", YES),
        (Range("0", fixed="2.1.0+cu118"), "2.1.0+cpu", YES),
        (Range("0", fixed="2.1.0+cu118"), "2.1.0+cu118", NO),
        (Range("0", fixed="1!1.0"), "99.0", YES),
        (Range("0", fixed="x"), "1.0", UNCLEAR),
        (Range("x", fixed="2.0"), "1.0", UNCLEAR),
        (Range("2.0", fixed="x"), "1.0", NO),
        (Range("0", fixed="2.0"), "weird", UNCLEAR),
        (Range("0"), "weird", UNCLEAR),
    ],
)
def test_python_ranges(affected: Range, version: str, want: str) -> None:
    assert outcome("pypi", version, affected) == want


@pytest.mark.parametrize(
    ("affected", "version", "want"),
    [
        (Range("0", fixed="3.0.11-1~deb12u2"), "3.0.11-1~deb12u1", YES),
        (Range("0", fixed="3.0.11-1~deb12u2"), "3.0.11-1", NO),
        (Range("0", fixed="3.0.11-1~deb12u2"), "3.0.11-1~deb12u2+b1", NO),
        (Range("0", fixed="1:0.5"), "9.0", YES),
        (Range("0", fixed="9.0"), "1:0.5", NO),
        (Range("0", fixed="2.0-1"), "2.1+really1.9-1", NO),
        (Range("0", fixed="2.1+really1.9-2"), "2.1+really1.9-1", YES),
        (Range("1.0", fixed="1.0+deb12u1"), "1.0~rc1-1", NO),
        (Range("0", fixed="1.0"), "not a version", UNCLEAR),
    ],
)
def test_debian_ranges(affected: Range, version: str, want: str) -> None:
    assert outcome("deb", version, affected) == want


@pytest.mark.parametrize(
    ("version", "want"),
    [("0.5", NO), ("1.0", YES), ("1.5", NO), ("2.5", YES), ("3.0", NO)],
)
def test_several_ranges(version: str, want: str) -> None:
    assert outcome("pypi", version, Range("1.0", fixed="1.5"), Range("2.0", fixed="3.0")) == want


@pytest.mark.parametrize(
    ("kind", "version", "listed", "want"),
    [
        ("pypi", "1.0", ("1.0",), YES),
        ("pypi", "1.0+cu118", ("1.0",), YES),
        ("pypi", "1.0.0", ("1.0",), YES),
        ("pypi", "1.0b0", ("1.0b",), YES),
        ("pypi", "1.0b0", ("v1.0-beta",), YES),
        ("pypi", "1.0", ("1.0+cu118",), NO),
        ("pypi", "1.1", ("1.0", "junk"), NO),
        ("pypi", "junk", ("junk",), YES),
        ("deb", "1.0-1", ("0:1.0-1",), YES),
        ("deb", "1.0-1", ("1.0-2",), NO),
    ],
)
def test_listed_versions(kind: str, version: str, listed: tuple[str, ...], want: str) -> None:
    assert outcome(kind, version, versions=listed) == want


def test_listed_version_counts_whatever_the_ranges_say() -> None:
    found = judge_version("pypi", "3.0", advisory("A", Range("0", fixed="2.0"), versions=("3.0",)))
    assert (found.outcome, found.range, found.fixed) == (YES, "listed by version", "")


def test_unbounded_record_is_not_understood() -> None:
    found = judge_version("pypi", "3.0", advisory("A", unbounded=True))
    assert found == (UNCLEAR, "the record does not say which versions are affected", "")


def test_hit_beats_an_unclear_range() -> None:
    assert outcome("pypi", "1.0", Range("0", fixed="x"), Range("0", fixed="2.0")) == YES


def test_unclear_range_beats_a_miss_and_says_why() -> None:
    found = judge_version("pypi", "3.0", advisory("A", Range("0", fixed="2.0"), Range("0", fixed="4.x")))
    assert found == (UNCLEAR, "< 4.x: not a PEP 440 version: '4.x'", "4.x")


def test_fixed_is_the_highest_of_the_ranges_that_hold_it() -> None:
    found = judge_version(
        "pypi", "1.0", advisory("A", Range("0", fixed="1.9"), Range("0", fixed="1.10"), Range("5", fixed="6"))
    )
    assert (found.range, found.fixed) == ("< 1.9 or < 1.10", "1.10")


def test_fixed_is_unknown_where_one_range_has_no_end() -> None:
    assert judge_version("pypi", "1.0", advisory("A", Range("0", fixed="1.9"), Range("0"))).fixed == ""


@pytest.mark.parametrize(
    ("affected", "text"),
    [
        (Range("0"), "every version"),
        (Range("1"), ">= 1"),
        (Range("0", fixed="2"), "< 2"),
        (Range("1", fixed="2"), ">= 1, < 2"),
        (Range("0", last_affected="2"), "<= 2"),
        (Range("1", last_affected="2"), ">= 1, <= 2"),
    ],
)
def test_describe(affected: Range, text: str) -> None:
    assert describe(affected) == text


@pytest.mark.parametrize(
    ("versions", "want"),
    [([], ""), (["1.9", "1.10"], "1.10"), (["1.9", ""], ""), (["1.9", "x"], "x")],
)
def test_latest(versions: list[str], want: str) -> None:
    assert latest("pypi", versions) == want
