"""Inventory, findings, what ran, and what repositories offer: one plan. Reads and asks; changes nothing."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from msgspec import Struct

from pratique.ecosystems.names import comparable
from pratique.ecosystems.python import marker_environment, version_key
from pratique.flows.inventory import Progress
from pratique.flows.rbom import read_usages
from pratique.flows.scan import Request, scan
from pratique.formats.documents import Report, digest_of_document
from pratique.harden import (
    Outcome,
    PythonTarget,
    Refused,
    Slim,
    Upgrade,
    choose,
    fixes,
    plan,
    python_target,
    slim,
)
from pratique.model.errors import UnsupportedError, UsageError
from pratique.model.inventory import Inventory, Package
from pratique.model.plan import Artifact, Plan
from pratique.model.usage import Usage
from pratique.repositories import apt, debian
from pratique.repositories.python import PythonIndex
from pratique.storage import cache_folder

_OUTSIDE = "it is not on the path of the image's Python, so this plan leaves it as it is"
_UNTOUCHED = (
    "packages of other kinds than Debian's and Python's, such as conda's and npm's",
    "fixes for distributions that are not on the path of the image's one Python, and for copies inside packages",
    "files that no package owns, model files among them",
    "what needs a GPU: the sandbox has none",
)


class Wishes(Struct, frozen=True, kw_only=True):
    """What the user asked of a plan.

    Attributes:
        usages: usage documents; without one nothing is removed.
        keep: names of packages that stay whatever was seen.
        mirror: address of a Debian mirror; empty for the repositories of this machine's apt.
    """

    usages: tuple[Path, ...] = ()
    keep: tuple[str, ...] = ()
    mirror: str = ""


class _Offers(NamedTuple):
    upgrades: list[Upgrade]
    refused: list[Refused]
    added: list[Artifact]


def make_plan(request: Request, wishes: Wishes, progress: Progress) -> Plan:
    """Return the plan for an image.

    1. Inventory and findings.
    2. What stays: everything where no usage is given.
    3. What Debian's repositories offer for what stays, as far as it goes together.
    4. What the Python index offers for what stays.
    5. One list of steps.

    Raises:
        PratiqueError: the image, a usage or a repository cannot be read or trusted.
    """
    report = scan(request, progress)  # 1
    usages = read_usages(wishes.usages, report.inventory)
    return planned(report, usages, wishes, cache_folder(request.cache))


def planned(report: Report, usages: Sequence[Usage], wishes: Wishes, cache: Path) -> Plan:
    """Return the plan for an image that was judged; raises as ``make_plan`` does."""
    _check_keep(wishes.keep, report.inventory)
    target = python_target(report.inventory, [p.id for p in report.inventory.packages])
    slimmed = _slimmed(report, usages, wishes, target)  # 2
    debs = _debian(report, slimmed, wishes.mirror, cache, report.findings.created)  # 3
    wheels = _python(report, slimmed)  # 4
    evidence = f"{len(usages)} usage documents"
    upgrades, refused = (*debs.upgrades, *wheels.upgrades), (*debs.refused, *wheels.refused)
    outcome = plan(
        slimmed, report.findings.findings, upgrades, refused, evidence=evidence, added=wheels.added
    )  # 5
    return _document(report, usages, wishes, outcome)


def _check_keep(keep: Sequence[str], inventory: Inventory) -> None:
    """A name that keeps nothing was meant to keep something.

    Raises:
        UsageError: the image has no package of that name.
    """
    names = {comparable(p.type, p.name) for p in inventory.packages}
    for name in keep:
        if not {("deb", name), comparable("pypi", name)} & names:
            raise UsageError(
                f"no package of this name: {name[:60]!r}",
                place="--keep",
                remedy="See pratique sbom for the names",
            )


def _slimmed(report: Report, usages: Sequence[Usage], wishes: Wishes, target: PythonTarget | None) -> Slim:
    if not usages:
        return Slim({p.id: "no usage was given" for p in report.inventory.packages}, ())
    machine = (target.platform if target else "").partition("-")[0] or "x86_64"
    markers = marker_environment(target.version if target else "3.11", machine)
    return slim(report.inventory, usages, wishes.keep, markers)


def _debian(report: Report, slimmed: Slim, mirror: str, cache: Path, now: datetime) -> _Offers:
    kept = [p for p in report.inventory.packages if p.type == "deb" and p.id in slimmed.kept]
    if not kept:
        return _Offers([], [], [])
    architecture = report.inventory.source.platform.partition("/")[2].partition("/")[0]
    found = apt.sources(report.inventory.distribution, mirror)
    with debian.open_transport(found) as transport:
        index = debian.read_index(found, architecture, transport, cache=cache / "repositories", now=now)
        offers = {p.id: index.candidates(p.name, architecture) for p in kept}
    fixable = {f.package for f in report.findings.findings if f.fixed}
    chosen, blocked = choose(kept, offers, fixable)
    upgrades = [
        Upgrade(c.package, debian.artifact(c.offer), 0, _why(c.package, fixable, c.offer.suite))
        for c in chosen
    ]
    return _Offers(upgrades, [Refused(b.package, b.reason) for b in blocked], [])


def _why(package: Package, fixable: set[str], suite: str) -> str:
    return (
        f"ends known findings, from {suite}"
        if package.id in fixable
        else "security update, no advisory record"
    )


def _python(report: Report, slimmed: Slim) -> _Offers:
    target = python_target(report.inventory, slimmed.kept)
    wanted = fixes(target, report.findings.findings) if target else {}
    outside = [Refused(p, _OUTSIDE) for p in _outside(report, slimmed, target)]
    if target is None or not wanted:
        return _Offers([], outside, [])
    requires = {name: p.requires for name, p in target.packages.items()}
    with PythonIndex(target.version, target.platform) as index:
        solution = index.solve(sorted(wanted.items()), target.installed, requires)
        artifacts = index.locate(solution.changed)
    upgrades = [
        Upgrade(target.packages[a.name], a, 0, _python_why(wanted.get(a.name, ""), a.version))
        for a in artifacts
        if a.name in target.packages
    ]
    added = [a for a in artifacts if a.name not in target.packages]
    refused = [Refused(target.packages[n], why) for n, why in solution.unsolved if n in target.packages]
    return _Offers(upgrades, [*refused, *outside], added)


def _outside(report: Report, slimmed: Slim, target: PythonTarget | None) -> list[Package]:
    """Return the distributions that stay and that the image's Python does not find."""
    found = {p.id for p in target.packages.values()} if target else set()
    return [
        p
        for p in report.inventory.packages
        if p.type == "pypi" and p.id in slimmed.kept and p.id not in found
    ]


def _python_why(wanted: str, version: str) -> str:
    if wanted and version_key(version) >= version_key(wanted):
        return f"ends known findings, which {wanted} fixed"
    return "goes with another upgrade of this plan"


def _document(report: Report, usages: Sequence[Usage], wishes: Wishes, outcome: Outcome) -> Plan:
    source = report.inventory.source
    if source.config is None:
        raise UnsupportedError(
            "an unpacked root cannot be planned for", place=source.reference, remedy="Name an image"
        )
    return Plan(
        tool=report.findings.tool,
        created=report.findings.created,
        clock=report.findings.clock,
        image=source.config,
        inventory=digest_of_document(report.inventory),
        findings=digest_of_document(report.findings),
        usages=tuple(digest_of_document(usage) for usage in usages),
        steps=outcome.steps,
        kept=outcome.kept,
        unfixed=outcome.unfixed,
        keep=wishes.keep,
        untouched=_UNTOUCHED,
    )
