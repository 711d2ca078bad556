"""Byte code of CPython (PEP 552, PEP 3147): is a ``.pyc`` what its source compiles to?

Both become a digest over what they do. Byte code is never loaded: a hostile ``.pyc`` can crash the interpreter's own reader. The name of the source file, which only tracebacks show, is left out.
"""

import hashlib
import importlib.util
import marshal
import re
import struct
import sys
import warnings

from pratique.model.errors import InputError

_HEADER = 16
_DEPTH = 200
_TAGGED = re.compile(r"(?P<stem>.+)\.cpython-(?P<version>[0-9]+)(?:\.opt-(?P<level>[0-9]))?\.pyc")
_LONG = struct.Struct("<l")
_SIGN = 0x80
_SINGLE = {b"N", b"F", b"T", b".", b"S"}


def cached_name(name: str) -> tuple[str, str, int] | None:
    """Return (stem of the source, version such as ``311``, optimisation) of a file in ``__pycache__``; None if it has none."""
    found = _TAGGED.fullmatch(name)
    return (found["stem"], found["version"], int(found["level"] or 0)) if found else None


def own_version() -> str:
    """Return the version of this Python as names of byte code write it."""
    return f"{sys.version_info.major}{sys.version_info.minor}"


def magic() -> int:
    """Return the number by which byte code of this Python is known (``importlib.util.MAGIC_NUMBER``)."""
    return int.from_bytes(importlib.util.MAGIC_NUMBER[:2], "little")


def outline(compiled: bytes) -> bytes | None:
    """Return a digest of what a ``.pyc`` does; None for one of another Python.

    Raises:
        InputError: it is not one code object that is understood.
    """
    if compiled[:4] != importlib.util.MAGIC_NUMBER:
        return None
    return _Reader(compiled[_HEADER:]).whole()


def outline_of_source(source: bytes, level: int) -> bytes | None:
    """Return the digest of what a source compiles to; None where this Python cannot compile it.

    Args:
        source: from a wheel that is trusted to be compiled, never to be run.
        level: of optimisation, 0 to 2.
    """
    if level not in {0, 1, 2}:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            code = compile(source, "", "exec", dont_inherit=True, optimize=level)
        return _Reader(marshal.dumps(code)).whole()
    except (SyntaxError, ValueError, RecursionError, MemoryError, InputError):
        return None


class _Reader:
    """One marshalled value, read into a digest: linear in its bytes, however often it refers to its own parts."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0
        self._known: list[bytes | None] = []

    def whole(self) -> bytes:
        """Return the digest of the value.

        Raises:
            InputError: it is not one code object that is understood.
        """
        found = self._value(0)
        if self._at != len(self._data):
            raise InputError("bytes after the code")
        return found

    def _take(self, count: int) -> bytes:
        end = self._at + count
        if count < 0 or end > len(self._data):
            raise InputError("cut, or a length that cannot be")
        taken, self._at = self._data[self._at : end], end
        return taken

    def _long(self) -> int:
        return int(_LONG.unpack(self._take(4))[0])

    def _value(self, depth: int) -> bytes:
        if depth > _DEPTH:
            raise InputError("nested too deeply")
        first = self._take(1)[0]
        kind = bytes([first & ~_SIGN])
        if kind == b"r":
            return self._reference()
        place = len(self._known)
        if first & _SIGN:
            self._known.append(None)
        found = hashlib.sha256(self._content(kind, depth + 1)).digest()
        if first & _SIGN:
            self._known[place] = found
        return found

    def _reference(self) -> bytes:
        number = self._long()
        found = self._known[number] if 0 <= number < len(self._known) else None
        if found is None:
            raise InputError("a reference to what is not there yet")
        return found

    def _content(self, kind: bytes, depth: int) -> bytes:
        """Return what a value is, so that two ways to write one are alike."""
        if kind in _SINGLE:
            return kind
        if kind == b"i":
            return b"l%d" % self._long()
        if kind == b"l":
            return b"d" + self._take(2 * abs(count := self._long())) + _LONG.pack(count)
        if kind in {b"g", b"y"}:
            return kind + self._take(8 if kind == b"g" else 16)
        if kind == b"s":
            return kind + self._take(self._long())
        if kind in {b"z", b"Z"}:
            return b"u" + self._take(self._take(1)[0])
        if kind in {b"a", b"A", b"t", b"u"}:
            return b"u" + self._take(self._long())
        if kind in {b"(", b")", b">"}:
            return self._several(kind, depth)
        if kind == b"c":
            return self._code(depth)
        raise InputError("a value that code does not hold")

    def _several(self, kind: bytes, depth: int) -> bytes:
        count = self._take(1)[0] if kind == b")" else self._long()
        if count > len(self._data) or count < 0:
            raise InputError("a length that cannot be")
        parts = [self._value(depth) for _ in range(count)]
        return b">" + b"".join(sorted(parts)) if kind == b">" else b"(" + b"".join(parts)

    def _code(self, depth: int) -> bytes:
        """Return a code object as CPython 3.11 and later write it, without the name of its file."""
        numbers = self._take(20)
        parts = [self._value(depth) for _ in range(5)]
        self._value(depth)
        names = [self._value(depth) for _ in range(2)]
        line = self._take(4)
        tables = [self._value(depth) for _ in range(2)]
        return b"c" + numbers + line + b"".join([*parts, *names, *tables])
