"""Installed Python files compared with what locked wheels lay; what no wheel accounts for is told, never passed over.

Works on facts: digests of the image's files, its scripts and its byte code. What the wheel lays is the truth; the RECORD in
the image, and what else it says of itself, is not asked.
"""

import posixpath
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cache
from types import MappingProxyType

from msgspec import Struct

from pratique.ecosystems import bytecode, launcher
from pratique.model.digest import Digest
from pratique.model.files import Kind, Tree, TreeFile, Unread
from pratique.model.inventory import Package
from pratique.model.verification import Deviation, DeviationKind, Unchecked

_FREE = ("INSTALLER", "RECORD", "REQUESTED", "direct_url.json", "uv_cache.json", "RECORD.jws", "RECORD.p7s")
"""What installers write of their own into a metadata folder; none of it is run."""

_SITE = re.compile(r"(?:.*/)?lib/python3(?:\.\d+)?/(?:site|dist)-packages")
_LIBRARY = re.compile(r"(?:.*/)?lib/python3(?:(?:\.\d+)?/|\d+\.zip$)")
_CUSTOM = r"(?:sitecustomize|usercustomize)"
_HOOK = re.compile(
    rf"(?:.*/)?(?:[^/]+\.pth|{_CUSTOM}(?:/__init__)?\.(?:py|pyc|so|[^/]+\.so)|__pycache__/{_CUSTOM}\.[^/]+\.pyc"
    r"|lib/python3\d+\.zip)"
)
"""What Python runs at every start: also as a folder, which comes before a file, and as byte code, which comes before its
source; and the archive that it looks into before its own library."""

_RENAMED = re.compile(r"(?:pip|easy_install)-?[0-9.]+")
_NUMBERED = re.compile(r"-?[0-9.]+")
_EXAMPLES = 5
_LOCAL = "usr/local/"
"""No Debian package places a file there (Debian Policy 9.1.2): a list of files that says so is not believed."""

_DEBIAN = "owned by Debian packages, which no lock of Python packages names"
_BESIDE = "in no locked wheel, beside distributions in a folder of another name than site-packages"
_LOADED = (".py", ".pyc", ".pyd", ".so", ".pth", ".zip", ".egg", ".whl")
_OTHER_PYTHON = "byte code of another Python than Pratique runs on, which it cannot compile"


class Laid(Struct, frozen=True):
    """A file that an installer lays.

    Attributes:
        path: in the image.
        content: of scripts; else empty.
        code: optimisation -> outline of what a source compiles to; None where that cannot be told here.
    """

    path: str
    digest: Digest
    content: bytes = b""
    code: Mapping[int, bytes | None] = MappingProxyType({})


class Place(Struct, frozen=True):
    """Where the scripts of a distribution lie, and the absolute path of the interpreter that they name."""

    scripts: str
    program: str


