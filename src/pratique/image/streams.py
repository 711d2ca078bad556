"""Bounded byte streams: a blob checked while it flows, and its expansion.

Nothing read from here may be *used* before ``finish`` has returned: digest and size are known only at the end.
"""

import hashlib
from collections.abc import Iterator
from typing import BinaryIO, Protocol, cast

import zstandard
from isal import igzip_lib

from pratique.image.limits import MIB, Limits
from pratique.model.digest import Digest
from pratique.model.errors import InputError, UnsupportedError, UntrustedError

CHUNK = 256 * 1024
_SLICE = 1024  # a zstd block of 4 bytes expands to 128 KiB at most, so a slice to 32 MiB
_DAMAGED = cast("type[Exception]", igzip_lib.IsalError)
_SKIPPABLE = b"\x2a\x4d\x18"  # after one byte of any kind, which is 0x50 to 0x5f (RFC 8878, 3.1.2)
_GZIP, _ZSTD, _BZIP2, _XZ = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ"


class VerifiedBlob:
    """A blob that is hashed and counted while it is read.

    Args:
        raw: the bytes as stored.
        digest: what they must hash to; None for a stream that has no digest of its own.
        size: how many bytes there must be; None where nothing says so.
        place: named in errors.
    """

    def __init__(self, raw: BinaryIO, digest: Digest | None, size: int | None, place: str) -> None:
        self._raw = raw
        self._digest = digest
        self._size = size
        self._hash = hashlib.sha256()
        self.place = place
        self.count = 0

    def read(self) -> bytes:
        """Return the next chunk, empty at the end.

        Raises:
            UntrustedError: there are more bytes than promised.
        """
        chunk = self._raw.read(CHUNK)
        self.count += len(chunk)
        if self._size is not None and self.count > self._size:
            raise UntrustedError(f"longer than the {self._size} bytes promised for it", place=self.place)
        if self._digest is not None:
            self._hash.update(chunk)
        return chunk

    def finish(self) -> None:
        """Read to the end and check size, then digest.

        Raises:
            UntrustedError: either disagrees.
        """
        while self.read():
            pass
        if self._size is not None and self.count != self._size:
            raise UntrustedError(
                f"{self.count} bytes where {self._size} were promised",
                place=self.place,
                remedy="The copy is cut: fetch the image again",
            )
        if self._digest is not None and self._digest != "sha256:" + self._hash.hexdigest():
            raise UntrustedError(
                f"the content hashes to sha256:{self._hash.hexdigest()}",
                place=self.place,
                remedy="The copy is damaged or was changed: fetch the image again",
            )


class _Decompressor(Protocol):
    """One gzip member, expanded in bounded steps."""

    eof: bool
    unused_data: bytes
    needs_input: bool

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        """Return up to ``max_length`` bytes."""
        ...


def expand(blob: VerifiedBlob, limits: Limits) -> Iterator[bytes]:
    """Yield the uncompressed bytes of a blob; the compression is told by its first bytes.

    Raises:
        InputError: the stream is damaged, cut, or grows beyond the limits.
        UnsupportedError: a compression that images do not use.
    """
    head = blob.read()
    total = 0
    for chunk in _chunks(blob, head, limits):
        total += len(chunk)
        if total > limits.layer or (total > 256 * MIB and total > limits.ratio * blob.count):
            raise InputError(
                f"expands to more than {total} bytes from {blob.count}: over the limit",
                place=blob.place,
                remedy="This looks like a decompression bomb: do not run the image",
            )
        yield chunk


def _chunks(blob: VerifiedBlob, head: bytes, limits: Limits) -> Iterator[bytes]:
    if head.startswith(_GZIP):
        return _gunzip(blob, head)
    if head.startswith(_ZSTD) or head[1:4] == _SKIPPABLE:
        return _unzstd(blob, head, limits)
    if head.startswith((_BZIP2, _XZ)):
        raise UnsupportedError(
            "compressed with bzip2 or xz, which no image specification names",
            place=blob.place,
            remedy="Copy the image with skopeo, which stores gzip",
        )
    return _plain(blob, head)


def _plain(blob: VerifiedBlob, head: bytes) -> Iterator[bytes]:
    while head:
        yield head
        head = blob.read()


def _gunzip(blob: VerifiedBlob, data: bytes) -> Iterator[bytes]:
    """Expand every member of a gzip stream (RFC 1952, 2.2: a file is a series of members)."""
    while data:
        member: _Decompressor = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)
        while not member.eof:
            try:
                yield member.decompress(data, MIB)
            except _DAMAGED as error:
                raise InputError(f"the gzip stream is damaged ({error})", place=blob.place) from error
            data = blob.read() if member.needs_input and not member.eof else b""
            if not data and member.needs_input and not member.eof:
                raise InputError("the gzip stream is cut", place=blob.place)
        data = member.unused_data or blob.read()
        if data and not data.startswith(_GZIP[: len(data)]):
            raise InputError("bytes after the end of the gzip stream", place=blob.place)


def _unzstd(blob: VerifiedBlob, head: bytes, limits: Limits) -> Iterator[bytes]:
    """Expand every frame of a zstd stream (RFC 8878); skippable frames, as of zstd:chunked, are passed over."""
    decompressor = zstandard.ZstdDecompressor(max_window_size=limits.window)
    data = memoryview(head)
    while data:
        frame = decompressor.decompressobj()
        while not frame.eof:
            part = data[:_SLICE]
            try:
                yield frame.decompress(part)
            except zstandard.ZstdError as error:
                what = f"the zstd stream is damaged or asks for too much memory ({error})"
                raise InputError(what, place=blob.place) from error
            data = data[len(part) - len(frame.unused_data) :] or memoryview(blob.read())
            if not data and not frame.eof:
                raise InputError("the zstd stream is cut", place=blob.place)
