"""Counts the cases of every foreign suite, and writes one table of them."""

from collections import Counter, defaultdict
from pathlib import Path

import pytest

from tests.conformance.known import DIFFERENCES, SKIPPED

TABLE = Path(__file__).parent.parent.parent / "build" / "conformance.md"
_OUTCOMES = {
    "passed": "passed",
    "failed": "failed",
    "error": "failed",
    "skipped": "skipped",
    "xfailed": "known",
    "xpassed": "failed",
}
_TITLE = ("suite", "passed", "failed", "known differences", "skipped", "reasons")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table where a suite was run, and write it to ``build/conformance.md``."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for outcome, column in _OUTCOMES.items():
        for report in terminalreporter.stats.get(outcome, ()):
            suite = _suite(getattr(report, "nodeid", ""))
            if suite:
                counts[suite][column] += 1
    if counts:
        lines = [*_table(counts)]
        terminalreporter.section("conformance")
        terminalreporter.write_line("\n".join(lines))
        TABLE.parent.mkdir(exist_ok=True)
        TABLE.write_text("\n".join(["# Conformance", "", *lines, ""]), "utf-8")


def _suite(nodeid: str) -> str:
    """Return the suite of a case, which is the name of its test function; tests of the tables are no suite."""
    path, _, name = nodeid.partition("::test_")
    suite = name.partition("[")[0].replace("_", "-")
    return suite if path.endswith("test_conformance.py") and not suite.startswith("every-") else ""


def _table(counts: dict[str, Counter[str]]) -> list[str]:
    rows = [_TITLE, tuple("---" for _ in _TITLE)]
    for suite, found in sorted(counts.items()):
        numbers = (str(found[column]) for column in ("passed", "failed", "known", "skipped"))
        reasons = [f"{len(g.cases)} {g.reason}" for g in DIFFERENCES + SKIPPED if g.suite == suite]
        rows.append((suite, *numbers, "; ".join(reasons)))
    return [f"| {' | '.join(row)} |" for row in rows]
