"""Layers read several at a time: the same facts as one after another, one reader for each, and errors that do not vary."""

import threading
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import pytest

from pratique.image.facts import FactStore
from pratique.image.layer import LayerBlob, reduce_layer
from pratique.image.limits import DEFAULT
from pratique.image.reading import read_layers
from pratique.model.errors import InputError, UntrustedError
from tests.making.layers import Texts, blob
from tests.making.tar import Item, tar

READERS = [Texts()]


def big(name: str, megabytes: int = 3) -> bytes:
    return tar([Item(name, name.encode() * 500_000 * megabytes)])


def nothing(_done: int, _all: int) -> None:
    pass


def test_facts_come_in_the_order_of_the_layers() -> None:
    layers = [blob(big(name, size)) for name, size in (("a", 1), ("b", 4), ("c", 0), ("d", 2))]
    seen: list[tuple[int, int]] = []
    found = read_layers(layers, READERS, DEFAULT, None, lambda *step: seen.append(step))
    assert found == [reduce_layer(layer, READERS, DEFAULT) for layer in layers]
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_of_several_faults_the_lowest_layer_s_is_raised() -> None:
    data = big("a")
    wrong = [blob(data), blob(data[:-2048], place="second"), blob(big("b"), stored=b"", place="third")]
    for _ in range(5):
        with pytest.raises(InputError) as caught:
            read_layers(wrong, READERS, DEFAULT, None, nothing)
        assert caught.value.place.startswith("second")


def test_after_a_fault_the_other_layers_are_not_read_to_their_end() -> None:
    read: list[int] = []

    class Endless(BytesIO):
        """A layer of very many small files."""

        def read(self, size: int | None = -1) -> bytes:
            read.append(size or 0)
            return (tar([Item("x", b"y" * 8192)])[:-1024] * 100)[:size]

    endless = blob(b"", opener=Endless, size=1 << 40, place="endless")
    with pytest.raises(UntrustedError):
        read_layers([blob(b"", stored=b"x"), endless], READERS, DEFAULT, None, nothing)
    assert len(read) < 10_000
    assert not [t for t in threading.enumerate() if t is not threading.main_thread() and not t.daemon]


def opened_by(layer: LayerBlob, count: list[int]) -> Callable[[], BinaryIO]:
    def opener() -> BinaryIO:
        count.append(1)
        return layer.opener()

    return opener


def test_a_layer_that_many_ask_for_at_once_is_opened_once(tmp_path: Path) -> None:
    layer, count = blob(big("a")), []  # type: tuple[LayerBlob, list[int]]
    counted = LayerBlob(
        opened_by(layer, count), layer.digest, layer.size, layer.diff_id, layer.created_by, layer.place
    )
    found = []

    def ask() -> None:
        store = FactStore(tmp_path, READERS, DEFAULT)
        found.extend(read_layers([counted], READERS, DEFAULT, store, nothing))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(count) == 1
    assert found == [reduce_layer(layer, READERS, DEFAULT)] * 8
    assert [item.name for item in tmp_path.rglob(".*")] == []


def test_a_folder_that_takes_no_lock_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "facts").write_text("no folder")
    store = FactStore(tmp_path / "facts", READERS, DEFAULT)
    layer = blob(big("a"))
    assert read_layers([layer], READERS, DEFAULT, store, nothing) == [reduce_layer(layer, READERS, DEFAULT)]
