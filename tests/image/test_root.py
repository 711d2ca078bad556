"""Unpacked roots: the same facts as a layer of the same content, and nothing but files opened."""

import os
import socket
import sys
import traceback
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from msgspec.structs import replace

from pratique.image import DEFAULT, Limits
from pratique.image.root import reduce_root
from pratique.model.errors import InputError, UnavailableError
from pratique.model.files import Anomaly, Entry, Kind, LayerFacts, LinkedFact, Unread
from tests.making.layers import Texts, layer
from tests.making.tar import Item, folder, symlink


def reduced(root: Path, reader: Texts | None = None, limits: Limits = DEFAULT) -> LayerFacts:
    return reduce_root(root, [reader or Texts()], limits, digests=False)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "root"
    path.mkdir()
    return path


def unpack(root: Path, items: list[Item]) -> None:
    for item in items:
        path = root / str(item.name)
        if item.kind == b"5":
            path.mkdir()
        elif item.kind == b"2":
            path.symlink_to(str(item.link))
            continue
        else:
            path.write_bytes(item.content)
        path.chmod(item.mode)


def test_a_root_has_the_facts_of_the_layer_with_the_same_content(root: Path) -> None:
    items = [
        folder("etc"),
        Item("etc/os-release", b"ID=debian", mode=0o640),
        Item("etc/shadow", b"!", mode=0o4711),
        folder("usr"),
        folder("usr/lib"),
        Item("usr/lib/empty"),
        symlink("usr/lib/up", "../../etc"),
    ]
    unpack(root, items)
    found, same = reduced(root), layer(*items)
    assert {e.path: e for e in found.entries if e.kind is not Kind.SYMLINK} == {
        e.path: e for e in same.entries if e.kind is not Kind.SYMLINK
    }
    assert found.facts == same.facts
    assert found.facts["usr/lib/up"] == {"text": LinkedFact("../../etc", symbolic=True)}
    assert (found.diff_id, found.size, found.anomalies) == (None, 10, ())


def test_entries_come_folders_first_and_in_byte_order(root: Path) -> None:
    unpack(root, [folder("b"), Item("b/2"), Item("b/1"), Item("a"), Item("b.c"), Item("B")])
    assert [entry.path for entry in reduced(root).entries] == ["B", "a", "b", "b.c", "b/1", "b/2"]


def test_links_are_recorded_and_never_followed(root: Path) -> None:
    (root.parent / "outside").mkdir()
    (root.parent / "outside" / "secret").write_text("secret")
    unpack(root, [symlink("out", "../outside"), symlink("secret", "../outside/secret"), symlink("me", ".")])
    found = reduced(root)
    assert [(e.path, e.kind, e.link) for e in found.entries] == [
        ("me", Kind.SYMLINK, "."),
        ("out", Kind.SYMLINK, "../outside"),
        ("secret", Kind.SYMLINK, "../outside/secret"),
    ]
    assert found.size == 0


def test_the_root_itself_may_be_a_link(root: Path) -> None:
    unpack(root, [Item("a", b"text")])
    link = root.parent / "link"
    link.symlink_to(root)
    assert reduced(link).facts == {"a": {"text": "text"}}


@pytest.mark.parametrize("path", ["etc/os-release", "var/lib/dpkg/status"])
def test_a_pipe_is_not_opened(root: Path, path: str) -> None:
    (root / path).parent.mkdir(parents=True)
    os.mkfifo(root / path)
    found = reduced(root)
    assert found.facts[path] == {"text": Unread("a fifo, not a file")}


