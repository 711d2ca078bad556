"""OCI image layouts: index, manifest and configuration (image-spec 1.1: image-layout, image-index, manifest, config).

Docker's schema 2 media types are read as their OCI twins. What a descriptor promises (media type, size, digest) is
checked against what it leads to before anything in it is believed.
"""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, TypeVar

from msgspec import Struct, ValidationError, convert, field

from pratique.formats import strict_json
from pratique.image.blobs import Blobs
from pratique.image.layer import LayerBlob
from pratique.image.limits import Limits
from pratique.model.digest import Digest, digest_of, parse_digest
from pratique.model.errors import InputError, UnsupportedError, UntrustedError, UsageError

_INDEXES = {
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
}
_MANIFESTS = {
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
}
_LAYERS = (
    "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
    "application/vnd.docker.image.rootfs.diff.tar",
)
PARENT = "pratique.parent.digest"
"""Annotation with the digest of the manifest that Pratique made an image from."""

_CLAIMS = {
    "maintainer",
    PARENT,
    *(
        f"org.opencontainers.image.{word}"
        for word in (
            "authors",
            "base.digest",
            "base.name",
            "created",
            "revision",
            "source",
            "title",
            "vendor",
            "version",
        )
    ),
}
T = TypeVar("T")
_NAME = "org.opencontainers.image.ref.name"


class Platform(Struct, frozen=True):
    """Platform of an index entry (image-index.md)."""

    os: str = ""
    architecture: str = ""
    variant: str = ""

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)


class Descriptor(Struct, frozen=True, rename="camel"):
    """A typed pointer to a blob (descriptor.md)."""

    media_type: str
    digest: str
    size: int
    platform: Platform | None = None
    annotations: dict[str, str] = field(default_factory=dict)
    artifact_type: str = ""


class Index(Struct, frozen=True, rename="camel"):
    """An image index (image-index.md)."""

    manifests: tuple[Descriptor, ...]
    media_type: str = ""


class Manifest(Struct, frozen=True, rename="camel"):
    """An image manifest (manifest.md)."""

    config: Descriptor
    layers: tuple[Descriptor, ...]
    media_type: str = ""
    annotations: dict[str, str] = field(default_factory=dict)


class RootFs(Struct, frozen=True):
    """The layers' uncompressed digests (config.md)."""

    diff_ids: tuple[str, ...] = ()


class History(Struct, frozen=True):
    """One build step (config.md)."""

    created_by: str = ""
    empty_layer: bool = False


class Execution(Struct, frozen=True, rename="pascal"):
    """How a container is to be run, and what the image says of itself (config.md, "config")."""

    user: str = ""
    env: tuple[str, ...] | None = None
    entrypoint: tuple[str, ...] | None = None
    cmd: tuple[str, ...] | None = None
    working_dir: str = ""
    stop_signal: str = ""
    labels: dict[str, str] | None = None


class Config(Struct, frozen=True):
    """An image configuration (config.md), as far as reading needs it."""

    rootfs: RootFs
    os: str = ""
    architecture: str = ""
    variant: str = ""
    history: tuple[History, ...] = ()
    config: Execution | None = None

    @property
    def platform(self) -> Platform:
        """The platform that the image was built for."""
        return Platform(self.os, self.architecture, self.variant)


def decode(data: bytes, kind: type[T], place: str) -> T:
    """Return a JSON document as a value of ``kind``.

    Raises:
        InputError: it is not JSON, or lacks what the kind needs.
    """
    try:
        return convert(strict_json.loads(data, place=place), kind)
    except ValidationError as error:
        name = getattr(kind, "__name__", "document").lower()
        raise InputError(f"not a valid {name} ({error})", place=place) from error


class Found(Struct, frozen=True):
    """One manifest of an index, and how the index came to it."""

    descriptor: Descriptor
    name: str
    platform: Platform | None


