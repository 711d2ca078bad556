"""From what a user named to an image that can be read: the kind of source, the manifest, the layers."""

import os
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from pratique.image.blobs import ArchiveBlobs, Blobs, FolderBlobs, open_regular
from pratique.image.docker import DockerArchive
from pratique.image.facts import FactStore
from pratique.image.layer import LayerBlob
from pratique.image.limits import DEFAULT, Limits
from pratique.image.oci import Execution, Layout, claims, matches
from pratique.image.reading import Progress, read_layers
from pratique.image.registry import Place, RegistryBlobs
from pratique.image.root import reduce_root
from pratique.model.digest import digest_of, parse_digest
from pratique.model.errors import InputError, UnavailableError, UnsupportedError, UsageError
from pratique.model.files import LayerFacts, Reader
from pratique.model.inventory import Source

PREFIXES = ("oci", "oci-archive", "docker-archive", "dir", "registry")
_ROOT_SIGNS = {"etc", "usr", "bin", "lib", "opt", "var"}


class Image(Struct, frozen=True):
    """An image, opened and not read yet.

    Attributes:
        source: where it comes from.
        layers: bottom first; empty for an unpacked root.
        root: the unpacked root, where it is one.
        execution: how a container of it is to be run.
        config: the configuration document as it is stored.
        annotations: of the manifest.
    """

    source: Source
    layers: tuple[LayerBlob, ...]
    root: Path | None = None
    execution: Execution = Execution()
    config: bytes = b""
    annotations: dict[str, str] = {}

    def read(
        self,
        readers: Sequence[Reader],
        *,
        limits: Limits = DEFAULT,
        progress: Progress,
        keep: Path | None = None,
        digests: bool = True,
    ) -> list[LayerFacts]:
        """Read every layer that was not read before, bottom first, and return the facts of all.

        Args:
            readers: what is to be made of which files.
            limits: ceilings.
            progress: called with (layers read, layers in all).
            keep: folder where facts are kept from one run to the next; None to read all.
            digests: whether the files of an unpacked root are hashed; those of layers always are.

        Raises:
            UntrustedError: a layer is not what the manifest promises.
            InputError: a layer is damaged or over a limit.
        """
        if self.root:
            return [reduce_root(self.root, readers, limits, digests=digests)]
        return read_layers(self.layers, readers, limits, FactStore(keep, readers, limits), progress)


def open_image(reference: str, *, platform: str = "", limits: Limits = DEFAULT) -> Image:
    """Open an image at rest.

    1. Take the prefix (``oci:``, ``oci-archive:``, ``docker-archive:``, ``dir:``, ``registry:``), or tell the kind by
       content.
    2. For ``oci`` and archives a last ``:NAME`` chooses among several images.

    Args:
        reference: what the user named.
        platform: ``os/architecture[/variant]``; empty for linux/amd64 where several are offered.
        limits: ceilings.

    Raises:
        UnavailableError: it does not exist or may not be read.
        InputError: it is no image.
        UsageError: several images could be meant.
    """
    try:
        return _opened(reference, platform, limits)
    except InputError as error:
        error.remedy = error.remedy or "Build or fetch the image again"
        raise


def _opened(reference: str, platform: str, limits: Limits) -> Image:
    prefix, _, rest = reference.partition(":")
    kind, text = (prefix, rest) if prefix in PREFIXES else ("", reference)
    if kind == "registry":
        return _oci(reference, kind, Layout(RegistryBlobs(Place.parse(text)), limits), "", platform)
    path, name = _path_and_name(text)
    kind = kind or _told(path)
    if kind == "dir":
        return Image(Source(kind="dir", reference=reference), (), _checked_root(path))
    blobs: Blobs = FolderBlobs(path) if kind == "oci" else _archive(path, limits)
    if kind == "docker-archive":
        return _docker(reference, DockerArchive(blobs, limits), name, platform)
    return _oci(reference, kind, Layout(blobs, limits), name, platform)


def layout_and_name(reference: str) -> tuple[Path, str]:
    """Return the folder of an OCI layout and the name of an image in it, as ``open_image`` understands a reference."""
    return _path_and_name(reference.removeprefix("oci:"))


def _path_and_name(text: str) -> tuple[Path, str]:
    """Split ``PATH:NAME``; a path that exists as written has no name, and a name may itself hold a colon."""
    if not text or "\0" in text:
        raise UsageError("no image was named", remedy="Name a folder or file: pratique scan oci:FOLDER")
    if _exists(text) or ":" not in text:
        return Path(text), ""
    at = text.find(":")
    while at >= 0:
        if _exists(text[:at]):
            return Path(text[:at]), text[at + 1 :]
        at = text.find(":", at + 1)
    return Path(text), ""


