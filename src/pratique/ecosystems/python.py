"""Python: names, version order and the metadata of distributions.

Follows PEP 440 (versions), PEP 503 (names), the core metadata specification and the RECORD format of the
"Recording installed projects" specification. Knows nothing of files.
"""

import csv
import io
import re
from collections.abc import Iterator
from functools import lru_cache

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from pratique.model.errors import InputError

_LINES = re.compile(r"\r\n|\r|\n")
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")


def is_version(text: str) -> bool:
    """Say whether a text is a version: what is none could be an option to whoever reads it."""
    try:
        version_key(text)
    except InputError:
        return False
    return True


def normalise(name: str) -> str:
    """Return the normalised name (PEP 503)."""
    return str(canonicalize_name(name))


@lru_cache(maxsize=1 << 16)
def version_key(text: str) -> Version:
    """Return the version, which sorts by PEP 440.

    Raises:
        InputError: the text is not a PEP 440 version.
    """
    if len(text) > 512:
        raise InputError(f"a Python version of {len(text)} characters")
    try:
        return Version(text)
    except (InvalidVersion, ValueError) as error:
        raise InputError(f"not a PEP 440 version: {text[:80]!r}") from error


def public(version: str) -> str:
    """Return the version without its local part: ``2.1.0+cu118`` is judged as ``2.1.0``.

    A local version is a rebuild of the public one (PEP 440, "Local version identifiers"), and advisories name public
    versions; by plain order ``2.1.0+cu118`` would escape a ``last_affected`` of ``2.1.0``.
    """
    return version.partition("+")[0]


def name_and_version(metadata: str) -> tuple[str, str]:
    """Return (Name, Version) of a METADATA or PKG-INFO text; headers only, the description is not looked at.

    Raises:
        InputError: one of the two is missing or stands twice, or the name is none (PEP 508).
    """
    found: dict[str, str] = {}
    for key, value in _headers(metadata):
        if key in {"name", "version"}:
            if key in found:
                raise InputError(f"the field {key.title()} stands twice")
            found[key] = value
    if not found.get("name") or not found.get("version"):
        missing = "Name" if not found.get("name") else "Version"
        raise InputError(f"the field {missing} is missing")
    if not _NAME.fullmatch(found["name"]):
        raise InputError(f"not a distribution name: {found['name'][:60]!r}")
    return found["name"], found["version"]


def requirements(metadata: str) -> tuple[str, ...]:
    """Return the Requires-Dist fields of a METADATA or PKG-INFO text, as written (PEP 508)."""
    return tuple(value for key, value in _headers(metadata) if key == "requires-dist")


def _headers(metadata: str) -> Iterator[tuple[str, str]]:
    """Yield (lower-case field name, value) up to the empty line before the description.

    Lines as ``email.parser`` takes them (RFC 5322, 2.2.3): one that begins with a blank goes on with the field above it, also
    where there is nothing else on it, as in a licence's text.
    """
    for line in _LINES.split(metadata):
        if not line:
            return
        key, colon, value = line.partition(":")
        if colon and line[0] not in " \t":
            yield key.lower(), value.strip()


def marker_environment(version: str, machine: str) -> dict[str, str]:
    """Return the PEP 508 environment of a CPython on Linux, such as ``3.11`` on ``x86_64``."""
    return {
        "implementation_name": "cpython",
        "implementation_version": f"{version}.0",
        "os_name": "posix",
        "platform_machine": machine,
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Linux",
        "platform_version": "",
        "python_full_version": f"{version}.0",
        "python_version": version,
        "sys_platform": "linux",
    }


def record_paths(text: str) -> tuple[str, ...]:
    """Return the paths of a RECORD, as written: relative to the site folder, or absolute.

    Raises:
        InputError: a row has no path, or the text is not CSV.
    """
    try:
        rows = [row[0] for row in csv.reader(io.StringIO(text)) if row]
    except csv.Error as error:
        raise InputError(f"not a RECORD: {error}") from error
    if not all(rows):
        raise InputError("a RECORD row without a path")
    return tuple(rows)
