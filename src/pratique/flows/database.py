"""Feeds to a snapshot, and what the snapshot holds."""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from pratique.advisories import FeedFiles, build, find_feeds, open_snapshot
from pratique.flows.clock import read_clock
from pratique.flows.scan import database
from pratique.model.advisory import Coverage, Feed
from pratique.model.digest import Digest
from pratique.model.errors import UsageError
from pratique.policy import describe_age, is_stale


class FeedState(Struct, frozen=True):
    """A feed and its age today."""

    feed: Feed
    age: str
    stale: bool


class DatabaseState(Struct, frozen=True, tag_field="schema", tag="pratique.database/1"):
    """The current snapshot; without a digest where nothing was imported."""

    snapshot: Digest | None
    feeds: tuple[FeedState, ...]


class Declaration(Struct, frozen=True):
    """What the command line says of a feed that declares nothing itself."""

    name: str = ""
    coverage: Coverage | None = None
    as_of: datetime | None = None


def import_feeds(
    paths: Sequence[Path], said: Declaration, cache: str, progress: Callable[[str], None]
) -> DatabaseState:
    """Read feeds into a new snapshot, which also keeps the current one's feeds of other names.

    Raises:
        InputError: a feed is damaged; the current snapshot stays.
        UsageError: a declaration for several feeds at once.
    """
    sources = [source for path in paths for source in find_feeds(path)]
    if said != Declaration():
        sources = [_declared(sources, said)]
    build(database(cache), sources, progress)
    return status(cache)


def _declared(sources: list[FeedFiles], said: Declaration) -> FeedFiles:
    if len(sources) != 1:
        raise UsageError(
            f"one declaration for {len(sources)} feeds",
            place="--feed, --coverage, --as-of",
            remedy="Import feeds one by one, or declare them in a feeds.toml beside them",
        )
    feed = sources[0].feed
    if said.coverage == "window":
        raise UsageError(
            "a window needs its dates",
            place="--coverage",
            remedy="Declare it in a feeds.toml beside the feed",
        )
    named = replace(
        feed,
        name=said.name or feed.name,
        coverage=said.coverage or feed.coverage,
        as_of=said.as_of or feed.as_of,
    )
    return FeedFiles(named, sources[0].files)


def status(cache: str) -> DatabaseState:
    """Return the current snapshot's feeds with their ages.

    Raises:
        InputError: the snapshot is damaged.
    """
    now = read_clock().now
    snapshot = open_snapshot(database(cache))
    return DatabaseState(
        snapshot.digest, tuple(FeedState(f, describe_age(f, now), is_stale(f, now)) for f in snapshot.feeds)
    )
