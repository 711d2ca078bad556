"""The one zip reader for archives that are installed or judged (PKWARE APPNOTE 6.3, and stricter).

Refuses what two readers could understand differently: local headers that disagree with the central directory, members
that overlap or leave gaps, bytes before, between or after them, names given twice or leading out, links. Expands
within limits, and reads from bytes alone. ZIP64, encryption and other compressions than deflate are not read.
"""

import re
import struct
import zlib
from collections.abc import Iterator

from msgspec import Struct

from pratique.model.errors import InputError, UnsupportedError

Buffer = bytes | memoryview

_END = struct.Struct("<4s4H2LH")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_STORED, _DEFLATED = 0, 8
_ENCRYPTED, _DESCRIPTOR, _UTF8 = 0x1, 0x8, 0x800
_COMPARED = 0x1 | 0x8 | 0x40 | 0x800 | 0x2000
_LARGE = 0xFFFFFFFF
_UNSAFE = re.compile(r"[\x00-\x1f\x7f\\]|^/|^[A-Za-z]:|//|(?:^|/)\.{1,2}(?:/|$)")
_FILE, _KINDS = 0o100000, 0o170000
_REMEDY = "Do not use this archive"


class ZipLimits(Struct, frozen=True):
    """Bounds of one archive, in members and bytes."""

    members: int = 65_535
    file: int = 2 << 30
    total: int = 8 << 30


class ZipMember(Struct, frozen=True):
    """A file of the archive.

    Attributes:
        path: relative, with slashes, never leading out.
        mode: Unix permission bits; 0 where the archive has none.
        size: expanded.
        start: of its compressed bytes.
        packed: how many these are.
        crc: of the expanded bytes.
    """

    path: str
    mode: int
    size: int
    start: int
    packed: int
    method: int
    crc: int


DEFAULT_LIMITS = ZipLimits()


def members(data: Buffer, limits: ZipLimits = DEFAULT_LIMITS) -> tuple[ZipMember, ...]:
    """Return the files of an archive; folders are left out.

    1. The end record is the last thing there is, and the directory lies right before it.
    2. Each local header says the same as the directory.
    3. The members follow one another from the first byte on, without gap or overlap.
    4. No path twice, and none both file and folder.

    Raises:
        InputError: it is damaged, or can be understood in two ways, or is over a limit.
        UnsupportedError: ZIP64, encryption, or another compression.
    """
    found: list[ZipMember] = []
    position = 0
    for entry in sorted(_directory(data, limits), key=lambda e: e.offset):  # 1
        if entry.offset != position:  # 3
            raise InputError("members that overlap or leave a gap", place=entry.path, remedy=_REMEDY)
        start, position = _local(data, entry)  # 2
        if not entry.path.endswith("/"):
            crc, method, mode = entry.crc, entry.method, entry.mode
            found.append(ZipMember(entry.path, mode, entry.size, start, entry.packed, method, crc))
    if position != _end(data)[1]:
        raise InputError("bytes between the last member and the directory", remedy=_REMEDY)
    _distinct([m.path for m in found])  # 4
    return tuple(found)


def content(data: Buffer, member: ZipMember) -> bytes:
    """Return the expanded bytes of a member, of exactly the size and checksum that it has.

    Raises:
        InputError: it has another size or checksum, or is damaged.
    """
    packed = bytes(data[member.start : member.start + member.packed])
    plain, ended = packed, True
    if member.method == _DEFLATED:
        inflate = zlib.decompressobj(-15)
        try:
            plain = inflate.decompress(packed, member.size + 1)
        except zlib.error as error:
            raise InputError(f"damaged ({error})", place=member.path, remedy=_REMEDY) from error
        ended = inflate.eof and not inflate.unused_data
    if not ended or len(plain) != member.size:
        raise InputError("another size than the archive says", place=member.path, remedy=_REMEDY)
    if zlib.crc32(plain) != member.crc:
        raise InputError("another checksum than the archive says", place=member.path, remedy=_REMEDY)
    return plain


class _Entry(Struct, frozen=True):
    """A record of the central directory."""

    path: str
    raw: bytes
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    offset: int
    mode: int


def _end(data: Buffer) -> tuple[int, int, int]:
    """Return (members, start of the directory, its end)."""
    if len(data) < _END.size:
        raise InputError("not a zip archive: too short")
    mark, disk, start_disk, here, count, size, offset, comment = _END.unpack_from(data, len(data) - _END.size)
    at = len(data) - _END.size
    if mark != b"PK\x05\x06" or comment:
        raise InputError("not a zip archive, or bytes after its end", remedy=_REMEDY)
    if count == 0xFFFF or _LARGE in {size, offset} or bytes(data[max(0, at - 20) : at - 16]) == b"PK\x06\x07":
        raise UnsupportedError("a ZIP64 archive")
    if disk or start_disk or here != count or offset + size != at:
        raise InputError("a directory that is not where the archive says", remedy=_REMEDY)
    return count, offset, at


