"""Archives that two readers could understand differently, each refused."""

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable

import pytest

from pratique.formats import strict_zip
from pratique.formats.strict_zip import ZipLimits
from pratique.model.errors import InputError, PratiqueError, UnsupportedError

FILES = {"a.py": b"print()\n" * 100, "pkg/__init__.py": b"", "pkg/data.bin": bytes(range(256))}


def made(
    files: dict[str, bytes] | None = None, method: int = zipfile.ZIP_DEFLATED, mode: int = 0o100644
) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for path, data in (FILES if files is None else files).items():
            info = zipfile.ZipInfo(path)
            info.compress_type, info.external_attr = method, mode << 16
            archive.writestr(info, data)
    return out.getvalue()


def read(data: bytes | memoryview, limits: ZipLimits = strict_zip.DEFAULT_LIMITS) -> dict[str, bytes]:
    return {m.path: strict_zip.content(data, m) for m in strict_zip.members(data, limits)}


class Stream(io.RawIOBase):
    """A file that cannot seek: zipfile then writes data descriptors."""

    def __init__(self) -> None:
        self.data = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, chunk: bytes) -> int:  # type: ignore[override]
        self.data += chunk
        return len(chunk)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_an_honest_archive(method: int) -> None:
    data = made(method=method, mode=0o100755)
    assert read(data) == FILES
    assert read(memoryview(data)) == FILES
    assert {m.mode for m in strict_zip.members(data)} == {0o755}


def test_folders_are_left_out() -> None:
    assert read(made({"d/": b"", "d/x": b"1"}, zipfile.ZIP_STORED)) == {"d/x": b"1"}


def test_names_beyond_ascii() -> None:
    assert read(made({"ä/ö.py": b"x"})) == {"ä/ö.py": b"x"}


