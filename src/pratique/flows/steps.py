"""What each step of the way came to, in one line, and what it could not do."""

from collections.abc import Callable
from typing import Any, Protocol

from pratique.flows.journal import Step
from pratique.formats.documents import Report
from pratique.formats.text import gap_text, one_line, plural
from pratique.model.base import Base
from pratique.model.clearance import StepNote
from pratique.model.hardening import Hardening
from pratique.model.plan import Plan, Unfixed
from pratique.model.proof import Proof
from pratique.model.usage import Usage

_MIB = 1 << 20
_OPEN = 5
Line = tuple[str, tuple[str, ...]]


class View(Protocol):
    """Shows steps to a person."""

    def started(self, name: str) -> None:
        """A step begins."""
        ...

    def detail(self, text: str) -> None:
        """Something goes on in it."""
        ...

    def ended(self, note: StepNote) -> None:
        """It is done."""
        ...


class Teller:
    """Watches a journal, tells every step in a line, and keeps the lines.

    Attributes:
        notes: of the steps that are done.
    """

    def __init__(self, view: View) -> None:
        self._view = view
        self.notes: list[StepNote] = []

    def started(self, name: str) -> None:
        """Pass it on."""
        self._view.started(name)

    def detail(self, text: str) -> None:
        """Pass it on."""
        self._view.detail(text)

    def ended(self, step: Step) -> None:
        """Tell a step in a line, and what it left open in a few more."""
        text, left = _TOLD[type(step.result)](step.result)
        if len(left) > _OPEN:
            left = (*left[: _OPEN - 1], f"and {len(left) - _OPEN + 1} more, in the step's document")
        note = StepNote(
            name=step.name,
            seconds=round(step.seconds, 1),
            again=step.again,
            text=one_line(text),
            open=tuple(map(one_line, left)),
        )
        self.notes.append(note)
        self._view.ended(note)


def _report(report: Report) -> Line:
    inventory, decision = report.inventory, report.decision
    types = sorted({p.type for p in inventory.packages})
    counted = ", ".join(f"{sum(p.type == t for p in inventory.packages):,} {t}" for t in types)
    severe = decision.counts["critical"] + decision.counts["high"]
    found = plural(len(report.findings.findings), "finding")
    text = f"{counted or 'no package'}; {found}, {severe:,} critical or high; {decision.verdict}"
    return text, tuple(gap_text(g.gap) for g in decision.gaps if g.accepted is None)


def _base(base: Base) -> Line:
    name = base.distribution.name if base.distribution else "no distribution that is known"
    word = "on" if base.state == "ended" else "until"
    until = f" {word} {base.support.extended or base.support.regular}" if base.support else ""
    left = () if base.layers else ("which layers are the base cannot be told",)
    return f"{plural(base.layers, 'layer')} of {name}, {base.state}{until}", left


def _usage(usage: Usage) -> Line:
    used = sum(p.state == "used" for p in usage.packages)
    events = sum(run.events for run in usage.runs)
    text = f"{used:,} of {plural(len(usage.packages), 'package')} used; {events:,} calls seen, none lost"
    return text, ()


def _plan(plan: Plan) -> Line:
    removed = [s for s in plan.steps if s.action == "remove"]
    ended = len({(s.package, f) for s in plan.steps for f in s.findings})
    size = sum(s.bytes for s in removed) / _MIB
    text = (
        f"{plural(len(removed), 'package')} to remove ({size:,.0f} MiB), "
        f"{len(plan.steps) - len(removed):,} to install; {plural(ended, 'finding')} end{'s' if ended == 1 else ''}"
    )
    if plan.keep:
        text += f"; kept by request: {', '.join(plan.keep)}"
    return text, tuple(map(unfixed_text, plan.unfixed))


def unfixed_text(one: Unfixed) -> str:
    """Return in one line what a plan cannot end, and why."""
    return one_line(f"{one.package.partition('#')[0]}: {plural(len(one.findings), 'finding')}: {one.reason}")


def _hardening(made: Hardening) -> Line:
    before, after = made.sizes()
    sizes = "sizes not known"
    if before and after:
        sizes = f"{before / _MIB:,.0f} MiB became {after / _MIB:,.0f} MiB ({after / before:.0%})"
    states = [layer.state for layer in made.layers]
    text = (
        f"{sizes}; {plural(states.count('kept'), 'layer')} kept, "
        f"{states.count('rewritten')} rewritten, {states.count('added')} added"
    )
    return text, (*([f"dpkg --audit: {made.audit}"] if made.audit else []), *made.notes)


def _proof(proof: Proof) -> Line:
    kinds = ", ".join(dict.fromkeys(c.kind for c in proof.compared))
    words = {
        "same": "the same",
        "weak": "the same by exit code alone, which is weak",
        "different": "different",
    }
    different = [f"{c.kind} {c.subject}: {c.before} -> {c.after}" for c in proof.compared if not c.same]
    lost = [f"{one.name} was used and is gone ({one.path})" for one in proof.lost]
    changed = [f"in use and replaced: {', '.join(proof.replaced)}"] if proof.replaced else []
    return f"{words[proof.verdict]}; compared: {kinds}", (*different, *lost, *changed)


_TOLD: dict[type, Callable[[Any], Line]] = {
    Report: _report,
    Base: _base,
    Usage: _usage,
    Plan: _plan,
    Hardening: _hardening,
    Proof: _proof,
}
