"""Layers copied block by block: everything gives the same bytes, and what is dropped is missing and nothing else."""

import gzip
import resource
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from hashlib import shake_128
from pathlib import Path

import pytest

from pratique.image.limits import DEFAULT, MIB, Limits
from pratique.image.rewrite import MadeLayer, Packer, rewrite
from pratique.model.digest import digest_of
from pratique.model.errors import InputError, UntrustedError
from tests.making.images import compressed
from tests.making.layers import blob
from tests.making.tar import (
    BLOCK,
    Item,
    base256,
    folder,
    hardlink,
    header,
    long_name,
    member,
    patched,
    pax,
    pax_record,
    symlink,
)

END = bytes(2 * BLOCK)
ALL = range(1000)
ONE, TWO, THREE = (member(Item(name, name.encode() * 300)) for name in ("one", "two", "three"))
GLOBAL = pax({"comment": b"0123456789abcdef"}, b"g")
MORE_SPARSE = bytes(504) + b"\1" + bytes(7)
SPARSE = patched(header(Item("sparse", b"s" * 700, b"S")), (257, b"ustar  \0"), (482, b"\1"))
OLD_SPARSE = SPARSE + MORE_SPARSE + bytes(BLOCK) + b"s" * 700 + bytes(324)
NEW_SPARSE = pax({"GNU.sparse.major": b"1", "GNU.sparse.minor": b"0", "GNU.sparse.name": b"s"}) + TWO
LONG = long_name(b"l" * 300 + b"\0") + long_name(b"k" * 300 + b"\0", b"K") + member(hardlink("l", "k"))
XATTRS = pax({"SCHILY.xattr.security.capability": b"\1\0\0\2\xff\n", "SCHILY.xattr.user.x": b"y"}) + TWO
BASE_256 = patched(TWO, (124, base256(600)))
SIZE_IN_PAX = pax({"size": b"600"}) + patched(TWO, (124, b"00000000000\0"))
NAMELESS = member(Item("..", b"nameless" * 100))
FORMS = {
    "ustar": member(folder("etc/")) + TWO + member(symlink("a", "b")) + member(Item("dev/null", kind=b"3")),
    "prefix": patched(TWO, (345, b"usr/lib")),
    "v7": patched(TWO, (257, bytes(8)), (156, b"\0")),
    "pax": member(Item("p" * 300, b"pax", link="q" * 300)),
    "gnu-long": LONG,
    "base-256": BASE_256,
    "pax-size": SIZE_IN_PAX,
    "old-sparse": OLD_SPARSE,
    "new-sparse": NEW_SPARSE,
    "global": GLOBAL + TWO,
    "xattrs": XATTRS,
    "nameless": NAMELESS + TWO,
    "twice": TWO + TWO,
    "unknown-kind": member(Item("x", b"y" * 20, b"D")),
    "large": member(Item("large", shake_128(b"1").digest(3 * MIB + 5))),
}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "layer"


def copied(data: bytes, place: Path, keep: Collection[int] = ALL, limits: Limits = DEFAULT) -> bytes:
    """Return the archive that is left of one that is not closed yet."""
    made = rewrite(blob(data + END, "gzip"), keep, place, limits)
    return gzip.decompress(made.path.read_bytes()).removesuffix(END)


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Let no file grow larger, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_copying_everything_gives_the_same_bytes(form: bytes, place: Path) -> None:
    data = ONE + form + THREE + GLOBAL
    made = rewrite(blob(data + END), ALL, place)
    assert made.diff_id == digest_of(data + END)
    assert made.length == len(data + END)


@pytest.mark.parametrize("how", ["plain", "gzip", "zstd"])
def test_the_compression_of_the_input_does_not_matter(how: str, place: Path) -> None:
    made = rewrite(blob(ONE + TWO + END, how), ALL, place)
    assert made.diff_id == digest_of(ONE + TWO + END)


def test_a_gzip_of_several_members_is_one_layer(place: Path) -> None:
    stored = b"".join(compressed(part, "gzip") for part in (ONE[:700], ONE[700:] + TWO, END))
    layer = blob(ONE + TWO + END, stored=stored, digest=digest_of(stored), size=len(stored))
    assert rewrite(layer, ALL, place).diff_id == digest_of(ONE + TWO + END)


def test_what_was_made_is_told_by_what_lies_there(place: Path) -> None:
    made = rewrite(blob(ONE + END), ALL, place)
    stored, plain = place.read_bytes(), gzip.decompress(place.read_bytes())
    assert made == MadeLayer(place, digest_of(stored), len(stored), digest_of(plain), len(plain))


def test_the_same_layer_gives_the_same_digest(tmp_path: Path) -> None:
    data = ONE + FORMS["large"] + END
    first, second = (rewrite(blob(data), ALL, tmp_path / name) for name in "ab")
    assert first.digest == second.digest


