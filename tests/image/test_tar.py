"""The tar reader: every form that builders write, every trick that hides a file, every cut."""

from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pratique.image.limits import Limits
from pratique.image.tar import Window, scan
from pratique.model.errors import InputError, PratiqueError
from pratique.model.files import Anomaly, Entry, Kind
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
    symlink,
    tar,
)

END = bytes(2 * BLOCK)
REAL = member(Item("real", b"hello"))
GNU = (257, b"ustar  \0")


class Scanned(NamedTuple):
    entries: list[Entry]
    contents: dict[str, bytes]
    anomalies: list[tuple[str, str]]


def chunks(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def scanned(data: bytes, limits: Limits | None = None, *, chunk: int = 1000) -> Scanned:
    anomalies: list[Anomaly] = []
    entries, contents = [], {}
    for found in scan(Window(chunks(data, chunk), "t"), limits or Limits(), anomalies):
        entries.append(found.entry())
        if found.contents:
            contents[found.path] = found.contents.read(found.size)
    return Scanned(entries, contents, [(a.path, a.reason) for a in anomalies])


def paths(data: bytes) -> list[str]:
    return [entry.path for entry in scanned(data).entries]


def contents(data: bytes) -> dict[str, bytes]:
    return scanned(data).contents


@pytest.mark.parametrize("chunk", [1, 511, 512, 513, 5000])
def test_members_come_in_order_with_kind_mode_link_and_content(chunk: int) -> None:
    data = tar(
        [
            folder("etc/"),
            Item("etc/passwd", b"root" * 300, mode=0o4755),
            symlink("etc/link", "../x/./y"),
            hardlink("etc/hard", "./etc//passwd"),
            Item("dev/null", kind=b"3"),
            Item("dev/sda", kind=b"4"),
            Item("run/pipe", kind=b"6"),
            Item("contiguous", b"seven", kind=b"7"),
        ]
    )
    found = scanned(data, chunk=chunk)
    assert found.entries == [
        Entry("etc", Kind.DIRECTORY, mode=0o755),
        Entry("etc/passwd", Kind.FILE, 1200, 0o4755),
        Entry("etc/link", Kind.SYMLINK, mode=0o644, link="../x/./y"),
        Entry("etc/hard", Kind.HARDLINK, mode=0o644, link="etc/passwd"),
        Entry("dev/null", Kind.CHARACTER, mode=0o644),
        Entry("dev/sda", Kind.BLOCK, mode=0o644),
        Entry("run/pipe", Kind.FIFO, mode=0o644),
        Entry("contiguous", Kind.FILE, 5, 0o644),
    ]
    assert found.contents == {"etc/passwd": b"root" * 300, "contiguous": b"seven"}
    assert found.anomalies == []


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (patched(REAL, (345, b"var/lib")), {"var/lib/real": b"hello"}),
        (patched(REAL, (345, b"./" * 63 + b"etc/.00000000000 "), (508, b"tar\0")), {"etc/real": b"hello"}),
        (patched(REAL, GNU, (345, b"14000000000\0" * 2)), {"real": b"hello"}),
        (patched(REAL, GNU, (345, b"var/lib")), {"var/lib/real": b"hello"}),
        (patched(REAL, (257, bytes(8)), (345, b"var/lib")), {"real": b"hello"}),
    ],
    ids=["ustar", "star", "gnu-times", "gnu-of-old-go", "v7"],
)
def test_the_prefix_is_read_as_go_reads_it(data: bytes, expected: dict[str, bytes]) -> None:
    assert contents(data + END) == expected