def test_data_descriptors_and_reserved_sizes() -> None:
    out = Stream()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in FILES.items():
            archive.writestr(path, data)
    assert read(bytes(out.data)) == FILES
    seekable = io.BytesIO()
    with (
        zipfile.ZipFile(seekable, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("x", "w", force_zip64=True) as file,
    ):
        file.write(b"data")
    assert read(seekable.getvalue()) == {"x": b"data"}


def test_an_empty_archive() -> None:
    assert read(made({})) == {}


@pytest.mark.parametrize(
    "name",
    [
        *("../x", "/x", "a/../../x", "a/./b", "a//b", "..", "C:/x", "a\\b", "a\x00b", "a\nb", ".", "x/.."),
        *("a" * 5000,),
    ],
)
def test_names_that_lead_out(name: str) -> None:
    data = made({"n" * len(name.encode()): b"x"}).replace(b"n" * len(name.encode()), name.encode())
    with pytest.raises(InputError, match="a name that leads out"):
        read(data)


def test_a_name_that_is_not_text() -> None:
    with pytest.raises(InputError, match="not UTF-8"):
        read(made({"nn": b"x"}).replace(b"nn", b"\xc3\x28"))


def test_a_name_twice_and_a_name_that_is_file_and_folder() -> None:
    with pytest.raises(InputError, match="stands twice"):
        read(made({"aa": b"1", "bb": b"2"}).replace(b"bb", b"aa"))
    with pytest.raises(InputError, match="file and folder"):
        read(made({"a": b"1", "a/b": b"2"}))


@pytest.mark.parametrize("mode", [0o120777, 0o020666, 0o010666, 0o060666, 0o140777])
def test_links_and_devices(mode: int) -> None:
    with pytest.raises(InputError, match="a link or device"):
        read(made(mode=mode))


END = 22
Change = Callable[[bytes], bytes]


def patched(at: int, data: bytes, *, end: bool = False, central: bool = False) -> Change:
    def change(archive: bytes) -> bytes:
        base = len(archive) - END if end else archive.index(b"PK\x01\x02") if central else 0
        return archive[: base + at] + data + archive[base + at + len(data) :]

    return change


@pytest.mark.parametrize(
    "change",
    [
        lambda a: b"#!/bin/sh\n" + a,
        lambda a: a + b"x",
        lambda a: a + a,
        lambda a: a[:-1],
        lambda a: a[: len(a) // 2],
        lambda a: a[:0],
        lambda a: a[:10],
        lambda a: a.replace(b"PK\x01\x02", b"xxxxPK\x01\x02", 1),
        lambda a: a[: a.index(b"PK\x01\x02")] + b"gap!" + a[a.index(b"PK\x01\x02") :],
        patched(30, b"b"),
        patched(6, b"\x08"),
        patched(8, b"\x00"),
        patched(14, b"\x00\x00\x00\x00"),
        patched(18, b"\x01"),
        patched(22, b"\x01"),
        patched(0, b"QK"),
        patched(16, b"\x00\x00\x00\x00", central=True),
        patched(24, b"\xff\x00", central=True),
        patched(42, b"\x05", central=True),
        patched(46, b"b", central=True),
        patched(8, b"\x02", end=True),
        patched(10, b"\x02", end=True),
        patched(4, b"\x01", end=True),
        patched(16, b"\x00", end=True),
        patched(20, b"\x01", end=True),
    ],
)
def test_two_readings_of_one_archive(change: Change) -> None:
    with pytest.raises(InputError):
        read(change(made()))


@pytest.mark.parametrize(
    "change",
    [
        lambda a: patched(8, b"\x01", central=True)(patched(6, b"\x01")(a)),
        lambda a: patched(10, b"\x0c", central=True)(patched(8, b"\x0c")(a)),
        patched(20, b"\xff\xff\xff\xff", central=True),
        patched(8, b"\xff\xff\xff\xff", end=True),
        patched(16, b"\xff\xff\xff\xff", end=True),
        lambda a: a[:-END] + b"PK\x06\x07" + bytes(16) + a[-END:],
    ],
)
def test_kinds_that_are_not_read(change: Change) -> None:
    with pytest.raises(UnsupportedError):
        read(change(made()))


def test_members_that_overlap() -> None:
    """Two records of the directory for one member (CVE-2024-0450)."""
    data = made({"aa": b"x" * 1000})
    at = data.index(b"PK\x01\x02")
    record, end = data[at:-END], bytearray(data[-END:])
    end[8:12] = struct.pack("<2H", 2, 2)
    end[12:16] = struct.pack("<L", 2 * len(record))
    with pytest.raises(InputError, match="overlap or leave a gap"):
        read(data[:at] + record * 2 + bytes(end))


def test_a_bomb_stays_in_its_limits() -> None:
    zeros = bytes(1 << 20)
    data = made({"zeros": zeros})
    with pytest.raises(InputError, match="more than the limit"):
        read(data, ZipLimits(file=1 << 19))
    with pytest.raises(InputError, match="more than the limit"):
        read(made({"a": zeros, "b": zeros}), ZipLimits(total=(1 << 20) + 1))
    with pytest.raises(InputError, match="over the limit"):
        read(made(), ZipLimits(members=2))


def test_a_bomb_that_understates_itself() -> None:
    packed = zlib.compressobj(9, zlib.DEFLATED, -15)
    stream = packed.compress(bytes(1 << 24)) + packed.flush()
    data = made({"x": b"y" * 8})
    (member,) = strict_zip.members(data)
    lying = type(member)(member.path, member.mode, 8, 0, len(stream), 8, member.crc)
    with pytest.raises(InputError, match="another size"):
        strict_zip.content(stream, lying)


def test_content_of_another_checksum() -> None:
    data = made({"x": b"y" * 8}, zipfile.ZIP_STORED)
    with pytest.raises(InputError, match="another checksum"):
        read(data.replace(b"yyyyyyyy", b"yyyyyyyx"))


def test_damage_of_any_kind_is_our_error() -> None:
    honest, chance = made(), random.Random(11)  # noqa: S311
    refused = 0
    for _ in range(4000):
        data = bytearray(honest)
        for _ in range(chance.randint(1, 3)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            read(bytes(data))
        except PratiqueError:
            refused += 1
    assert refused > 3000
