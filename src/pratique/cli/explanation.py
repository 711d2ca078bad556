"""Why a finding is there, on a terminal."""

from collections.abc import Sequence

from pratique.cli.screen import STYLES, Screen, text
from pratique.flows.explain import Explanation
from pratique.model.finding import Finding, Match


def show_explanations(screen: Screen, explanations: Sequence[Explanation]) -> None:
    """Print one vulnerability and every installation that it was found in."""
    _head(screen, explanations[0].finding)
    for explanation in explanations:
        _installation(screen, explanation)


def _head(screen: Screen, finding: Finding) -> None:
    severity = finding.severity
    score = f" {severity.score}" if severity.level != "unrated" else ""
    epss = f"  EPSS {finding.epss:.3f}" if finding.epss is not None else "  no EPSS score"
    kev = text(f"  known to be exploited (CISA, {finding.kev})", "bold red") if finding.kev else ""
    screen.line(
        text(finding.id, "bold"), "  ", text(f"{severity.level}{score}", STYLES[severity.level]), epss, kev
    )
    if finding.aliases:
        screen.line(f"also known as {', '.join(finding.aliases)}")
    if summary := next((m.summary for m in finding.matches if m.summary), ""):
        screen.line(summary)
    if severity.vector:
        screen.line(text(severity.vector, "dim"))


def _installation(screen: Screen, explanation: Explanation) -> None:
    finding, package, layer = explanation.finding, explanation.package, explanation.layer
    screen.heading(f"{package.name} {package.version}  {finding.state}")
    _row(screen, "package", package.purl)
    for other in package.also:
        _row(screen, "also", f"{other}, judged by the distribution")
    if package.vendored_in:
        _row(
            screen,
            "vendored in",
            f"{package.vendored_in.partition('#')[0]}: maybe only a part of it, lower certainty",
        )
    _row(screen, "recorded at", package.path)
    if layer:
        _row(screen, "layer", f"{explanation.position} of {explanation.layers}, {layer.diff_id}")
        _row(screen, "created by", layer.created_by or "not told by the image")
    for match in finding.matches:
        _match(screen, match, explanation)
    _row(screen, "fixed in", finding.fixed or "no fixed version known")


def _match(screen: Screen, match: Match, explanation: Explanation) -> None:
    feed = next((f for f in explanation.feeds if f.name == match.feed), None)
    dated = f", as of {feed.as_of:%Y-%m-%d}" if feed and feed.as_of else ", of unknown date"
    _row(screen, "advisory", f"{match.record} (feed {match.feed}{dated})")
    _row(screen, "compared", f"{match.name} {match.version} in {match.ecosystem}")
    _row(screen, "matched", match.range)
    _row(screen, "see", match.url)


def _row(screen: Screen, label: str, value: str) -> None:
    screen.item(text(f"{label:<11}", "dim"), value)
