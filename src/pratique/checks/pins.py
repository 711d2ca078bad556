"""Lock files judged by themselves: does each line fix what will be installed?

What needs an index or an image to tell is not told here: whether a file fits a platform (PIN-12), whether a local version
hides behind a public one (PIN-13), and of requirements files whether all that is needed is listed (PIN-02).
"""

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from pratique.ecosystems.pylock import LockFile, LockPackage, ReadPylock
from pratique.ecosystems.python import is_version, normalise, version_key
from pratique.ecosystems.requirements_file import (
    Include,
    Line,
    Odd,
    Option,
    Required,
    Variable,
    check_hash,
    shown,
)
from pratique.ecosystems.wheel import HASHES, WheelName
from pratique.model.digest import Digest
from pratique.model.errors import InputError
from pratique.model.pins import Code, Fault, Pin

_REMEDIES: Mapping[Code, str] = {
    "PIN-01": "Lock anew with hashes, as with: uv pip compile --generate-hashes",
    "PIN-02": "Lock anew, so that everything that is needed is listed",
    "PIN-03": "Lock anew: sha256 or better",
    "PIN-04": "Write one version: name==1.2.3",
    "PIN-05": "Write version and hashes on the line itself: uv does not take them from constraints",
    "PIN-06": "Build a wheel and lock that",
    "PIN-07": "Build a wheel, lock that, and keep the commit as its source",
    "PIN-08": "Take it from an index, so that a guard in front of the index sees it",
    "PIN-09": "Lock a wheel: a build runs code that nobody pinned, and its result has no known hash",
    "PIN-10": "Take it out, and configure the index where the file is installed",
    "PIN-11": "Write what is meant into a file of the same folder tree",
    "PIN-14": "Name the one pre-release that is wanted, with ==",
    "PIN-15": "Write it as the format's own documentation does, or take it out",
}
_SOURCES = {"--index-url", "--extra-index-url", "--find-links", "--trusted-host", "--no-index"}


class RequirementsFile(Struct, frozen=True):
    """A requirements file that was read, or one of constraints; ``refused`` is (include, why it was not followed)."""

    path: str
    lines: tuple[Line, ...]
    constraint: bool = False
    refused: tuple[tuple[Include, str, Code], ...] = ()


def fault(code: Code, place: tuple[str, int], subject: str, text: str, *, note: bool = False) -> Fault:
    """Return a fault with the remedy that belongs to its code; nobody's secret is shown."""
    return Fault(
        code=code,
        level="note" if note else "refused",
        file=place[0],
        line=place[1],
        subject=shown(subject),
        text=text,
        remedy=_REMEDIES[code],
    )


def judge_requirements(files: Sequence[RequirementsFile]) -> tuple[list[Pin], list[Fault]]:
    """Return what requirements files pin together, and what is wrong with them.

    Args:
        files: one that the user named, and all that it includes.
    """
    constrained = {
        line.name
        for file in files
        if file.constraint
        for line in file.lines
        if isinstance(line, Required) and line.exact and _strong(line.hashes)
    }
    pins = [
        _pin(line, file.path)
        for file in files
        if not file.constraint
        for line in file.lines
        if isinstance(line, Required) and line.name
    ]
    faults = [found for file in files for line in file.lines for found in _line(line, file, constrained)]
    faults += [
        fault(code, (file.path, include.line), include.target, why)
        for file in files
        for include, why, code in file.refused
    ]
    return pins, faults + _nothing(pins, faults, files[0].path)


def _nothing(pins: Sequence[Pin], faults: Sequence[Fault], path: str) -> list[Fault]:
    """Return the fault of a lock that locks nothing: it would hold whatever is installed."""
    if pins or faults:
        return []
    return [fault("PIN-15", (path, 0), path, "not understood, so not accepted: it pins nothing")]


def _pin(line: Required, path: str) -> Pin:
    return Pin(
        name=line.name,
        version=line.exact,
        marker=line.marker,
        digests=_digests(line.hashes),
        file=path,
        line=line.line,
    )


def _digests(hashes: Sequence[tuple[str, str]]) -> tuple[Digest, ...]:
    return tuple(sorted({Digest(f"sha256:{digits.lower()}") for a, digits in hashes if a == "sha256"}))


def _strong(hashes: Sequence[tuple[str, str]]) -> bool:
    return any(algorithm in HASHES for algorithm, _ in hashes)


def _line(line: Line, file: RequirementsFile, constrained: set[str]) -> Iterator[Fault]:
    place = (file.path, line.line)
    match line:
        case Odd():
            yield fault("PIN-15", place, line.text, f"not understood, so not accepted: {line.reason}")
        case Variable():
            yield fault("PIN-11", place, line.text, "its content depends on the environment of who reads it")
        case Option():
            yield from _option(line, place)
        case Required():
            yield from _source(line, place)
            if not file.constraint and line.kind in {"index", "address", "file"}:
                yield from _fixed(line, place, constrained)
        case Include():
            pass


def _option(line: Option, place: tuple[str, int]) -> Iterator[Fault]:
    text = f"{line.name} {line.value}".strip()
    if line.name in _SOURCES:
        yield fault("PIN-10", place, line.name, "the file changes where packages come from")
    elif line.name == "--editable":
        yield fault("PIN-06", place, text, "editable: its files can change after the lock")
    elif line.name == "--no-binary" and line.value != ":none:":
        yield fault("PIN-09", place, text, "what it names is built when it is installed")
    elif line.name == "--pre":
        yield fault(
            "PIN-14", place, text, "pre-releases are taken where no exact version is named", note=True
        )


