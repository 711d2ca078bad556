"""Lock files: read them with all that they include, judge each line."""

import re
import stat
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from pratique import __version__
from pratique.checks.pins import RequirementsFile, fault, judge_pylock, judge_requirements
from pratique.ecosystems.pylock import parse_pylock
from pratique.ecosystems.requirements_file import Include, parse_requirements
from pratique.flows.clock import Clock
from pratique.formats.text import readable
from pratique.model.digest import digest_of
from pratique.model.errors import InputError, PratiqueError, UnsupportedError
from pratique.model.pins import Code, Fault, LockedFile, Pin, Pins
from pratique.storage import read_whole

BYTES, LINES, FILES, DEPTH = 4 << 20, 20_000, 100, 10
"""Bytes of one file; of a requirements file with all that it includes lines that say something, files, and how deep."""

_PYLOCK = re.compile(r"pylock(?:\.[^.]+)?\.toml")
_OTHERS = {
    "uv.lock": "Export it: uv export --format pylock.toml -o pylock.toml",
    "poetry.lock": "Export it with hashes: poetry export -o requirements.txt",
    "pdm.lock": "Export it with hashes: pdm export -o requirements.txt",
    "pipfile.lock": "Export it with hashes: pipenv requirements --hash > requirements.txt",
}
_PLAIN = {".txt", ".in", ".lock", ".pip", ""}


def check_locks(files: Sequence[Path], root: Path | None, clock: Clock) -> Pins:
    """Return what some lock files pin, and what is wrong with them.

    Args:
        files: ``pylock.toml``, ``pylock.NAME.toml`` or requirements files.
        root: folder that includes may not lead out of; None for the folder of each file.
        clock: the moment of this flow.

    Raises:
        UnavailableError: a file cannot be read.
        InputError: a file is no text, or there is too much of it.
        UnsupportedError: a lock of a kind that is not read.
    """
    read: list[LockedFile] = []
    pins: list[Pin] = []
    faults: list[Fault] = []
    for path in files:
        more = _pylock(path, read) if _is_pylock(path) else _requirements(path, root, read)
        pins += more[0]
        faults += more[1]
    order = {file.path: number for number, file in reversed(list(enumerate(read)))}
    faults.sort(key=lambda f: (order[f.file], f.line, f.code, f.subject))
    return Pins(
        tool=__version__,
        created=clock.now,
        clock=clock.source,
        files=tuple(read),
        pins=tuple(pins),
        faults=tuple(faults),
        verdict="fail" if any(f.level == "refused" for f in faults) else "pass",
    )


def _is_pylock(path: Path) -> bool:
    """Say whether a file is a pylock.toml, by its name as PEP 751 wants it; others are requirements, or refused."""
    if _PYLOCK.fullmatch(path.name):
        return True
    remedy = _OTHERS.get(path.name.lower(), "")
    if remedy or path.suffix.lower() not in _PLAIN:
        named = "requirements files (.txt, .in) and pylock.toml or pylock.NAME.toml are read"
        raise UnsupportedError(
            f"not a kind of lock that is read: {named}", place=readable(path), remedy=remedy
        )
    return False


def _text(path: Path, kind: str, read: list[LockedFile]) -> str:
    """Return the text of a file, and note that it was read."""
    data = read_whole(path, BYTES)
    read.append(LockedFile(path=readable(path), kind=kind, digest=digest_of(data)))  # type: ignore[arg-type]
    if b"\0" in data:
        raise InputError("not a text: it holds NUL", place=readable(path), remedy="Write it as UTF-8")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        remedy = "Write it as UTF-8"
        raise InputError("not a text in UTF-8", place=readable(path), remedy=remedy) from error


def _pylock(path: Path, read: list[LockedFile]) -> tuple[list[Pin], list[Fault]]:
    text = _text(path, "pylock", read)
    try:
        return judge_pylock(parse_pylock(text), readable(path))
    except InputError as error:
        place = (readable(path), int(error.place or 0))
        return [], [fault("PIN-15", place, path.name, f"not understood, so not accepted: {error.what}")]


def _requirements(path: Path, root: Path | None, read: list[LockedFile]) -> tuple[list[Pin], list[Fault]]:
    tree = _real(root or path.parent)
    if root and not _real(path).is_relative_to(tree):
        remedy = "Name a folder that holds the file"
        raise InputError("it lies outside of --root", place=readable(path), remedy=remedy)
    reading = _Reading(tree, read)
    reading.read(path, constraint=False, above=())
    return judge_requirements(reading.files)


class _Reading:
    """One requirements file and all that it includes.

    Args:
        tree: resolved folder that no include may lead out of.
        read: notes what was read.
    """

    def __init__(self, tree: Path, read: list[LockedFile]) -> None:
        self._tree, self._read = tree, read
        self._lines = 0
        self._known: set[tuple[Path, bool]] = set()
        self.files: list[RequirementsFile] = []

    def read(self, path: Path, *, constraint: bool, above: tuple[Path, ...]) -> None:
        """Read a file and what it includes; what is included twice is read once."""
        here = (*above, _real(path))
        if (here[-1], constraint) in self._known:
            return
        self._known.add((here[-1], constraint))
        text = _text(path, "constraints" if constraint else "requirements", self._read)
        lines = tuple(islice(parse_requirements(text), LINES + 1 - self._lines))
        self._lines += len(lines)
        if self._lines > LINES:
            raise InputError(
                f"over {LINES:,} lines, with what it includes",
                place=readable(path),
                remedy="Check it in parts, or write a pylock.toml",
            )
        at = len(self.files)
        self.files.append(RequirementsFile(readable(path), lines, constraint))
        refused: list[tuple[Include, str, Code]] = []
        for include in (line for line in lines if isinstance(line, Include)):
            why = self._follow(include, path, here, constraint=constraint)
            refused += [(include, *why)] if why else []
        self.files[at] = RequirementsFile(readable(path), lines, constraint, tuple(refused))

    def _follow(
        self, include: Include, path: Path, here: tuple[Path, ...], *, constraint: bool
    ) -> tuple[str, Code] | None:
        """Read what a line includes, or return why not; a name is relative to the file that it stands in, as for pip."""
        if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", include.target):
            return "an include by address: its content is not fixed by the folder tree", "PIN-11"
        target = path.parent / include.target
        real = _real(target)
        if not real.is_relative_to(self._tree):
            return f"an include that leads out of {readable(self._tree)}", "PIN-11"
        if real in here:
            return "not understood, so not accepted: it includes itself", "PIN-15"
        if len(here) > DEPTH or len(self.files) >= FILES:
            return f"not understood, so not accepted: over {FILES} includes, or {DEPTH} deep", "PIN-15"
        try:
            if not stat.S_ISREG(real.stat().st_mode):
                return "not understood, so not accepted: it includes what is no file", "PIN-15"
            self.read(target, constraint=constraint or include.constraint, above=here)
        except OSError as error:
            what = (error.strerror or str(error)).lower()
            return f"not understood, so not accepted: it includes what cannot be read: {what}", "PIN-15"
        except PratiqueError as error:
            return f"not understood, so not accepted: {error.what}", "PIN-15"
        return None


def _real(path: Path) -> Path:
    """Return where a path leads, there or not; of a circle of links Python 3.13 returns a link, and older ones raise."""
    try:
        real = path.resolve()
        circle = real.is_symlink()
    except (OSError, RuntimeError) as error:
        raise _circle(path) from error
    if circle:
        raise _circle(path)
    return real


def _circle(path: Path) -> InputError:
    return InputError("links that lead in a circle", place=readable(path), remedy="Mend them")
