"""New keys, in files that nothing is overwritten by."""

import os
from pathlib import Path

from pratique.attest import generate
from pratique.model.digest import Digest
from pratique.model.errors import UnavailableError, UsageError


def make_keys(name: Path, passphrase: bytes) -> Digest:
    """Write NAME.key and NAME.pub; return the fingerprint.

    Raises:
        UsageError: one of them exists.
        UnavailableError: the folder refuses.
    """
    private, public = name.with_name(f"{name.name}.key"), name.with_name(f"{name.name}.pub")
    for path in (private, public):
        if os.path.lexists(path):
            raise UsageError(
                "it exists, and keys are not overwritten", place=str(path), remedy="Choose another name"
            )
    pem, key = generate(passphrase)
    try:
        _write(private, pem, 0o600)
        _write(public, key.pem(), 0o644)
    except OSError as error:
        raise UnavailableError((error.strerror or str(error)).lower(), place=str(error.filename)) from error
    return key.fingerprint


def _write(path: Path, data: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)
