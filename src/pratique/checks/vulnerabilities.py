"""Vulnerabilities: every package against every advisory about its name, records of one flaw folded into one finding.

Debian packages are judged by *source* package and Debian's version order, Python distributions by normalised name and
PEP 440. How far a package could be judged at all is part of the answer.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from pratique.checks.versions import Verdict, judge_version, key, latest
from pratique.ecosystems import debian, python
from pratique.formats.text import plural
from pratique.model.advisory import UNRATED, Advisory, Exploitation, Feed, Knowledge
from pratique.model.errors import InputError
from pratique.model.finding import Assessment, Finding, Match
from pratique.model.inventory import Gap, GapKind, Inventory, Package


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
    gaps: list[Gap] = []
    for package in inventory.packages:
        target = _target(package, inventory)  # 1
        advisories = knowledge.advisories(target.ecosystem, target.name) if target.ecosystem else ()
        assessments.append(_assess(target, advisories, knowledge.feeds))  # 2
        findings += _findings(target, advisories, knowledge)  # 3
        gaps += _version_gap(target)
    order = sorted(findings, key=lambda f: (f.package, f.id))
    return Judgement(tuple(order), tuple(assessments), (*gaps, *_coverage_gaps(assessments)))  # 4


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


def _assess(target: _Target, advisories: tuple[Advisory, ...], feeds: tuple[Feed, ...]) -> Assessment:
    """Say how far feeds know a package: a complete feed clears it; a window or sample only knows what it names."""
    package = target.package.id
    covering = [
        f for f in feeds if f.format == "osv" and target.ecosystem and target.ecosystem in f.ecosystems
    ]
    names = tuple(f.name for f in covering)
    if any(f.coverage == "complete" for f in covering):
        return Assessment(package=package, state="assessed", feeds=names)
    if not covering:
        where = target.ecosystem or "this distribution"
        return Assessment(package=package, state="not assessed", reason=f"without a feed for {where}")
    kind = "window" if any(f.coverage == "window" for f in covering) else "sample"
    knowing = tuple(sorted({a.feed for a in advisories}))
    if knowing:
        reason = f"known to a feed's {kind} alone"
        return Assessment(package=package, state="partly", feeds=knowing, reason=reason)
    return Assessment(
        package=package, state="not assessed", feeds=names, reason=f"outside every feed's {kind}"
    )


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


def _version_gap(target: _Target) -> Iterator[Gap]:
    try:
        key(target.package.type, target.version)
    except InputError as error:
        reason = f"{error.what}: every advisory about {target.name} is treated as matching"
        yield Gap(
            kind="version-not-understood",
            subject=target.package.id,
            reason=reason,
            packages=(target.package.id,),
        )


def _coverage_gaps(assessments: list[Assessment]) -> Iterator[Gap]:
    """Yield one gap for each reason why packages could not be assessed, or only partly."""
    grouped: dict[str, list[str]] = defaultdict(list)
    for assessment in assessments:
        if assessment.state != "assessed":
            grouped[assessment.reason].append(assessment.package)
    for reason, packages in sorted(grouped.items()):
        kind: GapKind = "no-feed"
        if "window" in reason:
            kind = "feed-window"
        elif "sample" in reason:
            kind = "feed-sample"
        yield Gap(
            kind=kind,
            subject=reason,
            reason=f"{plural(len(packages), 'package')} {reason}",
            packages=tuple(packages),
        )
