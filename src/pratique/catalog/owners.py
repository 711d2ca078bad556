"""Who owns what: a Python distribution inside a Debian package is that package under a second name."""

import posixpath
from collections.abc import Sequence

from msgspec.structs import replace

from pratique.model.files import Tree
from pratique.model.inventory import Package

_SITES = {"dist-packages", "site-packages"}


def adopt(packages: tuple[Package, ...]) -> list[Package]:
    """Return the packages with distributions that a Debian package owns folded into it.

    Debian fixes flaws without raising the upstream version, so only Debian's own version says what such a copy holds.
    A copy vendored inside a Debian package is part of it and no name of its own.
    """
    owners = {path: p.id for p in packages if p.type == "deb" for path in p.files}
    adopted = {p.id: owner for p in packages if p.type == "pypi" and (owner := _owner(p, owners))}
    names: dict[str, list[Package]] = {}
    for package in packages:
        if package.id in adopted and posixpath.basename(posixpath.dirname(package.path)) in _SITES:
            names.setdefault(adopted[package.id], []).append(package)
    return [_named(p, names.get(p.id, ()), adopted) for p in packages if p.id not in adopted]


def _named(package: Package, also: Sequence[Package], adopted: dict[str, str]) -> Package:
    """Return a package with its other names; a copy inside an adopted distribution lies in the Debian package."""
    carrier = adopted.get(package.vendored_in, package.vendored_in)
    return replace(package, also=tuple(sorted(a.purl for a in also)), vendored_in=carrier)


def _owner(package: Package, owners: dict[str, str]) -> str | None:
    """Return the Debian package that owns the metadata of a distribution."""
    places = (package.path, f"{package.path}/METADATA", f"{package.path}/PKG-INFO")
    return next((owners[place] for place in places if place in owners), None)


def sized(tree: Tree, package: Package) -> Package:
    """Return a package with the bytes of the files it owns."""
    sizes = (file.entry.size for path in package.files if (file := tree.at(path)))
    return replace(package, size=sum(sizes))


def unowned(tree: Tree, packages: tuple[Package, ...]) -> tuple[int, int]:
    """Return (entries that are not folders, how many of them no package owns)."""
    owned = {path for p in packages for path in p.files}
    paths = [path for path, _ in tree.files()]
    return len(paths), sum(path not in owned for path in paths)