@pytest.mark.parametrize(
    ("ahead", "path"),
    [
        (pax({"path": b"p" * 300}), "p" * 300),
        (pax({"path": "é".encode()}), "é"),
        (pax({"path": b""}), "real"),
        (pax({"path": b"other"}) + pax({"mtime": b"1"}), "real"),
        (pax({"path": b"other"}) + pax({"comment": b"c"}, b"g"), "real"),
        (long_name(b"l" * 300 + b"\0"), "l" * 300),
        (long_name(b"long\0hidden"), "long"),
        (long_name(b"\0"), "real"),
        (long_name(b"one\0") + long_name(b"two\0"), "two"),
        (long_name(b"long\0") + pax({"path": b"pax"}), "long"),
        (pax({"path": b"pax"}) + long_name(b"long\0"), "long"),
    ],
)
def test_a_name_from_extension_headers_is_the_one_that_runtimes_see(ahead: bytes, path: str) -> None:
    """Each was compared with what umoci (Go's archive/tar) unpacks."""
    found = scanned(ahead + REAL + member(Item("next")) + END)
    assert [entry.path for entry in found.entries] == [path, "next"]
    assert found.contents == {path: b"hello", "next": b""}
    assert found.anomalies == []


def test_a_global_header_renames_nothing_and_is_reported() -> None:
    found = scanned(pax({"path": b"junk"}, b"g") + REAL + END)
    assert found.contents == {"real": b"hello"}
    assert found.anomalies == [
        ("", "a global header with a name or size for what follows, which runtimes ignore")
    ]


@pytest.mark.parametrize("ahead", [pax({"linkpath": b"t" * 200}), long_name(b"t" * 200 + b"\0", b"K")])
def test_long_link_targets(ahead: bytes) -> None:
    data = ahead + member(symlink("s", "short")) + ahead + member(hardlink("h", "short")) + END
    assert [entry.link for entry in scanned(data).entries] == ["t" * 200, "t" * 200]


def test_a_pax_size_replaces_the_header_s() -> None:
    short = patched(REAL, (124, b"00000000000\0"))
    assert contents(pax({"size": b"5"}) + short + REAL + END) == {"real": b"hello"}
    assert paths(pax({"size": b"%018d" % 5}) + short + member(Item("next")) + END) == ["real", "next"]


@pytest.mark.parametrize("size", [b"-1", b"1e3", b"0x5", b" 5", b"9" * 19])
def test_a_pax_size_that_is_no_number_is_refused(size: bytes) -> None:
    with pytest.raises(InputError, match="a pax size that is no number"):
        scanned(pax({"size": size}) + REAL + END)


@pytest.mark.parametrize(
    "records", [b"5 a=b\n", b"60 a=b\n", b"0 a=b\n", b"x a=b\n", b"6 abc\n", b"6 a=bc", b"a=b", b"-6 a=b\n"]
)
def test_a_damaged_pax_record_is_refused(records: bytes) -> None:
    with pytest.raises(InputError, match="a damaged pax record"):
        scanned(member(Item("pax", records, b"x")) + REAL + END)


def test_sizes_in_base_256() -> None:
    assert contents(patched(REAL, (124, base256(5))) + member(Item("next")) + END) == {
        "real": b"hello",
        "next": b"",
    }


def test_a_negative_size_ends_at_once() -> None:
    """The file of CVE-2025-8194, on which tarfile never ends."""
    data = member(Item("a")) + header(Item("b", size=-512)) + END
    assert len(data) == 2048
    with pytest.raises(InputError, match="a negative or impossible number") as caught:
        scanned(data)
    assert caught.value.place == "t: byte 512"


@pytest.mark.parametrize(
    ("size", "what"),
    [
        (base256(1 << 63), "a negative or impossible number"),
        (b"\xc0" + bytes(11), "a negative or impossible number"),
        (b"0000000000x\0", "not an octal number"),
        (b"-0000000005\0", "not an octal number"),
        (b"00000_00005\0", "not an octal number"),
        (b"77777777777\0", "cut at byte"),
        (base256(1 << 62), "cut at byte"),
    ],
)
def test_impossible_sizes_are_refused(size: bytes, what: str) -> None:
    with pytest.raises(InputError, match=what):
        scanned(patched(REAL, (124, size)) + END)


