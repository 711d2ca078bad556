import random
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pratique.advisories import NoSnapshot, find_feeds, open_snapshot
from pratique.advisories.snapshot import build
from pratique.model.advisory import Exploitation
from pratique.model.digest import digest_of
from pratique.model.errors import InputError, PratiqueError, UnavailableError
from tests.making.feeds import COMPLETE, built, declare, epss, jsonl, kev, record, zipped


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "db"


def ids(db: Path, name: str = "demo", ecosystem: str = "PyPI") -> list[str]:
    return [a.id for a in open_snapshot(db).advisories(ecosystem, name)]


def feeds(db: Path) -> list[tuple[str, int, int]]:
    return [(f.name, f.records, f.withdrawn) for f in open_snapshot(db).feeds]


def test_nothing_imported(db: Path) -> None:
    found = open_snapshot(db)
    assert isinstance(found, NoSnapshot)
    assert (found.digest, found.feeds, found.advisories("PyPI", "demo")) == (None, (), ())
    assert found.exploitation("CVE-2026-1") == Exploitation()


def test_import_and_look_up(db: Path, tmp_path: Path) -> None:
    records = (
        record("PYSEC-2", "Demo"),
        record("PYSEC-1"),
        record("PYSEC-3", "other"),
        record("PYSEC-4", withdrawn="2026-01-01T00:00:00Z"),
    )
    made = built(db, jsonl(tmp_path / "osv.jsonl", *records))
    assert open_snapshot(db).digest == made.digest
    assert ids(db) == ["PYSEC-1", "PYSEC-2"]
    assert ids(db, ecosystem="npm") == []
    assert feeds(db) == [("osv", 4, 1)]
    assert open_snapshot(db).feeds[0].ecosystems == ("PyPI",)


def test_exploitation_of_two_feeds(db: Path, tmp_path: Path) -> None:
    built(
        db,
        kev(tmp_path / "kev.json", "CVE-2026-1111"),
        epss(tmp_path / "epss.csv", "CVE-2026-1111,0.5,0.9", "CVE-2026-2222,0.1,0.2"),
    )
    known = open_snapshot(db)
    assert known.exploitation("CVE-2026-1111") == Exploitation("2026-11-01", 0.5, 0.9)
    assert known.exploitation("CVE-2026-2222") == Exploitation("", 0.1, 0.2)
    assert known.exploitation("CVE-2026-3333") == Exploitation()
    dates = {f.name: f.as_of for f in known.feeds}
    assert dates == {
        "kev": datetime(2026, 11, 23, 12, tzinfo=UTC),
        "epss": datetime(2026, 11, 23, tzinfo=UTC),
    }


@pytest.mark.parametrize(("count", "coverage"), [(2, "complete"), (3, "sample"), (0, "sample")])
def test_catalogue_that_counts_itself_is_complete(
    db: Path, tmp_path: Path, count: int, coverage: str
) -> None:
    built(db, kev(tmp_path / "k.json", "CVE-2026-1111", "CVE-2026-2222", count=count))
    assert [(f.name, f.coverage) for f in open_snapshot(db).feeds] == [("kev", coverage)]


def test_feed_of_the_same_name_is_replaced_and_others_are_kept(db: Path, tmp_path: Path) -> None:
    built(
        db,
        jsonl(tmp_path / "a.jsonl", record("A-1")),
        jsonl(tmp_path / "b.jsonl", record("B-1")),
        kev(tmp_path / "kev.json", "CVE-2026-1111"),
    )
    built(db, jsonl(tmp_path / "a.jsonl", record("A-2")))
    assert ids(db) == ["A-2", "B-1"]
    assert feeds(db) == [("a", 1, 0), ("b", 1, 0), ("kev", 1, 0)]
    assert open_snapshot(db).exploitation("CVE-2026-1111").kev == "2026-11-01"
    assert len(list(db.glob("*.sqlite"))) == 1


