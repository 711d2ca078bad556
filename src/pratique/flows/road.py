"""The steps of an image's way, each of them in the journal; where a new image waits for its proof, and goes then."""

import hashlib
import shutil
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from pratique.advisories import open_snapshot
from pratique.checks import describe_base
from pratique.flows.clearance import Tried
from pratique.flows.harden import hardened
from pratique.flows.inventory import Taken, take_inventory
from pratique.flows.journal import Journal
from pratique.flows.plan import Wishes, planned
from pratique.flows.profile import profiled
from pratique.flows.prove import proved
from pratique.flows.rbom import read_usages
from pratique.flows.runs import Scenario
from pratique.flows.scan import Request, database, policy_of, report
from pratique.flows.setting import Setting
from pratique.formats.documents import Report, digest_of_document, encode
from pratique.formats.text import readable
from pratique.image import Target, check_target, holds, open_image, publish
from pratique.model.base import Base
from pratique.model.digest import Digest
from pratique.model.errors import UnsupportedError
from pratique.model.hardening import Hardening
from pratique.model.plan import Plan
from pratique.model.proof import Proof
from pratique.model.usage import Usage
from pratique.storage import forget


class Order(Struct, frozen=True, kw_only=True):
    """What is wanted of an image.

    Attributes:
        request: the image, the cache, and what it is judged by.
        target: where the new image goes.
        scenarios: workloads with what tells that they did their work.
        usages: usage documents, in place of profiling these workloads.
        keep: packages that stay whatever was seen.
        mirror: of Debian; empty for this machine's apt.
        unproven: publish even what is not proven.
    """

    request: Request
    target: Target
    scenarios: tuple[Scenario, ...]
    usages: tuple[Path, ...] = ()
    keep: tuple[str, ...] = ()
    mirror: str = ""
    unproven: bool = False


