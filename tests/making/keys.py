"""Keys that are the same in every run, and bundles that each say one wrong thing."""

import base64
import json
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from pratique.attest import MEDIA_TYPE, PAYLOAD_TYPE, PrivateKey, Statement, Subject, encode_statement
from pratique.attest.bundle import pae
from pratique.model.digest import Digest, digest_of

IMAGE = digest_of(b"an image")
KIND = "https://example.org/said"


def key(number: int = 1) -> PrivateKey:
    """Return one of the keys that every run knows; worth nothing anywhere else."""
    return PrivateKey(ec.derive_private_key(number, ec.SECP256R1()))


def pem(number: int = 1) -> bytes:
    """Return such a key as it lies in a file."""
    return ec.derive_private_key(number, ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def payload(*, image: Digest = IMAGE, kind: str = KIND, predicate: Any = None) -> bytes:
    """Return a statement about an image."""
    said = Statement((Subject("image", image),), kind, None)
    return encode_statement(said, json.dumps(predicate or {"said": "so"}).encode())


def signed(
    content: bytes | None = None, *, number: int = 1, payload_type: str = PAYLOAD_TYPE, **more: Any
) -> dict[str, Any]:
    """Return a bundle as a JSON value; ``more`` replaces members of its envelope."""
    data = payload() if content is None else content
    envelope = {
        "payload": encoded(data),
        "payloadType": payload_type,
        "signatures": [{"sig": encoded(key(number).sign(pae(payload_type, data)))}],
        **more,
    }
    material = {"publicKey": {"hint": key(number).public.hint}, "tlogEntries": []}
    return {"mediaType": MEDIA_TYPE, "verificationMaterial": material, "dsseEnvelope": envelope}


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()
