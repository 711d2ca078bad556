"""Bounded streams: every compression that images use, every cut, every bomb."""

import bz2
import gzip
import lzma
import os
import struct
from io import BytesIO

import pytest
import zstandard

from pratique.image.limits import MIB, Limits
from pratique.image.streams import VerifiedBlob, expand
from pratique.model.digest import digest_of
from pratique.model.errors import InputError, PratiqueError, UnsupportedError, UntrustedError

TEXT = b"the quick brown fox\n" * 500 + os.urandom(600)
GZIP = gzip.compress(TEXT, mtime=0)
ZSTD = zstandard.ZstdCompressor(write_checksum=True).compress(TEXT)
SKIPPABLE = b"\x50\x2a\x4d\x18" + struct.pack("<I", 3) + b"toc"


def expanded(data: bytes, limits: Limits | None = None) -> bytes:
    return b"".join(expand(VerifiedBlob(BytesIO(data), None, None, "p"), limits or Limits()))


@pytest.mark.parametrize(
    ("stored", "content"),
    [
        (TEXT, TEXT),
        (b"", b""),
        (GZIP, TEXT),
        (GZIP + gzip.compress(b"") + GZIP, TEXT * 2),
        (gzip.compress(TEXT, compresslevel=0), TEXT),
        (ZSTD, TEXT),
        (ZSTD + zstandard.compress(b"") + ZSTD, TEXT * 2),
        (ZSTD + SKIPPABLE, TEXT),
        (SKIPPABLE + ZSTD + SKIPPABLE + SKIPPABLE + ZSTD, TEXT * 2),
    ],
    ids=[
        "plain",
        "nothing",
        "gzip",
        "gzip-members",
        "gzip-stored",
        "zstd",
        "zstd-frames",
        "zstd-chunked",
        "zstd-skippable-first",
    ],
)
def test_what_images_store_is_expanded(stored: bytes, content: bytes) -> None:
    assert expanded(stored) == content


def test_streams_larger_than_a_chunk_are_whole() -> None:
    content = os.urandom(900_000)
    assert expanded(content) == content
    assert expanded(gzip.compress(content, 1)) == content
    assert expanded(zstandard.compress(content) * 2) == content * 2


@pytest.mark.parametrize(("stored", "name"), [(GZIP, "gzip"), (ZSTD, "zstd")])
def test_a_cut_at_any_byte_is_an_error(stored: bytes, name: str) -> None:
    for cut in range(4, len(stored)):
        with pytest.raises(InputError, match=f"the {name} stream is cut") as caught:
            expanded(stored[:cut])
        assert caught.value.place == "p"


@pytest.mark.parametrize(("stored", "name"), [(GZIP, "gzip"), (ZSTD, "zstd")])
def test_a_cut_in_the_second_part_is_an_error(stored: bytes, name: str) -> None:
    for cut in range(1, len(stored), 7):
        with pytest.raises(InputError, match=f"the {name} stream is cut"):
            expanded(stored + stored[:cut])


@pytest.mark.parametrize(
    ("stored", "what"),
    [
        (GZIP + b"junk", "bytes after the end of the gzip stream"),
        (GZIP + bytes(8), "bytes after the end of the gzip stream"),
        (GZIP + b"\x1f\x8bjunk" * 5, "the gzip stream is damaged"),
        (ZSTD + b"junk", "the zstd stream is damaged"),
        (ZSTD + GZIP, "the zstd stream is damaged"),
    ],
)
def test_what_follows_the_end_is_an_error(stored: bytes, what: str) -> None:
    with pytest.raises(InputError, match=what):
        expanded(stored)


@pytest.mark.parametrize("stored", [GZIP, ZSTD], ids=["gzip", "zstd"])
def test_the_stream_s_own_checksum_is_checked(stored: bytes) -> None:
    """Each byte flipped is an error or changes nothing: never another content."""
    for at in range(4, len(stored)):
        changed = bytearray(stored)
        changed[at] ^= 0xFF
        try:
            assert expanded(bytes(changed)) == TEXT
        except InputError:
            continue


@pytest.mark.parametrize("stored", [bz2.compress(TEXT), lzma.compress(TEXT)], ids=["bzip2", "xz"])
def test_compressions_that_no_specification_names_are_refused(stored: bytes) -> None:
    with pytest.raises(UnsupportedError, match="compressed with bzip2 or xz") as caught:
        expanded(stored)
    assert caught.value.remedy == "Copy the image with skopeo, which stores gzip"


def frame(window_log: int, *blocks: bytes) -> bytes:
    """Return a zstd frame that asks for a window of 2**window_log bytes (RFC 8878, 3.1.1.1.2)."""
    return b"\x28\xb5\x2f\xfd\x00" + bytes([(window_log - 10) << 3]) + b"".join(blocks)


