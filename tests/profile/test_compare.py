"""Two runs' documents compared, in memory."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.model.errors import InputError
from pratique.model.proof import Compared
from pratique.profile import compare_digests, compare_json

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)  # fmt: skip


def texts(old: str, new: str, tolerance: float = 0.0) -> Compared:
    return compare_json("/out.json", old.encode(), new.encode(), tolerance)


def values(old: Any, new: Any, tolerance: float = 0.0) -> Compared:
    return texts(json.dumps(old), json.dumps(new), tolerance)


def told(found: Compared) -> tuple[str, str]:
    assert not found.same
    return found.before, found.after


def test_what_is_the_same_is_equal() -> None:
    assert values({"a": [1, None, True, "x"], "b": {}}, {"b": {}, "a": [1, None, True, "x"]}) == Compared(
        kind="json", subject="/out.json", same=True, before="equal", after="equal", values=4
    )


@given(JSON)
def test_every_document_is_the_same_as_itself(value: Any) -> None:
    assert values(value, value).same


@given(JSON, JSON, st.sampled_from([0.0, 0.1]))
def test_the_order_of_the_two_does_not_matter(one: Any, other: Any, tolerance: float) -> None:
    assert values(one, other, tolerance).same == values(other, one, tolerance).same


@pytest.mark.parametrize(
    ("old", "new", "tolerance", "same"),
    [
        ("1.0", "1.0", 0, True),
        ("1.0", "1.0000000000000002", 0, False),
        ("100", "101", 0.01, True),
        ("100", "101.1", 0.01, False),
        ("101.1", "100", 0.01, False),
        ("-100", "-99.5", 0.01, True),
        ("-100", "100", 1, False),
        ("1e300", "1.001e300", 0.01, True),
        ("1e-300", "1.001e-300", 0.01, True),
        ("1.7e308", "-1.7e308", 0.5, False),
        ("0", "1e-300", 0.5, False),
        ("0.0", "-0.0", 0, True),
        ("0", "0.0", 0.01, True),
    ],
)
def test_numbers_differ_by_a_share_of_the_larger(old: str, new: str, tolerance: float, same: bool) -> None:  # noqa: FBT001
    found = texts(old, new, tolerance)
    assert (found.same, found.tolerance) == (same, tolerance)


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("1", "1.0", True),
        ("1", "1e0", True),
        ("9007199254740993", "9007199254740992", False),
        ("9007199254740993", "9007199254740992.0", False),
        ("1", "true", False),
        ("0", "false", False),
        ("true", "true", True),
        ("1", '"1"', False),
        ("null", "0", False),
        ("null", "null", True),
        ('""', "null", False),
        ("[]", "{}", False),
        ("[1]", "1", False),
    ],
)
def test_kinds(old: str, new: str, same: bool) -> None:  # noqa: FBT001
    assert texts(old, new).same is same


def test_without_a_tolerance_no_integer_is_rounded() -> None:
    """Two identifiers that one float would stand for are two."""
    assert told(texts('{"id": 9007199254740993}', '{"id": 9007199254740992}')) == (
        "id: 9007199254740993",
        "id: 9007199254740992",
    )


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400"])
def test_no_number_of_json(number: str) -> None:
    assert told(texts("1", number, 1))[1].startswith("no JSON (")
    with pytest.raises(InputError) as caught:
        texts(number, number)
    assert caught.value.place == "/out.json"


@pytest.mark.parametrize(
    "data", [b"", b"{", b"\xff", b"{'a': 1}", b'{"a": 1, "a": 1}', b"[" * 65 + b"]" * 65]
)
def test_what_is_no_json(data: bytes) -> None:
    """In the new run it is a difference; in the original's nothing can be compared with it."""
    found = compare_json("/out.json", b"[]", data, 0)
    assert told(found)[0] == "JSON"
    assert found.after.startswith("no JSON (")
    for after in (data, b"[]", None):
        with pytest.raises(InputError) as caught:
            compare_json("/out.json", data, after, 0)
        assert caught.value.place == "/out.json"


def test_a_key_that_stands_twice_is_said() -> None:
    assert told(texts("{}", '{"a": 1, "a": 1}'))[1] == "no JSON (a key stands twice in one object)"


def test_a_file_that_was_not_written() -> None:
    found = compare_json("/out.json", b'{"time": 1}', None, 0)
    assert told(found) == ("written", "not written")
    assert found.masked == ()
    assert told(compare_json("/out.json", b"null", None, 0)) == ("written", "not written")