def _source(line: Required, place: tuple[str, int]) -> Iterator[Fault]:
    """Yield what is wrong with where a requirement comes from."""
    if line.kind == "vcs":
        yield fault("PIN-07", place, line.text, "a repository of sources cannot be hashed")
    elif line.kind == "folder":
        yield fault("PIN-06", place, line.text, "a folder: its files can change after the lock")
    elif line.built or line.building:
        yield fault("PIN-09", place, line.text, "it is built when it is installed")
    if line.kind in {"address", "file"}:
        yield fault("PIN-08", place, line.text, "it comes from outside the index", note=True)


def _fixed(line: Required, place: tuple[str, int], constrained: set[str]) -> Iterator[Fault]:
    """Yield what of version and hash is missing."""
    what = f"{line.name} {line.exact}".strip() or line.text
    if line.kind == "index" and not line.hashes and line.name in constrained:
        yield fault("PIN-05", place, line.text, "its hash stands only in a constraints file")
        return
    if line.kind == "index" and not line.exact:
        yield fault("PIN-04", place, line.text, "not an exact version")
    weak = sorted({algorithm for algorithm, _ in line.hashes if algorithm not in HASHES})
    if weak:
        yield fault("PIN-03", place, what, f"a weak hash: {', '.join(weak)}")
    elif not line.hashes:
        yield fault("PIN-01", place, what, "it has no sha256")


def judge_pylock(read: ReadPylock, path: str) -> tuple[list[Pin], list[Fault]]:
    """Return what a pylock.toml pins, and what is wrong with it."""
    pins: list[Pin] = []
    faults = [
        fault("PIN-15", (path, o.line), o.subject, f"not understood, so not accepted: {o.reason}")
        for o in read.oddities
    ]
    listed = {normalise(package.name) for package in read.lock.packages}
    for package, line in zip(read.lock.packages, read.lines, strict=True):
        pins.append(_locked(package, (path, line)))
        faults += _package(package, (path, line))
        for needed in package.dependencies:
            name = needed.get("name")
            if not isinstance(name, str) or normalise(name) not in listed:
                text = f"it is needed by {package.name[:80]} but not locked"
                faults.append(fault("PIN-02", (path, line), str(name), text))
    return pins, faults + _nothing(pins, faults, path)


def _locked(package: LockPackage, place: tuple[str, int]) -> Pin:
    files = [*package.wheels, *(f for f in (package.archive,) if f)]
    hashes = [(a, h) for file in files for a, h in file.hashes.items() if _good(a, h)]
    return Pin(
        name=normalise(package.name),
        version=package.version,
        marker=package.marker,
        digests=_digests(hashes),
        file=place[0],
        line=place[1],
    )


def _good(algorithm: str, digits: str) -> bool:
    try:
        check_hash(algorithm, digits)
    except InputError:
        return False
    return True


def _package(package: LockPackage, place: tuple[str, int]) -> Iterator[Fault]:
    what = f"{package.name} {package.version}".strip()
    sources = (package.vcs, package.directory, package.archive)
    if sum(s is not None for s in sources) + bool(package.sdist or package.wheels) != 1:
        reason = "it has not one source alone: index, archive, directory or repository"
        yield fault("PIN-15", place, what, f"not understood, so not accepted: {reason}")
    if package.vcs:
        yield fault("PIN-07", place, what, "a repository of sources cannot be hashed")
    if package.directory:
        yield fault("PIN-06", place, what, "a folder: its files can change after the lock")
    if package.archive:
        yield fault("PIN-08", place, what, "it comes from outside the index", note=True)
        yield from _file(package.archive, place, what)
        if not package.archive.filename.endswith(".whl"):
            yield fault("PIN-09", place, what, "it is built when it is installed")
    if package.sdist or package.wheels:
        yield from _offered(package, place, what)


def _offered(package: LockPackage, place: tuple[str, int], what: str) -> Iterator[Fault]:
    """Yield what is wrong with the files of an index."""
    if not is_version(package.version):
        yield fault("PIN-04", place, what, "not an exact version")
    if package.sdist:
        yield from _file(package.sdist, place, what)
        text = "where no wheel fits it is built when it is installed"
        alone = "there is no wheel: it is built when it is installed"
        wheels = bool(package.wheels)
        yield fault("PIN-09", place, what, text if wheels else alone, note=wheels)
    for wheel in package.wheels:
        yield from _file(wheel, place, what)
        if not _is_of(wheel, package):
            reason = f"a wheel of something else: {wheel.filename[:120]}"
            yield fault("PIN-15", place, what, f"not understood, so not accepted: {reason}")
    if any(f.path or not f.url.lower().startswith("https:") for f in package.wheels):
        yield fault("PIN-08", place, what, "a file of this machine, or without https", note=True)


def _is_of(wheel: LockFile, package: LockPackage) -> bool:
    try:
        name = WheelName.parse(wheel.filename)
        same = not package.version or version_key(name.version) == version_key(package.version)
        return same and name.name == normalise(package.name)
    except InputError:
        return False


def _file(file: LockFile, place: tuple[str, int], what: str) -> Iterator[Fault]:
    known = [(a, h) for a, h in file.hashes.items() if a in HASHES]
    subject = f"{what}: {file.filename}"
    if not file.hashes:
        yield fault("PIN-01", place, subject, "it has no sha256")
    elif not known:
        yield fault("PIN-03", place, subject, f"a weak hash: {', '.join(sorted(file.hashes))[:80]}")
    for algorithm, digits in known:
        if not _good(algorithm, digits):
            reason = f"not a hash: {algorithm}:{digits[:20]}"
            yield fault("PIN-15", place, subject, f"not understood, so not accepted: {reason}")
