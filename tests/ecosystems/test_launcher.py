import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.ecosystems.launcher import Script, entry_point, same, split

SHELL = "#!/bin/sh\n'''exec' {} \"$0\" \"$@\"\n' '''\nbody"
BODY = b"import sys\nfrom a.b import c\nif __name__ == '__main__':\n    sys.exit(c.d())\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("#!/usr/bin/python3\nbody", Script("/usr/bin/python3", b"body")),
        (SHELL.format("/a/python3.11"), Script("/a/python3.11", b"body")),
        (SHELL.format('"/a b/python"'), Script("/a b/python", b"body")),
        ("#!/usr/bin/python3 -i\nbody", None),
        ("#!python\nbody", None),
        ("#!/usr/bin/env python\nbody", None),
        ("body", None),
    ],
)
def test_parts(text: str, expected: Script | None) -> None:
    assert split(text.encode()) == expected


@pytest.mark.parametrize(
    "path", ['"/python" evil; "', "/$(evil)", "/python; evil", "/evil;x/../python", "/a b/python"]
)
def test_a_shell_that_does_more_is_the_interpreter(path: str) -> None:
    found = split(SHELL.format(path).encode())
    assert found is not None
    assert found.interpreter == "/bin/sh"


def test_an_entry_point() -> None:
    assert entry_point(BODY) == "a.b:c.d"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"import sys\n", b"import sys, os\n"),
        (b"import sys\n", b"import sys\nimport os\n"),
        (b"import c", b"import e as c"),
        (b"c.d()", b"e.d()"),
        (b"c.d()", b"c.d(1)"),
        (b"())\n", b"())\nevil()\n"),
        (b"    sys", b"    evil()\n    sys"),
        (b"a.b", b"a.b\xe9"),
    ],
)
def test_a_text_of_no_known_form_tells_nothing(old: bytes, new: bytes) -> None:
    assert old in BODY
    assert entry_point(BODY.replace(old, new)) == ""


def test_scripts_that_run_the_same() -> None:
    assert same(b"#!/a/python\nx", b"#!/b/python\nx") == "/b/python"
    assert same(b"#!/a/python\n" + BODY, b"#!/b/python\n# -*- coding: utf-8 -*-\n" + BODY) == "/b/python"
    assert same(b"#!/a/python\nx", b"#!/b/python\ny") == ""
    assert same(b"x", b"#!/b/python\nx") == ""
    assert same(b"#!/a/python\n" + BODY, b"#!/b/python\n" + BODY.replace(b"a.b", b"a.c")) == ""


@given(st.binary(), st.binary())
def test_different_bodies_are_not_the_same(one: bytes, other: bytes) -> None:
    assert bool(same(b"#!/p\n" + one, b"#!/p\n" + other)) == (one == other)


def test_a_long_text_is_not_looked_at() -> None:
    assert entry_point(BODY + b" " * 10_000) == ""
