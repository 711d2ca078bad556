from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.ecosystems.requirements_file import (
    Include,
    Line,
    Odd,
    Option,
    Required,
    Variable,
    parse_requirements,
)

H = "a" * 64
HASH = f"--hash=sha256:{H}"


def lines(text: str) -> list[Line]:
    return list(parse_requirements(text))


def one(text: str) -> Any:
    (line,) = lines(text)
    return line


def test_a_pinned_and_hashed_requirement() -> None:
    line = one(
        f"Idna==3.4 ; python_version < '4' \\\n    {HASH} \\\n    --hash sha512:{'b' * 128}\n    # via x\n"
    )
    assert (line.line, line.kind, line.name, line.exact) == (1, "index", "idna", "3.4")
    assert line.hashes == (("sha256", H), ("sha512", "b" * 128))
    assert line.marker == 'python_version < "4"'


@pytest.mark.parametrize(
    ("text", "exact"),
    [
        ("a==1", "1"),
        ("a===1", "1"),
        ("a == 1.0+cu128", "1.0+cu128"),
        ("a[x]==1", "1"),
        ("a==1.*", ""),
        ("a>=1", ""),
        ("a==1,<2", ""),
        ("a", ""),
    ],
)
def test_exact_versions(text: str, exact: str) -> None:
    assert one(text).exact == exact


@pytest.mark.parametrize(
    ("text", "kind", "name", "built"),
    [
        ("git+https://h.invalid/x@abc", "vcs", "", False),
        ("x @ git+https://h.invalid/x", "vcs", "x", False),
        (f"https://h.invalid/x_y-1-py3-none-any.whl#sha256={H}", "address", "x-y", False),
        (f"x @ https://h.invalid/x-1.tar.gz#sha256={H}", "address", "x", True),
        ("./x", "folder", "", True),
        (".", "folder", "", True),
        ("/srv/x-1-py3-none-any.whl", "file", "x", False),
        ("x-1.tar.gz", "file", "", True),
        ("sub/x", "folder", "", True),
        ("file:///srv/x", "folder", "", True),
    ],
)
def test_sources(text: str, kind: str, name: str, built: bool) -> None:  # noqa: FBT001
    line = one(text)
    assert (line.kind, line.name, line.kind != "vcs" and line.built) == (kind, name, built)


def test_the_fragment_of_an_address_is_a_hash() -> None:
    assert one(f"https://h.invalid/x-1-py3-none-any.whl#egg=x&sha256={H}").hashes == (("sha256", H),)


def test_options() -> None:
    text = (
        "--index-url https://h.invalid/s\n-i https://i.invalid --no-index\n-fhttps://f.invalid\n--pre\n-e .\n"
    )
    assert lines(text) == [
        Option(1, "--index-url", "https://h.invalid/s"),
        Option(2, "--index-url", "https://i.invalid"),
        Option(2, "--no-index"),
        Option(3, "--find-links", "https://f.invalid"),
        Option(4, "--pre"),
        Option(5, "--editable", "."),
    ]


@pytest.mark.parametrize("text", ["-r a.txt", "-ra.txt", "--requirement a.txt", "--requirement=a.txt"])
def test_includes(text: str) -> None:
    assert one(text) == Include(1, "a.txt", constraint=False)


def test_a_variable() -> None:
    assert isinstance(one("https://${HOST}/x-1-py3-none-any.whl"), Variable)
    assert isinstance(one("a==1 # ${HOST}"), Required)


def test_comments_and_blanks_say_nothing() -> None:
    assert lines("\n# a\n   # b ==1\n\t\n") == []


@pytest.mark.parametrize(
    "text",
    [
        "a==1\u2028b==2",
        "a==1\x0bb==2",
        "a==1\x00",
        f"a==1 {HASH}\rb==2",
        "--pre=",
        "--pre=yes",
        "\ufeffa==1",
        "# -*- coding: utf-7 -*-",
        "a==1 # x \\",
        "a==1 \\",
        "a==1 --hash=sha256:abc",
        f"a==1 --hash=sha999:{H}",
        f"a==1 --has=sha256:{H}",
        f"a==1\t{HASH}",
        f"a==1 {HASH} b==2",
        f"    {HASH}",
        "a==1 --unknown",
        "--use-feature x",
        "--index-url",
        "--index-url 'https://h.invalid'",
        "-r a.txt -r b.txt",
        "-r a.txt --pre",
        "a=1",
        "a==1; " + "(" * 4000,
        "a" * 5000,
        "a==1 " + "x" * (1 << 20),
        "==1",
        "a ==",
        "<a href=x>",
    ],
)
def test_what_is_not_understood_is_odd(text: str) -> None:
    assert any(isinstance(line, Odd) for line in lines(text))


def test_a_comment_ends_a_continued_line_as_in_pip() -> None:
    first, second = lines(f"a==1 \\\n# b\n    {HASH}\n")
    assert isinstance(first, Required)
    assert first.hashes == ()
    assert isinstance(second, Odd)


def test_a_coding_comment_of_utf_8_or_further_down_is_harmless() -> None:
    assert lines("# -*- coding: utf-8 -*-\n# x\n# coding: latin-1\n") == []


@given(st.text())
def test_any_text_is_read_and_no_line_is_skipped(text: str) -> None:
    wanted = [x for x in text.split("\n") if x.strip(" \t\r\\") and "#" not in x]
    assert lines(text) or not wanted


@pytest.mark.parametrize("text", ["a==1 \\\n", " " * 10 + "#", "-" * 10 + "\n", "a;" + "(" * 10 + "\n"])
def test_time_grows_with_the_text(text: str) -> None:
    assert len(lines(text * 20_000)) <= 20_000
