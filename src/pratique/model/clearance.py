"""The whole way of an image: before and after, every step, every attempt, and the documents that tell more."""

from datetime import datetime

from msgspec import Struct

from pratique.model.advisory import Level
from pratique.model.digest import Digest
from pratique.model.finding import Verdict as Judgement
from pratique.model.finding import Work
from pratique.model.proof import Lost, Verdict


class Tally(Struct, frozen=True, kw_only=True):
    """An image in numbers.

    Attributes:
        compressed: bytes of all layers as stored; 0 where the source does not tell.
        packages: type of package -> how many.
        used: of these, how many a workload used.
        findings: severity -> how many findings, of packages that a workload used.
        idle: the same, of packages that no workload was seen to use.
        fixable: findings with a known fix.
        blind: packages that could not be judged in full.
        verdict: of the policy.
    """

    compressed: int
    packages: dict[str, int]
    used: dict[str, int]
    findings: dict[Level, int]
    idle: dict[Level, int]
    fixable: int
    blind: int
    verdict: Judgement


class ProofLine(Struct, frozen=True, kw_only=True):
    """What one workload said of one candidate.

    Attributes:
        compared: what was compared, a line each, for people.
        lost: packages that explain a difference.
        replaced: packages in use that have another version now.
        said: the end of what the failing run wrote.
    """

    phase: str
    verdict: Verdict
    compared: tuple[str, ...]
    lost: tuple[Lost, ...]
    replaced: tuple[str, ...]
    said: str


class Attempt(Struct, frozen=True, kw_only=True):
    """One plan that was carried out and put to the proof.

    Attributes:
        keep: packages that were asked to stay.
        plan: digest of the plan document.
        result: digest of the candidate's configuration.
    """

    keep: tuple[str, ...]
    plan: Digest
    result: Digest
    proofs: tuple[ProofLine, ...]


class StepNote(Struct, frozen=True, kw_only=True):
    """One step of the way.

    Attributes:
        seconds: that it took in the run that wrote this document.
        again: it was done by an earlier run on the same inputs.
        text: its result in one line.
        open: what it could not do, a line each.
    """

    name: str
    seconds: float
    again: bool
    text: str
    open: tuple[str, ...]


class Clearance(Struct, frozen=True, kw_only=True, tag_field="schema", tag="pratique.clearance/1"):
    """An image on its way from found to proven.

    Attributes:
        original: digest of the configuration of the image as it was.
        result: digest of the new image's configuration.
        manifest: digest of the new image's manifest.
        target: where it was to be written.
        published: it was written there, under its tag.
        work: what the proofs come to.
        unfixed: findings that no plan could end, and why, a line each.
        documents: file name -> digest of every document of this way.
        untouched: what no step looks at, for people.
    """

    tool: str
    created: datetime
    clock: str
    reference: str
    original: Digest
    result: Digest
    manifest: Digest
    target: str
    published: bool
    work: Work
    before: Tally
    after: Tally
    attempts: tuple[Attempt, ...]
    unfixed: tuple[str, ...]
    steps: tuple[StepNote, ...]
    documents: dict[str, Digest]
    untouched: tuple[str, ...] = ()
