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
from pratique.model.files import Tree
from pratique.model.inventory import Package

_SITE = re.compile(r"(?:(?P<prefix>.*)/)?lib/python3\.\d+/(?:site|dist)-packages")
_INFO = re.compile(r"(?P<folder>.*?\.(?:dist|egg)-info)/", re.ASCII)
_CODE = re.compile(r"(?P<folder>.*?)/?__pycache__/(?P<stem>[^/]+)\.[a-z]+-\d+(?:\.opt-\d)?\.pyc")


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


def python_home(site: str, tree: Tree) -> PythonHome:
    """Return the places that go with a folder of modules.

    Raises:
        UnsupportedError: it is no site folder, or no interpreter is found for it.
    """
    found = _SITE.fullmatch(site)
    if not found:
        raise UnsupportedError("not a folder that a Python looks into by itself", place=site)
    prefix = found["prefix"] or ""
    for folder in dict.fromkeys((f"{prefix}/bin", "usr/local/bin", "usr/bin")):
        if tree.lookup(f"{folder.strip('/')}/python3"):
            return PythonHome(site, prefix, f"/{folder.strip('/')}/python3")
    raise UnsupportedError("the image has distributions but no python3", place=site)


def doomed(going: Iterable[Package], staying: Iterable[Package], tree: Tree) -> set[str]:
    """Return the files that go with some distributions.

    Args:
        going: Python distributions with a list of files.
        staying: every other package of the image.
        tree: of the image as it is.
    """
    shared = {path for package in staying for path in package.files}
    code, metadata = _byte_code(tree), _metadata(tree)
    found: set[str] = set()
    for package in going:
        owned = [*package.files, *metadata.get(package.path, ())]
        sources = (path for path in owned if path.endswith(".py"))
        found.update(owned, *(code.get(source, ()) for source in sources if source not in shared))
    return {path for path in found - shared if tree.at(path)}


def _byte_code(tree: Tree) -> dict[str, list[str]]:
    """Return source file -> byte code files made of it, whichever Python made them."""
    found: dict[str, list[str]] = defaultdict(list)
    for path, _ in tree.files():
        if path.endswith(".pyc") and (match := _CODE.fullmatch(path)):
            found[f"{match['folder']}/{match['stem']}.py".lstrip("/")].append(path)
    return found


def _metadata(tree: Tree) -> dict[str, list[str]]:
    """Return metadata folder -> the files in it, listed anywhere or not."""
    found: dict[str, list[str]] = defaultdict(list)
    for path, _ in tree.files():
        if match := _INFO.match(path):
            found[match["folder"]].append(path)
    return found


def emptied(gone: Collection[str], laid: Collection[str], tree: Tree, fixed: Sequence[str]) -> set[str]:
    """Return the folders that lose their last file, without those that are kept empty or not.

    Args:
        gone: files that go.
        laid: files that are put in place.
        tree: of the image as it is.
        fixed: folders that stay, with everything above them.
    """
    left: dict[str, int] = defaultdict(int)
    for path, _ in tree.files():
        left[posixpath.dirname(path)] += 1
    for path in gone:
        left[posixpath.dirname(path)] -= 1
    for path in laid:
        left[posixpath.dirname(path)] += 1
    full = {folder for path, count in left.items() if count > 0 for folder in _up(path)}
    kept = {folder for path in fixed for folder in _up(path)}
    return {f for path in gone for f in _up(posixpath.dirname(path)) if f and f not in full and f not in kept}


def _up(folder: str) -> Iterator[str]:
    """Yield a folder and all above it."""
    while folder:
        yield folder
        folder = posixpath.dirname(folder)
