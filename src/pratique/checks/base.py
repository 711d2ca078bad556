"""The base of an image: which layers it is, how long its release is supported, and how long its flaws could be patched.

Tells the base by what the image holds. It does not know the bases of others, so it cannot say how far this one lags.
"""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Literal

from pratique.ecosystems.releases import support
from pratique.model.base import Base, Support, Unpatched
from pratique.model.digest import Digest
from pratique.model.finding import Finding, Findings
from pratique.model.inventory import Inventory


def describe_base(inventory: Inventory, findings: Findings, digest: Digest, now: datetime) -> Base:
    """Return what an image stands on.

    1. The base ends with the layer that brought the lowest essential packages: builders add layers above it.
    2. Its release's support is looked up by name and version.
    3. A finding counts as unpatched from the day on which the distribution published its fix.

    Args:
        inventory: of the image.
        findings: of the same image.
        digest: of the findings document.
        now: the moment of judgement, UTC.
    """
    layers = base_layers(inventory)  # 1
    supported = support(inventory.distribution)  # 2
    found = sorted(
        _unpatched(inventory, findings, layers, now.date()), key=lambda u: (-u.days, u.package, u.finding)
    )  # 3
    return Base(
        tool=findings.tool,
        created=findings.created,
        clock=findings.clock,
        inventory=findings.inventory,
        findings=digest,
        layers=layers,
        told_by="the layer that brought the essential packages" if layers else "nothing in the image",
        diff_ids=tuple(layer.diff_id for layer in inventory.layers[:layers]),
        claims=inventory.source.claims,
        distribution=inventory.distribution,
        support=supported,
        state=_state(supported, now.date()),
        unpatched=tuple(found),
    )


def base_layers(inventory: Inventory) -> int:
    """Return how many layers at the bottom are the base; 0 where nothing tells."""
    brought = [p.layer for p in inventory.packages if p.essential and p.layer is not None]
    return min(brought) + 1 if brought else 0


def _state(
    supported: Support | None, today: date
) -> Literal["supported", "extended support only", "ended", "unknown"]:
    if supported is None:
        return "unknown"
    if today <= supported.regular:
        return "supported"
    return "extended support only" if supported.extended and today <= supported.extended else "ended"


def _unpatched(inventory: Inventory, findings: Findings, layers: int, today: date) -> Iterator[Unpatched]:
    base = {p.id for p in inventory.packages if p.layer is not None and p.layer < layers}
    for finding in findings.findings:
        since = _published(finding)
        if finding.package in base and finding.fixed and since and since <= today:
            yield Unpatched(
                finding=finding.id,
                package=finding.package,
                name=finding.name,
                version=finding.version,
                fixed=finding.fixed,
                since=since,
                days=(today - since).days,
            )


def _published(finding: Finding) -> date | None:
    """Return the day on which the distribution published the fix: that is what its own advisories are dated by."""
    days = [
        m.published[:10]
        for m in finding.matches
        if m.fixed and m.ecosystem.partition(":")[0] in {"Debian", "Ubuntu"}
    ]
    try:
        return min(date.fromisoformat(day) for day in days) if days else None
    except ValueError:
        return None