def test_old_gnu_sparse_files_are_listed_and_not_read() -> None:
    first = patched(header(Item("sparse", kind=b"S", size=600)), GNU, (482, b"\1"))
    more = bytes(504) + b"\1" + bytes(7)
    data = first + more + bytes(BLOCK) + b"x" * 600 + bytes(424) + REAL + END
    found = scanned(data)
    assert [(e.path, e.kind, e.size) for e in found.entries] == [
        ("sparse", Kind.FILE, 600),
        ("real", Kind.FILE, 5),
    ]
    assert found.contents == {"real": b"hello"}


@pytest.mark.parametrize(
    "records",
    [
        {"GNU.sparse.major": b"1", "GNU.sparse.minor": b"0", "GNU.sparse.name": b"named"},
        {"GNU.sparse.major": b"0", "GNU.sparse.minor": b"1", "GNU.sparse.name": b"named", "path": b"p"},
        {"GNU.sparse.map": b"0,5", "GNU.sparse.name": b"named"},
        {"GNU.sparse.offset": b"0", "GNU.sparse.numbytes": b"5", "GNU.sparse.name": b"named"},
    ],
)
def test_pax_sparse_files_are_listed_under_their_name_and_not_read(records: dict[str, bytes]) -> None:
    found = scanned(pax(records) + REAL + member(Item("next")) + END)
    assert [entry.path for entry in found.entries] == ["named", "next"]
    assert found.contents == {"next": b""}


@pytest.mark.parametrize(
    "records",
    [{"GNU.sparse.name": b"junk"}, {"GNU.sparse.major": b"9", "GNU.sparse.name": b"junk"}],
)
def test_sparse_records_of_an_unknown_version_do_not_hide_a_file(records: dict[str, bytes]) -> None:
    assert contents(pax(records) + REAL + END) == {"real": b"hello"}


def test_v7_folders_end_with_a_slash_and_have_no_content() -> None:
    data = patched(header(Item("old/", kind=b"\0", size=512)), (257, bytes(8))) + REAL + END
    assert [(e.path, e.kind, e.size) for e in scanned(data).entries] == [
        ("old", Kind.DIRECTORY, 0),
        ("real", Kind.FILE, 5),
    ]


def test_v7_files_are_files() -> None:
    assert contents(patched(REAL, (156, b"\0"), (257, bytes(8))) + END) == {"real": b"hello"}


def test_names_and_targets_may_fill_their_fields() -> None:
    data = patched(member(Item("n" * 100, b"x")), (345, b"p" * 155)) + member(symlink("s", "t" * 100)) + END
    found = scanned(data)
    assert [(entry.path, entry.link) for entry in found.entries] == [
        ("p" * 155 + "/" + "n" * 100, ""),
        ("s", "t" * 100),
    ]


def test_a_regular_file_with_a_slash_at_its_end_is_still_a_file() -> None:
    """Go makes the file ``status`` of it: a scanner that sees a folder misses the package database."""
    assert contents(tar([Item("var/lib/dpkg/status/", b"Package: x")])) == {
        "var/lib/dpkg/status": b"Package: x"
    }


def test_links_have_no_content_whatever_their_size_says() -> None:
    sized = [
        header(Item(name, kind=kind, size=BLOCK)) for name, kind in [("h", b"1"), ("s", b"2"), ("f", b"6")]
    ]
    assert paths(b"".join(sized) + REAL + END) == ["h", "s", "f", "real"]


def test_a_wrong_checksum_is_refused() -> None:
    block = bytearray(REAL)
    block[0] ^= 1
    with pytest.raises(InputError, match="a header whose checksum is wrong") as caught:
        scanned(bytes(block) + END)
    assert caught.value.place == "t: byte 0"


def test_a_checksum_over_signed_bytes_is_accepted() -> None:
    block = bytearray(member(Item(b"\xc3\x80\x7f")))
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(b - 256 if b > 127 else b for b in block)
    assert paths(bytes(block) + END) == ["\u00c0\x7f"]


SMALL = [
    folder("etc"),
    Item("etc/os-release", b"ID=debian\n" * 60),
    Item("n" * 150, b"x"),
    symlink("link", "etc"),
]