class Layout:
    """An OCI image layout, in a folder or an archive."""

    def __init__(self, blobs: Blobs, limits: Limits) -> None:
        self._blobs = blobs
        self._limits = limits
        self._nested = 4 * limits.document
        self._platforms: dict[str, str] = {}

    def find(self, name: str, platform: str) -> tuple[Descriptor, tuple[str, ...]]:
        """Return the manifest's descriptor, and the platforms that were not chosen.

        Raises:
            UsageError: name or platform choose none, or several are left to choose from.
            InputError: the index is not one.
            UnsupportedError: it names nothing but artifacts of other kinds.
        """
        top = self._index_document()
        found = [f for f in self._walk(top, "", 0) if not name or f.name == name]
        images = [f for f in found if _is_image(f)]
        if not images:
            self._nothing(top, name, found)
        chosen = [f for f in images if matches(self._platform(f), platform)]
        if not chosen:
            raise UsageError(
                f"no image for {platform}",
                place=self._blobs.place,
                remedy=f"Choose one with --platform: {_listed(self._platform(f) for f in images)}",
            )
        if len({f.descriptor.digest for f in chosen}) > 1:
            chosen = [self._default(chosen)]
        others = {self._platform(f) for f in images if f.descriptor.digest != chosen[0].descriptor.digest}
        return chosen[0].descriptor, tuple(sorted(others))

    def _default(self, several: list[Found]) -> Found:
        names = sorted({f.name for f in several if f.name})
        if len(names) > 1:
            raise UsageError(
                "the layout holds several images",
                place=self._blobs.place,
                remedy=f"Name one as oci:FOLDER:NAME: {_listed(names)}",
            )
        linux = [f for f in several if self._platform(f) == "linux/amd64"]
        if len(linux) != 1:
            raise UsageError(
                "the index offers several images and none is the one for linux/amd64",
                place=self._blobs.place,
                remedy=f"Choose one with --platform: {_listed(self._platform(f) for f in several)}",
            )
        return linux[0]

    def _nothing(self, top: Index, name: str, found: list[Found]) -> None:
        if other := [f.descriptor for f in found if f.descriptor.media_type not in _MANIFESTS]:
            raise UnsupportedError(
                f"not an image manifest but {other[0].media_type[:100]!r}",
                place=self._place(other[0]),
                remedy="Scan an image; artifacts of other kinds are not read",
            )
        names = sorted({d.annotations[_NAME] for d in top.manifests if _NAME in d.annotations})
        if name:
            raise UsageError(
                f"no image named {name!r}",
                place=self._blobs.place,
                remedy=f"The layout holds: {_listed(names)}",
            )
        raise InputError(
            "the index names no image", place=self._blobs.place, remedy="Build or copy the image again"
        )

    def _index_document(self) -> Index:
        place = f"{self._blobs.place}: index.json"
        data = self._blobs.read("index.json", self._limits.document)
        document = strict_json.loads(data, place=place)
        if not isinstance(document, dict) or "manifests" not in document or "layers" in document:
            raise InputError(
                "not an image index", place=place, remedy="Check that this is an OCI image layout"
            )
        return decode(data, Index, place)

    def _walk(self, index: Index, name: str, depth: int) -> Iterator[Found]:
        """Yield what an index and the indexes inside it name, at most four deep and four documents large."""
        for descriptor in index.manifests:
            label = descriptor.annotations.get(_NAME, name)
            if descriptor.media_type not in _INDEXES:
                yield Found(descriptor, label, descriptor.platform)
                continue
            self._nested -= max(descriptor.size, 0)
            if depth == 4 or self._nested < 0:
                raise UnsupportedError(
                    "indexes inside indexes, too deep or too many",
                    place=self._place(descriptor),
                    remedy="Copy the one image that is meant, as with skopeo copy",
                )
            inner = decode(self._checked(descriptor, "index"), Index, self._place(descriptor))
            yield from self._walk(inner, label, depth + 1)

    def _platform(self, found: Found) -> str:
        if found.platform:
            return str(found.platform)
        digest = found.descriptor.digest
        if digest not in self._platforms:
            self._platforms[digest] = str(self.image(found.descriptor)[1].platform)
        return self._platforms[digest]

    def _place(self, descriptor: Descriptor) -> str:
        return f"{self._blobs.place}: {descriptor.digest}"

    def _checked(self, descriptor: Descriptor, key: str) -> bytes:
        """Return the document behind a descriptor: size, digest, media type and role as promised."""
        place = self._place(descriptor)
        path = blob_path(parse_digest(descriptor.digest, place=place))
        data = self._blobs.read(path, self._limits.document)
        check(data, descriptor, place)
        document = strict_json.loads(data, place=place)
        if not isinstance(document, dict):
            raise InputError(f"not a JSON object where a {key} was promised", place=place)
        said = document.get("mediaType", descriptor.media_type)
        if key != "configuration" and (
            said != descriptor.media_type or ("layers" in document and "manifests" in document)
        ):
            raise UntrustedError(
                f"the document calls itself {said!r}, its descriptor {descriptor.media_type!r}",
                place=place,
                remedy="The image was put together wrongly or changed: build or fetch it again",
            )
        return data

    def image(self, descriptor: Descriptor) -> tuple[Manifest, Config, bytes]:
        """Return manifest and configuration, and the latter's bytes.

        Raises:
            UntrustedError: size, digest or media type disagree with what leads there.
            InputError: a document is malformed.
        """
        manifest = decode(self._checked(descriptor, "manifest"), Manifest, self._place(descriptor))
        data = self._checked(manifest.config, "configuration")
        return manifest, decode(data, Config, self._place(manifest.config)), data

    def layers(self, manifest: Manifest, config: Config, place: str) -> tuple[LayerBlob, ...]:
        """Return the layers, bottom first.

        Raises:
            InputError: there are more than the limit, or not one diff_id for each.
            UnsupportedError: a layer is no tar archive.
        """
        diff_ids = checked_diff_ids(config, len(manifest.layers), self._limits, place)
        steps = created_by(config, len(diff_ids))
        return tuple(
            self._layer(d, diff_id, step)
            for d, diff_id, step in zip(manifest.layers, diff_ids, steps, strict=True)
        )

    def _layer(self, descriptor: Descriptor, diff_id: Digest, step: str) -> LayerBlob:
        place = self._place(descriptor)
        if not descriptor.media_type.startswith(_LAYERS):
            raise UnsupportedError(
                f"a layer of type {descriptor.media_type[:100]!r}",
                place=place,
                remedy="Only tar layers are read; the manifest may belong to another kind of artifact",
            )
        digest = parse_digest(descriptor.digest, place=place)
        opener = partial(self._blobs.open, blob_path(digest))
        return LayerBlob(
            opener, digest, descriptor.size, diff_id, step, place, _oci_type(descriptor.media_type)
        )


