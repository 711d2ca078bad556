"""docker-archive: what ``docker save`` and ``skopeo copy … docker-archive:`` write (manifest.json, image-spec v1.2)."""

from functools import partial

from msgspec import Struct, field

from pratique.image.blobs import Blobs
from pratique.image.layer import LayerBlob
from pratique.image.limits import Limits
from pratique.image.oci import Config, checked_diff_ids, created_by, decode
from pratique.model.digest import digest_of
from pratique.model.errors import InputError, UntrustedError, UsageError


class Saved(Struct, frozen=True, rename="pascal"):
    """One image of the archive."""

    config: str
    layers: tuple[str, ...]
    repo_tags: tuple[str, ...] | None = field(default=None)


class DockerArchive:
    """An archive of one or more images."""

    def __init__(self, blobs: Blobs, limits: Limits) -> None:
        self._blobs = blobs
        self._limits = limits

    def find(self, name: str) -> Saved:
        """Return the image of that name, or the only one.

        Raises:
            UsageError: there is none of that name, or several and no name was given.
        """
        place = f"{self._blobs.place}: manifest.json"
        saved = decode(self._blobs.read("manifest.json", self._limits.document), tuple[Saved, ...], place)
        named = [s for s in saved if not name or name in (s.repo_tags or ())]
        if len(named) == 1:
            return named[0]
        tags = sorted({tag for s in saved for tag in s.repo_tags or ()})
        if not saved:
            raise InputError("the archive holds no image", place=place, remedy="Save the image again")
        raise UsageError(
            f"no single image {name!r}" if name else "the archive holds several images",
            place=place,
            remedy=f"Name one as docker-archive:FILE:TAG: {', '.join(tags) or 'none has a tag'}",
        )

    def image(self, saved: Saved) -> tuple[Config, bytes, tuple[LayerBlob, ...]]:
        """Return configuration, its bytes, and the layers, bottom first.

        Raises:
            UntrustedError: the configuration is named by another digest than its own.
            InputError: a document is malformed.
        """
        place = f"{self._blobs.place}: {saved.config}"
        data = self._blobs.read(saved.config, self._limits.document)
        digest = digest_of(data)
        stem = saved.config.rpartition("/")[2].removesuffix(".json")
        if len(stem) == 64 and stem != digest.removeprefix("sha256:"):
            raise UntrustedError(
                f"the configuration hashes to {digest}", place=place, remedy="Save the image again"
            )
        config = decode(data, Config, place)
        return config, data, self._layers(saved, config, place)

    def _layers(self, saved: Saved, config: Config, place: str) -> tuple[LayerBlob, ...]:
        diff_ids = checked_diff_ids(config, len(saved.layers), self._limits, place)
        steps = created_by(config, len(diff_ids))
        return tuple(
            LayerBlob(
                partial(self._blobs.open, name), None, None, diff_id, step, f"{self._blobs.place}: {name}"
            )
            for name, diff_id, step in zip(saved.layers, diff_ids, steps, strict=True)
        )
