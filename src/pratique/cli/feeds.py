"""The advisory snapshot on a terminal."""

from rich.text import Text

from pratique.cli.report import covers
from pratique.cli.screen import Screen, text
from pratique.flows.database import DatabaseState, FeedState


def show_database(screen: Screen, state: DatabaseState) -> None:
    """Print the snapshot's digest and its feeds."""
    if state.snapshot is None:
        screen.line("No snapshot. Run: pratique db import PATH")
    else:
        screen.line(text("snapshot  ", "bold"), state.snapshot)
        screen.line()
        columns = ("Feed", "Covers", "Records", "Withdrawn", "As of", "Age")
        screen.table(columns, (_row(f) for f in state.feeds), right=("Records", "Withdrawn"))
        if any(f.stale for f in state.feeds):
            screen.line()
            screen.line(
                text(
                    "A stale feed is older than 7 days: a policy must accept that before an image can pass.",
                    "yellow",
                )
            )


def _row(state: FeedState) -> tuple[str | Text, ...]:
    feed = state.feed
    as_of = f"{feed.as_of:%Y-%m-%d}" if feed.as_of else "unknown"
    age = text(f"{state.age}{' (stale)' if state.stale else ''}", "yellow" if state.stale else "")
    return feed.name, covers(feed), f"{feed.records:,}", f"{feed.withdrawn:,}", as_of, age
