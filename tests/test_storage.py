import os
import stat
import threading
import time
from pathlib import Path

import pytest

from pratique.model.errors import InputError, UnavailableError
from pratique.storage import cache_folder, create_atomic, locked, read_whole, write_atomic


def test_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder("here") == Path("here")
    assert cache_folder() == tmp_path / "pratique"
    monkeypatch.setenv("HOME", str(tmp_path))
    for odd in ("", "relative"):
        monkeypatch.setenv("XDG_CACHE_HOME", odd)
        assert cache_folder() == tmp_path / ".cache" / "pratique"


def test_write_makes_folders_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b.json"
    write_atomic(path, b"1")
    write_atomic(path, b"2")
    assert path.read_bytes() == b"2"
    assert [p.name for p in path.parent.iterdir()] == ["b.json"]


def test_file_mode_follows_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_atomic(tmp_path / "a", b"1")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


def test_failure_keeps_the_old_file_and_removes_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")

    def fill(temporary: Path) -> Path:
        temporary.write_bytes(b"half")
        raise InputError("no")

    with pytest.raises(InputError, match="no"):
        create_atomic(tmp_path, fill)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {"a": b"old"}


@pytest.mark.parametrize("name", ["file/x", "folder"])
def test_refusal_of_the_system_is_unavailable(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    with pytest.raises(UnavailableError) as caught:
        write_atomic(tmp_path / name, b"1")
    assert caught.value.remedy == "Free space, or name a folder that this user may write"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder"]


def test_full_disk_is_unavailable(tmp_path: Path) -> None:
    def fill(_temporary: Path) -> Path:
        raise OSError(28, "No space left on device")

    with pytest.raises(UnavailableError, match="no space left on device"):
        create_atomic(tmp_path, fill)
    assert list(tmp_path.iterdir()) == []


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()), daemon=True)
    reader.start()
    write_atomic(pipe, b"data")
    reader.join(5)
    assert got == [b"data"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_link_is_followed_and_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder/real")
    write_atomic(tmp_path / "link", b"data")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "folder" / "real").read_bytes() == b"data"


def test_lock_makes_the_second_wait(tmp_path: Path) -> None:
    order: list[str] = []
    inside = threading.Event()

    def second() -> None:
        inside.wait()
        with locked(tmp_path):
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with locked(tmp_path):
        inside.set()
        time.sleep(0.05)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_lock_in_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UnavailableError), locked(tmp_path / "file"):
        pytest.fail("locked")


def test_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"12345")
    assert read_whole(path, 5) == b"12345"
    with pytest.raises(InputError, match="larger than 4 bytes"):
        read_whole(path, 4)
    for odd in (tmp_path, tmp_path / "gone"):
        with pytest.raises(UnavailableError):
            read_whole(odd, 5)
