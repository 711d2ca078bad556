"""A document's rows: what it is found by, beside its bytes. Written once, with the document."""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec

from pratique.ecosystems import purl, python
from pratique.fleet.record import Record
from pratique.model.errors import InputError
from pratique.model.finding import Decision, Finding, Findings
from pratique.model.inventory import Inventory, Package, Source
from pratique.model.usage import Usage


def insert(connection: sqlite3.Connection, record: Record) -> bool:
    """Write a document with its rows; False where it is there already."""
    cursor = connection.execute(
        "INSERT INTO document (digest, created, size, body) VALUES (?, ?, ?, ?) ON CONFLICT (digest) DO NOTHING",
        (record.digest, stamp(record.created), record.size, record.body),
    )
    if cursor.rowcount == 0:
        return False
    number = cursor.lastrowid or 0
    match record.value:
        case Inventory() as inventory:
            _inventory(connection, number, inventory)
        case Findings() as findings:
            _findings(connection, number, findings)
        case Decision() as decision:
            values = (number, decision.inventory, decision.findings, decision.verdict)
            connection.execute("INSERT INTO decision VALUES (?, ?, ?, ?)", values)
        case Usage() as usage:
            _usage(connection, number, usage)
    return True


def stamp(moment: datetime) -> str:
    """Return a moment as text that sorts as moments do."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def image_key(source: Source) -> str:
    """Return what two scans of one image share: its configuration, else its manifest, else where an unpacked root lies."""
    return source.config or source.digest or f"{source.kind}:{source.reference}"


def _inventory(connection: sqlite3.Connection, number: int, inventory: Inventory) -> None:
    source = inventory.source
    connection.execute(
        "INSERT INTO inventory VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            number,
            image_key(source),
            source.config,
            source.digest,
            source.reference,
            source.platform,
            inventory.completeness,
            len(inventory.gaps),
            len(inventory.packages),
        ),
    )
    rows = {(*row[:2], number, *row[2:]) for package in inventory.packages for row in _names(package)}
    connection.executemany("INSERT INTO package VALUES (?, ?, ?, ?, ?, ?, ?, ?)", sorted(rows))


def _names(package: Package) -> Iterator[tuple[str, ...]]:
    """Yield (type, name, id, by what name, purl, namespace, version) of a package: its own, its others, its source."""
    for told, text in (("itself", package.purl), *(("also", also) for also in package.also)):
        kind, namespace, name, version = purl_parts(text)
        yield kind, name, package.id, told, text, namespace, version or package.version
    if package.source:
        kind, namespace, _, _ = purl_parts(package.purl)
        source = package.source
        yield kind, source.name, package.id, "source", package.purl, namespace, source.version


def purl_parts(text: str) -> tuple[str, str, str, str]:
    """Return type, namespace, normalised name and version of a package URL; qualifiers, which would hide matches, go.

    Raises:
        InputError: the text is not a package URL.
    """
    found = purl.parse(text)
    if not found.name:
        raise InputError(f"a package URL without a name: {text[:120]!r}")
    name = python.normalise(found.name) if found.type == "pypi" else found.name
    return found.type, found.namespace or "", name, found.version or ""


def _findings(connection: sqlite3.Connection, number: int, findings: Findings) -> None:
    blind = Counter(_type(a.package) for a in findings.assessments if a.state != "assessed")
    text = msgspec.json.encode(dict(sorted(blind.items()))).decode()
    values = (number, findings.inventory, findings.snapshot, len(findings.findings), text)
    connection.execute("INSERT INTO findings VALUES (?, ?, ?, ?, ?)", values)
    names = {name for finding in findings.findings for name in finding_names(finding)}
    connection.executemany("INSERT INTO finding VALUES (?, ?)", ((name, number) for name in sorted(names)))


def finding_names(finding: Finding) -> set[str]:
    """Return every name that a finding goes by, in capitals."""
    return {name.upper() for name in (finding.id, *finding.aliases, *(m.record for m in finding.matches))}


def _type(package: str) -> str:
    return package.partition("/")[0].removeprefix("pkg:")


def _usage(connection: sqlite3.Connection, number: int, usage: Usage) -> None:
    values = (number, usage.image, usage.inventory, int(usage.valid))
    connection.execute("INSERT INTO usage VALUES (?, ?, ?, ?)", values)
    uses = {p.package: (p.state, msgspec.json.encode(p.phases).decode()) for p in usage.packages}
    rows = ((number, package, state, phases) for package, (state, phases) in sorted(uses.items()))
    connection.executemany("INSERT INTO use VALUES (?, ?, ?, ?)", rows)
