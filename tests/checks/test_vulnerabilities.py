import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pratique.checks import judge
from pratique.model.advisory import Advisory, Exploitation, Feed, Range, Severity
from pratique.model.inventory import Distribution, Package, SourcePackage
from tests.making.values import Known, advisory, feed, inventory, package

DEMO = package("Demo_App", "1.0")
OPEN = Range("0", fixed="2.0")
SSL = package("libssl3", "3.0.11-1~deb12u1", kind="deb", source=SourcePackage("openssl", "3.0.11-1~deb12u1"))
WINDOW = feed("dsa", ecosystems=("Debian:12",), coverage="window")


def known(*advisories: Advisory, **exploited: Exploitation) -> Known:
    names = {name.replace("_", "-"): value for name, value in exploited.items()}
    return Known({("PyPI", "demo-app"): advisories}, exploited=names)


def found(*advisories: Advisory) -> list[tuple[str, tuple[str, ...]]]:
    return [(f.id, f.aliases) for f in judge(inventory(DEMO), known(*advisories)).findings]


def test_finding() -> None:
    severity = Severity("high", 7.5, "CVSS:3.1/x")
    one = advisory(
        "PYSEC-1",
        OPEN,
        vulnerabilities=(("PYSEC-1", "GHSA-1", "CVE-2026-1"),),
        severity=severity,
        summary="bad",
        url="https://a",
        published="2026",
    )
    finding = judge(inventory(DEMO), known(one, CVE_2026_1=Exploitation("2026-11-01", 0.5, 0.9))).findings[0]
    assert (finding.id, finding.aliases, finding.package) == ("CVE-2026-1", ("GHSA-1", "PYSEC-1"), DEMO.id)
    assert (finding.state, finding.fixed, finding.severity) == ("affected", "2.0", severity)
    assert (finding.kev, finding.epss, finding.percentile, finding.vendored) == (
        "2026-11-01",
        0.5,
        0.9,
        False,
    )
    match = finding.matches[0]
    assert (match.record, match.feed, match.ecosystem, match.name) == ("PYSEC-1", "osv", "PyPI", "demo-app")
    assert (match.version, match.range, match.fixed, match.summary) == ("1.0", "< 2.0", "2.0", "bad")


def test_not_affected_gives_nothing() -> None:
    assert found(advisory("PYSEC-1", Range("0", fixed="1.0")), advisory("PYSEC-2", Range("1.1"))) == []


def test_debian_is_judged_by_source_package_and_version() -> None:
    by_source = advisory(
        "DSA-1-1", Range("0", fixed="3.0.11-1~deb12u2"), feed="dsa", vulnerabilities=(("CVE-1",), ("CVE-2",))
    )
    knowledge = Known(
        {("Debian:12", "openssl"): [by_source], ("Debian:12", "libssl3"): [advisory("wrong", OPEN)]}, [WINDOW]
    )
    findings = judge(inventory(SSL), knowledge).findings
    assert [(f.id, f.name, f.version) for f in findings] == [
        ("CVE-1", "libssl3", SSL.version),
        ("CVE-2", "libssl3", SSL.version),
    ]
    assert findings[0].matches[0].name == "openssl"


def test_aliases_fold_records_of_one_vulnerability() -> None:
    records = [
        advisory(i, OPEN, vulnerabilities=(ids,))
        for i, ids in (
            ("PYSEC-1", ("PYSEC-1", "CVE-1")),
            ("GHSA-1", ("GHSA-1", "CVE-1")),
            ("PYSEC-2", ("PYSEC-2",)),
        )
    ]
    assert found(*records) == [("CVE-1", ("GHSA-1", "PYSEC-1")), ("PYSEC-2", ())]


def test_aliases_fold_by_way_of_a_third() -> None:
    records = [
        advisory(i, OPEN, vulnerabilities=(ids,))
        for i, ids in (("A", ("A", "X")), ("B", ("B", "Y")), ("C", ("C", "X", "Y")))
    ]
    assert found(*records) == [("A", ("B", "C", "X", "Y"))]


@given(st.permutations(["AB", "BC", "CD", "E", "FA"]))
def test_folding_does_not_depend_on_order(order: list[str]) -> None:
    records = [advisory("".join(ids), OPEN, vulnerabilities=(tuple(ids),)) for ids in order]
    assert found(*records) == [("A", ("B", "C", "D", "F")), ("E", ())]


