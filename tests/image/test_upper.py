"""The upper folder of a mount: read and written as a layer, and edited as the mount would change it."""

import gzip
import os
import socket
import stat
from collections.abc import Sequence
from pathlib import Path

import pytest

from pratique.image import Upper
from pratique.image.limits import DEFAULT
from pratique.image.tar import BLOCK, Member, Window, number, scan
from pratique.model.errors import InputError, UnsupportedError
from pratique.model.files import Entry, Kind
from tests.image.test_rewrite import files_of_at_most
from tests.making.edits import CAPABILITY, STAMP, Bench, needs_root
from tests.making.tar import Item, folder

pytestmark = needs_root
OPAQUE = "trusted.overlay.opaque"
OLD = 1_000_000


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with folders of an owner, a mode and a time of their own."""
    root = tmp_path / "root"
    (root / "d" / "e").mkdir(parents=True)
    for name in ("d/e/x", "d/e/y", "d/z", "f"):
        (root / name).write_text("lower")
    for name in ("d/e", "d"):
        os.chown(root / name, 7, 8)
        (root / name).chmod(0o2750)
        os.utime(root / name, (OLD, OLD))
    return root


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "upper").mkdir()
    return tmp_path / "upper"


@pytest.fixture
def upper(here: Path, root: Path) -> Upper:
    return Upper(here, root)


def paths(upper: Upper) -> list[str]:
    """Return the upper's paths as a layer names them."""
    return [entry.path for entry in upper.facts(()).entries]


def archive(
    upper: Upper, here: Path, *, hide: Sequence[str] = (), bring: Sequence[str] = (), since: float = 0
) -> bytes:
    """Return the layer that an upper gives, uncompressed."""
    place = here.with_name("layer")
    place.unlink(missing_ok=True)
    layer = upper.layer(place, hide=hide, bring=bring, without={"tmp"}, since=since, stamp=STAMP)
    return gzip.decompress(layer.path.read_bytes())


def members(data: bytes) -> list[tuple[Member, bytes]]:
    found = scan(Window(iter([data]), "t"), DEFAULT, [])
    return [(m, m.contents.read(m.size) if m.contents else b"") for m in found]


def times(data: bytes) -> dict[str, int]:
    return {m.path: number(m.block[136:148]) for m, _ in members(data)}


def like(place: Path) -> tuple[int, int, int, float]:
    found = place.stat()
    return found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode), found.st_mtime


def test_whiteouts_and_opaque_folders_are_named_as_in_a_layer(upper: Upper, here: Path) -> None:
    (here / "d").mkdir()
    (here / "d" / "a").touch()
    os.setxattr(here / "d", OPAQUE, b"y")
    for name in ("f", "d/z"):
        os.mknod(here / name, stat.S_IFCHR, os.makedev(0, 0))
    assert paths(upper) == ["d", "d/.wh..wh..opq", "d/a", "d/.wh.z", ".wh.f"]


