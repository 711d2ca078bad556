"""The file itself: whole records or none, whoever writes, dies or lies."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from pratique.fleet import Store, View, make_record, open_store
from pratique.formats.documents import digest_of_document
from pratique.model.errors import InputError, PratiqueError, UnavailableError, UnsupportedError
from pratique.model.finding import Decision, Findings
from pratique.model.inventory import Inventory
from tests.conftest import ROOT
from tests.making import fleet
from tests.making.values import package

KILLS = 50
REPORT = fleet.judged(fleet.image("a"))
WRITER = """
import sys
from pathlib import Path
from pratique.fleet import Store
from tests.making import fleet
from tests.making.values import package

path, name, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
packages = [package(f"p{n}", "1.0", files=(f"lib/p{n}",)) for n in range(40)]
with Store(path) as store:
    print("ready", flush=True)
    for number in range(count):
        store.add(fleet.records(fleet.judged(fleet.image(f"{name}-{number}", *packages))))
"""


@contextmanager
def plain(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


def writer(path: Path, name: str, count: int) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    command = [sys.executable, "-c", WRITER, str(path), name, str(count)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def check_whole(path: Path) -> int:
    """Check that a store is sound and holds whole scans alone, and return how many."""
    with plain(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    with Store(path) as store:
        count = 0
        for digest, packages in store.rows(
            "SELECT d.digest, i.packages FROM inventory i JOIN document d ON d.id = i.id"
        ):
            held = store.read(digest, Inventory)
            assert held
            assert packages == len(held.packages)
            count += 1
        ((rows,),) = store.rows("SELECT count(*) FROM package")
        assert rows == store.rows("SELECT coalesce(sum(packages), 0) FROM inventory")[0][0]
        decided = store.rows("SELECT d.digest, x.findings FROM decision x JOIN document d ON d.id = x.id")
        for digest, findings in decided:
            decision = store.read(digest, Decision)
            assert decision
            found = store.read(findings, Findings)
            assert found
            assert store.read(found.inventory, Inventory)
        assert len(decided) == count
        assert store.rows("SELECT count(*) FROM document") == [(3 * count,)]
    return count


def test_a_writer_killed_at_any_instant_leaves_whole_records(tmp_path: Path) -> None:
    path, chance = tmp_path / "s", random.Random(20261124)  # noqa: S311 - instants, no secrets
    seen = [0]
    for number in range(KILLS):
        with writer(path, str(number), 100_000) as process:
            if number >= 5:  # the first ones die while the file is made
                assert process.stdout
                assert process.stdout.readline(100) == "ready\n"
            time.sleep(chance.uniform(0, 0.05 if number >= 5 else 0.4))
            process.send_signal(signal.SIGKILL)
        if path.exists():
            seen.append(check_whole(path))
    assert seen == sorted(seen)  # what was there stays
    assert seen[-1] > KILLS // 2


def test_parallel_writers_wait_for_each_other(tmp_path: Path) -> None:
    path = tmp_path / "s"
    writers = [writer(path, name, 25) for name in "abcd"]
    for process in writers:
        with process:
            assert process.wait(60) == 0
    assert check_whole(path) == 100


def test_the_same_scan_twice_is_one_record(tmp_path: Path) -> None:
    with Store(tmp_path / "s") as store:
        assert store.add(fleet.records(REPORT)) == 3
        assert store.add(fleet.records(REPORT, REPORT)) == 0
        assert store.rows("SELECT count(*) FROM document") == [(3,)]
    assert check_whole(tmp_path / "s") == 1


def test_a_reader_does_not_wait_for_a_writer(tmp_path: Path) -> None:
    path = fleet.stored(tmp_path / "s", REPORT)
    with Store(path, patience=0) as reader, plain(path) as other:
        other.execute("BEGIN IMMEDIATE")
        assert reader.read(digest_of_document(REPORT.decision), Decision) == REPORT.decision


def test_a_writer_that_waits_too_long_says_so(tmp_path: Path) -> None:
    path = fleet.stored(tmp_path / "s", REPORT)
    with Store(path, patience=0.01) as store, plain(path) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(UnavailableError, match="in use by another program"):
            store.add(fleet.records(fleet.judged(fleet.image("b"))))


def test_a_full_disk_leaves_what_was_there(tmp_path: Path) -> None:
    path = fleet.stored(tmp_path / "s", REPORT)
    with Store(path) as store:
        ((pages,),) = store.rows("PRAGMA page_count")
        store.rows(f"PRAGMA max_page_count = {pages}")
        many = fleet.judged(fleet.image("b", *(package(f"p{n}", "1") for n in range(500))))
        with pytest.raises(UnavailableError, match="disk is full"):
            store.add(fleet.records(many))
        assert store.rows("SELECT count(*) FROM document") == [(3,)]
    assert check_whole(path) == 1


def newer(path: Path) -> None:
    fleet.stored(path, REPORT)
    with plain(path) as connection:
        connection.execute("PRAGMA user_version = 99")


def foreign(path: Path) -> None:
    with plain(path) as connection:
        connection.execute("CREATE TABLE theirs (a)")


def other_program(path: Path) -> None:
    with plain(path) as connection:
        connection.execute("PRAGMA application_id = 7")


def text_file(path: Path) -> None:
    path.write_text("not a database, and long enough to be looked at\n" * 100)


def cut(path: Path) -> None:
    fleet.stored(path, REPORT)
    os.truncate(path, 5000)


def folder(path: Path) -> None:
    path.mkdir()


def pipe(path: Path) -> None:
    os.mkfifo(path)


def torn(path: Path) -> None:
    fleet.stored(path, REPORT)
    with plain(path) as connection:
        connection.execute("DROP TABLE package")


@pytest.mark.parametrize(
    ("spoil", "error", "said"),
    [
        (newer, UnsupportedError, "a later version of Pratique"),
        (foreign, InputError, "not a store of Pratique"),
        (other_program, InputError, "not a store of Pratique"),
        (text_file, InputError, "not a store of Pratique"),
        (cut, InputError, "damaged"),
        (torn, InputError, "damaged"),
        (folder, UnavailableError, "not a file"),
        (pipe, UnavailableError, "not a file"),
    ],
)
def test_a_file_that_is_no_sound_store_is_refused_and_left_alone(
    tmp_path: Path, spoil: Callable[[Path], None], error: type[PratiqueError], said: str
) -> None:
    path = tmp_path / "s"
    spoil(path)
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(error, match=said) as caught, Store(path) as store:
        store.add(fleet.records(fleet.judged(fleet.image("b"))))
    assert caught.value.place == str(path)
    assert caught.value.remedy
    assert (path.read_bytes() if path.is_file() else b"") == before


def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UnavailableError):
        Store(tmp_path / "file" / "s")


def test_a_store_that_is_not_there_is_not_made_by_asking(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="no store here"):
        open_store(tmp_path / "gone")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "change", ["substr(body, 1, 20)", "zeroblob(40)", "(SELECT body FROM document WHERE id = 3)"]
)
def test_a_changed_document_is_refused(tmp_path: Path, change: str) -> None:
    path = fleet.stored(tmp_path / "s", REPORT)
    digest = digest_of_document(REPORT.findings)
    with plain(path) as connection:
        connection.execute(f"UPDATE document SET body = {change} WHERE digest = ?", (digest,))  # noqa: S608
    with Store(path) as store, pytest.raises(InputError, match="is damaged"):
        store.read(digest, Findings)


def everything(view: View) -> list[object]:
    """Return what a store answers of packages and their use."""
    return [(list(view.packages("pypi", "demo")), view.uses(known.key)) for known in view.images()]


@pytest.mark.parametrize(
    "change",
    [
        "document SET created = '2026-11-24T25:00'",
        "decision SET verdict = 'pasS'",
        "findings SET blind = '{'",
        "findings SET blind = '[]'",
        "findings SET feeds = '[{}]'",
        "findings SET feeds = CAST(x'22FF22' AS TEXT)",
        "package SET told = 'itsself'",
        "use SET state = 'usee'",
        "use SET phases = '{}'",
    ],
)
def test_a_changed_row_is_refused(tmp_path: Path, change: str) -> None:
    usage = fleet.usage(REPORT.inventory)
    path = fleet.stored(tmp_path / "s", REPORT)
    with Store(path) as store:
        store.add([make_record(usage)])
    with plain(path) as connection:
        connection.execute(f"UPDATE {change}")
    with Store(path) as store, pytest.raises(PratiqueError) as refused:
        everything(View(store))
    assert refused.value.place == str(path)
    assert refused.value.remedy


def test_a_layout_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = fleet.stored(tmp_path / "s", REPORT)
    path.write_bytes(path.read_bytes().replace(b"CREATE TABLE usage", b"CREATE TABL\xce usage"))
    with pytest.raises(InputError, match="damaged"):
        Store(path)


def test_a_document_of_another_kind_is_not_taken_for_the_one_asked_for(tmp_path: Path) -> None:
    with Store(fleet.stored(tmp_path / "s", REPORT)) as store:
        assert store.read(digest_of_document(REPORT.findings), Findings) == REPORT.findings
        with pytest.raises(InputError, match="not what was asked for"):
            store.read(digest_of_document(REPORT.findings), Decision)


def test_the_file_says_whose_it_is(tmp_path: Path) -> None:
    with plain(fleet.stored(tmp_path / "s", REPORT)) as connection:
        assert connection.execute("PRAGMA application_id").fetchone() == (0x50524154,)
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        strict = connection.execute("SELECT name FROM pragma_table_list WHERE schema = 'main' AND NOT strict")
        assert {name for (name,) in strict} == {"sqlite_schema"}


def test_a_name_that_sqlite_would_take_for_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    fleet.stored(Path(":memory:"), REPORT)
    assert check_whole(tmp_path / ":memory:") == 1