def test_a_socket_is_not_opened(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("status")
        assert reduced(root).facts == {"status": {"text": Unread("a socket, not a file")}}


@pytest.mark.usefixtures("as_root")
@pytest.mark.parametrize(
    ("kind", "reason"),
    [(0o020000, "a character device, not a file"), (0o060000, "a block device, not a file")],
)
def test_a_device_is_not_opened(root: Path, kind: int, reason: str) -> None:
    try:
        os.mknod(root / "status", kind | 0o600, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("may not make devices")
    assert reduced(root).facts == {"status": {"text": Unread(reason)}}


def as_nobody(check: Callable[[], None]) -> None:
    """Run a check in a child process without privileges."""
    child = os.fork()
    if child == 0:
        try:
            os.setgid(65534)
            os.setuid(65534)
            check()
        except BaseException:  # noqa: BLE001 - the child must not go on as a second pytest
            traceback.print_exc(file=sys.__stderr__)
            os._exit(1)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.usefixtures("as_root")
@pytest.mark.parametrize(("path", "mode"), [("etc/secret", 0o700), ("etc/secret/file", 0o600)])
def test_what_may_not_be_read_is_an_error_and_never_a_shorter_list(root: Path, path: str, mode: int) -> None:
    unpack(root, [folder("etc"), folder("etc/secret"), Item("etc/secret/file", b"text")])
    (root / path).chmod(mode)
    for above in [*root.parents][:-2]:
        above.chmod(0o755)

    def check() -> None:
        with pytest.raises(UnavailableError) as caught:
            reduced(root)
        assert caught.value.what == "permission denied"
        assert caught.value.place == str(root / path)
        assert caught.value.remedy

    as_nobody(check)


@pytest.mark.usefixtures("as_root")
def test_a_file_that_nobody_wants_need_not_be_readable(root: Path) -> None:
    unpack(root, [Item("secret", mode=0o600), Item("wanted", b"text")])
    for above in [*root.parents][:-2]:
        above.chmod(0o755)

    def check() -> None:
        assert reduced(root, Texts("wanted")).facts == {"wanted": {"text": "text"}}

    as_nobody(check)


def test_names_that_are_not_utf_8(root: Path) -> None:
    (Path(os.fsdecode(os.fsencode(root) + b"/caf\xe9"))).write_text("text")
    found = reduced(root)
    assert [replace(e, sha256=b"") for e in found.entries] == [Entry("caf\\xe9", Kind.FILE, 4, 0o644)]
    assert found.facts == {"caf\\xe9": {"text": "text"}}
    assert found.anomalies == (Anomaly("caf\\xe9", "a name that is not UTF-8"),)


def test_names_in_other_scripts_are_no_anomaly(root: Path) -> None:
    unpack(root, [Item("café"), Item("a\\x20")])
    assert reduced(root).anomalies == ()


def test_names_that_look_like_whiteouts_are_names(root: Path) -> None:
    unpack(root, [Item(".wh.a", b"1"), Item(".wh..wh..opq", b"2"), Item("a", b"3")])
    assert reduced(root).facts == {
        ".wh..wh..opq": {"text": "2"},
        ".wh.a": {"text": "1"},
        "a": {"text": "3"},
    }


def test_a_file_over_the_limit_is_unread(root: Path) -> None:
    unpack(root, [Item("a", b"12345")])
    assert reduced(root, limits=Limits(kept=4)).facts == {
        "a": {"text": Unread("5 bytes, over the limit of 4")}
    }


def test_damage_names_the_root_and_the_file(root: Path) -> None:
    unpack(root, [Item("a", b"!")])
    assert reduced(root).facts == {"a": {"text": Unread("damaged (line 1)")}}
    with pytest.raises(InputError) as caught:
        reduced(root, Texts(fatal=True))
    assert caught.value.place == f"{root}: a: line 1"


def test_a_file_that_changes_under_our_hands_is_an_error(root: Path) -> None:
    class Cutting(Texts):
        def wants(self, path: str) -> bool:
            os.truncate(root / path, 2)
            return True

    unpack(root, [Item("a", b"12345")])
    with pytest.raises(UnavailableError, match="changed while it was read"):
        reduced(root, Cutting())


def test_a_file_that_becomes_a_pipe_does_not_block(root: Path) -> None:
    class Swapping(Texts):
        def wants(self, path: str) -> bool:
            (root / path).unlink()
            os.mkfifo(root / path)
            return True

    unpack(root, [Item("a", b"12345")])
    with pytest.raises(InputError, match="not a regular file"):
        reduced(root, Swapping())


def test_a_root_that_is_missing(root: Path) -> None:
    with pytest.raises(UnavailableError) as caught:
        reduced(root / "missing")
    assert (caught.value.what, caught.value.place) == (
        "no such file or directory",
        str(root / "missing"),
    )


def test_a_file_too_large_to_hold_is_hashed_in_pieces(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"x" * (3 << 20))
    found = reduce_root(tmp_path, [Texts()], Limits(kept=10), digests=True)
    assert found.entries[0].sha256 == sha256(b"x" * (3 << 20)).digest()
    assert found.facts["big"]["text"] == Unread(f"{3 << 20} bytes, over the limit of 10")


def test_files_that_nobody_wants_are_opened_only_for_their_digests(tmp_path: Path) -> None:
    for name in ("wanted", "other"):
        (tmp_path / name).write_bytes(name.encode())
    found = reduce_root(tmp_path, [Texts("wanted")], DEFAULT, digests=False)
    assert [(e.path, e.sha256) for e in found.entries] == [
        ("other", b""),
        ("wanted", sha256(b"wanted").digest()),
    ]
