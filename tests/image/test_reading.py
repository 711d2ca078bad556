"""Layers read over several processes: the same facts as in one, one reader for each, and errors that do not vary."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, NoReturn

import pytest
from msgspec.structs import replace

from pratique.image.facts import FactStore
from pratique.image.layer import LayerBlob, reduce_layer
from pratique.image.limits import DEFAULT
from pratique.image.reading import read_layers
from pratique.image.workers import cores, spread
from pratique.model.errors import InputError, UnavailableError, UntrustedError
from pratique.model.files import LayerFacts
from tests.making.layers import Texts, blob
from tests.making.tar import Item, tar

READERS = [Texts("wanted")]
NOTHING = FactStore(None, READERS, DEFAULT)

linux = pytest.mark.skipif(sys.platform != "linux", reason="processes are copied on Linux alone")


def big(name: str, megabytes: int = 3) -> bytes:
    return tar([Item(name, name.encode() * (megabytes << 20)), Item("wanted", name.encode())])


def ignore(_done: int, _all: int) -> None:
    pass


def read(*layers: LayerBlob, store: FactStore = NOTHING) -> list[LayerFacts]:
    return read_layers(layers, READERS, DEFAULT, store, ignore)


def opened_by(layer: LayerBlob, told: Callable[[], object]) -> LayerBlob:
    """Return a layer that tells when it is opened."""

    def opener() -> BinaryIO:
        told()
        return layer.opener()

    return replace(layer, opener=opener)


@pytest.mark.parametrize("sizes", [(1, 0), (5, 1, 9, 2, 0)])
def test_facts_come_in_the_order_of_the_layers(sizes: tuple[int, ...]) -> None:
    layers = [blob(big("abcde"[i], size)) for i, size in enumerate(sizes)]
    seen: list[tuple[int, int]] = []
    found = read_layers(layers, READERS, DEFAULT, NOTHING, lambda *step: seen.append(step))
    assert found == [reduce_layer(layer, READERS, DEFAULT) for layer in layers]
    assert seen == [(done, len(sizes)) for done in range(1, len(sizes) + 1)]


@linux
def test_large_layers_are_read_by_several_processes(tmp_path: Path) -> None:
    def tell() -> None:
        (tmp_path / str(os.getpid())).touch()
        time.sleep(0.2)

    read(*(opened_by(blob(big(name, 5)), tell) for name in "abcd"))
    readers = {path.name for path in tmp_path.iterdir()}
    assert len(readers) == min(cores(), 4)
    assert cores() == 1 or str(os.getpid()) not in readers


def test_in_a_thread_of_another_program_nothing_is_copied(tmp_path: Path) -> None:
    layers = [opened_by(blob(big(n, 5)), (tmp_path / str(os.getpid())).touch) for n in "ab"]
    thread = threading.Thread(target=lambda: read(*layers))
    thread.start()
    thread.join()
    assert [path.name for path in tmp_path.iterdir()] == [str(os.getpid())]


@pytest.mark.parametrize("megabytes", [1, 8])
def test_of_several_faults_the_lowest_layer_s_is_raised(megabytes: int) -> None:
    data = big("a", megabytes)
    cut, other = blob(data[:-5000], place="second"), blob(big("b"), stored=b"", place="third")
    for _ in range(3):
        with pytest.raises(InputError) as caught:
            read(blob(data), cut, other)
        assert caught.value.place.startswith("second")
    with pytest.raises(UntrustedError) as untrusted:
        read(blob(data), blob(data), other)
    assert (untrusted.value.place, untrusted.value.remedy) == (
        "third",
        "The copy is cut: fetch the image again",
    )


def test_a_layer_that_many_ask_for_at_once_is_opened_once(tmp_path: Path) -> None:
    layer, count, found = blob(big("a")), list[int](), list[LayerFacts]()
    counted = opened_by(layer, lambda: count.append(1))
    store = tmp_path / "facts"

    def ask() -> None:
        found.extend(read(counted, store=FactStore(store, READERS, DEFAULT)))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(count) == 1
    assert found == [reduce_layer(layer, READERS, DEFAULT)] * 8
    assert [item.name for item in store.rglob(".*")] == []


def test_a_folder_that_takes_no_lock_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "facts").write_text("no folder")
    layer = blob(big("a"))
    found = read(layer, store=FactStore(tmp_path / "facts", READERS, DEFAULT))
    assert found == [reduce_layer(layer, READERS, DEFAULT)]


def squared(number: int, _spare: Callable[[], bool]) -> bytes:
    return str(number * number).encode()


@linux
def test_every_item_is_done_once() -> None:
    assert sorted(spread(100, squared)) == [(n, str(n * n).encode()) for n in range(100)]


@linux
def test_answers_may_be_large_and_late_ones_wait_for_nobody() -> None:
    def work(number: int, _spare: Callable[[], bool]) -> bytes:
        return bytes([number]) * 3_000_000

    assert sorted(spread(6, work)) == [(n, bytes([n]) * 3_000_000) for n in range(6)]


@linux
def test_a_copy_that_is_ended_is_an_error_and_no_copy_is_left() -> None:
    def work(number: int, _spare: Callable[[], bool]) -> bytes:
        if number == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(60)
        return b""

    with pytest.raises(UnavailableError, match=r"ended \(status -9\)"):
        list(spread(2, work))
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


@linux
def test_who_wants_no_more_answers_ends_the_copies() -> None:
    def work(number: int, _spare: Callable[[], bool]) -> bytes:
        time.sleep(60 if number else 0)
        return b"first"

    answers = spread(3, work)
    assert next(answers) == (0, b"first")
    answers.close()
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


ENDLESS = r"""
import os, signal, time
from pratique.image.workers import spread
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests may ignore it
def work(number, spare):
    os.write(1, f"{os.getpid()}\n".encode())
    time.sleep(600)
    return b""
list(spread(2, work))
"""


def gone(pid: int) -> bool:
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@linux
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_copies_end_with_the_process_however_it_ends(number: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ENDLESS], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as first:
        assert first.stdout
        copies = [int(first.stdout.readline()) for _ in range(min(cores(), 2))]
        first.send_signal(number)
        try:
            first.wait(20)
        finally:
            first.kill()
    until = time.monotonic() + 20
    while not all(map(gone, copies)):
        assert time.monotonic() < until
        time.sleep(0.02)


@linux
def test_a_fault_in_the_work_itself_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    def work(_number: int, _spare: Callable[[], bool]) -> NoReturn:
        raise AssertionError("a fault of ours")

    with pytest.raises(UnavailableError, match="status 1"):
        list(spread(1, work))
    assert "AssertionError: a fault of ours" in capfd.readouterr().err
