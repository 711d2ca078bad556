"""Layers to facts: those that are kept are taken; the others are read, over as many processes as there are cores."""

import sys
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import closing

import msgspec
from msgspec import Struct

from pratique.image.facts import FactStore
from pratique.image.layer import LayerBlob, reduce_layer
from pratique.image.limits import MIB, Limits
from pratique.image.workers import Spare, cores, spread
from pratique.model import errors
from pratique.model.errors import PratiqueError
from pratique.model.files import LayerFacts, Reader

Progress = Callable[[int, int], None]
_SMALL = 8 * MIB
"""Stored bytes up to which layers are not worth a process."""

_BRANCHES = (
    errors.InputError,
    errors.UntrustedError,
    errors.UnsupportedError,
    errors.UnavailableError,
    errors.UsageError,
)


class _Fault(Struct):
    """An error on its way from one process to another."""

    branch: int
    what: str
    place: str
    remedy: str

    @classmethod
    def of(cls, error: PratiqueError) -> "_Fault":
        """Return an error as what can be sent."""
        branch = next((i for i, b in enumerate(_BRANCHES) if isinstance(error, b)), 0)
        return cls(branch, error.what, error.place, error.remedy)

    def error(self) -> PratiqueError:
        """Return the error."""
        return _BRANCHES[self.branch](self.what, place=self.place, remedy=self.remedy)


def read_layers(
    layers: Sequence[LayerBlob],
    readers: Sequence[Reader],
    limits: Limits,
    store: FactStore,
    progress: Progress,
) -> list[LayerFacts]:
    """Return the facts of layers, bottom first.

    1. Take what is kept.
    2. Read the others, in this process or over several.
    3. Of several faults raise the lowest layer's, whichever is found first.

    Args:
        layers: bottom first.
        readers: what is to be made of which files.
        limits: ceilings.
        store: of facts from one run to the next.
        progress: called with (layers read, layers in all).

    Raises:
        UntrustedError: a layer is not what the image promises.
        InputError: a layer is damaged or over a limit.
        UnavailableError: a layer cannot be read to its end.
    """
    facts = {i: known for i, layer in enumerate(layers) if (known := store.find(layer))}  # 1
    missing = [i for i in range(len(layers)) if i not in facts]
    faults: dict[int, PratiqueError] = {}

    def made(index: int, spare: Spare) -> bytes:
        layer = layers[index]
        return store.made(layer, lambda: reduce_layer(layer, readers, limits, spare))

    with closing(_made(missing, layers, made)) as answers:  # 2
        if facts:
            progress(len(facts), len(layers))
        for index, answer in answers:
            if isinstance(answer, PratiqueError):
                faults[index] = answer
            else:
                facts[index] = store.decode(layers[index], answer)
            lowest = min(faults, default=-1)  # 3
            if faults and all(i in facts for i in range(lowest)):
                raise faults[lowest]
            progress(len(facts), len(layers))
    return [facts[i] for i in range(len(layers))]


def _made(
    missing: Sequence[int], layers: Sequence[LayerBlob], made: Callable[[int, Spare], bytes]
) -> Generator[tuple[int, bytes | PratiqueError], None, None]:
    """Yield index and facts of each layer: in this order in this process, else the largest first.

    Only the main thread is copied: who calls from another one, as a server does, has other work on the cores.
    """
    most = sum(layers[i].size or _SMALL for i in missing)
    alone = threading.current_thread() is not threading.main_thread() or sys.platform != "linux"
    if len(missing) < 2 or most < _SMALL or cores() < 2 or alone:
        for index in missing:
            yield index, made(index, lambda: True)
        return
    largest = sorted(missing, key=lambda i: -(layers[i].size or _SMALL))

    def work(number: int, spare: Spare) -> bytes:
        try:
            return b"\0" + made(largest[number], spare)
        except PratiqueError as error:
            return b"\1" + msgspec.msgpack.encode(_Fault.of(error))

    with closing(spread(len(largest), work)) as answers:
        for number, answer in answers:
            failed = answer[:1] == b"\1"
            fault = msgspec.msgpack.decode(answer[1:], type=_Fault).error() if failed else None
            yield largest[number], fault or answer[1:]
