"""What an image's files hold: readers without a second half, for who compares installed files with what was locked.

Every file is hashed while the layer flows by, however large. Scripts, which installers make anew, are kept; of byte code, what it does.
"""

import hashlib
from typing import Any

from pratique.ecosystems import bytecode
from pratique.ecosystems.wheel import wheel_info
from pratique.model.digest import Digest
from pratique.model.errors import InputError

_SCRIPT, _CODE = 64 << 10, 8 << 20


class Hashing:
    """A digest that grows."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def update(self, piece: bytes) -> None:
        """Take the next piece."""
        self._hash.update(piece)

    def fact(self) -> Digest:
        """Return the digest of all pieces."""
        return Digest(f"sha256:{self._hash.hexdigest()}")


class ContentReader:
    """Hashes every file."""

    name = "content"
    fatal = False
    version = 1
    fact: Any = Digest

    def wants(self, path: str) -> bool:
        """Want all."""
        return bool(path)

    def begin(self) -> Hashing:
        """Return a digest for a file that is too large to hold."""
        return Hashing()

    def read(self, content: bytes) -> Digest:
        """Return the digest of a file."""
        hashing = self.begin()
        hashing.update(content)
        return hashing.fact()


class ScriptReader:
    """Keeps the text of scripts, in which installers write the place of the interpreter."""

    name = "script"
    fatal = False
    version = 1
    fact: Any = bytes | None

    def wants(self, path: str) -> bool:
        """Want what lies in a folder of commands."""
        return path.rpartition("/")[0].rpartition("/")[2] in {"bin", "sbin"}

    def read(self, content: bytes) -> bytes | None:
        """Return a script; None for what is none, or is long."""
        return content if content.startswith(b"#!") and len(content) <= _SCRIPT else None


class ByteCodeReader:
    """Reads what byte code does, of which no wheel has a hash, as far as this Python can tell."""

    name = "byte-code"
    fatal = False
    version = bytecode.magic()
    fact: Any = bytes | None

    def wants(self, path: str) -> bool:
        """Want .pyc files."""
        return path.endswith(".pyc")

    def read(self, content: bytes) -> bytes | None:
        """Return the digest of what it does; None for byte code of another Python.

        Raises:
            InputError: it is not understood, or too large for what a compiler makes.
        """
        if len(content) > _CODE:
            raise InputError(f"{len(content)} bytes, too large")
        return bytecode.outline(content)


class TagReader:
    """Reads for which Pythons and platforms the installed wheels were made."""

    name = "wheel-tags"
    fatal = False
    version = 1
    fact: Any = tuple[str, ...]

    def wants(self, path: str) -> bool:
        """Want WHEEL."""
        return path.lower().endswith(".dist-info/wheel")

    def read(self, content: bytes) -> tuple[str, ...]:
        """Return the tags, sorted.

        Raises:
            InputError: it is no WHEEL.
            UnsupportedError: of another version.
        """
        return tuple(sorted(map(str, wheel_info(content.decode("utf-8", "backslashreplace")).tags)))


CONTENTS = (ContentReader(), ScriptReader(), ByteCodeReader(), TagReader())
