from email import message_from_string
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.ecosystems import python
from pratique.model.errors import InputError

ASCENDING = (
    *("1.0.dev1", "1.0a1.dev1", "1.0a1", "1.0b2", "1.0rc1", "1.0", "1.0+cpu", "1.0+cu118", "1.0+1"),
    *("1.0.post1", "1.0.1", "1.2", "1.10", "2!0.1"),
)

pieces = st.tuples(
    st.sampled_from(["", "1!"]),
    st.sampled_from(["0", "1", "1.0", "1.1", "10"]),
    st.sampled_from(["", "a1", "b1", "rc1", ".post1"]),
    st.sampled_from(["", ".dev1"]),
    st.sampled_from(["", "+cu118", "+cpu", "+1"]),
)
versions = pieces.map("".join)


@pytest.mark.parametrize(("lower", "higher"), list(pairwise(ASCENDING)))
def test_versions_ascend(lower: str, higher: str) -> None:
    assert python.version_key(lower) < python.version_key(higher)


@given(versions, versions, versions)
def test_order_is_total_antisymmetric_and_transitive(a: str, b: str, c: str) -> None:
    ka, kb, kc = python.version_key(a), python.version_key(b), python.version_key(c)
    assert (ka < kb) + (ka == kb) + (ka > kb) == 1
    assert (ka < kb) == (kb > ka)
    if ka <= kb <= kc:
        assert ka <= kc


@given(versions, versions)
def test_order_is_that_of_univers(a: str, b: str) -> None:
    univers = pytest.importorskip("univers.versions")
    one, other = univers.PypiVersion(a), univers.PypiVersion(b)
    assert (python.version_key(a) < python.version_key(b)) == (one < other)


@pytest.mark.parametrize("text", ["", "abc", "1.0-bulbasaur", "1..0", "1.0 1", "9" * 513])
def test_not_a_version(text: str) -> None:
    with pytest.raises(InputError, match=r"not a PEP 440 version|Python version of"):
        python.version_key(text)


@pytest.mark.parametrize(
    ("version", "public"), [("2.1.0+cu118", "2.1.0"), ("2.1.0", "2.1.0"), ("1!1.0a1+x.1", "1!1.0a1")]
)
def test_public_version(version: str, public: str) -> None:
    assert python.public(version) == public


@pytest.mark.parametrize("name", ["Foo.Bar", "foo-bar", "FOO__BAR", "foo.-_bar"])
def test_spellings_of_one_name(name: str) -> None:
    assert python.normalise(name) == "foo-bar"


@pytest.mark.parametrize(
    "text",
    [
        "Metadata-Version: 2.1\nName: a\nVersion: 1\n",
        "name: a\nVERSION: 1\n",
        "Name: a\r\nVersion: 1\r\n\r\nName: b\r\n",
        "Name: a\nVersion: 1\nDescription: x\n Name: b\n\nVersion: 9\n",
    ],
)
def test_name_and_version(text: str) -> None:
    assert python.name_and_version(text) == ("a", "1")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the field Name is missing"),
        ("Version: 1\n", "the field Name is missing"),
        ("Name: a\n", "the field Version is missing"),
        ("Name: a\nVersion:\n", "the field Version is missing"),
        ("Name: a\n\nVersion: 1\n", "the field Version is missing"),
        ("Name: a\nName: b\nVersion: 1\n", "the field Name stands twice"),
        ("Name: a\nVersion: 1\nversion: 2\n", "the field Version stands twice"),
        ("Name: a/b\nVersion: 1\n", "not a distribution name: 'a/b'"),
        ("Name: /\nVersion: 1\n", "not a distribution name: '/'"),
        ("Name: \u202ea\nVersion: 1\n", "not a distribution name: '\\u202ea'"),
    ],
)
def test_metadata_without_identity(text: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        python.name_and_version(text)
    assert str(caught.value) == said


def test_record_paths() -> None:
    text = 'a/__init__.py,sha256=x,3\n"with, comma.py",,\n../../bin/a,,\n\n/abs/b,,\n'
    assert python.record_paths(text) == ("a/__init__.py", "with, comma.py", "../../bin/a", "/abs/b")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (",sha256=x,3\n", "a RECORD row without a path"),
        ("a\rb,,\n", "not a RECORD: new-line"),
        ("a" * 131073, "not a RECORD: field larger"),
    ],
)
def test_damaged_record(text: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        python.record_paths(text)
    assert str(caught.value).startswith(said)


LICENCE = f"""Metadata-Version: 2.1
Name: pandas
Version: 2.0.1
License: BSD 3-Clause License
{" " * 8}
        Copyright (c) 2008-2011
        Name: not a field
Requires-Dist: tzdata (>=2022.1)

Requires-Dist: not-a-field
"""


def test_a_blank_line_inside_a_licence_ends_no_header() -> None:
    assert python.name_and_version(LICENCE) == ("pandas", "2.0.1")
    assert python.requirements(LICENCE) == ("tzdata (>=2022.1)",)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_headers_are_those_of_the_email_parser(end: str) -> None:
    text = LICENCE.replace("\n", end)
    assert python.requirements(text) == tuple(message_from_string(text).get_all("Requires-Dist", []))
