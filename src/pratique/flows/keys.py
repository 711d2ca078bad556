"""New keys, in files that nothing is overwritten by."""

import os
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from pratique.attest import generate
from pratique.attest.keys import LIMIT
from pratique.model.digest import Digest
from pratique.model.errors import UnavailableError, UsageError
from pratique.storage import read_whole


def make_keys(name: Path, passphrase: bytes) -> Digest:
    """Write NAME.key and NAME.pub; return the fingerprint.

    Raises:
        UsageError: one of them exists, or the name is none.
        UnavailableError: the folder refuses; neither file is left behind.
    """
    if not name.name:
        raise UsageError(
            "not a name for a key", place=str(name), remedy="Try: pratique key generate platform"
        )
    private, public = name.with_name(f"{name.name}.key"), name.with_name(f"{name.name}.pub")
    for path in (private, public):
        if os.path.lexists(path):
            raise UsageError(
                "it exists, and keys are not overwritten", place=str(path), remedy="Choose another name"
            )
    pem, key = generate(passphrase)
    with ExitStack() as undo:
        _write(private, pem, 0o600, undo)
        _write(public, key.pem(), 0o644, undo)
        undo.pop_all()
    return key.fingerprint


class KeyFile(NamedTuple):
    """What a private key's file is, before it is opened: encrypted, and readable by others than its owner."""

    encrypted: bool
    exposed: bool


def look_at_key(path: Path) -> KeyFile:
    """Return what can be told of a private key without its passphrase.

    Raises:
        UnavailableError: it cannot be read.
    """
    data = read_whole(path, LIMIT)
    return KeyFile(b"ENCRYPTED" in data, bool(path.stat().st_mode & 0o077))


def _write(path: Path, data: bytes, mode: int, undo: ExitStack) -> None:
    """Write a new file; ``undo`` takes it away again."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
        undo.callback(path.unlink, missing_ok=True)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
    except OSError as error:
        what, remedy = (error.strerror or str(error)).lower(), "Name a folder that this user may write"
        raise UnavailableError(what, place=str(path), remedy=remedy) from error
