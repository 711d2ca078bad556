"""No format, and no line for a person, lets a name through that steers a terminal or a CI log."""

import json

import pytest

from pratique.flows.outputs import FORMATS
from tests.making import hostile
from tests.making.values import report

REPORT = report(hostile.INVENTORY, hostile.FINDINGS)


@pytest.mark.parametrize("name", FORMATS)
def test_every_document(name: str) -> None:
    data = FORMATS[name](REPORT)
    assert hostile.raw(data) == []
    assert b"\n" not in data
    assert b"##" not in data
    assert json.loads(data)


@pytest.mark.parametrize("name", FORMATS)
def test_every_document_is_a_function_of_its_values(name: str) -> None:
    assert FORMATS[name](REPORT) == FORMATS[name](REPORT)


@pytest.mark.parametrize("name", ["inventory", "cyclonedx-json", "spdx-json"])
def test_names_come_through_unchanged(name: str) -> None:
    text = json.dumps(json.loads(FORMATS[name](REPORT)), ensure_ascii=False)
    assert not [n for n in hostile.NAMES if json.dumps(n, ensure_ascii=False) not in text]