def test_digest_is_that_of_the_content(db: Path, tmp_path: Path) -> None:
    records = (record("A-1"), record("A-2", "other"))
    first = built(
        db, jsonl(tmp_path / "a.jsonl", *records), kev(tmp_path / "kev.json", "CVE-2026-1111")
    ).digest
    assert built(db, jsonl(tmp_path / "a.jsonl", *records)).digest == first
    assert built(tmp_path / "other", tmp_path / "kev.json", tmp_path / "a.jsonl").digest == first
    assert built(db, jsonl(tmp_path / "a.jsonl", record("A-1"))).digest != first


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.zip", "a"])
def test_every_form_gives_the_same_advisories(db: Path, tmp_path: Path, name: str) -> None:
    records = (record("A-1"), record("A-2"))
    path = tmp_path / name
    if name == "a":
        for one in records:
            jsonl(path / f"{one['id']}.json", one)
    elif name == "a.zip":
        zipped(path, *records)
    else:
        jsonl(path, *records)
    built(db, path)
    assert (ids(db), feeds(db)) == (["A-1", "A-2"], [("a", 2, 0)])


def test_declared_feed(db: Path, tmp_path: Path) -> None:
    jsonl(tmp_path / "osv.jsonl", record("A-1"))
    built(db, declare(tmp_path, COMPLETE))
    found = open_snapshot(db).feeds[0]
    assert (found.coverage, found.as_of, found.ecosystems) == (
        "complete",
        datetime(2026, 11, 23, tzinfo=UTC),
        ("PyPI",),
    )
    assert found.digest
    assert found.digest.startswith("sha256:")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            '{"id": "A-2"}\n',
            "bad.jsonl: line 2: not an OSV record (Object missing required field `modified`)",
        ),
        ("nonsense\n", "bad.jsonl: line 2: not an OSV record (JSON is malformed: invalid character"),
        ('{"id": "A-1", "modified": "x"}\n', "bad.jsonl: line 2: the record A-1 stands twice"),
    ],
)
def test_malformed_record_names_its_place_and_leaves_the_old_snapshot(
    db: Path, tmp_path: Path, text: str, said: str
) -> None:
    first = built(db, jsonl(tmp_path / "a.jsonl", record("A-0")))
    bad = jsonl(tmp_path / "bad.jsonl", record("A-1"))
    bad.write_text(bad.read_text() + text)
    with pytest.raises(InputError) as caught:
        built(db, bad)
    assert str(caught.value).startswith(f"{tmp_path}/{said}")
    assert (open_snapshot(db).digest, ids(db)) == (first.digest, ["A-0"])
    assert sorted(p.suffix for p in db.iterdir()) == ["", ".sqlite"]


def test_malformed_member_of_a_folder_is_named(db: Path, tmp_path: Path) -> None:
    jsonl(tmp_path / "osv" / "1.json", record("A-1"))
    (tmp_path / "osv" / "2.json").write_text("{")
    with pytest.raises(InputError, match=r"osv/2.json: not an OSV record"):
        built(db, tmp_path / "osv")


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv"])
def test_feed_without_a_record(db: Path, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("cve,epss,percentile\n" if name.endswith("csv") else "")
    with pytest.raises(InputError, match="a feed without a record"):
        built(db, path)


def test_declared_file_that_is_missing(db: Path, tmp_path: Path) -> None:
    with pytest.raises(PratiqueError, match=r"osv.jsonl: cannot be read \(.*No such file"):
        built(db, declare(tmp_path, COMPLETE))


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UnavailableError) as caught:
        built(tmp_path / "file" / "db", jsonl(tmp_path / "a.jsonl", record("A-1")))
    assert caught.value.remedy == "Free space, or name a folder that this user may write"


def test_missing_file(db: Path, tmp_path: Path) -> None:
    built(db, jsonl(tmp_path / "a.jsonl", record("A-1")))
    next(db.glob("*.sqlite")).unlink()
    with pytest.raises(UnavailableError, match=r"the snapshot is gone. Import all feeds again"):
        open_snapshot(db)