def test_every_kind_comes_along_but_a_socket(
    upper: Upper, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(here)
    Path("file").write_bytes(b"12345")
    Path("file").chmod(0o4711)
    Path("link").symlink_to("../x")
    os.mkfifo("pipe", 0o600)
    os.mknod("disk", stat.S_IFBLK | 0o600, os.makedev(8, 17))
    os.mknod("null", stat.S_IFCHR | 0o600, os.makedev(1, 3))
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
    expected = [
        Entry("disk", Kind.BLOCK, mode=0o600),
        Entry("file", Kind.FILE, 5, 0o4711),
        Entry("link", Kind.SYMLINK, mode=0o777, link="../x"),
        Entry("null", Kind.CHARACTER, mode=0o600),
        Entry("pipe", Kind.FIFO, mode=0o600),
    ]
    found = members(archive(upper, here))
    assert [m.entry() for m, _ in found] == list(upper.facts(()).entries) == expected
    numbers = [(number(m.block[329:337]), number(m.block[337:345])) for m, _ in found]
    assert numbers == [(8, 17), (0, 0), (0, 0), (1, 3), (0, 0)]


def test_names_of_one_file_are_hard_links_to_the_first(upper: Upper, here: Path) -> None:
    (here / "b").write_bytes(b"data")
    for name in ("a", "c"):
        (here / name).hardlink_to(here / "b")
    found = [m.entry() for m, _ in members(archive(upper, here))]
    assert [(e.path, e.kind, e.size, e.link) for e in found] == [
        ("a", Kind.FILE, 4, ""),
        ("b", Kind.HARDLINK, 0, "a"),
        ("c", Kind.HARDLINK, 0, "a"),
    ]
    assert found == list(upper.facts(()).entries)


def test_of_extended_attributes_file_capabilities_come_along(upper: Upper, here: Path) -> None:
    (here / "ping").write_bytes(b"x")
    os.setxattr(here / "ping", "security.capability", CAPABILITY)
    os.setxattr(here / "ping", "user.note", b"not kept")
    ((found, content),) = members(archive(upper, here))
    kept = {key: value for key, value in found.pax.items() if "xattr" in key}
    assert (kept, content) == ({"SCHILY.xattr.security.capability": CAPABILITY}, b"x")


def test_names_keep_their_bytes_whatever_their_length(upper: Upper, here: Path) -> None:
    """Here 120 bytes of ASCII, and 122 that are no UTF-8."""
    long, strange = b"long" * 30, b"d\xff/" + b"f\xfe" * 60
    (here / os.fsdecode(b"d\xff")).mkdir()
    for name in (long, strange):
        (here / os.fsdecode(name)).write_bytes(name)
    (here / "s").symlink_to(os.fsdecode(strange))
    found = {m.path: (content, m.pax.get("path")) for m, content in members(archive(upper, here))}
    text = "d\\xff/" + "f\\xfe" * 60
    assert found[long.decode()] == (long, long)
    assert found[text] == (strange, strange)
    assert [m.pax.get("linkpath") for m, _ in members(archive(upper, here))][-1] == strange


def test_a_whiteout_names_the_bytes_of_what_it_hides(upper: Upper, here: Path) -> None:
    data = archive(upper, here, hide=["d\\xff/b", "a\\xfe", "u\\x2d", "plain"])
    found = [m.pax.get("path", m.block[:100].rstrip(b"\0")) for m, _ in members(data)]
    assert found == [b".wh.a\xfe", b"d\xff/.wh.b", b".wh.plain", b".wh.u\\x2d"]


def test_a_file_named_like_a_whiteout_is_refused(upper: Upper, here: Path) -> None:
    (here / "d").mkdir()
    (here / "d" / ".wh.x").touch()
    with pytest.raises(InputError, match=r"d/\.wh\.x: a file that is named like a whiteout"):
        upper.facts(())
    with pytest.raises(InputError):
        archive(upper, here)
    assert not here.with_name("layer").exists()


@pytest.mark.parametrize("name", ["trusted.overlay.redirect", "trusted.overlay.metacopy"])
@pytest.mark.parametrize("value", [b"/other", b""])
def test_what_the_kernel_keeps_elsewhere_is_refused(
    name: str, value: bytes, upper: Upper, here: Path
) -> None:
    (here / "d").mkdir()
    os.setxattr(here / "d", name, value)
    with pytest.raises(UnsupportedError, match="d: a change that is kept elsewhere"):
        upper.facts(())


def test_only_what_changed_gets_the_stamp(upper: Upper, here: Path) -> None:
    for name in ("before", "at", "after"):
        (here / name).touch()
    os.utime(here / "before", (OLD - 0.5, OLD - 0.5))
    os.utime(here / "at", (OLD, OLD))
    data = archive(upper, here, hide=["f"], since=OLD)
    assert times(data) == {"before": OLD - 1, "at": STAMP, "after": STAMP, ".wh.f": STAMP}


def test_a_folder_that_is_brought_is_like_the_one_beneath(upper: Upper, here: Path) -> None:
    (found, _) = members(archive(upper, here, bring=["d/e"], since=OLD + 1))[0]
    assert found.entry() == Entry("d/e", Kind.DIRECTORY, mode=0o2750)
    assert [number(found.block[at : at + 8]) for at in (108, 116)] == [7, 8]
    assert number(found.block[136:148]) == OLD


def test_what_is_left_out_is_in_neither(upper: Upper, here: Path) -> None:
    for name in ("tmp", "tmp.d"):
        (here / name).mkdir()
    assert [e.path for e in upper.facts({"tmp"}).entries] == ["tmp.d"]
    assert [m.path for m, _ in members(archive(upper, here))] == ["tmp.d"]


def test_an_empty_upper_is_an_empty_layer(upper: Upper, here: Path) -> None:
    assert archive(upper, here) == bytes(2 * BLOCK)


def test_a_full_disk_is_an_error_and_leaves_nothing(upper: Upper, here: Path) -> None:
    (here / "large").write_bytes(os.urandom(100_000))
    with files_of_at_most(50_000), pytest.raises(OSError, match="File too large"):
        archive(upper, here)
    assert not here.with_name("layer").exists()


@pytest.mark.parametrize(
    ("gone", "left"),
    [
        (["f"], [".wh.f"]),
        (["d/e/x"], ["d", "d/e", "d/e/.wh.x"]),
        (["d/e/x", "d/e"], ["d", "d/.wh.e"]),
        (["d/e", "d/e/x"], ["d", "d/.wh.e"]),
        (["d", "d/e/x", "d"], [".wh.d"]),
        (["no", "no/such", "f/below"], []),
    ],
)
def test_what_is_removed_is_hidden(gone: list[str], left: list[str], upper: Upper) -> None:
    for path in gone:
        upper.remove(path)
    assert paths(upper) == left


def test_what_only_the_upper_has_is_gone_without_a_trace(upper: Upper, here: Path) -> None:
    upper.write("new/a", b"x", 0o644, 1)
    upper.remove("new/a")
    upper.remove("new")
    assert list(here.iterdir()) == []


def test_below_a_file_that_took_a_folder_s_place_nothing_is_removed(upper: Upper, here: Path) -> None:
    upper.write("d", b"file", 0o644, 1)
    upper.remove("d/z")
    assert (here / "d").read_bytes() == b"file"


def test_what_an_opaque_folder_hides_needs_no_whiteout(upper: Upper) -> None:
    upper.remove("d")
    upper.write("d/z", b"new", 0o644, 1)
    upper.remove("d/z")
    upper.remove("d/e/x")
    assert paths(upper) == ["d", "d/.wh..wh..opq"]


def test_no_link_of_the_root_is_followed(upper: Upper, here: Path, root: Path) -> None:
    """Where the upper has a folder in a link's place, what the link leads to is not beneath it."""
    (root / "l").symlink_to(root / "d")
    (here / "l").mkdir()
    upper.remove("l/z")
    upper.write("l/e/a", b"x", 0o644, 1)
    assert paths(upper) == ["l", "l/e", "l/e/a"]
    assert like(here / "l" / "e")[:3] == (0, 0, 0o755)


@pytest.mark.parametrize("first", ["remove", "replace"])
def test_writing_below_what_is_gone_makes_a_folder_of_its_own(first: str, upper: Upper, here: Path) -> None:
    upper.remove("d") if first == "remove" else upper.write("d", b"file", 0o644, 1)
    before = os.umask(0o077)
    try:
        upper.write("d/e/a", b"x", 0o640, OLD)
    finally:
        os.umask(before)
    assert paths(upper) == ["d", "d/.wh..wh..opq", "d/e", "d/e/a"]
    assert [like(here / name)[:3] for name in ("d", "d/e")] == [(0, 0, 0o755)] * 2


def test_parents_are_like_the_ones_beneath(upper: Upper, here: Path, root: Path) -> None:
    upper.write("d/e/a", b"x", 0o4755, OLD)
    assert like(here / "d") == like(root / "d")
    assert like(here / "d" / "e")[:3] == (7, 8, 0o2750)
    assert like(here / "d" / "e" / "a") == (0, 0, 0o4755, OLD)
    upper.write("d/e/sub/b", b"x", 0o644, OLD)
    assert like(here / "d" / "e" / "sub")[:3] == (0, 0, 0o755)


@pytest.mark.parametrize("path", ["d", "d/e", "f", "d/e/x", "new"])
def test_what_is_written_takes_the_place_of_anything(path: str, upper: Upper, here: Path) -> None:
    upper.write("d/e/more", b"x", 0o644, 1)
    for content in (b"one", b"two"):
        upper.write(path, content, 0o600, OLD)
    upper.remove(path)
    upper.write(path, b"three", 0o600, OLD)
    assert ((here / path).read_bytes(), like(here / path)) == (b"three", (0, 0, 0o600, OLD))


def test_edits_show_in_the_mount(tmp_path: Path) -> None:
    names = [folder("d"), folder("d/e"), Item("d/e/x"), Item("d/z"), folder("k"), Item("k/x")]
    bench = Bench(tmp_path, [*names, Item(b"n\xff")])
    for path in ("d", "k/x", "n\\xff"):
        bench.upper.remove(path)
    bench.upper.write("d/new", b"new", 0o644, OLD)
    bench.upper.remove("d/e/x")
    bench.upper.remove("d/z")
    assert sorted(bench.run("ls d > listed")) == ["d", "d/new", "k", "listed"]
    assert (bench.above / "listed").read_text() == "new\n"
