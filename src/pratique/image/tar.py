"""A bounded, read-only scanner of tar streams: it lists, it hands out contents, it never writes a file.

Reads POSIX.1-1988 ustar, POSIX.1-2001 pax and the GNU long-name, base-256 and sparse forms, as
``tar(5)`` of libarchive describes them. Where readers differ it sides with Go's ``archive/tar``, since the runtimes
unpack layers with it: another reading of the same bytes would let files hide. Stricter than a runtime where leniency
hides files: a wrong checksum, a negative or oversized number, or a cut end is an error; an entry with an impossible
name is left out and reported.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from struct import Struct as Fields
from types import MappingProxyType
from typing import NamedTuple, Protocol
from zlib import adler32

from msgspec import Struct

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
_FILE, _SYMLINK = Kind.FILE, Kind.SYMLINK
_ORDINARY = {b"0": _FILE, b"2": _SYMLINK, b"5": Kind.DIRECTORY}
_MAX_SIZE = 1 << 62
_FIELDS = Fields("100s8s16x12s12x8ss100s")
"""name, mode, size, checksum, type and link of a header (POSIX.1-1988, ustar)."""

_BLANKS = b" " * 8
_ADLER = 65521
_ENDS = b"\0 "
_LINK = 100  # bytes of a link's target in a header
Buffer = bytes | memoryview
_TIME = re.compile(rb"\0.*|[\0 ]*(?:[0-7]+(?:\0.*|[\0 ]*))?|[\x80-\xff].*", re.DOTALL)


class Window:
    """Reads exact runs of bytes from a stream of chunks; hashes or skips runs without copying them."""

    def __init__(self, chunks: Iterator[bytes], place: str) -> None:
        self._chunks = chunks
        self._buffer = b""
        self._view = memoryview(b"")
        self._at = 0
        self.place = place
        self.offset = 0

    def read(self, size: int) -> bytes:
        """Return exactly ``size`` bytes.

        Raises:
            InputError: the stream ends before.
        """
        end = self._at + size
        data = self._buffer[self._at : end]
        if len(data) == size:
            self._at = end
            self.offset += size
            return data
        return b"".join(self._runs(size))

    def pieces(self, size: int) -> Iterator[memoryview]:
        """Yield exactly ``size`` bytes in pieces of at most a mebibyte.

        Raises:
            InputError: the stream ends before.
        """
        for run in self._runs(size):
            for at in range(0, len(run), MIB):
                yield run[at : at + MIB]

    def sha256(self, size: int) -> bytes:
        """Return the digest of the next ``size`` bytes.

        Raises:
            InputError: the stream ends before.
        """
        end = self._at + size
        if end > len(self._buffer):
            return sha256_of(self._runs(size))
        digest = sha256(self._view[self._at : end]).digest()
        self._at = end
        self.offset += size
        return digest

    def _runs(self, size: int) -> Iterator[memoryview]:
        """Yield exactly ``size`` bytes as they lie in the chunks."""
        while size:
            self._fill()
            run = self._view[self._at : self._at + size]
            self._at += len(run)
            self.offset += len(run)
            size -= len(run)
            yield run

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
            self._buffer, self._view, self._at = chunk, memoryview(chunk), 0
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


def sha256_of(pieces: Iterable[Buffer]) -> bytes:
    """Return the digest of bytes that come in pieces."""
    hashing = sha256()
    for piece in pieces:
        hashing.update(piece)
    return hashing.digest()


class Contents(Protocol):
    """Where the content of a member is read, once, before the next member is asked for."""

    def read(self, size: int, /) -> bytes:
        """Return the whole of it."""
        ...

    def pieces(self, size: int, /) -> Iterator[Buffer]:
        """Yield it in pieces of at most a mebibyte."""
        ...

    def sha256(self, size: int, /) -> bytes:
        """Return its digest, 32 bytes."""
        ...


class Member(Struct, gc=False):
    """An entry of an archive or folder, and where its content is.

    Attributes:
        path: as of ``Entry``, like kind, size, mode and link.
        contents: None where it has none, or it is stored sparse.
        block: the header block; empty in a plain folder.
        pax: the extension header's records.
    """

    path: str
    kind: Kind
    size: int
    mode: int
    link: str
    contents: Contents | None = None
    block: bytes = b""
    pax: Mapping[str, bytes] = MappingProxyType({})

    def entry(self, digest: bytes = b"") -> Entry:
        """Return what is kept of it."""
        return Entry(self.path, self.kind, self.size, self.mode, self.link, digest)


class _Header(Struct, frozen=True, gc=False):
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
        member = _ordinary(block, window, limits.path) if ahead is _NOTHING else None
        if member:
            length = member.size
        else:
            header = _parse(block, window)
            if header.kind in b"xgLK":  # 2
                ahead = _extend(header, window, limits, ahead, anomalies)
                continue
            header = _with_extensions(header, ahead, window)
            if header.kind == b"S":
                _skip_sparse_headers(block, window)
            member = _member(header, limits, anomalies)  # 3
            if member:
                member.block, member.pax = block, ahead.pax
                whole = header.kind != b"S" and not _is_sparse(ahead.pax)
                member.contents = window if member.kind is Kind.FILE and whole else None
            length = 0 if header.kind in b"123456" else header.size
            ahead = _NOTHING
        count += 1
        if count > limits.entries:
            raise InputError(f"more than {limits.entries} entries in one layer", place=window.place)
        end = window.offset + length + -length % BLOCK
        if member:
            yield member  # 4
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


def _ordinary(block: bytes, window: Window, longest: int) -> Member | None:
    """Return the member of a header that nothing needs to be said about; None for all others, which are read with care.

    A file, folder or symbolic link with a name of ASCII letters, nothing to normalise in it, and octal numbers. What this
    returns is what the careful way would: it is only quicker.
    """
    name, mode, size, total, mark, link = _FIELDS.unpack_from(block)
    kind = _ORDINARY.get(mark)
    digits = mode[:7] + size[:11] + total[:6]
    ends = mode[7] | size[11] | total[6] | total[7]
    if kind is None or not digits.isdigit() or ends not in _ENDS:
        return None
    name = _whole_name(name, block)
    if not name.isascii() or not link.isascii() or len(name) > longest or longest < _LINK:
        return None
    path = name.decode()
    if not path or path[0] in "./" or "//" in path or "/." in path:
        return None
    try:
        numbers = int(digits, 8)
    except ValueError:  # not octal
        return None
    if ((adler32(block) & 0xFFFF) + 255 - sum(total) - (numbers & 0o777777)) % _ADLER:
        return None
    if path[-1] == "/":
        path = path.rstrip("/")
    length = numbers >> 18 & 0o77777777777 if kind is _FILE else 0
    target = link.partition(b"\0")[0].decode() if kind is _SYMLINK else ""
    contents = window if kind is _FILE else None
    return Member(path, kind, length, numbers >> 51 & 0o7777, target, contents, block)


def _parse(block: bytes, window: Window) -> _Header:
    name, mode, size, total, kind, link = _FIELDS.unpack_from(block)
    try:
        if adler32(b"".join((block[:148], _BLANKS, block[156:]))) & 0xFFFF != (number(total) + 1) % _ADLER:
            _check_signed_sum(block)
        name = _whole_name(name, block)
        link = link.partition(b"\0")[0] if link[0] else b""
        return _Header(name, number(mode) & 0o7777, number(size), kind, link)
    except InputError as error:
        raise error.at(f"{window.place}: byte {window.offset - BLOCK}") from None


def _whole_name(name: bytes, block: bytes) -> bytes:
    name = name.partition(b"\0")[0]
    if block[345] and (prefix := _prefix(block)):
        return prefix + b"/" + name
    return name


def _prefix(block: bytes) -> bytes:
    """Return what stands before the name: in ustar, in star's variant, and where an old Go wrote it into a GNU header."""
    if block[257:263] == b"ustar\0":
        return block[345 : 476 if block[508:] == b"tar\0" else 500].partition(b"\0")[0]
    times = block[345:357], block[357:369]
    if block[257:265] == b"ustar  \0" and not all(_TIME.fullmatch(time) for time in times):
        prefix = block[345:500].partition(b"\0")[0]
        return prefix if prefix.isascii() else b""
    return b""


