"""SARIF 2.1.0 (OASIS): findings and gaps for code-scanning pages.

One rule a vulnerability, one result a finding; gaps are results of their own, so that an unassessed package is never
silent. Fingerprints hold package and vulnerability, not the layer: a rebuild keeps them.
"""

import hashlib
from typing import Any
from urllib.parse import quote

from pratique.formats.documents import encode
from pratique.formats.text import gap_text
from pratique.model.advisory import Level
from pratique.model.finding import Decision, Finding, Findings, OpenGap
from pratique.model.inventory import Inventory

_LEVEL: dict[Level, str] = {
    "critical": "error",
    "high": "error",
    "medium": "warning",
    "low": "note",
    "none": "note",
    "unrated": "warning",
}
_RESULTS = 25_000
_GAP_RULE = "not-assessed"
_PLACES = {"unread-file", "anomaly", "unsupported-packages", "unknown-distribution", "incomplete-database"}
"""Kinds of gap whose subject is a path of the image."""


def sarif(inventory: Inventory, findings: Findings, decision: Decision) -> bytes:
    """Return the SARIF log of one scan: the most severe findings first, at most 25,000, and how many were cut."""
    order = sorted(
        findings.findings, key=lambda f: (not f.kev, -f.severity.score, -(f.epss or 0), f.package, f.id)
    )
    kept, cut = order[:_RESULTS], order[_RESULTS:]
    paths = {p.id: p.path for p in inventory.packages}
    run = {
        "tool": {"driver": {"name": "Pratique", "version": findings.tool, "rules": _rules(kept)}},
        "automationDetails": {"id": f"pratique/{inventory.source.reference}/"},
        "results": [_result(f, paths) for f in kept] + [_gap(g) for g in decision.gaps],
        "properties": {
            "verdict": decision.verdict,
            "completeness": inventory.completeness,
            "findingsCut": len(cut),
            "notAssessed": sum(a.state == "not assessed" for a in findings.assessments),
        },
    }
    return encode(
        {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}
    )


def _rules(findings: list[Finding]) -> list[dict[str, Any]]:
    """Return one rule for each vulnerability, rated as its worst finding."""
    worst: dict[str, Finding] = {}
    for finding in findings:
        if finding.id not in worst or finding.severity.score > worst[finding.id].severity.score:
            worst[finding.id] = finding
    gap_text = {"text": "Part of the image was not read or not assessed"}
    return [*(_rule(worst[i]) for i in sorted(worst)), {"id": _GAP_RULE, "shortDescription": gap_text}]


def _rule(finding: Finding) -> dict[str, Any]:
    match = finding.matches[0]
    scored = (
        {"security-severity": f"{finding.severity.score:.1f}"} if finding.severity.level != "unrated" else {}
    )
    tags = ["security", "vulnerability", finding.severity.level, *(["kev"] if finding.kev else [])]
    return {
        "id": finding.id,
        "shortDescription": {"text": match.summary or finding.id},
        "helpUri": match.url if match.url.startswith(("https://", "http://")) else "https://osv.dev/",
        "properties": {"tags": tags, **scored},
    }


def _result(finding: Finding, paths: dict[str, str]) -> dict[str, Any]:
    fix = f"fixed in {finding.fixed}" if finding.fixed else "no fixed version known"
    text = f"{finding.name} {finding.version} is {finding.state} by {finding.id}: {finding.matches[0].range}; {fix}"
    return {
        "ruleId": finding.id,
        "level": _LEVEL[finding.severity.level],
        "message": {"text": text},
        "locations": _location(paths[finding.package]),
        "partialFingerprints": {
            "packageAndVulnerability/v1": _fingerprint(finding.name, paths[finding.package], finding.id)
        },
    }


def _gap(opened: OpenGap) -> dict[str, Any]:
    """Return a gap as a result: a warning, or a note where somebody answers for it."""
    gap = opened.gap
    accepted = (
        f"; accepted by {opened.accepted.owner} until {opened.accepted.until}" if opened.accepted else ""
    )
    return {
        "ruleId": _GAP_RULE,
        "level": "note" if opened.accepted else "warning",
        "message": {"text": gap_text(gap) + accepted},
        "locations": _location(gap.subject if gap.kind in _PLACES else "image"),
        "partialFingerprints": {
            "packageAndVulnerability/v1": _fingerprint(gap.kind, gap.subject, gap.reason)
        },
    }


def _location(path: str) -> list[dict[str, Any]]:
    return [{"physicalLocation": {"artifactLocation": {"uri": quote(path, safe="/@+~")}}}]


def _fingerprint(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
