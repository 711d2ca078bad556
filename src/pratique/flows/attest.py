"""Sign what is stated of an image, and attach it: statements first, the decision that names them after."""

from pathlib import Path

from msgspec.structs import replace

from pratique.attest import (
    MEDIA_TYPE,
    PAYLOAD_TYPE,
    PrivateKey,
    Statement,
    Subject,
    encode_statement,
    load_private,
    make_bundle,
    verify,
)
from pratique.attest.keys import LIMIT
from pratique.flows.statements import TYPES, predicate_type, predicates, read_known
from pratique.formats import strict_json
from pratique.formats.documents import encode, read
from pratique.image import Attachment, Statements, open_statements
from pratique.model.admission import Attached, Attested, Reference, SignedDecision
from pratique.model.digest import digest_of
from pratique.model.errors import InputError
from pratique.storage import read_whole

_PREDICATE = 64 << 20


def attest_all(reference: str, documents: Path, key: Path, passphrase: bytes) -> Attested:
    """Sign and attach everything that the documents of an image allow.

    Raises:
        InputError: a document is of another image, or the key cannot be used.
        UnsupportedError: nothing can be attached where the image lies.
    """
    about = open_statements(reference)
    signer = load_private(read_whole(key, LIMIT), passphrase, str(key))
    known = read_known(documents, about.image)
    found = [(TYPES[name], predicate) for name, predicate in predicates(known, about.image)]
    bundles = [(kind, _signed(about, kind, predicate, signer)) for kind, predicate in found]
    named = tuple(sorted(Reference(type=kind, bundle=digest_of(data)) for kind, data in bundles))
    decision = encode(SignedDecision(image=about.image, decision=known.decision, statements=named))
    bundles.append((TYPES["decision"], _signed(about, TYPES["decision"], decision, signer)))
    told = _attached(about, bundles, signer)
    if known.lock and known.lock.verdict == "different":
        return replace(
            told, warnings=("lock.json: files of the image are not those of its lock; no gate lets it in",)
        )
    return told


def attest_one(reference: str, kind: str, predicate: Path, key: Path, passphrase: bytes) -> Attested:
    """Sign and attach one predicate of the user's.

    Raises:
        InputError: it is no JSON, its type is none, it calls itself a decision and is none, or the key cannot be used.
        UnsupportedError: nothing can be attached where the image lies.
    """
    about = open_statements(reference)
    signer = load_private(read_whole(key, LIMIT), passphrase, str(key))
    data = read_whole(predicate, _PREDICATE)
    try:
        strict_json.loads(data, place=str(predicate))
    except InputError as error:
        error.remedy = "Name a JSON document with --predicate"
        raise
    named = predicate_type(kind)
    if named == TYPES["decision"]:  # one that nobody can read would keep every gate shut
        signed = read(data, SignedDecision, str(predicate))
        if signed.image != about.image or signed.decision.created.tzinfo is None:
            raise InputError(
                "a decision about another image, or of no time zone",
                place=str(predicate),
                remedy="Let attest --all make it",
            )
    return _attached(about, [(named, _signed(about, named, data, signer))], signer)


def _signed(about: Statements, kind: str, predicate: bytes, key: PrivateKey) -> bytes:
    """Return a signed statement, which is verified as any other before it leaves: what nobody can read is not attached."""
    statement = Statement((Subject(about.name, about.image),), kind, None)
    bundle = make_bundle(PAYLOAD_TYPE, encode_statement(statement, predicate), key)
    verify(
        bundle, [key.public], about.image, predicate_type=kind, place=f"the statement of type {kind[:80]!r}"
    )
    return bundle


def _attached(about: Statements, bundles: list[tuple[str, bytes]], key: PrivateKey) -> Attested:
    about.attach([Attachment(data, MEDIA_TYPE, _annotations(kind)) for kind, data in bundles])
    told = tuple(Attached(type=kind, bundle=digest_of(data), size=len(data)) for kind, data in bundles)
    return Attested(image=about.image, key=key.public.fingerprint, statements=told, warnings=())


def _annotations(kind: str) -> dict[str, str]:
    """Return what cosign writes beside a bundle; nothing of it decides anything."""
    return {"dev.sigstore.bundle.content": "dsse-envelope", "dev.sigstore.bundle.predicateType": kind}
