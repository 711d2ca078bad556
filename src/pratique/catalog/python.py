"""Python distributions: dist-info and egg-info folders and files, wherever they lie.

A metadata folder right inside a ``site-packages``, ``dist-packages`` or ``--target`` folder is an installation; one
inside another distribution's own files is a copy vendored there. Does not compare files with RECORD hashes.
"""

import posixpath
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from pratique.ecosystems import purl, python
from pratique.model.files import Tree, TreeFile, Unread
from pratique.model.inventory import Catalogued, Gap, Package

_FOLDERS = {
    "METADATA": (".dist-info",),
    "RECORD": (".dist-info",),
    "PKG-INFO": (".egg-info", "/egg-info"),
    "installed-files.txt": (".egg-info", "/egg-info"),
}
"""In which folders these files count; Python compares the folders' names in lower case (``importlib.metadata``)."""
_INFO = re.compile(r"\.(?:dist|egg)-info\Z", re.ASCII | re.IGNORECASE)


class Metadata(Struct, frozen=True, tag=True):
    """Name, version and requirements of a METADATA or PKG-INFO."""

    name: str
    version: str
    requires: tuple[str, ...] = ()


class MetadataCataloger:
    """Reads names and versions."""

    name = "python-metadata"
    marks: tuple[str, ...] | None = (".dist-info/metadata", "egg-info/pkg-info", ".egg-info")
    fatal = False
    version = 1
    fact: Any = Metadata

    def wants(self, path: str) -> bool:
        """Want METADATA, PKG-INFO, and the egg-info that is a file."""
        return path.lower().endswith(".egg-info") or _among(path, "METADATA", "PKG-INFO")

    def read(self, content: bytes) -> Metadata:
        """Return name and version.

        Raises:
            InputError: one is missing.
        """
        text = content.decode("utf-8", "backslashreplace")
        return Metadata(*python.name_and_version(text), python.requirements(text))

    def assemble(self, tree: Tree) -> Catalogued:
        """Return every distribution with the files it owns, vendored copies under their owner."""
        records = dict(_records(tree))
        found = [f for f in tree.facts(self.name) if f[1].entry.kind != "directory"]
        good = [_Found(p, file, fact) for p, file, fact in found if isinstance(fact, Metadata)]
        gaps = [
            Gap(kind="unread-file", subject=p, reason=f.reason) for p, _, f in found if isinstance(f, Unread)
        ]
        packages = tuple(_vendored([_package(g, records) for g in good]))
        return Catalogued(
            packages, (*gaps, *_missing(tree, {g.path for g in good} | {g.subject for g in gaps}))
        )


class RecordCataloger:
    """Reads the lists of installed files."""

    name = "python-record"
    marks: tuple[str, ...] | None = (".dist-info/record", "egg-info/installed-files.txt")
    fatal = False
    version = 1
    fact: Any = tuple[str, ...]

    def wants(self, path: str) -> bool:
        """Want RECORD, and what setuptools wrote before there was one."""
        return _among(path, "RECORD", "installed-files.txt")

    def read(self, content: bytes) -> tuple[str, ...]:
        """Return the paths as written.

        Raises:
            InputError: it is no list of files.
        """
        return python.record_paths(content.decode("utf-8", "backslashreplace"))

    def assemble(self, tree: Tree) -> Catalogued:
        """Report lists that could not be read; the metadata cataloger uses the others."""
        unread = [(p, f) for p, _, f in tree.facts(self.name) if isinstance(f, Unread)]
        return Catalogued(gaps=tuple(Gap(kind="unread-file", subject=p, reason=f.reason) for p, f in unread))


def _among(path: str, *names: str) -> bool:
    folder, _, name = path.rpartition("/")
    return name in names and f"/{folder}".lower().endswith(_FOLDERS[name])


class _Found(NamedTuple):
    path: str
    file: TreeFile
    fact: Metadata


def _records(tree: Tree) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield (metadata folder, paths in the tree); a RECORD is relative to the site folder, the older list to itself."""
    for path, _, fact in tree.facts(RecordCataloger.name):
        if isinstance(fact, Unread):
            continue
        folder = posixpath.dirname(path)
        base = posixpath.dirname(folder) if path.endswith("RECORD") else folder
        found = (tree.find(_inside(base, written)) for written in fact)
        yield folder, tuple(sorted({real for real, file in found if file and file.entry.kind != "directory"}))


def _inside(base: str, written: str) -> str:
    """Return the path in the tree of a path as RECORD has it: relative to a folder, or absolute."""
    if "//" in written or "./" in written or written[:1] in {"", "/"} or written[-1] in "./" or not base:
        return posixpath.normpath(posixpath.join("/", base, written)).lstrip("/")
    return f"{base}/{written}"


def _package(found: _Found, records: dict[str, tuple[str, ...]]) -> Package:
    path, file, fact = found
    single = path.lower().endswith(".egg-info")
    evidence = path if single else posixpath.dirname(path)
    name = purl.pypi(fact.name, fact.version)
    files = records.get(evidence) or (path,)
    return Package(
        id=f"{name}#{evidence}",
        type="pypi",
        name=fact.name,
        version=fact.version,
        purl=name,
        path=evidence,
        layer=file.layer,
        requires=fact.requires,
        files=files,
    )


def _vendored(packages: list[Package]) -> Iterator[Package]:
    """Yield the packages; one whose metadata a RECORD lists, in a folder below that RECORD's site, is a copy.

    A copy inside a copy counts to the outermost one. No RECORD speaks for what lies beside or above its site.
    """
    metadata = {f"{p.path}/{leaf}": p for p in packages for leaf in ("METADATA", "PKG-INFO")}
    owners: dict[str, Package] = {}
    for owner in packages:
        site = posixpath.dirname(owner.path)
        for inner in (metadata[f] for f in owner.files if f in metadata):
            lies = posixpath.dirname(inner.path)
            if lies != site and (not site or lies.startswith(f"{site}/")):
                owners[inner.path] = owner
    for package in packages:
        carrier = owners.get(package.path)
        while carrier and carrier.path in owners:
            carrier = owners[carrier.path]
        yield replace(package, vendored_in=carrier.id) if carrier else package


def _missing(tree: Tree, known: set[str]) -> Iterator[Gap]:
    """Yield metadata folders without metadata: a distribution of unknown name and version."""
    read = {posixpath.dirname(path) for path in known}
    folders = {path for path in tree.folders() if _INFO.search(path) and tree.below(path)}
    for folder in sorted(folders - read):
        kind = "METADATA" if folder.lower().endswith(".dist-info") else "PKG-INFO"
        reason = f"a metadata folder without {kind}: name and version are unknown"
        yield Gap(kind="unread-file", subject=folder, reason=reason)
