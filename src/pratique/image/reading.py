"""Layers to facts: those that are kept are taken, the others read, several at a time, the largest first.

Layers are read in threads: what takes time (expanding, hashing) is done without the interpreter lock, so that they fill
the processor's cores, and nothing has to be copied from one process to another.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event

from pratique.image.facts import FactStore
from pratique.image.layer import LayerBlob, reduce_layer
from pratique.image.limits import Limits
from pratique.model.files import LayerFacts, Reader

Progress = Callable[[int, int], None]


def read_layers(
    layers: Sequence[LayerBlob],
    readers: Sequence[Reader],
    limits: Limits,
    store: FactStore | None,
    progress: Progress,
) -> list[LayerFacts]:
    """Return the facts of layers, bottom first.

    Args:
        layers: bottom first.
        readers: what is to be made of which files.
        limits: ceilings.
        store: of facts from one run to the next; None to read all.
        progress: called with (layers read, layers in all).

    Raises:
        UntrustedError: a layer is not what the image promises; of several faults the lowest layer's is raised.
        InputError: a layer is damaged or over a limit.
    """
    stopped = Event()

    def read(layer: LayerBlob) -> LayerFacts:
        def make() -> LayerFacts:
            return reduce_layer(layer, readers, limits, stopped.is_set)

        return store.take(layer, make) if store else make()

    with ThreadPoolExecutor(_cores()) as pool:
        largest = sorted(layers, key=lambda layer: layer.size or 0, reverse=True)
        futures: dict[int, Future[LayerFacts]] = {id(layer): pool.submit(read, layer) for layer in largest}
        try:
            facts = []
            for layer in layers:
                facts.append(futures[id(layer)].result())
                progress(len(facts), len(layers))
        except BaseException:
            stopped.set()
            pool.shutdown(cancel_futures=True)
            raise
    return facts


def _cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
