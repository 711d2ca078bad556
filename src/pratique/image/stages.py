"""Stages of reading, each in a thread of its own: what one has made, the next takes while the first goes on.

isal, zstandard and hashlib release the interpreter lock while they work, so that stages run on several cores. No stage gets
more than a few items ahead, which bounds memory; when a block ends, its threads have ended.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from threading import Event, Semaphore, Thread
from typing import TypeVar

T = TypeVar("T")
_DEPTH = 4


@contextmanager
def ahead(source: Iterator[T]) -> Iterator[Iterator[T]]:
    """Draw from an iterator in a thread, a few items ahead of who takes them; what it raises is raised there."""
    made: SimpleQueue[T | _End] = SimpleQueue()
    room, stopped = Semaphore(_DEPTH), Event()

    def run() -> None:
        error: BaseException | None = None
        try:
            for item in source:
                room.acquire()
                if stopped.is_set():
                    return
                made.put(item)
        except BaseException as raised:  # noqa: BLE001 - it is raised where the items are taken
            error = raised
        made.put(_End(error))

    def taken() -> Iterator[T]:
        while not isinstance(item := made.get(), _End):
            room.release()
            yield item
        if item.error:
            raise item.error

    thread = Thread(target=run, daemon=True)
    thread.start()
    try:
        yield taken()
    finally:
        stopped.set()
        room.release()
        thread.join()


class _End:
    """The end of a stage, or what ended it."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


@contextmanager
def beside(work: Callable[[T], object]) -> Iterator[Callable[[T], None]]:
    """Hand out what gives items to a function that works in a thread; when the block ends, it has taken them all.

    What the function raises is raised then; items that are given after it are lost.
    """
    given: SimpleQueue[T | _End] = SimpleQueue()
    room = Semaphore(_DEPTH)
    failed: list[BaseException] = []

    def run() -> None:
        while not isinstance(item := given.get(), _End):
            try:
                if not failed:
                    work(item)
            except BaseException as error:  # noqa: BLE001 - it is raised where the block ends
                failed.append(error)
            room.release()

    def give(item: T) -> None:
        room.acquire()
        given.put(item)

    thread = Thread(target=run, daemon=True)
    thread.start()
    try:
        yield give
    finally:
        given.put(_End(None))
        thread.join()
    if failed:
        raise failed[0]
