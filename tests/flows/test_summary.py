from pratique.flows.summary import summarise, urgency
from pratique.model.advisory import Severity
from pratique.model.finding import Finding
from tests.making.values import finding, package

LOW, HIGH = Severity("low", 2.0), Severity("high", 8.0)


def debian(identifier: str, name: str) -> Finding:
    """Return a finding in a binary package of the source ``openssl``."""
    held = package(name, "3", kind="deb")
    match = finding(identifier).matches[0]
    return finding(
        identifier, HIGH, package=held.id, purl=held.purl, name=name, version="3", matches=(match,)
    )


def test_one_row_a_package() -> None:
    rows = summarise(
        [finding("A", LOW, fixed="2"), finding("B", HIGH, fixed="3", epss=0.5), finding("C", LOW, fixed="")],
        every=False,
    )
    assert [(r.name, r.version, r.fixed, r.unfixed, r.counts, r.worst.id, r.epss) for r in rows] == [
        ("demo", "1.0", "3", 1, {"high": 1, "low": 2}, "B", 0.5)
    ]


def test_one_row_a_finding() -> None:
    rows = summarise([finding("A", LOW), finding("B", HIGH)], every=True)
    assert [(r.worst.id, r.epss) for r in rows] == [("B", None), ("A", None)]


def test_binaries_of_one_source_share_a_row_and_count_a_flaw_once() -> None:
    rows = summarise([debian("A", "libssl3"), debian("A", "openssl"), debian("B", "openssl")], every=False)
    assert [(r.name, r.packages, r.counts) for r in rows] == [("demo", 2, {"high": 2})]


def test_python_installations_have_a_row_each() -> None:
    other = package("demo", "1.0", path="other")
    rows = summarise([finding("A"), finding("A", package=other.id)], every=False)
    assert [r.packages for r in rows] == [1, 1]


def test_urgency() -> None:
    order = [
        finding("D", LOW, kev="x"),
        finding("C", HIGH, epss=0.1),
        finding("A", HIGH),
        finding("B", HIGH),
        finding("E", LOW),
    ]
    assert [f.id for f in sorted({f.id: f for f in order}.values(), key=urgency)] == ["D", "C", "A", "B", "E"]
