"""dpkg: installed Debian packages from ``status``, ``status.d`` and the file lists beside them (dpkg(1), dpkg-query(1)).

Does not read diversions, and believes the database as far as its own file lists agree.
"""

from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from pratique.catalog.osrelease import distribution
from pratique.ecosystems import debian, purl
from pratique.model.errors import InputError
from pratique.model.files import Tree, TreeFile, Unread
from pratique.model.inventory import Catalogued, Distribution, Gap, Package, SourcePackage

_ROOT = "var/lib/dpkg/"
_STATUS = _ROOT + "status"
_STATUS_D = _ROOT + "status.d/"
_INFO = _ROOT + "info/"
_ABSENT = {"not-installed", "config-files"}
_STATES = _ABSENT | {
    "half-installed",
    "unpacked",
    "half-configured",
    "triggers-awaited",
    "triggers-pending",
    "installed",
}
_RPM = ("var/lib/rpm/", "usr/lib/sysimage/rpm/", "usr/share/rpm/")
_OTHERS = (
    *(folder + name for folder in _RPM for name in ("rpmdb.sqlite", "Packages", "Packages.db")),
    "lib/apk/db/installed",
    "usr/lib/apk/db/installed",
)
"""Databases of other package managers, each a gap of its own: where one lies, dpkg's is not missed."""
_NO_DATABASE = Gap(
    kind="incomplete-database",
    subject=_STATUS,
    reason="no dpkg database names a package: what a distribution installed here is unknown",
)


class Recorded(Struct, frozen=True):
    """One package of a status file, installed or not."""

    name: str
    state: str
    version: str
    architecture: str
    source: str
    source_version: str
    maintainer: str
    requires: tuple[str, ...]
    provides: tuple[str, ...]
    essential: bool


class StatusCataloger:
    """Reads package databases; damage to one ends the scan."""

    name = "dpkg-status"
    marks: tuple[str, ...] | None = (_ROOT,)
    fatal = True
    version = 1
    fact: Any = tuple[Recorded, ...]

    def wants(self, path: str) -> bool:
        """Want ``status`` and the files of ``status.d``, as distroless images have them."""
        return path == _STATUS or (path.startswith(_STATUS_D) and not path.endswith(".md5sums"))

    def read(self, content: bytes) -> tuple[Recorded, ...]:
        """Return the packages of one status file.

        Raises:
            InputError: the database is damaged or cut.
        """
        text = content.decode("utf-8", "backslashreplace")
        packages: dict[tuple[str, str], Recorded] = {}
        for fields in debian.paragraphs(text):
            package = _recorded(fields)
            key = package.name.lower(), package.architecture
            if key in packages:
                raise InputError("a package stands twice", place=package.name)
            packages[key] = package
        return tuple(packages.values())

    def assemble(self, tree: Tree) -> Catalogued:
        """Return the packages of every status file with the files they own."""
        release = distribution(tree)
        lists = _Lists(tree)
        packages: list[Package] = []
        gaps: list[Gap] = []
        known: set[str] = set()
        for path, file, fact in tree.facts(self.name):
            if isinstance(fact, Unread):
                gaps.append(Gap(kind="unread-file", subject=path, reason=fact.reason))
            else:
                known |= {name for r in fact for name in _list_names(r, path)}
                packages += (_package(r, path, file, release, lists) for r in fact if r.state not in _ABSENT)
        if known:
            gaps += lists.gaps(known)
        elif not gaps and not any(_is_file(tree, path) for path in _OTHERS):
            gaps.append(_NO_DATABASE)
        return Catalogued(tuple(packages), tuple(gaps))


class ListCataloger:
    """Reads the file lists: ``info/*.list`` of dpkg, ``status.d/*.md5sums`` of distroless images."""

    name = "dpkg-list"
    marks: tuple[str, ...] | None = (_ROOT,)
    fatal = False
    version = 1
    fact: Any = tuple[str, ...]

    def wants(self, path: str) -> bool:
        """Want the file lists."""
        return (path.startswith(_INFO) and path.endswith(".list")) or (
            path.startswith(_STATUS_D) and path.endswith(".md5sums")
        )

    def read(self, content: bytes) -> tuple[str, ...]:
        """Return the paths of one list, relative to the root."""
        lines = content.decode("utf-8", "backslashreplace").split("\n")
        return tuple(_listed(line) for line in lines if line.strip("/. "))

    def assemble(self, tree: Tree) -> Catalogued:
        """Report lists that could not be read; the status cataloger uses the others."""
        unread = [(p, f) for p, _, f in tree.facts(self.name) if isinstance(f, Unread)]
        return Catalogued(gaps=tuple(Gap(kind="unread-file", subject=p, reason=f.reason) for p, f in unread))


