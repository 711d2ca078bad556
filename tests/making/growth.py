"""How work grows with its input: told from processor time, the least of several runs, so that a busy machine says nothing."""

import gc
import time
from collections.abc import Callable

RUNS = 5


def growth(work: Callable[[int], object], small: int, times: int) -> float:
    """Return how many times longer the work takes on an input so many times larger.

    About ``times`` where it is linear, about its square where it is quadratic.
    """
    work(small)
    return least(work, small * times) / max(least(work, small), 1e-6)


def least(work: Callable[[int], object], size: int) -> float:
    return min(once(work, size) for _ in range(RUNS))


def once(work: Callable[[int], object], size: int) -> float:
    gc.collect()
    started = time.process_time()
    work(size)
    return time.process_time() - started
