"""No format, and no line for a person, lets a name through that steers a terminal or a CI log."""

import json
from pathlib import Path

import pytest

from pratique.flows.outputs import FORMATS
from tests.making import hostile, scans
from tests.making.tar import Item
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


def test_bytes_that_are_no_text_come_through_as_escapes(tmp_path: Path) -> None:
    """Surrogates and bytes that are not UTF-8, wherever an image can hold them."""
    odd = b"1\xed\xa0\x80\xff"
    database = b"Package: a\nVersion: " + odd + b"\nSource: b (" + odd + b")\n\n"
    layer = [
        Item("etc/os-release", b"ID=debian\nVERSION_ID=12\nNAME=" + odd),
        Item("var/lib/dpkg/status", database),
        Item(b"srv/" + odd + b"/x-1.dist-info/METADATA", b"Name: x\nVersion: " + odd),
        Item(b"srv/" + odd + b".jar", b"x"),
    ]
    whole = scans.scanned(scans.image(tmp_path / "image", layer), tmp_path / "cache", "high")
    assert [p.version for p in whole.inventory.packages] == ["1\\xed\\xa0\\x80\\xff"] * 2
    for encode in FORMATS.values():
        assert hostile.raw(encode(whole)) == []


@pytest.mark.parametrize("name", ["inventory", "cyclonedx-json", "spdx-json"])
def test_names_come_through_unchanged(name: str) -> None:
    text = json.dumps(json.loads(FORMATS[name](REPORT)), ensure_ascii=False)
    assert not [n for n in hostile.NAMES if json.dumps(n, ensure_ascii=False) not in text]
