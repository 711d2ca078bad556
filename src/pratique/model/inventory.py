"""What an image holds: its source, distribution, layers and packages, and what could not be read."""

from datetime import datetime
from typing import Literal, NewType, Protocol

from msgspec import Struct, field

from pratique.model.digest import Digest
from pratique.model.files import Reader, Tree

Purl = NewType("Purl", str)
"""A canonical package URL; made only by ``pratique.ecosystems.purl``."""

GapKind = Literal[
    "unread-file",
    "anomaly",
    "unsupported-packages",
    "unknown-distribution",
    "incomplete-database",
    "no-feed",
    "feed-window",
    "feed-sample",
    "feed-age",
    "version-not-understood",
    "unrated",
    "no-scores",
    "lock-coverage",
]
"""Why an answer is not whole; a policy accepts gaps by these names."""


class Gap(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that was not read or not judged.

    Attributes:
        kind: the name under which a policy can accept it.
        subject: the path, package id or feed that it is about.
        reason: one sentence.
        packages: ids of the packages that it leaves unjudged, where it is about packages.
    """

    kind: GapKind
    subject: str
    reason: str
    packages: tuple[str, ...] = ()


class Layer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One layer of the image, bottom first.

    Attributes:
        diff_id: digest of the uncompressed tar stream (image-spec, config.md).
        created_by: the builder's command, as the image's history tells it.
        entries: number of tar entries.
        size: bytes of the uncompressed tar stream.
    """

    diff_id: Digest
    created_by: str = ""
    entries: int
    size: int


class Source(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where the image was read from; the only part that differs between copies of one image.

    Attributes:
        kind: ``oci``, ``oci-archive``, ``docker-archive`` or ``dir``.
        reference: as the user named it.
        digest: of the manifest, where there is one.
        config: digest of the image's configuration.
        platform: what was read, as ``os/architecture[/variant]``.
        other_platforms: what the index offers beside it and was not read.
        layers: digests of the blobs as stored, bottom first.
        claims: what the image says of its maker and base, unverified: annotations and labels by name.
    """

    kind: str
    reference: str
    digest: Digest | None = None
    config: Digest | None = None
    platform: str = ""
    other_platforms: tuple[str, ...] = ()
    layers: tuple[Digest, ...] = ()
    claims: dict[str, str] = field(default_factory=dict)


class Distribution(Struct, frozen=True, kw_only=True):
    """What os-release says (freedesktop.org os-release(5)).

    Attributes:
        id: lower-case identifier, such as ``debian``.
        version_id: such as ``12``; empty for rolling releases.
        name: for people.
        codename: such as ``bookworm``.
    """

    id: str
    version_id: str
    name: str
    codename: str


class SourcePackage(Struct, frozen=True):
    """The source package that a binary package was built from; Debian judges by it."""

    name: str
    version: str


class Package(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One installation of one package.

    Attributes:
        id: unique within the inventory: the package URL, ``#``, the path of the evidence.
        type: package URL type: ``deb`` or ``pypi``.
        name: as its own database spells it.
        version: as its own database spells it.
        purl: canonical package URL.
        architecture: as the database names it; empty where it has none.
        maintainer: who the database says maintains it; empty where it does not.
        source: the source package, for ``deb``.
        path: where it is recorded: package database, or metadata folder or file.
        layer: index of the layer that brought this version; None in a plain folder.
        also: other names of the same installation: a Python distribution that a Debian package owns.
        vendored_in: id of the package that carries this one inside itself; empty for a top-level installation.
        requires: what it says it depends on, as written: Depends and Pre-Depends of Debian, Requires-Dist of Python.
        provides: other names that satisfy a dependency on it, as written.
        essential: the distribution says that no system is without it.
        size: bytes of the files it owns.
        files: paths it owns, sorted, links among parent folders followed.
    """

    id: str
    type: Literal["deb", "pypi"]
    name: str
    version: str
    purl: Purl
    architecture: str = ""
    maintainer: str = ""
    source: SourcePackage | None = None
    path: str
    layer: int | None = None
    also: tuple[Purl, ...] = ()
    vendored_in: str = ""
    requires: tuple[str, ...] = ()
    provides: tuple[str, ...] = ()
    essential: bool = False
    size: int = 0
    files: tuple[str, ...] = ()


class Inventory(Struct, frozen=True, kw_only=True, tag_field="schema", tag="pratique.inventory/1"):
    """Everything found in an image, and everything that could not be read.

    Attributes:
        created: UTC; ``SOURCE_DATE_EPOCH`` where that is set.
        clock: ``system``, or ``SOURCE_DATE_EPOCH``.
        completeness: ``partial`` as soon as there is a gap; ``unknown`` where no package database was found.
        files: entries of the merged tree that are not folders.
        unowned: how many of them no package owns.
    """

    tool: str
    created: datetime
    clock: str
    source: Source
    distribution: Distribution | None
    layers: tuple[Layer, ...]
    packages: tuple[Package, ...]
    completeness: Literal["complete", "partial", "unknown"]
    gaps: tuple[Gap, ...]
    files: int
    unowned: int


class Catalogued(Struct, frozen=True):
    """What one cataloger made of the tree."""

    packages: tuple[Package, ...] = ()
    gaps: tuple[Gap, ...] = field(default=())


class Cataloger(Reader, Protocol):
    """A reader with its second half: facts of the merged tree to packages.

    Its ``version`` speaks of both halves: inventories are kept, too, and made anew only for another version.
    """

    def assemble(self, tree: Tree, /) -> Catalogued:
        """Turn this reader's facts into packages.

        Raises:
            InputError: a package database is damaged, so that a list of packages would be a guess.
        """
        ...
