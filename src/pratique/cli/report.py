"""A scan on a terminal: what is in the image, what is wrong, what was not assessed, and the decision."""

from collections import Counter
from collections.abc import Iterator, Sequence

from rich.text import Text

from pratique.cli.screen import STYLES, Screen, text
from pratique.formats.documents import Report
from pratique.formats.text import plural
from pratique.model.advisory import LEVELS, Feed
from pratique.model.finding import Decision, Finding, Findings
from pratique.model.inventory import Inventory
from pratique.policy import describe_age, is_stale

_VERDICTS = {"pass": "bold green", "fail": "bold red", "incomplete": "bold yellow", "not judged": "bold"}
_SHOWN = 3


def show_report(screen: Screen, report: Report, *, every: bool) -> None:
    """Print a scan.

    Args:
        screen: where to.
        report: what was found.
        every: one row for each finding instead of one for each package.
    """
    _inventory(screen, report.inventory)
    _found(screen, report.findings, report.decision, every=every)
    _coverage(screen, report.findings)
    _decision(screen, report)


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
    screen.line("Inventory: ", text(inventory.completeness, style))


def _found(screen: Screen, findings: Findings, decision: Decision, *, every: bool) -> None:
    packages = len({f.package for f in findings.findings})
    exploited = len({f.id for f in findings.findings if f.kev})
    screen.heading(f"{plural(len(findings.findings), 'finding')} in {plural(packages, 'package')}")
    levels = [
        text(f"{decision.counts[level]:,} {level}  ", STYLES[level])
        for level in LEVELS
        if decision.counts[level]
    ]
    screen.line(*levels, text(f"{exploited} known to be exploited", "bold red") if exploited else "")
    if findings.findings:
        screen.line()
        columns = ("Package", "Installed", "Fixed in", "Severity", "EPSS", "Vulnerabilities")
        screen.table(columns, _rows(findings.findings, every=every), right=("EPSS",))


def _rows(findings: Sequence[Finding], *, every: bool) -> Iterator[tuple[str | Text, ...]]:
    """Yield one row for each package, or each finding; binaries of one Debian source share a row."""
    groups: dict[tuple[str, ...], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.package, finding.id) if every else _shared(finding), []).append(finding)
    for group in sorted(groups.values(), key=lambda g: min(map(urgency, g))):
        group.sort(key=urgency)
        once = list({f.id: f for f in reversed(group)}.values())[::-1]
        epss = max((f.epss for f in group if f.epss is not None), default=None)
        shown = "" if epss is None else f"{epss:.3f}"
        yield _name(group), group[0].version, _fixed(once), _severity(once), shown, _ids(once)


def _shared(finding: Finding) -> tuple[str, ...]:
    """Return what findings of one row have in common; of Python, each installation has a row of its own."""
    match = finding.matches[0]
    own = "" if finding.purl.startswith("pkg:deb/") else finding.package
    return own, match.name, match.version, finding.version


def _name(group: list[Finding]) -> str:
    first = group[0]
    packages = sorted({f.name for f in group})
    if len(packages) > 1:
        return f"{first.matches[0].name} ({len(packages)} packages)"
    return f"{first.name} (vendored)" if first.vendored else first.name


def urgency(finding: Finding) -> tuple[bool, float, float, str, str]:
    """Return the order of findings: exploited, then severe, then likely; lowest first."""
    return not finding.kev, -finding.severity.score, -(finding.epss or 0.0), finding.name, finding.id


def _fixed(group: list[Finding]) -> str:
    versions = sorted({f.fixed for f in group if f.fixed})
    if not versions:
        return "none known"
    unfixed = sum(not f.fixed for f in group)
    shown = versions[0] if len(versions) == 1 else f"{len(versions)} versions"
    return f"{shown}, {unfixed} without" if unfixed else shown


def _severity(group: list[Finding]) -> Text:
    counts = Counter(f.severity.level for f in group)
    spans: list[Text] = []
    for level in LEVELS:
        if counts[level]:
            label = f"{counts[level]:,} {level}" if len(group) > 1 else level
            spans += [text(" "), text(label, STYLES[level])]
    return Text.assemble(*spans[1:])


