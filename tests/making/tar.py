"""Tar streams made block by block, honest or hostile: the wire format that the reader has to stand."""

from collections.abc import Iterable
from typing import NamedTuple

BLOCK = 512


class Item(NamedTuple):
    """One member: ``kind`` is the type flag; ``size`` overrides what the header says of the content's length."""

    name: str | bytes
    content: bytes = b""
    kind: bytes = b"0"
    link: str | bytes = b""
    mode: int = 0o644
    size: int | None = None


def header(item: Item) -> bytes:
    """Return a ustar header block with a right checksum."""
    size = len(item.content) if item.size is None else item.size
    block = bytearray(BLOCK)
    name, link = as_bytes(item.name), as_bytes(item.link)
    block[0 : min(len(name), 100)] = name[:100]
    block[100:108] = b"%07o\0" % item.mode
    block[108:124] = b"0000000\0" * 2
    block[124:136] = b"%011o\0" % size if 0 <= size < 8**11 else base256(size)
    block[136:148] = b"00000000000\0"
    block[156:157] = item.kind
    block[157 : 157 + min(len(link), 100)] = link[:100]
    block[257:265] = b"ustar\x0000"
    return with_checksum(block)


def base256(number: int) -> bytes:
    """Return a base-256 field of 12 bytes; negative numbers in two's complement, as GNU tar writes them."""
    return bytes([0x80 if number >= 0 else 0xFF]) + (number & ((1 << 88) - 1)).to_bytes(11, "big")


def with_checksum(block: bytearray) -> bytes:
    """Return the block with its checksum field filled in."""
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def as_bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


def member(item: Item) -> bytes:
    """Return header, content and padding; names beyond 100 bytes get a pax header."""
    records = b""
    if len(as_bytes(item.name)) > 100:
        records += pax_record(b"path", as_bytes(item.name))
    if len(as_bytes(item.link)) > 100:
        records += pax_record(b"linkpath", as_bytes(item.link))
    extension = member(Item("pax", records, b"x")) if records else b""
    return extension + header(item) + item.content + bytes(-len(item.content) % BLOCK)


def pax_record(key: bytes, value: bytes) -> bytes:
    """Return one pax record; its length counts itself."""
    length = len(key) + len(value) + 3
    while len(b"%d" % length) + len(key) + len(value) + 3 != length:
        length = len(b"%d" % length) + len(key) + len(value) + 3
    return b"%d %s=%s\n" % (length, key, value)


def tar(items: Iterable[Item]) -> bytes:
    """Return a whole archive."""
    return b"".join(member(item) for item in items) + bytes(2 * BLOCK)


def folder(name: str) -> Item:
    return Item(name, kind=b"5", mode=0o755)


def symlink(name: str, target: str) -> Item:
    return Item(name, kind=b"2", link=target)


def hardlink(name: str, target: str) -> Item:
    return Item(name, kind=b"1", link=target)


def patched(data: bytes, *changes: tuple[int, bytes]) -> bytes:
    """Return a member with bytes of its header replaced and the checksum right again."""
    block = bytearray(data[:BLOCK])
    for at, value in changes:
        block[at : at + len(value)] = value
    return with_checksum(block) + data[BLOCK:]


def pax(records: dict[str, bytes], kind: bytes = b"x") -> bytes:
    """Return an extended header: ``x`` for the next member, ``g`` for all that follow."""
    return member(Item("pax", b"".join(pax_record(k.encode(), v) for k, v in records.items()), kind))


def long_name(name: bytes, kind: bytes = b"L") -> bytes:
    """Return a GNU long name (``L``) or link target (``K``) for the next member."""
    return member(Item("././@LongLink", name, kind))
