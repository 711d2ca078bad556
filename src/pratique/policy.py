"""The decision: findings and gaps against rules, with every accepted gap named. Pure; the day is an argument.

A pass needs rules that nothing breaks *and* no gap that nobody answers for. A failure outranks an incomplete answer:
what is known to be wrong is wrong, whatever else is unknown.
"""

import fnmatch
import re
import tomllib
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

import msgspec
from msgspec import Struct, field, structs

from pratique.formats.text import gap_text, parse_age, plural
from pratique.model.admission import SignedDecision
from pratique.model.advisory import LEVELS, Feed, Level
from pratique.model.digest import Digest, digest_of
from pratique.model.errors import InputError, UsageError
from pratique.model.finding import (
    Acceptance,
    Decision,
    Finding,
    Findings,
    OpenGap,
    ProofNote,
    Reason,
    Verdict,
)
from pratique.model.finding import Work as WorkState
from pratique.model.inventory import Gap, GapKind

DEFAULT_MAX_AGE = timedelta(days=7)
_EPSS = re.compile(r"epss>(0|0?\.\d{1,6})")
_GATE: GapKind = "lock-coverage"
"""The gap that only the gate sees."""
_RANKED = LEVELS[: LEVELS.index("none")]


class Rule(NamedTuple):
    """One thing that fails an image.

    Attributes:
        text: as the user wrote it.
        kind: what it looks at.
        level: lowest failing severity, for ``severity``.
        above: failing probability, for ``epss``.
    """

    text: str
    kind: Literal["severity", "kev", "epss", "any"]
    level: Level = "none"
    above: float = 0.0


class Policy(Struct, frozen=True):
    """Rules, the age that feeds may have, and the gaps that somebody answers for.

    Attributes:
        digest: of the policy file; None where the rules came from the command line.
        statements: short names of what has to be signed beside the decision, for the gate.
        proof: an image that Pratique made has to be proven, for the gate.
        signers: name -> path of a public key, relative to the policy file, for the gate.
    """

    rules: tuple[Rule, ...]
    max_age: timedelta = DEFAULT_MAX_AGE
    acceptances: tuple[Acceptance, ...] = ()
    digest: Digest | None = None
    statements: tuple[str, ...] = ()
    proof: bool = False
    signers: dict[str, str] = {}


def parse_rule(text: str) -> Rule:
    """Return a rule: a severity, ``kev``, ``epss>PROBABILITY`` or ``any``.

    Raises:
        UsageError: it is none of them.
    """
    word = text.strip().lower()
    for level in _RANKED:
        if word == level:
            return Rule(word, "severity", level)
    if word == "kev":
        return Rule(word, "kev")
    if word == "any":
        return Rule(word, "any")
    if found := _EPSS.fullmatch(word):
        return Rule(word, "epss", above=float(found[1]))
    raise UsageError(
        f"not a rule: {text[:60]!r}",
        place="fail-on",
        remedy="Use critical, high, medium, low, any, kev or epss>0.5",
    )


class _Document(Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """A policy file."""

    fail_on: tuple[str, ...]
    max_age: str = "7d"
    accept_gaps: tuple[Acceptance, ...] = field(default=())
    require_statements: tuple[str, ...] = ()
    require_proof: bool = False
    signers: dict[str, str] = {}


def parse_policy(data: bytes, place: str) -> Policy:
    """Return the policy of a TOML file.

    Raises:
        InputError: it is not TOML, has an unknown key, or accepts a gap without reason, owner or end.
    """
    try:
        document = msgspec.convert(tomllib.loads(data.decode("utf-8")), _Document)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError, RecursionError) as error:
        raise InputError(
            f"not a policy ({error})", place=place, remedy="See docs/reference/policy.md"
        ) from error
    if not document.fail_on:
        raise InputError(
            "a policy without a rule passes everything", place=place, remedy='Add fail-on = ["high", "kev"]'
        )
    for acceptance in document.accept_gaps:
        if not (acceptance.reason.strip() and acceptance.owner.strip()):
            raise InputError(
                "a gap accepted without reason or owner",
                place=place,
                remedy="Say why, and who answers for it",
            )
    try:
        rules = tuple(parse_rule(text) for text in document.fail_on)
        return Policy(
            rules,
            parse_age(document.max_age, "max-age"),
            document.accept_gaps,
            digest_of(data),
            document.require_statements,
            document.require_proof,
            document.signers,
        )
    except UsageError as error:
        raise InputError(error.what, place=f"{place}: {error.place}", remedy=error.remedy) from error


