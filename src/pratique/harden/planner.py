"""One plan: what goes, what is upgraded, what stays and why, and what this plan cannot end. Pure; changes nothing."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from pratique.harden.slim import Slim
from pratique.model.finding import Finding
from pratique.model.inventory import Package
from pratique.model.plan import Artifact, Kept, Step, Unfixed


class Upgrade(NamedTuple):
    """A newer version that a repository offers for an installed package.

    Attributes:
        package: as installed.
        artifact: what takes its place.
        size: bytes that it takes when installed; 0 where not known.
        asked: whether a finding asked for it, or it comes along with one that did.
    """

    package: Package
    artifact: Artifact
    size: int
    why: str


class Refused(NamedTuple):
    """A package whose findings no offered version ends, with the one sentence that says why."""

    package: Package
    reason: str


class Outcome(NamedTuple):
    """The parts of a plan."""

    steps: tuple[Step, ...]
    kept: tuple[Kept, ...]
    unfixed: tuple[Unfixed, ...]


def plan(
    slimmed: Slim,
    findings: Sequence[Finding],
    upgrades: Sequence[Upgrade],
    refused: Sequence[Refused],
    *,
    evidence: str,
    added: Sequence[Artifact] = (),
) -> Outcome:
    """Return the ordered steps: removals first, then upgrades of what stays, then what these need.

    Args:
        slimmed: what stays and what goes.
        findings: of the whole image.
        upgrades: that can be made together.
        refused: packages whose findings cannot be ended, and why.
        evidence: what the removals rest on, for people.
        added: what upgrades need and the image does not have.
    """
    found: dict[str, list[Finding]] = {}
    for finding in findings:
        found.setdefault(finding.package, []).append(finding)
    steps = (*_removals(slimmed, found, evidence), *_upgrades(upgrades, found), *map(_install, sorted(added)))
    kept = tuple(Kept(package=i, reason=r) for i, r in sorted(slimmed.kept.items()))
    return Outcome(steps, kept, tuple(_unfixed(slimmed, found, upgrades, refused)))


def _removals(slimmed: Slim, found: Mapping[str, list[Finding]], evidence: str) -> Iterator[Step]:
    for package in sorted(slimmed.removed, key=lambda p: p.id):
        yield Step(
            action="remove",
            package=package.id,
            type=package.type,
            name=package.name,
            version=package.version,
            reason="not observed in any workload, and nothing that stays depends on it",
            evidence=(evidence,),
            bytes=package.size,
            findings=tuple(sorted({f.id for f in found.get(package.id, ())})),
        )


def _install(artifact: Artifact) -> Step:
    return Step(
        action="install",
        type="pypi",
        name=artifact.name,
        to_version=artifact.version,
        artifact=artifact,
        reason="an upgrade of this plan needs it, and the image does not have it",
        evidence=(artifact.origin,),
    )


def _upgrades(upgrades: Sequence[Upgrade], found: Mapping[str, list[Finding]]) -> Iterator[Step]:
    for upgrade in sorted(upgrades, key=lambda u: u.package.id):
        package = upgrade.package
        ended = tuple(sorted({f.id for f in found.get(package.id, ()) if f.fixed}))
        records = sorted({m.record for f in found.get(package.id, ()) for m in f.matches})
        yield Step(
            action="upgrade",
            package=package.id,
            type=package.type,
            name=package.name,
            version=package.version,
            to_version=upgrade.artifact.version,
            artifact=upgrade.artifact,
            reason=upgrade.why,
            evidence=(upgrade.artifact.origin, *records),
            bytes=package.size - upgrade.size if upgrade.size else 0,
            findings=ended,
        )


def _unfixed(
    slimmed: Slim, found: Mapping[str, list[Finding]], upgrades: Sequence[Upgrade], refused: Sequence[Refused]
) -> Iterator[Unfixed]:
    """Yield what stays open in what stays: no known fix, or a fix that cannot be taken."""
    upgraded = {u.package.id for u in upgrades}
    reasons = {r.package.id: r.reason for r in refused}
    for package, open_ in sorted(found.items()):
        if package not in slimmed.kept:
            continue
        without = tuple(sorted({f.id for f in open_ if not f.fixed}))
        if without:
            yield Unfixed(package=package, findings=without, reason="no fixed version is known")
        fixable = tuple(sorted({f.id for f in open_ if f.fixed}))
        if fixable and package not in upgraded:
            reason = reasons.get(package, "no repository offers the fixed version")
            yield Unfixed(package=package, findings=fixable, reason=reason)
