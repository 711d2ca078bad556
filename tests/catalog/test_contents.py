import importlib.util
import marshal

from pratique.catalog.contents import (
    CONTENTS,
    ByteCodeReader,
    ScriptReader,
    TagReader,
)
from pratique.ecosystems import bytecode
from pratique.image import Limits
from pratique.image.layer import reduce_layer
from pratique.model.files import Unread
from tests.making.layers import blob
from tests.making.tar import Item, symlink, tar

CODE = importlib.util.MAGIC_NUMBER + bytes(12) + marshal.dumps(compile("x = 1", "a", "exec"))


def test_what_they_want() -> None:
    assert [ScriptReader().wants(p) for p in ("usr/bin/x", "opt/t/bin/x", "bin/a/x", "x")] == [
        True,
        True,
        False,
        False,
    ]
    assert [ByteCodeReader().wants(p) for p in ("a/x.pyc", "a/x.py")] == [True, False]
    assert [TagReader().wants(p) for p in ("s/a-1.dist-info/WHEEL", "s/WHEEL")] == [True, False]


def test_facts_of_a_layer() -> None:
    wheel = b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py2-none-any\nTag: py3-none-any\n"
    items = [
        Item("usr/bin/x", b"#!/bin/sh\n"),
        Item("usr/bin/y", b"\x7fELF"),
        Item("a/x.pyc", CODE),
        Item("a/old.pyc", b"\x03\xf3\r\n" + CODE[4:]),
        Item("a/cut.pyc", CODE[:-1]),
        Item("s/a-1.dist-info/WHEEL", wheel),
        Item("s/b-1.dist-info/WHEEL", b"what"),
        symlink("link", "a"),
    ]
    facts = reduce_layer(blob(tar(items)), CONTENTS, Limits()).facts
    assert facts["usr/bin/x"] == {"script": b"#!/bin/sh\n"}
    assert facts["usr/bin/y"] == {"script": None}
    assert facts["a/x.pyc"]["byte-code"] == bytecode.outline_of_source(b"x = 1", 0)
    assert facts["a/old.pyc"]["byte-code"] is None
    assert facts["a/cut.pyc"]["byte-code"] == Unread("cut, or a length that cannot be")
    assert facts["s/a-1.dist-info/WHEEL"]["wheel-tags"] == ("py2-none-any", "py3-none-any")
    assert isinstance(facts["s/b-1.dist-info/WHEEL"]["wheel-tags"], Unread)
