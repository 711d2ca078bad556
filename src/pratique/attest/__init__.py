"""Statements about images, signed and verified. Knows bytes and digests; reads no image and asks no server.

Signatures are DSSE envelopes in Sigstore bundles, by a P-256 key that the user holds. There is no keyless signing, no
transparency log and no timestamp yet: what a key signed once stays valid as long as the key is trusted.
"""

from pratique.attest.bundle import MEDIA_TYPE, make_bundle
from pratique.attest.keys import PrivateKey, PublicKey, generate, load_private, load_public
from pratique.attest.statement import PAYLOAD_TYPE, Statement, Subject, encode_statement
from pratique.attest.verify import Verified, verify

__all__ = [
    "MEDIA_TYPE",
    "PAYLOAD_TYPE",
    "PrivateKey",
    "PublicKey",
    "Statement",
    "Subject",
    "Verified",
    "encode_statement",
    "generate",
    "load_private",
    "load_public",
    "make_bundle",
    "verify",
]
