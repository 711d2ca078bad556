"""Advisories: feeds to an immutable snapshot, and look-ups in it. Fetches nothing from a network."""

from pratique.advisories.feeds import FeedFiles, find_feeds
from pratique.advisories.snapshot import NoSnapshot, Snapshot, build, open_snapshot

__all__ = ["FeedFiles", "NoSnapshot", "Snapshot", "build", "find_feeds", "open_snapshot"]
