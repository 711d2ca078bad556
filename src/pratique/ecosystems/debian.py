"""Debian: version order, control paragraphs, and the OSV name of a release.

Follows deb-version(7), Debian Policy 5.6.12 (versions) and 5.1 (control syntax). Knows nothing of files.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from pratique.model.errors import InputError
from pratique.model.inventory import Distribution

Key = tuple[int, tuple[object, ...], tuple[object, ...]]
"""Sorts as dpkg sorts: (epoch, upstream part, revision)."""

_PART = re.compile(r"(\D*)(\d*)")
_UPSTREAM = re.compile(r"[A-Za-z0-9.+:~-]+")
_REVISION = re.compile(r"[A-Za-z0-9.+~]+")
_DIGITS = re.compile(r"[0-9]+")
_OWN = re.compile(r"[@.](?:debian\.(?:org|net)|ubuntu\.com|canonical\.com)>?\s*\Z", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._-]*")


@lru_cache(maxsize=1 << 16)
def version_key(text: str) -> Key:
    """Return the sort key of a version; comparing two keys is comparing two versions (deb-version(7)).

    Raises:
        InputError: the text is not a Debian version.
    """
    epoch, colon, rest = text.partition(":")
    if not colon:
        epoch, rest = "0", text
    upstream, dash, revision = rest.rpartition("-")
    if not dash:
        upstream, revision = rest, "0"
    if not (_DIGITS.fullmatch(epoch) and _UPSTREAM.fullmatch(upstream) and _REVISION.fullmatch(revision)):
        raise InputError(f"not a Debian version: {text[:80]!r}")
    if len(text) > 1024:
        raise InputError(f"a Debian version of {len(text)} characters")
    return int(epoch), _order(upstream), _order(revision)


def _order(part: str) -> tuple[object, ...]:
    """Return alternating (characters, number): ``~`` before the end, the end before letters, letters before all."""
    key: list[object] = []
    for text, number in _PART.findall(part):
        key.append((*(_weight(c) for c in text), 0))
        key.append(int(number or 0))
    return tuple(key)


def _weight(character: str) -> int:
    if character == "~":
        return -1
    return ord(character) if character.isalpha() else ord(character) + 256


def paragraphs(text: str) -> Iterator[dict[str, str]]:
    """Yield the paragraphs of a control file as field -> value, continuation lines joined by newlines.

    Field names keep their spelling; dpkg itself writes them in one case.

    Raises:
        InputError: a line is neither a field, a continuation nor blank, a field repeats, or the last line is cut.
    """
    if text and not text.endswith("\n"):
        raise InputError("the last line has no end: the file is cut", place=f"line {text.count(chr(10)) + 1}")
    fields: dict[str, str] = {}
    name = ""
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            if fields:
                yield fields
            fields, name = {}, ""
        elif line[0] in " \t":
            if not name:
                raise InputError("a continuation line without a field", place=f"line {number}")
            fields[name] += "\n" + line[1:]
        else:
            name, value = _field(line, number)
            if name in fields:
                raise InputError(f"the field {name} stands twice in one paragraph", place=f"line {number}")
            fields[name] = value
    if fields:
        yield fields


def _field(line: str, number: int) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not name or not name.isprintable() or " " in name:
        raise InputError(f"not a control field: {line[:60]!r}", place=f"line {number}")
    return name, value.strip()


def package_name(text: str) -> str:
    """Return a package name that dpkg itself would read (dpkg, ``pkg_name_is_illegal``).

    Raises:
        InputError: dpkg would call the database damaged.
    """
    if not _NAME.fullmatch(text):
        raise InputError(f"not a package name: {text[:60]!r}")
    return text


def source_of(name: str, version: str, field: str) -> tuple[str, str]:
    """Return (source name, source version) from a ``Source`` field, which may be empty or ``name (version)``."""
    source, _, rest = field.partition(" ")
    return source or name, rest.strip().strip("()") or version


def upstream(version: str) -> str:
    """Return the upstream part of a version: ``2.36`` of ``1:2.36-9+deb12u14``."""
    text = version.partition(":")[2] or version
    return text.rpartition("-")[0] or text


def is_own(distribution: Distribution | None, maintainer: str) -> bool:
    """Say whether a maintainer shows that a package comes from the distribution itself.

    A package of another repository looks the same in dpkg's database, and the distribution's advisories say nothing of
    it. Teams of Debian and Ubuntu can be told by their addresses; a single person's private address cannot.
    """
    vendor = distribution.id if distribution else ""
    return vendor in {"debian", "ubuntu"} and bool(_OWN.search(maintainer))


def osv_ecosystem(distribution: Distribution | None) -> str:
    """Return the OSV ecosystem that describes a release (OSV schema, "Defined Ecosystems"), or an empty string.

    Debian has one a major release; Ubuntu marks long-term support releases, which are the April ones of even years.
    """
    if distribution is None or not distribution.version_id:
        return ""
    version = distribution.version_id
    if distribution.id == "debian":
        return f"Debian:{version.split('.')[0]}"
    if distribution.id == "ubuntu":
        year, _, month = version.partition(".")
        lts = year.isdigit() and int(year) % 2 == 0 and month == "04"
        return f"Ubuntu:{version}:LTS" if lts else f"Ubuntu:{version}"
    return ""