def _listed(line: str) -> str:
    """Return the path of a line: ``/path`` of a list, ``<md5>  path`` of md5sums."""
    return line[1:] if line.startswith("/") else line.partition("  ")[2].removeprefix("./").lstrip("/")


def _is_file(tree: Tree, path: str) -> bool:
    file = tree.at(path)
    return file is not None and file.entry.kind != "directory"


def _list_names(package: Recorded, path: str) -> tuple[str, ...]:
    """Return the names that a package's file list can have; distroless images name it as they name its status file."""
    return f"{package.name}:{package.architecture}", package.name, path.rpartition("/")[2]


def _recorded(fields: dict[str, str]) -> Recorded:
    """Return the package of a paragraph.

    Files of ``status.d`` have no Status field: what lies there is installed. Only a package that is not or half
    installed may lack a version.
    """
    package = debian.package_name(fields.get("Package", ""))
    status = fields.get("Status", "install ok installed")
    state = status.split()[2:]
    if len(state) != 1 or state[0] not in _STATES:
        raise InputError(f"not a package status: {status[:60]!r}", place=package)
    version = fields.get("Version", "")
    if not version and state[0] not in {*_ABSENT, "half-installed"}:
        raise InputError("a paragraph without the field Version", place=package)
    source, source_version = debian.source_of(package, version, fields.get("Source", ""))
    return Recorded(
        name=package,
        state=state[0],
        version=version,
        architecture=fields.get("Architecture", ""),
        source=source,
        source_version=source_version,
        maintainer=fields.get("Maintainer", ""),
        requires=_listed_in(fields, "Pre-Depends", "Depends"),
        provides=_listed_in(fields, "Provides"),
        essential=fields.get("Essential") == "yes",
    )


def _listed_in(fields: dict[str, str], *names: str) -> tuple[str, ...]:
    """Return the parts of comma-separated fields, each on one line."""
    parts = (" ".join(part.split()) for name in names for part in fields.get(name, "").split(","))
    return tuple(part for part in parts if part)


class _Lists:
    """The file lists of the tree, by the name of the package that they belong to."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._found: dict[str, tuple[str, TreeFile, tuple[str, ...]]] = {}
        for path, file, fact in tree.facts(ListCataloger.name):
            if not isinstance(fact, Unread):
                name = path.rpartition("/")[2].removesuffix(".list").removesuffix(".md5sums")
                self._found[name] = (path, file, fact)

    def of(self, package: Recorded, path: str) -> tuple[TreeFile | None, tuple[str, ...]]:
        """Return the list file of a package and the files it names, as they lie in the tree."""
        for name in _list_names(package, path):
            if name in self._found:
                _, file, paths = self._found[name]
                return file, tuple(sorted(set(self._present(paths))))
        return None, ()

    def _present(self, paths: tuple[str, ...]) -> Iterator[str]:
        """Yield what exists and is no folder: packages share folders, and slim bases leave documentation out."""
        for path in paths:
            real, file = self._tree.find(path)
            if file and file.entry.kind != "directory":
                yield real

    def gaps(self, known: set[str]) -> Iterator[Gap]:
        """Yield lists of packages that no database names: a paragraph was lost or cut out."""
        for name, (path, _, _) in sorted(self._found.items()):
            if name not in known:
                reason = f"dpkg keeps a file list for {name}, but the database does not name it"
                yield Gap(kind="incomplete-database", subject=path, reason=reason)


def _package(
    installed: Recorded, path: str, file: TreeFile, release: Distribution | None, lists: _Lists
) -> Package:
    """Return a package; the layer that brought this version is the one that wrote its file list."""
    listed, files = lists.of(installed, path)
    name = purl.deb(installed.name, installed.version, installed.architecture, release)
    return Package(
        id=f"{name}#{path}",
        type="deb",
        name=installed.name,
        version=installed.version,
        purl=name,
        architecture=installed.architecture,
        maintainer=installed.maintainer,
        source=SourcePackage(installed.source, installed.source_version),
        path=path,
        layer=(listed or file).layer,
        requires=installed.requires,
        provides=installed.provides,
        essential=installed.essential,
        files=files,
    )