@pytest.mark.parametrize("form", [f for name, f in FORMS.items() if name not in {"ustar", "twice"}])
def test_dropping_an_entry_drops_its_headers_and_content(form: bytes, place: Path) -> None:
    left = GLOBAL if form.startswith(GLOBAL) else b""
    assert copied(ONE + form + THREE, place, {0, 2}) == ONE + left + THREE


def test_of_a_path_given_twice_one_can_stay(place: Path) -> None:
    again = member(Item("two", b"again"))
    assert copied(ONE + TWO + again + THREE, place, {0, 2}) == ONE + again


@pytest.mark.parametrize("keep", [{0}, {1}, {2}, {0, 1}, {0, 2}, {1, 2}, set()])
def test_what_is_kept_keeps_its_place(keep: set[int], place: Path) -> None:
    parts = [ONE, LONG, THREE]
    assert copied(b"".join(parts), place, keep) == b"".join(parts[k] for k in sorted(keep))


def test_global_headers_stay_whatever_goes(place: Path) -> None:
    other = pax({"mtime": b"1"}, b"g")
    data = GLOBAL + ONE + pax({"path": b"lost"}) + other + TWO + GLOBAL
    assert copied(data, place, {}) == GLOBAL + other + GLOBAL


def test_an_entry_without_a_name_goes_the_way_of_the_one_after_it(tmp_path: Path) -> None:
    data = ONE + NAMELESS + TWO + NAMELESS
    assert copied(data, tmp_path / "kept") == data
    assert copied(data, tmp_path / "gone", {0}) == ONE + NAMELESS


def test_an_entry_without_a_name_too_large_to_carry_is_refused(place: Path) -> None:
    large = member(Item("..", bytes(2 * MIB + 1)))
    with pytest.raises(InputError, match="without a usable name, too large"):
        copied(ONE + large + TWO, place)
    assert not place.exists()


@pytest.mark.parametrize("kept", [True, False])
def test_a_long_content_is_no_header(place: Path, kept: bool) -> None:  # noqa: FBT001
    """What a dropped entry holds may look like a global header."""
    trap = member(Item("trap", GLOBAL + member(Item("..", GLOBAL))))
    assert copied(trap + NAMELESS + TWO, place, {0} if kept else {1}) == (trap if kept else NAMELESS + TWO)


@pytest.mark.parametrize(
    "nameless",
    [
        pax({"size": b"1024"}) + patched(member(Item("..", GLOBAL)), (124, b"00000000000\0")),
        pax({"path": b".."}) + member(Item("x", GLOBAL)),
        SPARSE.replace(b"sparse", b".." + bytes(4)),
    ],
    ids=["size", "path", "sparse"],
)
def test_a_global_header_inside_an_entry_without_a_name_is_none(nameless: bytes, place: Path) -> None:
    if nameless[156:157] == b"S":
        blocks = bytearray(nameless)
        nameless = patched(bytes(blocks)) + MORE_SPARSE + bytes(BLOCK) + GLOBAL[:700] + bytes(324)
    assert copied(nameless + GLOBAL + ONE + TWO, place, {1}) == GLOBAL + TWO


@pytest.mark.parametrize(
    "change",
    [
        {"diff_id": digest_of(b"other")},
        {"digest": digest_of(b"other")},
        {"size": 7},
        {"stored": compressed(ONE + THREE + END, "gzip")},
    ],
    ids=["diff_id", "digest", "size", "content"],
)
def test_a_layer_that_is_not_the_promised_one_leaves_nothing(change: dict[str, object], place: Path) -> None:
    with pytest.raises(UntrustedError):
        rewrite(blob(ONE + TWO + END, "gzip", **change), ALL, place)
    assert not place.exists()


@pytest.mark.parametrize(
    "data", [ONE[:600], b"x" * 2000, pax_record(b"a", b"b")], ids=["cut", "text", "short"]
)
def test_a_damaged_layer_leaves_nothing(data: bytes, place: Path) -> None:
    with pytest.raises(InputError):
        rewrite(blob(data), ALL, place)
    assert not place.exists()


def test_a_full_disk_is_an_error_and_leaves_nothing(place: Path) -> None:
    data = member(Item("large", shake_128(b"2").digest(100_000))) + END
    with files_of_at_most(50_000), pytest.raises(OSError, match="File too large"):
        rewrite(blob(data), ALL, place)
    assert not place.exists()


def test_nothing_is_written_over(place: Path) -> None:
    place.write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        rewrite(blob(ONE + END), ALL, place)
    assert place.read_bytes() == b"mine"


def test_bytes_after_the_end_do_not_come_along(place: Path) -> None:
    made = rewrite(blob(ONE + END + b"hidden" * 100 + bytes(10240)), ALL, place)
    assert gzip.decompress(made.path.read_bytes()) == ONE + END


def stopped(place: Path) -> None:
    with Packer(place) as packer:
        packer.write(bytes(MIB))
        raise InputError("stop")


def test_a_packer_that_fails_leaves_nothing(place: Path) -> None:
    with pytest.raises(InputError, match="stop"):
        stopped(place)
    assert not place.exists()
