"""Keys that sign and verify: ECDSA on P-256 with SHA-256 (FIPS 186-5), in PEM files as openssl and cosign read them.

The algorithm comes from the key, never from what is verified.
"""

import base64
import hashlib

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from pratique.model.digest import Digest
from pratique.model.errors import InputError, UnsupportedError, UntrustedError, UsageError

LIMIT = 64 * 1024
"""Bytes of a key file that are read."""

_MAKE = "Make one: pratique key generate NAME"
_LONGEST = 1023  # bytes of a passphrase, by OpenSSL


class PublicKey:
    """A key that verifies.

    Args:
        key: on P-256.

    Attributes:
        fingerprint: sha256 of its SubjectPublicKeyInfo in DER (RFC 5280, 4.1.2.7).
    """

    def __init__(self, key: ec.EllipticCurvePublicKey) -> None:
        self._key = key
        self._der = key.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.fingerprint = Digest("sha256:" + hashlib.sha256(self._der).hexdigest())

    @property
    def hint(self) -> str:
        """The fingerprint as Sigstore bundles hint at a key; a hint decides nothing."""
        return base64.b64encode(hashlib.sha256(self._der).digest()).decode("ascii")

    def pem(self) -> bytes:
        """Return the key in PEM."""
        return self._key.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def verify(self, signature: bytes, message: bytes) -> None:
        """Check a signature in DER.

        Raises:
            UntrustedError: it is not one of this key over these bytes.
        """
        try:
            self._key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature as error:
            raise UntrustedError("the signature is not of this key over these bytes") from error


class PrivateKey:
    """A key that signs; it has no text form, so that nothing prints it.

    Args:
        key: on P-256.
    """

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        self._key = key
        self.public = PublicKey(key.public_key())

    def sign(self, message: bytes) -> bytes:
        """Return the signature of a message in DER: the same for the same message (RFC 6979), so that a repeat changes nothing."""
        return self._key.sign(message, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))


def generate(passphrase: bytes) -> tuple[bytes, PublicKey]:
    """Return a new private key in PEM (PKCS #8), encrypted where a passphrase is given, and its public key.

    Raises:
        UsageError: the passphrase is too long.
    """
    if len(passphrase) > _LONGEST:
        raise UsageError(f"a passphrase of more than {_LONGEST} bytes", remedy="Choose a shorter one")
    key = ec.generate_private_key(ec.SECP256R1())
    hidden: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase:
        hidden = serialization.BestAvailableEncryption(passphrase)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, hidden)
    return pem, PublicKey(key.public_key())


_GIVE = "Give the passphrase in PRATIQUE_KEY_PASSPHRASE"


def load_private(pem: bytes, passphrase: bytes, place: str) -> PrivateKey:
    """Return the private key of a PEM file.

    Raises:
        InputError: it is none, or the passphrase is wrong, missing, or given for a key that is not encrypted.
        UnsupportedError: it is of another kind than P-256.
    """
    try:
        key = serialization.load_pem_private_key(pem, passphrase or None)
    except TypeError as error:  # one of key and passphrase is there, and the other one is not
        what = "a passphrase for a key that is not encrypted" if passphrase else "an encrypted key"
        remedy = "Unset PRATIQUE_KEY_PASSPHRASE" if passphrase else _GIVE
        raise InputError(what, place=place, remedy=remedy) from error
    except ValueError as error:
        wrong = passphrase and b"ENCRYPTED" in pem
        what = "the wrong passphrase, or a damaged key" if wrong else "not a private key in PEM"
        raise InputError(what, place=place, remedy=_GIVE if wrong else "Name the .key file") from error
    except UnsupportedAlgorithm as error:
        raise UnsupportedError(
            "a private key of a kind that is not used here", place=place, remedy=_MAKE
        ) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise UnsupportedError("not a key on P-256", place=place, remedy=_MAKE)
    return PrivateKey(key)


def load_public(pem: bytes, place: str) -> PublicKey:
    """Return the public key of a PEM file.

    Raises:
        InputError: it is none; a private key is refused with a word of its own.
        UnsupportedError: it is of another kind than P-256.
    """
    if b"PRIVATE KEY-----" in pem:
        raise InputError(
            "a private key where a public one belongs",
            place=place,
            remedy="Name the .pub file, and keep this one safe",
        )
    if pem.count(b"-----BEGIN ") > 1:
        raise InputError("several keys in one file", place=place, remedy="Give each a file of its own")
    try:
        key = serialization.load_pem_public_key(pem)
    except ValueError as error:
        raise InputError("not a public key in PEM", place=place, remedy="Name the .pub file") from error
    except UnsupportedAlgorithm as error:
        raise UnsupportedError(
            "a public key of a kind that is not used here", place=place, remedy=_MAKE
        ) from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise UnsupportedError("not a key on P-256", place=place, remedy=_MAKE)
    return PublicKey(key)
