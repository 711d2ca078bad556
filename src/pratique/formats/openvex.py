"""OpenVEX 0.2.0: what became of each finding of an image that a plan was carried out on.

A finding that is gone is ``fixed`` where its package was replaced, and ``not_affected`` because the component is not
present where its package was removed. What is still found is ``affected``, with what can be done. A finding that is gone
while its package is there is ``under_investigation``: nothing good is said of it.
"""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from pratique.formats.documents import encode
from pratique.model.digest import Digest
from pratique.model.finding import Finding, Findings
from pratique.model.plan import Plan

AUTHOR = "Pratique"
CONTEXT = "https://openvex.dev/ns/v0.2.0"


class _Vex(NamedTuple):
    """What every statement of a document has in common."""

    product: str
    image: Digest
    now: datetime
    done: Mapping[str, str]
    present: Collection[str]

    def gone(self, finding: Finding) -> dict[str, Any]:
        """Return what became of a finding that is there no more."""
        if finding.purl in self.present:
            return {**self._about(finding), "status": "under_investigation"}
        action = self.done.get(finding.package, "")
        if action == "upgrade":
            return {**self._about(finding), "status": "fixed"}
        how = "was removed" if action == "remove" else "went with the one that carried it"
        return {
            **self._about(finding),
            "status": "not_affected",
            "justification": "component_not_present",
            "impact_statement": f"{finding.name} {finding.version} is not in this image: its package {how}",
        }

    def affected(self, finding: Finding) -> dict[str, Any]:
        """Return that a finding is there."""
        what = f"Update {finding.name} to {finding.fixed}" if finding.fixed else "No fixed version is known"
        return {**self._about(finding), "status": "affected", "action_statement": what}

    def _about(self, finding: Finding) -> dict[str, Any]:
        vulnerability: dict[str, Any] = {"name": finding.id}
        if finding.aliases:
            vulnerability["aliases"] = list(finding.aliases)
        product = {
            "@id": self.product,
            "hashes": {"sha-256": self.image.removeprefix("sha256:")},
            "subcomponents": [{"@id": finding.purl}],
        }
        return {"vulnerability": vulnerability, "products": [product], "timestamp": _time(self.now)}


def openvex(
    product: str, image: Digest, before: Findings, after: Findings, plan: Plan, *, present: Collection[str]
) -> bytes:
    """Return the document about a new image; the same inputs give the same bytes.

    Args:
        product: identifier of the new image (a URI).
        image: digest of its manifest.
        before: findings of the image that it was made from.
        after: its own findings.
        plan: that was carried out.
        present: package URLs of what is in the new image.
    """
    vex = _Vex(product, image, after.created, {s.package: s.action for s in plan.steps}, present)
    left = {(f.name, f.id) for f in after.findings}  # of a package still affected nothing good is said
    statements = [vex.gone(f) for f in _once(before) if (f.name, f.id) not in left]
    statements += [vex.affected(f) for f in _once(after)]
    return encode(
        {
            "@context": CONTEXT,
            "@id": f"urn:pratique:vex:{image}",
            "author": AUTHOR,
            "timestamp": _time(after.created),
            "version": 1,
            "tooling": f"pratique {after.tool}",
            "statements": statements,
        }
    )


def _once(findings: Findings) -> Iterator[Finding]:
    """Yield findings, of one vulnerability in one version of a package once, wherever copies of it lie."""
    seen: set[tuple[str, str]] = set()
    for finding in sorted(findings.findings, key=lambda f: (f.id, f.package)):
        if (finding.purl, finding.id) not in seen:
            seen.add((finding.purl, finding.id))
            yield finding


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