class Work(NamedTuple):
    """What is known of an image's work: whether Pratique made it from another one, and what workloads showed."""

    hardened: bool = False
    proofs: tuple[ProofNote, ...] = ()

    def state(self) -> WorkState:
        """Return what the proofs come to: the worst of them."""
        verdicts = {proof.verdict for proof in self.proofs}
        if "different" in verdicts:
            return "refuted"
        if verdicts:
            return "weakly proven" if "weak" in verdicts else "proven"
        return "unproven" if self.hardened else "not hardened"


NO_WORK = Work()


def decide(
    findings: Findings, digest: Digest, policy: Policy | None, now: datetime, work: Work = NO_WORK
) -> Decision:
    """Return the verdict on an image.

    1. Without a policy nothing is judged, and that is said.
    2. Every finding that breaks a rule fails the image.
    3. Every gap that nobody answers for today makes the answer incomplete.
    4. So does an image without a package, or a judgement without advisories; nobody can answer for those.
    5. A workload that behaves differently than in the image that this one was made from fails it.

    Args:
        findings: what was found and what was not assessed.
        digest: of the findings document.
        policy: rules and accepted gaps; None for no judgement.
        now: the moment of judgement, UTC.
        work: what was shown of an image that Pratique made.
    """
    gaps = tuple(_weighed(findings, policy, now)) if policy else tuple(OpenGap(gap=g) for g in findings.gaps)
    reasons = (
        (*_broken(findings, policy), *_open(gaps), *_nothing(findings), *_refuted(work)) if policy else ()
    )
    return Decision(
        tool=findings.tool,
        created=findings.created,
        clock=findings.clock,
        verdict=_verdict(policy, reasons),
        inventory=findings.inventory,
        findings=digest,
        policy=policy.digest if policy else None,
        rules=tuple(rule.text for rule in policy.rules) if policy else (),
        reasons=reasons,
        gaps=gaps,
        unused=tuple(_unused(policy, gaps, now)) if policy else (),
        counts={level: sum(f.severity.level == level for f in findings.findings) for level in LEVELS},
        work=work.state(),
        proofs=work.proofs,
    )


class Asked(NamedTuple):
    """What the gate is asked.

    Attributes:
        image: digest of the manifest.
        now: UTC.
        locks: what comparisons with a lock came to that the decision names.
    """

    image: Digest
    now: datetime
    locks: tuple[str, ...] = ()


class Objection(NamedTuple):
    """Why an image is not let in, and what mends that.

    Attributes:
        mend: ``accept`` what could not be judged, ``clear`` the image anew, compare it with its ``lock``, or ``sign`` again.
    """

    why: str
    mend: Literal["accept", "clear", "lock", "sign"]


def admit(signed: SignedDecision, asked: Asked, policy: Policy) -> list[Objection]:
    """Return why an image with a verified decision is not let in; empty where it is.

    The decision has to be about this image, by this policy, a pass, young enough, and proven where that is required; what
    somebody answered for then has to be answered for today. So has what could not be compared with a lock, where it was.
    """
    decision = signed.decision
    reasons = []
    if signed.image != asked.image:
        reasons.append(f"the decision is about another image, {signed.image}")
    if decision.policy is None or decision.policy != policy.digest:
        reasons.append(f"it was decided by another policy, {decision.policy or 'none'}")
    if decision.verdict not in {"pass", "incomplete"}:
        reasons.append(f"the decision says {decision.verdict}")
    reasons += _untimely(decision, asked.now, policy.max_age)
    if policy.proof and decision.work not in {"proven", "not hardened"}:
        reasons.append(f"its work is {decision.work}")
    blind = [Objection("the decision says incomplete", "accept")] if decision.verdict == "incomplete" else []
    locked = (Objection(why, "lock") for why in _unlocked(asked, policy))
    return [*blind, *(Objection(why, "clear") for why in reasons), *locked]


