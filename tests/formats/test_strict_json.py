"""The strict JSON reader: JSONTestSuite, and what two readers could understand differently."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.formats import strict_json
from pratique.model.errors import InputError
from tests.making.growth import growth

SUITE = sorted((Path(__file__).parent.parent / "conformance" / "data" / "jsontestsuite").glob("*.json"))
GOOD = [path for path in SUITE if path.name.startswith("y_")]
BAD = [path for path in SUITE if path.name.startswith("n_")]
OPEN = [path for path in SUITE if path.name.startswith("i_")]
# RFC 8259 allows these; we do not: readers keep the first, the last, or both.
DOUBLED = {"y_object_duplicated_key.json", "y_object_duplicated_key_and_value.json"}


def loads(text: str | bytes) -> Any:
    return strict_json.loads(text.encode() if isinstance(text, str) else text, place="here")


def fault(text: str | bytes) -> str:
    with pytest.raises(InputError) as caught:
        loads(text)
    assert caught.value.place == "here"
    return caught.value.what


def test_the_suite_is_there() -> None:
    assert (len(GOOD) > 40, len(BAD) > 80, len(OPEN) > 10) == (True, True, True)


@pytest.mark.parametrize("path", [p for p in GOOD if p.name not in DOUBLED], ids=lambda p: p.stem)
def test_the_suite_s_valid_texts_are_read(path: Path) -> None:
    assert loads(path.read_bytes()) == json.loads(path.read_bytes())


@pytest.mark.parametrize("path", [*BAD, *(p for p in GOOD if p.name in DOUBLED)], ids=lambda p: p.stem)
def test_the_suite_s_invalid_texts_are_refused(path: Path) -> None:
    fault(path.read_bytes())


@pytest.mark.parametrize("path", OPEN, ids=lambda p: p.stem)
def test_what_the_suite_leaves_open_is_refused_or_underflow(path: Path) -> None:
    """Surrogates, other encodings, overflow: readers differ. A number too small for a double is zero everywhere."""
    if path.stem in {"i_number_double_huge_neg_exp", "i_number_real_underflow"}:
        assert abs(loads(path.read_bytes())[0]) == 0
    elif path.stem == "i_structure_500_nested_arrays":
        assert fault(path.read_bytes()) == "nested deeper than 64"
    else:
        fault(path.read_bytes())


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": [1, -2, 2.5, true, null, "x"]}', {"a": [1, -2, 2.5, True, None, "x"]}),
        (' "é\\u00e9" ', "éé"),
        ('"\\ud83d\\ude00"', "😀"),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
        ("-0", 0),
        ("1e308", 1e308),
        ('[{"a": 1}, {"a": 1}]', [{"a": 1}, {"a": 1}]),
        ('"[[[{{{"', "[[[{{{"),
        ('["\\"[", "\\\\"]', ['"[', "\\"]),
    ],
)
def test_what_every_reader_understands_alike_is_read(text: str, value: Any) -> None:
    assert loads(text) == value


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('{"a": 1, "a": 2}', "a key stands twice in one object"),
        ('{"a": 1, "\\u0061": 1}', "a key stands twice in one object"),
        ('[{"x": {"b": 1, "c": 2, "b": 1}}]', "a key stands twice in one object"),
        ("NaN", "NaN is not JSON"),
        ("[Infinity]", "Infinity is not JSON"),
        ('{"a": -Infinity}', "-Infinity is not JSON"),
        ("9223372036854775808", "an integer beyond 64 bits: 9223372036854775808"),
        ("-9223372036854775809", "an integer beyond 64 bits: -9223372036854775809"),
        ("1" + "0" * 5000, "an integer beyond 64 bits: 1" + "0" * 39),
        ("1e309", "a number beyond double precision: 1e309"),
        ("-1e999", "a number beyond double precision: -1e999"),
    ],
)
def test_what_readers_could_understand_differently_is_refused(text: str, what: str) -> None:
    assert fault(text) == what


@pytest.mark.parametrize(
    "text",
    [
        b"\xff",
        b'"\xc3"',
        b'"\xed\xa0\x80"',
        '{"a": 1}'.encode("utf-16"),
        b"\xef\xbb\xbf{}",
        b"",
        b"{} {}",
        b"\x00",
    ],
)
def test_what_is_no_utf_8_or_no_single_value_is_refused(text: bytes) -> None:
    assert fault(text).startswith("not valid JSON (")


@pytest.mark.parametrize("text", ['"\\ud800"', '{"\\udfff": 1}', '["\\ude00\\ud83d"]', '"\\uD800x"'])
def test_half_a_surrogate_pair_is_no_text(text: str) -> None:
    """It could be read, and then neither printed nor stored."""
    assert fault(text).startswith("not valid JSON (")


@pytest.mark.parametrize(("before", "after"), [("[", "]"), ('{"a":', "}"), ('[{"]":', "}]")])
def test_sixty_four_levels_and_not_one_more(before: str, after: str) -> None:
    times = 64 // (before.count("[") + before.count("{"))
    loads(before * times + "1" + after * times)
    assert fault(before * (times + 1) + "1" + after * (times + 1)) == "nested deeper than 64"


def test_a_hundred_thousand_brackets_are_an_error_of_ours() -> None:
    assert fault("[" * 100_000) == "nested deeper than 64"
    assert fault('{"a":' * 100_000) == "nested deeper than 64"


def test_a_place_that_is_known_is_kept() -> None:
    with pytest.raises(InputError) as caught:
        strict_json.loads(b"[1, 1e999]", place="index.json")
    assert str(caught.value) == "index.json: a number beyond double precision: 1e999"


@pytest.mark.parametrize(
    "pattern", ['"' + '\\"' * 1000, '"' * 1001, "[]" * 500, '"\\' * 501, "1" * 1000, " " * 1000]
)
def test_time_grows_with_length_and_not_with_its_square(pattern: str) -> None:
    """Sixteen times the text took 256 times as long where an unterminated string was searched again and again."""

    def work(times: int) -> None:
        with pytest.raises(InputError):
            strict_json.loads((pattern * times).encode(), place="here")

    assert growth(work, 8, 16) < 100


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)


@given(VALUES, st.booleans())
def test_what_python_writes_is_read_back(value: Any, ascii_only: bool) -> None:  # noqa: FBT001
    assert loads(json.dumps(value, ensure_ascii=ascii_only)) == value


@given(st.binary(max_size=200))
def test_any_bytes_are_a_value_or_an_error_of_ours(data: bytes) -> None:
    with suppress(InputError):
        assert strict_json.loads(data, place="here") == json.loads(data)