class Road:
    """The steps of one run, and the images that it has read so far.

    Args:
        order: what is wanted.
        here: surroundings.
        journal: of what was done before.

    Attributes:
        identity: digest of the image's manifest, or of its configuration where it has none.
    """

    def __init__(self, order: Order, here: Setting, journal: Journal) -> None:
        self._journal = journal
        self._order = order
        self._here = here
        image = open_image(order.request.reference, platform=order.request.platform)
        source = image.source
        if source.config is None:
            raise UnsupportedError(
                "an unpacked root cannot be cleared", place=source.reference, remedy="Name an image"
            )
        check_target(order.target, image)
        self.identity = source.digest or source.config
        self._knowledge = open_snapshot(database(order.request.cache))
        self._policy = policy_of(order.request)
        self._candidates: dict[Digest, Taken] = {}

    @cached_property
    def original(self) -> Taken:
        """The image as it is, read when it is first needed."""
        request = self._order.request
        return take_inventory(request.reference, request.platform, self._here, lambda _d, _t: None)

    def candidate(self, tried: Tried) -> Taken:
        """Return a new image under the name that it is to have."""
        made = tried.hardening
        if made.result not in self._candidates:
            reference = str(self._place(tried.plan, made))
            taken = take_inventory(reference, "", self._here, lambda _d, _t: None)
            source = replace(taken.inventory.source, reference=readable(str(self._order.target)))
            inventory = replace(taken.inventory, source=source)
            self._candidates[made.result] = taken.named(inventory)
        return self._candidates[made.result]

    def judged(self, name: str, image: Digest, taken: Callable[[], Taken], proofs: Sequence[Proof]) -> Report:
        """Return the three documents of an image, by the advisories, the policy and the day of this run."""
        request, clock = self._order.request, self._here.clock
        rules = self._policy.digest if self._policy else None, *request.fail_on
        named = request.reference if name == "scan" else str(self._order.target)
        told = [digest_of_document(proof) for proof in proofs]
        inputs = [image, named, request.platform, self._knowledge.digest, rules, clock.now.date(), *told]
        return self._journal.step(
            name,
            inputs,
            Report,
            lambda: report(
                taken().inventory,
                self._policy,
                self._knowledge,
                clock,
                {f"proof by {p.phase}": p for p in proofs},
            ),
        )

    def base(self, before: Report) -> Base:
        """Return what the image stands on."""
        found = before.findings
        digest = digest_of_document(found)
        return self._journal.step(
            "base", [digest], Base, lambda: describe_base(before.inventory, found, digest, found.created)
        )

    def usages(self, before: Report) -> list[Usage]:
        """Return what the workloads use: as given, or by running them."""
        if self._order.usages:
            return read_usages(self._order.usages, before.inventory)
        workloads = [s.workload for s in self._order.scenarios]
        named = digest_of_document(before.inventory)
        made = [
            self._journal.step(
                f"profile {w.phase}",
                [self.identity, encode(w), *programs(w.drive.command if w.drive else ())],
                Usage,
                lambda w=w: profiled(self._named(before), w, self._here),  # type: ignore[misc]
            )
            for w in workloads
        ]
        # An earlier profile of this very image holds, and speaks of the same inventory as the other documents.
        return [replace(usage, inventory=named) for usage in made]

    def _named(self, before: Report) -> Taken:
        """Return the original with the inventory document that other documents name."""
        return self.original.named(before.inventory)

    def attempt(self, before: Report, usages: Sequence[Usage], keep: tuple[str, ...]) -> Tried:
        """Plan, carry the plan out, and put the result to the proof."""
        named = [digest_of_document(before.findings), *map(digest_of_document, usages)]
        wishes = Wishes(keep=keep, mirror=self._here.mirror)
        day = self._here.clock.now.date()
        plan = self._journal.step(
            "plan",
            [*named, keep, self._here.mirror, day],
            Plan,
            lambda: planned(before, usages, wishes, self._here.cache),
        )
        made = self._journal.step(
            "harden",
            [digest_of_document(plan), self.identity],
            Hardening,
            lambda: hardened(self._named(before), plan, self._staging(plan), self._here),
            holds=lambda h: holds(self._place(plan, h), h.manifest) or self._refuted(h),
        )
        tried = Tried(plan, made, ())
        return tried._replace(proofs=tuple(self._proof(before, tried, s) for s in self._order.scenarios))

    def _refuted(self, made: Hardening) -> bool:
        """Say whether every proof of a candidate is known and one failed: then nobody needs the candidate itself."""
        proofs = [self._journal.known(*self._proof_key(made, s), Proof) for s in self._order.scenarios]
        return all(proofs) and any(p.verdict == "different" for p in proofs if p)

    def _proof_key(self, made: Hardening, scenario: Scenario) -> tuple[str, list[object]]:
        drive = scenario.workload.drive
        used = programs((*scenario.check, *(drive.command if drive else ())))
        return f"prove {scenario.workload.phase}", [self.identity, made.result, encode(scenario), *used]

    def _proof(self, before: Report, tried: Tried, scenario: Scenario) -> Proof:
        return self._journal.step(
            *self._proof_key(tried.hardening, scenario),
            Proof,
            lambda: proved(self._named(before), self.candidate(tried), scenario, self._here),
        )

    def _staging(self, plan: Plan) -> Target:
        """Return where a candidate waits for its proof."""
        name = digest_of_document(plan).removeprefix("sha256:")
        return Target(self._here.cache / "candidates" / name, "candidate")

    def _place(self, plan: Plan, made: Hardening) -> Target:
        """Return where an image that was made lies: at its target, or still waiting."""
        return self._order.target if holds(self._order.target, made.manifest) else self._staging(plan)

    def publish(self, tried: Tried) -> None:
        """Copy a candidate to where it was asked for, tag last.

        Raises:
            UnavailableError: the candidate is gone.
        """
        made = tried.hardening
        place = self._place(tried.plan, made)
        if place != self._order.target:
            publish(place, made.manifest, self._order.target)
            forget(place.folder)

    def tidy(self, attempts: Sequence[Tried]) -> None:
        """Let go of what was made on the way: files of every candidate, and the candidates that were refuted and mended."""
        for tried in attempts:
            forget(self._here.cache / "roots" / tried.hardening.result.removeprefix("sha256:"))
        for tried in attempts[:-1]:
            forget(self._staging(tried.plan).folder)


def programs(command: Sequence[str]) -> list[str]:
    """Return the digests of the files of this machine that a command names: a changed script is another command."""
    found = []
    for word in command:
        path = Path(shutil.which(word) or word)
        if path.is_file():
            with path.open("rb") as file:
                found.append(hashlib.file_digest(file, "sha256").hexdigest())
    return found
