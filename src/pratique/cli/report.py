"""A scan on a terminal: what is in the image, what is wrong, what was not assessed, and the decision."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from rich.text import Text

from pratique.cli.screen import STYLES, Screen, text
from pratique.flows.summary import Row, summarise, urgency
from pratique.formats.documents import Report
from pratique.formats.text import gap_text, plural
from pratique.model.advisory import LEVELS, Feed, Level
from pratique.model.finding import Acceptance, Decision, Findings
from pratique.model.inventory import Gap, Inventory
from pratique.policy import describe_age, is_stale

VERDICT_STYLES = {"pass": "bold green", "fail": "bold red", "incomplete": "bold yellow", "not judged": "bold"}
_COMPLETENESS = {
    "complete": ", every package database that was found was read",
    "partial": ", see what was not read below",
    "unknown": ", no package database was found",
}
_SHOWN = 3
_LEVELS: tuple[Level, ...] = ("critical", "high", "medium", "low", "unrated")
_WORDS = ("Crit", "High", "Med", "Low", "Unrated")
_LETTERS = ("C", "H", "M", "L", "?")


def show_report(screen: Screen, report: Report, *, every: bool, explain: str) -> None:
    """Print a scan.

    Args:
        screen: where to.
        report: what was found.
        every: one row for each finding instead of one for each package.
        explain: the next command, with ``{}`` where the id of a finding belongs.
    """
    _inventory(screen, report.inventory)
    _found(screen, report.findings, report.decision, every=every)
    _coverage(screen, report.findings)
    _decision(screen, report)
    if report.findings.findings:
        worst = min(report.findings.findings, key=urgency)
        screen.heading("Next")
        screen.line(f"  {explain.format(worst.id)}", whole=True)


def _inventory(screen: Screen, inventory: Inventory) -> None:
    source, system = inventory.source, inventory.distribution
    screen.line(
        text(source.reference, "bold"), f"  {source.platform}  {source.digest or source.config or ''}"
    )
    name = (
        f"{system.name or system.id} {system.version_id}" if system and system.id else "distribution unknown"
    )
    kinds = Counter(p.type for p in inventory.packages)
    counted = ", ".join(f"{count:,} {kind}" for kind, count in sorted(kinds.items())) or "no package found"
    layers = plural(len(inventory.layers), "layer") if inventory.layers else "an unpacked root"
    screen.line(
        f"{name}; {counted}; {layers}, {plural(inventory.files, 'file')}, {inventory.unowned:,} owned by no package"
    )
    if source.other_platforms:
        screen.line(text(f"Not read: {', '.join(source.other_platforms)}", "yellow"))
    style = "green" if inventory.completeness == "complete" else "yellow"
    screen.line("Inventory: ", text(inventory.completeness, style), _COMPLETENESS[inventory.completeness])


def _found(screen: Screen, findings: Findings, decision: Decision, *, every: bool) -> None:
    packages = len({f.package for f in findings.findings})
    exploited = len({f.id for f in findings.findings if f.kev})
    screen.heading(f"{plural(len(findings.findings), 'finding')} in {plural(packages, 'package')}")
    levels = [
        text(f"{decision.counts[level]:,} {level}  ", STYLES[level])
        for level in LEVELS
        if decision.counts[level]
    ]
    if findings.findings:
        screen.line(*levels, text(f"{exploited} known to be exploited", "bold red") if exploited else "")
        screen.line()
        rows = (_cells(row) for row in summarise(findings.findings, every=every))
        counts = _WORDS if screen.width >= 100 else _LETTERS
        columns = ("Package", "Installed", "Fixed in", *counts, "EPSS", "Most urgent")
        screen.table(columns, rows, right=columns[3:9], whole=columns[9:])


def _cells(row: Row) -> tuple[str | Text, ...]:
    counts = [
        text(f"{row.counts[level]:,}" if row.counts.get(level) else "", STYLES[level]) for level in _LEVELS
    ]
    worst = text(row.worst.id + " KEV" * bool(row.worst.kev), "bold red" if row.worst.kev else "")
    return _name(row), row.version, _fixed(row), *counts, "" if row.epss is None else f"{row.epss:.3f}", worst


def _name(row: Row) -> str:
    if row.packages > 1:
        return f"{row.name} (x{row.packages})"
    return f"{row.name} (vendored)" if row.worst.vendored else row.name


def _fixed(row: Row) -> str:
    if not row.unfixed:
        return row.fixed
    return f"{row.fixed} ({row.unfixed} open)" if row.fixed else "none known"


def _coverage(screen: Screen, findings: Findings) -> None:
    states = Counter(a.state for a in findings.assessments)
    screen.heading("What was assessed")
    whole, part, none = (states[s] for s in ("assessed", "partly", "not assessed"))
    screen.line(
        text(f"{plural(whole, 'package')} in full", "green"),
        ", ",
        text(f"{part:,} in part", "yellow" if part else ""),
        ", ",
        text(f"{none:,} not at all", "yellow" if none else ""),
    )
    for gap in findings.gaps:
        screen.item(text("-", "yellow"), gap_text(gap))
    if findings.feeds:
        screen.line()
        show_feeds(screen, findings.feeds, findings.created)
    else:
        screen.line(
            text(
                "  No advisory was imported: nothing can be judged. Run: pratique db import PATH",
                "bold yellow",
            )
        )


def show_feeds(screen: Screen, feeds: Sequence[Feed], now: datetime) -> None:
    """Print feeds with what they cover and how old they are."""
    rows = (
        (f.name, covers(f), f"{f.records:,}", _age(f, is_stale(f, now), describe_age(f, now))) for f in feeds
    )
    screen.table(("Feed", "Covers", "Records", "Age"), rows, right=("Records",))


def covers(feed: Feed) -> str:
    """Return what a feed covers, for people."""
    what = ", ".join(feed.ecosystems[:4]) + (
        f" +{len(feed.ecosystems) - 4}" if len(feed.ecosystems) > 4 else ""
    )
    window = f" {feed.window_from} to {feed.window_to}" if feed.coverage == "window" else ""
    return f"{what}{': ' if what else ''}{feed.coverage}{window}"


def _age(feed: Feed, stale: bool, age: str) -> Text:  # noqa: FBT001 - one cell of a row
    date = f"{feed.as_of:%Y-%m-%d}, " if feed.as_of else ""
    return text(f"{date}{age}{' (stale)' if stale else ''}", "yellow" if stale else "")


def _decision(screen: Screen, report: Report) -> None:
    decision = report.decision
    screen.heading("Decision")
    screen.line(
        text(decision.verdict.upper(), VERDICT_STYLES[decision.verdict]),
        f"  by {', '.join(decision.rules)}" if decision.rules else "",
    )
    if decision.verdict == "not judged":
        screen.line("  No rule was given. Judge with --fail-on high,kev or --policy FILE")
    for reason in decision.reasons:
        example = f" ({', '.join(reason.findings[:_SHOWN])}{', …' if len(reason.findings) > _SHOWN else ''})"
        screen.item(text("-", "red"), f"{reason.rule}: {reason.text}{example if reason.findings else ''}")
    for accepted, gaps in _accepted(decision).items():
        screen.item("-", f"accepted by {accepted.owner} until {accepted.until}: {accepted.reason}")
        for gap in gaps:
            screen.item("", text(gap_text(gap), "dim"), indent=4)
    for unused in decision.unused:
        screen.item(text("-", "yellow"), f"acceptance without effect: {unused}")
    _work(screen, decision)
    if report.findings.clock != "system":
        screen.line(text(f"  Judged as of {decision.created:%Y-%m-%d} ({report.findings.clock})", "yellow"))


def _work(screen: Screen, decision: Decision) -> None:
    """Print whether an image that Pratique made was shown to do its work; of any other image, nothing."""
    by, weak, bad = (
        ", ".join(dict.fromkeys(p.phase for p in decision.proofs if verdict in {"", p.verdict}))
        for verdict in ("", "weak", "different")
    )
    words = {
        "proven": (f"proven by {by}", "green"),
        "weakly proven": (f"weakly proven by {by}: exit codes alone were compared by {weak}", "yellow"),
        "unproven": ("unproven: made by Pratique, and no proof was given", "yellow"),
        "refuted": (f"refuted by {bad}", "red"),
    }
    if decision.work in words:
        said, style = words[decision.work]
        screen.line("  Work: ", text(said, style))


def _accepted(decision: Decision) -> dict[Acceptance, list[Gap]]:
    grouped: dict[Acceptance, list[Gap]] = {}
    for gap in decision.gaps:
        if gap.accepted:
            grouped.setdefault(gap.accepted, []).append(gap.gap)
    return grouped
