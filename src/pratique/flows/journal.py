"""What was done before: the one way in which a run is resumed, and an unchanged one costs nothing.

A step is known by its name, the version of Pratique and the digests of what it is made from. Its document is written
when it is done, whole or not at all; a killed run has lost the step that it was in, and nothing else.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol, TypeVar

from msgspec import Struct

from pratique import __version__
from pratique.formats.documents import encode, read
from pratique.model.errors import PratiqueError
from pratique.storage import read_whole, write_atomic

T = TypeVar("T")
_LIMIT = 1 << 30


class Watcher(Protocol):
    """Is told of every step."""

    def started(self, name: str) -> None:
        """A step begins."""
        ...

    def detail(self, text: str) -> None:
        """Something goes on in it."""
        ...

    def ended(self, step: "Step") -> None:
        """It is done."""
        ...


class Step(Struct, frozen=True):
    """A step that is done.

    Attributes:
        again: it was found in the journal.
    """

    name: str
    seconds: float
    again: bool
    result: object


class Journal:
    """Steps that were done, in a folder.

    Args:
        folder: of the journal.
        watcher: is told of every step.
        version: of Pratique; what another one did is done anew.
    """

    def __init__(self, folder: Path, watcher: Watcher, *, version: str = __version__) -> None:
        self._folder = folder
        self._watcher = watcher
        self._version = version

    def step(
        self,
        name: str,
        inputs: Iterable[object],
        kind: type[T],
        function: Callable[[], T],
        *,
        holds: Callable[[T], bool] = lambda _: True,
    ) -> T:
        """Return what a function makes, or made before of the same inputs.

        Args:
            name: for people, and part of what the step is known by.
            inputs: everything that the result depends on, as text.
            kind: of the result, one of our documents.
            function: makes it.
            holds: says whether an earlier result can still be used: what it speaks of is still there.
        """
        self._watcher.started(name)
        begun = time.monotonic()
        path = self._path(name, inputs)
        found = self._read(path, kind)
        again = found is not None and holds(found)
        if found is None or not again:
            found = function()
            write_atomic(path, encode(found))
        self._watcher.ended(Step(name, time.monotonic() - begun, again, found))
        return found

    def known(self, name: str, inputs: Iterable[object], kind: type[T]) -> T | None:
        """Return what was made before of these inputs; None where nothing was."""
        return self._read(self._path(name, inputs), kind)

    def _path(self, name: str, inputs: Iterable[object]) -> Path:
        words = json.dumps([self._version, name, *map(str, inputs)])  # names of files may be no UTF-8
        return self._folder / f"{hashlib.sha256(words.encode('ascii')).hexdigest()}.json"

    @staticmethod
    def _read(path: Path, kind: type[T]) -> T | None:
        """Return an earlier result; a journal that cannot be read is no reason to stop."""
        try:
            return read(read_whole(path, _LIMIT), kind, str(path))
        except PratiqueError:
            return None
