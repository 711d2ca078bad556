"""Two servers on loopback: what one sends to the other may carry no secret."""

from collections.abc import Iterator

import pytest

from tests.making.http import Server


@pytest.fixture
def server() -> Iterator[Server]:
    with Server().running() as running:
        yield running


@pytest.fixture
def other() -> Iterator[Server]:
    with Server().running() as running:
        yield running
