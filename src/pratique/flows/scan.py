"""Inventory, findings, decision: the main road."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from msgspec import Struct

from pratique.advisories import open_snapshot
from pratique.checks import judge
from pratique.flows.clock import Clock
from pratique.flows.inventory import Progress, take_inventory
from pratique.flows.setting import setting
from pratique.formats.documents import Report, digest_of_document, read
from pratique.image import PARENT
from pratique.model.advisory import Knowledge
from pratique.model.errors import InputError
from pratique.model.finding import Findings, ProofNote
from pratique.model.inventory import Inventory
from pratique.model.proof import Proof
from pratique.policy import Policy, Work, decide, parse_policy, parse_rule
from pratique.storage import cache_folder, read_whole

_POLICY = 1 << 20
_PROOF = 16 << 20


class Request(Struct, frozen=True):
    """What a scan was asked for.

    Attributes:
        reference: of the image, as the user named it.
        platform: empty for linux/amd64 where several are offered.
        cache: folder for our own data; empty for the usual one.
        fail_on: rules of the command line.
        policy: path of a policy file; empty for none.
        proofs: paths of proof documents of this image.
    """

    reference: str
    platform: str = ""
    cache: str = ""
    fail_on: tuple[str, ...] = ()
    policy: str = ""
    proofs: tuple[str, ...] = ()


def inventory_of(request: Request, progress: Progress) -> Inventory:
    """Return what an image holds, judged by nothing.

    Raises:
        PratiqueError: the image cannot be read.
    """
    return take_inventory(request.reference, request.platform, setting(request.cache), progress).inventory


def database(cache: str) -> Path:
    """Return the folder that snapshots lie in."""
    return cache_folder(cache) / "db"


def scan(request: Request, progress: Progress) -> Report:
    """Return the three documents of an image.

    Raises:
        InputError: a proof is of another image.
        PratiqueError: the image, policy, snapshot or a proof cannot be read.
    """
    here = setting(request.cache)
    policy = policy_of(request)
    knowledge = open_snapshot(database(request.cache))
    proofs = {place: read(read_whole(Path(place), _PROOF), Proof, place) for place in request.proofs}
    inventory = take_inventory(request.reference, request.platform, here, progress).inventory
    return report(inventory, policy, knowledge, here.clock, proofs)


def report(
    inventory: Inventory,
    policy: Policy | None,
    knowledge: Knowledge,
    clock: Clock,
    proofs: Mapping[str, Proof] = MappingProxyType({}),
) -> Report:
    """Return the three documents of an inventory.

    Args:
        inventory: of the image.
        policy: None for no judgement.
        knowledge: what advisories say.
        clock: the moment of judgement.
        proofs: of the image, by the places that they came from.

    Raises:
        InputError: a proof is of another image.
    """
    findings = findings_of(inventory, knowledge, clock)
    work = Work(
        PARENT in inventory.source.claims, tuple(_note(p, inventory, place) for place, p in proofs.items())
    )
    decision = decide(findings, digest_of_document(findings), policy, clock.now, work)
    return Report(inventory=inventory, findings=findings, decision=decision)


def _note(proof: Proof, inventory: Inventory, place: str) -> ProofNote:
    if proof.result != inventory.source.config:
        raise InputError(
            f"a proof of another image, {proof.result}",
            place=place,
            remedy="Name the proof of this image, or prove it",
        )
    return ProofNote(proof=digest_of_document(proof), phase=proof.phase, verdict=proof.verdict)


def findings_of(inventory: Inventory, knowledge: Knowledge, clock: Clock) -> Findings:
    """Return what is known to be wrong in an inventory, and how far it could be judged."""
    judged = judge(inventory, knowledge)
    return Findings(
        tool=inventory.tool,
        created=clock.now,
        clock=clock.source,
        inventory=digest_of_document(inventory),
        snapshot=knowledge.digest,
        feeds=knowledge.feeds,
        findings=judged.findings,
        assessments=judged.assessments,
        gaps=(*inventory.gaps, *judged.gaps),
    )


def policy_of(request: Request) -> Policy | None:
    """Return the policy file's rules with those of the command line added; None where neither was given."""
    extra = tuple(parse_rule(word) for text in request.fail_on for word in text.split(","))
    if not request.policy:
        return Policy(extra) if extra else None
    written = parse_policy(read_whole(Path(request.policy), _POLICY), request.policy)
    return Policy(written.rules + extra, written.max_age, written.acceptances, written.digest)
