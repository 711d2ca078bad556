"""Findings, what was and was not assessed, and the decision made of them."""

from datetime import date, datetime
from typing import Literal

from msgspec import Struct

from pratique.model.advisory import Feed, Level, Severity
from pratique.model.digest import Digest
from pratique.model.inventory import Gap, GapKind, Purl


class Match(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why one record says that one installation is affected.

    Attributes:
        record: id of the record.
        feed: the feed that it came from.
        ecosystem: OSV ecosystem in which it was looked up.
        name: package name under which it was looked up: the source package for Debian.
        version: version that was compared: the source version for Debian.
        range: the interval or list that holds it, for people.
        fixed: first version not affected; empty where none is known.
    """

    record: str
    feed: str
    ecosystem: str
    name: str
    version: str
    range: str
    fixed: str = ""
    summary: str = ""
    url: str = ""
    published: str = ""
    severity: Severity


class Finding(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One vulnerability in one installation; every record about it folded in.

    Attributes:
        id: the CVE where there is one, else the record's id.
        aliases: its other ids.
        package: id of the installation in the inventory.
        state: ``affected``, or ``treated as affected`` where a version or record could not be understood.
        fixed: the version that ends it by every record that matched; empty where none is known.
        severity: the highest of the records'.
        kev: day on which CISA listed it as exploited; empty where it did not.
        epss: probability of exploitation within 30 days, 0 to 1.
        vendored: the code lies inside another package, of which it may be only a part: lower certainty.
    """

    id: str
    aliases: tuple[str, ...]
    package: str
    purl: Purl
    name: str
    version: str
    state: Literal["affected", "treated as affected"]
    fixed: str = ""
    severity: Severity
    kev: str = ""
    epss: float | None = None
    percentile: float | None = None
    vendored: bool = False
    matches: tuple[Match, ...]


class Assessment(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far one package could be judged.

    Attributes:
        package: id in the inventory.
        state: ``assessed`` against a complete feed; ``partly`` where only windows or samples know the name;
            ``not assessed`` where no feed does.
        feeds: names of the feeds that were asked.
    """

    package: str
    state: Literal["assessed", "partly", "not assessed"]
    feeds: tuple[str, ...] = ()
    reason: str = ""


class Findings(Struct, frozen=True, kw_only=True, tag_field="schema", tag="pratique.findings/1"):
    """Every finding in an inventory, and how much of it could be judged.

    Attributes:
        inventory: digest of the inventory document.
        snapshot: digest of the advisory snapshot; None where there was none.
        feeds: of the snapshot, with their coverage and dates.
        assessments: one for each package, in the inventory's order.
        gaps: of the inventory and of judgement together.
    """

    tool: str
    created: datetime
    clock: str
    inventory: Digest
    snapshot: Digest | None
    feeds: tuple[Feed, ...]
    findings: tuple[Finding, ...]
    assessments: tuple[Assessment, ...]
    gaps: tuple[Gap, ...]


class Acceptance(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A gap that somebody answers for.

    Attributes:
        gap: kind of gap.
        packages: package URL pattern that it is limited to: ``*`` stands for any run of characters. A gap about no
            package is accepted by the pattern ``*`` alone.
        subject: the path or feed that it is limited to; empty for any.
        until: last day on which it holds.
    """

    gap: GapKind
    reason: str
    owner: str
    until: date
    packages: str = "*"
    subject: str = ""


class OpenGap(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A gap as the decision saw it: accepted by somebody, or in the way of a pass."""

    gap: Gap
    accepted: Acceptance | None = None


class Reason(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One reason for a verdict, with the ids of the findings behind it."""

    rule: str
    text: str
    findings: tuple[str, ...] = ()


Verdict = Literal["pass", "fail", "incomplete", "not judged"]
Work = Literal["not hardened", "proven", "weakly proven", "unproven", "refuted"]
"""Whether an image that Pratique made was shown to do the work of the one it was made from; ``weakly``: by exit codes alone."""


class ProofNote(Struct, frozen=True, kw_only=True):
    """A proof as the decision saw it.

    Attributes:
        proof: digest of the proof document.
        phase: name of the workload.
    """

    proof: Digest
    phase: str
    verdict: Literal["same", "weak", "different"]


class Decision(Struct, frozen=True, kw_only=True, tag_field="schema", tag="pratique.decision/1"):
    """The verdict on an image, and everything it rests on.

    Attributes:
        findings: digest of the findings document.
        policy: digest of the policy file's bytes; None where rules came from the command line.
        rules: what would have failed the image.
        unused: acceptances that matched no gap, or that have ended.
        counts: findings by severity level.
        work: what the proofs come to; never a reason to pass.
        proofs: of this image, in the order given.
    """

    tool: str
    created: datetime
    clock: str
    verdict: Verdict
    inventory: Digest
    findings: Digest
    policy: Digest | None
    rules: tuple[str, ...]
    reasons: tuple[Reason, ...]
    gaps: tuple[OpenGap, ...]
    unused: tuple[str, ...]
    counts: dict[Level, int]
    work: Work
    proofs: tuple[ProofNote, ...]
