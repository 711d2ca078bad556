"""One pass over a layer: trust before damage, and what becomes of each wanted file."""

import gzip
import os
import stat
from hashlib import sha256
from itertools import permutations
from typing import Any

import pytest

from pratique.image import DEFAULT, Limits, MergedTree
from pratique.image.layer import reduce_layer
from pratique.model.digest import Digest, digest_of
from pratique.model.errors import InputError, UntrustedError
from pratique.model.files import Entry, Kind, LinkedFact, Unread
from tests.making.images import compressed
from tests.making.layers import Texts, blob, layer, reduced
from tests.making.tar import (
    BLOCK,
    Item,
    base256,
    folder,
    hardlink,
    header,
    member,
    patched,
    pax,
    symlink,
    tar,
)

OS_RELEASE = Item("etc/os-release", b"ID=debian")
OTHER = os.urandom(900)
DATA = tar([folder("etc"), OS_RELEASE, Item("other", OTHER)])
ZERO = Digest("sha256:" + "0" * 64)


@pytest.mark.parametrize("how", ["plain", "gzip", "zstd"])
def test_a_layer_is_its_entries_and_the_facts_of_wanted_files(how: str) -> None:
    found = reduce_layer(blob(DATA, how), [Texts("etc/os-release", "etc")], DEFAULT)
    assert found.diff_id == digest_of(DATA)
    assert found.size == len(DATA)
    assert found.entries == (
        Entry("etc", Kind.DIRECTORY, mode=0o755),
        Entry("etc/os-release", Kind.FILE, 9, 0o644, sha256=sha256(b"ID=debian").digest()),
        Entry("other", Kind.FILE, 900, 0o644, sha256=sha256(OTHER).digest()),
    )
    assert found.facts == {"etc": {}, "etc/os-release": {"text": "ID=debian"}}
    assert found.anomalies == ()


@pytest.mark.parametrize("how", ["plain", "gzip", "zstd"])
def test_one_flipped_byte_is_a_wrong_digest_and_never_damage(how: str) -> None:
    stored = compressed(DATA, how)
    for at in [*range(0, min(len(stored), 700), 3), len(stored) - 1]:
        changed = bytearray(stored)
        changed[at] ^= 1
        with pytest.raises(UntrustedError) as caught:
            reduce_layer(blob(DATA, how, stored=bytes(changed)), [Texts()], DEFAULT)
        assert caught.value.what == f"the content hashes to {digest_of(bytes(changed))}"
        assert caught.value.place == "layer"


@pytest.mark.parametrize("how", ["plain", "gzip", "zstd"])
def test_a_short_or_long_blob_is_a_wrong_size_and_never_damage(how: str) -> None:
    stored = compressed(DATA, how)
    for cut in range(0, len(stored), 41):
        with pytest.raises(UntrustedError) as caught:
            reduce_layer(blob(DATA, how, stored=stored[:cut]), [Texts()], DEFAULT)
        assert caught.value.what == f"{cut} bytes where {len(stored)} were promised"
    with pytest.raises(UntrustedError, match=f"longer than the {len(stored)} bytes promised"):
        reduce_layer(blob(DATA, how, stored=stored + b"x"), [Texts()], DEFAULT)


def test_a_wrong_size_with_the_right_digest() -> None:
    for size in (len(DATA) + 1, len(DATA) - 1, 0):
        with pytest.raises(UntrustedError, match=r"bytes where|longer than"):
            reduce_layer(blob(DATA, size=size), [Texts()], DEFAULT)


def test_a_wrong_diff_id_names_both() -> None:
    with pytest.raises(UntrustedError) as caught:
        reduce_layer(blob(DATA, "gzip", diff_id=ZERO), [Texts()], DEFAULT)
    assert caught.value.what == (
        f"the layer expands to {digest_of(DATA)} where the configuration promises {ZERO}"
    )


def test_without_a_digest_the_diff_id_still_tells_a_change() -> None:
    changed = DATA.replace(b"ID=debian", b"ID=ubuntu")
    with pytest.raises(UntrustedError, match="the layer expands to"):
        reduce_layer(blob(DATA, stored=changed, digest=None, size=None), [Texts()], DEFAULT)


