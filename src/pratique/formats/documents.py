"""Pratique's own documents, from inventory to decision: each versioned, and named by the digest of its bytes.

The bytes are a function of the value alone. A document never holds its own digest; the envelope around it does.
"""

import inspect
import re
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

_INVISIBLE = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]|#(?=#)")
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
    text = _ENCODER.encode(value).decode("utf-8")
    return _INVISIBLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode("utf-8")


def digest_of_document(document: Document) -> Digest:
    """Return the digest of a document's bytes, by which other documents name it."""
    return digest_of(encode(document))


def envelope(report: Report) -> bytes:
    """Return the three documents of a scan as one JSON text."""
    sealed = {name: Sealed(digest_of_document(part), part) for name, part in structs.asdict(report).items()}
    return encode(Envelope(**sealed))


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
