"""Debian repositories: the packages that a release offers, and verified package files.

Follows the Debian repository format. A mirror is trusted with nothing: it may withhold, and is found out by dates; it
may not change, which signature and digests show. Resolves no dependencies.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from pratique.ecosystems import debian_archive
from pratique.ecosystems.debian import version_key
from pratique.ecosystems.debian_archive import DebPackage
from pratique.model.errors import InputError, PratiqueError
from pratique.model.plan import Artifact
from pratique.repositories import signatures
from pratique.repositories.apt import DebianSource, credentials, sources
from pratique.repositories.memory import Memory
from pratique.repositories.suite import Suite
from pratique.storage import create_atomic
from pratique.transport import MissingError, Transport

__all__ = [
    "DebPackage",
    "DebianIndex",
    "DebianSource",
    "artifact",
    "fetch",
    "open_transport",
    "read_index",
    "sources",
]


class _Part:
    """One Packages file, and where each name lies in it."""

    def __init__(self, data: bytes, suite: str) -> None:
        self._data = data
        self._suite = suite
        self._ranges = debian_archive.package_ranges(data)
        self.packages = sum(map(len, self._ranges.values()))

    def named(self, name: str) -> list[DebPackage]:
        """Return what the file says of a name."""
        found = self._ranges.get(name, ())
        return [debian_archive.deb_package(self._data[start:end], self._suite) for start, end in found]


class DebianIndex:
    """The packages that some suites offer; made by ``read_index``, so that all of it is verified.

    Attributes:
        releases: suite -> date of its Release file.
        packages: how many are offered.
    """

    def __init__(
        self,
        parts: Sequence[_Part],
        releases: Mapping[str, datetime],
        found: Sequence[DebianSource],
        transport: Transport,
    ) -> None:
        self._parts, self._sources, self._transport = tuple(parts), tuple(found), transport
        self.releases = dict(releases)
        self.packages = sum(part.packages for part in parts)

    def candidates(self, name: str, architecture: str) -> tuple[DebPackage, ...]:
        """Return what is offered under a package name, newest first.

        Args:
            name: of the binary package.
            architecture: of the image; packages for ``all`` fit too.

        Raises:
            InputError: the index says something of it that cannot be understood.
        """
        fits = {architecture, "all"}
        found = [p for part in self._parts for p in part.named(name) if p.architecture in fits]
        return tuple(sorted(found, key=lambda p: version_key(p.version), reverse=True))

    def fetch(self, wanted: Artifact, folder: Path) -> Path:
        """Return a verified package file, placed in a folder.

        Raises:
            PratiqueError: as the function ``fetch`` does.
        """
        return fetch(wanted, self._sources, self._transport, folder)


def open_transport(found: Sequence[DebianSource], folder: Path = Path("/etc/apt")) -> Transport:
    """Return a transport for repositories: plain http and files where they say so, with apt's credentials.

    Raises:
        InputError: apt's credentials cannot be read.
    """
    return Transport(permitted=[s.address for s in found], credentials=credentials(found, folder))


def read_index(
    found: Sequence[DebianSource],
    architecture: str,
    transport: Transport,
    *,
    cache: Path,
    now: datetime,
    programs: Sequence[str] = signatures.PROGRAMS,
) -> DebianIndex:
    """Read what repositories offer for an architecture.

    Args:
        found: the repositories, as ``sources`` returns them.
        architecture: of the image, as dpkg names it.
        transport: as ``open_transport`` makes it.
        cache: folder for dates that were seen and for index files.
        now: the flow's clock.
        programs: that check signatures.

    Raises:
        UntrustedError: a suite is not signed by a key that may, is another one, is not in force, or was set back; or
            one of its files is not what it vouches for.
        UnsupportedError: there is no program or key to check with, or nothing for the architecture.
        InputError: signed metadata that cannot be understood.
        UnavailableError: a server or the disk refuses.
    """
    memory = Memory(cache)
    parts: list[_Part] = []
    releases: dict[str, datetime] = {}
    for source in found:
        try:
            suite = Suite(source, transport, memory, now=now, programs=programs)
            parts += [_Part(suite.packages(c, architecture), source.suite) for c in source.components]
        except PratiqueError as error:
            if not error.place.startswith(str(source.address)):
                error.at(f"{source.address}/dists/{source.suite}")
            raise
        releases[source.suite] = suite.release.date
    return DebianIndex(parts, releases, found, transport)


def artifact(package: DebPackage) -> Artifact:
    """Return a package as a plan names it."""
    return Artifact(
        kind="deb",
        name=package.name,
        version=package.version,
        filename=package.filename.rpartition("/")[2],
        digest=package.digest,
        size=package.size,
        origin=package.suite,
        location=package.filename,
    )


def fetch(wanted: Artifact, found: Sequence[DebianSource], transport: Transport, folder: Path) -> Path:
    """Return a verified package file, placed in a folder; every repository of its suite is asked.

    Raises:
        UntrustedError: digest or size disagree.
        InputError: the artifact is of no suite of these, or names a file outside of a repository.
        UnavailableError: no repository has it, or a server or the disk refuses.
    """
    location = debian_archive.pool_path(wanted.location)
    target = folder / location.rpartition("/")[2]
    asked = [s for s in found if s.suite == wanted.origin]
    if wanted.filename != target.name or not asked:
        raise InputError(f"no repository offers {wanted.filename[:80]!r} from {wanted.origin[:40]!r}")
    missing: list[MissingError] = []
    for source in asked:
        url = f"{source.address}/{location}"

        def fill(temporary: Path, url: str = url) -> Path:
            transport.download(url, temporary, digest=wanted.digest, size=wanted.size)
            return target

        try:
            return create_atomic(folder, fill)
        except MissingError as error:
            missing.append(error)
    raise missing[-1]
