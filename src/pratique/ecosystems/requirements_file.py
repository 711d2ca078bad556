"""Requirements files as pip reads them (pip, "Requirements File Format"), and stricter.

Every line becomes a value; one that pip and uv could read in two ways, or that is not known here, becomes ``Odd``. Follows
no include and expands no variable.
"""

import re
from collections.abc import Iterator
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace
from packaging.requirements import InvalidRequirement, Requirement

from pratique.ecosystems.python import normalise
from pratique.ecosystems.wheel import WheelName
from pratique.model.errors import InputError

LINE, WORDS = 1 << 20, 4096
"""Characters of a logical line with all its hashes, and of the part before its options."""

_BREAKS = re.compile(r"\r?\n")
_HARMFUL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff]")
_CODING = re.compile(r"coding[:=]\s*([-\w.]+)", re.ASCII)
_VARIABLE = re.compile(r"\$\{[A-Z0-9_]+\}")
_SECRET = re.compile(r"(?<=//)[^/\s]+(?=@)|(?<=\?)[^\s#]+")
_VCS = re.compile(r"(?:git|hg|svn|bzr)\+", re.IGNORECASE)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|file:", re.ASCII)
_ARCHIVE = (".whl", ".zip", ".tar.gz", ".tgz", ".tar.bz2", ".tbz", ".tar.xz", ".txz", ".tar", ".tar.lzma")
_FRAGMENT = re.compile(r"(?:^|&)(md5|sha1|sha224|sha256|sha384|sha512)=([0-9A-Fa-f]*)")
_INCLUDES = {"-r": False, "--requirement": False, "-c": True, "--constraint": True}
_VALUED = {
    "-i": "--index-url",
    "--index-url": "--index-url",
    "--pypi-url": "--index-url",
    "--extra-index-url": "--extra-index-url",
    "-f": "--find-links",
    "--find-links": "--find-links",
    "--trusted-host": "--trusted-host",
    "--no-binary": "--no-binary",
    "--only-binary": "--only-binary",
    "-e": "--editable",
    "--editable": "--editable",
}
_PLAIN = {"--no-index", "--pre", "--prefer-binary", "--require-hashes"}
_BUILDING = ("--config-settings", "--config-setting", "--global-option", "--install-option", "-C")

Kind = Literal["index", "address", "file", "folder", "vcs"]


class Required(Struct, frozen=True, kw_only=True):
    """A line that asks for a distribution.

    Attributes:
        kind: where it comes from: an index, an address, a file or folder of this machine, a repository of sources.
        text: the line without its options, as written.
        name: normalised; empty where the line does not give it.
        clauses: of its specifier, such as ``==1.0``; of a wheel by address or path, what its name says.
        hashes: (algorithm, hex digits), the fragment of an address among them.
        built: it is no wheel, so that something is built.
        building: it gives options to a build.
    """

    line: int
    kind: Kind
    text: str
    name: str = ""
    clauses: tuple[str, ...] = ()
    marker: str = ""
    hashes: tuple[tuple[str, str], ...] = ()
    built: bool = False
    building: bool = False

    @property
    def exact(self) -> str:
        """Return the one version that is asked for; empty where more than one would do."""
        if len(self.clauses) != 1 or not self.clauses[0].startswith("==") or self.clauses[0].endswith("*"):
            return ""
        return self.clauses[0].lstrip("=").strip()


class Option(Struct, frozen=True):
    """An option that stands for itself; short names are written out."""

    line: int
    name: str
    value: str = ""


class Include(Struct, frozen=True):
    """Another file, of requirements or of constraints."""

    line: int
    target: str
    constraint: bool


class Variable(Struct, frozen=True):
    """A line that depends on the environment of who reads it."""

    line: int
    text: str


class Odd(Struct, frozen=True):
    """A line that is not understood."""

    line: int
    text: str
    reason: str


Line = Required | Option | Include | Variable | Odd


def shown(text: str, length: int = 120) -> str:
    """Return the beginning of foreign text without the users, passwords and queries of its addresses."""
    return _SECRET.sub("***", text)[:length]


