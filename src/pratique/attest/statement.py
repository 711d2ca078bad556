"""in-toto statements (attestation framework, Statement v1): something said about subjects that digests name."""

import re
from typing import Any

import msgspec
from msgspec import Struct, field

from pratique.formats import strict_json
from pratique.model.digest import Digest, parse_digest
from pratique.model.errors import InputError, UntrustedError

TYPE = "https://in-toto.io/Statement/v1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
_SUBJECTS = 64
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[\x21-\x7e]{1,500}")


class Subject(Struct, frozen=True):
    """What a statement is about.

    Attributes:
        name: for people; proves nothing.
        digest: sha256 of its bytes.
    """

    name: str
    digest: Digest


class Statement(Struct, frozen=True):
    """Something said of subjects.

    Attributes:
        subjects: at least one.
        predicate_type: URI that says what the predicate is.
        predicate: a JSON value.
    """

    subjects: tuple[Subject, ...]
    predicate_type: str
    predicate: Any


class _Resource(Struct):
    digest: dict[str, str]
    name: str = ""


class _Document(Struct, rename="camel"):
    kind: str = field(name="_type")
    subject: tuple[_Resource, ...]
    predicate_type: str
    predicate: Any = None


def encode_statement(statement: Statement, predicate: bytes) -> bytes:
    """Return the payload of a statement whose predicate is already encoded; its bytes stay as they are."""
    subjects = [
        {"name": s.name, "digest": {"sha256": s.digest.removeprefix("sha256:")}} for s in statement.subjects
    ]
    document = {
        "_type": TYPE,
        "subject": subjects,
        "predicateType": statement.predicate_type,
        "predicate": msgspec.Raw(predicate),
    }
    return msgspec.json.encode(document)


def parse_statement(payload: bytes) -> Statement:
    """Return the statement of a payload whose signature was checked.

    Raises:
        InputError: it is no statement of this version, or names a subject without a sha256.
    """
    try:
        found = msgspec.convert(strict_json.loads(payload, place="payload"), _Document)
    except msgspec.ValidationError as error:
        raise InputError(f"not an in-toto statement ({error})", place="payload") from error
    if found.kind != TYPE:
        raise InputError(f"a statement of another version: {found.kind[:80]!r}", place="payload")
    if not 1 <= len(found.subject) <= _SUBJECTS:
        raise InputError(f"{len(found.subject)} subjects, where 1 to {_SUBJECTS} belong", place="payload")
    if not _URI.fullmatch(found.predicate_type):
        raise InputError(f"not a predicate type: {found.predicate_type[:80]!r}", place="payload")
    subjects = (
        Subject(s.name, parse_digest(f"sha256:{s.digest.get('sha256', '')}", place="subject"))
        for s in found.subject
    )
    return Statement(tuple(subjects), found.predicate_type, found.predicate)


def check_about(statement: Statement, subject: Digest) -> None:
    """See that a statement is about something.

    Raises:
        UntrustedError: it is about something else.
    """
    if subject not in {s.digest for s in statement.subjects}:
        raise UntrustedError(
            f"a statement about {statement.subjects[0].digest}, not about {subject}",
            remedy="A statement does not carry over to another image: attest this one",
        )
