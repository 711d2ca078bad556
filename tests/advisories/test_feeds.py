import gzip
import json
import random
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from pratique.advisories import find_feeds
from pratique.advisories.feeds import documents
from pratique.model.errors import InputError, UnavailableError
from tests.making.feeds import COMPLETE, Record, declare, epss, jsonl, kev, record, zipped

RECORDS = (record("PYSEC-1", "a"), record("PYSEC-2", "b"))


def written(path: Path, *records: Record) -> Path:
    """Write records as the suffix asks."""
    if path.suffix == ".zip":
        return zipped(path, *records)
    if path.suffix == ".json":
        path.write_text(json.dumps(records[0]))
        return path
    return jsonl(path, *records)


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("osv.json", ["PYSEC-1"]),
        ("osv.jsonl", ["PYSEC-1", "PYSEC-2"]),
        ("osv.jsonl.gz", ["PYSEC-1", "PYSEC-2"]),
        ("all.zip", ["PYSEC-1", "PYSEC-2"]),
    ],
)
def test_documents_of_every_form(tmp_path: Path, name: str, ids: list[str]) -> None:
    path = written(tmp_path / name, *RECORDS)
    assert [json.loads(data)["id"] for _, data in documents(path)] == ids


def test_places_name_file_and_line_or_member(tmp_path: Path) -> None:
    lines, archive = jsonl(tmp_path / "a.jsonl", *RECORDS), zipped(tmp_path / "b.zip", *RECORDS)
    assert [place for place, _ in documents(lines)] == [f"{lines}: line 1", f"{lines}: line 2"]
    assert [place for place, _ in documents(archive)] == [
        f"{archive}: PYSEC-1.json",
        f"{archive}: PYSEC-2.json",
    ]


def test_blank_lines_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\n{}\n   \n{}")
    assert [place for place, _ in documents(path)] == [f"{path}: line 2", f"{path}: line 4"]


def test_undeclared_feed_is_a_sample_of_unknown_age(tmp_path: Path) -> None:
    feed = find_feeds(jsonl(tmp_path / "osv.jsonl.gz", *RECORDS))[0].feed
    assert (feed.name, feed.format, feed.coverage, feed.as_of) == ("osv", "osv", "sample", None)


def test_formats_are_told_by_content(tmp_path: Path) -> None:
    files = (kev(tmp_path / "k.json", "CVE-2026-1"), epss(tmp_path / "e.csv.gz"), epss(tmp_path / "f.csv"))
    assert [find_feeds(f)[0].feed.format for f in files] == ["kev", "epss", "epss"]
    assert [find_feeds(f)[0].feed.name for f in files] == ["kev", "epss", "epss"]


def test_folder_of_single_records_is_one_feed(tmp_path: Path) -> None:
    folder = tmp_path / "osv"
    (folder / "deep").mkdir(parents=True)
    written(folder / "1.json", RECORDS[0])
    written(folder / "deep" / "2.json", RECORDS[1])
    jsonl(folder / "more.jsonl", RECORDS[0])
    kev(folder / "kev.json", "CVE-2026-1")
    found = find_feeds(folder)
    assert [(s.feed.name, s.feed.format, len(s.files)) for s in found] == [
        ("kev", "kev", 1),
        ("more", "osv", 1),
        ("osv", "osv", 2),
    ]