def _unlocked(asked: Asked, policy: Policy) -> Iterator[str]:
    if "different" in asked.locks:
        yield "files of the image are not those of its lock"
    answered = (a for a in policy.acceptances if a.gap == _GATE and a.packages == "*" and not a.subject)
    if "incomplete" in asked.locks and not any(a.until >= asked.now.date() for a in answered):
        yield f"not all of the image was compared with its lock, and nobody accepts the gap {_GATE}"


def _untimely(decision: Decision, now: datetime, most: timedelta) -> Iterator[str]:
    moment = f"{decision.created:%Y-%m-%d %H:%M} UTC"
    if now - decision.created > most:
        hours = int(most.total_seconds()) // 3600
        limit = plural(hours, "hour") if hours % 24 else plural(hours // 24, "day")
        yield f"the decision is of {moment}, older than {limit}"
    if now - decision.created < timedelta(days=-1):
        yield f"the decision is dated in the future, {moment}"
    ended = {a.until for gap in decision.gaps if (a := gap.accepted) and a.until < now.date()}
    yield from (f"it rests on a gap that was accepted until {day}" for day in sorted(ended))


def _verdict(policy: Policy | None, reasons: tuple[Reason, ...]) -> Verdict:
    if policy is None or not policy.rules:
        return "not judged"
    if any(reason.rule != "coverage" for reason in reasons):
        return "fail"
    return "incomplete" if reasons else "pass"


def _broken(findings: Findings, policy: Policy) -> Iterator[Reason]:
    for rule in policy.rules:
        bad = [f for f in findings.findings if breaks(rule, f)]
        if bad:
            ids = tuple(sorted({f.id for f in bad}))
            packages = len({f.package for f in bad})
            yield Reason(
                rule=rule.text,
                text=f"{plural(len(ids), 'vulnerability')} in {plural(packages, 'package')}",
                findings=ids,
            )


def breaks(rule: Rule, finding: Finding) -> bool:
    """Say whether a finding breaks a rule; what has no severity or score breaks none, and is a gap instead."""
    if rule.kind == "severity":
        level = finding.severity.level
        return level in _RANKED and _RANKED.index(level) <= _RANKED.index(rule.level)
    if rule.kind == "epss":
        return finding.epss is not None and finding.epss > rule.above
    return rule.kind == "any" or bool(finding.kev)


def _weighed(findings: Findings, policy: Policy, now: datetime) -> Iterator[OpenGap]:
    """Yield every gap, split by acceptance: packages that an acceptance does not name stay open."""
    for gap in (*findings.gaps, *_rule_gaps(findings, policy), *_age_gaps(findings, policy, now)):
        yield from _split(gap, [a for a in policy.acceptances if a.until >= now.date() and _about(a, gap)])


def _split(gap: Gap, acceptances: list[Acceptance]) -> Iterator[OpenGap]:
    if not gap.packages:
        yield OpenGap(gap=gap, accepted=next((a for a in acceptances if a.packages == "*"), None))
        return
    left = gap.packages
    for acceptance in acceptances:
        taken = tuple(p for p in left if fnmatch.fnmatchcase(p.partition("#")[0], acceptance.packages))
        left = tuple(p for p in left if p not in set(taken))
        if taken:
            yield OpenGap(gap=_narrowed(gap, taken), accepted=acceptance)
    if left:
        yield OpenGap(gap=_narrowed(gap, left))


def _narrowed(gap: Gap, packages: tuple[str, ...]) -> Gap:
    if packages == gap.packages:
        return gap
    return structs.replace(gap, packages=packages)


def _about(acceptance: Acceptance, gap: Gap) -> bool:
    """An acceptance that names packages speaks only of gaps that are about packages."""
    if acceptance.packages != "*" and not gap.packages:
        return False
    return acceptance.gap == gap.kind and acceptance.subject in {"", gap.subject}


def _rule_gaps(findings: Findings, policy: Policy) -> Iterator[Gap]:
    """Yield what keeps a rule from being applied: findings without a severity or score, catalogues that are not whole."""
    kinds = {rule.kind for rule in policy.rules}
    unrated = tuple(sorted({f.package for f in findings.findings if f.severity.level == "unrated"}))
    if "severity" in kinds and "any" not in kinds and unrated:
        text = "with findings that carry no severity, so that no severity rule can weigh them"
        yield Gap(kind="unrated", subject="severity", reason=text, packages=unrated)
    if "kev" in kinds and not any(f.format == "kev" and f.coverage == "complete" for f in findings.feeds):
        yield Gap(
            kind="no-scores", subject="kev", reason="no complete catalogue of exploited vulnerabilities"
        )
    if "epss" in kinds and not any(f.format == "epss" for f in findings.feeds):
        yield Gap(kind="no-scores", subject="epss", reason="no EPSS scores were imported")
    elif "epss" in kinds:
        without = tuple(sorted({f.package for f in findings.findings if f.epss is None}))
        text = "with findings that carry no EPSS score, so that no EPSS rule can weigh them"
        if without:
            yield Gap(kind="no-scores", subject="epss", reason=text, packages=without)


def _age_gaps(findings: Findings, policy: Policy, now: datetime) -> Iterator[Gap]:
    used = {name for a in findings.assessments for name in a.feeds}
    scored = {rule.kind for rule in policy.rules}
    for feed in findings.feeds:
        if (feed.name in used or feed.format in scored) and is_stale(feed, now, policy.max_age):
            yield Gap(kind="feed-age", subject=feed.name, reason=describe_age(feed, now))


def is_stale(feed: Feed, now: datetime, limit: timedelta = DEFAULT_MAX_AGE) -> bool:
    """Say whether a feed is older than a limit, of unknown age, or dated in the future."""
    return feed.as_of is None or not timedelta(days=-1) <= now - feed.as_of <= limit


def describe_age(feed: Feed, now: datetime) -> str:
    """Return a feed's age for people."""
    if feed.as_of is None:
        return "of unknown age"
    days = (now - feed.as_of).days
    return (
        f"dated in the future ({feed.as_of:%Y-%m-%d})" if days < -1 else f"{plural(max(days, 0), 'day')} old"
    )


def _open(gaps: tuple[OpenGap, ...]) -> Iterator[Reason]:
    for gap in gaps:
        if gap.accepted is None:
            yield Reason(rule="coverage", text=gap_text(gap.gap))


def _nothing(findings: Findings) -> Iterator[Reason]:
    """Yield what leaves nothing to judge: silence about no package, or by no advisory, clears nothing."""
    if not findings.assessments:
        yield Reason(rule="coverage", text="no package was found in the image")
    if findings.snapshot is None:
        yield Reason(rule="coverage", text="no advisory was imported")


def _refuted(work: Work) -> Iterator[Reason]:
    for proof in work.proofs:
        if proof.verdict == "different":
            yield Reason(rule="proof", text=f"the workload {proof.phase} does not do the same in this image")


def _unused(policy: Policy, gaps: tuple[OpenGap, ...], now: datetime) -> Iterator[str]:
    """Yield acceptances that did nothing: an exception nobody needs, or one that has ended, is worth a look."""
    used = [gap.accepted for gap in gaps if gap.accepted]
    for acceptance in policy.acceptances:
        name = f"{acceptance.gap} ({acceptance.owner}, until {acceptance.until})"
        if acceptance.until < now.date():
            yield f"{name}: has ended"
        elif acceptance not in used and acceptance.gap != _GATE:
            yield f"{name}: matched no gap"
