"""Documents as the store keeps them: their bytes, named by their digest, compressed. Decides nothing about their content."""

from datetime import UTC, datetime
from typing import NamedTuple

import msgspec
import zstandard
from msgspec import Struct, structs

from pratique.fleet.rows import Recorded, Row, rows_of
from pratique.formats.documents import Envelope, Sealed, digest_of_document, encode, read
from pratique.model.digest import Digest, digest_of
from pratique.model.errors import InputError, UntrustedError
from pratique.model.finding import Decision, Findings
from pratique.model.inventory import Inventory
from pratique.model.usage import Usage

KINDS: dict[str, type[Recorded]] = {
    "pratique.inventory/1": Inventory,
    "pratique.findings/1": Findings,
    "pratique.decision/1": Decision,
    "pratique.usage/1": Usage,
}
LIMIT = 1 << 29
"""Bytes of a document, uncompressed: what a store that somebody else wrote may make us expand."""

_REMEDY = "Name inventory, findings, decision, usage or json report documents"
_REPORT = "pratique.report/1"
_LEVEL = 6  # the demo's documents take half the time of level 10, and are a twentieth larger


class Record(NamedTuple):
    """One document, ready to be stored.

    Attributes:
        digest: of its bytes, by which other documents name it.
        created: UTC.
        size: of its bytes.
        body: its bytes, compressed.
        rows: what it is found by.
    """

    digest: Digest
    created: datetime
    size: int
    body: bytes
    rows: tuple[Row, ...]


class _Tagged(Struct, frozen=True):
    """The one field that every document of ours has."""

    schema: str = ""


def make_record(document: Recorded) -> Record:
    """Return the record of a document that was made a moment ago."""
    return _record(encode(document), document, "")


def read_records(data: bytes, place: str) -> tuple[Record, ...]:
    """Return the records of a file: one document, or the three of a scan's JSON report.

    Raises:
        InputError: it is no such document, or not the bytes that Pratique wrote.
        UntrustedError: a report holds a document beside a digest that is not its own.
    """
    body = data.removesuffix(b"\n")
    try:
        tag = msgspec.json.decode(body, type=_Tagged).schema
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"not a document of Pratique ({error})", place=place, remedy=_REMEDY) from error
    if tag == _REPORT:
        parts = structs.astuple(read(body, Envelope, place))
        return tuple(_unsealed(part, place) for part in parts)
    if tag not in KINDS:
        raise InputError(
            f"not a document that is recorded: {tag[:60]!r}",
            place=place,
            remedy=_REMEDY,
        )
    if b"\n" in body:  # no document of ours has one; its digest would not be the one that others name
        raise InputError(
            "formatted anew, so that no other document names it any more",
            place=place,
            remedy="Name the file as Pratique wrote it",
        )
    return (_record(body, read(body, KINDS[tag], place), place),)


def _unsealed(part: Sealed, place: str) -> Record:
    if digest_of_document(part.document) != part.digest:
        raise UntrustedError(
            f"a document in it does not match its digest, {part.digest}", place=place, remedy="Scan again"
        )
    if not isinstance(part.document, Inventory | Findings | Decision | Usage):
        raise InputError("not the report of a scan", place=place, remedy=_REMEDY)
    return make_record(part.document)


def _record(body: bytes, value: Recorded, place: str) -> Record:
    if len(body) > LIMIT:
        raise InputError(f"a document of more than {LIMIT >> 20} MiB", place=place, remedy=_REMEDY)
    compressed = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).compress(body)
    try:
        return Record(digest_of(body), _moment(value, place), len(body), compressed, rows_of(value))
    except InputError as error:
        raise error.at(place) if place and not error.place else error from None


def _moment(value: Recorded, place: str) -> datetime:
    try:
        if value.created.tzinfo:
            return value.created.astimezone(UTC)
    except OverflowError:
        pass
    raise InputError(f"not a moment: {value.created.isoformat()}", place=place, remedy="Scan again")


def expand(body: bytes, size: int, digest: Digest, place: str) -> bytes:
    """Return the bytes of a stored document.

    Raises:
        InputError: they are not what was stored.
    """
    damaged = InputError(
        f"the stored document {digest} is damaged", place=place, remedy="Restore the store from a copy"
    )
    try:
        told = zstandard.get_frame_parameters(body).content_size
        if told != size or size > LIMIT:
            raise damaged
        data = zstandard.ZstdDecompressor().decompress(body)
    except zstandard.ZstdError as error:
        raise damaged from error
    if digest_of(data) != digest:
        raise damaged
    return data
