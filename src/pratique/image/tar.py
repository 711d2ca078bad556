"""A bounded, read-only scanner of tar streams: it lists, it hands out contents, it never writes a file.

Reads POSIX.1-1988 ustar, POSIX.1-2001 pax and the GNU long-name, base-256 and sparse forms, as
``tar(5)`` of libarchive describes them. Where readers differ it sides with Go's ``archive/tar``, since the runtimes
unpack layers with it: another reading of the same bytes would let files hide. Stricter than a runtime where leniency
hides files: a wrong checksum, a negative or oversized number, or a cut end is an error; an entry with an impossible
name is left out and reported.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from types import MappingProxyType
from typing import NamedTuple
from zlib import adler32

from pratique.image.limits import MIB, Limits
from pratique.model.errors import InputError
from pratique.model.files import Anomaly, Entry, Kind

BLOCK = 512
_ZERO = bytes(BLOCK)
_KINDS = {
    b"0": Kind.FILE,
    b"\0": Kind.FILE,
    b"7": Kind.FILE,
    b"S": Kind.FILE,
    b"1": Kind.HARDLINK,
    b"2": Kind.SYMLINK,
    b"3": Kind.CHARACTER,
    b"4": Kind.BLOCK,
    b"5": Kind.DIRECTORY,
    b"6": Kind.FIFO,
}
_MAX_SIZE = 1 << 62
_TIME = re.compile(rb"\0.*|[\0 ]*(?:[0-7]+(?:\0.*|[\0 ]*))?|[\x80-\xff].*", re.DOTALL)


class Window:
    """Reads exact runs of bytes from a stream of chunks, and skips runs without copying them."""

    def __init__(self, chunks: Iterator[bytes], place: str) -> None:
        self._chunks = chunks
        self._buffer = b""
        self._at = 0
        self.place = place
        self.offset = 0

    def read(self, size: int) -> bytes:
        """Return exactly ``size`` bytes.

        Raises:
            InputError: the stream ends before.
        """
        data = self._buffer[self._at : self._at + size]
        self._at += len(data)
        self.offset += len(data)
        if len(data) == size:
            return data
        parts = [data]
        missing = size - len(data)
        while missing:
            self._fill()
            piece = self._buffer[:missing]
            self._at = len(piece)
            self.offset += len(piece)
            parts.append(piece)
            missing -= len(piece)
        return b"".join(parts)

    def skip(self, size: int) -> None:
        """Pass over ``size`` bytes.

        Raises:
            InputError: the stream ends before.
        """
        self.offset += size
        while size > len(self._buffer) - self._at:
            size -= len(self._buffer) - self._at
            self._at = len(self._buffer)
            self._fill()
        self._at += size

    def ended(self) -> bool:
        """Say whether the stream is used up."""
        while self._at == len(self._buffer):
            chunk = next(self._chunks, None)
            if chunk is None:
                return True
            self._buffer, self._at = chunk, 0
        return False

    def rest_is_zero(self) -> bool:
        """Read to the end and say whether only zero bytes were left."""
        zero = True
        while not self.ended():
            rest = self._buffer[self._at :]
            zero = zero and rest.count(0) == len(rest)
            self.offset += len(rest)
            self._at = len(self._buffer)
        return zero

    def _fill(self) -> None:
        if self.ended():
            raise InputError(f"the archive is cut at byte {self.offset}", place=self.place)


class Member(NamedTuple):
    """An entry with its content, which can be read until the next member is asked for.

    Attributes:
        content: returns the whole content; None where the entry has none or it is stored sparse.
        pieces: yields the content in pieces of at most a mebibyte, for files too large to hold.
        block: the header block; empty in a plain folder.
        pax: the extension header's records.
    """

    entry: Entry
    content: Callable[[], bytes] | None
    pieces: Callable[[], Iterator[bytes]] | None = None
    block: bytes = b""
    pax: Mapping[str, bytes] = MappingProxyType({})


class _Header(NamedTuple):
    name: bytes
    mode: int
    size: int
    kind: bytes
    link: bytes


class _Ahead(NamedTuple):
    """What extension headers say of the next member."""

    pax: dict[str, bytes]
    name: bytes
    link: bytes


_NOTHING = _Ahead({}, b"", b"")
_OVERRIDES = {"path", "linkpath", "size"}
_SPARSE = {(b"0", b"0"), (b"0", b"1"), (b"1", b"0")}


def scan(window: Window, limits: Limits, anomalies: list[Anomaly]) -> Iterator[Member]:
    """Yield the members of a tar stream in order, then read it to its end.

    1. Read a header block; two zero blocks, or the end of the stream at a block's edge, end the archive.
    2. Take extension headers (pax ``x``, GNU ``L`` and ``K``) into account for the next member; global ones (``g``) end
       what went before them and count for nothing.
    3. Normalise its name; leave out and report what has none inside the root.
    4. Yield it, and pass over what was not read of its content and padding.
    5. Read on to the end of the stream: bytes after the archive are reported.

    Args:
        window: the uncompressed stream.
        limits: ceilings on entries, header sizes and path lengths.
        anomalies: receives what was left out.

    Raises:
        InputError: the archive is damaged, cut or over a limit.
    """
    ahead = _NOTHING
    count = 0
    while (block := _next_block(window)) is not None:  # 1
        header = _parse(block, window)
        if header.kind in b"xgLK":  # 2
            ahead = _extend(header, window, limits, ahead, anomalies)
            continue
        count += 1
        if count > limits.entries:
            raise InputError(f"more than {limits.entries} entries in one layer", place=window.place)
        header = _with_extensions(header, ahead, window)
        sparse = _skip_sparse_headers(header, block, window) or bool(ahead.pax and _is_sparse(ahead.pax))
        member = _member(header, limits, anomalies, window, sparse=sparse)  # 3
        end = window.offset + (0 if header.kind in b"123456" else header.size + -header.size % BLOCK)
        if member:
            yield (
                member._replace(block=block, pax=ahead.pax) if ahead.pax else member._replace(block=block)
            )  # 4
        ahead = _NOTHING
        window.skip(end - window.offset)
    if not window.rest_is_zero():  # 5
        anomalies.append(Anomaly("", "bytes after the end of the archive, which runtimes do not read"))


def _next_block(window: Window) -> bytes | None:
    if window.ended():
        return None
    block = window.read(BLOCK)
    if block != _ZERO:
        return block
    if not window.ended() and window.read(BLOCK) != _ZERO:
        raise InputError(f"a lone zero block at byte {window.offset - 2 * BLOCK}", place=window.place)
    return None


def _parse(block: bytes, window: Window) -> _Header:
    place = f"{window.place}: byte {window.offset - BLOCK}"
    _check_sum(block, place)
    name = block[:100].partition(b"\0")[0]
    if block[345] and (prefix := _prefix(block)):
        name = prefix + b"/" + name
    mode = number(block[100:108], place)
    size = number(block[124:136], place)
    return _Header(name, mode & 0o7777, size, block[156:157], block[157:257].partition(b"\0")[0])


def _prefix(block: bytes) -> bytes:
    """Return what stands before the name: in ustar, in star's variant, and where an old Go wrote it into a GNU header."""
    if block[257:263] == b"ustar\0":
        return block[345 : 476 if block[508:] == b"tar\0" else 500].partition(b"\0")[0]
    times = block[345:357], block[357:369]
    if block[257:265] == b"ustar  \0" and not all(_TIME.fullmatch(time) for time in times):
        prefix = block[345:500].partition(b"\0")[0]
        return prefix if prefix.isascii() else b""
    return b""


