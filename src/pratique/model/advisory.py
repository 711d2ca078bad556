"""Advisories as the snapshot keeps them, and the feeds that they come from."""

from datetime import date, datetime
from typing import Literal, Protocol

from msgspec import Struct

from pratique.model.digest import Digest

Level = Literal["critical", "high", "medium", "low", "none", "unrated"]
"""Qualitative severity (CVSS v3.1, section 5); ``unrated`` is not the same as ``none``."""

LEVELS: tuple[Level, ...] = ("critical", "high", "medium", "low", "none", "unrated")

Coverage = Literal["complete", "window", "sample"]
"""How much a feed claims to know: everything, everything between two dates, or some of it."""


class Severity(Struct, frozen=True):
    """A severity with the CVSS base score and vector that it comes from."""

    level: Level = "unrated"
    score: float = 0.0
    vector: str = ""


UNRATED = Severity()


class Range(Struct, frozen=True, omit_defaults=True):
    """One half-open interval of versions: OSV events in order, resolved to a pair.

    Attributes:
        introduced: first affected version; ``0`` is before every version.
        fixed: first version not affected; empty where there is none.
        last_affected: last affected version, inclusive; empty where ``fixed`` says it or nothing does.
    """

    introduced: str
    fixed: str = ""
    last_affected: str = ""


class Advisory(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What one record says about one package name; the unit of look-up.

    Attributes:
        id: the record's own id.
        feed: name of the feed.
        vulnerabilities: one tuple of ids for each vulnerability that the record is about: a PYSEC record with its
            CVE and GHSA aliases is one, a DSA with five CVEs is five.
        ranges: affected intervals, in the ecosystem's version order.
        versions: affected versions by name.
        unbounded: the record names the package without a range or version: which are affected is not said.
    """

    id: str
    feed: str
    vulnerabilities: tuple[tuple[str, ...], ...]
    summary: str = ""
    url: str = ""
    published: str = ""
    severity: Severity = UNRATED
    ranges: tuple[Range, ...] = ()
    versions: tuple[str, ...] = ()
    unbounded: bool = False


class Feed(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A feed of a snapshot, and what it claims to cover.

    Attributes:
        format: ``osv``, ``kev`` or ``epss``.
        ecosystems: OSV ecosystem names that it covers, such as ``PyPI`` or ``Debian:12``.
        as_of: the feed's own date; None where it has none. Never the newest record's.
        window_from: first day of a window.
        window_to: last day of a window.
        records: read.
        withdrawn: of them, withdrawn by their issuer; they never match.
        digest: of the files as imported.
    """

    name: str
    format: Literal["osv", "kev", "epss"]
    ecosystems: tuple[str, ...] = ()
    coverage: Coverage = "sample"
    as_of: datetime | None = None
    window_from: date | None = None
    window_to: date | None = None
    origin: str = ""
    licence: str = ""
    note: str = ""
    records: int = 0
    withdrawn: int = 0
    digest: Digest | None = None


class Exploitation(Struct, frozen=True, omit_defaults=True):
    """What is known of a CVE's exploitation.

    Attributes:
        kev: day on which CISA listed it as exploited; empty where it did not.
        epss: probability of exploitation within 30 days, 0 to 1; None where FIRST gives none.
        percentile: of that probability among all, 0 to 1.
    """

    kev: str = ""
    epss: float | None = None
    percentile: float | None = None


class Knowledge(Protocol):
    """The advisories of one snapshot, as judgement asks for them."""

    digest: Digest | None
    feeds: tuple[Feed, ...]

    def advisories(self, ecosystem: str, name: str, /) -> tuple[Advisory, ...]:
        """Return every advisory about a package name, sorted by id."""
        ...

    def exploitation(self, cve: str, /) -> Exploitation:
        """Return what KEV and EPSS say of a CVE."""
        ...