@pytest.mark.parametrize(
    ("stored", "what"),
    [
        (gzip.compress(DATA, mtime=0) + b"junk", "bytes after the end of the gzip stream"),
        (gzip.compress(DATA, mtime=0)[:-9], "the gzip stream is cut"),
        (b"7" * 650, "a header whose checksum is wrong"),
    ],
)
def test_damage_under_the_right_digest_is_damage(stored: bytes, what: str) -> None:
    honest: dict[str, Any] = {"stored": stored, "digest": digest_of(stored), "size": len(stored)}
    with pytest.raises(InputError, match=what):
        reduce_layer(blob(DATA, **honest), [Texts()], DEFAULT)


@pytest.mark.parametrize("path", ["etc/os-release", "var/lib/dpkg/status"])
@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (b"3", "a character device, not a file"),
        (b"4", "a block device, not a file"),
        (b"6", "a fifo, not a file"),
    ],
)
def test_devices_and_pipes_are_unread(path: str, kind: bytes, reason: str) -> None:
    assert layer(Item(path, kind=kind)).facts == {path: {"text": Unread(reason)}}


def test_links_wait_for_the_tree() -> None:
    facts = layer(symlink("s", "../t"), hardlink("h", "/t")).facts
    assert facts == {
        "s": {"text": LinkedFact("../t", symbolic=True)},
        "h": {"text": LinkedFact("t", symbolic=False)},
    }


def test_sparse_files_are_unread() -> None:
    old = patched(header(Item("a", kind=b"S", size=BLOCK)), (257, b"ustar  \0")) + bytes(BLOCK)
    new = pax({"GNU.sparse.map": b"0,5"}) + member(Item("b", b"hello"))
    assert reduced(old + new).facts == {
        "a": {"text": Unread("stored sparse")},
        "b": {"text": Unread("stored sparse")},
    }


def test_a_sparse_file_of_many_exbibytes_takes_no_memory() -> None:
    huge = patched(
        header(Item("a", kind=b"S", size=0)), (257, b"ustar  \0"), (386, base256(0) + base256(1 << 60))
    )
    assert reduced(huge).facts == {"a": {"text": Unread("stored sparse")}}


def test_a_file_over_the_limit_is_unread_and_passed_over() -> None:
    found = reduced(tar([Item("big", b"x" * 11), Item("small", b"x" * 10)]), limits=Limits(kept=10))
    assert found.facts == {
        "big": {"text": Unread("11 bytes, over the limit of 10")},
        "small": {"text": "x" * 10},
    }


def test_a_damaged_file_is_unread() -> None:
    assert layer(Item("a", b"!")).facts == {"a": {"text": Unread("damaged (line 1)")}}


def test_a_damaged_file_ends_the_scan_where_the_reader_says_so() -> None:
    with pytest.raises(InputError) as caught:
        reduced(tar([Item("a", b"!")]), Texts(fatal=True))
    assert caught.value.place == "layer: a: line 1"


def test_every_reader_gets_the_whole_content() -> None:
    class Sizes(Texts):
        name = "size"

        def read(self, content: bytes) -> Any:
            return len(content)

    found = reduce_layer(blob(DATA), [Texts("etc/os-release"), Sizes("etc/os-release", "other")], DEFAULT)
    assert found.facts == {
        "etc/os-release": {"text": "ID=debian", "size": 9},
        "other": {"size": 900},
    }


THRICE = [
    Item("etc/os-release", b"one"),
    Item("./etc/os-release", b"two"),
    Item("etc//os-release", kind=b"6"),
]


@pytest.mark.parametrize("items", list(permutations(THRICE)))
def test_of_duplicates_the_last_one_counts(items: tuple[Item, ...]) -> None:
    found = layer(*items)
    last: Any = Unread("a fifo, not a file") if items[-1].kind == b"6" else items[-1].content.decode()
    assert [entry.path for entry in found.entries] == ["etc/os-release"] * 3
    assert found.facts == {"etc/os-release": {"text": last}}
    file = MergedTree([found]).at("etc/os-release")
    assert file is not None
    assert file.facts == {"text": last}
    assert file.entry == found.entries[-1]


def test_set_uid_bits_are_kept() -> None:
    mode = layer(Item("bin/su", mode=0o4755)).entries[0].mode
    assert mode & stat.S_ISUID


def test_anomalies_come_along() -> None:
    found = layer(Item("../x", b"text"))
    assert [(a.path, a.reason) for a in found.anomalies] == [("../x", "a name with a parent folder in it")]
    assert found.facts == {"x": {"text": "text"}}
