import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.advisories.osv import advisories, decode, rate
from pratique.model.advisory import UNRATED, Advisory, Range, Severity
from pratique.model.errors import InputError
from tests.making.feeds import record

V3 = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
V4 = "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N"


def read(document: dict[str, Any]) -> list[Advisory]:
    return [n.advisory for n in advisories(decode(json.dumps(document).encode(), "place"), "feed")]


def one(**more: Any) -> Advisory:
    return read(record("PYSEC-1", **more))[0]


def test_record() -> None:
    found = one(summary="S" * 300, published="2026-01-01T00:00:00Z", aliases=["CVE-1", "GHSA-1", "CVE-1"])
    assert found == Advisory(
        id="PYSEC-1",
        feed="feed",
        vulnerabilities=(("PYSEC-1", "CVE-1", "GHSA-1"),),
        summary="S" * 200,
        url="https://osv.dev/vulnerability/PYSEC-1",
        published="2026-01-01T00:00:00Z",
        ranges=(Range("0", fixed="2.0"),),
    )


@pytest.mark.parametrize(
    ("events", "ranges"),
    [
        ([{"introduced": "0"}], [Range("0")]),
        ([{"introduced": "1"}, {"fixed": "2"}], [Range("1", fixed="2")]),
        ([{"introduced": "1"}, {"last_affected": "2"}], [Range("1", last_affected="2")]),
        ([{"fixed": "2"}, {"introduced": "1"}], [Range("1", fixed="2")]),
        (
            [{"introduced": "1"}, {"fixed": "2"}, {"introduced": "3"}, {"fixed": "4"}],
            [Range("1", fixed="2"), Range("3", fixed="4")],
        ),
        ([{"introduced": "1"}, {"fixed": "2"}, {"introduced": "3"}], [Range("1", fixed="2"), Range("3")]),
        (
            [{"introduced": "0"}, {"fixed": "2"}, {"fixed": "3"}],
            [Range("0", fixed="2"), Range("0", fixed="3")],
        ),
        ([{"introduced": "1"}, {"introduced": "2"}, {"fixed": "3"}], [Range("1"), Range("2", fixed="3")]),
        ([{"fixed": "3"}], [Range("0", fixed="3")]),
        ([{"introduced": "0"}, {"limit": "3"}], [Range("0")]),
    ],
)
def test_events(events: list[dict[str, str]], ranges: list[Range]) -> None:
    assert list(read(record("PYSEC-1", "a", *events))[0].ranges) == ranges


points = st.lists(st.integers(1, 20), min_size=2, max_size=8, unique=True).map(sorted)