def test_a_cut_at_any_byte_is_an_error_or_a_shorter_archive() -> None:
    """An archive may end at a member's edge without its zero blocks, as in the runtimes."""
    data = tar(SMALL)
    sizes = [
        0,
        512,
        512 + 1024,
        1024,
        512 + 512,
        512,
        512,
        512,
    ]  # folder, file, pax, long name, link, two zeros
    edges = {sum(sizes[: n + 1]): n for n in range(len(sizes))}
    assert max(edges) == len(data)
    for cut in range(len(data) + 1):
        if cut in edges:
            expected = [item.name for n, item in enumerate(SMALL) if edges[cut] > n + (n >= 2)]
            assert paths(data[:cut]) == expected, cut
        else:
            with pytest.raises(InputError, match="cut at byte"):
                scanned(data[:cut])


def test_a_cut_inside_a_content_that_is_passed_over_is_an_error() -> None:
    data = tar([Item("a", b"x" * 5000)])[:4000]
    with pytest.raises(InputError, match="cut at byte"):
        list(scan(Window(chunks(data, 512), "t"), Limits(), []))


@pytest.mark.parametrize("junk", [b"j", bytes(700) + b"junk", REAL, tar([Item("second")])])
def test_what_follows_the_end_is_reported_and_not_read(junk: bytes) -> None:
    """A second archive, too: runtimes stop at the first end."""
    found = scanned(REAL + END + junk)
    assert found.contents == {"real": b"hello"}
    assert found.anomalies == [("", "bytes after the end of the archive, which runtimes do not read")]


def test_zeros_after_the_end_are_padding() -> None:
    assert scanned(REAL + END + bytes(20 * BLOCK)).anomalies == []


def test_a_lone_zero_block_ends_the_archive_only_at_its_end() -> None:
    assert paths(REAL + bytes(BLOCK)) == ["real"]
    with pytest.raises(InputError, match="a lone zero block at byte 1024"):
        scanned(REAL + bytes(BLOCK) + REAL + END)


def test_an_empty_stream_holds_nothing() -> None:
    assert scanned(b"") == ([], {}, [])


@pytest.mark.parametrize(
    ("name", "path", "fault"),
    [
        (b"../../x", "x", "a name with a parent folder in it"),
        (b"/x", "x", "an absolute name"),
        (b"//x", "x", "an absolute name"),
        (b"a/../../x", "x", "a name with a parent folder in it"),
        (b"/etc/../../x", "x", "a name with a parent folder in it"),
        (b"a/b/..", "a", "a name with a parent folder in it"),
        (b"a//./b", "a/b", ""),
        (b"./a", "a", ""),
        (b"..a/...", "..a/...", ""),
        (b".wh..wh..opq", ".wh..wh..opq", ""),
        (b"caf\xe9", "caf\\xe9", "a name that is not UTF-8"),
        ("еtc/pаsswd".encode(), "еtc/pаsswd", ""),  # noqa: RUF001 - Cyrillic look-alikes are names of their own
        (b"a\nb", "a\nb", ""),
        (b"p" * 4096, "p" * 4096, ""),
    ],
)
def test_names_are_normalised_inside_the_root(name: bytes, path: str, fault: str) -> None:
    found = scanned(tar([Item(name, b"x")]))
    assert found.contents == {path: b"x"}
    assert found.anomalies == (
        [(path, fault)] if path == "caf\\xe9" else [(name.decode(), fault)] if fault else []
    )


@pytest.mark.parametrize(
    ("data", "shown", "fault"),
    [
        (pax({"path": b"a\0b"}) + REAL, "a\0b", "a name too long for a file system, or with a NUL inside"),
        (
            member(Item(b"p" * 70_000)),
            "p" * 200,
            "a name too long for a file system, or with a NUL inside",
        ),
        (member(Item(b"p" * 4097)), "p" * 200, "a name too long for a file system, or with a NUL inside"),
        (member(symlink("./", "usr")), "./", "the root, or no name, and not a folder"),
        (member(Item("", b"x")), "", "the root, or no name, and not a folder"),
        (member(symlink("/", "usr")), "/", "an absolute name"),
        (member(Item("a/..", b"x")), "a/..", "a name with a parent folder in it"),
    ],
)
def test_an_impossible_name_costs_its_entry_alone(data: bytes, shown: str, fault: str) -> None:
    found = scanned(data + member(Item("next", b"y")) + END)
    assert found.contents == {"next": b"y"}
    assert found.anomalies == [(shown, fault)]