def parse_requirements(text: str) -> Iterator[Line]:
    """Yield what the lines of a requirements file say; empty ones and comments say nothing."""
    for number, line in _logical(text):
        if isinstance(line, Odd):
            yield line
        elif line:
            yield from _understood(number, line)


def _logical(text: str) -> Iterator[tuple[int, str | Odd]]:
    """Yield (number, line) with continued lines joined and comments taken off, as pip does both."""
    parts: list[str] = []
    first = 0
    for number, line in enumerate(_BREAKS.split(text), 1):
        first = first if parts else number
        if fault := _fault(number, line):
            yield number, Odd(number, shown(line), fault)
            parts = []
            continue
        comment = _comment(line)
        if line.endswith("\\") and comment == len(line):
            parts.append(line[:-1])
            continue
        parts.append(line[:comment])
        yield first, "".join(parts).strip()
        parts = []
    if parts:
        yield first, Odd(first, shown("".join(parts).strip()), "the file ends inside it")


def _fault(number: int, line: str) -> str:
    """Return why a line cannot be read in one way only."""
    comment = _comment(line)
    if len(line) > LINE:
        return f"longer than {LINE:,} characters"
    if _HARMFUL.search(line):
        return "it holds a control character or a mark that some readers take for the end of a line"
    coding = _CODING.search(line, comment) if number <= 2 else None
    if coding and coding[1].lower() not in {"utf-8", "utf8"}:
        return "it tells pip to read the file in another encoding than UTF-8"
    if comment < len(line) and line.endswith("\\"):
        return "a comment that ends in a backslash: pip takes the next line for a part of it"
    return ""


def _comment(line: str) -> int:
    """Return where a comment begins, blanks before it included; the length of the line where there is none."""
    at = line.find("#")
    while at > 0 and line[at - 1] not in " \t":
        at = line.find("#", at + 1)
    return len(line[:at].rstrip(" \t")) if at >= 0 else len(line)


def _understood(number: int, line: str) -> Iterator[Line]:
    if len(line) > LINE:
        yield Odd(number, shown(line), f"longer than {LINE:,} characters")
    elif _VARIABLE.search(line):
        yield Variable(number, shown(line))
    elif line.startswith("-"):
        yield from _options(number, line)
    else:
        yield _required(number, line)


def _options(number: int, line: str) -> Iterator[Line]:
    """Yield the options of a line; one that includes a file stands alone, since pip does not look at what is beside it."""
    words = line.split()
    if re.search(r"[\"'\\]", line):
        yield Odd(number, shown(line), "quotes or backslashes among options")
        return
    found: list[Line] = []
    while words:
        name, equals, value, words = _option(words)
        if name in _INCLUDES and value:
            found.append(Include(number, value, _INCLUDES[name]))
        elif name in _PLAIN and not value and not equals:
            found.append(Option(number, name))
        elif name in _VALUED and value:
            found.append(Option(number, _VALUED[name], value))
        else:
            found = [Odd(number, shown(line), f"not an option that is known here: {shown(name, 60)}")]
            break
    if len(found) > 1 and any(isinstance(f, Include) for f in found):
        found = [Odd(number, shown(line), "an include with something beside it")]
    yield from found


def _option(words: list[str]) -> tuple[str, str, str, list[str]]:
    """Return (name, equals sign, value, the words after it): ``--name=value``, ``--name value`` or ``-nvalue``."""
    name, equals, value = words[0].partition("=")
    if not name.startswith("--"):
        name, equals, value = words[0][:2], words[0][2:], words[0][2:]
    if equals or name in _PLAIN:
        return name, equals, value, words[1:]
    if len(words) > 1 and not words[1].startswith("-"):
        return name, "", words[1], words[2:]
    return name, "", "", words[1:]


def _required(number: int, line: str) -> Line:
    words = line.split(" ")
    cut = next((n for n, word in enumerate(words) if word.startswith("-")), len(words))
    try:
        hashes, building = _per_requirement([w for w in words[cut:] if w])
        found = _source(number, " ".join(words[:cut]).strip())
    except InputError as error:
        return Odd(number, shown(line), error.what)
    return replace(found, hashes=tuple(dict.fromkeys((*found.hashes, *hashes))), building=building)


