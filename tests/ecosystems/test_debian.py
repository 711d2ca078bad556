import shutil
import subprocess
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pratique.ecosystems import debian
from pratique.model.errors import InputError
from pratique.model.inventory import Distribution

ASCENDING = (
    *("~~", "~~a", "~", "0~rc1-1", "0.1", "1.0~beta1-1", "1.0", "1.0-1~deb12u1", "1.0-1", "1.0-1+b1"),
    *("1.0-1+deb12u1", "1.0-1.1", "1.0-2", "1.0-10", "1.0a", "1.0+dfsg-1", "1.0.1-1", "1.0.10", "1.1"),
    *("10.0", "20230311+really1.0-1", "1:0.1", "2:0.0.1"),
)
"""Sorted by dpkg itself; the test against dpkg says so where there is one."""

versions = st.from_regex(
    r"([0-3]:)?[0-9][a-b0-3.+~]{0,6}(-[a-b0-3+.~]{1,4})?", fullmatch=True, alphabet="abcd0123.+~:-"
)


@pytest.mark.parametrize(("lower", "higher"), list(pairwise(ASCENDING)))
def test_versions_ascend(lower: str, higher: str) -> None:
    assert debian.version_key(lower) < debian.version_key(higher)


@pytest.mark.parametrize(
    ("one", "other"), [("1.0", "0:1.0"), ("1.0", "1.0-0"), ("1.00-01", "1.0-1"), ("1.0", "1.0-00")]
)
def test_spellings_of_one_version(one: str, other: str) -> None:
    assert debian.version_key(one) == debian.version_key(other)


@given(versions, versions, versions)
def test_order_is_total_antisymmetric_and_transitive(a: str, b: str, c: str) -> None:
    ka, kb, kc = debian.version_key(a), debian.version_key(b), debian.version_key(c)
    assert (ka < kb) + (ka == kb) + (ka > kb) == 1
    assert (ka < kb) == (kb > ka)
    if ka <= kb <= kc:
        assert ka <= kc


@pytest.mark.skipif(not shutil.which("dpkg"), reason="dpkg is not here")
@settings(max_examples=120, deadline=None)
@given(versions, versions)
def test_order_is_that_of_dpkg(a: str, b: str) -> None:
    ka, kb = debian.version_key(a), debian.version_key(b)
    relation = "lt" if ka < kb else "gt" if ka > kb else "eq"
    assert subprocess.run(["dpkg", "--compare-versions", a, relation, b], check=False).returncode == 0


@pytest.mark.skipif(not shutil.which("dpkg"), reason="dpkg is not here")
@pytest.mark.parametrize(("lower", "higher"), list(pairwise(ASCENDING)))
def test_ascending_is_as_dpkg_says(lower: str, higher: str) -> None:
    assert subprocess.run(["dpkg", "--compare-versions", lower, "lt", higher], check=False).returncode == 0


@given(versions, versions)
def test_order_is_that_of_univers(a: str, b: str) -> None:
    univers = pytest.importorskip("univers.debian")
    one, other = univers.Version.from_string(a), univers.Version.from_string(b)
    assert (debian.version_key(a) < debian.version_key(b)) == (one < other)


@pytest.mark.parametrize(
    "text", ["", ":1", "a:1", "1:", "1-", "-1", "1 0", "1.0_2", "1/2", "1.0\n", "é", "1" * 1025, "٣"]
)
def test_not_a_version(text: str) -> None:
    with pytest.raises(InputError, match=r"not a Debian version|Debian version of"):
        debian.version_key(text)


def test_paragraphs() -> None:
    text = "Package: a\nDescription: one\n two\n .\n\n\n  \nPackage: b\nConffiles:\n /etc/x 1\n"
    assert list(debian.paragraphs(text)) == [
        {"Package": "a", "Description": "one\ntwo\n."},
        {"Package": "b", "Conffiles": "\n/etc/x 1"},
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Package: a", "line 1: the last line has no end: the file is cut"),
        ("A: 1\nPackage: a\nVer", "line 3: the last line has no end: the file is cut"),
        (" a\n", "line 1: a continuation line without a field"),
        ("A: 1\n\n b\n", "line 3: a continuation line without a field"),
        ("A: 1\nA: 2\n", "line 2: the field A stands twice in one paragraph"),
        ("A\n", "line 1: not a control field: 'A'"),
        (": x\n", "line 1: not a control field: ': x'"),
        ("A b: x\n", "line 1: not a control field: 'A b: x'"),
        ("\x00A: x\n", "line 1: not a control field: '\\x00A: x'"),
    ],
)
def test_damaged_paragraphs(text: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        list(debian.paragraphs(text))
    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("field", "source"),
    [
        ("", ("libssl3", "3.0-1")),
        ("openssl", ("openssl", "3.0-1")),
        ("glibc (2.36-9+deb12u1)", ("glibc", "2.36-9+deb12u1")),
        ("glibc  (2.36)", ("glibc", "2.36")),
    ],
)
def test_source(field: str, source: tuple[str, str]) -> None:
    assert debian.source_of("libssl3", "3.0-1", field) == source


@pytest.mark.parametrize("name", ["a", "libstdc++6", "0ad", "python3.11", "a_b"])
def test_package_names(name: str) -> None:
    assert debian.package_name(name) == name


@pytest.mark.parametrize("name", ["", "/", "-a", "a b", "x\r::stop", "é", "a/b", "a\n"])
def test_not_a_package_name(name: str) -> None:
    with pytest.raises(InputError, match="not a package name"):
        debian.package_name(name)


@pytest.mark.parametrize(
    ("identifier", "version", "ecosystem"),
    [
        ("debian", "12", "Debian:12"),
        ("debian", "12.5", "Debian:12"),
        ("debian", "", ""),
        ("ubuntu", "22.04", "Ubuntu:22.04:LTS"),
        ("ubuntu", "23.04", "Ubuntu:23.04"),
        ("ubuntu", "24.10", "Ubuntu:24.10"),
        ("arch", "1", ""),
        ("", "", ""),
    ],
)
def test_ecosystem_of_a_release(identifier: str, version: str, ecosystem: str) -> None:
    release = Distribution(id=identifier, version_id=version, name="", codename="")
    assert debian.osv_ecosystem(release) == ecosystem


def test_no_release_has_no_ecosystem() -> None:
    assert debian.osv_ecosystem(None) == ""
