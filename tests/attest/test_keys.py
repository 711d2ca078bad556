"""Keys: what goes in comes out, one algorithm and no other, and a word for everything that is none."""

import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from hypothesis import given
from hypothesis import strategies as st

from pratique.attest import generate, load_private, load_public
from pratique.model.errors import InputError, PratiqueError, UnsupportedError, UntrustedError, UsageError
from tests.making import keys

MESSAGE = b"what is signed"
OTHERS: dict[str, PrivateKeyTypes] = {
    "P-384": ec.generate_private_key(ec.SECP384R1()),
    "secp256k1": ec.generate_private_key(ec.SECP256K1()),
    "Ed25519": ed25519.Ed25519PrivateKey.generate(),
    "RSA": rsa.generate_private_key(65537, 2048),
}


def private_pem(key: PrivateKeyTypes) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def public_pem(key: PrivateKeyTypes) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


@pytest.mark.parametrize("passphrase", [b"", b"secret", b"\xff\x00", b"x" * 1023])
def test_a_key_comes_back_from_its_file(passphrase: bytes) -> None:
    pem, public = generate(passphrase)
    private = load_private(pem, passphrase, "a.key")
    assert (b"ENCRYPTED" in pem) is bool(passphrase)
    assert private.public.fingerprint == public.fingerprint
    assert load_public(public.pem(), "a.pub").fingerprint == public.fingerprint
    load_public(public.pem(), "a.pub").verify(private.sign(MESSAGE), MESSAGE)


def test_a_new_key_is_another_key() -> None:
    assert generate(b"")[1].fingerprint != generate(b"")[1].fingerprint


def test_a_passphrase_that_no_reader_would_take_is_refused() -> None:
    with pytest.raises(UsageError, match="more than 1023 bytes"):
        generate(b"x" * 1024)


@pytest.mark.parametrize(
    ("made_with", "given", "said"),
    [
        (b"right", b"wrong", "the wrong passphrase"),
        (b"right", b"", "an encrypted key"),
        (b"", b"needless", "a passphrase for a key that is not encrypted"),
    ],
)
def test_a_wrong_passphrase_has_a_word_of_its_own(made_with: bytes, given: bytes, said: str) -> None:
    pem, _ = generate(made_with)
    with pytest.raises(InputError, match=said) as caught:
        load_private(pem, given, "a.key")
    assert "PRATIQUE_KEY_PASSPHRASE" in caught.value.remedy
    assert caught.value.place == "a.key"


@pytest.mark.parametrize("kind", OTHERS)
def test_keys_of_other_kinds_are_refused(kind: str) -> None:
    with pytest.raises(UnsupportedError, match="P-256"):
        load_private(private_pem(OTHERS[kind]), b"", "a.key")
    with pytest.raises(UnsupportedError, match="P-256"):
        load_public(public_pem(OTHERS[kind]), "a.pub")


@pytest.mark.parametrize("passphrase", [b"", b"secret"])
def test_a_private_key_where_a_public_one_belongs_is_told(passphrase: bytes) -> None:
    with pytest.raises(InputError, match="a private key where a public one belongs"):
        load_public(generate(passphrase)[0], "a.key")


def test_of_two_keys_in_a_file_none_is_taken_in_silence() -> None:
    both = keys.key(1).public.pem() + keys.key(2).public.pem()
    with pytest.raises(InputError, match="several keys"):
        load_public(both, "a.pub")


def test_a_public_key_or_certificate_where_a_private_one_belongs() -> None:
    with pytest.raises(InputError, match="not a private key"):
        load_private(keys.key().public.pem(), b"", "a.pub")


def test_a_certificate_is_no_key() -> None:
    text = keys.key().public.pem().replace(b"PUBLIC KEY", b"CERTIFICATE")
    with pytest.raises(InputError, match="not a public key"):
        load_public(text, "a.pub")


@given(st.binary(max_size=300) | st.binary(max_size=200).map(lambda b: keys.key().public.pem()[:60] + b))
def test_any_bytes_are_a_key_or_an_error_of_ours(data: bytes) -> None:
    for load in (lambda: load_public(data, "a"), lambda: load_private(data, b"", "a")):
        with pytest.raises(PratiqueError):
            load()


def test_a_point_beside_the_curve_is_no_key() -> None:
    good = keys.key().public.pem()
    lines = good.splitlines()
    lines[2] = lines[2][:10] + (b"A" if lines[2][10:11] != b"A" else b"B") + lines[2][11:]
    with pytest.raises(PratiqueError):
        load_public(b"\n".join(lines), "a.pub")


def test_a_repeat_is_the_same_signature() -> None:
    assert keys.key().sign(MESSAGE) == keys.key().sign(MESSAGE)
    assert keys.key().sign(MESSAGE) != keys.key().sign(MESSAGE + b".")


def test_a_signature_is_of_one_key_over_these_bytes() -> None:
    signature = keys.key(1).sign(MESSAGE)
    keys.key(1).public.verify(signature, MESSAGE)
    for number, message in ((2, MESSAGE), (1, MESSAGE + b".")):
        with pytest.raises(UntrustedError):
            keys.key(number).public.verify(signature, message)


@given(st.binary(max_size=100))
def test_no_made_up_signature_verifies(signature: bytes) -> None:
    with pytest.raises(UntrustedError):
        keys.key().public.verify(signature, MESSAGE)


@pytest.mark.parametrize("part", ["repr", "str"])
def test_a_private_key_is_not_printed(part: str) -> None:
    shown = repr(keys.key(77)) if part == "repr" else str(keys.key(77))
    assert "PrivateKey object" in shown


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl")
def test_openssl_verifies_what_we_sign(tmp_path: Path) -> None:
    (tmp_path / "a.pub").write_bytes(keys.key().public.pem())
    (tmp_path / "signature").write_bytes(keys.key().sign(MESSAGE))
    (tmp_path / "message").write_bytes(MESSAGE)
    call = ["openssl", "dgst", "-sha256", "-verify", "a.pub", "-signature", "signature", "message"]
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "Verified OK")


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl")
def test_keys_of_openssl_are_read(tmp_path: Path) -> None:
    make = "openssl ecparam -name prime256v1 -genkey -noout -out a.sec1 && openssl ec -in a.sec1 -pubout -out a.pub"
    subprocess.run(["sh", "-c", make], cwd=tmp_path, capture_output=True, check=True)
    private = load_private((tmp_path / "a.sec1").read_bytes(), b"", "a.sec1")
    assert private.public.fingerprint == load_public((tmp_path / "a.pub").read_bytes(), "a.pub").fingerprint