class Comparison:
    """An image on its way through its wheels.

    Args:
        tree: with the facts of ``pratique.catalog.contents``.
        packages: of the image.
    """

    def __init__(self, tree: Tree, packages: Sequence[Package]) -> None:
        self._tree = tree
        self._debian = {f for p in packages if p.type == "deb" for f in p.files if not f.startswith(_LOCAL)}
        self._top = [p for p in packages if p.type == "pypi" and not p.vendored_in]
        self._code, self._metadata = _byte_code(tree), _metadata(tree, {p.path for p in self._top})
        self._seen: set[str] = set()
        self._laid: dict[str, Digest] = {}
        self._judged: set[str] = set()
        self._owned: set[str] = set()
        self._scripts: dict[str, dict[str, str]] = defaultdict(dict)
        self._places: dict[str, Place] = {}
        self._unchecked: dict[str, list[str]] = defaultdict(list)
        self._deviations: list[Deviation] = []
        self._unread = 0

    def levels(self, path: str) -> tuple[int, ...]:
        """Return in which optimisations the image has byte code of a source that is to be compared."""
        own = bytecode.own_version()
        return tuple(
            level for _, version, level in self._code.get(self._tree.resolve(path), ()) if version == own
        )

    def compare(self, package: Package, laid: Sequence[Laid], place: Place) -> int:
        """Compare a distribution with what its wheel lays; return how many files are the same."""
        free = {f"{package.path}/{name}" for name in _FREE}
        self._seen |= free
        self._laid = {self._tree.resolve(file.path): file.digest for file in laid}
        self._places[self._folder(place.scripts)] = place
        return sum(self._file(package, file, place) for file in laid if file.path not in free)

    @property
    def doubts(self) -> int:
        """Return how many deviations were noted so far, and files of wheels that could not be read."""
        return len(self._deviations) + self._unread

    def unlocked(self, package: Package) -> None:
        """Note a distribution that the lock does not name."""
        self._note("not locked", package.path, package, "no lock names this distribution and version")
        self._owned |= self._files_of(package)

    def absent(self, name: str, version: str) -> None:
        """Note a locked distribution that is not there."""
        text = "locked, but not installed"
        found = Deviation(kind="not installed", path="", distribution=f"{name} {version}".strip(), text=text)
        self._deviations.append(found)

    def skip(self, package: Package, reason: str) -> None:
        """Note a distribution that cannot be compared."""
        files = self._files_of(package)
        self._unchecked[reason] += sorted(files)
        self._owned |= files

    def finish(self) -> tuple[tuple[Deviation, ...], tuple[Unchecked, ...]]:
        """Look at every file that no wheel accounts for, and return all that was found."""
        self._listed()
        inside = _above({self._tree.resolve(posixpath.dirname(p.path)) for p in self._top})
        for path, file in self._tree.files():
            if path in self._seen:
                continue
            hook = _LIBRARY.match(path) and _HOOK.fullmatch(path)
            folder = path.rpartition("/")[0]
            if hook or inside(folder) or _SITE.match(path):
                self._left(path, file)
            elif folder in self._places:
                self._program(path, file)
        unchecked = (
            Unchecked(reason=reason, count=len(paths), examples=tuple(sorted(paths)[:_EXAMPLES]))
            for reason, paths in sorted(self._unchecked.items())
        )
        return tuple(sorted(self._deviations, key=lambda d: (d.path, d.kind, d.distribution))), tuple(
            unchecked
        )

    def _folder(self, path: str) -> str:
        """Return a folder with every link on the way followed."""
        return posixpath.dirname(self._tree.resolve(f"{path}/x"))

    def _files_of(self, package: Package) -> set[str]:
        """Return the files of a distribution that was not compared, by what the image itself says."""
        inside = {path for path in package.files if not _HOOK.fullmatch(path)}
        inside |= self._metadata.get(package.path, {package.path})
        code = {compiled for path in inside for compiled, _, _ in self._code.get(path, ())}
        return (inside | code) - self._debian

    def _note(
        self,
        kind: DeviationKind,
        path: str,
        package: Package | None,
        text: str,
        digests: tuple[Digest | None, Digest | None] = (None, None),
    ) -> None:
        owner = f"{package.name} {package.version}" if package else ""
        locked, installed = digests
        self._deviations.append(
            Deviation(kind=kind, path=path, distribution=owner, text=text, locked=locked, installed=installed)
        )

    def _file(self, package: Package, laid: Laid, place: Place) -> bool:
        """Compare one file, and the byte code made of it."""
        path = self._tree.resolve(laid.path)
        self._seen.add(path)
        file, name = self._tree.at(path), posixpath.basename(path)
        script = posixpath.dirname(laid.path) == place.scripts and laid.content
        if script and (command := self._command(laid.content)):
            self._scripts[self._folder(place.scripts)][name] = command
        if file is None:
            if not (script and _RENAMED.fullmatch(name)):
                self._note("missing", path, package, "the locked wheel has it", (laid.digest, None))
            return False
        if file.entry.kind not in {Kind.FILE, Kind.HARDLINK}:
            self._note("changed", path, package, f"a {file.entry.kind} in its place", (laid.digest, None))
            return False
        self._byte_code_of(path, laid, package)
        found = file.digest
        if found == laid.digest:
            return True
        if found is None:
            self._unchecked["stored sparse, or a link to what was not read"].append(path)
            self._unread += 1
            return False
        digests = (laid.digest, found)
        if _source(path) in self._laid:  # an installer compiled it anew: judged with its source
            return False
        if not script:
            self._note("changed", path, package, "not the bytes of the locked wheel", digests)
            return False
        if why := self._other_script(laid.content, file, place):
            self._note("launcher", path, package, why, digests)
        return not why

    def _command(self, content: bytes) -> str:
        parts = launcher.split(content)
        return launcher.entry_point(parts.body) if parts else ""

    def _other_script(self, wanted: bytes, file: TreeFile, place: Place) -> str:
        """Return what is wrong with a script that may differ in its first line and in who made it."""
        text = file.facts.get("script")
        interpreter = launcher.same(wanted, text) if isinstance(text, bytes) else ""
        if not interpreter:
            return "it does not run what the locked wheel says"
        return "" if self._same_program(interpreter, place.program) else f"it is run by {interpreter}"

    def _same_program(self, one: str, other: str) -> bool:
        return self._tree.way(one.lstrip("/"))[0] == self._tree.way(other.lstrip("/"))[0]

    def _byte_code_of(self, source: str, laid: Laid, package: Package) -> None:
        """Compare the byte code made of a source with what the locked source compiles to."""
        for path, version, level in self._code.get(source, ()):
            file = self._tree.at(path)
            if path in self._judged or path in self._debian or file is None:
                continue
            if file.digest == self._laid.get(path, ""):  # the wheel itself brings it
                continue
            self._judged.add(path)
            self._seen.add(path)
            found, wanted = file.facts.get("byte-code"), laid.code.get(level)
            if version != bytecode.own_version():
                self._unchecked[_OTHER_PYTHON].append(path)
            elif found is None or wanted is None:
                self._unchecked["byte code that cannot be compiled here"].append(path)
            elif found != wanted:
                why = f": {found.reason}" if isinstance(found, Unread) else ""
                text = f"not what the locked source compiles to{why}"
                self._note("byte code", path, package, text, (None, file.digest))

    def _listed(self) -> None:
        """Note what a RECORD lists and the locked wheel does not hold, wherever it lies."""
        for package in self._top:
            for path in package.files:
                if path not in self._seen and path not in self._owned and not path.endswith(".pyc"):
                    file = self._tree.at(path)
                    if file and not self._alias(path, file):
                        kind: DeviationKind = "start-up hook" if _HOOK.fullmatch(path) else "added"
                        text = "RECORD lists it, but the locked wheel does not hold it"
                        self._note(kind, path, package, text, (None, file.digest))
                    self._seen.add(path)

    def _left(self, path: str, file: TreeFile) -> None:
        """Judge a file that no wheel laid, where Python looks for modules."""
        source = _source(path)
        if path in self._debian or (source and source in self._debian):
            self._unchecked[_DEBIAN].append(path)
        elif path in self._owned:
            pass
        elif _HOOK.fullmatch(path):
            text = "in no locked wheel; Python runs it at every start"
            self._note("start-up hook", path, None, text, (None, file.digest))
        elif path.endswith(".pyc") and not (source and self._tree.at(source)):
            self._note("byte code", path, None, "byte code without source", (None, file.digest))
        elif _SITE.match(path) or path.endswith(_LOADED) or file.entry.kind is Kind.SYMLINK:
            self._note("added", path, None, "in no locked wheel", (None, file.digest))
        else:
            self._unchecked[_BESIDE].append(path)

    def _program(self, path: str, file: TreeFile) -> None:
        """Judge a file that no wheel laid, in a folder of commands: Python scripts alone are looked at."""
        text = file.facts.get("script")
        if path in self._debian or path in self._owned or not isinstance(text, bytes):
            return
        if b"python" in text.partition(b"\n")[0] and not self._alias(path, file):
            self._note("added", path, None, "a Python script of no locked wheel", (None, file.digest))

    def _alias(self, path: str, file: TreeFile) -> bool:
        """Say whether a script is a command of a locked wheel under a name with a version, as pip makes for itself."""
        folder, name = posixpath.split(path)
        place, text = self._places.get(folder), file.facts.get("script")
        parts = launcher.split(text) if isinstance(text, bytes) else None
        if place is None or parts is None or not self._same_program(parts.interpreter, place.program):
            return False
        command = launcher.entry_point(parts.body)
        return any(
            command == known and name.startswith(stem) and _NUMBERED.fullmatch(name.removeprefix(stem))
            for stem, known in self._stems(folder).items()
        )

    def _stems(self, folder: str) -> Mapping[str, str]:
        """Return the commands of a folder by their names without a version."""
        return {re.sub(r"-?[0-9.]+$", "", name): command for name, command in self._scripts[folder].items()}


