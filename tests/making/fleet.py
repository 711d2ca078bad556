"""Recorded images: documents that belong together, and stores of them."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from pratique.fleet import Record, Store, make_record
from pratique.formats.documents import Report, digest_of_document
from pratique.model.digest import digest_of
from pratique.model.finding import Findings
from pratique.model.inventory import Inventory, Package, Source
from pratique.model.usage import PackageUse, RecordedRun, Usage, UseState
from pratique.policy import Policy, decide, parse_rule
from tests.making.values import NOW, findings, inventory, package

HIGH = Policy((parse_rule("high"),))


def image(name: str, *packages: Package, **more: Any) -> Inventory:
    """Return the inventory of an image whose configuration is named after it."""
    source = Source(
        kind="oci", reference=f"oci:{name}", config=digest_of(name.encode()), platform="linux/amd64"
    )
    return inventory(*packages or (package("demo", "1.0"),), **{"source": source, **more})


def judged(
    held: Inventory, found: Findings | None = None, policy: Policy | None = HIGH, at: datetime = NOW
) -> Report:
    """Return the documents of an image as they would have been made at a moment."""
    held = replace(held, created=at)
    bound = replace(found or findings(), inventory=digest_of_document(held), created=at)
    decision = decide(bound, digest_of_document(bound), policy, at)
    return Report(inventory=held, findings=bound, decision=decision)


def usage(held: Inventory, state: UseState = "used", *, phase: str = "training", valid: bool = True) -> Usage:
    """Return what one workload used: every package of an image, or none."""
    uses = (
        PackageUse(package=p.id, state=state, phases=(phase,) if state == "used" else (), files=1)
        for p in held.packages
    )
    assert held.source.config
    return Usage(
        tool="0.0.0",
        created=NOW,
        clock="system",
        image=held.source.config,
        inventory=digest_of_document(held),
        mechanism="test",
        valid=valid,
        runs=(RecordedRun(phase=phase, command=("true",), exit_code=0, events=1, lost=0),),
        paths=(),
        missing=(),
        packages=tuple(uses),
    )


def records(*reports: Report) -> list[Record]:
    return [make_record(d) for r in reports for d in (r.inventory, r.findings, r.decision)]


def stored(path: Path, *reports: Report) -> Path:
    """Record reports and return the store's file."""
    with Store(path) as store:
        store.add(records(*reports))
    return path


def days(count: int) -> datetime:
    """Return the moment some days from ``NOW``."""
    return NOW + timedelta(days=count)