def test_importing_again_mends_a_missing_or_damaged_snapshot(db: Path, tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", record("A-1"))
    built(db, path)
    file = next(db.glob("*.sqlite"))
    for broken in (lambda: file.write_bytes(b"x"), file.unlink, lambda: (db / "current").write_text("x")):
        broken()
        with pytest.raises(PratiqueError):
            open_snapshot(db)
        built(db, path)
        assert ids(db) == ["A-1"]


@pytest.mark.parametrize("text", ["", "sha256:", "x" * 200, "sha256:" + "A" * 64, "\xff"])
def test_damaged_pointer(db: Path, tmp_path: Path, text: str) -> None:
    built(db, jsonl(tmp_path / "a.jsonl", record("A-1")))
    (db / "current").write_text(text, "latin-1")
    with pytest.raises(InputError):
        open_snapshot(db)


def small(db: Path, tmp_path: Path) -> Path:
    """Make a snapshot of all kinds of feeds and return its file."""
    built(
        db,
        jsonl(tmp_path / "a.jsonl", record("A-1", summary="x" * 50)),
        kev(tmp_path / "kev.json", "CVE-2026-1111"),
        epss(tmp_path / "epss.csv", "CVE-2026-1111,0.5,0.9"),
    )
    return next(db.glob("*.sqlite"))


def test_truncated_file(db: Path, tmp_path: Path) -> None:
    file = small(db, tmp_path)
    content = file.read_bytes()
    for length in range(0, len(content), 1024):
        file.write_bytes(content[:length])
        with pytest.raises(InputError, match=r"the snapshot is damaged \(its bytes have changed\)"):
            open_snapshot(db)


def test_flipped_bits(db: Path, tmp_path: Path) -> None:
    file = small(db, tmp_path)
    content = file.read_bytes()
    choice = random.Random(5)  # noqa: S311 - a fixed sample
    for bit in choice.sample(range(len(content) * 8), 100):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        file.write_bytes(flipped)
        with pytest.raises(InputError, match="the snapshot is damaged"):
            open_snapshot(db)


def test_layout_of_another_version(db: Path, tmp_path: Path) -> None:
    content = bytearray(small(db, tmp_path).read_bytes())
    content[63] += 1
    (db / "current").write_text(digest_of(bytes(content)))
    (db / f"{digest_of(bytes(content)).removeprefix('sha256:')}.sqlite").write_bytes(content)
    with pytest.raises(InputError, match=r"a snapshot of another layout. Import all feeds again"):
        open_snapshot(db)


@pytest.mark.parametrize("content", [b"", b"no database", bytes(4096)])
def test_a_file_that_is_no_database(db: Path, content: bytes) -> None:
    db.mkdir()
    (db / "current").write_text(digest_of(content))
    (db / f"{digest_of(content).removeprefix('sha256:')}.sqlite").write_bytes(content)
    with pytest.raises(InputError, match=r"damaged|another layout"):
        open_snapshot(db)


def test_path_with_odd_characters(tmp_path: Path) -> None:
    db = tmp_path / "a b?c#d%41"
    built(db, jsonl(tmp_path / "a.jsonl", record("A-1")))
    assert ids(db) == ["A-1"]


def test_two_imports_at_once_keep_both_feeds(db: Path, tmp_path: Path) -> None:
    def job(name: str) -> None:
        built(db, jsonl(tmp_path / f"{name}.jsonl", record(f"{name}-1")))

    threads = [threading.Thread(target=job, args=(name,)) for name in "abcdef"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ids(db) == [f"{name}-1" for name in "abcdef"]
    assert len(list(db.glob("*.sqlite"))) == 1


def test_a_reader_sees_the_old_snapshot_or_the_new_one(db: Path, tmp_path: Path) -> None:
    sources = [
        find_feeds(jsonl(tmp_path / str(n) / "a.jsonl", *(record(f"{n}-{m}") for m in range(5))))
        for n in range(2)
    ]
    build(db, sources[0], lambda _name: None)
    seen: list[tuple[str, ...] | Exception] = []
    done = threading.Event()

    def reader() -> None:
        while not done.is_set():
            try:
                seen.append(tuple(ids(db)))
            except PratiqueError as error:
                seen.append(error)

    thread = threading.Thread(target=reader)
    thread.start()
    for number in range(15):
        build(db, sources[number % 2], lambda _name: None)
    done.set()
    thread.join()
    assert set(seen) <= {tuple(f"{n}-{m}" for m in range(5)) for n in range(2)}
    assert seen


def test_open_snapshot_stays_readable_when_it_is_replaced(db: Path, tmp_path: Path) -> None:
    built(db, jsonl(tmp_path / "a.jsonl", record("A-1")))
    old = open_snapshot(db)
    built(db, jsonl(tmp_path / "a.jsonl", record("A-2")))
    assert [a.id for a in old.advisories("PyPI", "demo")] == ["A-1"]
    assert ids(db) == ["A-2"]


def test_same_record_in_two_feeds_is_kept_twice(db: Path, tmp_path: Path) -> None:
    built(db, jsonl(tmp_path / "a.jsonl", record("A-1")), jsonl(tmp_path / "b.jsonl", record("A-1")))
    assert [(a.id, a.feed) for a in open_snapshot(db).advisories("PyPI", "demo")] == [
        ("A-1", "a"),
        ("A-1", "b"),
    ]