def _exists(text: str) -> bool:
    return os.path.exists(text)  # noqa: PTH110 - says no, where Path raises, to a name too long or out of reach


def _told(path: Path) -> str:
    """Tell the kind; a name that is no path may have been meant for a registry."""
    try:
        return _kind(path)
    except UnavailableError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            error.remedy = (
                "Check the path; an image in a registry of this machine is registry:127.0.0.1:PORT/NAME"
            )
        raise


def _kind(path: Path) -> str:
    """Tell the kind of a source by its content."""
    try:
        if not path.is_dir():
            return _archive_kind(path)
        names = {item.name for item in path.iterdir()}
    except OSError as error:
        raise UnavailableError(
            (error.strerror or str(error)).lower(),
            place=str(path),
            remedy="Check the path and its permissions",
        ) from error
    if "oci-layout" in names or {"index.json", "blobs"} <= names:
        return "oci"
    if names & _ROOT_SIGNS:
        return "dir"
    raise InputError(
        "an empty folder" if not names else "neither an OCI image layout nor the root of a file system",
        place=str(path),
        remedy="Name an OCI layout (folder or tar), a docker-archive, or an unpacked root folder",
    )


def _archive_kind(path: Path) -> str:
    names = set(_archive(path, DEFAULT).names())
    if {"index.json", "blobs"} <= names:
        return "oci-archive"
    if "manifest.json" in names:
        return "docker-archive"
    raise InputError(
        "a tar archive, but not an image: it has neither index.json nor manifest.json"
        if names
        else "an empty file",
        place=str(path),
        remedy="To scan an exported file system, unpack it and name the folder",
    )


def _archive(path: Path, limits: Limits) -> ArchiveBlobs:
    with open_regular(path) as raw:
        head = raw.read(6)
    if head.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")):
        raise UnsupportedError(
            "a compressed archive cannot be read in place",
            place=str(path),
            remedy="Decompress it first, as with gunzip",
        )
    try:
        return ArchiveBlobs(path, limits)
    except InputError as error:
        damage = (
            f", or a damaged one ({error.what})" if error.place.rpartition(" ")[2] not in {"", "0"} else ""
        )
        raise InputError(
            f"not an image: no tar archive{damage}",
            place=str(path),
            remedy="Name an OCI layout, a docker-archive or an unpacked root folder",
        ) from error


def _checked_root(path: Path) -> Path:
    if not os.path.isdir(path):  # noqa: PTH112 - as above
        raise UnavailableError("not a folder", place=str(path), remedy="Check the path")
    if _kind(path) == "oci":
        raise UsageError(
            "an OCI image layout, not an unpacked root", place=str(path), remedy="Name it as oci:FOLDER"
        )
    return path


def _oci(reference: str, kind: str, layout: Layout, name: str, platform: str) -> Image:
    descriptor, others = layout.find(name, platform)
    manifest, config, data = layout.image(descriptor)
    digest = parse_digest(descriptor.digest)
    layers = layout.layers(manifest, config, f"{reference}: {digest}")
    source = Source(
        kind=kind,
        reference=reference,
        digest=digest,
        config=parse_digest(manifest.config.digest),
        platform=str(config.platform),
        other_platforms=others,
        layers=tuple(layer.digest for layer in layers if layer.digest),
        claims=claims(config, manifest.annotations),
    )
    _check_platform(source, platform)
    execution = config.config or Execution()
    return Image(source, layers, execution=execution, config=data, annotations=manifest.annotations)


def _docker(reference: str, archive: DockerArchive, name: str, platform: str) -> Image:
    config, data, layers = archive.image(archive.find(name))
    source = Source(
        kind="docker-archive",
        reference=reference,
        config=digest_of(data),
        platform=str(config.platform),
        claims=claims(config, {}),
    )
    _check_platform(source, platform)
    return Image(source, layers, execution=config.config or Execution(), config=data)


def _check_platform(source: Source, platform: str) -> None:
    """An index entry's platform is a claim; the configuration says what was built."""
    if not matches(source.platform, platform):
        raise UsageError(
            f"the image was built for {source.platform or 'no stated platform'}, not for {platform}",
            place=source.reference,
            remedy="Leave --platform out, or name an image that holds that platform",
        )