def _directory(data: Buffer, limits: ZipLimits) -> Iterator[_Entry]:
    count, at, end = _end(data)
    total = 0
    if count > limits.members:
        raise InputError(f"{count} members: over the limit", remedy=_REMEDY)
    for _ in range(count):
        entry, at = _record(data, at, end)
        total += entry.size
        if entry.size > limits.file or total > limits.total:
            raise InputError("expands to more than the limit", place=entry.path, remedy=_REMEDY)
        yield entry
    if at != end:
        raise InputError("a directory of another length than the archive says", remedy=_REMEDY)


def _record(data: Buffer, at: int, end: int) -> tuple[_Entry, int]:
    """Return a record of the directory, and where the next begins."""
    if at + _CENTRAL.size > end:
        raise InputError("a directory that is cut", remedy=_REMEDY)
    fields = _CENTRAL.unpack_from(data, at)
    mark, flags, method, crc, packed, size = fields[0], fields[3], fields[4], fields[7], fields[8], fields[9]
    name_size, extra_size, comment_size, external, offset = *fields[10:13], fields[15], fields[16]
    after = at + _CENTRAL.size + name_size + extra_size + comment_size
    if mark != b"PK\x01\x02" or after > end:
        raise InputError("a directory that is damaged", remedy=_REMEDY)
    raw = bytes(data[at + _CENTRAL.size : at + _CENTRAL.size + name_size])
    path = _path(raw, flags)
    mode = external >> 16 if fields[1] >> 8 == 3 else 0  # made on Unix
    if _LARGE in {packed, size, offset}:
        raise UnsupportedError("a ZIP64 member", place=path)
    if flags & _ENCRYPTED or method not in {_STORED, _DEFLATED}:
        raise UnsupportedError("a member that is encrypted or compressed in another way", place=path)
    if not path.endswith("/") and mode & _KINDS not in {0, _FILE}:
        raise InputError("a link or device", place=path, remedy=_REMEDY)
    if (path.endswith("/") and size) or (method == _STORED and packed != size):
        raise InputError("a size that cannot be", place=path, remedy=_REMEDY)
    return _Entry(path, raw, flags, method, crc, packed, size, offset, mode & 0o7777), after


def _local(data: Buffer, entry: _Entry) -> tuple[int, int]:
    """Return where a member's bytes begin, and where all of it ends, its data descriptor included."""
    if entry.offset + _LOCAL.size > len(data):
        raise InputError("a member outside of the archive", place=entry.path, remedy=_REMEDY)
    mark, _, flags, method, _, _, crc, packed, size, name_size, extra_size = _LOCAL.unpack_from(
        data, entry.offset
    )
    at = entry.offset + _LOCAL.size
    start = at + name_size + extra_size
    told = (crc, packed, size)
    if _LARGE in {packed, size}:
        told = (crc, *_large_sizes(bytes(data[at + name_size : start])))
    later = bool(flags & _DESCRIPTOR)
    same = told == (entry.crc, entry.packed, entry.size) or (later and not any(told))
    if (
        mark != b"PK\x03\x04"
        or (flags ^ entry.flags) & _COMPARED
        or method != entry.method
        or bytes(data[at : at + name_size]) != entry.raw
        or not same
    ):
        raise InputError("a local header that disagrees with the directory", place=entry.path, remedy=_REMEDY)
    end = start + entry.packed
    return start, end + (_descriptor(data, end, entry) if later else 0)


def _large_sizes(extra: bytes) -> tuple[int, int]:
    """Return (packed, size) of a ZIP64 field that a writer reserved before it knew how small the member is."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == 1 and length >= 16 and at + 20 <= len(extra):
            size, packed = struct.unpack_from("<2Q", extra, at + 4)
            return packed, size
        at += 4 + length
    return -1, -1


def _descriptor(data: Buffer, at: int, entry: _Entry) -> int:
    """Return the length of the data descriptor, with or without its mark, of 4 or 8 bytes a size (4.3.9)."""
    for form in ("<4s3L", "<4sL2Q", "<3L", "<L2Q"):
        length = struct.calcsize(form)
        if at + length <= len(data):
            fields = struct.unpack_from(form, data, at)
            mark = fields[0] == b"PK\x07\x08" if "s" in form else True
            if mark and fields[-3:] == (entry.crc, entry.packed, entry.size):
                return length
    raise InputError("a data descriptor that disagrees with the directory", place=entry.path, remedy=_REMEDY)


def _path(raw: bytes, flags: int) -> str:
    try:
        path = raw.decode("utf-8" if flags & _UTF8 else "ascii")
    except UnicodeDecodeError as error:
        raise InputError("a name that is not UTF-8", place=repr(raw[:80]), remedy=_REMEDY) from error
    if not path or len(raw) > 4096 or _UNSAFE.search(path):
        raise InputError("a name that leads out of the archive", place=repr(path[:80]), remedy=_REMEDY)
    return path


def _distinct(paths: list[str]) -> None:
    known = set(paths)
    if len(known) != len(paths):
        raise InputError("a name that stands twice", remedy=_REMEDY)
    for path in paths:
        parent = path.rpartition("/")[0]
        while parent:
            if parent in known:
                raise InputError("a name that is file and folder", place=parent[:80], remedy=_REMEDY)
            parent = parent.rpartition("/")[0]
