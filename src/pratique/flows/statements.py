"""Everything that can be stated of an image from the documents of its way; made anew from them, not copied."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeVar

from pratique.flows.outputs import SBOMS
from pratique.flows.rbom import with_usages
from pratique.formats.documents import digest_of_document, encode, read
from pratique.formats.official import check_openvex
from pratique.formats.openvex import openvex
from pratique.formats.slsa import provenance
from pratique.image import open_statements
from pratique.model.clearance import Clearance
from pratique.model.digest import Digest, digest_of
from pratique.model.errors import InputError, UsageError
from pratique.model.finding import Decision, Findings
from pratique.model.hardening import Hardening
from pratique.model.inventory import Inventory
from pratique.model.plan import Plan
from pratique.model.proof import Proof
from pratique.model.usage import Usage
from pratique.model.verification import Verification
from pratique.policy import Work
from pratique.storage import read_whole

TYPES = {
    "sbom": "https://cyclonedx.org/bom",
    "spdx": "https://spdx.dev/Document",
    "rbom": "urn:pratique:rbom:1",
    "vex": "https://openvex.dev/ns",
    "provenance": "https://slsa.dev/provenance/v1",
    "lock": "urn:pratique:pins-verification:1",
    "decision": "urn:pratique:decision:1",
}
"""Short name -> predicate type; those of the field where the field has one."""

_LIMIT = 256 << 20
_REMEDY = "Name the folder that the image's own documents were written to"
T = TypeVar("T")


def predicate_type(name: str, place: str = "--type") -> str:
    """Return the predicate type of a short name; a URI is one itself.

    Raises:
        UsageError: it is neither.
    """
    if name not in TYPES and ":" not in name:
        remedy = f"Use {', '.join(TYPES)} or a URI"
        raise UsageError(f"not a statement: {name[:60]!r}", place=place, remedy=remedy)
    return TYPES.get(name, name)


def short_name(kind: str) -> str:
    """Return the short name of a predicate type; itself where it has none."""
    return next((name for name, type_ in TYPES.items() if type_ == kind), kind)


class Known(NamedTuple):
    """The documents of an image's way that a folder holds, bound to each other by their digests.

    Attributes:
        before: inventory and findings of the image that it was made from; None where it was not made by Pratique.
        lock: what the comparison with a lock found; None where the folder has no ``lock.json``.
    """

    inventory: Inventory
    findings: Findings
    decision: Decision
    before: tuple[Inventory, Findings] | None
    usages: tuple[Usage, ...]
    plan: Plan | None
    hardening: Hardening | None
    proofs: tuple[Proof, ...]
    lock: Verification | None = None


class _Folder(NamedTuple):
    """A folder of documents.

    Attributes:
        digests: of the documents that ``clear`` lists, by file name; empty where there is no such list.
    """

    path: Path
    digests: dict[str, Digest]

    def one(self, name: str, kind: type[T]) -> T:
        """Return a document, as it was written."""
        data = read_whole(self.path / name, _LIMIT)
        if self.digests:
            _same(self.path / name, digest_of(data.removesuffix(b"\n")), self.digests.get(name))
        return read(data, kind, str(self.path / name))

    def each(self, pattern: str, kind: type[T]) -> dict[Digest, T]:
        """Return the documents of a pattern by their digests."""
        found = (self.one(path.name, kind) for path in sorted(self.path.glob(pattern)))
        return {digest_of(encode(document)): document for document in found}

    def named(self, name: str, digests: Iterable[Digest], found: dict[Digest, T]) -> tuple[T, ...]:
        """Return the documents that a document names."""
        for digest in digests:
            if digest not in found:
                remedy = "Put it back, or run pratique clear again"
                what = f"it names a document that is not in the folder: {digest}"
                raise InputError(what, place=str(self.path / name), remedy=remedy)
        return tuple(found[digest] for digest in digests)


def read_known(path: Path, image: Digest) -> Known:
    """Return the documents of a folder, as ``clear`` writes it, or of a folder with those of one scan.

    1. Where ``clear`` left its list, every document is the one that it wrote.
    2. The documents are of this image, and each is the one that another names.

    Raises:
        InputError: one is of another image, or is not the one that another names.
        UnavailableError: one is missing.
    """
    listed = path / "clearance.json"
    cleared = read(read_whole(listed, _LIMIT), Clearance, str(listed)) if listed.exists() else None
    folder = _Folder(path, cleared.documents if cleared else {})  # 1
    lock = _lock(path, image)
    if not (path / "after").is_dir():
        judged = _judged(folder, "", image)
        return Known(*judged, None, (), None, None, _proofs(folder, "", judged), lock)
    if cleared:
        _same(listed, cleared.manifest, image)  # 2
    inventory, findings, decision = _judged(folder, "after/", image)
    before = folder.one("before/inventory.json", Inventory), folder.one("before/findings.json", Findings)
    _same(path / "after/findings.json", findings.snapshot, before[1].snapshot)
    plan, made = folder.one("plan.json", Plan), folder.one("hardening.json", Hardening)
    _same(path / "hardening.json", made.manifest, image)
    _same(path / "hardening.json", made.plan, digest_of_document(plan))
    _same(path / "plan.json", plan.inventory, digest_of_document(before[0]))
    _same(path / "plan.json", plan.findings, digest_of_document(before[1]))
    usages = folder.named("plan.json", plan.usages, folder.each("usage-*.json", Usage))
    proofs = _proofs(folder, "after/", (inventory, findings, decision))
    _same(path / "hardening.json", made.result, inventory.source.config)
    _same(path / "hardening.json", made.image, plan.image)
    for proof in proofs:
        _same(path / f"proof-{proof.phase}.json", proof.original, plan.image)
    return Known(inventory, findings, decision, before, usages, plan, made, proofs, lock)


def _proofs(folder: _Folder, inside: str, judged: tuple[Inventory, Findings, Decision]) -> tuple[Proof, ...]:
    """Return the proofs that a decision names: of this image, and saying what it says that they say."""
    inventory, _, decision = judged
    place = folder.path / f"{inside}decision.json"
    noted = [note.proof for note in decision.proofs]
    proofs = folder.named(f"{inside}decision.json", noted, folder.each("proof-*.json", Proof))
    for note, proof in zip(decision.proofs, proofs, strict=True):
        _same(folder.path / f"proof-{proof.phase}.json", proof.result, inventory.source.config)
        _agree(place, note.verdict, proof.verdict)
    hardened = decision.work != "not hardened"
    _agree(place, decision.work, Work(hardened=hardened, proofs=decision.proofs).state())
    return proofs


def _lock(path: Path, image: Digest) -> Verification | None:
    """Return the comparison with a lock, which nobody has to have made."""
    if not (path / "lock.json").exists():
        return None
    lock = _Folder(path, {}).one("lock.json", Verification)
    _same(path / "lock.json", lock.image.digest, image)
    return lock


def _judged(folder: _Folder, inside: str, image: Digest) -> tuple[Inventory, Findings, Decision]:
    inventory = folder.one(f"{inside}inventory.json", Inventory)
    findings = folder.one(f"{inside}findings.json", Findings)
    decision = folder.one(f"{inside}decision.json", Decision)
    _same(folder.path / f"{inside}inventory.json", inventory.source.digest, image)
    _same(folder.path / f"{inside}findings.json", findings.inventory, digest_of_document(inventory))
    _same(folder.path / f"{inside}decision.json", decision.inventory, digest_of_document(inventory))
    _same(folder.path / f"{inside}decision.json", decision.findings, digest_of_document(findings))
    return inventory, findings, decision


def predicates(known: Known, image: Digest) -> Iterator[tuple[str, bytes]]:
    """Yield (short name, predicate) of everything that can be stated beside the decision."""
    yield "sbom", SBOMS["cyclonedx-json"](known.inventory)
    yield "spdx", SBOMS["spdx-json"](known.inventory)
    if known.lock:
        yield "lock", encode(known.lock)
    if known.before is None or known.plan is None or known.hardening is None:
        return
    original, findings = known.before
    if known.usages:
        yield "rbom", with_usages(original, known.usages)
    if findings.findings or known.findings.findings:  # OpenVEX has no document without a statement
        yield "vex", _vex(image, findings, known.plan, known)
    made = provenance(original.source, known.plan, known.hardening, known.proofs, known.decision)
    yield "provenance", made


def vex_of(reference: str, documents: Path) -> bytes:
    """Return the OpenVEX document about an image.

    Raises:
        InputError: the documents are of another image, or do not tell what became of findings.
    """
    image = open_statements(reference).image
    known = read_known(documents, image)
    if known.before is None or known.plan is None:
        what, remedy = (
            "documents of one scan: nothing became of its findings",
            "Name a folder that clear wrote",
        )
        raise InputError(what, place=str(documents), remedy=remedy)
    if not (known.before[1].findings or known.findings.findings):
        what = "no finding in either image: OpenVEX has nothing to state"
        raise InputError(what, place=str(documents), remedy="Leave it out; the decision says the same")
    return _vex(image, known.before[1], known.plan, known)


def _vex(image: Digest, before: Findings, plan: Plan, known: Known) -> bytes:
    product = f"pkg:oci/image@{image.replace(':', '%3A')}"
    present = frozenset(p.purl for p in known.inventory.packages)
    return check_openvex(openvex(product, image, before, known.findings, plan, present=present))


def _agree(path: Path, said: str, wanted: str) -> None:
    if said != wanted:
        raise InputError(f"it says {said!r} where the proofs say {wanted!r}", place=str(path), remedy=_REMEDY)


def _same(path: Path, said: Digest | None, wanted: Digest | None) -> None:
    if said != wanted:
        raise InputError(f"it speaks of {said}, not of {wanted}", place=str(path), remedy=_REMEDY)
