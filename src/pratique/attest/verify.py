"""The one way to a believed statement: it is returned verified, or an error is raised. There is no third outcome."""

from collections.abc import Sequence

from msgspec import Struct

from pratique.attest.bundle import pae, parse_bundle
from pratique.attest.keys import PublicKey
from pratique.attest.statement import PAYLOAD_TYPE, Statement, check_about, parse_statement
from pratique.model.digest import Digest, digest_of
from pratique.model.errors import PratiqueError, UntrustedError, UsageError


class Verified(Struct, frozen=True):
    """A statement that a trusted key signed about the asked subject; made by ``verify`` alone.

    Attributes:
        statement: what was said.
        payload: the very bytes that were signed.
        key: fingerprint of the key.
        bundle: digest of the bundle.
    """

    statement: Statement
    payload: bytes
    key: Digest
    bundle: Digest


def verify(
    data: bytes, keys: Sequence[PublicKey], subject: Digest, *, predicate_type: str = "", place: str
) -> Verified:
    """Return a bundle's statement, verified.

    1. Parse the bundle; its payload stays bytes.
    2. The payload's type is in-toto's, and nothing else.
    3. One of the keys signed the payload as it was received.
    4. The payload is a statement, about the asked subject, of the asked type.

    Args:
        data: a Sigstore bundle.
        keys: that are trusted; the bundle's own hint decides nothing.
        subject: digest of what the statement has to be about.
        predicate_type: that it has to have; empty for any.
        place: named in errors.

    Raises:
        UntrustedError: a signature, subject or type is not as it has to be.
        InputError: the bundle is malformed.
        UnsupportedError: a kind of bundle that is not verified here.
        UsageError: no key was given.
    """
    if not keys:
        raise UsageError("no key to verify with", place=place, remedy="Name one with --key")
    try:
        envelope = parse_bundle(data)  # 1
        if envelope.payload_type != PAYLOAD_TYPE:  # 2
            raise UntrustedError(f"a payload of type {envelope.payload_type[:80]!r}")
        key = _signer(keys, envelope.signatures[0], pae(envelope.payload_type, envelope.payload))  # 3
        statement = parse_statement(envelope.payload)  # 4
        check_about(statement, subject)
        if predicate_type not in {"", statement.predicate_type}:
            raise UntrustedError(f"a statement of type {statement.predicate_type}, not {predicate_type}")
    except PratiqueError as error:
        error.remedy = error.remedy or "Do not believe what it says; sign the statement anew if it is yours"
        error.at(place)
        raise
    return Verified(statement, envelope.payload, key.fingerprint, digest_of(data))


def _signer(keys: Sequence[PublicKey], signature: bytes, message: bytes) -> PublicKey:
    for key in keys:
        try:
            key.verify(signature, message)
        except UntrustedError:
            continue
        return key
    raise UntrustedError(
        "no trusted key signed this", remedy="Check --key; if it is right, do not use what is signed"
    )