@given(points, st.randoms(use_true_random=False))
def test_no_order_of_events_loses_an_affected_version(numbers: list[int], choice: Any) -> None:
    """The schema leaves events unsorted: by its own evaluation, sorted, the intervals between pairs are affected."""
    bounds = numbers[: len(numbers) // 2 * 2]
    affected = {v for low, high in zip(bounds[::2], bounds[1::2], strict=True) for v in range(low, high)}
    events = [{"fixed" if n % 2 else "introduced": str(v)} for n, v in enumerate(bounds)]
    choice.shuffle(events)
    ranges = read(record("PYSEC-1", "a", *events))[0].ranges
    held = {
        v for v in range(21) for r in ranges if int(r.introduced) <= v and (not r.fixed or v < int(r.fixed))
    }
    assert affected <= held


def test_git_ranges_say_nothing_about_a_package_version() -> None:
    document = record("PYSEC-1")
    document["affected"][0]["ranges"].append({"type": "GIT", "events": [{"introduced": "0"}]})
    assert read(document)[0].ranges == (Range("0", fixed="2.0"),)


def test_unbounded_is_a_record_without_range_and_version() -> None:
    document = record("PYSEC-1")
    document["affected"][0]["ranges"][0]["type"] = "GIT"
    assert read(document)[0].unbounded
    document["affected"][0]["versions"] = ["1.0", "1.0"]
    assert (read(document)[0].unbounded, read(document)[0].versions) == (False, ("1.0",))


def test_withdrawn_says_nothing() -> None:
    assert read(record("PYSEC-1", withdrawn="2026-01-02T00:00:00Z")) == []


def test_several_parts_about_one_name_are_one_advisory() -> None:
    document = record("PYSEC-1", "Foo_Bar")
    document["affected"] += record("x", "foo-bar", {"introduced": "3"})["affected"]
    document["affected"] += record("x", "other")["affected"]
    document["affected"] += record("x", "Foo_Bar", ecosystem="npm")["affected"] + [{"ranges": []}]
    named = list(advisories(decode(json.dumps(document).encode(), "p"), "feed"))
    assert [(n.ecosystem, n.name, len(n.advisory.ranges)) for n in named] == [
        ("PyPI", "foo-bar", 2),
        ("PyPI", "other", 1),
        ("npm", "Foo_Bar", 1),
    ]


@pytest.mark.parametrize(
    ("identifier", "more", "ids"),
    [
        ("DSA-1-1", {"upstream": ["CVE-1", "CVE-2", "CVE-1"]}, (("CVE-1",), ("CVE-2",))),
        ("DEBIAN-CVE-1", {"upstream": ["CVE-1"]}, (("CVE-1", "DEBIAN-CVE-1"),)),
        ("PYSEC-1", {"aliases": None, "upstream": None}, (("PYSEC-1",),)),
        ("DSA-1-1", {"upstream": []}, (("DSA-1-1",),)),
    ],
)
def test_vulnerabilities_of_a_record(identifier: str, more: dict[str, Any], ids: Any) -> None:
    assert read(record(identifier, **more))[0].vulnerabilities == ids


@pytest.mark.parametrize(
    ("vector", "severity"),
    [
        (V3, Severity("critical", 9.8, V3)),
        (V4, Severity("critical", 9.3, V4)),
        ("AV:N/AC:L/Au:N/C:N/I:N/A:C", Severity("high", 7.8, "AV:N/AC:L/Au:N/C:N/I:N/A:C")),
        (V3.replace("H/I:H/A:H", "N/I:N/A:N"), Severity("none", 0.0, V3.replace("H/I:H/A:H", "N/I:N/A:N"))),
        ("high", UNRATED),
        ("", UNRATED),
        ("CVSS:3.1/AV:N", UNRATED),
        (V3 + "/AV:N", UNRATED),
    ],
)
def test_rate(vector: str, severity: Severity) -> None:
    assert rate(vector) == severity


@given(
    st.text(max_size=60)
    | st.lists(st.sampled_from(V3.split("/") + V4.split("/") + ["E:X", "CVSS:2.0", ""])).map("/".join)
)
def test_any_text_is_rated_or_unrated(text: str) -> None:
    found = rate(text)
    assert found == UNRATED or 0 <= found.score <= 10


def severities(*vectors: str) -> list[dict[str, str]]:
    return [{"type": "CVSS_V3", "score": v} for v in vectors]


@pytest.mark.parametrize(
    ("more", "part", "level"),
    [
        ({}, None, "unrated"),
        ({"severity": severities(V3)}, None, "critical"),
        ({"severity": severities("nonsense")}, None, "unrated"),
        ({"severity": severities(V3), "database_specific": {"severity": "LOW"}}, None, "critical"),
        ({"database_specific": {"severity": "MODERATE"}}, None, "medium"),
        ({"database_specific": {"severity": "HIGH"}, "severity": severities("x")}, None, "high"),
        ({"database_specific": {"severity": "dreadful"}}, None, "unrated"),
        ({"database_specific": {"severity": 3}}, None, "unrated"),
        ({"severity": severities(V3)}, severities(V3.replace("C:H/I:H/A:H", "C:L/I:N/A:N")), "medium"),
        ({}, severities(V3.replace("C:H/I:H/A:H", "C:L/I:N/A:N"), V3), "critical"),
    ],
)
def test_severity(more: dict[str, Any], part: Any, level: str) -> None:
    document = record("PYSEC-1", **more)
    document["affected"][0]["severity"] = part
    assert read(document)[0].severity.level == level


@pytest.mark.parametrize(
    ("identifier", "references", "url"),
    [
        ("DSA-1-1", [], "https://security-tracker.debian.org/tracker/DSA-1-1"),
        ("DEBIAN-CVE-1", [], "https://security-tracker.debian.org/tracker/CVE-1"),
        ("P", [{"type": "WEB", "url": "https://w"}, {"type": "ADVISORY", "url": "https://a"}], "https://a"),
        ("P", [{"type": "ADVISORY", "url": "javascript:1"}], "https://osv.dev/vulnerability/P"),
    ],
)
def test_url(identifier: str, references: Any, url: str) -> None:
    assert read(record(identifier, references=references))[0].url == url


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{",
        b'{"id": 1, "modified": "x"}',
        b'{"id": "a"}',
        b'{"id": "\xff", "modified": ""}',
        b'{"id": "\\ud800", "modified": ""}',
        b"[" * 100_000,
    ],
)
def test_not_a_record(data: bytes) -> None:
    with pytest.raises(InputError) as caught:
        decode(data, "a.jsonl: line 7")
    assert str(caught.value).startswith("a.jsonl: line 7: not an OSV record (")


@given(
    st.recursive(
        st.none() | st.text(max_size=5) | st.integers(),
        lambda c: (
            st.lists(c, max_size=3)
            | st.dictionaries(
                st.sampled_from(["id", "affected", "ranges", "events", "package", "severity", "aliases"]), c
            )
        ),
    )
)
def test_any_json_is_a_record_or_refused(value: Any) -> None:
    document = {"id": "a", "modified": "", **(value if isinstance(value, dict) else {"affected": value})}
    try:
        assert isinstance(read(document), list)
    except InputError as error:
        assert error.what.startswith("not an OSV record")  # noqa: PT017 - both are right, nothing else is