def test_folded_finding_takes_the_highest_severity_and_the_last_fix() -> None:
    one = advisory(
        "A", Range("0", fixed="2.0"), vulnerabilities=(("A", "CVE-1"),), severity=Severity("low", 2.0)
    )
    other = advisory(
        "B", Range("0", fixed="1.5"), vulnerabilities=(("B", "CVE-1"),), severity=Severity("high", 8.0)
    )
    third = advisory("C", Range("0", fixed="1.7"), vulnerabilities=(("C", "CVE-1"),))
    finding = judge(inventory(DEMO), known(one, other, third)).findings[0]
    assert (finding.severity.level, finding.fixed, [m.record for m in finding.matches]) == (
        "high",
        "2.0",
        ["A", "B", "C"],
    )


def test_fix_is_unknown_where_one_record_knows_none() -> None:
    one, other = (
        advisory("A", OPEN, vulnerabilities=(("A", "C"),)),
        advisory("B", Range("0"), vulnerabilities=(("B", "C"),)),
    )
    assert judge(inventory(DEMO), known(one, other)).findings[0].fixed == ""


@pytest.mark.parametrize(
    ("version", "one"),
    [
        ("1.0", advisory("A", Range("0", fixed="soon"))),
        ("1.0", advisory("A", unbounded=True)),
        ("odd", advisory("A", OPEN)),
    ],
)
def test_what_cannot_be_understood_is_treated_as_affected(version: str, one: Advisory) -> None:
    judgement = judge(inventory(package("demo-app", version)), known(one))
    assert [(f.id, f.state) for f in judgement.findings] == [("A", "treated as affected")]


def test_sure_match_beats_an_unclear_one() -> None:
    one, other = (
        advisory("A", OPEN, vulnerabilities=(("A", "C"),)),
        advisory("B", unbounded=True, vulnerabilities=(("B", "C"),)),
    )
    assert judge(inventory(DEMO), known(one, other)).findings[0].state == "affected"


@pytest.mark.parametrize(
    "odd",
    [package("demo-app", "1.x"), package("bad", "1 0", kind="deb", source=SourcePackage("bad", "1 0"))],
)
def test_version_that_is_none_is_a_gap_even_under_a_complete_feed(odd: Package) -> None:
    whole = feed(ecosystems=("PyPI", "Debian:12"))
    judgement = judge(inventory(odd), Known({}, [whole]))
    assert [(g.kind, g.packages) for g in judgement.gaps] == [("version-not-understood", (odd.id,))]
    assert [a.state for a in judgement.assessments] == ["partly"]


def test_vendored_copy_says_so() -> None:
    inner = package("demo-app", "1.0", vendored_in="pkg:pypi/x#y")
    assert judge(inventory(inner), known(advisory("A", OPEN))).findings[0].vendored


def test_findings_are_sorted_and_no_package_is_left_out() -> None:
    twice = [package("demo-app", "1.0", path=path) for path in ("b", "a")]
    judgement = judge(inventory(*twice), known(advisory("B", OPEN), advisory("A", OPEN)))
    assert [(f.package[-1], f.id) for f in judgement.findings] == [
        ("a", "A"),
        ("a", "B"),
        ("b", "A"),
        ("b", "B"),
    ]
    assert [a.package for a in judgement.assessments] == [p.id for p in twice]


@pytest.mark.parametrize(
    ("feeds", "state", "reason", "kind"),
    [
        ([feed()], "assessed", "", None),
        ([feed(), feed("other", coverage="sample")], "assessed", "", None),
        (
            [feed(coverage="sample")],
            "not assessed",
            "that no feed names, and no feed is more than a sample",
            "feed-sample",
        ),
        (
            [feed(coverage="window")],
            "not assessed",
            "that no feed names, and no feed covers more than a window",
            "feed-window",
        ),
        ([feed(ecosystems=("npm",))], "not assessed", "for which there is no feed: PyPI", "no-feed"),
        ([feed(format="kev", ecosystems=())], "not assessed", "for which there is no feed: PyPI", "no-feed"),
    ],
)
def test_how_far_a_package_without_an_advisory_is_assessed(
    feeds: list[Feed], state: str, reason: str, kind: str | None
) -> None:
    judgement = judge(inventory(DEMO), Known({}, feeds))
    assert [(a.state, a.reason) for a in judgement.assessments] == [(state, reason)]
    assert [g.kind for g in judgement.gaps] == ([kind] if kind else [])


