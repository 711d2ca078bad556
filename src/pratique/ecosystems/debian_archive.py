"""A Debian archive's own documents: the signed Release file and the Packages index (Debian repository format).

Reads what is already verified, or splits it from its signature; verifies nothing. Knows nothing of files.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from msgspec import Struct

from pratique.ecosystems import debian
from pratique.model.digest import Digest, parse_digest
from pratique.model.errors import InputError

_SIGNED = "-----BEGIN PGP SIGNED MESSAGE-----"
_BEGIN = "-----BEGIN PGP SIGNATURE-----"
_END = "-----END PGP SIGNATURE-----"
_POOL = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9.+~_-]*/)*[A-Za-z0-9][A-Za-z0-9.+~_-]*\.deb")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PACKAGE = re.compile(rb"^Package:[ \t]*([^\n]*)", re.MULTILINE | re.IGNORECASE)


class Release(Struct, frozen=True, kw_only=True):
    """What a Release file says of a suite.

    Attributes:
        date: when it was made.
        valid_until: after which it is not to be believed; None where it does not say.
        by_hash: whether index files can be asked for by their digest.
        files: path of an index file -> its digest and size.
    """

    origin: str
    suite: str
    codename: str
    date: datetime
    valid_until: datetime | None
    by_hash: bool
    files: Mapping[str, tuple[Digest, int]]


class DebPackage(Struct, frozen=True, kw_only=True):
    """A binary package that a suite offers.

    Attributes:
        essential: dpkg keeps it unless forced.
        filename: where it lies, relative to the repository's address; checked.
        digest: of the package file.
        suite: the suite that offers it.
    """

    name: str
    version: str
    architecture: str
    source: str
    source_version: str
    depends: str = ""
    pre_depends: str = ""
    provides: str = ""
    breaks: str = ""
    conflicts: str = ""
    multi_arch: str = ""
    essential: bool = False
    filename: str
    size: int
    digest: Digest
    suite: str


def clear_signed(text: str) -> tuple[str, str]:
    """Return (message, signature) of a clear-signed text (RFC 9580, 7), as a detached signature is checked.

    Nothing may stand before, between or after the two: another program might take it for signed.

    Raises:
        InputError: it is not one clear-signed message.
    """
    head, blank, rest = text.replace("\r\n", "\n").partition("\n\n")
    first, *headers = head.split("\n")
    message, begin, signature = rest.partition(f"\n{_BEGIN}\n")
    if first != _SIGNED or not blank or not begin or not all(h.startswith("Hash: ") for h in headers):
        raise InputError("not a signed message")
    body, end, after = signature.partition(f"\n{_END}")
    if not end or after.strip() or "-----" in body or re.search(r"^-(?! )", message, re.MULTILINE):
        raise InputError("text around a signed message")
    lines = (line.removeprefix("- ").rstrip(" \t") for line in message.split("\n"))
    return "\n".join(lines), f"{_BEGIN}\n{body}\n{_END}\n"


def parse_release(text: str) -> Release:
    """Return a Release file's content.

    Raises:
        InputError: it is not one paragraph, a date is missing or none, or it lists no file by SHA256.
    """
    paragraphs = list(debian.paragraphs(text if text.endswith("\n") else text + "\n"))
    if len(paragraphs) != 1:
        raise InputError("not a Release file")
    fields = paragraphs[0]
    until = fields.get("Valid-Until", "")
    return Release(
        origin=fields.get("Origin", ""),
        suite=fields.get("Suite", ""),
        codename=fields.get("Codename", ""),
        date=_moment(fields.get("Date", "")),
        valid_until=_moment(until) if until else None,
        by_hash=fields.get("Acquire-By-Hash", "").lower() == "yes",
        files=dict(_listed(fields.get("SHA256", ""))),
    )


def package_ranges(data: bytes) -> dict[str, list[tuple[int, int]]]:
    """Return package name -> where its paragraphs lie in a Packages index, start and end; read one by ``deb_package``.

    Only names are looked at: a large index has over 60,000 paragraphs, of which few are wanted.

    Raises:
        InputError: a paragraph has no Package field.
    """
    found: dict[str, list[tuple[int, int]]] = {}
    start = 0
    while start < len(data):
        end = data.find(b"\n\n", start)
        end = len(data) if end < 0 else end + 1
        name = _PACKAGE.search(data, start, end)
        if name:
            found.setdefault(name[1].strip().decode("utf-8", "replace"), []).append((start, end))
        elif data[start:end].strip():
            raise InputError("a paragraph without the field Package", place=f"byte {start}")
        start = end + 1
    return found


def deb_package(paragraph: bytes, suite: str) -> DebPackage:
    """Return the package of a paragraph of a Packages index.

    Raises:
        InputError: a field is missing, or its file name leads out of the repository.
    """
    try:
        (fields,) = debian.paragraphs(paragraph.decode("utf-8"))
        name, version = debian.package_name(fields["Package"]), fields["Version"]
        debian.version_key(version)
        source, source_version = debian.source_of(name, version, fields.get("Source", ""))
        return DebPackage(
            name=name,
            version=version,
            architecture=fields["Architecture"],
            source=source,
            source_version=source_version,
            depends=_line(fields, "Depends"),
            pre_depends=_line(fields, "Pre-Depends"),
            provides=_line(fields, "Provides"),
            breaks=_line(fields, "Breaks"),
            conflicts=_line(fields, "Conflicts"),
            multi_arch=fields.get("Multi-Arch", ""),
            essential=fields.get("Essential", "") == "yes",
            filename=pool_path(fields["Filename"]),
            size=_size(fields["Size"]),
            digest=parse_digest(f"sha256:{fields['SHA256']}"),
            suite=suite,
        )
    except KeyError as error:
        raise InputError(f"a paragraph without the field {error.args[0]}") from error
    except (UnicodeDecodeError, ValueError) as error:
        raise InputError("not a paragraph of a Packages index") from error


def pool_path(text: str) -> str:
    """Return the path of a package file, relative to its repository.

    Raises:
        InputError: it is absolute, climbs, has a scheme, or is not the path of a ``.deb``.
    """
    path = text.removeprefix("./")
    if len(path) > 512 or not _POOL.fullmatch(path):
        raise InputError(f"not a file inside the repository: {text[:80]!r}")
    return path


def _line(fields: Mapping[str, str], name: str) -> str:
    return " ".join(fields.get(name, "").split())


def _size(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 16):
        raise InputError(f"not a size: {text[:40]!r}")
    return int(text)


def _moment(text: str) -> datetime:
    """Return an RFC 2822 date, as Release files have them; without an offset it is UTC."""
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError) as error:
        raise InputError(f"not a date: {text[:60]!r}") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _listed(field: str) -> Iterator[tuple[str, tuple[Digest, int]]]:
    """Yield (path, (digest, size)) of the SHA256 field; other digests are not looked at."""
    for line in field.splitlines():
        words = line.split()
        if not words:
            continue
        if len(words) != 3 or not _SHA256.fullmatch(words[0]):
            raise InputError(f"not a line of the SHA256 field: {line[:100]!r}")
        yield words[2], (Digest(f"sha256:{words[0]}"), _size(words[1]))