def _oci_type(media_type: str) -> str:
    """Return a layer's media type as image-spec spells it (layer.md); Docker's gzip layers are the same thing."""
    if media_type.startswith("application/vnd.docker."):
        return f"{_LAYERS[0]}+gzip" if media_type.endswith("gzip") else _LAYERS[0]
    return media_type


def _is_image(found: Found) -> bool:
    """Tell images from attestations and artifacts; unknown media types are no error (image-index.md)."""
    descriptor = found.descriptor
    other = descriptor.artifact_type or str(found.platform or "") == "unknown/unknown"
    return descriptor.media_type in _MANIFESTS and not other


def check(data: bytes, descriptor: Descriptor, place: str) -> None:
    """Compare size, then digest.

    Raises:
        UntrustedError: either disagrees.
    """
    if len(data) != descriptor.size or digest_of(data) != descriptor.digest:
        raise UntrustedError(
            f"{len(data)} bytes with {digest_of(data)} where {descriptor.size} bytes were promised",
            place=place,
            remedy="The copy is damaged or was changed: fetch the image again",
        )


def matches(platform: str, asked: str) -> bool:
    """Say whether a platform is the one asked for; asked without a variant, any variant will do."""
    return not asked or platform == asked or platform.startswith(asked + "/")


def blob_path(digest: Digest) -> str:
    """Return where a layout keeps a blob (image-layout.md, "Blobs")."""
    algorithm, _, hexadecimal = digest.partition(":")
    return f"blobs/{algorithm}/{hexadecimal}"


def checked_diff_ids(config: Config, layers: int, limits: Limits, place: str) -> tuple[Digest, ...]:
    """Return the diff_ids, one for each layer.

    Raises:
        InputError: their number differs from that of the layers, or is over the limit.
    """
    diff_ids = config.rootfs.diff_ids
    if len(diff_ids) != layers:
        raise InputError(
            f"{layers} layers and {len(diff_ids)} diff_ids", place=place, remedy="Build the image again"
        )
    if layers > limits.layers:
        raise InputError(f"{layers} layers, over the limit of {limits.layers}", place=place)
    return tuple(parse_digest(d, place=place) for d in diff_ids)


def claims(config: Config, annotations: dict[str, str]) -> dict[str, str]:
    """Return what an image says of its maker and its base; annotations of the manifest outrank labels.

    Names are those of image-spec, annotations.md, and the older ``maintainer``. Nobody has verified them.
    """
    labels = (config.config.labels if config.config else None) or {}
    said = {**labels, **annotations}
    return {key: said[key] for key in sorted(said) if key in _CLAIMS and said[key]}


def created_by(config: Config, layers: int) -> tuple[str, ...]:
    """Return the build step of each layer; empty where the history does not tell (config.md, "history")."""
    steps = [h.created_by for h in config.history if not h.empty_layer]
    return tuple(steps) if len(steps) == layers else ("",) * layers


def _listed(names: Iterable[Any]) -> str:
    return ", ".join(sorted({str(n) for n in names})) or "nothing with a name"
