"""What a document is found by, beside its bytes: rows, made once from the document alone. Writes nothing."""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from pratique.ecosystems import purl, python
from pratique.model.errors import InputError
from pratique.model.finding import Decision, Finding, Findings
from pratique.model.inventory import Inventory, Package, Source
from pratique.model.usage import Usage

Recorded = Inventory | Findings | Decision | Usage


class Row(NamedTuple):
    """One row of a table; the number of its document stands before these values."""

    table: str
    values: tuple[str | int | None, ...]


def rows_of(document: Recorded) -> tuple[Row, ...]:
    """Return a document's rows: its own first, then those that hang on it.

    Raises:
        InputError: a package has no package URL.
    """
    match document:
        case Inventory():
            return (_inventory(document), *_packages(document))
        case Findings():
            return (_findings(document), *_vulnerabilities(document))
        case Usage():
            return (_usage(document), *_uses(document))
        case Decision():
            return (Row("decision", (document.inventory, document.findings, document.verdict)),)


def image_key(source: Source) -> str:
    """Return what two scans of one image share: its configuration, else its manifest, else where an unpacked root lies."""
    return source.config or source.digest or f"{source.kind}:{source.reference}"


def _inventory(inventory: Inventory) -> Row:
    source = inventory.source
    return Row(
        "inventory",
        (
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


def _packages(inventory: Inventory) -> Iterator[Row]:
    found = {values for package in inventory.packages for values in _names(package)}
    return (Row("package", values) for values in sorted(found))


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
        raise InputError(f"not a package URL: {text[:120]!r} (no name)")
    name = python.normalise(found.name) if found.type == "pypi" else found.name
    return found.type, found.namespace or "", name, found.version or ""


def _findings(findings: Findings) -> Row:
    blind = Counter(_type(a.package) for a in findings.assessments if a.state != "assessed")
    asked = {name for a in findings.assessments for name in a.feeds}
    texts = (_text(dict(sorted(blind.items()))), _text([f for f in findings.feeds if f.name in asked]))
    return Row("findings", (findings.inventory, findings.snapshot, len(findings.findings), *texts))


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _type(package: str) -> str:
    return package.partition("/")[0].removeprefix("pkg:")


def _vulnerabilities(findings: Findings) -> Iterator[Row]:
    names = {name for finding in findings.findings for name in finding_names(finding)}
    return (Row("finding", (name,)) for name in sorted(names))


def finding_names(finding: Finding) -> set[str]:
    """Return every name that a finding goes by, in capitals."""
    return {name.upper() for name in (finding.id, *finding.aliases, *(m.record for m in finding.matches))}


def _usage(usage: Usage) -> Row:
    return Row("usage", (usage.image, usage.inventory, int(usage.valid)))


def _uses(usage: Usage) -> Iterator[Row]:
    uses = {p.package: (p.state, _text(p.phases)) for p in usage.packages}
    return (Row("use", (package, *use)) for package, use in sorted(uses.items()))
