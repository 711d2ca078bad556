"""Recorded inventories judged again by today's advisories: no image is needed, and what turned is told with its cause."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

from msgspec.structs import replace

from pratique import __version__
from pratique.advisories import open_snapshot
from pratique.fleet import Known, Record, Store, View, make_record, open_store
from pratique.flows.clock import Clock, read_clock
from pratique.flows.fleet import known_images, store_file
from pratique.flows.scan import Request, database, findings_of, policy_of
from pratique.formats.documents import digest_of_document
from pratique.image import PARENT
from pratique.model.advisory import Knowledge
from pratique.model.digest import Digest
from pratique.model.errors import InputError, UsageError
from pratique.model.finding import Decision, Findings, Verdict
from pratique.model.fleet import Cause, Rescan, Turn
from pratique.model.inventory import Gap, Inventory, Purl
from pratique.policy import Policy, Work, breaks, decide


class _Judging(NamedTuple):
    """What every image is judged by, and where it is recorded."""

    store: Store
    policy: Policy
    knowledge: Knowledge
    clock: Clock


class _Last(NamedTuple):
    """The last decision about an image, and the findings that it rests on, as far as they are recorded."""

    decision: Decision | None
    findings: Findings | None


def rescan(
    fail_on: tuple[str, ...], policy: str, store: str, cache: str, note: Callable[[str], None]
) -> Rescan:
    """Judge every recorded image by its latest inventory and the current snapshot, and record what comes of it.

    Args:
        fail_on: rules of the command line.
        policy: path of a policy file; empty for none.
        store: file of the store; empty for the usual one.
        cache: folder for our own data; empty for the usual one.
        note: called with the name of each image.

    Raises:
        UsageError: no rule was given.
        InputError: nothing is recorded, or no advisory was imported.
        PratiqueError: store, policy or snapshot cannot be used.
    """
    clock = read_clock()
    rules = policy_of(Request("", fail_on=fail_on, policy=policy))
    if rules is None:
        raise UsageError(
            "no rule to judge by", place="rescan", remedy="Name --policy FILE or --fail-on high,kev"
        )
    knowledge = open_snapshot(database(cache))
    if knowledge.digest is None:
        raise InputError(
            "no advisory was imported", place=str(database(cache)), remedy="Run: pratique db import PATH"
        )
    with open_store(store_file(store)) as opened:
        with opened.reading():
            view = View(opened)
            images, missing = known_images(view, str(store_file(store))), view.missing()
        turns = list(_turns(images, _Judging(opened, rules, knowledge, clock), note))
    return _told(turns, rules, knowledge, clock, missing)


def _turns(images: tuple[Known, ...], by: _Judging, note: Callable[[str], None]) -> Iterator[Turn]:
    for known in images:
        note(known.name.reference)
        yield _again(known, by)


def _told(
    turns: list[Turn], policy: Policy, knowledge: Knowledge, clock: Clock, missing: tuple[Digest, ...]
) -> Rescan:
    turned = [turn for turn in turns if turn.before != turn.after]
    same = [turn for turn in turns if turn.before == turn.after]
    changed = [turn for turn in same if turn.appeared or turn.ended or turn.opened or turn.closed]
    kept: Counter[Verdict] = Counter(turn.after for turn in same if turn not in changed)
    return Rescan(
        tool=__version__,
        created=clock.now,
        clock=clock.source,
        snapshot=knowledge.digest,
        feeds=knowledge.feeds,
        policy=policy.digest,
        rules=tuple(rule.text for rule in policy.rules),
        turned=tuple(turned),
        changed=tuple(changed),
        unchanged=dict(kept),
        missing=missing,
    )


def _again(known: Known, by: _Judging) -> Turn:
    """Judge one image again.

    1. Make findings of its inventory; where they are what the last decision rests on, keep those.
    2. Decide by them, and by the proofs of the last decision.
    3. Record both, then tell them from the last ones.
    """
    inventory = by.store.read(known.name.inventory, Inventory)
    if inventory is None:
        raise InputError(
            "an inventory is gone from the store",
            place=known.name.inventory,
            remedy="Scan the image again with --record",
        )
    last = _last(known, by.store)
    findings, digest, fresh = _findings(inventory, last, by)  # 1
    work = Work(PARENT in inventory.source.claims, last.decision.proofs if last.decision else ())
    made = decide(findings, digest, by.policy, by.clock.now, work)  # 2
    decision = replace(made, tool=__version__, created=by.clock.now, clock=by.clock.source)
    by.store.add([*fresh, make_record(decision)])  # 3
    return _turn(known, last, findings, decision, by.policy)


def _last(known: Known, store: Store) -> _Last:
    if known.decision is None:
        return _Last(None, None)
    return _Last(store.read(known.decision.digest, Decision), store.read(known.decision.findings, Findings))


def _findings(inventory: Inventory, last: _Last, by: _Judging) -> tuple[Findings, Digest, tuple[Record, ...]]:
    """Return findings, their digest, and what is to be recorded of them: nothing where the last ones say the same."""
    made = replace(findings_of(inventory, by.knowledge, by.clock), tool=__version__)
    if last.decision and last.findings and _same(made, last.findings):
        return last.findings, last.decision.findings, ()
    record = make_record(made)
    return made, record.digest, (record,)


def _same(made: Findings, before: Findings) -> bool:
    return replace(made, tool=before.tool, created=before.created, clock=before.clock) == before


def _turn(known: Known, last: _Last, findings: Findings, decision: Decision, policy: Policy) -> Turn:
    before = last.decision
    now = _breaking(findings, policy)
    then = _breaking(last.findings, policy) if last.findings else now
    same = before is None or (before.policy, before.rules) == (decision.policy, decision.rules)
    return Turn(
        image=known.name,
        before=before.verdict if before else None,
        after=decision.verdict,
        by="" if same or before is None else _rules(before),
        compared=last.findings is not None,
        appeared=tuple(cause for key, cause in now.items() if key not in then),
        ended=tuple(cause for key, cause in then.items() if key not in now),
        opened=tuple(_gained(decision, before)) if before else (),
        closed=tuple(_gained(before, decision)) if before else (),
        reasons=decision.reasons,
        findings=decision.findings,
        decision=digest_of_document(decision),
    )


def _rules(decision: Decision) -> str:
    written = f" of policy {decision.policy}" if decision.policy else ""
    return f"{', '.join(decision.rules) or 'no rule'}{written}"


def _breaking(findings: Findings, policy: Policy) -> dict[tuple[Purl, str], Cause]:
    """Return every finding that breaks a rule, by package and vulnerability."""
    found = {}
    for finding in findings.findings:
        rules = tuple(rule.text for rule in policy.rules if breaks(rule, finding))
        if rules:
            feeds = tuple(sorted({match.feed for match in finding.matches}))
            found[finding.purl, finding.id] = Cause(
                finding=finding.id, package=finding.purl, rules=rules, feeds=feeds
            )
    return found


def _gained(one: Decision, other: Decision) -> Iterator[Gap]:
    """Yield the gaps that stand in the way of a pass in one decision and not in the other, package by package."""
    there = {key for gap in _open(other) for key in _keys(gap)}
    for gap in _open(one):
        fresh = [key for key in _keys(gap) if key not in there]
        if fresh:
            yield replace(gap, packages=tuple(package for *_, package in fresh if package))


def _open(decision: Decision) -> list[Gap]:
    return [gap.gap for gap in decision.gaps if gap.accepted is None]


def _keys(gap: Gap) -> list[tuple[str, str, str, str]]:
    """Return what tells a gap from others; a feed that is a day older is still the same gap."""
    reason = "" if gap.kind == "feed-age" else gap.reason
    return [(gap.kind, gap.subject, reason, package) for package in gap.packages or ("",)]
