"""What a run left behind, honest or hostile: nothing outside of its two folders is ever read or written."""

import os
import socket
from pathlib import Path

import pytest

from pratique.model.errors import InputError, UsageError
from pratique.profile import Outputs


@pytest.fixture
def outputs(tmp_path: Path) -> Outputs:
    """Return the folders of a run, side by side, with a file of somebody else beside them."""
    (tmp_path / "upper" / "srv").mkdir(parents=True)
    (tmp_path / "tmp" / "out").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_text("of somebody else")
    (tmp_path / "file").write_text("of somebody else")
    return Outputs(tmp_path / "upper", tmp_path / "tmp")


def content(outputs: Outputs, path: str) -> bytes | None:
    file = outputs.open(path)
    if file is None:
        return None
    with file:
        return file.read(1000)


@pytest.mark.parametrize("path", ["/srv/x", "srv/x", "//srv/./x", "/srv//x", "/./srv/x/"])
def test_a_file_that_the_run_changed(outputs: Outputs, path: str) -> None:
    (outputs.changed / "srv" / "x").write_bytes(b"changed")
    assert content(outputs, path) == b"changed"


@pytest.mark.parametrize("path", ["/tmp/out/x", "tmp/out/x", "//tmp//out/x", "/./tmp/./out/x"])
def test_tmp_lies_in_the_temporary_folder(outputs: Outputs, path: str) -> None:
    (outputs.temporary / "out" / "x").write_bytes(b"temporary")
    (outputs.changed / "tmp" / "out").mkdir(parents=True)
    (outputs.changed / "tmp" / "out" / "x").write_bytes(b"changed")
    assert content(outputs, path) == b"temporary"


@pytest.mark.parametrize("path", ["/var/tmp/x", "/tmpx/x"])
def test_only_tmp_itself_is_the_temporary_folder(outputs: Outputs, path: str) -> None:
    place = outputs.changed / path.lstrip("/")
    place.parent.mkdir(parents=True)
    place.write_bytes(b"changed")
    assert content(outputs, path) == b"changed"


@pytest.mark.parametrize("path", ["/srv/none", "/none/x", "/tmp/none", "/tmp/none/none/x"])
def test_what_was_not_written_is_none(outputs: Outputs, path: str, tmp_path: Path) -> None:
    assert outputs.open(path) is None
    assert outputs.digest(path) == ""
    outputs.copy(path, tmp_path / "copies")
    assert not (tmp_path / "copies").exists()


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        ".",
        "//.//",
        "/tmp",
        "tmp/",
        "/tmp/.",
        "..",
        "../file",
        "/../file",
        "/tmp/../../file",
        "/tmp/..",
        "/srv/../../outside/file",
        "/srv/..",
        "/tmp/out/../x",
        "/srv/a\0b",
    ],
)
def test_a_path_of_no_file_never_leaves_the_folders(outputs: Outputs, tmp_path: Path, path: str) -> None:
    for use in (outputs.open, outputs.digest, lambda p: outputs.copy(p, tmp_path / "copies" / "inner")):
        with pytest.raises(UsageError, match="no path of a file"):
            use(path)
    assert not (tmp_path / "copies").exists()


@pytest.mark.parametrize("path", ["/srv/link", "/tmp/link"])
@pytest.mark.parametrize("target", ["../../outside/file", "absolute", "x", "nowhere", "/dev/null"])
def test_a_link_in_a_file_s_place_is_refused(
    outputs: Outputs, tmp_path: Path, path: str, target: str
) -> None:
    (outputs.changed / "srv" / "x").touch()
    (outputs.temporary / "x").touch()
    link = str(tmp_path / "outside" / "file") if target == "absolute" else target
    for folder in (outputs.changed / "srv", outputs.temporary):
        (folder / "link").symlink_to(link)
    with pytest.raises(InputError, match="not a regular file where an output is expected") as caught:
        outputs.open(path)
    assert caught.value.place == path


@pytest.mark.parametrize("target", ["../outside", "../upper/srv", "/", "nowhere", "file"])
def test_a_link_among_the_parents_is_refused(outputs: Outputs, target: str) -> None:
    (outputs.changed / "deep").mkdir()
    (outputs.changed / "link").symlink_to(target)
    (outputs.changed / "deep" / "link").symlink_to(target)
    (outputs.temporary / "link").symlink_to(target)
    for path in ("/link/file", "/deep/link/file", "/tmp/link/file", "/link/a/file"):
        with pytest.raises(InputError, match="a link or file where a folder of an output") as caught:
            outputs.open(path)
        assert caught.value.place == path


def test_a_file_among_the_parents_is_refused(outputs: Outputs) -> None:
    (outputs.temporary / "x").touch()
    with pytest.raises(InputError, match="a link or file where a folder"):
        outputs.open("/tmp/x/y")


@pytest.mark.parametrize("kind", ["fifo", "folder", "socket"])
def test_other_kinds_are_refused_and_nobody_waits(outputs: Outputs, kind: str) -> None:
    place = outputs.temporary / "odd"
    if kind == "fifo":
        os.mkfifo(place)
    elif kind == "folder":
        place.mkdir()
    else:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(str(place))
    with pytest.raises(InputError, match="not a regular file"):
        outputs.open("/tmp/odd")


@pytest.mark.usefixtures("as_root")
def test_a_device_is_refused(outputs: Outputs) -> None:
    os.mknod(outputs.changed / "srv" / "null", 0o020666, os.makedev(1, 3))
    with pytest.raises(InputError, match="not a regular file"):
        outputs.open("/srv/null")


@pytest.mark.usefixtures("as_root")
@pytest.mark.parametrize("path", ["/srv/gone", "/srv/gone/x"])
def test_what_the_run_took_away_is_none(outputs: Outputs, path: str) -> None:
    """Overlayfs marks it by a character device 0:0."""
    os.mknod(outputs.changed / "srv" / "gone", 0o020000, os.makedev(0, 0))
    assert outputs.open(path) is None


def test_a_name_that_no_file_system_takes(outputs: Outputs) -> None:
    with pytest.raises(InputError, match="file name too long"):
        outputs.open(f"/srv/{'x' * 300}")


def test_no_handle_is_left_open(outputs: Outputs) -> None:
    (outputs.changed / "srv" / "x").touch()
    (outputs.changed / "srv" / "link").symlink_to("x")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for path in ("/srv/x", "/srv/none", "/none/x", "/srv/link", "/srv/link/x", "/srv", "/srv/x/y", ".."):
        try:
            assert content(outputs, path) in {b"", None}
        except (InputError, UsageError):
            continue
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_digest(outputs: Outputs) -> None:
    (outputs.temporary / "x").write_bytes(b"abc")
    assert outputs.digest("/tmp/x") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_copies_lie_under_their_paths(outputs: Outputs, tmp_path: Path) -> None:
    large = os.urandom((1 << 20) + 1)
    (outputs.temporary / "out" / "x").write_bytes(large)
    (outputs.changed / "srv" / "x").write_bytes(b"changed")
    folder = tmp_path / "copies"
    for path in ("/tmp/out/x", "/./srv//x", "/tmp/out/x"):  # one that two comparisons name is copied twice
        outputs.copy(path, folder)
    found = {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    assert found == {"tmp/out/x": large, "srv/x": b"changed"}


def test_a_copy_of_a_link_is_refused(outputs: Outputs, tmp_path: Path) -> None:
    (outputs.temporary / "link").symlink_to("../outside/file")
    with pytest.raises(InputError):
        outputs.copy("/tmp/link", tmp_path / "copies")
    assert not (tmp_path / "copies").exists()