def test_declaration(tmp_path: Path) -> None:
    window = 'name = "w"\nfile = "w.jsonl"\nformat = "osv"\ncoverage = "window"\nwindow-from = 2026-01-01\nwindow-to = 2026-02-01\nas-of = 2026-02-01T10:00:00Z\nlicence = "CC0"\norigin = "o"\nnote = "n"\n'
    complete, narrow = find_feeds(declare(tmp_path, COMPLETE, window))
    assert complete.files == (tmp_path / "osv.jsonl",)
    assert (complete.feed.ecosystems, complete.feed.as_of) == (("PyPI",), datetime(2026, 11, 23, tzinfo=UTC))
    assert (narrow.feed.window_from, narrow.feed.window_to) == (date(2026, 1, 1), date(2026, 2, 1))
    assert (narrow.feed.licence, narrow.feed.origin, narrow.feed.note) == ("CC0", "o", "n")
    assert narrow.feed.as_of == datetime(2026, 2, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1", "Object contains unknown field `x`"),
        ("[[feed]]\nname = 1", "Expected `str`, got `int` - at `$.feed[0].name`"),
        ('[[feed]]\nname = "a"', "Object missing required field `file` - at `$.feed[0]`"),
        ("[[feed]", "Expected ']]' at the end of an array declaration"),
        ("[[feed]]\n" + COMPLETE + "colour = 1", "Object contains unknown field `colour` - at `$.feed[0]`"),
        (
            "[[feed]]\n" + COMPLETE.replace("complete", "whole"),
            "Invalid enum value 'whole' - at `$.feed[0].coverage`",
        ),
        ("[[feed]]\n" + COMPLETE.replace("2026-11-23", '"soon"'), "osv: as-of is not a date"),
        (
            "[[feed]]\n" + COMPLETE.replace("osv.jsonl", "../osv.jsonl"),
            "../osv.jsonl: a feed outside the folder",
        ),
        (
            "[[feed]]\n" + COMPLETE.replace("osv.jsonl", "/srv/osv.jsonl"),
            "/srv/osv.jsonl: a feed outside the folder",
        ),
        (
            "[[feed]]\n" + COMPLETE.replace("complete", "window"),
            "osv: a window without window-from and window-to",
        ),
        (
            "[[feed]]\n" + COMPLETE.replace('ecosystems = ["PyPI"]\n', ""),
            "osv: a complete feed without ecosystems",
        ),
        ("", "no feed is declared"),
        ("a = " + "[" * 5000, "maximum recursion depth"),
        ("\udcff", "'utf-8' codec can't decode"),
    ],
)
def test_wrong_declarations(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "feeds.toml").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(InputError) as caught:
        find_feeds(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path}/feeds.toml: {said}")


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="no such file or folder"):
        find_feeds(tmp_path / "gone")
    with pytest.raises(InputError, match="no feed in this folder"):
        find_feeds(tmp_path)
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(InputError, match="not a feed by its name"):
        find_feeds(tmp_path / "a.txt")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_zip_with_a_compression_that_has_no_bound_is_refused(tmp_path: Path, method: int) -> None:
    path = zipped(tmp_path / "all.zip", *RECORDS, method=method)
    with pytest.raises(InputError) as caught:
        list(documents(path))
    assert (
        str(caught.value)
        == f"{path}: PYSEC-1.json: a compression that OSV does not use. Fetch the feed again"
    )


def test_oversized_member_is_refused_before_it_is_expanded(tmp_path: Path) -> None:
    path = tmp_path / "all.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("big.json", bytes((64 << 20) + 1))
    with pytest.raises(InputError, match=r"all.zip: big.json: a record of 67108865 bytes"):
        list(documents(path))


def test_oversized_line_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(b"{}\n" + bytes((64 << 20) + 2), 1))
    with pytest.raises(InputError, match="line 2: over the limit for a feed"):
        list(documents(path))


def test_oversized_record_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    with path.open("wb") as file:
        file.truncate((64 << 20) + 1)
    with pytest.raises(InputError, match="larger than 67108864 bytes"):
        list(documents(path))


def test_encrypted_zip_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "all.zip", *RECORDS)
    data = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + offset] |= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match="cannot be read"):
        list(documents(path))


@pytest.mark.parametrize("name", ["all.zip", "osv.jsonl.gz"])
def test_damaged_archives_raise_our_own_error_or_give_whole_records(tmp_path: Path, name: str) -> None:
    path = written(tmp_path / name, *RECORDS)
    content = path.read_bytes()
    whole = [data for _, data in documents(path)]
    choice = random.Random(3)  # noqa: S311 - a fixed sample
    refused = 0
    for bit in choice.sample(range(len(content) * 8), 400):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        try:
            assert {data for _, data in documents(path)} <= set(whole), f"bit {bit}"
        except InputError:
            refused += 1
    assert refused > 200


@pytest.mark.parametrize("name", ["all.zip", "osv.jsonl.gz"])
def test_cut_archives_are_refused(tmp_path: Path, name: str) -> None:
    path = written(tmp_path / name, *RECORDS)
    content = path.read_bytes()
    for length in range(1, len(content), 3):
        path.write_bytes(content[:length])
        with pytest.raises(InputError):
            list(documents(path))
