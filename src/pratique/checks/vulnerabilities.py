"""Vulnerabilities: every package against every advisory about its name, records of one flaw folded into one finding.

Debian packages are judged by *source* package and Debian's version order, Python distributions by normalised name and
PEP 440. How far a package could be judged at all is part of the answer.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from pratique.checks.versions import Verdict, judge_version, key, latest
from pratique.ecosystems import debian, python
from pratique.model.advisory import UNRATED, Advisory, Exploitation, Feed, Knowledge
from pratique.model.errors import InputError
from pratique.model.finding import Assessment, Finding, Match
from pratique.model.inventory import Distribution, Gap, GapKind, Inventory, Package

_UNCOMPARED = "whose version is not understood: every advisory about the name is treated as matching"
_FOREIGN = "not known to come from the distribution, whose advisories may say nothing of them"
_IN_WINDOW = "judged for the window of a feed alone"
_IN_SAMPLE = "judged by a sample of advisories alone"
_NO_WINDOW = "that no feed names, and no feed covers more than a window"
_NO_SAMPLE = "that no feed names, and no feed is more than a sample"
_KINDS: dict[str, GapKind] = {
    _UNCOMPARED: "version-not-understood",
    _IN_WINDOW: "feed-window",
    _NO_WINDOW: "feed-window",
    _IN_SAMPLE: "feed-sample",
    _NO_SAMPLE: "feed-sample",
}


class Judgement(NamedTuple):
    """Findings, one assessment a package, and the gaps of judgement."""

    findings: tuple[Finding, ...]
    assessments: tuple[Assessment, ...]
    gaps: tuple[Gap, ...]


class _Target(NamedTuple):
    """A package as advisories name it."""

    package: Package
    ecosystem: str
    name: str
    version: str


class _Hit(NamedTuple):
    ids: tuple[str, ...]
    advisory: Advisory
    verdict: Verdict


def judge(inventory: Inventory, knowledge: Knowledge) -> Judgement:
    """Judge every package of an inventory by everything known.

    1. Name each package as advisories name it.
    2. Say how far any feed knows that name.
    3. Compare its version with every advisory about the name; fold records of one vulnerability.
    4. Gather what could not be judged, and why.
    """
    findings: list[Finding] = []
    assessments: list[Assessment] = []
    for package in inventory.packages:
        target = _target(package, inventory)  # 1
        advisories = knowledge.advisories(target.ecosystem, target.name) if target.ecosystem else ()
        assessments.append(_assess(target, advisories, knowledge.feeds, inventory.distribution))  # 2
        findings += _findings(target, advisories, knowledge)  # 3
    order = sorted(findings, key=lambda f: (f.package, f.id))
    return Judgement(tuple(order), tuple(assessments), tuple(_coverage_gaps(assessments)))  # 4


def _target(package: Package, inventory: Inventory) -> _Target:
    if package.type == "pypi":
        return _Target(package, "PyPI", python.normalise(package.name), package.version)
    ecosystem = debian.osv_ecosystem(inventory.distribution)
    source = package.source
    return _Target(
        package,
        ecosystem,
        source.name if source else package.name,
        source.version if source else package.version,
    )


def _assess(
    target: _Target, advisories: tuple[Advisory, ...], feeds: tuple[Feed, ...], release: Distribution | None
) -> Assessment:
    """Say how far feeds know a package.

    1. A complete feed clears it, unless it may come from elsewhere than the distribution that the feed describes.
    2. A feed of a window or a sample knows only what it names.
    3. A version that cannot be compared is not known in full, whatever the feeds know.
    """
    package = target.package
    covering = [
        f for f in feeds if f.format == "osv" and target.ecosystem and target.ecosystem in f.ecosystems
    ]
    names = tuple(f.name for f in covering)
    knowing = tuple(sorted({a.feed for a in advisories}))
    foreign = package.type == "deb" and not knowing and not debian.is_own(release, package.maintainer)
    if not covering:
        where = target.ecosystem or "this distribution"
        return Assessment(
            package=package.id, state="not assessed", reason=f"for which there is no feed: {where}"
        )
    if not _comparable(target):
        return Assessment(package=package.id, state="partly", feeds=names, reason=_UNCOMPARED)
    if any(f.coverage == "complete" for f in covering):
        if foreign:
            return Assessment(package=package.id, state="not assessed", feeds=names, reason=_FOREIGN)
        return Assessment(package=package.id, state="assessed", feeds=names)
    window = any(f.coverage == "window" for f in covering)
    if knowing:
        reason = _IN_WINDOW if window else _IN_SAMPLE
        return Assessment(package=package.id, state="partly", feeds=knowing, reason=reason)
    reason = _NO_WINDOW if window else _NO_SAMPLE
    return Assessment(package=package.id, state="not assessed", feeds=names, reason=reason)


def _comparable(target: _Target) -> bool:
    try:
        key(target.package.type, target.version)
    except InputError:
        return False
    return True


def _findings(target: _Target, advisories: tuple[Advisory, ...], knowledge: Knowledge) -> Iterator[Finding]:
    hits = [
        _Hit(ids, advisory, verdict)
        for advisory in advisories
        if (verdict := judge_version(target.package.type, target.version, advisory)).outcome != "not affected"
        for ids in advisory.vulnerabilities
    ]
    for ids, same in _folded(hits):
        yield _finding(target, ids, same, knowledge)


def _folded(hits: list[_Hit]) -> Iterator[tuple[tuple[str, ...], list[_Hit]]]:
    """Yield (ids, hits) of each vulnerability: hits that share an id are one, also by way of a third."""
    group_of: dict[str, list[_Hit]] = {}
    ids_of: dict[int, list[str]] = {}
    for hit in hits:
        merged: list[_Hit] = [hit]
        ids = list(hit.ids)
        for other in {id(group_of[i]): group_of[i] for i in hit.ids if i in group_of}.values():
            merged += other
            ids += ids_of.pop(id(other))
        ids_of[id(merged)] = ids
        group_of.update(dict.fromkeys(ids, merged))
    groups = {id(group): group for group in group_of.values()}
    for number, group in groups.items():
        yield (
            tuple(sorted(set(ids_of[number]), key=_preference)),
            sorted(group, key=lambda h: (h.advisory.id, h.advisory.feed)),
        )


def _preference(identifier: str) -> tuple[bool, bool, str]:
    return not identifier.startswith("CVE-"), not identifier.startswith("GHSA-"), identifier


def _finding(target: _Target, ids: tuple[str, ...], hits: list[_Hit], knowledge: Knowledge) -> Finding:
    package = target.package
    matches = tuple(_match(target, hit) for hit in hits)
    sure = any(hit.verdict.outcome == "affected" for hit in hits)
    known = knowledge.exploitation(ids[0]) if ids[0].startswith("CVE-") else Exploitation()
    return Finding(
        id=ids[0],
        aliases=ids[1:],
        package=package.id,
        purl=package.purl,
        name=package.name,
        version=package.version,
        state="affected" if sure else "treated as affected",
        fixed=latest(package.type, [m.fixed for m in matches]),
        severity=max((m.severity for m in matches), key=lambda s: (s != UNRATED, s.score)),
        kev=known.kev,
        epss=known.epss,
        percentile=known.percentile,
        vendored=bool(package.vendored_in),
        matches=matches,
    )


def _match(target: _Target, hit: _Hit) -> Match:
    advisory, verdict = hit.advisory, hit.verdict
    return Match(
        record=advisory.id,
        feed=advisory.feed,
        ecosystem=target.ecosystem,
        name=target.name,
        version=target.version,
        range=verdict.range,
        fixed=verdict.fixed,
        summary=advisory.summary,
        url=advisory.url,
        published=advisory.published,
        severity=advisory.severity,
    )


def _coverage_gaps(assessments: list[Assessment]) -> Iterator[Gap]:
    """Yield one gap for each reason why packages could not be assessed, or only partly."""
    grouped: dict[str, list[str]] = defaultdict(list)
    for assessment in assessments:
        if assessment.state != "assessed":
            grouped[assessment.reason].append(assessment.package)
    for reason, packages in sorted(grouped.items()):
        kind = _KINDS.get(reason, "no-feed")
        yield Gap(kind=kind, subject="packages", reason=reason, packages=tuple(packages))
