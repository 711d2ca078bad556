"""Everything that can be stated of an image from the documents of its way; made anew from them, not copied."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TypeVar

from pratique.flows.outputs import SBOMS
from pratique.flows.rbom import with_usages
from pratique.formats.documents import digest_of_document, read
from pratique.formats.official import check_openvex
from pratique.formats.openvex import openvex
from pratique.formats.slsa import provenance
from pratique.model.digest import Digest
from pratique.model.errors import InputError
from pratique.model.finding import Decision, Findings
from pratique.model.hardening import Hardening
from pratique.model.inventory import Inventory
from pratique.model.plan import Plan
from pratique.model.proof import Proof
from pratique.model.usage import Usage
from pratique.storage import read_whole

TYPES = {
    "sbom": "https://cyclonedx.org/bom",
    "spdx": "https://spdx.dev/Document",
    "rbom": "urn:pratique:rbom:1",
    "vex": "https://openvex.dev/ns",
    "provenance": "https://slsa.dev/provenance/v1",
    "decision": "urn:pratique:decision:1",
}
"""Short name -> predicate type; those of the field where the field has one."""

_LIMIT = 256 << 20
T = TypeVar("T")


class Known(NamedTuple):
    """The documents of an image's way that a folder holds, bound to each other by their digests.

    Attributes:
        before: inventory and findings of the image that it was made from; None where it was not made by Pratique.
    """

    inventory: Inventory
    findings: Findings
    decision: Decision
    before: tuple[Inventory, Findings] | None
    usages: tuple[Usage, ...]
    plan: Plan | None
    hardening: Hardening | None
    proofs: tuple[Proof, ...]


def read_known(folder: Path, image: Digest) -> Known:
    """Return the documents of a folder, as ``clear`` writes it, or of a folder with those of one scan.

    Raises:
        InputError: one is of another image, or is not the one that another names.
        UnavailableError: one is missing.
    """
    inside = folder / "after" if (folder / "after").is_dir() else folder
    inventory = _one(inside / "inventory.json", Inventory)
    findings = _one(inside / "findings.json", Findings)
    decision = _one(inside / "decision.json", Decision)
    _same(inside / "inventory.json", inventory.source.digest, image)
    _same(inside / "findings.json", findings.inventory, digest_of_document(inventory))
    _same(inside / "decision.json", decision.inventory, digest_of_document(inventory))
    _same(inside / "decision.json", decision.findings, digest_of_document(findings))
    if inside == folder:
        return Known(inventory, findings, decision, None, (), None, None, ())
    before = (
        _one(folder / "before/inventory.json", Inventory),
        _one(folder / "before/findings.json", Findings),
    )
    plan, made = _one(folder / "plan.json", Plan), _one(folder / "hardening.json", Hardening)
    _same(folder / "hardening.json", made.manifest, image)
    _same(folder / "hardening.json", made.plan, digest_of_document(plan))
    _same(folder / "plan.json", plan.inventory, digest_of_document(before[0]))
    _same(folder / "plan.json", plan.findings, digest_of_document(before[1]))
    usages = {digest_of_document(u): u for u in _each(folder, "usage-*.json", Usage)}
    proofs = {digest_of_document(p): p for p in _each(folder, "proof-*.json", Proof)}
    return Known(
        inventory,
        findings,
        decision,
        before,
        tuple(_named(usages, digest, folder) for digest in plan.usages),
        plan,
        made,
        tuple(_named(proofs, note.proof, folder) for note in decision.proofs),
    )


def predicates(known: Known, image: Digest) -> Iterator[tuple[str, bytes]]:
    """Yield (short name, predicate) of everything that can be stated beside the decision."""
    yield "sbom", SBOMS["cyclonedx-json"](known.inventory)
    yield "spdx", SBOMS["spdx-json"](known.inventory)
    if known.before is None or known.plan is None or known.hardening is None:
        return
    original, findings = known.before
    if known.usages:
        yield "rbom", with_usages(original, known.usages)
    product = f"pkg:oci/image@{image.replace(':', '%3A')}"
    yield "vex", check_openvex(openvex(product, image, findings, known.findings, known.plan))
    source = original.source
    named = source.digest or known.plan.image
    yield "provenance", provenance(source.reference, named, known.plan, known.hardening, known.proofs)


def _one(path: Path, kind: type[T]) -> T:
    return read(read_whole(path, _LIMIT), kind, str(path))


def _each(folder: Path, pattern: str, kind: type[T]) -> list[T]:
    return [_one(path, kind) for path in sorted(folder.glob(pattern))]


def _same(path: Path, said: Digest | None, wanted: Digest) -> None:
    if said != wanted:
        remedy = "Name the folder that the image's own documents were written to"
        raise InputError(f"it speaks of {said}, not of {wanted}", place=str(path), remedy=remedy)


def _named(found: dict[Digest, T], digest: Digest, folder: Path) -> T:
    if digest not in found:
        raise InputError(f"a document that another names is missing: {digest}", place=str(folder))
    return found[digest]
