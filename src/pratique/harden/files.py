"""Which files go and which are laid when Python distributions are removed or replaced. Pure.

By their own lists of files (PyPA, "Recording installed projects"); byte code goes with its source, and a folder goes with
its last file: Python would import an empty one as a namespace. What a package that stays also lists is left alone.
"""

import posixpath
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from pratique.model.errors import UnsupportedError
from pratique.model.files import Kind, Tree
from pratique.model.inventory import Package

_SITE = re.compile(r"(?:(?P<prefix>.*)/)?lib/(?P<version>python3\.\d+)/(?:site|dist)-packages")
_VERSIONED = re.compile(r"python3\.\d+")
_INFO = re.compile(r"\.(?:dist|egg)-info(?=/)", re.ASCII | re.IGNORECASE)


class PythonHome(NamedTuple):
    """Where an image's Python keeps things; folders relative to the image's root.

    Attributes:
        site: folder for modules.
        prefix: above ``bin`` and ``share``; empty for the root itself.
        program: absolute path of the interpreter.
    """

    site: str
    prefix: str
    program: str

    @property
    def scripts(self) -> str:
        """Folder for commands."""
        return f"{self.prefix}/bin".lstrip("/")


def python_home(site: str, tree: Tree) -> PythonHome:
    """Return the places that go with a folder of modules.

    Raises:
        UnsupportedError: it is no site folder, or no interpreter is found for it.
    """
    found = _SITE.fullmatch(site)
    if not found:
        raise UnsupportedError(
            "not a folder that a Python looks into by itself",
            place=site,
            remedy="Take its steps out of the plan",
        )
    prefix = found["prefix"] or ""
    for folder in dict.fromkeys((f"{prefix}/bin", "usr/local/bin", "usr/bin")):
        for name in ("python3", found["version"]):
            program = f"{folder.strip('/')}/{name}"
            if _runs(program, found["version"], tree):
                return PythonHome(site, prefix, f"/{program}")
    raise UnsupportedError(
        f"the image has distributions but no {found['version']}",
        place=site,
        remedy="Take their steps out of the plan",
    )


def _runs(program: str, version: str, tree: Tree) -> bool:
    """Say whether a program is there, and by the name of the file that it leads to no Python of another version."""
    file = tree.lookup(program)
    name = posixpath.basename(tree.way(program)[0])
    other = bool(_VERSIONED.fullmatch(name)) and name != version
    return file is not None and file.entry.kind in {Kind.FILE, Kind.HARDLINK} and not other


def doomed(going: Iterable[Package], staying: Iterable[Package], tree: Tree) -> set[str]:
    """Return the files that go with some distributions.

    Args:
        going: Python distributions with a list of files.
        staying: every other package of the image.
        tree: of the image as it is.
    """
    going = tuple(going)
    gone = {package.id for package in going}
    shared = {path for package in staying if package.vendored_in not in gone for path in package.files}
    code, metadata = _byte_code(tree), _metadata(tree)
    found = {path for package in going for path in (*package.files, *metadata.get(package.path, ()))}
    found |= {compiled for path in found for compiled in code.get(path, ())}
    kept = shared | {compiled for path in shared for compiled in code.get(path, ())}
    return {path for path in found - kept if tree.at(path)}


def _byte_code(tree: Tree) -> dict[str, list[str]]:
    """Return source file -> byte code files made of it, whichever Python or tool made them (PEP 3147)."""
    found: dict[str, list[str]] = defaultdict(list)
    for path, _ in tree.files():
        if path.endswith(".pyc") and (source := _source(path, tree)):
            found[source].append(path)
    return found


def _source(path: str, tree: Tree) -> str:
    """Return the source of a byte code file; empty where it has none.

    Of ``__pycache__/a.b.TAG.pyc`` that is ``a.b.py`` before ``a.py``; a tag may hold dots. Of ``a.pyc`` it is ``a.py``.
    """
    folder, name = posixpath.split(path.removesuffix(".pyc"))
    parent, last = posixpath.split(folder)
    stems = [name]
    if last == "__pycache__":
        parts = name.split(".")
        folder, stems = parent, [".".join(parts[:end]) for end in range(len(parts) - 1, 0, -1)]
    sources = (posixpath.join(folder, f"{stem}.py") for stem in stems)
    return next((source for source in sources if tree.at(source)), "")


def _metadata(tree: Tree) -> dict[str, list[str]]:
    """Return metadata folder -> the files in it, listed anywhere or not."""
    found: dict[str, list[str]] = defaultdict(list)
    for path, _ in tree.files():
        for match in _INFO.finditer(path):
            found[path[: match.end()]].append(path)
    return found


def emptied(gone: Collection[str], laid: Collection[str], tree: Tree, fixed: Sequence[str]) -> set[str]:
    """Return the folders that lose their last file, but for ``bin`` and the like beside a site folder's ``lib``.

    Args:
        gone: files that go.
        laid: files that are put in place.
        tree: of the image as it is.
        fixed: site folders, which stay with everything above them.
    """
    going = set(gone)
    prefixes = {match["prefix"] or "" for site in fixed if (match := _SITE.fullmatch(site))}
    left = {posixpath.dirname(path) for path in laid}
    left.update(posixpath.dirname(path) for path, _ in tree.files() if path not in going)
    kept = {folder for path in (*left, *fixed) for folder in _up(path)}
    lost = {posixpath.dirname(path) for path in going}
    found = {folder for path in lost for folder in _up(path)} - kept
    return {folder for folder in found if posixpath.dirname(folder) not in prefixes}


def _up(folder: str) -> Iterator[str]:
    """Yield a folder and all above it."""
    while folder:
        yield folder
        folder = posixpath.dirname(folder)
