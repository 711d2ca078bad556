"""What the store knows: images with their last documents, and who holds what. Reads rows, and no document."""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from pratique.fleet.store import Store
from pratique.model.advisory import Feed
from pratique.model.digest import Digest
from pratique.model.finding import Verdict
from pratique.model.fleet import ImageName, Told
from pratique.model.usage import UseState

_INVENTORIES = """
SELECT image, digest, created, config, manifest, reference, platform, completeness, gaps, packages, total FROM (
  SELECT i.*, d.digest, d.created, count(*) OVER (PARTITION BY i.image) AS total,
    row_number() OVER (PARTITION BY i.image ORDER BY d.created DESC, d.digest DESC) AS place
  FROM inventory i JOIN document d ON d.id = i.id)
WHERE place = 1 ORDER BY reference, image
"""
_LAST = """
SELECT * FROM (
  SELECT i.image, d.digest, d.created, {columns},
    row_number() OVER (PARTITION BY i.image ORDER BY d.created DESC, {worst}, d.digest DESC) AS place
  FROM {table} x JOIN document d ON d.id = x.id
    JOIN document held ON held.digest = x.inventory JOIN inventory i ON i.id = held.id)
WHERE place = 1
"""
_DECISIONS = _LAST.format(
    table="decision",
    columns="x.verdict, x.findings",
    worst="x.verdict = 'pass', x.verdict = 'not judged', x.verdict = 'incomplete'",
)
_FINDINGS = _LAST.format(table="findings", columns="x.snapshot, x.blind, x.feeds", worst="x.total DESC")
"""Of two documents of one second the worse one counts as the later: the order in which they came tells nothing."""

_MISSING = """
SELECT inventory FROM findings UNION SELECT inventory FROM decision
UNION SELECT inventory FROM usage WHERE image NOT IN (SELECT image FROM inventory)
EXCEPT SELECT d.digest FROM inventory i JOIN document d ON d.id = i.id ORDER BY 1
"""
"""A usage also names its image, of which any inventory will do: a profile takes one of its own, which nobody adds."""

_PACKAGES = """
SELECT d.digest, p.id, p.namespace, p.version, p.purl, p.told
FROM package p JOIN document d ON d.id = p.inventory WHERE p.type = ? AND p.name = ?
ORDER BY d.digest, p.id, p.told = 'itself' DESC, p.told, p.purl
"""
_NAMED = "SELECT d.digest FROM finding f JOIN document d ON d.id = f.findings WHERE f.name = ?"
_USES = """
SELECT s.package, s.state, s.phases FROM usage u JOIN use s ON s.usage = u.id WHERE u.image = ? AND u.valid = 1
"""

_INVENTORY = tuple[str, Digest, datetime, Digest | None, Digest | None, str, str, str, int, int, int]
_DECISION = tuple[str, Digest, datetime, Verdict, Digest, int]
_FOUND = tuple[str, Digest, datetime, Digest | None, str, str, int]
_USE = tuple[str, UseState, str]


class LastDecision(NamedTuple):
    """The latest decision about an image."""

    digest: Digest
    created: datetime
    verdict: Verdict
    findings: Digest


class LastFindings(NamedTuple):
    """The latest findings in an image.

    Attributes:
        blind: package type -> how many packages could not be judged in full.
        feeds: that packages were judged by.
    """

    digest: Digest
    created: datetime
    snapshot: Digest | None
    blind: dict[str, int]
    feeds: tuple[Feed, ...]


class Known(NamedTuple):
    """An image, by its latest documents.

    Attributes:
        key: what all scans of it share.
        name: by its latest inventory.
        scanned: when that was taken.
        completeness: of that inventory.
        gaps: in it.
        packages: in it.
        inventories: how many the store has of this image.
    """

    key: str
    name: ImageName
    scanned: datetime
    completeness: str
    gaps: int
    packages: int
    inventories: int
    decision: LastDecision | None
    findings: LastFindings | None


class Placed(NamedTuple):
    """A package in an inventory, under one of its names.

    Attributes:
        told: ``itself``; ``also``, another name of the same installation; or ``source``, what it was built from.
    """

    inventory: Digest
    id: str
    namespace: str
    version: str
    purl: str
    told: Told


class Used(NamedTuple):
    """What every valid usage together says of a package."""

    state: UseState
    phases: tuple[str, ...]


class View:
    """Questions to a store.

    Raises:
        PratiqueError: see ``Store``.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def images(self) -> tuple[Known, ...]:
        """Return every image that an inventory is stored of, by reference."""
        decisions = {
            image: LastDecision(digest, created, verdict, findings)
            for image, digest, created, verdict, findings, _ in self._store.values(_DECISION, _DECISIONS)
        }
        findings = {
            image: LastFindings(
                digest,
                created,
                snapshot,
                self._store.json(blind, dict[str, int]),
                self._store.json(feeds, tuple[Feed, ...]),
            )
            for image, digest, created, snapshot, blind, feeds, _ in self._store.values(_FOUND, _FINDINGS)
        }
        return tuple(
            Known(
                key=key,
                name=ImageName(
                    reference=reference, platform=platform, config=config, manifest=manifest, inventory=digest
                ),
                scanned=created,
                completeness=completeness,
                gaps=gaps,
                packages=packages,
                inventories=total,
                decision=decisions.get(key),
                findings=findings.get(key),
            )
            for (
                key,
                digest,
                created,
                config,
                manifest,
                reference,
                platform,
                completeness,
                gaps,
                packages,
                total,
            ) in self._store.values(_INVENTORY, _INVENTORIES)
        )

    def missing(self) -> tuple[Digest, ...]:
        """Return the inventories that documents name and that were never added."""
        return tuple(row[0] for row in self._store.rows(_MISSING))

    def packages(self, kind: str, name: str) -> Iterator[Placed]:
        """Yield the packages of a type and normalised name, in every inventory."""
        return iter(self._store.values(Placed, _PACKAGES, kind, name))

    def named(self, vulnerability: str) -> frozenset[Digest]:
        """Return the findings documents that know a vulnerability by a name or an alias."""
        return frozenset(row[0] for row in self._store.rows(_NAMED, vulnerability.upper()))

    def uses(self, image: str) -> dict[str, Used]:
        """Return what was seen of each package of an image; of several usages the one that saw more."""
        order: tuple[UseState, ...] = ("not observed", "metadata only", "used")
        seen: dict[str, Used] = {}
        for package, state, text in self._store.values(_USE, _USES, image):
            before = seen.get(package, Used("not observed", ()))
            phases = {*before.phases, *self._store.json(text, tuple[str, ...])}
            seen[package] = Used(max(before.state, state, key=order.index), tuple(sorted(phases)))
        return seen