def _check_sum(block: bytes, place: str) -> None:
    """Compare the sum of all bytes, the checksum field counted as spaces; old tars summed signed bytes."""
    want = number(block[148:156], place)
    blanked = block[:148] + b"        " + block[156:]
    if adler32(blanked) & 0xFFFF == (want + 1) % 65521:
        return
    if sum(b - 256 if b > 127 else b for b in blanked) != want:
        raise InputError("a header whose checksum is wrong: this is no tar, or it is damaged", place=place)


def number(field: bytes, place: str = "") -> int:
    """Return an octal or base-256 number (tar(5), "Numeric Extensions"); negative ones are refused."""
    if field[0] & 0x80:
        value = int.from_bytes(bytes([field[0] & 0x7F]) + field[1:], "big")
        if field[0] == 0xFF or value > _MAX_SIZE:
            raise InputError("a negative or impossible number in a header", place=place)
        return value
    text = field.strip(b"\0 ").partition(b"\0")[0]
    try:
        value = int(text or b"0", 8)
    except ValueError as error:
        raise InputError(f"not an octal number in a header: {text!r}", place=place) from error
    if value < 0 or b"_" in text:
        raise InputError(f"not an octal number in a header: {text!r}", place=place)
    return value


def _extend(
    header: _Header, window: Window, limits: Limits, ahead: _Ahead, anomalies: list[Anomaly]
) -> _Ahead:
    if header.size > limits.headers:
        raise InputError(f"an extension header of {header.size} bytes", place=window.place)
    data = window.read(header.size)
    window.skip(-header.size % BLOCK)
    if header.kind == b"L":
        return ahead._replace(name=data.partition(b"\0")[0])
    if header.kind == b"K":
        return ahead._replace(link=data.partition(b"\0")[0])
    records = dict(_pax_records(data, window.place))
    if header.kind == b"x":
        return ahead._replace(pax=records)
    if _OVERRIDES & records.keys():
        anomalies.append(
            Anomaly("", "a global header with a name or size for what follows, which runtimes ignore")
        )
    return _NOTHING


