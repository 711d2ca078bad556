from datetime import UTC, datetime
from pathlib import Path

import pytest

from pratique.flows.database import Declaration, import_feeds, status
from pratique.model.errors import InputError, UsageError
from tests.making import scans
from tests.making.feeds import jsonl, record


def test_nothing_imported(tmp_path: Path) -> None:
    state = status(str(tmp_path))
    assert (state.snapshot, state.feeds) == (None, ())


def test_import_tells_what_the_snapshot_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", scans.EPOCH)
    read: list[str] = []
    state = import_feeds([scans.feeds(tmp_path / "feeds")], Declaration(), str(tmp_path), read.append)
    assert read == ["dsa", "pypi", "kev", "epss"]
    assert [(f.feed.name, f.feed.records, f.age, f.stale) for f in state.feeds] == [
        ("dsa", 1, "1 day old", False),
        ("epss", 2, "1 day old", False),
        ("kev", 1, "1 day old", False),
        ("pypi", 2, "1 day old", False),
    ]
    assert state == status(str(tmp_path))
    assert state.snapshot


@pytest.mark.parametrize(
    ("epoch", "age", "stale"),
    [
        ("1796126400", "8 days old", True),
        ("1790000000", "dated in the future (2026-11-23)", True),
        ("1795950000", "6 days old", False),
    ],
)
def test_age_follows_the_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, epoch: str, age: str, *, stale: bool
) -> None:
    scans.imported(tmp_path)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
    pypi = next(f for f in status(str(tmp_path)).feeds if f.feed.name == "pypi")
    assert (pypi.age, pypi.stale) == (age, stale)


def test_declaration_of_the_command_line(tmp_path: Path) -> None:
    said = Declaration("mine", "complete", datetime(2026, 11, 20, tzinfo=UTC))
    state = import_feeds([jsonl(tmp_path / "all.jsonl", record("A-1"))], said, str(tmp_path), lambda _n: None)
    feed = state.feeds[0].feed
    assert (feed.name, feed.coverage, feed.as_of) == ("mine", "complete", datetime(2026, 11, 20, tzinfo=UTC))


def test_undeclared_feed_is_stale(tmp_path: Path) -> None:
    state = import_feeds(
        [jsonl(tmp_path / "all.jsonl", record("A-1"))], Declaration(), str(tmp_path), lambda _n: None
    )
    assert (state.feeds[0].age, state.feeds[0].stale) == ("of unknown age", True)


@pytest.mark.parametrize("said", [Declaration("mine"), Declaration("", "complete")])
def test_one_declaration_for_several_feeds(tmp_path: Path, said: Declaration) -> None:
    with pytest.raises(UsageError, match="one declaration for 4 feeds"):
        import_feeds([scans.feeds(tmp_path / "feeds")], said, str(tmp_path), lambda _n: None)


def test_window_needs_its_dates(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a window needs its dates"):
        import_feeds(
            [jsonl(tmp_path / "a.jsonl", record("A"))],
            Declaration("", "window"),
            str(tmp_path),
            lambda _n: None,
        )


def test_two_feeds_of_one_name_in_one_import(tmp_path: Path) -> None:
    paths = [jsonl(tmp_path / part / "all.jsonl", record(f"{part}-1")) for part in "ab"]
    with pytest.raises(UsageError, match="two feeds are called all"):
        import_feeds(paths, Declaration(), str(tmp_path), lambda _n: None)


def test_damaged_feed_leaves_the_snapshot(tmp_path: Path) -> None:
    before = status(str(scans.imported(tmp_path)))
    bad = tmp_path / "bad.jsonl"
    bad.write_text("{")
    with pytest.raises(InputError):
        import_feeds([bad], Declaration(), str(tmp_path), lambda _n: None)
    assert status(str(tmp_path)).snapshot == before.snapshot
