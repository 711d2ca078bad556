"""Python distributions: dist-info and egg-info folders and files, wherever they lie.

A metadata folder right inside a ``site-packages``, ``dist-packages`` or ``--target`` folder is an installation; one
inside another distribution's own files is a copy vendored there. Does not compare files with RECORD hashes.
"""

import posixpath
from collections.abc import Iterator
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from pratique.ecosystems import purl, python
from pratique.model.files import Tree, TreeFile, Unread
from pratique.model.inventory import Catalogued, Gap, Package

_METADATA = (".dist-info/METADATA", ".egg-info/PKG-INFO", "/EGG-INFO/PKG-INFO")
_RECORDS = (".dist-info/RECORD", ".egg-info/installed-files.txt")


class Metadata(Struct, frozen=True):
    """Name and version of a METADATA or PKG-INFO."""

    name: str
    version: str


class MetadataCataloger:
    """Reads names and versions."""

    name = "python-metadata"
    fatal = False

    def wants(self, path: str) -> bool:
        """Want METADATA, PKG-INFO, and the egg-info that is a file."""
        return path.endswith(_METADATA) or path.endswith(".egg-info")

    def read(self, content: bytes) -> Metadata:
        """Return name and version.

        Raises:
            InputError: one is missing.
        """
        return Metadata(*python.name_and_version(content.decode("utf-8", "backslashreplace")))

    def assemble(self, tree: Tree) -> Catalogued:
        """Return every distribution with the files it owns, vendored copies under their owner."""
        records = dict(_records(tree))
        found = [f for f in tree.facts(self.name) if f[1].entry.kind != "directory"]
        good = [_Found(p, file, fact) for p, file, fact in found if isinstance(fact, Metadata)]
        gaps = [
            Gap(kind="unread-file", subject=p, reason=f.reason) for p, _, f in found if isinstance(f, Unread)
        ]
        packages = tuple(_vendored([_package(g, records, tree) for g in good]))
        return Catalogued(
            packages, (*gaps, *_missing(tree, {g.path for g in good} | {g.subject for g in gaps}))
        )


class RecordCataloger:
    """Reads the lists of installed files."""

    name = "python-record"
    fatal = False

    def wants(self, path: str) -> bool:
        """Want RECORD, and what setuptools wrote before there was one."""
        return path.endswith(_RECORDS)

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
        inside = (posixpath.normpath(posixpath.join("/", base, written)).lstrip("/") for written in fact)
        yield folder, tuple(sorted({real for p in inside if tree.at(real := tree.resolve(p))}))


def _package(found: _Found, records: dict[str, tuple[str, ...]], tree: Tree) -> Package:
    path, file, fact = found
    single = path.endswith(".egg-info")
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
        files=tuple(f for f in files if (there := tree.at(f)) and there.entry.kind != "directory"),
    )


def _vendored(packages: list[Package]) -> Iterator[Package]:
    """Yield the packages; one whose metadata the RECORD of a distribution elsewhere lists is a copy inside that one."""
    metadata = {f"{p.path}/{leaf}": p for p in packages for leaf in ("METADATA", "PKG-INFO")}
    owners: dict[str, str] = {}
    for owner in packages:
        for inner in (metadata[f] for f in owner.files if f in metadata):
            if posixpath.dirname(inner.path) != posixpath.dirname(owner.path):
                owners[inner.path] = owner.id
    for package in packages:
        owner_id = owners.get(package.path, "")
        yield replace(package, vendored_in=owner_id) if owner_id else package


def _missing(tree: Tree, known: set[str]) -> Iterator[Gap]:
    """Yield metadata folders whose METADATA is not there: a distribution of unknown version."""
    folders = {p.rpartition("/")[0] for p, _ in tree.files() if ".dist-info/" in p}
    for folder in sorted(f for f in folders if f.endswith(".dist-info")):
        if f"{folder}/METADATA" not in known:
            reason = "a dist-info folder without METADATA: name and version are unknown"
            yield Gap(kind="unread-file", subject=folder, reason=reason)
