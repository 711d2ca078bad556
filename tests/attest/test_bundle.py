"""Bundles: the encoding that is signed, by the specification's own example, and read by another reader."""

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, utils

from pratique.attest import PAYLOAD_TYPE, PublicKey, make_bundle
from pratique.attest.bundle import pae, parse_bundle
from tests.making import keys

X = 46950820868899156662930047687818585632848591499744589407958293238635476079160
Y = 5640078356564379163099075877009565129882514886557779369047442380624545832820
SIGNED = "A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA=="
D = 97358161215184420915383655311931858321456579547487070936769975997791359926199
TYPE = "http://example.com/HelloWorld"
PAE = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


def der(raw: bytes) -> bytes:
    """Return a signature that is r and s one after the other as DER."""
    return utils.encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))


def test_the_specification_s_example_is_encoded() -> None:
    assert pae(TYPE, b"hello world") == PAE


def test_the_specification_s_example_is_verified() -> None:
    key = PublicKey(ec.EllipticCurvePublicNumbers(X, Y, ec.SECP256R1()).public_key())
    key.verify(der(base64.b64decode(SIGNED)), PAE)
    assert key.fingerprint == keys.key(D).public.fingerprint


def test_the_specification_s_example_is_signed_the_same() -> None:
    """Both sign deterministically (RFC 6979)."""
    assert keys.key(D).sign(PAE) == der(base64.b64decode(SIGNED))


@pytest.mark.parametrize(
    ("kind", "body", "want"),
    [
        ("", b"", b"DSSEv1 0  0 "),
        ("\u00e4", b"", b"DSSEv1 2 \xc3\xa4 0 "),
        ("a 1 b", b" 1 x", b"DSSEv1 5 a 1 b 4  1 x"),
    ],
)
def test_lengths_are_of_bytes(kind: str, body: bytes, want: bytes) -> None:
    assert pae(kind, body) == want


def test_no_two_pairs_are_encoded_alike() -> None:
    pairs = [("a", b"1 b"), ("a 1", b"b"), ("a 1 b", b""), ("", b"a 1 b")]
    assert len({pae(kind, body) for kind, body in pairs}) == len(pairs)


def test_a_bundle_comes_back() -> None:
    found = parse_bundle(make_bundle(PAYLOAD_TYPE, keys.payload(), keys.key()))
    assert (found.payload_type, found.payload) == (PAYLOAD_TYPE, keys.payload())
    keys.key().public.verify(found.signatures[0], pae(PAYLOAD_TYPE, keys.payload()))


def test_a_repeat_is_the_same_bundle() -> None:
    one, two = (make_bundle(PAYLOAD_TYPE, keys.payload(), keys.key()) for _ in range(2))
    assert one == two
    assert json.loads(one) == keys.signed()


def test_sigstore_s_own_models_read_our_bundles() -> None:
    models = pytest.importorskip("sigstore_models.bundle.v1")
    data = make_bundle(PAYLOAD_TYPE, keys.payload(), keys.key())
    found = models.Bundle.from_json(data)
    assert found.media_type == json.loads(data)["mediaType"]
    assert found.verification_material.public_key.hint == keys.key().public.hint
    assert found.dsse_envelope.payload_type == PAYLOAD_TYPE
    assert found.dsse_envelope.payload == keys.payload()
