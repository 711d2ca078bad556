"""What an image's files hold: readers without a second half, for who compares installed files with what was locked.

The digest of every file is in its entry. Scripts, which installers make anew, are kept; of byte code, what it does.
"""

from typing import Any

from pratique.ecosystems import bytecode
from pratique.ecosystems.wheel import wheel_info
from pratique.model.errors import InputError

_SCRIPT, _CODE = 64 << 10, 8 << 20


class ScriptReader:
    """Keeps the text of scripts, in which installers write the place of the interpreter."""

    name = "script"
    marks: tuple[str, ...] | None = None
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
    marks: tuple[str, ...] | None = (".pyc",)
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
    marks: tuple[str, ...] | None = (".dist-info/wheel",)
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


CONTENTS = (ScriptReader(), ByteCodeReader(), TagReader())
