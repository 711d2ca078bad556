"""Sign what is stated of an image, and attach it: statements first, the decision that names them after."""

from pathlib import Path

from msgspec import Struct

from pratique.attest import (
    MEDIA_TYPE,
    PAYLOAD_TYPE,
    PrivateKey,
    Statement,
    Subject,
    encode_statement,
    load_private,
    make_bundle,
)
from pratique.attest.keys import LIMIT
from pratique.flows.statements import TYPES, predicates, read_known
from pratique.formats import strict_json
from pratique.formats.documents import encode
from pratique.image import Attachment, Target, attach, open_image, parse_target
from pratique.model.admission import Reference, SignedDecision
from pratique.model.digest import Digest, digest_of
from pratique.model.errors import UnsupportedError
from pratique.storage import read_whole

_PREDICATE = 64 << 20


class Attached(Struct, frozen=True, kw_only=True):
    """A statement that was attached.

    Attributes:
        type: predicate type.
        bundle: digest of the signed bundle.
        size: of it, in bytes.
    """

    type: str
    bundle: Digest
    size: int


class Attested(Struct, frozen=True, kw_only=True, tag_field="schema", tag="pratique.attested/1"):
    """What was attached to an image, and by which key."""

    image: Digest
    key: Digest
    statements: tuple[Attached, ...]


def attest_all(reference: str, documents: Path, key: Path, passphrase: bytes) -> Attested:
    """Sign and attach everything that the documents of an image allow.

    Raises:
        InputError: a document is of another image, or the key cannot be used.
        UnsupportedError: the image is in no OCI layout.
    """
    target, image = subject_of(reference)
    signer = load_private(read_whole(key, LIMIT), passphrase, str(key))
    known = read_known(documents, image)
    bundles = [
        (TYPES[name], _signed(image, target, TYPES[name], p, signer)) for name, p in predicates(known, image)
    ]
    named = tuple(sorted(Reference(type=kind, bundle=digest_of(data)) for kind, data in bundles))
    decision = encode(SignedDecision(image=image, decision=known.decision, statements=named))
    bundles.append((TYPES["decision"], _signed(image, target, TYPES["decision"], decision, signer)))
    return _attached(target, image, bundles, signer)


def attest_one(reference: str, kind: str, predicate: Path, key: Path, passphrase: bytes) -> Attested:
    """Sign and attach one predicate of the user's.

    Raises:
        InputError: it is no JSON, or the key cannot be used.
        UnsupportedError: the image is in no OCI layout.
    """
    target, image = subject_of(reference)
    signer = load_private(read_whole(key, LIMIT), passphrase, str(key))
    data = read_whole(predicate, _PREDICATE)
    strict_json.loads(data, place=str(predicate))
    named = TYPES.get(kind, kind)
    return _attached(target, image, [(named, _signed(image, target, named, data, signer))], signer)


def subject_of(reference: str) -> tuple[Target, Digest]:
    """Return where an image's statements lie, and the digest of its manifest.

    Raises:
        UnsupportedError: it is in no OCI layout.
    """
    source = open_image(reference).source
    if source.kind != "oci" or source.digest is None:
        raise UnsupportedError(
            "statements are attached to images in OCI layouts alone",
            place=reference,
            remedy="Name it as oci:FOLDER:TAG",
        )
    return parse_target(f"oci:{reference.removeprefix('oci:')}"), source.digest


def _signed(image: Digest, target: Target, kind: str, predicate: bytes, key: PrivateKey) -> bytes:
    statement = Statement((Subject(target.tag, image),), kind, None)
    return make_bundle(PAYLOAD_TYPE, encode_statement(statement, predicate), key)


def _attached(target: Target, image: Digest, bundles: list[tuple[str, bytes]], key: PrivateKey) -> Attested:
    attach(target, image, [Attachment(data, MEDIA_TYPE, _annotations(kind)) for kind, data in bundles])
    told = tuple(Attached(type=kind, bundle=digest_of(data), size=len(data)) for kind, data in bundles)
    return Attested(image=image, key=key.public.fingerprint, statements=told)


def _annotations(kind: str) -> dict[str, str]:
    """Return what cosign writes beside a bundle; nothing of it decides anything."""
    return {"dev.sigstore.bundle.content": "dsse-envelope", "dev.sigstore.bundle.predicateType": kind}