def test_the_root_itself_is_a_folder_without_a_name() -> None:
    assert scanned(tar([folder("./"), folder(".")])) == ([Entry("", Kind.DIRECTORY, mode=0o755)] * 2, {}, [])


def test_a_link_s_target_is_cut_at_the_longest_path() -> None:
    found = scanned(tar([symlink("s", "t" * 5000), hardlink("h", "t" * 5000)]))
    assert [len(entry.link) for entry in found.entries] == [4096, 0]


def test_too_many_entries_are_refused() -> None:
    data = member(Item("empty")) * 1001 + END
    assert len(paths(data)) == 1001
    with pytest.raises(InputError, match="more than 1000 entries in one layer"):
        scanned(data, Limits(entries=1000))
    assert len(scanned(data, Limits(entries=1001)).entries) == 1001


def test_a_million_extension_headers_count_for_nothing_and_end() -> None:
    assert paths(pax({"comment": b"c"}) * 2000 + REAL + END) == ["real"]


def test_an_extension_header_may_be_as_large_as_the_limit() -> None:
    data = long_name(b"n" * 600) + REAL + END
    assert [entry.path for entry in scanned(data, Limits(headers=600)).entries] == ["n" * 600]
    with pytest.raises(InputError, match="an extension header of 600 bytes"):
        scanned(data, Limits(headers=599))


@pytest.mark.parametrize("kind", [b"x", b"g", b"L", b"K"])
def test_a_huge_extension_header_is_refused_before_it_is_read(kind: bytes) -> None:
    data = header(Item("pax", kind=kind, size=8**11 - 1)) + bytes(BLOCK)
    with pytest.raises(InputError, match=f"an extension header of {8**11 - 1} bytes"):
        scanned(data)


def test_contents_that_nobody_asks_for_are_passed_over() -> None:
    data = tar([Item("a", b"x" * 700), Item("b", b"y" * 1024), Item("c")])
    found = list(scan(Window(chunks(data, 100), "t"), Limits(), []))
    assert [f.path for f in found] == ["a", "b", "c"]


def test_offsets_count_every_byte_of_the_stream() -> None:
    data = tar(SMALL) + bytes(300)
    window = Window(chunks(data, 77), "t")
    offsets = [window.offset for _ in scan(window, Limits(), [])]
    assert window.offset == len(data)
    assert all(a < b for a, b in pairwise(offsets))


HEADERS = tar([*SMALL, hardlink("hard", "link"), Item("dev", kind=b"3")])


@settings(max_examples=300, deadline=None)
@given(
    changes=st.lists(
        st.tuples(st.integers(0, len(HEADERS) - 1), st.binary(min_size=1, max_size=12)), max_size=4
    ),
    at=st.integers(0, len(HEADERS) // BLOCK - 1),
    right=st.booleans(),
)
def test_changed_headers_end_and_raise_nothing_else(
    changes: list[tuple[int, bytes]], at: int, *, right: bool
) -> None:
    data = bytearray(HEADERS)
    for place, value in changes:
        data[place : place + len(value)] = value
    if right:  # a right checksum leads deeper into the reader
        data[at * BLOCK : at * BLOCK + BLOCK] = patched(bytes(data[at * BLOCK : at * BLOCK + BLOCK]))
    count = 0
    with suppress(PratiqueError):
        for found in scan(Window(chunks(bytes(data), 4096), "t"), Limits(), []):
            count += 1
            assert found.size >= 0
    assert count <= len(data) // BLOCK
