import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.formats.text import gap_text, plural, visible
from tests.making.values import gap


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain café 猫 😀 1.0~rc1+b2", "plain café 猫 😀 1.0~rc1+b2"),
        ("x\r::stop-commands::t", "x\\x0d\\x3a:stop-commands\\x3a:t"),
        ("::error::x", "\\x3a:error\\x3a:x"),
        (":::x", "\\x3a\\x3a:x"),
        ("  ##[add-mask]x", "  \\x23#[add-mask]x"),
        ("a ##vso[task.x]", "a \\x23#vso[task.x]"),
        ("\x1b]8;;https://e\x1b\\a", "\\x1b]8;;https://e\\x1b\\a"),
        ("\x1b]52;c;aGk=\x07", "\\x1b]52;c;aGk=\\x07"),
        ("\x9b31m\x85\x7f", "\\x9b31m\\x85\\x7f"),
        ("a\nb\tc", "a\\x0ab\\x09c"),
        ("\u202eevil\u2066", "\\u202eevil\\u2066"),
        ("a\u200bb\u00adc\ufeff", "a\\u200bb\\xadc\\ufeff"),
        ("\U000e0041", "\\U000e0041"),
        ("\ud800\udfff", "\\ud800\\udfff"),
        ("a:b # c", "a:b # c"),
    ],
)
def test_visible(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text(st.characters(exclude_categories=())))
def test_nothing_harmful_is_left(text: str) -> None:
    shown = visible(text)
    assert not [
        c
        for c in shown
        if unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"}
        or unicodedata.bidirectional(c) in {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    ]
    assert "::" not in shown
    assert "##" not in shown


@given(st.text())
def test_shown_text_stays_as_it_is(text: str) -> None:
    assert visible(visible(text)) == visible(text)


@pytest.mark.parametrize(
    ("count", "noun", "text"),
    [
        (0, "package", "0 packages"),
        (1, "package", "1 package"),
        (1234, "vulnerability", "1,234 vulnerabilities"),
        (2, "day", "2 days"),
    ],
)
def test_plural(count: int, noun: str, text: str) -> None:
    assert plural(count, noun) == text


def test_gap_in_one_line() -> None:
    assert gap_text(gap("anomaly", "srv/x")) == "anomaly: srv/x: reason of srv/x"
    assert gap_text(gap("no-feed", "packages", "a", "b")) == "no-feed: 2 packages reason of packages"