@pytest.mark.parametrize(
    ("coverage", "reason"),
    [
        ("window", "judged for the window of a feed alone"),
        ("sample", "judged by a sample of advisories alone"),
    ],
)
def test_package_that_a_partial_feed_names_is_partly_assessed(coverage: str, reason: str) -> None:
    partial = Known({("PyPI", "demo-app"): [advisory("A", Range("5"))]}, [feed(coverage=coverage)])
    judgement = judge(inventory(DEMO), partial)
    assert [(a.state, a.feeds, a.reason) for a in judgement.assessments] == [("partly", ("osv",), reason)]
    assert [(g.kind, g.packages) for g in judgement.gaps] == [(f"feed-{coverage}", (DEMO.id,))]


@pytest.mark.parametrize(
    "release",
    [
        None,
        Distribution(id="arch", version_id="", name="Arch", codename=""),
        Distribution(id="debian", version_id="", name="", codename=""),
        Distribution(id="debian", version_id="99", name="", codename=""),
        Distribution(id="Debian", version_id="12", name="", codename=""),
        Distribution(id="", version_id="12", name="", codename=""),
    ],
)
def test_unknown_release_is_not_assessed_and_never_clean(release: Distribution | None) -> None:
    judgement = judge(
        inventory(SSL, distribution=release),
        Known({("Debian:12", "openssl"): [advisory("A", OPEN)]}, [WINDOW]),
    )
    assert judgement.findings == ()
    assert [(a.state, a.reason.partition(": ")[0]) for a in judgement.assessments] == [
        ("not assessed", "for which there is no feed")
    ]
    assert [(g.kind, g.packages) for g in judgement.gaps] == [("no-feed", (SSL.id,))]


def test_gaps_gather_packages_by_reason() -> None:
    judgement = judge(inventory(DEMO, SSL, package("other", "1")), Known({}, [feed(coverage="sample")]))
    assert [(g.kind, g.reason, len(g.packages)) for g in judgement.gaps] == [
        ("no-feed", "for which there is no feed: Debian:12", 1),
        ("feed-sample", "that no feed names, and no feed is more than a sample", 2),
    ]


OWN, FOREIGN = "OpenSSL Team <x@alioth-lists.debian.net>", "Somebody <x@example.org>"


@pytest.mark.parametrize(
    ("maintainer", "named", "state"),
    [
        (OWN, {}, "assessed"),
        (FOREIGN, {}, "not assessed"),
        ("", {}, "not assessed"),
        (FOREIGN, {("Debian:12", "openssl"): [advisory("A", Range("9"), feed="debian")]}, "assessed"),
    ],
)
def test_a_complete_feed_clears_only_what_comes_from_the_distribution(
    maintainer: str, named: dict[tuple[str, str], list[Advisory]], state: str
) -> None:
    whole = feed("debian", ecosystems=("Debian:12",))
    held = replace(SSL, maintainer=maintainer)
    judgement = judge(inventory(held), Known(named, [whole]))
    assert [a.state for a in judgement.assessments] == [state]
    assert [g.kind for g in judgement.gaps] == (["no-feed"] if state == "not assessed" else [])


ranges = st.lists(
    st.builds(
        Range, st.sampled_from(["0", "0.5", "1.0", "x"]), st.sampled_from(["", "0.9", "1.0", "2", "y"])
    ),
    max_size=3,
)
ids = st.lists(st.sampled_from(["CVE-1", "CVE-2", "GHSA-1", "PYSEC-1"]), min_size=1, max_size=3, unique=True)
records = st.builds(
    lambda r, i: advisory(i[0], *r, vulnerabilities=(tuple(i),), unbounded=not r), ranges, ids
)


@given(st.lists(records, max_size=5), records)
def test_adding_an_advisory_never_removes_a_finding(before: list[Advisory], more: Advisory) -> None:
    """Findings may be folded into one, but every id that was found is still found."""

    def names(*advisories: Advisory) -> set[str]:
        return {
            name for f in judge(inventory(DEMO), known(*advisories)).findings for name in (f.id, *f.aliases)
        }

    assert names(*before) <= names(*before, more)
