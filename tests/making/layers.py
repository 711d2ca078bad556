"""Layers made in memory by the real reader, and a reader whose facts are plain text."""

from io import BytesIO
from typing import Any

from msgspec.structs import replace

from pratique.image import DEFAULT, Limits, MergedTree
from pratique.image.layer import LayerBlob, reduce_layer
from pratique.model.digest import digest_of
from pratique.model.errors import InputError
from pratique.model.files import LayerFacts
from tests.making.images import compressed
from tests.making.tar import Item, tar


class Texts:
    """Wants some paths, or all; its fact is the file's text, and a text that starts with ``!`` is damaged."""

    name = "text"
    marks: tuple[str, ...] | None = None
    version = 1
    fact: Any = str

    def __init__(self, *paths: str, fatal: bool = False) -> None:
        self.paths = paths
        self.fatal = fatal

    def wants(self, path: str) -> bool:
        return not self.paths or path in self.paths

    def read(self, content: bytes) -> str:
        if content.startswith(b"!"):
            raise InputError("damaged", place="line 1")
        return content.decode("utf-8", "backslashreplace")


def blob(data: bytes, how: str = "plain", **changes: Any) -> LayerBlob:
    """Return an honest layer of an uncompressed stream; ``stored`` and every field can be replaced by a wrong one."""
    honest = compressed(data, how)
    stored = changes.pop("stored", honest)
    layer = LayerBlob(
        lambda: BytesIO(stored), digest_of(honest), len(honest), digest_of(data), "RUN", "layer"
    )
    return replace(layer, **changes)


def reduced(data: bytes, reader: Texts | None = None, limits: Limits = DEFAULT) -> LayerFacts:
    """Return the facts of an uncompressed stream."""
    return reduce_layer(blob(data), [reader or Texts()], limits)


def layer(*items: Item) -> LayerFacts:
    return reduced(tar(items))


def merged(*layers: list[Item]) -> MergedTree:
    return MergedTree([layer(*items) for items in layers])
