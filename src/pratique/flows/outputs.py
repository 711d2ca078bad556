"""Reports and inventories in every format that they can be written in."""

from collections.abc import Callable
from pathlib import Path

from pratique.formats.cyclonedx import cyclonedx
from pratique.formats.documents import Document, Report, digest_of_document, encode, envelope
from pratique.formats.official import check_cyclonedx, check_spdx
from pratique.formats.sarif import sarif
from pratique.formats.spdx import spdx
from pratique.model.errors import UsageError
from pratique.model.inventory import Inventory
from pratique.storage import write_atomic

SBOMS: dict[str, Callable[[Inventory], bytes]] = {
    "cyclonedx-json": lambda i: check_cyclonedx(cyclonedx(i, digest_of_document(i))),
    "spdx-json": lambda i: check_spdx(spdx(i, digest_of_document(i))),
}

FORMATS: dict[str, Callable[[Report], bytes]] = {
    "json": envelope,
    "sarif": lambda r: sarif(r.inventory, r.findings, r.decision),
    "cyclonedx-json": lambda r: SBOMS["cyclonedx-json"](r.inventory),
    "spdx-json": lambda r: SBOMS["spdx-json"](r.inventory),
    "inventory": lambda r: encode(r.inventory),
    "findings": lambda r: encode(r.findings),
    "decision": lambda r: encode(r.decision),
}


def parse_outputs(texts: list[str], allowed: tuple[str, ...]) -> list[tuple[str, Path]]:
    """Return (format, file) for each ``FORMAT=FILE``.

    Raises:
        UsageError: the format is unknown, the file is missing, or a file stands twice.
    """
    outputs = []
    for text in texts:
        name, equals, file = text.partition("=")
        if name not in allowed or not equals or not file:
            raise UsageError(
                f"not FORMAT=FILE: {text[:100]!r}", place="--output", remedy=f"Formats: {', '.join(allowed)}"
            )
        outputs.append((name, Path(file)))
    if len({file for _, file in outputs}) != len(outputs):
        raise UsageError("one file for two formats", place="--output", remedy="Name a file for each")
    return outputs


def write_outputs(report: Report, outputs: list[tuple[str, Path]]) -> None:
    """Write a report to files, each whole or not at all.

    Raises:
        UnavailableError: a folder or disk refuses.
    """
    for name, path in outputs:
        write_atomic(path, FORMATS[name](report) + b"\n")


def write_sboms(inventory: Inventory, outputs: list[tuple[str, Path]]) -> None:
    """Write an inventory's bills of materials to files, each whole or not at all.

    Raises:
        UnavailableError: a folder or disk refuses.
    """
    for name, path in outputs:
        write_atomic(path, SBOMS[name](inventory) + b"\n")


def write_document(document: Document, outputs: list[tuple[str, Path]]) -> None:
    """Write one of our own documents to files, each whole or not at all.

    Raises:
        UnavailableError: a folder or disk refuses.
    """
    write_bytes(encode(document), outputs)


def write_bytes(data: bytes, outputs: list[tuple[str, Path]]) -> None:
    """Write a document that is already encoded to files, each whole or not at all.

    Raises:
        UnavailableError: a folder or disk refuses.
    """
    for _, path in outputs:
        write_atomic(path, data + b"\n")
