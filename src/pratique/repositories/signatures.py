"""OpenPGP signatures of archives, checked by gpgv or sqv with named keys; nothing else on the machine is trusted.

The signature is checked apart from the message, so that what is used afterwards is exactly what was checked, whichever
of the two programs is here.
"""

import base64
import binascii
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from pratique.model.errors import UnavailableError, UnsupportedError, UntrustedError
from pratique.storage import read_whole

_LIMIT = 16 << 20
_EVER = datetime(1990, 1, 1, tzinfo=UTC)
PROGRAMS = ("gpgv", "sqv")
_WEAK = {"1", "2", "3"}
"""MD5, SHA-1, RIPEMD-160 (RFC 9580, 9.5): no longer a proof of anything."""

_ARMOUR = re.compile(
    rb"-----BEGIN PGP PUBLIC KEY BLOCK-----\r?\n(?:[^\r\n]+\r?\n)*\r?\n([A-Za-z0-9+/=\s]+?)(?:\r?\n=[A-Za-z0-9+/]{4})?\s*-----END"
)
_PRINT = re.compile(r"[0-9A-F]{40,64}")


def verify(
    message: str,
    signature: str,
    keyrings: Sequence[Path],
    *,
    keys: str = "",
    fingerprints: Sequence[str] = (),
    not_before: datetime = _EVER,
    programs: Sequence[str] = PROGRAMS,
) -> tuple[str, ...]:
    """Return the fingerprints of the keys that signed a message; there is at least one.

    Args:
        message: the text as signed.
        signature: the armoured detached signature.
        keyrings: files of public keys, armoured or not.
        keys: armoured public keys.
        fingerprints: where there are any, one of them must have signed.
        not_before: older signatures do not count: sqv judges a key by the time that its signature gives.
        programs: names of gpgv and sqv, the first that is here is asked.

    Raises:
        UntrustedError: no named key signed, or a signature is bad.
        UnsupportedError: neither program or no key is here.
        UnavailableError: the program does not end.
    """
    name = next((p for p in programs if shutil.which(p)), "")
    if not name:
        remedy = "Install gpgv (or sqv)"
        raise UnsupportedError("no program here checks OpenPGP signatures", remedy=remedy)
    with tempfile.TemporaryDirectory(prefix="pratique-") as folder:
        home = Path(folder)
        rings = _keyrings(home, keyrings, keys)
        (home / "message").write_bytes(message.encode())
        (home / "signature").write_bytes(signature.encode())
        signers = (_gpgv if Path(name).name == "gpgv" else _sqv)(name, home, rings, not_before)
    wanted = {f.rstrip("!") for f in fingerprints}
    if not signers or (wanted and not wanted & set(signers)):
        where = ", ".join(map(str, keyrings)) or "the configuration"
        raise UntrustedError(f"signed by no key of {where}", remedy="Do not use this repository")
    return signers


def _keyrings(home: Path, files: Sequence[Path], keys: str) -> list[Path]:
    """Return keyrings that gpgv reads: it takes no armour."""
    found = []
    for file in files:
        if not file.is_file():
            remedy = (
                "Install the package that holds it, such as debian-archive-keyring, or name another keyring"
            )
            raise UnsupportedError("the keys of the archive are not here", place=str(file), remedy=remedy)
        found.append(read_whole(file, _LIMIT))
    rings = []
    for number, data in enumerate([*found, *([keys.encode()] if keys else [])]):
        rings.append(home / f"keys{number}.gpg")
        rings[-1].write_bytes(_plain(data))
    if not rings:
        raise UnsupportedError("no key is named that may sign", remedy="Add Signed-By to the source")
    return rings


def _plain(data: bytes) -> bytes:
    if not data.lstrip().startswith(b"-----BEGIN PGP"):
        return data
    try:
        return b"".join(base64.b64decode(block, validate=False) for block in _ARMOUR.findall(data))
    except binascii.Error as error:
        raise UnsupportedError("a damaged key", remedy="Correct Signed-By of the source") from error


def _run(words: Sequence[str | Path]) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(words, capture_output=True, check=False, timeout=60, env={"LC_ALL": "C"})  # noqa: S603
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnavailableError("the signature could not be checked", place=str(words[0])) from error


def _gpgv(name: str, home: Path, rings: Sequence[Path], not_before: datetime) -> tuple[str, ...]:
    """Return who signed, by gpgv's status lines: a good signature, by a key in force, over a sound hash.

    Its exit code says less: it is not 0 either where one of several signatures is by a key that is not here.
    """
    options = [word for ring in rings for word in ("--keyring", ring)]
    program = shutil.which(name) or name
    done = _run(
        [program, "--homedir", home, "--status-fd", "1", *options, home / "signature", home / "message"]
    )
    signers: list[str] = []
    good = False
    for line in done.stdout.decode("utf-8", "replace").splitlines():
        word, *rest = line.removeprefix("[GNUPG:] ").split()
        if word == "BADSIG":
            raise UntrustedError("a bad signature", remedy="Do not use this repository")
        if word in {"NEWSIG", "GOODSIG", "EXPSIG", "EXPKEYSIG", "REVKEYSIG", "ERRSIG"}:
            good = word == "GOODSIG"
        if word == "VALIDSIG" and good and rest[7] not in _WEAK and int(rest[2]) >= not_before.timestamp():
            signers += [rest[0], rest[-1]]
    return tuple(dict.fromkeys(signers))


def _sqv(name: str, home: Path, rings: Sequence[Path], not_before: datetime) -> tuple[str, ...]:
    """Return who signed, as sqv prints it: one fingerprint a line."""
    options: list[str | Path] = [word for ring in rings for word in ("--keyring", ring)]
    options += ["--not-before", not_before.strftime("%Y-%m-%dT%H:%M:%SZ")]
    done = _run([shutil.which(name) or name, *options, home / "signature", home / "message"])
    text = done.stderr.decode("utf-8", "replace")
    if done.returncode and "manipulated" in text:
        raise UntrustedError("a bad signature", remedy="Do not use this repository")
    words = done.stdout.decode("utf-8", "replace").split()
    return () if done.returncode else tuple(w for w in words if _PRINT.fullmatch(w))
