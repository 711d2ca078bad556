"""Stages in threads: order, bounds, errors, and that no thread outlives its block."""

import threading
from collections.abc import Iterator

import pytest

from pratique.image.stages import ahead, beside


def counted(made: list[int], most: int = 1000) -> Iterator[int]:
    for number in range(most):
        made.append(number)
        yield number


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    before = threading.active_count()
    yield
    assert threading.active_count() == before


def test_items_come_in_order() -> None:
    with ahead(counted([])) as items:
        assert list(items) == list(range(1000))


def test_a_stage_is_only_a_few_items_ahead() -> None:
    made: list[int] = []
    with ahead(counted(made)) as items:
        for item in items:
            assert len(made) <= item + 7


def test_a_stage_ends_with_its_block_however_many_items_are_left() -> None:
    made: list[int] = []
    with ahead(counted(made)) as items:
        assert next(items) == 0
    assert len(made) < 10


def test_what_a_stage_raises_is_raised_after_the_items_before_it() -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise ValueError("cut")

    taken: list[int] = []
    with ahead(failing()) as items, pytest.raises(ValueError, match="cut"):
        taken.extend(items)
    assert taken == [1]


def test_an_error_of_the_block_ends_the_stage() -> None:
    def run() -> None:
        with ahead(counted([])) as items, beside(lambda _: None) as give:
            give(next(items))
            raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        run()


def test_what_is_given_was_taken_in_order_when_the_block_ends() -> None:
    taken: list[int] = []
    with beside(taken.append) as give:
        for number in range(1000):
            give(number)
    assert taken == list(range(1000))


def test_what_fails_beside_is_raised_when_the_block_ends() -> None:
    def work(number: int) -> None:
        if number == 2:
            raise MemoryError("no room")

    def run() -> None:
        with beside(work) as give:
            for number in range(100):
                give(number)

    with pytest.raises(MemoryError, match="no room"):
        run()
