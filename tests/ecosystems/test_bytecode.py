import importlib.util
import marshal
import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.ecosystems.bytecode import cached_name, outline, outline_of_source, own_version
from pratique.model.errors import InputError

SOURCE = b"""'''Doc.'''
from os import path
NAMES = {'a', 'b', 'c'}
BIG, REAL, IMAGINARY = 1 << 70, -2.5, 3j
class A:
    def f(self, x, /, y=1, *z, k=(1, None, True, ..., b'bytes', 'caf\xc3\xa9'), **m):
        '''Doc.'''
        assert x
        return x in {'p', 'q', 'r'} and (lambda: (x, y, z, k, m))
"""


def pyc(source: bytes, name: str = "x.py", level: int = 0) -> bytes:
    code = compile(source, name, "exec", dont_inherit=True, optimize=level)
    return importlib.util.MAGIC_NUMBER + bytes(12) + marshal.dumps(code)


def compare(compiled: bytes, source: bytes, level: int) -> str:
    """Say how byte code and a source compare."""
    try:
        found, wanted = outline(compiled), outline_of_source(source, level)
    except InputError:
        return "different"
    if found is None or wanted is None:
        return "unknown"
    return "same" if found == wanted else "different"


def test_names() -> None:
    assert cached_name("a.b.cpython-311.pyc") == ("a.b", "311", 0)
    assert cached_name("a.cpython-311.opt-2.pyc") == ("a", "311", 2)
    assert cached_name("a.pyc") is None
    assert re.fullmatch(r"3\d+", own_version())


@pytest.mark.parametrize("level", [0, 1, 2])
@pytest.mark.parametrize("name", ["x.py", "/usr/lib/elsewhere.py"])
def test_what_a_source_compiles_to(level: int, name: str) -> None:
    assert compare(pyc(SOURCE, name, level), SOURCE, level) == "same"


def test_another_level_is_different() -> None:
    assert compare(pyc(SOURCE, level=1), SOURCE, 0) == "different"


def test_every_module_of_a_package_of_the_standard_library() -> None:
    for path in sorted(Path(os.__file__).parent.joinpath("json").glob("*.py")):
        assert compare(pyc(path.read_bytes(), str(path)), path.read_bytes(), 0) == "same"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"-2.5", b"-2.6"),
        (b"1 << 70", b"1 << 71"),
        (b"'a'", b"'z'"),
        (b"b'bytes'", b"'bytes'"),
        (b"True", b"False"),
        (b"1, None", b"2, None"),
        (b"assert x", b"assert y"),
        (b"k=(", b"j=("),
        (b"3j", b"3.0"),
        (b"import path", b"import sep as path"),
        (b"class A:\n", b"class A:\n\n"),
    ],
)
def test_any_other_source(old: bytes, new: bytes) -> None:
    assert old in SOURCE
    assert compare(pyc(SOURCE.replace(old, new)), SOURCE, 0) == "different"


def test_every_byte_counts_that_is_no_name_of_a_file() -> None:
    whole = pyc(b"x = 'text'\n", "")
    for at in range(16, len(whole)):
        changed = bytearray(whole)
        changed[at] ^= 0x40
        assert compare(bytes(changed), b"x = 'text'\n", 0) in {"different", "same"}
        assert compare(whole[:at], b"x = 'text'\n", 0) == "different"


def test_what_cannot_be_told() -> None:
    assert compare(b"\0\0\r\n" + pyc(SOURCE)[4:], SOURCE, 0) == "unknown"
    assert compare(pyc(SOURCE), b"not python (", 0) == "unknown"
    assert compare(pyc(SOURCE), SOURCE, 3) == "unknown"
    assert compare(pyc(SOURCE), b"x = " + b"(" * 100_000, 0) == "unknown"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"(" + b"\xff\xff\xff\x7f",
        b"(" + b"\xff\xff\xff\xff",
        b"s\xff\xff\xff\xff",
        b"r\0\0\0\0",
        b"\xa8\1\0\0\0r\0\0\0\0",
        b")\1" * 500 + b"N",
        b"l\xff\xff\xff\x7f",
        b"{N0",
        b"N" * 100,
    ],
)
def test_hostile_byte_code_is_different(body: bytes) -> None:
    assert compare(importlib.util.MAGIC_NUMBER + bytes(12) + body, SOURCE, 0) == "different"


def test_code_that_grows_by_references_is_read_in_its_own_time() -> None:
    body = b"\xa9\2NN" + b"".join(b"" for _ in range(1))
    for number in range(120):
        body = b"\xa9\2" + body + b"r" + (119 - number).to_bytes(4, "little")
    assert compare(importlib.util.MAGIC_NUMBER + bytes(12) + body, SOURCE, 0) == "different"


def test_far_more_than_a_compiler_makes() -> None:
    assert compare(pyc(SOURCE) + bytes(1 << 20), SOURCE, 0) == "different"


@given(st.binary())
def test_any_bytes_are_told(data: bytes) -> None:
    assert compare(importlib.util.MAGIC_NUMBER + bytes(12) + data, b"x = 1\n", 0) == "different"