@pytest.mark.parametrize(
    ("old", "new", "before", "after"),
    [
        ({"a": 1, "b": 2}, {"a": 1}, "b: present", "b: absent"),
        ({"a": {}}, {"a": {"b": None}}, "a.b: absent", "a.b: present"),
        ([{"a": [0, 1]}], [{"a": [0, 2]}], "[0].a[1]: 1", "[0].a[1]: 2"),
        ([1], [1, 2], "a list of 1", "a list of 2"),
        ({"a": [1, 2]}, {"a": {"x": 1, "y": 2}}, "a: a list of 2", "a: an object of 2"),
        ({"a": "1"}, {"a": 1}, 'a: "1"', "a: 1"),
        ({"a": True}, {"a": "true"}, "a: true", 'a: "true"'),
        ({"a": "x\n\x1b"}, {"a": None}, 'a: "x\\n\\u001b"', "a: null"),
    ],
)
def test_the_first_difference_is_told(old: Any, new: Any, before: str, after: str) -> None:
    assert told(values(old, new)) == (before, after)


def test_long_texts_are_cut_where_they_differ() -> None:
    same = "x" * 1000
    before, after = told(values(same + "1" + same, same + "2" + same))
    assert (before[:22], after[:22]) == ("…" + "x" * 20 + "1", "…" + "x" * 20 + "2")
    assert (len(before), len(after)) == (60, 60)
    before, after = told(values("1" + same, "2"))
    assert (before[:3], before[-1], len(before), after) == ('"1x', "…", 60, '"2"')


@pytest.mark.parametrize(
    "name",
    [
        "time",
        "seconds",
        "train_runtime",
        "wall_time",
        "fit_time_ms",
        "elapsed_s",
        "started_at",
        "created",
        "Date",
        "TIMESTAMP",
        "date_time",
    ],
)
def test_members_that_tell_times_are_masked_and_it_is_said(name: str) -> None:
    for old, new in ((1, 2), (1, 2.5), ("10:00", "11:00")):
        found = values({"run": {name: old}, "loss": 1}, {"run": {name: new}, "loss": 1})
        assert (found.same, found.masked) == (True, (f"run.{name}",))


@pytest.mark.parametrize(
    "name", ["times", "loss", "update", "timely", "candidate", "items", "sometime", "ms_per", ""]
)
def test_other_members_are_compared(name: str) -> None:
    found = values({name: 1}, {name: 2})
    assert (found.same, found.masked) == (False, ())


@pytest.mark.parametrize(("old", "new"), [(1, "1"), (1, None), (None, 1), (1, True), ([1], 1), ({}, [])])
def test_a_masked_member_of_another_kind_is_a_difference(old: Any, new: Any) -> None:
    assert told(values({"time": old}, {"time": new}))[0].startswith("time: ")


@pytest.mark.parametrize(("old", "new"), [({"time": 1}, {}), ({}, {"time": 1})])
def test_a_masked_member_that_is_missing_is_a_difference(old: Any, new: Any) -> None:
    assert told(values(old, new))[0].startswith("time: ")


def test_within_a_member_that_tells_times_only_times_are_masked() -> None:
    """An object or list of times is compared but for the times; what tells none is no time for standing there."""
    old = {"runtime": {"fit": 1.5, "steps": [1, 2], "gpu": True, "error": None}}
    new = {"runtime": {"fit": 2.5, "steps": [3, 4], "gpu": True, "error": None}}
    found = values(old, new)
    assert (found.same, found.masked) == (True, ("runtime.fit", "runtime.steps[]"))
    for change in ({"gpu": False}, {"error": 0}, {"steps": [1]}, {"more": 1}):
        assert not values(old, {"runtime": new["runtime"] | change}).same


@pytest.mark.parametrize(("old", "new"), [(True, False), (None, False), (None, 1)])
def test_whether_something_finished_is_no_time(old: Any, new: Any) -> None:
    assert told(values({"finished": old}, {"finished": new}))[0].startswith("finished: ")


def test_a_long_list_is_masked_once() -> None:
    old = [{"epoch": n, "time": n, "loss": 1} for n in range(1000)]
    new = [{"epoch": n, "time": n + 1, "loss": 1} for n in range(1000)]
    found = values(old, new)
    assert (found.same, found.masked) == (True, ("[].time",))


def test_deep_documents() -> None:
    def deep(leaf: int) -> str:
        return "[" * 64 + str(leaf) + "]" * 64

    assert texts(deep(1), deep(1)).same
    assert told(texts(deep(1), deep(2)))[0] == "[0]" * 64 + ": 1"


def test_digests() -> None:
    one, other = "a" * 64, "b" * 64
    shown = [f"sha256:{digest[:12]}…" for digest in (one, other)]
    assert compare_digests("/x", one, one) == Compared(
        kind="sha256", subject="/x", same=True, before=shown[0], after=shown[0]
    )
    assert told(compare_digests("/x", one, other)) == (shown[0], shown[1])
    assert told(compare_digests("/x", one, "")) == (shown[0], "not written")
    assert told(compare_digests("/x", "", "")) == ("not written", "not written")


@pytest.mark.parametrize(
    ("text", "values"), [(b"{}", 0), (b'{"seconds": 1}', 0), (b'{"seconds": 1, "a": [1, 2]}', 2), (b"3", 1)]
)
def test_how_many_values_were_compared_is_told(text: bytes, values: int) -> None:
    found = compare_json("/a", text, text, 0)
    assert (found.same, found.values) == (True, values)
