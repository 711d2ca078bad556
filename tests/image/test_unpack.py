"""The merged tree on disk: links that share, names of any bytes, owners and times as the headers say."""

import os
from pathlib import Path

import pytest

from pratique.image import MergedTree, open_image, unpack
from pratique.image.unpacking import on_disk
from pratique.model.errors import (
    InputError,
    PratiqueError,
    UnavailableError,
    UnsupportedError,
    UntrustedError,
)
from tests.image.test_rewrite import files_of_at_most
from tests.making.edits import needs_root, read, seen
from tests.making.images import Layout, layout
from tests.making.tar import Item, folder, hardlink, member, patched, pax, symlink, tar

END = bytes(1024)


def unpacked(place: Path, *layers: bytes) -> Path:
    """Return the folder that some archives give."""
    image = place / "image"
    image.mkdir()
    Layout(image).image(layers)
    opened = open_image(f"oci:{image}")
    facts = read(opened)
    unpack(opened, facts, MergedTree(facts), place / "root")
    return place / "root"


def failure(place: Path, *layers: bytes) -> PratiqueError:
    with pytest.raises(PratiqueError) as caught:
        unpacked(place, *layers)
    assert sorted(item.name for item in place.iterdir()) == ["image"]
    return caught.value


def test_a_hard_link_to_a_hard_link_shares_the_data(tmp_path: Path) -> None:
    links = [hardlink("b", "a"), hardlink("c", "b")]
    root = unpacked(tmp_path, tar([Item("a", b"data"), *links]), tar([hardlink("d", "c"), Item(".wh.a")]))
    found = seen(root)
    assert {name: (f.content, f.names) for name, f in found.items()} == dict.fromkeys(
        "bcd", (b"data", frozenset("bcd"))
    )


def test_a_hard_link_keeps_the_data_that_a_later_layer_replaces(tmp_path: Path) -> None:
    root = unpacked(tmp_path, tar([Item("a", b"old"), hardlink("b", "a")]), tar([Item("a", b"new")]))
    assert ((root / "a").read_bytes(), (root / "b").read_bytes()) == (b"new", b"old")


def test_a_hard_link_finds_its_target_through_a_link_among_the_parents(tmp_path: Path) -> None:
    items = [folder("usr"), symlink("lib", "usr"), Item("usr/x", b"data"), hardlink("y", "lib/x")]
    assert (unpacked(tmp_path, tar(items)) / "y").read_bytes() == b"data"


def test_names_keep_the_bytes_that_they_have(tmp_path: Path) -> None:
    raw = [b"d\xff", b"d\xff/f\xe9", b"l\\xff", b"\xc3\xa9\\x2d\xfe"]
    items = [
        Item(raw[0], kind=b"5"),
        *(Item(name, b"x") for name in raw[1:]),
        symlink("s", "x")._replace(link=raw[1]),
    ]
    root = os.fsencode(unpacked(tmp_path, tar(items)))
    assert sorted(os.listdir(root)) == sorted([raw[0], b"l\xff", raw[3], b"s"])  # noqa: PTH208 - bytes
    assert os.listdir(root + b"/d\xff") == [b"f\xe9"]  # noqa: PTH208
    assert os.readlink(root + b"/s") == raw[1]  # noqa: PTH115


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("plain", b"plain"),
        ("é", "é".encode()),
        (r"a\xff/b", b"a\xff/b"),
        (r"unit\x2dname", rb"unit\x2dname"),
        (r"\xc3\xa9", rb"\xc3\xa9"),
        (r"\xFF", rb"\xFF"),
    ],
)
def test_an_escape_is_turned_back_where_only_a_byte_can_have_been_meant(text: str, name: bytes) -> None:
    assert os.fsencode(on_disk(text)) == name


def test_folders_that_no_entry_names_do_not_depend_on_the_user_s_mask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        root = unpacked(tmp_path, tar([Item("a/b/c", mode=0o640)]))
    finally:
        os.umask(before)
    modes = [place.stat().st_mode & 0o7777 for place in (root, root / "a", root / "a/b", root / "a/b/c")]
    assert modes == [0o755, 0o755, 0o755, 0o640]


@needs_root
def test_pax_records_outrank_the_header(tmp_path: Path) -> None:
    records = {"uid": b"70000", "gid": b"7", "mtime": b"1234.5", "SCHILY.xattr.security.capability": b""}
    old = patched(member(Item("old")), (108, b"0000012\0" * 2), (136, b"00000000144\0"))
    found = seen(unpacked(tmp_path, old + pax(records) + member(Item("new")) + END))
    assert {name: (f.owner, f.mtime) for name, f in found.items()} == {
        "old": ((10, 10), 100),
        "new": ((70000, 7), 1234),
    }


@pytest.mark.parametrize("value", [b"nan", b"inf", b"soon", b"1e300", b"-1e300"])
def test_a_time_that_no_file_can_have_is_the_first(value: bytes, tmp_path: Path) -> None:
    root = unpacked(tmp_path, pax({"mtime": value}) + member(Item("a")) + END)
    assert (root / "a").stat().st_mtime == 0


@pytest.mark.parametrize(
    "data",
    [
        pax({"uid": b"root"}) + member(Item("a")),
        pax({"gid": b"-1"}) + member(Item("a")),
        pax({"uid": b"4294967295"}) + member(Item("a")),
        pax({"uid": b"9" * 5000}) + member(Item("a")),
        patched(member(Item("a")), (108, b"\x80\0\0\1\0\0\0\0")),
        patched(member(Item("a")), (116, b"\xff" * 8)),
    ],
    ids=["word", "negative", "as-it-is", "long", "base-256", "negative-256"],
)
def test_an_owner_that_no_file_can_have_is_refused(data: bytes, tmp_path: Path) -> None:
    assert isinstance(failure(tmp_path, data + END), InputError)


def test_a_full_disk_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    with files_of_at_most(50_000):
        assert isinstance(failure(tmp_path, tar([Item("a", bytes(100_000))])), UnavailableError)


def test_a_layer_that_changed_since_leaves_nothing(tmp_path: Path) -> None:
    opened = open_image(f"oci:{layout(tmp_path / 'image', [Item('a', b'x')])}")
    facts = read(opened)
    blob = next(
        p for p in (tmp_path / "image/blobs/sha256").iterdir() if p.name in str(opened.layers[0].digest)
    )
    blob.write_bytes(b"x" * blob.stat().st_size)
    with pytest.raises(UntrustedError):
        unpack(opened, facts, MergedTree(facts), tmp_path / "root")
    assert [item.name for item in tmp_path.iterdir()] == ["image"]


def test_what_cannot_be_made_is_told(tmp_path: Path) -> None:
    image = layout(tmp_path / "image", [Item("a"), Item("null", kind=b"3"), Item("pipe", kind=b"6")])
    opened = open_image(f"oci:{image}")
    facts = read(opened)
    assert unpack(opened, facts, MergedTree(facts), tmp_path / "root") == ["null", "pipe"]
    assert [item.name for item in (tmp_path / "root").iterdir()] == ["a"]


def test_a_folder_that_exists_is_not_written_into(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "mine").write_text("x")
    with pytest.raises(UnavailableError):
        unpacked(tmp_path, tar([Item("a")]))
    assert (tmp_path / "root" / "mine").read_text() == "x"


def test_an_unpacked_root_is_not_unpacked_again(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    opened = open_image(f"dir:{tmp_path}")
    with pytest.raises(UnsupportedError):
        unpack(opened, [], MergedTree([]), tmp_path / "root")
