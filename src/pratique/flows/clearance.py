"""The way of an image told in numbers and documents, and written down."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from pratique.ecosystems.names import comparable
from pratique.flows.outputs import SBOMS
from pratique.flows.rbom import with_usages
from pratique.flows.steps import unfixed_text
from pratique.formats.documents import Report, digest_of_document, encode
from pratique.formats.text import one_line
from pratique.model.advisory import LEVELS
from pratique.model.base import Base
from pratique.model.clearance import Attempt, Clearance, ProofLine, StepNote, Tally
from pratique.model.digest import digest_of
from pratique.model.hardening import Hardening
from pratique.model.inventory import Package
from pratique.model.plan import Plan
from pratique.model.proof import Compared, Proof
from pratique.model.usage import Usage
from pratique.profile import combined
from pratique.storage import write_atomic

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]")


class Tried(NamedTuple):
    """One plan, what was made of it, and what the workloads said."""

    plan: Plan
    hardening: Hardening
    proofs: tuple[Proof, ...]


class Way(NamedTuple):
    """Everything that came of a way."""

    reference: str
    target: str
    before: Report
    base: Base
    usages: tuple[Usage, ...]
    attempts: tuple[Tried, ...]
    after: Report
    published: bool


def documents(way: Way) -> dict[str, bytes]:
    """Return every document of a way by file name."""
    last = way.attempts[-1]
    found: dict[str, bytes] = {"base.json": encode(way.base)}
    for name, report in (("before", way.before), ("after", way.after)):
        found[f"{name}/inventory.json"] = encode(report.inventory)
        found[f"{name}/findings.json"] = encode(report.findings)
        found[f"{name}/decision.json"] = encode(report.decision)
    found |= {f"usage-{name}.json": encode(usage) for name, usage in _by_phase(way.usages)}
    for number, tried in enumerate(way.attempts[:-1], 1):
        found[f"attempt-{number}/plan.json"] = encode(tried.plan)
        found |= {f"attempt-{number}/proof-{p.phase}.json": encode(p) for p in tried.proofs}
    found |= {"plan.json": encode(last.plan), "hardening.json": encode(last.hardening)}
    found |= {f"proof-{proof.phase}.json": encode(proof) for proof in last.proofs}
    found["rbom.cdx.json"] = with_usages(way.before.inventory, way.usages)
    found["after/sbom.cdx.json"] = SBOMS["cyclonedx-json"](way.after.inventory)
    found["after/sbom.spdx.json"] = SBOMS["spdx-json"](way.after.inventory)
    return found


def _by_phase(usages: Sequence[Usage]) -> Iterator[tuple[str, Usage]]:
    """Yield usages with a name for each, made of their phases: a document of somebody else's may hold any text there."""
    taken: set[str] = set()
    for number, usage in enumerate(usages, 1):
        name = _NOT_IN_NAMES.sub("_", "-".join(run.phase for run in usage.runs))[:64] or "none"
        while name in taken:
            name = f"{name}-{number}"
        taken.add(name)
        yield name, usage


def clearance(way: Way, steps: Sequence[StepNote], found: Mapping[str, bytes]) -> Clearance:
    """Return the document that tells a way."""
    last = way.attempts[-1].hardening
    used: set[tuple[str, str]] = {comparable(p.type, p.name) for p in _used(way)}
    sizes = last.sizes()
    return Clearance(
        tool=last.tool,
        created=last.created,
        clock=last.clock,
        reference=way.reference,
        original=last.image,
        result=last.result,
        manifest=last.manifest,
        target=way.target,
        published=way.published,
        work=way.after.decision.work,
        before=_tally(way.before, used, sizes[0]),
        after=_tally(way.after, used, sizes[1]),
        attempts=tuple(_attempt(tried) for tried in way.attempts),
        unfixed=tuple(map(unfixed_text, way.attempts[-1].plan.unfixed)),
        steps=tuple(steps),
        documents={name: digest_of(data) for name, data in sorted(found.items())},
        untouched=way.attempts[-1].plan.untouched,
    )


def write_documents(folder: Path, found: Mapping[str, bytes]) -> None:
    """Write documents into a folder, each whole or not at all.

    Raises:
        UnavailableError: the folder or disk refuses.
    """
    for name, data in found.items():
        write_atomic(folder / name, data + b"\n")


def _used(way: Way) -> Iterator[Package]:
    states = combined(way.usages)
    for package in way.before.inventory.packages:
        if package.id in states and states[package.id].state == "used":
            yield package


def _tally(report: Report, used: set[tuple[str, str]], compressed: int) -> Tally:
    packages = report.inventory.packages
    ran = {p.id for p in packages if comparable(p.type, p.name) in used}
    levels = [
        Counter(f.severity.level for f in report.findings.findings if (f.package in ran) is r)
        for r in (True, False)
    ]
    return Tally(
        compressed=compressed,
        packages=dict(sorted(Counter(p.type for p in packages).items())),
        used=dict(sorted(Counter(p.type for p in packages if p.id in ran).items())),
        findings={level: levels[0][level] for level in LEVELS},
        idle={level: levels[1][level] for level in LEVELS},
        fixable=sum(bool(f.fixed) for f in report.findings.findings),
        blind=sum(a.state != "assessed" for a in report.findings.assessments),
        verdict=report.decision.verdict,
    )


def _attempt(tried: Tried) -> Attempt:
    return Attempt(
        keep=tried.plan.keep,
        plan=digest_of_document(tried.plan),
        result=tried.hardening.result,
        proofs=tuple(
            ProofLine(
                phase=p.phase,
                verdict=p.verdict,
                compared=tuple(map(told, p.compared)),
                lost=p.lost,
                replaced=p.replaced,
                said=p.said,
            )
            for p in tried.proofs
        ),
    )


def told(compared: Compared) -> str:
    """Return a comparison in one line."""
    name = compared.kind if compared.kind == "exit code" else f"{compared.kind} {compared.subject}"
    within = f" within {compared.tolerance:g}" if compared.tolerance else ""
    masked = f", without {', '.join(compared.masked)}" if compared.masked else ""
    values = compared.before if compared.same else f"{compared.before} -> {compared.after}"
    return one_line(f"{name}{within}{masked}: {'the same' if compared.same else 'different'} ({values})")
