"""OSV records to advisories (OSV schema 1.7).

A record is split by package name, the unit of look-up. Ranges of type GIT say nothing about a package version and are
left out; withdrawn records are counted and left out.
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import msgspec
from cvss import CVSS2, CVSS3, CVSS4, CVSSError
from msgspec import Struct, field

from pratique.ecosystems.python import normalise
from pratique.model.advisory import UNRATED, Advisory, Level, Range, Severity
from pratique.model.errors import InputError

_SUMMARY = 200


class OsvPackage(Struct):
    """``affected[].package``."""

    ecosystem: str
    name: str


class OsvRange(Struct):
    """``affected[].ranges[]``; every event is an object with one key."""

    type: str
    events: list[dict[str, str]]


class OsvSeverity(Struct):
    """``severity[]``."""

    type: str
    score: str


class OsvAffected(Struct):
    """``affected[]``; the package is absent where a record is about a repository alone."""

    package: OsvPackage | None = None
    ranges: list[OsvRange] = field(default_factory=list)
    versions: list[str] = field(default_factory=list)
    severity: list[OsvSeverity] | None = None


class OsvReference(Struct):
    """``references[]``."""

    type: str
    url: str


class OsvRecord(Struct):
    """One record; unknown fields are allowed, as the schema asks of readers."""

    id: str
    modified: str
    published: str = ""
    withdrawn: str | None = None
    aliases: list[str] | None = None
    upstream: list[str] | None = None
    summary: str = ""
    details: str = ""
    affected: list[OsvAffected] | None = None
    references: list[OsvReference] | None = None
    severity: list[OsvSeverity] | None = None
    database_specific: dict[str, Any] | None = None


_DECODER = msgspec.json.Decoder(OsvRecord)


class Named(NamedTuple):
    """An advisory under the ecosystem and package name by which it is looked up."""

    ecosystem: str
    name: str
    advisory: Advisory


def decode(data: bytes, place: str) -> OsvRecord:
    """Return one record.

    Raises:
        InputError: it is not JSON, or not an OSV record.
    """
    try:
        return _DECODER.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(
            f"not an OSV record ({error})", place=place, remedy="Fetch the feed again, or leave the file out"
        ) from error


def advisories(record: OsvRecord, feed: str) -> Iterator[Named]:
    """Yield one advisory for each package name that a record is about; none where it is withdrawn."""
    if record.withdrawn:
        return
    for key, parts in _by_name(record.affected or ()).items():
        ranges = tuple(r for part in parts for r in part.ranges if r.type != "GIT")
        versions = tuple(dict.fromkeys(v for part in parts for v in part.versions))
        advisory = Advisory(
            id=record.id,
            feed=feed,
            vulnerabilities=_vulnerabilities(record),
            summary=(record.summary or record.details.strip().partition("\n")[0])[:_SUMMARY],
            url=_url(record),
            published=record.published,
            severity=_severity(record, parts),
            ranges=tuple(pair for r in ranges for pair in _pairs(r)),
            versions=versions,
            unbounded=not ranges and not versions,
        )
        yield Named(*key, advisory)


def _by_name(affected: Iterable[OsvAffected]) -> dict[tuple[str, str], list[OsvAffected]]:
    grouped: dict[tuple[str, str], list[OsvAffected]] = {}
    for part in affected:
        if part.package:
            name = normalise(part.package.name) if part.package.ecosystem == "PyPI" else part.package.name
            grouped.setdefault((part.package.ecosystem, name), []).append(part)
    return grouped


def _vulnerabilities(record: OsvRecord) -> tuple[tuple[str, ...], ...]:
    """Aliases name the same vulnerability; ``upstream`` of a distribution's advisory may name several."""
    if not record.upstream:
        return (tuple(dict.fromkeys((record.id, *(record.aliases or ())))),)
    own = {u for u in record.upstream if record.id.endswith(u)}
    return tuple((u, record.id) if u in own else (u,) for u in dict.fromkeys(record.upstream))


def _pairs(events_of: OsvRange) -> Iterator[Range]:
    """Pair the events, which the schema leaves unsorted: each end belongs to the ``introduced`` named last before it.

    Several ends after one ``introduced`` make several intervals; judgement takes their union, which errs towards
    "affected" and never away from it.
    """
    introduced, open_end = "", False
    events = events_of.events
    if sum("introduced" in event for event in events) == 1:
        events = sorted(events, key=lambda event: "introduced" not in event)
    for event in events:
        if "introduced" in event:
            if open_end:
                yield Range(introduced)
            introduced, open_end = event["introduced"], True
        elif "fixed" in event:
            yield Range(introduced or "0", fixed=event["fixed"])
            open_end = False
        elif "last_affected" in event:
            yield Range(introduced or "0", last_affected=event["last_affected"])
            open_end = False
    if open_end:
        yield Range(introduced)


def _severity(record: OsvRecord, parts: list[OsvAffected]) -> Severity:
    """Return the highest of the record's CVSS base scores, else the word that its database gives."""
    stated = [s for part in parts for s in part.severity or ()] or record.severity or []
    scored = [rated for s in stated if (rated := rate(s.score)).level != "unrated"]
    if scored:
        return max(scored, key=lambda s: s.score)
    word = str((record.database_specific or {}).get("severity", "")).lower()
    levels: dict[str, Level] = {
        "critical": "critical",
        "high": "high",
        "moderate": "medium",
        "medium": "medium",
        "low": "low",
    }
    return Severity(levels[word]) if word in levels else UNRATED


def rate(vector: str) -> Severity:
    """Return the severity of a CVSS vector (FIRST: CVSS v2, v3.0, v3.1, v4.0); unrated where it is none."""
    kind = {"CVSS:3": CVSS3, "CVSS:4": CVSS4}.get(vector[:6], CVSS2)
    try:
        score = float(kind(vector).base_score)
    except (CVSSError, ValueError, ArithmeticError, KeyError):
        return UNRATED
    return Severity(_level(score), score, vector)


def _level(score: float) -> Level:
    """Return the qualitative rating (CVSS v3.1, section 5)."""
    bounds: tuple[tuple[float, Level], ...] = (
        (9.0, "critical"),
        (7.0, "high"),
        (4.0, "medium"),
        (0.1, "low"),
    )
    return next((level for bound, level in bounds if score >= bound), "none")


def _url(record: OsvRecord) -> str:
    if record.id.startswith(("DSA-", "DLA-", "DEBIAN-CVE-")):
        return f"https://security-tracker.debian.org/tracker/{record.id.removeprefix('DEBIAN-')}"
    links = [r for r in record.references or () if r.url.startswith(("https://", "http://"))]
    best = sorted(links, key=lambda r: r.type != "ADVISORY")
    return best[0].url if best else f"https://osv.dev/vulnerability/{record.id}"
