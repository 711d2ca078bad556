"""Sigstore bundles, version 0.3, around a DSSE envelope and a hint at a public key (sigstore_bundle.proto; DSSE v1.0.2)."""

import base64
import binascii

import msgspec
from msgspec import Struct, field

from pratique.attest.keys import PrivateKey
from pratique.formats import strict_json
from pratique.model.errors import InputError, UnsupportedError

MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
LIMIT = 64 << 20
"""Bytes of a bundle; an SBOM of a large image takes a few mebibytes."""

_ALSO = "application/vnd.dev.sigstore.bundle+json;version=0.3"
_KINDS = ("certificate", "x509CertificateChain")


class Envelope(Struct, frozen=True):
    """A DSSE envelope, decoded once.

    Attributes:
        payload: the signed bytes, not parsed.
        signatures: in DER.
    """

    payload: bytes
    payload_type: str
    signatures: tuple[bytes, ...]


def pae(payload_type: str, payload: bytes) -> bytes:
    """Return what a signature is over (DSSE protocol.md, "Signature Definition": PAE)."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def make_bundle(payload_type: str, payload: bytes, key: PrivateKey) -> bytes:
    """Return the signed bundle of a payload."""
    signature = {"sig": _encoded(key.sign(pae(payload_type, payload)))}
    envelope = {"payload": _encoded(payload), "payloadType": payload_type, "signatures": [signature]}
    material = {"publicKey": {"hint": key.public.hint}, "tlogEntries": []}  # some readers want the empty list
    return msgspec.json.encode(
        {"mediaType": MEDIA_TYPE, "verificationMaterial": material, "dsseEnvelope": envelope}
    )


class _Signature(Struct):
    sig: str
    keyid: str = ""


class _Envelope(Struct, rename="camel"):
    payload: str
    payload_type: str
    signatures: tuple[_Signature, ...]


class _Bundle(Struct, rename="camel"):
    media_type: str
    verification_material: dict[str, object]
    dsse_envelope: _Envelope | None = None
    message_signature: object = field(default=None)


def parse_bundle(data: bytes) -> Envelope:
    """Return the envelope of a bundle; nothing in it is to be believed yet.

    Raises:
        InputError: it is no bundle, or has not exactly one signature.
        UnsupportedError: another version, a certificate, or a signature over a digest alone.
    """
    if len(data) > LIMIT:
        raise InputError(f"larger than {LIMIT} bytes", place="bundle")
    try:
        found = msgspec.convert(strict_json.loads(data, place="bundle"), _Bundle)
    except msgspec.ValidationError as error:
        raise InputError(f"not a Sigstore bundle ({error})", place="bundle") from error
    if found.media_type not in {MEDIA_TYPE, _ALSO}:
        raise UnsupportedError(f"a bundle of type {found.media_type[:80]!r}", place="bundle")
    if any(kind in found.verification_material for kind in _KINDS):
        raise UnsupportedError("signed with a certificate; only keys are verified", place="bundle")
    if found.dsse_envelope is None or found.message_signature is not None:
        raise UnsupportedError("not a signed statement, but a signature over a file's digest", place="bundle")
    envelope = found.dsse_envelope
    if len(envelope.signatures) != 1:
        raise InputError(f"{len(envelope.signatures)} signatures, where one belongs", place="bundle")
    return Envelope(
        _decoded(envelope.payload), envelope.payload_type, tuple(_decoded(s.sig) for s in envelope.signatures)
    )


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _decoded(text: str) -> bytes:
    """Return the bytes of standard, padded base64 in its one spelling (RFC 4648, 4)."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InputError("not base64", place="bundle") from error
    if _encoded(data) != text:
        raise InputError("base64 in another spelling than its own", place="bundle")
    return data