def _ids(group: list[Finding]) -> Text:
    spans = [
        text(f"{f.id}{' (exploited)' if f.kev else ''} ", "bold red" if f.kev else "") for f in group[:_SHOWN]
    ]
    more = len(group) - _SHOWN
    return Text.assemble(*spans, text(f"+{more:,}" if more > 0 else "", "dim"))


def _coverage(screen: Screen, findings: Findings) -> None:
    states = Counter(a.state for a in findings.assessments)
    screen.heading("What was assessed")
    whole, part, none = (states[s] for s in ("assessed", "partly", "not assessed"))
    screen.line(
        text(f"{whole:,} packages in full", "green"),
        ", ",
        text(f"{part:,} in part", "yellow"),
        ", ",
        text(f"{none:,} not at all", "yellow" if none else ""),
    )
    for gap in findings.gaps:
        place = "" if gap.packages else f" [{gap.subject.partition('#')[0]}]"
        screen.line(text("  - ", "yellow"), f"{gap.kind}: {gap.reason}{place}")
    if findings.feeds:
        screen.line()
        show_feeds(screen, findings)
    else:
        screen.line(
            text(
                "  No advisory was imported: nothing can be judged. Run: pratique db import PATH",
                "bold yellow",
            )
        )


def show_feeds(screen: Screen, findings: Findings) -> None:
    """Print the feeds of a scan with what they cover and how old they are."""
    now = findings.created
    rows = (
        (f.name, covers(f), f"{f.records:,}", _age(f, is_stale(f, now), describe_age(f, now)))
        for f in findings.feeds
    )
    screen.table(("Feed", "Covers", "Records", "Age"), rows, right=("Records",))


def covers(feed: Feed) -> str:
    """Return what a feed covers, for people."""
    what = ", ".join(feed.ecosystems[:4]) + (
        f" +{len(feed.ecosystems) - 4}" if len(feed.ecosystems) > 4 else ""
    )
    window = f" {feed.window_from} to {feed.window_to}" if feed.coverage == "window" else ""
    return f"{what or feed.format}: {feed.coverage}{window}"


def _age(feed: Feed, stale: bool, age: str) -> Text:  # noqa: FBT001 - one cell of a row
    date = f"{feed.as_of:%Y-%m-%d}, " if feed.as_of else ""
    return text(f"{date}{age}{' (stale)' if stale else ''}", "yellow" if stale else "")


def _decision(screen: Screen, report: Report) -> None:
    decision = report.decision
    screen.heading("Decision")
    screen.line(
        text(decision.verdict.upper(), _VERDICTS[decision.verdict]),
        f"  by {', '.join(decision.rules)}" if decision.rules else "",
    )
    if decision.verdict == "not judged":
        screen.line("  No rule was given. Judge with --fail-on high,kev or --policy FILE")
    for reason in decision.reasons:
        example = f" ({', '.join(reason.findings[:_SHOWN])}{', …' if len(reason.findings) > _SHOWN else ''})"
        screen.line(text("  - ", "red"), f"{reason.rule}: {reason.text}{example if reason.findings else ''}")
    for gap in decision.gaps:
        if gap.accepted:
            a = gap.accepted
            screen.line(
                text("  - ", "dim"),
                f"accepted: {gap.gap.kind}: {gap.gap.reason}: {a.reason} ({a.owner}, until {a.until})",
            )
    for unused in decision.unused:
        screen.line(text("  - ", "yellow"), f"acceptance without effect: {unused}")
    if report.findings.clock != "system":
        screen.line(text(f"  Judged as of {decision.created:%Y-%m-%d} ({report.findings.clock})", "yellow"))
    if report.findings.findings:
        worst = min(report.findings.findings, key=urgency)
        screen.heading("Next")
        screen.line(f"  pratique explain {worst.id} {report.inventory.source.reference}")