def _per_requirement(words: list[str]) -> tuple[list[tuple[str, str]], bool]:
    """Return (hashes, whether options go to a build).

    Raises:
        InputError: another option, or a hash that is none.
    """
    hashes: list[tuple[str, str]] = []
    while words:
        name, equals, value = words[0].partition("=")
        words = words[1:]
        if name in _BUILDING:
            return hashes, True
        if name != "--hash":
            raise InputError(f"not an option of a requirement that is known here: {shown(name, 60)}")
        if not equals:
            value, words = (words[0], words[1:]) if words else ("", [])
        algorithm, _, digits = value.partition(":")
        hashes.append((algorithm, digits))
        check_hash(algorithm, digits)
    return hashes, False


_DIGITS = {"md5": 32, "sha1": 40, "sha224": 56, "sha256": 64, "sha384": 96, "sha512": 128}


def check_hash(algorithm: str, digits: str) -> None:
    """Check the form of a hash.

    Raises:
        InputError: an unknown algorithm, or not as many hexadecimal digits as it has.
    """
    if len(digits) != _DIGITS.get(algorithm) or not re.fullmatch(r"[0-9A-Fa-f]+", digits):
        raise InputError(f"not a hash: {algorithm[:20]}:{digits[:20]}")


def _source(number: int, head: str) -> Required:
    """Return what the part before the options asks for.

    Raises:
        InputError: it is not understood.
    """
    if len(head) > WORDS:
        raise InputError(f"longer than {WORDS:,} characters without its hashes")
    if _VCS.match(head):
        return Required(line=number, kind="vcs", text=head)
    if _SCHEME.match(head):
        address, _, marker = head.partition(" ; ")
        return _located(number, head, address, "", marker)
    if _is_path(head):
        path, _, marker = head.partition(" ; ")
        name, clauses = _wheel_name(path)
        kind: Kind = "file" if path.lower().endswith(_ARCHIVE) else "folder"
        built = not path.lower().endswith(".whl")
        return Required(
            line=number, kind=kind, text=head, name=name, clauses=clauses, marker=marker, built=built
        )
    try:
        asked = Requirement(head)
    except (InvalidRequirement, RecursionError, ValueError) as error:
        raise InputError("not a requirement of PEP 508") from error
    marker = str(asked.marker or "")
    if asked.url:
        if _VCS.match(asked.url):
            return Required(line=number, kind="vcs", text=head, name=normalise(asked.name), marker=marker)
        return _located(number, head, asked.url, normalise(asked.name), marker)
    clauses = tuple(sorted(str(clause) for clause in asked.specifier))
    return Required(
        line=number, kind="index", text=head, name=normalise(asked.name), clauses=clauses, marker=marker
    )


def _located(number: int, head: str, address: str, name: str, marker: str) -> Required:
    """Return what an address leads to; its fragment may hold a hash.

    Raises:
        InputError: its hash is none.
    """
    place, _, fragment = address.strip().partition("#")
    file = place.partition("?")[0].lower()
    hashes = tuple(_FRAGMENT.findall(fragment))
    for algorithm, digits in hashes:
        check_hash(algorithm, digits)
    local = place.lower().startswith("file:")
    kind: Kind = "address" if not local else "file" if file.endswith(_ARCHIVE) else "folder"
    wheel = file.endswith(".whl")
    told, clauses = _wheel_name(place.partition("?")[0])
    return Required(
        line=number,
        kind=kind,
        text=head,
        name=name or told,
        clauses=clauses,
        marker=marker,
        hashes=hashes,
        built=not wheel,
    )


def _wheel_name(path: str) -> tuple[str, tuple[str, ...]]:
    """Return (name, clause of the version) that the name of a wheel tells; both empty for other files."""
    try:
        wheel = WheelName.parse(path.replace("%2B", "+").replace("%2b", "+").rpartition("/")[2])
    except InputError:
        return "", ()
    return wheel.name, (f"=={wheel.version}",)


def _is_path(head: str) -> bool:
    """Say whether pip takes it for a path: it leads somewhere, or is called like an archive."""
    first = head.partition(" ")[0].partition("[")[0]
    return first.startswith((".", "/", "~", "\\")) or (
        "@" not in head and ("/" in first or "\\" in first or first.lower().endswith(_ARCHIVE))
    )