def _above(folders: Collection[str]) -> Callable[[str], tuple[str, ...]]:
    """Return what says which of some folders a folder is, or lies below."""
    return cache(lambda folder: tuple(f for f in _up(folder) if f in folders))


def _up(folder: str) -> Iterator[str]:
    while folder:
        yield folder
        folder = folder.rpartition("/")[0]


def _source(path: str) -> str:
    """Return where the source of byte code lies; empty for what is no byte code in ``__pycache__``."""
    folder, name = posixpath.split(path)
    found = bytecode.cached_name(name) if posixpath.basename(folder) == "__pycache__" else None
    return posixpath.join(posixpath.dirname(folder), f"{found[0]}.py") if found else ""


def _metadata(tree: Tree, folders: Collection[str]) -> dict[str, set[str]]:
    """Return metadata folder -> the files in it."""
    found: dict[str, set[str]] = defaultdict(set)
    above = _above(folders)
    for path, _ in tree.files():
        for folder in above(path.rpartition("/")[0]):
            found[folder].add(path)
        if path in folders:  # an egg-info that is a file
            found[path].add(path)
    return found


def _byte_code(tree: Tree) -> dict[str, list[tuple[str, str, int]]]:
    """Return source -> (byte code, Python version, optimisation)."""
    found: dict[str, list[tuple[str, str, int]]] = defaultdict(list)
    for path, _ in tree.files():
        if path.endswith(".pyc") and (source := _source(path)):
            named = bytecode.cached_name(posixpath.basename(path))
            if named:
                found[source].append((path, named[1], named[2]))
    return found