def _pax_records(data: bytes, place: str) -> Iterator[tuple[str, bytes]]:
    """Yield the records: length, space, key=value, newline (POSIX.1-2001, pax, "pax Extended Header")."""
    at = 0
    while at < len(data):
        digits, space, _ = data[at : at + 20].partition(b" ")
        length = int(digits) if space and digits.isdigit() else 0
        record = data[at + len(digits) + 1 : at + length - 1]
        key, equals, value = record.partition(b"=")
        if not equals or at + length > len(data) or data[at + length - 1 : at + length] != b"\n":
            raise InputError("a damaged pax record", place=place)
        yield key.decode("utf-8", "backslashreplace"), value
        at += length


def _with_extensions(header: _Header, ahead: _Ahead, window: Window) -> _Header:
    """Apply what was said ahead of a header: empty values say nothing, GNU's long names win over pax."""
    if ahead is _NOTHING and header.kind != b"\0":
        return header
    name, size, kind = ahead.name or ahead.pax.get("path") or header.name, header.size, header.kind
    if kind == b"\0" and name.endswith(b"/"):
        kind = b"5"  # tar(5): V7 archives mark folders by a trailing slash alone
    if text := ahead.pax.get("size"):
        if not text.isdigit() or len(text) > 18:
            raise InputError("a pax size that is no number", place=window.place)
        size = int(text)
    if _is_sparse(ahead.pax):
        name = ahead.pax.get("GNU.sparse.name") or name
    return _Header(name, header.mode, size, kind, ahead.link or ahead.pax.get("linkpath") or header.link)


def _is_sparse(pax: dict[str, bytes]) -> bool:
    """Say whether pax records describe a sparse file: of a known version, or of the time before versions."""
    version = pax.get("GNU.sparse.major", b""), pax.get("GNU.sparse.minor", b"")
    old = bool(pax.get("GNU.sparse.map") or pax.get("GNU.sparse.offset"))
    return version in _SPARSE or (version == (b"", b"") and old)


def _skip_sparse_headers(header: _Header, block: bytes, window: Window) -> bool:
    """Pass over the extra headers of an old GNU sparse file (tar(5), "Old GNU Sparse")."""
    if header.kind != b"S":
        return False
    more = block[482]
    while more:
        more = window.read(BLOCK)[504]
    return True


def _member(
    header: _Header, limits: Limits, anomalies: list[Anomaly], window: Window, *, sparse: bool
) -> Member | None:
    kind = _KINDS.get(header.kind, Kind.FILE)
    path, fault = normalise(header.name, limits.path)
    if not path and not fault and kind is not Kind.DIRECTORY:
        fault = "the root, or no name, and not a folder"
    if fault:
        anomalies.append(Anomaly(text_of(header.name[:200]), fault))
    if not path and kind is not Kind.DIRECTORY:
        return None
    link = _link(kind, header.link, limits)
    size = header.size if kind is Kind.FILE else 0
    entry = Entry(path, kind, size, header.mode, link)
    if sparse or kind is not Kind.FILE:
        return Member(entry, None)
    return Member(entry, partial(window.read, size), partial(_pieces, window, size))


def _pieces(window: Window, size: int) -> Iterator[bytes]:
    while size:
        piece = window.read(min(size, MIB))
        size -= len(piece)
        yield piece


def _link(kind: Kind, link: bytes, limits: Limits) -> str:
    if kind is Kind.HARDLINK:
        return normalise(link, limits.path)[0]
    return text_of(link[: limits.path]) if kind is Kind.SYMLINK else ""


def text_of(name: bytes) -> str:
    """Return a file name as text; bytes that are not UTF-8 become hexadecimal escapes."""
    return name.decode("utf-8", "backslashreplace")


def normalise(name: bytes, longest: int) -> tuple[str, str]:
    """Return (path inside the root, fault).

    ``.`` and empty parts go; ``..`` goes up, never above the root. The path is empty for the root itself and for names
    that cannot exist in a file system; the fault is empty for names that an honest builder writes.
    """
    if len(name) > longest or b"\0" in name:
        return "", "a name too long for a file system, or with a NUL inside"
    text = text_of(name)
    fault = "" if "\\x" not in text or b"\\x" in name else "a name that is not UTF-8"
    if text.startswith("/"):
        fault = "an absolute name"
    if text and "//" not in text and "/." not in text and text[0] not in "./":
        return text.rstrip("/"), fault
    parts: list[str] = []
    for part in text.split("/"):
        if part == "..":
            fault = "a name with a parent folder in it"
            del parts[-1:]
        elif part not in {"", "."}:
            parts.append(part)
    return "/".join(parts), fault
