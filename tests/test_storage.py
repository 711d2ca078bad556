import fcntl
import os
import stat
import threading
import time
from pathlib import Path

import pytest

from pratique.model.errors import InputError, UnavailableError
from pratique.storage import (
    cache_folder,
    create_atomic,
    forget,
    locked,
    read_whole,
    recall,
    remember,
    workspace,
    write_atomic,
)


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
    with pytest.raises(InputError, match="NUL"):
        read_whole(tmp_path / "a\0b", 5)


def nested(folder: Path, depth: int) -> None:
    """Make folders in folders, deeper than a path or a call stack may be."""
    folder.mkdir()
    here = os.open(folder, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=here)
        inner = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(os.open("leaf", os.O_CREAT | os.O_WRONLY, 0o600, dir_fd=here))
    os.close(here)


def test_the_lock_is_the_folder_itself(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    with locked(folder):
        assert list(folder.iterdir()) == []
        other = os.open(folder, os.O_RDONLY)
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(other)
    assert list(folder.iterdir()) == []


def test_a_lock_goes_with_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError), locked(tmp_path):
        raise KeyError
    with locked(tmp_path):
        assert tmp_path.exists()


def test_locks_of_a_folder_and_of_one_inside_do_not_meet(tmp_path: Path) -> None:
    with locked(tmp_path), locked(tmp_path / "inner"):
        assert (tmp_path / "inner").is_dir()


def test_a_workspace_is_empty_and_goes(tmp_path: Path) -> None:
    place = tmp_path / "a" / "work"
    with workspace(place) as folder:
        assert folder == place
        assert list(folder.iterdir()) == []
        (folder / "deep").mkdir()
        (folder / "deep" / "file").touch()
        (folder / "link").symlink_to(tmp_path)
    assert list(place.parent.iterdir()) == []
    assert tmp_path.exists()


@pytest.mark.parametrize("kind", ["folder", "file", "link", "dangling"])
def test_what_lies_in_a_workspace_s_place_goes_first(tmp_path: Path, kind: str) -> None:
    place, other = tmp_path / "work", tmp_path / "other"
    other.mkdir()
    (other / "mine").touch()
    if kind == "folder":
        (place / "old").mkdir(parents=True)
        (place / "old").chmod(0)
    elif kind == "file":
        place.touch()
    else:
        place.symlink_to(other if kind == "link" else "nowhere")
    with workspace(place) as folder:
        assert not folder.is_symlink()
        assert list(folder.iterdir()) == []
    assert [p.name for p in tmp_path.iterdir()] == ["other"]
    assert (other / "mine").exists()


def test_folders_in_folders_without_end_go(tmp_path: Path) -> None:
    """A program that runs in a workspace may nest folders beyond what a recursive removal stands."""
    place = tmp_path / "work"
    nested(place, 3000)
    with workspace(place) as folder:
        assert list(folder.iterdir()) == []
        nested(folder / "again", 3000)
    assert list(tmp_path.iterdir()) == []


def test_a_workspace_goes_with_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError), workspace(tmp_path / "work"):
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_in_a_workspace_is_unavailable(tmp_path: Path) -> None:
    with (
        pytest.raises(UnavailableError, match="no space left on device") as caught,
        workspace(tmp_path / "w"),
    ):
        raise OSError(28, "No space left on device", "/somewhere/else")
    assert caught.value.place == "/somewhere/else"
    with pytest.raises(UnavailableError) as caught, workspace(tmp_path / "w"):
        raise OSError(28, "No space left on device")
    assert caught.value.place == str(tmp_path / "w")
    assert list(tmp_path.iterdir()) == []


def test_a_workspace_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UnavailableError), workspace(tmp_path / "file" / "work"):
        pytest.fail("handed out")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_of_two_workspaces_in_one_place_one_waits(tmp_path: Path) -> None:
    order: list[str] = []
    inside = threading.Event()

    def second() -> None:
        inside.wait()
        with workspace(tmp_path / "work") as folder:
            order.extend(["second", *(p.name for p in folder.iterdir())])

    thread = threading.Thread(target=second)
    thread.start()
    with workspace(tmp_path / "work") as folder:
        (folder / "mine").touch()
        inside.set()
        time.sleep(0.05)
        order.append("first")
        assert (folder / "mine").exists()
    thread.join()
    assert order == ["first", "second"]


def test_forget(tmp_path: Path) -> None:
    forget(tmp_path / "none")
    nested(tmp_path / "deep", 3000)
    (tmp_path / "other").mkdir()
    forget(tmp_path / "deep")
    assert [p.name for p in tmp_path.iterdir()] == ["other"]


def test_what_can_be_made_anew_is_recalled_whole_or_not_at_all(tmp_path: Path) -> None:
    place = tmp_path / "a" / "b"
    assert recall(place) is None
    remember(place, b"content")
    os.utime(place, (0, 0))
    assert bytes(recall(place) or b"") == b"content"
    assert place.stat().st_mtime > 0
    whole = place.read_bytes()
    for number in range(len(whole)):
        place.write_bytes(whole[:number] + bytes([whole[number] ^ 1]) + whole[number + 1 :])
        assert recall(place) is None
        place.write_bytes(whole[:number])
        assert recall(place) is None
    remember(tmp_path / "a" / "b" / "below a file", b"x")  # nothing depends on it
