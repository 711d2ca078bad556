"""dpkg: installed Debian packages from ``status``, ``status.d`` and the file lists beside them (dpkg(1), dpkg-query(1)).

Does not read diversions, and believes the database: evidence that it was edited is weighed elsewhere.
"""

from collections.abc import Iterator

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


class Installed(Struct, frozen=True):
    """One installed package of a status file."""

    name: str
    version: str
    architecture: str
    source: str
    source_version: str
    multi_arch: str


class StatusCataloger:
    """Reads package databases; damage to one ends the scan."""

    name = "dpkg-status"
    fatal = True

    def wants(self, path: str) -> bool:
        """Want ``status`` and the files of ``status.d``, as distroless images have them."""
        return path == _STATUS or (path.startswith(_STATUS_D) and not path.endswith(".md5sums"))

    def read(self, content: bytes) -> tuple[Installed, ...]:
        """Return the installed packages of one status file.

        Raises:
            InputError: the database is damaged or cut.
        """
        text = content.decode("utf-8", "backslashreplace")
        return tuple(package for fields in debian.paragraphs(text) if (package := _installed(fields)))

    def assemble(self, tree: Tree) -> Catalogued:
        """Return the packages of every status file with the files they own."""
        release = distribution(tree)
        lists = _Lists(tree)
        packages: list[Package] = []
        gaps: list[Gap] = []
        for path, file, fact in tree.facts(self.name):
            if isinstance(fact, Unread):
                gaps.append(Gap(kind="unread-file", subject=path, reason=fact.reason))
            else:
                packages += (_package(i, path, file, release, lists) for i in fact)
        return Catalogued(tuple(packages), (*gaps, *lists.gaps(packages)))


class ListCataloger:
    """Reads the file lists: ``info/*.list`` of dpkg, ``status.d/*.md5sums`` of distroless images."""

    name = "dpkg-list"
    fatal = False

    def wants(self, path: str) -> bool:
        """Want the file lists."""
        return (path.startswith(_INFO) and path.endswith(".list")) or (
            path.startswith(_STATUS_D) and path.endswith(".md5sums")
        )

    def read(self, content: bytes) -> tuple[str, ...]:
        """Return the paths of one list, relative to the root."""
        lines = content.decode("utf-8", "backslashreplace").splitlines()
        return tuple(_listed(line) for line in lines if line.strip("/. "))

    def assemble(self, tree: Tree) -> Catalogued:
        """Report lists that could not be read; the status cataloger uses the others."""
        unread = [(p, f) for p, _, f in tree.facts(self.name) if isinstance(f, Unread)]
        return Catalogued(gaps=tuple(Gap(kind="unread-file", subject=p, reason=f.reason) for p, f in unread))


def _listed(line: str) -> str:
    """Return the path of a line: ``/path`` of a list, ``<md5>  path`` of md5sums."""
    return line[1:] if line.startswith("/") else line.partition("  ")[2].removeprefix("./").lstrip("/")


def _installed(fields: dict[str, str]) -> Installed | None:
    """Return the package of a paragraph; None where only its configuration is left.

    Files of ``status.d`` have no Status field: what lies there is installed.
    """
    status = fields.get("Status", "install ok installed").split()
    if len(status) != 3:
        raise InputError(f"not a package status: {fields['Status'][:60]!r}", place=fields.get("Package", ""))
    if status[2] in _ABSENT:
        return None
    for name in ("Package", "Version"):
        if not fields.get(name):
            raise InputError(f"a paragraph without the field {name}", place=fields.get("Package", ""))
    package, version = fields["Package"], fields["Version"]
    source, source_version = debian.source_of(package, version, fields.get("Source", ""))
    arch = fields.get("Architecture", "")
    return Installed(package, version, arch, source, source_version, fields.get("Multi-Arch", ""))


class _Lists:
    """The file lists of the tree, by the name of the package that they belong to."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._found: dict[str, tuple[TreeFile, tuple[str, ...]]] = {}
        for path, file, fact in tree.facts(ListCataloger.name):
            if not isinstance(fact, Unread):
                name = path.rpartition("/")[2].removesuffix(".list").removesuffix(".md5sums")
                self._found[name] = (file, fact)
        self._status = any(path == _STATUS for path, _, _ in tree.facts(StatusCataloger.name))

    def of(self, package: Installed, path: str) -> tuple[TreeFile | None, tuple[str, ...]]:
        """Return the list file of a package and the files it names, as they lie in the tree."""
        stem = path.rpartition("/")[2]
        for name in (f"{package.name}:{package.architecture}", package.name, stem):
            if name in self._found:
                file, paths = self._found[name]
                return file, tuple(sorted(set(self._present(paths))))
        return None, ()

    def _present(self, paths: tuple[str, ...]) -> Iterator[str]:
        """Yield what exists and is no folder: packages share folders, and slim bases leave documentation out."""
        for path in paths:
            real = self._tree.resolve(path)
            file = self._tree.at(real)
            if file and file.entry.kind != "directory":
                yield real

    def gaps(self, packages: list[Package]) -> Iterator[Gap]:
        """Yield lists of packages that the database does not name: a paragraph was lost or cut out.

        dpkg keeps the list of a removed package that left configuration behind, so a list whose files are all gone
        says nothing.
        """
        known = {name for p in packages for name in (p.name, f"{p.name}:{p.architecture}")}
        for name, (_, paths) in sorted(self._found.items()):
            if name not in known and self._status and any(self._present(paths)):
                reason = f"dpkg keeps a file list for {name}, and its files are there, but the database does not name it"
                yield Gap(kind="incomplete-database", subject=f"{_INFO}{name}.list", reason=reason)


def _package(
    installed: Installed, path: str, file: TreeFile, release: Distribution | None, lists: _Lists
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
        source=SourcePackage(installed.source, installed.source_version),
        path=path,
        layer=(listed or file).layer,
        files=files,
    )
