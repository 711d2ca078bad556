"""Work spread over processes: copies of this one, each of which takes the next item as soon as it is free.

Nothing but bytes goes back. A copy ends with its work, and as soon as this process is gone, however it ended. It uses nothing
that another thread of this process could hold at the moment of copying: it reads, computes, and answers through a pipe.
"""

import gc
import mmap
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, Pipe, wait
from threading import Thread
from typing import NoReturn, cast

from pratique.model.errors import UnavailableError

Spare = Callable[[], bool]
"""Says whether a core has nothing to do, so that another thread would be of use."""

_INDEX = 4
_SWITCH = 0.0005
"""Seconds after which a thread asks for the interpreter: stages hand over often, and each computes little."""


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def spread(items: int, work: Callable[[int, Spare], bytes]) -> Generator[tuple[int, bytes], None, None]:
    """Yield what the work made of each item and the item's number, as they are done.

    1. Put the numbers into a pipe: whoever reads one does that item.
    2. Make the copies, one for each core.
    3. Yield their answers until all have ended.
    4. End those that are left, when nobody wants the answers any more.

    Args:
        items: how many there are; those of low numbers are begun first.
        work: makes bytes of an item's number; it raises nothing.

    Raises:
        UnavailableError: a copy was ended before it was done, or none can be made.
    """
    queue, numbers = os.pipe()
    alive, life = os.pipe()
    os.write(numbers, b"".join(i.to_bytes(_INDEX, "little") for i in range(items)))  # 1
    os.close(numbers)
    count = min(items, cores())
    crew: dict[Connection, int] = {}
    try:
        with mmap.mmap(-1, count) as ended:
            for place in range(count):  # 2
                answers, answer = Pipe(duplex=False)
                pid = _forked()
                if pid == 0:
                    os.close(life)
                    _Copy(queue, alive, answer, ended, place).run(work)
                crew[answers] = pid
                answer.close()
            yield from _answers(crew)  # 3
    except OSError as error:
        what = f"no process can be made to read layers ({error.strerror or error})"
        raise UnavailableError(what, remedy="Allow more processes and open files, or try again") from error
    finally:
        for pid in crew.values():  # 4
            with suppress(ProcessLookupError, ChildProcessError):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
        for descriptor in (queue, alive, life):
            os.close(descriptor)


def _forked() -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of other threads: see above
        return os.fork()


def _answers(crew: dict[Connection, int]) -> Iterator[tuple[int, bytes]]:
    while crew:
        for answers in cast("list[Connection]", wait(list(crew))):
            try:
                data = answers.recv_bytes()
            except EOFError:
                _, status = os.waitpid(crew.pop(answers), 0)
                answers.close()
                if status:
                    raise _ended(os.waitstatus_to_exitcode(status)) from None
            else:
                yield int.from_bytes(data[:_INDEX], "little"), data[_INDEX:]


def _ended(status: int) -> UnavailableError:
    killed = "Give this machine or container more memory, or try again"
    fault = "This is a fault of Pratique: report it with the lines printed above"
    return UnavailableError(
        f"a process that reads layers was ended (status {status})", remedy=killed if status < 0 else fault
    )


class _Copy:
    """This process, after it was copied.

    Args:
        queue: numbers of the items that nobody has begun.
        alive: ends when the first process does.
        answer: takes the answers.
        ended: a byte for each copy: 1 when it has ended.
        place: of this copy among them.
    """

    def __init__(self, queue: int, alive: int, answer: Connection, ended: mmap.mmap, place: int) -> None:
        self._queue, self._alive, self._answer = queue, alive, answer
        self._ended, self._place = ended, place

    def run(self, work: Callable[[int, Spare], bytes]) -> NoReturn:
        """Do items until none is left."""
        status = 1
        try:
            gc.disable()
            sys.setswitchinterval(_SWITCH)
            for number in (signal.SIGINT, signal.SIGTERM):
                if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
                    signal.signal(number, signal.SIG_DFL)
            Thread(target=self._watch, daemon=True).start()
            while index := os.read(self._queue, _INDEX):
                self._answer.send_bytes(index + work(int.from_bytes(index, "little"), self._spare))
            self._ended[self._place] = 1
            status = 0
        except Exception:  # noqa: BLE001 - it ends this copy, and must be seen
            traceback.print_exc()
            sys.stderr.flush()
        finally:
            os._exit(status)

    def _watch(self) -> None:
        os.read(self._alive, 1)
        os._exit(1)

    def _spare(self) -> bool:
        return len(self._ended) - self._ended[:].count(1) < cores()
