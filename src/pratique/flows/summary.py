"""Findings gathered for a reader: one row for each package, the most urgent first."""

from collections import Counter
from collections.abc import Sequence

from msgspec import Struct

from pratique.checks import latest
from pratique.model.advisory import Level
from pratique.model.finding import Finding


class Row(Struct, frozen=True):
    """The findings of one package; binaries of one Debian source share a row.

    Attributes:
        name: of the package; of the source where several binaries share the row.
        packages: how many share it.
        fixed: the version that ends every finding that has a fix; empty where none has.
        unfixed: findings without a known fix.
        counts: distinct vulnerabilities by severity.
        worst: the most urgent finding.
        epss: highest probability of exploitation; None where no finding has a score.
    """

    name: str
    packages: int
    version: str
    fixed: str
    unfixed: int
    counts: dict[Level, int]
    worst: Finding
    epss: float | None


def urgency(finding: Finding) -> tuple[bool, float, float, str, str]:
    """Return the order of findings: exploited, then severe, then likely; lowest first."""
    return not finding.kev, -finding.severity.score, -(finding.epss or 0.0), finding.name, finding.id


def summarise(findings: Sequence[Finding], *, every: bool) -> list[Row]:
    """Return one row for each package, or one for each finding, the most urgent first."""
    groups: dict[tuple[str, ...], list[Finding]] = {}
    for finding in sorted(findings, key=urgency):
        groups.setdefault((finding.package, finding.id) if every else _shared(finding), []).append(finding)
    return [_row(group) for group in groups.values()]


def _shared(finding: Finding) -> tuple[str, ...]:
    """Return what findings of one row have in common; of Python, each installation has a row of its own."""
    match = finding.matches[0]
    own = "" if finding.purl.startswith("pkg:deb/") else finding.package
    return own, match.name, match.version, finding.version


def _row(group: list[Finding]) -> Row:
    once = list({f.id: f for f in reversed(group)}.values())
    packages = sorted({f.name for f in group})
    kind = "deb" if group[0].purl.startswith("pkg:deb/") else "pypi"
    return Row(
        name=packages[0] if len(packages) == 1 else group[0].matches[0].name,
        packages=len(packages),
        version=group[0].version,
        fixed=latest(kind, [f.fixed for f in once if f.fixed]),
        unfixed=sum(not f.fixed for f in once),
        counts=dict(Counter(f.severity.level for f in once)),
        worst=group[0],
        epss=max((f.epss for f in group if f.epss is not None), default=None),
    )
