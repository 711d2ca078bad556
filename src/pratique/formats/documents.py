"""Pratique's own documents, from inventory to decision: each versioned, and named by the digest of its bytes.

The bytes are a function of the value alone. A document never holds its own digest; the envelope around it does.
"""

import inspect
import re
from functools import lru_cache
from typing import Any, TypeVar

import msgspec
from msgspec import Struct, structs

from pratique.formats import strict_json
from pratique.model.admission import Admission, Attested, SignedDecision, Verification
from pratique.model.base import Base
from pratique.model.clearance import Clearance
from pratique.model.digest import Digest, digest_of
from pratique.model.errors import InputError
from pratique.model.finding import Decision, Findings
from pratique.model.fleet import Affected, Fleet, Rescan
from pratique.model.hardening import Hardening
from pratique.model.inventory import Inventory
from pratique.model.pins import Pins
from pratique.model.plan import Plan
from pratique.model.proof import Proof
from pratique.model.usage import Usage
from pratique.model.verification import Verification as PinsVerification

Document = Inventory | Findings | Decision | Usage | Plan | Hardening | Proof | Base | Pins | PinsVerification
T = TypeVar("T")

_INVISIBLE = "[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]"
_UNSEEN = re.compile(_INVISIBLE)
_COMMANDS = re.compile(f"{_INVISIBLE}|#(?=#)")
_ENCODER = msgspec.json.Encoder(order="deterministic")


class Report(Struct, frozen=True, kw_only=True):
    """The three documents of one scan."""

    inventory: Inventory
    findings: Findings
    decision: Decision


class Sealed(Struct, frozen=True):
    """A document beside the digest of its encoded bytes."""

    digest: Digest
    document: Document


class _Encoded(Struct, frozen=True):
    """A document that is encoded already, as ``Sealed`` is written."""

    digest: Digest
    document: msgspec.Raw


class Envelope(Struct, frozen=True, kw_only=True, tag_field="schema", tag="pratique.report/1"):
    """What ``--format json`` prints: each document of a report beside its digest."""

    inventory: Sealed
    findings: Sealed
    decision: Sealed


def encode(value: Any) -> bytes:
    """Return the one encoding of a value as JSON (RFC 8259).

    Control and direction characters and ``##`` are escaped, so that printing a document can steer neither a terminal
    nor a CI system.
    """
    data = _ENCODER.encode(value)
    steering = _COMMANDS if b"##" in data else _UNSEEN
    if steering is _UNSEEN and data.isascii() and b"\x7f" not in data:
        return data
    return steering.sub(lambda found: f"\\u{ord(found[0]):04x}", data.decode("utf-8")).encode("utf-8")


class _Same:
    """A document as a key: equal to itself alone, so that what is large is compared at once."""

    def __init__(self, document: Document) -> None:
        self.document = document

    def __hash__(self) -> int:
        return id(self.document)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.document is self.document


@lru_cache(maxsize=4)
def _encoded(same: _Same) -> _Encoded:
    """Return a document's bytes and digest; the last few are kept, since several documents name the same one."""
    data = encode(same.document)
    return _Encoded(digest_of(data), msgspec.Raw(data))


def digest_of_document(document: Document) -> Digest:
    """Return the digest of a document's bytes, by which other documents name it."""
    return _encoded(_Same(document)).digest


def envelope(report: Report) -> bytes:
    """Return the three documents of a scan as one JSON text."""
    sealed: dict[str, Any] = {name: _encoded(_Same(p)) for name, p in structs.asdict(report).items()}
    return _ENCODER.encode(Envelope(**sealed))


def read(data: bytes, kind: type[T], place: str) -> T:
    """Return a document of ours that was written earlier.

    Raises:
        InputError: it is not JSON, or no document of this kind and version.
    """
    remedy = "Name a document that this version of Pratique wrote"
    try:
        return msgspec.convert(strict_json.loads(data, place=place), kind)
    except InputError as error:
        error.remedy = remedy
        raise
    except msgspec.ValidationError as error:
        raise InputError(
            f"not a {kind.__name__.lower()} document ({error})", place=place, remedy=remedy
        ) from error


def schemas() -> dict[str, bytes]:
    """Return the JSON schema of every document kind, by file name; generated from the types."""
    kinds: dict[str, Any] = {
        "inventory": Inventory,
        "findings": Findings,
        "decision": Decision,
        "report": Envelope,
        "usage": Usage,
        "plan": Plan,
        "hardening": Hardening,
        "proof": Proof,
        "clearance": Clearance,
        "attested": Attested,
        "signed-decision": SignedDecision,
        "verification": Verification,
        "admission": Admission,
        "fleet": Fleet,
        "rescan": Rescan,
        "affected": Affected,
        "pins": Pins,
        "pins-verification": PinsVerification,
    }
    return {f"{name}-1.schema.json": _schema(kind) for name, kind in kinds.items()}


def _schema(kind: Any) -> bytes:
    """Return a type's schema; descriptions are cleaned, since not every Python keeps a docstring's indentation."""
    schema = msgspec.json.schema(kind)
    for part in schema["$defs"].values():
        if "description" in part:
            part["description"] = inspect.cleandoc(part["description"])
    return msgspec.json.format(msgspec.json.encode(schema), indent=1) + b"\n"
