"""The cache folder: what is told of it is what lies there, and what goes is what was used longest ago."""

import os
import time
from pathlib import Path

import pytest

from pratique.flows.cache import cache_state, clear_cache, prune_cache
from pratique.flows.inventory import take_inventory
from pratique.flows.setting import Setting, setting
from pratique.model.errors import UsageError
from tests.making.images import layout
from tests.making.tar import Item

DAY = 86_400


@pytest.fixture
def here(tmp_path: Path) -> Setting:
    return setting(str(tmp_path / "cache"))


def put(here: Setting, name: str, size: int, days: float) -> Path:
    """Put an entry there that was used some days ago."""
    path = here.cache / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    used = time.time() - days * DAY
    os.utime(path, (used, used))
    return path


@pytest.fixture
def entries(here: Setting) -> list[Path]:
    """Four entries of 100 bytes, the oldest first, and a snapshot of advisories that is older than all."""
    put(here, "db/snapshot", 100, 900)
    names = ("facts/k/1", "artifacts/2", "journal/3", "byte-code/3495/4")
    return [put(here, name, 100, days) for name, days in zip(names, (40, 30, 20, 0.5), strict=True)]


def there(entries: list[Path]) -> list[bool]:
    return [path.exists() for path in entries]


def test_nothing_is_there(here: Setting) -> None:
    state = cache_state(here)
    assert (state.size, {k.entries for k in state.kinds}) == (0, {0})
    assert not here.cache.exists()


def test_what_lies_there_is_told(here: Setting, entries: list[Path]) -> None:
    root = here.cache / "roots" / "r"
    (root / "usr").mkdir(parents=True)
    (root / "usr" / "x").write_bytes(b"12345")
    (root / "usr" / "link").symlink_to("/etc")
    state = cache_state(here)
    found = {k.name: (k.entries, k.size) for k in state.kinds if k.entries}
    assert found == {
        "facts": (1, 100),
        "artifacts": (1, 100),
        "journal": (1, 100),
        "byte-code": (1, 100),
        "roots": (1, 5),
    }
    assert state.size == 405
    assert all(there(entries))


@pytest.mark.parametrize(
    ("most", "older", "left"),
    [
        ("", "35d", [False, True, True, True]),
        ("", "13h", [False, False, False, True]),
        ("0.3KB", "", [False, True, True, True]),
        ("0.15KB", "", [False, False, False, True]),
        ("1GiB", "", [True, True, True, True]),
        ("1GB", "25d", [False, False, True, True]),
        ("0.1KB", "35d", [False, False, False, True]),
    ],
)
def test_what_was_used_longest_ago_goes(
    here: Setting, entries: list[Path], most: str, older: str, left: list[bool]
) -> None:
    pruned = prune_cache(here, most=most, older=older)
    assert there(entries) == left
    assert (pruned.entries, pruned.size) == (left.count(False), 100 * left.count(False))
    assert pruned.left.size == 100 * left.count(True)
    assert (here.cache / "db" / "snapshot").exists()


def test_what_is_in_use_stays(here: Setting, entries: list[Path]) -> None:
    fresh = put(here, "facts/k/5", 100, 0)
    prune_cache(here, most="0KB", older="0h")
    assert there([*entries, fresh]) == [False, False, False, False, True]


def test_all_goes_but_advisories(here: Setting, entries: list[Path]) -> None:
    fresh = put(here, "facts/k/5", 100, 0)
    assert clear_cache(here).entries == 5
    assert not any(there([*entries, fresh]))
    assert (here.cache / "db" / "snapshot").exists()


@pytest.mark.parametrize(
    ("most", "older", "place"),
    [("", "", ""), ("many", "", "--max-size"), ("5", "", "--max-size"), ("", "a week", "--older-than")],
)
def test_what_is_no_size_or_age_takes_nothing(
    here: Setting, entries: list[Path], most: str, older: str, place: str
) -> None:
    with pytest.raises(UsageError) as caught:
        prune_cache(here, most=most, older=older)
    assert (caught.value.place or "") == place
    assert caught.value.remedy
    assert all(there(entries))


def test_a_scan_marks_what_it_uses(here: Setting, tmp_path: Path) -> None:
    image = layout(tmp_path / "image", [Item("etc/os-release", b"ID=debian\n")])

    def scan() -> None:
        take_inventory(f"oci:{image}", "", here, lambda _done, _total: None)

    scan()
    (kept,) = (path for path in (here.cache / "inventories").rglob("*") if path.is_file())
    os.utime(kept, (0, 0))
    scan()
    assert kept.stat().st_mtime > time.time() - DAY
    prune_cache(here, most="", older="1h")
    assert kept.exists()