def repeated(byte: bytes, size: int, *, last: bool) -> bytes:
    """Return an RLE block: four bytes for up to 128 KiB (RFC 8878, 3.1.1.2)."""
    return struct.pack("<I", (last | 1 << 1 | size << 3))[:3] + byte


def test_a_zstd_window_over_the_limit_is_refused() -> None:
    last = repeated(b"x", 3, last=True)
    assert expanded(frame(27, last)) == b"xxx"
    for window_log in (28, 31, 41):
        with pytest.raises(InputError, match="asks for too much memory"):
            expanded(frame(window_log, last))


def bomb_of_gzip() -> bytes:
    return gzip.compress(bytes(16 * MIB), 9, mtime=0) * 64


def bomb_of_zstd() -> bytes:
    return frame(
        20, *[repeated(b"\0", 128 * 1024, last=False)] * 8191, repeated(b"\0", 128 * 1024, last=True)
    )


@pytest.mark.parametrize(
    ("stored", "limits", "allowed"),
    [
        (bomb_of_gzip(), Limits(layer=20 * MIB), 20 * MIB),
        (bomb_of_gzip(), Limits(ratio=500), 256 * MIB),
        (bomb_of_zstd(), Limits(layer=20 * MIB), 20 * MIB),
        (bomb_of_zstd(), Limits(), 256 * MIB),
    ],
    ids=["gzip-size", "gzip-ratio", "zstd-size", "zstd-ratio"],
)
def test_a_bomb_of_one_gib_stops_at_the_limit(stored: bytes, limits: Limits, allowed: int) -> None:
    sizes: list[int] = []

    def expand_all() -> None:
        for chunk in expand(VerifiedBlob(BytesIO(stored), None, None, "p"), limits):
            sizes.append(len(chunk))  # noqa: PERF401 - the list is looked at after the error

    with pytest.raises(InputError, match="over the limit") as caught:
        expand_all()
    assert caught.value.remedy == "This looks like a decompression bomb: do not run the image"
    assert allowed - 32 * MIB <= sum(sizes) <= allowed
    assert all(size <= 32 * MIB for size in sizes)


def test_zeros_that_an_honest_gzip_holds_are_below_the_ratio() -> None:
    stored = gzip.compress(bytes(16 * MIB), 9, mtime=0) * 18
    blob = VerifiedBlob(BytesIO(stored), None, None, "p")
    assert sum(len(chunk) for chunk in expand(blob, Limits())) == 18 * 16 * MIB


def test_a_layer_may_be_as_large_as_the_limit() -> None:
    assert expanded(GZIP, Limits(layer=len(TEXT))) == TEXT
    with pytest.raises(InputError, match="over the limit"):
        expanded(GZIP, Limits(layer=len(TEXT) - 1))


def finished(data: bytes, size: int | None, of: bytes | None) -> int:
    blob = VerifiedBlob(BytesIO(data), digest_of(of) if of is not None else None, size, "p")
    blob.finish()
    return blob.count


def test_size_and_digest_agree_or_are_not_promised() -> None:
    assert finished(b"abc", 3, b"abc") == 3
    assert finished(b"abc", None, b"abc") == 3
    assert finished(b"abc", 3, None) == 3
    assert finished(b"", 0, b"") == 0


@pytest.mark.parametrize(
    ("data", "size", "of", "what"),
    [
        (b"abcd", 3, b"abc", "longer than the 3 bytes promised for it"),
        (b"ab", 3, b"abc", "2 bytes where 3 were promised"),
        (b"", 3, b"abc", "0 bytes where 3 were promised"),
        (b"abc", 4, b"abc", "3 bytes where 4 were promised"),
        (b"abc", 2, b"abc", "longer than the 2 bytes promised for it"),
        (b"abc", -1, b"abc", "longer than the -1 bytes promised for it"),
        (b"abd", 3, b"abc", f"the content hashes to {digest_of(b'abd')}"),
        (b"abd", None, b"abc", f"the content hashes to {digest_of(b'abd')}"),
    ],
)
def test_size_is_checked_first_and_then_the_digest(
    data: bytes, size: int | None, of: bytes, what: str
) -> None:
    with pytest.raises(UntrustedError) as caught:
        finished(data, size, of)
    assert (caught.value.what, caught.value.place) == (what, "p")


def test_a_blob_that_never_ends_is_left_at_its_promised_size() -> None:
    class Endless(BytesIO):
        taken = 0

        def read(self, size: int | None = -1, /) -> bytes:
            self.taken += size or 0
            return bytes(size or 0)

    raw = Endless()
    with pytest.raises(PratiqueError, match="longer than the 1000 bytes"):
        VerifiedBlob(raw, None, 1000, "p").finish()
    assert raw.taken <= MIB
