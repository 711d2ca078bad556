"""Model values with defaults that a test need not repeat, and advisories held in memory."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from msgspec.structs import replace

from pratique.ecosystems import purl
from pratique.formats.documents import Report, digest_of_document
from pratique.model.advisory import Advisory, Exploitation, Feed, Range, Severity
from pratique.model.digest import Digest, digest_of
from pratique.model.finding import Acceptance, Assessment, Finding, Findings, Match
from pratique.model.inventory import Distribution, Gap, GapKind, Inventory, Layer, Package, Source
from pratique.policy import Policy, decide

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DEBIAN = Distribution(id="debian", version_id="12", name="Debian GNU/Linux", codename="bookworm")
ZERO = digest_of(b"")


def package(name: str, version: str, *, kind: str = "pypi", **more: Any) -> Package:
    """Return a package; ``source`` and the like by keyword."""
    path = more.pop("path", f"lib/{name[:60]}")
    named = more.pop("purl", "")
    if not named:
        named = purl.pypi(name, version) if kind == "pypi" else purl.deb(name, version, "amd64", DEBIAN)
    fields: dict[str, Any] = {"id": f"{named}#{path}", "type": kind, "layer": 0, **more}
    return Package(name=name, version=version, purl=named, path=path, **fields)


def inventory(*packages: Package, **more: Any) -> Inventory:
    """Return the inventory of a Debian 12 image with one layer."""
    fields: dict[str, Any] = {
        "tool": "0.0.0",
        "created": NOW,
        "clock": "system",
        "source": Source(kind="oci", reference="image", digest=ZERO, config=ZERO, platform="linux/amd64"),
        "distribution": DEBIAN,
        "layers": (Layer(diff_id=ZERO, created_by="RUN", entries=1, size=1),),
        "completeness": "complete",
        "gaps": (),
        "files": 1,
        "unowned": 0,
        **more,
    }
    return Inventory(packages=packages, **fields)


def advisory(record: str, *ranges: Range, **more: Any) -> Advisory:
    """Return an advisory of the feed ``osv``; ``vulnerabilities`` is its own id unless given."""
    ids = more.pop("vulnerabilities", ((record,),))
    return Advisory(id=record, feed=more.pop("feed", "osv"), vulnerabilities=ids, ranges=ranges, **more)


def feed(name: str = "osv", **more: Any) -> Feed:
    """Return a complete PyPI feed of yesterday."""
    fields: dict[str, Any] = {
        "format": "osv",
        "ecosystems": ("PyPI",),
        "coverage": "complete",
        "as_of": NOW - timedelta(days=1),
        **more,
    }
    return Feed(name=name, **fields)


class Known:
    """A ``Knowledge`` in memory: advisories by (ecosystem, name), exploitation by CVE."""

    def __init__(
        self,
        advisories: Mapping[tuple[str, str], Sequence[Advisory]],
        feeds: Sequence[Feed] = (),
        exploited: Mapping[str, Exploitation] | None = None,
    ) -> None:
        self.digest: Digest | None = ZERO
        self.feeds = tuple(feeds) or (feed(),)
        self._advisories = advisories
        self._exploited = exploited or {}

    def advisories(self, ecosystem: str, name: str) -> tuple[Advisory, ...]:
        return tuple(self._advisories.get((ecosystem, name), ()))

    def exploitation(self, cve: str) -> Exploitation:
        return self._exploited.get(cve, Exploitation())


def finding(identifier: str = "CVE-2026-1", severity: Severity | None = None, **more: Any) -> Finding:
    """Return a finding in ``pkg:pypi/demo@1.0#lib/demo``."""
    found = package("demo", "1.0")
    rated = severity or Severity("high", 7.5)
    match = Match(
        record=identifier,
        feed="osv",
        ecosystem="PyPI",
        name="demo",
        version="1.0",
        range="< 2",
        fixed="2",
        severity=rated,
    )
    fields: dict[str, Any] = {
        "aliases": (),
        "package": found.id,
        "purl": found.purl,
        "name": "demo",
        "version": "1.0",
        "state": "affected",
        "fixed": "2",
        "matches": (match,),
        **more,
    }
    return Finding(id=identifier, severity=rated, **fields)


def findings(*found: Finding, **more: Any) -> Findings:
    """Return findings over one assessed package and a complete feed, without a gap."""
    fields: dict[str, Any] = {
        "tool": "0.0.0",
        "created": NOW,
        "clock": "system",
        "inventory": ZERO,
        "snapshot": ZERO,
        "feeds": (feed(),),
        "assessments": (Assessment(package=package("demo", "1.0").id, state="assessed", feeds=("osv",)),),
        "gaps": (),
        **more,
    }
    return Findings(findings=found, **fields)


def gap(kind: GapKind = "unread-file", subject: str = "a", *packages: str) -> Gap:
    return Gap(kind=kind, subject=subject, reason=f"reason of {subject}", packages=packages)


def acceptance(kind: GapKind = "unread-file", *, days: int = 1, **more: Any) -> Acceptance:
    """Return an acceptance that ends some days from now."""
    until: date = (NOW + timedelta(days=days)).date()
    return Acceptance(gap=kind, reason="known", owner="me", until=until, **more)


def report(held: Inventory, found: Findings, policy: Policy | None = None) -> Report:
    """Return the three documents, bound to each other by digest."""
    bound = replace(found, inventory=digest_of_document(held))
    return Report(
        inventory=held, findings=bound, decision=decide(bound, digest_of_document(bound), policy, NOW)
    )