def _check_signed_sum(block: bytes) -> None:
    """Compare the sum of all bytes, the checksum field counted as spaces, as old tars made it: of signed bytes."""
    blanked = block[:148] + _BLANKS + block[156:]
    if sum(b - 256 if b > 127 else b for b in blanked) != number(block[148:156]):
        raise InputError("a header whose checksum is wrong: this is no tar, or it is damaged")


def number(field: bytes) -> int:
    """Return an octal or base-256 number (tar(5), "Numeric Extensions"); negative ones are refused.

    Raises:
        InputError: it is none, or beyond what a file can have.
    """
    text = field.rstrip(b"\0 ")
    if text.isdigit() and not text.strip(b"01234567"):  # as nearly all are
        return int(text, 8)
    if field[0] & 0x80:
        value = int.from_bytes(bytes([field[0] & 0x7F]) + field[1:], "big")
        if field[0] == 0xFF or value > _MAX_SIZE:
            raise InputError("a negative or impossible number in a header")
        return value
    text = field.strip(b"\0 ").partition(b"\0")[0]
    if text.strip(b"01234567"):
        raise InputError(f"not an octal number in a header: {text!r}")
    return int(text or b"0", 8)


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


def _skip_sparse_headers(block: bytes, window: Window) -> None:
    """Pass over the extra headers of an old GNU sparse file (tar(5), "Old GNU Sparse")."""
    more = block[482]
    while more:
        more = window.read(BLOCK)[504]


def _member(header: _Header, limits: Limits, anomalies: list[Anomaly]) -> Member | None:
    kind = _KINDS.get(header.kind, Kind.FILE)
    path, fault = normalise(header.name, limits.path)
    if not path and not fault and kind is not Kind.DIRECTORY:
        fault = "the root, or no name, and not a folder"
    if fault:
        anomalies.append(Anomaly(text_of(header.name[:200]), fault))
    if not path and kind is not Kind.DIRECTORY:
        return None
    link = _link(kind, header.link, limits) if header.link else ""
    size = header.size if kind is Kind.FILE else 0
    return Member(path, kind, size, header.mode, link)


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
    if text and "//" not in text and "/." not in text and text[0] not in "./":
        return text.rstrip("/"), fault
    if text.startswith("/"):
        fault = "an absolute name"
    parts: list[str] = []
    for part in text.split("/"):
        if part == "..":
            fault = "a name with a parent folder in it"
            del parts[-1:]
        elif part not in {"", "."}:
            parts.append(part)
    return "/".join(parts), fault
